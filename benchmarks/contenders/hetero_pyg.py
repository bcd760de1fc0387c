"""PyG's `HeteroConv` of GraphSAGE's layers, on the full graph and on sampled batches.

Messages go along the edges and against them, so each edge set has a reversed one. The
last round has convolutions into the papers only, as the others change no result.
"""

import cases
import timing
import torch
from pyg import adjacency_between
from sage_torch import time_batches, training_nodes
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.loader import NeighborLoader
from torch_geometric.nn import HeteroConv, SAGEConv
from torch_training import training_step


class TwoRounds(torch.nn.Module):
    """Returns logits of the papers."""

    def __init__(self, edge_types, width, hidden, num_classes):
        super().__init__()
        self.first = HeteroConv({key: SAGEConv(width, hidden) for key in edge_types})
        self.second = HeteroConv(
            {key: SAGEConv(hidden, hidden) for key in edge_types if key[2] == "papers"}
        )
        self.classifier = torch.nn.Linear(hidden, num_classes)

    def forward(self, x, adjacencies, batch_size=None):
        h = self.first(x, adjacencies)
        h = {name: functional.relu(rows) for name, rows in h.items()}
        h = self.second(h, adjacencies)["papers"]
        return self.classifier(functional.relu(h[:batch_size]))


def full(case, variant):
    make, hidden, warm_up, runs = cases.HETERO[case]
    graph = make()
    torch.manual_seed(0)
    x = {name: torch.from_numpy(rows) for name, rows in graph["x"].items()}
    adjacencies = {
        key: adjacency_between(pairs, len(x[key[0]]), len(x[key[2]]), variant)
        for key, pairs in cases.both_directions(graph["edges"]).items()
    }
    width = graph["x"]["papers"].shape[1]
    model = TwoRounds(list(adjacencies), width, hidden, graph["num_classes"])
    if variant == "compile":
        model = torch.compile(model)
    step = training_step(model, (x, adjacencies), graph)
    return timing.time_calls(step, warm_up, runs)


def sampled(case, variant):
    make, hidden, batch_size, fanouts, warm_up, runs = cases.HETERO_SAMPLED[case]
    graph = make()
    torch.manual_seed(0)
    data = HeteroData()
    for name, x in graph["x"].items():
        data[name].x = torch.from_numpy(x)
    data["papers"].y = torch.from_numpy(graph["y"])
    for key, pairs in cases.both_directions(graph["edges"]).items():
        data[key].edge_index = torch.from_numpy(pairs.T.copy())
    loader = NeighborLoader(
        data,
        num_neighbors=list(fanouts[::-1]),  # PyG begins with the seeds' neighbours
        input_nodes=("papers", training_nodes(graph)),
        batch_size=batch_size,
        num_workers=int("1 worker" in variant),
    )

    def batches():
        while True:
            for batch in loader:
                count = batch["papers"].batch_size
                labels = batch["papers"].y[:count]
                yield (batch.x_dict, batch.edge_index_dict, count), labels

    width = graph["x"]["papers"].shape[1]
    model = TwoRounds(data.edge_types, width, hidden, graph["num_classes"])
    return time_batches(variant, batches(), model, warm_up, runs)


if __name__ == "__main__":
    timing.main(full, sampled)

"""PyG's GraphSAGE on sampled batches, with the sampler of torch-sparse.

`NeighborLoader` gives one graph for both layers, so that each computes all nodes; the
older `NeighborSampler` gives one for each layer.
"""

import cases
import timing
import torch
from sage_torch import time_batches, training_nodes
from torch.nn import functional
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader, NeighborSampler
from torch_geometric.nn import SAGEConv


class TwoLayers(torch.nn.Module):
    def __init__(self, num_features, hidden, num_classes):
        super().__init__()
        self.first = SAGEConv(num_features, hidden)
        self.second = SAGEConv(hidden, num_classes)


class OneGraph(TwoLayers):
    def forward(self, x, edge_index, batch_size):
        h = functional.relu(self.first(x, edge_index))
        return self.second(h, edge_index)[:batch_size]


class Bipartite(TwoLayers):
    def forward(self, x, first, second):
        h = functional.relu(self.first((x, x[: first.size[1]]), first.edge_index))
        return self.second((h, h[: second.size[1]]), second.edge_index)


def sage(case, variant):
    make, hidden, batch_size, fanouts, warm_up, runs = cases.SAGE[case]
    arrays = make()
    torch.manual_seed(0)
    x, y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])
    edge_index = torch.from_numpy(arrays["edges"].T.copy())
    nodes = training_nodes(arrays)
    fanouts = list(fanouts[::-1])  # PyG begins with the seeds' own neighbours
    kwargs = {"batch_size": batch_size, "num_workers": int("1 worker" in variant)}
    if "bipartite" in variant:
        kind = Bipartite
        loader = NeighborSampler(
            edge_index,
            sizes=fanouts,
            node_idx=nodes,
            num_nodes=len(x),
            return_e_id=False,
            **kwargs,
        )
    else:
        kind = OneGraph
        loader = NeighborLoader(
            Data(x=x, y=y, edge_index=edge_index, num_nodes=len(x)),
            num_neighbors=fanouts,
            input_nodes=nodes,
            **kwargs,
        )

    def batches():
        while True:
            for batch in loader:
                if kind is OneGraph:
                    inputs = batch.x, batch.edge_index, batch.batch_size
                    yield inputs, batch.y[: batch.batch_size]
                else:
                    size, numbers, (first, second) = batch
                    yield (x[numbers], first, second), y[numbers[:size]]

    model = kind(x.shape[1], hidden, arrays["num_classes"])
    return time_batches(variant, batches(), model, warm_up, runs)


if __name__ == "__main__":
    timing.main(sage)

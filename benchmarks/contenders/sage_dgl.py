"""DGL's GraphSAGE on sampled batches; on the CPU, without its GraphBolt part."""

import sys
from unittest import mock

sys.modules["dgl.graphbolt"] = mock.MagicMock(__spec__=None)

import cases
import dgl
import timing
import torch
from dgl.nn import SAGEConv
from sage_torch import time_batches, training_nodes
from torch.nn import functional


class TwoLayers(torch.nn.Module):
    def __init__(self, num_features, hidden, num_classes):
        super().__init__()
        self.first = SAGEConv(num_features, hidden, "mean")
        self.second = SAGEConv(hidden, num_classes, "mean")

    def forward(self, first, second, x):
        return self.second(second, functional.relu(self.first(first, x)))


def sage(case, variant):
    make, hidden, batch_size, fanouts, warm_up, runs = cases.SAGE[case]
    arrays = make()
    torch.manual_seed(0)
    source, target = torch.from_numpy(arrays["edges"].T.copy())
    graph = dgl.graph((source, target), num_nodes=len(arrays["x"])).formats("csc")
    graph.ndata["x"] = torch.from_numpy(arrays["x"])
    graph.ndata["y"] = torch.from_numpy(arrays["y"])
    sampler = dgl.dataloading.NeighborSampler(
        list(fanouts), prefetch_node_feats=["x"], prefetch_labels=["y"]
    )
    loader = dgl.dataloading.DataLoader(
        graph,
        training_nodes(arrays),
        sampler,
        batch_size=batch_size,
        num_workers=int("1 worker" in variant),
    )

    def batches():
        while True:
            for _, _, (first, second) in loader:
                x, y = first.srcdata["x"], second.dstdata["y"]
                yield (first, second, x), y

    model = TwoLayers(arrays["x"].shape[1], hidden, arrays["num_classes"])
    return time_batches(variant, batches(), model, warm_up, runs)


if __name__ == "__main__":
    timing.main(sage)

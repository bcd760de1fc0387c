"""DGL on the CPU, with any PyTorch: its GraphBolt part, not used here, is left out."""

import sys
from unittest import mock

sys.modules["dgl.graphbolt"] = mock.MagicMock(__spec__=None)

import cases
import dgl
import timing
import torch
from dgl.nn import EdgeWeightNorm, GraphConv
from torch.nn import functional
from torch_training import training_step


class GCN(torch.nn.Module):
    def __init__(self, widths, drops, norm):
        super().__init__()
        self.first = GraphConv(widths[0], widths[1], norm=norm)
        self.second = GraphConv(widths[1], widths[2], norm=norm)
        self.drops = drops

    def forward(self, graph, x, weights=None):
        x = functional.dropout(x, self.drops[0], self.training)
        x = functional.relu(self.first(graph, x, edge_weight=weights))
        x = functional.dropout(x, self.drops[1], self.training)
        return self.second(graph, x, edge_weight=weights)


def gcn(case, variant):
    make, hidden, drop_input, drop_hidden, warm_up, runs = cases.GCN[case]
    arrays = make()
    torch.manual_seed(0)
    x = torch.from_numpy(arrays["x"])
    edges, _ = cases.with_normalized_loops(arrays)
    source, target = torch.from_numpy(edges.T.copy())
    graph = dgl.graph((source, target), num_nodes=len(x)).formats(["csr", "csc", "coo"])
    norm, inputs = "both", (graph, x)
    if variant == "edge_weight":
        norm, ones = "none", torch.ones(graph.num_edges())
        inputs = (graph, x, EdgeWeightNorm("both")(graph, ones))
    widths = [x.shape[1], hidden, arrays["num_classes"]]
    model = GCN(widths, [drop_input, drop_hidden], norm)
    if case.startswith("infer"):
        model.eval()
        with torch.no_grad():
            return timing.time_calls(lambda: model(*inputs), warm_up, runs)

    step = training_step(model, inputs, arrays)
    return timing.time_calls(step, warm_up, runs)


if __name__ == "__main__":
    timing.main(gcn)

"""DGL on the CPU, with any PyTorch: its GraphBolt part, not used here, is left out."""

import sys
from unittest import mock

sys.modules["dgl.graphbolt"] = mock.MagicMock(__spec__=None)

import cases
import dgl
import timing
import torch
from dgl.nn import EdgeWeightNorm, GATConv, GraphConv
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


def graph_of(arrays):
    """The graph, with a loop for each node, and its features."""
    edges, _ = cases.with_normalized_loops(arrays)
    source, target = torch.from_numpy(edges.T.copy())
    graph = dgl.graph((source, target), num_nodes=len(arrays["x"]))
    return graph.formats(["csr", "csc", "coo"]), torch.from_numpy(arrays["x"])


def gcn(case, variant):
    make, hidden, drop_input, drop_hidden, warm_up, runs = cases.GCN[case]
    arrays = make()
    torch.manual_seed(0)
    graph, x = graph_of(arrays)
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


class GAT(torch.nn.Module):
    def __init__(self, width, heads, units, num_classes, drop):
        super().__init__()
        drops = {"feat_drop": drop, "attn_drop": drop}
        self.first = GATConv(width, units, heads, activation=functional.elu, **drops)
        self.second = GATConv(heads * units, num_classes, 1, **drops)

    def forward(self, graph, x):
        x = self.first(graph, x).flatten(1)
        return self.second(graph, x).mean(1)


def gat(case, variant):
    make, heads, units, drop, warm_up, runs = cases.GAT[case]
    arrays = make()
    torch.manual_seed(0)
    graph, x = graph_of(arrays)
    model = GAT(x.shape[1], heads, units, arrays["num_classes"], drop)
    step = training_step(model, (graph, x), arrays)
    return timing.time_calls(step, warm_up, runs)


if __name__ == "__main__":
    timing.main(gcn, gat)

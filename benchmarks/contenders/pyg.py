"""PyTorch Geometric on the CPU. Its GCN has `cached=True`: Â is not in the timing."""

import cases
import timing
import torch
from torch.nn import functional
from torch_geometric.nn import GATConv, GCNConv
from torch_training import training_step


class GCN(torch.nn.Module):
    def __init__(self, widths, drops):
        super().__init__()
        self.first = GCNConv(widths[0], widths[1], cached=True)
        self.second = GCNConv(widths[1], widths[2], cached=True)
        self.drops = drops

    def forward(self, x, adjacency):
        x = functional.dropout(x, self.drops[0], self.training)
        x = functional.relu(self.first(x, adjacency))
        x = functional.dropout(x, self.drops[1], self.training)
        return self.second(x, adjacency)


def adjacency_of(graph, variant):
    num_nodes = graph["x"].shape[-2]
    return adjacency_between(graph["edges"], num_nodes, num_nodes, variant)


def adjacency_between(edges, num_sources, num_targets, variant):
    """Returns edges `[E, 2]`, sorted by target, in the form that `variant` names."""
    source, target = torch.from_numpy(edges.T.copy())
    shape = [num_targets, num_sources]
    if variant == "SparseTensor":
        from torch_sparse import SparseTensor

        return SparseTensor(row=target, col=source, sparse_sizes=shape)
    if variant == "torch.sparse_csr":
        starts = torch.cumsum(torch.bincount(target, minlength=num_targets), 0)
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), starts])
        return torch.sparse_csr_tensor(starts, source, torch.ones(len(source)), shape)
    return torch.stack([source, target])  # "edge_index", "compile"


def gcn(case, variant):
    make, hidden, drop_input, drop_hidden, warm_up, runs = cases.GCN[case]
    graph = make()
    torch.manual_seed(0)
    x = torch.from_numpy(graph["x"])
    model = GCN([x.shape[1], hidden, graph["num_classes"]], [drop_input, drop_hidden])
    adjacency = adjacency_of(graph, variant)
    if variant == "compile":
        model = torch.compile(model)
    if case.startswith("infer"):
        model.eval()
        with torch.no_grad():
            return timing.time_calls(lambda: model(x, adjacency), warm_up, runs)

    step = training_step(model, (x, adjacency), graph)
    return timing.time_calls(step, warm_up, runs)


class GAT(torch.nn.Module):
    def __init__(self, width, heads, units, num_classes, drop):
        super().__init__()
        self.first = GATConv(width, units, heads, dropout=drop)
        self.second = GATConv(heads * units, num_classes, 1, dropout=drop)
        self.rate = drop

    def forward(self, x, adjacency):
        x = functional.dropout(x, self.rate, self.training)
        x = functional.elu(self.first(x, adjacency))
        x = functional.dropout(x, self.rate, self.training)
        return self.second(x, adjacency)


def gat(case, variant):
    make, heads, units, drop, warm_up, runs = cases.GAT[case]
    graph = make()
    torch.manual_seed(0)
    x = torch.from_numpy(graph["x"])
    model = GAT(x.shape[1], heads, units, graph["num_classes"], drop)
    if variant == "compile":
        model = torch.compile(model)
    step = training_step(model, (x, adjacency_of(graph, variant)), graph)
    return timing.time_calls(step, warm_up, runs)


def signals(case, variant):
    """Forward and backward of one layer on signals `[B, N, F]`, by its `node_dim`."""
    make, units, warm_up, runs = cases.SIGNALS[case]
    graph = make()
    torch.manual_seed(0)
    x = torch.from_numpy(graph["x"]).requires_grad_()
    model = GCNConv(x.shape[-1], units, cached=True, node_dim=-2)
    if variant == "compile":
        model = torch.compile(model)
    adjacency = adjacency_of(graph, variant)

    def step():
        model.zero_grad()
        x.grad = None
        model(x, adjacency).square().mean().backward()

    return timing.time_calls(step, warm_up, runs)


if __name__ == "__main__":
    timing.main(gcn, gat, signals)

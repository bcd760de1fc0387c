"""PyG's dense layers for DiffPool."""

import cases
import timing
import torch
from torch.nn import functional
from torch_geometric.nn import DenseSAGEConv, dense_diff_pool


class Convolutions(torch.nn.Module):
    """Three of GraphSAGE's."""

    def __init__(self, num_features, hidden, outputs):
        super().__init__()
        self.first = DenseSAGEConv(num_features, hidden)
        self.second = DenseSAGEConv(hidden, hidden)
        self.third = DenseSAGEConv(hidden, outputs)

    def forward(self, x, adjacency, mask=None):
        h = functional.relu(self.first(x, adjacency, mask))
        h = functional.relu(self.second(h, adjacency, mask))
        return self.third(h, adjacency, mask)


class Classifier(torch.nn.Module):
    """Returns logits and the sum of the two losses of the assignment."""

    def __init__(self, num_features, units, clusters, num_classes):
        super().__init__()
        self.embedding = Convolutions(num_features, units, units)
        self.assignment = Convolutions(num_features, units, clusters)
        self.pooled = Convolutions(units, units, units)
        self.hidden = torch.nn.Linear(units, units)
        self.classes = torch.nn.Linear(units, num_classes)

    def forward(self, x, adjacency, mask):
        s = self.assignment(x, adjacency, mask)
        z = functional.relu(self.embedding(x, adjacency, mask))
        h, adjacency, link, entropy = dense_diff_pool(z, adjacency, s, mask)
        h = functional.relu(self.pooled(h, adjacency)).mean(1)
        return self.classes(functional.relu(self.hidden(h))), link + entropy


def diffpool(case, variant):
    make, units, clusters, warm_up, runs = cases.DIFFPOOL[case]
    graphs = make()
    torch.manual_seed(0)
    inputs = [torch.from_numpy(part) for part in cases.padded(graphs)]
    labels = torch.from_numpy(graphs["y"])
    model = Classifier(graphs["x"].shape[1], units, clusters, graphs["num_classes"])
    called = torch.compile(model) if variant == "compile" else model
    optimizer = torch.optim.Adam(model.parameters(), 0.001)

    def step():
        optimizer.zero_grad()
        logits, pooling_loss = called(*inputs)
        loss = functional.cross_entropy(logits, labels) + pooling_loss
        loss.backward()
        optimizer.step()
        return loss.item()

    if case == "diffpool-large":
        warm_up, runs = 0, 1  # that takes minutes
    return timing.time_calls(step, warm_up, runs)


if __name__ == "__main__":
    timing.main(diffpool)

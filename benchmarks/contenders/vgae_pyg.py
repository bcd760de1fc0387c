"""PyG's layers for the VGAE, with the loss over the whole matrix of logits.

PyG's own `VGAE.recon_loss` draws as many negatives as there are edges, which is another
loss.
"""

import cases
import timing
import torch
from pyg import adjacency_of
from torch.nn import functional
from torch_geometric.nn import GCNConv, InnerProductDecoder


class VGAE(torch.nn.Module):
    """Returns the loss."""

    def __init__(self, num_features, hidden, latent):
        super().__init__()
        self.hidden = GCNConv(num_features, hidden, cached=True, bias=False)
        self.mean = GCNConv(hidden, latent, cached=True, bias=False)
        self.log_std = GCNConv(hidden, latent, cached=True, bias=False)
        self.decoder = InnerProductDecoder()

    def forward(self, x, adjacency, targets, pos_weight, norm):
        h = functional.relu(self.hidden(x, adjacency))
        mean, log_std = self.mean(h, adjacency), self.log_std(h, adjacency)
        z = mean + torch.randn_like(mean) * log_std.exp()
        logits = self.decoder.forward_all(z, sigmoid=False)
        loss = norm * functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=pos_weight
        )
        kl = -0.5 * (1 + 2 * log_std - mean**2 - (2 * log_std).exp()).sum(1).mean()
        return loss + kl / len(x)


def vgae(case, variant):
    make, hidden, latent, warm_up, runs = cases.VGAE[case]
    graph = make()
    torch.manual_seed(0)
    x = torch.from_numpy(graph["x"])
    adjacency = adjacency_of(graph, variant)
    targets, pos_weight, norm = cases.link_targets(graph)
    inputs = (torch.from_numpy(targets), torch.tensor(pos_weight), norm)
    model = VGAE(x.shape[1], hidden, latent)
    step_of = torch.compile(model) if variant == "compile" else model
    optimizer = torch.optim.Adam(model.parameters(), 0.01)

    def step():
        optimizer.zero_grad()
        loss = step_of(x, adjacency, *inputs)
        loss.backward()
        optimizer.step()
        return loss.item()

    return timing.time_calls(step, warm_up, runs)


if __name__ == "__main__":
    timing.main(vgae)

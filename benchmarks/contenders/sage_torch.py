"""What the PyTorch contenders share in training on sampled batches."""

import itertools

import numpy as np
import timing
import torch
from torch.nn import functional


def time_batches(variant, batches, model, warm_up, runs):
    """Seconds for each batch, of sampling, training, or both as `variant` says.

    Args:
        variant: Begins with "sampling", "training" or "both".
        batches: Iterator of `(inputs, labels)`.
        model: Of which `model(*inputs)` are logits.
        warm_up: Batches before those that are timed.
        runs: Batches to time.
    """
    optimizer = torch.optim.Adam(model.parameters(), 0.01)

    def train(inputs, labels):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(*inputs), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    if variant.startswith("sampling"):
        return timing.time_calls(lambda: next(batches), warm_up, runs)
    if variant.startswith("training"):
        batches = itertools.cycle(list(itertools.islice(batches, 10)))
    return timing.time_calls(lambda: train(*next(batches)), warm_up, runs)


def training_nodes(graph):
    """The training nodes, shuffled, over and over."""
    nodes = np.flatnonzero(graph["train_mask"])
    return torch.from_numpy(np.random.default_rng(0).permutation(nodes))

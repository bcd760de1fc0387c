"""DGL's graph from edges on disk, and GraphSAGE's predictions for all nodes."""

import gc
import sys
from unittest import mock

sys.modules["dgl.graphbolt"] = mock.MagicMock(__spec__=None)

import cases
import dgl
import timing
import torch
from dgl.nn import SAGEConv
from torch.nn import functional


def graph(case, variant):
    with cases.on_disk(*cases.GRAPH[case], fortran_order=True) as (x, edges):
        # Not beside what is left of the last one.
        return timing.time_calls(lambda: built(x, edges, variant), 1, 3, gc.collect)


def built(x, edges, variant):
    """Returns the graph, or a batch of one node."""
    graph = graph_of(x, edges)
    if variant == "adjacency":
        return graph
    return dgl.dataloading.NeighborSampler([10]).sample(graph, torch.tensor([0]))


def graph_of(x, edges):
    source, target = torch.from_numpy(edges.T)
    return dgl.graph((source, target), num_nodes=len(x)).formats("csc")


def predict(case, variant):
    with cases.on_disk(*cases.PREDICT[case], fortran_order=True) as (x, edges):
        return timing.time_calls(predictor(x, edges), 1, 3, gc.collect)


def predictor(x, edges):
    """Returns a function that returns the predictions, layer by layer."""
    graph, widths = graph_of(x, edges), cases.PREDICT_WIDTHS
    layers = []
    for arrays in cases.sage_weights(x.shape[1], *widths):
        kernel, neighbors, bias = map(torch.from_numpy, arrays)
        layer = SAGEConv(*kernel.shape, "mean")
        with torch.no_grad():
            layer.fc_self.weight.copy_(kernel.T)
            layer.fc_neigh.weight.copy_(neighbors.T)
            layer.fc_self.bias.copy_(bias)
        layers.append(layer)
    loader = dgl.dataloading.DataLoader(
        graph,
        torch.arange(len(x)),
        dgl.dataloading.MultiLayerFullNeighborSampler(1),
        batch_size=cases.PREDICT_BATCH_SIZE,
    )

    @torch.no_grad()
    def predictions():
        h = torch.from_numpy(x)
        for layer, width in zip(layers, widths, strict=True):
            rows = torch.empty(len(x), width)
            for sources, targets, (block,) in loader:
                rows[targets] = layer(block, h[sources])
            h = rows if layer is layers[-1] else functional.relu(rows)
        return h

    return predictions


if __name__ == "__main__":
    timing.main(graph, predict)

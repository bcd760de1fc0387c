"""PyG's graph from edges on disk, and GraphSAGE's predictions for all nodes."""

import gc

import cases
import timing
import torch
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader
from torch_geometric.nn import GraphSAGE


def graph(case, variant):
    with cases.on_disk(*cases.GRAPH[case], fortran_order=True) as (x, edges):
        # Not beside what is left of the last one.
        return timing.time_calls(lambda: built(x, edges, variant), 1, 3, gc.collect)


def built(x, edges, variant):
    """Returns the adjacency, or a batch of one node."""
    source, target = torch.from_numpy(edges.T)
    if variant == "adjacency":
        from torch_sparse import SparseTensor

        sizes = (len(x), len(x))
        return SparseTensor(row=target, col=source, sparse_sizes=sizes)
    loader = NeighborLoader(
        Data(x=torch.from_numpy(x), edge_index=torch.stack([source, target])),
        num_neighbors=[10],
        input_nodes=torch.tensor([0]),
        batch_size=1,
    )
    return next(iter(loader))


def predict(case, variant):
    with cases.on_disk(*cases.PREDICT[case], fortran_order=True) as (x, edges):
        return timing.time_calls(predictor(x, edges), 1, 3, gc.collect)


def predictor(x, edges):
    """Returns a function that returns the predictions."""
    loader = NeighborLoader(
        Data(x=torch.from_numpy(x), edge_index=torch.from_numpy(edges.T)),
        num_neighbors=[-1],
        batch_size=cases.PREDICT_BATCH_SIZE,
    )
    hidden, outputs = cases.PREDICT_WIDTHS
    model = GraphSAGE(x.shape[1], hidden, num_layers=2, out_channels=outputs).eval()
    weights = cases.sage_weights(x.shape[1], hidden, outputs)
    with torch.no_grad():
        for layer, arrays in zip(model.convs, weights, strict=True):
            kernel, neighbors, bias = map(torch.from_numpy, arrays)
            layer.lin_r.weight.copy_(kernel.T)
            layer.lin_l.weight.copy_(neighbors.T)
            layer.lin_l.bias.copy_(bias)

    return torch.no_grad()(lambda: model.inference(loader))


if __name__ == "__main__":
    timing.main(graph, predict)

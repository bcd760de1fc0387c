"""tfgraph's graph from edges on disk, and GraphSAGE's predictions for all nodes."""

import gc
import os
import tempfile

import cases
import timing

import tfgraph


def graph(case, variant):
    with cases.on_disk(*cases.GRAPH[case]) as (x, edges):
        # Not beside what is left of the last one.
        return timing.time_calls(lambda: built(x, edges, variant), 1, 3, gc.collect)


def built(x, edges, variant):
    """Returns the adjacency, or a batch of one node."""
    graph = tfgraph.data.Graph(x, edges)
    if variant == "adjacency":
        return graph.to_sparse_tensor()
    batches = tfgraph.data.neighbor_batches(graph, (10,), 1, nodes=[0], labels=False)
    return next(iter(batches))


def predict(case, variant):
    out = None
    with (
        cases.on_disk(*cases.PREDICT[case]) as (x, edges),
        tempfile.TemporaryDirectory() as folder,
    ):
        if variant == "to a file":
            out = os.path.join(folder, "predictions.npy")
        return timing.time_calls(predictor(x, edges, out), 1, 3, gc.collect)


def predictor(x, edges, out=None):
    """Returns a function that returns the predictions."""
    graph = tfgraph.data.Graph(x, edges)
    model = tfgraph.models.GraphSAGE(None, cases.PREDICT_WIDTHS, normalize=None)
    model.build([(None, x.shape[1]), (None, None)])
    weights = cases.sage_weights(x.shape[1], *cases.PREDICT_WIDTHS)
    for layer, (kernel, neighbors, bias) in zip(
        model.convolutions, weights, strict=True
    ):
        layer.kernel.assign(kernel)
        layer.neighbor_kernel.assign(neighbors)
        layer.bias.assign(bias)
    return lambda: tfgraph.inference.predict_nodes(
        model, graph, cases.PREDICT_BATCH_SIZE, verbose=0, out=out
    )


if __name__ == "__main__":
    timing.main(graph, predict)

"""Predictions for all nodes of a graph that is too large for one step."""

import keras
import numpy as np
import tensorflow as tf

from tfgraph.arguments import checked_integer, is_scipy, received
from tfgraph.data import Graph, neighbor_batches
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.layers import GCNConv
from tfgraph.models import GAT, GraphSAGE

__all__ = ["predict_nodes"]


def __dir__() -> list[str]:
    return __all__


def predict_nodes(
    model: keras.Model, graph: Graph, batch_size: int = 1024, verbose: int = 1
) -> np.ndarray:
    """Returns a model's outputs for every node, computed layer by layer in batches.

    Each layer computes all nodes, from all their neighbours, before the next layer
    starts. So no node is computed twice and nothing is sampled. The result is the same
    as that of `model.predict(full_batch(graph))`. Memory holds one layer's features of
    all nodes, and the neighbourhood of one batch.

    A model that is not built yet gets its weights, as in `Model.predict`.

    Example:

    ```python
    model = tfgraph.models.GraphSAGE(graph.num_classes)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(tfgraph.data.neighbor_batches(graph, (25, 10), 512), shuffle=False)
    predictions = tfgraph.inference.predict_nodes(model, graph)
    ```

    Args:
        model: A `tfgraph.models.GraphSAGE` or `tfgraph.models.GAT`. `models.GCN` is
            refused, unless made with `normalize=False`: it needs the degrees of all
            neighbours, and a batch shows only those of its own nodes.
        graph: A `Graph` with features. It may be one that training did not see.
        batch_size: Number of nodes to compute at a time.
        verbose: 1 for a progress bar, 0 for none.

    Returns:
        A float32 array `[N, units]`, or `[N, num_classes]` of a classifier.

    Raises:
        ValueError: If `model` is another model, a subclass with its own `call`, or uses
            features of edges. Also if `batch_size` is not a positive integer, or the
            graph has no nodes or no features.
    """
    check_graph("graph", graph)
    _check_model(model)
    batch_size = checked_integer("batch_size", batch_size, 1)
    if not graph.num_nodes or not graph.num_features:
        raise ValueError(
            f"Expected `graph` to have nodes and features. Received: graph={graph}"
        )
    if not model.built:
        model.build([(None, graph.num_features), (None, None)])
    batch_size = min(batch_size, graph.num_nodes)
    num_batches = -(-graph.num_nodes // batch_size)
    progress = keras.utils.Progbar(
        len(model.convolutions) * num_batches, verbose=verbose, unit_name="batch"
    )
    calls = [tf.function(layer, reduce_retracing=True) for layer in model.convolutions]
    classifier = getattr(model, "classifier", None)
    for call in calls:
        h = []
        batches = neighbor_batches(
            graph,
            (None,),
            batch_size,
            labels=False,
            sparse_features=is_scipy(graph.x),
        )
        for (inputs,) in batches:
            x, (block,) = inputs
            outputs = call([x, block], training=False)
            if classifier is not None and call is calls[-1]:
                outputs = classifier(outputs)
            h.append(outputs.numpy())
            progress.add(1)
        graph = graph.replace(x=np.concatenate(h))
    return graph.dense_features()


def _check_model(model: keras.Model) -> None:
    """Raises a `ValueError` for a model that cannot compute its layers in batches."""
    # What another `call` computes between the layers is not known here.
    if getattr(type(model), "call", None) not in (GraphSAGE.call, GAT.call):
        raise ValueError(
            "Expected `model` to be a models.GraphSAGE or models.GAT, without a `call` "
            "of its own. Use `model.predict(tfgraph.data.full_batch(graph))` for other "
            f"models. {received('model', model)}"
        )
    for layer in model.convolutions:
        if isinstance(layer, GCNConv) and layer.normalize:
            raise ValueError(
                "Expected `model` to compute a node from its neighbours alone. A GCN "
                "also needs the degrees of the neighbours, which a batch does not "
                "show. Use `model.predict(tfgraph.data.full_batch(graph))`. "
                f"{received('model', model)}"
            )
        if getattr(layer, "edge_dim", None) or getattr(
            layer, "edge_feature_name", None
        ):
            raise ValueError(
                "Expected `model` to use no features of edges, which a `Graph` does "
                f"not hold. {received('model', model)}"
            )

"""Predictions for all nodes of a graph that is too large for one step."""

import keras
import numpy as np
import tensorflow as tf

from tfgraph.data import Graph, neighbor_batches
from tfgraph.data.graph_checks import is_scipy


def predict_nodes(
    model: keras.Model, graph: Graph, batch_size: int = 1024, verbose: int = 1
) -> np.ndarray:
    """Returns a model's outputs for every node, computed layer by layer in batches.

    Each layer computes all nodes, from all their neighbours, before the next one
    begins. So no node is computed twice, nothing is sampled, and the result is that of
    the model on the whole graph, while memory holds one layer's features of all nodes
    and the neighbourhood of one batch.

    Example:

    ```python
    model = tfgraph.models.GraphSAGE(graph.num_classes)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(tfgraph.data.neighbor_batches(graph, (25, 10), 512), shuffle=False)
    predictions = tfgraph.inference.predict_nodes(model, graph)
    ```

    Args:
        model: A `tfgraph.models.GraphSAGE` or `tfgraph.models.GAT`, whose layers take
            rectangular adjacencies.
        graph: A `Graph` with features, such as one that training did not see.
        batch_size: Nodes to compute at a time.
        verbose: 1 for a progress bar, 0 for none.

    Returns:
        A float32 array `[N, ...]`.

    Raises:
        ValueError: If `model` has no `convolutions`, or `batch_size` is not a positive
            integer.
    """
    convolutions = getattr(model, "convolutions", None)
    if not convolutions:
        raise ValueError(
            "Expected `model` to be a model of convolutions, such as "
            f"tfgraph.models.GraphSAGE. Received: model={model}"
        )
    batch_size = min(batch_size, max(graph.num_nodes, 1))
    num_batches = -(-graph.num_nodes // batch_size)
    progress = keras.utils.Progbar(
        len(convolutions) * num_batches, verbose=verbose, unit_name="batch"
    )
    for convolution in convolutions:
        call = tf.function(convolution, reduce_retracing=True)
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
            h.append(call([x, block], training=False).numpy())
            progress.add(1)
        graph = graph.replace(x=np.concatenate(h))
    classifier = getattr(model, "classifier", None)
    return graph.x if classifier is None else classifier(graph.x).numpy()

"""Predictions for all nodes of a graph that is too large for one step."""

import keras
import numpy as np
import tensorflow as tf

from tfgraph.data import Graph, neighbor_batches
from tfgraph.data.graphs.checks import check_integer, is_scipy
from tfgraph.models import GAT, GraphSAGE


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
        A float32 array `[N, units]`, or `[N, num_classes]` of a classifier.

    Raises:
        ValueError: If `model` is another model, or a subclass with a `call` of its own,
            `batch_size` is not a positive integer, or the graph has no nodes or no
            features.
    """
    # What another `call` computes between the layers is not known here.
    if type(model).call not in (GraphSAGE.call, GAT.call):
        raise ValueError(
            "Expected `model` to be a models.GraphSAGE or models.GAT, without a `call` "
            f"of its own. Received: model={model}"
        )
    check_integer("batch_size", batch_size, 1)
    if not graph.num_nodes:
        raise ValueError(f"Expected `graph` to have nodes. Received: graph={graph}")
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
    return graph.x

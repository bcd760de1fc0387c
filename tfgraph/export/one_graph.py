"""Exports of the predictions for one graph, which are looked up by node number."""

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph.export.requests import Input, add_endpoint, named
from tfgraph.export.versions import check_arguments, write_version
from tfgraph.layers import InnerProductDecoder


def export_transductive(
    model: keras.Model, path: str | os.PathLike, inputs: Any
) -> str:
    """Exports the predictions for every node of one graph, to be looked up by number.

    The model runs once, now. The SavedModel holds its `N * C` output numbers in place
    of model and graph, and a request costs one gather, whatever the graph's size. A
    change of the graph needs a new export.

    The signature `serving_default` takes `node_ids` int64 `[B]` and returns the rows of
    those nodes, `[B, C]`. A number outside `[0, N)` is an `InvalidArgumentError`.

    Example:

    ```python
    (inputs,) = tfgraph.data.full_batch(graph).get_single_element()
    tfgraph.export.export_transductive(model, "serving/cora", inputs)
    ```

    Args:
        model: A built model.
        path: Local directory of the model's versions.
        inputs: What the model is called with: `(x, adjacency)`, a `GraphTensor`, or
            any other input with the whole graph.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built, `path` is remote, or the outputs differ in
            their number of rows.
    """
    check_arguments(model, path)
    _check_inputs(inputs)
    outputs = named(model(inputs, training=False))
    shapes = {name: tuple(output.shape) for name, output in outputs.items()}
    num_rows = {shape[0] if shape else -1 for shape in shapes.values()}
    if len(num_rows) != 1 or -1 in num_rows:
        raise ValueError(
            "Expected every output of `model` to have one row for each node. "
            f"Received: outputs of shapes {shapes}"
        )
    (num_nodes,) = num_rows
    # Variables, as constants are limited to 2 GB.
    tables = {
        name: tf.Variable(output, trainable=False) for name, output in outputs.items()
    }

    def serving_default(node_ids):
        return {name: tf.gather(table, node_ids) for name, table in tables.items()}

    archive = keras.export.ExportArchive()
    # On a GPU tf.gather alone would return zeros for unknown nodes.
    node_ids = Input("node_ids", tf.int64, ("B",), below=(num_nodes,))
    add_endpoint(archive, "serving_default", serving_default, [node_ids])
    return write_version(archive, path)


def export_link_scorer(model: keras.Model, path: str | os.PathLike, inputs: Any) -> str:
    """Exports the probability of a link between any two nodes of one graph.

    For `models.GAE` and `models.VGAE`. The encoder runs once, now. The SavedModel holds
    its latent vectors, `N * D` numbers, in place of model and graph.

    The signature `serving_default` takes `pairs` int64 `[P, 2]` of node numbers and
    returns `scores` `[P]`, the probabilities. A number outside `[0, N)` is an
    `InvalidArgumentError`.

    To serve the encoder itself, for any graph, use `export_model`.

    Example:

    ```python
    (inputs,) = tfgraph.data.full_batch(train).get_single_element()
    tfgraph.export.export_link_scorer(model, "serving/links", inputs)
    ```

    Args:
        model: A built `models.GAE` or `models.VGAE`.
        path: Local directory of the model's versions.
        inputs: The graph: `(x, adjacency)`, `(x, graph)` or a `GraphTensor`.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built or has no decoder of pairs, `path` is
            remote, or `inputs` are not one graph without pairs.
    """
    check_arguments(model, path)
    _check_inputs(inputs)
    decoder = getattr(model, "decoder", None)
    if not isinstance(decoder, InnerProductDecoder):
        raise ValueError(
            "Expected `model` to be a models.GAE or models.VGAE. "
            f"Received: model={model}"
        )
    z = model(inputs, training=False)
    if z.shape.rank != 2:
        raise ValueError(
            "Expected `inputs` to be one graph, without pairs. "
            f"Received: inputs with outputs of shape {tuple(z.shape)}"
        )
    # A variable, as constants are limited to 2 GB.
    z = tf.Variable(z, trainable=False)

    def serving_default(pairs):
        return {"scores": decoder([z, pairs])}

    archive = keras.export.ExportArchive()
    pairs = Input("pairs", tf.int64, ("P", 2), below=(z.shape[0],))
    add_endpoint(archive, "serving_default", serving_default, [pairs])
    return write_version(archive, path)


def _check_inputs(inputs: Any) -> None:
    parts = keras.tree.flatten(inputs)
    if not parts or not all(
        tf.is_tensor(p) or isinstance(p, np.ndarray) for p in parts
    ):
        raise ValueError(
            "Expected `inputs` to be the tensors that `model` is called with, such as "
            "`(x, adjacency)`. Of a graph, `(inputs,) = "
            "tfgraph.data.full_batch(graph).get_single_element()` makes them. "
            f"Received: inputs of type {type(inputs).__name__}"
        )

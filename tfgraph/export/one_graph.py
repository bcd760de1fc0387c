"""Exports of the predictions for one graph, which are looked up by node number."""

import dataclasses
import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph.export.requests import Input, add_endpoint, named
from tfgraph.export.versions import check_arguments, write_version
from tfgraph.models import GAE, LinkPredictor
from tfgraph.models.link_queries import LinkQueries

_MOST_PER_REQUEST = 1000  # nodes in a request for links, and links of each


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

    For `models.GAE`, `models.VGAE` and `models.LinkPredictor`. The encoder runs once,
    now. The SavedModel holds what the decoder needs of each node, the links of the
    graph and the decoder, in place of encoder and features. There are two signatures:

    - `serving_default` takes `pairs` int64 `[P, 2]` of node numbers and returns
      `scores` `[P]`, the probabilities.
    - `top_links` takes `node_ids` int64 `[B]` and `k` int64 `[1]`. It returns `nodes`
      int64 `[B, k]` and `probabilities` `[B, k]`, as the model's `top_links`: the
      likeliest new links, such as films for users. B is from 1 to 1,000. k is at most
      1,000, and at most the number of candidates. One node is computed after the other,
      so a request takes no more memory than the numbers of one node and all
      candidates.

    Between two node sets, the first column of `pairs` and `node_ids` are numbers of
    sources; the second column and `nodes` are numbers of targets. A number of a node
    that does not exist is an `InvalidArgumentError`.

    To serve the encoder itself, for any graph, use `export_model` or
    `export_graph_tensor_model`.

    Example:

    ```python
    (inputs,) = tfgraph.data.full_batch(train).get_single_element()
    tfgraph.export.export_link_scorer(model, "serving/links", inputs)
    ```

    Args:
        model: A built `models.GAE`, `models.VGAE` or `models.LinkPredictor`.
        path: Local directory of the model's versions.
        inputs: The graph: `(x, adjacency)`, `(x, graph)` or a `GraphTensor`; for a
            `LinkPredictor` a `GraphTensor`.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built or none of these, `path` is remote, or
            `inputs` are not one graph without pairs.
    """
    check_arguments(model, path)
    _check_inputs(inputs)
    if not isinstance(model, GAE | LinkPredictor):
        raise ValueError(
            "Expected `model` to be a models.GAE or models.VGAE, or a "
            f"models.LinkPredictor. Received: model={model}"
        )
    queries = _with_variables(model.link_queries(inputs))
    decoder, sizes = queries.decoder, (queries.num_nodes, queries.num_candidates)

    def serving_default(pairs):
        ends = queries.sources, queries.targets
        return {"scores": decoder.scores(decoder.pair_logits(ends, pairs))}

    def top_links(node_ids, k):
        def of_one(node):
            numbers, probabilities = queries.best(node[None], tf.cast(k[0], tf.int32))
            return numbers[0], probabilities[0]

        numbers, probabilities = tf.map_fn(
            of_one,
            node_ids,
            parallel_iterations=1,
            fn_output_signature=(
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([None], tf.float32),
            ),
        )
        return {"nodes": numbers, "probabilities": probabilities}

    archive = keras.export.ExportArchive()
    # One bound for both columns, if they are numbers of the same nodes.
    below = sizes[:1] if queries.sources is queries.targets else sizes
    pairs = Input("pairs", tf.int64, ("P", 2), below=below)
    add_endpoint(archive, "serving_default", serving_default, [pairs])
    node_ids = Input(
        "node_ids", tf.int64, ("B",), below=sizes[:1], max_rows=_MOST_PER_REQUEST
    )
    most = min(sizes[1], _MOST_PER_REQUEST)
    k = Input("k", tf.int64, (1,), below=(most + 1,))
    add_endpoint(archive, "top_links", top_links, [node_ids, k])
    return write_version(archive, path)


def _with_variables(queries: LinkQueries) -> LinkQueries:
    """Returns the same with variables, as constants are limited to 2 GB."""
    names = ("sources", "targets", "starts", "known")
    tensors = {name: getattr(queries, name) for name in names}
    # A table of both ends is one variable.
    variables = {
        id(tensor): tf.Variable(tensor, trainable=False) for tensor in tensors.values()
    }
    return dataclasses.replace(
        queries, **{name: variables[id(tensor)] for name, tensor in tensors.items()}
    )


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

"""Batches filled up to the same sizes, for XLA, which compiles anew for each shape."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgraph.data.graphs.disjoint_union import Union
from tfgraph.data.pipelines.packing import Limits


class Totals(NamedTuple):
    """The sizes of every batch, padding included.

    Attributes:
        graphs: Graphs, of which the last is padding.
        nodes: Nodes, of which at least the last one is padding.
        edges: Edges. Those of padding join the last node to itself.
    """

    graphs: int
    nodes: int
    edges: int


def totals(nodes: np.ndarray, edges: np.ndarray, limits: Limits) -> Totals:
    """Returns sizes that any batch within the limits fits into.

    Args:
        nodes: int64 `[G]`, the nodes of each graph.
        edges: int64 `[G]`, the edges of each graph.
        limits: What a batch may hold.

    Raises:
        ValueError: If a graph exceeds the limits.
    """
    most = {}
    for name, sizes, limit in (
        ("nodes", nodes, limits.nodes),
        ("edges", edges, limits.edges),
    ):
        most[name] = int(np.sort(sizes)[::-1][: limits.graphs].sum())
        if limit is not None and sizes.max() > limit:
            raise ValueError(
                f"Expected `max_{name}` to be at least {sizes.max()}, the {name} of "
                f"graphs[{sizes.argmax()}]: with pad=True all batches have one size. "
                f"Received: max_{name}={limit}"
            )
        if limit is not None:
            most[name] = min(most[name], limit)
    return Totals(limits.graphs + 1, most["nodes"] + 1, most["edges"])


def padded(union: Union, sizes: Totals) -> Union:
    """Returns a union of the given sizes: the same graphs, and padding after them.

    The last graph has all the padding: nodes with features and labels of 0, and edges
    of weight 0 that join its last node to itself. Graphs that are missing are empty.
    """

    def with_last(given, total):
        last = [total - tf.reduce_sum(given)]
        return tf.concat([filled(given, sizes.graphs - 1), last], axis=0)

    indices = filled(union.adjacency.indices, sizes.edges, sizes.nodes - 1)
    values = filled(union.adjacency.values, sizes.edges)
    edge_features = union.edge_features
    return Union(
        with_last(union.num_nodes, sizes.nodes),
        with_last(union.num_edges, sizes.edges),
        tf.sparse.SparseTensor(indices, values, [sizes.nodes, sizes.nodes]),
        None if edge_features is None else filled(edge_features, sizes.edges),
        filled(union.x, sizes.nodes),
        None if union.y is None else filled(union.y, sizes.nodes),
    )


def check_padded(pad: bool, labels: bool, sparse_features: bool) -> None:
    """Raises a `ValueError` if batches are to be padded that cannot be.

    Args:
        pad: Whether all batches shall have one shape.
        labels: Whether they have labels.
        sparse_features: Whether their features are sparse.
    """
    if pad and not labels:
        raise ValueError(
            "Expected labels with pad=True: `predict` would return rows for the "
            "padding, too. Without `pad`, batches give the same predictions. "
            "Received: pad=True, and no labels"
        )
    if pad and sparse_features:
        raise ValueError(
            "Expected `sparse_features` to be False with pad=True, which keeps all "
            "shapes the same. Received: sparse_features=True"
        )


def filled(rows: tf.Tensor, size: int, value: int = 0) -> tf.Tensor:
    """Returns `[size, ...]`, the rows and others that hold `value` only."""
    missing = size - tf.shape(rows)[0]
    paddings = [[0, missing], *[[0, 0]] * (rows.shape.rank - 1)]
    padded = tf.pad(rows, paddings, constant_values=tf.cast(value, rows.dtype))
    return tf.ensure_shape(padded, [size, *rows.shape[1:]])


def mean_weights(known: tf.Tensor) -> tf.Tensor:
    """Returns sample weights by which Keras' mean over all rows is that of some.

    Args:
        known: Booleans `[N]`, the rows that count.

    Returns:
        float32 `[N]`, 0 or N / (rows that count).
    """
    known = tf.cast(known, tf.float32)
    return tf.math.divide_no_nan(known, tf.reduce_mean(known))

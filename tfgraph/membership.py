"""From graph ids, sizes or a mask to one membership: which node is in which graph.

The layers that reduce a graph to a vector or to clusters see `UnionMembership` and
`PaddedMembership` only, which offer the same operations.
"""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import keras
import tensorflow as tf

from tfgraph import ops
from tfgraph.ops.segments import row_max, row_sum
from tfgraph.typing import Features, Mask, Shape, Tensor


@dataclasses.dataclass(frozen=True)
class UnionMembership:
    """The nodes of a disjoint union: one graph after the other.

    Attributes:
        graph_ids: int64 `[N]`, the number of each node's graph, sorted.
        num_graphs: Scalar int64 tensor, `B`.
    """

    graph_ids: tf.Tensor
    num_graphs: tf.Tensor

    def counts(self, dtype: tf.DType) -> tf.Tensor:
        """The number of nodes of each graph, `[B]`."""
        return self.sum(tf.ones_like(self.graph_ids, dtype))

    def sum(self, x: tf.Tensor) -> tf.Tensor:
        """The sum over each graph's nodes: `[N, ...]` to `[B, ...]`."""
        return row_sum(x, self.graph_ids, self.num_graphs)

    def max(self, x: tf.Tensor) -> tf.Tensor:
        """The maximum over each graph's nodes, or 0: `[N, F]` to `[B, F]`."""
        highest = row_max(x, self.graph_ids, self.num_graphs)
        empty = self.counts(tf.int32) == 0
        return tf.where(empty[:, None], tf.zeros([], x.dtype), highest)

    def softmax(self, logits: tf.Tensor) -> tf.Tensor:
        """The softmax over each graph's nodes: `[N, F]` to `[N, F]`."""
        highest = row_max(logits, self.graph_ids, self.num_graphs)
        exp = tf.exp(logits - tf.stop_gradient(self.to_nodes(highest)))
        return exp / self.to_nodes(self.sum(exp))

    def to_nodes(self, y: tf.Tensor) -> tf.Tensor:
        """Repeats the row of each graph for its nodes: `[B, ...]` to `[N, ...]`."""
        return tf.gather(y, self.graph_ids)

    def only_nodes(self, x: tf.Tensor) -> tf.Tensor:
        """Returns `x` `[N, F]`: every row is a node."""
        return x

    def outer(self, s: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """`S_bᵀ Y_b` of each graph: `[N, K]` and `[N, F]` to `[B, K, F]`."""
        if ops.compiled_by_xla():
            return self.sum(s[:, :, None] * y[:, None, :])
        graphs = tf.range(self.num_graphs + 1)
        splits = tf.searchsorted(self.graph_ids, graphs, out_type=tf.int64)
        return ops.segment_outer(s, y, splits)


@dataclasses.dataclass(frozen=True)
class PaddedMembership:
    """The nodes of graphs that are padded to the same number of rows.

    Attributes:
        mask: Booleans `[B, n]`, which rows are nodes.
    """

    mask: tf.Tensor

    def counts(self, dtype: tf.DType) -> tf.Tensor:
        """The number of nodes of each graph, `[B]`."""
        return tf.reduce_sum(tf.cast(self.mask, dtype), axis=1)

    def sum(self, x: tf.Tensor) -> tf.Tensor:
        """The sum over each graph's nodes: `[B, n, ...]` to `[B, ...]`."""
        return tf.reduce_sum(self.only_nodes(x), axis=1)

    def max(self, x: tf.Tensor) -> tf.Tensor:
        """The maximum over each graph's nodes, or 0: `[B, n, F]` to `[B, F]`."""
        lowest = tf.where(self.mask[..., None], x, x.dtype.min)
        empty = self.counts(tf.int32) == 0
        return tf.where(
            empty[:, None], tf.zeros([], x.dtype), tf.reduce_max(lowest, axis=1)
        )

    def softmax(self, logits: tf.Tensor) -> tf.Tensor:
        """The softmax over each graph's nodes: `[B, n, F]` to `[B, n, F]`."""
        logits = tf.where(self.mask[..., None], logits, logits.dtype.min)
        return self.only_nodes(tf.nn.softmax(logits, axis=1))

    def to_nodes(self, y: tf.Tensor) -> tf.Tensor:
        """Repeats the row of each graph for its nodes: `[B, ...]` to `[B, 1, ...]`."""
        return tf.expand_dims(y, 1)

    def only_nodes(self, x: tf.Tensor) -> tf.Tensor:
        """`x` `[B, n, ...]` with zeros in the rows that are not nodes."""
        mask = self.mask
        for _ in range(x.shape.rank - 2):
            mask = mask[..., None]
        return tf.where(mask, x, tf.zeros([], x.dtype))

    def outer(self, s: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """`S_bᵀ Y_b` of each graph: `[B, n, K]` and `[B, n, F]` to `[B, K, F]`.

        In rows that are not nodes, `s` or `y` must be 0.
        """
        return tf.matmul(s, y, transpose_a=True)


Membership: TypeAlias = UnionMembership | PaddedMembership


def from_sizes(sizes: tf.Tensor, x: Features, layer: str = "") -> UnionMembership:
    """Returns the membership of a disjoint union, such as a merged GraphTensor.

    Args:
        sizes: Integers `[B]`, the number of nodes of each graph.
        x: The features `[N, F]` of the nodes.
        layer: The layer that calls this, such as "Readout 'readout'", for errors.
    """
    sizes = tf.cast(sizes, tf.int64)
    num_graphs = tf.size(sizes, out_type=tf.int64)
    num_nodes = tf.shape(x, tf.int64)[0]
    fits = tf.reduce_all((sizes >= 0) & (sizes <= num_nodes))
    fits &= tf.equal(tf.reduce_sum(sizes), num_nodes)
    message = (
        "Expected a graph with components of sizes of 0 or more that add up to the "
        "number of nodes (rows of `x`). Received: {} nodes, components of {} nodes"
    )
    checked = ops.check(fits, ops.name_layer(layer, message), num_nodes, sizes)
    if ops.compiled_by_xla() and not ops.is_for_other_runtimes():
        # Of known size, as `tf.repeat` is not. Where sizes do not add up, the last
        # graph gets the nodes that are left.
        ends = tf.cumsum(sizes)[:-1]
        graph_ids = tf.searchsorted(ends, tf.range(num_nodes), "right", tf.int64)
        return UnionMembership(graph_ids, num_graphs)
    # `tf.repeat` allocates what the sizes claim.
    with tf.control_dependencies([checked]):
        graph_ids = tf.repeat(tf.range(num_graphs), sizes)
    return _union(graph_ids, num_graphs, x, layer)


def as_membership(
    membership: tf.Tensor | None, x: Features, layer: str = ""
) -> Membership:
    """Returns the membership of the nodes with features `x`.

    Args:
        membership: With `x` `[N, F]`, integers `[N]`: the number of each node's graph,
            sorted. With `x` `[B, n, F]`, booleans `[B, n]`: which rows are nodes; or
            None if all are.
        x: The features, dense or sparse.
        layer: As in `from_sizes`.
    """
    check_shapes(x.shape, None if membership is None else membership.shape)
    if membership is None:  # of padded graphs, as the shapes say
        return PaddedMembership(tf.ones(tf.shape(x)[:2], tf.bool))
    if x.shape.rank == 3:
        return PaddedMembership(tf.cast(membership, tf.bool))
    if membership.dtype == tf.bool:
        raise ValueError(
            "Expected `graph_ids` with features of shape `[N, F]`; a `mask` goes with "
            f"`[B, n, F]`. Received: graph_ids.dtype=bool, x.shape={tuple(x.shape)}"
        )
    # Other types of numbers are allowed: to save a model, Keras traces it with inputs
    # that all have the model's own type.
    graph_ids = tf.cast(membership, tf.int64)
    # Without nodes there are no graphs.
    last = tf.reduce_max(tf.concat([graph_ids, [-1]], axis=0))
    return _union(graph_ids, last + 1, x, layer)


def keras_mask(mask: Mask) -> Tensor | None:
    """Returns the mask of the features that Keras hands to a layer, or None.

    Args:
        mask: The argument of `call`: a mask, or one for each of the inputs, or None.
    """
    return keras.tree.flatten(mask)[0]


def check_shapes(x_shape: Shape, membership_shape: Shape | None) -> None:
    """Raises a `ValueError` if features and graph ids or mask do not belong together.

    Args:
        x_shape: Shape of the features.
        membership_shape: Shape of the graph ids or the mask, or None without them.
    """
    x_shape = tuple(x_shape)
    if len(x_shape) == 3 and membership_shape is None:
        return
    membership_shape = None if membership_shape is None else tuple(membership_shape)
    expected = {2: x_shape[:1], 3: x_shape[:2]}.get(len(x_shape))
    fits = (
        expected is not None
        and membership_shape is not None
        and len(membership_shape) == len(expected)
        and all(
            None in pair or pair[0] == pair[1]
            for pair in zip(membership_shape, expected, strict=True)
        )
    )
    if not fits:
        raise ValueError(
            "Expected features `x` of shape `[N, F]` with `graph_ids` of shape `[N]`, "
            "or `[B, n, F]` with a `mask` of shape `[B, n]` or without. Received: "
            f"x.shape={x_shape}, and graph_ids or mask of shape {membership_shape}"
        )


def _union(graph_ids, num_graphs, x, layer):
    if ops.compiled_by_xla() and not ops.is_for_other_runtimes():
        message = (
            "Expected graphs padded to one size, `x` of shape `[B, n, F]`, or a "
            "GraphTensor, where XLA compiles, which has to know the number of graphs; "
            "or `compile(jit_compile=False)`. "
            f"Received: x.shape={tuple(x.shape)}"
        )
        raise ValueError(ops.name_layer(layer, message))
    num_nodes = tf.shape(x, out_type=tf.int64)[0]
    rises = tf.reduce_all(graph_ids[1:] >= graph_ids[:-1])
    fits = tf.equal(tf.size(graph_ids, out_type=tf.int64), num_nodes)
    lowest = tf.reduce_min(tf.concat([graph_ids, [0]], axis=0))
    checked = ops.check(
        rises & fits & (lowest >= 0),
        ops.name_layer(
            layer,
            "Expected `graph_ids` of one number from 0 on for each node (row of `x`), "
            "sorted. Received: {} nodes, graph_ids={}",
        ),
        num_nodes,
        graph_ids,
    )
    # Otherwise a sum over them may fail first, in other words.
    with tf.control_dependencies([checked]):
        return UnionMembership(tf.identity(graph_ids), num_graphs)

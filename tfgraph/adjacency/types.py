"""The two types of adjacency that layers use. Both have the same operations.

`adjacency[i, j]` is the weight of the message from node `j` to node `i`: rows receive.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TypeAlias

import keras
import tensorflow as tf

from tfgraph import ops
from tfgraph.typing import Size


@dataclasses.dataclass(frozen=True)
class SparseAdjacency:
    """The adjacency `[M, N]` of one graph, by its entries.

    The weights of a repeated entry `(i, j)` add up. An entry with a sum of 0 is not an
    edge.

    Attributes:
        indices: int64 `[E, 2]`, (receiver, sender) of each entry, sorted by receiver.
        values: `[E]`, the weights, in float32 or float64.
        shape: `(M, N)`, the numbers of receivers and senders, each an int or a scalar
            int64 tensor.
        order: `[E]`, the position of each entry in the order that the user gave. None
            where entries have been added.
        layer: The layer that uses it, named in errors. Empty for none.
        is_pair: Whether senders and receivers are two node sets. If not, the receivers
            are the first of the senders.
        signal_axes: The number of axes before the nodes in features of many signals on
            this graph, `[B, N, F]` or `[B, T, N, F]`. 0 for features `[N, F]`.
    """

    indices: tf.Tensor
    values: tf.Tensor
    shape: tuple[int | tf.Tensor, int | tf.Tensor]
    order: tf.Tensor | None = None
    layer: str = ""
    is_pair: bool = False
    signal_axes: int = 0

    @property
    def dtype(self) -> tf.DType:
        return self.values.dtype

    def matmul(self, x: tf.Tensor) -> tf.Tensor:
        """`A @ x`, the weighted sum over neighbours: `[..., N, F]` to `[..., M, F]`."""

        def product(h):
            return ops.sparse_matmul(self.indices, self.values, self.shape, h)

        return tf.cast(ops.side_by_side(product, tf.cast(x, self.dtype)), x.dtype)

    def relu_sum(self, x: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
        """`Σ_e A_ij ReLU(x_j + edges_e)` over the edges `e` from `j` to `i`.

        Args:
            x: `[..., N, F]`.
            edges: `[E, F]`, in the order in which the entries were given.

        Returns:
            `[..., M, F]`, 0 where there are no edges.
        """
        copies, signals = self._copies(x)
        h = ops.one_below_the_other(tf.cast(x, self.dtype), self.signal_axes)
        edges = tf.tile(tf.gather(edges, self.order), [math.prod(signals), 1])
        rows, columns = copies.indices[:, 0], copies.indices[:, 1]
        messages = tf.nn.relu(tf.gather(h, columns) + edges) * copies.values[:, None]
        h = ops.row_sum(messages, rows, copies.shape[0])
        return tf.cast(_by_signal(h, signals, self.shape[0]), x.dtype)

    def mean(self, x: tf.Tensor) -> tf.Tensor:
        """The weighted mean over neighbours, `[..., M, F]`; 0 without weights."""
        share = tf.math.reciprocal_no_nan(self.row_sums())
        values = self.values * tf.gather(share, self.indices[:, 0])
        return dataclasses.replace(self, values=values).matmul(x)

    def max(self, x: tf.Tensor) -> tf.Tensor:
        """The maximum over neighbours, `[..., M, F]`; 0 where there are none."""
        indices, values = self._merged()
        return ops.side_by_side(
            lambda h: ops.sparse_max(indices, values, self.shape, h), x
        )

    def sequence(
        self, x: tf.Tensor, cell: keras.layers.LSTMCell, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """A cell's last state, see `ops.sparse_sequence`: `[..., M, units]`."""
        indices, values = self._merged()
        merged = dataclasses.replace(self, indices=indices, values=values)
        copies, signals = merged._copies(x)
        x = ops.one_below_the_other(x, self.signal_axes)
        h = ops.sparse_sequence(
            copies.indices, copies.values, copies.shape, x, cell, seed
        )
        return _by_signal(h, signals, self.shape[0])

    def row_sums(self) -> tf.Tensor:
        """The weighted degree of each receiver, `[M]`."""
        return ops.row_sum(self.values, self.indices[:, 0], self.shape[0])

    def column_sums(self) -> tf.Tensor:
        """The weighted degree of each sender, `[N]`."""
        return tf.math.unsorted_segment_sum(
            self.values, self.indices[:, 1], self.shape[1]
        )

    def row_squares(self) -> tf.Tensor:
        """The sum of the squared weights of each receiver, `[M]`."""
        indices, values = self._merged()
        return tf.math.unsorted_segment_sum(values**2, indices[:, 0], self.shape[0])

    def edges(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The entries sorted by row and column, and which of them are edges.

        Returns:
            int64 `[E, 2]` and booleans `[E]`. A repeated entry is True once. An entry
            with weights that add up to 0 is False.
        """
        indices, values = self._merged()
        return indices, values != 0

    def edge_indices(self) -> tf.Tensor:
        """The row and column of each edge, sorted: int64 `[E', 2]`."""
        return tf.boolean_mask(*self.edges())

    def _merged(self):
        return ops.merge_repeated(self.indices, self.values, self.shape[1])

    def with_self_loops(self, weight: float) -> SparseAdjacency:
        """The adjacency in which each receiver without self-loop gets one."""
        indices, values = ops.add_self_loops(
            self.indices, self.values, self.shape[0], weight
        )
        return dataclasses.replace(self, indices=indices, values=values, order=None)

    def scaled(
        self, row_factors: tf.Tensor, column_factors: tf.Tensor
    ) -> SparseAdjacency:
        """`diag(row_factors) A diag(column_factors)`."""
        rows, columns = self.indices[:, 0], self.indices[:, 1]
        if not self.is_square and not ops.compiled_by_xla():
            # Where there are too few factors, the layer's check should report it first.
            columns = tf.minimum(columns, tf.size(column_factors, tf.int64) - 1)
        values = self.values * tf.gather(row_factors, rows)
        values *= tf.gather(column_factors, columns)
        return dataclasses.replace(self, values=values)

    def first_rows(self, x: tf.Tensor) -> tf.Tensor:
        """The rows of `x` `[..., N, ...]` of the receivers: `[..., M, ...]`."""
        return _first_rows(x, self.signal_axes, self.shape)

    @property
    def is_square(self) -> bool:
        """Whether it is known, while tracing, that all nodes receive."""
        return _is_square(self.shape)

    @property
    def has_fewer_senders(self) -> bool:
        """Whether it is known, while tracing, that fewer nodes send than receive."""
        return _has_fewer_columns(self.shape)

    def check_edges(self, edges: tf.Tensor) -> None:
        """Raises an error unless `edges` has a row for each of the given entries."""
        num_entries = self.indices.shape[0]
        if edges.shape.rank != 2 or num_entries not in (None, edges.shape[0]):
            message = (
                "Expected edge features of shape `[E, D]`, with one row for each of "
                f"the {num_entries} entries of the adjacency. "
                f"Received: edge features of shape {tuple(edges.shape)}"
            )
            raise ValueError(ops.name_layer(self.layer, message))
        sizes = tf.shape(self.indices)[0], tf.shape(edges)[0]
        ops.check(
            tf.equal(*sizes),
            ops.name_layer(
                self.layer,
                "Expected edge features with one row for each entry of the adjacency. "
                "Received: {} entries and {} rows",
            ),
            *sizes,
        )

    def pair_sums(
        self, receivers: tf.Tensor, senders: tf.Tensor, edges: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`receivers[i] + senders[j] + edges[e]` for each edge `e` from `j` to `i`.

        Args:
            receivers: `[M, ...]`; of many signals `[..., M, ...]`.
            senders: `[N, ...]`, or as many signals.
            edges: `[E, ...]`, in the order in which the entries were given.

        Returns:
            `[E, ...]`, sorted by row; of many signals one after the other.
        """
        copies, signals = self._copies(senders)
        receivers = ops.one_below_the_other(receivers, self.signal_axes)
        senders = ops.one_below_the_other(senders, self.signal_axes)
        sums = ops.entry_sums(copies.indices, receivers, senders)
        if edges is None:
            return sums
        edges = tf.gather(edges, self.order)
        return sums + tf.tile(
            edges, [math.prod(signals)] + [1] * (edges.shape.rank - 1)
        )

    def attend(
        self,
        logits: tf.Tensor,
        loop_logits: tf.Tensor | None,
        h: tf.Tensor,
        drop: Callable[[tf.Tensor], tf.Tensor],
        ends: ops.Ends | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Attention over the neighbours, see `ops.sparse_attention`.

        Args:
            logits: `[E, H]`, or `[... * E, H]`, as `pair_sums` returns them.
            loop_logits: `[..., M, H]`, the logits of added self-loops, or None.
            h: `[..., N, H, F]`.
            drop: Function that applies dropout.
            ends: What the logits come from, see `ops.sparse_attention`. Its numbers of
                nodes are `[..., M, H]` and `[..., N, H]`.

        Returns:
            `[..., M, H, F]`; and the scores `[..., E, H]`, in the order that the user
            gave, or `[..., E + M, H]` with those of self-loops.
        """
        copies, signals = self._copies(h)
        loops = None
        if loop_logits is not None:
            weights = ops.missing_self_loops(
                self.indices, self.values, self.shape[0], 1.0
            )
            loops = (
                ops.one_below_the_other(loop_logits, self.signal_axes),
                tf.tile(weights, [math.prod(signals)]),
                ops.one_below_the_other(self.first_rows(h), self.signal_axes),
            )
        h = ops.one_below_the_other(h, self.signal_axes)
        if ends is not None:
            ends = dataclasses.replace(
                ends,
                receivers=ops.one_below_the_other(ends.receivers, self.signal_axes),
                senders=ops.one_below_the_other(ends.senders, self.signal_axes),
            )
        y, all_scores = ops.sparse_attention(
            copies.indices, copies.values, copies.shape, logits, loops, h, drop, ends
        )
        num_entries, num_rows = tf.shape(logits)[0], self.shape[0]
        given = tf.math.invert_permutation(self.order)
        edges = _by_signal(all_scores[:num_entries], signals, tf.size(given))
        scores = tf.gather(edges, given, axis=self.signal_axes)
        if loop_logits is not None:
            of_loops = _by_signal(all_scores[num_entries:], signals, num_rows)
            scores = tf.concat([scores, of_loops], axis=self.signal_axes)
        return _by_signal(y, signals, num_rows), scores

    def _copies(self, x):
        """The graph once for each signal of `x`, side by side as one without signals.

        Returns:
            The SparseAdjacency, and the sizes of the axes of the signals.
        """
        signals = keras.ops.shape(x)[: self.signal_axes]
        if not signals:
            return self, signals
        count = math.prod(signals)
        copies = dataclasses.replace(
            self,
            indices=ops.diagonal_copies(self.indices, self.shape, count),
            values=tf.tile(self.values, [count]),
            shape=tuple(_int64(count) * _int64(size) for size in self.shape),
            signal_axes=0,
        )
        return copies, signals


@dataclasses.dataclass(frozen=True)
class DenseAdjacency:
    """The adjacency `[..., M, N]` of a graph, or of each graph of a batch.

    Attributes:
        values: The weights, 0 where there is no edge, in float32 or float64.
        layer: The layer that uses it, named in errors. Empty for none.
        is_pair, signal_axes: As in `SparseAdjacency`. With signals, the adjacency is
            `[M, N]`.
    """

    values: tf.Tensor
    layer: str = ""
    is_pair: bool = False
    signal_axes: int = 0

    @property
    def dtype(self) -> tf.DType:
        return self.values.dtype

    @property
    def shape(self) -> tuple[Size, Size]:
        """`(M, N)`, each an int or a scalar int32 tensor."""
        static, sizes = self.values.shape, tf.shape(self.values)
        return tuple(sizes[i] if static[i] is None else static[i] for i in (-2, -1))

    def matmul(self, x: tf.Tensor) -> tf.Tensor:
        """`A @ x`, the weighted sum over neighbours: `[..., N, F]` to `[..., M, F]`."""

        def product(h):
            # As a batch of one: TensorFlow fuses a plain product with the bias after
            # it, and that kernel ends the process where there are no nodes.
            return tf.squeeze(tf.matmul(self.values[None], h[None]), 0)

        h = tf.cast(x, self.dtype)
        h = ops.side_by_side(product, h) if self.signal_axes else product(h)
        return tf.cast(h, x.dtype)

    def relu_sum(self, x: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
        """`Σ_j A_ij ReLU(x_j + edges_ij)`, with edges `[..., M, N, F]`."""
        h = tf.expand_dims(tf.cast(x, self.dtype), self._node_axis)
        h = tf.reduce_sum(tf.nn.relu(h + edges) * self.values[..., None], axis=-2)
        return tf.cast(h, x.dtype)

    def mean(self, x: tf.Tensor) -> tf.Tensor:
        """The weighted mean over neighbours, `[..., M, F]`; 0 without weights."""
        share = tf.math.reciprocal_no_nan(self.row_sums())
        return self.matmul(x) * tf.cast(share, x.dtype)[..., None]

    def max(self, x: tf.Tensor) -> tf.Tensor:
        """The maximum over neighbours, `[..., M, F]`; 0 where there are none."""
        return ops.dense_max(self.values, x)

    def sequence(
        self, x: tf.Tensor, cell: keras.layers.LSTMCell, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """A recurrent cell's last state, `[..., M, units]`."""
        return ops.dense_sequence(self.values, x, cell, seed)

    def row_sums(self) -> tf.Tensor:
        """The weighted degree of each receiver, `[..., M]`."""
        return tf.reduce_sum(self.values, axis=-1)

    def column_sums(self) -> tf.Tensor:
        """The weighted degree of each sender, `[..., N]`."""
        return tf.reduce_sum(self.values, axis=-2)

    def row_squares(self) -> tf.Tensor:
        """The sum of the squared weights of each receiver, `[..., M]`."""
        return tf.reduce_sum(self.values**2, axis=-1)

    def edge_indices(self) -> tf.Tensor:
        """The indices of each edge in `values`, sorted: `[E', 2]` or `[E', 3]`."""
        return tf.where(self.values != 0)

    def with_self_loops(self, weight: float) -> DenseAdjacency:
        """The adjacency in which each receiver without self-loop gets one."""
        diagonal = ops.diagonal(self.values)
        loops = tf.where(diagonal == 0, tf.cast(weight, self.dtype), diagonal)
        return dataclasses.replace(self, values=ops.with_diagonal(self.values, loops))

    def scaled(
        self, row_factors: tf.Tensor, column_factors: tf.Tensor
    ) -> DenseAdjacency:
        """`diag(row_factors) A diag(column_factors)`."""
        values = row_factors[..., :, None] * self.values * column_factors[..., None, :]
        return dataclasses.replace(self, values=values)

    def first_rows(self, x: tf.Tensor) -> tf.Tensor:
        """The rows of `x` `[..., N, ...]` of the receivers: `[..., M, ...]`."""
        return _first_rows(x, self._node_axis, self.shape)

    @property
    def is_square(self) -> bool:
        """Whether it is known, while tracing, that all nodes receive."""
        return _is_square(self.shape)

    @property
    def has_fewer_senders(self) -> bool:
        """Whether it is known, while tracing, that fewer nodes send than receive."""
        return _has_fewer_columns(self.shape)

    def check_edges(self, edges: tf.Tensor) -> None:
        """Raises a `ValueError` unless `edges` has a row for each pair of nodes."""
        pairs = self.values.shape
        if not edges.shape[:-1].is_compatible_with(pairs):
            message = (
                "Expected edge features of the shape of the adjacency with one more "
                f"dimension. Received: edge features of shape {tuple(edges.shape)}, "
                f"adjacency.shape={tuple(pairs)}"
            )
            raise ValueError(ops.name_layer(self.layer, message))

    def pair_sums(
        self, receivers: tf.Tensor, senders: tf.Tensor, edges: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`receivers[i] + senders[j] + edges[i, j]` for each pair of nodes.

        Args:
            receivers: `[..., M, H]` or `[..., M, H, F]`.
            senders: As `receivers`, of `N` nodes.
            edges: As `receivers`, of `M, N` pairs of nodes.
        """
        axis = self._node_axis
        sums = tf.expand_dims(receivers, axis + 1) + tf.expand_dims(senders, axis)
        return sums if edges is None else sums + edges

    def attend(
        self,
        logits: tf.Tensor,
        loop_logits: tf.Tensor | None,
        h: tf.Tensor,
        drop: Callable[[tf.Tensor], tf.Tensor],
        ends: ops.Ends | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Attention over the neighbours, see `ops.dense_attention`.

        Args:
            logits: `[..., M, N, H]`.
            loop_logits: `[..., M, H]`, the logits of added self-loops, or None.
            h: `[..., N, H, F]`.
            drop: Function that applies dropout.
            ends: Not used.
        """
        weights, logits = self.values, _heads_first(logits, 3)
        if loop_logits is not None:
            weights = self.with_self_loops(1.0).values
            missing = ops.diagonal(self.values) == 0
            loops = tf.where(
                missing[..., None, :],
                _heads_first(loop_logits, 2),
                ops.diagonal(logits),
            )
            logits = ops.with_diagonal(logits, loops)
        return ops.dense_attention(weights, logits, h, drop)

    @property
    def _node_axis(self):
        """The axis of the nodes in their features."""
        return self.values.shape.rank - 2 + self.signal_axes


def _heads_first(x, rank):
    """Moves the last axis of the last `rank` axes to their front."""
    axes = list(range(x.shape.rank))
    return tf.transpose(x, [*axes[:-rank], axes[-1], *axes[-rank:-1]])


def _first_rows(x, axis, shape):
    """The rows of the receivers, in features with the nodes along an axis."""
    if _is_square(shape):
        return x
    return x[(*[slice(None)] * axis, slice(shape[0]))]


def _by_signal(x, signals, num_rows):
    """Splits the rows by signal: `[... * M, F]` to `[..., M, F]`."""
    if not signals:
        return x
    if not isinstance(num_rows, int):
        num_rows = tf.cast(num_rows, tf.int32)
    return tf.reshape(x, [*signals, num_rows, *x.shape[1:]])


def _int64(size):
    return tf.cast(size, tf.int64)


def _is_square(shape):
    """Whether it is known, while tracing, that there are as many rows as columns."""
    rows, columns = shape
    known = isinstance(rows, int) and isinstance(columns, int)
    return rows is columns or (known and rows == columns)


def _has_fewer_columns(shape):
    """Whether it is known, while tracing, that there are fewer columns than rows."""
    rows, columns = shape
    return isinstance(rows, int) and isinstance(columns, int) and columns < rows


Adjacency: TypeAlias = SparseAdjacency | DenseAdjacency


def assert_square(adjacency: Adjacency, reason: str) -> None:
    """Raises an error, while tracing or at run time, if it is not `[N, N]`."""
    if _is_square(adjacency.shape):
        return
    rows, columns = adjacency.shape
    message = f"Expected a square adjacency: {reason}. "
    message += "Received: adjacency.shape=({}, {})"
    if isinstance(rows, int) and isinstance(columns, int):
        message = message.format(rows, columns)
        raise ValueError(ops.name_layer(adjacency.layer, message))
    rows, columns = tf.cast(rows, tf.int64), tf.cast(columns, tf.int64)
    message = ops.name_layer(adjacency.layer, message)
    ops.check(tf.equal(rows, columns), message, rows, columns)


def assert_not_negative(adjacency: Adjacency, instead: str) -> None:
    """Raises an error at run time if an edge has a negative weight.

    Under XLA, which has no assertions, nothing is checked.

    Args:
        adjacency: `SparseAdjacency` or `DenseAdjacency`.
        instead: What to use for negative weights, the end of the error's sentence.
    """
    lowest = tf.reduce_min(adjacency.values)
    message = "Expected an adjacency without negative weights; " + instead
    ops.check(
        ~(lowest < 0),  # the lowest of no weights is infinite
        ops.name_layer(adjacency.layer, message + ". Received: a weight of {}"),
        lowest,
    )

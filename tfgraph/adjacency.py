"""From what a user has (SparseTensor, GraphTensor, dense tensor) to one adjacency.

`adjacency[i, j]` is the weight of the message from node `j` to node `i`: rows receive.
The layers see `SparseAdjacency` and `DenseAdjacency` only, which offer the same
operations.
"""

import dataclasses

import tensorflow as tf

from tfgraph import ops


@dataclasses.dataclass(frozen=True)
class SparseAdjacency:
    """The adjacency `[M, N]` of one graph, by its entries.

    Attributes:
        indices: int64 `[E, 2]`, (receiver, sender) of each entry, sorted by receiver.
        values: `[E]`, the weights, in float32 or float64.
        num_rows: `M`, the number of receivers, an int or a scalar int64 tensor.
    """

    indices: tf.Tensor
    values: tf.Tensor
    num_rows: int | tf.Tensor

    @property
    def dtype(self):
        return self.values.dtype

    def matmul(self, x):
        """`A @ x`: the weighted sum over neighbours, `[N, F]` to `[M, F]`."""
        return ops.sparse_matmul(self.indices, self.values, self.num_rows, x)

    def row_sums(self, num_columns):
        """The weighted degree of each receiver, `[M, 1]`."""
        return self.matmul(tf.ones([num_columns, 1], self.dtype))

    def receivers(self, x):
        """The features of the receivers, the first `M` of the `N` nodes."""
        return x[: self.num_rows]

    def has_self_loop(self):
        """1 for receivers that have a self-loop, else 0, `[M, 1]`."""
        rows, columns = self.indices[:, 0], self.indices[:, 1]
        loops = tf.cast((rows == columns) & (self.values != 0), self.dtype)[:, None]
        return tf.minimum(tf.math.unsorted_segment_sum(loops, rows, self.num_rows), 1)


@dataclasses.dataclass(frozen=True)
class DenseAdjacency:
    """The adjacency `[..., M, N]` of a graph, or of each graph of a batch.

    Attributes:
        values: The weights, 0 where there is no edge, in float32 or float64.
    """

    values: tf.Tensor

    @property
    def dtype(self):
        return self.values.dtype

    def matmul(self, x):
        """`A @ x`: the weighted sum over neighbours, `[..., N, F]` to `[..., M, F]`."""
        return tf.matmul(self.values, x)

    def row_sums(self, num_columns):
        """The weighted degree of each receiver, `[..., M, 1]`."""
        return tf.reduce_sum(self.values, axis=-1, keepdims=True)

    def receivers(self, x):
        """The features of the receivers, the first `M` of the `N` nodes."""
        return x[..., : tf.shape(self.values)[-2], :]

    def has_self_loop(self):
        """1 for receivers that have a self-loop, else 0, `[..., M, 1]`."""
        loops = tf.linalg.diag_part(self.values)[..., None]
        return tf.cast(loops != 0, self.dtype)


def as_adjacency(adjacency, x):
    """Returns the adjacency of a `tf.SparseTensor` or of a dense tensor.

    Args:
        adjacency: `tf.SparseTensor` `[M, N]`, in any order, whose duplicate entries add
            up, or dense tensor `[M, N]` or `[B, M, N]`.
        x: The features `[N, F]` or `[B, N, F]` that it belongs to, dense or sparse.
    """
    check_shapes(x.shape, adjacency.shape)
    dtype = ops.weight_dtype(x.dtype)
    adjacency = cast("adjacency", adjacency, dtype)
    if not isinstance(adjacency, tf.SparseTensor):
        return DenseAdjacency(adjacency)
    if adjacency.shape[1] is None or x.shape[0] is None:
        with tf.control_dependencies([_assert_same_nodes(adjacency, x)]):
            adjacency = adjacency.with_values(tf.identity(adjacency.values))
    num_rows = adjacency.shape[0] or adjacency.dense_shape[0]
    return _sorted_adjacency(adjacency, num_rows)


def from_edges(source, target, weight, x):
    """Returns the adjacency of an edge list, such as a GraphTensor's edge set.

    Args:
        source: Integer `[E]`, the sender of each edge.
        target: Integer `[E]`, the receiver of each edge.
        weight: `[E]` or `[E, 1]`, or None for ones.
        x: The features `[N, F]` of the nodes, dense or sparse.
    """
    num_nodes = tf.shape(x, out_type=tf.int64)[0]
    dtype = ops.weight_dtype(x.dtype)
    indices = tf.stack([tf.cast(target, tf.int64), tf.cast(source, tf.int64)], axis=1)
    if weight is None:
        weight = tf.ones([tf.shape(indices)[0]], dtype)
    weight = tf.reshape(cast("edge weight", weight, dtype), [-1])
    entries = tf.SparseTensor(indices, weight, tf.stack([num_nodes, num_nodes]))
    return _sorted_adjacency(entries, x.shape[0] or num_nodes)


def check_shapes(x_shape, adjacency_shape):
    """Raises a `ValueError` if features and adjacency do not belong together."""
    x_shape, adjacency_shape = tuple(x_shape), tuple(adjacency_shape)
    received = f"Received: x.shape={x_shape}, adjacency.shape={adjacency_shape}"
    if len(adjacency_shape) not in (2, 3) or len(x_shape) != len(adjacency_shape):
        raise ValueError(
            "Expected features `x` of shape `[N, F]` with an adjacency of shape "
            "`[M, N]`, or `[B, N, F]` with a dense `[B, M, N]`. " + received
        )
    (num_rows, num_columns), num_nodes = adjacency_shape[-2:], x_shape[-2]
    if None not in (num_columns, num_nodes) and num_columns != num_nodes:
        raise ValueError(
            f"Expected an adjacency with one column for each of the {num_nodes} nodes "
            f"of `x`. {received}"
        )
    if None not in (num_rows, num_columns) and num_rows > num_columns:
        raise ValueError(
            "Expected an adjacency with no more rows (receivers) than columns "
            f"(senders): the receivers are the first of the senders. {received}"
        )


def cast(name, tensor, dtype):
    """Casts a tensor; a `ValueError` names it if it holds no real numbers."""
    if tensor.dtype == tf.string or tensor.dtype.is_complex:
        raise ValueError(
            f"Expected `{name}` of a real number type. "
            f"Received: {name}.dtype={tensor.dtype.name}"
        )
    return tf.cast(tensor, dtype)


def _sorted_adjacency(adjacency, num_rows):
    # Unsorted rows would make the CSR conversion silently wrong. For rows that are
    # sorted already, which `tfgraph.data.Graph` takes care of, this costs next to
    # nothing (2 ms for a million edges, against 400 ms).
    if not ops.compiled_by_xla():
        adjacency = tf.sparse.reorder(adjacency)
    return SparseAdjacency(adjacency.indices, adjacency.values, num_rows)


def _assert_same_nodes(adjacency, x):
    return tf.debugging.assert_equal(
        adjacency.dense_shape[1],
        tf.shape(x, out_type=tf.int64)[0],
        message="Expected an adjacency with one column for each node (row) of `x`",
    )

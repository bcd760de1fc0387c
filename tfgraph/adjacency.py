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
        shape: `(M, N)`, the numbers of receivers and senders, each an int or a scalar
            int64 tensor.
        order: `[E]`, which of the entries that were given each entry is; None for an
            adjacency that was made of another.
    """

    indices: tf.Tensor
    values: tf.Tensor
    shape: tuple[int | tf.Tensor, int | tf.Tensor]
    order: tf.Tensor | None = None

    @property
    def dtype(self):
        return self.values.dtype

    def matmul(self, x):
        """`A @ x`, the weighted sum over neighbours: `[N, F]` to `[M, F]`."""
        h = tf.cast(x, self.dtype)
        h = ops.sparse_matmul(self.indices, self.values, self.shape, h)
        return tf.cast(h, x.dtype)

    def mean(self, x):
        """The weighted mean over neighbours, `[M, F]`; 0 where the weights sum to 0."""
        share = tf.math.reciprocal_no_nan(self.row_sums())
        values = self.values * tf.gather(share, self.indices[:, 0])
        return SparseAdjacency(self.indices, values, self.shape).matmul(x)

    def max(self, x):
        """The maximum over neighbours, `[M, F]`; 0 where there are none."""
        return ops.sparse_max(self.indices, self.values, self.shape, x)

    def sequence(self, x, cell, seed=None):
        """A recurrent cell's last state, see `ops.sparse_sequence`: `[M, units]`."""
        return ops.sparse_sequence(self.indices, self.values, self.shape, x, cell, seed)

    def row_sums(self):
        """The weighted degree of each receiver, `[M]`."""
        return tf.math.unsorted_segment_sum(
            self.values, self.indices[:, 0], self.shape[0]
        )

    def row_squares(self):
        """The sum of the squared weights of each receiver, `[M]`."""
        rows = self.indices[:, 0]
        # Entries that are repeated, which sorting has made neighbours, add up first.
        changes = tf.reduce_any(self.indices[1:] != self.indices[:-1], axis=1)
        first = tf.concat([tf.ones_like(rows[:1], tf.bool), changes], axis=0)
        numbers = tf.cumsum(tf.cast(first, tf.int64)) - 1
        values = tf.math.segment_sum(self.values, numbers)
        rows = tf.boolean_mask(rows, first)
        return tf.math.unsorted_segment_sum(values**2, rows, self.shape[0])

    def with_self_loops(self, weight):
        """The adjacency in which each receiver without self-loop gets one."""
        indices, values = ops.add_self_loops(
            self.indices, self.values, self.shape[0], weight
        )
        return SparseAdjacency(indices, values, self.shape)

    def scaled(self, row_factors, column_factors):
        """`diag(row_factors) A diag(column_factors)`."""
        rows, columns = self.indices[:, 0], self.indices[:, 1]
        values = self.values * tf.gather(row_factors, rows)
        values *= tf.gather(column_factors, columns)
        return SparseAdjacency(self.indices, values, self.shape)

    def first_rows(self, x):
        """The rows of `x` `[N, ...]` that belong to the receivers: `[M, ...]`."""
        return x if _is_square(self.shape) else x[: self.shape[0]]

    @property
    def is_square(self):
        """Whether it is known, while tracing, that all nodes receive."""
        return _is_square(self.shape)

    def check_edges(self, edges):
        """Raises an error unless `edges` has a row for each of the given entries."""
        num_entries = self.indices.shape[0]
        if edges.shape.rank != 2 or num_entries not in (None, edges.shape[0]):
            raise ValueError(
                "Expected edge features of shape `[E, D]`, with one row for each of "
                f"the {num_entries} entries of the adjacency. "
                f"Received: edge features of shape {tuple(edges.shape)}"
            )
        if ops.compiled_by_xla():
            return
        sizes = tf.stack([tf.shape(self.indices)[0], tf.shape(edges)[0]])
        message = tf.strings.format(
            "Expected edge features with one row for each entry of the adjacency. "
            "Received: numbers of entries and of rows {}",
            sizes,
        )
        tf.debugging.Assert(tf.equal(sizes[0], sizes[1]), [message])

    def pair_sums(self, receivers, senders, edges=None):
        """`receivers[i] + senders[j] + edges[e]` for each edge `e` from `j` to `i`.

        Args:
            receivers: `[M, ...]`.
            senders: `[N, ...]`.
            edges: `[E, ...]`, in the order in which the entries were given.
        """
        sums = ops.entry_sums(self.indices, receivers, senders)
        return sums if edges is None else sums + tf.gather(edges, self.order)

    def attend(self, logits, loop_logits, h, drop):
        """Attention over the neighbours, see `ops.sparse_attention`.

        The scores, unlike the logits, are in the order of the entries given.
        """
        y, scores = ops.sparse_attention(
            self.indices, self.values, self.shape, logits, loop_logits, h, drop
        )
        given = tf.math.invert_permutation(self.order)
        loops = tf.range(tf.size(given), tf.shape(scores)[0])
        return y, tf.gather(scores, tf.concat([given, loops], axis=0))


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

    @property
    def shape(self):
        """`(M, N)`, each an int or a scalar int32 tensor."""
        static, sizes = self.values.shape, tf.shape(self.values)
        return tuple(sizes[i] if static[i] is None else static[i] for i in (-2, -1))

    def matmul(self, x):
        """`A @ x`, the weighted sum over neighbours: `[..., N, F]` to `[..., M, F]`."""
        return tf.cast(tf.matmul(self.values, tf.cast(x, self.dtype)), x.dtype)

    def mean(self, x):
        """The weighted mean over neighbours, `[..., M, F]`; 0 without weights."""
        share = tf.math.reciprocal_no_nan(self.row_sums())
        return self.matmul(x) * tf.cast(share, x.dtype)[..., None]

    def max(self, x):
        """The maximum over neighbours, `[..., M, F]`; 0 where there are none."""
        return ops.dense_max(self.values, x)

    def sequence(self, x, cell, seed=None):
        """A recurrent cell's last state, `[..., M, units]`."""
        return ops.dense_sequence(self.values, x, cell, seed)

    def row_sums(self):
        """The weighted degree of each receiver, `[..., M]`."""
        return tf.reduce_sum(self.values, axis=-1)

    def row_squares(self):
        """The sum of the squared weights of each receiver, `[..., M]`."""
        return tf.reduce_sum(self.values**2, axis=-1)

    def with_self_loops(self, weight):
        """The adjacency in which each receiver without self-loop gets one."""
        diagonal = tf.linalg.diag_part(self.values)
        loops = tf.where(diagonal == 0, tf.cast(weight, self.dtype), diagonal)
        return DenseAdjacency(tf.linalg.set_diag(self.values, loops))

    def scaled(self, row_factors, column_factors):
        """`diag(row_factors) A diag(column_factors)`."""
        return DenseAdjacency(
            row_factors[..., :, None] * self.values * column_factors[..., None, :]
        )

    def first_rows(self, x):
        """The rows of `x` `[..., N, ...]` of the receivers: `[..., M, ...]`."""
        batch = (slice(None),) * (self.values.shape.rank - 2)
        return x if _is_square(self.shape) else x[(*batch, slice(self.shape[0]))]

    @property
    def is_square(self):
        """Whether it is known, while tracing, that all nodes receive."""
        return _is_square(self.shape)

    def check_edges(self, edges):
        """Raises a `ValueError` unless `edges` has a row for each pair of nodes."""
        pairs = self.values.shape
        if not edges.shape[:-1].is_compatible_with(pairs):
            raise ValueError(
                "Expected edge features of the shape of the adjacency with one more "
                f"dimension. Received: edge features of shape {tuple(edges.shape)}, "
                f"adjacency.shape={tuple(pairs)}"
            )

    def pair_sums(self, receivers, senders, edges=None):
        """`receivers[i] + senders[j] + edges[i, j]` for each pair of nodes.

        Args:
            receivers: `[..., M, H]` or `[..., M, H, F]`.
            senders: As `receivers`, of `N` nodes.
            edges: As `receivers`, of `M, N` pairs of nodes.
        """
        axis = self.values.shape.rank - 1
        sums = tf.expand_dims(receivers, axis) + tf.expand_dims(senders, axis - 1)
        return sums if edges is None else sums + edges

    def attend(self, logits, loop_logits, h, drop):
        """Attention over the neighbours, see `ops.dense_attention`.

        Args:
            logits: `[..., M, N, H]`.
            loop_logits: `[..., M, H]`, those of the self-loops to add, or None.
            h: `[..., N, H, F]`.
            drop: Function that applies dropout.
        """
        weights, logits = self.values, _heads_first(logits, 3)
        if loop_logits is not None:
            weights = self.with_self_loops(1.0).values
            missing = tf.linalg.diag_part(self.values) == 0
            loops = tf.where(
                missing[..., None, :],
                _heads_first(loop_logits, 2),
                tf.linalg.diag_part(logits),
            )
            logits = tf.linalg.set_diag(logits, loops)
        return ops.dense_attention(weights, logits, h, drop)


def _heads_first(x, rank):
    """Moves the last axis of the last `rank` axes to their front."""
    axes = list(range(x.shape.rank))
    return tf.transpose(x, [*axes[:-rank], axes[-1], *axes[-rank:-1]])


def _is_square(shape):
    """Whether it is known, while tracing, that there are as many rows as columns."""
    rows, columns = shape
    known = isinstance(rows, int) and isinstance(columns, int)
    return rows is columns or (known and rows == columns)


def assert_square(adjacency, reason):
    """Raises an error, at run time if need be, unless the adjacency is `[N, N]`."""
    rows, columns = adjacency.shape
    if _is_square(adjacency.shape) or ops.compiled_by_xla():
        return
    if isinstance(rows, int) and isinstance(columns, int):
        raise ValueError(
            f"Expected a square adjacency: {reason}. "
            f"Received: adjacency.shape=({rows}, {columns})"
        )
    rows, columns = tf.cast(rows, tf.int64), tf.cast(columns, tf.int64)
    message = tf.strings.format(
        f"Expected a square adjacency: {reason}. Received: adjacency.shape={{}}",
        tf.stack([rows, columns]),
    )
    tf.debugging.Assert(tf.equal(rows, columns), [message])


def assert_not_negative(adjacency):
    """Raises an error, at run time if need be, if an edge has a negative weight."""
    if ops.compiled_by_xla():
        return
    lowest = tf.reduce_min(adjacency.values)
    message = tf.strings.format(
        "Expected an adjacency without negative weights. Received: a weight of {}",
        lowest,
    )
    tf.debugging.Assert(~(lowest < 0), [message])  # of no weights, the lowest is inf


def as_adjacency(adjacency, x):
    """Returns the adjacency of a `tf.SparseTensor` or of a dense tensor.

    Args:
        adjacency: `tf.SparseTensor` `[M, N]`, in any order, whose duplicate entries add
            up, or dense tensor `[M, N]` or `[B, M, N]`.
        x: The features `[N, F]` or `[B, N, F]` that it belongs to, dense or sparse.
    """
    check_shapes(x.shape, adjacency.shape)
    dtype = ops.weight_dtype(x.dtype)
    if not isinstance(adjacency, tf.SparseTensor):
        return DenseAdjacency(cast("adjacency", adjacency, dtype))
    check_is_matrix("adjacency", adjacency)
    sizes = adjacency.dense_shape
    shape = tuple(
        sizes[i] if static is None else static
        for i, static in enumerate(adjacency.shape)
    )
    values = cast("adjacency", adjacency.values, dtype)
    return _sparse_adjacency(adjacency.indices, values, sizes, shape, x)


def from_edges(source, target, weight, num_nodes, x):
    """Returns the adjacency of an edge list, such as a GraphTensor's edge set.

    Args:
        source: Integer `[E]`, the sender of each edge.
        target: Integer `[E]`, the receiver of each edge.
        weight: `[E]` or `[E, 1]`, or None for ones.
        num_nodes: Scalar integer tensor, the number of nodes `N`.
        x: The features `[N, F]` of the nodes, dense or sparse.
    """
    dtype = ops.weight_dtype(x.dtype)
    indices = tf.stack([tf.cast(target, tf.int64), tf.cast(source, tf.int64)], axis=1)
    if weight is None:
        weight = tf.ones([tf.shape(indices)[0]], dtype)
    if tuple(weight.shape[1:]) not in ((), (1,)):
        raise ValueError(
            "Expected one edge weight for each edge, of shape `[num_edges]` or "
            f"`[num_edges, 1]`. Received: edge weight of shape {tuple(weight.shape)}"
        )
    weight = tf.reshape(cast("edge weight", weight, dtype), [-1])
    num_nodes = tf.cast(num_nodes, tf.int64)
    shape = (num_nodes if x.shape[0] is None else x.shape[0],) * 2
    sizes = tf.stack([num_nodes, num_nodes])
    return _sparse_adjacency(indices, weight, sizes, shape, x)


def check_shapes(x_shape, adjacency_shape):
    """Raises a `ValueError` if features and adjacency do not belong together."""
    x_shape, adjacency_shape = tuple(x_shape), tuple(adjacency_shape)
    received = (
        f"Received: x.shape={x_shape}, adjacency.shape={adjacency_shape}"
        f"{_hint(x_shape, adjacency_shape)}"
    )
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


def _hint(x_shape, adjacency_shape) -> str:
    """What the user may have meant by shapes that do not fit."""
    if len(adjacency_shape) == 2 and 2 in adjacency_shape:
        return (
            ". A list of edges is no adjacency: `tfgraph.data.Graph(x, edges)."
            "to_sparse_tensor()` makes one of `edges` of shape `[E, 2]`"
        )
    if len(x_shape) == 2 and x_shape[0] == x_shape[1] and x_shape[0] is not None:
        return ". Are `x` and the adjacency swapped?"
    return ""


def cast(name, tensor, dtype):
    """Casts a tensor; a `ValueError` names it if it holds no real numbers."""
    if tensor.dtype == tf.string or tensor.dtype.is_complex:
        raise ValueError(
            f"Expected `{name}` of a real number type. "
            f"Received: {name}.dtype={tensor.dtype.name}"
        )
    return tf.cast(tensor, dtype)


def check_is_matrix(name, tensor):
    """Raises a `ValueError` if a SparseTensor is of another rank than 2."""
    if tensor.shape.rank != 2:
        raise ValueError(
            f"Expected a SparseTensor as `{name}` to be of rank 2: the graphs of a "
            "batch are merged into one, along the diagonal of its adjacency. "
            f"Received: {name}.shape={tuple(tensor.shape)}"
        )


def _sparse_adjacency(indices, values, sizes, shape, x):
    order = tf.range(tf.shape(indices)[0])
    if not ops.compiled_by_xla():
        # Unsorted rows would make the CSR conversion silently wrong. For rows that are
        # sorted already, which `tfgraph.data.Graph` takes care of, this costs next to
        # nothing (2 ms for a million edges, against 400 ms).
        entries = tf.sparse.reorder(tf.SparseTensor(indices, values, sizes))
        # Pruned from graph functions where nobody asks for the order.
        order = tf.sparse.reorder(tf.SparseTensor(indices, order, sizes)).values
        indices, values = entries.indices, entries.values
        _assert_fits(indices, sizes, tf.shape(x, out_type=tf.int64)[0])
    return SparseAdjacency(indices, values, shape, order)


def _assert_fits(indices, sizes, num_nodes):
    """Fails at run time if an edge names a node that does not exist."""
    lowest = tf.reduce_min(indices, axis=0)
    highest = tf.reduce_max(indices, axis=0)
    within = tf.reduce_all((lowest >= 0) & (highest < sizes)) & (sizes[0] <= sizes[1])
    # No control dependency ties the entries to the assertion: it would differ from
    # layer to layer, and hide from TensorFlow that they all do the same work. With a
    # message that is a string already, an assertion is a single operation.
    message = tf.strings.format(
        "Expected an adjacency with one column for each node (row of `x`), no more "
        "rows, and edges (receiver, sender) from (0, 0) to below its shape. Received: "
        "{} nodes, an "
        "adjacency of shape {}, indices from {} to {}",
        [num_nodes, sizes, lowest, highest],
    )
    tf.debugging.Assert(within & tf.equal(sizes[1], num_nodes), [message])

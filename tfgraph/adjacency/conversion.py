"""Conversion of a SparseTensor, GraphTensor or dense tensor to one adjacency."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from tfgraph import ops
from tfgraph.adjacency.types import Adjacency, DenseAdjacency, SparseAdjacency
from tfgraph.typing import Features, Shape, Size

_CUT = (
    "Keras cuts arrays into batches: give `fit`, `evaluate` and `predict` one graph by "
    "`tfgraph.data.full_batch(graph)`."
)


def as_adjacency(
    adjacency: Features,
    x: Features,
    layer: str = "",
    is_pair: bool = False,
    x_receivers: Features | None = None,
) -> Adjacency:
    """Returns the adjacency of a `tf.SparseTensor` or of a dense tensor.

    Args:
        adjacency: `tf.SparseTensor` `[M, N]`, or dense tensor `[M, N]` or `[B, M, N]`.
            Sparse entries may be in any order; repeated ones add up.
        x: The features `[N, F]` or `[B, N, F]` that it belongs to, dense or sparse; or
            many signals `[..., N, F]` on one graph `[M, N]`.
        layer: The layer that calls this, such as "GCNConv 'gcn_conv'", for errors.
        is_pair: Whether senders and receivers are two node sets. If not, the `M`
            receivers are the first of the `N` senders.
        x_receivers: The features of the receivers of a pair, or None.
    """
    receivers_shape = None if x_receivers is None else x_receivers.shape
    check_shapes(x.shape, adjacency.shape, is_pair, receivers_shape)
    dtype = ops.weight_dtype(x.dtype)
    signal_axes = x.shape.rank - adjacency.shape.rank
    if not isinstance(adjacency, tf.SparseTensor):
        values = cast("adjacency", adjacency, dtype)
        return DenseAdjacency(values, layer, is_pair, signal_axes)
    check_is_matrix("adjacency", adjacency)
    sizes = adjacency.dense_shape
    shape = tuple(
        sizes[i] if static is None else static
        for i, static in enumerate(adjacency.shape)
    )
    values = cast("adjacency", adjacency.values, dtype)
    made = SparseAdjacency(
        adjacency.indices,
        values,
        shape,
        layer=layer,
        is_pair=is_pair,
        signal_axes=signal_axes,
    )
    return _sorted(made, sizes, x, x_receivers)


def from_edges(
    source: tf.Tensor,
    target: tf.Tensor,
    weight: tf.Tensor | None,
    num_senders: Size,
    num_receivers: Size | None,
    x: Features,
    layer: str = "",
    x_receivers: Features | None = None,
    receiver: str = "target",
) -> SparseAdjacency:
    """Returns the adjacency of an edge list, such as a GraphTensor's edge set.

    Args:
        source: Integer `[E]`, the sender of each edge.
        target: Integer `[E]`, the receiver of each edge.
        weight: `[E]` or `[E, 1]`, or None for ones.
        num_senders: Scalar integer tensor, the number `N` of the nodes that send.
        num_receivers: The number `M` of the nodes that receive. None if they are the
            same nodes.
        x: The features `[N, F]` of the senders, dense or sparse; or many signals
            `[..., N, F]`.
        layer: As in `as_adjacency`.
        x_receivers: As in `as_adjacency`.
        receiver: "target", or "source" for messages against the edges. Edges are fast
            to convert if they are sorted by the end that is the target in the graph.
    """
    dtype = ops.weight_dtype(x.dtype)
    source, target = tf.cast(source, tf.int64), tf.cast(target, tf.int64)
    indices = tf.stack([target, source], axis=1)
    if weight is None:
        weight = tf.ones([tf.shape(indices)[0]], dtype)
    if tuple(weight.shape[1:]) not in ((), (1,)):
        raise ValueError(
            "Expected one edge weight for each edge, of shape `[num_edges]` or "
            f"`[num_edges, 1]`. Received: edge weight of shape {tuple(weight.shape)}"
        )
    weight = tf.reshape(cast("edge weight", weight, dtype), [-1])
    is_pair = num_receivers is not None
    if ops.compiled_by_xla():
        # By the shapes: XLA compiles anew for each value that a size is computed from.
        num_senders = tf.shape(x)[-2]
        if x_receivers is not None:
            num_receivers = tf.shape(x_receivers)[-2]
    num_columns = tf.cast(num_senders, tf.int64)
    num_rows = tf.cast(num_receivers, tf.int64) if is_pair else num_columns
    static_rows = x.shape[-2]
    if is_pair:
        static_rows = None if x_receivers is None else x_receivers.shape[-2]
    columns = num_columns if x.shape[-2] is None else x.shape[-2]
    rows = num_rows if static_rows is None else static_rows
    made = SparseAdjacency(
        indices,
        weight,
        (rows, columns),
        layer=layer,
        is_pair=is_pair,
        signal_axes=x.shape.rank - 2,
    )
    sizes = tf.stack([num_rows, num_columns])
    if receiver == "target" or ops.compiled_by_xla():
        return _sorted(made, sizes, x, x_receivers)
    # The same operations as for messages along the edges, which then run only once.
    forward = dataclasses.replace(
        made, indices=tf.stack([source, target], axis=1), shape=(columns, rows)
    )
    forward = _reordered(forward, tf.stack([num_columns, num_rows]))
    _assert_fits(made, forward.indices[:, ::-1], sizes, x, x_receivers)
    return _transposed(forward)


def check_shapes(
    x_shape: Shape,
    adjacency_shape: Shape,
    is_pair: bool = False,
    receivers_shape: Shape | None = None,
) -> None:
    """Raises a `ValueError` if features and adjacency do not belong together.

    Args:
        x_shape: Shape of the features; for a pair, of the senders' features.
        adjacency_shape: Shape of the adjacency.
        is_pair: Whether senders and receivers are two node sets.
        receivers_shape: Shape of the features of a pair's receivers, or None.
    """
    x_shape, adjacency_shape = tuple(x_shape), tuple(adjacency_shape)
    received = (
        f"Received: x.shape={x_shape}, adjacency.shape={adjacency_shape}"
        f"{_hint(x_shape, adjacency_shape)}"
    )
    ranks = len(x_shape), len(adjacency_shape)
    if ranks != (3, 3) and (ranks[0] < 2 or ranks[1] != 2):
        raise ValueError(
            "Expected features `x` of shape `[N, F]`, or of many signals on one graph, "
            "such as `[B, N, F]` or `[B, T, N, F]`, with an adjacency of shape "
            "`[M, N]`; or `[B, N, F]` with a dense `[B, M, N]`. " + received
        )
    (num_rows, num_columns), num_nodes = adjacency_shape[-2:], x_shape[-2]
    if None not in (num_columns, num_nodes) and num_columns != num_nodes:
        raise ValueError(
            f"Expected an adjacency with one column for each of the {num_nodes} nodes "
            f"of `x`. {received}"
        )
    if is_pair:
        if receivers_shape is not None:
            _check_receivers(tuple(receivers_shape), x_shape, adjacency_shape)
        return
    if num_rows is not None and num_columns is not None and num_rows > num_columns:
        raise ValueError(
            "Expected an adjacency with no more rows (receivers) than columns "
            f"(senders): the receivers are the first of the senders. {received}"
        )


def check_single_signal(x_shape: Shape, signal_axes: int) -> None:
    """Raises a `ValueError` for many signals `[..., N, F]` on one graph.

    Args:
        x_shape: Shape of the features.
        signal_axes: As in `SparseAdjacency`.
    """
    if signal_axes:
        raise ValueError(
            "Expected features `[N, F]` with an adjacency `[N, N]`, or `[B, N, F]` "
            "with a dense `[B, N, N]`: only convolutions take many signals on one "
            f"graph. Received: features of shape {tuple(x_shape)} for one adjacency"
        )


def _check_receivers(receivers_shape, x_shape, adjacency_shape):
    rows = (*x_shape[:-2], adjacency_shape[-2])
    if not tf.TensorShape(receivers_shape[:-1]).is_compatible_with(rows):
        raise ValueError(
            "Expected an adjacency with one row for each of the receivers of the pair "
            f"`(x_senders, x_receivers)`. Received: x_receivers.shape={receivers_shape}"
            f", adjacency.shape={adjacency_shape}"
        )


def _hint(x_shape: Shape, adjacency_shape: Shape) -> str:
    """What the user may have meant by shapes that do not fit."""
    if len(adjacency_shape) == 2 and 2 in adjacency_shape:
        return (
            ". A list of edges is no adjacency: `tfgraph.data.Graph(x, edges)."
            "to_sparse_tensor()` makes one of `edges` of shape `[E, 2]`"
        )
    if len(x_shape) == 2 and x_shape[0] == x_shape[1] and x_shape[0] is not None:
        return ". Are `x` and the adjacency swapped?"
    if len(x_shape) == 2 and x_shape[0] == adjacency_shape[0] is not None:
        return f". {_CUT}"
    return ""


def checked_rows(x: Features, adjacency: Features, layer: str = "") -> Features:
    """Returns `x`, once it is known that the adjacency has a column for each row.

    Otherwise a kernel may find out first, and says so in other words. Shapes that are
    known while tracing are compared by `check_shapes`.

    Args:
        x: The features `[..., N, F]`.
        adjacency: The SparseTensor or dense tensor `[..., M, N]`.
        layer: As in `as_adjacency`.
    """
    is_sparse = isinstance(adjacency, tf.SparseTensor)
    known = None not in (x.shape[-2], adjacency.shape[-1])
    if known or isinstance(x, tf.SparseTensor):
        return x
    num_nodes = tf.shape(x, tf.int64)[-2]
    shape = adjacency.dense_shape if is_sparse else tf.shape(adjacency, tf.int64)
    message = (
        "Expected an adjacency with one column for each node (row of `x`). "
        f"Received: {{}} nodes, an adjacency of shape {{}}. {_CUT}"
    )
    fits = tf.equal(shape[-1], num_nodes)
    checked = ops.check(fits, ops.name_layer(layer, message), num_nodes, shape)
    with tf.control_dependencies([checked]):
        return tf.identity(x)


def cast(name: str, tensor: Features, dtype: tf.DType | str) -> Features:
    """Casts a tensor; a `ValueError` names it if it holds no real numbers."""
    if tensor.dtype == tf.string or tensor.dtype.is_complex:
        raise ValueError(
            f"Expected `{name}` of a real number type. "
            f"Received: {name}.dtype={tensor.dtype.name}"
        )
    return tf.cast(tensor, dtype)


def check_is_matrix(name: str, tensor: tf.SparseTensor) -> None:
    """Raises a `ValueError` if a SparseTensor is of another rank than 2."""
    if tensor.shape.rank != 2:
        raise ValueError(
            f"Expected a SparseTensor as `{name}` to be of rank 2: the graphs of a "
            "batch are merged into one, along the diagonal of its adjacency. "
            f"Received: {name}.shape={tuple(tensor.shape)}"
        )


def _sorted(adjacency, sizes, x, x_receivers):
    """Returns a SparseAdjacency with its entries sorted and checked.

    Args:
        adjacency: A SparseAdjacency.
        sizes: int64 `[2]`, its number of rows and columns.
        x: The features of the senders.
        x_receivers: The features of the receivers of a pair, or None.
    """
    if ops.compiled_by_xla():
        order = tf.range(tf.shape(adjacency.indices)[0])
        return dataclasses.replace(adjacency, order=order)
    made = _reordered(adjacency, sizes)
    _assert_fits(adjacency, made.indices, sizes, x, x_receivers)
    return dataclasses.replace(made, indices=_within(made.indices, made.shape))


def _reordered(adjacency, sizes):
    """Returns a SparseAdjacency with its entries sorted by row, then column."""
    # Unsorted rows would make the CSR conversion silently wrong. For rows that are
    # sorted already, which `tfgraph.data.Graph` takes care of, this costs next to
    # nothing (2 ms for a million edges, against 400 ms).
    indices = adjacency.indices
    entries = tf.sparse.reorder(tf.SparseTensor(indices, adjacency.values, sizes))
    # TensorFlow removes this from graph functions that do not use the order.
    order = tf.range(tf.shape(indices)[0])
    order = tf.sparse.reorder(tf.SparseTensor(indices, order, sizes)).values
    return dataclasses.replace(
        adjacency, indices=entries.indices, values=entries.values, order=order
    )


def _transposed(adjacency):
    """Returns the transpose, again sorted by row, then column.

    By counting: for five million entries it takes 0.1 s, and sorting 2.7 s.

    Args:
        adjacency: A SparseAdjacency, sorted. Its indices may be out of range.
    """
    rows, columns = adjacency.shape
    sizes = tf.stack([tf.cast(size, tf.int64) for size in adjacency.shape])
    place = tf.range(tf.shape(adjacency.indices)[0])
    by_row = tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=_within(adjacency.indices, adjacency.shape),
        values=tf.cast(place, tf.float64),  # exact
        dense_shape=tf.maximum(sizes, 1),
    )
    by_column = tf.raw_ops.CSRSparseMatrixToSparseTensor(
        sparse_matrix=tf.raw_ops.SparseMatrixTranspose(input=by_row, type=tf.float64),
        type=tf.float64,
    )
    place = tf.cast(by_column.values, tf.int32)
    return dataclasses.replace(
        adjacency,
        indices=by_column.indices,
        values=tf.gather(adjacency.values, place),
        shape=(columns, rows),
        order=tf.gather(adjacency.order, place),
    )


def _assert_fits(adjacency, indices, sizes, x, x_receivers):
    """Fails at run time if an edge names a node that does not exist."""
    lowest = tf.reduce_min(indices, axis=0)
    highest = tf.reduce_max(indices, axis=0)
    num_senders = tf.shape(x, out_type=tf.int64)[-2]
    fits = tf.reduce_all((lowest >= 0) & (highest < sizes))
    fits &= tf.equal(sizes[1], num_senders)
    rows = "no more rows"
    if not adjacency.is_pair:
        fits &= sizes[0] <= sizes[1]
    elif x_receivers is not None:
        fits &= tf.equal(sizes[0], tf.shape(x_receivers, out_type=tf.int64)[-2])
        rows = "one row for each receiver (row of `x_receivers`)"
    # No control dependency ties the entries to the assertion: it would differ from
    # layer to layer, and hide from TensorFlow that they all do the same work.
    ops.check(
        fits,
        ops.name_layer(
            adjacency.layer,
            "Expected an adjacency with one column for each node (row of `x`), "
            f"{rows}, and edges (receiver, sender) from (0, 0) to below its shape. "
            "Received: {} nodes, an adjacency of shape {}, indices from {} to {}. "
            + _CUT,
        ),
        num_senders,
        sizes,
        lowest,
        highest,
    )


def _within(indices, shape):
    """Returns `indices`, clipped to the legal range.

    The assertion reports an index out of range. Without the clip, a kernel may report
    it first in other words, or try to allocate too much memory. It costs 1.5 ms for a
    million edges.
    """
    sizes = tf.stack([tf.cast(size, tf.int64) for size in shape])
    return tf.clip_by_value(indices, 0, tf.maximum(sizes - 1, 0))

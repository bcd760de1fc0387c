"""Sparse times dense: the sum over neighbours of every convolution."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import keras
import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from tfgraph.typing import Features, Size

_FOR_OTHER_RUNTIMES = contextvars.ContextVar("for_other_runtimes", default=False)


def matmul(x: Features, kernel: tf.Tensor | keras.Variable) -> tf.Tensor:
    """Returns `x @ kernel` for dense or sparse features `x`, in the dtype of `x`.

    Args:
        x: `[..., N, F]`, or `tf.SparseTensor` `[N, F]` sorted by row. The sums of
            sparse features are in float32 at least.
        kernel: `[F, units]`.
    """
    if not isinstance(x, tf.SparseTensor):
        return keras.ops.matmul(x, keras.ops.cast(kernel, x.dtype))
    dtype = weight_dtype(x.dtype)
    num_rows = x.dense_shape[0] if x.shape[0] is None else x.shape[0]
    shape = (num_rows, kernel.shape[0])
    values, kernel = tf.cast(x.values, dtype), keras.ops.cast(kernel, dtype)
    h = sparse_matmul(x.indices, values, shape, kernel)
    return tf.cast(h, x.dtype)


def unit_length(x: tf.Tensor, shortest: float = 0.0) -> tf.Tensor:
    """Divides each row of `x` `[..., F]` by its L2 norm.

    The norm is in float32 at least, as float16 would overflow. A row of zeros stays and
    has a gradient of 0. With `tf.math.l2_normalize` it would be a million.

    Args:
        x: `[..., F]`.
        shortest: Rows that are not longer become rows of zeros.
    """
    precise = tf.cast(x, weight_dtype(x.dtype))
    squares = tf.reduce_sum(precise**2, axis=-1, keepdims=True)
    factors = tf.math.rsqrt(tf.maximum(squares, 1e-12))
    factors = tf.where(squares > shortest**2, factors, tf.zeros([], factors.dtype))
    return tf.cast(precise * factors, x.dtype)


def weight_dtype(dtype: tf.DType | str) -> tf.DType:
    """The dtype to sum over neighbours in: float64 for float64, else float32."""
    return tf.float64 if dtype == tf.float64 else tf.float32


def sparse_matmul(
    indices: tf.Tensor, values: tf.Tensor, shape: tuple[Size, Size], x: tf.Tensor
) -> tf.Tensor:
    """Returns `A @ x` for the sparse `A` with entries `A[indices[e]] = values[e]`.

    With `values` `[E, H]` there are `H` matrices with the same entries, such as heads
    of an attention, each with its own part of `x`. Repeated entries add up. It is
    differentiable with respect to `values` and `x`. The gradient of `x` is a product,
    `Aᵀ @ dy`, and not a scatter.

    Args:
        indices: int64 `[E, 2]`, row and column of each entry, **sorted by row**.
        values: `[E]` or `[E, H]`, float32 or float64.
        shape: `(M, N)`, each an int or a scalar int64 tensor.
        x: `[N, F]` or `[N, H, F]`, of the dtype of `values`.

    Returns:
        `[M, F]` or `[M, H, F]`, of the dtype of `x`.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if an index is negative or out of
            range.
    """
    if compiled_by_xla():  # which has no kernel for CSR matrices
        return _gather_matmul(indices, values, shape[0], x)
    if values.shape.rank == 1:
        # Not [:, None] and [:, 0], whose gradients would copy.
        values, x = tf.expand_dims(values, 1), tf.expand_dims(x, 1)
        return tf.squeeze(sparse_matmul(indices, values, shape, x), axis=1)
    y = _csr_product(indices, values, _sizes(shape), x)
    return _with_static_rows(y, shape, x)


def pair_matmul(
    indices: tf.Tensor,
    values: tf.Tensor,
    slopes: tf.Tensor,
    log_weights: tf.Tensor,
    shape: tuple[Size, Size],
    receivers: tf.Tensor,
    senders: tf.Tensor,
    x: tf.Tensor,
) -> tf.Tensor:
    """As `sparse_matmul`, for values that are a function of a number of each node.

        y_i = Σ_j v_ij x_j,    v_ij = w_ij f(r_i + s_j),    v'_ij = w_ij f'(r_i + s_j)

    The gradients of `r` and `s` take two products, and nothing for each entry:

        dr_i = dy_i · Σ_j v'_ij x_j,    ds_j = x_j · Σ_i v'_ij dy_i

    Args:
        indices, shape: As in `sparse_matmul`.
        values: `[E, H]`, the `v`. It gets no gradient, as what it is made of does.
        slopes: `[E, H]`, the `v'`.
        log_weights: `[E]`, the logarithms of `w`.
        receivers: `[M, H]`, the `r`.
        senders: `[N, H]`, the `s`.
        x: `[N, H, F]`.

    Returns:
        `[M, H, F]`.
    """
    y = _csr_pair_product(
        indices, values, slopes, log_weights, _sizes(shape), receivers, senders, x
    )
    return _with_static_rows(y, shape, x)


def _sizes(shape):
    return tf.stack([tf.cast(size, tf.int64) for size in shape])


def _with_static_rows(y, shape, x):
    static_rows = shape[0] if isinstance(shape[0], int) else None
    return tf.ensure_shape(y, [static_rows, *x.shape[1:]])


def compiled_by_xla() -> bool:
    """Whether the code being traced is inside a `jit_compile=True` function.

    True in `for_other_runtimes`, too. They lack the same operations as XLA.
    """
    if is_for_other_runtimes():
        return True
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(
        tf.compat.v1.get_default_graph()
    )


@contextlib.contextmanager
def for_other_runtimes() -> Iterator[None]:
    """Context in which a model is traced to be converted to ONNX or LiteRT.

    These have no CSR matrices, no assertions and no strings. Unlike XLA, they do not
    need to know sizes.
    """
    token = _FOR_OTHER_RUNTIMES.set(True)
    try:
        yield
    finally:
        _FOR_OTHER_RUNTIMES.reset(token)


def is_for_other_runtimes() -> bool:
    """Whether the code is being traced in `for_other_runtimes`."""
    return _FOR_OTHER_RUNTIMES.get()


def _gather_matmul(indices, values, num_rows, x):
    messages = values[..., None] * tf.gather(x, indices[:, 1])
    return tf.math.unsorted_segment_sum(messages, indices[:, 0], num_rows)


# TensorFlow's own gradients are no match: for `values` they build a dense [M, N]
# product, for `x` they transpose inside the product, at twice the time.
@tf.custom_gradient
def _csr_product(indices, values, shape, x):
    def gradient(dy):
        # Pruned from graph functions where nobody asks for it.
        dvalues = _entry_dots(indices, dy, x)
        return None, dvalues, None, _transposed_product(indices, values, shape, dy)

    return _product(indices, values, shape, x), gradient


@tf.custom_gradient
def _csr_pair_product(
    indices, values, slopes, log_weights, shape, receivers, senders, x
):
    def gradient(dy):
        from_senders = _product(indices, slopes, shape, x)
        from_receivers = _transposed_product(indices, slopes, shape, dy)
        # Pruned from graph functions where nobody asks for it, as in `_csr_product`.
        dlog_weights = tf.reduce_sum(values * _entry_dots(indices, dy, x), axis=1)
        return (
            *(None, None, None, dlog_weights, None),
            tf.reduce_sum(dy * from_senders, axis=-1),
            tf.reduce_sum(x * from_receivers, axis=-1),
            _transposed_product(indices, values, shape, dy),
        )

    return _product(indices, values, shape, x), gradient


def _product(indices, values, shape, x):
    """`A @ x` of each head. `shape` is a tensor `[2]`."""
    # A product without rows would end the process (a division by zero).
    num_rows, at_least_one = shape[0], tf.maximum(shape, [1, 0])
    y = []
    for v, x_head in zip(_heads(values), _heads(x), strict=True):
        csr = _csr(indices, v, at_least_one)
        y.append(tf.raw_ops.SparseMatrixMatMul(a=csr, b=x_head)[:num_rows])
    return _stack_heads(y)


def _transposed_product(indices, values, shape, y):
    """`Aᵀ @ y` of each head."""
    num_columns, at_least_one = shape[1], tf.maximum(shape, [0, 1])
    x = []
    for v, y_head in zip(_heads(values), _heads(y), strict=True):
        csr = _csr(indices, v, at_least_one)
        csr = tf.raw_ops.SparseMatrixTranspose(input=csr, type=y.dtype)
        x.append(tf.raw_ops.SparseMatrixMatMul(a=csr, b=y_head)[:num_columns])
    return _stack_heads(x)


def _csr(indices, values, shape):
    # TensorFlow removes identical operations from a graph function, so layers that
    # share an adjacency convert and transpose it only once.
    return tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=indices, values=values, dense_shape=shape
    )


def _heads(x):
    """The parts of `x` along its second axis, each for a product of its own."""
    return [tf.squeeze(x, 1)] if x.shape[1] == 1 else tf.unstack(x, axis=1)


def _stack_heads(parts):
    return parts[0][:, None] if len(parts) == 1 else tf.stack(parts, axis=1)


def _entry_dots(indices, y, x):
    """`y[i] · x[j]` of each entry `(i, j)`: `[M, H, F]`, `[N, H, F]` to `[E, H]`.

    Pieces of a million numbers stay in the cache. For a million entries with 64
    features they take 0.10 s, against 0.45 s for one gather, and hardly any memory.
    """
    num_heads, width = keras.ops.shape(x)[1:]
    size = tf.maximum(1, 2**20 // tf.maximum(num_heads * width, 1))
    num_pieces = tf.maximum(-(-tf.shape(indices)[0] // size), 1)

    def piece(i, dots):
        entries = indices[i * size : (i + 1) * size]
        products = tf.gather(y, entries[:, 0]) * tf.gather(x, entries[:, 1])
        return i + 1, dots.write(i, tf.reduce_sum(products, axis=-1))

    dots = tf.TensorArray(
        x.dtype, num_pieces, element_shape=[None, num_heads], infer_shape=False
    )
    _, dots = tf.while_loop(
        lambda i, _: i < num_pieces, piece, (0, dots), parallel_iterations=1
    )
    return dots.concat()

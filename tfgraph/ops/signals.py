"""Many signals on the nodes of one graph: features `[..., N, F]` of one adjacency."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from tfgraph.ops.matmul import compiled_by_xla
from tfgraph.typing import Size


def side_by_side(product: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """Applies a function of `[N, F]` to all signals at once, as further features.

    Args:
        product: Function from `[N, width]` to `[M, width]`, for any width above 0.
        x: `[..., N, F]`.

    Returns:
        `[..., M, F]`.
    """
    if x.shape.rank == 2:
        return product(x)
    *signals, num_nodes, width = keras.ops.shape(x)
    count = math.prod(signals)
    x = tf.reshape(x, [count, num_nodes, width])
    if not compiled_by_xla() and (not isinstance(count, int) or not count):
        # A sparse product without columns is an error. So no signals are one of zeros.
        one = tf.zeros([1, num_nodes, width], x.dtype)
        x = tf.cond(tf.equal(count, 0), lambda: one, lambda: x)
    some = keras.ops.shape(x)[0]
    h = tf.reshape(tf.transpose(x, [1, 0, 2]), [num_nodes, some * width])
    h = product(h)
    h = tf.reshape(h, [keras.ops.shape(h)[0], some, width])
    h = tf.transpose(h, [1, 0, 2])[:count]
    return tf.reshape(h, [*signals, *keras.ops.shape(h)[1:]])


def one_below_the_other(x: tf.Tensor, num_axes: int) -> tf.Tensor:
    """Merges `num_axes` axes with the next one: `[..., N, F]` to `[... * N, F]`."""
    if not num_axes:
        return x
    sizes = keras.ops.shape(x)
    return tf.reshape(x, [math.prod(sizes[: num_axes + 1]), *sizes[num_axes + 1 :]])


def diagonal_copies(
    indices: tf.Tensor, shape: tuple[Size, Size], count: Size
) -> tf.Tensor:
    """The entries of a matrix with copies of a sparse one along its diagonal.

    Args:
        indices: int64 `[E, 2]`, row and column of each entry.
        shape: `(M, N)` of the one matrix.
        count: The number of copies, an int or a scalar tensor.

    Returns:
        int64 `[count * E, 2]`, copy by copy, sorted if `indices` are.
    """
    size = tf.stack([tf.cast(size, tf.int64) for size in shape])
    first = tf.range(tf.cast(count, tf.int64))[:, None, None] * size
    return tf.reshape(first + indices, [-1, 2])

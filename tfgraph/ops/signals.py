"""Many signals on the nodes of one graph: features `[..., N, F]` of one adjacency."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from tfgraph.typing import Size


def side_by_side(product: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """Applies a function of `[N, F]` to all signals at once, as further features.

    Args:
        product: Function from `[N, width]` to `[M, width]`, for any width.
        x: `[..., N, F]`.

    Returns:
        `[..., M, F]`.
    """
    if x.shape.rank == 2:
        return product(x)
    last = x.shape.rank - 1
    h = tf.transpose(x, [last - 1, *range(last - 1), last])
    num_nodes, *others = keras.ops.shape(h)
    h = product(tf.reshape(h, [num_nodes, math.prod(others)]))
    h = tf.reshape(h, [keras.ops.shape(h)[0], *others])
    return tf.transpose(h, [*range(1, last), 0, last])


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

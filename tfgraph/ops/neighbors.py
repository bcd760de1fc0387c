"""Maxima and sequences over the neighbours of each node."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfgraph.ops.recurrent import cell_step
from tfgraph.ops.segments import row_max, row_sum
from tfgraph.typing import Size


def sparse_max(
    indices: tf.Tensor, values: tf.Tensor, shape: tuple[Size, Size], x: tf.Tensor
) -> tf.Tensor:
    """The maximum of each feature over the neighbours.

    Args:
        indices: int64 `[E, 2]`, row and column of each entry, sorted by row.
        values: `[E]`. An entry of value 0 is ignored.
        shape: `(M, N)`, each an int or a scalar int64 tensor.
        x: `[N, F]`.

    Returns:
        `[M, F]`, 0 for a row without entries.
    """
    messages = tf.gather(x, indices[:, 1])
    messages = tf.where((values != 0)[:, None], messages, x.dtype.min / 2)
    return _zero_if_none(row_max(messages, indices[:, 0], shape[0]))


def dense_max(values: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """As `sparse_max`, for values `[..., M, N]` and `x` `[..., N, F]`."""
    lowest = tf.constant(x.dtype.min / 2, x.dtype)
    messages = tf.where(values[..., None] != 0, x[..., None, :, :], lowest)
    return _zero_if_none(tf.reduce_max(messages, axis=-2))


def _zero_if_none(highest):
    return tf.where(highest <= highest.dtype.min / 2, tf.zeros_like(highest), highest)


def sparse_sequence(
    indices: tf.Tensor,
    values: tf.Tensor,
    shape: tuple[Size, Size],
    x: tf.Tensor,
    cell: keras.layers.LSTMCell,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """Runs a recurrent cell over the neighbours of each node.

    Each step takes one neighbour of every node that still has one. Rows are sorted by
    degree, highest first, so these nodes are the first rows. The cell sees each entry
    once, however different the degrees are.

    Args:
        indices: int64 `[E, 2]`, row and column of each entry, sorted by row.
        values: `[E]`. An entry of value 0 is ignored.
        shape: `(M, N)`, each an int or a scalar int64 tensor.
        x: `[N, F]`.
        cell: A built `keras.layers.LSTMCell`.
        seed: `[2]`, to draw a random order of each row's entries. None to keep the
            order.

    Returns:
        The last states `[M, units]`, 0 for a row without entries.
    """
    indices = tf.boolean_mask(indices, values != 0)
    rows, columns = indices[:, 0], indices[:, 1]
    if seed is not None:
        keys = tf.random.stateless_uniform(tf.shape(rows), seed, dtype=tf.float64)
        columns = tf.gather(columns, tf.argsort(tf.cast(rows, tf.float64) + keys))
    ones = tf.ones_like(rows, tf.int32)
    degrees = row_sum(ones, rows, shape[0])
    by_degree = tf.argsort(degrees, direction="DESCENDING", stable=True)
    first = tf.gather(tf.cumsum(degrees, exclusive=True), by_degree)
    num_steps = tf.reduce_max(tf.pad(degrees, [[0, 1]]))

    def step(t, h, c, done):
        num_active = tf.math.count_nonzero(degrees > t, dtype=tf.int32)
        done = done.write(num_steps - t, h[num_active:])
        neighbors = tf.gather(columns, first[:num_active] + t)
        states = h[:num_active], c[:num_active]
        h, c = cell_step(cell, tf.gather(x, neighbors), states)
        return t + 1, h, c, done

    zeros = tf.zeros([tf.shape(degrees)[0], cell.units], x.dtype)
    done = tf.TensorArray(
        x.dtype, num_steps + 1, element_shape=[None, cell.units], infer_shape=False
    )
    free = tf.TensorShape([None, cell.units])
    _, h, _, done = tf.while_loop(
        lambda t, *_: t < num_steps,
        step,
        (0, zeros, zeros, done),
        shape_invariants=(tf.TensorShape([]), free, free, None),
    )
    states = done.write(0, h).concat()
    states = tf.gather(states, tf.math.invert_permutation(by_degree))
    static_rows = shape[0] if isinstance(shape[0], int) else None
    return tf.ensure_shape(states, [static_rows, cell.units])


def dense_sequence(
    values: tf.Tensor,
    x: tf.Tensor,
    cell: keras.layers.LSTMCell,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """As `sparse_sequence`, for values `[..., M, N]` or `[M, N]`, `x` `[..., N, F]`.

    Takes one step for each of the `N` nodes. A row without an edge from this node keeps
    its state.
    """
    num_nodes = tf.shape(x)[-2]
    order = tf.range(num_nodes)
    if seed is not None:
        order = tf.random.experimental.stateless_shuffle(order, seed)

    def step(t, h, c):
        present = tf.gather(values, order[t], axis=-1)[..., None] != 0
        sender = tf.gather(x, order[t], axis=-2)[..., None, :]
        sender = tf.broadcast_to(
            sender, tf.concat([tf.shape(h)[:-1], [x.shape[-1]]], axis=0)
        )
        flat = [tf.reshape(part, [-1, part.shape[-1]]) for part in (sender, h, c)]
        states = cell_step(cell, flat[0], flat[1:])
        states = [tf.reshape(state, tf.shape(h)) for state in states]
        return t + 1, *(
            tf.where(present, new, old) for new, old in zip(states, (h, c), strict=True)
        )

    sizes = [tf.shape(x)[:-2], tf.shape(values)[-2:-1], [cell.units]]
    zeros = tf.zeros(tf.concat(sizes, axis=0), x.dtype)
    zeros = tf.ensure_shape(zeros, [*x.shape[:-2], values.shape[-2], cell.units])
    _, h, _ = tf.while_loop(
        lambda t, *_: t < num_nodes,
        step,
        (0, zeros, zeros),
        shape_invariants=(tf.TensorShape([]), zeros.shape, zeros.shape),
    )
    return h

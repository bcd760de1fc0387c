"""Diagonals of dense matrices, also where runtimes have no operation for them."""

from __future__ import annotations

import tensorflow as tf

from tfgraph.ops.matmul import is_for_other_runtimes


def diagonal(x: tf.Tensor) -> tf.Tensor:
    """Returns the diagonals of matrices: `[..., M, N]` to `[..., min(M, N)]`."""
    if not is_for_other_runtimes():
        return tf.linalg.diag_part(x)
    size = tf.reduce_min(tf.shape(x)[-2:])
    square = x[..., :size, :size]
    return tf.reduce_sum(
        tf.where(_on_diagonal(square), square, tf.zeros([], x.dtype)), axis=-1
    )


def with_diagonal(x: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns matrices `[..., M, N]` with other diagonals, `[..., min(M, N)]`."""
    if not is_for_other_runtimes():
        return tf.linalg.set_diag(x, values)
    missing = tf.shape(x)[-2] - tf.shape(values)[-1]
    values = tf.pad(values, [[0, 0]] * (values.shape.rank - 1) + [[0, missing]])
    return tf.where(_on_diagonal(x), values[..., None], x)


def _on_diagonal(x):
    """Booleans `[M, N]`."""
    rows, columns = tf.shape(x)[-2], tf.shape(x)[-1]
    return tf.range(rows)[:, None] == tf.range(columns)

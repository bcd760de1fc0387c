"""Sparse matrices with repeated entries, which add up."""

from __future__ import annotations

import tensorflow as tf

from tfgraph.ops.matmul import is_for_other_runtimes
from tfgraph.typing import Size


def to_dense(x: tf.SparseTensor) -> tf.Tensor:
    """Returns a sparse matrix as a dense one.

    Unlike `tf.sparse.to_dense`, it takes repeated and unsorted entries.
    """
    if is_for_other_runtimes():  # in ONNX, the last of repeated entries would remain
        num_rows, num_columns = x.dense_shape[0], x.dense_shape[1]
        places = x.indices[:, 0] * num_columns + x.indices[:, 1]
        values = tf.math.unsorted_segment_sum(x.values, places, num_rows * num_columns)
        return tf.reshape(values, x.dense_shape)
    return tf.scatter_nd(x.indices, x.values, x.dense_shape)


def merge_repeated(
    indices: tf.Tensor, values: tf.Tensor, num_columns: Size
) -> tuple[tf.Tensor, tf.Tensor]:
    """Puts the sum of the values of a repeated entry on the first of them.

    The others get the value 0, so the number of entries stays. Entries that are sorted
    and not repeated are returned unchanged. This check takes 3 ms for a million
    entries.

    Args:
        indices: int64 `[E, 2]`, row and column of each entry, in any order.
        values: `[E]`.
        num_columns: Number of columns `N`, an int or a scalar int64 tensor.

    Returns:
        Indices `[E, 2]`, sorted by row and column, and values `[E]`.
    """
    keys = indices[:, 0] * tf.cast(num_columns, tf.int64) + indices[:, 1]

    def merged():
        order = tf.argsort(keys, stable=True)
        sorted_keys = tf.gather(keys, order)
        changes = sorted_keys[1:] > sorted_keys[:-1]
        first = tf.concat([tf.ones_like(keys[:1], tf.bool), changes], axis=0)
        entry = tf.cumsum(tf.cast(first, tf.int32)) - 1
        sums = tf.math.unsorted_segment_sum(
            tf.gather(values, order), entry, tf.size(keys)
        )
        sums = tf.where(first, tf.gather(sums, entry), tf.zeros([], values.dtype))
        return tf.gather(indices, order), sums

    increasing = tf.reduce_all(keys[1:] > keys[:-1])
    return tf.cond(increasing, lambda: (indices, values), merged)

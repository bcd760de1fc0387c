"""Sums and maxima over the entries of each row of a sparse matrix."""

from __future__ import annotations

import tensorflow as tf

from tfgraph.ops.matmul import compiled_by_xla
from tfgraph.typing import Size


def row_sum(values: tf.Tensor, rows: tf.Tensor, num_rows: Size) -> tf.Tensor:
    """The sum of the entries of each row; `rows` is sorted."""
    if compiled_by_xla():  # where nothing is sorted, and shapes must be known
        return tf.math.unsorted_segment_sum(values, rows, num_rows)
    return _with_rows(tf.math.segment_sum(values, rows), num_rows)


def row_max(values: tf.Tensor, rows: tf.Tensor, num_rows: Size) -> tf.Tensor:
    """The maximum of the entries of each row, the lowest number if it has none."""
    if compiled_by_xla():
        return tf.math.unsorted_segment_max(values, rows, num_rows)
    # Takes an eighth of the time of the unsorted one, but gives 0 for an empty row.
    highest = _with_rows(tf.math.segment_max(values, rows), num_rows)
    present = row_sum(tf.ones_like(rows, tf.int32), rows, num_rows) > 0
    return tf.where(present[:, None], highest, values.dtype.min / 2)


def _with_rows(values, num_rows):
    """Adds zeros for the rows after the last one that has an entry."""
    missing = tf.cast(num_rows, tf.int32) - tf.shape(values)[0]
    static = num_rows if isinstance(num_rows, int) else None
    values = tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1))
    return tf.ensure_shape(values, [static, *values.shape[1:]])

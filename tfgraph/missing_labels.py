"""Labels `[N, C]` of which some are missing, for a loss and for metrics."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def known_and_weights(
    owner: str, y_true: Any, y_pred: Any, sample_weight: Any, dtype: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns labels with 0 for each NaN, and their weights, which are then 0.

    Args:
        owner: The class that is called, for the error.
        y_true: Labels `[N, C]`, NaN where there is none.
        y_pred: Predictions `[N, C]`.
        sample_weight: Weights `[N]`, `[N, 1]` or `[N, C]`, or None.
        dtype: Type of the results.

    Returns:
        Two tensors `[N, C]`.

    Raises:
        ValueError: If labels or predictions are of another shape.
    """
    y_true = tf.cast(y_true, dtype)
    shapes = y_true.shape, tf.TensorShape(y_pred.shape)
    if shapes[0].rank != 2 or not shapes[0].is_compatible_with(shapes[1]):
        raise ValueError(
            f"{owner}: expected labels and predictions of the same shape [N, C]. "
            "Received: y_true with shape={}, y_pred with shape={}".format(*shapes)
        )
    missing = tf.math.is_nan(y_true)
    weights = tf.cast(~missing, dtype)
    if sample_weight is not None:
        sample_weight = tf.cast(sample_weight, dtype)
        if sample_weight.shape.rank == 1:
            sample_weight = sample_weight[:, None]
        weights *= sample_weight
    # The gradient of a loss of NaN is NaN, even with weight 0.
    return tf.where(missing, tf.zeros_like(y_true), y_true), weights

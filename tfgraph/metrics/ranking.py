"""Exact ranking metrics: every score counts."""

from __future__ import annotations

import keras
import numpy.typing as npt
import tensorflow as tf

from tfgraph import ops
from tfgraph.arguments import received


class _RankingMetric(keras.metrics.Metric):
    """Collects all predictions, which the result then ranks.

    `keras.metrics.AUC` counts the predictions between 200 thresholds. That takes less
    memory, and is an approximation: many scores of inner products lie so close together
    that they fall between the same two thresholds.
    """

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)
        # Plain variables, since those of Keras cannot grow.
        self._columns = {
            column: tf.Variable(
                tf.zeros([0], dtype), shape=[None], trainable=False, name=column
            )
            for column, dtype in (
                ("scores", tf.float64),
                ("labels", tf.bool),
                ("weights", tf.float64),
            )
        }

    def update_state(
        self,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> None:
        """Adds predictions.

        Args:
            y_true: Labels 0 or 1, of any shape.
            y_pred: One score for each label, higher for likelier positives.
            sample_weight: One weight for each label, or `[N]` for labels `[N, C]`, or
                None for weights of 1.

        Raises:
            ValueError: If an argument holds no numbers.
            tf.errors.InvalidArgumentError: If a label is neither 0 nor 1, or there is
                not one score and one weight for each label.
        """
        name = type(self).__name__
        given = _numbers("y_true", y_true)
        scores = tf.reshape(_numbers("y_pred", y_pred), [-1])
        labels = tf.reshape(given, [-1])
        binary = ops.check(
            tf.reduce_all((labels == 0) | (labels == 1)),
            f"{name}: expected `y_true` to hold 0 and 1. Received: {{}}",
            labels,
        )
        same_size = ops.check(
            tf.size(labels) == tf.size(scores),
            f"{name}: expected one label for each score. "
            "Received: {} labels and {} scores",
            tf.size(labels),
            tf.size(scores),
        )
        if sample_weight is None:
            weights = tf.ones_like(scores)
        else:
            weights = _numbers("sample_weight", sample_weight)
            if weights.shape.rank == 1 and given.shape.rank == 2:
                weights = tf.repeat(weights, tf.shape(given)[1])
            weights = tf.reshape(weights, [-1])
        a_weight_each = ops.check(
            tf.size(weights) == tf.size(scores),
            f"{name}: expected one weight for each score, or for each row of scores. "
            "Received: {} weights and {} scores",
            tf.size(weights),
            tf.size(scores),
        )
        with tf.control_dependencies([binary, same_size, a_weight_each]):
            added = {"scores": scores, "labels": labels == 1, "weights": weights}
            for column, variable in self._columns.items():
                variable.assign(tf.concat([variable, added[column]], axis=0))

    def reset_state(self) -> None:
        """Forgets all predictions."""
        for variable in self._columns.values():
            variable.assign(tf.zeros([0], variable.dtype))


@keras.saving.register_keras_serializable("tfgraph")
class RocAUC(_RankingMetric):
    """Area under the ROC curve, exactly: scikit-learn's `roc_auc_score`.

    The probability that a positive scores higher than a negative; a tie counts half.
    The result is NaN without positives, without negatives, or if a score or a weight is
    NaN.

    Every score is kept until the end of an epoch, 17 bytes each. XLA has no kernels for
    such growing state, so it is not for models compiled with `jit_compile=True`.

    Example:

    ```python
    model.compile("adam", metrics=[tfgraph.metrics.RocAUC()])
    ```

    Args:
        name, dtype: As in `keras.metrics.Metric`.
    """

    def __init__(self, name: str | None = "auc", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> tf.Tensor:
        """Returns the area for all predictions since the last reset."""
        return tf.cast(_roc_auc(*self._columns.values()), self.dtype)


@keras.saving.register_keras_serializable("tfgraph")
class AveragePrecision(_RankingMetric):
    """Average precision, exactly: scikit-learn's `average_precision_score`.

        AP = Σ_n (R_n - R_(n-1)) P_n

    with precision `P_n` and recall `R_n` at the n-th highest score. For each positive,
    take the precision among all that score at least as high; the result is the mean.
    It is NaN without positives, or if a score or a weight is NaN.

    Every score is kept until the end of an epoch, 17 bytes each. XLA has no kernels for
    such growing state, so it is not for models compiled with `jit_compile=True`.

    Example:

    ```python
    model.compile("adam", metrics=[tfgraph.metrics.AveragePrecision()])
    ```

    Args:
        name, dtype: As in `keras.metrics.Metric`.
    """

    def __init__(self, name: str | None = "ap", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> tf.Tensor:
        """Returns the precision for all predictions since the last reset."""
        return tf.cast(_average_precision(*self._columns.values()), self.dtype)


def _numbers(name: str, value: npt.ArrayLike) -> tf.Tensor:
    """Returns an argument as float64, or raises a `ValueError` that names it."""
    try:
        return tf.cast(value, tf.float64)
    except (ValueError, TypeError, tf.errors.UnimplementedError):
        raise ValueError(
            f"Expected `{name}` to hold numbers. {received(name, value)}"
        ) from None


# Keras asks for results twice an epoch, outside of any graph function.
_ranking_function = tf.function(
    input_signature=[
        tf.TensorSpec([None], tf.float64),
        tf.TensorSpec([None], tf.bool),
        tf.TensorSpec([None], tf.float64),
    ]
)


@_ranking_function
def _roc_auc(scores, labels, weights):
    above, from_, total = _sums_from_above(scores, labels, weights, ~labels)
    positive_weights = tf.boolean_mask(weights, labels)
    below = total - (above + from_) / 2  # half of the tied
    area = tf.reduce_sum(positive_weights * below)
    area /= tf.reduce_sum(positive_weights) * total
    return _nan_if_any_is(scores, weights, area)


@_ranking_function
def _average_precision(scores, labels, weights):
    _, positives, _ = _sums_from_above(scores, labels, weights, labels)
    _, negatives, _ = _sums_from_above(scores, labels, weights, ~labels)
    positive_weights = tf.boolean_mask(weights, labels)
    precisions = tf.math.divide_no_nan(positives, positives + negatives)
    mean = tf.reduce_sum(positive_weights * precisions)
    mean /= tf.reduce_sum(positive_weights)
    return _nan_if_any_is(scores, weights, mean)


def _nan_if_any_is(scores, weights, result):
    """Returns NaN if a score or weight is: a NaN has no place in a ranking."""
    has_nan = tf.reduce_any(tf.math.is_nan(scores) | tf.math.is_nan(weights))
    return tf.where(has_nan, tf.constant(float("nan"), result.dtype), result)


def _sums_from_above(scores, labels, weights, mask):
    """Returns sums of the weights in `mask`, for each positive and in all.

    The first is over higher scores, the second over scores at least as high. The third
    is over all scores.
    """
    positives = tf.boolean_mask(scores, labels)
    ranked, weights = tf.boolean_mask(scores, mask), tf.boolean_mask(weights, mask)
    order = tf.argsort(-ranked)
    ranked = tf.gather(-ranked, order)
    sums = tf.pad(tf.cumsum(tf.gather(weights, order)), [[1, 0]])
    above = tf.searchsorted(ranked, -positives, side="left")
    from_ = tf.searchsorted(ranked, -positives, side="right")
    return tf.gather(sums, above), tf.gather(sums, from_), sums[-1]

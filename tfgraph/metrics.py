"""Exact ranking metrics of links, and what embeddings tell a linear classifier."""

import keras
import numpy as np
import tensorflow as tf


class _RankingMetric(keras.metrics.Metric):
    """Collects every prediction, since a ranking is one of all of them.

    `keras.metrics.AUC` needs less memory, as it counts the predictions between 200
    thresholds, and is an approximation. Scores that crowd together, as those of inner
    products do, fall between two thresholds.
    """

    def __init__(self, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        # Plain variables, as Keras has none that grow.
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

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds predictions.

        Args:
            y_true: Labels 0 or 1 of any shape, `[P]` altogether.
            y_pred: Scores, as many, higher for likelier positives.
            sample_weight: Weights, as many, or `[N]` for labels `[N, C]`, or None for
                ones.
        """
        y_true = tf.convert_to_tensor(y_true)
        scores = tf.reshape(tf.cast(y_pred, tf.float64), [-1])
        labels = tf.reshape(tf.cast(y_true, tf.float64), [-1])
        binary = tf.reduce_all((labels == 0) | (labels == 1))
        message = tf.strings.format(
            f"{type(self).__name__}: expected `y_true` to hold 0 and 1. Received: {{}}",
            labels,
        )
        check = tf.debugging.Assert(binary, [message])
        same_size = tf.debugging.assert_equal(
            tf.size(labels),
            tf.size(scores),
            f"{type(self).__name__}: expected one label for each score.",
        )
        if sample_weight is None:
            weights = tf.ones_like(scores)
        else:
            weights = tf.cast(sample_weight, tf.float64)
            if weights.shape.rank == 1 and y_true.shape.rank == 2:
                weights = tf.repeat(weights, tf.shape(y_true)[1])
            weights = tf.reshape(weights, [-1])
        a_weight_each = tf.debugging.assert_equal(
            tf.size(weights),
            tf.size(scores),
            f"{type(self).__name__}: expected one weight for each score, or for each "
            "row of scores.",
        )
        # Those known to hold are None.
        checks = [c for c in (check, same_size, a_weight_each) if c is not None]
        with tf.control_dependencies(checks):
            added = {"scores": scores, "labels": labels == 1, "weights": weights}
            for column, variable in self._columns.items():
                variable.assign(tf.concat([variable, added[column]], axis=0))

    def reset_state(self):
        for variable in self._columns.values():
            variable.assign(tf.zeros([0], variable.dtype))


@keras.saving.register_keras_serializable("tfgraph")
class RocAUC(_RankingMetric):
    """Area under the ROC curve, exactly: scikit-learn's `roc_auc_score`.

    The probability that a positive scores higher than a negative, where a tie counts
    half. NaN without positives or without negatives.

    Every score is kept until the end of an epoch, 17 bytes each. The state grows, for
    which XLA has no kernels (`jit_compile=False`).

    Example:

    ```python
    model.compile("adam", metrics=[tfgraph.metrics.RocAUC()])
    ```

    Args:
        name, dtype: As in `keras.metrics.Metric`.
    """

    def __init__(self, name="auc", dtype=None):
        super().__init__(name, dtype)

    def result(self):
        return tf.cast(_roc_auc(*self._columns.values()), self.dtype)


@keras.saving.register_keras_serializable("tfgraph")
class AveragePrecision(_RankingMetric):
    """Average precision, exactly: scikit-learn's `average_precision_score`.

        AP = Σ_n (R_n - R_(n-1)) P_n

    with precision `P_n` and recall `R_n` at the n-th highest score: the mean over the
    positives of the precision among all that score at least as high. NaN without
    positives.

    Every score is kept until the end of an epoch, 17 bytes each. The state grows, for
    which XLA has no kernels (`jit_compile=False`).

    Example:

    ```python
    model.compile("adam", metrics=[tfgraph.metrics.AveragePrecision()])
    ```

    Args:
        name, dtype: As in `keras.metrics.Metric`.
    """

    def __init__(self, name="ap", dtype=None):
        super().__init__(name, dtype)

    def result(self):
        return tf.cast(_average_precision(*self._columns.values()), self.dtype)


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
    weights = tf.boolean_mask(weights, labels)
    below = total - (above + from_) / 2  # half of the tied
    return tf.reduce_sum(weights * below) / (tf.reduce_sum(weights) * total)


@_ranking_function
def _average_precision(scores, labels, weights):
    _, positives, _ = _sums_from_above(scores, labels, weights, labels)
    _, negatives, _ = _sums_from_above(scores, labels, weights, ~labels)
    weights = tf.boolean_mask(weights, labels)
    precisions = tf.math.divide_no_nan(positives, positives + negatives)
    return tf.reduce_sum(weights * precisions) / tf.reduce_sum(weights)


def _sums_from_above(scores, labels, weights, mask):
    """Weight in `mask` above each positive's score, from that score on, and of all."""
    positives = tf.boolean_mask(scores, labels)
    ranked, weights = tf.boolean_mask(scores, mask), tf.boolean_mask(weights, mask)
    order = tf.argsort(-ranked)
    ranked = tf.gather(-ranked, order)
    sums = tf.pad(tf.cumsum(tf.gather(weights, order)), [[1, 0]])
    above = tf.searchsorted(ranked, -positives, side="left")
    from_ = tf.searchsorted(ranked, -positives, side="right")
    return tf.gather(sums, above), tf.gather(sums, from_), sums[-1]


def linear_probe(z, y, train, test, l2: float = 1e-4, steps: int = 500) -> float:
    """Scores embeddings by the logistic regression that they allow, as micro-F1.

    The evaluation of unsupervised embeddings in GraphSAGE: they are standardised with
    the training nodes' means and deviations, logistic regression is trained on the
    training nodes, and scored on the test nodes (Hamilton, Ying & Leskovec, NeurIPS
    2017, https://arxiv.org/abs/1706.02216; there by scikit-learn's `SGDClassifier`,
    whose penalty of 1e-4 · ½‖W‖² this has too).

    Args:
        z: Embeddings `[N, D]`, or raw features.
        y: Class numbers `[N]`, or 0 and 1 for each of several labels `[N, C]`.
        train: Boolean mask `[N]` or node numbers.
        test: As `train`.
        l2: The penalty's factor.
        steps: Steps of Adam, each on all training nodes.

    Returns:
        Micro-F1 in `[0, 1]`, over all labels together; of class numbers, that is the
        accuracy.

    Raises:
        ValueError: If `z` and `y` are not as long as each other, there is no training
            or test node, or one has no label.
    """
    z, y = np.asarray(z, "float64"), np.asarray(y)
    if z.ndim != 2 or len(z) != len(y):
        raise ValueError(
            "Expected embeddings `z` [N, D] with a row for each of `y`. "
            f"Received: z.shape={z.shape}, y.shape={y.shape}"
        )
    for name, nodes in (("train", train), ("test", test)):
        if not len(y[nodes]):
            raise ValueError(f"Expected `{name}` to select nodes. Received: none")
        if y[nodes].min() < 0 or (y.ndim == 2 and y[nodes].max() > 1):
            raise ValueError(
                "Expected `y` to hold class numbers [N], or 0 and 1 [N, C], for all "
                f"nodes of `{name}`. Received: numbers from {y[nodes].min()} to "
                f"{y[nodes].max()}, y.shape={y.shape}"
            )
    mean, deviation = z[train].mean(axis=0), z[train].std(axis=0)
    is_constant = deviation <= 1e-6 * np.abs(mean)
    z = ((z - mean) / np.where(is_constant, 1, deviation)).astype("float32")
    several = y.ndim == 2
    probe = keras.Sequential(
        [
            keras.layers.Dense(
                y.shape[1] if several else int(y.max()) + 1,
                kernel_initializer="zeros",
                kernel_regularizer=keras.regularizers.L2(l2 / 2),
            )
        ]
    )
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if several
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    probe.compile(keras.optimizers.Adam(0.05), loss)
    data = tf.data.Dataset.from_tensors((z[train], y[train])).repeat()
    probe.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0)
    logits = probe.predict_on_batch(z[test])
    if not several:
        return float(np.mean(logits.argmax(axis=1) == y[test]))
    predicted, true = logits > 0, y[test] > 0
    either = np.sum(predicted) + np.sum(true)
    return float(2 * np.sum(predicted & true) / max(either, 1))

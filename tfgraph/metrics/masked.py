"""Metrics of labels that are partly missing."""

from __future__ import annotations

from typing import Any

import keras
import numpy.typing as npt
import tensorflow as tf

from tfgraph.arguments import received
from tfgraph.missing_labels import known_and_weights


@keras.saving.register_keras_serializable("tfgraph")
class MaskedMetric(keras.metrics.Metric):
    """A metric of several labels of each node, of which some are missing (NaN).

    Another metric gets all entries of `y [N, C]`, as `N * C` examples of one label.
    Missing ones have weight 0. So the tasks count together, each by its number of
    labels.

    Example:

    ```python
    model.compile(
        "adam",
        tfgraph.losses.MaskedLoss("binary_crossentropy"),
        weighted_metrics=[tfgraph.metrics.MaskedMetric("binary_accuracy")],
    )
    ```

    Args:
        metric: A metric of single entries, a `keras.metrics.Metric` or the name of one:
            such as "binary_accuracy" or `tfgraph.metrics.RocAUC()`.
        name: By default the name of the metric.

    Raises:
        ValueError: If `metric` is no metric.
    """

    def __init__(
        self, metric: str | dict | keras.metrics.Metric, name: str | None = None
    ) -> None:
        # In `compile`, Keras reads "accuracy" by the shapes; alone, it is equality.
        found = None if metric in ("acc", "accuracy") else keras.metrics.get(metric)
        if not isinstance(found, keras.metrics.Metric):
            raise ValueError(
                "MaskedMetric: expected `metric` to be a metric of Keras, such as "
                f"'binary_accuracy'. {received('metric', metric)}"
            )
        if name is None:
            name = metric if isinstance(metric, str) else found.name
        super().__init__(name=name, dtype=found.dtype)
        self.metric = found

    def update_state(
        self,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> None:
        """Adds predictions.

        Args:
            y_true: Labels `[N, C]`, NaN where there is none.
            y_pred: Predictions `[N, C]`.
            sample_weight: Weights `[N]` or `[N, C]`, or None.

        Raises:
            ValueError: If labels or predictions are of another shape.
        """
        y_pred = tf.convert_to_tensor(y_pred)
        known, weights = known_and_weights(
            "MaskedMetric", y_true, y_pred, sample_weight, self.dtype
        )
        self.metric.update_state(
            tf.reshape(known, [-1, 1]),
            tf.reshape(y_pred, [-1, 1]),
            tf.reshape(weights, [-1]),
        )

    def result(self) -> tf.Tensor:
        """Returns the metric of all entries since the last reset."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Forgets all predictions."""
        self.metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        metric = keras.metrics.serialize(self.metric)
        return {"metric": metric, "name": self.name}

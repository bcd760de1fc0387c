"""Metrics of labels that are partly missing."""

from __future__ import annotations

from collections.abc import Sequence
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
    labels. With names of the `tasks`, each column has a metric of its own instead.
    Keras logs them as it logs those of several outputs: `history["toxic_auc"]` and
    `history["val_toxic_auc"]` for a task "toxic".

    Example:

    ```python
    model.compile(
        "adam",
        tfgraph.losses.MaskedLoss("binary_crossentropy"),
        weighted_metrics=[tfgraph.metrics.MaskedMetric("binary_accuracy")],
    )
    ```

    One value for each task:

    ```python
    auc = tfgraph.metrics.MaskedMetric(
        tfgraph.metrics.RocAUC(), tasks=["toxic", "soluble"]
    )
    labels = [[1, 0], [0, np.nan], [0, 1]]
    auc.update_state(labels, [[0.9, 0.7], [0.3, 0.4], [0.1, 0.6]])
    auc.result()  # {"toxic_auc": 1.0, "soluble_auc": 0.0}
    ```

    Args:
        metric: A metric of single entries, a `keras.metrics.Metric` or the name of one:
            such as "binary_accuracy" or `tfgraph.metrics.RocAUC()`.
        name: By default the name of the metric.
        tasks: The `C` different names of the columns, such as `graph.class_names`, for
            a value of each. None for one value of all.

    Raises:
        ValueError: If `metric` is no metric, or `tasks` is no list of different names.
    """

    def __init__(
        self,
        metric: str | dict | keras.metrics.Metric,
        name: str | None = None,
        tasks: Sequence[str] | None = None,
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
        self.tasks = None if tasks is None else _checked_tasks(tasks)
        self.column_metrics = [found]
        if self.tasks is not None:
            config = found.get_config()
            self.column_metrics = [type(found).from_config(config) for _ in self.tasks]

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
            ValueError: If labels or predictions are of another shape, or do not have a
                column for each task.
        """
        y_pred = tf.convert_to_tensor(y_pred)
        known, weights = known_and_weights(
            "MaskedMetric", y_true, y_pred, sample_weight, self.dtype
        )
        columns = [known, y_pred, weights]
        if self.tasks is None:
            columns = [tf.reshape(part, [-1, 1]) for part in columns]
        elif known.shape[1] not in (None, len(self.tasks)):
            raise ValueError(
                f"MaskedMetric: expected labels of {len(self.tasks)} columns, one for "
                f"each of `tasks`. Received: y_true with shape={known.shape}"
            )
        for column, metric in enumerate(self.column_metrics):
            y, p, w = (part[:, column : column + 1] for part in columns)
            metric.update_state(y, p, w[:, 0])

    def result(self) -> tf.Tensor | dict[str, tf.Tensor]:
        """Returns the metric since the last reset: of all entries, or by task."""
        if self.tasks is None:
            return self.metric.result()
        return {
            f"{task}_{self.name}": metric.result()
            for task, metric in zip(self.tasks, self.column_metrics, strict=True)
        }

    def reset_state(self) -> None:
        """Forgets all predictions."""
        for metric in self.column_metrics:
            metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        metric = keras.metrics.serialize(self.metric)
        return {"metric": metric, "name": self.name, "tasks": self.tasks}


def _checked_tasks(tasks):
    is_list = hasattr(tasks, "__iter__") and not isinstance(tasks, str)
    names = [str(task) for task in tasks] if is_list else []
    if not names or len(set(names)) < len(names):
        raise ValueError(
            "MaskedMetric: expected `tasks` to be a list of different names, one for "
            f"each column of the labels. {received('tasks', tasks)}"
        )
    return names

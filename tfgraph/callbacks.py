"""Keras callbacks."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgraph.arguments import checked_integer, wrong_object
from tfgraph.data.graphs.graph import Graph

__all__ = ["EmbeddingProjector", "LossAndMetricStopping"]


def __dir__() -> list[str]:
    return __all__


class EmbeddingProjector(keras.callbacks.Callback):
    """Writes latent vectors for TensorBoard's embedding projector.

    The directory then holds `tensors.tsv`, `projector_config.pbtxt` and, with labels,
    `metadata.tsv`. `tensorboard --logdir runs/vgae` shows them under "Projector". The
    page https://projector.tensorflow.org takes the two .tsv files.

    Example:

    ```python
    data = tfgraph.data.full_batch(train)
    callback = tfgraph.callbacks.EmbeddingProjector("runs/vgae", data, graph.y)
    model.fit(data, epochs=200, callbacks=[callback], shuffle=False)
    ```

    Args:
        directory: Local directory to write to. It is made if it does not exist.
        data: What to call `model.predict` with, such as `full_batch(graph)`. The
            predictions are the vectors `[N, D]`.
        labels: A label to show for each node, `[N]`: numbers, or strings without tabs
            and line breaks. None for no labels.
        every: Number of epochs after which the files are written again. They are also
            written at the end of training. None for the end of training only.

    Raises:
        ValueError: If `data` is a `Graph`, or `every` is not a positive integer. Also,
            when the files are written, if there is not one label for each vector.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        data: Any,
        labels: Sequence[Any] | np.ndarray | None = None,
        every: int | None = None,
    ) -> None:
        super().__init__()
        if isinstance(data, Graph):
            hint = "Convert it with `tfgraph.data.full_batch(data)`."
            raise wrong_object("data", "what `model.predict` takes", data, hint)
        if every is not None:
            checked_integer("every", every, 1)
        self.directory = Path(directory)
        self.data = data
        self.labels = labels
        self.every = every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.every is not None and (epoch + 1) % self.every == 0:
            self.write()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.write()

    def write(self) -> None:
        """Writes the files for the model as it is now."""
        z = np.asarray(self.model.predict(self.data, verbose=0), np.float32)
        config = 'embeddings {\n  tensor_path: "tensors.tsv"\n'
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.labels is not None:
            if len(self.labels) != len(z):
                raise ValueError(
                    f"Expected `labels` to have one entry for each of the {len(z)} "
                    f"latent vectors. Received: {len(self.labels)} labels"
                )
            config += '  metadata_path: "metadata.tsv"\n'
            lines = "".join(f"{label}\n" for label in self.labels)
            (self.directory / "metadata.tsv").write_text(lines, encoding="utf-8")
        np.savetxt(self.directory / "tensors.tsv", z, fmt="%.7g", delimiter="\t")
        config_path = self.directory / "projector_config.pbtxt"
        config_path.write_text(config + "}\n", encoding="utf-8")


class LossAndMetricStopping(keras.callbacks.Callback):
    """Early stopping on a loss and a metric, as in the official code of GAT.

    Training stops when, for `patience` epochs, neither of the two has equalled or
    improved its best value. The model then gets the weights of the last epoch in which
    both equalled or improved their best values.

    Args:
        patience: Positive integer, the number of epochs.
        loss: Name of the value for which lower is better. The `val_loss` of Keras
            includes the regularisation, which the official code leaves out. To leave it
            out, pass the loss as one of the `weighted_metrics`, and its name here.
        metric: Name of the value for which higher is better.

    Raises:
        ValueError: If `patience` is not a positive integer. Also, in training, if Keras
            reports no value with the name `loss` or `metric`.
    """

    def __init__(
        self,
        patience: int = 100,
        loss: str = "val_loss",
        metric: str = "val_accuracy",
    ) -> None:
        super().__init__()
        checked_integer("patience", patience, 1)
        self.patience = patience
        self.loss = loss
        self.metric = metric

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.lowest_loss, self.highest_metric = float("inf"), float("-inf")
        self.epochs_without_best = 0
        self.best_epoch: int | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss, metric = self._value(logs, "loss"), self._value(logs, "metric")
        is_lowest, is_highest = loss <= self.lowest_loss, metric >= self.highest_metric
        if is_lowest and is_highest:
            self.best_epoch, self.best_weights = epoch, self.model.get_weights()
        # A loss of NaN is not the lowest, and does not replace it.
        self.lowest_loss = loss if is_lowest else self.lowest_loss
        self.highest_metric = metric if is_highest else self.highest_metric
        self.epochs_without_best += 1
        if is_lowest or is_highest:
            self.epochs_without_best = 0
        self.model.stop_training |= self.epochs_without_best == self.patience

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def _value(self, logs: dict[str, Any] | None, argument: str) -> float:
        name = getattr(self, argument)
        values = logs or {}
        if name not in values:
            raise ValueError(
                f"Expected `{argument}` to be one of {sorted(values)}. "
                f"Received: {argument}={name!r}"
            )
        return values[name]

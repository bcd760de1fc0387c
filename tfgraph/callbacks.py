"""Keras callbacks."""

import os
from pathlib import Path

import keras
import numpy as np


class EmbeddingProjector(keras.callbacks.Callback):
    """Writes latent vectors for TensorBoard's embedding projector.

    The directory then holds `tensors.tsv`, `metadata.tsv` (with labels) and
    `projector_config.pbtxt`: `tensorboard --logdir runs/vgae` shows them under
    "Projector", and https://projector.tensorflow.org takes the two .tsv files.

    Example:

    ```python
    data = tfgraph.data.full_batch(train)
    callback = tfgraph.callbacks.EmbeddingProjector("runs/vgae", data, graph.y)
    model.fit(data, epochs=200, callbacks=[callback], shuffle=False)
    ```

    Args:
        directory: Local directory to write to, made if need be.
        data: What `model.predict` is called with to get the vectors `[N, D]`.
        labels: What to show of each node, `[N]`: numbers or strings without tabs and
            line breaks; or None.
        every: Write after each so many epochs. None for the end of training only.

    Raises:
        ValueError: If `every` is not positive; at the end of an epoch, if there is not
            one label for each vector.
    """

    def __init__(self, directory: str | os.PathLike, data, labels=None, every=None):
        super().__init__()
        if every is not None and every < 1:
            raise ValueError(
                f"Expected `every` to be a positive integer or None. "
                f"Received: every={every}"
            )
        self.directory = Path(directory)
        self.data = data
        self.labels = labels
        self.every = every

    def on_epoch_end(self, epoch, logs=None):
        if self.every is not None and (epoch + 1) % self.every == 0:
            self.write()

    def on_train_end(self, logs=None):
        self.write()

    def write(self):
        """Writes the files for the model as it is."""
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

    Training stops once neither has been as good as its best so far for `patience`
    epochs. The weights kept, which training ends with, are those of the last epoch in
    which both were as good as their best so far.

    Args:
        patience: Positive integer, the number of epochs.
        loss: What to watch, lower is better. The `val_loss` of Keras holds the
            regularisation too, which the official code leaves out: pass the loss as one
            of the `weighted_metrics` and its name here.
        metric: What else to watch, higher is better.

    Raises:
        ValueError: If `patience` is not a positive integer; or, in training, if there
            is nothing of the name of `loss` or `metric`.
    """

    def __init__(self, patience=100, loss="val_loss", metric="val_accuracy"):
        super().__init__()
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(
                "Expected `patience` to be a positive integer. "
                f"Received: patience={patience}"
            )
        self.patience = patience
        self.loss = loss
        self.metric = metric

    def on_train_begin(self, logs=None):
        self.lowest_loss, self.highest_metric = float("inf"), float("-inf")
        self.epochs_without_best = 0
        self.best_epoch = self.best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        loss, metric = self._value(logs, "loss"), self._value(logs, "metric")
        is_lowest, is_highest = loss <= self.lowest_loss, metric >= self.highest_metric
        if is_lowest and is_highest:
            self.best_epoch, self.best_weights = epoch, self.model.get_weights()
        # A loss that is not a number is no lowest one, and no reason to forget it.
        self.lowest_loss = loss if is_lowest else self.lowest_loss
        self.highest_metric = metric if is_highest else self.highest_metric
        self.epochs_without_best += 1
        if is_lowest or is_highest:
            self.epochs_without_best = 0
        self.model.stop_training |= self.epochs_without_best == self.patience

    def on_train_end(self, logs=None):
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def _value(self, logs, argument):
        name = getattr(self, argument)
        if name not in (logs or {}):
            raise ValueError(
                f"Expected `{argument}` to be one of {sorted(logs or {})}. "
                f"Received: {argument}={name!r}"
            )
        return logs[name]

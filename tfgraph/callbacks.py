"""Keras callbacks."""

import itertools
import os
import pathlib
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfgraph.arguments import checked_integer, checked_path, wrong_object
from tfgraph.data.datasets.archives import expecting
from tfgraph.data.graphs.graph import Graph

__all__ = ["BackupAndRestore", "EmbeddingProjector", "LossAndMetricStopping"]


def __dir__() -> list[str]:
    return __all__


class BackupAndRestore(keras.callbacks.Callback):
    """Continues training where it stopped, in one process or with several workers.

    At the end of each epoch the model's state is saved, in place of the one before. If
    the process is killed, run the same script again: `fit` then goes on after the last
    epoch that was saved. At the end of training the backup is deleted.

    ```python
    data = tfgraph.data.full_batch(graph, "train")
    backup = tfgraph.callbacks.BackupAndRestore("runs/backup")
    model.fit(data, epochs=100, callbacks=[backup], shuffle=False)
    ```

    Unlike `keras.callbacks.BackupAndRestore`, it

    - lets only the first worker write, and all of them read. So the directory has to be
      one that all workers see;
    - writes a file beside the old one and then renames it. A process that is killed
      while it writes leaves the old one;
    - also keeps the random state of `keras.layers.Dropout`, which `save_weights` leaves
      out.

    If one worker is killed, the others stop with an error. Start all of them again.

    The state is that of the model and the optimizer. Data sets and other callbacks
    start anew: shuffled batches come in the orders of the first epochs again.

    A backup is restored to a model and an optimizer of the same classes, with variables
    of the same names and shapes. Numbers in the names of layers, which Keras counts up
    in a notebook, do not count. Arguments that change no variable, such as the rate of
    a dropout, are not compared. To begin anew, delete the directory.

    Args:
        directory: Local directory for the backup. It is made if it does not exist. Use
            another one for each training.

    Raises:
        ValueError: If `directory` is no path. Also when training begins, if the model
            has no variables yet; if the backup is damaged, or that of another model or
            optimizer; or if it is of more `epochs` than `fit` is called with.
    """

    def __init__(self, directory: str | os.PathLike) -> None:
        super().__init__()
        self.directory = checked_path("directory", directory)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        model = self.model
        if not model.built:
            raise ValueError(
                "BackupAndRestore: expected a model that has been built. Call it on a "
                "batch, or make its data by `tfgraph.distribute.batches`, before `fit`."
                f" Received: model={model.name!r}"
            )
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        if self._file().exists():
            self._restore()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        variables = self._variables().items()
        values: dict[str, Any] = {key: _stored(v.numpy()) for key, v in variables}
        if not _is_first_worker(self.model):
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._unfinished().open("wb") as file:
            np.savez(file, classes=self._classes(), epochs=epoch + 1, **values)
            file.flush()
            os.fsync(file.fileno())
        self._unfinished().replace(self._file())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.model._initial_epoch = None  # else the next `fit` would begin there
        if _is_first_worker(self.model):
            self._file().unlink(missing_ok=True)
            self._unfinished().unlink(missing_ok=True)  # of a process that was killed

    def _file(self) -> pathlib.Path:
        return self.directory / "backup.npz"

    def _unfinished(self) -> pathlib.Path:
        return self.directory / "unfinished.npz"

    def _restore(self) -> None:
        file = str(self._file())
        with expecting(f"{file!r} to be a complete backup. To begin anew, delete it"):
            if not zipfile.is_zipfile(file):
                raise ValueError("a file that is cut short, or another file")
            with np.load(file) as saved:
                values = {key: saved[key] for key in saved.files}
            epochs = int(values.pop("epochs"))
            classes = values.pop("classes", np.array([])).tolist()
        self._check_same(classes, values)
        wanted = (self.params or {}).get("epochs", epochs)
        if wanted < epochs:
            raise ValueError(
                f"BackupAndRestore: expected `epochs` of at least {epochs}, as many as "
                f"{file!r} has. To begin anew, delete it. Received: epochs={wanted}"
            )
        for key, variable in self._variables().items():
            variable.assign(values[key])
        self.model._initial_epoch = epochs

    def _check_same(self, classes: list[str], values: dict[str, np.ndarray]) -> None:
        """Raises a `ValueError` if a backup is of another model or optimizer."""
        own = _described(self._classes(), self._variables())
        saved = _described(classes, values)
        for here, there in itertools.zip_longest(own, saved, fillvalue="nothing"):
            if here != there:
                raise ValueError(
                    "BackupAndRestore: expected the model and optimizer of the backup "
                    f"{str(self._file())!r}. To begin anew, delete it. "
                    f"Received: {here}, where the backup has {there}"
                )

    def _classes(self) -> list[str]:
        """Returns the names of the classes of the model and the optimizer."""
        return [type(self.model).__name__, type(self.model.optimizer).__name__]

    def _variables(self) -> dict[str, Any]:
        """Returns the variables that make up the state, random states included.

        The keys are their numbers, and their paths without the numbers in them.
        """
        # Reading a metric adds up its state on all workers, and each epoch resets it.
        left_out = {id(variable) for variable in self.model.metrics_variables}
        variables = [
            variable
            for variable in (*self.model.variables, *self.model.optimizer.variables)
            if id(variable) not in left_out
        ]
        return {
            f"{number} {re.sub(r'_[0-9]+(?=[_/]|$)', '', variable.path)}": variable
            for number, variable in enumerate(variables)
        }


def _stored(value: np.ndarray) -> np.ndarray:
    """Returns an array as a type that files of NumPy hold: bfloat16 is none."""
    return value.astype(np.float32) if value.dtype.kind == "V" else value


def _described(classes: list[str], values: dict[str, Any]) -> list[str]:
    """Returns lines in which the states of two models differ."""
    lines = [f"the variable {key!r} {list(v.shape)}" for key, v in values.items()]
    return [f"the classes {classes}", *lines]


def _is_first_worker(model: keras.Model) -> bool:
    """Whether this process is the one that writes files."""
    cluster = model.distribute_strategy.cluster_resolver
    if cluster is None or not cluster.task_type:
        return True
    jobs = cluster.cluster_spec().jobs
    first = "chief" if "chief" in jobs else "worker"
    return cluster.task_type == first and cluster.task_id == 0


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
        ValueError: If `directory` is no path, `data` is a `Graph`, or `every` is not a
            positive integer. Also, when the files are written, if there is not one
            label for each vector.
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
        self.directory = checked_path("directory", directory)
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
    both equalled or improved their best values. A metric that stays at its best, such
    as an accuracy of 1, equals it in each epoch, so training goes on to the last one.

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

"""Backups of other trainings and damaged ones; `test_distribute.py` has the others."""

import re
import shutil

import keras
import numpy as np
import pytest

import tfgraph
from tfgraph.callbacks import BackupAndRestore, EmbeddingProjector
from tfgraph.data import full_batch

GRAPH = tfgraph.data.karate_club().replace(train_mask=np.arange(34) % 2 == 0)


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            raise InterruptedError


def trained(directory, make=tfgraph.models.GCN, optimizer="adam", stop=False, epochs=5):
    """Returns the epochs of a training, which `stop` ends after the third."""
    model = make(2, hidden_units=[4])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    data = full_batch(GRAPH, "train")
    model(data.get_single_element()[0])
    callbacks = [BackupAndRestore(directory), *[Stop()] * stop]
    arguments = {"callbacks": callbacks, "shuffle": False, "verbose": 0}
    return model.fit(data, epochs=epochs, **arguments).epoch


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("backup")
    with pytest.raises(InterruptedError):
        trained(directory, stop=True)
    return directory


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "sgd"}, r"\['GCN', 'SGD'\], where .*\['GCN', 'Adam'\]"),
        (
            {"optimizer": keras.optimizers.Adam(amsgrad=True)},
            r"velocity_hat' \[34, 4\], where the backup has nothing",
        ),
        ({"make": tfgraph.models.GAT}, r"\['GAT', 'Adam'\], where .*\['GCN', 'Adam'\]"),
        ({"epochs": 2}, "`epochs` of at least 3.*Received: epochs=2"),
    ],
)
def test_a_backup_of_another_training(changes, message, interrupted):
    with pytest.raises(ValueError, match=message):
        trained(interrupted, **changes)
    assert [path.name for path in interrupted.iterdir()] == ["backup.npz"]


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "bytes", "other"])
def test_a_damaged_backup(damage, interrupted, tmp_path):
    content = (interrupted / "backup.npz").read_bytes()
    file = tmp_path / "backup.npz"
    middle = content[:2000] + bytes(100) + content[2100:]
    damaged = {"empty": b"", "text": b"abc", "cut": content[:-9], "bytes": middle}
    if damage == "other":
        np.savez(file, x=1)
    else:
        file.write_bytes(damaged[damage])
    message = f"Expected '{file}' to be a complete backup. To begin anew, delete it"
    with pytest.raises(ValueError, match=re.escape(message)):
        trained(tmp_path)


def test_a_backup_goes_on_in_the_same_process(interrupted, tmp_path):
    """Where Keras counts up the names of the layers."""
    shutil.copy(interrupted / "backup.npz", tmp_path)
    (tmp_path / "unfinished.npz").write_text("of a process that was killed")
    assert trained(tmp_path) == [3, 4]
    assert list(tmp_path.iterdir()) == []


def test_a_backup_of_bfloat16(tmp_path):
    layer = keras.layers.Dense(3, dtype="bfloat16")
    model = keras.Sequential([keras.Input((2,), dtype="bfloat16"), layer])
    model.compile("sgd", "mse")
    kernel = layer.kernel
    expected = keras.ops.cast(kernel, "float32").numpy()
    backup = BackupAndRestore(tmp_path)
    backup.set_model(model)
    backup.on_train_begin()
    backup.on_epoch_end(0)
    kernel.assign(keras.ops.zeros_like(kernel))
    backup.on_train_begin()
    assert np.abs(expected).max() > 0
    np.testing.assert_array_equal(keras.ops.cast(kernel, "float32").numpy(), expected)


@pytest.mark.parametrize("directory", [None, 3, b"x", "", "gs://bucket/backup"])
def test_what_is_no_directory(directory):
    for make in (BackupAndRestore, lambda path: EmbeddingProjector(path, None)):
        with pytest.raises(ValueError, match=r"`directory` to be a folder.*Received"):
            make(directory)

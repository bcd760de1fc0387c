import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import distribute_cases
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgraph.callbacks import BackupAndRestore
from tfgraph.data import full_batch
from tfgraph.distribute import batches
from tfgraph.models import GraphSAGE

ROOT = Path(__file__).resolve().parents[1]
CASES = tuple(distribute_cases.CASES)


def start(kind, file, *cases, **environment):
    """Starts a process that runs cases, and writes what they give to `file`."""
    script = ROOT / "tests" / "distribute_cases.py"
    return subprocess.Popen(
        [sys.executable, str(script), kind, str(file), *cases],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def start_workers(directory, *cases):
    """Starts two workers, and returns the processes and the files they write."""
    with socket.socket() as first, socket.socket() as second:
        for found in (first, second):
            found.bind(("localhost", 0))
        hosts = [f"localhost:{found.getsockname()[1]}" for found in (first, second)]
    files = [directory / f"worker {number}.npz" for number in range(2)]
    workers = [
        start(
            "worker",
            file,
            *cases,
            TF_CONFIG=json.dumps(
                {
                    "cluster": {"worker": hosts},
                    "task": {"type": "worker", "index": number},
                }
            ),
        )
        for number, file in enumerate(files)
    ]
    return workers, files


def finish(process):
    """Waits for a process, and returns its exit code and what it wrote to stderr."""
    try:
        _, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, errors


def check_equal_to_one_process(file, names):
    found = dict(np.load(file))
    for name in names:
        for key, expected in distribute_cases.results(name).items():
            if not weighed_by_nodes(key):
                np.testing.assert_allclose(found[key], expected, atol=1e-5, err_msg=key)

        first, second = found[f"{name}: weights"]
        assert np.abs(first - second).max() > 0.01  # training does something


def weighed_by_nodes(key):
    """Whether Keras weighs batches by their nodes, which parts of a batch share."""
    name, _, value = key.partition(": ")
    if name == "graph_tensor":
        return "accuracy" in value or "entropy" in value or value == "evaluate"
    return name == "blocks" and ("loss" in value or value == "evaluate")


@pytest.mark.slow
def test_two_replicas_equal_one_process(tmp_path):
    file = tmp_path / "found.npz"
    code, errors = finish(start("mirrored", file, *CASES, "kill writer"))
    assert code == -signal.SIGKILL, errors
    check_equal_to_one_process(file, CASES)
    # The SIGKILL came while the backup of the third epoch was written.
    files = sorted(path.name for path in (tmp_path / "backup").iterdir())
    assert files == ["backup.npz", "unfinished.npz"]
    resumed = distribute_cases.backed_up(None, tmp_path)
    assert resumed["epochs"] == [2, 3]


@pytest.mark.slow
def test_two_workers_equal_one_process_and_survive_a_kill(tmp_path):
    names = ("blocks", "graph_tensor", "sparse")
    workers, files = start_workers(tmp_path, *names, "kill")
    (_, errors), (code, _) = map(finish, workers)
    assert code == -signal.SIGKILL, errors
    assert "UnavailableError" in errors or "AbortedError" in errors, errors
    for file in files:
        check_equal_to_one_process(file, names)
    workers, files = start_workers(tmp_path, "resume")
    for code, errors in map(finish, workers):
        assert code == 0, errors
    first, second = map(np.load, files)
    assert first["epochs"].tolist() == second["epochs"].tolist() == [2, 3]
    np.testing.assert_array_equal(first["weights"], second["weights"])
    assert list((tmp_path / "backup").iterdir()) == []


def test_bad_arguments():
    model = distribute_cases.sage()
    make = distribute_cases.minibatches("train")
    for arguments, message in [
        ((None, make), "Expected `model` to be a keras.Model. Received: model=None"),
        ((model, make((0, 1))), "Expected `make_batches` to be a function"),
        ((model, lambda shard: 3), "to return a tf.data.Dataset. Received: make_bat"),
    ]:
        with pytest.raises(ValueError, match=message):
            batches(*arguments)


def test_strategies_that_do_not_train(monkeypatch):
    model = distribute_cases.sage(jit_compile=True)
    make = distribute_cases.minibatches("train")
    two = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(type(model), "distribute_strategy", two)
    with pytest.raises(ValueError, match="compiled with `jit_compile=False`: XLA"):
        batches(model, make)
    model = distribute_cases.sage()
    model.compile("sgd", keras.losses.MeanSquaredError(reduction="sum"))
    with pytest.raises(ValueError, match=r"means over the batch.*reduction='sum'"):
        batches(model, make)
    model = keras.Sequential([keras.layers.BatchNormalization(name="bn")])
    monkeypatch.setattr(type(model), "distribute_strategy", two)
    with pytest.raises(ValueError, match=r"synchronized=True.*the layer 'bn'"):
        batches(model, make)
    servers = object.__new__(tf.distribute.ParameterServerStrategy)
    monkeypatch.setattr(type(model), "distribute_strategy", servers)
    with pytest.raises(ValueError, match="does not train with parameter servers"):
        batches(model, make)


def test_a_function_that_ignores_the_shard(monkeypatch):
    model = distribute_cases.gcn()
    worker = {"num_input_pipelines": 1, "input_pipeline_id": 0}
    context = SimpleNamespace(num_replicas_in_sync=2, **worker)
    two = SimpleNamespace(
        num_replicas_in_sync=2,
        extended=tf.distribute.get_strategy().extended,
        distribute_datasets_from_function=lambda function: function(context),
    )
    monkeypatch.setattr(type(model), "distribute_strategy", two)
    data = full_batch(distribute_cases.GRAPH, "train")
    with pytest.raises(
        ValueError, match=r"to use its argument.*`full_batch`.*\(0, 2\)"
    ):
        batches(model, lambda shard: data)


@pytest.mark.parametrize("is_model_outside", [True, False])
def test_a_model_and_an_optimizer_of_two_scopes(is_model_outside):
    scopes = [tf.distribute.MirroredStrategy(["CPU:0"]).scope, contextlib.nullcontext]
    first, second = reversed(scopes) if is_model_outside else scopes
    with first():
        model = distribute_cases.sage()
    with second():
        model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="its optimizer made in the same scope: `with"):
        batches(model, distribute_cases.minibatches("train"))


def test_compiled_after_the_batches_were_made():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = GraphSAGE(distribute_cases.CLASSES)
    data = batches(model, distribute_cases.minibatches("train"))
    batches(model, distribute_cases.minibatches(labels=False))
    for metrics in ([], ["accuracy"]):
        with strategy.scope():
            model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
        history = model.fit(data, shuffle=False, verbose=0).history
        assert set(history) == {"loss", *metrics}
        assert model.optimizer.built


def test_batches_of_another_model(monkeypatch):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model, other = distribute_cases.sage(), distribute_cases.sage()
    data = batches(model, distribute_cases.minibatches("train"))
    two = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(type(model), "distribute_strategy", two)
    with pytest.raises(ValueError, match="that were made for another model"):
        other.fit(data, shuffle=False)


def test_data_that_would_be_cut(monkeypatch):
    model = distribute_cases.gcn()
    two = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(type(model), "distribute_strategy", two)
    data = full_batch(distribute_cases.GRAPH, "train")
    for method in (model.fit, model.evaluate, model.predict):
        with pytest.raises(
            ValueError, match=r"a model with 2 replicas.*full_batch.*be shared"
        ):
            method(data)


def test_a_backup_is_of_one_model(tmp_path):
    model = distribute_cases.gcn()
    data = full_batch(distribute_cases.GRAPH, "train")
    backup = BackupAndRestore(tmp_path)
    with pytest.raises(ValueError, match="expected a model that has been built"):
        model.fit(data, shuffle=False, callbacks=[backup])
    np.savez(tmp_path / "backup.npz", np.zeros(3), epochs=1)
    model(data.get_single_element()[0])
    with pytest.raises(ValueError, match="the model and optimizer of the backup"):
        model.fit(data, shuffle=False, callbacks=[backup])


def test_the_next_fit_begins_at_its_own_first_epoch(tmp_path):
    model = distribute_cases.gcn()
    data = full_batch(distribute_cases.GRAPH, "train")
    model(data.get_single_element()[0])
    backup = BackupAndRestore(tmp_path)
    backup.set_model(model)
    model.optimizer.build(model.trainable_variables)
    backup.on_epoch_end(1)
    arguments = {"shuffle": False, "verbose": 0}
    assert model.fit(data, epochs=3, callbacks=[backup], **arguments).epoch == [2]
    assert model.fit(data, epochs=2, **arguments).epoch == [0, 1]


def test_a_restored_model_goes_on_as_if_nothing_had_happened(tmp_path):
    whole = distribute_cases.backed_up(None, tmp_path)
    with pytest.raises(InterruptedError):
        distribute_cases.backed_up(None, tmp_path, "stop")
    rest = distribute_cases.backed_up(None, tmp_path)
    # With dropout, the random state of which is restored, too.
    np.testing.assert_allclose(rest["weights"], whole["weights"][2:], atol=1e-6)

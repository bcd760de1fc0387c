"""The private names of Keras and TensorFlow that tfgraph uses: CONTRIBUTING.md's table.

tfgraph is imported by none of these tests, as it may fail where a name is gone.
"""

import ast
import importlib
import re
import types
from pathlib import Path

import keras
import numpy as np
import optree
import pytest
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\| `(\S+)` \| `(\S+)` \|", GUIDE, re.MULTILINE)


def used_by(path):
    """Returns the private modules and attributes in a file, and the names it makes."""
    used, made = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.attr)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None)
            names = [f"{module}.{a.name}" if module else a.name for a in node.names]
            used |= {n for n in names if re.match(r"tensorflow\.python|keras\.src", n)}
    return used, made


def test_the_table_has_every_private_name():
    files = {path: used_by(path) for path in (ROOT / "tfgraph").rglob("*.py")}
    own = set().union(*(made for _, made in files.values()))
    used = {
        (name, path.relative_to(ROOT / "tfgraph").as_posix())
        for path, (names, _) in files.items()
        for name in names - own
    }
    found = {(name.removeprefix("keras.Model."), file) for name, file in TABLE}
    assert used <= found
    assert all((ROOT / "tfgraph" / file).exists() for _, file in TABLE)


def gone(name):
    return f"{name} is not what tfgraph expects: see the table in CONTRIBUTING.md"


def test_xla_context():
    name = "tensorflow.python.ops.control_flow_util.GraphOrParentsInXlaContext"
    module, _, function = name.rpartition(".")
    try:
        in_xla = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError):
        pytest.fail(gone(name))
    found = []

    def traced():
        found.append(bool(in_xla(tf.compat.v1.get_default_graph())))
        return 0

    for jit_compile in (True, False):
        tf.function(traced, jit_compile=jit_compile).get_concrete_function()
    assert found == [True, False], gone(name)


@pytest.mark.parametrize("name", ["_compile_loss", "_compile_metrics", "_loss_tracker"])
def test_what_keras_keeps_of_compile(name):
    model = keras.Sequential([keras.layers.Dense(1)])
    assert getattr(model, name, model) is None, gone(f"keras.Model.{name}")
    model.compile("sgd", "mse", metrics=["mae"])
    kept = getattr(model, name)
    x = np.ones((2, 1), "float32")
    if name == "_compile_loss":
        assert float(kept(x, 3 * x)) == 4, gone(f"keras.Model.{name}")
    elif name == "_compile_metrics":
        assert kept.built is False, gone(f"keras.Model.{name}")
        model.evaluate(x, x, verbose=0)
        assert kept.built is True, gone(f"keras.Model.{name}")
    else:
        loss = model.evaluate(x, x, verbose=0)[0]
        assert float(kept.result()) == pytest.approx(loss), gone(f"keras.Model.{name}")


def test_fit_builds_the_model_by_one_method():
    name = "_maybe_symbolic_build"
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile("sgd", "mse")
    calls = []
    setattr(model, name, lambda iterator=None, data_batch=None: calls.append(iterator))
    x = np.ones((2, 1), "float32")
    model.build((None, 1))
    model.evaluate(x, x, verbose=0)
    assert len(calls) == 1, gone(f"keras.Model.{name}")


def test_losses_are_divided_by_the_number_of_replicas(monkeypatch):
    """In functions of a module, which `compute_loss` looks up when it is called."""
    module = importlib.import_module("keras.src.losses.loss")
    monkeypatch.setattr(module, "scale_loss_for_distribution", lambda value: 3 * value)
    model = keras.Sequential([keras.layers.Dense(1, activity_regularizer="l2")])
    loss = keras.losses.MeanSquaredError()
    assert float(loss(np.ones((2, 1)), np.zeros((2, 1)))) == 3, gone(module.__name__)
    assert callable(module.unscale_loss_for_distribution)
    names = [layer.name for layer in model._flatten_layers()]
    assert model.layers[0].name in names, gone("keras.Model._flatten_layers")


def test_one_method_chooses_for_auto(monkeypatch):
    name = "_resolve_auto_jit_compile"
    monkeypatch.setattr(keras.Model, name, lambda model: True, raising=False)
    model = keras.Sequential([keras.layers.Dense(1)])
    assert model.jit_compile is True, gone(f"keras.Model.{name}")
    model.compile("sgd", "mse")
    assert model.jit_compile is True, gone(f"keras.Model.{name}")


def test_fit_begins_at_the_initial_epoch():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert model._initial_epoch is None, gone("keras.Model._initial_epoch")
    model._initial_epoch = 2
    x = np.ones((2, 1), "float32")
    history = model.fit(x, x, epochs=3, verbose=0)
    assert history.epoch == [2], gone("keras.Model._initial_epoch")


def test_the_cardinality_of_a_distributed_dataset():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    dataset = strategy.distribute_datasets_from_function(
        lambda context: tf.data.Dataset.range(6)
    )
    name = "tf.distribute.DistributedDataset._cardinality"
    assert dataset._cardinality == dataset.cardinality == 6, gone(name)
    dataset._cardinality = 3
    assert dataset.cardinality == 3, gone(name)


def test_keras_nests_what_optree_knows():
    class Pair:
        def __init__(self, *parts):
            self.parts = parts

    optree.register_pytree_node(
        Pair,
        lambda pair: (pair.parts, None),
        lambda _, parts: Pair(*parts),
        namespace="keras",
    )
    flat = keras.tree.flatten([Pair(1, 2), 3])
    assert flat == [1, 2, 3], gone('the namespace "keras" of optree')


def test_a_module_imports_by_its_own_builtins():
    module = types.ModuleType("module")
    module.__builtins__ = {"__import__": lambda name, *_: f"another {name}"}
    exec("import tensorflow", vars(module))
    assert module.tensorflow == "another tensorflow", gone("`module.__builtins__`")


def test_default_save_signature():
    name = "_default_save_signature"
    assert isinstance(getattr(keras.Model, name, None), property), gone(name)

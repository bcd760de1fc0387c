"""On an accelerator, "auto" keeps models with layers over graphs away from XLA."""

import importlib
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, sparse

import tfgraph
from tfgraph.layers import GCNConv, GraphConvolution, InnerProductDecoder, SAGEConv


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    """Makes Keras find a GPU, which no operation runs on."""
    devices = [types.SimpleNamespace(device_type=name) for name in ("CPU", "GPU")]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: devices)


def functional(layer):
    """A model of plain layers around one over graphs, one of them a Sequential."""
    x = keras.Input((X.shape[1],))
    adjacency = keras.Input((None,), sparse=True)
    before = keras.Sequential([keras.layers.Dense(4), keras.layers.ReLU()])
    h = keras.layers.LayerNormalization()(before(x))
    return keras.Model([x, adjacency], keras.layers.Dense(3)(layer([h, adjacency])))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = [keras.Sequential([keras.layers.Dense(4)]), GCNConv(3)]

    def call(self, inputs):
        return self.parts[1]([self.parts[0](inputs[0]), inputs[1]])


class OfOthers(GraphConvolution):
    pass


def nested():
    x, adjacency = keras.Input((X.shape[1],)), keras.Input((None,), sparse=True)
    return keras.Model([x, adjacency], functional(GCNConv(3))([x, adjacency]))


def with_decoder():
    z, pairs = keras.Input((2,)), keras.Input((2,), dtype="int64")
    return keras.Model([z, pairs], InnerProductDecoder()([z, pairs]))


MODELS = {
    "functional": lambda: functional(GCNConv(3)),
    "nested": nested,
    "subclassed": Subclassed,
    "GCN": lambda: tfgraph.models.GCN(3),
    "VGAE": tfgraph.models.VGAE,
    "DiffPool": lambda: tfgraph.models.DiffPoolClassifier(2, num_clusters=2),
    "decoder": with_decoder,
    "Sequential": lambda: keras.Sequential([OfOthers(3)]),
    "aggregator that XLA cannot compile": lambda: functional(SAGEConv(3, None, "lstm")),
}


@pytest.mark.parametrize("name", MODELS)
def test_auto_is_not_xla_and_explicit_is(name):
    model = MODELS[name]()
    assert model.jit_compile is False  # of `predict` without `compile`
    model.compile("sgd", "mse")
    assert model.jit_compile is False
    if "cannot" in name:
        with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
            model.compile("sgd", "mse", jit_compile=True)
        assert model.jit_compile is False
    else:
        model.compile("sgd", "mse", jit_compile=True)
        assert model.jit_compile is True


def test_other_models_are_left_to_keras():
    model = keras.Sequential([keras.layers.Dense(1)])
    assert model.jit_compile is True
    model.compile("sgd", "mse")
    assert model.jit_compile is True
    model.compile("sgd", "mse", jit_compile=False)
    assert model.jit_compile is False
    strings = keras.Sequential([keras.layers.StringLookup(vocabulary=["a"])])
    assert strings.jit_compile is False


def test_a_second_import_changes_nothing():
    choose = keras.Model._resolve_auto_jit_compile
    importlib.reload(importlib.import_module("tfgraph.xla_default")).install()
    assert keras.Model._resolve_auto_jit_compile is choose


def test_edges_are_checked_by_default(tmp_path):
    model = functional(GCNConv(3))

    def dataset(adjacency):
        y = np.zeros((len(X), 3), "float32")
        return tf.data.Dataset.from_tensors(((tf.constant(X), adjacency), y))

    losses = []
    for jit_compile in (True, "auto"):
        model.compile("sgd", "mse", jit_compile=jit_compile)
        losses.append(model.evaluate(dataset(sparse(ADJACENCY)), verbose=0))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    wrong = tf.SparseTensor([[0, 9]], [1.0], ADJACENCY.shape)
    with pytest.raises(tf.errors.InvalidArgumentError, match="indices from"):
        reloaded.evaluate(dataset(wrong), verbose=0)

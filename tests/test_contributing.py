"""The convolution in CONTRIBUTING.md: every form, saving, training, XLA."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from layer_checks import (
    ADJACENCY,
    X,
    check_reload,
    functional_model,
    graph_tensor,
    graph_tensor_model,
    numeric_gradients,
    sparse,
)

GUIDE = Path(__file__).resolve().parents[1].joinpath("CONTRIBUTING.md")
CODE = re.findall(
    r"^```python\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE
)


@pytest.fixture(scope="module")
def guide():
    names = {"__name__": "guide"}
    for block in CODE:
        exec(block, names)
    return names


def test_the_test_of_the_guide(guide):
    guide["test_gin"]()


def test_it_is_short():
    (layer, _) = CODE
    assert len(layer.splitlines()) < 45


def test_a_model_of_it_trains_and_reloads(guide, tmp_path):
    model = functional_model(guide["GINConv"])
    inputs = [tf.constant(X), sparse(ADJACENCY)]
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(inputs, np.ones([6, 3], "float32"))
    moved = [
        np.abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)
    ]
    assert min(moved) > 0
    check_reload(model, inputs, tmp_path / "gin.keras")
    model = graph_tensor_model(guide["GINConv"])
    check_reload(model, graph_tensor(ADJACENCY, X), tmp_path / "graph.keras")


def test_gradients_and_xla(guide):
    layer = guide["GINConv"](3, "tanh", dtype="float64")
    adjacency = tf.constant(ADJACENCY, tf.float64)
    entries = tf.sparse.from_dense(adjacency)
    x = tf.constant(X, tf.float64)
    layer([x, entries])
    with tf.GradientTape() as tape:
        tape.watch([x, entries.values])
        y = layer([x, entries])
        loss = tf.reduce_sum(y**2)
    found = tape.gradient(loss, [x, entries.values])
    wanted = numeric_gradients(
        lambda x, values: layer([x, entries.with_values(values)]), [x, entries.values]
    )
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    compiled = tf.function(layer, jit_compile=True)
    np.testing.assert_allclose(compiled([x, entries]), y, atol=1e-12)

import numpy as np
import pytest
import tensorflow as tf
from layer_checks import (
    ADJACENCY,
    X,
    check_config_round_trip,
    check_forms,
    check_reload,
    functional_model,
    numeric_gradients,
    sparse,
)

from tfgraph.layers import Structure2VecConv


def relu(x):
    return np.maximum(x, 0)


def expected(w1, w2, b, rounds, x=X, adjacency=ADJACENCY):
    mu = relu(x @ w1 + b)
    for _ in range(rounds):
        mu = relu(x @ w1 + adjacency @ mu @ w2 + b)
    return mu


@pytest.mark.parametrize("rounds", [1, 3])
def test_numbers(rounds):
    layer = Structure2VecConv(
        5, num_rounds=rounds, bias_initializer="normal", edge_weight_name="weight"
    )
    check_forms(layer, lambda *weights: expected(*weights, rounds=rounds))


def test_the_first_nodes_receive_from_more():
    layer = Structure2VecConv(5, use_bias=False)
    y = layer([tf.constant(X), sparse(ADJACENCY[:3])])
    w1, w2 = layer.get_weights()
    np.testing.assert_allclose(y, expected(w1, w2, 0, rounds=1)[:3], atol=1e-5)


def test_gradients():
    layer = Structure2VecConv(3, num_rounds=2, activation="tanh", dtype="float64")
    entries = sparse(ADJACENCY, dtype="float64")

    def call(x, values):
        return layer([x, entries.with_values(values)])

    tensors = tf.constant(X, tf.float64), entries.values
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = tf.reduce_sum(call(*tensors) ** 2)
    for found, want in zip(
        tape.gradient(loss, tensors), numeric_gradients(call, tensors), strict=True
    ):
        np.testing.assert_allclose(found, want, atol=1e-6)


def test_config_and_reload(tmp_path):
    check_config_round_trip(Structure2VecConv(3, num_rounds=2, dropout=0.5))
    model = functional_model(Structure2VecConv)
    check_reload(model, [tf.constant(X), sparse(ADJACENCY)], tmp_path / "model.keras")


def test_mixed_precision():
    layer = Structure2VecConv(4, num_rounds=2, dtype="mixed_float16")
    y = layer([tf.constant(X), sparse(ADJACENCY)])
    assert y.dtype == "float16"
    want = expected(*layer.get_weights(), rounds=2)
    np.testing.assert_allclose(y, want, rtol=0.01, atol=0.01)


def test_bad_input():
    with pytest.raises(ValueError, match=r"`num_rounds` .* num_rounds=0"):
        Structure2VecConv(3, num_rounds=0)
    with pytest.raises(ValueError, match="square adjacency: all nodes are updated"):
        Structure2VecConv(3, num_rounds=2)([tf.constant(X), sparse(ADJACENCY[:3])])

import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, sparse

import tfgraph
from tfgraph.models import GAT

INPUTS = [tf.constant(X), sparse(ADJACENCY)]


def head(x, kernel, receiver, sender):
    """One head of attention, densely, on `ADJACENCY` with self-loops."""
    a = ADJACENCY + np.diag(np.where(np.diag(ADJACENCY) == 0, 1, 0))
    h = x @ kernel
    e = (h @ receiver)[:, None] + (h @ sender)[None]
    alpha = a * np.exp(np.where(e > 0, e, 0.2 * e))
    return alpha / alpha.sum(1, keepdims=True) @ h


def layer(x, weights, num_heads):
    kernel, receiver, sender, bias = weights
    heads = [
        head(x, part, receiver[k], sender[k])
        for k, part in enumerate(np.split(kernel, num_heads, axis=1))
    ]
    return heads, bias


def elu(z):
    return np.where(z > 0, z, np.expm1(z))


def test_two_layers_are_the_paper_s_equation():
    model = GAT(
        3, hidden_units=[5], num_heads=[4], output_heads=2, bias_initializer="normal"
    )
    y = model(INPUTS)
    weights = model.get_weights()
    heads, bias = layer(X, weights[:4], 4)
    h = elu(np.concatenate(heads, 1) + bias)
    heads, bias = layer(h, weights[4:], 2)
    logits = np.mean(heads, 0) + bias
    want = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(y, want, atol=1e-5)


def test_the_inductive_model_skips_across_its_middle_layer():
    model = GAT(
        7,
        hidden_units=[3, 3],
        num_heads=2,
        output_heads=6,
        residual=True,
        classifier_activation="sigmoid",
    )
    y = model(INPUTS)
    weights = model.get_weights()
    assert len(weights) == 12  # the shortcut is the identity, of the same width
    heads, _ = layer(X, weights[:4], 2)
    first = elu(np.concatenate(heads, 1))
    heads, _ = layer(first, weights[4:8], 2)
    second = elu(np.concatenate(heads, 1) + first)
    heads, _ = layer(second, weights[8:], 6)
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-np.mean(heads, 0))), atol=1e-5)


def test_dropout_is_on_inputs_and_attention():
    model = GAT(3, dropout=0.5)
    rates = [(c.dropout, c.attention_dropout) for c in model.convolutions]
    assert rates == [(0.5, 0.5)] * 2
    model = GAT(3, dropout=0.5, attention_dropout=0.1)
    rates = [(c.dropout, c.attention_dropout) for c in model.convolutions]
    assert rates == [(0.5, 0.1)] * 2
    trained, again = model(INPUTS, training=True), model(INPUTS, training=True)
    assert not np.allclose(trained, again)
    np.testing.assert_array_equal(model(INPUTS), model(INPUTS))


def test_edge_features_reach_every_layer():
    model = GAT(3, num_heads=2, output_heads=2)
    edges = np.random.default_rng(0).normal(size=(np.count_nonzero(ADJACENCY), 5))
    edges = tf.constant(edges, tf.float32)
    y = model([*INPUTS, edges])
    assert [c.edge_attention.shape for c in model.convolutions] == [(5, 2)] * 2
    assert not np.allclose(y, model([*INPUTS, -edges]))


@pytest.mark.parametrize("form", ["sparse", "sparse features", "dense", "GraphTensor"])
def test_reload(form, tmp_path):
    inputs, _ = checks.input_forms()[form]
    model = GAT(
        3,
        hidden_units=[4, 4],
        num_heads=2,
        residual=True,
        kernel_regularizer=keras.regularizers.L2(0.1),
        edge_weight_name="weight",
        negative_slope=0.3,
        name="net",
    )
    again = checks.check_reload(model, inputs, tmp_path / "model.keras")
    assert again.get_config() == model.get_config()


def test_export(tmp_path):
    model = GAT(3)
    y = model(INPUTS)
    path = tfgraph.export.export_model(model, tmp_path / "gat")
    signature = tf.saved_model.load(str(path)).signatures["weighted"]
    served = signature(
        features=INPUTS[0],
        edges=tf.reverse(INPUTS[1].indices, [1]),
        weights=INPUTS[1].values,
    )
    np.testing.assert_allclose(served["predictions"], y, atol=1e-6)


@pytest.mark.slow
def test_several_graphs_in_a_batch():
    rng = np.random.default_rng(0)
    graphs = [
        tfgraph.data.Graph(
            x=rng.normal(size=(n, 4)),
            edges=rng.integers(0, n, (2 * n, 2)),
            y=rng.integers(0, 2, (n, 3)).astype("float32"),
        )
        for n in (3, 5, 2)
    ]
    model = GAT(3, num_heads=2, dropout=0.0, classifier_activation="sigmoid")
    one = model.predict(tfgraph.data.graph_batches(graphs, 1, labels=False), verbose=0)
    two = model.predict(tfgraph.data.graph_batches(graphs, 2, labels=False), verbose=0)
    np.testing.assert_allclose(one, two, atol=1e-6)
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    batches = tfgraph.data.graph_batches(graphs, 2)
    losses = model.fit(batches, epochs=30, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("num_heads", [[1, 2, 3], []])
def test_heads_must_be_one_number_for_each_layer(num_heads):
    with pytest.raises(ValueError, match="`num_heads` to be an integer or a list of 1"):
        GAT(3, num_heads=num_heads)


@pytest.mark.parametrize("heads", [0, "a", [2]])
def test_bad_output_heads(heads):
    with pytest.raises(ValueError, match="GAT: expected `output_heads` to be a pos"):
        GAT(3, output_heads=heads)


def test_any_depth_by_default():
    model = GAT(3, hidden_units=[4, 4, 4])
    model(INPUTS)
    assert [c.num_heads for c in model.convolutions] == [8, 8, 8, 1]


def test_hidden_units_must_be_a_list():
    with pytest.raises(ValueError, match="GAT: expected `hidden_units` to be a list"):
        GAT(3, hidden_units=8)

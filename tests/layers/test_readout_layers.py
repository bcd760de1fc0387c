import keras
import numpy as np
import pytest
import tensorflow as tf
from graph_batches import GRAPH_IDS, MASK, PLACES, X, graph_tensor, padded
from layer_checks import check_config_round_trip, check_reload, numeric_gradients

import tfgraph
from tfgraph.layers import Readout, Set2Set

MODES = ("sum", "mean", "max", "attention")

FORMS = {
    "graph ids": [X, GRAPH_IDS],
    "GraphTensor": graph_tensor(),
    "features and GraphTensor": [X, graph_tensor()],
    "mask": [padded(X), MASK],
    "mask, anything in the padding": [padded(X, filling=9.0), MASK],
}


def softmax(logits):
    exp = np.exp(logits - logits.max(initial=-np.inf))
    return exp / exp.sum()


def expected(mode, kernel=None):
    rows = []
    for places in PLACES:
        x = X[places]
        if not len(x):
            rows.append(np.zeros(3))
        elif mode == "attention":
            rows.append(softmax(x @ kernel[:, 0]) @ x)
        else:
            rows.append(getattr(x, mode)(axis=0))
    return np.stack(rows)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["sum", "mean", "max", "attention"])
def test_numbers(mode, form):
    layer = Readout(mode)
    r = layer(FORMS[form])
    want = expected(mode, *layer.get_weights())
    np.testing.assert_allclose(r, want, atol=1e-6)


def test_without_mask_all_rows_are_nodes():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    np.testing.assert_allclose(Readout("max")(x), x.max(axis=1))
    np.testing.assert_allclose(Readout("mean")(x), x.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("layer", [*map(Readout, MODES), Set2Set()])
def test_many_signals_on_one_graph(layer):
    """One vector for each signal, as of the signal alone, also with a mask of Keras."""
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    x[0, 1, 2:] = 9
    alone = [layer(signal[None])[0] for signal in x.reshape(6, 5, 4)]
    want = np.reshape(alone, (2, 3, -1))
    np.testing.assert_allclose(layer(x), want, atol=1e-6)
    assert layer.compute_output_shape((None, 3, 5, 4)) == (None, *want.shape[1:])
    masked = layer(keras.layers.Masking(mask_value=9.0)(x))
    want[0, 1] = layer(x[0, 1, :2][None])[0]
    np.testing.assert_allclose(masked, want, atol=1e-6)
    signals = keras.Input((None, 5, 4))
    model = keras.Model(signals, layer(signals))
    np.testing.assert_allclose(model.predict(x, verbose=0)[1], want[1], atol=1e-6)
    with pytest.raises(ValueError, match=r"`\[B, n, F\]` with a `mask`"):
        layer([x, np.zeros(5, "int64")])


@pytest.mark.parametrize("layer", [Readout("mean"), Readout("attention"), Set2Set()])
def test_the_mask_of_keras_counts(layer):
    x = keras.layers.Masking(mask_value=9.0)(padded(X, filling=9.0))
    np.testing.assert_allclose(layer(x), layer([padded(X), MASK]), atol=1e-6)


def test_graphs_without_nodes_at_the_end_of_a_graph_tensor():
    graph = tfgraph.graph_tensor.homogeneous(
        tf.zeros([0, 2], tf.int64),
        tf.constant([2, 0, 0], tf.int64),
        tf.constant([0, 0, 0], tf.int64),
        tf.constant([[1.0], [3.0]]),
        None,
    )
    np.testing.assert_allclose(Readout("mean")(graph), [[2], [0], [0]])
    np.testing.assert_allclose(Readout("max")(graph), [[3], [0], [0]])


def set2set(x, w, u, b, steps):
    """One graph's, with Keras' order of the LSTM's gates: i, f, c, o."""
    q, r, c = np.zeros((3, x.shape[1]))
    if not len(x):
        return np.concatenate([q, r])
    for _ in range(steps):
        i, f, g, o = np.split(np.concatenate([q, r]) @ w + q @ u + b, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        q = o * np.tanh(c)
        r = softmax(x @ q) @ x
    return np.concatenate([q, r])


@pytest.mark.parametrize("form", FORMS)
def test_set2set(form):
    layer = Set2Set(num_steps=3)
    y = layer(FORMS[form])
    want = [set2set(X[p], *layer.get_weights(), steps=3) for p in PLACES]
    np.testing.assert_allclose(y, want, atol=1e-5)
    assert layer.compute_output_shape([(None, 3), (None,)]) == (None, 6)


@pytest.mark.parametrize("layer_class", [Readout, Set2Set])
def test_gradients(layer_class):
    mode = {"mode": "attention"} if layer_class is Readout else {}
    layer = layer_class(dtype="float64", **mode)
    x = tf.constant(X[:5], tf.float64)
    ids = np.array([0, 0, 0, 0, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer([x, ids]) ** 2)
    (want,) = numeric_gradients(lambda x: layer([x, ids]), [x])
    np.testing.assert_allclose(tape.gradient(loss, x), want, atol=1e-6)


def test_half_precision_sums_in_float32():
    x = np.ones((5000, 1), "float16")
    ids = np.zeros(5000, "int64")
    layer = Readout("mean", dtype="mixed_float16")
    assert layer([x, ids]).dtype == "float16"
    np.testing.assert_allclose(layer([x, ids]), [[1]])
    np.testing.assert_allclose(Readout("mean", dtype="float16")([x, ids]), [[1]])
    assert Set2Set(dtype="mixed_float16")([x, ids]).dtype == "float16"


def test_functional_model(tmp_path):
    x = keras.Input((3,))
    ids = keras.Input((), dtype="int64")
    readouts = [Readout("attention")([x, ids]), Set2Set(2)([x, ids])]
    assert [r.shape for r in readouts] == [(None, 3), (None, 6)]
    y = keras.layers.Concatenate()(readouts)
    model = keras.Model([x, ids], keras.layers.Dense(2)(y))
    check_reload(model, [tf.constant(X), tf.constant(GRAPH_IDS)], tmp_path / "m.keras")
    data = tf.data.Dataset.from_tensors(((X, GRAPH_IDS), np.ones((4, 2)))).repeat(20)
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(model.trainable_variables)  # or `fit` traces its step twice
    model.compile(optimizer, "mse")
    before = model.evaluate(data.take(1), verbose=0)
    model.fit(data, verbose=0, shuffle=False)
    assert model.evaluate(data.take(1), verbose=0) < before / 2


@pytest.mark.parametrize(
    "layer", [Readout("attention", kernel_regularizer="l2"), Set2Set(5)]
)
def test_config(layer):
    check_config_round_trip(layer)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Readout("median"), r"`mode` to be one of .*mode='median'"),
        (lambda: Set2Set(0), r"`num_steps` to be a positive .*num_steps=0"),
        (lambda: Readout()(X), r"`graph_ids` of shape `\[N\]`.*x.shape=\(8, 3\)"),
        (lambda: Readout()([X, GRAPH_IDS[:5]]), r"graph_ids.*shape \(5,\)"),
        (lambda: Readout()([padded(X), MASK[:, :3]]), r"mask.*shape \(4, 3\)"),
        (lambda: Readout()([padded(X), MASK[0]]), r"mask.*shape \(4,\)"),
        (lambda: Readout()([X, X[:, 0] > 0]), r"`graph_ids` with .*dtype=bool"),
        (lambda: Readout()([X, GRAPH_IDS, X]), r"`\[x, graph_ids\]`, `\[x, mask\]`"),
        (lambda: Readout()([X[:5], graph_tensor()]), "5 nodes"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        make()


@pytest.mark.parametrize("ids", [[0, 1, 0], [-1, 0, 1], [0, 1]])
def test_bad_graph_ids_that_only_run_time_can_know(ids):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3]),
            tf.TensorSpec([None], tf.int64),
        ]
    )
    def call(x, ids):
        return Readout("sum")([x, ids])

    message = r"Expected `graph_ids` of one number .* 3 nodes, graph_ids=\["
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(X[:3], tf.constant(ids, tf.int64))


@pytest.mark.parametrize(
    ("inputs", "num_graphs"),
    [
        ([np.zeros([0, 3], "f"), np.zeros([0], "i")], 0),
        (np.zeros([0, 4, 3], "f"), 0),
        (np.zeros([2, 0, 3], "f"), 2),
    ],
)
def test_set2set_of_no_graphs_or_nodes(inputs, num_graphs):
    inputs = keras.tree.map_structure(tf.constant, inputs)
    layer = Set2Set()
    for call in (layer, tf.function(layer)):
        np.testing.assert_array_equal(call(inputs), np.zeros([num_graphs, 6]))


def test_xla_takes_padded_graphs_only():
    call = tf.function(Readout("max"), jit_compile=True)
    np.testing.assert_allclose(call([padded(X), MASK]), expected("max"), atol=1e-6)
    with pytest.raises(ValueError, match="padded to one size"):
        call([tf.constant(X), tf.constant(GRAPH_IDS)])

"""A graph as a constant of the model, by `FixedAdjacency`, and as an input."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from c_api import serve
from layer_checks import ADJACENCY, check_config_round_trip, sparse

import tfgraph
from tfgraph.layers import FixedAdjacency, GATConv, GCNConv, gcn_normalize

N, F = 6, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, N, F)).astype("float32")
COUNT = np.count_nonzero(ADJACENCY)
UNSORTED = sparse(ADJACENCY, RNG.permutation(COUNT))


def model_of(adjacency):
    x = keras.Input((N, F), name="x")
    adjacency = FixedAdjacency(adjacency)(x)
    h = GATConv(4, num_heads=2, activation="tanh")([x, adjacency])
    return keras.Model(x, GCNConv(1)([h, adjacency]))


def expected(model):
    """The predictions by a call for each signal."""
    attention, convolution = [layer for layer in model.layers if layer.weights]
    signals = [attention([tf.constant(x), UNSORTED]) for x in X]
    return tf.stack([convolution([h, UNSORTED]) for h in signals])


def test_it_is_the_adjacency_of_the_graph_sorted():
    graph = tfgraph.data.Graph.from_sparse_tensor(UNSORTED)
    for given in (graph, UNSORTED):
        adjacency = FixedAdjacency(given)(X)
        assert np.all(np.diff(adjacency.indices.numpy() @ [N, 1]) > 0)
        np.testing.assert_array_equal(tf.sparse.to_dense(adjacency), ADJACENCY)
    check_config_round_trip(FixedAdjacency(UNSORTED))
    double = FixedAdjacency(sparse(ADJACENCY / 3, dtype="float64"), dtype="float64")
    again = FixedAdjacency.from_config(double.get_config())(X)
    np.testing.assert_array_equal(tf.sparse.to_dense(again), ADJACENCY / 3)


def test_fit_cuts_batches_of_signals():
    """As by hand: a step of gradient descent for each batch, by single calls."""
    model = model_of(UNSORTED)
    before = [tf.identity(w) for w in model.trainable_variables]
    y = X.sum(-1, keepdims=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((expected(model) - y) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    history = model.fit(X, y, batch_size=len(X), epochs=1, verbose=0)
    assert history.history["loss"][0] == pytest.approx(float(loss), rel=1e-5)
    for w, b, g in zip(model.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(w, b - 0.1 * g, atol=1e-5)
    np.testing.assert_allclose(
        model.predict(X, batch_size=8, verbose=0), expected(model), atol=1e-5
    )
    error = np.mean((expected(model) - y) ** 2)
    assert model.evaluate(X, y, batch_size=8, verbose=0) == pytest.approx(
        error, rel=1e-4
    )


def test_saved_cloned_and_served_with_the_graph(tmp_path):
    model = model_of(UNSORTED)
    want = expected(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(X), want, atol=1e-5)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone(X), want, atol=1e-5)
    version = str(tmp_path / "export")
    model.export(version, verbose=False)
    loaded = tf.saved_model.load(version)
    for count in (0, 1, 20):
        np.testing.assert_allclose(loaded.serve(X[:count]), want[:count], atol=1e-5)
    [y] = serve(version, {"x": X[:7]}).values()
    np.testing.assert_allclose(y, want[:7], atol=1e-5)


@keras.saving.register_keras_serializable("tests")
class Forecaster(keras.Model):
    """A subclassed model of a graph that its caller gives."""

    def __init__(self, adjacency, **kwargs):
        super().__init__(**kwargs)
        self.adjacency = adjacency
        self.convolution = GCNConv(2, normalize=False, add_self_loops=False)

    def call(self, x):
        return self.convolution([x, self.adjacency(x)])

    def get_config(self):
        adjacency = keras.saving.serialize_keras_object(self.adjacency)
        return {**super().get_config(), "adjacency": adjacency}

    @classmethod
    def from_config(cls, config):
        adjacency = keras.saving.deserialize_keras_object(config.pop("adjacency"))
        return cls(adjacency, **config)


def test_subclassed_model_of_a_graph_normalized_once(tmp_path):
    model = Forecaster(FixedAdjacency(gcn_normalize(UNSORTED)))
    y = model.predict(X, batch_size=8, verbose=0)
    plain = GCNConv(2)
    plain.build([X.shape[1:], (N, N)])
    plain.set_weights(model.get_weights())
    want = np.stack([plain([x, UNSORTED]) for x in X])
    np.testing.assert_allclose(y, want, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(X), want, atol=1e-5)


def test_mixed_precision_keeps_the_weights_of_edges():
    x = keras.Input((5, N, F))
    adjacency = FixedAdjacency(UNSORTED, dtype="mixed_float16")(x)
    assert adjacency.dtype == "float32"
    y = GCNConv(2, dtype="mixed_float16")([x, adjacency])
    model = keras.Model(x, y)
    signals = X.reshape(4, 5, N, F)
    half = model(signals)
    assert half.dtype == "float16"
    assert half.shape == (4, 5, N, 2)
    single = GCNConv(2)
    single.build([(N, F), (N, N)])
    single.set_weights(model.get_weights())
    want = np.stack([single([x, UNSORTED]) for x in X]).reshape(half.shape)
    np.testing.assert_allclose(half, want, atol=2e-2)


def test_a_mask_of_the_signals_ends_at_the_adjacency():
    x = keras.Input((4, N, F))
    masked = keras.layers.Masking()(x)
    adjacency = FixedAdjacency(UNSORTED)(masked)
    model = keras.Model(x, GCNConv(2)([masked, adjacency]))
    assert model(X.reshape(5, 4, N, F)).shape == (5, 4, N, 2)


def test_the_graph_as_an_input(tmp_path):
    """Batches of signals, each with the one adjacency, by tf.data."""
    y = X.sum(-1).round() % 2
    signals = tf.data.Dataset.from_tensor_slices((X, y)).batch(8)
    data = signals.map(lambda x, y: ((x, UNSORTED), y))
    model = tfgraph.models.GCN(2, hidden_units=[4])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(data, epochs=1, shuffle=False, verbose=0)
    want = np.stack([model([tf.constant(x), UNSORTED]) for x in X])
    np.testing.assert_allclose(model.predict(data, verbose=0), want, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again([X, UNSORTED]), want, atol=1e-5)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (
            ADJACENCY,
            r"`graph` to be .*Graph or a tf.Sparse.*`tf.sparse.from_dense\(graph\)`",
        ),
        (None, r"`tfgraph.data.Graph\(x, edges\).to_sparse_tensor\(\)`.*graph=None"),
        (tf.SparseTensor([[0, 6]], [1.0], [6, 6]), r"below its shape.*to \[0 6\]"),
        (tf.SparseTensor([[0]], [1.0], [6]), "to be a matrix"),
    ],
)
def test_what_is_no_graph(graph, message):
    with pytest.raises(ValueError, match=message):
        FixedAdjacency(graph)


@pytest.mark.parametrize("x", [X[:, :5], X[0, 0]])
def test_signals_of_other_nodes(x):
    with pytest.raises(
        ValueError, match=r"FixedAdjacency.*`\[\.\.\., 6, F\]`.*x\.shape"
    ):
        FixedAdjacency(UNSORTED)(x)

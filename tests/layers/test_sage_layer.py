import keras
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
    graph_tensor,
    graph_tensor_model,
    numeric_gradients,
    sparse,
)

from tfgraph.layers import SAGEConv

AGGREGATORS = ["mean", "gcn", "sum", "max_pool", "mean_pool", "lstm"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(sequence, kernel, recurrent, bias):
    """The last state of an LSTM, gates in Keras' order: input, forget, cell, output."""
    h = c = np.zeros(len(recurrent), "float32")
    for x in sequence:
        i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h


def aggregated(aggregator, weights, adjacency, x):
    """`h_N(v)` of each receiver, one after the other, straight from the paper."""
    weights = list(weights)
    if aggregator.endswith("pool"):
        kernel, bias = weights[:2]
        x = np.maximum(x @ kernel + bias, 0)
    rows = []
    for i, row in enumerate(adjacency):
        neighbors, w = np.flatnonzero(row), row[np.flatnonzero(row)]
        if aggregator == "gcn":
            if i not in neighbors:
                neighbors, w = np.append(neighbors, i), np.append(w, 1)
            rows.append(np.average(x[neighbors], axis=0, weights=w))
        elif aggregator == "lstm":
            rows.append(lstm(x[neighbors], *weights[:3]))
        elif not len(neighbors):
            rows.append(np.zeros(x.shape[1], "float32"))
        elif aggregator == "sum":
            rows.append(w @ x[neighbors])
        elif aggregator == "max_pool":
            rows.append(x[neighbors].max(axis=0))
        else:
            rows.append(np.average(x[neighbors], axis=0, weights=w))
    return np.stack(rows)


def aggregator_weights(layer):
    if layer.aggregator == "lstm":
        return layer.lstm.get_weights()
    if layer.aggregator.endswith("pool"):
        return [layer.pool_kernel.numpy(), layer.pool_bias.numpy()]
    return []


def expected(layer, adjacency=ADJACENCY, x=X):
    h = aggregated(layer.aggregator, aggregator_weights(layer), adjacency, x)
    h = h @ layer.neighbor_kernel.numpy()
    if layer.kernel is not None:
        own = x[: len(adjacency)] @ layer.kernel.numpy()
        h = np.concatenate([own, h], axis=1) if layer.concat else own + h
    h = np.maximum(h + layer.bias.numpy(), 0)
    if layer.normalize:
        h /= np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-6)
    return h


def built(aggregator, units=3, x=X, adjacency=ADJACENCY, **kwargs):
    layer = SAGEConv(
        units,
        aggregator=aggregator,
        activation="relu",
        bias_initializer="random_normal",
        edge_weight_name="weight",
        **kwargs,
    )
    layer.build([x.shape, adjacency.shape])
    return layer


@pytest.mark.parametrize("units", [3, 5])  # narrower and wider than the input
@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_equation_in_all_forms_of_input(aggregator, units):
    layer = built(aggregator, units, aggregator_units=6)
    check_forms(layer, lambda *_: expected(layer))


@pytest.mark.parametrize("aggregator", ["max_pool", "lstm"])
def test_repeated_entries_of_weights_that_cancel_are_no_edge(aggregator):
    entries = tf.SparseTensor([[0, 1], [0, 1], [0, 2]], [1.0, -1.0, 1.0], [3, 3])
    x = tf.constant([[1.0], [4.0], [2.0]])
    layer = SAGEConv(1, aggregator=aggregator, kernel_initializer="ones")
    dense = layer([x, tf.constant([[0.0, 0, 1], [0, 0, 0], [0, 0, 0]])])
    np.testing.assert_allclose(layer([x, entries]), dense, atol=1e-6)
    if aggregator == "max_pool":
        np.testing.assert_allclose(dense, [[3], [4], [2]])


@pytest.mark.parametrize("aggregator", ["mean", "mean_pool", "gcn"])
def test_a_mean_takes_no_negative_weights(aggregator):
    layer = SAGEConv(1, aggregator=aggregator, name="mean")
    message = (
        r"SAGEConv \\?'mean\\?': Expected an adjacency without negative weights; for "
        r"signed edges, use `aggregator=\\?\"sum\\?\"`\. Received: a weight of -0.5"
    )
    for call in (layer, tf.function(layer)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            call([X, tf.constant(ADJACENCY - 0.5 * np.eye(6, dtype="float32")[::-1])])


@pytest.mark.parametrize(
    "kwargs",
    [
        {"concat": True},
        {"root_weight": False},
        {"normalize": True},
        {"concat": True, "normalize": True},
    ],
)
@pytest.mark.parametrize("aggregator", ["mean", "max_pool"])
def test_options(aggregator, kwargs):
    layer = built(aggregator, **kwargs)
    y = layer([X, sparse(ADJACENCY)])
    np.testing.assert_allclose(y, expected(layer), atol=1e-5)
    assert layer.compute_output_shape([X.shape, ADJACENCY.shape]) == y.shape


@pytest.mark.parametrize("form", ["sparse", "dense", "batch"])
@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_rectangular_adjacency(aggregator, form):
    adjacency = ADJACENCY[:4]
    layer = built(aggregator, adjacency=adjacency)
    inputs = {
        "sparse": [tf.constant(X), sparse(adjacency)],
        "dense": [X, adjacency],
        "batch": [X[None], adjacency[None]],
    }[form]
    y = np.reshape(layer(inputs), [4, 3])
    np.testing.assert_allclose(y, expected(layer, adjacency), atol=1e-5)


@pytest.mark.parametrize("sizes", [(6, 6), (2, 6), (1, 1), (0, 0)])
@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_nodes_without_neighbours_are_zeros(aggregator, sizes):
    adjacency = np.zeros(sizes, "float32")
    x = X[: sizes[1]]
    layer = built(aggregator, x=x, adjacency=adjacency)
    for form in (adjacency, sparse(adjacency)):
        y = layer([tf.constant(x), form])
        want = np.zeros([0, 3]) if not sizes[0] else expected(layer, adjacency, x)
        np.testing.assert_allclose(y, want, atol=1e-6)


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_entry_of_weight_zero_is_no_edge(aggregator):
    layer = built(aggregator)
    zero_weights = tf.SparseTensor(
        np.argwhere(np.ones_like(ADJACENCY)).astype("int64"),
        ADJACENCY.reshape(-1),
        ADJACENCY.shape,
    )
    np.testing.assert_allclose(layer([X, zero_weights]), expected(layer), atol=1e-5)


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_gradients(aggregator, form):
    layer = SAGEConv(3, aggregator=aggregator, activation="tanh", dtype="float64")
    layer.build([X.shape, ADJACENCY.shape])
    indices = np.argwhere(ADJACENCY).astype("int64")

    @tf.function
    def function(x, values, kernel, *aggregator_weights):
        adjacency = tf.SparseTensor(indices, values, ADJACENCY.shape)
        if form == "dense":
            adjacency = tf.sparse.to_dense(adjacency)
        names = [layer.neighbor_kernel, *inner]
        for weight, value in zip(names, (kernel, *aggregator_weights), strict=True):
            weight.assign(value)
        return layer([x, adjacency])

    inner = layer.lstm.trainable_weights[:1] if aggregator == "lstm" else []
    if aggregator.endswith("pool"):
        inner = [layer.pool_kernel]
    values = ADJACENCY[tuple(indices.T)].astype("float64")
    x = X.astype("float64")
    starts = [w.numpy() for w in (layer.neighbor_kernel, *inner)]
    want = numeric_gradients(function, [x, values, *starts])
    inputs = [tf.constant(x), tf.constant(values)]
    function(*inputs, *starts)
    watched = [*inputs, layer.neighbor_kernel.value, *(w.value for w in inner)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        adjacency = tf.SparseTensor(indices, inputs[1], ADJACENCY.shape)
        if form == "dense":
            adjacency = tf.sparse.to_dense(adjacency)
        loss = tf.reduce_sum(layer([inputs[0], adjacency]) ** 2)
    got = tape.gradient(loss, watched, unconnected_gradients="zero")
    if aggregator in ("max_pool", "lstm"):  # which look at no weights
        want[1] = np.zeros_like(want[1])
    for number, (g, w) in enumerate(zip(got, want, strict=True)):
        np.testing.assert_allclose(g, w, atol=1e-5, err_msg=str(number))


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_lstm_shuffles_neighbours_in_training_only(form):
    layer = built("lstm")
    inputs = [X, sparse(ADJACENCY) if form == "sparse" else ADJACENCY]
    still = layer(inputs).numpy()
    np.testing.assert_array_equal(layer(inputs), still)
    # The last states of both orders of row 0's neighbours, and of no other order.
    kernel = layer.neighbor_kernel.numpy()
    weights = [w.numpy() for w in layer.lstm.trainable_weights]
    own = X[:1] @ layer.kernel.numpy() + layer.bias.numpy()
    orders = [
        np.maximum(own + lstm(X[list(order)], *weights) @ kernel, 0)[0]
        for order in ([1, 3], [3, 1])
    ]
    seen = {0: 0, 1: 0}
    for _ in range(40):
        y = layer(inputs, training=True).numpy()[0]
        distances = [np.abs(y - order).max() for order in orders]
        assert min(distances) < 1e-5
        seen[int(np.argmin(distances))] += 1
    assert min(seen.values()) >= 8
    # Row 0 alone: a row of one neighbour has one order.
    one = ADJACENCY * (np.arange(6) == 3)
    inputs[1] = sparse(one) if form == "sparse" else one
    np.testing.assert_allclose(layer(inputs, training=True), layer(inputs), atol=1e-6)


@pytest.mark.parametrize("aggregator", ["mean", "gcn", "sum", "max_pool", "mean_pool"])
def test_compiled_by_xla(aggregator):
    layer = built(aggregator)
    call = tf.function(lambda x, a: layer([x, a]), jit_compile=True)
    adjacency = sparse(ADJACENCY)

    @tf.function(jit_compile=True)
    def compiled(x, indices, values):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer([x, tf.SparseTensor(indices, values, ADJACENCY.shape)])
        return y, tape.gradient(y, x)

    y, dx = compiled(tf.constant(X), adjacency.indices, adjacency.values)
    np.testing.assert_allclose(y, expected(layer), atol=1e-5)
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer([x, adjacency])
    np.testing.assert_allclose(dx, tape.gradient(y, x), atol=1e-5)
    np.testing.assert_allclose(call(X, ADJACENCY), expected(layer), atol=1e-5)


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_mixed_precision(aggregator):
    layer = SAGEConv(3, aggregator=aggregator, normalize=True, dtype="mixed_float16")
    y = layer([X, sparse(ADJACENCY)])
    assert y.dtype == tf.float16
    exact = SAGEConv(3, aggregator=aggregator, normalize=True)
    exact.build([X.shape, ADJACENCY.shape])
    exact.set_weights(layer.get_weights())
    np.testing.assert_allclose(y, exact([X, sparse(ADJACENCY)]), atol=5e-3)


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_functional_model_trains_and_reloads(aggregator, tmp_path):
    def make(units, **kwargs):
        return SAGEConv(
            units, aggregator=aggregator, concat=aggregator == "mean", **kwargs
        )

    model = functional_model(make)
    inputs = [tf.constant(X), sparse(ADJACENCY)]
    model.compile(keras.optimizers.Adam(0.05), "mse")
    y = tf.random.stateless_normal([6, model.output_shape[-1]], [0, 0])
    data = tf.data.Dataset.from_tensors((tuple(inputs), y)).repeat(15)
    first, *_, last = model.fit(data, epochs=2, verbose=0, shuffle=False).history[
        "loss"
    ]
    assert last < first
    check_reload(model, inputs, tmp_path / "model.keras")


def test_graph_tensor_model_reloads(tmp_path):
    model = graph_tensor_model(
        lambda *args, **kw: SAGEConv(*args, aggregator="max_pool", **kw)
    )
    check_reload(model, graph_tensor(ADJACENCY, X), tmp_path / "model.keras")


def test_config():
    check_config_round_trip(
        SAGEConv(3, aggregator="lstm", aggregator_units=7, concat=True, normalize=True)
    )
    check_config_round_trip(
        SAGEConv(3, aggregator="gcn", root_weight=False, dropout=0.5)
    )


@pytest.mark.parametrize(
    ("x", "adjacency", "rows"),
    [
        ([0, 3], [0, 0], [0]),
        ([2, 0, 3], [2, 0, 0], [2, 0]),
        ([0, 4, 3], [0, 4, 4], [0, 4]),
        ([4, 3], [0, 4], [0]),  # nobody receives
    ],
)
def test_lstm_of_no_rows_in_a_dense_adjacency(x, adjacency, rows):
    inputs = [tf.zeros(x), tf.zeros(adjacency)]
    layer = SAGEConv(2, aggregator="lstm")
    for call in (layer, tf.function(layer)):
        assert call(inputs).shape == (*rows, 2)


def test_predict_lstm_on_a_dense_graph_without_nodes():
    x, adjacency = keras.Input((3,)), keras.Input((None,))
    y = SAGEConv(2, aggregator="lstm")([x, adjacency])
    model = keras.Model([x, adjacency], y)
    data = tf.data.Dataset.from_tensors(((tf.zeros([0, 3]), tf.zeros([0, 0])),))
    assert model.predict(data, verbose=0).shape == (0, 2)


def test_lstm_of_a_hub_and_its_leaves():
    """Degrees far apart: each leaf has one step, and the hub a thousand."""
    num_nodes = 1000
    leaves = np.arange(1, num_nodes)
    indices = np.concatenate(
        [np.stack([0 * leaves, leaves], 1), np.stack([leaves, 0 * leaves], 1)]
    )
    adjacency = tf.SparseTensor(indices, tf.ones(len(indices)), [num_nodes, num_nodes])
    layer = SAGEConv(2, aggregator="lstm", aggregator_units=2)
    x = tf.random.stateless_normal([num_nodes, 4], [0, 0])
    y = tf.function(layer)([x, adjacency])
    dense = np.zeros([num_nodes, num_nodes], "float32")
    dense[tuple(indices.T)] = 1
    h = aggregated("lstm", aggregator_weights(layer), dense, x.numpy())
    want = h @ layer.neighbor_kernel.numpy() + x.numpy() @ layer.kernel.numpy()
    np.testing.assert_allclose(y, want, atol=1e-5)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"units": 0}, "`units` to be a positive integer. Received: units=0"),
        (
            {"units": 2, "aggregator": "median"},
            r"`aggregator` to be one of \('mean', 'gcn', 'sum', .*'median'",
        ),
        ({"units": 2, "aggregator_units": -1}, "`aggregator_units`.*-1"),
        ({"units": 2, "aggregator": "gcn", "concat": True}, "`concat` to be False"),
        ({"units": 2, "root_weight": False, "concat": True}, "`concat` to be False"),
        ({"units": 2, "dropout": 1.0}, "`dropout`.*1.0"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        SAGEConv(**kwargs)


def test_features_of_another_width():
    layer = built("mean")
    with pytest.raises(ValueError, match="`x` with 4 features"):
        layer([X[:, :3], sparse(ADJACENCY)])

"""GINEConv: pairs, signals, blocks, saved models, and labels that edges decide."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgraph.data import Graph, full_batch, neighbor_batches, whole_graph_batches
from tfgraph.layers import GATConv, GCNConv, GINEConv, Readout

RNG = np.random.default_rng(0)
N, F, D = 9, 4, 2
EDGES = RNG.integers(N - 1, size=(30, 2))  # some repeated; node 8 has none
WEIGHT = RNG.normal(size=30)
GRAPH = Graph(
    RNG.normal(size=(N, F)),
    EDGES,
    edge_weight=WEIGHT,
    edge_features=RNG.normal(size=(30, D)),
    y=np.arange(N) % 3,
)
ADJACENCY = GRAPH.to_sparse_tensor()


def stated(layer, senders, receivers, edges, weight, features):
    """The equation of the docstring, edge by edge."""
    w = {weight.name: weight.numpy() for weight in layer.weights}
    h = (1 + layer.eps) * receivers
    for (source, target), value, feature in zip(edges, weight, features, strict=True):
        message = senders[source] + feature @ w["edge_kernel"]
        h[target] += value * np.maximum(message, 0)
    h = np.maximum(h @ w["hidden_kernel"] + w["hidden_bias"], 0)
    return h @ w["kernel"] + w["bias"]


def test_repeated_edges_send_a_message_each():
    layer = GINEConv(3, eps=0.25, bias_initializer="random_normal")
    y = layer([GRAPH.x, ADJACENCY, GRAPH.edge_features])
    edges = GRAPH.edges, GRAPH.edge_weight, GRAPH.edge_features
    np.testing.assert_allclose(y, stated(layer, GRAPH.x, GRAPH.x, *edges), atol=1e-5)
    # Entries in another order, with their features.
    order = RNG.permutation(30)
    shuffled = tf.SparseTensor(
        tf.gather(ADJACENCY.indices, order), tf.gather(ADJACENCY.values, order), [N, N]
    )
    np.testing.assert_allclose(
        layer([GRAPH.x, shuffled, GRAPH.edge_features[order]]), y, atol=1e-5
    )
    sparse = GRAPH.sparse_features()
    np.testing.assert_allclose(
        layer([sparse, ADJACENCY, GRAPH.edge_features]), y, atol=1e-5
    )


def test_pairs():
    receivers = RNG.normal(size=(5, F)).astype("float32")
    kept = GRAPH.edges[:, 1] < 5
    edges = GRAPH.edges[kept], GRAPH.edge_weight[kept], GRAPH.edge_features[kept]
    adjacency = tf.SparseTensor(edges[0][:, ::-1], edges[1], [5, N])
    layer = GINEConv(3)
    y = layer([(GRAPH.x, receivers), adjacency, edges[2]])
    want = stated(layer, GRAPH.x, receivers.copy(), *edges)
    np.testing.assert_allclose(y, want, atol=1e-5)
    # Of one node set, the first 5 nodes receive.
    want = stated(layer, GRAPH.x, GRAPH.x[:5].copy(), *edges)
    layer = GINEConv.from_config(layer.get_config())
    y = layer([GRAPH.x, adjacency, edges[2]])
    want = stated(layer, GRAPH.x, GRAPH.x[:5].copy(), *edges)
    np.testing.assert_allclose(y, want, atol=1e-5)


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_signals_share_the_features_of_edges(form):
    x = RNG.normal(size=(2, 3, N, F)).astype("float32")
    adjacency, edges = ADJACENCY, GRAPH.edge_features
    if form == "dense":
        adjacency, edges = RNG.normal(size=(N, N)), RNG.normal(size=(N, N, D))
    layer = GINEConv(3, "tanh")
    want = [[layer([one, adjacency, edges]) for one in row] for row in x]
    np.testing.assert_allclose(layer([x, adjacency, edges]), want, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GINEConv(2, hidden_units=0), "`hidden_units`"),
        (lambda: GINEConv(2, eps=np.nan), "`eps`"),
        (lambda: GINEConv(2)([(GRAPH.x, None), ADJACENCY]), "features of the receiv"),
        (
            lambda: GINEConv(2)([(GRAPH.x, np.ones((N, 2))), ADJACENCY]),
            "the same width.*4 and 2 features",
        ),
        (
            lambda: GINEConv(2)([GRAPH.x, ADJACENCY, GRAPH.edge_features[1:]]),
            "one row for each of the 30 entries",
        ),
        (
            lambda: GCNConv(2)([GRAPH.x, ADJACENCY, GRAPH.edge_features]),
            r"GCNConv.*graph\.replace\(edge_features=None\)",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_built_without_edge_features():
    layer = GINEConv(2)
    layer([GRAPH.x, ADJACENCY])
    with pytest.raises(ValueError, match="of None numbers each, as this layer was"):
        layer([GRAPH.x, ADJACENCY, GRAPH.edge_features])


def two_layers(last="softmax", **kwargs):
    x = keras.Input((GRAPH.num_features,))
    adjacency = keras.Input((None,), sparse=True)
    edges = keras.Input((D,))
    h = GINEConv(16, "relu")([x, adjacency, edges])
    y = GINEConv(3, last, **kwargs)([h, adjacency, edges])
    return keras.Model([x, adjacency, edges], y)


def test_fit_and_reload(tmp_path):
    model = two_layers(train_eps=True)
    model.compile("adam", "sparse_categorical_crossentropy")
    graph = GRAPH.replace(train_mask=np.ones(N, bool))
    model.fit(full_batch(graph, "train"), epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    want = model.predict(full_batch(graph), verbose=0)
    np.testing.assert_array_equal(loaded.predict(full_batch(graph), verbose=0), want)
    assert loaded.layers[-1].epsilon.numpy() != [0]


def test_graph_tensors_and_whole_graphs():
    layer = GINEConv(3, edge_weight_name="weight", edge_feature_name="features")
    y = layer(GRAPH.to_graph_tensor())
    np.testing.assert_allclose(
        layer([GRAPH.x, ADJACENCY, GRAPH.edge_features]), y, atol=1e-5
    )
    mean = Readout("mean")
    [((x, adjacency, edges, graph_ids),)] = whole_graph_batches(
        [GRAPH, GRAPH], batch_size=2
    )
    means = mean([layer([x, adjacency, edges]), graph_ids])
    np.testing.assert_allclose(means, [np.mean(y, axis=0)] * 2, atol=1e-5)


def test_blocks_are_rows_of_the_whole_graph():
    layer = GINEConv(3)
    whole = layer([GRAPH.x, ADJACENCY, GRAPH.edge_features])
    for start, (inputs,) in zip(
        (0, 4, 8), neighbor_batches(GRAPH, (None,), 4, labels=False), strict=True
    ):
        x, (adjacency,), (edges,) = inputs
        rows = layer([x, adjacency, edges])
        np.testing.assert_allclose(rows, whole[start : start + 4], atol=1e-5)


def messages_of_one_type(num_nodes=400):
    """A node has the sign of the one of its four neighbours with an edge of type 1."""
    rng = np.random.default_rng(0)
    senders = rng.integers(num_nodes, size=(num_nodes, 4))
    edges = np.stack([senders, np.tile(np.arange(num_nodes)[:, None], 4)], axis=-1)
    sign = rng.integers(2, size=num_nodes)
    return Graph(
        np.eye(2)[sign],
        edges.reshape(-1, 2),
        edge_features=np.tile(np.eye(2)[[1, 0, 0, 0]], (num_nodes, 1)),
        y=sign[senders[:, 0]],
        train_mask=np.arange(num_nodes) < 250,
        test_mask=np.arange(num_nodes) >= 250,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "lowest", "highest"),
    [
        (lambda: GINEConv(16, "relu"), 0.97, 1),
        (lambda: GATConv(16, "relu", 2), 0.97, 1),
        (lambda: GCNConv(16, "relu"), 0.5, 0.85),
    ],
)
def test_labels_that_edge_features_decide(layer, lowest, highest):
    keras.utils.set_random_seed(0)
    graph = messages_of_one_type()
    if isinstance(layer(), GCNConv):
        graph = graph.replace(edge_features=None)
    inputs = [keras.Input((2,)), keras.Input((None,), sparse=True), keras.Input((2,))]
    inputs = inputs if graph.num_edge_features else inputs[:2]
    h = layer()([keras.layers.Dense(16)(inputs[0]), *inputs[1:]])
    y = keras.layers.Dense(2, "softmax")(h)
    model = keras.Model(inputs, y)
    model.compile(
        keras.optimizers.Adam(0.03),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    model.fit(full_batch(graph, "train"), epochs=120, verbose=0, shuffle=False)
    _, accuracy = model.evaluate(full_batch(graph, "test"), verbose=0)
    assert lowest <= accuracy <= highest

import resource

import keras
import numpy as np
import pytest
import tensorflow as tf
from graph_batches import (
    ADJACENCY,
    GRAPH_IDS,
    MASK,
    PLACES,
    X,
    batch_forms,
    graph_tensor,
    of_nodes,
    padded,
    padded_adjacency,
)
from layer_checks import (
    check_config_round_trip,
    check_reload,
    numeric_gradients,
    sparse,
)

import tfgraph
from tfgraph.layers import (
    DiffPool,
    GATConv,
    GCNConv,
    Readout,
    SAGEConv,
    Structure2VecConv,
)

FORMS = batch_forms()
CLUSTERS = 3  # more than the second graph has nodes


def plain(units, **kwargs):
    """A convolution that is easily said in NumPy: A X W + b."""
    return GCNConv(
        units,
        add_self_loops=False,
        normalize=False,
        bias_initializer="normal",
        edge_weight_name="weight",
        **kwargs,
    )


def make_layer(**kwargs):
    return DiffPool(plain(4), plain(CLUSTERS), edge_weight_name="weight", **kwargs)


def softmax(logits):
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def expected(w, b, w_pool, b_pool, x=X, adjacency=ADJACENCY):
    """The paper's equations: X', A', S, Z and the two losses, graph by graph."""
    pooled, adjacencies, link, entropy = [], [], [], []
    z, s = adjacency @ x @ w + b, softmax(adjacency @ x @ w_pool + b_pool)
    for places in PLACES:
        a, s_g = adjacency[np.ix_(places, places)], s[places]
        pooled.append(s_g.T @ z[places])
        adjacencies.append(s_g.T @ a @ s_g)
        if not len(places):
            continue
        link.append(np.linalg.norm(a - s_g @ s_g.T))
        entropy.append(-(s_g * np.log(s_g)).sum(axis=1).mean())
    return (
        np.stack(pooled),
        np.stack(adjacencies),
        s,
        z,
        [np.mean(link), np.mean(entropy)],
    )


@pytest.mark.parametrize("form", FORMS)
def test_numbers(form):
    layer = make_layer()
    x, adjacency, s, z = layer(
        FORMS[form], return_assignment=True, return_embedding=True
    )
    want = expected(*layer.get_weights())
    np.testing.assert_allclose(x, want[0], atol=1e-5)
    np.testing.assert_allclose(adjacency, want[1], atol=1e-5)
    np.testing.assert_allclose(of_nodes(s), want[2], atol=1e-5)
    np.testing.assert_allclose(of_nodes(z), want[3], atol=1e-5)
    np.testing.assert_allclose(layer.losses, want[4], rtol=1e-5)
    assert not np.any(x[2]), "the graph without nodes"
    assert np.shape(x) == (4, CLUSTERS, 4) and np.shape(adjacency) == (4, 3, 3)


def test_a_graph_alone_is_as_in_a_batch():
    layer = make_layer()
    x, adjacency = layer(FORMS["sparse"])
    losses = []
    for graph, places in enumerate(PLACES):
        if not len(places):
            continue
        inner = ADJACENCY[np.ix_(places, places)]
        ids = np.zeros(len(places), "int64")
        alone = layer([tf.constant(X[places]), sparse(inner), tf.constant(ids)])
        np.testing.assert_allclose(alone[0][0], x[graph], atol=1e-5)
        np.testing.assert_allclose(alone[1][0], adjacency[graph], atol=1e-5)
        losses.append(layer.losses)
    layer(FORMS["sparse"])
    np.testing.assert_allclose(layer.losses, np.mean(losses, axis=0), rtol=1e-5)


def test_the_order_of_nodes_does_not_matter():
    layer = make_layer()
    before = layer(FORMS["sparse"])
    losses = layer.losses
    rng = np.random.default_rng(1)
    order = np.concatenate([rng.permutation(places) for places in PLACES])
    inputs = [tf.constant(X[order]), sparse(ADJACENCY[order][:, order])]
    after = layer([*inputs, tf.constant(GRAPH_IDS)])
    for tensor, permuted in zip(before, after, strict=True):
        np.testing.assert_allclose(tensor, permuted, atol=1e-5)
    np.testing.assert_allclose(layer.losses, losses, rtol=1e-5)


def test_without_mask_all_rows_are_nodes():
    layer = make_layer()
    x, a = padded(X)[[0]], padded_adjacency()[[0]]
    found = layer([x, a])
    want = layer(FORMS["sparse"])
    for tensor, of_batch in zip(found, want, strict=True):
        np.testing.assert_allclose(tensor[0], of_batch[0], atol=1e-5)


@pytest.mark.parametrize("form", ["sparse", "dense, with more padding"])
def test_gradients(form):
    layer = DiffPool(
        plain(2, dtype="float64"), plain(CLUSTERS, dtype="float64"), dtype="float64"
    )
    x, adjacency, whose = FORMS[form]
    is_sparse = isinstance(adjacency, tf.SparseTensor)
    values = adjacency.values if is_sparse else adjacency[adjacency != 0]
    x, values = tf.cast(x, tf.float64), tf.cast(values, tf.float64)

    def call(x, values):
        if is_sparse:
            a = adjacency.with_values(values)
        else:
            a = tf.scatter_nd(np.argwhere(adjacency), values, adjacency.shape)
        outputs = layer([x, a, whose], return_assignment=True)
        return tf.concat([tf.reshape(t, [-1]) for t in [*outputs, *layer.losses]], 0)

    call = tf.function(call)
    with tf.GradientTape() as tape:
        tape.watch([x, values])
        loss = tf.reduce_sum(call(x, values) ** 2)
    found = tape.gradient(loss, [x, values])
    want = numeric_gradients(call, [x, values])
    for gradient, numeric in zip(found, want, strict=True):
        np.testing.assert_allclose(gradient, numeric, atol=1e-5)
    assert np.abs(want[0]).max() > 0.1


def test_gradients_of_the_weights_are_the_same_in_each_form():
    layer = make_layer()
    gradients = []
    for inputs in FORMS.values():
        with tf.GradientTape() as tape:
            x, adjacency = layer(inputs)
            loss = tf.reduce_sum(x**2) + tf.reduce_sum(adjacency**2)
            loss += tf.add_n(layer.losses)
        gradients.append(tape.gradient(loss, layer.trainable_variables))
    for others in gradients[1:]:
        for gradient, other in zip(gradients[0], others, strict=True):
            np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-5)


def test_no_slope_where_clusters_explain_all_edges():
    # Two cliques with self-loops, each a cluster: A = S Sᵀ.
    x = np.repeat(np.eye(2, dtype="float32"), 3, axis=0)
    layer = DiffPool(plain(2), plain(2), entropy_loss_weight=0)
    inputs = [tf.constant(x), sparse(x @ x.T), tf.zeros([6], tf.int64)]
    layer(inputs)
    layer.assignment.set_weights([100 * np.eye(2), np.zeros(2)])
    with tf.GradientTape() as tape:
        layer(inputs)
        (loss,) = layer.losses
    np.testing.assert_allclose(loss, 0, atol=1e-6)
    for gradient in tape.gradient(loss, layer.assignment.trainable_variables):
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


def test_a_cluster_that_is_ruled_out():
    """Logits of minus infinity, by which an assignment layer may mask a cluster."""
    layer = make_layer()
    layer(FORMS["sparse"])
    layer.assignment.bias.assign([0.0, 0.0, -np.inf])
    with tf.GradientTape() as tape:
        _, _, s = layer(FORMS["sparse"], return_assignment=True)
        loss = tf.add_n(layer.losses)
    np.testing.assert_array_equal(s[:, 2], np.zeros(8))
    entropies = -(s[:, :2] * np.log(s[:, :2])).numpy().sum(axis=1)
    want = np.mean([entropies[places].mean() for places in PLACES if len(places)])
    np.testing.assert_allclose(layer.losses[1], want, rtol=1e-5)
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert np.all(np.isfinite(np.concatenate([np.ravel(g) for g in gradients])))


def test_a_batch_without_nodes_has_no_losses():
    layer = make_layer()
    layer([padded(X), padded_adjacency(), np.zeros_like(MASK)])
    np.testing.assert_array_equal(layer.losses, [0, 0])


def test_the_mask_of_keras_counts():
    layer = make_layer()
    want = layer(FORMS["dense"])
    losses = layer.losses
    x = keras.layers.Masking(mask_value=9.0)(padded(X, filling=9.0))
    for tensor, other in zip(layer([x, padded_adjacency()]), want, strict=True):
        np.testing.assert_allclose(tensor, other, atol=1e-6)
    np.testing.assert_allclose(layer.losses, losses, rtol=1e-6)


def test_weights_of_the_losses():
    layer = make_layer(link_loss_weight=0.5, entropy_loss_weight=3.0)
    layer(FORMS["sparse"])
    link, entropy = expected(*layer.get_weights())[-1]
    np.testing.assert_allclose(layer.losses, [0.5 * link, 3 * entropy], rtol=1e-5)
    layer = make_layer(link_loss_weight=0, entropy_loss_weight=0)
    layer(FORMS["sparse"])
    assert layer.losses == []
    layer = make_layer(link_loss_weight=0)
    layer(FORMS["dense"])
    want = expected(*layer.get_weights())[-1][1]
    np.testing.assert_allclose(layer.losses, [want], rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_given_assignment(form):
    layer = DiffPool(plain(4), edge_weight_name="weight")
    s = np.eye(CLUSTERS, dtype="float32")[np.arange(len(X)) % CLUSTERS]
    inputs = FORMS[form]
    parts = inputs if isinstance(inputs, list) else [inputs]
    extra = 2 if "more" in form else 0
    # What stands in the padding counts for nothing.
    dense = padded(s, extra, filling=1.0)
    x, adjacency = layer([*parts, tf.constant(dense if "dense" in form else s)])
    w, b = layer.get_weights()
    for graph, places in enumerate(PLACES):
        a, s_g = ADJACENCY[np.ix_(places, places)], s[places]
        z = (ADJACENCY @ X @ w + b)[places]
        np.testing.assert_allclose(x[graph], s_g.T @ z, atol=1e-5)
        np.testing.assert_allclose(adjacency[graph], s_g.T @ a @ s_g, atol=1e-5)
    assert layer.losses == []


def test_number_of_clusters():
    layer = DiffPool(GCNConv(4), GCNConv(7), num_clusters=2)
    x, adjacency, s = layer(FORMS["sparse"], return_assignment=True)
    assert (x.shape, adjacency.shape) == ((4, 2, 4), (4, 2, 2))
    np.testing.assert_allclose(np.sum(s, axis=1), 1, rtol=1e-6)
    cases = [(0.25, 126, 31), (0.1, 5, 1), (1, 5, 5), (0.29, 100, 29)]
    for ratio, max_nodes, count in cases:
        layer = DiffPool(GCNConv(4), GCNConv(7), ratio=ratio, max_nodes=max_nodes)
        assert layer(FORMS["sparse"])[0].shape == (4, count, 4)


def functional_network(units):
    x = keras.Input((None, 3))
    adjacency = keras.Input((None, None))
    h = GCNConv(5, activation="relu")([x, adjacency])
    h = keras.layers.BatchNormalization(momentum=0.5)(h)
    return keras.Model([x, adjacency], GCNConv(units)([h, adjacency]))


class Subclassed(keras.Model):
    """Without a `build` method, as most people write it."""

    def __init__(self, units):
        super().__init__(autocast=False)
        self.layers_of_it = [SAGEConv(5, activation="relu"), SAGEConv(units)]

    def call(self, inputs):
        x, adjacency = inputs
        for layer in self.layers_of_it:
            x = layer([x, adjacency])
        return x


NETWORKS = {
    "GAT": GATConv,
    "SAGE, max pooling": lambda units: SAGEConv(units, aggregator="max_pool"),
    "Structure2Vec": lambda units: Structure2VecConv(units, num_rounds=2),
    "GCN model": lambda units: tfgraph.models.GCN(
        units, [5], classifier_activation=None, dropout=0.0
    ),
    "functional, with batch norm": functional_network,
    "subclassed": Subclassed,
}


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("network", NETWORKS)
def test_any_layers_inside(network):
    layer = DiffPool(NETWORKS[network](4), NETWORKS[network](CLUSTERS))
    forms = ["dense", "dense, with more padding"]
    if "functional" not in network:  # whose inputs are dense
        forms.append("sparse")
    results = []
    for form in forms:
        weights = layer.get_weights()
        results.append([*layer(FORMS[form], training=True), *layer.losses])
        if weights:  # the moving averages, back to what they were
            layer.set_weights(weights)
    for result in results[1:]:
        for tensor, other in zip(results[0], result, strict=True):
            np.testing.assert_allclose(tensor, other, rtol=1e-4, atol=1e-5)


def test_functional_model_of_two_levels(tmp_path):
    x = keras.Input((3,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    graph_ids = keras.Input((), dtype="int64", name="graph_ids")
    inputs = [x, adjacency, graph_ids]
    pool = DiffPool(SAGEConv(8, activation="relu"), SAGEConv(8), num_clusters=3)
    h, clusters, s = pool(inputs, return_assignment=True)
    assert (h.shape, clusters.shape, s.shape) == ((None, 3, 8), (None, 3, 3), (None, 3))
    h, clusters = DiffPool(GCNConv(8, activation="relu"), GCNConv(2))([h, clusters])
    assert (h.shape, clusters.shape) == ((None, 2, 8), (None, 2, 2))
    h = GCNConv(8, activation="relu")([h, clusters])
    y = keras.layers.Dense(2, activation="softmax")(Readout("max")(h))
    model = keras.Model(inputs, y)
    labels = tf.constant([0, 1, 0, 1])
    data = tf.data.Dataset.from_tensors((tuple(FORMS["sparse"]), labels))
    optimizer = keras.optimizers.Adam(0.03)
    optimizer.build(model.trainable_variables)  # or `fit` traces its step twice
    model.compile(optimizer, "sparse_categorical_crossentropy")
    history = model.fit(
        data.repeat(20), epochs=2, verbose=0, shuffle=False, steps_per_epoch=20
    )
    assert history.history["loss"][1] < 0.9 * history.history["loss"][0]
    again = check_reload(model, FORMS["sparse"], tmp_path / "model.keras")
    assert len(again.losses) == len(model.losses) == 4
    # The picture of the clusters: another model of the same layers.
    found = keras.Model(inputs, s)(FORMS["sparse"])
    np.testing.assert_allclose(tf.reduce_sum(found, axis=1), 1, rtol=1e-6)


def test_functional_model_of_graph_tensors():
    graph = tfgraph.GraphInput(graph_tensor().spec)
    h, adjacency = make_layer()(graph)
    model = keras.Model(graph, Readout("mean")(plain(2)([h, adjacency])))
    assert model(graph_tensor()).shape == (4, 2)


def test_mixed_precision():
    layer = DiffPool(
        plain(4, dtype="mixed_float16"),
        plain(CLUSTERS, dtype="mixed_float16"),
        dtype="mixed_float16",
    )
    x, adjacency, s = layer(FORMS["sparse"], return_assignment=True)
    assert (x.dtype, adjacency.dtype, s.dtype) == ("float16", "float32", "float32")
    want = expected(*layer.get_weights())
    np.testing.assert_allclose(x, want[0], atol=0.01)
    np.testing.assert_allclose(layer.losses, want[-1], rtol=0.01)


def test_xla_compiles_padded_graphs_only():
    layer = make_layer()
    compiled = tf.function(layer, jit_compile=True)
    want = layer(FORMS["dense"])
    for tensor, other in zip(compiled(FORMS["dense"]), want, strict=True):
        np.testing.assert_allclose(tensor, other, atol=1e-5)
    with pytest.raises(ValueError, match="padded to one size"):
        compiled(FORMS["sparse"])


def test_nothing_is_as_large_as_the_square_of_the_nodes():
    num_nodes = 40_000  # whose square takes 6 GB
    nodes = np.arange(num_nodes - 1)
    entries = tf.SparseTensor(
        np.stack([nodes, nodes + 1], axis=1),
        tf.ones([num_nodes - 1]),
        [num_nodes, num_nodes],
    )
    inputs = [tf.ones([num_nodes, 1]), entries, tf.zeros([num_nodes], tf.int64)]
    layer = DiffPool(plain(2), plain(2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tf.GradientTape() as tape:
        x, adjacency = layer(inputs)
        loss = tf.reduce_sum(x) + tf.reduce_sum(adjacency) + tf.add_n(layer.losses)
    tape.gradient(loss, layer.trainable_variables)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert kilobytes < 400_000
    np.testing.assert_allclose(tf.reduce_sum(adjacency), num_nodes - 1, rtol=1e-4)


def test_config():
    check_config_round_trip(make_layer(num_clusters=4, link_loss_weight=0.1))
    check_config_round_trip(DiffPool(SAGEConv(3), name="det", node_set_name="atoms"))
    check_config_round_trip(
        DiffPool(GATConv(3, num_heads=2), GATConv(4), ratio=0.5, max_nodes=9)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_clusters": 0}, r"`num_clusters` .* num_clusters=0"),
        ({"num_clusters": 2.5}, r"`num_clusters` .* num_clusters=2.5"),
        ({"ratio": 0.5}, r"`ratio` and `max_nodes`.*max_nodes=None"),
        ({"ratio": 1.5, "max_nodes": 9}, r"`ratio` .* in \(0, 1\].*ratio=1.5"),
        ({"ratio": 0.5, "max_nodes": 0}, r"`max_nodes` .* max_nodes=0"),
        ({"ratio": 0.5, "max_nodes": 9, "num_clusters": 4}, r"or none of them"),
        ({"assignment": None, "num_clusters": 4}, r"`assignment` to be a layer"),
        ({"link_loss_weight": np.nan}, "`link_loss_weight` to be a finite number"),
        ({"entropy_loss_weight": "a"}, "`entropy_loss_weight` to be a finite number"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DiffPool(**{"embedding": plain(2), "assignment": plain(2), **arguments})


NODES, ENTRIES, IDS = FORMS["sparse"]
ONE_GRAPH = tf.zeros_like(IDS)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([NODES], "to be `\\[x, adjacency, graph_ids\\]`"),
        ([NODES, ENTRIES], r"`graph_ids` of shape `\[N\]`"),
        ([NODES, ENTRIES, IDS[:5]], r"shape \(5,\)"),
        ([NODES[:5], ENTRIES, IDS[:5]], "one column for each of the 5 nodes"),
        ([padded(X), padded_adjacency(), MASK[:, 1:]], r"shape \(4, 3\)"),
        ([NODES, ENTRIES, IDS > 1], "`graph_ids` with features"),
        ([NODES, graph_tensor(), IDS], "to be `\\[x, adjacency, graph_ids\\]`"),
        ([NODES, ENTRIES, IDS[::-1]], "sorted"),
        ([NODES, ENTRIES, tf.range(8)], "within graphs"),
        ([NODES, tf.constant(ADJACENCY), tf.range(8)], "within graphs"),
    ],
)
def test_bad_input(inputs, message):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        make_layer()(inputs)


def test_an_edge_of_weight_zero_joins_no_graphs():
    first, second = PLACES[0][0], PLACES[1][0]
    entries = tf.sparse.reorder(
        tf.SparseTensor(
            tf.concat([ENTRIES.indices, [[first, second]]], axis=0),
            tf.concat([ENTRIES.values, [0]], axis=0),
            ENTRIES.dense_shape,
        )
    )
    layer = make_layer()
    want = layer(FORMS["sparse"])
    for tensor, other in zip(layer([NODES, entries, IDS]), want, strict=True):
        np.testing.assert_allclose(tensor, other, atol=1e-6)


def test_bad_assignment():
    layer = DiffPool(plain(2))
    with pytest.raises(ValueError, match="`s` as the last of the inputs"):
        layer(graph_tensor())
    with pytest.raises(ValueError, match=r"`s` of shape `\[N, K\]`.*\(8,\)"):
        DiffPool(plain(2))([*FORMS["sparse"], tf.zeros([8])])
    with pytest.raises(ValueError, match=r"a row for each row of `x`.*\(5, 2\)"):
        DiffPool(plain(2))([*FORMS["sparse"], tf.zeros([5, 2])])
    with pytest.raises(ValueError, match=r"`one_number` a row for each node"):
        one = keras.layers.Lambda(lambda inputs: inputs[0][:, 0], name="one_number")
        DiffPool(plain(2), one)(FORMS["sparse"])

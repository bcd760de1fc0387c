"""Messages from one node set to another, against NumPy statements of the equations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_reload, numeric_gradients, sparse, tfgnn

from tfgraph.adjacency.conversion import from_edges
from tfgraph.layers import (
    DiffPool,
    GATConv,
    GATv2Conv,
    GCNConv,
    GraphConvolution,
    SAGEConv,
    Structure2VecConv,
    VGAEEncoder,
)
from tfgraph.models import GAT, GCN, GraphSAGE

# Four senders, three receivers and one without edges; then more receivers than senders.
WIDE = np.array([[0, 0.5, 2, 0], [1, 0, 0, 3], [0, 0, 0, 0]], "float32")
TALL = WIDE.T.copy()
rng = np.random.default_rng(0)


def features(adjacency, widths=(5, 4)):
    num_receivers, num_senders = adjacency.shape
    return tuple(
        rng.normal(size=(n, width)).astype("float32")
        for n, width in zip((num_senders, num_receivers), widths, strict=True)
    )


def graph_of(adjacency, senders, receivers):
    entries = sparse(
        adjacency, np.random.default_rng(1).permutation(np.sum(adjacency != 0))
    )
    node_set = tfgnn.NodeSet.from_fields
    return tfgnn.GraphTensor.from_pieces(
        node_sets={
            "authors": node_set(
                sizes=[len(senders)], features={"hidden_state": tf.constant(senders)}
            ),
            "papers": node_set(
                sizes=[len(receivers)],
                features={"hidden_state": tf.constant(receivers)},
            ),
        },
        edge_sets={
            "writes": tfgnn.EdgeSet.from_fields(
                sizes=[entries.indices.shape[0]],
                features={"weight": entries.values},
                adjacency=tfgnn.Adjacency.from_indices(
                    source=("authors", entries.indices[:, 1]),
                    target=("papers", entries.indices[:, 0]),
                ),
            )
        },
    )


def forms(adjacency, senders, receivers):
    """`{name: (inputs, batch dimensions)}`."""
    pair = (tf.constant(senders), tf.constant(receivers))
    entries = sparse(
        adjacency, np.random.default_rng(2).permutation(np.sum(adjacency != 0))
    )
    halves = tf.SparseTensor(
        tf.repeat(entries.indices, 2, axis=0),
        tf.repeat(entries.values / 2, 2),
        adjacency.shape,
    )
    graph = graph_of(adjacency, senders, receivers)
    return {
        "sparse": ([pair, sparse(adjacency)], 0),
        "unsorted duplicates": ([pair, halves], 0),
        "sparse features": ([(sparse(senders), sparse(receivers)), entries], 0),
        "dense": ([pair, tf.constant(adjacency)], 0),
        "dense batch": (
            [
                (np.stack([senders] * 2), np.stack([receivers] * 2)),
                np.stack([adjacency] * 2),
            ],
            1,
        ),
        "GraphTensor": (graph, 0),
        "features and GraphTensor": ([pair, graph], 0),
    }


def relu(x):
    return np.maximum(x, 0)


def divided(a, b):
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def gcn(a, senders, receivers, kernel, bias):
    rows = divided(np.ones(len(a)), np.sqrt(a.sum(axis=1)))
    columns = divided(np.ones(a.shape[1]), np.sqrt(a.sum(axis=0)))
    return rows[:, None] * a * columns @ senders @ kernel + bias


def sage_mean(a, senders, receivers, kernel, neighbor_kernel, bias):
    mean = divided(a @ senders, a.sum(axis=1, keepdims=True) * np.ones([1, 5]))
    return receivers @ kernel + mean @ neighbor_kernel + bias


def sage_sum(a, senders, receivers, kernel, neighbor_kernel, bias):
    return receivers @ kernel + a @ senders @ neighbor_kernel + bias


def sage_max(a, senders, receivers, pool, pool_bias, kernel, neighbor_kernel, bias):
    h = relu(senders @ pool + pool_bias)
    highest = np.zeros([len(a), h.shape[1]])
    for i, row in enumerate(a):
        if row.any():
            highest[i] = h[row != 0].max(axis=0)
    return receivers @ kernel + highest @ neighbor_kernel + bias


def sage_mean_pool(a, senders, receivers, pool, pool_bias, kernel, neighbors, bias):
    h = relu(senders @ pool + pool_bias)
    mean = divided(a @ h, a.sum(axis=1, keepdims=True) * np.ones([1, h.shape[1]]))
    return receivers @ kernel + mean @ neighbors + bias


def sage_alone(a, senders, receivers, neighbor_kernel, bias):
    return a @ senders @ neighbor_kernel + bias


def gat(a, senders, receivers, kernel, receiver_kernel, to, of, residual, bias):
    y = []
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        h, own = senders @ kernel[:, part], receivers @ receiver_kernel[:, part]
        logits = (own @ to[head])[:, None] + h @ of[head]
        scores = a * np.exp(np.where(logits > 0, logits, 0.2 * logits))
        alpha = divided(
            scores, scores.sum(axis=1, keepdims=True) * np.ones_like(scores)
        )
        y.append(alpha @ h)
    return np.concatenate(y, axis=1) + receivers @ residual + bias


def gatv2(a, senders, receivers, kernel, receiver_kernel, attention, residual, bias):
    y = []
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        h, own = senders @ kernel[:, part], receivers @ receiver_kernel[:, part]
        sums = own[:, None] + h
        logits = np.where(sums > 0, sums, 0.2 * sums) @ attention[head]
        scores = a * np.exp(logits)
        alpha = divided(
            scores, scores.sum(axis=1, keepdims=True) * np.ones_like(scores)
        )
        y.append(alpha @ h)
    return np.concatenate(y, axis=1) + receivers @ residual + bias


LAYERS = {
    "GCN": (GCNConv, {"add_self_loops": False}, gcn),
    "SAGE mean": (SAGEConv, {}, sage_mean),
    "SAGE sum": (SAGEConv, {"aggregator": "sum"}, sage_sum),
    "SAGE max_pool": (SAGEConv, {"aggregator": "max_pool"}, sage_max),
    "SAGE mean_pool": (SAGEConv, {"aggregator": "mean_pool"}, sage_mean_pool),
    "SAGE alone": (SAGEConv, {"aggregator": "sum", "root_weight": False}, sage_alone),
    "GAT": (
        GATConv,
        {"num_heads": 2, "add_self_loops": False, "residual": True},
        gat,
    ),
    "GATv2": (
        GATv2Conv,
        {"num_heads": 2, "add_self_loops": False, "residual": True},
        gatv2,
    ),
}


def make(name, units=3, **kwargs):
    layer_class, arguments, _ = LAYERS[name]
    return layer_class(units, **{"edge_weight_name": "weight", **arguments, **kwargs})


@pytest.mark.parametrize("adjacency", [WIDE, TALL], ids=["wide", "tall"])
@pytest.mark.parametrize("name", LAYERS)
def test_equation_in_every_form(name, adjacency):
    senders, receivers = features(adjacency)
    layer = make(name, bias_initializer="random_normal")
    for form, (inputs, batched) in forms(adjacency, senders, receivers).items():
        y = layer(inputs).numpy()
        want = LAYERS[name][2](adjacency, senders, receivers, *layer.get_weights())
        want = np.stack([want, want]) if batched else want
        np.testing.assert_allclose(y, want, atol=1e-5, err_msg=form)


def test_lstm_of_a_pair():
    """The same states as of one node set that holds both."""
    senders, receivers = features(WIDE, (5, 5))
    layer = SAGEConv(3, aggregator="lstm")
    y = layer([(senders, receivers), sparse(WIDE)])
    # Receivers first, then senders.
    both = np.zeros([3, 7], "float32")
    both[:, 3:] = WIDE
    x = np.concatenate([receivers, senders])
    np.testing.assert_allclose(layer([x, sparse(both)]), y, atol=1e-6)
    np.testing.assert_allclose(layer([(senders, receivers), WIDE]), y, atol=1e-6)


def test_structure2vec_of_a_pair():
    senders, receivers = features(WIDE, (5, 5))
    layer = Structure2VecConv(3)
    for form, (inputs, _) in forms(WIDE, senders, receivers).items():
        if form == "dense batch":
            continue
        w1, w2, b = layer.get_weights() if layer.built else (0, 0, 0)
        y = layer(inputs)
        w1, w2, b = layer.get_weights()
        want = relu(receivers @ w1 + b + WIDE @ relu(senders @ w1 + b) @ w2)
        if "GraphTensor" in form:  # made without `edge_weight_name`
            want = relu(receivers @ w1 + b + (WIDE != 0) @ relu(senders @ w1 + b) @ w2)
        np.testing.assert_allclose(y, want, atol=1e-5, err_msg=form)


@pytest.mark.parametrize("name", ["GCN", "SAGE mean", "SAGE max_pool", "GAT", "GATv2"])
def test_gradients_and_xla(name):
    senders, receivers = (part.astype("float64") for part in features(WIDE))
    layer = make(name, dtype="float64", activation="tanh", use_bias=False)
    entries = sparse(WIDE, dtype="float64")

    def call(senders, receivers, values):
        return layer([(senders, receivers), entries.with_values(values)])

    tensors = [tf.constant(senders), tf.constant(receivers), entries.values]
    call(*tensors)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = tf.reduce_sum(call(*tensors) ** 2)
    found = tape.gradient(loss, tensors, unconnected_gradients="zero")
    for a, b in zip(found, numeric_gradients(call, tensors), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    compiled = tf.function(call, jit_compile=True)
    np.testing.assert_allclose(compiled(*tensors), call(*tensors), atol=1e-9)


@pytest.mark.parametrize("name", ["GCN", "SAGE mean", "GATv2"])
def test_against_the_edges(name):
    """`receiver="source"` is the transposed adjacency, with the ends swapped."""
    senders, receivers = features(WIDE)
    graph = graph_of(WIDE, senders, receivers)
    layer = make(name, receiver="source")
    want = make(name)
    y = layer(graph)
    want([(receivers, senders), sparse(TALL)])
    want.set_weights(layer.get_weights())
    np.testing.assert_allclose(y, want([(receivers, senders), sparse(TALL)]), atol=1e-5)
    assert layer.get_config()["receiver"] == "source"


def test_against_the_edges_within_a_node_set():
    from layer_checks import ADJACENCY, X, graph_tensor

    layer = GCNConv(3, receiver="source", edge_weight_name="weight")
    y = layer(graph_tensor(ADJACENCY, X))
    np.testing.assert_allclose(y, layer([X, sparse(ADJACENCY.T)]), atol=1e-5)


def test_receivers_without_features():
    senders, receivers = features(WIDE)
    layer = make("GCN")
    y = layer([(senders, receivers), sparse(WIDE)])
    np.testing.assert_allclose(layer([(senders, None), sparse(WIDE)]), y, atol=1e-6)
    np.testing.assert_allclose(layer([(senders, None), WIDE]), y, atol=1e-6)


@pytest.mark.parametrize("name", ["GCN", "SAGE mean", "GAT", "GATv2"])
def test_a_functional_model_trains_and_reloads(name, tmp_path):
    senders, receivers = features(WIDE)
    x = (keras.Input((5,), name="x"), keras.Input((4,), name="y"))
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    h = make(name, activation="relu")([x, adjacency])
    assert h.shape == (None, h.shape[-1])
    model = keras.Model([x, adjacency], keras.layers.Dense(2)(h))
    model.compile("sgd", "mse")
    inputs = [(tf.constant(senders), tf.constant(receivers)), sparse(WIDE)]
    before = model(inputs).numpy()
    model.train_on_batch(inputs, np.ones([3, 2], "float32"))
    assert np.abs(model(inputs).numpy() - before).max() > 1e-4
    check_reload(model, inputs, tmp_path / "model.keras")


@pytest.mark.parametrize("name", LAYERS)
def test_half_precision(name):
    senders, receivers = features(WIDE)
    exact, half = make(name), make(name, dtype="mixed_float16")
    inputs = [(tf.constant(senders), tf.constant(receivers)), sparse(WIDE)]
    want, y = exact(inputs), half(inputs)
    half.set_weights(exact.get_weights())
    y = half(inputs)
    assert y.dtype == "float16"
    np.testing.assert_allclose(y, want, atol=0.02)


class Plain(GraphConvolution):
    """A convolution that takes its receivers for the first of its senders."""

    def call(self, inputs):
        graph = self.unpack(inputs)
        return graph.adjacency.matmul(graph.x)


PAIR = features(WIDE)


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (GCNConv(2), [PAIR, WIDE], "`add_self_loops=False`"),
        (GATConv(2), [PAIR, WIDE], "`add_self_loops=False`"),
        (SAGEConv(2, aggregator="gcn"), [PAIR, WIDE], "another `aggregator`"),
        (SAGEConv(2), [(PAIR[0], None), WIDE], "features of the receivers"),
        (Structure2VecConv(2), [PAIR, WIDE], "as many features"),
        (Structure2VecConv(2, num_rounds=2), [PAIR, WIDE], "one round"),
        (Plain(2), [PAIR, WIDE], "no meaning between two"),
        (SAGEConv(2), [PAIR, WIDE[:2]], "one row for each of the receivers"),
        (SAGEConv(2), [PAIR, TALL], "one column for each of the 4 nodes"),
        (SAGEConv(2), [(*PAIR, PAIR[0]), WIDE], r"a pair `\(x_senders, x_receivers\)`"),
        (DiffPool(GCNConv(2), GCNConv(2)), [PAIR, WIDE, np.zeros(3, int)], "one set"),
        (VGAEEncoder(2), [PAIR, WIDE], "`add_self_loops=False`"),
    ],
)
def test_bad_pairs(layer, inputs, message):
    with pytest.raises(ValueError, match=message):
        layer(inputs)


@pytest.mark.parametrize("make", [GCN, GraphSAGE, GAT])
def test_models_take_one_node_set(make):
    with pytest.raises(ValueError, match="for a single layer"):
        make(2, hidden_units=[3])([PAIR, WIDE])


def test_sizes_that_only_run_time_knows():
    layer = make("SAGE mean")
    senders, receivers = features(WIDE)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 5]),
            tf.TensorSpec([None, 4]),
            tf.SparseTensorSpec([None, None]),
        ]
    )
    def call(senders, receivers, adjacency):
        return layer([(senders, receivers), adjacency])

    assert call(senders, receivers, sparse(WIDE)).shape == (3, 3)
    for bad in ((senders, receivers[:2]), (senders[:3], receivers)):
        # A kernel may report it before the check does.
        with pytest.raises(tf.errors.InvalidArgumentError):
            call(*bad, sparse(WIDE))


def test_a_layer_is_of_pairs_or_not():
    layer = make("GAT")
    layer([PAIR, WIDE])
    with pytest.raises(ValueError, match="built with one"):
        layer([PAIR[0], np.ones([4, 4], "float32")])


@pytest.mark.parametrize("is_sorted", [True, False])
def test_edges_against_their_direction_sort_as_any_others(is_sorted):
    """Repeated edges keep their own weights, in whatever order the edges come."""
    rng = np.random.default_rng(0)
    edges = rng.integers((5, 7), size=(40, 2))  # rows (source, target)
    if is_sorted:
        edges = edges[np.lexsort(edges.T)]
    weight = rng.normal(size=40).astype(np.float32)
    x = tf.constant(rng.normal(size=(7, 3)), tf.float32)
    with tf.GradientTape() as tape:
        given = tf.constant(weight)
        tape.watch(given)
        adjacency = from_edges(
            edges[:, 1], edges[:, 0], given, 7, 5, x, receiver="source"
        )
        y = adjacency.matmul(x)
    expected = np.zeros((5, 3), np.float32)
    np.add.at(expected, edges[:, 0], weight[:, None] * x.numpy()[edges[:, 1]])
    np.testing.assert_allclose(y, expected, atol=1e-5)
    rows = adjacency.indices.numpy()
    np.testing.assert_array_equal(rows, rows[np.lexsort(rows.T[::-1])])
    np.testing.assert_array_equal(rows, edges[adjacency.order.numpy()])
    np.testing.assert_allclose(
        tape.gradient(y, given), x.numpy()[edges[:, 1]].sum(axis=1), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("num_receivers", "num_senders", "units", "rows"),
    [(7, 3, 4, 3), (7, 3, 5, 7), (3, 7, 4, 3), (None, None, 4, None)],
)
def test_sage_multiplies_the_end_with_fewer_nodes(
    num_receivers, num_senders, units, rows
):
    """Unless features become wider before they are summed, or sizes are not known."""
    layer = SAGEConv(units, root_weight=False)
    layer.build([((num_senders, 4), None), (num_receivers, num_senders)])
    traced = tf.function(lambda x, a: layer([(x, None), a])).get_concrete_function(
        tf.TensorSpec([num_senders, 4]),
        tf.SparseTensorSpec([num_receivers, num_senders]),
    )
    operations = traced.graph.get_operations()
    products = [op for op in operations if op.type == "MatMul"]
    assert [op.inputs[0].shape[0] for op in products] == [rows]

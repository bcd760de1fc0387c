"""Many signals on one graph: features `[B, N, F]` or `[B, T, N, F]`, one adjacency.

Each signal gets the numbers of a call with it alone, forward and gradients. Calls with
one signal are compared with NumPy in test_every_layer.py.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hetero_graphs import author_paper_graph
from layer_checks import ADJACENCY, graph_tensor, sparse

import tfgraph
from tfgraph import layers
from tfgraph.layers import GraphConvolution

N, F = 6, 3
X = np.random.default_rng(0).normal(size=(2, 4, N, F)).astype("float32")


class GIN(GraphConvolution):
    """A layer of a user's: h_i' = σ(W ((1 + ε) h_i + Σ_j w_ij h_j) + b)."""

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel = self.add_kernel((self.input_dim, self.units))
        self.bias = self.add_bias((self.units,))

    def call(self, inputs, training=None):
        graph = self.unpack(inputs)
        h = self.drop(graph.x, training)
        h = 1.5 * graph.adjacency.first_rows(h) + graph.adjacency.matmul(h)
        return self.activate(self.project(h, self.kernel))


def sage(**kwargs):
    return lambda: layers.SAGEConv(4, "tanh", edge_weight_name="weight", **kwargs)


LAYERS = {
    "gcn": lambda: layers.GCNConv(2, "tanh", edge_weight_name="weight"),
    "gcn, wider": lambda: layers.GCNConv(
        5, normalize=False, add_self_loops=False, edge_weight_name="weight"
    ),
    "mean": sage(normalize=True),
    "gcn aggregator": sage(aggregator="gcn"),
    "sum": sage(aggregator="sum", concat=True),
    "max_pool": sage(aggregator="max_pool"),
    "mean_pool": sage(aggregator="mean_pool"),
    "lstm": sage(aggregator="lstm"),
    "gat": lambda: layers.GATConv(
        2, "tanh", 2, residual=True, edge_weight_name="weight"
    ),
    "gatv2": lambda: layers.GATv2Conv(
        2, "tanh", 2, concat=False, add_self_loops=False, edge_weight_name="weight"
    ),
    "structure2vec": lambda: layers.Structure2VecConv(
        4, num_rounds=2, edge_weight_name="weight"
    ),
    "gine": lambda: layers.GINEConv(4, "tanh", edge_weight_name="weight"),
    "gae": lambda: layers.GAEEncoder(2, 4, edge_weight_name="weight"),
    "vgae": lambda: layers.VGAEEncoder(2, 4, edge_weight_name="weight"),
    "gin": lambda: GIN(4, "tanh", edge_weight_name="weight"),
}
COUNT = np.count_nonzero(ADJACENCY)
UNSORTED = sparse(ADJACENCY, np.random.default_rng(1).permutation(COUNT))


def step(layer, x, adjacency):
    """The output, and the gradients of a sum of it: of `x`, edge weights, weights."""
    values = getattr(adjacency, "values", adjacency)
    with tf.GradientTape() as tape:
        tape.watch([x, values])
        if isinstance(adjacency, tf.SparseTensor):
            adjacency = adjacency.with_values(values)
        y = layer([x, adjacency])
        loss = tf.reduce_sum(tf.sin(y))
    return y, *tape.gradient(loss, [x, values, *layer.trainable_variables])


def stacked(layer, x, adjacency):
    """The same by a call for each signal."""
    steps = [step(layer, tf.constant(signal), adjacency) for signal in x]
    y, dx, *sums = zip(*steps, strict=True)
    sums = [None if part[0] is None else sum(part) for part in sums]
    return [np.stack(y), np.stack(dx), *sums]


def assert_close(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_signals_are_as_single_calls(name):
    layer = LAYERS[name]()
    layer([X[0], UNSORTED])  # builds it
    for adjacency in (UNSORTED, tf.constant(ADJACENCY)):
        want = stacked(layer, X[0], adjacency)
        assert_close(step(layer, tf.constant(X[0]), adjacency), want)
    y = layer([X[0], graph_tensor(ADJACENCY, X[0, 0])])
    np.testing.assert_allclose(y, want[0], atol=1e-5)
    want = stacked(layer, X.reshape(8, N, F), UNSORTED)
    want[:2] = [part.reshape(*X.shape[:3], -1) for part in want[:2]]
    free = tf.function(
        lambda x, adjacency: step(layer, x, adjacency),
        input_signature=[
            tf.TensorSpec([None, None, None, F]),
            tf.SparseTensorSpec([None, None]),
        ],
    )
    assert_close(free(tf.constant(X), UNSORTED), want)


@pytest.mark.parametrize("name", ["gcn", "mean"])
def test_all_signals_are_one_sparse_product(name):
    layer = LAYERS[name]()
    function = tf.function(lambda x: layer([x, UNSORTED]))
    for x in (X[0], X):
        graph = function.get_concrete_function(x).graph
        types = [operation.type for operation in graph.get_operations()]
        assert types.count("SparseMatrixMatMul") == 1


@pytest.mark.parametrize("name", ["gcn", "max_pool", "gat", "structure2vec"])
def test_signals_compiled_by_xla(name):
    layer = LAYERS[name]()
    want = stacked(layer, X[0], UNSORTED)
    compiled = tf.function(
        lambda x: step(layer, x, UNSORTED),
        input_signature=[tf.TensorSpec([None, N, F])],
        jit_compile=True,
    )
    assert_close(compiled(tf.constant(X[0])), want)


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize("name", ["mean", "max_pool", "lstm", "gat", "gin"])
def test_first_nodes_receive(name, form):
    rows = ADJACENCY[:4]
    adjacency = sparse(rows) if form == "sparse" else tf.constant(rows)
    layer = LAYERS[name]()
    if name == "gat":
        layer = layers.GATConv(2, num_heads=2)
    want = np.stack([layer([x, adjacency]) for x in X[0]])
    np.testing.assert_allclose(layer([X[0], adjacency]), want, atol=1e-5)
    assert layer.compute_output_shape([(None, N, F), (4, N)]) == (None, *want.shape[1:])


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize(
    "layer",
    [
        layers.SAGEConv(4, aggregator="max_pool"),
        layers.GCNConv(4, add_self_loops=False),
        layers.GATv2Conv(4, add_self_loops=False),
        layers.Structure2VecConv(4),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_pairs_of_node_sets(layer, form):
    rows = ADJACENCY[:4]
    adjacency = sparse(rows) if form == "sparse" else tf.constant(rows)
    receivers = np.random.default_rng(2).normal(size=(4, 4, F)).astype("float32")
    pairs = list(zip(X[0], receivers, strict=True))
    layer = type(layer).from_config(layer.get_config())
    want = np.stack([layer([pair, adjacency]) for pair in pairs])
    y = layer([(X[0], receivers), adjacency])
    np.testing.assert_allclose(y, want, atol=1e-5)


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_attention_scores_and_edge_features(form):
    """Edge features belong to the graph; the scores to a signal and an edge."""
    rng = np.random.default_rng(3)
    layer = layers.GATConv(2, num_heads=3)
    if form == "sparse":
        adjacency, edges = UNSORTED, rng.normal(size=(COUNT, 2))
    else:
        adjacency, edges = ADJACENCY, rng.normal(size=(N, N, 2))

    def call(x):
        inputs = [tf.constant(x), adjacency, edges]
        return layer(inputs, return_attention_scores=True)

    want = [np.stack(parts) for parts in zip(*map(call, X[0]), strict=True)]
    assert_close(call(X[0]), want)
    shape = (None, COUNT + N, 3) if form == "sparse" else (None, 3, N, N)
    x = keras.Input((N, F))
    graph = keras.Input(batch_shape=(N, N), sparse=form == "sparse")
    features = keras.Input(batch_shape=edges.shape)
    _, scores = layer([x, graph, features], return_attention_scores=True)
    assert tf.TensorShape(scores.shape).is_compatible_with(shape)
    assert len(scores.shape) == len(shape)


def test_several_node_sets():
    """Each signal on all node sets of a heterogeneous graph, as it is alone."""
    graph, _ = author_paper_graph()
    rng = np.random.default_rng(4)
    x = {
        name: rng.normal(size=(3, int(nodes.total_size), 4)).astype("float32")
        for name, nodes in graph.node_sets.items()
    }
    back = {"edge_set_name": "writes", "receiver": "source", "add_self_loops": False}
    layer = layers.HeteroConv(
        [
            layers.SAGEConv(2, edge_set_name="writes"),
            layers.GCNConv(2, edge_set_name="cites"),
            layers.GATConv(2, **back),
        ]
    )
    y = layer([x, graph])
    alone = [layer([{name: x[name][i] for name in x}, graph]) for i in range(3)]
    for name in x:
        want = np.stack([signal[name] for signal in alone])
        np.testing.assert_allclose(y[name], want, atol=1e-5)
        assert layer.compute_output_spec([x, graph])[name].shape == want.shape


@pytest.mark.parametrize("adjacency", [UNSORTED, ADJACENCY])
def test_only_convolutions_take_many_signals(adjacency):
    pooling = layers.DiffPool(layers.GCNConv(2), layers.GCNConv(2))
    for function in (
        lambda: tfgraph.losses.reconstruction_loss(X[0], adjacency),
        lambda: pooling([tf.constant(X[0]), adjacency]),
    ):
        with pytest.raises(ValueError, match=r"only convolutions.*\(4, 6, 3\)"):
            function()
    model = tfgraph.models.GAE()
    model.compile("sgd", run_eagerly=True)
    data = tf.data.Dataset.from_tensors(((X[0], adjacency),))
    with pytest.raises(ValueError, match=r"only convolutions.*\(4, 6, 16\)"):
        model.evaluate(data, verbose=0)


@pytest.mark.parametrize(
    ("name", "adjacency"), [("gcn", UNSORTED), ("sum", ADJACENCY), ("gat", ADJACENCY)]
)
def test_another_number_of_nodes_known_only_at_run_time(name, adjacency):
    layer = LAYERS[name]()
    graph = tf.SparseTensorSpec([None, None])
    if adjacency is ADJACENCY:
        graph = tf.TensorSpec([None, None])
    call = tf.function(
        lambda x, a: layer([x, a]),
        input_signature=[tf.TensorSpec([None, None, F]), graph],
    )
    assert call(X[0], adjacency).shape[:2] == (4, N)
    message = "Expected an adjacency with one column for each node .* Received: 5 nodes"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(X[0, :, 1:], adjacency)


def test_dropout_differs_between_signals():
    x = np.ones([2, N, 50], "float32")
    layer = layers.GCNConv(50, dropout=0.5, kernel_initializer="identity")
    y = layer([x, sparse(np.eye(N, dtype="float32"))], training=True).numpy()
    assert set(np.unique(y)) == {0, 2}
    assert np.any(y[0] != y[1])

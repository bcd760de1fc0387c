"""A round of messages between node sets, against a NumPy statement of it."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from hetero_graphs import author_paper_graph, graph_of
from layer_checks import check_config_round_trip, check_reload, sparse

import tfgraph
from tfgraph.layers import (
    DiffPool,
    GATConv,
    GATv2Conv,
    GCNConv,
    HeteroConv,
    NodeEmbedding,
    Readout,
    SAGEConv,
    Structure2VecConv,
)

rng = np.random.default_rng(0)
# `[papers, authors]` and `[papers, papers]`; the last author writes nothing.
WRITES = np.array([[0.5, 2, 0, 0], [1, 0, 3, 0], [0, 0, 0, 0]], "float32")
CITES = np.array([[0, 1, 0], [0, 0, 2], [0.5, 0, 1]], "float32")
X = {
    "author": rng.normal(size=(4, 5)).astype("float32"),
    "paper": rng.normal(size=(3, 4)).astype("float32"),
    "venue": rng.normal(size=(2, 3)).astype("float32"),
}


def edge_set(source, target, adjacency):
    targets, sources = np.nonzero(adjacency)
    return source, target, sources, targets, adjacency[targets, sources]


GRAPH = graph_of(
    X,
    {
        "writes": edge_set("author", "paper", WRITES),
        "cites": edge_set("paper", "paper", CITES),
        # Nothing is sent along this one.
        "published_in": ("paper", "venue", [0, 1], [0, 0], [1.0, 1.0]),
    },
)


def convolutions(last_units=3):
    """Three into the papers, two of them along one edge set, and one against it."""
    names = {"edge_weight_name": "weight", "bias_initializer": "random_normal"}
    return [
        SAGEConv(3, aggregator="sum", edge_set_name="writes", **names),
        GCNConv(3, add_self_loops=False, edge_set_name="writes", **names),
        SAGEConv(last_units, aggregator="sum", edge_set_name="cites", **names),
        SAGEConv(
            3, aggregator="sum", edge_set_name="writes", receiver="source", **names
        ),
    ]


def expected(layer, x, merge):
    """The round of `convolutions` in NumPy."""
    written, normal, cited, by_paper = (c.get_weights() for c in layer.convolutions)

    def sage(a, senders, receivers, weights):
        kernel, neighbor_kernel, bias = weights
        return receivers @ kernel + a @ senders @ neighbor_kernel + bias

    def inverse_root(degrees):
        return np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1)), 0)

    rows, columns = inverse_root(WRITES.sum(1)), inverse_root(WRITES.sum(0))
    kernel, bias = normal
    to_papers = [
        sage(WRITES, x["author"], x["paper"], written),
        rows[:, None] * WRITES * columns @ x["author"] @ kernel + bias,
        sage(CITES, x["paper"], x["paper"], cited),
    ]
    to_authors = [sage(WRITES.T, x["paper"], x["author"], by_paper)]
    return {
        "paper": np.tanh(merge(to_papers)),
        "author": np.tanh(merge(to_authors)),
        "venue": x["venue"],
    }


MERGES = {
    "sum": lambda messages: np.sum(messages, axis=0),
    "mean": lambda messages: np.mean(messages, axis=0),
    "max": lambda messages: np.max(messages, axis=0),
    "concat": lambda messages: np.concatenate(messages, axis=1),
    "minimum": lambda messages: np.min(messages, axis=0),
}


def assert_same(found, want, atol=1e-5):
    assert sorted(found) == sorted(want)
    for name, h in want.items():
        np.testing.assert_allclose(found[name], h, atol=atol, err_msg=name)


@pytest.mark.parametrize("name", MERGES)
def test_a_round_is_its_equation(name, tmp_path):
    merge = keras.layers.Minimum() if name == "minimum" else name
    units = 2 if name == "concat" else 3
    layer = HeteroConv(convolutions(units), merge, activation="tanh")
    y = layer(GRAPH)
    want = expected(layer, X, MERGES[name])
    assert_same(y, want)
    np.testing.assert_array_equal(y["venue"], X["venue"])

    other = {key: x[::-1].copy() for key, x in X.items()}
    want = expected(layer, other, MERGES[name])
    for inputs in ([other, GRAPH], [other, tfgraph.graph_tensor.to_components(GRAPH)]):
        assert_same(layer(inputs), want)
    shapes = keras.tree.map_structure(lambda x: x.shape, [other, GRAPH])
    shapes = layer.compute_output_shape(shapes)
    assert shapes == {key: h.shape for key, h in want.items()}
    check_config_round_trip(layer)

    graph = tfgraph.GraphInput(GRAPH.spec)
    model = keras.Model(graph, layer(graph))
    assert_same(model(GRAPH), y)
    assert {k: v.shape[1:] for k, v in model.output.items()} == {
        k: h.shape[1:] for k, h in want.items()
    }
    model.save(tmp_path / "model.keras")
    assert_same(keras.models.load_model(tmp_path / "model.keras")(GRAPH), y)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_xla_and_half_precision(dtype):
    layers = [
        GATv2Conv(3, add_self_loops=False, edge_set_name="writes", dtype=dtype),
        GATConv(3, edge_set_name="cites", dtype=dtype),
        GCNConv(
            3,
            add_self_loops=False,
            edge_set_name="published_in",
            receiver="source",
            dtype=dtype,
        ),
        Structure2VecConv(3, edge_set_name="cites", receiver="source", dtype=dtype),
    ]
    layer = HeteroConv(layers, "mean", activation="relu", dtype=dtype)
    y = layer(GRAPH)
    assert y["paper"].dtype == layer.compute_dtype
    exact = HeteroConv(
        [
            type(inner).from_config({**inner.get_config(), "dtype": "float32"})
            for inner in layers
        ],
        "mean",
        activation="relu",
    )
    exact(GRAPH)
    for inner, of_exact in zip(layers, exact.convolutions, strict=True):
        of_exact.set_weights(inner.get_weights())
    atol = 1e-5 if dtype == "float32" else 0.02
    assert_same(y, exact(GRAPH), atol)
    compiled = tf.function(layer, jit_compile=True)
    assert_same(compiled(tfgraph.graph_tensor.to_components(GRAPH)), y, atol)
    if dtype == "mixed_float16":  # of layers in full precision, too
        outer = HeteroConv(convolutions(), dtype=dtype)
        assert outer(GRAPH)["paper"].dtype == "float16"
        graph = tfgraph.GraphInput(GRAPH.spec)
        dtypes = {name: h.dtype for name, h in outer(graph).items()}
        assert dtypes == {"author": "float16", "paper": "float16", "venue": "float32"}


def test_sparse_features_pass_through():
    features = {**X, "author": sparse(X["author"]), "venue": sparse(X["venue"])}
    layer = HeteroConv(convolutions())
    dense, y = layer([X, GRAPH]), layer([features, GRAPH])
    np.testing.assert_allclose(y["paper"], dense["paper"], atol=1e-5)
    assert isinstance(y["venue"], tf.SparseTensor)
    x = keras.Input((3,), sparse=True)
    h = layer([{**X, "venue": x}, tfgraph.GraphInput(GRAPH.spec)])
    assert h["venue"].sparse and not h["paper"].sparse


@keras.saving.register_keras_serializable("tests")
class Received(keras.layers.Layer):
    """A user's layer without `build`: how many edges end in each node, times a weight.

    Of edge sets between two node sets.
    """

    def __init__(self, edge_set_name, **kwargs):
        super().__init__(**kwargs)
        self.edge_set_name = edge_set_name
        self.dense = keras.layers.Dense(3, use_bias=False)

    def call(self, inputs):
        (_, receivers), graph = inputs
        graph = tfgraph.as_graph_tensor(graph)
        edges = graph.edge_sets[self.edge_set_name].adjacency.target
        count = tf.math.unsorted_segment_sum(
            tf.ones_like(edges, tf.float32), edges, tf.shape(receivers)[0]
        )
        return self.dense(count[:, None])

    def compute_output_shape(self, input_shape):
        (_, receivers), _ = input_shape
        return (receivers[0], 3)

    def get_config(self):
        return {**super().get_config(), "edge_set_name": self.edge_set_name}


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = HeteroConv([*convolutions(), Received("writes")])
        self.second = HeteroConv([SAGEConv(3, edge_set_name="writes")])
        self.head = keras.layers.Dense(3)

    def call(self, graph):
        return self.head(self.second([self.first(graph), graph])["paper"])


def test_a_subclassed_model_with_a_layer_of_the_user_s(tmp_path):
    model = Subclassed()
    y = model(GRAPH)
    first = model.first
    count = (WRITES != 0).sum(1, keepdims=True)
    without = HeteroConv(first.convolutions[:-1])(GRAPH)["paper"]
    (kernel,) = first.convolutions[-1].get_weights()
    np.testing.assert_allclose(first(GRAPH)["paper"] - without, count * kernel, 1e-4)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    data = tf.data.Dataset.from_tensors((GRAPH, [0, 1, 2]))
    model.fit(data, epochs=2, shuffle=False, verbose=0)
    assert np.abs(model(GRAPH) - y).max() > 1e-4
    check_reload(model, GRAPH, tmp_path / "model.keras")


def test_two_rounds_train(tmp_path):
    graph, topics = author_paper_graph()
    inputs = tfgraph.GraphInput(graph.spec)
    h = {
        "author": inputs["nodes.author.hidden_state"],
        "paper": inputs["nodes.paper.hidden_state"],
        "venue": NodeEmbedding(5, 4, node_set_name="venue")(inputs),
    }
    along = {"edge_set_name": "published_in"}
    h = HeteroConv(
        [
            SAGEConv(8, edge_set_name="writes"),
            GCNConv(8, edge_set_name="cites"),
            SAGEConv(8, **along),
            SAGEConv(8, receiver="source", **along),
        ],
        activation="relu",
    )([h, inputs])
    h["paper"] = keras.layers.LayerNormalization()(h["paper"])
    layers = [SAGEConv(8, edge_set_name=name) for name in ("writes", "cites")]
    layers += [SAGEConv(4, receiver="source", **along)]
    h = HeteroConv(layers, "concat")([h, inputs])
    assert {name: x.shape[-1] for name, x in h.items()} == {
        "author": 3,
        "paper": 20,
        "venue": 8,
    }
    y = keras.layers.Dense(3, activation="softmax")(h["paper"])
    model = keras.Model(inputs, y)
    model.compile(
        keras.optimizers.Adam(0.03),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    data = tf.data.Dataset.from_tensors((graph, topics))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        history = model.fit(data, epochs=25, shuffle=False, verbose=0).history
    assert history["accuracy"][0] < 0.7 < 0.95 < history["accuracy"][-1]
    check_reload(model, graph, tmp_path / "model.keras")


def test_readouts_of_several_node_sets():
    """Of two graphs in one, several readouts in one model."""
    inputs = tfgraph.GraphInput(GRAPH.spec.relax(num_nodes=True, num_edges=True))
    h = HeteroConv(convolutions())(inputs)
    readouts = [
        Readout(mode, node_set_name=name)([h[name], inputs])
        for mode, name in (("mean", "author"), ("max", "paper"), ("sum", "venue"))
    ]
    model = keras.Model(inputs, [h, *readouts])
    two = tf.data.Dataset.from_tensors(GRAPH).repeat(2).batch(2).get_single_element()
    rows, *found = model(two.merge_batch_to_components())
    want = [
        rows["author"].numpy().reshape(2, 4, 3).mean(1),
        rows["paper"].numpy().reshape(2, 3, 3).max(1),
        np.stack([X["venue"].sum(0)] * 2),
    ]
    for r, of_want in zip(found, want, strict=True):
        np.testing.assert_allclose(r, of_want, atol=1e-5)


def test_diffpool_takes_one_node_set():
    def layer(**names):
        inner = [SAGEConv(2, edge_set_name="cites") for _ in range(2)]
        return DiffPool(*inner, **names)

    x, _ = layer(node_set_name="paper", edge_set_name="cites")(GRAPH)
    assert x.shape == (1, 2, 2)
    with pytest.raises(ValueError, match=r"one of \['author', 'paper', 'venue'\]"):
        layer()(GRAPH)
    with pytest.raises(ValueError, match="Expected one set of nodes"):
        layer(edge_set_name="writes")(GRAPH)
    with pytest.raises(ValueError, match=r"pass those of one: `\[h\["):
        layer(node_set_name="paper")([X, GRAPH])


def test_masks_stay_with_their_node_set():
    x = {name: tf.constant(values) for name, values in X.items()}
    masks = {name: tf.range(len(values)) < 2 for name, values in X.items()}
    for name in ("author", "paper"):
        keras.src.backend.set_keras_mask(x[name], masks[name])
    y = HeteroConv([SAGEConv(2, edge_set_name="writes")])([x, GRAPH])
    for name in ("author", "paper"):
        np.testing.assert_array_equal(y[name]._keras_mask, masks[name])
    pair = SAGEConv(2)([(x["author"], x["paper"]), WRITES])
    np.testing.assert_array_equal(pair._keras_mask, masks["paper"])


@pytest.mark.parametrize("merge", ["sum", "mean", "max", "concat"])
def test_empty_sets(merge):
    """No authors and no edges are no messages; no papers are no rows."""
    layers = [
        GATv2Conv(3, edge_set_name="writes", add_self_loops=False, use_bias=False),
        SAGEConv(3, "relu", "max_pool", edge_set_name="writes", root_weight=False),
        GCNConv(3, edge_set_name="writes", add_self_loops=False, receiver="source"),
    ]
    layer = HeteroConv(layers, merge)
    edges = {"writes": ("author", "paper", [], [])}
    for papers, authors in ((3, 0), (0, 4), (0, 0), (3, 4)):
        x = {"paper": X["paper"][:papers], "author": X["author"][:authors]}
        y = layer(graph_of(x, edges))
        width = 6 if merge == "concat" else 3
        np.testing.assert_array_equal(y["paper"], np.zeros([papers, width]))
        np.testing.assert_array_equal(y["author"], np.zeros([authors, 3]))


def test_node_embedding(tmp_path):
    graph, _ = author_paper_graph()
    layer = NodeEmbedding(5, 3, node_set_name="venue")
    inputs = tfgraph.GraphInput(graph.spec.relax(num_nodes=True, num_edges=True))
    model = keras.Model(inputs, layer(inputs))
    (e,) = layer.get_weights()
    np.testing.assert_array_equal(model(graph), e)
    two = tf.data.Dataset.from_tensors(graph).repeat(2).batch(2).get_single_element()
    y = model(two.merge_batch_to_components())
    np.testing.assert_array_equal(y, np.concatenate([e, e]))
    check_config_round_trip(layer)
    check_reload(model, graph, tmp_path / "model.keras")
    smaller, _ = author_paper_graph(num_venues=4)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"Expected 5 nodes.*\[4\]"
    ):
        layer(smaller)
    with pytest.raises(ValueError, match=r"one of \['author', 'paper', 'venue'\]"):
        NodeEmbedding(5, 3)(graph)
    with pytest.raises(ValueError, match="`num_nodes` to be a positive integer"):
        NodeEmbedding(0, 3)


def writes(**kwargs):
    return SAGEConv(3, edge_set_name="writes", **kwargs)


BARE = graph_of(
    {"author": 4, "paper": X["paper"]}, {"writes": ("author", "paper", [3], [2])}
)
DOTTED = graph_of({"a.b": X["paper"]}, {"writes": ("a.b", "a.b", [0], [1])})
SLASHED = graph_of({"a/b": X["paper"]}, {"writes": ("a/b", "a/b", [0], [1])})


@pytest.mark.parametrize(
    ("layers", "inputs", "message"),
    [
        ([writes()], [X], r"`graph`, or `\[features, graph\]`.* Received: \[\{author"),
        ([writes()], X, r"`graph`, or `\[features, graph\]`"),
        ([writes()], [GRAPH, X], r"`graph`, or `\[features, graph\]`"),
        ([writes()], [X["paper"], GRAPH], r"`graph`, or `\[features, graph\]`"),
        (
            [writes()],
            [{**X, "papers": X["paper"]}, GRAPH],
            r"node sets, \['author', 'paper', 'venue'\]. .* features of \['papers'\]",
        ),
        (
            [SAGEConv(3, edge_set_name="wrote", name="c")],
            GRAPH,
            r"HeteroConv '\w+': SAGEConv 'c': .*`edge_set_name` to be one of "
            r"\['cites', 'published_in', 'writes'\]. Received: edge_set_name='wrote'",
        ),
        ([SAGEConv(3)], GRAPH, r"`edge_set_name` to be one of .*edge_set_name=None"),
        ([writes()], BARE, r"features of node set 'author', which sends.* \['paper'\]"),
        (
            [writes()],
            [{"paper": X["paper"]}, GRAPH],
            r"features of node set 'author', which sends along 'writes'",
        ),
        ([writes()], [{"author": X["author"]}, GRAPH], "features of the receivers"),
        ([writes(node_set_name="paper")], GRAPH, r"`edge_set_name` .* \['cites'\]"),
        ([GATConv(3, edge_set_name="writes")], GRAPH, "`add_self_loops=False`"),
        (
            [writes(name="a"), SAGEConv(2, edge_set_name="cites", name="b")],
            GRAPH,
            r"same width into node set 'paper', or `merge='concat'`. Received: "
            r"merge='sum', \[\"SAGEConv 'a' on 'writes': 3\", \"SAGEConv 'b' on "
            r"'cites': 2\"\]",
        ),
        ([writes()], [{**X, "author": X["author"][0]}, GRAPH], r"shape `\[N, F\]`"),
        ([writes()], DOTTED, r"without \".\""),
        ([writes()], SLASHED, "Expected names of sets"),
    ],
)
def test_bad_inputs(layers, inputs, message):
    with pytest.raises(ValueError, match=message):
        HeteroConv(layers)(inputs)


def test_unmerged_batch():
    batch = tf.data.Dataset.from_tensors(GRAPH).batch(1).get_single_element()
    with pytest.raises(ValueError, match="merge_batch_to_components"):
        HeteroConv([writes()])(batch)


@pytest.mark.parametrize("name", ["author", "paper"])
def test_features_that_do_not_fit(name):
    layer = HeteroConv([writes()])
    layer(GRAPH)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="one column for each node"
    ):
        layer([{**X, name: X[name][:2]}, GRAPH])
    with pytest.raises(ValueError, match="as this layer was built"):
        layer([{**X, name: X[name][:, :2]}, GRAPH])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "`convolutions` to be a list of layers"),
        ((writes(),), "`convolutions` to be a list of layers"),
        (([keras.layers.Dense(2)],), "with an attribute `edge_set_name`"),
        (([writes(), "writes"],), "Received: 'writes'"),
        (([writes()], "min"), r"`merge` to be one of \('sum', 'mean', 'max', 'concat'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"HeteroConv: expected .*{message}|{message}"):
        HeteroConv(*arguments)

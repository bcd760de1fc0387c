"""Graphs and layers that do not fit together: eager, in `fit`, traced, exported."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hetero_graphs import graph_of

import tfgraph
from tfgraph.export import export_graph_tensor_model, export_hetero_model
from tfgraph.layers import (
    GATConv,
    GATv2Conv,
    GCNConv,
    HeteroConv,
    SAGEConv,
    Structure2VecConv,
)

X = {"author": np.ones([4, 5], "f"), "paper": np.ones([3, 4], "f")}
EDGES = {
    "writes": ("author", "paper", [0, 1, 3], [0, 0, 2]),
    "cites": ("paper", "paper", [0, 1], [1, 2]),
}
GRAPH = graph_of(X, EDGES)
NO_FEATURES = graph_of({**X, "author": 4}, EDGES)
NO_EDGE_SET = graph_of(X, {"cites": EDGES["cites"]})
NO_NODE_SET = graph_of({"paper": X["paper"]}, {"cites": EDGES["cites"]})
OTHER_WIDTH = graph_of({**X, "author": np.ones([4, 2], "f")}, EDGES)
OUTSIDE = graph_of(X, {**EDGES, "writes": ("author", "paper", [0, 4], [0, 0])})
ERRORS = (ValueError, tf.errors.InvalidArgumentError)


def sage(name="writes", units=3, **kwargs):
    return SAGEConv(units, edge_set_name=name, **kwargs)


@keras.saving.register_keras_serializable("tests")
class Model(keras.Model):
    def __init__(self, *convolutions):
        super().__init__()
        self.messages = HeteroConv(convolutions)

    def call(self, graph):
        return self.messages(graph)["paper"]


def functional(spec, *convolutions):
    graph = tfgraph.GraphInput(spec)
    return keras.Model(graph, HeteroConv(convolutions)(graph)["paper"])


def eager(graph, make):
    HeteroConv(make())(graph)


def fit(graph, make):
    model = Model(*make())
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors((graph, np.zeros([3, 3], "f")))
    model.fit(data, shuffle=False, verbose=0)


def traced(graph, make):
    functional(graph.spec, *make())


@pytest.mark.filterwarnings("ignore:Layer 'model:UserWarning")  # by Keras, before the
@pytest.mark.filterwarnings("ignore:`build:UserWarning")  # same error
@pytest.mark.parametrize("place", [eager, fit, traced])
@pytest.mark.parametrize(
    ("graph", "make", "message"),
    [
        (
            GRAPH,
            lambda: [SAGEConv(3, edge_set_name="wrote", name="w")],
            r"SAGEConv 'w': .*`edge_set_name` to be one of \['cites', 'writes'\]. "
            "Received: edge_set_name='wrote'",
        ),
        (NO_EDGE_SET, lambda: [sage()], r"one of \['cites'\]. .*='writes'"),
        (NO_NODE_SET, lambda: [sage()], r"one of \['cites'\]. .*='writes'"),
        (
            NO_FEATURES,
            lambda: [sage()],
            r"node set 'author', which sends along 'writes'.*features of \['paper'\]",
        ),
        (
            NO_FEATURES,
            lambda: [sage(receiver="source"), sage("cites")],
            "features of the receivers",
        ),
        (
            GRAPH,
            lambda: [sage(), sage("cites", 2)],
            r"same width into node set 'paper', or `merge='concat'`.*'writes': 3",
        ),
    ],
)
def test_sets_that_do_not_fit(graph, make, message, place):
    with pytest.raises(ValueError, match=message):
        place(graph, make)


@pytest.mark.parametrize("graph", [GRAPH, NO_FEATURES])
def test_two_convolutions_of_one_edge_set(graph):
    """They are legal, and add up."""
    one, two = sage(), GATv2Conv(3, edge_set_name="writes", add_self_loops=False)
    features = {**X, "author": np.full([4, 5], 2, "f")}
    graph = tfgraph.graph_tensor.to_components(graph)
    both = HeteroConv([one, two])([features, graph])["paper"]
    alone = [HeteroConv([c])([features, graph])["paper"] for c in (one, two)]
    np.testing.assert_allclose(both, alone[0] + alone[1], rtol=1e-5)
    assert np.abs(alone[1]).max() > 0


@pytest.fixture(scope="module", params=["subclassed", "functional"])
def trained(request):
    is_subclassed = request.param == "subclassed"
    model = Model(sage()) if is_subclassed else functional(GRAPH.spec, sage())
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors((GRAPH, np.zeros([3, 3], "f")))
    model.fit(data, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (NO_EDGE_SET, r"edge_set_name='writes'|Missing data for .*edges.writes"),
        (NO_FEATURES, r"of node set 'author'|Missing data for .*nodes.author.hidden"),
        (OTHER_WIDTH, r"`x` with 5 features, as this|hidden_state.*shape=\(None, 5\)"),
        (OUTSIDE, r"SAGEConv .*below its shape. .* to \[0 4\]"),
    ],
)
def test_a_trained_model_on_another_graph(graph, message, trained):
    data = tf.data.Dataset.from_tensors((graph,))
    with pytest.raises(ERRORS, match=message):
        trained.predict(data, verbose=0)


@pytest.mark.parametrize("export", [export_hetero_model, export_graph_tensor_model])
@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (NO_EDGE_SET, r"='writes'|made for.* without \['edges.writes"),
        (NO_FEATURES, r"of node set 'author'|made for.* without \['nodes.author.h"),
        (OTHER_WIDTH, r"`x` with 5 features, as this|hidden_state.*shape=\(None, 5\)"),
    ],
)
def test_an_export_for_another_graph(graph, message, export, trained, tmp_path):
    with pytest.raises(ValueError, match=message):
        export(trained, tmp_path, graph.spec)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("export", [export_hetero_model, export_graph_tensor_model])
def test_unmerged_batches(export, trained, tmp_path):
    batches = tf.data.Dataset.from_tensors((GRAPH, np.zeros([3, 3], "f"))).batch(1)
    spec, _ = batches.element_spec
    with pytest.raises(ValueError, match="merge_batch_to_components"):
        trained.fit(batches, shuffle=False, verbose=0)
    with pytest.raises(ValueError, match=r"^Expected a scalar GraphTensor"):
        tfgraph.GraphInput(spec)
    with pytest.raises(ValueError, match=r"of one graph \(of rank 0\)"):
        export(trained, tmp_path, spec)


@pytest.mark.parametrize("name", ["a.b", "a/b"])
def test_names_that_keras_refuses(name, trained, tmp_path):
    graph = graph_of({name: X["paper"]}, {"cites": (name, name, [0], [1])})
    message = r'names of sets without "." and names of sets and features without "/"'
    with pytest.raises(ValueError, match=message):
        SAGEConv(3)(graph)
    with pytest.raises(ValueError, match=f"^Expected {message}"):
        tfgraph.GraphInput(graph.spec)
    with pytest.raises(ValueError, match=message):
        trained.predict(tf.data.Dataset.from_tensors((graph,)), verbose=0)
    with pytest.raises(ValueError, match=message):
        export_hetero_model(trained, tmp_path, graph.spec)


LAYERS = {
    "GCN": lambda **k: GCNConv(3, add_self_loops=False, **k),
    "SAGE": lambda **k: SAGEConv(3, root_weight=False, **k),
    "SAGE max": lambda **k: SAGEConv(3, aggregator="max_pool", root_weight=False, **k),
    "SAGE lstm": lambda **k: SAGEConv(3, aggregator="lstm", root_weight=False, **k),
    "GAT": lambda **k: GATConv(3, add_self_loops=False, **k),
    "GATv2": lambda **k: GATv2Conv(3, add_self_loops=False, **k),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_empty_sets(kind):
    """Without senders or edges nothing is sent; without receivers there are no rows."""
    along, against = (
        LAYERS[kind](edge_set_name="writes", receiver=end)
        for end in ("target", "source")
    )
    layer = HeteroConv([along, against])
    call = tf.function(layer, reduce_retracing=True)
    for papers, authors in ((3, 4), (3, 0), (0, 4), (0, 0)):
        x = {"author": X["author"][:authors], "paper": X["paper"][:papers]}
        graph = graph_of(x, {"writes": ("author", "paper", [], [])})
        components = tfgraph.graph_tensor.to_components(graph)
        with tf.GradientTape() as tape:
            y = call(components)
            loss = tf.reduce_sum(y["author"]) + tf.reduce_sum(y["paper"])
        for found in (y, layer(graph)):
            np.testing.assert_array_equal(found["paper"], np.zeros([papers, 3]))
            np.testing.assert_array_equal(found["author"], np.zeros([authors, 3]))
        for gradient in tape.gradient(loss, layer.trainable_variables):
            finite = gradient is None or np.isfinite(gradient).all()
            assert finite


def test_empty_sets_of_structure2vec():
    layer = HeteroConv([Structure2VecConv(3, edge_set_name="cites")])
    for papers in (3, 0):
        x = {"paper": X["paper"][:papers], "author": X["author"][:0]}
        y = layer(graph_of(x, {"cites": ("paper", "paper", [], [])}))
        kernel, *_ = layer.convolutions[0].get_weights()
        assert y["paper"].shape == (papers, 3) and y["author"].shape == (0, 5)
        expected = np.maximum(x["paper"] @ kernel, 0)
        np.testing.assert_allclose(y["paper"], expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["subclassed", "functional"])
def test_empty_sets_in_fit_and_an_export(kind, tmp_path):
    is_subclassed = kind == "subclassed"
    model = Model(sage()) if is_subclassed else functional(GRAPH.spec, sage())
    model.compile("sgd", "mse")
    none = {"writes": ("author", "paper", [], []), "cites": ("paper", "paper", [], [])}
    no_authors = graph_of({**X, "author": X["author"][:0]}, none)
    model.fit(
        tf.data.Dataset.from_tensors((no_authors, np.zeros([3, 3], "f"))),
        shuffle=False,
        verbose=0,
    )
    nothing = graph_of({key: x[:0] for key, x in X.items()}, none)
    version = export_hetero_model(model, tmp_path, GRAPH.spec)
    serve = tf.saved_model.load(version).signatures["serving_default"]
    for graph, rows in ((no_authors, 3), (nothing, 0)):
        data = tf.data.Dataset.from_tensors((graph,))
        expected = model.predict(data, verbose=0)
        assert expected.shape == (rows, 3) and np.isfinite(expected).all()
        components = tfgraph.graph_tensor.to_components(graph)
        request = {k: v for k, v in components.items() if not k.endswith("-size")}
        np.testing.assert_allclose(serve(**request)["predictions"], expected, atol=1e-6)

"""Explanations in graphs of several node sets and edge sets."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hetero_graphs import graph_of
from layer_checks import ADJACENCY, X, graph_tensor, sparse

import tfgraph
from tfgraph import explain
from tfgraph.layers import HeteroConv, Readout, SAGEConv
from tfgraph.models import HeteroGraphSAGE, LinkPredictor

RNG = np.random.default_rng(0)
AUTHORS = RNG.normal(size=(4, 2)).astype("float32")
PAPERS = RNG.normal(size=(5, 3)).astype("float32")
# Sorted by target, as in a `HeteroGraph`.
WRITES = np.array([(1, 0), (0, 2), (1, 2), (3, 2), (2, 4)])
CITES = np.array([(2, 0), (4, 2), (0, 3), (2, 3)])
HETERO = tfgraph.data.HeteroGraph(
    {"author": AUTHORS, "paper": PAPERS},
    {
        "writes": tfgraph.data.EdgeSet("author", "paper", WRITES),
        "cites": tfgraph.data.EdgeSet("paper", "paper", CITES),
    },
)
GRAPH = HETERO.to_graph_tensor()
SETS = {"writes": ("author", "paper", WRITES), "cites": ("paper", "paper", CITES)}


def small_graph(weights=None, authors=AUTHORS, papers=PAPERS, kept=None):
    """The graph with weights, or without the edges of the others than `kept`."""
    edges = {}
    for name, (source, target, ends) in SETS.items():
        ends = ends if kept is None else ends[kept[name]]
        of_edges = () if weights is None else (weights[name],)
        edges[name] = (source, target, *ends.T, *of_edges)
    return graph_of({"author": authors, "paper": papers}, edges)


def sums(units, edge_set_name, **kwargs):
    """A convolution whose output is `A X W`."""
    arguments = {"aggregator": "sum", "root_weight": False, "use_bias": False}
    return SAGEConv(units, edge_set_name=edge_set_name, **arguments, **kwargs)


def linear_model(spec, activation=None):
    """A functional model of `A_writes X W + A_cites Y V`, and its W and V."""
    graph = tfgraph.GraphInput(spec)
    layers = [sums(2, "writes"), sums(2, "cites")]
    h = HeteroConv(layers)(graph)["paper"]
    model = keras.Model(graph, keras.layers.Activation(activation)(h))
    return model, *(layer.get_weights()[0] for layer in layers)


def test_contributions_of_a_linear_model():
    model, of_authors, of_papers = linear_model(GRAPH.spec)
    found = explain.integrated_gradients(
        model, HETERO, 2, target=1, outputs="values", steps=2
    )
    into = WRITES[:, 1] == 2
    want = np.where(into, (AUTHORS @ of_authors)[WRITES[:, 0], 1], 0)
    np.testing.assert_allclose(found.edge_importance["writes"], want, atol=1e-6)
    want = np.where(CITES[:, 1] == 2, (PAPERS @ of_papers)[CITES[:, 0], 1], 0)
    np.testing.assert_allclose(found.edge_importance["cites"], want, atol=1e-6)
    want = np.zeros_like(AUTHORS)
    want[WRITES[into, 0]] = AUTHORS[WRITES[into, 0]] * of_authors[:, 1]
    np.testing.assert_allclose(found.feature_importance["author"], want, atol=1e-6)
    want = np.zeros_like(PAPERS)
    want[4] = PAPERS[4] * of_papers[:, 1]
    np.testing.assert_allclose(found.feature_importance["paper"], want, atol=1e-6)
    for name, (*ends, edges) in SETS.items():
        np.testing.assert_array_equal(found.edges[name], edges)
        assert found.ends[name] == tuple(ends)
    assert found.nodes == (("paper", 2),)
    assert found.num_nodes == {"author": 4, "paper": 5}


def test_the_one_edge_that_matters_is_found():
    authors, papers = np.zeros_like(AUTHORS), np.zeros_like(PAPERS)
    authors[3, 1] = 1  # only author 3 has the feature that counts
    papers[:, 0] = 1
    graph = small_graph(authors=authors, papers=papers)
    model, *_ = linear_model(graph.spec, "softmax")
    of_authors = np.array([[0, 0], [-4, 4]], "float32")
    model.set_weights([of_authors, np.zeros([3, 2])])
    found = explain.gnn_explainer(model, graph, 2, epochs=60, learning_rate=0.3)
    assert found.target == 1
    assert found.top_edges(5) == [("writes", 3)]
    assert found.edge_importance["writes"][3] > 0.8
    assert found.feature_importance["author"].argmax() == 1
    assert found.feature_importance["author"].shape == (2,)
    assert found.feature_importance["paper"].max() < 0.05
    plus, minus = explain.fidelity(model, graph, found, k=1)
    np.testing.assert_allclose(plus, 1 / (1 + np.exp(-8)) - 0.5, atol=1e-5)
    np.testing.assert_allclose(minus, 0, atol=1e-6)
    part = found.subgraph(1)
    assert part.node_sets["author"].ids.tolist() == [3]
    assert part.node_sets["paper"].ids.tolist() == [2]
    assert part.edge_sets["writes"].edges.tolist() == [[0, 0]]
    assert "{'cites': '0 of 4', 'writes': '1 of 5'}" in repr(found)
    title = "Node paper 2: sport, probability 1.00"
    check_picture(found, title)
    other = small_graph(kept={"writes": [0], "cites": [0, 1, 2, 3]})
    with pytest.raises(ValueError, match="of 9 edges, and inputs of 5, not the same"):
        explain.fidelity(model, other, found)


def check_picture(found, title):
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    figure = tfgraph.plots.explanation(found, class_names=["news", "sport"])
    axes, _ = figure.axes
    assert axes.get_title() == title
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["author", "paper", "explained"]
    assert [t.get_text() for t in axes.texts if t.get_text()] == ["3", "2"]
    with pytest.raises(ValueError, match=r"no `classes` and .*Received: names"):
        tfgraph.plots.explanation(found, names=["a"] * 9)


@pytest.fixture(scope="module")
def classifier():
    """Two rounds along the edges, from features and embeddings."""
    keras.utils.set_random_seed(0)
    arguments = {"bidirectional": False, "aggregator": "sum", "activation": "tanh"}
    model = HeteroGraphSAGE(3, "paper", [4, 4], {"author": 4}, **arguments)
    model(GRAPH)
    return model


def probability(model, inputs, found):
    return float(model(inputs, training=False)[found.index, found.target])


NONE = {"writes": [], "cites": []}


def test_contributions_add_up(classifier):
    found = explain.integrated_gradients(classifier, GRAPH, 0, steps=30)
    assert found.prediction == pytest.approx(probability(classifier, GRAPH, found))
    of_edges = sum(part.sum() for part in found.edge_importance.values())
    of_features = sum(part.sum() for part in found.feature_importance.values())
    changes = {
        of_edges: small_graph(kept=NONE),
        of_features: small_graph(authors=0 * AUTHORS, papers=0 * PAPERS),
    }
    for total, without in changes.items():
        fall = found.prediction - probability(classifier, without, found)
        assert abs(fall) > 0.01 and total == pytest.approx(fall, abs=1e-3)
    kept = {"writes": np.arange(5) == 2, "cites": np.arange(4) == 9}
    importance = {name: np.where(of, 1.0, 0.0) for name, of in kept.items()}
    chosen = explain.HeteroExplanation(**{**vars(found), "edge_importance": importance})
    plus, minus = explain.fidelity(classifier, HETERO, chosen)
    for fall, edges in [(plus, {n: ~of for n, of in kept.items()}), (minus, kept)]:
        number = probability(classifier, small_graph(kept=edges), found)
        assert fall == pytest.approx(found.prediction - number, abs=1e-6)


@pytest.mark.slow
def test_gradients_of_weights(classifier):
    # One step of the midpoint rule: the gradient at half of the weights.
    weights = {name: RNG.uniform(0.5, 2, len(e)) for name, (*_, e) in SETS.items()}
    model = HeteroGraphSAGE.from_config(
        {**classifier.get_config(), "edge_weight_name": "weight"}
    )
    model(small_graph(weights))
    model.set_weights(classifier.get_weights())
    found = explain.integrated_gradients(model, small_graph(weights), 3, steps=1)

    def number(name, edge, change):
        half = {key: w / 2 for key, w in weights.items()}
        half[name][edge] += change
        return probability(model, small_graph(half), found)

    for name, edge in [("writes", 3), ("cites", 2)]:
        slope = (number(name, edge, 0.01) - number(name, edge, -0.01)) / 0.02
        assert found.edge_importance[name][edge] == pytest.approx(
            weights[name][edge] * slope, abs=2e-4
        )
    # Without weights, each edge has weight 1.
    ones = {name: np.ones_like(w) for name, w in weights.items()}
    weighted = explain.integrated_gradients(model, small_graph(ones), 3, steps=2)
    without = explain.integrated_gradients(classifier, GRAPH, 3, steps=2)
    for name, importance in without.edge_importance.items():
        np.testing.assert_allclose(
            importance, weighted.edge_importance[name], atol=1e-6
        )


def test_links():
    keras.utils.set_random_seed(0)
    encoder = HeteroGraphSAGE(hidden_units=[3], aggregator="sum")
    model = LinkPredictor(encoder, "writes")
    model(GRAPH)
    pairs = np.array([[0, 0], [3, 2]])
    found = explain.integrated_gradients(model, [HETERO, pairs], 1, steps=20)
    assert found.nodes == (("author", 3), ("paper", 2))
    score = model([GRAPH, pairs])[1], model([small_graph(kept=NONE), pairs])[1]
    fall = float(score[0] - score[1]) * (1 if found.target else -1)
    total = sum(part.sum() for part in found.edge_importance.values())
    assert abs(fall) > 0.01 and total == pytest.approx(fall, abs=1e-3)


def test_a_whole_graph():
    graph = tfgraph.GraphInput(GRAPH.spec)
    layer = sums(1, "writes")
    h = HeteroConv([layer])(graph)["paper"]
    model = keras.Model(graph, Readout("sum", node_set_name="paper")([h, graph]))
    found = explain.integrated_gradients(model, GRAPH, 0, outputs="values", steps=1)
    want = (AUTHORS @ layer.get_weights()[0])[WRITES[:, 0], 0]
    np.testing.assert_allclose(found.edge_importance["writes"], want, atol=1e-6)
    assert found.nodes == () and not found.edge_importance["cites"].any()


class FromFeatures(keras.Model):
    """Takes `[features, graph]`, those of authors as a SparseTensor."""

    def __init__(self):
        super().__init__()
        self.messages = HeteroConv([sums(1, "writes")])

    def call(self, inputs):
        return self.messages(inputs)["paper"]


def test_features_by_node_set():
    model, inputs = FromFeatures(), [{"author": sparse(AUTHORS)}, GRAPH]
    model(inputs)
    found = explain.integrated_gradients(model, inputs, 4, outputs="values", steps=1)
    want = AUTHORS[2] * model.get_weights()[0][:, 0]
    np.testing.assert_allclose(found.feature_importance["author"][2], want, atol=1e-6)
    assert list(found.feature_importance) == ["author"]


def test_one_node_set_without_weights():
    ones = (ADJACENCY > 0).astype("float32")
    library = tfgraph.models.GCN(3)
    library(graph_tensor(ones, X))
    found = explain.integrated_gradients(library, graph_tensor(ones, X), 4, steps=2)
    same = tfgraph.models.GCN(3)
    same([tf.constant(X), sparse(ones)])
    same.set_weights(library.get_weights())
    want = explain.integrated_gradients(same, [X, sparse(ones)], 4, steps=2)
    np.testing.assert_allclose(found.edge_importance, want.edge_importance, atol=1e-6)
    np.testing.assert_allclose(
        found.feature_importance, want.feature_importance, atol=1e-6
    )


@pytest.mark.parametrize(
    ("inputs", "arguments", "message"),
    [
        (GRAPH, {"hops": 2}, "only; pass None for a GraphTensor"),
        (GRAPH, {"index": 5}, "`index` to be below 5"),
        ([X, GRAPH], {}, r"`\[features, graph\]` with a dict.*'author', 'paper'"),
        ([{"venue": X}, GRAPH], {}, r"features of \['venue'\]"),
        (graph_of({"author": AUTHORS}, {}), {}, "with edges, .*edge sets \\[\\]"),
    ],
)
def test_wrong_arguments(inputs, arguments, message, classifier):
    with pytest.raises(ValueError, match=message):
        explain.gnn_explainer(classifier, inputs, **{"index": 0, **arguments})


def test_an_output_for_each_node_set():
    model = HeteroGraphSAGE(hidden_units=[3])
    model(GRAPH)
    with pytest.raises(ValueError, match=r"one output, .*author: Eager"):
        explain.gnn_explainer(model, GRAPH, 0)

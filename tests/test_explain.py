import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, graph_tensor, sparse

import tfgraph
from tfgraph import explain
from tfgraph.layers import (
    GATConv,
    GCNConv,
    GINEConv,
    InnerProductDecoder,
    Readout,
    SAGEConv,
)

EDGES = np.argwhere(ADJACENCY)[:, ::-1]
WEIGHTS = ADJACENCY[tuple(EDGES[:, ::-1].T)]
METHODS = {
    "gnn_explainer": (explain.gnn_explainer, {"epochs": 15}),
    "integrated_gradients": (explain.integrated_gradients, {"steps": 4}),
}


def plain_sums(units, **kwargs):
    """A convolution whose output is `A X W`."""
    return GCNConv(
        units, normalize=False, add_self_loops=False, use_bias=False, **kwargs
    )


def functional(*layers, x_sparse=False, adjacency_sparse=True):
    x = keras.Input((4,), sparse=x_sparse)
    adjacency = keras.Input((None,), sparse=adjacency_sparse)
    h = x
    for layer in layers:
        h = layer([h, adjacency])
    return keras.Model([x, adjacency], h)


@keras.saving.register_keras_serializable("test_explain")
class Subclassed(keras.Model):
    """Two convolutions, without the argument `training`."""

    def __init__(self, **kwargs):
        super().__init__()
        self.first = GCNConv(5, "relu", **kwargs)
        self.second = GCNConv(3, "softmax", **kwargs)

    def call(self, inputs):
        return self.second([self.first(inputs), inputs[1]])


class Sums(keras.Model):
    """One convolution, over inputs of any type."""

    def __init__(self):
        super().__init__()
        self.convolution = SAGEConv(2, "softmax", "sum")

    def call(self, inputs, training=None):
        return self.convolution(inputs)


def test_contributions_of_a_linear_model():
    model = functional(plain_sums(2))
    (kernel,) = model.get_weights()
    found = explain.integrated_gradients(
        model, [X, sparse(ADJACENCY)], 3, target=1, outputs="values", steps=3
    )
    contributions = WEIGHTS * (X @ kernel)[EDGES[:, 0], 1]
    want = np.where(EDGES[:, 1] == 3, contributions, 0)
    np.testing.assert_allclose(found.edge_importance, want, atol=1e-6)
    want = ADJACENCY[3][:, None] * X * kernel[:, 1]
    np.testing.assert_allclose(found.feature_importance, want, atol=1e-6)
    assert found.prediction == pytest.approx((ADJACENCY @ X @ kernel)[3, 1], abs=1e-5)
    np.testing.assert_array_equal(found.edges, EDGES)
    assert (found.index, found.target, found.nodes) == (3, 1, (3,))


@pytest.mark.parametrize("outputs", ["probabilities", "logits"])
def test_contributions_add_up(outputs):
    last = "softmax" if outputs == "probabilities" else None
    model = functional(GCNConv(5, "tanh"), GCNConv(3, last))
    model.layers[-1].bias.assign([0.5, -1, 0.2])
    # A self-loop of weight 0 would be replaced by one of 1: no path is continuous.
    loopless = ADJACENCY * (1 - np.eye(6, dtype="float32"))
    found = explain.integrated_gradients(
        model, [X, sparse(loopless)], 1, outputs=outputs, steps=100
    )

    def probability(x, adjacency):
        y = model([tf.constant(x), sparse(adjacency)])[1]
        return (y if last else tf.nn.softmax(y))[found.target]

    whole = probability(X, loopless)
    assert found.prediction == pytest.approx(float(whole), abs=1e-6)
    without = probability(X, 0 * loopless)
    np.testing.assert_allclose(found.edge_importance.sum(), whole - without, atol=1e-4)
    without = probability(0 * X, loopless)
    np.testing.assert_allclose(
        found.feature_importance.sum(), whole - without, atol=1e-4
    )


def test_the_one_edge_that_matters_is_found():
    # Node 0 receives from 1, 2 and 3, and only node 1 has the feature that counts.
    x = np.zeros((6, 4), "float32")
    x[1, 2], x[[2, 3, 4], 0] = 1, 1
    edges = [(1, 0), (2, 0), (3, 0), (4, 1), (5, 4)]
    graph = tfgraph.data.Graph(x, edges)
    model = functional(plain_sums(2, activation="softmax"))
    model.set_weights([np.array([[0, 0], [0, 0], [-4, 4], [0, 0]], "float32")])
    found = explain.gnn_explainer(model, graph, 0, epochs=60, learning_rate=0.3)
    assert (found.target, found.nodes) == (1, (0,))
    edge = found.edges.tolist().index([1, 0])
    assert found.top_edges(1).tolist() == [edge]
    assert found.edge_importance[edge] > 0.8
    assert np.count_nonzero(found.edge_importance) == 1
    assert found.feature_importance.argmax() == 2
    np.testing.assert_allclose(np.delete(found.feature_importance, 2), 0, atol=0.05)
    plus, minus = explain.fidelity(model, graph, found, k=1)
    np.testing.assert_allclose(plus, 1 / (1 + np.exp(-8)) - 0.5, atol=1e-5)
    np.testing.assert_allclose(minus, 0, atol=1e-6)


def test_the_mask_minimises_the_loss_of_the_paper():
    # One edge of weight 1 and one feature of 1: y = m f.
    graph = tfgraph.data.Graph(np.ones((2, 1)), [(0, 1)])
    inputs = keras.Input((1,)), keras.Input((None,), sparse=True)
    model = keras.Model(inputs, plain_sums(1)(inputs))
    model.set_weights([np.full((1, 1), 2.0)])
    coefficients = {
        "edge_size": 1.0,
        "edge_entropy": -0.4,
        "feature_size": 1.2,
        "feature_entropy": -0.1,
    }
    found = explain.gnn_explainer(
        model,
        graph,
        1,
        outputs="values",
        epochs=150,
        learning_rate=0.15,
        **coefficients,
    )
    m, f = np.meshgrid(*[np.linspace(1e-4, 1 - 1e-4, 1000)] * 2)

    def entropy(p):
        return -p * np.log(p) - (1 - p) * np.log(1 - p)

    def loss(m, f):
        of_edge = 1.0 * m - 0.4 / 4 * entropy(m)
        return (2 * m * f - 2) ** 2 + of_edge + 1.2 * f - 0.1 * entropy(f)

    got = loss(found.edge_importance[0], found.feature_importance[0])
    assert 0 <= got - loss(m, f).min() + 1e-5 < 1e-3 < loss(0.73, 0.5) - got


def layers_of_two():
    return GCNConv(5, "relu"), GCNConv(3, "softmax")


def test_forms_of_inputs_agree():
    model = functional(*layers_of_two())
    weights = model.get_weights()
    graph = tfgraph.data.Graph(X, EDGES.tolist(), edge_weight=WEIGHTS)
    want = explain.integrated_gradients(model, graph, 4, steps=2)
    assert np.count_nonzero(want.edge_importance) == len(EDGES)
    order = np.random.default_rng(1).permutation(len(EDGES))
    every = slice(None)

    def check(model, inputs, order):
        model.set_weights(weights)
        found = explain.integrated_gradients(model, inputs, 4, steps=2)
        np.testing.assert_array_equal(found.edges, want.edges[order])
        np.testing.assert_allclose(
            found.edge_importance, want.edge_importance[order], atol=1e-5
        )
        np.testing.assert_allclose(
            found.feature_importance, want.feature_importance, atol=1e-5
        )

    check(model, [tf.constant(X), sparse(ADJACENCY, order)], order)
    dense = functional(*layers_of_two(), adjacency_sparse=False)
    check(dense, [X, ADJACENCY], every)
    x_sparse = functional(*layers_of_two(), x_sparse=True)
    check(x_sparse, [sparse(X), sparse(ADJACENCY)], every)
    subclassed = Subclassed()
    subclassed([tf.constant(X), sparse(ADJACENCY)])
    check(subclassed, [X, sparse(ADJACENCY)], every)
    components = graph_tensor(ADJACENCY, X, order)
    library = tfgraph.models.GCN(
        3, [5], use_bias=True, edge_weight_name="weight", dropout=0.5
    )
    library(components)
    check(library, [tf.constant(X), components], order)
    inputs = tfgraph.GraphInput(components.spec)
    h = GCNConv(5, "relu", edge_weight_name="weight")(inputs)
    y = GCNConv(3, "softmax", edge_weight_name="weight")([h, inputs])
    check(keras.Model(inputs, y), components, order)


def test_integers_as_weights():
    ones = (ADJACENCY > 0).astype("int64")
    model = functional(SAGEConv(2, "softmax", "sum"), adjacency_sparse=False)
    want = explain.integrated_gradients(model, [X, ones.astype("float32")], 0, steps=2)
    assert want.edge_importance.any()
    entries = tf.sparse.from_dense(ones)
    for layer_inputs in ([X, ones], [X, entries]):
        subclassed = Sums()
        subclassed([tf.constant(X), tf.constant(ones, tf.float32)])
        subclassed.set_weights(model.get_weights())
        found = explain.integrated_gradients(subclassed, layer_inputs, 0, steps=2)
        np.testing.assert_allclose(
            found.edge_importance, want.edge_importance, atol=1e-6
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_a_neighbourhood_is_enough(method, form):
    call, arguments = METHODS[method]
    rng = np.random.default_rng(0)
    graph = tfgraph.data.Graph(rng.normal(size=(40, 4)), rng.integers(40, size=(60, 2)))
    is_sparse = form == "sparse"
    layers = [GCNConv(5, "tanh"), SAGEConv(3, "softmax", aggregator="sum")]
    model = functional(*layers, adjacency_sparse=is_sparse)
    adjacency = graph.to_sparse_tensor()
    if not is_sparse:
        adjacency = tfgraph.ops.to_dense(adjacency).numpy()
    inputs = [graph.x, adjacency]
    node = int(np.bincount(graph.edges[:, 1]).argmax())
    found = call(model, inputs, node, hops=2, **arguments)
    edges = found.edges
    near = np.isin(edges[:, 1], [node, *edges[edges[:, 1] == node, 0]])
    assert np.array_equal(found.edge_importance != 0, near) and not near.all()
    if method == "integrated_gradients":
        want = call(model, inputs, node, **arguments)
        np.testing.assert_allclose(
            found.edge_importance[near], want.edge_importance[near], atol=1e-6
        )
        np.testing.assert_allclose(
            found.feature_importance, want.feature_importance, atol=1e-6
        )
    with pytest.raises(ValueError, match=r"of messages, or more.*hops=1, within"):
        call(model, inputs, node, hops=1, **arguments)


def test_messages_from_beyond_the_hops_are_noticed():
    layers = [GATConv(5, activation="tanh"), GATConv(3, activation="softmax")]
    model = functional(*layers)
    inputs = [X, sparse(ADJACENCY)]
    # One hop more is computed than asked for, so that the prediction is the same.
    with pytest.raises(ValueError, match=r"hops=1, with messages from nodes beyond"):
        explain.integrated_gradients(model, inputs, 0, hops=1)
    found = explain.integrated_gradients(model, inputs, 0, steps=3)
    cut = explain.integrated_gradients(model, inputs, 0, steps=3, hops=2)
    np.testing.assert_allclose(cut.edge_importance, found.edge_importance, atol=1e-6)


def test_links():
    pairs = np.array([[0, 3], [4, 1]])
    x, entries = keras.Input((4,)), keras.Input((None,), sparse=True)
    ends = keras.Input((2,), dtype="int64")
    scores = InnerProductDecoder()([plain_sums(3)([x, entries]), ends])
    model = keras.Model([x, entries, ends], scores)
    inputs = [X, sparse(ADJACENCY), pairs]
    found = explain.integrated_gradients(model, inputs, 1, steps=60)
    z = ADJACENCY @ X @ model.get_weights()[0]
    p = 1 / (1 + np.exp(-z[4] @ z[1]))
    assert found.target == (p > 0.5) and found.nodes == (4, 1)
    assert found.prediction == pytest.approx(max(p, 1 - p), abs=1e-5)
    touched = np.isin(EDGES[:, 1], [4, 1])
    assert np.array_equal(found.edge_importance != 0, touched)
    np.testing.assert_allclose(
        found.edge_importance.sum(), max(p, 1 - p) - 0.5, atol=1e-3
    )
    cut = explain.integrated_gradients(model, inputs, 1, steps=60, hops=1)
    np.testing.assert_allclose(cut.edge_importance, found.edge_importance, atol=1e-5)
    other = explain.integrated_gradients(
        model, inputs, 1, target=1 - found.target, steps=60
    )
    np.testing.assert_allclose(other.edge_importance, -found.edge_importance, atol=1e-5)


def test_a_whole_graph():
    union = np.kron(np.eye(2), ADJACENCY).astype("float32")
    x, ids = np.concatenate([X, 2 * X]), np.repeat([0, 1], 6)
    tensors = keras.Input((4,)), keras.Input((None,), sparse=True)
    graph_ids = keras.Input((), dtype="int64")
    h = Readout("sum")([plain_sums(1)(list(tensors)), graph_ids])
    model = keras.Model([*tensors, graph_ids], h)
    inputs = [x, sparse(union), ids]
    found = explain.integrated_gradients(model, inputs, 1, outputs="values", steps=2)
    h = 2 * X @ model.get_weights()[0][:, 0]
    want = np.concatenate([np.zeros(len(EDGES)), WEIGHTS * h[EDGES[:, 0]]])
    np.testing.assert_allclose(found.edge_importance, want, atol=1e-5)
    assert found.nodes == ()


@pytest.mark.parametrize("layer_class", [GATConv, GINEConv])
def test_features_of_edges(layer_class):
    arguments = {"hidden_units": 16} if layer_class is GINEConv else {}
    layer = layer_class(2, "softmax", **arguments)  # with weights of the test's seed
    features = np.random.default_rng(0).normal(size=(len(EDGES), 3)).astype("float32")
    inputs = [tf.constant(X), sparse(ADJACENCY), tf.constant(features)]
    symbolic = [keras.Input((4,)), keras.Input((None,), sparse=True), keras.Input((3,))]
    model = keras.Model(symbolic, layer(symbolic))
    found = explain.integrated_gradients(model, inputs, 0, steps=5)
    cut = explain.integrated_gradients(model, inputs, 0, hops=1, steps=5)
    assert np.array_equal(found.edge_importance != 0, EDGES[:, 1] == 0)
    np.testing.assert_allclose(cut.edge_importance, found.edge_importance, atol=1e-6)
    graph = tfgraph.data.Graph(
        X, EDGES.tolist(), edge_weight=WEIGHTS, edge_features=features
    )
    again = explain.integrated_gradients(model, graph, 0, steps=5)
    np.testing.assert_allclose(again.edge_importance, found.edge_importance, atol=1e-6)


@pytest.mark.parametrize("aggregator", ["sum", "mean"])
def test_what_a_mask_means(aggregator):
    layer = SAGEConv(1, aggregator=aggregator, root_weight=False)
    model = functional(layer)
    # One step of the midpoint rule: the gradient at half of the weights.
    found = explain.integrated_gradients(
        model, [X, sparse(ADJACENCY)], 1, outputs="values", steps=1
    )
    into = EDGES[:, 1] == 1
    w, h = WEIGHTS[into], X[EDGES[into, 0]] @ layer.get_weights()[0][:, 0]
    want = w * h
    if aggregator == "mean":
        want = w * (h - w @ h / w.sum()) / (w / 2).sum()
    np.testing.assert_allclose(found.edge_importance[into], want, atol=1e-5)


def test_several_rows_and_seeds():
    model = functional(GCNConv(5, "relu"), GCNConv(3, "softmax"))
    inputs = [X, sparse(ADJACENCY)]
    several = explain.gnn_explainer(model, inputs, [0, 4], epochs=5, seed=3)
    assert [found.index for found in several] == [0, 4]
    one = explain.gnn_explainer(model, inputs, 4, epochs=5, seed=3)
    np.testing.assert_allclose(
        one.edge_importance, several[1].edge_importance, atol=1e-6
    )
    other = explain.gnn_explainer(model, inputs, 4, epochs=5, seed=4)
    assert np.abs(one.edge_importance - other.edge_importance).max() > 1e-3
    alone = explain.gnn_explainer(
        functional(plain_sums(2, activation="softmax")), inputs, 2, epochs=5
    )
    assert not alone.edge_importance.any() and not len(alone.top_edges())
    assert alone.subgraph().ids.tolist() == [2]


def test_the_model_stays_as_it_is():
    x, entries = keras.Input((4,)), keras.Input((None,), sparse=True)
    h = keras.layers.BatchNormalization()(GCNConv(5, dropout=0.5)([x, entries]))
    y = GCNConv(3, "softmax")([keras.layers.Dropout(0.5)(h), entries])
    model = keras.Model([x, entries], y)
    before = [variable.numpy().copy() for variable in model.variables]
    inputs = [X, sparse(ADJACENCY)]
    for call, arguments in METHODS.values():
        found = call(model, inputs, 0, **arguments)
        assert explain.fidelity(model, inputs, found, k=2).plus != 0
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_a_reloaded_model(tmp_path):
    model = Subclassed()
    inputs = [tf.constant(X), sparse(ADJACENCY)]
    model(inputs)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    found = [
        explain.integrated_gradients(m, inputs, 3, steps=3) for m in (model, again)
    ]
    np.testing.assert_allclose(*[f.edge_importance for f in found], atol=1e-6)


def an_explanation(nodes=(0,), outputs="probabilities"):
    importance = np.array([0.2, 0.0, 0.9, -0.5, 0.4])
    edges = np.array([(1, 0), (2, 0), (3, 0), (0, 1), (5, 3)])
    return explain.Explanation(
        edges, importance, np.ones(4), 0, 1, outputs, 0.75, nodes, 6
    )


def test_the_most_important_edges():
    found = an_explanation()
    assert found.top_edges(2).tolist() == [2, 4]
    assert found.top_edges().tolist() == [2, 4, 0]
    graph = found.subgraph(2)
    assert graph.ids.tolist() == [0, 3, 5]
    np.testing.assert_array_equal(graph.edges, [(1, 0), (2, 1)])
    np.testing.assert_allclose(graph.edge_weight, [0.9, 0.4])
    assert "edges=4 of 5" in repr(found)
    with pytest.raises(ValueError, match="`k` to be a positive integer"):
        found.top_edges(0)


def test_picture():
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    figure = tfgraph.plots.explanation(
        an_explanation(), classes=[0, 1, 1, 0, 1, 1], class_names=["left", "right"]
    )
    axes, scale = figure.axes
    assert axes.get_title() == "Node 0: right, probability 0.75"
    assert scale.get_xlabel() == "importance of the edge"
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["left", "right", "explained"]
    arrows = [text.arrow_patch for text in axes.texts if text.arrow_patch]
    shades = sorted(arrow.get_alpha() for arrow in arrows)
    np.testing.assert_allclose(shades, [0.2 / 0.9, 0.4 / 0.9, 1])
    names = [text.get_text() for text in axes.texts if text.get_text()]
    assert names == ["0", "1", "3", "5"]
    *_, ring = axes.collections
    assert len(ring.get_offsets()) == 1
    titles = {
        "Graph 0: class 1, probability 0.75": an_explanation(()),
        "Pair 0 and 3: Output 1: 0.75": an_explanation((0, 3), "values"),
    }
    for title, found in titles.items():
        assert tfgraph.plots.explanation(found).axes[0].get_title() == title
    with pytest.raises(ValueError, match="`explanation` to be a tfgraph"):
        tfgraph.plots.explanation(None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"index": 6}, "`index` to be below 6, the number of rows.*index=6"),
        ({"index": -1}, "`index` to be a non-negative integer"),
        ({"target": 3}, "`target` to be below 3.*target=3"),
        ({"outputs": "softmax"}, "`outputs` to be one of"),
        ({"outputs": "values"}, "`target` to be one of the 3 columns"),
        ({"hops": 0}, "`hops` to be a positive integer"),
        ({"index": "n5"}, "`index` to be a non-negative integer.*index='n5'"),
        ({"model": "gcn"}, "`model` to be a keras.Model"),
        ({"model": Subclassed()}, "`model` to be built"),
        ({"inputs": [X]}, "Expected the inputs to be"),
        ({"inputs": [X[None], ADJACENCY[None]]}, r"`x` of shape `\[N, F\]`"),
        ({"inputs": [X[None], sparse(ADJACENCY)]}, r"Of many signals .*explain one"),
    ],
)
def test_wrong_arguments(method, arguments, message):
    model = functional(GCNConv(3, "softmax"))
    arguments = {
        "model": model,
        "inputs": [X, sparse(ADJACENCY)],
        "index": 0,
        **arguments,
    }
    with pytest.raises(ValueError, match=f"(?s){message}"):
        METHODS[method][0](**arguments)


def test_models_that_cannot_be_explained():
    inputs = [X, sparse(ADJACENCY)]
    two = functional(GATConv(3, "softmax"))
    two = keras.Model(two.inputs, [two.output, two.output])
    logits = functional(plain_sums(3))
    logits.set_weights([np.full((4, 3), 9.0)])
    for model, message in [
        (two, "`model` to have one output"),
        (logits, 'For logits, pass `outputs="logits"`'),
        (functional(SAGEConv(3, "softmax", aggregator="max_pool")), "without a grad"),
    ]:
        with pytest.raises(ValueError, match=message):
            explain.gnn_explainer(model, inputs, 0)
    library = tfgraph.models.GCN(3)
    library(graph_tensor(ADJACENCY, X))
    with pytest.raises(ValueError, match="only; pass None for a GraphTensor"):
        explain.gnn_explainer(library, graph_tensor(ADJACENCY, X), 0, hops=2)


def test_a_graph_for_a_model_of_other_inputs():
    graph = tfgraph.data.Graph(X, EDGES)
    x, adjacency = keras.Input((4,)), keras.Input((None,), sparse=True)
    graph_ids = keras.Input((), dtype="int64")
    h = Readout()([GCNConv(3)([x, adjacency]), graph_ids])
    model = keras.Model([x, adjacency, graph_ids], keras.layers.Softmax()(h))
    form = r"`\[x, adjacency, graph_ids\]`, with `graph_ids` 0 .*inputs=Graph\(nodes="
    with pytest.raises(ValueError, match=form):
        explain.gnn_explainer(model, graph, 0)
    inputs = [graph.dense_features(), graph.to_sparse_tensor()]
    inputs.append(np.zeros(graph.num_nodes, "int64"))
    explanation = explain.gnn_explainer(model, inputs, 0, epochs=1)
    with pytest.raises(ValueError, match=form):
        explain.fidelity(model, graph, explanation)


def test_fidelity_of_another_graph():
    model = functional(GCNConv(3, "softmax"))
    with pytest.raises(ValueError, match="of the edges of `inputs`"):
        explain.fidelity(model, [X, sparse(ADJACENCY)], an_explanation())
    with pytest.raises(ValueError, match="`explanation` to be a tfgraph"):
        explain.fidelity(model, [X, sparse(ADJACENCY)], None)

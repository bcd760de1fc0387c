"""The argument `class_weight` of the pipelines."""

import keras
import numpy as np
import pytest

from tfgraph.data import (
    EdgeSet,
    Graph,
    HeteroGraph,
    NodeSet,
    full_batch,
    graph_batches,
    neighbor_batches,
    whole_graph_batches,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32)
NAMES = ["ham", "jam", "spam"]
Y = np.array([0, 0, 0, 0, 0, 1, 1, 2, -1, 0, 2, 1])
MASK = (Y >= 0) & (np.arange(12) < 9)
EDGES = [(0, 1), (2, 1), (3, 7), (7, 9)]
GRAPH = Graph(X, EDGES, y=Y, train_mask=MASK, class_names=NAMES)
HETERO = HeteroGraph(
    {"a": NodeSet(X, y=Y, train_mask=MASK, class_names=NAMES)},
    {"aa": EdgeSet("a", "a", EDGES)},
)
WEIGHTS = {"jam": 2.5, 2: 4}
OF_CLASSES = np.array([1, 2.5, 4])
# Of 8 nodes of the mask, 5, 2 and 1 are of the three classes.
BALANCED = 8 / (3 * np.array([5, 2, 1]))


def fitted(data, x, y=None, **arguments):
    """The kernel and the loss of a linear model after a step, without the graph."""
    inputs = keras.Input([4])
    dense = keras.layers.Dense(3, kernel_initializer="ones")
    model = keras.Model([inputs, *x], dense(inputs)) if x else None
    model = model or keras.Model(inputs, dense(inputs))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss, jit_compile=False)
    history = model.fit(data, y, shuffle=False, verbose=0, **arguments).history
    return dense.kernel.numpy(), history["loss"][0]


@pytest.mark.parametrize(
    ("class_weight", "weights"), [(WEIGHTS, OF_CLASSES), ("balanced", BALANCED)]
)
def test_training_is_that_of_keras(class_weight, weights):
    """The model ignores the edges, so that plain arrays with Keras' own weights do."""
    expected = fitted(
        X[MASK], [], Y[MASK], class_weight=dict(enumerate(weights)), batch_size=12
    )
    adjacency = keras.Input([None], sparse=True)
    data = full_batch(GRAPH, "train", class_weight=class_weight)
    found = fitted(data, [adjacency])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    assert found[1] == pytest.approx(expected[1], rel=1e-5)


@pytest.mark.parametrize("graph", [GRAPH, HETERO])
def test_full_batch(graph):
    [(_, y, w)] = full_batch(graph, "train", class_weight="balanced")
    expected = np.where(MASK, 12 / 8 * BALANCED[np.maximum(Y, 0)], 0)
    np.testing.assert_allclose(w, expected, rtol=1e-6)
    assert np.sum(w) == pytest.approx(12)  # the mean weight stays 1
    by_class = np.bincount(y[MASK], w[MASK])
    np.testing.assert_allclose(by_class, by_class[0])


@pytest.mark.parametrize("graph", [GRAPH, HETERO])
@pytest.mark.parametrize("form", ["blocks", "graph_tensor"])
def test_neighbor_batches(graph, form):
    if graph is HETERO:
        form = "graph_tensor"
    found = []
    for _, y, w in neighbor_batches(
        graph, (2,), 4, nodes="train", form=form, class_weight="balanced"
    ):
        scale = 1 if form == "blocks" else len(y) / 4
        np.testing.assert_allclose(w[:4], scale * BALANCED[y[:4]], rtol=1e-6)
        np.testing.assert_array_equal(w[4:], 0)
        found += y[:4].numpy().tolist()
    assert found == Y[MASK].tolist()


def test_graph_batches():
    graphs = [GRAPH, GRAPH.subgraph([1, 5, 7])]
    [(_, y, w)] = graph_batches(graphs, 2, class_weight=WEIGHTS)
    known = np.append(Y, [0, 1, 2]) >= 0
    np.testing.assert_allclose(w, known * 15 / 14 * OF_CLASSES[y], rtol=1e-6)
    [(_, y, w)] = graph_batches(graphs[1:], 1, class_weight=WEIGHTS)
    np.testing.assert_allclose(w, OF_CLASSES)  # where all have labels
    [(_, y, w)] = graph_batches(graphs, 2, class_weight="balanced")
    counts = np.bincount(np.append(Y[Y >= 0], [0, 1, 2]))
    expected = known * 15 / 14 * (14 / (3 * counts))[y]
    np.testing.assert_allclose(w, expected, rtol=1e-6)


@pytest.mark.parametrize("form", ["sparse", "graph_tensor", "dense"])
def test_whole_graph_batches(form):
    labels = np.array([0, 2, 2, 2])
    arguments = {"batch_size": 4, "form": form}
    graphs = [GRAPH] * 4
    [(_, _, w)] = whole_graph_batches(
        graphs, labels, class_weight={2: 3.0}, **arguments
    )
    np.testing.assert_array_equal(w, [1, 3, 3, 3])
    [(_, _, w)] = whole_graph_batches(
        graphs, labels, class_weight="balanced", **arguments
    )
    np.testing.assert_allclose(w, [2, 2 / 3, 2 / 3, 2 / 3])


def of_whole_graphs(labels, class_weight):
    return whole_graph_batches(
        [GRAPH] * 2, labels, batch_size=2, class_weight=class_weight
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: full_batch(GRAPH, class_weight={0: 2}), "with labels only"),
        (
            lambda: full_batch(GRAPH, "train", class_weight={3: 2}),
            r"numbers from 0 to 2 or names \['ham', 'jam', 'spam'\]. Received: 3",
        ),
        (lambda: full_batch(HETERO, "train", class_weight={"Jam": 2}), "'Jam'"),
        (
            lambda: full_batch(GRAPH, "train", class_weight={0: -1.0}),
            r"non-negative numbers. Received: class_weight\[0\]=-1.0",
        ),
        (
            lambda: full_batch(GRAPH, "train", class_weight=[1, 2, 3]),
            "dict of weights by class, or 'balanced'.*list",
        ),
        (lambda: full_batch(GRAPH, "train", class_weight="even"), "'balanced'.*'even'"),
        (
            lambda: full_batch(
                GRAPH.replace(y=X, class_names=None), "train", class_weight="balanced"
            ),
            r"class numbers `y` \[N\] with `class_weight`.*shape=\(12, 4\)",
        ),
        (
            lambda: neighbor_batches(
                GRAPH, (2,), 4, labels=False, class_weight="balanced"
            ),
            "with labels only",
        ),
        (
            lambda: graph_batches([GRAPH], 1, labels=False, class_weight="balanced"),
            "with labels only",
        ),
        (lambda: of_whole_graphs(None, {0: 1.0}), "with labels only"),
        (lambda: of_whole_graphs([0.5, 1.0], {0: 1.0}), "class numbers.*float32"),
        (lambda: of_whole_graphs([-1, 1], {0: 1.0}), "`labels` from 0 on.*value -1"),
        (
            lambda: graph_batches([GRAPH, GRAPH.replace(class_names=list("abc"))], 2),
            "alike in .*, and in the type and columns of `y` and its names",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_class_may_be_missing_in_a_split():
    """Its weight is then no mistake, and "balanced" counts the classes there are."""
    graph = GRAPH.replace(train_mask=np.arange(12) < 6)
    [(_, _, w)] = full_batch(graph, "train", class_weight={"spam": 5.0})
    np.testing.assert_allclose(w[:6], 2)
    [(_, _, w)] = full_batch(graph, "train", class_weight="balanced")
    np.testing.assert_allclose(w[:6], [2 * 6 / (2 * 5)] * 5 + [2 * 6 / 2], rtol=1e-6)

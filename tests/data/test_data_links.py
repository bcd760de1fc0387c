import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tfgraph
from tfgraph.data import Graph, Links, link_batch, link_split, training_links


def random_graph(num_nodes=60, num_edges=200, seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    edges = rng.integers(num_nodes, size=(num_edges, 2))
    return Graph(rng.normal(size=(num_nodes, 3)), edges, **kwargs)


def unordered(pairs):
    return {frozenset(pair) for pair in np.asarray(pairs).tolist()}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(0.05, 0.1), (0.3, 0.3), (0, 0.5)]))
def test_no_leak(seed, fractions):
    """Every unordered pair is in one set only, whatever the graph."""
    graph = random_graph(seed=seed)
    train, val, test = link_split(graph, *fractions, seed=seed)
    every = unordered(graph.edges[graph.edges[:, 0] != graph.edges[:, 1]])
    num_val, num_test = (int(f * len(every) + 1e-9) for f in fractions)

    sets = [unordered(train.edges)]
    for links, size in ((val, num_val), (test, num_test)):
        positive, negative = (
            unordered(links.pairs[links.labels == label]) for label in (1, 0)
        )
        assert len(positive) == len(negative) == size
        assert positive <= every
        assert not negative & every
        sets += [positive, negative]
    assert all(len(pair) == 2 for part in sets for pair in part)  # no self-loop
    assert len(set.union(*sets)) == sum(len(part) for part in sets)
    assert sets[0] | sets[1] | sets[3] == every
    # Messages go both ways along training edges, once each.
    directed = {tuple(edge) for edge in train.edges.tolist()}
    assert directed == {(j, i) for i, j in directed}
    assert len(directed) == train.num_edges == 2 * len(sets[0])


@pytest.mark.skipif(
    "TFGRAPH_DATA_DIR" not in os.environ, reason="TFGRAPH_DATA_DIR is not set"
)
@pytest.mark.parametrize(
    ("name", "sizes"), [("cora", (4488, 263, 527)), ("citeseer", (3870, 227, 455))]
)
def test_sizes_of_the_paper(name, sizes):
    train, val, test = link_split(tfgraph.data.planetoid(name))
    found = (train.num_edges // 2, len(val.pairs) // 2, len(test.pairs) // 2)
    assert found == sizes


def test_everything_else_of_the_graph_stays():
    graph = random_graph(edge_weight=np.linspace(1, 2, 200), y=np.arange(60) % 3)
    train = link_split(graph).train
    whole = graph.symmetrized()
    weights = dict(
        zip(map(tuple, whole.edges.tolist()), whole.edge_weight, strict=True)
    )
    for edge, weight in zip(train.edges.tolist(), train.edge_weight, strict=True):
        assert weights[tuple(edge)] == weight
    np.testing.assert_array_equal(train.x, graph.x)
    np.testing.assert_array_equal(train.y, graph.y)


def test_seeds():
    graph = random_graph()
    first, again, other = (link_split(graph, seed=seed) for seed in (3, 3, 4))
    for one, two in ((first.val, again.val), (first.test, again.test)):
        np.testing.assert_array_equal(one.pairs, two.pairs)
    np.testing.assert_array_equal(first.train.edges, again.train.edges)
    assert unordered(first.test.pairs) != unordered(other.test.pairs)


def test_negatives_are_uniform():
    """Of 4 nodes on a path, the 3 pairs without an edge come up equally often."""
    graph = Graph(np.ones([4, 1]), [[0, 1], [1, 2], [2, 3]])
    counts = {}
    for seed in range(600):
        links = link_split(graph, val=0, test=0.34, seed=seed).test
        (pair,) = unordered(links.pairs[links.labels == 0])
        counts[pair] = counts.get(pair, 0) + 1
    assert set(counts) == {frozenset(p) for p in ((0, 2), (0, 3), (1, 3))}
    assert min(counts.values()) > 150  # of 200; standard deviation 11.5


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((0.6, 0.6), "leave edges to train with"),
        ((0.001, 0.1), "`val` to be 0 or at least one edge's share"),
        ((0.1, 1.0), r"`test` to be a fraction in \[0, 1\)"),
        ((-0.1, 0.1), r"`val` to be a fraction in \[0, 1\)"),
        (("half", 0.1), r"`val` to be a fraction in \[0, 1\)"),
    ],
)
def test_fractions_that_leave_nothing(fractions, message):
    with pytest.raises(ValueError, match=message):
        link_split(random_graph(), *fractions)


def test_graphs_too_dense():
    complete = Graph(np.ones([8, 1]), np.argwhere(~np.eye(8, dtype=bool)))
    with pytest.raises(ValueError, match="at least 3 pairs of nodes without an edge"):
        link_split(complete)
    with pytest.raises(ValueError, match="at least 28 pairs of nodes without an edge"):
        training_links(complete)
    # With just as many pairs as are needed, they are found.
    edges = np.argwhere(~np.eye(8, dtype=bool))
    missing = [frozenset(pair) for pair in ((0, 1), (2, 5), (3, 7), (4, 6))]
    edges = [edge for edge in edges.tolist() if frozenset(edge) not in missing]
    split = link_split(Graph(np.ones([8, 1]), edges), val=0.1, test=0.1)
    negatives = [links.pairs[links.labels == 0] for links in (split.val, split.test)]
    assert unordered(np.concatenate(negatives)) == set(missing)


@pytest.mark.parametrize(
    ("pairs", "labels", "message"),
    [
        ([[0, 1]], [np.nan], "`links.labels` to hold finite.*nan"),
        ([[0, 1]], [1.0, 0.0], "`links.labels` to have one number for each of the 1"),
        ([[0, 99]], [1.0], "`links.pairs` to hold node numbers from 0 to .* to 99"),
        ([[0.0, 1.0]], [1.0], "`links.pairs` to be integers.*float64"),
        ([0, 1], [1.0], r"`links.pairs` .*\(2,\)"),
    ],
)
def test_links_that_do_not_fit(pairs, labels, message):
    with pytest.raises(ValueError, match=message):
        link_batch(random_graph(), Links(pairs, labels))


def test_links_are_no_plain_tuple():
    with pytest.raises(
        ValueError, match=r"`links` .*data.Links\(pairs, labels\).*tuple"
    ):
        link_batch(random_graph(), ([[0, 1]], [1.0]))
    with pytest.raises(ValueError, match="Of a number of edges, pass `10 / "):
        link_split(random_graph(), val=10)


def test_links_print_in_a_line():
    split = link_split(random_graph(edge_weight=np.ones(200)))
    pairs, edges = len(split.test.pairs), len(split.test.pairs) // 2
    assert repr(split.test) == f"Links(pairs={pairs}, edges={edges})"
    assert repr(split) == (
        f"LinkSplit(nodes=60, edges={split.train.num_edges}, "
        f"val={len(split.val.pairs)} pairs, test={pairs} pairs)"
    )
    assert len(repr(split)) < 88


def test_no_edges():
    empty = Graph(np.ones([3, 1]), [])
    with pytest.raises(ValueError, match="leave edges"):
        link_split(empty, 0, 0)
    with pytest.raises(ValueError, match="`graph` to have edges"):
        training_links(empty)


@pytest.mark.parametrize("form", ["sparse", "dense", "graph_tensor"])
def test_batches(form):
    graph = random_graph()
    train, _, test = link_split(graph)
    (inputs, labels), *others = link_batch(train, test, form=form)
    assert not others
    assert len(inputs) == (2 if form == "graph_tensor" else 3)
    np.testing.assert_array_equal(inputs[-1], test.pairs)
    np.testing.assert_array_equal(labels, test.labels)
    if form == "sparse":
        np.testing.assert_array_equal(inputs[1].indices[:, ::-1], train.edges)
    with pytest.raises(ValueError, match="numbers from 0 to 59"):
        link_batch(train, Links(np.array([[0, 60]]), np.ones(1, "float32")))


def test_training_links_are_drawn_anew_for_each_epoch():
    graph = link_split(random_graph()).train
    edges = unordered(graph.edges)

    def epochs(seed):
        dataset = training_links(graph, seed=seed)
        found = []
        for _ in range(3):
            ((_, _, pairs), labels), *others = dataset
            assert not others
            positive, negative = (unordered(pairs[labels == k]) for k in (1, 0))
            assert positive == edges
            assert len(negative) == len(edges)
            assert not negative & edges
            found.append(negative)
        return found

    first, again, other = epochs(0), epochs(0), epochs(1)
    assert first == again != other
    assert len(set(map(frozenset, first))) == 3


def test_identity_features():
    graph = tfgraph.data.identity_features(random_graph())
    x = graph.sparse_features()
    assert len(x.values) == 60
    np.testing.assert_array_equal(tf.sparse.to_dense(x), np.eye(60))


def test_fit_sees_other_negatives_in_every_epoch():
    seen = []

    class Spy(tfgraph.models.GAE):
        def call(self, inputs, training=None):
            if len(inputs) == 3 and training:
                tf.py_function(lambda pairs: seen.append(pairs.numpy()), inputs[2:], [])
            return super().call(inputs, training)

    keras.utils.set_random_seed(0)
    model = Spy(4, 8)
    model.compile("adam", "binary_crossentropy")
    graph = link_split(random_graph()).train
    model.fit(training_links(graph), epochs=3, shuffle=False, verbose=0)
    assert len({pairs.tobytes() for pairs in seen}) == len(seen) == 3

"""Neighbours that are drawn by the weights of their edges."""

import itertools

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import tfgraph
from tfgraph.data import EdgeSet, Graph, HeteroGraph, NodeSet, neighbor_batches
from tfgraph.data.sampling.neighbors import Neighbors

# Node 0 receives along four edges, node 1 along two, node 2 along none.
EDGES = np.array([(0, 0), (1, 0), (2, 0), (3, 0), (1, 1), (3, 1)])
WEIGHT = np.array([1.0, 2.0, 6.0, 0.5, 3.0, 1.0], np.float32)
DRAWS = 20_000


def check_frequencies(found, expected):
    """A chi-square test of counts against probabilities."""
    expected = np.asarray(expected, float)
    expected /= expected.sum()
    assert scipy.stats.chisquare(found, expected * np.sum(found)).pvalue > 1e-3


def test_with_replacement():
    nodes = np.array([0, 2, 1] * (DRAWS // 4))
    one = Neighbors(EDGES, 4, 4, chance=WEIGHT)
    row, edge = one.draw(np.random.default_rng(0), nodes, 4, "always")
    assert (edge[nodes[row] == 2] == -1).all()
    for node, places in ((0, range(4)), (1, range(4, 6))):
        counts = np.bincount(edge[nodes[row] == node], minlength=6)
        assert counts.sum() == counts[list(places)].sum() == DRAWS
        check_frequencies(counts[list(places)], WEIGHT[list(places)])


@pytest.mark.parametrize("scale", [1, 1e-12, 1e12])
def test_without_replacement(scale):
    """Draw j is one of the edges that are left, with chances by their weights."""
    nodes = np.array([0, 1] * DRAWS)
    one = Neighbors(EDGES, 4, 4, chance=scale * WEIGHT)
    row, edge = one.draw(np.random.default_rng(1), nodes, 2, "if_short")
    pairs = edge[nodes[row] == 0].reshape(-1, 2).T
    orders = list(itertools.permutations(range(4), 2))
    weight = WEIGHT[:4].astype(float)
    chances = [
        weight[a] / weight.sum() * weight[b] / (weight.sum() - weight[a])
        for a, b in orders
    ]
    counts = [(pairs == np.array(order)[:, None]).all(axis=0).sum() for order in orders]
    assert sum(counts) == DRAWS
    check_frequencies(counts, chances)
    # Both edges of node 1, in either order.
    assert set(map(tuple, edge[nodes[row] == 1].reshape(-1, 2))) == {(4, 5), (5, 4)}


@pytest.mark.parametrize("receiver", ["target", "source"])
@pytest.mark.parametrize("others", [1e30, 1e-30])
def test_weights_of_other_nodes_do_not_count(others, receiver):
    edges = np.array([(0, 0), (1, 0), *((source, 1) for source in range(4)), (0, 2)])
    chance = np.array([others, others, *WEIGHT[:4], others], np.float32)
    edges = edges if receiver == "target" else edges[:, ::-1]
    one = Neighbors(edges, 4, 4, receiver, chance)
    _, edge = one.draw(np.random.default_rng(0), np.full(DRAWS, 1), 2, "always")
    check_frequencies(np.bincount(edge - 2, minlength=4), WEIGHT[:4])
    _, edge = one.draw(np.random.default_rng(0), np.full(DRAWS, 1), 1, "never")
    check_frequencies(np.bincount(edge - 2, minlength=4), WEIGHT[:4])


@pytest.mark.parametrize("largest", [1e9, 1e30])
def test_without_replacement_beside_a_far_larger_weight(largest):
    edges = np.array([(source, 0) for source in range(5)])
    chance = np.array([*WEIGHT[:4], largest], np.float32)
    one = Neighbors(edges, 5, 5, chance=chance)
    _, edge = one.draw(np.random.default_rng(0), np.zeros(DRAWS, int), 2, "never")
    counts = np.bincount(edge, minlength=5)
    assert counts[4] == DRAWS
    check_frequencies(counts[:4], WEIGHT[:4])


def test_an_edge_of_chance_0_is_no_edge():
    chance = WEIGHT * (np.arange(6) != 2)
    for receiver, node, expected in (("target", 0, {0, 1, 3}), ("source", 3, {3, 5})):
        one = Neighbors(EDGES, 4, 4, receiver, chance)
        nodes = np.full(200, node)
        _, edge = one.draw(np.random.default_rng(0), nodes, 1, "never")
        assert set(one.numbers(edge).tolist()) == expected
        _, edge = one.draw(np.random.default_rng(0), nodes[:1], None, "never")
        assert set(one.numbers(edge).tolist()) == expected


def test_the_mean_of_blocks_is_the_mean_by_weight():
    x = np.array([[1.0], [10.0], [100.0], [1000.0]])
    graph = Graph(x, EDGES, edge_weight=WEIGHT)
    batches = neighbor_batches(
        graph,
        (4000,),
        1,
        nodes=[0],
        labels=False,
        replacement="always",
        seed=0,
        by_weight=True,
    )
    ((features, (adjacency,)),) = next(iter(batches))
    assert set(adjacency.values.numpy().tolist()) == {1.0}
    mean = tf.sparse.sparse_dense_matmul(adjacency, features)[0, 0] / 4000
    expected = WEIGHT[:4] @ x[:, 0] / WEIGHT[:4].sum()
    assert float(mean) == pytest.approx(expected, rel=0.2)


def test_values_of_blocks_count_the_draws():
    graph = Graph(np.eye(4), EDGES, edge_weight=WEIGHT)
    batches = neighbor_batches(
        graph, (9,), 2, nodes=[0, 1], labels=False, by_weight=True, seed=0
    )
    ((_, (adjacency,)),) = next(iter(batches))
    dense = tf.sparse.to_dense(adjacency).numpy()
    assert dense.sum(axis=1).tolist() == [9, 9]


def test_hetero():
    edges = EdgeSet("a", "b", [(0, 0), (1, 0)], edge_weight=[1, 0])
    plain = EdgeSet("a", "b", [(0, 0), (1, 0)])
    x = np.eye(2)
    graph = HeteroGraph({"a": NodeSet(x), "b": NodeSet(x)}, {"by": edges, "any": plain})
    batches = neighbor_batches(
        graph,
        ({"by": 5, "any": 2},),
        1,
        nodes=[0],
        labels=False,
        node_set_name="b",
        by_weight=True,
    )
    ((tensor,),) = batches.take(1)
    assert tensor.edge_sets["by"].adjacency.source.shape[0] == 1
    assert tensor.edge_sets["any"].adjacency.source.shape[0] == 2


def test_fit():
    graph = tfgraph.data.karate_club()
    graph = graph.replace(edge_weight=np.arange(graph.num_edges) % 3)
    model = tfgraph.models.GraphSAGE(2, hidden_units=[4])
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy")
    for form in ("blocks", "graph_tensor"):
        batches = neighbor_batches(graph, (2,), 8, form=form, by_weight=True)
        loss = model.fit(batches, shuffle=False, verbose=0).history["loss"]
        assert np.isfinite(loss).all()


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (None, "`graph` to have `edge_weight`, as by_weight=True"),
        (-WEIGHT, "no negative weights.*a weight of -6.0"),
    ],
)
def test_errors(weight, message):
    graph = Graph(np.eye(4), EDGES, edge_weight=weight)
    for form in ("blocks", "graph_tensor"):
        with pytest.raises(ValueError, match=message):
            neighbor_batches(graph, (2,), 1, labels=False, form=form, by_weight=True)
    with pytest.raises(ValueError, match="`by_weight`"):
        neighbor_batches(graph, (2,), 1, labels=False, by_weight=2)

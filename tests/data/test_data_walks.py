import collections

import keras
import numpy as np
import pytest

from tfgraph.data import Graph, walk_batches


def undirected(edges, num_nodes, **fields):
    x = np.arange(num_nodes, dtype=np.float32)[:, None] + 1  # tells the node's number
    return Graph(x, edges, **fields).symmetrized()


def random_graph(num_nodes=40, num_edges=80, **fields):
    edges = np.random.default_rng(0).integers(num_nodes - 3, size=(num_edges, 2))
    return undirected(edges, num_nodes, **fields)


def links(dataset):
    """The node numbers of u, v and negatives of each batch."""
    for (x, adjacencies), places in dataset:
        seeds = x.numpy()[: adjacencies[-1].shape[0], 0].astype(int) - 1
        real = seeds[seeds >= 0]
        assert len(set(real)) == len(real)
        numbers = seeds[places]
        assert set(numbers.ravel()) == set(real)  # no seed that is in no pair
        yield numbers


def walk_matrix(graph):
    transition = graph.to_scipy().toarray()
    return transition / np.maximum(transition.sum(axis=1, keepdims=True), 1)


def test_epochs():
    """All nodes come up as u equally often, in another order every time."""
    graph = random_graph()
    starts = np.flatnonzero(
        (graph.to_scipy().toarray() * (1 - np.eye(40))).sum(axis=1)
    ).tolist()
    assert len(starts) < 40
    dataset = walk_batches(graph, (2,), 16, walks_per_node=3, seed=0)
    total = len(starts) * 3 * 4
    assert len(dataset) == -(-total // 16)
    epochs = []
    for _ in range(2):
        batches = list(links(dataset))
        assert [len(batch) for batch in batches[:-1]] == [16] * (len(dataset) - 1)
        assert {batch.shape[1] for batch in batches} == {2 + 20}
        pairs = np.concatenate(batches)[:, :2]
        assert len(pairs) == total
        assert (pairs[:, 0] != pairs[:, 1]).all()
        rounds = pairs[:, 0].reshape(12, -1).tolist()
        assert all(sorted(nodes) == starts for nodes in rounds)
        assert len(set(map(tuple, rounds))) == 12
        epochs.append(np.concatenate([batch.ravel() for batch in batches]).tolist())
    assert epochs[0] != epochs[1]

    again = walk_batches(graph, (2,), 16, walks_per_node=3, seed=0)
    for epoch in epochs:
        found = np.concatenate([batch.ravel() for batch in links(again)])
        assert found.tolist() == epoch


def test_without_a_seed_that_of_keras_decides():
    runs = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        dataset = walk_batches(random_graph(), (2,), 16, walks_per_node=1)
        runs.append(np.concatenate(list(links(dataset))).tolist())
    assert runs[0] == runs[1]


@pytest.mark.parametrize("walk_length", [2, 5])
def test_pairs_co_occur_as_often_as_on_walks(walk_length):
    """v is met after 1 .. walk_length - 1 steps, equally often after each."""
    # A star with a tail, a self-loop and a node of its own.
    graph = undirected([(0, 1), (0, 2), (0, 3), (3, 4), (4, 4), (5, 5)], 6)
    step = walk_matrix(graph)
    expected = sum(np.linalg.matrix_power(step, j) for j in range(1, walk_length))
    np.fill_diagonal(expected, 0)
    expected = expected[:5] / expected[:5].sum(axis=1, keepdims=True)

    walks_per_node = 8000 // (walk_length - 1)
    dataset = walk_batches(
        graph, (1,), 1000, walk_length=walk_length, walks_per_node=walks_per_node
    )
    pairs = np.concatenate(list(links(dataset)))[:, :2]
    found = np.zeros([5, 6])
    np.add.at(found, tuple(pairs.T), 1)  # fails if node 5 is a start
    assert found.sum(axis=1).tolist() == [8000] * 5
    np.testing.assert_allclose(found / 8000, expected, atol=0.025)
    assert (found[expected == 0] == 0).all()


def test_directed_walks_against_the_edges_and_dead_ends():
    """A step goes to a sender; a walk that cannot go on is walked again."""
    graph = Graph([[1.0], [2.0], [3.0]], [(0, 1), (1, 2)])
    dataset = walk_batches(graph, (1,), 500, walks_per_node=500)
    pairs = np.concatenate(list(links(dataset)))[:, :2]
    counts = collections.Counter(map(tuple, pairs.tolist()))
    # From 1 only 0 is met. From 2: 1 after one step, 0 after two, none after three.
    assert counts[1, 0] == 2000
    assert counts[2, 1] + counts[2, 0] == 2000
    assert counts[2, 1] == pytest.approx(1000, abs=110)
    assert len(counts) == 3


def test_negatives():
    """P_n ∝ degree^0.75, one draw of Q for all the pairs of a batch."""
    graph = undirected([(0, i) for i in range(1, 11)] + [(1, 2), (3, 3)], 13)
    degree = graph.to_scipy().toarray().sum(axis=1)
    assert degree[0] == 10
    assert degree[11:].tolist() == [0, 0]
    dataset = walk_batches(graph, (1,), 11, walks_per_node=25, num_negatives=50)
    drawn = []
    for batch in links(dataset):
        assert (batch[:, 2:] == batch[0, 2:]).all()
        drawn.append(batch[0, 2:])
    assert len({tuple(negatives) for negatives in drawn}) == len(drawn) == 100
    counts = np.bincount(np.concatenate(drawn), minlength=13)
    expected = counts.sum() * degree**0.75 / (degree**0.75).sum()
    assert counts[11:].tolist() == [0, 0]
    difference = (counts - expected)[:11] ** 2 / expected[:11]
    assert difference.sum() < 40  # chi-squared with 10 degrees of freedom


def test_blocks_are_those_of_the_seeds():
    graph = random_graph()
    whole = graph.to_scipy().toarray()
    dataset = walk_batches(graph, (None, None), 8, replacement="never")
    for (x, adjacencies), _ in dataset.take(3):
        nodes = x.numpy()[:, 0].astype(int) - 1
        for adjacency in adjacencies:
            num_targets, num_nodes = adjacency.shape
            dense = np.zeros(adjacency.shape)
            dense[tuple(adjacency.indices.numpy().T)] = adjacency.values
            rows = whole[nodes[:num_targets]]
            np.testing.assert_array_equal(dense, rows[:, nodes[:num_nodes]])
            assert dense.sum() == rows.sum()


def test_static_shapes():
    graph = random_graph(num_nodes=100, num_edges=300)
    arguments = {"num_negatives": 6, "walks_per_node": 2, "replacement": "always"}
    dataset = walk_batches(graph, (3, 2), 10, **arguments)
    (x, (first, last)), places = dataset.element_spec
    # 26 seeds, 52 more nodes, then 78 * 3 that are at most 100.
    assert (x.shape, first.shape, last.shape) == ((178, 1), (78, 178), (26, 78))
    assert places.shape == (10, 8)
    for batch in links(dataset):
        assert batch.shape == (10, 8)
        assert (batch >= 0).all()  # padding is in no pair


def test_starts():
    graph = random_graph(train_mask=np.arange(40) < 5)
    for nodes in ("train", [0, 1, 2, 3, 4]):
        dataset = walk_batches(graph, (2,), 16, nodes=nodes, walks_per_node=2)
        found = np.concatenate(list(links(dataset)))
        assert set(found[:, 0]) == {0, 1, 2, 3, 4}
        assert found[:, 1].max() > 4


GRAPH = random_graph()


@pytest.mark.parametrize(
    ("graph", "arguments", "message"),
    [
        (
            GRAPH,
            {"batch_size": 0},
            "`batch_size` to be a positive integer.*batch_size=0",
        ),
        (GRAPH, {"walk_length": 1}, "at least 2.*walk_length=1"),
        (GRAPH, {"walk_length": 2.5}, "walk_length=2.5"),
        (
            GRAPH,
            {"walks_per_node": 0},
            "`walks_per_node` to be a positive integer",
        ),
        (GRAPH, {"num_negatives": 0}, "`num_negatives` to be a positive integer"),
        (
            GRAPH,
            {"num_negatives": None},
            "`num_negatives` to be a positive integer",
        ),
        (GRAPH, {"fanouts": (0,)}, "`fanouts`"),
        (GRAPH, {"replacement": "no"}, "`replacement` to be one of"),
        (GRAPH, {"nodes": [40]}, r"nodes\[0\]=40"),
        (GRAPH, {"nodes": [39]}, "neighbours other than themselves"),
        (Graph([[1.0]], [(0, 0)]), {}, "neighbours other than themselves"),
        (Graph([[1.0]], []), {}, "neighbours other than themselves"),
        (Graph(np.zeros((0, 2)), []), {}, "neighbours other than themselves"),
        (GRAPH.replace(x=None), {}, "`graph` to have features"),
    ],
)
def test_errors(graph, arguments, message):
    with pytest.raises(ValueError, match=message):
        walk_batches(graph, **{"fanouts": (2, 2), "batch_size": 4, **arguments})

import numpy as np
import pytest

from tfgraph.data import Graph, graclus_clusters, karate_club

RNG = np.random.default_rng(0)


def weighted_graph(num_nodes, num_edges):
    """Undirected, with weights no two of which are equal."""
    edges = np.unique(np.sort(RNG.integers(num_nodes, size=(num_edges, 2))), axis=0)
    weight = RNG.random(len(edges)) + 0.1
    return Graph(
        None,
        np.concatenate([edges, edges[:, ::-1]]),
        edge_weight=np.tile(weight, 2),
        num_nodes=num_nodes,
    )


def plain_clusters(graph, num_clusters):
    """The same one pair after the other, on the full matrix of edge weights."""
    clusters = [[node] for node in range(graph.num_nodes)]
    adjacency = graph.to_scipy().toarray().astype(np.float64)
    adjacency += adjacency.T
    while len(clusters) > num_clusters:
        members = np.zeros((len(clusters), graph.num_nodes))
        for number, nodes in enumerate(clusters):
            members[number, nodes] = 1
        w = members @ adjacency @ members.T
        d = w.sum(axis=1)
        pairs = [
            (-w[i, j] * (1 / d[i] + 1 / d[j]), i, j)
            for i in range(len(w))
            for j in range(i + 1, len(w))
            if w[i, j] > 0
        ]
        free, merged = set(range(len(clusters))), []
        for _, i, j in sorted(pairs):
            if i in free and j in free:
                free -= {i, j}
                merged.append((i, j))
        assert merged
        for i, j in merged[: len(clusters) - num_clusters]:
            clusters[i] += clusters[j]
            clusters[j] = []
        clusters = [nodes for nodes in clusters if nodes]
    numbers = np.zeros(graph.num_nodes, int)
    for number, nodes in enumerate(sorted(clusters, key=min)):
        numbers[nodes] = number
    return numbers


@pytest.mark.parametrize("num_clusters", [1, 2, 5, 11, 24, 25, 60])
def test_against_one_pair_after_the_other(num_clusters):
    for _ in range(5):
        graph = weighted_graph(25, 120)
        numbers = graclus_clusters(graph, num_clusters)
        assert numbers.dtype == np.int64
        np.testing.assert_array_equal(numbers, plain_clusters(graph, num_clusters))


@pytest.mark.parametrize("num_clusters", [1, 3, 8, 20, 33, 34, 100])
def test_as_many_clusters_as_asked_for(num_clusters):
    numbers = graclus_clusters(karate_club(), num_clusters)
    used, first = np.unique(numbers, return_index=True)
    np.testing.assert_array_equal(used, np.arange(min(num_clusters, 34)))
    assert (np.diff(first) > 0).all()
    again = graclus_clusters(karate_club(), num_clusters)
    np.testing.assert_array_equal(numbers, again)


def test_heavy_edges_stay_within():
    cliques = [(i, j) for i in range(8) for j in range(8) if i != j and i % 2 == j % 2]
    graph = Graph(None, [*cliques, (0, 1), (1, 0)], num_nodes=8)
    np.testing.assert_array_equal(graclus_clusters(graph, 2), [0, 1] * 4)
    weight = [5, 5, 1, 1, 5, 5]
    path = Graph(
        None,
        [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)],
        edge_weight=weight,
        num_nodes=4,
    )
    np.testing.assert_array_equal(graclus_clusters(path, 2), [0, 0, 1, 1])


def test_without_edges_between_them_the_smallest_are_merged():
    # Of 3, 2, 1 and 1 nodes.
    graph = Graph(None, [(0, 1), (1, 2), (3, 4)], num_nodes=7)
    np.testing.assert_array_equal(graclus_clusters(graph, 4), [0, 0, 0, 1, 1, 2, 3])
    np.testing.assert_array_equal(graclus_clusters(graph, 3), [0, 0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(graclus_clusters(graph, 1), np.zeros(7))
    empty = Graph(None, [], num_nodes=0)
    assert graclus_clusters(empty, 3).shape == (0,)


def test_what_counts_as_an_edge():
    graph = weighted_graph(20, 50)
    expected = graclus_clusters(graph, 6)
    low = graph.edges[:, 0] < graph.edges[:, 1]
    for same in (
        Graph(None, graph.edges[low], edge_weight=graph.edge_weight[low], num_nodes=20),
        Graph(
            None,
            [*graph.edges, (0, 9)],
            edge_weight=[*graph.edge_weight, 0],
            num_nodes=20,
        ),
    ):
        np.testing.assert_array_equal(graclus_clusters(same, 6), expected)
    edges = graph.edges[low]
    twice = Graph(None, np.repeat(edges, 2, axis=0), num_nodes=20)
    weighted = Graph(None, edges, edge_weight=np.full(len(edges), 2.0), num_nodes=20)
    np.testing.assert_array_equal(
        graclus_clusters(twice, 6), graclus_clusters(weighted, 6)
    )


def test_a_long_path_takes_few_rounds():
    nodes = np.arange(100_000)  # minutes, if a round took a pair
    path = Graph(None, np.stack([nodes[:-1], nodes[1:]], axis=1), num_nodes=100_000)
    numbers = graclus_clusters(path, 1000)
    assert numbers.max() == 999
    assert set(np.diff(numbers)) == {0, 1}  # runs of neighbours


def test_errors():
    with pytest.raises(ValueError, match=r"`num_clusters` .*num_clusters=0"):
        graclus_clusters(karate_club(), 0)
    graph = Graph(None, [(0, 1)], edge_weight=[-1.0], num_nodes=2)
    with pytest.raises(ValueError, match=r"no negative weights.*-1\.0"):
        graclus_clusters(graph, 1)

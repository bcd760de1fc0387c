"""Features of edges in a `Graph` and in everything that is made of one."""

import numpy as np
import pytest
import tensorflow as tf

from tfgraph.data import (
    Graph,
    disjoint_union,
    full_batch,
    graph_batches,
    link_split,
    whole_graph_batches,
)

X = np.arange(8, dtype=np.float32).reshape(4, 2)
# The edge 0 -> 1 is repeated, and there is also an edge 1 -> 0.
EDGES = [(3, 1), (0, 1), (0, 1), (2, 3), (1, 0)]
FEATURES = np.array([[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]], np.float32)
GRAPH = Graph(X, EDGES, edge_features=FEATURES, y=[0, 1, 0, 1])
SIMPLE = Graph(X[:2] + 9, [(1, 0), (0, 1)], edge_features=[[6, 60], [7, 70]], y=[1, 0])


def described(graph):
    """(source, target, first feature) of each edge."""
    return [(*edge, graph.edge_features[i, 0]) for i, edge in enumerate(graph.edges)]


def test_sorted_with_the_edges():
    assert described(GRAPH) == [(1, 0, 5), (0, 1, 2), (0, 1, 3), (3, 1, 1), (2, 3, 4)]
    assert GRAPH.edge_features.dtype == np.float32
    assert GRAPH.num_edge_features == 2
    assert "edge_features=2" in repr(GRAPH)
    bare = GRAPH.replace(edge_features=None)
    assert bare.edge_features is None
    assert bare.num_edge_features == 0
    assert "edge_features" not in repr(bare)
    assert described(GRAPH.replace(x=None, name="other")) == described(GRAPH)
    # An entry of the adjacency for each edge, in their order.
    indices = GRAPH.to_sparse_tensor().indices
    np.testing.assert_array_equal(indices, GRAPH.edges[:, ::-1])


@pytest.mark.parametrize(
    ("edge_features", "match"),
    [
        (FEATURES[:4], r"`edge_features` to have shape \[5, .*\(4, 2\)"),
        (FEATURES[:, 0], r"`edge_features` to have shape .*\(5,\)"),
        (FEATURES * np.nan, "`edge_features`.*nan at index"),
        ([["a"]] * 5, "`edge_features` to hold real numbers"),
    ],
)
def test_bad_features(edge_features, match):
    with pytest.raises(ValueError, match=match):
        Graph(X, EDGES, edge_features=edge_features)


def test_saved(tmp_path):
    GRAPH.save(tmp_path / "graph")
    loaded = Graph.load(tmp_path / "graph")
    assert described(loaded) == described(GRAPH)
    assert isinstance(loaded.edge_features, np.memmap)


def test_subgraph_keeps_those_of_kept_edges():
    expected = [(1, 0, 1), (2, 0, 2), (2, 0, 3), (0, 2, 5)]
    assert described(GRAPH.subgraph([1, 3, 0])) == expected


def test_symmetrized_takes_those_of_the_heaviest_edge():
    """Both directions get the same; of equal weights, the first edge counts."""
    expected = {(0, 1): 5, (1, 3): 1, (2, 3): 4}
    expected |= {(b, a): value for (a, b), value in expected.items()}
    for weight in (None, [1] * 5):
        graph = GRAPH.replace(edge_weight=weight).symmetrized()
        assert {(a, b): value for a, b, value in described(graph)} == expected
        assert graph.num_edges == 6
    # In the order of `GRAPH.edges`, the third has the largest weight.
    graph = GRAPH.replace(edge_weight=[-3, 1, 2, 1, -1]).symmetrized()
    expected[0, 1] = expected[1, 0] = 3
    assert {(a, b): value for a, b, value in described(graph)} == expected
    assert graph.edge_weight[graph.edges.tolist().index([0, 1])] == 2


def test_disjoint_union_keeps_those_that_all_have():
    union = disjoint_union([SIMPLE, GRAPH])
    assert described(union)[:2] == [(1, 0, 6), (0, 1, 7)]
    shifted = [(a + 2, b + 2, value) for a, b, value in described(GRAPH)]
    assert described(union)[2:] == shifted
    bare = SIMPLE.replace(edge_features=None)
    assert disjoint_union([bare, GRAPH]).edge_features is None
    wide = SIMPLE.replace(edge_features=np.ones((2, 3)))
    with pytest.raises(ValueError, match="alike in the columns of `edge_features`"):
        disjoint_union([wide, GRAPH])


def test_link_split_removes_those_of_held_out_links():
    ring = np.stack([np.arange(20), np.roll(np.arange(20), -1)], axis=1)
    length = np.arange(20.0)[:, None]
    graph = Graph(np.ones((20, 1)), ring, edge_features=length).symmetrized()
    train = link_split(graph, 0.2, 0.2, seed=0).train
    assert 0 < train.num_edges < graph.num_edges
    known = {(a, b): value for a, b, value in described(graph)}
    assert all(known[a, b] == value for a, b, value in described(train))


def test_graph_tensor_round_trip():
    graph = GRAPH.to_graph_tensor()
    np.testing.assert_array_equal(
        graph.edge_sets["edges"]["features"], GRAPH.edge_features
    )
    back = Graph.from_graph_tensor(graph, edge_feature_name="features")
    assert described(back) == described(GRAPH)
    assert Graph.from_graph_tensor(graph).edge_features is None
    with pytest.raises(ValueError, match="`edge_feature_name`"):
        Graph.from_graph_tensor(graph, edge_feature_name="length")


def test_full_batch():
    [((x, adjacency, edge_features),)] = full_batch(GRAPH)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(adjacency.indices, GRAPH.edges[:, ::-1])
    np.testing.assert_array_equal(edge_features, GRAPH.edge_features)
    [(graph,)] = full_batch(GRAPH, form="graph_tensor")
    np.testing.assert_array_equal(
        graph.edge_sets["edges"]["features"], GRAPH.edge_features
    )
    [((_, adjacency, dense),)] = full_batch(SIMPLE, form="dense")
    assert adjacency.numpy().tolist() == [[0, 1], [1, 0]]
    assert dense.numpy().tolist() == [[[0, 0], [6, 60]], [[7, 70], [0, 0]]]
    with pytest.raises(ValueError, match="`graph` without repeated edges"):
        full_batch(GRAPH, form="dense")
    assert len(full_batch(GRAPH.replace(edge_features=None)).element_spec[0]) == 2


@pytest.mark.parametrize("form", ["sparse", "graph_tensor"])
def test_graph_batches(form):
    union = disjoint_union([GRAPH, SIMPLE])
    [(inputs, y)] = graph_batches([GRAPH, SIMPLE], 2, form=form)
    np.testing.assert_array_equal(y, union.y)
    if form == "sparse":
        _, adjacency, edge_features = inputs
        np.testing.assert_array_equal(adjacency.indices, union.edges[:, ::-1])
    else:
        edge_features = inputs.edge_sets["edges"]["features"]
    np.testing.assert_array_equal(edge_features, union.edge_features)
    with pytest.raises(ValueError, match="alike in the number of features, of nodes a"):
        graph_batches([GRAPH, SIMPLE.replace(edge_features=None)], 2, form=form)


def test_whole_graph_batches():
    graphs = [SIMPLE, GRAPH]
    union = disjoint_union(graphs)
    [(inputs,)] = whole_graph_batches(graphs, batch_size=2)
    _, _, edge_features, graph_ids = inputs
    np.testing.assert_array_equal(edge_features, union.edge_features)
    assert graph_ids.numpy().tolist() == [0, 0, 1, 1, 1, 1]
    [(graph,)] = whole_graph_batches(graphs, batch_size=2, form="graph_tensor")
    found = graph.edge_sets["edges"]["features"]
    np.testing.assert_array_equal(found, union.edge_features)


def test_dense_whole_graph_batches():
    large = Graph(X, EDGES[:2] + EDGES[3:], edge_features=FEATURES[[0, 1, 3, 4]])
    expected = np.zeros((2, 4, 4, 2), np.float32)
    for number, graph in enumerate((SIMPLE, large)):
        source, target = graph.edges.T
        expected[number, target, source] = graph.edge_features
    for num_nodes in (None, 4):
        [(inputs,)] = whole_graph_batches(
            [SIMPLE, large], batch_size=2, form="dense", num_nodes=num_nodes
        )
        np.testing.assert_array_equal(inputs[2], expected)
        assert inputs[3].dtype == tf.bool
    with pytest.raises(ValueError, match=r"`graphs\[1\]` without repeated edges"):
        whole_graph_batches([SIMPLE, GRAPH], batch_size=2, form="dense")

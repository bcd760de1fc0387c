import sys
import threading
import warnings

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgraph.data import (
    EdgeSet,
    Graph,
    HeteroGraph,
    NodeSet,
    disjoint_union,
    random_split,
    whole_graph_batches,
)
from tfgraph.data.graphs.edge_order import sorted_by_target
from tfgraph.data.pipelines.pair_space import PairSpace
from tfgraph.graph_tensor import load_tfgnn

X = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 6.0], [0.0, 5.0]], np.float32)
EDGES = [(3, 0), (0, 1), (2, 1), (1, 1), (0, 3)]
WEIGHT = [3.0, 1.0, 21.0, 11.0, 0.5]


def dense(graph):
    """The adjacency by the definition: entry [target, source], repeats added up."""
    adjacency = np.zeros((graph.num_nodes, graph.num_nodes), np.float32)
    for i, (source, target) in enumerate(graph.edges):
        adjacency[target, source] += (
            1 if graph.edge_weight is None else graph.edge_weight[i]
        )
    return adjacency


def assert_same(a, b):
    np.testing.assert_array_equal(a.edges, b.edges)
    assert a.num_nodes == b.num_nodes
    assert (a.edge_weight is None) == (b.edge_weight is None)
    if a.edge_weight is not None:
        np.testing.assert_array_equal(a.edge_weight, b.edge_weight)


def test_edges_are_sorted_by_target_with_their_weights():
    graph = Graph(X, EDGES, edge_weight=WEIGHT)
    assert graph.edges.tolist() == [[3, 0], [0, 1], [1, 1], [2, 1], [0, 3]]
    assert graph.edge_weight.tolist() == [3.0, 1.0, 11.0, 21.0, 0.5]
    assert graph.edges.dtype == np.int64
    assert graph.edge_weight.dtype == np.float32
    edges = np.array(EDGES)
    np.testing.assert_array_equal(edges[np.lexsort(edges.T)], graph.edges)


@pytest.mark.parametrize("largest", [7, 2**31, 2**62])
@pytest.mark.parametrize("weighted", [True, False])
def test_sorting_edges_of_any_number(largest, weighted):
    """As NumPy sorts pairs, repeated edges in the order given."""
    rng = np.random.default_rng(0)
    edges = rng.integers(4, size=(50, 2)) * (largest // 4)
    weight = rng.random(50) if weighted else None
    order = np.lexsort(edges.T)
    found, found_weight = sorted_by_target(edges, weight)
    np.testing.assert_array_equal(found, edges[order])
    if weighted:
        np.testing.assert_array_equal(found_weight, weight[order])
    assert sorted_by_target(found, found_weight)[0] is found


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_edges_are_sorted_in_blocks(dtype, monkeypatch):
    """Blocks of five edges, in threads: none, full ones, and a last one of any size."""
    monkeypatch.setattr("tfgraph.data.graphs.edge_order._BLOCK", 5)
    for num_edges in (*range(12), 23, 500):
        edges = np.random.default_rng(0).integers(7, size=(num_edges, 2)).astype(dtype)
        if dtype == np.int64:
            edges += 2**30
        (found,) = sorted_by_target(edges)
        np.testing.assert_array_equal(found, edges[np.lexsort(edges.T)])
        assert found.dtype == dtype
        assert sorted_by_target(found)[0] is found


def test_edges_are_sorted_where_no_thread_can_start(monkeypatch):
    """At exit, or at a limit of the system."""

    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("tfgraph.data.graphs.edge_order._BLOCK", 5)
    monkeypatch.setattr(threading.Thread, "start", start)
    edges = np.random.default_rng(0).integers(7, size=(23, 2), dtype=np.int32)
    expected = edges[np.lexsort(edges.T)]
    np.testing.assert_array_equal(Graph(None, edges, num_nodes=7).edges, expected)


def test_the_callers_arrays_stay_as_they_are():
    edges, weight = np.array(EDGES), np.array(WEIGHT, np.float32)
    x = sp.csr_array((np.ones(2, np.float32), [1, 1], [0, 2, 2, 2, 2]), shape=(4, 2))
    graph = Graph(x, edges, edge_weight=weight)
    assert edges.tolist() == [list(edge) for edge in EDGES]
    assert weight.tolist() == WEIGHT
    assert x.nnz == 2
    assert graph.x.nnz == 1
    assert graph.x[0, 1] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": [[1.0], [2.0, 3.0]]}, "`x` to be an array"),
        ({"x": [1.0, 2.0]}, r"`x` to have shape .*shape=\(2,\)"),
        ({"x": [["a"]]}, "`x` to hold real numbers.*dtype=<U1"),
        ({"x": X * 1j}, "`x` to hold real numbers.*complex64"),
        (
            {"x": np.where(X == 6, np.nan, X)},
            r"`x` to hold finite.*nan at index \[2, 1",
        ),
        ({"x": X.astype(np.float64) * 1e300}, "`x` to hold finite.*inf"),
        ({"x": sp.csr_array(np.where(X == 6, np.inf, X))}, "`x` to hold finite"),
        ({"edges": [[0, 1, 2], [1, 2, 0]]}, r"`edges` to have .*Transpose.*\(2, 3\)"),
        ({"edges": np.eye(4, dtype=int)}, r"dense adjacency, .*Graph\.from_scipy\("),
        (
            {"edges": sp.csr_array(np.eye(4))},
            r"`edges` .*from_scipy\(edges\).*csr_array",
        ),
        ({"x": tf.sparse.eye(4)}, r"`x` to be an array .*to_dense.*SparseTensor"),
        ({"y": [0, None, 1, 2]}, "`y` to hold real numbers.*dtype=object"),
        ({"train_mask": [1.0, np.nan, 0.0, 1.0]}, "`train_mask` to hold .*float64"),
        ({"train_mask": [[True], [False, True]]}, "`train_mask` to be an array"),
        ({"edge_weight": [1, 2, np.nan, 4, 5]}, r"`edge_weight`.*nan at index \[2\]"),
        (
            {"num_nodes": True},
            "`num_nodes` to be a non-negative integer.*num_nodes=True",
        ),
        ({"edges": [0, 1]}, r"`edges` to have shape .*\(2,\)"),
        ({"edges": [(0.0, 1.0)]}, "`edges` to hold integers.*float64"),
        ({"edges": [(True, False)]}, "`edges` to hold integers.*bool"),
        ({"edges": [("a", "b")]}, "`edges` to hold real numbers"),
        ({"edges": [(0, 1), (1, 4)]}, r"from 0 to 3.*edges\[1\]=\(1, 4\)"),
        ({"edges": [(-1, 1), (1, 9)]}, r"edges\[0\]=\(-1, 1\)"),
        ({"edge_weight": [1.0]}, r"`edge_weight` to have .* 5 edges.*\(1,\)"),
        ({"edge_weight": [[1.0]] * 5}, r"`edge_weight` to have .*\(5, 1\)"),
        ({"edge_weight": [1, 2, np.inf, 4, 5]}, r"`edge_weight`.*inf at index \[2\]"),
        ({"edge_weight": ["1"] * 5}, "`edge_weight` to hold real numbers"),
        ({"y": [0, 1]}, r"`y` to have one row.*\(2,\) and 4 nodes"),
        ({"y": 3}, r"`y` to have shape .*\(\)"),
        ({"y": [0, 1, -2, 0]}, "`y` to hold class numbers.*-2"),
        ({"y": [0.0, np.nan, 1.0, 2.0]}, "`y` to hold finite"),
        ({"y": ["a", 1, "c", "d"]}, "`y` to hold real numbers"),
        ({"y": [["a"], ["b"], ["a"], ["b"]]}, r"`y` of strings.*shape=\(4, 1\)"),
        ({"train_mask": [1, 0, 0, 1]}, "`train_mask` to hold one boolean.*int64"),
        ({"val_mask": [True]}, r"`val_mask` to hold .* 4 nodes.*\(1,\)"),
        ({"y": [0, -1, 0, 0], "test_mask": [False, True, True, True]}, "node 1, whose"),
        ({"num_nodes": 5}, "`num_nodes` to be the number of rows.*num_nodes=5"),
        ({"num_nodes": -1}, "`num_nodes` to be a non-negative integer.*=-1"),
        ({"num_nodes": 4.0}, "`num_nodes` to be a non-negative integer.*=4.0"),
        ({"x": None}, "`num_nodes` to be given"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        Graph(**{"x": X, "edges": EDGES, **changes})


@pytest.mark.parametrize(
    ("fields", "num_nodes"),
    [
        ({"x": X}, 4),
        ({"x": None, "y": [0, 1, 2]}, 3),
        ({"x": None, "num_nodes": 7}, 7),
        ({"x": np.zeros((0, 3))}, 0),
    ],
)
def test_num_nodes(fields, num_nodes):
    graph = Graph(edges=[], **fields)
    assert graph.num_nodes == num_nodes
    assert graph.edges.shape == (0, 2)
    assert graph.to_sparse_tensor().shape == (num_nodes, num_nodes)


@given(
    edges=st.lists(st.tuples(*[st.integers(0, 4)] * 2), max_size=12),
    weighted=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_round_trips(edges, weighted):
    weight = np.arange(2.0, 2.0 + len(edges)) if weighted and edges else None
    graph = Graph(np.eye(5), edges, edge_weight=weight)
    adjacency = graph.to_sparse_tensor()
    order = [tuple(index) for index in adjacency.indices.numpy().tolist()]
    assert order == sorted(order)
    assert_same(Graph.from_sparse_tensor(adjacency), graph)

    tensor = graph.to_graph_tensor()
    name = None if weight is None else "weight"
    assert_same(Graph.from_graph_tensor(tensor, edge_weight_name=name), graph)
    np.testing.assert_array_equal(graph.to_scipy().toarray(), dense(graph))
    back = Graph.from_networkx(graph.to_networkx())
    # networkx lists repeated edges in its own order.
    np.testing.assert_array_equal(back.edges, graph.edges)
    np.testing.assert_allclose(dense(back), dense(graph))
    if len(set(edges)) == len(edges):
        assert_same(Graph.from_scipy(graph.to_scipy()), graph)
        assert type(graph.to_networkx()) is nx.DiGraph
    else:
        assert type(graph.to_networkx()) is nx.MultiDiGraph


def test_from_sparse_tensor_of_any_order():
    adjacency = tf.sparse.SparseTensor(
        [[3, 0], [1, 2], [1, 0]], [4.0, 3.0, 2.0], [4, 4]
    )
    graph = Graph.from_sparse_tensor(adjacency, X, y=[0, 1, 0, 1], name="g")
    assert graph.edges.tolist() == [[0, 1], [2, 1], [0, 3]]
    assert graph.edge_weight.tolist() == [2.0, 3.0, 4.0]
    assert (graph.name, graph.num_classes, graph.num_features) == ("g", 2, 2)


@pytest.mark.parametrize(
    ("convert", "value", "message"),
    [
        (Graph.from_sparse_tensor, np.eye(2), "`adjacency` to be a tf.sparse"),
        (Graph.from_scipy, np.eye(2), "`adjacency` to be a SciPy"),
        (Graph.from_scipy, sp.csr_array((2, 3)), r"shape \[N, N\].*\(2, 3\)"),
        (Graph.from_networkx, np.eye(2), "`graph` to be a networkx graph"),
        (Graph.from_graph_tensor, np.eye(2), "`graph` to be a scalar GraphTensor"),
    ],
)
def test_conversions_refuse_other_types(convert, value, message):
    with pytest.raises(ValueError, match=message):
        convert(value)


def test_from_networkx_undirected_with_names_loops_and_some_weights():
    source = nx.Graph([("b", "a", {"weight": 2}), ("a", "a"), ("a", "c")])
    graph = Graph.from_networkx(source)  # b, a, c are nodes 0, 1, 2
    expected = np.array([[0, 2, 0], [2, 1, 1], [0, 1, 0]])
    np.testing.assert_array_equal(dense(graph), expected)
    unweighted = Graph.from_networkx(source, weight=None)
    assert unweighted.edge_weight is None
    np.testing.assert_array_equal(dense(unweighted), expected > 0)


def test_to_graph_tensor():
    graph = Graph(sp.csr_array(X), EDGES, edge_weight=WEIGHT)
    tensor = graph.to_graph_tensor()
    np.testing.assert_array_equal(tensor.node_sets["nodes"]["hidden_state"], X)
    adjacency = tensor.edge_sets["edges"].adjacency
    np.testing.assert_array_equal(adjacency.source, graph.edges[:, 0])
    np.testing.assert_array_equal(adjacency.target, graph.edges[:, 1])
    assert tensor.indices_dtype == tf.int64
    assert tensor.num_components == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"node_set_name": "n"}, r"`node_set_name` to be one of \['nodes'\].*'n'"),
        ({"edge_set_name": "e"}, r"`edge_set_name` to be one of \['edges'\].*'e'"),
        ({"feature_name": "f"}, r"`feature_name` to be one of \['hidden_state'\]"),
        ({"edge_weight_name": "w"}, r"`edge_weight_name` .*'weight'"),
    ],
)
def test_from_graph_tensor_names(names, message):
    tensor = Graph(X, EDGES, edge_weight=WEIGHT).to_graph_tensor()
    with pytest.raises(ValueError, match=message):
        Graph.from_graph_tensor(tensor, **names)
    assert Graph.from_graph_tensor(tensor, feature_name=None).x is None


def test_from_graph_tensor_chooses_sets():
    tfgnn = load_tfgnn()
    nodes = tfgnn.NodeSet.from_fields(sizes=[1, 2], features={})

    def edge_set(source, target):
        ends = {"source": (source, [0, 1, 2]), "target": (target, [0, 2, 1])}
        adjacency = tfgnn.Adjacency.from_indices(**ends)
        return tfgnn.EdgeSet.from_fields(sizes=[1, 2], adjacency=adjacency)

    tensor = tfgnn.GraphTensor.from_pieces(
        node_sets={"author": nodes, "paper": nodes},
        edge_sets={
            "cites": edge_set("paper", "paper"),
            "writes": edge_set("author", "paper"),
        },
    )
    graph = Graph.from_graph_tensor(tensor, "paper", "cites", None)
    assert graph.edges.tolist() == [[0, 0], [2, 1], [1, 2]]
    assert graph.num_nodes == 3  # both components
    with pytest.raises(ValueError, match=r"`node_set_name`.*\['author', 'paper'\]"):
        Graph.from_graph_tensor(tensor, None, "cites", None)
    with pytest.raises(ValueError, match="leads from 'author' to 'paper'"):
        Graph.from_graph_tensor(tensor, "paper", "writes", None)
    batch = next(iter(tf.data.Dataset.from_tensors(tensor).batch(1)))
    with pytest.raises(ValueError, match="merge_batch_to_components"):
        Graph.from_graph_tensor(batch, "paper", "cites", None)


def test_symmetrized_merges_with_the_largest_weight():
    edges = [(0, 1), (1, 0), (1, 0), (2, 2), (2, 2), (3, 2)]
    graph = Graph(X, edges, edge_weight=[1, 5, 2, 3, 4, -7], name="g").symmetrized()
    assert graph.edges.tolist() == [[1, 0], [0, 1], [2, 2], [3, 2], [2, 3]]
    assert graph.edge_weight.tolist() == [5, 5, 4, -7, -7]
    assert_same(graph.symmetrized(), graph)
    assert_same(Graph(X, edges).symmetrized(), graph.replace(edge_weight=None))


@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, sp.coo_array])
def test_features_dense_and_sparse(form):
    graph = Graph(form(X), EDGES)
    sparse = graph.sparse_features()
    assert sparse.indices.numpy().tolist() == np.argwhere(X).tolist()
    np.testing.assert_array_equal(tf.sparse.to_dense(sparse), X)
    np.testing.assert_array_equal(graph.dense_features(), X)
    expected = [[1, 0], [0, 0], [0.25, 0.75], [0, 1]]
    np.testing.assert_array_equal(graph.row_normalized().dense_features(), expected)
    np.testing.assert_array_equal(graph.dense_features(), X)


def test_row_normalized_leaves_rows_that_cancel_out():
    assert Graph([[1.0, -1.0]], []).row_normalized().x.tolist() == [[1.0, -1.0]]


def test_replace():
    graph = Graph(X, EDGES, edge_weight=WEIGHT, name="g")
    assert graph.replace(y=[0, 1, 1, 2]).num_classes == 3
    assert_same(graph.replace(y=[0, 1, 1, 2]), graph)
    smaller = graph.replace(x=X[:2], edges=[(0, 1)], edge_weight=None)
    assert (smaller.num_nodes, smaller.num_edges, smaller.name) == (2, 1, "g")
    with pytest.raises(ValueError, match="`edge_weight` to have"):
        graph.replace(edges=[(0, 1)])


def test_repr():
    mask = np.array([True, False, False, True])
    graph = Graph(
        sp.csr_array(X), EDGES, edge_weight=WEIGHT, y=[0, 1, -1, 4], train_mask=mask
    )
    assert repr(graph.replace(name="g")) == (
        "Graph(name='g', nodes=4, edges=5, weighted, features=2 (sparse), classes=5, "
        "train=2)"
    )
    assert repr(Graph(None, [], y=X)) == "Graph(nodes=4, edges=0, y=float32[4, 2])"


def test_labels_that_are_all_missing():
    assert Graph(None, [], y=[]).y.dtype == np.int64
    graph = Graph(None, [], y=[None, None], class_names=["a", "b"])
    assert (graph.y.tolist(), graph.num_classes) == ([-1, -1], 2)


def test_more_nodes_than_pairs_have_numbers():
    edges = [(0, 3_999_999_999), (3_999_999_999, 5)]
    graph = Graph(None, edges, num_nodes=4_000_000_000)
    with pytest.raises(ValueError, match=r"less than 2\*\*63 pairs.*4000000000 nodes"):
        graph.symmetrized()
    with pytest.raises(ValueError, match=r"less than 2\*\*63 pairs"):
        PairSpace(2**40, 2**40, False)


def test_num_classes_of_other_labels():
    assert Graph(X, [], y=X).num_classes == 2
    assert Graph(X, []).num_classes == 0
    with pytest.raises(ValueError, match=r"`y` to hold class numbers.*float32"):
        _ = Graph(X, [], y=X[:, 0]).num_classes


@pytest.mark.parametrize("library", ["scipy", "networkx"])
def test_missing_optional_library(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, f"{library}.sparse", None)
    with pytest.raises(ImportError, match=rf"pip install tfgraph\[{library}\]"):
        getattr(Graph(X, EDGES), f"to_{library}")()


@pytest.mark.parametrize("stored", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("nodes", [[3, 0, 1], [False, True, True, True], []])
def test_subgraph(stored, nodes):
    graph = Graph(
        stored(X),
        EDGES,
        edge_weight=WEIGHT,
        y=[0, 1, -1, 2],
        train_mask=[True, False, False, True],
        test_mask=[False, True, False, False],
        name="g",
    )
    part = graph.subgraph(nodes)
    numbers = np.arange(4)[nodes] if nodes else np.zeros(0, int)
    np.testing.assert_array_equal(dense(part), dense(graph)[np.ix_(numbers, numbers)])
    np.testing.assert_array_equal(part.dense_features(), X[numbers])
    np.testing.assert_array_equal(part.y, graph.y[numbers])
    np.testing.assert_array_equal(part.train_mask, graph.train_mask[numbers])
    np.testing.assert_array_equal(part.test_mask, graph.test_mask[numbers])
    assert part.val_mask is None
    assert part.name == "g"


def test_subgraph_of_a_graph_of_edges_only():
    part = Graph(None, EDGES, num_nodes=4).subgraph([3, 0])
    assert part.num_nodes == 2
    assert part.edges.tolist() == [[1, 0], [0, 1]]
    assert part.x is part.y is part.edge_weight is None


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([0, 4], r"`nodes` to hold node numbers from 0 to 3.*nodes\[1\]=4"),
        ([1, 1], "each node once"),
        ([True], "one boolean for each of the 4 nodes"),
        ("train", "`nodes` to hold real numbers"),
        (["a"], r"`graph.rows\(ids\)` makes node numbers.*dtype=<U1"),
    ],
)
def test_subgraph_errors(nodes, message):
    with pytest.raises(ValueError, match=message):
        Graph(X, EDGES).subgraph(nodes)


def test_what_follows_the_edges_is_passed_by_name():
    with pytest.raises(TypeError, match="positional arguments"):
        Graph(X, EDGES, [0, 1, 1, 2])  # labels, not weights


def ambiguous(edges):
    """Whether a graph of these edges warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Graph(X, edges)
    assert all("np.transpose(edges)" in str(w.message) for w in caught)
    assert all(w.filename == __file__ for w in caught)  # points at the caller
    return len(caught) == 1


@pytest.mark.parametrize("form", [np.array, tf.constant])
def test_two_edges_as_an_array_can_be_read_in_two_ways(form):
    assert ambiguous(form([[0, 1], [2, 3]]))
    for same_when_transposed in ([[0, 1], [1, 0]], [[0, 1], [1, 2]]):
        assert not ambiguous(form(same_when_transposed))
    assert not ambiguous(form([[0, 1], [1, 2], [2, 3]]))


def test_two_edges_as_a_list_are_pairs():
    assert not ambiguous([(0, 1), (2, 3)])
    assert not ambiguous(np.array([[0, 1], [2, 3]]).tolist())
    assert Graph(X, [[0, 1], [2, 3]]).edges.tolist() == [[0, 1], [2, 3]]


@pytest.mark.filterwarnings("error")
def test_graphs_made_of_graphs_do_not_warn():
    graph = Graph(X, [(0, 1), (0, 2)], y=[0, 1, 0, 1])
    for other in (
        graph.replace(name="g"),
        graph.subgraph([0, 1, 2]),
        Graph(X, [(0, 0), (1, 1)]).symmetrized(),
        Graph.from_sparse_tensor(graph.to_sparse_tensor()),
        Graph.from_scipy(graph.to_scipy()),
        Graph.from_graph_tensor(graph.to_graph_tensor()),
        Graph.from_networkx(graph.to_networkx()),
        disjoint_union([graph]),
        random_split(graph, 1, 0, 0),
    ):
        assert other.num_edges == 2


def test_methods_keep_their_documentation():
    for name in ("to_scipy", "from_networkx", "subgraph", "dense_features"):
        assert "Returns" in getattr(Graph, name).__doc__


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int8", "int32"])
def test_edges_of_any_integers(dtype):
    edges = np.array([(0, 1), (1, 2), (2, 2)], dtype)
    graph = Graph(np.ones((3, 1)), edges)
    assert graph.edges.tolist() == edges.tolist()
    assert graph.edges.dtype == (np.int32 if dtype == "int32" else np.int64)
    with pytest.raises(ValueError, match=r"`edges` to hold node numbers from 0 to 1"):
        Graph(np.ones((2, 1)), edges)
    assert Graph(np.ones((2, 1)), edges[:0]).num_edges == 0


LARGE = np.array([0, 2**63, 3], np.uint64)  # int64 holds none of 2**63


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Graph(None, LARGE[None, :2], num_nodes=3), "edges"),
        (lambda: EdgeSet("a", "b", np.stack([LARGE, LARGE], axis=1)), "edges"),
        (lambda: Graph(None, [], ids=LARGE), "ids"),
        (lambda: NodeSet(ids=LARGE), "ids"),
        (lambda: Graph(None, [], y=LARGE), "y"),
        (lambda: Graph(None, [], y=np.stack([LARGE, LARGE])), "y"),
        (
            lambda: whole_graph_batches([Graph([[1.0]], [])] * 3, LARGE, batch_size=2),
            "labels",
        ),
    ],
)
def test_integers_that_do_not_fit(make, name):
    with pytest.raises(
        ValueError, match=rf"Expected `{name}` to hold .*92233720368547"
    ):
        make()


def test_a_graph_without_nodes():
    for fields in ({"x": np.zeros([0, 2])}, {"x": None}):
        graph = Graph(**fields, edges=[], ids=[], train_mask=[], columns={"a": []})
        assert (graph.num_nodes, graph.ids.dtype) == (0, np.int64)
        assert graph.train_mask.dtype == bool
        assert graph.rows([]).shape == (0,)
        assert graph.replace(name="none") == graph
    assert NodeSet(ids=[]).num_nodes == 0
    with pytest.raises(ValueError, match="`ids` to hold an id for each of the 2 nodes"):
        Graph([[1.0], [2.0]], [], ids=[])
    with pytest.raises(ValueError, match="`train_mask` to hold one boolean for each"):
        Graph([[1.0], [2.0]], [], train_mask=[])


def test_equality():
    fields = {"y": [0, 1, -1], "ids": ["a", "b", "c"], "columns": {"t": [1, 2, 3]}}
    fields |= {"edge_weight": [1, 2], "train_mask": [True, False, False]}
    graph = Graph(np.eye(3), [[0, 1], [1, 2]], **fields, name="one")
    same = Graph(np.eye(3), np.array([[1, 2], [0, 1]], np.int32), **fields)
    same = same.replace(edge_weight=[1, 2])
    assert graph == same
    sparse = graph.replace(x=sp.csr_array(np.eye(3)))
    assert sparse == sparse.replace(name="other")
    others = [
        graph.replace(x=2 * np.eye(3)),
        graph.replace(edges=[[0, 1], [2, 1]]),
        graph.replace(edge_weight=None),
        graph.replace(y=[0, 1, 1]),
        graph.replace(y=[0.0, 1.0, -1.0]),
        graph.replace(train_mask=None),
        graph.replace(ids=["a", "b", "d"]),
        graph.replace(columns={"t": [1, 2, 4]}),
        graph.replace(columns={"u": [1, 2, 3]}),
        sparse,
    ]
    assert not any(graph == other for other in others)
    assert graph != 3 and graph != None  # noqa: E711
    with pytest.raises(TypeError, match="unhashable"):
        hash(graph)


@pytest.mark.parametrize("other", [0.5, None, "nan", pd.NA, [1.0]])
def test_equality_of_columns_of_objects(other):
    """As in a frame with missing strings, in which they are NaN."""

    def graph(value):
        columns = {"name": np.array(["a", value], object)}
        return Graph(None, [], num_nodes=2, columns=columns)

    assert graph(float("nan")) == graph(float("nan"))
    assert graph(other) == graph(other)
    assert graph(float("nan")) != graph(other)
    assert graph(pd.NA) == graph(pd.NA)


def test_equality_of_hetero_graphs():
    nodes = NodeSet(np.eye(2))
    edges = EdgeSet("a", "a", [(0, 1)])
    graph = HeteroGraph({"a": nodes}, {"e": edges})
    assert graph == graph.replace(name="other")
    assert edges != edges.reversed()
    assert graph != graph.replace(edge_sets={"e": edges.reversed()})
    assert graph != graph.replace(edge_sets={"f": edges})
    assert nodes != nodes.replace(y=[0, 1])

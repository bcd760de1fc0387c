import re
import sys

import keras
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import tensorflow as tf
from layer_checks import check_reload, tfgnn

from tfgraph import GraphInput
from tfgraph.data import (
    EdgeSet,
    Graph,
    HeteroGraph,
    NodeSet,
    full_batch,
    graph_batches,
    random_split,
    walk_batches,
)
from tfgraph.layers import GATConv, GCNConv, SAGEConv

X = np.array([[1.0, 0.0], [0.5, 2.0], [0.0, 3.0]], np.float32)
WRITES = [(2, 1), (0, 1), (1, 0), (0, 1), (3, 2)]
WEIGHT = [1.0, 2.0, 3.0, 4.0, 5.0]
LENGTH = [[1.0, -1.0], [2.0, -2.0], [3.0, -3.0], [4.0, -4.0], [5.0, -5.0]]
CITES = [(0, 1), (2, 1)]


def make(**changes):
    """Four authors without features, three papers, and an edge set of each kind."""
    writes = {
        "edge_weight": WEIGHT,
        "edge_features": LENGTH,
        "columns": {"month": list("abcde")},
    }
    papers = {"y": [0, 1, -1], "ids": ["p", "q", "r"], "columns": {"title": ["P"] * 3}}
    return HeteroGraph(
        {"authors": NodeSet(num_nodes=4), "papers": NodeSet(X, **papers)},
        {
            "writes": EdgeSet("authors", "papers", WRITES, **writes),
            "cites": EdgeSet("papers", "papers", CITES),
        },
        **changes,
    )


def assert_same(a, b):
    """The same structure, features and weights."""
    assert list(a.node_sets) == list(b.node_sets)
    assert list(a.edge_sets) == list(b.edge_sets)
    for name, nodes in a.node_sets.items():
        assert nodes.num_nodes == b.node_sets[name].num_nodes
        np.testing.assert_equal(nodes.x, b.node_sets[name].x)
    for name, edges in a.edge_sets.items():
        other = b.edge_sets[name]
        assert (edges.source, edges.target) == (other.source, other.target)
        np.testing.assert_equal(
            [edges.edges, edges.edge_weight, edges.edge_features],
            [other.edges, other.edge_weight, other.edge_features],
        )


def test_what_follows_the_edges_is_sorted_with_them():
    writes = make().edge_sets["writes"]
    assert writes.edges.tolist() == [[1, 0], [0, 1], [0, 1], [2, 1], [3, 2]]
    assert writes.edge_weight.tolist() == [3, 2, 4, 1, 5]
    assert writes.edge_features.tolist() == [LENGTH[i] for i in (2, 1, 3, 0, 4)]
    assert writes.columns["month"].tolist() == list("cbdae")
    types = (writes.edges, writes.edge_weight, writes.edge_features)
    assert [array.dtype for array in types] == [np.int64, np.float32, np.float32]


def test_printed():
    assert repr(make(name="tiny")) == (
        "HeteroGraph 'tiny'\n"
        "  authors: nodes=4\n"
        "  papers: nodes=3, features=2, classes=2, ids, title\n"
        "  writes: authors -> papers, edges=5, weighted, features=2, month\n"
        "  cites: papers -> papers, edges=2"
    )
    sparse = NodeSet(sp.csr_array(X), train_mask=[True, False, True])
    assert repr(sparse) == "NodeSet(nodes=3, features=2 (sparse), train=2)"
    edges = EdgeSet("a", "b", CITES)
    assert repr(edges) == "EdgeSet(a -> b, edges=2)"


def test_features_alone_are_a_node_set():
    lists, arrays, sparse = (
        HeteroGraph({"papers": x}, {}).node_sets["papers"]
        for x in (X.tolist(), X, sp.csr_array(X))
    )
    np.testing.assert_array_equal(lists.x, X)
    np.testing.assert_array_equal(arrays.x, X)
    np.testing.assert_array_equal(sparse.dense_features(), X)


def test_number_of_nodes():
    assert NodeSet(ids=[5, 3]).num_nodes == 2
    assert NodeSet(y=[0, 1, 2]).num_nodes == 3
    assert NodeSet(np.zeros([0, 3])).num_nodes == 0
    assert NodeSet(X).replace(x=X[:1]).num_nodes == 1
    assert NodeSet(X, y=[2, 0, 1]).num_classes == 3


def test_rows_of_ids():
    strings, numbers = NodeSet(ids=["p", "q", "r"]), NodeSet(ids=[70, 7, 700])
    assert strings.rows(["r", "p", "r"]).tolist() == [2, 0, 2]
    assert numbers.rows(np.array([7, 70], np.int32)).tolist() == [1, 0]
    assert numbers.rows([]).dtype == np.int64
    for nodes, ids, message in [
        (strings, ["p", "s"], r"ids of these nodes.*ids\[1\]='s'"),
        (strings, [0], r"ids\[0\]=0"),
        (strings, "pq", "`ids` to be a list.*ids='pq'"),
        (numbers, ["7"], r"ids\[0\]='7'"),
        (NodeSet(X), [0], "a node set with `ids`"),
    ]:
        with pytest.raises(ValueError, match=message):
            nodes.rows(ids)


def test_replace():
    graph = make()
    papers = graph.node_sets["papers"].replace(train_mask=[True, True, False])
    changed = graph.replace({"papers": papers, "venues": NodeSet(num_nodes=1)})
    assert list(changed.node_sets) == ["authors", "papers", "venues"]
    assert changed.node_sets["papers"].train_mask.tolist() == [True, True, False]
    assert changed.node_sets["papers"].ids.tolist() == ["p", "q", "r"]
    assert graph.node_sets["papers"].train_mask is None
    cites = graph.edge_sets["cites"].replace(edge_weight=[2, 3])
    changed = graph.replace(edge_sets={"cites": cites}, name="new")
    assert changed.edge_sets["cites"].edge_weight.tolist() == [2, 3]
    assert (changed.name, changed.replace().name) == ("new", "new")


def test_reversed():
    graph = make().reversed("writes", name="written_by").reversed("cites")
    assert list(graph.edge_sets) == ["writes", "cites", "written_by", "reversed_cites"]
    edges = graph.edge_sets["written_by"]
    assert (edges.source, edges.target) == ("papers", "authors")
    assert edges.edges.tolist() == [[1, 0], [1, 0], [0, 1], [1, 2], [2, 3]]
    assert edges.edge_weight.tolist() == [2, 4, 3, 1, 5]
    assert edges.edge_features[:, 0].tolist() == [2, 4, 3, 1, 5]
    assert edges.columns["month"].tolist() == list("bdcae")
    writes = graph.edge_sets["writes"]
    back = edges.reversed()
    np.testing.assert_array_equal(back.edges, writes.edges)
    np.testing.assert_array_equal(back.edge_weight, writes.edge_weight)
    with pytest.raises(ValueError, match=r"`name` to be none of .*name='cites'"):
        graph.reversed("writes", name="cites")
    with pytest.raises(ValueError, match=r"`edge_set_name` to be one of .*'reads'"):
        graph.reversed("reads")


def test_two_edges_as_an_array_draw_a_warning_once():
    with pytest.warns(UserWarning, match=r"shape \[2, 2\]") as caught:
        edges = EdgeSet("a", "b", np.array(CITES))
    assert [warning.filename for warning in caught] == [__file__]
    edges.replace(source="c")
    edges.reversed()
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": [[np.nan]]}, r"`x` to hold finite.*nan at index \[0, 0\]"),
        ({"x": X, "y": [0]}, "`y` to have one row"),
        ({"x": X, "train_mask": [1, 0, 0]}, "`train_mask` to hold one boolean"),
        ({}, "`num_nodes` to be given"),
        ({"x": X, "num_nodes": 4}, "`num_nodes` to be the number of rows"),
        ({"x": X, "ids": [1, 2]}, "an id for each of the 3 nodes.*2 ids"),
        ({"ids": ["a", "b", "a"]}, "each id once.*'a' 2 times"),
        ({"ids": [4, 4]}, "each id once.*4 2 times"),
        ({"ids": [0.5]}, "`ids` to have .*strings or integers.*float64"),
        ({"ids": ["a", 1, None]}, "`ids` to .*"),
        ({"ids": [["a"]]}, r"`ids` to have shape \[num_nodes\].*\(1, 1\)"),
        ({"x": X, "columns": [1]}, "`columns` to be a dict.*type list"),
        ({"x": X, "columns": {"t": [1]}}, r"`columns\['t'\]` to have 3 rows.*\(1,\)"),
    ],
)
def test_bad_node_sets(arguments, message):
    with pytest.raises(ValueError, match=message):
        NodeSet(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": None}, "`source` to be the name of a node set.*source=None"),
        ({"target": X}, r"`target` to be the name .*numpy\.ndarray"),
        ({"edges": [[0, 1, 2], [1, 2, 0]]}, r"`edges` to have .*Transpose.*\(2, 3\)"),
        ({"edges": sp.eye_array(3)}, "`edges` to be integers"),
        ({"edges": [(0.0, 1.0)]}, "`edges` to hold integers"),
        ({"edge_weight": [1.0]}, "`edge_weight` to have .* 2 edges"),
        ({"edge_features": [1.0, 2.0]}, r"`edge_features` to have shape \[2, num"),
        ({"edge_features": [[1.0]]}, r"`edge_features` to have shape .*\(1, 1\)"),
        ({"edge_features": [[1.0], [np.inf]]}, r"`edge_features`.*inf at index \[1, 0"),
        ({"columns": {"t": "x"}}, r"`columns\['t'\]` to have 2 rows"),
    ],
)
def test_bad_edge_sets(arguments, message):
    with pytest.raises(ValueError, match=message):
        EdgeSet(**{"source": "a", "target": "b", "edges": CITES, **arguments})


def edge_set(edges=CITES, source="a", target="b"):
    return {"joins": EdgeSet(source, target, edges)}


@pytest.mark.parametrize(
    ("node_sets", "edge_sets", "message"),
    [
        ([X], {}, "`node_sets` to be a dict by name.*type list"),
        ({"a": X}, [], "`edge_sets` to be a dict by name.*type list"),
        ({"a.b": X}, {}, """names in `node_sets` without "." and "/".*'a.b'"""),
        ({"a/b": X}, {}, "names in `node_sets` .*'a/b'"),
        ({"#a": X}, {}, "names in `node_sets` .*'#a'"),
        ({"": X}, {}, "names in `node_sets` .*''"),
        ({1: X}, {}, "names in `node_sets` .*Received: 1"),
        (
            {"a": X},
            {"a/b": EdgeSet("a", "a", CITES)},
            "names in `edge_sets` .*'a/b'",
        ),
        ({"a": [[np.nan]]}, {}, "Node set 'a': Expected `x` to hold finite"),
        ({"a": 3}, {}, r"Node set 'a': .*NodeSet, or features.*node set=3"),
        ({"a": Graph(X, CITES)}, {}, r"Node set 'a': .*NodeSet.*tfgraph\.Graph"),
        ({"a": X}, {"joins": CITES}, r"Edge set 'joins': .*EdgeSet.*type list"),
        (
            {"a": X},
            edge_set(),
            r"Edge set 'joins': Expected `target` to be one of \['a'\].*'b'",
        ),
        ({"b": X}, edge_set(), r"Edge set 'joins': Expected `source` .*'a'"),
        (
            {"a": X, "b": X[:1]},
            edge_set(),
            "Edge set 'joins': Expected `edges` to join the 3 nodes of 'a' with the 1 "
            r"nodes of 'b'. Received: the edge \(0, 1\)",
        ),
        ({"a": X, "b": X}, edge_set([(0, -1)]), r"the edge \(0, -1\)"),
    ],
)
def test_bad_graphs(node_sets, edge_sets, message):
    with pytest.raises(ValueError, match=message):
        HeteroGraph(node_sets, edge_sets)


def test_names_that_are_refused_are_those_that_layers_refuse():
    """A name that passes is a name of a Keras input, too."""
    graph = HeteroGraph(
        {"a b-c_d:e": X}, {"ü#1": EdgeSet("a b-c_d:e", "a b-c_d:e", CITES)}
    )
    inputs = GraphInput(graph.to_graph_tensor().spec)
    model = keras.Model(inputs, GCNConv(2)(inputs))
    assert model.predict(full_batch(graph), verbose=0).shape == (3, 2)


def test_round_trip_of_a_graph_tensor():
    graph = make()
    tensor = graph.to_graph_tensor()
    assert tensor.node_sets["authors"].sizes.numpy().tolist() == [4]
    assert list(tensor.node_sets["authors"].features) == ["row"]
    assert tensor.node_sets["authors"]["row"].numpy().tolist() == [0, 1, 2, 3]
    assert sorted(tensor.edge_sets["writes"].features) == ["features", "weight"]
    assert_same(HeteroGraph.from_graph_tensor(tensor), graph)


def test_a_graph_tensor_of_two_components_with_other_names():
    node_set = tfgnn.NodeSet.from_fields
    features = {"w": tf.constant([5.0, 6.0]), "f": tf.constant([[1.0], [2.0]])}
    adjacency = tfgnn.Adjacency.from_indices(
        ("a", tf.constant([2, 0])), ("b", tf.constant([3, 2]))
    )
    tensor = tfgnn.GraphTensor.from_pieces(
        node_sets={
            "a": node_set(sizes=[1, 2], features={"h": tf.constant(X)}),
            "b": node_set(sizes=[3, 1], features={}),
        },
        edge_sets={
            "joins": tfgnn.EdgeSet.from_fields(
                sizes=[1, 1], features=features, adjacency=adjacency
            )
        },
    )
    expected = HeteroGraph(
        {"a": X, "b": NodeSet(num_nodes=4)},
        {
            "joins": EdgeSet(
                "a",
                "b",
                [(0, 2), (2, 3)],
                edge_weight=[6.0, 5.0],
                edge_features=[[2.0], [1.0]],
            )
        },
    )
    found = HeteroGraph.from_graph_tensor(
        tensor, feature_name="h", edge_weight_name="w", edge_feature_name="f"
    )
    assert_same(found, expected)
    plain = HeteroGraph.from_graph_tensor(tensor)
    assert plain.node_sets["a"].x is None
    assert plain.edge_sets["joins"].edge_weight is None
    with pytest.raises(ValueError, match="Edge set 'joins': Expected `edge_weight`"):
        HeteroGraph.from_graph_tensor(tensor, edge_weight_name="f")
    with pytest.raises(ValueError, match="`graph` to be a scalar GraphTensor"):
        HeteroGraph.from_graph_tensor(expected)


def test_adjacencies():
    graph = make()
    expected = np.zeros([3, 4], np.float32)
    for (source, target), weight in zip(WRITES, WEIGHT, strict=True):
        expected[target, source] += weight
    np.testing.assert_array_equal(graph.to_scipy("writes").toarray(), expected)
    adjacency = graph.to_sparse_tensor("writes")
    dense = tf.scatter_nd(adjacency.indices, adjacency.values, adjacency.dense_shape)
    np.testing.assert_array_equal(dense, expected)
    order = adjacency.indices.numpy().tolist()
    assert order == sorted(order)
    assert graph.to_scipy("cites").toarray().tolist() == [[0] * 3, [1, 0, 1], [0] * 3]
    with pytest.raises(ValueError, match=r"`edge_set_name` to be one of .*=None"):
        graph.to_scipy()


def test_round_trip_of_scipy():
    graph = HeteroGraph.from_scipy(
        {"papers": X},
        {
            "writes": (make().to_scipy("writes"), "authors", "papers"),
            "cites": (sp.coo_matrix(make().to_scipy("cites")), "papers", "papers"),
        },
    )
    assert graph.node_sets["authors"].num_nodes == 4
    assert graph.edge_sets["cites"].edge_weight is None
    writes = graph.edge_sets["writes"]
    assert writes.edges.tolist() == [[1, 0], [0, 1], [2, 1], [3, 2]]
    assert writes.edge_weight.tolist() == [3, 6, 1, 5]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (sp.eye_array(3), r"Expected \(adjacency, source set, target set\)"),
        ((np.eye(3), "a", "b"), "`adjacency` to be a SciPy.*ndarray"),
        ((sp.eye_array(3, 4), "a", "b"), r"shape \[targets, sources\], \[4, 3\].*3, 4"),
        ((sp.eye_array(2, 3), "a", "b"), r"\[4, 3\]. Received.*shape=\(2, 3\)"),
        ((sp.eye_array(3), 1, "b"), "`source` to be the name"),
    ],
)
def test_bad_scipy(value, message):
    with pytest.raises(ValueError, match=f"Edge set 'joins': .*{message}"):
        HeteroGraph.from_scipy(
            {"a": NodeSet(num_nodes=3), "b": NodeSet(num_nodes=4)}, {"joins": value}
        )


def test_round_trip_of_networkx():
    graph = make()
    network = graph.to_networkx()
    assert network.nodes[("papers", "q")] == {"node_set": "papers"}
    both = network.get_edge_data(("authors", 0), ("papers", "q"))
    assert [edge["weight"] for edge in both.values()] == [2, 4]
    cites = network.get_edge_data(("papers", "p"), ("papers", "q"))
    assert cites == {0: {"edge_set": "cites"}}
    back = HeteroGraph.from_networkx(network)
    without = {
        "papers": NodeSet(num_nodes=3),
        "authors": graph.node_sets["authors"],
    }
    writes = graph.edge_sets["writes"].replace(edge_features=None)
    assert_same(
        HeteroGraph(
            {name: without[name] for name in graph.node_sets},
            {"writes": writes, "cites": graph.edge_sets["cites"]},
        ),
        back,
    )


def test_networkx_with_features_and_keys():
    network = nx.MultiDiGraph()
    network.add_node("q", node_set="papers", x=[1.0, 2.0])
    network.add_node(7, node_set="authors")
    network.add_node("p", node_set="papers", x=np.array([3, 4]))
    network.add_edge(7, "p", "writes")
    network.add_edge(7, "p", "reads", weight=2.0)
    network.add_edge(7, "q", "reads")
    graph = HeteroGraph.from_networkx(network, name="tiny")
    assert graph.node_sets["papers"].x.tolist() == [[1, 2], [3, 4]]
    assert graph.node_sets["papers"].ids.tolist() == ["q", "p"]
    assert graph.node_sets["authors"].ids.tolist() == [7]
    assert graph.edge_sets["writes"].edges.tolist() == [[0, 1]]
    assert graph.edge_sets["writes"].edge_weight is None
    assert graph.edge_sets["reads"].edges.tolist() == [[0, 0], [0, 1]]
    assert graph.edge_sets["reads"].edge_weight.tolist() == [1, 2]


def network(*edges, x=None, cls=nx.MultiDiGraph):
    graph = cls()
    graph.add_node("a", node_set="A", **({} if x is None else {"x": x}))
    graph.add_nodes_from(["b", "c"], node_set="A")
    graph.add_node("d", node_set="D")
    for source, target, name in edges:
        graph.add_edge(source, target, edge_set=name)
    return graph


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (CITES, "`graph` to be a directed networkx graph.*type list"),
        (network(cls=nx.MultiGraph), "`graph` to be directed.*MultiGraph"),
        (nx.DiGraph([(0, 1)]), "the attribute 'node_set'.*node 0 without it"),
        (network(("a", "b", None)), r"'edge_set', .*\('a', 'b', 0\) without it"),
        (
            network(("a", "b", None), cls=nx.DiGraph),
            r"'edge_set', .*\('a', 'b'\) without it",
        ),
        (network(x=[1.0]), "Node set 'A': .*or none. Received: node 'b' without"),
        (
            network(("a", "b", "e"), ("a", "d", "e")),
            r"Edge set 'e': .*same two node sets.*\[\('A', 'A'\), \('A', 'D'\)\]",
        ),
        (network(("a", "d", "e.f")), "names in `edge_sets` .*'e.f'"),
    ],
)
def test_bad_networkx(graph, message):
    with pytest.raises(ValueError, match=message):
        HeteroGraph.from_networkx(graph)


def frames():
    authors = pd.DataFrame({"age": [30, 40], "h": [1.5, 2.5]}, index=["ann", "bob"])
    papers = pd.DataFrame(
        {
            "doi": [10, 20, 30],
            "title": ["P", "Q", "R"],
            "y": [0, 1, -1],
            "train_mask": [True, False, False],
        }
    )
    writes = pd.DataFrame(
        {
            "weight": [1, 2, 3],
            "paper": [30, 10, 10],
            "author": ["bob", "bob", "ann"],
            "first": [True, False, True],
            "month": ["a", "b", "c"],
        }
    )
    cites = pd.DataFrame({"from": [10], "to": [20]})
    return authors, papers, writes, cites


def test_pandas():
    authors, papers, writes, cites = frames()
    graph = HeteroGraph.from_pandas(
        {"authors": authors, "papers": (papers, "doi")},
        {
            "writes": (writes, "authors", "papers", "author", "paper"),
            "cites": (cites, "papers", "papers"),
        },
        name="tiny",
    )
    assert repr(graph) == (
        "HeteroGraph 'tiny'\n"
        "  authors: nodes=2, features=2, ids\n"
        "  papers: nodes=3, classes=2, train=1, ids, title\n"
        "  writes: authors -> papers, edges=3, weighted, features=1, month\n"
        "  cites: papers -> papers, edges=1"
    )
    nodes = graph.node_sets
    assert nodes["authors"].x.tolist() == [[30, 1.5], [40, 2.5]]
    assert nodes["authors"].ids.tolist() == ["ann", "bob"]
    assert nodes["papers"].ids.tolist() == [10, 20, 30]
    assert nodes["papers"].y.tolist() == [0, 1, -1]
    assert nodes["papers"].columns["title"].tolist() == ["P", "Q", "R"]
    edges = graph.edge_sets["writes"]
    assert edges.edges.tolist() == [[0, 0], [1, 0], [1, 2]]
    assert edges.edge_weight.tolist() == [3, 2, 1]
    assert edges.edge_features.tolist() == [[1], [0], [1]]
    assert edges.columns["month"].tolist() == ["c", "b", "a"]
    assert graph.edge_sets["cites"].edges.tolist() == [[0, 1]]
    assert list(writes.columns) == ["weight", "paper", "author", "first", "month"]


def test_round_trip_of_pandas():
    """Also of numbers in `columns`, which are not features."""
    graph = make()
    authors = NodeSet(
        ids=[7, 5, 6, 4], columns={"born": [1, 2, 3, 4], "titled": [True] * 4}
    )
    papers = graph.node_sets["papers"].replace(
        train_mask=[True, True, False], columns={"title": list("PQR")}
    )
    graph = graph.replace({"authors": authors, "papers": papers})
    node_frames, edge_frames = graph.to_pandas()
    assert list(node_frames["papers"]) == ["y", "train_mask", "x0", "x1", "title"]
    assert node_frames["papers"].loc["q", "x1"] == 2
    assert node_frames["authors"].infer_objects()["born"].dtype == np.int64
    writes, *ends = edge_frames["writes"]
    assert ends == ["authors", "papers"]
    assert list(writes) == ["source", "target", "weight", "x0", "x1", "month"]
    assert writes.iloc[0].tolist() == [5, "p", 3, 3, -3, "c"]

    back = HeteroGraph.from_pandas(node_frames, edge_frames)
    assert_same(back, graph)
    for name, sets in (("node_sets", graph.node_sets), ("edge_sets", graph.edge_sets)):
        for key, one in sets.items():
            assert repr(getattr(back, name)[key]) == repr(one)
            for column, values in one.columns.items():
                found = getattr(back, name)[key].columns[column]
                np.testing.assert_array_equal(found, values)
                assert (found.dtype.kind == "U") == (values.dtype.kind == "U")
    for name in ("y", "ids", "train_mask"):
        np.testing.assert_array_equal(
            getattr(back.node_sets["papers"], name), getattr(papers, name)
        )


def test_pandas_of_bare_and_sparse_sets():
    graph = HeteroGraph(
        {"a": NodeSet(num_nodes=2), "b": sp.csr_array(X), "c": np.zeros([0, 2])},
        {"ab": EdgeSet("a", "b", [(1, 2), (0, 2)]), "none": EdgeSet("c", "a", [])},
    )
    back = HeteroGraph.from_pandas(*graph.to_pandas())
    np.testing.assert_array_equal(back.node_sets["b"].x, X)
    assert back.node_sets["a"].ids.tolist() == [0, 1]
    assert back.node_sets["c"].x.shape == (0, 2)
    assert back.edge_sets["ab"].edges.tolist() == [[0, 2], [1, 2]]
    assert back.edge_sets["none"].num_edges == 0


@pytest.mark.parametrize(
    ("node_set", "message"),
    [
        ({"columns": {"y": list("pqr")}}, "`columns` of other names .*columns \\['y'"),
        ({"columns": {"x1": list("pqr")}}, "`columns` of other names .*\\['x1'\\]"),
        ({"columns": {"t": X}}, "of one dimension.*\\['t'\\]"),
        ({"y": X, "class_names": ["x0", "b"]}, "`class_names`.*columns \\['x0'\\]"),
    ],
)
def test_what_a_frame_cannot_hold(node_set, message):
    graph = HeteroGraph({"a": NodeSet(X, **node_set)}, {})
    with pytest.raises(ValueError, match=f"Node set 'a': Expected .*{message}"):
        graph.to_pandas()


def test_pandas_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for convert in (make().to_pandas, lambda: HeteroGraph.from_pandas({}, {})):
        with pytest.raises(ImportError, match=r"_pandas` needs pandas: `pip install"):
            convert()


def change(**changes):
    """Arguments of `from_pandas`, some of them replaced."""
    authors, papers, writes, _ = frames()
    nodes = {"authors": authors, "papers": (papers, "doi")}
    edges = {"writes": (writes, "authors", "papers", "author", "paper")}
    return (
        {**nodes, **changes.get("nodes", {})},
        {**edges, **changes.get("edges", {})},
    )


AUTHORS, PAPERS, BY, _ = frames()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], {}), "`node_sets` to be a dict by name"),
        (({}, None), "`edge_sets` to be a dict by name.*None"),
        (
            change(edges={"writes": (BY.replace(30, 31), *change()[1]["writes"][1:])}),
            "Edge set 'writes': Column 'paper' of ids of 'papers': .*"
            r"Received: ids\[0\]=31",
        ),
        (
            change(edges={"writes": (BY, "authors", "papers", "author", "doi")}),
            r"Edge set 'writes': .*columns \['weight', 'paper'.*target_column='doi'",
        ),
        (
            change(edges={"writes": (BY, "writers", "papers")}),
            r"Edge set 'writes': Expected `node set` to be one of .*'writers'",
        ),
        (
            change(edges={"writes": (BY[["paper"]], "authors", "papers")}),
            r"Edge set 'writes': .*a column of sources and one of targets.*\['paper'\]",
        ),
        (
            change(edges={"writes": BY}),
            r"Edge set 'writes': Expected \(frame, source s",
        ),
        (
            change(edges={"writes": (np.eye(3), "authors", "papers")}),
            "Edge set 'writes': Expected `frame` to be a pandas DataFrame.*ndarray",
        ),
        (
            change(nodes={"authors": AUTHORS.replace(30, np.nan)}),
            r"Node set 'authors': Expected `x` to hold finite.*nan at index \[0, 0\]",
        ),
        (
            change(
                nodes={"authors": AUTHORS.astype({"age": "Int64"}).replace(30, pd.NA)}
            ),
            r"Node set 'authors': Expected `x` to hold finite.*nan at index \[0, 0\]",
        ),
        (
            change(nodes={"papers": (PAPERS, "title", "doi", "y")}),
            r"Node set 'papers': Expected a frame or \(frame, id column\)",
        ),
        (
            change(nodes={"papers": (PAPERS, "id")}),
            "Node set 'papers': .*Received: id_column='id'",
        ),
        (
            change(nodes={"papers": (PAPERS.replace("Q", "P"), "title")}),
            "Node set 'papers': .*each id once.*'P' 2 times",
        ),
        (
            change(nodes={"papers": (PAPERS.assign(y=["a", 1, "c"]), "doi")}),
            "Node set 'papers': Expected `y` to hold real numbers",
        ),
        (
            change(nodes={"papers": pd.concat([PAPERS, PAPERS], axis=1)}),
            "Node set 'papers': .*each column once",
        ),
    ],
)
def test_bad_pandas(arguments, message):
    with pytest.raises(ValueError, match=message):
        HeteroGraph.from_pandas(*arguments)


def labelled(num_papers=40):
    """Authors of two fields, and papers that only their authors tell apart."""
    rng = np.random.default_rng(0)
    y = np.arange(num_papers) % 2
    field = np.arange(10) % 2
    edges = [
        (author, paper)
        for paper in range(num_papers)
        for author in rng.choice(np.flatnonzero(field == y[paper]), 2, replace=False)
    ]
    return HeteroGraph(
        {"authors": np.eye(2)[field], "papers": NodeSet(np.ones([num_papers, 1]), y=y)},
        {"writes": EdgeSet("authors", "papers", edges)},
    )


def test_random_split():
    graph = labelled().replace({"venues": NodeSet(y=[0, 1])})
    split = random_split(graph, 0.5, 0.2, node_set_name="papers", seed=1)
    papers = split.node_sets["papers"]
    alone = Graph(papers.x, [], y=papers.y)
    alone = random_split(alone, 0.5, 0.2, seed=1)
    for mask, count in (("train_mask", 20), ("val_mask", 8), ("test_mask", 12)):
        drawn = getattr(papers, mask)
        np.testing.assert_array_equal(drawn, getattr(alone, mask))
        assert drawn.sum() == count
    assert graph.node_sets["papers"].train_mask is None
    assert split.node_sets["venues"] is graph.node_sets["venues"]
    only = random_split(labelled(), 0.5, 0.2, seed=1)
    np.testing.assert_array_equal(
        only.node_sets["papers"].train_mask, papers.train_mask
    )
    for bad, message in [
        ({}, r"`node_set_name` to be one of \['papers', 'venues'\].*=None"),
        ({"node_set_name": "authors"}, "`node_set_name` to be one of .*'authors'"),
        ({"node_set_name": "venues"}, "at least 20 labelled nodes.*class 0 with 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            random_split(graph, **bad)
    with pytest.raises(ValueError, match=r"`node_set_name` with a .*HeteroGraph only"):
        random_split(Graph(X, CITES, y=[0, 1, 1]), node_set_name="papers")


def test_full_batch():
    graph = make()
    papers = graph.node_sets["papers"].replace(val_mask=[True, False, False])
    graph = graph.replace({"papers": papers})
    tensor, y, weight = full_batch(graph, "val").get_single_element()
    assert_same(HeteroGraph.from_graph_tensor(tensor), graph)
    assert y.numpy().tolist() == [0, 1, 0]
    assert weight.numpy().tolist() == [3, 0, 0]
    (tensor,) = full_batch(graph, form="graph_tensor").get_single_element()
    assert tensor.node_sets["authors"].total_size == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "train"}, r"`train_mask` that .*graph=NodeSet\(nodes=3"),
        ({"split": "holdout"}, "`split` to be None or one of"),
        (
            {"split": "val", "node_set_name": "authors"},
            r"one of \['papers'\].*'authors'",
        ),
        ({"form": "sparse"}, r"`form` to be None or one of \('graph_tensor',\)"),
        ({"sparse_features": True}, "`sparse_features` to be False"),
    ],
)
def test_bad_full_batches(arguments, message):
    with pytest.raises(ValueError, match=message):
        full_batch(make(), **arguments)


def test_no_labels_at_all():
    with pytest.raises(ValueError, match="a node set with labels `y`"):
        full_batch(HeteroGraph({"a": X}, {}), "train")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda graph: walk_batches(graph, (2,), 2),
            "`graph` to be a tfgraph.data.Graph. Convert it with `tfgraph.data.Graph."
            "from_graph_tensor(graph.to_graph_tensor(), node_set_name, edge_set_name)`",
        ),
        (lambda graph: graph_batches(graph, 2), "`graphs` to be a list"),
        (SAGEConv(2, name="sage"), "SAGEConv 'sage': .*pass `graph.to_graph_tensor()`"),
    ],
)
def test_where_another_graph_is_expected(function, message):
    pattern = ".*".join(re.escape(part) for part in message.split(".*"))
    with pytest.raises(ValueError, match=pattern):
        function(make())


class Papers(keras.Model):
    """Classifies papers by their authors, or by those of the papers that they cite."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.writes = SAGEConv(8, edge_set_name="writes", activation="relu")
        self.cites = GATConv(8, edge_set_name="cites", node_set_name="papers")
        self.logits = keras.layers.Dense(2)

    def call(self, graph):
        h = self.writes(graph)
        return self.logits(h + self.cites([h, graph]))


@pytest.mark.parametrize("functional", [True, False])
def test_fit(functional, tmp_path):
    graph = random_split(labelled(), 0.4, 0.2)
    graph = graph.replace(edge_sets={"cites": EdgeSet("papers", "papers", [(0, 2)])})
    train = full_batch(graph, "train", node_set_name="papers")
    if functional:
        inputs = GraphInput(train.element_spec[0])
        h = SAGEConv(8, edge_set_name="writes", activation="relu")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(2)(h))
    else:
        model = Papers()
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
    )
    model.fit(train, epochs=30, shuffle=False, verbose=0)
    test = model.evaluate(full_batch(graph, "test"), return_dict=True, verbose=0)
    assert test["accuracy"] == 1
    assert test["loss"] < 0.2
    logits = model.predict(full_batch(graph), verbose=0)
    np.testing.assert_array_equal(logits.argmax(axis=1), graph.node_sets["papers"].y)
    if functional:
        check_reload(model, graph.to_graph_tensor(), tmp_path / "model.keras")

"""Names of nodes and classes, pandas frames of a `Graph`, and frames of predictions."""

import sys

import numpy as np
import pandas as pd
import pytest

from tfgraph.data import Graph, HeteroGraph, NodeSet, disjoint_union, random_split

NAN = float("nan")


def people():
    return pd.DataFrame(
        {
            "height": [1.5, 1.6, 1.7, 1.8],
            "name": ["eve", "bob", "ann", "dan"],
            "job": ["vet", None, "cook", "vet"],
            "town": ["A", "B", "A", "C"],
            "train_mask": [True, False, True, False],
            "married": [True, False, False, True],
        }
    )


def calls():
    return pd.DataFrame(
        {
            "minutes": [3, 2, 1],
            "from": ["eve", "ann", "bob"],
            "to": ["bob", "bob", "dan"],
        }
    )


COLUMNS = {
    "id_column": "name",
    "label_column": "job",
    "source_column": "from",
    "target_column": "to",
    "weight_column": "minutes",
}


def make(**changes):
    return Graph.from_pandas(people(), calls(), **{**COLUMNS, **changes})


def test_from_pandas():
    graph = make(name="town")
    assert repr(graph) == (
        "Graph(name='town', nodes=4, edges=3, weighted, features=2, classes=2, "
        "train=2, ids, town)"
    )
    np.testing.assert_array_equal(
        graph.x, np.float32([[1.5, 1], [1.6, 0], [1.7, 0], [1.8, 1]])
    )
    assert graph.ids.tolist() == ["eve", "bob", "ann", "dan"]
    assert graph.y.tolist() == [1, -1, 0, 1]
    assert graph.class_names.tolist() == ["cook", "vet"]
    assert graph.columns["town"].tolist() == list("ABAC")
    assert graph.edges.tolist() == [[0, 1], [2, 1], [1, 3]]
    assert graph.edge_weight.tolist() == [3, 2, 1]
    assert graph.rows(["dan", "eve", "dan"]).tolist() == [3, 0, 3]


def test_defaults_of_columns():
    """The index, "y", the first two columns and "weight"."""
    nodes = pd.DataFrame({"y": [2, 0], "age": [5, 6]}, index=[10, 20])
    edges = pd.DataFrame({"s": [20], "t": [10], "weight": [0.5]})
    graph = Graph.from_pandas(nodes, edges)
    assert (graph.ids.tolist(), graph.y.tolist()) == ([10, 20], [2, 0])
    assert graph.class_names is None
    assert (graph.edges.tolist(), graph.edge_weight.tolist()) == ([[1, 0]], [0.5])


@pytest.mark.parametrize(
    ("values", "y", "names"),
    [
        ([1, NAN, 0], [1, -1, 0], None),
        (pd.array([1, None, 0], "Int64"), [1, -1, 0], None),
        ([True, None, False], [1, -1, 0], None),
        (pd.array(["b", None, "a"], "string"), [1, -1, 0], ["a", "b"]),
        (pd.Categorical(["b", None, "a"], ["c", "b", "a"]), [1, -1, 2], list("cba")),
        (pd.Categorical([1, 0, 1]), [1, 0, 1], None),
        ([0.5, 1.5, 2], [0.5, 1.5, 2], None),
        ([None, None, None], [-1, -1, -1], []),
    ],
)
@pytest.mark.parametrize("hetero", [False, True])
def test_labels_of_a_frame(values, y, names, hetero):
    nodes = pd.DataFrame({"y": values})
    if hetero:
        found = HeteroGraph.from_pandas({"a": nodes}, {}).node_sets["a"]
    else:
        found = Graph.from_pandas(nodes, pd.DataFrame({"s": [0], "t": [1]}))
    assert found.y.tolist() == y
    assert found.y.dtype == (np.float32 if 0.5 in y else np.int64)
    assert (None if found.class_names is None else found.class_names.tolist()) == names


def test_round_trip():
    graph = make().replace(class_names=["cook", "vet", "baker"])
    nodes, edges = graph.to_pandas()
    assert list(nodes) == ["y", "train_mask", "x0", "x1", "town"]
    assert nodes["y"].isna().tolist() == [False, True, False, False]
    assert nodes["y"].dropna().tolist() == ["vet", "cook", "vet"]
    assert edges.iloc[0].tolist() == ["eve", "bob", 3]
    back = Graph.from_pandas(nodes, edges)
    assert repr(back) == repr(graph)
    for name in ("x", "y", "ids", "class_names", "edges", "edge_weight", "train_mask"):
        np.testing.assert_array_equal(getattr(back, name), getattr(graph, name))
    bare = Graph(None, [(0, 2)], num_nodes=3)
    nodes, edges = bare.to_pandas()
    assert Graph.from_pandas(nodes, edges).edges.tolist() == [[0, 2]]
    hetero = HeteroGraph({"a": NodeSet(y=["q", "p", None])}, {})
    back = HeteroGraph.from_pandas(*hetero.to_pandas()).node_sets["a"]
    assert (back.y.tolist(), back.class_names.tolist()) == ([1, 0, -1], ["p", "q"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (people().set_index("name"), calls().replace("eve", "eva")),
            r"Edges: Column 'from': .*such as 'eve'\. Received: ids\[0\]='eva'$",
        ),
        (
            (people(), calls()),
            r"Edges: Column 'from': .*ids\[0\]='eve'.*pass `id_column=...`",
        ),
        (([[1]], calls()), "Nodes: Expected `nodes` to be a pandas DataFrame"),
        ((people().set_index("name"), [[0, 1]]), "Edges: Expected `edges` to be a pan"),
    ],
)
def test_bad_frames(arguments, message):
    ends = {name: COLUMNS[name] for name in COLUMNS if name not in ("id_column",)}
    with pytest.raises(ValueError, match=message):
        Graph.from_pandas(*arguments, **ends)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"id_column": "nom"},
            "Nodes: .*`id_column` to .*'height', 'name'.*id_column='nom'",
        ),
        ({"id_column": ["name"]}, "Nodes: .*Received: id_column of type list"),
        ({"id_column": "town"}, "Nodes: .*each id once.*'A' 2 times"),
        ({"label_column": "jobs"}, "Nodes: .*Received: label_column='jobs'"),
        (
            {"label_column": ["height", "jobs"]},
            "Nodes: .*Received: label_column='jobs'",
        ),
        ({"source_column": "of"}, "Edges: .*Received: source_column='of'"),
        ({"target_column": "at"}, "Edges: .*Received: target_column='at'"),
        ({"target_column": None}, "`source_column` and `target_column` together"),
        ({"weight_column": "w"}, "Edges: .*Received: weight_column='w'"),
        ({"y": [0, 1]}, "`y` to have one row for each node"),
    ],
)
def test_bad_columns(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        (
            {"height": [1, 2, NAN, 3]},
            {},
            "Nodes: .*nan at index .2, 0., column 'height'",
        ),
        (
            {"height": pd.array([1, 2, None, 3], "Int64")},
            {},
            "Nodes: .*nan at index .2, 0., column 'height'",
        ),
        ({"married": [0, np.inf, 1, 2]}, {}, "inf at index .1, 1., column 'married'"),
        ({"name": ["a", "b", None, "c"]}, {}, "column 'name' without id in row 2"),
        ({"job": [0.5, 1.5, NAN, 1]}, {}, r"Nodes: Column 'job': .*nan at index \[2\]"),
        (
            {},
            {"minutes": [1, NAN, 2]},
            r"Edges: Column 'minutes': .*nan at index \[1\]",
        ),
        (
            {},
            {"minutes": pd.array([1, None, 2], "Int64")},
            r"Edges: Column 'minutes': .*nan at index \[1\]",
        ),
        ({}, {"minutes": list("abc")}, "Edges: Column 'minutes': .*real numbers"),
        ({}, {"cost": [1, 2, NAN]}, r"Edges: .*nan at index \[2, 0\], column 'cost'"),
    ],
)
def test_missing_numbers(nodes, edges, message):
    with pytest.raises(ValueError, match=message):
        Graph.from_pandas(people().assign(**nodes), calls().assign(**edges), **COLUMNS)


def test_missing_numbers_of_a_hetero_graph():
    nodes = {"a": (people(), "name")}
    for column in ("weight", "cost"):
        edges = calls()[["from", "to"]].assign(**{column: [1, NAN, 2]})
        message = f"Edge set 'calls': .*olumn '{column}'"
        with pytest.raises(ValueError, match=message):
            HeteroGraph.from_pandas(nodes, {"calls": (edges, "a", "a")})
    index = people().set_index(pd.Index(["a", None, "b", "c"])).drop(columns="name")
    with pytest.raises(
        ValueError, match=r"Node set 'a': .*the index without id in row 1"
    ):
        HeteroGraph.from_pandas({"a": index}, {})


def test_pandas_is_optional(monkeypatch):
    graph = make()
    monkeypatch.setitem(sys.modules, "pandas", None)
    for call in (
        graph.to_pandas,
        lambda: Graph.from_pandas(None, None),
        lambda: graph.predictions_frame(np.zeros([4, 2])),
    ):
        with pytest.raises(ImportError, match=r"needs pandas: `pip install"):
            call()


def test_names_of_classes():
    """Texts become numbers; names are kept by whatever keeps the labels."""
    graph = Graph(None, [], y=["b", None, "a", NAN], ids=list("wxyz"))
    assert graph.y.tolist() == [1, -1, 0, -1]
    assert graph.class_names.tolist() == ["a", "b"]
    assert graph.replace(y=[1, 1, 1, 1]).class_names.tolist() == ["a", "b"]
    assert graph.replace(y=["b"] * 4).y.tolist() == [1, 1, 1, 1]
    part = graph.replace(columns={"t": [5, 6, 7, 8]}).subgraph([2, 1])
    assert part.class_names.tolist() == ["a", "b"]
    assert (part.ids.tolist(), part.columns["t"].tolist()) == (["y", "x"], [7, 6])
    assert part.num_classes == 2  # though its only label is 0
    assert Graph(None, [], y=[[0.5, 1]], class_names=["p", "q"]).num_classes == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"y": ["a", "c"], "class_names": ["a", "b"]}, r"y\[1\]='c'.*\['a', 'b'\]"),
        ({"y": [0, 2], "class_names": ["a", "b"]}, "classes up to 2 of `y`"),
        ({"y": [[0, 2]], "class_names": ["a"]}, "the 2 columns of `y`"),
        ({"y": [0.5, 2], "class_names": ["a"]}, "`class_names` with class numbers"),
        ({"y": [0, 1], "class_names": ["a", "a"]}, "each name once"),
        ({"y": [0, 1], "class_names": [0, 1]}, "to be strings, one for each class"),
        ({"y": [0, 1], "ids": [5]}, "an id for each of the 2 nodes"),
        ({"y": [0, 1], "columns": {"t": [5]}}, "to have 2 rows"),
    ],
)
def test_bad_names(fields, message):
    for make_one in (lambda **fields: Graph(None, [], **fields), NodeSet):
        with pytest.raises(ValueError, match=message):
            make_one(**fields)


def test_graph_without_ids_has_no_rows():
    with pytest.raises(ValueError, match="Expected a graph with `ids`"):
        Graph(None, [], num_nodes=1).rows([0])


def test_names_in_a_union():
    one = Graph(
        None, [], y=["b", "a"], ids=["p", "q"], columns={"t": [1, 2], "u": [0, 0]}
    )
    two = Graph(None, [], y=["a", "b"], ids=["r", "s"], columns={"t": [3, 4]})
    union = disjoint_union([one, two])
    assert union.ids.tolist() == ["p", "q", "r", "s"]
    assert union.class_names.tolist() == ["a", "b"]
    assert union.y.tolist() == [1, 0, 0, 1]
    assert {name: c.tolist() for name, c in union.columns.items()} == {
        "t": [1, 2, 3, 4]
    }
    assert disjoint_union([one, one]).ids is None
    assert disjoint_union([one, two.replace(ids=[1, 2])]).ids is None
    assert disjoint_union([one, two.replace(class_names=None)]).class_names is None
    with pytest.raises(
        ValueError, match=r"same `class_names`.*graphs\[1\] with \['c'\]"
    ):
        disjoint_union([one, Graph(None, [], y=["c"])])


def test_names_are_stored(tmp_path):
    graph = make()
    graph.save(tmp_path / "graph")
    found = Graph.load(tmp_path / "graph")
    for name in ("ids", "class_names", "y"):
        np.testing.assert_array_equal(getattr(found, name), getattr(graph, name))
    assert found.columns["town"].tolist() == list("ABAC")


def test_predictions_of_classes():
    graph = make()
    frame = graph.predictions_frame([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
    assert list(frame) == ["predicted", "probability_cook", "probability_vet"]
    assert frame.index.name == "id"
    assert frame["predicted"].to_dict() == {
        "eve": "cook",
        "bob": "vet",
        "ann": "vet",
        "dan": "cook",
    }
    assert frame.loc["ann", "probability_vet"] == 0.6
    some = graph.predictions_frame([[0.2], [0.6]], rows=graph.rows(["dan", "bob"]))
    assert some["predicted"].to_dict() == {"dan": "cook", "bob": "vet"}
    assert some["probability_cook"].tolist() == [0.8, 0.4]


def test_predictions_without_names():
    nodes = NodeSet(y=[0, 2, 1])
    frame = nodes.predictions_frame(np.eye(3)[[2, 0, 1]])
    assert frame["predicted"].to_dict() == {0: 2, 1: 0, 2: 1}
    assert list(frame)[1:] == ["probability_0", "probability_1", "probability_2"]
    tasks = NodeSet(y=[[0, NAN]], class_names=["p", "q"])
    assert list(tasks.predictions_frame([[0.1, 0.7]])) == [
        "prediction_p",
        "prediction_q",
    ]
    numbers = NodeSet(num_nodes=2).predictions_frame([0.5, 3])
    assert numbers["prediction_0"].tolist() == [0.5, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.1, 0.9]],), r"a row for each of the 4 nodes.*\(1, 2\)"),
        (([[0.1, 0.9]], [0, 1]), "a row for each of the 2 nodes"),
        (([0.1, 0.9, 2, 0],), r"probabilities in \[0, 1\].*to 2"),
        (([["a"]] * 4,), "`predictions` to hold real numbers"),
        (([[0.1, 0.9]] * 3 + [[0.1, NAN]],), r"without NaN.*nan at index \[3, 1\]"),
        (([[0.1, 0.9, 0.0]] * 4,), "a column for each of the 2 classes.*3 columns"),
    ],
)
def test_bad_predictions(arguments, message):
    with pytest.raises(ValueError, match=message):
        make().predictions_frame(*arguments)
    with pytest.raises(ValueError, match="a column for each of the 3 classes"):
        NodeSet(y=[0, 2]).predictions_frame(np.zeros([2, 2]))


def test_complex_numbers_are_no_features():
    nodes = pd.DataFrame({"z": [1j, 2.0], "age": [3, 4]})
    graph = Graph.from_pandas(nodes, pd.DataFrame({"s": [0], "t": [1]}))
    assert graph.x.tolist() == [[3], [4]]
    assert graph.columns["z"].tolist() == [1j, 2]


def test_split_of_an_own_table():
    """Fractions of each class, with all labelled nodes in one of the sets."""
    names = np.array(["a"] * 60 + ["b"] * 30)
    nodes = pd.DataFrame({"y": names}, index=[f"n{i}" for i in range(90)])
    nodes.loc["n0", "y"] = None
    graph = Graph.from_pandas(nodes, pd.DataFrame({"s": ["n1"], "t": ["n2"]}))
    split = random_split(graph, 0.6, 0.2, 0.2)
    masks = np.stack([split.train_mask, split.val_mask, split.test_mask])
    assert masks.sum(axis=0).tolist() == [0] + [1] * 89
    counts = [np.bincount(split.y[mask]).tolist() for mask in masks]
    assert counts == [[35, 18], [12, 6], [12, 6]]


def test_numbers_of_edges_are_their_features():
    edges = pd.DataFrame(
        {"from": ["b", "a"], "to": ["a", "b"], "km": [2.0, 1.0], "weight": [3, 4]}
    )
    nodes = pd.DataFrame({"age": [1.0, 2.0]}, index=["a", "b"])
    graph = Graph.from_pandas(nodes, edges.assign(paved=[True, False]))
    assert graph.edges.tolist() == [[1, 0], [0, 1]]
    assert graph.edge_weight.tolist() == [3, 4]
    assert graph.edge_features.tolist() == [[2, 1], [1, 0]]
    assert Graph.from_pandas(*graph.to_pandas()) == graph
    with pytest.raises(ValueError, match=r"edges\[\['from', 'to', 'km', 'weight'\]\]"):
        Graph.from_pandas(nodes, edges.assign(name=["x", "y"]))


TASKS = {"likes": [1.0, NAN, 0.0, 1.0], 7: [False, True, True, False]}
NAMED = np.float32([[1, 0], [NAN, 1], [0, 1], [1, 0]])


def several(**columns):
    frame = people().assign(**{str(k): v for k, v in {**TASKS, **columns}.items()})
    return frame.rename(columns={"7": 7})


def test_several_columns_of_labels():
    names = ["likes", 7]
    graph = Graph.from_pandas(
        several(), calls()[["from", "to"]], id_column="name", label_column=names
    )
    np.testing.assert_array_equal(graph.y, NAMED)
    assert graph.y.dtype == np.float32 and graph.num_features == 2
    assert graph.class_names.tolist() == ["likes", "7"] and graph.num_classes == 2
    nodes, edges = graph.to_pandas()
    np.testing.assert_array_equal(nodes[["likes", "7"]], NAMED)
    same = Graph.from_pandas(nodes, edges, label_column=["likes", "7"])
    np.testing.assert_array_equal(same.y, NAMED)
    # In pandas, None is another missing value than in `columns`.
    assert same.replace(columns=None) == graph.replace(columns=None)
    frame = graph.predictions_frame(np.zeros((4, 2)))
    assert frame.columns.tolist() == ["prediction_likes", "prediction_7"]
    assert frame.index.tolist() == people()["name"].tolist()


def test_several_columns_of_whole_numbers():
    frame = several(likes=pd.array([1, 2, 0, 3], "Int64"))
    nodes = {"people": (frame, "name", ["likes", 7])}
    graph = HeteroGraph.from_pandas(nodes, {})
    labels = graph.node_sets["people"].y
    assert labels.dtype == np.int64
    assert labels.tolist() == [[1, 0], [2, 1], [0, 1], [3, 0]]
    frames, _ = graph.to_pandas()
    same = HeteroGraph.from_pandas(
        {"people": (frames["people"], None, ["likes", "7"])}, {}
    )
    assert same.node_sets["people"].y.tolist() == labels.tolist()
    # Without names, and with missing numbers of pandas' own type.
    frame["likes"] = pd.array([1, None, 0, 1], "Int64")
    graph = Graph.from_pandas(
        frame, calls()[["from", "to"]], id_column="name", label_column=["likes", 7]
    )
    np.testing.assert_array_equal(graph.y, NAMED)
    # As a file with "True", "False" and nothing is read.
    frame["likes"] = pd.Series([True, None, False, True], dtype=object)
    graph = Graph.from_pandas(
        frame, calls()[["from", "to"]], id_column="name", label_column=["likes", 7]
    )
    np.testing.assert_array_equal(graph.y, NAMED)
    nodes, _ = graph.replace(class_names=None).to_pandas()
    np.testing.assert_array_equal(nodes[["y0", "y1"]], NAMED)


@pytest.mark.parametrize(
    ("label_column", "message"),
    [
        (["likes", "job"], "Nodes: .* hold numbers.*'job' of type"),
        (["likes", "hates"], "Nodes: .*Received: label_column='hates'"),
        (["likes", "likes"], "list of distinct ones"),
        ([], r"label_column=\[\]"),
    ],
)
def test_several_columns_that_are_no_labels(label_column, message):
    with pytest.raises(ValueError, match=message):
        Graph.from_pandas(
            several(), calls(), id_column="name", label_column=label_column
        )


def test_names_of_labels_that_the_frame_has():
    for name in ("train_mask", "x0", "town"):
        graph = Graph([[1.0]], [], y=[[1.0, 0.0]], class_names=["a", name])
        graph = graph.replace(columns={"town": ["A"]})
        with pytest.raises(ValueError, match=rf"`class_names`.*columns \['{name}'\]"):
            graph.to_pandas()

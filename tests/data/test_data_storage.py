import json
import os

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from tfgraph.data import EdgeSet, Graph, HeteroGraph, NodeSet, neighbor_batches

X = np.arange(12, dtype=np.float32).reshape(4, 3)
GRAPH = Graph(
    X,
    [(0, 1), (2, 1), (3, 0)],
    edge_weight=[1.0, 2.0, 0.5],
    y=[0, 1, -1, 1],
    train_mask=[True, False, False, True],
    name="small",
)
HETERO = HeteroGraph(
    {
        "a set-with odd names": NodeSet(
            sp.csr_array(X),
            ids=["p", "q", "r", "é"],
            columns={"Title, long": list("abcd")},
        ),
        "bare": NodeSet(num_nodes=2),
    },
    {
        "to bare": EdgeSet(
            "a set-with odd names",
            "bare",
            [(0, 1), (3, 0)],
            edge_features=[[1.0], [2.0]],
            columns={"time": np.array([5, 6])},
        ),
        "none": EdgeSet("bare", "bare", []),
    },
)


def assert_same(found, expected):
    """Equal fields, of equal types."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert_same(found[name], value)
    elif sp.issparse(expected):
        assert sp.issparse(found)
        assert (found != expected).nnz == 0
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    elif hasattr(expected, "__dict__"):
        assert type(found) is type(expected)
        assert_same(vars(found), vars(expected))
    else:
        assert found == expected


@pytest.mark.parametrize(
    "graph",
    [GRAPH, HETERO, Graph(None, [], num_nodes=3), Graph(sp.csr_array(X), [(0, 1)])],
)
def test_round_trip(graph, tmp_path):
    graph.save(tmp_path / "folder" / "graph")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["graph"]
    assert_same(type(graph).load(str(tmp_path / "folder" / "graph")), graph)


def test_arrays_are_memory_maps(tmp_path):
    GRAPH.save(tmp_path / "graph")
    found = Graph.load(tmp_path / "graph")
    assert isinstance(found.x, np.memmap)
    assert isinstance(found.edges, np.memmap)
    assert np.shares_memory(found.replace(y=None).x, found.x)
    for (one, _), (other, _) in zip(
        neighbor_batches(found, (None,), 2, nodes="train", form="blocks"),
        neighbor_batches(GRAPH, (None,), 2, nodes="train", form="blocks"),
        strict=True,
    ):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1][0].values, other[1][0].values)


def test_what_is_there_is_never_written_over(tmp_path):
    GRAPH.save(tmp_path / "graph")
    with pytest.raises(ValueError, match=r"`path` to be a new folder.*which exists"):
        HETERO.save(tmp_path / "graph")
    assert_same(Graph.load(tmp_path / "graph"), GRAPH)
    objects = HeteroGraph({"bare": NodeSet(num_nodes=1, columns={"o": [{}]})}, {})
    with pytest.raises(ValueError, match=r"arrays of numbers or strings.*dtype=object"):
        objects.save(tmp_path / "objects")
    assert [path.name for path in tmp_path.iterdir()] == ["graph"]


@pytest.mark.parametrize("path", [None, 3, b"graph", "", "gs://bucket/graph", "a\0b"])
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match=r"`path` to be a folder.*Received: path"):
        GRAPH.save(path)
    with pytest.raises(ValueError, match=r"`path` to be a folder.*Received: path"):
        Graph.load(path)


def test_links(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "far" / "graph")
    GRAPH.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert Graph.load(tmp_path / "far" / "graph") == GRAPH
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in ("link", "loop"):
        with pytest.raises(ValueError, match="which exists"):
            HETERO.save(tmp_path / path)
    with pytest.raises(OSError, match="File name too long"):
        HETERO.save(tmp_path / ("n" * 300))
    assert sorted(os.listdir(tmp_path)) == ["far", "link", "loop"]


class Inherited(Graph):
    def twice(self):
        return 2 * self.x


class Extended(Graph):
    def __init__(self, *arguments, **fields):
        super().__init__(*arguments, **fields)
        self.place = "here"


def test_subclasses(tmp_path):
    Inherited(X, [(0, 1)]).save(tmp_path / "graph")
    found = Inherited.load(tmp_path / "graph")
    np.testing.assert_array_equal(found.twice(), 2 * X)
    assert type(Graph.load(tmp_path / "graph")) is Graph
    with pytest.raises(ValueError, match=r"Extended with further fields \['place'\]"):
        Extended(X, []).save(tmp_path / "other")
    assert os.listdir(tmp_path) == ["graph"]


def test_names_of_columns(tmp_path):
    long = "n" * 300
    graph = GRAPH.replace(columns={long: list("abcd")})
    graph.save(tmp_path / "graph")
    assert Graph.load(tmp_path / "graph").columns[long].tolist() == list("abcd")
    with pytest.raises(ValueError, match=r"`columns` with names .*the name 3 of type"):
        GRAPH.replace(columns={3: list("abcd")}).save(tmp_path / "other")


@pytest.mark.parametrize("name", [3, np.int64(3), b"name", ["name"]])
def test_names_of_graphs(name):
    for make in (
        lambda: Graph(X, [], name=name),
        lambda: HeteroGraph({"a": X}, {}, name=name),
    ):
        with pytest.raises(ValueError, match=r"`name` to be a string or None\. Re"):
            make()


@pytest.mark.parametrize("dtype", ["int8", ">i8", "uint32"])
def test_edges_of_types_that_are_not_stored(dtype, tmp_path):
    GRAPH.save(tmp_path / "graph")
    file = tmp_path / "graph" / file_of(tmp_path / "graph", "edges")
    np.save(file, np.load(file).astype(dtype))
    with pytest.raises(ValueError, match=r"edges of shape \(3, 2\) and dtype"):
        Graph.load(tmp_path / "graph")


def file_of(folder, field):
    return json.loads((folder / "graph.json").read_text())["fields"][field]["array"]


FILE = {"array": "graph.2-y.npy"}  # int64 [4]
MASK = {"array": "graph.6-train_mask.npy"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_mask": FILE},
            r"train_mask of shape \(4,\) and dtype int64 in graph.2-y",
        ),
        ({"x": FILE}, r"x of shape \(4,\) and dtype int64 in graph\.2-y\.npy"),
        ({"ids": MASK}, "ids of shape .* dtype bool"),
        ({"y": MASK}, "y of shape .* dtype bool"),
        ({"class_names": FILE}, "class_names of shape .* dtype int64"),
        ({"columns": {"fields": {"a": None}}}, r"columns\['a'\] of type NoneType"),
        ({"columns": 3}, "Received: AttributeError"),
        ({"y": {"fields": {}}}, "y of type dict"),
        ({"edges": None}, "edges of type NoneType"),
        ({"name": 3}, "`name` to be a string or None"),
        *(
            ({"x": {"array": file}}, f"a file in another folder, '{file}'")
            for file in ("..", ".", "", "../x.npy", "/dev/zero", "link")
        ),
        ({"x": {"array": "folder"}}, "'folder', which is no file"),
        ({"x": {"array": "graph.json"}}, r"graph\.json to hold an array"),
        ({"x": {"array": 3}}, "Received: TypeError"),
    ],
)
def test_changed_fields(changes, message, tmp_path):
    GRAPH.save(tmp_path / "graph")
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "graph" / "folder").mkdir()
    (tmp_path / "graph" / "link").symlink_to(tmp_path / "x.npy")
    change(tmp_path / "graph", **changes)
    with pytest.raises(ValueError, match=r"a folder that `Graph\.save` wrote") as error:
        Graph.load(tmp_path / "graph")
    assert error.match(message)


def test_ends_that_are_no_node_sets(tmp_path):
    HETERO.save(tmp_path / "graph")
    index = json.loads((tmp_path / "graph" / "graph.json").read_text())
    index["fields"]["edge_sets"]["fields"]["none"]["fields"]["source"] = "what"
    (tmp_path / "graph" / "graph.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="edge set 'none' from 'what' to 'bare'"):
        HeteroGraph.load(tmp_path / "graph")


def change(folder, **changes):
    index = json.loads((folder / "graph.json").read_text())
    index["fields"].update(changes)
    (folder / "graph.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "graph.json").write_text("{"), "Received:"),
        (
            lambda folder: (folder / "graph.json").write_text("[]"),
            "Received: TypeError",
        ),
        (
            lambda folder: change(folder, num_nodes=5),
            r"x with shape \(4, 3\) for 5 rows",
        ),
        (lambda folder: change(folder, y={"array": "../y.npy"}), "another folder"),
        (
            lambda folder: change(folder, edges={"array": file_of(folder, "x")}),
            "edges of shape",
        ),
        (
            lambda folder: change(folder, edge_weight={"array": file_of(folder, "y")}),
            r"edge_weight with shape \(4,\) for 3 rows",
        ),
        (
            lambda folder: (folder / file_of(folder, "x")).write_bytes(b"abc"),
            "Received:",
        ),
        (
            lambda folder: (folder / file_of(folder, "x")).write_bytes(
                (folder / file_of(folder, "x")).read_bytes()[:140]
            ),
            "Received:",
        ),
    ],
)
def test_damaged_folders(damage, message, tmp_path):
    GRAPH.save(tmp_path / "graph")
    damage(tmp_path / "graph")
    with pytest.raises(ValueError, match=r"a folder that `Graph\.save` wrote") as error:
        Graph.load(tmp_path / "graph")
    assert error.match(message)


@pytest.mark.parametrize(
    ("part", "place", "number"),
    [("indices", 0, 2**31 - 5), ("indices", 1, -1), ("indptr", 2, 2**31 - 5)],
)
def test_wrong_indices_of_sparse_features(part, place, number, tmp_path):
    """SciPy would write outside of its arrays, and end the process."""
    Graph(sp.csr_array(X), [(0, 1)]).save(tmp_path / "graph")
    [file] = (tmp_path / "graph").glob(f"*.{part}.npy")
    array = np.load(file)
    array[place] = number
    np.save(file, array)
    with pytest.raises(ValueError, match=r"a folder that `Graph\.save` wrote"):
        Graph.load(tmp_path / "graph")


@pytest.mark.parametrize("num_nodes", [None, -1, 2.5, "x"])
def test_wrong_fields(num_nodes, tmp_path):
    HETERO.save(tmp_path / "graph")
    index = json.loads((tmp_path / "graph" / "graph.json").read_text())
    bare = index["fields"]["node_sets"]["fields"]["bare"]["fields"]
    bare["num_nodes"] = num_nodes
    if num_nodes is None:
        del bare["num_nodes"]
    (tmp_path / "graph" / "graph.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"the fields .* of a NodeSet|nodes"):
        HeteroGraph.load(tmp_path / "graph")


def test_strings_of_pandas_are_stored(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "age": [1.0, 2.0], "country": ["D", "F"]})
    bought = pd.DataFrame({"who": ["a"], "what": ["a"]})
    graph = HeteroGraph.from_pandas(
        {"people": (frame, "id")}, {"knows": (bought, "people", "people")}
    )
    graph.save(tmp_path / "graph")
    found = HeteroGraph.load(tmp_path / "graph").node_sets["people"]
    assert found.columns["country"].tolist() == ["D", "F"]


def test_other_folders(tmp_path):
    HETERO.save(tmp_path / "graph")
    with pytest.raises(ValueError, match="Received: format 'tfgraph 1' of a Hetero"):
        Graph.load(tmp_path / "graph")
    (tmp_path / "graph" / "graph.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"`HeteroGraph.save`.*no graph.json"):
        HeteroGraph.load(tmp_path / "graph")
    with pytest.raises(FileNotFoundError, match=r"nothing to be a folder that `Graph"):
        Graph.load(tmp_path / "nothing")

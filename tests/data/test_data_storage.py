import json

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
    with pytest.raises(ValueError, match="`path` to be a folder"):
        GRAPH.save(None)


@pytest.mark.parametrize("dtype", ["int8", ">i8", "uint32"])
def test_edges_of_types_that_are_not_stored(dtype, tmp_path):
    GRAPH.save(tmp_path / "graph")
    file = tmp_path / "graph" / file_of(tmp_path / "graph", "edges")
    np.save(file, np.load(file).astype(dtype))
    with pytest.raises(ValueError, match=r"edges of shape \(3, 2\) and dtype"):
        Graph.load(tmp_path / "graph")


def file_of(folder, field):
    return json.loads((folder / "graph.json").read_text())["fields"][field]["array"]


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
    with pytest.raises(FileNotFoundError):
        HeteroGraph.load(tmp_path / "graph")
    with pytest.raises(FileNotFoundError):
        Graph.load(tmp_path / "nothing")

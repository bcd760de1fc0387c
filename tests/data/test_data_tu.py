import hashlib
import os
import pathlib
import shutil
import warnings
import zipfile

import numpy as np
import pytest

from tfgraph.data import read_tu, tu
from tfgraph.data.datasets import tu as tu_sets

DATA_DIR = os.environ.get("TFGRAPH_DATA_DIR")
needs_data = pytest.mark.skipif(
    not DATA_DIR, reason="TFGRAPH_DATA_DIR names no folder with the data sets"
)

# Three graphs: a triangle with a self-loop and an entry listed twice, a node alone, and
# a pair.
FILES = {
    "A": "1, 2\n2, 1\n3, 2\n2, 3\n1, 3\n3, 1\n1, 2\n3, 3\n6, 5\n5, 6\n",
    "graph_indicator": "1\n1\n1\n2\n3\n3\n",
    "graph_labels": "5\n-1\n5\n",
    "node_labels": "7\n3\n7\n7\n3\n9\n",
    "node_attributes": "1.5, 0\n-2, 1e3\n0, 0\n4, 4\n5, 5\n6, 6.25\n",
}


def write(folder, **changes):
    folder.mkdir(exist_ok=True)
    for part, text in {**FILES, **changes}.items():
        if text is not None:
            (folder / f"TINY_{part}.txt").write_text(text)
    return folder


def compressed(folder, file):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.iterdir():
            archive.write(path, f"{folder.name}/{path.name}")
    return file


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_small_set(kind, tmp_path):
    path = write(tmp_path / "TINY")
    if kind == "zip":
        path = compressed(path, tmp_path / "TINY.zip")
    graphs, labels = read_tu(path)
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, 0, 1]
    assert [graph.name for graph in graphs] == ["TINY_0", "TINY_1", "TINY_2"]
    triangle = [[1, 0], [2, 0], [0, 1], [2, 1], [0, 2], [1, 2], [2, 2]]
    assert graphs[0].edges.tolist() == triangle
    assert graphs[1].edges.tolist() == []
    assert graphs[2].edges.tolist() == [[1, 0], [0, 1]]
    assert all(graph.edge_weight is None for graph in graphs)
    np.testing.assert_array_equal(graphs[0].x, [[0, 1, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(graphs[1].x, [[0, 1, 0]])
    np.testing.assert_array_equal(graphs[2].x, [[1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("features", "max_degree", "expected"),
    [
        ("attributes", None, [[1.5, 0], [-2, 1000], [0, 0], [4, 4], [5, 5], [6, 6.25]]),
        ("degree", None, [[2], [2], [3], [0], [1], [1]]),
        (
            None,
            None,
            [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]],
        ),
        (
            "degree",
            np.int64(2),
            [[0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]],
        ),
        (
            ["degree", "labels"],
            1,
            [
                [0, 1, 0, 1, 0],
                [0, 1, 1, 0, 0],
                [0, 1, 0, 1, 0],
                [1, 0, 0, 1, 0],
                [0, 1, 1, 0, 0],
                [0, 1, 0, 0, 1],
            ],
        ),
    ],
)
def test_features(features, max_degree, expected, tmp_path):
    graphs, _ = read_tu(write(tmp_path / "TINY"), features, max_degree=max_degree)
    x = np.concatenate([graph.x for graph in graphs])
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, expected)


def test_without_labels_and_attributes_there_is_the_degree(tmp_path):
    folder = write(tmp_path / "TINY", node_labels=None, node_attributes=None)
    graphs, _ = read_tu(folder)
    assert [graph.x.ravel().tolist() for graph in graphs] == [[2, 2, 3], [0], [1, 1]]
    with pytest.raises(ValueError, match=r"\['degree'\], which this set has.*'labels'"):
        read_tu(folder, "labels")


def test_a_set_without_edges_and_a_graph_without_nodes(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graphs, labels = read_tu(
            write(tmp_path / "TINY", A="", graph_labels="0\n2\n1\n0\n")
        )
    assert [graph.num_edges for graph in graphs] == [0] * 4
    assert [graph.num_nodes for graph in graphs] == [3, 1, 2, 0]
    assert labels.tolist() == [0, 2, 1, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"A": None}, "one file <name>_A.txt.*TINY_graph_labels.txt"),
        ({"graph_indicator": "1\n1\n2\n1\n3\n3\n"}, "rising order.*line 4, 1"),
        ({"graph_indicator": "1\n1\n1\n2\n3\n4\n"}, "from 1 to 3.*line 6, 4"),
        ({"graph_indicator": "0\n1\n1\n2\n3\n3\n"}, "from 1 to 3.*line 1, 0"),
        ({"A": "1, 2\n2, 7\n"}, r"from 1 to 6\. Received: line 2, \[2, 7\]"),
        ({"A": "1, 2\n0, 1\n"}, r"from 1 to 6\. Received: line 2, \[0, 1\]"),
        ({"A": "1, 2, 1\n"}, r"lines \(row, column\).*\[1, 2, 1\]"),
        ({"A": "1, 2\n3, 4\n"}, r"between two graphs. Received: line 2, \[3, 4\]"),
        ({"graph_labels": "1, 0\n0, 1\n"}, "graph_labels.txt to hold one number.*2 of"),
        ({"graph_indicator": "1, 1\n1, 2\n"}, "graph_indicator.txt to hold one number"),
        ({"graph_labels": ""}, "line for each graph. Received: no lines"),
        ({"A": "1, 2\n2, a\n"}, "<name>_A.txt to hold rows of .*int64.*' a'"),
        ({"A": "1, 2\n2\n"}, "<name>_A.txt to hold rows"),
        ({"node_labels": "1\n2\n"}, "line for each of the 6 nodes.*2 lines"),
        ({"node_attributes": "1\n2\n3\n4\n1e40\n6\n"}, r"finite.*line 5, \[inf\]"),
        ({"graph_indicator": f"{2**62}\n-{2**62}\n"}, "from 1 to 3.*line 1, "),
        ({"node_attributes": "1\n2\n"}, "line for each of the 6 nodes.*2 lines"),
    ],
)
def test_files_out_of_format(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_tu(write(tmp_path / "TINY", **changes))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": "colour"}, "`features` to be one or .*features='colour'"),
        ({"features": 5}, "`features` to be one or several of .*features=5"),
        ({"features": [["labels"]]}, r"`features` to be one or .*\[\['labels'\]\]"),
        ({"features": "degree", "max_degree": "3"}, "`max_degree` .*max_degree='3'"),
        ({"features": "degree", "max_degree": True}, "`max_degree` .*max_degree=True"),
        ({"features": []}, r"`features` to be one or several of .*features=\[\]"),
        ({"features": "degree", "max_degree": 0}, "`max_degree` .*max_degree=0"),
        ({"max_degree": 3}, "the degree to be a feature.*max_degree=3, features='lab"),
    ],
)
def test_errors(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_tu(write(tmp_path / "TINY"), **arguments)


def test_unknown_set():
    with pytest.raises(ValueError, match=r"`name` to be one of .*name='NCI2'"):
        tu("NCI2")


def test_compact_format(tmp_path, monkeypatch):
    text = "2\n3 4\n0 2 1 2\n0 1 0\n0 2 2 0\n2 1\n0 0\n0 0\n"
    (tmp_path / "tu_compact").mkdir()
    with zipfile.ZipFile(tmp_path / "tu_compact" / "COLLAB.zip", "w") as archive:
        archive.writestr("COLLAB/COLLAB.txt", text)
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path))
    graphs, labels = tu("COLLAB", max_degree=2)
    assert labels.tolist() == [1, 0]
    assert graphs[0].edges.tolist() == [[1, 0], [2, 0], [0, 1], [0, 2], [2, 2]]
    assert [graph.num_nodes for graph in graphs] == [3, 2]
    np.testing.assert_array_equal(graphs[0].x, [[0, 0, 1], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(graphs[1].x, [[1, 0, 0], [1, 0, 0]])


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder from which sets are downloaded."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setattr(tu_sets, "TU_URL", folder.as_uri() + "/")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("TFGRAPH_DATA_DIR", raising=False)
    return folder


@needs_data
def test_a_set_is_downloaded_once(served):
    file = served / "MUTAG.zip"
    shutil.copy(pathlib.Path(DATA_DIR, "tu", "MUTAG.zip"), file)
    first, _ = tu("Mutag")
    file.unlink()
    again, _ = tu("MUTAG")
    assert len(first) == len(again) == 188


def test_another_file_is_refused(served, tmp_path, monkeypatch):
    compressed(write(tmp_path / "MUTAG"), served / "MUTAG.zip")
    with pytest.raises(ValueError, match=r"member MUTAG/MUTAG_A\.txt"):
        tu("MUTAG")
    for part in FILES:
        (tmp_path / "MUTAG" / f"TINY_{part}.txt").rename(
            tmp_path / "MUTAG" / f"MUTAG_{part}.txt"
        )
    compressed(tmp_path / "MUTAG", served / "MUTAG.zip")
    with pytest.raises(ValueError, match=r"MUTAG_A\.txt in file:.* sha256=d9656ca7"):
        tu("MUTAG")
    (tmp_path / "tu").mkdir()
    shutil.copy(served / "MUTAG.zip", tmp_path / "tu")
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"MUTAG_A\.txt in .*sha256=d9656ca7"):
        tu("MUTAG")


@pytest.mark.parametrize("name", ["DD", "REDDIT-BINARY", "REDDIT-MULTI-12K", "COLLAB"])
def test_the_zip_file_as_a_whole_is_verified(name, served, tmp_path, monkeypatch):
    with pytest.raises(OSError, match=rf"{name}\.zip.*TFGRAPH_DATA_DIR/tu"):
        tu(name)
    file = compressed(write(tmp_path / name), served / f"{name}.zip")
    known = tu_sets.TU_ZIP_SHA256[name]
    with pytest.raises(ValueError, match=rf"{name}\.zip to be .*sha256={known}"):
        tu(name)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(tu_sets.TU_ZIP_SHA256, name, sha256)
    graphs, labels = tu(name, "degree")
    assert [graph.num_edges for graph in graphs] == [7, 0, 2]
    assert labels.tolist() == [1, 0, 1]
    file.unlink()
    assert len(tu(name)[0]) == 3


@pytest.mark.parametrize("name", ["DD", "REDDIT-MULTI-12K"])
def test_a_zip_file_packed_anew_is_read_from_the_folder(name, tmp_path, monkeypatch):
    (tmp_path / "tu").mkdir()
    compressed(write(tmp_path / name), tmp_path / "tu" / f"{name}.zip")
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path))
    assert len(tu(name.lower())[0]) == 3


@needs_data
@pytest.mark.parametrize(
    ("name", "classes", "sizes", "num_edges", "num_features"),
    [
        ("MUTAG", [63, 125], (10, 3371, 28), 3721, 7),
        ("ENZYMES", [100] * 6, (2, 19580, 126), 37282, 3),
        ("PROTEINS", [663, 450], (4, 43471, 620), 81044, 3),
        ("IMDB-BINARY", [500, 500], (12, 19773, 136), 96531, 1),
        ("DD", [691, 487], (30, 334925, 5748), 843046, 82),
        ("REDDIT-BINARY", [1000, 1000], (6, 859254, 3782), 995508, 1),
    ],
)
def test_counts(name, classes, sizes, num_edges, num_features):
    graphs, labels = tu(name)
    assert np.bincount(labels).tolist() == classes
    num_nodes = [graph.num_nodes for graph in graphs]
    assert (min(num_nodes), sum(num_nodes), max(num_nodes)) == sizes
    assert sum(graph.num_edges for graph in graphs) == 2 * num_edges
    assert {graph.num_features for graph in graphs} == {num_features}
    if name == "IMDB-BINARY":  # listed twice in the file
        np.testing.assert_array_equal(
            graphs[0].x[:, 0], np.bincount(graphs[0].edges[:, 0])
        )


@needs_data
def test_enzymes_with_everything():
    graphs, _ = tu("ENZYMES", ["labels", "attributes", "degree"])
    x = graphs[0].x
    assert x.shape == (37, 3 + 18 + 1)
    assert set(x[:, :3].sum(axis=1)) == {1.0}
    np.testing.assert_allclose(x[0, 3:6], [11, 15.887014, 37.78], rtol=1e-6)
    isolated = sum(int((graph.x[:, -1] == 0).sum()) for graph in graphs)
    assert isolated == 106

import csv
import io
import json
import os
import pathlib
import shutil
import sys
import zipfile

import networkx as nx
import numpy as np
import pytest
import scipy.sparse
from small_files import ppi_archive, ppi_contents, sha256, write_ppi

from tfgraph.data import ppi, reddit, twitch
from tfgraph.data.datasets import ppi as ppi_files
from tfgraph.data.datasets import twitch as twitch_files

DATA_DIR = os.environ.get("TFGRAPH_DATA_DIR")
needs_data = pytest.mark.skipif(
    not DATA_DIR, reason="TFGRAPH_DATA_DIR names no folder with the data sets"
)
RNG = np.random.default_rng(0)


@needs_data
def test_twitch_counts():
    graphs = twitch()
    received = [
        (graph.name, graph.num_nodes, graph.num_edges // 2, *np.bincount(graph.y))
        for graph in graphs
    ]
    assert received == [  # name, nodes, undirected edges, not mature, mature
        ("twitch_DE", 9498, 153138, 3756, 5742),
        ("twitch_ENGB", 7126, 35324, 3238, 3888),
        ("twitch_ES", 4648, 59382, 3288, 1360),
        ("twitch_FR", 6549, 112666, 4135, 2414),
        ("twitch_PTBR", 1912, 31299, 1251, 661),
        ("twitch_RU", 4385, 37304, 3310, 1075),
        ("twitch_ZHTW", 2772, 63462, 1684, 1088),
    ]
    for graph in graphs:
        assert graph.num_features == 3170
        assert (graph.x.data == 1).all()
        assert (graph.edges[:, 0] != graph.edges[:, 1]).all()


@needs_data
@pytest.mark.parametrize("language", ["FR", "ZHTW"])
def test_twitch_is_what_the_files_say(language):
    with zipfile.ZipFile(pathlib.Path(DATA_DIR, "musae", "twitch.zip")) as archive:
        edges, features, target = (
            archive.read(f"twitch/{language}_{part}").decode()
            for part in ("edges.csv", "features.json", "target.csv")
        )
    (graph,) = twitch(language)
    expected = nx.Graph()
    for line in csv.DictReader(io.StringIO(edges)):
        expected.add_edge(int(line["from"]), int(line["to"]))
    both = [*expected.edges, *(edge[::-1] for edge in expected.edges)]
    assert sorted(map(tuple, graph.edges.tolist())) == sorted(both)

    for node, ids in json.loads(features).items():
        assert graph.x[[int(node)]].indices.tolist() == sorted(set(ids))
    for user in csv.DictReader(io.StringIO(target)):
        assert graph.y[int(user["new_id"])] == (user["mature"] == "True")


@needs_data
def test_twitch_keeps_the_order_asked_for():
    assert [g.name for g in twitch("ru", "PTBR")] == ["twitch_RU", "twitch_PTBR"]


@needs_data
def test_twitch_features_are_dense_without_scipy(monkeypatch):
    (expected,) = twitch("PTBR")
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    (graph,) = twitch("PTBR")
    assert isinstance(graph.x, np.ndarray)
    np.testing.assert_array_equal(graph.x, expected.dense_features())


def test_twitch_errors(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"`languages`.*\('DE', 'EN'\)"):
        twitch("DE", "EN")
    with pytest.raises(ValueError, match=r"`languages`.*\(\['DE'\],\)"):
        twitch(["DE"])
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"twitch\.zip.*twitch/RU_edges\.csv"):
        twitch("RU")
    path = tmp_path / "musae" / "twitch.zip"
    path.parent.mkdir()
    path.write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"zip file with a member twitch/RU_edges"):
        twitch("RU")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("twitch/RU_edges.csv", "from,to\n0,1\n")
    expected = twitch_files.TWITCH_SHA256["RU"]["edges.csv"]
    with pytest.raises(ValueError, match=f"twitch/RU_edges.*sha256={expected}"):
        twitch("RU")


@needs_data
def test_twitch_downloads(tmp_path, monkeypatch):
    """From a folder laid out as the repository's `input/`."""
    folders = {
        "edges.csv": "edges",
        "features.json": "features",
        "target.csv": "target",
    }
    with zipfile.ZipFile(pathlib.Path(DATA_DIR, "musae", "twitch.zip")) as archive:
        for part, folder in folders.items():
            name = f"PTBR_{part}" if folder != "features" else "PTBR.json"
            path = tmp_path / "input" / folder / name
            path.parent.mkdir(parents=True)
            path.write_bytes(archive.read(f"twitch/PTBR_{part}"))
    (expected,) = twitch("PTBR")
    monkeypatch.delenv("TFGRAPH_DATA_DIR")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(twitch_files, "TWITCH_URL", f"{(tmp_path / 'input').as_uri()}/")
    for _ in range(2):
        (graph,) = twitch("PTBR")
        np.testing.assert_array_equal(graph.edges, expected.edges)
        np.testing.assert_array_equal(graph.y, expected.y)
        shutil.rmtree(tmp_path / "input", ignore_errors=True)
    assert sorted(
        path.name for path in (tmp_path / "keras/datasets/tfgraph").iterdir()
    ) == [
        "twitch_PTBR_edges.csv",
        "twitch_PTBR_features.json",
        "twitch_PTBR_target.csv",
    ]


@pytest.fixture(params=[True, False], ids=["directed", "undirected"])
def ppi_folder(request, tmp_path):
    """Two graphs of 3 and 4 nodes, mixed, as the validation graphs of PPI."""
    graph_id = np.array([21, 22, 21, 22, 22, 21, 22])
    pairs = [(0, 2), (2, 5), (5, 5), (1, 3), (3, 6), (1, 6)]
    if request.param:  # GAT's files have both directions
        pairs += [(b, a) for a, b in pairs if a != b]
    graph = nx.DiGraph() if request.param else nx.Graph()
    graph.add_nodes_from(range(7))
    graph.add_edges_from(pairs)
    links = nx.node_link_data(graph, edges="links")
    (tmp_path / "valid_graph.json").write_text(json.dumps(links))
    np.save(tmp_path / "valid_graph_id.npy", graph_id)
    np.save(tmp_path / "valid_feats.npy", np.arange(14.0).reshape(7, 2))
    np.save(tmp_path / "valid_labels.npy", np.arange(21).reshape(7, 3) % 2)
    return tmp_path


def test_ppi(ppi_folder):
    first, second = ppi("val", ppi_folder)
    assert (first.name, second.name) == ("ppi_val_21", "ppi_val_22")
    # Nodes 0, 2, 5 and 1, 3, 4, 6 have new numbers, in the same order.
    assert sorted(first.edges.tolist()) == [[0, 1], [1, 0], [1, 2], [2, 1], [2, 2]]
    assert sorted(second.edges.tolist()) == [
        [0, 1],
        [0, 3],
        [1, 0],
        [1, 3],
        [3, 0],
        [3, 1],
    ]
    np.testing.assert_array_equal(first.x[:, 0], [0, 4, 10])
    np.testing.assert_array_equal(second.x[:, 0], [2, 6, 8, 12])
    np.testing.assert_array_equal(first.y, [[0, 1, 0], [0, 1, 0], [1, 0, 1]])
    assert first.y.dtype == np.float32
    assert first.num_classes == 3


def test_ppi_of_the_data_folder(ppi_folder, monkeypatch):
    (ppi_folder / "data").mkdir()
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(ppi_folder / "data"))
    with pytest.raises(FileNotFoundError, match=r"valid_graph.json.*data\.dgl\.ai"):
        ppi("val")
    (ppi_folder / "data" / "ppi").mkdir()
    for file in ppi_folder.glob("valid_*"):
        shutil.move(file, ppi_folder / "data" / "ppi")
    assert len(ppi("val")) == 2


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("graph_id.npy", np.arange(6), r"each of the 7 rows.*shape=\(6,\)"),
        ("graph_id.npy", np.array([1, 1, 1, 1, 1, 1, 2]), r"between two graphs.*6"),
        ("graph_id.npy", np.ones(7), r"one integer for each.*dtype=float64"),
        ("feats.npy", np.array(3.0), "valid_graph.json and the arrays beside it"),
        ("labels.npy", np.ones((6, 3)), "`y` to have one row for each node"),
        ("graph.json", {"links": [{"source": 0, "target": 9}]}, r"edges\[0\]=\(0, 9\)"),
        ("graph.json", {"links": [{"source": 0}]}, "no 'target'"),
        ("graph.json", {"edges": []}, "no 'links'"),
    ],
)
def test_ppi_errors(file, content, message, ppi_folder):
    path = ppi_folder / f"valid_{file}"
    if file.endswith("npy"):
        np.save(path, content)
    else:
        path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        ppi("val", ppi_folder)


def test_ppi_split_errors(ppi_folder, monkeypatch):
    monkeypatch.delenv("TFGRAPH_DATA_DIR", raising=False)
    with pytest.raises(ValueError, match=r"`split` to be one of.*split='valid'"):
        ppi("valid", ppi_folder)
    with pytest.raises(FileNotFoundError, match=r"train_graph\.json in the folder"):
        ppi("train", ppi_folder)


def check_released_ppi(folder=None):
    """Checks the graphs of the small files in GraphSAGE's format."""
    first, second = ppi("train", folder)
    assert (first.name, second.name) == ("ppi_train_1", "ppi_train_2")
    # Node 3 has no edges: it is added to the first graph.
    both_ways = [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0), (2, 2)]
    assert sorted(map(tuple, first.edges.tolist())) == sorted(both_ways)
    np.testing.assert_array_equal(first.x, [[0, 1], [2, 3], [4, 5], [6, 7]])
    np.testing.assert_array_equal(second.x, [[8, 9], [10, 11], [12, 13]])
    np.testing.assert_array_equal(second.y, [[0, 1, 1], [1, 1, 1], [0, 1, 1]])
    assert second.y.dtype == np.float32

    (val,) = ppi("val", folder)
    assert (val.name, val.num_nodes, val.num_edges) == ("ppi_val_3", 5, 10)
    np.testing.assert_array_equal(val.y[:, 2], [1, 1, 0, 0, 0])

    (test,) = ppi("test", folder)
    assert test.name == "ppi_test_4"
    assert sorted(test.edges.tolist()) == [
        [0, 1],
        [1, 0],
        [1, 4],
        [2, 3],
        [3, 2],
        [4, 1],
    ]
    np.testing.assert_array_equal(test.x[:, 0], [24, 26, 28, 30, 32])


def test_ppi_as_graphsage_released_it(tmp_path, monkeypatch):
    write_ppi(tmp_path, monkeypatch)
    check_released_ppi()
    monkeypatch.delenv("TFGRAPH_DATA_DIR")
    check_released_ppi(tmp_path / "ppi")
    (tmp_path / "ppi" / "ppi-feats.npy").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"ppi-feats\.npy to be the unmodified file"):
        ppi("val", tmp_path / "ppi")
    (tmp_path / "ppi" / "ppi-feats.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"ppi-feats\.npy.*graphsage/ppi\.zip"):
        ppi("val", tmp_path / "ppi")


def test_ppi_is_downloaded_once(tmp_path, monkeypatch):
    contents = ppi_contents()
    archive = tmp_path / "ppi.zip"
    monkeypatch.setattr(ppi_files, "PPI_SHA256", sha256(contents))
    monkeypatch.setattr(ppi_files, "PPI_URL", archive.as_uri())
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("TFGRAPH_DATA_DIR", raising=False)
    with pytest.raises(OSError, match=r"ppi\.zip.*TFGRAPH_DATA_DIR/ppi/ppi-{G\.json"):
        ppi("val")
    archive.write_bytes(ppi_archive(contents | {"ppi-G.json": b"{}"}))
    with pytest.raises(ValueError, match=r"ppi/ppi-G\.json in file:.* \(2 bytes\)"):
        ppi("val")
    archive.write_bytes(ppi_archive(contents))
    assert len(ppi("train")) == 2
    archive.unlink()
    check_released_ppi()


def reddit_files(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    adjacency = scipy.sparse.random_array((9, 9), density=0.3, rng=RNG, format="coo")
    scipy.sparse.save_npz(folder / "reddit_graph.npz", adjacency)
    arrays = {
        "feature": RNG.normal(size=(9, 4)),
        "label": np.arange(9) % 4,
        "node_types": np.array([1, 1, 1, 1, 2, 2, 3, 3, 3]),
        "node_ids": np.arange(9),
    }
    arrays |= changes
    np.savez(folder / "reddit_data.npz", **arrays)
    return adjacency, arrays


def test_reddit(tmp_path, monkeypatch):
    adjacency, arrays = reddit_files(tmp_path / "reddit")
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path))
    for graph in (reddit(), reddit(tmp_path / "reddit")):
        entries = zip(adjacency.col, adjacency.row, strict=True)
        assert sorted(map(tuple, graph.edges.tolist())) == sorted(entries)
        assert graph.edge_weight is None
        np.testing.assert_allclose(graph.x, arrays["feature"].astype(np.float32))
        np.testing.assert_array_equal(graph.y, arrays["label"])
        assert np.flatnonzero(graph.train_mask).tolist() == [0, 1, 2, 3]
        assert np.flatnonzero(graph.val_mask).tolist() == [4, 5]
        assert np.flatnonzero(graph.test_mask).tolist() == [6, 7, 8]


def test_reddit_errors(tmp_path, monkeypatch):
    monkeypatch.delenv("TFGRAPH_DATA_DIR", raising=False)
    with pytest.raises(FileNotFoundError, match=r"reddit_graph\.npz.*data\.dgl\.ai"):
        reddit(tmp_path)
    reddit_files(tmp_path, label=np.arange(8))
    with pytest.raises(ValueError, match="`y` to have one row for each node"):
        reddit(tmp_path)
    np.savez(tmp_path / "reddit_data.npz", feature=np.ones((9, 2)))
    with pytest.raises(ValueError, match=r"label.*Received: \['feature'\]"):
        reddit(tmp_path)

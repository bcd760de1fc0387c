import os
import pathlib
import pickle
import sys

import networkx as nx
import numpy as np
import pytest

from tfgraph.data import (
    amazon_computers,
    coauthor_physics,
    karate_club,
    planetoid,
    read_npz,
)

DATA_DIR = os.environ.get("TFGRAPH_DATA_DIR")
needs_data = pytest.mark.skipif(
    not DATA_DIR, reason="TFGRAPH_DATA_DIR names no folder with the data sets"
)
SPLITS = ("train_mask", "val_mask", "test_mask")


def counts(graph):
    """Loops, unique undirected edges, and nodes with no neighbour but themselves."""
    source, target = graph.edges.T
    pairs = {frozenset(edge) for edge in graph.edges.tolist()}
    loops = sum(len(pair) == 1 for pair in pairs)
    others = np.bincount(target[source != target], minlength=graph.num_nodes)
    assert graph.num_edges == 2 * (len(pairs) - loops) + loops  # both directions, once
    return loops, len(pairs) - loops, int((others == 0).sum())


def test_karate_club():
    graph, expected = karate_club(), nx.karate_club_graph()
    assert nx.utils.graphs_equal(
        graph.to_networkx(),
        nx.DiGraph([(u, v) for u, v in expected.to_directed().edges]),
    )
    factions = ["Mr. Hi", "Officer"]
    clubs = [factions[label] for label in graph.y]
    assert clubs == [expected.nodes[node]["club"] for node in range(34)]
    np.testing.assert_array_equal(graph.x, np.eye(34))
    assert np.flatnonzero(graph.train_mask).tolist() == [0, 33]
    np.testing.assert_array_equal(graph.test_mask, ~graph.train_mask)


@needs_data
@pytest.mark.parametrize(
    ("name", "edges", "features", "per_class", "unlabelled"),
    [
        ("cora", (0, 5278, 0), (1433, 49216), (351, 217, 418, 818, 426, 298, 180), 0),
        (
            "citeseer",
            (124, 4552, 48),
            (3703, 105165),
            (249, 590, 668, 701, 596, 508),
            15,
        ),
        ("pubmed", (3, 44324, 0), (500, 988031), (4103, 7739, 7875), 0),
    ],
)
def test_planetoid(name, edges, features, per_class, unlabelled):
    graph = planetoid(name)
    assert counts(graph) == edges
    assert (graph.num_features, graph.x.nnz) == features
    assert tuple(np.bincount(graph.y[graph.y >= 0])) == per_class
    assert graph.num_nodes == sum(per_class) + unlabelled
    train, val, test = (np.flatnonzero(getattr(graph, split)) for split in SPLITS)
    assert (np.bincount(graph.y[train]) == 20).all()
    np.testing.assert_array_equal(val, np.arange(500) + 20 * len(per_class))
    assert len(test) == 1000

    # Test rows are found at the ids of test.index, in its order.
    read = {
        part: pathlib.Path(DATA_DIR, "planetoid", f"ind.{name}.{part}").read_bytes()
        for part in ("tx", "ty", "test.index")
    }
    ids = [int(line) for line in read["test.index"].splitlines()]
    assert ids != sorted(ids)
    with pytest.warns(DeprecationWarning):
        tx = pickle.loads(read["tx"], encoding="latin1")
    ty = pickle.loads(read["ty"], encoding="latin1")
    assert abs(graph.x[ids] - tx).sum() == 0
    np.testing.assert_array_equal(graph.y[ids], ty.argmax(axis=1))
    empty = graph.y == -1
    assert empty.sum() == unlabelled
    assert abs(graph.x[np.flatnonzero(empty)]).sum() == 0


@needs_data
def test_names_match_without_regard_to_case():
    assert planetoid("Cora", "PUBLIC").name == "cora"


@needs_data
def test_planetoid_random_split():
    a, b, c = (planetoid("citeseer", "random", seed=seed) for seed in (1, 1, 2))
    assert [getattr(a, split).sum() for split in SPLITS] == [120, 500, 1000]
    assert all((getattr(a, s) == getattr(b, s)).all() for s in SPLITS)
    assert all((getattr(a, s) != getattr(c, s)).any() for s in SPLITS)


@needs_data
def test_features_are_dense_without_scipy(monkeypatch):
    expected = planetoid("cora").dense_features()
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    x = planetoid("cora").x
    assert isinstance(x, np.ndarray)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Kora",), "`name` to be one of .*name='Kora'"),
        ((["cora"],), r"`name` to be one of .*name=\['cora'\]"),
        (("cora", "full"), "`split` to be .*split='full'"),
    ],
)
def test_planetoid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        planetoid(*arguments)


@needs_data
@pytest.mark.parametrize(
    ("load", "nodes", "edges", "features", "per_class"),
    [
        (
            amazon_computers,
            13752,
            (0, 245861, 281),
            (767, 3675081),
            (436, 2142, 1414, 542, 5158, 308, 487, 818, 2156, 291),
        ),
        (
            coauthor_physics,
            34493,
            (0, 247962, 0),
            (8415, 1137311),
            (5750, 5045, 17426, 2753, 3519),
        ),
    ],
)
def test_npz_data_sets(load, nodes, edges, features, per_class):
    graph = load()
    assert graph.num_nodes == nodes
    assert counts(graph) == edges
    assert (graph.num_features, graph.x.nnz) == features
    assert tuple(np.bincount(graph.y)) == per_class
    assert graph.edge_weight is None
    assert graph.name == load.__name__


NPZ = {
    "adj_data": np.ones(2, np.float32),
    "adj_indices": np.array([1, 2]),
    "adj_indptr": np.array([0, 2, 2, 2]),
    "adj_shape": np.array([3, 3]),
    "attr_data": np.array([5.0, 6.0]),
    "attr_indices": np.array([0, 3]),
    "attr_indptr": np.array([0, 1, 1, 2]),
    "attr_shape": np.array([3, 4]),
    "labels": np.array([0, 1, 0]),
}


@pytest.mark.parametrize("values", [[1, 1], [2, 3]])
def test_read_npz(values, tmp_path):
    np.savez(tmp_path / "a.npz", **{**NPZ, "adj_data": np.array(values)})
    graph = read_npz(tmp_path / "a.npz")
    assert graph.edges.tolist() == [[1, 0], [2, 0], [0, 1], [0, 2]]
    weights = None if values == [1, 1] else graph.edge_weight.tolist()
    assert weights == (None if values == [1, 1] else [2, 3, 2, 3])
    assert graph.x.toarray().tolist() == [[5, 0, 0, 0], [0] * 4, [0, 0, 0, 6]]
    assert graph.y.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "an array `labels`"),
        ({"adj_indices": np.array([1, 3])}, r"`adj_\*` to be the parts of a CSR"),
        ({"adj_indices": np.array([1])}, r"`adj_\*`"),
        ({"adj_indptr": np.array([0, 3, 2, 2])}, r"`adj_\*`"),
        ({"attr_indptr": np.array([0, 2])}, r"`attr_\*`"),
        ({"labels": np.array([{}], object)}, "allow_pickle=False"),
        (
            {"labels": np.array([0, np.nan, 1])},
            r"a\.npz to hold a gr.*`y` to hold fi",
        ),
        (
            {"adj_shape": np.array([3, 4])},
            r"`adj_\*` to be square. .*a\.npz, where its shape is \(3, 4\)",
        ),
        ({"adj_shape": np.array([3.0, 3.0])}, r"`adj_\*` to be the parts of a CSR"),
        (
            {"adj_indptr": np.zeros(0, np.int64), "adj_shape": np.array([-1, -1])},
            r"`adj_\*` to be the parts of a CSR",
        ),
        ({"adj_shape": np.array(3)}, r"`adj_\*` to be the parts of a CSR"),
        ({"attr_indices": np.array([0.0, 3.0])}, r"`attr_\*`"),
        (
            {"attr_indptr": np.array([0, 1, 2]), "attr_shape": np.array([2, 4])},
            r"a\.npz to hold a graph .*`num_nodes` to be the number of rows of `x`",
        ),
    ],
)
def test_read_npz_refuses(changes, message, tmp_path):
    arrays = {key: a for key, a in {**NPZ, **changes}.items() if a is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("folder", [None, "empty"])
def test_npz_files_are_not_downloaded(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("TFGRAPH_DATA_DIR", raising=False)
    if folder:
        monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path / folder))
    with pytest.raises(
        FileNotFoundError, match=r"ms_academic_phy.npz.*shchur/gnn-bench"
    ):
        coauthor_physics()

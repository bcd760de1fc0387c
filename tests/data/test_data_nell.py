"""NELL, in small files of its format."""

import sys

import numpy as np
import pytest
import scipy.sparse
from small_files import (
    NELL_RELATIONS,
    NELL_TEST,
    nell_archive,
    nell_contents,
    sha256,
    write_nell,
)

from tfgraph.data import full_batch, nell
from tfgraph.data.datasets import planetoid as planetoid_files


def test_relations_are_one_hot(tmp_path, monkeypatch):
    write_nell(tmp_path, monkeypatch)
    graph = nell()
    assert graph.name == "nell"
    assert scipy.sparse.issparse(graph.x)
    assert graph.x.shape == (525, 4 + len(NELL_RELATIONS))

    # The files' own rows, in their order.
    rng = np.random.default_rng(0)
    classes = rng.integers(3, size=513)
    words = np.eye(3)[classes]
    other = rng.integers(2, size=513)
    entities = [*range(510), *NELL_TEST]
    x = graph.x.toarray()
    np.testing.assert_array_equal(x[entities, :3], words)
    np.testing.assert_array_equal(x[entities, 3], other)
    assert not x[entities, 4:].any()
    assert not x[NELL_RELATIONS, :4].any()
    np.testing.assert_array_equal(x[NELL_RELATIONS, 4:], np.eye(len(NELL_RELATIONS)))

    np.testing.assert_array_equal(graph.y[entities], classes)
    assert set(graph.y[list(NELL_RELATIONS)]) == {-1}
    assert np.flatnonzero(graph.train_mask).tolist() == list(range(6))
    assert np.flatnonzero(graph.val_mask).tolist() == list(range(6, 506))
    assert np.flatnonzero(graph.test_mask).tolist() == sorted(NELL_TEST)
    ring = {(i, (i + 1) % 525) for i in range(525)}
    edges = [*ring, *(edge[::-1] for edge in ring)]
    assert sorted(map(tuple, graph.edges.tolist())) == sorted(edges)


def test_features_stay_sparse(tmp_path, monkeypatch):
    write_nell(tmp_path, monkeypatch)
    graph = nell().row_normalized()
    assert scipy.sparse.issparse(graph.x)
    np.testing.assert_allclose(graph.x.sum(axis=1), 1, rtol=1e-6)
    batches = full_batch(graph, "train", sparse_features=True)
    (((x, _), _, weights),) = batches
    assert x.shape == (525, 16)
    assert np.count_nonzero(weights) == 6


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The archive from which NELL is downloaded."""
    contents = nell_contents()
    archive = tmp_path / "nell_data.tar.gz"
    archive.write_bytes(nell_archive(contents))
    monkeypatch.setattr(planetoid_files, "NELL_SHA256", sha256(contents))
    monkeypatch.setattr(planetoid_files, "NELL_URL", archive.as_uri())
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("TFGRAPH_DATA_DIR", raising=False)
    return archive


def test_the_archive_is_downloaded_once(served, tmp_path, monkeypatch):
    first = nell()
    served.unlink()
    again = nell()
    write_nell(tmp_path, monkeypatch)
    assert first == again == nell()


def test_another_archive_is_refused(served):
    others = nell_contents() | {"ty": b"another"}
    served.write_bytes(nell_archive(others))
    with pytest.raises(ValueError, match=r"nell_data/ind\.nell\.0\.001\.ty.*7 bytes"):
        nell()
    del others["ty"]
    served.write_bytes(nell_archive(others))
    with pytest.raises(ValueError, match=r"tar\.gz file with a member .*001\.ty.*KeyE"):
        nell()


def test_files_of_the_folder_are_verified(tmp_path, monkeypatch):
    write_nell(tmp_path, monkeypatch)
    file = tmp_path / "planetoid" / "ind.nell.0.001.graph"
    file.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"001\.graph to be the unmodified file"):
        nell()
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"001\.graph.*nell_data\.tar\.gz"):
        nell()


def test_scipy_is_needed(tmp_path, monkeypatch):
    write_nell(tmp_path, monkeypatch)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ImportError, match=r"`nell` needs scipy"):
        nell()

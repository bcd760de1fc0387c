import csv
import hashlib
import io
import os
import pathlib
import re
import shutil
import zipfile

import numpy as np
import pytest

from tfgraph.data import movielens
from tfgraph.data.datasets import movielens as movielens_files

DATA_DIR = os.environ.get("TFGRAPH_DATA_DIR")
needs_data = pytest.mark.skipif(
    not DATA_DIR, reason="TFGRAPH_DATA_DIR names no folder with the data sets"
)
GENRES = re.findall(
    r"\S+",
    "Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror IMAX Musical Mystery Romance Sci-Fi Thriller War Western",
)


def rows(name):
    """The rows of a file as dicts, read in another way than the loader's."""
    path = pathlib.Path(DATA_DIR, "movielens", "ml-latest-small.zip")
    with zipfile.ZipFile(path) as archive:
        text = archive.read(f"ml-latest-small/{name}.csv").decode()
    return list(csv.DictReader(io.StringIO(text)))


@needs_data
def test_movielens():
    graph = movielens()
    assert repr(graph) == (
        "HeteroGraph 'movielens'\n"
        "  users: nodes=610, ids\n"
        "  films: nodes=9742, features=19, ids, title\n"
        "  rates: users -> films, edges=100836, weighted, time"
    )
    users, films = graph.node_sets["users"], graph.node_sets["films"]
    assert users.ids.tolist() == list(range(1, 611))
    movies = rows("movies")
    assert films.ids.tolist() == [int(movie["movieId"]) for movie in movies]
    assert films.columns["title"].tolist() == [movie["title"] for movie in movies]
    for movie, x in zip(movies[::100], films.x[::100], strict=True):
        genres = set(movie["genres"].split("|")) & set(GENRES)
        assert {GENRES[i] for i in np.flatnonzero(x)} == genres
    assert (films.x.sum(axis=1) == 0).sum() == 34
    assert set(films.x.flat) == {0, 1}

    rates = graph.edge_sets["rates"]
    assert (np.bincount(rates.edges[:, 1], minlength=9742) == 0).sum() == 18
    found = zip(
        users.ids[rates.edges[:, 0]].tolist(),
        films.ids[rates.edges[:, 1]].tolist(),
        rates.edge_weight.tolist(),
        rates.columns["time"].tolist(),
        strict=True,
    )
    keys = ("userId", "movieId", "rating", "timestamp")
    assert set(found) == {
        tuple(float(row[key]) for key in keys) for row in rows("ratings")
    }


@needs_data
def test_download(tmp_path, monkeypatch):
    expected = movielens()
    file = tmp_path / "published.zip"
    shutil.copyfile(pathlib.Path(DATA_DIR, "movielens", "ml-latest-small.zip"), file)
    monkeypatch.delenv("TFGRAPH_DATA_DIR")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(movielens_files, "MOVIELENS_URL", file.as_uri())
    with pytest.raises(ValueError, match=r"published\.zip to be the unmodified file"):
        movielens()  # the one in the folder is packed anew
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(movielens_files, "MOVIELENS_ZIP_SHA256", sha256)
    for _ in range(2):
        graph = movielens()
        edges = graph.edge_sets["rates"].edges
        np.testing.assert_array_equal(edges, expected.edge_sets["rates"].edges)
        file.unlink(missing_ok=True)  # the second time from the cache
    cache = tmp_path / "keras" / "datasets" / "tfgraph"
    assert [path.name for path in cache.iterdir()] == ["ml-latest-small.zip"]


def test_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"ml-latest-small\.zip.*grouplens"):
        movielens()


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.delenv("TFGRAPH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    url = (tmp_path / "missing.zip").as_uri()
    monkeypatch.setattr(movielens_files, "MOVIELENS_URL", url)
    with pytest.raises(OSError, match=r"TFGRAPH_DATA_DIR/movielens/ml-latest-small"):
        movielens()

"""How the Planetoid files are fetched, verified and unpickled."""

import hashlib
import http.server
import os
import pathlib
import shutil
import threading
import traceback

import numpy as np
import pytest

from tfgraph.data import planetoid
from tfgraph.data.datasets import archives
from tfgraph.data.datasets import planetoid as planetoid_files

DATA_DIR = os.environ.get("TFGRAPH_DATA_DIR")
CONTENT = b"the file" * 100
FILE = "ind.cora.y"


@pytest.fixture
def known(monkeypatch):
    """Makes CONTENT the known content of FILE."""
    sha256 = {"cora": {"y": hashlib.sha256(CONTENT).hexdigest()}}
    monkeypatch.setattr(planetoid_files, "PLANETOID_SHA256", sha256)
    return sha256["cora"]["y"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("builtins", "list.append"),
        ("numpy", "ndarray.tofile"),
        ("numpy.f2py", "compile"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("scipy.sparse.csr", "csr_matrix.__init__"),
        ("collections", "defaultdict.__class__"),
        ("functools", "partial"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_malicious_pickles_run_nothing(module, name, protocol, tmp_path):
    victim = tmp_path / "victim"
    argument = f"touch {victim}".encode()
    if protocol == 2:
        get = b"\x80\x02c" + f"{module}\n{name}\n".encode()
    else:
        short = [
            b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)
        ]
        get = b"\x80\x04" + b"".join(short) + b"\x93"
    call = b"(X" + len(argument).to_bytes(4, "little") + argument + b"tR."
    with pytest.raises(ValueError, match=f"`{module}.{name}`"):
        archives.unpickled("ind.cora.y", get + call)
    assert not victim.exists()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves the folder `server.folder` and notes requests in `server.requests`."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=folder)

        def log_message(self, *args):
            requests.append(self.path)

    requests = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.folder, server.requests = folder, requests
    server.cache = tmp_path / "keras" / "datasets" / "tfgraph"
    url = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(planetoid_files, "PLANETOID_URL", url)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("TFGRAPH_DATA_DIR", raising=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_file_is_downloaded_once(server, known):
    (server.folder / FILE).write_bytes(CONTENT)
    for _ in range(3):
        assert planetoid_files.planetoid_file("cora", "y") == CONTENT
    assert server.requests == [f"/{FILE}"]
    assert [path.name for path in server.cache.iterdir()] == [FILE]


@pytest.mark.parametrize("damaged", [CONTENT[:100], b"", CONTENT[:-1] + b"x"])
def test_a_damaged_cached_file_is_fetched_again(damaged, server, known):
    (server.folder / FILE).write_bytes(CONTENT)
    server.cache.mkdir(parents=True)
    (server.cache / FILE).write_bytes(damaged)
    assert planetoid_files.planetoid_file("cora", "y") == CONTENT
    assert (server.cache / FILE).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_damaged_download_leaves_nothing_behind(server, known):
    damaged = CONTENT[:100]
    (server.folder / FILE).write_bytes(damaged)
    with pytest.raises(ValueError, match=FILE) as error:
        planetoid_files.planetoid_file("cora", "y")
    assert known in str(error.value)
    assert hashlib.sha256(damaged).hexdigest() in str(error.value)
    assert list(server.cache.iterdir()) == []


def test_a_failed_download_leaves_nothing_behind(server, known):
    with pytest.raises(OSError, match=f"{FILE}.*TFGRAPH_DATA_DIR") as error:
        planetoid_files.planetoid_file("cora", "y")
    assert list(server.cache.iterdir()) == []
    # What is printed: one traceback, and the reason in its last line.
    printed = "".join(traceback.format_exception(error.value))
    assert printed.count("Traceback") == 1
    assert printed.splitlines()[-1].endswith("404 -- File not found")


def test_the_users_folder_is_verified_and_left_alone(
    server, known, tmp_path, monkeypatch
):
    folder = tmp_path / "own" / "planetoid"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path / "own"))
    with pytest.raises(FileNotFoundError, match=FILE):
        planetoid_files.planetoid_file("cora", "y")
    (folder / FILE).write_bytes(b"other")
    with pytest.raises(ValueError, match=rf"{FILE}.*sha256={known}.*\(5 bytes\)"):
        planetoid_files.planetoid_file("cora", "y")
    assert (folder / FILE).read_bytes() == b"other"
    (folder / FILE).write_bytes(CONTENT)
    assert planetoid_files.planetoid_file("cora", "y") == CONTENT
    assert server.requests == []


@pytest.mark.skipif(
    not DATA_DIR, reason="TFGRAPH_DATA_DIR names no folder with the data sets"
)
def test_a_downloaded_graph_is_that_of_the_folder(server, monkeypatch):
    for path in pathlib.Path(DATA_DIR, "planetoid").glob("ind.cora.*"):
        shutil.copy(path, server.folder)
    downloaded = planetoid("cora")
    assert len(server.requests) == 7
    monkeypatch.setenv("TFGRAPH_DATA_DIR", DATA_DIR)
    expected = planetoid("cora")
    np.testing.assert_array_equal(downloaded.edges, expected.edges)
    np.testing.assert_array_equal(downloaded.y, expected.y)
    assert abs(downloaded.x - expected.x).sum() == 0

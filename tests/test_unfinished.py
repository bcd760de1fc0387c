import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tfgraph
from tfgraph import unfinished
from tfgraph.data import Graph
from tfgraph.export import export_transductive
from tfgraph.export.versions import write_file
from tfgraph.unfinished import unfinished_folder

GRAPH = Graph(np.eye(3), [(0, 1), (1, 2)])
KILLED = """
import os, pathlib, signal, sys, unfinished
with unfinished.unfinished_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "part").write_text("part")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def left_by_a_killed_process(target):
    """Returns the folder that a process left, which ended while it wrote a target."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, target],
        env={**os.environ, "PYTHONPATH": str(Path(unfinished.__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = Path(done.stdout.strip())
    assert (left / "part").exists()
    return left


def test_what_killed_processes_left(tmp_path):
    mine = left_by_a_killed_process(tmp_path / "graph")
    others = left_by_a_killed_process(tmp_path / "graph-2")
    with unfinished_folder(tmp_path / "graph") as first:
        assert not mine.exists()
        with unfinished_folder(tmp_path / "graph") as second:
            # The first is in use.
            assert set(tmp_path.iterdir()) == {others, first, second}
    assert list(tmp_path.iterdir()) == [others]


def test_disks_without_locks(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError

    left = left_by_a_killed_process(tmp_path / "graph")
    monkeypatch.setattr(unfinished.fcntl, "flock", flock)
    with unfinished_folder(tmp_path / "graph") as first:
        with unfinished_folder(tmp_path / "graph") as second:
            assert set(tmp_path.iterdir()) == {left, first, second}
        # One that is not locked is not found when others are.
        monkeypatch.undo()
        with unfinished_folder(tmp_path / "graph"):
            assert first.exists()
            assert not left.exists()


def predict(path):
    model = tfgraph.models.GraphSAGE(2, [4])
    tfgraph.inference.predict_nodes(model, GRAPH, 3, verbose=0, out=path)


def export(path):
    model = tfgraph.models.GCN(2, [4])
    inputs = GRAPH.x, GRAPH.to_sparse_tensor()
    model(inputs)
    export_transductive(model, path.parent, inputs)


def test_a_link_to_an_export_stays(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "far" / "model.onnx")
    assert write_file(b"content", tmp_path / "link") == str(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "model.onnx").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("write", "name"),
    [(GRAPH.save, "graph"), (predict, "results.npy"), (export, "saved_model")],
)
def test_the_next_call_removes_it(write, name, tmp_path):
    left = left_by_a_killed_process(tmp_path / name)
    write(tmp_path / name)
    assert not left.exists()
    assert len(list(tmp_path.iterdir())) == 1

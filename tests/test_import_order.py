"""What README says about imports is so."""

import subprocess
import sys

import pytest


def run(*lines):
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True
    )


@pytest.mark.slow
def test_tensorflow_gnn_comes_after_tfgraph():
    process = run("import tensorflow_gnn", "import tfgraph")
    assert process.returncode != 0
    assert "TF_USE_LEGACY_KERAS" in process.stderr
    process = run("import tfgraph", "import tensorflow_gnn", "import keras")
    assert process.returncode == 0, process.stderr

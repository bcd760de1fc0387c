"""What README says about imports is so, and `import tfgraph` is quick."""

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


@pytest.mark.slow
def test_import_loads_no_other_package():
    """TF-GNN alone takes seconds; it is imported when a GraphTensor is first used."""
    process = run(
        "import sys, tensorflow, keras",
        "before = set(sys.modules)",
        "import tfgraph",
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}",
        "print(*new - set(sys.stdlib_module_names))",
    )
    assert process.stdout.split() == ["tfgraph"], process.stderr

"""The quick mode of the long reproductions."""

import json
import os
from pathlib import Path

import pytest

REPRODUCE = Path(__file__).resolve().parents[1] / "benchmarks" / "reproduce.py"


@pytest.mark.skipif(
    "TFGRAPH_DATA_DIR" not in os.environ, reason="TFGRAPH_DATA_DIR is not set"
)
def test_diffpool_keeps_the_folds_that_are_done(run_script, tmp_path):
    def reproduce():
        options = "--folds 1 --epochs 5 --metric accuracy_strict --checkpoints ."
        printed = run_script(REPRODUCE, "diffpool", "ENZYMES", *options.split())
        *progress, last = printed.strip().splitlines()
        return progress, json.loads(last)

    progress, first = reproduce()
    [file] = tmp_path.glob("*.json")
    assert "kept" not in progress[0]
    # Six classes of the same size.
    assert first["metrics"]["accuracy_strict"]["mean"] > 25

    done = file.stat().st_mtime_ns
    progress, again = reproduce()
    assert f"kept in {file.name}" in progress[0]
    assert again["metrics"] == first["metrics"]
    assert file.stat().st_mtime_ns == done


def test_accuracy_paper_is_of_the_best_mean_epoch(run_script, tmp_path):
    # Kept folds, so nothing is trained. Alone, the first is best in epoch 1.
    for fold, curve in enumerate([[0.9, 0.6, 0.1], [0.1, 0.7, 0.1]]):
        file = tmp_path / f"diffpool-PROTEINS-diffpool-accuracy_paper-3-{fold}.json"
        file.write_text(json.dumps({"val_accuracy": curve, "note": ""}))
    options = f"--folds 2 --epochs 3 --metric accuracy_paper --checkpoints {tmp_path}"
    printed = run_script(REPRODUCE, "diffpool", "PROTEINS", *options.split())
    result = json.loads(printed.strip().splitlines()[-1])
    assert result["metrics"]["accuracy_paper"] == {"mean": 65.0, "std": 7.07}

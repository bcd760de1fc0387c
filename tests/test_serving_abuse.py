"""A short part of the stream of hostile requests, see `benchmarks/serving_abuse.py`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ABUSE = Path(__file__).resolve().parents[1] / "benchmarks" / "serving_abuse.py"


@pytest.fixture(scope="module")
def result():
    options = ["--requests", "480", "--per-thread", "6"]
    run = subprocess.run(
        [sys.executable, ABUSE, *options], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("way", ["python", "c"])
def test_hostile_requests(way, result):
    counts = result[way]
    assert counts["requests"] == 240 and counts["bad"] > 120
    faults = ("crashes", "hangs", "wrong", "answered", "other_errors")
    assert {fault: counts[fault] for fault in faults} == dict.fromkeys(faults, 0)
    assert counts["peak_mb"] < counts["loaded_mb"] + 200


def test_threads(result):
    assert result["threads"]["requests"] == 48
    assert result["threads"]["wrong"] == 0

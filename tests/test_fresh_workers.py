"""A run of tests in which the first worker of pytest-xdist is too large."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

CONFTEST = """
import fresh_workers

measured = set()


def resident_bytes(pid):
    measured.add(pid)
    return fresh_workers.LIMIT + 1 if len(measured) == 1 else 0


fresh_workers.resident_bytes = resident_bytes


def pytest_configure(config):
    config.pluginmanager.register(fresh_workers)
"""
MODULE = """
def called_in_the_first_worker():
    return 1


def called_in_the_second_worker():
    return 2
"""
TESTS = """
import os
import time

import covered
import pytest


@pytest.mark.parametrize("number", range(200))
def test_number(number):
    worker = os.environ["PYTEST_XDIST_WORKER"]
    if worker == "gw0":
        covered.called_in_the_first_worker()
        time.sleep(0.05)  # to be asked for its tests before all of them are done
    else:
        covered.called_in_the_second_worker()
    with open("done", "a") as done:
        print(number, worker, file=done)
    assert number != 150
"""


@pytest.mark.slow
def test_a_fresh_worker_runs_the_tests_of_a_large_one(tmp_path, monkeypatch):
    pytest.importorskip("xdist")
    pytest.importorskip("pytest_cov")
    (tmp_path / "covered.py").write_text(MODULE)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_numbers.py").write_text(TESTS)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(__file__).parent))
    command = "-m pytest -q -n 1 --dist worksteal -p no:cacheprovider --rootdir ."
    coverage = "--cov=covered --cov-report=term"
    run = subprocess.run(
        [sys.executable, *command.split(), *coverage.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "1 failed, 199 passed" in run.stdout
    assert "FAILED test_numbers.py::test_number[150] - assert 150 != 150" in run.stdout
    assert "node down" not in run.stdout
    assert re.search(r"TOTAL +4 +0 +100%", run.stdout)
    done = [line.split() for line in (tmp_path / "done").read_text().splitlines()]
    assert sorted(int(number) for number, _ in done) == list(range(200))
    assert {worker for _, worker in done} == {"gw0", "gw1"}


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="has no /proc")
def test_resident_bytes():
    fresh_workers = pytest.importorskip("fresh_workers")
    assert 1e8 < fresh_workers.resident_bytes(os.getpid()) < 1e11
    assert fresh_workers.resident_bytes("no process") == 0

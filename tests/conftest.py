import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import runpy
import sys
import warnings

import keras
import pytest


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def float32_policy():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def run_script(monkeypatch, tmp_path, capsys):
    """Runs `python script *arguments` in `tmp_path`, and returns what it prints.

    In this process, which has imported TensorFlow already. A UserWarning is an error.
    """

    def run(script, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(script.parent)
        monkeypatch.setattr(sys, "argv", [str(script), *map(str, arguments)])
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            runpy.run_path(str(script), run_name="__main__")
        return capsys.readouterr().out

    return run

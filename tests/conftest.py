"""Fixtures of all tests, and what keeps their processes small.

TensorFlow is imported in the fixtures, not here: the process of pytest-xdist that hands
out the tests needs none of it.
"""

import ctypes
import gc
import itertools
import os
import runpy
import sys
import threading
import warnings
import weakref

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# oneDNN's own allocator keeps the memory of the largest tensors until the process ends.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")


def pytest_configure(config):
    if config.pluginmanager.hasplugin("xdist"):
        import fresh_workers

        config.pluginmanager.register(fresh_workers)


@pytest.fixture(autouse=True, scope="session")
def coverage_of_threads():
    """Gives the threads that TensorFlow starts the trace function of coverage."""
    import tensorflow as tf

    numpy_function = tf.numpy_function

    def traced_numpy_function(function, *args, **kwargs):
        def traced(*arrays):
            if sys.gettrace() is None:
                sys.settrace(threading.gettrace())
            return function(*arrays)

        return numpy_function(traced, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        if threading.gettrace() is not None:
            patch.setattr(tf, "numpy_function", traced_numpy_function)
        yield


@pytest.fixture(autouse=True, scope="session")
def mortal_graphs():
    """Lets a traced graph go when nothing but TensorFlow's gradients refers to it.

    Each trace of a `tf.custom_gradient`, of which every Keras optimizer has two,
    registers its gradient for good, and a gradient holds its graph. Here the graph
    holds the gradient. A worker would grow to several GB.
    """
    import tensorflow as tf
    from tensorflow.python.framework.registry import Registry

    register = Registry.register

    def register_weakly(registry, candidate, name=None):
        if name is None or not name.startswith("CustomGradient-"):
            return register(registry, candidate, name)
        graph = tf.compat.v1.get_default_graph()
        graph.custom_gradients = [*getattr(graph, "custom_gradients", ()), candidate]
        gradient = weakref.ref(candidate)
        register(registry, lambda *args: gradient()(*args), name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "register", register_weakly)
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_collection():
    """Spares garbage collection the million objects of the imported libraries.

    Python collects old cycles, such as traced graphs, only when a quarter of all it
    watches is new. With the libraries that is a long time.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def malloc_trim():
    """glibc's function that returns free memory to the system, where there is one."""
    return getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: None)


@pytest.fixture(scope="session")
def numbers():
    """Numbers the tests of a process."""
    return itertools.count()


@pytest.fixture(autouse=True)
def no_garbage(malloc_trim, numbers):
    yield
    if next(numbers) % 4 == 3:
        gc.collect()
        malloc_trim(0)


@pytest.fixture(autouse=True)
def seeded():
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def float32_policy():
    import keras

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

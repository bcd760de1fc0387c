"""The import of TF-GNN beside Keras 3.

TF-GNN is written for Keras 2 and refuses to be imported beside Keras 3. Two things
make it work:

- TF-GNN's modules import a stand-in for `tensorflow`. Its `keras` is `tf_keras`. The
  user's own `tf.keras` stays Keras 3.
- Keras is told that a GraphTensor is a nested structure, see `tfgraph.graph_tensor`.
"""

import builtins
import functools
import importlib
import importlib.abc
import importlib.machinery
import sys
import types

import optree
import tensorflow as tf

from tfgraph.graph_tensor import to_components

_TFGNN = "tensorflow_gnn"


class _TensorFlowWithKeras2(types.ModuleType):
    """The module that TF-GNN imports as `tensorflow`: with `tf_keras` as `keras`."""

    def __init__(self):
        super().__init__("tensorflow")
        import tf_keras

        self.keras = tf_keras

    def __getattr__(self, name):
        return getattr(tf, name)


_stand_in = functools.cache(_TensorFlowWithKeras2)


def _import(name, *args, **kwargs):
    """The `__import__` of TF-GNN's modules. It imports the stand-in for TensorFlow."""
    module = builtins.__import__(name, *args, **kwargs)
    return _stand_in() if module is tf else module


class _Loader(importlib.abc.Loader):
    """Executes one of TF-GNN's modules with an `import` statement of its own."""

    def __init__(self, loader):
        self.loader = loader

    def __getattr__(self, name):  # resources, source code for tracebacks
        if name == "loader":  # not yet there in a copy
            raise AttributeError(name)
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__builtins__ = {**vars(builtins), "__import__": _import}
        self.loader.exec_module(module)
        if module.__name__ == _TFGNN:
            _register_with_keras(module.GraphTensor)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of TF-GNN for `_Loader`, in any module that imports them."""

    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] != _TFGNN:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def _register_with_keras(graph_tensor_class):
    if hasattr(graph_tensor_class, "__len__"):  # done before
        return
    # Keras takes the length of what it nests; TF-GNN defines none.
    graph_tensor_class.__len__ = lambda graph: len(to_components(graph))
    optree.register_pytree_node(
        graph_tensor_class,
        lambda graph: ((to_components(graph),), None),
        lambda _, children: children[0],
        namespace="keras",
    )


def install() -> None:
    """Makes `import tensorflow_gnn` work beside Keras 3, now and later."""
    if _TFGNN in sys.modules:
        _register_with_keras(sys.modules[_TFGNN].GraphTensor)
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())

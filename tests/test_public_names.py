"""What a user sees: `dir()` of the modules, and the types of what is public."""

import ast
from pathlib import Path

import keras
import pytest

import tfgraph

PACKAGE = Path(tfgraph.__file__).parent


@pytest.mark.parametrize(
    "module, some",
    [
        (tfgraph.beam, {"sample", "write_tables"}),
        (tfgraph, {"data", "layers", "GraphInput", "as_graph_tensor"}),
        (tfgraph.layers, {"GCNConv", "GraphConvolution", "gcn_normalize"}),
        (tfgraph.explain, {"gnn_explainer", "fidelity"}),
        (tfgraph.losses, {"NegativeSamplingLoss", "reconstruction_loss"}),
        (tfgraph.models, {"GCN", "GraphSAGE", "GAE", "VGAE"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_dir_shows_public_names_only(module, some):
    assert dir(module) == sorted(module.__all__)
    assert some <= set(dir(module))
    for name in dir(module):
        origin = getattr(module, name)
        origin = getattr(origin, "__module__", None) or origin.__name__
        assert not name.startswith("_") and origin.startswith(module.__name__)


@pytest.mark.parametrize(
    "module, base",
    [
        (tfgraph.layers, keras.layers.Layer),
        (tfgraph.losses, keras.losses.Loss),
        (tfgraph.models, keras.Model),
    ],
)
def test_dir_shows_every_registered_class(module, base):
    found = {
        registered.__name__
        for registered in keras.saving.get_custom_objects().values()
        if registered.__module__.startswith(module.__name__)
        and issubclass(registered, base)
        and not registered.__name__.startswith("_")
    }
    assert found and found <= set(dir(module))


def public_functions(node, owner=""):
    """Yields the name and the definition of each function that a reader may call."""
    for child in node.body:
        name = f"{owner}{getattr(child, 'name', '')}"
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public_functions(child, f"{name}.")
        elif isinstance(child, ast.FunctionDef) and (
            not child.name.startswith("_") or child.name == "__init__"
        ):
            yield name, child


def untyped(function, is_method):
    """Returns the arguments of a function without a type, and `return`."""
    parts = function.args
    given = [*parts.posonlyargs, *parts.args][int(is_method) :] + parts.kwonlyargs
    given += [part for part in (parts.vararg, parts.kwarg) if part]
    names = [part.arg for part in given if part.annotation is None]
    return names + ["return"] * (function.returns is None)


def without_types(source):
    """Returns the public functions of a module that lack a type, and where."""
    found = {
        name: untyped(function, "." in name)
        for name, function in public_functions(ast.parse(source))
    }
    return {name: names for name, names in found.items() if names}


def test_a_function_without_types_is_found():
    source = "class A:\n    def f(self, x, *, y: int, **z): ...\n"
    source += "def g(x: int) -> int: ...\ndef _h(x): ...\n"
    assert without_types(source) == {"A.f": ["x", "z", "return"]}


@pytest.mark.parametrize(
    "pattern",
    [
        "adjacency/*.py",
        "arguments.py",
        "distribute.py",
        "explain/*.py",
        "inputs.py",
        "layers/*.py",
        "losses.py",
        "membership.py",
        "models/*.py",
        "ops/*.py",
    ],
)
def test_public_functions_have_types(pattern):
    files = {
        path.relative_to(PACKAGE).as_posix(): without_types(path.read_text("utf-8"))
        for path in PACKAGE.glob(pattern)
    }
    assert files
    assert {path: names for path, names in files.items() if names} == {}

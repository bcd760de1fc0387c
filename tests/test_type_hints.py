"""Every public function and method says what it takes and what it returns."""

import importlib
import inspect

import pytest

MODULES = ["callbacks", "data", "distribute", "export", "inference", "metrics", "plots"]


def public_callables(module):
    """Yields the name and the function of each public function and method.

    Methods of Keras and Python, and private ones other than `__init__`, are left out.
    """
    for name in module.__all__:
        value = getattr(module, name)
        if not inspect.isclass(value):
            yield name, value
            continue
        for cls in value.__mro__:
            if not cls.__module__.startswith("tfgraph."):
                continue
            for key, member in vars(cls).items():
                if isinstance(member, classmethod | staticmethod):
                    member = member.__func__
                if isinstance(member, property):
                    member = member.fget
                is_public = key == "__init__" or not key.startswith("_")
                if is_public and inspect.isfunction(member):
                    yield f"{name}.{key}", member


def without_hints(name, function):
    """Returns the arguments without a hint, and "return" if the result has none."""
    signature = inspect.signature(function)
    arguments = list(signature.parameters.values())
    if "." in name:  # the object or class that a method belongs to
        del arguments[0]
    missing = [a.name for a in arguments if a.annotation is inspect.Parameter.empty]
    # `-> None` says nothing that a constructor does not say.
    has_result = signature.return_annotation is not inspect.Signature.empty
    if not has_result and not name.endswith(".__init__"):
        missing.append("return")
    return missing


@pytest.mark.parametrize("module_name", MODULES)
def test_public_functions_have_type_hints(module_name):
    module = importlib.import_module(f"tfgraph.{module_name}")
    checked = dict(public_callables(module))
    assert checked
    missing = {name: without_hints(name, f) for name, f in checked.items()}
    assert {name: names for name, names in missing.items() if names} == {}


def test_missing_hints_are_found():
    class Example:
        def method(self, x, y: int): ...

    assert without_hints("Example.method", Example.method) == ["x", "return"]


@pytest.mark.parametrize("module_name", MODULES)
def test_dir_shows_public_names_only(module_name):
    module = importlib.import_module(f"tfgraph.{module_name}")
    assert dir(module) == sorted(module.__all__)

"""Checks of arguments, with one form of error.

Other libraries' objects are recognised by their attributes, so that none of those
libraries is imported.
"""

from __future__ import annotations

import os
import pathlib
import re
from typing import Any

import numpy as np


def is_scipy(value: Any) -> bool:
    """Whether `value` is a SciPy sparse matrix or array."""
    return hasattr(value, "tocsr")


def is_networkx(value: Any) -> bool:
    """Whether `value` is a NetworkX graph."""
    return hasattr(value, "is_directed") and hasattr(value, "adj")


def is_sparse_tensor(value: Any) -> bool:
    """Whether `value` is a `tf.sparse.SparseTensor`."""
    return hasattr(value, "dense_shape") and hasattr(value, "values")


def is_hetero_graph(value: Any) -> bool:
    """Whether `value` is a `tfgraph.data.HeteroGraph`."""
    return hasattr(value, "to_graph_tensor") and hasattr(value, "node_sets")


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer of Python or NumPy, but not a boolean."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether `value` is a real number of Python or NumPy, but not a boolean."""
    return is_integer(value) or isinstance(value, float | np.floating)


def checked_integer(name: str, value: Any, least: int = 1, owner: str = "") -> int:
    """Returns an argument as an `int`.

    Args:
        name: The argument.
        value: What was passed for it.
        least: The smallest value that is allowed.
        owner: The class of the layer or model with this argument, for the error.

    Raises:
        ValueError: If it is not an integer, or out of range.
    """
    if not is_integer(value) or not least <= value < 2**63:
        known = {0: "a non-negative integer", 1: "a positive integer"}
        expected = known.get(least, f"an integer of at least {least}")
        limit = " below 2**63" if is_integer(value) and value > 0 else ""
        raise ValueError(
            f"{_expected(owner)} `{name}` to be {expected}{limit}. "
            f"{received(name, value)}"
        )
    return int(value)  # integers of NumPy may overflow


def checked_fraction(name: str, value: Any, owner: str = "") -> float:
    """Returns an argument that is a number in `[0, 1)`, or raises a `ValueError`."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(
            f"{_expected(owner)} `{name}` to be a number in [0, 1). "
            f"{received(name, value)}"
        )
    return float(value) if isinstance(value, np.floating) else value


def checked_finite(name: str, value: Any, owner: str = "") -> float:
    """Returns an argument that is a finite number, or raises a `ValueError`."""
    if not is_number(value) or not abs(value) < float("inf"):
        raise ValueError(
            f"{_expected(owner)} `{name}` to be a finite number. "
            f"{received(name, value)}"
        )
    return float(value) if isinstance(value, np.generic) else value


def check_flags(owner: str = "", /, **flags: Any) -> None:
    """Raises a `ValueError` if one of the arguments is not True or False.

    Args:
        owner: As in `checked_integer`.
        **flags: What was passed for each argument.
    """
    for name, value in flags.items():
        if not isinstance(value, bool | np.bool_):
            raise ValueError(
                f"{_expected(owner)} `{name}` to be True or False. "
                f"{received(name, value)}"
            )


def checked_path(name: str, value: Any, what: str = "a folder") -> pathlib.Path:
    """Returns an argument that names a file or folder, or raises a `ValueError`.

    Args:
        name: The argument.
        value: What was passed for it.
        what: What it should name.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    # pathlib makes the folder "gs:" of a URL. One letter is a drive on Windows.
    is_path = isinstance(text, str) and not re.match(r"[A-Za-z][\w+.-]+:/", text)
    if not is_path or not text or "\0" in text:
        raise ValueError(
            f"Expected `{name}` to be {what}, as a string or a path object, and no "
            f"URL. {received(name, value)}"
        )
    return pathlib.Path(text)


def checked_seed(seed: Any) -> int | None:
    """Returns the argument `seed` as an `int` or None, or raises a `ValueError`."""
    if seed is None:
        return None
    if not is_integer(seed) or not 0 <= seed < 2**63:
        raise ValueError(
            "Expected `seed` to be a non-negative integer or None. "
            f"{received('seed', seed)}"
        )
    return int(seed)


def check_choice(
    name: str,
    value: Any,
    choices: tuple[str, ...],
    optional: bool = False,
    owner: str = "",
) -> None:
    """Raises a `ValueError` if an argument is none of `choices`.

    Args:
        name: The argument.
        value: What was passed for it.
        choices: The strings that it may be.
        optional: Whether it may be None, too.
        owner: As in `checked_integer`.
    """
    if optional and value is None:
        return
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{_expected(owner)} `{name}` to be {'None or ' * optional}one of "
            f"{choices}. {received(name, value)}"
        )


def check_adjacency(name: str, value: Any, expected: str = "a tf.SparseTensor") -> None:
    """Raises a `ValueError` if an argument is not a `tf.SparseTensor` `[N, N]`."""
    if is_sparse_tensor(value):
        return
    hint = None
    if getattr(value, "ndim", None) == 2 and hasattr(value, "__array__"):
        hint = f"Convert it with `tf.sparse.from_dense({name})`."
    raise wrong_object(name, expected, value, hint, ".to_sparse_tensor()")


def wrong_object(
    name: str, expected: str, value: Any, hint: str | None = None, suffix: str = ""
) -> ValueError:
    """Returns the error for an object that is not what an argument should be.

    Args:
        name: The argument.
        expected: What it should be.
        value: What was passed for it.
        hint: A sentence that says what to do. None to name the function that makes a
            `Graph` of `value`.
        suffix: The method call that turns a `Graph` into what is expected.
    """
    if hint is None:
        hint = conversion(name, value, suffix)
    return ValueError(
        f"Expected `{name}` to be {expected}. {hint} {received(name, value)}"
    )


def received(name: str, value: Any) -> str:
    """Returns the end of an error: a short value itself, else the type."""
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return f"Received: {name}={value!r}"
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    prefix = "" if package == "builtins" else f"{package}."
    return f"Received: {name} of type {prefix}{kind.__qualname__}"


def _expected(owner: str) -> str:
    """Returns the beginning of an error."""
    return f"{owner}: expected" if owner else "Expected"


def conversion(name: str, value: Any, suffix: str = "") -> str:
    """Returns a sentence with the function that makes a `Graph` of `value`."""
    if hasattr(value, "to_sparse_tensor") and not is_hetero_graph(value):
        call = f"`{name}{suffix}`"
        return f"Convert it with {call}." if suffix else "It is a Graph already."
    if hasattr(value, "element_spec"):
        return "Pass what the dataset was made of, not the dataset."
    for is_kind, conversion in _CONVERSIONS:
        if is_kind(value):
            return f"Convert it with `tfgraph.data.{conversion.format(name)}{suffix}`."
    return f"Make one with `tfgraph.data.Graph(x, edges){suffix}`."


_CONVERSIONS = (
    (is_scipy, "Graph.from_scipy({})"),
    (is_networkx, "Graph.from_networkx({})"),
    (is_sparse_tensor, "Graph.from_sparse_tensor({})"),
    (
        is_hetero_graph,
        "Graph.from_graph_tensor({}.to_graph_tensor(), node_set_name, edge_set_name)",
    ),
    (lambda value: hasattr(value, "node_sets"), "Graph.from_graph_tensor({})"),
    (lambda value: hasattr(value, "edge_index"), "Graph.from_pyg({})"),
    (lambda value: hasattr(value, "ndata"), "Graph.from_dgl({})"),
    (lambda value: hasattr(value, "iloc"), "Graph(x, {}.to_numpy())"),  # pandas
)

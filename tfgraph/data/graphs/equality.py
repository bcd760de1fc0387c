"""`==` of graphs and of their sets of nodes and edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgraph.arguments import is_scipy


def equal(one: Any, other: Any) -> Any:
    """Whether two graphs, or two sets of nodes or edges, hold the same.

    Their names do not count, nor do the sizes of their numbers (int32 or int64).
    """
    if type(one) is not type(other):
        return NotImplemented
    return _equal(*({**vars(graph), "name": None} for graph in (one, other)))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(_equal(value, other[name]) for name, value in one.items())
        )
    if is_scipy(one):
        return is_scipy(other) and one.shape == other.shape and not (one != other).nnz
    if isinstance(one, np.ndarray):
        if one.dtype.kind == "O" and isinstance(other, np.ndarray):
            alike = one.dtype == other.dtype and one.shape == other.shape
            return alike and all(map(_equal, one.flat, other.flat))
        return (
            isinstance(other, np.ndarray)
            and one.dtype.kind == other.dtype.kind
            and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        )
    if type(one) is not type(other):
        return False
    is_nan = isinstance(one, float) and one != one and other != other
    return one is other or is_nan or bool(one == other)

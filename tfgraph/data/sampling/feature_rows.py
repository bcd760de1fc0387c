"""Rows of a feature matrix, read for a minibatch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs.fields import SciPyMatrix

_ALIGNMENT = 64  # of TensorFlow's buffers, in bytes


def feature_rows(x: np.ndarray | SciPyMatrix, nodes: np.ndarray) -> np.ndarray:
    """Returns the rows of float32 features for some nodes; that of node 0 for -1.

    Args:
        x: An array, also a memory map, or a SciPy sparse matrix, which becomes dense.
        nodes: Node numbers.
    """
    if is_scipy(x):
        return x[np.maximum(nodes, 0)].toarray()
    # In memory that TensorFlow can take over. It copies an array that is not aligned as
    # its own are, which would take longer than everything else in a sample.
    size = len(nodes) * x.shape[1]
    buffer = np.empty(size + _ALIGNMENT // 4, np.float32)
    start = -buffer.ctypes.data % _ALIGNMENT // 4
    rows = buffer[start : start + size].reshape(len(nodes), x.shape[1])
    # Not "raise", which would write to another buffer first.
    return np.take(x, nodes, axis=0, out=rows, mode="clip")


def filled(rows: np.ndarray, size: int, value: npt.ArrayLike = 0) -> np.ndarray:
    """Returns an array `[size, ...]`: the rows, and after them rows of `value`."""
    missing = np.zeros((size - len(rows), *rows.shape[1:]), rows.dtype) + value
    return np.append(rows, missing.astype(rows.dtype, copy=False), axis=0)

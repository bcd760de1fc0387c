"""Rows of a feature matrix, read for a minibatch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs.fields import SciPyMatrix
from tfgraph.data.graphs.tensor_memory import aligned_empty


class FeatureRows:
    """Reads rows of a feature matrix, for one minibatch after the other.

    The memory of rows that nothing refers to any more is used for the next rows. New
    memory is cleared by the system, which takes as long as to read the rows.

    Args:
        x: float32, an array, also a memory map, or a SciPy sparse matrix.
    """

    def __init__(self, x: np.ndarray | SciPyMatrix) -> None:
        self.x = x
        self._spare: list[np.ndarray] = []

    def take(self, nodes: np.ndarray) -> np.ndarray:
        """Returns the rows of some nodes, dense; that of node 0 for -1."""
        if is_scipy(self.x):
            return self.x[np.maximum(nodes, 0)].toarray()
        rows = self._empty(len(nodes), self.x.shape[1])
        # Not "raise", which would write to another buffer first.
        return np.take(self.x, nodes, axis=0, out=rows, mode="clip")

    def _empty(self, num_rows, width):
        """Returns an array in memory that TensorFlow can take over.

        To copy it would take longer than everything else in a sample.
        """
        size = num_rows * width
        try:
            memory = self._spare.pop()
        except IndexError:  # not checked before: another thread may take the last
            memory = np.empty(0, np.float32)
        if len(memory) > 2 * size:  # what is kept of a small sample would keep it all
            self._spare.append(memory)
        if not size <= len(memory) <= 2 * size:
            # With room for the next sample, which may have a few more nodes.
            memory = aligned_empty((size + size // 8,), np.float32)
        lent = np.asarray(_Loan(memory, self._spare))
        return lent[:size].reshape(num_rows, width)


class _Loan:
    """What arrays in lent memory refer to. Without any, the memory is spare again."""

    def __init__(self, memory, spare):
        self.__array_interface__ = memory.__array_interface__
        self.memory, self.spare = memory, spare

    def __del__(self):
        if not self.spare:  # more would be kept for a list of batches
            self.spare.append(self.memory)


def filled(rows: np.ndarray, size: int, value: npt.ArrayLike = 0) -> np.ndarray:
    """Returns an array `[size, ...]`: the rows, and after them rows of `value`."""
    missing = np.zeros((size - len(rows), *rows.shape[1:]), rows.dtype) + value
    return np.append(rows, missing.astype(rows.dtype, copy=False), axis=0)

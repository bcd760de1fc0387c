"""The order in which a graph keeps its edges: sorted by target, then source."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tfgraph.data.graphs.tensor_memory import aligned_empty

_BLOCK = 2**18  # edges that are looked at together, as many as caches hold


def sorted_by_target(edges: np.ndarray, *arrays: np.ndarray | None) -> list:
    """Returns edges sorted by target, then source, and arrays (or None) with them.

    Sorted so, these are the adjacency's entries in row-major order. TensorFlow's CSR
    kernels need that order. Sorting once is far cheaper than in every training step.
    What is sorted already is returned as it is.
    """
    if _are_sorted(edges):
        return [edges, *arrays]
    lowest, highest = limits(edges)
    shift = highest.bit_length()
    if lowest < 0 or 2 * shift > 63:
        order = np.lexsort(edges.T)
    elif all(array is None for array in arrays):
        return [_sorted_as_numbers(edges, shift), *arrays]
    else:
        # One number for each edge sorts three times as fast as two.
        order = (edges[:, 1].astype(np.int64) << shift | edges[:, 0]).argsort(
            kind="stable"
        )
    result = _empty_edges(edges)
    result[:, 0], result[:, 1] = edges[order, 0], edges[order, 1]
    return [result, *(None if a is None else a[order] for a in arrays)]


def has_repeated(edges: np.ndarray) -> bool:
    """Whether an edge is repeated among sorted edges."""
    return bool((edges[1:] == edges[:-1]).all(axis=1).any())


def first_places(numbers: np.ndarray, count: int) -> np.ndarray:
    """Returns where each of `0 .. count` starts, or would, among sorted numbers."""
    first = np.zeros(count + 1, np.int64)
    for start in range(0, len(numbers), _BLOCK):
        block = numbers[start : start + _BLOCK]
        times = np.bincount(block - block[0])  # few, as the numbers are sorted
        first[block[0] + 1 :][: len(times)] += times
    return np.cumsum(first, out=first)


def limits(edges: np.ndarray) -> tuple[int, int]:
    """Returns the lowest and the highest number of a node in edges, at least one."""

    def of_block(block):
        return int(edges[block].min()), int(edges[block].max())

    lowest, highest = zip(*_for_blocks(of_block, 0, len(edges)), strict=True)
    return min(lowest), max(highest)


def _are_sorted(edges: np.ndarray) -> bool:
    """Whether edges are sorted by target, then source."""
    for start in range(0, len(edges) - 1, _BLOCK):
        source, target = edges[start : start + _BLOCK + 1].T
        same = target[1:] == target[:-1]
        if not np.all((target[1:] > target[:-1]) | same & (source[1:] >= source[:-1])):
            return False
    return True


def _sorted_as_numbers(edges: np.ndarray, shift: int) -> np.ndarray:
    """Returns sorted edges, sorted as one number each, `target << shift | source`.

    The numbers lie in the memory of the result, as fresh memory takes longer to get
    than they take to sort.
    """
    result = _empty_edges(edges)
    keys = result[:, ::-1].view(np.int64).reshape(-1)[: len(edges)]

    def pack(block):
        np.left_shift(edges[block, 1], shift, out=keys[block], dtype=np.int64)
        keys[block] |= edges[block, 0]

    def unpack(block):
        key = keys[block].copy()
        np.bitwise_and(key, (1 << shift) - 1, out=result[block, 0], casting="same_kind")
        np.right_shift(key, shift, out=result[block, 1], casting="same_kind")

    _for_blocks(pack, 0, len(edges))
    _sort(keys)
    # The second half of what is left, again and again: its edges overwrite no numbers
    # but those that were taken before.
    stop = len(edges)
    while stop:
        start = (stop + 1) // 2 if stop > _BLOCK else 0
        _for_blocks(unpack, start, stop)
        stop = start
    return result


def _empty_edges(edges: np.ndarray) -> np.ndarray:
    """Returns an array for as many edges, with targets first in memory.

    The adjacency has them so too, and can use the same memory.
    """
    return aligned_empty(edges.shape, edges.dtype)[:, ::-1]


def _sort(keys: np.ndarray) -> None:
    """Sorts numbers in place; of many, the lower and the upper half side by side."""
    halves = [keys]
    if len(keys) > _BLOCK:
        middle = len(keys) // 2
        keys.partition(middle)
        halves = [keys[:middle], keys[middle:]]
    _side_by_side(np.ndarray.sort, halves)


def _for_blocks(function: Callable[[slice], Any], start: int, stop: int) -> list:
    """Returns the results of a function of each block of `start .. stop`."""
    firsts = range(start, stop, _BLOCK)
    return _side_by_side(
        function, [slice(first, min(first + _BLOCK, stop)) for first in firsts]
    )


def _side_by_side(function: Callable[[Any], Any], parts: list) -> list:
    """Returns the results of a function of each part, half of them by another thread.

    NumPy lets it go on meanwhile.
    """

    def results(some):
        return [function(part) for part in some]

    middle = len(parts) // 2
    if not middle:
        return results(parts)
    with ThreadPoolExecutor(1) as other:
        try:
            of_first = other.submit(results, parts[:middle])
        except RuntimeError:  # no thread can start any more: at exit, or at a limit
            return results(parts)
        of_second = results(parts[middle:])
        return of_first.result() + of_second

"""Checks of what a `Graph` is made of: each returns its argument as it is stored."""

import operator

import numpy as np


def is_scipy(value) -> bool:
    """Whether `value` is a SciPy sparse matrix, told without importing SciPy."""
    return hasattr(value, "tocsr")


def _real_array(name: str, value) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(
            f"Expected `{name}` to be an array. Received: {name}={value!r}"
        ) from error
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"Expected `{name}` to hold real numbers. "
            f"Received: {name} with dtype={array.dtype}"
        )
    return array


def _check_finite(name: str, array: np.ndarray):
    # Some rows at a time: `array` may be a file that is larger than memory.
    step = max(1, 2**22 // max(1, array[:1].size))
    for start in range(0, len(array), step):
        finite = np.isfinite(array[start : start + step])
        if not finite.all():
            row, *column = np.argwhere(~finite)[0].tolist()
            where = (start + row, *column)
            raise ValueError(
                f"Expected `{name}` to hold finite float32 numbers. "
                f"Received: {name} with {array[where]} at index {list(where)}"
            )


def _float32(name: str, value) -> np.ndarray:
    array = _real_array(name, value)
    with np.errstate(over="ignore"):  # reported below, as infinity
        array = array.astype(np.float32, copy=False)
    _check_finite(name, array)
    return array


def checked_features(x):
    x = x.tocsr() if is_scipy(x) else _real_array("x", x)
    if x.ndim != 2:
        raise ValueError(
            "Expected `x` to have shape [num_nodes, num_features]. "
            f"Received: x with shape={tuple(x.shape)}"
        )
    if not is_scipy(x):
        return _float32("x", x)
    x = type(x)((_float32("x", x.data), x.indices, x.indptr), shape=x.shape)
    if not x.has_canonical_format:
        x = x.copy()  # the caller's matrix stays as it is
        x.sum_duplicates()
    return x


def checked_labels(y) -> np.ndarray:
    array = _real_array("y", y)
    if array.ndim not in (1, 2):
        raise ValueError(
            "Expected `y` to have shape [num_nodes] or [num_nodes, num_outputs]. "
            f"Received: y with shape={array.shape}"
        )
    if array.dtype.kind == "f":
        return _float32("y", array)
    array = array.astype(np.int64)
    if array.ndim == 1 and array.min(initial=0) < -1:
        raise ValueError(
            "Expected `y` to hold class numbers from 0 on, or -1 for nodes without "
            f"label. Received: y with smallest value {array.min()}"
        )
    return array


def check_integer(name: str, value, least: int):
    """Raises a `ValueError` if an argument is not an integer of at least `least`."""
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ValueError(
            f"Expected `{name}` to be an integer of at least {least}. "
            f"Received: {name}={value!r}"
        )


def are_classes(y: np.ndarray) -> bool:
    """Whether labels are class numbers, of which -1 stands for no label."""
    return y.ndim == 1 and y.dtype == np.int64


def checked_num_nodes(x, y, num_nodes) -> int:
    known = x if x is not None else y
    if num_nodes is None:
        if known is None:
            raise ValueError(
                "Expected `num_nodes` to be given when neither `x` nor `y` tells it: "
                "the edges cannot, nodes may have none. Received: num_nodes=None"
            )
        return known.shape[0]
    try:
        number = operator.index(num_nodes)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(
            "Expected `num_nodes` to be a non-negative integer. "
            f"Received: num_nodes={num_nodes!r}"
        )
    if x is not None and x.shape[0] != number:
        raise ValueError(
            "Expected `num_nodes` to be the number of rows of `x`. "
            f"Received: num_nodes={number}, x with shape={tuple(x.shape)}"
        )
    return number


def checked_edges(edges, num_nodes: int) -> np.ndarray:
    array = _real_array("edges", edges)
    if array.shape == (0,):  # an empty list
        return np.zeros((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2:
        hint = " Transpose it." if array.ndim == 2 and array.shape[0] == 2 else ""
        raise ValueError(
            "Expected `edges` to have shape [num_edges, 2], each row (source, target)."
            f"{hint} Received: edges with shape={array.shape}"
        )
    if array.dtype.kind not in "iu":
        raise ValueError(
            f"Expected `edges` to hold integers. Received: edges with "
            f"dtype={array.dtype}"
        )
    bad = ((array < 0) | (array >= num_nodes)).any(axis=1)
    if bad.any():
        first = int(bad.argmax())
        source, target = array[first].tolist()
        raise ValueError(
            f"Expected `edges` to hold node numbers from 0 to {num_nodes - 1}. "
            f"Received: edges[{first}]=({source}, {target})"
        )
    return array.astype(np.int64, copy=False)


def checked_edge_weight(edge_weight, num_edges: int) -> np.ndarray:
    array = _real_array("edge_weight", edge_weight)
    if array.shape != (num_edges,):
        raise ValueError(
            f"Expected `edge_weight` to have one number for each of the {num_edges} "
            f"edges. Received: edge_weight with shape={array.shape}"
        )
    return _float32("edge_weight", array)


def checked_mask(name: str, mask, num_nodes: int, y) -> np.ndarray:
    array = np.asarray(mask)
    if array.dtype != bool or array.shape != (num_nodes,):
        raise ValueError(
            f"Expected `{name}` to hold one boolean for each of the {num_nodes} nodes. "
            f"Received: {name} with shape={array.shape} and dtype={array.dtype}"
        )
    if y is not None and are_classes(y):
        unlabelled = array & (y == -1)
        if unlabelled.any():
            raise ValueError(
                f"Expected `{name}` to select nodes with a label. "
                f"Received: {name} with node {unlabelled.argmax()}, whose y=-1"
            )
    return array


def checked_nodes(nodes, num_nodes: int) -> np.ndarray:
    """Returns node numbers, int64, of distinct node numbers or of a mask."""
    array = _real_array("nodes", nodes)
    if array.dtype == bool:
        return np.flatnonzero(checked_mask("nodes", array, num_nodes, None))
    if array.shape == (0,):  # an empty list
        return np.zeros(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            "Expected `nodes` to be node numbers or a mask. "
            f"Received: nodes with shape={array.shape} and dtype={array.dtype}"
        )
    bad = (array < 0) | (array >= num_nodes)
    if bad.any():
        raise ValueError(
            f"Expected `nodes` to hold node numbers from 0 to {num_nodes - 1}. "
            f"Received: nodes[{bad.argmax()}]={array[bad.argmax()]}"
        )
    numbers, count = np.unique(array, return_counts=True)
    if len(numbers) < len(array):
        raise ValueError(
            "Expected `nodes` to hold each node once. "
            f"Received: node {numbers[count.argmax()]} {count.max()} times"
        )
    return array.astype(np.int64, copy=False)

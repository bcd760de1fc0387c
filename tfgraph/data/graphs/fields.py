"""Checks of the fields of a `Graph`: each returns its argument as it is stored."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import (
    checked_integer,
    is_scipy,
    is_sparse_tensor,
    received,
    wrong_object,
)
from tfgraph.data.graphs.edge_order import limits

if TYPE_CHECKING:
    import scipy.sparse

# A name, since SciPy need not be installed.
SciPyMatrix: TypeAlias = "scipy.sparse.sparray | scipy.sparse.spmatrix"

MASKS = ("train_mask", "val_mask", "test_mask")

# For errors: how to make node numbers of ids, and class numbers of names.
FROM_IDS = " `graph.rows(ids)` makes node numbers of `ids`."
FROM_NAMES = " `np.unique(names, return_inverse=True)` makes class numbers of `names`."


def real_array(name: str, value: npt.ArrayLike, hint: str = "") -> np.ndarray:
    """Returns an argument as an array of real numbers, or says what it is instead.

    Args:
        name: The argument.
        value: What was passed for it.
        hint: How to make numbers of what it may be instead, for the error.
    """
    array = as_array(name, value)
    if array.dtype == object and array.ndim == 0:
        raise ValueError(
            f"Expected `{name}` to be an array of real numbers. {received(name, value)}"
        )
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"Expected `{name}` to hold real numbers.{hint} "
            f"Received: {name} with dtype={array.dtype}"
        )
    return array


def as_array(name: str, value: npt.ArrayLike) -> np.ndarray:
    """Returns an argument as an array, or raises a `ValueError` with its name."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of different lengths, say
        raise ValueError(
            f"Expected `{name}` to be an array. Received: {name}={value!r}"
        ) from error


def check_finite(
    name: str, array: np.ndarray, columns: Sequence[Any] | None = None
) -> None:
    """Raises a `ValueError` if there is a NaN or infinity, with its place.

    Args:
        name: The argument.
        array: What was passed for it, as numbers.
        columns: Names of its columns in a table, for the error.
    """
    array = np.atleast_1d(array)
    # Some rows at a time: `array` may be a file that is larger than memory.
    step = max(1, 2**22 // max(1, array[:1].size))
    for start in range(0, len(array), step):
        finite = np.isfinite(array[start : start + step])
        if not finite.all():
            row, *column = np.argwhere(~finite)[0].tolist()
            where = (start + row, *column)
            of_column = "" if columns is None else f", column {columns[column[0]]!r}"
            raise ValueError(
                f"Expected `{name}` to hold finite float32 numbers. "
                f"Received: {name} with {array[where]} at index {list(where)}"
                f"{of_column}"
            )


def as_int64(name: str, array: np.ndarray) -> np.ndarray:
    """Returns integers or booleans as int64, or raises a `ValueError`."""
    if array.dtype == np.uint64 and array.size and array.max() >= 2**63:
        place = tuple(np.argwhere(array >= 2**63)[0].tolist())
        raise ValueError(
            f"Expected `{name}` to hold integers below 2**63. "
            f"Received: {name} with {array[place]} at index {list(place)}"
        )
    return array.astype(np.int64, copy=False)


def finite_float32(name: str, value: npt.ArrayLike) -> np.ndarray:
    """Returns an argument as an array of finite float32 numbers."""
    array = real_array(name, value)
    with np.errstate(over="ignore"):  # reported below, as infinity
        array = array.astype(np.float32, copy=False)
    check_finite(name, array)
    return array


def checked_features(x: Any) -> Any:
    if is_sparse_tensor(x):
        hint = "Pass `tf.sparse.to_dense(x)`, or make a SciPy matrix of its entries."
        raise wrong_object("x", "an array or a SciPy sparse matrix", x, hint)
    x = x.tocsr() if is_scipy(x) else real_array("x", x)
    if x.ndim != 2:
        raise ValueError(
            "Expected `x` to have shape [num_nodes, num_features]. "
            f"Received: x with shape={tuple(x.shape)}"
        )
    if not is_scipy(x):
        return finite_float32("x", x)
    values = finite_float32("x", x.data)
    x = type(x)((values, x.indices, x.indptr), shape=x.shape)
    if not x.has_canonical_format:
        x = x.copy()  # the caller's matrix stays as it is
        x.sum_duplicates()
    return x


def checked_labels(
    y: npt.ArrayLike | None, class_names: npt.ArrayLike | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Returns labels as numbers, and the names of the classes or None."""
    names = None if class_names is None else _checked_names(class_names)
    if y is None:
        return None, names
    array = as_array("y", y)
    if array.shape == (0,) and not hasattr(y, "dtype"):  # an empty list
        array = array.astype(np.int64)
    if array.dtype.kind == "U" and not hasattr(y, "dtype"):
        array = np.array(y, object)  # else a NaN in a list becomes the string "nan"
    if _are_texts(array):
        return _numbered(array, names)
    array = _checked_numbers(array)
    if names is not None:
        _check_names_fit(array, names)
    return array, names


def _checked_numbers(y: np.ndarray) -> np.ndarray:
    array = real_array("y", y)
    if array.ndim not in (1, 2):
        raise ValueError(
            "Expected `y` to have shape [num_nodes] or [num_nodes, num_outputs]. "
            f"Received: y with shape={array.shape}"
        )
    if array.dtype.kind == "f":
        return float32_labels("y", array)
    array = as_int64("y", array)
    if array.ndim == 1 and array.min(initial=0) < -1:
        raise ValueError(
            "Expected `y` to hold class numbers from 0 on, or -1 for nodes without "
            f"label. Received: y with smallest value {array.min()}"
        )
    return array


def float32_labels(name: str, array: np.ndarray) -> np.ndarray:
    """Returns real labels as float32; NaN stands for no label in `[N, C]` only."""
    if array.ndim == 1:
        return finite_float32(name, array)
    missing = np.isnan(array)
    known = finite_float32(name, np.where(missing, 0, array))
    return np.where(missing, np.float32(np.nan), known) if missing.any() else known


def _are_texts(array: np.ndarray) -> bool:
    """Whether all values are strings, but for None and NaN."""
    if array.dtype != object:
        return array.dtype.kind == "U"
    present = [value for value in array.flat if not _is_missing(value)]
    # A column of strings may be all missing. Columns `[N, C]` hold numbers.
    may_be_texts = bool(present) or array.ndim == 1
    return may_be_texts and all(isinstance(value, str) for value in present)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _numbered(
    texts: np.ndarray, names: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns class numbers of texts, -1 for missing ones, and the names."""
    if texts.ndim != 1:
        raise ValueError(
            "Expected `y` of strings to have shape [num_nodes]. "
            f"Received: y with shape={texts.shape}"
        )
    values = texts.tolist()
    if names is None:
        names = np.array(sorted({v for v in values if not _is_missing(v)}), str)
    number_of = {name: number for number, name in enumerate(names.tolist())}
    for place, value in enumerate(values):
        if not _is_missing(value) and value not in number_of:
            raise ValueError(
                "Expected `y` to hold names of `class_names`. To take the names from "
                "`y`, pass class_names=None. "
                f"Received: y[{place}]={value!r}, class_names={names.tolist()}"
            )
    numbers = [-1 if _is_missing(value) else number_of[value] for value in values]
    return np.array(numbers, np.int64), names


def _checked_names(class_names: npt.ArrayLike) -> np.ndarray:
    array = _of_strings(as_array("class_names", class_names))
    if array.shape == (0,):  # an empty list
        array = array.astype(str)
    if array.ndim != 1 or array.dtype.kind != "U":
        raise ValueError(
            "Expected `class_names` to be strings, one for each class. Received: "
            f"class_names with shape={array.shape}, dtype={array.dtype}"
        )
    if len(np.unique(array)) < len(array):
        raise ValueError(
            "Expected `class_names` to hold each name once. "
            f"Received: class_names={array.tolist()}"
        )
    return array


def _check_names_fit(y: np.ndarray, names: np.ndarray) -> None:
    """Raises a `ValueError` unless there is a name for each class or column."""
    if y.ndim == 1 and not are_classes(y):
        raise ValueError(
            "Expected `class_names` with class numbers or several columns of `y`. "
            f"Received: y with dtype={y.dtype}, class_names={names.tolist()}"
        )
    if y.ndim == 2:
        needed, fits = f"{y.shape[1]} columns", len(names) == y.shape[1]
    else:
        largest = int(y.max(initial=-1))
        needed, fits = f"classes up to {largest}", largest < len(names)
    if not fits:
        raise ValueError(
            f"Expected `class_names` to name the {needed} of `y`, or to be None. "
            f"Received: class_names={names.tolist()}"
        )


def are_classes(y: np.ndarray) -> bool:
    """Whether labels are class numbers, of which -1 stands for no label."""
    return y.ndim == 1 and y.dtype == np.int64


def checked_num_nodes(x: Any, y: np.ndarray | None, num_nodes: int | None) -> int:
    known = x if x is not None else y
    if num_nodes is None:
        if known is None:
            raise ValueError(
                "Expected `num_nodes` to be given when both `x` and `y` are None: "
                "the edges do not show nodes without edges. Received: num_nodes=None"
            )
        num_nodes = known.shape[0]
    checked_integer("num_nodes", num_nodes, 0)
    if x is not None and x.shape[0] != num_nodes:
        raise ValueError(
            "Expected `num_nodes` to be the number of rows of `x`. "
            f"Received: num_nodes={num_nodes}, x with shape={tuple(x.shape)}"
        )
    if y is not None and len(y) != num_nodes:
        raise ValueError(
            "Expected `y` to have one row for each node. "
            f"Received: y with shape={y.shape} and {num_nodes} nodes"
        )
    return int(num_nodes)


def checked_edges(edges: npt.ArrayLike, num_nodes: int | None = None) -> np.ndarray:
    """Returns edges as int64 or, if they are of that type, int32 `[E, 2]`.

    Args:
        edges: What was passed for the argument `edges`.
        num_nodes: The nodes that both ends are among. None if that is checked later.
    """
    expected = "integers [num_edges, 2], each row (source, target)"
    if any(hasattr(edges, name) for name in ("tocsr", "dense_shape", "adj")):
        raise wrong_object("edges", expected, edges)
    hint = " `Graph.from_pandas` takes edges between the ids of nodes."
    array = real_array("edges", edges, hint)
    if array.shape == (0,):  # an empty list
        return np.zeros((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(
            "Expected `edges` to have shape [num_edges, 2], each row (source, target)."
            f"{_hint_of_shape(array.shape, num_nodes)} "
            f"Received: edges with shape={array.shape}"
        )
    if array.dtype.kind not in "iu":
        raise ValueError(
            f"Expected `edges` to hold integers. Received: edges with "
            f"dtype={array.dtype}"
        )
    if num_nodes is not None:
        outside = outside_of(array, num_nodes, num_nodes)
        if len(outside):
            source, target = array[outside[0]].tolist()
            raise ValueError(
                f"Expected `edges` to hold node numbers from 0 to {num_nodes - 1}. "
                f"Received: edges[{outside[0]}]=({source}, {target})"
            )
    if hasattr(edges, "shape"):
        _warn_if_ambiguous(array)
    return array if array.dtype == np.int32 else as_int64("edges", array)


def outside_of(edges: np.ndarray, num_sources: int, num_targets: int) -> np.ndarray:
    """Returns the numbers of the edges `[E, 2]` with an end that does not exist."""
    none = np.zeros(0, np.int64)  # returned without arrays as large as the edges
    if not len(edges):
        return none
    # Two ends that are in memory side by side take less time together than each alone.
    lowest, highest = limits(edges)
    if lowest >= 0 and highest < min(num_sources, num_targets):
        return none
    ends = (edges[:, 0], num_sources), (edges[:, 1], num_targets)
    if all(e.min() >= 0 and e.max() < n for e, n in ends):
        return none
    outside = (edges < 0) | (edges >= (num_sources, num_targets))
    return np.flatnonzero(outside.any(axis=1))


def _hint_of_shape(shape: tuple[int, ...], num_nodes: int | None) -> str:
    if len(shape) == 2 and shape[0] == 2:
        return " Transpose it: `np.transpose(edges)`."
    if shape == (num_nodes, num_nodes):
        return (
            " Of a dense adjacency, make a graph with "
            "`tfgraph.data.Graph.from_scipy(scipy.sparse.coo_array(adjacency), x)`."
        )
    return ""


def _warn_if_ambiguous(edges: np.ndarray) -> None:
    """Warns of `[2, 2]` edges that are others when transposed.

    A list is taken at its word. Only arrays come in the form `[2, num_edges]`, from
    other libraries.
    """
    if edges.shape == (2, 2) and sorted(edges.tolist()) != sorted(edges.T.tolist()):
        warnings.warn(
            "`edges` of shape [2, 2] are read as rows (source, target). If you have "
            "[2, num_edges], transpose them: `np.transpose(edges)`. If they are rows, "
            "pass a list, which draws no warning: `edges.tolist()`.",
            UserWarning,
            stacklevel=4,
        )


def of_edges(edges: Any, kept: np.ndarray) -> dict[str, Any]:
    """Returns the arguments of a `Graph` or an `EdgeSet` for some of its edges.

    Args:
        edges: The `Graph` or `EdgeSet`.
        kept: Whether to keep each edge.
    """
    fields: dict[str, Any] = {"edges": as_pairs(edges.edges[kept])}
    for name in ("edge_weight", "edge_features"):
        value = getattr(edges, name)
        fields[name] = None if value is None else value[kept]
    return fields


def check_numbered(num_sources: int, num_targets: int) -> None:
    """Raises a `ValueError` if there are more pairs of nodes than int64 numbers.

    Functions that compare edges give each pair the number `i * num_targets + j`.
    """
    if num_sources * num_targets >= 2**63:
        raise ValueError(
            "Expected a graph with less than 2**63 pairs of nodes, to compare its "
            f"edges. Received: {num_sources} nodes that send and {num_targets} that "
            "receive"
        )


def as_pairs(edges: np.ndarray) -> npt.ArrayLike:
    """Returns edges `[E, 2]` in a form that draws no warning, and keeps their type."""
    return list(edges) if len(edges) == 2 else edges


def checked_edge_weight(edge_weight: npt.ArrayLike, num_edges: int) -> np.ndarray:
    array = real_array("edge_weight", edge_weight)
    if array.shape != (num_edges,):
        raise ValueError(
            f"Expected `edge_weight` to have one number for each of the {num_edges} "
            f"edges. Received: edge_weight with shape={array.shape}"
        )
    return finite_float32("edge_weight", array)


def checked_edge_features(edge_features: npt.ArrayLike, num_edges: int) -> np.ndarray:
    array = real_array("edge_features", edge_features)
    if array.ndim != 2 or len(array) != num_edges:
        raise ValueError(
            f"Expected `edge_features` to have shape [{num_edges}, num_features], a "
            f"row for each edge. Received: edge_features with shape={array.shape}"
        )
    return finite_float32("edge_features", array)


def checked_mask(
    name: str, mask: npt.ArrayLike, num_nodes: int, y: np.ndarray | None
) -> np.ndarray:
    array = as_array(name, mask)
    if array.shape == (0,):  # an empty list
        array = array.astype(bool)
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


def checked_nodes(name: str, nodes: npt.ArrayLike, num_nodes: int) -> np.ndarray:
    """Returns an argument, distinct node numbers or a mask, as int64 node numbers."""
    array = real_array(name, nodes, FROM_IDS)
    if array.dtype == bool:
        return np.flatnonzero(checked_mask(name, array, num_nodes, None))
    if array.shape == (0,):  # an empty list
        return np.zeros(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"Expected `{name}` to be node numbers or a mask. "
            f"Received: {name} with shape={array.shape} and dtype={array.dtype}"
        )
    bad = (array < 0) | (array >= num_nodes)
    if bad.any():
        raise ValueError(
            f"Expected `{name}` to hold node numbers from 0 to {num_nodes - 1}."
            f"{FROM_IDS} Received: {name}[{bad.argmax()}]={array[bad.argmax()]}"
        )
    numbers, count = np.unique(array, return_counts=True)
    if len(numbers) < len(array):
        raise ValueError(
            f"Expected `{name}` to hold each node once. "
            f"Received: node {numbers[count.argmax()]} {count.max()} times"
        )
    return array.astype(np.int64, copy=False)


def checked_name(name: Any) -> str | None:
    """Returns the argument `name`, a string or None, or raises a `ValueError`."""
    if name is not None and not isinstance(name, str):
        raise ValueError(
            f"Expected `name` to be a string or None. {received('name', name)}"
        )
    return name


def checked_ids(ids: npt.ArrayLike) -> np.ndarray:
    """Returns an argument, distinct strings or integers, as an array `[N]`."""
    array = _of_strings(as_array("ids", ids))
    if array.shape == (0,) and array.dtype.kind != "U":  # an empty list
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise ValueError(
            "Expected `ids` to have shape [num_nodes], and to hold strings or "
            f"integers. Received: ids with shape={array.shape}, dtype={array.dtype}"
        )
    if array.dtype.kind != "U":
        array = as_int64("ids", array)
    values, count = np.unique(array, return_counts=True)
    if len(values) < len(array):
        raise ValueError(
            "Expected `ids` to hold each id once. "
            f"Received: {values[count.argmax()].item()!r} {count.max()} times"
        )
    return array


def _of_strings(array: np.ndarray) -> np.ndarray:
    """Returns an array of strings, as pandas makes them, in NumPy's own type."""
    if array.dtype == object and all(isinstance(value, str) for value in array.flat):
        return array.astype(str)
    return array


def checked_columns(columns: Any, num_rows: int) -> dict[str, np.ndarray]:
    """Returns an argument, arrays with `num_rows` rows by name, as a dict."""
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise ValueError(
            f"Expected `columns` to be a dict of arrays. {received('columns', columns)}"
        )
    arrays = {}
    for name, value in columns.items():
        array = _of_strings(as_array(f"columns[{name!r}]", value))
        if array.shape[:1] != (num_rows,):
            raise ValueError(
                f"Expected `columns[{name!r}]` to have {num_rows} rows. "
                f"Received: columns[{name!r}] with shape={array.shape}"
            )
        arrays[name] = array
    return arrays

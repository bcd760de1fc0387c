"""Graphs in folders of `.npy` files, which are opened as memory maps: `save`, `load`.

A folder has one file for each array, and `graph.json` for all else. An array stands in
it as `{"array": file}`, a SciPy matrix as `{"csr": [data, indices, indptr], "shape":
shape}`, a dict and the fields of a set as `{"fields": {...}}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from typing import Any

import numpy as np

from tfgraph.arguments import checked_path, is_scipy
from tfgraph.data.datasets.archives import expecting
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.fields import MASKS, checked_name
from tfgraph.data.graphs.node_set import NodeSet
from tfgraph.unfinished import unfinished_folder

_INDEX = "graph.json"
_FORMAT = "tfgraph 1"
_NODE_FIELDS = {"num_nodes", "x", "y", *MASKS, "ids", "columns", "class_names"}
_FIELDS = {
    "Graph": {"name", "edges", "edge_weight", "edge_features", *_NODE_FIELDS},
    "HeteroGraph": {"name", "node_sets", "edge_sets"},
    "NodeSet": _NODE_FIELDS,
    "EdgeSet": set(vars(EdgeSet("a", "b", []))),
}
# The types and numbers of dimensions of stored arrays; `str` for strings of any length.
_ARRAYS: dict[str, tuple[tuple[type, ...], tuple[int, ...]]] = {
    "x": ((np.float32,), (2,)),
    "y": ((np.int64, np.float32), (1, 2)),
    **dict.fromkeys(MASKS, ((np.bool_,), (1,))),
    "ids": ((np.int64, str), (1,)),
    "class_names": ((str,), (1,)),
    "edges": ((np.int32, np.int64), (2,)),
    "edge_weight": ((np.float32,), (1,)),
    "edge_features": ((np.float32,), (2,)),
}


def save(graph: Any, path: str | os.PathLike) -> None:
    """Writes the graph to a new folder, which `load` opens at once.

    The folder appears under its name when it is complete. Arrays are written as they
    are, without compression. Until then they are in a folder `unfinished-...` beside
    it. One that a killed process left is removed by the next call with the same `path`.

    ```python
    graph.save("graphs/mine")
    same = type(graph).load("graphs/mine")
    ```

    Args:
        path: The folder, on a local disk. It may not exist yet.

    Raises:
        ValueError: If `path` is no path or exists, a column holds Python objects or its
            name is no string, or a subclass has fields of its own.
        OSError: If it cannot be written.
    """
    folder = pathlib.Path(os.path.realpath(checked_path("path", path)))
    with contextlib.suppress(FileNotFoundError):
        folder.lstat()  # an OSError where no such folder can be made
        raise ValueError(
            f"Expected `path` to be a new folder. Received: path={str(path)!r}, which "
            "exists"
        )
    with unfinished_folder(folder) as directory:
        unfinished = directory / "graph"
        unfinished.mkdir()
        index = {
            "format": _FORMAT,
            "class": _stored_class(type(graph)),
            **_encoded(_fields_of(graph), unfinished, "graph"),
        }
        (unfinished / _INDEX).write_text(json.dumps(index, indent=1))
        unfinished.rename(folder)


def load(cls: type[Any], path: str | os.PathLike) -> Any:
    """Returns the graph that `save` wrote to a folder.

    Its arrays are memory maps, read when they are used: a graph that is larger than
    memory opens in milliseconds. Do not change the files meanwhile. Types and shapes
    are checked. Numbers are not, except for the indices of sparse features. No file
    outside of the folder is read, not by a link either.

    Args:
        path: The folder.

    Raises:
        ValueError: If the folder does not hold such a graph.
        OSError: If a file is missing or cannot be read.
    """
    folder = checked_path("path", path)
    expected = f"{folder} to be a folder that `{cls.__name__}.save` wrote"
    if not (folder / _INDEX).exists():
        raise FileNotFoundError(f"Expected {expected}. Received: no {_INDEX} in it")
    with expecting(expected):
        index = json.loads((folder / _INDEX).read_text())
        if index["format"] != _FORMAT or index["class"] != _stored_class(cls):
            raise ValueError(f"format {index['format']!r} of a {index['class']}")
        fields = _decoded(index, folder)
        if "node_sets" in fields:
            for name, set_class in (("node_sets", NodeSet), ("edge_sets", EdgeSet)):
                fields[name] = {
                    key: _made(set_class, of_set)
                    for key, of_set in fields[name].items()
                }
            _check_ends(fields["node_sets"], fields["edge_sets"])
        return _made(cls, fields)


def _stored_class(cls: type) -> str:
    """Returns the class that the index names, also for a subclass of it."""
    return next(base.__name__ for base in cls.__mro__ if base.__name__ in _FIELDS)


def _fields_of(value: Any) -> dict[str, Any]:
    """Returns the fields of a graph, or of a set of nodes or edges."""
    fields = vars(value)
    further = sorted(set(fields) - _FIELDS[_stored_class(type(value))])
    if further:
        raise ValueError(
            f"Expected a graph with the fields of a {_stored_class(type(value))}. "
            f"Received: a {type(value).__name__} with further fields {further}"
        )
    return fields


def _encoded(value: Any, folder: pathlib.Path, place: str) -> Any:
    """Returns what stands for a value in the index, and writes its arrays.

    Args:
        value: An array, a dict, a set of nodes or edges, a string, an integer or None.
        folder: Where to write arrays.
        place: Their files' names begin with it.
    """
    if isinstance(value, (NodeSet, EdgeSet)):
        value = _fields_of(value)
    if isinstance(value, dict):
        parts = {}
        for number, (key, part) in enumerate(value.items()):
            if not isinstance(key, str):
                raise ValueError(
                    "Expected `columns` with names that are strings, to be stored. "
                    f"Received: the name {key!r} of type {type(key).__name__}"
                )
            # Names of sets and columns may not be fit for a file's name.
            is_plain = key.isascii() and key.isidentifier() and len(key) <= 40
            of_part = f"{place}.{number}{f'-{key}' * is_plain}"
            parts[key] = _encoded(part, folder, of_part)
        return {"fields": parts}
    if is_scipy(value):
        arrays = [
            _encoded(getattr(value, name), folder, f"{place}.{name}")
            for name in ("data", "indices", "indptr")
        ]
        return {"csr": arrays, "shape": list(value.shape)}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise ValueError(
                "Expected arrays of numbers or strings. "
                f"Received: {place} with dtype={value.dtype}"
            )
        file = f"{place}.npy"
        np.save(folder / file, value, allow_pickle=False)
        return {"array": file}
    return value


def _decoded(value: Any, folder: pathlib.Path) -> Any:
    """Returns the value that stands in the index, with arrays as memory maps."""
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return _opened(folder, value["array"])
    if "csr" in value:
        import scipy.sparse

        arrays = tuple(_decoded(array, folder) for array in value["csr"])
        matrix = scipy.sparse.csr_array(arrays, shape=tuple(value["shape"]))
        # SciPy would read and write outside of its arrays for wrong indices.
        matrix.check_format(full_check=True)
        return matrix
    return {key: _decoded(part, folder) for key, part in value["fields"].items()}


def _opened(folder: pathlib.Path, name: str) -> np.ndarray:
    """Returns the array in a file of the folder as a memory map."""
    file = folder / name
    # Links, too, may lead to another folder.
    if file.resolve().parent != folder.resolve():
        raise ValueError(f"a file in another folder, {name!r}")
    if file.exists() and not file.is_file():
        raise ValueError(f"{name!r}, which is no file")
    with expecting(f"{name} to hold an array"):
        return np.lib.format.open_memmap(file, mode="r")


def _made(cls: type, fields: dict[str, Any]) -> Any:
    """Returns an object with these fields, without a pass over their numbers."""
    known = _stored_class(cls)
    if set(fields) != _FIELDS[known]:
        raise ValueError(f"the fields {sorted(fields)} of a {known}")
    checked_name(fields.get("name"))
    if "edges" in fields:
        _check_array("edges", fields["edges"])
        for name in ("edge_weight", "edge_features"):
            _check_array(name, fields[name], len(fields["edges"]))
    if "num_nodes" in fields:
        num_nodes = fields["num_nodes"]
        if type(num_nodes) is not int or num_nodes < 0:
            raise ValueError(f"{num_nodes!r} nodes")
        _check_array("class_names", fields["class_names"])
        for name in ("x", "y", *MASKS, "ids"):
            _check_array(name, fields[name], num_nodes)
    if "columns" in fields:
        num_rows = fields.get("num_nodes", len(fields.get("edges", ())))
        for name, column in fields["columns"].items():
            _check_array(f"columns[{name!r}]", column, num_rows)
    made: Any = object.__new__(cls)
    vars(made).update(fields)
    return made


def _check_array(name: str, array: Any, num_rows: int | None = None) -> None:
    """Raises a `ValueError` if the array of a field is not as it was saved.

    Args:
        name: The field.
        array: Its array, or None.
        num_rows: The rows that it should have. None if others depend on them.
    """
    if array is None and name in _ARRAYS and name != "edges":
        return
    if not isinstance(array, np.ndarray) and not (name == "x" and is_scipy(array)):
        raise ValueError(f"{name} of type {type(array).__name__}")
    if isinstance(array, np.memmap):
        file = f" in {pathlib.Path(str(array.filename)).name}"
    else:
        file = ""
    if num_rows is not None and array.shape[:1] != (num_rows,):
        raise ValueError(f"{name} with shape {array.shape} for {num_rows} rows{file}")
    if name in _ARRAYS:
        types, dimensions = _ARRAYS[name]
        is_known = array.dtype in types or (str in types and array.dtype.kind == "U")
        is_pairs = name != "edges" or array.shape[1:] == (2,)
        if not is_known or array.ndim not in dimensions or not is_pairs:
            raise ValueError(
                f"{name} of shape {array.shape} and dtype {array.dtype}{file}"
            )


def _check_ends(node_sets: dict[str, NodeSet], edge_sets: dict[str, EdgeSet]) -> None:
    """Raises a `ValueError` if an edge set joins node sets that are not there."""
    for name, edges in edge_sets.items():
        if not {edges.source, edges.target} <= set(node_sets):
            raise ValueError(
                f"edge set {name!r} from {edges.source!r} to {edges.target!r} among "
                f"node sets {sorted(node_sets)}"
            )

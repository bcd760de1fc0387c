"""Graphs in folders of `.npy` files, which are opened as memory maps: `save`, `load`.

A folder has one file for each array, and `graph.json` for all else. An array stands in
it as `{"array": file}`, a SciPy matrix as `{"csr": [data, indices, indptr], "shape":
shape}`, a dict and the fields of a set as `{"fields": {...}}`.
"""

from __future__ import annotations

import json
import os
import pathlib
import tempfile
from typing import Any

import numpy as np

from tfgraph.arguments import is_scipy, received
from tfgraph.data.datasets.archives import expecting
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.fields import MASKS
from tfgraph.data.graphs.node_set import NodeSet

_INDEX = "graph.json"
_FORMAT = "tfgraph 1"
_NODE_FIELDS = {"num_nodes", "x", "y", *MASKS, "ids", "columns", "class_names"}
_FIELDS = {
    "Graph": {"name", "edges", "edge_weight", "edge_features", *_NODE_FIELDS},
    "HeteroGraph": {"name", "node_sets", "edge_sets"},
    "NodeSet": _NODE_FIELDS,
    "EdgeSet": set(vars(EdgeSet("a", "b", []))),
}


def save(graph: Any, path: str | os.PathLike) -> None:
    """Writes the graph to a new folder, which `load` opens at once.

    The folder appears under its name when it is complete. Arrays are written as they
    are, without compression.

    ```python
    graph.save("graphs/mine")
    same = type(graph).load("graphs/mine")
    ```

    Args:
        path: The folder, on a local disk. It may not exist yet.

    Raises:
        ValueError: If `path` exists, or a column holds Python objects.
        OSError: If it cannot be written.
    """
    folder = _folder(path)
    if folder.exists():
        raise ValueError(
            f"Expected `path` to be a new folder. Received: path={str(path)!r}, which "
            "exists"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="unfinished-", dir=folder.parent
    ) as directory:
        unfinished = pathlib.Path(directory) / "graph"
        unfinished.mkdir()
        index = {
            "format": _FORMAT,
            "class": type(graph).__name__,
            **_encoded(vars(graph), unfinished, "graph"),
        }
        (unfinished / _INDEX).write_text(json.dumps(index, indent=1))
        unfinished.rename(folder)


def load(cls: type[Any], path: str | os.PathLike) -> Any:
    """Returns the graph that `save` wrote to a folder.

    Its arrays are memory maps, read when they are used: a graph that is larger than
    memory opens in milliseconds. Do not change the files meanwhile. Types and shapes
    are checked. Numbers are not, except for the indices of sparse features.

    Args:
        path: The folder.

    Raises:
        ValueError: If the folder does not hold such a graph.
        OSError: If a file is missing or cannot be read.
    """
    folder = _folder(path)
    with expecting(f"{folder} to be a folder that `{cls.__name__}.save` wrote"):
        index = json.loads((folder / _INDEX).read_text())
        if index["format"] != _FORMAT or index["class"] != cls.__name__:
            raise ValueError(f"format {index['format']!r} of a {index['class']}")
        fields = _decoded(index, folder)
        if "node_sets" in fields:
            for name, set_class in (("node_sets", NodeSet), ("edge_sets", EdgeSet)):
                fields[name] = {
                    key: _made(set_class, of_set)
                    for key, of_set in fields[name].items()
                }
        return _made(cls, fields)


def _folder(path: str | os.PathLike) -> pathlib.Path:
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"Expected `path` to be a folder. {received('path', path)}")
    return pathlib.Path(path)


def _encoded(value: Any, folder: pathlib.Path, place: str) -> Any:
    """Returns what stands for a value in the index, and writes its arrays.

    Args:
        value: An array, a dict, a set of nodes or edges, a string, an integer or None.
        folder: Where to write arrays.
        place: Their files' names begin with it.
    """
    if isinstance(value, (NodeSet, EdgeSet)):
        value = vars(value)
    if isinstance(value, dict):
        parts = {}
        for number, (key, part) in enumerate(value.items()):
            # Names of sets and columns may not be fit for a file's name.
            is_plain = key.isascii() and key.isidentifier()
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
        file = pathlib.PurePath(value["array"])
        if file.name != str(file):
            raise ValueError(f"a file in another folder, {str(file)!r}")
        return np.load(folder / file, mmap_mode="r", allow_pickle=False)
    if "csr" in value:
        import scipy.sparse

        arrays = tuple(_decoded(array, folder) for array in value["csr"])
        matrix = scipy.sparse.csr_array(arrays, shape=tuple(value["shape"]))
        # SciPy would read and write outside of its arrays for wrong indices.
        matrix.check_format(full_check=True)
        return matrix
    return {key: _decoded(part, folder) for key, part in value["fields"].items()}


def _made(cls: type, fields: dict[str, Any]) -> Any:
    """Returns an object with these fields, without a pass over their numbers."""
    if set(fields) != _FIELDS[cls.__name__]:
        raise ValueError(f"the fields {sorted(fields)} of a {cls.__name__}")
    made: Any = object.__new__(cls)
    vars(made).update(fields)
    if "num_nodes" in fields:
        rows = {name: fields[name] for name in ("x", "y", *MASKS, "ids")}
        rows |= fields["columns"]
        if type(fields["num_nodes"]) is not int or fields["num_nodes"] < 0:
            raise ValueError(f"{fields['num_nodes']!r} nodes")
        _check_rows(rows, fields["num_nodes"])
    if "edges" in fields:
        edges = fields["edges"]
        if edges.shape[1:] != (2,) or edges.dtype not in (np.int32, np.int64):
            raise ValueError(f"edges of shape {edges.shape} and dtype {edges.dtype}")
        rows = {"edge_weight": fields["edge_weight"]}
        rows["edge_features"] = fields.get("edge_features")
        if cls is EdgeSet:
            rows |= fields["columns"]
        _check_rows(rows, len(fields["edges"]))
    return made


def _check_rows(rows: dict[str, Any], expected: int) -> None:
    for name, array in rows.items():
        if array is not None and array.shape[0] != expected:
            raise ValueError(f"{name} with shape {array.shape} for {expected} rows")

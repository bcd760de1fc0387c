"""Sets of graphs to be classified, from the TU collection."""

import io
import os
import pathlib
import zipfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfgraph.data.datasets.tu_files import TU_FOLDERS, tu_file
from tfgraph.data.graphs.graph import Graph

_PARTS = ("A", "graph_indicator", "graph_labels", "node_labels", "node_attributes")


def tu(
    name: str,
    features: str | Sequence[str] | None = None,
    *,
    max_degree: int | None = None,
) -> tuple[list[Graph], np.ndarray]:
    """Returns graphs to be classified, and their classes.

    C. Morris et al., [TUDataset: A collection of benchmark datasets for learning with
    graphs](https://arxiv.org/abs/2007.08663), 2020. Licence: none is stated for the
    data.

    |               | graphs | classes | nodes, mean and most | labels | attributes |
    |---------------|--------|---------|----------------------|--------|------------|
    | MUTAG         |    188 |       2 |             18,   28 |      7 |            |
    | ENZYMES       |    600 |       6 |             33,  126 |      3 |         18 |
    | PROTEINS      |   1113 |       2 |             39,  620 |      3 |          1 |
    | DD            |   1178 |       2 |            284, 5748 |     82 |            |
    | IMDB-BINARY   |   1000 |       2 |             20,  136 |        |            |
    | REDDIT-BINARY |   2000 |       2 |            430, 3782 |        |            |
    | COLLAB        |   5000 |       3 |             74,  492 |        |            |

    ```python
    graphs, labels = tfgraph.data.tu("PROTEINS")
    graphs, labels = tfgraph.data.tu("ENZYMES", ["labels", "attributes"])
    graphs, labels = tfgraph.data.tu("IMDB-BINARY", max_degree=64)
    ```

    Graphs are undirected, each edge once in each direction, though the files of
    IMDB-BINARY list each twice. Nodes without edges are kept. Labels and attributes of
    edges are not read.

    The files are read from `$TFGRAPH_DATA_DIR/tu/<name>.zip` if that variable is set,
    COLLAB from `tu_compact/COLLAB.zip` in its compact format (`COLLAB/COLLAB.txt`).
    Otherwise MUTAG, ENZYMES, PROTEINS and IMDB-BINARY are downloaded once, to
    `datasets/tfgraph` in Keras' cache (`$KERAS_HOME`, by default `~/.keras`). Either
    way their checksums are verified. DD, REDDIT-BINARY and COLLAB are neither verified
    nor downloaded, for want of known checksums of the official files;
    <https://chrsmrrs.github.io/datasets/> has them, in the format of `read_tu`.

    Args:
        name: One of the sets above.
        features: What a node's features are: "labels", one-hot, "attributes" (numbers,
            as they are), "degree", or several of these side by side. By default its
            labels; its degree in a set without.
        max_degree: If given, degrees are one-hot, in `max_degree + 1` features, the
            last of which is for all degrees from `max_degree` on. By default a degree
            is one feature, a number.

    Returns:
        The list of graphs, and the class of each, int64 `[len(graphs)]`, from 0 on in
        the order of the labels in the file.

    Raises:
        ValueError: If `name` or `features` is unknown, the set has no such features,
            or a file is not the known one.
        OSError: If a file is missing or cannot be downloaded.
    """
    if name not in TU_FOLDERS:
        raise ValueError(
            f"Expected `name` to be one of {list(TU_FOLDERS)}. Received: name={name!r}"
        )
    content = tu_file(name)
    read = _read_compact if name == "COLLAB" else _read_parts
    return _graphs(name, read(io.BytesIO(content)), features, max_degree)


def read_tu(
    path: str | os.PathLike,
    features: str | Sequence[str] | None = None,
    *,
    max_degree: int | None = None,
) -> tuple[list[Graph], np.ndarray]:
    """Returns graphs to be classified, from files in the TU format, and their classes.

    The format is that of <https://chrsmrrs.github.io/datasets/docs/format/>: text files
    `<name>_A.txt`, `_graph_indicator.txt` and `_graph_labels.txt`, and, where there are
    any, `_node_labels.txt` and `_node_attributes.txt`. Entries of A that are repeated
    become one edge. An undirected edge is two entries, one for each direction.

    Args:
        path: The set's zip file, or the folder with the text files.
        features: See `tu`.
        max_degree: See `tu`.

    Returns:
        As `tu` does.

    Raises:
        ValueError: If a file is missing or not in the format, or `features` is unknown
            or not in the set.
        OSError: If the files cannot be read.
    """
    return _graphs(pathlib.Path(path).stem, _read_parts(path), features, max_degree)


class _Arrays(NamedTuple):
    """All graphs of a set side by side.

    Attributes:
        entries: int64 `[E, 2]`, (row, column) of the adjacency, in any order.
        graph_of_node: int64 `[N]`, in rising order.
        graph_labels: int64 `[G]`.
        node_labels: int64 `[N, L]`, or None.
        node_attributes: float32 `[N, D]`, or None.
    """

    entries: np.ndarray
    graph_of_node: np.ndarray
    graph_labels: np.ndarray
    node_labels: np.ndarray | None
    node_attributes: np.ndarray | None


def _read_parts(path) -> _Arrays:
    """Reads a folder or a zip file, which may be an open file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            texts = {name: archive.read(name) for name in archive.namelist()}
    else:
        texts = {f.name: f.read_bytes() for f in pathlib.Path(path).glob("*.txt")}
    tables = {}
    for part in _PARTS:
        names = [name for name in texts if name.endswith(f"_{part}.txt")]
        if len(names) != 1 and (names or not part.startswith("node")):
            raise ValueError(
                f"Expected `path` to hold one file <name>_{part}.txt. "
                f"Received: path={path} with {sorted(texts)}"
            )
        tables[part] = _table(part, texts[names[0]]) if names else None
    # The files count from 1.
    arrays = _Arrays(
        tables["A"] - 1,
        _column("graph_indicator", tables) - 1,
        _column("graph_labels", tables),
        tables["node_labels"],
        tables["node_attributes"],
    )
    _check_parts(arrays)
    return arrays


def _table(part: str, text: bytes) -> np.ndarray:
    dtype = np.float32 if part == "node_attributes" else np.int64
    if not text.strip():
        return np.zeros([0, 2], dtype)  # a set without edges
    try:
        return np.loadtxt(io.BytesIO(text), dtype, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(
            f"Expected <name>_{part}.txt to hold rows of numbers of type "
            f"{np.dtype(dtype).name}, with commas between. Received: {error}"
        ) from error


def _column(part: str, tables: dict) -> np.ndarray:
    table = tables[part]
    if len(table) and table.shape[1] != 1:
        raise ValueError(
            f"Expected <name>_{part}.txt to hold one number in each line. "
            f"Received: {table.shape[1]} of them"
        )
    return table.ravel()


def _check_parts(arrays: _Arrays):
    num_nodes, num_graphs = len(arrays.graph_of_node), len(arrays.graph_labels)
    if not num_graphs:
        raise ValueError(
            "Expected <name>_graph_labels.txt to hold a line for each graph. "
            "Received: no lines"
        )
    steps = np.diff(arrays.graph_of_node, prepend=0, append=num_graphs - 1)
    if (steps < 0).any():
        line = min(int((steps < 0).argmax()), num_nodes - 1)
        raise ValueError(
            "Expected <name>_graph_indicator.txt to hold the number of each node's "
            f"graph, from 1 to {num_graphs}, in rising order. "
            f"Received: line {line + 1}, {arrays.graph_of_node[line] + 1}"
        )
    for part in (arrays.node_labels, arrays.node_attributes):
        if part is not None and len(part) != num_nodes:
            raise ValueError(
                "Expected node labels and attributes to have a line for each of the "
                f"{num_nodes} nodes of the graph indicator. Received: {len(part)} lines"
            )
    entries = arrays.entries
    within = ((entries >= 0) & (entries < num_nodes)).all(axis=1)
    if entries.shape[1] != 2 or not within.all():
        line = int(within.argmin())
        raise ValueError(
            "Expected <name>_A.txt to hold lines (row, column), node numbers from 1 to "
            f"{num_nodes}. Received: line {line + 1}, {(entries[line] + 1).tolist()}"
        )
    rows, columns = arrays.graph_of_node[entries.T]
    if (rows != columns).any():
        line = int((rows != columns).argmax())
        raise ValueError(
            "Expected <name>_A.txt to hold no edge between two graphs. "
            f"Received: line {line + 1}, {(entries[line] + 1).tolist()}"
        )


def _read_compact(file) -> _Arrays:
    """Reads COLLAB's compact format, all of whose numbers count from 0.

    That is the number of graphs, and for each graph `nodes label`, then for each node
    `tag neighbours` and the numbers of the neighbours. All tags are 0.
    """
    with zipfile.ZipFile(file) as archive:
        numbers = np.fromstring(archive.read("COLLAB/COLLAB.txt"), np.int64, sep=" ")
    sizes, graph_labels, starts = [], [], []
    position = 1
    for _ in range(numbers[0]):
        sizes.append(numbers[position])
        graph_labels.append(numbers[position + 1])
        position += 2
        for _ in range(sizes[-1]):
            starts.append(position)
            position += 2 + numbers[position + 1]
    sizes, starts = np.array(sizes), np.array(starts)
    graph_of_node = np.repeat(np.arange(len(sizes)), sizes)
    counts = numbers[starts + 1]
    row = np.repeat(np.arange(len(starts)), counts)
    # Where in `numbers` each neighbour stands.
    where = np.arange(len(row)) + np.repeat(starts + 2 - _exclusive_sum(counts), counts)
    column = numbers[where] + _exclusive_sum(sizes)[graph_of_node[row]]
    entries = np.stack([row, column], axis=1)
    return _Arrays(entries, graph_of_node, np.array(graph_labels), None, None)


def _exclusive_sum(sizes: np.ndarray) -> np.ndarray:
    return np.cumsum(sizes) - sizes


def _graphs(name, arrays, features, max_degree) -> tuple[list[Graph], np.ndarray]:
    num_nodes, num_graphs = len(arrays.graph_of_node), len(arrays.graph_labels)
    # One number for an entry sorts far faster than a row of two. Sorted, the entries
    # of each graph follow those of the graph before. (Not `np.unique`, which hashes:
    # most of a minute for COLLAB's 25 million entries, which are almost in order.)
    number = np.sort(arrays.entries @ [num_nodes, 1], kind="stable")
    number = number[np.diff(number, prepend=-1) > 0]
    row, column = np.divmod(number, max(num_nodes, 1))
    x = _features(arrays, np.bincount(row, minlength=num_nodes), features, max_degree)
    edges = np.stack([column, row], axis=1)
    nodes = np.searchsorted(arrays.graph_of_node, np.arange(num_graphs + 1))
    ends = np.searchsorted(row, nodes)
    graphs = [
        Graph(
            x[nodes[i] : nodes[i + 1]],
            edges[ends[i] : ends[i + 1]] - nodes[i],
            name=f"{name}_{i}",
        )
        for i in range(num_graphs)
    ]
    return graphs, np.unique(arrays.graph_labels, return_inverse=True)[1]


def _features(arrays: _Arrays, degree, features, max_degree) -> np.ndarray:
    """Returns the features of all nodes, float32 `[N, F]`."""
    known = {"labels": arrays.node_labels, "attributes": arrays.node_attributes}
    known = [name for name, part in known.items() if part is not None] + ["degree"]
    if features is None:
        features = "labels" if "labels" in known else "degree"
    names = [features] if isinstance(features, str) else list(features)
    if not names or not set(names) <= set(known):
        raise ValueError(
            f"Expected `features` to be one or several of {known}, which this set has. "
            f"Received: features={features!r}"
        )
    if max_degree is not None and ("degree" not in names or max_degree < 1):
        raise ValueError(
            "Expected `max_degree` to be None, or positive and the degree to be a "
            f"feature. Received: max_degree={max_degree}, features={features!r}"
        )
    columns = []
    for name in names:
        if name == "labels":
            columns += [_one_hot(labels) for labels in arrays.node_labels.T]
        elif name == "attributes":
            columns.append(arrays.node_attributes)
        elif max_degree is None:
            columns.append(degree[:, None].astype(np.float32))
        else:
            capped = np.minimum(degree, max_degree)
            columns.append(np.eye(max_degree + 1, dtype=np.float32)[capped])
    return np.concatenate(columns, axis=1)


def _one_hot(labels: np.ndarray) -> np.ndarray:
    """`[N]` to float32 `[N, L]`, a column for each of the labels that there are."""
    return (labels[:, None] == np.unique(labels)).astype(np.float32)

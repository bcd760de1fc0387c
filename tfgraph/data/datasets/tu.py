"""Sets of graphs to be classified, from the TU collection."""

import io
import os
import pathlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfgraph.arguments import checked_integer
from tfgraph.data.datasets.archives import (
    check_dense,
    expecting,
    zip_member,
    zip_names,
)
from tfgraph.data.datasets.checksums import TU_SHA256, TU_URL, TU_ZIP_SHA256
from tfgraph.data.datasets.files import (
    check_sha256,
    checked_path,
    data_dir,
    downloaded,
    find_file,
    known_name,
)
from tfgraph.data.graphs.fields import as_pairs
from tfgraph.data.graphs.graph import Graph

# Where the sets are in `$TFGRAPH_DATA_DIR`.
_FOLDERS = {
    **dict.fromkeys((*TU_SHA256, *TU_ZIP_SHA256), "tu"),
    "COLLAB": "tu_compact",
}
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

    |                  | graphs | classes | nodes, mean and most | labels | attributes |
    |------------------|--------|---------|----------------------|--------|------------|
    | MUTAG            |    188 |       2 |             18,   28 |      7 |            |
    | ENZYMES          |    600 |       6 |             33,  126 |      3 |         18 |
    | PROTEINS         |   1113 |       2 |             39,  620 |      3 |          1 |
    | DD               |   1178 |       2 |            284, 5748 |     82 |            |
    | IMDB-BINARY      |   1000 |       2 |             20,  136 |        |            |
    | REDDIT-BINARY    |   2000 |       2 |            430, 3782 |        |            |
    | REDDIT-MULTI-12K |  11929 |      11 |            391       |        |            |
    | COLLAB           |   5000 |       3 |             74,  492 |        |            |

    ```python
    graphs, labels = tfgraph.data.tu("PROTEINS")
    graphs, labels = tfgraph.data.tu("ENZYMES", ["labels", "attributes"])
    graphs, labels = tfgraph.data.tu("IMDB-BINARY", max_degree=64)
    ```

    Graphs are undirected, each edge once in each direction, though the files of
    IMDB-BINARY list each twice. Nodes without edges are kept. Labels and attributes of
    edges are not read.

    The numbers of REDDIT-MULTI-12K are the published ones, all others were counted.

    The files are read from `$TFGRAPH_DATA_DIR/tu/<name>.zip` if that variable is set.
    COLLAB is read from `tu_compact/COLLAB.zip` there, also in its compact format
    (`COLLAB/COLLAB.txt`). Otherwise they are downloaded once, to `datasets/tfgraph` in
    Keras' cache (`$KERAS_HOME`, by default `~/.keras`), and their checksums are
    verified. In your folder, those of MUTAG, ENZYMES, PROTEINS and IMDB-BINARY are
    verified. Of the others, only checksums of the official zip files are known, and
    yours may be packed anew.

    A file in a zip file may take 100 times the size of the zip file, plus 64 MiB. The
    features of all nodes may be 300 million numbers (1.2 GB).

    Args:
        name: One of the sets above, in upper or lower case.
        features: The features of a node: "labels" (one-hot), "attributes" (numbers, as
            they are), "degree", or a list of several of these, side by side. By
            default the labels, or the degree in a set without labels.
        max_degree: If given, a degree is one-hot, `max_degree + 1` features. The last
            of them is for all degrees from `max_degree` on. By default a degree is one
            feature, a number.

    Returns:
        The list of graphs, and the class of each, int64 `[len(graphs)]`, from 0 on in
        the order of the labels in the file.

    Raises:
        ValueError: If `name` or `features` is unknown, the set has no such features,
            they are too large, or a file is damaged or not the known one.
        OSError: If a file is missing or cannot be downloaded.
    """
    name = known_name("name", name, _FOLDERS)
    where, file = _file(name)
    compact = f"{name}/{name}.txt"
    if compact in zip_names(where, file):
        arrays = _read_compact(where, zip_member(where, file, compact))
    else:
        arrays = _read_parts(where, _zip_texts(where, file))
    return _graphs(name, arrays, features, max_degree)


def _file(name: str) -> tuple[str, pathlib.Path | bytes]:
    """Returns a set's zip file, or its content, and where it comes from."""
    file_name, url = f"{name}.zip", f"{TU_URL}{name}.zip"
    members = {
        f"{name}/{name}_{part}.txt": sha256
        for part, sha256 in TU_SHA256.get(name, {}).items()
    }
    if data_dir() is None:
        expected = members or TU_ZIP_SHA256[name]
        place = f"{_FOLDERS[name]}/{file_name}"
        return url, downloaded(url, f"tu_{file_name}", expected, place)
    path = find_file(_FOLDERS[name], file_name, url)
    if not members:
        return str(path), path
    content = path.read_bytes()
    check_sha256(path, content, members)
    return str(path), content


def read_tu(
    path: str | os.PathLike,
    features: str | Sequence[str] | None = None,
    *,
    max_degree: int | None = None,
) -> tuple[list[Graph], np.ndarray]:
    """Returns graphs to be classified, from files in the TU format, and their classes.

    The format is that of <https://chrsmrrs.github.io/datasets/docs/format/>: text files
    `<name>_A.txt`, `_graph_indicator.txt` and `_graph_labels.txt`, and, where there are
    any, `_node_labels.txt` and `_node_attributes.txt`. Other files are not read.
    Entries of A that are repeated become one edge. An undirected edge is two entries,
    one for each direction. The bounds of `tu` apply. Unpack a zip file that is refused
    for its size, and give the folder.

    Args:
        path: The set's zip file, or the folder with the text files.
        features: See `tu`.
        max_degree: See `tu`.

    Returns:
        As `tu` does.

    Raises:
        ValueError: If a text file is missing, damaged, too large or not in the format,
            or `features` is unknown or not in the set.
        OSError: If `path` is missing or cannot be read.
    """
    path = checked_path(path)
    texts = _folder_texts(path) if path.is_dir() else _zip_texts(path, path)
    return _graphs(path.stem, _read_parts(path, texts), features, max_degree)


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


def _folder_texts(path: pathlib.Path) -> dict[str, bytes]:
    """Returns the text files of a set, by part."""
    files = {file.name: file for file in path.glob("*.txt")}
    names = _names_of_parts(path, files)
    return {part: files[name].read_bytes() for part, name in names.items()}


def _zip_texts(where, file: pathlib.Path | bytes) -> dict[str, bytes]:
    names = _names_of_parts(where, zip_names(where, file))
    return {part: zip_member(where, file, name) for part, name in names.items()}


def _names_of_parts(where, names: Iterable[str]) -> dict[str, str]:
    """Returns which of the files hold the parts, and leaves out all others."""
    known = {}
    for part in _PARTS:
        found = [name for name in names if name.endswith(f"_{part}.txt")]
        if len(found) != 1 and (found or not part.startswith("node")):
            raise ValueError(
                f"Expected {where} to hold one file <name>_{part}.txt. "
                f"Received: {sorted(names)[:20]}"
            )
        if found:
            known[part] = found[0]
    return known


def _read_parts(where, texts: dict[str, bytes]) -> _Arrays:
    with expecting(f"{where} to hold a set in the TU format"):
        tables = {part: _table(part, text) for part, text in texts.items()}
        # The files count from 1.
        arrays = _Arrays(
            tables["A"] - 1,
            _column("graph_indicator", tables) - 1,
            _column("graph_labels", tables),
            tables.get("node_labels"),
            tables.get("node_attributes"),
        )
        _check_parts(arrays)
    return arrays


def _table(part: str, text: bytes) -> np.ndarray:
    dtype = np.float32 if part == "node_attributes" else np.int64
    if not text.strip():
        return np.zeros([0, 2], dtype)  # a set without edges
    with expecting(
        f"<name>_{part}.txt to hold rows of numbers of type {np.dtype(dtype).name}, "
        "with commas between"
    ):
        return np.loadtxt(io.BytesIO(text), dtype, delimiter=",", ndmin=2)


def _column(part: str, tables: dict[str, np.ndarray]) -> np.ndarray:
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
    graph_of_node = arrays.graph_of_node
    bad = (graph_of_node < 0) | (graph_of_node >= num_graphs)
    bad |= np.diff(graph_of_node, prepend=0) < 0
    if bad.any():
        line = int(bad.argmax())
        raise ValueError(
            "Expected <name>_graph_indicator.txt to hold the number of each node's "
            f"graph, from 1 to {num_graphs}, in rising order. "
            f"Received: line {line + 1}, {graph_of_node[line] + 1}"
        )
    for part in (arrays.node_labels, arrays.node_attributes):
        if part is not None and len(part) != num_nodes:
            raise ValueError(
                "Expected node labels and attributes to have a line for each of the "
                f"{num_nodes} nodes of the graph indicator. Received: {len(part)} lines"
            )
    attributes = arrays.node_attributes
    if attributes is not None and not np.isfinite(attributes).all():
        line = int(np.isfinite(attributes).all(axis=1).argmin())
        raise ValueError(
            "Expected <name>_node_attributes.txt to hold finite float32 numbers. "
            f"Received: line {line + 1}, {attributes[line].tolist()}"
        )
    entries = arrays.entries
    within = ((entries >= 0) & (entries < num_nodes)).all(axis=1)
    if entries.shape[1] != 2 or not within.all():
        line = int(within.argmin())
        raise ValueError(
            "Expected <name>_A.txt to hold lines (row, column), node numbers from 1 to "
            f"{num_nodes}. Received: line {line + 1}, {(entries[line] + 1).tolist()}"
        )
    rows, columns = graph_of_node[entries.T]
    if (rows != columns).any():
        line = int((rows != columns).argmax())
        raise ValueError(
            "Expected <name>_A.txt to hold no edge between two graphs. "
            f"Received: line {line + 1}, {(entries[line] + 1).tolist()}"
        )


def _read_compact(where, text: bytes) -> _Arrays:
    """Reads COLLAB's compact format, all of whose numbers count from 0.

    That is the number of graphs, and for each graph `nodes label`, then for each node
    `tag neighbours` and the numbers of the neighbours. All tags are 0.
    """
    with expecting(f"{where} to hold COLLAB in its compact format"):
        with warnings.catch_warnings():
            # Older NumPy only warns where the text holds anything but numbers.
            warnings.simplefilter("error", DeprecationWarning)
            numbers = np.fromstring(text, np.int64, sep=" ")
        try:
            return _compact_arrays(numbers)
        except IndexError:
            raise ValueError(f"{len(numbers)} numbers, too few") from None


def _compact_arrays(numbers: np.ndarray) -> _Arrays:
    graph_sizes, graph_labels, node_starts = [], [], []
    position = 1
    for _ in range(numbers.item(0)):
        graph_sizes.append(numbers.item(position))
        graph_labels.append(numbers.item(position + 1))
        position += 2
        for _ in range(graph_sizes[-1]):
            node_starts.append(position)
            count = numbers.item(position + 1)
            if count < 0:  # would go back, and never come to an end
                raise ValueError(f"a node with {count} neighbours")
            position += 2 + count
    sizes, starts = np.array(graph_sizes), np.array(node_starts, np.int64)
    if position != len(numbers) or not len(sizes) or sizes.min() < 0:
        raise ValueError(f"{len(numbers)} numbers for {len(sizes)} graphs")
    graph_of_node = np.repeat(np.arange(len(sizes)), sizes)
    counts = numbers[starts + 1]
    # Where in `numbers` each neighbour stands.
    place = np.repeat(starts + 2 - _exclusive_sum(counts), counts)
    place += np.arange(len(place))
    column = numbers[place]
    limit = np.repeat(sizes[graph_of_node], counts)
    if column.min(initial=0) < 0 or (column >= limit).any():
        raise ValueError("a neighbour that is no node of its graph")
    column += np.repeat(_exclusive_sum(sizes)[graph_of_node], counts)
    row = np.repeat(np.arange(len(starts)), counts)
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
            as_pairs(edges[ends[i] : ends[i + 1]] - nodes[i]),
            name=f"{name}_{i}",
        )
        for i in range(num_graphs)
    ]
    return graphs, np.unique(arrays.graph_labels, return_inverse=True)[1]


def _features(arrays: _Arrays, degree, features, max_degree) -> np.ndarray:
    """Returns the features of all nodes, float32 `[N, F]`."""
    names = _feature_names(arrays, features, max_degree)
    columns = [
        part for name in names for part in _columns(arrays, degree, name, max_degree)
    ]
    num_nodes, width = len(degree), sum(width for _, width in columns)
    check_dense(num_nodes, width, "Choose other `features`, or a lower `max_degree`.")
    x = np.zeros([num_nodes, width], np.float32)
    start = 0
    for values, width in columns:
        if values.ndim == 1:
            x[np.arange(num_nodes), start + values] = 1
        else:
            x[:, start : start + width] = values
        start += width
    return x


def _feature_names(arrays: _Arrays, features, max_degree) -> Sequence[str]:
    parts = {"labels": arrays.node_labels, "attributes": arrays.node_attributes}
    known = [name for name, part in parts.items() if part is not None] + ["degree"]
    if features is None:
        features = "labels" if "labels" in known else "degree"
    names = [features] if isinstance(features, str) else features
    is_list = isinstance(names, list | tuple) and len(names) > 0
    if not is_list or not all(name in known for name in names):
        raise ValueError(
            f"Expected `features` to be one or several of {known}, which this set has. "
            f"Received: features={features!r}"
        )
    if max_degree is not None:
        checked_integer("max_degree", max_degree, least=1)
        if "degree" not in names:
            raise ValueError(
                "Expected `max_degree` to be None, or the degree to be a feature. "
                f"Received: max_degree={max_degree}, features={features!r}"
            )
    return names


def _columns(
    arrays: _Arrays, degree, name: str, max_degree
) -> Iterator[tuple[np.ndarray, int]]:
    """Yields numbers `[N, F]` with F; or class numbers `[N]`, to be one-hot, with F."""
    if name == "labels" and arrays.node_labels is not None:
        for labels in arrays.node_labels.T:
            known, number = np.unique(labels, return_inverse=True)
            yield number, len(known)
    elif name == "attributes" and arrays.node_attributes is not None:
        yield arrays.node_attributes, arrays.node_attributes.shape[1]
    elif max_degree is None:
        yield degree[:, None], 1
    else:
        yield np.minimum(degree, max_degree), max_degree + 1

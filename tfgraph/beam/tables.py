"""Graphs as tables of nodes and edges, in TF-GNN's unigraph format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgraph.arguments import check_choice, checked_integer, is_scipy
from tfgraph.beam.schema import (
    EDGE_FEATURE,
    LABEL,
    SCHEMA,
    checked_path,
    make_folder_of,
    relation_name,
)
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.graphs.node_fields import NodeFields
from tfgraph.data.sampling.fanouts import RECEIVERS
from tfgraph.data.sampling.neighbor_batches import checked_seeds, seeded_nodes
from tfgraph.graph_tensor import ROW, load_tfgnn

_FORMATS = ("tfrecord", "csv")
_CHUNK = 1 << 14  # rows in memory at a time


def write_tables(
    graph: Graph | HeteroGraph,
    path: str | os.PathLike,
    *,
    file_format: str = "tfrecord",
    num_shards: int = 1,
) -> None:
    """Writes a graph as tables of its nodes and edges, for TF-GNN's sampler.

    The folder has a table for each node set and edge set, and `graph_schema.pbtxt`,
    which describes them: TF-GNN's unigraph format. A table of nodes has the columns
    "#id" (the row number), "hidden_state" (`x`), "label" (`y`), and for a `HeteroGraph`
    "row". A table of edges has "#source", "#target", "weight", and "features.0" and so
    on. Columns that the graph lacks are left out. The sets of a `Graph` are "nodes" and
    "edges".

    Rows are read in small chunks, so the graph may be larger than memory: one that
    `Graph.load` opened, or with features in a `numpy.memmap`.

    ```python
    tfgraph.beam.write_tables(graph, "tables", num_shards=4)
    tfgraph.beam.write_seeds(graph, "tables/train.csv", "train")
    tfgraph.beam.write_sampling_spec("tables", "tables/sampling.pbtxt", (10, 5))
    ```

    Args:
        graph: A `Graph` or `HeteroGraph` without repeated edges. Edges of weight 0 of a
            `Graph` are left out, as in `neighbor_batches`.
        path: The folder, on a disk or at an address such as "gs://bucket/tables". It
            may not exist yet.
        file_format: "tfrecord" or "csv". A column of a CSV file holds single numbers,
            so nodes with features or vectors of labels stay TFRecords.
        num_shards: The number of files for each table. Beam reads them in parallel.

    Raises:
        ValueError: If an argument is none of the above, `path` exists, or an edge is
            repeated.
    """
    check_choice("file_format", file_format, _FORMATS)
    num_shards = checked_integer("num_shards", num_shards)
    path = checked_path("path", path)
    if tf.io.gfile.exists(path):
        raise ValueError(
            f"Expected `path` to be a new folder. Received: path={path!r}, which exists"
        )
    is_hetero = isinstance(graph, HeteroGraph)
    node_sets, edge_sets = _sets(graph)
    for name, edges in edge_sets.items():
        _check_distinct(name, edges.edges)
    tf.io.gfile.makedirs(path)
    load_tfgnn()
    from tensorflow_gnn.proto import graph_schema_pb2

    schema = graph_schema_pb2.GraphSchema()
    for name, nodes in node_sets.items():
        columns = _node_columns(nodes, is_hetero)
        file = _write_table(path, f"nodes-{name}", columns, file_format, num_shards)
        _describe(schema.node_sets[name], file, nodes.num_nodes, columns)
    for name, edges in edge_sets.items():
        columns = _edge_columns(edges)
        file = _write_table(
            path, f"edges-{name}", columns, file_format, num_shards, not is_hetero
        )
        for receiver in RECEIVERS if is_hetero else RECEIVERS[:1]:
            piece = schema.edge_sets[relation_name(name, receiver)]
            _describe(piece, file, len(edges.edges), columns)
            piece.source, piece.target = edges.source, edges.target
            if receiver == "target":
                piece.source, piece.target = edges.target, edges.source
                piece.metadata.extra.add(key="edge_type", value="reversed")
    with tf.io.gfile.GFile(os.path.join(path, SCHEMA), "w") as text:
        text.write(str(schema))


def write_seeds(
    graph: Graph | HeteroGraph,
    file: str | os.PathLike,
    nodes: npt.ArrayLike | None = None,
    *,
    node_set_name: str | None = None,
) -> None:
    """Writes the nodes to sample around, as a CSV file with the column "id".

    ```python
    tfgraph.beam.write_seeds(graph, "train.csv", "train")
    ```

    Args:
        graph: The `Graph` or `HeteroGraph`.
        file: The file, with a name that ends in ".csv". Its folder is made if it does
            not exist.
        nodes: "train", "val" or "test" for those of the mask, node numbers, a boolean
            mask `[num_nodes]`, or None for all nodes.
        node_set_name: The node set of the seeds of a `HeteroGraph`. May be left out if
            there is only one.

    Raises:
        ValueError: If an argument is none of the above.
    """
    file = checked_path("file", file)
    if not file.endswith(".csv"):
        raise ValueError(
            f'Expected `file` to have a name that ends in ".csv". Received: {file=}'
        )
    _, seeded = seeded_nodes(graph, node_set_name, labels=False)
    seeds = checked_seeds(seeded, nodes)
    make_folder_of(file)
    with tf.io.gfile.GFile(file, "w") as text:
        text.write("id\n")
        for chunk in _chunks({"#id": seeds}, 0, None):
            text.write(_csv_lines(chunk))


class _Edges:
    """The edges of a `Graph`, in the fields of an `EdgeSet`."""

    def __init__(self, graph: Graph) -> None:
        self.source = self.target = "nodes"
        self.edges, self.edge_weight = graph.edges, graph.edge_weight
        self.edge_features = graph.edge_features


def _sets(
    graph: Graph | HeteroGraph,
) -> tuple[Mapping[str, NodeFields], Mapping[str, EdgeSet | _Edges]]:
    if isinstance(graph, HeteroGraph):
        return graph.node_sets, graph.edge_sets
    check_graph("graph", graph)
    return {"nodes": graph}, {"edges": _Edges(graph)}


def _check_distinct(name: str, edges: np.ndarray) -> None:
    for start in range(0, len(edges), _CHUNK):
        pairs = edges[start : start + _CHUNK + 1]  # sorted
        same = (pairs[1:] == pairs[:-1]).all(axis=1)
        if same.any():
            pair = tuple(pairs[same.argmax()].tolist())
            raise ValueError(
                "Expected `graph` to have no repeated edges, as the sampler leaves all "
                "but one of them out. Merge them, with the sum of their weights. "
                f"Received: edge set {name!r} with the edge {pair} several times"
            )


def _node_columns(nodes: NodeFields, with_rows: bool) -> dict[str, Any]:
    numbers = range(nodes.num_nodes)
    columns: dict[str, Any] = {"#id": numbers}
    if with_rows:
        columns[ROW] = numbers
    named = {"hidden_state": nodes.x, LABEL: nodes.y}
    return columns | {k: v for k, v in named.items() if v is not None}


def _edge_columns(edges: EdgeSet | _Edges) -> dict[str, Any]:
    columns = {"#source": edges.edges[:, 0], "#target": edges.edges[:, 1]}
    if edges.edge_weight is not None:
        columns["weight"] = edges.edge_weight
    if edges.edge_features is not None:
        # The sampler fails for vectors if a seed has no edges.
        for number, feature in enumerate(edges.edge_features.T):
            columns[f"{EDGE_FEATURE}{number}"] = feature
    return columns


def _describe(piece: Any, file: str, num_rows: int, columns: Mapping[str, Any]) -> None:
    """Writes a table's columns into its place in the schema."""
    piece.metadata.filename, piece.metadata.cardinality = file, num_rows
    for name, column in columns.items():
        if not name.startswith("#"):
            dtype = tf.as_dtype(getattr(column, "dtype", "int64"))
            piece.features[name].dtype = dtype.as_datatype_enum
            for size in _shape(column)[1:]:
                piece.features[name].shape.dim.add().size = size


def _shape(column: Any) -> tuple[int, ...]:
    return getattr(column, "shape", (len(column),) if isinstance(column, range) else ())


def _write_table(
    folder: str,
    name: str,
    columns: Mapping[str, Any],
    file_format: str,
    num_shards: int,
    without_zeros: bool = False,
) -> str:
    """Writes the files of a table, and returns the pattern of their names.

    Args:
        folder: Where to write them.
        name: The beginning of their names.
        columns: The columns, by name.
        file_format: See `write_tables`.
        num_shards: See `write_tables`.
        without_zeros: Whether to leave out rows of weight 0.
    """
    is_csv = file_format == "csv" and all(
        len(_shape(column)) == 1 for column in columns.values()
    )
    name = f"{name}.{'csv' if is_csv else 'tfrecord'}"
    num_rows = _shape(next(iter(columns.values())))[0]
    files = [f"{name}-{i:05d}-of-{num_shards:05d}" for i in range(num_shards)]
    for shard, file in enumerate(files if num_shards > 1 else [name]):
        first, last = (num_rows * i // num_shards for i in (shard, shard + 1))
        chunks = _chunks(columns, first, last, without_zeros)
        write = _write_csv if is_csv else _write_records
        write(os.path.join(folder, file), columns, chunks)
    if num_shards == 1:
        return name
    # TF-GNN looks for a CSV file of this very name.
    return f"{name}-?????-of-{num_shards:05d}" if is_csv else f"{name}@{num_shards}"


def _chunks(
    columns: Mapping[str, Any],
    first: int,
    last: int | None,
    without_zeros: bool = False,
) -> Iterator[dict[str, np.ndarray]]:
    """Yields the rows from `first` to `last` of all columns, a few at a time."""
    if last is None:
        last = len(next(iter(columns.values())))
    for start in range(first, last, _CHUNK):
        rows = slice(start, min(start + _CHUNK, last))
        parts = {name: column[rows] for name, column in columns.items()}
        chunk = {
            name: part.toarray() if is_scipy(part) else np.asarray(part)
            for name, part in parts.items()
        }
        if without_zeros and "weight" in chunk:
            kept = chunk["weight"] != 0
            chunk = {name: part[kept] for name, part in chunk.items()}
        yield chunk


def _write_csv(
    file: str, names: Iterable[str], chunks: Iterable[dict[str, np.ndarray]]
) -> None:
    with tf.io.gfile.GFile(file, "w") as text:
        # Of the columns that TF-GNN makes itself, it expects the names without "#".
        text.write(",".join(name.removeprefix("#") for name in names) + "\n")
        for chunk in chunks:
            text.write(_csv_lines(chunk))


def _csv_lines(chunk: dict[str, np.ndarray]) -> str:
    rows = zip(*(part.tolist() for part in chunk.values()), strict=True)
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def _write_records(
    file: str, _: Iterable[str], chunks: Iterable[dict[str, np.ndarray]]
) -> None:
    with tf.io.TFRecordWriter(file) as writer:
        for chunk in chunks:
            parts = [part.tolist() for part in chunk.values()]
            for row in zip(*parts, strict=True):
                example = tf.train.Example()
                for name, value in zip(chunk, row, strict=True):
                    _set_feature(example.features.feature[name], name, value)
                writer.write(example.SerializeToString())


def _set_feature(feature: tf.train.Feature, name: str, value: Any) -> None:
    if name.startswith("#"):
        feature.bytes_list.value.append(str(value).encode())
        return
    values = value if isinstance(value, list) else [value]
    is_float = bool(values) and isinstance(values[0], float)
    (feature.float_list if is_float else feature.int64_list).value.extend(values)

"""A `HeteroGraph` as pandas frames: its `to_pandas` and `from_pandas`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tfgraph.data.graphs.conversions import optional_import
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.fields import as_pairs
from tfgraph.data.graphs.hetero_arguments import named_sets, parts_of
from tfgraph.data.graphs.node_set import NodeSet
from tfgraph.data.graphs.pandas_frames import (
    END_COLUMNS,
    check_frame,
    end_columns,
    frame_columns,
    frame_of_nodes,
    names_of,
    node_fields,
    numbers_and_others,
    rows_of_column,
    weights_of,
)
from tfgraph.graph_tensor import choose
from tfgraph.inputs import named_errors

if TYPE_CHECKING:
    import pandas

    from tfgraph.data.graphs.hetero_graph import HeteroGraph


def to_pandas(
    graph: HeteroGraph,
) -> tuple[dict[str, pandas.DataFrame], dict[str, tuple[pandas.DataFrame, str, str]]]:
    """Returns the graph as pandas frames, with a row for each node and each edge.

    It is the inverse of `from_pandas`, which takes what it returns:

    ```python
    graph = tfgraph.data.movielens()
    node_frames, edge_frames = graph.to_pandas()
    rates, source_set, target_set = edge_frames["rates"]
    rates.groupby("target")["weight"].mean()  # of each film
    same = tfgraph.data.HeteroGraph.from_pandas(node_frames, edge_frames)
    ```

    A frame of nodes has the ids as its index, or row numbers where there are no ids.
    Its columns are "y" and the masks, if there are any, the features "x0", "x1" and so
    on, and the set's `columns`. With `class_names`, "y" is categorical. A `y [N, C]`
    has a column for each of its names instead, or "y0", "y1" and so on; `from_pandas`
    takes these as label columns. A frame of edges has the ids of the "source" and
    "target", "weight", the features "x0", "x1" and so on, and `columns`. Sparse
    features become dense.

    Numbers in `columns` are of pandas' type `object`, which `from_pandas` does not take
    as features. `frame.infer_objects()` makes numbers of them.

    Returns:
        A dict of frames by node set; and a dict of tuples `(frame, source set, target
        set)` by edge set.

    Raises:
        ValueError: If an array in `columns` has several dimensions, or its name or a
            class's is one of those above: a frame cannot hold it.
        ImportError: If pandas is not installed.
    """
    pandas = optional_import("pandas", "HeteroGraph.to_pandas")
    names, node_frames, edge_frames = {}, {}, {}
    for key, nodes in graph.node_sets.items():
        names[key] = names_of(nodes)
        with named_errors(f"Node set {key!r}"):
            node_frames[key] = frame_of_nodes(nodes)
    for key, edges in graph.edge_sets.items():
        source, target = edges.edges.T
        fields = {
            "source": names[edges.source][source],
            "target": names[edges.target][target],
            "weight": edges.edge_weight,
        }
        with named_errors(f"Edge set {key!r}"):
            columns = frame_columns(fields, edges.edge_features, edges.columns)
        edge_frames[key] = pandas.DataFrame(columns), edges.source, edges.target
    return node_frames, edge_frames


def from_pandas(
    cls: type[HeteroGraph],
    node_sets: Mapping,
    edge_sets: Mapping,
    name: str | None = None,
) -> HeteroGraph:
    """Returns the graph of pandas frames, with a row for each node and each edge.

    ```python
    import pandas as pd

    papers = pd.DataFrame({"doi": [10, 20], "title": ["P", "Q"], "y": [0, 1]})
    authors = pd.DataFrame({"age": [30, 40]}, index=["ann", "bob"])
    writes = pd.DataFrame({"author": ["ann", "bob"], "doi": [20, 20]})
    graph = tfgraph.data.HeteroGraph.from_pandas(
        {"authors": authors, "papers": (papers, "doi")},
        {"writes": (writes, "authors", "papers", "author", "doi")},
    )
    ```

    What the columns become:

    | column                                     | of nodes  | of edges        |
    | ------------------------------------------ | --------- | --------------- |
    | the id column, by default the index        | `ids`     |                 |
    | the columns of sources and targets         |           | `edges`         |
    | "y", names or numbers of classes           | `y`       |                 |
    | "train_mask", "val_mask", "test_mask"      | the same  |                 |
    | "weight"                                   |           | `edge_weight`   |
    | other columns of numbers or booleans       | `x`       | `edge_features` |
    | other columns                              | `columns` | `columns`       |

    Leave out numbers that should not be a feature, `frame[["age", "height"]]`; or keep
    them in `columns`: `frame.astype({"year": object})`.

    Args:
        node_sets: Dict of frames, or tuples `(frame, id column)` or `(frame, id column,
            label column)`, by the names of the node sets. Without an id column, or with
            None, the index holds the ids. Labels may be a list of columns, as in
            `Graph.from_pandas`.
        edge_sets: Dict of tuples `(frame, source set, target set)` or `(frame, source
            set, target set, source column, target column)`, by the names of the edge
            sets. The columns hold ids of nodes. By default, they are the first two.
        name: Shown when the graph is printed.

    Raises:
        ValueError: If an argument has another form, a column is missing, an id is
            unknown or occurs twice, or a number is missing, NaN or infinite.
        ImportError: If pandas is not installed.
    """
    optional_import("pandas", "HeteroGraph.from_pandas")
    nodes = {}
    for key, value in named_sets("node_sets", node_sets):
        with named_errors(f"Node set {key!r}"):
            nodes[key] = _node_set_of_frame(value)
    edges = {}
    for key, value in named_sets("edge_sets", edge_sets):
        with named_errors(f"Edge set {key!r}"):
            edges[key] = _edge_set_of_frame(value, nodes)
    return cls(nodes, edges, name=name)


def _node_set_of_frame(value) -> NodeSet:
    value = value if isinstance(value, tuple) else (value,)
    form = "a frame or (frame, id column) or (frame, id column, label column)"
    frame, *columns = parts_of(value, form, {1, 2, 3})
    return NodeSet(**node_fields("frame", frame, *columns))


def _edge_set_of_frame(value, node_sets: dict[str, NodeSet]) -> EdgeSet:
    form = "(frame, source set, target set, source column, target column)"
    frame, source, target, *ends = parts_of(value, form, {3, 5})
    check_frame("frame", frame)
    ends = end_columns(frame, ends)
    rows = []
    of_ends = zip((source, target), END_COLUMNS, ends, strict=True)
    for node_set_name, argument, column in of_ends:
        nodes = node_sets[choose("node set", node_set_name, node_sets)]
        with named_errors(f"Column {column!r} of ids of {node_set_name!r}"):
            form = "(frame, id column)"
            rows.append(rows_of_column(nodes, frame, argument, column, form))
    rest = frame.drop(columns=ends)
    edge_weight = None
    if "weight" in rest.columns:
        edge_weight = weights_of(rest, "weight")
        rest = rest.drop(columns="weight")
    edge_features, columns = numbers_and_others("edge_features", rest)
    return EdgeSet(
        source,
        target,
        as_pairs(np.stack(rows, axis=1)),
        edge_weight=edge_weight,
        edge_features=edge_features,
        columns=columns,
    )

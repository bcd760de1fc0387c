"""A `Graph` as two pandas frames: its `to_pandas` and `from_pandas`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfgraph.data.graphs.conversions import optional_import
from tfgraph.data.graphs.fields import as_pairs
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
from tfgraph.inputs import named_errors

if TYPE_CHECKING:
    import pandas

    from tfgraph.data.graphs.graph import Graph


def to_pandas(graph: Graph) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Returns a pandas frame of the nodes and one of the edges.

    It is the inverse of `from_pandas`, which takes what it returns:

    ```python
    nodes, edges = graph.to_pandas()
    same = tfgraph.data.Graph.from_pandas(nodes, edges)
    ```

    The frame of nodes has the ids as its index, or row numbers where there are no ids.
    Its columns are "y" and the masks, if there are any, the features "x0", "x1" and so
    on, and `columns`. With `class_names`, "y" is categorical. A `y [N, C]` has a column
    for each of its names instead, or "y0", "y1" and so on. Pass these to `from_pandas`
    as `label_column`. The frame of edges has the ids of the "source" and "target",
    "weight", and the features "x0", "x1" and so on. Sparse features become dense.

    Raises:
        ValueError: If an array in `columns` has several dimensions, or its name or a
            class's is one of those above: a frame cannot hold it.
        ImportError: If pandas is not installed.
    """
    pandas = optional_import("pandas", "Graph.to_pandas")
    names = names_of(graph)
    source, target = graph.edges.T
    fields = {
        "source": names[source],
        "target": names[target],
        "weight": graph.edge_weight,
    }
    edges = frame_columns(fields, graph.edge_features, {})
    return frame_of_nodes(graph), pandas.DataFrame(edges)


def from_pandas(
    cls: type[Graph],
    nodes: pandas.DataFrame,
    edges: pandas.DataFrame,
    *,
    id_column: Any = None,
    label_column: Any = None,
    source_column: Any = None,
    target_column: Any = None,
    weight_column: Any = None,
    **fields: Any,
) -> Graph:
    """Returns the graph of two pandas frames, with a row for each node and each edge.

    ```python
    import pandas as pd

    # Files are read with `pd.read_csv("people.csv", dtype={"name": str})`.
    people = pd.DataFrame({"name": ["ann", "bob", "eve"], "age": [30, 40, 50]})
    people["job"] = ["cook", "vet", None]
    calls = pd.DataFrame({"from": ["ann", "eve"], "to": ["bob", "bob"]})
    graph = tfgraph.data.Graph.from_pandas(
        people, calls, id_column="name", label_column="job"
    )
    graph.x  # [[30.0], [40.0], [50.0]]
    graph.y, graph.class_names  # [0, 1, -1], ["cook", "vet"]
    graph.rows(["eve"])  # [2]
    undirected = graph.symmetrized()
    ```

    What the columns become:

    | column                                    | of nodes  | of edges        |
    | ----------------------------------------- | --------- | --------------- |
    | the id column, by default the index       | `ids`     |                 |
    | the columns of sources and targets        |           | `edges`         |
    | the label column, by default "y"          | `y`       |                 |
    | "train_mask", "val_mask", "test_mask"     | the same  |                 |
    | the weight column, by default "weight"    |           | `edge_weight`   |
    | other columns of numbers or booleans      | `x`       | `edge_features` |
    | other columns                             | `columns` | refused         |

    Labels are as in `Graph`. Strings are names of classes, and a missing one is a node
    without label. Whole numbers of which some are missing are class numbers.

    Several columns of labels, of numbers or booleans, make a `y [N, C]`. A missing one
    is NaN: `losses.MaskedLoss` leaves it out. Their names are the `class_names`:

    ```python
    import pandas as pd

    people = pd.DataFrame({"reads": [1, 0, None], "plays": [0, 1, 1]})
    friends = pd.DataFrame({"from": [0, 1], "to": [1, 2]})
    graph = tfgraph.data.Graph.from_pandas(
        people, friends, label_column=["reads", "plays"]
    )
    graph.y  # [[1.0, 0.0], [0.0, 1.0], [nan, 1.0]]
    graph.class_names  # ["reads", "plays"]
    ```

    Leave out numbers that should not be a feature, `nodes[["name", "age"]]`; or keep
    them in `columns`: `nodes.astype({"year": object})`. Each edge leads from its source
    to its target. For undirected edges, make both directions with `symmetrized`. Own
    splits are columns of booleans: `nodes.assign(train_mask=nodes["part"] == "train")`.

    Args:
        nodes: A frame of nodes.
        edges: A frame of edges, which names their ends by the ids of nodes.
        id_column: The column of ids, distinct strings or integers. None for the index.
        label_column: The column of labels, or a list of several. None for "y", if there
            is one.
        source_column: The column of sources. None for the first two columns, if
            `target_column` is None too.
        target_column: The column of targets.
        weight_column: The column of weights. None for "weight", if there is one.
        **fields: Further arguments of `Graph`, such as `name`.

    Raises:
        ValueError: If an argument is no frame, a column is missing, an id is unknown or
            occurs twice, or a number is missing, NaN or infinite. Also if one of
            several columns of labels holds no numbers, or `edges` has a column of text
            or objects besides.
        ImportError: If pandas is not installed.
    """
    optional_import("pandas", "Graph.from_pandas")
    with named_errors("Nodes"):
        of_nodes = node_fields("nodes", nodes, id_column, label_column)
        named = NodeSet(ids=of_nodes["ids"])
    with named_errors("Edges"):
        check_frame("edges", edges)
        of_edges = _edges_of_frame(
            edges, named, source_column, target_column, weight_column
        )
    return cls(**{**of_nodes, **of_edges, **fields})


def _edges_of_frame(frame, nodes: NodeSet, source, target, weight) -> dict[str, Any]:
    """Returns the arguments of a `Graph` that a frame of edges holds."""
    if (source is None) != (target is None):
        raise ValueError(
            "Expected `source_column` and `target_column` together. Received: "
            f"source_column={source!r}, target_column={target!r}"
        )
    ends = end_columns(frame, [] if source is None else [source, target])
    rows = []
    for argument, column in zip(END_COLUMNS, ends, strict=True):
        with named_errors(f"Column {column!r}"):
            form = "id_column=..."
            rows.append(rows_of_column(nodes, frame, argument, column, form))
    if weight is None and "weight" in frame.columns:
        weight = "weight"
    edge_weight = None if weight is None else weights_of(frame, weight)
    rest = [column for column in frame.columns if column not in (*ends, weight)]
    edge_features, others = numbers_and_others("edge_features", frame[rest])
    if others:
        kept = [column for column in frame.columns if column not in others]
        raise ValueError(
            "Expected columns of sources, targets, weights and numbers. Leave out the "
            f"others: `edges[{kept}]`; or make a HeteroGraph, whose edges have "
            f"columns. Received: columns {list(others)}"
        )
    return {
        "edges": as_pairs(np.stack(rows, axis=1)),
        "edge_weight": edge_weight,
        "edge_features": edge_features,
    }

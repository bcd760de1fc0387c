"""Graphs made from a `Graph`: the functions that are its methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs.conversions import features_of
from tfgraph.data.graphs.fields import (
    MASKS,
    as_pairs,
    check_numbered,
    checked_nodes,
    of_edges,
)

if TYPE_CHECKING:
    from tfgraph.data.graphs.graph import Graph


def symmetrized(graph: Graph) -> Graph:
    """Returns the undirected graph: each edge once in each direction.

    Repeated edges are merged, and a self-loop is kept once. The weight of a merged
    edge is the largest weight among the edges between its two nodes. Its features are
    those of the edge with that weight, of the first in `graph.edges` if there are more.
    They are the same in both directions.

    Raises:
        ValueError: If the graph has more than 3 billion nodes.
    """
    check_numbered(graph.num_nodes, graph.num_nodes)
    edges = np.concatenate([graph.edges, graph.edges[:, ::-1]])
    # One number for an edge sorts far faster than a row of two.
    number = edges[:, 1].astype(np.int64) * graph.num_nodes + edges[:, 0]
    number, first, merged_into = np.unique(
        number, return_index=True, return_inverse=True
    )
    edge_weight = None
    if graph.edge_weight is not None:
        edge_weight = np.full(len(number), -np.inf, np.float32)
        np.maximum.at(edge_weight, merged_into, np.tile(graph.edge_weight, 2))
    edge_features = None
    if graph.edge_features is not None:
        edge_features = graph.edge_features[_heaviest(graph, merged_into)]
    return graph.replace(
        edges=as_pairs(edges[first]),
        edge_weight=edge_weight,
        edge_features=edge_features,
    )


def _heaviest(graph: Graph, merged_into: np.ndarray) -> np.ndarray:
    """Returns the first edge of the largest weight among those merged into each.

    Args:
        graph: The graph, with E edges.
        merged_into: Numbers `[2 * E]`, for the edges and the reversed edges.
    """
    edge = np.tile(np.arange(graph.num_edges), 2)
    keys = [edge, merged_into]
    if graph.edge_weight is not None:
        keys.insert(1, -graph.edge_weight[edge])
    order = np.lexsort(keys)
    return edge[order[np.unique(merged_into[order], return_index=True)[1]]]


def subgraph(graph: Graph, nodes: npt.ArrayLike) -> Graph:
    """Returns the induced subgraph: some nodes, and the edges between them.

    For inductive training, where a model sees the training nodes only:
    `graph.subgraph(graph.train_mask)`.

    Args:
        nodes: Distinct node numbers, or a mask `[num_nodes]`. The i-th number becomes
            node i. The nodes of a mask keep their order.

    Raises:
        ValueError: If `nodes` is neither.
    """
    numbers = checked_nodes("nodes", nodes, graph.num_nodes)
    dtype = _number_type(graph.edges.dtype, len(numbers))
    new_number = np.full(graph.num_nodes, -1, dtype)
    new_number[numbers] = np.arange(len(numbers))
    edges = new_number[graph.edges]
    kept = (edges >= 0).all(axis=1)
    fields = {**of_edges(graph, kept), "edges": as_pairs(edges[kept])}
    for name in ("x", "y", *MASKS):
        value = getattr(graph, name)
        fields[name] = None if value is None else value[numbers]
    fields["ids"] = None if graph.ids is None else graph.ids[numbers]
    fields["columns"] = {key: graph.columns[key][numbers] for key in graph.columns}
    return graph.replace(**fields, num_nodes=len(numbers))


def _number_type(dtype: np.dtype, count: int) -> np.dtype:
    """Returns the type of edges, or int64 if it does not hold numbers below `count`."""
    return dtype if count - 1 <= np.iinfo(dtype).max else np.dtype(np.int64)


def row_normalized(graph: Graph) -> Graph:
    """Returns the graph with each node's features scaled to sum to 1.

    Rows that sum to 0 are left as they are.

    Raises:
        ValueError: If the graph has no features.
    """
    x = features_of(graph)
    if not is_scipy(x):
        total = x.sum(axis=1, keepdims=True, dtype=np.float64)
        return graph.replace(x=x / np.where(total == 0, 1, total))
    row = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    total = np.bincount(row, weights=x.data, minlength=x.shape[0])
    x = x.copy()
    x.data = (x.data / np.where(total == 0, 1, total)[row]).astype(np.float32)
    return graph.replace(x=x)

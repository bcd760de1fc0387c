"""A `HeteroGraph` as GraphTensor and adjacencies: its `to_...` and `from_...`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs.conversions import (
    check_scalar_graph_tensor,
    dense_tensor,
    scipy_adjacency,
    sparse_adjacency,
)
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.fields import as_pairs
from tfgraph.data.graphs.hetero_arguments import named_sets, parts_of, wrong
from tfgraph.data.graphs.node_set import NodeSet
from tfgraph.data.graphs.tensor_memory import copied_tensor
from tfgraph.graph_tensor import ROW, as_graph_tensor, choose
from tfgraph.inputs import named_errors

if TYPE_CHECKING:
    import scipy.sparse
    import tensorflow_gnn as tfgnn

    from tfgraph.data.graphs.hetero_graph import HeteroGraph


def to_sparse_tensor(
    graph: HeteroGraph, edge_set_name: str | None = None
) -> tf.sparse.SparseTensor:
    """Returns the adjacency of an edge set, a float32 SparseTensor `[M, N]`.

    Rows receive: M is the number of targets, N of sources. A layer takes it as
    `layer([(x_sources, x_targets), adjacency])`. The entries are in canonical
    (row-major) order. Their values are the weights, or 1 without weights.

    Args:
        edge_set_name: May be left out if there is one edge set.
    """
    edges, shape = _edges_and_shape(graph, edge_set_name)
    return sparse_adjacency(edges, shape)


def to_scipy(
    graph: HeteroGraph, edge_set_name: str | None = None
) -> scipy.sparse.csr_array:
    """Returns the adjacency of an edge set, a `scipy.sparse.csr_array` `[M, N]`.

    Rows receive: M is the number of targets, N of sources. Repeated edges are added up.
    Numbers are float32.

    Args:
        edge_set_name: May be left out if there is one edge set.

    Raises:
        ImportError: If SciPy is not installed.
    """
    edges, shape = _edges_and_shape(graph, edge_set_name)
    return scipy_adjacency(edges, shape, "HeteroGraph.to_scipy")


def to_graph_tensor(graph: HeteroGraph) -> tfgnn.GraphTensor:
    """Returns a TF-GNN `GraphTensor` of one component.

    Node sets have the feature "row" `[N]`, int64: the numbers of their nodes, which
    `layers.NodeEmbedding` looks up. Those with features also have "hidden_state" `[N,
    F]` (dense). Edge sets with weights have the feature "weight" `[E]`, those with
    features "features" `[E, D]`. Labels, masks, ids and columns are not part of it.
    """
    components = {}
    for name, nodes in graph.node_sets.items():
        components[f"nodes.{name}.-size"] = tf.constant([nodes.num_nodes], tf.int64)
        components[f"nodes.{name}.{ROW}"] = tf.range(nodes.num_nodes, dtype=tf.int64)
        if nodes.x is not None:
            components[f"nodes.{name}.hidden_state"] = dense_tensor(nodes)
    for name, edges in graph.edge_sets.items():
        prefix = f"edges.{name}."
        components[f"{prefix}-size"] = tf.constant([edges.num_edges], tf.int64)
        source, target = edges.edges.T
        components[f"{prefix}-source.{edges.source}"] = copied_tensor(source, np.int64)
        components[f"{prefix}-target.{edges.target}"] = copied_tensor(target, np.int64)
        if edges.edge_weight is not None:
            weight = copied_tensor(edges.edge_weight, np.float32)
            components[f"{prefix}weight"] = weight
        if edges.edge_features is not None:
            features = copied_tensor(edges.edge_features, np.float32)
            components[f"{prefix}features"] = features
    return as_graph_tensor(components)


def from_graph_tensor(
    cls: type[HeteroGraph],
    graph: tfgnn.GraphTensor,
    feature_name: str = "hidden_state",
    edge_weight_name: str = "weight",
    edge_feature_name: str = "features",
    name: str | None = None,
) -> HeteroGraph:
    """Returns the graph of all node sets and edge sets of a TF-GNN `GraphTensor`.

    Sets that lack a feature are read without it. Labels and masks are added by
    `replace`.

    Args:
        graph: A scalar `GraphTensor`. Several components become one graph.
        feature_name: Node feature `[N, F]` that becomes `x`.
        edge_weight_name: Edge feature `[E]` that becomes `edge_weight`.
        edge_feature_name: Edge feature `[E, D]` that becomes `edge_features`.
        name: Shown when the graph is printed.

    Raises:
        ValueError: If `graph` is no scalar GraphTensor, or a feature does not fit.
    """
    check_scalar_graph_tensor(graph)
    node_sets, edge_sets = {}, {}
    for key, nodes in graph.node_sets.items():
        with named_errors(f"Node set {key!r}"):
            x = nodes.features.get(feature_name)
            node_sets[key] = NodeSet(x, num_nodes=int(nodes.total_size))
    for key, edges in graph.edge_sets.items():
        ends = edges.adjacency
        with named_errors(f"Edge set {key!r}"):
            edge_sets[key] = EdgeSet(
                ends.source_name,
                ends.target_name,
                as_pairs(np.stack([ends.source, ends.target], axis=1)),
                edge_weight=edges.features.get(edge_weight_name),
                edge_features=edges.features.get(edge_feature_name),
            )
    return cls(node_sets, edge_sets, name=name)


def from_scipy(
    cls: type[HeteroGraph],
    node_sets: Mapping,
    edge_sets: Mapping,
    name: str | None = None,
) -> HeteroGraph:
    """Returns the graph of SciPy adjacencies: rows receive.

    ```python
    import scipy.sparse

    # A bag of words [papers, words] is the adjacency of edges from words to papers.
    bag_of_words = scipy.sparse.csr_array([[1, 0, 2], [0, 1, 0]])
    graph = tfgraph.data.HeteroGraph.from_scipy(
        {"papers": tfgraph.data.NodeSet(y=[0, 1])},
        {"in": (bag_of_words, "words", "papers")},
    )
    ```

    Args:
        node_sets: Dict of node sets by name, as for `HeteroGraph`. Those that it lacks
            have no features, and as many nodes as the first of their adjacencies says.
        edge_sets: Dict of tuples `(adjacency, source set, target set)`, by the names of
            the edge sets. An adjacency is a SciPy sparse matrix or array `[M, N]`, with
            M targets and N sources. Every stored entry is an edge. If all values are 1
            the edges have no weights.
        name: Shown when the graph is printed.

    Raises:
        ValueError: If an argument has another form, or an adjacency another shape than
            its node sets.
    """
    nodes, edges = dict(named_sets("node_sets", node_sets)), {}
    shapes = {}
    for key, value in named_sets("edge_sets", edge_sets):
        with named_errors(f"Edge set {key!r}"):
            matrix, source, target = parts_of(
                value, "(adjacency, source set, target set)", {3}
            )
            if not is_scipy(matrix) or matrix.ndim != 2:
                raise wrong("adjacency", "a SciPy sparse matrix [M, N]", matrix)
            coo = matrix.tocoo()
            edges[key] = EdgeSet(
                source,
                target,
                as_pairs(np.stack([coo.col, coo.row], axis=1)),
                edge_weight=None if np.all(coo.data == 1) else coo.data,
            )
            shapes[key] = coo.shape
            for end, size in ((target, coo.shape[0]), (source, coo.shape[1])):
                nodes.setdefault(end, NodeSet(num_nodes=size))
    graph = cls(nodes, edges, name=name)
    for key, shape in shapes.items():
        expected = _edges_and_shape(graph, key)[1]
        if shape != expected:
            raise ValueError(
                f"Edge set {key!r}: Expected `adjacency` to have shape [targets, "
                f"sources], {list(expected)}. Received: adjacency with shape={shape}"
            )
    return graph


def _edges_and_shape(graph: HeteroGraph, edge_set_name: str | None):
    edges = graph.edge_sets[choose("edge_set_name", edge_set_name, graph.edge_sets)]
    ends = (edges.target, edges.source)
    num_targets, num_sources = (graph.node_sets[end].num_nodes for end in ends)
    return edges, (num_targets, num_sources)

"""Conversions of a `Graph`: the functions that are its `to_...` and `from_...`."""

from __future__ import annotations

import importlib
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgraph.arguments import (
    is_networkx,
    is_scipy,
    is_sparse_tensor,
    wrong_object,
)
from tfgraph.data.graphs.edge_order import has_repeated
from tfgraph.data.graphs.fields import SciPyMatrix, as_pairs
from tfgraph.data.graphs.tensor_memory import (
    aligned_empty,
    as_tensor,
    copied_tensor,
)
from tfgraph.graph_tensor import choose, homogeneous, load_tfgnn

if TYPE_CHECKING:
    import networkx
    import scipy.sparse
    import tensorflow_gnn as tfgnn

    from tfgraph.data.graphs.graph import Graph
    from tfgraph.data.graphs.node_fields import NodeFields


def to_sparse_tensor(graph: Graph) -> tf.sparse.SparseTensor:
    """Returns the adjacency, a float32 SparseTensor `[N, N]`.

    The entries are in canonical (row-major) order. Their values are the weights, or 1
    if the graph has no weights. Repeated edges are repeated entries. So entry `e` is
    edge `e` of `graph.edges`, with row `e` of `graph.edge_features`. On a CPU, the
    indices may be in the memory of `graph.edges`.
    """
    return sparse_adjacency(graph, (graph.num_nodes, graph.num_nodes))


def sparse_adjacency(edges: Any, shape: tuple[int, int]) -> tf.sparse.SparseTensor:
    """Returns the SparseTensor of `edges`, a `Graph` or an `EdgeSet`."""
    weight = edges.edge_weight
    if weight is None:
        values = tf.ones([edges.num_edges])
    else:
        values = copied_tensor(weight, np.float32)
    return tf.sparse.SparseTensor(_indices(edges), values, shape)


def _indices(edges: Any) -> tf.Tensor:
    """The target and source of each edge, int64 `[E, 2]`."""
    return as_tensor(edges.edges[:, ::-1], np.int64)


def sparse_features(graph: NodeFields) -> tf.sparse.SparseTensor:
    """Returns `x` as a float32 SparseTensor `[N, F]` in canonical order.

    Raises:
        ValueError: If the graph has no features.
    """
    x = features_of(graph)
    indices, values = entries_of(x)
    indices = as_tensor(indices, np.int64)
    return tf.sparse.SparseTensor(indices, copied_tensor(values, np.float32), x.shape)


def dense_features(graph: NodeFields) -> np.ndarray:
    """Returns `x` as a float32 array `[N, F]`.

    Raises:
        ValueError: If the graph has no features.
    """
    x = features_of(graph)
    return x.toarray() if is_scipy(x) else x


def dense_tensor(graph: NodeFields) -> tf.Tensor:
    """Returns `x` as a float32 tensor `[N, F]`, in memory of its own.

    Raises:
        ValueError: If the graph has no features.
    """
    x = features_of(graph)
    if not is_scipy(x):
        return copied_tensor(x, np.float32)
    return as_tensor(x.toarray(out=aligned_empty(x.shape, np.float32)), np.float32)


def to_graph_tensor(graph: Graph) -> tfgnn.GraphTensor:
    """Returns a homogeneous TF-GNN `GraphTensor` of one component.

    Its node set "nodes" has the feature "hidden_state" `[N, F]` (dense) if the graph
    has features. Its edge set "edges" has the feature "weight" `[E]` if the edges have
    weights, and "features" `[E, D]` if they have features. Labels and masks are not
    part of it.
    """
    weight, edge_features = graph.edge_weight, graph.edge_features
    return homogeneous(
        _indices(graph),
        tf.constant([graph.num_nodes], tf.int64),
        tf.constant([graph.num_edges], tf.int64),
        None if graph.x is None else dense_tensor(graph),
        None if weight is None else copied_tensor(weight, np.float32),
        None if edge_features is None else copied_tensor(edge_features, np.float32),
    )


def to_scipy(graph: Graph) -> scipy.sparse.csr_array:
    """Returns the adjacency, a float32 `scipy.sparse.csr_array` `[N, N]`.

    Repeated edges are added up, as in any product with the adjacency. Features of edges
    are not part of it.

    Raises:
        ImportError: If SciPy is not installed.
    """
    shape = (graph.num_nodes, graph.num_nodes)
    return scipy_adjacency(graph, shape, "Graph.to_scipy")


def scipy_adjacency(
    edges: Any, shape: tuple[int, int], needed_by: str
) -> scipy.sparse.csr_array:
    """Returns the `csr_array` of `edges`, a `Graph` or an `EdgeSet`."""
    sparse = optional_import("scipy.sparse", needed_by)
    source, target = edges.edges.T
    return sparse.csr_array((_weights(edges), (target, source)), shape=shape)


def to_networkx(graph: Graph) -> networkx.DiGraph:
    """Returns a `networkx.DiGraph` of nodes `0 .. N-1`.

    Weights become the edge attribute "weight". Labels, masks, and features of nodes and
    edges are not copied. A graph with repeated edges becomes a `networkx.MultiDiGraph`,
    which is a `DiGraph` that can hold them.

    Raises:
        ImportError: If NetworkX is not installed.
    """
    library = optional_import("networkx", "Graph.to_networkx")
    repeated = has_repeated(graph.edges)
    network = library.MultiDiGraph() if repeated else library.DiGraph()
    network.add_nodes_from(range(graph.num_nodes))
    if graph.edge_weight is None:
        network.add_edges_from(graph.edges.tolist())
    else:
        source, target = graph.edges.T.tolist()
        network.add_weighted_edges_from(
            zip(source, target, graph.edge_weight.tolist(), strict=True)
        )
    return network


def from_sparse_tensor(
    cls: type[Graph],
    adjacency: tf.sparse.SparseTensor,
    x: npt.ArrayLike | SciPyMatrix | None = None,
    **fields: Any,
) -> Graph:
    """Returns the graph of an adjacency: rows receive.

    Args:
        adjacency: `tf.sparse.SparseTensor` `[N, N]`, with entries in any order. Every
            entry is an edge. If all values are 1 the graph has no weights.
        x: Node features `[N, F]`, or None.
        **fields: Further arguments of `Graph`, such as `y` or `name`.

    Raises:
        ValueError: If `adjacency` is not a square SparseTensor of real numbers.
    """
    if not is_sparse_tensor(adjacency) or adjacency.shape.rank != 2:
        raise wrong_object("adjacency", "a tf.sparse.SparseTensor [N, N]", adjacency)
    target, source = adjacency.indices.numpy().T
    shape = tuple(adjacency.dense_shape.numpy().tolist())
    values = adjacency.values.numpy()
    return _from_entries(cls, target, source, values, shape, x, fields)


def from_scipy(
    cls: type[Graph],
    adjacency: SciPyMatrix,
    x: npt.ArrayLike | SciPyMatrix | None = None,
    **fields: Any,
) -> Graph:
    """Returns the graph of a SciPy adjacency: rows receive.

    Args:
        adjacency: SciPy sparse matrix or array `[N, N]`. Every stored entry is an
            edge. If all values are 1 the graph has no weights.
        x: Node features `[N, F]`, or None.
        **fields: Further arguments of `Graph`, such as `y` or `name`.

    Raises:
        ValueError: If `adjacency` is not a square sparse matrix of real numbers.
    """
    if not is_scipy(adjacency) or adjacency.ndim != 2:
        raise wrong_object("adjacency", "a SciPy sparse matrix [N, N]", adjacency)
    coo = adjacency.tocoo()
    return _from_entries(cls, coo.row, coo.col, coo.data, coo.shape, x, fields)


def from_networkx(
    cls: type[Graph],
    graph: networkx.Graph,
    x: npt.ArrayLike | SciPyMatrix | None = None,
    *,
    weight: str | None = "weight",
    **fields: Any,
) -> Graph:
    """Returns the graph of a NetworkX graph; an undirected one in both directions.

    Node i of the result is the i-th node in `list(graph)`.

    Args:
        graph: A NetworkX graph of any class.
        x: Node features `[N, F]`, or None.
        weight: Name of the edge attribute that holds the weights, or None for a graph
            without weights. Edges without the attribute weigh 1. If no edge has it,
            the graph has no weights.
        **fields: Further arguments of `Graph`, such as `y` or `name`.

    Raises:
        ValueError: If `graph` is not a NetworkX graph or a weight is no number.
    """
    if not is_networkx(graph):
        raise wrong_object("graph", "a networkx graph", graph)
    index = {node: i for i, node in enumerate(graph)}
    edges, weights = [], []
    for source, target, value in graph.edges(data=weight, default=None):
        edges.append((index[source], index[target]))
        weights.append(value)
        if source != target and not graph.is_directed():
            edges.append((index[target], index[source]))
            weights.append(value)
    edge_weight = None
    if any(value is not None for value in weights):
        edge_weight = [1 if value is None else value for value in weights]
    return cls(x, edges, edge_weight=edge_weight, num_nodes=len(index), **fields)


def from_graph_tensor(
    cls: type[Graph],
    graph: tfgnn.GraphTensor,
    node_set_name: str | None = None,
    edge_set_name: str | None = None,
    feature_name: str | None = "hidden_state",
    edge_weight_name: str | None = None,
    edge_feature_name: str | None = None,
    **fields: Any,
) -> Graph:
    """Returns one node set and one edge set of a TF-GNN `GraphTensor`.

    Args:
        graph: A scalar `GraphTensor`. Several components become one graph.
        node_set_name: May be left out if there is one node set.
        edge_set_name: May be left out if there is one edge set. Both its ends
            must be in the node set.
        feature_name: Node feature `[N, F]` that becomes `x`; None for no `x`.
        edge_weight_name: Edge feature `[E]` that becomes `edge_weight`; None for no
            weights.
        edge_feature_name: Edge feature `[E, D]` that becomes `edge_features`; None for
            no features of edges.
        **fields: Further arguments of `Graph`, such as `y` or `name`.

    Raises:
        ValueError: If `graph` is no scalar GraphTensor, a name is missing or not in
            it, or the edge set leads to another node set.
    """
    check_scalar_graph_tensor(graph)
    node_set = choose("node_set_name", node_set_name, graph.node_sets)
    edge_set = choose("edge_set_name", edge_set_name, graph.edge_sets)
    nodes, edges = graph.node_sets[node_set], graph.edge_sets[edge_set]
    ends = edges.adjacency.source_name, edges.adjacency.target_name
    if ends != (node_set, node_set):
        raise ValueError(
            f"Expected the edge set {edge_set!r} to connect the node set "
            f"{node_set!r} with itself, but it leads from {ends[0]!r} to "
            f"{ends[1]!r}. Received: edge_set_name={edge_set_name!r}"
        )
    x = edge_weight = edge_features = None
    if feature_name is not None:
        x = nodes[choose("feature_name", feature_name, nodes.features)]
    if edge_weight_name is not None:
        edge_weight = edges[
            choose("edge_weight_name", edge_weight_name, edges.features)
        ]
    if edge_feature_name is not None:
        edge_features = edges[
            choose("edge_feature_name", edge_feature_name, edges.features)
        ]
    rows = np.stack([edges.adjacency.source, edges.adjacency.target], axis=1)
    return cls(
        x,
        as_pairs(rows),
        edge_weight=edge_weight,
        edge_features=edge_features,
        num_nodes=int(nodes.total_size),
        **fields,
    )


def check_scalar_graph_tensor(graph: Any) -> None:
    """Raises a `ValueError` if the argument `graph` is no scalar GraphTensor."""
    if not isinstance(graph, load_tfgnn().GraphTensor):
        raise wrong_object("graph", "a scalar GraphTensor", graph)
    if graph.rank != 0:
        raise ValueError(
            "Expected `graph` to be a scalar GraphTensor. Merge a batch with "
            "`graph.merge_batch_to_components()`. "
            f"Received: graph of rank {graph.rank}"
        )


def _from_entries(
    cls: type[Graph],
    target: np.ndarray,
    source: np.ndarray,
    values: np.ndarray,
    shape: tuple[int, int],
    x: npt.ArrayLike | SciPyMatrix | None,
    fields: dict[str, Any],
) -> Graph:
    if shape[0] != shape[1]:
        raise ValueError(
            "Expected `adjacency` to have shape [N, N]. "
            f"Received: adjacency with shape={tuple(shape)}"
        )
    return cls(
        x,
        as_pairs(np.stack([source, target], axis=1)),
        edge_weight=None if np.all(values == 1) else values,
        num_nodes=shape[0],
        **fields,
    )


def _weights(edges: Any) -> np.ndarray:
    if edges.edge_weight is None:
        return np.ones(edges.num_edges, np.float32)
    return edges.edge_weight


def features_of(graph: NodeFields) -> Any:
    """Returns `graph.x`, or raises a `ValueError` if there is none."""
    if graph.x is None:
        raise ValueError(
            "Expected a graph with features; `tfgraph.data.identity_features(graph)` "
            f"makes some for a graph without. Received: graph={graph}"
        )
    return graph.x


def entries_of(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns int64 indices `[E, 2]`, in row-major order, and values of features."""
    if is_scipy(x):
        row, column = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr)), x.indices
        values = x.data
    else:
        row, column = np.nonzero(x)
        values = x[row, column]
    indices = aligned_empty((len(values), 2), np.int64)
    indices[:, 0], indices[:, 1] = row, column
    return indices, values


def optional_import(module: str, needed_by: str) -> types.ModuleType:
    """Returns a module of an optional library, or says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(
            f"`{needed_by}` needs {library}: `pip install tfgraph[{library}]`."
        ) from error

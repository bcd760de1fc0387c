"""Several graphs as one: the disjoint unions that batches are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs.fields import as_pairs
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import checked_graphs
from tfgraph.data.graphs.tensor_memory import aligned_empty, as_tensor
from tfgraph.graph_tensor import homogeneous

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn


def disjoint_union(graphs: Sequence[Graph]) -> Graph:
    """Returns one graph of several: their nodes one after the other, with their edges.

    To draw minibatches of nodes from several graphs at once:

    ```python
    train = tfgraph.data.disjoint_union(tfgraph.data.twitch("DE", "ES", "PTBR"))
    batches = tfgraph.data.neighbor_batches(train, (25, 10), 512, shuffle=True)
    ```

    Args:
        graphs: A list of one or more graphs. Features, labels and masks are kept if all
            graphs have them. So are features of edges, each of `columns`, and ids, if
            no id occurs twice. Weights are kept if any graph has them; the edges of the
            other graphs then weigh 1.

    Raises:
        ValueError: If `graphs` is not a list of graphs, features or labels differ in
            the number of columns, or labels differ in `class_names`.
    """
    graphs = checked_graphs("graphs", graphs)
    first_node = np.cumsum([0, *(graph.num_nodes for graph in graphs)])
    edges = [
        np.add(graph.edges, first, dtype=np.int64)
        for graph, first in zip(graphs, first_node, strict=False)
    ]
    edge_weight = None
    if any(graph.edge_weight is not None for graph in graphs):
        edge_weight = np.concatenate(
            [graph.to_sparse_tensor().values for graph in graphs]
        )
    fields = {}
    for name in ("x", "edge_features", "y", "train_mask", "val_mask", "test_mask"):
        parts = [getattr(graph, name) for graph in graphs]
        if all(part is not None for part in parts):
            fields[name] = _concatenated(name, parts)
    if "y" in fields:
        fields["class_names"] = _common_class_names(graphs)
    ids = [graph.ids for graph in graphs if graph.ids is not None]
    if len(ids) == len(graphs) and _are_distinct(ids):
        fields["ids"] = np.concatenate(ids)
    fields["columns"] = {
        name: _concatenated(name, [graph.columns[name] for graph in graphs])
        for name in graphs[0].columns
        if all(name in graph.columns for graph in graphs)
    }
    return Graph(
        fields.pop("x", None),
        as_pairs(np.concatenate(edges)),
        edge_weight=edge_weight,
        num_nodes=int(first_node[-1]),
        **fields,
    )


def _common_class_names(graphs: Sequence[Graph]) -> np.ndarray | None:
    """Returns the class names of graphs, None if one of them has none.

    Raises:
        ValueError: If two graphs have other names, so that a number is two classes.
    """
    names = [None if g.class_names is None else g.class_names.tolist() for g in graphs]
    if None in names:
        return None
    for number, one in enumerate(names):
        if one != names[0]:
            raise ValueError(
                "Expected `graphs` to have the same `class_names`. Pass those of all "
                "to each: `Graph(..., class_names=class_names)`. Received: "
                f"graphs[0] with {names[0]}, graphs[{number}] with {one}"
            )
    return graphs[0].class_names


def _are_distinct(ids):
    """Whether ids are all integers or all strings, and each occurs once."""
    every = np.concatenate(ids)
    same_type = len({part.dtype.kind for part in ids}) == 1
    return same_type and len(np.unique(every)) == len(every)


def _concatenated(name, parts):
    if len({part.shape[1:] for part in parts}) > 1:
        raise ValueError(
            f"Expected `graphs` to be alike in the columns of `{name}`. "
            f"Received: {[part.shape for part in parts]}"
        )
    if not any(is_scipy(part) for part in parts):
        return np.concatenate(parts)
    import scipy.sparse

    return scipy.sparse.vstack(parts, format="csr")


class Union(NamedTuple):
    """The disjoint union of B graphs, N nodes and E edges in all.

    Attributes:
        num_nodes: int64 `[B]`, the nodes of each graph.
        num_edges: int64 `[B]`, the edges of each graph.
        adjacency: SparseTensor `[N, N]` in canonical order, the graphs' adjacencies as
            blocks on its diagonal.
        edge_features: Features `[E, D]` in the order of the entries, or None.
        x: Features `[N, F]`, a tensor or SparseTensor in canonical order.
        y: Labels `[N]` or `[N, C]`, or None.
    """

    num_nodes: tf.Tensor
    num_edges: tf.Tensor
    adjacency: tf.sparse.SparseTensor
    edge_features: tf.Tensor | None
    x: tf.Tensor | tf.sparse.SparseTensor
    y: tf.Tensor | None

    def parts(self) -> tuple:
        """Returns `(x, adjacency)`, or `(x, adjacency, edge_features)`."""
        parts = (self.x, self.adjacency)
        return parts if self.edge_features is None else (*parts, self.edge_features)

    def to_graph_tensor(self, weighted_edges: bool) -> tfgnn.GraphTensor:
        """Returns a `GraphTensor` with a component for each graph."""
        return homogeneous(
            self.adjacency.indices,
            self.num_nodes,
            self.num_edges,
            self.x,
            self.adjacency.values if weighted_edges else None,
            self.edge_features,
        )


class GraphStack:
    """Graphs as a few RaggedTensors, in which row i is graph i, to make unions of.

    TensorFlow gathers the rows of many graphs in one operation. So a `tf.data` pipeline
    makes a batch without Python.

    Args:
        graphs: Graphs with features, and with `y` if `labels`, alike in both.
        labels: Whether the unions have labels.
        sparse_features: Whether `x` of the unions is a SparseTensor.
    """

    def __init__(self, graphs: Sequence[Graph], labels: bool, sparse_features: bool):
        self.sparse_features = sparse_features
        self.num_features = graphs[0].num_features
        # Sparse until a batch is made: dense, all graphs together may not fit.
        self.stored_sparse = sparse_features or all(is_scipy(g.x) for g in graphs)
        with tf.device("CPU"):  # where tf.data will need them
            self.num_nodes = tf.constant([g.num_nodes for g in graphs], tf.int64)
            adjacencies = [graph.to_sparse_tensor() for graph in graphs]
            self.adjacency = _stack_entries(adjacencies)
            edge_features = [graph.edge_features for graph in graphs]
            # The graphs are alike: all have them, or none.
            self.edge_features = (
                None if edge_features[0] is None else _stack(edge_features)
            )
            if self.stored_sparse:
                self.x = _stack_entries([graph.sparse_features() for graph in graphs])
            else:
                self.x = _stack([graph.dense_features() for graph in graphs])
            y = [graph.y for graph in graphs if labels and graph.y is not None]
            self.y = _stack(y) if labels else None

    def union(self, numbers: tf.Tensor) -> Union:
        """Returns the union of the graphs with the given numbers `[B]`, in that order.

        In a traced function, the number of features is its only known size.
        """
        num_nodes = tf.gather(self.num_nodes, numbers)
        first_node = tf.cumsum(num_nodes, exclusive=True)
        total = tf.reduce_sum(num_nodes)

        indices, values = (tf.gather(part, numbers) for part in self.adjacency)
        first = tf.gather(first_node, indices.value_rowids())
        adjacency = tf.sparse.SparseTensor(
            indices.flat_values + first[:, None],
            values.flat_values,
            tf.stack([total, total]),
        )
        return Union(
            num_nodes,
            indices.row_lengths(),
            adjacency,
            _joined(self.edge_features, numbers),
            self._features(numbers, first_node, total),
            _joined(self.y, numbers),
        )

    def _features(self, numbers, first_node, total):
        if not self.stored_sparse:
            return tf.gather(self.x, numbers).flat_values
        indices, values = (tf.gather(part, numbers) for part in self.x)
        row, column = tf.unstack(indices.flat_values, axis=1)
        row += tf.gather(first_node, indices.value_rowids())
        x = tf.sparse.SparseTensor(
            tf.stack([row, column], axis=1),
            values.flat_values,
            tf.stack([total, self.num_features]),
        )
        return x if self.sparse_features else tf.sparse.to_dense(x)


def _joined(stacked: tf.RaggedTensor | None, numbers: tf.Tensor) -> tf.Tensor | None:
    """Returns the rows of some graphs, one graph after the other."""
    return None if stacked is None else tf.gather(stacked, numbers).flat_values


def _stack(arrays: Sequence[np.ndarray]) -> tf.RaggedTensor:
    first, lengths = arrays[0], [len(array) for array in arrays]
    rows = aligned_empty((sum(lengths), *first.shape[1:]), first.dtype)
    np.concatenate(arrays, out=rows)
    return tf.RaggedTensor.from_row_lengths(as_tensor(rows, rows.dtype), lengths)


def _stack_entries(tensors) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Returns indices `[G, (entries), 2]` and values `[G, (entries)]`."""
    return (
        _stack([np.asarray(tensor.indices) for tensor in tensors]),
        _stack([np.asarray(tensor.values) for tensor in tensors]),
    )

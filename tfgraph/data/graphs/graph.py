"""The container of one graph in host memory."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from tfgraph.data.graphs import conversions, storage, transforms
from tfgraph.data.graphs.fields import (
    SciPyMatrix,
    as_pairs,
    checked_edge_features,
    checked_edge_weight,
    checked_edges,
    sorted_by_target,
)
from tfgraph.data.graphs.node_fields import NodeFields


class Graph(NodeFields):
    """A graph with node features, labels and split masks, as NumPy arrays.

    An edge `source -> target` is entry `[target, source]` of the adjacency: rows
    receive. An undirected graph holds both directions of each edge (see
    `symmetrized`). A `Graph` checks its arguments once, when it is made. Do not change
    it afterwards: `replace` returns a changed copy. Arrays that already have the
    stored type are not copied, so do not change those either.

    Example:

    ```python
    x = [[1.0], [2.0], [3.0]]
    graph = tfgraph.data.Graph(x, edges=[(0, 1), (1, 2)], y=[0, 1, -1])
    graph.to_sparse_tensor()  # entries [1, 0] and [2, 1]
    ```

    Args:
        x: Node features `[N, F]`, an array or a SciPy sparse matrix, or None. Stored
            as float32. A sparse matrix stays sparse, in CSR form. A `numpy.memmap` of
            float32 stays in its file.
        edges: Integers `[E, 2]`, each row `(source, target)`. Stored as int64, or as
            int32 if they are, sorted by target, then source. A sorted `numpy.memmap` of
            these types stays in its file. Repeated edges are kept. An array of shape
            `[2, 2]` may be meant the other way round, as `[2, E]`, so it draws a
            `UserWarning`. A list, as from `edges.tolist()`, is read as pairs, without
            a warning.
        edge_weight: Weights `[E]` in the order of `edges`, or None. Stored as float32
            and reordered with the edges.
        edge_features: Features `[E, D]` in the order of `edges`, or None. Stored as
            float32 and reordered with the edges. For layers that use them, such as
            `layers.GATConv`.
        y: Labels, or None: class numbers `[N]`, with -1 for a node without label, or
            any numbers `[N, C]`. Integers are stored as int64, others as float32. Turn
            names of classes into numbers by `np.unique(names, return_inverse=True)[1]`.
        train_mask: Booleans `[N]`, True for the nodes to train on, or None.
        val_mask: The same for validation.
        test_mask: The same for the test.
        num_nodes: N. Needed only if both `x` and `y` are None.
        name: Shown when the graph is printed.

    Raises:
        ValueError: If shapes or types do not fit, or an edge names a node that does not
            exist. Also if a number is NaN or infinite, or a mask selects a node with
            label -1.
    """

    def __init__(
        self,
        x: npt.ArrayLike | SciPyMatrix | None,
        edges: npt.ArrayLike,
        *,
        edge_weight: npt.ArrayLike | None = None,
        edge_features: npt.ArrayLike | None = None,
        y: npt.ArrayLike | None = None,
        train_mask: npt.ArrayLike | None = None,
        val_mask: npt.ArrayLike | None = None,
        test_mask: npt.ArrayLike | None = None,
        num_nodes: int | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name
        super().__init__(x, y, train_mask, val_mask, test_mask, num_nodes)
        edges = checked_edges(edges, self.num_nodes)
        if edge_weight is not None:
            edge_weight = checked_edge_weight(edge_weight, len(edges))
        if edge_features is not None:
            edge_features = checked_edge_features(edge_features, len(edges))
        self.edges, self.edge_weight, self.edge_features = sorted_by_target(
            edges, edge_weight, edge_features
        )

    symmetrized = transforms.symmetrized
    subgraph = transforms.subgraph
    row_normalized = transforms.row_normalized

    save = storage.save
    load = classmethod(storage.load)
    to_sparse_tensor = conversions.to_sparse_tensor
    to_graph_tensor = conversions.to_graph_tensor
    to_scipy = conversions.to_scipy
    to_networkx = conversions.to_networkx
    from_sparse_tensor = classmethod(conversions.from_sparse_tensor)
    from_graph_tensor = classmethod(conversions.from_graph_tensor)
    from_scipy = classmethod(conversions.from_scipy)
    from_networkx = classmethod(conversions.from_networkx)

    @property
    def num_edges(self) -> int:
        """Number of stored (directed) edges."""
        return len(self.edges)

    @property
    def num_edge_features(self) -> int:
        """Number of features of an edge, 0 without `edge_features`."""
        return 0 if self.edge_features is None else self.edge_features.shape[1]

    def replace(self, **fields: Any) -> Graph:
        """Returns a copy in which the given arguments of `Graph` are replaced.

        Args:
            **fields: Arguments of `Graph`. A new `x` also sets the number of nodes. A
                new `edge_weight` or `edge_features` without `edges` is in the order of
                `graph.edges`.
        """
        return super().replace(**{"edges": as_pairs(self.edges), **fields})

    def __repr__(self) -> str:
        parts = [] if self.name is None else [f"name={self.name!r}"]
        parts += [f"nodes={self.num_nodes}", f"edges={self.num_edges}"]
        if self.edge_weight is not None:
            parts.append("weighted")
        if self.edge_features is not None:
            parts.append(f"edge_features={self.num_edge_features}")
        parts += self.described_nodes()
        return f"Graph({', '.join(parts)})"

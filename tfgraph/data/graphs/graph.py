"""The container of one graph in host memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from tfgraph.data.graphs import (
    conversions,
    libraries,
    pandas_tables,
    storage,
    transforms,
)
from tfgraph.data.graphs.edge_order import sorted_by_target
from tfgraph.data.graphs.fields import (
    SciPyMatrix,
    as_pairs,
    checked_edge_features,
    checked_edge_weight,
    checked_edges,
    checked_name,
)
from tfgraph.data.graphs.node_fields import NodeFields


class Graph(NodeFields):
    """A graph with node features, labels and split masks, as NumPy arrays.

    An edge `source -> target` is entry `[target, source]` of the adjacency: rows
    receive. An undirected graph holds both directions of each edge (see
    `symmetrized`). A `Graph` checks its arguments once, when it is made. Do not change
    it afterwards: `replace` returns a changed copy. Arrays that already have the
    stored type are not copied, so do not change those either. Graphs are equal, `==`,
    if they hold the same, whatever their names.

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
        y: Labels, or None: classes `[N]`, or any numbers `[N, C]`. Integers are stored
            as int64, others as float32. Classes are numbers, with -1 for a node without
            label; or names, strings with None or NaN for a node without label. Names
            become numbers, the places in `class_names`. In `[N, C]`, NaN stands for an
            entry without label, which `losses.MaskedLoss` leaves out.
        train_mask: Booleans `[N]`, True for the nodes to train on, or None.
        val_mask: The same for validation.
        test_mask: The same for the test.
        ids: What the nodes are called elsewhere, `[N]`: distinct strings or integers,
            or None. `graph.rows(ids)` returns the nodes with these ids.
        columns: Dict of further arrays `[N, ...]` of any type, such as titles. They are
            kept beside the nodes, and no model sees them.
        class_names: Names of the classes `[C]`, or of the columns of `y [N, C]`, or
            None. If `y` holds names, None takes them from `y`, sorted.
        num_nodes: N. Needed only if `x`, `y` and `ids` are None.
        name: Shown when the graph is printed.

    Raises:
        ValueError: If shapes or types do not fit, or an edge names a node that does not
            exist. Also if a number is infinite, or NaN but for `y [N, C]`; an id occurs
            twice; a class has no name; or a mask selects a node with label -1.
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
        ids: npt.ArrayLike | None = None,
        columns: Mapping[str, npt.ArrayLike] | None = None,
        class_names: npt.ArrayLike | None = None,
        num_nodes: int | None = None,
        name: str | None = None,
    ) -> None:
        self.name = checked_name(name)
        super().__init__(
            x, y, train_mask, val_mask, test_mask, ids, columns, class_names, num_nodes
        )
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
    to_pandas = pandas_tables.to_pandas
    from_sparse_tensor = classmethod(conversions.from_sparse_tensor)
    from_graph_tensor = classmethod(conversions.from_graph_tensor)
    from_scipy = classmethod(conversions.from_scipy)
    from_networkx = classmethod(conversions.from_networkx)
    from_pandas = classmethod(pandas_tables.from_pandas)
    from_pyg = classmethod(libraries.from_pyg)
    from_dgl = classmethod(libraries.from_dgl)
    from_ogb = classmethod(libraries.from_ogb)

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

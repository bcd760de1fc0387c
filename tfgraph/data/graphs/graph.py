"""The container of one graph in host memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs import conversions, transforms
from tfgraph.data.graphs.fields import (
    MASKS,
    SciPyMatrix,
    are_classes,
    as_pairs,
    checked_edge_weight,
    checked_edges,
    checked_features,
    checked_labels,
    checked_mask,
    checked_num_nodes,
)


class Graph:
    """A graph with node features, labels and split masks, as NumPy arrays.

    An edge `source -> target` is entry `[target, source]` of the adjacency: rows
    receive. An undirected graph holds both directions of each edge (see
    `symmetrized`). A `Graph` checks its arguments once, when it is made. Do not change
    it afterwards: `replace` returns a changed copy. Arrays that already have the
    stored type are not copied, so do not change those either.

    A `Graph` does not hold features of edges. Sort yours as the edges are sorted, with
    `order = np.lexsort(edges.T)`.

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
        edges: Integers `[E, 2]`, each row `(source, target)`. Stored as int64, sorted
            by target, then source. Repeated edges are kept. An array of shape `[2, 2]`
            may be meant the other way round, as `[2, E]`, so it draws a `UserWarning`.
            A list, as from `edges.tolist()`, is read as pairs, without a warning.
        edge_weight: Weights `[E]` in the order of `edges`, or None. Stored as float32
            and reordered with the edges.
        y: Labels, or None: class numbers `[N]`, with -1 for a node without label, or
            any numbers `[N, C]`. Integers are stored as int64, others as float32.
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
        y: npt.ArrayLike | None = None,
        train_mask: npt.ArrayLike | None = None,
        val_mask: npt.ArrayLike | None = None,
        test_mask: npt.ArrayLike | None = None,
        num_nodes: int | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name
        self.x = None if x is None else checked_features(x)
        self.y = None if y is None else checked_labels(y)
        self.num_nodes = checked_num_nodes(self.x, self.y, num_nodes)
        self.edges = checked_edges(edges, self.num_nodes)
        self.edge_weight = None
        if edge_weight is not None:
            self.edge_weight = checked_edge_weight(edge_weight, len(self.edges))
        # Sorted by target, these are the adjacency's entries in row-major order.
        # TensorFlow's CSR kernels need that order. Sorting here once is far cheaper
        # than in every training step.
        order = np.lexsort(self.edges.T)
        self.edges = self.edges[order]
        if self.edge_weight is not None:
            self.edge_weight = self.edge_weight[order]

        masks = (train_mask, val_mask, test_mask)
        self.train_mask, self.val_mask, self.test_mask = (
            None if mask is None else checked_mask(name, mask, self.num_nodes, self.y)
            for name, mask in zip(MASKS, masks, strict=True)
        )

    symmetrized = transforms.symmetrized
    subgraph = transforms.subgraph
    row_normalized = transforms.row_normalized

    dense_features = conversions.dense_features
    sparse_features = conversions.sparse_features
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
    def num_features(self) -> int:
        """Number of features of a node, 0 without `x`."""
        return 0 if self.x is None else self.x.shape[1]

    @property
    def num_classes(self) -> int:
        """Largest class number plus one, or the columns of `y [N, C]`; 0 without `y`.

        Raises:
            ValueError: If `y` holds one non-integer number for each node.
        """
        if self.y is None:
            return 0
        if self.y.ndim == 2:
            return self.y.shape[1]
        if not are_classes(self.y):
            raise ValueError(
                "Expected `y` to hold class numbers. "
                f"Received: y with dtype={self.y.dtype}"
            )
        return int(self.y.max(initial=-1)) + 1

    def replace(self, **fields: Any) -> Graph:
        """Returns a copy in which the given arguments of `Graph` are replaced.

        Args:
            **fields: Arguments of `Graph`. A new `x` also sets the number of nodes. A
                new `edge_weight` without `edges` is in the order of `graph.edges`.
        """
        current = {**vars(self), "edges": as_pairs(self.edges)}
        if fields.get("x") is not None:
            del current["num_nodes"]
        return Graph(**{**current, **fields})

    def __repr__(self) -> str:
        parts = [] if self.name is None else [f"name={self.name!r}"]
        parts += [f"nodes={self.num_nodes}", f"edges={self.num_edges}"]
        if self.edge_weight is not None:
            parts.append("weighted")
        if self.x is not None:
            form = " (sparse)" if is_scipy(self.x) else ""
            parts.append(f"features={self.num_features}{form}")
        if self.y is not None:
            if are_classes(self.y):
                parts.append(f"classes={self.num_classes}")
            else:
                parts.append(f"y={self.y.dtype}{list(self.y.shape)}")
        for name in MASKS:
            mask = getattr(self, name)
            if mask is not None:
                parts.append(f"{name.removesuffix('_mask')}={mask.sum()}")
        return f"Graph({', '.join(parts)})"

"""One graph in host memory, and its conversions."""

import numpy as np
import tensorflow as tf

from tfgraph.data.graphs.checks import (
    checked_edge_weight,
    checked_edges,
    checked_features,
    checked_labels,
    checked_mask,
    checked_nodes,
    checked_num_nodes,
    is_scipy,
)
from tfgraph.graph_tensor import choose, homogeneous, load_tfgnn

_MASKS = ("train_mask", "val_mask", "test_mask")


class Graph:
    """A graph with node features, labels and split masks, as NumPy arrays.

    An edge `source -> target` is entry `[target, source]` of the adjacency: rows
    receive. An undirected graph holds both directions of each edge (see
    `symmetrized`). A `Graph` is checked once, when it is made, and not meant to be
    changed afterwards: `replace` returns a changed copy. Arrays that are of the stored
    type already are not copied, so leave them as they are, too.

    Example:

    ```python
    x = [[1.0], [2.0], [3.0]]
    graph = tfgraph.data.Graph(x, edges=[(0, 1), (1, 2)], y=[0, 1, -1])
    graph.to_sparse_tensor()  # entries [1, 0] and [2, 1]
    ```

    Args:
        x: Node features `[N, F]`, an array or a SciPy sparse matrix, or None. Stored
            as float32; a sparse matrix stays sparse, in CSR form, and a `numpy.memmap`
            of float32 stays in its file.
        edges: Integers `[E, 2]`, each row `(source, target)`. Stored as int64 and
            sorted by target, then source; `np.lexsort(edges.T)` is that order, also for
            features of the edges, which a `Graph` does not hold. Repeated edges are
            kept.
        edge_weight: Weights `[E]` in the order of `edges`, or None. Stored as float32
            and reordered with the edges.
        y: Labels: class numbers `[N]`, with -1 for a node without label, or any
            numbers `[N, C]`, or None. Integers are stored as int64, others as float32.
        train_mask: Booleans `[N]`, or None. So are `val_mask` and `test_mask`.
        val_mask: See `train_mask`.
        test_mask: See `train_mask`.
        num_nodes: N. Needed only if neither `x` nor `y` tells it.
        name: Shown when the graph is printed.

    Raises:
        ValueError: If shapes or types do not fit, an edge names no node, a number is
            NaN or infinite, or a mask selects a node whose label is -1.
    """

    def __init__(
        self,
        x,
        edges,
        edge_weight=None,
        y=None,
        *,
        train_mask=None,
        val_mask=None,
        test_mask=None,
        num_nodes: int | None = None,
        name: str | None = None,
    ):
        self.name = name
        self.x = None if x is None else checked_features(x)
        self.y = None if y is None else checked_labels(y)
        self.num_nodes = checked_num_nodes(self.x, self.y, num_nodes)
        if self.y is not None and len(self.y) != self.num_nodes:
            raise ValueError(
                "Expected `y` to have one row for each node. "
                f"Received: y with shape={self.y.shape} and {self.num_nodes} nodes"
            )

        self.edges = checked_edges(edges, self.num_nodes)
        self.edge_weight = None
        if edge_weight is not None:
            self.edge_weight = checked_edge_weight(edge_weight, len(self.edges))
        # Sorted by target, these are the adjacency's entries in row-major order.
        # TensorFlow's CSR kernels need that order, and putting it right once here is
        # far cheaper than in every training step.
        order = np.lexsort(self.edges.T)
        self.edges = self.edges[order]
        if self.edge_weight is not None:
            self.edge_weight = self.edge_weight[order]

        masks = (train_mask, val_mask, test_mask)
        self.train_mask, self.val_mask, self.test_mask = (
            None if mask is None else checked_mask(name, mask, self.num_nodes, self.y)
            for name, mask in zip(_MASKS, masks, strict=True)
        )

    @property
    def num_edges(self) -> int:
        """Number of stored (directed) edges."""
        return len(self.edges)

    @property
    def num_features(self) -> int:
        """Features of a node, 0 without `x`."""
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
        if self.y.dtype != np.int64:
            raise ValueError(
                "Expected `y` to hold class numbers. "
                f"Received: y with dtype={self.y.dtype}"
            )
        return int(self.y.max(initial=-1)) + 1

    def replace(self, **fields) -> "Graph":
        """Returns a copy in which the given constructor arguments are replaced.

        Args:
            **fields: Arguments of `Graph`. A new `x` also sets the number of nodes. A
                new `edge_weight` without `edges` is in the order of `graph.edges`.
        """
        current = dict(vars(self))
        if fields.get("x") is not None:
            del current["num_nodes"]
        return Graph(**{**current, **fields})

    def symmetrized(self) -> "Graph":
        """Returns the undirected graph: each edge once in each direction.

        Repeated edges are merged, self-loops stay, once. The weight of a merged edge
        is the largest weight among the edges between its two nodes.
        """
        edges = np.concatenate([self.edges, self.edges[:, ::-1]])
        # One number for an edge sorts far faster than a row of two.
        number = edges[:, 1] * self.num_nodes + edges[:, 0]
        number, first, merged_into = np.unique(
            number, return_index=True, return_inverse=True
        )
        edge_weight = None
        if self.edge_weight is not None:
            edge_weight = np.full(len(number), -np.inf, np.float32)
            np.maximum.at(edge_weight, merged_into, np.tile(self.edge_weight, 2))
        return self.replace(edges=edges[first], edge_weight=edge_weight)

    def subgraph(self, nodes) -> "Graph":
        """Returns the induced subgraph: some nodes, and the edges between them.

        For inductive training, on what is known of the training nodes alone:
        `graph.subgraph(graph.train_mask)`.

        Args:
            nodes: Distinct node numbers, of which the i-th becomes node i, or a mask
                `[num_nodes]`, whose nodes keep their order.

        Raises:
            ValueError: If `nodes` is neither.
        """
        nodes = checked_nodes(nodes, self.num_nodes)
        number = np.full(self.num_nodes, -1)
        number[nodes] = np.arange(len(nodes))
        edges = number[self.edges]
        kept = (edges >= 0).all(axis=1)
        fields = {"edges": edges[kept], "num_nodes": len(nodes), "name": self.name}
        if self.edge_weight is not None:
            fields["edge_weight"] = self.edge_weight[kept]
        for name in ("x", "y", *_MASKS):
            value = getattr(self, name)
            fields[name] = None if value is None else value[nodes]
        return Graph(**fields)

    def row_normalized(self) -> "Graph":
        """Returns the graph with each node's features scaled to sum to 1.

        Rows that sum to 0 are left as they are, so empty rows stay empty.

        Raises:
            ValueError: If the graph has no features.
        """
        x = self._require_x()
        if not is_scipy(x):
            total = x.sum(axis=1, keepdims=True, dtype=np.float64)
            return self.replace(x=x / np.where(total == 0, 1, total))
        row = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
        total = np.bincount(row, weights=x.data, minlength=x.shape[0])
        x = x.copy()
        x.data = (x.data / np.where(total == 0, 1, total)[row]).astype(np.float32)
        return self.replace(x=x)

    def to_sparse_tensor(self) -> tf.sparse.SparseTensor:
        """Returns the adjacency, a float32 SparseTensor `[N, N]`.

        The entries are in canonical (row-major) order, with value 1 where the graph
        has no weights. Repeated edges are repeated entries.
        """
        return tf.sparse.SparseTensor(
            self.edges[:, ::-1], self._weights(), [self.num_nodes, self.num_nodes]
        )

    def sparse_features(self) -> tf.sparse.SparseTensor:
        """Returns `x` as a float32 SparseTensor `[N, F]` in canonical order.

        Raises:
            ValueError: If the graph has no features.
        """
        x = self._require_x()
        if is_scipy(x):
            row = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
            column, values = x.indices, x.data
        else:
            row, column = np.nonzero(x)
            values = x[row, column]
        indices = np.stack([row, column], axis=1).astype(np.int64)
        return tf.sparse.SparseTensor(indices, values, x.shape)

    def dense_features(self) -> np.ndarray:
        """Returns `x` as a float32 array `[N, F]`.

        Raises:
            ValueError: If the graph has no features.
        """
        x = self._require_x()
        return x.toarray() if is_scipy(x) else x

    def to_graph_tensor(self):
        """Returns a homogeneous TF-GNN `GraphTensor` of one component.

        Its node set "nodes" has the feature "hidden_state" `[N, F]` (dense) if the
        graph has features; its edge set "edges" has the feature "weight" `[E]` if the
        edges have weights. Labels and masks are not part of it.
        """
        return homogeneous(
            tf.constant(self.edges[:, ::-1]),
            tf.constant([self.num_nodes], tf.int64),
            tf.constant([self.num_edges], tf.int64),
            None if self.x is None else tf.constant(self.dense_features()),
            None if self.edge_weight is None else tf.constant(self.edge_weight),
        )

    def to_scipy(self):
        """Returns the adjacency, a float32 `scipy.sparse.csr_array` `[N, N]`.

        Repeated edges are added up, as in any product with the adjacency.

        Raises:
            ImportError: If SciPy is not installed.
        """
        try:
            import scipy.sparse
        except ImportError as error:
            raise ImportError(
                "`Graph.to_scipy` needs SciPy: `pip install tfgraph[scipy]`."
            ) from error
        source, target = self.edges.T
        return scipy.sparse.csr_array(
            (self._weights(), (target, source)), shape=(self.num_nodes, self.num_nodes)
        )

    def to_networkx(self):
        """Returns a `networkx.DiGraph` of nodes `0 .. N-1`.

        Weights become the edge attribute "weight"; features, labels and masks are not
        copied. With repeated edges it is a `networkx.MultiDiGraph`, which is a
        `DiGraph` that can hold them.

        Raises:
            ImportError: If networkx is not installed.
        """
        try:
            import networkx
        except ImportError as error:
            raise ImportError(
                "`Graph.to_networkx` needs networkx: `pip install tfgraph[networkx]`."
            ) from error
        # Sorted edges: equal ones are neighbours.
        repeated = (self.edges[1:] == self.edges[:-1]).all(axis=1).any()
        graph = networkx.MultiDiGraph() if repeated else networkx.DiGraph()
        graph.add_nodes_from(range(self.num_nodes))
        if self.edge_weight is None:
            graph.add_edges_from(self.edges.tolist())
        else:
            source, target = self.edges.T.tolist()
            graph.add_weighted_edges_from(
                zip(source, target, self.edge_weight.tolist(), strict=True)
            )
        return graph

    @classmethod
    def from_sparse_tensor(cls, adjacency, x=None, **fields) -> "Graph":
        """Returns the graph of an adjacency, whose rows receive.

        Args:
            adjacency: `tf.sparse.SparseTensor` `[N, N]` of any entry order. Every
                entry is an edge. If all values are 1 the graph has no weights.
            x: Node features `[N, F]`, or None.
            **fields: Further arguments of `Graph`, such as `y` or `name`.

        Raises:
            ValueError: If `adjacency` is not a square SparseTensor of real numbers.
        """
        sparse = isinstance(adjacency, tf.sparse.SparseTensor)
        if not sparse or adjacency.shape.rank != 2:
            raise ValueError(
                "Expected `adjacency` to be a tf.sparse.SparseTensor [N, N]. "
                f"Received: adjacency={adjacency!r}"
            )
        target, source = adjacency.indices.numpy().T
        shape = tuple(adjacency.dense_shape.numpy().tolist())
        values = adjacency.values.numpy()
        return cls._from_entries(target, source, values, shape, x, fields)

    @classmethod
    def from_scipy(cls, adjacency, x=None, **fields) -> "Graph":
        """Returns the graph of a SciPy adjacency, whose rows receive.

        Args:
            adjacency: SciPy sparse matrix or array `[N, N]`. Every stored entry is an
                edge. If all values are 1 the graph has no weights.
            x: Node features `[N, F]`, or None.
            **fields: Further arguments of `Graph`, such as `y` or `name`.

        Raises:
            ValueError: If `adjacency` is not a square sparse matrix of real numbers.
        """
        if not is_scipy(adjacency) or adjacency.ndim != 2:
            raise ValueError(
                "Expected `adjacency` to be a SciPy sparse matrix [N, N]. "
                f"Received: adjacency={adjacency!r}"
            )
        coo = adjacency.tocoo()
        return cls._from_entries(coo.row, coo.col, coo.data, coo.shape, x, fields)

    @classmethod
    def from_networkx(cls, graph, x=None, *, weight="weight", **fields) -> "Graph":
        """Returns the graph of a networkx graph; an undirected one in both directions.

        Node i of the result is the i-th node in `list(graph)`.

        Args:
            graph: A networkx graph of any kind.
            x: Node features `[N, F]`, or None.
            weight: Name of the edge attribute that holds the weights. Edges without it
                weigh 1; if none has it, or it is None, the graph has no weights.
            **fields: Further arguments of `Graph`, such as `y` or `name`.

        Raises:
            ValueError: If `graph` is not a networkx graph or a weight is no number.
        """
        if not hasattr(graph, "is_directed"):
            raise ValueError(
                f"Expected `graph` to be a networkx graph. Received: graph={graph!r}"
            )
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
        return cls(x, edges, edge_weight, num_nodes=len(index), **fields)

    @classmethod
    def from_graph_tensor(
        cls,
        graph,
        node_set_name: str | None = None,
        edge_set_name: str | None = None,
        feature_name: str | None = "hidden_state",
        edge_weight_name: str | None = None,
        **fields,
    ) -> "Graph":
        """Returns one node set and one edge set of a TF-GNN `GraphTensor`.

        Args:
            graph: A scalar `GraphTensor`; several components become one graph.
            node_set_name: May be left out if there is one node set.
            edge_set_name: May be left out if there is one edge set. Both its ends
                must be in the node set.
            feature_name: Node feature `[N, F]` that becomes `x`; None for no `x`.
            edge_weight_name: Edge feature `[E]` that becomes `edge_weight`;
                None for no weights.
            **fields: Further arguments of `Graph`, such as `y` or `name`.

        Raises:
            ValueError: If `graph` is no scalar GraphTensor, a name is missing or not
                in it, or the edge set leads to another node set.
        """
        if not isinstance(graph, load_tfgnn().GraphTensor) or graph.rank != 0:
            raise ValueError(
                "Expected `graph` to be a scalar GraphTensor (merge a batch with "
                f"`graph.merge_batch_to_components()`). Received: graph={graph!r}"
            )
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
        x = edge_weight = None
        if feature_name is not None:
            x = nodes[choose("feature_name", feature_name, nodes.features)]
        if edge_weight_name is not None:
            edge_weight = edges[
                choose("edge_weight_name", edge_weight_name, edges.features)
            ]
        pairs = np.stack([edges.adjacency.source, edges.adjacency.target], axis=1)
        num_nodes = int(nodes.total_size)
        return cls(x, pairs, edge_weight, num_nodes=num_nodes, **fields)

    @classmethod
    def _from_entries(cls, target, source, values, shape, x, fields) -> "Graph":
        if shape[0] != shape[1]:
            raise ValueError(
                "Expected `adjacency` to have shape [N, N]. "
                f"Received: adjacency with shape={tuple(shape)}"
            )
        edge_weight = None if np.all(values == 1) else values
        edges = np.stack([source, target], axis=1)
        return cls(x, edges, edge_weight, num_nodes=shape[0], **fields)

    def _weights(self) -> np.ndarray:
        if self.edge_weight is None:
            return np.ones(self.num_edges, np.float32)
        return self.edge_weight

    def _require_x(self):
        if self.x is None:
            raise ValueError(f"Expected a graph with features. Received: graph={self}")
        return self.x

    def __repr__(self):
        parts = [] if self.name is None else [f"name={self.name!r}"]
        parts += [f"nodes={self.num_nodes}", f"edges={self.num_edges}"]
        if self.edge_weight is not None:
            parts.append("weighted")
        if self.x is not None:
            kind = " (sparse)" if is_scipy(self.x) else ""
            parts.append(f"features={self.num_features}{kind}")
        if self.y is not None:
            if self.y.ndim == 1 and self.y.dtype == np.int64:
                parts.append(f"classes={self.num_classes}")
            else:
                parts.append(f"y={self.y.dtype}{list(self.y.shape)}")
        for name in _MASKS:
            mask = getattr(self, name)
            if mask is not None:
                parts.append(f"{name.removesuffix('_mask')}={mask.sum()}")
        return f"Graph({', '.join(parts)})"

"""The differentiable pooling of DiffPool."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import tensorflow as tf

from tfgraph import adjacency as adjacencies
from tfgraph import arguments, membership, ops
from tfgraph import inputs as graph_inputs
from tfgraph.adjacency import Adjacency
from tfgraph.inputs import GraphInputs
from tfgraph.layers.graph_layer import GraphLayer
from tfgraph.membership import Membership
from tfgraph.typing import Inputs, InputShape, Mask


@keras.saving.register_keras_serializable("tfgraph")
class DiffPool(GraphLayer):
    """Pooling of "Hierarchical Graph Representation Learning with DiffPool".

    Puts the nodes of each graph into `K` clusters, softly, and makes a smaller graph
    of the clusters:

        Z = GNN_embed(A, X),    S = softmax(GNN_pool(A, X))
        X' = Sᵀ Z,              A' = Sᵀ A S

    (Ying et al., NeurIPS 2018, https://arxiv.org/abs/1806.08804). Each call adds, for
    the graphs of its batch, the mean of the paper's auxiliary losses,

        L_LP = ‖A - S Sᵀ‖_F,    L_E = (1/n) Σ_i H(S_i)

    over the `n` nodes of a graph; padding and graphs without nodes count nowhere. As in
    the paper, the norm grows with the graph. Other libraries divide it by the number of
    pairs.

    A sparse graph needs no `n × n` matrix: with E edges and N nodes in the batch,
    memory is O(E + N K + B K²), because `‖A - S Sᵀ‖² = ‖A‖² - 2 tr(A') + ‖Sᵀ S‖²`.

    Example:

    ```python
    x = keras.Input((3,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    graph_ids = keras.Input((), dtype="int64", name="graph_ids")
    pool = tfgraph.layers.DiffPool(
        embedding=tfgraph.layers.GCNConv(64, activation="relu"),
        assignment=tfgraph.layers.GCNConv(12),
    )
    h, clusters = pool([x, adjacency, graph_ids])  # [B, 12, 64] and [B, 12, 12]
    h = tfgraph.layers.GCNConv(64, activation="relu")([h, clusters])
    y = keras.layers.Dense(2)(tfgraph.layers.Readout("mean")(h))
    model = keras.Model([x, adjacency, graph_ids], y)
    ```

    Args:
        embedding: `GNN_embed`: a convolution, or any layer or model over `[x,
            adjacency]` (with a GraphTensor: over `graph` or `[x, graph]`). If its
            `call` takes a `mask`, as functional models do, it gets the mask of padded
            graphs.
        assignment: `GNN_pool`, a layer or model of the same kind that returns the
            logits of the clusters. None if `S` is given, as the last of the inputs.
        num_clusters: Positive integer: with it, the outputs of `assignment` may be of
            any width, and are projected to `num_clusters` logits.
        ratio: Float in `(0, 1]`, instead of `num_clusters`: that part of `max_nodes`.
        max_nodes: Positive integer, the number of nodes of the largest graph. (There
            may be larger ones: any graph may have more or fewer nodes than clusters.)
        link_loss_weight: Float, the weight of `L_LP`. 0 for none.
        entropy_loss_weight: Float, the weight of `L_E`. 0 for none.
        node_set_name, edge_set_name, feature_name, edge_weight_name, receiver: See
            `GraphConvolution`. The layers inside need the same values.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Call arguments:
        inputs: One of

            - `[x, adjacency, graph_ids]`: the graphs of a batch as one, their
              adjacencies as blocks on the diagonal of a SparseTensor; see `Readout`
              for `graph_ids`;
            - `graph` or `[x, graph]`: a GraphTensor with a component for each graph;
            - `[x, adjacency, mask]` or `[x, adjacency]`: dense, padded with zeros to
              `n` nodes each; `mask` is True for nodes. Without it, the mask that
              Keras keeps for `x` is used, if there is one.

            Without an `assignment` layer, `S` is appended: `[x, adjacency, graph_ids,
            s]`, `[graph, s]` and so on. It adds no losses.
        training: For the layers inside, to which Keras passes it on.
        return_assignment: Whether to return `S` too.
        return_embedding: Whether to return `Z` too, last.

    Input shape:
        `x` `[N, F]`, `adjacency` `[N, N]`, `graph_ids` `[N]`, `s` `[N, K]`; or `[B, n,
        F]`, `[B, n, n]`, `[B, n]`, `[B, n, K]`.

    Output shape:
        `X'` `[B, K, D]` and `A'` `[B, K, K]`, where `D` is the width of `Z`; then `S`
        `[N, K]` or `[B, n, K]` and `Z` `[N, D]` or `[B, n, D]`, if asked for. `A'` and
        `S` are in float32 at least. The output of a graph without nodes is 0.

    Raises:
        ValueError: If the numbers of clusters given are not positive or contradict
            each other, or the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if graph ids are not sorted, are
            more or fewer than nodes, or an edge joins nodes of two graphs.
    """

    def __init__(
        self,
        embedding: keras.layers.Layer,
        assignment: keras.layers.Layer | None = None,
        *,
        num_clusters: int | None = None,
        ratio: float | None = None,
        max_nodes: int | None = None,
        link_loss_weight: float = 1.0,
        entropy_loss_weight: float = 1.0,
        node_set_name: str | None = None,
        edge_set_name: str | None = None,
        feature_name: str = "hidden_state",
        edge_weight_name: str | None = None,
        receiver: str = "target",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            node_set_name,
            edge_set_name,
            feature_name,
            edge_weight_name,
            receiver,
            **kwargs,
        )
        _check_layer("embedding", embedding)
        if assignment is not None:
            _check_layer("assignment", assignment)
        self.embedding = embedding
        self.assignment = assignment
        self.num_clusters = num_clusters
        self.ratio = ratio
        self.max_nodes = max_nodes
        self.link_loss_weight = arguments.checked_finite(
            "link_loss_weight", link_loss_weight, "DiffPool"
        )
        self.entropy_loss_weight = arguments.checked_finite(
            "entropy_loss_weight", entropy_loss_weight, "DiffPool"
        )
        self.projection = None
        width = count_clusters(num_clusters, ratio, max_nodes)
        if width is None:
            return
        if assignment is None:
            raise ValueError(
                "DiffPool: expected `assignment` to be a layer where `num_clusters` or "
                "`ratio` is given: an `S` of the inputs tells their number. "
                f"Received: assignment=None, num_clusters={num_clusters}, ratio={ratio}"
            )
        self.projection = keras.layers.Dense(width, dtype=self.dtype_policy)

    def parse(self, inputs: Inputs) -> GraphInputs:
        return self._with_features(self._parts(inputs))

    def _parts(self, inputs):
        num_given = int(self.assignment is None)
        return graph_inputs.parse(inputs, "membership", num_given)

    def build(self, input_shape: InputShape) -> None:
        with self.named_errors():
            parts = self.parse(input_shape)
            if parts.is_pair:
                raise ValueError(
                    "Expected one set of nodes and the edges within it. "
                    "Received: a pair of node sets"
                )
            _check(parts)
        graph_shape = self._parts(input_shape).for_layer()
        self.units = self._build_layer(self.embedding, graph_shape, parts.x)
        if self.assignment is None:
            self.clusters = parts.assignments[0][-1]
            return
        self.clusters = self._build_layer(self.assignment, graph_shape, parts.x)
        if self.projection is not None:
            self.projection.build((*parts.x[:-1], self.clusters))
            self.clusters = self.projection.units

    def _build_layer(self, layer, graph_shape, x_shape):
        """Builds a layer inside; returns the width of its output."""
        # By a symbolic call: a layer of the user's may have no `build`.
        y = layer(graph_inputs.symbolic(graph_shape))
        if len(y.shape) != len(x_shape) or y.shape[-1] is None:
            raise ValueError(
                f"{self.label}: expected of `{layer.name}` a row for each node. "
                f"Received: outputs of shape {y.shape} for x.shape={tuple(x_shape)}"
            )
        # Otherwise Keras warns that the mask of padded graphs ends there.
        layer.supports_masking = True
        return y.shape[-1]

    def call(
        self,
        inputs: Inputs,
        training: bool | None = None,
        mask: Mask = None,
        return_assignment: bool = False,
        return_embedding: bool = False,
    ) -> tuple[tf.Tensor, ...]:
        parts = self.parse(inputs)
        nodes, adjacency = self.unpack(parts, mask)
        mask = nodes.mask if isinstance(nodes, membership.PaddedMembership) else None
        graph = self._parts(inputs).for_layer()
        z = _apply(self.embedding, graph, mask)
        if self.assignment is not None:
            logits = _apply(self.assignment, graph, mask)
            if self.projection is not None:
                logits = self.projection(logits)
            s = nodes.only_nodes(tf.nn.softmax(tf.cast(logits, adjacency.dtype)))
        else:
            [given] = parts.assignments
            s = nodes.only_nodes(adjacencies.cast("s", given, adjacency.dtype))
        x, pooled, gram = self._pool(z, s, adjacency, nodes)
        if self.assignment is not None:
            self._add_losses(adjacency, nodes, s, pooled, gram)
        outputs: tuple[tf.Tensor, ...] = (tf.cast(x, self.compute_dtype), pooled)
        if return_assignment:
            outputs = (*outputs, s)
        return (*outputs, z) if return_embedding else outputs

    def _pool(self, z, s, adjacency, nodes):
        """Returns `Sᵀ Z`, `Sᵀ A S` and `Sᵀ S` of each graph."""
        # In one product with Sᵀ.
        parts = [tf.cast(z, s.dtype), adjacency.matmul(s), s]
        pooled = nodes.outer(s, tf.concat(parts, axis=-1))
        return tf.split(pooled, [part.shape[-1] for part in parts], axis=-1)

    def _add_losses(self, adjacency, nodes, s, pooled, gram):
        counts = nodes.counts(s.dtype)
        num_graphs = tf.math.count_nonzero(counts, dtype=s.dtype)

        def add_mean(weight, losses):
            mean = tf.math.divide_no_nan(tf.reduce_sum(losses), num_graphs)
            self.add_loss(weight * mean)

        if self.link_loss_weight:
            squares = nodes.sum(adjacency.row_squares()) - 2 * tf.linalg.trace(pooled)
            squares += tf.reduce_sum(gram**2, axis=[1, 2])
            # Rounding may put it below 0; at 0 the root has no slope.
            above = squares > 0
            norms = tf.where(above, tf.sqrt(tf.where(above, squares, 1)), 0)
            add_mean(self.link_loss_weight, norms)
        if self.entropy_loss_weight:
            entropies = nodes.sum(-tf.reduce_sum(tf.math.xlogy(s, s), axis=-1))
            means = tf.math.divide_no_nan(entropies, counts)
            add_mean(self.entropy_loss_weight, means)

    def unpack(self, parts: GraphInputs, mask: Mask) -> tuple[Membership, Adjacency]:
        """Returns the membership of the nodes, and the adjacency."""
        x = adjacencies.cast("x", parts.x, self.compute_dtype)
        nodes = self.membership(parts, x, mask)
        adjacency = self.adjacency(parts, x)
        adjacencies.assert_square(adjacency, "each of its nodes is in a graph")
        if isinstance(nodes, membership.UnionMembership):
            _assert_no_edge_between_graphs(adjacency, nodes)
        return nodes, adjacency

    def compute_mask(self, inputs: Inputs, previous_mask: Mask) -> None:
        return None  # no cluster is padding

    def compute_output_spec(
        self,
        inputs: Inputs,
        training: bool | None = None,
        mask: Mask = None,
        return_assignment: bool = False,
        return_embedding: bool = False,
    ) -> keras.KerasTensor | tuple[keras.KerasTensor, ...]:
        x_shape = self.parse(inputs).x.shape
        dense = len(x_shape) == 3
        num_graphs = x_shape[0] if dense else None
        dtype = ops.weight_dtype(tf.as_dtype(self.compute_dtype)).name

        def spec(shape, dtype):
            return keras.KerasTensor(shape, dtype=dtype)

        outputs: tuple[keras.KerasTensor, ...] = (
            spec((num_graphs, self.clusters, self.units), self.compute_dtype),
            spec((num_graphs, self.clusters, self.clusters), dtype),
        )
        if return_assignment:
            outputs = (*outputs, spec((*x_shape[:-1], self.clusters), dtype))
        if return_embedding:
            shape = (*x_shape[:-1], self.units)
            outputs = (*outputs, spec(shape, self.compute_dtype))
        return outputs

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "embedding": keras.saving.serialize_keras_object(self.embedding),
            "assignment": keras.saving.serialize_keras_object(self.assignment),
            "num_clusters": self.num_clusters,
            "ratio": self.ratio,
            "max_nodes": self.max_nodes,
            "link_loss_weight": self.link_loss_weight,
            "entropy_loss_weight": self.entropy_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DiffPool:
        layers = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("embedding", "assignment")
        }
        return cls(**{**config, **layers})


def count_clusters(
    num_clusters: int | None, ratio: float | None, max_nodes: int | None
) -> int | None:
    """Returns the number of clusters that `DiffPool`'s arguments say; None if none."""
    if num_clusters is not None:
        num_clusters = arguments.checked_integer("num_clusters", num_clusters)
    if max_nodes is not None:
        max_nodes = arguments.checked_integer("max_nodes", max_nodes)
    received = (
        f"Received: num_clusters={num_clusters}, ratio={ratio}, max_nodes={max_nodes}"
    )
    if (ratio is None) != (max_nodes is None) or None not in (num_clusters, ratio):
        raise ValueError(
            "Expected `num_clusters`, or `ratio` and `max_nodes`, or none of them. "
            + received
        )
    if ratio is None or max_nodes is None:
        return num_clusters
    if not arguments.is_number(ratio) or not 0 < ratio <= 1:
        raise ValueError(f"Expected `ratio` to be a number in (0, 1]. {received}")
    return max(1, int(ratio * max_nodes + 1e-9))  # 0.29 * 100 is just below 29


def _apply(layer, graph, mask):
    """Calls a layer, with the mask of padded graphs if it knows what to do with it."""
    takes_mask = "mask" in inspect.signature(layer.call).parameters
    return layer(graph, mask=mask) if takes_mask else layer(graph)


def _check_layer(argument, layer):
    if not isinstance(layer, keras.layers.Layer):
        raise ValueError(
            f"DiffPool: expected `{argument}` to be a layer or model over `[x, "
            f"adjacency]`, such as `GCNConv(32)`. Received: {argument}={layer!r}"
        )


def _check(parts):
    """Raises a `ValueError` unless the shapes fit together."""
    rank = 2 if parts.graph is not None else len(parts.adjacency)
    adjacencies.check_single_signal(parts.x, len(parts.x) - rank)
    if parts.graph is None:
        adjacencies.check_shapes(parts.x, parts.adjacency)
        membership.check_shapes(parts.x, parts.membership)
    for s in parts.assignments:
        rows = tf.TensorShape(s[:-1]).is_compatible_with(parts.x[:-1])
        if not rows or s[-1] is None:
            raise ValueError(
                "Expected an assignment `s` of shape `[N, K]`, or `[B, n, K]`, with a "
                f"row for each row of `x`. Received: s.shape={tuple(s)}, "
                f"x.shape={tuple(parts.x)}"
            )


def _assert_no_edge_between_graphs(adjacency, nodes):
    indices = adjacency.edge_indices()
    ends = tf.gather(nodes.graph_ids, indices)
    between = tf.boolean_mask(indices, ends[:, 0] != ends[:, 1])
    message = (
        "Expected edges within graphs. Received: edges (receiver, sender) between two, "
        "{}"
    )
    ops.check(
        tf.equal(tf.size(between), 0),
        ops.name_layer(adjacency.layer, message),
        between,
    )

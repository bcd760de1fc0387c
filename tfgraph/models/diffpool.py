"""The hierarchical graph classifier of DiffPool."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments, membership, ops
from tfgraph import inputs as graph_inputs
from tfgraph.inputs import GraphInputs
from tfgraph.layers import DiffPool, Readout, SAGEConv, Set2Set
from tfgraph.layers.diffpool import count_clusters
from tfgraph.layers.graph_convolution import GraphConvolution, convolution_class
from tfgraph.layers.readout import MODES
from tfgraph.models.graph_model import GraphModel
from tfgraph.typing import Activation, DType, Inputs, InputShape, Mask, Shape

_NODE_NAMES = ("node_set_name", "feature_name")
_EDGE_NAMES = ("edge_set_name", "edge_weight_name", "receiver")


@keras.saving.register_keras_serializable("tfgraph")
class DiffPoolClassifier(GraphModel):
    """Classifier of whole graphs, in levels: nodes, clusters, clusters of clusters.

        Zˡ = GNN_embed(Aˡ, Xˡ),   Xˡ⁺¹, Aˡ⁺¹ = DiffPool(Aˡ, Xˡ),
        y = softmax(W₂ ReLU(W₁ [readout(Z⁰) ‖ … ‖ readout(Zᴸ)]))

    (Ying et al., NeurIPS 2018, https://arxiv.org/abs/1806.08804). A GNN is
    `num_convolutions` convolutions, each followed by L2 normalisation of a node's
    features and batch normalisation over the nodes, with their outputs concatenated.
    All but the last have a ReLU. `GNN_pool` is a second GNN, projected to the clusters.
    The loss of training includes the losses of `DiffPool`.

    ```python
    graphs, labels = tfgraph.data.tu("ENZYMES")
    model = tfgraph.models.DiffPoolClassifier(6, ratio=0.1, max_nodes=126)
    model.compile(
        keras.optimizers.Adam(0.001, clipnorm=2.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    batches = tfgraph.data.whole_graph_batches(graphs, labels, batch_size=20)
    model.fit(batches, epochs=100, shuffle=False)
    ```

    The paper's variants, and what it compares with:

    | | |
    | --- | --- |
    | DIFFPOOL-NOLP | `link_loss_weight=0` |
    | DIFFPOOL-DET | `given_assignments=True`, with clusters of the data pipeline |
    | S2V with 1 DIFFPOOL | `convolution=Structure2VecConv, num_convolutions=[1, 2]` |
    | S2V with 2 DIFFPOOL | the same with `num_poolings=2, num_convolutions=[1, 1, 1]` |
    | GraphSAGE | `num_poolings=0, readout="mean"` |
    | Set2Set | `num_poolings=0, readout="set2set"` |

    Args:
        num_classes: Positive integer, the width of the output.
        units: Positive integer, the width of each convolution.
        num_poolings: Integer, the number of DiffPool layers, from 0 on.
        num_clusters: Positive integer, the number of clusters, or a list with one for
            each pooling.
        ratio: Float in `(0, 1]`, instead of `num_clusters`: that part of `max_nodes` in
            the first pooling, that part of its clusters in the next, and so on. In the
            paper 0.1 for one pooling and 0.25 for two.
        max_nodes: Positive integer, the number of nodes of the largest graph.
        num_convolutions: Positive integer, the number of convolutions of a GNN, or a
            list with one for each of the `num_poolings + 1` levels.
        convolution: The graph convolution, a subclass of `GraphConvolution` (or the
            name that it is registered under).
        readout: "max", "mean", "sum", "attention" (see `Readout`) or "set2set".
        hidden_units: Positive integer, the width of the layer before the output.
        classifier_activation: Activation of the output. None for logits.
        link_loss_weight, entropy_loss_weight: See `DiffPool`.
        given_assignments: Whether the assignments of nodes to clusters are inputs
            rather than learned.
        name, dtype, trainable: As in `keras.Model`.
        **kwargs: For every convolution, such as `aggregator`, `dropout` or another
            `activation`; see `convolution`. `node_set_name`, `edge_set_name`,
            `feature_name` and `edge_weight_name` say what to use of a GraphTensor.

    Call arguments:
        inputs: `[x, adjacency, graph_ids]`, `[x, adjacency, mask]`, `[x, adjacency]`,
            `[x, graph]` or `graph`, see `DiffPool`. With `given_assignments`, one more
            for each pooling, the first `[N, K]` or `[B, n, K]`, the next `[B, K, K']`.
        training: Whether to normalise by the statistics of the batch, and apply
            dropout.

    Output shape:
        `[B, num_classes]`.

    Raises:
        ValueError: If an argument is none of the above, or the inputs do not fit
            together.
        tf.errors.InvalidArgumentError: At run time, as for `DiffPool`.
    """

    def __init__(
        self,
        num_classes: int,
        units: int = 64,
        *,
        num_poolings: int = 1,
        num_clusters: int | Sequence[int] | None = None,
        ratio: float | None = None,
        max_nodes: int | None = None,
        num_convolutions: int | Sequence[int] = 3,
        convolution: type[GraphConvolution] | str = SAGEConv,
        readout: str = "max",
        hidden_units: int = 50,
        classifier_activation: Activation = "softmax",
        link_loss_weight: float = 1.0,
        entropy_loss_weight: float = 1.0,
        given_assignments: bool = False,
        name: str | None = None,
        dtype: DType = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        owner = type(self).__name__
        self.num_classes = arguments.checked_integer(
            "num_classes", num_classes, owner=owner
        )
        self.units = arguments.checked_integer("units", units, owner=owner)
        self.num_poolings = arguments.checked_integer(
            "num_poolings", num_poolings, 0, owner
        )
        self.num_clusters = num_clusters
        self.ratio = ratio
        self.max_nodes = max_nodes
        self.num_convolutions = num_convolutions
        self.convolution = convolution_class(convolution)
        arguments.check_choice("readout", readout, (*MODES, "set2set"), owner=owner)
        self.readout = readout
        self.hidden_units = arguments.checked_integer(
            "hidden_units", hidden_units, owner=owner
        )
        self.classifier_activation = keras.activations.get(classifier_activation)
        arguments.check_flags(owner, given_assignments=given_assignments)
        self.link_loss_weight = link_loss_weight
        self.entropy_loss_weight = entropy_loss_weight
        self.given_assignments = given_assignments
        # Serialised, so that each layer makes an initializer of its own from it.
        self.layer_kwargs = keras.saving.serialize_keras_object(kwargs)

        *depths, last_depth = self._depths()
        self.poolings = [
            DiffPool(
                self._gnn(depth),
                None if given_assignments else self._gnn(depth),
                num_clusters=count,
                link_loss_weight=link_loss_weight,
                entropy_loss_weight=entropy_loss_weight,
                dtype=self.dtype_policy,
                **self._names(*_NODE_NAMES, *_EDGE_NAMES),
            )
            for depth, count in zip(depths, self._cluster_counts(), strict=True)
        ]
        self.last_gnn = self._gnn(last_depth)
        self.readouts = [self._readout() for _ in range(num_poolings + 1)]
        # In the precision of `S`: a cluster with little of each node is not empty.
        dtype = ops.weight_dtype(tf.as_dtype(self.compute_dtype)).name
        self.largest = Readout("max", dtype=dtype, **self._names(*_NODE_NAMES))
        self.hidden = keras.layers.Dense(
            self.hidden_units, activation="relu", dtype=self.dtype_policy
        )
        self.classifier = keras.layers.Dense(
            self.num_classes,
            activation=self.classifier_activation,
            dtype=self.dtype_policy,
        )

    def _gnn(self, depth):
        # As in the official code, the last convolution is linear. Structure2Vec keeps
        # the activation of its definition.
        activations = [{"activation": "relu"}] * (depth - 1) + [{}]
        convolutions = [
            self.convolution(
                self.units,
                dtype=self.dtype_policy,
                **{**activation, **self.layer_kwargs},
            )
            for activation in activations
        ]
        return _GNN(convolutions, dtype=self.dtype_policy)

    def _readout(self):
        names = self._names(*_NODE_NAMES)
        if self.readout == "set2set":
            return Set2Set(dtype=self.dtype_policy, **names)
        return Readout(self.readout, dtype=self.dtype_policy, **names)

    def _names(self, *arguments):
        """Returns the named arguments of the convolutions, if they are given."""
        return {k: v for k, v in self.layer_kwargs.items() if k in arguments}

    def _depths(self):
        """The number of convolutions of each level."""
        num_poolings, depths = self.num_poolings, self.num_convolutions
        if not isinstance(depths, (list, tuple)):
            depths = [depths] * (num_poolings + 1)
        is_positive = [arguments.is_integer(depth) and depth > 0 for depth in depths]
        if is_positive != [True] * (num_poolings + 1):
            raise ValueError(
                "DiffPoolClassifier: expected `num_convolutions` to be a positive "
                f"integer or a list of {num_poolings + 1}, one for each level. "
                f"Received: num_convolutions={self.num_convolutions}"
            )
        return depths

    def _cluster_counts(self):
        """The number of clusters of each pooling, None where the inputs tell it."""
        counts, largest = self.num_clusters, self.max_nodes
        if not isinstance(counts, (list, tuple)):
            counts = [counts] * self.num_poolings
        counts = list(counts)
        for level, count in enumerate(counts):
            counts[level] = largest = count_clusters(
                count, self.ratio, None if self.ratio is None else largest
            )
        known = [count is not None for count in counts]
        given = (self.num_clusters, self.ratio, self.max_nodes)
        unused = not self.num_poolings and given != (None, None, None)
        if unused or known != [not self.given_assignments] * self.num_poolings:
            raise ValueError(
                "DiffPoolClassifier: expected `num_clusters` to be a positive integer "
                f"or a list of {self.num_poolings}, one for each pooling, or `ratio` "
                "and `max_nodes` instead; and neither with `given_assignments` or "
                "without poolings. "
                f"Received: num_clusters={self.num_clusters}, ratio={self.ratio}, "
                f"max_nodes={self.max_nodes}, "
                f"given_assignments={self.given_assignments}"
            )
        return counts

    def build(self, input_shape: InputShape) -> None:
        shapes = self._parts(input_shape).with_open_sizes().to_inputs()
        self.call(graph_inputs.symbolic(shapes))  # which builds the layers

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        parts = self._parts(inputs)
        given, parts = parts.assignments, dataclasses.replace(parts, assignments=())
        readouts = []
        for level, pooling in enumerate(self.poolings):
            batch = dataclasses.replace(parts, assignments=given[level : level + 1])
            x, adjacency, s, z = pooling(
                batch.to_inputs(), return_assignment=True, return_embedding=True
            )
            readouts.append(self.readouts[level](parts.for_readout(z)))
            # Not all given clusters are in each graph, and a graph may have no nodes.
            mask = self.largest(parts.for_readout(s)) > 0
            parts = graph_inputs.GraphInputs(x, adjacency, membership=mask)
        mask = parts.membership if _are_padded(parts) else None
        z = self.last_gnn(parts.for_layer(), mask=mask)
        readouts.append(self.readouts[-1](parts.for_readout(z)))
        return self.classifier(self.hidden(keras.ops.concatenate(readouts, axis=-1)))

    def _parts(self, inputs):
        num_given = self.num_poolings if self.given_assignments else 0
        with self.named_errors():
            return graph_inputs.parse(inputs, "membership", num_given)

    def compute_mask(self, inputs: Inputs, previous_mask: Mask) -> None:
        return None  # no graph is padding

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        parts = self._parts(input_shape)
        num_graphs = parts.x[0] if _are_padded(parts) else None
        return (num_graphs, self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "units": self.units,
            "num_poolings": self.num_poolings,
            "num_clusters": self.num_clusters,
            "ratio": self.ratio,
            "max_nodes": self.max_nodes,
            "num_convolutions": self.num_convolutions,
            "convolution": keras.saving.get_registered_name(self.convolution),
            "readout": self.readout,
            "hidden_units": self.hidden_units,
            "classifier_activation": keras.activations.serialize(
                self.classifier_activation
            ),
            "link_loss_weight": self.link_loss_weight,
            "entropy_loss_weight": self.entropy_loss_weight,
            "given_assignments": self.given_assignments,
            **self.layer_kwargs,
        }


@keras.saving.register_keras_serializable("tfgraph")
class _GNN(keras.layers.Layer):
    """Convolutions with L2 and batch normalisation, their outputs side by side."""

    def __init__(self, convolutions: list[GraphConvolution], **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.convolutions = convolutions
        # The momentum is PyTorch's default; with Keras' the first epochs' statistics
        # would take hundreds of batches to fade.
        self.normalizations = [
            keras.layers.BatchNormalization(momentum=0.9, dtype=self.dtype_policy)
            for _ in convolutions
        ]
        self.supports_jit = True
        self.supports_masking = True

    def build(self, input_shape: InputShape) -> None:
        parts = graph_inputs.parse(input_shape)
        for convolution, normalization in zip(
            self.convolutions, self.normalizations, strict=True
        ):
            if not convolution.built:  # as those of a loaded pooling are
                convolution.build(input_shape)
            x_shape = convolution.compute_output_shape(input_shape)
            normalization.build((None, convolution.output_dim))
            input_shape = parts.for_layer(x_shape)

    def call(self, inputs: Inputs, mask: Mask = None) -> tf.Tensor:
        parts = graph_inputs.parse(inputs)
        mask = membership.keras_mask(mask)
        outputs: list[tf.Tensor] = []
        for convolution, normalization in zip(
            self.convolutions, self.normalizations, strict=True
        ):
            h = convolution(inputs)
            # Where all rows are equal, as clusters of alike nodes are, the batch
            # normalisation leaves rounding errors. Scaled to a length of 1, layer after
            # layer, they have gradients of 1e20 and more.
            h = ops.unit_length(h, shortest=1e-3 if outputs else 0.0)
            # Keras' layer would insist on the rank that it saw first.
            rows = tf.reshape(h, [-1, h.shape[-1]])
            # Without a mask it would make NaN of no rows.
            real = tf.ones_like(rows[:, 0], tf.bool) if mask is None else mask
            normal = normalization(rows, mask=tf.reshape(real, [-1]))
            h = tf.reshape(normal, keras.ops.shape(h))
            outputs.append(h)
            inputs = parts.for_layer(h)
        return tf.concat(outputs, axis=-1)

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        shape = self.convolutions[0].compute_output_shape(input_shape)
        width = sum(convolution.output_dim for convolution in self.convolutions)
        return (*shape[:-1], width)

    def get_config(self) -> dict[str, Any]:
        convolutions = keras.saving.serialize_keras_object(self.convolutions)
        return {**super().get_config(), "convolutions": convolutions}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> _GNN:
        convolutions = keras.saving.deserialize_keras_object(config["convolutions"])
        return cls(**{**config, "convolutions": convolutions})


def _are_padded(parts: GraphInputs) -> bool:
    """Whether graphs are padded to one size: `x` is `[B, n, F]`."""
    return parts.x is not None and len(getattr(parts.x, "shape", parts.x)) == 3

"""One round of messages between the node sets of a graph."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras

from tfgraph import arguments, graph_tensor
from tfgraph import inputs as graph_inputs
from tfgraph.layers.graph_layer import GraphLayer
from tfgraph.typing import Activation, Inputs, InputShape, Shape, Tensor

RECEIVERS = ("target", "source")
MERGES = {
    "sum": lambda messages: sum(messages[1:], messages[0]),
    "mean": lambda messages: sum(messages[1:], messages[0]) / len(messages),
    "max": lambda messages: functools.reduce(keras.ops.maximum, messages),
    "concat": lambda messages: keras.ops.concatenate(messages, axis=-1),
}


@keras.saving.register_keras_serializable("tfgraph")
class HeteroConv(GraphLayer):
    """One round of messages: a convolution for each edge set, merged by node set.

        h_v' = σ(MERGE_r(conv_r(h_{senders(r)}, h_v)))

    over the edge sets `r` that end in the node set of `v`. With
    `SAGEConv(aggregator="mean")` inside and the merge "sum", it is the layer of
    "Modeling Relational Data with Graph Convolutional Networks" (Schlichtkrull et al.,
    ESWC 2018, https://arxiv.org/abs/1703.06103) with an own `W_0` for each relation.
    A node set that receives nothing comes out unchanged.

    Example:

    ```python
    graph = tfgraph.GraphInput(author_paper_graph.spec)
    h = tfgraph.layers.HeteroConv(
        [
            tfgraph.layers.SAGEConv(16, edge_set_name="writes"),
            tfgraph.layers.SAGEConv(16, edge_set_name="writes", receiver="source"),
            tfgraph.layers.GATv2Conv(16, edge_set_name="cites", add_self_loops=False),
        ],
        activation="relu",
    )(graph)
    h["paper"] = keras.layers.LayerNormalization()(h["paper"])
    last = tfgraph.layers.SAGEConv(16, edge_set_name="writes")
    h = tfgraph.layers.HeteroConv([last])([h, graph])
    model = keras.Model(graph, keras.layers.Dense(3)(h["paper"]))
    ```

    Args:
        convolutions: List of layers with an `edge_set_name`, such as `SAGEConv`. Each
            is called with `[(x_senders, x_receivers), graph]`, or `[x, graph]` if the
            edges join nodes of one set. `graph` is the dict of the GraphTensor's
            components, see `tfgraph.as_graph_tensor`. There may be several for one edge
            set. A layer of your own may have an attribute `receiver`, too: "target" or
            "source".
        merge: How to merge the outputs of the convolutions that end in the same node
            set: "sum", "mean" or "max", which need equal widths, or "concat", in the
            order of `convolutions`. Or a layer that takes a list of them, such as
            `keras.layers.Minimum()`, the same one for all node sets.
        activation: `σ`, as in `keras.layers.Dense`, for the node sets that receive.
        feature_name: With a GraphTensor as the only input, the node feature that holds
            `x`, of the node sets that have it.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`. The outputs
            of the convolutions are cast to this layer's type.

    Call arguments:
        inputs: `graph`, a scalar `tfgnn.GraphTensor`; or `[features, graph]` with a
            dict of tensors by node set, such as the output of another round, or of
            `NodeEmbedding`s. With `graph` from `tfgraph.GraphInput`, the given features
            of "paper" are `graph["nodes.paper.hidden_state"]`.
        training: Whether the convolutions apply dropout.

    Input shape:
        Features `[N_t, F_t]` for each node set `t`, dense or `tf.SparseTensor`; or many
        signals `[..., N_t, F_t]` on the one graph, with the same leading axes.

    Output shape:
        Dict by node set: `[..., N_t, units]` of those that receive, where `units` are
        those of the convolutions, added up with "concat"; all others as in the inputs.

    Raises:
        ValueError: If `convolutions` is not a list of layers with an `edge_set_name`,
            `merge` is unknown, or the graph has no such edge set. Also if a node set
            that sends has no features, or widths that must be equal differ.
        tf.errors.InvalidArgumentError: At run time, if there are more or fewer rows of
            features than nodes, or an edge names a node that does not exist.
    """

    graph_arguments = ("feature_name",)

    def __init__(
        self,
        convolutions: Sequence[keras.layers.Layer],
        merge: str | keras.layers.Layer = "sum",
        activation: Activation = None,
        feature_name: str = "hidden_state",
        **kwargs: Any,
    ) -> None:
        super().__init__(feature_name=feature_name, **kwargs)
        _check_convolutions(convolutions)
        if not isinstance(merge, keras.layers.Layer):
            arguments.check_choice("merge", merge, tuple(MERGES), owner="HeteroConv")
        self.convolutions = list(convolutions)
        self.merge = merge
        self.activation = keras.activations.get(activation)
        self.supports_masking = True

    def build(self, input_shape: InputShape) -> None:
        """Builds the layers inside and sets `widths`, of the node sets that receive."""
        with self.named_errors():
            x, graph = self._parts(input_shape)
            x = {name: graph_inputs.symbolic(shape) for name, shape in x.items()}
            # By symbolic calls: a layer of the user's may have no `build`.
            received = self._messages(x, graph_inputs.symbolic(graph))
            merged = {
                name: self._merged(name, messages)
                for name, messages in received.items()
            }
        self.widths = {name: h.shape[-1] for name, h in merged.items()}

    def call(self, inputs: Inputs, training: bool | None = None) -> dict[str, Tensor]:
        x, graph = self._parts(inputs)
        received = self._messages(x, graph)
        return dict(x) | {
            name: self.activation(self._merged(name, messages))
            for name, messages in received.items()
        }

    def _parts(self, inputs):
        """Returns the features by node set and the graph of inputs or shapes."""
        return graph_inputs.parse_node_sets(inputs, self.feature_name)

    def _messages(self, x, graph):
        """Returns the outputs of the convolutions, in a list for each node set."""
        received = {}
        for convolution in self.convolutions:
            senders, receivers = self._ends(convolution, graph)
            if senders not in x:
                raise ValueError(
                    f"Expected features of node set '{senders}', which sends along "
                    f"'{convolution.edge_set_name}'. `NodeEmbedding` makes features "
                    f"for a node set without. Received: features of {sorted(x)}"
                )
            features = x[senders]
            if senders != receivers:
                features = (features, x.get(receivers))
            message = convolution([features, graph])
            received.setdefault(receivers, []).append((convolution, message))
        return received

    def _ends(self, convolution, graph):
        """Returns the names of the node sets that send and receive."""
        with graph_inputs.named_errors(_label(convolution)):
            edge_set_name = graph_tensor.choose(
                "edge_set_name",
                convolution.edge_set_name,
                graph_tensor.set_names(graph, "edges"),
            )
        receiver = getattr(convolution, "receiver", "target")
        fields = graph_tensor.Fields(
            None, edge_set_name, self.feature_name, None, receiver
        )
        return fields.ends(graph)

    def _merged(self, name, received):
        """Returns what becomes of the messages to the node set `name`."""
        messages = [keras.ops.cast(h, self.compute_dtype) for _, h in received]
        if isinstance(self.merge, keras.layers.Layer):
            return self.merge(messages)
        widths = [h.shape[-1] for h in messages]
        if self.merge != "concat" and len(set(widths)) > 1:
            of_each = [
                f"{_label(convolution)} on {convolution.edge_set_name!r}: {width}"
                for (convolution, _), width in zip(received, widths, strict=True)
            ]
            raise ValueError(
                f"Expected convolutions of the same width into node set '{name}', or "
                f"`merge='concat'`. Received: merge={self.merge!r}, {of_each}"
            )
        return MERGES[self.merge](messages)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> dict[str, Any]:
        masks, _ = self._parts(previous_mask)
        x, _ = self._parts(inputs)
        return {name: masks.get(name) for name in {**x, **self.widths}}

    def compute_output_shape(self, input_shape: InputShape) -> dict[str, Shape]:
        if not self.built:
            self.build(input_shape)
        x, _ = self._parts(input_shape)
        signals = next(iter(x.values()))[:-2]
        return dict(x) | {
            name: (*x.get(name, (*signals, None, None))[:-1], width)
            for name, width in self.widths.items()
        }

    def compute_output_spec(
        self, inputs: Inputs, training: bool | None = None
    ) -> dict[str, keras.KerasTensor]:
        shapes = keras.tree.map_structure(lambda x: tuple(x.shape), inputs)
        x, _ = self._parts(inputs)
        return {
            name: keras.KerasTensor(shape, self.compute_dtype)
            if name in self.widths
            else keras.KerasTensor(shape, x[name].dtype, sparse=_is_sparse(x[name]))
            for name, shape in self.compute_output_shape(shapes).items()
        }

    def get_config(self) -> dict[str, Any]:
        merge = self.merge
        if isinstance(merge, keras.layers.Layer):
            merge = keras.saving.serialize_keras_object(merge)
        return {
            **super().get_config(),
            "convolutions": [
                keras.saving.serialize_keras_object(convolution)
                for convolution in self.convolutions
            ],
            "merge": merge,
            "activation": keras.activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HeteroConv:
        layers = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("convolutions", "merge")
        }
        return cls(**{**config, **layers})


def _check_convolutions(convolutions):
    if not isinstance(convolutions, (list, tuple)) or not convolutions:
        raise ValueError(
            "HeteroConv: expected `convolutions` to be a list of layers, such as "
            "`[SAGEConv(64, edge_set_name='writes')]`. "
            f"{arguments.received('convolutions', convolutions)}"
        )
    for layer in convolutions:
        is_layer = isinstance(layer, keras.layers.Layer)
        if not is_layer or not hasattr(layer, "edge_set_name"):
            raise ValueError(
                "HeteroConv: expected `convolutions` to be layers with an attribute "
                "`edge_set_name`, such as `SAGEConv(64, edge_set_name='writes')`. "
                f"Received: {layer!r}"
            )
        receiver = getattr(layer, "receiver", "target")
        arguments.check_choice("receiver", receiver, RECEIVERS, owner=_label(layer))


def _label(layer):
    return f"{type(layer).__name__} '{layer.name}'"


def _is_sparse(x):
    return getattr(x, "sparse", False)

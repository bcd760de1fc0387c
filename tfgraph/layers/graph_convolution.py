"""What all graph convolutions share: `Dense`'s arguments, and a graph as input."""

from __future__ import annotations

import dataclasses
from typing import Any, TypedDict

import keras
import tensorflow as tf

from tfgraph import adjacency as adjacencies
from tfgraph import arguments, ops
from tfgraph import inputs as graph_inputs
from tfgraph.layers.graph_layer import GraphLayer, check_width
from tfgraph.typing import (
    Activation,
    Constraint,
    DType,
    Features,
    Initializer,
    Inputs,
    InputShape,
    Regularizer,
    Shape,
)


class ConvolutionArguments(TypedDict, total=False):
    """The arguments of `GraphConvolution` that a subclass takes as `**kwargs`."""

    use_bias: bool
    dropout: float
    kernel_initializer: Initializer
    bias_initializer: Initializer
    kernel_regularizer: Regularizer
    bias_regularizer: Regularizer
    activity_regularizer: Regularizer
    kernel_constraint: Constraint
    bias_constraint: Constraint
    node_set_name: str | None
    edge_set_name: str | None
    feature_name: str
    edge_weight_name: str | None
    receiver: str
    name: str | None
    dtype: DType
    trainable: bool


class GraphConvolution(GraphLayer):
    """Base of the graph convolutions: `Dense`'s arguments, and a graph as input.

    A subclass makes its weights in `build`, after `super().build(input_shape)`, which
    checks the shapes and sets `input_dim`. Its equation is in `call`: `unpack` returns
    the features and the adjacency, and `activate` ends the equation.

    Args:
        units: Positive integer, the number of output features of a node.
        activation: Activation function, as in `keras.layers.Dense`.
        use_bias: Whether to add a bias vector.
        dropout: Float in `[0, 1)`, the fraction of the layer's input features that is
            dropped in training. With sparse features, stored entries are dropped.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, kernel_constraint, bias_constraint: As in
            `keras.layers.Dense`.
        node_set_name: With a GraphTensor, the node set to work on. May be left out if
            there is only one.
        edge_set_name: With a GraphTensor, the edge set to send messages along. May be
            left out if there is only one within the node set.
        feature_name: With a GraphTensor as the only input, the node feature that holds
            `x`.
        edge_weight_name: With a GraphTensor, the edge feature that holds the weights,
            `[num_edges]` or `[num_edges, 1]`. None for weights of 1.
        receiver: With a GraphTensor, which end of an edge receives: "target", or
            "source" for messages against the edges.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        One of

        - `[x, adjacency]` with `x` of shape `[N, F]`, dense or `tf.SparseTensor`, and
          `adjacency` a `tf.SparseTensor` or dense tensor of shape `[N, N]`, or `[M, N]`
          where the first `M` of the `N` nodes receive and the layer allows it;
        - `[x, adjacency]` with dense `x` `[B, N, F]` and `adjacency` `[B, N, N]`;
        - `[x, adjacency]` with many signals on one graph: dense `x` `[B, N, F]`,
          `[B, T, N, F]` or with more axes, and `adjacency` as for `[N, F]`. Each result
          is that of the signal alone; see `FixedAdjacency`;
        - `[x, graph]` with a scalar `tfgnn.GraphTensor`;
        - `graph`, with its feature `feature_name` as `x`;
        - `[(x_senders, x_receivers), adjacency]` or `[(x_senders, x_receivers), graph]`
          where the layer allows it: messages from one node set to another. The
          adjacency is `[M, N]` for `N` senders and `M` receivers, any numbers. The
          widths of the features may differ. `x_receivers` may be None if the layer
          needs none. `graph` alone has both, if `edge_set_name` joins two node sets.

        `adjacency[i, j]` is the weight of the message from node `j` to node `i`.

    Output shape:
        `[N, units]`, or `[M, units]`, or `[B, N, units]`; of many signals
        `[..., M, units]`.
    """

    # The edge feature of a GraphTensor to use, in layers that use one.
    edge_feature_name: str | None = None
    edge_dim: int | None = None

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        use_bias: bool = True,
        dropout: float = 0.0,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        activity_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        node_set_name: str | None = None,
        edge_set_name: str | None = None,
        feature_name: str = "hidden_state",
        edge_weight_name: str | None = None,
        receiver: str = "target",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            node_set_name=node_set_name,
            edge_set_name=edge_set_name,
            feature_name=feature_name,
            edge_weight_name=edge_weight_name,
            receiver=receiver,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.units = self.check_positive("units", units)
        self.dropout = self.check_fraction("dropout", dropout)
        self.activation = keras.activations.get(activation)
        self.check_flags(use_bias=use_bias)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.seed_generator = keras.random.SeedGenerator()
        # Padded nodes send no messages, so the output has the mask of the input.
        self.supports_masking = True

    @property
    def output_dim(self) -> int:
        """The number of output features of a node."""
        return self.units

    def build(self, input_shape: InputShape) -> None:
        """Checks the shapes and sets `input_dim`, the number of features of a node."""
        with self.named_errors():
            parts = self.parse(input_shape)
            if graph_inputs.is_list(parts.adjacency):
                raise ValueError(
                    "Expected one adjacency; a list of one for each layer is for "
                    "models, such as `models.GraphSAGE`. "
                    f"Received: a list of {len(parts.adjacency)}"
                )
            if parts.is_pair:
                self.check_pair(parts.x_receivers)
            shape = (None, None) if parts.graph is not None else parts.adjacency
            adjacencies.check_shapes(parts.x, shape, parts.is_pair, parts.x_receivers)
            self.input_dim = check_width(parts.x)
            self.receiver_dim: int | None = self.input_dim
            if parts.is_pair:
                receivers = parts.x_receivers
                self.receiver_dim = (
                    None if receivers is None else check_width(receivers)
                )

    def parse(self, inputs: Inputs) -> graph_inputs.GraphInputs:
        parts = super().parse(inputs)
        name = self.edge_feature_name
        if parts.edge_features is not None or parts.graph is None or name is None:
            return parts
        edge_features = self.fields.edge_features(parts.graph, name)
        return dataclasses.replace(parts, edge_features=edge_features)

    def edge_width(self, input_shape: InputShape) -> int | None:
        """Returns the width of the edge features, or None if there are none."""
        shape = self.parse(input_shape).edge_features
        if shape is not None and (len(shape) < 2 or not shape[-1]):
            raise ValueError(
                f"{self.label}: expected `edge_features` of shape `[E, D]`, or `[..., "
                "M, N, D]` with a dense adjacency, with a positive `D`. "
                f"Received: edge_features.shape={tuple(shape)}"
            )
        return None if shape is None else shape[-1]

    def checked_edges(
        self, edges: tf.Tensor | None, adjacency: adjacencies.Adjacency
    ) -> tf.Tensor | None:
        """Returns the edge features of inputs in the adjacency's type, or None.

        A layer that calls it keeps the width that it was built with in `edge_dim`.
        """
        edge_dim = None if edges is None else edges.shape[-1]
        if edge_dim != self.edge_dim:
            raise ValueError(
                f"Expected `edge_features` of {self.edge_dim} numbers each, as this "
                f"layer was built. Received: `edge_features` of {edge_dim}"
            )
        if edges is None:
            return None
        edges = adjacencies.cast("edge_features", edges, adjacency.dtype)
        adjacency.check_edges(edges)
        return edges

    def check_pair(self, x_receivers: Features | None) -> None:
        """Raises a `ValueError` if the layer cannot be between two node sets.

        A subclass that can be overrides it. Its equation must not use the receivers as
        the first of the senders.

        Args:
            x_receivers: The features of the receivers, or their shape, or None.
        """
        raise ValueError(
            "Expected one set of nodes, `[x, adjacency]`, or an edge set from a node "
            "set to itself: this layer has no meaning between two. Received: a pair"
        )

    def unpack(self, inputs: Inputs) -> graph_inputs.GraphInputs:
        """Returns the parts of the inputs, ready to compute with.

        Returns:
            `x`, of the layer's type, and sorted if it is sparse; and `adjacency`, which
            has `matmul`, `mean`, `max` and more of `tfgraph.adjacency.SparseAdjacency`
            for every form of input.
        """
        parts = self.parse(inputs)
        x = self._unpack_features("x", parts.x, self.input_dim)
        x_receivers = parts.x_receivers
        if parts.is_pair:
            self.check_pair(x_receivers)
        if x_receivers is not None:
            x_receivers = self._unpack_features(
                "x_receivers", x_receivers, self.receiver_dim
            )
        parts = dataclasses.replace(parts, x=x, x_receivers=x_receivers)
        adjacency = self.adjacency(parts, x)
        if parts.graph is None:
            x = adjacencies.checked_rows(x, parts.adjacency, self.label)
        return dataclasses.replace(parts, x=x, adjacency=adjacency)

    def _unpack_features(self, name, x, width):
        x = adjacencies.cast(name, x, self.compute_dtype)
        if isinstance(x, tf.SparseTensor):
            adjacencies.check_is_matrix(name, x)
            if not ops.compiled_by_xla():
                x = tf.sparse.reorder(x)
        if x.shape[-1] not in (None, width):
            raise ValueError(
                f"Expected `{name}` with {width} features, as this layer was built. "
                f"Received: {name}.shape={tuple(x.shape)}"
            )
        return x

    def drop(
        self, x: Features, training: bool | None, rate: float | None = None
    ) -> Features:
        """Applies dropout, with the rate `dropout` unless another is given."""
        rate = self.dropout if rate is None else rate
        if not training or not rate:
            return x
        return ops.dropout(x, rate, self.seed_generator)

    def project(self, x: Features, kernel: tf.Tensor | keras.Variable) -> tf.Tensor:
        """`x @ kernel` for dense or sparse features, in their type."""
        return ops.matmul(x, kernel)

    def drop_and_project(
        self,
        x: Features,
        kernel: tf.Tensor | keras.Variable,
        training: bool | None,
        num_draws: int = 1,
    ) -> tf.Tensor:
        """`project` of `x` after `drop`, faster than both for wide `x` mostly of 0.

        Each of `num_draws` equal parts of the kernel's columns has its own draw.
        """
        if not training or not self.dropout:
            return self.project(x, kernel)
        return ops.dropout_matmul(
            x, kernel, self.dropout, num_draws, self.seed_generator
        )

    def with_bias(self, h: tf.Tensor, bias: keras.Variable | None) -> tf.Tensor:
        """`h + b`, or `h` for a bias of None."""
        if bias is None:
            return h
        return tf.nn.bias_add(h, keras.ops.cast(bias, h.dtype))

    def activate(self, h: tf.Tensor) -> tf.Tensor:
        """`σ(h + b)`, the end of the equation."""
        return self.activation(self.with_bias(h, self.bias))

    def add_kernel(self, shape: Shape, name: str = "kernel") -> keras.Variable:
        """Makes a weight with the `kernel_*` arguments."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def add_bias(self, shape: Shape, name: str = "bias") -> keras.Variable | None:
        """Makes a bias with the `bias_*` arguments; None without `use_bias`."""
        if not self.use_bias:
            return None
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def check_flags(self, **flags: Any) -> None:
        """Raises a `ValueError` if one of the arguments is not True or False."""
        arguments.check_flags(type(self).__name__, **flags)

    def check_positive(self, argument: str, value: Any) -> int:
        """Returns a positive integer, or raises a `ValueError` that names it."""
        return arguments.checked_integer(argument, value, owner=type(self).__name__)

    def check_fraction(self, argument: str, value: Any) -> float:
        """Returns a number in `[0, 1)`, or raises a `ValueError` that names it."""
        return arguments.checked_fraction(argument, value, owner=type(self).__name__)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        x_mask: Any = previous_mask[0] if graph_inputs.is_list(previous_mask) else None
        return x_mask[1] if graph_inputs.is_list(x_mask) else previous_mask

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        parts = self.parse(input_shape)
        num_rows = parts.x[-2]
        if parts.adjacency is not None:
            # With an adjacency `[M, N]`, only the first M nodes receive.
            num_rows = parts.adjacency[-2]
        elif parts.is_pair:
            num_rows = None if parts.x_receivers is None else parts.x_receivers[-2]
        return (*parts.x[:-2], num_rows, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": keras.regularizers.serialize(
                self.activity_regularizer
            ),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }


def convolution_class(
    convolution: type[GraphConvolution] | str,
) -> type[GraphConvolution]:
    """Returns a class of graph convolutions, given the class or its registered name."""
    if isinstance(convolution, str):
        found = keras.saving.get_registered_object(convolution)
    else:
        found = convolution
    if not isinstance(found, type) or not issubclass(found, GraphConvolution):
        raise ValueError(
            "Expected `convolution` to be the class of a graph convolution, or the "
            f"name it is registered under. Received: convolution={convolution!r}"
        )
    return found

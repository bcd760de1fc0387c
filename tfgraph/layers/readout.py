"""Readouts: one vector for each graph, of the features of its nodes."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfgraph import adjacency as adjacencies
from tfgraph import arguments, membership, ops
from tfgraph import inputs as graph_inputs
from tfgraph.inputs import GraphInputs
from tfgraph.layers.graph_layer import GraphLayer, check_width
from tfgraph.membership import Membership
from tfgraph.typing import (
    Constraint,
    Initializer,
    Inputs,
    InputShape,
    Mask,
    Regularizer,
    Shape,
)

MODES = ("sum", "mean", "max", "attention")


class GraphReadout(GraphLayer):
    """Base of the readouts: the forms of their input.

    Args:
        node_set_name: With a GraphTensor, the node set to read. May be left out if
            there is only one.
        feature_name: With a GraphTensor as the only input, the node feature that holds
            `x`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        One of

        - `[x, graph_ids]` with `x` of shape `[N, F]`, the nodes of all graphs, one
          graph after the other, and integer `graph_ids` `[N]`, the number of each
          node's graph, sorted. There are as many graphs as the last number says; one
          without nodes may be among them, but not at the end;
        - `[x, mask]` with `x` `[B, n, F]` and boolean `mask` `[B, n]`, True for the
          rows that are nodes; or `x` alone, if all are or it has a mask of Keras;
        - `x` alone with many signals on one graph, `[B, N, F]`, `[B, T, N, F]` or with
          more axes: one vector for each signal;
        - `[x, graph]` with a scalar `tfgnn.GraphTensor`, each component of which is a
          graph;
        - `graph`, with its feature `feature_name` as `x`.
    """

    graph_arguments = ("node_set_name", "feature_name")
    # How many times as wide as its input the output is.
    width_factor: ClassVar[int] = 1

    # (XLA takes graphs that are padded, no others.)
    def __init__(
        self,
        node_set_name: str | None = None,
        feature_name: str = "hidden_state",
        **kwargs: Any,
    ) -> None:
        super().__init__(node_set_name, feature_name=feature_name, **kwargs)

    def parse(self, inputs: Inputs) -> GraphInputs:
        parts = graph_inputs.parse_nodes(inputs)
        if parts.x is not None:
            return parts
        x = self.fields.node_features(parts.graph)
        return dataclasses.replace(parts, x=x)

    def build(self, input_shape: InputShape) -> None:
        """Checks the shapes and sets `input_dim`, the number of features of a node."""
        with self.named_errors():
            parts = self.parse(input_shape)
            are_signals = len(parts.x) > 3 and parts.membership is None
            if parts.graph is None and not are_signals:
                membership.check_shapes(parts.x, parts.membership)
            self.input_dim = check_width(parts.x)

    def unpack(self, inputs: Inputs, mask: Mask) -> tuple[tf.Tensor, Membership]:
        """Returns `x`, for sums in float32 at least, and the membership of its rows."""
        parts = self.parse(inputs)
        if isinstance(parts.x, tf.SparseTensor):
            raise ValueError("Expected dense features `x`. Received: a SparseTensor")
        x, mask = parts.x, membership.keras_mask(mask)
        are_signals = len(x.shape) > 3 and parts.membership is None
        if are_signals and parts.graph is None:  # one below the other
            num_nodes, width = keras.ops.shape(x)[-2:]
            x = keras.ops.reshape(x, (-1, num_nodes, width))
            mask = None if mask is None else tf.reshape(mask, [-1, num_nodes])
        nodes = self.membership(parts, x, mask)
        x = adjacencies.cast("x", x, self.compute_dtype)
        return tf.cast(x, ops.weight_dtype(x.dtype)), nodes

    def by_signal(self, r: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        """Returns `r` `[B, F]` with the leading axes of many signals, `[..., F]`."""
        axes = keras.ops.shape(self.parse(inputs).x)[:-2]
        return r if len(axes) < 2 else keras.ops.reshape(r, (*axes, r.shape[-1]))

    def compute_mask(self, inputs: Inputs, previous_mask: Mask) -> None:
        return None  # a graph is one row, so there is no padding

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        x_shape = self.parse(input_shape).x
        graphs = tuple(x_shape[:-2]) or (None,)
        return (*graphs, self.width_factor * x_shape[-1])


@keras.saving.register_keras_serializable("tfgraph")
class Readout(GraphReadout):
    """One vector for each graph: the sum, mean or maximum of its nodes' features.

        sum   r = Σ_i x_i
        mean  r = Σ_i x_i / n
        max   r_f = max_i x_if
        attention  r = Σ_i α_i x_i,    α = softmax_i(w · x_i)

    Over the nodes `i` of the graph. Attention is that of "Gated Graph Sequence Neural
    Networks" (Li et al., ICLR 2016, https://arxiv.org/abs/1511.05493), with a softmax
    in place of its sigmoid. The output of a graph without nodes is 0.

    Example:

    ```python
    x = keras.Input((3,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    graph_ids = keras.Input((), dtype="int64", name="graph_ids")
    h = tfgraph.layers.GCNConv(64, activation="relu")([x, adjacency])
    r = tfgraph.layers.Readout("mean")([h, graph_ids])
    y = keras.layers.Dense(2, activation="softmax")(r)
    model = keras.Model([x, adjacency, graph_ids], y)
    ```

    Readouts of several layers, side by side, are a readout of the whole hierarchy:
    `keras.layers.Concatenate()([readout([h1, graph_ids]), readout([h2, graph_ids])])`.

    Args:
        mode: "sum", "mean", "max" or "attention".
        kernel_initializer, kernel_regularizer, kernel_constraint: For `w`, as in
            `keras.layers.Dense`.
        node_set_name, feature_name, **kwargs: See `GraphReadout`.

    Call arguments:
        inputs: `[x, graph_ids]`, `[x, mask]`, `x`, `[x, graph]` or `graph`; see
            `GraphReadout`.

    Input shape:
        `x` `[N, F]` with `graph_ids` `[N]`; or `[B, n, F]` with `mask` `[B, n]`; or
        many signals `[..., N, F]` on one graph, alone.

    Output shape:
        `[B, F]`; of many signals `[..., F]`.

    Raises:
        ValueError: If `mode` is none of these, or the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if graph ids are not sorted, or
            more or fewer than nodes.
    """

    def __init__(
        self,
        mode: str = "mean",
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments.check_choice("mode", mode, MODES, owner="Readout")
        self.mode = mode
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape: InputShape) -> None:
        super().build(input_shape)
        if self.mode == "attention":
            self.kernel = self.add_weight(
                name="kernel",
                shape=(self.input_dim, 1),
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )

    def call(self, inputs: Inputs, mask: Mask = None) -> tf.Tensor:
        x, nodes = self.unpack(inputs, mask)
        if self.mode == "max":
            r = nodes.max(x)
        elif self.mode == "attention":
            r = nodes.sum(nodes.softmax(ops.matmul(x, self.kernel)) * x)
        else:
            r = nodes.sum(x)
            if self.mode == "mean":
                r = tf.math.divide_no_nan(r, nodes.counts(r.dtype)[:, None])
        return self.by_signal(tf.cast(r, self.compute_dtype), inputs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mode": self.mode,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }

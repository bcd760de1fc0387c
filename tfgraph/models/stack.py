"""What the models of graph convolutions, one after the other, share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments
from tfgraph import inputs as graph_inputs
from tfgraph.layers import GraphConvolution
from tfgraph.models.graph_model import GraphModel
from tfgraph.typing import Activation, DType, Inputs, InputShape, Shape


class ConvolutionStack(GraphModel):
    """Graph convolutions one after the other, on one graph or on a block for each.

    A subclass puts them into `self.convolutions`.

    Args:
        hidden_units: The widths of the hidden layers. One more convolution may follow.
        name, dtype, trainable: As in `keras.Model`.

    Call arguments:
        inputs: As the convolutions take them; or `[x, [A_1, ..., A_K]]` with a
            rectangular adjacency for each of `K` layers, as
            `tfgraph.data.neighbor_batches` makes them: `A_k` is `[N_k, N_(k-1)]`, and
            the first `N_k` of the `N_(k-1)` nodes are the `N_k` ones. Features of edges
            are then a list, too: `[x, [A_1, ..., A_K], [E_1, ..., E_K]]`.
    """

    convolutions: list[GraphConvolution]

    def __init__(
        self,
        hidden_units: Sequence[int],
        name: str | None = None,
        dtype: DType = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        if not isinstance(hidden_units, (list, tuple)):
            raise ValueError(
                f"{type(self).__name__}: expected `hidden_units` to be a list, with "
                "one width for each hidden layer. "
                f"Received: hidden_units={hidden_units}"
            )
        owner = type(self).__name__
        self.hidden_units = [
            arguments.checked_integer("hidden_units", units, owner=owner)
            for units in hidden_units
        ]

    def build(self, input_shape: InputShape) -> None:
        parts, x_shape = self._parts(input_shape).with_open_sizes(), None
        for number, convolution in enumerate(self.convolutions):
            shape = parts.for_layer(x_shape, number)
            convolution.build(shape)
            x_shape = convolution.compute_output_shape(shape)

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        parts, h = self._parts(inputs), None
        for number, convolution in enumerate(self.convolutions):
            h = convolution(parts.for_layer(h, number), training=training)
        return h

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        parts = self._parts(input_shape)
        x_shape: Any = None
        for number, convolution in enumerate(self.convolutions):
            shape = parts.for_layer(x_shape, number)
            x_shape = convolution.compute_output_shape(shape)
        return x_shape

    def _parts(self, inputs):
        with self.named_errors():
            parts = graph_inputs.parse(inputs, self.convolutions[0].optional_input)
            if parts.is_pair:
                raise ValueError(
                    "Expected features of one node set; a pair `(x_senders, "
                    "x_receivers)` is for a single layer. Received: a pair"
                )
            is_last = len(self.convolutions) > len(self.hidden_units)
            last = "the output layer" if is_last else "none in the output layer"
            for name in ("adjacency", "edge_features"):
                blocks = getattr(parts, name)
                if not graph_inputs.is_list(blocks):
                    continue
                if len(blocks) != len(self.convolutions):
                    raise ValueError(
                        f"Expected one {name}, or a list of "
                        f"{len(self.convolutions)}, one for each layer with messages: "
                        f"{len(self.hidden_units)} of `hidden_units`, and {last}. "
                        "A number of `fanouts` belongs to each of these. "
                        f"Received: a list of {len(blocks)}"
                    )
        return parts


def hidden_activation(owner: str, activation: Activation) -> Any:
    """Returns the activation of a model's hidden layers.

    Raises:
        ValueError: If it is a softmax, which is meant for the output.
    """
    found = keras.activations.get(activation)
    if found is keras.activations.softmax:
        raise ValueError(
            f"{owner}: expected `activation` to be that of the hidden layers. That of "
            "the output is `classifier_activation`. "
            f"Received: activation={activation!r}"
        )
    return found

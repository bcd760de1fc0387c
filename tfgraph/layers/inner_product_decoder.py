"""The decoder of the graph autoencoders GAE and VGAE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph import ops
from tfgraph.typing import Activation, Inputs, Shape


@keras.saving.register_keras_serializable("tfgraph")
class InnerProductDecoder(keras.layers.Layer):
    """Decoder of the graph autoencoders: the probability of an edge between two nodes.

        p(A_ij = 1 | z_i, z_j) = σ(z_i · z_j)

    (Kipf & Welling, 2016, https://arxiv.org/abs/1611.07308).

    Example:

    ```python
    decoder = tfgraph.layers.InnerProductDecoder()
    decoder([z, tf.constant([[0, 1], [0, 2]])])  # two probabilities
    decoder(z)  # the probabilities of all N² pairs, for a small graph
    ```

    Args:
        activation: Activation of the inner products. None for logits.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Call arguments:
        inputs: `[z, pairs]` or `z`.

    Input shape:
        `z` `[N, D]`, with integer `pairs` `[P, 2]`; or `z` alone, `[..., N, D]`.

    Output shape:
        `[P]` for `[z, pairs]`, `[..., N, N]` for `z`.

    Raises:
        ValueError: If the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if a pair names a node that does
            not exist.
    """

    def __init__(self, activation: Activation = "sigmoid", **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, inputs: Inputs) -> tf.Tensor:
        if not isinstance(inputs, (list, tuple)):
            z = tf.cast(inputs, self.compute_dtype)
            return self.activation(tf.matmul(z, z, transpose_b=True))
        z, pairs = inputs
        self._check(z.shape, pairs.shape)
        if not pairs.dtype.is_integer:
            raise ValueError(
                "InnerProductDecoder: expected `pairs` to hold integers. "
                f"Received: pairs.dtype={pairs.dtype.name}"
            )
        num_nodes = tf.shape(z, out_type=pairs.dtype)[0]
        layer = f"InnerProductDecoder '{self.name}'"
        pairs = ops.checked_pairs(pairs, num_nodes, layer)
        z = tf.cast(z, self.compute_dtype)
        return self.activation(ops.pair_logits(z, pairs))

    def _check(self, z_shape, pairs_shape):
        if len(z_shape) != 2 or len(pairs_shape) != 2 or pairs_shape[1] != 2:
            raise ValueError(
                "InnerProductDecoder: expected `z` of shape `[N, D]` and `pairs` of "
                f"shape `[P, 2]`. Received: z.shape={tuple(z_shape)}, "
                f"pairs.shape={tuple(pairs_shape)}"
            )

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Shape:
        if isinstance(input_shape[0], int | None):
            return (*input_shape[:-1], input_shape[-2])
        self._check(*input_shape)
        return (input_shape[1][0],)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
        }

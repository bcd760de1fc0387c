"""The decoder of the graph autoencoders GAE and VGAE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph import inputs as graph_inputs
from tfgraph.layers.pair_decoder import PairDecoder
from tfgraph.typing import Activation, Inputs, Shape


@keras.saving.register_keras_serializable("tfgraph")
class InnerProductDecoder(PairDecoder):
    """Decoder of the graph autoencoders: the probability of an edge between two nodes.

        p(A_ij = 1 | z_i, z_j) = σ(z_i · z_j)

    (Kipf & Welling, 2016, https://arxiv.org/abs/1611.07308).

    Example:

    ```python
    decoder = tfgraph.layers.InnerProductDecoder()
    decoder([z, tf.constant([[0, 1], [0, 2]])])  # two probabilities
    decoder(z)  # the probabilities of all N² pairs, for a small graph
    z_users, z_films = tf.ones([3, 2]), tf.ones([5, 2])
    decoder([(z_users, z_films), tf.constant([[0, 4]])])  # user 0 and film 4
    ```

    Args:
        activation: Activation of the inner products. None for logits.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`. In half
            precision, scores would be equal that are not: it computes in float32 then.

    Call arguments:
        inputs: `[z, pairs]`, `[(z_source, z_target), pairs]` or `z`.

    Input shape:
        `z` `[N, D]`, with integer `pairs` `[P, 2]`; or `z` alone, `[..., N, D]`. For
        pairs of two node sets, `z_source` `[N_s, D]` and `z_target` `[N_t, D]`.

    Output shape:
        `[P]` with pairs, `[..., N, N]` for `z`.

    Raises:
        ValueError: If the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if a pair names a node that does
            not exist.
    """

    def __init__(self, activation: Activation = "sigmoid", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, inputs: Inputs) -> tf.Tensor:
        if graph_inputs.is_list(inputs):
            return super().call(inputs)
        z, _ = self.ends(inputs, inputs)
        return self.scores(self.all_logits(z, z))

    def ends(self, z_source: Any, z_target: Any) -> tuple[tf.Tensor, tf.Tensor]:
        source = tf.cast(z_source, self.compute_dtype)
        if z_target is z_source:
            return source, source
        return source, tf.cast(z_target, self.compute_dtype)

    def logits(self, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(source * target, axis=-1)

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        return self.activation(logits)

    def all_logits(self, sources: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        return tf.matmul(sources, targets, transpose_b=True)

    def check_shapes(self, z_shapes: Sequence[Shape], pairs_shape: Shape) -> None:
        super().check_shapes(z_shapes, pairs_shape)
        widths = [shape[-1] for shape in z_shapes]
        if None not in widths and widths[0] != widths[1]:
            raise ValueError(
                "InnerProductDecoder: expected `z_source` and `z_target` of the same "
                f"width; `MLPDecoder` takes others. Received: widths {widths}"
            )

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Shape:
        if graph_inputs.is_list(input_shape):
            return super().compute_output_shape(input_shape)
        return (*input_shape[:-1], input_shape[-2])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
        }

"""A decoder that is a small network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments
from tfgraph.layers.graph_layer import check_width
from tfgraph.layers.pair_decoder import PairDecoder
from tfgraph.typing import Activation, Constraint, Initializer, InputShape, Regularizer


@keras.saving.register_keras_serializable("tfgraph")
class MLPDecoder(PairDecoder):
    """The probability of an edge between two nodes, or its class, by a small network.

        h_ij = φ(W_1 [z_i ‖ z_j] + b_1),    p(A_ij = 1) = σ(w · h_ij + b)

    here with one hidden layer; or a number for each class, `σ(W_2 h_ij + b_2)`. Unlike
    `InnerProductDecoder`, the ends may be of different widths, and the score of `(i,
    j)` is not that of `(j, i)`. `W_1 [z_i ‖ z_j]` is the sum of a part for each end,
    and that part is computed once a node.

    Example:

    ```python
    decoder = tfgraph.layers.MLPDecoder([32])
    z_users, z_films = tf.ones([3, 2]), tf.ones([5, 4])
    decoder([(z_users, z_films), tf.constant([[0, 4]])])  # user 0 and film 4
    decoder = tfgraph.layers.MLPDecoder(
        [32], classifier_activation="softmax", num_classes=5
    )
    decoder([(z_users, z_films), tf.constant([[0, 4]])])  # five probabilities
    ```

    Args:
        hidden_units: List of the width of each hidden layer. `[]` for none.
        activation: `φ`.
        classifier_activation: `σ`. "softmax" for classes of which a link has one. None
            for logits, or to estimate numbers.
        num_classes: Positive integer, the width of the output: the number of classes,
            or of numbers to estimate. None for one score a pair.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            kernel_constraint, bias_constraint: Of each layer, as in
            `keras.layers.Dense`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`. In half
            precision, scores would be equal that are not: it computes in float32 then.

    Call arguments:
        inputs: `[z, pairs]` or `[(z_source, z_target), pairs]`.

    Input shape:
        Integer `pairs` `[P, 2]`, with `z` `[N, D]`; or with `z_source` `[N_s, D_s]` and
        `z_target` `[N_t, D_t]`, for pairs of two node sets.

    Output shape:
        `[P]`, or `[P, num_classes]`.

    Raises:
        ValueError: If `hidden_units` is not a list of positive integers, `num_classes`
            is not a positive integer, or the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if a pair names a node that does
            not exist.
    """

    def __init__(
        self,
        hidden_units: Sequence[int] = (64,),
        activation: Activation = "relu",
        classifier_activation: Activation = "sigmoid",
        num_classes: int | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(hidden_units, (list, tuple)):
            raise ValueError(
                "MLPDecoder: expected `hidden_units` to be a list, with one width for "
                f"each hidden layer. Received: hidden_units={hidden_units}"
            )
        self.hidden_units = [
            arguments.checked_integer("hidden_units", units, owner="MLPDecoder")
            for units in hidden_units
        ]
        if num_classes is not None:
            num_classes = arguments.checked_integer(
                "num_classes", num_classes, owner="MLPDecoder"
            )
        self.num_classes = num_classes
        self.activation = keras.activations.get(activation)
        self.classifier_activation = keras.activations.get(classifier_activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.numbers_per_pair = max([num_classes or 1, *self.hidden_units])

    def build(self, input_shape: InputShape) -> None:
        z_shapes, pairs_shape = self.parts(input_shape)
        self.check_shapes([tuple(shape) for shape in z_shapes], pairs_shape)
        self.source_width, target_width = (check_width(shape) for shape in z_shapes)
        width = self.source_width + target_width
        self.dense_layers = []
        for units in [*self.hidden_units, self.num_classes or 1]:
            # From configurations, so that each layer has an initializer of its own.
            dense = keras.layers.Dense(
                units, dtype=self.dtype_policy, **self._weight_arguments()
            )
            dense.build((None, width))
            self.dense_layers.append(dense)
            width = units

    def ends(self, z_source: Any, z_target: Any) -> tuple[tf.Tensor, tf.Tensor]:
        first = self.dense_layers[0]
        kernel = keras.ops.convert_to_tensor(first.kernel)
        source = tf.cast(z_source, self.compute_dtype) @ kernel[: self.source_width]
        target = tf.cast(z_target, self.compute_dtype) @ kernel[self.source_width :]
        return source, target + first.bias

    def logits(self, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        h = source + target
        for dense in self.dense_layers[1:]:
            h = dense(self.activation(h))
        return tf.squeeze(h, axis=-1) if self.num_classes is None else h

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        return self.classifier_activation(logits)

    def _weight_arguments(self):
        return {
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
            "classifier_activation": keras.activations.serialize(
                self.classifier_activation
            ),
            "num_classes": self.num_classes,
            **self._weight_arguments(),
        }

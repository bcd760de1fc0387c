"""GraphSAGE as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments
from tfgraph.layers import SAGEConv
from tfgraph.models.stack import ConvolutionStack, hidden_activation
from tfgraph.typing import Activation, DType, Inputs, InputShape, Shape


@keras.saving.register_keras_serializable("tfgraph")
class GraphSAGE(ConvolutionStack):
    """GraphSAGE for classification of nodes, or for embeddings, of any depth.

        h_v^k = σ(W^k · [h_v^(k-1) ‖ AGGREGATE({h_u^(k-1) : u ∈ N(v)})]),    k = 1 .. K
        z_v = h_v^K / ‖h_v^K‖₂,    y_v = softmax(W z_v + b)

    (Hamilton, Ying & Leskovec, NeurIPS 2017, https://arxiv.org/abs/1706.02216). As in
    the official code, the last convolution is linear, only its output is scaled to a
    length of 1, and the classifier is one dense layer on it.

    `hidden_units` are the widths of the hidden layers, before the output layer, which
    is one more convolution in `GCN` and `GAT`, and a dense layer in `GraphSAGE` and
    `HeteroGraphSAGE`.

    The paper's sizes, in minibatches of sampled neighbours:

    ```python
    graph = tfgraph.data.planetoid("pubmed")
    model = tfgraph.models.GraphSAGE(graph.num_classes, hidden_units=(256, 256))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        tfgraph.data.neighbor_batches(graph, (25, 10), 32, nodes="train"),
        epochs=10,
        shuffle=False,
    )
    predictions = tfgraph.inference.predict_nodes(model, graph)
    ```

    Args:
        num_classes: Positive integer, the width of the output. None for a model that
            returns the embeddings `z`, to be trained with
            `tfgraph.losses.NegativeSamplingLoss`.
        hidden_units: The widths of the convolutions, one for each. With
            `concat=True`, an output is twice as wide.
        aggregator: The aggregator of all convolutions, see `SAGEConv`.
        activation: Activation of all convolutions but the last. That of the output is
            `classifier_activation`.
        classifier_activation: Activation of the output. For several labels a node,
            "sigmoid". None for logits.
        normalize: "output" to scale the last convolution's output to a length of 1, as
            the official code; "layers" to do so after every convolution, as algorithm 1
            of the paper; or None.
        dropout: Float in `[0, 1)`, on the input of each convolution.
        **kwargs: For every convolution, such as `concat`, `aggregator_units`,
            `kernel_regularizer` or `node_set_name`, see `SAGEConv`; or `name`, `dtype`
            and `trainable` of the model.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`, see `SAGEConv`; or `[x, [A_1,
            ..., A_K]]`, the blocks of `tfgraph.data.neighbor_batches`.
        training: Whether to apply dropout and to shuffle the neighbours for "lstm".

    Output shape:
        `[N, num_classes]`, `[B, N, num_classes]`, or `[N_K, num_classes]` for blocks:
        the last adjacency has `N_K` rows. Embeddings are `hidden_units[-1]` wide.

    Raises:
        ValueError: If `activation` is a softmax, `hidden_units` is not a list or empty,
            `normalize` is unknown, there are more or fewer blocks than convolutions, or
            as for `SAGEConv`.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        hidden_units: Sequence[int] = (256, 256),
        aggregator: str = "mean",
        activation: Activation = "relu",
        classifier_activation: Activation = "softmax",
        normalize: str | None = "output",
        dropout: float = 0.0,
        *,
        name: str | None = None,
        dtype: DType = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(hidden_units, name, dtype, trainable)
        if not self.hidden_units:
            raise ValueError(
                "GraphSAGE: expected `hidden_units` to have at least one width. "
                f"Received: hidden_units={hidden_units}"
            )
        if normalize not in (None, "output", "layers"):
            raise ValueError(
                "GraphSAGE: expected `normalize` to be 'output', 'layers' or None. "
                f"Received: normalize={normalize!r}"
            )
        if num_classes is not None:
            num_classes = arguments.checked_integer(
                "num_classes", num_classes, 1, "GraphSAGE"
            )
        self.num_classes = num_classes
        self.aggregator = aggregator
        self.activation = hidden_activation(type(self).__name__, activation)
        self.classifier_activation = keras.activations.get(classifier_activation)
        self.normalize = normalize
        self.dropout = dropout
        # Serialised, so that each layer makes an initializer of its own from it.
        self.layer_kwargs = keras.saving.serialize_keras_object(kwargs)
        last = len(self.hidden_units) - 1
        self.convolutions = [
            SAGEConv(
                units,
                None if layer == last else self.activation,
                aggregator=aggregator,
                normalize=normalize == "layers" or (layer == last and bool(normalize)),
                dropout=dropout,
                dtype=self.dtype_policy,
                **self.layer_kwargs,
            )
            for layer, units in enumerate(self.hidden_units)
        ]
        self.classifier = None
        if num_classes is not None:
            self.classifier = keras.layers.Dense(
                num_classes,
                activation=self.classifier_activation,
                dtype=self.dtype_policy,
            )

    def build(self, input_shape: InputShape) -> None:
        super().build(input_shape)
        if self.classifier is not None:
            z_shape = super().compute_output_shape(input_shape)
            self.classifier.build((*(None for _ in z_shape[:-1]), z_shape[-1]))

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        z = super().call(inputs, training)
        return z if self.classifier is None else self.classifier(z)

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        shape = super().compute_output_shape(input_shape)
        return shape if self.classifier is None else (*shape[:-1], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "hidden_units": self.hidden_units,
            "aggregator": self.aggregator,
            "activation": keras.activations.serialize(self.activation),
            "classifier_activation": keras.activations.serialize(
                self.classifier_activation
            ),
            "normalize": self.normalize,
            "dropout": self.dropout,
            **self.layer_kwargs,
        }

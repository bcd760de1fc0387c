"""The GCN of Kipf & Welling as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfgraph import arguments
from tfgraph import inputs as graph_inputs
from tfgraph.layers import GCNConv
from tfgraph.models.stack import ConvolutionStack, hidden_activation
from tfgraph.typing import Activation, DType, Regularizer


@keras.saving.register_keras_serializable("tfgraph")
class GCN(ConvolutionStack):
    """Graph Convolutional Network for node classification, of any depth.

        H⁰ = X,    Hˡ⁺¹ = σ(Â dropout(Hˡ) Wˡ),    Z = softmax(Â dropout(Hᴸ⁻¹) Wᴸ⁻¹)

    (Kipf & Welling, ICLR 2017, https://arxiv.org/abs/1609.02907).

    `hidden_units` are the widths of the hidden layers, before the output layer, which
    is one more convolution in `GCN` and `GAT`, and a dense layer in `GraphSAGE` and
    `HeteroGraphSAGE`.

    The paper's model for Cora. Its L2 factor of 5e-4 is on ½‖W‖², so here it is half of
    that:

    ```python
    graph = tfgraph.data.planetoid("cora").row_normalized()
    model = tfgraph.models.GCN(
        7,
        hidden_units=[16],
        dropout=0.5,
        kernel_regularizer=[keras.regularizers.L2(2.5e-4), None],
    )
    model.compile(
        keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    model.fit(tfgraph.data.full_batch(graph, "train"), epochs=200, shuffle=False)
    ```

    Args:
        num_classes: Positive integer, the width of the output.
        hidden_units: The widths of the hidden layers, one for each: with the output,
            `len(hidden_units) + 1` convolutions.
        activation: Activation of the hidden layers. That of the output is
            `classifier_activation`.
        classifier_activation: Activation of the output. None for logits.
        dropout: Float in `[0, 1)`, on the input of each layer.
        use_bias: Whether the layers have a bias. The paper's have none.
        kernel_regularizer: Regularizer of the kernel of every layer, or a list with one
            (or None) for each layer.
        **kwargs: For every layer, such as `improved` or `node_set_name`, see `GCNConv`;
            or `name`, `dtype` and `trainable` of the model.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`; see `GCNConv`.
        training: Whether to apply dropout.

    Output shape:
        `[N, num_classes]`, or `[B, N, num_classes]`.

    Raises:
        ValueError: If `activation` is a softmax, `hidden_units` is not a list, or
            `kernel_regularizer` one of another length than the number of layers, or as
            for `GCNConv`.
    """

    def __init__(
        self,
        num_classes: int,
        hidden_units: Sequence[int] = (16,),
        activation: Activation = "relu",
        classifier_activation: Activation = "softmax",
        dropout: float = 0.5,
        use_bias: bool = False,
        kernel_regularizer: Regularizer | Sequence[Regularizer] = None,
        *,
        name: str | None = None,
        dtype: DType = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(hidden_units, name, dtype, trainable)
        self.num_classes = arguments.checked_integer(
            "num_classes", num_classes, owner=type(self).__name__
        )
        self.activation = hidden_activation(type(self).__name__, activation)
        self.classifier_activation = keras.activations.get(classifier_activation)
        self.dropout = dropout
        self.use_bias = use_bias
        num_layers = len(self.hidden_units) + 1
        if not isinstance(kernel_regularizer, (list, tuple)):
            kernel_regularizer = [kernel_regularizer] * num_layers
        if len(kernel_regularizer) != num_layers:
            raise ValueError(
                "GCN: expected `kernel_regularizer` to be one regularizer or a list of "
                f"{num_layers}, one for each layer. "
                f"Received: kernel_regularizer={kernel_regularizer}"
            )
        self.kernel_regularizer = [
            keras.regularizers.get(r) for r in kernel_regularizer
        ]
        # Serialised, so that each layer makes an initializer of its own from it.
        self.layer_kwargs = keras.saving.serialize_keras_object(kwargs)
        activations = [self.activation] * len(self.hidden_units)
        self.convolutions = [
            GCNConv(
                units,
                activation=activation,
                use_bias=use_bias,
                dropout=dropout,
                kernel_regularizer=regularizer,
                dtype=self.dtype_policy,
                **self.layer_kwargs,
            )
            for units, activation, regularizer in zip(
                [*self.hidden_units, num_classes],
                [*activations, self.classifier_activation],
                self.kernel_regularizer,
                strict=True,
            )
        ]

    def _parts(self, inputs):
        parts = super()._parts(inputs)
        if graph_inputs.is_list(parts.adjacency) and self.convolutions[0].normalize:
            raise ValueError(
                f"GCN '{self.name}': expected one adjacency. The degrees of nodes that "
                "only send, by which it divides, are not in a block. "
                "`models.GraphSAGE` and `models.GAT` take blocks, and with "
                '`neighbor_batches(..., form="graph_tensor")` this model does. '
                f"Received: a list of {len(parts.adjacency)} adjacencies"
            )
        return parts

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
            "classifier_activation": keras.activations.serialize(
                self.classifier_activation
            ),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_regularizer": [
                keras.regularizers.serialize(r) for r in self.kernel_regularizer
            ],
            **self.layer_kwargs,
        }

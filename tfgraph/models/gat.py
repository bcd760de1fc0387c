"""The GAT of Veličković et al. as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfgraph import arguments
from tfgraph.layers import GATConv
from tfgraph.models.stack import ConvolutionStack, hidden_activation
from tfgraph.typing import Activation, DType


@keras.saving.register_keras_serializable("tfgraph")
class GAT(ConvolutionStack):
    """Graph Attention Network for node classification, of any depth.

    Layers of attention (see `GATConv`), of which the hidden ones concatenate their
    heads and the last one averages them (Veličković et al., ICLR 2018,
    https://arxiv.org/abs/1710.10903).

    `hidden_units` are the widths of the hidden layers, before the output layer, which
    is one more convolution in `GCN` and `GAT`, and a dense layer in `GraphSAGE` and
    `HeteroGraphSAGE`.

    The paper's model for Cora. Its L2 factor of 5e-4 is on ½‖w‖², so here it is half of
    that:

    ```python
    graph = tfgraph.data.planetoid("cora").row_normalized()
    l2 = keras.regularizers.L2(2.5e-4)
    model = tfgraph.models.GAT(7, kernel_regularizer=l2, bias_regularizer=l2)
    model.compile(
        keras.optimizers.Adam(0.005),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy", "sparse_categorical_crossentropy"],
    )
    model.fit(
        tfgraph.data.full_batch(graph, "train", sparse_features=True),
        validation_data=tfgraph.data.full_batch(graph, "val", sparse_features=True),
        callbacks=[
            tfgraph.callbacks.LossAndMetricStopping(
                loss="val_sparse_categorical_crossentropy"
            )
        ],
        epochs=100_000,
        shuffle=False,
    )
    ```

    Its inductive model of three layers with a skip connection, for the 121 labels of
    the protein graphs:

    ```python
    model = tfgraph.models.GAT(
        121,
        hidden_units=[256, 256],
        num_heads=4,
        output_heads=6,
        residual=True,
        dropout=0.0,
        classifier_activation="sigmoid",
    )
    ```

    Args:
        num_classes: Positive integer, the width of the output.
        hidden_units: The number of features of each head, one for each hidden layer:
            with the output, `len(hidden_units) + 1` convolutions.
        num_heads: The number of heads of every hidden layer, or a list with one for
            each.
        output_heads: The number of heads of the last layer.
        residual: Whether to add its input to the output of each hidden layer but the
            first.
        activation: Activation of the hidden layers. That of the output is
            `classifier_activation`.
        classifier_activation: Activation of the output. None for logits.
        dropout: Float in `[0, 1)`, on the input of each layer.
        attention_dropout: Float in `[0, 1)`, on the attention coefficients. None for
            as much as `dropout`, as in the paper.
        **kwargs: For every layer, such as `kernel_regularizer`, `edge_feature_name` or
            `node_set_name`, see `GATConv`; or `name`, `dtype` and `trainable` of the
            model.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]`, `graph` or `[x, adjacency,
            edge_features]`, see `GATConv`; or with lists of one adjacency, and of one
            `edge_features`, for each layer, as `tfgraph.data.neighbor_batches` makes
            them.
        training: Whether to apply dropout.

    Output shape:
        `[N, num_classes]`, or `[B, N, num_classes]`.

    Raises:
        ValueError: If `activation` is a softmax, `hidden_units` is not a list, or
            `num_heads` a list of another length, or as for `GATConv`.
    """

    def __init__(
        self,
        num_classes: int,
        hidden_units: Sequence[int] = (8,),
        num_heads: int | Sequence[int] = 8,
        output_heads: int = 1,
        residual: bool = False,
        activation: Activation = "elu",
        classifier_activation: Activation = "softmax",
        dropout: float = 0.6,
        attention_dropout: float | None = None,
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
        if not isinstance(num_heads, Sequence):
            num_heads = [num_heads] * len(self.hidden_units)
        if len(num_heads) != len(self.hidden_units):
            raise ValueError(
                "GAT: expected `num_heads` to be an integer or a list of "
                f"{len(self.hidden_units)}, one for each hidden layer. "
                f"Received: num_heads={num_heads}"
            )
        self.num_heads = list(num_heads)
        self.output_heads = arguments.checked_integer(
            "output_heads", output_heads, owner=type(self).__name__
        )
        arguments.check_flags(type(self).__name__, residual=residual)
        self.residual = residual
        self.activation = hidden_activation(type(self).__name__, activation)
        self.classifier_activation = keras.activations.get(classifier_activation)
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        # Serialised, so that each layer makes an initializer of its own from it.
        self.layer_kwargs = keras.saving.serialize_keras_object(kwargs)
        for_every_layer = {
            "dropout": dropout,
            "attention_dropout": (
                dropout if attention_dropout is None else attention_dropout
            ),
            "dtype": self.dtype_policy,
            **self.layer_kwargs,
        }
        self.convolutions = [
            GATConv(
                units,
                num_heads=heads,
                residual=residual and layer > 0,
                activation=self.activation,
                **for_every_layer,
            )
            for layer, (units, heads) in enumerate(
                zip(self.hidden_units, self.num_heads, strict=True)
            )
        ]
        self.convolutions.append(
            GATConv(
                num_classes,
                num_heads=output_heads,
                concat=False,
                activation=self.classifier_activation,
                **for_every_layer,
            )
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "hidden_units": self.hidden_units,
            "num_heads": self.num_heads,
            "output_heads": self.output_heads,
            "residual": self.residual,
            "activation": keras.activations.serialize(self.activation),
            "classifier_activation": keras.activations.serialize(
                self.classifier_activation
            ),
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            **self.layer_kwargs,
        }

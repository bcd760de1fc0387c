"""The mean-field embedding of Structure2Vec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgraph import ops
from tfgraph.adjacency import assert_square
from tfgraph.layers.graph_convolution import ConvolutionArguments, GraphConvolution
from tfgraph.typing import Activation, Features, Inputs, InputShape

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable("tfgraph")
class Structure2VecConv(GraphConvolution):
    """Layer of "Discriminative Embeddings of Latent Variable Models".

        μ_v ← σ(W₁ x_v + W₂ Σ_{u ∈ N(v)} μ_u + b)

    for all nodes `v` at once, `num_rounds` times with the same weights, starting from
    `μ_v = σ(W₁ x_v + b)`, which is the update of zeros (Dai, Dai & Song, ICML 2016,
    https://arxiv.org/abs/1603.05629, "structure2vec" with mean-field inference). A
    node sees neighbours `num_rounds` edges away. Edges have weights: `Σ_u A_vu μ_u`.

    Example:

    ```python
    x = keras.Input((3,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    h = tfgraph.layers.Structure2VecConv(64, num_rounds=3)([x, adjacency])
    ```

    Args:
        units: Positive integer, the number of output features of a node.
        activation: `σ`, by default ReLU.
        num_rounds: Positive integer, the number of updates with messages.
        use_bias, dropout, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint,
            node_set_name, edge_set_name, feature_name, edge_weight_name, receiver,
            **kwargs: See `GraphConvolution`. The kernel's arguments are for `W₁` and
            `W₂`.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`; see `GraphConvolution`. A
            rectangular adjacency `[M, N]` is allowed with one round.
        training: Whether to apply dropout.

    Input shape:
        `x` `[N, F]` with `adjacency` `[N, N]`; or `[B, N, F]` with dense `[B, N, N]`;
        or many signals `[..., N, F]` on one graph `[N, N]`.
        A pair `(x_senders, x_receivers)` of equal widths with one round.

    Output shape:
        `[N, units]`; or `[..., N, units]`.

    Raises:
        ValueError: If `units` or `num_rounds` is not a positive integer, `dropout` is
            outside `[0, 1)`, or the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if an edge names a node that does
            not exist.
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "relu",
        num_rounds: int = 1,
        **kwargs: Unpack[ConvolutionArguments],
    ) -> None:
        super().__init__(units, activation, **kwargs)
        self.num_rounds = self.check_positive("num_rounds", num_rounds)

    def check_pair(self, x_receivers: Features | None) -> None:
        if self.num_rounds > 1 or x_receivers is None:
            raise ValueError(
                "Expected a pair of node sets with one round and features of the "
                "receivers: the senders receive nothing. Received: "
                f"num_rounds={self.num_rounds}, x_receivers={x_receivers}"
            )

    def build(self, input_shape: InputShape) -> None:
        super().build(input_shape)
        if self.receiver_dim != self.input_dim:
            raise ValueError(
                f"{self.label}: expected senders and receivers with as many features, "
                "of which the same `W₁` makes their first states. Received: "
                f"{self.input_dim} and {self.receiver_dim} features"
            )
        self.kernel = self.add_kernel((self.input_dim, self.units))
        self.message_kernel = self.add_kernel(
            (self.units, self.units), "message_kernel"
        )
        self.bias = self.add_bias((self.units,))

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        graph = self.unpack(inputs)
        adjacency = graph.adjacency
        if self.num_rounds > 1:
            assert_square(adjacency, "all nodes are updated in every round")
        own = self.first_states(graph.x, training)
        mu = self.activation(own)
        if graph.is_pair:
            own = self.first_states(graph.x_receivers, training)
        else:
            own = adjacency.first_rows(own)
        for _ in range(self.num_rounds):
            messages = ops.matmul(adjacency.matmul(mu), self.message_kernel)
            mu = self.activation(own + messages)
        return mu

    def first_states(self, x: Features, training: bool | None) -> tf.Tensor:
        """`W₁ x_v + b`."""
        x = self.drop_and_project(x, self.kernel, training)
        return self.with_bias(x, self.bias)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_rounds": self.num_rounds}

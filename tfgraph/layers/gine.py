"""The convolution made for features of edges, GINE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgraph import arguments, ops
from tfgraph.layers.graph_convolution import ConvolutionArguments, GraphConvolution
from tfgraph.typing import Activation, Features, Inputs, InputShape

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable("tfgraph")
class GINEConv(GraphConvolution):
    """Convolution of "Strategies for Pre-training Graph Neural Networks" (GINE).

    A message is made of the sender's features and those of the edge, `e_ij`:

        h_i' = σ(MLP((1 + ε) h_i + Σ_{j ∈ N(i)} A_ij ReLU(h_j + W_e e_ij)))
        MLP(h) = W ReLU(W_h h + b_h) + b

    (Hu et al., ICLR 2020, https://arxiv.org/abs/1905.12265). Without features of edges
    it is GIN, `h_i' = σ(MLP((1 + ε) h_i + Σ_j A_ij h_j))` ("How Powerful are Graph
    Neural Networks?", Xu et al., ICLR 2019, https://arxiv.org/abs/1810.00826).

    In `GATConv`, features of an edge change only the weight of its message. Here they
    change the message itself, so that a sum of them tells what the edges are. This
    takes `F` numbers for each edge. A convolution with a matrix for each edge would
    take `F * units`. A message is as wide as `h`, so widen a few features by a `Dense`
    layer first, as the paper does.

    An edge of weight 0 sends nothing, and repeated edges send a message each. A node
    without neighbours has a sum of 0.

    Example:

    ```python
    x = keras.Input((9,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    edge_features = keras.Input((4,), name="edge_features")
    h = tfgraph.layers.GINEConv(64, "relu")([x, adjacency, edge_features])
    h = tfgraph.layers.GINEConv(64, "relu")([h, adjacency, edge_features])
    y = keras.layers.Dense(2, activation="softmax")(h)
    model = keras.Model([x, adjacency, edge_features], y)
    ```

    Args:
        units: Positive integer, the number of output features of a node.
        activation: `σ`, as in `keras.layers.Dense`. None for none.
        hidden_units: Width of the hidden layer of the MLP. None for `units`. If `units`
            are few, such as two classes, a width of two may learn nothing.
        eps: Number, `ε`.
        train_eps: Whether `ε` is learned, with `eps` as its first value.
        edge_feature_name: With a GraphTensor, the edge feature that holds `e`.
        use_bias, dropout, kernel_initializer, bias_initializer,
            kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, node_set_name, edge_set_name,
            feature_name, edge_weight_name, receiver, **kwargs: See `GraphConvolution`.
            The arguments of the kernel are for `W_e`, `W_h` and `W`.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`, see `GraphConvolution`; or
            `[x, adjacency, edge_features]`. A rectangular adjacency `[M, N]`, of the
            first `M` of `N` nodes, is allowed.
        training: Whether to apply dropout.

    Input shape:
        `x` `[N, F]` with `adjacency` `[N, N]` and `edge_features` `[E, D]`, one row for
        each entry of the SparseTensor, in its order; or `[B, N, F]` with dense
        `[B, N, N]` and `[B, N, N, D]`. Many signals `[..., N, F]` on one graph share
        its edge features. A pair `(x_senders, x_receivers)` with `[M, N]`, of features
        of the same width.

    Output shape:
        `[N, units]`; or `[..., N, units]`; or `[M, units]`.

    Raises:
        ValueError: If `units` or `hidden_units` is not a positive integer, `eps` is not
            a finite number, `dropout` is outside `[0, 1)`, or the inputs do not fit
            together.
        tf.errors.InvalidArgumentError: At run time, if an edge names a node that does
            not exist, or there are more or fewer edge features than edges.
    """

    optional_input = "edge_features"

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        *,
        hidden_units: int | None = None,
        eps: float = 0.0,
        train_eps: bool = False,
        edge_feature_name: str | None = None,
        **kwargs: Unpack[ConvolutionArguments],
    ) -> None:
        super().__init__(units, activation, **kwargs)
        if hidden_units is not None:
            self.check_positive("hidden_units", hidden_units)
        self.check_flags(train_eps=train_eps)
        self.hidden_units = hidden_units
        self.eps = arguments.checked_finite("eps", eps, type(self).__name__)
        self.train_eps = train_eps
        self.edge_feature_name = edge_feature_name

    def check_pair(self, x_receivers: Features | None) -> None:
        if x_receivers is None:
            raise ValueError(
                "Expected features of the receivers, `(x_senders, x_receivers)`. "
                "Received: x_receivers=None"
            )

    def build(self, input_shape: InputShape) -> None:
        super().build(input_shape)
        if self.receiver_dim != self.input_dim:
            raise ValueError(
                f"{self.label}: expected `x_senders` and `x_receivers` of the same "
                f"width, as they are added. Received: {self.input_dim} and "
                f"{self.receiver_dim} features"
            )
        self.edge_dim = self.edge_width(input_shape)
        self.edge_kernel = None
        if self.edge_dim is not None:
            shape = (self.edge_dim, self.input_dim)
            self.edge_kernel = self.add_kernel(shape, "edge_kernel")
        width = self.hidden_units or self.units
        self.hidden_kernel = self.add_kernel((self.input_dim, width), "hidden_kernel")
        self.hidden_bias = self.add_bias((width,), "hidden_bias")
        self.kernel = self.add_kernel((width, self.units))
        self.bias = self.add_bias((self.units,))
        self.epsilon = self.eps
        if self.train_eps:
            initializer = keras.initializers.Constant(self.eps)
            self.epsilon = self.add_weight(
                name="eps", shape=(1,), initializer=initializer
            )

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        graph = self.unpack(inputs)
        adjacency = graph.adjacency
        edges = self.checked_edges(graph.edge_features, adjacency)
        x = self.dense_features(graph.x, training)
        own = adjacency.first_rows(x)
        if graph.is_pair:
            own = self.dense_features(graph.x_receivers, training)
        if edges is None:
            messages = adjacency.matmul(x)
        else:
            edges = ops.matmul(edges, self.edge_kernel)
            messages = adjacency.relu_sum(x, edges)
        h = keras.ops.cast(1 + self.epsilon, x.dtype) * own + messages
        h = self.with_bias(ops.matmul(h, self.hidden_kernel), self.hidden_bias)
        return self.activate(ops.matmul(tf.nn.relu(h), self.kernel))

    def dense_features(self, x: Features, training: bool | None) -> tf.Tensor:
        """Applies dropout to features, and returns sparse ones as dense ones."""
        x = self.drop(x, training)
        if isinstance(x, tf.SparseTensor):
            x = tf.ensure_shape(ops.to_dense(x), [None, self.input_dim])
        return x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "eps": self.eps,
            "train_eps": self.train_eps,
            "edge_feature_name": self.edge_feature_name,
        }

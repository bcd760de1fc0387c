"""The aggregating convolution of GraphSAGE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgraph import arguments, ops
from tfgraph.adjacency import Adjacency, assert_not_negative
from tfgraph.layers.graph_convolution import ConvolutionArguments, GraphConvolution
from tfgraph.typing import Activation, Features, Inputs, InputShape

if TYPE_CHECKING:
    from typing_extensions import Unpack

AGGREGATORS = ("mean", "gcn", "sum", "max_pool", "mean_pool", "lstm")


@keras.saving.register_keras_serializable("tfgraph")
class SAGEConv(GraphConvolution):
    """Convolution of "Inductive Representation Learning on Large Graphs" (GraphSAGE).

        h_{N(v)} = AGGREGATE({h_u : u ∈ N(v)})
        h_v' = σ(W · [h_v ‖ h_{N(v)}] + b),    then h_v' / ‖h_v'‖₂ with `normalize`

    (Hamilton, Ying & Leskovec, NeurIPS 2017, https://arxiv.org/abs/1706.02216). `W` is
    kept as its two halves, for the node itself and for its neighbours. With weights
    `w_vu` on the edges, the aggregators are

    | `aggregator` | `h_{N(v)}` |
    | --- | --- |
    | "mean" | `Σ_u w_vu h_u / Σ_u w_vu` |
    | "sum" | `Σ_u w_vu h_u` |
    | "mean_pool" | the mean of `ReLU(W_pool h_u + b_pool)` |
    | "max_pool" | the maximum of `ReLU(W_pool h_u + b_pool)`, feature by feature |
    | "lstm" | the last state of an LSTM over the neighbours, shuffled in training |
    | "gcn" | the mean over `N(v) ∪ {v}`, and then `h_v' = σ(W h_{N(v)} + b)` |

    For "max_pool" and "lstm" an edge of any weight but 0 is one neighbour. An edge of
    weight 0 is ignored. A repeated edge counts once, with the sum of its weights. A
    mean divides by the sum of the weights, so they must not be negative; the other
    aggregators take negative weights.
    A node without neighbours has `h_{N(v)} = 0` (for "gcn", `h_v`).

    Example:

    ```python
    x = keras.Input((1433,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    h = tfgraph.layers.SAGEConv(256, "relu", aggregator="max_pool")([x, adjacency])
    z = tfgraph.layers.SAGEConv(256, normalize=True)([h, adjacency])
    model = keras.Model([x, adjacency], z)
    ```

    Args:
        units: Positive integer, the number of output features of a node.
        activation: `σ`, as in `keras.layers.Dense`. None for none.
        aggregator: One of the table.
        aggregator_units: Width of the pooling layer or the LSTM. None for `units`.
        concat: Whether to concatenate the products of the two halves, `σ([W₁ h_v ‖ W₂
            h_{N(v)}] + b)`, each `units` wide, as the official code does. If not, they
            are added, as in the paper. Not for "gcn" or `root_weight=False`, which
            have only one product.
        root_weight: Whether the node itself has a part, `W₁ h_v`, in its new features.
            It has no effect on "gcn", where the node is one of the neighbours.
        normalize: Whether to scale each node's new features to a length of 1. Features
            that are all 0 stay 0.
        use_bias, dropout, kernel_initializer, bias_initializer,
            kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, node_set_name, edge_set_name,
            feature_name, edge_weight_name, receiver, **kwargs: See `GraphConvolution`.
            The arguments of the kernel and the bias also apply to the pooling layer,
            but not to the LSTM.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`; see `GraphConvolution`. A
            rectangular adjacency `[M, N]`, of the first `M` of `N` nodes, is what
            `tfgraph.data.neighbor_batches` makes.
        training: Whether to apply dropout and to shuffle the neighbours for "lstm".

    Input shape:
        `x` `[N, F]` with `adjacency` `[M, N]`; or `[B, N, F]` with dense `[B, M, N]`;
        or many signals `[..., N, F]` on one graph `[M, N]`.
        A pair `(x_senders, x_receivers)`, for any aggregator but "gcn", has features
        `[M, F']` of its receivers. They may be None without `root_weight`.

    Output shape:
        `[M, units]`, or `[..., M, units]`; `2 * units` wide with `concat`.

    Raises:
        ValueError: If `units` or `aggregator_units` is not a positive integer,
            `aggregator` is unknown, `concat` is set where there is only one product,
            `dropout` is outside `[0, 1)`, or the inputs do not fit together; or at the
            first call, if XLA is to compile "lstm".
        tf.errors.InvalidArgumentError: At run time, if an edge names a node that does
            not exist; or has a negative weight, for "mean", "mean_pool" and "gcn". XLA
            has no such errors: with `jit_compile=True`, a mean then divides by the sum
            of the weights.
    """

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        aggregator: str = "mean",
        *,
        aggregator_units: int | None = None,
        concat: bool = False,
        root_weight: bool = True,
        normalize: bool = False,
        **kwargs: Unpack[ConvolutionArguments],
    ) -> None:
        if activation in AGGREGATORS:
            raise ValueError(
                "SAGEConv: expected `activation` as the second argument; pass "
                f"`aggregator={activation!r}`. Received: activation={activation!r}"
            )
        super().__init__(units, activation, **kwargs)
        arguments.check_choice("aggregator", aggregator, AGGREGATORS, owner="SAGEConv")
        self.check_flags(concat=concat, root_weight=root_weight, normalize=normalize)
        if aggregator_units is not None:
            self.check_positive("aggregator_units", aggregator_units)
        if concat and (aggregator == "gcn" or not root_weight):
            raise ValueError(
                "SAGEConv: expected `concat` to be False for the aggregator 'gcn' and "
                "without `root_weight`: there is only one product. Received: "
                f"concat=True, aggregator={aggregator!r}, root_weight={root_weight}"
            )
        self.aggregator = aggregator
        self.aggregator_units = aggregator_units
        self.concat = concat
        self.root_weight = root_weight
        self.normalize = normalize
        # The number of an LSTM's steps is the highest degree, which XLA cannot know.
        self.supports_jit = aggregator != "lstm"

    @property
    def output_dim(self) -> int:
        return 2 * self.units if self.concat else self.units

    def check_pair(self, x_receivers: Features | None) -> None:
        if self.aggregator == "gcn":
            raise ValueError(
                "Expected another `aggregator` for a pair of node sets, in which no "
                "node is its own neighbour. Received: aggregator='gcn'"
            )
        if self.root_weight and x_receivers is None:
            raise ValueError(
                "Expected features of the receivers, `(x_senders, x_receivers)`, or "
                "`root_weight=False`. Received: x_receivers=None"
            )

    def build(self, input_shape: InputShape) -> None:
        super().build(input_shape)
        input_dim = self.input_dim
        width = self.aggregator_units or self.units
        if self.aggregator in ("max_pool", "mean_pool"):
            self.pool_kernel = self.add_kernel((input_dim, width), "pool_kernel")
            self.pool_bias = self.add_bias((width,), "pool_bias")
        elif self.aggregator == "lstm":
            self.lstm = keras.layers.LSTMCell(width, dtype=self.dtype_policy)
            self.lstm.build((None, input_dim))
        else:
            width = input_dim
        self.kernel = None
        if self.root_weight and self.aggregator != "gcn":
            self.kernel = self.add_kernel((self.receiver_dim, self.units))
        self.neighbor_kernel = self.add_kernel((width, self.units), "neighbor_kernel")
        self.bias = self.add_bias((self.output_dim,))

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        graph = self.unpack(inputs)
        x, adjacency = self.drop(graph.x, training), graph.adjacency
        h = self.aggregate(x, adjacency, training)
        if self.kernel is not None:
            receivers = x
            if graph.is_pair:
                receivers = self.drop(graph.x_receivers, training)
            own = self.own_part(receivers, adjacency)
            h = tf.concat([own, h], axis=-1) if self.concat else own + h
        h = self.activate(h)
        return ops.unit_length(h) if self.normalize else h

    def aggregate(
        self, x: Features, adjacency: Adjacency, training: bool | None
    ) -> tf.Tensor:
        """`W₂ h_{N(v)}`, of the aggregated neighbours: `[..., M, units]`."""
        if self.aggregator in ("max_pool", "mean_pool"):
            x = ops.matmul(x, self.pool_kernel)
            x = tf.nn.relu(self.with_bias(x, self.pool_bias))
        if self.aggregator == "max_pool":
            return ops.matmul(adjacency.max(x), self.neighbor_kernel)
        if self.aggregator == "lstm":
            h = self.last_states(x, adjacency, training)
            return ops.matmul(h, self.neighbor_kernel)

        if self.aggregator == "gcn":
            adjacency = adjacency.with_self_loops(1.0)
        combine = adjacency.matmul
        if self.aggregator != "sum":
            assert_not_negative(adjacency, 'for signed edges, use `aggregator="sum"`')
            combine = adjacency.mean
        # Sums commute with the product: move the smaller features along the edges. If
        # not all nodes receive, sums come first, as they leave fewer rows to multiply;
        # if fewer send than receive, the product does.
        input_dim = self.neighbor_kernel.shape[0]
        narrower = self.units < input_dim and adjacency.is_square
        fewer = self.units <= input_dim and adjacency.has_fewer_senders
        if isinstance(x, tf.SparseTensor) or narrower or fewer:
            return combine(ops.matmul(x, self.neighbor_kernel))
        return ops.matmul(combine(x), self.neighbor_kernel)

    def last_states(
        self, x: Features, adjacency: Adjacency, training: bool | None
    ) -> tf.Tensor:
        """The LSTM's last state after the neighbours of each node."""
        if ops.is_for_other_runtimes():
            message = (
                "Expected another aggregator in a model for ONNX or LiteRT, which have "
                "no list of any number of states, which its loop makes. "
                'Received: aggregator="lstm"'
            )
            raise ValueError(ops.name_layer(adjacency.layer, message))
        if ops.compiled_by_xla():
            message = (
                'The aggregator "lstm" takes as many steps as a node has neighbours, '
                "which XLA cannot know while it compiles. Expected "
                "`compile(jit_compile=False)`. Received: jit_compile=True"
            )
            raise ValueError(ops.name_layer(adjacency.layer, message))
        if isinstance(x, tf.SparseTensor):
            x = tf.ensure_shape(ops.to_dense(x), [None, self.input_dim])
        seed = self.seed_generator.next() if training else None
        return adjacency.sequence(x, self.lstm, seed)

    def own_part(self, x: Features, adjacency: Adjacency) -> tf.Tensor:
        """`W₁ h_v` of the nodes that receive: `[..., M, units]`."""
        if adjacency.is_pair:
            return ops.matmul(x, self.kernel)
        if isinstance(x, tf.SparseTensor):
            return adjacency.first_rows(ops.matmul(x, self.kernel))
        return ops.matmul(adjacency.first_rows(x), self.kernel)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "aggregator": self.aggregator,
            "aggregator_units": self.aggregator_units,
            "concat": self.concat,
            "root_weight": self.root_weight,
            "normalize": self.normalize,
        }

"""The attention layers of GAT and GATv2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgraph import adjacency as adjacencies
from tfgraph import arguments, ops
from tfgraph import inputs as graph_inputs
from tfgraph.adjacency import Adjacency
from tfgraph.inputs import GraphInputs
from tfgraph.layers.graph_convolution import ConvolutionArguments, GraphConvolution
from tfgraph.typing import Activation, Features, Inputs, InputShape

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable("tfgraph")
class GATConv(GraphConvolution):
    """Attention layer of "Graph Attention Networks".

    A node's new features are a mean over its neighbours `N_i` and itself, weighted by
    the attention `α_ij` that node `i` pays to node `j`:

        e_ij = LeakyReLU(aᵀ [W h_i ‖ W h_j])
        α_ij = exp(e_ij) / Σ_{k ∈ N_i ∪ {i}} exp(e_ik)
        h'_i = σ(Σ_{j ∈ N_i ∪ {i}} α_ij W h_j + b)

    (Veličković et al., ICLR 2018, https://arxiv.org/abs/1710.10903), for each of the
    heads with `W` and `a` of its own. The heads' results are concatenated, or averaged
    before `σ`. An edge may have features `f_ij`, in which case
    `e_ij = LeakyReLU(aᵀ [W h_i ‖ W h_j] + vᵀ f_ij)`.

    An edge of weight `w_ij` counts as `w_ij` parallel edges: `w_ij exp(e_ij)` takes the
    place of `exp(e_ij)`. With weights of 1, as in the paper, nothing changes; an edge
    of weight 0 is no edge, and its weight gets no gradient. A node with a self-loop
    keeps it, unless its weight is 0. An added self-loop has edge features of 0. With
    `add_self_loops=False`, the output of a node without neighbours is `σ(b)`.

    Example:

    ```python
    x = keras.Input((1433,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    h = tfgraph.layers.GATConv(8, num_heads=8, activation="elu")([x, adjacency])
    y = tfgraph.layers.GATConv(7, activation="softmax")([h, adjacency])
    model = keras.Model([x, adjacency], y)
    ```

    Args:
        units: Positive integer, the number of features of each head.
        activation: `σ`, as in `keras.layers.Dense`. None for none.
        num_heads: Positive integer, the number of heads.
        concat: Whether to concatenate the results of the heads, rather than to average
            them.
        negative_slope: Slope of the LeakyReLU below 0.
        attention_dropout: Float in `[0, 1)`, the fraction of the attention coefficients
            `α_ij` that is dropped in training, drawn anew for each head.
        add_self_loops: Whether a node attends to itself too. A self-loop that the
            graph has, of any weight but 0, stays as it is.
        residual: Whether to add the layer's input to its output, before `σ`; projected
            by a matrix if it is of another width.
        dropout_per_head: Whether each head draws a `dropout` of its own, as in the
            paper's code: of its input, and once more of the `W h_j` that it adds up.
            If not, all heads share one draw of the input, as in most libraries. On
            Cora, 10 runs of the paper's model reach 83.2 ± 0.7% with a draw for each
            head and 82.6 ± 0.7% with one. With 8 heads, a training step then takes 1.2
            to 1.5 times as long with sparse features, and about as long with dense ones
            of 1024 columns or more of which under a tenth is not 0; with other wide
            dense ones up to 4 times as long. A residual draws its own.
        edge_feature_name: With a GraphTensor, the edge feature that holds `f`.
        use_bias, dropout, kernel_initializer, bias_initializer,
            kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, node_set_name, edge_set_name,
            feature_name, edge_weight_name, receiver, **kwargs: See `GraphConvolution`.
            The arguments of the kernel are for `W`, `a`, `v` and the residual's matrix.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`, see `GraphConvolution`; or
            `[x, adjacency, edge_features]`. A rectangular adjacency `[M, N]`, of the
            first `M` of `N` nodes, is allowed.
        training: Whether to apply dropout.
        return_attention_scores: Whether to return `(output, scores)` instead of the
            output, with the scores `α` before dropout.

    Input shape:
        `x` `[N, F]` with `adjacency` `[N, N]` and `edge_features` `[E, D]`, one row for
        each entry of the SparseTensor, in its order; or `[B, N, F]` with dense
        `[B, N, N]` and `[B, N, N, D]`. Many signals `[..., N, F]` on one graph share
        its edge features. Each has an attention of its own, of `E * num_heads` numbers.

    Output shape:
        `[N, num_heads * units]`, or `[N, units]` with `concat=False`; or that with the
        leading axes of `x`. The scores of a SparseTensor or GraphTensor are
        `[E, num_heads]`, in the order of its entries or edges, and with
        `add_self_loops` `[E + N, num_heads]`: the last `N` rows (`M`, if it is
        rectangular) are those of the self-loops added, 0 for a node that had one. The
        scores of dense adjacencies are `[B, num_heads, N, N]`. They add up to 1 over
        each node's neighbourhood. Those of many signals also have the leading axes.

    Raises:
        ValueError: If `units` or `num_heads` is not a positive integer, `dropout` or
            `attention_dropout` is outside `[0, 1)`, `edge_features` has another length
            than the adjacency has entries, or the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if an edge names a node that does
            not exist, a weight is negative, or there are more or fewer edge features
            than edges.
    """

    optional_input = "edge_features"

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        num_heads: int = 1,
        *,
        concat: bool = True,
        negative_slope: float = 0.2,
        attention_dropout: float = 0.0,
        add_self_loops: bool = True,
        residual: bool = False,
        dropout_per_head: bool = True,
        edge_feature_name: str | None = None,
        **kwargs: Unpack[ConvolutionArguments],
    ) -> None:
        super().__init__(units, activation, **kwargs)
        self.num_heads = self.check_positive("num_heads", num_heads)
        self.check_flags(
            concat=concat,
            add_self_loops=add_self_loops,
            residual=residual,
            dropout_per_head=dropout_per_head,
        )
        self.concat = concat
        self.negative_slope = arguments.checked_finite(
            "negative_slope", negative_slope, type(self).__name__
        )
        self.attention_dropout = self.check_fraction(
            "attention_dropout", attention_dropout
        )
        self.add_self_loops = add_self_loops
        self.residual = residual
        self.dropout_per_head = dropout_per_head
        self.edge_feature_name = edge_feature_name

    @property
    def output_dim(self) -> int:
        return self.num_heads * self.units if self.concat else self.units

    def check_pair(self, x_receivers: Features | None) -> None:
        if self.add_self_loops or x_receivers is None:
            raise ValueError(
                "Expected `add_self_loops=False` and features of the receivers for a "
                "pair of node sets, in which no node is its own neighbour. Received: "
                f"add_self_loops={self.add_self_loops}, "
                f"x_receivers={graph_inputs.described(x_receivers)}"
            )

    def build(self, input_shape: InputShape) -> None:
        super().build(input_shape)
        self.edge_dim = self.edge_width(input_shape)
        self.kernel = self.add_kernel((self.input_dim, self.num_heads * self.units))
        self.receiver_kernel = None
        self.is_pair = self.parse(input_shape).is_pair
        self.build_attention()
        self.residual_kernel = None
        if self.residual and self.receiver_dim != self.output_dim:
            shape = (self.receiver_dim, self.output_dim)
            self.residual_kernel = self.add_kernel(shape, "residual_kernel")
        self.bias = self.add_bias((self.output_dim,))

    def build_attention(self) -> None:
        """Makes the weights of the attention: `a`, in its two halves, and `v`."""
        if self.is_pair:
            self.add_receiver_kernel()
        shape = (self.num_heads, self.units)
        self.receiver_attention = self.add_kernel(shape, "receiver_attention")
        self.sender_attention = self.add_kernel(shape, "sender_attention")
        if self.edge_dim is not None:
            shape = (self.edge_dim, self.num_heads)
            self.edge_attention = self.add_kernel(shape, "edge_attention")

    def add_receiver_kernel(self) -> None:
        """Makes the `W'` of the receivers."""
        shape = (self.receiver_dim, self.num_heads * self.units)
        self.receiver_kernel = self.add_kernel(shape, "receiver_kernel")

    def call(
        self,
        inputs: Inputs,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        graph = self.unpack(inputs)
        adjacency = graph.adjacency
        edges = self.checked_edges(graph.edge_features, adjacency)
        adjacencies.assert_not_negative(
            adjacency, "for signed edges, use `edge_features`"
        )
        if graph.is_pair != self.is_pair:
            raise ValueError(
                "Expected a pair `(x_senders, x_receivers)` of features only where the "
                f"layer was built with one. Received: a pair={graph.is_pair}"
            )
        h, receivers = self.heads_of(graph, training)
        logits, loop_logits, ends = self.attention_logits(
            receivers, h, edges, adjacency
        )
        if self.dropout_per_head:
            h = self.drop(h, training)
        y, scores = adjacency.attend(
            logits,
            loop_logits,
            h,
            lambda scores: self.drop(scores, training, self.attention_dropout),
            ends,
        )
        x = graph.x_receivers if graph.is_pair else graph.x
        y = tf.cast(self.merge_heads(y), x.dtype)
        if self.residual:
            y += self.shortcut(self.drop(x, training), adjacency)
        y = self.activate(y)
        return (y, scores) if return_attention_scores else y

    def heads_of(
        self, graph: GraphInputs, training: bool | None
    ) -> Sequence[tf.Tensor]:
        """`W h_j` of the senders and of the receivers, see `heads`."""
        dtype = graph.adjacency.dtype
        if graph.is_pair:
            (h,) = self.heads(graph.x, [self.kernel], dtype, training)
            x, kernels = graph.x_receivers, [self.receiver_kernel]
            return h, *self.heads(x, kernels, dtype, training)
        if self.receiver_kernel is None:
            (h,) = self.heads(graph.x, [self.kernel], dtype, training)
            return h, h
        kernels = [self.kernel, self.receiver_kernel]
        return self.heads(graph.x, kernels, dtype, training)

    def heads(
        self,
        x: Features,
        kernels: list[keras.Variable],
        dtype: tf.DType,
        training: bool | None = False,
    ) -> list[tf.Tensor]:
        """`W h` of each head after dropout, for each `W` of `kernels`.

        All kernels have the same draws.

        Args:
            x: `[..., N, F]`, dense or sparse.
            kernels: Each `[F, num_heads * units]`.
            dtype: The type of the result.
            training: Whether to apply dropout.

        Returns:
            `[..., N, num_heads, units]` for each kernel.
        """
        by_head = [
            tf.reshape(kernel, [-1, self.num_heads, self.units]) for kernel in kernels
        ]
        width = len(kernels) * self.units
        kernel = tf.reshape(tf.concat(by_head, axis=-1), [-1, self.num_heads * width])
        num_draws = self.num_heads if self.dropout_per_head else 1
        h = self.drop_and_project(x, kernel, training, num_draws)
        h = keras.ops.reshape(h, (*keras.ops.shape(h)[:-1], self.num_heads, width))
        return tf.split(tf.cast(h, dtype), len(kernels), axis=-1)

    def attention_logits(
        self,
        receivers: tf.Tensor,
        h: tf.Tensor,
        edges: tf.Tensor | None,
        adjacency: Adjacency,
    ) -> tuple[tf.Tensor, tf.Tensor | None, ops.Ends | None]:
        """`e_ij` of each head, for the edges and for the self-loops to be added.

        And what those of the edges come from, for a faster gradient: the numbers of
        the nodes that each is a function of, if it is.

        Args:
            receivers: `[..., N, num_heads, units]`, the `W h` of each head.
            h: The same of the senders.
            edges: The edge features, or None.
            adjacency: `SparseAdjacency` or `DenseAdjacency`.
        """
        receivers, senders, edges = self.attention_terms(receivers, h, edges)
        if not adjacency.is_pair:
            receivers = adjacency.first_rows(receivers)
        sums = adjacency.pair_sums(receivers, senders, edges)
        ends = None
        # Another score, such as that of a subclass, has another derivative.
        own_score = getattr(self.score, "__func__", None) is GATConv.score
        if edges is None and own_score:
            ends = ops.Ends(
                receivers, senders, lambda scores: self.times_slope(scores, sums)
            )
        loop_logits = None
        if self.add_self_loops:
            loop_logits = self.score(receivers + adjacency.first_rows(senders))
        return self.score(sums), loop_logits, ends

    def attention_terms(
        self, receivers: tf.Tensor, h: tf.Tensor, edges: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        """What receivers, senders and edges add up to in the argument of `score`.

        `aᵀ [W h_i ‖ W h_j]` is the sum of a number of each node.
        """
        if edges is not None:
            edges = ops.matmul(edges, self.edge_attention)
        return (
            _head_dots(receivers, self.receiver_attention),
            _head_dots(h, self.sender_attention),
            edges,
        )

    def score(self, sums: tf.Tensor) -> tf.Tensor:
        """`e_ij` of each head, `[..., num_heads]`, of sums of `attention_terms`."""
        return tf.nn.leaky_relu(sums, self.negative_slope)

    def times_slope(self, scores: tf.Tensor, sums: tf.Tensor) -> tf.Tensor:
        """`scores * e'`, with the derivative `e'` of `score` at `sums`."""
        return tf.raw_ops.LeakyReluGrad(
            gradients=scores, features=sums, alpha=self.negative_slope
        )

    def merge_heads(self, y: tf.Tensor) -> tf.Tensor:
        """`[..., num_heads, units]` to `[..., output_dim]`."""
        if not self.concat:
            return tf.reduce_mean(y, axis=-2)
        return keras.ops.reshape(y, (*keras.ops.shape(y)[:-2], self.output_dim))

    def shortcut(self, x: Features, adjacency: Adjacency) -> tf.Tensor:
        """What `residual` adds to the output."""
        if self.residual_kernel is not None:
            x = ops.matmul(x, self.residual_kernel)
        elif isinstance(x, tf.SparseTensor):
            x = ops.to_dense(x)
        return x if adjacency.is_pair else adjacency.first_rows(x)

    def compute_output_spec(
        self,
        inputs: Inputs,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> keras.KerasTensor | tuple[keras.KerasTensor, ...]:
        output = super().compute_output_spec(inputs)
        if not return_attention_scores:
            return output
        parts = self.parse(inputs)
        shape = (None, self.num_heads)
        if parts.adjacency is not None and not parts.adjacency.sparse:
            shape = (self.num_heads, *parts.adjacency.shape[-2:])
        shape = (*parts.x.shape[:-2], *shape)
        dtype = ops.weight_dtype(self.compute_dtype).name
        return output, keras.KerasTensor(shape, dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "concat": self.concat,
            "negative_slope": self.negative_slope,
            "attention_dropout": self.attention_dropout,
            "add_self_loops": self.add_self_loops,
            "residual": self.residual,
            "dropout_per_head": self.dropout_per_head,
            "edge_feature_name": self.edge_feature_name,
        }


@keras.saving.register_keras_serializable("tfgraph")
class GATv2Conv(GATConv):
    """Attention layer of "How Attentive are Graph Attention Networks?".

    As `GATConv`, but with the score

        e_ij = aᵀ LeakyReLU(W' h_i + W h_j)

    (Brody, Alon & Yahav, ICLR 2022, https://arxiv.org/abs/2105.14491), in which the
    ranking of the neighbours may differ from node to node. Edge features are added
    inside: `aᵀ LeakyReLU(W' h_i + W h_j + V f_ij)`. The price is `num_heads * units`
    numbers for each edge, where `GATConv` needs `num_heads`.

    Args:
        **kwargs: As for `GATConv`, which also describes inputs and outputs. The
            arguments of the kernel are for `W`, `W'`, `a`, `V` and the matrix of the
            residual.
    """

    def build_attention(self) -> None:
        width = self.num_heads * self.units
        self.add_receiver_kernel()
        self.attention = self.add_kernel((self.num_heads, self.units), "attention")
        if self.edge_dim is not None:
            self.edge_kernel = self.add_kernel((self.edge_dim, width), "edge_kernel")

    def attention_terms(
        self, receivers: tf.Tensor, h: tf.Tensor, edges: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        if edges is not None:
            (edges,) = self.heads(edges, [self.edge_kernel], h.dtype)
        return receivers, h, edges

    def score(self, sums: tf.Tensor) -> tf.Tensor:
        return _head_dots(super().score(sums), self.attention)


def _head_dots(h, a):
    """`aᵀ h` of each head: `[..., num_heads, units]` to `[..., num_heads]`.

    One product with a block-diagonal matrix takes fewer passes over `h` than
    multiplying and adding up, forward and backward.
    """
    num_heads, units = a.shape
    a = keras.ops.cast(a, h.dtype)
    blocks = tf.eye(num_heads, dtype=h.dtype)[:, None] * a[:, :, None]
    blocks = tf.reshape(blocks, [num_heads * units, num_heads])
    h = keras.ops.reshape(h, (*keras.ops.shape(h)[:-2], num_heads * units))
    return tf.matmul(h, blocks)

"""The graph convolution of Kipf & Welling's GCN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import keras
import tensorflow as tf

from tfgraph import ops
from tfgraph.adjacency import (
    Adjacency,
    SparseAdjacency,
    as_adjacency,
    assert_not_negative,
    assert_square,
    check_is_matrix,
)
from tfgraph.layers.graph_convolution import ConvolutionArguments, GraphConvolution
from tfgraph.typing import Activation, Features, Inputs, InputShape

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable("tfgraph")
class GCNConv(GraphConvolution):
    """Graph convolution of "Semi-Supervised Classification with GCNs".

    With `Ã = A + I` and its degrees `D̃_ii = Σ_j Ã_ij`,

        H' = σ(Â H W + b),    Â = D̃^(-1/2) Ã D̃^(-1/2)

    (Kipf & Welling, ICLR 2017, https://arxiv.org/abs/1609.02907). A node with a
    self-loop in `A` keeps it, with its weight, and gets no other. An edge of weight 0
    is no edge, whether it is listed or not. So a node with a self-loop of weight 0 gets
    one of weight 1. (PyG keeps one at 0 that is in an edge list.) With
    `add_self_loops=False`, the output of a node without edges is `σ(b)`.

    Between two node sets, with `add_self_loops=False`, `Â = D_rows^(-1/2) A
    D_columns^(-1/2)` with the degrees of the receivers and of the senders. The features
    of the receivers are not used.

    Example:

    ```python
    x = keras.Input((1433,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    h = tfgraph.layers.GCNConv(16, activation="relu")([x, adjacency])
    y = tfgraph.layers.GCNConv(7, activation="softmax")([h, adjacency])
    model = keras.Model([x, adjacency], y)
    ```

    Args:
        units: Positive integer, the number of output features of a node.
        activation: `σ`, as in `keras.layers.Dense`. None for no activation.
        add_self_loops: Whether `Ã` is `A + I`, rather than `A`. A self-loop that `A`
            has, of any weight but 0, stays as it is.
        improved: Whether `Ã` is `A + 2I` (as in Graph U-Nets) rather than `A + I`.
        normalize: Whether to normalise by the degrees. False for an adjacency that is
            normalised already, together with `add_self_loops=False`; or for one with
            negative weights, for which degrees have no meaning.
        use_bias, dropout, kernel_initializer, bias_initializer,
            kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, node_set_name, edge_set_name,
            feature_name, edge_weight_name, receiver, **kwargs: See `GraphConvolution`.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`; see `GraphConvolution`. A
            rectangular adjacency `[M, N]`, of the first `M` of `N` nodes, needs
            `normalize=False`, as the degrees of the other nodes are not known.
        training: Whether to apply dropout.

    Input shape:
        `x` `[N, F]` with `adjacency` `[N, N]`; or `[B, N, F]` with dense `[B, N, N]`;
        or many signals `[..., N, F]` on one graph `[N, N]`.
        A pair `(x_senders, x_receivers)` or `(x_senders, None)` with `[M, N]`.

    Output shape:
        `[N, units]`; or `[..., N, units]`; or `[M, units]` for a pair.

    Raises:
        ValueError: If `units` is not a positive integer, `dropout` is outside `[0, 1)`,
            or the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if an edge names a node that does
            not exist; or, with `normalize`, has a negative weight. XLA has no such
            errors: with `jit_compile=True`, nodes of degree 0 or below count as nodes
            without edges.
    """

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        *,
        add_self_loops: bool = True,
        improved: bool = False,
        normalize: bool = True,
        **kwargs: Unpack[ConvolutionArguments],
    ) -> None:
        super().__init__(units, activation, **kwargs)
        self.check_flags(
            add_self_loops=add_self_loops, improved=improved, normalize=normalize
        )
        self.add_self_loops = add_self_loops
        self.improved = improved
        self.normalize = normalize

    def check_pair(self, x_receivers: Features | None) -> None:
        if self.add_self_loops:
            raise ValueError(
                "Expected `add_self_loops=False` for a pair of node sets, in which no "
                "node is its own neighbour. Received: add_self_loops=True"
            )

    def build(self, input_shape: InputShape) -> None:
        super().build(input_shape)
        self.kernel = self.add_kernel((self.input_dim, self.units))
        self.bias = self.add_bias((self.units,))

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        graph = self.unpack(inputs)
        x = graph.x
        a_hat = normalized(
            graph.adjacency, self.add_self_loops, self.improved, self.normalize
        )
        # Â(HW) = (ÂH)W: move the smaller features along the edges. At equal width ÂH
        # comes first, so that a first layer, whose input needs no gradient, has no
        # edges to cross on the way back.
        if isinstance(x, tf.SparseTensor) or self.units < self.input_dim:
            h = a_hat.matmul(self.drop_and_project(x, self.kernel, training))
        else:
            h = ops.matmul(a_hat.matmul(self.drop(x, training)), self.kernel)
        return self.activate(h)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "add_self_loops": self.add_self_loops,
            "improved": self.improved,
            "normalize": self.normalize,
        }


def normalized(
    adjacency: Adjacency,
    add_self_loops: bool = True,
    improved: bool = False,
    normalize: bool = True,
) -> Adjacency:
    """`Â = D̃^(-1/2) Ã D̃^(-1/2)` of a `SparseAdjacency` or `DenseAdjacency`.

    Applies only the steps that the arguments select, as in `GCNConv`. Between two node
    sets it is `D_rows^(-1/2) A D_columns^(-1/2)`.
    """
    if add_self_loops:
        adjacency = adjacency.with_self_loops(2.0 if improved else 1.0)
    if not normalize:
        return adjacency
    if not adjacency.is_pair:
        assert_square(
            adjacency,
            "the degrees of nodes that only send are not known. Keras cuts arrays into "
            "batches: give `fit`, `evaluate` and `predict` one graph by "
            "`tfgraph.data.full_batch(graph)`",
        )
    assert_not_negative(
        adjacency, "for signed edges, use `normalize=False`, without degrees"
    )
    rows = columns = _inverse_roots(adjacency.row_sums())
    if adjacency.is_pair:
        columns = _inverse_roots(adjacency.column_sums())
    return adjacency.scaled(rows, columns)


def _inverse_roots(degrees):
    return tf.where(degrees > 0, tf.math.rsqrt(degrees), 0.0)


def gcn_normalize(
    adjacency: tf.SparseTensor, improved: bool = False
) -> tf.SparseTensor:
    """Returns `Â = D̃^(-1/2) (A + I) D̃^(-1/2)`, to compute it once for a fixed graph.

    `GCNConv` computes `Â` in each call, since it cannot know that a graph stays the
    same. If a large graph does, this saves time:

    ```python
    a_hat = tfgraph.layers.gcn_normalize(graph.to_sparse_tensor())
    layer = tfgraph.layers.GCNConv(16, normalize=False, add_self_loops=False)
    h = layer([x, a_hat])
    ```

    Args:
        adjacency: `tf.SparseTensor` `[N, N]`.
        improved: As in `GCNConv`.

    Returns:
        `tf.SparseTensor` `[N, N]`, float32 or float64, in row-major order; under XLA,
        where layers need no order, in any. A node that had a self-loop keeps it, and
        has a second entry on the diagonal, of 0.

    Raises:
        ValueError: If `adjacency` is not a square `tf.SparseTensor`.
        tf.errors.InvalidArgumentError: At run time, if an edge names a node that does
            not exist, or has a negative weight.
    """
    if not isinstance(adjacency, tf.SparseTensor):
        raise ValueError(
            "Expected `adjacency` to be a tf.SparseTensor, such as "
            "`graph.to_sparse_tensor()`. "
            f"Received: adjacency of type {type(adjacency).__name__}"
        )
    check_is_matrix("adjacency", adjacency)
    no_features = tf.zeros(
        [adjacency.dense_shape[1], 0], ops.weight_dtype(adjacency.dtype)
    )
    adjacency_of = as_adjacency(adjacency, no_features, "gcn_normalize")
    a_hat = cast(SparseAdjacency, normalized(adjacency_of, improved=improved))
    entries = tf.SparseTensor(a_hat.indices, a_hat.values, adjacency.dense_shape)
    # Self-loops are the first entries of their rows. In row-major order, no layer has
    # to sort the entries again in each call.
    return entries if ops.compiled_by_xla() else tf.sparse.reorder(entries)

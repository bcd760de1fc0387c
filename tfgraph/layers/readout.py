"""Readouts: from the nodes of a graph to one vector."""

import keras
import tensorflow as tf

from tfgraph import adjacency as adjacencies
from tfgraph import graph_tensor, membership, ops

_MODES = ("sum", "mean", "max", "attention")


class GraphReadout(keras.layers.Layer):
    """Base of the readouts: the forms of their input.

    Args:
        node_set_name: With a GraphTensor, the node set to read. May be left out if
            there is but one.
        feature_name: With a GraphTensor as the only input, the node feature that holds
            `x`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        One of

        - `[x, graph_ids]` with `x` of shape `[N, F]`, the nodes of all graphs, one
          graph after the other, and integer `graph_ids` `[N]`, the number of each
          node's graph, sorted. There are as many graphs as the last number says; one
          without nodes may be among them, but not at the end;
        - `[x, mask]` with `x` `[B, n, F]` and boolean `mask` `[B, n]`, True for the
          rows that are nodes; or `x` alone, if all are or it has a mask of Keras;
        - `[x, graph]` with a scalar `tfgnn.GraphTensor`, each component of which is a
          graph;
        - `graph`, whose feature `feature_name` is then `x`.
    """

    def __init__(self, node_set_name=None, feature_name="hidden_state", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.node_set_name = node_set_name
        self.feature_name = feature_name
        # As in `GraphConvolution`. XLA takes graphs that are padded, no others.
        self.supports_jit = True

    def input_dim(self, input_shape) -> int:
        """Returns `F` of any form of `input_shape`, or says what is wrong with it."""
        try:
            x_shape, whose = self._split(input_shape)
            if not isinstance(whose, dict):
                membership.check_shapes(x_shape, whose)
            if x_shape[-1] is None:
                raise ValueError(
                    "Expected the last dimension of the features `x` to be defined. "
                    f"Received: x.shape={tuple(x_shape)}"
                )
        except ValueError as error:
            raise ValueError(f"{type(self).__name__} '{self.name}': {error}") from None
        return x_shape[-1]

    def unpack(self, inputs, mask):
        """Returns `x`, for sums in float32 at least, and the membership of its rows."""
        x, whose = self._split(inputs)
        if whose is None:
            whose = membership.keras_mask(mask)
        if isinstance(x, tf.SparseTensor):
            raise ValueError("Expected dense features `x`. Received: a SparseTensor")
        layer = f"{type(self).__name__} '{self.name}'"
        if isinstance(whose, dict):
            whose = membership.from_sizes(self._fields.sizes(whose), x, layer)
        else:
            whose = membership.as_membership(whose, x, layer)
        x = adjacencies.cast("x", x, self.compute_dtype)
        return tf.cast(x, ops.weight_dtype(x.dtype)), whose

    def _split(self, inputs):
        """Returns `x` and what says whose its rows are, of inputs or their shapes."""
        if isinstance(inputs, dict):
            return self._fields.features(inputs), inputs
        pair = isinstance(inputs, (list, tuple))
        if not pair or all(isinstance(part, int | None) for part in inputs):
            return inputs, None
        if len(inputs) != 2:
            raise ValueError(
                "Expected the inputs to be `[x, graph_ids]`, `[x, mask]`, `x`, "
                f"`[x, graph]` or `graph`. Received: {inputs}"
            )
        return inputs

    @property
    def _fields(self):
        return graph_tensor.Fields(self.node_set_name, None, self.feature_name, None)

    def compute_mask(self, inputs, previous_mask):
        return None  # no nodes are left, so no padding

    def compute_output_shape(self, input_shape):
        width = self.input_dim(input_shape) * self.width_factor
        x_shape, _ = self._split(input_shape)
        return (x_shape[0] if len(x_shape) == 3 else None, width)

    def get_config(self):
        return {
            **super().get_config(),
            "node_set_name": self.node_set_name,
            "feature_name": self.feature_name,
        }


@keras.saving.register_keras_serializable("tfgraph")
class Readout(GraphReadout):
    """One vector for each graph: the sum, mean or maximum of its nodes' features.

        sum   r = Σ_i x_i
        mean  r = Σ_i x_i / n
        max   r_f = max_i x_if
        attention  r = Σ_i α_i x_i,    α = softmax_i(w · x_i)

    Over the nodes `i` of the graph. Attention is that of "Gated Graph Sequence Neural
    Networks" (Li et al., ICLR 2016, https://arxiv.org/abs/1511.05493), with a softmax
    in place of its sigmoid. A graph without nodes comes out as zeros.

    Example:

    ```python
    x = keras.Input((3,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    graph_ids = keras.Input((), dtype="int64", name="graph_ids")
    h = tfgraph.layers.GCNConv(64, activation="relu")([x, adjacency])
    r = tfgraph.layers.Readout("mean")([h, graph_ids])
    y = keras.layers.Dense(2, activation="softmax")(r)
    model = keras.Model([x, adjacency, graph_ids], y)
    ```

    Readouts of several layers, side by side, are a readout of the whole hierarchy:
    `keras.layers.Concatenate()([readout([h1, graph_ids]), readout([h2, graph_ids])])`.

    Args:
        mode: "sum", "mean", "max" or "attention".
        kernel_initializer, kernel_regularizer, kernel_constraint: Of `w`, as in
            `keras.layers.Dense`.
        node_set_name, feature_name, **kwargs: See `GraphReadout`.

    Call arguments:
        inputs: `[x, graph_ids]`, `[x, mask]`, `x`, `[x, graph]` or `graph`; see
            `GraphReadout`.

    Input shape:
        `x` `[N, F]` with `graph_ids` `[N]`; or `[B, n, F]` with `mask` `[B, n]`.

    Output shape:
        `[B, F]`.

    Raises:
        ValueError: If `mode` is none of these, or the inputs do not fit together.
        tf.errors.InvalidArgumentError: At run time, if graph ids are not sorted, or
            more or fewer than nodes.
    """

    width_factor = 1

    def __init__(
        self,
        mode="mean",
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        kernel_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise ValueError(
                f"Readout: expected `mode` to be one of {_MODES}. "
                f"Received: mode={mode!r}"
            )
        self.mode = mode
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape):
        input_dim = self.input_dim(input_shape)
        if self.mode == "attention":
            self.kernel = self.add_weight(
                name="kernel",
                shape=(input_dim, 1),
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )

    def call(self, inputs, mask=None):
        x, nodes = self.unpack(inputs, mask)
        if self.mode == "max":
            r = nodes.max(x)
        elif self.mode == "attention":
            r = nodes.sum(nodes.softmax(ops.matmul(x, self.kernel)) * x)
        else:
            r = nodes.sum(x)
            if self.mode == "mean":
                r = tf.math.divide_no_nan(r, nodes.counts(r.dtype)[:, None])
        return tf.cast(r, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "mode": self.mode,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


@keras.saving.register_keras_serializable("tfgraph")
class Set2Set(GraphReadout):
    """Readout of "Order Matters: Sequence to sequence for sets".

        q_t = LSTM(q*_(t-1)),    α = softmax_i(x_i · q_t)
        r_t = Σ_i α_i x_i,       q*_t = [q_t ‖ r_t]

    from `q*_0 = 0`, over the nodes `i` of a graph, which comes out as the last `q*_t`
    (Vinyals, Bengio & Kudlur, ICLR 2016, https://arxiv.org/abs/1511.06391). A graph
    without nodes comes out as zeros.

    Example:

    ```python
    readout = tfgraph.layers.Set2Set(num_steps=3)
    readout([h, graph_ids])  # [B, 2 F]
    ```

    Args:
        num_steps: Positive integer, the number of steps `t`.
        node_set_name, feature_name, **kwargs: See `GraphReadout`.

    Call arguments:
        inputs: `[x, graph_ids]`, `[x, mask]`, `x`, `[x, graph]` or `graph`; see
            `GraphReadout`.

    Input shape:
        `x` `[N, F]` with `graph_ids` `[N]`; or `[B, n, F]` with `mask` `[B, n]`.

    Output shape:
        `[B, 2 * F]`.

    Raises:
        ValueError: If `num_steps` is not a positive integer, or the inputs do not fit
            together.
        tf.errors.InvalidArgumentError: At run time, if graph ids are not sorted, or
            more or fewer than nodes.
    """

    width_factor = 2

    def __init__(self, num_steps=3, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(num_steps, int) or num_steps < 1:
            raise ValueError(
                "Set2Set: expected `num_steps` to be a positive integer. "
                f"Received: num_steps={num_steps}"
            )
        self.num_steps = num_steps

    def build(self, input_shape):
        width = self.input_dim(input_shape)
        # In float32 at least, as the sums are.
        dtype = ops.weight_dtype(tf.as_dtype(self.compute_dtype)).name
        self.lstm = keras.layers.LSTMCell(width, dtype=dtype)
        self.lstm.build((None, 2 * width))

    def call(self, inputs, mask=None):
        x, nodes = self.unpack(inputs, mask)
        some = nodes.counts(x.dtype)[:, None] > 0
        q = tf.zeros([tf.shape(some)[0], x.shape[-1]], x.dtype)
        r, states = q, [q, q]
        for _ in range(self.num_steps):
            q, states = self.lstm(tf.concat([q, r], axis=1), states)
            logits = tf.reduce_sum(x * nodes.to_nodes(q), axis=-1, keepdims=True)
            r = nodes.sum(nodes.softmax(logits) * x)
        y = tf.where(some, tf.concat([q, r], axis=1), tf.zeros([], x.dtype))
        return tf.cast(y, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "num_steps": self.num_steps}

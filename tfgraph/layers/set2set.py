"""The readout of Set2Set."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments, ops
from tfgraph.layers.readout import GraphReadout
from tfgraph.typing import Inputs, InputShape, Mask


@keras.saving.register_keras_serializable("tfgraph")
class Set2Set(GraphReadout):
    """Readout of "Order Matters: Sequence to sequence for sets".

        q_t = LSTM(q*_(t-1)),    α = softmax_i(x_i · q_t)
        r_t = Σ_i α_i x_i,       q*_t = [q_t ‖ r_t]

    from `q*_0 = 0`, over the nodes `i` of a graph. The output is the last `q*_t`
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
        `x` `[N, F]` with `graph_ids` `[N]`; or `[B, n, F]` with `mask` `[B, n]`; or
        many signals `[..., N, F]` on one graph, alone.

    Output shape:
        `[B, 2 * F]`; of many signals `[..., 2 * F]`.

    Raises:
        ValueError: If `num_steps` is not a positive integer, or the inputs do not fit
            together.
        tf.errors.InvalidArgumentError: At run time, if graph ids are not sorted, or
            more or fewer than nodes.
    """

    width_factor = 2

    def __init__(self, num_steps: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_steps = arguments.checked_integer(
            "num_steps", num_steps, owner="Set2Set"
        )

    def build(self, input_shape: InputShape) -> None:
        super().build(input_shape)
        width = self.input_dim
        # In float32 at least, as the sums are.
        dtype = ops.weight_dtype(tf.as_dtype(self.compute_dtype)).name
        self.lstm = keras.layers.LSTMCell(width, dtype=dtype)
        self.lstm.build((None, 2 * width))

    def call(self, inputs: Inputs, mask: Mask = None) -> tf.Tensor:
        x, nodes = self.unpack(inputs, mask)
        some = nodes.counts(x.dtype)[:, None] > 0
        q = tf.zeros([tf.shape(some)[0], x.shape[-1]], x.dtype)
        r, states = q, [q, q]
        for _ in range(self.num_steps):
            states = ops.cell_step(self.lstm, tf.concat([q, r], axis=1), states)
            q = states[0]
            logits = tf.reduce_sum(x * nodes.to_nodes(q), axis=-1, keepdims=True)
            r = nodes.sum(nodes.softmax(logits) * x)
        y = tf.where(some, tf.concat([q, r], axis=1), tf.zeros([], x.dtype))
        return self.by_signal(tf.cast(y, self.compute_dtype), inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_steps": self.num_steps}

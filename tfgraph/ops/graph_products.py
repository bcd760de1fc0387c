"""Products over the nodes of each graph of a batch, without padding the graphs."""

from __future__ import annotations

import tensorflow as tf


@tf.custom_gradient
def segment_outer(s: tf.Tensor, y: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
    """Returns `S_bᵀ Y_b` of each graph `b`, the sum of `s_i y_iᵀ` over its nodes `i`.

    Computes one product after the other. The alternative is to pad all graphs to the
    largest. For 20 graphs of 5 to 70 nodes, padding takes 0.7 ms instead of 1.2. For 20
    graphs of D&D, one with 5,748 nodes, it takes 780 ms instead of 75, and ten times
    the memory.

    Args:
        s: `[N, K]`.
        y: `[N, F]`.
        splits: Integers `[B + 1]`: the nodes of graph `b` are the rows from `splits[b]`
            to below `splits[b + 1]`.

    Returns:
        `[B, K, F]`.
    """

    def gradient(dproducts):
        transposed = tf.linalg.matrix_transpose(dproducts)
        return (
            segment_matmul(y, transposed, splits),
            segment_matmul(s, dproducts, splits),
            None,
        )

    def product(b):
        rows = slice(splits[b], splits[b + 1])
        return tf.matmul(s[rows], y[rows], transpose_a=True)

    products = tf.map_fn(
        product,
        tf.range(tf.size(splits) - 1),
        fn_output_signature=tf.TensorSpec([s.shape[1], y.shape[1]], s.dtype),
    )
    return products, gradient


@tf.custom_gradient
def segment_matmul(y: tf.Tensor, matrices: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
    """Returns `Y_b M_b` of each graph `b`, one below the other.

    Args:
        y: `[N, F]`.
        matrices: `[B, F, K]`.
        splits: As in `segment_outer`.

    Returns:
        `[N, K]`.
    """

    def gradient(drows):
        transposed = tf.linalg.matrix_transpose(matrices)
        return (
            segment_matmul(drows, transposed, splits),
            segment_outer(y, drows, splits),
            None,
        )

    width = matrices.shape[2]
    num_graphs = tf.size(splits) - 1
    rows = tf.TensorArray(
        y.dtype, num_graphs, element_shape=[None, width], infer_shape=False
    )
    _, rows = tf.while_loop(
        lambda b, _: b < num_graphs,
        lambda b, rows: (
            b + 1,
            rows.write(b, tf.matmul(y[splits[b] : splits[b + 1]], matrices[b])),
        ),
        (0, rows),
    )
    return tf.ensure_shape(rows.concat(), [y.shape[0], width]), gradient

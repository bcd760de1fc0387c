"""Inner products `z_i · z_j` of pairs of nodes, without a matrix of all pairs."""

from __future__ import annotations

import tensorflow as tf

from tfgraph.ops.checks import check, name_layer
from tfgraph.ops.matmul import compiled_by_xla, sparse_matmul
from tfgraph.typing import Size

_BLOCK = 512  # nodes; the fastest of 256, 384, 512, 1024 and 2048
_FACTORS = 16  # of a product that stays above 2^-16


def checked_pairs(pairs: tf.Tensor, num_nodes: Size, layer: str = "") -> tf.Tensor:
    """Returns `pairs`; fails at run time if one names a node that does not exist.

    Args:
        pairs: Integers `[P, 2]`.
        num_nodes: Scalar tensor of the dtype of `pairs`.
        layer: The layer that calls this, for errors.
    """
    if compiled_by_xla():  # which has no boolean mask either
        return pairs
    known = tf.reduce_all((pairs >= 0) & (pairs < num_nodes), axis=-1)
    checked = check(
        tf.reduce_all(known),
        name_layer(
            layer, "Expected `pairs` of node numbers from 0 to below {}. Received: {}"
        ),
        num_nodes,
        tf.boolean_mask(pairs, ~known),
    )
    with tf.control_dependencies([checked]):
        return tf.identity(pairs)


def pair_logits(z: tf.Tensor, pairs: tf.Tensor) -> tf.Tensor:
    """Returns `z_i · z_j` of each pair, `[P]`, for `z [N, D]` and `pairs [P, 2]`."""
    ends = tf.gather(z, pairs[:, 0]), tf.gather(z, pairs[:, 1])
    return tf.reduce_sum(ends[0] * ends[1], axis=-1)


@tf.custom_gradient
def edge_logits(z: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """`pair_logits` of edges sorted by row. The gradient is two sparse products."""

    def gradient(dlogits):
        num_nodes = tf.shape(z, out_type=tf.int64)[0]
        # With the logits' gradient as the values of a matrix C, dz = C z + Cᵀ z. The
        # second is the gradient of the first with respect to z, at dy = z.
        with tf.GradientTape() as tape:
            tape.watch(z)
            dz = sparse_matmul(indices, dlogits, (num_nodes, num_nodes), z)
        return dz + tape.gradient(dz, z, z), None

    return pair_logits(z, indices), gradient


@tf.custom_gradient
def softplus_sum(z: tf.Tensor) -> tf.Tensor:
    """Returns `Σ_ij softplus(z_i · z_j)` over all pairs, for `z [N, D]`.

    The logits are made in blocks of 512 x 512, on and above the diagonal (they are
    symmetric), one after the other. A block's part of the gradient is made while its
    logits are there, so the backward pass costs nothing more. A graph function without
    a gradient leaves that part out, and takes less than half the time.
    """
    num_nodes = tf.shape(z)[0]
    num_blocks = tf.maximum(-(-num_nodes // _BLOCK), 1)
    size = -(-num_nodes // num_blocks)  # even blocks, so that little is padded
    size = -(-size // _FACTORS) * _FACTORS
    padding = num_blocks * size - num_nodes
    blocks = tf.reshape(
        tf.pad(z, [[0, padding], [0, 0]]), [num_blocks, size, z.shape[1]]
    )

    def add_block(i, j, total, dz):
        logits = tf.matmul(blocks[i], blocks[j], transpose_b=True)
        s = tf.sigmoid(logits)
        # softplus(l) = max(l, 0) - log max(σ(l), 1 - σ(l)). The maximum is at least a
        # half, so one logarithm of a product of 16 will do: a third off the time.
        likelier = tf.reshape(tf.maximum(s, 1 - s), [_FACTORS, -1])
        logarithms = tf.math.log(tf.reduce_prod(likelier, axis=0))
        block_total = tf.reduce_sum(tf.nn.relu(logits)) - tf.reduce_sum(logarithms)
        twice = tf.where(i == j, tf.ones([], z.dtype), 2)
        parts = tf.stack([s @ blocks[j], tf.matmul(s, blocks[i], transpose_a=True)])
        dz = tf.tensor_scatter_nd_add(dz, [[i], [j]], parts * twice)
        at_end = j + 1 == num_blocks
        i = tf.where(at_end, i + 1, i)
        return i, tf.where(at_end, i, j + 1), total + twice * block_total, dz

    _, _, total, dz = tf.while_loop(
        lambda i, *_: i < num_blocks,
        add_block,
        [0, 0, tf.zeros([], z.dtype), tf.zeros_like(blocks)],
    )
    # Each pair with a row of the padding has added softplus(0).
    all_rows, rows = (tf.cast(n, z.dtype) for n in (num_blocks * size, num_nodes))
    total -= (
        (all_rows - rows) * (all_rows + rows) * tf.math.log(tf.constant(2, z.dtype))
    )
    # No second derivative: TensorFlow would keep every block for it.
    dz = tf.stop_gradient(tf.reshape(dz, [-1, z.shape[1]])[:num_nodes])
    return total, lambda dtotal: dtotal * dz

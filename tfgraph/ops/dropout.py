"""Dropout of dense and of sparse features."""

import keras
import tensorflow as tf


def dropout(x, rate, seed_generator):
    """Zeroes each entry of `x` with probability `rate`, scales the rest to the mean.

    Args:
        x: Tensor, or `tf.SparseTensor`, of which only the stored entries are drawn.
        rate: Float in `[0, 1)`.
        seed_generator: `keras.random.SeedGenerator`.
    """
    if isinstance(x, tf.SparseTensor):
        return x.with_values(keras.random.dropout(x.values, rate, seed=seed_generator))
    return keras.random.dropout(x, rate, seed=seed_generator)

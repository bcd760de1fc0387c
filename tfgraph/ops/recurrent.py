"""A step of a recurrent cell."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


def cell_step(
    cell: keras.layers.LSTMCell, x: tf.Tensor, states: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Returns the new states, of which the first is the output.

    Args:
        cell: A built `keras.layers.LSTMCell`.
        x: `[n, F]`, of any number of rows.
        states: The two states `[n, units]`.
    """
    if states[0].shape[0] == 0:  # Keras would take them for a bias, and fail.
        return list(states)
    _, new_states = cell(x, list(states))
    return list(new_states)

"""The number in a row of a model's output that is explained."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgraph.arguments import checked_integer

OUTPUTS = ("probabilities", "logits", "values")


class Target(NamedTuple):
    """A class, or a column of values.

    Attributes:
        column: The class or the column. An output of one number has the classes 0, 1.
        outputs: One of `OUTPUTS`.
    """

    column: int
    outputs: str

    def number(self, row: tf.Tensor) -> tf.Tensor:
        """Returns the probability of the class, or the value: a scalar.

        Args:
            row: `[C]`, of the model's output.
        """
        numbers = _by_class(row, self.outputs)
        if self.outputs == "logits":
            numbers = tf.nn.softmax(numbers)
        return numbers[self.column]

    def loss(self, row: tf.Tensor, number: float) -> tf.Tensor:
        """Returns the cross-entropy of the class, or the squared error of the value.

        Args:
            row: `[C]`, of the model's output.
            number: The value without any mask.
        """
        if self.outputs == "values":
            return (row[self.column] - number) ** 2
        if self.outputs == "logits":
            return -tf.nn.log_softmax(_by_class(row, self.outputs))[self.column]
        return -tf.math.log(tf.maximum(self.number(row), keras.config.epsilon()))


def target_of(row: np.ndarray, target: int | None, outputs: str) -> Target:
    """Returns the target of a row, by default the predicted class.

    Raises:
        ValueError: If `target` is not one of the classes or columns. Also if the row
            does not hold probabilities, and `outputs` says so.
    """
    if outputs == "probabilities" and not ((row >= -1e-5) & (row <= 1 + 1e-5)).all():
        raise ValueError(
            "Expected a model that returns probabilities. For logits, pass "
            '`outputs="logits"`; for other numbers, `outputs="values"`. '
            f"Received: outputs={outputs!r}, and an output from {row.min():.4g} to "
            f"{row.max():.4g}"
        )
    numbers = np.asarray(_by_class(tf.constant(row), outputs))
    if target is None:
        if outputs == "values" and len(row) > 1:
            raise ValueError(
                f"Expected `target` to be one of the {len(row)} columns of the output. "
                "Received: target=None"
            )
        return Target(0 if outputs == "values" else int(numbers.argmax()), outputs)
    target = checked_integer("target", target, 0)
    if target >= len(numbers):
        raise ValueError(
            f"Expected `target` to be below {len(numbers)}, the number of classes or "
            f"columns. Received: target={target}"
        )
    return Target(target, outputs)


def _by_class(row, outputs):
    """The row with a number for each class: a single one is that of class 1."""
    if outputs == "values" or row.shape[0] != 1:
        return row
    other = tf.zeros_like(row) if outputs == "logits" else 1 - row
    return tf.concat([other, row], axis=0)

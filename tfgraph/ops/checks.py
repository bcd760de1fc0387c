"""Checks of what only run time can know, with one form of error."""

from __future__ import annotations

import tensorflow as tf

from tfgraph.ops.matmul import compiled_by_xla


def check(
    condition: tf.Tensor | bool, message: str, *values: tf.Tensor
) -> tf.Operation:
    """Raises a `tf.errors.InvalidArgumentError` unless `condition` holds.

    The error begins with the message. In a graph function, TensorFlow puts "assertion
    failed: [" before it. XLA, ONNX and LiteRT have no assertions: there, nothing is
    checked.

    Args:
        condition: Scalar boolean tensor.
        message: The sentence of the error, with `{}` for each of the values.
        *values: Tensors.

    Returns:
        The assertion of a graph function, for `tf.control_dependencies`; a `tf.no_op`
        where there is nothing to wait for.
    """
    if compiled_by_xla():
        return tf.no_op()
    if tf.executing_eagerly():
        if not condition:
            text = tf.strings.format(message, values).numpy().decode()
            raise tf.errors.InvalidArgumentError(None, None, text)
        return tf.no_op()
    # With a message that is a string already, an assertion is a single operation.
    return tf.debugging.Assert(condition, [tf.strings.format(message, values)])


def name_layer(layer: str, message: str) -> str:
    """Returns the message of an error with the layer it is about in front, if any."""
    return f"{plain(layer)}: {message}" if layer else message


def plain(name: str) -> str:
    """Returns a name for a message of `check`, where `{}` stands for a value."""
    return name.replace("{}", "{ }")

"""What a request may hold: one description for its signature and for its checks.

TensorFlow enforces the types of a signature and nothing else. A tensor of another shape
reaches the operations, some of which then end the process.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgraph.ops.checks import check


@dataclasses.dataclass(frozen=True)
class Input:
    """One tensor of a request.

    A size is a number, or a letter that stands for any number. A letter is the same
    number in all inputs of an endpoint. Of several letters, all but the last stand for
    1 or more: a tensor without numbers could claim any size.

    Attributes:
        name: The name in the signature.
        dtype: Type of the numbers. Those of floating point must be finite.
        shape: The sizes.
        below: If given, the numbers are 0 or more, and below this number or size. If
            there are several, each is for one column.
        is_sorted: Whether the numbers must not decrease.
        counts: If given, the numbers are the sizes of these letters, without the first.
            Each is at most the size before it. The first may be a number instead.
        max_rows: If given, the last letter is from 1 to this number.
    """

    name: str
    dtype: tf.DType
    shape: tuple[int | str, ...]
    below: tuple[int | str, ...] = ()
    is_sorted: bool = False
    counts: tuple[int | str, ...] = ()
    max_rows: int | None = None

    @property
    def static_shape(self) -> list[int | None]:
        return [None if isinstance(size, str) else size for size in self.shape]

    @property
    def spec(self) -> tf.TensorSpec:
        return tf.TensorSpec(self.static_shape, self.dtype, self.name)


def add_endpoint(
    archive: keras.export.ExportArchive,
    name: str,
    function: Callable[..., dict[str, tf.Tensor]],
    inputs: list[Input],
) -> None:
    """Adds a signature whose `function` sees only requests that passed all checks.

    Args:
        archive: The `keras.export.ExportArchive`.
        name: The signature's name.
        function: Takes a tensor for each of the inputs and returns a dict of tensors.
        inputs: What a request holds.
    """
    specs = [i.spec for i in inputs]
    archive.add_endpoint(
        name, lambda *tensors: function(*_checked(inputs, tensors)), specs
    )


def _checked(inputs, tensors):
    """Returns the tensors, which exist only once all checks have passed."""
    tensors = [_with_shape(i, t) for i, t in zip(inputs, tensors, strict=True)]
    sizes, checks = {}, []
    for field, tensor in zip(inputs, tensors, strict=True):
        checks += _check_sizes(field, tensor, sizes)
    for field, tensor in zip(inputs, tensors, strict=True):
        checks += _check_numbers(field, tensor, sizes)
    with tf.control_dependencies(checks):
        return [tf.identity(tensor) for tensor in tensors]


def _with_shape(field, tensor):
    """Returns the tensor in its described shape, after a check at run time.

    `[]` becomes no rows of the described width, if that is known.
    """
    # TensorFlow trusts the shapes of a signature and removes checks of them. An
    # optional passes the tensor on, without a copy, and hides its shape.
    optional = tf.raw_ops.OptionalFromValue(components=[tensor])
    (tensor,) = tf.raw_ops.OptionalGetValue(
        optional=optional,
        output_types=[field.dtype],
        output_shapes=[tf.TensorShape(None)],
    )
    name, rank = field.name, len(field.shape)
    shape = tf.shape(tensor, tf.int64)
    sizes = tf.concat([shape, tf.fill([rank], tf.constant(-1, tf.int64))], axis=0)[
        :rank
    ]
    fits = tf.size(shape) == rank
    for size, expected in zip(tf.unstack(sizes, rank), field.shape, strict=True):
        if isinstance(expected, int):
            fits &= size == expected
    if [isinstance(size, str) for size in field.shape] == [True] + [False] * (rank - 1):
        fits |= (tf.size(shape) == 1) & (tf.reduce_prod(shape) == 0)
    message = (
        f"Expected `{name}` of shape {field.static_shape}. "
        f"Received: {name} of shape {{}}"
    )
    with tf.control_dependencies([check(fits, message, shape)]):
        return tf.reshape(
            tensor,
            [
                sizes[axis] if isinstance(size, str) else size
                for axis, size in enumerate(field.shape)
            ],
        )


def _check_sizes(field, tensor, sizes):
    """Returns checks of the number of rows and of counts, and adds to `sizes`."""
    name, checks = field.name, []
    letters = [axis for axis, size in enumerate(field.shape) if isinstance(size, str)]
    for axis in letters:
        rows = tf.shape(tensor, tf.int64)[axis]
        if axis != letters[-1]:
            message = f"Expected `{name}` of shape {field.static_shape}, with 1 or "
            message += f"more along axis {axis}. Received: {{}}"
            checks.append(check(rows >= 1, message, rows))
        elif field.max_rows is not None:
            message = f"Expected `{name}` of 1 to {field.max_rows} rows. "
            message += "Received: {} rows"
            fits = (rows >= 1) & (rows <= field.max_rows)
            checks.append(check(fits, message, rows))
        expected = sizes.setdefault(field.shape[axis], rows)
        if expected is not rows:
            message = f"Expected `{name}` of {{}} rows. Received: {{}} rows"
            checks.append(check(rows == expected, message, expected, rows))
    if field.counts:
        first, *others = field.counts
        most = tf.constant(first, tf.int64) if isinstance(first, int) else sizes[first]
        counts = tf.concat([[most], tensor], axis=0)
        descending = tf.reduce_all(counts[1:] <= counts[:-1]) & (counts[-1] >= 0)
        each = "each at most the one before it and the first " if others[1:] else ""
        message = f"Expected `{name}` of 0 or more, {each}at most {{}}. Received: {{}}"
        checks.append(check(descending, message, most, tensor))
        sizes.update(zip(others, tf.unstack(tensor, len(others)), strict=True))
    return checks


def _check_numbers(field, tensor, sizes):
    """Returns checks of the numbers in the tensor."""
    name, checks = field.name, []
    if field.dtype.is_floating:
        checks.append(check_finite(tensor, f"`{name}`"))
    if field.below:
        bounds = [sizes.get(b, b) for b in field.below]
        last = tf.stack(tf.cast(bounds, tf.int64)) - 1
        what = "of node numbers " if len(field.shape) == 2 else ""
        low, high = tf.reduce_min(tensor), tf.reduce_max(tensor, axis=0)
        message = f"Expected `{name}` {what}from 0 to {{}}. Received: {{}} to {{}}"
        last = last[0] if len(bounds) == 1 else last
        inside = (low >= 0) & tf.reduce_all(high <= last)
        checks.append(check(inside, message, last, low, high))
    if field.is_sorted:
        rises = tf.reduce_all(tensor[1:] >= tensor[:-1])
        checks.append(check(rises, f"Expected `{name}` to be sorted."))
    return checks


def check_finite(tensor: tf.Tensor, name: str) -> tf.Operation:
    """Returns the check that no number is NaN or infinite."""
    finite = tf.reduce_all(tf.math.is_finite(tensor))
    return check(
        finite, f"Expected finite numbers in {name}. Received: NaN or infinity"
    )


def named(outputs: Any) -> dict[str, tf.Tensor]:
    """Returns a model's outputs by their names in a signature."""
    if isinstance(outputs, dict):
        return outputs
    if isinstance(outputs, (list, tuple)):
        return {f"predictions_{i}": output for i, output in enumerate(outputs)}
    return {"predictions": outputs}

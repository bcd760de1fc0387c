"""Memory that arrays, tensors and datasets share, so that little is copied."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

_ALIGNMENT = 64  # of TensorFlow's buffers, in bytes


def aligned_empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Returns a new array, as `np.empty` does, in memory that a tensor can use.

    TensorFlow copies an array that is not aligned as its own are.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    buffer = np.empty(size + _ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + size].view(dtype).reshape(shape)


def as_tensor(array: np.ndarray, dtype: Any) -> tf.Tensor:
    """Returns a tensor of the numbers of an array, in its memory if that is possible.

    The array must not change afterwards. Memory of `aligned_empty` can be used, other
    arrays are copied.
    """
    is_usable = (
        array.dtype == dtype
        and array.flags.c_contiguous
        and array.flags.writeable  # else NumPy does not hand it on
        and array.ctypes.data % _ALIGNMENT == 0
        and array.size > 0
    )
    return _tensor_in(array) if is_usable else copied_tensor(array, dtype)


def copied_tensor(array: np.ndarray, dtype: Any) -> tf.Tensor:
    """Returns a tensor with a copy of an array.

    It is copied once. `tf.constant` copies twice if the array is not aligned.
    """
    copy = aligned_empty(array.shape, dtype)
    copy[...] = array
    return _tensor_in(copy)


def _tensor_in(array):
    if not tf.compat.v1.executing_eagerly_outside_functions():
        return tf.constant(array)  # in a graph of TensorFlow 1
    # By `identity`, it comes to where other tensors are, such as on a GPU.
    return tf.identity(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))


def without_copies(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns a dataset that keeps no copies of the tensors that it is made of.

    Before a dataset is read, TensorFlow rewrites it by default, and the new one has
    copies of all tensors in it, such as the features. The rewrite also makes `map`
    parallel. Without it, pass `num_parallel_calls`.
    """
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options)

"""NumPy arrays in memory that tensors can use too, so that nothing is copied."""

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

    The array must not change afterwards, as those of a `Graph` do not. Memory of
    `aligned_empty` can be used. Other arrays are copied once, by `tf.constant` twice.
    """
    is_usable = (
        array.dtype == dtype
        and array.flags.c_contiguous
        and array.flags.writeable  # else NumPy does not hand it on
        and array.ctypes.data % _ALIGNMENT == 0
        and array.size > 0
    )
    if not is_usable:
        copy = aligned_empty(array.shape, dtype)
        copy[...] = array
        array = copy
    # By `identity`, it comes to where other tensors are, such as on a GPU.
    return tf.identity(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))

"""NumPy in `tf.data` pipelines that does not keep Python from ending."""

import atexit
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def numpy_function(function: Callable, inputs: Sequence, types: Sequence) -> Any:
    """Calls `tf.numpy_function`, such that a process does not hang when it exits.

    When Python ends, a thread that waits for Python's global lock is stopped. If that
    thread prefetches for an iterator that a variable or an exception still refers to,
    TensorFlow waits for it forever.

    TensorFlow never forgets what it is to call, so it gets a weak reference. A dataset
    keeps `function`, and the data that it refers to, by one more input.
    """
    reference: Any = weakref.ref(function)

    def call(_: np.ndarray, *arguments: Any) -> Any:
        return reference()(*arguments)

    return tf.numpy_function(_calls.counted(call), [_kept(function), *inputs], types)


class _Owner(np.ndarray):
    """An array that refers to an object, which lives as long as the array."""

    owned: Any


def _kept(owned: Any) -> tf.Tensor:
    """Returns a tensor that keeps an object for as long as the tensor is in use."""
    # TensorFlow copies fewer numbers than these into its graphs.
    array = np.zeros(256, np.int8).view(_Owner)
    array.owned = owned
    with tf.init_scope():
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def named_numpy_function(
    function: Callable, inputs: Sequence, signature: Mapping[str, tf.TensorSpec]
) -> dict[str, tf.Tensor]:
    """Calls a function that returns a dict of arrays, in the shapes of `signature`."""

    def listed(*arguments: Any) -> list[np.ndarray]:
        arrays = function(*arguments)
        return [arrays[name] for name in signature]

    types = [spec.dtype for spec in signature.values()]
    tensors = numpy_function(listed, inputs, types)
    return {
        name: tf.ensure_shape(tensor, signature[name].shape)
        for name, tensor in zip(signature, tensors, strict=True)
    }


def made_ahead(batches: tf.data.Dataset, element: Callable) -> tf.data.Dataset:
    """Returns a dataset of elements, each made while the one before it is in use.

    Args:
        batches: What `element` takes.
        element: Makes an element, by one of the functions above.
    """
    options = tf.data.Options()
    # NumPy holds Python's global lock: more threads would wait for each other, and take
    # cores from the training step.
    options.threading.private_threadpool_size = 1
    return batches.map(element).prefetch(1).with_options(options)


class _Calls:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.begun = self.running = 0
        self.ending = False

    def counted(self, function: Callable) -> Callable:
        def call(*arguments: Any) -> Any:
            with self.lock:
                self.begun += 1
                if self.ending:
                    raise StopIteration
                self.running += 1
            try:
                return function(*arguments)
            finally:
                with self.lock:
                    self.running -= 1

        return call

    def end(self) -> None:
        """Returns when no call runs and none has begun for a while, or 5 seconds."""
        self.ending = True
        seen, quiet = -1, 0
        deadline = time.monotonic() + 5  # a thread may begin again and again
        while self.running or (quiet < 5 and time.monotonic() < deadline):
            quiet = 0 if self.running or self.begun != seen else quiet + 1
            seen = self.begun
            time.sleep(0.02)  # lets the threads take the lock


_calls = _Calls()
atexit.register(_calls.end)

"""The training loop that the Keras contenders share."""

import time

import keras
import numpy as np
import tensorflow as tf


class EpochEnds(keras.callbacks.Callback):
    """Records when each epoch ended."""

    def on_train_begin(self, logs=None):
        self.times = []

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter())


def time_epochs(
    model, inputs, y, train_mask, warm_up, runs, per_call=1, jit_compile="auto"
):
    """Seconds of each full-batch step of Adam on the mean cross-entropy.

    Args:
        model: Its outputs are logits.
        inputs: Of the model.
        y: Labels `[N]`.
        train_mask: Whether each node is one for training, bool `[N]`.
        warm_up: Epochs before those that are timed.
        runs: Epochs to time.
        per_call: Steps that TensorFlow takes in one call.
        jit_compile: That of `Model.compile`.
    """
    weights = train_mask * np.float32(len(train_mask) / train_mask.sum())
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=per_call,
        jit_compile=jit_compile,
    )
    ends = EpochEnds()
    model.fit(
        again_and_again((inputs, y, weights)),
        steps_per_epoch=per_call,
        epochs=warm_up + runs + 1,
        callbacks=[ends],
        shuffle=False,
        verbose=0,
    )
    return (np.diff(ends.times)[warm_up:] / per_call).tolist()


def again_and_again(element):
    """Returns an endless dataset of one element, whose tensors are not copied."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return tf.data.Dataset.from_tensors(element).repeat().with_options(options)

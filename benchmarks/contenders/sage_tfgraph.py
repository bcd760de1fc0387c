"""tfgraph's GraphSAGE on sampled batches by `Model.fit`, batch end to batch end."""

import time

import cases
import keras
import numpy as np
import timing

import tfgraph


class BatchEnds(keras.callbacks.Callback):
    """Records when each batch ended."""

    def on_train_begin(self, logs=None):
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter())


def sage(case, variant):
    make, hidden, batch_size, fanouts, warm_up, runs = cases.SAGE[case]
    arrays = make()
    num_classes = arrays.pop("num_classes")
    graph = tfgraph.data.Graph(**arrays)
    del arrays
    always = "always" in variant
    data = tfgraph.data.neighbor_batches(
        graph,
        fanouts,
        batch_size,
        nodes="train",
        shuffle=True,
        seed=0,
        replacement="always" if always else "never",  # as the peers do
        drop_remainder=always,
    )
    model = TwoLayers(hidden, num_classes)
    return time_batches(variant, data, model, warm_up, runs)


def time_batches(variant, data, model, warm_up, runs):
    """Seconds for each batch, of sampling, training, or both as `variant` says.

    Args:
        variant: Begins with "sampling", "training" or "both".
        data: Dataset of the batches of an epoch.
        model: Its outputs are logits.
        warm_up: Batches before those that are timed.
        runs: Batches to time.
    """
    if variant.startswith("sampling"):
        batches = iter(data)
        return timing.time_calls(lambda: next(batches), warm_up, runs)

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    if variant.startswith("training"):
        data = data.take(10).cache()
        model.fit(data, shuffle=False, verbose=0)
    ends = BatchEnds()
    model.fit(
        data.repeat(),
        steps_per_epoch=warm_up + runs + 1,
        callbacks=[ends],
        shuffle=False,
        verbose=0,
    )
    return np.diff(ends.times)[warm_up:].tolist()


class TwoLayers(keras.Model):
    """GraphSAGE with the mean aggregator, and logits."""

    def __init__(self, hidden, num_classes):
        super().__init__()
        self.first = tfgraph.layers.SAGEConv(hidden, "relu")
        self.second = tfgraph.layers.SAGEConv(num_classes)

    def call(self, inputs):
        x, (first, second) = inputs
        return self.second([self.first([x, first]), second])


if __name__ == "__main__":
    timing.main(sage)

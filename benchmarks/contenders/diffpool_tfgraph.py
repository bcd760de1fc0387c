"""tfgraph's DiffPool by `Model.fit`, end of batch to end of batch."""

import time

import cases
import keras
import numpy as np
import timing
from keras_training import again_and_again

import tfgraph


class BatchEnds(keras.callbacks.Callback):
    """Records when each batch ended."""

    def on_train_begin(self, logs=None):
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter())


@keras.saving.register_keras_serializable("benchmark")
class Convolutions(keras.layers.Layer):
    """Three of GraphSAGE's."""

    def __init__(self, units, outputs, activation=None):
        super().__init__()
        self.layers = [
            tfgraph.layers.SAGEConv(units, activation="relu"),
            tfgraph.layers.SAGEConv(units, activation="relu"),
            tfgraph.layers.SAGEConv(outputs, activation=activation),
        ]

    def call(self, inputs):
        h, adjacency = inputs
        for layer in self.layers:
            h = layer([h, adjacency])
        return h


class Classifier(keras.Model):
    """As the other contenders' model."""

    def __init__(self, units, clusters, num_classes):
        super().__init__()
        self.pool = tfgraph.layers.DiffPool(
            Convolutions(units, units, "relu"), Convolutions(units, clusters)
        )
        self.pooled = Convolutions(units, units, "relu")
        self.readout = tfgraph.layers.Readout("mean")
        self.hidden = keras.layers.Dense(units, activation="relu")
        self.classes = keras.layers.Dense(num_classes)

    def call(self, inputs):
        h, adjacency = self.pool(inputs)
        h = self.readout(self.pooled([h, adjacency]))
        return self.classes(self.hidden(h))


def diffpool(case, variant):
    make, units, clusters, warm_up, runs = cases.DIFFPOOL[case]
    graphs = make()
    if "dense" in variant:
        inputs = cases.padded(graphs)
    else:
        graph = tfgraph.data.Graph(graphs["x"], graphs["edges"])
        graph_ids = np.repeat(np.arange(len(graphs["sizes"])), graphs["sizes"])
        inputs = (graph.x, graph.to_sparse_tensor(), graph_ids)
    model = Classifier(units, clusters, graphs["num_classes"])
    model.compile(
        keras.optimizers.Adam(0.001),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile="XLA" in variant,
    )
    ends = BatchEnds()
    model.fit(
        again_and_again((inputs, graphs["y"])),
        steps_per_epoch=warm_up + runs + 1,
        callbacks=[ends],
        shuffle=False,
        verbose=0,
    )
    return np.diff(ends.times)[warm_up:].tolist()


if __name__ == "__main__":
    timing.main(diffpool)

"""Trainings that are the same in one process, on two replicas and on two workers.

`python distribute_cases.py mirrored|worker FILE CASE...` runs cases, or one of the
trainings of `backed_up`, and writes what they return to FILE.
"""

import functools
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tfgraph
from tfgraph.data import Graph

FEATURES, CLASSES = 5, 3


def graph_of(num_nodes, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num_nodes, FEATURES)).astype("float32")
    edges = rng.integers(0, num_nodes, (3 * num_nodes, 2))
    y = rng.integers(0, CLASSES, num_nodes)
    train = np.arange(num_nodes) % 2 == 0
    return Graph(x, edges, y=y, train_mask=train, val_mask=~train)


GRAPH = graph_of(50, 0)
# Of sizes that differ, so that the mean of the parts' losses is not that of the batch.
GRAPHS = [graph_of(4 + 3 * i, i) for i in range(7)]


def compiled(model, metrics="metrics", **arguments):
    model.compile(
        keras.optimizers.SGD(0.3, momentum=0.9),
        "sparse_categorical_crossentropy",
        **{metrics: ["accuracy", "sparse_categorical_crossentropy"]},
        **arguments,
    )
    return model


def sage(**arguments):
    return compiled(tfgraph.models.GraphSAGE(CLASSES, hidden_units=(8, 8)), **arguments)


def minibatches(nodes=None, form="blocks", fanouts=(None, None), **arguments):
    if isinstance(nodes, str) and nodes == "train":
        arguments |= {"shuffle": True, "seed": 3}
    return lambda shard: tfgraph.data.neighbor_batches(
        GRAPH, fanouts, 8, nodes=nodes, form=form, shard=shard, **arguments
    )


def unions(shuffle=False, **arguments):
    if shuffle:
        arguments |= {"shuffle": True, "seed": 3}
    return lambda shard: tfgraph.data.graph_batches(GRAPHS, 3, shard=shard, **arguments)


def whole_graphs(shuffle=False, labels=True):
    arguments = {"shuffle": True, "seed": 3} if shuffle else {}
    y = np.arange(len(GRAPHS)) % CLASSES if labels else None
    return lambda shard: tfgraph.data.whole_graph_batches(
        GRAPHS, y, batch_size=3, shard=shard, form="dense", **arguments
    )


def gcn():
    return compiled(tfgraph.models.GCN(CLASSES, hidden_units=(8,), dropout=0.0))


def readout():
    x, a = keras.Input((None, FEATURES)), keras.Input((None, None))
    mask = keras.Input((None,), dtype="bool")
    h = tfgraph.layers.GCNConv(8, activation="relu")([x, a])
    h = tfgraph.layers.Readout("mean")([h, mask])
    outputs = keras.layers.Dense(CLASSES, activation="softmax")(h)
    return compiled(keras.Model([x, a, mask], outputs))


def regularized():
    """A model with regularisers, and a loss that is one number, not one for a row."""
    x, a = keras.Input((FEATURES,)), keras.Input((None,), sparse=True)
    h = tfgraph.layers.GCNConv(8, "relu", kernel_regularizer="l2")([x, a])
    h = keras.layers.BatchNormalization(synchronized=True)(h)
    outputs = keras.layers.Dense(CLASSES, "softmax", kernel_regularizer="l2")(h)
    model = keras.Model([x, a], outputs)

    def loss(y, y_pred):
        losses = keras.losses.sparse_categorical_crossentropy(y, y_pred)
        # Of no rows, 0: an empty part has a number, too.
        count = tf.cast(tf.size(losses), losses.dtype)
        return tf.math.divide_no_nan(tf.reduce_sum(losses), count)

    model.compile(keras.optimizers.SGD(0.3), loss, metrics=["accuracy"])
    return model


# The model, and its batches to train, to evaluate and to predict.
CASES = {
    "blocks": (
        lambda: sage(steps_per_execution=2),
        minibatches("train"),
        minibatches("val"),
        minibatches(np.arange(49), labels=False),
    ),
    "graph_tensor": (
        lambda: sage(metrics="weighted_metrics"),
        minibatches("train", "graph_tensor"),
        minibatches("val", "graph_tensor"),
        unions(form="graph_tensor", labels=False),
    ),
    "sparse": (gcn, unions(shuffle=True), unions(), unions(labels=False)),
    "class weights": (
        gcn,
        unions(shuffle=True, class_weight={0: 4.0, 1: 1.0, 2: 0.25}),
        unions(),
        unions(labels=False),
    ),
    "one number": (regularized, unions(True), unions(), unions(labels=False)),
    "dense": (
        readout,
        whole_graphs(shuffle=True),
        whole_graphs(),
        whole_graphs(labels=False),
    ),
}


@functools.cache
def results(name, strategy=None):
    """Returns what a case gives: a dict of arrays."""
    make_model, *makers = CASES[name]
    keras.utils.set_random_seed(0)
    with (strategy or tf.distribute.get_strategy()).scope():
        model = make_model()
    train, val, test = (tfgraph.distribute.batches(model, make) for make in makers)
    weights = []
    callbacks = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: weights.append(flat(model))
    )
    history = model.fit(
        train,
        validation_data=val,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[callbacks],
    )
    found = {f"history {key}": v for key, v in history.history.items()}
    found["weights"] = weights
    found["evaluate"] = model.evaluate(val, verbose=0)
    found["predict"] = model.predict(test, verbose=0)
    return {f"{name}: {key}": np.asarray(v) for key, v in found.items()}


def backed_up(strategy, directory, kill=None):
    """Trains 4 epochs with backups, and returns the weights after each.

    Args:
        strategy: A strategy, or None.
        directory: Where "backup" is or will be.
        kill: "kill" for a SIGKILL of the last worker in the third epoch, "kill writer"
            for one of the writer as it writes after that epoch, "stop" for an error in
            that epoch, else None.
    """
    keras.utils.set_random_seed(0)
    with (strategy or tf.distribute.get_strategy()).scope():
        model = compiled(
            tfgraph.models.GraphSAGE(CLASSES, hidden_units=(8, 8), dropout=0.5)
        )
    train = tfgraph.distribute.batches(model, minibatches(np.arange(25)))
    epochs, weights = [], []

    class Killer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            epochs.append(epoch)
            if kill == "stop" and epoch == 2:
                raise InterruptedError
            if kill == "kill writer" and epoch == 2:
                os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)

        def on_train_batch_begin(self, batch, logs=None):
            is_last = '"index": 1' in os.environ.get("TF_CONFIG", "")
            if kill == "kill" and is_last and len(epochs) == 3 and batch == 1:
                os.kill(os.getpid(), signal.SIGKILL)

        def on_epoch_end(self, epoch, logs=None):
            weights.append(flat(model))

    backup = tfgraph.callbacks.BackupAndRestore(directory / "backup")
    model.fit(train, epochs=4, verbose=0, shuffle=False, callbacks=[Killer(), backup])
    return {"epochs": epochs, "weights": weights}


def flat(model):
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


def strategy_of(argument):
    if argument == "worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    strategy = strategy_of(sys.argv[1])
    path, *names = sys.argv[2:]
    found = {}
    for name in names:
        if name in CASES:
            found |= results(name, strategy)
            np.savez(path, **found)
        else:
            np.savez(path, **backed_up(strategy, Path(path).parent, name))

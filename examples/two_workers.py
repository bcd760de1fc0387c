"""GraphSAGE trained by two workers on this machine: Pubmed.

    python examples/two_workers.py

Starts itself twice, as workers of `tf.distribute.MultiWorkerMirroredStrategy`. On
several machines, start it on each with `TF_CONFIG` set.
"""

import json
import os
import socket
import subprocess
import sys


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for found in sockets:
        found.bind(("localhost", 0))
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


if "TF_CONFIG" not in os.environ:
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    workers = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": cluster, "task": task})
        environment = {**os.environ, "TF_CONFIG": config}
        workers.append(subprocess.Popen([sys.executable, __file__], env=environment))
    sys.exit(max(worker.wait() for worker in workers))

import keras
import tensorflow as tf

import tfgraph

# First of all: it waits for the other workers.
strategy = tf.distribute.MultiWorkerMirroredStrategy()
is_first = strategy.cluster_resolver.task_id == 0

keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("pubmed").row_normalized()
with strategy.scope():
    model = tfgraph.models.GraphSAGE(
        graph.num_classes, hidden_units=[64, 64], dropout=0.5
    )
    model.compile(
        keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def minibatches(nodes, batch_size, **arguments):
    """Each worker takes its part of every batch."""
    return tfgraph.distribute.batches(
        model,
        lambda shard: tfgraph.data.neighbor_batches(
            graph, (25, 10), batch_size, nodes=nodes, shard=shard, **arguments
        ),
    )


model.fit(
    minibatches("train", 20, shuffle=True, seed=0),
    validation_data=minibatches("val", 500),
    epochs=10,
    shuffle=False,
    verbose=2 if is_first else 0,
    # Killed and started again, training goes on after the last epoch.
    callbacks=[tfgraph.callbacks.BackupAndRestore("backup")],
)
_, accuracy = model.evaluate(minibatches("test", 500), verbose=0)
if is_first:
    print(f"Test accuracy: {accuracy:.3f}")

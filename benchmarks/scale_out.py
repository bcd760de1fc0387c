"""Training by one worker and by two on this machine: `python benchmarks/scale_out.py`.

GraphSAGE on sampled blocks of a random graph, with the same batches and as many threads
for each worker. Prints one JSON line: steps a second of one worker and of two, their
ratio, and the share of a step of two workers that is all-reduce.

The share is one minus the time of the same step without all-reduce (each worker alone,
with a part of each batch, while the other runs too) over the time with it.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time

WARM_UP = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50_000)
    parser.add_argument("--degree", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1, help="of each worker")
    parser.add_argument("--role", choices=["one", "part", "worker"])
    arguments = parser.parse_args()
    if arguments.role:
        print(json.dumps(seconds_of_a_step(arguments)))
        return
    [one] = run(["one"])
    parts = run(["part", "part"])
    two = max(run(["worker", "worker"]))
    result = {
        "steps_per_s_1": 1 / one,
        "steps_per_s_2": 1 / two,
        "ratio": one / two,
        "all_reduce_share": max(0.0, 1 - max(parts) / two),
    }
    print(json.dumps({name: round(value, 3) for name, value in result.items()}))


def run(roles):
    """Returns what a process for each role prints."""
    sockets = [socket.socket() for _ in roles]
    for found in sockets:
        found.bind(("localhost", 0))
    hosts = [f"localhost:{found.getsockname()[1]}" for found in sockets]
    for found in sockets:
        found.close()
    processes = []
    for index, role in enumerate(roles):
        environment = dict(os.environ)
        if role == "worker":
            task = {"type": "worker", "index": index}
            config = {"cluster": {"worker": hosts}, "task": task}
            environment["TF_CONFIG"] = json.dumps(config)
        command = [sys.executable, __file__, *sys.argv[1:], "--role", role]
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        )
    return [json.loads(process.communicate()[0]) for process in processes]


def seconds_of_a_step(arguments):
    import keras
    import numpy as np
    import tensorflow as tf

    import tfgraph

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    strategy = tf.distribute.get_strategy()
    if arguments.role == "worker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    rng = np.random.default_rng(0)
    size = (arguments.nodes * arguments.degree, 2)
    graph = tfgraph.data.Graph(
        rng.normal(size=(arguments.nodes, 128)).astype("float32"),
        rng.integers(0, arguments.nodes, size),
        y=rng.integers(0, 10, arguments.nodes),
    )
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = tfgraph.models.GraphSAGE(10, hidden_units=[256, 256])
        model.compile("adam", "sparse_categorical_crossentropy")
    nodes = np.arange((WARM_UP + arguments.steps) * arguments.batch_size)
    is_part = arguments.role == "part"
    batches = tfgraph.distribute.batches(
        model,
        lambda shard: tfgraph.data.neighbor_batches(
            graph,
            (10, 10),
            arguments.batch_size,
            nodes=nodes,
            seed=0,
            shard=(0, 2) if is_part else shard,
        ),
    )
    ends = []
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    model.fit(batches, verbose=0, shuffle=False, callbacks=[callback])
    return float(np.mean(np.diff(ends[WARM_UP:])))


if __name__ == "__main__":
    main()

# %% [markdown]
# # Several workers, and graphs larger than memory
#
# At the end of this page you know three steps from a laptop to several machines: files
# in place of memory, several workers for training, and sampling by Apache Beam where no
# machine holds the graph. Two devices of this machine stand for two workers here. What
# needs more machines is shown, but not run.

# %%
import keras
import numpy as np
import tensorflow as tf

import tfgraph

# First of all: the processor as two devices, for the second part of this page.
[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    cpu, 2 * [tf.config.LogicalDeviceConfiguration()]
)

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
num_nodes = 20_000
graph = tfgraph.data.Graph(
    rng.normal(size=(num_nodes, 16)),
    rng.integers(num_nodes, size=(100_000, 2)),
    y=rng.integers(3, size=num_nodes),
)

# %% [markdown]
# ## A graph in files
#
# `save` writes a folder with an array in each file. `load` opens them as memory maps:
# the system reads what is used, and drops it when memory is short.

# %%
graph.save("graph")
graph = tfgraph.data.Graph.load("graph")
print(graph)
print(type(graph.x).__name__)

# %% [markdown]
# Sampling reads the rows that it draws. `predict_nodes` computes all nodes layer by
# layer, and `out=` lets it write to a file, too:

# %%
model = tfgraph.models.GraphSAGE(3, hidden_units=[32])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
batches = tfgraph.data.neighbor_batches(
    graph, (10,), batch_size=1024, shuffle=True, seed=0
)
model.fit(batches, epochs=1, shuffle=False, verbose=0)
predictions = tfgraph.inference.predict_nodes(
    model, graph, verbose=0, out="predictions.npy"
)
print(predictions.shape, type(predictions).__name__)

# %% tags=["hidden"]
assert isinstance(predictions, np.memmap) and isinstance(graph.x, np.memmap)
whole = model.predict(tfgraph.data.full_batch(graph), verbose=0)
np.testing.assert_allclose(predictions, whole, atol=1e-4)

# %% [markdown]
# ## Several workers
#
# A strategy of `tf.distribute` trains copies of a model, the replicas. Each takes a
# part of every batch, and all make the same step. Keras itself would cut a graph apart
# to share it. `distribute.batches` gives each replica whole samples instead: it calls
# your function with the number of a part and the number of all parts, and you pass this
# pair on as `shard`. Here two devices have a replica each:


# %%
def compiled():
    keras.utils.set_random_seed(0)
    model = tfgraph.models.GraphSAGE(3, hidden_units=[32])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


def minibatches(shard=None):
    return tfgraph.data.neighbor_batches(
        graph, (None,), batch_size=1024, nodes=range(4096), shard=shard
    )


strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
with strategy.scope():
    shared = compiled()
shared.fit(
    tfgraph.distribute.batches(shared, minibatches), epochs=1, shuffle=False, verbose=0
)
print(f"Replicas: {strategy.num_replicas_in_sync}")

# %% [markdown]
# `fanouts=(None,)` takes all neighbours, so nothing is drawn at random. Then one
# process comes to the same weights:

# %%
alone = compiled()
alone.fit(minibatches(), epochs=1, shuffle=False, verbose=0)
pairs = zip(shared.get_weights(), alone.get_weights(), strict=True)
difference = max(np.abs(a - b).max() for a, b in pairs)
print(f"Largest difference of a weight: {difference:.0e}")

# %% tags=["hidden"]
assert strategy.num_replicas_in_sync == 2 and difference < 1e-5
start = compiled()
start(next(iter(minibatches()))[0])
assert np.abs(start.get_weights()[0] - alone.get_weights()[0]).max() > 1e-3

# %% [markdown]
# A part is a run of consecutive seeds of the batch:

# %%
for part in (0, 1):
    (x, (adjacency,)), y = next(iter(minibatches(shard=(part, 2))))
    print(f"part {part}: {len(y)} seeds, {x.shape[0]} nodes")

# %% tags=["hidden"]
np.testing.assert_array_equal(y, graph.y[512:1024])

# %% [markdown]
# On several machines, only the strategy is another one. Each machine runs this script.
# The environment variable `TF_CONFIG` tells it the addresses of all and its own number:
#
# ```sh
# export TF_CONFIG='{
#   "cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]},
#   "task": {"type": "worker", "index": 0}
# }'
# ```
#
# ```python
# # First of all: it waits for the other workers.
# strategy = tf.distribute.MultiWorkerMirroredStrategy()
#
# with strategy.scope():
#     model = compiled()
# model.fit(
#     tfgraph.distribute.batches(model, minibatches),
#     epochs=10,
#     shuffle=False,
#     callbacks=[tfgraph.callbacks.BackupAndRestore("backup")],
# )
# ```
#
# `batch_size` is that of all workers together. If a worker is killed, all stop. Start
# them again, and `BackupAndRestore` goes on after the last epoch.
#
# `python examples/two_workers.py` does this with two workers on your machine, on
# Pubmed.
#
# ## Larger than memory
#
# If no machine holds the graph, TF-GNN's sampler draws the samples once, on Apache
# Beam: on this machine, or on Dataflow, Flink or Spark. It needs `pip install
# "tfgraph[beam]"`.
#
# ```sh
# python -m tfgraph.beam --tables=tables --seeds=train.csv \
#     --sampling_spec=sampling.pbtxt --samples=train.tfrecord@2
# ```
#
# `tfgraph.beam.write_tables`, `write_seeds` and `write_sampling_spec` write these files
# from a graph, and `tfgraph.beam.sample_batches` reads the samples as batches for
# `fit`. `examples/larger_than_memory.py` does all of it, from tables to a served model.
#
# ## Where to go next
#
# - [Several workers](../reference/distribute.md): what is equal to one process, and the
#   errors of Keras.
# - [Graphs larger than memory](../reference/beam.md): the tables, and Beam's runners.
# - [Large graphs by sampling](sampling.md): the same training in one process.

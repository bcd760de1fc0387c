# %% [markdown]
# # Several workers, and graphs larger than memory
#
# At the end of this page you know three steps from a laptop to several machines: files
# in place of memory, several workers for training, and sampling by Apache Beam where no
# machine holds the graph.

# %%
import keras
import numpy as np

import tfgraph

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
# `tf.distribute` trains copies of a model, each on its part of every batch. Keras
# itself would cut graphs apart. `distribute.batches` gives each copy whole samples
# instead:
#
# ```python
# strategy = tf.distribute.MultiWorkerMirroredStrategy()  # first of all
# with strategy.scope():
#     model = tfgraph.models.GraphSAGE(3, hidden_units=[32])
#     model.compile("adam", "sparse_categorical_crossentropy")
#
# batches = tfgraph.distribute.batches(
#     model,
#     lambda shard: tfgraph.data.neighbor_batches(
#         graph, (10,), batch_size=1024, shuffle=True, seed=0, shard=shard
#     ),
# )
# model.fit(
#     batches,
#     epochs=10,
#     shuffle=False,
#     callbacks=[tfgraph.callbacks.BackupAndRestore("backup")],
# )
# ```
#
# `batch_size` is that of all workers together. With all neighbours, the weights are
# those of one process. A worker that was killed and started again goes on after the
# last epoch. `python examples/two_workers.py` starts two on your machine.
#
# What a worker gets is a part of each batch, a run of consecutive seeds:

# %%
seeds = range(8)
for part in (0, 1):
    data = tfgraph.data.neighbor_batches(
        graph, (None,), batch_size=8, nodes=seeds, shard=(part, 2)
    )
    (x, (adjacency,)), y = data.get_single_element()
    print(f"part {part}: {len(y)} seeds, {x.shape[0]} nodes")

# %% tags=["hidden"]
np.testing.assert_array_equal(y, graph.y[4:8])

# %% [markdown]
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

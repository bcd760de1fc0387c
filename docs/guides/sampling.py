# %% [markdown]
# # Large graphs by sampling
#
# A graph of millions of nodes does not fit into one batch. At the end of this page you
# train on small batches of nodes, each with a sample of its neighbours, and predict for
# all nodes. This is how GraphSAGE
# ([Hamilton et al., 2017](https://arxiv.org/abs/1706.02216)) learns.

# %%
import keras
import numpy as np

import tfgraph

keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("pubmed").row_normalized()
print(graph)

# %% [markdown]
# Pubmed is small enough to try it: 19,717 papers of three subjects, with the citations
# between them.
#
# ## A batch, drawn
#
# The nodes that a batch is about are its seeds. With the fan-outs `(3, 2)`, a seed gets
# two neighbours, and each of these gets three. A batch of one seed, as a graph:

# %% alt="A seed in the middle, two neighbours, and three neighbours of each"
seed = int(graph.test_mask.nonzero()[0][0])
one = tfgraph.data.neighbor_batches(
    graph, (3, 2), batch_size=1, nodes=[seed], form="graph_tensor", seed=0
)
sample, _, weight = one.get_single_element()
drawn = tfgraph.data.Graph.from_graph_tensor(sample)
kinds = np.where(weight.numpy() > 0, 0, 1)
tfgraph.plots.graph(
    drawn, kinds, class_names=["seed", "drawn"], title="Messages go to the seed"
)

# %% [markdown]
# **The fan-outs have the order of the layers.** The first number is for the first
# layer, the farthest from the seeds. The last number is for the direct neighbours of
# the seeds. DGL has the same order, PyG the reverse.
#
# For training there is a smaller form: blocks. A block is the matrix of one layer, with
# only the nodes that this layer needs. Two fan-outs are for a model of two layers:

# %%
fanouts = (25, 10)
batches = tfgraph.data.neighbor_batches(
    graph, fanouts, batch_size=20, nodes="train", shuffle=True, seed=0
)
(x, adjacencies), y = next(iter(batches))
print("features", x.shape)
for layer, adjacency in enumerate(adjacencies):
    print(f"layer {layer}: from {adjacency.shape[1]} nodes to {adjacency.shape[0]}")
print("labels", y.shape)

# %% tags=["hidden"]
assert adjacencies[1].shape[0] == 20 == y.shape[0]
assert adjacencies[0].shape[1] == x.shape[0] < 20 + 20 * 10 * 26

# %% [markdown]
# The labels are those of the 20 seeds. So metrics are plain `metrics` here, and no node
# needs a sample weight.
#
# ## Train

# %%
model = tfgraph.models.GraphSAGE(graph.num_classes, hidden_units=[64, 64], dropout=0.5)
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    batches,
    validation_data=tfgraph.data.neighbor_batches(graph, fanouts, 500, nodes="val"),
    epochs=10,
    shuffle=False,
    verbose=0,
)
print(f"Validation accuracy: {history.history['val_accuracy'][-1]:.2f}")

# %% [markdown]
# `shuffle=True` in `neighbor_batches` draws the seeds in a new order in each epoch.
# `shuffle=False` in `fit` is about arrays. Neighbours are drawn anew in each epoch.
#
# ## Predict for all nodes
#
# At the end, a node should hear from all its neighbours. `predict_nodes` computes one
# layer for all nodes, in batches, before the next. So it draws nothing, computes no
# node twice, and never holds the graph in one batch.

# %%
probabilities = tfgraph.inference.predict_nodes(
    model, graph, batch_size=4096, verbose=0
)
right = probabilities.argmax(axis=1) == graph.y
accuracy = right[graph.test_mask].mean()
print(f"Test accuracy: {accuracy:.2f}")

# %% tags=["hidden"]
assert accuracy > 0.7
(full,) = tfgraph.data.full_batch(graph).get_single_element()
np.testing.assert_allclose(model(full), probabilities, atol=1e-4)

# %% [markdown]
# ## Draw by weight
#
# `by_weight=True` draws an edge with a probability proportional to its weight. Here
# node 0 has two neighbours, and the edge from node 2 weighs nine times as much as that
# from node 1. A thousand edges are drawn. These are the entries of the block, by
# neighbour:

# %%
star = tfgraph.data.Graph(
    x=[[0], [1], [2]],  # the numbers of the nodes
    edges=[(1, 0), (2, 0)],
    edge_weight=[1, 9],
)
shares = {}
for by_weight in (False, True):
    draws = tfgraph.data.neighbor_batches(
        star,
        fanouts=(1000,),
        batch_size=1,
        nodes=[0],
        labels=False,
        seed=0,
        by_weight=by_weight,
    )
    (inputs,) = draws.get_single_element()
    x, (block,) = inputs
    senders = x.numpy()[block.indices.numpy()[:, 1], 0].astype(int).tolist()
    entries = dict(zip(senders, block.values.numpy().astype(int).tolist(), strict=True))
    shares[by_weight] = entries[2] / sum(entries.values())
    print(f"by_weight={by_weight}: {entries}, of node 2 {shares[by_weight]:.0%}")

# %% tags=["hidden"]
assert 0.87 < shares[False] < 0.93 and 0.87 < shares[True] < 0.93
assert sum(entries.values()) == 1000

# %% [markdown]
# By default both edges are drawn alike, and an entry is the number of draws times the
# weight. With `by_weight=True`, an entry is the number of draws. The share of each
# neighbour is the same, on average. But heavy edges get most of the draws, which pays
# if the fan-out is small.
#
# A node with fewer neighbours than the fan-out gets some of them several times, as in
# the paper. `replacement="never"` gives it each neighbour once.
#
# ## Other models, other features
#
# - `models.GAT` takes the same batches. `models.GCN` needs the degrees of all
#   neighbours, so it takes `form="graph_tensor"`.
# - `sparse_features=True` passes sparse features on as they are.
# - `replacement="always"` gives all batches the same shapes, for `jit_compile=True`.
#
# ## Where to go next
#
# - [Several workers, and graphs larger than memory](scale_out.md): features and
#   predictions in files, and sampling by Apache Beam.
# - [Several graphs](inductive.md): predict for graphs that training did not see.
# - [Save, export, serve](serving.md): `export_block_model` serves such a model.
# - [Batches for fit](../reference/data/pipelines.md): all arguments.

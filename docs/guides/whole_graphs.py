# %% [markdown]
# # Whole graphs and DiffPool
#
# At the end of this page you have a classifier of graphs: is a molecule mutagenic or
# not? You will also see the clusters of atoms that it found. DiffPool ([Ying et al.,
# 2018](https://arxiv.org/abs/1806.08804)) learns which nodes of a graph belong
# together. It pools them to a smaller graph of clusters, and classifies from both.

# %%
import keras
import numpy as np

import tfgraph

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Graphs and their classes
#
# MUTAG has 188 molecules, each with a class. Features say which element an atom is.
# `stratified_folds` deals the graphs out to five parts in which the classes are alike.
# Three of them train, and two test.

# %%
graphs, labels = tfgraph.data.tu("MUTAG")
train, *rest = tfgraph.data.stratified_folds(labels, num_folds=5)[0]
test = np.concatenate(rest)
sizes = [graph.num_nodes for graph in graphs]
print(graphs[0])
print(f"{len(train)} graphs to train on, {len(test)} to test")
print(f"Nodes: {min(sizes)} to {max(sizes)}")

# %% [markdown]
# ## Batches
#
# A batch is the union of its graphs, as in [Several graphs](inductive.md). A third
# input says which graph each node belongs to:


# %%
def batches(part, **arguments):
    chosen = [graphs[i] for i in part]
    return tfgraph.data.whole_graph_batches(
        chosen, labels[part], batch_size=20, **arguments
    )


(x, adjacency, graph_ids), y = next(iter(batches(train)))
print(x.shape, adjacency.shape, y.shape)
print("Nodes of each graph:", np.bincount(graph_ids))

# %% tags=["hidden"]
assert np.bincount(graph_ids).tolist() == [graphs[i].num_nodes for i in train[:20]]

# %% [markdown]
# ## Train
#
# `ratio=0.25` lets a graph have a quarter as many clusters as `max_nodes`.
# `link_loss_weight` is the weight of an extra loss, by which nodes with an edge come to
# the same cluster.

# %%
model = tfgraph.models.DiffPoolClassifier(
    2, 32, ratio=0.25, max_nodes=max(sizes), num_convolutions=2, link_loss_weight=0.1
)
model.compile(
    keras.optimizers.Adam(0.003, clipnorm=2.0),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,  # also on a GPU, as batches differ in size
)
history = model.fit(
    batches(train, shuffle=True, seed=0),
    validation_data=batches(test),
    epochs=15,
    shuffle=False,
    verbose=0,
)
accuracy = model.evaluate(batches(test), verbose=0, return_dict=True)["accuracy"]
most = np.bincount(labels[test]).max() / len(test)
print(f"Test accuracy: {accuracy:.0%}")
print(f"If all were of the larger class: {most:.0%}")

# %% tags=["hidden"]
assert accuracy > most + 0.05

# %% alt="Loss and accuracy over the epochs, in training and validation"
tfgraph.plots.training_curves(history)

# %% [markdown]
# The test graphs serve as validation here, to show how training goes. If you choose
# epochs or sizes by them, the test accuracy is too good. Then take the three parts of
# `stratified_folds`: training, validation and test.
#
# With so few graphs, the accuracy depends much on the split. For results, take the mean
# of all folds.
#
# ## The clusters
#
# The first of `model.poolings` gives the share of each node in each cluster. This is
# the largest of the test graphs:

# %% alt="A molecule with its atoms in the colours and shapes of their clusters"
graph = max((graphs[i] for i in test), key=lambda graph: graph.num_nodes)
inputs = (graph.x, graph.to_sparse_tensor(), np.zeros(graph.num_nodes, "int64"))
*_, assignment = model.poolings[0](inputs, return_assignment=True)
print(f"{graph.num_nodes} nodes, shares in {assignment.shape[-1]} clusters")
symbols = np.array(["C", "N", "O", "F", "I", "Cl", "Br"])  # as the set's README says
tfgraph.plots.clusters(inputs[1], assignment, names=symbols[graph.x.argmax(axis=1)])

# %% tags=["hidden"]
np.testing.assert_allclose(np.sum(assignment, axis=1), 1, rtol=1e-5)
assert 1 < len(set(np.argmax(assignment, axis=1).tolist())) <= 7

# %% [markdown]
# ## Padding and budgets
#
# XLA, which Keras uses on a GPU, compiles for each new shape. `form="dense"` with
# `num_nodes` pads all graphs to one size, so it compiles once. The third input is then
# a mask, and the results are the same:

# %%
padded = batches(test, form="dense", num_nodes=max(sizes))
(x, adjacency, mask), y = next(iter(padded))
results = model.evaluate(padded, verbose=0, return_dict=True)
print(x.shape, adjacency.shape, mask.shape)
print(f"Test accuracy: {results['accuracy']:.0%}")

# %% tags=["hidden"]
assert results["accuracy"] == accuracy

# %% [markdown]
# If sizes differ much, a batch of large graphs may not fit into memory. `max_nodes` and
# `max_edges` are budgets: a batch has fewer graphs if these are large. No graph is left
# out.

# %%
for limit in (None, 200):
    counts = [len(y) for _, y in batches(train, max_nodes=limit)]
    print(f"max_nodes={limit}: graphs in a batch {counts}")

# %% tags=["hidden"]
assert sum(counts) == len(train) and max(counts) < 20

# %% [markdown]
# ## A model of your own
#
# `Readout` makes one row of the nodes of each graph: their sum, mean or maximum. Any
# convolution fits before it, and any Keras layer after it:

# %%
x = keras.Input((graph.num_features,), name="x")
adjacency = keras.Input((None,), sparse=True, name="adjacency")
graph_ids = keras.Input((), dtype="int64", name="graph_ids")
h = tfgraph.layers.GINEConv(32, activation="relu")([x, adjacency])
h = tfgraph.layers.GINEConv(32, activation="relu")([h, adjacency])
h = tfgraph.layers.Readout("sum")([h, graph_ids])
y = keras.layers.Dense(2, activation="softmax")(h)
small = keras.Model([x, adjacency, graph_ids], y)
small.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
small.fit(batches(train, shuffle=True, seed=0), epochs=10, shuffle=False, verbose=0)
accuracy = small.evaluate(batches(test), verbose=0, return_dict=True)["accuracy"]
print(f"Test accuracy: {accuracy:.0%}")

# %% tags=["hidden"]
assert accuracy > most + 0.05

# %% [markdown]
# `examples/graph_classification.py` is the whole script for DiffPool.
#
# ## Where to go next
#
# - [Several graphs](inductive.md): a label for each node of many graphs.
# - [Layers](../reference/layers.md): `DiffPool`, `Readout`, `Set2Set` and
#   `Structure2VecConv`.
# - [Models](../reference/models.md): the variants of DiffPool in the paper.

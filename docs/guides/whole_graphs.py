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
from tfgraph.layers import DiffPool, GCNConv, Readout, SAGEConv

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Graphs and their classes
#
# The data are a list of `Graph`s, and an array with a class for each. Graphs of your
# own are made by `tfgraph.data.Graph(x, edges)`.
#
# MUTAG has 188 molecules, each with a class. Features say which element an atom is.
# `stratified_folds` deals the graphs out to five parts in which the classes are alike.
# Three parts train, one validates, and one tests.

# %%
graphs, labels = tfgraph.data.tu("MUTAG")
train, val, test = tfgraph.data.stratified_folds(labels, num_folds=5)[0]
sizes = [graph.num_nodes for graph in graphs]
print(graphs[0])
print(f"{len(train)} graphs train, {len(val)} validate, {len(test)} test")
print(f"Nodes: {min(sizes)} to {max(sizes)}")

# %% [markdown]
# Each part has one purpose. The training graphs set the weights. The validation graphs
# choose: a model, its arguments, the number of epochs. The test graphs are used once,
# at the end. If they choose, too, their accuracy is too good. The step size and the
# convolutions below were chosen by the validation graphs.

# %% [markdown]
# ## Batches
#
# A batch is the union of its graphs, as in [Several graphs](inductive.md). A third
# input says which graph each node belongs to:


# %%
def batches(part, **arguments):
    chosen = [graphs[i] for i in part]
    return tfgraph.data.whole_graph_batches(
        chosen, labels[part], batch_size=28, **arguments
    )


(x, adjacency, graph_ids), y = next(iter(batches(train)))
print(x.shape, adjacency.shape, y.shape)
print("Nodes of each graph:", np.bincount(graph_ids))

# %% tags=["hidden"]
assert np.bincount(graph_ids).tolist() == [graphs[i].num_nodes for i in train[:28]]

# %% [markdown]
# ## Train
#
# `ratio=0.25` lets a graph have a quarter as many clusters as `max_nodes`.
# `link_loss_weight` is the weight of an extra loss, by which nodes with an edge come to
# the same cluster. `EarlyStopping` takes back the weights of the epoch that was best in
# validation:


# %%
def trained(model, epochs=15):
    """Trains a model. Returns the history and the best validation accuracy."""
    model.compile(
        keras.optimizers.Adam(0.01, clipnorm=2.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    best = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=epochs, restore_best_weights=True
    )
    history = model.fit(
        batches(train, shuffle=True, seed=0),
        validation_data=batches(val),
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[best],
    )
    return history, max(history.history["val_accuracy"])


ready = tfgraph.models.DiffPoolClassifier(
    2, 32, ratio=0.25, max_nodes=max(sizes), num_convolutions=2, link_loss_weight=0.1
)
history, ready_accuracy = trained(ready)
print(f"Validation accuracy: {ready_accuracy:.0%}")

# %% alt="Loss and accuracy over the epochs, in training and validation"
tfgraph.plots.training_curves(history)

# %% [markdown]
# ## A model of your own
#
# `DiffPool` is a layer, too. It takes two layers: `embedding` gives each node its
# features, and `assignment` its share in each cluster. It returns the features of the
# clusters and the graph between them, as a dense adjacency. Any convolution takes that.
# `Readout` makes one row of each graph: the sum, mean or maximum of its nodes.

# %%
x = keras.Input((graphs[0].num_features,), name="x")
adjacency = keras.Input((None,), sparse=True, name="adjacency")
graph_ids = keras.Input((), dtype="int64", name="graph_ids")
h = GCNConv(32, activation="relu")([x, adjacency])
clusters, cluster_adjacency = DiffPool(
    embedding=GCNConv(32, activation="relu"),
    assignment=SAGEConv(7),  # 7 clusters
    link_loss_weight=0.1,
    entropy_loss_weight=0.1,
)([h, adjacency, graph_ids])
clusters = GCNConv(32, activation="relu")([clusters, cluster_adjacency])
parts = [Readout("sum")([h, graph_ids]), Readout("sum")(clusters)]
y = keras.layers.Dense(2, activation="softmax")(keras.layers.Concatenate()(parts))
own = keras.Model([x, adjacency, graph_ids], y)
_, own_accuracy = trained(own)
print(f"Validation accuracy: {own_accuracy:.0%}")

# %% [markdown]
# ## Test once
#
# The model that was better in validation is tested:

# %%
model = own if own_accuracy > ready_accuracy else ready
accuracy = model.evaluate(batches(test), verbose=0, return_dict=True)["accuracy"]
most = np.bincount(labels[test]).max() / len(test)
print(f"Chosen: {'the model of our own' if model is own else 'DiffPoolClassifier'}")
print(f"Test accuracy: {accuracy:.0%}")
print(f"If all were of the larger class: {most:.0%}")
print(f"One test graph is {1 / len(test):.1%} of the accuracy")

# %% tags=["hidden"]
assert accuracy > most
assert min(ready_accuracy, own_accuracy) > most + 0.05

# %% [markdown]
# With so few graphs, the accuracy depends much on the split. For results, take the mean
# over all folds. `benchmarks/reproduce.py` does so.
#
# ## The clusters
#
# What did `DiffPoolClassifier` find? The first of its `poolings` gives the share of
# each node in each cluster. This is the largest of the validation graphs:

# %% alt="A molecule with its atoms in the colours and shapes of their clusters"
graph = max((graphs[i] for i in val), key=lambda graph: graph.num_nodes)
inputs = (graph.x, graph.to_sparse_tensor(), np.zeros(graph.num_nodes, "int64"))
*_, assignment = ready.poolings[0](inputs, return_assignment=True)
print(f"{graph.num_nodes} nodes, shares in {assignment.shape[-1]} clusters")
symbols = np.array(["C", "N", "O", "F", "I", "Cl", "Br"])  # as the set's README says
tfgraph.plots.clusters(inputs[1], assignment, names=symbols[graph.x.argmax(axis=1)])

# %% tags=["hidden"]
np.testing.assert_allclose(np.sum(assignment, axis=1), 1, rtol=1e-5)
assert 1 < len(set(np.argmax(assignment, axis=1).tolist())) <= 7

# %% [markdown]
# ## Padding and budgets
#
# XLA, by `compile(jit_compile=True)`, compiles for each new shape. `form="dense"` with
# `num_nodes` pads all graphs to one size, so it compiles once. The third input is then
# a mask, and the results are the same:

# %%
padded = batches(val, form="dense", num_nodes=max(sizes))
(x, adjacency, mask), y = next(iter(padded))
results = ready.evaluate(padded, verbose=0, return_dict=True)
print(x.shape, adjacency.shape, mask.shape)
print(f"Validation accuracy: {results['accuracy']:.0%}")

# %% tags=["hidden"]
assert abs(results["accuracy"] - ready_accuracy) < 1e-6

# %% [markdown]
# If sizes differ much, a batch of large graphs may not fit into memory. `max_nodes` and
# `max_edges` are budgets: a batch has fewer graphs if these are large. No graph is left
# out.

# %%
for limit in (None, 200):
    counts = [len(y) for _, y in batches(train, max_nodes=limit)]
    print(f"max_nodes={limit}: graphs in a batch {counts}")

# %% tags=["hidden"]
assert sum(counts) == len(train) and max(counts) < 28

# %% [markdown]
# `examples/graph_classification.py` is the whole script for DiffPool.
#
# ## Where to go next
#
# - [Several graphs](inductive.md): a label for each node of many graphs.
# - [Layers](../reference/layers.md): `DiffPool`, `Readout`, `Set2Set` and
#   `Structure2VecConv`.
# - [Saving, exporting, serving](serving.md): `model.save`, and `export_model`.
# - [Models](../reference/models.md): the variants of DiffPool in the paper.

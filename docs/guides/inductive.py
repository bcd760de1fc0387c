# %% [markdown]
# # Several graphs
#
# A model can learn on some graphs and predict for others that it never saw. This is the
# inductive setting. At the end of this page a graph attention network names the atoms
# of new molecules, from their bonds alone.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np

import tfgraph

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Graphs that are alike
#
# MUTAG has 188 molecules. A node is an atom, an edge a bond. The features of an atom
# are its number of bonds, one-hot. Its label is the element. All graphs must have the
# same features and classes.

# %%
bonds, _ = tfgraph.data.tu("MUTAG", "degree", max_degree=4)
elements, _ = tfgraph.data.tu("MUTAG", "labels")
molecules = [
    graph.replace(
        y=element.dense_features().argmax(axis=1),
        class_names=["C", "N", "O", "F", "I", "Cl", "Br"],  # as the set's README says
    )
    for graph, element in zip(bonds, elements, strict=True)
]
order = np.random.default_rng(0).permutation(len(molecules))
train, val, test = (
    [molecules[i] for i in part] for part in np.split(order, [120, 150])
)
print(train[0])

# %% [markdown]
# The split is by graphs. There are no masks: all atoms of a training molecule train.
#
# ## A batch of graphs is one graph
#
# `graph_batches` joins the graphs of a batch to one: the nodes one after the other, and
# the adjacencies as blocks on the diagonal. No edge joins two molecules. So any model
# of one graph takes a batch, and gives each graph the result that it has alone.

# %%
batches = tfgraph.data.graph_batches(train, batch_size=20, shuffle=True, seed=0)
(x, adjacency), y = next(iter(batches))
print(f"Features {x.shape}, adjacency {adjacency.shape}, labels {y.shape}")

# %% [markdown]
# The entries of the adjacency of four molecules. Lines are drawn where one molecule
# ends:

# %% alt="Four blocks along the diagonal of a matrix, and nothing elsewhere"
union = tfgraph.data.disjoint_union(train[:4])
borders = np.cumsum([0] + [graph.num_nodes for graph in train[:4]])
figure, axes = plt.subplots(figsize=(4.5, 4.5))
axes.plot(*union.edges.T, "s", markersize=3, color="black")
axes.set(xlabel="sender", ylabel="receiver", xticks=borders, yticks=borders)
axes.grid()
axes.invert_yaxis()

# %% [markdown]
# ## Train on some, validate on others

# %%
model = tfgraph.models.GAT(
    7, hidden_units=[8, 8], num_heads=4, output_heads=4, residual=True, dropout=0.0
)
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    batches,
    validation_data=tfgraph.data.graph_batches(val, batch_size=30),
    epochs=20,
    shuffle=False,
    verbose=0,
)

# %% alt="Loss and accuracy over the epochs, in training and validation"
tfgraph.plots.training_curves(history)

# %% [markdown]
# ## Test on molecules never seen
#
# Does the model need the bonds? A dense layer sees each atom alone, with its number of
# bonds. It shows how far this goes.

# %%
tests = tfgraph.data.graph_batches(test, batch_size=len(test))
accuracy = model.evaluate(tests, verbose=0, return_dict=True)["accuracy"]

alone = keras.Sequential([keras.layers.Dense(7, activation="softmax")])
alone.compile(
    keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"]
)
alone.fit(
    np.concatenate([graph.x for graph in train]),
    np.concatenate([graph.y for graph in train]),
    epochs=20,
    verbose=0,
)
[((x, _), y)] = tests
accuracy_alone = alone.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]
print(f"Atoms with the right name, by their bonds: {accuracy:.1%}")
print(f"By their number of bonds only: {accuracy_alone:.1%}")

# %% tags=["hidden"]
assert accuracy > max(0.9, accuracy_alone + 0.03)

# %% [markdown]
# One of the test molecules. A dashed ring marks an atom that has a wrong name:

# %% alt="A molecule; its atoms are named by the symbols of their elements"
molecule = test[0]
one = tfgraph.data.graph_batches([molecule], 1, labels=False)
predicted = model.predict(one, verbose=0).argmax(axis=1)
names = molecule.class_names[predicted]
tfgraph.plots.graph(molecule, predicted=predicted, names=names, title="As predicted")

# %% tags=["hidden"]
batch = model.predict(tests.map(lambda inputs, y: (inputs,)), verbose=0)
alone_in_batch = batch[: molecule.num_nodes].argmax(axis=1)
np.testing.assert_array_equal(alone_in_batch, predicted)

# %% [markdown]
# ## Other cases
#
# **Features of very different scales**: `standardized` scales all graphs by the mean
# and the deviation of the training graphs.
#
# ```python
# train, val, test = tfgraph.data.standardized(train, val, test)
# ```
#
# **A few large graphs**: join them, and sample their nodes.
#
# ```python
# union = tfgraph.data.disjoint_union(train)
# batches = tfgraph.data.neighbor_batches(union, (10, 10), batch_size=512, shuffle=True)
# ```
#
# **One graph that grows**: train on the graph without the nodes that come later.
#
# ```python
# cora = tfgraph.data.planetoid("cora")
# known = cora.subgraph(~cora.test_mask)
# ```
#
# `examples/gat_inductive.py` and `examples/sage_inductive.py` learn on Twitch users of
# some languages, and are tested on those of another. Not every model fits: a
# `NodeEmbedding` has a vector for each node of training, and none for new ones.
#
# ## Where to go next
#
# - [Whole graphs](whole_graphs.md): one label for a graph, not for each node.
# - [Large graphs by sampling](sampling.md): when one graph is too large for a batch.
# - [Save, export, serve](serving.md): a request holds a graph of its own.
# - [Batches for fit](../reference/data/pipelines.md): all arguments.

# %% [markdown]
# # Graphs as inputs
#
# A layer takes a graph as a `tf.sparse.SparseTensor`, as a dense matrix, or as a
# `GraphTensor` of TF-GNN. At the end of this page you can pass a graph of your own in
# each of these forms. You will also know which way messages go.

# %%
import keras
import numpy as np
import tensorflow as tf

import tfgraph
from tfgraph.layers import GCNConv, SAGEConv

keras.utils.set_random_seed(0)

# %% [markdown]
# ## The direction of edges
#
# An edge goes from a source to a target, and so does its message. This graph has four
# nodes and four edges:

# %% alt="Four nodes with arrows: 0 to 1, 1 to 2, 3 to 2 and 2 to 3"
graph = tfgraph.data.Graph(
    x=[[1.0], [2.0], [3.0], [4.0]],
    edges=[(0, 1), (1, 2), (3, 2), (2, 3)],  # (source, target)
)
tfgraph.plots.graph(graph, names=range(4), title="Messages follow the arrows")

# %% [markdown]
# A line stands for edges in both directions, here between 2 and 3.
#
# As a matrix, `adjacency[i, j]` is the weight of the message from node `j` to node `i`.
# **Rows receive.** So the edge `0 -> 1` is the entry `[1, 0]`.

# %%
adjacency = graph.to_sparse_tensor()
print(tf.sparse.to_dense(adjacency).numpy())

# %% [markdown]
# A sum over the neighbours shows it. Row `i` of the product is the sum of the features
# of the nodes that send to node `i`. Node 2 gets 2 + 4:

# %%
received = tf.sparse.sparse_dense_matmul(adjacency, tf.constant(graph.x))
print(received.numpy())

# %% tags=["hidden"]
assert received.numpy().tolist() == [[0.0], [1.0], [6.0], [3.0]]

# %% [markdown]
# Node 0 receives nothing. If edges have no direction, as in friendships, a graph needs
# both entries of each. `symmetrized` adds the missing ones:

# %%
print(tf.sparse.to_dense(graph.symmetrized().to_sparse_tensor()).numpy())

# %% [markdown]
# Most models in papers are for such graphs. If you have edges as an array `[2, E]`, as
# PyG does, pass `edges=edge_index.T`.
#
# ## Three forms, one result
#
# The same layer takes all forms. A layer that is called with a `GraphTensor` alone
# reads the features from it.

# %%
layer = SAGEConv(3)
x = tf.constant(graph.x)
graph_tensor = graph.to_graph_tensor()

sparse = layer([x, adjacency])
dense = layer([x, tf.sparse.to_dense(adjacency)])
from_graph_tensor = layer(graph_tensor)

print(f"dense: {np.abs(sparse - dense).max():.0e}")
print(f"GraphTensor: {np.abs(sparse - from_graph_tensor).max():.0e}")

# %% tags=["hidden"]
np.testing.assert_allclose(sparse, dense, rtol=1e-5)
np.testing.assert_allclose(sparse, from_graph_tensor, rtol=1e-5)

# %% [markdown]
# Which one should you take?
#
# | form | take it for |
# | --- | --- |
# | SparseTensor | most graphs: memory and time grow with the number of edges |
# | dense `[N, N]` or `[B, N, N]` | small graphs with many edges, and batches of them |
# | GraphTensor | graphs with several sorts of nodes or edges, and TF-GNN's tools |
#
# ## Inputs of a functional model
#
# `full_batch` makes the data for `fit` in the form that you name. Each form has its own
# inputs; the layers stay the same. First, the karate club as a SparseTensor:


# %%
def fitted(model, form):
    """Trains a model, and prints how many sides it finds."""
    model.compile(
        keras.optimizers.Adam(0.02),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    train, test = (
        tfgraph.data.full_batch(club, split, form=form) for split in ("train", "test")
    )
    model.fit(train, epochs=60, shuffle=False, verbose=0)
    accuracy = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
    print(f"{form}: {accuracy:.0%} of the sides found")
    return accuracy


club = tfgraph.data.karate_club()
x = keras.Input((club.num_features,), name="x")
adjacency = keras.Input((None,), sparse=True, name="adjacency")
h = GCNConv(16, activation="relu")([x, adjacency])
y = GCNConv(2, activation="softmax")([h, adjacency])
accuracies = [fitted(keras.Model([x, adjacency], y), "sparse")]

# %% [markdown]
# A dense adjacency is the same input without `sparse=True`:

# %%
adjacency = keras.Input((None,), name="adjacency")
h = GCNConv(16, activation="relu")([x, adjacency])
y = GCNConv(2, activation="softmax")([h, adjacency])
accuracies.append(fitted(keras.Model([x, adjacency], y), "dense"))

# %% [markdown]
# For a GraphTensor, `tfgraph.GraphInput` makes the input from its specification:

# %%
inputs = tfgraph.GraphInput(club.to_graph_tensor().spec)
h = GCNConv(16, activation="relu")(inputs)
y = GCNConv(2, activation="softmax")([h, inputs])
accuracies.append(fitted(keras.Model(inputs, y), "graph_tensor"))

# %% tags=["hidden"]
assert min(accuracies) > 0.8

# %% [markdown]
# The results differ a little because each model starts with other random weights.
#
# A functional model refuses NumPy arrays beside a SparseTensor. Convert them with
# `tf.constant` or `keras.ops.convert_to_tensor`. A dataset has tensors already.
#
# ## Weights of edges
#
# Weights are the values of the SparseTensor or of the matrix. A GraphTensor has them as
# a feature of its edges, and a layer uses them if you name this feature:

# %%
weighted = graph.replace(edge_weight=[2.0, 1.0, 0.5, 1.0])
print(weighted.edges.tolist())
print(weighted.to_sparse_tensor().values.numpy())

convolution = GCNConv(3, edge_weight_name="weight")
x = tf.constant(graph.x)
one = convolution(weighted.to_graph_tensor())
other = convolution([x, weighted.to_sparse_tensor()])
print(f"difference: {np.abs(one - other).max():.0e}")

# %% tags=["hidden"]
np.testing.assert_allclose(one, other, rtol=1e-5)

# %% [markdown]
# The edges are sorted by target, then by source, when a `Graph` is made. `replace`
# therefore takes weights in the order that `weighted.edges` shows. Two equal edges add
# up their weights. Negative weights are an error in layers that divide by a degree.
#
# ## Self-loops
#
# You need not add them. `GCNConv`, `GATConv` and `GATv2Conv` give each node a loop of
# its own, so that it sees itself. `SAGEConv` transforms the node itself by other
# weights. A loop that is already in your graph is kept:

# %%
loops = graph.replace(edges=[(node, node) for node in range(4)] + graph.edges.tolist())
kept = convolution([x, loops.to_sparse_tensor()])
added = convolution([x, graph.to_sparse_tensor()])
print(f"difference: {np.abs(kept - added).max():.0e}")

# %% tags=["hidden"]
np.testing.assert_allclose(kept, added, rtol=1e-5)

# %% [markdown]
# To leave them out, say `GCNConv(16, add_self_loops=False)`.
#
# ## Sparse features
#
# A bag of words is mostly zeros. If SciPy is installed (`pip install ".[scipy]"`),
# Cora's features are a SciPy matrix, and a `Graph` keeps it sparse.
# `sparse_features=True` passes it on to the model. The layers then multiply only what
# is not zero:

# %%
cora = tfgraph.data.planetoid("cora").row_normalized()
data = tfgraph.data.full_batch(cora, "train", sparse_features=True)
model = tfgraph.models.GCN(cora.num_classes)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
losses = model.fit(data, epochs=20, shuffle=False, verbose=0).history["loss"]

print(f"Papers and words: {cora.x.shape}")
print(f"Features that are not 0: {np.mean(cora.dense_features() != 0):.1%}")
print(f"Loss, first and last: {losses[0]:.2f}, {losses[-1]:.2f}")

# %% tags=["hidden"]
assert losses[-1] < losses[0]
((x, _), _, _) = data.get_single_element()
assert isinstance(x, tf.SparseTensor)

# %% [markdown]
# In a functional model, the input is `keras.Input((num_features,), sparse=True)`.
#
# ## Labels and splits
#
# `y` is a class number for each node, -1 if it is not known. A mask has a boolean for
# each node. Then `full_batch(graph, "train")` is what `fit` takes:

# %%
labelled = graph.replace(
    y=[0, 1, 1, -1],
    train_mask=[True, True, False, False],
    test_mask=[False, False, True, False],
)
print(labelled)
_, y, sample_weight = tfgraph.data.full_batch(labelled, "train").get_single_element()
print(y.numpy(), sample_weight.numpy())

# %% tags=["hidden"]
assert sample_weight.numpy().tolist() == [2, 2, 0, 0]

# %% [markdown]
# A node outside of the split weighs 0, so its label does not matter. A node inside
# weighs N / (nodes in the split). `tfgraph.data.random_split(graph, 0.6, 0.2, 0.2)`
# makes masks for you.
#
# ## From other libraries
#
# `Graph.from_scipy`, `from_networkx`, `from_pandas`, `from_pyg`, `from_dgl` and
# `from_ogb` make a `Graph` of what you have. `to_scipy`, `to_networkx` and `to_pandas`
# lead back.

# %%
import networkx

network = networkx.les_miserables_graph()
novel = tfgraph.data.Graph.from_networkx(network, ids=list(network))
print(network)
print(novel, novel.ids[:3])

# %% tags=["hidden"]
assert novel.num_edges == 2 * network.number_of_edges()

# %% [markdown]
# ## Where to go next
#
# - [Your own tables](tables.md): graphs from CSV files, with ids and names.
# - [Several graphs](inductive.md): many graphs in a batch.
# - [Graphs and splits](../reference/data/graphs.md): all that a `Graph` can hold.
# - [GraphTensor](../reference/graph_tensor.md): TF-GNN beside Keras 3.

# %% [markdown]
# # Attention
#
# A graph attention layer ([Veličković et al., 2018](https://arxiv.org/abs/1710.10903))
# weighs the neighbours of a node before it sums them. The weights are
#
# ```equation
# α_ij = softmax_j(LeakyReLU(a · [W x_i ‖ W x_j]))
# ```
#
# over the neighbours `j` of node `i` and the node itself, so those of a node sum to 1.
# At the end of this page you have trained such a network, and drawn its weights.

# %%
import keras
import tensorflow as tf

import tfgraph
from tfgraph.layers import GATConv

keras.utils.set_random_seed(0)
graph = tfgraph.data.karate_club()
graph

# %% [markdown]
# The graph is Zachary's karate club: 34 members, with an edge between two who met
# outside of the club. When the club split, each member followed one of two leaders.
# Only the leaders' sides are known in training.
#
# ## A model that also gives its scores
#
# Any `GATConv` gives its attention scores beside its output when it is called with
# `return_attention_scores=True`. Two Keras models can share these layers: `model`
# learns the classes, and `attention` gives the scores.

# %%
x = keras.Input((graph.num_features,), name="x")
adjacency = keras.Input((None,), sparse=True, name="adjacency")
h = GATConv(8, num_heads=4, activation="elu", dropout=0.2)([x, adjacency])
y, scores = GATConv(2, activation="softmax", dropout=0.2)(
    [h, adjacency], return_attention_scores=True
)
model = keras.Model([x, adjacency], y)
attention = keras.Model([x, adjacency], scores)

model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
train = tfgraph.data.full_batch(graph, "train")
test = tfgraph.data.full_batch(graph, "test")
model.fit(train, epochs=100, shuffle=False, verbose=0)
accuracy = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
print(f"Members whose side is found: {accuracy:.0%}")

# %% tags=["hidden"]
assert accuracy > 0.85

# %% [markdown]
# ## The scores as a picture
#
# An arrow leads to the node that pays attention. The more attention, the wider and
# darker the arrow. A dashed ring marks a node whose side was not found. The attention
# of a node to itself is not drawn.

# %% alt="The karate club as a network; few arrows are wide and dark"
entries = graph.to_sparse_tensor()
features = tf.constant(graph.x)
predicted = model([features, entries]).numpy().argmax(axis=1)
tfgraph.plots.attention(
    entries,
    attention([features, entries]),
    graph.y,
    predicted=predicted,
    names=range(graph.num_nodes),
)

# %% [markdown]
# ## Does it choose at all?
#
# Entropy tells. It is 0 for a node that looks at one node only, and largest for
# one that pays equal attention to all. The picture counts the nodes by their entropy.
# The line is the trained layer, and grey is equal attention. If both had the same
# shape, attention would not choose, and a `GCNConv` would do as well.

# %% alt="Entropy of each node's attention beside that of equal weights"
tfgraph.plots.attention_entropy(entries, attention([features, entries]))

# %% tags=["hidden"]
from tfgraph.plots.attention import attention_entropies

learned, equal = attention_entropies(entries, attention([features, entries]))
assert learned.min() < 0.3 < equal.min()

# %% [markdown]
# Here some nodes are near 0, where no grey is: they look at one node only.
#
# In a script, `figure = tfgraph.plots.attention(...)` and
# `figure.savefig("attention.png")` keep a picture.
#
# ## Where to go next
#
# - [Explaining a prediction](explain.md): which edges a prediction rests on, for any
#   model. Attention alone does not say this.
# - `GATv2Conv` lets the order of the neighbours depend on the node that looks: see
#   [Layers](../reference/layers.md).
# - Edge features take part in the scores if a layer is called with
#   `[x, adjacency, edge_features]`.

# %% [markdown]
# # Explaining a prediction
#
# Which edges and features does a prediction rest on? At the end of this page you have
# asked GNNExplainer ([Ying et al., 2019](https://arxiv.org/abs/1903.03894)), measured
# whether its answer holds, and drawn it.
#
# ## A graph whose reasons are known
#
# As the authors do, we plant houses of five nodes in a random graph. The class of a
# node is its place in a house. All features are 1, so a prediction has to rest on the
# edges of the house.

# %%
import keras
import networkx
import numpy as np

import tfgraph
from tfgraph.layers import GCNConv

keras.utils.set_random_seed(0)
NUM_BASE, NUM_HOUSES = 80, 20
edges = list(networkx.barabasi_albert_graph(NUM_BASE, 4, seed=0).edges)
for house in range(NUM_HOUSES):
    a, b, c, d, top = NUM_BASE + 5 * house + np.arange(5)
    edges += [(a, b), (b, c), (c, d), (d, a), (a, top), (b, top), (a, 4 * house)]
num_nodes = NUM_BASE + 5 * NUM_HOUSES
graph = tfgraph.data.Graph(
    np.ones((num_nodes, 1)),
    [(int(source), int(target)) for source, target in edges],
    y=np.append(np.zeros(NUM_BASE, int), np.tile([1, 1, 2, 2, 3], NUM_HOUSES)),
    class_names=["base", "middle", "bottom", "top"],
).symmetrized()
graph = tfgraph.data.random_split(graph, 0.8, 0.0, 0.2, seed=0)
graph

# %% [markdown]
# ## A model to explain

# %%
x = keras.Input((graph.num_features,), name="x")
adjacency = keras.Input((None,), sparse=True, name="adjacency")
h, layers = x, []
for _ in range(3):
    h = GCNConv(20, add_self_loops=False, normalize=False)([h, adjacency])
    h = keras.layers.ReLU()(keras.layers.UnitNormalization()(h))
    layers.append(h)
y = keras.layers.Dense(4, "softmax")(keras.layers.Concatenate()(layers))
model = keras.Model([x, adjacency], y)
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
train = tfgraph.data.full_batch(graph, "train")
test = tfgraph.data.full_batch(graph, "test")
model.fit(train, epochs=300, shuffle=False, verbose=0)
accuracy = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
print(f"Test accuracy: {accuracy:.0%}")

# %% tags=["hidden"]
assert accuracy > 0.8

# %% [markdown]
# ## The explanation of one node
#
# `gnn_explainer` looks for a weight between 0 and 1 for each edge around the node, such
# that few edges remain and the prediction stays. `hops` is the number of layers: edges
# further away cannot matter.

# %%
node = NUM_BASE + 5 * 10  # a middle node of a house
explanation = tfgraph.explain.gnn_explainer(model, graph, node, hops=3)
best = explanation.edges[explanation.top_edges(20)]
inside = (best >= node).all(axis=1) & (best < node + 5).all(axis=1)
print(f"Of the 20 most important edges, {inside.sum()} are of the node's house")

# %% [markdown]
# The darker an edge, the more important it is:

# %% alt="The edges around the node: the edges of its house are dark, and a few others"
tfgraph.plots.explanation(
    explanation, k=20, classes=graph.y, class_names=graph.class_names
)

# %% [markdown]
# ## Does it hold?
#
# Two numbers say so. Fidelity+ is what the predicted probability loses without these
# edges: it should be large. Fidelity- is what it loses with nothing but them: it should
# be near 0, or below.

# %%
plus, minus = tfgraph.explain.fidelity(model, graph, explanation, k=20)
print(f"fidelity+ {plus:.2f}, fidelity- {minus:.2f}")

# %% tags=["hidden"]
assert plus > 0.9 and abs(minus) < 0.05

# %% [markdown]
# ## The cheap way
#
# Integrated gradients ([Sundararajan et al., 2017](https://arxiv.org/abs/1703.01365))
# need no optimisation: a few gradients on the way from no edges to all edges. Here they
# are as good:

# %%
gradients = tfgraph.explain.integrated_gradients(model, graph, node, hops=3)
plus, minus = tfgraph.explain.fidelity(model, graph, gradients, k=20)
print(f"fidelity+ {plus:.2f}, fidelity- {minus:.2f}")

# %% tags=["hidden"]
assert plus > 0.9 and abs(minus) < 0.05

# %% [markdown]
# ## How far to trust it
#
# On BA-Shapes, the paper's data, ranking edges by their distance from the node alone,
# without any model, has an AUC of 0.994 (`benchmarks/explain.py`). So a high AUC there
# says little. Measure fidelity on your own model, and look at several nodes.
#
# ## Where to go next
#
# - [Explanations](../reference/explain.md): pairs, whole graphs, several node sets,
#   masks of features.
# - [Attention](attention.md): what a GAT itself weighs.
# - [Plots](../reference/plots.md): the pictures and their arguments.

"""Which edges a GCN's prediction rests on, in a graph with planted houses: a picture.

python examples/explain_prediction.py [folder]

A small form of BA-Shapes (Ying et al., NeurIPS 2019): houses of five nodes joined to a
random graph. The class of a node is its place in a house, and its features say nothing.
So the prediction has to rest on the edges of the house. Here we can check that.
"""

import pathlib
import sys

import keras
import networkx
import numpy as np

import tfgraph
from tfgraph.layers import GCNConv

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
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
train, test = (tfgraph.data.full_batch(graph, split) for split in ("train", "test"))
model.fit(train, epochs=500, shuffle=False, verbose=0)
_, accuracy = model.evaluate(test, verbose=0)
print(f"Test accuracy: {accuracy:.2f}")

node = NUM_BASE + 5 * 10  # a middle node of house 10
explanation = tfgraph.explain.gnn_explainer(model, graph, node, hops=3)
top = explanation.edges[explanation.top_edges(20)]
inside = (top >= node).all(axis=1) & (top < node + 5).all(axis=1)
print(f"Of the 20 most important edges, {inside.sum()} are of the node's house")
plus, minus = tfgraph.explain.fidelity(model, graph, explanation, k=20)
print(f"Probability lost without them: {plus:.2f}, with nothing else: {minus:.2f}")

picture = tfgraph.plots.explanation(
    explanation, k=20, classes=graph.y, class_names=graph.class_names
)
picture.savefig(folder / "explanation.png")
print(f"Picture: {folder / 'explanation.png'}")

"""What a GAT pays attention to in the karate club: two pictures.

python examples/gat_attention.py [folder]
"""

import pathlib
import sys

import keras
import tensorflow as tf

import tfgraph
from tfgraph.layers import GATConv

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
keras.utils.set_random_seed(0)
graph = tfgraph.data.karate_club()

x = keras.Input((graph.num_features,), name="x")
adjacency = keras.Input((None,), sparse=True, name="adjacency")
h = GATConv(8, num_heads=4, activation="elu", dropout=0.2)([x, adjacency])
y, scores = GATConv(2, activation="softmax", dropout=0.2)(
    [h, adjacency], return_attention_scores=True
)
model = keras.Model([x, adjacency], y)
attention = keras.Model([x, adjacency], scores)  # of the same weights
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
train, test = (tfgraph.data.full_batch(graph, split) for split in ("train", "test"))
model.fit(train, epochs=200, shuffle=False, verbose=0)
_, accuracy = model.evaluate(test, verbose=0)
print(f"Members whose side is found: {accuracy:.0%}")

entries = graph.to_sparse_tensor()
scores = attention([tf.constant(graph.x), entries])
predicted = model([tf.constant(graph.x), entries]).numpy().argmax(axis=1)
picture = tfgraph.plots.attention(
    entries, scores, graph.y, predicted=predicted, names=range(graph.num_nodes)
)
picture.savefig(folder / "attention.png")
tfgraph.plots.attention_entropy(entries, scores).savefig(folder / "entropy.png")
print(f"Pictures: {folder / 'attention.png'}, {folder / 'entropy.png'}")

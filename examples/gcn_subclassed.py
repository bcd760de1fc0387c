"""A GCN with a skip connection as a `keras.Model` subclass, on Cora.

The same model takes SparseTensors or GraphTensors.

python examples/gcn_subclassed.py [sparse|graph_tensor]
"""

import sys

import keras

import tfgraph
from tfgraph.layers import GCNConv


class SkipGCN(keras.Model):
    """Two graph convolutions and a dense layer that sees the output of both."""

    def __init__(self, units, num_classes):
        super().__init__()
        self.first = GCNConv(units, activation="relu", dropout=0.5)
        self.second = GCNConv(units, activation="relu", dropout=0.5)
        self.join = keras.layers.Concatenate()
        self.dropout = keras.layers.Dropout(0.5)
        self.classifier = keras.layers.Dense(num_classes, activation="softmax")

    def call(self, inputs, training=None):
        # `inputs` is (x, adjacency), or a graph, which holds x itself.
        adjacency = inputs[1] if isinstance(inputs, (list, tuple)) else inputs
        h1 = self.first(inputs, training=training)
        h2 = self.second([h1, adjacency], training=training)
        h = self.dropout(self.join([h1, h2]), training=training)
        return self.classifier(h)


form = sys.argv[1] if len(sys.argv) > 1 else "sparse"
keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("cora").row_normalized()
train, val, test = (
    tfgraph.data.full_batch(graph, split, form=form)
    for split in ("train", "val", "test")
)

model = SkipGCN(32, graph.num_classes)
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
best = keras.callbacks.EarlyStopping(
    "val_accuracy", mode="max", patience=50, restore_best_weights=True
)
model.fit(
    train, validation_data=val, epochs=200, callbacks=[best], shuffle=False, verbose=2
)
_, accuracy = model.evaluate(test, verbose=0)
print(f"Test accuracy: {accuracy:.3f}")

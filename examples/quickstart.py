"""A GCN on Zachary's karate club: train, evaluate, save, export, reload, predict.

    python examples/quickstart.py [DIRECTORY]

Writes `karate.keras` and the SavedModel `serving/<version>` into the directory
(default: `runs/quickstart`).
"""

import sys
from pathlib import Path

import keras
import tensorflow as tf

import tfgraph

directory = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart")
directory.mkdir(parents=True, exist_ok=True)
keras.utils.set_random_seed(0)

# 34 members, of whom only the two leaders' sides are known in training.
graph = tfgraph.data.karate_club()
print(graph)

x = keras.Input((graph.num_features,), name="x")
adjacency = keras.Input((None,), sparse=True, name="adjacency")
h = tfgraph.layers.GCNConv(16, activation="relu", dropout=0.2)([x, adjacency])
y = tfgraph.layers.GCNConv(2, activation="softmax", dropout=0.2)([h, adjacency])
model = keras.Model([x, adjacency], y)

model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
train, test, everyone = (
    tfgraph.data.full_batch(graph, split) for split in ("train", "test", None)
)
for epoch in range(0, 100, 20):
    history = model.fit(
        train, epochs=epoch + 20, initial_epoch=epoch, shuffle=False, verbose=0
    )
    print(f"Epoch {epoch + 20}, loss {history.history['loss'][-1]:.3f}")
_, accuracy = model.evaluate(test, verbose=0)
print(f"Members whose side is found: {accuracy:.0%}")

model.save(directory / "karate.keras")
again = keras.models.load_model(directory / "karate.keras")
print(
    "Reloaded from .keras:",
    again.predict(everyone, verbose=0)[:3],
)

version = tfgraph.export.export_model(model, directory / "serving")
serve = tf.saved_model.load(version).signatures["serving_default"]
served = serve(features=tf.constant(graph.x), edges=tf.constant(graph.edges))
print(f"Served from {version}:", served["predictions"][:3].numpy())

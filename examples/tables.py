"""From CSV files to predictions by name: which streamers are partners of Twitch.

    python examples/tables.py [DIRECTORY]

The tables of three languages are read from `$TFGRAPH_DATA_DIR/musae/twitch.zip`, which
https://graphmining.ai/datasets/ptg/twitch.zip holds (MUSAE, Rozemberczki, Allen &
Sarkar, 2021). DIRECTORY gets the predictions and the exported model (default: .).
"""

import os
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

import tfgraph

directory = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
keras.utils.set_random_seed(0)

# Nodes and edges of a network for each language. "PTBR-7" is user 7 of one of them.
nodes, edges = [], []
with zipfile.ZipFile(Path(os.environ["TFGRAPH_DATA_DIR"], "musae/twitch.zip")) as files:
    for language in ("ES", "PTBR", "RU"):
        users = pd.read_csv(files.open(f"twitch/{language}_target.csv"))
        users["user"] = f"{language}-" + users["new_id"].astype(str)
        nodes.append(users.assign(language=language))
        friends = pd.read_csv(files.open(f"twitch/{language}_edges.csv"), dtype=str)
        edges.append(f"{language}-" + friends)
table = pd.concat(nodes, ignore_index=True)
table["mature"] = np.where(table["mature"], "mature", "for all")
table["partner"] = np.where(table["partner"], "partner", "no partner")

raw_columns = [
    "days",
    "language",
    "mature",
    "views",
]
graph = tfgraph.data.Graph.from_pandas(
    table[["user", "partner", *raw_columns]],
    pd.concat(edges),
    id_column="user",
    label_column="partner",
    name="twitch",
).symmetrized()
graph = tfgraph.data.random_split(graph, 0.6, 0.2, 0.2)

# What makes features of numbers and strings is a model, too. It sees training rows.
space = keras.utils.FeatureSpace(
    {
        "days": keras.utils.FeatureSpace.float_discretized(num_bins=16),
        "views": keras.utils.FeatureSpace.float_discretized(num_bins=16),
        "mature": "string_categorical",
        "language": "string_categorical",
    },
    output_mode="concat",
)
types = {"days": "float32", "views": "float32", "mature": str, "language": str}
columns = {name: table[name].to_numpy(types[name]) for name in raw_columns}
rows = {name: column[graph.train_mask] for name, column in columns.items()}
space.adapt(tf.data.Dataset.from_tensor_slices(rows))
preprocessing = keras.Model(dict(space.get_inputs()), space.get_encoded_features())
preprocessing.save(directory / "preprocessing.keras")
x = preprocessing({name: column[:, None] for name, column in columns.items()})
graph = graph.replace(x=x)
print(graph)

# Few are partners: weights let both classes count alike.
model = tfgraph.models.GraphSAGE(graph.num_classes, [32])
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
model.fit(
    tfgraph.data.full_batch(graph, "train", class_weight="balanced"),
    epochs=100,
    shuffle=False,
    verbose=0,
)
test = tfgraph.data.full_batch(graph, "test", class_weight="balanced")
result = model.evaluate(test, verbose=0, return_dict=True)
print(f"Test accuracy, the mean of both classes: {result['accuracy']:.3f}")

probabilities = model.predict(tfgraph.data.full_batch(graph), verbose=0)
frame = graph.predictions_frame(probabilities)
frame["partner"] = graph.class_names[graph.y]
frame.to_csv(directory / "predictions.csv")
print(frame[graph.test_mask].head())

# A request holds the table's columns, and edges by row number.
version = tfgraph.export.export_model(
    model, directory / "serving" / "partners", preprocessing=preprocessing
)
serve = tf.saved_model.load(version).signatures["serving_default"]
served = serve(
    edges=tf.constant(graph.edges),
    **{name: tf.constant(column) for name, column in columns.items()},
)["predictions"]
difference = np.abs(served.numpy() - probabilities).max()
print(f"Served from columns, the predictions differ by {difference:.1e} at most")

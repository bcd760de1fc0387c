"""Training on samples that Apache Beam drew, from tables to serving: Pubmed.

    pip install "tfgraph[beam]"
    python examples/larger_than_memory.py [DIRECTORY]

Pubmed stands for a graph that is larger than memory. `write_tables` reads it in small
chunks. Beam joins the tables, here on this machine, for large graphs on a cluster.
Training reads the samples. Writes into the directory (default: `larger`).
"""

import os
import sys

import keras
import tensorflow as tf

import tfgraph

directory = sys.argv[1] if len(sys.argv) > 1 else "larger"
tables = os.path.join(directory, "tables")
seeds = os.path.join(directory, "train.csv")
spec = os.path.join(directory, "sampling.pbtxt")
samples = os.path.join(directory, "train.tfrecord")

keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("pubmed").row_normalized()
tfgraph.beam.write_tables(graph, tables, file_format="csv", num_shards=2)
tfgraph.beam.write_seeds(graph, seeds, "train")
# All neighbours in both layers. `(25, 10)` would draw 10 direct neighbours of a seed.
tfgraph.beam.write_sampling_spec(tables, spec, fanouts=(None, None))

# The same as the command
#     python -m tfgraph.beam --tables=larger/tables --seeds=larger/train.csv \
#         --sampling_spec=larger/sampling.pbtxt --samples=larger/train.tfrecord@2
# to which `--runner=FlinkRunner` and the options of Beam's other runners may be added.
tfgraph.beam.sample(tables, seeds, spec, f"{samples}@2")

model = tfgraph.models.GraphSAGE(
    graph.num_classes, hidden_units=[64, 64], dropout=0.5, name="sage"
)
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
batches = tfgraph.beam.sample_batches(tables, f"{samples}-*", 20, shuffle=True, seed=0)
model.fit(batches, epochs=20, shuffle=False, verbose=2)

# All nodes, from all their neighbours, layer by layer.
predictions = tfgraph.inference.predict_nodes(model, graph, batch_size=4096)
right = predictions.argmax(axis=1) == graph.y
print(f"Test accuracy: {right[graph.test_mask].mean():.3f}")

version = tfgraph.export.export_hetero_model(
    model, os.path.join(directory, "serving"), batches.element_spec[0]
)
serve = tf.saved_model.load(version).signatures["serving_default"]
request = {
    "nodes.nodes.hidden_state": graph.dense_features()[:3],
    "edges.edges.-source.nodes": [0, 1, 2],
    "edges.edges.-target.nodes": [1, 0, 0],
}
served = serve(**request)["predictions"]
print(f"Three nodes, served from {version}: {served.numpy().tolist()}")

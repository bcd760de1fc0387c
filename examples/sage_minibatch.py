"""GraphSAGE in minibatches of sampled neighbours, from training to serving: Pubmed.

    python examples/sage_minibatch.py [DIRECTORY]

Writes the SavedModel `<version>` into the directory (default: `serving/sage`).
"""

import sys

import keras
import tensorflow as tf

import tfgraph

directory = sys.argv[1] if len(sys.argv) > 1 else "serving/sage"
keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("pubmed").row_normalized()
print(graph)

model = tfgraph.models.GraphSAGE(
    graph.num_classes, hidden_units=[64, 64], dropout=0.5, name="sage"
)
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
fanouts = (25, 10)  # of the first layer and of the second: 10 direct neighbours
model.fit(
    tfgraph.data.neighbor_batches(
        graph, fanouts, batch_size=20, nodes="train", shuffle=True, seed=0
    ),
    validation_data=tfgraph.data.neighbor_batches(graph, fanouts, 500, nodes="val"),
    epochs=30,
    shuffle=False,
    verbose=2,
)

# All nodes, from all their neighbours, layer by layer.
predictions = tfgraph.inference.predict_nodes(model, graph, batch_size=4096)
right = predictions.argmax(axis=1) == graph.y
print(f"Test accuracy: {right[graph.test_mask].mean():.3f}")

# A server gets the sampled neighbourhood of the nodes in question.
version = tfgraph.export.export_block_model(model, directory)
serve = tf.saved_model.load(version).signatures["serving_default"]
node = int(graph.test_mask.argmax())
batch = tfgraph.data.neighbor_batches(graph, fanouts, 1, nodes=[node], labels=False)
(inputs,) = batch.get_single_element()
served = serve(**tfgraph.export.block_request(inputs))["predictions"]
print(f"Node {node}, class {graph.y[node]}, served from {version}: {served.numpy()}")

"""A VGAE on Cora: split the edges, train, score held-out links, look at the result.

    python examples/link_prediction.py [DIRECTORY]

Writes the files of TensorBoard's embedding projector, a picture of the latent space and
the SavedModel `serving/<version>` into the directory (default: `runs/vgae`).
"""

import sys
from pathlib import Path

import keras

import tfgraph

directory = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/vgae")
keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("cora")
train, val, test = tfgraph.data.link_split(graph, val=0.05, test=0.1)
print(f"Training edges: {train}")

model = tfgraph.models.VGAE(latent_dim=16, hidden_units=32)
model.compile(
    keras.optimizers.Adam(0.01),
    metrics=[tfgraph.metrics.RocAUC(), tfgraph.metrics.AveragePrecision()],
)
data = tfgraph.data.full_batch(train, sparse_features=True)
model.fit(
    data,
    validation_data=tfgraph.data.link_batch(train, val, sparse_features=True),
    validation_freq=25,
    epochs=150,
    callbacks=[tfgraph.callbacks.EmbeddingProjector(directory, data, graph.y)],
    shuffle=False,
    verbose=2,
)
result = model.evaluate(
    tfgraph.data.link_batch(train, test, sparse_features=True),
    verbose=0,
    return_dict=True,
)
print(f"Test AUC: {result['auc']:.3f}, average precision: {result['ap']:.3f}")

(inputs,) = data.get_single_element()
nodes, probabilities = model.top_links(inputs, [0], k=5)
for node, probability in zip(nodes[0], probabilities[0], strict=True):
    print(f"New link of node 0: {node}, probability {probability:.3f}")

z = model.predict(data, verbose=0)
tfgraph.plots.latent_space(z, graph.y, "Cora").savefig(directory / "latent.png")
version = tfgraph.export.export_link_scorer(model, directory / "serving", inputs)
print(f"Scores of pairs are served from {version}")

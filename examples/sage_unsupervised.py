"""Embeddings of Cora's papers without a label, by random walks, and a picture of them.

    python examples/sage_unsupervised.py [DIRECTORY]

Writes `embeddings.png` into the directory (default: `runs/sage`).
"""

import sys
from pathlib import Path

import keras

import tfgraph

directory = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/sage")
directory.mkdir(parents=True, exist_ok=True)
keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("cora").row_normalized()

model = tfgraph.models.GraphSAGE(hidden_units=[128, 64])
model.compile(keras.optimizers.Adam(0.005), tfgraph.losses.NegativeSamplingLoss())
model.fit(
    tfgraph.data.walk_batches(
        graph, (10, 10), batch_size=512, walks_per_node=4, seed=0
    ),
    epochs=1,
    shuffle=False,
    verbose=2,
)
z = tfgraph.inference.predict_nodes(model, graph)
for name, vectors in (("raw features", graph.dense_features()), ("embeddings", z)):
    score = tfgraph.metrics.linear_probe(
        vectors, graph.y, graph.train_mask, graph.test_mask
    )
    print(f"Test accuracy of logistic regression on {name}: {score:.3f}")
figure = tfgraph.plots.latent_space(z, graph.y, "Cora without labels")
figure.savefig(directory / "embeddings.png")

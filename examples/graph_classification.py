"""DiffPool on MUTAG, which molecules are mutagenic: train, test, look at the clusters.

    python examples/graph_classification.py [DIRECTORY]

Writes a picture of a test graph's clusters into the directory (default:
`runs/diffpool`).
"""

import sys
from pathlib import Path

import keras
import numpy as np

import tfgraph

directory = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/diffpool")
directory.mkdir(parents=True, exist_ok=True)
keras.utils.set_random_seed(0)
graphs, labels = tfgraph.data.tu("MUTAG")
largest = max(graph.num_nodes for graph in graphs)
train, val, test = tfgraph.data.stratified_folds(labels)[0]


def batches(part, **kwargs):
    chosen = [graphs[i] for i in part]
    return tfgraph.data.whole_graph_batches(
        chosen, labels[part], batch_size=20, **kwargs
    )


model = tfgraph.models.DiffPoolClassifier(
    2, 32, ratio=0.25, max_nodes=largest, num_convolutions=2, link_loss_weight=0.1
)
model.build([(None, graphs[0].num_features), (None, None), (None,)])
model.compile(
    keras.optimizers.Adam(0.001, clipnorm=2.0),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(
    batches(train, shuffle=True, seed=0),
    validation_data=batches(val),
    epochs=30,
    shuffle=False,
    verbose=2,
)
result = model.evaluate(batches(test), verbose=0, return_dict=True)
print(f"Test accuracy: {result['accuracy']:.3f}")

graph = graphs[test[0]]
inputs = (graph.x, graph.to_sparse_tensor(), np.zeros(graph.num_nodes, np.int64))
*_, assignment = model.poolings[0](inputs, return_assignment=True)
picture = tfgraph.plots.clusters(inputs[1], assignment, f"MUTAG, graph {test[0]}")
picture.savefig(directory / "clusters.png")

"""GraphSAGE on several graphs, tested on whole graphs it never saw: Twitch users.

python examples/sage_inductive.py
"""

import keras
import numpy as np

import tfgraph

keras.utils.set_random_seed(0)
*train, val, test = (
    graph.row_normalized()
    for graph in tfgraph.data.twitch("ENGB", "ES", "PTBR", "RU", "ZHTW")
)
train = tfgraph.data.disjoint_union(train)


def batches(graph, **arguments):
    return tfgraph.data.neighbor_batches(
        graph, (10, 10), batch_size=512, sparse_features=True, **arguments
    )


model = tfgraph.models.GraphSAGE(
    2,  # whether a user's streams are for adults
    hidden_units=[64, 64],
    aggregator="max_pool",
    dropout=0.3,
)
model.compile(
    keras.optimizers.Adam(0.003),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(
    # Streams for adults are the rarer class. It counts as much as the other.
    batches(train, shuffle=True, seed=0, class_weight="balanced"),
    validation_data=batches(val),
    epochs=4,
    shuffle=False,
    verbose=2,
)
predicted = tfgraph.inference.predict_nodes(model, test).argmax(axis=1)
print(f"Accuracy in a language never seen: {np.mean(predicted == test.y):.3f}")
for label, name in enumerate(("for all", "for adults")):
    both = np.sum((predicted == label) & (test.y == label))
    f1 = 2 * both / (np.sum(predicted == label) + np.sum(test.y == label))
    print(f"F1 of streams {name}: {f1:.3f}")

"""Learns on some graphs and is tested on another: Twitch users of other languages.

python examples/gat_inductive.py
"""

import keras

import tfgraph

keras.utils.set_random_seed(0)


def users(*languages, **arguments):
    graphs = [graph.row_normalized() for graph in tfgraph.data.twitch(*languages)]
    return tfgraph.data.graph_batches(graphs, batch_size=1, **arguments)


model = tfgraph.models.GAT(
    1,  # whether a user's streams are for adults
    hidden_units=[16, 16],
    num_heads=4,
    output_heads=4,
    residual=True,
    dropout=0.2,
    classifier_activation="sigmoid",
)
model.compile(
    keras.optimizers.Adam(0.01),
    "binary_crossentropy",
    metrics=[keras.metrics.AUC(name="auc")],
)
model.fit(
    users("ENGB", "PTBR", "RU", shuffle=True, seed=0, sparse_features=True),
    validation_data=users("ZHTW", sparse_features=True),
    epochs=10,
    shuffle=False,
    verbose=2,
)
_, auc = model.evaluate(users("ES", sparse_features=True), verbose=0)
print(f"AUC in a language never seen: {auc:.3f}")

"""Ten films for a user: links between the users and the films of MovieLens.

    python examples/film_recommender.py [USER]

A user is a number from 1 to 610 (default: 1).
"""

import sys

import keras

import tfgraph

user = int(sys.argv[1]) if len(sys.argv) > 1 else 1
keras.utils.set_random_seed(0)
graph = tfgraph.data.movielens()
print(graph)
users, films = graph.node_sets["users"], graph.node_sets["films"]
train, val, test = tfgraph.data.link_split(graph, val=0.1, test=0.1)

# Users have no features, and films only their genres: both get embeddings.
encoder = tfgraph.models.HeteroGraphSAGE(
    hidden_units=[64, 64],
    num_nodes={"users": users.num_nodes, "films": films.num_nodes},
)
model = tfgraph.models.LinkPredictor(encoder, "rates")
model.compile(
    keras.optimizers.Adam(0.003),
    "binary_crossentropy",
    metrics=[tfgraph.metrics.RocAUC()],
)
model.fit(
    tfgraph.data.link_neighbor_batches(
        train, (10, 20), batch_size=1024, shuffle=True, seed=0
    ),
    validation_data=tfgraph.data.link_batch(train, val),
    epochs=2,
    shuffle=False,
    verbose=2,
)
result = model.evaluate(
    tfgraph.data.link_batch(train, test), verbose=0, return_dict=True
)
print(f"Test AUC: {result['auc']:.3f}")

[row] = users.rows([user])
rates = graph.edge_sets["rates"]
own = rates.edges[:, 0] == row
best = rates.edge_weight[own].argsort()[::-1][:5]
print(f"User {user} gave the highest ratings to")
for film in rates.edges[own, 1][best]:
    print("  ", films.columns["title"][film])

# Films that the user has rated are left out.
numbers, probabilities = model.top_links(graph.to_graph_tensor(), [row], k=10)
print("and may like")
for film, probability in zip(numbers[0], probabilities[0], strict=True):
    print(f"   {films.columns['title'][film]}, {probability:.3f}")

# %% [markdown]
# # Several sorts of nodes
#
# Users rate films, authors write papers, accounts pay shops: most tables join different
# things. At the end of this page you have a graph with two node sets, a model that
# recommends films to users and can be served, and a model that classifies users.
#
# ## A graph with two node sets
#
# A node set holds nodes of one sort, with their own features. An edge set joins two
# node sets. Here 60 users rate 80 films. Each user likes one of three genres, but a
# film does not say its genre: the model has to find it in the ratings.

# %%
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

import tfgraph
from tfgraph.data import EdgeSet, HeteroGraph, NodeSet

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
NUM_USERS, NUM_FILMS = 60, 80
taste, genre = np.arange(NUM_USERS) % 3, np.arange(NUM_FILMS) % 3
chance = np.where(taste[:, None] == genre, 0.6, 0.02)
rates = np.argwhere(rng.random((NUM_USERS, NUM_FILMS)) < chance)
graph = HeteroGraph(
    {
        "users": NodeSet(ids=[f"user {number}" for number in range(NUM_USERS)]),
        "films": NodeSet(ids=[f"film {number}" for number in range(NUM_FILMS)]),
    },
    {"rates": EdgeSet("users", "films", rates)},
)
print(graph)

# %% [markdown]
# A row of `rates` is a pair of row numbers, (user, film). `NodeSet(x=...)` holds
# features. From pandas tables with ids, `from_pandas` makes the same graph. Further
# columns of numbers would be features:

# %%
user_ids, film_ids = (graph.node_sets[name].ids for name in ("users", "films"))
users = pd.DataFrame({"user_id": user_ids})
films = pd.DataFrame({"film_id": film_ids})
ratings = pd.DataFrame(
    {"user_id": user_ids[rates[:, 0]], "film_id": film_ids[rates[:, 1]]}
)
print(ratings.head(3))

from_tables = HeteroGraph.from_pandas(
    {"users": (users, "user_id"), "films": (films, "film_id")},
    {"rates": (ratings, "users", "films", "user_id", "film_id")},
)
print(f"The same graph: {from_tables == graph}")

# %% tags=["hidden"]
assert from_tables == graph

# %% [markdown]
# ## The encoder
#
# `HeteroGraphSAGE` sends messages along each edge set in both directions, with weights
# of its own for each ([Schlichtkrull et al., 2018](https://arxiv.org/abs/1703.06103)):
#
# ```equation
# h_v' = σ(W h_v + Σ_r W_r mean(h_u))
# ```
#
# The sum is over the edge sets `r` in each direction, and the mean over the neighbours
# `u` of node `v` in `r`.
#
# Nodes without features get a learned vector each: `num_nodes` says for which sets.

# %%
encoder = tfgraph.models.HeteroGraphSAGE(
    hidden_units=[16, 16], num_nodes={"users": NUM_USERS, "films": NUM_FILMS}
)

# %% [markdown]
# ## The links to predict
#
# `link_split` takes ratings away for the validation and the test. `LinkPredictor`
# scores a user and a film by the product of their vectors. In training, a rating that
# is predicted never carries a message in the same batch.

# %%
train, val, test = tfgraph.data.link_split(graph, val=0.1, test=0.2)
model = tfgraph.models.LinkPredictor(encoder, "rates")
model.compile(
    keras.optimizers.Adam(0.01),
    "binary_crossentropy",
    metrics=[tfgraph.metrics.RocAUC()],
)
model.fit(
    tfgraph.data.link_neighbor_batches(
        train, (10, 10), batch_size=128, shuffle=True, seed=0
    ),
    validation_data=tfgraph.data.link_batch(train, val),
    epochs=10,
    shuffle=False,
    verbose=0,
)
result = model.evaluate(
    tfgraph.data.link_batch(train, test), verbose=0, return_dict=True
)
print(f"Test AUC: {result['auc']:.2f}")

# %% tags=["hidden"]
assert result["auc"] > 0.75

# %% [markdown]
# ## Films for a user
#
# Films that the user has rated are left out. `rows` finds the row number of an id.

# %%
users, films = graph.node_sets["users"], graph.node_sets["films"]
row = users.rows(["user 0"])
numbers, probabilities = model.top_links(train.to_graph_tensor(), row, k=5)
for film, probability in zip(numbers[0], probabilities[0], strict=True):
    liked = "the user's genre" if genre[film] == taste[0] else "another genre"
    print(f"{films.ids[film]}: {probability:.2f}, {liked}")

# %% tags=["hidden"]
assert (genre[numbers[0]] == taste[0]).mean() >= 0.6
rated = train.edge_sets["rates"].edges
assert not set(rated[rated[:, 0] == 0][:, 1]) & set(numbers[0])

# %% [markdown]
# ## Serve it
#
# `export_link_scorer` writes a SavedModel that holds the vectors of this graph. It
# scores pairs, and gives the best links of a node:

# %%
version = tfgraph.export.export_link_scorer(
    model, "serving/films", train.to_graph_tensor()
)
served = tf.saved_model.load(version).signatures["top_links"]
answer = served(node_ids=tf.constant(row), k=tf.constant([3], tf.int64))
print(films.ids[answer["nodes"][0]], answer["probabilities"][0].numpy().round(2))

# %% tags=["hidden"]
np.testing.assert_array_equal(answer["nodes"][0], numbers[0, :3])
np.testing.assert_allclose(answer["probabilities"][0], probabilities[0, :3], atol=1e-5)

# %% [markdown]
# ## Classify the nodes of a set
#
# Now each user has a label, and that of five users of each class is known. The model
# gets the number of classes and the name of the node set:

# %%
labelled = graph.replace({"users": users.replace(y=taste)})
labelled = tfgraph.data.random_split(labelled, 5, val=0, test=None)
classifier = tfgraph.models.HeteroGraphSAGE(
    3, "users", [16], num_nodes={"users": NUM_USERS, "films": NUM_FILMS}
)


def fitted(model):
    """Trains a model. Returns the share of test users whose genre it finds."""
    model.compile(
        keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    train = tfgraph.data.full_batch(labelled, "train")
    model.fit(train, epochs=50, shuffle=False, verbose=0)
    test = tfgraph.data.full_batch(labelled, "test")
    return model.evaluate(test, verbose=0, return_dict=True)["accuracy"]


accuracy = fitted(classifier)
print(f"Users whose genre is found: {accuracy:.0%}")

# %% tags=["hidden"]
assert accuracy > 0.7

# %% [markdown]
# ## Layers of your choice
#
# `HeteroConv` is one round of messages, with a list of convolutions: one for each edge
# set and direction that you want. It takes and returns a dict of features by node set.
# Here films get the mean of their users, and then users attend to their films:

# %%
inputs = tfgraph.GraphInput(labelled.to_graph_tensor().spec)
h = {
    "users": tfgraph.layers.NodeEmbedding(NUM_USERS, 16, node_set_name="users")(inputs),
    "films": tfgraph.layers.NodeEmbedding(NUM_FILMS, 16, node_set_name="films")(inputs),
}
to_films = tfgraph.layers.SAGEConv(16, edge_set_name="rates")
to_users = tfgraph.layers.GATv2Conv(
    16, edge_set_name="rates", receiver="source", add_self_loops=False
)
h = tfgraph.layers.HeteroConv([to_films], activation="relu")([h, inputs])
h = tfgraph.layers.HeteroConv([to_users], activation="relu")([h, inputs])
y = keras.layers.Dense(3, activation="softmax")(h["users"])
accuracy = fitted(keras.Model(inputs, y))
print(f"Users whose genre is found: {accuracy:.0%}")

# %% tags=["hidden"]
assert accuracy > 0.7

# %% [markdown]
# ## Where to go next
#
# - `examples/film_recommender.py` does this on MovieLens, with real titles, and
#   `examples/papers_and_authors.py` classifies papers.
# - [Save, export, serve](serving.md): which export fits which model.
# - [Graphs and splits](../reference/data/graphs.md): what a `HeteroGraph` holds.
# - [Layers](../reference/layers.md): `HeteroConv`, and how it merges messages.

# %% [markdown]
# # Several sorts of nodes, and a recommender
#
# Users rate films, authors write papers, accounts pay shops: most tables join different
# things. At the end of this page you have a graph with two node sets, a model that
# predicts which user likes which film, and its recommendations.
#
# ## A graph with two node sets
#
# A node set holds nodes of one sort, with their own features. An edge set joins two
# node sets. Here 60 users rate 80 films. Each user likes one of three genres, but a
# film does not say its genre: the model has to find it in the ratings.

# %%
import keras
import numpy as np

import tfgraph
from tfgraph.data import EdgeSet, HeteroGraph, NodeSet

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
NUM_USERS, NUM_FILMS = 60, 80
taste, genre = np.arange(NUM_USERS) % 3, np.arange(NUM_FILMS) % 3
chance = np.where(taste[:, None] == genre, 0.6, 0.02)
rates = np.argwhere(rng.random((NUM_USERS, NUM_FILMS)) < chance)
names = [f"film {number}" for number in range(NUM_FILMS)]
graph = HeteroGraph(
    {
        "users": NodeSet(num_nodes=NUM_USERS),
        "films": NodeSet(num_nodes=NUM_FILMS, ids=names),
    },
    {"rates": EdgeSet("users", "films", rates)},
)
print(graph)

# %% [markdown]
# ## The encoder
#
# `HeteroGraphSAGE` sends messages along each edge set in both directions, with weights
# of its own for each ([Schlichtkrull et al., 2018](https://arxiv.org/abs/1703.06103)):
#
# ```text
# h_v' = activation(W h_v + sum over relations r of W_r mean of h_u over r-neighbours u)
# ```
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
# Films that the user has rated are left out.

# %%
films = graph.node_sets["films"]
numbers, probabilities = model.top_links(train.to_graph_tensor(), [0], k=5)
for film, probability in zip(numbers[0], probabilities[0], strict=True):
    liked = "the user's genre" if genre[film] == taste[0] else "another genre"
    print(f"{films.ids[film]}: {probability:.2f}, {liked}")

# %% tags=["hidden"]
assert (genre[numbers[0]] == taste[0]).mean() >= 0.6
rated = train.edge_sets["rates"].edges
assert not set(rated[rated[:, 0] == 0][:, 1]) & set(numbers[0])

# %% [markdown]
# ## Where to go next
#
# - `examples/film_recommender.py` does this on MovieLens, with real titles.
# - [Models](../reference/models.md): `HeteroGraphSAGE` also classifies the nodes of a
#   node set.
# - [Layers](../reference/layers.md): `HeteroConv` joins layers of your choice.
# - [Graphs and splits](../reference/data/graphs.md): `HeteroGraph.from_pandas`.

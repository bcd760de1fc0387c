# %% [markdown]
# # Finding missing links
#
# Which papers should cite each other, but do not? At the end of this page you have a
# model that gives each pair of nodes a probability, its score on links that it never
# saw, and the most probable new links of a node. It is the variational graph
# autoencoder of [Kipf & Welling, 2016](https://arxiv.org/abs/1611.07308): an encoder
# gives each node a vector `z`, and
#
# ```equation
# p(edge between i and j) = σ(z_i · z_j)
# ```
#
# where `σ` is the sigmoid function.

# %%
import keras

import tfgraph

keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("cora")
train, val, test = tfgraph.data.link_split(graph, val=0.05, test=0.1)
print(train)
print(val.pairs.shape, test.pairs.shape)

# %% [markdown]
# `link_split` takes edges away: 5% to choose the model by, and 10% for the test.
# `train` is the graph without them. So no message ever runs along an edge to be
# predicted. `val` and `test` hold these edges, with the label 1, and as many pairs
# without an edge, with the label 0.
#
# ## Training
#
# The model learns to rebuild the edges of `train`. `full_batch` gives it the graph, and
# `link_batch` gives it the graph and the pairs to score.

# %%
model = tfgraph.models.VGAE(latent_dim=16, hidden_units=32)
model.compile(
    keras.optimizers.Adam(0.01),
    metrics=[tfgraph.metrics.RocAUC(), tfgraph.metrics.AveragePrecision()],
)
data = tfgraph.data.full_batch(train, sparse_features=True)
history = model.fit(
    data,
    validation_data=tfgraph.data.link_batch(train, val, sparse_features=True),
    validation_freq=20,
    epochs=40,
    shuffle=False,
    verbose=0,
)
held_out = tfgraph.data.link_batch(train, test, sparse_features=True)
result = model.evaluate(held_out, verbose=0, return_dict=True)
print(f"Test AUC {result['auc']:.2f}, average precision {result['ap']:.2f}")

# %% tags=["hidden"]
assert result["auc"] > 0.85 and result["ap"] > 0.85

# %% [markdown]
# An AUC of 0.5 is that of guessing. It is the chance that a true link has a higher
# score than a pair without a link.
#
# ## New links of a node

# %%
(inputs,) = data.get_single_element()
nodes, probabilities = model.top_links(inputs, [0], k=3)
for node, probability in zip(nodes[0], probabilities[0], strict=True):
    print(f"paper {node}: probability {probability:.2f}")

# %% tags=["hidden"]
known = {int(s) for s, t in train.edges if t == 0} | {0}
assert not known & {int(node) for node in nodes[0]}

# %% [markdown]
# `top_links` leaves out the links that are known, and never holds all pairs in memory.
# One line puts it into TensorFlow Serving:
#
# ```python
# tfgraph.export.export_link_scorer(model, "serving/links", inputs)
# ```
#
# ## Where the vectors lie

# %% alt="Vectors of Cora's papers in the plane; papers of a subject lie together"
tfgraph.plots.latent_space(model.predict(data, verbose=0), graph.y, "Cora")

# %% [markdown]
# ## A graph too large for this
#
# The autoencoder takes the whole graph in each step, and its loss goes over all pairs
# of nodes. `num_samples` estimates this loss from so many pairs, drawn anew in each
# step. The time of the loss then grows with the edges and samples only:

# %%
estimated = tfgraph.models.VGAE(latent_dim=16, hidden_units=32, num_samples=100_000)
estimated.compile(keras.optimizers.Adam(0.01), metrics=[tfgraph.metrics.RocAUC()])
estimated.fit(data, epochs=40, shuffle=False, verbose=0)
auc = estimated.evaluate(held_out, verbose=0, return_dict=True)["auc"]
print(f"{100_000 / graph.num_nodes**2:.1%} of the pairs, test AUC {auc:.2f}")

# %% tags=["hidden"]
assert auc > 0.85

# %% [markdown]
# `models.LinkPredictor` does not need the whole graph in a step, either. It learns from
# batches of links, each with the sampled neighbours of both ends, and with new pairs
# without an edge in each epoch. The links of a batch are left out of its own messages.

# %%
encoder = tfgraph.models.GraphSAGE(hidden_units=[32, 16], normalize=None)
predictor = tfgraph.models.LinkPredictor(
    encoder, decoder=tfgraph.layers.MLPDecoder([16])
)
predictor.compile(
    keras.optimizers.Adam(0.01),
    "binary_crossentropy",
    metrics=[tfgraph.metrics.RocAUC()],
)
predictor.fit(
    tfgraph.data.link_neighbor_batches(
        train.row_normalized(), (10, 10), batch_size=512, shuffle=True, seed=0
    ),
    epochs=10,
    shuffle=False,
    verbose=0,
)
sampled = tfgraph.data.link_neighbor_batches(
    train.row_normalized(), (10, 10), batch_size=512, links=test, seed=0
)
auc = predictor.evaluate(sampled, verbose=0, return_dict=True)["auc"]
print(f"Test AUC {auc:.2f}")

# %% tags=["hidden"]
assert 0.75 < auc < result["auc"]

# %% [markdown]
# This is below the autoencoder's score. So on a graph as small as Cora, take the
# autoencoder. The predictor is for graphs that do not fit into one step, for several
# node sets, and for links with labels.
#
# Links may also have classes or ratings of their own: pass them as `data.Links(pairs,
# labels)`.
#
# ## Where to go next
#
# - [Models](../reference/models.md): arguments of `GAE`, `VGAE` and `LinkPredictor`.
# - [Batches for fit](../reference/data/pipelines.md): `link_neighbor_batches`, and
#   links with labels of your own.
# - [Export](../reference/export.md): `export_link_scorer` puts the scores into
#   TensorFlow Serving.

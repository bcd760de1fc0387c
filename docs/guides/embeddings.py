# %% [markdown]
# # Embeddings without labels
#
# At the end of this page each node has a vector that says where it stands in the graph,
# learned without a single label. GraphSAGE ([Hamilton et al.,
# 2017](https://arxiv.org/abs/1706.02216)) learns it from random walks: nodes that meet
# on a walk get similar vectors, and nodes drawn at random do not.
#
# ```equation
# loss = -log σ(z_u · z_v) - Σ_n log σ(-z_u · z_n)
# ```
#
# for nodes `u` and `v` of one walk, and nodes `n` drawn at random. `σ` is the sigmoid
# function.

# %%
from pathlib import Path

import keras
import numpy as np

import tfgraph

keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("cora").row_normalized()

model = tfgraph.models.GraphSAGE(hidden_units=[64, 32])
model.compile(keras.optimizers.Adam(0.005), tfgraph.losses.NegativeSamplingLoss())
batches = tfgraph.data.walk_batches(
    graph, (10, 10), batch_size=512, walks_per_node=1, seed=0
)
model.fit(batches, epochs=1, shuffle=False, verbose=0)

# %% [markdown]
# `walk_batches` draws the walks, the nodes at random, and the neighbours of all of
# them. The value of this loss says little: look at what the vectors can do, below.
#
# `predict_nodes` computes the vectors of all nodes, layer by layer. It takes other
# graphs, too: the model can embed nodes that it never saw, from their features and
# neighbours.

# %%
z = tfgraph.inference.predict_nodes(model, graph, verbose=0)
print(z.shape)

# %% [markdown]
# ## What the vectors know
#
# No label was used. So we can ask how well a plain logistic regression, trained on the
# 140 labels of the public split, finds the subjects of other papers from the vectors.

# %%
scores = {
    name: tfgraph.metrics.linear_probe(
        vectors, graph.y, graph.train_mask, graph.test_mask
    )
    for name, vectors in (("words", graph.dense_features()), ("embeddings", z))
}
for name, score in scores.items():
    print(f"Test accuracy on {name}: {score:.0%}")

# %% tags=["hidden"]
assert scores["embeddings"] > scores["words"] + 0.1

# %% [markdown]
# ## Nearest neighbours
#
# The vectors have length 1, so their product is the cosine of their angle. How many of
# the five papers nearest to a paper are of its subject?

# %%
similar = z @ z.T
np.fill_diagonal(similar, -1)
nearest = np.argsort(-similar, axis=1)[:, :5]
same = (graph.y[nearest] == graph.y[:, None]).mean()
print(f"Of the same subject: {same:.0%}")

# %% tags=["hidden"]
assert same > 0.6
np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-4)

# %% alt="Vectors of Cora's papers in the plane, coloured by subject"
tfgraph.plots.latent_space(z, graph.y, "Cora without labels")

# %% [markdown]
# ## In TensorBoard, or in a table
#
# `callbacks.EmbeddingProjector` writes the vectors for TensorBoard's "Projector", which
# turns them in three dimensions. Pass it to `fit`. Here it writes those of a GCN, which
# the labels trained:

# %%
data = tfgraph.data.full_batch(graph, "train", sparse_features=True)
projector = tfgraph.callbacks.EmbeddingProjector("runs", data, labels=graph.y)
gcn = tfgraph.models.GCN(graph.num_classes)
gcn.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
gcn.fit(data, epochs=20, shuffle=False, verbose=0, callbacks=[projector])
print(sorted(path.name for path in Path("runs").iterdir()))

# %% tags=["hidden"]
assert np.loadtxt("runs/tensors.tsv").shape == (graph.num_nodes, graph.num_classes)
assert np.loadtxt("runs/metadata.tsv", int).tolist() == graph.y.tolist()

# %% [markdown]
# `tensorboard --logdir runs` shows them. `pip install "tfgraph[tensorboard]"` installs
# it. For a file of the vectors alone, `numpy.savetxt("vectors.csv", z, delimiter=",")`
# writes a row for each node, in the order of the graph.
#
# ## Where to go next
#
# - [Large graphs by sampling](sampling.md): the same model, with labels.
# - [Finding missing links](link_prediction.md): vectors made to predict edges.
# - [Models](../reference/models.md): `GraphSAGE` and its aggregators.

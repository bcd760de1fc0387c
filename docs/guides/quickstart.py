# %% [markdown]
# # Start in ten minutes
#
# At the end of this page you will have trained a graph network with `Model.fit`, saved
# it, loaded it again, and served it as TensorFlow Serving does. You need to know Keras.
# You do not need to know graph networks.
#
# ## Install
#
# Clone the repository. Then, in a virtual environment with Python 3.10 or newer:
#
# ```sh
# pip install ".[plots]"
# ```
#
# `plots` is for the pictures only.

# %%
import keras
import tensorflow as tf

import tfgraph
from tfgraph.layers import GCNConv

keras.utils.set_random_seed(0)

# %% [markdown]
# ## The data: one graph
#
# Zachary's karate club is a graph of 34 members. There is an edge between two members
# who met outside of the club. When the club split, each member followed one of two
# leaders. The task is to find out which.

# %%
graph = tfgraph.data.karate_club()
print(graph)

# %% alt="The karate club as a network of 34 nodes, in two colours and shapes"
tfgraph.plots.graph(graph, names=range(34), class_names=["Mr. Hi", "the officer"])

# %% [markdown]
# In a script, `tfgraph.plots.graph(...).savefig("club.png")` keeps the picture.
#
# Only the sides of the two leaders, nodes 0 and 33, are known in training. These are
# the nodes of `graph.train_mask`. All others are in `graph.test_mask`.
#
# The nodes of a graph belong together: a node is classified from its neighbours. So a
# batch for `fit` is the graph as a whole. `full_batch` makes a `tf.data.Dataset` of it.

# %%
train = tfgraph.data.full_batch(graph, "train")
test = tfgraph.data.full_batch(graph, "test")
everyone = tfgraph.data.full_batch(graph)

for part in train.element_spec:
    print(part)

# %% [markdown]
# An element is `(inputs, y, sample_weight)`. The inputs are the features `x` of the
# nodes and the adjacency, a `tf.sparse.SparseTensor`. The sample weight is 0 for the
# nodes that are not in the split. Therefore, pass metrics as `weighted_metrics`.
#
# ## The model: functional
#
# A graph layer is called with `[x, adjacency]` and returns the new features of the
# nodes. The adjacency has a row and a column for each node. Its input is `(None,)`, so
# that the model takes a graph of any size. Everything else is plain Keras.

# %%
x = keras.Input((graph.num_features,), name="x")
adjacency = keras.Input((None,), sparse=True, name="adjacency")
h = GCNConv(16, activation="relu", dropout=0.2)([x, adjacency])
y = GCNConv(2, activation="softmax", dropout=0.2)([h, adjacency])
model = keras.Model([x, adjacency], y)

# %% [markdown]
# ## Fit and evaluate
#
# A dataset comes in its own order. Keras warns unless it is told `shuffle=False`.

# %%
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
history = model.fit(train, epochs=100, shuffle=False, verbose=0)
accuracy = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]

loss = history.history["loss"]
print(f"Loss, first and last: {loss[0]:.3f}, {loss[-1]:.3f}")
print(f"Members whose side is found: {accuracy:.0%}")

# %% tags=["hidden"]
assert accuracy > 0.85
assert loss[-1] < 0.5 * loss[0]

# %% [markdown]
# `predict` gives a row for each node. A node with a dashed ring is one whose side was
# not found.

# %% alt="The karate club again; few nodes at the border of the sides have a ring"
probabilities = model.predict(everyone, verbose=0)
tfgraph.plots.graph(
    graph,
    predicted=probabilities.argmax(axis=1),
    names=range(34),
    class_names=["Mr. Hi", "the officer"],
)


# %% [markdown]
# ## The model: a subclass
#
# The same layers work in a subclass of `keras.Model`. The decorator lets Keras load the
# model without `custom_objects`. If `call` did not take `training`, Keras would train
# the model without any dropout, and not say so.


# %%
@keras.saving.register_keras_serializable(package="guide")
class SkipGCN(keras.Model):
    """Two graph convolutions, and a classifier that sees the results of both."""

    def __init__(self, units, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.units, self.num_classes = units, num_classes
        self.first = GCNConv(units, activation="relu")
        self.second = GCNConv(units, activation="relu")
        self.classifier = keras.layers.Dense(num_classes, activation="softmax")

    def call(self, inputs, training=None):
        _, adjacency = inputs
        h1 = self.first(inputs, training=training)
        h2 = self.second([h1, adjacency], training=training)
        return self.classifier(keras.ops.concatenate([h1, h2], axis=-1))

    def get_config(self):
        config = {"units": self.units, "num_classes": self.num_classes}
        return {**super().get_config(), **config}


subclassed = SkipGCN(16, 2)
subclassed.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
subclassed.fit(train, epochs=100, shuffle=False, verbose=0)
found = subclassed.evaluate(test, verbose=0, return_dict=True)["accuracy"]
print(f"Members whose side is found: {found:.0%}")

# %% tags=["hidden"]
assert found > 0.85

# %% [markdown]
# ## Save and load
#
# Both models save as any Keras model does.

# %%
differences = []
for name, trained in {"karate": model, "subclassed": subclassed}.items():
    trained.save(f"{name}.keras")
    again = keras.models.load_model(f"{name}.keras")
    expected, loaded = (m.predict(everyone, verbose=0) for m in (trained, again))
    differences.append(abs(loaded - expected).max())
print(f"Largest difference after loading: {max(differences):.0e}")

# %% tags=["hidden"]
assert max(differences) < 1e-5

# %% [markdown]
# ## Export and serve
#
# `export_model` writes a SavedModel in a folder for each version. A request holds the
# features and the edges of a graph, which may be any graph with such features. Each
# edge is a pair `(source, target)`.

# %%
version = tfgraph.export.export_model(model, "serving/karate")
serve = tf.saved_model.load(version).signatures["serving_default"]
served = serve(features=tf.constant(graph.x), edges=tf.constant(graph.edges))
print(version)
print(served["predictions"][:3].numpy().round(3))
print(probabilities[:3].round(3))

# %% tags=["hidden"]
assert abs(served["predictions"].numpy() - probabilities).max() < 1e-5

# %% [markdown]
# TensorFlow Serving serves the folder `serving/karate` as it is:
#
# ```sh
# docker run -p 8501:8501 -v "$PWD/serving/karate:/models/karate" \
#     -e MODEL_NAME=karate tensorflow/serving
# ```
#
# ## A recipe for your task
#
# Here is code for four frequent tasks, each with a ready model. It is not run on this
# page: the guide that is named at each task shows results. `planetoid` downloads Cora
# once: 2708 papers in 7 classes, with the citations between them.
#
# **Nodes.** Which subject does a paper have?
#
# ```python
# graph = tfgraph.data.planetoid("cora").row_normalized()
# model = tfgraph.models.GCN(graph.num_classes)
# model.compile(
#     keras.optimizers.Adam(0.01),
#     "sparse_categorical_crossentropy",
#     weighted_metrics=["accuracy"],
# )
# train = tfgraph.data.full_batch(graph, "train")
# model.fit(train, epochs=200, shuffle=False, verbose=0)
# nodes = model.evaluate(tfgraph.data.full_batch(graph, "test"), verbose=0)
# ```
#
# `nodes` is `[loss, accuracy]` on the test papers. See [Attention](attention.md) for
# another layer, and [Large graphs by sampling](sampling.md) for batches.
#
# **Links.** Which papers cite each other?
#
# ```python
# train, val, test = tfgraph.data.link_split(graph)
# model = tfgraph.models.VGAE(16, 32)
# model.compile(keras.optimizers.Adam(0.01), metrics=[tfgraph.metrics.RocAUC()])
# model.fit(tfgraph.data.full_batch(train), epochs=200, shuffle=False, verbose=0)
# links = model.evaluate(tfgraph.data.link_batch(train, test), verbose=0)
# ```
#
# `links` is `[loss, AUC]` on links that were held out, and as many pairs without a
# link. See [Finding missing links](link_prediction.md), and for users and films
# [Several sorts of nodes](heterogeneous.md).
#
# **Whole graphs.** Is a molecule mutagenic?
#
# ```python
# graphs, labels = tfgraph.data.tu("MUTAG")
# train, val, test = (
#     tfgraph.data.whole_graph_batches(
#         [graphs[i] for i in part], labels[part], batch_size=20
#     )
#     for part in tfgraph.data.stratified_folds(labels)[0]
# )
# model = tfgraph.models.DiffPoolClassifier(
#     2, 32, ratio=0.25, max_nodes=28, link_loss_weight=0.1
# )
# model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
# model.fit(train, validation_data=val, epochs=30, shuffle=False, verbose=0)
# molecules = model.evaluate(test, verbose=0)
# ```
#
# `max_nodes` is the size of the largest graph. `molecules` is `[loss, accuracy]`. See
# [Whole graphs](whole_graphs.md).
#
# **Embeddings.** Vectors of nodes, without labels:
#
# ```python
# model = tfgraph.models.GraphSAGE(hidden_units=[128, 64])
# model.compile(keras.optimizers.Adam(0.005), tfgraph.losses.NegativeSamplingLoss())
# pairs = tfgraph.data.walk_batches(graph, (10, 10), batch_size=512, seed=0)
# model.fit(pairs, epochs=1, shuffle=False, verbose=0)
# z = tfgraph.inference.predict_nodes(model, graph, verbose=0)
# ```
#
# `z` `[N, 64]` puts nodes near each other that short random walks join.
# `tfgraph.plots.latent_space(z, graph.y)` draws them, and
# `tfgraph.metrics.linear_probe(z, graph.y, graph.train_mask, graph.test_mask)` says how
# well a logistic regression tells the classes apart. See
# [Embeddings without labels](embeddings.md).
#
# ## Where to go next
#
# - [Your own tables](tables.md): from CSV files to predictions.
# - [Graphs as inputs](graphs_as_inputs.md): a graph of your own, in the form you have.
# - [Save, export, serve](serving.md): requests to a server, ONNX and LiteRT.
# - [Layers](../reference/layers.md): all layers, with their equations.

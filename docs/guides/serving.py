# %% [markdown]
# # Save, export, serve
#
# A trained model has to leave the notebook. At the end of this page you have a `.keras`
# file, a SavedModel for TensorFlow Serving, an ONNX file and a LiteRT file. All of them
# answer a request about a graph that the model has never seen.

# %%
import keras
import numpy as np
import tensorflow as tf

import tfgraph

keras.utils.set_random_seed(0)
graph = tfgraph.data.karate_club()
model = tfgraph.models.GCN(2, hidden_units=[16])
model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
model.fit(tfgraph.data.full_batch(graph, "train"), epochs=20, shuffle=False, verbose=0)
everyone = tfgraph.data.full_batch(graph)
predicted = model.predict(everyone, verbose=0)

# %% [markdown]
# ## A `.keras` file
#
# Layers and models of tfgraph load without `custom_objects`; `import tfgraph` is
# enough.

# %%
model.save("karate.keras")
again = keras.models.load_model("karate.keras")
print(np.abs(again.predict(everyone, verbose=0) - predicted).max())

# %% tags=["hidden"]
np.testing.assert_array_equal(again.predict(everyone, verbose=0), predicted)

# %% [markdown]
# ## A SavedModel for TensorFlow Serving
#
# The SavedModel needs neither Keras nor tfgraph. It takes a graph of any size as plain
# tensors. Each export gets the next number as its folder, as TensorFlow Serving
# expects. Its signature says what a request holds:

# %%
version = tfgraph.export.export_model(model, "serving/karate")
print(version)
serve = tf.saved_model.load(version).signatures["serving_default"]
for name, spec in sorted(serve.structured_input_signature[1].items()):
    print(name, spec.shape, spec.dtype.name)

# %% [markdown]
# A request, about three people who are not in the club. Each row of `edges` is (source,
# target):

# %%
request = {
    "features": tf.eye(3, graph.num_features),
    "edges": tf.constant([[0, 1], [1, 0], [1, 2], [2, 1]], tf.int64),
}
answer = serve(**request)["predictions"].numpy()
print(answer.round(3))

# %% tags=["hidden"]
three = tfgraph.data.Graph(request["features"].numpy(), request["edges"].numpy())
expected = model.predict(tfgraph.data.full_batch(three), verbose=0)
np.testing.assert_allclose(answer, expected, atol=1e-5)

# %% [markdown]
# ## A bad request
#
# A request is checked before anything is computed. A bad one gets an error, and the
# server goes on. Here an edge names node 7, but there are only three nodes:

# %%
try:
    serve(**{**request, "edges": tf.constant([[0, 7]], tf.int64)})
except tf.errors.InvalidArgumentError as error:
    message = str(error).partition("failed: ")[2].split("\n")[0]
    print(message)

# %% tags=["hidden"]
assert "Expected `edges` of node numbers from 0 to 2" in message

# %% [markdown]
# ## ONNX and LiteRT
#
# Without TensorFlow on the other side, `export_onnx` and `export_litert` write one file
# each. To write and run them: `pip install ".[onnx,litert]"`. A request to these files
# has the weights of the edges, too. Without weights in your graph, all are 1:

# %%
request = {name: np.asarray(value) for name, value in request.items()}
request["weights"] = np.ones(len(request["edges"]), "float32")

# %%
import onnxruntime

tfgraph.export.export_onnx(model, "karate.onnx")
session = onnxruntime.InferenceSession("karate.onnx")
(by_onnx,) = session.run(["predictions"], request)
print(by_onnx.round(3))

# %%
from ai_edge_litert.interpreter import Interpreter

tfgraph.export.export_litert(model, "karate.tflite")
runner = Interpreter("karate.tflite").get_signature_runner("serving_default")
by_litert = runner(**request)["predictions"]
print(by_litert.round(3))

# %% tags=["hidden"]
np.testing.assert_allclose(by_onnx, answer, atol=1e-5)
np.testing.assert_allclose(by_litert, answer, atol=1e-5)

# %% [markdown]
# Both answer as the SavedModel does, but check little of a request. ONNX Runtime is
# slower on large graphs. For a model over several node sets, both take the `spec` of
# its GraphTensor last. [Export](../reference/export.md) says more.
#
# ## Which export for which model
#
# | model | export |
# | --- | --- |
# | over `[x, adjacency]`, also of whole graphs | `export_model` |
# | the same, for nodes of one graph that stays | `export_transductive` |
# | over a `GraphTensor` | `export_graph_tensor_model` |
# | over several node sets | `export_hetero_model` |
# | over sampled blocks | `export_block_model` |
# | scores of links | `export_link_scorer` |
#
# `export_model(preprocessing=...)` puts Keras' preprocessing layers into the
# SavedModel, so that a request holds raw columns: see [Your own tables](tables.md).
#
# ## Where to go next
#
# - [Requests to TensorFlow Serving](../serving.md): the server itself, by REST, gRPC
#   and the shell.
# - [Export](../reference/export.md): all exports, their inputs and limits.

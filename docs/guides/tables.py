# %% [markdown]
# # Your own tables to predictions
#
# You have a table of nodes and a table of edges. At the end of this page you have a
# table of predictions by name, and a server that takes the columns of your table.
# Pandas reads the files: `pip install ".[pandas]"`.

# %%
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

import tfgraph

keras.utils.set_random_seed(0)

# %% [markdown]
# ## The tables
#
# Here they are made up: 300 people, who mostly call others of the same job. Half of
# them live where their job is common, the others anywhere. The jobs of 30 people are
# unknown.

# %%
rng = np.random.default_rng(0)
job = rng.choice(["baker", "nurse", "vet"], 300, p=[0.5, 0.3, 0.2])
common = np.select([job == "baker", job == "nurse"], ["Alm", "Bonn"], "Cork")
anywhere = rng.choice(["Alm", "Bonn", "Cork"], 300)
people = pd.DataFrame(
    {
        "name": [f"person {i}" for i in range(300)],
        "age": rng.integers(20, 65, 300),
        "town": np.where(rng.random(300) < 0.5, common, anywhere),
        "job": job,
    }
)
people.loc[:29, "job"] = None
people.to_csv("people.csv", index=False)

pairs = rng.integers(0, 300, (6000, 2))
alike = job[pairs[:, 0]] == job[pairs[:, 1]]
pairs = pairs[rng.random(6000) < np.where(alike, 0.4, 0.05)]
calls = pd.DataFrame(np.char.add("person ", pairs.astype(str)), columns=["from", "to"])
calls.to_csv("calls.csv", index=False)

# %% [markdown]
# With tables of your own, begin here:

# %%
people = pd.read_csv("people.csv", dtype={"name": str})
calls = pd.read_csv("calls.csv", dtype={"from": str, "to": str})
print(people.tail(3))
print(calls.tail(3))

# %% [markdown]
# ## A graph of the tables

# %%
graph = tfgraph.data.Graph.from_pandas(
    people, calls, id_column="name", label_column="job"
).symmetrized()
print(graph)
print(graph.class_names)
print(list(graph.columns))

# %% [markdown]
# - Ids are strings or integers, of one type in both tables. An edge with an unknown id
#   is an error that names the id and the column.
# - Labels are strings or class numbers. A person without a job is a node without label.
# - Columns of numbers are features. Columns of strings are kept in `graph.columns`.
# - `symmetrized` makes both directions of each edge. Leave it out if the direction
#   matters.
#
# ## Split
#
# By fractions, of each class alike. Nodes without label are in no part:

# %%
graph = tfgraph.data.random_split(graph, 0.6, 0.2, 0.2)
print(graph)

# %% [markdown]
# Or by a column of your own, here one that is called `part`:
#
# ```python
# part = graph.columns["part"]
# graph = graph.replace(
#     train_mask=part == "train", val_mask=part == "val", test_mask=part == "test"
# )
# ```
#
# ## Strings as features
#
# `keras.utils.FeatureSpace` makes features of numbers and strings. It learns from the
# training rows only. It becomes a model of its own, which is saved, and served with the
# other.

# %%
space = keras.utils.FeatureSpace(
    {"age": "float_normalized", "town": "string_categorical"}, output_mode="concat"
)
columns = {
    "age": people["age"].to_numpy("float32"),
    "town": people["town"].to_numpy(str),
}
seen = {name: column[graph.train_mask] for name, column in columns.items()}
space.adapt(tf.data.Dataset.from_tensor_slices(seen))
preprocessing = keras.Model(dict(space.get_inputs()), space.get_encoded_features())
preprocessing.save("preprocessing.keras")

x = preprocessing({name: column[:, None] for name, column in columns.items()})
graph = graph.replace(x=x)
print(graph.x[:3].round(2))

# %% [markdown]
# The columns are the age, an unknown town, and the three towns.
#
# ## Train
#
# There are few vets. `class_weight="balanced"` lets rare classes count as much as
# frequent ones. `GraphSAGE` treats a node and its neighbours by different weights.

# %%
model = tfgraph.models.GraphSAGE(graph.num_classes, [16, 16])
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
model.fit(
    tfgraph.data.full_batch(graph, "train", class_weight="balanced"),
    validation_data=tfgraph.data.full_batch(graph, "val"),
    epochs=100,
    shuffle=False,
    verbose=0,
)
test = tfgraph.data.full_batch(graph, "test")
accuracy = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
print(f"Test accuracy: {accuracy:.0%}")
most = np.bincount(graph.y[graph.test_mask]).max() / graph.test_mask.sum()
print(f"If all were bakers: {most:.0%}")

# %% tags=["hidden"]
assert accuracy > max(0.7, most + 0.15)

# %% [markdown]
# ## Predictions by name
#
# The table of predictions has the ids, the name of the likeliest class, and the
# probability of each class. The people without a job have a prediction, too.

# %%
probabilities = model.predict(tfgraph.data.full_batch(graph), verbose=0)
frame = graph.predictions_frame(probabilities)
frame.to_csv("predictions.csv")
print(frame.head(3).round(2))

right = frame["predicted"].to_numpy()[:30] == job[:30]
print(f"Of the 30 unknown jobs, {right.sum()} are found")

# %% tags=["hidden"]
assert right.mean() > most + 0.1
written = pd.read_csv("predictions.csv", index_col="id")
assert written.index.tolist() == people["name"].tolist()
assert set(written["predicted"]) == {"baker", "nurse", "vet"}

# %% [markdown]
# ## Serve the columns
#
# A request holds the columns of the table, and edges by row number:

# %%
version = tfgraph.export.export_model(
    model, "serving/jobs", preprocessing=preprocessing
)
serve = tf.saved_model.load(version).signatures["serving_default"]
served = serve(
    age=tf.constant([30.0, 40.0]),
    town=tf.constant(["Alm", "Bonn"]),
    edges=[[0, 1], [1, 0]],
)
print(served["predictions"].numpy().round(2))

# %% tags=["hidden"]
again = serve(
    edges=tf.constant(graph.edges),
    **{name: tf.constant(column) for name, column in columns.items()},
)
np.testing.assert_allclose(again["predictions"], probabilities, atol=1e-5)

# %% [markdown]
# `examples/tables.py` does all of this on three tables of Twitch users.
#
# ## Where to go next
#
# - [Large graphs by sampling](sampling.md), when a graph is too large for one batch.
# - [Graphs and splits](../reference/data/graphs.md): `from_pandas`, and weights or
#   features in the table of edges.
# - [Export](../reference/export.md): what a server checks, and other forms of requests.

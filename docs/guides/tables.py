# %% [markdown]
# # Your own tables
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
# unknown, and a few ages.

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
people.loc[::50, "age"] = None
people.to_csv("people.csv", index=False)

pairs = rng.integers(0, 300, (6000, 2))
alike = job[pairs[:, 0]] == job[pairs[:, 1]]
pairs = pairs[rng.random(6000) < np.where(alike, 0.4, 0.05)]
calls = pd.DataFrame(np.char.add("person ", pairs.astype(str)), columns=["from", "to"])
calls.to_csv("calls.csv", index=False)

# %% [markdown]
# With files of your own, begin here. `dtype` keeps ids as strings, so that `007` does
# not become 7:

# %%
people = pd.read_csv("people.csv", dtype={"name": str})
calls = pd.read_csv("calls.csv", dtype={"from": str, "to": str})
print(people.tail(3))
print(calls.tail(3))

# %% [markdown]
# ## A graph of the tables
#
# A graph holds no missing numbers, so a missing age becomes the median. Then name the
# columns of ids, labels, sources and targets:

# %%
people["age"] = people["age"].fillna(people["age"].median())
graph = tfgraph.data.Graph.from_pandas(
    people,
    calls,
    id_column="name",
    label_column="job",
    source_column="from",
    target_column="to",
).symmetrized()
print(graph)
print(graph.class_names)
print(list(graph.columns))

# %% [markdown]
# - Ids are strings or integers, of one type in both tables. An edge with an unknown id
#   is an error that names the id and the column.
# - Labels are strings or class numbers. A person without a job is a node without label.
# - Other columns of people: numbers are features, and strings are kept in
#   `graph.columns`.
# - Other columns of calls: `weight_column="minutes"` makes weights of edges. Further
#   numbers become features of edges. `models.GAT` uses them, so each request needs
#   them, too. To leave columns out, pass `calls[["from", "to"]]`.
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
# For a split of your own, give the table of people three columns of booleans before:
# `train_mask`, `val_mask` and `test_mask`. `from_pandas` knows these names.
#
# ## Strings as features
#
# `keras.utils.FeatureSpace` makes features of numbers and strings. It learns from the
# training rows only, and becomes a model of its own.


# %%
def columns_of(people):
    return {
        "age": people["age"].to_numpy("float32")[:, None],
        "town": people["town"].to_numpy(str)[:, None],
    }


space = keras.utils.FeatureSpace(
    {"age": "float_normalized", "town": "string_categorical"}, output_mode="concat"
)
seen = columns_of(people[graph.train_mask])
space.adapt(tf.data.Dataset.from_tensor_slices(seen))
preprocessing = keras.Model(dict(space.get_inputs()), space.get_encoded_features())

graph = graph.replace(x=preprocessing(columns_of(people)))
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
# ## Predict for new people
#
# Save both models. Another program loads them, and makes the graph of the new tables in
# the same way. Here Ann is new, and calls two people:

# %%
model.save("jobs.keras")
preprocessing.save("preprocessing.keras")

# %%
again = keras.models.load_model("jobs.keras")
preprocessing = keras.models.load_model("preprocessing.keras")

ann = pd.DataFrame({"name": ["Ann"], "age": [30], "town": ["Bonn"]})
by_ann = pd.DataFrame({"from": ["Ann", "Ann"], "to": ["person 34", "person 298"]})
people, calls = pd.concat([people, ann]), pd.concat([calls, by_ann])
later = tfgraph.data.Graph.from_pandas(
    people, calls, id_column="name", label_column="job"
).symmetrized()
later = later.replace(x=preprocessing(columns_of(people)))
predicted = again.predict(tfgraph.data.full_batch(later), verbose=0)
print(later.predictions_frame(predicted).loc[["Ann"]].round(2))

# %% tags=["hidden"]
assert predicted.shape == (301, 3)
# Only those whom Ann calls, and those whom these call, can have another prediction.
changed = np.abs(predicted[:300] - probabilities).max(axis=1) > 1e-5
assert 0 < changed.sum() < 100

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
served = serve(
    edges=tf.constant(graph.edges),
    age=tf.constant(columns_of(people)["age"][:300, 0]),
    town=tf.constant(columns_of(people)["town"][:300, 0]),
)
np.testing.assert_allclose(served["predictions"], probabilities, atol=1e-5)

# %% [markdown]
# `examples/tables.py` does all of this on three tables of Twitch users.
#
# ## Where to go next
#
# - [Large graphs by sampling](sampling.md), when a graph is too large for one batch.
# - [Several sorts of nodes](heterogeneous.md): a table for each sort, such as users and
#   films.
# - [Graphs and splits](../reference/data/graphs.md): all arguments of `from_pandas`.
# - [Save, export, serve](serving.md): what a server checks, and other runtimes.

# %% [markdown]
# # Signals on a fixed graph
#
# Sensors of a road, stations of a grid, points of a net: the graph stays, and its nodes
# measure something at each step. At the end of this page you forecast such a signal
# with a graph convolution and a GRU, in one Keras model that holds the graph.
#
# ## A signal
#
# We simulate one: a damped wave on a net of 60 points, each tied to its 4 nearest. A
# point is pulled towards the mean of its neighbours. Now and then, some points get a
# push. With data of your own, `signal` is your array `[steps, nodes]`.

# %%
import keras
import numpy as np

import tfgraph
from tfgraph.layers import FixedAdjacency, GCNConv

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
NUM_NODES, NUM_STEPS, HORIZON = 60, 8, 3

place = rng.uniform(size=[NUM_NODES, 2])
distance = np.linalg.norm(place[:, None] - place, axis=-1)
nearest = np.argsort(distance, axis=1)[:, 1:5]
edges = np.stack([nearest.ravel(), np.repeat(np.arange(NUM_NODES), 4)], axis=1)
graph = tfgraph.data.Graph(None, edges, num_nodes=NUM_NODES).symmetrized()

mean = np.zeros([NUM_NODES, NUM_NODES])
mean[tuple(graph.edges.T)] = 1
mean /= mean.sum(axis=1, keepdims=True)
height, velocity, heights = np.zeros(NUM_NODES), np.zeros(NUM_NODES), []
for step in range(1200):
    velocity += 0.5 * (mean @ height - height) - 0.05 * velocity - 0.02 * height
    if step % 10 == 0:
        velocity[rng.permutation(NUM_NODES)[:3]] += rng.normal(size=3)
    height = height + velocity
    heights.append(height)
signal = np.array(heights, "float32")
signal /= signal.std()
print(graph, signal.shape)

# %% [markdown]
# ## Windows
#
# From the last 8 heights of all points, the model forecasts the heights 3 steps later.
# These are arrays as for any Keras model: `x` of shape `[windows, steps, nodes,
# features]`, and `y` of shape `[windows, nodes, 1]`. The last quarter is for the test,
# and no training window reaches into it.

# %%
starts = np.arange(len(signal) - NUM_STEPS - HORIZON + 1)
x = signal[starts[:, None] + np.arange(NUM_STEPS), :, None]
y = signal[starts + NUM_STEPS + HORIZON - 1, :, None]
first_test = 3 * len(x) // 4
train, test = slice(first_test - NUM_STEPS - HORIZON), slice(first_test, None)
print(x.shape, y.shape)

# %% [markdown]
# ## A model with the graph inside
#
# `FixedAdjacency(graph)` keeps the graph as part of the model. So `fit` takes plain
# arrays and cuts them into batches, and the saved file needs no graph beside it. A
# graph convolution takes all windows and steps in one product.

# %%
inputs = keras.Input((NUM_STEPS, NUM_NODES, 1))
adjacency = FixedAdjacency(graph)(inputs)
h = GCNConv(16, activation="tanh")([inputs, adjacency])
h = keras.layers.Concatenate()([inputs, h])
h = keras.ops.transpose(h, (0, 2, 1, 3))  # each point with its steps
h = keras.layers.GRU(32)(keras.ops.reshape(h, (-1, NUM_STEPS, 17)))
h = keras.ops.reshape(h, (-1, NUM_NODES, 32))
model = keras.Model(inputs, keras.layers.Dense(1)(h))

model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
model.fit(x[train], y[train], batch_size=32, epochs=4, verbose=0)
error = model.evaluate(x[test], y[test], verbose=0, return_dict=True)["mae"]
last = np.abs(x[test][:, -1] - y[test]).mean()
print(f"Mean error of the forecast: {error:.2f}")
print(f"Mean error if the last value stays: {last:.2f}")

# %% tags=["hidden"]
assert error < 0.7 * last

# %% [markdown]
# ## The forecast of one point

# %% alt="The height of a point, and its forecast three steps ahead, which follows it"
from matplotlib.figure import Figure

forecast = model.predict(x[test], verbose=0)
figure = Figure(figsize=(8, 3), layout="constrained")
axes = figure.add_subplot()
axes.plot(y[test][:120, 0, 0], color="0.6", linewidth=3, label="height")
axes.plot(forecast[:120, 0, 0], "--", color="#0072b2", label="forecast")
axes.set(title="Point 0, forecast 3 steps ahead", xlabel="step", ylabel="height")
axes.legend()
figure

# %% [markdown]
# ## Saved with its graph

# %%
model.save("wave.keras")
again = keras.models.load_model("wave.keras")
np.abs(again.predict(x[test], verbose=0) - forecast).max()

# %% tags=["hidden"]
np.testing.assert_array_equal(again.predict(x[test], verbose=0), forecast)

# %% [markdown]
# ## Where to go next
#
# - [Layers](../reference/layers.md): `FixedAdjacency`, and which layers take signals.
# - [Cheat sheet](../cheat_sheet.md): which layer takes which input.
# - [Saving, exporting, serving](serving.md): `export_model` serves signals with a graph
#   in each request.

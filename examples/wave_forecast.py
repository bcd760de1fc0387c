"""Forecasts a simulated wave on a net of 100 points: a graph convolution and a GRU.

python examples/wave_forecast.py

The signal is simulated: the points of the net are pulled towards the mean of their
neighbours, and every 10 steps five of them are hit. From the last 8 heights of all
points, the model forecasts the heights 3 steps later. The graph is part of the model.
So Keras' own `fit` cuts the batches, and the saved file needs no graph beside it.
"""

import keras
import numpy as np

import tfgraph
from tfgraph.layers import FixedAdjacency, GCNConv

NUM_NODES, NUM_STEPS, HORIZON = 100, 8, 3

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)

# Each point is tied to its 4 nearest ones.
place = rng.uniform(size=[NUM_NODES, 2])
distance = np.linalg.norm(place[:, None] - place, axis=-1)
nearest = np.argsort(distance, axis=1)[:, 1:5]
edges = np.stack([nearest.ravel(), np.repeat(np.arange(NUM_NODES), 4)], axis=1)
graph = tfgraph.data.Graph(None, edges, num_nodes=NUM_NODES).symmetrized()

# The damped wave equation on this graph.
mean = np.zeros([NUM_NODES, NUM_NODES])
mean[tuple(graph.edges.T)] = 1
mean /= mean.sum(axis=1, keepdims=True)
height, velocity, heights = np.zeros(NUM_NODES), np.zeros(NUM_NODES), []
for step in range(2000):
    velocity += 0.5 * (mean @ height - height) - 0.05 * velocity - 0.02 * height
    if step % 10 == 0:
        velocity[rng.permutation(NUM_NODES)[:5]] += rng.normal(size=5)
    height = height + velocity
    heights.append(height)
signal = np.array(heights, "float32")
signal /= signal.std()

# Windows [B, T, N, 1] and their targets [B, N, 1]. The last quarter is for the test,
# and no window of the training reaches into it.
starts = np.arange(len(signal) - NUM_STEPS - HORIZON + 1)
x = signal[starts[:, None] + np.arange(NUM_STEPS), :, None]
y = signal[starts + NUM_STEPS + HORIZON - 1, :, None]
first_test = 3 * len(x) // 4
train, test = slice(first_test - NUM_STEPS - HORIZON), slice(first_test, None)

inputs = keras.Input((NUM_STEPS, NUM_NODES, 1))
adjacency = FixedAdjacency(graph)(inputs)
h = GCNConv(16, activation="tanh")([inputs, adjacency])
h = keras.layers.Concatenate()([inputs, h])
h = keras.ops.transpose(h, (0, 2, 1, 3))  # each point with its steps
h = keras.layers.GRU(32)(keras.ops.reshape(h, (-1, NUM_STEPS, 17)))
h = keras.ops.reshape(h, (-1, NUM_NODES, 32))
model = keras.Model(inputs, keras.layers.Dense(1)(h))

model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
model.fit(x[train], y[train], batch_size=32, epochs=6, verbose=2)
model.save("wave_forecast.keras")

reloaded = keras.models.load_model("wave_forecast.keras")
_, error = reloaded.evaluate(x[test], y[test], verbose=0)
last = np.abs(x[test][:, -1] - y[test]).mean()
print(f"Mean error of the forecast: {error:.3f}")
print(f"Mean error if the last value stays: {last:.3f}")

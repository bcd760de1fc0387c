"""A process that fits one model after another keeps the memory of the last only."""

import gc
import weakref

import keras
import numpy as np
import tensorflow as tf


def test_a_fitted_model_leaves_no_graph():
    graphs = []

    def loss(y, predictions):
        graphs.append(weakref.ref(tf.compat.v1.get_default_graph()))
        return tf.reduce_mean((y - predictions) ** 2)

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", loss)
    model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0)
    assert graphs and all(graph() for graph in graphs)
    del model
    gc.collect()
    assert not any(graph() for graph in graphs)


def test_a_graph_in_use_keeps_its_gradients():
    @tf.custom_gradient
    def double(x):
        return 2 * x, lambda dy: 7 * dy

    traced, x = tf.function(double), tf.constant(1.0)
    traced(x)
    gc.collect()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = traced(x)
    assert tape.gradient(y, x) == 7

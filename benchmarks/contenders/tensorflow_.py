"""Plain TensorFlow, as one would write it.

GCN by `tf.sparse.sparse_dense_matmul` with Â made beforehand, GAT by gathers and
`tf.math.unsorted_segment_sum`.
"""

import itertools

import cases
import keras
import numpy as np
import tensorflow as tf
import timing


def gcn(case, variant):
    make, hidden, drop_input, drop_hidden, warm_up, runs = cases.GCN[case]
    graph = make()
    edges, weights = cases.with_normalized_loops(graph)
    num_nodes = len(graph["x"])
    a_hat = tf.SparseTensor(edges[:, ::-1], weights, (num_nodes, num_nodes))
    widths = [graph["x"].shape[1], hidden, graph["num_classes"]]
    glorot = keras.initializers.GlorotUniform(seed=0)
    kernels = [tf.Variable(glorot((n, m))) for n, m in itertools.pairwise(widths)]
    biases = [tf.Variable(tf.zeros(m)) for m in widths[1:]]
    x = tf.constant(graph["x"])

    def forward(x, a_hat, training):
        drop = tf.nn.dropout if training else lambda h, rate: h
        h = tf.matmul(drop(x, drop_input), kernels[0])
        h = tf.nn.relu(tf.sparse.sparse_dense_matmul(a_hat, h) + biases[0])
        h = tf.matmul(drop(h, drop_hidden), kernels[1])
        return tf.sparse.sparse_dense_matmul(a_hat, h) + biases[1]

    if case.startswith("infer"):
        call = tf.function(lambda x, a_hat: forward(x, a_hat, False))
        return timing.time_calls(lambda: call(x, a_hat).numpy(), warm_up, runs)

    step = training_step(forward, kernels + biases, graph)
    return timing.time_calls(lambda: step(x, a_hat).numpy(), warm_up, runs)


def training_step(forward, variables, graph):
    """Returns a step of Adam on the mean cross-entropy over the training nodes."""
    train = tf.constant(np.flatnonzero(graph["train_mask"]))
    labels = tf.gather(tf.constant(graph["y"]), train)
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(variables)

    @tf.function
    def step(*inputs):
        with tf.GradientTape() as tape:
            logits = tf.gather(forward(*inputs, True), train)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            )
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def gat(case, variant):
    make, heads, units, drop, warm_up, runs = cases.GAT[case]
    graph = make()
    edges, _ = cases.with_normalized_loops(graph)
    num_nodes = len(graph["x"])
    source, target = tf.constant(edges[:, 0]), tf.constant(edges[:, 1])
    glorot = keras.initializers.GlorotUniform(seed=0)

    def weights(width, heads, units):
        shapes = [(width, heads * units), (heads, units), (heads, units)]
        return [tf.Variable(glorot(shape)) for shape in shapes]

    def attention(x, source, target, kernel, a_source, a_target):
        heads, units = a_source.shape
        h = tf.reshape(x @ kernel, [-1, heads, units])
        scores = tf.gather(tf.reduce_sum(h * a_source, -1), source)
        scores += tf.gather(tf.reduce_sum(h * a_target, -1), target)
        scores = tf.nn.leaky_relu(scores, 0.2)
        highest = tf.math.unsorted_segment_max(scores, target, num_nodes)
        scores = tf.exp(scores - tf.gather(highest, target))
        total = tf.math.unsorted_segment_sum(scores, target, num_nodes)
        alpha = tf.nn.dropout(scores / tf.gather(total, target), drop)
        messages = alpha[:, :, None] * tf.gather(h, source)
        h = tf.math.unsorted_segment_sum(messages, target, num_nodes)
        return tf.reshape(h, [-1, heads * units])

    first = weights(graph["x"].shape[1], heads, units)
    second = weights(heads * units, 1, graph["num_classes"])

    def forward(x, source, target, training):
        x = tf.nn.dropout(x, drop)
        h = tf.nn.elu(attention(x, source, target, *first))
        return attention(tf.nn.dropout(h, drop), source, target, *second)

    step, x = training_step(forward, first + second, graph), tf.constant(graph["x"])
    return timing.time_calls(lambda: step(x, source, target).numpy(), warm_up, runs)


if __name__ == "__main__":
    timing.main(gcn, gat)

"""Plain TensorFlow: `tf.sparse.sparse_dense_matmul` with Â made beforehand."""

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
    train = tf.constant(np.flatnonzero(graph["train_mask"]))
    labels = tf.gather(tf.constant(graph["y"]), train)

    def forward(x, a_hat, training):
        drop = tf.nn.dropout if training else lambda h, rate: h
        h = tf.matmul(drop(x, drop_input), kernels[0])
        h = tf.nn.relu(tf.sparse.sparse_dense_matmul(a_hat, h) + biases[0])
        h = tf.matmul(drop(h, drop_hidden), kernels[1])
        return tf.sparse.sparse_dense_matmul(a_hat, h) + biases[1]

    if case.startswith("infer"):
        call = tf.function(lambda x, a_hat: forward(x, a_hat, False))
        return timing.time_calls(lambda: call(x, a_hat).numpy(), warm_up, runs)

    variables = kernels + biases
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(variables)

    @tf.function
    def step(x, a_hat, labels):
        with tf.GradientTape() as tape:
            logits = tf.gather(forward(x, a_hat, True), train)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            )
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return timing.time_calls(lambda: step(x, a_hat, labels).numpy(), warm_up, runs)


if __name__ == "__main__":
    timing.main(gcn)

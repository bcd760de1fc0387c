"""Plain TensorFlow's VGAE, as its official code: the whole matrix of logits."""

import cases
import keras
import tensorflow as tf
import timing


def vgae(case, variant):
    make, hidden, latent, warm_up, runs = cases.VGAE[case]
    graph = make()
    edges, weights = cases.with_normalized_loops(graph)
    num_nodes, num_features = graph["x"].shape
    a_hat = tf.SparseTensor(edges[:, ::-1], weights, (num_nodes, num_nodes))
    targets, pos_weight, norm = cases.link_targets(graph)
    x, targets = tf.constant(graph["x"]), tf.constant(targets)
    glorot = keras.initializers.GlorotUniform(seed=0)
    shapes = [(num_features, hidden), (hidden, latent), (hidden, latent)]
    variables = [tf.Variable(glorot(shape)) for shape in shapes]
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(variables)

    def propagate(h):
        return tf.sparse.sparse_dense_matmul(a_hat, h)

    @tf.function
    def step(x, targets):
        with tf.GradientTape() as tape:
            h = tf.nn.relu(propagate(tf.matmul(x, variables[0])))
            mean = propagate(tf.matmul(h, variables[1]))
            log_std = propagate(tf.matmul(h, variables[2]))
            z = mean + tf.random.normal(tf.shape(mean)) * tf.exp(log_std)
            loss = norm * tf.reduce_mean(
                tf.nn.weighted_cross_entropy_with_logits(
                    targets, tf.matmul(z, z, transpose_b=True), pos_weight
                )
            )
            kl = 1 + 2 * log_std - mean**2 - tf.exp(2 * log_std)
            kl = -0.5 * tf.reduce_mean(tf.reduce_sum(kl, axis=1))
            loss += kl / num_nodes
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return timing.time_calls(lambda: step(x, targets).numpy(), warm_up, runs)


if __name__ == "__main__":
    timing.main(vgae)

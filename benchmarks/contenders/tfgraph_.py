"""tfgraph, by `Model.fit` for training, end of epoch to end of epoch."""

import cases
import keras
import tensorflow as tf
import timing
from keras_training import time_epochs

import tfgraph


def gcn(case, variant):
    make, hidden, drop_input, drop_hidden, warm_up, runs = cases.GCN[case]
    (x, adjacency), labels, num_classes = graph_of(make, variant)
    arguments = {}
    if "normalized" in variant:
        adjacency = tfgraph.layers.gcn_normalize(adjacency)
        arguments = {"normalize": False, "add_self_loops": False}
    model = TwoLayers(hidden, num_classes, drop_input, drop_hidden, arguments)
    if case.startswith("infer"):
        call = tf.function(lambda x, adjacency: model((x, adjacency)))
        return timing.time_calls(lambda: call(x, adjacency).numpy(), warm_up, runs)

    per_call = 10 if "steps" in variant else 1
    return time_epochs(model, (x, adjacency), *labels, warm_up, runs, per_call)


def graph_of(make, variant):
    """Returns the inputs, labels and number of classes of a case."""
    arrays = make()
    num_classes = arrays.pop("num_classes")
    graph = tfgraph.data.Graph(**arrays)
    batches = tfgraph.data.full_batch(graph, sparse_features="sparse" in variant)
    (inputs,) = batches.get_single_element()
    return inputs, (graph.y, graph.train_mask), num_classes


class TwoLayers(keras.Model):
    """GCN with a dropout rate for each layer, and logits."""

    def __init__(self, hidden, num_classes, drop_input, drop_hidden, arguments):
        super().__init__()
        self.first = tfgraph.layers.GCNConv(
            hidden, activation="relu", dropout=drop_input, **arguments
        )
        self.second = tfgraph.layers.GCNConv(
            num_classes, dropout=drop_hidden, **arguments
        )

    def call(self, inputs, training=None):  # else Keras would drop nothing
        return self.second([self.first(inputs), inputs[1]])


def gat(case, variant):
    make, heads, units, drop, warm_up, runs = cases.GAT[case]
    inputs, labels, num_classes = graph_of(make, variant)
    model = tfgraph.models.GAT(
        num_classes,
        hidden_units=[units],
        num_heads=heads,
        dropout=drop,
        classifier_activation=None,
        dropout_per_head="one dropout" not in variant,
    )
    per_call = 10 if "steps" in variant else 1
    return time_epochs(model, inputs, *labels, warm_up, runs, per_call)


def signals(case, variant):
    """Forward and backward of one layer on signals `[B, N, F]` of a fixed graph."""
    make, units, warm_up, runs = cases.SIGNALS[case]
    arrays = make()
    x = tf.constant(arrays["x"])
    graph = tfgraph.data.Graph(None, arrays["edges"], num_nodes=x.shape[1])
    adjacency, arguments = graph.to_sparse_tensor(), {}
    if "normalized" in variant:
        adjacency = tfgraph.layers.gcn_normalize(adjacency)
        arguments = {"normalize": False, "add_self_loops": False}
    fixed = tfgraph.layers.FixedAdjacency(adjacency)
    layer = tfgraph.layers.GCNConv(units, **arguments)
    layer([x, fixed(x)])

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(layer([x, fixed(x)]) ** 2)
        return tape.gradient(loss, [x, *layer.trainable_variables])

    return timing.time_calls(lambda: step(x)[0].numpy(), warm_up, runs)


if __name__ == "__main__":
    timing.main(gcn, gat, signals)

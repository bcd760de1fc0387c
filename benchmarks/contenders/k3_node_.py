"""k3-node on TensorFlow, by `Model.fit`."""

import cases
import keras
import tensorflow as tf
import timing
from k3_node.layers import GATConv, GCNConv
from keras_training import time_epochs


class TwoLayers(keras.Model):
    """Two layers, each with a dropout rate for what enters it, and logits."""

    def __init__(self, layers, activation, drops):
        super().__init__()
        self.first, self.second = layers
        self.activation = keras.activations.get(activation)
        self.drops = [keras.layers.Dropout(rate) for rate in drops]

    def call(self, inputs, training=None):  # else Keras would drop nothing
        x, edges = inputs
        h = self.activation(self.first(self.drops[0](x), edges))
        return self.second(self.drops[1](h), edges)


def gcn(case, variant):
    make, hidden, drop_input, drop_hidden, warm_up, runs = cases.GCN[case]
    graph, inputs = graph_of(make)
    cached = "cached" in variant
    layers = [
        GCNConv(inputs[0].shape[1], hidden, cached=cached),
        GCNConv(hidden, graph["num_classes"], cached=cached),
    ]
    model = TwoLayers(layers, "relu", [drop_input, drop_hidden])
    if cached:
        model(inputs)  # the layers keep Â of eager calls only
    if case.startswith("infer"):
        call = tf.function(lambda *inputs: model(inputs), jit_compile="XLA" in variant)
        return timing.time_calls(lambda: call(*inputs).numpy(), warm_up, runs)

    return trained(model, inputs, graph, variant, warm_up, runs)


def gat(case, variant):
    make, heads, units, drop, warm_up, runs = cases.GAT[case]
    graph, inputs = graph_of(make)
    layers = [
        GATConv(inputs[0].shape[1], units, heads, dropout=drop),
        GATConv(heads * units, graph["num_classes"], dropout=drop),
    ]
    model = TwoLayers(layers, "elu", [drop, drop])
    return trained(model, inputs, graph, variant, warm_up, runs)


def graph_of(make):
    """Returns the arrays of a case, and its features and edges `[2, E]` as tensors."""
    graph = make()
    return graph, (tf.constant(graph["x"]), tf.constant(graph["edges"].T, tf.int32))


def trained(model, inputs, graph, variant, warm_up, runs):
    labels = graph["y"], graph["train_mask"]
    jit_compile = "XLA" in variant
    return time_epochs(model, inputs, *labels, warm_up, runs, jit_compile=jit_compile)


if __name__ == "__main__":
    timing.main(gcn, gat)

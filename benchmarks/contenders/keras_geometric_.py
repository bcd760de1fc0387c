"""keras-geometric on TensorFlow, by `Model.fit`. It has no GAT, only GATv2."""

import cases
import keras
import tensorflow as tf
import timing
from keras_geometric import GCNConv
from keras_training import time_epochs


class TwoLayers(keras.Model):
    """GCN with a dropout rate for each layer, and logits."""

    def __init__(self, hidden, num_classes, drop_input, drop_hidden):
        super().__init__()
        self.first, self.second = GCNConv(hidden), GCNConv(num_classes)
        self.drops = [keras.layers.Dropout(rate) for rate in (drop_input, drop_hidden)]

    def call(self, inputs, training=None):  # else Keras would drop nothing
        x, edges = inputs
        h = keras.activations.relu(self.first([self.drops[0](x), edges]))
        return self.second([self.drops[1](h), edges])


def gcn(case, variant):
    make, hidden, drop_input, drop_hidden, warm_up, runs = cases.GCN[case]
    graph = make()
    inputs = (tf.constant(graph["x"]), tf.constant(graph["edges"].T, tf.int32))
    model = TwoLayers(hidden, graph["num_classes"], drop_input, drop_hidden)
    if case.startswith("infer"):
        call = tf.function(lambda *inputs: model(inputs), jit_compile="XLA" in variant)
        return timing.time_calls(lambda: call(*inputs).numpy(), warm_up, runs)

    labels = graph["y"], graph["train_mask"]
    jit_compile = "XLA" in variant
    return time_epochs(model, inputs, *labels, warm_up, runs, jit_compile=jit_compile)


if __name__ == "__main__":
    timing.main(gcn)

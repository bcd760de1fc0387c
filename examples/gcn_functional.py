"""The paper's GCN on Cora by the functional API, from SparseTensors or GraphTensors.

python examples/gcn_functional.py [sparse|graph_tensor]
"""

import sys

import keras

import tfgraph
from tfgraph.layers import GCNConv

form = sys.argv[1] if len(sys.argv) > 1 else "sparse"
keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("cora").row_normalized()
train, val, test = (
    tfgraph.data.full_batch(graph, split, form=form)
    for split in ("train", "val", "test")
)

first = GCNConv(
    16,
    activation="relu",
    use_bias=False,
    dropout=0.5,
    kernel_regularizer=keras.regularizers.L2(2.5e-4),
)
second = GCNConv(graph.num_classes, activation="softmax", use_bias=False, dropout=0.5)
if form == "sparse":
    x = keras.Input((graph.num_features,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    h = first([x, adjacency])
    model = keras.Model([x, adjacency], second([h, adjacency]))
else:
    inputs = tfgraph.GraphInput(train.element_spec[0])
    h = first(inputs)
    model = keras.Model(inputs, second([h, inputs]))

model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
model.fit(train, validation_data=val, epochs=200, shuffle=False, verbose=2)
_, accuracy = model.evaluate(test, verbose=0)
print(f"Test accuracy: {accuracy:.3f}")

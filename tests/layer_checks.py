"""What every graph convolution must do, checked the same way for each of them."""

import keras
import numpy as np
import tensorflow as tf

import tfgraph

tfgnn = tfgraph.graph_tensor.load_tfgnn()

# Directed, weighted; node 1 has a self-loop, node 2 no edge at all, node 5 only sends.
ADJACENCY = np.array(
    [
        [0.0, 0.5, 0.0, 2.0, 0.0, 0.0],
        [1.0, 0.7, 0.0, 0.0, 0.3, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 1.5, 0.0, 0.0, 0.0, 1.0],
        [0.4, 0.0, 0.0, 0.6, 0.0, 0.9],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    "float32",
)
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def sparse(adjacency, order=None, dtype="float32"):
    """The SparseTensor of a dense array, its entries in the order given."""
    indices = np.argwhere(adjacency)
    indices = indices if order is None else indices[order]
    return tf.SparseTensor(
        indices.astype("int64"),
        adjacency[tuple(indices.T)].astype(dtype),
        adjacency.shape,
    )


def graph_tensor(adjacency, x, order=None):
    """A homogeneous GraphTensor with edge feature `weight`, edges in that order."""
    entries = sparse(adjacency, order)
    return tfgnn.homogeneous(
        source=entries.indices[:, 1],
        target=entries.indices[:, 0],
        node_features={"hidden_state": tf.constant(x)},
        edge_features={"weight": entries.values},
    )


def input_forms(adjacency=ADJACENCY, x=X):
    """Every legal form of one graph: `{name: (inputs, batch dimensions)}`.

    The layer is to be made with `edge_weight_name="weight"`.
    """
    count = np.count_nonzero(adjacency)
    order = np.random.default_rng(1).permutation(count)
    shuffled = sparse(adjacency, order)
    halves = tf.SparseTensor(
        tf.repeat(shuffled.indices, 2, axis=0),
        tf.repeat(shuffled.values / 2, 2),
        adjacency.shape,
    )
    graph = graph_tensor(adjacency, x, order)
    return {
        "sparse": ([tf.constant(x), sparse(adjacency)], 0),
        "sparse, unsorted": ([tf.constant(x), shuffled], 0),
        "sparse, duplicates that add up": ([tf.constant(x), halves], 0),
        "sparse features": ([sparse(x), sparse(adjacency)], 0),
        "dense": ([x, adjacency], 0),
        "dense batch": ([np.stack([x, x]), np.stack([adjacency] * 2)], 1),
        "GraphTensor": (graph, 0),
        "features and GraphTensor": ([tf.constant(x), graph], 0),
    }


def check_forms(layer, expected, adjacency=ADJACENCY, x=X, atol=1e-5):
    """All forms of one graph give the numbers `expected(weights)`."""
    for name, (inputs, batched) in input_forms(adjacency, x).items():
        y = layer(inputs).numpy()
        want = expected(*layer.get_weights())
        want = np.stack([want, want]) if batched else want
        np.testing.assert_allclose(y, want, atol=atol, err_msg=name)


def functional_model(make_layer, x_sparse=False):
    """Two layers in a functional model over `(x, adjacency)`."""
    x = keras.Input((X.shape[1],), sparse=x_sparse, name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    h = make_layer(5, activation="relu")([x, adjacency])
    return keras.Model([x, adjacency], make_layer(3)([h, adjacency]))


def graph_tensor_model(make_layer):
    """The same over GraphTensors."""
    graph = tfgraph.GraphInput(graph_tensor(ADJACENCY, X).spec)
    h = make_layer(5, activation="relu", edge_weight_name="weight")(graph)
    return keras.Model(graph, make_layer(3, edge_weight_name="weight")([h, graph]))


def check_config_round_trip(layer):
    """A layer made from the config of another has the same config."""
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert again.get_config() == config


def check_reload(model, inputs, path):
    """A model comes back from its `.keras` file, without `custom_objects`."""
    before = model(inputs).numpy()
    model.save(path)
    again = keras.models.load_model(path)
    np.testing.assert_allclose(again(inputs).numpy(), before, atol=1e-6)
    return again


def numeric_gradients(function, tensors, step=1e-5):
    """Gradients of the sum of squares of `function(*tensors)`, by differences."""
    tensors = [np.array(t, "float64") for t in tensors]

    def loss():
        return float(tf.reduce_sum(function(*map(tf.constant, tensors)) ** 2))

    gradients = []
    for tensor in tensors:
        gradient = np.zeros_like(tensor)
        for index in np.ndindex(tensor.shape):
            value = tensor[index]
            tensor[index] = value + step
            above = loss()
            tensor[index] = value - step
            gradient[index] = (above - loss()) / (2 * step)
            tensor[index] = value
        gradients.append(gradient)
    return gradients

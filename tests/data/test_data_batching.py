import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgraph.data import Graph, full_batch

X = np.array([[1, 0, 2], [0, 1, 0], [0, 0, 3], [1, 1, 1], [2, 0, 0]], np.float32)
EDGES = [(0, 1), (1, 0), (0, 1), (2, 3), (4, 2)]  # 0 -> 1 is there twice
ADJACENCY = np.zeros((5, 5), np.float32)
np.add.at(ADJACENCY, tuple(np.array(EDGES)[:, ::-1].T), 1)
GRAPH = Graph(
    X,
    EDGES,
    y=[2, 0, -1, 1, 0],
    train_mask=np.array([True, False, False, True, True]),
    val_mask=np.array([False, True, False, False, False]),
)


def only_element(dataset):
    (element,) = list(dataset)
    return element


@pytest.mark.parametrize("sparse_features", [False, True])
@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_element(form, sparse_features):
    dataset = full_batch(GRAPH, "train", form, sparse_features)
    (x, adjacency), y, sample_weight = only_element(dataset)
    assert isinstance(x, tf.sparse.SparseTensor) == sparse_features
    assert isinstance(adjacency, tf.sparse.SparseTensor) == (form == "sparse")
    if sparse_features:
        x = tf.sparse.to_dense(x)
    if form == "sparse":
        adjacency = tf.sparse.sparse_dense_matmul(adjacency, tf.eye(5))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(adjacency, ADJACENCY)
    np.testing.assert_array_equal(y, [2, 0, 0, 1, 0])  # -1 became 0
    np.testing.assert_allclose(sample_weight, [5 / 3, 0, 0, 5 / 3, 5 / 3])


def test_graph_tensor_element():
    tensor, _, sample_weight = only_element(full_batch(GRAPH, "val", "graph_tensor"))
    back = Graph.from_graph_tensor(tensor)
    np.testing.assert_array_equal(back.edges, GRAPH.edges)
    np.testing.assert_array_equal(back.x, X)
    np.testing.assert_allclose(sample_weight, [0, 5, 0, 0, 0])


@pytest.mark.parametrize("form", ["sparse", "dense", "graph_tensor"])
def test_without_split_the_inputs_are_alone(form):
    element = only_element(full_batch(GRAPH, form=form))
    assert isinstance(element, tuple)
    assert len(element) == 1
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(element)
    assert y is None
    assert sample_weight is None
    expected = only_element(full_batch(GRAPH, "train", form))[0]
    assert type(x) is type(expected)


def model(sparse):
    """Softmax of A X W, in plain Keras and TensorFlow."""
    x = keras.Input((3,))
    adjacency = keras.Input((None,), sparse=sparse)
    h = keras.layers.Dense(3, use_bias=False, kernel_initializer="glorot_normal")(x)
    logits = keras.layers.Lambda(
        lambda inputs: keras.ops.matmul(*inputs), output_shape=(3,)
    )([adjacency, h])
    return keras.Model([x, adjacency], keras.layers.Softmax()(logits))


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "mean_with_sample_weight"]
)
def test_evaluate_is_the_mean_over_the_split(form, reduction):
    keras.utils.set_random_seed(3)
    net = model(sparse=form == "sparse")
    net.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(reduction=reduction),
        weighted_metrics=["accuracy"],
    )
    scores = ADJACENCY @ X @ net.get_weights()[0]
    probability = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    nodes = np.array([0, 3, 4])
    labels = np.array([2, 1, 0])
    loss = -np.log(probability[nodes, labels]).mean()
    accuracy = (probability[nodes].argmax(axis=1) == labels).mean()

    result = net.evaluate(full_batch(GRAPH, "train", form), verbose=0, return_dict=True)
    assert result["loss"] == pytest.approx(loss, rel=1e-5)
    assert result["accuracy"] == pytest.approx(accuracy)
    predictions = net.predict(full_batch(GRAPH, form=form), verbose=0)
    np.testing.assert_allclose(predictions, probability, rtol=1e-5)


def test_class_weights():
    net = model(sparse=True)
    net.compile(loss="sparse_categorical_crossentropy")
    c = tf.constant([1.0, 10.0, 100.0])
    data = full_batch(GRAPH, "train")
    data = data.map(lambda inputs, y, w: (inputs, y, w * tf.gather(c, y)))
    (inputs,) = only_element(full_batch(GRAPH))
    nodes, labels = np.array([0, 3, 4]), np.array([2, 1, 0])
    probability = net(inputs).numpy()[nodes, labels]
    want = np.mean([100, 10, 1] * -np.log(probability))
    assert net.evaluate(data, verbose=0) == pytest.approx(want, rel=1e-5)


def test_fit_ignores_labels_outside_the_split():
    losses = []
    for y in ([2, 0, -1, 1, 0], [2, 1, 2, 1, 0]):  # equal on the training nodes
        keras.utils.set_random_seed(3)
        net = model(sparse=True)
        net.compile("sgd", "sparse_categorical_crossentropy")
        data = full_batch(GRAPH.replace(y=y), "train")
        history = net.fit(data, epochs=3, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    assert losses[0] == losses[1]
    assert np.isfinite(losses).all()
    assert losses[0][2] < losses[0][0]


@pytest.mark.parametrize("y", [X, X[:, 0], X.astype(int)])
def test_other_labels_are_passed_on(y):
    _, received, sample_weight = only_element(full_batch(GRAPH.replace(y=y), "train"))
    np.testing.assert_array_equal(received, y)
    assert sample_weight.shape == (5,)


@pytest.mark.parametrize(
    ("graph", "arguments", "message"),
    [
        (GRAPH, {"form": "csr"}, "`form` to be one of .*form='csr'"),
        (GRAPH, {"split": "training"}, "`split` to be None or .*split='training'"),
        (GRAPH, {"split": "test"}, "`y` and a `test_mask`"),
        (GRAPH.replace(y=None), {"split": "val"}, "`y` and a `val_mask`"),
        (
            GRAPH.replace(val_mask=np.zeros(5, bool)),
            {"split": "val"},
            "`val_mask` that selects at least one node.*val=0",
        ),
        (GRAPH.replace(x=None), {}, "with features"),
        (GRAPH.replace(x=None), {"form": "graph_tensor"}, "with features"),
        (
            GRAPH,
            {"form": "graph_tensor", "sparse_features": True},
            "`sparse_features` to be False",
        ),
    ],
)
def test_errors(graph, arguments, message):
    with pytest.raises(ValueError, match=message):
        full_batch(graph, **arguments)

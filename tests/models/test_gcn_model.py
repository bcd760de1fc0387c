import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, sparse

import tfgraph
from tfgraph.models import GCN

INPUTS = [tf.constant(X), sparse(ADJACENCY)]


def normalized(adjacency):
    a = adjacency + np.diag(np.where(np.diag(adjacency) == 0, 1, 0))
    root = np.diag(a.sum(1) ** -0.5)
    return root @ a @ root


def test_three_layers_are_the_paper_s_equation():
    model = GCN(3, hidden_units=[8, 5], activation="tanh")
    y = model(INPUTS)
    first, second, third = model.get_weights()
    a = normalized(ADJACENCY)
    logits = a @ np.tanh(a @ np.tanh(a @ X @ first) @ second) @ third
    want = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(y, want, atol=1e-5)
    assert [w.shape for w in model.weights if "kernel" in w.path] == [
        (4, 8),
        (8, 5),
        (5, 3),
    ]


def test_no_hidden_layer_logits_and_bias():
    model = GCN(3, hidden_units=[], classifier_activation=None, use_bias=True)
    y = model(INPUTS)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(y, normalized(ADJACENCY) @ X @ kernel + bias, atol=1e-5)


def test_dropout_is_on_the_input_of_each_layer():
    model = GCN(3, hidden_units=[8], dropout=0.5)
    assert [layer.dropout for layer in model.convolutions] == [0.5, 0.5]
    trained, again = model(INPUTS, training=True), model(INPUTS, training=True)
    assert not np.allclose(trained, again)
    np.testing.assert_array_equal(model(INPUTS), model(INPUTS))


def test_regularisation_of_each_layer():
    l2 = keras.regularizers.L2(0.5)
    first_only, every = (
        GCN(3, kernel_regularizer=[l2, None]),
        GCN(3, kernel_regularizer=l2),
    )
    for model, regularized in ((first_only, 1), (every, 2)):
        model(INPUTS)
        kernels = model.get_weights()[:regularized]
        want = 0.5 * sum((kernel**2).sum() for kernel in kernels)
        assert float(sum(model.losses)) == pytest.approx(want, rel=1e-5)
    with pytest.raises(ValueError, match="list of 2, one for each layer"):
        GCN(3, kernel_regularizer=[l2])


@pytest.mark.parametrize("form", ["sparse", "sparse features", "dense", "GraphTensor"])
def test_reload(form, tmp_path):
    inputs, _ = checks.input_forms()[form]
    model = GCN(
        3,
        hidden_units=[8],
        kernel_regularizer=[keras.regularizers.L2(0.1), None],
        edge_weight_name="weight",
        improved=True,
        name="net",
    )
    again = checks.check_reload(model, inputs, tmp_path / "model.keras")
    assert again.get_config() == model.get_config()


def test_mixed_precision_reaches_the_layers():
    model = GCN(3, dtype="mixed_bfloat16")
    assert model(INPUTS).dtype == tf.bfloat16
    assert {w.dtype for w in model.trainable_variables} == {"float32"}


@pytest.mark.parametrize("form", ["sparse", "dense", "graph_tensor"])
def test_learns_the_karate_club(form):
    graph = tfgraph.data.karate_club()
    model = GCN(2, hidden_units=[16], dropout=0.2)
    model.compile(
        keras.optimizers.Adam(0.05),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    train = tfgraph.data.full_batch(graph, "train", form=form)
    model.fit(train, epochs=30, shuffle=False, verbose=0)
    test = tfgraph.data.full_batch(graph, "test", form=form)
    assert model.evaluate(test, verbose=0, return_dict=True)["accuracy"] > 0.85


def test_a_seed_repeats_fit():
    def run():
        keras.utils.set_random_seed(7)
        model = GCN(2)
        model.compile("adam", "sparse_categorical_crossentropy")
        train = tfgraph.data.full_batch(tfgraph.data.karate_club(), "train")
        return model.fit(train, epochs=5, shuffle=False, verbose=0).history["loss"]

    first = run()
    assert run() == first
    assert len(set(first)) == 5


def test_hidden_units_must_be_a_list():
    with pytest.raises(ValueError, match="`hidden_units` to be a list"):
        GCN(3, hidden_units=8)


def test_each_layer_draws_its_own_kernel(tmp_path):
    model = GCN(
        4, hidden_units=[4], kernel_initializer=keras.initializers.GlorotUniform()
    )
    model(INPUTS)
    first, second = model.get_weights()[:2]
    assert not np.allclose(first, second)
    checks.check_reload(model, INPUTS, tmp_path / "model.keras")


@pytest.mark.parametrize("num_steps", [1, 2])
def test_a_step_is_traced_once(num_steps):
    """Also where it makes the variables of model, optimizer and metrics."""
    traced = []

    class Counted(GCN):
        def call(self, inputs, training=None):
            traced.append(training)
            return super().call(inputs, training)

    model = Counted(2, hidden_units=[4])
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=num_steps,
    )
    batch = tfgraph.data.full_batch(tfgraph.data.karate_club(), "train")
    model.fit(batch.repeat(2), shuffle=False, verbose=0)
    assert traced == [True]
    model.evaluate(batch, verbose=0)
    assert traced == [True, False]


def test_a_variable_that_is_made_of_an_array_while_a_step_is_traced():
    made = []

    def loss(y, predictions):
        made[:] = made or [keras.Variable(np.float32([3]))]
        return made[0] + 0 * predictions[:, 0]

    model = GCN(2)
    model.compile(loss=loss)
    train = tfgraph.data.full_batch(tfgraph.data.karate_club(), "train")
    assert model.evaluate(train, verbose=0) == 3


def test_a_variable_that_is_made_of_a_tensor_of_the_step():
    class Scaled(GCN):
        def call(self, inputs, training=None):
            two = tf.ones([]) * 2
            if not hasattr(self, "scale"):
                self.scale = tf.Variable(lambda: two, trainable=False)
            return super().call(inputs, training) * self.scale

    model = Scaled(2)
    model.compile("sgd", lambda y, predictions: predictions[:, 0])
    train = tfgraph.data.full_batch(tfgraph.data.karate_club(), "train")
    model.fit(train, shuffle=False, verbose=0)
    assert model.scale.numpy() == 2


def test_the_scale_of_a_loss_adapts():
    """Keras' optimizer reads it from its variables only if they exist when traced."""
    graph = tfgraph.data.karate_club()
    train = tfgraph.data.full_batch(graph, "train").repeat(8)
    weights = []
    for optimizer in (
        keras.optimizers.SGD(0.1),
        keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.1), initial_scale=4.0, dynamic_growth_steps=2
        ),
    ):
        keras.utils.set_random_seed(0)
        model = GCN(2, dropout=0.0)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        model.fit(train, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    assert float(optimizer.dynamic_scale) == 64
    for unscaled, scaled in zip(*weights, strict=True):
        np.testing.assert_allclose(scaled, unscaled, rtol=1e-4, atol=1e-6)

import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, sparse

import tfgraph
from tfgraph.data import full_batch, link_batch, link_split, training_links
from tfgraph.losses import reconstruction_loss
from tfgraph.metrics import AveragePrecision, RocAUC
from tfgraph.models import GAE, VGAE

MODELS = pytest.mark.parametrize("model_class", [GAE, VGAE])
INPUTS = (tf.constant(X), sparse(ADJACENCY))
PAIRS = tf.constant([[0, 3], [2, 5], [1, 1]])


def metrics():
    return [RocAUC(), AveragePrecision()]


@MODELS
def test_latent_vectors_and_scores_in_every_form(model_class):
    model = model_class(3, 5, edge_weight_name="weight")
    wanted = model(INPUTS)
    np.testing.assert_allclose(wanted, model.encoder(list(INPUTS)))
    scores = tf.sigmoid(
        tf.reduce_sum(
            tf.gather(wanted, PAIRS[:, 0]) * tf.gather(wanted, PAIRS[:, 1]), 1
        )
    )
    for name, (inputs, batched) in checks.input_forms().items():
        if batched:
            np.testing.assert_allclose(model(inputs)[0], wanted, atol=1e-5)
            continue
        parts = inputs if isinstance(inputs, list) else [inputs]
        if name == "dense":
            parts = [tf.constant(part) for part in parts]
        z = model(parts if len(parts) > 1 else parts[0])
        np.testing.assert_allclose(z, wanted, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(model([*parts, PAIRS]), scores, atol=1e-5)


@MODELS
@pytest.mark.parametrize(
    "form", ["sparse", pytest.param("dense", marks=pytest.mark.slow), "graph_tensor"]
)
def test_fit_evaluate_predict(model_class, form):
    graph = tfgraph.data.karate_club()
    train, val, test = link_split(graph, val=0.1, test=0.2)
    model = model_class(4, 16)
    model.compile(keras.optimizers.Adam(0.1), metrics=metrics())
    history = model.fit(
        full_batch(train, form=form),
        validation_data=link_batch(train, val, form=form),
        epochs=8,
        shuffle=False,
        verbose=0,
    ).history
    assert set(history) == {"loss", "val_loss", "val_auc", "val_ap"}
    assert history["loss"][-1] < 0.9 * history["loss"][0]

    result = model.evaluate(
        link_batch(train, test, form=form), verbose=0, return_dict=True
    )
    scores = model.predict(link_batch(train, test, form=form), verbose=0)
    for metric in metrics():
        metric.update_state(test.labels, scores)
        assert result[metric.name] == pytest.approx(float(metric.result()), rel=1e-6)
    z = model.predict(full_batch(train, form=form), verbose=0)
    logits = np.sum(z[test.pairs[:, 0]] * z[test.pairs[:, 1]], axis=1)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits)), atol=1e-5)

    # Without labels, the loss is that of the graph.
    loss = model.evaluate(full_batch(train, form=form), verbose=0)
    want = float(reconstruction_loss(z, train.to_sparse_tensor()))
    want += sum(float(loss) for loss in kl_losses(model, train))
    assert loss == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("loss", [None, "binary_crossentropy"])
def test_weights_and_accuracy_of_pairs(loss):
    graph, weights = tfgraph.data.karate_club(), np.array([0.5, 2.0, 0.0])
    labels = np.array([1.0, 0.0, 0.0])
    links = tfgraph.data.Links(PAIRS.numpy(), labels, weights)
    model = GAE(3, 5)
    model.compile("adam", loss, metrics=["accuracy"], run_eagerly=True)
    data = link_batch(graph, links)
    found = model.evaluate(data, verbose=0, return_dict=True)
    p = model.predict(data, verbose=0)
    losses = -np.log(np.where(labels > 0, p, 1 - p))
    assert found["loss"] == pytest.approx(np.mean(weights * losses), rel=1e-5)
    accuracy = np.mean(labels == (p > 0.5))
    assert found["accuracy"] == pytest.approx(accuracy, rel=1e-5)
    several = tfgraph.data.Links(PAIRS.numpy(), np.eye(3))
    with pytest.raises(ValueError, match=r"GAE '.*one label for each pair"):
        model.evaluate(link_batch(graph, several), verbose=0)


def kl_losses(model, graph):
    (inputs,) = full_batch(graph).get_single_element()
    model(inputs)
    return model.losses


@MODELS
def test_labelled_pairs_are_binary_classification(model_class):
    graph = link_split(tfgraph.data.karate_club(), val=0, test=0.2).train
    ((inputs, labels),) = training_links(graph)
    for loss in (None, "binary_crossentropy", "mse"):
        model = model_class(4)
        model.compile("adam", loss, metrics=metrics())
        result = model.test_on_batch(inputs, labels, return_dict=True)
        assert set(result) == {"loss", "auc", "ap"}
        p = model(inputs).numpy()
        if loss == "mse":
            want = np.mean((labels - p) ** 2)
        else:
            want = -np.mean(np.where(labels == 1, np.log(p), np.log1p(-p)))
        want += sum(float(loss) for loss in kl_losses(model, graph))
        assert result["loss"] == pytest.approx(want, rel=1e-4)
    before = model.get_weights()
    model.fit(training_links(graph), epochs=1, shuffle=False, verbose=0)
    for old, new in zip(before, model.trainable_weights, strict=False):
        assert not np.allclose(old, new), new.path


@MODELS
def test_sampled_loss_trains(model_class):
    graph = tfgraph.data.karate_club()
    model = model_class(4, 16, num_samples=2000, sampling="degree")
    model.compile(keras.optimizers.Adam(0.05))
    exact = model_class(4, 16)
    exact.compile()
    before = exact_loss(exact, model, graph)
    model.fit(full_batch(graph), epochs=40, shuffle=False, verbose=0)
    assert exact_loss(exact, model, graph) < 0.95 * before


def exact_loss(exact, model, graph):
    exact(full_batch(graph).get_single_element()[0])
    model(full_batch(graph).get_single_element()[0])
    exact.set_weights(model.get_weights())
    return exact.evaluate(full_batch(graph), verbose=0)


@MODELS
def test_featureless(model_class):
    graph = tfgraph.data.identity_features(tfgraph.data.karate_club())
    model = model_class(4)
    model.compile("adam")
    data = full_batch(graph, sparse_features=True)
    model.fit(data, epochs=2, shuffle=False, verbose=0)
    assert model.encoder.hidden.kernel.shape == (34, 32)
    dense = model.predict(full_batch(graph), verbose=0)
    np.testing.assert_allclose(model.predict(data, verbose=0), dense, atol=1e-5)
    x, graph_tensor = graph.sparse_features(), graph.replace(x=None, num_nodes=34)
    z = model([x, graph_tensor.to_graph_tensor()])
    np.testing.assert_allclose(z, dense, atol=1e-5)


@MODELS
@pytest.mark.parametrize("form", ["sparse", "sparse features", "dense", "GraphTensor"])
def test_reload(model_class, form, tmp_path):
    inputs, _ = checks.input_forms()[form]
    model = model_class(
        3,
        5,
        reweight=False,
        num_samples=100,
        sampling="degree",
        activation="tanh",
        kernel_regularizer=keras.regularizers.L2(0.1),
        edge_weight_name="weight",
        name="net",
        **({"kl_scale": "nodes"} if model_class is VGAE else {}),
    )
    again = checks.check_reload(model, inputs, tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    pairs = [*(inputs if isinstance(inputs, list) else [inputs]), PAIRS]
    if form != "dense":
        np.testing.assert_allclose(again(pairs), model(pairs), atol=1e-6)


def test_reload_of_a_trained_model_goes_on_training(tmp_path):
    graph = tfgraph.data.karate_club()
    model = VGAE(4)
    model.compile(keras.optimizers.Adam(0.01), metrics=metrics())
    model.fit(full_batch(graph), epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    loss = again.fit(full_batch(graph), epochs=2, shuffle=False, verbose=0).history
    assert np.all(np.isfinite(loss["loss"]))
    assert int(again.optimizer.iterations) == 4


@MODELS
@pytest.mark.parametrize(
    ("policy", "latent", "scored"),
    [
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("bfloat16", "bfloat16", "float32"),
        ("float64", "float64", "float64"),
    ],
)
def test_precision(model_class, policy, latent, scored):
    graph = tfgraph.data.karate_club()
    model = model_class(4, dtype=policy, kernel_regularizer="l2")
    model.compile("adam")
    history = model.fit(full_batch(graph), epochs=3, shuffle=False, verbose=0).history
    assert np.all(np.isfinite(history["loss"]))
    (inputs,) = full_batch(graph).get_single_element()
    assert model(inputs).dtype == latent
    assert model([*inputs, PAIRS]).dtype == scored
    labelled = tf.data.Dataset.from_tensors(((*inputs, PAIRS), np.ones(len(PAIRS))))
    assert np.isfinite(model.evaluate(labelled, verbose=0))


def test_compiled_by_xla():
    graph = tfgraph.data.karate_club()
    losses = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(0)
        model = GAE(4)
        model.compile(keras.optimizers.Adam(0.01), jit_compile=jit_compile)
        data = full_batch(graph)
        losses.append(
            model.fit(data, epochs=3, shuffle=False, verbose=0).history["loss"]
        )
    np.testing.assert_allclose(*losses, rtol=1e-4)


@MODELS
def test_a_seed_repeats_fit(model_class):
    def run():
        keras.utils.set_random_seed(7)
        model = model_class(4, num_samples=50, dropout=0.1)
        model.compile("adam")
        data = full_batch(tfgraph.data.karate_club())
        return model.fit(data, epochs=4, shuffle=False, verbose=0).history["loss"]

    first = run()
    assert run() == first
    assert len(set(first)) == 4


def test_top_links():
    model = GAE(3, 5)
    adjacency = ADJACENCY + ADJACENCY.T
    inputs = (tf.constant(X), sparse(adjacency))
    z = model(inputs).numpy()
    p = 1 / (1 + np.exp(-(z @ z.T)))
    known = (adjacency > 0) | np.eye(6, dtype=bool)
    numbers, probabilities = model.top_links(inputs, [4, 0, 2], k=4)
    for row, node in enumerate([4, 0, 2]):
        free = np.flatnonzero(~known[node])
        want = free[np.argsort(-p[node, free])][:4]
        count = len(want)
        np.testing.assert_array_equal(numbers[row, :count], want)
        np.testing.assert_allclose(probabilities[row, :count], p[node, want], rtol=1e-5)
        assert (numbers[row, count:] == -1).all()
        assert (probabilities[row, count:] == 0).all()
    assert (numbers == -1).any()
    dense = model.top_links((tf.constant(X), tf.constant(adjacency)), [4, 0, 2], k=4)
    np.testing.assert_array_equal(dense[0], numbers)
    for arrays in ((X, adjacency), (X, sparse(adjacency))):
        found = model.top_links(arrays, np.array([4, 0, 2]), k=np.int64(4))
        np.testing.assert_array_equal(found[0], numbers)
    for nodes in ([6], [0.5], "a", [[0]]):
        message = "`nodes` to be a list of numbers from 0 to 5"
        with pytest.raises(ValueError, match=message):
            model.top_links(inputs, nodes)
    for k in (0, "a", 2.5):
        with pytest.raises(ValueError, match="`k` to be from 1 to 6"):
            model.top_links(inputs, [0], k=k)


@MODELS
def test_bad_input(model_class):
    for value in (0, -3):
        with pytest.raises(ValueError, match="`latent_dim` to be a positive integer"):
            model_class(value)
    with pytest.raises(ValueError, match="`num_samples` to be a positive integer"):
        model_class(num_samples=0)
    with pytest.raises(ValueError, match="`sampling` to be one of"):
        model_class(sampling="edges")
    model = model_class()
    model.compile("adam")
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="Expected `pairs` of node"
    ):
        model([*INPUTS, tf.constant([[0, 6]])])
    with pytest.raises(ValueError, match="expected labels with `pairs`"):
        model.evaluate(tf.data.Dataset.from_tensors(((*INPUTS, PAIRS),)), verbose=0)
    labelled = tf.data.Dataset.from_tensors((INPUTS, np.ones(6)))
    with pytest.raises(ValueError, match="Received: labels, and no pairs"):
        model.fit(labelled, shuffle=False, verbose=0)

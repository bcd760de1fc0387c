import keras
import numpy as np
import pytest
import tensorflow as tf
from graph_batches import PLACES, X, batch_forms, padded
from layer_checks import check_reload

import tfgraph
from tfgraph.layers import GATConv, SAGEConv, Structure2VecConv
from tfgraph.models import DiffPoolClassifier
from tfgraph.models.diffpool import _GNN

FORMS = batch_forms()
LABELS = tf.constant([0, 1, 0, 1])
# What the docstring promises.
VARIANTS = {
    "DIFFPOOL": {"ratio": 0.5, "max_nodes": 6},
    "DIFFPOOL, two poolings": {"num_poolings": 2, "num_clusters": [3, 2]},
    "DIFFPOOL-NOLP": {"num_clusters": 3, "link_loss_weight": 0},
    "DIFFPOOL-DET": {"given_assignments": True},
    "S2V with 1 DIFFPOOL": {
        "convolution": Structure2VecConv,
        "num_convolutions": [1, 2],
        "num_clusters": 3,
    },
    "GraphSAGE": {"num_poolings": 0, "readout": "mean"},
    "Set2Set": {"num_poolings": 0, "readout": "set2set"},
    "attention": {"convolution": GATConv, "num_clusters": 2, "readout": "attention"},
}
NUM_LOSSES = {
    "DIFFPOOL-NOLP": 1,
    "DIFFPOOL-DET": 0,
    "GraphSAGE": 0,
    "Set2Set": 0,
    "DIFFPOOL, two poolings": 4,
}
# The fourth cluster has no node anywhere, the third none in some of the graphs.
ASSIGNMENT = np.eye(4, dtype="float32")[[0, 0, 1, 2, 0, 0, 1, 1]]


def make_model(variant="DIFFPOOL", **kwargs):
    arguments = {"units": 8, "edge_weight_name": "weight", **VARIANTS[variant]}
    return DiffPoolClassifier(2, **{**arguments, **kwargs})


def inputs_of(form, variant="DIFFPOOL"):
    if variant != "DIFFPOOL-DET":
        return FORMS[form]
    inputs = FORMS[form]
    s = ASSIGNMENT
    if "dense" in form:
        s = padded(s, extra=2 if "more" in form else 0, filling=1.0)
    return [*(inputs if isinstance(inputs, list) else [inputs]), tf.constant(s)]


def training_step(model, inputs):
    """Outputs, losses, gradients and moving statistics of a step in training."""
    with tf.GradientTape() as tape:
        y = model(inputs, training=True)
        loss = keras.losses.sparse_categorical_crossentropy(LABELS, y)
        loss = tf.add_n([tf.reduce_mean(loss), *model.losses])
    gradients = tape.gradient(loss, model.trainable_variables)
    statistics = [tf.identity(v) for v in model.non_trainable_variables]
    return y, model.losses, gradients, statistics


@pytest.mark.parametrize("variant", ["DIFFPOOL", "DIFFPOOL-DET"])
def test_forms_agree_and_padding_changes_nothing(variant):
    # With "max", rounding would decide between clusters that are alike.
    model = make_model(variant, readout="mean")
    model(inputs_of("sparse", variant))
    weights = model.get_weights()
    results = []
    for form in ["sparse", "GraphTensor", "dense", "dense, with more padding"]:
        model.set_weights(weights)
        inputs = inputs_of(form, variant)
        results.append([*training_step(model, inputs), model(inputs)])
    for result in results[1:]:
        for found, want in zip(
            tf.nest.flatten(result), tf.nest.flatten(results[0]), strict=True
        ):
            np.testing.assert_allclose(found, want, rtol=1e-3, atol=1e-4)


def test_a_graph_alone_is_as_in_a_batch():
    model = make_model()
    together = model(FORMS["dense"])
    for graph, places in enumerate(PLACES):
        alone = [part[[graph], : len(places)] for part in FORMS["dense"]]
        alone[1] = alone[1][:, :, : len(places)]
        np.testing.assert_allclose(model(alone)[0], together[graph], atol=1e-5)


def test_a_graph_without_nodes_changes_no_other():
    # One convolution, so that rows of zeros are normalised; "mean" as above.
    model = make_model(num_convolutions=1, readout="mean")
    model(FORMS["dense"])
    weights = model.get_weights()
    results = []
    for graphs in ([0, 1, 3], [0, 1, 2, 3]):
        model.set_weights(weights)
        inputs = [part[graphs] for part in FORMS["dense"]]
        with tf.GradientTape() as tape:
            y = tf.gather(model(inputs, training=True), [0, 1, -1 % len(graphs)])
            loss = tf.add_n([tf.reduce_sum(y[:, 0]), *model.losses])
        gradients = tape.gradient(loss, model.trainable_variables)
        statistics = [tf.identity(v) for v in model.non_trainable_variables]
        results.append([y, *model.losses, *gradients, *statistics])
    for found, want in zip(*results, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants(variant):
    model = make_model(variant)
    y = model(inputs_of("sparse", variant))
    assert y.shape == (4, 2)
    np.testing.assert_allclose(tf.reduce_sum(y, axis=1), 1, rtol=1e-5)
    assert len(model.losses) == NUM_LOSSES.get(variant, 2)
    last = model.last_gnn.convolutions[-1].activation
    assert (last is keras.activations.relu) == ("S2V" in variant)
    again = DiffPoolClassifier.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    again(inputs_of("sparse", variant))
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


def test_the_paper_s_architecture_in_numpy():
    """One pooling, in inference, from the layers' own weights."""
    model = make_model("DIFFPOOL", num_convolutions=2, classifier_activation=None)
    y = model(FORMS["sparse"], training=True)  # so that the statistics are no 0 and 1
    y = model(FORMS["sparse"]).numpy()
    (pooling,) = model.poolings

    def gnn(layer, x, a):
        outputs = []
        degree = a.sum(axis=1, keepdims=True)
        for number in (0, 1):
            own, neighbor, bias = layer.convolutions[number].get_weights()
            mean = np.divide(a @ x, degree, out=np.zeros_like(x), where=degree > 0)
            h = x @ own + mean @ neighbor + bias
            h = h if number else np.maximum(h, 0)  # the last one is linear
            length = np.linalg.norm(h, axis=1, keepdims=True)
            h = np.divide(h, length, out=np.zeros_like(h), where=length > 0)
            norm = layer.normalizations[number]
            gamma, beta, mean, variance = norm.get_weights()
            x = gamma * (h - mean) / np.sqrt(variance + norm.epsilon) + beta
            outputs.append(x)
        return np.concatenate(outputs, axis=1)

    for graph, places in enumerate(PLACES):
        if not len(places):
            continue
        x = X[places]
        a = FORMS["dense"][1][graph, : len(x), : len(x)]
        z = gnn(pooling.embedding, x, a)
        kernel, bias = pooling.projection.get_weights()
        s = tf.nn.softmax(gnn(pooling.assignment, x, a) @ kernel + bias).numpy()
        pooled = gnn(model.last_gnn, s.T @ z, s.T @ a @ s)
        h = np.concatenate([z.max(axis=0), pooled.max(axis=0)])
        kernel, bias = model.hidden.get_weights()
        h = np.maximum(h @ kernel + bias, 0)
        kernel, bias = model.classifier.get_weights()
        h = h @ kernel + bias
        np.testing.assert_allclose(y[graph], h, atol=1e-4)


def test_the_ratio_counts_from_level_to_level():
    model = make_model(num_poolings=2, max_nodes=12)  # ratio 0.5
    assert [pooling.projection.units for pooling in model.poolings] == [6, 3]


@pytest.mark.parametrize(
    "num_poolings", [0, 1, pytest.param(2, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("form", ["graph_tensor", "dense"])
def test_trains_on_batches_without_nodes(form, num_poolings):
    x = np.random.default_rng(0).normal(size=(4, 3))
    graph = tfgraph.data.Graph(x, [(0, 1), (1, 2)]).symmetrized()
    graphs = [graph, graph.replace(x=-x), graph.subgraph([])]
    data = tfgraph.data.whole_graph_batches(graphs, [0, 1, 1], batch_size=2, form=form)
    clusters = {"num_clusters": 2} if num_poolings else {}
    model = DiffPoolClassifier(
        2, 4, num_poolings=num_poolings, num_convolutions=1, **clusters
    )
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    losses = model.fit(data, epochs=2, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.filterwarnings("error:.*destroy the mask")
def test_heeds_the_mask_of_keras():
    x, adjacency, mask = FORMS["dense"]
    model = make_model()
    want = model([x, adjacency, mask]).numpy()
    marked = tf.where(mask[..., None], x, 9.0)
    x = keras.layers.Masking(mask_value=9.0)(marked)
    np.testing.assert_allclose(model([x, adjacency]), want, atol=1e-6)


def test_a_faint_cluster_is_there_in_half_precision():
    model = make_model(dtype="mixed_float16")
    faint = tf.constant([[1 - 4e-10, 4e-10]] * 2)
    assert model.largest([faint, tf.constant([0, 0])]).numpy()[0, 1] > 0


def test_batch_normalisation_trains_over_real_nodes():
    model = make_model("GraphSAGE", num_convolutions=1)
    convolution, norm = model.last_gnn.convolutions[0], model.last_gnn.normalizations[0]
    inputs = FORMS["dense, with more padding"]
    model(inputs, training=True)
    h = convolution(FORMS["sparse"][:2]).numpy()
    h /= np.linalg.norm(h, axis=1, keepdims=True)
    np.testing.assert_allclose(norm.moving_mean, 0.1 * h.mean(axis=0), atol=1e-5)
    want = 0.9 + 0.1 * h.var(axis=0)
    np.testing.assert_allclose(norm.moving_variance, want, atol=1e-5)


def triangles_and_paths():
    """Graphs of 4 to 9 nodes, to be told apart by their triangles."""
    graphs, labels = [], []
    for size in range(4, 10):
        path = [(i, i + 1) for i in range(size - 1)]
        for label in (0, 1):
            edges = path + [(i, i + 2) for i in range(size - 2)] * label
            x = np.ones((size, 1))
            graphs.append(tfgraph.data.Graph(x, edges).symmetrized())
            labels.append(label)
    return graphs, np.array(labels)


def test_fit_evaluate_predict_and_reload(tmp_path):
    graphs, labels = triangles_and_paths()
    data = tfgraph.data.whole_graph_batches(graphs, labels, batch_size=6)
    inputs, _ = next(iter(data))
    model = DiffPoolClassifier(
        2, 8, num_clusters=2, num_convolutions=1, aggregator="sum"
    )
    model(inputs)  # built, so that `fit` traces its step once, not twice
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(data.repeat(15), epochs=2, verbose=0, shuffle=False)
    assert history.history["loss"][1] < history.history["loss"][0]
    assert model.evaluate(data, verbose=0, return_dict=True)["accuracy"] >= 0.9
    unlabelled = tfgraph.data.whole_graph_batches(graphs, batch_size=6)
    probabilities = model.predict(unlabelled, verbose=0)
    assert probabilities.shape == (12, 2)
    again = check_reload(model, inputs, tmp_path / "model.keras")
    assert again.get_config() == model.get_config()


def test_reload_of_a_pooling_alone(tmp_path):
    model = make_model(edge_weight_name=None)
    x, adjacency = keras.Input((3,)), keras.Input((None,), sparse=True)
    inputs = [x, adjacency, keras.Input((), dtype="int64")]
    model(FORMS["sparse"])
    part = keras.Model(inputs, model.poolings[0](inputs)[0])
    check_reload(part, FORMS["sparse"], tmp_path / "part.keras")


@pytest.mark.parametrize("variant", ["DIFFPOOL-DET", "DIFFPOOL, two poolings"])
def test_reload(variant, tmp_path):
    model = make_model(variant)
    for form in ("sparse", "GraphTensor"):
        inputs = inputs_of(form, variant)
        check_reload(model, inputs, tmp_path / "model.keras")


def test_as_a_layer_of_a_functional_model():
    x = keras.Input((3,))
    adjacency = keras.Input((None,), sparse=True)
    graph_ids = keras.Input((), dtype="int64")
    inputs = [x, adjacency, graph_ids]
    classifier = make_model()
    model = keras.Model(inputs, classifier(inputs))
    assert model.output_shape == (None, 2)
    np.testing.assert_allclose(
        model(FORMS["sparse"]), classifier(FORMS["sparse"]), atol=1e-6
    )


def test_mixed_precision():
    model = make_model(dtype="mixed_float16")
    y = model(FORMS["sparse"])
    assert y.dtype == "float16"
    precise = make_model(dtype="float32")
    precise(FORMS["sparse"])
    precise.set_weights(model.get_weights())
    np.testing.assert_allclose(y, precise(FORMS["sparse"]), atol=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"`num_clusters` to be a positive .*num_clusters=None"),
        ({"num_clusters": 4, "num_poolings": 0}, "or without poolings"),
        ({"ratio": 0.1, "max_nodes": 9, "num_poolings": 0}, "or without poolings"),
        ({"num_clusters": 0}, r"`num_clusters` to be a positive .*num_clusters=0"),
        ({"num_clusters": [4, 2]}, r"a list of 1, .*num_clusters=\[4, 2\]"),
        ({"num_clusters": 4, "given_assignments": True}, "neither with `given_ass"),
        ({"ratio": 0.1}, "`ratio` and `max_nodes`"),
        ({"num_poolings": -1}, r"`num_poolings` .*num_poolings=-1"),
        ({"num_clusters": 4, "num_convolutions": [3]}, "a list of 2, one for each"),
        ({"num_clusters": 4, "num_convolutions": 0}, "num_convolutions=0"),
        ({"num_clusters": 4, "num_convolutions": "a"}, "num_convolutions=a"),
        ({"num_clusters": 4, "num_convolutions": [1, 2.5]}, r"num_convolutions=\[1, 2"),
        ({"num_clusters": 4, "num_convolutions": True}, "num_convolutions=True"),
        ({"num_clusters": 4, "hidden_units": 0}, "`hidden_units` .*hidden_units=0"),
        ({"num_clusters": 4, "link_loss_weight": "a"}, "`link_loss_weight` to be a f"),
        ({"num_clusters": 4, "given_assignments": "no"}, "`given_assignments` to be T"),
        ({"num_clusters": 4, "convolution": keras.layers.Dense}, "`convolution` to be"),
        (
            {"num_clusters": 4, "readout": "median"},
            "`readout` to be .*readout='median'",
        ),
        ({"num_clusters": 4, "convolution": 3}, "`convolution` .*convolution=3"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DiffPoolClassifier(2, **arguments)


def test_counts_may_be_integers_of_numpy():
    count = np.int64(2)
    model = DiffPoolClassifier(count, count, num_clusters=count, num_convolutions=count)
    assert len(model.last_gnn.convolutions) == 2
    assert model(FORMS["sparse"]).shape[-1] == 2


def test_bad_input():
    with pytest.raises(ValueError, match="`graph_ids` of shape"):
        make_model()(FORMS["sparse"][:2])
    with pytest.raises(ValueError, match="an assignment for each of the 1 poolings"):
        make_model("DIFFPOOL-DET")(FORMS["GraphTensor"])


@pytest.mark.parametrize("seed", range(4))
def test_equal_rows_have_small_gradients(seed):
    """Rounding errors of the normalisations have no direction to scale to length 1."""
    keras.utils.set_random_seed(seed)
    gnn = _GNN([SAGEConv(8, activation="relu"), SAGEConv(8), SAGEConv(8)])
    x = tf.constant(np.tile(np.linspace(0.1, 0.8, 8, dtype="float32"), (4, 2, 1)))
    weight = np.random.default_rng(0).normal(size=(4, 2, 24)).astype("float32")
    with tf.GradientTape() as tape:
        z = gnn([x, tf.fill([4, 2, 2], 1 / 3)], training=True)
        loss = tf.reduce_sum(z * weight)
    gradients = tape.gradient(loss, gnn.trainable_variables)
    assert max(np.abs(gradient).max() for gradient in gradients) < 1e3

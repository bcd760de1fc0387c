"""Links between two node sets: scores and recommendations, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hetero_graphs import author_paper_graph

import tfgraph
from tfgraph.data import EdgeSet, HeteroGraph, Links, NodeSet, link_batch, link_split
from tfgraph.layers import InnerProductDecoder, MLPDecoder
from tfgraph.models import HeteroGraphSAGE, LinkPredictor

GRAPH, _ = author_paper_graph()
ENDS = GRAPH.edge_sets["writes"].adjacency
KNOWN = np.zeros([40, 30], bool)
KNOWN[ENDS.source.numpy(), ENDS.target.numpy()] = True
PAIRS = tf.constant([[0, 29], [39, 0], [7, 7]])


def predictor(decoder=None, edge_set_name="writes", **kwargs):
    keras.utils.set_random_seed(0)
    encoder = HeteroGraphSAGE(hidden_units=[4], num_nodes={"venue": 5}, **kwargs)
    return LinkPredictor(encoder, edge_set_name, decoder)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def probabilities(model, source, target):
    """The scores of all pairs."""
    z = model(GRAPH)
    z_source, z_target = z[source].numpy(), z[target].numpy()
    if isinstance(model.decoder, InnerProductDecoder):
        return sigmoid(z_source @ z_target.T)
    kernel, bias, last_kernel, last_bias = model.decoder.get_weights()
    pairs = np.stack(
        [np.repeat(z_source, len(z_target), 0), np.tile(z_target, [len(z_source), 1])]
    )
    h = np.maximum(np.concatenate(pairs, axis=1) @ kernel + bias, 0)
    logits = (h @ last_kernel + last_bias)[:, 0]
    return sigmoid(logits).reshape(len(z_source), len(z_target))


def check_top_links(found, p, known, nodes, k):
    numbers, probabilities = found
    assert numbers.dtype == np.int64 and numbers.shape == (len(nodes), k)
    for row, node in enumerate(nodes):
        free = np.flatnonzero(~known[node])
        want = free[np.argsort(-p[node, free])][:k]
        count = len(want)
        found = numbers[row, :count]
        assert len(set(found)) == count and not known[node, found].any()
        # Probabilities that are nearly equal may change places.
        np.testing.assert_allclose(p[node, found], p[node, want], rtol=1e-5)
        np.testing.assert_allclose(probabilities[row, :count], p[node, want], rtol=1e-5)
        assert (numbers[row, count:] == -1).all()
        assert (probabilities[row, count:] == 0).all()


@pytest.mark.parametrize("decoder", [None, MLPDecoder([5])])
def test_scores_and_top_links(decoder, monkeypatch):
    model = predictor(decoder)
    p = probabilities(model, "author", "paper")
    found = model([GRAPH, PAIRS])
    np.testing.assert_allclose(found, p[tuple(PAIRS.numpy().T)], rtol=1e-5)
    nodes = [7, 0, 39, 0]
    for block in (4_000_000, 1):  # all nodes in one block, or one in each
        monkeypatch.setattr("tfgraph.models.link_queries._NUMBERS", block)
        films = model.top_links(GRAPH, nodes, k=30)
        check_top_links(films, p, KNOWN, nodes, 30)
        users = model.top_links(GRAPH, np.array([29, 3]), k=5, receiver="source")
        check_top_links(users, p.T, KNOWN.T, [29, 3], 5)
    assert (films[0] == -1).any()
    assert model.top_links(GRAPH, [], k=2)[0].shape == (0, 2)


def test_links_within_one_set_are_directed():
    model = predictor(MLPDecoder([3]), "cites")
    p = probabilities(model, "paper", "paper")
    ends = GRAPH.edge_sets["cites"].adjacency
    known = np.eye(30, dtype=bool)
    known[ends.source.numpy(), ends.target.numpy()] = True
    assert (known != known.T).any()
    nodes = list(range(30))
    check_top_links(model.top_links(GRAPH, nodes, k=30), p, known, nodes, 30)
    found = model.top_links(GRAPH, nodes, k=30, receiver="source")
    check_top_links(found, p.T, known.T, nodes, 30)


def test_an_encoder_of_one_node_set():
    graph = tfgraph.data.karate_club()
    model = LinkPredictor(tfgraph.layers.GCNConv(3))
    (inputs,) = tfgraph.data.full_batch(graph, form="graph_tensor").get_single_element()
    z = model(inputs).numpy()
    p = sigmoid(z @ z.T)
    np.testing.assert_allclose(
        model([inputs, tf.constant([[0, 33], [5, 5]])]), p[[0, 5], [33, 5]], rtol=1e-5
    )
    known = np.eye(34, dtype=bool)
    known[tuple(graph.edges.T)] = True
    nodes = [0, 33, 5]
    check_top_links(model.top_links(inputs, nodes, k=20), p, known, nodes, 20)


KARATE = tfgraph.data.karate_club()
EDGES = KARATE.edges[KARATE.edges[:, 0] < KARATE.edges[:, 1]]
CLASSES = np.arange(len(EDGES)) % 3
WEIGHTS = np.arange(len(EDGES)) % 4 / 2


def crossentropy(labels, p):
    return -(labels * np.log(p) + (1 - labels) * np.log(1 - p))


@pytest.mark.parametrize(
    ("labels", "activation", "num_classes", "loss", "want_loss", "want_accuracy"),
    [
        (
            CLASSES > 0,
            "sigmoid",
            None,
            "binary_crossentropy",
            crossentropy,
            lambda y, p: y == (p > 0.5),
        ),
        (
            np.eye(3)[CLASSES],
            "sigmoid",
            3,
            "binary_crossentropy",
            lambda y, p: crossentropy(y, p).mean(axis=1),
            lambda y, p: y.argmax(axis=1) == p.argmax(axis=1),
        ),
        (
            CLASSES,
            "softmax",
            3,
            "sparse_categorical_crossentropy",
            lambda y, p: -np.log(p[np.arange(len(y)), y]),
            lambda y, p: y == p.argmax(axis=1),
        ),
        (
            CLASSES / 7,
            None,
            None,
            "mse",
            lambda y, p: (y - p) ** 2,
            lambda y, p: y == (p > 0.5),
        ),
    ],
)
def test_losses_and_metrics_of_labels_of_your_own(
    labels, activation, num_classes, loss, want_loss, want_accuracy
):
    """Weights count for each pair; in metrics, in a last batch of fewer pairs, too."""
    decoder = MLPDecoder([3], "relu", activation, num_classes)
    model = LinkPredictor(tfgraph.layers.GCNConv(3), decoder=decoder)
    model.compile(
        "sgd",
        loss,
        metrics=["accuracy"],
        weighted_metrics=[loss],
        run_eagerly=True,
    )
    links = Links(EDGES, labels, WEIGHTS)
    batches = tfgraph.data.link_neighbor_batches(
        KARATE,
        (None, None),  # the second for the degrees of the senders
        30,
        links=links,
        keep_links=True,
    )
    p = model.predict(batches, verbose=0)
    full = link_batch(KARATE, Links(EDGES), "graph_tensor")
    np.testing.assert_allclose(p, model.predict(full, verbose=0), atol=1e-5)
    assert p.shape == (len(EDGES), *(() if num_classes is None else (3,)))
    scores = model.evaluate(batches, verbose=0, return_dict=True)
    losses = want_loss(labels, p)
    loss = model.evaluate(link_batch(KARATE, links, "graph_tensor"), verbose=0)[0]
    assert loss == pytest.approx(np.mean(losses * WEIGHTS), rel=1e-4)
    (weighted,) = (scores[name] for name in set(scores) - {"loss", "accuracy"})
    assert weighted == pytest.approx(np.average(losses, weights=WEIGHTS), rel=1e-4)
    accuracy = want_accuracy(labels, p).mean()
    assert scores["accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_several_labels_of_links_some_missing():
    labels = np.eye(3)[CLASSES]
    labels[::4, 0] = np.nan
    model = LinkPredictor(tfgraph.layers.GCNConv(3), decoder=MLPDecoder(num_classes=3))
    metric = tfgraph.metrics.MaskedMetric("binary_accuracy")
    loss = tfgraph.losses.MaskedLoss("binary_crossentropy")
    model.compile("sgd", loss, weighted_metrics=[metric], run_eagerly=True)
    data = link_batch(KARATE, Links(EDGES, labels), "graph_tensor")
    p = model.predict(data, verbose=0)
    scores = model.evaluate(data, verbose=0, return_dict=True)
    known = ~np.isnan(labels)
    want = crossentropy(labels[known], p[known]).mean()
    assert scores["loss"] == pytest.approx(want, rel=1e-4)
    accuracy = (labels[known] == (p[known] > 0.5)).mean()
    assert scores["binary_accuracy"] == pytest.approx(accuracy, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("aggregator", tfgraph.layers.sage.AGGREGATORS)
def test_classes_of_edges_with_all_aggregators(aggregator, tmp_path):
    """Whether both ends are in one faction, which the features tell."""
    keras.utils.set_random_seed(0)
    graph = KARATE.replace(x=np.eye(2)[KARATE.y])
    classes = KARATE.y[EDGES].sum(axis=1)
    decoder = MLPDecoder([8], classifier_activation="softmax", num_classes=3)
    encoder = tfgraph.models.GraphSAGE(None, [8], aggregator)
    model = LinkPredictor(encoder, decoder=decoder)
    model.compile(
        keras.optimizers.Adam(0.02),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    batches = tfgraph.data.link_neighbor_batches(
        graph, (3,), 16, links=Links(EDGES, classes), shuffle=True, seed=0
    )
    model.fit(batches, epochs=15, shuffle=False, verbose=0)
    fixed = tfgraph.data.link_neighbor_batches(
        graph, (None,), 16, links=Links(EDGES, classes)
    )
    scores = model.evaluate(fixed, verbose=0, return_dict=True)
    predicted = model.predict(fixed, verbose=0)
    accuracy = np.mean(predicted.argmax(axis=1) == classes)
    assert 0.9 < accuracy == pytest.approx(scores["accuracy"], abs=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(fixed, verbose=0), predicted)


def test_labels_that_do_not_fit_the_decoder():
    model = LinkPredictor(tfgraph.layers.GCNConv(3))
    for metrics in ([], ["accuracy"]):
        model.compile("sgd", "mse", metrics=metrics)
        data = link_batch(KARATE, Links(EDGES, np.eye(3)[CLASSES]), "graph_tensor")
        with pytest.raises(
            ValueError, match=r"one label for.*MLPDecoder\(num_classes=3"
        ):
            model.fit(data, verbose=0)
    classes = LinkPredictor(
        tfgraph.layers.GCNConv(3), decoder=MLPDecoder(num_classes=3)
    )
    with pytest.raises(ValueError, match=r"one score for.*Received: num_classes=3"):
        classes.top_links(KARATE.to_graph_tensor(), [0])


def films_graph():
    """Users of two tastes, who rate films of their own taste."""
    rng = np.random.default_rng(0)
    user, film = np.arange(30) % 2, np.arange(40) % 2
    edges = np.argwhere((user[:, None] == film) & (rng.random((30, 40)) < 0.9))
    return HeteroGraph(
        {"users": NodeSet(num_nodes=30), "films": NodeSet(np.eye(40))},
        {"rates": EdgeSet("users", "films", edges)},
    )


@pytest.mark.parametrize(
    "decoder", [pytest.param(None, marks=pytest.mark.slow), MLPDecoder([8])]
)
def test_it_trains_scores_and_reloads(decoder, tmp_path):
    keras.utils.set_random_seed(0)
    train, val, test = link_split(films_graph(), 0.1, 0.2)
    encoder = HeteroGraphSAGE(hidden_units=[8, 8], num_nodes={"users": 30})
    model = LinkPredictor(encoder, "rates", decoder)
    model.compile(
        keras.optimizers.Adam(0.02),
        "binary_crossentropy",
        metrics=[tfgraph.metrics.RocAUC()],
    )
    history = model.fit(
        tfgraph.data.training_links(train),
        validation_data=link_batch(train, val),
        epochs=20,
        shuffle=False,
        verbose=0,
    ).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    data = link_batch(train, test)
    scores = model.evaluate(data, verbose=0, return_dict=True)
    predicted = model.predict(data, verbose=0)
    assert predicted.shape == test.labels.shape
    loss = keras.losses.binary_crossentropy(test.labels, predicted)
    np.testing.assert_allclose(scores["loss"], loss, rtol=1e-5)
    positive, negative = (predicted[test.labels == k] for k in (1, 0))
    auc = np.mean(positive[:, None] > negative)
    assert 0.8 < auc == pytest.approx(scores["auc"], abs=1e-5)
    z = model.predict(tfgraph.data.full_batch(train), verbose=0)
    assert {name: rows.shape for name, rows in z.items()} == {
        "users": (30, 8),
        "films": (40, 8),
    }

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for part in ("encoder", "decoder"):
        config = getattr(model, part).get_config()
        assert getattr(again, part).get_config() == config
    np.testing.assert_array_equal(again.predict(data, verbose=0), predicted)
    graph = train.to_graph_tensor()
    for one, other in zip(
        model.top_links(graph, [0, 1], 3),
        again.top_links(graph, [0, 1], 3),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_functional_encoder_reloads(tmp_path):
    graph = tfgraph.GraphInput(GRAPH.spec)
    h = {
        name: keras.layers.Dense(4)(graph[f"nodes.{name}.hidden_state"])
        for name in ("author", "paper")
    }
    model = LinkPredictor(keras.Model(graph, h), "writes", MLPDecoder([3]))
    before = model([GRAPH, PAIRS])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again([GRAPH, PAIRS]), before)


@pytest.mark.parametrize("decoder", [InnerProductDecoder, MLPDecoder])
def test_scores_of_mixed_precision(decoder):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = predictor(decoder())
    finally:
        keras.config.set_dtype_policy("float32")
    assert model(GRAPH)["paper"].dtype == "float16"
    assert model([GRAPH, PAIRS]).dtype == "float32"
    default = LinkPredictor(model.encoder, "writes", dtype="mixed_float16")
    assert default([GRAPH, PAIRS]).dtype == "float32"


def test_xla():
    model = predictor(MLPDecoder([3]))
    want = model([GRAPH, PAIRS])
    components = tfgraph.graph_tensor.to_components(GRAPH)
    found = tf.function(model, jit_compile=True)([components, PAIRS])
    np.testing.assert_allclose(found, want, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sage",), "`encoder` to be a layer or model"),
        ((keras.layers.Dense(2), "writes", "mlp"), "`decoder` to be an InnerProduct"),
        (
            (keras.layers.Dense(2), "writes", keras.layers.Dense(2)),
            "`decoder` to be an InnerProductDecoder or MLPDecoder.*Dense",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"LinkPredictor: expected {message}"):
        LinkPredictor(*arguments)


def test_bad_inputs():
    for name in ("wrote", None):
        with pytest.raises(ValueError, match=r"`(edge|node)_set_name` to be one of"):
            predictor(edge_set_name=name)([GRAPH, PAIRS])
    classifier = HeteroGraphSAGE(3, "paper", [4], {"venue": 5})
    for encoder in (classifier, HeteroGraphSAGE(hidden_units=[4], num_nodes={})):
        model = LinkPredictor(encoder, "writes")
        with pytest.raises(ValueError, match=r"Expected `(encoder|num_nodes)`"):
            model([GRAPH, PAIRS])
    with pytest.raises(ValueError, match=r"LinkPredictor '.*latent vectors of the"):
        LinkPredictor(classifier, "writes")(GRAPH)
    model = predictor()
    with pytest.raises(ValueError, match=r"`\[graph, pairs\]` with.*form=.graph_tens"):
        model([np.eye(3), np.eye(3)])
    for pair in ([40, 0], [0, 30], [-1, 0]):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"`pairs` .* below \[40 30\]"
        ):
            model([GRAPH, tf.constant([pair])])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([40],), "`nodes` to be a list of numbers from 0 to 39"),
        (([30], 5, "source"), "`nodes` to be a list of numbers from 0 to 29"),
        (([0], 31), "`k` to be from 1 to 30"),
        (([0], 41, "source"), "`k` to be from 1 to 40"),
        (([0], 0), "`k` to be from 1 to 30"),
        (([0], 5, "both"), "`receiver` to be one of"),
    ],
)
def test_bad_questions(arguments, message):
    with pytest.raises(ValueError, match=message):
        predictor().top_links(GRAPH, *arguments)


def test_questions_with_pairs():
    with pytest.raises(ValueError, match="one graph, without pairs"):
        predictor().top_links([GRAPH, PAIRS], [0])


def test_class_weights_of_fit():
    """Keras' `class_weight` is the `sample_weight` of links with one label each."""
    graph = films_graph()
    links = Links([[0, 0], [1, 5], [2, 3]], [1, 0, 1])
    model = LinkPredictor(HeteroGraphSAGE(hidden_units=[2], num_nodes={"users": 30}))
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", run_eagerly=True)
    weights = np.array([4.0, 0.5, 4.0])
    weighted = link_batch(graph, links._replace(sample_weight=weights))
    fit = {"class_weight": {0: 0.5, 1: 4.0}, "verbose": 0, "shuffle": False}
    loss = model.fit(link_batch(graph, links), **fit).history["loss"]
    [((graph, pairs), *_)] = weighted
    p = model([graph, pairs]).numpy()
    of_pairs = -np.log(np.where(links.labels, p, 1 - p))
    np.testing.assert_allclose(loss, np.mean(weights * of_pairs), rtol=1e-5)
    assert model.evaluate(weighted, verbose=0) == pytest.approx(loss[0], rel=1e-5)
    with pytest.raises(ValueError, match="`class_weight` and `sample_weight`"):
        model.fit(weighted, **fit)


def test_fit_without_pairs_or_labels():
    graph = films_graph()
    model = LinkPredictor(HeteroGraphSAGE(hidden_units=[2], num_nodes={"users": 30}))
    model.compile("adam", "binary_crossentropy")
    labelled = graph.replace(
        {
            "films": graph.node_sets["films"].replace(
                y=np.zeros(40), train_mask=[True] * 40
            )
        }
    )
    for data, received in [
        (tfgraph.data.full_batch(graph), "no pairs and no labels"),
        (tfgraph.data.full_batch(labelled, "train"), "no pairs and labels"),
        (
            link_batch(graph, Links([[0, 0]], [1])).map(lambda x, _: (x,)),
            "pairs and no labels",
        ),
    ]:
        message = f"training_links.* Received: {received}"
        for method in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=message):
                method(data, verbose=0)

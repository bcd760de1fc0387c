"""Labels `[N, C]` of which some are NaN: graphs, batches, losses and metrics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgraph.data import (
    EdgeSet,
    Graph,
    HeteroGraph,
    NodeSet,
    full_batch,
    neighbor_batches,
    whole_graph_batches,
)
from tfgraph.losses import MaskedLoss
from tfgraph.metrics import MaskedMetric, RocAUC

RNG = np.random.default_rng(0)
KNOWN = RNG.random([6, 3]) < 0.6
KNOWN[4] = False  # a node with no label at all
BINARY = RNG.integers(0, 2, [6, 3])
Y = np.where(KNOWN, BINARY, np.nan).astype(np.float32)
P = RNG.uniform(0.1, 0.9, [6, 3]).astype(np.float32)
WEIGHTS = RNG.uniform(0.5, 2, [6])


def entries(loss, p=P):
    """The loss of each entry, as NumPy says."""
    if loss == "mse":
        return (BINARY - p) ** 2
    return -np.where(BINARY == 1, np.log(p), np.log(1 - p))


def mean(values, weights):
    weights = np.broadcast_to(weights, KNOWN.shape)[KNOWN]
    return np.sum(values[KNOWN] * weights) / weights.sum()


@pytest.mark.parametrize("weights", [None, WEIGHTS, np.outer(WEIGHTS, [1, 2, 3])])
@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("binary_crossentropy", "bce"),
        (keras.losses.BinaryCrossentropy(), "bce"),
        (keras.losses.MeanSquaredError(), "mse"),
        (keras.losses.mean_squared_error, "mse"),
    ],
)
def test_loss_is_the_mean_over_known_entries(loss, name, weights):
    expected_weights = np.ones([6, 1]) if weights is None else weights
    if np.ndim(expected_weights) == 1:
        expected_weights = expected_weights[:, None]
    found = MaskedLoss(loss)(Y, P, weights)
    assert float(found) == pytest.approx(
        mean(entries(name), expected_weights), rel=1e-5
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradient_is_finite_and_none_of_missing_entries(jit_compile):
    loss = MaskedLoss(keras.losses.BinaryCrossentropy(from_logits=True))

    @tf.function(jit_compile=jit_compile)
    def gradient(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(Y, logits)
        return tape.gradient(value, logits)

    logits = np.log(P / (1 - P))
    expected = np.where(KNOWN, P - BINARY, 0) / KNOWN.sum()
    np.testing.assert_allclose(gradient(tf.constant(logits)), expected, atol=1e-6)


def test_no_label_at_all_is_no_loss():
    assert float(MaskedLoss("mse")(np.full([2, 2], np.nan), P[:2, :2])) == 0


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_metrics_count_known_entries(weights):
    w = np.broadcast_to(
        np.ones([6, 1]) if weights is None else weights[:, None], [6, 3]
    )
    right = (P > 0.5) == BINARY
    accuracy, auc = MaskedMetric("binary_accuracy"), MaskedMetric(RocAUC())
    assert (accuracy.name, auc.name) == ("binary_accuracy", "auc")
    for rows in (slice(0, 4), slice(4, 6)):  # in two batches
        part = None if weights is None else weights[rows]
        accuracy.update_state(Y[rows], P[rows], part)
        auc.update_state(Y[rows], P[rows], part)
    assert float(accuracy.result()) == pytest.approx(mean(right, w), rel=1e-6)
    positive, negative = KNOWN & (BINARY == 1), KNOWN & (BINARY == 0)
    above = P[positive][:, None] > P[negative]
    pairs = w[positive][:, None] * w[negative]
    expected = np.sum(above * pairs) / pairs.sum()
    assert float(auc.result()) == pytest.approx(expected, rel=1e-6)
    for metric in (accuracy, auc):
        metric.reset_state()
    accuracy.update_state(BINARY, BINARY.astype(np.float32))
    assert float(accuracy.result()) == 1


def test_a_metric_of_each_task():
    tasks = ["toxic", "soluble", "stable"]
    x = keras.Input([3])
    model = keras.Model(x, keras.layers.Activation("linear")(x))
    metrics = [MaskedMetric(m, tasks=tasks) for m in ("binary_accuracy", RocAUC())]
    model.compile("sgd", MaskedLoss("mse"), weighted_metrics=metrics)
    rng = np.random.default_rng(1)
    y, known = rng.integers(0, 2, [40, 3]), rng.random([40, 3]) < 0.6
    p, weights = rng.random([40, 3], "float32"), rng.random(40, "float32")
    expected = {}
    for task, one, has, of in zip(tasks, y.T, known.T, p.T, strict=True):
        w = weights * has
        right = np.sum(((of > 0.5) == one) * w) / w.sum()
        expected[f"{task}_binary_accuracy"] = right
        positive, negative = has & (one == 1), has & (one == 0)
        above = of[positive][:, None] > of[negative]
        pairs = w[positive][:, None] * w[negative]
        expected[f"{task}_auc"] = np.sum(above * pairs) / pairs.sum()
    labels = np.where(known, y, np.nan)
    found = {}
    for metric in metrics:
        again = MaskedMetric.from_config(metric.get_config())
        for rows in (slice(0, 16), slice(16, 40)):
            again.update_state(labels[rows], p[rows], weights[rows])
        found |= {name: float(value) for name, value in again.result().items()}
    assert found == pytest.approx(expected, rel=1e-5)
    data = {"sample_weight": weights, "batch_size": 16, "verbose": 0}
    found = model.evaluate(p, labels, return_dict=True, **data)
    assert found.pop("loss") > 0
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_graph_and_its_batches_hold_missing_labels():
    """Also in a mask. A node without any label counts for nothing."""
    mask = np.array([True, True, False, True, True, False])
    graph = Graph(P, [(0, 1), (3, 2)], y=Y, train_mask=mask)
    np.testing.assert_array_equal(graph.y, Y)
    hetero = HeteroGraph(
        {"a": NodeSet(P, y=Y, train_mask=mask)}, {"aa": EdgeSet("a", "a", [(0, 1)])}
    )
    loss = MaskedLoss("mse")
    expected = np.mean(entries("mse")[KNOWN & mask[:, None]])
    for one in (graph, hetero):
        [(_, y, weights)] = full_batch(one, "train")
        assert float(loss(y, P, weights)) == pytest.approx(expected, rel=1e-5)
    [(_, y)] = neighbor_batches(graph, (None,), 4, nodes="train")
    assert float(loss(y, P[mask])) == pytest.approx(expected, rel=1e-5)
    [(_, y, weights)] = neighbor_batches(hetero, (None,), 4, nodes="train")
    found = np.isfinite(y.numpy()) & (weights.numpy() > 0)[:, None]
    assert found.sum() == (KNOWN & mask[:, None]).sum()
    [(_, y)] = whole_graph_batches([graph] * 6, Y, batch_size=6)
    np.testing.assert_array_equal(y, Y)


def test_fit_and_reload(tmp_path):
    """A linear model learns the known entries alone, and its loss is stored with it."""
    graph = Graph(np.eye(6), [], y=Y, train_mask=np.full(6, True))
    data = full_batch(graph, "train")
    x, adjacency = keras.Input([6]), keras.Input([None], sparse=True)
    units = keras.layers.Dense(3, use_bias=False, kernel_initializer="zeros")
    model = keras.Model([x, adjacency], units(x))
    model.compile(
        keras.optimizers.SGD(KNOWN.sum() / 2),
        MaskedLoss("mse"),
        weighted_metrics=[MaskedMetric("mse")],
        jit_compile=False,
    )
    # From 0, the step is the whole way to each known label.
    history = model.fit(data, shuffle=False, verbose=0).history
    assert history["loss"][0] == pytest.approx(np.mean(BINARY[KNOWN]), rel=1e-5)
    np.testing.assert_allclose(units.kernel, np.where(KNOWN, BINARY, 0), atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    found = again.evaluate(data, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(0, abs=1e-6)
    assert found["mse"] == pytest.approx(0, abs=1e-6)
    assert again.loss.get_config() == model.loss.get_config()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MaskedLoss(None), "`loss` to be a loss of Keras.*loss=None"),
        (
            lambda: MaskedLoss("sparse_categorical_crossentropy"),
            "of single entries.*loss='sparse_categorical_crossentropy'",
        ),
        (
            lambda: MaskedLoss(keras.losses.KLDivergence()),
            "of single entries.*KLDivergence",
        ),
        (lambda: MaskedMetric(None), "`metric` to be a metric of Keras.*metric=None"),
        (lambda: MaskedMetric("mse", tasks="abc"), "different names.*tasks='abc'"),
        (lambda: MaskedMetric("mse", tasks=["a", "a"]), "`tasks` to be a list of diff"),
        (
            lambda: MaskedMetric("mse", tasks=["a"]).update_state(Y, P),
            r"labels of 1 columns.*\(6, 3\)",
        ),
        (lambda: MaskedMetric("accuracy"), "such as 'binary_accuracy'.*'accuracy'"),
        (lambda: MaskedLoss("mse")(Y[:, 0], P), r"same shape \[N, C\].*\(6,\)"),
        (lambda: MaskedLoss("mse")(Y, P[:, :1]), r"y_pred with shape=\(6, 1\)"),
        (
            lambda: MaskedMetric("mse").update_state(Y, P[:, :1]),
            "MaskedMetric: expected labels and predictions",
        ),
        (lambda: Graph(P, [], y=np.where(KNOWN, Y, np.inf)), "`y` to hold finite"),
        (
            lambda: whole_graph_batches(
                [Graph(P, [])] * 6, np.where(KNOWN, Y, -np.inf), batch_size=1
            ),
            "`labels` to hold finite",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

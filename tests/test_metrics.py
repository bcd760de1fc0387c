import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgraph.metrics import AveragePrecision, RocAUC, linear_probe

sklearn_metrics = pytest.importorskip("sklearn.metrics")

METRICS = [
    (RocAUC, sklearn_metrics.roc_auc_score),
    (AveragePrecision, sklearn_metrics.average_precision_score),
]


def predictions(size=1000, ties=False, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < 0.3).astype("float32")
    scores = rng.normal(size=size) + labels
    scores = np.round(scores) if ties else scores
    return labels, scores.astype("float32"), rng.uniform(0, 3, size).astype("float32")


@pytest.mark.parametrize(("metric", "reference"), METRICS)
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_equal_scikit_learn(metric, reference, ties, weighted):
    labels, scores, weights = predictions(ties=ties)
    weights = weights if weighted else None
    metric = metric()
    for part in (slice(0, 10), slice(10, 400), slice(400, None)):
        weight = None if weights is None else weights[part]
        metric.update_state(labels[part], scores[part], weight)
    want = reference(labels, scores, sample_weight=weights)
    assert float(metric.result()) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(("metric", "reference"), METRICS)
def test_reset_and_shapes(metric, reference):
    metric = metric()
    labels, scores, _ = predictions(20)
    metric.update_state(labels, scores)
    metric.reset_state()
    labels, scores, _ = predictions(30, seed=1)
    metric.update_state(labels.reshape(5, 6).astype(bool), scores.reshape(5, 6))
    assert float(metric.result()) == pytest.approx(reference(labels, scores), rel=1e-6)


@pytest.mark.parametrize(("metric", "reference"), METRICS)
def test_a_weight_for_each_row_of_labels(metric, reference):
    labels, scores, weights = predictions(60)
    metric, weights = metric(), weights[:20]
    metric.update_state(labels.reshape(20, 3), scores.reshape(20, 3), weights)
    want = reference(labels, scores, sample_weight=np.repeat(weights, 3))
    assert float(metric.result()) == pytest.approx(want, rel=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="one weight for each"):
        metric.update_state(labels, scores, weights)


def test_by_hand():
    auc, ap = RocAUC(), AveragePrecision()
    for metric in (auc, ap):
        # Ranked: 1, then 1 and 0 tied, then 0.
        metric.update_state([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1])
    assert float(auc.result()) == pytest.approx(3.5 / 4)
    assert float(ap.result()) == pytest.approx((1 + 2 / 3) / 2)


def test_undefined_is_nan():
    for labels in ([], [0, 0], [1, 1]):
        auc, ap = RocAUC(), AveragePrecision()
        auc.update_state(labels, np.arange(len(labels), dtype="float32"))
        ap.update_state(labels, np.arange(len(labels), dtype="float32"))
        assert np.isnan(float(auc.result()))
        assert np.isnan(float(ap.result())) == (1 not in labels)


@pytest.mark.parametrize(("metric", "reference"), METRICS)
@pytest.mark.parametrize("bad", ["score", "weight"])
def test_a_nan_makes_the_result_nan(metric, reference, bad):
    labels, scores, weights = predictions(20)
    good = float(reference(labels, scores, sample_weight=weights))
    for index in (labels.argmax(), labels.argmin()):  # a positive, a negative
        part = {"score": scores.copy(), "weight": weights.copy()}
        part[bad][index] = np.nan
        this = metric()
        this.update_state(labels, part["score"], part["weight"])
        assert np.isnan(float(this.result()))
        this.reset_state()
        this.update_state(labels, scores, weights)
        assert float(this.result()) == pytest.approx(good, rel=1e-6)


def test_infinite_scores_have_a_rank():
    auc = RocAUC()
    auc.update_state([1, 0, 1, 0], [np.inf, 0.0, 1.0, -np.inf])
    assert float(auc.result()) == 1


def test_in_fit():
    labels, scores, _ = predictions(100)
    x = np.stack([scores, -scores], axis=1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[RocAUC(), AveragePrecision()])
    history = model.fit(x, labels, batch_size=32, epochs=2, verbose=0).history
    assert len(history["auc"]) == len(history["ap"]) == 2
    result = model.evaluate(x, labels, verbose=0, return_dict=True)
    predicted = model.predict(x, verbose=0)
    for name, (_, reference) in zip(("auc", "ap"), METRICS, strict=True):
        want = reference(labels, predicted)
        assert result[name] == pytest.approx(want, rel=1e-6)


def test_config():
    for metric in (RocAUC(name="a"), AveragePrecision(name="b")):
        again = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(metric)
        )
        assert again.get_config() == metric.get_config()
        assert again.name in "ab"


def test_bad_labels():
    with pytest.raises(tf.errors.InvalidArgumentError, match="to hold 0 and 1"):
        RocAUC().update_state([0, 2], [0.1, 0.2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="one label for each"):
        AveragePrecision().update_state([0, 1], [0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("y_true", None),
        ("y_pred", None),
        ("y_true", ["a"]),
        ("y_pred", ["a"]),
        ("sample_weight", ["a"]),
    ],
)
def test_what_holds_no_numbers_is_named(name, bad):
    given = {"y_true": [1], "y_pred": [0.5], name: bad}
    with pytest.raises(ValueError, match=f"Expected `{name}` to hold numbers"):
        RocAUC().update_state(**given)


@pytest.mark.parametrize("several_labels", [False, True])
def test_linear_probe_agrees_with_scikit_learn(several_labels):
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 5)) * [1, 1, 5, 1, 0] + 3
    scores = z @ rng.normal(size=(5, 3)) + rng.normal(size=(300, 3))
    y = (scores > scores.mean(0)).astype(int) if several_labels else scores.argmax(1)
    train = np.arange(300) < 200
    score = linear_probe(z, y, train, ~train)
    x = (z - z[train].mean(0)) / np.maximum(z[train].std(0), 1e-9)
    columns = y.T if several_labels else [y]
    predicted = np.stack(
        [
            linear_model.LogisticRegression(C=1 / (200 * 1e-4), max_iter=1000)
            .fit(x[train], column[train])
            .predict(x[~train])
            for column in columns
        ],
        axis=1,
    )
    want = sklearn_metrics.f1_score(
        y[~train], predicted if several_labels else predicted[:, 0], average="micro"
    )
    assert score == pytest.approx(want, abs=0.011)


def test_bad_input_of_linear_probe():
    with pytest.raises(ValueError, match=r"a row for each of `y`.*\(3, 2\).*\(4,\)"):
        linear_probe(np.ones([3, 2]), np.ones(4, int), [0], [1])
    with pytest.raises(ValueError, match=r"for all nodes of `test`.*from -1 to -1"):
        linear_probe(np.ones([3, 2]), np.array([0, 1, -1]), [0, 1], [2])
    with pytest.raises(ValueError, match="or 0 and 1"):
        linear_probe(np.ones([3, 2]), np.array([[0], [1], [2]]), [0, 2], [1])
    with pytest.raises(ValueError, match="`train` to select nodes"):
        linear_probe(np.ones([3, 2]), np.ones(3, int), [], [1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z": np.full([4, 2], np.nan)}, r"`z` to hold finite.*nan at index \[0, 0\]"),
        ({"z": [["a", "b"]] * 4}, "`z` to hold real numbers"),
        ({"y": [0, 1, np.nan, 0]}, "`y` to hold finite.*nan"),
        ({"y": [0, 1, 0.5, 0]}, "`y` to hold class numbers"),
        ({"y": 1}, r"a row for each of `y`.*y.shape=\(\)"),
        ({"train": [0, 9]}, "`train` to hold node numbers from 0 to 3"),
        ({"test": [True]}, "`test` to hold one boolean for each of the 4 nodes"),
        ({"steps": "5"}, "`steps` to be a positive integer"),
        ({"l2": -1.0}, "`l2` to be a non-negative number.*l2=-1.0"),
    ],
)
def test_linear_probe_names_what_is_wrong(changes, message):
    good = {"z": np.eye(4, 2), "y": [0, 1, 0, 1], "train": [0, 1], "test": [2, 3]}
    with pytest.raises(ValueError, match=message):
        linear_probe(**{**good, **changes})


def test_linear_probe_without_any_label_or_spread():
    assert linear_probe(np.ones([4, 2]), np.zeros([4, 2]), [0, 1], [2, 3]) == 0
    # A feature that training has not seen vary says nothing of the test nodes.
    z = np.stack([np.r_[np.full(20, 0.1), 0.3, 0.3], np.arange(22) % 2], axis=1)
    score = linear_probe(z.astype("float32"), np.arange(22) % 2, slice(20), [20, 21])
    assert score == 1

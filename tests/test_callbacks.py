import keras
import numpy as np
import pytest

import tfgraph
from tfgraph.callbacks import EmbeddingProjector, LossAndMetricStopping

GRAPH = tfgraph.data.karate_club()
DATA = tfgraph.data.full_batch(GRAPH)


class Scripted:
    """Stands in for a model whose validation results are known beforehand."""

    def __init__(self):
        self.stop_training = False
        self.weights = None

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def epochs_of(losses, metrics, patience):
    """Returns the number of epochs run and the epoch whose weights remain."""
    model, callback = Scripted(), LossAndMetricStopping(patience)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, (loss, metric) in enumerate(zip(losses, metrics, strict=True)):
        model.weights = epoch
        callback.on_epoch_end(epoch, {"val_loss": loss, "val_accuracy": metric})
        if model.stop_training:
            break
    callback.on_train_end()
    assert callback.best_epoch == model.weights
    return epoch + 1, model.weights


def test_either_keeps_training_going_but_both_are_kept():
    losses = [1.0, 0.9, 0.95, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9, 0.0]
    metrics = [0.5, 0.6, 0.70, 0.70, 0.60, 0.6, 0.6, 0.6, 0.6, 1.0]
    # Epochs 2 and 3 have the best metric, 5 the best loss, 1 both at once; then three
    # epochs without either.
    assert epochs_of(losses, metrics, patience=3) == (9, 1)


def test_ties_count_as_best():
    assert epochs_of([1.0] * 6, [0.5] * 6, patience=2) == (6, 5)


def test_a_loss_that_is_not_a_number_is_passed_over():
    losses, metrics = [1.0, float("nan"), 2.0, 2.0], [0.5, 0.5, 0.5, 0.5]
    assert epochs_of(losses, metrics, patience=9) == (4, 0)


def test_weights_after_training_are_the_kept_ones():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 3)), rng.integers(0, 2, 32)
    model = keras.Sequential([keras.layers.Dense(2, activation="softmax")])
    # So large a step that the loss only gets worse.
    model.compile(
        keras.optimizers.SGD(50.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    kept = []
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(model.get_weights())
    )
    stopping = LossAndMetricStopping(patience=4)
    history = model.fit(
        x,
        y,
        validation_data=(x, y),
        epochs=60,
        callbacks=[record, stopping],
        verbose=0,
    )
    losses = np.array(history.history["val_loss"])
    accuracies = np.array(history.history["val_accuracy"])
    both = (losses <= np.minimum.accumulate(losses)) & (
        accuracies >= np.maximum.accumulate(accuracies)
    )
    best = np.flatnonzero(both)[-1]
    assert stopping.best_epoch == best
    assert best < len(losses) - 1
    for got, want in zip(model.get_weights(), kept[best], strict=True):
        np.testing.assert_array_equal(got, want)


def test_unknown_names_and_patience():
    with pytest.raises(ValueError, match="`patience` to be a positive integer"):
        LossAndMetricStopping(patience=0)
    callback = LossAndMetricStopping(metric="val_f1")
    callback.on_train_begin()
    with pytest.raises(ValueError, match=r"`metric` to be one of \['val_loss'\]"):
        callback.on_epoch_end(0, {"val_loss": 1.0})


def fit(directory, **kwargs):
    model = tfgraph.models.GAE(3, 8)
    model.compile("adam")
    callback = EmbeddingProjector(directory, DATA, **kwargs)
    model.fit(DATA, epochs=2, callbacks=[callback], shuffle=False, verbose=0)
    return model


def test_files_of_the_projector(tmp_path):
    model = fit(tmp_path / "run", labels=GRAPH.y)
    z = np.loadtxt(tmp_path / "run" / "tensors.tsv", delimiter="\t")
    np.testing.assert_allclose(z, model.predict(DATA, verbose=0), rtol=1e-5)
    metadata = (tmp_path / "run" / "metadata.tsv").read_text().split()
    assert metadata == [str(label) for label in GRAPH.y]
    config = (tmp_path / "run" / "projector_config.pbtxt").read_text()
    assert config == (
        "embeddings {\n"
        '  tensor_path: "tensors.tsv"\n'
        '  metadata_path: "metadata.tsv"\n'
        "}\n"
    )


def test_every_epoch_and_without_labels(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(EmbeddingProjector, "write", lambda self: written.append(1))
    fit(tmp_path, every=1)
    assert len(written) == 3  # two epochs and the end
    monkeypatch.undo()
    fit(tmp_path)
    assert not (tmp_path / "metadata.tsv").exists()
    assert "metadata" not in (tmp_path / "projector_config.pbtxt").read_text()


def test_bad_arguments_of_the_projector(tmp_path):
    with pytest.raises(ValueError, match="`every` to be a positive integer"):
        EmbeddingProjector(tmp_path, DATA, every=0)
    with pytest.raises(ValueError, match=r"`data` .*data\.full_batch\(data\)`"):
        EmbeddingProjector(tmp_path, GRAPH)
    with pytest.raises(ValueError, match="one entry for each of the 34"):
        fit(tmp_path, labels=[1, 2])

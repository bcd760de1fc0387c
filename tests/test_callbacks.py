import keras
import numpy as np
import pytest

from tfgraph.callbacks import LossAndMetricStopping


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

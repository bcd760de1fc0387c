"""Keras callbacks."""

import keras


class LossAndMetricStopping(keras.callbacks.Callback):
    """Early stopping on a loss and a metric, as in the official code of GAT.

    Training stops once neither has been as good as its best so far for `patience`
    epochs. The weights kept, which training ends with, are those of the last epoch in
    which both were as good as their best so far.

    Args:
        patience: Positive integer, the number of epochs.
        loss: What to watch, lower is better. The `val_loss` of Keras holds the
            regularisation too, which the official code leaves out: pass the loss as one
            of the `weighted_metrics` and its name here.
        metric: What else to watch, higher is better.

    Raises:
        ValueError: If `patience` is not a positive integer; or, in training, if there
            is nothing of the name of `loss` or `metric`.
    """

    def __init__(self, patience=100, loss="val_loss", metric="val_accuracy"):
        super().__init__()
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(
                "Expected `patience` to be a positive integer. "
                f"Received: patience={patience}"
            )
        self.patience = patience
        self.loss = loss
        self.metric = metric

    def on_train_begin(self, logs=None):
        self.lowest_loss, self.highest_metric = float("inf"), float("-inf")
        self.epochs_without_best = 0
        self.best_epoch = self.best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        loss, metric = self._value(logs, "loss"), self._value(logs, "metric")
        is_lowest, is_highest = loss <= self.lowest_loss, metric >= self.highest_metric
        if is_lowest and is_highest:
            self.best_epoch, self.best_weights = epoch, self.model.get_weights()
        self.lowest_loss = min(loss, self.lowest_loss)
        self.highest_metric = max(metric, self.highest_metric)
        self.epochs_without_best += 1
        if is_lowest or is_highest:
            self.epochs_without_best = 0
        self.model.stop_training |= self.epochs_without_best == self.patience

    def on_train_end(self, logs=None):
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def _value(self, logs, argument):
        name = getattr(self, argument)
        if name not in (logs or {}):
            raise ValueError(
                f"Expected `{argument}` to be one of {sorted(logs or {})}. "
                f"Received: {argument}={name!r}"
            )
        return logs[name]

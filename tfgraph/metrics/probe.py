"""A linear classifier that scores embeddings."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgraph.arguments import checked_integer, is_number, received
from tfgraph.data.graphs.fields import check_finite, checked_nodes, real_array
from tfgraph.data.graphs.tensor_memory import without_copies


def linear_probe(
    z: npt.ArrayLike,
    y: npt.ArrayLike,
    train: npt.ArrayLike | slice,
    test: npt.ArrayLike | slice,
    l2: float = 1e-4,
    steps: int = 500,
) -> float:
    """Trains logistic regression on embeddings and returns its micro-F1.

    This is how GraphSAGE's unsupervised embeddings are evaluated (Hamilton, Ying &
    Leskovec, NeurIPS 2017, https://arxiv.org/abs/1706.02216). The embeddings are
    standardised by the means and deviations of the training nodes. Logistic regression
    is trained on the training nodes and scored on the test nodes. Its penalty of
    1e-4 · ½‖W‖² is that of scikit-learn's `SGDClassifier`, which the paper uses.

    Args:
        z: Embeddings `[N, D]`, or raw features.
        y: Class numbers `[N]`, or 0 and 1 for each of several labels `[N, C]`.
        train: Training nodes: a boolean mask `[N]`, node numbers or a slice.
        test: Test nodes, in the same forms.
        l2: Factor of the penalty.
        steps: Number of steps of Adam, each on all training nodes.

    Returns:
        Micro-F1 in `[0, 1]`, over all labels together. For class numbers, this is the
        accuracy.

    Raises:
        ValueError: If `z` and `y` differ in length, or hold NaN or infinity. Also if
            there is no training or test node, or one of these nodes has no label.
    """
    x = real_array("z", z).astype("float64")
    y = real_array("y", y)
    steps = checked_integer("steps", steps, 1)
    if not is_number(l2) or not 0 <= l2 < float("inf"):
        raise ValueError(
            f"Expected `l2` to be a non-negative number. {received('l2', l2)}"
        )
    if x.ndim != 2 or y.ndim not in (1, 2) or len(x) != len(y):
        raise ValueError(
            "Expected embeddings `z` [N, D] with a row for each of `y`. "
            f"Received: z.shape={x.shape}, y.shape={y.shape}"
        )
    check_finite("z", x)
    check_finite("y", y)
    train_nodes = _node_numbers("train", train, len(x))
    test_nodes = _node_numbers("test", test, len(x))
    for name, nodes in (("train", train_nodes), ("test", test_nodes)):
        if not len(nodes):
            raise ValueError(f"Expected `{name}` to select nodes. Received: none")
        if not _are_labels(y[nodes]):
            raise ValueError(
                "Expected `y` to hold class numbers [N], or 0 and 1 [N, C], for all "
                f"nodes of `{name}`. Received: numbers from {y[nodes].min()} to "
                f"{y[nodes].max()}, y.shape={y.shape}"
            )
    mean, deviation = x[train_nodes].mean(axis=0), x[train_nodes].std(axis=0)
    is_constant = deviation <= 1e-6 * np.abs(mean)
    x = ((x - mean) / np.where(is_constant, 1, deviation)).astype("float32")
    several = y.ndim == 2
    probe = keras.Sequential(
        [
            keras.layers.Dense(
                y.shape[1] if several else int(y.max()) + 1,
                kernel_initializer="zeros",
                kernel_regularizer=keras.regularizers.L2(l2 / 2),
            )
        ]
    )
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if several
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    probe.compile(keras.optimizers.Adam(0.05), loss)
    data = tf.data.Dataset.from_tensors((x[train_nodes], y[train_nodes])).repeat()
    probe.fit(without_copies(data), steps_per_epoch=steps, shuffle=False, verbose=0)
    logits = probe.predict_on_batch(x[test_nodes])
    if not several:
        return float(np.mean(logits.argmax(axis=1) == y[test_nodes]))
    predicted, true = logits > 0, y[test_nodes] > 0
    either = np.sum(predicted) + np.sum(true)
    return float(2 * np.sum(predicted & true) / max(either, 1))


def _node_numbers(
    name: str, nodes: npt.ArrayLike | slice, num_nodes: int
) -> np.ndarray:
    if isinstance(nodes, slice):
        return np.arange(num_nodes)[nodes]
    return checked_nodes(name, nodes, num_nodes)


def _are_labels(y: np.ndarray) -> bool:
    """Whether `y` holds class numbers `[N]`, or 0 and 1 `[N, C]`. A NaN is neither."""
    if y.ndim == 1:
        return ((y >= 0) & (y == np.rint(y))).all()
    return ((y == 0) | (y == 1)).all()

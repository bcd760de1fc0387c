"""Losses of embeddings, of pairs of nodes, and of labels that are partly missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments, ops
from tfgraph.adjacency import (
    Adjacency,
    DenseAdjacency,
    as_adjacency,
    assert_square,
    check_single_signal,
)
from tfgraph.missing_labels import known_and_weights
from tfgraph.typing import Features, Seed

__all__ = ["MaskedLoss", "NegativeSamplingLoss", "reconstruction_loss"]

_SAMPLINGS = ("uniform", "degree")
# In the names of Keras' losses that compare rows, not entries.
_LOSSES_OF_ROWS = ("categorical", "cosine", "kldivergence")


def __dir__() -> list[str]:
    return __all__


@keras.saving.register_keras_serializable("tfgraph")
class NegativeSamplingLoss(keras.losses.Loss):
    """The unsupervised loss of GraphSAGE, on the embeddings of a batch.

        J(z_u) = -log σ(z_u · z_v) - Σ_q log σ(-z_u · z_q)

    for a node `u`, a node `v` that a random walk from `u` has met, and `Q` random nodes
    `q` (Hamilton, Ying & Leskovec, NeurIPS 2017, https://arxiv.org/abs/1706.02216).

    ```python
    model = tfgraph.models.GraphSAGE(hidden_units=(128, 128))
    model.compile("adam", tfgraph.losses.NegativeSamplingLoss())
    model.fit(tfgraph.data.walk_batches(graph, (25, 10), 512), shuffle=False)
    ```

    Args:
        name, reduction: As in `keras.losses.Loss`. The mean is over the pairs.

    Call arguments:
        y_true: Integers `[P, 2 + Q]`: the rows in `y_pred` of `u`, `v` and each `q`.
        y_pred: Embeddings `[M, D]`.
    """

    def __init__(
        self, name: str = "negative_sampling", reduction: str = "sum_over_batch_size"
    ) -> None:
        # Keras casts the row numbers to the loss's dtype, which has to hold them.
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        rows = tf.cast(y_true, tf.int32)
        z_u = tf.gather(y_pred, rows[:, :1])
        others = tf.gather(y_pred, rows[:, 1:])
        logits = tf.matmul(z_u, others, transpose_b=True)[:, 0]
        return tf.math.softplus(-logits[:, 0]) + tf.reduce_sum(
            tf.math.softplus(logits[:, 1:]), axis=1
        )

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}


@keras.saving.register_keras_serializable("tfgraph")
class MaskedLoss(keras.losses.Loss):
    """A loss of several labels of each node, of which some are missing (NaN).

        L = (Σ_ij w_ij l(y_ij, p_ij)) / Σ_ij w_ij

    over the entries `ij` of `y [N, C]` that are not NaN, with their sample weights `w`,
    or 1. Missing entries change neither the loss nor its gradient. Without any entry,
    the loss is 0. Over minibatches, the loss of an epoch is a mean of these means, so
    an entry of a batch with few entries counts for more.

    ```python
    # Two tasks: the second label of node 0 is not known.
    graph = tfgraph.data.Graph(
        [[1.0], [2.0]], [(0, 1)], y=[[1, np.nan], [0, 1]], train_mask=[True, True]
    )
    model = tfgraph.models.GCN(2, classifier_activation="sigmoid")
    model.compile(
        "adam",
        tfgraph.losses.MaskedLoss("binary_crossentropy"),
        weighted_metrics=[tfgraph.metrics.MaskedMetric("binary_accuracy")],
    )
    model.fit(tfgraph.data.full_batch(graph, "train"), shuffle=False)
    ```

    Args:
        loss: A loss of single entries, a `keras.losses.Loss`, function or name: such as
            "binary_crossentropy" or "mse", and not one that compares rows. Its own
            `reduction` has no effect.
        name: As in `keras.losses.Loss`.

    Call arguments:
        y_true: Labels `[N, C]`, NaN where there is none.
        y_pred: Predictions `[N, C]`.
        sample_weight: Weights `[N]` or `[N, C]`, or None.

    Raises:
        ValueError: If `loss` is no loss, or one of rows, such as those of categories;
            or if labels or predictions are not `[N, C]`.
    """

    def __init__(
        self,
        loss: str | dict | Callable | keras.losses.Loss,
        name: str = "masked_loss",
    ) -> None:
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.loss = keras.losses.get(loss)
        if self.loss is None:
            raise ValueError(
                "MaskedLoss: expected `loss` to be a loss of Keras. "
                f"{arguments.received('loss', loss)}"
            )
        kind = getattr(self.loss, "__name__", type(self.loss).__name__).lower()
        if any(rows in kind.replace("_", "") for rows in _LOSSES_OF_ROWS):
            raise ValueError(
                "MaskedLoss: expected `loss` to be one of single entries, such as "
                '"binary_crossentropy" or "mse". A row of one entry tells a loss of '
                f"categories nothing. {arguments.received('loss', loss)}"
            )

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> tf.Tensor:
        y_true, weights = known_and_weights(
            "MaskedLoss", y_true, y_pred, sample_weight, self.dtype
        )
        return super().__call__(y_true, y_pred, weights)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        # Losses of Keras are means over the last axis, here of one entry.
        of_entries = getattr(self.loss, "call", self.loss)
        return of_entries(y_true[..., None], y_pred[..., None])

    def get_config(self) -> dict[str, Any]:
        return {"loss": keras.losses.serialize(self.loss), "name": self.name}


def reconstruction_loss(
    z: tf.Tensor,
    adjacency: Features,
    reweight: bool = True,
    num_samples: int | None = None,
    sampling: str = "uniform",
    seed: int | keras.random.SeedGenerator | None = None,
) -> tf.Tensor:
    """Weighted cross-entropy between `σ(z_i · z_j)` and the adjacency, over all pairs.

    As in the official code of "Variational Graph Auto-Encoders" (Kipf & Welling, 2016,
    https://arxiv.org/abs/1611.07308), with the targets `T = A + I`, `E` the number of
    edges `A_ij = 1` off the diagonal and `l_ij = z_i · z_j`,

        loss = norm / N² · Σ_ij [w T_ij softplus(-l_ij) + (1 - T_ij) softplus(l_ij)]
        w = (N² - E) / E,    norm = N² / (2 (N² - E))

    The `N²` logits are never in memory together: the sum of softplus over all pairs is
    taken in blocks, and the rest of the loss is a sum over edges. Time still grows with
    N². For a large graph, `num_samples` random pairs estimate the sum. The mean of the
    estimate is the exact loss:

        Σ_ij softplus(l_ij) ≈ 1/S · Σ_s softplus(l_s) / p_s

    over S pairs s, each drawn with probability `p_s`. Edges always count in full.

    Args:
        z: The nodes' latent vectors `[N, D]`; or `[B, N, D]` of a batch of graphs, for
            the mean over the graphs.
        adjacency: `tf.SparseTensor` `[N, N]`, or dense, `[N, N]` or `[B, N, N]`. The
            edges are the entries with a weight other than 0; its size has no effect.
            The weights of a repeated entry add up. An undirected graph holds both
            directions. Self-loops make no difference.
        reweight: Whether to weigh edges as above. False for `w = norm = 1`, with which
            the loss is `-log p(A | Z) / N²`.
        num_samples: Pairs to draw for an estimate. None for the exact loss. A dense
            adjacency has all pairs in memory, and always gets the exact loss.
        sampling: How the two nodes of a pair are drawn: "uniform", or "degree" for a
            probability proportional to their degree plus 1.
        seed: Integer, `keras.random.SeedGenerator` or None, for the random pairs.

    Returns:
        A scalar, in float32 (float64 for float64 `z`).

    Raises:
        ValueError: If `num_samples` is not a positive integer, `sampling` is unknown,
            or shapes do not fit.
        tf.errors.InvalidArgumentError: At run time, if an edge names a node that does
            not exist.
    """
    check_sampling(num_samples, sampling)
    if not isinstance(seed, (keras.random.SeedGenerator, tf.Tensor)):
        seed = arguments.checked_seed(seed)
    if not isinstance(adjacency, tf.SparseTensor):
        _check_dense(adjacency)
        adjacency = tf.convert_to_tensor(adjacency)
    z = tf.convert_to_tensor(z)
    adjacency = as_adjacency(adjacency, z)
    return adjacency_loss(z, adjacency, reweight, num_samples, sampling, seed)


def _check_dense(adjacency: Any) -> None:
    """Raises a `ValueError` for another kind of graph, and says what converts it."""
    is_array = isinstance(adjacency, (list, tuple)) or hasattr(adjacency, "dtype")
    if arguments.is_scipy(adjacency) or not is_array:
        expected = "a tf.SparseTensor or a dense tensor"
        raise arguments.wrong_object(
            "adjacency", expected, adjacency, suffix=".to_sparse_tensor()"
        )


def check_sampling(num_samples: int | None, sampling: str) -> None:
    """Raises a `ValueError` for arguments that `reconstruction_loss` cannot use."""
    if num_samples is not None:
        arguments.checked_integer("num_samples", num_samples)
    arguments.check_choice("sampling", sampling, _SAMPLINGS)


def adjacency_loss(
    z: tf.Tensor,
    adjacency: Adjacency,
    reweight: bool,
    num_samples: int | None,
    sampling: str,
    seed: Seed,
) -> tf.Tensor:
    """`reconstruction_loss` of a `SparseAdjacency` or `DenseAdjacency`."""
    check_single_signal(z.shape, adjacency.signal_axes)
    assert_square(adjacency, "the loss is over all pairs of nodes")
    z = tf.cast(z, ops.weight_dtype(z.dtype))
    if isinstance(adjacency, DenseAdjacency):
        return _dense_loss(z, adjacency.values, reweight)

    edges, is_edge = adjacency.edges()
    is_edge = tf.cast(is_edge & (edges[:, 0] != edges[:, 1]), z.dtype)
    weight, scale = _weights(tf.shape(z)[0], tf.reduce_sum(is_edge), reweight)
    if num_samples is None:
        total = ops.softplus_sum(z)
    else:
        total = _sampled_softplus_sum(
            z, edges[:, 0], is_edge, num_samples, sampling, seed
        )
    # For a target of 1, w softplus(-l) replaces softplus(l) = l + softplus(-l).
    for logits, count in (
        (ops.edge_logits(z, edges), is_edge),
        (tf.reduce_sum(z**2, axis=-1), 1),  # the diagonal
    ):
        correction = (weight - 1) * tf.math.softplus(-logits) - logits
        total += tf.reduce_sum(count * correction)
    return scale * total


def _weights(num_nodes, num_edges, reweight):
    """Returns `w` and `norm / N²`, of the shape of `num_edges`."""
    num_pairs = tf.cast(num_nodes, num_edges.dtype) ** 2
    if not reweight:
        return tf.ones([], num_edges.dtype), 1 / num_pairs
    others = num_pairs - num_edges
    return others / tf.maximum(num_edges, 1), 1 / (2 * others)


def _dense_loss(z, adjacency, reweight):
    """The mean over the graphs of a batch, if it is one."""
    targets = tf.cast(adjacency != 0, z.dtype)
    targets = tf.linalg.set_diag(targets, tf.zeros(tf.shape(z)[:-1], z.dtype))
    num_edges = tf.reduce_sum(targets, axis=[-2, -1])
    weight, scale = _weights(tf.shape(z)[-2], num_edges, reweight)
    targets = tf.linalg.set_diag(targets, tf.ones(tf.shape(z)[:-1], z.dtype))
    logits = tf.matmul(z, z, transpose_b=True)
    entries = tf.nn.weighted_cross_entropy_with_logits(
        targets, logits, weight[..., None, None]
    )
    return tf.reduce_mean(scale * tf.reduce_sum(entries, axis=[-2, -1]))


def _sampled_softplus_sum(z, rows, is_edge, num_samples, sampling, seed):
    """An unbiased estimate of `ops.softplus_sum(z)`."""
    num_nodes = tf.shape(z)[0]
    if isinstance(seed, keras.random.SeedGenerator):
        seed = seed.next()
    elif seed is None:
        seed = tf.random.uniform([2], maxval=tf.int32.max, dtype=tf.int32)
    else:
        seed = tf.stack([seed, 0])
    shape = [num_samples, 2]
    if sampling == "uniform":
        pairs = tf.random.stateless_uniform(shape, seed, 0, num_nodes, tf.int32)
        weights = tf.cast(num_nodes, z.dtype) ** 2
    else:
        degrees = tf.math.unsorted_segment_sum(
            tf.cast(is_edge, tf.float64), rows, num_nodes
        )
        ends = tf.cumsum(degrees + 1)
        draws = tf.random.stateless_uniform(shape, seed, 0, ends[-1], tf.float64)
        pairs = tf.searchsorted(ends, tf.reshape(draws, [-1]), side="right")
        pairs = tf.reshape(tf.minimum(pairs, num_nodes - 1), shape)
        probabilities = tf.gather((degrees + 1) / ends[-1], pairs)
        weights = tf.cast(1 / tf.reduce_prod(probabilities, axis=1), z.dtype)
    return tf.reduce_mean(weights * tf.math.softplus(ops.pair_logits(z, pairs)))

"""What the decoders share: their inputs, and the score of each of some pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph import inputs as graph_inputs
from tfgraph import ops
from tfgraph.typing import Inputs, Shape


def score_columns(labels: Any, scores: Any) -> tuple[Any, Any]:
    """Returns labels and scores of pairs as Keras' losses and metrics need them.

    Scores `[P]` and their labels become columns `[P, 1]`. Keras would take `[P]` for
    one row: weights of pairs would scale its mean, and "accuracy" would be that of `P`
    classes.

    Args:
        labels: `[P]`, or `[P, C]`.
        scores: `[P]`, or `[P, C]`, which stays.

    Raises:
        ValueError: If there are several labels for a score.
    """
    if len(scores.shape) != 1:
        return labels, scores
    if len(labels.shape) > 1 and labels.shape[1] not in (1, None):
        raise ValueError(
            "Expected one label for each pair, as the decoder returns one score. A "
            f"`LinkPredictor` with `MLPDecoder(num_classes={labels.shape[1]})` takes "
            f"several. Received: labels of shape {tuple(labels.shape)}"
        )
    labels, scores = (keras.ops.reshape(part, [-1, 1]) for part in (labels, scores))
    return labels, scores


class PairDecoder(keras.layers.Layer):
    """Base of the decoders, which score pairs of nodes.

    Scores are ranked, and in half precision many would be equal: where the dtype is of
    half precision, a decoder computes in float32.

    Args:
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.
    """

    # The width of the output, `[P, num_classes]`. None for scores, `[P]`.
    num_classes: int | None = None
    # The most numbers that are made of one pair, see `all_logits`.
    numbers_per_pair: int = 1

    def __init__(self, **kwargs: Any) -> None:
        policy = keras.dtype_policies.get(kwargs.pop("dtype", None))
        dtype = ops.weight_dtype(policy.compute_dtype).name
        super().__init__(autocast=False, dtype=dtype, **kwargs)

    def call(self, inputs: Inputs) -> tf.Tensor:
        z, pairs = self.parts(inputs)
        self.check_shapes([tuple(part.shape) for part in z], pairs.shape)
        pairs = graph_inputs.as_integers(pairs)
        if not pairs.dtype.is_integer:
            raise ValueError(
                f"{type(self).__name__}: expected `pairs` to hold integers. "
                f"Received: pairs.dtype={pairs.dtype.name}"
            )
        # One number for both ends, if they are nodes of the same set.
        sizes = [tf.shape(part, pairs.dtype)[0] for part in z]
        num_nodes = sizes[0] if z[0] is z[1] else tf.stack(sizes)
        layer = f"{type(self).__name__} '{self.name}'"
        pairs = ops.checked_pairs(pairs, num_nodes, layer)
        return self.scores(self.pair_logits(self.ends(*z), pairs))

    def pair_logits(
        self, ends: tuple[tf.Tensor, tf.Tensor], pairs: tf.Tensor
    ) -> tf.Tensor:
        """Returns the logit of each pair, `[P]`, or its logits `[P, num_classes]`.

        Args:
            ends: What `ends` returns.
            pairs: Integers `[P, 2]`, rows of the two.
        """
        sources, targets = ends
        return self.logits(
            tf.gather(sources, pairs[:, 0]), tf.gather(targets, pairs[:, 1])
        )

    def ends(self, z_source: Any, z_target: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what is computed once a node, `[N_s, H]` and `[N_t, H]`."""
        raise NotImplementedError

    def logits(self, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """Returns the logits `[...]` of rows of the two `ends`, `[..., H]`.

        They are `[..., num_classes]` if the decoder has a number of classes.
        """
        raise NotImplementedError

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns the outputs of the decoder."""
        raise NotImplementedError

    def all_logits(self, sources: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Returns the logits of all pairs of some rows, `[A, H]` and `[B, H]`.

        They are `[A, B]`. At most `A * B * numbers_per_pair` numbers are in memory for
        each step.
        """
        return self.logits(sources[:, None], targets[None])

    def parts(self, inputs: Any) -> tuple[tuple[Any, Any], Any]:
        """Returns the latent vectors of both ends, and the pairs; or their shapes."""
        if not graph_inputs.is_list(inputs) or len(inputs) != 2:
            raise ValueError(
                f"{type(self).__name__}: expected the inputs to be `[z, pairs]` or "
                "`[(z_source, z_target), pairs]`. "
                f"Received: {graph_inputs.described(inputs)}"
            )
        z, pairs = inputs
        if not graph_inputs.is_list(z):
            return (z, z), pairs
        if len(z) != 2:
            raise ValueError(
                f"{type(self).__name__}: expected a pair `(z_source, z_target)`. "
                f"Received: {graph_inputs.described(z)}"
            )
        return tuple(z), pairs

    def check_shapes(self, z_shapes: Sequence[Shape], pairs_shape: Shape) -> None:
        """Raises a `ValueError` if latent vectors and pairs do not fit together."""
        names = ("z", "z")
        if z_shapes[0] != z_shapes[1]:
            names = ("z_source", "z_target")
        for name, shape in zip(names, z_shapes, strict=True):
            if len(shape) != 2 or len(pairs_shape) != 2 or pairs_shape[1] != 2:
                raise ValueError(
                    f"{type(self).__name__}: expected `{name}` of shape `[N, D]` and "
                    f"`pairs` of shape `[P, 2]`. Received: {name}.shape={shape}, "
                    f"pairs.shape={tuple(pairs_shape)}"
                )

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Shape:
        z_shapes, pairs_shape = self.parts(input_shape)
        self.check_shapes([tuple(shape) for shape in z_shapes], pairs_shape)
        width = () if self.num_classes is None else (self.num_classes,)
        return (pairs_shape[0], *width)

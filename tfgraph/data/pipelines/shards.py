"""Parts of batches: what each of several replicas or workers takes of a batch."""

from typing import Any, NamedTuple

import tensorflow as tf

from tfgraph.arguments import is_integer


class Shard(NamedTuple):
    """Part `number` of `parts` parts of each batch.

    A part of a batch with fewer rows than parts may be empty.
    """

    number: int = 0
    parts: int = 1

    def most_rows(self, batch_size: int) -> int:
        """Returns the most rows that the part of a batch has."""
        return -(-batch_size // self.parts)

    def rows(self, batch: tf.Tensor) -> tf.Tensor:
        """Returns the part's rows of a batch, consecutive ones."""
        if self.parts == 1:
            return batch
        size = batch.shape[0]
        if size is None:
            size = tf.shape(batch)[0]
        first = self.number * size // self.parts
        return batch[first : (self.number + 1) * size // self.parts]


def checked_shard(shard: Any, thing: str, shuffle: bool, seed: int | None) -> Shard:
    """Returns the argument `shard` as a `Shard`, or raises a `ValueError`.

    Args:
        shard: What was passed: `(i, n)`, or None for all of a batch.
        thing: What a batch holds, such as "seed".
        shuffle: Whether each epoch has another order.
        seed: The seed of the orders, or None.
    """
    if shard is None:
        return Shard()
    if (
        not isinstance(shard, (tuple, list))
        or len(shard) != 2
        or not all(is_integer(number) for number in shard)
        or not 0 <= shard[0] < shard[1]
    ):
        raise ValueError(
            "Expected `shard` to be `(i, n)` with i from 0 to n - 1. "
            f"Received: shard={shard!r}"
        )
    if shuffle and seed is None:
        raise ValueError(
            "Expected a `seed` with `shard`, the same for all parts, so that each "
            f"{thing} is in one of them. Received: shard={shard}, seed=None"
        )
    return Shard(int(shard[0]), int(shard[1]))

"""The likeliest new links of some nodes, for all models that score pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfgraph import arguments
from tfgraph.layers.pair_decoder import PairDecoder

_NUMBERS = 4_000_000  # of all pairs of a block of nodes; 16 MB of float32


@dataclasses.dataclass(frozen=True)
class LinkQueries:
    """What the links of a graph are predicted from: tensors, or variables.

    Attributes:
        decoder: The decoder.
        sources: What the decoder computes of each source, `[N_s, H]`.
        targets: The same of each target, `[N_t, H]`.
        starts: int64 `[N + 1]` for the `N` nodes that links are asked for. Those of
            node `i` to leave out begin at `starts[i]` in `known`.
        known: int64 `[K]`, the other ends of the links to leave out.
        receiver: The end that is searched for, "target" or "source".
    """

    decoder: PairDecoder
    sources: tf.Tensor
    targets: tf.Tensor
    starts: tf.Tensor
    known: tf.Tensor
    receiver: str

    @property
    def num_nodes(self) -> int:
        """Number of nodes that links can be asked for."""
        return self._sides()[0].shape[0]

    @property
    def num_candidates(self) -> int:
        """Number of nodes that a link may lead to."""
        return self._sides()[1].shape[0]

    def best(self, nodes: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the numbers and probabilities of the likeliest links, `[B, k]`.

        Args:
            nodes: int64 `[B]`.
            k: Links of each node. Where there are fewer, -1 and 0 follow.
        """
        nodes_of, candidates = self._sides()
        rows = tf.gather(nodes_of, nodes)
        if self.receiver == "target":
            logits = self.decoder.all_logits(rows, candidates)
        else:
            logits = tf.transpose(self.decoder.all_logits(candidates, rows))
        known = self._places_of_known(nodes)
        never = tf.fill(tf.shape(known)[:1], tf.constant(-np.inf, logits.dtype))
        logits = tf.tensor_scatter_nd_update(logits, known, never)
        logits, numbers = tf.math.top_k(logits, k)
        numbers = tf.where(logits > -np.inf, tf.cast(numbers, tf.int64), -1)
        return numbers, tf.cast(tf.sigmoid(logits), tf.float32)

    def _sides(self):
        sides = self.sources, self.targets
        return sides if self.receiver == "target" else sides[::-1]

    def _places_of_known(self, nodes):
        """Returns row and column of each link to leave out."""
        begin = tf.gather(self.starts, nodes)
        count = tf.gather(self.starts, nodes + 1) - begin
        row = tf.repeat(tf.range(tf.size(nodes, tf.int64)), count)
        # The places `begin`, `begin + 1` and so on of each node, one after the other.
        place = tf.range(tf.reduce_sum(count))
        place += tf.repeat(begin - tf.cumsum(count, exclusive=True), count)
        return tf.stack([row, tf.gather(self.known, place)], axis=1)

    def top_links(
        self, nodes: Sequence[int] | np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the likeliest new links of some nodes as NumPy arrays.

        It makes a few million numbers at a time, or those of one node if that is more.

        Args:
            nodes: Integers `[B]`.
            k: Links of each node.

        Raises:
            ValueError: If a node does not exist, or there are fewer candidates than
                `k`.
        """
        nodes = _checked_nodes(nodes, self.num_nodes)
        most = self.num_candidates
        if not arguments.is_integer(k) or not 1 <= k <= most:
            raise ValueError(f"Expected `k` to be from 1 to {most}. Received: k={k}")
        numbers = np.empty([len(nodes), k], np.int64)
        probabilities = np.empty([len(nodes), k], np.float32)
        block = max(1, _NUMBERS // (most * self.decoder.numbers_per_pair))
        for start in range(0, len(nodes), block):
            rows = slice(start, start + block)
            numbers[rows], probabilities[rows] = self.best(tf.constant(nodes[rows]), k)
        return numbers, probabilities


def link_queries(
    decoder: PairDecoder,
    z: tuple[tf.Tensor, tf.Tensor],
    edges: np.ndarray,
    within_one: bool,
    receiver: str = "target",
) -> LinkQueries:
    """Returns what the new links of a graph are predicted from.

    Args:
        decoder: The decoder.
        z: The latent vectors of sources and of targets.
        edges: int64 `[E, 2]`, the `(source, target)` to leave out.
        within_one: Whether both ends are of one node set. A node is then not linked to
            itself.
        receiver: The end that is searched for, "target" or "source".
    """
    arguments.check_choice("receiver", receiver, ("target", "source"))
    sources, targets = decoder.ends(*z)
    if within_one:
        loops = np.arange(sources.shape[0])
        edges = np.concatenate([edges, np.stack([loops, loops], axis=1)])
    ends = edges.T if receiver == "target" else edges.T[::-1]
    num_nodes = (sources if receiver == "target" else targets).shape[0]
    order = np.lexsort(ends[::-1])
    counts = np.bincount(ends[0], minlength=num_nodes)
    starts = np.concatenate([[0], np.cumsum(counts)])
    return LinkQueries(
        decoder,
        sources,
        targets,
        tf.constant(starts, tf.int64),
        tf.constant(ends[1][order], tf.int64),
        receiver,
    )


def _checked_nodes(nodes, num_nodes):
    nodes = np.asarray(nodes)
    is_numbers = nodes.ndim == 1 and (nodes.dtype.kind in "iu" or not len(nodes))
    if not is_numbers or np.any((nodes < 0) | (nodes >= num_nodes)):
        raise ValueError(
            f"Expected `nodes` to be a list of numbers from 0 to {num_nodes - 1}. "
            f"Received: nodes={nodes}"
        )
    return nodes.astype(np.int64)

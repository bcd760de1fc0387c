"""Which graphs go together into a batch, epoch after epoch."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgraph.data.pipelines.shards import checked_shard

# Graphs whose sizes differ by less than this factor are of like size.
_RATIO = 1.25


class Limits(NamedTuple):
    """What a batch may hold at most; None for any number.

    Attributes:
        graphs: Graphs in a batch.
        nodes: Nodes in a batch. In a padded batch, each graph counts as many as the
            largest one has.
        edges: Edges in a batch.
        padded: Whether batches are padded. They then hold graphs of like size.
    """

    graphs: int
    nodes: int | None
    edges: int | None
    padded: bool

    def fit(self, nodes: list[int], edges: list[int]) -> bool:
        """Whether graphs of so many nodes and edges may share a batch."""
        num_nodes = len(nodes) * max(nodes) if self.padded else sum(nodes)
        return (
            len(nodes) <= self.graphs
            and (self.nodes is None or num_nodes <= self.nodes)
            and (self.edges is None or sum(edges) <= self.edges)
        )


def batches(
    nodes: np.ndarray,
    edges: np.ndarray,
    limits: Limits,
    shuffle: bool,
    seed: int | None,
    shard: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of int64 `[B]`, the numbers of the graphs of each batch.

    Every graph is in one batch of each epoch, alone if it exceeds the limits. Each
    epoch has the same number of batches, even if they are drawn anew, since Keras warns
    of a dataset of unknown length. So, if sizes matter, a graph only trades places with
    graphs of like size.

    Args:
        nodes: int64 `[G]`, the nodes of each graph.
        edges: int64 `[G]`, the edges of each graph.
        limits: What a batch may hold.
        shuffle: Whether each epoch draws the graphs in a new order.
        seed: Seed of the orders.
        shard: `(i, n)` for part i of n of each batch.
    """
    part = checked_shard(shard, "graph", shuffle, seed)
    num_graphs = len(nodes)
    if not shuffle:
        numbers = tf.range(num_graphs, dtype=tf.int64)
        lengths = _cut(nodes, edges, limits)
        rows = tf.RaggedTensor.from_row_lengths(numbers, lengths)
        return tf.data.Dataset.from_tensor_slices(rows).map(part.rows)

    sizes = [nodes] if limits.padded or limits.nodes is not None else []
    sizes += [edges] if limits.edges is not None else []
    group = _groups(sizes, num_graphs)
    # Place p is for a graph of the same group as graph places[p].
    places = np.random.default_rng(seed or 0).permutation(num_graphs)
    nodes, edges = _largest(nodes, group), _largest(edges, group)
    if limits.padded:
        places = places[np.argsort(nodes[places], kind="stable")]
    lengths = _cut(nodes[places], edges[places], limits)
    rank = np.argsort(np.argsort(group[places], kind="stable"))

    def deal(order):
        by_group = tf.gather(order, tf.argsort(tf.gather(group, order), stable=True))
        return tf.RaggedTensor.from_row_lengths(tf.gather(by_group, rank), lengths)

    order = tf.data.Dataset.range(num_graphs).shuffle(num_graphs, seed)
    rows = order.batch(num_graphs).map(deal).unbatch()
    rows = rows.apply(tf.data.experimental.assert_cardinality(len(lengths)))
    return rows.shuffle(len(lengths), seed).map(part.rows)


def _cut(nodes: np.ndarray, edges: np.ndarray, limits: Limits) -> list[int]:
    """Returns the lengths of the runs of graphs that fit into a batch."""
    lengths, start = [], 0
    n, e = nodes.tolist(), edges.tolist()  # far faster to take slices of
    for end in range(1, len(n) + 1):
        # One more than fits, unless it is the run's only graph.
        if end - start > 1 and not limits.fit(n[start:end], e[start:end]):
            lengths.append(end - 1 - start)
            start = end - 1
    return [*lengths, len(nodes) - start]


def _groups(sizes: list[np.ndarray], num_graphs: int) -> np.ndarray:
    """Returns int64 `[G]`, the number of the group of like sizes of each graph."""
    if not sizes:
        return np.zeros(num_graphs, np.int64)
    levels = np.log(np.maximum(sizes, 1)) // np.log(_RATIO)
    return np.unique(levels, axis=1, return_inverse=True)[1].reshape(-1)


def _largest(sizes: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Returns `[G]`, for each graph the size of the largest one in its group."""
    largest = np.zeros(group.max() + 1, np.int64)
    np.maximum.at(largest, group, sizes)
    return largest[group]

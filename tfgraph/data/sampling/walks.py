"""Pairs of nodes that meet on random walks, for unsupervised training by `fit`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgraph.arguments import (
    check_choice,
    check_flags,
    checked_integer,
    checked_seed,
)
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.data.sampling.blocks import BlockSampler
from tfgraph.data.sampling.fanouts import REPLACEMENTS
from tfgraph.data.sampling.neighbor_batches import checked_seeds, random_batches
from tfgraph.data.sampling.neighbors import Neighbors
from tfgraph.data.sampling.numpy_calls import made_ahead, numpy_function


def walk_batches(
    graph: Graph,
    fanouts: Sequence[int | None],
    batch_size: int,
    *,
    walk_length: int = 5,
    walks_per_node: int = 50,
    num_negatives: int = 20,
    nodes: npt.ArrayLike | None = None,
    replacement: str = "if_short",
    seed: int | None = None,
    sparse_features: bool = False,
    shard: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of pairs of nodes that co-occur on walks, and negatives.

    For the unsupervised loss of "Inductive Representation Learning on Large Graphs"
    (Hamilton et al., 2017, https://arxiv.org/abs/1706.02216), eq. 1. In a pair (u, v),
    a short random walk from u meets v. The Q negatives v_n are drawn with
    probabilities P_n(v) ∝ degree(v)^0.75.

    The defaults are the settings of the official code. A walk of length 5 visits its
    start u and then 4 nodes. Each of these is a v for u, unless it is u itself. A batch
    draws its negatives once, for all its pairs, and u and v can be among them.

    Unlike the official code, each pair has a walk of its own, and a walk that comes
    back to u is walked again. So all nodes come up as u equally often, and no walks are
    stored. An epoch goes through the nodes `walks_per_node * (walk_length - 1)` times,
    each time in a new order.

    ```python
    batches = tfgraph.data.walk_batches(graph, (25, 10), 512)
    for (x, adjacencies), links in batches: ...
    ```

    Args:
        graph: An undirected `Graph` with features. A step goes to one of the nodes that
            send to the present one, with equal probability. Negatives are drawn from
            all nodes, so pass `graph.subgraph(...)` of the training nodes for inductive
            training.
        fanouts: The number of neighbours to draw for a node, one number for each layer.
            See `neighbor_batches`.
        batch_size: Pairs in a batch. The last batch of an epoch may have fewer; with
            `replacement="always"` it is left out.
        walk_length: Number of nodes of a walk, at least 2.
        walks_per_node: Number of walks from each node in an epoch.
        num_negatives: Q, the number of negatives of each pair.
        nodes: The nodes that walks start at, see `neighbor_batches`. Nodes without a
            neighbour other than themselves are left out.
        replacement: See `neighbor_batches`.
        seed: See `neighbor_batches`.
        sparse_features: See `neighbor_batches`.
        shard: See `neighbor_batches`. A part of a batch draws its own negatives.

    Returns:
        A `tf.data.Dataset` of `((x, adjacencies), links)`. The inputs are the blocks of
        `neighbor_batches`. Their seeds are the distinct nodes among all u, v and
        negatives. `links` `[batch_size, 2 + Q]`, int64, holds for each pair the places
        of u, v and the negatives among the seeds. With `replacement="always"` there are
        `2 * batch_size + Q` seeds (or N, if that is fewer), padded with nodes without
        edges.

    Raises:
        ValueError: If an argument is none of the above, the graph has no features, or
            no walk leads from any of the nodes.
    """
    check_graph("graph", graph)
    check_choice("replacement", replacement, REPLACEMENTS)
    seed = checked_seed(seed)
    check_flags(sparse_features=sparse_features)
    batch_size = checked_integer("batch_size", batch_size, 1)
    walk_length = checked_integer("walk_length", walk_length, 2)
    walks_per_node = checked_integer("walks_per_node", walks_per_node, 1)
    num_negatives = checked_integer("num_negatives", num_negatives, 1)
    pad = replacement == "always"
    sampler = BlockSampler(graph, fanouts, replacement, pad, sparse_features)
    walks = _Walks(sampler.neighbors, walk_length, num_negatives)
    starts = checked_seeds(graph, nodes)
    starts = starts[walks.meet_others()[starts]]
    if not len(starts):
        raise ValueError(
            "Expected `nodes` to have neighbours other than themselves. "
            f"Received: graph={graph}, nodes={nodes!r}"
        )

    def padded_size(num_pairs):
        return min(2 * num_pairs + num_negatives, graph.num_nodes)

    def sample(starts, number):
        rng = np.random.default_rng(int(number))
        links = walks.links(rng, starts)
        seeds, places = np.unique(links, return_inverse=True)
        if pad:
            missing = padded_size(len(starts)) - len(seeds)
            seeds = np.append(seeds, np.full(missing, -1))
        return (places.reshape(links.shape), *sampler.arrays(rng, seeds))

    def element(starts, number):
        types = (tf.int64, *sampler.types)
        links, *arrays = numpy_function(sample, [starts, number], types)
        links = tf.ensure_shape(links, (starts.shape[0], 2 + num_negatives))
        num_seeds = padded_size(starts.shape[0]) if pad else None
        return sampler.inputs(arrays, num_seeds), links

    rounds = walks_per_node * (walk_length - 1)
    batches = random_batches(starts, batch_size, True, seed, pad, rounds, shard)
    return made_ahead(batches, element)


class _Walks:
    """Draws the pairs and the negatives of `walk_batches`."""

    def __init__(self, neighbors: Neighbors, walk_length: int, num_negatives: int):
        self.neighbors = neighbors
        self.walk_length = walk_length
        self.num_negatives = num_negatives
        # P_n, up to a factor, summed up to each node.
        self.cumulative = np.cumsum(neighbors.degree**0.75)

    def meet_others(self) -> np.ndarray:
        """Whether each node has a neighbour other than itself."""
        degree = self.neighbors.degree
        target = np.repeat(np.arange(len(degree)), degree)
        found = np.zeros(len(degree), bool)
        found[target[self.neighbors.source[:-1] != target]] = True
        return found

    def links(self, rng: np.random.Generator, starts: np.ndarray) -> np.ndarray:
        """Returns the numbers of u, v and negatives, `[P, 2 + Q]`."""
        random = rng.random(self.num_negatives) * self.cumulative[-1]
        negatives = np.searchsorted(self.cumulative, random, side="right")
        negatives = np.tile(negatives, (len(starts), 1))
        return np.column_stack([starts, self._ends(rng, starts), negatives])

    def _ends(self, rng, starts):
        """Returns, for each start, another node on a random walk from it."""
        ends = np.empty_like(starts)
        missing = np.arange(len(starts))
        while len(missing):
            nodes = starts[missing]
            steps = rng.integers(1, self.walk_length, len(missing))
            for step in range(self.walk_length - 1):
                going = steps > step
                nodes[going] = self.neighbors.step(rng, nodes[going])
            ends[missing] = nodes
            # Walks that came back to u or met a node without neighbours start again.
            missing = missing[(nodes == starts[missing]) | (nodes < 0)]
        return ends

"""Nodes that random walks meet, for unsupervised training by `Model.fit`."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfgraph.data.graphs.checks import check_integer
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.sampling.blocks import BlockSampler
from tfgraph.data.sampling.neighbor_batches import checked_seeds, random_batches
from tfgraph.data.sampling.neighbors import Neighbors
from tfgraph.data.sampling.numpy_calls import numpy_function


def walk_batches(
    graph: Graph,
    fanouts: Sequence[int | None],
    batch_size: int,
    *,
    walk_length: int = 5,
    walks_per_node: int = 50,
    num_negatives: int = 20,
    nodes=None,
    replacement: str = "if_short",
    seed: int | None = None,
    sparse_features: bool = False,
) -> tf.data.Dataset:
    """Returns a dataset of pairs of nodes that co-occur on walks, and negatives.

    For the unsupervised loss of "Inductive Representation Learning on Large Graphs"
    (Hamilton et al., 2017, https://arxiv.org/abs/1706.02216), eq. 1: node v is one that
    a short random walk from u meets, and the Q negatives v_n are drawn with
    probabilities P_n(v) ∝ degree(v)^0.75.

    As in the official code, whose settings are the defaults, a walk of length 5 visits
    its start u and then 4 nodes, each of which is a v for u unless it is u itself; and
    a batch draws its negatives once, for all its pairs, u and v themselves not
    excepted. Unlike there, each pair has a walk of its own, and one that comes back to
    u is walked again, so that all nodes come up as u equally often. So nothing needs to
    be stored, however many walks there are: an epoch goes through the nodes
    `walks_per_node * (walk_length - 1)` times, each time in a new order.

    ```python
    batches = tfgraph.data.walk_batches(graph, (25, 10), 512)
    for (x, adjacencies), links in batches: ...
    ```

    Args:
        graph: A `Graph` with features, undirected. A step goes to any of the nodes that
            send to a node, with equal probability. For inductive training pass
            `graph.subgraph(...)` of the training nodes: negatives are drawn from all.
        fanouts: Neighbours to draw for a node, for each layer. See `neighbor_batches`.
        batch_size: Pairs in a batch. The last batch of an epoch may have fewer; with
            `replacement="always"` it is left out.
        walk_length: Nodes of a walk, at least 2.
        walks_per_node: Walks from each node in an epoch.
        num_negatives: Q, negatives for each pair.
        nodes: The nodes that walks start at, see `neighbor_batches`. Those that have no
            neighbour but themselves are left out.
        replacement: See `neighbor_batches`.
        seed: See `neighbor_batches`.
        sparse_features: See `neighbor_batches`.

    Returns:
        A `tf.data.Dataset` of `((x, adjacencies), links)`: the blocks of
        `neighbor_batches`, whose seeds are the distinct nodes among all u, v and
        negatives; and int64 `links` `[batch_size, 2 + Q]`, which of the seeds the u, v
        and negatives of each pair are. With `replacement="always"` there are
        `2 * batch_size + Q` seeds (or N, if that is fewer), padded by nodes without
        edges.

    Raises:
        ValueError: If an argument is none of the above, the graph has no features, or
            no walk leads from any of the nodes.
    """
    check_integer("batch_size", batch_size, 1)
    check_integer("walk_length", walk_length, 2)
    check_integer("walks_per_node", walks_per_node, 1)
    check_integer("num_negatives", num_negatives, 1)
    pad = replacement == "always"
    sampler = BlockSampler(graph, fanouts, replacement, pad, sparse_features)
    walks = _Walks(sampler.neighbors, walk_length, num_negatives)
    starts = checked_seeds(graph, nodes)
    starts = starts[walks.meet_others()[starts]]
    if not len(starts):
        raise ValueError(
            "Expected `nodes` to have neighbours other than themselves. "
            f"Received: graph={graph}, nodes={nodes}"
        )
    num_seeds = min(2 * batch_size + num_negatives, graph.num_nodes) if pad else None

    def sample(starts, number):
        rng = np.random.default_rng(number)
        links = walks.links(rng, starts)
        seeds, places = np.unique(links, return_inverse=True)
        if pad:
            seeds = np.append(seeds, np.full(num_seeds - len(seeds), -1))
        return (places.reshape(links.shape), *sampler.arrays(rng, seeds))

    def element(starts, number):
        types = (tf.int64, *sampler.types)
        links, *arrays = numpy_function(sample, [starts, number], types)
        links = tf.ensure_shape(links, (starts.shape[0], 2 + num_negatives))
        return sampler.inputs(arrays, num_seeds), links

    rounds = walks_per_node * (walk_length - 1)
    batches = random_batches(starts, batch_size, True, seed, pad, rounds)
    return batches.map(element, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


class _Walks:
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
        """A node other than the start on a walk from each of the starts."""
        ends = np.empty_like(starts)
        missing = np.arange(len(starts))
        while len(missing):
            nodes = starts[missing]
            steps = rng.integers(1, self.walk_length, len(missing))
            for step in range(self.walk_length - 1):
                going = steps > step
                nodes[going] = self.neighbors.step(rng, nodes[going])
            ends[missing] = nodes
            # Those that are back, or that met a node without neighbours.
            missing = missing[(nodes == starts[missing]) | (nodes < 0)]
        return ends

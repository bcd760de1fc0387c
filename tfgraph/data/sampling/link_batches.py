"""Minibatches of links with the sampled neighbourhood of their ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgraph.arguments import (
    check_choice,
    check_flags,
    checked_integer,
    checked_seed,
)
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.pipelines.link_splits import Links, check_reverse, labelled
from tfgraph.data.pipelines.links import checked_links
from tfgraph.data.pipelines.pair_space import NonEdges, check_no_name, linked
from tfgraph.data.sampling.fanouts import REPLACEMENTS
from tfgraph.data.sampling.hetero_samples import (
    DrawnEdges,
    HeteroSample,
    HeteroSampler,
    graph_tensor_sampler,
)
from tfgraph.data.sampling.neighbor_batches import random_batches
from tfgraph.data.sampling.numpy_calls import made_ahead, named_numpy_function
from tfgraph.graph_tensor import as_graph_tensor, choose


def link_neighbor_batches(
    graph: Graph | HeteroGraph,
    fanouts: Sequence[int | Mapping | None],
    batch_size: int,
    *,
    edge_set_name: str | None = None,
    reverse_edge_set_name: str | None = None,
    links: Links | None = None,
    negatives: int | None = None,
    replacement: str = "never",
    shuffle: bool = False,
    seed: int | None = None,
    drop_remainder: bool = False,
    shard: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of batches of links, each with a sample around their ends.

    The ends of the links are the seeds of a sample, as in `neighbor_batches`. A link
    must not be seen by the model that predicts it: the edges of a batch's positive
    pairs are left out of its sample, in both directions of messages.

    ```python
    graph = tfgraph.data.movielens()
    split = tfgraph.data.link_split(graph, 0.1, 0.1)
    encoder = tfgraph.models.HeteroGraphSAGE(num_nodes={"users": 610})
    model = tfgraph.models.LinkPredictor(encoder, "rates")
    model.compile("adam", "binary_crossentropy", metrics=[tfgraph.metrics.RocAUC()])
    model.fit(
        tfgraph.data.link_neighbor_batches(split.train, (20, 10), 256, shuffle=True),
        validation_data=tfgraph.data.link_neighbor_batches(
            split.train, (20, 10), 256, links=split.val
        ),
        epochs=10,
        shuffle=False,
    )
    ```

    Args:
        graph: The graph along which messages go, such as `LinkSplit.train`. A `Graph`,
            which is taken as undirected, becomes a GraphTensor of the node set "nodes"
            and the edge set "edges".
        fanouts: See `neighbor_batches`.
        batch_size: Pairs in a batch, without the negatives drawn for them. The last
            batch may have fewer.
        edge_set_name: The edge set of a `HeteroGraph` that the links belong to. May be
            left out if there is only one.
        reverse_edge_set_name: The edge set of a `HeteroGraph` with the same edges
            reversed, or None. The edges of positive pairs leave it, too. Within one
            node set it may be the same edge set: the links are undirected then.
        links: The `Links` to go through, such as `LinkSplit.val`. Those with a label
            above 0 are positive. None for all edges of the edge set, each once.
        negatives: Random pairs for each of the pairs, drawn anew for each batch: pairs
            that are no edge of `graph`, with label 0. By default 1 without `links`,
            and 0 with.
        replacement: See `neighbor_batches`.
        shuffle: Whether each epoch takes the pairs in a new order.
        seed: See `neighbor_batches`.
        drop_remainder: Whether to leave out a last batch of fewer pairs.
        shard: `(i, n)` for part i of n of the pairs of each batch, see
            `neighbor_batches`. Each part draws negatives of its own.

    Returns:
        A `tf.data.Dataset` of `((graph, pairs), labels)`, as `models.LinkPredictor`
        takes it. `graph` is a GraphTensor as in `neighbor_batches`. `pairs` int64 `[P,
        2]` are places in its node sets, the negatives last; `labels` are float32 `[P]`.

    Raises:
        ValueError: If an argument is none of the above, or there are no links, fewer
            than `batch_size`, or too few pairs without an edge. Also if an edge set is
            unknown, or is not the reverse of the other, and as for `neighbor_batches`.
    """
    check_choice("replacement", replacement, REPLACEMENTS)
    check_flags(shuffle=shuffle, drop_remainder=drop_remainder)
    seed = checked_seed(seed)
    batch_size = checked_integer("batch_size", batch_size)
    space, edges = linked(graph, edge_set_name, reverse_edge_set_name)
    non_edges = NonEdges(space, edges)
    if negatives is None:
        negatives = 1 if links is None else 0
    negatives = checked_integer("negatives", negatives, 0)
    if isinstance(graph, HeteroGraph):
        name = choose("edge_set_name", edge_set_name, graph.edge_sets)
        ends = graph.edge_sets[name].source, graph.edge_sets[name].target
        check_reverse(graph, name, reverse_edge_set_name, non_edges)
    else:
        check_no_name("reverse_edge_set_name", reverse_edge_set_name)
        # The edges of an undirected graph are their own reverse.
        name = reverse_edge_set_name = "edges"
        ends = ("nodes", "nodes")
    sampler = graph_tensor_sampler(graph, fanouts, replacement)
    if links is None:
        links = labelled(space.pairs(non_edges.taken), np.zeros([0, 2], np.int64))
    links = checked_links(links, space)
    if batch_size > len(links.pairs):
        raise ValueError(
            f"Expected `batch_size` to be at most the {len(links.pairs)} links. "
            f"Received: batch_size={batch_size}"
        )
    non_edges.check(negatives * batch_size)
    sampled = _LinkSampler(
        sampler, links, non_edges, negatives, ends, name, reverse_edge_set_name
    )
    signature = sampler.signature | {
        "pairs": tf.TensorSpec([None, 2], tf.int64),
        "labels": tf.TensorSpec([None], tf.float32),
    }

    def element(numbers, seed_number):
        arrays = named_numpy_function(sampled.arrays, [numbers, seed_number], signature)
        pairs, labels = arrays.pop("pairs"), arrays.pop("labels")
        return (as_graph_tensor(arrays), pairs), labels

    batches = random_batches(
        np.arange(len(links.pairs)),
        batch_size,
        shuffle,
        seed,
        drop_remainder,
        shard=shard,
    )
    return made_ahead(batches, element)


class _LinkSampler(NamedTuple):
    """Draws the negatives of a batch of links, and the sample around all ends."""

    sampler: HeteroSampler
    links: Links
    non_edges: NonEdges
    negatives: int
    ends: tuple[str, str]
    edge_set_name: str
    reverse_edge_set_name: str | None

    def arrays(self, numbers: np.ndarray, seed: int) -> dict[str, Any]:
        """Returns the components of the sample, and "pairs" and "labels".

        Args:
            numbers: The numbers of the batch's links.
            seed: Seed of the draws.
        """
        rng = np.random.default_rng(seed)
        drawn = self.non_edges.draw(rng, self.negatives * len(numbers))
        pairs = np.concatenate([self.links.pairs[numbers], drawn])
        labels = np.zeros(len(pairs), np.float32)
        labels[: len(numbers)] = self.links.labels[numbers]
        seeds, places = self._seeds(pairs)
        sample = self.sampler.sample(rng, seeds)
        source, target = self.ends
        counts = len(seeds[source]), len(seeds[target])
        positive, edges = places[labels > 0], dict(sample.edges)
        name, reverse = self.edge_set_name, self.reverse_edge_set_name
        edges[name] = _without(edges[name], positive, counts)
        if reverse is not None:
            positive, counts = positive[:, ::-1], counts[::-1]
            edges[reverse] = _without(edges[reverse], positive, counts)
        arrays = self.sampler.arrays(HeteroSample(sample.nodes, edges))
        return {**arrays, "pairs": places, "labels": labels}

    def _seeds(self, pairs):
        """Returns the distinct ends by node set, and the pairs' places in them."""
        source, target = self.ends
        if source == target:
            nodes, places = np.unique(pairs, return_inverse=True)
            return {source: nodes}, places.reshape(pairs.shape)
        sources, first = np.unique(pairs[:, 0], return_inverse=True)
        targets, second = np.unique(pairs[:, 1], return_inverse=True)
        return {source: sources, target: targets}, np.stack([first, second], axis=1)


def _without(
    drawn: DrawnEdges, pairs: np.ndarray, counts: tuple[int, int]
) -> DrawnEdges:
    """Returns the edges that join none of the pairs.

    Args:
        drawn: The edges of a sample.
        pairs: Places of seeds, `[P, 2]`.
        counts: The number of seeds in each node set. They come before other nodes.
    """
    between = (drawn.source < counts[0]) & (drawn.target < counts[1])
    edge = np.flatnonzero(between)
    key = drawn.source[edge].astype(np.int64) * counts[1] + drawn.target[edge]
    kept = np.ones(len(between), bool)
    kept[edge] = ~np.isin(key, pairs[:, 0] * counts[1] + pairs[:, 1])
    return drawn.take(kept)

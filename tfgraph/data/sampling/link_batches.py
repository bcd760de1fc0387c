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
from tfgraph.data.sampling.neighbor_batches import check_weights, random_batches
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
    by_weight: bool = False,
    keep_links: bool = False,
) -> tf.data.Dataset:
    """Returns a dataset of batches of links, each with a sample around their ends.

    The ends of the links are the seeds of a sample, as in `neighbor_batches`. A link
    must not be seen by the model that predicts it: the edges that join the pairs of a
    batch are left out of its sample, in both directions of messages.

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

    `links` may have labels of your own, to classify edges or to estimate numbers, see
    `models.LinkPredictor`. Messages may go along all other edges of `graph`, so it must
    not have those that are held out.

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
            reversed, or None. The edges of the pairs leave it, too. Within one node set
            it may be the same edge set: the links are undirected then.
        links: The `Links` to go through, such as `LinkSplit.val`. They may repeat. None
            for all edges of the edge set, each once, with label 1.
        negatives: Random pairs for each of the pairs, drawn anew for each batch: pairs
            that are no edge of `graph`, with labels of 0 and weights of 1. By default 1
            without `links`, and 0 with.
        replacement: See `neighbor_batches`.
        shuffle: Whether each epoch takes the pairs in a new order.
        seed: See `neighbor_batches`.
        drop_remainder: Whether to leave out a last batch of fewer pairs.
        shard: `(i, n)` for part i of n of the pairs of each batch, see
            `neighbor_batches`. Each part draws negatives of its own.
        by_weight: See `neighbor_batches`.
        keep_links: Whether edges that join the pairs of a batch stay in its sample. For
            classes of edges that are known in prediction, too; never for the existence
            of links, nor if weights or features of the edges tell the labels.

    Returns:
        A `tf.data.Dataset` of `((graph, pairs), labels)`, as `models.LinkPredictor`
        takes it. `graph` is a GraphTensor as in `neighbor_batches`. `pairs` int64 `[P,
        2]` are places in its node sets, in the order of the links, the negatives last;
        `labels` are float32 `[P]` or `[P, C]`. Weights of the links follow as
        `sample_weight` `[P]`. Links without labels make `((graph, pairs),)`, as
        `Model.predict` takes it. All batches count alike in the `loss` of an epoch that
        Keras reports, also a last one of fewer pairs. Metrics count pairs.

    Raises:
        ValueError: If an argument is none of the above, or there are no links, fewer
            than `batch_size`, or too few pairs without an edge. Also if there are
            negatives but no labels, an edge set is unknown, or is not the reverse of
            the other, and as for `neighbor_batches`.
    """
    check_choice("replacement", replacement, REPLACEMENTS)
    check_flags(
        shuffle=shuffle,
        drop_remainder=drop_remainder,
        by_weight=by_weight,
        keep_links=keep_links,
    )
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
    if by_weight:
        check_weights(graph)
    sampler = graph_tensor_sampler(graph, fanouts, replacement, by_weight)
    if links is None:
        links = labelled(space.pairs(non_edges.taken), np.zeros([0, 2], np.int64))
    links = checked_links(links, space)
    if batch_size > len(links.pairs):
        raise ValueError(
            f"Expected `batch_size` to be at most the {len(links.pairs)} links. "
            f"Received: batch_size={batch_size}"
        )
    if negatives and links.labels is None:
        raise ValueError(
            "Expected `links` to have labels, as there are `negatives`. "
            f"Received: labels=None, negatives={negatives}"
        )
    non_edges.check(negatives * batch_size)
    left_out = () if keep_links else (name, reverse_edge_set_name)
    sampled = _LinkSampler(sampler, links, non_edges, negatives, ends, left_out)
    fields = {
        name: tf.TensorSpec([None, *values.shape[1:]], values.dtype)
        for name, values in sampled.fields().items()
    }

    def element(numbers, seed_number):
        arrays = named_numpy_function(
            sampled.arrays, [numbers, seed_number], sampler.signature | fields
        )
        pairs, *labels = [arrays.pop(name) for name in fields]
        return ((as_graph_tensor(arrays), pairs), *labels)

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
    """Draws the negatives of a batch of links, and the sample around all ends.

    Attributes:
        sampler: Draws the sample.
        links: The links to go through.
        non_edges: Draws the negatives.
        negatives: Negatives for each link.
        ends: The node sets of sources and targets.
        left_out: The edge set, and its reverse or None, that a batch's links leave;
            empty if they stay.
    """

    sampler: HeteroSampler
    links: Links
    non_edges: NonEdges
    negatives: int
    ends: tuple[str, str]
    left_out: tuple[str | None, ...]

    def fields(self) -> dict[str, np.ndarray]:
        """Returns the fields of the links that there are, by name."""
        names = ("pairs", "labels", "sample_weight")
        fields = zip(names, self.links, strict=True)
        return {name: values for name, values in fields if values is not None}

    def arrays(self, numbers: np.ndarray, seed: int) -> dict[str, Any]:
        """Returns the components of the sample, and the fields of the links.

        Args:
            numbers: The numbers of the batch's links.
            seed: Seed of the draws.
        """
        rng = np.random.default_rng(seed)
        fields = {name: values[numbers] for name, values in self.fields().items()}
        drawn = self.non_edges.draw(rng, self.negatives * len(numbers))
        of_negatives: dict[str, Any] = {"pairs": drawn, "labels": 0, "sample_weight": 1}
        for name, values in fields.items():
            more = np.broadcast_to(of_negatives[name], (len(drawn), *values.shape[1:]))
            fields[name] = np.concatenate([values, more], dtype=values.dtype)
        seeds, fields["pairs"] = self._seeds(fields["pairs"])
        sample = self.sampler.sample(rng, seeds)
        source, target = self.ends
        counts = len(seeds[source]), len(seeds[target])
        places, edges = fields["pairs"][: len(numbers)], dict(sample.edges)
        for edge_set_name in self.left_out:  # with the links, then their reverse
            if edge_set_name is not None:
                edges[edge_set_name] = _without(edges[edge_set_name], places, counts)
            places, counts = places[:, ::-1], counts[::-1]
        return {**self.sampler.arrays(HeteroSample(sample.nodes, edges)), **fields}

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

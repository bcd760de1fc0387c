"""Samples of node sets and edge sets, as one GraphTensor for all layers."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs.edge_order import has_repeated
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.fields import as_pairs
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.graphs.node_fields import NodeFields
from tfgraph.data.sampling.blocks import check_features
from tfgraph.data.sampling.fanouts import (
    Relation,
    checked_fanouts,
    checked_relation_fanouts,
)
from tfgraph.data.sampling.feature_rows import FeatureRows, filled
from tfgraph.data.sampling.layered_neighbors import edges_with_messages
from tfgraph.data.sampling.neighbors import (
    Neighbors,
    distinct,
    is_first,
    matrix_keys,
)
from tfgraph.graph_tensor import ROW


class DrawnEdges(NamedTuple):
    """The edges of a sample in one edge set. An edge may be drawn several times.

    Attributes:
        source, target: The places of their ends among the nodes of the sample.
        number: Their numbers in the edge set. None if the ends tell all: the edge set
            has no repeated edges, weights or features.
    """

    source: np.ndarray
    target: np.ndarray
    number: np.ndarray | None

    def take(self, chosen: np.ndarray) -> DrawnEdges:
        """Returns some of the edges.

        Args:
            chosen: Whether to take each edge.
        """
        number = None if self.number is None else self.number[chosen]
        return DrawnEdges(self.source[chosen], self.target[chosen], number)


class HeteroSample(NamedTuple):
    """The nodes and edges of a sample.

    Attributes:
        nodes: By node set, distinct row numbers, seeds first.
        edges: The `DrawnEdges` by edge set.
    """

    nodes: dict[str, np.ndarray]
    edges: dict[str, DrawnEdges]


def graph_tensor_sampler(
    graph: Graph | HeteroGraph,
    fanouts: Any,
    replacement: str,
    by_weight: bool = False,
    pad: bool = False,
) -> HeteroSampler:
    """Returns the sampler of a graph. A `Graph` has a node set "nodes" in it.

    Args:
        graph: A `HeteroGraph`, or a `Graph` with features.
        fanouts: See `neighbor_batches`.
        replacement: See `neighbor_batches`.
        by_weight: See `neighbor_batches`.
        pad: Whether each fan-out has to be a number, for `HeteroSampler.padded`.
    """
    if isinstance(graph, HeteroGraph):
        relations = checked_relation_fanouts(graph.edge_sets, fanouts, replacement, pad)
        return HeteroSampler(
            graph.node_sets, graph.edge_sets, relations, replacement, by_weight
        )
    check_features(graph)
    numbers = checked_fanouts(fanouts, replacement, pad)
    fields = edges_with_messages(graph)
    fields["edges"] = as_pairs(fields["edges"])
    edge_set = EdgeSet("nodes", "nodes", **fields)
    return HeteroSampler(
        {"nodes": graph},
        {"edges": edge_set},
        [{("edges", "target"): number} for number in numbers],
        replacement,
        by_weight,
        rows=False,
    )


class _Messages(NamedTuple):
    """Messages along, or against, the edges of one edge set.

    Attributes:
        receivers, senders: Names of node sets.
        neighbors: The edges along which each receiver receives.
    """

    receivers: str
    senders: str
    neighbors: Neighbors


class HeteroSampler:
    """Samples the neighbourhood of some nodes, the seeds.

    In the last layer the seeds receive, in the layer before it the seeds and their
    neighbours, and so on. The edges along which a node receives are drawn once for each
    edge set and direction, for the last layer in which it receives along them.

    Args:
        node_sets: What a `HeteroGraph` holds of its nodes.
        edge_sets: What it holds of its edges.
        fanouts: For each layer, the first layer first, a dict of fan-outs.
        replacement: See `neighbor_batches`.
        by_weight: See `neighbor_batches`.
        rows: Whether the signature has the row numbers of the nodes.

    Attributes:
        signature: Types and shapes of the components of a sample's GraphTensor.
    """

    def __init__(
        self,
        node_sets: Mapping[str, NodeFields],
        edge_sets: Mapping[str, EdgeSet],
        fanouts: Sequence[Mapping[Relation, int | None]],
        replacement: str,
        by_weight: bool = False,
        rows: bool = True,
    ) -> None:
        self.node_sets, self.edge_sets = node_sets, edge_sets
        self.fanouts = fanouts
        self.replacement = replacement
        self.by_weight = by_weight
        self.signature = _signature(node_sets, edge_sets, rows)
        self.messages = {
            relation: self._messages(*relation)
            for relation in sorted({key for layer in fanouts for key in layer})
        }
        self.x = {
            name: x if is_scipy(x) else np.ascontiguousarray(x)
            for name, x in ((name, nodes.x) for name, nodes in node_sets.items())
            if x is not None
        }
        self.x_rows = {name: FeatureRows(x) for name, x in self.x.items()}
        self.numbered = {name: _is_numbered(e) for name, e in edge_sets.items()}
        # What `arrays` fills all sets up to: "nodes" and "edges" by name.
        self.sizes: dict[str, dict[str, int]] | None = None
        self._lent = threading.local()

    def _messages(self, edge_set_name: str, receiver: str) -> _Messages:
        edges = self.edge_sets[edge_set_name]
        receivers, senders = edges.target, edges.source
        if receiver == "source":
            receivers, senders = senders, receivers
        neighbors = Neighbors(
            edges.edges,
            self.node_sets[receivers].num_nodes,
            self.node_sets[senders].num_nodes,
            receiver,
            edges.edge_weight if self.by_weight else None,
        )
        return _Messages(receivers, senders, neighbors)

    def with_fanouts(
        self, fanouts: Sequence[Mapping[Relation, int | None]]
    ) -> HeteroSampler:
        """Returns a sampler that draws other numbers along the same relations."""
        sampler = copy.copy(self)
        sampler.fanouts = fanouts
        return sampler

    def set_features(self, x: Mapping[str, np.ndarray]) -> None:
        """Gives node sets other features, and lets go of those before.

        Those that `with_fanouts` returned get them, too.
        """
        self.x.update(x)
        self.x_rows.update((name, FeatureRows(h)) for name, h in x.items())
        for name, features in x.items():
            spec = tf.TensorSpec([None, features.shape[1]], tf.float32)
            self.signature[f"nodes.{name}.hidden_state"] = spec

    def padded(self, num_seeds: Mapping[str, int]) -> HeteroSampler:
        """Returns a sampler whose `arrays` have the same shapes for all samples.

        At the end of each node set there are nodes of padding, one or more, with all
        features 0. Edges of padding join the last of these, with weight and features 0.

        Args:
            num_seeds: The most seeds, by node set.
        """
        # Upper bounds, as if no node were drawn twice.
        nodes = {name: num_seeds.get(name, 0) for name in self.node_sets}
        edges = dict.fromkeys(self.edge_sets, 0)
        for layer in reversed(self.fanouts):
            receiving = dict(nodes)
            for (name, end), fanout in layer.items():
                receivers, senders, _ = self.messages[name, end]
                drawn = receiving[receivers] * (fanout or 0)
                most = self.node_sets[senders].num_nodes
                nodes[senders] = min(nodes[senders] + drawn, most)
                edges[name] = min(edges[name] + drawn, len(self.edge_sets[name].edges))
        nodes = {name: count + 1 for name, count in nodes.items()}
        sampler = copy.copy(self)
        sampler.sizes = {"nodes": nodes, "edges": edges}
        return sampler

    def sample(
        self, rng: np.random.Generator, seeds: Mapping[str, np.ndarray]
    ) -> HeteroSample:
        """Draws neighbours of the seeds, then neighbours of all these, and so on.

        Args:
            rng: The generator to draw with.
            seeds: Distinct row numbers, by node set.
        """
        none = np.zeros(0, np.int64)
        nodes = {name: seeds.get(name, none) for name in self.node_sets}
        drawn: dict[str, list[DrawnEdges]] = {
            name: [DrawnEdges(none, none, none)] for name in self.edge_sets
        }
        # How many of the nodes have drawn edges already.
        done = dict.fromkeys(self.messages, 0)
        with self._places(nodes) as place:
            for layer in reversed(self.fanouts):
                counts = {name: len(rows) for name, rows in nodes.items()}
                for relation, fanout in layer.items():
                    receivers, senders, neighbors = self.messages[relation]
                    first, done[relation] = done[relation], counts[receivers]
                    receiver, edge = neighbors.draw_edges(
                        rng,
                        nodes[receivers][first : counts[receivers]],
                        fanout,
                        self.replacement,
                    )
                    sender = neighbors.source[edge]
                    # Sorted, so that features are read in the order they are stored in.
                    new = distinct(sender[place[senders][sender] < 0])
                    start = len(nodes[senders])
                    place[senders][new] = np.arange(start, start + len(new))
                    nodes[senders] = np.append(nodes[senders], new)
                    name, end = relation
                    number = neighbors.numbers(edge) if self.numbered[name] else None
                    source, target = place[senders][sender], first + receiver
                    if end == "source":
                        source, target = target, source
                    drawn[name].append(DrawnEdges(source, target, number))
        return HeteroSample(
            nodes,
            {
                name: _joined(parts, self.numbered[name])
                for name, parts in drawn.items()
            },
        )

    def arrays(self, sample: HeteroSample) -> dict[str, np.ndarray]:
        """Returns the components of the GraphTensor of a sample.

        Edges are sorted by target, then source.

        Args:
            sample: A sample, perhaps without some of its edges.
        """
        arrays = {}
        for name, rows in sample.nodes.items():
            arrays[f"nodes.{name}.-size"] = np.array([len(rows)])
            arrays[f"nodes.{name}.{ROW}"] = rows
            if name in self.x:
                arrays[f"nodes.{name}.hidden_state"] = self.x_rows[name].take(rows)
        for name, drawn in sample.edges.items():
            edges, prefix = self.edge_sets[name], f"edges.{name}."
            source, target, number = _distinct_edges(
                drawn, len(sample.nodes[edges.source])
            )
            arrays[f"{prefix}-size"] = np.array([len(source)])
            arrays[f"{prefix}-source.{edges.source}"] = source
            arrays[f"{prefix}-target.{edges.target}"] = target
            if edges.edge_weight is not None:
                arrays[f"{prefix}weight"] = edges.edge_weight[number]
            if edges.edge_features is not None:
                arrays[f"{prefix}features"] = edges.edge_features[number]
        if self.sizes is None:
            return arrays
        return {key: self._filled(key, rows) for key, rows in arrays.items()}

    def _filled(self, key, rows):
        """Returns a component with its padding, see `padded`."""
        part, name, field = key.split(".", 2)
        size = self.sizes[part][name]
        if field == "-size":
            return np.array([size])
        if field.startswith("-"):  # the end of an edge
            return filled(rows, size, self.sizes["nodes"][field.split(".")[1]] - 1)
        return filled(rows, size)

    @contextlib.contextmanager
    def _places(
        self, nodes: Mapping[str, np.ndarray]
    ) -> Iterator[dict[str, np.ndarray]]:
        """Lends arrays with the place of each node in `nodes`, -1 for all others.

        Nodes may be added to `nodes` meanwhile. Each thread keeps arrays of its own: to
        fill new ones for each sample would take longer than the sample.
        """
        place = getattr(self._lent, "place", None)
        self._lent.place = None
        if place is None:
            sizes = {name: part.num_nodes for name, part in self.node_sets.items()}
            place = {name: np.full(size, -1, np.int32) for name, size in sizes.items()}
        for name, rows in nodes.items():
            place[name][rows] = np.arange(len(rows))
        yield place
        for name, rows in nodes.items():
            place[name][rows] = -1
        self._lent.place = place


def _is_numbered(edges: EdgeSet) -> bool:
    """Whether an edge is not known by its ends alone."""
    if edges.edge_weight is not None or edges.edge_features is not None:
        return True
    return has_repeated(edges.edges)


def _joined(parts: Sequence[DrawnEdges], numbered: bool) -> DrawnEdges:
    source = np.concatenate([part.source for part in parts])
    target = np.concatenate([part.target for part in parts])
    if not numbered:
        return DrawnEdges(source, target, None)
    return DrawnEdges(source, target, np.concatenate([part.number for part in parts]))


def _distinct_edges(drawn: DrawnEdges, num_sources: int) -> DrawnEdges:
    """Returns each edge once, sorted by target, then source; ends as int64."""
    key, shift = matrix_keys(drawn.target, drawn.source, num_sources)
    number = drawn.number
    if number is None:
        key = distinct(key)
    else:
        order = key.argsort()
        key, number = key[order], number[order]
        # Edges with the same ends, which are few, are sorted by number.
        same = ~is_first(key)
        same[:-1] |= same[1:]
        order = np.lexsort((number[same], key[same]))
        number[same] = number[same][order]
        first = is_first(key) | is_first(number)
        key, number = key[first], number[first]
    return DrawnEdges(key & ((1 << shift) - 1), key >> shift, number)


def _signature(
    node_sets: Mapping[str, NodeFields], edge_sets: Mapping[str, EdgeSet], rows: bool
) -> dict[str, tf.TensorSpec]:
    signature = {}
    for name, nodes in node_sets.items():
        prefix = f"nodes.{name}."
        signature[f"{prefix}-size"] = tf.TensorSpec([1], tf.int64)
        if rows:
            signature[f"{prefix}{ROW}"] = tf.TensorSpec([None], tf.int64)
        if nodes.x is not None:
            spec = tf.TensorSpec([None, nodes.num_features], tf.float32)
            signature[f"{prefix}hidden_state"] = spec
    for name, edges in edge_sets.items():
        prefix = f"edges.{name}."
        signature[f"{prefix}-size"] = tf.TensorSpec([1], tf.int64)
        for end in (f"-source.{edges.source}", f"-target.{edges.target}"):
            signature[prefix + end] = tf.TensorSpec([None], tf.int64)
        if edges.edge_weight is not None:
            signature[f"{prefix}weight"] = tf.TensorSpec([None], tf.float32)
        if edges.edge_features is not None:
            spec = tf.TensorSpec([None, edges.num_features], tf.float32)
            signature[f"{prefix}features"] = spec
    return signature

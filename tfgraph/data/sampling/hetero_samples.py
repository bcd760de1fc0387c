"""Samples of node sets and edge sets, as one GraphTensor for all layers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.node_fields import NodeFields
from tfgraph.data.sampling.fanouts import Relation
from tfgraph.data.sampling.feature_rows import feature_rows
from tfgraph.data.sampling.neighbors import Neighbors, distinct, matrix_keys
from tfgraph.graph_tensor import ROW


class HeteroSample(NamedTuple):
    """The nodes and edges of a sample.

    Attributes:
        nodes: By node set, distinct row numbers, seeds first.
        edges: By edge set, numbers of edges, in rising order.
    """

    nodes: dict[str, np.ndarray]
    edges: dict[str, np.ndarray]


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
        rows: bool = True,
    ) -> None:
        self.node_sets, self.edge_sets = node_sets, edge_sets
        self.fanouts = fanouts
        self.replacement = replacement
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
        self._lent = threading.local()

    def _messages(self, edge_set_name: str, receiver: str) -> _Messages:
        edges = self.edge_sets[edge_set_name]
        receivers, senders = edges.target, edges.source
        if receiver == "source":
            receivers, senders = senders, receivers
        sizes = [self.node_sets[name].num_nodes for name in (receivers, senders)]
        return _Messages(
            receivers, senders, Neighbors(edges.edges, *sizes, receiver=receiver)
        )

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
        edges = {name: [none] for name in self.edge_sets}
        # How many of the nodes have drawn edges already.
        done = dict.fromkeys(self.messages, 0)
        with self._places(nodes) as place:
            for layer in reversed(self.fanouts):
                counts = {name: len(rows) for name, rows in nodes.items()}
                for relation, fanout in layer.items():
                    receivers, senders, neighbors = self.messages[relation]
                    receiving = nodes[receivers][done[relation] : counts[receivers]]
                    done[relation] = counts[receivers]
                    number, source = neighbors.draw_edges(
                        rng, receiving, fanout, self.replacement
                    )
                    edges[relation[0]].append(number)
                    # Sorted, so that features are read in the order they are stored in.
                    new = distinct(source[place[senders][source] < 0])
                    start = len(nodes[senders])
                    place[senders][new] = np.arange(start, start + len(new))
                    nodes[senders] = np.append(nodes[senders], new)
        return HeteroSample(
            nodes, {name: distinct(np.concatenate(n)) for name, n in edges.items()}
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
                x = feature_rows(self.x[name], rows)
                arrays[f"nodes.{name}.hidden_state"] = x
        with self._places(sample.nodes) as place:
            for name, numbers in sample.edges.items():
                edges, prefix = self.edge_sets[name], f"edges.{name}."
                source, target = edges.edges[numbers].T
                source = place[edges.source][source].astype(np.int64)
                target = place[edges.target][target].astype(np.int64)
                num_sources = len(sample.nodes[edges.source])
                order = matrix_keys(target, source, num_sources)[0].argsort()
                arrays[f"{prefix}-size"] = np.array([len(numbers)])
                arrays[f"{prefix}-source.{edges.source}"] = source[order]
                arrays[f"{prefix}-target.{edges.target}"] = target[order]
                if edges.edge_weight is not None:
                    arrays[f"{prefix}weight"] = edges.edge_weight[numbers[order]]
                if edges.edge_features is not None:
                    arrays[f"{prefix}features"] = edges.edge_features[numbers[order]]
        return arrays

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

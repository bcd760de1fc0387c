"""Samples of nodes' neighbours in layers, for the blocks of a minibatch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tfgraph.data.graphs.fields import of_edges
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.sampling.feature_rows import FeatureRows
from tfgraph.data.sampling.neighbors import (
    Neighbors,
    is_first,
    matrix_keys,
)


class Layer(NamedTuple):
    """The drawn edges of a layer: the first M of N nodes receive from the N nodes.

    Attributes:
        num_targets: M.
        num_nodes: N.
        row: `[D]`, the receiver of each drawn edge, from 0 to M - 1.
        column: `[D]`, its sender, from 0 to N - 1.
        edge: `[D]`, its place in `Neighbors.source`, or -1 for no edge.
    """

    num_targets: int
    num_nodes: int
    row: np.ndarray
    column: np.ndarray
    edge: np.ndarray


class LayeredNeighbors(Neighbors):
    """The neighbours of a graph's nodes, to be drawn layer after layer.

    Edges of weight 0 are left out, as they carry no message.

    Args:
        graph: A `Graph`.
        by_weight: Whether edges are drawn by their weights. They then weigh 1.

    Attributes:
        weight: float32 `[E + 1]`, the weight of each edge and 0 for no edge. None if
            all edges weigh 1.
        features: float32 `[E, D]`, the features of each edge, or None.
    """

    def __init__(self, graph: Graph, by_weight: bool = False) -> None:
        parts = edges_with_messages(graph)
        edges, weight = parts["edges"], parts["edge_weight"]
        self.features = parts["edge_features"]
        if self.features is not None and not len(self.features):
            # No edge, -1, takes any row before it becomes 0.
            self.features = np.zeros((1, graph.num_edge_features), np.float32)
        if self.features is not None:
            self.feature_rows = FeatureRows(self.features)
        super().__init__(
            edges,
            graph.num_nodes,
            graph.num_nodes,
            chance=weight if by_weight else None,
        )
        self.weight = None if by_weight else weight
        self.num_nodes = graph.num_nodes
        if self.weight is not None:
            self.weight = np.append(self.weight, np.float32(0))

    def sample(
        self,
        rng: np.random.Generator,
        seeds: np.ndarray,
        fanouts: Sequence[int | None],
        replacement: str,
        pad: bool,
    ) -> tuple[np.ndarray, list[Layer]]:
        """Draws neighbours of the seeds, then neighbours of all these, and so on.

        Args:
            rng: The generator to draw with.
            seeds: Distinct node numbers; -1 is padding, a node without neighbours.
            fanouts: See `neighbor_batches`.
            replacement: See `neighbor_batches`.
            pad: Whether to pad each layer with -1 to the most nodes that it can have.
                For fan-outs that are numbers.

        Returns:
            All nodes, seeds first, and the `Layer`s, that of the seeds last.
        """
        nodes, layers = seeds, []
        # The place of each node in `nodes`, and last that of no node. Only places that
        # were written are read, so the array need not be filled, however large it is.
        place = np.empty(self.num_nodes + 1, np.int32)
        for fanout in reversed(fanouts):
            row, edge = self.draw(rng, nodes, fanout, replacement)
            source = self.source.take(edge, mode="wrap").astype(np.intp)
            # For a new node, first the number of its first draw, below 0: NumPy
            # writes in order, so the last write to a place remains.
            number = np.arange(-len(edge), 0, dtype=np.int32)
            place[source[::-1]] = number[::-1]
            place[self.num_nodes] = 0
            real = np.flatnonzero(nodes >= 0)
            place[nodes[real]] = real
            # In the order in which the adjacency's product reads their features. That
            # takes two thirds of the time of the order in which the graph has them.
            new = source[place[source] == number]
            num_nodes = len(nodes) + len(new)
            place[new] = np.arange(len(nodes), num_nodes)
            column = place[source]
            np.copyto(column, row, where=edge < 0, casting="same_kind")
            if pad and fanout is not None:
                missing = self.max_new_nodes(fanout * len(nodes)) - len(new)
                new = np.append(new, np.full(missing, -1, new.dtype))
            layers.append(Layer(len(nodes), len(nodes) + len(new), row, column, edge))
            nodes = np.append(nodes, new)
        return nodes, layers[::-1]

    def max_new_nodes(self, num_edges: int) -> int:
        """Returns the most nodes that `num_edges` drawn edges can add to a sample."""
        return min(num_edges, self.num_nodes)

    def entries(self, layer: Layer, merge: bool) -> list[np.ndarray]:
        """Returns a layer's adjacency: sorted indices `[E, 2]`, and values `[E]`.

        The value of an edge is its weight, or 1 without weights. The value of a draw
        that gave no edge is 0. If the edges have features, `[E, D]` follow, 0 for no
        edge.

        Args:
            layer: A `Layer`.
            merge: Whether to merge entries with equal indices into one, with their sum.
                With features, only draws of the same edge are merged.
        """
        if self.features is not None:
            return self._entries_with_features(layer, merge)
        key, shift = matrix_keys(layer.row, layer.column, layer.num_nodes)
        if self.weight is None and merge:
            key.sort()
            values = np.ones(len(key), np.float32)
        else:
            order = key.argsort()
            key, edge = key[order], layer.edge[order]
            values = self._values(edge)
        first = is_first(key)
        if merge and not first.all():
            start = np.flatnonzero(first)
            if self.weight is None:
                values = np.diff(start, append=len(key))
            else:
                values = np.add.reduceat(values, start)
            key = key[start]
        return [_indices(key, shift), values.astype(np.float32, copy=False)]

    def _entries_with_features(self, layer, merge):
        key, shift = matrix_keys(layer.row, layer.column, layer.num_nodes)
        order = np.lexsort((layer.edge, key))
        key, edge = key[order], layer.edge[order]
        values = np.asarray(self._values(edge), np.float32)
        if merge:
            start = np.flatnonzero(is_first(key) | is_first(edge))
            key, edge = key[start], edge[start]
            values = values[start] * np.diff(start, append=len(order))
        features = self.feature_rows.take(edge)
        features[edge < 0] = 0
        return [_indices(key, shift), values.astype(np.float32, copy=False), features]

    def _values(self, edge: np.ndarray) -> np.ndarray:
        return edge >= 0 if self.weight is None else self.weight[edge]


def edges_with_messages(graph: Graph) -> dict[str, Any]:
    """Returns the edges of a weight other than 0, with what belongs to them.

    Returns:
        A dict of "edges", "edge_weight" and "edge_features", the last two perhaps None.
    """
    weight = graph.edge_weight
    if weight is None or weight.all():
        names = ("edges", "edge_weight", "edge_features")
        return {name: getattr(graph, name) for name in names}
    kept = weight != 0
    return {**of_edges(graph, kept), "edges": graph.edges[kept]}


def _indices(key, shift):
    indices = np.empty((len(key), 2), np.int64)
    indices[:, 0] = key >> shift
    indices[:, 1] = key & ((1 << shift) - 1)
    return indices

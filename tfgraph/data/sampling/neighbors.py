"""Samples of nodes' neighbours, in NumPy: no Python loop over nodes or edges."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfgraph.data.graphs.graph import Graph


class Layer(NamedTuple):
    """The drawn edges of a layer: the first M of N nodes receive from the N nodes.

    Attributes:
        num_targets: M.
        num_nodes: N.
        row: `[D]`, the receiver of each drawn edge, from 0 to M - 1.
        column: `[D]`, its sender, from 0 to N - 1.
        edge: `[D]`, its number among the edges of `Neighbors`, or -1 for no edge.
    """

    num_targets: int
    num_nodes: int
    row: np.ndarray
    column: np.ndarray
    edge: np.ndarray


class Neighbors:
    """The edges that each node of a graph receives along, to draw from.

    These are the rows of the adjacency in CSR form. Edges of weight 0 are left out, as
    they carry no message. Besides the graph itself this takes 4 bytes an edge, 8 with
    weights, and 8 bytes a node.

    Args:
        graph: A `Graph`.

    Attributes:
        first: int64 `[N + 1]`, where each node's edges start.
        source: `[E + 1]`, the sender of each edge. The last entry, which -1 selects,
            stands for no edge.
        weight: float32 `[E + 1]`, or None.
    """

    def __init__(self, graph: Graph):
        source, target = graph.edges.T
        self.weight = graph.edge_weight
        if self.weight is not None:
            if not self.weight.all():
                kept = self.weight != 0
                source, target, self.weight = (
                    array[kept] for array in (source, target, self.weight)
                )
            self.weight = np.append(self.weight, np.float32(0))
        self.num_nodes = graph.num_nodes
        self.first = np.searchsorted(target, np.arange(graph.num_nodes + 1))
        # Half the memory, and half the time to sort.
        small = graph.num_nodes <= np.iinfo(np.int32).max
        self.source = np.zeros(len(source) + 1, np.int32 if small else np.int64)
        self.source[:-1] = source

    @property
    def degree(self) -> np.ndarray:
        """The number of edges along which each node receives, int64 `[N]`."""
        return np.diff(self.first)

    def step(self, rng: np.random.Generator, nodes: np.ndarray) -> np.ndarray:
        """Returns a neighbour of each node; -1 for -1 or a node without neighbours."""
        edge = self._draw(rng, nodes, 1, "always")[1]
        return np.where(edge < 0, -1, self.source[edge])

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
                For `replacement="always"`, which draws the most edges in each layer.

        Returns:
            All nodes, seeds first, and the `Layer`s, that of the seeds last.
        """
        nodes, layers = seeds, []
        # The place of each node in `nodes`. Only places that were written are read, so
        # the array need not be filled, however large the graph is.
        place = np.empty(self.num_nodes, np.int32)
        for fanout in reversed(fanouts):
            row, edge = self._draw(rng, nodes, fanout, replacement)
            source = self.source[edge]
            place[source] = -1
            real = np.flatnonzero(nodes >= 0)
            place[nodes[real]] = real
            drawn = edge >= 0
            # Sorted, so that features are read in the order in which they are stored.
            new = _distinct(source[drawn & (place[source] < 0)])
            num_nodes = len(nodes) + len(new)
            place[new] = np.arange(len(nodes), num_nodes)
            column = np.where(drawn, place[source], row)
            if pad:
                missing = self.max_new_nodes(len(row)) - len(new)
                new = np.append(new, np.full(missing, -1, new.dtype))
            layers.append(Layer(len(nodes), len(nodes) + len(new), row, column, edge))
            nodes = np.append(nodes, new)
        return nodes, layers[::-1]

    def max_new_nodes(self, num_edges: int) -> int:
        """Returns the most nodes that `num_edges` drawn edges can add to a sample."""
        return min(num_edges, self.num_nodes)

    def entries(self, layer: Layer, merge: bool) -> tuple[np.ndarray, np.ndarray]:
        """Returns a layer's adjacency: sorted indices `[E, 2]`, and values `[E]`.

        The value of an edge is its weight, or 1 without weights. The value of a draw
        that gave no edge is 0.

        Args:
            layer: A `Layer`.
            merge: Whether to merge entries with equal indices into one, with their sum.
        """
        key, shift = _keys(layer.row, layer.column, layer.num_nodes)
        if self.weight is None and merge:
            key.sort()
            values = np.ones(len(key), np.float32)
        else:
            order = key.argsort()
            key, edge = key[order], layer.edge[order]
            values = edge >= 0 if self.weight is None else self.weight[edge]
        if merge:
            start = np.flatnonzero(_is_first(key))
            if self.weight is None:
                values = np.diff(start, append=len(key))
            else:
                values = np.add.reduceat(values, start) if len(start) else values
            key = key[start]
        return _indices(key, shift), values.astype(np.float32, copy=False)

    def union(self, layers: Sequence[Layer]) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns indices `[E, 2]` and weights `[E]` (or None) of the edges drawn.

        Each edge is in it once, even if it was drawn several times or in several
        layers. The indices are sorted.
        """
        row, column, edge = (
            np.concatenate([getattr(layer, name) for layer in layers])
            for name in ("row", "column", "edge")
        )
        edge, first = np.unique(edge, return_index=True)
        first, edge = first[edge >= 0], edge[edge >= 0]
        key, shift = _keys(row[first], column[first], layers[0].num_nodes)
        order = key.argsort()
        weight = None if self.weight is None else self.weight[edge[order]]
        return _indices(key[order], shift), weight

    def _draw(self, rng, nodes, fanout, replacement):
        """Returns row and number of the edges that are drawn for each of the nodes."""
        first = self.first[nodes]
        degree = np.where(nodes < 0, 0, self.first[nodes + 1] - first)
        if replacement == "always":
            edge = np.where(degree, first + _draw_any(rng, degree, fanout), -1)
            return np.tile(np.arange(len(nodes)), fanout), edge.ravel()

        if fanout is None:
            takes_all = np.full(len(nodes), True)
        else:
            takes_all = degree < fanout if replacement == "never" else degree == 0
        is_short = ~takes_all & (degree < (fanout or 0))
        complete, short, rest = (
            np.flatnonzero(chosen)
            for chosen in (takes_all, is_short, ~takes_all & ~is_short)
        )
        row = np.repeat(complete, degree[complete])
        ends = np.cumsum(degree[complete])
        edge = np.arange(len(row)) + np.repeat(
            first[complete] + degree[complete] - ends, degree[complete]
        )
        rows, edges = [row], [edge]
        for chosen, draw in ((short, _draw_any), (rest, _draw_distinct)):
            if len(chosen):
                drawn = first[chosen] + draw(rng, degree[chosen], fanout)
                rows.append(np.tile(chosen, fanout))
                edges.append(drawn.ravel())
        return np.concatenate(rows), np.concatenate(edges)


def _draw_any(rng, degree, fanout):
    """Draws from `0 .. degree - 1` with replacement, `[fanout, len(degree)]`."""
    return (rng.random((fanout, len(degree))) * degree).astype(np.int64)


def _draw_distinct(rng, degree, fanout):
    """Draws from `0 .. degree - 1` without replacement, `[fanout, len(degree)]`.

    R. Floyd's algorithm, for all nodes at once. Draw j is one of the first `last + 1`
    numbers. If that number was drawn before, `last` is taken instead.
    """
    drawn = np.empty((fanout, len(degree)), np.int32)
    for j in range(fanout):
        last = degree - fanout + j
        number = (rng.random(len(degree)) * (last + 1)).astype(np.int32)
        before = (drawn[:j] == number).any(axis=0)
        drawn[j] = np.where(before, last, number)
    return drawn


def _distinct(numbers):
    """Returns what `np.unique` does, which is 4 times slower here since NumPy 2.3."""
    numbers = np.sort(numbers)
    return numbers[_is_first(numbers)]


def _is_first(numbers):
    """Whether each of some sorted numbers differs from the one before it."""
    first = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return first


def _keys(row, column, num_nodes):
    """Returns a number for each entry, and how many of its bits are the column.

    The numbers sort as the pairs (row, column) do.
    """
    shift = int(num_nodes).bit_length()
    return row.astype(np.int64) << shift | column, shift


def _indices(key, shift):
    indices = np.empty((len(key), 2), np.int64)
    indices[:, 0] = key >> shift
    indices[:, 1] = key & ((1 << shift) - 1)
    return indices

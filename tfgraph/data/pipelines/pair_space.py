"""The pairs of nodes that an edge could join, and those that none joins."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tfgraph.arguments import received
from tfgraph.data.graphs.fields import check_numbered
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.graph_tensor import choose


@dataclasses.dataclass(frozen=True)
class PairSpace:
    """All pairs of nodes that an edge could join, each with a number.

    A number is far faster to sort and to compare than a row of two.

    Attributes:
        num_sources: Nodes that edges lead from.
        num_targets: Nodes that edges lead to.
        within_one: Whether these are the same nodes. A node is no pair with itself.
        undirected: Whether an edge and its reverse join the same pair, `(i, j)` with
            `i < j`.
    """

    num_sources: int
    num_targets: int
    within_one: bool
    undirected: bool = False

    def __post_init__(self) -> None:
        check_numbered(self.num_sources, self.num_targets)

    @property
    def size(self) -> int:
        """Number of pairs."""
        size = self.num_sources * self.num_targets
        size -= self.num_sources if self.within_one else 0
        return size // 2 if self.undirected else size

    def numbers(self, edges: np.ndarray) -> np.ndarray:
        """Returns the numbers of the pairs that edges `[E, 2]` join."""
        edges = np.sort(edges) if self.undirected else edges
        return edges[:, 0].astype(np.int64) * self.num_targets + edges[:, 1]

    def pairs(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the pairs `[P, 2]` with these numbers."""
        return np.stack(np.divmod(numbers, self.num_targets), axis=1)

    def distinct(self, edges: np.ndarray) -> np.ndarray:
        """Returns the numbers of the pairs that edges join, each once, sorted."""
        return np.unique(self.numbers(self._without_loops(edges)))

    def random(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Returns the numbers of at most `count` pairs, drawn uniformly."""
        ends = (self.num_sources, self.num_targets)
        return self.numbers(self._without_loops(rng.integers(ends, size=(count, 2))))

    def every(self) -> np.ndarray:
        """Returns the numbers of all pairs."""
        edges = self.pairs(np.arange(self.num_sources * self.num_targets))
        return self.distinct(edges)

    def _without_loops(self, edges):
        return edges[edges[:, 0] != edges[:, 1]] if self.within_one else edges


class NonEdges:
    """The pairs of nodes without an edge, to draw negatives from.

    Args:
        space: The pairs to choose from.
        edges: Integers `[E, 2]`, the edges. Repeated ones count once.
    """

    def __init__(self, space: PairSpace, edges: np.ndarray) -> None:
        self.space = space
        self.taken = space.distinct(edges)

    def check(self, count: int) -> None:
        """Raises a `ValueError` if there are fewer than `count`."""
        space, num_edges = self.space, len(self.taken)
        if space.size - num_edges >= count:
            return
        nodes, direction = f"{space.num_sources}", "directed "
        if space.undirected:
            direction = "undirected "
        elif not space.within_one:
            nodes, direction = f"{nodes} and {space.num_targets}", ""
        raise ValueError(
            f"Expected a graph with at least {count} pairs of nodes without an edge. "
            f"Received: {nodes} nodes with {num_edges} {direction}edges, "
            f"{space.size - num_edges} pairs without"
        )

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Returns `count` distinct pairs `[count, 2]`, drawn uniformly.

        Raises:
            ValueError: If there are fewer.
        """
        self.check(count)
        if self.space.size < 4 * (len(self.taken) + count):  # few enough to list
            return self.space.pairs(rng.permutation(self._free)[:count])
        drawn = np.zeros([0], np.int64)
        while len(drawn) < count:
            more = self.space.random(rng, 2 * (count - len(drawn)) + 8)
            drawn = np.append(drawn, more[~self.is_taken(more)])
            # Distinct, in the order drawn.
            drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
        return self.space.pairs(drawn[:count])

    def is_taken(self, numbers: np.ndarray) -> np.ndarray:
        """Returns, for each number of a pair, whether an edge joins it."""
        # Not `np.isin`, which would sort the edges in each call.
        if not len(self.taken):
            return np.zeros(len(numbers), bool)
        place = np.searchsorted(self.taken, numbers)
        return self.taken[np.minimum(place, len(self.taken) - 1)] == numbers

    @functools.cached_property
    def _free(self):
        return np.setdiff1d(self.space.every(), self.taken, assume_unique=True)


def linked(
    graph: Graph | HeteroGraph,
    edge_set_name: str | None,
    reverse_edge_set_name: str | None = None,
) -> tuple[PairSpace, np.ndarray]:
    """Returns the pairs that edges could join, and the edges `[E, 2]`.

    Args:
        graph: The argument `graph`. The edges of a `Graph` count as undirected.
        edge_set_name: The edge set of a `HeteroGraph`. None for the only one.
        reverse_edge_set_name: The edge set with its edges reversed, or None. If it is
            the same one, the edges count as undirected.

    Raises:
        ValueError: If `graph` is neither, or has no such edge set.
    """
    if isinstance(graph, HeteroGraph):
        name = choose("edge_set_name", edge_set_name, graph.edge_sets)
        edges = graph.edge_sets[name]
        num_sources, num_targets = (
            graph.node_sets[end].num_nodes for end in (edges.source, edges.target)
        )
        within_one = edges.source == edges.target
        undirected = within_one and name == reverse_edge_set_name
        space = PairSpace(num_sources, num_targets, within_one, undirected)
        return space, edges.edges
    check_graph("graph", graph)
    check_no_name("edge_set_name", edge_set_name)
    space = PairSpace(graph.num_nodes, graph.num_nodes, True, undirected=True)
    return space, graph.edges


def check_no_name(argument: str, name: str | None) -> None:
    """Raises a `ValueError` if an edge set of a `Graph` is named."""
    if name is not None:
        raise ValueError(
            f"Expected `{argument}` with a tfgraph.data.HeteroGraph only. "
            f"{received(argument, name)}"
        )

"""Draws of nodes' neighbours, in NumPy: no Python loop over nodes or edges."""

import numpy as np

from tfgraph.data.graphs.edge_order import first_places


class Neighbors:
    """The edges that each node of a node set receives along, to draw from.

    These are the rows of the adjacency in CSR form. This takes 4 bytes an edge, 8 more
    against the edges, and 8 bytes a node.

    Args:
        edges: Integers `[E, 2]`, rows (source, target), sorted by target.
        num_receivers: The number of nodes that receive.
        num_senders: The number of nodes that send.
        receiver: The end that receives, "target" or "source".
        chance: What the probability of each edge is proportional to, float32 `[E]`,
            none below 0; or None for equal probabilities. Takes 8 more bytes an edge.

    Attributes:
        first: int64 `[N + 1]`, where each receiver's edges start.
        source: `[E + 1]`, the sender of each edge. The last entry, which -1 selects, is
            the number of senders. It stands for no edge.
        number: int64 `[E]`, the number of each edge among `edges`. None if it is its
            place.
        chance: What the probability of each edge is proportional to, `[E]`. None for
            equal probabilities.
        chances: float64 `[E + 1]`, the sums of the probabilities of the edges before
            each place. None for equal probabilities.
    """

    def __init__(
        self,
        edges: np.ndarray,
        num_receivers: int,
        num_senders: int,
        receiver: str = "target",
        chance: np.ndarray | None = None,
    ) -> None:
        self.number = None
        if chance is not None and not chance.all():
            self.number = np.flatnonzero(chance)
            edges, chance = edges[self.number], chance[self.number]
        senders, receivers = edges.T
        if receiver == "source":
            senders, receivers = receivers, senders
            order = np.argsort(receivers, kind="stable")
            senders, receivers = senders[order], receivers[order]
            chance = None if chance is None else chance[order]
            self.number = order if self.number is None else self.number[order]
        self.chance, self.chances = chance, None
        if chance is not None:
            # Those of each node add up to 1. Beside sums of 1e30, those of 1 are lost.
            total = np.bincount(receivers, chance, num_receivers)
            self.chances = np.append(0.0, np.cumsum(chance / total[receivers]))
        self.first = first_places(receivers, num_receivers)
        # Half the memory, and half the time to sort.
        small = num_senders <= np.iinfo(np.int32).max
        self.source = np.empty(len(senders) + 1, np.int32 if small else np.int64)
        self.source[:-1], self.source[-1] = senders, num_senders

    @property
    def degree(self) -> np.ndarray:
        """The number of edges along which each node receives, int64 `[N]`."""
        return np.diff(self.first)

    def step(self, rng: np.random.Generator, nodes: np.ndarray) -> np.ndarray:
        """Returns a neighbour of each node; -1 for -1 or a node without neighbours."""
        edge = self.draw(rng, nodes, 1, "always")[1]
        return np.where(edge < 0, -1, self.source[edge])

    def draw_edges(
        self,
        rng: np.random.Generator,
        nodes: np.ndarray,
        fanout: int | None,
        replacement: str,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns what `draw` does, without draws that gave no edge."""
        row, edge = self.draw(rng, nodes, fanout, replacement)
        if replacement == "always":
            row, edge = row[edge >= 0], edge[edge >= 0]
        return row, edge

    def numbers(self, edge: np.ndarray) -> np.ndarray:
        """Returns the numbers among `edges` of places in `source`."""
        return edge if self.number is None else self.number[edge]

    def draw(
        self,
        rng: np.random.Generator,
        nodes: np.ndarray,
        fanout: int | None,
        replacement: str,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws edges along which each of some nodes receives.

        Args:
            rng: The generator to draw with.
            nodes: Node numbers; -1 is padding, a node without neighbours.
            fanout: Edges of each node, or None for all.
            replacement: See `neighbor_batches`.

        Returns:
            For each drawn edge, the place of its receiver in `nodes`, and its place in
            `source`, or -1 for no edge. The edges of a receiver follow each other.
        """
        first = self.first[nodes]
        degree = np.where(nodes < 0, 0, self.first[nodes + 1] - first)
        fanout = 0 if fanout is None else fanout  # each is 1 or more
        if replacement == "always":
            edge = np.where(degree, self._draw_any(rng, first, degree, fanout), -1)
            return np.repeat(np.arange(len(nodes)), fanout), edge.T.ravel()

        if not fanout:
            takes_all = np.full(len(nodes), True)
        else:
            takes_all = degree < fanout if replacement == "never" else degree == 0
        is_short = ~takes_all & (degree < fanout)
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
        for chosen, draw in ((short, self._draw_any), (rest, self._draw_distinct)):
            if len(chosen):
                drawn = draw(rng, first[chosen], degree[chosen], fanout)
                rows.append(np.repeat(chosen, fanout))
                edges.append(drawn.T.ravel())
        return np.concatenate(rows), np.concatenate(edges)

    def _draw_any(self, rng, first, degree, fanout):
        """Draws places of edges with replacement, `[fanout, len(degree)]`."""
        share = rng.random((fanout, len(degree)))
        if self.chances is None:
            return first + (share * degree).astype(np.int64)
        low, high = self.chances[first], self.chances[first + degree]
        wanted = low + share * (high - low)
        # The last place of the node whose sum is at most `wanted`, by bisection. This
        # is far faster than `np.searchsorted` in the sums of the whole graph.
        lowest = np.broadcast_to(first, share.shape)
        highest = lowest + np.maximum(degree - 1, 0)
        for _ in range(int(degree.max(initial=1) - 1).bit_length()):
            middle = (lowest + highest + 1) >> 1
            is_low = self.chances[middle] <= wanted
            lowest = np.where(is_low, middle, lowest)
            highest = np.where(is_low, highest, middle - 1)
        return lowest

    def _draw_distinct(self, rng, first, degree, fanout):
        """Draws places of edges without replacement, `[fanout, len(degree)]`."""
        if self.chances is None:
            return first + _distinct_numbers(rng, degree, fanout)
        # Draws one after the other, by chance among the edges that are left, come in
        # the order of exponential numbers e / c with the chances c as their rates.
        ends = np.cumsum(degree)
        node = np.repeat(np.arange(len(degree)), degree)
        place = np.arange(ends[-1]) + (first + degree - ends)[node]
        number = np.maximum(rng.standard_exponential(len(place)), 1e-30)
        # One sort for all nodes: the numbers of node i become keys from i to i + 1, as
        # logarithms of e / c with float32 chances c are from -158 to 110.
        order = np.argsort(node + (np.log(number / self.chance[place]) + 200) / 400)
        return place[order[ends - degree + np.arange(fanout)[:, None]]]


def _distinct_numbers(rng, degree, fanout):
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


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Returns what `np.unique` does, which is 4 times slower here since NumPy 2.3."""
    numbers = np.sort(numbers)
    return numbers[is_first(numbers)]


def is_first(numbers: np.ndarray) -> np.ndarray:
    """Whether each of some sorted numbers differs from the one before it."""
    first = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return first


def matrix_keys(
    row: np.ndarray, column: np.ndarray, num_columns: int
) -> tuple[np.ndarray, int]:
    """Returns a number for each entry, and how many of its bits are the column.

    The numbers sort as the pairs (row, column) do.
    """
    shift = int(num_columns).bit_length()
    return row.astype(np.int64) << shift | column, shift

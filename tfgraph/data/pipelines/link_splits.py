"""Splits of the edges of a graph for link prediction."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from tfgraph.arguments import (
    checked_integer,
    checked_seed,
    is_integer,
    is_number,
    received,
)
from tfgraph.data.graphs.edge_order import sorted_by_target
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.fields import of_edges
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.pipelines.pair_space import (
    NonEdges,
    PairSpace,
    check_no_name,
    linked,
)
from tfgraph.graph_tensor import choose


class Links(NamedTuple):
    """Pairs of nodes, and what is to be predicted of each.

    Those of `link_split` say which pairs are edges. Labels of your own may be classes
    of the links, or numbers to estimate, such as ratings:

    ```python
    links = tfgraph.data.Links([[0, 3], [5, 3]], labels=[4.5, 2.0])
    ```

    Attributes:
        pairs: int64 `[P, 2]`, node numbers. Between two node sets, each row is
            `(source, target)`. A pair may be there several times.
        labels: float32 `[P]` or `[P, C]`: 1 for an edge and 0 for no edge, or labels of
            your own. In `[P, C]`, NaN stands for a label that is missing, which
            `losses.MaskedLoss` leaves out. None for pairs to predict.
        sample_weight: float32 `[P]`, the weight of each pair in the loss and in
            weighted metrics. None for weights of 1. Then `Model.fit(class_weight=...)`
            may weigh the classes of labels `[P]`; Keras refuses it beside weights.
    """

    pairs: np.ndarray
    labels: np.ndarray | None = None
    sample_weight: np.ndarray | None = None

    def __repr__(self) -> str:
        text = f"Links(pairs={len(self.pairs)}"
        if self.labels is None:
            return f"{text})"
        labels = np.asarray(self.labels)
        if labels.ndim == 1 and np.isin(labels, (0, 1)).all():
            return f"{text}, edges={int(labels.sum())})"
        return f"{text}, labels of shape {labels.shape})"


class LinkSplit(NamedTuple):
    """A graph with a split of its edges: see `link_split`.

    Attributes:
        train: The graph of the training edges, a `Graph` or `HeteroGraph` as the one
            that was split. Messages go along these edges, and the model learns from
            them.
        val: Validation `Links`.
        test: Test `Links`.
    """

    train: Graph | HeteroGraph
    val: Links
    test: Links

    def __repr__(self) -> str:
        if isinstance(self.train, HeteroGraph):
            num_nodes = sum(n.num_nodes for n in self.train.node_sets.values())
            num_edges = sum(e.num_edges for e in self.train.edge_sets.values())
        else:
            num_nodes, num_edges = self.train.num_nodes, self.train.num_edges
        return (
            f"LinkSplit(nodes={num_nodes}, edges={num_edges}, "
            f"val={len(self.val.pairs)} pairs, test={len(self.test.pairs)} pairs)"
        )


def link_split(
    graph: Graph | HeteroGraph,
    val: float = 0.05,
    test: float = 0.1,
    seed: int | None = 0,
    edge_set_name: str | None = None,
    reverse_edge_set_name: str | None = None,
    negatives: int = 1,
) -> LinkSplit:
    """Splits the edges of a graph for link prediction.

    The protocol and the default fractions are those of the official code of
    "Variational Graph Auto-Encoders" (Kipf & Welling, 2016,
    https://arxiv.org/abs/1611.07308):

    - An edge and its reverse count as one, and are in one set only.
    - The training graph holds the training edges only, in both directions.
    - An evaluation set has as many pairs without an edge as with one. Those are no
      edges of the whole graph and no self-loops, and each is in one set only.

    A directed graph is made undirected. Self-loops are left out. The training graph
    keeps weights, features, labels and masks. Nodes may lose all their edges. The same
    seed gives the same split.

    ```python
    graph = tfgraph.data.planetoid("cora")
    train, val, test = tfgraph.data.link_split(graph)
    model = tfgraph.models.VGAE()
    model.compile("adam", metrics=[tfgraph.metrics.RocAUC()])
    model.fit(
        tfgraph.data.full_batch(train),
        validation_data=tfgraph.data.link_batch(train, val),
        shuffle=False,
    )
    ```

    Of a `HeteroGraph`, one edge set is split, and all else is kept:

    - Its edges are directed: a pair is `(source, target)`, row numbers in the two node
      sets. Within one node set, `(i, j)` and `(j, i)` are two links; self-loops stay in
      the training graph, and are no links.
    - Repeated edges count as one link, and are held out together.
    - The edges of another edge set may be the same edges reversed, such as those of
      `HeteroGraph.reversed`. Name it, so that the held-out edges leave it, too.

    ```python
    graph = tfgraph.data.movielens().reversed("rates", name="rated_by")
    split = tfgraph.data.link_split(
        graph, 0.1, 0.1, edge_set_name="rates", reverse_edge_set_name="rated_by"
    )
    split.test.pairs[0]  # a row of "users" and a row of "films"
    ```

    Args:
        graph: A `Graph` or a `HeteroGraph`.
        val: Fraction of the edges to validate with, rounded down. 0 for none.
        test: Fraction of the edges to test with, rounded down. 0 for none.
        seed: Seed of the NumPy generator that draws edges and pairs without an edge.
            None for another split in each call.
        edge_set_name: The edge set of a `HeteroGraph` to split. May be left out if
            there is only one.
        reverse_edge_set_name: The edge set of a `HeteroGraph` with the same edges
            reversed, or None. It may lack some of them and have others. Within one node
            set it may be the same edge set: the links are undirected then.
        negatives: Pairs without an edge for each held-out edge.

    Raises:
        ValueError: If `graph` is neither, or a fraction is not in `[0, 1)`. Also if a
            set of a fraction above 0 would be empty, `negatives` is not a positive
            integer, or the graph has too few pairs of nodes without an edge. Also if an
            edge set is unknown, or is not the reverse of the other.
    """
    seed = checked_seed(seed)
    negatives = checked_integer("negatives", negatives)
    if not isinstance(graph, HeteroGraph):
        check_graph("graph", graph)
        check_no_name("reverse_edge_set_name", reverse_edge_set_name)
        graph = graph.symmetrized()
    space, edges = linked(graph, edge_set_name, reverse_edge_set_name)
    non_edges = NonEdges(space, edges)
    if isinstance(graph, HeteroGraph):
        edge_set_name = choose("edge_set_name", edge_set_name, graph.edge_sets)
        check_reverse(graph, edge_set_name, reverse_edge_set_name, non_edges)
    (links,) = sorted_by_target(space.pairs(non_edges.taken))
    what = "undirected edges" if space.undirected else "edges"
    num_val, num_test = (
        _size(name, fraction, len(links), what)
        for name, fraction in (("val", val), ("test", test))
    )
    num_held_out = num_val + num_test
    if num_held_out >= len(links):
        raise ValueError(
            "Expected `val` and `test` to leave edges to train with. "
            f"Received: val={val}, test={test} of {len(links)} {what}"
        )
    rng = np.random.default_rng(seed)
    held_out = links[rng.permutation(len(links))[:num_held_out]]
    negative = non_edges.draw(rng, negatives * num_held_out)
    numbers = space.numbers(held_out)
    return LinkSplit(
        without_links(graph, edge_set_name, reverse_edge_set_name, space, numbers),
        labelled(held_out[:num_val], negative[: negatives * num_val]),
        labelled(held_out[num_val:], negative[negatives * num_val :]),
    )


def labelled(edges: np.ndarray, non_edges: np.ndarray) -> Links:
    """Returns the links of edges, then pairs without an edge."""
    labels = np.repeat(np.array([1, 0], np.float32), [len(edges), len(non_edges)])
    return Links(np.concatenate([edges, non_edges]), labels)


def check_reverse(
    graph: HeteroGraph,
    edge_set_name: str,
    reverse_edge_set_name: str | None,
    links: NonEdges,
) -> None:
    """Raises a `ValueError` if an edge set cannot be the reverse of another.

    Draws a `UserWarning` if none is named, and there is one.

    Args:
        graph: The graph of both.
        edge_set_name: The edge set.
        reverse_edge_set_name: What was passed as its reverse, or None.
        links: Knows the edges of the edge set.
    """
    if reverse_edge_set_name is None:
        _warn_of_reverse(graph, edge_set_name, links)
        return
    within_one = links.space.within_one
    names = [name for name in graph.edge_sets if within_one or name != edge_set_name]
    name = choose("reverse_edge_set_name", reverse_edge_set_name, names)
    edges, reverse = graph.edge_sets[edge_set_name], graph.edge_sets[name]
    ends, reverse_ends = (edges.target, edges.source), (reverse.source, reverse.target)
    if ends != reverse_ends:
        raise ValueError(
            f"Expected `reverse_edge_set_name` to name an edge set from {ends[0]!r} to "
            f"{ends[1]!r}, against {edge_set_name!r}. Received: {name!r}, from "
            f"{reverse_ends[0]!r} to {reverse_ends[1]!r}"
        )
    numbers = links.space.distinct(reverse.edges[:, ::-1])
    if edges.num_edges and reverse.num_edges and not links.is_taken(numbers).any():
        raise ValueError(
            f"Expected `reverse_edge_set_name` to name an edge set with the edges of "
            f"{edge_set_name!r} reversed; `graph.reversed({edge_set_name!r})` makes "
            f"one. Received: {name!r}, which has none of them"
        )


def _warn_of_reverse(graph: HeteroGraph, edge_set_name: str, links: NonEdges) -> None:
    """Warns if an edge set has all the edges of another reversed."""
    edges = graph.edge_sets[edge_set_name]
    for name, other in graph.edge_sets.items():
        if (other.source, other.target) != (edges.target, edges.source):
            continue
        reversed_numbers = links.space.distinct(other.edges[:, ::-1])
        if len(links.taken) and np.isin(links.taken, reversed_numbers).all():
            warnings.warn(
                f"The edges of {edge_set_name!r} are among those of {name!r}, "
                "reversed, so messages along these would show the links that are to be "
                f"predicted. Pass `reverse_edge_set_name={name!r}`.",
                UserWarning,
                stacklevel=4,
            )


def without_links(
    graph: Graph | HeteroGraph,
    edge_set_name: str | None,
    reverse_edge_set_name: str | None,
    space: PairSpace,
    numbers: np.ndarray,
) -> Graph | HeteroGraph:
    """Returns the graph without some links of an edge set and of its reverse.

    Args:
        graph: The graph. A `Graph` also loses its self-loops.
        edge_set_name: The edge set. None for the only one.
        reverse_edge_set_name: The edge set with its edges reversed, or None.
        space: The pairs that its edges could join.
        numbers: The numbers of the links.
    """
    if isinstance(graph, Graph):
        of_graph = ~np.isin(space.numbers(graph.edges), numbers)
        of_graph &= graph.edges[:, 0] != graph.edges[:, 1]
        return graph.replace(**of_edges(graph, of_graph))
    edge_set_name = choose("edge_set_name", edge_set_name, graph.edge_sets)
    edges = graph.edge_sets[edge_set_name]
    kept = {edge_set_name: ~np.isin(space.numbers(edges.edges), numbers)}
    if reverse_edge_set_name is not None:
        against = graph.edge_sets[reverse_edge_set_name].edges[:, ::-1]
        kept[reverse_edge_set_name] = ~np.isin(space.numbers(against), numbers)
    return graph.replace(
        edge_sets={name: _subset(graph.edge_sets[name], k) for name, k in kept.items()}
    )


def _subset(edges: EdgeSet, kept: np.ndarray) -> EdgeSet:
    columns = {name: values[kept] for name, values in edges.columns.items()}
    return edges.replace(**of_edges(edges, kept), columns=columns)


def _size(name: str, fraction: float, num_edges: int, what: str) -> int:
    if not is_number(fraction) or not 0 <= fraction < 1:
        hint = ""
        if is_integer(fraction) and 0 < fraction < num_edges:
            hint = f"Of a number of edges, pass `{fraction} / {num_edges}`. "
        raise ValueError(
            f"Expected `{name}` to be a fraction in [0, 1). {hint}"
            f"{received(name, fraction)}"
        )
    # 0.29 of 100 edges are 29, though 0.29 * 100 is 28.999...
    size = int(fraction * num_edges + 1e-9)
    if fraction and not size:
        raise ValueError(
            f"Expected `{name}` to be 0 or at least one edge's share. "
            f"Received: {name}={fraction} of {num_edges} {what}"
        )
    return size

"""What an explanation says."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfgraph.arguments import checked_integer
from tfgraph.data import EdgeSet, Graph, HeteroGraph, NodeSet
from tfgraph.data.graphs.fields import as_pairs


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """The importance of edges and features for one prediction.

    `tfgraph.explain.gnn_explainer` and `integrated_gradients` return it, and
    `tfgraph.plots.explanation` draws it.

    Attributes:
        edges: Integers `[E, 2]`, rows `(source, target)`, in the order of `graph.edges`
            or of the adjacency's entries. Those of a dense adjacency are the entries
            other than 0, row by row.
        edge_importance: `[E]`, in the order of `edges`.
        feature_importance: `[F]` of `gnn_explainer`; `[N, F]` of
            `integrated_gradients`.
        index: The row of the output that is explained.
        target: The class, or the column of the output, that is explained.
        outputs: What the output holds: "probabilities", "logits" or "values".
        prediction: The probability of the class, or the value.
        nodes: The explained node, both nodes of the pair, or none for a graph.
        num_nodes: Nodes of the graph.
    """

    edges: np.ndarray
    edge_importance: np.ndarray
    feature_importance: np.ndarray
    index: int
    target: int
    outputs: str
    prediction: float
    nodes: tuple[int, ...]
    num_nodes: int

    def top_edges(self, k: int = 10) -> np.ndarray:
        """Returns the numbers of the most important edges, the most important first.

        Only edges of an importance above 0 count, so there may be fewer than `k`. One
        below 0, of `integrated_gradients`, speaks against the class.

        Args:
            k: Number of edges. `explanation.edges[explanation.top_edges(k)]` are they.

        Raises:
            ValueError: If `k` is not a positive integer.
        """
        return highest(self.edge_importance, k)

    def subgraph(self, k: int = 10) -> Graph:
        """Returns the graph of the most important edges and the explained nodes.

        Its `edge_weight` is the importance, and its `ids` are the numbers of the nodes
        in the whole graph. `explanation.subgraph().to_networkx()` is one of NetworkX.

        Args:
            k: As in `top_edges`.

        Raises:
            ValueError: If `k` is not a positive integer.
        """
        top = self.top_edges(k)
        edges = self.edges[top]
        ids = np.unique(np.append(edges, np.array(self.nodes, edges.dtype)))
        return Graph(
            None,
            as_pairs(np.searchsorted(ids, edges)),
            edge_weight=self.edge_importance[top],
            ids=ids,
        )

    def __repr__(self) -> str:
        return (
            f"Explanation(index={self.index}, target={self.target}, "
            f"prediction={self.prediction:.4g}, "
            f"edges={np.count_nonzero(self.edge_importance)} of {len(self.edges)})"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class HeteroExplanation:
    """The importance of edges and features in a graph of several node or edge sets.

    `tfgraph.explain.gnn_explainer` and `integrated_gradients` return it where they
    would return an `Explanation` for a single node set and edge set.

    Attributes:
        edges: Dict by edge set of integers `[E, 2]`, rows `(source, target)`, in the
            order of the graph.
        edge_importance: Dict by edge set of `[E]`, in the order of `edges`.
        feature_importance: Dict by node set, of those with features: `[F]` of
            `gnn_explainer`; `[N, F]` of `integrated_gradients`.
        index, target, outputs, prediction: As in `Explanation`.
        nodes: The explained node, or both nodes of a pair, as `(node set, number)`.
            The sets are those that the model names by its attribute `node_set_name` or
            `edge_set_name`; or the only ones with as many nodes as rows, or that edges
            join. Empty for a graph, or if several sets may be meant.
        num_nodes: Dict by node set of the number of its nodes.
        ends: Dict by edge set of the node sets `(source, target)` that it joins.
    """

    edges: dict[str, np.ndarray]
    edge_importance: dict[str, np.ndarray]
    feature_importance: dict[str, np.ndarray]
    index: int
    target: int
    outputs: str
    prediction: float
    nodes: tuple[tuple[str, int], ...]
    num_nodes: dict[str, int]
    ends: dict[str, tuple[str, str]]

    def top_edges(self, k: int = 10) -> list[tuple[str, int]]:
        """Returns the most important edges of all sets, the most important first.

        As in `Explanation`, only edges of an importance above 0 count.

        Args:
            k: Number of edges.

        Returns:
            Pairs `(edge set, number)`. The ends of the first are
            `explanation.edges[edge_set][number]`.

        Raises:
            ValueError: If `k` is not a positive integer.
        """
        places = [(name, i) for name, e in self.edges.items() for i in range(len(e))]
        importance = np.concatenate(list(self.edge_importance.values()))
        return [places[number] for number in highest(importance, k)]

    def subgraph(self, k: int = 10) -> HeteroGraph:
        """Returns the graph of the most important edges and the explained nodes.

        It has the node sets and edge sets of these. As in `Explanation`, `edge_weight`
        is the importance, and `ids` are the numbers in the whole graph.

        Args:
            k: As in `top_edges`.

        Raises:
            ValueError: If `k` is not a positive integer.
        """
        top: dict[str, list[int]] = {}
        for name, number in self.top_edges(k):
            top.setdefault(name, []).append(number)
        numbers: dict[str, list[int]] = {}
        for node_set, node in self.nodes:
            numbers.setdefault(node_set, []).append(node)
        for name in top:
            chosen = self.edges[name][top[name]].T.tolist()
            for node_set, nodes in zip(self.ends[name], chosen, strict=True):
                numbers.setdefault(node_set, []).extend(nodes)
        ids = {name: np.unique(nodes) for name, nodes in numbers.items()}
        edge_sets = {}
        for name, places in top.items():
            ends = zip(self.ends[name], self.edges[name][places].T, strict=True)
            rows = [np.searchsorted(ids[node_set], nodes) for node_set, nodes in ends]
            edge_sets[name] = EdgeSet(
                *self.ends[name],
                as_pairs(np.stack(rows, axis=1)),
                edge_weight=self.edge_importance[name][places],
            )
        return HeteroGraph(
            {name: NodeSet(ids=nodes) for name, nodes in ids.items()}, edge_sets
        )

    def __repr__(self) -> str:
        counts = {
            name: f"{np.count_nonzero(importance)} of {len(importance)}"
            for name, importance in self.edge_importance.items()
        }
        return (
            f"HeteroExplanation(index={self.index}, target={self.target}, "
            f"prediction={self.prediction:.4g}, edges={counts})"
        )


def highest(importance: np.ndarray, k: int) -> np.ndarray:
    """Returns the places of the `k` highest numbers above 0, the highest first.

    Raises:
        ValueError: If `k` is not a positive integer.
    """
    k = checked_integer("k", k)
    order = np.argsort(-importance, kind="stable")[:k]
    return order[importance[order] > 0]

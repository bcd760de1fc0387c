"""What an explanation says."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfgraph.arguments import checked_integer
from tfgraph.data import Graph
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
        k = checked_integer("k", k)
        order = np.argsort(-self.edge_importance, kind="stable")[:k]
        return order[self.edge_importance[order] > 0]

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

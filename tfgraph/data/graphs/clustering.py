"""Clusters of a graph's nodes, found without learning."""

import numpy as np

from tfgraph.arguments import checked_integer
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import check_graph


def graclus_clusters(graph: Graph, num_clusters: int) -> np.ndarray:
    """Returns the cluster of each node by heavy-edge matching, as Graclus coarsens.

    I. Dhillon et al., [Weighted Graph Cuts without Eigenvectors: A Multilevel
    Approach](https://doi.org/10.1109/TPAMI.2007.1115), 2007. For DiffPool with
    deterministic clusters (DIFFPOOL-DET).

    Each node starts as a cluster. Then pairs of clusters are merged, level by level,
    until `num_clusters` are left. In a level, a cluster is merged with one other at
    most. The pairs with the largest

        w(i, j) (1 / d_i + 1 / d_j)

    come first. Here `w` is the weight of the edges between two clusters, and `d` the
    weight of all edges of a cluster, inner ones included. Edges count in both
    directions. Ties are broken at random, by a fixed seed. If no edge is left between
    clusters, the smallest ones are merged. Graclus' refinement is left out.

    Example:

    ```python
    graphs, labels = tfgraph.data.tu("ENZYMES")
    clusters = [tfgraph.data.graclus_clusters(graph, 12) for graph in graphs]
    batches = tfgraph.data.whole_graph_batches(
        graphs, labels, batch_size=20, clusters=clusters, num_clusters=12
    )
    ```

    Args:
        graph: A `Graph`.
        num_clusters: Positive number of clusters.

    Returns:
        int64 `[N]`, numbers from 0 on, in the order of the clusters' first nodes. If
        the graph has fewer nodes than `num_clusters`, each node is a cluster.

    Raises:
        ValueError: If `num_clusters` is not a positive integer, `graph` is not a
            `Graph`, or a weight is negative.
    """
    check_graph("graph", graph)
    num_clusters = checked_integer("num_clusters", num_clusters, 1)
    weight = np.ones(graph.num_edges)
    if graph.edge_weight is not None:
        weight = graph.edge_weight.astype(np.float64)
    if weight.min(initial=0) < 0:
        raise ValueError(
            "Expected `graph` to have no negative weights. "
            f"Received: a weight of {weight.min()}"
        )
    low, high = graph.edges.T.astype(np.int64)
    cluster = np.arange(graph.num_nodes)
    degree = np.bincount(low, weight, graph.num_nodes)
    degree += np.bincount(high, weight, graph.num_nodes)
    excess = graph.num_nodes - num_clusters
    while excess > 0:
        low, high, weight = _merged_edges(low, high, weight, len(degree))
        pairs = _matching(low, high, weight * (1 / degree[low] + 1 / degree[high]))
        if not len(pairs):
            by_size = np.argsort(np.bincount(cluster), kind="stable")
            pairs = np.sort(by_size[: len(by_size) // 2 * 2].reshape(-1, 2))
        kept, gone = pairs[:excess].T
        joined = np.arange(len(degree))
        joined[gone] = kept
        joined = np.unique(joined, return_inverse=True)[1]
        degree = np.bincount(joined, degree)
        cluster, low, high = joined[cluster], joined[low], joined[high]
        excess -= len(kept)
    return cluster


def _merged_edges(low, high, weight, num_nodes):
    """Returns each pair `low < high` with an edge once, and its total weight."""
    outer = (low != high) & (weight > 0)
    low, high, weight = low[outer], high[outer], weight[outer]
    number = np.minimum(low, high) * num_nodes + np.maximum(low, high)
    number, pair = np.unique(number, return_inverse=True)
    return number // num_nodes, number % num_nodes, np.bincount(pair, weight)


def _matching(low, high, score):
    """Returns the pairs of a matching `[M, 2]`, those of the highest scores first.

    The matching is the greedy one: it takes the best pair, then the best pair of which
    both ends are free, and so on. To need few rounds, a round takes every pair that is
    the best one for both of its ends.
    """
    # Equal scores in the order of the nodes would make as many rounds as a path has
    # nodes; in a random order there are few.
    tie = np.random.default_rng(0).permutation(len(score))
    order = np.lexsort((tie, -score))
    low, high, rank = low[order], high[order], np.arange(len(order))
    taken = np.zeros(high.max(initial=-1) + 1, bool)
    matched = []
    while len(rank):
        best = np.full(len(taken), len(order))
        np.minimum.at(best, low, rank)
        np.minimum.at(best, high, rank)
        chosen = (best[low] == rank) & (best[high] == rank)
        matched.append(np.stack([rank, low, high], axis=1)[chosen])
        taken[low[chosen]] = taken[high[chosen]] = True
        free = ~(taken[low] | taken[high])
        low, high, rank = low[free], high[free], rank[free]
    matched = np.concatenate([np.zeros([0, 3], np.int64), *matched])
    return matched[np.argsort(matched[:, 0])][:, 1:]

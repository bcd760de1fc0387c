"""Node features: standardised ones, the identity, and those of the loaders."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgraph.data.graphs.conversions import optional_import
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import check_graph, checked_graphs


def features_of_entries(
    row: np.ndarray, column: np.ndarray, values: np.ndarray, shape: tuple[int, int]
) -> Any:
    """Returns a SciPy sparse array, or a dense one where SciPy is not installed."""
    try:
        import scipy.sparse
    except ImportError:
        x = np.zeros(shape, np.float32)
        np.add.at(x, (row, column), values)
        return x
    return scipy.sparse.csr_array((values, (row, column)), shape=shape)


def standardized(
    training: Sequence[Graph], *others: Sequence[Graph]
) -> tuple[list[Graph], ...]:
    """Returns the graphs with features of mean 0 and standard deviation 1.

    Mean and deviation of each feature are computed on the training nodes only, as in
    GraphSAGE and GAT. The training nodes of a graph in `training` are those of its
    `train_mask`, or all nodes if it has none. A feature that does not vary among them
    is centred, and not scaled.

    Example:

    ```python
    train, val, test = (tfgraph.data.ppi(split) for split in ("train", "val", "test"))
    train, val, test = tfgraph.data.standardized(train, val, test)
    [[graph]] = tfgraph.data.standardized([tfgraph.data.reddit()])
    ```

    Args:
        training: The graphs with the training nodes.
        *others: Further lists of graphs, for which the same means and deviations are
            used.

    Returns:
        A tuple of lists of graphs, one for each argument. Their features are dense.

    Raises:
        ValueError: If an argument is not a list of graphs, a graph has no features or
            another number of them, or there is no training node.
    """
    training = checked_graphs("training", training, empty=True)
    others = tuple(
        checked_graphs(f"others[{number}]", graphs, empty=True)
        for number, graphs in enumerate(others)
    )
    rows = [
        graph.dense_features()[... if graph.train_mask is None else graph.train_mask]
        for graph in training
    ]
    widths = {graph.num_features for graphs in (training, *others) for graph in graphs}
    if len(widths) != 1 or not any(map(len, rows)):
        raise ValueError(
            "Expected graphs with the same number of features, and a training node. "
            f"Received: training={training}, others={others}"
        )
    x = np.concatenate(rows).astype(np.float64)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation == 0] = 1
    return tuple(
        [
            graph.replace(x=(graph.dense_features() - mean) / deviation)
            for graph in graphs
        ]
        for graphs in (training, *others)
    )


def identity_features(graph: Graph) -> Graph:
    """Returns `graph` with the identity as its features, `X = I`, `[N, N]`.

    The features are stored as a sparse matrix, since a dense one takes N² numbers.
    Keep them sparse in training: `full_batch(graph, sparse_features=True)`. The first
    layer then learns a weight vector for each node, so the model fits this graph only.

    Args:
        graph: A `Graph`.

    Raises:
        ValueError: If `graph` is not a `Graph`.
        ImportError: If SciPy is not installed.
    """
    check_graph("graph", graph)
    sparse = optional_import("scipy.sparse", "identity_features")
    identity = sparse.eye_array(graph.num_nodes, dtype=np.float32, format="csr")
    return graph.replace(x=identity)

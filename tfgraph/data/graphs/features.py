"""Node features: how the loaders store them, standardised ones, the identity."""

from collections.abc import Sequence

import numpy as np

from tfgraph.data.graphs.graph import Graph


def features_of_entries(row, column, values, shape: tuple[int, int]):
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

    Means and standard deviations, of each feature, are those of the training nodes, as
    in GraphSAGE and GAT: of a graph in `training` the nodes in its `train_mask`, or all
    if it has none. A feature that is equal for all of them is only centred.

    Example:

    ```python
    train, val, test = (tfgraph.data.ppi(split) for split in ("train", "val", "test"))
    train, val, test = tfgraph.data.standardized(train, val, test)
    [[graph]] = tfgraph.data.standardized([tfgraph.data.reddit()])
    ```

    Args:
        training: The graphs with the training nodes.
        *others: Further lists of graphs, changed by the same numbers.

    Returns:
        As many lists of graphs as were given. Their features are dense.

    Raises:
        ValueError: If a graph has no features or another number of them, or there is
            no training node.
    """
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
        [graph.replace(x=(graph.dense_features() - mean) / deviation) for graph in some]
        for some in (training, *others)
    )


def identity_features(graph: Graph) -> Graph:
    """Returns `graph` with the identity as its features, `X = I`, `[N, N]`.

    The features are sparse. Feed them so, as no dense matrix of that size should be:
    `full_batch(graph, sparse_features=True)`. To a first layer they are a weight vector
    of its own for each node, so the model is one for this graph only.

    Raises:
        ImportError: If SciPy is not installed.
    """
    try:
        import scipy.sparse
    except ImportError as error:
        raise ImportError(
            "`identity_features` needs SciPy: `pip install tfgraph[scipy]`."
        ) from error
    identity = scipy.sparse.eye_array(graph.num_nodes, dtype=np.float32, format="csr")
    return graph.replace(x=identity)

"""Features for graphs that come without."""

import numpy as np

from tfgraph.data.graph import Graph


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

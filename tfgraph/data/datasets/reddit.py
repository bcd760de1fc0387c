"""Reddit posts: one large graph, split by day."""

import os
import pathlib

import numpy as np

from tfgraph.data.datasets.archives import expecting, npz_array
from tfgraph.data.datasets.checksums import REDDIT_SOURCE
from tfgraph.data.datasets.files import checked_path, find_file
from tfgraph.data.graphs.graph import Graph


def reddit(path: str | os.PathLike | None = None) -> Graph:
    """Returns the Reddit posts of GraphSAGE; an edge joins posts with a common user.

    W. Hamilton et al., [Inductive Representation Learning on Large
    Graphs](https://arxiv.org/abs/1706.02216), NIPS 2017. Licence: none is stated for
    the data.

    The nodes are 232965 posts of September 2014. Two posts are joined if one user
    commented on both: 114615892 edges (both directions). There are 602 features and 41
    classes (communities). The split is by day: 153431 posts for training, 23831 for
    validation, 55703 for test. These are the published numbers. The files are not
    checked against them. GraphSAGE learns only on the training nodes and the edges
    between them, and standardises features (see `standardized`). Loading takes several
    gigabytes of memory.

    Args:
        path: A folder with the files `reddit_graph.npz`, a SciPy COO matrix, and
            `reddit_data.npz`, with `feature`, `label` and `node_types` (1, 2, 3: train,
            val, test). By default `$TFGRAPH_DATA_DIR/reddit/`. They are not downloaded,
            because no checksum of them is published. They are available from
            <https://data.dgl.ai/dataset/reddit.zip>. No code in them is executed.

    Raises:
        ValueError: If a file is damaged, lacks an array or does not fit the other.
        OSError: If a file is missing or cannot be read.
    """
    graph, data = _file(path, "reddit_graph.npz"), _file(path, "reddit_data.npz")
    row, column = (
        npz_array(graph, graph, key, REDDIT_SOURCE) for key in ("row", "col")
    )
    x, y, node_types = (
        npz_array(data, data, key, REDDIT_SOURCE)
        for key in ("feature", "label", "node_types")
    )
    with expecting(f"{graph} and {data} to fit each other"):
        return Graph(
            x=x,
            edges=np.stack([column, row], axis=1),
            y=y,
            train_mask=node_types == 1,
            val_mask=node_types == 2,
            test_mask=node_types == 3,
            name="reddit",
        )


def _file(path, file_name: str) -> pathlib.Path:
    path = None if path is None else checked_path(path) / file_name
    return find_file("reddit", file_name, REDDIT_SOURCE, path)

"""Reddit posts: one large graph, split by day."""

import os

import numpy as np

from tfgraph.data.datasets.archives import expecting, npz_array
from tfgraph.data.datasets.checksums import REDDIT_SOURCE
from tfgraph.data.datasets.files import checked_path, find_file
from tfgraph.data.graphs.graph import Graph


def reddit(path: str | os.PathLike | None = None) -> Graph:
    """Returns the Reddit posts of GraphSAGE, an edge where one user commented on both.

    W. Hamilton et al., [Inductive Representation Learning on Large
    Graphs](https://arxiv.org/abs/1706.02216), NIPS 2017. Licence: none is stated for
    the data.

    232965 posts of September 2014, 114615892 edges (both directions), 602 features, 41
    classes (communities); train/val/test 153431/23831/55703, by day. These are the
    published numbers; what a file holds is not compared with them. GraphSAGE learns on
    the training nodes and the edges among them only, and standardises features (see
    `standardized`). Loading takes several gigabytes of memory.

    Args:
        path: A folder with the files `reddit_graph.npz`, a SciPy COO matrix, and
            `reddit_data.npz`, with `feature`, `label` and `node_types` (1, 2, 3: train,
            val, test). By default `$TFGRAPH_DATA_DIR/reddit/`. They are not downloaded,
            for want of a published checksum; they come from
            <https://data.dgl.ai/dataset/reddit.zip>. Nothing in them is executed.

    Raises:
        ValueError: If the files lack an array or do not fit each other.
        FileNotFoundError: If a file is not there.
    """
    row, column = _arrays(path, "reddit_graph.npz", ("row", "col"))
    x, y, node_types = _arrays(
        path, "reddit_data.npz", ("feature", "label", "node_types")
    )
    with expecting("reddit_graph.npz and reddit_data.npz to fit each other"):
        return Graph(
            x=x,
            edges=np.stack([column, row], axis=1),
            y=y,
            train_mask=node_types == 1,
            val_mask=node_types == 2,
            test_mask=node_types == 3,
            name="reddit",
        )


def _arrays(path, file_name: str, keys: tuple[str, ...]) -> list[np.ndarray]:
    path = None if path is None else checked_path(path) / file_name
    file = find_file("reddit", file_name, REDDIT_SOURCE, path)
    return [npz_array(file, file, key, REDDIT_SOURCE) for key in keys]

"""Graphs to learn on some and be tested on others: Twitch, PPI and Reddit."""

import csv
import io
import json
import os
import pathlib

import numpy as np

from tfgraph.data.datasets.twitch_files import TWITCH_SHA256, twitch_file
from tfgraph.data.graphs.features import features_of_entries
from tfgraph.data.graphs.graph import Graph

_TWITCH_FEATURES = 3170

_PPI_SOURCE = "https://data.dgl.ai/dataset/ppi.zip"
_PPI_PREFIXES = {"train": "train", "val": "valid", "test": "test"}

_REDDIT_SOURCE = "https://data.dgl.ai/dataset/reddit.zip"


def twitch(*languages: str) -> list[Graph]:
    """Returns the friendships of Twitch users, one graph for each language.

    B. Rozemberczki et al., [Multi-Scale Attributed Node
    Embedding](https://arxiv.org/abs/1909.13021), Journal of Complex Networks, 2021.
    Licence: GPL-3.0 is that of the repository, none is stated for the data.

    |      | nodes | edges, both directions | mature |
    |------|-------|------------------------|--------|
    | DE   |  9498 |                 306276 |   5742 |
    | ENGB |  7126 |                  70648 |   3888 |
    | ES   |  4648 |                 118764 |   1360 |
    | FR   |  6549 |                 225332 |   2414 |
    | PTBR |  1912 |                  62598 |    661 |
    | RU   |  4385 |                  74608 |   1075 |
    | ZHTW |  2772 |                 126924 |   1088 |

    All have the same 3170 features (games, location, habits), which are 0 or 1, and
    the same two classes: whether the user's streams are for adults (1) or not (0). So
    a model can learn on some languages and be tested on others:

    ```python
    train = tfgraph.data.twitch("DE", "ENGB", "FR")
    test = tfgraph.data.twitch("RU")
    ```

    Features are sparse where SciPy is installed, dense elsewhere. There are no masks.

    The files are read from `$TFGRAPH_DATA_DIR/musae/twitch.zip` if that variable is
    set. Otherwise they are downloaded once, to `datasets/tfgraph` in Keras' cache
    (`$KERAS_HOME`, by default `~/.keras`). Either way their checksums are verified.

    Args:
        *languages: Languages of the graphs, in any order. By default all seven.

    Raises:
        ValueError: If a language is unknown, or a file is not the known one.
        OSError: If a file is missing or cannot be downloaded.
    """
    unknown = [name for name in languages if name not in TWITCH_SHA256]
    if unknown:
        raise ValueError(
            f"Expected `languages` to be among {list(TWITCH_SHA256)}. "
            f"Received: languages={languages}"
        )
    return [_twitch_graph(language) for language in languages or TWITCH_SHA256]


def _twitch_graph(language: str) -> Graph:
    edges, features, target = (
        twitch_file(language, part)
        for part in ("edges.csv", "features.json", "target.csv")
    )
    features = {int(node): ids for node, ids in json.loads(features).items()}
    row = np.repeat(list(features), [len(ids) for ids in features.values()])
    column = np.concatenate(list(features.values()))
    # The lists repeat some features.
    row, column = np.unique(np.stack([row, column]), axis=1)
    y = np.full(len(features), -1)
    for user in csv.DictReader(io.StringIO(target.decode())):
        # Not "id", the user's at Twitch. In no order, and two users of FR come twice.
        y[int(user["new_id"])] = user["mature"] == "True"
    return Graph(
        x=features_of_entries(
            row, column, np.ones(len(row)), (len(y), _TWITCH_FEATURES)
        ),
        edges=np.loadtxt(
            io.BytesIO(edges), dtype=np.int64, delimiter=",", skiprows=1, ndmin=2
        ),
        y=y,
        name=f"twitch_{language}",
    ).symmetrized()


def ppi(split: str, path: str | os.PathLike | None = None) -> list[Graph]:
    """Returns the protein interactions of GraphSAGE, one graph for each human tissue.

    W. Hamilton et al., [Inductive Representation Learning on Large
    Graphs](https://arxiv.org/abs/1706.02216), NIPS 2017, after M. Zitnik and J.
    Leskovec, 2017. Licence: none is stated for the data.

    |       | graphs | nodes | undirected edges | of which self-loops |
    |-------|--------|-------|------------------|---------------------|
    | train |     20 | 44906 |           633198 |               20014 |
    | val   |      2 |  6514 |           102187 |                2727 |
    | test  |      2 |  5524 |            83331 |                2343 |

    These are the published numbers; what a file holds is not compared with them. Nodes
    have 50 features and 121 labels, each 0 or 1 as float32: y is `[N, 121]`, to be
    learnt by a sigmoid. Edges get both directions, and self-loops stay. `standardized`
    does with the features what GraphSAGE and GAT do.

    Args:
        split: "train", "val" or "test".
        path: A folder with the files `{train,valid,test}_graph.json`, `_feats.npy`,
            `_labels.npy` and `_graph_id.npy`, in which GAT's authors gave the graphs
            numbers. By default `$TFGRAPH_DATA_DIR/ppi/`. They are not downloaded, for
            want of a published checksum; they come from
            <https://data.dgl.ai/dataset/ppi.zip>. Nothing in them is executed.

    Raises:
        ValueError: If `split` is unknown or the files do not fit each other.
        FileNotFoundError: If a file is not there.
    """
    if split not in _PPI_PREFIXES:
        raise ValueError(
            f"Expected `split` to be one of {list(_PPI_PREFIXES)}. "
            f"Received: split={split!r}"
        )
    prefix = _PPI_PREFIXES[split]
    graph, x, y, graph_id = (
        _folder_file(path, "ppi", f"{prefix}_{part}", _PPI_SOURCE)
        for part in ("graph.json", "feats.npy", "labels.npy", "graph_id.npy")
    )
    try:
        links = json.loads(graph.read_bytes())["links"]
        edges = [(link["source"], link["target"]) for link in links]
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"Expected {graph} to hold links, each with source and target, as it does "
            f"in {_PPI_SOURCE}. Received: no {error}"
        ) from error
    x, y, graph_id = (np.load(file, allow_pickle=False) for file in (x, y, graph_id))
    if graph_id.shape != (len(x),):
        raise ValueError(
            f"Expected {prefix}_graph_id.npy to have one number for each of the "
            f"{len(x)} rows of {prefix}_feats.npy. Received: shape={graph_id.shape}"
        )
    union = Graph(x, edges, y=y.astype(np.float32))  # checks what it is given
    between = graph_id[union.edges[:, 0]] != graph_id[union.edges[:, 1]]
    if between.any():
        raise ValueError(
            f"Expected {prefix}_graph.json to have no edge between two graphs. "
            f"Received: {union.edges[between][0].tolist()}"
        )
    return [
        union.subgraph(graph_id == number)
        .replace(name=f"ppi_{split}_{number}")
        .symmetrized()
        for number in np.unique(graph_id)
    ]


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
    file = _folder_file(path, "reddit", file_name, _REDDIT_SOURCE)
    with np.load(file, allow_pickle=False) as arrays:
        missing = set(keys) - set(arrays)
        if missing:
            raise ValueError(
                f"Expected {file} to hold the arrays {keys}, as it does in "
                f"{_REDDIT_SOURCE}. Received: {sorted(arrays)}"
            )
        return [arrays[key] for key in keys]


def _folder_file(path, name: str, file_name: str, source: str) -> pathlib.Path:
    """Returns a file in the folder `path`, or by default `$TFGRAPH_DATA_DIR/name/`."""
    folder = os.environ.get("TFGRAPH_DATA_DIR")
    if path is None and folder:
        path = pathlib.Path(folder, name)
    if path is None or not pathlib.Path(path, file_name).is_file():
        raise FileNotFoundError(
            f"Expected {file_name} in the folder `path` or in "
            f"`$TFGRAPH_DATA_DIR/{name}/`. It can be had from {source}. "
            f"Received: path={path}"
        )
    return pathlib.Path(path, file_name)

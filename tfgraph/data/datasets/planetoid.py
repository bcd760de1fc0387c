"""Well-known graphs: Zachary's karate club, Planetoid, Amazon and Coauthor."""

import os
import pathlib

import numpy as np

from tfgraph.data.datasets.planetoid_files import (
    CSR,
    PLANETOID_SHA256,
    planetoid_file,
    unpickle,
)
from tfgraph.data.graphs.features import features_of_entries
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.splits import random_split

_NPZ_SOURCE = "https://github.com/shchur/gnn-benchmark/tree/master/data/npz"

# Friends of each member, each friendship once, under the lower number.
_KARATE_FRIENDS = {
    0: [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31],
    1: [2, 3, 7, 13, 17, 19, 21, 30],
    2: [3, 7, 8, 9, 13, 27, 28, 32],
    3: [7, 12, 13],
    4: [6, 10],
    5: [6, 10, 16],
    6: [16],
    8: [30, 32, 33],
    9: [33],
    13: [33],
    14: [32, 33],
    15: [32, 33],
    18: [32, 33],
    19: [33],
    20: [32, 33],
    22: [32, 33],
    23: [25, 27, 29, 32, 33],
    24: [25, 27, 31],
    25: [31],
    26: [29, 33],
    27: [33],
    28: [31, 33],
    29: [32, 33],
    30: [32, 33],
    31: [32, 33],
    32: [33],
}
_KARATE_OFFICER = [9, 14, 15, 18, 20, *range(22, 34)]


def karate_club() -> Graph:
    """Returns Zachary's karate club: 34 members, 78 friendships, 2 factions.

    W. Zachary, [An Information Flow Model for Conflict and Fission in Small
    Groups](https://doi.org/10.1086/jar.33.4.3629752), 1977.

    Class 0 went with Mr. Hi (node 0) after the split, class 1 with the officer (node
    33). Those two are the training nodes, all others the test nodes. Features are the
    identity `[34, 34]`, as in the GCN paper. Edges have both directions.
    """
    edges = [(i, j) for i, friends in _KARATE_FRIENDS.items() for j in friends]
    train_mask = _mask(34, [0, 33])
    return Graph(
        x=np.eye(34),
        edges=edges,
        y=_mask(34, _KARATE_OFFICER).astype(np.int64),
        train_mask=train_mask,
        test_mask=~train_mask,
        name="karate_club",
    ).symmetrized()


def planetoid(name: str, split: str = "public", seed: int = 0) -> Graph:
    """Returns the citation graph Cora, Citeseer or Pubmed.

    Z. Yang et al., [Revisiting Semi-Supervised Learning with Graph
    Embeddings](https://arxiv.org/abs/1603.08861), ICML 2016. Licence: none is stated
    for the data.

    |          | nodes | edges, both directions | features | classes | train/val/test |
    |----------|-------|------------------------|----------|---------|----------------|
    | cora     |  2708 |                  10556 |     1433 |       7 |   140/500/1000 |
    | citeseer |  3327 |                   9228 |     3703 |       6 |   120/500/1000 |
    | pubmed   | 19717 |                  88651 |      500 |       3 |    60/500/1000 |

    Papers quote more edges, as the files repeat some. 15 nodes of Citeseer have
    neither features nor a label (-1) and are in no set; 124 of its edges, and 3 of
    Pubmed's, are self-loops. Features are sparse where SciPy is installed, dense
    elsewhere. They are not normalised: see `Graph.row_normalized`.

    The files are read from `$TFGRAPH_DATA_DIR/planetoid/` if that variable is set.
    Otherwise they are downloaded once, to `datasets/tfgraph` in Keras' cache
    (`$KERAS_HOME`, by default `~/.keras`). Either way their checksums are verified.

    Args:
        name: "cora", "citeseer" or "pubmed".
        split: "public" for the split of the paper (20 training nodes of each class,
            500 for validation, 1000 for test) or "random" for as many nodes, drawn by
            `random_split`.
        seed: Seed of the random split.

    Raises:
        ValueError: If `name` or `split` is unknown, or a file is not the known one.
        OSError: If a file is missing or cannot be downloaded.
    """
    if name not in PLANETOID_SHA256:
        raise ValueError(
            f"Expected `name` to be one of {list(PLANETOID_SHA256)}. "
            f"Received: name={name!r}"
        )
    if split not in ("public", "random"):
        raise ValueError(
            f'Expected `split` to be "public" or "random". Received: split={split!r}'
        )
    # One-hot labels y of the training nodes, which are the first of all but the test
    # nodes (allx, ally); and the test nodes (tx, ty) in the order of test.index.
    y, allx, ally, tx, ty, neighbours = (
        unpickle(planetoid_file(name, part))
        for part in ("y", "allx", "ally", "tx", "ty", "graph")
    )
    test = np.array(planetoid_file(name, "test.index").split(), dtype=np.int64)
    # Citeseer's test nodes have gaps: nodes of which only the edges are known.
    num_nodes = int(test.max()) + 1

    row, column, values = _csr_entries(allx)
    test_row, test_column, test_values = _csr_entries(tx)
    x = features_of_entries(
        np.concatenate([row, test[test_row]]),
        np.concatenate([column, test_column]),
        np.concatenate([values, test_values]),
        (num_nodes, allx.shape[1]),
    )
    labels = np.full(num_nodes, -1)
    labels[: len(ally)] = ally.argmax(axis=1)
    labels[test] = ty.argmax(axis=1)
    graph = Graph(
        x=x,
        edges=[(node, other) for node in neighbours for other in neighbours[node]],
        y=labels,
        train_mask=_mask(num_nodes, np.arange(len(y))),
        val_mask=_mask(num_nodes, np.arange(len(y), len(y) + 500)),
        test_mask=_mask(num_nodes, test),
        name=name,
    ).symmetrized()
    return graph if split == "public" else random_split(graph, seed=seed)


def amazon_computers(path: str | os.PathLike | None = None) -> Graph:
    """Returns the Amazon Computers co-purchase graph, without split masks.

    13752 nodes, 245861 undirected edges (both directions are stored), 767 features,
    10 classes. O. Shchur et al., [Pitfalls of Graph Neural Network
    Evaluation](https://arxiv.org/abs/1811.05868), 2018; split it by `random_split`.

    Args:
        path: The file `amazon_electronics_computers.npz`. By default it is looked for
            in `$TFGRAPH_DATA_DIR/npz/`. It is not downloaded, for want of a published
            checksum; it comes from
            <https://github.com/shchur/gnn-benchmark/tree/master/data/npz>.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it has not the layout that `read_npz` reads.
    """
    path = _npz_path(path, "amazon_electronics_computers.npz")
    return read_npz(path).replace(name="amazon_computers")


def coauthor_physics(path: str | os.PathLike | None = None) -> Graph:
    """Returns the Coauthor Physics graph, without split masks.

    34493 nodes, 247962 undirected edges (both directions are stored), 8415 features,
    5 classes. O. Shchur et al., [Pitfalls of Graph Neural Network
    Evaluation](https://arxiv.org/abs/1811.05868), 2018; split it by `random_split`.

    Args:
        path: The file `ms_academic_phy.npz`. By default it is looked for in
            `$TFGRAPH_DATA_DIR/npz/`. It is not downloaded, for want of a published
            checksum; it comes from
            <https://github.com/shchur/gnn-benchmark/tree/master/data/npz>.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it has not the layout that `read_npz` reads.
    """
    path = _npz_path(path, "ms_academic_phy.npz")
    return read_npz(path).replace(name="coauthor_physics")


def read_npz(path: str | os.PathLike) -> Graph:
    """Returns the graph of a file in the layout of `shchur/gnn-benchmark`.

    The file holds CSR parts `adj_{data,indices,indptr,shape}` of the adjacency and
    `attr_{data,indices,indptr,shape}` of the features, and `labels`. The graph is
    made undirected, as all results published on these files do. If all values of the
    adjacency are 1 it has no weights. Features are sparse where SciPy is installed,
    dense elsewhere.

    Args:
        path: The file. Nothing in it is executed (no pickles are read).

    Raises:
        ValueError: If an array is missing, pickled, or does not fit the others.
        OSError: If the file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            adjacency = _npz_csr(arrays, "adj", path)
            attributes = _npz_csr(arrays, "attr", path)
            labels = _npz_array(arrays, "labels", path)
    except (IndexError, TypeError) as error:
        raise ValueError(
            f"Expected `path` to be in the layout of the files of {_NPZ_SOURCE}. "
            f"Received: path={path}"
        ) from error
    target, source, values = _csr_entries(adjacency)
    x = features_of_entries(*_csr_entries(attributes), attributes.shape)
    return Graph(
        x=x,
        edges=np.stack([source, target], axis=1),
        edge_weight=None if np.all(values == 1) else values,
        y=labels,
        num_nodes=adjacency.shape[0],
    ).symmetrized()


def _npz_path(path, file_name: str) -> pathlib.Path:
    folder = os.environ.get("TFGRAPH_DATA_DIR")
    if path is None and folder:
        path = pathlib.Path(folder, "npz", file_name)
    if path is None or not pathlib.Path(path).is_file():
        raise FileNotFoundError(
            f"Expected {file_name} as `path` or in `$TFGRAPH_DATA_DIR/npz/`. "
            f"It can be had from {_NPZ_SOURCE}. Received: path={path}"
        )
    return pathlib.Path(path)


def _npz_array(arrays, key: str, path) -> np.ndarray:
    if key not in arrays:
        raise ValueError(
            f"Expected `path` to hold an array `{key}`, as the files of {_NPZ_SOURCE} "
            f"do. Received: path={path} with {sorted(arrays)}"
        )
    return arrays[key]


def _npz_csr(arrays, prefix: str, path) -> CSR:
    csr = CSR()
    csr.data, csr.indices, csr.indptr, shape = (
        _npz_array(arrays, f"{prefix}_{part}", path)
        for part in ("data", "indices", "indptr", "shape")
    )
    csr._shape = tuple(shape.tolist())
    rows, columns = csr.shape
    starts = csr.indptr
    if (
        len(starts) != rows + 1
        or starts[0] != 0
        or np.any(starts[1:] < starts[:-1])
        or not len(csr.data) == len(csr.indices) == starts[-1]
        or csr.indices.min(initial=0) < 0
        or csr.indices.max(initial=-1) >= columns
    ):
        raise ValueError(
            f"Expected the arrays `{prefix}_*` to be the parts of a CSR matrix. "
            f"Received: path={path}, where they do not fit each other"
        )
    return csr


def _csr_entries(csr: CSR) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns row, column and value of each entry, all `[nonzeros]`."""
    row = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    return row, csr.indices, csr.data


def _mask(num_nodes: int, nodes) -> np.ndarray:
    mask = np.zeros(num_nodes, bool)
    mask[nodes] = True
    return mask

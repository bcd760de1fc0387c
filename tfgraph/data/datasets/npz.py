"""The graphs of Shchur et al.: Amazon and Coauthor, and others in their layout."""

import importlib.util
import os
import pathlib

import numpy as np

from tfgraph.data.datasets.archives import CSR, check_dense, expecting, npz_array
from tfgraph.data.datasets.checksums import NPZ_SOURCE
from tfgraph.data.datasets.files import checked_path, find_file
from tfgraph.data.graphs.features import features_of_entries
from tfgraph.data.graphs.graph import Graph


def amazon_computers(path: str | os.PathLike | None = None) -> Graph:
    """Returns the Amazon Computers co-purchase graph, without split masks.

    13752 nodes, 245861 undirected edges (both directions are stored), 767 features,
    10 classes. O. Shchur et al., [Pitfalls of Graph Neural Network
    Evaluation](https://arxiv.org/abs/1811.05868), 2018; split it by `random_split`.

    Args:
        path: The file `amazon_electronics_computers.npz`. By default it is looked for
            in `$TFGRAPH_DATA_DIR/npz/`. It is not downloaded, because no checksum of it
            is published. It is available from
            <https://github.com/shchur/gnn-benchmark/tree/master/data/npz>.

    Raises:
        OSError: If the file is missing or cannot be read.
        ValueError: If it is damaged or not in the layout that `read_npz` reads.
    """
    path = find_file("npz", "amazon_electronics_computers.npz", NPZ_SOURCE, path)
    return read_npz(path).replace(name="amazon_computers")


def coauthor_physics(path: str | os.PathLike | None = None) -> Graph:
    """Returns the Coauthor Physics graph, without split masks.

    34493 nodes, 247962 undirected edges (both directions are stored), 8415 features,
    5 classes. O. Shchur et al., [Pitfalls of Graph Neural Network
    Evaluation](https://arxiv.org/abs/1811.05868), 2018; split it by `random_split`.

    Args:
        path: The file `ms_academic_phy.npz`. By default it is looked for in
            `$TFGRAPH_DATA_DIR/npz/`. It is not downloaded, because no checksum of it is
            published. It is available from
            <https://github.com/shchur/gnn-benchmark/tree/master/data/npz>.

    Raises:
        OSError: If the file is missing or cannot be read.
        ValueError: If it is damaged or not in the layout that `read_npz` reads.
    """
    path = find_file("npz", "ms_academic_phy.npz", NPZ_SOURCE, path)
    return read_npz(path).replace(name="coauthor_physics")


def read_npz(path: str | os.PathLike) -> Graph:
    """Returns the graph of a file in the layout of `shchur/gnn-benchmark`.

    The file holds the adjacency as a CSR matrix, `adj_{data,indices,indptr,shape}`,
    the features likewise as `attr_{data,indices,indptr,shape}`, and `labels`. The
    graph is made undirected, as in all published results on these files. It has no
    weights if all values of the adjacency are 1. Features are sparse if SciPy is
    installed, and dense otherwise.

    An array may take 100 times the size of a compressed file, plus 64 MiB. Save larger
    ones without compression, by `numpy.savez`.

    Args:
        path: The file. No code in it is executed, and no pickles are read.

    Raises:
        ValueError: If the file is damaged, or an array is missing, pickled, too large
            or does not fit the others, or the adjacency is not square.
        OSError: If the file cannot be read.
    """
    path = checked_path(path)
    adjacency, attributes = _csr(path, "adj"), _csr(path, "attr")
    num_nodes, columns = adjacency.shape
    if num_nodes != columns:
        raise ValueError(
            "Expected the adjacency `adj_*` to be square. "
            f"Received: path={path}, where its shape is {adjacency.shape}"
        )
    if importlib.util.find_spec("scipy") is None:
        check_dense(*attributes.shape, "Install SciPy to keep them sparse.")
    labels = npz_array(path, path, "labels", NPZ_SOURCE)
    target, source, values = adjacency.entries()
    with expecting(f"{path} to hold a graph in the layout of {NPZ_SOURCE}"):
        return Graph(
            x=features_of_entries(*attributes.entries(), attributes.shape),
            edges=np.stack([source, target], axis=1),
            edge_weight=None if np.all(values == 1) else values,
            y=labels,
            num_nodes=num_nodes,
        ).symmetrized()


def _csr(path: pathlib.Path, prefix: str) -> CSR:
    """Returns the matrix of the arrays `prefix_*`."""
    csr = CSR()
    csr.data, csr.indices, csr.indptr, shape = (
        npz_array(path, path, f"{prefix}_{part}", NPZ_SOURCE)
        for part in ("data", "indices", "indptr", "shape")
    )
    csr._shape = tuple(shape.tolist()) if shape.shape == (2,) else (-1, -1)
    if not _is_csr(csr):
        raise ValueError(
            f"Expected the arrays `{prefix}_*` to be the parts of a CSR matrix. "
            f"Received: path={path}, where they do not fit each other"
        )
    return csr


def _is_csr(csr: CSR) -> bool:
    (rows, columns), starts = csr.shape, csr.indptr
    vectors = (csr.data, csr.indices, starts)
    return (
        all(array.ndim == 1 for array in vectors)
        and all(array.dtype.kind in "iu" for array in (csr.indices, starts))
        and isinstance(rows, int)
        and isinstance(columns, int)
        and len(starts) == rows + 1 > 0
        and starts[0] == 0
        and bool(np.all(starts[1:] >= starts[:-1]))
        and len(csr.data) == len(csr.indices) == starts[-1]
        and csr.indices.min(initial=0) >= 0
        and csr.indices.max(initial=0) < max(columns, 1)
    )

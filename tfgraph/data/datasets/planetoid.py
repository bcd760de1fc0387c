"""The graphs of Planetoid: Cora, Citeseer, Pubmed and NELL."""

from collections.abc import Callable

import numpy as np

from tfgraph.data.datasets.archives import tar_member, unpickled
from tfgraph.data.datasets.checksums import (
    NELL_SHA256,
    NELL_URL,
    PLANETOID_SHA256,
    PLANETOID_URL,
)
from tfgraph.data.datasets.files import (
    check_sha256,
    data_dir,
    downloaded,
    find_file,
    known_name,
)
from tfgraph.data.graphs.conversions import optional_import
from tfgraph.data.graphs.features import features_of_entries
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.splits import random_split


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

    Papers quote more edges, because the files repeat some. 15 nodes of Citeseer have
    no features and no label (-1), and are in no set. Citeseer has 124 self-loops,
    Pubmed 3. Features are sparse if SciPy is installed, and dense otherwise. They are
    not normalised: see `Graph.row_normalized`.

    The files are read from `$TFGRAPH_DATA_DIR/planetoid/` if that variable is set.
    Otherwise they are downloaded once, to `datasets/tfgraph` in Keras' cache
    (`$KERAS_HOME`, by default `~/.keras`). Either way their checksums are verified.

    Args:
        name: "cora", "citeseer" or "pubmed", in upper or lower case.
        split: "public" for the split of the paper: 20 training nodes of each class,
            500 for validation, 1000 for test. "random" for the same numbers of nodes,
            drawn by `random_split`.
        seed: Seed of the random split.

    Raises:
        ValueError: If `name` or `split` is unknown, or a file is not the known one.
        OSError: If a file is missing or cannot be downloaded.
    """
    name = known_name("name", name, PLANETOID_SHA256)
    split = known_name("split", split, ("public", "random"))
    graph = _graph(name, lambda part: planetoid_file(name, part))
    return graph if split == "public" else random_split(graph, seed=seed)


def nell() -> Graph:
    """Returns the knowledge graph NELL, with the split of 0.1% labelled nodes.

    A. Carlson et al., Toward an Architecture for Never-Ending Language Learning, AAAI
    2010, in the form of Z. Yang et al., [Revisiting Semi-Supervised Learning with Graph
    Embeddings](https://arxiv.org/abs/1603.08861), ICML 2016. Licence: none is stated
    for the data.

    There are 65755 nodes: 9891 entities with 5414 features and a class, and 55864
    relations without. As in [GCN](https://arxiv.org/abs/1609.02907), each relation has
    a one-hot feature of its own, so that there are 61278 features, and no label (-1).
    105 entities are for training, 500 for validation, 969 for the test. These numbers
    are published, or follow from the sizes of the files. Features are sparse and not
    normalised, see `Graph.row_normalized`. Keep them sparse in training:
    `full_batch(graph, sparse_features=True)`.

    The files `ind.nell.0.001.*` are read from `$TFGRAPH_DATA_DIR/planetoid/` if that
    variable is set. Otherwise they are downloaded once, to `datasets/tfgraph` in Keras'
    cache (`$KERAS_HOME`, by default `~/.keras`). Either way their checksums are
    verified.

    Raises:
        ImportError: If SciPy is not installed. Dense features would take 16 GB.
        ValueError: If a file is not the known one.
        OSError: If a file is missing or cannot be downloaded.
    """
    sparse = optional_import("scipy.sparse", "nell")
    graph = _graph("nell.0.001", _nell_files().__getitem__)
    relations = np.flatnonzero(graph.y == -1)
    entries = np.ones(len(relations)), (relations, np.arange(len(relations)))
    one_hot = sparse.csr_array(entries, shape=(graph.num_nodes, len(relations)))
    x = sparse.hstack([graph.x, one_hot], format="csr")
    return graph.replace(x=x, name="nell")


def _graph(name: str, file: Callable[[str], bytes]) -> Graph:
    """Returns the graph of Planetoid files, with the public split.

    Args:
        name: Name of the graph.
        file: Returns the verified content of a part.
    """
    # One-hot labels y of the training nodes, which are the first of all but the test
    # nodes (allx, ally); and the test nodes (tx, ty) in the order of test.index.
    y, allx, ally, tx, ty, neighbours = (
        unpickled(f"ind.{name}.{part}", file(part))
        for part in ("y", "allx", "ally", "tx", "ty", "graph")
    )
    test = np.array(file("test.index").split(), dtype=np.int64)
    # The test nodes have gaps. Of the nodes there only the edges are known: in
    # Citeseer some papers, in NELL the relations.
    num_nodes = len(neighbours)

    row, column, values = allx.entries()
    test_row, test_column, test_values = tx.entries()
    x = features_of_entries(
        np.concatenate([row, test[test_row]]),
        np.concatenate([column, test_column]),
        np.concatenate([values, test_values]),
        (num_nodes, allx.shape[1]),
    )
    labels = np.full(num_nodes, -1)
    labels[: len(ally)] = ally.argmax(axis=1)
    labels[test] = ty.argmax(axis=1)
    return Graph(
        x=x,
        edges=[(node, other) for node in neighbours for other in neighbours[node]],
        y=labels,
        train_mask=_mask(num_nodes, np.arange(len(y))),
        val_mask=_mask(num_nodes, np.arange(len(y), len(y) + 500)),
        test_mask=_mask(num_nodes, test),
        name=name,
    ).symmetrized()


def planetoid_file(name: str, part: str) -> bytes:
    """Returns the verified content of a Planetoid file, downloaded if need be."""
    file_name = f"ind.{name}.{part}"
    sha256 = PLANETOID_SHA256[name][part]
    if data_dir() is None:
        url, place = PLANETOID_URL + file_name, f"planetoid/{file_name}"
        return downloaded(url, file_name, sha256, place)
    return _own_file(file_name, sha256, PLANETOID_URL)


def _nell_files() -> dict[str, bytes]:
    """Returns the verified content of NELL's files by part, downloaded if need be."""
    names = {part: f"ind.nell.0.001.{part}" for part in NELL_SHA256}
    if data_dir() is not None:
        return {
            part: _own_file(name, NELL_SHA256[part], NELL_URL)
            for part, name in names.items()
        }
    members = {part: f"nell_data/{name}" for part, name in names.items()}
    sha256 = {member: NELL_SHA256[part] for part, member in members.items()}
    place = "planetoid/ind.nell.0.001.*"
    archive = downloaded(NELL_URL, "nell_data.tar.gz", sha256, place)
    return {
        part: tar_member(NELL_URL, archive, member) for part, member in members.items()
    }


def _own_file(file_name: str, sha256: str, source: str) -> bytes:
    """Returns the verified content of a file in the user's folder."""
    path = find_file("planetoid", file_name, source)
    content = path.read_bytes()
    check_sha256(path, content, sha256)
    return content


def _mask(num_nodes: int, nodes) -> np.ndarray:
    mask = np.zeros(num_nodes, bool)
    mask[nodes] = True
    return mask

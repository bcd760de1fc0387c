"""Protein interactions: graphs with several labels for each node."""

import json
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from tfgraph.data.datasets.archives import expecting, npy_array, zip_member
from tfgraph.data.datasets.checksums import PPI_SHA256, PPI_SOURCE, PPI_URL
from tfgraph.data.datasets.files import (
    check_sha256,
    checked_path,
    data_dir,
    downloaded,
    find_file,
    known_name,
)
from tfgraph.data.graphs.graph import Graph

_PREFIXES = {"train": "train", "val": "valid", "test": "test"}


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

    These are the published numbers. Nodes have 50 features and 121 labels. `y` is
    `[N, 121]`, float32, and each label is 0 or 1, so the last layer needs a sigmoid.
    Edges have both directions, and self-loops are kept. `standardized` scales the
    features as GraphSAGE and GAT do.

    GraphSAGE's files hold all graphs as one. Its connected components are the graphs.
    Components of one or two nodes are added to the first graph of their split, as the
    authors of GAT do.

    The files are read from `$TFGRAPH_DATA_DIR/ppi/` if that variable is set. Otherwise
    GraphSAGE's are downloaded once, to `datasets/tfgraph` in Keras' cache
    (`$KERAS_HOME`, by default `~/.keras`). Either way their checksums are verified.

    Args:
        split: "train", "val" or "test".
        path: A folder to read instead. It has one of these sets of files:

            - GraphSAGE's `ppi-G.json`, `ppi-feats.npy` and `ppi-class_map.json`, from
              <https://snap.stanford.edu/graphsage/ppi.zip>;
            - `{train,valid,test}_graph.json`, `_feats.npy`, `_labels.npy` and
              `_graph_id.npy` (the number of each node's graph, by the authors of GAT),
              from <https://data.dgl.ai/dataset/ppi.zip>. They are not verified, because
              no checksum of them is published.

            No code in them is executed.

    Raises:
        ValueError: If `split` is unknown, or a file is damaged, is not the known one or
            does not fit the others.
        OSError: If a file is missing, or cannot be read or downloaded.
    """
    split = known_name("split", split, _PREFIXES)
    root = data_dir()
    if path is None and root is None:
        members = {f"ppi/{name}": sha256 for name, sha256 in PPI_SHA256.items()}
        place = "ppi/ppi-{G.json,feats.npy,class_map.json}"
        content = downloaded(PPI_URL, "ppi.zip", members, place)
        files = {
            name: zip_member(PPI_URL, content, f"ppi/{name}") for name in PPI_SHA256
        }
        return _graphsage_graphs(split, PPI_URL, files)
    folder = pathlib.Path(root or "", "ppi") if path is None else checked_path(path)
    if not (folder / "ppi-G.json").exists():
        return _gat_graphs(split, folder)
    files = {name: _file(folder, name).read_bytes() for name in PPI_SHA256}
    for name, content in files.items():
        check_sha256(folder / name, content, PPI_SHA256[name])
    return _graphsage_graphs(split, folder, files)


def _graphsage_graphs(
    split: str, where: str | os.PathLike, files: Mapping[str, bytes]
) -> list[Graph]:
    with expecting(f"{where} to hold the files of {PPI_URL}"):
        graph, labels = (
            json.loads(files[name]) for name in ("ppi-G.json", "ppi-class_map.json")
        )
        # NetworkX 1 wrote the links: by position in the list of nodes.
        nodes = graph["nodes"]
        union = Graph(
            npy_array(where, files["ppi-feats.npy"]),
            [(link["source"], link["target"]) for link in graph["links"]],
            y=np.array([labels[str(node["id"])] for node in nodes], np.float32),
        ).symmetrized()
        split_of_node = np.array(
            [
                "val" if node["val"] else "test" if node["test"] else "train"
                for node in nodes
            ]
        )
    first = _first_of_component(union)
    is_large = np.bincount(first, minlength=len(first))[first] > 2
    number = 1 + np.searchsorted(np.unique(first[is_large]), first)
    in_split = split_of_node == split
    number[in_split & ~is_large] = number[in_split & is_large].min()
    return _graphs(split, union.subgraph(in_split), number[in_split])


def _first_of_component(graph: Graph) -> np.ndarray:
    """Returns the smallest number of a node of each node's component, `[N]`."""
    source, target = graph.edges.T
    first = np.arange(graph.num_nodes)
    while True:
        smaller = first.copy()
        np.minimum.at(smaller, target, first[source])
        smaller = smaller[smaller]
        if np.array_equal(smaller, first):
            return first
        first = smaller


def _gat_graphs(split: str, folder: pathlib.Path) -> list[Graph]:
    prefix = _PREFIXES[split]
    graph, *arrays = (
        _file(folder, f"{prefix}_{part}")
        for part in ("graph.json", "feats.npy", "labels.npy", "graph_id.npy")
    )
    edges = _edges(graph)
    x, y, graph_id = (npy_array(array, array.read_bytes()) for array in arrays)
    with expecting(f"{graph} and the arrays beside it to fit each other"):
        if graph_id.shape != (len(x),) or graph_id.dtype.kind not in "iu":
            raise ValueError(
                f"Expected {prefix}_graph_id.npy to have one integer for each of the "
                f"{len(x)} rows of {prefix}_feats.npy. "
                f"Received: shape={graph_id.shape}, dtype={graph_id.dtype}"
            )
        union = Graph(x, edges, y=y.astype(np.float32))
    between = graph_id[union.edges[:, 0]] != graph_id[union.edges[:, 1]]
    if between.any():
        raise ValueError(
            f"Expected {graph} to have no edge between two graphs. "
            f"Received: {union.edges[between][0].tolist()}"
        )
    return _graphs(split, union.symmetrized(), graph_id)


def _edges(file: pathlib.Path) -> list[tuple]:
    """Returns the links of a graph's JSON file, as (source, target)."""
    with expecting(f"{file} to be a JSON file"):
        graph = json.loads(file.read_bytes())
    try:
        return [(link["source"], link["target"]) for link in graph["links"]]
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"Expected {file} to hold links, each with source and target, as it does "
            f"in {PPI_SOURCE}. Received: no {error}"
        ) from None


def _file(folder: pathlib.Path, file_name: str) -> pathlib.Path:
    source = f"{PPI_SOURCE}; {PPI_URL} has files of another layout, which are read, too"
    return find_file("ppi", file_name, source, folder / file_name)


def _graphs(split: str, union: Graph, graph_id: np.ndarray) -> list[Graph]:
    return [
        union.subgraph(graph_id == number).replace(name=f"ppi_{split}_{number}")
        for number in np.unique(graph_id)
    ]

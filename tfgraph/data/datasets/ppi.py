"""Protein interactions: graphs with several labels for each node."""

import json
import os
import pathlib

import numpy as np

from tfgraph.data.datasets.archives import expecting, npy_array
from tfgraph.data.datasets.checksums import PPI_SOURCE
from tfgraph.data.datasets.files import checked_path, find_file, known_name
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

    These are the published numbers. The files are not checked against them. Nodes have
    50 features and 121 labels. `y` is `[N, 121]`, float32, and each label is 0 or 1,
    so the last layer needs a sigmoid. Edges have both directions, and self-loops are
    kept. `standardized` scales the features as GraphSAGE and GAT do.

    Args:
        split: "train", "val" or "test".
        path: A folder with the files `{train,valid,test}_graph.json`, `_feats.npy`,
            `_labels.npy` and `_graph_id.npy` (the number of each node's graph, by the
            authors of GAT). By default `$TFGRAPH_DATA_DIR/ppi/`. They are not
            downloaded, because no checksum of them is published. They are available
            from <https://data.dgl.ai/dataset/ppi.zip>. No code in them is executed.

    Raises:
        ValueError: If `split` is unknown, or a file is damaged or does not fit the
            others.
        OSError: If a file is missing or cannot be read.
    """
    split = known_name("split", split, _PREFIXES)
    prefix = _PREFIXES[split]
    graph, *arrays = (
        _file(path, f"{prefix}_{part}")
        for part in ("graph.json", "feats.npy", "labels.npy", "graph_id.npy")
    )
    edges = _edges(graph)
    x, y, graph_id = map(npy_array, arrays)
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
    return [
        union.subgraph(graph_id == number)
        .replace(name=f"ppi_{split}_{number}")
        .symmetrized()
        for number in np.unique(graph_id)
    ]


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


def _file(path, file_name: str) -> pathlib.Path:
    path = None if path is None else checked_path(path) / file_name
    return find_file("ppi", file_name, PPI_SOURCE, path)

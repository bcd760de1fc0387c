"""The schema of a folder of tables, in TF-GNN's unigraph format, and its names."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from tfgraph.arguments import received
from tfgraph.graph_tensor import load_tfgnn

SCHEMA = "graph_schema.pbtxt"
LABEL = "label"
EDGE_FEATURE = "features."  # and the number of a column
SEED = "context/seed"  # the id of the seed, in a sample

# The sampler walks from source to target. A node that receives along the edges finds
# its neighbours against them: in the edge set of this name, of the same table. Names of
# a `HeteroGraph` have no ".".
REVERSED = ".reversed"


def relation_name(edge_set_name: str, receiver: str) -> str:
    """Returns the schema's name of an edge set in which the sampler draws.

    Args:
        edge_set_name: The edge set of the graph.
        receiver: The end of its edges that receives, "target" or "source".
    """
    return edge_set_name + (REVERSED if receiver == "target" else "")


def read_schema(tables: str | os.PathLike) -> Any:
    """Returns the `GraphSchema` of a folder of tables."""
    load_tfgnn()
    from google.protobuf import text_format
    from tensorflow_gnn.proto import graph_schema_pb2

    file = os.path.join(checked_path("tables", tables), SCHEMA)
    if not tf.io.gfile.exists(file):
        raise ValueError(
            f"Expected `tables` to be a folder with a {SCHEMA}, such as "
            f"`tfgraph.beam.write_tables` writes. Received: tables={str(tables)!r}"
        )
    with tf.io.gfile.GFile(file) as text:
        return text_format.Parse(text.read(), graph_schema_pb2.GraphSchema())


def is_of_graph(schema: Any) -> bool:
    """Whether a schema is that of a `Graph`, where nodes receive along edges only."""
    return all(name.endswith(REVERSED) for name in schema.edge_sets)


def make_folder_of(file: str) -> None:
    """Makes the folder that a file is written to, if it does not exist."""
    tf.io.gfile.makedirs(os.path.dirname(file) or ".")


def checked_path(name: str, path: Any) -> str:
    """Returns an argument that is a path as a string, or raises a `ValueError`."""
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"Expected `{name}` to be a path. {received(name, path)}")
    return os.fspath(path)

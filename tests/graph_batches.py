"""A batch of small graphs in every form that whole-graph layers take."""

import numpy as np
import tensorflow as tf
from layer_checks import sparse

from tfgraph.graph_tensor import homogeneous

# The third graph has no nodes, the second has one.
SIZES = [4, 1, 0, 3]
PLACES = np.split(np.arange(sum(SIZES)), np.cumsum(SIZES)[:-1])
GRAPH_IDS = np.repeat(np.arange(len(SIZES)), SIZES)

_rng = np.random.default_rng(0)
X = _rng.normal(size=(sum(SIZES), 3)).astype("float32")
# Directed and weighted, with self-loops, and node 2 without an edge.
ADJACENCY = np.zeros((sum(SIZES), sum(SIZES)), "float32")
for places in PLACES:
    block = _rng.random((len(places), len(places)))
    ADJACENCY[np.ix_(places, places)] = np.where(block > 0.4, block, 0)
ADJACENCY[2] = ADJACENCY[:, 2] = 0


def padded(rows, extra=0, filling=0.0):
    """The rows of each graph, filled up to those of the largest and `extra` more."""
    shape = (len(SIZES), max(SIZES) + extra, *rows.shape[1:])
    dense = np.full(shape, filling, rows.dtype)
    for graph, places in enumerate(PLACES):
        dense[graph, : len(places)] = rows[places]
    return dense


def padded_adjacency(extra=0):
    size = max(SIZES) + extra
    dense = np.zeros((len(SIZES), size, size), "float32")
    for graph, places in enumerate(PLACES):
        inner = ADJACENCY[np.ix_(places, places)]
        dense[graph, : len(places), : len(places)] = inner
    return dense


MASK = padded(np.ones(sum(SIZES), bool), filling=False)


def graph_tensor(x=X):
    """A component for each graph; the edge feature is called `weight`."""
    entries = sparse(ADJACENCY)
    num_edges = [np.count_nonzero(ADJACENCY[places]) for places in PLACES]
    return homogeneous(
        entries.indices,
        tf.constant(SIZES, tf.int64),
        tf.constant(num_edges, tf.int64),
        tf.constant(x),
        entries.values,
    )


def batch_forms(x=X):
    """`{name: inputs}`, the same graphs in each."""
    entries = sparse(ADJACENCY)
    order = np.random.default_rng(1).permutation(len(entries.values))
    shuffled = sparse(ADJACENCY, order)
    halves = tf.SparseTensor(
        tf.repeat(shuffled.indices, 2, axis=0),
        tf.repeat(shuffled.values / 2, 2),
        ADJACENCY.shape,
    )
    graph = graph_tensor(x)
    return {
        "sparse": [tf.constant(x), entries, tf.constant(GRAPH_IDS)],
        "duplicates that add up": [tf.constant(x), halves, tf.constant(GRAPH_IDS)],
        "GraphTensor": graph,
        "features and GraphTensor": [tf.constant(x), graph],
        "dense": [padded(x), padded_adjacency(), MASK],
        "dense, with more padding": [
            padded(x, 2, filling=9.0),
            padded_adjacency(2),
            padded(np.ones(len(x), bool), 2, filling=False),
        ],
    }


def of_nodes(rows):
    """The rows of nodes `[N, ...]`, of an output `[N, ...]` or `[B, n, ...]`."""
    rows = np.asarray(rows)
    if len(rows) == len(SIZES):
        return np.concatenate([rows[g, :n] for g, n in enumerate(SIZES)])
    return rows

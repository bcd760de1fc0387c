"""The part of a graph that a prediction depends on."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfgraph.explain.prediction import Prediction
from tfgraph.explain.sources import in_form_of


def within(prediction: Prediction, hops: int) -> Prediction:
    """Returns a prediction of the part of the graph that its number depends on.

    One hop more than the messages go: a normalised layer needs the degrees of the last
    senders.

    Raises:
        ValueError: If the number is another one, or the inputs cannot be cut.
    """
    source, roots = prediction.source, prediction.about["nodes"]
    if not roots or source.parts.graph is not None:
        raise ValueError(
            "Expected `hops` with the prediction of a node or pair of `[x, adjacency]` "
            f"only; pass None for a GraphTensor or a whole graph. Received: hops={hops}"
        )
    sender, receiver = source.edges.T
    inner = near = np.isin(np.arange(len(source.x)), roots)
    for _ in range(hops):
        inner, near = near, near.copy()
        near[sender[inner[receiver]]] = True
    reached = near.copy()
    kept = np.flatnonzero(near[receiver])
    near[sender[kept]] = True
    nodes = np.flatnonzero(near)
    cut = _cut(source, nodes, kept, prediction.index)
    smaller = dataclasses.replace(
        prediction,
        source=cut,
        index=0
        if source.parts.pairs is not None
        else int(nodes.searchsorted(roots)[0]),
        can_matter=inner[receiver[kept]],
        edge_numbers=kept,
        node_numbers=nodes,
    )
    _, x, _, weights = cut.tensors()
    number = smaller.target.number(smaller.row(x, weights))
    if abs(float(number) - prediction.number) > 1e-3 * max(abs(prediction.number), 1):
        raise ValueError(
            "Expected `hops` to be the number of layers of messages, or more. "
            f"Received: hops={hops}, within which the prediction is "
            f"{float(number):.4g} rather than {prediction.number:.4g}"
        )
    of_x, _ = smaller.gradients(cut.x, cut.weights)
    if of_x[~reached[nodes]].any():
        raise ValueError(
            "Expected `hops` to be the number of layers of messages, or more. "
            f"Received: hops={hops}, with messages from nodes beyond"
        )
    return smaller


def _cut(source, nodes, kept, index):
    """The `Source` of some nodes and edges."""
    parts = source.parts
    edges = nodes.searchsorted(source.edges[kept])
    weights, x = source.weights[kept], source.x[nodes]
    size = len(nodes)
    is_sparse = isinstance(parts.adjacency, tf.SparseTensor)
    dtype = parts.adjacency.dtype
    adjacency: Any = tf.zeros([size, size], dtype)
    edge_features = parts.edge_features
    if is_sparse:
        values = tf.cast(weights, dtype)
        adjacency = tf.SparseTensor(edges[:, ::-1].astype(np.int64), values, [size] * 2)
        if edge_features is not None:
            edge_features = tf.gather(edge_features, kept)
    elif edge_features is not None:
        edge_features = tf.gather(tf.gather(edge_features, nodes), nodes, axis=1)
    pairs = parts.pairs
    if pairs is not None:
        pairs = tf.constant(nodes.searchsorted(pairs[index : index + 1]), pairs.dtype)
    parts = dataclasses.replace(
        parts,
        x=in_form_of(parts.x, tf.constant(x)),
        adjacency=adjacency,
        edge_features=edge_features,
        pairs=pairs,
    )
    return dataclasses.replace(source, parts=parts, edges=edges, weights=weights, x=x)

"""Samples of a graph as layered blocks: features and one adjacency for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs.conversions import entries_of
from tfgraph.data.graphs.fields import SciPyMatrix
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.sampling.fanouts import checked_fanouts
from tfgraph.data.sampling.feature_rows import FeatureRows, filled
from tfgraph.data.sampling.layered_neighbors import Layer, LayeredNeighbors


class BlockSampler:
    """Samples the neighbourhood of some nodes, the seeds, as inputs of a model.

    Args:
        graph: A `Graph` with features.
        fanouts: See `neighbor_batches`.
        replacement: See `neighbor_batches`.
        pad: Whether `arrays` have the same shapes for all samples of the same number of
            seeds, and -1 may be among these.
        sparse_features: Whether `x` becomes a SparseTensor.
        by_weight: See `neighbor_batches`.
    """

    def __init__(
        self,
        graph: Graph,
        fanouts: Any,
        replacement: str,
        pad: bool,
        sparse_features: bool = False,
        by_weight: bool = False,
    ) -> None:
        x = check_features(graph)
        self.fanouts = checked_fanouts(fanouts, replacement, pad)
        self.replacement = replacement
        self.pad = pad
        if sparse_features and pad:
            raise ValueError(
                "Expected `sparse_features` to be False with `replacement='always'` or "
                "pad=True, which keep all shapes the same. "
                "Received: sparse_features=True"
            )
        self.sparse_features = sparse_features
        self.x = x if is_scipy(x) else np.ascontiguousarray(x)
        self.x_rows = FeatureRows(self.x)
        self.neighbors = LayeredNeighbors(graph, by_weight)

    def set_features(self, x: np.ndarray) -> None:
        """Gives the nodes other, dense features, and lets go of the old."""
        self.x, self.sparse_features = x, False
        self.x_rows = FeatureRows(x)

    def sample(
        self, rng: np.random.Generator, seeds: np.ndarray
    ) -> tuple[np.ndarray, list[Layer]]:
        """Returns nodes and layers, see `LayeredNeighbors.sample`."""
        return self.neighbors.sample(
            rng, seeds, self.fanouts, self.replacement, self.pad
        )

    def features(self, nodes: np.ndarray) -> np.ndarray:
        """Returns the rows of `x` for the nodes, zeros for -1."""
        x = self.x_rows.take(nodes)
        if self.pad:
            x[nodes < 0] = 0
        return x

    def feature_entries(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows of `x` as indices and values of a SparseTensor."""
        return entries_of(self.x[nodes])

    @property
    def types(self) -> tuple[tf.DType, ...]:
        """The TensorFlow types of `arrays`."""
        features = (tf.int64,) * self.sparse_features + (tf.float32,)
        return (*features, *self._layer_types * len(self.fanouts))

    @property
    def _layer_types(self):
        edge_features = (tf.float32,) * (self.neighbors.features is not None)
        return (tf.int64, tf.int64, tf.float32, *edge_features)

    def arrays(
        self, rng: np.random.Generator, seeds: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Returns the features, then each layer's adjacency: shape, indices, values.

        The features are one array, or the indices and the values of sparse ones. If the
        edges have features, those of a layer follow its values.
        """
        nodes, layers = self.sample(rng, seeds)
        if self.sparse_features:
            arrays = [*self.feature_entries(nodes)]
        else:
            arrays = [self.features(nodes)]
        for layer, fanout in zip(layers, self.fanouts, strict=True):
            shape = np.array([layer.num_targets, layer.num_nodes])
            merge = self.replacement != "always"
            indices, *of_entries = self.neighbors.entries(layer, merge)
            if self.pad and fanout is not None:
                size = layer.num_targets * fanout
                indices = filled(indices, size, shape - 1)  # sorted, as the others are
                of_entries = [filled(rows, size) for rows in of_entries]
            arrays += [shape, indices, *of_entries]
        return tuple(arrays)

    def inputs(
        self, arrays: Sequence[tf.Tensor], num_seeds: int | None
    ) -> tuple[Any, ...]:
        """Returns `(x, adjacencies)`, of all known shapes.

        If the edges have features, returns `(x, adjacencies, edge_features)`.

        Args:
            arrays: What `arrays` returned, as tensors.
            num_seeds: The number of seeds, or None if batches differ in it.
        """
        size = len(self._layer_types)
        num_parts = len(self.types) - size * len(self.fanouts)
        features, layers = arrays[:num_parts], arrays[num_parts:]
        num_targets = num_seeds
        adjacencies: list[tf.sparse.SparseTensor] = []
        edge_features: list[tf.Tensor] = []
        for k in reversed(range(len(self.fanouts))):
            shape, indices, values, *of_edges = layers[size * k : size * (k + 1)]
            num_edges = num_nodes = None
            fanout = self.fanouts[k]
            if self.pad and num_targets is not None and fanout is not None:
                num_edges = num_targets * fanout
                num_nodes = num_targets + self.neighbors.max_new_nodes(num_edges)
            shape = [
                shape[i] if size is None else tf.constant(size, tf.int64)
                for i, size in enumerate((num_targets, num_nodes))
            ]
            adjacency = tf.sparse.SparseTensor(
                tf.ensure_shape(indices, (num_edges, 2)),
                tf.ensure_shape(values, (num_edges,)),
                tf.stack(shape),
            )
            adjacencies.insert(0, adjacency)
            for rows in of_edges:
                width = self.neighbors.features.shape[1]
                edge_features.insert(0, tf.ensure_shape(rows, (num_edges, width)))
            num_targets = num_nodes
        num_features = self.x.shape[1]
        if self.sparse_features:
            indices, values = features
            indices = tf.ensure_shape(indices, (None, 2))
            values = tf.ensure_shape(values, (None,))
            num_nodes = adjacencies[0].dense_shape[1]
            x = tf.sparse.SparseTensor(
                indices, values, tf.stack([num_nodes, num_features])
            )
        else:
            x = tf.ensure_shape(features[0], (num_targets, num_features))
        if self.neighbors.features is None:
            return x, tuple(adjacencies)
        return x, tuple(adjacencies), tuple(edge_features)


def check_features(graph: Graph) -> np.ndarray | SciPyMatrix:
    """Returns the features of a graph, or raises a `ValueError` if it has none."""
    if graph.x is None:
        raise ValueError(f"Expected `graph` to have features. Received: graph={graph}")
    return graph.x

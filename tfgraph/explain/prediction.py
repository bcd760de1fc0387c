"""A prediction as a function of the features and of the weights of the edges."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph.explain.explanation import Explanation, HeteroExplanation
from tfgraph.explain.sources import Source
from tfgraph.explain.targets import Target


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One row of a model's output.

    Attributes:
        whole: The inputs.
        source: The inputs, or the part of them within some hops.
        call: Returns the row, given inputs, features, indices, weights and its number.
        index: The row in the output of `source`.
        can_matter: Booleans `[E]`, False for an edge beyond the last hop.
        target: What is explained of it.
        number: The explained number.
        edge_numbers, node_numbers: The place of each edge and node of a part in the
            whole. None if it is the whole.
        about: What the explanation says apart from the importances.
    """

    whole: Source
    source: Source
    call: Callable
    index: int
    can_matter: np.ndarray
    target: Target
    number: float
    about: dict[str, Any]
    edge_numbers: np.ndarray | None = None
    node_numbers: np.ndarray | None = None

    def row(self, x: Any, weights: tf.Tensor) -> tf.Tensor:
        """Returns the row of the output, `[C]`, of other features and weights."""
        inputs = self.source.parts.to_inputs()
        indices = tf.constant(self.source.edges[:, ::-1], tf.int64)
        return self.call(inputs, x, indices, weights, tf.constant(self.index))

    def gradients(self, x: Any, weights: np.ndarray) -> tuple[Any, np.ndarray]:
        """Returns the gradients of the number with respect to `x` and `weights`.

        Raises:
            ValueError: If the model takes no account of the weights.
        """
        x = keras.tree.map_structure(tf.constant, x)
        given = tf.constant(weights)
        with tf.GradientTape() as tape:
            tape.watch([x, given])
            number = self.target.number(self.row(x, given))
        of_weights, *of_x = tape.gradient(number, [given, *keras.tree.flatten(x)])
        if of_weights is None:
            raise ValueError(
                "Expected a model that depends on the weights of edges. Layers of your "
                "own over a GraphTensor read them as the edge feature "
                "`edge_weight_name`, or extend a layer of tfgraph. The aggregators "
                '"max_pool" and "lstm" count neighbours of any weight alike. '
                "Received: a model without a gradient of the weights"
            )
        of_x = [
            np.zeros(value.shape, np.float32)
            if gradient is None
            else tf.convert_to_tensor(gradient).numpy()
            for gradient, value in zip(of_x, keras.tree.flatten(x), strict=True)
        ]
        of_edges = tf.convert_to_tensor(of_weights).numpy()
        return keras.tree.pack_sequence_as(x, of_x), of_edges

    def explained(
        self, edges: np.ndarray, features: Any
    ) -> Explanation | HeteroExplanation:
        """Returns the explanation of the whole graph.

        Args:
            edges: The importance of each edge of `source`.
            features: `[F]`, or `[N, F]` of the nodes of `source`; or a dict of these.
        """
        edges = np.where(self.can_matter, edges, 0).astype(np.float32)
        if self.edge_numbers is not None:
            edges = _placed(edges, self.edge_numbers, len(self.whole.edges))
            if features.ndim == 2:
                features = _placed(features, self.node_numbers, len(self.whole.x))
        return self.whole.explanation(edges, features, **self.about)


def _placed(rows, places, size):
    """An array of `size` rows, of which some are given and the others 0."""
    whole = np.zeros((size, *rows.shape[1:]), np.float32)
    whole[places] = rows
    return whole

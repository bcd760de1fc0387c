"""The inputs of a model, with features and weights of the edges taken out."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph import inputs as graph_inputs
from tfgraph.explain.explanation import Explanation, HeteroExplanation
from tfgraph.graph_tensor import is_components
from tfgraph.inputs import GraphInputs


@dataclasses.dataclass(frozen=True)
class Source:
    """One graph as `[x, adjacency]`.

    Attributes:
        parts: The inputs.
        edges: Integers `[E, 2]`, rows `(source, target)`.
        weights: float32 `[E]`.
        x: float32 `[N, F]`. In `GraphTensorSource` a dict of such by node set.
    """

    parts: GraphInputs
    edges: np.ndarray
    weights: np.ndarray
    x: Any

    def call(
        self,
        model: keras.Model,
        inputs: Any,
        x: Any,
        indices: tf.Tensor,
        weights: tf.Tensor,
    ) -> Any:
        """Returns the model's output for other features and weights.

        Args:
            model: The model.
            inputs: Inputs of the form of `parts`.
            x: As the attribute.
            indices: int64 `[E, 2]`, (receiver, sender) of each edge.
            weights: `[E]`.
        """
        parts = parsed(inputs)
        adjacency: Any = parts.adjacency
        weights = as_weights(weights, adjacency.dtype)
        if isinstance(adjacency, tf.SparseTensor):
            adjacency = tf.SparseTensor(indices, weights, adjacency.dense_shape)
        else:
            adjacency = tf.scatter_nd(
                indices, weights, tf.shape(adjacency, out_type=tf.int64)
            )
        x = in_form_of(parts.x, x)
        parts = dataclasses.replace(parts, x=x, adjacency=adjacency)
        return model(parts.to_inputs(), training=False)

    def tensors(self) -> tuple[Any, Any, tf.Tensor, tf.Tensor]:
        """Returns the arguments of `call` that give the inputs themselves."""
        return (
            self.parts.to_inputs(),
            keras.tree.map_structure(tf.constant, self.x),
            tf.constant(self.edges[:, ::-1], tf.int64),
            tf.constant(self.weights),
        )

    def specs(self) -> tuple[Any, Any, tf.TensorSpec, tf.TensorSpec]:
        """Returns the types of these arguments, for graphs of any size."""
        parts = self.parts
        parts = dataclasses.replace(
            parts,
            x=_specs(parts.x, True),
            adjacency=_specs(parts.adjacency),
            graph=_specs(parts.graph, True),
            edge_features=_specs(parts.edge_features, True),
            membership=_specs(parts.membership),
            pairs=_specs(parts.pairs, True),
        )
        return (
            parts.to_inputs(),
            keras.tree.map_structure(
                lambda x: tf.TensorSpec([None, x.shape[1]]), self.x
            ),
            tf.TensorSpec([None, 2], tf.int64),
            tf.TensorSpec([None]),
        )

    def edges_by_set(self) -> Any:
        """Returns the edges as an explanation has them."""
        return self.edges

    def nodes_of(self, model: keras.Model, index: int, num_rows: int) -> tuple:
        """Returns the nodes that a row of the output is about; none for a graph."""
        if self.parts.pairs is not None:
            return tuple(np.asarray(self.parts.pairs[index]).tolist())
        if self.parts.membership is not None or num_rows != len(self.x):
            return ()
        return (index,)

    def explanation(
        self, edges: np.ndarray, features: Any, **about: Any
    ) -> Explanation | HeteroExplanation:
        """Returns the explanation of these importances.

        Args:
            edges: `[E]`.
            features: `[F]` or `[N, F]`. In `GraphTensorSource` a dict.
            **about: What is explained.
        """
        return Explanation(self.edges, edges, features, num_nodes=len(self.x), **about)


def adjacency_source(parts: GraphInputs) -> Source:
    """Returns the source of inputs with an adjacency.

    Raises:
        ValueError: If there is not one graph.
    """
    parts = _as_tensors(parts)
    adjacency: Any = parts.adjacency
    if not isinstance(adjacency, tf.SparseTensor):
        _check_one_graph(parts.x, adjacency)
        adjacency = tf.sparse.from_dense(adjacency)
    _check_one_graph(parts.x, adjacency)
    edges = adjacency.indices.numpy()[:, ::-1]
    weights = np.asarray(adjacency.values, np.float32)
    return Source(parts, edges, weights, as_float32(parts.x))


def parsed(inputs: Any) -> GraphInputs:
    """Returns the parts of inputs, of which the last is known by its type and shape."""
    if not graph_inputs.is_list(inputs):
        return graph_inputs.parse(inputs)
    first, last = inputs[0], inputs[-1]
    if isinstance(first, dict) and not is_components(first) and len(inputs) > 1:
        return dataclasses.replace(parsed(list(inputs[1:])), x=first)
    optional = None
    first_is_graph = isinstance(first, dict) or hasattr(first, "node_sets")
    if len(inputs) == (2 if first_is_graph else 3) and hasattr(last, "shape"):
        rank, dtype = len(last.shape), tf.as_dtype(last.dtype)
        optional = "membership" if rank == 1 else "edge_features"
        if rank == 2 and dtype.is_integer:
            optional = "pairs"
    return graph_inputs.parse(inputs, optional)


def in_form_of(given: Any, x: tf.Tensor) -> Any:
    """Returns features as a SparseTensor, if those given are one."""
    return tf.sparse.from_dense(x) if isinstance(given, tf.SparseTensor) else x


def as_weights(weights: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns weights in the type of the inputs; integers would round a mask off."""
    return tf.cast(weights, dtype) if dtype.is_floating else weights


def as_float32(x: Any) -> np.ndarray:
    """Returns features as a dense array."""
    if isinstance(x, tf.SparseTensor):
        x = tf.sparse.to_dense(tf.sparse.reorder(x))
    return np.asarray(x, np.float32)


def split(numbers: Any, sizes: Any) -> list:
    """Returns the parts of an array or tensor `[sum(sizes)]`."""
    ends = np.cumsum(list(sizes), dtype=int)
    return [numbers[end - n : end] for n, end in zip(sizes, ends, strict=True)]


def _specs(part, has_width=False):
    """The type of tensors of any size, but for the width of features."""
    if part is None:
        return None
    if isinstance(part, dict):
        return {name: _specs(value, has_width) for name, value in part.items()}
    shape = [None] * len(part.shape)
    if has_width and len(shape) > 1:
        shape[-1] = part.shape[-1]
    if isinstance(part, tf.SparseTensor):
        return tf.SparseTensorSpec(shape, part.dtype)
    if tf.is_tensor(part):
        return tf.TensorSpec(shape, part.dtype)
    return tf.type_spec_from_value(part)  # ragged features of a GraphTensor


def _as_tensors(parts):
    """The parts with tensors in the place of arrays."""
    named = ("x", "adjacency", "edge_features", "membership", "pairs")
    given = {name: getattr(parts, name) for name in named}
    return dataclasses.replace(
        parts,
        **{
            name: value
            if value is None or isinstance(value, tf.SparseTensor)
            else tf.convert_to_tensor(value)
            for name, value in given.items()
        },
    )


def _check_one_graph(x, adjacency):
    shapes = tuple(x.shape), tuple(adjacency.shape)
    if len(shapes[0]) != 2 or len(shapes[1]) != 2:
        raise ValueError(
            "Expected one graph, `x` of shape `[N, F]` and an adjacency `[N, N]`. "
            "`tfgraph.data.disjoint_union` makes one graph of several. Of many signals "
            "`[..., N, F]`, explain one: its features `[N, F]`, by a model of these. "
            f"Received: x.shape={shapes[0]}, adjacency.shape={shapes[1]}"
        )

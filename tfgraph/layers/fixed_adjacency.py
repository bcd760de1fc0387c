"""A graph that is a constant of the model."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments, ops
from tfgraph.inputs import named_errors
from tfgraph.typing import Mask, Shape, Tensor

if TYPE_CHECKING:
    from tfgraph.data import Graph


@keras.saving.register_keras_serializable("tfgraph")
class FixedAdjacency(keras.layers.Layer):
    """The adjacency of one graph, for models of many signals on its nodes.

    Sensors, roads and stations form one graph, and each example is a signal on all of
    its nodes. With this layer the graph belongs to the model. The model takes only the
    signals, so `fit`, `predict` and `model.export` cut and serve batches as for any
    Keras model. The graph is saved with the model.

    Example:

    ```python
    x = keras.Input((graph.num_nodes, 8))
    adjacency = tfgraph.layers.FixedAdjacency(graph)(x)
    h = tfgraph.layers.GCNConv(16, activation="relu")([x, adjacency])
    y = tfgraph.layers.GCNConv(1)([h, adjacency])
    model = keras.Model(x, y)
    model.compile("adam", "mse")
    signals = np.ones([64, graph.num_nodes, 8])
    model.fit(signals, signals[:, :, :1], batch_size=32)
    ```

    `GCNConv` normalises the adjacency in each call. `gcn_normalize` does it once:

    ```python
    a_hat = tfgraph.layers.gcn_normalize(graph.to_sparse_tensor())
    x = keras.Input((graph.num_nodes, 8))
    adjacency = tfgraph.layers.FixedAdjacency(a_hat)(x)
    convolution = tfgraph.layers.GCNConv(16, normalize=False, add_self_loops=False)
    h = convolution([x, adjacency])
    ```

    Args:
        graph: A `tfgraph.data.Graph`, or a `tf.SparseTensor` `[M, N]` with its entries
            in any order. They are sorted once, here. Only the edges and their weights
            are used.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Call arguments:
        x: The signals, of which only the shape is used.

    Input shape:
        `[..., N, F]`, such as `[B, N, F]` or `[B, T, N, F]`.

    Output shape:
        A `tf.SparseTensor` `[M, N]`, float32 (float64 with that `dtype`).

    Raises:
        ValueError: If `graph` is something else, or an edge names a node that does not
            exist; or, when called, if `x` has another number of nodes.
    """

    def __init__(self, graph: Graph | tf.SparseTensor, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        adjacency: Any = graph
        if hasattr(graph, "to_sparse_tensor") and not arguments.is_hetero_graph(graph):
            adjacency = graph.to_sparse_tensor()
        expected = "a tfgraph.data.Graph or a tf.SparseTensor"
        arguments.check_adjacency("graph", adjacency, expected)
        shape = tuple(int(size) for size in adjacency.dense_shape)
        indices, values = adjacency.indices.numpy(), adjacency.values.numpy()
        if len(shape) != 2 or np.any((indices < 0) | (indices >= shape)):
            raise ValueError(
                "FixedAdjacency: expected `graph` to be a matrix, with indices "
                "(receiver, sender) from (0, 0) to below its shape. Received: a "
                f"SparseTensor of shape {shape}, with indices from "
                f"{indices.min(axis=0, initial=0)} to {indices.max(axis=0, initial=0)}"
            )
        order = np.lexsort((indices[:, 1], indices[:, 0]))
        # Arrays, as tensors would belong to the graph function that makes the layer.
        self._indices = indices[order]
        self._values = values[order].astype(self._value_dtype())
        self._shape = shape

    def build(self, input_shape: Shape) -> None:
        num_nodes = self._shape[1]
        if len(input_shape) < 2 or input_shape[-2] not in (None, num_nodes):
            with named_errors(f"FixedAdjacency '{self.name}'"):
                raise ValueError(
                    f"Expected `x` of shape `[..., {num_nodes}, F]`, with a row for "
                    "each node (column) of the adjacency. "
                    f"Received: x.shape={tuple(input_shape)}"
                )

    def call(self, x: Tensor) -> tf.SparseTensor:
        return tf.SparseTensor(self._indices, self._values, self._shape)

    def compute_output_spec(self, x: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor(self._shape, self._value_dtype(), sparse=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self._shape

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Mask:
        return None

    def get_config(self) -> dict[str, Any]:
        # In the configuration, so that a model that is cloned or made of its JSON has
        # the graph; as text, since Keras would take minutes for long lists.
        graph = {
            "shape": list(self._shape),
            "indices": _text(self._indices, "<i8"),
            "values": _text(self._values, "<f8"),
        }
        return {**super().get_config(), "graph": graph}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FixedAdjacency:
        graph = config["graph"]
        adjacency = tf.SparseTensor(
            _array(graph["indices"], "<i8").reshape(-1, 2),
            _array(graph["values"], "<f8"),
            graph["shape"],
        )
        return super().from_config({**config, "graph": adjacency})

    def _value_dtype(self):
        return ops.weight_dtype(self.variable_dtype).name


def _text(array, dtype):
    """The numbers of an array as text; `_array` is the inverse."""
    return base64.b64encode(zlib.compress(array.astype(dtype).tobytes())).decode()


def _array(text, dtype):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)

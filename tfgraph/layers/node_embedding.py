"""A trained vector for each node of a node set."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments, graph_tensor, ops
from tfgraph import inputs as graph_inputs
from tfgraph.layers.graph_layer import GraphLayer
from tfgraph.typing import Initializer, Inputs, InputShape, Regularizer, Shape, Tensor


@keras.saving.register_keras_serializable("tfgraph")
class NodeEmbedding(GraphLayer):
    """A trained vector for each node of a node set, such as one without features.

        x_v = E_v,    v = 0 .. num_nodes - 1

    The node feature "row" says which `v` each node is. Graphs made of a
    `tfgraph.data.HeteroGraph` have it, also samples by `neighbor_batches`. In a graph
    without that feature, node `v` is row `v` of its node set in each component. A new
    node has no vector.

    Example:

    ```python
    graph = tfgraph.GraphInput(author_paper_graph.spec)
    x = {"author": tfgraph.layers.NodeEmbedding(40, 16, node_set_name="author")(graph)}
    convolution = tfgraph.layers.GCNConv(
        16, edge_set_name="writes", add_self_loops=False
    )
    h = tfgraph.layers.HeteroConv([convolution])([x, graph])
    ```

    Args:
        num_nodes: Positive integer, the number of nodes of the set.
        units: Positive integer, the width of the vectors.
        embeddings_initializer, embeddings_regularizer: Of `E`, as in
            `keras.layers.Embedding`.
        node_set_name: The node set. May be left out if there is only one.
        row_name: The node feature with the numbers `v`, integers `[N]`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Call arguments:
        inputs: `graph`, a scalar `tfgnn.GraphTensor`.

    Output shape:
        `[N, units]`.

    Raises:
        ValueError: If `num_nodes` or `units` is not a positive integer, the graph has
            no such node set, or `row_name` is a feature that does not hold an integer
            for each node.
        tf.errors.InvalidArgumentError: At run time, if a number `v` is not below
            `num_nodes`. In a graph without these numbers, if a component has more or
            fewer nodes than `num_nodes`.
    """

    graph_arguments = ("node_set_name",)

    def __init__(
        self,
        num_nodes: int,
        units: int,
        embeddings_initializer: Initializer = "uniform",
        embeddings_regularizer: Regularizer = None,
        node_set_name: str | None = None,
        row_name: str = graph_tensor.ROW,
        **kwargs: Any,
    ) -> None:
        super().__init__(node_set_name, **kwargs)
        owner = type(self).__name__
        self.num_nodes = arguments.checked_integer("num_nodes", num_nodes, owner=owner)
        self.units = arguments.checked_integer("units", units, owner=owner)
        self.row_name = row_name
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)

    def build(self, input_shape: InputShape) -> None:
        with self.named_errors():
            self._rows_and_sizes(input_shape)
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_nodes, self.units),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
        )

    def call(self, inputs: Inputs) -> Tensor:
        rows, sizes = self._rows_and_sizes(inputs)
        if rows is None:
            fits = tf.reduce_all(sizes == self.num_nodes)
            message = "one for each vector. Received: {}"
            values = [sizes]
        else:
            rows = graph_inputs.as_integers(rows)
            self._check_rows(rows)
            fits = tf.reduce_all((rows >= 0) & (rows < self.num_nodes))
            message = f"with `{self.row_name}` from 0 to {self.num_nodes - 1}. "
            message += "Received: {} to {}"
            values = [tf.reduce_min(rows), tf.reduce_max(rows)]
        message = f"Expected {self.num_nodes} nodes, {message}"
        checked = ops.check(fits, ops.name_layer(self.label, message), *values)
        embeddings = keras.ops.cast(self.embeddings, self.compute_dtype)
        # Otherwise a layer that sums them up may fail first, in other words.
        with tf.control_dependencies([checked]):
            if rows is None:
                return tf.tile(embeddings, [tf.size(sizes), 1])
            return tf.gather(embeddings, rows)

    def _rows_and_sizes(self, inputs):
        """Returns the rows of the nodes, or None; and the sizes of the components."""
        _, graph = graph_inputs.parse_node_sets(inputs, self.feature_name)
        sizes = self.fields.sizes(graph)
        return graph.get(f"nodes.{self.fields.node_set(graph)}.{self.row_name}"), sizes

    def _check_rows(self, rows):
        if rows.dtype.is_integer and len(rows.shape) == 1:
            return
        raise ValueError(
            f"{self.label}: expected the node feature `{self.row_name}` to be integers "
            "`[N]`, or another `row_name`. "
            f"Received: {self.row_name} of shape {tuple(rows.shape)} and "
            f"dtype={rows.dtype.name}"
        )

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        return (None, self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_nodes": self.num_nodes,
            "units": self.units,
            "row_name": self.row_name,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
            "embeddings_regularizer": keras.regularizers.serialize(
                self.embeddings_regularizer
            ),
        }

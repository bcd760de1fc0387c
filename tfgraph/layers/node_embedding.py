"""A trained vector for each node of a node set."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments, ops
from tfgraph import inputs as graph_inputs
from tfgraph.layers.graph_layer import GraphLayer
from tfgraph.typing import Initializer, Inputs, InputShape, Regularizer, Shape, Tensor


@keras.saving.register_keras_serializable("tfgraph")
class NodeEmbedding(GraphLayer):
    """A trained vector for each node of a node set, such as one without features.

        x_v = E_v,    v = 0 .. num_nodes - 1

    Node `v` is row `v` of its node set in each component of the graph. So the layer is
    for the same nodes in the same order, training on the full graph: a new node has no
    vector.

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
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Call arguments:
        inputs: `graph`, a scalar `tfgnn.GraphTensor`.

    Output shape:
        `[N, units]`.

    Raises:
        ValueError: If `num_nodes` or `units` is not a positive integer, or the graph
            has no such node set.
        tf.errors.InvalidArgumentError: At run time, if a component of the graph has
            more or fewer nodes than `num_nodes`.
    """

    graph_arguments = ("node_set_name",)

    def __init__(
        self,
        num_nodes: int,
        units: int,
        embeddings_initializer: Initializer = "uniform",
        embeddings_regularizer: Regularizer = None,
        node_set_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(node_set_name, **kwargs)
        owner = type(self).__name__
        self.num_nodes = arguments.checked_integer("num_nodes", num_nodes, owner=owner)
        self.units = arguments.checked_integer("units", units, owner=owner)
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)

    def build(self, input_shape: InputShape) -> None:
        with self.named_errors():
            self._sizes(input_shape)
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_nodes, self.units),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
        )

    def call(self, inputs: Inputs) -> Tensor:
        sizes = self._sizes(inputs)
        message = (
            f"Expected {self.num_nodes} nodes, one for each vector. Received: {{}}"
        )
        fits = ops.check(
            tf.reduce_all(sizes == self.num_nodes),
            ops.name_layer(self.label, message),
            sizes,
        )
        embeddings = keras.ops.cast(self.embeddings, self.compute_dtype)
        # Otherwise a layer that sums them up may fail first, in other words.
        with tf.control_dependencies([fits]):
            return tf.tile(embeddings, [tf.size(sizes), 1])

    def _sizes(self, inputs):
        """Returns the number of nodes of each component."""
        _, graph = graph_inputs.parse_node_sets(inputs, self.feature_name)
        return self.fields.sizes(graph)

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        return (None, self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_nodes": self.num_nodes,
            "units": self.units,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
            "embeddings_regularizer": keras.regularizers.serialize(
                self.embeddings_regularizer
            ),
        }

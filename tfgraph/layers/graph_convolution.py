"""What all graph convolutions share: their arguments and the forms of their input."""

import keras
import tensorflow as tf

from tfgraph import adjacency as adjacencies
from tfgraph import graph_tensor, ops


class GraphConvolution(keras.layers.Layer):
    """Base of the graph convolutions: `Dense`'s arguments, and a graph as input.

    A subclass makes its weights in `build` and states its equation in `call`, on the
    features and the adjacency that `self.unpack` returns.

    Args:
        units: Positive integer, the number of features that a node comes out with.
        activation: Activation function, as in `keras.layers.Dense`.
        use_bias: Whether to add a bias vector.
        dropout: Float in `[0, 1)`, the fraction of the layer's input features that is
            dropped in training. Of sparse features, the stored entries are dropped.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, kernel_constraint, bias_constraint: As in
            `keras.layers.Dense`.
        node_set_name: With a GraphTensor, the node set to work on. May be left out if
            there is but one.
        edge_set_name: With a GraphTensor, the edge set to send messages along. May be
            left out if there is but one within the node set.
        feature_name: With a GraphTensor as the only input, the node feature that holds
            `x`.
        edge_weight_name: With a GraphTensor, the edge feature that holds the weights,
            `[num_edges]` or `[num_edges, 1]`. None for weights of 1.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        One of

        - `[x, adjacency]` with `x` of shape `[N, F]`, dense or `tf.SparseTensor`, and
          `adjacency` a `tf.SparseTensor` or dense tensor of shape `[N, N]`, or `[M, N]`
          where the first `M` of the `N` nodes receive and the layer allows it;
        - `[x, adjacency]` with dense `x` `[B, N, F]` and `adjacency` `[B, N, N]`;
        - `[x, graph]` with a scalar `tfgnn.GraphTensor`;
        - `graph`, whose feature `feature_name` is then `x`.

        `adjacency[i, j]` is the weight of the message from node `j` to node `i`.

    Output shape:
        `[N, units]`, or `[M, units]`, or `[B, N, units]`.
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        node_set_name=None,
        edge_set_name=None,
        feature_name="hidden_state",
        edge_weight_name=None,
        **kwargs,
    ):
        self.check_positive("units", units)
        self.check_fraction("dropout", dropout)
        # Keras would round the weights of the edges to float16 with the features.
        super().__init__(
            activity_regularizer=activity_regularizer, autocast=False, **kwargs
        )
        self.units = units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.node_set_name = node_set_name
        self.edge_set_name = edge_set_name
        self.feature_name = feature_name
        self.edge_weight_name = edge_weight_name
        self.seed_generator = keras.random.SeedGenerator()
        # With False, Keras would refuse `jit_compile=True`. With True, "auto" compiles
        # on accelerators only, by the kernels that ops/matmul.py keeps for XLA.
        self.supports_jit = True
        # The mask of padded nodes, which no message comes from, is that of the output.
        self.supports_masking = True

    @property
    def output_dim(self) -> int:
        """The number of features that a node comes out with."""
        return self.units

    def check_positive(self, argument, value):
        """Raises a `ValueError` if an argument is not a positive integer."""
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise ValueError(
                f"{type(self).__name__}: expected `{argument}` to be a positive "
                f"integer. Received: {argument}={value}"
            )

    def check_fraction(self, argument, value):
        """Raises a `ValueError` if an argument is not a number in `[0, 1)`."""
        if not isinstance(value, (int, float)) or not 0 <= value < 1:
            raise ValueError(
                f"{type(self).__name__}: expected `{argument}` to be a number in "
                f"[0, 1). Received: {argument}={value}"
            )

    def add_kernel(self, shape, name="kernel"):
        """Makes a weight with the `kernel_*` arguments."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def add_bias(self, shape, name="bias"):
        """Makes a bias with the `bias_*` arguments; None without `use_bias`."""
        if not self.use_bias:
            return None
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def input_dim(self, input_shape) -> int:
        """Returns `F` of any form of `input_shape`, or says what is wrong with it."""
        try:
            x_shape, graph_shape = self._split(input_shape)
            if isinstance(graph_shape, dict):
                adjacencies.check_shapes(x_shape, (None, None))
            else:
                adjacencies.check_shapes(x_shape, graph_shape)
            if x_shape[-1] is None:
                raise ValueError(
                    "Expected the last dimension of the features `x` to be defined. "
                    f"Received: x.shape={tuple(x_shape)}"
                )
        except ValueError as error:
            raise ValueError(f"{type(self).__name__} '{self.name}': {error}") from None
        return x_shape[-1]

    def unpack(self, inputs, input_dim):
        """Returns the features `x` and the adjacency of any form of input.

        Args:
            inputs: See `GraphConvolution`.
            input_dim: `F`, as the layer was built.
        """
        x, graph = self._split(inputs)
        x = adjacencies.cast("x", x, self.compute_dtype)
        if isinstance(x, tf.SparseTensor):
            adjacencies.check_is_matrix("x", x)
            if not ops.compiled_by_xla():
                x = tf.sparse.reorder(x)
        if x.shape[-1] not in (None, input_dim):
            raise ValueError(
                f"Expected `x` with {input_dim} features, as this layer was built. "
                f"Received: x.shape={tuple(x.shape)}"
            )
        layer = f"{type(self).__name__} '{self.name}'"
        if isinstance(graph, dict):
            adjacencies.check_shapes(x.shape, (None, None))
            return x, adjacencies.from_edges(*self._fields.edges(graph), x, layer)
        return x, adjacencies.as_adjacency(graph, x, layer)

    def _split(self, inputs):
        """Returns `x` and the adjacency or graph, of inputs or of their shapes."""
        if isinstance(inputs, dict):
            return self._fields.features(inputs), inputs
        pair = isinstance(inputs, (list, tuple)) and len(inputs) == 2
        if not pair or any(isinstance(part, int | None) for part in inputs):
            raise ValueError(
                "Expected the inputs to be `[x, adjacency]`, `[x, graph]` or `graph`, "
                f"passed as one argument. Received: {inputs}"
            )
        return inputs

    @property
    def _fields(self):
        return graph_tensor.Fields(
            self.node_set_name,
            self.edge_set_name,
            self.feature_name,
            self.edge_weight_name,
        )

    def drop(self, x, training, rate=None):
        """Dropout, of the layer's input unless another `rate` is given."""
        rate = self.dropout if rate is None else rate
        if not training or not rate:
            return x
        return ops.dropout(x, rate, self.seed_generator)

    def compute_output_shape(self, input_shape):
        self.input_dim(input_shape)
        x_shape, graph_shape = self._split(input_shape)
        if not isinstance(graph_shape, dict):
            x_shape = graph_shape  # of which only the first M nodes receive
        return (*x_shape[:-1], self.output_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": keras.regularizers.serialize(
                self.activity_regularizer
            ),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "node_set_name": self.node_set_name,
            "edge_set_name": self.edge_set_name,
            "feature_name": self.feature_name,
            "edge_weight_name": self.edge_weight_name,
        }


def convolution_class(convolution):
    """Returns a class of graph convolutions, of itself or of its registered name."""
    if isinstance(convolution, str):
        found = keras.saving.get_registered_object(convolution)
    else:
        found = convolution
    if not isinstance(found, type):
        raise ValueError(
            "Expected `convolution` to be the class of a graph convolution, or the "
            f"name it is registered under. Received: convolution={convolution!r}"
        )
    return found

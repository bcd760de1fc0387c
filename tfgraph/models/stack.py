"""What the models of graph convolutions, one after the other, share."""

import keras


class ConvolutionStack(keras.Model):
    """Graph convolutions one after the other, on one graph or on a block for each.

    A subclass puts them into `self.convolutions`.

    Args:
        hidden_units: The widths of the hidden layers.
        name, dtype, trainable: As in `keras.Model`.

    Call arguments:
        inputs: As the convolutions take them; or `[x, [A_1, ..., A_K]]` with a
            rectangular adjacency for each of `K` layers, as
            `tfgraph.data.neighbor_batches` makes them: `A_k` is `[N_k, N_(k-1)]`, and
            the first `N_k` of the `N_(k-1)` nodes are the `N_k` ones.
    """

    def __init__(self, hidden_units, name=None, dtype=None, trainable=True):
        # As in the layers: the weights of the edges keep their precision.
        super().__init__(name=name, dtype=dtype, trainable=trainable, autocast=False)
        if not isinstance(hidden_units, (list, tuple)):
            raise ValueError(
                f"{type(self).__name__}: expected `hidden_units` to be a list, with "
                "one width for each hidden layer. "
                f"Received: hidden_units={hidden_units}"
            )
        self.hidden_units = list(hidden_units)

    def build(self, input_shape):
        x_shape = None
        for number, convolution in enumerate(self.convolutions):
            shape = self._inputs_of(number, input_shape, x_shape)
            convolution.build(shape)
            x_shape = convolution.compute_output_shape(shape)

    def call(self, inputs, training=None):
        h = None
        for number, convolution in enumerate(self.convolutions):
            h = convolution(self._inputs_of(number, inputs, h), training=training)
        return h

    def compute_output_shape(self, input_shape):
        x_shape = None
        for number, convolution in enumerate(self.convolutions):
            shape = self._inputs_of(number, input_shape, x_shape)
            x_shape = convolution.compute_output_shape(shape)
        return x_shape

    def _inputs_of(self, number, inputs, h):
        """What a layer gets: the model's inputs, or `h` in place of their features."""
        if isinstance(inputs, dict):
            return inputs if h is None else [h, inputs]
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            return inputs  # of which the layer says what is wrong
        x, graph, *others = inputs
        if is_list_of_blocks(graph):
            if len(graph) != len(self.convolutions):
                raise ValueError(
                    f"{type(self).__name__}: expected one adjacency, or a list of "
                    f"{len(self.convolutions)}, one for each layer. "
                    f"Received: a list of {len(graph)}"
                )
            graph = graph[number]
        return [x if h is None else h, graph, *others]


def is_list_of_blocks(graph):
    """Whether it holds adjacencies, or their shapes, and is not a shape itself."""
    return isinstance(graph, (list, tuple)) and not all(
        isinstance(size, int | None) for size in graph
    )

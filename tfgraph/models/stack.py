"""What the models of graph convolutions, one after the other, share."""

import keras


class ConvolutionStack(keras.Model):
    """Graph convolutions one after the other, all on the same graph.

    A subclass puts them into `self.convolutions`.

    Args:
        hidden_units: The widths of the hidden layers.
        name, dtype, trainable: As in `keras.Model`.
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
        for convolution in self.convolutions:
            convolution.build(input_shape)
            x_shape = convolution.compute_output_shape(input_shape)
            input_shape = [x_shape, *_graph_of(input_shape)]

    def call(self, inputs, training=None):
        first, *others = self.convolutions
        h = first(inputs, training=training)
        for convolution in others:
            h = convolution([h, *_graph_of(inputs)], training=training)
        return h

    def compute_output_shape(self, input_shape):
        shape = self.convolutions[0].compute_output_shape(input_shape)
        return (*shape[:-1], self.convolutions[-1].output_dim)


def _graph_of(inputs):
    """The inputs but for the features: what every layer after the first gets too."""
    return [inputs] if isinstance(inputs, dict) else inputs[1:]

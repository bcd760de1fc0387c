"""The encoders of the graph autoencoders GAE and VGAE."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments, ops
from tfgraph.layers.gcn import GCNConv
from tfgraph.layers.graph_convolution import GraphConvolution, convolution_class
from tfgraph.layers.graph_layer import GraphLayer
from tfgraph.typing import Activation, DType, Inputs, InputShape, Shape

_KL_SCALES = ("pairs", "nodes")


@keras.saving.register_keras_serializable("tfgraph")
class GAEEncoder(GraphLayer):
    """Encoder of the graph autoencoder of "Variational Graph Auto-Encoders".

        Z = GCN(X, A) = Â σ(Â X W₀) W₁

    with `Â = D̃^(-1/2) (A + I) D̃^(-1/2)` and `σ = ReLU` (Kipf & Welling, 2016,
    https://arxiv.org/abs/1611.07308). Without features, `X = I`: see
    `tfgraph.data.identity_features`.

    Example:

    ```python
    x = keras.Input((1433,), sparse=True, name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    z = tfgraph.layers.GAEEncoder(16)([x, adjacency])
    ```

    Args:
        latent_dim: Positive integer, the length `D` of a node's latent vector.
        hidden_units: Positive integer, the width of the first convolution.
        activation: Activation of the first convolution.
        use_bias: Whether the convolutions have a bias. The paper's have none.
        convolution: The graph convolution to use for `GCN`, a subclass of
            `GraphConvolution` (or the name that it is registered under).
        node_set_name, edge_set_name, feature_name, edge_weight_name, receiver: See
            `GraphConvolution`.
        name, dtype, trainable: As in `keras.layers.Layer`.
        **kwargs: For every convolution, such as `dropout` or `kernel_regularizer`; see
            `convolution`.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`; see `GraphConvolution`.
        training: Whether to apply dropout.

    Input shape:
        `x` `[N, F]` with `adjacency` `[N, N]`; or `[B, N, F]` with dense `[B, N, N]`;
        or many signals `[..., N, F]` on one graph `[N, N]`.

    Output shape:
        `[N, latent_dim]`; or `[..., N, latent_dim]`.

    Raises:
        ValueError: If `latent_dim` or `hidden_units` is not a positive integer,
            `convolution` is not registered, or as for `convolution`.
    """

    def __init__(
        self,
        latent_dim: int = 16,
        hidden_units: int = 32,
        activation: Activation = "relu",
        use_bias: bool = False,
        convolution: type[GraphConvolution] | str = GCNConv,
        *,
        node_set_name: str | None = None,
        edge_set_name: str | None = None,
        feature_name: str = "hidden_state",
        edge_weight_name: str | None = None,
        receiver: str = "target",
        name: str | None = None,
        dtype: DType = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            node_set_name=node_set_name,
            edge_set_name=edge_set_name,
            feature_name=feature_name,
            edge_weight_name=edge_weight_name,
            receiver=receiver,
            name=name,
            dtype=dtype,
            trainable=trainable,
        )
        owner = type(self).__name__
        if "units" in kwargs:
            raise ValueError(
                f"{owner}: expected `latent_dim` and `hidden_units`, the widths of the "
                f"convolutions, in the place of `units`. Received: {kwargs}"
            )
        self.latent_dim = arguments.checked_integer(
            "latent_dim", latent_dim, owner=owner
        )
        self.hidden_units = arguments.checked_integer(
            "hidden_units", hidden_units, owner=owner
        )
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.convolution = convolution_class(convolution)
        # Serialised, so that each layer makes an initializer of its own from it.
        self.layer_kwargs = keras.saving.serialize_keras_object(kwargs)
        self.hidden = self._convolution(self.hidden_units, activation=self.activation)
        self.mean = self._convolution(self.latent_dim)

    def _convolution(self, units, **kwargs):
        return self.convolution(
            units,
            use_bias=self.use_bias,
            dtype=self.dtype_policy,
            **{name: getattr(self, name) for name in self.graph_arguments},
            **kwargs,
            **self.layer_kwargs,
        )

    def build(self, input_shape: InputShape) -> None:
        parts = self.hidden.parse(input_shape)
        self.hidden.build(input_shape)
        hidden_shape = self.hidden.compute_output_shape(input_shape)
        for head in self._heads():
            head.build(parts.for_layer(hidden_shape))

    def _heads(self):
        return [self.mean]

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        h = self.hidden(inputs, training=training)
        return self.mean(self.hidden.parse(inputs).for_layer(h), training=training)

    def compute_output_shape(self, input_shape: InputShape) -> Shape:
        hidden_shape = self.hidden.compute_output_shape(input_shape)
        hidden_inputs = self.hidden.parse(input_shape).for_layer(hidden_shape)
        return self.mean.compute_output_shape(hidden_inputs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "convolution": keras.saving.get_registered_name(self.convolution),
            **self.layer_kwargs,
        }


@keras.saving.register_keras_serializable("tfgraph")
class VGAEEncoder(GAEEncoder):
    """Variational encoder of "Variational Graph Auto-Encoders".

        H = σ(Â X W₀),    μ = Â H W_μ,    log σ = Â H W_σ
        Z = μ + σ ⊙ ε,    ε ~ N(0, I)

    (Kipf & Welling, 2016, https://arxiv.org/abs/1611.07308); μ and σ share the first
    layer. As in the paper, the second head is log σ; the log-variance is twice that.
    `Z` is drawn in training only, otherwise it is μ. Each call adds the loss

        KL[N(μ, σ²) ‖ N(0, I)] = -½ Σ_id (1 + log σ_id² - μ_id² - σ_id²)

    scaled as `kl_scale` says.

    Example:

    ```python
    x = keras.Input((1433,), sparse=True, name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    z = tfgraph.layers.VGAEEncoder(16)([x, adjacency])
    ```

    Args:
        latent_dim, hidden_units, activation, use_bias, convolution, name, dtype,
            trainable, **kwargs: See `GAEEncoder`.
        kl_scale: "pairs" to divide the KL divergence by N², as the official code does:
            with a reconstruction loss that is a mean over the N² pairs, the sum is the
            negative evidence lower bound (ELBO) of the adjacency, divided by N². Or
            "nodes" to divide it by N: the mean divergence of a node, as usual where
            data points are independent; N times as strong a prior.

    Call arguments:
        inputs: `[x, adjacency]`, `[x, graph]` or `graph`; see `GraphConvolution`.
        training: Whether to draw `Z` and apply dropout.
        return_distribution: Whether to return μ and the log-variance as well.

    Input shape:
        `x` `[N, F]` with `adjacency` `[N, N]`; or `[B, N, F]` with dense `[B, N, N]`;
        or many signals `[..., N, F]` on one graph `[N, N]`.

    Output shape:
        `[N, latent_dim]`; or `[..., N, latent_dim]`. With `return_distribution`, three
        of them: `Z`, μ and `log σ²`.

    Raises:
        ValueError: If `kl_scale` is unknown, or as for `GAEEncoder`.
    """

    def __init__(
        self,
        latent_dim: int = 16,
        hidden_units: int = 32,
        *,
        kl_scale: str = "pairs",
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, hidden_units, **kwargs)
        arguments.check_choice("kl_scale", kl_scale, _KL_SCALES, owner="VGAEEncoder")
        self.kl_scale = kl_scale
        self.log_std = self._convolution(latent_dim)
        self.seed_generator = keras.random.SeedGenerator()

    def _heads(self):
        return [self.mean, self.log_std]

    def call(
        self,
        inputs: Inputs,
        training: bool | None = None,
        return_distribution: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        h = self.hidden(inputs, training=training)
        hidden_inputs = self.hidden.parse(inputs).for_layer(h)
        mean = self.mean(hidden_inputs, training=training)
        log_std = self.log_std(hidden_inputs, training=training)
        self.add_loss(self._kl_loss(mean, log_std))
        z = mean
        if training:
            noise = keras.random.normal(
                tf.shape(mean), dtype=mean.dtype, seed=self.seed_generator
            )
            z = mean + tf.exp(log_std) * noise
        return (z, mean, 2 * log_std) if return_distribution else z

    def _kl_loss(self, mean, log_std):
        dtype = ops.weight_dtype(mean.dtype)
        mean, log_var = tf.cast(mean, dtype), 2 * tf.cast(log_std, dtype)
        kl = -0.5 * tf.reduce_sum(1 + log_var - mean**2 - tf.exp(log_var), axis=-1)
        kl = tf.reduce_mean(kl)  # KL / N
        if self.kl_scale == "nodes":
            return kl
        return kl / tf.cast(tf.shape(mean)[-2], dtype)

    def compute_output_spec(
        self,
        inputs: Inputs,
        training: bool | None = None,
        return_distribution: bool = False,
    ) -> keras.KerasTensor | tuple[keras.KerasTensor, ...]:
        shapes = keras.tree.map_structure(lambda tensor: tensor.shape, inputs)
        shape = self.compute_output_shape(shapes)
        z = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_distribution:
            return z
        return z, *(keras.KerasTensor(shape, dtype=self.compute_dtype) for _ in "μσ")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kl_scale": self.kl_scale}

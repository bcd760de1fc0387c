"""The graph autoencoders of Kipf & Welling as Keras models."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments, losses
from tfgraph import inputs as graph_inputs
from tfgraph.layers import GAEEncoder, InnerProductDecoder, VGAEEncoder
from tfgraph.layers.pair_decoder import score_columns
from tfgraph.models.graph_model import GraphModel
from tfgraph.models.link_queries import LinkQueries, link_queries
from tfgraph.typing import DType, Inputs, InputShape


@keras.saving.register_keras_serializable("tfgraph")
class GAE(GraphModel):
    """Graph autoencoder: latent vectors of nodes that predict the edges.

        Z = GCN(X, A),    p(A_ij = 1) = σ(z_i · z_j)

    (Kipf & Welling, 2016, https://arxiv.org/abs/1611.07308). What the model does
    depends on what it is given:

    | inputs                                         | outputs                     |
    | ---------------------------------------------- | --------------------------- |
    | `(x, adjacency)`, `(x, graph)` or `graph`      | latent vectors `[N, D]`     |
    | the same with `pairs` last                     | scores of the pairs, `[P]`  |

    It learns from either. A graph without labels is its own target: the loss is
    `tfgraph.losses.reconstruction_loss` over all N² pairs of nodes. Labelled pairs are
    ordinary binary classification, by cross-entropy unless `compile` is given another
    loss. Metrics given to `compile` are for labelled pairs. They appear in the results
    of `evaluate` and `validation_data`:

    ```python
    graph = tfgraph.data.planetoid("cora")
    train, val, test = tfgraph.data.link_split(graph)
    model = tfgraph.models.GAE()
    model.compile(
        keras.optimizers.Adam(0.01),
        metrics=[tfgraph.metrics.RocAUC(), tfgraph.metrics.AveragePrecision()],
    )
    model.fit(
        tfgraph.data.full_batch(train, sparse_features=True),
        validation_data=tfgraph.data.link_batch(train, val, sparse_features=True),
        epochs=200,
        shuffle=False,
    )
    model.evaluate(tfgraph.data.link_batch(train, test, sparse_features=True))
    z = model.predict(tfgraph.data.full_batch(train, sparse_features=True))
    ```

    Args:
        latent_dim: Positive integer, the length `D` of a latent vector.
        hidden_units: Positive integer, the width of the first convolution.
        reweight: Whether the reconstruction loss weighs edges up; see
            `tfgraph.losses.reconstruction_loss`.
        num_samples: Pairs of nodes to estimate the reconstruction loss from, drawn
            anew in each step. None for the exact loss, over all N² pairs.
        sampling: "uniform" or "degree"; see `tfgraph.losses.reconstruction_loss`.
        name, dtype, trainable: As in `keras.Model`.
        **kwargs: For the encoder, such as `convolution` or `dropout`; see `GAEEncoder`.

    Call arguments:
        inputs: A graph, or a graph and integer pairs `[P, 2]` of its nodes, as in the
            table.
        training: Whether to apply dropout.

    Output shape:
        `[N, latent_dim]`, or `[P]`, probabilities.

    Raises:
        ValueError: If `num_samples` or `sampling` is none of the above, or as for the
            encoder.
        tf.errors.InvalidArgumentError: At run time, if an edge or a pair names a node
            that does not exist.
    """

    needs_labels = False
    _encoder_class: type[GAEEncoder] = GAEEncoder

    def __init__(
        self,
        latent_dim: int = 16,
        hidden_units: int = 32,
        *,
        reweight: bool = True,
        num_samples: int | None = None,
        sampling: str = "uniform",
        name: str | None = None,
        dtype: DType = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        losses.check_sampling(num_samples, sampling)
        arguments.check_flags(type(self).__name__, reweight=reweight)
        self.reweight = reweight
        self.num_samples = num_samples
        self.sampling = sampling
        self.seed_generator = keras.random.SeedGenerator()
        self.encoder = self._encoder_class(
            latent_dim, hidden_units, dtype=self.dtype_policy, **kwargs
        )
        self.decoder = InnerProductDecoder(dtype=self.dtype_policy)

    def build(self, input_shape: InputShape) -> None:
        shape = self._parts(input_shape).with_open_sizes().for_layer()
        self.encoder.build(shape)
        self.decoder.build([self.encoder.compute_output_shape(shape), (None, 2)])

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        parts = self._parts(inputs)
        z = self.encoder(parts.for_layer(), training=training)
        return z if parts.pairs is None else self.decoder([z, parts.pairs])

    def _parts(self, inputs):
        with self.named_errors():
            return graph_inputs.parse(inputs, "pairs")

    def _adjacency(self, parts):
        """The adjacency, as the convolutions see it."""
        return self.encoder.hidden.unpack(parts.for_layer()).adjacency

    def compute_loss(
        self,
        x: Inputs = None,
        y: tf.Tensor | None = None,
        y_pred: tf.Tensor = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        if y is not None:
            with self.named_errors():
                y, y_pred = score_columns(y, y_pred)
        if y is not None and self._compile_loss is not None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        parts = self._parts(x)
        if (y is None) != (parts.pairs is None):
            raise ValueError(
                f"{type(self).__name__}: expected labels with `pairs` of nodes, and "
                "none with a graph alone. Received: "
                + ("pairs, and no labels" if y is None else "labels, and no pairs")
            )
        if y is not None:
            loss = keras.losses.BinaryCrossentropy()(y, y_pred, sample_weight)
        else:
            loss = losses.adjacency_loss(
                y_pred,
                self._adjacency(parts),
                self.reweight,
                self.num_samples,
                self.sampling,
                self.seed_generator,
            )
        # The encoder's losses may be of another float type.
        return loss + sum(tf.cast(added, loss.dtype) for added in self.losses)

    def compute_metrics(
        self,
        x: Inputs,
        y: tf.Tensor | None,
        y_pred: tf.Tensor,
        sample_weight: tf.Tensor | None = None,
    ) -> dict[str, Any]:
        if y is None:  # the compiled metrics need labels
            return {"loss": self._loss_tracker.result()}
        with self.named_errors():
            y, y_pred = score_columns(y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_metrics_result(self) -> dict[str, Any]:
        # Keras asks in every epoch, even before the first labelled pairs.
        if self._compile_metrics is not None and not self._compile_metrics.built:
            return {"loss": self._loss_tracker.result()}
        return super().get_metrics_result()

    def top_links(
        self, inputs: Inputs, nodes: Sequence[int] | np.ndarray, k: int = 10
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the likeliest new links of some nodes.

        Only some millions of scores are in memory at a time, never those of all pairs.

        Args:
            inputs: `(x, adjacency)`, `(x, graph)` or `graph`, undirected.
            nodes: Integers `[B]`, the nodes to find links of.
            k: Links of each node.

        Returns:
            NumPy arrays of node numbers and of probabilities, both `[B, k]`, the
            likeliest first. If a node has fewer than k candidates, the last numbers are
            -1 and the last probabilities 0.

        Raises:
            ValueError: If a node does not exist or `k` is not in `[1, N]`.
        """
        return self.link_queries(inputs).top_links(nodes, k)

    def link_queries(self, inputs: Inputs) -> LinkQueries:
        """Returns what `top_links` and `export_link_scorer` find links with."""
        parts = self._parts(inputs)
        if parts.pairs is not None:
            raise ValueError(
                "Expected `inputs` to be one graph, without pairs. "
                f"Received: {graph_inputs.described(inputs)}"
            )
        z = self(inputs, training=False)
        if parts.graph is None:  # arrays become tensors in calls of layers only
            convert = keras.ops.convert_to_tensor
            parts = dataclasses.replace(
                parts, x=convert(parts.x), adjacency=convert(parts.adjacency)
            )
        edges = self._adjacency(parts).edge_indices().numpy()
        return link_queries(self.decoder, (z, z), edges, within_one=True)

    def get_build_config(self) -> dict[str, Any] | None:
        # As for a graph alone, which is what an export takes.
        config = super().get_build_config()
        shape = None if config is None else config.get("input_shape")
        return (
            config if shape is None else {"input_shape": self._parts(shape).for_layer()}
        )

    def get_config(self) -> dict[str, Any]:
        encoder = self.encoder.get_config()
        for name in ("name", "dtype", "trainable"):
            del encoder[name]
        return {
            **super().get_config(),
            "reweight": self.reweight,
            "num_samples": self.num_samples,
            "sampling": self.sampling,
            **encoder,
        }


@keras.saving.register_keras_serializable("tfgraph")
class VGAE(GAE):
    """Variational graph autoencoder.

        q(z_i | X, A) = N(μ_i, σ_i²),    p(A_ij = 1 | z_i, z_j) = σ(z_i · z_j)

    (Kipf & Welling, 2016, https://arxiv.org/abs/1611.07308), with μ and log σ from two
    convolutions on a shared first one. As `GAE`, with the KL divergence between q and
    N(0, I) added to the loss. Latent vectors are drawn from q in training; predictions
    and scores use μ.

    Args:
        latent_dim, hidden_units, reweight, num_samples, sampling, name, dtype,
            trainable: See `GAE`.
        **kwargs: For the encoder, such as `kl_scale`, `convolution` or `dropout`; see
            `VGAEEncoder`.

    Call arguments:
        inputs: See `GAE`.
        training: Whether to draw latent vectors and apply dropout.

    Output shape:
        `[N, latent_dim]`, or `[P]`, probabilities.

    Raises:
        ValueError, tf.errors.InvalidArgumentError: As for `GAE`.
    """

    _encoder_class = VGAEEncoder

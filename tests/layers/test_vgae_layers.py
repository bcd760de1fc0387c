import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, sparse

from tfgraph.layers import (
    GAEEncoder,
    GATConv,
    GCNConv,
    GraphConvolution,
    InnerProductDecoder,
    VGAEEncoder,
)

INPUTS = [tf.constant(X), sparse(ADJACENCY)]


def propagate(adjacency=ADJACENCY):
    a = adjacency + np.diag(np.where(np.diag(adjacency) == 0, 1, 0))
    root = np.diag(a.sum(1) ** -0.5)
    return root @ a @ root


def encode(*kernels):
    """The paper's equations: μ, and log σ where there is a third kernel."""
    a = propagate()
    h = np.maximum(a @ X @ kernels[0], 0)
    return [a @ h @ kernel for kernel in kernels[1:]]


@keras.saving.register_keras_serializable("tests")
class SumConv(GraphConvolution):
    """A convolution of someone else's: `s (A + I) X W`."""

    def __init__(self, units, scale=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.scale = scale

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel = self.add_kernel((self.input_dim, self.units))

    def call(self, inputs, training=None):
        graph = self.unpack(inputs)
        x = self.project(self.drop(graph.x, training), self.kernel)
        return self.activation(self.scale * (graph.adjacency.matmul(x) + x))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@pytest.mark.parametrize("encoder", [GAEEncoder, VGAEEncoder])
def test_equation_in_every_form(encoder):
    layer = encoder(3, 5, edge_weight_name="weight")
    checks.check_forms(layer, lambda *kernels: encode(*kernels)[0])
    assert layer.hidden.kernel.shape == (4, 5)
    assert len(layer.trainable_weights) == (2 if encoder is GAEEncoder else 3)


def test_distribution_and_its_kl_divergence():
    layer = VGAEEncoder(3, 5)
    z, mean, log_variance = layer(INPUTS, return_distribution=True)
    want_mean, want_log_std = encode(*layer.get_weights())
    np.testing.assert_allclose(z, want_mean, atol=1e-5)
    np.testing.assert_allclose(mean, want_mean, atol=1e-5)
    np.testing.assert_allclose(log_variance, 2 * want_log_std, atol=1e-5)
    # KL of two normal distributions, as a sum over nodes and dimensions.
    std = np.exp(want_log_std)
    kl = np.sum(-np.log(std) + (std**2 + want_mean**2) / 2 - 1 / 2)
    assert float(sum(layer.losses)) == pytest.approx(kl / 6**2, rel=1e-5)
    # The official code: -(0.5 / N) mean_i Σ_d (1 + 2 log σ - μ² - σ²).
    official = 1 + 2 * want_log_std - want_mean**2 - np.exp(want_log_std) ** 2
    official = -0.5 / 6 * official.sum(1).mean()
    assert float(sum(layer.losses)) == pytest.approx(official, rel=1e-5)

    per_node = VGAEEncoder(3, 5, kl_scale="nodes")
    per_node(INPUTS)
    per_node.set_weights(layer.get_weights())
    per_node(INPUTS)
    assert float(per_node.losses[-1]) == pytest.approx(kl / 6, rel=1e-5)


def test_training_draws_from_the_distribution():
    layer = VGAEEncoder(2, 5)
    _, mean, log_variance = layer(INPUTS, return_distribution=True)
    # As many graphs as draws.
    x, adjacency = (np.stack([array] * 2000) for array in (X, ADJACENCY))
    draws = layer([x, adjacency], training=True).numpy()
    std = np.exp(log_variance / 2)
    np.testing.assert_allclose(
        (draws.mean(0) - mean) / std, np.zeros([6, 2]), atol=5 / 2000**0.5
    )
    np.testing.assert_allclose(draws.std(0) / std, np.ones([6, 2]), atol=0.1)
    np.testing.assert_array_equal(layer(INPUTS), mean)


def test_a_seed_repeats_the_draws():
    def draw():
        keras.utils.set_random_seed(3)
        layer = VGAEEncoder(2)
        return [layer(INPUTS, training=True).numpy() for _ in range(2)]

    first, again = draw(), draw()
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(*first)


@pytest.mark.parametrize("encoder", [GAEEncoder, VGAEEncoder])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_another_convolution(encoder, scale, tmp_path):
    layer = encoder(3, 5, convolution=SumConv, scale=scale)
    z = layer(INPUTS)
    first, second = layer.get_weights()[:2]
    a = scale * (ADJACENCY + np.eye(6))
    want = a @ np.maximum(a @ X @ first, 0) @ second
    np.testing.assert_allclose(z, want, atol=1e-5)
    checks.check_config_round_trip(layer)
    by_name = encoder(3, 5, convolution="tests>SumConv", scale=scale)
    assert by_name.convolution is SumConv
    model = functional(layer)
    checks.check_reload(model, INPUTS, tmp_path / "model.keras")


def test_attention_as_the_convolution(tmp_path):
    layer = VGAEEncoder(3, 5, convolution=GATConv, num_heads=2, concat=False)
    z = layer(INPUTS)
    assert z.shape == (6, 3)
    h = layer.hidden(INPUTS)
    np.testing.assert_allclose(z, layer.mean([h, INPUTS[1]]), atol=1e-6)
    checks.check_config_round_trip(layer)
    checks.check_reload(functional(layer), INPUTS, tmp_path / "model.keras")


def functional(layer):
    x = keras.Input((4,), name="x")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    z = layer([x, adjacency])
    return keras.Model([x, adjacency], InnerProductDecoder()(z))


@pytest.mark.parametrize("encoder", [GAEEncoder, VGAEEncoder])
def test_functional_model_reloads_and_trains(encoder, tmp_path):
    model = functional(encoder(3, 5, dropout=0.2))
    again = checks.check_reload(model, INPUTS, tmp_path / "model.keras")
    assert again(INPUTS).shape == (6, 6)
    assert model.output_shape == (None, None)
    model.compile("adam", "binary_crossentropy")
    before = model.get_weights()
    model.train_on_batch(INPUTS, (ADJACENCY > 0).astype("float32"))
    for old, weight in zip(before, model.trainable_weights, strict=False):
        assert not np.allclose(old, weight), weight.path


@pytest.mark.parametrize("encoder", [GAEEncoder, VGAEEncoder])
def test_symbolic_output_is_that_of_a_call(encoder):
    layer = encoder(3)
    x = keras.Input((4,))
    adjacency = keras.Input((None,), sparse=True)
    assert layer([x, adjacency]).shape == (None, 3)
    if encoder is VGAEEncoder:
        layer = encoder(3)
        outputs = layer([x, adjacency], return_distribution=True)
        assert [output.shape for output in outputs] == [(None, 3)] * 3
        model = keras.Model([x, adjacency], outputs)
        for got, want in zip(
            model(INPUTS), layer(INPUTS, return_distribution=True), strict=True
        ):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("encoder", [GAEEncoder, VGAEEncoder])
def test_mixed_precision(encoder):
    layer = encoder(3, dtype="mixed_bfloat16")
    z = layer(INPUTS, training=True)
    assert z.dtype == tf.bfloat16
    assert {w.dtype for w in layer.trainable_weights} == {"float32"}
    assert all(loss.dtype == tf.float32 for loss in layer.losses)
    full = encoder(3)
    full(INPUTS)
    full.hidden.set_weights(layer.hidden.get_weights())
    full.mean.set_weights(layer.mean.get_weights())
    np.testing.assert_allclose(
        tf.cast(layer(INPUTS), tf.float32), full(INPUTS), atol=0.05
    )


@pytest.mark.parametrize("encoder", [GAEEncoder, VGAEEncoder])
@pytest.mark.parametrize("argument", ["latent_dim", "hidden_units"])
@pytest.mark.parametrize("value", [0, -2, 1.5, True])
def test_sizes_must_be_positive(encoder, argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` to be a positive integer"):
        encoder(**{argument: value})


def test_bad_arguments():
    with pytest.raises(
        ValueError, match=r"`latent_dim` and .* in the place of `units`"
    ):
        GAEEncoder(units=2)
    with pytest.raises(ValueError, match="`kl_scale` to be one of"):
        VGAEEncoder(kl_scale="edges")
    with pytest.raises(ValueError, match="`convolution` to be the class of a graph"):
        GAEEncoder(convolution="tests>NoConv")
    with pytest.raises(ValueError, match="`convolution` to be the class of a graph"):
        GAEEncoder(convolution=GCNConv(3))
    with pytest.raises(ValueError, match="`dropout` to be a number"):
        GAEEncoder(dropout=2)


def test_decoder_of_pairs_and_of_all_pairs():
    z = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    want = 1 / (1 + np.exp(-(z @ z.T)))
    decoder = InnerProductDecoder()
    np.testing.assert_allclose(decoder(z), want, atol=1e-6)
    np.testing.assert_allclose(decoder(np.stack([z, z]))[1], want, atol=1e-6)
    pairs = np.array([[0, 1], [4, 4], [3, 0]])
    for dtype in ("int32", "int64"):
        scores = decoder([z, pairs.astype(dtype)])
        np.testing.assert_allclose(scores, want[tuple(pairs.T)], atol=1e-6)
    logits = InnerProductDecoder(activation=None)
    np.testing.assert_allclose(logits([z, pairs]), (z @ z.T)[tuple(pairs.T)], atol=1e-5)
    checks.check_config_round_trip(logits)
    assert decoder([z, np.zeros([0, 2], "int64")]).shape == (0,)
    assert decoder.compute_output_shape([(5, 3), (7, 2)]) == (7,)
    assert decoder.compute_output_shape((2, 5, 3)) == (2, 5, 5)


@pytest.mark.parametrize("pair", [(0, 5), (-1, 2)])
def test_pairs_out_of_range(pair):
    z = tf.ones([5, 3])
    decoder = InnerProductDecoder()
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="Expected `pairs` of node"
    ):
        decoder([z, tf.constant([(0, 1), pair])])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="Expected `pairs` of node"
    ):
        tf.function(lambda pairs: decoder([z, pairs]))(tf.constant([(0, 1), pair]))


def test_pairs_of_other_shapes_and_types():
    z, decoder = tf.ones([5, 3]), InnerProductDecoder()
    with pytest.raises(ValueError, match=r"`pairs` of shape `\[P, 2\]`"):
        decoder([z, tf.zeros([2, 4], tf.int64)])
    with pytest.raises(ValueError, match="`pairs` to hold integers"):
        decoder([z, tf.zeros([4, 2])])

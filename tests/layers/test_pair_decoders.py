"""Decoders of pairs between two node sets, against NumPy, and their errors."""

import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf

from tfgraph.layers import InnerProductDecoder, MLPDecoder

RNG = np.random.default_rng(0)
USERS = RNG.normal(size=(4, 3)).astype("float32")
FILMS = RNG.normal(size=(6, 5)).astype("float32")
PAIRS = np.array([[0, 5], [3, 0], [3, 5], [0, 5]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mlp(z_source, z_target, pairs, weights):
    """The equation, pair by pair."""
    logits = []
    for i, j in pairs:
        h = np.concatenate([z_source[i], z_target[j]])
        for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            h = np.tanh(h @ kernel + bias)
        logits.append((h @ weights[-2] + weights[-1])[0])
    return np.array(logits)


@pytest.mark.parametrize("hidden_units", [[], [7], [7, 7]])
def test_the_mlp_is_its_equation(hidden_units):
    decoder = MLPDecoder(hidden_units, "tanh", bias_initializer="random_normal")
    found = decoder([(USERS, FILMS), PAIRS])
    weights = decoder.get_weights()
    shapes = [w.shape for w in weights[::2]]
    assert shapes == list(zip([8, *hidden_units], [*hidden_units, 1], strict=True))
    logits = mlp(USERS, FILMS, PAIRS, weights)
    np.testing.assert_allclose(found, sigmoid(logits), atol=1e-6)
    sources, targets = decoder.ends(USERS, FILMS)
    every = np.stack(np.meshgrid(range(4), range(6), indexing="ij"), axis=-1)
    np.testing.assert_allclose(
        decoder.all_logits(sources, targets),
        mlp(USERS, FILMS, every.reshape(-1, 2), weights).reshape(4, 6),
        atol=1e-5,
    )


@pytest.mark.parametrize("hidden_units", [[], [7]])
def test_the_mlp_with_classes(hidden_units):
    decoder = MLPDecoder(
        hidden_units,
        "tanh",
        "softmax",
        num_classes=3,
        bias_initializer="random_normal",
    )
    found = decoder([(USERS, FILMS), PAIRS])
    weights = decoder.get_weights()
    logits = np.stack(
        [
            mlp(USERS, FILMS, PAIRS, [*weights[:-2], kernel[:, None], [bias]])
            for kernel, bias in zip(weights[-2].T, weights[-1], strict=True)
        ],
        axis=1,
    )
    want = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, want, atol=1e-6)
    shapes = [((4, 3), (6, 5)), (9, 2)]
    assert decoder.compute_output_shape(shapes) == (9, 3)
    again = MLPDecoder.from_config(decoder.get_config())
    assert again.num_classes == 3 and again.numbers_per_pair == max([3, *hidden_units])


def test_each_layer_of_the_mlp_draws_its_own_weights():
    decoder = MLPDecoder([4, 4])
    decoder.build([(None, 2), (None, 2)])
    first, _, second, *_ = decoder.get_weights()
    assert first.shape == second.shape and (first != second).any()


def test_the_mlp_within_one_set():
    decoder = MLPDecoder([4], "tanh", classifier_activation=None)
    pairs = PAIRS[:, ::-1] % 4
    found = decoder([USERS, pairs])
    want = mlp(USERS, USERS, pairs, decoder.get_weights())
    np.testing.assert_allclose(found, want, atol=1e-5)
    checks.check_config_round_trip(decoder)
    assert decoder.compute_output_shape([(4, 3), (9, 2)]) == (9,)
    assert decoder([USERS, np.zeros([0, 2], "int64")]).shape == (0,)


def test_inner_products_of_two_sets():
    decoder = InnerProductDecoder(activation=None)
    films = FILMS[:, :3]
    found = decoder([(USERS, films), PAIRS])
    np.testing.assert_allclose(found, (USERS @ films.T)[tuple(PAIRS.T)], atol=1e-6)
    np.testing.assert_allclose(
        decoder.all_logits(*decoder.ends(USERS, films)), USERS @ films.T, atol=1e-6
    )
    assert decoder.compute_output_shape([((4, 3), (6, 3)), (9, 2)]) == (9,)


@pytest.mark.parametrize("decoder", [InnerProductDecoder(), MLPDecoder([4])])
def test_trains_in_a_functional_model_and_reloads(decoder, tmp_path):
    x, y = keras.Input((3,), name="x"), keras.Input((5,), name="y")
    pairs = keras.Input((2,), dtype="int64", name="pairs")
    z = keras.layers.Dense(4)(x), keras.layers.Dense(4)(y)
    scores = decoder([z, pairs])
    assert scores.shape == (None,) and scores.dtype == "float32"
    model = keras.Model([x, y, pairs], scores)
    inputs = tuple(map(tf.constant, (USERS, FILMS, PAIRS)))
    checks.check_reload(model, inputs, tmp_path / "model.keras")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(inputs))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


@pytest.mark.parametrize("decoder", [InnerProductDecoder, MLPDecoder])
@pytest.mark.parametrize(
    ("dtype", "want"),
    [("mixed_float16", "float32"), ("bfloat16", "float32"), ("float64", "float64")],
)
def test_scores_are_not_in_half_precision(decoder, dtype, want):
    layer = decoder(dtype=dtype)
    z = tf.cast(USERS, "float16")
    assert layer([z, PAIRS[:1] % 4]).dtype == want
    assert layer.from_config(layer.get_config()).compute_dtype == want


@pytest.mark.parametrize("decoder", [InnerProductDecoder(), MLPDecoder([2])])
@pytest.mark.parametrize("pair", [(4, 0), (0, 6), (-1, 0), (0, -1)])
def test_pairs_out_of_range_of_two_sets(decoder, pair):
    z = USERS, FILMS[:, :3]
    message = r"Expected `pairs` of node numbers from 0 to below \[4 6\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decoder([z, tf.constant([(3, 5), pair])])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([(USERS, FILMS, FILMS), PAIRS], r"a pair `\(z_source, z_target\)`. Received"),
        ([USERS, PAIRS, PAIRS], r"the inputs to be `\[z, pairs\]` or `\[\(z_source"),
        ([(USERS[0], FILMS), PAIRS], r"`z_source` of shape `\[N, D\]`"),
        ([(USERS, FILMS), PAIRS[0]], r"`pairs` of shape `\[P, 2\]`"),
        ([(USERS, FILMS[:, :3]), PAIRS * 1.0], "`pairs` to hold integers"),
    ],
)
@pytest.mark.parametrize("decoder", [InnerProductDecoder, MLPDecoder])
def test_inputs_of_another_form(decoder, inputs, message):
    with pytest.raises(ValueError, match=f"{decoder.__name__}: expected .*{message}"):
        decoder()(inputs)


def test_what_only_one_decoder_refuses():
    with pytest.raises(ValueError, match=r"of the same width; `MLPDecoder` .*\[3, 5\]"):
        InnerProductDecoder()([(USERS, FILMS), PAIRS])
    with pytest.raises(ValueError, match=r"the inputs to be `\[z, pairs\]`"):
        MLPDecoder()(USERS)
    with pytest.raises(ValueError, match="MLPDecoder: expected `hidden_units` to be a"):
        MLPDecoder(64)
    with pytest.raises(ValueError, match="`hidden_units` to be a positive integer"):
        MLPDecoder([0])
    with pytest.raises(ValueError, match="MLPDecoder: expected `num_classes` to be a"):
        MLPDecoder(num_classes=0)

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgraph import ops


def both_ways(function, *arguments):
    """Results of the kernels for CSR matrices and of those for XLA."""
    return (
        tf.function(function)(*arguments),
        tf.function(function, jit_compile=True)(*arguments),
    )


def test_unit_length():
    x = tf.constant([[3.0, -4.0], [0.0, 0.0], [1e-3, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.unit_length(x)
        loss = tf.reduce_sum(y * [[1.0, 2.0]])
    np.testing.assert_allclose(y, [[0.6, -0.8], [0, 0], [1, 0]], rtol=1e-6)
    # (I - y yᵀ) / ‖x‖ times (1, 2); and no slope at 0.
    want = [[0.32, 0.24], [0, 0], [0, 2000]]
    np.testing.assert_allclose(tape.gradient(loss, x), want, rtol=1e-5, atol=1e-6)
    short = ops.unit_length(x, shortest=2e-3)
    np.testing.assert_allclose(short, [[0.6, -0.8], [0, 0], [0, 0]], rtol=1e-6)
    small = ops.unit_length(tf.constant([[300.0, 400.0]], tf.float16))
    assert small.dtype == tf.float16  # in which 400² is infinite
    np.testing.assert_allclose(small, [[0.6, 0.8]], atol=1e-3)


def test_sparse_matmul_and_its_gradients():
    rng = np.random.default_rng(0)
    indices = np.argwhere(rng.random((5, 7)) < 0.4)
    indices = np.sort(np.concatenate([indices, indices[:2]]), axis=0)  # duplicates
    indices = indices[np.lexsort((indices[:, 1], indices[:, 0]))]
    values, x = rng.normal(size=len(indices)), rng.normal(size=(7, 3))
    weights = rng.normal(size=(5, 3))
    dense = np.zeros((5, 7))
    np.add.at(dense, tuple(indices.T), values)

    def run(values, x):
        with tf.GradientTape() as tape:
            tape.watch([values, x])
            y = ops.sparse_matmul(tf.constant(indices), values, (5, 7), x)
            loss = tf.reduce_sum(y * weights)
        return y, *map(tf.convert_to_tensor, tape.gradient(loss, [values, x]))

    for y, dvalues, dx in both_ways(run, tf.constant(values), tf.constant(x)):
        np.testing.assert_allclose(y, dense @ x)
        np.testing.assert_allclose(dx, dense.T @ weights)
        np.testing.assert_allclose(dvalues, (weights @ x.T)[tuple(indices.T)])


@pytest.mark.parametrize("num_heads", [1, 3])
def test_sparse_matmul_of_several_heads(num_heads):
    # So wide that the gradient of the values is taken in several pieces, the last of
    # which is short.
    rng = np.random.default_rng(0)
    width = 2**17 // num_heads
    indices = np.argwhere(rng.random((6, 5)) < 0.7)
    assert len(indices) > 2 * 8
    assert len(indices) % 8
    values = rng.normal(size=(len(indices), num_heads))
    x = rng.normal(size=(5, num_heads, width))
    weights = rng.normal(size=(6, num_heads, width))

    @tf.function
    def run(values, x):
        with tf.GradientTape() as tape:
            tape.watch([values, x])
            y = ops.sparse_matmul(tf.constant(indices), values, (6, 5), x)
            loss = tf.reduce_sum(y * weights)
        return y, *tape.gradient(loss, [values, x])

    y, dvalues, dx = run(tf.constant(values), tf.constant(x))
    for head in range(num_heads):
        dense = np.zeros((6, 5))
        dense[tuple(indices.T)] = values[:, head]
        np.testing.assert_allclose(y[:, head], dense @ x[:, head])
        np.testing.assert_allclose(dx[:, head], dense.T @ weights[:, head])
        dots = weights[:, head] @ x[:, head].T
        np.testing.assert_allclose(dvalues[:, head], dots[tuple(indices.T)])


@pytest.mark.parametrize("shape", [(6, 6), (3, 6)])
def test_added_self_loops_keep_what_is_there(shape):
    rng = np.random.default_rng(1)
    dense = rng.random(shape) * (rng.random(shape) < 0.5)
    dense[1, 1], dense[2, :] = 0.25, 0
    np.fill_diagonal(dense, [0, 0.25, 0, 0, 0.5, 0][: shape[0]])
    indices = np.argwhere(dense)

    def run(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            new_indices, new_values = ops.add_self_loops(
                tf.constant(indices), values, shape[0], 2.0
            )
            loss = tf.reduce_sum(new_values**2)
        return new_indices, new_values, tape.gradient(loss, values)

    want = dense.copy()
    for i in range(shape[0]):
        want[i, i] = want[i, i] or 2.0
    for new_indices, new_values, gradient in both_ways(
        run, tf.constant(dense[tuple(indices.T)])
    ):
        got = np.zeros(shape)
        np.add.at(got, tuple(new_indices.numpy().T), new_values)
        np.testing.assert_allclose(got, want)
        np.testing.assert_allclose(gradient, 2 * dense[tuple(indices.T)])
    sorted_indices, _, _ = tf.function(run)(tf.constant(dense[tuple(indices.T)]))
    assert (np.diff(sorted_indices[:, 0]) >= 0).all()


@pytest.mark.parametrize("shape", [(1001,), (37, 53)])  # odd numbers of entries
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.6, 0.999, 0.9999999])
def test_dropout_keeps_the_mean(shape, rate):
    seed = keras.random.SeedGenerator(0)
    x = tf.ones(shape)
    draws = np.stack([ops.dropout(x, rate, seed) for _ in range(200)])
    rate = min(rate, 65535 / 65536)  # as documented: exact to 1/65536
    kept = np.unique(draws[draws != 0])
    np.testing.assert_allclose(kept, 1 / (1 - rate), rtol=0.02)
    assert len(kept) == 1 or rate > 0.9999
    dropped = (draws == 0).mean()
    # Five standard deviations of the mean of as many draws.
    assert abs(dropped - rate) <= 5 * (rate * (1 - rate) / draws.size) ** 0.5
    if 0.05 < rate < 0.95:
        assert not np.array_equal(draws[0], draws[1])
        # Each entry has draws of its own.
        per_entry = (draws == 0).mean(0)
        assert abs(per_entry - rate).max() < 6 * (rate * (1 - rate) / 200) ** 0.5


@pytest.mark.parametrize("form", ["few zeros", "mostly zeros", "sparse"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dropout_matmul(form, dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(1, 9, (20, 1024)).astype(dtype)
    if form != "few zeros":
        x *= rng.random(x.shape) < 0.05
    identity, draws = np.eye(1024, dtype=dtype), 3
    kernel = tf.Variable(np.concatenate([identity] * draws, axis=1))
    weights = rng.integers(1, 5, (20, 3072)).astype(dtype)
    seed = keras.random.SeedGenerator(0)

    @tf.function(input_signature=[tf.TensorSpec([None, None], dtype)])
    def run(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            given = tf.sparse.from_dense(inputs) if form == "sparse" else inputs
            y = ops.dropout_matmul(given, kernel, 0.5, draws, seed)
            loss = tf.reduce_sum(y * weights)
        return y, *tape.gradient(loss, [inputs, kernel])

    results = run(tf.constant(x))
    assert [result.dtype for result in results] == [dtype] * 3
    y, dx, dkernel = (np.asarray(result, "float64") for result in results)
    masks = (y != 0).reshape(20, draws, 1024)
    dropped = 2 * x[:, None] * masks
    np.testing.assert_array_equal(y.reshape(dropped.shape), dropped)
    stored = masks[np.repeat((x != 0)[:, None], draws, 1)]
    assert abs(stored.mean() - 0.5) < 5 * (0.25 / stored.size) ** 0.5
    both = masks[:, 0][x != 0] == masks[:, 1][x != 0]  # draws of their own
    assert abs(both.mean() - 0.5) < 5 * (0.25 / both.size) ** 0.5

    by_draw = weights.reshape(20, draws, 1024).astype("float64")
    want = (2 * by_draw * masks).sum(1)
    if form == "mostly zeros":  # the mean over the draws
        want[x == 0] = by_draw.sum(1)[x == 0]
    if form != "sparse":  # which has entries, rather than zeros
        np.testing.assert_array_equal(dx, want)
    want = np.einsum("nkf,nku->fku", dropped, by_draw).reshape(1024, 3072)
    np.testing.assert_allclose(dkernel, want, rtol=1e-6 if dtype == "float32" else 0.01)


def test_dropout_matmul_has_a_gradient_of_its_gradient():
    x = np.float32(np.random.default_rng(0).random((20, 1024)) < 0.05)
    kernel, seed = tf.Variable(tf.ones([1024, 2])), keras.random.SeedGenerator(0)

    @tf.function
    def run(x):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = ops.dropout_matmul(x, kernel, 0.5, 1, seed)
                loss = tf.reduce_sum(y**2) / 2
            penalty = tf.reduce_sum(tape.gradient(loss, x) * x)  # Σ y²
        return y, outer.gradient(penalty, kernel)

    y, gradient = run(tf.constant(x))
    # Both columns have the same draw: 2 masked xᵀ y, whose column sums are 2 Σ y².
    np.testing.assert_allclose(
        tf.reduce_sum(gradient, 0), 2 * tf.reduce_sum(y**2, 0), rtol=1e-5
    )


def test_dropout_has_the_same_mask_in_its_gradient():
    x = tf.Variable(tf.random.normal((50, 40)))
    with tf.GradientTape() as tape:
        y = ops.dropout(x, 0.5, keras.random.SeedGenerator(0))
    gradient = tape.gradient(y, x)
    np.testing.assert_allclose(gradient, np.where(y == 0, 0, 2.0))


@pytest.mark.parametrize("keep", [1.0, 0.5])
def test_attention_has_the_same_gradients_by_products_as_by_entries(keep):
    """Where each logit is a function of a number of each of its two nodes."""
    rng = np.random.default_rng(0)
    indices = tf.constant(np.argwhere(rng.random((5, 7)) < 0.5))
    mask = tf.constant((rng.random((len(indices), 3)) < keep) / keep)
    weights = rng.integers(0, 3, len(indices)).astype(float)  # 0 is no edge
    shapes = [5, 3], [7, 3], [7, 3, 2]
    arrays = [weights, *(rng.normal(size=shape) for shape in shapes)]
    tensors = [tf.constant(array) for array in arrays]
    seen = rng.normal(size=[5, 3, 2])

    def drop(scores):
        is_of_edges = len(scores) == len(mask) and keep < 1
        return scores * mask if is_of_edges else scores

    def run(by_products, *tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            weights, r, s, h = tensors
            sums = ops.entry_sums(indices, r, s)
            ends = ops.Ends(r, s, lambda v: tf.where(sums > 0, v, 0.25 * v))
            y, scores = ops.sparse_attention(
                indices,
                weights,
                (5, 7),
                tf.nn.leaky_relu(sums, 0.25),
                (tf.nn.leaky_relu(r + s[:5], 0.25), tf.ones([5], r.dtype), h[:5]),
                h,
                drop,
                ends if by_products else None,
            )
            loss = tf.reduce_sum(y * seen) + tf.reduce_sum(scores[:, 0] ** 2)
        return y, scores, *tape.gradient(loss, tensors)

    results = tf.function(run)(True, *tensors), run(False, *tensors)
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)

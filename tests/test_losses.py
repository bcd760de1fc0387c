import subprocess
import sys

import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf

import tfgraph
from tfgraph import ops
from tfgraph.losses import NegativeSamplingLoss, reconstruction_loss


def random_graph(num_nodes, seed=0):
    """Latent vectors, and a directed adjacency with loops and weights, as entries."""
    rng = np.random.default_rng(seed)
    adjacency = rng.uniform(0.5, 2, [num_nodes, num_nodes])
    adjacency *= rng.random([num_nodes, num_nodes]) < 0.1
    return rng.normal(size=(num_nodes, 5)), adjacency


def paper(z, adjacency, reweight=True):
    """The official code's loss, entry by entry."""
    num_nodes = len(z)
    targets = np.where(np.eye(num_nodes), 1.0, adjacency != 0)
    num_edges = targets.sum() - num_nodes
    pos_weight = norm = 1.0
    if reweight:
        pos_weight = (num_nodes**2 - num_edges) / max(num_edges, 1)
        norm = num_nodes**2 / (2 * (num_nodes**2 - num_edges))
    logits = z @ z.T
    log_p, log_q = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    entries = -(pos_weight * targets * log_p + (1 - targets) * log_q)
    return norm * entries.mean()


# One block; a block with padding; two blocks; nine, of which six are computed.
@pytest.mark.parametrize("num_nodes", [1, 2, 33, 600, 1100])
@pytest.mark.parametrize("reweight", [True, False])
def test_exact_loss_and_its_gradient_are_the_dense_ones(num_nodes, reweight):
    z, adjacency = random_graph(num_nodes)
    tensor = tf.constant(z)
    gradients = []
    for form in (checks.sparse(adjacency, dtype="float64"), adjacency):
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            loss = reconstruction_loss(tensor, form, reweight)
        gradients.append(tape.gradient(loss, tensor))
        assert float(loss) == pytest.approx(paper(z, adjacency, reweight), rel=1e-10)
    np.testing.assert_allclose(*gradients, atol=1e-10)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradient_is_the_numeric_one(jit_compile):
    z, adjacency = random_graph(4, seed=2)
    entries = checks.sparse(adjacency, dtype="float64")

    @tf.function(jit_compile=jit_compile)
    def gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = reconstruction_loss(z, entries) ** 2
        return tape.gradient(loss, z)

    (want,) = checks.numeric_gradients(
        lambda z: reconstruction_loss(z, entries), [z], step=1e-4
    )
    np.testing.assert_allclose(gradient(tf.constant(z)), want, atol=1e-7)


def test_large_logits_of_both_signs():
    z = np.array([[30.0, 0], [-30, 1], [20, -7], [1e-3, 0]])
    adjacency = np.array([[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1], [0, 1, 1, 0]])
    loss = reconstruction_loss(tf.constant(z, tf.float32), checks.sparse(adjacency))
    assert float(loss) == pytest.approx(paper(z, adjacency), rel=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_order_repetitions_weights_and_loops_make_no_difference(jit_compile):
    z, adjacency = random_graph(20)
    indices = np.argwhere(adjacency)
    indices = np.concatenate([indices, indices[::2], [[4, 4], [4, 4]]])
    indices = np.random.default_rng(0).permutation(indices)
    entries = tf.SparseTensor(indices, np.full(len(indices), 0.3), adjacency.shape)
    loss = tf.function(reconstruction_loss, jit_compile=jit_compile)(z, entries)
    assert float(loss) == pytest.approx(paper(z, adjacency), rel=1e-10)


def test_graph_without_edges_and_complete_graph_are_finite():
    z, _ = random_graph(6)
    for adjacency in (np.zeros([6, 6]), np.ones([6, 6])):
        loss = reconstruction_loss(z, checks.sparse(adjacency, dtype="float64"))
        assert float(loss) == pytest.approx(paper(z, adjacency), rel=1e-10)


def test_batch_of_dense_graphs_is_their_mean():
    graphs = [random_graph(8, seed) for seed in (1, 2, 3)]
    z, adjacency = (np.stack(arrays) for arrays in zip(*graphs, strict=True))
    want = np.mean([paper(*graph) for graph in graphs])
    assert float(reconstruction_loss(z, adjacency)) == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize("sampling", ["uniform", "degree"])
def test_sampled_loss_and_gradient_have_the_exact_ones_as_their_mean(sampling):
    z, adjacency = random_graph(40)
    adjacency[:, 3] = 1  # degrees that differ
    adjacency[3] = 1
    z, entries = tf.constant(z), checks.sparse(adjacency, dtype="float64")

    @tf.function
    def value_and_gradient(num_samples, seed):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = reconstruction_loss(
                z, entries, num_samples=num_samples, sampling=sampling, seed=seed
            )
        return loss, tape.gradient(loss, z)

    exact, exact_gradient = value_and_gradient(None, 0)
    values = [float(value_and_gradient(200, tf.constant(i))[0]) for i in range(30)]
    # Each is an estimate, and their mean is within 4 of its standard errors.
    assert np.std(values) > 0
    assert abs(np.mean(values) - exact) < 4 * np.std(values, ddof=1) / 30**0.5
    loss, gradient = value_and_gradient(1_000_000, tf.constant(0))
    assert float(loss) == pytest.approx(float(exact), rel=5e-3)
    scale = float(tf.reduce_max(tf.abs(exact_gradient)))
    np.testing.assert_allclose(gradient, exact_gradient, atol=0.02 * scale)


def test_seeds_of_the_sampled_loss():
    z, adjacency = random_graph(40)
    entries = checks.sparse(adjacency, dtype="float64")

    def draw(seed):
        return float(reconstruction_loss(z, entries, num_samples=9, seed=seed))

    assert draw(1) == draw(1) != draw(2)
    generator = keras.random.SeedGenerator(1)
    assert draw(generator) != draw(generator)
    keras.utils.set_random_seed(5)
    first = draw(None)
    assert draw(None) != first
    keras.utils.set_random_seed(5)
    assert draw(None) == first


def test_half_precision_is_summed_in_float32():
    z, adjacency = random_graph(200)
    z = tf.cast(z, tf.bfloat16)
    loss = reconstruction_loss(z, checks.sparse(adjacency))
    assert loss.dtype == tf.float32
    want = paper(tf.cast(z, tf.float64).numpy(), adjacency)
    assert float(loss) == pytest.approx(want, rel=1e-5)


@pytest.mark.slow
def test_no_tensor_of_all_pairs():
    """A step takes far less memory than a matrix of all pairs."""
    # In a process of its own, whose peak nothing else has raised.
    run = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    num_nodes, grown = map(int, run.stdout.split())
    assert grown < 4 * num_nodes**2 / 4  # a quarter of a float32 [N, N]


STEP = """
import resource

import tensorflow as tf

from tfgraph.losses import NegativeSamplingLoss, reconstruction_loss

@tf.function
def step(z):
    entries = tf.SparseTensor([[0, 1]], [1.0], [z.shape[0]] * 2)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = reconstruction_loss(z, entries)
    return loss, tape.gradient(loss, z)

def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

step(tf.random.normal([600, 16]))
before = peak()
step(tf.random.normal([15_000, 16]))[0].numpy()
print(15_000, peak() - before)
"""


def test_edge_logits_have_the_gradient_of_pair_logits():
    z, adjacency = random_graph(9)
    edges = tf.constant(np.argwhere(adjacency))
    z, weights = tf.constant(z), tf.constant(np.linspace(-1, 1, len(edges)))
    results = []
    for function in (ops.edge_logits, ops.pair_logits):
        with tf.GradientTape() as tape:
            tape.watch(z)
            logits = function(z, edges)
            loss = tf.reduce_sum(weights * tf.sin(logits))
        results.append((logits, tf.convert_to_tensor(tape.gradient(loss, z))))
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 0}, "`num_samples` to be a positive integer"),
        ({"num_samples": 1.5}, "`num_samples` to be a positive integer"),
        ({"sampling": "edges"}, "`sampling` to be one of"),
        ({"num_samples": 3, "seed": "a"}, "`seed` to be a non-negative integer or N"),
    ],
)
def test_bad_arguments(arguments, message):
    z, adjacency = random_graph(4)
    with pytest.raises(ValueError, match=message):
        reconstruction_loss(z, checks.sparse(adjacency), **arguments)


def test_bad_graphs():
    z, adjacency = random_graph(4)
    with pytest.raises(ValueError, match="one column for each of the 4 nodes"):
        reconstruction_loss(z, adjacency[:, :3])
    with pytest.raises(ValueError, match="square adjacency"):
        reconstruction_loss(z, adjacency[:3])
    graph = tfgraph.data.Graph(z, [(0, 1)])
    for given, hint in [
        (graph, r"with `adjacency\.to_sparse_tensor\(\)`"),
        (graph.to_scipy(), r"`tfgraph\.data\.Graph\.from_scipy\(adjacency\)\.to_sp"),
        (None, r"`adjacency` to be .*adjacency=None"),
    ]:
        with pytest.raises(ValueError, match=hint):
            reconstruction_loss(z, given)
    outside = tf.SparseTensor([[0, 9]], [1.0], [4, 4])
    with pytest.raises(tf.errors.InvalidArgumentError, match="indices from"):
        reconstruction_loss(z, outside)


def test_negative_sampling_is_the_paper_s_equation():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(7, 3)).astype("float32")
    links = np.array([[0, 1, 5, 6], [2, 3, 5, 6], [4, 0, 6, 6]])
    want = []
    for u, v, *negatives in links:
        positive = -np.log(1 / (1 + np.exp(-z[u] @ z[v])))
        want.append(positive)
        for q in negatives:
            want[-1] -= np.log(1 / (1 + np.exp(z[u] @ z[q])))
    loss = NegativeSamplingLoss()
    np.testing.assert_allclose(loss(links, z), np.mean(want), rtol=1e-5)
    each = NegativeSamplingLoss(reduction=None)
    np.testing.assert_allclose(each(links, z), want, rtol=1e-5)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(each)
    )
    assert again.get_config() == each.get_config()

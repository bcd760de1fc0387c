import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import ADJACENCY, X, sparse

import tfgraph
from tfgraph.layers import GATConv, GATv2Conv

LAYERS = [GATConv, GATv2Conv]
EDGE_DIM = 2
EDGES = np.random.default_rng(3).normal(size=(6, 6, EDGE_DIM)).astype("float32")


def leaky_relu(z, slope):
    return np.where(z > 0, z, slope * z)


def attention(
    layer, adjacency=ADJACENCY, x=X, edges=None, loops=True, slope=0.2, weights=None
):
    """The papers' equations, densely, a node and a head at a time: `h'` and `α`."""
    w = {v.name: v.numpy().astype("float64") for v in layer.weights}
    w.update(weights or {})
    size, (num_rows, _) = layer.units, adjacency.shape
    a = adjacency.astype("float64").copy()
    own = a.diagonal() == 0
    if loops:
        a[np.arange(num_rows), np.arange(num_rows)] += own
    if edges is not None:
        edges = edges * ~(np.eye(*a.shape, dtype=bool) & own[:, None])[..., None]
    heads, alphas = [], []
    for head in range(layer.num_heads):
        part = slice(head * size, (head + 1) * size)
        h = x @ w["kernel"][:, part]
        alpha = np.zeros_like(a)
        for i in range(num_rows):
            for j in np.flatnonzero(a[i]):
                f = np.zeros(EDGE_DIM) if edges is None else edges[i, j]
                if isinstance(layer, GATv2Conv):
                    z = x[i] @ w["receiver_kernel"][:, part] + h[j]
                    if edges is not None:
                        z = z + f @ w["edge_kernel"][:, part]
                    e = w["attention"][head] @ leaky_relu(z, slope)
                else:
                    pair = np.concatenate([h[i], h[j]])
                    vector = [
                        w["receiver_attention"][head],
                        w["sender_attention"][head],
                    ]
                    z = np.concatenate(vector) @ pair
                    if edges is not None:
                        z = z + f @ w["edge_attention"][:, head]
                    e = leaky_relu(z, slope)
                alpha[i, j] = a[i, j] * np.exp(e)
            alpha[i] /= alpha[i].sum() or 1
        heads.append(alpha @ h)
        alphas.append(alpha)
    y = np.concatenate(heads, 1) if layer.concat else np.mean(heads, 0)
    return y + w.get("bias", 0), np.stack(alphas)


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize(
    "arguments",
    [
        {"num_heads": 3},
        {"num_heads": 3, "concat": False},
        {"num_heads": 2, "add_self_loops": False, "negative_slope": 0.5},
        {"use_bias": False},
    ],
)
def test_equation_in_every_form(make, arguments):
    layer = make(2, bias_initializer="normal", edge_weight_name="weight", **arguments)
    loops, slope = layer.add_self_loops, layer.negative_slope
    checks.check_forms(
        layer, lambda *_: attention(layer, loops=loops, slope=slope)[0], atol=1e-5
    )


def test_two_nodes_by_hand():
    layer = GATConv(1, kernel_initializer="ones")
    # h = (1, 3); node 0 hears from itself, e = 1 + 1, and from node 1, e = 1 + 3.
    y, scores = layer(
        [tf.constant([[1.0], [3.0]]), sparse(np.array([[0, 1.0], [0, 0]]))],
        return_attention_scores=True,
    )
    share = np.exp(4) / (np.exp(2) + np.exp(4))
    np.testing.assert_allclose(y, [[1 - share + 3 * share], [3.0]], rtol=1e-6)
    np.testing.assert_allclose(scores, [[share], [1 - share], [1.0]], rtol=1e-6)


@pytest.mark.parametrize("make", LAYERS)
def test_edge_features(make):
    layer = make(
        2, num_heads=3, edge_weight_name="weight", edge_feature_name="features"
    )
    order = np.random.default_rng(1).permutation(np.count_nonzero(ADJACENCY))
    entries = sparse(ADJACENCY, order)
    features = EDGES[tuple(entries.indices.numpy().T)]
    graph = checks.graph_tensor(ADJACENCY, X, order)
    graph = graph.replace_features(
        edge_sets={
            "edges": {
                "weight": graph.edge_sets["edges"]["weight"],
                "features": tf.constant(features),
            }
        }
    )
    batch = [np.stack([a, a]) for a in (X, ADJACENCY, EDGES)]
    forms = {
        "sparse": [tf.constant(X), entries, features],
        "sparse features": [sparse(X), entries, features],
        "GraphTensor": graph,
        "GraphTensor and edge features": [tf.constant(X), graph, features],
        "dense": [X, ADJACENCY, EDGES],
        "dense batch": batch,
    }
    for name, inputs in forms.items():
        y = layer(inputs).numpy()
        want, _ = attention(layer, edges=EDGES)
        want = np.stack([want, want]) if name == "dense batch" else want
        np.testing.assert_allclose(y, want, atol=1e-5, err_msg=name)
    without, _ = attention(layer, edges=np.zeros_like(EDGES))
    assert np.abs(want - without).max() > 0.01


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("add_self_loops", [False, True])
def test_scores_are_in_the_order_of_the_entries(make, add_self_loops):
    layer = make(
        2, num_heads=3, add_self_loops=add_self_loops, edge_weight_name="weight"
    )
    order = np.random.default_rng(1).permutation(np.count_nonzero(ADJACENCY))
    entries = sparse(ADJACENCY, order)
    inputs = [tf.constant(X), entries]
    y, scores = layer(inputs, return_attention_scores=True)
    np.testing.assert_array_equal(y, layer(inputs))
    _, alpha = attention(layer, loops=add_self_loops)
    rows, columns = entries.indices.numpy().T
    want = alpha[:, rows, columns].T
    if add_self_loops:  # node 1 has a self-loop among its entries
        loops = alpha[:, np.arange(6), np.arange(6)].T.copy()
        loops[1] = 0
        want = np.concatenate([want, loops])
        rows = np.concatenate([rows, np.arange(6)])
    np.testing.assert_allclose(scores, want, atol=1e-6)
    totals = np.zeros((6, 3))
    np.add.at(totals, rows, scores.numpy())
    has_neighbours = ADJACENCY.any(1) | add_self_loops
    np.testing.assert_allclose(totals, has_neighbours[:, None] * np.ones(3), atol=1e-6)

    graph = checks.graph_tensor(ADJACENCY, X, order)
    _, of_graph = layer(graph, return_attention_scores=True)
    np.testing.assert_allclose(of_graph, scores, atol=1e-6)
    dense_inputs = [X[None], ADJACENCY[None]]
    _, dense = layer(dense_inputs, return_attention_scores=True)
    np.testing.assert_allclose(dense[0], alpha, atol=1e-6)


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_gradients_are_numeric_gradients(make, jit_compile, form):
    layer = make(2, num_heads=2, dtype="float64", bias_initializer="normal")
    entries = sparse(ADJACENCY, dtype="float64")
    indices = entries.indices
    features = EDGES[tuple(indices.numpy().T)].astype("float64")

    def inputs(x, weights, edges):
        if form == "sparse":
            return [x, entries.with_values(weights), edges]
        return [
            x,
            tf.scatter_nd(indices, weights, entries.dense_shape),
            tf.scatter_nd(indices, edges, [6, 6, EDGE_DIM]),
        ]

    x = tf.constant(X, tf.float64)
    layer(inputs(x, entries.values, features))
    names = [weight.name for weight in layer.trainable_variables]

    def function(x, weights, edges, *values):
        for variable, value in zip(layer.trainable_variables, values, strict=True):
            variable.assign(value)
        return layer(inputs(x, weights, edges))

    values = layer.get_weights()
    wanted = checks.numeric_gradients(
        function, [X, entries.values.numpy(), features, *values]
    )
    layer.set_weights(values)

    @tf.function(jit_compile=jit_compile)
    def compiled(x, weights, edges):
        variables = [v.value for v in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch([x, weights, edges])
            loss = tf.reduce_sum(layer(inputs(x, weights, edges)) ** 2)
        return tape.gradient(loss, [x, weights, edges, *variables])

    got = compiled(x, entries.values, tf.constant(features))
    for name, g, want in zip(
        ["x", "weights", "edges", *names], got, wanted, strict=True
    ):
        g = tf.convert_to_tensor(g)
        np.testing.assert_allclose(g, want, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_logits_are_finite_and_right(form, size):
    layer = GATConv(1, kernel_initializer="ones", negative_slope=1.0)
    x = np.array([[1.0], [2.0], [3.0]], "float32") * size
    a = np.array([[0, 1, 1], [0, 0, 0], [1, 1, 0]], "float32")
    a_in = sparse(a) if form == "sparse" else a
    y, scores = layer([tf.constant(x), a_in], return_attention_scores=True)
    # All attention goes to the neighbour with the highest score.
    want = [[3.0], [2.0], [3.0]] if size > 0 else [[1.0], [2.0], [1.0]]
    np.testing.assert_allclose(y, np.array(want) * size, rtol=1e-6)
    assert np.isfinite(scores).all()


def test_gradients_of_huge_logits_are_finite():
    layer = GATConv(2, num_heads=2)
    x = tf.constant(X * 1e4)
    layer([x, sparse(ADJACENCY)])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer([x, sparse(ADJACENCY)]))
    assert np.isfinite(tape.gradient(loss, x)).all()


@pytest.mark.parametrize("make", LAYERS)
def test_a_weight_of_0_is_no_edge(make):
    layer = make(2, num_heads=2, use_bias=False)
    x = tf.constant(np.array([[0.1], [0.2], [500.0]], "float32"))
    rest = np.array([[0, 0.5, 0], [2, 0, 0], [0, 0, 0]], "float32")
    indices = [(0, 1), (0, 2), (1, 0), (2, 0)]
    with_zeros = tf.SparseTensor(indices, [0.5, 0.0, 2.0, 0.0], (3, 3))
    y, scores = layer([x, with_zeros], return_attention_scores=True)
    np.testing.assert_allclose(y, layer([x, sparse(rest)]), atol=1e-6)
    np.testing.assert_array_equal(scores.numpy()[[1, 3]], np.zeros((2, 2)))


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("add_self_loops", [False, True])
def test_rectangular_adjacency(make, add_self_loops):
    layer = make(2, num_heads=2, add_self_loops=add_self_loops, residual=True)
    block = ADJACENCY[:3]
    want = None
    for inputs in (
        [tf.constant(X), sparse(block)],
        [X, block],
        [X[None], block[None]],
    ):
        y = np.squeeze(layer(inputs))
        shortcut = X[:3]
        want = attention(layer, block, loops=add_self_loops)[0] + shortcut
        np.testing.assert_allclose(y, want, atol=1e-5)
    assert want.shape == (3, 4)


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("add_self_loops", [False, True])
@pytest.mark.parametrize("size", [0, 1, 4])
def test_no_edges_and_few_nodes_are_finite(make, add_self_loops, size):
    layer = make(3, num_heads=2, add_self_loops=add_self_loops, use_bias=False)
    layer.build([(None, 4), (None, None)])
    empty = tf.SparseTensor(tf.zeros([0, 2], tf.int64), tf.zeros([0]), (size, size))
    x = tf.constant(X[:size])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer([x, empty])
        loss = tf.reduce_sum(y**2)
    want = X[:size] @ layer.get_weights()[0] * add_self_loops
    np.testing.assert_allclose(y, want, atol=1e-6)
    assert np.isfinite(tape.gradient(loss, x)).all()


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_permuting_the_nodes_permutes_the_result(data):
    size = data.draw(st.integers(1, 7))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    adjacency = rng.random((size, size)) * (rng.random((size, size)) < 0.4)
    adjacency, x = adjacency.astype("float32"), rng.normal(size=(size, 3))
    x, order = x.astype("float32"), rng.permutation(size)
    layer = data.draw(st.sampled_from(LAYERS))(2, num_heads=2)
    y = layer([tf.constant(x), sparse(adjacency)]).numpy()
    permuted = sparse(adjacency[order][:, order])
    np.testing.assert_allclose(
        layer([tf.constant(x[order]), permuted]), y[order], atol=1e-5
    )


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("concat", [False, True])
def test_residual(projected, concat):
    units = 3 if projected else (2 if concat else 4)
    arguments = {"num_heads": 2, "concat": concat, "kernel_initializer": "normal"}
    layer = GATConv(units, residual=True, **arguments)
    inputs = [tf.constant(X), sparse(ADJACENCY)]
    y = layer(inputs).numpy()
    plain, _ = attention(layer)
    kernels = {weight.name: weight.numpy() for weight in layer.weights}
    assert ("residual_kernel" in kernels) == projected
    shortcut = X @ kernels.get("residual_kernel", np.eye(4))
    np.testing.assert_allclose(y, plain + shortcut, atol=1e-5)
    np.testing.assert_allclose(layer([sparse(X), inputs[1]]), y, atol=1e-5)


def test_attention_dropout():
    size, rate = 400, 0.6
    layer = GATConv(
        1,
        num_heads=2,
        attention_dropout=rate,
        kernel_initializer="ones",
        use_bias=False,
    )
    inputs = [tf.ones([size, 1]), sparse(np.ones((size, size), "float32"))]
    y, scores = layer(inputs, training=True, return_attention_scores=True)
    np.testing.assert_allclose(
        scores,
        1
        / size
        * np.ones((size**2 + size, 2))
        * (np.arange(size**2 + size) < size**2)[:, None],
        rtol=1e-5,
    )
    # A sum of 400 values, each 1 / (400 · 0.4) with probability 0.4, or else 0.
    std = (1 / (size * (1 - rate))) * (size * rate * (1 - rate)) ** 0.5
    assert abs(y.numpy().mean() - 1) < 5 * std / (2 * size) ** 0.5
    assert 0.8 * std < y.numpy().std() < 1.2 * std
    assert np.corrcoef(y.numpy().T)[0, 1] < 0.3  # each head draws its own
    np.testing.assert_allclose(layer(inputs), np.ones((size, 2)), rtol=1e-5)
    assert not np.allclose(y, layer(inputs, training=True))


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("num_heads", [1, 2])
@pytest.mark.parametrize("dropout_per_head", [False, True])
@pytest.mark.parametrize("form", ["dense", "dense, wide and mostly 0", "sparse"])
def test_dropout_of_features(make, num_heads, dropout_per_head, form):
    layer = make(
        1,
        num_heads=num_heads,
        dropout=0.75,
        dropout_per_head=dropout_per_head,
        kernel_initializer="ones",
        use_bias=False,
    )
    # Every node is alone, so that a head puts out the sum of its 8 features, each of
    # which is kept with probability 1/4 and then 4; and is itself kept with
    # probability 1/4 and then four times as much, if each head has its own dropout.
    x = np.ones((2000, 8), "float32")
    nothing = tf.SparseTensor(tf.zeros([0, 2], tf.int64), tf.zeros([0]), (2000, 2000))
    if form == "dense, wide and mostly 0":
        x = np.pad(x, [(0, 0), (0, 1016)])
    x = sparse(x) if form == "sparse" else tf.constant(x)
    y = layer([x, nothing], training=True).numpy()
    kept = 4 * np.arange(9)
    assert set(np.unique(y)) <= set(4 * kept if dropout_per_head else kept)
    assert abs(y.mean() - 8) < (1.5 if dropout_per_head else 0.5)
    if dropout_per_head:
        assert 0.7 < (y == 0).mean() < 0.85  # 1 - (1 - 0.75⁸) / 4 = 0.775
    if num_heads == 2:
        assert (y[:, 0] == y[:, 1]).all() != dropout_per_head
        assert abs(np.corrcoef(y.T)[0, 1]) < 0.1 or not dropout_per_head
    np.testing.assert_allclose(layer([x, nothing]), np.full((2000, num_heads), 8.0))


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_the_softmax_in_float32(make, policy):
    layer = make(2, num_heads=2, dtype=policy)
    inputs = [tf.constant(X), sparse(ADJACENCY)]
    y, scores = layer(inputs, return_attention_scores=True)
    assert y.dtype == layer.compute_dtype
    assert scores.dtype == tf.float32
    np.testing.assert_allclose(y, attention(layer)[0], atol=0.05)
    sums = np.zeros((6, 2))
    rows = np.concatenate([np.argwhere(ADJACENCY)[:, 0], np.arange(6)])
    np.add.at(sums, rows, scores.numpy())
    np.testing.assert_allclose(sums, 1, atol=1e-6)


@pytest.mark.parametrize("make", LAYERS)
def test_compiled_by_xla(make):
    layer = make(2, num_heads=3)
    inputs = [tf.constant(X), sparse(ADJACENCY)]
    y, scores = layer(inputs, return_attention_scores=True)
    got = tf.function(
        lambda x, a: layer([x, a], return_attention_scores=True), jit_compile=True
    )(*inputs)
    np.testing.assert_allclose(got[0], y, atol=1e-5)
    np.testing.assert_allclose(got[1], scores, atol=1e-5)


@pytest.mark.parametrize("make", LAYERS)
def test_config_and_reload(make, tmp_path):
    checks.check_config_round_trip(
        make(
            5,
            num_heads=3,
            concat=False,
            negative_slope=0.1,
            attention_dropout=0.4,
            add_self_loops=False,
            residual=True,
            dropout_per_head=False,
            edge_feature_name="f",
            activation="elu",
            dropout=0.3,
            kernel_regularizer="l2",
            name="first",
        )
    )

    def two_heads(units, **arguments):
        return make(units, num_heads=2, **arguments)

    inputs = [tf.constant(X), sparse(ADJACENCY)]
    checks.check_reload(
        checks.functional_model(two_heads), inputs, tmp_path / "a.keras"
    )
    graph_model = checks.graph_tensor_model(two_heads)
    graph = checks.graph_tensor(ADJACENCY, X)
    checks.check_reload(graph_model, graph, tmp_path / "b.keras")


def test_functional_model_with_edge_features_and_scores(tmp_path):
    x, edges = keras.Input((4,)), keras.Input((EDGE_DIM,))
    adjacency = keras.Input((None,), sparse=True)
    layer = GATConv(3, num_heads=2)
    y, scores = layer([x, adjacency, edges], return_attention_scores=True)
    assert y.shape == (None, 6)
    assert scores.shape == (None, 2)
    model = keras.Model([x, adjacency, edges], [y, scores])
    features = EDGES[tuple(np.argwhere(ADJACENCY).T)]
    inputs = [tf.constant(X), sparse(ADJACENCY), tf.constant(features)]
    want, _ = attention(layer, edges=EDGES)
    y, scores = model(inputs)
    np.testing.assert_allclose(y, want, atol=1e-5)
    assert scores.shape == (np.count_nonzero(ADJACENCY) + 6, 2)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(inputs)[0], want, atol=1e-5)


def test_symbolic_shapes():
    layer = GATConv(5, num_heads=3)
    assert layer.compute_output_shape([(None, 4), (None, None)]) == (None, 15)
    averaged = GATConv(5, num_heads=3, concat=False)
    assert averaged.compute_output_shape([(None, 6, 4), (None, 6, 6)]) == (None, 6, 5)
    assert averaged.compute_output_shape([(9, 4), (3, 9)]) == (3, 5)
    x, adjacency = keras.Input((6, 4)), keras.Input((6, 6))
    y, scores = layer([x, adjacency], return_attention_scores=True)
    assert y.shape == (None, 6, 15)
    assert scores.shape == (None, 3, 6, 6)


def test_regularisers_are_for_every_kernel():
    layer = GATConv(2, num_heads=2, kernel_regularizer=keras.regularizers.L2(0.5))
    layer([X, ADJACENCY])
    kernels = [w for w in layer.get_weights() if w.ndim == 2]
    want = 0.5 * sum((kernel**2).sum() for kernel in kernels)
    assert float(sum(layer.losses)) == pytest.approx(want, rel=1e-5)
    assert len(kernels) == 3


def test_a_seed_repeats_dropout():
    def run():
        keras.utils.set_random_seed(3)
        layer = GATConv(2, num_heads=2, dropout=0.5, attention_dropout=0.5)
        return layer([tf.constant(X), sparse(ADJACENCY)], training=True).numpy()

    np.testing.assert_array_equal(run(), run())


@pytest.mark.parametrize("num_heads", [0, -1, 1.5, True])
def test_bad_num_heads(num_heads):
    with pytest.raises(ValueError, match=r"GATConv.*`num_heads` to be"):
        GATConv(3, num_heads=num_heads)


@pytest.mark.parametrize("rate", [-0.1, 1, 2.0, "a"])
@pytest.mark.parametrize("argument", ["dropout", "attention_dropout"])
def test_bad_dropout(argument, rate):
    with pytest.raises(ValueError, match=rf"GATConv.*`{argument}`.*\[0, 1\)"):
        GATConv(3, **{argument: rate})


@pytest.mark.parametrize("slope", ["a", np.nan, True, None])
def test_bad_negative_slope(slope):
    with pytest.raises(
        ValueError, match="GATConv: expected `negative_slope` to be a f"
    ):
        GATConv(3, negative_slope=slope)


COUNT = np.count_nonzero(ADJACENCY)


@pytest.mark.parametrize(
    ("adjacency", "edges", "message"),
    [
        (sparse(ADJACENCY), np.ones((COUNT + 1, 2), "float32"), f"the {COUNT} entries"),
        (sparse(ADJACENCY), np.ones((COUNT - 1, 2), "float32"), f"the {COUNT} entries"),
        (sparse(ADJACENCY), np.ones(COUNT, "float32"), r"of shape `\[E, D\]`"),
        (sparse(ADJACENCY), np.ones((COUNT, 0), "float32"), "positive `D`"),
        (ADJACENCY, np.ones((6, 5, 2), "float32"), "one more dimension"),
        (sparse(ADJACENCY), np.full((COUNT, 2), "a"), "`edge_features` of a real"),
    ],
)
def test_edge_features_that_do_not_fit(adjacency, edges, message):
    with pytest.raises(ValueError, match=f"(?s)GATConv.*{message}|{message}.*GATConv"):
        GATConv(3)([tf.constant(X), adjacency, tf.constant(edges)])


def test_edge_features_of_another_width_than_built_for():
    layer = GATConv(3)
    adjacency = sparse(ADJACENCY)
    layer([X, adjacency, tf.ones([COUNT, 2])])
    with pytest.raises(ValueError, match="`edge_features` of 2 numbers each"):
        layer([X, adjacency, tf.ones([COUNT, 3])])
    with pytest.raises(ValueError, match="`edge_features` of 2 numbers each"):
        layer([X, adjacency])


def test_a_number_of_edge_features_known_only_at_run_time():
    layer = GATConv(3)
    call = tf.function(
        lambda x, a, e: layer([x, a, e]),
        input_signature=[
            tf.TensorSpec([None, 4]),
            tf.SparseTensorSpec([None, None]),
            tf.TensorSpec([None, 2]),
        ],
    )
    call(tf.constant(X), sparse(ADJACENCY), tf.ones([COUNT, 2]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="one row for each entry"):
        call(tf.constant(X), sparse(ADJACENCY), tf.ones([COUNT + 1, 2]))


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_a_negative_weight(form):
    a = -ADJACENCY
    inputs = [tf.constant(X), sparse(a) if form == "sparse" else a]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="without negative weights"
    ):
        GATConv(3)(inputs)


@pytest.mark.parametrize("index", [(0, 6), (6, 0), (2**40, 0), (-1, 0)])
def test_an_edge_of_a_missing_node_is_a_run_time_error(index):
    # 2**40 would be terabytes, were the rows taken as they come.
    layer = GATConv(3, num_heads=2)
    layer.build([(None, 4), (None, None)])
    call = tf.function(
        lambda x, a: layer([x, a]),
        input_signature=[tf.TensorSpec([None, 4]), tf.SparseTensorSpec([None, None])],
    )
    adjacency = tf.SparseTensor([(0, 1), index], [1.0, 1.0], (6, 6))
    with pytest.raises(tf.errors.InvalidArgumentError):
        call(tf.constant(X), adjacency)


def test_more_receivers_than_nodes_known_only_at_run_time():
    layer = GATConv(3)
    call = tf.function(
        lambda x, a: layer([x, a]),
        input_signature=[tf.TensorSpec([None, 4]), tf.SparseTensorSpec([None, None])],
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="no more rows"):
        call(tf.constant(X[:1]), tf.SparseTensor([(0, 0)], [1.0], (5, 1)))


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_a_weight_that_is_not_a_number_shows(form):
    a = ADJACENCY.copy()
    a[0, 1] = np.nan
    y = GATConv(3)([tf.constant(X), sparse(a) if form == "sparse" else a]).numpy()
    assert np.isnan(y[0]).all()
    assert np.isfinite(y[1:]).all()


def test_residual_of_sparse_features_with_repeated_entries():
    layer = GATConv(4, residual=True)
    x = sparse(X)
    halves = tf.SparseTensor(
        tf.repeat(x.indices, 2, axis=0), tf.repeat(x.values / 2, 2), x.dense_shape
    )
    want = layer([x, sparse(ADJACENCY)])
    np.testing.assert_allclose(layer([halves, sparse(ADJACENCY)]), want, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_symbolic_scores_have_the_dtype_of_real_ones(dtype):
    layer = GATConv(3, dtype=dtype)
    inputs = [keras.Input((4,), dtype=dtype), keras.Input((None,), sparse=True)]
    _, symbolic = layer(inputs, return_attention_scores=True)
    inputs = [tf.constant(X, dtype), sparse(ADJACENCY)]
    assert layer(inputs, return_attention_scores=True)[1].dtype.name == symbolic.dtype


def test_an_edge_feature_without_width():
    graph = checks.graph_tensor(ADJACENCY, X)
    layer = GATConv(3, edge_feature_name="weight")
    with pytest.raises(ValueError, match=r"GATConv.*`edge_features` of shape"):
        layer(tfgraph.GraphInput(graph.spec))


def test_an_unknown_edge_feature():
    with pytest.raises(ValueError, match=r"`edge_feature_name`.*\['weight'\]"):
        GATConv(3, edge_feature_name="length")(checks.graph_tensor(ADJACENCY, X))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:5], "one column for each of the 5 nodes"),
        (X[0], r"`\[N, F\]`"),
        (X.astype("complex64"), "`x` of a real number type"),
    ],
)
def test_inputs_that_do_not_fit(x, message):
    with pytest.raises(ValueError, match=f"(?s)GATConv.*{message}|{message}.*GATConv"):
        GATConv(3)([tf.constant(x), sparse(ADJACENCY)])


@pytest.mark.parametrize("form", ["sparse", "graph_tensor"])
def test_fit_learns_the_karate_club(form):
    graph = tfgraph.data.karate_club()
    model = tfgraph.models.GAT(2, num_heads=4, dropout=0.2)
    model.compile(
        keras.optimizers.Adam(0.05),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    train = tfgraph.data.full_batch(graph, "train", form=form)
    model.fit(train, epochs=30, shuffle=False, verbose=0)
    test = tfgraph.data.full_batch(graph, "test", form=form)
    assert model.evaluate(test, verbose=0, return_dict=True)["accuracy"] > 0.85


class MixedScore(GATConv):
    """With a score of a user, in which each head sees the other's."""

    def score(self, sums):
        return 3 * tf.tanh(sums) + tf.reverse(sums, [-1])


def test_gradient_with_a_score_of_a_subclass():
    rng = np.random.default_rng(0)
    a = (rng.random((6, 6)) < 0.5).astype("float32")
    x = tf.constant(rng.standard_normal((6, 3)), tf.float32)
    layer = MixedScore(4, num_heads=2)

    @tf.function
    def gradients(adjacency):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer([x, adjacency]) ** 2)
        return tape.gradient(loss, layer.trainable_weights)

    layer([x, tf.constant(a)])
    of_both = zip(
        gradients(tf.sparse.from_dense(a)), gradients(tf.constant(a)), strict=True
    )
    for of_sparse, of_dense in of_both:  # TensorFlow's own gradients
        np.testing.assert_allclose(of_sparse, of_dense, rtol=1e-4, atol=1e-4)

import collections

import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import ADJACENCY, X, sparse
from tensorflow.python.eager import context

from tfgraph.layers import GCNConv, gcn_normalize


def gcn(adjacency, x, kernel, bias=0.0, loop=1.0, normalize=True):
    """The paper's equation, densely: D̃^(-1/2) Ã D̃^(-1/2) X W + b."""
    a = adjacency.astype("float64")
    a = a + np.diag(np.where(np.diag(a) == 0, loop, 0))
    if normalize:
        degrees = a.sum(1)
        root = np.diag([d**-0.5 if d > 0 else 0.0 for d in degrees])
        a = root @ a @ root
    return a @ x @ kernel + bias


@pytest.mark.parametrize("units", [2, 4, 7])  # both orders of the products
@pytest.mark.parametrize(
    ("arguments", "loop", "normalize"),
    [
        ({}, 1.0, True),
        ({"improved": True}, 2.0, True),
        ({"add_self_loops": False}, 0.0, True),
        ({"normalize": False}, 1.0, False),
        ({"normalize": False, "add_self_loops": False}, 0.0, False),
    ],
)
def test_equation_in_every_form(units, arguments, loop, normalize):
    layer = GCNConv(
        units, bias_initializer="normal", edge_weight_name="weight", **arguments
    )
    checks.check_forms(
        layer, lambda w, b: gcn(ADJACENCY, X, w, b, loop, normalize), atol=1e-5
    )


def test_two_nodes_by_hand():
    layer = GCNConv(1, use_bias=False, kernel_initializer="ones")
    # Ã = [[1, 1], [0, 1]], degrees 2 and 1.
    y = layer([tf.constant([[2.0], [3.0]]), sparse(np.array([[0, 1.0], [0, 0]]))])
    np.testing.assert_allclose(y, [[2 / 2 + 3 / 2**0.5], [3.0]], rtol=1e-6)


def test_bias_activation_and_weights_without_bias():
    layer = GCNConv(3, activation="relu", use_bias=False)
    y = layer([tf.constant(X), sparse(ADJACENCY)])
    assert len(layer.get_weights()) == 1
    np.testing.assert_allclose(
        y, np.maximum(gcn(ADJACENCY, X, *layer.get_weights()), 0), atol=1e-5
    )


@pytest.mark.parametrize("units", [2, 6])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradients_are_numeric_gradients(units, jit_compile):
    layer = GCNConv(units, dtype="float64", bias_initializer="normal")
    entries = sparse(ADJACENCY, dtype="float64")
    layer([tf.constant(X, tf.float64), entries])

    def function(x, values, kernel):
        layer.kernel.assign(kernel)
        return layer([x, entries.with_values(values)])

    kernel = layer.get_weights()[0]
    wanted = checks.numeric_gradients(function, [X, entries.values.numpy(), kernel])
    layer.kernel.assign(kernel)

    @tf.function(jit_compile=jit_compile)
    def compiled(x, values):
        with tf.GradientTape() as tape:
            tape.watch([x, values])
            y = layer([x, entries.with_values(values)])
            loss = tf.reduce_sum(y**2)
        return tape.gradient(loss, [x, values, layer.kernel.value])

    got = compiled(tf.constant(X, tf.float64), entries.values)
    for g, want in zip(got, wanted, strict=True):
        g = tf.convert_to_tensor(g)
        np.testing.assert_allclose(g, want, rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_permuting_the_nodes_permutes_the_result(data):
    size = data.draw(st.integers(1, 7))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    adjacency = rng.random((size, size)) * (rng.random((size, size)) < 0.4)
    adjacency, x = adjacency.astype("float32"), rng.normal(size=(size, 3))
    x, order = x.astype("float32"), rng.permutation(size)
    layer = GCNConv(2)
    y = layer([tf.constant(x), sparse(adjacency)]).numpy()
    permuted = sparse(adjacency[order][:, order])
    np.testing.assert_allclose(
        layer([tf.constant(x[order]), permuted]), y[order], atol=1e-5
    )


def test_one_graph_is_the_same_inside_a_disjoint_union():
    union = np.zeros((9, 9), "float32")
    union[:6, :6], union[6:, 6:] = ADJACENCY, 1.0
    x = np.concatenate([X, np.ones((3, 4), "float32")])
    layer = GCNConv(3)
    y = layer([tf.constant(x), sparse(union)])
    alone = layer([tf.constant(X), sparse(ADJACENCY)])
    np.testing.assert_allclose(y[:6], alone, atol=1e-6)


@pytest.mark.parametrize("add_self_loops", [False, True])
def test_no_edges_and_a_single_node_are_finite(add_self_loops):
    layer = GCNConv(2, use_bias=False, add_self_loops=add_self_loops)
    for size in (1, 3):
        x = np.ones((size, 4), "float32")
        y = layer([tf.constant(x), sparse(np.zeros((size, size)))])
        want = x @ layer.get_weights()[0] if add_self_loops else np.zeros((size, 2))
        np.testing.assert_allclose(y, want, atol=1e-6)


@pytest.mark.parametrize("arguments", [{}, {"normalize": False}])
@pytest.mark.parametrize("add_self_loops", [False, True])
def test_a_graph_without_nodes(arguments, add_self_loops):
    # In a process where TensorFlow's sparse product alone would divide by zero.
    x, adjacency = np.ones((0, 4), "float32"), np.zeros((0, 0), "float32")
    for form, (inputs, batched) in checks.input_forms(adjacency, x).items():
        layer = GCNConv(
            3, add_self_loops=add_self_loops, edge_weight_name="weight", **arguments
        )
        with tf.GradientTape() as tape:
            y = layer(inputs)
            loss = tf.reduce_sum(y)
        assert y.shape == ((2,) if batched else ()) + (0, 3), form
        assert not np.any(tape.gradient(loss, layer.kernel.value)), form


def test_a_gradient_to_no_nodes_at_all():
    x = tf.ones((0, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = GCNConv(5, use_bias=False)([x, sparse(np.zeros((0, 0)))])
    assert tape.gradient(y, x).shape == (0, 2)


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_negative_weights_only_without_degrees(form):
    adjacency = np.array([[0.0, -1.0], [1.0, 0.0]], "float32")
    given = sparse(adjacency) if form == "sparse" else adjacency
    layer = GCNConv(2, name="signed")
    x = tf.ones((2, 3))
    message = (
        r"GCNConv \\?'signed\\?': Expected an adjacency without negative weights; for "
        r"signed edges, use `normalize=False`.* Received: a weight of -1"
    )
    for call in (layer, tf.function(layer)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            call([x, given])
    with pytest.raises(tf.errors.InvalidArgumentError, match="gcn_normalize: Expected"):
        gcn_normalize(sparse(adjacency))
    # Without assertions, under XLA, what comes out is finite.
    assert np.isfinite(tf.function(layer, jit_compile=True)([x, given])).all()
    layer = GCNConv(2, normalize=False)
    y = layer([x, given])
    want = gcn(adjacency, np.ones((2, 3)), *layer.get_weights(), normalize=False)
    np.testing.assert_allclose(y, want, atol=1e-6)


def test_rectangular_adjacency_of_a_sampled_block():
    layer = GCNConv(2, normalize=False, use_bias=False)
    y = layer([tf.constant(X), sparse(ADJACENCY[:2])])
    dense = layer([X, ADJACENCY[:2]])
    full = gcn(ADJACENCY, X, layer.get_weights()[0], normalize=False)
    np.testing.assert_allclose(y, full[:2], atol=1e-5)
    np.testing.assert_allclose(dense, full[:2], atol=1e-5)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_sums_in_float32(dtype):
    # 3000 neighbours of value 1: a sum in float16 stops at 2048, in bfloat16 at 256.
    star = np.zeros((3001, 3001), "float32")
    star[0, 1:] = 1
    layer = GCNConv(
        1,
        dtype=dtype,
        normalize=False,
        add_self_loops=False,
        kernel_initializer="ones",
        use_bias=False,
    )
    x = tf.ones((3001, 1))
    for y in (layer([x, sparse(star)]), layer([x, star])):
        assert y.dtype == layer.compute_dtype
        assert abs(float(y[0, 0]) - 3000) <= 8  # the nearest bfloat16
    normalized = GCNConv(1, dtype=dtype, kernel_initializer="ones", use_bias=False)(
        [x, sparse(star)]
    )
    assert abs(float(normalized[0, 0]) - (1 / 3001 + 3000 / 3001**0.5)) < 0.3


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("form", ["sparse", "dense", "GraphTensor"])
@pytest.mark.parametrize("nested", [False, True])
def test_half_precision_keeps_the_weights_of_the_edges(policy, form, nested):
    # As float16 one of these would be infinite, the other 0.
    adjacency = np.array([[0, 1e6, 0], [0, 0, 1e-9], [0, 0, 0]], "float32")
    x = np.array([[1.0], [2e-3], [1e4]], "float32")
    layer = GCNConv(
        1,
        normalize=False,
        add_self_loops=False,
        kernel_initializer="ones",
        use_bias=False,
        edge_weight_name="weight",
        dtype=policy,
    )
    call = layer
    if nested:
        keras.config.set_dtype_policy(policy)
        outer = keras.layers.Layer(autocast=False)
        outer.inner = layer
        outer.call = lambda inputs: outer.inner(inputs)
        call = outer
    inputs, _ = checks.input_forms(adjacency, x)[form]
    y = call(inputs)
    assert y.dtype == layer.compute_dtype
    want = [2000, 1e-5, 0]
    np.testing.assert_allclose(tf.cast(y, "float32")[:, 0], want, rtol=0.01)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_float64(form):
    layer = GCNConv(3, dtype="float64")
    a = ADJACENCY.astype("float64")
    y = layer(
        [X.astype("float64"), sparse(a, dtype="float64") if form == "sparse" else a]
    )
    assert y.dtype == tf.float64
    np.testing.assert_allclose(y, gcn(ADJACENCY, X, *layer.get_weights()), rtol=1e-12)


@pytest.mark.parametrize(
    "form", ["sparse", "sparse features", "dense", "dense batch", "GraphTensor"]
)
def test_jit_compile(form):
    layer = GCNConv(3, edge_weight_name="weight")
    inputs, _ = checks.input_forms()[form]
    compiled = tf.function(lambda inputs: layer(inputs), jit_compile=True)
    np.testing.assert_allclose(compiled(inputs), layer(inputs), atol=1e-5)


def test_auto_jit_compile_is_off_and_explicit_is_honoured():
    model = checks.functional_model(GCNConv)
    model.compile("sgd", "mse")
    assert model.jit_compile is False
    data = tf.data.Dataset.from_tensors(
        ((tf.constant(X), sparse(ADJACENCY)), np.zeros((6, 3), "float32"))
    )
    model.fit(data, shuffle=False, verbose=0)
    weights = model.get_weights()
    plain = model.evaluate(data, verbose=0)
    model.compile("sgd", "mse", jit_compile=True)
    assert model.jit_compile is True
    assert model.evaluate(data, verbose=0) == pytest.approx(plain, rel=1e-5)
    model.fit(data, shuffle=False, verbose=0)
    assert not np.array_equal(model.get_weights()[0], weights[0])


def test_dropout_of_dense_and_sparse_features():
    identity = np.eye(200, dtype="float32")
    layer = GCNConv(200, dropout=0.6, kernel_initializer="identity", use_bias=False)
    x = np.ones((200, 200), "float32")
    dense = layer([tf.constant(x), sparse(identity)], training=True).numpy()
    assert set(np.unique(dense.round(4))) == {0.0, 2.5}
    assert abs(dense.mean() - 1) < 0.03
    half_empty = np.tril(x)
    y = layer([sparse(half_empty), sparse(identity)], training=True).numpy()
    assert set(np.unique(y.round(4))) == {0.0, 2.5}
    assert not y[half_empty == 0].any()
    assert abs(y.sum() / half_empty.sum() - 1) < 0.03
    np.testing.assert_array_equal(layer([tf.constant(x), sparse(identity)]), x)


def test_a_seed_repeats_a_run():
    def run():
        keras.utils.set_random_seed(3)
        layer = GCNConv(4, dropout=0.5)
        return layer([tf.constant(X), sparse(ADJACENCY)], training=True).numpy()

    first = run()
    np.testing.assert_array_equal(run(), first)


def test_dense_arguments_are_used():
    layer = GCNConv(
        3,
        kernel_regularizer=keras.regularizers.L2(0.1),
        activity_regularizer=keras.regularizers.L1(0.01),
        kernel_constraint="non_neg",
        bias_initializer="ones",
        bias_regularizer=keras.regularizers.L1(0.5),
        bias_constraint=keras.constraints.MaxNorm(0.1),
    )
    y = layer([tf.constant(X), sparse(ADJACENCY)])
    kernel, bias = layer.get_weights()
    assert (bias == 1).all()
    assert np.linalg.norm(layer.bias.constraint(layer.bias)) < 0.11
    # Keras 3.15 divides by the nodes what 3.10 does not: ask a layer of its own.
    linear = keras.layers.Activation(
        "linear", activity_regularizer=keras.regularizers.L1(0.01)
    )
    linear(y)
    want = 0.1 * (kernel**2).sum() + 0.5 * 3 + float(sum(linear.losses))
    assert float(sum(linear.losses)) > 0.01 * np.abs(y).mean()
    assert float(sum(layer.losses)) == pytest.approx(want, rel=1e-5)
    assert (layer.kernel.constraint(layer.kernel) >= 0).numpy().all()


def test_config_and_reload(tmp_path):
    checks.check_config_round_trip(
        GCNConv(
            5,
            activation="elu",
            use_bias=False,
            dropout=0.3,
            improved=True,
            normalize=False,
            kernel_regularizer="l2",
            node_set_name="papers",
            edge_weight_name="w",
            name="first",
        )
    )
    inputs = [tf.constant(X), sparse(ADJACENCY)]
    checks.check_reload(checks.functional_model(GCNConv), inputs, tmp_path / "a.keras")
    sparse_model = checks.functional_model(GCNConv, x_sparse=True)
    checks.check_reload(sparse_model, [sparse(X), inputs[1]], tmp_path / "b.keras")
    graph_model = checks.graph_tensor_model(GCNConv)
    graph = checks.graph_tensor(ADJACENCY, X)
    checks.check_reload(graph_model, graph, tmp_path / "c.keras")


def test_symbolic_shapes():
    assert GCNConv(5).compute_output_shape([(None, 4), (None, None)]) == (None, 5)
    batch = [(None, 6, 4), (None, 6, 6)]
    assert GCNConv(5).compute_output_shape(batch) == (None, 6, 5)
    block = [(10, 4), (3, 10)]
    assert GCNConv(5, normalize=False).compute_output_shape(block) == (3, 5)
    x, adjacency = keras.Input((6, 4)), keras.Input((6, 6))
    assert GCNConv(5)([x, adjacency]).shape == (None, 6, 5)


@pytest.mark.parametrize("units", [0, -3, 2.5, "16", True])
def test_bad_units(units):
    with pytest.raises(ValueError, match=r"GCNConv.*`units` to be a positive integer"):
        GCNConv(units)


@pytest.mark.parametrize("dropout", [-0.1, 1, 1.5, "half"])
def test_bad_dropout(dropout):
    with pytest.raises(ValueError, match=r"GCNConv.*`dropout`.*\[0, 1\)"):
        GCNConv(3, dropout=dropout)


@pytest.mark.parametrize(
    ("x", "adjacency", "message"),
    [
        (X[:5], sparse(ADJACENCY), "one column for each of the 5 nodes"),
        (X[0], sparse(ADJACENCY), r"`\[N, F\]`"),
        (X[None, :5], sparse(ADJACENCY), "one column for each of the 5 nodes"),
        (X, np.ones(6, "float32"), r"`\[M, N\]`"),
        (X, np.ones((6, 6, 6, 6), "float32"), r"`\[M, N\]`"),
        (X, np.ones((8, 6), "float32"), "no more rows"),
        (X, np.ones((4, 6), "float32"), "square adjacency"),
        (X[None], sparse(ADJACENCY[None]), "`(x|adjacency)` to be of rank 2"),
        (X, sparse(ADJACENCY[None]), r"`\[M, N\]`"),
        (X[0], checks.graph_tensor(ADJACENCY, X), r"`\[N, F\]`"),
        (X.astype("complex64"), sparse(ADJACENCY), "`x` of a real number type"),
        (X.astype(str), sparse(ADJACENCY), "`x` of a real number type"),
        (X, ADJACENCY.astype("complex64"), "`adjacency` of a real number type"),
        (X, ADJACENCY.astype(str), "`adjacency` of a real number type"),
    ],
)
@pytest.mark.parametrize("built", [False, True])
def test_inputs_that_do_not_fit(x, adjacency, message, built):
    layer = GCNConv(3)
    if built:
        layer([tf.constant(X), sparse(ADJACENCY)])
    with pytest.raises(ValueError, match=f"(?s)GCNConv.*{message}|{message}.*GCNConv"):
        layer([tf.constant(x), adjacency])


@pytest.mark.parametrize("index", [(0, 6), (6, 0), (0, -1), (-1, 0), (2**40, 0)])
@pytest.mark.parametrize("compiled", [False, True])
def test_an_edge_of_a_missing_node_is_a_run_time_error(index, compiled):
    layer = GCNConv(3)
    adjacency = tf.SparseTensor([(0, 1), index], [1.0, 1.0], (6, 6))
    call = (
        tf.function(lambda a: layer([tf.constant(X), a]))
        if compiled
        else (lambda a: layer([tf.constant(X), a]))
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        call(adjacency)


def test_a_size_known_only_at_run_time_is_checked():
    layer = GCNConv(3)
    call = tf.function(
        lambda x, a: layer([x, a]),
        input_signature=[
            tf.TensorSpec([None, 4]),
            tf.SparseTensorSpec([None, None]),
        ],
    )
    call(tf.constant(X), sparse(ADJACENCY))
    with pytest.raises(tf.errors.InvalidArgumentError, match="one column for each"):
        call(tf.constant(X[:5]), sparse(ADJACENCY))


@pytest.mark.parametrize("inputs", [X, [X, ADJACENCY, ADJACENCY], [X]])
def test_inputs_that_are_no_pair(inputs):
    with pytest.raises(
        ValueError, match=r"`\[x, adjacency\]`, `\[x, graph\]` or `graph`"
    ):
        GCNConv(3)(inputs)


@pytest.mark.parametrize("x", [X[:, :3], sparse(np.ones((6, 9), "float32"))])
def test_other_features_than_built_for(x):
    layer = GCNConv(3)
    layer([X, ADJACENCY])
    with pytest.raises(ValueError, match="`x` with 4 features"):
        layer([x, sparse(ADJACENCY)])


def test_a_graph_tensor_of_another_number_of_nodes():
    graph = checks.graph_tensor(ADJACENCY, X)
    for size in (5, 7):
        with pytest.raises(tf.errors.InvalidArgumentError, match="for each node"):
            GCNConv(3)([tf.ones((size, 4)), graph])


def test_two_weights_for_each_edge():
    graph = checks.graph_tensor(ADJACENCY, X)
    weights = graph.edge_sets["edges"]["weight"]
    graph = graph.replace_features(
        edge_sets={"edges": {"weight": tf.stack([weights, weights], axis=1)}}
    )
    with pytest.raises(ValueError, match="one edge weight for each edge"):
        GCNConv(3, edge_weight_name="weight")(graph)


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_degrees_of_a_rectangle_known_only_at_run_time(form):
    layer = GCNConv(3)
    spec = tf.TensorSpec([None, None])
    if form == "sparse":
        spec = tf.SparseTensorSpec([None, None])
    call = tf.function(
        lambda x, a: layer([x, a]), input_signature=[tf.TensorSpec([None, 4]), spec]
    )
    block = ADJACENCY[:1]
    # Of SparseTensors, the gather of a missing degree may be reported first.
    message = "square adjacency|is not in" if form == "sparse" else "square adjacency"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(tf.constant(X), sparse(block) if form == "sparse" else tf.constant(block))


def test_layers_share_the_work_on_their_adjacency():
    layers = [GCNConv(4) for _ in range(4)]
    entries = sparse(ADJACENCY)

    @tf.function
    def step(x, entries):
        with tf.GradientTape() as tape:
            for layer in layers:
                x = layer([x, entries])
            loss = tf.reduce_sum(x)
        return tape.gradient(loss, [layer.kernel.value for layer in layers])

    step.get_concrete_function(tf.constant(X), entries)
    context.context().enable_run_metadata()  # reported at the first run only
    try:
        step(tf.constant(X), entries)
        functions = context.context().export_run_metadata().function_graphs
    finally:
        context.context().disable_run_metadata()
    graphs = [graph for function in functions for graph in function.partition_graphs]
    nodes = {node.name: node.op for graph in graphs for node in graph.node}
    operations = collections.Counter(nodes.values())
    assert operations["SparseReorder"] == 1
    assert operations["SparseTensorToCSRSparseMatrix"] == 1
    assert operations["SparseMatrixTranspose"] == 1
    products = [op for op in nodes.values() if op.endswith("SparseMatrixMatMul")]
    assert len(products) == 4 + 3  # the first input needs no gradient


def test_gcn_normalize_once():
    a_hat = gcn_normalize(sparse(ADJACENCY))
    # Row-major: in any other order, layers would sort the entries in each call.
    assert a_hat.indices.numpy().tolist() == sorted(a_hat.indices.numpy().tolist())
    layer = GCNConv(3, normalize=False, add_self_loops=False)
    y = layer([tf.constant(X), a_hat])
    np.testing.assert_allclose(y, gcn(ADJACENCY, X, *layer.get_weights()), atol=1e-5)
    inside = tf.function(gcn_normalize)(sparse(ADJACENCY), improved=True)
    y = layer([tf.constant(X), inside])
    np.testing.assert_allclose(
        y, gcn(ADJACENCY, X, *layer.get_weights(), loop=2), atol=1e-5
    )
    with pytest.raises(ValueError, match=r"tf.SparseTensor.*ndarray"):
        gcn_normalize(ADJACENCY)
    with pytest.raises(ValueError, match=r"`adjacency` to be of rank 2.*\(6,\)"):
        gcn_normalize(sparse(ADJACENCY[:, 0]))


def test_no_nodes_of_a_dense_adjacency_in_a_graph_function():
    x, adjacency = keras.Input((3,)), keras.Input((None,))
    model = keras.Model([x, adjacency], GCNConv(2)([x, adjacency]))
    nothing = tf.data.Dataset.from_tensors(((tf.ones([0, 3]), tf.ones([0, 0])),))
    assert model.predict(nothing, verbose=0).shape == (0, 2)

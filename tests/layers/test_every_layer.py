"""Every layer and option: forward and gradient against a dense NumPy statement.

On random graphs with repeated entries, some of which cancel, self-loops, an isolated
node and unsorted entries; as SparseTensor, dense tensor and GraphTensor; eagerly, in a
graph function and compiled by XLA; in every dtype.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgraph
from tfgraph import layers

tfgnn = tfgraph.graph_tensor.load_tfgnn()

N, F = 7, 3
REPEATED = [(0, 2), (0, 2), (1, 1), (1, 1), (5, 0), (0, 2)]
OTHERS = [(i, j) for i in range(N) for j in range(N) if (i, j) not in REPEATED]
OTHERS = [(i, j) for i, j in OTHERS if 3 not in (i, j)]  # node 3 is isolated


def random_graph(signed):
    """Features, entries in any order, their weights, and features of each pair."""
    rng = np.random.default_rng(1)
    indices = np.concatenate([REPEATED, rng.permutation(OTHERS)[:12], [(4, 4)]])
    weights = rng.uniform(0.5, 2, len(indices))
    weights[0] = 0  # an entry that is no edge, which is repeated and then is one
    weights[6] = 0
    if signed:
        weights[7:10] *= -1
        for entry in ((5, 6), (6, 6), (4, 4)):
            indices = np.concatenate([indices, [entry, entry]])
            weights = np.concatenate([weights, [0.75, -0.75]])
    order = rng.permutation(len(indices))
    pairs = rng.normal(size=(N, N, 2))
    return rng.normal(size=(N, F)), indices[order], weights[order], pairs


def dense(indices, weights):
    adjacency = np.zeros([N, N])
    np.add.at(adjacency, tuple(indices.T), weights)
    return adjacency


def with_loops(a, weight=1.0):
    return a + np.diag(np.where(np.diag(a) == 0, weight, 0))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalized(a):
    degrees = a.sum(1)
    roots = np.where(degrees > 0, np.where(degrees > 0, degrees, 1) ** -0.5, 0)
    return roots[:, None] * a * roots


def gcn(layer, w, a, x, pairs):
    if layer.add_self_loops:
        a = with_loops(a, 2.0 if layer.improved else 1.0)
    if layer.normalize:
        a = normalized(a)
    return np.tanh(a @ x @ w["kernel"] + w["bias"])


def last_state(w, sequence):
    h = c = np.zeros(len(w["lstm/recurrent_kernel"]))
    for x in sequence:
        gates = x @ w["lstm/kernel"] + h @ w["lstm/recurrent_kernel"] + w["lstm/bias"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h


def sage(layer, w, a, x, pairs):
    h = x
    if layer.aggregator.endswith("pool"):
        h = np.maximum(x @ w["pool_kernel"] + w["pool_bias"], 0)
    if layer.aggregator == "gcn":
        a = with_loops(a)
    if layer.aggregator == "lstm":
        h = np.stack([last_state(w, x[row != 0]) for row in a])
    elif layer.aggregator == "max_pool":
        h = np.stack([h[row != 0].max(0, initial=0) for row in a])
    elif layer.aggregator == "sum":
        h = a @ h
    else:
        degrees = a.sum(1, keepdims=True)
        h = a @ h / np.where(degrees == 0, 1, degrees)
    h = h @ w["neighbor_kernel"]
    if "kernel" in w:
        own = x @ w["kernel"]
        h = np.concatenate([own, h], 1) if layer.concat else own + h
    h = np.tanh(h + w["bias"])
    return h / np.linalg.norm(h, axis=1, keepdims=True) if layer.normalize else h


def gat(layer, w, a, x, pairs):
    if layer.add_self_loops:
        missing = np.diag(a) == 0
        pairs = np.where(np.diag(missing)[..., None], 0, pairs)
        a = with_loops(a)
    v2 = isinstance(layer, layers.GATv2Conv)
    shape = (layer.num_heads, layer.units)
    h = (x @ w["kernel"]).reshape(N, *shape)
    if v2:
        r = (x @ w["receiver_kernel"]).reshape(N, *shape)
        e = r[:, None] + h[None]
        if "edge_kernel" in w:
            e = e + (pairs @ w["edge_kernel"]).reshape(N, N, *shape)
    else:
        e = (h * w["receiver_attention"]).sum(-1)[:, None]
        e = e + (h * w["sender_attention"]).sum(-1)[None]
        if "edge_attention" in w:
            e = e + pairs @ w["edge_attention"]
    e = np.where(e > 0, e, layer.negative_slope * e)
    if v2:
        e = (e * w["attention"]).sum(-1)
    alpha = a[..., None] * np.exp(e)
    total = alpha.sum(1, keepdims=True)
    alpha = alpha / np.where(total == 0, 1, total)
    y = np.einsum("ijh,jhf->ihf", alpha, h)
    y = y.reshape(N, -1) if layer.concat else y.mean(1)
    if layer.residual:
        y = y + x @ w.get("residual_kernel", np.eye(F))
    return np.tanh(y + w["bias"])


def structure2vec(layer, w, a, x, pairs):
    own = x @ w["kernel"] + w["bias"]
    mu = np.tanh(own)
    for _ in range(layer.num_rounds):
        mu = np.tanh(own + a @ mu @ w["message_kernel"])
    return mu


def gine(layer, w, a, x, pairs):
    messages = a @ x
    if "edge_kernel" in w:
        messages = np.maximum(x + pairs @ w["edge_kernel"], 0)
        messages = np.einsum("ij,ijf->if", a, messages)
    h = (1 + w.get("eps", layer.eps)) * x + messages
    h = np.maximum(h @ w["hidden_kernel"] + w["hidden_bias"], 0)
    return np.tanh(h @ w["kernel"] + w["bias"])


SAGE, GAT, GATv2 = layers.SAGEConv, layers.GATConv, layers.GATv2Conv
# Class, arguments, statement, and whether weights may be negative.
CASES = [
    (layers.GCNConv, {"units": 2}, gcn, False),
    (layers.GCNConv, {"units": 4, "improved": True}, gcn, False),
    (layers.GCNConv, {"units": 2, "add_self_loops": False}, gcn, False),
    (layers.GCNConv, {"units": 4, "normalize": False}, gcn, True),
    (
        layers.GCNConv,
        {"units": 2, "normalize": False, "add_self_loops": False},
        gcn,
        True,
    ),
    (SAGE, {"units": 2, "aggregator": "mean"}, sage, False),
    (SAGE, {"units": 4, "aggregator": "mean", "normalize": True}, sage, False),
    (SAGE, {"units": 2, "aggregator": "gcn"}, sage, False),
    (SAGE, {"units": 2, "aggregator": "sum", "concat": True}, sage, True),
    (SAGE, {"units": 4, "aggregator": "sum", "root_weight": False}, sage, True),
    (SAGE, {"units": 2, "aggregator": "mean_pool"}, sage, False),
    (SAGE, {"units": 2, "aggregator": "max_pool", "concat": True}, sage, True),
    (SAGE, {"units": 2, "aggregator": "lstm", "aggregator_units": 3}, sage, True),
    (GAT, {"units": 2, "num_heads": 2}, gat, False),
    (GAT, {"units": 2, "num_heads": 2, "concat": False, "edges": True}, gat, False),
    (GAT, {"units": 2, "add_self_loops": False, "residual": True}, gat, False),
    (GATv2, {"units": 2, "num_heads": 2, "edges": True}, gat, False),
    (GATv2, {"units": 3, "concat": False, "residual": True}, gat, False),
    (GATv2, {"units": 2, "add_self_loops": False, "edges": True}, gat, False),
    (layers.Structure2VecConv, {"units": 2, "num_rounds": 2}, structure2vec, True),
    (layers.GINEConv, {"units": 2, "edges": True, "train_eps": True}, gine, True),
    (layers.GINEConv, {"units": 2, "hidden_units": 5, "eps": 0.5}, gine, True),
]
NAMES = [
    "-".join([made.__name__, *(f"{k}={v}" for k, v in arguments.items())])
    for made, arguments, *_ in CASES
]


def differentiated(calls, layer):
    """A function of a graph's tensors that returns all that is to be compared.

    Args:
        calls: The layer's output in each form: `{form: function}` of the tensors, of
            which the first two have gradients.
    """

    def run(*tensors):
        results = {}
        variables = [w.value for w in layer.trainable_weights]
        for form, call in calls.items():
            with tf.GradientTape() as tape:
                tape.watch(tensors[:2])
                y = tf.cast(call(*tensors), tf.float64)
                # Of any one number: a sum with factors that differ.
                factors = tf.cos(tf.range(tf.size(y), dtype=tf.float64))
                loss = tf.reduce_sum(tf.reshape(y, [-1]) * factors)
            gradients = tape.gradient(
                loss, [*tensors[:2], *variables], unconnected_gradients="zero"
            )
            results[form] = y, [tf.convert_to_tensor(dv) for dv in gradients]
        return results

    return run


def stated(statement, w, x, weights, no_slope, step=1e-6):
    """Outputs and gradients, by differences, of `statement(w, x, weights)`.

    Args:
        no_slope: For which of the weights there is no gradient: NaN.
    """
    arrays = {"x": x.copy(), "weights": weights.copy(), **w}

    def run():
        return statement({k: arrays[k] for k in w}, arrays["x"], arrays["weights"])

    y = run()
    factors = np.cos(np.arange(y.size)).reshape(y.shape)
    gradients = []
    for name, array in arrays.items():
        gradient = np.full(array.shape, np.nan)
        for at in np.ndindex(array.shape):
            if name == "weights" and no_slope[at]:
                continue
            value = array[at]
            array[at] = value + step
            above = run()
            array[at] = value - step
            gradient[at] = ((above - run()) * factors).sum() / (2 * step)
            array[at] = value
        gradients.append(gradient)
    return y, gradients


def compare(results, want, mode, tolerances=(1e-6, 1e-6)):
    """Outputs and gradients are what is stated, but for a part of their length."""
    y, gradients = want
    for form, (got, got_gradients) in results.items():
        pairs = zip([got, *got_gradients], [y, *gradients], strict=True)
        for i, (array, expected) in enumerate(pairs):
            there = ~np.isnan(expected)
            array, expected = np.array(array, "float64")[there], expected[there]
            error = np.linalg.norm(array - expected)
            bound = tolerances[min(i, 1)] * max(np.linalg.norm(expected), 1)
            assert error <= bound, f"{mode}, {form}, number {i}: {array} not {expected}"


def check(calls, layer, statement, tensors, no_slope, compiled=None):
    """Compares eagerly, in a graph function and under XLA.

    Args:
        calls: See `differentiated`.
        compiled: The forms that XLA takes. None for all.
    """
    w = {name: weight.numpy() for name, weight in named_weights(layer).items()}
    want = stated(statement, w, *tensors[:2], no_slope)
    tensors = [tf.constant(tensor) for tensor in tensors]
    run = differentiated(calls, layer)
    compare(run(*tensors), want, "eager")
    compare(tf.function(run)(*tensors), want, "tf.function")
    calls = {form: calls[form] for form in (calls if compiled is None else compiled)}
    if calls:
        run = tf.function(differentiated(calls, layer), jit_compile=True)
        compare(run(*tensors), want, "XLA")


def named_weights(layer):
    """The trainable weights by their names, numbered where there are several."""
    names = {}
    for weight in layer.trainable_weights:
        name = ("lstm/" if "lstm" in weight.path else "") + weight.name
        names[f"{name} {len(names)}" if name in names else name] = weight
    return names


def convolution(case, dtype="float64"):
    """The layer of a case; its output in each form; whether its edges have features."""
    made, arguments, *_ = case
    arguments = dict(arguments)
    with_edges = arguments.pop("edges", False)
    if with_edges:
        arguments["edge_feature_name"] = "pairs"
    layer = made(
        activation="tanh",
        bias_initializer="random_normal",
        edge_weight_name="weight",
        dtype=dtype,
        **arguments,
    )
    shapes = [(N, F), (N, N), (N, N, 2)]
    layer.build(shapes if with_edges else shapes[:2])

    return layer, forms(layer, with_edges)


def forms(layer, with_edges=False):
    """A layer's outputs in each form of its inputs: `{form: function}`."""

    def sparse(x, weights, indices, pairs):
        edges = [tf.gather_nd(pairs, indices)] if with_edges else []
        return layer([x, tf.SparseTensor(indices, weights, [N, N]), *edges])

    def dense(x, weights, indices, pairs):
        edges = [pairs] if with_edges else []
        return layer([x, tf.scatter_nd(indices, weights, [N, N]), *edges])

    def graph_tensor(x, weights, indices, pairs):
        edges = {"weight": weights, "pairs": tf.gather_nd(pairs, indices)}
        graph = tfgnn.homogeneous(
            source=indices[:, 1],
            target=indices[:, 0],
            node_features={"hidden_state": x},
            edge_features=edges,
        )
        return layer(graph)

    return {"sparse": sparse, "dense": dense, "GraphTensor": graph_tensor}


def without_slope(indices, weights, made):
    """Weights of what is no edge; attention gives those of 0 no gradient either."""
    no_edge = np.abs(dense(indices, weights)[tuple(indices.T)]) < 1e-12
    return no_edge | ((weights == 0) & issubclass(made, GAT))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_convolution(case):
    made, arguments, statement, signed = case
    layer, calls = convolution(case)
    x, indices, weights, pairs = random_graph(signed)
    tensors = x, weights, indices, pairs
    lstm = arguments.get("aggregator") == "lstm"
    check(
        calls,
        layer,
        lambda w, x, weights: statement(layer, w, dense(indices, weights), x, pairs),
        tensors,
        without_slope(indices, weights, made),
        compiled=[] if lstm else None,
    )
    if lstm:  # of which the number of steps is not known when XLA compiles
        for call in calls.values():
            with pytest.raises(ValueError, match=r'"lstm" takes as many steps'):
                tf.function(call, jit_compile=True)(*map(tf.constant, tensors))


# Of outputs and of gradients, which jump where rounding crosses a kink.
TOLERANCES = {
    "float32": (1e-5, 1e-5),
    "mixed_float16": (0.003, 0.01),
    "mixed_bfloat16": (0.03, 0.3),
}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_convolution_in_lower_precision(case, dtype):
    made, arguments, statement, signed = case
    layer, calls = convolution(case, dtype)
    x, indices, weights, pairs = random_graph(signed)
    x, weights, pairs = (
        np.array(tf.cast(tf.cast(part, layer.compute_dtype), "float32"))
        for part in (x, weights, pairs)
    )
    w = {name: weight.numpy() for name, weight in named_weights(layer).items()}
    y, gradients = stated(
        lambda w, x, weights: statement(layer, w, dense(indices, weights), x, pairs),
        {name: array.astype("float64") for name, array in w.items()},
        x.astype("float64"),
        weights.astype("float64"),
        without_slope(indices, weights, made),
    )
    tensors = [tf.constant(part) for part in (x, weights, indices, pairs)]
    run = differentiated(calls, layer)
    compare(run(*tensors), (y, gradients), dtype, TOLERANCES[dtype])
    assert all(call(*tensors).dtype == layer.compute_dtype for call in calls.values())
    if dtype == "mixed_float16" and arguments.get("aggregator") != "lstm":
        compiled = tf.function(run, jit_compile=True)
        compare(compiled(*tensors), (y, gradients), "XLA", TOLERANCES[dtype])


SIZES = [3, 0, 4]  # of the nodes of each graph
GRAPH_IDS = np.repeat([0, 1, 2], SIZES)
POSITIONS = np.stack([GRAPH_IDS, [0, 1, 2, 0, 1, 2, 3]], axis=1)  # with padding
MASK = np.arange(4) < np.array(SIZES)[:, None]


def batch_tensor(x, edges=None, weights=None):
    """A GraphTensor with a component for each graph."""
    node_set = tfgnn.NodeSet.from_fields(
        features={"hidden_state": x}, sizes=tf.constant(SIZES)
    )
    edge_sets = {}
    if edges is not None:
        number = tf.cast(tf.gather(GRAPH_IDS, edges[:, 0]), tf.int32)
        counts = tf.math.bincount(number, minlength=3)
        order = tf.argsort(number, stable=True)  # those of a component together
        edges, weights = tf.gather(edges, order), tf.gather(weights, order)
        edge_sets["edges"] = tfgnn.EdgeSet.from_fields(
            features={"weight": weights},
            sizes=counts,
            adjacency=tfgnn.Adjacency.from_indices(
                source=("nodes", edges[:, 1]), target=("nodes", edges[:, 0])
            ),
        )
    return tfgnn.GraphTensor.from_pieces(
        node_sets={"nodes": node_set}, edge_sets=edge_sets
    )


def softmax(logits, axis=None):
    exp = np.exp(logits - logits.max(axis, keepdims=True))
    return exp / exp.sum(axis, keepdims=True)


def readout(mode, w, x):
    if not len(x):
        return np.zeros(2 * F if mode == "set2set" else F)
    if mode == "attention":
        return softmax(x @ w["kernel"][:, 0]) @ x
    if mode != "set2set":
        return getattr(np, mode)(x, axis=0)
    q, r, c = np.zeros(F), np.zeros(F), np.zeros(F)
    for _ in range(3):
        gates = np.concatenate([q, r]) @ w["lstm/kernel"] + w["lstm/bias"]
        i, f, g, o = np.split(gates + q @ w["lstm/recurrent_kernel"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        q = sigmoid(o) * np.tanh(c)
        r = softmax(x @ q) @ x
    return np.concatenate([q, r])


@pytest.mark.parametrize("mode", ["sum", "mean", "max", "attention", "set2set"])
def test_readout(mode):
    if mode == "set2set":
        layer = layers.Set2Set(3, dtype="float64")
    else:
        layer = layers.Readout(mode, dtype="float64")
    layer.build([(N, F), (N,)])
    x, _, weights, _ = random_graph(False)
    calls = {
        "graph ids": lambda x, _: layer([x, tf.constant(GRAPH_IDS)]),
        "mask": lambda x, _: layer([tf.scatter_nd(POSITIONS, x, [3, 4, F]), MASK]),
        "GraphTensor": lambda x, _: layer(batch_tensor(x)),
    }

    def statement(w, x, weights):
        return np.stack([readout(mode, w, x[b == GRAPH_IDS]) for b in range(3)])

    no_slope = np.ones_like(weights, bool)
    check(
        calls,
        layer,
        statement,
        (x, weights),
        no_slope,
        compiled=["mask", "GraphTensor"],
    )


def batch_of_graphs():
    """Features, weights and entries of graphs that no entry joins."""
    x, indices, weights, _ = random_graph(False)
    inside = GRAPH_IDS[indices[:, 0]] == GRAPH_IDS[indices[:, 1]]
    return x, weights[inside], indices[inside]


def test_diffpool():
    gnns = [
        layers.GCNConv(
            units,
            activation="tanh",
            use_bias=False,
            dtype="float64",
            edge_weight_name="weight",
        )
        for units in (2, 3)
    ]
    layer = layers.DiffPool(*gnns, edge_weight_name="weight", dtype="float64")
    x, weights, indices = batch_of_graphs()

    def outputs(inputs):
        x, a = layer(inputs)
        return tf.concat([*(tf.reshape(y, [-1]) for y in (x, a)), layer.losses], 0)

    def padded(x, weights, indices):
        within = tf.gather(tf.constant(POSITIONS), indices)  # [E, 2, 2]
        at = tf.concat([within[:, 0], within[:, 1, 1:]], axis=1)
        adjacency = tf.scatter_nd(at, weights, [3, 4, 4])
        return outputs([tf.scatter_nd(POSITIONS, x, [3, 4, F]), adjacency, MASK])

    calls = {
        "graph ids": lambda x, weights, indices: outputs(
            [x, tf.SparseTensor(indices, weights, [N, N]), tf.constant(GRAPH_IDS)]
        ),
        "mask": padded,
        "GraphTensor": lambda x, weights, indices: outputs(
            batch_tensor(x, indices, weights)
        ),
    }
    tensors = x, weights, indices
    calls["graph ids"](*map(tf.constant, tensors))

    def statement(w, x, weights):
        a = dense(indices, weights)
        z, logits = (gcn(gnn, {**w, "bias": 0}, a, x, None) for gnn, w in parts(w))
        xs, pooled, link, entropy = [], [], [], []
        for b in range(3):
            inside = b == GRAPH_IDS
            s, a_b = logits[inside], a[np.ix_(inside, inside)]
            s = softmax(s, 1) if len(s) else s
            xs.append(s.T @ z[inside])
            pooled.append(s.T @ a_b @ s)
            if b != 1:
                link.append(np.linalg.norm(a_b - s @ s.T))
                entropy.append(-(s * np.log(s)).sum(1).mean())
        losses = [np.mean(link), np.mean(entropy)]
        return np.concatenate([np.ravel(xs), np.ravel(pooled), losses])

    def parts(w):
        return zip(gnns, ({"kernel": kernel} for kernel in w.values()), strict=True)

    no_slope = without_slope(indices, weights, layers.GCNConv)
    check(calls, layer, statement, tensors, no_slope, compiled=["mask", "GraphTensor"])


@pytest.mark.parametrize("variational", [False, True])
def test_encoder(variational):
    arguments = {"activation": "tanh", "dtype": "float64", "edge_weight_name": "weight"}
    if variational:
        layer = layers.VGAEEncoder(2, 4, kl_scale="nodes", **arguments)
    else:
        layer = layers.GAEEncoder(2, 4, **arguments)
    layer.build([(N, F), (N, N)])
    x, indices, weights, pairs = random_graph(False)

    def with_losses(call):
        return lambda *tensors: tf.concat(
            [tf.reshape(call(*tensors), [-1]), *([x] for x in layer.losses)], axis=0
        )

    calls = {form: with_losses(call) for form, call in forms(layer).items()}

    def statement(w, x, weights):
        hidden, *heads = w.values()
        a_hat = normalized(with_loops(dense(indices, weights)))
        h = np.tanh(a_hat @ x @ hidden)
        mean, *log_std = (a_hat @ h @ kernel for kernel in heads)
        y = np.ravel(mean)
        for s in log_std:
            kl = -0.5 * (1 + 2 * s - mean**2 - np.exp(2 * s)).sum(1).mean()
            y = np.append(y, kl)
        return y

    no_slope = without_slope(indices, weights, layers.GAEEncoder)
    check(calls, layer, statement, (x, weights, indices, pairs), no_slope)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_decoder(activation):
    layer = layers.InnerProductDecoder(activation, dtype="float64")
    x, indices, weights, _ = random_graph(False)
    calls = {
        "pairs": lambda x, _: layer([x, tf.constant(indices)]),
        "all pairs": lambda x, _: tf.gather_nd(layer(x), indices),
    }

    def statement(w, x, weights):
        logits = (x @ x.T)[tuple(indices.T)]
        return sigmoid(logits) if activation else logits

    check(calls, layer, statement, (x, weights), np.ones_like(weights, bool))


FLAGS = [
    (layers.GCNConv, ["use_bias", "add_self_loops", "improved", "normalize"]),
    (SAGE, ["use_bias", "concat", "root_weight", "normalize"]),
    (GAT, ["use_bias", "concat", "add_self_loops", "residual", "dropout_per_head"]),
    (layers.Structure2VecConv, ["use_bias"]),
    (layers.GINEConv, ["use_bias", "train_eps"]),
    (tfgraph.models.GAE, ["use_bias", "reweight"]),
    (tfgraph.models.GAT, ["residual"]),
]


@pytest.mark.parametrize(
    ("made", "flag"), [(made, flag) for made, flags in FLAGS for flag in flags]
)
def test_a_flag_is_true_or_false(made, flag):
    with pytest.raises(ValueError, match=rf"expected `{flag}` to be True or .*='no'"):
        made(2, **{flag: "no"})
    for value in (False, np.bool_(True)):
        made(2, **{flag: value})


@pytest.mark.parametrize(
    "layer",
    [
        layers.GCNConv(2, edge_weight_name="weight"),
        layers.GATConv(2, edge_weight_name="weight"),
        SAGE(2, aggregator="gcn", edge_weight_name="weight"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_self_loop_of_weight_0_is_none(layer):
    """Listed or not, in every form: the node gets one of weight 1."""
    x, targets, sources = np.eye(3, dtype="float32"), [0, 0, 1, 2], [0, 1, 1, 2]
    weights = np.float32([0, 2, 0.5, 0])
    adjacency = dense(np.stack([targets, sources], 1), weights)[:3, :3]
    listed = tf.SparseTensor(np.stack([targets, sources], 1), weights, [3, 3])
    graph = tfgnn.homogeneous(
        source=tf.constant(sources),
        target=tf.constant(targets),
        node_features={"hidden_state": tf.constant(x)},
        edge_features={"weight": tf.constant(weights)},
    )
    with_loops_of_1 = tf.sparse.from_dense(
        np.float32([[1, 2, 0], [0, 0.5, 0], [0, 0, 1]])
    )
    want = layer([x, with_loops_of_1])
    for inputs in ([x, listed], [x, adjacency.astype("float32")], graph):
        np.testing.assert_allclose(layer(inputs), want, atol=1e-6)


def test_a_sequential_model_hands_on_only_the_features():
    model = keras.Sequential([layers.GCNConv(2), layers.GCNConv(2)])
    with pytest.raises(ValueError, match=r"`keras.Sequential` hands on .*keras.Model"):
        model([np.ones([3, 2], "float32"), np.ones([3, 3], "float32")])


@pytest.mark.parametrize("part", ["a", 3, 2.5, True])
def test_a_number_or_string_is_no_part_of_the_inputs(part):
    with pytest.raises(
        ValueError, match=r"GCNConv '.*Expected the inputs to be `\[x, a"
    ):
        layers.GCNConv(2)([np.ones([3, 2], "float32"), part])

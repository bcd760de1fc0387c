"""Models of many signals, and of features of edges, served with edge lists."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from c_api import serve

import tfgraph
from tfgraph.data import Graph
from tfgraph.export import block_request, export_block_model, export_model
from tfgraph.layers import GATConv, GATv2Conv, GCNConv, GINEConv, Readout

F, D = 4, 3


def random_graph(num_nodes, seed):
    """Without repeated edges, whose order no request and no adjacency would keep."""
    rng = np.random.default_rng(seed)
    edges = np.argwhere(rng.random((num_nodes, num_nodes)) < 0.3)
    rng.shuffle(edges)
    return Graph(
        rng.normal(size=(num_nodes, F)).astype("float32"),
        edges,
        edge_weight=rng.uniform(0.1, 2, len(edges)),
        edge_features=rng.normal(size=(len(edges), D)),
    )


TRAINING, OTHER = random_graph(8, seed=0), random_graph(13, seed=1)


class Subclassed(keras.Model):
    """With a lookup table of its own, which its exports need."""

    def __init__(self):
        super().__init__()
        numbers = tf.lookup.KeyValueTensorInitializer(["two"], [2.0])
        self.table = tf.lookup.StaticHashTable(numbers, 0.0)
        self.convolution = GINEConv(3)

    def call(self, inputs):
        return self.convolution(inputs) * self.table.lookup(tf.constant("two"))


def with_edges():
    x, adjacency = keras.Input((F,)), keras.Input((None,), sparse=True)
    edges = keras.Input((D,))
    h = GATv2Conv(2, num_heads=2)([x, adjacency, edges])
    y = GINEConv(3)([h, adjacency, edges])
    return keras.Model([x, adjacency, edges], y)


def of_whole_graphs():
    x, adjacency = keras.Input((F,)), keras.Input((None,), sparse=True)
    inputs = [x, adjacency, keras.Input((D,)), keras.Input((), dtype="int64")]
    h = GINEConv(3)(inputs[:3])
    return keras.Model(inputs, Readout()([h, inputs[3]]))


def of_signals(*axes, sparse=True):
    x, adjacency = keras.Input((*axes, F)), keras.Input((None,), sparse=sparse)
    h = GCNConv(4, activation="relu")([x, adjacency])
    return keras.Model([x, adjacency], GATConv(3)([h, adjacency]))


def of_dense_signals():
    x, adjacency = keras.Input((None, F)), keras.Input((None,))
    return keras.Model([x, adjacency], keras.ops.matmul(adjacency, x))


def of_signals_with_edges():
    x, adjacency = keras.Input((None, F)), keras.Input((None,), sparse=True)
    inputs = [x, adjacency, keras.Input((D,))]
    return keras.Model(inputs, GINEConv(3)(inputs))


# The model, the axes before the nodes, and the inputs after the adjacency.
CASES = {
    "subclassed edges": (Subclassed, (), ["edge_features"]),
    "gat": (lambda: tfgraph.models.GAT(3, [4]), (), ["edge_features"]),
    "graphs": (of_whole_graphs, (), ["edge_features", "graph_ids"]),
    "steps": (lambda: of_signals(2, None), (5, 2), []),
    "dense": (lambda: of_signals(None, sparse=False), (5,), []),
    "subclassed signals": (lambda: tfgraph.models.GCN(3, [4]), (5, 2), []),
    "both": (of_signals_with_edges, (5,), ["edge_features"]),
}


def a_request(graph, axes, others, seed=0):
    """A request in the graph's order of edges, which is not that of an adjacency."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(graph.num_edges)
    request = {
        "features": rng.normal(size=(*axes, graph.num_nodes, F)).astype("float32"),
        "edges": graph.edges[order],
        "weights": graph.edge_weight[order],
    }
    if "edge_features" in others:
        request["edge_features"] = graph.edge_features[order]
    if "graph_ids" in others:
        request["graph_ids"] = np.zeros(graph.num_nodes, "int64")
    return request


def inputs_of(graph, request, dense=False):
    adjacency = graph.to_sparse_tensor()
    inputs = {**request, "edge_features": graph.edge_features}
    return [
        tf.constant(request["features"]),
        tf.sparse.to_dense(adjacency) if dense else adjacency,
        *(tf.constant(inputs[name]) for name in list(request)[3:]),
    ]


def tensors(request):
    return {name: tf.constant(value) for name, value in request.items()}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    keras.utils.set_random_seed(0)
    make, axes, others = CASES[request.param]
    model, dense = make(), "dense" in request.param
    model(inputs_of(TRAINING, a_request(TRAINING, axes, others), dense))
    path = tmp_path_factory.mktemp("model")
    if "gat" in request.param or "signals" in request.param:
        model.save(path / "model.keras")
        model = keras.saving.load_model(path / "model.keras")
    version = export_model(model, path)
    good = a_request(OTHER, (3, *axes[1:]) if axes else (), others)
    expected = model(inputs_of(OTHER, good, dense), training=False)
    return version, good, expected


def test_another_graph(case):
    version, good, expected = case
    outputs = serve(version, good, "weighted")
    np.testing.assert_allclose(outputs["predictions"], expected, rtol=1e-6, atol=1e-6)
    signatures = tf.saved_model.load(version).signatures
    ones = {**good, "weights": np.ones_like(good["weights"])}
    same = signatures["weighted"](**tensors(ones))["predictions"]
    del ones["weights"]
    outputs = signatures["serving_default"](**tensors(ones))["predictions"]
    np.testing.assert_array_equal(outputs, same)
    assert np.abs(outputs - expected).max() > 1e-3


def test_bad_requests(case):
    version, good, _ = case
    serve_weighted = tf.saved_model.load(version).signatures["weighted"]
    x, num_nodes = good["features"], OTHER.num_nodes
    bad = [
        ({"features": x[..., 0]}, "`features` of shape"),
        ({"features": x[..., :2]}, "`features` of shape"),
        ({"edges": np.full_like(good["edges"], num_nodes)}, "`edges` of node numbers"),
        ({"weights": good["weights"][1:]}, "`weights` of .* rows"),
        ({"features": x * np.nan}, "finite numbers in `features`"),
    ]
    if x.ndim > 2:  # a tensor without numbers may claim any number of nodes
        claimed = np.zeros((0, *x.shape[1:-2], 2**40, F), "float32")
        bad.append(({"features": claimed}, "1 or more along axis 0. Received: 0"))
        bad.append(({"features": x[0]}, "`features` of shape"))
    if "edge_features" in good:
        edges = good["edge_features"]
        bad += [
            ({"edge_features": edges[1:]}, "`edge_features` of .* rows. Received"),
            ({"edge_features": edges[:, 1:]}, "`edge_features` of shape"),
            ({"edge_features": edges * np.inf}, "finite numbers in `edge_features`"),
        ]
    for change, message in bad:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            serve_weighted(**tensors({**good, **change}))
    # As JSON clients send no edges.
    none = {"edges": np.zeros(0, "int64"), "weights": np.zeros(0, "float32")}
    if "edge_features" in good:
        none["edge_features"] = np.zeros(0, "float32")
    outputs = serve_weighted(**tensors({**good, **none}))["predictions"]
    assert np.isfinite(outputs).all()


def test_sizes_that_a_model_requires(tmp_path):
    version = export_model(of_signals(2, 8), tmp_path)
    good = a_request(TRAINING, (3, 2), [])
    serve_weighted = tf.saved_model.load(version).signatures["weighted"]
    assert serve_weighted(**tensors(good))["predictions"].shape == (3, 2, 8, 3)
    for bad in (a_request(TRAINING, (3, 1), []), a_request(OTHER, (3, 2), [])):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[None, 2, 8, 4\]"):
            serve_weighted(**tensors(bad))
    bad = {**good, "edges": np.full_like(good["edges"], 8)}
    with pytest.raises(tf.errors.InvalidArgumentError, match="from 0 to 7"):
        serve_weighted(**tensors(bad))


def test_most_nodes_of_a_dense_adjacency(tmp_path):
    version = export_model(of_dense_signals(), tmp_path, max_nodes=12)
    serve_weighted = tf.saved_model.load(version).signatures["weighted"]
    good, bad = (a_request(graph, (2,), []) for graph in (TRAINING, OTHER))
    assert serve_weighted(**tensors(good))["predictions"].shape == (2, 8, F)
    message = "`features` of 1 to 12 rows. Received: 13 rows"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        serve_weighted(**tensors(bad))


def test_raw_columns_with_features_of_edges(tmp_path):
    model = with_edges()
    columns = {name: keras.Input((1,), name=name) for name in "abcd"}
    preprocessing = keras.Model(
        columns, keras.ops.concatenate(list(columns.values()), axis=1)
    )
    version = export_model(model, tmp_path, preprocessing=preprocessing)
    request = a_request(OTHER, (), ["edge_features"])
    expected = model(inputs_of(OTHER, request), training=False)
    x = request.pop("features")
    by_name = dict(zip("abcd", x.T, strict=True))
    serve_weighted = tf.saved_model.load(version).signatures["weighted"]
    outputs = serve_weighted(**tensors({**by_name, **request}))["predictions"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-6, atol=1e-6)
    edges = keras.Input((F,), name="edge_features")
    same_name = keras.Model(edges, edges * 2)
    with pytest.raises(ValueError, match=r"of other names than .*'edge_features'"):
        export_model(model, tmp_path, preprocessing=same_name)
    with pytest.raises(ValueError, match=r"\[N, F\] only.* signals .*\[B, N, 4\]"):
        export_model(of_signals(None), tmp_path, preprocessing=preprocessing)


def test_models_over_other_inputs(tmp_path):
    x, adjacency = keras.Input((F,)), keras.Input((None,), sparse=True)
    pairs = keras.Input((2,), dtype="int64")
    ends = keras.ops.take(GCNConv(2)([x, adjacency]), pairs, axis=0)
    for_pairs = keras.Model([x, adjacency, pairs], ends)
    signals, ids = keras.Input((None, F)), keras.Input((), dtype="int64")
    h = GCNConv(2)([signals, adjacency])
    with_ids = keras.Model([signals, adjacency, ids], [h, ids])
    for model in (for_pairs, with_ids):
        with pytest.raises(ValueError, match=r"`edge_features` .* sparse adjacency"):
            export_model(model, tmp_path)


def test_blocks_with_features_of_edges(tmp_path):
    model = tfgraph.models.GAT(3, [4])
    batches = [
        tfgraph.data.neighbor_batches(
            graph, (2, 2), 4, nodes=[1, 3, 0, 7], labels=False, seed=0
        ).get_single_element()[0]
        for graph in (TRAINING, OTHER)
    ]
    model(batches[0])
    version = export_block_model(model, tmp_path)
    request = block_request(batches[1])
    outputs = serve(version, {name: t.numpy() for name, t in request.items()})
    expected = model(batches[1], training=False)
    np.testing.assert_allclose(outputs["predictions"], expected, rtol=1e-6, atol=1e-6)
    request["edge_features_2"] = request["edge_features_2"][1:]
    serve_blocks = tf.saved_model.load(version).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="`edge_features_2` of"):
        serve_blocks(**request)

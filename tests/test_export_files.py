"""The exports to ONNX and LiteRT, each run by its own runtime."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from file_runtimes import LiteRT, Onnx, check_is_installed

import tfgraph
from tfgraph import ops
from tfgraph.export import export_litert, export_onnx
from tfgraph.export.versions import write_file

NUM_FEATURES = 5


@pytest.fixture(params=[Onnx, LiteRT], ids=["onnx", "litert"])
def runtime(request):
    check_is_installed(request.param)
    return request.param


def graph_inputs(**kwargs):
    return keras.Input((NUM_FEATURES,)), keras.Input((None,), **kwargs)


def convolutions():
    x, adjacency = graph_inputs(sparse=True)
    # Without self-loops, a node without edges has a degree of 0.
    gcn = tfgraph.layers.GCNConv(4, activation="relu", add_self_loops=False)
    h = keras.layers.LayerNormalization()(gcn([x, adjacency]))
    h = keras.layers.Dropout(0.5)(h)
    h = tfgraph.layers.GATv2Conv(4, num_heads=2)([h, adjacency])
    return keras.Model([x, adjacency], [h, keras.layers.Dense(3)(h)])


def maxima():
    x, adjacency = keras.Input((NUM_FEATURES,), sparse=True), graph_inputs()[1]
    layer = tfgraph.layers.SAGEConv(4, aggregator="max_pool")
    return keras.Model([x, adjacency], layer([x, adjacency]))


def edge_features():
    x, adjacency = graph_inputs(sparse=True)
    inputs = [x, adjacency, keras.Input((3,))]
    h = tfgraph.layers.GATv2Conv(2, num_heads=2)(inputs)
    return keras.Model(inputs, tfgraph.layers.GINEConv(3)([h, *inputs[1:]]))


def signals():
    x, adjacency = keras.Input((None, NUM_FEATURES)), graph_inputs(sparse=True)[1]
    h = tfgraph.layers.GCNConv(4, activation="relu")([x, adjacency])
    y = tfgraph.layers.GATConv(3, num_heads=2)([h, adjacency])
    return keras.Model([x, adjacency], keras.layers.Dense(2)(y))


def dense_products():
    x, adjacency = graph_inputs()
    y = keras.ops.matmul(adjacency, x)
    return keras.Model([x, adjacency], y, name="dense_products")


MODELS = {
    "gcn": lambda: tfgraph.models.GCN(3, hidden_units=[4]),
    "sage": lambda: tfgraph.models.GraphSAGE(3, hidden_units=[4]),
    "gat": lambda: tfgraph.models.GAT(3, hidden_units=[4], num_heads=2),
    "vgae": lambda: tfgraph.models.VGAE(2, 4),
    "diffpool": lambda: tfgraph.models.DiffPoolClassifier(
        2, 4, num_clusters=3, num_convolutions=1
    ),
    "convolutions": convolutions,
    "maxima": maxima,
    "edge_features": edge_features,
    "signals": signals,
    "dense_products": dense_products,
}


def a_request(name, num_nodes, num_edges, seed):
    """Unsorted and repeated edges with weights, and what else the model takes."""
    rng = np.random.default_rng(seed)
    graph_ids = np.sort(rng.integers(4, size=num_nodes))
    source = rng.integers(num_nodes, size=num_edges)
    target = rng.integers(num_nodes, size=num_edges)
    if name == "diffpool":  # which takes no edges between graphs
        target = source[(graph_ids[source] * 1000 + target) % max(num_edges, 1)]
        target = np.where(graph_ids[source] == graph_ids[target], target, source)
    weights = rng.uniform(0.1, 2, num_edges)
    if name == "maxima":  # where repeated edges may add up to none
        weights = rng.integers(-1, 2, size=num_edges)
    signals = (2,) if name == "signals" else ()
    x = rng.normal(size=(*signals, num_nodes, NUM_FEATURES))
    request = {
        "features": x.astype("float32"),
        "edges": np.stack([source, target], axis=1),
        "weights": weights.astype("float32"),
    }
    if name == "edge_features":
        request[name] = rng.normal(size=(num_edges, 3)).astype("float32")
    if name == "diffpool":
        request["graph_ids"] = graph_ids
    if name == "vgae":
        request["pairs"] = rng.integers(num_nodes, size=(6, 2))
    return request


def without_nodes(request):
    """The request for a graph without nodes."""
    return {
        name: value[..., :0, :] if name == "features" else value[:0]
        for name, value in request.items()
    }


def predictions(model, request):
    """What `predict` returns for the same graph."""
    num_nodes = request["features"].shape[-2]
    edges, weights = request["edges"], request["weights"]
    x, dense = request["features"], np.zeros([num_nodes, num_nodes], "float32")
    np.add.at(dense, (edges[:, 1], edges[:, 0]), weights)
    sparse = tf.SparseTensor(edges[:, ::-1], weights, [num_nodes, num_nodes])
    sparse_x, sparse_adjacency = False, True
    if hasattr(model, "inputs") and model.inputs:
        sparse_x, sparse_adjacency = (part.sparse for part in model.inputs[:2])
    inputs = [
        tf.sparse.from_dense(x) if sparse_x else x,
        sparse if sparse_adjacency else dense,
        *(request[name] for name in list(request)[3:]),
    ]
    data = tf.data.Dataset.from_tensors((tuple(inputs),))
    outputs = model.predict(data, verbose=0)
    if not isinstance(outputs, list):
        return {"predictions": outputs}
    return {f"predictions_{i}": output for i, output in enumerate(outputs)}


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    """A model, requests of graphs that it has not seen, and what it predicts."""
    keras.utils.set_random_seed(0)
    name, model = request.param, MODELS[request.param]()
    predictions(model, a_request(name, 12, 30, seed=0))
    requests = [a_request(name, *sizes, seed=1) for sizes in [(23, 90), (7, 0), (1, 0)]]
    edges = requests[0]["edges"]
    assert len(np.unique(edges, axis=0)) < len(edges)
    return model, [(request, predictions(model, request)) for request in requests]


def test_graphs_of_other_sizes(case, runtime, tmp_path):
    model, requests = case
    path = runtime.export(model, str(tmp_path / "model"))
    run = runtime(path)
    for request, expected in requests:
        outputs = run(request)
        assert sorted(outputs) == sorted(expected)
        for name, numbers in expected.items():
            assert outputs[name].shape == numbers.shape
            np.testing.assert_allclose(outputs[name], numbers, rtol=1e-5, atol=1e-5)
    request, expected = requests[0]
    for place in ((0, 0), (0, 1)):
        for bad in (-1, 23, 2**31, 2**40 + 1):
            edges = request["edges"].copy()
            edges[place] = bad
            with pytest.raises(Exception, match=r"indices|gather"):
                run({**request, "edges": edges})
    if runtime is LiteRT and model.name.startswith("dense_products"):
        return  # which takes no dense product without nodes
    outputs = runtime(path)(without_nodes(request))
    for name, numbers in expected.items():
        axis = request["features"].ndim - 2  # of the nodes, graphs or pairs
        no_rows = (*numbers.shape[:axis], 0, *numbers.shape[axis + 1 :])
        assert outputs[name].shape == no_rows


@pytest.mark.parametrize("shape", [(2, 3, 3), (4, 2), (2, 4)])
def test_diagonals(shape):
    x = np.random.default_rng(0).normal(size=shape)
    values = x[..., 0][..., : min(shape[-2:])]
    rows = np.arange(min(shape[-2:]))
    expected = x.copy()
    expected[..., rows, rows] = values
    with ops.for_other_runtimes():
        diagonal = ops.diagonal(tf.constant(x))
        replaced = ops.with_diagonal(tf.constant(x), tf.constant(values))
    np.testing.assert_array_equal(diagonal, x[..., rows, rows])
    np.testing.assert_array_equal(replaced, expected)


@pytest.fixture(scope="module")
def model():
    model = tfgraph.models.VGAE(2, 4)
    predictions(model, a_request("vgae", 12, 30, seed=0))
    return model


def test_nodes_that_do_not_exist(model, runtime, tmp_path):
    run = runtime(runtime.export(model, tmp_path / "model"))
    request = a_request("vgae", 4, 1, seed=0)
    for name in ("edges", "pairs"):
        for bad in [[4, 1], [1, 4], [-1, 1], [1, -1]]:
            with pytest.raises(Exception, match=r"indices|gather|num_segments"):
                run({**request, name: np.array([bad])})
    assert run(request)["predictions"].shape == (6,)


def test_an_onnx_file(model, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("tf2onnx")
    path = export_onnx(model, tmp_path / "vgae.onnx")
    assert [(i.name, i.shape, i.type) for i in Onnx(path).session.get_inputs()] == [
        ("features", ["N", NUM_FEATURES], "tensor(float)"),
        ("edges", ["E", 2], "tensor(int64)"),
        ("weights", ["E"], "tensor(float)"),
        ("pairs", ["P", 2], "tensor(int64)"),
    ]
    # ONNX Runtime's ScatterND loses a part of the sum where a row is repeated.
    operations = {node.op_type for node in onnx.load(path).graph.node}
    assert "ScatterElements" in operations and "ScatterND" not in operations


def test_a_file_is_replaced_at_once(tmp_path):
    path = tmp_path / "new" / "model"
    assert write_file(b"first", path) == str(path)
    with open(path, "rb") as opened:
        assert write_file(b"second", path) == str(path)
        assert opened.read() == b"first"  # as its reader goes on to see it
    assert path.read_bytes() == b"second"
    assert [file.name for file in path.parent.iterdir()] == ["model"]


def test_the_aggregator_with_a_loop(runtime, tmp_path):
    model = tfgraph.models.GraphSAGE(3, hidden_units=[4], aggregator="lstm")
    predictions(model, a_request("sage", 3, 4, seed=0))
    with pytest.raises(ValueError, match='"lstm"'):
        runtime.export(model, tmp_path / "model")


def test_an_operation_that_the_runtime_lacks(runtime, tmp_path):
    x, adjacency = graph_inputs(sparse=True)
    h = tfgraph.layers.GCNConv(2)([x, adjacency])
    model = keras.Model([x, adjacency], keras.layers.Lambda(tf.math.bessel_i0e)(h))
    with pytest.raises(Exception, match="BesselI0e"):
        runtime.export(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("export", [export_onnx, export_litert])
def test_arguments(export, model, tmp_path):
    with pytest.raises(ValueError, match=r"`path` to be a file's name.*a directory"):
        export(model, tmp_path)
    with pytest.raises(ValueError, match="`path` to be a local file"):
        export(model, "gs://bucket/model")
    with pytest.raises(ValueError, match="`model` to be built"):
        export(tfgraph.models.GCN(3), tmp_path / "model")
    with pytest.raises(ValueError, match="`model` to be built for a list"):
        x = keras.Input((3,))
        export(keras.Model(x, keras.layers.Dense(2)(x)), tmp_path / "model")


def test_onnx_without_its_extra(model, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ImportError, match=r"pip install \"tfgraph\[onnx\]\""):
        export_onnx(model, tmp_path / "model")

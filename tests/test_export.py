import base64
import json
import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from c_api import serve, signature_of
from hetero_graphs import author_paper_graph

import tfgraph
from tfgraph.data import Graph, full_batch
from tfgraph.export import (
    block_request,
    export_block_model,
    export_graph_tensor_model,
    export_link_scorer,
    export_model,
    export_transductive,
)

NUM_FEATURES = 6
BIN = pathlib.Path(sys.executable).parent


def random_graph(num_nodes, seed, weighted=False):
    rng = np.random.default_rng(seed)
    edges = rng.integers(num_nodes, size=(3 * num_nodes, 2))
    weight = rng.uniform(0.1, 2, len(edges)) if weighted else None
    x = rng.normal(size=(num_nodes, NUM_FEATURES)) * rng.integers(2, size=NUM_FEATURES)
    return Graph(x, edges, edge_weight=weight, y=rng.integers(3, size=num_nodes))


TRAINING, OTHER = random_graph(20, seed=0), random_graph(31, seed=1)


def inputs_of(graph, **kwargs):
    (inputs,) = full_batch(graph, **kwargs).get_single_element()
    return inputs


def gcn():
    keras.utils.set_random_seed(0)
    return tfgraph.models.GCN(3, hidden_units=[8])


def functional_model(sparse_x=False, sparse_adjacency=True):
    keras.utils.set_random_seed(0)
    x = keras.Input((NUM_FEATURES,), sparse=sparse_x)
    adjacency = keras.Input((None,), sparse=sparse_adjacency)
    h = tfgraph.layers.GCNConv(8, activation="relu", dropout=0.5)([x, adjacency])
    h = keras.layers.Dropout(0.5)(h)
    return keras.Model([x, adjacency], tfgraph.layers.GCNConv(3)([h, adjacency]))


def trained(model, form="sparse", sparse_features=False):
    model.compile("adam", "mse")
    inputs = inputs_of(TRAINING, form=form, sparse_features=sparse_features)
    model.train_on_batch(inputs, np.eye(3)[TRAINING.y])
    return model


@pytest.fixture(scope="module")
def model():
    return trained(gcn())


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return export_model(model, tmp_path_factory.mktemp("gcn"))


def request_of(graph):
    """The inputs of a signature, in an order of edges that `Graph` would not keep."""
    order = np.random.default_rng(0).permutation(graph.num_edges)
    request = {"features": graph.dense_features(), "edges": graph.edges[order]}
    if graph.edge_weight is not None:
        request["weights"] = graph.edge_weight[order]
    return request


def assert_predictions(outputs, expected):
    assert list(outputs) == ["predictions"]
    np.testing.assert_allclose(outputs["predictions"], expected, rtol=1e-5, atol=1e-5)


def test_subclassed_model_on_another_graph(model, exported):
    expected = model.predict(full_batch(OTHER), verbose=0)
    assert_predictions(serve(exported, request_of(OTHER)), expected)


@pytest.mark.parametrize("sparse_x", [False, True])
def test_functional_model_on_another_graph(sparse_x, tmp_path):
    model = trained(functional_model(sparse_x), sparse_features=sparse_x)
    version = export_model(model, tmp_path)
    expected = model(inputs_of(OTHER, sparse_features=sparse_x), training=False)
    assert_predictions(serve(version, request_of(OTHER)), expected)


def test_dense_adjacency_with_repeated_edges(tmp_path):
    model = trained(functional_model(sparse_adjacency=False), form="dense")
    version = export_model(model, tmp_path)
    assert len(np.unique(OTHER.edges, axis=0)) < OTHER.num_edges
    expected = model(inputs_of(OTHER, form="dense"), training=False)
    outputs = tf.saved_model.load(version).signatures["serving_default"](
        **{name: tf.constant(value) for name, value in request_of(OTHER).items()}
    )
    assert_predictions(outputs, expected)


def test_weighted_directed_graph(model, exported):
    graph = random_graph(13, seed=2, weighted=True)
    expected = model.predict(full_batch(graph), verbose=0)
    request = request_of(graph)
    assert_predictions(serve(exported, request, "weighted"), expected)
    # Neither the weights nor the directions go unnoticed.
    for other in (
        graph.replace(edge_weight=None),
        graph.replace(edges=graph.edges[:, ::-1]),
    ):
        assert (
            np.abs(model.predict(full_batch(other), verbose=0) - expected).max() > 0.01
        )


def test_graph_without_edges(model, exported):
    graph = Graph(np.ones((1, NUM_FEATURES)), [])
    expected = model.predict(full_batch(graph), verbose=0)
    assert_predictions(serve(exported, request_of(graph)), expected)


@pytest.mark.parametrize(
    "bad",
    [
        {"edges": np.array([[0, 2]])},
        {"edges": np.array([[-1, 0]])},
        {"weights": np.ones(2, np.float32)},
    ],
)
def test_bad_graph(bad, exported):
    request = {
        "features": np.ones((2, NUM_FEATURES), np.float32),
        "edges": np.array([[0, 1]]),
        "weights": np.ones(1, np.float32),
    }
    weighted = tf.saved_model.load(exported).signatures["weighted"]
    request = {name: tf.constant(value) for name, value in request.items()}
    bad = {name: tf.constant(value) for name, value in bad.items()}
    assert weighted(**request)["predictions"].shape == (2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError):
        weighted(**{**request, **bad})


def test_graph_without_nodes(tmp_path):
    # Which must not end the server.
    layer = tfgraph.layers.GCNConv(3, normalize=False, add_self_loops=False)
    x, adjacency = keras.Input((NUM_FEATURES,)), keras.Input((None,), sparse=True)
    model = keras.Model([x, adjacency], layer([x, adjacency]))
    empty = {
        "features": np.zeros((0, NUM_FEATURES), "float32"),
        "edges": np.zeros((0, 2), "int64"),
    }
    outputs = serve(export_model(model, tmp_path), empty)
    assert outputs["predictions"].shape == (0, 3)


def test_adjacency_before_features(tmp_path):
    adjacency, x = keras.Input((None,), sparse=True), keras.Input((NUM_FEATURES,))
    model = keras.Model([adjacency, x], tfgraph.layers.GCNConv(3)([x, adjacency]))
    with pytest.raises(ValueError, match=r"Expected `model` .* `\[x, adjacency\]`"):
        export_model(model, tmp_path)


def test_reloaded_model(model, tmp_path):
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    version = export_model(reloaded, tmp_path / "versions")
    expected = model.predict(full_batch(OTHER), verbose=0)
    assert_predictions(serve(version, request_of(OTHER)), expected)


def graph_tensor_model(kind, spec):
    keras.utils.set_random_seed(0)
    if kind == "subclassed":
        return tfgraph.models.GCN(3, hidden_units=[8], edge_weight_name="weight")
    graph = tfgraph.GraphInput(spec)
    h = tfgraph.layers.GCNConv(8, activation="relu", edge_weight_name="weight")(graph)
    y = tfgraph.layers.GCNConv(3, edge_weight_name="weight")([h, graph])
    return keras.Model(graph, y)


def test_export_of_keras_for_a_model_over_graph_input(tmp_path):
    graph = tfgraph.GraphInput(TRAINING.to_graph_tensor().spec)
    hidden = tfgraph.layers.GCNConv(4, activation="relu")(graph)
    model = keras.Model(graph, tfgraph.layers.GCNConv(3)([hidden, graph]))
    version = str(tmp_path / "1")
    model.export(version, verbose=False)
    other = OTHER.to_graph_tensor()
    request = tfgraph.graph_tensor.to_components(other)
    (predictions,) = serve(version, request).values()
    np.testing.assert_allclose(predictions, model(other), rtol=1e-5, atol=1e-5)
    by_python = tf.saved_model.load(version).signatures["serving_default"](
        **{re.sub("[.-]", "_", key): value for key, value in request.items()}
    )
    np.testing.assert_allclose(by_python["output_0"], predictions, rtol=1e-6)


@pytest.mark.parametrize("kind", ["subclassed", "functional"])
def test_batch_of_examples(kind, tmp_path):
    tfgnn = tfgraph.graph_tensor.load_tfgnn()
    graphs = [
        random_graph(num_nodes, seed, weighted=True).to_graph_tensor()
        for seed, num_nodes in enumerate([5, 9, 2])
    ]
    training = random_graph(20, seed=9, weighted=True).to_graph_tensor()
    model = graph_tensor_model(kind, training.spec)
    model(training)
    version = export_graph_tensor_model(model, tmp_path, training.spec)

    examples = [tfgnn.write_example(graph).SerializeToString() for graph in graphs]
    outputs = serve(version, {"examples": [base64.b64encode(e) for e in examples]})
    expected = np.concatenate([model(graph, training=False) for graph in graphs])
    assert_predictions(outputs, expected)
    assert tf.keras.__version__.startswith("3.")


def test_spec_of_dataset(tmp_path):
    """The spec of merged graphs, with an open number of components, will do too."""
    tfgnn = tfgraph.graph_tensor.load_tfgnn()
    graphs = [random_graph(n, seed=n).to_graph_tensor() for n in (5, 9)]
    examples = [tfgnn.write_example(graph).SerializeToString() for graph in graphs]
    spec = graphs[0].spec.relax(num_nodes=True, num_edges=True)
    dataset = tf.data.Dataset.from_tensor_slices(examples)
    dataset = dataset.map(lambda example: tfgnn.parse_single_example(spec, example))
    dataset = dataset.batch(2).map(lambda graph: graph.merge_batch_to_components())
    model = gcn()
    expected = model(dataset.get_single_element(), training=False)

    version = export_graph_tensor_model(model, tmp_path, dataset.element_spec)
    signature = tf.saved_model.load(version).signatures["serving_default"]
    assert_predictions(signature(examples=tf.constant(examples)), expected)


def test_transductive(model, tmp_path):
    version = export_transductive(model, tmp_path, inputs_of(OTHER))
    expected = model.predict(full_batch(OTHER), verbose=0)
    node_ids = np.array([30, 0, 7, 7])
    outputs = serve(version, {"node_ids": node_ids})
    assert_predictions(outputs, expected[node_ids])


def test_transductive_graph_tensor(tmp_path):
    model, graph = gcn(), OTHER.to_graph_tensor()
    expected = model(graph, training=False).numpy()
    version = export_transductive(model, tmp_path, graph)
    signature = tf.saved_model.load(version).signatures["serving_default"]
    assert_predictions(
        signature(node_ids=tf.constant([3, 1], tf.int64)), expected[[3, 1]]
    )


def test_transductive_unknown_nodes(model, tmp_path):
    version = export_transductive(model, tmp_path, inputs_of(OTHER))
    with pytest.raises(RuntimeError, match=r"error 3:.*`node_ids` from 0 to 30"):
        serve(version, {"node_ids": np.array([0, 31])})
    signature = tf.saved_model.load(version).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Received:\W+-1\W"):
        signature(node_ids=tf.constant([0, -1], tf.int64))


class TwoOutputs(keras.Model):
    """Without the argument `training`, and with outputs of the form `pack` makes."""

    def __init__(self, pack):
        super().__init__()
        self.pack = pack
        self.convolutions = [tfgraph.layers.GCNConv(units) for units in (2, 5)]

    def call(self, inputs):
        return self.pack(*[convolution(inputs) for convolution in self.convolutions])


@pytest.mark.parametrize(
    "pack, names",
    [
        (lambda a, b: [a, b], ["predictions_0", "predictions_1"]),
        (lambda a, b: {"mean": a, "embedding": b}, ["mean", "embedding"]),
    ],
)
def test_several_outputs(pack, names, tmp_path):
    model = TwoOutputs(pack)
    model(inputs_of(TRAINING))
    expected = keras.tree.flatten(
        [model.convolutions[i](inputs_of(OTHER)) for i in (0, 1)]
    )
    request = {key: tf.constant(value) for key, value in request_of(OTHER).items()}
    version = export_model(model, tmp_path / "model")
    outputs = tf.saved_model.load(version).signatures["serving_default"](**request)
    version = export_transductive(model, tmp_path / "nodes", inputs_of(OTHER))
    signature = tf.saved_model.load(version).signatures["serving_default"]
    rows = signature(node_ids=tf.constant([4, 2], tf.int64))
    assert set(outputs) == set(rows) == set(names)
    for name, value in zip(names, expected, strict=True):
        np.testing.assert_allclose(outputs[name], value, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            rows[name], value.numpy()[[4, 2]], rtol=1e-5, atol=1e-5
        )


def test_transductive_needs_equal_rows(tmp_path):
    model = TwoOutputs(lambda a, b: [a, b[:4]])
    model(inputs_of(TRAINING))
    with pytest.raises(ValueError, match=r"Received: .*\(20, 2\).*\(4, 5\)"):
        export_transductive(model, tmp_path, inputs_of(TRAINING))


def test_versions(model, tmp_path):
    path = tmp_path / "model"
    assert export_transductive(model, path, inputs_of(OTHER)) == str(path / "1")
    (path / "10").mkdir()
    (path / "notes").mkdir()
    assert export_transductive(model, path, inputs_of(OTHER)) == str(path / "11")
    assert sorted(os.listdir(path)) == ["1", "10", "11", "notes"]
    assert (path / "11" / "saved_model.pb").stat().st_size > 0
    # Another user, such as the server's, may read it.
    assert (path / "11").stat().st_mode & 0o777 == (path / "10").stat().st_mode & 0o777


def test_interrupted_export(model, tmp_path, monkeypatch):
    save = tf.saved_model.save

    def interrupted_save(module, directory, *args, **kwargs):
        save(module, directory, *args, **kwargs)
        names = os.listdir(tmp_path)
        assert len(names) == 1 and not names[0].isdecimal()
        raise KeyboardInterrupt

    monkeypatch.setattr(tf.saved_model, "save", interrupted_save)
    with pytest.raises(KeyboardInterrupt):
        export_transductive(model, tmp_path, inputs_of(OTHER))
    assert os.listdir(tmp_path) == []


def test_unbuilt_model(tmp_path):
    spec = OTHER.to_graph_tensor().spec
    for export, arguments in [
        (export_model, []),
        (export_graph_tensor_model, [spec]),
        (export_transductive, [inputs_of(OTHER)]),
    ]:
        with pytest.raises(ValueError, match="Expected `model` to be built"):
            export(gcn(), tmp_path, *arguments)


def test_a_sequential_model_over_features_alone(tmp_path):
    model = keras.Sequential([keras.Input([4]), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"a list `\[x, adjacency\]`.*\(None, 4\)"):
        export_model(model, tmp_path)
    spec = OTHER.to_graph_tensor().spec
    with pytest.raises(ValueError, match="structure of `inputs` doesn't match"):
        export_graph_tensor_model(model, tmp_path, spec)


def test_model_over_other_inputs(model, tmp_path):
    graph_model = gcn()
    graph_model(OTHER.to_graph_tensor())
    x = keras.Input((NUM_FEATURES,))
    batched = keras.Model(
        inputs := [keras.Input((None, NUM_FEATURES)), keras.Input((None, None))],
        tfgraph.layers.GCNConv(3)(inputs),
    )
    inputs = {
        "x": keras.Input((NUM_FEATURES,), name="x"),
        "adjacency": keras.Input((None,), sparse=True, name="adjacency"),
    }
    by_name = keras.Model(inputs, tfgraph.layers.GCNConv(3)(list(inputs.values())))
    inputs = [*inputs.values(), keras.Input(())]
    h = tfgraph.layers.GCNConv(3)(inputs[:2])
    with_numbers = keras.Model(inputs, h * inputs[2][:, None])
    for other in (
        graph_model,
        keras.Model(x, keras.layers.Dense(3)(x)),
        batched,
        by_name,
        with_numbers,
    ):
        with pytest.raises(ValueError, match=r"Expected `model` .* `\[x, adjacency\]`"):
            export_model(other, tmp_path)
    with pytest.raises(ValueError, match=r"Expected `spec` .* Received: spec=None"):
        export_graph_tensor_model(model, tmp_path, None)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_saved_model_cli(model, exported, tmp_path):
    def cli(*arguments):
        command = [BIN / "saved_model_cli", *arguments, "--tag_set", "serve"]
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout

    shown = cli("show", "--dir", exported)
    assert 'SignatureDef key: "serving_default"' in shown
    assert 'SignatureDef key: "weighted"' in shown

    graph = Graph(np.eye(3, NUM_FEATURES), [(0, 1), (1, 2)])
    inputs = f"features={graph.x.tolist()};edges=[[0, 1], [1, 2]]"
    cli(
        *["run", "--dir", exported, "--signature_def", "serving_default"],
        *["--input_exprs", inputs, "--outdir", tmp_path],
    )
    outputs = {"predictions": np.load(tmp_path / "predictions.npy")}
    assert_predictions(outputs, model.predict(full_batch(graph), verbose=0))


def assert_matches(signature, inputs):
    """Fails unless TensorFlow Serving would accept these inputs for the signature."""
    assert set(inputs) == set(signature.inputs)
    for name, value in inputs.items():
        info = signature.inputs[name]
        assert value.dtype == tf.as_dtype(info.dtype).as_numpy_dtype, name
        assert tf.TensorShape(info.tensor_shape).is_compatible_with(value.shape), name


def call(version, name, inputs):
    inputs = {key: tf.constant(value) for key, value in inputs.items()}
    return tf.saved_model.load(version).signatures[name](**inputs)


def test_grpc_request(model, exported):
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    graph = random_graph(4, seed=3, weighted=True)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "gcn"
    request.model_spec.signature_name = "weighted"
    for name, value in request_of(graph).items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))

    received = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    inputs = {key: tf.make_ndarray(value) for key, value in received.inputs.items()}
    name = received.model_spec.signature_name
    assert_matches(signature_of(exported, name), inputs)
    expected = model.predict(full_batch(graph), verbose=0)
    assert_predictions(call(exported, name, inputs), expected)
    with pytest.raises(AssertionError):
        assert_matches(signature_of(exported, "serving_default"), inputs)


@pytest.mark.parametrize("name", ["serving_default", "weighted"])
def test_rest_body(name, model, exported):
    graph = random_graph(4, seed=3, weighted=name == "weighted")
    inputs = {key: value.tolist() for key, value in request_of(graph).items()}
    body = json.dumps({"signature_name": name, "inputs": inputs})

    # TensorFlow Serving reads the numbers in the type of the signature: whole ones for
    # int64, any for float32.
    received = json.loads(body)
    signature = signature_of(exported, received["signature_name"])
    inputs = {}
    for key, value in received["inputs"].items():
        dtype = tf.as_dtype(signature.inputs[key].dtype).as_numpy_dtype
        inputs[key] = np.asarray(value).astype(dtype, casting="same_kind")
    assert_matches(signature, inputs)
    expected = model.predict(full_batch(graph), verbose=0)
    assert_predictions(call(exported, name, inputs), expected)


@pytest.fixture(scope="module", params=[tfgraph.models.GAE, tfgraph.models.VGAE])
def autoencoder(request):
    keras.utils.set_random_seed(0)
    model = request.param(4, 8)
    model.compile("adam")
    model.fit(full_batch(TRAINING), epochs=1, shuffle=False, verbose=0)
    return model


def test_link_scorer(autoencoder, tmp_path):
    pairs = np.array([[0, 1], [19, 4], [7, 7], [4, 19]])
    version = export_link_scorer(autoencoder, tmp_path, inputs_of(TRAINING))
    assert version == str(tmp_path / "1")
    outputs = serve(version, {"pairs": pairs})
    z = autoencoder.predict(full_batch(TRAINING), verbose=0)
    logits = np.sum(z[pairs[:, 0]] * z[pairs[:, 1]], axis=1)
    assert list(outputs) == ["scores"]
    np.testing.assert_allclose(outputs["scores"], 1 / (1 + np.exp(-logits)), rtol=1e-5)
    for unknown in (20, -1):
        with pytest.raises(
            RuntimeError, match="Expected `pairs` of node numbers from 0"
        ):
            serve(version, {"pairs": np.array([[0, unknown]])})


def test_top_links_of_an_autoencoder(autoencoder, tmp_path):
    version = export_link_scorer(autoencoder, tmp_path, inputs_of(TRAINING))
    request = {"node_ids": np.array([4, 0, 4]), "k": np.array([20])}
    found = serve(version, request, "top_links")
    nodes, probabilities = autoencoder.top_links(inputs_of(TRAINING), [4, 0, 4], 20)
    assert sorted(found) == ["nodes", "probabilities"] and (nodes == -1).any()
    np.testing.assert_array_equal(found["nodes"], nodes)
    np.testing.assert_allclose(found["probabilities"], probabilities, rtol=1e-5)


@pytest.fixture(
    scope="module",
    params=[tfgraph.layers.InnerProductDecoder(), tfgraph.layers.MLPDecoder([3])],
    ids=["inner product", "MLP"],
)
def recommender(request, tmp_path_factory):
    """A model of links between two node sets, its graph and its SavedModel."""
    keras.utils.set_random_seed(0)
    graph, _ = author_paper_graph()
    encoder = tfgraph.models.HeteroGraphSAGE(hidden_units=[4], num_nodes={"venue": 5})
    model = tfgraph.models.LinkPredictor(encoder, "writes", request.param)
    model(graph)
    path = tmp_path_factory.mktemp("recommender")
    return model, graph, export_link_scorer(model, path, graph)


def test_links_between_two_sets(recommender):
    model, graph, version = recommender
    pairs = np.array([[39, 0], [0, 29], [0, 29]])
    outputs = serve(version, {"pairs": pairs})
    np.testing.assert_allclose(outputs["scores"], model([graph, pairs]), rtol=1e-5)
    for k in (1, 30):
        request = {"node_ids": np.array([39, 7]), "k": np.array([k])}
        found = serve(version, request, "top_links")
        nodes, probabilities = model.top_links(graph, [39, 7], k)
        np.testing.assert_array_equal(found["nodes"], nodes)
        np.testing.assert_allclose(found["probabilities"], probabilities, rtol=1e-5)
    assert (found["nodes"] == -1).any()


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        ("serving_default", {"pairs": [[40, 0]]}, r"`pairs` .* \[39 29\]. Received: 0"),
        ("serving_default", {"pairs": [[0, 30]]}, r"`pairs` .* \[39 29\]. Received: 0"),
        ("serving_default", {"pairs": [[0, -1]]}, "`pairs` of node numbers from 0"),
        ("top_links", {"node_ids": [40], "k": [1]}, "`node_ids` from 0 to 39"),
        ("top_links", {"node_ids": [-1], "k": [1]}, "`node_ids` from 0 to 39"),
        ("top_links", {"node_ids": [0] * 1001, "k": [1]}, "of 1 to 1000 rows"),
        ("top_links", {"node_ids": [], "k": [1]}, "of 1 to 1000 rows"),
        ("top_links", {"node_ids": [0], "k": [31]}, "`k` from 0 to 30. Received: 31"),
        ("top_links", {"node_ids": [0], "k": [-1]}, "`k` from 0 to 30. Received: -1"),
        ("top_links", {"node_ids": [0], "k": [1, 2]}, r"`k` of shape \[1\]"),
        ("top_links", {"node_ids": [[0]], "k": [1]}, "`node_ids` of shape"),
    ],
)
def test_requests_for_links_out_of_bounds(name, request_, message, recommender):
    request_ = {key: np.array(value, np.int64) for key, value in request_.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(recommender[2], name, request_)


def test_links_of_a_graph_without_edges(tmp_path):
    graph = Graph(np.eye(3, 6), [])
    model = tfgraph.models.LinkPredictor(tfgraph.layers.GCNConv(2))
    inputs = inputs_of(graph, form="graph_tensor")
    model(inputs)
    version = export_link_scorer(model, tmp_path, inputs)
    found = call(version, "top_links", {"node_ids": np.array([1]), "k": np.array([3])})
    nodes, _ = model.top_links(inputs, [1], 3)
    np.testing.assert_array_equal(found["nodes"], nodes)
    assert set(nodes[0]) == {0, 2, -1}


def test_encoder_of_an_autoencoder_on_another_graph(autoencoder, tmp_path):
    # Also where the model has last been called with pairs.
    autoencoder((*inputs_of(TRAINING), tf.constant([[0, 1]])))
    version = export_model(autoencoder, tmp_path)
    expected = autoencoder.predict(full_batch(OTHER), verbose=0)
    assert_predictions(serve(version, request_of(OTHER)), expected)


def test_link_scorer_of_something_else(model, autoencoder, tmp_path):
    with pytest.raises(ValueError, match=r"to be a models\.GAE or models\.VGAE"):
        export_link_scorer(model, tmp_path, inputs_of(TRAINING))
    with pytest.raises(ValueError, match="to be one graph, without pairs"):
        inputs = (*inputs_of(TRAINING), tf.constant([[0, 1]]))
        export_link_scorer(autoencoder, tmp_path, inputs)
    with pytest.raises(ValueError, match="`model` to be built"):
        export_link_scorer(tfgraph.models.GAE(), tmp_path, inputs_of(TRAINING))


def test_blocks_of_sampled_nodes(tmp_path):
    model = tfgraph.models.GraphSAGE(3, [8, 4], "max_pool", dropout=0.5)
    batches = tfgraph.data.neighbor_batches(TRAINING, (3, 2), 4, seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(batches, epochs=1, shuffle=False, verbose=0)
    version = export_block_model(model, tmp_path / "blocks")
    for seeds, fanouts in (([3, 30, 7], (2, 3)), ([0], (None, None))):
        batch = tfgraph.data.neighbor_batches(
            OTHER, fanouts, len(seeds), nodes=seeds, labels=False
        )
        (inputs,) = batch.get_single_element()
        request = {name: np.array(t) for name, t in block_request(inputs).items()}
        assert_predictions(serve(version, request), model(inputs))
    # And one trained on blocks serves whole graphs, too.
    version = export_model(model, tmp_path / "graphs")
    expected = model(inputs_of(OTHER))
    assert_predictions(serve(version, request_of(OTHER)), expected)


def test_blocks_of_something_else(tmp_path):
    with pytest.raises(ValueError, match=r"`model` to be a models\.GraphSAGE or"):
        export_block_model(functional_model(), tmp_path)
    with pytest.raises(ValueError, match="`model` to be built"):
        export_block_model(tfgraph.models.GraphSAGE(3), tmp_path)


def test_whole_graphs(tmp_path):
    graphs = [
        Graph(
            np.eye(5)[:size],
            [(i, i + 1) for i in range(size - 1)],
            edge_weight=np.ones(size - 1),
        )
        for size in (3, 5)
    ]
    ((inputs,),) = tfgraph.data.whole_graph_batches(graphs, batch_size=2)
    model = tfgraph.models.DiffPoolClassifier(3, 4, num_clusters=2, num_convolutions=1)
    want = model(inputs).numpy()
    version = export_model(model, tmp_path)
    signatures = tf.saved_model.load(version).signatures
    x, adjacency, graph_ids = inputs
    request = {"features": x, "edges": adjacency.indices[:, ::-1]}
    for name, weights in [
        ("serving_default", {}),
        ("weighted", {"weights": adjacency.values}),
    ]:
        found = signatures[name](**request, **weights, graph_ids=graph_ids)
        np.testing.assert_allclose(found["predictions"], want, atol=1e-6)
    first = signatures["serving_default"](
        features=x[:3],
        edges=tf.constant([[0, 1], [1, 2]], tf.int64),
        graph_ids=tf.zeros([3], tf.int64),
    )
    np.testing.assert_allclose(first["predictions"], want[:1], atol=1e-6)


def test_padded_graphs_by_keras(tmp_path):
    x, adjacency, mask = (
        keras.Input(shape) for shape in ((None, 5), (None, None), (None,))
    )
    h, clusters = tfgraph.layers.DiffPool(
        tfgraph.layers.GCNConv(4), tfgraph.layers.GCNConv(2)
    )([x, adjacency, mask])
    h = tfgraph.layers.GCNConv(4)([h, clusters])
    y = keras.layers.Dense(3)(tfgraph.layers.Readout("mean")(h))
    model = keras.Model([x, adjacency, mask], y)
    graphs = [
        Graph(np.eye(5)[:size], [(i, i + 1) for i in range(size - 1)])
        for size in (3, 5, 4)
    ]
    ((inputs,),) = tfgraph.data.whole_graph_batches(graphs, batch_size=3, form="dense")
    with pytest.raises(ValueError, match="one over padded graphs"):
        export_model(model, tmp_path)
    model.export(tmp_path / "1", verbose=False)
    x, adjacency, mask = inputs
    served = tf.saved_model.load(tmp_path / "1")
    found = served.serve([x, adjacency, tf.cast(mask, tf.float32)])
    np.testing.assert_allclose(found, model(inputs), atol=1e-6)


def serving(model, path, **kwargs):
    version = export_model(model, path, **kwargs)
    return tf.saved_model.load(version).signatures["serving_default"]


@pytest.mark.parametrize(
    "features, edges, message",
    [
        ([4, 6], [2, 3, 2], r"`edges` of shape .* Received: edges of shape \[2 3 2\]"),
        ([4, 6], [2], r"`edges` of shape .* \[2\]"),
        ([4, 5], [3, 2], r"`features` of shape .* \[4 5\]"),
        ([4, 1], [3, 2], r"`features` of shape .* \[4 1\]"),
        ([4, 0], [3, 2], r"`features` of shape .* \[4 0\]"),
        ([24], [3, 2], r"`features` of shape .* \[24\]"),
    ],
)
def test_shapes_that_tensorflow_does_not_check(features, edges, message, exported):
    signature = tf.saved_model.load(exported).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signature(features=tf.ones(features), edges=tf.zeros(edges, tf.int64))


def test_shape_that_ended_the_process(tmp_path):
    version = export_model(functional_model(sparse_adjacency=False), tmp_path)
    request = {"features": np.ones((3, 6), "f"), "edges": np.zeros((2, 3, 2), "i8")}
    with pytest.raises(RuntimeError, match=r"error 3:.*Expected `edges` of shape"):
        serve(version, request)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["features", "weights"])
def test_numbers_that_are_not_finite(name, number, exported):
    graph = random_graph(4, seed=3, weighted=True)
    request = {key: value.copy() for key, value in request_of(graph).items()}
    request[name].flat[1] = number
    message = f"Expected finite numbers in `{name}`"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(exported, "weighted", request)


def test_empty_list_of_edges(model, exported):
    outputs = [
        call(
            exported,
            "serving_default",
            {"features": np.eye(3, 6, dtype="f"), "edges": e},
        )
        for e in (np.zeros([0], "i8"), np.zeros([0, 2], "i8"))
    ]
    assert outputs[0]["predictions"].shape == (3, 3)
    np.testing.assert_array_equal(*[output["predictions"] for output in outputs])


def test_bounds_of_a_dense_adjacency(tmp_path):
    """It is not built if only convolutions take it, and bounded otherwise."""
    nodes = {"features": tf.ones([5, 6]), "edges": tf.constant([[0, 1]], tf.int64)}
    model = functional_model(sparse_adjacency=False)
    signature = serving(model, tmp_path / "sparse", max_nodes=4)
    adjacency = np.zeros((5, 5), "f")
    adjacency[1, 0] = 1
    expected = model([nodes["features"], tf.constant(adjacency)])
    np.testing.assert_allclose(signature(**nodes)["predictions"], expected, atol=1e-6)

    x, adjacency = model.inputs
    y = keras.ops.matmul(adjacency, model.output)
    signature = serving(keras.Model([x, adjacency], y), tmp_path / "dense", max_nodes=4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="of 1 to 4 rows"):
        signature(**nodes)
    # No nodes would end the process.
    with pytest.raises(tf.errors.InvalidArgumentError, match="Received: 0 rows"):
        signature(features=tf.ones([0, 6]), edges=tf.zeros([0, 2], tf.int64))
    nodes["features"] = nodes["features"][:4]
    assert signature(**nodes)["predictions"].shape == (4, 3)


def test_numbers_of_graphs(tmp_path):
    model = tfgraph.models.DiffPoolClassifier(3, 4, num_clusters=2, num_convolutions=1)
    graphs = [random_graph(n, seed=n).replace(y=None) for n in (3, 5)]
    ((inputs,),) = tfgraph.data.whole_graph_batches(graphs, batch_size=2)
    model(inputs)
    signature = serving(model, tmp_path, max_graphs=4)
    request = {"features": tf.ones([2, 6]), "edges": tf.constant([[0, 0]], tf.int64)}
    # Graphs 1 and 2 have no nodes.
    ids = tf.constant([0, 3], tf.int64)
    assert signature(**request, graph_ids=ids)["predictions"].shape == (4, 3)
    for ids, message in [
        ([0, 300_000], "`graph_ids` from 0 to 3. Received: 0 to 300000"),
        ([-1, 0], "`graph_ids` from 0 to 3. Received: -1 to 0"),
        ([1, 0], "`graph_ids` to be sorted"),
        ([0, 0, 0], "`graph_ids` of 2 rows. Received: 3 rows"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            signature(**request, graph_ids=tf.constant(ids, tf.int64))


def test_sizes_of_blocks(tmp_path):
    model = tfgraph.models.GraphSAGE(3, [8, 4])
    batches = tfgraph.data.neighbor_batches(TRAINING, (3, 2), 2, nodes=[3, 7], seed=0)
    inputs = batches.get_single_element()[0]
    model(inputs)
    version = export_block_model(model, tmp_path)
    signature = tf.saved_model.load(version).signatures["serving_default"]
    request = block_request(inputs)
    for sizes in ([2**31 - 1, 2], [2, 2**31 - 1], [2, -1], [-(2**63), 2**63 - 1]):
        request["num_nodes"] = tf.constant(sizes, tf.int64)
        message = "Expected `num_nodes` of 0 or more, each at most the one before"
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            signature(**request)


@pytest.mark.parametrize(
    "inputs", [None, TRAINING, (1, 2, 3), (np.ones([3, 2]), [np.eye(3)])]
)
def test_blocks_of_another_form(inputs):
    with pytest.raises(
        ValueError, match=r"Expected `inputs` to be `\(x, adjacencies\)"
    ):
        block_request(inputs)


@pytest.fixture(scope="module")
def graph_signature(tmp_path_factory):
    graph = random_graph(4, seed=4).to_graph_tensor()
    model = gcn()
    model(graph)
    version = export_graph_tensor_model(
        model, tmp_path_factory.mktemp("graphs"), graph.spec
    )
    return tf.saved_model.load(version).signatures["serving_default"]


@pytest.mark.parametrize(
    "key, number, message",
    [
        ("edges/edges.#source", 4, "`edges/edges.#source` to be nodes of the same"),
        ("edges/edges.#target", -1, "`edges/edges.#target` to be nodes of the same"),
        (
            "nodes/nodes.#size",
            2**31 - 1,
            "`nodes/nodes.#size` of 0 or more, at most 7 ",
        ),
        (
            "edges/edges.#size",
            2**31 - 1,
            "`edges/edges.#size` of 0 or more, at most 21 ",
        ),
        ("nodes/nodes.#size", 5, "`nodes/nodes.#size` of 0 or more, at most 7 "),
        ("edges/edges.#size", 11, r"`edges/edges.#source` of \[11 9\] rows"),
        (
            "nodes/nodes.hidden_state",
            np.nan,
            "finite numbers in `nodes/nodes.hidden_state`",
        ),
    ],
)
def test_request_cannot_reach_into_another(key, number, message, graph_signature):
    tfgnn = tfgraph.graph_tensor.load_tfgnn()
    graphs = [random_graph(n, seed=n).to_graph_tensor() for n in (4, 3)]
    first, second = [tfgnn.write_example(graph) for graph in graphs]
    good = graph_signature(
        examples=tf.constant([e.SerializeToString() for e in (first, second)])
    )
    assert good["predictions"].shape == (7, 3)
    feature = first.features.feature[key]
    values = feature.int64_list.value or feature.float_list.value
    values[0] = number
    examples = tf.constant([e.SerializeToString() for e in (first, second)])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        graph_signature(examples=examples)


@pytest.fixture(scope="module")
def several_sets(tmp_path_factory):
    """A model of three node sets, its SavedModel, and an example."""
    tfgnn = tfgraph.graph_tensor.load_tfgnn()
    graph, _ = author_paper_graph()
    model = tfgraph.models.HeteroGraphSAGE(3, "paper", [4, 4], {"venue": 5})
    model(graph)
    path = tmp_path_factory.mktemp("several_sets")
    version = export_graph_tensor_model(model, path, graph.spec)
    signature = tf.saved_model.load(version).signatures["serving_default"]
    return model, graph, version, signature, tfgnn.write_example(graph)


def test_several_node_sets(several_sets):
    model, graph, version, _, example = several_sets
    served = serve(
        version, {"examples": [base64.b64encode(example.SerializeToString())] * 2}
    )
    expected = model(graph, training=False)
    assert_predictions(served, np.concatenate([expected, expected]))


def test_embeddings_of_node_sets(tmp_path):
    """A dict of features by node set is served by their names."""
    graph, _ = author_paper_graph()
    inputs = tfgraph.GraphInput(graph.spec)
    layer = tfgraph.layers.SAGEConv(4, edge_set_name="writes")
    model = keras.Model(inputs, tfgraph.layers.HeteroConv([layer])(inputs))
    version = export_graph_tensor_model(model, tmp_path, graph.spec)
    signature = tf.saved_model.load(version).signatures["serving_default"]
    tfgnn = tfgraph.graph_tensor.load_tfgnn()
    served = signature(examples=[tfgnn.write_example(graph).SerializeToString()])
    expected = model(graph)
    assert sorted(served) == sorted(expected) == ["author", "paper"]
    for name, rows in expected.items():
        np.testing.assert_allclose(served[name], rows, atol=1e-5)


@pytest.mark.parametrize(
    "key, number, message",
    [
        # 40 authors, 30 papers, 5 venues: each end has its own limit.
        ("edges/writes.#source", 40, "`edges/writes.#source` to be nodes of the same"),
        ("edges/writes.#target", 30, "`edges/writes.#target` to be nodes of the same"),
        (
            "edges/published_in.#target",
            5,
            "`edges/published_in.#target` to be nodes of the same",
        ),
        ("nodes/venue.#size", 6, r"Expected 5 nodes, one for each vector.*\[6 5\]"),
        ("nodes/venue.#size", 2**31 - 1, "`nodes/venue.#size` of 0 or more, at most"),
        ("nodes/author.#size", 41, "`nodes/author.#size` of 0 or more, at most 80 "),
        ("nodes/paper.hidden_state", np.nan, "finite numbers in `nodes/paper.hidden"),
    ],
)
def test_request_of_several_node_sets(key, number, message, several_sets):
    *_, signature, example = several_sets
    changed = type(example).FromString(example.SerializeToString())
    feature = changed.features.feature[key]
    (feature.int64_list.value or feature.float_list.value)[0] = number
    examples = [changed.SerializeToString(), example.SerializeToString()]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signature(examples=tf.constant(examples))


@pytest.mark.parametrize("path", ["gs://bucket/model", pathlib.Path("s3://bucket/m")])
def test_remote_path(path, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="Expected `path` to be a local directory"):
        export_model(model, path)
    with pytest.raises(ValueError, match="Expected `path` to be a local directory"):
        export_transductive(model, path, inputs_of(OTHER))
    assert os.listdir(tmp_path) == []


def test_arguments_of_another_type(model, tmp_path):
    for other in (None, tfgraph.layers.GCNConv(3), OTHER):
        with pytest.raises(ValueError, match=r"Expected `model` to be a keras\.Model"):
            export_model(other, tmp_path)
    for path in (None, 3, ["serving"]):
        with pytest.raises(
            ValueError, match="Expected `path` to be a directory's name"
        ):
            export_block_model(model, path)
    for inputs in (OTHER, [OTHER], None, full_batch(OTHER), "cora"):
        with pytest.raises(ValueError, match=r"full_batch\(graph\)"):
            export_transductive(model, tmp_path, inputs)
    with pytest.raises(ValueError, match=r"graph\.to_graph_tensor\(\)\.spec"):
        export_graph_tensor_model(model, tmp_path, OTHER)
    with pytest.raises(ValueError, match="Received: max_nodes=0"):
        export_model(model, tmp_path, max_nodes=0)


def table_model(**renamed):
    """Features `[N, 6]` of a number, a string and a vector of three."""
    named = {name: renamed.get(name, name) for name in ("age", "town", "scores")}
    age = keras.Input([1], name=named["age"])
    town = keras.Input([1], dtype="string", name=named["town"])
    scores = keras.Input([3], name=named["scores"])
    towns = keras.layers.StringLookup(vocabulary=["A"], output_mode="one_hot")
    x = keras.ops.concatenate([age / 10, towns(town), scores], axis=1)
    inputs = {tensor.name: tensor for tensor in (age, town, scores)}
    return keras.Model(inputs, x)


@pytest.mark.parametrize("dense", [False, True])
def test_requests_of_raw_columns(dense, model, tmp_path):
    """A number and a string for each node, in place of its features."""
    if dense:
        model = dense_product_model()
    rng = np.random.default_rng(0)
    towns = np.array(["A", "B", "unknown", "A"])
    columns = {
        "age": rng.uniform(size=4).astype(np.float32),
        "town": tf.constant(towns),
        "scores": rng.uniform(size=[4, 3]).astype(np.float32),
    }
    features = np.concatenate(
        [
            columns["age"][:, None] / 10,
            np.stack([towns != "A", towns == "A"], axis=1),
            columns["scores"],
        ],
        axis=1,
    )
    graph = Graph(features, [(0, 1), (2, 1), (3, 2)], edge_weight=[1.0, 2.0, 0.5])
    version = export_model(model, tmp_path, preprocessing=table_model())
    signatures = tf.saved_model.load(version).signatures
    edges = {"edges": graph.edges}
    plain = inputs_of(graph.replace(edge_weight=None), form="dense" if dense else None)
    assert_predictions(
        signatures["serving_default"](**columns, **edges), model.predict_on_batch(plain)
    )
    weighted = inputs_of(graph, form="dense" if dense else None)
    assert_predictions(
        signatures["weighted"](**columns, **edges, weights=graph.edge_weight),
        model.predict_on_batch(weighted),
    )
    for change, message in (
        ({"town": tf.constant(["A"])}, "Expected `town` of 4 rows. Received: 1 rows"),
        ({"age": [1, 2, 3, np.nan]}, "Expected finite numbers in `age`"),
        ({"edges": [[0, 4]]}, "Expected `edges` of node numbers from 0 to 3"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            signatures["serving_default"](
                **{
                    name: tf.convert_to_tensor(
                        value,
                        signatures["serving_default"]
                        .structured_input_signature[1][name]
                        .dtype,
                    )
                    for name, value in {**columns, **edges, **change}.items()
                }
            )


def dense_product_model():
    """A model that needs the dense adjacency."""
    x, adjacency = keras.Input([NUM_FEATURES]), keras.Input([None])
    return keras.Model([x, adjacency], keras.ops.matmul(adjacency, x))


def test_preprocessing_that_does_not_fit(model, tmp_path):
    subclassed = keras.Sequential([keras.layers.Dense(6)])
    narrow = keras.Sequential([keras.Input([2]), keras.layers.Dense(5)])
    image = keras.Sequential(
        [keras.Input([2, 3], name="image"), keras.layers.Flatten()]
    )
    whole = keras.Sequential([keras.Input([6], name="x"), keras.layers.ReLU()])
    version = export_model(model, tmp_path, preprocessing=whole)
    serve_function = tf.saved_model.load(version).signatures["serving_default"]
    x = inputs_of(TRAINING)[0]
    expected = model.predict_on_batch(inputs_of(TRAINING.replace(x=np.maximum(x, 0))))
    assert_predictions(serve_function(x=x, edges=TRAINING.edges), expected)
    for preprocessing, message in (
        (subclassed, "functional keras.Model over columns"),
        ("lookup", "functional keras.Model over columns.*'lookup'"),
        (table_model(age="edges"), "of other names than .*'edges'"),
        (narrow, r"shape \[N, 6\], which `model` takes.*\(None, 5\)"),
        (image, r"\[N, D\]. Received: the input 'image' of shape \(None, 2, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            export_model(model, tmp_path, preprocessing=preprocessing)

"""The bridge between Keras 3 and TF-GNN."""

import os
import subprocess
import sys
import warnings

import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, graph_tensor, tfgnn

import tfgraph
from tfgraph.layers import GCNConv


def python(code, **environment):
    """Runs code in a fresh interpreter and returns what it printed."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


FIT_A_GRAPH = """
import keras, numpy as np, tensorflow as tf
graph = tfgnn.homogeneous(tf.constant([0, 1]), tf.constant([1, 2]),
                          node_features={"hidden_state": tf.ones((3, 2))})
layer = tfgraph.layers.GCNConv(4)
print(keras.__version__[0], tuple(layer(graph).shape))
"""


@pytest.mark.slow
def test_import_is_light_and_leaves_tf_keras_alone():
    printed = python(
        "import sys, tfgraph, tensorflow as tf\n"
        "print('tensorflow_gnn' in sys.modules, 'tf_keras' in sys.modules)\n"
        "import tensorflow_gnn as tfgnn\n"
        "import tensorflow_gnn.models.gat_v2\n"
        "print(sys.modules['tensorflow'] is tf, tf.keras.__version__[0])\n"
        + FIT_A_GRAPH,
        TF_USE_LEGACY_KERAS="",
    )
    assert printed == ["False", "False", "True", "3", "3", "(3,", "4)"]


@pytest.mark.slow
@pytest.mark.parametrize("first", ["tfgraph", "tensorflow_gnn as tfgnn"])
def test_with_the_legacy_variable_in_either_order(first):
    printed = python(
        f"import {first}\nimport tfgraph, tensorflow_gnn as tfgnn\n" + FIT_A_GRAPH,
        TF_USE_LEGACY_KERAS="1",
    )
    assert printed == ["3", "(3,", "4)"]


@pytest.mark.slow
def test_another_backend_gets_one_clear_error():
    # Stands in for KERAS_BACKEND=torch, which would need torch.
    printed = python(
        "import keras\n"
        "keras.backend.backend = lambda: 'torch'\n"
        "try:\n    import tfgraph\nexcept ImportError as error:\n    print(error)"
    )
    assert "needs Keras to run on TensorFlow. Received:" in " ".join(printed)
    assert "backend()='torch'" in " ".join(printed)


def heterogeneous():
    """Authors write papers, papers cite papers and are alike."""
    two = tfgnn.Adjacency.from_indices
    return tfgnn.GraphTensor.from_pieces(
        context=tfgnn.Context.from_fields(features={"year": tf.constant([2017])}),
        node_sets={
            "author": tfgnn.NodeSet.from_fields(
                sizes=tf.constant([2]), features={"name": tf.constant(["a", "b"])}
            ),
            "paper": tfgnn.NodeSet.from_fields(
                sizes=tf.constant([3]),
                features={"words": tf.constant(X[:3]), "hidden_state": tf.ones((3, 2))},
            ),
        },
        edge_sets={
            "writes": tfgnn.EdgeSet.from_fields(
                sizes=tf.constant([2]),
                adjacency=two(
                    ("author", tf.constant([0, 1])), ("paper", tf.constant([2, 0]))
                ),
            ),
            "cites": tfgnn.EdgeSet.from_fields(
                sizes=tf.constant([2]),
                features={"weight": tf.constant([[0.5], [2.0]])},
                adjacency=two(
                    ("paper", tf.constant([0, 1])), ("paper", tf.constant([1, 2]))
                ),
            ),
            "alike": tfgnn.EdgeSet.from_fields(
                sizes=tf.constant([1]),
                adjacency=two(("paper", tf.constant([2])), ("paper", tf.constant([0]))),
            ),
        },
    )


def test_components_and_back():
    graph = heterogeneous()
    components = tfgraph.graph_tensor.to_components(graph)
    assert list(components) == sorted(components)
    assert components["edges.writes.-source.author"].numpy().tolist() == [0, 1]
    assert components["nodes.author.-size"].numpy().tolist() == [2]
    again = tfgraph.as_graph_tensor(components)
    assert again.spec == graph.spec
    for name, value in tfgraph.graph_tensor.to_components(again).items():
        np.testing.assert_array_equal(value, components[name])
    assert tfgraph.as_graph_tensor(graph) is graph


def test_a_named_edge_set_of_a_heterogeneous_graph():
    layer = GCNConv(
        3,
        node_set_name="paper",
        edge_set_name="cites",
        feature_name="words",
        edge_weight_name="weight",
    )
    adjacency = np.array([[0, 0, 0], [0.5, 0, 0], [0, 2.0, 0]], "float32")
    y = layer(heterogeneous())
    same = GCNConv(3)
    same.build([(3, 4), (3, 3)])
    same.set_weights(layer.get_weights())
    np.testing.assert_allclose(y, same([X[:3], adjacency]), atol=1e-6)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({}, r"`node_set_name` to be one of \['author', 'paper'\]"),
        ({"node_set_name": "venue"}, r"\['author', 'paper'\].*node_set_name='venue'"),
        ({"node_set_name": "author"}, r"`feature_name`.*\['name'\]"),
        (
            {"node_set_name": "paper"},
            r"`edge_set_name` to be one of \['alike', 'cites'\]",
        ),
        (
            {"node_set_name": "paper", "edge_set_name": "writes"},
            r"\['alike', 'cites'\]. Received: edge_set_name='writes'",
        ),
        (
            {
                "node_set_name": "paper",
                "edge_set_name": "cites",
                "edge_weight_name": "w",
            },
            r"`edge_weight_name`.*\['weight'\]",
        ),
        (
            {"node_set_name": "paper", "feature_name": "title"},
            r"`feature_name`.*'nodes.paper'.*\['hidden_state', 'words'\]",
        ),
    ],
)
def test_unknown_names_are_listed(names, message):
    with pytest.raises(
        ValueError, match=f"(?s)(GCNConv.*{message}|{message}.*GCNConv)"
    ):
        GCNConv(3, **names)(heterogeneous())


def test_a_batch_that_is_not_merged():
    batch = next(iter(tf.data.Dataset.from_tensors(heterogeneous()).batch(1)))
    with pytest.raises(ValueError, match=r"merge_batch_to_components.*rank 1"):
        GCNConv(3)(batch)


def datasets():
    """Two graphs, of other sizes, as a dataset for `fit` and one for `predict`."""
    graphs = [graph_tensor(ADJACENCY, X), graph_tensor(ADJACENCY[:4, :4], X[:4])]
    spec = graphs[0].spec.relax(num_nodes=True, num_edges=True)

    def examples():
        for graph in graphs:
            labels = np.arange(graph.node_sets["nodes"].total_size) % 3
            yield graph, labels.astype("int32")

    train = tf.data.Dataset.from_generator(
        examples, output_signature=(spec, tf.TensorSpec([None], tf.int32))
    ).apply(tf.data.experimental.assert_cardinality(2))
    return graphs, train, train.map(lambda graph, labels: (graph,))


class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = GCNConv(8, activation="relu", edge_weight_name="weight")
        self.second = GCNConv(3, activation="softmax", edge_weight_name="weight")

    def call(self, graph):
        return self.second([self.first(graph), graph])


def functional():
    graph = tfgraph.GraphInput(graph_tensor(ADJACENCY, X).spec)
    h = GCNConv(8, activation="relu", edge_weight_name="weight")(graph)
    h = keras.layers.LayerNormalization()(h)
    y = GCNConv(3, activation="softmax", edge_weight_name="weight")([h, graph])
    return keras.Model(graph, y)


@pytest.mark.parametrize("make_model", [functional, Subclassed])
def test_plain_models_over_graph_tensors_without_a_warning(make_model, tmp_path):
    graphs, train, inputs = datasets()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = make_model()
        model.compile(
            keras.optimizers.Adam(0.01),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        history = model.fit(train, epochs=5, shuffle=False, verbose=0)
        assert history.history["loss"][-1] < history.history["loss"][0]
        assert 0 <= model.evaluate(train, verbose=0)[1] <= 1
        predictions = model.predict(inputs, verbose=0)
        direct = np.concatenate([model(graph) for graph in graphs])
        np.testing.assert_allclose(predictions, direct, atol=1e-6)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(
            tmp_path / "model.keras", custom_objects={"Subclassed": Subclassed}
        )
        np.testing.assert_allclose(
            again.predict(inputs, verbose=0), predictions, atol=1e-6
        )


def test_merged_batches_are_the_graphs_side_by_side():
    graphs, _, inputs = datasets()
    layer = GCNConv(3, edge_weight_name="weight")
    alone = np.concatenate([layer(graph) for graph in graphs])
    merged = inputs.map(lambda graph: graph).batch(2)
    merged = next(iter(merged.map(lambda graph: graph.merge_batch_to_components())))
    np.testing.assert_allclose(layer(merged), alone, atol=1e-6)


def test_a_model_may_use_tfgnn_inside():
    class Degrees(keras.layers.Layer):
        def call(self, graph):
            graph = tfgraph.as_graph_tensor(graph)
            ones = tf.ones_like(graph.edge_sets["edges"]["weight"])
            return tfgnn.pool_edges_to_node(
                graph, "edges", tfgnn.TARGET, feature_value=ones
            )

    graph = graph_tensor(ADJACENCY, X)
    want = np.count_nonzero(ADJACENCY, axis=1)
    np.testing.assert_array_equal(Degrees()(graph), want)
    inputs = tfgraph.GraphInput(graph.spec)
    np.testing.assert_array_equal(keras.Model(inputs, Degrees()(inputs))(graph), want)


def test_jit_compiled_fit_over_graph_tensors():
    _, train, _ = datasets()
    model = checks.graph_tensor_model(GCNConv)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    start, losses = model.get_weights(), {}
    for jit_compile in (True, False):
        model.set_weights(start)
        model.compile("sgd", loss, jit_compile=jit_compile)
        history = model.fit(train, epochs=3, shuffle=False, verbose=0)
        losses[jit_compile] = history.history["loss"]
    np.testing.assert_allclose(losses[True], losses[False], rtol=1e-4)
    assert losses[True][2] < losses[True][0]


def test_no_edge_set_within_the_node_set():
    graph = heterogeneous()
    with pytest.raises(ValueError, match=r"from node set 'author' to itself"):
        GCNConv(3, node_set_name="author", feature_name="rank")(
            graph.replace_features(node_sets={"author": {"rank": tf.ones((2, 1))}})
        )


@pytest.mark.parametrize(
    ("nodes", "feature"), [("a.b", "x"), ("a", "x/y"), ("a", "-size")]
)
def test_names_that_cannot_be_keys(nodes, feature):
    graph = tfgnn.GraphTensor.from_pieces(
        node_sets={
            nodes: tfgnn.NodeSet.from_fields(
                sizes=tf.constant([2]), features={feature: tf.ones((2, 1))}
            )
        }
    )
    with pytest.raises(ValueError, match="Expected names of sets without"):
        tfgraph.GraphInput(graph.spec)


@pytest.mark.slow
def test_importing_tensorflow_in_another_thread_meanwhile():
    printed = python(
        "import importlib, threading, tfgraph, tensorflow as tf\n"
        "wrong, done = [], threading.Event()\n"
        "def look():\n"
        "    while not done.is_set():\n"
        "        if importlib.import_module('tensorflow') is not tf:\n"
        "            wrong.append(1)\n"
        "thread = threading.Thread(target=look)\n"
        "thread.start()\n"
        "import tensorflow_gnn\n"
        "done.set()\n"
        "thread.join()\n"
        "importlib.reload(tfgraph)\n"
        "print(len(wrong))",
        TF_USE_LEGACY_KERAS="",
    )
    assert printed == ["0"]

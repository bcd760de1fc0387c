"""What is no longer in use leaves memory, and what is there already is not copied."""

import gc
import json
import subprocess
import sys
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgraph
from tfgraph import inference
from tfgraph.data.graphs.tensor_memory import aligned_empty


def test_a_fitted_model_leaves_no_graph():
    graphs = []

    def loss(y, predictions):
        graphs.append(weakref.ref(tf.compat.v1.get_default_graph()))
        return tf.reduce_mean((y - predictions) ** 2)

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", loss)
    model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0)
    assert graphs and all(graph() for graph in graphs)
    del model
    gc.collect()
    assert not any(graph() for graph in graphs)


def test_a_graph_in_use_keeps_its_gradients():
    @tf.custom_gradient
    def double(x):
        return 2 * x, lambda dy: 7 * dy

    traced, x = tf.function(double), tf.constant(1.0)
    traced(x)
    gc.collect()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = traced(x)
    assert tape.gradient(y, x) == 7


GRAPH_EDGES = np.random.default_rng(0).integers(20, size=(60, 2))


def sampled():
    """Returns a graph's features, weakly, and batches of it."""
    graph = tfgraph.data.Graph(np.ones([20, 2], np.float32), GRAPH_EDGES)
    batches = tfgraph.data.neighbor_batches(graph, (3,), 5, labels=False)
    return weakref.ref(graph.x), batches


def test_batches_leave_no_graph():
    x, batches = sampled()
    assert len(list(batches)) == 4
    gc.collect()
    assert x() is not None
    del batches
    gc.collect()
    assert x() is None


def test_batches_keep_their_graph_where_only_tensorflow_refers_to_them():
    x, batches = sampled()
    # Other than the lambda, the new dataset keeps a tensor of the old one.
    held = [batches]
    batches = tf.data.Dataset.range(2).flat_map(lambda _: held[0])
    held.clear()
    gc.collect()
    assert len(list(batches)) == 8
    del batches
    gc.collect()
    assert x() is None


def test_predictions_leave_the_features_between_layers(monkeypatch):
    computed, features = inference._computed, []

    def kept(*arguments):
        assert [h() is not None for h in features[:-1]] == [False] * len(features[:-1])
        h = computed(*arguments)
        features.append(weakref.ref(h))
        return h

    monkeypatch.setattr(inference, "_computed", kept)
    graph = tfgraph.data.Graph(np.ones([20, 2], np.float32), GRAPH_EDGES)
    model = tfgraph.models.GraphSAGE(None, (3, 3, 2), normalize=None)
    found = inference.predict_nodes(model, graph, 20, verbose=0)
    # Nothing is collected: what TensorFlow keeps for a while keeps no features.
    assert [h() is not None for h in features] == [False, False, True]
    assert found.shape == (20, 2)


@pytest.mark.parametrize("weighted", [True, False])
def test_the_adjacency_is_in_the_memory_of_the_edges(weighted):
    weight = np.arange(60.0, dtype="float32") if weighted else None
    graph = tfgraph.data.Graph(None, GRAPH_EDGES, edge_weight=weight, num_nodes=20)
    adjacency = graph.to_sparse_tensor()
    indices = np.asarray(adjacency.indices)
    assert np.shares_memory(indices, graph.edges)
    order = np.lexsort(GRAPH_EDGES.T)
    np.testing.assert_array_equal(indices, GRAPH_EDGES[order, ::-1])
    weights = np.ones(60) if weight is None else weight[order]
    np.testing.assert_array_equal(adjacency.values, weights)
    # No operation writes its result there, also not where it is the last to read.
    for _ in tf.data.Dataset.from_tensors(adjacency).map(lambda a: a.indices * 2):
        pass
    tf.function(lambda a: a.indices + 1)(adjacency)
    tf.clip_by_value(graph.to_sparse_tensor().indices, 0, 5)
    np.testing.assert_array_equal(graph.edges, GRAPH_EDGES[order])
    del graph
    gc.collect()
    np.testing.assert_array_equal(adjacency.indices, GRAPH_EDGES[order, ::-1])


@pytest.mark.parametrize("num_edges", [0, 5])
@pytest.mark.parametrize("writeable", [True, False])
def test_tensors_of_other_arrays_are_copies(num_edges, writeable):
    edges = np.zeros([num_edges, 2], np.int64)  # sorted, so kept as they are
    edges.flags.writeable = writeable
    graph = tfgraph.data.Graph(None, edges, num_nodes=3)
    indices = graph.to_sparse_tensor().indices
    assert not np.shares_memory(np.asarray(indices), edges)
    assert indices.numpy().tolist() == [[0, 0]] * num_edges


def test_graph_tensors_do_not_change_with_the_edges_they_were_made_of():
    ends = aligned_empty((2, 64), np.int64)  # where a tensor could be, too
    ends[:] = np.arange(64)
    graph = tfgraph.data.HeteroGraph(
        {"a": tfgraph.data.NodeSet(num_nodes=64)},
        {"e": tfgraph.data.EdgeSet("a", "a", ends.T)},  # sorted, so kept as they are
    )
    adjacency = graph.to_graph_tensor().edge_sets["e"].adjacency
    ends[:] = 7
    np.testing.assert_array_equal(adjacency.source, np.arange(64))
    np.testing.assert_array_equal(adjacency.target, np.arange(64))


def test_graphs_of_tensorflow_1():
    x, edges = np.ones([20, 2], np.float32), GRAPH_EDGES
    nodes, edge_set = tfgraph.data.NodeSet(x), tfgraph.data.EdgeSet("a", "a", edges)
    with tf.Graph().as_default():
        graph = tfgraph.data.Graph(x, edges)
        hetero = tfgraph.data.HeteroGraph({"a": nodes}, {"e": edge_set})
        products = [
            tf.sparse.sparse_dense_matmul(graph.to_sparse_tensor(), x),
            graph.to_graph_tensor().node_sets["nodes"]["hidden_state"],
            hetero.to_graph_tensor().node_sets["a"]["hidden_state"],
        ]
        with tf.compat.v1.Session() as session:
            product, *same = session.run(products)
    np.testing.assert_array_equal(product[:, 0], np.bincount(edges[:, 1], minlength=20))
    for features in same:
        np.testing.assert_array_equal(features, x)


@pytest.mark.slow
def test_a_pipeline_has_the_features_once():
    # In a process of its own, whose peak nothing else has raised.
    run = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    size, *grown = json.loads(run.stdout.splitlines()[-1])
    assert len(grown) == 8
    for number, more in enumerate(grown):
        assert more < 1.6 * size, (number, more / size)  # room for batches and traces


READ = """
import json
import resource

import numpy as np

import tfgraph
from tfgraph import data

x = np.ones([20_000, 1000], np.float32)
edges = np.random.default_rng(0).integers(200, size=(500, 2))
graph = data.Graph(x, edges)
graphs = [data.Graph(part, edges) for part in np.split(x, 100)]
edge_features = np.ones([500, 40_000], np.float32)
of_edges = data.Graph(np.ones([200, 1]), edges, edge_features=edge_features)
hetero = data.HeteroGraph({"a": data.NodeSet(x)}, {"e": data.EdgeSet("a", "a", edges)})
pipelines = [
    lambda: data.full_batch(graph),
    lambda: data.full_batch(graph, form="graph_tensor"),
    lambda: data.full_batch(of_edges),
    lambda: data.full_batch(hetero),
    lambda: data.training_links(graph.symmetrized()),
    lambda: data.graph_batches(graphs, 1, labels=False),
    lambda: data.whole_graph_batches(graphs, batch_size=1),
    lambda: data.whole_graph_batches(graphs, batch_size=1, form="graph_tensor"),
]

def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

next(iter(data.full_batch(data.Graph([[1.0]], [(0, 0)]))))  # threads, tracing
grown, read = [], []
for pipeline in pipelines:
    before = peak()
    batches = pipeline()
    read += [batches, next(iter(batches))]
    grown.append(peak() - before)
print(json.dumps([x.nbytes, *grown]))
"""

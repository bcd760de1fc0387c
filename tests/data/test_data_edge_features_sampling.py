"""Features of edges in sampled batches."""

import collections

import keras
import numpy as np
import pytest

from tfgraph.data import (
    Graph,
    full_batch,
    link_neighbor_batches,
    neighbor_batches,
    walk_batches,
)
from tfgraph.inference import predict_nodes
from tfgraph.models import GAT, GraphSAGE

RNG = np.random.default_rng(0)


def numbered_graph():
    """Repeated edges and nodes without edges; features tell numbers, from 1 on."""
    edges = RNG.integers(25, size=(150, 2))
    edges = edges[np.lexsort(edges.T)]
    return Graph(
        np.arange(1, 31)[:, None],
        edges,
        edge_weight=RNG.integers(0, 4, 150) / 2,  # some are 0, and not drawn
        edge_features=np.column_stack([edges + 1, np.arange(1, 151)]),
        y=np.arange(30) % 3,
    )


GRAPH = numbered_graph()
UNWEIGHTED = GRAPH.replace(edge_weight=None)


def entries(dataset):
    """(row, node, sender, value, edge features) of each entry, and layers' sizes."""
    for (x, adjacencies, edge_features), *_ in dataset:
        nodes = x.numpy()[:, 0].astype(int) - 1
        for adjacency, features in zip(adjacencies, edge_features, strict=True):
            row, column = adjacency.indices.numpy().T
            assert len(row) == len(features)
            order = np.lexsort((column, row))
            np.testing.assert_array_equal(order, np.arange(len(row)))
            yield row, nodes[row], nodes[column], adjacency.values.numpy(), features


@pytest.mark.parametrize("graph", [GRAPH, UNWEIGHTED])
@pytest.mark.parametrize("replacement", ["if_short", "never", "always"])
def test_blocks(graph, replacement):
    """Each entry has the features of its edge; draws of one edge are counted."""
    batches = neighbor_batches(graph, (4, 7), 10, replacement=replacement, seed=0)
    weight = np.ones(150) if graph.edge_weight is None else graph.edge_weight
    repeated = padded = 0
    for row, nodes, senders, values, features in entries(batches):
        source, target, number = features.numpy().astype(int).T - 1
        real = number >= 0
        np.testing.assert_array_equal(source[real], senders[real])
        np.testing.assert_array_equal(target[real], nodes[real])
        assert not values[~real].any()
        counts = values[real] / weight[number[real]]
        draws = collections.Counter(zip(row[real], number[real], strict=True))
        if replacement == "always":
            assert (counts == 1).all()
        else:
            assert real.all()
            np.testing.assert_array_equal(counts, counts.astype(int))
            assert max(draws.values()) == 1
            assert (counts.max() > 1) == (replacement == "if_short")
        padded += (~real).sum()
        repeated += len(set(zip(row, senders, strict=True))) < len(row)
    assert (padded > 0) == (replacement == "always")
    assert repeated  # parallel edges, with features of their own


@pytest.mark.parametrize("graph", [GRAPH, UNWEIGHTED])
def test_whole_neighbourhoods(graph):
    kept = slice(None) if graph.edge_weight is None else graph.edge_weight > 0
    batches = neighbor_batches(graph, (None,), 30, labels=False)
    [(_, _, _, values, features)] = entries(batches)
    np.testing.assert_array_equal(features, graph.edge_features[kept])
    if graph.edge_weight is not None:
        np.testing.assert_array_equal(values, graph.edge_weight[kept])


def test_shapes_are_known():
    batches = neighbor_batches(
        GRAPH, (4, 7), 10, replacement="always", drop_remainder=True
    )
    (x, adjacencies, edge_features), _ = batches.element_spec
    assert [tuple(spec.shape) for spec in edge_features] == [(160, 3), (70, 3)]
    assert [spec.shape[0] for spec in adjacencies] == [40, 10]
    assert x.shape[0] == 70


@pytest.mark.parametrize("replacement", ["if_short", "always"])
def test_without_edges(replacement):
    graph = Graph(np.ones((4, 2)), [], edge_features=np.zeros((0, 3)))
    batches = neighbor_batches(graph, (2,), 4, replacement=replacement, labels=False)
    [((_, _, [edge_features]),)] = batches
    assert edge_features.shape == ((8, 3) if replacement == "always" else (0, 3))
    assert not edge_features.numpy().any()


def test_graph_tensors():
    batches = neighbor_batches(GRAPH, (4, 7), 10, form="graph_tensor", seed=0)
    for graph, _, _ in batches:
        nodes = graph.node_sets["nodes"]["hidden_state"].numpy()[:, 0]
        edges = graph.edge_sets["edges"]
        features = edges["features"].numpy()
        np.testing.assert_array_equal(features[:, 0], nodes[edges.adjacency.source])
        np.testing.assert_array_equal(features[:, 1], nodes[edges.adjacency.target])
        assert len(set(features[:, 2])) == len(features) > 0
        weight = GRAPH.edge_weight[features[:, 2].astype(int) - 1]
        np.testing.assert_array_equal(edges["weight"], weight)


def test_links_and_walks():
    graph = GRAPH.symmetrized()
    for (sample, _), _ in link_neighbor_batches(graph, (3,), 20, seed=0):
        nodes = sample.node_sets["nodes"]["hidden_state"].numpy()[:, 0]
        edges = sample.edge_sets["edges"]
        ends = np.stack([edges.adjacency.source, edges.adjacency.target], axis=1)
        found = np.sort(edges["features"].numpy()[:, :2], axis=1)
        np.testing.assert_array_equal(found, np.sort(nodes[ends], axis=1))
    batches = walk_batches(GRAPH, (3,), 10, seed=0)
    for _, nodes, senders, _, features in entries(batches):
        np.testing.assert_array_equal(features[:, 0], senders + 1)
        np.testing.assert_array_equal(features[:, 1], nodes + 1)


def scaled(graph):
    return graph.replace(x=graph.x / 30, edge_features=graph.edge_features / 150)


def test_fit_and_predictions_in_batches():
    """Those of batches are those of the whole graph."""
    keras.utils.set_random_seed(0)
    graph, model = scaled(GRAPH), GAT(3)
    model.compile("sgd", "sparse_categorical_crossentropy")
    batches = neighbor_batches(graph, (4, 3), 10, shuffle=True, seed=0)
    history = model.fit(batches, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    expected = model.predict(full_batch(graph), verbose=0)
    batches = neighbor_batches(graph, (None, None), 7, labels=False)
    np.testing.assert_allclose(model.predict(batches, verbose=0), expected, atol=1e-6)
    found = predict_nodes(model, graph, batch_size=11, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    opposite = graph.replace(edge_features=-graph.edge_features)
    other = model.predict(full_batch(opposite), verbose=0)
    assert np.abs(other - expected).max() > 1e-3
    with pytest.raises(ValueError, match="`graph` has no `edge_features`"):
        predict_nodes(model, graph.replace(edge_features=None))


def test_an_unbuilt_model_predicts_with_edge_features():
    graph = scaled(GRAPH)
    model = GAT(3)
    assert predict_nodes(model, graph, verbose=0).shape == (30, 3)
    assert model.convolutions[0].edge_dim == 3


def test_bad_inputs():
    graph = scaled(GRAPH)
    batches = neighbor_batches(graph, (2, 2), 10)
    sage = GraphSAGE(3)
    sage.compile("sgd", "sparse_categorical_crossentropy")
    for call in (
        lambda: sage.fit(batches, shuffle=False, verbose=0),
        lambda: sage.predict(full_batch(graph), verbose=0),
        lambda: predict_nodes(sage, graph, verbose=0),
    ):
        with pytest.raises(ValueError, match=r"graph\.replace\(edge_features=None\)"):
            call()
    [((x, adjacencies, edge_features), _), *_] = batches
    with pytest.raises(ValueError, match=r"one edge_features, or a list of 2.* of 1"):
        GAT(3)([x, list(adjacencies), [edge_features[0]]])

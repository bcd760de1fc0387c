import warnings

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from tfgraph.data import Graph, full_batch, whole_graph_batches
from tfgraph.layers import GCNConv

RNG = np.random.default_rng(0)


def random_graph(num_nodes, num_edges):
    return Graph(
        RNG.normal(size=(num_nodes, 3)),
        RNG.integers(max(num_nodes, 1), size=(num_edges, 2)),
    )


# The third has no edges, the fourth repeats some.
GRAPHS = [
    random_graph(*size) for size in ((5, 8), (2, 1), (3, 0), (4, 40), (7, 6), (1, 0))
]
WEIGHTED = [
    graph.replace(edge_weight=RNG.random(graph.num_edges) + 0.1) for graph in GRAPHS
]
LABELS = np.array([3, 1, 4, 1, 5, 9])
# Graph i has sizes that tell its number, and a label that does.
SIZES = RNG.permutation(np.arange(1, 61))
MANY = [Graph(np.ones((n, 1)), np.zeros((3 * n, 2), int)) for n in SIZES]


def adjacency_of(graph):
    return graph.to_scipy().toarray()


@pytest.mark.parametrize("graphs", [GRAPHS, WEIGHTED])
@pytest.mark.parametrize("sparse_features", [False, True])
def test_sparse(graphs, sparse_features):
    dataset = whole_graph_batches(
        graphs, LABELS, batch_size=4, sparse_features=sparse_features
    )
    assert len(dataset) == 2
    parts = (slice(0, 4), slice(4, 6))
    for part, ((x, adjacency, graph_ids), y) in zip(parts, dataset, strict=True):
        if sparse_features:
            x = tf.sparse.to_dense(x)
        np.testing.assert_array_equal(x, np.concatenate([g.x for g in graphs[part]]))
        expected = scipy.sparse.block_diag([g.to_scipy() for g in graphs[part]])
        received = Graph.from_sparse_tensor(adjacency).to_scipy()
        np.testing.assert_allclose(received.toarray(), expected.toarray(), rtol=1e-6)
        counts = [graph.num_nodes for graph in graphs[part]]
        assert graph_ids.dtype == tf.int64
        np.testing.assert_array_equal(graph_ids, np.repeat(range(len(counts)), counts))
        np.testing.assert_array_equal(y, LABELS[part])


@pytest.mark.parametrize("graphs", [GRAPHS, WEIGHTED])
def test_graph_tensor(graphs):
    dataset = whole_graph_batches(graphs, LABELS, batch_size=4, form="graph_tensor")
    tensor, y = next(iter(dataset))
    np.testing.assert_array_equal(tensor.node_sets["nodes"].sizes, [5, 2, 3, 4])
    np.testing.assert_array_equal(tensor.edge_sets["edges"].sizes, [8, 1, 0, 40])
    union = Graph.from_graph_tensor(
        tensor, edge_weight_name="weight" if graphs is WEIGHTED else None
    )
    expected = scipy.sparse.block_diag([g.to_scipy() for g in graphs[:4]]).toarray()
    np.testing.assert_allclose(adjacency_of(union), expected, rtol=1e-6)
    np.testing.assert_array_equal(y, LABELS[:4])


@pytest.mark.parametrize("graphs", [GRAPHS, WEIGHTED])
@pytest.mark.parametrize("stored_sparse", [False, True])
@pytest.mark.parametrize("num_nodes", [None, 9])
def test_dense(graphs, stored_sparse, num_nodes):
    given = graphs
    if stored_sparse:
        given = [g.replace(x=scipy.sparse.csr_array(g.x)) for g in graphs]
    dataset = whole_graph_batches(
        given, LABELS, batch_size=4, form="dense", num_nodes=num_nodes
    )
    (x, adjacency, mask), _ = dataset.element_spec
    assert x.shape.as_list() == [None, num_nodes, 3]
    assert adjacency.shape.as_list() == [None, num_nodes, num_nodes]
    assert mask.shape.as_list() == [None, num_nodes]
    parts = (slice(0, 4), slice(4, 6))
    for part, ((x, adjacency, mask), y) in zip(parts, dataset, strict=True):
        n = num_nodes or max(graph.num_nodes for graph in graphs[part])
        for i, graph in enumerate(graphs[part]):
            count = graph.num_nodes
            np.testing.assert_array_equal(mask[i], np.arange(n) < count)
            fill = (0, n - count)
            np.testing.assert_array_equal(x[i], np.pad(graph.x, (fill, (0, 0))))
            np.testing.assert_allclose(
                adjacency[i], np.pad(adjacency_of(graph), (fill, fill)), rtol=1e-6
            )
        np.testing.assert_array_equal(y, LABELS[part])


def test_graphs_without_nodes():
    graphs = [Graph(np.zeros((0, 3)), []), GRAPHS[0], Graph(np.zeros((0, 3)), [])]
    with pytest.raises(ValueError, match=r"with nodes.*Received: graphs\[0\]"):
        whole_graph_batches(graphs, batch_size=3)
    [((x, adjacency, mask),)] = whole_graph_batches(graphs, batch_size=3, form="dense")
    assert x.shape == (3, 5, 3)
    np.testing.assert_array_equal(tf.reduce_sum(adjacency, axis=(1, 2)), [0, 8, 0])
    np.testing.assert_array_equal(tf.math.count_nonzero(mask, axis=1), [0, 5, 0])
    [((x, adjacency, mask),)] = whole_graph_batches(
        graphs[:1], batch_size=3, form="dense"
    )
    assert (*x.shape, *adjacency.shape, *mask.shape) == (1, 0, 3, 1, 0, 0, 1, 0)
    [(tensor,)] = whole_graph_batches(graphs, batch_size=3, form="graph_tensor")
    np.testing.assert_array_equal(tensor.node_sets["nodes"].sizes, [0, 5, 0])


@pytest.mark.parametrize("num_nodes", [None, 12])
def test_padding_changes_no_number(num_nodes):
    layer = GCNConv(4, activation="tanh")
    alone = [layer(next(iter(full_batch(graph)))[0]) for graph in WEIGHTED]
    union = [
        layer([x, adjacency])
        for ((x, adjacency, _),) in whole_graph_batches(WEIGHTED, batch_size=3)
    ]
    padded = [
        layer([x, adjacency])[mask]
        for ((x, adjacency, mask),) in whole_graph_batches(
            WEIGHTED, batch_size=3, form="dense", num_nodes=num_nodes
        )
    ]
    for batched in (union, padded):
        np.testing.assert_allclose(
            np.concatenate(batched), np.concatenate(alone), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("form", ["sparse", "graph_tensor", "dense"])
def test_clusters(form):
    clusters = [RNG.integers(3, size=graph.num_nodes) for graph in GRAPHS]
    dataset = whole_graph_batches(
        GRAPHS, batch_size=3, form=form, clusters=clusters, num_clusters=4
    )
    assert dataset.element_spec[0][-1].shape[-1] == 4
    for batch, (inputs,) in enumerate(dataset):
        assert len(inputs) == (2 if form == "graph_tensor" else 4)
        expected = [np.eye(4)[c] for c in clusters[3 * batch : 3 * batch + 3]]
        if form == "dense":
            n = max(map(len, expected))
            expected = [np.pad(s, ((0, n - len(s)), (0, 0))) for s in expected]
            expected = np.stack(expected)
        else:
            expected = np.concatenate(expected)
        np.testing.assert_array_equal(inputs[-1], expected)


@pytest.mark.parametrize("labels", [LABELS / 2, np.stack([LABELS, -LABELS], axis=1)])
def test_labels_of_other_kinds(labels):
    ((_, first), (_, second)) = whole_graph_batches(GRAPHS, labels, batch_size=3)
    np.testing.assert_array_equal(np.concatenate([first, second]), labels)
    assert first.dtype == (tf.int64 if labels.ndim == 2 else tf.float32)


def epoch(dataset):
    """The numbers of the graphs of each batch."""
    return [y.numpy().tolist() for _, y in dataset]


def many(**arguments):
    arguments = {"batch_size": 8, **arguments}
    return whole_graph_batches(MANY, np.arange(60), **arguments)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_nodes": 100, "max_edges": 250},
        {"form": "dense", "max_nodes": 150, "max_edges": 400},
        {"form": "dense", "num_nodes": 64, "max_nodes": 300},
    ],
)
def test_limits(limits):
    dataset = many(shuffle=True, seed=3, **limits)
    numbers = epoch(dataset)
    assert len(numbers) == len(dataset)
    assert sorted(number for batch in numbers for number in batch) == list(range(60))
    for batch in numbers:
        sizes = SIZES[batch]
        if limits.get("form") == "dense":
            sizes = np.full(len(batch), limits.get("num_nodes", sizes.max()))
        assert len(batch) <= 8
        if len(batch) > 1:
            assert sizes.sum() <= limits["max_nodes"]
            assert 3 * SIZES[batch].sum() <= limits.get("max_edges", np.inf)
    assert epoch(dataset) != numbers
    assert epoch(many(shuffle=True, seed=3, **limits)) == numbers


def test_shuffled_dense_batches_hold_little_padding():
    def padding(**arguments):
        rows = sum(
            mask.shape.num_elements()
            for (_, _, mask), _ in many(form="dense", **arguments)
        )
        return rows / SIZES.sum()

    assert padding() > 1.6
    assert padding(shuffle=True, seed=0) < 1.2


def test_fit_does_not_warn():
    inputs = [keras.Input((None, 1)), keras.Input((None, None)), keras.Input((None,))]
    h = keras.layers.GlobalAveragePooling1D()(
        GCNConv(2)(inputs[:2]), mask=keras.ops.cast(inputs[2], "bool")
    )
    model = keras.Model(inputs, keras.layers.Dense(60, activation="softmax")(h))
    model.compile("sgd", "sparse_categorical_crossentropy")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*ran out of data")
        history = model.fit(
            many(form="dense", max_nodes=150, shuffle=True, seed=0),
            epochs=3,
            shuffle=False,
            verbose=0,
        )
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "padded"}, r"`form` to be one of .*form='padded'"),
        (
            {"batch_size": 0},
            r"`batch_size` to be a positive integer.*batch_size=0",
        ),
        (
            {"max_nodes": -1},
            r"`max_nodes` to be a positive integer.*max_nodes=-1",
        ),
        ({"max_edges": 0}, r"`max_edges` to be a positive integer.*max_edges=0"),
        ({"num_nodes": 9}, r"`num_nodes` with the form 'dense'.*num_nodes=9"),
        ({"form": "dense", "num_nodes": 6}, r"at least 7, .*graphs\[4\].*num_nodes=6"),
        (
            {"form": "dense", "sparse_features": True},
            "`sparse_features` with the form 'sparse'",
        ),
        ({"labels": LABELS[:5]}, r"`labels` .* the 6 graphs.*shape=\(5,\)"),
        ({"labels": [0.5, 1, np.nan, 0, 0, 0]}, r"`labels` to .*nan at index \[2\]"),
        ({"batch_size": "2"}, "`batch_size` to be a positive integer.*batch_size='2'"),
        ({"batch_size": True}, "batch_size=True"),
        ({"max_nodes": 2.0}, "`max_nodes` to be a positive integer.*max_nodes=2.0"),
        ({"shuffle": "yes"}, "`shuffle` to be True or False.*'yes'"),
        ({"seed": "a"}, "`seed` .*seed='a'"),
        ({"clusters": 3, "num_clusters": 3}, "`clusters` to be a list .*clusters=3"),
        (
            {"clusters": [], "num_clusters": 3.0},
            "`num_clusters` to be a positive integer",
        ),
        ({"labels": list("abcdef")}, "`labels` to hold numbers.*dtype=<U1"),
        ({"labels": list("abcdef")}, r"`np.unique\(names, return_inverse=True\)`"),
        ({"graphs": []}, r"graphs=\[\]"),
        ({"graphs": [Graph(None, [], num_nodes=2)]}, "have features"),
        ({"graphs": [GRAPHS[0], MANY[0]]}, "alike in the number of features"),
        ({"num_clusters": 3}, "`clusters` and `num_clusters` together"),
        ({"clusters": [[0]], "num_clusters": 3}, "each of the 6 graphs.*1 of them"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        whole_graph_batches(**{"graphs": GRAPHS, "batch_size": 2, **arguments})


@pytest.mark.parametrize("wrong", [[0], [0, 3], [-1, 0], [0.0, 1.0], [[0], [1]]])
def test_clusters_that_do_not_fit(wrong):
    clusters = [np.zeros(graph.num_nodes, int) for graph in GRAPHS]
    clusters[1] = np.array(wrong)
    with pytest.raises(
        ValueError, match=r"(?s)from 0 to 2, .*clusters\[1\]=.* 2 nodes"
    ):
        whole_graph_batches(GRAPHS, batch_size=2, clusters=clusters, num_clusters=3)

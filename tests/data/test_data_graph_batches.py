import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from tfgraph import GraphInput
from tfgraph.data import Graph, full_batch, graph_batches, standardized
from tfgraph.layers import GCNConv

RNG = np.random.default_rng(0)


def random_graph(num_nodes, num_edges, **fields):
    return Graph(
        **{
            "x": RNG.normal(size=(num_nodes, 3)) * (RNG.random((num_nodes, 3)) < 0.6),
            "edges": RNG.integers(max(num_nodes, 1), size=(num_edges, 2)),
            "y": RNG.integers(4, size=num_nodes),
            **fields,
        }
    )


# The third has no edges, the fourth repeats some, the sixth has no nodes.
GRAPHS = [
    random_graph(*size) for size in ((5, 8), (2, 1), (3, 0), (4, 40), (7, 6), (0, 0))
]
WEIGHTED = [
    graph.replace(edge_weight=RNG.random(graph.num_edges) + 0.1) for graph in GRAPHS
]
MULTI_LABEL = [
    graph.replace(y=RNG.integers(2, size=(graph.num_nodes, 6)).astype(np.float32))
    for graph in GRAPHS
]


def dense(tensor):
    if not isinstance(tensor, tf.sparse.SparseTensor):
        return tensor.numpy()
    total = np.zeros(tensor.shape, np.float32)  # repeated entries add up
    np.add.at(total, tuple(tensor.indices.numpy().T), tensor.values.numpy())
    return total


def block_diagonal(graphs):
    return scipy.sparse.block_diag([g.to_scipy() for g in graphs]).toarray()


@pytest.mark.parametrize("sparse_features", [False, True])
@pytest.mark.parametrize("stored_sparse", [False, True])
@pytest.mark.parametrize("graphs", [GRAPHS, WEIGHTED, MULTI_LABEL])
def test_elements(graphs, stored_sparse, sparse_features):
    if stored_sparse:
        graphs = [g.replace(x=scipy.sparse.csr_array(g.x)) for g in graphs]
    dataset = graph_batches(graphs, 4, sparse_features=sparse_features)
    assert len(dataset) == 2
    for batch, ((x, adjacency), y) in zip(
        (graphs[:4], graphs[4:]), dataset, strict=True
    ):
        assert isinstance(x, tf.sparse.SparseTensor) == sparse_features
        np.testing.assert_array_equal(
            dense(x), np.concatenate([graph.dense_features() for graph in batch])
        )
        np.testing.assert_allclose(dense(adjacency), block_diagonal(batch), rtol=1e-6)
        np.testing.assert_array_equal(y, np.concatenate([g.y for g in batch]))
        for tensor in (x, adjacency)[not sparse_features :]:
            indices = tensor.indices.numpy().tolist()
            assert indices == sorted(indices)


@pytest.mark.parametrize("graphs", [GRAPHS, WEIGHTED])
def test_graph_tensor_elements(graphs):
    dataset = graph_batches(graphs, 4, form="graph_tensor")
    for batch, (tensor, y) in zip((graphs[:4], graphs[4:]), dataset, strict=True):
        sizes = tensor.node_sets["nodes"].sizes.numpy()
        assert sizes.tolist() == [graph.num_nodes for graph in batch]
        sizes = tensor.edge_sets["edges"].sizes.numpy()
        assert sizes.tolist() == [graph.num_edges for graph in batch]
        weight = "weight" if graphs is WEIGHTED else None
        union = Graph.from_graph_tensor(tensor, edge_weight_name=weight)
        np.testing.assert_allclose(
            union.to_scipy().toarray(), block_diagonal(batch), rtol=1e-6
        )
        np.testing.assert_array_equal(union.x, np.concatenate([g.x for g in batch]))
        np.testing.assert_array_equal(y, np.concatenate([g.y for g in batch]))


def test_one_signature_serves_all_batches():
    (x, adjacency), y = graph_batches(GRAPHS, 2).element_spec
    assert x.shape.as_list() == [None, 3]
    assert adjacency.shape.as_list() == [None, None]
    assert y.shape.as_list() == [None]
    (x, _), y = graph_batches(MULTI_LABEL, 2, sparse_features=True).element_spec
    assert isinstance(x, tf.SparseTensorSpec)
    assert x.shape.as_list() == [None, 3]
    assert y.shape.as_list() == [None, 6]
    spec, _ = graph_batches(GRAPHS, 2, form="graph_tensor").element_spec
    assert spec.node_sets_spec["nodes"]["hidden_state"].shape.as_list() == [None, 3]


@pytest.mark.parametrize("form", ["sparse", "graph_tensor"])
def test_without_labels_the_inputs_are_alone(form):
    graphs = [graph.replace(y=None) for graph in GRAPHS]
    for element in graph_batches(graphs, 2, labels=False, form=form):
        assert isinstance(element, tuple)
        assert len(element) == 1


def test_nodes_without_label():
    graphs = [
        Graph(np.ones((3, 1)), [], y=[2, -1, 0]),
        Graph(np.ones((1, 1)), [], y=[1]),
        Graph(np.ones((2, 1)), [], y=[-1, -1]),
    ]
    elements = graph_batches(graphs, 2).as_numpy_iterator()
    (_, y, sample_weight), (_, none, no_weight) = elements
    np.testing.assert_array_equal(y, [2, 0, 0, 1])
    np.testing.assert_allclose(sample_weight, [4 / 3, 0, 4 / 3, 4 / 3])
    np.testing.assert_array_equal(none, [0, 0])
    np.testing.assert_array_equal(no_weight, [0, 0])


def orders(dataset, epochs):
    return [[int(x[0, 0]) for (x, _), _ in dataset] for _ in range(epochs)]


def test_shuffle():
    graphs = [Graph([[float(number)]], [], y=[0]) for number in range(20)]

    def shuffled(seed):
        return graph_batches(graphs, 1, shuffle=True, seed=seed)

    assert orders(graph_batches(graphs, 1), 2) == [list(range(20))] * 2
    first, second, third = orders(shuffled(1), 3)
    assert sorted(first) == sorted(second) == list(range(20))
    assert len({tuple(order) for order in (first, second, third, range(20))}) == 4
    assert orders(shuffled(1), 3) == [first, second, third]
    assert orders(shuffled(2), 1) != [first]

    unseeded = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        unseeded.append(orders(shuffled(None), 2))
    assert unseeded[0] == unseeded[1]


@pytest.mark.parametrize("graphs", [GRAPHS[:5], WEIGHTED[:5]])
@pytest.mark.parametrize("form", ["sparse", "graph_tensor"])
def test_a_batch_is_its_graphs_one_by_one(form, graphs):
    layer = GCNConv(
        4, edge_weight_name="weight" if graphs[0].edge_weight is not None else None
    )
    alone = [layer(next(iter(full_batch(graph)))[0]) for graph in graphs]
    together = [
        layer(inputs) for (inputs,) in graph_batches(graphs, 2, labels=False, form=form)
    ]
    np.testing.assert_allclose(
        np.concatenate(together), np.concatenate(alone), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("form", ["sparse", "graph_tensor"])
def test_fit_evaluate_predict(form):
    graphs = MULTI_LABEL[:5]
    train, val = standardized(graphs[:4], graphs[4:])
    if form == "sparse":
        inputs = [keras.Input((3,)), keras.Input((None,), sparse=True)]
    else:
        spec = graph_batches(train, 2, form=form).element_spec[0]
        inputs = GraphInput(spec)
    net = keras.Model(inputs, GCNConv(6, activation="sigmoid")(inputs))
    traces = []

    class Counted(keras.losses.BinaryCrossentropy):
        def call(self, y, predictions):
            traces.append(y.shape)
            return super().call(y, predictions)

    net.compile(keras.optimizers.Adam(0.1), Counted(), jit_compile=False)
    history = net.fit(
        graph_batches(train, 3, shuffle=True, seed=0, form=form),
        validation_data=graph_batches(val, 1, form=form),
        epochs=20,
        shuffle=False,
        verbose=0,
    ).history
    assert history["loss"][-1] < history["loss"][0]
    assert len(traces) == 3  # when Keras builds, trains and evaluates, once each

    predictions = net.predict(graph_batches(val, 1, labels=False, form=form), verbose=0)
    assert predictions.shape == (7, 6)
    loss = keras.losses.BinaryCrossentropy()(val[0].y, predictions)
    assert history["val_loss"][-1] == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize(
    ("graphs", "arguments", "message"),
    [
        (GRAPHS, {"form": "dense"}, "`form` to be one of .*form='dense'"),
        (
            GRAPHS,
            {"batch_size": 0},
            "`batch_size` to be a positive integer.*batch_size=0",
        ),
        (
            GRAPHS,
            {"form": "graph_tensor", "sparse_features": True},
            "`sparse_features` to be False",
        ),
        (GRAPHS, {"labels": [0, 1]}, "`labels` to be True or False.*list"),
        (GRAPHS, {"seed": 1.5}, "`seed` .*seed=1.5"),
        ([], {}, r"graphs=\[\]"),
        ([GRAPHS[0], GRAPHS[1].replace(x=None)], {}, r"features and labels.*graphs\[1"),
        ([GRAPHS[0].replace(y=None)], {}, "features and labels"),
        ([GRAPHS[0].replace(x=None)], {"labels": False}, r"have features\."),
        (
            [GRAPHS[0], GRAPHS[1].replace(x=np.ones((2, 4)))],
            {},
            r"alike.*graphs\[0\]=.*features=3.*graphs\[1\]=.*features=4",
        ),
        ([GRAPHS[0], MULTI_LABEL[1]], {}, "columns of `y`"),
        ([GRAPHS[0], GRAPHS[1].replace(y=[0.0, 1.0])], {}, "columns of `y`"),
    ],
)
def test_errors(graphs, arguments, message):
    with pytest.raises(ValueError, match=message):
        graph_batches(graphs, **{"batch_size": 2, **arguments})

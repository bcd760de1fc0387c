"""What layers and models are called with: the parts of it, and errors."""

import inspect
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, graph_tensor, sparse

import tfgraph
from tfgraph import inputs as graph_inputs
from tfgraph import layers

A = sparse(ADJACENCY)
GRAPH = tfgraph.graph_tensor.to_components(graph_tensor(ADJACENCY, X))
PAIRS = np.array([[0, 1]])
IDS = np.zeros(len(X), "int64")
S = np.ones([len(X), 2], "float32")


@pytest.mark.parametrize(
    ("inputs", "how", "parts"),
    [
        ([X, A], {}, {"x": X, "adjacency": A}),
        ((X, A), {}, {"x": X, "adjacency": A}),
        ([X, GRAPH], {}, {"x": X, "graph": GRAPH}),
        (GRAPH, {}, {"graph": GRAPH}),
        ([X, [A, A]], {}, {"x": X, "adjacency": [A, A]}),
        ([(X, S), A], {}, {"x": X, "x_receivers": S, "adjacency": A}),
        ([X, A], {"optional": "pairs"}, {"x": X, "adjacency": A}),
        (
            [X, A, PAIRS],
            {"optional": "pairs"},
            {"x": X, "adjacency": A, "pairs": PAIRS},
        ),
        ([GRAPH, PAIRS], {"optional": "pairs"}, {"graph": GRAPH, "pairs": PAIRS}),
        (
            [X, A, S],
            {"optional": "edge_features"},
            {"x": X, "adjacency": A, "edge_features": S},
        ),
        (
            [X, A, IDS, S, S],
            {"optional": "membership", "num_assignments": 2},
            {"x": X, "adjacency": A, "membership": IDS, "assignments": (S, S)},
        ),
        (
            [GRAPH, S],
            {"optional": "membership", "num_assignments": 1},
            {"graph": GRAPH, "assignments": (S,)},
        ),
        ([(6, 4), (6, 6)], {}, {"x": (6, 4), "adjacency": (6, 6)}),
        ([[None, 4], [None, None]], {}, {"x": [None, 4], "adjacency": [None, None]}),
    ],
)
def test_parts(inputs, how, parts):
    found = graph_inputs.parse(inputs, **how)
    is_pair = "x_receivers" in parts
    empty = {**dict.fromkeys(vars(found)), "assignments": (), "is_pair": is_pair}
    wanted = {**empty, **parts}
    for name, part in vars(found).items():
        if name == "assignments":
            assert len(part) == len(wanted[name])
            assert all(a is b for a, b in zip(part, wanted[name], strict=True))
        else:
            assert part is wanted[name] or part == wanted[name], name
    if found.x_receivers is None:  # and back again
        again = graph_inputs.parse(found.to_inputs(), **how)
        assert all(
            vars(again)[n] is p or n == "assignments" for n, p in vars(found).items()
        )


@pytest.mark.parametrize(
    ("inputs", "parts"),
    [
        (X, {"x": X}),
        ([X, IDS], {"x": X, "membership": IDS}),
        ([X, GRAPH], {"x": X, "graph": GRAPH}),
        (GRAPH, {"graph": GRAPH}),
    ],
)
def test_parts_of_a_readout(inputs, parts):
    found = graph_inputs.parse_nodes(inputs)
    for name, part in vars(found).items():
        assert part is parts.get(name) or part in ((), False), name


@pytest.mark.parametrize(
    "inputs",
    [X, [X], [X, A, A], [X, None], [None, A], [], [GRAPH, X], [X, A, None]],
)
def test_other_forms_are_refused(inputs):
    with pytest.raises(
        ValueError, match=r"Expected the inputs to be `\[x, adjacency\]`"
    ):
        graph_inputs.parse(inputs)


@pytest.mark.parametrize("features", [None, {"nodes": X}, {}])
def test_parts_of_many_node_sets(features):
    inputs = GRAPH if features is None else [features, GRAPH]
    found = graph_inputs.parse_node_sets(inputs, "hidden_state")
    want = (
        {"nodes": GRAPH["nodes.nodes.hidden_state"]} if features is None else features
    )
    assert found[0].keys() == want.keys() and found[1] is GRAPH
    assert all(found[0][name] is x for name, x in want.items())
    assert graph_inputs.parse_node_sets(GRAPH, "other")[0] == {}


@pytest.mark.parametrize("inputs", [X, {"nodes": X}, [], [GRAPH, {}], [X, GRAPH]])
def test_other_forms_of_many_node_sets(inputs):
    with pytest.raises(ValueError, match=r"`\[features, graph\]` with a dict"):
        graph_inputs.parse_node_sets(inputs, "hidden_state")


@pytest.mark.parametrize("inputs", [{"nodes": X}, [{"nodes": X}, GRAPH]])
def test_features_by_node_set_where_one_is_wanted(inputs):
    with pytest.raises(ValueError, match=r'pass those of one: `\[h\["papers"\], graph'):
        graph_inputs.parse(inputs)


def test_errors_show_shapes_and_no_numbers():
    with pytest.raises(ValueError) as error:
        graph_inputs.parse([X, A, {"a": X}, None])
    assert str(error.value).endswith(
        "Received: [ndarray of shape (6, 4), SparseTensor of shape (6, 6), "
        "{a: ndarray of shape (6, 4)}, None]"
    )


class Frame:
    """Like a frame of pandas."""

    def to_numpy(self):
        return X


def foreign_objects():
    networkx = pytest.importorskip("networkx")
    scipy_sparse = pytest.importorskip("scipy.sparse")
    graph = tfgraph.data.Graph(X, np.argwhere(ADJACENCY))
    return {
        "Graph": (graph, r"\[graph.dense_features\(\), graph.to_sparse_tensor\(\)\]"),
        "csr_array": (scipy_sparse.csr_array(ADJACENCY), "Graph.from_scipy"),
        "DiGraph": (networkx.DiGraph([(0, 1)]), "Graph.from_networkx"),
        "Frame": (Frame(), r"frame.to_numpy\(\)"),
    }


@pytest.mark.parametrize("name", ["Graph", "csr_array", "DiGraph", "Frame"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.GCNConv(2),
        lambda: layers.GATConv(2),
        lambda: layers.Readout(),
        lambda: layers.VGAEEncoder(2),
        lambda: layers.DiffPool(layers.GCNConv(2), layers.GCNConv(2)),
        lambda: tfgraph.models.GCN(2),
        lambda: tfgraph.models.GAE(2),
    ],
)
def test_objects_of_other_libraries_name_their_conversion(name, make):
    given, conversion = foreign_objects()[name]
    layer = make()
    for inputs in (given, [X, given], [given, A]):
        with pytest.raises(ValueError, match=f"{type(layer).__name__}.*{conversion}"):
            layer(inputs)


@pytest.mark.parametrize(
    "edges", [[[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]], [[0, 1], [1, 2]]]
)
def test_a_list_of_edges_is_no_adjacency(edges):
    layer = layers.GCNConv(2, normalize=False, add_self_loops=False)
    edges = np.array(edges)
    for x in (X, X[:2]):
        if edges.shape == (2, 2) and len(x) == 2:
            continue  # an adjacency of two nodes
        with pytest.raises(ValueError, match=r"`tfgraph.data.Graph\(x, edges\)"):
            layer([x, edges])


def test_features_and_adjacency_in_the_wrong_order():
    with pytest.raises(ValueError, match="swapped"):
        layers.GCNConv(2)([tf.sparse.to_dense(A), X])


LAYERS = {
    layers.GCNConv: ["units", "activation"],
    layers.SAGEConv: ["units", "activation", "aggregator"],
    layers.GATConv: ["units", "activation", "num_heads"],
    layers.GATv2Conv: ["units", "activation", "num_heads"],
    layers.Structure2VecConv: ["units", "activation", "num_rounds"],
    layers.GINEConv: ["units", "activation"],
}


@pytest.mark.parametrize("layer_class", LAYERS)
def test_signatures_list_every_argument(layer_class):
    parameters = inspect.signature(layer_class).parameters
    positional = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == LAYERS[layer_class]
    base = inspect.signature(layers.GraphConvolution.__init__).parameters
    config = layer_class(3).get_config()
    assert set(config) - {"name", "dtype", "trainable"} <= set(parameters)
    for name in set(base) - {"self", "kwargs", "activation"}:
        assert parameters[name].default == base[name].default
    layer = layer_class(3, "relu")
    assert layer.activation is keras.activations.relu
    # The signature of a layer itself is that of its call.
    assert "units" not in inspect.signature(layer).parameters


@pytest.mark.parametrize(
    "layer_class",
    [
        layers.Readout,
        layers.Set2Set,
        layers.DiffPool,
        layers.GAEEncoder,
        layers.VGAEEncoder,
    ],
)
def test_signatures_of_other_layers(layer_class):
    parameters = inspect.signature(layer_class).parameters
    assert set(layer_class.graph_arguments) <= set(parameters)


def test_arguments_of_a_subclass_are_those_of_the_base():
    from tfgraph.layers.graph_convolution import ConvolutionArguments

    base = set(inspect.signature(layers.GraphConvolution.__init__).parameters)
    keras_arguments = {"name", "dtype", "trainable"}
    listed = set(ConvolutionArguments.__annotations__) - keras_arguments
    assert listed == base - {"self", "units", "activation", "kwargs"}


def test_an_aggregator_in_the_place_of_the_activation():
    with pytest.raises(ValueError, match="pass `aggregator='max_pool'`"):
        layers.SAGEConv(2, "max_pool")


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", None, True, [3]])
@pytest.mark.parametrize(
    "make",
    [
        layers.GCNConv,
        layers.GAEEncoder,
        lambda n: layers.GATConv(3, num_heads=n),
        lambda n: layers.Set2Set(num_steps=n),
        lambda n: tfgraph.models.GCN(n),
        lambda n: tfgraph.models.GCN(3, hidden_units=[n]),
        lambda n: tfgraph.models.GAT(n),
        lambda n: tfgraph.models.GraphSAGE(3, hidden_units=[n]),
        lambda n: tfgraph.models.DiffPoolClassifier(n, num_clusters=2),
    ],
)
def test_counts(make, value):
    with pytest.raises(ValueError, match=r"a positive integer. Received: \w+"):
        make(value)


def test_numpy_integers_count():
    layer = layers.GATConv(np.int64(3), num_heads=np.int32(2))
    assert layer([X, A]).shape == (6, 6)
    assert type(layer.get_config()["units"]) is int


def two_components(source, target, num_edges=(2, 1)):
    """Components of 2 and 4 nodes."""
    indices = tf.constant(np.stack([target, source], axis=1), tf.int64)
    return tfgraph.graph_tensor.homogeneous(
        indices,
        tf.constant([2, 4], tf.int64),
        tf.constant(num_edges, tf.int64),
        tf.constant(X),
        None,
    )


@pytest.mark.parametrize(
    ("source", "target", "num_edges"),
    [
        ([0, 2, 3], [1, 1, 2], (2, 1)),  # node 2, the first of the other component
        ([0, 1, 1], [1, 0, 2], (2, 1)),
        ([0, 1, 3], [1, 2, 2], (2, 1)),
        ([0, 1, 3], [1, 0, 2], (3, 0)),
        ([0, 1, 3], [1, 0, 2], (1, 1)),
        ([0, 1, 3], [1, 0, 2], (2, 2)),
        ([0, 1, 3], [1, 0, 2], (2, 1, 0)),
        ([0, 1, 3], [1, 0, 2], (5, -2)),
    ],
)
def test_edges_that_leave_their_component(source, target, num_edges):
    layer = layers.GCNConv(2)
    good = two_components([0, 1, 3], [1, 0, 2])
    assert layer(good).shape == (6, 2)
    bad = two_components(source, target, num_edges)
    for call in (layer, tf.function(layer)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="their own component"):
            call(bad)


@pytest.mark.parametrize("sizes", [(7, -1), (5, 2), (2**31 - 1, 7 - 2**31)])
def test_sizes_that_lie_are_refused_before_anything_is_allocated(sizes):
    # The huge ones would take 8 GB for the numbers of the nodes' graphs.
    layer, x = layers.Readout("sum"), tf.ones([6, 3])
    components = {"nodes.nodes.-size": tf.constant(sizes)}
    layer([x, {"nodes.nodes.-size": tf.constant([4, 2])}])
    for call in (layer, tf.function(layer)):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match="sizes of 0 or more that add up to"
        ):
            call([x, components])


@pytest.mark.parametrize("name", ["a{}b", "{x}", "{0}", "{"])
def test_names_with_braces_in_errors(name):
    layer = layers.GCNConv(2, name=name)
    x, adjacency = tf.ones([3, 3]), tf.sparse.eye(3)
    layer([x, adjacency])
    shown = re.escape(f"GCNConv '{name.replace('{}', '{ }')}': ")
    with pytest.raises(tf.errors.InvalidArgumentError, match=shown + ".*weight of -1"):
        layer([x, tf.sparse.map_values(tf.negative, adjacency)])
    with pytest.raises(ValueError, match=shown + r".*shape=\(2, 3\)"):
        layer([x, tf.sparse.slice(adjacency, [0, 0], [2, 3])])


def dataset_of_one_graph(**kwargs):
    graph = tfgraph.data.karate_club()
    return graph, tfgraph.data.full_batch(graph, **kwargs)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_models_refuse_the_arrays_of_one_graph(method):
    graph, _ = dataset_of_one_graph()
    model = tfgraph.models.GCN(2)
    model.compile("adam", "sparse_categorical_crossentropy")
    call = getattr(model, method)
    adjacency = graph.to_sparse_tensor()
    for inputs in (
        [graph.x, adjacency],
        (graph.x, tf.sparse.to_dense(adjacency)),
        graph,
        graph.to_graph_tensor(),
        [graph, graph],
        graph.to_scipy(),
        graph.to_networkx(),
        None,
        3,
    ):
        with pytest.raises(ValueError, match=r"GCN.*`tfgraph.data.full_batch\(graph"):
            call(inputs)


def test_other_models_say_what_keras_did_to_the_arrays():
    graph, _ = dataset_of_one_graph()
    inputs = [keras.Input((34,)), keras.Input((None,), sparse=True)]
    model = keras.Model(inputs, layers.GCNConv(2)(inputs))
    model.compile("adam", "sparse_categorical_crossentropy")
    arrays = [graph.x, graph.to_sparse_tensor()]
    with pytest.raises(ValueError, match=r"`tfgraph.data.full_batch\(graph\)`"):
        model.predict(arrays, verbose=0)
    # While `fit` runs, a kernel may report it before the check does.
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.fit(arrays, graph.y, verbose=0)


def test_fit_without_labels():
    _, data = dataset_of_one_graph()
    model = tfgraph.models.GCN(2)
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(
        ValueError, match=r'`tfgraph.data.full_batch\(graph, "train"\)`'
    ):
        model.fit(data, shuffle=False)


@pytest.mark.parametrize("batch_size", [4, 34])
def test_a_gcn_refuses_blocks(batch_size):
    graph, _ = dataset_of_one_graph()
    model = tfgraph.models.GCN(2, [4])
    model.compile("adam", "sparse_categorical_crossentropy")
    batches = tfgraph.data.neighbor_batches(graph, (2, 2), batch_size)
    with pytest.raises(ValueError, match=r"GCN.*`models.GraphSAGE`"):
        model.fit(batches, shuffle=False, verbose=0)
    assert not model.convolutions[0].built
    # And the model is as good as new.
    data = tfgraph.data.full_batch(graph, "train")
    model.fit(data, shuffle=False, verbose=0)
    assert model.predict(tfgraph.data.full_batch(graph), verbose=0).shape == (34, 2)


def test_models_keep_the_signatures_of_keras():
    for method in ("fit", "evaluate", "predict"):
        found = inspect.signature(getattr(tfgraph.models.GCN, method))
        assert found == inspect.signature(getattr(keras.Model, method))

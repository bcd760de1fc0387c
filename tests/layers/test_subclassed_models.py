"""Models of a user's own class, saved and loaded: each layer and form of inputs.

To build a loaded one, Keras calls it with dense floats in the place of all tensors.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, graph_tensor, sparse

import tfgraph
from tfgraph import layers

x, A = tf.constant(X), sparse(ADJACENCY)
E = np.random.default_rng(1).normal(size=(len(A.values), 2)).astype("float32")
SIGNALS = tf.stack([x, 2 * x])
BLOCKS = [sparse(ADJACENCY[:4]), sparse(ADJACENCY[:2, :4])]
PAIRS = tf.constant([[0, 1], [4, 2]])
TWO_GRAPHS = sparse(np.kron(np.eye(2), np.ones([3, 3])).astype("float32"))
GRAPH_IDS = tf.constant([0, 0, 0, 1, 1, 1])
MASK = np.array([[True] * 6, [True] * 4 + [False] * 2])
WITH_EDGES = (layers.GATConv, layers.GATv2Conv, layers.GINEConv)
ALL = (*WITH_EDGES, layers.GCNConv, layers.SAGEConv, layers.Structure2VecConv)


def one_of_each(classes, **arguments):
    return [made(3, **arguments) for made in classes]


def side_by_side(convolutions, inputs):
    return tf.concat([convolution(inputs) for convolution in convolutions], axis=-1)


def of_blocks(convolutions, inputs):
    h, *blocks = inputs
    for block in zip(*blocks, strict=True):
        h = side_by_side(convolutions[:3], [h, *block])
        convolutions = convolutions[3:]
    return h


def of_node_sets(parts, graph):
    embedding, messages = parts
    return tf.concat([embedding(graph), messages(graph)["paper"]], axis=0)


def of_whole_graphs(parts, inputs):
    convolution, pooling, *readouts = parts
    nodes = [convolution(inputs[:2]), *inputs[2:]]
    clusters, _ = pooling(inputs)
    read = [readouts[0](clusters), *(readout(nodes) for readout in readouts[1:])]
    return tf.concat(read, axis=-1)


def scores(parts, inputs):
    encoder, *decoders = parts
    z = encoder(inputs[:2])
    return tf.stack([decoder([z, inputs[2]]) for decoder in decoders], axis=-1)


def of_one_graph(parts, inputs):
    fixed, *convolutions = parts
    signals, edge_features = inputs
    return side_by_side(convolutions, [signals, fixed(signals), edge_features])


def whole_graph_layers():
    pooling = layers.DiffPool(layers.GCNConv(4), layers.GATConv(2), num_clusters=3)
    modes = ("mean", "attention", "max", "sum")
    readouts = [layers.Readout(mode) for mode in modes]
    return [layers.GCNConv(4), pooling, *readouts, layers.Set2Set()]


def node_set_layers():
    convolutions = [
        layers.SAGEConv(4, edge_set_name="writes"),
        layers.GINEConv(4, edge_set_name="cites", edge_feature_name="features"),
    ]
    embedding = layers.NodeEmbedding(2, 4, node_set_name="author")
    return [embedding, layers.HeteroConv(convolutions)]


def two_node_sets():
    """A GraphTensor with row numbers and features of edges."""
    data = tfgraph.data
    graph = data.HeteroGraph(
        {"paper": data.NodeSet(np.ones([3, 4])), "author": data.NodeSet(np.eye(2))},
        {
            "writes": data.EdgeSet("author", "paper", [(0, 1), (1, 2)]),
            "cites": data.EdgeSet(
                "paper", "paper", [(0, 1), (2, 1)], edge_features=np.eye(2)
            ),
        },
    )
    return graph.to_graph_tensor()


# Name: the layers, what is done with them, and the inputs.
CASES = {
    "adjacency": (lambda: one_of_each(ALL), side_by_side, [x, A]),
    "edge features": (lambda: one_of_each(WITH_EDGES), side_by_side, [x, A, E]),
    "signals": (lambda: one_of_each(ALL), side_by_side, [SIGNALS, A]),
    "signals, edge features": (
        lambda: one_of_each(WITH_EDGES),
        side_by_side,
        [SIGNALS, A, E],
    ),
    "blocks, edge features": (
        lambda: one_of_each(WITH_EDGES * 2),
        of_blocks,
        [x, BLOCKS, [E[: len(block.values)] for block in BLOCKS]],
    ),
    "fixed adjacency, edge features": (
        lambda: [layers.FixedAdjacency(A), *one_of_each(WITH_EDGES)],
        of_one_graph,
        [SIGNALS, E],
    ),
    "GraphTensor": (
        lambda: one_of_each(ALL, edge_weight_name="weight"),
        side_by_side,
        graph_tensor(ADJACENCY, X),
    ),
    "node sets": (node_set_layers, of_node_sets, two_node_sets()),
    "graph ids": (whole_graph_layers, of_whole_graphs, [x, TWO_GRAPHS, GRAPH_IDS]),
    "mask": (
        whole_graph_layers,
        of_whole_graphs,
        [SIGNALS, np.stack([ADJACENCY] * 2), MASK],
    ),
    "pairs": (
        lambda: [
            layers.GAEEncoder(4),
            layers.InnerProductDecoder(),
            layers.MLPDecoder(),
        ],
        scores,
        [x, A, PAIRS],
    ),
    "a model": (lambda: [tfgraph.models.GAT(2)], side_by_side, [x, A, E]),
}


@keras.saving.register_keras_serializable("tests")
class UserModel(keras.Model):
    """The layers of a case, and after them one that only Keras knows."""

    def __init__(self, case, **kwargs):
        super().__init__(**kwargs)
        self.case = case
        self.parts = CASES[case][0]()
        self.head = keras.layers.Dense(2)

    def call(self, inputs):
        return self.head(CASES[self.case][1](self.parts, inputs))

    def get_config(self):
        return {**super().get_config(), "case": self.case}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("error:Model .* had a build config")
def test_a_loaded_model_predicts_the_same(case, tmp_path):
    *_, inputs = CASES[case]
    model = UserModel(case)
    before = model(inputs).numpy()
    assert np.ptp(before) > 0
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(inputs), before)


@keras.saving.register_keras_serializable("tests")
class NeedsSparse(keras.Model):
    """Its `call` fails with a dense tensor, before any layer is built."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convolution = layers.GCNConv(4)
        self.head = keras.layers.Dense(2)

    def call(self, inputs):
        features, adjacency = inputs
        adjacency = tf.sparse.reorder(adjacency)
        return self.head(self.convolution([features, adjacency]))


@keras.saving.register_keras_serializable("tests")
class BuildsNothing(NeedsSparse):
    def build(self, input_shape):
        pass


@pytest.mark.parametrize("made", [NeedsSparse, BuildsNothing])
@pytest.mark.filterwarnings("ignore:Model .* had a build config")
def test_layers_that_keras_does_not_build_are_an_error(made, tmp_path):
    path, inputs = tmp_path / "model.keras", [x, A]
    model = made()
    before = model(inputs)
    model.save(path)
    with pytest.raises(ValueError, match=r"GCNConv 'gcn_.*to build .*load_weights"):
        keras.models.load_model(path)
    again = made()
    again.built = True
    with pytest.raises(ValueError, match="to build it before"):
        again.load_weights(path)
    again(inputs)
    again.load_weights(path)
    np.testing.assert_array_equal(again(inputs), before)

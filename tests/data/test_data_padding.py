"""Padded batches: no number changes, and all have the shapes of one."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgraph
from tfgraph import layers
from tfgraph.data import (
    EdgeSet,
    Graph,
    HeteroGraph,
    NodeSet,
    graph_batches,
    neighbor_batches,
    whole_graph_batches,
)

RNG = np.random.default_rng(0)


def random_graph(num_nodes, num_edges):
    y = RNG.integers(4, size=num_nodes)
    edges = RNG.integers(max(num_nodes, 1), size=(num_edges, 2))
    return Graph(
        RNG.normal(size=(num_nodes, 3)),
        edges,
        y=np.where(np.arange(num_nodes) == 1, -1, y),  # node 1 without label
        edge_weight=RNG.uniform(0.5, 2, num_edges),
        edge_features=RNG.normal(size=(num_edges, 2)),
    )


SIZES = [(5, 8), (2, 1), (3, 0), (4, 40), (7, 6)]
GRAPHS = [random_graph(*size) for size in SIZES]
LABELS = np.array([3, 1, 2, 1, 0])
BIG = random_graph(50, 200).replace(y=RNG.integers(4, size=50))
HETERO = HeteroGraph(
    {
        "authors": NodeSet(RNG.normal(size=(30, 4))),
        "papers": NodeSet(RNG.normal(size=(40, 5)), y=RNG.integers(4, size=40)),
        "venues": NodeSet(num_nodes=6),
    },
    {
        "writes": EdgeSet("authors", "papers", RNG.integers(30, size=(80, 2))),
        "in": EdgeSet("papers", "venues", RNG.integers(6, size=(40, 2))),
    },
)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def shapes(element):
    """The shapes of all tensors, and the sizes of SparseTensors and dense shapes."""
    tensors = tf.nest.flatten(element, expand_composites=True)
    return [tuple(tensor.shape) for tensor in tensors]


def figures(model, element):
    """The loss, its gradients and the accuracy of a batch, in training."""
    inputs, y, *weight = element
    with tf.GradientTape() as tape:
        predictions = model(inputs, training=True)
        loss = LOSS(y, predictions, *weight) + sum(model.losses)
    gradients = tape.gradient(loss, model.trainable_weights)
    accuracy = keras.metrics.SparseCategoricalAccuracy()(y, predictions, *weight)
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    return [loss, accuracy, *gradients]


def check(model, make, **arguments):
    """Compares padded batches with others; returns the padded ones."""
    plain, padded = list(make(**arguments)), list(make(pad=True, **arguments))
    for batch, filled in zip(plain, padded, strict=True):
        assert len(filled) == 3
        for a, b in zip(figures(model, batch), figures(model, filled), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert len({str(shapes(element)) for element in padded}) == 1
    assert len({str(shapes(element)) for element in plain}) > 1
    return padded


class Convolutions(keras.Model):
    """One of each, on `(x, adjacency, edge_features)` or a GraphTensor."""

    def __init__(self):
        super().__init__(autocast=False)
        names = {"edge_weight_name": "weight"}
        edges = {**names, "edge_feature_name": "features"}
        self.with_edges = [
            layers.GATConv(4, num_heads=2, **edges),
            layers.GATv2Conv(4, add_self_loops=False, **edges),
            layers.GINEConv(4, **edges),
        ]
        self.others = [
            layers.GCNConv(4, "tanh", **names),
            layers.Structure2VecConv(4, **names),
            *(
                layers.SAGEConv(4, "tanh", aggregator, **names)
                for aggregator in ("mean", "gcn", "max_pool")
            ),
        ]
        self.last = keras.layers.Dense(4)

    def call(self, inputs):
        parts = [inputs, None] if isinstance(inputs, dict) else list(inputs)
        graph = parts[:1] if isinstance(inputs, dict) else parts[1:]
        h = [layer(inputs) for layer in self.with_edges]
        h += [layer(inputs if len(graph) == 1 else parts[:2]) for layer in self.others]
        return self.last(tf.concat(h, axis=-1))


@pytest.mark.parametrize(
    ("form", "class_weight"), [("sparse", None), ("graph_tensor", {1: 3.0})]
)
def test_graph_batches(form, class_weight):
    padded = check(
        Convolutions(),
        graph_batches,
        graphs=GRAPHS,
        batch_size=2,
        form=form,
        class_weight=class_weight,
    )
    inputs, y, weight = padded[0]
    # The largest two have 5 + 7 nodes and 40 + 8 edges; the first two 7 and 9.
    assert y.shape == weight.shape == (13,)
    assert not weight[7:].numpy().any() and not y[7:].numpy().any()
    if form == "sparse":
        x, adjacency, edge_features = inputs
        assert x.shape == (13, 3) and edge_features.shape == (48, 2)
        assert (adjacency.indices[9:] == 12).numpy().all()
        assert not adjacency.values[9:].numpy().any()
        spec = graph_batches(GRAPHS, 2, pad=True).element_spec
        assert all(part.shape.is_fully_defined() for part in tf.nest.flatten(spec))
    else:
        assert inputs.node_sets["nodes"].sizes.numpy().tolist() == [5, 2, 6]
        assert inputs.edge_sets["edges"].sizes.numpy().tolist() == [8, 1, 39]


class Readouts(keras.Model):
    def __init__(self):
        super().__init__(autocast=False)
        self.convolution = layers.SAGEConv(4, "tanh")
        self.readouts = [
            *(layers.Readout(mode) for mode in ("sum", "mean", "max", "attention")),
            layers.Set2Set(),
        ]
        self.last = keras.layers.Dense(4)

    def call(self, inputs):
        is_graph = isinstance(inputs, dict)
        h = self.convolution(inputs if is_graph else inputs[:2])
        nodes = [h, inputs if is_graph else inputs[-1]]
        return self.last(tf.concat([readout(nodes) for readout in self.readouts], -1))


WHOLE = [graph.replace(edge_features=None) for graph in GRAPHS]


@pytest.mark.parametrize(
    ("form", "limits", "size", "class_weight"),
    [
        ("graph_tensor", {}, 3, None),
        ("graph_tensor", {"max_nodes": 8, "max_edges": 40}, 4, {1: 3.0}),
        ("dense", {}, 2, {1: 3.0}),
        ("dense", {"num_nodes": 9, "max_nodes": 18}, 2, None),
    ],
)
def test_whole_graph_batches(form, limits, size, class_weight):
    limits = {"batch_size": 3 if "max_edges" in limits else 2, **limits}
    padded = check(
        Readouts(),
        whole_graph_batches,
        graphs=WHOLE,
        labels=LABELS,
        form=form,
        class_weight=class_weight,
        **limits,
    )
    assert {len(y) for _, y, _ in padded} == {size}
    if class_weight is None:
        numbers = [np.count_nonzero(weight) for _, _, weight in padded]
        assert sum(numbers) == 5
        for number, (_, _, weight) in zip(numbers, padded, strict=True):
            expected = [size / number] * number + [0] * (size - number)
            np.testing.assert_allclose(weight, expected)


def test_diffpool_takes_padded_dense_batches():
    model = tfgraph.models.DiffPoolClassifier(
        4, 8, num_clusters=3, classifier_activation=None
    )
    arguments = {"graphs": WHOLE, "labels": LABELS, "batch_size": 2, "form": "dense"}
    clusters = [np.arange(graph.num_nodes) % 3 for graph in WHOLE]
    check(model, whole_graph_batches, **arguments)
    given = tfgraph.models.DiffPoolClassifier(
        4, 8, classifier_activation=None, given_assignments=True
    )
    check(given, whole_graph_batches, clusters=clusters, num_clusters=3, **arguments)


def test_shuffled_batches_fit_too():
    for _ in range(3):
        data = graph_batches(GRAPHS, 2, shuffle=True, seed=0, pad=True)
        assert len({str(shapes(element)) for element in data}) == 1
        data = whole_graph_batches(
            *(WHOLE, LABELS), batch_size=3, max_nodes=8, form="graph_tensor", pad=True
        )
        assert len({str(shapes(element)) for element in data}) == 1


PLAIN = BIG.replace(edge_features=None)


def sage():
    return tfgraph.models.GraphSAGE(4, [8, 8], classifier_activation=None)


def gat():
    return tfgraph.models.GAT(4, [4], classifier_activation=None, dropout=0)


def hetero_sage():
    return tfgraph.models.HeteroGraphSAGE(
        4, "papers", [8, 8], num_nodes={"venues": 6}, classifier_activation=None
    )


@pytest.mark.parametrize(
    ("make_model", "graph", "form", "replacement"),
    [
        (sage, PLAIN, "blocks", "if_short"),
        (gat, PLAIN, "blocks", "never"),
        (sage, PLAIN, "graph_tensor", "if_short"),
        (hetero_sage, HETERO, "graph_tensor", "never"),
    ],
)
def test_neighbor_batches(make_model, graph, form, replacement):
    padded = check(
        make_model(),
        neighbor_batches,
        graph=graph,
        fanouts=(3, 2),
        batch_size=16,
        replacement=replacement,
        form=form,
        seed=0,
        class_weight="balanced",
    )
    if form == "blocks":
        (x, (first, last)), _, weight = padded[-1]
        # 16 seeds, 2 more for each; then 3 for each, but no more than there are nodes.
        assert (x.shape, first.shape, last.shape) == ((98, 3), (48, 98), (16, 48))
        assert [len(a.values) for a in (first, last)] == [144, 32]
        assert np.count_nonzero(weight) == 50 - 3 * 16
        for adjacency in (first, last):
            indices = adjacency.indices.numpy().tolist()
            assert indices == sorted(indices)


def test_neighbor_batches_of_features_of_edges():
    batches = neighbor_batches(BIG, (3,), 16, seed=0)
    padded = neighbor_batches(BIG, (3,), 16, seed=0, pad=True)
    gat = layers.GATConv(4)
    for ((x, a, e), y), ((x_pad, a_pad, e_pad), *_) in zip(
        batches, padded, strict=True
    ):
        found = gat([x_pad, a_pad[0], e_pad[0]])
        np.testing.assert_allclose(gat([x, a[0], e[0]]), found[: len(y)], atol=1e-6)
        assert e_pad[0].shape == (48, 2)


def test_a_model_evaluates_padded_batches_and_others():
    """By one function, although TF-GNN has two encodings of a graph."""

    def make(pad):
        whole = whole_graph_batches(
            *(WHOLE, LABELS), batch_size=5, form="graph_tensor", pad=pad
        )
        yield Readouts(), whole
        # More than any node has, so that all neighbours are drawn.
        sampled = neighbor_batches(HETERO, (100,), 40, replacement="never", pad=pad)
        yield hetero_sage(), sampled

    for (model, plain), (_, padded) in zip(make(False), make(True), strict=True):
        model.compile("sgd", LOSS)
        losses = [model.evaluate(data, verbose=0) for data in (plain, padded, plain)]
        assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-5)


def test_parts_of_padded_batches():
    arguments = {"batch_size": 3, "pad": True}
    for part in range(2):
        data = neighbor_batches(BIG, (2,), shard=(part, 2), **arguments)
        assert {len(y) for _, y, _ in data} == {2}
        data = whole_graph_batches(
            WHOLE, LABELS, form="dense", shard=(part, 2), **arguments
        )
        assert {len(y) for _, y, _ in data} == {2}


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (graph_batches, {"labels": False}, "labels with pad=True: `predict` would"),
        (graph_batches, {"sparse_features": True}, "`sparse_features` to be False"),
        (graph_batches, {"pad": 1}, "`pad` to be True or False"),
        (whole_graph_batches, {"labels": None}, "labels with pad=True"),
        (whole_graph_batches, {"form": "sparse"}, "'graph_tensor' or 'dense' with pad"),
        (whole_graph_batches, {"max_nodes": 6}, r"`max_nodes` to be at least 7.*\[4\]"),
        (whole_graph_batches, {"max_edges": 9}, r"at least 40.*graphs\[3\].*edges=9"),
        (neighbor_batches, {"labels": False}, "labels with pad=True"),
        (neighbor_batches, {"fanouts": (None,)}, "positive integer for.*pad=True"),
    ],
)
def test_errors(make, arguments, message):
    defaults = {
        graph_batches: {"graphs": GRAPHS},
        whole_graph_batches: {
            "graphs": WHOLE,
            "labels": LABELS,
            "form": "graph_tensor",
        },
        neighbor_batches: {"graph": BIG, "fanouts": (2,)},
    }
    with pytest.raises(ValueError, match=message):
        make(**{"batch_size": 2, "pad": True, **defaults[make], **arguments})


XLA = """
import os, sys
os.environ["XLA_FLAGS"] = f"--xla_dump_to={sys.argv[1]}"
import keras
import test_data_padding as cases
import tfgraph

def graph_tensors(data, h):
    inputs = tfgraph.GraphInput(data.element_spec[0])
    return keras.Model(inputs, keras.layers.Dense(4)(h(inputs)))

def whole(inputs):
    h = tfgraph.layers.SAGEConv(4)(inputs)
    return tfgraph.layers.Readout("mean")([h, inputs])

seen = set()
for pad in (False, True):
    x, a = keras.Input((3,)), keras.Input((None,), sparse=True)
    merged = cases.graph_batches(cases.WHOLE, 2, pad=pad)
    graphs = cases.whole_graph_batches(
        cases.WHOLE, cases.LABELS, batch_size=2, form="graph_tensor", pad=pad
    )
    arguments = {"fanouts": (3, 2), "batch_size": 16, "pad": pad}
    blocks = cases.neighbor_batches(
        cases.PLAIN, replacement="never", **arguments
    )
    hetero = cases.neighbor_batches(cases.HETERO, **arguments)
    for model, data in (
        (keras.Model([x, a], tfgraph.layers.GATConv(4)([x, a])), merged),
        (graph_tensors(graphs, whole), graphs),
        (cases.sage(), blocks),
        (cases.hetero_sage(), hetero),
    ):
        model.compile("sgd", cases.LOSS, jit_compile=True)
        # Without padding, two batches are enough to see that both are compiled.
        batches = data if pad else data.take(2)
        model.fit(batches, epochs=1 + pad, shuffle=False, verbose=0)
        modules = {file.split(".")[0] for file in os.listdir(sys.argv[1])
                   if "one_step_on_data" in file}
        print(len(modules - seen))
        seen |= modules
"""


@pytest.mark.slow
def test_xla_compiles_once(tmp_path):
    """By the programs that XLA writes to a folder, one for each compilation."""
    process = subprocess.run(
        [sys.executable, "-c", XLA, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=__file__.rpartition("/")[0],
    )
    counts = [int(line) for line in process.stdout.split()]
    assert len(counts) == 8, process.stderr
    assert min(counts[:4]) > 1
    assert counts[4:] == [1, 1, 1, 1]

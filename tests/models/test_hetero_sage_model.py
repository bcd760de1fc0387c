"""GraphSAGE between node sets, against NumPy, and what its arguments select."""

import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from hetero_graphs import author_paper_graph, graph_of
from layer_checks import check_reload

import tfgraph
from tfgraph.models import HeteroGraphSAGE

GRAPH, TOPICS = author_paper_graph()
SIZES = {"author": 40, "paper": 30, "venue": 5}


def features(name):
    return GRAPH.node_sets[name].features["hidden_state"].numpy()


def mean_along(edge_set, receiver):
    """`[receivers, senders]`, the mean over the neighbours."""
    ends = GRAPH.edge_sets[edge_set].adjacency
    pair = [(ends.source_name, ends.source), (ends.target_name, ends.target)]
    (senders, j), (receivers, i) = pair if receiver == "target" else pair[::-1]
    a = np.zeros([SIZES[receivers], SIZES[senders]])
    np.add.at(a, (i.numpy(), j.numpy()), 1)
    return senders, receivers, a / np.maximum(a.sum(1, keepdims=True), 1)


def expected(model, relations):
    """`h^2` by node set of the relations of each of the two rounds."""
    h = {}
    for name, layer in model.projections.items():
        kernel, bias = layer.get_weights()
        h[name] = features(name) @ kernel + bias
    for name, layer in model.embeddings.items():
        h[name] = h.get(name, 0) + layer.get_weights()[0]
    for number, names in enumerate(relations):
        sums, convolutions = {}, model.rounds[number].convolutions
        for convolution, relation in zip(convolutions, names, strict=True):
            senders, receivers, a = mean_along(*relation)
            kernel, neighbor_kernel, bias = convolution.get_weights()
            message = h[receivers] @ kernel + a @ h[senders] @ neighbor_kernel + bias
            sums[receivers] = sums.get(receivers, 0) + message
        if number == 0:
            sums = {name: np.tanh(total) for name, total in sums.items()}
        h = {**h, **sums}
    return h


BOTH = [
    (edge_set, receiver)
    for edge_set in ("cites", "published_in", "writes")
    for receiver in ("target", "source")
]


def test_embeddings_are_the_equation():
    model = HeteroGraphSAGE(
        hidden_units=[6, 5], num_nodes={"venue": 5, "paper": 30}, activation="tanh"
    )
    h = model(GRAPH)
    want = expected(model, [BOTH, BOTH])
    assert sorted(h) == ["author", "paper", "venue"]
    for name, rows in want.items():
        np.testing.assert_allclose(h[name], rows, atol=1e-5)
    shapes = keras.tree.map_structure(lambda x: x.shape, GRAPH)
    assert HeteroGraphSAGE.from_config(model.get_config()).compute_output_shape(
        shapes
    ) == {"author": (40, 5), "paper": (30, 5), "venue": (None, 5)}


def test_a_classifier_has_what_it_depends_on():
    """Of the last round only what ends in the papers: all else had no gradient."""
    model = HeteroGraphSAGE(
        3, "paper", [6, 5], {"venue": 5}, activation="tanh", bidirectional=True
    )
    y = model(GRAPH)
    last = [
        ("cites", "target"),
        ("cites", "source"),
        ("published_in", "source"),
        ("writes", "target"),
    ]
    h = expected(model, [BOTH, last])["paper"]
    kernel, bias = model.classifier.get_weights()
    logits = np.exp(h @ kernel + bias)
    np.testing.assert_allclose(y, logits / logits.sum(1, keepdims=True), atol=1e-5)

    one_way = HeteroGraphSAGE(3, "paper", [4], bidirectional=False)
    one_way(GRAPH)
    assert sorted(one_way.projections) == ["author", "paper"]
    (messages,) = one_way.rounds
    assert [c.edge_set_name for c in messages.convolutions] == ["cites", "writes"]
    written = HeteroGraphSAGE(3, "author", [4, 4], edge_set_names=["writes"])
    written(GRAPH)
    first, second = written.rounds
    assert [c.receiver for c in first.convolutions] == ["target", "source"]
    assert [c.receiver for c in second.convolutions] == ["source"]


def test_it_trains_and_reloads(tmp_path):
    model = HeteroGraphSAGE(
        3, "paper", [8, 8], {"author": 40}, ["writes"], merge="mean", dropout=0.1
    )
    model.compile(
        keras.optimizers.Adam(0.03),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    weights = np.where(np.arange(30) < 25, 30 / 25, 0)
    data = tf.data.Dataset.from_tensors((GRAPH, TOPICS, weights))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        history = model.fit(data, epochs=20, shuffle=False, verbose=0).history
        again = check_reload(model, GRAPH, tmp_path / "model.keras")
    assert history["accuracy"][0] < 0.7 < 0.95 < history["accuracy"][-1]
    assert again.get_config() == model.get_config()


def test_xla():
    model = HeteroGraphSAGE(3, "paper", [4, 4], {"venue": 5, "author": 40})
    y = model(GRAPH)
    compiled = tf.function(model, jit_compile=True)
    found = compiled(tfgraph.graph_tensor.to_components(GRAPH))
    np.testing.assert_allclose(found, y, atol=1e-5)


def test_in_a_functional_model_and_in_half_precision():
    graph = tfgraph.GraphInput(GRAPH.spec)
    inner = HeteroGraphSAGE(
        hidden_units=[4], num_nodes={"venue": 5}, dtype="mixed_float16"
    )
    h = inner(graph)
    assert h["venue"].shape == (None, 4) and h["venue"].dtype == "float16"
    x = {name: graph[f"nodes.{name}.hidden_state"] for name in ("author", "paper")}
    again = keras.Model(graph, inner([x, graph]))
    for name, rows in keras.Model(graph, h)(GRAPH).items():
        np.testing.assert_array_equal(again(GRAPH)[name], rows)


def test_one_node_set():
    x = np.ones([3, 2])
    graph = graph_of({"node": x}, {"edge": ("node", "node", [0, 1], [1, 2])})
    assert HeteroGraphSAGE(2)(graph).shape == (3, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_units": []}, "`hidden_units` to be a list with at least one"),
        ({"hidden_units": [0]}, "`hidden_units` to be a positive integer"),
        ({"num_classes": 0}, "`num_classes` to be a positive integer"),
        ({"node_set_name": "paper"}, "only with `num_classes`"),
        ({"num_nodes": 5}, "`num_nodes` to be a dict"),
        ({"num_nodes": {"venue": "5"}}, "`num_nodes` to be a positive integer"),
        ({"edge_set_names": "writes"}, "`edge_set_names` to be a list"),
        ({"merge": "min"}, "`merge` to be one of"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"HeteroGraphSAGE: expected .*{message}"):
        HeteroGraphSAGE(**arguments)


VENUES = {"num_nodes": {"venue": 5}}


@pytest.mark.parametrize(
    ("arguments", "inputs", "message"),
    [
        ({}, GRAPH, r"`num_nodes` of .* 'hidden_state', for embeddings: \['venue'\]"),
        (VENUES | {"feature_name": "x"}, GRAPH, r"embeddings: \['author', 'paper'\]"),
        ({"num_nodes": {"place": 5}}, GRAPH, r"`num_nodes` to be one of \['author'"),
        (
            VENUES | {"edge_set_names": ["wrote"]},
            GRAPH,
            "`edge_set_names` to be one of",
        ),
        (VENUES | {"num_classes": 3}, GRAPH, "`node_set_name` to be one of"),
        (
            {"num_classes": 3, "node_set_name": "author", "bidirectional": False},
            GRAPH,
            r"an edge set that ends in \['author'\]. Received: edge sets \['cites', "
            r"'published_in', 'writes'\], bidirectional=False",
        ),
        (VENUES, [{"writer": features("author")}, GRAPH], r"features of \['writer'\]"),
        (VENUES | {"aggregator": "gcn"}, GRAPH, "another `aggregator`"),
    ],
)
def test_bad_inputs(arguments, inputs, message):
    model = HeteroGraphSAGE(**arguments)
    with pytest.raises(ValueError, match=message):
        model(inputs)


def test_a_summary_has_no_number_of_nodes(capsys):
    model = HeteroGraphSAGE(3, "paper", [8], {"venue": 5}, edge_set_names=["writes"])
    model(GRAPH)
    model.summary()
    shown = capsys.readouterr().out.split("Total params")[0]
    assert "(None, 8)" in shown and "(None, 3)" in shown, shown
    assert not re.search(r"\((30|40|5), ", shown), shown
    assert "unbuilt" not in shown


def test_other_numbers_of_nodes():
    """As many venues as embeddings, and any numbers of authors and papers."""
    model = HeteroGraphSAGE(3, "paper", [4, 4], **VENUES)
    model(GRAPH)
    larger, _ = author_paper_graph(num_papers=31, num_authors=50)
    assert model(larger).shape == (31, 3)
    more, _ = author_paper_graph(num_venues=6)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected 5 nodes"):
        model(more)

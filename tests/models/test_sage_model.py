import re

import keras
import layer_checks as checks
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, sparse

import tfgraph
from tfgraph.models import GAT, GCN, GraphSAGE, HeteroGraphSAGE

MODELS = (GCN, GAT, GraphSAGE, HeteroGraphSAGE)

INPUTS = [tf.constant(X), sparse(ADJACENCY)]
# Two receivers of four nodes, of six: the blocks of two layers.
BLOCKS = [tf.constant(X), [sparse(ADJACENCY[:4]), sparse(ADJACENCY[:2, :4])]]


def mean_of_neighbors(adjacency, x):
    total = adjacency.sum(axis=1, keepdims=True)
    return adjacency / np.where(total == 0, 1, total) @ x


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)


def expected(model, first, second, normalize):
    w = model.get_weights()
    h = np.tanh(X[: len(first)] @ w[0] + mean_of_neighbors(first, X) @ w[1] + w[2])
    h = unit(h) if normalize == "layers" else h
    z = h[: len(second)] @ w[3] + mean_of_neighbors(second, h) @ w[4] + w[5]
    z = z if normalize is None else unit(z)
    return softmax(z @ w[6] + w[7])


@pytest.mark.parametrize("normalize", ["output", "layers", None])
def test_two_layers_are_the_paper_s_equation(normalize):
    model = GraphSAGE(3, hidden_units=[8, 5], activation="tanh", normalize=normalize)
    y = model(INPUTS)
    want = expected(model, ADJACENCY, ADJACENCY, normalize)
    np.testing.assert_allclose(y, want, atol=1e-5)
    # The same model, on blocks of a batch.
    want = expected(model, ADJACENCY[:4], ADJACENCY[:2, :4], normalize)
    np.testing.assert_allclose(model(BLOCKS), want, atol=1e-5)


def test_embeddings_have_no_classifier():
    model = GraphSAGE(hidden_units=[8, 5], aggregator="max_pool")
    z = model(BLOCKS)
    assert z.shape == (2, 5)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)
    assert model.compute_output_shape([(6, 4), [(4, 6), (2, 4)]]) == (2, 5)


def test_hidden_units_are_the_layers_before_the_output():
    x, blocks = BLOCKS
    for made, num_convolutions in ((GCN, 2), (GAT, 2), (GraphSAGE, 1)):
        model = made(3, hidden_units=[8])
        assert len(model.convolutions) == num_convolutions
        assert model(INPUTS).shape == (6, 3)
    message = "list of 1, .*: 1 of `hidden_units`, and none in the output layer.*of 2"
    with pytest.raises(ValueError, match=message):
        model([x, blocks])
    message = "list of 2, .*: 1 of `hidden_units`, and the output layer.*of 1"
    with pytest.raises(ValueError, match=message):
        GAT(3, hidden_units=[8])([x, blocks[:1]])
    said = [re.search(r"`hidden_units` are[^.]*\.", m.__doc__)[0] for m in MODELS]
    assert len(set(said)) == 1


def test_a_summary_has_no_number_of_nodes(capsys):
    """A built model takes graphs of any size: `(None, 16)`, not `(6, 16)`."""
    ids = tf.zeros([6], tf.int64)
    for model, inputs, rows in [
        (GCN(3, [16]), INPUTS, ["(None, 16)", "(None, 3)"]),
        (GAT(3, [2]), INPUTS, ["(None, 16)", "(None, 3)"]),
        (GraphSAGE(3, [8, 4]), BLOCKS, ["(None, 8)", "(None, 4)", "(None, 3)"]),
        (GraphSAGE(3, [8]), checks.graph_tensor(ADJACENCY, X), ["(None, 8)"]),
        (tfgraph.models.VGAE(5), INPUTS, ["(None, 5)", "(None)"]),
        (
            tfgraph.models.DiffPoolClassifier(3, 8, num_clusters=2),
            [*INPUTS, ids],
            ["(None, 2, 24)", "(None, 24)", "(None, 3)"],
        ),
    ]:
        model(inputs)
        model.summary()
        shown = capsys.readouterr().out.split("Total params")[0]
        assert all(row in shown for row in rows), shown
        assert "(6" not in shown
        assert "(2" not in shown
        assert "unbuilt" not in shown


@pytest.mark.parametrize("model", MODELS)
def test_a_softmax_is_for_the_output(model):
    with pytest.raises(ValueError, match=f"{model.__name__}.*`classifier_activation`"):
        model(3, activation="softmax")
    assert model(3).classifier_activation is keras.activations.softmax


@pytest.mark.parametrize("inputs", [INPUTS, BLOCKS], ids=["graph", "blocks"])
def test_reload(inputs, tmp_path):
    model = GraphSAGE(
        3, hidden_units=[6, 5], aggregator="lstm", concat=True, use_bias=False
    )
    again = checks.check_reload(model, inputs, tmp_path / "model.keras")
    assert again.get_config() == model.get_config()


def test_graph_tensor():
    model = GraphSAGE(3, hidden_units=[6], edge_weight_name="weight")
    y = model(checks.graph_tensor(ADJACENCY, X))
    np.testing.assert_allclose(y, model(INPUTS), atol=1e-5)


def test_gat_on_blocks():
    """Blocks are for every stack of layers that take rectangular adjacencies."""
    model = GAT(3, hidden_units=[4], num_heads=2, dropout=0.0)
    whole = [tf.constant(X), [sparse(ADJACENCY), sparse(ADJACENCY[:2])]]
    np.testing.assert_allclose(model(whole), model(INPUTS)[:2], atol=1e-5)


def small_graph(num_nodes=60, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, num_nodes)
    edges = rng.integers(0, num_nodes, [6 * num_nodes, 2])
    alike = y[edges[:, 0]] == y[edges[:, 1]]
    edges = edges[alike | (rng.random(len(edges)) < 0.1)]
    x = rng.normal(size=(num_nodes, 4)) + 0.8 * np.eye(3, 4)[y]
    train = np.arange(num_nodes) < num_nodes // 2
    graph = tfgraph.data.Graph(x, edges, y=y, train_mask=train, val_mask=~train)
    return graph.symmetrized()


def test_learns_from_sampled_batches_and_predicts_layer_by_layer():
    graph = small_graph(200)
    model = GraphSAGE(3, hidden_units=[16, 16])
    model.compile(
        keras.optimizers.Adam(0.02),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    batches = tfgraph.data.neighbor_batches(
        graph, (5, 5), 20, nodes="train", shuffle=True, seed=0
    )
    model.fit(batches, epochs=12, shuffle=False, verbose=0)
    val = tfgraph.data.neighbor_batches(graph, (None, None), 100, nodes="val")
    _, accuracy = model.evaluate(val, verbose=0)
    assert accuracy > 0.75

    predictions = tfgraph.inference.predict_nodes(model, graph, 64, verbose=0)
    (inputs,) = tfgraph.data.full_batch(graph).get_single_element()
    np.testing.assert_allclose(predictions, model(inputs), atol=1e-5)
    right = predictions.argmax(axis=1) == graph.y
    assert right[graph.val_mask].mean() == pytest.approx(accuracy)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_predict_nodes_equals_the_whole_graph(batch_size):
    graph = small_graph(20)
    (inputs,) = tfgraph.data.full_batch(graph).get_single_element()
    for model in (
        GraphSAGE(hidden_units=[6, 5], aggregator="max_pool"),
        GAT(3, hidden_units=[4]),
    ):
        want = model(inputs)
        got = tfgraph.inference.predict_nodes(model, graph, batch_size, verbose=0)
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_predict_nodes_of_sparse_features():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    graph = small_graph(20)
    model = GraphSAGE(hidden_units=[3, 5])
    want = tfgraph.inference.predict_nodes(model, graph, 7, verbose=0)
    sparse_graph = graph.replace(x=scipy_sparse.csr_array(graph.x))
    got = tfgraph.inference.predict_nodes(model, sparse_graph, 7, verbose=0)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_predict_nodes_shows_its_progress(capsys):
    graph = small_graph(20)
    model = GraphSAGE(hidden_units=[6, 5])
    tfgraph.inference.predict_nodes(model, graph, 5)
    assert "8/8" in capsys.readouterr().out


def test_training_knows_nothing_of_held_out_nodes():
    """Other test nodes, with other edges and features, change no bit of training."""
    graph = small_graph()
    held_out = np.flatnonzero(graph.val_mask)

    def trained(graph):
        keras.utils.set_random_seed(1)
        model = GraphSAGE(3, hidden_units=[8, 8])
        model.compile("adam", "sparse_categorical_crossentropy")
        batches = tfgraph.data.neighbor_batches(
            graph.subgraph(graph.train_mask), (3, 3), 10, shuffle=True, seed=0
        )
        model.fit(batches, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    rng = np.random.default_rng(1)
    x = graph.x.copy()
    x[held_out] = rng.normal(size=(len(held_out), 4))
    between_train = graph.train_mask[graph.edges].all(axis=1)
    new_edges = np.stack([held_out, rng.permutation(60)[: len(held_out)]], axis=1)
    edges = np.concatenate([graph.edges[between_train], new_edges])
    other = graph.replace(x=x, edges=edges)
    for weight, same in zip(trained(graph), trained(other), strict=True):
        np.testing.assert_array_equal(weight, same)


def test_unsupervised_embeddings_tell_classes_apart():
    graph = small_graph(200)
    model = GraphSAGE(hidden_units=[16, 8])
    model.compile(keras.optimizers.Adam(0.01), tfgraph.losses.NegativeSamplingLoss())
    pairs = tfgraph.data.walk_batches(
        graph, (5, 5), 256, walks_per_node=5, num_negatives=5, seed=0
    )
    losses = model.fit(pairs, epochs=4, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    z = tfgraph.inference.predict_nodes(model, graph, verbose=0)
    score = tfgraph.metrics.linear_probe(z, graph.y, graph.train_mask, graph.val_mask)
    assert score > 0.7


def test_several_labels_a_node():
    graph = small_graph().replace(y=np.eye(3, dtype="float32")[small_graph().y])
    model = GraphSAGE(3, hidden_units=[8], classifier_activation="sigmoid")
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    batches = tfgraph.data.neighbor_batches(graph, (4,), 20, nodes="train")
    history = model.fit(batches, epochs=8, shuffle=False, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"hidden_units": 8}, "`hidden_units` to be a list"),
        ({"hidden_units": []}, "at least one width"),
        ({"normalize": "all"}, "`normalize` to be 'output', 'layers' or None.*'all'"),
        ({"aggregator": "median"}, "`aggregator` to be one of"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GraphSAGE(3, **kwargs)


def test_bad_inputs():
    model = GraphSAGE(3, hidden_units=[8, 8])
    with pytest.raises(ValueError, match=r"a list of 2, one for each layer.*list of 3"):
        model([BLOCKS[0], [*BLOCKS[1], BLOCKS[1][0]]])
    with pytest.raises(ValueError, match="Expected the inputs to be"):
        model([BLOCKS[0]])

    class Doubled(tfgraph.models.GraphSAGE):
        def call(self, inputs, training=None):
            return 2 * super().call(inputs, training=training)

    for other in (keras.Sequential(), Doubled(None, [3, 2])):
        with pytest.raises(ValueError, match=r"`model` to be a models\.GraphSAGE or"):
            tfgraph.inference.predict_nodes(other, small_graph())
    with pytest.raises(ValueError, match=r"`batch_size`.*batch_size=0"):
        tfgraph.inference.predict_nodes(model, small_graph(), batch_size=0)
    with pytest.raises(ValueError, match="`graph` to have nodes"):
        empty = tfgraph.data.Graph(np.zeros([0, 4]), np.zeros([0, 2], int))
        tfgraph.inference.predict_nodes(model, empty)

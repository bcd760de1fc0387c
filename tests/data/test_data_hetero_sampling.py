import collections

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

import tfgraph
from tfgraph.data import (
    EdgeSet,
    Graph,
    HeteroGraph,
    NodeSet,
    full_batch,
    neighbor_batches,
)
from tfgraph.inference import predict_nodes
from tfgraph.layers import HeteroConv, NodeEmbedding, SAGEConv
from tfgraph.models import HeteroGraphSAGE

SIZES = {"authors": 30, "papers": 40, "venues": 6}
EDGES = {
    "writes": ("authors", "papers", 100),
    "cites": ("papers", "papers", 60),
    "in": ("papers", "venues", 40),
}


def make(seed=0):
    """Repeated edges, authors without papers, venues without features."""
    rng = np.random.default_rng(seed)
    node_sets = {
        "authors": NodeSet(rng.normal(size=(30, 4))),
        "papers": NodeSet(
            scipy.sparse.csr_array(rng.integers(2, size=(40, 5)).astype(float)),
            y=rng.integers(3, size=40),
            train_mask=np.arange(40) % 2 == 0,
        ),
        "venues": NodeSet(num_nodes=6),
    }
    edge_sets = {
        name: EdgeSet(
            source,
            target,
            rng.integers((SIZES[source] - 2, SIZES[target]), size=(count, 2)),
            edge_weight=rng.random(count) if name == "writes" else None,
            edge_features=rng.random((count, 2)) if name == "cites" else None,
        )
        for name, (source, target, count) in EDGES.items()
    }
    return HeteroGraph(node_sets, edge_sets)


GRAPH = make()


def rows_of(tensor):
    return {name: nodes["row"].numpy() for name, nodes in tensor.node_sets.items()}


def edges_of(tensor, name):
    """The edges of a sample, in the numbers of the whole graph."""
    rows, ends = rows_of(tensor), tensor.edge_sets[name].adjacency
    source = rows[ends.source_name][ends.source.numpy()]
    return list(
        zip(
            source.tolist(),
            rows[ends.target_name][ends.target.numpy()].tolist(),
            strict=True,
        )
    )


@pytest.mark.parametrize("replacement", ["if_short", "never", "always"])
def test_samples_hold_nodes_and_edges_of_the_graph(replacement):
    dataset = neighbor_batches(
        GRAPH, (3, 2), 8, nodes="train", replacement=replacement, shuffle=True
    )
    seeds = []
    for tensor, y, sample_weight in dataset:
        rows = rows_of(tensor)
        for name, nodes in GRAPH.node_sets.items():
            assert len(set(rows[name])) == len(rows[name])
            assert tensor.node_sets[name].sizes.numpy() == [len(rows[name])]
            if nodes.x is not None:
                np.testing.assert_array_equal(
                    tensor.node_sets[name]["hidden_state"],
                    nodes.dense_features()[rows[name]],
                )
        for name, edges in GRAPH.edge_sets.items():
            found, whole = edges_of(tensor, name), edges.edges.tolist()
            assert collections.Counter(found) <= collections.Counter(map(tuple, whole))
            ends = tensor.edge_sets[name].adjacency
            pairs = np.stack([ends.target, ends.source], axis=1).tolist()
            assert pairs == sorted(pairs)
            stored = {"weight": edges.edge_weight, "features": edges.edge_features}
            for feature, values in tensor.edge_sets[name].features.items():
                given = {
                    (*edge, *np.ravel(value))
                    for edge, value in zip(whole, stored[feature], strict=True)
                }
                drawn = {
                    (*edge, *np.ravel(value))
                    for edge, value in zip(found, values.numpy(), strict=True)
                }
                assert drawn <= given
                assert len(drawn) == len(found)  # each edge once
        papers = rows["papers"]
        num_seeds = np.count_nonzero(sample_weight)
        np.testing.assert_array_equal(y, GRAPH.node_sets["papers"].y[papers])
        expected = [len(papers) / num_seeds] * num_seeds
        expected += [0] * (len(papers) - num_seeds)
        np.testing.assert_allclose(sample_weight, expected, rtol=1e-6)
        seeds += papers[:num_seeds].tolist()
    assert sorted(seeds) == list(range(0, 40, 2))


def degrees(name, receiver):
    edges = GRAPH.edge_sets[name]
    end, column = (edges.target, 1) if receiver == "target" else (edges.source, 0)
    return np.bincount(edges.edges[:, column], minlength=SIZES[end])


@pytest.mark.parametrize("relation", ["writes", ("writes", "source"), "cites"])
def test_a_node_draws_its_fanout_along_each_relation(relation):
    name, receiver = (relation, "target") if isinstance(relation, str) else relation
    edges = GRAPH.edge_sets[name]
    seeds, column = (edges.target, 1) if receiver == "target" else (edges.source, 0)
    dataset = neighbor_batches(
        GRAPH,
        [{relation: 3}],
        SIZES[seeds],
        labels=False,
        node_set_name=seeds,
        replacement="never",
    )
    [(tensor,)] = dataset
    drawn = np.array(edges_of(tensor, name))[:, column]
    np.testing.assert_array_equal(
        np.bincount(drawn, minlength=SIZES[seeds]),
        np.minimum(degrees(name, receiver), 3),
    )
    others = set(EDGES) - {name}
    assert all(not edges_of(tensor, other) for other in others)


def test_layers_have_fanouts_of_their_own():
    """The last layer is drawn first: venues, then papers, then authors."""
    fanouts = [{"writes": None}, {"in": 2}]
    dataset = neighbor_batches(
        GRAPH, fanouts, 2, labels=False, node_set_name="venues", replacement="never"
    )
    for (tensor,) in dataset:
        rows = rows_of(tensor)
        assert len(edges_of(tensor, "in")) == 4
        assert {venue for _, venue in edges_of(tensor, "in")} == set(rows["venues"])
        written = [
            tuple(edge)
            for edge in GRAPH.edge_sets["writes"].edges.tolist()
            if edge[1] in rows["papers"]
        ]
        assert sorted(edges_of(tensor, "writes")) == sorted(written)
        assert set(rows["authors"]) == {author for author, _ in written}
    wrong_way = neighbor_batches(
        GRAPH, fanouts[::-1], 2, labels=False, node_set_name="venues"
    )
    assert all(not edges_of(tensor, "writes") for (tensor,) in wrong_way)


def test_all_neighbours_give_the_numbers_of_the_whole_graph():
    model = HeteroGraphSAGE(3, "papers", num_nodes={"venues": 6, "authors": 30})
    whole = model.predict(full_batch(GRAPH), verbose=0)
    batches = neighbor_batches(
        GRAPH, (None, None), 7, labels=False, node_set_name="papers"
    )
    parts = [model(tensor)[:7].numpy() for (tensor,) in batches]
    np.testing.assert_allclose(np.concatenate(parts)[:40], whole, atol=1e-5)


def test_fit_with_labels_and_embeddings_in_a_functional_model(tmp_path):
    """The label of a paper is that of its venue, which only an embedding can tell."""
    rng = np.random.default_rng(0)
    venues = rng.integers(6, size=60)
    graph = HeteroGraph(
        {
            "papers": NodeSet(np.ones((60, 1)), y=venues % 3),
            "venues": NodeSet(num_nodes=6),
        },
        {"in": EdgeSet("papers", "venues", np.stack([np.arange(60), venues], axis=1))},
    )
    dataset = neighbor_batches(graph, [{("in", "source"): 5}], 20, shuffle=True, seed=0)
    inputs = tfgraph.GraphInput(dataset.element_spec[0])
    x = {
        "papers": inputs["nodes.papers.hidden_state"],
        "venues": NodeEmbedding(6, 8, node_set_name="venues")(inputs),
    }
    convolution = SAGEConv(8, edge_set_name="in", receiver="source")
    h = HeteroConv([convolution])([x, inputs])
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(h["papers"]))
    model.compile(
        keras.optimizers.Adam(0.05),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
        jit_compile=False,
    )
    history = model.fit(dataset, epochs=20, shuffle=False, verbose=0).history
    assert history["accuracy"][0] < 0.8
    assert history["accuracy"][-1] == 1
    whole = model.predict(full_batch(graph), verbose=0)
    assert (whole.argmax(axis=1) == venues % 3).all()
    model.save(tmp_path / "venues.keras")
    again = keras.models.load_model(tmp_path / "venues.keras")
    np.testing.assert_array_equal(again.predict(full_batch(graph), verbose=0), whole)


@pytest.mark.parametrize("kind", ["hetero", "one set"])
def test_sampled_and_full_batches_in_any_order(kind):
    """Keras traces a step once, with the first kind, and feeds it the other."""
    if kind == "hetero":
        graph, form = GRAPH, None
        model = HeteroGraphSAGE(3, "papers", hidden_units=[4], num_nodes={"venues": 6})
    else:
        rng = np.random.default_rng(0)
        edges = rng.integers(40, size=(90, 2))
        papers = GRAPH.node_sets["papers"]
        graph = Graph(papers.x, edges, y=papers.y, train_mask=papers.train_mask)
        form, model = "graph_tensor", tfgraph.models.GCN(3, [4])
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    batches = neighbor_batches(graph, (3,), 8, nodes="train", form=form)
    whole = full_batch(graph, "train", form=form)
    model.fit(batches, validation_data=batches, shuffle=False, verbose=0)
    y, weight = next(iter(whole))[1:]
    loss = keras.losses.sparse_categorical_crossentropy(
        y, model.predict(whole, verbose=0)
    )
    expected = float(tf.reduce_mean(loss * weight))
    np.testing.assert_allclose(model.evaluate(whole, verbose=0), expected, rtol=1e-5)
    model.fit(whole, shuffle=False, verbose=0)
    model.evaluate(batches, verbose=0)


def test_seeds_are_by_default_of_the_set_with_labels():
    for labels in (True, False):
        element = next(iter(neighbor_batches(GRAPH, (2,), 40, labels=labels)))
        assert element[0].node_sets["papers"].sizes.numpy() == [40]
    bare = GRAPH.replace({"papers": NodeSet(num_nodes=40)})
    message = r"`node_set_name` to be one of \['authors', 'papers', 'venues'\]"
    with pytest.raises(ValueError, match=message):
        neighbor_batches(bare, (2,), 2, labels=False)


def embedding_graph(rows, sizes=None):
    tensor = NodeSet(num_nodes=len(rows))
    components = tfgraph.graph_tensor.to_components(
        HeteroGraph({"a": tensor}, {}).to_graph_tensor()
    )
    components["nodes.a.row"] = tf.constant(rows)
    if sizes is not None:
        components["nodes.a.-size"] = tf.constant(sizes, tf.int64)
    return components


def test_embeddings_are_looked_up_by_row():
    layer = NodeEmbedding(4, 2)
    graph = tfgraph.as_graph_tensor(embedding_graph([3, 0, 3, 1], [1, 3]))
    found = layer(graph)
    np.testing.assert_array_equal(found, layer.embeddings.numpy()[[3, 0, 3, 1]])
    by_place = NodeEmbedding(4, 2, row_name="other")
    np.testing.assert_array_equal(
        by_place(tfgraph.as_graph_tensor(embedding_graph([3, 0, 3, 1]))),
        by_place.embeddings,
    )
    for rows in ([0, 4], [-1, 0]):
        with pytest.raises(
            tf.errors.InvalidArgumentError,
            match=rf"`row` from 0 to 3\. Received: {min(rows)} to {max(rows)}",
        ):
            layer(tfgraph.as_graph_tensor(embedding_graph(rows)))
    for rows in ([0.0, 1.0], [[0], [1]]):
        with pytest.raises(ValueError, match="feature `row` to be integers"):
            layer(tfgraph.as_graph_tensor(embedding_graph(rows)))


@pytest.mark.parametrize(("num_classes", "batch_size"), [(3, 100), (None, 7)])
def test_predict_nodes(num_classes, batch_size):
    model = HeteroGraphSAGE(
        num_classes, None if num_classes is None else "papers", num_nodes={"venues": 6}
    )
    found = predict_nodes(model, GRAPH, batch_size, verbose=0)
    whole = model(GRAPH.to_graph_tensor())
    if num_classes is not None:
        found, whole = {"papers": found}, {"papers": whole}
    assert sorted(found) == sorted(whole)
    for name, values in found.items():
        np.testing.assert_allclose(values, whole[name], atol=1e-5)


def test_predict_nodes_of_an_empty_set():
    graph = GRAPH.replace(
        {"venues": NodeSet(num_nodes=0)},
        {"in": EdgeSet("papers", "venues", np.zeros((0, 2), int))},
    )
    model = HeteroGraphSAGE(hidden_units=[4], num_nodes={"authors": 30})
    graph = graph.replace({"venues": NodeSet(np.zeros((0, 2)))})
    found = predict_nodes(model, graph, 9, verbose=0)
    assert found["venues"].shape == (0, 4)
    np.testing.assert_allclose(
        found["papers"], model(graph.to_graph_tensor())["papers"], atol=1e-5
    )


def test_predict_nodes_takes_a_hetero_graph_with_its_model_only():
    with pytest.raises(ValueError, match=r"to be a models\.HeteroGraphSAGE for this"):
        predict_nodes(tfgraph.models.GraphSAGE(2), GRAPH)
    with pytest.raises(ValueError, match=r"models\.GraphSAGE or models\.GAT"):
        predict_nodes(HeteroGraphSAGE(), Graph(np.eye(3), []))


def test_seeds_repeat_and_epochs_differ():
    def epochs(seed):
        dataset = neighbor_batches(GRAPH, (2, 2), 8, shuffle=True, seed=seed)
        return [
            [edges_of(tensor, "writes") for tensor, _, _ in dataset] for _ in range(2)
        ]

    first = epochs(1)
    assert first[0] != first[1]
    assert epochs(1) == first
    assert epochs(2) != first


def test_memory_maps_stay_in_their_file(tmp_path):
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(30, 4))
    x[:] = np.arange(120).reshape(30, 4)
    graph = GRAPH.replace({"authors": NodeSet(x)})
    assert np.shares_memory(graph.node_sets["authors"].x, x)
    for tensor, _, _ in neighbor_batches(graph, (2, 2), 8):
        rows = tensor.node_sets["authors"]["row"].numpy()
        np.testing.assert_array_equal(
            tensor.node_sets["authors"]["hidden_state"], x[rows]
        )


@pytest.mark.parametrize("graph", [GRAPH, Graph(np.eye(40), [], y=np.arange(40))])
def test_shards_are_the_parts_of_each_batch(graph):
    def seeds(shard):
        dataset = neighbor_batches(
            graph,
            (2,),
            15,
            shuffle=True,
            seed=3,
            shard=shard,
            form="graph_tensor",
        )
        key = "row" if isinstance(graph, HeteroGraph) else "hidden_state"
        name = "papers" if isinstance(graph, HeteroGraph) else "nodes"
        found = []
        for tensor, _, weight in dataset:
            rows = tensor.node_sets[name][key].numpy()
            rows = rows if key == "row" else rows.argmax(axis=1)
            found.append(rows[: np.count_nonzero(weight)].tolist())
        return found

    whole, parts = seeds(None), [seeds((i, 3)) for i in range(3)]
    assert [len(batch) for batch in whole] == [15, 15, 10]
    assert [[len(batch) for batch in part] for part in parts] == [
        [5, 5, 3],
        [5, 5, 3],
        [5, 5, 4],
    ]
    joined = [[*a, *b, *c] for a, b, c in zip(*parts, strict=True)]
    assert joined == whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fanouts": 3}, "`fanouts` to hold a positive integer or None, or a dict"),
        ({"fanouts": []}, "`fanouts` to hold a positive integer or None, or a dict"),
        (
            {"fanouts": [0]},
            "`fanouts` to hold a positive integer or None for each edge",
        ),
        ({"fanouts": [{"writes": 1.5}]}, "Received: fanout=1.5"),
        (
            {"fanouts": [{"in": None}], "replacement": "always"},
            "hold a positive integer for each edge set",
        ),
        ({"fanouts": [{"reads": 2}]}, r"\['cites', 'in', 'writes'\].*key 'reads'"),
        ({"fanouts": [{("in", "up"): 2}]}, r"Received: key \('in', 'up'\)"),
        ({"form": "blocks"}, r"`form` to be 'graph_tensor'|`form` to be one of"),
        ({"node_set_name": "venues"}, "`node_set_name` to be one of \\['papers'\\]"),
        ({"nodes": "test"}, "`graph` to have a `test_mask`"),
        ({"nodes": [40]}, "`nodes` to hold node numbers from 0 to 39"),
        ({"sparse_features": True}, "`sparse_features` to be False"),
        ({"shard": (2, 2)}, r"`shard` to be `\(i, n\)`.*shard=\(2, 2\)"),
        ({"shard": 2}, "`shard` to be"),
        ({"shard": (0, 2), "shuffle": True}, "`seed` with `shard`"),
    ],
)
def test_errors(arguments, message):
    arguments = {"fanouts": (2,), "batch_size": 8, **arguments}
    with pytest.raises(ValueError, match=message):
        neighbor_batches(GRAPH, **arguments)


def test_a_graph_has_no_node_sets():
    graph = Graph(np.eye(4), [], y=np.arange(4))
    with pytest.raises(
        ValueError, match=r"`node_set_name` with a tfgraph\.data\.Hetero"
    ):
        neighbor_batches(graph, (2,), 2, node_set_name="nodes")
    with pytest.raises(ValueError, match="`fanouts` to hold a positive integer"):
        neighbor_batches(graph, [{"edges": 2}], 2)


@pytest.mark.slow
def test_predict_nodes_writes_a_file(tmp_path):
    model = HeteroGraphSAGE(3, "papers", num_nodes={"venues": 6})
    want = predict_nodes(model, GRAPH, 7, verbose=0)
    got = predict_nodes(model, GRAPH, 7, verbose=0, out=tmp_path / "papers.npy")
    np.testing.assert_array_equal(got, want)
    assert isinstance(got, np.memmap)
    assert [path.name for path in tmp_path.iterdir()] == ["papers.npy"]
    with pytest.raises(ValueError, match="`out` to be None with a model without"):
        predict_nodes(HeteroGraphSAGE(), GRAPH, out="h.npy")
    with pytest.raises(ValueError, match="`out` to be a file"):
        predict_nodes(model, GRAPH, out=tmp_path)

"""Minibatches of links: pairs, negatives, and no edge that is to be predicted."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import tfgraph
from tfgraph.data import (
    EdgeSet,
    Graph,
    HeteroGraph,
    Links,
    NodeSet,
    link_neighbor_batches,
    link_split,
)
from tfgraph.models import HeteroGraphSAGE, LinkPredictor


def make(seed=0):
    """Users and films; some ratings occur twice, films follow films."""
    rng = np.random.default_rng(seed)
    rates = rng.integers((12, 20), size=(90, 2))
    graph = HeteroGraph(
        {"users": NodeSet(num_nodes=12), "films": NodeSet(np.eye(20))},
        {
            "rates": EdgeSet("users", "films", rates, edge_weight=np.arange(90) + 1.0),
            "follows": EdgeSet("films", "films", rng.integers(20, size=(60, 2))),
        },
    )
    return graph.reversed("rates", name="rated_by")


GRAPH = make()
WEIGHTS = GRAPH.edge_sets["rates"].edge_weight.tolist()


def rows(edges):
    return set(map(tuple, np.asarray(edges).tolist()))


def in_graph(places, tensor, ends):
    """Pairs of the sample's places as pairs of the graph's rows."""
    of = [tensor.node_sets[name].features["row"].numpy() for name in ends]
    places = np.asarray(places)
    return np.stack([of[0][places[:, 0]], of[1][places[:, 1]]], axis=1)


def edges_of(tensor, name):
    ends = tensor.edge_sets[name].adjacency
    places = np.stack([ends.source, ends.target], axis=1)
    return in_graph(places, tensor, (ends.source_name, ends.target_name))


@pytest.mark.parametrize("negatives", [None, 0, 3])
def test_every_edge_once_and_without_itself(negatives):
    every = rows(GRAPH.edge_sets["rates"].edges)
    dataset = link_neighbor_batches(
        GRAPH,
        (None, None),
        8,
        edge_set_name="rates",
        reverse_edge_set_name="rated_by",
        negatives=negatives,
        shuffle=True,
        seed=0,
    )
    count = 1 if negatives is None else negatives
    seen, left_out = [], 0
    for (graph, places), labels in dataset:
        pairs = in_graph(places, graph, ("users", "films"))
        labels = labels.numpy()
        positive, negative = (rows(pairs[labels == k]) for k in (1, 0))
        assert positive <= every and not negative & every
        assert len(negative) == count * len(positive) == (labels == 0).sum()
        seen += positive
        # With all neighbours drawn, the sample has all edges between its seeds.
        users, films = (set(column.tolist()) for column in pairs.T)
        for name, order in (("rates", 1), ("rated_by", -1)):
            found = edges_of(graph, name)[:, ::order]
            assert not rows(found) & positive
            between = {(i, j) for i, j in every if i in users and j in films}
            assert between - positive <= rows(found) <= every
            left_out += len(between & positive)
        # Weights tell the edges apart, the repeated ones, too.
        weights = graph.edge_sets["rates"].features["weight"].numpy()
        number = [WEIGHTS.index(weight) for weight in weights]
        edges = GRAPH.edge_sets["rates"].edges[number]
        np.testing.assert_array_equal(edges, edges_of(graph, "rates"))
        assert len(set(number)) == len(number)
    assert sorted(seen) == sorted(every) and left_out


def test_without_the_name_of_the_reverse_it_stays():
    with pytest.warns(UserWarning, match="Pass `reverse_edge_set_name='rated_by'`"):
        dataset = link_neighbor_batches(GRAPH, (None,), 8, edge_set_name="rates")
    (graph, places), labels = next(iter(dataset))
    positive = rows(in_graph(places, graph, ("users", "films"))[labels == 1])
    assert not rows(edges_of(graph, "rates")) & positive
    assert rows(edges_of(graph, "rated_by")[:, ::-1]) >= positive


def test_within_one_set():
    """Links are directed: an edge against a positive pair stays."""
    graph = HeteroGraph(
        {"films": NodeSet(np.eye(6))},
        {"follows": EdgeSet("films", "films", [(0, 1), (1, 0), (2, 3), (4, 4)])},
    )
    links = Links([[0, 1], [3, 2], [5, 5]], [1, 0, 0])
    (((sample, places), labels),) = link_neighbor_batches(
        graph, (None,), 3, links=links
    )
    found = in_graph(places, sample, ("films", "films"))
    np.testing.assert_array_equal(found, links.pairs)
    np.testing.assert_array_equal(labels, links.labels)
    assert rows(edges_of(sample, "follows")) == {(1, 0), (2, 3)}


def test_a_graph_is_undirected():
    graph = Graph(np.eye(30), np.random.default_rng(0).integers(30, size=(80, 2)))
    graph = graph.symmetrized()
    every = {frozenset(edge) for edge in rows(graph.edges) if len(set(edge)) == 2}
    seen = []
    for (sample, places), labels in link_neighbor_batches(graph, (None, None), 6):
        # Features tell which node is which.
        nodes = sample.node_sets["nodes"].features["hidden_state"].numpy().argmax(1)
        ends = sample.edge_sets["edges"].adjacency
        edges = nodes[np.stack([ends.source, ends.target], axis=1)]
        pairs, labels = nodes[places.numpy()], labels.numpy()
        positive = {frozenset(pair) for pair in rows(pairs[labels == 1])}
        negative = {frozenset(pair) for pair in rows(pairs[labels == 0])}
        assert len(positive) == len(negative) and not negative & every
        assert not {frozenset(edge) for edge in rows(edges)} & positive
        seen += positive
    assert len(seen) == len(set(seen)) and set(seen) == every


OWN = Graph(np.eye(9), [(0, 1), (1, 0), (2, 1), (3, 2), (4, 4), (0, 1), (5, 1)])


@pytest.mark.parametrize("keep_links", [False, True])
@pytest.mark.parametrize("labels", [np.arange(5.0), np.eye(5)[:, :3], None])
def test_links_of_your_own(labels, keep_links):
    """Any label, several a pair, weights; a pair twice, a loop, a last batch of one."""
    pairs = np.array([(1, 0), (1, 2), (4, 4), (1, 0), (7, 8)])
    weight = None if labels is None else np.arange(5.0)
    dataset = link_neighbor_batches(
        OWN, (None,), 2, links=Links(pairs, labels, weight), keep_links=keep_links
    )
    found, fields = [], []
    for (sample, places), *rest in dataset:
        nodes = sample.node_sets["nodes"].features["hidden_state"].numpy().argmax(1)
        ends = sample.edge_sets["edges"].adjacency
        edges = rows(nodes[np.stack([ends.source, ends.target], axis=1)])
        own = nodes[places.numpy()]
        # The seeds receive along all edges, but those of the batch's pairs.
        pairs_of_batch = rows(own) | rows(own[:, ::-1])
        every = {edge for edge in rows(OWN.edges) if edge[1] in own}
        assert every & pairs_of_batch or 7 in own
        assert edges == (every if keep_links else every - pairs_of_batch)
        found += own.tolist()
        fields.append(rest)
    assert found == pairs.tolist()
    given = [values for values in (labels, weight) if values is not None]
    for values, parts in zip(given, zip(*fields, strict=True), strict=True):
        np.testing.assert_array_equal(tf.concat(parts, 0), values)


def test_negatives_of_links_of_your_own():
    links = Links([(1, 0), (1, 2), (4, 3)], np.ones([3, 2]), [2, 3, 4])
    dataset = link_neighbor_batches(
        OWN, (None,), 2, links=links, negatives=2, shard=(1, 2)
    )
    found = [(y.numpy().tolist(), w.numpy().tolist()) for _, y, w in dataset]
    expected = [[[1, 1], [0, 0], [0, 0]]]
    assert found == [(*expected, [3, 1, 1]), (*expected, [4, 1, 1])]


def test_a_graph_of_one_edge():
    graph = Graph(np.eye(3), [(0, 2)])
    (((sample, places), labels),) = link_neighbor_batches(graph, (2, 2), 1)
    assert labels.numpy().tolist() == [1, 0] and places.shape == (2, 2)
    assert sample.edge_sets["edges"].adjacency.source.shape == (0,)


def test_neighbours_by_weight():
    """2,000 stars, of which each end draws one of four neighbours."""
    weight, ends = np.array([1, 2, 6, 0.5]), np.arange(2000)
    source = np.arange(2000, 10_000)
    graph = Graph(
        np.ones([10_000, 1]),
        np.stack([source, np.repeat(ends, 4)], axis=1),
        edge_weight=np.tile(weight, 2000),
    )
    links = Links(np.stack([ends, ends], axis=1))
    (((sample, _),),) = link_neighbor_batches(
        graph, (1,), 2000, links=links, by_weight=True, seed=0
    )
    drawn = sample.edge_sets["edges"]["weight"].numpy()
    counts = np.array([np.sum(drawn == value) for value in weight])
    assert counts.sum() == 2000
    expected = 2000 * weight / weight.sum()
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3


def test_seeds_and_epochs():
    def epochs(seed):
        dataset = link_neighbor_batches(
            GRAPH, (2, 2), 8, edge_set_name="rates", shuffle=True, seed=seed
        )
        num_links = len(rows(GRAPH.edge_sets["rates"].edges))
        assert dataset.cardinality() == -(-num_links // 8)
        return [
            [in_graph(p, g, ("users", "films")).tolist() for (g, p), _ in dataset]
            for _ in range(2)
        ]

    first, again, other = epochs(0), epochs(0), epochs(1)
    assert first == again != other and first[0] != first[1]


def test_shards_share_the_pairs_of_each_batch():
    def batches(shard):
        dataset = link_neighbor_batches(
            GRAPH,
            (2,),
            8,
            edge_set_name="rates",
            shuffle=True,
            seed=1,
            drop_remainder=True,
            shard=shard,
        )
        ends = GRAPH.edge_sets["rates"].source, GRAPH.edge_sets["rates"].target
        return [
            in_graph(places.numpy()[labels > 0], tensor, ends).tolist()
            for (tensor, places), labels in dataset
        ]

    parts = [batches((i, 2)) for i in range(2)]
    assert [[*a, *b] for a, b in zip(*parts, strict=True)] == batches(None)
    assert {len(pairs) for pairs in parts[0]} == {4}


@pytest.mark.slow
def test_it_trains_and_scores_like_the_full_graph():
    train, val, _ = link_split(GRAPH, 0.2, 0, 0, "rates", "rated_by")
    keras.utils.set_random_seed(0)
    encoder = HeteroGraphSAGE(hidden_units=[4, 4], num_nodes={"users": 12})
    model = LinkPredictor(encoder, "rates")
    model.compile("adam", "binary_crossentropy")
    arguments = {"edge_set_name": "rates", "reverse_edge_set_name": "rated_by"}
    model.fit(
        link_neighbor_batches(train, (3, 2), 16, **arguments),
        validation_data=link_neighbor_batches(
            train, (3, 2), 16, links=val, **arguments
        ),
        epochs=1,
        shuffle=False,
        verbose=0,
    )
    # The held-out edges are not in the graph: with all neighbours, the same scores.
    full = tfgraph.data.link_batch(train, val, edge_set_name="rates")
    batches = link_neighbor_batches(
        train, (None, None), 5, links=val, edge_set_name="rates"
    )
    np.testing.assert_allclose(
        model.predict(batches, verbose=0), model.predict(full, verbose=0), atol=1e-5
    )
    assert tf.reduce_all(tf.concat([y for _, y in batches], 0) == val.labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`edge_set_name` to be one of"),
        ({"edge_set_name": "likes"}, "`edge_set_name` to be one of .*'likes'"),
        (
            {"edge_set_name": "rates", "reverse_edge_set_name": "follows"},
            "from 'films' to 'users', against 'rates'",
        ),
        ({"edge_set_name": "rates", "negatives": -1}, "`negatives` to be a non-neg"),
        ({"edge_set_name": "rates", "negatives": 30}, "at least 240 pairs of nodes"),
        ({"edge_set_name": "rates", "batch_size": 99}, "`batch_size` to be at most"),
        ({"edge_set_name": "rates", "batch_size": 0}, "`batch_size` to be a positive"),
        ({"edge_set_name": "rates", "replacement": "no"}, "`replacement` to be one of"),
        (
            {"edge_set_name": "rates", "links": Links([[12, 0]], [1])},
            "from 0 to 11 in column 0",
        ),
        ({"edge_set_name": "rates", "links": [[0, 0]]}, "`links` to be tfgraph.data"),
        ({"edge_set_name": "rates", "links": Links([], [])}, "at most the 0 links"),
        ({"edge_set_name": "rates", "shuffle": 1}, "`shuffle` to be True or False"),
        ({"edge_set_name": "rates", "keep_links": 1}, "`keep_links` to be True or"),
        ({"edge_set_name": "rates", "by_weight": 1}, "`by_weight` to be True or False"),
        (
            {"edge_set_name": "rates", "links": Links([[0, 0]] * 8), "negatives": 1},
            "`links` to have labels, as there are `negatives`",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        link_neighbor_batches(GRAPH, (2, 2), **{"batch_size": 8, **arguments})


def test_names_with_a_graph():
    graph = tfgraph.data.karate_club()
    for name in ("edge_set_name", "reverse_edge_set_name"):
        with pytest.raises(ValueError, match=f"`{name}` with a .*HeteroGraph only"):
            link_neighbor_batches(graph, (2,), 8, **{name: "edges"})
    with pytest.raises(ValueError, match="`edge_weight`, as by_weight=True"):
        link_neighbor_batches(graph, (2,), 8, by_weight=True)

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tfgraph
from tfgraph.data import (
    EdgeSet,
    Graph,
    HeteroGraph,
    Links,
    NodeSet,
    link_batch,
    link_split,
    training_links,
)
from tfgraph.data.pipelines.pair_space import NonEdges, PairSpace


def random_graph(num_nodes=60, num_edges=200, seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    edges = rng.integers(num_nodes, size=(num_edges, 2))
    return Graph(rng.normal(size=(num_nodes, 3)), edges, **kwargs)


def unordered(pairs):
    return {frozenset(pair) for pair in np.asarray(pairs).tolist()}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(0.05, 0.1), (0.3, 0.3), (0, 0.5)]))
def test_no_leak(seed, fractions):
    """Every unordered pair is in one set only, whatever the graph."""
    graph = random_graph(seed=seed)
    train, val, test = link_split(graph, *fractions, seed=seed)
    every = unordered(graph.edges[graph.edges[:, 0] != graph.edges[:, 1]])
    num_val, num_test = (int(f * len(every) + 1e-9) for f in fractions)

    sets = [unordered(train.edges)]
    for links, size in ((val, num_val), (test, num_test)):
        positive, negative = (
            unordered(links.pairs[links.labels == label]) for label in (1, 0)
        )
        assert len(positive) == len(negative) == size
        assert positive <= every
        assert not negative & every
        sets += [positive, negative]
    assert all(len(pair) == 2 for part in sets for pair in part)  # no self-loop
    assert len(set.union(*sets)) == sum(len(part) for part in sets)
    assert sets[0] | sets[1] | sets[3] == every
    # Messages go both ways along training edges, once each.
    directed = {tuple(edge) for edge in train.edges.tolist()}
    assert directed == {(j, i) for i, j in directed}
    assert len(directed) == train.num_edges == 2 * len(sets[0])


@pytest.mark.skipif(
    "TFGRAPH_DATA_DIR" not in os.environ, reason="TFGRAPH_DATA_DIR is not set"
)
@pytest.mark.parametrize(
    ("name", "sizes"), [("cora", (4488, 263, 527)), ("citeseer", (3870, 227, 455))]
)
def test_sizes_of_the_paper(name, sizes):
    train, val, test = link_split(tfgraph.data.planetoid(name))
    found = (train.num_edges // 2, len(val.pairs) // 2, len(test.pairs) // 2)
    assert found == sizes


def test_everything_else_of_the_graph_stays():
    graph = random_graph(edge_weight=np.linspace(1, 2, 200), y=np.arange(60) % 3)
    train = link_split(graph).train
    whole = graph.symmetrized()
    weights = dict(
        zip(map(tuple, whole.edges.tolist()), whole.edge_weight, strict=True)
    )
    for edge, weight in zip(train.edges.tolist(), train.edge_weight, strict=True):
        assert weights[tuple(edge)] == weight
    np.testing.assert_array_equal(train.x, graph.x)
    np.testing.assert_array_equal(train.y, graph.y)


def test_seeds():
    graph = random_graph()
    first, again, other = (link_split(graph, seed=seed) for seed in (3, 3, 4))
    for one, two in ((first.val, again.val), (first.test, again.test)):
        np.testing.assert_array_equal(one.pairs, two.pairs)
    np.testing.assert_array_equal(first.train.edges, again.train.edges)
    assert unordered(first.test.pairs) != unordered(other.test.pairs)


def test_negatives_are_uniform():
    """Of 4 nodes on a path, the 3 pairs without an edge come up equally often."""
    graph = Graph(np.ones([4, 1]), [[0, 1], [1, 2], [2, 3]])
    counts = {}
    for seed in range(600):
        links = link_split(graph, val=0, test=0.34, seed=seed).test
        (pair,) = unordered(links.pairs[links.labels == 0])
        counts[pair] = counts.get(pair, 0) + 1
    assert set(counts) == {frozenset(p) for p in ((0, 2), (0, 3), (1, 3))}
    assert min(counts.values()) > 150  # of 200; standard deviation 11.5


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((0.6, 0.6), "leave edges to train with"),
        ((0.001, 0.1), "`val` to be 0 or at least one edge's share"),
        ((0.1, 1.0), r"`test` to be a fraction in \[0, 1\)"),
        ((-0.1, 0.1), r"`val` to be a fraction in \[0, 1\)"),
        (("half", 0.1), r"`val` to be a fraction in \[0, 1\)"),
    ],
)
def test_fractions_that_leave_nothing(fractions, message):
    with pytest.raises(ValueError, match=message):
        link_split(random_graph(), *fractions)


def test_graphs_too_dense():
    complete = Graph(np.ones([8, 1]), np.argwhere(~np.eye(8, dtype=bool)))
    with pytest.raises(ValueError, match="at least 3 pairs of nodes without an edge"):
        link_split(complete)
    with pytest.raises(ValueError, match="at least 28 pairs of nodes without an edge"):
        training_links(complete)
    # With just as many pairs as are needed, they are found.
    edges = np.argwhere(~np.eye(8, dtype=bool))
    missing = [frozenset(pair) for pair in ((0, 1), (2, 5), (3, 7), (4, 6))]
    edges = [edge for edge in edges.tolist() if frozenset(edge) not in missing]
    split = link_split(Graph(np.ones([8, 1]), edges), val=0.1, test=0.1)
    negatives = [links.pairs[links.labels == 0] for links in (split.val, split.test)]
    assert unordered(np.concatenate(negatives)) == set(missing)


@pytest.mark.parametrize(
    ("pairs", "labels", "message"),
    [
        ([[0, 1]], [np.nan], "`links.labels` to hold finite.*nan"),
        ([[0, 1]], [1.0, 0.0], "`links.labels` to have one number for each of the 1"),
        ([[0, 99]], [1.0], "`links.pairs` to hold node numbers from 0 to .* to 99"),
        ([[0.0, 1.0]], [1.0], "`links.pairs` to be integers.*float64"),
        ([0, 1], [1.0], r"`links.pairs` .*\(2,\)"),
        ([["a", "b"]], [1.0], r"`links.pairs` .*`graph.rows\(ids\)`"),
        ([[0, 1]], ["a"], r"`links.labels` .*`np.unique\(names, return_inverse"),
    ],
)
def test_links_that_do_not_fit(pairs, labels, message):
    with pytest.raises(ValueError, match=message):
        link_batch(random_graph(), Links(pairs, labels))


@pytest.mark.parametrize(
    ("labels", "weight"),
    [
        ([2, 0, 1], None),
        ([[0.5, -1], [2, 3], [0, 0]], [0, 1, 2.5]),
        ([[0.5, np.nan], [np.nan, 3], [0, 0]], None),  # for `MaskedLoss`
        (None, None),
    ],
)
def test_labels_and_weights_of_your_own(labels, weight):
    graph, pairs = random_graph(), [[0, 1], [0, 1], [5, 5]]
    (element,) = link_batch(graph, Links(pairs, labels, weight), "graph_tensor")
    (_, found), *fields = element
    np.testing.assert_array_equal(found, pairs)
    given = [values for values in (labels, weight) if values is not None]
    assert [field.dtype for field in fields] == [tf.float32] * len(given)
    for field, values in zip(fields, given, strict=True):
        np.testing.assert_array_equal(field, values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[[1.0]]],), r"`links.labels` .* pairs, or one row.*\(1, 1, 1\)"),
        (([[np.nan, np.inf]],), "`links.labels` to hold finite.*inf"),
        (([1.0], [1, 2]), "`links.sample_weight` to have one number for each of the 1"),
        (([1.0], [[1]]), "`links.sample_weight` to have one number for each of the 1"),
        (([1.0], [np.inf]), "`links.sample_weight` to hold finite"),
        ((None, [1.0]), "`links` to have labels, as it has `sample_weight`"),
    ],
)
def test_labels_and_weights_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        link_batch(random_graph(), Links([[0, 1]], *arguments))


def test_links_are_no_plain_tuple():
    with pytest.raises(
        ValueError, match=r"`links` .*data.Links\(pairs, labels\).*tuple"
    ):
        link_batch(random_graph(), ([[0, 1]], [1.0]))
    with pytest.raises(ValueError, match="Of a number of edges, pass `10 / "):
        link_split(random_graph(), val=10)


def test_links_print_in_a_line():
    split = link_split(random_graph(edge_weight=np.ones(200)))
    pairs, edges = len(split.test.pairs), len(split.test.pairs) // 2
    assert repr(split.test) == f"Links(pairs={pairs}, edges={edges})"
    assert repr(split) == (
        f"LinkSplit(nodes=60, edges={split.train.num_edges}, "
        f"val={len(split.val.pairs)} pairs, test={pairs} pairs)"
    )
    assert len(repr(split)) < 88
    assert repr(Links([[0, 1]])) == "Links(pairs=1)"
    assert repr(Links([[0, 1]], [3])) == "Links(pairs=1, labels of shape (1,))"


def test_no_edges():
    empty = Graph(np.ones([3, 1]), [])
    with pytest.raises(ValueError, match="leave edges"):
        link_split(empty, 0, 0)
    with pytest.raises(ValueError, match="`graph` to have edges"):
        training_links(empty)


@pytest.mark.parametrize("form", ["sparse", "dense", "graph_tensor"])
def test_batches(form):
    graph = random_graph()
    train, _, test = link_split(graph)
    (inputs, labels), *others = link_batch(train, test, form=form)
    assert not others
    assert len(inputs) == (2 if form == "graph_tensor" else 3)
    np.testing.assert_array_equal(inputs[-1], test.pairs)
    np.testing.assert_array_equal(labels, test.labels)
    if form == "sparse":
        np.testing.assert_array_equal(inputs[1].indices[:, ::-1], train.edges)
    with pytest.raises(ValueError, match="numbers from 0 to 59"):
        link_batch(train, Links(np.array([[0, 60]]), np.ones(1, "float32")))


def test_training_links_are_drawn_anew_for_each_epoch():
    graph = link_split(random_graph()).train
    edges = unordered(graph.edges)

    def epochs(seed):
        dataset = training_links(graph, seed=seed)
        found = []
        for _ in range(3):
            ((_, _, pairs), labels), *others = dataset
            assert not others
            positive, negative = (unordered(pairs[labels == k]) for k in (1, 0))
            assert positive == edges
            assert len(negative) == len(edges)
            assert not negative & edges
            found.append(negative)
        return found

    first, again, other = epochs(0), epochs(0), epochs(1)
    assert first == again != other
    assert len(set(map(frozenset, first))) == 3


def test_identity_features():
    graph = tfgraph.data.identity_features(random_graph())
    x = graph.sparse_features()
    assert len(x.values) == 60
    np.testing.assert_array_equal(tf.sparse.to_dense(x), np.eye(60))


def test_fit_sees_other_negatives_in_every_epoch():
    seen = []

    class Spy(tfgraph.models.GAE):
        def call(self, inputs, training=None):
            if len(inputs) == 3 and training:
                tf.py_function(lambda pairs: seen.append(pairs.numpy()), inputs[2:], [])
            return super().call(inputs, training)

    keras.utils.set_random_seed(0)
    model = Spy(4, 8)
    model.compile("adam", "binary_crossentropy")
    graph = link_split(random_graph()).train
    model.fit(training_links(graph), epochs=3, shuffle=False, verbose=0)
    assert len({pairs.tobytes() for pairs in seen}) == len(seen) == 3


def two_sets(num_edges=90, seed=0):
    """Users and films with all that a set can hold; some ratings occur twice."""
    rng = np.random.default_rng(seed)
    edges = rng.integers((12, 20), size=(num_edges, 2))
    rates = EdgeSet(
        "users",
        "films",
        edges,
        edge_weight=np.arange(num_edges) + 1.0,
        edge_features=np.arange(num_edges)[:, None] * 2.0,
        columns={"time": np.arange(num_edges) * 3},
    )
    films = NodeSet(
        np.eye(20),
        y=np.arange(20) % 3,
        train_mask=np.arange(20) < 5,
        ids=np.arange(20) + 100,
    )
    other = EdgeSet("films", "films", rng.integers(20, size=(30, 2)))
    graph = HeteroGraph(
        {"users": NodeSet(num_nodes=12), "films": films},
        {"rates": rates, "similar": other},
    )
    return graph.reversed("rates", name="rated_by")


def rows(edges):
    return set(map(tuple, np.asarray(edges).tolist()))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(0.05, 0.1), (0.3, 0.3)]))
def test_no_leak_between_two_sets(seed, fractions):
    graph = two_sets(seed=seed)
    train, val, test = link_split(
        graph, *fractions, seed, "rates", "rated_by", negatives=2
    )
    whole = graph.edge_sets["rates"]
    every = rows(whole.edges)  # each once
    sets, kept = [], rows(train.edge_sets["rates"].edges)
    for links, fraction in zip((val, test), fractions, strict=True):
        positive, negative = (rows(links.pairs[links.labels == k]) for k in (1, 0))
        assert len(positive) == int(fraction * len(every))
        assert len(negative) == 2 * len(positive) == (links.labels == 0).sum()
        assert positive <= every and not negative & every
        sets += [positive, negative]
    assert len(set.union(*sets)) == sum(map(len, sets))
    assert kept == every - sets[0] - sets[2]
    for name, order in (("rates", 1), ("rated_by", -1)):
        before, after = graph.edge_sets[name], train.edge_sets[name]
        of_each = [
            {
                # Weights tell the edges apart, the repeated ones, too.
                weight: (tuple(edge[::order].tolist()), *features, time)
                for edge, weight, features, time in zip(
                    edges.edges,
                    edges.edge_weight,
                    edges.edge_features,
                    edges.columns["time"],
                    strict=True,
                )
            }
            for edges in (before, after)
        ]
        want = {w: edge for w, edge in of_each[0].items() if edge[0] in kept}
        assert of_each[1] == want


def test_the_other_sets_stay():
    graph = two_sets()
    train = link_split(graph, 0.2, 0.2, edge_set_name="rates").train
    assert train.node_sets == graph.node_sets
    for name in ("similar", "rated_by"):
        assert train.edge_sets[name] is graph.edge_sets[name]
    assert train.edge_sets["rates"].num_edges < 90


def test_links_within_one_set_are_directed():
    """No self-loop is a link, and `(i, j)` may be an edge where `(j, i)` is none."""
    edges = np.argwhere(np.tri(7, k=-1, dtype=bool)).tolist()
    loops = [(i, i) for i in range(7)]
    graph = HeteroGraph(
        {"papers": NodeSet(num_nodes=7)},
        {"cites": EdgeSet("papers", "papers", edges + loops)},
    )
    train, val, test = link_split(graph, 0.4, 0.5)
    positive, negative = (
        rows(np.concatenate([part.pairs[part.labels == k] for part in (val, test)]))
        for k in (1, 0)
    )
    assert len(positive) == len(negative) == 8 + 10
    assert all(i > j for i, j in positive) and all(i < j for i, j in negative)
    assert rows(train.edge_sets["cites"].edges) == rows(edges + loops) - positive


def test_a_reverse_may_lack_edges_and_have_others():
    graph = two_sets()
    reverse = graph.edge_sets["rated_by"]
    others = [(19, 11), *map(tuple, reverse.edges[::2].tolist())]
    graph = graph.replace(edge_sets={"rated_by": EdgeSet("films", "users", others)})
    split = link_split(graph, 0.3, 0.3, 0, "rates", "rated_by")
    kept = rows(split.train.edge_sets["rates"].edges)
    held_out = rows(graph.edge_sets["rates"].edges) - kept
    found = rows(split.train.edge_sets["rated_by"].edges)
    assert found == {pair for pair in rows(others) if pair[::-1] not in held_out}


def test_negatives_between_two_sets_are_uniform():
    """All pairs without an edge come up equally often, whether listed or drawn."""
    for num_targets in (3, 12):
        edges = [(0, 0), (0, 1), (0, 1), (1, 2)]
        space = PairSpace(2, num_targets, within_one=False)
        non_edges = NonEdges(space, np.array(edges))
        rng, free = np.random.default_rng(0), 2 * num_targets - 3
        drawn = np.concatenate([non_edges.draw(rng, 1) for _ in range(200 * free)])
        pairs, counts = np.unique(drawn, axis=0, return_counts=True)
        assert len(pairs) == free and not rows(pairs) & rows(edges)
        assert abs(counts - 200).max() < 60  # standard deviation 14


def test_two_sets_too_dense():
    every = np.argwhere(np.ones([3, 4]))
    graph = HeteroGraph(
        {"a": NodeSet(num_nodes=3), "b": NodeSet(num_nodes=4)},
        {"ab": EdgeSet("a", "b", every[:-3])},
    )
    message = (
        "at least 9 pairs of nodes without an edge. Received: 3 and 4 nodes with 9 "
        "edges, 3 pairs without"
    )
    with pytest.raises(ValueError, match=message):
        training_links(graph)
    links = link_split(graph, 0, 0.34).test
    assert rows(links.pairs[links.labels == 0]) == rows(every[-3:])


def test_batches_of_two_sets():
    split = link_split(two_sets(), edge_set_name="rates")
    data = link_batch(split.train, split.test, edge_set_name="rates")
    ((inputs, labels),) = data
    graph, pairs = inputs
    np.testing.assert_array_equal(pairs, split.test.pairs)
    np.testing.assert_array_equal(labels, split.test.labels)
    np.testing.assert_array_equal(
        graph.edge_sets["rates"].adjacency.source,
        split.train.edge_sets["rates"].edges[:, 0],
    )
    edges = rows(split.train.edge_sets["rates"].edges)
    data = training_links(split.train, edge_set_name="rates", negatives=2)
    drawn = []
    for _ in range(2):
        (((_, pairs), labels),) = data
        positive, negative = (rows(pairs[labels == k]) for k in (1, 0))
        assert positive == edges and not negative & edges
        assert len(negative) == 2 * len(edges) == (labels == 0).numpy().sum()
        drawn.append(negative)
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {},
            r"`edge_set_name` to be one of .*'rates', 'similar'\].*None",
        ),
        ({"edge_set_name": "likes"}, "`edge_set_name` to be one of .*'likes'"),
        (
            {"edge_set_name": "rates", "reverse_edge_set_name": "similar"},
            "from 'films' to 'users', against 'rates'. Received: 'similar', from 'fi",
        ),
        (
            {"edge_set_name": "rates", "reverse_edge_set_name": "rates"},
            r"`reverse_edge_set_name` to be one of \['other', 'rated_by', 'similar'\]",
        ),
        (
            {"edge_set_name": "rates", "reverse_edge_set_name": "other"},
            r"`graph.reversed\('rates'\)` makes one. Received: 'other', which has none",
        ),
        ({"edge_set_name": "rates", "negatives": 0}, "`negatives` to be a positive"),
        ({"edge_set_name": "rates", "negatives": 1.5}, "`negatives` to be a positive"),
        ({"edge_set_name": "rates", "val": 10}, r"Of a number of edges, pass `10 / "),
        ({"edge_set_name": "rates", "val": 0.6, "test": 0.6}, "leave edges to train"),
    ],
)
def test_splits_of_two_sets_that_do_not_fit(arguments, message):
    graph = two_sets()
    free = np.argwhere(graph.to_scipy("rates").toarray() == 0)
    other = EdgeSet("films", "users", free[:5])
    with pytest.raises(ValueError, match=message):
        link_split(graph.replace(edge_sets={"other": other}), **arguments)


def test_links_of_two_sets_that_do_not_fit():
    for pair, message in (
        ([12, 0], "0 to 11 in column 0"),
        ([0, 20], "0 to 19 in col"),
    ):
        with pytest.raises(ValueError, match=f"`links.pairs` .* from {message}"):
            link_batch(two_sets(), Links([pair], [1.0]), edge_set_name="rates")
    with pytest.raises(ValueError, match="`edge_set_name` to be one of"):
        training_links(two_sets())
    with pytest.raises(ValueError, match="`negatives` to be a positive integer"):
        training_links(two_sets(), edge_set_name="rates", negatives=0)
    for argument in ("edge_set_name", "reverse_edge_set_name"):
        with pytest.raises(ValueError, match=f"`{argument}` with a .*HeteroGraph only"):
            link_split(random_graph(), **{argument: "edges"})


def test_negatives_of_one_set():
    split = link_split(random_graph(), negatives=3)
    for links in (split.val, split.test):
        assert (links.labels == 0).sum() == 3 * (links.labels == 1).sum()
    (((_, _, pairs), labels),) = training_links(split.train, negatives=2)
    assert len(pairs) == len(labels) == 3 * split.train.num_edges // 2


def test_a_split_of_two_sets_prints_in_a_line():
    split = link_split(two_sets(), edge_set_name="rates")
    edges = sum(edges.num_edges for edges in split.train.edge_sets.values())
    assert repr(split).startswith(f"LinkSplit(nodes=32, edges={edges}, val=")


def test_links_within_one_set_may_be_undirected():
    """Stored in both directions, an edge and its reverse are one link."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(12, size=(60, 2))
    both = np.concatenate([pairs, pairs[:, ::-1]])
    graph = HeteroGraph(
        {"people": NodeSet(num_nodes=12)}, {"knows": EdgeSet("people", "people", both)}
    )
    train, val, test = link_split(
        graph, 0.2, 0.2, edge_set_name="knows", reverse_edge_set_name="knows"
    )
    assert (val.pairs[:, 0] < val.pairs[:, 1]).all()
    held_out = np.concatenate([val.pairs[val.labels > 0], test.pairs[test.labels > 0]])
    left = set(map(tuple, train.edge_sets["knows"].edges.tolist()))
    for i, j in held_out.tolist():
        assert (i, j) not in left
        assert (j, i) not in left
    known = set(map(tuple, both.tolist()))
    assert known == left | set(map(tuple, held_out.tolist())) | {
        (j, i) for i, j in held_out.tolist()
    }
    assert not known & set(map(tuple, val.pairs[val.labels == 0].tolist()))
    with pytest.warns(UserWarning, match="Pass `reverse_edge_set_name='knows'`"):
        link_split(graph, 0.2, 0.2)


def test_a_reverse_that_is_not_named_draws_a_warning():
    graph = two_sets()
    with pytest.warns(UserWarning, match="Pass `reverse_edge_set_name='rated_by'`"):
        link_split(graph, 0.1, 0.1, edge_set_name="rates")

import collections
import subprocess
import sys

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

import tfgraph
from tfgraph.data import Graph, full_batch, neighbor_batches
from tfgraph.data.sampling.feature_rows import FeatureRows
from tfgraph.data.sampling.neighbors import Neighbors

REPLACEMENTS = ("if_short", "never", "always")


def random_graph(num_nodes=50, num_edges=300, seed=0, **fields):
    """Repeated edges, self-loops, and five nodes without any edge."""
    rng = np.random.default_rng(seed)
    return Graph(
        **{
            "x": rng.normal(size=(num_nodes, 3)),
            "edges": rng.integers(num_nodes - 5, size=(num_edges, 2)),
            "y": rng.integers(4, size=num_nodes),
            "train_mask": np.arange(num_nodes) % 2 == 0,
            **fields,
        }
    )


GRAPH = random_graph()
WEIGHTED = GRAPH.replace(
    edge_weight=np.random.default_rng(1).integers(0, 5, 300) / 4  # some are 0
)


def number_nodes(graph):
    """The graph with features that tell the number of a node."""
    return graph.replace(x=np.arange(graph.num_nodes, dtype=np.float32)[:, None] + 1)


def blocks(dataset):
    """Each element's `(node numbers, adjacencies, y)`, 0 for padding."""
    for (x, adjacencies), y in dataset:
        yield x.numpy()[:, 0].astype(int) - 1, adjacencies, y.numpy()


def neighbours(graph):
    """Each node's edges: `{node: {sender: [weights]}}`."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    weights = np.ones(graph.num_edges) if graph.edge_weight is None else None
    weights = graph.edge_weight if weights is None else weights
    for (source, target), weight in zip(graph.edges.tolist(), weights, strict=True):
        if weight:
            found[target][source].append(float(weight))
    return found


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_blocks(replacement):
    """Every entry is an edge, drawn as often as asked for, in its place."""
    graph, fanouts = number_nodes(GRAPH), (4, 7)
    edges = neighbours(graph)
    dataset = neighbor_batches(
        graph, fanouts, 16, shuffle=True, seed=0, replacement=replacement
    )
    assert len(dataset) == 4
    seeds = []
    for nodes, adjacencies, y in blocks(dataset):
        num_nodes = len(nodes)
        for fanout, adjacency in zip(fanouts, adjacencies, strict=True):
            num_targets = adjacency.shape[0]
            assert adjacency.shape[1] == num_nodes
            num_nodes = num_targets  # the first of them, for the next layer
            indices = adjacency.indices.numpy()
            assert indices.tolist() == sorted(indices.tolist())
            drawn = collections.defaultdict(collections.Counter)
            for (row, column), value in zip(
                indices, adjacency.values.numpy(), strict=True
            ):
                drawn[row][nodes[column]] += value
            for row in range(num_targets):
                draws, target = drawn[row], edges[nodes[row]]
                assert set(+draws) <= set(target)
                degree = sum(map(len, target.values()))
                if not degree or nodes[row] < 0:
                    expected = 0
                elif replacement == "never":
                    expected = min(degree, fanout)
                else:
                    expected = fanout
                assert draws.total() == expected
                if replacement == "never" or (
                    replacement == "if_short" and degree >= fanout
                ):
                    assert all(draws[node] <= len(target[node]) for node in draws)
            if replacement == "always":
                assert len(indices) == num_targets * fanout
            else:
                assert len(np.unique(indices, axis=0)) == len(indices)
        np.testing.assert_array_equal(y, graph.y[nodes[: len(y)]])
        real = nodes[nodes >= 0]
        assert len(set(real)) == len(real)  # each node's features once
        seeds += nodes[:num_nodes].tolist()
    assert sorted(seeds) == list(range(50))


@pytest.mark.parametrize("graph", [GRAPH, WEIGHTED])
def test_whole_neighbourhoods_are_rows_of_the_adjacency(graph):
    graph = number_nodes(graph)
    whole = graph.to_scipy().toarray()
    for fanouts in ((None, None), (1000, None)):
        dataset = neighbor_batches(graph, fanouts, 8, replacement="never")
        for nodes, adjacencies, _ in blocks(dataset):
            for adjacency in adjacencies:
                num_targets, num_nodes = adjacency.shape
                dense = tf.sparse.to_dense(adjacency).numpy()
                rows = whole[nodes[:num_targets]]
                np.testing.assert_allclose(dense, rows[:, nodes[:num_nodes]])
                # Nothing is left out.
                np.testing.assert_allclose(dense.sum(axis=1), rows.sum(axis=1))


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_weights(replacement):
    """An entry is the sum of the weights that were drawn for it."""
    rng = np.random.default_rng(0)
    # No two edges between the same nodes.
    target, source = np.divmod(rng.choice(45 * 50, 400, replace=False), 50)
    weight = np.where(rng.random(400) < 0.2, 0, rng.random(400) + 0.5)
    graph = random_graph(edges=np.stack([source, target], 1), edge_weight=weight)
    graph = number_nodes(graph)
    whole = graph.to_scipy().toarray()
    dataset = neighbor_batches(graph, (5,), 50, replacement=replacement)
    [(nodes, [adjacency], _)] = blocks(dataset)
    rows, columns = adjacency.indices.numpy().T
    count = adjacency.values / np.maximum(whole[nodes[rows], nodes[columns]], 0.1)
    np.testing.assert_allclose(count, np.round(count), atol=1e-5)
    degree = (whole > 0).sum(axis=1)[nodes[:50]]
    enough = np.minimum(degree, 5) if replacement == "never" else 5 * (degree > 0)
    np.testing.assert_allclose(np.bincount(rows, count, 50), enough, atol=1e-4)
    assert {0, 5} < set(degree.tolist())  # all cases occur


def drawn_counts(degree, fanout, replacement, draws=20000):
    """How often each neighbour of a node is drawn."""
    edges = [(source, 0) for source in range(1, degree + 1)]
    neighbors = Neighbors(np.array(edges), degree + 1, degree + 1)
    rng = np.random.default_rng(0)
    _, edge = neighbors.draw(rng, np.zeros(draws, int), fanout, replacement)
    return np.bincount(edge, minlength=degree), edge.reshape(draws, fanout).T


@pytest.mark.parametrize(
    ("degree", "fanout", "replacement"),
    [
        (7, 3, "never"),
        (7, 3, "if_short"),
        (7, 6, "never"),
        (3, 5, "if_short"),
        (6, 4, "always"),
        (1, 4, "always"),
    ],
)
def test_draws_are_uniform(degree, fanout, replacement):
    counts, edge = drawn_counts(degree, fanout, replacement)
    expected = fanout * 20000 / degree
    # chi-squared of mean degree - 1 (less without replacement); P < 1e-4 beyond.
    assert ((counts - expected) ** 2 / expected).sum() < degree + 30
    if replacement == "always" or degree < fanout:
        same = (edge[0] == edge[1]).mean()  # draws are independent
        assert same == pytest.approx(1 / degree, abs=0.02)
    else:
        assert (np.diff(np.sort(edge, axis=0), axis=0) > 0).all()
        # All sets are equally likely.
        sets = np.unique(np.sort(edge, axis=0), axis=1, return_counts=True)[1]
        assert len(sets) == scipy.special.comb(degree, fanout)
        mean = sets.mean()
        assert ((sets - mean) ** 2 / mean).sum() < 2 * len(sets) + 30


def test_layers_draw_independently():
    """A seed's neighbours in the first layer are not those in the last."""
    edges = [(source, 0) for source in range(1, 31)]
    graph = number_nodes(Graph(None, edges, y=[0] * 31, num_nodes=31))
    common = []
    dataset = neighbor_batches(graph, (15, 15), 1, nodes=[0], seed=0)
    for nodes, adjacencies, _ in blocks(dataset.repeat(50)):
        first, last = (set(nodes[a.indices[:, 1]].tolist()) for a in adjacencies)
        common.append(len(first & last))
    assert 6.5 < np.mean(common) < 8.5  # 7.5 on average


@pytest.mark.parametrize(
    ("fanouts", "replacement"), [((None, None), "never"), ((3, 2), "always")]
)
def test_new_nodes_are_in_the_order_of_their_first_use(fanouts, replacement):
    data = neighbor_batches(GRAPH, fanouts, 5, seed=0, replacement=replacement)
    for (_, adjacencies), _ in data.take(3):
        for adjacency in adjacencies:
            row, column = adjacency.indices.numpy()[adjacency.values > 0].T
            num_rows, num_columns = adjacency.dense_shape.numpy()
            first_row = np.full(num_columns, num_rows)  # padding is not used
            np.minimum.at(first_row, column, row)
            assert (np.diff(first_row[num_rows:]) >= 0).all()
            assert first_row[num_rows] < num_rows


def test_memory_of_features_is_used_again_once_nothing_refers_to_it():
    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    features = FeatureRows(x)
    rows = features.take(np.arange(5, 15))
    address, part = rows.ctypes.data, rows[2:]
    assert address % 64 == 0
    del rows
    other = features.take(np.arange(6))
    assert other.ctypes.data != address
    np.testing.assert_array_equal(part, x[7:15])
    del part
    rows = features.take(np.array([4, -1, 5, 6, 7, 8]))
    assert rows.ctypes.data == address
    np.testing.assert_array_equal(rows, x[[4, 0, 5, 6, 7, 8]])
    np.testing.assert_array_equal(other, x[:6])


def test_a_small_batch_that_is_kept_keeps_no_large_one():
    features = FeatureRows(np.zeros((50, 3), np.float32))
    address = features.take(np.arange(50)).ctypes.data
    kept = features.take(np.arange(2))
    assert kept.ctypes.data != address
    assert features.take(np.arange(49)).ctypes.data == address


def test_batches_that_are_kept_do_not_change():
    data = neighbor_batches(number_nodes(GRAPH), (2, 2), 4, seed=0, shuffle=False)
    kept = [x for (x, _), _ in data]
    seeds = [x.numpy()[:4, 0].tolist() for x in kept]
    assert seeds[:-1] == [[i + 1, i + 2, i + 3, i + 4] for i in range(0, 48, 4)]


def test_fanouts_are_in_the_order_of_the_layers():
    """As the docstring says: the last is that of the seeds' own neighbours."""
    edges = [(i, j) for i in range(40) for j in range(40) if i != j]
    graph = random_graph(40, edges=edges, train_mask=None)
    dataset = neighbor_batches(graph, (5, 2), 1)
    for _, (first, last), _ in blocks(dataset.take(3)):
        assert last.shape == (1, 3)
        assert np.bincount(last.indices[:, 0]).tolist() == [2]
        assert np.bincount(first.indices[:, 0]).tolist() == [5, 5, 5]


def contents(dataset):
    return [tuple(part.tobytes() for part in flat(element)) for element in dataset]


def flat(element):
    (x, adjacencies), y = element
    tensors = [x, *(a.indices for a in adjacencies), y]
    return [tensor.numpy() for tensor in tensors]


@pytest.mark.parametrize("shuffle", [False, True])
def test_seeds_repeat_a_run_and_epochs_differ(shuffle):
    def dataset(seed):
        return neighbor_batches(
            GRAPH, (2, 2), 8, nodes=range(40), shuffle=shuffle, seed=seed
        )

    first = dataset(1)
    epochs = [contents(first) for _ in range(3)]
    again = dataset(1)
    assert [contents(again) for _ in range(3)] == epochs
    assert len({element for epoch in epochs for element in epoch}) == 3 * 5
    assert contents(dataset(2)) != epochs[0]
    # Without one, Keras' seed decides.
    unseeded = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        anew = dataset(None)
        unseeded.append([contents(anew), contents(anew)])
    assert unseeded[0] == unseeded[1]
    assert unseeded[0][0] != unseeded[0][1]


def test_shuffled_seeds():
    graph = number_nodes(GRAPH)

    def seeds(dataset):
        return [node for nodes, _, y in blocks(dataset) for node in nodes[: len(y)]]

    def sizes(dataset):
        return [len(y) for _, y in dataset]

    plain = neighbor_batches(graph, (1,), 20)
    assert seeds(plain) == seeds(plain) == list(range(50))
    shuffled = neighbor_batches(graph, (1,), 20, shuffle=True)
    one, two = seeds(shuffled), seeds(shuffled)
    assert sorted(one) == sorted(two) == list(range(50))
    assert one != two
    assert sizes(shuffled) == [20, 20, 10]
    whole = neighbor_batches(graph, (1,), 20, shuffle=True, drop_remainder=True)
    assert sizes(whole) == [20, 20]
    assert len(whole) == 2


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("train", range(0, 50, 2)),
        ([7, 3, 49], [7, 3, 49]),
        (np.arange(50) < 4, range(4)),
        (None, range(50)),
    ],
)
def test_nodes(nodes, expected):
    dataset = neighbor_batches(number_nodes(GRAPH), (2,), 3, nodes=nodes)
    found = [number for nodes, _, y in blocks(dataset) for number in nodes[: len(y)]]
    assert found == list(expected)


def test_static_shapes():
    dataset = neighbor_batches(
        GRAPH, (3, 2), 8, replacement="always", drop_remainder=True, shuffle=True
    )
    (x, (first, last)), y = dataset.element_spec
    # 8 seeds, 2 more for each; then 3 for each, but no more than there are nodes.
    assert (x.shape, first.shape, last.shape) == ((74, 3), (24, 74), (8, 24))
    assert y.shape == (8,)
    found = set()
    for (x, adjacencies), _ in dataset:
        assert [len(a.values) for a in adjacencies] == [72, 16]
        for adjacency in adjacencies:
            # Padding and nodes without neighbours: entries of weight 0 to themselves.
            rows, columns = adjacency.indices.numpy().T
            values = adjacency.values.numpy()
            np.testing.assert_array_equal(rows[values == 0], columns[values == 0])
            found |= set(values.tolist())
        assert (x.numpy()[-10:] == 0).all()
    assert found == {0, 1}


def test_one_compilation_serves_all_batches():
    dataset = neighbor_batches(
        GRAPH, (3, 2), 8, replacement="always", drop_remainder=True
    )
    traces = []

    class Mean(keras.layers.Layer):
        def call(self, inputs):
            x, adjacency = inputs
            traces.append(x.shape)
            rows, columns = tf.unstack(adjacency.indices, axis=1)
            messages = tf.gather(x, columns) * adjacency.values[:, None]
            num_targets = adjacency.shape[0]
            return tf.math.unsorted_segment_sum(messages, rows, num_targets)

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.mean, self.dense = Mean(), keras.layers.Dense(4)

        def call(self, inputs):
            x, adjacencies = inputs
            for adjacency in adjacencies:
                x = self.mean([x, adjacency])
            return self.dense(x)

    model = Model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=True)
    model.fit(dataset, epochs=1, shuffle=False, verbose=0)
    traced = len(traces)
    model.fit(dataset, epochs=2, shuffle=False, verbose=0)
    assert len(traces) == traced


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_nodes_without_neighbours(replacement):
    graph = number_nodes(Graph(None, [], y=[0, 1, 2], num_nodes=3))
    dataset = neighbor_batches(graph, (2, 2), 3, replacement=replacement)
    [(nodes, adjacencies, y)] = blocks(dataset)
    assert nodes[:3].tolist() == y.tolist() == [0, 1, 2]
    assert set(nodes[3:]) <= {-1}
    for adjacency in adjacencies:
        assert not adjacency.values.numpy().any()


def test_a_memory_map_stays_in_its_file(tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32))
    x = np.load(file, mmap_mode="r")
    graph = GRAPH.replace(x=x)
    assert np.shares_memory(graph.x, x)
    mapped = neighbor_batches(graph, (2, 2), 8, seed=0)
    in_memory = neighbor_batches(GRAPH.replace(x=np.array(x)), (2, 2), 8, seed=0)
    assert contents(mapped) == contents(in_memory)


def test_numbers_that_are_not_finite_are_found_wherever_they_are():
    x = np.zeros((2**21, 3), np.float32)
    x[2**21 - 5, 2] = np.nan
    with pytest.raises(ValueError, match=rf"nan at index \[{2**21 - 5}, 2\]"):
        Graph(x, [])


@pytest.mark.parametrize("order", ["F", "scipy"])
def test_other_forms_of_features(order):
    if order == "scipy":
        graph = GRAPH.replace(x=scipy.sparse.csr_array(GRAPH.x))
    else:
        graph = GRAPH.replace(x=np.asfortranarray(GRAPH.x))
    for replacement in ("if_short", "always"):
        same = {"replacement": replacement, "seed": 0}
        assert contents(neighbor_batches(graph, (2, 2), 8, **same)) == contents(
            neighbor_batches(GRAPH, (2, 2), 8, **same)
        )


def test_labels():
    multi_label = GRAPH.replace(y=np.random.default_rng(0).random((50, 6)) < 0.5)
    (_, _), y = neighbor_batches(multi_label, (2,), 8).element_spec
    assert y.shape.as_list() == [None, 6]
    for nodes, _, y in blocks(neighbor_batches(number_nodes(multi_label), (2,), 8)):
        np.testing.assert_array_equal(y, multi_label.y[nodes[: len(y)]])
    unlabelled = GRAPH.replace(y=None)
    for form in ("blocks", "graph_tensor"):
        dataset = neighbor_batches(unlabelled, (2,), 8, labels=False, form=form)
        for element in dataset:
            assert isinstance(element, tuple)
            assert len(element) == 1


@pytest.mark.parametrize("replacement", REPLACEMENTS)
@pytest.mark.parametrize("graph", [GRAPH, WEIGHTED])
def test_graph_tensors(graph, replacement):
    """The nodes and edges that were drawn, and labels as in `full_batch`."""
    graph = number_nodes(graph)
    edges = collections.Counter(
        edge
        for edge, weight in zip(
            map(tuple, graph.edges.tolist()),
            graph.to_sparse_tensor().values.numpy(),
            strict=True,
        )
        if weight
    )
    weight = None if graph.edge_weight is None else "weight"
    dataset = neighbor_batches(
        graph,
        (3, 4),
        8,
        nodes="train",
        form="graph_tensor",
        shuffle=True,
        replacement=replacement,
    )
    seeds = []
    for tensor, y, sample_weight in dataset:
        part = Graph.from_graph_tensor(tensor, edge_weight_name=weight)
        nodes = part.x[:, 0].astype(int) - 1
        assert len(set(nodes)) == len(nodes)
        assert min(nodes) >= 0
        found = collections.Counter(map(tuple, nodes[part.edges].tolist()))
        assert found <= edges
        order = tensor.edge_sets["edges"].adjacency
        pairs = np.stack([order.target, order.source], axis=1).tolist()
        assert pairs == sorted(pairs)
        np.testing.assert_array_equal(y, graph.y[nodes])
        num_seeds = np.count_nonzero(sample_weight)
        expected = [len(nodes) / num_seeds] * num_seeds
        expected += [0] * (len(nodes) - num_seeds)
        np.testing.assert_allclose(sample_weight, expected, rtol=1e-6)
        seeds += nodes[:num_seeds].tolist()
        if weight:
            given = collections.defaultdict(list)
            for edge, value in zip(graph.edges, graph.edge_weight, strict=True):
                given[tuple(edge)].append(value)
            for edge, value in zip(part.edges, part.edge_weight, strict=True):
                assert value in given[tuple(nodes[edge])]
    assert sorted(seeds) == list(range(0, 50, 2))


def test_a_whole_graph_tensor_is_the_graph():
    dataset = neighbor_batches(
        GRAPH, (None,), 50, form="graph_tensor", replacement="never"
    )
    [(tensor, y, sample_weight)] = dataset
    [(whole, whole_y, _)] = full_batch(
        GRAPH.replace(train_mask=np.full(50, True)), "train", form="graph_tensor"
    )
    for part, same in ((tensor, whole), (y, whole_y), (sample_weight, np.ones(50))):
        if part is tensor:
            part, same = (Graph.from_graph_tensor(g).edges for g in (part, same))
        np.testing.assert_array_equal(part, same)


def test_nodes_without_label_may_be_drawn_but_are_no_seeds():
    y = np.where(np.arange(50) % 2, -1, GRAPH.y)
    graph = GRAPH.replace(y=y)
    dataset = neighbor_batches(graph, (5, 5), 8, nodes="train", form="graph_tensor")
    for _, y, _ in dataset:
        assert (y.numpy() >= 0).all()
    with pytest.raises(ValueError, match=r"`nodes` to have labels.*node 1, whose y=-1"):
        neighbor_batches(graph, (5, 5), 8)
    assert len(list(neighbor_batches(graph, (5, 5), 8, labels=False))) == 7


@pytest.mark.parametrize("model", [tfgraph.models.GCN, tfgraph.models.GAT])
def test_models_of_whole_graphs_train_on_samples(model):
    rng = np.random.default_rng(0)
    y = np.arange(60) // 20
    pairs = rng.integers(60, size=(900, 2))
    edges = pairs[y[pairs[:, 0]] == y[pairs[:, 1]]]
    x = np.eye(3)[y] + rng.normal(size=(60, 3))
    graph = Graph(x, edges, y=y).symmetrized()
    dataset = neighbor_batches(
        graph, (5, 5), 20, shuffle=True, seed=0, form="graph_tensor"
    )
    net = model(3, [8], dropout=0.0, classifier_activation="softmax")
    net.compile(
        keras.optimizers.Adam(0.05),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
        jit_compile=False,
    )
    history = net.fit(dataset, epochs=12, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    assert history["accuracy"][-1] > 0.8


def test_fit_in_parallel_repeats():
    def losses():
        keras.utils.set_random_seed(3)
        x = keras.Input((3,))
        adjacency = keras.Input((None,), sparse=True)
        layer = tfgraph.layers.GCNConv(4, normalize=False, add_self_loops=False)
        model = keras.Model((x, (adjacency,)), layer([x, adjacency]))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, jit_compile=False)
        dataset = neighbor_batches(GRAPH, (3,), 4, nodes="train", shuffle=True)
        history = model.fit(dataset, epochs=3, shuffle=False, verbose=0)
        return history.history["loss"]

    first = losses()
    assert losses() == first
    assert len(set(first)) == 3


@pytest.mark.slow
def test_a_forgotten_iterator_does_not_keep_python_from_ending():
    script = """
import numpy as np
from tfgraph.data import Graph, neighbor_batches
rng = np.random.default_rng(0)
edges = rng.integers(20000, size=(300000, 2))
graph = Graph(np.zeros((20000, 64), np.float32), edges)
iterator = iter(neighbor_batches(graph, (10, 25), 512, labels=False))
next(iterator)
"""
    process = subprocess.run([sys.executable, "-c", script], timeout=120)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("graph", "arguments", "message"),
    [
        (GRAPH, {"fanouts": ()}, r"`fanouts` to hold a positive.*fanouts=\(\)"),
        (GRAPH, {"fanouts": (0,)}, r"a positive integer or None.*fanouts=\(0,\)"),
        (GRAPH, {"fanouts": (2, -3)}, "`fanouts`"),
        (GRAPH, {"fanouts": (2.0,)}, "`fanouts`"),
        (GRAPH, {"fanouts": (True,)}, "`fanouts`"),
        (GRAPH, {"fanouts": 10}, "`fanouts`.*fanouts=10"),
        (GRAPH, {"fanouts": "25"}, "`fanouts`"),
        (
            GRAPH,
            {"fanouts": (None,), "replacement": "always"},
            "a positive integer for each layer.*replacement='always'",
        ),
        (GRAPH, {"replacement": True}, "`replacement` to be one of.*replacement=True"),
        (GRAPH, {"form": "sparse"}, "`form` to be one of.*form='sparse'"),
        (
            GRAPH,
            {"batch_size": 0},
            "`batch_size` to be a positive integer.*batch_size=0",
        ),
        (GRAPH, {"batch_size": 2.5}, "`batch_size`"),
        (GRAPH, {"batch_size": 2**70}, "below 2\\*\\*63"),
        (GRAPH, {"seed": "a"}, "`seed` .*seed='a'"),
        (GRAPH, {"labels": [0]}, "`labels` to be True or False"),
        (GRAPH, {"replacement": np.eye(2)}, "`replacement` to be one of.*ndarray"),
        (GRAPH, {"batch_size": 51}, "at most the 50 seeds.*batch_size=51"),
        (GRAPH, {"nodes": "train", "batch_size": 26}, "at most the 25 seeds"),
        (GRAPH, {"nodes": "all"}, "`nodes` to be one of.*nodes='all'"),
        (GRAPH, {"nodes": "val"}, "`graph` to have a `val_mask`"),
        (GRAPH, {"nodes": [3, 50]}, r"numbers from 0 to 49.*nodes\[1\]=50"),
        (GRAPH, {"nodes": [-1]}, r"nodes\[0\]=-1"),
        (GRAPH, {"nodes": [3, 4, 3]}, "each node once.*node 3 2 times"),
        (GRAPH, {"nodes": [0.5]}, "dtype=float64"),
        (GRAPH, {"nodes": [[1]]}, r"shape=\(1, 1\)"),
        (GRAPH, {"nodes": [True, False]}, "one boolean for each of the 50 nodes"),
        (GRAPH, {"nodes": []}, "at most the 0 seeds"),
        (GRAPH.replace(y=None), {}, "`graph` to have `y`, or `labels`"),
        (GRAPH.replace(x=None), {}, "`graph` to have features"),
        (Graph(np.zeros((0, 3)), [], y=[]), {}, "at most the 0 seeds"),
    ],
)
def test_errors(graph, arguments, message):
    with pytest.raises(ValueError, match=message):
        neighbor_batches(graph, **{"fanouts": (2, 2), "batch_size": 4, **arguments})


def test_labels_of_another_number_of_nodes():
    with pytest.raises(ValueError, match="`y` to have one row for each node"):
        GRAPH.replace(y=np.zeros(49, int))


@pytest.mark.parametrize("stored", ["dense", "scipy"])
@pytest.mark.parametrize("kind", ["neighbors", "walks"])
def test_sparse_features_are_the_dense_ones(stored, kind):
    rng = np.random.default_rng(0)
    x = rng.random([30, 8]).astype("float32")
    x[x < 0.7] = 0
    if stored == "scipy":
        x = pytest.importorskip("scipy.sparse").csr_array(x)
    graph = Graph(x, rng.integers(0, 30, [90, 2]))

    def batches(sparse_features):
        arguments = {"seed": 0, "sparse_features": sparse_features}
        if kind == "walks":
            return tfgraph.data.walk_batches(
                graph, (3, 2), 8, walks_per_node=1, **arguments
            )
        return neighbor_batches(graph, (3, 2), 8, labels=False, **arguments)

    for sparse, dense in zip(batches(True), batches(False), strict=True):
        (sparse_x, sparse_blocks), (x, blocks) = sparse[0], dense[0]
        np.testing.assert_array_equal(tf.sparse.to_dense(sparse_x), x)
        for sparse_block, block in zip(sparse_blocks, blocks, strict=True):
            np.testing.assert_array_equal(sparse_block.values, block.values)
        assert sparse_x.shape[1] == 8
    assert batches(True).element_spec[0][0].shape[1] == 8


def test_sparse_features_where_they_cannot_be():
    graph = Graph(np.eye(3), [(0, 1), (1, 2)])
    with pytest.raises(ValueError, match="`sparse_features` to be False"):
        neighbor_batches(
            graph, (2,), 2, labels=False, replacement="always", sparse_features=True
        )
    with pytest.raises(ValueError, match="`sparse_features` to be False"):
        neighbor_batches(
            graph, (2,), 2, labels=False, form="graph_tensor", sparse_features=True
        )

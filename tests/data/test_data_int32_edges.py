"""Edges of int32 stay so, and no product of two node numbers overflows."""

import numpy as np
import pytest
import tensorflow as tf

from tfgraph import data
from tfgraph.data.graphs import transforms
from tfgraph.graph_tensor import to_components

N = 100_000  # N * N is far above the largest int32
RNG = np.random.default_rng(0)
EDGES = np.sort(RNG.choice(N, [40, 2], replace=False), axis=0)
WEIGHT = RNG.random(40)
MASK = np.arange(N) >= N // 2


def graph_of(dtype, directed=False):
    x = np.ones([N, 1], np.float32)
    graph = data.Graph(x, EDGES.astype(dtype), edge_weight=WEIGHT, y=np.arange(N) % 2)
    return graph if directed else graph.symmetrized()


def hetero_graph_of(dtype):
    nodes = data.NodeSet(np.ones([N, 1], np.float32))
    edges = data.EdgeSet("a", "a", EDGES.astype(dtype), edge_weight=WEIGHT)
    return data.HeteroGraph({"a": nodes}, {"e": edges})


def link_split_of(graph):
    found = data.link_split(graph, 0.2, 0.2)
    return [found.train, found.val.pairs, found.test.pairs]


def first(dataset):
    return next(iter(dataset.take(1)))


MADE = {
    "itself": lambda dtype: graph_of(dtype, directed=True),
    "symmetrized": graph_of,
    "subgraph": lambda dtype: graph_of(dtype).subgraph(MASK),
    "disjoint_union": lambda dtype: data.disjoint_union([graph_of(dtype)] * 2),
    "scipy": lambda dtype: data.Graph.from_scipy(graph_of(dtype).to_scipy()),
    "sparse_tensor": lambda dtype: graph_of(dtype).to_sparse_tensor(),
    "graph_tensor": lambda dtype: graph_of(dtype).to_graph_tensor(),
    "hetero": lambda dtype: hetero_graph_of(dtype).to_graph_tensor(),
    "reversed": lambda dtype: hetero_graph_of(dtype).edge_sets["e"].reversed(),
    "links": lambda dtype: link_split_of(graph_of(dtype)),
    "links of a hetero graph": lambda dtype: link_split_of(hetero_graph_of(dtype)),
    "blocks": lambda dtype: first(
        data.neighbor_batches(graph_of(dtype), (3, 3), 64, nodes=MASK, seed=0)
    ),
    "samples": lambda dtype: first(
        data.neighbor_batches(
            graph_of(dtype), (3, 3), 64, nodes=MASK, seed=0, form="graph_tensor"
        )
    ),
    "link batches": lambda dtype: first(
        data.link_neighbor_batches(graph_of(dtype), (3,), 8, seed=0)
    ),
    "batches": lambda dtype: first(data.graph_batches([graph_of(dtype)] * 2, 2)),
}


def arrays(made):
    if isinstance(made, (list, tuple)):
        return [array for part in made for array in arrays(part)]
    if isinstance(made, data.HeteroGraph):
        return arrays([*made.edge_sets.values()])
    if isinstance(made, (data.Graph, data.EdgeSet)):
        return [made.edges, made.edge_weight]
    if isinstance(made, tf.sparse.SparseTensor):
        return [made.indices.numpy(), made.values.numpy()]
    if hasattr(made, "node_sets"):
        return [np.asarray(part) for part in to_components(made).values()]
    return [np.asarray(made)]


@pytest.mark.parametrize("name", MADE)
def test_equal_to_int64(name):
    found, expected = (arrays(MADE[name](dtype)) for dtype in (np.int32, np.int64))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_type_stays():
    edges = RNG.permutation(EDGES).astype(np.int32)
    graph = data.Graph(None, edges, num_nodes=N)
    assert graph.edges.dtype == np.int32
    np.testing.assert_array_equal(graph.edges, edges[np.lexsort(edges.T)])
    assert data.EdgeSet("a", "b", edges).edges.dtype == np.int32
    assert graph.subgraph(MASK).edges.dtype == np.int32
    assert graph.symmetrized().edges.dtype == np.int32
    # Two edges are passed on as a list.
    two = data.Graph(None, list(edges[:2]), num_nodes=N)
    assert two.replace(name="two").edges.dtype == np.int32


def test_keys_that_32_bits_do_not_tell_apart():
    size = 2**17  # t * size + s and (t + size / 4) * size + s differ by 2 ** 32
    edges = np.array([(5, 7), (5, 7 + size // 4), (5, 7 + size // 2)], np.int32)
    found = data.Graph(None, edges, num_nodes=size).symmetrized().edges
    expected = np.concatenate([edges, edges[:, ::-1]])
    np.testing.assert_array_equal(found, expected[np.lexsort(expected.T)])


def test_numbers_that_int32_does_not_hold():
    """Of nodes: int64 then, for which no test has the memory."""
    for count, dtype in [(0, np.int32), (2**31, np.int32), (2**31 + 1, np.int64)]:
        assert transforms._number_type(np.dtype(np.int32), count) == dtype


def test_saved(tmp_path):
    graph_of(np.int32, directed=True).save(tmp_path / "graph")
    assert data.Graph.load(tmp_path / "graph").edges.dtype == np.int32


def test_a_sorted_file_is_not_read_into_memory(tmp_path):
    order = np.lexsort(EDGES.T)
    file = np.memmap(tmp_path / "edges", np.int32, "w+", shape=(40, 2))
    file[:] = EDGES[order]
    graph = data.Graph(None, file, num_nodes=N)
    assert np.shares_memory(graph.edges, file)


def test_clusters():
    path = np.stack([np.arange(49_999), np.arange(1, 50_000)], axis=1)
    found, expected = (
        data.graclus_clusters(
            data.Graph(None, path.astype(dtype), num_nodes=50_000).symmetrized(), 40_000
        )
        for dtype in (np.int32, np.int64)
    )
    np.testing.assert_array_equal(found, expected)

"""Every function that takes a `Graph` says what converts any other object."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

import tfgraph
from tfgraph.data import Graph

GRAPH = Graph(np.eye(4), [(0, 1), (1, 2), (2, 3)], y=[0, 1, 0, 1]).symmetrized()
MODEL = tfgraph.models.GraphSAGE(2, [4])
data = tfgraph.data

TAKE_A_GRAPH = {
    "full_batch": data.full_batch,
    "graclus_clusters": lambda graph: data.graclus_clusters(graph, 2),
    "identity_features": data.identity_features,
    "link_batch": lambda graph: data.link_batch(graph, data.Links([[0, 1]], [1.0])),
    "link_split": data.link_split,
    "neighbor_batches": lambda graph: data.neighbor_batches(graph, (2,), 2),
    "predict_nodes": lambda graph: tfgraph.inference.predict_nodes(MODEL, graph),
    "random_split": data.random_split,
    "training_links": data.training_links,
    "walk_batches": lambda graph: data.walk_batches(graph, (2,), 2),
}
TAKE_GRAPHS = {
    "disjoint_union": ("graphs", data.disjoint_union),
    "graph_batches": ("graphs", lambda graphs: data.graph_batches(graphs, 2)),
    "standardized": ("training", data.standardized),
    "whole_graph_batches": (
        "graphs",
        lambda graphs: data.whole_graph_batches(graphs, batch_size=2),
    ),
}


class Frame:
    """Looks like a data frame of pandas."""

    iloc = None

    def to_numpy(self):
        return GRAPH.edges


WRONG = [
    (nx.path_graph(3), r"Graph\.from_networkx\({}\)`.*networkx\.Graph"),
    (sp.csr_array(np.eye(3)), r"Graph\.from_scipy\({}\)`.*scipy\.csr_array"),
    (tf.sparse.eye(3), r"Graph\.from_sparse_tensor\({}\)`.*tensorflow\.SparseTensor"),
    (GRAPH.to_graph_tensor(), r"Graph\.from_graph_tensor\({}\)`.*\.GraphTensor"),
    (Frame(), r"Graph\(x, {}\.to_numpy\(\)\)`"),
    (data.full_batch(GRAPH), "Pass what the dataset was made of"),
    (np.eye(3), r"Graph\(x, edges\)`\. Received: {} of type numpy\.ndarray"),
    (None, r"Graph\(x, edges\)`\. Received: {}=None"),
    ("cora", r"Received: {}='cora'"),
]


@pytest.mark.parametrize("function", TAKE_A_GRAPH.values(), ids=TAKE_A_GRAPH)
def test_what_is_no_graph(function):
    lists = [
        ([GRAPH], r"disjoint_union\(graph\)`\. Received: graph of type list"),
        ((GRAPH.x, GRAPH.edges), r"Graph\(x, edges\)`\. .*graph of type tuple"),
    ]
    for wrong, message in [*WRONG, *lists]:
        expected = "`graph` to be a tfgraph.data.Graph.*" + message.format("graph")
        with pytest.raises(ValueError, match=expected):
            function(wrong)


@pytest.mark.parametrize(("name", "function"), TAKE_GRAPHS.values(), ids=TAKE_GRAPHS)
def test_what_is_no_list_of_graphs(name, function):
    alone = (
        GRAPH,
        rf"Put it in a list: `\[{name}\]`\. Received: {name} of type tfgraph",
    )
    for wrong, message in [*WRONG, alone]:
        expected = f"`{name}` to be a list of tfgraph.data.Graph.*"
        with pytest.raises(ValueError, match=expected + message.format(name)):
            function(wrong)
    with pytest.raises(ValueError, match=rf"`{name}\[1\]` to be a .*{name}\[1\]=None"):
        function([GRAPH, None])


def test_any_iterable_of_graphs_will_do():
    graphs = np.empty(2, object)
    graphs[:] = [GRAPH, GRAPH]
    for several in (graphs, (GRAPH, GRAPH), iter([GRAPH, GRAPH])):
        assert data.disjoint_union(several).num_nodes == 8


def test_what_the_conversions_are_given():
    with pytest.raises(ValueError, match=r"SciPy.*Graph\.from_networkx\(adjacency\)"):
        Graph.from_scipy(nx.path_graph(3))
    with pytest.raises(ValueError, match=r"networkx graph\. It is a Graph already"):
        Graph.from_networkx(GRAPH)
    with pytest.raises(ValueError, match=r"GraphTensor.*Graph\.from_scipy\(graph\)"):
        Graph.from_graph_tensor(sp.csr_array(np.eye(3)))


@pytest.mark.parametrize("integer", [np.int32, np.int64, np.uint8])
def test_integers_of_numpy(integer):
    two = integer(2)
    graph = data.random_split(GRAPH.replace(num_nodes=integer(4)), two - 1, 0, two)
    assert (graph.train_mask.sum(), graph.test_mask.sum()) == (2, 2)
    assert len(data.stratified_folds([0, 0, 1, 1], integer(3), two)) == 3
    assert data.graclus_clusters(GRAPH, two).max() == 1
    data.link_split(GRAPH, 0, 0.34, two)
    batches = [
        data.graph_batches([GRAPH] * 3, two, shuffle=True, seed=two),
        data.whole_graph_batches([GRAPH] * 3, batch_size=two, shuffle=True, seed=two),
        data.whole_graph_batches(
            [GRAPH], batch_size=two, form="dense", num_nodes=two * 3
        ),
        data.neighbor_batches(GRAPH, (two,), two, seed=two),
        data.walk_batches(
            GRAPH, (two,), two, walk_length=two, walks_per_node=two, seed=two
        ),
    ]
    assert [len(list(dataset)) for dataset in batches] == [2, 2, 1, 2, 4]

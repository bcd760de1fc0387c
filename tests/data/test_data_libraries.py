"""Graphs of other libraries, by stand-ins with the attributes that theirs have."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfgraph.data import Graph

EDGES = np.array([(2, 0), (0, 1), (1, 0)])  # not sorted
X = np.arange(8.0).reshape(4, 2)
FEATURES = np.arange(6.0).reshape(3, 2)
WEIGHT = np.array([0.5, 1.5, 2.5])
MASK = np.array([True, False, True, False])


class Tensor:
    """What is used of a `torch.Tensor` that takes part in a gradient."""

    def __init__(self, value):
        self.value = np.asarray(value)

    def detach(self):
        return SimpleNamespace(cpu=lambda: SimpleNamespace(numpy=lambda: self.value))

    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on a tensor that requires grad")


def expected(**fields):
    return Graph(X, EDGES, y=[0, 1, 1, 0], train_mask=MASK, **fields)


def check_equal(graph, other):
    for name, value in vars(other).items():
        np.testing.assert_array_equal(getattr(graph, name), value, err_msg=name)


def pyg(**fields):
    given = {
        "x": X,
        "edge_index": EDGES.T,
        "y": [0, 1, 1, 0],
        "train_mask": MASK,
        "num_nodes": 4,
        **fields,
    }
    return SimpleNamespace(
        **{k: v if k == "num_nodes" else Tensor(v) for k, v in given.items()}
    )


def dgl(ndata=(), edata=(), is_homogeneous=True):
    nodes = {"feat": X, "label": [0, 1, 1, 0], "train_mask": MASK, **dict(ndata)}
    return SimpleNamespace(
        is_homogeneous=is_homogeneous,
        edges=lambda: [Tensor(ends) for ends in EDGES.T],
        num_nodes=lambda: 4,
        ndata={name: Tensor(value) for name, value in nodes.items()},
        edata={name: Tensor(value) for name, value in dict(edata).items()},
    )


def ogb(**fields):
    return {
        "edge_index": EDGES.T,
        "edge_feat": None,
        "node_feat": X.astype("float32"),
        "num_nodes": 4,
        **fields,
    }


def test_pyg():
    check_equal(Graph.from_pyg(pyg()), expected())
    graph = Graph.from_pyg(pyg(edge_weight=WEIGHT, edge_attr=WEIGHT), name="a")
    wanted = expected(edge_weight=WEIGHT, edge_features=WEIGHT[:, None], name="a")
    check_equal(graph, wanted)
    # A label of the whole graph is none of its nodes.
    assert Graph.from_pyg(pyg(y=[1])).y is None
    assert Graph.from_pyg(pyg(y=[[0], [1], [1], [0]])).y.tolist() == [0, 1, 1, 0]
    assert Graph.from_pyg(pyg(), y=np.ones(4)).y.tolist() == [1, 1, 1, 1]


def test_dgl():
    check_equal(Graph.from_dgl(dgl()), expected())
    graph = dgl({"h": 2 * X}, {"w": WEIGHT, "f": FEATURES})
    found = Graph.from_dgl(
        graph, feature_name="h", edge_weight_name="w", edge_feature_name="f"
    )
    wanted = expected(edge_weight=WEIGHT, edge_features=FEATURES).replace(x=2 * X)
    check_equal(found, wanted)
    assert Graph.from_dgl(dgl(), feature_name=None, label_name="none").y is None


def test_ogb():
    split = {"train": [0, 2], "valid": Tensor([1]), "test": [3]}
    found = Graph.from_ogb(ogb(edge_feat=FEATURES), [[0], [1], [1], [0]], split)
    val_mask, test_mask = np.arange(4) == 1, np.arange(4) == 3
    wanted = expected(edge_features=FEATURES, val_mask=val_mask, test_mask=test_mask)
    check_equal(found, wanted)
    assert Graph.from_ogb(ogb(node_feat=None)).x is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Graph.from_pyg(X), "`data` to be a torch_geometric"),
        (lambda: Graph.from_pyg(SimpleNamespace(adj_t=1)), "with `edge_index`"),
        (lambda: Graph.from_dgl(X), "`graph` to be a homogeneous dgl"),
        (lambda: Graph.from_dgl(dgl(is_homogeneous=False)), "a homogeneous dgl"),
        (
            lambda: Graph.from_dgl(dgl(), edge_weight_name="w"),
            r"`edge_weight_name` to be one of \[\].*'w'",
        ),
        (lambda: Graph.from_ogb({}), 'a dict of OGB with "edge_index"'),
        (lambda: Graph.from_ogb(ogb(), None, {"train": [0]}), '`split`.*"valid"'),
        (lambda: Graph.from_ogb(ogb(num_nodes=2)), "`num_nodes`"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

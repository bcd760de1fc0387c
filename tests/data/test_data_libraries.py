"""Graphs of other libraries, by stand-ins with the attributes that theirs have.

The names and types are those of PyTorch 2.13, PyTorch Geometric 2.8, DGL 2.1, OGB 1.3.
"""

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
    """What is used of a `torch.Tensor`, such as one that takes part in a gradient."""

    def __init__(self, value, layout="torch.strided", dtype=None, detached=False):
        self.value = np.asarray(value)
        self.shape = self.value.shape
        self.layout = layout
        self.dtype = dtype or f"torch.{self.value.dtype}"
        self.detached = detached

    def detach(self):
        return Tensor(self.value, self.layout, self.dtype, detached=True)

    def cpu(self):
        return self

    def to_dense(self):
        return Tensor(self.value, "torch.strided", self.dtype, self.detached)

    def float(self):
        return Tensor(self.value, self.layout, "torch.float32", self.detached)

    def __getitem__(self, place):
        return Tensor(self.value[place])

    def numpy(self):
        if not self.detached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.layout != "torch.strided" or self.dtype == "torch.bfloat16":
            raise TypeError(f"can't convert {self.layout}, {self.dtype} to numpy.")
        return self.value

    def __array__(self, *_, **__):
        return self.numpy()


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
        "edge_attr": None,
        "pos": None,
        "num_nodes": 4,
        **fields,
    }
    kept = (int, Tensor, type(None))
    return SimpleNamespace(
        **{k: v if isinstance(v, kept) else Tensor(v) for k, v in given.items()}
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
    for label in ([1], [[1.0, 0.0]], np.int64(1), 1):
        assert Graph.from_pyg(pyg(y=label)).y is None
    assert Graph.from_pyg(pyg(y=[[0], [1], [1], [0]])).y.tolist() == [0, 1, 1, 0]
    assert Graph.from_pyg(pyg(), y=np.ones(4)).y.tolist() == [1, 1, 1, 1]


def test_pyg_of_other_types():
    check_equal(Graph.from_pyg(pyg(x=Tensor(X, "torch.sparse_csr"))), expected())
    check_equal(Graph.from_pyg(pyg(x=Tensor(X, dtype="torch.bfloat16"))), expected())
    empty = pyg(edge_index=np.zeros((2, 0), int), edge_attr=np.zeros((0, 3)))
    assert Graph.from_pyg(empty).edge_features.shape == (0, 3)
    splits = np.stack([MASK, ~MASK], axis=1)
    with pytest.raises(
        ValueError, match=r"`train_mask` .*train_mask\[:, 0\].*\(4, 2\)"
    ):
        Graph.from_pyg(pyg(train_mask=splits))
    graph = Graph.from_pyg(pyg(train_mask=splits), train_mask=splits[:, 1])
    assert graph.train_mask.tolist() == (~MASK).tolist()


def test_dgl():
    check_equal(Graph.from_dgl(dgl()), expected())
    graph = dgl({"h": 2 * X}, {"w": WEIGHT, "f": FEATURES})
    found = Graph.from_dgl(
        graph, feature_name="h", edge_weight_name="w", edge_feature_name="f"
    )
    wanted = expected(edge_weight=WEIGHT, edge_features=FEATURES).replace(x=2 * X)
    check_equal(found, wanted)
    assert Graph.from_dgl(dgl(), feature_name=None, label_name="none").y is None
    column = Graph.from_dgl(dgl((), {"w": WEIGHT[:, None]}), edge_weight_name="w")
    check_equal(column, expected(edge_weight=WEIGHT))


def test_ogb():
    split = {"train": [0, 2], "valid": Tensor([1]), "test": [3]}
    found = Graph.from_ogb(ogb(edge_feat=FEATURES), [[0], [1], [1], [0]], split)
    val_mask, test_mask = np.arange(4) == 1, np.arange(4) == 3
    wanted = expected(edge_features=FEATURES, val_mask=val_mask, test_mask=test_mask)
    check_equal(found, wanted)
    assert Graph.from_ogb(ogb(node_feat=None)).x is None
    # As in "ogbn-papers100M", where most nodes have no class.
    nan = np.nan
    assert Graph.from_ogb(ogb(), [[0.0], [nan], [1.0], [nan]]).y.tolist() == [
        0,
        -1,
        1,
        -1,
    ]
    several = Graph.from_ogb(ogb(), [[0.0, 1.0], [nan, 1.0], [1.0, 0.0], [nan, nan]])
    np.testing.assert_array_equal(several.y[1], [nan, 1])


def test_a_number_of_nodes_that_the_object_does_not_know():
    data = SimpleNamespace(edge_index=EDGES.T, num_nodes=None)
    assert Graph.from_pyg(data, num_nodes=7).num_nodes == 7
    graph = {"edge_index": EDGES.T, "num_nodes": None}
    assert Graph.from_ogb(graph, num_nodes=7).num_nodes == 7
    for call in (lambda: Graph.from_pyg(data), lambda: Graph.from_ogb(graph)):
        with pytest.raises(ValueError, match=r"`num_nodes=...`.*num_nodes.*=None"):
            call()


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
        *(
            (
                lambda split=split: Graph.from_ogb(ogb(), None, split),
                r"`split\['test'\]` to .* node numbers",
            )
            for split in (
                {"train": [0], "valid": [1], "test": [number]}
                for number in (-1, 9, 0.5)
            )
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

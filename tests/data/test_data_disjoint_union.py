import numpy as np
import pytest

from tfgraph.data import Graph, disjoint_union

FIRST = Graph([[1.0], [2.0]], [(0, 1)], y=[0, 1], train_mask=[True, False])
SECOND = Graph([[3.0]], [(0, 0)], edge_weight=[0.5], y=[1], val_mask=[True])


def test_nodes_one_after_the_other():
    graph = disjoint_union([FIRST, SECOND, FIRST])
    np.testing.assert_array_equal(graph.x, [[1], [2], [3], [1], [2]])
    np.testing.assert_array_equal(graph.edges, [[0, 1], [2, 2], [3, 4]])
    np.testing.assert_array_equal(graph.edge_weight, [1, 0.5, 1])
    np.testing.assert_array_equal(graph.y, [0, 1, 1, 0, 1])
    assert graph.train_mask is None  # the second has none
    assert graph.val_mask is None


def test_masks_and_sparse_features():
    sparse = pytest.importorskip("scipy.sparse")
    first = FIRST.replace(x=sparse.csr_array(FIRST.x))
    graph = disjoint_union([first, first])
    np.testing.assert_array_equal(graph.dense_features(), [[1], [2], [1], [2]])
    assert sparse.issparse(graph.x)
    assert graph.edge_weight is None
    np.testing.assert_array_equal(graph.train_mask, [True, False] * 2)


def test_without_features():
    graph = disjoint_union([FIRST.replace(x=None), SECOND])
    assert graph.x is None
    assert graph.num_nodes == 3


def test_bad_input():
    with pytest.raises(ValueError, match="`graphs` to hold a graph"):
        disjoint_union([])
    wide = Graph([[1.0, 2.0]], np.zeros([0, 2], int))
    with pytest.raises(ValueError, match=r"columns of `x`.*\(2, 1\), \(1, 2\)"):
        disjoint_union([FIRST, wide])

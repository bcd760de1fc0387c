import numpy as np
import pytest
import scipy.sparse

from tfgraph.data import Graph, standardized

RNG = np.random.default_rng(0)


def graph_of(x, **fields):
    return Graph(x, [], **fields)


def test_standardized():
    a, b, c = RNG.normal(3, 5, (3, 7, 4))
    a[:, 2] = b[:, 2] = 8  # no deviation among the training nodes
    train, rest = standardized(
        [graph_of(a, y=[1] * 7), graph_of(scipy.sparse.csr_array(b))], [graph_of(c)]
    )
    rows = np.concatenate([graph.x for graph in train])
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(axis=0), [1, 1, 0, 1], rtol=1e-6)
    assert train[0].y.tolist() == [1] * 7

    known = np.concatenate([a, b])
    deviation = known.std(axis=0)
    deviation[2] = 1
    np.testing.assert_allclose(
        rest[0].x, (c - known.mean(axis=0)) / deviation, rtol=1e-5, atol=1e-6
    )


def test_only_training_nodes_count():
    mask = np.array([True, True, False])
    [[graph]] = standardized([graph_of([[1.0], [3.0], [12.0]], train_mask=mask)])
    np.testing.assert_allclose(graph.x, [[-1], [1], [10]])


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        (([],), "a training node.*training=\\[\\]"),
        (([graph_of(np.ones((2, 3)))], [graph_of(np.ones((2, 4)))]), "features=4"),
        (([graph_of(np.zeros((0, 3)))],), "nodes=0"),
        (([Graph(None, [], num_nodes=2)],), "with features"),
    ],
)
def test_errors(graphs, message):
    with pytest.raises(ValueError, match=message):
        standardized(*graphs)

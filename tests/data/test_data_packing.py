import itertools

import keras
import numpy as np
import pytest

from tfgraph.data.pipelines.packing import Limits, batches

NODES = np.random.default_rng(0).permutation(np.arange(1, 61))
EDGES = 3 * NODES

LIMITS = [
    Limits(8, None, None, padded=False),
    Limits(8, 100, None, padded=False),
    Limits(8, None, 400, padded=False),
    Limits(8, 50, 400, padded=False),  # fewer than some graphs have
    Limits(8, None, None, padded=True),
    Limits(8, 150, None, padded=True),
    Limits(8, 300, 500, padded=True),
]


def epoch(dataset):
    return [numbers.tolist() for numbers in dataset.as_numpy_iterator()]


def shuffled(limits, seed):
    return batches(NODES, EDGES, limits, shuffle=True, seed=seed)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("limits", LIMITS)
def test_limits(limits, shuffle):
    dataset = batches(NODES, EDGES, limits, shuffle, seed=3)
    for _ in range(2):
        numbers = epoch(dataset)
        assert len(numbers) == len(dataset)
        flat = [number for batch in numbers for number in batch]
        assert (sorted(flat) if shuffle else flat) == list(range(60))
        for batch in numbers:
            nodes = NODES[batch]
            num_nodes = len(nodes) * nodes.max() if limits.padded else nodes.sum()
            assert len(batch) <= 8
            if len(batch) > 1:
                assert limits.nodes is None or num_nodes <= limits.nodes
                assert limits.edges is None or EDGES[batch].sum() <= limits.edges


def test_batches_are_as_full_as_they_can_be():
    lengths = list(map(len, epoch(batches(NODES, EDGES, LIMITS[0], False, None))))
    assert lengths == [8] * 7 + [4]
    numbers = epoch(batches(NODES, EDGES, LIMITS[1], False, None))
    for batch, following in itertools.pairwise(numbers):
        assert len(batch) == 8 or NODES[[*batch, following[0]]].sum() > 100


@pytest.mark.parametrize("limits", LIMITS)
def test_shuffle(limits):
    dataset = shuffled(limits, 1)
    first, second = epoch(dataset), epoch(dataset)
    # Not just the same batches in another order.
    assert sorted(map(sorted, first)) != sorted(map(sorted, second))
    again = shuffled(limits, 1)
    assert [epoch(again), epoch(again)] == [first, second]
    assert epoch(shuffled(limits, 2)) != first


def test_the_global_seed_decides_if_there_is_no_other():
    unseeded = []
    for seed in (5, 5, 6):
        keras.utils.set_random_seed(seed)
        unseeded.append(epoch(shuffled(LIMITS[1], None)))
    assert unseeded[0] == unseeded[1] != unseeded[2]


def test_each_graph_meets_every_other():
    dataset = batches(NODES[:12], EDGES[:12], Limits(6, None, None, False), True, 0)
    met = np.zeros((12, 12), bool)
    for _ in range(20):
        for batch in epoch(dataset):
            met[np.ix_(batch, batch)] = True
    assert met.all()


def test_few_graphs():
    limits = Limits(8, 10, None, padded=True)
    for nodes in ([0], [3], [0, 0, 0], [40, 40]):
        nodes = np.array(nodes)
        numbers = epoch(batches(nodes, nodes, limits, shuffle=True, seed=0))
        assert sorted(itertools.chain(*numbers)) == list(range(len(nodes)))
        assert len(numbers) == (2 if len(nodes) == 2 else 1)

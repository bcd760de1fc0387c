import numpy as np
import pytest

from tfgraph.data import Graph, random_split, stratified_folds

# 60, 40 and 50 nodes of three classes, and 10 without label.
Y = np.random.default_rng(1).permutation(np.repeat([0, 1, 2, -1], [60, 40, 50, 10]))


def graph(y=Y):
    return Graph(None, [], y=y, num_nodes=None if y is not None else 160)


def masks(split):
    return np.stack([split.train_mask, split.val_mask, split.test_mask])


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"train_per_class": 20, "val": 30, "test": 40}, (60, 30, 40)),
        ({"train_per_class": 20, "val": 30, "test": 60}, (60, 30, 60)),
        ({"train_per_class": 5, "val": 7, "test": None}, (15, 7, 128)),
        ({"train_per_class": 10, "val_per_class": 30, "test": None}, (30, 90, 30)),
        ({"train_per_class": 10, "val_per_class": 5, "test": 8}, (30, 15, 8)),
        ({"train_per_class": 3, "val": 0, "test": 0}, (9, 0, 0)),
    ],
)
def test_sizes(sizes, expected):
    split = random_split(graph(), **sizes)
    assert tuple(masks(split).sum(axis=1)) == expected
    assert masks(split).sum(axis=0).max() == 1  # no node is in two sets
    assert not masks(split)[:, Y == -1].any()
    per_class = np.bincount(Y[split.train_mask], minlength=3)
    assert (per_class == sizes["train_per_class"]).all()
    if "val_per_class" in sizes:
        per_class = np.bincount(Y[split.val_mask], minlength=3)
        assert (per_class == sizes["val_per_class"]).all()


@pytest.mark.parametrize(
    ("sizes", "train", "val", "test"),
    [
        ((0.6, 0.2, 0.2), [36, 24, 30], [12, 8, 10], [12, 8, 10]),
        ((0.6,), [36, 24, 30], [12, 8, 10], [12, 8, 10]),  # the rest in halves
        ((0.5, 0.25, None), [30, 20, 25], [15, 10, 13], [15, 10, 12]),
        ((0.5, 0.25, 0.1), [30, 20, 25], [15, 10, 13], [6, 4, 4]),
        ((np.float32(0.5), 0.5, 0.0), [30, 20, 25], [30, 20, 25], [0, 0, 0]),
        ((np.int32(20), 0.25, 0.25), [20, 20, 20], [15, 10, 12], [15, 10, 13]),
    ],
)
def test_fractions_are_of_each_class(sizes, train, val, test):
    split = random_split(graph(), *sizes)
    for mask, expected in zip(masks(split), (train, val, test), strict=True):
        assert np.bincount(Y[mask], minlength=3).tolist() == expected
    assert masks(split).sum(axis=0).max() == 1


def test_a_fraction_beside_numbers():
    split = random_split(graph(), 0.5, 30, 40)
    assert masks(split).sum(axis=1).tolist() == [75, 30, 40]
    split = random_split(graph(), 0.5, val_per_class=np.int64(5))
    assert masks(split).sum(axis=1).tolist() == [75, 15, 60]


def test_the_defaults_are_those_of_planetoid():
    large = graph(np.repeat([0, 1], 1000))
    assert masks(random_split(large)).sum(axis=1).tolist() == [40, 500, 1000]


def test_the_seed_decides():
    first, again, other = (
        masks(random_split(graph(), 20, 30, 40, seed=seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(axis=1).all()


def test_every_node_is_drawn_sometimes():
    drawn = sum(masks(random_split(graph(), 10, 20, 20, seed=s)) for s in range(60))
    assert (drawn[:, Y >= 0] > 0).all()


@pytest.mark.parametrize(
    ("y", "sizes", "message"),
    [
        (Y, {"train_per_class": 41}, "class 1 with 40 nodes, train_per_class=41"),
        (Y, {"val_per_class": 21}, "at least 41 labelled .*class 1 .*val_per_class=21"),
        (Y, {"val": 30, "test": 61}, "at least 91 .*90 nodes, val=30, test=61"),
        (Y, {"val": 91, "test": None}, "at least 91 .*90 nodes, val=91"),
        (Y, {"val_per_class": 20, "test": 31}, "at least 31 .*30 nodes"),
        (Y, {"val": -1}, "`val` to be non-negative.*val=-1"),
        (Y, {"val": True}, "`val` to be non-negative.*val=True"),
        (Y, {"train_per_class": 1.5}, "fraction from 0.0 to 1.0.*=1.5"),
        (Y, {"train_per_class": np.nan}, "`train_per_class` .*=nan"),
        (Y, {"test": "all"}, "`test` .*test='all'"),
        (Y, {"train_per_class": 0.8, "val": 0.3}, "add up to 1 at most.*val=0.3"),
        (Y, {"seed": "a"}, "`seed` to be a non-negative integer or None.*seed='a'"),
        (Y, {"seed": -1}, "seed=-1"),
        (None, {}, "`graph` to have class numbers `y`.*nodes=160"),
        (np.eye(160), {}, "`graph` to have class numbers"),
        (Y / 2, {}, "`graph` to have class numbers"),
    ],
)
def test_errors(y, sizes, message):
    with pytest.raises(ValueError, match=message):
        random_split(graph(y), **sizes)


LABELS = np.random.default_rng(2).permutation(np.repeat([5, 0, 2], [41, 37, 25]))


@pytest.mark.parametrize("num_folds", [3, 10])
def test_folds(num_folds):
    splits = stratified_folds(LABELS, num_folds)
    assert len(splits) == num_folds
    everything = np.arange(len(LABELS))
    for split in splits:
        np.testing.assert_array_equal(np.sort(np.concatenate(split)), everything)
    for part in (1, 2):  # each example validates once and tests once
        parts = [split[part] for split in splits]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), everything)
        assert np.ptp([len(numbers) for numbers in parts]) <= 1
        for label in np.unique(LABELS):
            counts = [(LABELS[numbers] == label).sum() for numbers in parts]
            assert np.ptp(counts) <= 1


def test_the_seed_decides_the_folds():
    first, again, other = (
        np.concatenate([test for _, _, test in stratified_folds(LABELS, seed=seed)])
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("labels", "num_folds", "message"),
    [
        (LABELS, 2, "`num_folds` to be at least 3.*num_folds=2, 103 examples"),
        (LABELS, True, "num_folds=True"),
        (LABELS, 3.0, "num_folds=3.0"),
        ([0, np.nan, 1], 3, "nan at index 1"),
        ([0, None, 1], 3, "`labels` .*dtype=object"),
        (LABELS[:4], 5, "`num_folds` .*num_folds=5, 4 examples"),
        (LABELS[:, None], 5, r"`labels` .*shape=\(103, 1\)"),
    ],
)
def test_errors_of_folds(labels, num_folds, message):
    with pytest.raises(ValueError, match=message):
        stratified_folds(labels, num_folds)

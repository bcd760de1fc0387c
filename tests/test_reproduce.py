"""The commands of benchmarks/reproduce.py on small files of each data set's format."""

import importlib
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from small_files import write_nell, write_ppi

import tfgraph

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def reproduce(run_script):
    """Runs the command; returns what its last line says."""

    def run(*arguments):
        printed = run_script(BENCHMARKS / "reproduce.py", *arguments)
        return json.loads(printed.strip().splitlines()[-1])

    return run


@pytest.fixture
def made(monkeypatch):
    """Returns a function that notes with which arguments a model is made."""

    def note(name):
        model_class = getattr(tfgraph.models, name)
        arguments = []

        class Noted(model_class):  # a class, of which benchmarks derive their own
            def __init__(self, *args, **kwargs):
                arguments.append(kwargs)
                super().__init__(*args, **kwargs)

        monkeypatch.setattr(tfgraph.models, name, Noted)
        return arguments

    return note


@pytest.fixture
def impatient(monkeypatch):
    """Stops GAT after 30 epochs: with an accuracy of 1 it would never stop."""

    class Stopping(tfgraph.callbacks.LossAndMetricStopping):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            self.model.stop_training |= epoch == 29

    monkeypatch.setattr(tfgraph.callbacks, "LossAndMetricStopping", Stopping)


def communities(num_classes, size):
    """A graph of rings, one for each class, with the class and noise as features."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(num_classes), size)
    node = np.arange(len(y))
    edges = np.stack([node, node // size * size + (node + 1) % size], axis=1)
    x = np.eye(num_classes + 2)[y] + rng.integers(2, size=(len(y), num_classes + 2))
    return tfgraph.data.Graph(x, edges, y=y).symmetrized()


@pytest.fixture
def small_planetoid(monkeypatch):
    graph = tfgraph.data.random_split(communities(3, 60), 20, 30, 60)
    monkeypatch.setattr(tfgraph.data, "planetoid", lambda name: graph)


def test_gcn_on_nell(reproduce, made, tmp_path, monkeypatch):
    write_nell(tmp_path, monkeypatch)
    arguments = made("GCN")
    result = reproduce("gcn", "nell", "--runs", 2)
    assert result["metrics"]["accuracy"]["mean"] > 50
    assert result["runs"] == 2
    # The paper's, with L2 of half the factor: Keras' has no ½.
    assert arguments[0]["hidden_units"] == [64]
    assert arguments[0]["dropout"] == 0.1
    first, second = arguments[0]["kernel_regularizer"]
    assert (float(first.l2), second) == (pytest.approx(5e-6), None)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_gat_on_ppi(reproduce, made, tmp_path, monkeypatch):
    write_ppi(tmp_path, monkeypatch)
    arguments = made("GAT")
    result = reproduce("gat-inductive", "ppi", "--runs", 1)
    assert set(result["metrics"]) == {"micro_f1", "auc"}
    # Two of three labels in three are 1.
    assert result["metrics"]["micro_f1"]["mean"] > 50
    assert arguments[0]["hidden_units"] == [256, 256]
    assert (arguments[0]["num_heads"], arguments[0]["output_heads"]) == (4, 6)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sage", "sage-unsupervised"])
def test_sage_on_ppi(model, reproduce, tmp_path, monkeypatch):
    write_ppi(tmp_path, monkeypatch)
    result = reproduce(model, "ppi", "--runs", 1)
    assert result["metrics"]["micro_f1"]["mean"] > 50


@pytest.mark.slow
@pytest.mark.usefixtures("impatient", "small_planetoid")
def test_gat_on_pubmed(reproduce, made, monkeypatch):
    arguments, rates = made("GAT"), []
    adam = keras.optimizers.Adam
    monkeypatch.setattr(
        keras.optimizers, "Adam", lambda rate: (rates.append(rate), adam(rate))[1]
    )
    result = reproduce("gat", "pubmed", "--runs", 2)
    assert result["metrics"]["accuracy"]["mean"] > 50
    assert arguments[0]["output_heads"] == 8
    assert float(arguments[0]["kernel_regularizer"].l2) == pytest.approx(5e-4)
    assert rates == [0.01]


@pytest.mark.slow
@pytest.mark.usefixtures("small_planetoid")
@pytest.mark.parametrize("flags", [[], ["--random-splits"]])
def test_links_of_random_splits(flags, reproduce, monkeypatch):
    splits = []
    link_split = tfgraph.data.link_split

    def noted(graph, seed):
        splits.append((seed, link_split(graph, seed=seed)))
        return splits[-1][1]

    monkeypatch.setattr(tfgraph.data, "link_split", noted)
    result = reproduce("gae", "citeseer", "--runs", 2, *flags)
    assert result["random_splits"] == bool(flags)
    assert 0 < result["metrics"]["auc"]["mean"] <= 100
    (first_seed, first), (second_seed, second) = splits
    assert (first_seed, second_seed) == ((0, 1) if flags else (0, 0))
    same = np.array_equal(first.test.pairs, second.test.pairs)
    assert same == (not flags)


@pytest.fixture
def small_pitfalls(monkeypatch):
    """The module, with a small data set: a component of 180 nodes, and one of two."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    pitfalls = importlib.import_module("pitfalls")
    alone = tfgraph.data.Graph(np.zeros([2, 5]), [(0, 1), (1, 0)], y=[0, 1])
    rings = communities(3, 60)
    bridges = [(0, 60), (60, 0), (60, 120), (120, 60)]
    joined = rings.replace(edges=np.concatenate([rings.edges, bridges]))
    graph = tfgraph.data.disjoint_union([alone, joined])
    monkeypatch.setitem(pitfalls.DATASETS, "small", lambda: graph)
    yield pitfalls
    pitfalls._read.cache_clear()


def test_splits_of_shchur_et_al(small_pitfalls):
    first, second = (small_pitfalls.split("small", seed) for seed in (0, 1))
    assert first.num_nodes == 180
    assert set(np.unique(first.x)) == {0, 1}
    for part, each in (("train", 20), ("val", 30), ("test", 10)):
        mask = getattr(first, f"{part}_mask")
        assert np.bincount(first.y[mask]).tolist() == [each] * 3
        assert (mask != getattr(second, f"{part}_mask")).any()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gcn", "gat"])
def test_models_of_shchur_et_al(model, small_pitfalls):
    ((metrics, _),) = getattr(small_pitfalls, model)("small", 1)
    assert metrics["accuracy"] > 0.5


@pytest.mark.slow
def test_diffpool_on_reddit_multi_12k(reproduce, made, tmp_path, monkeypatch):
    """Ten graphs of each class, paths of 3 to 13 nodes."""
    sizes = np.tile(np.arange(11) + 3, 10)
    ends = np.cumsum(sizes)
    node = np.delete(np.arange(ends[-1]), ends - 1) + 1  # all but the last ones
    entries = np.concatenate([[node, node + 1], [node + 1, node]], axis=1).T
    texts = {
        "A": "\n".join(f"{row}, {column}" for row, column in entries),
        "graph_indicator": "\n".join(map(str, np.repeat(np.arange(110) + 1, sizes))),
        "graph_labels": "\n".join(map(str, sizes - 2)),
    }
    (tmp_path / "tu").mkdir()
    name = "REDDIT-MULTI-12K"
    with zipfile.ZipFile(tmp_path / "tu" / f"{name}.zip", "w") as archive:
        for part, text in texts.items():
            archive.writestr(f"{name}/{name}_{part}.txt", text)
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(tmp_path))
    arguments = made("DiffPoolClassifier")
    options = ("--folds", 1, "--epochs", 5, "--metric", "accuracy_strict")
    result = reproduce("diffpool", name, *options)
    # Their sizes tell the classes, so that the model learns more than to guess.
    assert result["metrics"]["accuracy_strict"]["mean"] > 100 / 11
    assert arguments[0]["max_nodes"] == 500

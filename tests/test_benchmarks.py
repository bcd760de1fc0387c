"""The quick mode of the long reproductions, and the contenders of the speed cases."""

import functools
import importlib
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
REPRODUCE = BENCHMARKS / "reproduce.py"


@pytest.fixture
def module(monkeypatch):
    """Returns a function that imports a module of the benchmarks."""
    monkeypatch.syspath_prepend(BENCHMARKS / "contenders")
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.mark.slow
@pytest.mark.skipif(
    "TFGRAPH_DATA_DIR" not in os.environ, reason="TFGRAPH_DATA_DIR is not set"
)
def test_diffpool_keeps_the_folds_that_are_done(run_script, tmp_path):
    def reproduce():
        options = "--folds 1 --epochs 5 --metric accuracy_strict --checkpoints ."
        printed = run_script(REPRODUCE, "diffpool", "ENZYMES", *options.split())
        *progress, last = printed.strip().splitlines()
        return progress, json.loads(last)

    progress, first = reproduce()
    [file] = tmp_path.glob("*.json")
    assert "kept" not in progress[0]
    # Six classes of the same size.
    assert first["metrics"]["accuracy_strict"]["mean"] > 25

    done = file.stat().st_mtime_ns
    progress, again = reproduce()
    assert f"kept in {file.name}" in progress[0]
    assert again["metrics"] == first["metrics"]
    assert file.stat().st_mtime_ns == done


def test_accuracy_paper_is_of_the_best_mean_epoch(run_script, tmp_path):
    # Kept folds, so nothing is trained. Alone, the first is best in epoch 1.
    for fold, curve in enumerate([[0.9, 0.6, 0.1], [0.1, 0.7, 0.1]]):
        file = tmp_path / f"diffpool-PROTEINS-diffpool-accuracy_paper-3-{fold}.json"
        file.write_text(json.dumps({"val_accuracy": curve, "note": ""}))
    options = f"--folds 2 --epochs 3 --metric accuracy_paper --checkpoints {tmp_path}"
    printed = run_script(REPRODUCE, "diffpool", "PROTEINS", *options.split())
    result = json.loads(printed.strip().splitlines()[-1])
    assert result["metrics"]["accuracy_paper"] == {"mean": 65.0, "std": 7.07}


def test_papers_in_both_directions(module):
    cases = module("cases")
    graph = cases.papers(50, 49, 3)
    assert sum(map(len, graph["edges"].values())) == 300 + 651 + 49
    both = cases.both_directions(graph["edges"])
    assert len(both) == 6
    for (source, name, target), edges in graph["edges"].items():
        backward = both[target, f"reversed_{name}", source]
        assert np.all(np.diff(backward[:, 1]) >= 0)
        assert sorted(map(tuple, backward[:, ::-1])) == sorted(map(tuple, edges))


@pytest.mark.parametrize(
    ("script", "model", "case"),
    [
        ("hetero_tfgraph", "sampled", "hetero-sampled"),
        ("sage_tfgraph", "sage", "sage-sampled"),
    ],
)
def test_contender_takes_its_case(module, monkeypatch, script, model, case):
    cases = module("cases")
    papers = functools.partial(cases.papers, 50, 49, 3)
    nodes = functools.partial(cases._graph, 60, 150, 8, 3, num_train=30)
    small = {
        "HETERO_SAMPLED": {"hetero-sampled": (papers, 4, 8, (2, 2), 1, 2)},
        "SAGE": {"sage-sampled": (nodes, 4, 8, (2, 2), 1, 2)},
    }
    for name, value in small.items():
        monkeypatch.setattr(cases, name, value)
    seconds = getattr(module(script), model)(case, "both")
    assert len(seconds) == 2


def test_each_contender_has_a_script_that_takes_its_case(module):
    speed = module("speed")
    found = set()
    for case, contenders in speed.CASES.items():
        for contender in contenders:
            library = contender.split(",")[0]
            script = BENCHMARKS / "contenders" / speed.script_of(library, case)
            models = re.findall(
                r"^def (\w+)\(case, variant\)", script.read_text(), re.M
            )
            assert set(models) & set(case.split("-")), (contender, case)
            found.add(library)
    assert found == set(speed.SCRIPTS)


def test_speed_leaves_out_what_is_not_installed(module, monkeypatch, capsys):
    """tfgraph's figures stand alone if no other library can be used."""
    speed = module("speed")
    own = {"median_s": 2.0, "peak_mb": 3.0, "imports_mb": 1.0}

    def run(python, library, case, variant):
        asked.append((library, python))
        return own if library == "tfgraph" else None

    asked = []
    monkeypatch.setattr(speed, "run", run)
    monkeypatch.setattr("sys.argv", ["_", "gat-large", "--k3-node", "k3/bin/python"])
    speed.main()
    assert ("k3-node", "k3/bin/python") in asked and ("dgl", sys.executable) in asked
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result == {"case": "gat-large", **own, "baselines": {}}


def test_large_graphs(module, monkeypatch):
    """The predictions are those of two layers in NumPy; both ways to build run."""
    cases, large = module("cases"), module("large_tfgraph")
    monkeypatch.setattr(cases, "GRAPH", {"graph-build": (50, 200, 0)})
    monkeypatch.setattr(cases, "PREDICT", {"predict-large": (50, 200, 3)})
    monkeypatch.setattr(cases, "PREDICT_BATCH_SIZE", 20)
    with cases.on_disk(50, 200, 3, fortran_order=True) as (x, edges):
        assert edges.T.flags.c_contiguous
        found = large.predictor(x, edges)()
        h = np.array(x, np.float64)
        degree = np.bincount(edges[:, 1], minlength=50)
        for number, weights in enumerate(cases.sage_weights(3, *cases.PREDICT_WIDTHS)):
            kernel, neighbor_kernel, bias = weights
            mean = np.zeros_like(h)
            np.add.at(mean, edges[:, 1], h[edges[:, 0]])
            mean /= np.maximum(degree, 1)[:, None]
            h = h @ kernel + mean @ neighbor_kernel + bias
            h = np.maximum(h, 0) if number == 0 else h
    np.testing.assert_allclose(found, h, atol=1e-5)
    for variant in ("sampler", "adjacency"):
        assert len(large.graph("graph-build", variant)) == 3
    for variant in ("in memory", "to a file"):
        assert len(large.predict("predict-large", variant)) == 3


def test_sampling_sizes(module, monkeypatch, capsys):
    arguments = "_ --small 3000 --large 6000 --rounds 1"
    monkeypatch.setattr("sys.argv", arguments.split())
    module("sampling_sizes").main()
    printed = json.loads(capsys.readouterr().out)
    small, large = printed["edges"]["3000"], printed["edges"]["6000"]
    expected = large["batches_per_s"] / small["batches_per_s"]
    assert printed["ratio"] == pytest.approx(expected)
    assert 0 < small["nodes_per_batch"] <= 300


def test_auc_counts_ties_as_a_half(module):
    auc = module("movielens").roc_auc(np.array([1, 0, 1, 0]), [0.5, 0.5, 0.9, 0.1])
    assert auc == (0.5 + 1 + 1 + 1) / 4


def test_links_stop_without_a_better_auc(module):
    rule = module("movielens").Stopping()
    aucs = [0.7, 0.9, 0.8, 0.9, 0.1, 0.2, 0.3, 0.99]
    best = []
    for auc in aucs:
        best.append(rule.is_best(auc))
        if rule.done:
            break
    assert best == [True, True, False, False, False, False, False]
    assert (rule.best, rule.best_epoch) == (0.9, 2)


def test_supervision_and_messages_share_no_rating(module):
    movielens = module("movielens")
    train = np.stack([np.arange(10), np.arange(10)[::-1]], axis=1)
    messages, supervision = movielens.divided(train, seed=0)
    assert len(supervision) == 3
    both = np.concatenate([messages, supervision])
    assert sorted(map(tuple, both)) == sorted(map(tuple, train))


@pytest.mark.slow
def test_accelerator(module, monkeypatch, tmp_path, capfd):
    """Names the tests that fail, times each variant, and trains twice."""
    accelerator, cases = module("accelerator"), module("cases")
    file = tmp_path / "test_two.py"
    file.write_text("def test_right(): pass\ndef test_wrong(): assert False\n")
    small = functools.partial(cases._graph, 60, 150, 8, 3, num_train=30)
    monkeypatch.setattr(cases, "cora_like", small)
    monkeypatch.setattr(accelerator.speed, "run", lambda *arguments: arguments[1:])
    deterministic = []
    monkeypatch.setattr(
        tf.config.experimental,
        "enable_op_determinism",
        lambda: deterministic.append(True),
    )
    arguments = ["_", "--tests", str(file), "--cases", "vgae-cora", "sage-sampled"]
    monkeypatch.setattr("sys.argv", arguments)
    accelerator.main()
    result = json.loads(capfd.readouterr().out.splitlines()[-1])
    [failed] = result["failed"]
    assert result["tests"] == 2 and failed.endswith("test_two::test_wrong")
    assert result["seconds"]["vgae-cora"] == {
        variant: ["tfgraph", "vgae-cora", variant] for variant in ("default", "sparse")
    }
    assert "both, always" in result["seconds"]["sage-sampled"]
    assert result["repeats"] in (True, False) and deterministic == [True]
    assert any("CPU" in device for device in result["devices"])

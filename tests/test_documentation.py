"""README, the pages of docs/ and the examples run as they are printed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfgraph

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    page.stem: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")
}


def trains_on_data(test):
    """Marks a test as slow, and as skipped without the data sets."""
    without_data = "TFGRAPH_DATA_DIR" not in os.environ
    skip = pytest.mark.skipif(without_data, reason="TFGRAPH_DATA_DIR is not set")
    return pytest.mark.slow(skip(test))


def blocks(page, language):
    found = re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return "\n".join(found)


def run_python(*arguments, cwd):
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


@trains_on_data
def test_readme(tmp_path):
    code = blocks(README, "python")
    assert code.count("model.fit(") == 1
    (tmp_path / "readme.py").write_text(code)
    printed = run_python("readme.py", cwd=tmp_path)
    assert float(re.findall(r"accuracy: (0\.\d+)", printed)[-1]) > 0.7
    assert (tmp_path / "gcn.keras").exists()


def test_readme_is_short_and_true():
    assert len(README.splitlines()) <= 150
    links = {ROOT / link for link in re.findall(r"\]\((?!http)([^)#]+)", README)}
    guides = {link for link in links if link.parent == ROOT / "docs" / "guides"}
    assert guides >= set((ROOT / "docs" / "guides").glob("*.py"))
    assert [link for link in links - guides if not link.exists()] == []
    seconds = re.findall(r"\| ([\d.]+) \| ([\d.]+) \| ([\d.–]+) \|\n", README)
    assert len(seconds) == 5
    for ours, pyg, dgl in seconds:
        row = rf"\| {ours} \| .* \| {pyg} \| {dgl} \|"
        assert re.search(row, PAGES["results"]), ours
    names = set(re.findall(r"`((?:data|layers|models)\.\w+)`", README))
    assert len(names) > 20
    for name in names:
        module, public = name.split(".")
        assert hasattr(getattr(tfgraph, module), public), name


def test_pages_name_what_there_is():
    for page in PAGES.values():
        for name in re.findall(r"tfgraph\.([\w.]+\w)", page):
            made = tfgraph
            for part in name.split("."):
                assert hasattr(made, part), name
                made = getattr(made, part)


def test_questions_and_limits(tmp_path, monkeypatch):
    """The code of the page runs, and what the text says of its results is so."""
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(blocks(PAGES["limits"], "python"), found)
    assert found["weights"].sum() == pytest.approx(34)
    assert found["second"].indices.shape == (20, 2)
    assert len(list(found["shuffled"])) == 2
    new, old = (found[name](found["inputs"]) for name in ("again", "own"))
    np.testing.assert_array_equal(new, old)
    scaled = found["scaled"].x[found["graph"].train_mask]
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    shapes = {
        str([part.shape for part in tf.nest.flatten(batch[0])])
        for batches in (found["batches"].repeat(3), found["padded"])
        for batch in batches
    }
    assert len(shapes) == 2  # one for each of the two
    assert not (tmp_path / "backup" / "backup.npz").exists()
    assert found["y"].shape == (34, 2)


def test_coming_from_another_library():
    found = {}
    exec(blocks(PAGES["coming_from"], "python"), found)
    entries = found["adjacency"].indices.numpy().tolist()
    assert sorted(entries) == [[2, 0], [4, 1], [5, 3]]


@trains_on_data
def test_data_sets_have_the_sizes_of_the_page():
    row = r"^\| `(\w+\(.*\))` \| .* \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|"
    rows = re.findall(row, PAGES["datasets"], re.MULTILINE)
    checked = 0
    for call, *numbers in rows:
        if call.startswith("reddit"):
            continue  # the files are not there
        graphs = eval(f"tfgraph.data.{call}", {"tfgraph": tfgraph})
        graphs = graphs if isinstance(graphs, list) else [graphs]
        nodes = sum(graph.num_nodes for graph in graphs)
        edges = sum(graph.num_edges for graph in graphs)
        found = [nodes, edges, graphs[0].num_features, graphs[0].num_classes]
        assert found == [int(number.replace(",", "")) for number in numbers], call
        checked += 1
    assert checked == 7


@pytest.mark.slow
def test_serving_requests(tmp_path):
    pytest.importorskip("tensorflow_serving")
    page = PAGES["serving"]
    code = blocks(page, "python")
    assert code.count("model.fit(") == 1
    code += "\nopen('request', 'wb').write(request.SerializeToString())\n"
    (tmp_path / "serving.py").write_text(code)
    run_python("serving.py", cwd=tmp_path)

    version = tmp_path / "serving" / "gcn" / "1"
    signatures = tf.saved_model.load(str(version)).signatures

    # The REST body, converted as TensorFlow Serving does: by the signature's types.
    shell = blocks(page, "sh")
    body = json.loads(re.search(r"-d '(.*?)'", shell, re.DOTALL)[1])
    signature = signatures[body["signature_name"]]
    specs = signature.structured_input_signature[1]
    assert set(body["inputs"]) == set(specs)
    rest = signature(
        **{
            name: tf.constant(v, specs[name].dtype)
            for name, v in body["inputs"].items()
        }
    )["predictions"]
    assert rest.shape == (3, 2)

    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest.FromString((tmp_path / "request").read_bytes())
    signature = signatures[request.model_spec.signature_name]
    specs = signature.structured_input_signature[1]
    assert set(request.inputs) == set(specs)
    inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
    for name, value in inputs.items():
        assert value.dtype == specs[name].dtype.as_numpy_dtype
        assert specs[name].shape.is_compatible_with(value.shape)
    grpc = signature(**{name: tf.constant(v) for name, v in inputs.items()})

    # `saved_model_cli run` as printed, on the same graph.
    command = re.search(r"saved_model_cli run .*?'\n", shell, re.DOTALL)[0]
    command = shlex.split(command.replace("\\\n", " "))
    command[0] = shutil.which(command[0], path=os.path.dirname(sys.executable))
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    printed = np.array(re.findall(r"\d\.\d+(?:e-?\d+)?", run.stdout), "float32")
    np.testing.assert_allclose(
        printed[-6:].reshape(3, 2), grpc["predictions"], rtol=1e-4
    )


@pytest.mark.slow
def test_quickstart(tmp_path):
    printed = run_python(EXAMPLES / "quickstart.py", tmp_path, cwd=tmp_path)
    found = re.search(r"Members whose side is found: (\d+)%", printed)
    assert int(found[1]) >= 85
    losses = [float(loss) for loss in re.findall(r"Epoch \d+, loss (.*)", printed)]
    assert len(losses) == 5 and losses[-1] < 0.5 * losses[0]
    assert len(printed.splitlines()) <= 16
    reloaded, served = re.findall(r"\[\[.*?\]\]", printed, re.DOTALL)
    assert reloaded == served
    assert (tmp_path / "serving" / "1" / "saved_model.pb").exists()


@trains_on_data
@pytest.mark.parametrize("example", ["gcn_functional", "gcn_subclassed"])
def test_both_forms_of_an_example_agree(example, run_script):
    accuracies = [
        float(
            re.search(
                r"Test accuracy: (.*)", run_script(EXAMPLES / f"{example}.py", form)
            )[1]
        )
        for form in ("sparse", "graph_tensor")
    ]
    assert accuracies[0] > 0.75
    assert abs(accuracies[0] - accuracies[1]) <= 0.005


@trains_on_data
def test_gat_inductive(run_script):
    printed = run_script(EXAMPLES / "gat_inductive.py")
    assert float(re.search(r"AUC in a language never seen: (.*)", printed)[1]) > 0.53


@trains_on_data
def test_film_recommender(run_script):
    printed = run_script(EXAMPLES / "film_recommender.py", 414)
    assert float(re.search(r"Test AUC: (.*)", printed)[1]) > 0.9
    rated, recommended = printed.split("and may like")
    assert rated.count("\n   ") >= 5
    titles = re.findall(r"^   (.*), (0\.\d+|1\.000)$", recommended, re.MULTILINE)
    assert len({title for title, _ in titles}) == 10


@trains_on_data
def test_link_prediction(run_script, tmp_path):
    pytest.importorskip("matplotlib")
    printed = run_script(EXAMPLES / "link_prediction.py", tmp_path)
    auc, ap = re.search(r"Test AUC: (.*), average precision: (.*)", printed).groups()
    assert float(auc) > 0.89
    assert float(ap) > 0.9
    assert len(re.findall("New link of node 0", printed)) == 5
    for name in ("tensors.tsv", "metadata.tsv", "projector_config.pbtxt", "latent.png"):
        assert (tmp_path / name).stat().st_size > 0
    assert (tmp_path / "serving" / "1" / "saved_model.pb").exists()


@trains_on_data
def test_sage_minibatch(run_script, tmp_path):
    printed = run_script(EXAMPLES / "sage_minibatch.py", tmp_path)
    assert float(re.search(r"Test accuracy: (.*)", printed)[1]) > 0.73
    served = re.search(r"served from .*: \[\[(.*)\]\]", printed)[1]
    assert sum(map(float, served.split())) == pytest.approx(1, abs=1e-4)


@trains_on_data
def test_sage_inductive(run_script):
    printed = run_script(EXAMPLES / "sage_inductive.py")
    # Better than the more frequent class for everyone, whose second F1 is 0.
    assert float(re.search(r"never seen: (.*)", printed)[1]) > 0.58
    assert float(re.search(r"F1 of streams for adults: (.*)", printed)[1]) > 0.1


@trains_on_data
def test_graph_classification(run_script, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    printed = run_script(EXAMPLES / "graph_classification.py", tmp_path)
    assert float(re.search(r"Test accuracy: (.*)", printed)[1]) >= 0.68
    assert (tmp_path / "clusters.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_papers_and_authors(run_script, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    printed = run_script(EXAMPLES / "papers_and_authors.py", tmp_path)
    words, authors = re.findall(r"Test accuracy .*: (.*)", printed)
    assert float(authors) > max(0.8, float(words) + 0.15)
    picture = tmp_path / "papers_and_authors.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@trains_on_data
def test_two_workers(tmp_path):
    printed = run_python(EXAMPLES / "two_workers.py", cwd=tmp_path)
    [accuracy] = re.findall(r"Test accuracy: (.*)", printed)
    assert float(accuracy) >= 0.7


@trains_on_data
def test_tables(run_script, tmp_path):
    printed = run_script(EXAMPLES / "tables.py", tmp_path)
    assert float(re.search(r"mean of both classes: (.*)", printed)[1]) > 0.9
    assert float(re.search(r"predictions differ by (.*) at most", printed)[1]) < 1e-5
    frame = pd.read_csv(tmp_path / "predictions.csv", index_col="id")
    assert "predicted" in frame
    assert len(frame.loc[["ES-236", "RU-0"]]) == 2
    preprocessing = keras.saving.load_model(tmp_path / "preprocessing.keras")
    row = {"days": [[1.0]], "language": [["RU"]], "mature": [["?"]], "views": [[1.0]]}
    x = preprocessing({name: tf.constant(value) for name, value in row.items()})
    assert np.sum(x) == 4  # a one-hot column for each


@trains_on_data
def test_recipes_of_quickstart():
    page = (ROOT / "docs" / "guides" / "quickstart.py").read_text(encoding="utf-8")
    recipes = re.sub("^# ?", "", page.partition("# ## A recipe")[2], flags=re.M)
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", recipes, re.DOTALL | re.M))
    assert code.count("model.fit(") == 4
    keras.utils.set_random_seed(0)
    found = {"keras": keras, "tfgraph": tfgraph}
    exec(code.replace("epochs=30", "epochs=2"), found)
    assert found["nodes"][1] > 0.79
    assert found["links"][1] > 0.85
    assert found["molecules"][1] > 0.5
    assert found["z"].shape == (2708, 64)


def test_every_example_is_tested():
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {
        "quickstart",
        "film_recommender",
        "gat_inductive",
        "gcn_functional",
        "gcn_subclassed",
        "graph_classification",
        "larger_than_memory",  # in test_beam.py
        "link_prediction",
        "papers_and_authors",
        "sage_inductive",
        "sage_minibatch",
        "tables",
        "two_workers",
    }


def test_one_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {tfgraph.__version__}\n" in citation

import keras
import numpy as np
import pytest

import tfgraph
from tfgraph.data import Graph, full_batch
from tfgraph.inference import predict_nodes
from tfgraph.models import GAT, GCN, GraphSAGE

RNG = np.random.default_rng(0)
GRAPH = Graph(RNG.normal(size=(12, 3)), RNG.integers(12, size=(40, 2))).symmetrized()


@pytest.mark.parametrize("batch_size", [5, 100])
def test_a_gcn_is_refused_at_once_at_every_size(batch_size):
    model = GCN(2, hidden_units=[4])
    with pytest.raises(ValueError, match=r"degrees of the neighbours.*full_batch"):
        predict_nodes(model, GRAPH, batch_size, verbose=0)
    assert not model.built
    assert not model.weights


def test_a_gcn_that_does_not_normalize_works():
    model = GCN(2, hidden_units=[4], normalize=False)
    want = model.predict(full_batch(GRAPH), verbose=0)
    got = predict_nodes(model, GRAPH, 5, verbose=0)
    np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GraphSAGE(2, [4, 4]),
        lambda: GraphSAGE(None, [4]),
        lambda: GAT(2, [4], num_heads=2),
    ],
)
def test_an_unbuilt_model_is_built_right(make, tmp_path):
    model = make()
    got = predict_nodes(model, GRAPH, 5, verbose=0)
    np.testing.assert_allclose(
        got, model.predict(full_batch(GRAPH), verbose=0), atol=1e-5
    )
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(predict_nodes(again, GRAPH, 5, verbose=0), got)


def test_models_that_cannot_be_computed_in_batches():
    for model in (None, "gat", keras.Sequential(), tfgraph.models.GAE(2, 4)):
        with pytest.raises(ValueError, match=r"`model` to be a models\.GraphSAGE"):
            predict_nodes(model, GRAPH, verbose=0)
    with pytest.raises(ValueError, match="no features of edges"):
        predict_nodes(GAT(2, [4], edge_feature_name="length"), GRAPH, verbose=0)
    with pytest.raises(ValueError, match="to have nodes and features"):
        predict_nodes(GraphSAGE(2), GRAPH.replace(x=None), verbose=0)


@pytest.mark.parametrize("make", [lambda: GraphSAGE(2, [4, 4]), lambda: GAT(2, [4])])
def test_results_in_a_file(make, tmp_path):
    model = make()
    want = predict_nodes(model, GRAPH, 5, verbose=0)
    GRAPH.save(tmp_path / "graph")
    stored = Graph.load(tmp_path / "graph")
    got = predict_nodes(model, stored, 5, verbose=0, out=tmp_path / "results.npy")
    assert isinstance(got, np.memmap)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.load(tmp_path / "results.npy"), want)
    assert {path.name for path in tmp_path.iterdir()} == {"graph", "results.npy"}


def test_other_places_of_the_file(tmp_path):
    model = GraphSAGE(2, [4])
    for out in (3, b"file", "", "gs://bucket/file", tmp_path, "/dev/null"):
        with pytest.raises(ValueError, match=r"`out` to be a file.*Received: out"):
            predict_nodes(model, GRAPH, 5, verbose=0, out=out)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "results.npy")
    got = predict_nodes(model, GRAPH, 12, verbose=0, out=tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    np.testing.assert_array_equal(np.load(tmp_path / "far" / "results.npy"), got)


def test_a_failure_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "results.npy").write_text("old")
    model = GraphSAGE(2, [4, 4])
    predict_nodes(model, GRAPH, 5, verbose=0)

    def failing(h):
        raise ValueError("no classes")

    monkeypatch.setattr(model, "classifier", failing)
    with pytest.raises(ValueError, match="no classes"):
        predict_nodes(model, GRAPH, 5, verbose=0, out=str(tmp_path / "results.npy"))
    assert (tmp_path / "results.npy").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1

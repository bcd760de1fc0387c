import numpy as np
import pytest

import tfgraph
from tfgraph.callbacks import EmbeddingProjector

GRAPH = tfgraph.data.karate_club()
DATA = tfgraph.data.full_batch(GRAPH)


def fit(directory, **kwargs):
    model = tfgraph.models.GAE(3, 8)
    model.compile("adam")
    callback = EmbeddingProjector(directory, DATA, **kwargs)
    model.fit(DATA, epochs=2, callbacks=[callback], shuffle=False, verbose=0)
    return model


def test_files_of_the_projector(tmp_path):
    model = fit(tmp_path / "run", labels=GRAPH.y)
    z = np.loadtxt(tmp_path / "run" / "tensors.tsv", delimiter="\t")
    np.testing.assert_allclose(z, model.predict(DATA, verbose=0), rtol=1e-5)
    metadata = (tmp_path / "run" / "metadata.tsv").read_text().split()
    assert metadata == [str(label) for label in GRAPH.y]
    config = (tmp_path / "run" / "projector_config.pbtxt").read_text()
    assert config == (
        "embeddings {\n"
        '  tensor_path: "tensors.tsv"\n'
        '  metadata_path: "metadata.tsv"\n'
        "}\n"
    )


def test_every_epoch_and_without_labels(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(EmbeddingProjector, "write", lambda self: written.append(1))
    fit(tmp_path, every=1)
    assert len(written) == 3  # two epochs and the end
    monkeypatch.undo()
    fit(tmp_path)
    assert not (tmp_path / "metadata.tsv").exists()
    assert "metadata" not in (tmp_path / "projector_config.pbtxt").read_text()


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="`every` to be a positive integer"):
        EmbeddingProjector(tmp_path, DATA, every=0)
    with pytest.raises(ValueError, match="one entry for each of the 34"):
        fit(tmp_path, labels=[1, 2])

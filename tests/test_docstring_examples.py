"""The examples in the docstrings of tfgraph run, each with small stand-ins."""

import ast
import os
import re
import textwrap
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hetero_graphs import author_paper_graph

import tfgraph

tfgnn = tfgraph.graph_tensor.load_tfgnn()
PACKAGE = Path(tfgraph.__file__).parent
MODULES = {"keras": keras, "np": np, "tf": tf, "tfgnn": tfgnn, "tfgraph": tfgraph}


def examples():
    """Yields the name and the code of each docstring with examples."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                continue
            docstring = ast.get_docstring(node) or ""
            blocks = re.findall(r"^ *```python\n(.*?)^ *```$", docstring, re.S | re.M)
            for number, block in enumerate(blocks):
                name = getattr(node, "name", path.stem)
                id = f"{name}-{number + 1}" if number else name
                yield pytest.param(name, textwrap.dedent(block), id=id)


def small_graph():
    """A ring with three classes, and enough nodes for a batch of 512 of each split."""
    nodes = np.arange(1800)
    return tfgraph.data.Graph(
        np.eye(6)[nodes % 6],
        np.stack([nodes, (nodes + 1) % 1800], axis=1),
        y=nodes % 3,
        train_mask=nodes < 600,
        val_mask=(nodes >= 600) & (nodes < 1200),
        test_mask=nodes >= 1200,
    ).symmetrized()


def autoencoder():
    model = tfgraph.models.VGAE(latent_dim=2, hidden_units=4)
    model.compile("adam")
    return model


def classifier(model=tfgraph.models.GCN):
    model = model(3, hidden_units=[4, 4])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def built_classifier():
    model = classifier()
    (inputs,) = tfgraph.data.full_batch(small_graph()).get_single_element()
    model(inputs)
    return model


def sampled_classifier():
    return classifier(tfgraph.models.GraphSAGE)


def pooling_classifier():
    model = tfgraph.models.DiffPoolClassifier(6, 4, num_clusters=3)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


# Of the examples with a `model` that they do not make.
MODELS = {
    "AveragePrecision": autoencoder,
    "BackupAndRestore": built_classifier,
    "EmbeddingProjector": autoencoder,
    "MaskedMetric": classifier,
    "RocAUC": autoencoder,
    "clusters": pooling_classifier,
    "explanation": built_classifier,
    "export_block_model": sampled_classifier,
    "export_graph_tensor_model": classifier,
    "export_link_scorer": autoencoder,
    "export_litert": classifier,
    "export_model": classifier,
    "export_onnx": classifier,
    "export_transductive": classifier,
    "fidelity": built_classifier,
    "full_batch": classifier,
    "graph_batches": classifier,
    "latent_space": autoencoder,
    "neighbor_batches": sampled_classifier,
    "predictions_frame": built_classifier,
    "training_curves": classifier,
    "training_links": autoencoder,
    "whole_graph_batches": pooling_classifier,
}


def small_hetero_graph():
    """Authors and papers, with as many papers as a batch of an example has."""
    rng = np.random.default_rng(0)
    papers = tfgraph.data.NodeSet(
        rng.normal(size=(520, 3)), y=np.arange(520) % 3, train_mask=np.full(520, True)
    )
    edges = rng.integers((40, 520), size=(900, 2))
    writes = tfgraph.data.EdgeSet("authors", "papers", edges)
    authors = rng.normal(size=(40, 4))
    return tfgraph.data.HeteroGraph(
        {"authors": authors, "papers": papers}, {"writes": writes}
    )


def of_other_libraries(graph):
    """Data sets with what is used of those of PyTorch Geometric, DGL and OGB."""
    ends, num_nodes = graph.edges.T, graph.num_nodes
    pyg = SimpleNamespace(edge_index=ends, num_nodes=num_nodes, x=graph.x)
    dgl = SimpleNamespace(
        is_homogeneous=True,
        edges=lambda: ends,
        num_nodes=lambda: num_nodes,
        ndata={"feat": graph.x},
        edata={"w": np.ones(graph.num_edges)},
    )
    split = {name: np.arange(3) for name in ("train", "valid", "test")}

    class OGBDataset(list):
        def get_idx_split(self):
            return split

    ogb = {"edge_index": ends, "num_nodes": num_nodes, "node_feat": graph.x}
    return {
        "pyg_dataset": [pyg],
        "dgl_dataset": [dgl],
        "ogb_dataset": OGBDataset([(ogb, graph.y[:, None])]),
    }


class Namespace(dict):
    """The names of one example: modules, its own, and stand-ins for the others."""

    def __init__(self, example):
        super().__init__(MODULES)
        self.example = example

    def __missing__(self, name):
        graph = small_graph()
        author_papers, topics = author_paper_graph()
        (inputs,) = tfgraph.data.full_batch(graph).get_single_element()
        stand_ins = {
            "author_paper_graph": author_papers,
            "dataset": tfgraph.data.full_batch(graph, "train", form="graph_tensor"),
            "graph": graph,
            "graph_ids": tf.repeat([0, 1], graph.num_nodes // 2),
            "h": inputs[0],
            "hetero_graph": small_hetero_graph(),
            "labels_of_papers": topics,
            "new_graph": graph,
            **of_other_libraries(graph),
            "strategy": tf.distribute.get_strategy(),
            "split": tfgraph.data.link_split(graph),
            "train": tfgraph.data.link_split(graph).train,
            "x": inputs[0],
            "z": tf.random.normal([5, 2]),
        }
        if name == "model" and self.example in MODELS:
            stand_ins[name] = MODELS[self.example]()
            if self.example.startswith("export"):  # only of a built model
                stand_ins[name](inputs)
        self[name] = stand_ins[name]
        return self[name]


@pytest.fixture
def short_training(monkeypatch):
    """`fit` stops after two batches, and insists on `shuffle=False` for a dataset."""
    fit = keras.Model.fit

    def short_fit(
        model, x, y=None, *, epochs=1, shuffle=True, validation_data=None, **kwargs
    ):
        if isinstance(x, np.ndarray):  # which Keras may cut and shuffle
            return fit(model, x, y, **kwargs)
        assert shuffle is False, "Pass `shuffle=False` to `fit` on a dataset."
        model.run_eagerly = True  # for two batches, faster than tracing
        if validation_data is not None:
            validation_data = validation_data.take(1)
        return fit(
            model, x.take(2), shuffle=False, validation_data=validation_data, **kwargs
        )

    monkeypatch.setattr(keras.Model, "fit", short_fit)


@pytest.fixture
def small_downloads(monkeypatch):
    """PPI and Reddit have no file that the tests could read."""
    monkeypatch.setattr(tfgraph.data, "ppi", lambda split: [small_graph()] * 2)
    monkeypatch.setattr(tfgraph.data, "reddit", small_graph)


@pytest.fixture
def few_features(monkeypatch):
    """Dense batches of Twitch with its 3,170 features take 0.5 GB."""
    twitch = tfgraph.data.twitch

    def narrow_twitch(*countries):
        return [
            tfgraph.data.Graph(graph.x[:, :100], graph.edges, y=graph.y)
            for graph in twitch(*countries)
        ]

    monkeypatch.setattr(tfgraph.data, "twitch", narrow_twitch)


@pytest.mark.parametrize(("name", "code"), list(examples()))
@pytest.mark.usefixtures("short_training", "small_downloads", "few_features")
def test_example(name, code, tmp_path, monkeypatch):
    data_sets = r"tfgraph\.data\.(movielens|planetoid|tu|twitch)\("
    if "TFGRAPH_DATA_DIR" not in os.environ and re.search(data_sets, code):
        pytest.skip("TFGRAPH_DATA_DIR is not set")
    if "tfgraph.plots" in code:
        pytest.importorskip("matplotlib")
        pytest.importorskip("networkx")
    for module in ("ai_edge_litert", "onnxruntime"):
        if f" {module}" in code:
            pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"<example of {name}>", "exec"), Namespace(name))


def test_every_example_is_found():
    written = sum(
        path.read_text(encoding="utf-8").count("```python")
        for path in PACKAGE.rglob("*.py")
    )
    assert len(list(examples())) == written >= 45

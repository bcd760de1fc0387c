import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ADJACENCY, X, sparse

import tfgraph
from tfgraph import plots
from tfgraph.layers import GATConv

ENTRIES = sparse(ADJACENCY)
PNG = b"\x89PNG"


def scores_of(**arguments):
    layer = GATConv(2, num_heads=3, **arguments)
    return layer([tf.constant(X), ENTRIES], return_attention_scores=True)[1]


@pytest.mark.parametrize("add_self_loops", [False, True])
def test_entropies(add_self_loops):
    scores = scores_of(add_self_loops=add_self_loops).numpy()
    entropy, uniform = plots.attention_entropies(ENTRIES, scores)
    rows = ENTRIES.indices.numpy()[:, 0]
    if add_self_loops:
        rows = np.append(rows, np.arange(6))
    for node in range(6):
        alpha = scores[rows == node]
        alpha = alpha[alpha[:, 0] > 0]
        want = -(alpha * np.log(alpha)).sum(0)
        np.testing.assert_allclose(entropy[node], want, atol=1e-6)
        assert uniform[node] == pytest.approx(np.log(max(len(alpha), 1)))
    assert (entropy <= uniform[:, None] + 1e-6).all()
    assert entropy.max() > 0.5


def test_the_sharpest_attention_is_not_taken_for_uniform():
    entries = tf.SparseTensor([(0, 0), (0, 1)], [1.0, 1.0], (2, 2))
    entropy, uniform = plots.attention_entropies(entries, np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(entropy, [[0], [0]])
    np.testing.assert_allclose(uniform, [np.log(2), 0])


def test_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    graph = tfgraph.data.karate_club()
    entries = graph.to_sparse_tensor()
    _, scores = GATConv(4, num_heads=2)(
        [tf.constant(graph.x), entries], return_attention_scores=True
    )
    figure = plots.attention(entries, scores, graph.y)
    arrows = [text.arrow_patch for text in figure.axes[0].texts]
    assert len(arrows) == 2 * 78
    shades = np.array([arrow.get_alpha() for arrow in arrows])
    means = scores.numpy()[: len(arrows)].mean(1)
    np.testing.assert_allclose(shades, np.clip(means / means.max(), 0.05, 1), rtol=1e-5)
    figure.savefig(tmp_path / "attention.png")
    histogram = plots.attention_entropy(entries, scores)
    histogram.savefig(tmp_path / "entropy.png")
    labels = [text.get_text() for text in histogram.axes[0].get_legend().get_texts()]
    assert sorted(labels) == ["head 0", "head 1", "uniform"]
    for name in ("attention.png", "entropy.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)


def test_without_matplotlib():
    missing = {"matplotlib": None, "matplotlib.figure": None}
    with (
        mock.patch.dict(sys.modules, missing),
        pytest.raises(ImportError, match=r"matplotlib: pip install .tfgraph\[plots\]"),
    ):
        plots.attention_entropy(ENTRIES, scores_of())


@pytest.mark.parametrize(
    ("adjacency", "scores", "message"),
    [
        (ADJACENCY, np.ones((10, 1)), r"tf.SparseTensor.*ndarray"),
        (ENTRIES, np.ones((3, 1)), r"of the 10 entries.*\(3, 1\)"),
        (ENTRIES, np.ones(10), r"`\[E, H\]`"),
        (ENTRIES, np.full((10, 1), np.nan), "`scores` to hold finite.*nan"),
        (
            tfgraph.data.karate_club(),
            np.ones((10, 1)),
            r"`adjacency\.to_sparse_tensor\(\)`.*tfgraph\.Graph",
        ),
        (ADJACENCY, np.ones((10, 1)), r"`tf\.sparse\.from_dense\(adjacency\)`"),
    ],
)
def test_scores_that_do_not_fit(adjacency, scores, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        plots.attention_entropies(adjacency, scores)


def test_points_are_the_principal_components_coloured_by_class(tmp_path):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    z = rng.normal(size=(50, 6)) * [1, 9, 2, 1, 1, 4] + 7
    labels = rng.integers(-1, 3, 50)
    path = tmp_path / "latent.png"
    figure = plots.latent_space(z, labels, title="Cora")
    figure.savefig(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    assert axes.get_title() == "Cora"
    assert len(axes.collections) == 4
    drawn = np.concatenate([dots.get_offsets() for dots in axes.collections])
    # The eigenvectors of the covariance say the same, up to signs.
    _, vectors = np.linalg.eigh(np.cov(z.T))
    want = (z - z.mean(0)) @ vectors[:, [-1, -2]]
    order = np.argsort(labels, kind="stable")
    np.testing.assert_allclose(np.abs(drawn), np.abs(want[order]), atol=1e-9)


def test_a_single_vector():
    pytest.importorskip("matplotlib")
    figure = plots.latent_space(np.ones([1, 3]))
    np.testing.assert_allclose(figure.axes[0].collections[0].get_offsets(), [[0, 0]])


def test_vectors_that_do_not_fit():
    with pytest.raises(ValueError, match=r"`z` to have shape \[N, D\]"):
        plots.latent_space(np.ones([5, 1]))
    with pytest.raises(ValueError, match="`z` to hold finite"):
        plots.latent_space(np.full([5, 2], np.nan))
    for labels in ([1, 2], list("abcab")):
        with pytest.raises(ValueError, match="one class number for each of the 5 vec"):
            plots.latent_space(np.ones([5, 2]), labels)


@pytest.mark.parametrize("form", ["numbers", "assignment"])
def test_clusters(form, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    numbers = np.array([3, 0, 0, 3, 1, 0])
    assignment = numbers if form == "numbers" else 0.1 + 0.6 * np.eye(4)[numbers]
    figure = plots.clusters(ENTRIES, assignment, title="MUTAG")
    figure.savefig(tmp_path / "clusters.png")
    assert (tmp_path / "clusters.png").read_bytes().startswith(PNG)
    (axes,) = figure.axes
    assert axes.get_title() == "MUTAG"
    assert len(axes.lines) == len(ENTRIES.values)
    drawn = {
        text.get_text(): dots
        for text, dots in zip(
            axes.get_legend().get_texts(), axes.collections, strict=True
        )
    }
    for cluster, count in {0: 3, 1: 1, 3: 2}.items():
        dots = drawn.pop(f"cluster {cluster}")
        assert len(dots.get_offsets()) == count
    assert not drawn
    # The first entry is (0, 1): the line joins the first nodes of clusters 3 and 0.
    of_cluster_0, _, of_cluster_3 = (dots.get_offsets() for dots in axes.collections)
    ends = [of_cluster_3[0], of_cluster_0[0]]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), ends)


def test_each_cluster_has_a_colour_of_its_own():
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    ring = np.stack([np.arange(30), np.roll(np.arange(30), 1)], axis=1)
    ring = tf.sparse.reorder(tf.SparseTensor(ring, tf.ones(30), [30, 30]))
    (axes,) = plots.clusters(ring, np.arange(30)).axes
    colours = np.concatenate([dots.get_facecolors() for dots in axes.collections])
    assert len(np.unique(colours, axis=0)) == 30


def test_clusters_that_do_not_fit():
    with pytest.raises(ValueError, match=r"each of the 6 nodes.*\(3, 2\)"):
        plots.clusters(ENTRIES, np.ones([3, 2]))
    with pytest.raises(ValueError, match=r"tf.SparseTensor.*ndarray"):
        plots.clusters(ADJACENCY, np.ones(6))


def legend_of(figure):
    legend = figure.axes[0].get_legend()
    return [text.get_text() for text in legend.get_texts()]


def test_attention_tells_classes_names_and_faults():
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    classes = np.array([0, 1, 0, -1, 1, 0])
    figure = plots.attention(
        ENTRIES,
        scores_of(),
        classes,
        predicted=[0, 1, 1, 1, 1, 1],
        names=list("abcdef"),
        class_names=["left", "right"],
    )
    assert legend_of(figure) == ["no class", "left", "right", "predicted wrongly"]
    *_, wrong = figure.axes[0].collections
    assert len(wrong.get_offsets()) == 2  # a node without class is not wrong
    names = [text.get_text() for text in figure.axes[0].texts if text.get_text()]
    assert names == list("abcdef")
    assert figure.axes[1].get_xlabel() == "attention score"


def test_graph():
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    edges = [(0, 1), (1, 0), (1, 2), (3, 3)]
    graph = tfgraph.data.Graph(None, edges, edge_weight=[1, 1, 4, 1], num_nodes=5)
    axes, scale = plots.graph(graph, predicted=[0, 0, 1, 1, 2], title="five").axes
    assert axes.get_title() == "five"
    assert scale.get_xlabel() == "edge weight, without sign"
    lines, *nodes = axes.collections
    assert len(lines.get_segments()) == 1
    np.testing.assert_allclose(lines.get_colors()[0], [0, 0, 0, 0.25])
    (arrow,) = axes.texts
    assert arrow.arrow_patch.get_alpha() == 1
    places = np.concatenate([dots.get_offsets() for dots in nodes])
    np.testing.assert_allclose([arrow.xyann, arrow.xy], places[[1, 2]])
    shapes = {str(dots.get_paths()[0].vertices.tolist()) for dots in nodes}
    assert len(shapes) == 3


def test_graph_draws_its_own_classes():
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    graph = tfgraph.data.karate_club()
    figure = plots.graph(graph.replace(class_names=["a", "b"]))
    assert legend_of(figure) == ["a", "b"]
    assert legend_of(plots.graph(graph, class_names=["c", "d"])) == ["c", "d"]
    assert figure.axes[0].get_title() == "karate_club"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": [0.5] * 34}, "`classes` to have one class number for each of"),
        ({"predicted": [0]}, r"`predicted` to have one.*34 nodes.*\(1,\)"),
        ({"names": ["a"]}, "`names` to have a name for each of 34. Received: 1"),
        ({"class_names": ["a"]}, "`class_names` to have a name for each of 2"),
    ],
)
def test_graphs_that_do_not_fit(arguments, message):
    pytest.importorskip("networkx")
    with pytest.raises(ValueError, match=message):
        plots.graph(tfgraph.data.karate_club(), **arguments)


def test_a_large_graph_is_not_drawn():
    with pytest.raises(ValueError, match=r"2000 nodes.*`graph\.subgraph\(nodes\)`"):
        plots.graph(tfgraph.data.Graph(None, [], num_nodes=2001))


def test_outliers_do_not_decide_about_the_picture():
    pytest.importorskip("matplotlib")
    z = np.random.default_rng(0).normal(size=(200, 3))
    far = np.array([[1e5, 0, 0], [0, -1e5, 0]])
    figure = plots.latent_space(np.concatenate([z, far]), class_names=["all"])
    dots, crosses = figure.axes[0].collections
    (expected,) = plots.latent_space(z).axes[0].collections
    np.testing.assert_allclose(dots.get_offsets(), expected.get_offsets(), atol=1e-9)
    assert crosses.get_label() == "2 outliers"
    assert np.abs(crosses.get_offsets()).max() < 10


def test_training_curves():
    pytest.importorskip("matplotlib")
    curves = {"loss": [2.0, 1.0], "auc": [0.5, 0.6], "val_loss": [3.0, 2.5]}
    figure = plots.training_curves(curves, "Cora")
    loss, auc = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "auc"]
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    np.testing.assert_allclose(loss.lines[1].get_xydata(), [[1, 3], [2, 2.5]])
    assert len({line.get_linestyle() for line in loss.lines}) == 2
    assert len(auc.lines) == 1
    assert figure.get_suptitle() == "Cora"
    for wrong in ({}, [1.0], None):
        with pytest.raises(ValueError, match="`history` to be what `fit` returned"):
            plots.training_curves(wrong)

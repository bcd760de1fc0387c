import sys

import numpy as np
import pytest

from tfgraph.plots import plot_latent_space, principal_components

pytest.importorskip("matplotlib")


def test_points_are_the_principal_components_coloured_by_class(tmp_path):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(50, 6)) * [1, 9, 2, 1, 1, 4] + 7
    labels = rng.integers(-1, 3, 50)
    path = tmp_path / "latent.png"
    figure = plot_latent_space(z, labels, path, title="Cora")
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


def test_few_vectors():
    assert principal_components(np.ones([1, 3])).shape == (1, 2)


def test_bad_input():
    with pytest.raises(ValueError, match=r"`z` to have shape \[N, D\]"):
        plot_latent_space(np.ones([5, 1]))
    with pytest.raises(ValueError, match="one number for each of the 5 vectors"):
        plot_latent_space(np.ones([5, 2]), [1, 2])


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install tfgraph\[plots\]"):
        plot_latent_space(np.ones([5, 2]))

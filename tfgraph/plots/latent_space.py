"""A picture of latent vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfgraph.data.graphs.fields import as_array, check_finite, real_array
from tfgraph.plots.drawing import (
    add_legend,
    checked_names,
    draw_classes,
    new_figure,
)

if TYPE_CHECKING:
    import matplotlib.figure


def latent_space(
    z: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    title: str | None = None,
    *,
    class_names: Sequence[str] | None = None,
) -> matplotlib.figure.Figure:
    """Draws latent vectors in the plane of their two principal components.

    Vectors that are more than three times as far from the median as 95% of them are
    outliers: they do not decide about the plane, nor about the scale. They are drawn as
    crosses at the edge of the picture.

    ```python
    z = model.predict(tfgraph.data.full_batch(train))
    tfgraph.plots.latent_space(z, graph.y).savefig("latent.png")
    ```

    Args:
        z: Latent vectors `[N, D]`, with `D` of at least 2.
        labels: Class numbers `[N]` for the colours and shapes of the points, with -1
            (grey) for no class; or None.
        title: Title of the picture. None for "Latent space".
        class_names: The names of classes 0, 1 and so on in the legend, or None.

    Raises:
        ValueError: If shapes do not fit, `z` is not finite, or `labels` are not
            integers.
        ImportError: If Matplotlib is not installed.
    """
    z = real_array("z", z).astype(np.float64)
    check_finite("z", z)
    if z.ndim != 2 or z.shape[1] < 2 or not len(z):
        raise ValueError(
            "Expected `z` to have shape [N, D] with N of at least 1 and D of at least "
            f"2. Received: z with shape={z.shape}"
        )
    labels = np.zeros(len(z), int) if labels is None else as_array("labels", labels)
    if labels.shape != z.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            "Expected `labels` to have one class number for each of the "
            f"{len(z)} vectors. Received: labels with shape={labels.shape}, "
            f"dtype={labels.dtype}"
        )
    named = checked_names("class_names", class_names, labels.max(initial=-1) + 1)
    inside = ~_are_outliers(z)
    points = _principal_components(z, inside)
    figure = new_figure()
    axes: Any = figure.subplots()
    draw_classes(axes, points[inside], labels[inside], named, s=10, linewidths=0)
    if not inside.all():
        low, high = points[inside].min(axis=0), points[inside].max(axis=0)
        crosses = np.clip(points[~inside], low, high)
        label = f"{len(crosses)} outliers"
        axes.scatter(*crosses.T, s=24, marker="x", color="black", label=label)
    if len(axes.collections) > 1:
        add_legend(axes, 2)
    axes.set(
        xlabel="first principal component",
        ylabel="second principal component",
        title=title or "Latent space",
    )
    return figure


def _are_outliers(z: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(z - np.median(z, axis=0), axis=1)
    return distance > 3 * np.quantile(distance, 0.95)


def _principal_components(
    z: np.ndarray, inside: np.ndarray, count: int = 2
) -> np.ndarray:
    """Returns the coordinates `[N, count]` of `z` along the principal axes.

    Args:
        z: `[N, D]`.
        inside: Booleans `[N]`, the vectors to find the axes of.
        count: The number of axes.
    """
    centred = z - z[inside].mean(axis=0)
    _, _, axes = np.linalg.svd(centred[inside], full_matrices=False)
    if len(axes) < count:  # fewer vectors than axes
        axes = np.pad(axes, [(0, count - len(axes)), (0, 0)])
    return centred @ axes[:count].T

"""Pictures of what a model has learned. Needs matplotlib (`tfgraph[plots]`)."""

import os

import numpy as np


def plot_latent_space(
    z, labels=None, path: str | os.PathLike | None = None, title: str | None = None
):
    """Draws latent vectors in the plane of their two principal components.

    ```python
    z = model.predict(tfgraph.data.full_batch(train))
    tfgraph.plots.plot_latent_space(z, graph.y, "latent.png")
    ```

    Args:
        z: Latent vectors `[N, D]`, with `D` of at least 2.
        labels: Class numbers `[N]`, which colour the points, with -1 (grey) for no
            class; or None.
        path: File to write, such as a PNG; or None.
        title: Title of the picture, or None.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: If shapes do not fit.
        ImportError: If matplotlib is not installed.
    """
    z = np.asarray(z, np.float64)
    if z.ndim != 2 or z.shape[1] < 2 or not len(z):
        raise ValueError(
            "Expected `z` to have shape [N, D] with N of at least 1 and D of at least "
            f"2. Received: z with shape={z.shape}"
        )
    labels = np.zeros(len(z), int) if labels is None else np.asarray(labels)
    if labels.shape != z.shape[:1]:
        raise ValueError(
            f"Expected `labels` to have one number for each of the {len(z)} vectors. "
            f"Received: labels with shape={labels.shape}"
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "`plot_latent_space` needs matplotlib: `pip install tfgraph[plots]`."
        ) from error

    points = principal_components(z)
    # A figure of its own, not pyplot's, which would stay in memory.
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    for label in np.unique(labels):
        of_label = points[labels == label]
        colour = "lightgrey" if label < 0 else f"C{label}"
        axes.scatter(*of_label.T, s=6, color=colour, label=f"class {label}")
    if len(np.unique(labels)) > 1:
        axes.legend(markerscale=2, fontsize="small")
    axes.set(xlabel="first principal component", ylabel="second", title=title)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def principal_components(z, count: int = 2):
    """Returns the coordinates `[N, count]` of `z [N, D]` along its principal axes."""
    centred = z - z.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    if len(axes) < count:  # fewer vectors than axes
        axes = np.pad(axes, [(0, count - len(axes)), (0, 0)])
    return centred @ axes[:count].T

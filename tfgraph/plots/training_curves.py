"""A picture of how a training went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfgraph.arguments import received
from tfgraph.plots.drawing import new_figure

if TYPE_CHECKING:
    import keras
    import matplotlib.figure


def training_curves(
    history: keras.callbacks.History | Mapping[str, list[float]],
    title: str | None = None,
) -> matplotlib.figure.Figure:
    """Draws the loss and each metric over the epochs, of training and validation.

    ```python
    data = tfgraph.data.full_batch(graph, "train")
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(data, epochs=10, shuffle=False)
    tfgraph.plots.training_curves(history).savefig("training.png")
    ```

    Args:
        history: What `fit` returned, or its `history`: a dict of a number for each
            epoch by name. "val_" begins the names of validation.
        title: Title of the picture. None for "Training".

    Raises:
        ValueError: If `history` is neither, or holds nothing.
        ImportError: If Matplotlib is not installed.
    """
    curves: Any = getattr(history, "history", history)
    if not isinstance(curves, Mapping) or not curves:
        raise ValueError(
            "Expected `history` to be what `fit` returned, of one epoch or more. "
            f"{received('history', history)}"
        )
    names = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    rows, columns = -(-len(names) // 3), min(len(names), 3)
    figure = new_figure(figsize=(1 + 4 * columns, 3.5 * rows))
    panels: Any = figure.subplots(rows, columns, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        for key, label, style in (
            (name, "training", "solid"),
            (f"val_{name}", "validation", "dashed"),
        ):
            if key in curves:
                epochs = range(1, len(curves[key]) + 1)
                # A single epoch is a point, which a line would not show.
                marker = "o" if len(epochs) == 1 else None
                axes.plot(
                    epochs, curves[key], linestyle=style, marker=marker, label=label
                )
        axes.set(xlabel="epoch", ylabel=name.replace("_", " "))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    figure.suptitle(title or "Training")
    return figure

"""What the pictures share: figures, layouts of graphs, and nodes by class."""

from __future__ import annotations

import importlib
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import check_adjacency, checked_seed
from tfgraph.data.graphs.fields import as_array, as_int64

if TYPE_CHECKING:
    import matplotlib.figure
    import tensorflow as tf

_MARKERS = "os^DvPX*<>"
# Told apart by most people, and, as dark and light take turns, mostly without colours.
_COLOURS = ("#0072b2", "#e69f00", "#8c2d04", "#56b4e9", "#5e3c99", "#f0e442", "#009e73")


def new_figure(**arguments: Any) -> matplotlib.figure.Figure:
    """Returns an empty figure."""
    arguments = {"figsize": (8, 6), "layout": "constrained", **arguments}
    return import_library("matplotlib.figure").Figure(**arguments)


def import_library(module: str) -> types.ModuleType:
    """Imports a part of Matplotlib or NetworkX, or says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'Pictures need {module.partition(".")[0]}: pip install "tfgraph[plots]"'
        ) from error


def entries_of(adjacency: tf.sparse.SparseTensor) -> np.ndarray:
    """Returns the receivers and the senders of the entries, `[2, E]`."""
    check_adjacency("adjacency", adjacency)
    return adjacency.indices.numpy().T


def spring_layout(edges: np.ndarray, num_nodes: int, seed: int | None) -> np.ndarray:
    """Returns a place in the plane for each node, `[N, 2]`.

    Args:
        edges: `[E, 2]`.
        num_nodes: N.
        seed: Seed of the layout, or None.
    """
    seed = checked_seed(seed)
    networkx = import_library("networkx")
    network = networkx.Graph()
    network.add_nodes_from(range(num_nodes))
    network.add_edges_from(edges.tolist())
    places = networkx.spring_layout(network, seed=seed)
    return np.array([places[node] for node in network]).reshape(-1, 2)


def checked_classes(name: str, classes: npt.ArrayLike, count: int) -> np.ndarray:
    """Returns an argument with the class number of each of `count` nodes."""
    array = as_array(name, classes)
    if array.shape != (count,) or array.dtype.kind not in "iub":
        raise ValueError(
            f"Expected `{name}` to have one class number for each of the {count} "
            f"nodes. Received: {name} with shape={array.shape}, dtype={array.dtype}"
        )
    return as_int64(name, array)


def checked_names(
    name: str, names: Sequence[Any] | npt.ArrayLike | None, count: int
) -> list[str]:
    """Returns an argument with at least `count` names as strings, none for None."""
    if names is None:
        return []
    found = [str(one) for one in as_array(name, names).ravel()]
    if len(found) < count:
        raise ValueError(
            f"Expected `{name}` to have a name for each of {count}. "
            f"Received: {len(found)} names"
        )
    return found


def _colours(count: int) -> Any:
    """Returns `count` colours that all differ."""
    if count <= len(_COLOURS):
        return _COLOURS
    turbo = import_library("matplotlib").colormaps["turbo"].resampled(count)
    return turbo(range(count))


def draw_classes(
    axes: Any,
    places: np.ndarray,
    classes: np.ndarray,
    class_names: Sequence[str],
    kind: str = "class",
    **arguments: Any,
) -> None:
    """Draws points with a colour and a shape for each class.

    Args:
        axes: Where to draw.
        places: `[N, 2]`.
        classes: Class numbers `[N]`.
        class_names: Names of the classes in the legend, or none.
        kind: What a class without a name is called in the legend.
        **arguments: Of `axes.scatter`.
    """
    colours = _colours(classes.max(initial=-1) + 1)
    for number in np.unique(classes).tolist():
        label, colour = f"{kind} {number}", colours[number]
        if number < 0:
            label, colour = f"no {kind}", "lightgrey"
        elif class_names:
            label = class_names[number]
        axes.scatter(
            *places[classes == number].T,
            color=[colour],
            marker=_MARKERS[max(number, 0) % len(_MARKERS)],
            label=label,
            **arguments,
        )


def draw_nodes(
    axes: Any,
    places: np.ndarray,
    classes: np.ndarray | None,
    class_names: Sequence[str] = (),
    names: Sequence[str] = (),
    wrong: np.ndarray | None = None,
) -> None:
    """Draws the nodes of a graph by class, with names, and those that are wrong.

    Args:
        axes: Where to draw.
        places: `[N, 2]`.
        classes: Class numbers `[N]`, or None for nodes that are all alike.
        class_names: See `draw_classes`.
        names: What is written beside the nodes, or none.
        wrong: Booleans `[N]`, or None. These nodes get a ring.
    """
    size = node_size(len(places))
    arguments: dict[str, Any] = {
        "s": size,
        "edgecolors": "black",
        "linewidths": 0.8,
        "zorder": 2,
    }
    if classes is None:
        axes.scatter(*places.T, color="white", **arguments)
    else:
        draw_classes(axes, places, classes, class_names, **arguments)
    if wrong is not None and wrong.any():
        axes.scatter(
            *places[wrong].T,
            s=2.5 * size,
            facecolors="none",
            edgecolors="black",
            linewidths=1.6,
            linestyles="dashed",
            label="predicted wrongly",
        )
    write_names(axes, places, names)


def write_names(axes: Any, places: np.ndarray, names: Sequence[str]) -> None:
    """Writes names beside nodes, on a white edge that sets them off from lines."""
    if not names:
        return
    edge = import_library("matplotlib.patheffects").withStroke(
        linewidth=2, foreground="white"
    )
    offset = 0.5 * np.sqrt(node_size(len(places)))
    for name, place in zip(names, places, strict=False):
        axes.annotate(
            name,
            place,
            (offset, offset),
            textcoords="offset points",
            fontsize=8,
            path_effects=[edge],
            zorder=4,
        )


def add_scale(
    figure: matplotlib.figure.Figure, axes: Any, most: float, label: str
) -> None:
    """Adds the scale of edges that are the darker, the larger their number is."""
    scale = import_library("matplotlib.cm").ScalarMappable(
        import_library("matplotlib.colors").Normalize(0, most),
        import_library("matplotlib").colormaps["binary"],
    )
    figure.colorbar(
        scale, ax=axes, label=label, location="bottom", shrink=0.6, aspect=40
    )


def node_size(num_nodes: int) -> float:
    """Returns the area of a node, smaller in larger graphs."""
    return float(np.clip(6000 / max(num_nodes, 1), 12, 120))


def add_legend(axes: Any, scale: float = 1, spacing: float = 0.5) -> None:
    """Adds a legend beside the picture, if there is anything to tell."""
    _, labels = axes.get_legend_handles_labels()
    if labels:
        columns = 1 + (len(labels) - 1) // 25
        axes.legend(
            fontsize="small",
            loc="upper left",
            markerscale=scale,
            labelspacing=spacing,
            bbox_to_anchor=(1, 1),
            ncols=columns,
        )

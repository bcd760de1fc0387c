"""Pictures of graphs, and of the clusters of their nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfgraph.data.graphs.fields import are_classes, check_finite, real_array
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.plots.drawing import (
    add_legend,
    add_scale,
    checked_classes,
    checked_names,
    draw_classes,
    draw_nodes,
    entries_of,
    import_library,
    new_figure,
    node_size,
    spring_layout,
    write_names,
)

if TYPE_CHECKING:
    import matplotlib.figure
    import tensorflow as tf

    from tfgraph.data import Graph

_MOST_NODES = 2000


def graph(
    graph: Graph,
    classes: npt.ArrayLike | None = None,
    *,
    predicted: npt.ArrayLike | None = None,
    names: Sequence[Any] | npt.ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    seed: int | None = 0,
) -> matplotlib.figure.Figure:
    """Draws a graph, with a colour and a shape for each class of nodes.

    Edges in both directions are lines, others are arrows from source to target. Edges
    with a larger weight are darker. Self-loops are not drawn.

    ```python
    graph = tfgraph.data.karate_club()
    tfgraph.plots.graph(graph, names=range(34)).savefig("club.png")
    ```

    Args:
        graph: A `Graph` of at most 2000 nodes. Of a larger one, draw a part:
            `graph.subgraph(nodes)`.
        classes: Class numbers `[N]`, with -1 for none. By default those of `graph.y`,
            if it holds classes.
        predicted: Predicted classes `[N]`, or None. Nodes with another class than
            predicted get a ring.
        names: What to write beside each node, `[N]`, or None.
        class_names: The names of classes 0, 1 and so on in the legend. By default
            those of the graph, if it has any.
        title: Title of the picture. By default the graph's name.
        seed: Seed of the layout. None for another layout in each call.

    Raises:
        ValueError: If `graph` is not a `Graph` or has more nodes, or the others do not
            have one entry for each node.
        ImportError: If Matplotlib or NetworkX is not installed.
    """
    check_graph("graph", graph)
    if graph.num_nodes > _MOST_NODES:
        raise ValueError(
            f"Expected `graph` to have at most {_MOST_NODES} nodes. Draw a part: "
            f"`graph.subgraph(nodes)`. Received: graph={graph}"
        )
    if classes is None and graph.y is not None and are_classes(graph.y):
        classes = graph.y
    figure = new_figure()
    axes: Any = figure.subplots()
    places = spring_layout(graph.edges, graph.num_nodes, seed)
    _draw_edges(figure, axes, graph, places)
    names_of_classes = graph.class_names if class_names is None else class_names
    draw_labelled(axes, places, classes, predicted, names, names_of_classes)
    axes.set_title(title or graph.name or f"{graph.num_nodes} nodes")
    axes.set_axis_off()
    return figure


def draw_labelled(
    axes: Any,
    places: np.ndarray,
    classes: npt.ArrayLike | None,
    predicted: npt.ArrayLike | None,
    names: Sequence[Any] | npt.ArrayLike | None,
    class_names: Sequence[str] | npt.ArrayLike | None,
) -> None:
    """Draws nodes and the legend, given the arguments of `graph`."""
    count = len(places)
    wrong = None
    if classes is not None:
        classes = checked_classes("classes", classes, count)
    if predicted is not None:
        predicted = checked_classes("predicted", predicted, count)
        if classes is None:
            classes = predicted
        wrong = (classes >= 0) & (classes != predicted)
    most = 0 if classes is None else int(classes.max(initial=-1)) + 1
    named_classes = checked_names("class_names", class_names, most)
    named = checked_names("names", names, count)
    draw_nodes(axes, places, classes, named_classes, named, wrong)
    add_legend(axes)


def _draw_edges(
    figure: matplotlib.figure.Figure, axes: Any, graph: Graph, places: np.ndarray
) -> None:
    source, target = graph.edges.T
    key = source.astype(np.int64) * graph.num_nodes + target
    is_line = np.isin(target.astype(np.int64) * graph.num_nodes + source, key)
    shade = np.full(graph.num_edges, 0.4)
    if graph.edge_weight is not None:
        weight = np.abs(graph.edge_weight)
        most = max(weight.max(initial=0), 1e-12)
        shade = np.clip(weight / most, 0.05, 1)
        add_scale(figure, axes, most, "edge weight, without sign")
    collections = import_library("matplotlib.collections")
    lines = is_line & (source < target)
    axes.add_collection(
        collections.LineCollection(
            places[graph.edges[lines]],
            colors=[(0, 0, 0, alpha) for alpha in shade[lines]],
            zorder=1,
        )
    )
    arrows = np.flatnonzero(~is_line & (source != target))
    for number in arrows.tolist():
        draw_arrow(
            axes,
            places[source[number]],
            places[target[number]],
            node_size(graph.num_nodes),
            alpha=shade[number],
        )


def draw_arrow(
    axes: Any, start: np.ndarray, end: np.ndarray, size: float, **style: Any
) -> None:
    """Draws an arrow from one node to another, of area `size` each."""
    gap = np.sqrt(size) * 0.64
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": "black",
            "connectionstyle": "arc3,rad=0.1",
            "shrinkA": gap,
            "shrinkB": gap,
            **style,
        },
    )


def clusters(
    adjacency: tf.sparse.SparseTensor,
    assignment: npt.ArrayLike,
    title: str | None = None,
    seed: int | None = 0,
    *,
    names: Sequence[Any] | npt.ArrayLike | None = None,
) -> matplotlib.figure.Figure:
    """Draws a graph, with a colour and a shape for the likeliest cluster of each node.

    For small graphs:

    ```python
    graphs, labels = tfgraph.data.tu("MUTAG")
    graph = graphs[0]
    adjacency, graph_ids = graph.to_sparse_tensor(), np.zeros(graph.num_nodes, int)
    pooling = model.poolings[0]  # of a models.DiffPoolClassifier
    *_, s = pooling([graph.x, adjacency, graph_ids], return_assignment=True)
    tfgraph.plots.clusters(adjacency, s).savefig("clusters.png")
    ```

    Args:
        adjacency: `tf.SparseTensor` `[N, N]`.
        assignment: The share of each node in each cluster, `[N, K]`, as `DiffPool`
            returns it; or the number of each node's cluster, `[N]`.
        title: Title of the picture. None for "Likeliest clusters".
        seed: Seed of the layout. None for another layout in each call.
        names: What to write beside each node, `[N]`, such as its class; or None.

    Raises:
        ValueError: If `adjacency` is not a SparseTensor, or there is not one finite row
            for each node.
        ImportError: If Matplotlib or NetworkX is not installed.
    """
    receivers, senders = entries_of(adjacency)
    shares = real_array("assignment", assignment)
    num_nodes = int(adjacency.shape[0])
    if shares.ndim not in (1, 2) or len(shares) != num_nodes:
        raise ValueError(
            f"Expected `assignment` to have a row for each of the {num_nodes} nodes. "
            f"Received: assignment.shape={shares.shape}"
        )
    check_finite("assignment", shares)
    numbers = shares.argmax(axis=1) if shares.ndim == 2 else shares.astype(np.int64)
    named = checked_names("names", names, num_nodes)
    figure = new_figure()
    axes: Any = figure.subplots()
    places = spring_layout(np.stack([senders, receivers], axis=1), num_nodes, seed)
    ends = places[np.stack([receivers, senders])]
    axes.plot(ends[..., 0], ends[..., 1], color="lightgrey", zorder=1)
    draw_classes(
        axes,
        places,
        numbers,
        (),
        "cluster",
        s=node_size(num_nodes),
        edgecolors="black",
        linewidths=0.8,
        zorder=2,
    )
    write_names(axes, places, named)
    add_legend(axes)
    axes.set_title(title or "Likeliest clusters")
    axes.set_axis_off()
    return figure

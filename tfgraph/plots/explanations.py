"""Pictures of explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import wrong_object
from tfgraph.explain import Explanation, HeteroExplanation
from tfgraph.plots.drawing import (
    add_legend,
    add_scale,
    checked_classes,
    checked_names,
    draw_nodes,
    new_figure,
    node_size,
    spring_layout,
)
from tfgraph.plots.graphs import draw_arrow

if TYPE_CHECKING:
    import matplotlib.figure


def explanation(
    explanation: Explanation | HeteroExplanation,
    k: int = 10,
    *,
    classes: npt.ArrayLike | None = None,
    names: Sequence[Any] | npt.ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    seed: int | None = 0,
) -> matplotlib.figure.Figure:
    """Draws the edges that a prediction rests on, darker the more it does.

    An arrow points from the sender of a message to its receiver. A ring marks the
    explained node, or both nodes of a pair. In a graph of several node sets, colours
    and shapes tell the node sets.

    ```python
    explanation = tfgraph.explain.gnn_explainer(model, graph, 8)
    figure = tfgraph.plots.explanation(explanation, classes=graph.y)
    figure.savefig("explanation.png")
    ```

    Args:
        explanation: What `tfgraph.explain.gnn_explainer` or `integrated_gradients`
            returned.
        k: Number of edges, the most important ones.
        classes: The class number of each node of the whole graph, `[N]`, with -1 for
            none; or None. Not for several node sets.
        names: What to write beside each node, `[N]`. None for its number. Not for
            several node sets.
        class_names: The names of classes 0, 1 and so on, or None.
        title: Title of the picture. None for one that names what is explained.
        seed: Seed of the layout. None for another layout in each call.

    Raises:
        ValueError: If `explanation` is none, `k` is not a positive integer, or the
            others do not have one entry for each node. Also if there are `classes` or
            `names` with several node sets.
        ImportError: If Matplotlib or NetworkX is not installed.
    """
    if not isinstance(explanation, Explanation | HeteroExplanation):
        raise wrong_object(
            "explanation", "a tfgraph.explain.Explanation", explanation, ""
        )
    title = title or _title(explanation, class_names)
    if isinstance(explanation, HeteroExplanation):
        if classes is not None or names is not None:
            raise ValueError(
                "Expected no `classes` and no `names` for several node sets, which the "
                "colours tell. "
                f"Received: {'names' if classes is None else 'classes'}"
            )
        sizes = list(explanation.num_nodes.values())
        classes = np.repeat(np.arange(len(sizes)), sizes)
        names = np.concatenate([np.arange(size) for size in sizes])
        class_names = list(explanation.num_nodes)
        explanation = _of_one_node_set(explanation)
    subgraph = explanation.subgraph(k)
    nodes, count = np.asarray(subgraph.ids), explanation.num_nodes
    if classes is not None:
        classes = checked_classes("classes", classes, count)
    most = 0 if classes is None else int(classes.max(initial=-1)) + 1
    named_classes = checked_names("class_names", class_names, most)
    every = np.arange(count) if names is None else names
    named = checked_names("names", every, count)
    figure = new_figure()
    axes: Any = figure.subplots()
    places = spring_layout(subgraph.edges, subgraph.num_nodes, seed)
    size = node_size(subgraph.num_nodes)
    importance = np.asarray(subgraph.edge_weight)
    highest = max(importance.max(initial=0), 1e-12)
    for (sender, receiver), share in zip(
        subgraph.edges, np.clip(importance / highest, 0.15, 1), strict=True
    ):
        style = {"alpha": share, "linewidth": 0.5 + 1.5 * share}
        draw_arrow(axes, places[sender], places[receiver], size, **style)
    draw_nodes(
        axes,
        places,
        None if classes is None else classes[nodes],
        named_classes,
        [named[node] for node in nodes],
    )
    explained = places[np.isin(nodes, explanation.nodes)]
    if len(explained):
        axes.scatter(
            *explained.T,
            s=3 * size,
            facecolors="none",
            edgecolors="black",
            linewidths=2,
            label="explained",
        )
    axes.margins(0.1)
    add_legend(axes, spacing=1.5)  # rings are higher than text
    add_scale(figure, axes, highest, "importance of the edge")
    axes.set_title(title)
    axes.set_axis_off()
    return figure


def _of_one_node_set(found: HeteroExplanation) -> Explanation:
    """The same explanation, where the nodes and edges of all sets follow on another."""
    sizes = list(found.num_nodes.values())
    starts = dict(zip(found.num_nodes, np.cumsum(sizes) - sizes, strict=True))
    edges = [
        edges + np.array([starts[end] for end in found.ends[name]])
        for name, edges in found.edges.items()
    ]
    return Explanation(
        np.concatenate(edges),
        np.concatenate(list(found.edge_importance.values())),
        np.zeros(0),
        found.index,
        found.target,
        found.outputs,
        found.prediction,
        tuple(int(starts[name] + node) for name, node in found.nodes),
        sum(sizes),
    )


def _title(
    explanation: Explanation | HeteroExplanation, class_names: Sequence[str] | None
) -> str:
    """What is explained, such as "Node 8: class 1, probability 0.74"."""
    what = {0: "Graph", 1: "Node", 2: "Pair"}[len(explanation.nodes)]
    if isinstance(explanation, HeteroExplanation) and not explanation.nodes:
        what = "Row"  # of a graph, or of a node set that is not known
    number = f"Output {explanation.target}: {explanation.prediction:.3g}"
    if explanation.outputs != "values":
        name = f"class {explanation.target}"
        if class_names is not None and explanation.target < len(class_names):
            name = str(class_names[explanation.target])
        number = f"{name}, probability {explanation.prediction:.2f}"
    nodes = [
        " ".join(map(str, node)) if isinstance(node, tuple) else str(node)
        for node in explanation.nodes
    ]
    of = " and ".join(nodes) or explanation.index
    return f"{what} {of}: {number}"

"""Pictures of attention: its scores, and how uniform it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfgraph.data.graphs.fields import finite_float32
from tfgraph.plots.drawing import (
    add_scale,
    entries_of,
    new_figure,
    node_size,
    spring_layout,
)
from tfgraph.plots.graphs import draw_arrow, draw_labelled

if TYPE_CHECKING:
    import matplotlib.figure
    import tensorflow as tf

_LINES = ("solid", "dashed", "dotted", "dashdot")


def attention(
    adjacency: tf.sparse.SparseTensor,
    scores: npt.ArrayLike,
    classes: npt.ArrayLike | None = None,
    seed: int | None = 0,
    *,
    predicted: npt.ArrayLike | None = None,
    names: Sequence[Any] | npt.ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
) -> matplotlib.figure.Figure:
    """Draws a graph in which darker edges have higher attention scores.

    An arrow points from the sender to the node that pays attention. The mean of the
    heads is drawn. For small graphs, such as the karate club:

    ```python
    graph = tfgraph.data.karate_club()
    adjacency = graph.to_sparse_tensor()
    layer = tfgraph.layers.GATConv(8, num_heads=4)
    _, scores = layer([graph.x, adjacency], return_attention_scores=True)
    figure = tfgraph.plots.attention(adjacency, scores, graph.y, names=range(34))
    figure.savefig("attention.png")
    ```

    Args:
        adjacency: The `tf.SparseTensor` `[N, N]` that the layer was called with.
        scores: `[E, H]` or `[E + N, H]`, as `GATConv` returns them. The scores of added
            self-loops are not drawn.
        classes: The class number of each node, `[N]`, with -1 for none; or None.
        seed: Seed of the layout. None for another layout in each call.
        predicted: Predicted classes `[N]`, or None. Nodes with another class than
            predicted get a ring.
        names: What to write beside each node, `[N]`, or None.
        class_names: The names of classes 0, 1 and so on in the legend, or None.
        title: Title of the picture. None for "Attention, mean of the heads".

    Raises:
        ValueError: If `adjacency` is not a SparseTensor, or scores are not finite. Also
            if their rows are not one for each entry, or for each entry and node, or the
            others do not have one entry for each node.
        ImportError: If Matplotlib or NetworkX is not installed.
    """
    figure = new_figure()
    receivers, senders, scores = _edges(adjacency, scores)
    num_nodes = int(adjacency.shape[0])
    edges = np.stack([senders, receivers], axis=1)
    places = spring_layout(edges, num_nodes, seed)
    axes: Any = figure.subplots()
    apart = receivers != senders
    score = scores.mean(axis=1)
    most = max(score.max(initial=0), 1e-12)
    shade = np.clip(score / most, 0.05, 1)
    for (sender, receiver), alpha in zip(edges[apart], shade[apart], strict=True):
        draw_arrow(
            axes,
            places[sender],
            places[receiver],
            node_size(num_nodes),
            alpha=alpha,
            linewidth=2 * alpha,
        )
    draw_labelled(axes, places, classes, predicted, names, class_names)
    add_scale(figure, axes, most, "attention score")
    axes.set_title(title or "Attention, mean of the heads")
    axes.set_axis_off()
    return figure


def attention_entropy(
    adjacency: tf.sparse.SparseTensor, scores: npt.ArrayLike
) -> matplotlib.figure.Figure:
    """Draws histograms of the entropy of each node's attention, one for each head.

    Beside them is the histogram of uniform attention. If the two look alike, the layer
    has not learned to prefer any neighbours.

    Args:
        adjacency: As for `attention`.
        scores: As for `attention`, with those of added self-loops if there are any.

    Raises:
        ValueError: As for `attention`.
        ImportError: If Matplotlib is not installed.
    """
    figure = new_figure()
    entropy, uniform = attention_entropies(adjacency, scores)
    bins = np.linspace(0, max(uniform.max(initial=0), 1e-6) * 1.01, 30)
    axes: Any = figure.subplots()
    axes.hist(uniform, bins, color="lightgrey", label="uniform")
    for head, values in enumerate(entropy.T):
        style = _LINES[head % len(_LINES)]
        axes.hist(
            values,
            bins,
            histtype="step",
            linestyle=style,
            linewidth=1.5,
            label=f"head {head}",
        )
    axes.set(
        xlabel="entropy of a node's attention (nats)",
        ylabel="nodes",
        title="Entropy of attention",
    )
    axes.legend()
    return figure


def attention_entropies(
    adjacency: tf.sparse.SparseTensor, scores: npt.ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the entropy `-Σ_j α_ij ln α_ij` of each node's attention.

    Args:
        adjacency: As for `attention_entropy`.
        scores: As for `attention_entropy`.

    Returns:
        The entropies `[N, H]`, in nats; and `[N]`, the entropy that uniform attention
        would have.

    Raises:
        ValueError: As for `attention`.
    """
    receivers, senders, of_edges = _edges(adjacency, scores)
    num_nodes = int(adjacency.shape[0])
    of_loops = np.asarray(scores)[len(receivers) :]
    has_weight = adjacency.values.numpy() != 0
    if len(of_loops):  # added for the nodes that have none
        missing = np.ones(num_nodes, bool)
        missing[receivers[has_weight & (receivers == senders)]] = False
        has_weight = np.append(has_weight, missing)
        receivers = np.append(receivers, np.arange(num_nodes))
    alpha = np.concatenate([of_edges, of_loops])
    terms = -alpha * np.log(np.where(alpha > 0, alpha, 1))
    entropy = np.zeros((num_nodes, alpha.shape[1]))
    np.add.at(entropy, receivers, terms)
    counts = np.bincount(receivers[has_weight], minlength=num_nodes)
    return entropy, np.log(np.maximum(counts, 1))


def _edges(
    adjacency: tf.sparse.SparseTensor, scores: npt.ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    receivers, senders = entries_of(adjacency)
    scores = finite_float32("scores", scores)
    num_entries, num_nodes = len(receivers), int(adjacency.shape[0])
    if scores.ndim != 2 or len(scores) not in (num_entries, num_entries + num_nodes):
        raise ValueError(
            "Expected `scores` of shape `[E, H]` or `[E + N, H]`, with a row for each "
            f"of the {num_entries} entries of `adjacency`, and perhaps for each of its "
            f"{num_nodes} nodes. Received: scores.shape={scores.shape}"
        )
    return receivers, senders, scores[: len(receivers)]

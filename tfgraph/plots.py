"""Pictures by Matplotlib: `pip install "tfgraph[plots]"`.

Each function that draws returns a `matplotlib.figure.Figure`. Save it with
`figure.savefig("name.png")`.
"""

from __future__ import annotations

import importlib
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import check_adjacency, checked_seed
from tfgraph.data.graphs.fields import (
    as_array,
    check_finite,
    finite_float32,
    real_array,
)

if TYPE_CHECKING:
    import matplotlib.figure
    import tensorflow as tf

__all__ = [
    "attention",
    "attention_entropies",
    "attention_entropy",
    "clusters",
    "latent_space",
]


def __dir__() -> list[str]:
    return __all__


def attention(
    adjacency: tf.sparse.SparseTensor,
    scores: npt.ArrayLike,
    classes: npt.ArrayLike | None = None,
    seed: int | None = 0,
) -> matplotlib.figure.Figure:
    """Draws a graph in which darker edges have higher attention scores.

    An arrow points from the sender to the node that pays attention. The mean of the
    heads is drawn. For small graphs, such as the karate club:

    ```python
    graph = tfgraph.data.karate_club()
    adjacency = graph.to_sparse_tensor()
    layer = tfgraph.layers.GATConv(8, num_heads=4)
    _, scores = layer([graph.x, adjacency], return_attention_scores=True)
    tfgraph.plots.attention(adjacency, scores, graph.y).savefig("attention.png")
    ```

    Args:
        adjacency: The `tf.SparseTensor` `[N, N]` that the layer was called with.
        scores: `[E, H]` or `[E + N, H]`, as `GATConv` returns them. The scores of added
            self-loops are not drawn.
        classes: A number `[N]` for the colour of each node, or None.
        seed: Seed of the layout. None for another layout in each call.

    Raises:
        ValueError: If `adjacency` is not a SparseTensor, or scores are not finite. Also
            if their rows are not one for each entry, or for each entry and node.
        ImportError: If Matplotlib or NetworkX is not installed.
    """
    figure = _figure()
    receivers, senders, scores = _edges(adjacency, scores)
    places = _spring_layout(adjacency, seed)
    classes = None if classes is None else real_array("classes", classes)
    if classes is not None and classes.shape != (len(places),):
        raise ValueError(
            f"Expected `classes` to have one number for each of the {len(places)} "
            f"nodes. Received: classes with shape={classes.shape}"
        )
    axes: Any = figure.subplots()
    apart = receivers != senders
    score = scores.mean(axis=1)
    shade = np.clip(score / max(score.max(initial=0), 1e-12), 0.05, 1)
    for sender, receiver, alpha in zip(
        senders[apart], receivers[apart], shade[apart], strict=True
    ):
        axes.annotate(
            "",
            places[receiver],
            places[sender],
            arrowprops={
                "arrowstyle": "-|>",
                "alpha": alpha,
                "linewidth": 2 * alpha,
                "color": "black",
                "connectionstyle": "arc3,rad=0.1",
                "shrinkA": 7,
                "shrinkB": 7,
            },
        )
    colours = {} if classes is None else {"c": classes, "cmap": "tab10"}
    axes.scatter(*places.T, s=120, edgecolors="black", zorder=2, **colours)
    axes.set_title("Attention, mean of the heads")
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
    figure = _figure()
    entropy, uniform = attention_entropies(adjacency, scores)
    bins = np.linspace(0, max(uniform.max(initial=0), 1e-6) * 1.01, 30)
    axes: Any = figure.subplots()
    axes.hist(uniform, bins, color="lightgrey", label="uniform")
    for head, values in enumerate(entropy.T):
        axes.hist(values, bins, histtype="step", label=f"head {head}")
    axes.set(xlabel="entropy of a node's attention (nats)", ylabel="nodes")
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


def latent_space(
    z: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    title: str | None = None,
) -> matplotlib.figure.Figure:
    """Draws latent vectors in the plane of their two principal components.

    ```python
    z = model.predict(tfgraph.data.full_batch(train))
    tfgraph.plots.latent_space(z, graph.y).savefig("latent.png")
    ```

    Args:
        z: Latent vectors `[N, D]`, with `D` of at least 2.
        labels: Class numbers `[N]` for the colours of the points, with -1 (grey) for no
            class; or None.
        title: Title of the picture, or None.

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
    points, figure = _principal_components(z), _figure()
    axes: Any = figure.subplots()
    for label in np.unique(labels):
        of_label = points[labels == label]
        colour = "lightgrey" if label < 0 else f"C{label}"
        axes.scatter(*of_label.T, s=6, color=colour, label=f"class {label}")
    if len(np.unique(labels)) > 1:
        axes.legend(markerscale=2, fontsize="small")
    axes.set(xlabel="first principal component", ylabel="second", title=title)
    return figure


def clusters(
    adjacency: tf.sparse.SparseTensor,
    assignment: npt.ArrayLike,
    title: str | None = None,
    seed: int | None = 0,
) -> matplotlib.figure.Figure:
    """Draws a graph, with a colour for the likeliest cluster of each node.

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
        title: Title of the picture, or None.
        seed: Seed of the layout. None for another layout in each call.

    Raises:
        ValueError: If `adjacency` is not a SparseTensor, or there is not one finite row
            for each node.
        ImportError: If Matplotlib or NetworkX is not installed.
    """
    receivers, senders = _entries(adjacency)
    assignment = real_array("assignment", assignment)
    num_nodes = int(adjacency.shape[0])
    if assignment.ndim not in (1, 2) or len(assignment) != num_nodes:
        raise ValueError(
            f"Expected `assignment` to have a row for each of the {num_nodes} nodes. "
            f"Received: assignment.shape={assignment.shape}"
        )
    check_finite("assignment", assignment)
    if assignment.ndim == 2:
        assignment = assignment.argmax(axis=1)
    figure, places = _figure(), _spring_layout(adjacency, seed)
    axes: Any = figure.subplots()
    ends = places[np.stack([receivers, senders])]
    axes.plot(ends[..., 0], ends[..., 1], color="lightgrey", zorder=1)
    clusters = np.unique(assignment)
    colors = _import("matplotlib").colormaps["turbo"].resampled(len(clusters))
    for number, cluster in enumerate(clusters):
        axes.scatter(
            *places[assignment == cluster].T,
            s=120,
            color=colors(number),
            edgecolors="black",
            zorder=2,
            label=f"cluster {cluster}",
        )
    axes.legend(fontsize="small")
    axes.set_title(title)
    axes.set_axis_off()
    return figure


def _spring_layout(adjacency: tf.sparse.SparseTensor, seed: int | None) -> np.ndarray:
    """Returns a place in the plane for each node, `[N, 2]`."""
    seed = checked_seed(seed)
    networkx = _import("networkx")
    receivers, senders = _entries(adjacency)
    network = networkx.Graph()
    network.add_nodes_from(range(int(adjacency.shape[0])))
    network.add_edges_from(zip(senders, receivers, strict=True))
    places = networkx.spring_layout(network, seed=seed)
    return np.array([places[node] for node in network])


def _entries(adjacency: tf.sparse.SparseTensor) -> np.ndarray:
    check_adjacency("adjacency", adjacency)
    return adjacency.indices.numpy().T


def _edges(
    adjacency: tf.sparse.SparseTensor, scores: npt.ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    receivers, senders = _entries(adjacency)
    scores = finite_float32("scores", scores)
    num_entries, num_nodes = len(receivers), int(adjacency.shape[0])
    if scores.ndim != 2 or len(scores) not in (num_entries, num_entries + num_nodes):
        raise ValueError(
            "Expected `scores` of shape `[E, H]` or `[E + N, H]`, with a row for each "
            f"of the {num_entries} entries of `adjacency`, and perhaps for each of its "
            f"{num_nodes} nodes. Received: scores.shape={scores.shape}"
        )
    return receivers, senders, scores[: len(receivers)]


def _figure() -> matplotlib.figure.Figure:
    return _import("matplotlib.figure").Figure(figsize=(8, 6), layout="tight")


def _import(module: str) -> types.ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'Pictures need {module.partition(".")[0]}: pip install "tfgraph[plots]"'
        ) from error


def _principal_components(z: np.ndarray, count: int = 2) -> np.ndarray:
    """Returns the coordinates `[N, count]` of `z [N, D]` along its principal axes."""
    centred = z - z.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    if len(axes) < count:  # fewer vectors than axes
        axes = np.pad(axes, [(0, count - len(axes)), (0, 0)])
    return centred @ axes[:count].T

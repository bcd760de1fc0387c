"""Splits of a graph's edges for link prediction, and their input pipelines."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgraph.arguments import (
    checked_seed,
    is_integer,
    is_number,
    received,
    wrong_object,
)
from tfgraph.data.graphs.fields import as_pairs, finite_float32, real_array
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.data.pipelines.graph_batches import full_batch


class Links(NamedTuple):
    """Pairs of nodes, and which of them are edges.

    Attributes:
        pairs: int64 `[P, 2]`, node numbers.
        labels: float32 `[P]`, 1 for an edge, 0 for no edge.
    """

    pairs: np.ndarray
    labels: np.ndarray

    def __repr__(self) -> str:
        return f"Links(pairs={len(self.pairs)}, edges={int(np.sum(self.labels))})"


class LinkSplit(NamedTuple):
    """A graph whose edges are split: see `link_split`.

    Attributes:
        train: The graph of the training edges. Messages go along these edges, and the
            model learns from them.
        val: Validation `Links`.
        test: Test `Links`.
    """

    train: Graph
    val: Links
    test: Links

    def __repr__(self) -> str:
        return (
            f"LinkSplit(nodes={self.train.num_nodes}, edges={self.train.num_edges}, "
            f"val={len(self.val.pairs)} pairs, test={len(self.test.pairs)} pairs)"
        )


def link_split(
    graph: Graph, val: float = 0.05, test: float = 0.1, seed: int | None = 0
) -> LinkSplit:
    """Splits the edges of an undirected graph for link prediction.

    The protocol and the default fractions are those of the official code of
    "Variational Graph Auto-Encoders" (Kipf & Welling, 2016,
    https://arxiv.org/abs/1611.07308):

    - An edge and its reverse count as one, and are in one set only.
    - The training graph holds the training edges only, in both directions.
    - An evaluation set has as many pairs without an edge as with one. Those are no
      edges of the whole graph and no self-loops, and each is in one set only.

    A directed graph is made undirected. Self-loops are left out. The training graph
    keeps weights, features, labels and masks. Nodes may lose all their edges. The same
    seed gives the same split.

    Example:

    ```python
    graph = tfgraph.data.planetoid("cora")
    train, val, test = tfgraph.data.link_split(graph)
    model = tfgraph.models.VGAE()
    model.compile("adam", metrics=[tfgraph.metrics.RocAUC()])
    model.fit(
        tfgraph.data.full_batch(train),
        validation_data=tfgraph.data.link_batch(train, val),
        shuffle=False,
    )
    ```

    Args:
        graph: A `Graph`.
        val: Fraction of the edges to validate with, rounded down. 0 for none.
        test: Fraction of the edges to test with, rounded down. 0 for none.
        seed: Seed of the NumPy generator that draws edges and pairs without an edge.
            None for another split in each call.

    Raises:
        ValueError: If `graph` is not a `Graph`, or a fraction is not in `[0, 1)`. Also
            if a set of a fraction above 0 would be empty, or the graph has too few
            pairs of nodes without an edge.
    """
    check_graph("graph", graph)
    seed = checked_seed(seed)
    graph = graph.symmetrized()
    low, high = graph.edges.T
    is_upper = low < high
    edges = graph.edges[is_upper]
    sizes = {"val": _size("val", val, edges), "test": _size("test", test, edges)}
    num_held_out = sum(sizes.values())
    if num_held_out >= len(edges):
        raise ValueError(
            "Expected `val` and `test` to leave edges to train with. "
            f"Received: val={val}, test={test} of {len(edges)} undirected edges"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(edges))
    non_edges = _draw_non_edges(rng, graph.num_nodes, edges, num_held_out)
    val_edges, test_edges = order[: sizes["val"]], order[sizes["val"] : num_held_out]

    is_train = np.ones(len(edges), bool)
    is_train[order[:num_held_out]] = False
    train_numbers = _numbers(edges[is_train], graph.num_nodes)
    kept = np.isin(_numbers(np.sort(graph.edges), graph.num_nodes), train_numbers)
    weight = None if graph.edge_weight is None else graph.edge_weight[kept]
    return LinkSplit(
        graph.replace(edges=as_pairs(graph.edges[kept]), edge_weight=weight),
        _links(edges[val_edges], non_edges[: sizes["val"]]),
        _links(edges[test_edges], non_edges[sizes["val"] :]),
    )


def link_batch(
    graph: Graph, links: Links, form: str = "sparse", sparse_features: bool = False
) -> tf.data.Dataset:
    """Returns a dataset of one element, the whole graph and labelled pairs of nodes.

    The element is `((x, adjacency, pairs), labels)`, or `((graph, pairs), labels)` for
    GraphTensors, as `tfgraph.models.GAE` takes it.

    Args:
        graph: The `Graph` along which messages go, such as `LinkSplit.train`.
        links: The `Links` to score, such as `LinkSplit.test`.
        form: See `full_batch`.
        sparse_features: See `full_batch`.

    Raises:
        ValueError: As for `full_batch`. Also if `links` is not `Links`, a pair names a
            node that does not exist, or there is not one finite label for each pair.
    """
    check_graph("graph", graph)
    links = _checked_links(links, graph.num_nodes)
    dataset = tf.data.Dataset.from_tensors(tuple(links))
    return _with_graph(dataset, graph, form, sparse_features)


def training_links(
    graph: Graph,
    form: str = "sparse",
    sparse_features: bool = False,
    seed: int | None = 0,
) -> tf.data.Dataset:
    """Returns a dataset of one element, with other negatives each time it is read.

    The element is that of `link_batch`. Its pairs are the edges of `graph`, each once,
    and as many random pairs without an edge, the negatives. `fit` reads the
    dataset once an epoch:

    ```python
    model.compile("adam", "binary_crossentropy")
    model.fit(tfgraph.data.training_links(split.train), epochs=200, shuffle=False)
    ```

    The negatives avoid the edges of `graph` only. Held-out edges may be among them: if
    they were avoided, the model could learn where they are.

    Args:
        graph: The training `Graph`, such as `LinkSplit.train`, undirected.
        form: See `full_batch`.
        sparse_features: See `full_batch`.
        seed: Seed of the NumPy generator that draws the negatives. None for other ones
            in each run.

    Raises:
        ValueError: As for `full_batch`. Also if the graph has no edges, or fewer pairs
            without an edge than edges.
    """
    check_graph("graph", graph)
    seed = checked_seed(seed)
    edges = np.unique(np.sort(graph.edges), axis=0)
    edges = edges[edges[:, 0] < edges[:, 1]]
    if not len(edges):
        raise ValueError(f"Expected `graph` to have edges. Received: graph={graph}")
    rng = np.random.default_rng(seed)
    # Raises now, not in the pipeline, if there are too few.
    _draw_non_edges(np.random.default_rng(seed), graph.num_nodes, edges, len(edges))

    def draw():
        yield _links(edges, _draw_non_edges(rng, graph.num_nodes, edges, len(edges)))

    specs = Links(
        tf.TensorSpec([2 * len(edges), 2], tf.int64),
        tf.TensorSpec([2 * len(edges)], tf.float32),
    )
    dataset = tf.data.Dataset.from_generator(draw, output_signature=tuple(specs))
    # Keras warns, in each epoch, when a dataset of unknown length ends.
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(1))
    return _with_graph(dataset, graph, form, sparse_features)


def _with_graph(dataset, graph, form, sparse_features):
    graphs = full_batch(graph, form=form, sparse_features=sparse_features)

    def element(inputs, links):
        (inputs,), (pairs, labels) = inputs, links
        parts = inputs if isinstance(inputs, tuple) else (inputs,)
        return (*parts, pairs), labels

    return tf.data.Dataset.zip(graphs, dataset).map(element)


def _size(name, fraction, edges) -> int:
    if not is_number(fraction) or not 0 <= fraction < 1:
        hint = ""
        if is_integer(fraction) and 0 < fraction < len(edges):
            hint = f"Of a number of edges, pass `{fraction} / {len(edges)}`. "
        raise ValueError(
            f"Expected `{name}` to be a fraction in [0, 1). {hint}"
            f"{received(name, fraction)}"
        )
    # 0.29 of 100 edges are 29, though 0.29 * 100 is 28.999...
    size = int(fraction * len(edges) + 1e-9)
    if fraction and not size:
        raise ValueError(
            f"Expected `{name}` to be 0 or at least one edge's share. "
            f"Received: {name}={fraction} of {len(edges)} undirected edges"
        )
    return size


def _checked_links(links, num_nodes: int) -> Links:
    if not isinstance(links, Links):
        hint = "Make them with `tfgraph.data.Links(pairs, labels)`."
        raise wrong_object("links", "tfgraph.data.Links", links, hint)
    pairs, labels = real_array("links.pairs", links.pairs), links.labels
    if pairs.shape == (0,):  # an empty list
        pairs = np.zeros([0, 2], np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            "Expected `links.pairs` to be integers [P, 2]. "
            f"Received: pairs with shape={pairs.shape} and dtype={pairs.dtype}"
        )
    if pairs.size and (pairs.min() < 0 or pairs.max() >= num_nodes):
        raise ValueError(
            f"Expected `links.pairs` to hold node numbers from 0 to {num_nodes - 1}. "
            f"Received: pairs with numbers from {pairs.min()} to {pairs.max()}"
        )
    labels = real_array("links.labels", labels)
    if labels.shape != pairs.shape[:1]:
        raise ValueError(
            "Expected `links.labels` to have one number for each of the "
            f"{len(pairs)} pairs. Received: labels with shape={labels.shape}"
        )
    return Links(pairs.astype(np.int64), finite_float32("links.labels", labels))


def _numbers(pairs, num_nodes):
    """One number for each pair: far faster to sort and compare than rows of two."""
    return pairs[:, 0] * num_nodes + pairs[:, 1]


def _links(edges, non_edges) -> Links:
    labels = np.repeat(np.array([1, 0], np.float32), [len(edges), len(non_edges)])
    return Links(np.concatenate([edges, non_edges]), labels)


def _draw_non_edges(rng, num_nodes, edges, count):
    """Draws `count` distinct pairs `(i, j)`, i < j, that are not in `edges`."""
    num_pairs = num_nodes * (num_nodes - 1) // 2
    if num_pairs - len(edges) < count:
        raise ValueError(
            f"Expected a graph with at least {count} pairs of nodes without an edge. "
            f"Received: {num_nodes} nodes with {len(edges)} undirected edges, "
            f"{num_pairs - len(edges)} pairs without"
        )
    taken = _numbers(edges, num_nodes)
    if num_pairs < 4 * (len(edges) + count):  # few enough to list them all
        every = np.stack(np.triu_indices(num_nodes, 1), axis=1)
        free = every[~np.isin(_numbers(every, num_nodes), taken)]
        return rng.permutation(free)[:count]
    drawn = np.zeros([0], np.int64)
    while len(drawn) < count:
        ends = rng.integers(num_nodes, size=(2 * (count - len(drawn)) + 8, 2))
        ends = np.sort(ends[ends[:, 0] != ends[:, 1]])
        drawn = np.append(drawn, _numbers(ends, num_nodes))
        # Distinct, in the order drawn.
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
        drawn = drawn[~np.isin(drawn, taken)]
    drawn = drawn[:count]
    return np.stack([drawn // num_nodes, drawn % num_nodes], axis=1)

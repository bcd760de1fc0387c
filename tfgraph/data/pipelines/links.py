"""Input pipelines of a whole graph and labelled pairs of its nodes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfgraph.arguments import checked_integer, checked_seed, wrong_object
from tfgraph.data.graphs.fields import (
    FROM_IDS,
    FROM_NAMES,
    finite_float32,
    float32_labels,
    real_array,
)
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.pipelines.graph_batches import full_batch
from tfgraph.data.pipelines.link_splits import Links, labelled
from tfgraph.data.pipelines.pair_space import NonEdges, PairSpace, linked


def link_batch(
    graph: Graph | HeteroGraph,
    links: Links,
    form: str | None = None,
    sparse_features: bool = False,
    edge_set_name: str | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of one element, the whole graph and labelled pairs of nodes.

    The element is `((x, adjacency, pairs), labels)`, as `tfgraph.models.GAE` takes it.
    For GraphTensors it is `((graph, pairs), labels)`, as `tfgraph.models.LinkPredictor`
    takes it, too. Weights of the links follow as `sample_weight`. Without labels, it is
    `((graph, pairs),)`, as `Model.predict` takes it.

    Args:
        graph: The `Graph` or `HeteroGraph` along which messages go, such as
            `LinkSplit.train`.
        links: The `Links` to score, such as `LinkSplit.test`.
        form: See `full_batch`.
        sparse_features: See `full_batch`.
        edge_set_name: The edge set of a `HeteroGraph` that the links belong to. May be
            left out if there is only one.

    Raises:
        ValueError: As for `full_batch`. Also if `links` is not `Links`, a pair names a
            node that does not exist, or there is not one label for each pair. Also if
            a label is infinite, or NaN but for labels `[P, C]`, or there is no such
            edge set.
    """
    space, _ = linked(graph, edge_set_name)
    fields = [field for field in checked_links(links, space) if field is not None]
    dataset = tf.data.Dataset.from_tensors(tuple(fields))
    return _with_graph(dataset, graph, form, sparse_features)


def training_links(
    graph: Graph | HeteroGraph,
    form: str | None = None,
    sparse_features: bool = False,
    seed: int | None = 0,
    edge_set_name: str | None = None,
    negatives: int = 1,
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
        graph: The training graph, such as `LinkSplit.train`: a `Graph`, undirected, or
            a `HeteroGraph`.
        form: See `full_batch`.
        sparse_features: See `full_batch`.
        seed: Seed of the NumPy generator that draws the negatives. None for other ones
            in each run.
        edge_set_name: The edge set of a `HeteroGraph` to learn. May be left out if
            there is only one.
        negatives: Random pairs for each edge.

    Raises:
        ValueError: As for `full_batch`. Also if the graph has no edges, or too few
            pairs without an edge. Also if there is no such edge set, or `negatives` is
            not a positive integer.
    """
    seed = checked_seed(seed)
    negatives = checked_integer("negatives", negatives)
    space, edges = linked(graph, edge_set_name)
    non_edges = NonEdges(space, edges)
    edges = space.pairs(non_edges.taken)
    if not len(edges):
        raise ValueError(f"Expected `graph` to have edges. Received: graph={graph}")
    rng, count = np.random.default_rng(seed), negatives * len(edges)
    non_edges.check(count)  # raises now, not in the pipeline

    def draw():
        links = labelled(edges, non_edges.draw(rng, count))
        yield links.pairs, links.labels

    specs = (
        tf.TensorSpec([len(edges) + count, 2], tf.int64),
        tf.TensorSpec([len(edges) + count], tf.float32),
    )
    dataset = tf.data.Dataset.from_generator(draw, output_signature=specs)
    # Keras warns, in each epoch, when a dataset of unknown length ends.
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(1))
    return _with_graph(dataset, graph, form, sparse_features)


def _with_graph(dataset, graph, form, sparse_features):
    graphs = full_batch(graph, form=form, sparse_features=sparse_features)

    def element(inputs, links):
        (inputs,), (pairs, *labels) = inputs, links
        parts = inputs if isinstance(inputs, tuple) else (inputs,)
        return ((*parts, pairs), *labels)

    return tf.data.Dataset.zip(graphs, dataset).map(element)


def checked_links(links: Links, space: PairSpace) -> Links:
    """Returns the argument `links` as int64 pairs, float32 labels and weights.

    Args:
        links: What was passed.
        space: The pairs that edges could join.

    Raises:
        ValueError: If it is not `Links`, or they do not fit.
    """
    if not isinstance(links, Links):
        hint = "Make them with `tfgraph.data.Links(pairs, labels)`."
        raise wrong_object("links", "tfgraph.data.Links", links, hint)
    pairs = real_array("links.pairs", links.pairs, FROM_IDS)
    if pairs.shape == (0,):  # an empty list
        pairs = np.zeros([0, 2], np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            "Expected `links.pairs` to be integers [P, 2]. "
            f"Received: pairs with shape={pairs.shape} and dtype={pairs.dtype}"
        )
    for column, count in enumerate((space.num_sources, space.num_targets)):
        ends = pairs[:, column]
        if ends.size and (ends.min() < 0 or ends.max() >= count):
            raise ValueError(
                f"Expected `links.pairs` to hold node numbers from 0 to {count - 1} in "
                f"column {column}. "
                f"Received: pairs with numbers from {ends.min()} to {ends.max()}"
            )
    if links.labels is None and links.sample_weight is not None:
        raise ValueError(
            "Expected `links` to have labels, as it has `sample_weight`. "
            "Received: labels=None"
        )
    return Links(
        pairs.astype(np.int64),
        _checked_numbers("labels", links.labels, len(pairs), (1, 2)),
        _checked_numbers("sample_weight", links.sample_weight, len(pairs), (1,)),
    )


def _checked_numbers(name, numbers, num_pairs, ranks):
    if numbers is None:
        return None
    array = real_array(f"links.{name}", numbers, FROM_NAMES)
    if array.ndim not in ranks or len(array) != num_pairs:
        or_rows = ", or one row" if 2 in ranks else ""
        raise ValueError(
            f"Expected `links.{name}` to have one number for each of the {num_pairs} "
            f"pairs{or_rows}. Received: {name} with shape={array.shape}"
        )
    convert = float32_labels if name == "labels" else finite_float32
    return convert(f"links.{name}", array)

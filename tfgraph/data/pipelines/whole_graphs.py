"""`tf.data` pipelines in which each graph is an example with a label of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgraph.arguments import (
    check_choice,
    check_flags,
    checked_integer,
    checked_seed,
    received,
)
from tfgraph.data.graphs.disjoint_union import GraphStack
from tfgraph.data.graphs.fields import (
    FROM_NAMES,
    as_array,
    as_int64,
    check_finite,
    float32_labels,
)
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import checked_graphs
from tfgraph.data.graphs.tensor_memory import without_copies
from tfgraph.data.pipelines.class_weights import ClassWeight, checked_class_weight
from tfgraph.data.pipelines.graph_batches import check_alike, check_dense_edges
from tfgraph.data.pipelines.packing import Limits, batches
from tfgraph.data.pipelines.padding import (
    check_padded,
    filled,
    mean_weights,
    padded,
    totals,
)
from tfgraph.data.pipelines.shards import checked_shard
from tfgraph.graph_tensor import of_any_size

_FORMS = ("sparse", "graph_tensor", "dense")


def whole_graph_batches(
    graphs: Sequence[Graph],
    labels: npt.ArrayLike | None = None,
    *,
    batch_size: int,
    max_nodes: int | None = None,
    max_edges: int | None = None,
    form: str = "sparse",
    num_nodes: int | None = None,
    sparse_features: bool = False,
    clusters: Sequence[npt.ArrayLike] | None = None,
    num_clusters: int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    shard: tuple[int, int] | None = None,
    class_weight: ClassWeight | None = None,
    pad: bool = False,
) -> tf.data.Dataset:
    """Returns a dataset of batches of graphs, with a label for each graph.

    ```python
    graphs, labels = tfgraph.data.tu("ENZYMES")
    train, val, test = tfgraph.data.stratified_folds(labels)[0]
    model.fit(
        tfgraph.data.whole_graph_batches(
            [graphs[i] for i in train], labels[train], batch_size=20, shuffle=True
        ),
        epochs=100,
        shuffle=False,  # Keras' own, for arrays
    )
    ```

    No graph is dropped. A graph that exceeds `max_nodes` or `max_edges` is a batch of
    its own. A model gives the same results in every form, as the union connects no
    graphs and the mask marks the padding. (With a GraphTensor, layers use the weights
    of the edges if made with `edge_weight_name="weight"`.)

    The `loss` that Keras shows for an epoch is a mean over its batches. A batch is
    weighted by the rows of its first tensor. In the form "sparse" these are nodes, so a
    batch of large graphs counts for more. In the other forms they are graphs. Metrics
    count graphs in every form.

    With `shuffle`, each epoch draws the graphs in a new order. Any order can come up,
    unless sizes matter. Then the batches come in a new order, and a graph only trades
    places with graphs of like size (within a factor of 1.25). Sizes matter in two
    cases. Dense batches hold graphs of like size, so that there is little padding. With
    `max_nodes` or `max_edges`, each epoch has the same number of batches.

    Args:
        graphs: A list of `Graph`s with the same number of features, of nodes and of
            edges. Their `y` are not used.
        labels: `[G]` or `[G, ...]`, a row for each graph, or None for elements
            `(inputs,)`, as `Model.predict` takes them. In `[G, C]`, NaN stands for an
            entry without label, which `losses.MaskedLoss` leaves out. Names of classes
            become numbers by `np.unique(names, return_inverse=True)`, once for the
            graphs of all splits.
        batch_size: Most graphs in a batch.
        max_nodes: Most nodes in a batch, padding included.
        max_edges: Most (directed) edges in a batch.
        form: What `inputs` is:

            - "sparse": `(x, adjacency, graph_ids)`, the disjoint union of the graphs.
              The adjacency is a SparseTensor `[N, N]`. `graph_ids` `[N]`, int64, is the
              number of each node's graph within the batch, from 0 on in rising order;
            - "graph_tensor": a scalar TF-GNN `GraphTensor` with a component for each
              graph;
            - "dense": `(x, adjacency, mask)` of shapes `[B, n, F]`, `[B, n, n]` and
              `[B, n]`. Graphs are padded with zeros to `n`, the nodes of the batch's
              largest graph. The mask is True for nodes. Repeated edges are added up.

            If the graphs have `edge_features`, these follow the adjacency: `[E, D]`, in
            the order of its entries, or `[B, n, n, D]` in the form "dense". A
            GraphTensor has them as its edge feature "features".
        num_nodes: For dense batches, the same `n` for all of them. With this one shape,
            XLA compiles once (twice if the last batch has fewer graphs).
        sparse_features: For the form "sparse", whether `x` is a SparseTensor too.
        clusters: For each graph, the cluster of each node: integers `[nodes]` from 0
            on, such as `graclus_clusters` returns. The inputs then end with the
            assignment that `DiffPool` takes, one-hot, float32 `[N, K]` or `[B, n, K]`.
            With a GraphTensor they are `(graph, assignment)`.
        num_clusters: K, for `clusters`.
        shuffle: Whether each epoch draws the graphs in a new order.
        seed: Datasets with the same seed draw the same orders. With None, call
            `keras.utils.set_random_seed` to repeat a run.
        shard: See `graph_batches`.
        class_weight: A dict of weights by class number, or "balanced", for class
            numbers `labels [G]`. See `full_batch`.
        pad: Whether all batches are filled up to the same sizes, so that
            `jit_compile=True` compiles once. The sizes are `max_nodes` and `max_edges`,
            or those of the largest `batch_size` graphs. Not for the form "sparse": from
            `graph_ids`, XLA cannot know the number of graphs.

            - "dense": each batch has as many graphs, those of padding without nodes,
              and `num_nodes` for all, by default the nodes of the largest graph.
            - "graph_tensor": a last component has the nodes and edges of padding, one
              node or more. A layer with statistics or losses over all nodes or graphs
              counts them, such as `BatchNormalization` and `DiffPool`. For these, use
              the form "dense".

    Returns:
        A `tf.data.Dataset` of `(inputs, y)`, `y` `[B, ...]`, with as many elements in
        each epoch. With `class_weight`, of `(inputs, y, sample_weight)`, the last
        float32 `[B]`. With `pad` likewise: labels and weights of padding are 0, and
        other weights are B / (graphs of the batch), so that the loss is the mean over
        these graphs. Pass metrics as `weighted_metrics`. `predict` also returns rows
        for padding, those of weight 0.

    Raises:
        ValueError: If `graphs` is not a list of graphs, they have no features or differ
            in their number, or labels or clusters do not fit them. Also if a size is
            not a positive integer, an argument is not for this form, or a graph has
            more than `num_nodes` nodes, or repeated edges with features in the form
            "dense". In the form "sparse", a graph without nodes is
            refused, since `graph_ids` cannot show it. With `pad`, so is a graph that
            exceeds `max_nodes` or `max_edges`.
    """
    batch_size = checked_integer("batch_size", batch_size, 1)
    max_nodes = _checked_size("max_nodes", max_nodes)
    max_edges = _checked_size("max_edges", max_edges)
    num_nodes = _checked_size("num_nodes", num_nodes)
    num_clusters = _checked_size("num_clusters", num_clusters)
    _check_form(form, sparse_features, num_nodes)
    seed = checked_seed(seed)
    check_flags(shuffle=shuffle, pad=pad)
    _check_pad(pad, form, labels, sparse_features)
    graphs = checked_graphs("graphs", graphs)
    check_alike(graphs, labels=False)
    if form == "dense":
        for number, graph in enumerate(graphs):
            check_dense_edges(f"graphs[{number}]", graph)
    nodes = np.array([graph.num_nodes for graph in graphs])
    edges = np.array([graph.num_edges for graph in graphs])
    _check_sizes(nodes, form, num_nodes)
    labels = _checked_labels(labels, len(graphs))
    class_weights = _checked_class_weight(class_weight, labels)
    clusters = _stacked_clusters(clusters, num_clusters, nodes)
    stack = GraphStack(graphs, labels=False, sparse_features=sparse_features)
    weighted_edges = any(graph.edge_weight is not None for graph in graphs)
    part = checked_shard(shard, "graph", shuffle, seed)
    if pad and form == "dense":
        num_nodes = num_nodes or max(int(nodes.max()), 1)
        most = batch_size
        if max_nodes is not None:
            # A graph of more than `max_nodes` is a batch of its own.
            most = min(most, max(max_nodes // num_nodes, 1))
        num_graphs = part.most_rows(most)
    if num_nodes is not None:
        nodes = np.full_like(nodes, num_nodes)
    limits = Limits(batch_size, max_nodes, max_edges, padded=form == "dense")
    if pad and form == "graph_tensor":
        most = part.most_rows(batch_size)
        of_part = Limits(most, max_nodes, max_edges, padded=False)
        sizes = totals(nodes, edges, of_part)
        num_graphs = sizes.graphs

    def element(numbers):
        union = stack.union(numbers)
        if pad and form == "graph_tensor":
            union = padded(union, sizes)
        if form == "sparse":
            inputs = (*union.parts(), _number_of_graph(union.num_nodes))
        elif form == "dense":
            inputs = _side_by_side(union, num_nodes)
        else:
            inputs = (of_any_size(union.to_graph_tensor(weighted_edges)),)
        if clusters is not None:
            s = tf.one_hot(tf.gather(clusters, numbers).flat_values, num_clusters)
            if form == "dense":
                s = _pad(s, union.num_nodes, num_nodes)
            elif pad:
                s = filled(s, sizes.nodes)
            inputs = (*inputs, s)
        if pad and form == "dense":
            inputs = tuple(filled(part, num_graphs) for part in inputs)
        if len(inputs) == 1:
            [inputs] = inputs  # a GraphTensor
        if labels is None:
            return (inputs,)
        y = tf.gather(labels, numbers)
        if pad:
            y = filled(y, num_graphs)
        elif class_weights is None:
            return inputs, y
        is_graph = tf.range(tf.shape(y)[0]) < tf.size(numbers)
        sample_weight = mean_weights(is_graph)
        if class_weights is not None:
            sample_weight *= tf.gather(class_weights, y)
        return inputs, y, sample_weight

    numbers = batches(nodes, edges, limits, shuffle, seed, shard)
    elements = numbers.map(element, num_parallel_calls=tf.data.AUTOTUNE)
    return without_copies(elements.prefetch(tf.data.AUTOTUNE))


def _number_of_graph(lengths):
    """Returns int64 `[N]`, the numbers `0 .. B-1` repeated `lengths` `[B]` times."""
    return tf.repeat(tf.range(tf.size(lengths, tf.int64)), lengths)


def _side_by_side(union, num_nodes):
    """Returns features, adjacency, edge features if there are any, and mask."""
    x = _pad(union.x, union.num_nodes, num_nodes)
    mask = tf.sequence_mask(union.num_nodes, num_nodes)
    first_node = tf.cumsum(union.num_nodes, exclusive=True)
    graph = _number_of_graph(union.num_edges)
    ends = union.adjacency.indices - tf.gather(first_node, graph)[:, None]
    indices = tf.concat([graph[:, None], ends], axis=1)
    batch, n = tf.unstack(tf.shape(mask, out_type=tf.int64))
    # Repeated entries are added up.
    shape = tf.stack([batch, n, n])
    adjacency = tf.scatter_nd(indices, union.adjacency.values, shape)
    adjacency.set_shape([None, num_nodes, num_nodes])
    if union.edge_features is None:
        return x, adjacency, mask
    width = union.edge_features.shape[1]
    edge_features = tf.scatter_nd(
        indices, union.edge_features, tf.concat([shape, [width]], axis=0)
    )
    edge_features.set_shape([None, num_nodes, num_nodes, width])
    return x, adjacency, edge_features, mask


def _pad(rows, lengths, num_nodes):
    """Takes `[N, D]` apart into graphs, filled up with zeros: `[B, n, D]`."""
    rows = tf.RaggedTensor.from_row_lengths(rows, lengths, validate=False)
    return rows.to_tensor(shape=[None, num_nodes, None])


def _checked_size(name: str, size) -> int | None:
    return None if size is None else checked_integer(name, size, 1)


def _check_form(form: str, sparse_features: bool, num_nodes: int | None):
    check_choice("form", form, _FORMS)
    check_flags(sparse_features=sparse_features)
    if form != "dense" and num_nodes is not None:
        raise ValueError(
            "Expected `num_nodes` with the form 'dense' only. "
            f"Received: num_nodes={num_nodes}, form={form!r}"
        )
    if form != "sparse" and sparse_features:
        raise ValueError(
            "Expected `sparse_features` with the form 'sparse' only. "
            f"Received: sparse_features=True, form={form!r}"
        )


def _check_pad(pad: bool, form: str, labels, sparse_features: bool):
    check_padded(pad, labels is not None, sparse_features)
    if pad and form == "sparse":
        raise ValueError(
            "Expected the form 'graph_tensor' or 'dense' with pad=True: from "
            "`graph_ids`, XLA cannot know the number of graphs. "
            "Received: pad=True, form='sparse'"
        )


def _check_sizes(nodes: np.ndarray, form: str, num_nodes: int | None):
    if num_nodes is not None and nodes.max() > num_nodes:
        raise ValueError(
            f"Expected `num_nodes` to be at least {nodes.max()}, the nodes of "
            f"graphs[{nodes.argmax()}]. Received: num_nodes={num_nodes}"
        )
    if form == "sparse" and nodes.min() == 0:
        raise ValueError(
            "Expected graphs with nodes: in the form 'sparse', `graph_ids` cannot show "
            "a graph without nodes. The other forms can. "
            f"Received: graphs[{nodes.argmin()}] with 0 nodes"
        )


def _checked_labels(labels, num_graphs: int):
    if labels is None:
        return None
    labels = as_array("labels", labels)
    are_numbers = labels.dtype.kind in "fiub"
    if not are_numbers or labels.shape[:1] != (num_graphs,):
        raise ValueError(
            f"Expected `labels` to hold numbers, a row for each of the {num_graphs} "
            f"graphs.{'' if are_numbers else FROM_NAMES} "
            f"Received: labels with shape={labels.shape}, dtype={labels.dtype}"
        )
    if labels.dtype.kind != "f":
        return as_int64("labels", labels)
    if labels.ndim == 2:
        return float32_labels("labels", labels)
    labels = labels.astype(np.float32)
    check_finite("labels", labels)
    return labels


def _checked_class_weight(class_weight, labels):
    """Returns the weight of each class, or None."""
    weights = checked_class_weight(class_weight, labels)
    if weights is not None and labels.min() < 0:
        raise ValueError(
            "Expected class numbers `labels` from 0 on with `class_weight`. "
            f"Received: labels with smallest value {labels.min()}"
        )
    return weights


def _stacked_clusters(clusters, num_clusters, nodes: np.ndarray):
    """Returns the clusters as a RaggedTensor `[G, (nodes)]`, or None."""
    if (clusters is None) != (num_clusters is None):
        raise ValueError(
            "Expected `clusters` and `num_clusters` together. Received: "
            f"clusters={clusters}, num_clusters={num_clusters}"
        )
    if clusters is None:
        return None
    if not isinstance(clusters, Sequence | np.ndarray):
        raise ValueError(
            "Expected `clusters` to be a list with an array for each graph. "
            f"{received('clusters', clusters)}"
        )
    if len(clusters) != len(nodes):
        raise ValueError(
            f"Expected `clusters` for each of the {len(nodes)} graphs. "
            f"Received: {len(clusters)} of them"
        )
    for number, (cluster, count) in enumerate(zip(clusters, nodes, strict=True)):
        cluster = np.asarray(cluster)
        if (
            cluster.shape != (count,)
            or cluster.dtype.kind not in "iu"
            or cluster.min(initial=0) < 0
            or cluster.max(initial=-1) >= num_clusters
        ):
            raise ValueError(
                f"Expected `clusters` to hold integers from 0 to {num_clusters - 1}, "
                f"one for each node. Received: clusters[{number}]={cluster}, for "
                f"{count} nodes"
            )
    flat = np.concatenate(clusters).astype(np.int64)
    with tf.device("CPU"):  # where tf.data will need them
        return tf.RaggedTensor.from_row_lengths(flat, nodes)

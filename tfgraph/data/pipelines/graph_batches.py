"""`tf.data` pipelines that feed graphs to `Model.fit`, `evaluate` and `predict`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgraph.arguments import (
    check_choice,
    check_flags,
    checked_integer,
    checked_seed,
)
from tfgraph.data.graphs.conversions import dense_tensor, features_of
from tfgraph.data.graphs.disjoint_union import GraphStack
from tfgraph.data.graphs.edge_order import has_repeated
from tfgraph.data.graphs.fields import are_classes
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import (
    check_graph,
    checked_graphs,
    labelled_nodes,
)
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.graphs.node_fields import NodeFields
from tfgraph.data.graphs.tensor_memory import copied_tensor, without_copies
from tfgraph.data.pipelines.class_weights import ClassWeight, checked_class_weight
from tfgraph.data.pipelines.packing import Limits
from tfgraph.data.pipelines.padding import (
    check_padded,
    mean_weights,
    padded,
    totals,
)
from tfgraph.data.pipelines.shards import checked_shard
from tfgraph.graph_tensor import of_any_size

_FORMS = ("sparse", "graph_tensor", "dense")
_BATCH_FORMS = ("sparse", "graph_tensor")
_SPLITS = ("train", "val", "test")


def full_batch(
    graph: Graph | HeteroGraph,
    split: str | None = None,
    form: str | None = None,
    sparse_features: bool = False,
    node_set_name: str | None = None,
    class_weight: ClassWeight | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of one element, the whole graph, for full-batch training.

    With a split, the element is `(inputs, y, sample_weight)`. It holds every node,
    since labelled nodes learn from all their neighbours. Nodes outside the split have
    weight 0, those in it have weight N / (nodes in the split). Keras' default loss
    divides a sum over all N nodes by N, so it is the mean over the split's nodes.
    `reduction="mean_with_sample_weight"` gives the same. Pass metrics as
    `weighted_metrics`, not as `metrics`, so that they count the split's nodes only:

    ```python
    model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["acc"])
    model.fit(
        tfgraph.data.full_batch(graph, "train"),
        validation_data=tfgraph.data.full_batch(graph, "val"),
        epochs=200,
        shuffle=False,  # Keras' own, for arrays
    )
    predictions = model.predict(tfgraph.data.full_batch(graph))
    ```

    Keras' own `class_weight` is refused for data with sample weights. Pass it here:
    `full_batch(graph, "train", class_weight="balanced")`.

    Labels `y [N, C]` with NaN for missing entries need `losses.MaskedLoss` and
    `metrics.MaskedMetric`. With a plain loss of Keras, the loss is NaN.

    The tensors are made once, and every epoch gets the same ones.

    For a `HeteroGraph`, the labels, masks and weights are those of one node set:
    `full_batch(graph, "train", node_set_name="papers")`. The model then has to return
    a row for each node of that set.

    Args:
        graph: A `Graph` with features, or a `HeteroGraph`; for a split also with `y`
            and the split's mask.
        split: "train", "val" or "test"; or None for an element `(inputs,)` without
            labels, as `Model.predict` takes it.
        form: What `inputs` is:

            - "sparse": `(x, adjacency)`, with a SparseTensor `[N, N]`;
            - "dense": `(x, adjacency)`, with a dense `[N, N]`. Repeated edges are added
              up;
            - "graph_tensor": a TF-GNN `GraphTensor`.

            If the graph has `edge_features`, these follow: `(x, adjacency,
            edge_features)`, of shape `[E, D]` in the order of the SparseTensor's
            entries, or dense `[N, N, D]`. A GraphTensor has them as its edge feature
            "features". For layers that use none, leave them out with
            `graph.replace(edge_features=None)`.

            None is "sparse", and "graph_tensor" for a `HeteroGraph`, which has no other
            form.
        sparse_features: Whether `x [N, F]` is a SparseTensor too.
        node_set_name: The node set of a `HeteroGraph` with the labels. May be left out
            if only one has labels.
        class_weight: What the weights of nodes are multiplied by: a dict of weights by
            number or name of a class, 1 for classes that it does not name. With
            "balanced", all classes count alike: M / (K * M_c), with M nodes of K
            classes in the split, M_c of them of class c. None for 1.

    Returns:
        A `tf.data.Dataset`. `y` is `[N]` or `[N, C]`, as in the graph. Nodes without
        label (-1) have label 0 and weight 0, since a loss of label -1 may be NaN.
        `sample_weight` is float32 `[N]`.

    Raises:
        ValueError: If `graph` is not a `Graph` or `HeteroGraph`, `form` or `split` is
            unknown, or the graph has no features, no labels, or no node in the split.
            Also if repeated edges have features and the form is "dense", or if
            `class_weight` names an unknown class, or is passed without classes.
    """
    check_flags(sparse_features=sparse_features)
    if isinstance(graph, HeteroGraph):
        check_choice("form", form, ("graph_tensor",), optional=True)
        check_dense(sparse_features)
        with tf.device("CPU"):  # where tf.data will need them
            inputs = graph.to_graph_tensor()
    else:
        check_graph("graph", graph)
        form = "sparse" if form is None else form
        with tf.device("CPU"):
            inputs = _inputs(graph, form, sparse_features)
    # A tuple of one: Keras would take a bare (x, adjacency) for (inputs, y).
    targets: tuple[np.ndarray, ...] = ()
    if split is not None:
        _, nodes = labelled_nodes(graph, node_set_name)
        targets = _targets(nodes, split, class_weight)
    else:
        checked_class_weight(class_weight, None)
    dataset = tf.data.Dataset.from_tensors((inputs, *targets))
    if form in (None, "graph_tensor"):
        dataset = dataset.map(lambda graph, *rest: (of_any_size(graph), *rest))
    return without_copies(dataset)


def graph_batches(
    graphs: Sequence[Graph],
    batch_size: int,
    *,
    labels: bool = True,
    shuffle: bool = False,
    seed: int | None = None,
    form: str = "sparse",
    sparse_features: bool = False,
    shard: tuple[int, int] | None = None,
    class_weight: ClassWeight | None = None,
    pad: bool = False,
) -> tf.data.Dataset:
    """Returns a dataset of batches of several graphs, for training on many graphs.

    A batch is one large graph, the disjoint union of its graphs: their nodes one after
    the other, and their adjacencies as blocks on the diagonal of one. So a model of one
    graph also takes a batch. Its results for a graph are the same, within a batch or
    alone:

    ```python
    train, val = tfgraph.data.twitch("DE", "ES", "RU"), tfgraph.data.twitch("PTBR")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        tfgraph.data.graph_batches(train, 2, shuffle=True, seed=0),
        validation_data=tfgraph.data.graph_batches(val, 1),
        epochs=20,
        shuffle=False,  # Keras' own, for arrays
    )
    predictions = model.predict(tfgraph.data.graph_batches(val, 1, labels=False))
    ```

    All labelled nodes count, and masks are ignored. Sizes other than the number of
    features are left open, so that one traced function serves all batches.

    Args:
        graphs: A list of `Graph`s with features, and with `y` if `labels` is True. They
            must be alike in the number of features, of nodes and of edges, and in the
            type, columns and class names of `y`.
        batch_size: Graphs in a batch. The last batch may have fewer.
        labels: Whether elements have labels. Without labels they are `(inputs,)`, as
            `Model.predict` takes them.
        shuffle: Whether each epoch draws the graphs in a new order.
        seed: Datasets with the same seed draw the same orders. With None, call
            `keras.utils.set_random_seed` to repeat a run.
        form: What `inputs` is: "sparse" for `(x, adjacency)` with a SparseTensor
            `[N, N]`, or "graph_tensor" for a scalar TF-GNN `GraphTensor` with a
            component for each graph. Features of edges are part of both, see
            `full_batch`.
        sparse_features: Whether `x [N, F]` is a SparseTensor too.
        shard: `(i, n)` for part i of n of each batch, a run of consecutive graphs, as
            `tfgraph.distribute.batches` asks for. The parts have the same arguments but
            for i. If graphs are shuffled, they need the same `seed`.
        class_weight: See `full_batch`. With "balanced", the nodes of all graphs count.
        pad: Whether all batches are filled up to the same sizes, those of the largest
            `batch_size` graphs, so that `jit_compile=True` compiles once. The nodes of
            padding come last. They have no edges to others, features and labels of 0,
            and weight 0. In a GraphTensor they are a component of their own. A layer
            that normalises over all nodes, such as `BatchNormalization`, counts them.

    Returns:
        A `tf.data.Dataset` of `(inputs, y)`, with `y` `[N]` or `[N, C]`. With
        `class_weight`, or if any node of the graphs has no label (-1), the elements are
        `(inputs, y, sample_weight)`. Nodes without label then have label 0 and weight
        0. The others have weight N / (labelled nodes of the batch), so that the loss is
        the mean over them; with `class_weight`, times the weight of the class. The same
        holds with `pad`, where N counts the padding. So pass metrics as
        `weighted_metrics`. `predict` also returns rows for padding, those of weight 0.

    Raises:
        ValueError: If `form` is unknown, `batch_size` is not a positive integer, or
            `graphs` is not a list of graphs. Also if they lack features or labels, or
            are not alike, or if `pad` is True without labels or with sparse features.
    """
    check_choice("form", form, _BATCH_FORMS)
    batch_size = checked_integer("batch_size", batch_size, 1)
    seed = checked_seed(seed)
    check_flags(
        labels=labels, shuffle=shuffle, sparse_features=sparse_features, pad=pad
    )
    if form == "graph_tensor":
        check_dense(sparse_features)
    check_padded(pad, labels, sparse_features)
    graphs = checked_graphs("graphs", graphs)
    check_alike(graphs, labels)
    class_weights = None
    if class_weight is not None:
        class_weights = checked_class_weight(
            class_weight,
            np.concatenate([graph.y for graph in graphs]) if labels else None,
            graphs[0].class_names,
        )
    stack = GraphStack(graphs, labels, sparse_features)
    weighted_edges = any(graph.edge_weight is not None for graph in graphs)
    some_unlabelled = labels and any(
        are_classes(y) and y.min(initial=0) < 0
        for y in (graph.y for graph in graphs)
        if y is not None
    )

    part = checked_shard(shard, "graph", shuffle, seed)
    if pad:
        nodes, edges = np.transpose([(g.num_nodes, g.num_edges) for g in graphs])
        limits = Limits(part.most_rows(batch_size), None, None, padded=False)
        sizes = totals(nodes, edges, limits)

    def element(numbers):
        union = stack.union(numbers)
        num_nodes = tf.reduce_sum(union.num_nodes)
        if pad:
            union = padded(union, sizes)
        inputs, y = union.parts(), union.y
        if form == "graph_tensor":
            inputs = of_any_size(union.to_graph_tensor(weighted_edges))
        if not labels:
            return (inputs,)
        if not (some_unlabelled or pad) and class_weights is None:
            return inputs, y
        known = tf.range(tf.shape(y, tf.int64)[0]) < num_nodes
        if some_unlabelled:
            known &= y >= 0
            y = tf.maximum(y, 0)
        sample_weight = mean_weights(known)
        if class_weights is not None:
            sample_weight *= tf.gather(class_weights, y)
        return inputs, y, sample_weight

    numbers = tf.data.Dataset.range(len(graphs))
    if shuffle:
        numbers = numbers.shuffle(len(graphs), seed)
    numbers = numbers.batch(batch_size).map(part.rows)
    batches = numbers.map(element, num_parallel_calls=tf.data.AUTOTUNE)
    return without_copies(batches.prefetch(tf.data.AUTOTUNE))


def check_alike(graphs: list[Graph], labels: bool) -> None:
    """Raises a ValueError unless the graphs can be batched, with `y` for `labels`."""
    first = _signature(graphs[0], labels)
    for number, graph in enumerate(graphs):
        if graph.x is None or (labels and graph.y is None):
            raise ValueError(
                f"Expected `graphs` to have features{' and labels' * labels}. "
                f"Received: graphs[{number}]={graph}"
            )
        if _signature(graph, labels) != first:
            raise ValueError(
                "Expected `graphs` to be alike in the number of features, of nodes and "
                "of edges"
                f"{', and in the type and columns of `y` and its names' * labels}. "
                f"Received: graphs[0]={graphs[0]}, graphs[{number}]={graph}"
            )


def _signature(graph: Graph, labels: bool) -> Any:
    edge_features = None if graph.edge_features is None else graph.num_edge_features
    widths = graph.num_features, edge_features
    if not labels or graph.y is None:
        return widths
    names = None if graph.class_names is None else graph.class_names.tolist()
    return *widths, graph.y.dtype, graph.y.shape[1:], names


def _inputs(graph: Graph, form: str, sparse_features: bool) -> Any:
    check_choice("form", form, _FORMS)
    if form == "graph_tensor":
        check_dense(sparse_features)
        features_of(graph)  # raises if there are none
        return graph.to_graph_tensor()
    x = graph.sparse_features() if sparse_features else dense_tensor(graph)
    adjacency, edge_features = graph.to_sparse_tensor(), graph.edge_features
    if edge_features is not None:
        edge_features = copied_tensor(edge_features, np.float32)
    if form == "dense":
        check_dense_edges("graph", graph)
        indices, shape = adjacency.indices, adjacency.dense_shape
        # Not tf.sparse.to_dense, which refuses repeated entries.
        adjacency = tf.scatter_nd(indices, adjacency.values, shape)
        if edge_features is not None:
            sizes = [*shape, graph.num_edge_features]
            edge_features = tf.scatter_nd(indices, edge_features, sizes)
    return (x, adjacency) if edge_features is None else (x, adjacency, edge_features)


def check_dense_edges(name: str, graph: Graph) -> None:
    """Raises a `ValueError` if repeated edges have features, which add up to nothing.

    Args:
        name: The argument.
        graph: A graph, to be made dense.
    """
    if graph.edge_features is not None and has_repeated(graph.edges):
        raise ValueError(
            f"Expected `{name}` without repeated edges: in the form 'dense' there is "
            "one place for the features of an edge. `graph.symmetrized()` merges "
            "edges, `graph.replace(edge_features=None)` leaves their features out. "
            f"Received: {name}={graph}"
        )


def check_dense(sparse_features: bool) -> None:
    """Raises a `ValueError` if sparse features are asked for in a GraphTensor."""
    if sparse_features:
        raise ValueError(
            "Expected `sparse_features` to be False: the features of a GraphTensor are "
            "dense. Received: sparse_features=True"
        )


def _targets(
    nodes: NodeFields, split: str, class_weight: ClassWeight | None
) -> tuple[np.ndarray, np.ndarray]:
    check_choice("split", split, _SPLITS, optional=True)
    mask = getattr(nodes, f"{split}_mask")
    if nodes.y is None or mask is None or not mask.any():
        raise ValueError(
            f"Expected `graph` to have `y` and a `{split}_mask` that selects at least "
            "one node; `tfgraph.data.random_split(graph)` draws masks. "
            f"Received: graph={nodes}"
        )
    y = nodes.y
    class_weights = checked_class_weight(class_weight, y, nodes.class_names, mask)
    if are_classes(y):
        y = np.maximum(y, 0)
    sample_weight = mask * (len(mask) / mask.sum())
    if class_weights is not None:
        sample_weight[mask] *= class_weights[y[mask]]
    return y, sample_weight.astype(np.float32)

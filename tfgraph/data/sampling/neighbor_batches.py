"""Minibatches of nodes with sampled neighbours, for `Model.fit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgraph.arguments import (
    check_choice,
    check_flags,
    checked_integer,
    checked_seed,
)
from tfgraph.data.graphs.fields import are_classes, checked_nodes
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import labelled_nodes
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.graphs.node_fields import NodeFields
from tfgraph.data.pipelines.class_weights import ClassWeight, checked_class_weight
from tfgraph.data.pipelines.graph_batches import check_dense
from tfgraph.data.pipelines.padding import check_padded, mean_weights
from tfgraph.data.pipelines.shards import checked_shard
from tfgraph.data.sampling.blocks import BlockSampler
from tfgraph.data.sampling.fanouts import REPLACEMENTS
from tfgraph.data.sampling.feature_rows import filled
from tfgraph.data.sampling.hetero_samples import HeteroSampler, graph_tensor_sampler
from tfgraph.data.sampling.numpy_calls import (
    made_ahead,
    named_numpy_function,
    numpy_function,
)
from tfgraph.graph_tensor import as_graph_tensor, choose

_FORMS = ("blocks", "graph_tensor")
_SPLITS = ("train", "val", "test")


def neighbor_batches(
    graph: Graph | HeteroGraph,
    fanouts: Sequence[int | Mapping | None],
    batch_size: int,
    *,
    nodes: npt.ArrayLike | None = None,
    labels: bool = True,
    replacement: str = "if_short",
    shuffle: bool = False,
    seed: int | None = None,
    form: str | None = None,
    drop_remainder: bool = False,
    sparse_features: bool = False,
    node_set_name: str | None = None,
    shard: tuple[int, int] | None = None,
    class_weight: ClassWeight | None = None,
    by_weight: bool = False,
    pad: bool = False,
) -> tf.data.Dataset:
    """Returns a dataset of batches of nodes, each with a sample of its neighbourhood.

    These are the minibatches of "Inductive Representation Learning on Large Graphs"
    (Hamilton et al., 2017, https://arxiv.org/abs/1706.02216), algorithm 2, for K
    layers. The nodes of a batch are its seeds, B^K. For each node v of B^k, S_k
    neighbours N_k(v) are drawn uniformly:

        B^(k-1) = B^k ∪ (∪_{v ∈ B^k} N_k(v)),    k = K .. 1

    Layer k computes the nodes B^k from the nodes B^(k-1). Draws are independent from
    layer to layer and from batch to batch, and new in each epoch.

    **`fanouts[k-1]` is S_k, the fan-out of layer k**, as in the paper and in DGL. PyG
    has the reverse order. `fanouts=(25, 10)` draws 10 direct neighbours of a seed, for
    the last layer, and 25 neighbours of each of these, for the first layer.

    ```python
    train = tfgraph.data.neighbor_batches(
        graph, (25, 10), 512, nodes="train", shuffle=True
    )
    val = tfgraph.data.neighbor_batches(graph, (25, 10), 512, nodes="val")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    # `shuffle` of Keras is for arrays.
    model.fit(train, validation_data=val, epochs=10, shuffle=False)
    ```

    The seeds of a `HeteroGraph` are nodes of one node set, and a batch is a GraphTensor
    of all its node sets and edge sets:

    ```python
    batches = tfgraph.data.neighbor_batches(
        hetero_graph, (10, 5), 512, nodes="train", node_set_name="papers", shuffle=True
    )
    model = tfgraph.models.HeteroGraphSAGE(3, "papers")
    model.compile(
        "adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"]
    )
    model.fit(batches, epochs=10, shuffle=False)
    ```

    Features and edges stay in the graph's arrays, and are not copied. So `Graph.x` may
    be a `numpy.memmap` of float32: a batch reads the rows that it needs.

    Args:
        graph: A `Graph` or `HeteroGraph` with features, and with `y` if `labels` is
            True. (Node sets of a `HeteroGraph` may lack features.) A node's neighbours
            are the nodes that send to it. Edges of weight 0 of a `Graph` do not count.
        fanouts: The number of neighbours to draw for a node, one number for each layer,
            the first layer first. None draws all neighbours. For `models.GraphSAGE`,
            these are one for each of `hidden_units`. For a `HeteroGraph`, the number
            counts for each edge set and each direction of its messages. Or it is
            a dict, and edge sets that it does not name are left out:
            `{"writes": 10, ("writes", "source"): 5}` draws 10 edges along which a
            target receives, and 5 along which a source receives.
        batch_size: Seeds in a batch. The last batch may have fewer.
        nodes: The seeds: "train", "val" or "test" for those of the mask, node numbers,
            a boolean mask `[num_nodes]`, or None for all nodes.
        labels: Whether elements have labels. Without labels they are `(inputs,)`, as
            `Model.predict` takes them.
        replacement: Whether a neighbour can be drawn twice:

            - "if_short": for nodes with fewer neighbours than the fan-out, as in the
              paper;
            - "never": nodes with fewer neighbours get each neighbour once;
            - "always": all batches of `batch_size` seeds have the same shapes. They are
              padded with nodes that have no edges and features of 0, and with entries
              of weight 0. With `drop_remainder` or `pad`, `jit_compile=True` compiles
              once.
        shuffle: Whether each epoch takes the seeds in a new order.
        seed: Datasets with the same seed give the same batches. With None, call
            `keras.utils.set_random_seed` to repeat a run.
        form: "blocks", or "graph_tensor" for one graph for all layers. None is
            "blocks", and "graph_tensor" for a `HeteroGraph`, which has no other form.
        drop_remainder: Whether to leave out a last batch of fewer seeds.
        sparse_features: Whether `x` is a SparseTensor too. This is faster if most
            features are 0. Only for blocks, and not with `replacement="always"`.
        node_set_name: The node set of the seeds of a `HeteroGraph`. May be left out if
            only one has labels.
        shard: `(i, n)` for part i of n of each batch, a run of consecutive seeds, as
            `tfgraph.distribute.batches` asks for. The parts have the same arguments but
            for i. If seeds are shuffled, they need the same `seed`.
        class_weight: See `full_batch`. With "balanced", the seeds count. Elements with
            blocks then end with `sample_weight` `[N_K]`, the weights of their classes.
        by_weight: Whether an edge is drawn with a probability proportional to its
            weight, which may not be negative; otherwise all have the same. The edges of
            a block then weigh 1 for each draw, so that with replacement the mean over
            the drawn neighbours is, on average, that of all, by weight. The edges of a
            GraphTensor keep their weights: layers should not name them. Edge sets
            without weights are drawn with equal probabilities.
        pad: Whether all batches, also one of fewer seeds, are filled up to the same
            sizes, so that `jit_compile=True` compiles once. The sizes are those of
            samples in which no node is drawn twice, but at most the graph's. Then each
            fan-out has to be a number. Nodes of padding come last, with features, rows
            and labels of 0. Edges of padding have weight 0 in blocks. In a GraphTensor
            they join nodes of padding.

    Returns:
        A `tf.data.Dataset`. With the form "blocks", its elements are
        `((x, adjacencies), y)`:

        - `x` `[N_0, F]` are the features of the nodes B^0.
        - `adjacencies` is a tuple with a SparseTensor `[N_k, N_(k-1)]` for each layer,
          the first layer first. The first `N_k` of the `N_(k-1)` nodes are the nodes
          B^k. Entries are sorted. Their value is the number of times that the neighbour
          was drawn, times the edge's weight if the graph has weights. (With "always", a
          neighbour drawn several times has several entries instead.)
        - If the graph has `edge_features`, the inputs are `(x, adjacencies,
          edge_features)`. The last is a tuple with features `[E_k, D]` for each layer,
          in the order of the adjacency's entries. Then repeated edges are not merged:
          each has an entry, with the number of times that it was drawn. Padding has
          features of 0.
        - `y` is `[N_K]` or `[N_K, C]`, for the `N_K` seeds.
        - With `pad`, `sample_weight` follows: 0 for padding, which comes last, and
          N_K / (seeds of the batch) for others, so that the loss is the mean over these
          seeds. Pass metrics as `weighted_metrics`. `predict` also returns rows for
          padding, those of weight 0.

        With the form "graph_tensor", its elements are `(graph, y, sample_weight)`. The
        graph is a scalar `tfgnn.GraphTensor` of all nodes, seeds first, and of the
        edges that were drawn. Each edge is in it once, and serves all layers. So a
        node's edges are drawn only once, with the fan-out of the last layer in which it
        receives. Features of edges are the edge feature "features". Labels and weights
        are for all its nodes, or all of the seeds' node set, with weight 0 outside the
        seeds, as in `full_batch`. So pass metrics as `weighted_metrics`. A batch counts
        in them by its number of nodes.

        The GraphTensor of a `HeteroGraph` is as `HeteroGraph.to_graph_tensor` makes it.
        Its node feature "row" says which nodes were drawn. An edge drawn for one of its
        ends serves the other end, too, if a layer sends messages against it.

        Its iterators draw in Python, so `tf.train.Checkpoint` cannot save them:
        `callbacks.BackupAndRestore` begins again with an epoch.

    Raises:
        ValueError: If an argument is none of the above, or the graph has no features or
            no label for a seed. Also if there are no seeds, or fewer than `batch_size`;
            or with `pad` without labels, or with sparse features.
    """
    is_hetero = isinstance(graph, HeteroGraph)
    if form is None:
        form = "graph_tensor" if is_hetero else "blocks"
    check_choice("form", form, ("graph_tensor",) if is_hetero else _FORMS)
    check_choice("replacement", replacement, REPLACEMENTS)
    seed = checked_seed(seed)
    check_flags(
        labels=labels,
        shuffle=shuffle,
        drop_remainder=drop_remainder,
        sparse_features=sparse_features,
        by_weight=by_weight,
        pad=pad,
    )
    check_padded(pad, labels, sparse_features)
    if by_weight:
        check_weights(graph)
    name, seeded = seeded_nodes(graph, node_set_name, labels)
    sampler: BlockSampler | HeteroSampler
    if form == "blocks" and isinstance(graph, Graph):
        fixed = pad or replacement == "always"
        sampler = BlockSampler(
            graph, fanouts, replacement, fixed, sparse_features, by_weight
        )
    else:
        check_dense(sparse_features)
        sampler = graph_tensor_sampler(graph, fanouts, replacement, by_weight, pad)
    batch_size = checked_integer("batch_size", batch_size, 1)
    seeds = checked_seeds(seeded, nodes)
    y = _labels(seeded, seeds) if labels else None
    class_weights = checked_class_weight(class_weight, y, seeded.class_names, seeds)
    if batch_size > len(seeds):
        raise ValueError(
            f"Expected `batch_size` to be at most the {len(seeds)} seeds. "
            f"Received: batch_size={batch_size}"
        )
    num_seeds = None
    if pad:
        num_seeds = checked_shard(shard, "seed", shuffle, seed).most_rows(batch_size)
    if isinstance(sampler, BlockSampler):
        element = block_elements(sampler, y, class_weights, num_seeds)
    else:
        if num_seeds is not None:
            sampler = sampler.padded({name: num_seeds})
        element = graph_tensor_elements(sampler, name, y, class_weights)
    batches = random_batches(
        seeds, batch_size, shuffle, seed, drop_remainder, shard=shard
    )
    return made_ahead(batches, element)


def check_weights(graph: Graph | HeteroGraph) -> None:
    """Raises a `ValueError` if edges cannot be drawn by weight."""
    edge_sets = graph.edge_sets if isinstance(graph, HeteroGraph) else {"edges": graph}
    weights = [edges.edge_weight for edges in edge_sets.values()]
    weights = [weight for weight in weights if weight is not None]
    if not weights:
        raise ValueError(
            "Expected `graph` to have `edge_weight`, as by_weight=True. "
            f"Received: graph={graph}"
        )
    smallest = min(weight.min(initial=0) for weight in weights)
    if smallest < 0:
        raise ValueError(
            "Expected `graph` to have no negative weights, as by_weight=True. "
            f"Received: a weight of {smallest}"
        )


def random_batches(
    nodes: np.ndarray,
    batch_size: int,
    shuffle: bool,
    seed: int | None,
    drop_remainder: bool,
    rounds: int = 1,
    shard: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of batches of node numbers, each with a random number.

    Args:
        nodes: Node numbers `[S]`. An epoch goes through them in one or more rounds.
        batch_size: Nodes in a batch.
        shuffle: Whether each round has an order of its own.
        seed: Seed of orders and random numbers. Both are new in each epoch.
        drop_remainder: Whether to leave out a last batch of fewer nodes.
        rounds: Rounds in an epoch.
        shard: See `neighbor_batches`.
    """
    total = rounds * len(nodes)
    part = checked_shard(shard, "seed", shuffle, seed)
    with tf.device("CPU"):  # where tf.data will need it
        nodes = tf.constant(nodes)

    def ordered(number):
        if not shuffle:
            return nodes
        return tf.random.experimental.stateless_shuffle(nodes, [number, 0])

    random = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)
    numbers = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)
    batches = random.take(rounds).map(ordered).rebatch(batch_size, drop_remainder)
    batches = tf.data.Dataset.zip(batches, numbers)
    batches = batches.map(
        lambda seeds, number: (part.rows(seeds), number + part.number)
    )
    # Keras asks for the number of batches, which `rebatch` does not know.
    count = total // batch_size if drop_remainder else -(-total // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(count))


def checked_seeds(graph: NodeFields, nodes: npt.ArrayLike | None) -> np.ndarray:
    """Returns the node numbers that the argument `nodes` stands for."""
    if nodes is None:
        return np.arange(graph.num_nodes)
    if not isinstance(nodes, str):
        return checked_nodes("nodes", nodes, graph.num_nodes)
    if nodes not in _SPLITS:
        raise ValueError(
            f"Expected `nodes` to be one of {_SPLITS}, node numbers, a mask, or None. "
            f"Received: nodes={nodes!r}"
        )
    mask = getattr(graph, f"{nodes}_mask")
    if mask is None:
        raise ValueError(
            f"Expected `graph` to have a `{nodes}_mask`; "
            f"`tfgraph.data.random_split(graph)` draws masks. Received: graph={graph}"
        )
    return np.flatnonzero(mask)


def seeded_nodes(
    graph: Graph | HeteroGraph, node_set_name: str | None, labels: bool
) -> tuple[str, NodeFields]:
    """Returns the nodes that seeds are drawn from, and the name of their node set."""
    if isinstance(graph, HeteroGraph) and not labels:
        labelled = [n for n, nodes in graph.node_sets.items() if nodes.y is not None]
        if node_set_name is None and len(labelled) == 1:
            node_set_name = labelled[0]
        name = choose("node_set_name", node_set_name, graph.node_sets)
        return name, graph.node_sets[name]
    found, nodes = labelled_nodes(graph, node_set_name)
    return found or "nodes", nodes


def _labels(graph, seeds):
    y = graph.y
    if y is None:
        raise ValueError(
            "Expected `graph` to have `y`, or `labels` to be False. "
            f"Received: graph={graph}"
        )
    if are_classes(y) and (y[seeds] < 0).any():
        raise ValueError(
            "Expected `nodes` to have labels, or `labels` to be False. "
            f"Received: nodes with node {seeds[y[seeds] < 0][0]}, whose y=-1"
        )
    return y


def block_elements(
    sampler: BlockSampler,
    y: np.ndarray | None,
    class_weights: np.ndarray | None = None,
    padded_seeds: int | None = None,
) -> Callable:
    """Returns what makes an element with blocks.

    Args:
        sampler: A sampler.
        y: The labels of all nodes, or None for elements without labels.
        class_weights: The weight of each class, or None.
        padded_seeds: The number of seeds to fill each batch up to, with a sampler that
            pads. None to leave batches as they are.
    """
    types = sampler.types if y is None else (tf.as_dtype(y.dtype), *sampler.types)

    def sample(seeds, number):
        targets = None if y is None else y[seeds]
        if padded_seeds is not None:
            seeds = filled(seeds, padded_seeds, -1)
            targets = filled(targets, padded_seeds)
        arrays = sampler.arrays(np.random.default_rng(int(number)), seeds)
        return arrays if y is None else (targets, *arrays)

    def element(seeds, number):
        arrays = numpy_function(sample, [seeds, number], types)
        num_seeds = seeds.shape[0] if padded_seeds is None else padded_seeds
        if y is None:
            # A tuple of one: Keras would take a bare (x, adjacencies) for (inputs, y).
            return (sampler.inputs(arrays, num_seeds),)
        targets, *arrays = arrays
        targets = tf.ensure_shape(targets, (num_seeds, *y.shape[1:]))
        inputs = sampler.inputs(arrays, num_seeds)
        if padded_seeds is None and class_weights is None:
            return inputs, targets
        is_seed = tf.range(tf.shape(targets)[0]) < tf.shape(seeds)[0]
        sample_weight = mean_weights(is_seed)
        if class_weights is not None:
            sample_weight *= tf.gather(class_weights, targets)
        return inputs, targets, sample_weight

    return element


def graph_tensor_elements(
    sampler: HeteroSampler,
    name: str,
    y: np.ndarray | None,
    class_weights: np.ndarray | None = None,
) -> Callable:
    """Returns what makes an element with a GraphTensor of seeds of node set `name`."""
    signature = dict(sampler.signature)
    if y is not None:
        signature["y"] = tf.TensorSpec([None, *y.shape[1:]], y.dtype)
        signature["sample_weight"] = tf.TensorSpec([None], tf.float32)

    def sample(seeds, number):
        sampled = sampler.sample(np.random.default_rng(int(number)), {name: seeds})
        arrays = sampler.arrays(sampled)
        if y is not None:
            nodes = sampled.nodes[name]
            # A loss of label -1, even of weight 0, may be NaN.
            targets = np.maximum(y[nodes], 0) if are_classes(y) else y[nodes]
            num_nodes = len(nodes)
            if sampler.sizes is not None:
                num_nodes = sampler.sizes["nodes"][name]
            arrays["y"] = filled(targets, num_nodes)
            arrays["sample_weight"] = np.zeros(num_nodes, np.float32)
            arrays["sample_weight"][: len(seeds)] = num_nodes / max(len(seeds), 1)
            if class_weights is not None:
                arrays["sample_weight"][: len(seeds)] *= class_weights[y[seeds]]
        return arrays

    def element(seeds, number):
        arrays = named_numpy_function(sample, [seeds, number], signature)
        last = [arrays.pop(key) for key in ("y", "sample_weight") if key in arrays]
        return (as_graph_tensor(arrays), *last)

    return element

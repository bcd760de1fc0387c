"""Minibatches of nodes with sampled neighbours, for `Model.fit`."""

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
)
from tfgraph.data.graphs.fields import are_classes, checked_nodes
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.data.pipelines.graph_batches import check_dense
from tfgraph.data.sampling.blocks import REPLACEMENTS, BlockSampler
from tfgraph.data.sampling.numpy_calls import numpy_function
from tfgraph.graph_tensor import homogeneous

_FORMS = ("blocks", "graph_tensor")
_SPLITS = ("train", "val", "test")


def neighbor_batches(
    graph: Graph,
    fanouts: Sequence[int | None],
    batch_size: int,
    *,
    nodes: npt.ArrayLike | None = None,
    labels: bool = True,
    replacement: str = "if_short",
    shuffle: bool = False,
    seed: int | None = None,
    form: str = "blocks",
    drop_remainder: bool = False,
    sparse_features: bool = False,
) -> tf.data.Dataset:
    """Returns a dataset of batches of nodes, each with a sample of its neighbourhood.

    These are the minibatches of "Inductive Representation Learning on Large Graphs"
    (Hamilton et al., 2017, https://arxiv.org/abs/1706.02216), algorithm 2, for K
    layers. The nodes of a batch are its seeds, B^K. For each node v of B^k, S_k
    neighbours N_k(v) are drawn uniformly:

        B^(k-1) = B^k ∪ (∪ over v in B^k of N_k(v)),    k = K .. 1

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

    Features and edges stay in the graph's arrays, and are not copied. So `Graph.x` may
    be a `numpy.memmap` of float32: a batch reads the rows that it needs.

    Args:
        graph: A `Graph` with features, and with `y` if `labels` is True. A node's
            neighbours are the nodes that send to it. Edges of weight 0 do not count.
            All others are drawn with equal probability, whatever their weight.
        fanouts: The number of neighbours to draw for a node, one number for each layer,
            the first layer first. None draws all neighbours.
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
              of weight 0. With `drop_remainder`, `jit_compile=True` compiles once.
        shuffle: Whether each epoch takes the seeds in a new order.
        seed: Datasets with the same seed give the same batches. With None, call
            `keras.utils.set_random_seed` to repeat a run.
        form: "blocks", or "graph_tensor" for one graph for all layers.
        drop_remainder: Whether to leave out a last batch of fewer seeds.
        sparse_features: Whether `x` is a SparseTensor too. This is faster if most
            features are 0. Only for blocks, and not with `replacement="always"`.

    Returns:
        A `tf.data.Dataset`. With the form "blocks", its elements are
        `((x, adjacencies), y)`:

        - `x` `[N_0, F]` are the features of the nodes B^0.
        - `adjacencies` is a tuple with a SparseTensor `[N_k, N_(k-1)]` for each layer,
          the first layer first. The first `N_k` of the `N_(k-1)` nodes are the nodes
          B^k. Entries are sorted. Their value is the number of times that the neighbour
          was drawn, times the edge's weight if the graph has weights. (With "always", a
          neighbour drawn several times has several entries instead.)
        - `y` is `[N_K]` or `[N_K, C]`, for the `N_K` seeds.

        With the form "graph_tensor", its elements are `(graph, y, sample_weight)`. The
        graph is a scalar `tfgnn.GraphTensor` of all nodes, seeds first, and of the
        edges that were drawn for any layer, each once. Labels and weights are for all
        its nodes, with weight 0 outside the seeds, as in `full_batch`. So pass metrics
        as `weighted_metrics`. A batch counts in them by its number of nodes.

    Raises:
        ValueError: If an argument is none of the above, or the graph has no features or
            no label for a seed. Also if there are no seeds, or fewer than `batch_size`.
    """
    check_graph("graph", graph)
    check_choice("form", form, _FORMS)
    check_choice("replacement", replacement, REPLACEMENTS)
    seed = checked_seed(seed)
    check_flags(
        labels=labels,
        shuffle=shuffle,
        drop_remainder=drop_remainder,
        sparse_features=sparse_features,
    )
    if form == "graph_tensor":
        check_dense(sparse_features)
    pad = form == "blocks" and replacement == "always"
    sampler = BlockSampler(graph, fanouts, replacement, pad, sparse_features)
    seeds = checked_seeds(graph, nodes)
    y = _labels(graph, seeds) if labels else None
    batch_size = checked_integer("batch_size", batch_size, 1)
    if batch_size > len(seeds):
        raise ValueError(
            f"Expected `batch_size` to be at most the {len(seeds)} seeds. "
            f"Received: batch_size={batch_size}"
        )
    element = _blocks(sampler, y) if form == "blocks" else _graph_tensor(sampler, y)
    batches = random_batches(seeds, batch_size, shuffle, seed, drop_remainder)
    return batches.map(element, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def random_batches(
    nodes: np.ndarray,
    batch_size: int,
    shuffle: bool,
    seed: int | None,
    drop_remainder: bool,
    rounds: int = 1,
) -> tf.data.Dataset:
    """Returns a dataset of batches of node numbers, each with a random number.

    Args:
        nodes: Node numbers `[S]`. An epoch goes through them in one or more rounds.
        batch_size: Nodes in a batch.
        shuffle: Whether each round has an order of its own.
        seed: Seed of orders and random numbers. Both are new in each epoch.
        drop_remainder: Whether to leave out a last batch of fewer nodes.
        rounds: Rounds in an epoch.
    """
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
    # Keras asks for the number of batches, which `rebatch` does not know.
    total = rounds * len(nodes)
    count = total // batch_size if drop_remainder else -(-total // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(count))


def checked_seeds(graph: Graph, nodes: npt.ArrayLike | None) -> np.ndarray:
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


def _blocks(sampler, y):
    types = sampler.types if y is None else (tf.as_dtype(y.dtype), *sampler.types)

    def sample(seeds, number):
        arrays = sampler.arrays(np.random.default_rng(number), seeds)
        return arrays if y is None else (y[seeds], *arrays)

    def element(seeds, number):
        arrays = numpy_function(sample, [seeds, number], types)
        num_seeds = seeds.shape[0]
        if y is None:
            # A tuple of one: Keras would take a bare (x, adjacencies) for (inputs, y).
            return (sampler.inputs(arrays, num_seeds),)
        targets, *arrays = arrays
        targets = tf.ensure_shape(targets, (num_seeds, *y.shape[1:]))
        return sampler.inputs(arrays, num_seeds), targets

    return element


def _graph_tensor(sampler, y):
    neighbors = sampler.neighbors
    signature = {
        "x": tf.TensorSpec([None, sampler.x.shape[1]], tf.float32),
        "indices": tf.TensorSpec([None, 2], tf.int64),
    }
    if neighbors.weight is not None:
        signature["weight"] = tf.TensorSpec([None], tf.float32)
    if y is not None:
        signature["y"] = tf.TensorSpec([None, *y.shape[1:]], y.dtype)
        signature["sample_weight"] = tf.TensorSpec([None], tf.float32)

    def sample(seeds, number):
        nodes, layers = sampler.sample(np.random.default_rng(number), seeds)
        arrays = {"x": sampler.features(nodes)}
        arrays["indices"], arrays["weight"] = neighbors.union(layers)
        if y is not None:
            # A loss of label -1, even of weight 0, may be NaN.
            arrays["y"] = np.maximum(y[nodes], 0) if are_classes(y) else y[nodes]
            arrays["sample_weight"] = np.zeros(len(nodes), np.float32)
            arrays["sample_weight"][: len(seeds)] = len(nodes) / len(seeds)
        return [arrays[name] for name in signature]

    def element(seeds, number):
        types = [spec.dtype for spec in signature.values()]
        arrays = numpy_function(sample, [seeds, number], types)
        arrays = {
            name: tf.ensure_shape(array, signature[name].shape)
            for name, array in zip(signature, arrays, strict=True)
        }
        x, indices = arrays["x"], arrays["indices"]
        num_nodes, num_edges = (tf.shape(part, tf.int64)[:1] for part in (x, indices))
        graph = homogeneous(indices, num_nodes, num_edges, x, arrays.get("weight"))
        if y is None:
            return (graph,)
        return graph, arrays["y"], arrays["sample_weight"]

    return element

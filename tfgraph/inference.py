"""Predictions for all nodes of a graph that is too large for one step."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgraph.arguments import checked_integer, checked_path, is_scipy, received
from tfgraph.data import Graph, HeteroGraph
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.data.sampling.blocks import BlockSampler
from tfgraph.data.sampling.fanouts import Relation
from tfgraph.data.sampling.hetero_samples import graph_tensor_sampler
from tfgraph.data.sampling.neighbor_batches import (
    block_elements,
    graph_tensor_elements,
)
from tfgraph.data.sampling.numpy_calls import made_ahead
from tfgraph.layers import GCNConv, HeteroConv
from tfgraph.models import GAT, GraphSAGE, HeteroGraphSAGE
from tfgraph.unfinished import unfinished_folder

__all__ = ["predict_nodes"]


def __dir__() -> list[str]:
    return __all__


def predict_nodes(
    model: keras.Model,
    graph: Graph | HeteroGraph,
    batch_size: int = 1024,
    verbose: int = 1,
    out: str | os.PathLike | None = None,
) -> np.ndarray | dict[str, np.ndarray]:
    """Returns a model's outputs for every node, computed layer by layer in batches.

    Each layer computes all nodes, from all their neighbours, before the next layer
    starts. So no node is computed twice and nothing is sampled. The result is the same
    as that of `model.predict(full_batch(graph))`. Memory holds one layer's features of
    all nodes, and the neighbourhood of one batch. With `out` the features are in files.

    A model that is not built yet gets its weights, as in `Model.predict`.

    Example:

    ```python
    model = tfgraph.models.GraphSAGE(graph.num_classes)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(tfgraph.data.neighbor_batches(graph, (25, 10), 512), shuffle=False)
    predictions = tfgraph.inference.predict_nodes(model, graph)
    ```

    Args:
        model: A `tfgraph.models.GraphSAGE` or `tfgraph.models.GAT`, and for a
            `HeteroGraph` a `tfgraph.models.HeteroGraphSAGE`. `models.GCN` is refused,
            unless made with `normalize=False`: it needs the degrees of all neighbours,
            and a batch shows only those of its own nodes.
        graph: A `Graph` with features, or a `HeteroGraph`. It may be one that training
            did not see.
        batch_size: Number of nodes to compute at a time.
        verbose: 1 for a progress bar, 0 for none.
        out: A file to write the result to, in the format of `numpy.save`. It appears
            when it is complete. The features between the layers are in a folder
            `unfinished-...` beside it, which is removed; one that a killed process left
            is removed by the next call with the same `out`. So with `Graph.load`,
            neither has to fit into memory.

    Returns:
        A float32 array `[N, units]`, or `[N, num_classes]` of a classifier; with `out`
        a memory map of the file. A `HeteroGraphSAGE` without classifier gives a dict of
        arrays by node set.

    Raises:
        ValueError: If `model` is another model, a subclass with its own `call`, or uses
            features of edges where the `Graph` has none, or the reverse. Also if
            `batch_size` is not a positive integer, or the graph has no nodes or no
            features. Also if there is `out` for a model that gives a dict, or `out` is
            no path or is that of a folder.
    """
    if isinstance(graph, HeteroGraph):
        _check_call(model, (HeteroGraphSAGE,), "models.HeteroGraphSAGE for this graph")
        if out is not None and model.num_classes is None:
            raise ValueError(
                "Expected `out` to be None with a model without `num_classes`, which "
                f"gives a dict of arrays. Received: out={str(out)!r}"
            )
    else:
        check_graph("graph", graph)
        _check_call(model, (GraphSAGE, GAT), "models.GraphSAGE or models.GAT")
        _check_convolutions(model, graph)
    batch_size = checked_integer("batch_size", batch_size, 1)
    file = None if out is None else _checked_file(out)
    beside = contextlib.nullcontext() if file is None else unfinished_folder(file)
    with beside as folder:
        arrays = _Arrays(file, folder)
        if isinstance(graph, HeteroGraph):
            return _by_node_set(model, graph, batch_size, verbose, arrays)
        return _by_layer(model, graph, batch_size, verbose, arrays)


def _checked_file(out: str | os.PathLike) -> pathlib.Path:
    """Returns the argument `out`, or the file that it is a link to."""
    file = pathlib.Path(os.path.realpath(checked_path("out", out, "a file")))
    if file.exists() and not file.is_file():
        raise ValueError(
            f"Expected `out` to be a file. Received: out={str(out)!r}, which is none"
        )
    return file


class _Arrays:
    """Makes arrays for results: in memory, or in files of a folder beside `out`."""

    def __init__(self, out: pathlib.Path | None, folder: pathlib.Path | None) -> None:
        self.out, self.folder = out, folder
        self.count = 0

    def new(self, num_rows: int, width: int) -> np.ndarray:
        """Returns a new array, of numbers to be written."""
        if self.folder is None:
            return np.empty((num_rows, width), np.float32)
        self.count += 1
        return np.lib.format.open_memmap(
            self.folder / f"{self.count}.npy",
            mode="w+",
            dtype=np.float32,
            shape=(num_rows, width),
        )

    def result(self, array: np.ndarray) -> np.ndarray:
        """Returns an array that `new` made, as `predict_nodes` does."""
        if self.out is None or not isinstance(array, np.memmap):
            return array
        array.flush()
        os.replace(str(array.filename), self.out)
        return np.load(self.out, mmap_mode="r")


def _by_layer(
    model: keras.Model, graph: Graph, batch_size: int, verbose: int, arrays: _Arrays
) -> np.ndarray:
    """Returns what `predict_nodes` does for a `Graph`."""
    num_nodes = graph.num_nodes
    if not num_nodes or not graph.num_features:
        raise ValueError(
            f"Expected `graph` to have nodes and features. Received: graph={graph}"
        )
    if not model.built:
        shapes = [(None, graph.num_features), (None, None)]
        if graph.edge_features is not None:
            shapes.append((None, graph.num_edge_features))
        model.build(shapes)
    sampler = BlockSampler(graph, (None,), "never", False, is_scipy(graph.x))
    num_batches = len(model.convolutions) * -(-num_nodes // batch_size)
    progress = keras.utils.Progbar(num_batches, verbose=verbose, unit_name="batch")
    for layer in model.convolutions:
        classifier = None
        if layer is model.convolutions[-1]:
            classifier = getattr(model, "classifier", None)

        def call(inputs: Any, layer: Any = layer, classifier: Any = classifier) -> Any:
            x, *blocks = inputs
            h = layer([x, *(block for (block,) in blocks)], training=False)
            return h if classifier is None else classifier(h)

        batches = _in_order(block_elements(sampler, None), num_nodes, batch_size)
        h = _computed(call, batches, num_nodes, batch_size, arrays, progress)
        sampler.set_features(h)
    # TensorFlow keeps the sampler longer than is needed.
    sampler.set_features(np.empty((0, 0), np.float32))
    return arrays.result(h)


class _Stage(NamedTuple):
    """What is computed for all nodes before the next stage starts.

    Attributes:
        call: Takes a GraphTensor, and returns a dict of tensors by node set.
        relations: For each node set to compute, the edge sets and their ends at which
            its nodes receive.
        widths: The width of each node set's result.
    """

    call: Callable
    relations: Mapping[str, Sequence[Relation]]
    widths: Mapping[str, int]


def _by_node_set(
    model: HeteroGraphSAGE,
    graph: HeteroGraph,
    batch_size: int,
    verbose: int,
    arrays: _Arrays,
) -> np.ndarray | dict[str, np.ndarray]:
    """Returns what `predict_nodes` does for a `HeteroGraph`."""
    sampler = graph_tensor_sampler(graph, [None], "never")
    if not model.built:
        model.build({key: tuple(s.shape) for key, s in sampler.signature.items()})
    names = sorted({*model.projections, *model.embeddings})
    widths = dict.fromkeys(names, model.hidden_units[0])
    stages = [_Stage(model.first_features, dict.fromkeys(names, ()), widths)]
    stages += [_Stage(m, _relations(m, graph), m.widths) for m in model.rounds]
    sizes = {name: graph.node_sets[name].num_nodes for name in names}
    num_batches = sum(
        -(-sizes[name] // batch_size) for stage in stages for name in stage.relations
    )
    progress = keras.utils.Progbar(num_batches, verbose=verbose, unit_name="batch")
    for stage in stages:
        h = {}
        for name, relations in stage.relations.items():
            if not sizes[name]:
                h[name] = np.zeros((0, stage.widths[name]), np.float32)
                continue
            one_round = sampler.with_fanouts([dict.fromkeys(relations)])
            batches = _in_order(
                graph_tensor_elements(one_round, name, None), sizes[name], batch_size
            )
            h[name] = _computed(
                lambda batch, stage=stage, name=name: stage.call(batch)[name],
                batches,
                sizes[name],
                batch_size,
                arrays,
                progress,
            )
        sampler.set_features(h)
    features = dict(sampler.x)
    for held in (sampler.x, sampler.x_rows):
        held.clear()  # TensorFlow keeps the sampler longer than is needed
    if model.classifier is None:
        return {name: features[name] for name in names}
    last = features[model.target]
    outputs = arrays.new(len(last), model.classifier.units)
    for start in range(0, len(last), batch_size):
        batch = slice(start, start + batch_size)
        outputs[batch] = model.classifier(last[batch])
    return arrays.result(outputs)


def _relations(messages: HeteroConv, graph: HeteroGraph) -> dict[str, list[Relation]]:
    """Returns the relations of a round, by the node set that receives."""
    relations: dict[str, list[Relation]] = {}
    for layer in messages.convolutions:
        edges = graph.edge_sets[layer.edge_set_name]
        receivers = edges.target if layer.receiver == "target" else edges.source
        relation = (layer.edge_set_name, layer.receiver)
        relations.setdefault(receivers, []).append(relation)
    return relations


def _in_order(element: Callable, num_nodes: int, batch_size: int) -> tf.data.Dataset:
    """Returns a dataset of elements for consecutive nodes."""

    def of_batch(start: tf.Tensor) -> Any:
        nodes = tf.range(start, tf.minimum(start + batch_size, num_nodes))
        return element(nodes, 0)  # a random number that nothing depends on

    starts = tf.data.Dataset.range(0, num_nodes, batch_size)
    return made_ahead(starts, of_batch)


def _computed(
    call: Callable,
    batches: tf.data.Dataset,
    num_nodes: int,
    batch_size: int,
    arrays: _Arrays,
    progress: keras.utils.Progbar,
) -> np.ndarray:
    """Returns `call(inputs)` for all nodes.

    Args:
        call: Returns a tensor. Its first rows are those of the batch's own nodes.
        batches: Elements `(inputs,)` for consecutive nodes.
        num_nodes: Nodes in all batches.
        batch_size: Nodes in a batch, or fewer in the last.
        arrays: Makes the array.
        progress: The progress bar.
    """
    function = tf.function(call, input_signature=batches.element_spec)
    filled: Any = None
    for start, (inputs,) in zip(range(0, num_nodes, batch_size), batches, strict=True):
        rows = function(inputs)
        if filled is None:
            filled = arrays.new(num_nodes, rows.shape[1])
        stop = min(start + batch_size, num_nodes)
        filled[start:stop] = rows[: stop - start]
        progress.add(1)
    return filled


def _check_call(
    model: keras.Model, classes: tuple[type[keras.Model], ...], expected: str
) -> None:
    """Raises a `ValueError` unless the model computes as one of the classes does."""
    calls = [known.call for known in classes]
    # What another `call` computes between the layers is not known here.
    if getattr(type(model), "call", None) not in calls:
        raise ValueError(
            f"Expected `model` to be a {expected}, without a `call` of its own. For "
            "other models use `model.predict`: with `tfgraph.data.full_batch(graph)`, "
            "or `neighbor_batches(graph, [None] * num_layers, batch_size, "
            "labels=False)` of `tfgraph.data` for one that takes such batches. "
            f"{received('model', model)}"
        )


def _check_convolutions(model: keras.Model, graph: Graph) -> None:
    """Raises a `ValueError` for a model that cannot compute its layers in batches."""
    for layer in model.convolutions:
        if isinstance(layer, GCNConv) and layer.normalize:
            raise ValueError(
                "Expected `model` to compute a node from its neighbours alone. A GCN "
                "also needs the degrees of the neighbours, which a batch does not "
                "show. Use `model.predict(tfgraph.data.full_batch(graph))`. "
                f"{received('model', model)}"
            )
        uses_edges = getattr(layer, "edge_dim", None) or getattr(
            layer, "edge_feature_name", None
        )
        if uses_edges and graph.edge_features is None:
            raise ValueError(
                "Expected `model` to use no features of edges, as `graph` has no "
                f"`edge_features`. {received('model', model)}, graph={graph}"
            )

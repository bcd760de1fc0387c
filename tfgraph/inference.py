"""Predictions for all nodes of a graph that is too large for one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgraph.arguments import checked_integer, is_scipy, received
from tfgraph.data import Graph, HeteroGraph, neighbor_batches
from tfgraph.data.graphs.graph_arguments import check_graph
from tfgraph.layers import GCNConv, HeteroConv
from tfgraph.models import GAT, GraphSAGE, HeteroGraphSAGE

__all__ = ["predict_nodes"]


def __dir__() -> list[str]:
    return __all__


def predict_nodes(
    model: keras.Model,
    graph: Graph | HeteroGraph,
    batch_size: int = 1024,
    verbose: int = 1,
) -> np.ndarray | dict[str, np.ndarray]:
    """Returns a model's outputs for every node, computed layer by layer in batches.

    Each layer computes all nodes, from all their neighbours, before the next layer
    starts. So no node is computed twice and nothing is sampled. The result is the same
    as that of `model.predict(full_batch(graph))`. Memory holds one layer's features of
    all nodes, and the neighbourhood of one batch.

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

    Returns:
        A float32 array `[N, units]`, or `[N, num_classes]` of a classifier. A
        `HeteroGraphSAGE` without classifier gives a dict of arrays by node set.

    Raises:
        ValueError: If `model` is another model, a subclass with its own `call`, or uses
            features of edges. Also if `batch_size` is not a positive integer, or the
            graph has no nodes or no features.
    """
    if isinstance(graph, HeteroGraph):
        _check_call(model, (HeteroGraphSAGE,), "models.HeteroGraphSAGE for this graph")
        batch_size = checked_integer("batch_size", batch_size, 1)
        return _by_node_set(model, graph, batch_size, verbose)
    check_graph("graph", graph)
    _check_call(model, (GraphSAGE, GAT), "models.GraphSAGE or models.GAT")
    _check_convolutions(model)
    batch_size = checked_integer("batch_size", batch_size, 1)
    if not graph.num_nodes or not graph.num_features:
        raise ValueError(
            f"Expected `graph` to have nodes and features. Received: graph={graph}"
        )
    if not model.built:
        model.build([(None, graph.num_features), (None, None)])
    batch_size = min(batch_size, graph.num_nodes)
    num_batches = -(-graph.num_nodes // batch_size)
    progress = keras.utils.Progbar(
        len(model.convolutions) * num_batches, verbose=verbose, unit_name="batch"
    )
    calls = [tf.function(layer, reduce_retracing=True) for layer in model.convolutions]
    classifier = getattr(model, "classifier", None)
    for call in calls:
        h = []
        batches = neighbor_batches(
            graph,
            (None,),
            batch_size,
            labels=False,
            sparse_features=is_scipy(graph.x),
        )
        for (inputs,) in batches:
            x, (block,) = inputs
            outputs = call([x, block], training=False)
            if classifier is not None and call is calls[-1]:
                outputs = classifier(outputs)
            h.append(outputs.numpy())
            progress.add(1)
        graph = graph.replace(x=np.concatenate(h))
    return graph.dense_features()


def _by_node_set(
    model: HeteroGraphSAGE, graph: HeteroGraph, batch_size: int, verbose: int
) -> np.ndarray | dict[str, np.ndarray]:
    """Returns what `predict_nodes` does for a `HeteroGraph`."""
    if not model.built:
        name = next(name for name, nodes in graph.node_sets.items() if nodes.num_nodes)
        model(next(iter(_batches(graph, name, [], 1)))[0])
    names = sorted({*model.projections, *model.embeddings})
    widths = dict.fromkeys(names, model.hidden_units[0])
    stages = [_Stage(model.first_features, dict.fromkeys(names, ()), widths)]
    stages += [_Stage(m, _relations(m, graph), m.widths) for m in model.rounds]
    counts = {name: -(-graph.node_sets[name].num_nodes // batch_size) for name in names}
    progress = keras.utils.Progbar(
        sum(counts[name] for stage in stages for name in stage.relations),
        verbose=verbose,
        unit_name="batch",
    )
    for stage in stages:
        h = {
            name: _computed(stage, name, graph, batch_size, progress)
            for name in stage.relations
        }
        sets = {name: graph.node_sets[name].replace(x=x) for name, x in h.items()}
        graph = graph.replace(sets)
    if model.classifier is None:
        return {name: graph.node_sets[name].dense_features() for name in names}
    features = graph.node_sets[model.target].dense_features()
    starts = range(0, len(features), batch_size)
    parts = [model.classifier(features[start : start + batch_size]) for start in starts]
    return np.concatenate(parts or [np.zeros((0, model.num_classes), np.float32)])


class _Stage(NamedTuple):
    """What is computed for all nodes before the next stage starts.

    Attributes:
        call: Takes a GraphTensor, and returns a dict of tensors by node set.
        relations: For each node set to compute, the edge sets and their ends at which
            its nodes receive.
        widths: The width of each node set's result.
    """

    call: Callable
    relations: Mapping[str, Sequence[tuple[str, str]]]
    widths: Mapping[str, int]


def _relations(messages: HeteroConv, graph: HeteroGraph) -> dict[str, list]:
    """Returns the relations of a round, by the node set that receives."""
    relations: dict[str, list] = {}
    for layer in messages.convolutions:
        edges = graph.edge_sets[layer.edge_set_name]
        receivers = edges.target if layer.receiver == "target" else edges.source
        relation = (layer.edge_set_name, layer.receiver)
        relations.setdefault(receivers, []).append(relation)
    return relations


def _computed(
    stage: _Stage,
    name: str,
    graph: HeteroGraph,
    batch_size: int,
    progress: keras.utils.Progbar,
) -> np.ndarray:
    """Returns the result of a stage for all nodes of a node set."""
    num_nodes = graph.node_sets[name].num_nodes
    if not num_nodes:
        return np.zeros((0, stage.widths[name]), np.float32)
    size = min(batch_size, num_nodes)
    batches = _batches(graph, name, stage.relations[name], size)
    call = tf.function(
        lambda batch: stage.call(batch)[name], input_signature=batches.element_spec
    )
    outputs = []
    for (batch,) in batches:
        # Seeds are first. The last batch may have fewer, and more of other nodes.
        outputs.append(call(batch)[:size].numpy())
        progress.add(1)
    return np.concatenate(outputs)[:num_nodes]


def _batches(
    graph: HeteroGraph,
    name: str,
    relations: Sequence[tuple[str, str]],
    batch_size: int,
) -> tf.data.Dataset:
    """Returns batches of a node set, with all neighbours of one round."""
    return neighbor_batches(
        graph,
        [dict.fromkeys(relations)],
        batch_size,
        labels=False,
        node_set_name=name,
    )


def _check_call(
    model: keras.Model, classes: tuple[type[keras.Model], ...], expected: str
) -> None:
    """Raises a `ValueError` unless the model computes as one of the classes does."""
    calls = [known.call for known in classes]
    # What another `call` computes between the layers is not known here.
    if getattr(type(model), "call", None) not in calls:
        raise ValueError(
            f"Expected `model` to be a {expected}, without a `call` of its own. Use "
            "`model.predict(tfgraph.data.full_batch(graph))` for other models. "
            f"{received('model', model)}"
        )


def _check_convolutions(model: keras.Model) -> None:
    """Raises a `ValueError` for a model that cannot compute its layers in batches."""
    for layer in model.convolutions:
        if isinstance(layer, GCNConv) and layer.normalize:
            raise ValueError(
                "Expected `model` to compute a node from its neighbours alone. A GCN "
                "also needs the degrees of the neighbours, which a batch does not "
                "show. Use `model.predict(tfgraph.data.full_batch(graph))`. "
                f"{received('model', model)}"
            )
        if getattr(layer, "edge_dim", None) or getattr(
            layer, "edge_feature_name", None
        ):
            raise ValueError(
                "Expected `model` to use no features of edges, which a `Graph` does "
                f"not hold. {received('model', model)}"
            )

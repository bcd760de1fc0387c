"""A GraphTensor, with features and weights of the edges taken out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph import inputs as graph_inputs
from tfgraph.explain.explanation import Explanation, HeteroExplanation
from tfgraph.explain.sources import (
    Source,
    as_float32,
    as_weights,
    in_form_of,
    parsed,
    split,
)
from tfgraph.graph_tensor import Fields, given_weights, set_names
from tfgraph.inputs import GraphInputs


@dataclasses.dataclass(frozen=True)
class GraphTensorSource(Source):
    """A GraphTensor of one or several node sets and edge sets.

    The edges of all sets follow on each other, and so do the numbers of their nodes.
    The `weights` are factors of 1. A factor multiplies the weight of an edge, or is the
    weight in layers without.

    Attributes:
        fields: Which parts of the graph are features and weights.
        num_nodes: The size of each node set, by name.
        num_edges: The size of each edge set, by name.
        ends: The node sets of sources and targets, by edge set.
    """

    fields: Fields
    num_nodes: dict[str, int]
    num_edges: dict[str, int]
    ends: dict[str, tuple[str, str]]

    def call(
        self,
        model: keras.Model,
        inputs: Any,
        x: Any,
        indices: tf.Tensor,
        weights: tf.Tensor,
    ) -> Any:
        parts = parsed(inputs)
        factors = self._by_edge_set(weights)
        graph = dict(parts.graph)
        for name, of_edges in factors.items():
            key = f"edges.{name}.{self.fields.edge_weight_name}"
            if key in graph:
                graph[key] = _product(graph[key], of_edges)
        given = parts.x
        if given is None:
            graph |= {self._feature(name): of_nodes for name, of_nodes in x.items()}
        elif isinstance(given, dict):
            given = given | {name: in_form_of(given[name], x[name]) for name in x}
        else:
            (name,) = x
            given = in_form_of(given, x[name])
        parts = dataclasses.replace(parts, x=given, graph=graph)
        with given_weights(factors):
            return model(parts.to_inputs(), training=False)

    def edges_by_set(self) -> Any:
        if self._is_plain:
            return self.edges
        starts = _starts(self.num_nodes)
        return {
            name: edges - np.array([starts[end] for end in self.ends[name]])
            for name, edges in self._by_edge_set(self.edges).items()
        }

    def nodes_of(self, model: keras.Model, index: int, num_rows: int) -> tuple:
        numbers: Sequence[int] = [index]
        if self.parts.pairs is not None:
            numbers = np.asarray(self.parts.pairs[index]).tolist()
            names = self._sets_of_pairs(model)
        else:
            names = self._set_of_rows(model, num_rows)
        nodes = tuple(zip(names, numbers, strict=False))
        return tuple(number for _, number in nodes) if self._is_plain else nodes

    def explanation(
        self, edges: np.ndarray, features: Any, **about: Any
    ) -> Explanation | HeteroExplanation:
        if self._is_plain:
            (num_nodes,), (of_nodes,) = self.num_nodes.values(), features.values()
            return Explanation(
                self.edges, edges, of_nodes, num_nodes=num_nodes, **about
            )
        return HeteroExplanation(
            self.edges_by_set(),
            self._by_edge_set(edges),
            features,
            num_nodes=self.num_nodes,
            ends=self.ends,
            **about,
        )

    @property
    def _is_plain(self):
        """Whether there is one node set and one edge set."""
        return len(self.num_nodes) == len(self.num_edges) == 1

    def _by_edge_set(self, numbers):
        parts = split(numbers, self.num_edges.values())
        return dict(zip(self.num_edges, parts, strict=True))

    def _feature(self, name):
        return f"nodes.{name}.{self.fields.feature_name}"

    def _sets_of_pairs(self, model):
        """The node sets of sources and targets, or none if that is not known."""
        edge_set_name = getattr(model, "edge_set_name", None)
        if edge_set_name in self.ends:
            return self.ends[edge_set_name]
        found = set(self.ends.values())
        return found.pop() if len(found) == 1 else ()

    def _set_of_rows(self, model, num_rows):
        """The node set with a row each, or none if that is not known."""
        found = [name for name, n in self.num_nodes.items() if n == num_rows]
        named = getattr(model, "node_set_name", None)
        if named in found:
            return [named]
        graph = self.parts.graph
        num_graphs = len(graph[f"nodes.{next(iter(self.num_nodes))}.-size"])
        return found if len(found) == 1 and num_rows != num_graphs else []


def graph_tensor_source(parts: GraphInputs, fields: Fields) -> GraphTensorSource:
    """Returns the source of inputs with a GraphTensor.

    Raises:
        ValueError: If the graph has no edge set, or the features are not those of its
            node sets.
    """
    graph: Any = parts.graph
    node_sets, edge_sets = (sorted(set_names(graph, n)) for n in ("nodes", "edges"))
    if not node_sets or not edge_sets:
        raise ValueError(
            "Expected a GraphTensor with edges, whose influence is explained. "
            f"Received: node sets {node_sets}, edge sets {edge_sets}"
        )
    num_nodes, num_edges = (
        {name: int(np.sum(graph[f"{set_type}.{name}.-size"])) for name in names}
        for set_type, names in (("nodes", node_sets), ("edges", edge_sets))
    )
    starts, ends, edges = _starts(num_nodes), {}, []
    for name in edge_sets:
        of_set = Fields(None, name, fields.feature_name, None)
        ends[name] = of_set.ends(graph)
        numbers = np.stack(of_set.edges(graph)[:2], axis=1)
        edges.append(numbers + np.array([starts[end] for end in ends[name]]))
    return GraphTensorSource(
        parts,
        np.concatenate(edges),
        np.ones(sum(num_edges.values()), np.float32),
        _features(parts, fields, node_sets),
        fields,
        num_nodes,
        num_edges,
        ends,
    )


def _features(parts, fields, node_sets):
    """The features by node set, of those that have numbers as features."""
    if isinstance(parts.x, dict):
        x, _ = graph_inputs.parse_node_sets([parts.x, parts.graph], "")
    elif parts.x is None and len(node_sets) > 1:
        x, _ = graph_inputs.parse_node_sets(parts.graph, fields.feature_name)
    elif len(node_sets) > 1:
        raise ValueError(
            "Expected `graph`, or `[features, graph]` with a dict of features by node "
            f"set. Received: one array of features, and node sets {node_sets}"
        )
    else:
        x = fields.node_features(parts.graph) if parts.x is None else parts.x
        return {node_sets[0]: as_float32(x)}
    return {
        name: as_float32(x[name])
        for name in sorted(x)
        if tf.as_dtype(x[name].dtype).is_floating and len(x[name].shape) == 2
    }


def _product(weights, factors):
    """The weights of edges, `[E]` or `[E, 1]`, times a factor each."""
    factors = tf.reshape(factors, tf.shape(weights))
    return as_weights(tf.cast(weights, factors.dtype) * factors, weights.dtype)


def _starts(sizes):
    """The number of the first of each set, where they follow on each other."""
    ends = np.cumsum(list(sizes.values()))
    return dict(zip(sizes, ends - list(sizes.values()), strict=True))

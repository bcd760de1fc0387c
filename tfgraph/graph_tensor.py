"""TF-GNN's GraphTensor inside Keras 3.

Inside a Keras model a graph is the **dict of its named components**. Keras can trace,
save and print such a dict, of symbolic tensors or of values:

| key                            | component                                     |
| ------------------------------ | --------------------------------------------- |
| `context.<feature>`            | a feature of the whole graph                  |
| `nodes.<set>.-size`            | nodes of each component, `[num_components]`   |
| `nodes.<set>.<feature>`        | a node feature, `[num_nodes, ...]`            |
| `edges.<set>.-size`            | edges of each component, `[num_components]`   |
| `edges.<set>.<feature>`        | an edge feature, `[num_edges, ...]`           |
| `edges.<set>.-source.<nodes>`  | source node of each edge, in set `<nodes>`    |
| `edges.<set>.-target.<nodes>`  | target node of each edge, in set `<nodes>`    |

TF-GNN's "#" becomes "-", as TensorFlow allows no "#" in the name of an input.
"""

from __future__ import annotations

import contextlib
import contextvars
import importlib
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import tensorflow as tf

from tfgraph import ops

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn


# The node feature with the row numbers of nodes, in graphs made of a `HeteroGraph`.
ROW = "row"

# Weights by edge set, see `given_weights`.
_GIVEN_WEIGHTS: contextvars.ContextVar[Mapping[str, tf.Tensor]] = (
    contextvars.ContextVar("given_weights")
)


@tf.autograph.experimental.do_not_convert  # which would warn that it cannot
def load_tfgnn() -> types.ModuleType:
    """Returns the `tensorflow_gnn` module, and imports it if it is not loaded."""
    return importlib.import_module("tensorflow_gnn")


def to_components(graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
    """Returns the dict of a GraphTensor's components, named as in this module's table.

    Args:
        graph: A scalar (rank 0) `tfgnn.GraphTensor`.

    Raises:
        ValueError: If `graph` is still batched (rank 1 or more). Also if a name cannot
            be part of a key: a set's with ".", a feature's with "-" in front, or any
            with "/".
    """
    if graph.rank != 0:
        raise ValueError(
            "Expected a scalar GraphTensor, one in which the graphs of a batch are "
            "merged. Merge them in the input pipeline: `dataset.batch(n).map(lambda "
            "graph: graph.merge_batch_to_components())`. "
            f"Received: a GraphTensor of rank {graph.rank}"
        )
    components = {f"context.{k}": v for k, v in graph.context.features.items()}
    for name, nodes in graph.node_sets.items():
        components[f"nodes.{name}.-size"] = nodes.sizes
        components |= {f"nodes.{name}.{k}": v for k, v in nodes.features.items()}
    for name, edges in graph.edge_sets.items():
        ends = edges.adjacency
        components[f"edges.{name}.-size"] = edges.sizes
        components[f"edges.{name}.-source.{ends.source_name}"] = ends.source
        components[f"edges.{name}.-target.{ends.target_name}"] = ends.target
        components |= {f"edges.{name}.{k}": v for k, v in edges.features.items()}
    unusable = [name for name in (*graph.node_sets, *graph.edge_sets) if "." in name]
    unusable += [key for key in components if "/" in key]
    pieces = (graph.context, *graph.node_sets.values(), *graph.edge_sets.values())
    unusable += [k for piece in pieces for k in piece.features if k.startswith("-")]
    if unusable:
        raise ValueError(
            'Expected names of sets without "." and names of sets and features without '
            f'"/", and features that do not begin with "-". Received: {unusable}'
        )
    return dict(sorted(components.items()))


def homogeneous(
    indices: tf.Tensor,
    num_nodes: tf.Tensor,
    num_edges: tf.Tensor,
    x: tf.Tensor | None,
    edge_weight: tf.Tensor | None,
    edge_features: tf.Tensor | None = None,
) -> tfgnn.GraphTensor:
    """Returns a scalar GraphTensor of one node set "nodes" and one edge set "edges".

    Args:
        indices: int64 `[E, 2]`, (target, source) of each edge.
        num_nodes: int64 `[B]`, the nodes of each component.
        num_edges: int64 `[B]`, the edges of each component.
        x: `[N, F]`, which becomes the node feature "hidden_state", or None.
        edge_weight: `[E]`, which becomes the edge feature "weight", or None.
        edge_features: `[E, D]`, which become the edge feature "features", or None.
    """
    tfgnn = load_tfgnn()
    of_edges = {"weight": edge_weight, "features": edge_features}
    return tfgnn.GraphTensor.from_pieces(
        node_sets={
            "nodes": tfgnn.NodeSet.from_fields(
                sizes=num_nodes,
                features={} if x is None else {"hidden_state": x},
            )
        },
        edge_sets={
            "edges": tfgnn.EdgeSet.from_fields(
                sizes=num_edges,
                features={k: v for k, v in of_edges.items() if v is not None},
                adjacency=tfgnn.Adjacency.from_indices(
                    source=("nodes", indices[:, 1]), target=("nodes", indices[:, 0])
                ),
            )
        },
    )


def as_graph_tensor(
    components: dict[str, tf.Tensor] | tfgnn.GraphTensor,
) -> tfgnn.GraphTensor:
    """Returns the GraphTensor of a dict of components.

    It is the inverse of `to_components`. A model's `call(self, graph)` receives the
    dict. Convert it there to use TF-GNN's own operations.

    Args:
        components: Dict as returned by `to_components`. A GraphTensor is returned as
            it is.

    Returns:
        A scalar `tfgnn.GraphTensor`.
    """
    tfgnn = load_tfgnn()
    if isinstance(components, tfgnn.GraphTensor):
        return components
    context: dict[str, tf.Tensor] = {}
    pieces: dict[str, dict[str, dict]] = {"nodes": {}, "edges": {}}
    for key, value in components.items():
        part, _, rest = key.partition(".")
        if part == "context":
            context[rest] = value
        else:
            name, _, field = rest.partition(".")
            # Where Keras loads a model, it traces it with inputs of its own type.
            if field.startswith("-") and not value.dtype.is_integer:
                value = tf.cast(value, tf.int64)
            pieces[part].setdefault(name, {})[field] = value
    node_sets = {
        name: tfgnn.NodeSet.from_fields(sizes=fields.pop("-size"), features=fields)
        for name, fields in pieces["nodes"].items()
    }
    edge_sets = {}
    for name, fields in pieces["edges"].items():
        ends = {
            key.split(".")[0]: (key.partition(".")[2], fields.pop(key))
            for key in sorted(fields)
            if key.startswith(("-source.", "-target."))
        }
        edge_sets[name] = tfgnn.EdgeSet.from_fields(
            sizes=fields.pop("-size"),
            adjacency=tfgnn.Adjacency.from_indices(ends["-source"], ends["-target"]),
            features=fields,
        )
    return tfgnn.GraphTensor.from_pieces(
        context=tfgnn.Context.from_fields(features=context) if context else None,
        node_sets=node_sets,
        edge_sets=edge_sets,
    )


def of_any_size(graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
    """Returns the graph with unknown numbers of nodes and edges, in a `tf.data` map.

    TF-GNN encodes graphs of known and of unknown size in different ways, and Keras
    feeds both to the same traced function. So all our datasets have the second form.
    """
    components = to_components(graph)
    prefixes = ["context."]  # the sets in the order of the graph
    prefixes += [f"nodes.{name}." for name in graph.node_sets]
    prefixes += [f"edges.{name}." for name in graph.edge_sets]
    return as_graph_tensor(
        {
            name: tf.raw_ops.PlaceholderWithDefault(
                input=value,
                shape=value.shape
                if name.endswith(".-size")
                else [None, *value.shape[1:]],
            )
            for prefix in prefixes
            for name, value in components.items()
            if name.startswith(prefix)
        }
    )


def GraphInput(spec: tfgnn.GraphTensorSpec) -> dict[str, keras.KerasTensor]:
    """Returns the symbolic input of a functional model over GraphTensors.

    ```python
    graph = tfgraph.GraphInput(dataset.element_spec[0])
    x = tfgraph.layers.GCNConv(16, activation="relu")(graph)
    x = tfgraph.layers.GCNConv(7)([x, graph])
    model = keras.Model(graph, x)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(dataset, shuffle=False)
    ```

    Keras' own `model.export` makes a signature that takes the components by the names
    of `to_components`. `tfgraph.export.export_graph_tensor_model` makes one that takes
    serialized graphs, and checks them first.

    Args:
        spec: The `tfgnn.GraphTensorSpec` of a scalar graph, such as `graph.spec` or
            `dataset.element_spec[0]`.

    Returns:
        Dict of `keras.Input`s, one for each component of the graph. They take any
        number of nodes, edges and components.
    """
    return {
        name: keras.Input(batch_shape=(None, *c.shape[1:]), dtype=c.dtype, name=name)
        for name, c in component_specs(spec).items()
    }


def component_specs(spec: tfgnn.GraphTensorSpec) -> dict[str, Any]:
    """Returns a `tf.TensorSpec` or `tf.RaggedTensorSpec` of each component of a graph.

    Args:
        spec: The `tfgnn.GraphTensorSpec` of a scalar graph.
    """
    # Without autograph, which would put the line of code before an error.
    call = tf.function(to_components, autograph=False)
    components = call.get_concrete_function(spec)
    return tf.nest.map_structure(tf.type_spec_from_value, components.structured_outputs)


class Fields(NamedTuple):
    """Which parts of a graph a layer works on: names, or None for the only one.

    Its methods take the dict of components of a graph, or a dict of their shapes.
    """

    node_set_name: str | None
    edge_set_name: str | None
    feature_name: str
    edge_weight_name: str | None
    receiver: str = "target"

    def features(self, components: Mapping[str, Any]) -> tuple[Any, Any]:
        """Returns the features of the senders, and those of the receivers.

        The second is None within one node set, or if the receivers lack `feature_name`.
        """
        senders, receivers = self.ends(components)
        x = _component(
            components, f"nodes.{senders}.", self.feature_name, "feature_name"
        )
        if senders == receivers:
            return x, None
        return x, components.get(f"nodes.{receivers}.{self.feature_name}")

    def node_features(self, components: Mapping[str, Any]) -> Any:
        """Returns the feature `feature_name` of the node set."""
        name = self.node_set(components)
        return _component(
            components, f"nodes.{name}.", self.feature_name, "feature_name"
        )

    def sizes(self, components: Mapping[str, Any]) -> Any:
        """Returns the number of nodes of each component of the graph, `[B]`."""
        return components[f"nodes.{self.node_set(components)}.-size"]

    def is_pair(self, components: Mapping[str, Any]) -> bool:
        """Whether the edges join two node sets."""
        senders, receivers = self.ends(components)
        return senders != receivers

    def edges(self, components: Mapping[str, Any]) -> tuple[Any, ...]:
        """Returns senders, receivers and weights of the edges, `N` and `M`.

        The weights are None without `edge_weight_name`, unless there are
        `given_weights`; `M` is None within one node set.
        """
        senders, receivers = self.ends(components)
        edge_set = self._edge_set(components)
        prefix = f"edges.{edge_set}."
        weight = _GIVEN_WEIGHTS.get({}).get(edge_set)
        if self.edge_weight_name is not None:
            weight = _component(
                components, prefix, self.edge_weight_name, "edge_weight_name"
            )
        sending, receiving = self._directions()
        num_receivers = None
        if senders != receivers:
            num_receivers = tf.reduce_sum(components[f"nodes.{receivers}.-size"])
        return (
            components[f"{prefix}{sending}{senders}"],
            components[f"{prefix}{receiving}{receivers}"],
            weight,
            tf.reduce_sum(components[f"nodes.{senders}.-size"]),
            num_receivers,
        )

    def ends(self, components: Mapping[str, Any]) -> tuple[str, str]:
        """Returns the names of the node sets that send and receive."""
        if self._is_within_one(components):
            name = self.node_set(components)
            return name, name
        prefix = f"edges.{self._edge_set(components)}."
        senders, receivers = (
            key.removeprefix(prefix + end)
            for end in self._directions()
            for key in components
            if key.startswith(prefix + end)
        )
        return senders, receivers

    def _directions(self) -> tuple[str, str]:
        ends = ("-source.", "-target.")
        return ends[::-1] if self.receiver == "source" else ends

    def check_components(self, components: Mapping[str, Any], layer: str = "") -> None:
        """Raises an error, at run time, for an edge that leaves its component.

        Where graphs are merged into one, such an edge reads a node of another graph.
        """
        if ops.compiled_by_xla():
            return
        prefix = f"edges.{self._edge_set(components)}."
        edges = tf.cast(components[f"{prefix}-size"], tf.int64)
        source, target, *_ = self.edges(components)
        ends = [
            (
                tf.cast(numbers, tf.int64),
                tf.cast(components[f"nodes.{name}.-size"], tf.int64),
            )
            for numbers, name in zip(
                (source, target), self.ends(components), strict=True
            )
        ]
        num_edges = tf.size(source, tf.int64)
        count = tf.size(edges)
        sizes_fit = tf.equal(tf.reduce_sum(edges), num_edges)
        # Each alone, too: `tf.repeat` would allocate what a negative one makes up for.
        sizes_fit &= tf.reduce_all((edges >= 0) & (edges <= num_edges))
        for _, nodes in ends:
            sizes_fit &= tf.equal(count, tf.size(nodes)) & tf.reduce_all(nodes >= 0)

        def all_inside() -> tf.Tensor:
            number = tf.repeat(tf.range(count), edges)
            inside = []
            for numbers, nodes in ends:
                end = tf.cumsum(nodes)
                lowest = tf.math.unsorted_segment_min(numbers, number, count)
                highest = tf.math.unsorted_segment_max(numbers, number, count)
                inside.append(tf.reduce_all((lowest >= end - nodes) & (highest < end)))
            return inside[0] & inside[1]

        # The edges of a single component are checked as those of any adjacency are.
        several = sizes_fit & (count > 1)
        inside = tf.cond(several, all_inside, lambda: True)
        edge_set = ops.plain(prefix[:-1])
        message = (
            f"Expected the edges of {edge_set!r} to join nodes of their own "
            "component, and sizes of components that add up to the edges. Received: "
            "{} edges, components of {} nodes and {} edges"
        )
        ops.check(
            sizes_fit & inside,
            ops.name_layer(layer, message),
            num_edges,
            ends[0][1],
            edges,
        )

    def edge_features(self, components: Mapping[str, Any], name: str) -> Any:
        """Returns the feature `name` of the edge set."""
        prefix = f"edges.{self._edge_set(components)}."
        return _component(components, prefix, name, "edge_feature_name")

    def _is_within_one(self, components: Mapping[str, Any]) -> bool:
        """Whether senders and receivers are the same node set, as far as names tell."""
        return (
            self.node_set_name is not None or len(set_names(components, "nodes")) == 1
        )

    def _edge_set(self, components: Mapping[str, Any]) -> str:
        names = set_names(components, "edges")
        if not self._is_within_one(components):
            if self.edge_set_name is None and len(names) > 1:
                self.node_set(components)  # says which there are
            return choose("edge_set_name", self.edge_set_name, names)
        nodes = self.node_set(components)
        inner = [
            name
            for name in names
            if f"edges.{name}.-source.{nodes}" in components
            and f"edges.{name}.-target.{nodes}" in components
        ]
        if not inner:
            raise ValueError(
                f"Expected a graph with an edge set from node set '{nodes}' to itself. "
                "(For one between two node sets, give `edge_set_name` alone.) "
                f"Received: edge sets {names}"
            )
        return choose("edge_set_name", self.edge_set_name, inner)

    def node_set(self, components: Mapping[str, Any]) -> str:
        """Returns the name of the node set."""
        names = set_names(components, "nodes")
        return choose("node_set_name", self.node_set_name, names)


@contextlib.contextmanager
def given_weights(weights: Mapping[str, tf.Tensor]) -> Iterator[None]:
    """Context in which layers without `edge_weight_name` weigh edges by `weights`.

    Args:
        weights: `[E]` for each edge set, in the place of 1.
    """
    token = _GIVEN_WEIGHTS.set(weights)
    try:
        yield
    finally:
        _GIVEN_WEIGHTS.reset(token)


def is_components(part: Any) -> bool:
    """Whether it is the dict of a graph's components, and not one by node set.

    Names of node sets have no ".", which each component's name has.
    """
    return isinstance(part, dict) and any("." in key for key in part)


def set_names(components: Mapping[str, Any], set_type: str) -> list[str]:
    """Returns the names of the sets of a graph.

    Args:
        components: The dict of a graph's components, or of their shapes.
        set_type: "nodes" or "edges".
    """
    prefix, suffix = f"{set_type}.", ".-size"
    return [
        key.removeprefix(prefix).removesuffix(suffix)
        for key in components
        if key.startswith(prefix) and key.endswith(suffix)
    ]


def choose(argument: str, name: str | None, names: Iterable[str]) -> str:
    """Returns `name`, or the only one of `names` if it is None."""
    names = sorted(names)
    if name is not None and name in names:
        return name
    if name is None and len(names) == 1:
        return names[0]
    raise ValueError(
        f"Expected `{argument}` to be one of {names}. Received: {argument}={name!r}"
    )


def _component(
    components: Mapping[str, Any], prefix: str, name: str, argument: str
) -> Any:
    if prefix + name in components:
        return components[prefix + name]
    names = [key.removeprefix(prefix) for key in components if key.startswith(prefix)]
    raise ValueError(
        f"Expected `{argument}` to be one of the features of '{prefix[:-1]}': "
        f"{[name for name in names if not name.startswith('-')]}. "
        f"Received: {argument}={name!r}"
    )

"""What a layer or model is called with, taken apart into named parts.

The only place that knows the forms of inputs. A form is a list of parts, or a graph
alone, where `graph` is a GraphTensor:

| inputs                                          | of                                 |
| ----------------------------------------------- | ---------------------------------- |
| `[x, adjacency]`, `[x, graph]`, `graph`         | convolutions, encoders, models     |
| `[(x_senders, x_receivers), adjacency]`         | convolutions between two node sets |
| `[x, adjacency, edge_features]`                 | layers that use features of edges  |
| `[x, [A_1, ..., A_K]]`, edge features likewise  | models of K convolutions           |
| `[x, adjacency, pairs]`, `[graph, pairs]`       | graph autoencoders                 |
| `[x, adjacency, graph_ids]`, `[..., mask]`      | layers and models of whole graphs  |
| `[..., s]`, the assignments to clusters last    | `DiffPool` with given assignments  |
| `[x, graph_ids]`, `[x, mask]`, `x`, `[x, graph]`| readouts                           |
| `graph`, `[features_by_node_set, graph]`        | layers over many node sets         |

For convolutions, `x` may hold many signals `[..., N, F]` on one graph.
Each function takes tensors, symbolic tensors and shapes alike.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tfgraph import arguments, graph_tensor
from tfgraph.typing import Features

_NUMBERS = (int, float, bool, str, bytes)

_FORMS = {
    None: "`[x, adjacency]`, `[x, graph]` or `graph`",
    "edge_features": (
        "`[x, adjacency]`, `[x, adjacency, edge_features]`, `[x, graph]` or `graph`"
    ),
    "pairs": (
        "`[x, adjacency]`, `[x, graph]` or `graph`, or one of these with `pairs` last"
    ),
    "membership": (
        "`[x, adjacency, graph_ids]`, `[x, adjacency, mask]`, `[x, adjacency]`, "
        "`[x, graph]` or `graph`"
    ),
}


@dataclasses.dataclass(frozen=True)
class GraphInputs:
    """The parts of a layer's inputs: tensors, symbolic tensors or shapes.

    Attributes:
        x: Node features; for a pair, the features of the senders. None where the
            `graph` holds them.
        x_receivers: For a pair, the features of the receivers. None if there are none.
        adjacency: An adjacency, or a list of one for each layer. None with a `graph`.
        graph: The dict of a GraphTensor's components. None with an `adjacency`.
        edge_features: Features of the edges, or a list of them for each layer, or None.
        membership: Graph ids or a mask, or None.
        assignments: The assignments to clusters, one for each pooling.
        pairs: Pairs of nodes, or None.
        is_pair: Whether senders and receivers are two node sets, `[(x_senders,
            x_receivers), adjacency]`. If not, the receivers are the first senders.
    """

    x: Any
    adjacency: Any = None
    graph: Any = None
    x_receivers: Any = None
    edge_features: Any = None
    membership: Any = None
    assignments: tuple = ()
    pairs: Any = None
    is_pair: bool = False

    def to_inputs(self) -> Any:
        """Returns the inputs with these parts. `parse` is the inverse."""
        parts = [
            (self.x, self.x_receivers) if self.is_pair else self.x,
            self.adjacency if self.graph is None else self.graph,
            self.edge_features,
            self.membership,
            self.pairs,
            *self.assignments,
        ]
        parts = [part for part in parts if part is not None]
        return parts[0] if len(parts) == 1 else parts

    def with_open_sizes(self) -> GraphInputs:
        """Returns shapes without the numbers of nodes, edges and graphs.

        A model is not bound to the sizes that it is built with, and its `summary` shows
        those of its layers.
        """

        def opened(part, kept):
            if isinstance(part, dict):
                return {name: (None, *shape[1:]) for name, shape in part.items()}
            if part is None or is_list(part):
                return part and [opened(shape, kept) for shape in part]
            widths = tuple(part[len(part) - kept :])
            return (None,) * (len(part) - kept) + widths

        return dataclasses.replace(
            self,
            x=opened(self.x, 1),
            adjacency=opened(self.adjacency, 0),
            graph=opened(self.graph, 1),
            edge_features=opened(self.edge_features, 1),
            membership=opened(self.membership, 0),
            assignments=tuple(opened(s, 1) for s in self.assignments),
            pairs=opened(self.pairs, 1),
        )

    def for_layer(self, x: Any = None, number: int = 0) -> Any:
        """Returns the inputs of the convolution `number` on the same graph.

        Args:
            x: New features. None to keep the present ones.
            number: The position of the adjacency and of the edge features, if there is
                a list of them.
        """
        adjacency, edge_features = (
            part[number] if is_list(part) else part
            for part in (self.adjacency, self.edge_features)
        )
        parts = dataclasses.replace(
            self,
            adjacency=adjacency,
            edge_features=edge_features,
            membership=None,
            assignments=(),
            pairs=None,
        )
        if x is not None:
            parts = dataclasses.replace(parts, x=x, x_receivers=None, is_pair=False)
        return parts.to_inputs()

    def for_readout(self, x: Any) -> Any:
        """Returns the inputs of a readout of features `x` of the same nodes."""
        membership = self.membership if self.graph is None else self.graph
        return x if membership is None else [x, membership]


def parse(
    inputs: Any, optional: str | None = None, num_assignments: int = 0
) -> GraphInputs:
    """Returns the parts of the inputs of a layer or model over graphs.

    Args:
        inputs: What the layer was called with, or its shapes.
        optional: The part that may follow the graph: "edge_features", "pairs" or
            "membership"; None if nothing may.
        num_assignments: The number of assignments to clusters, at the end.

    Raises:
        ValueError: If the inputs have another form.
    """
    parts = _parts(inputs)
    end = max(len(parts) - num_assignments, 0)
    parts, assignments = parts[:end], tuple(parts[end:])
    x: Any = None
    graph: Any = None
    last: list[Any] = []
    by_node_set = bool(parts) and _is_by_node_set(parts[0])
    if parts and graph_tensor.is_components(parts[0]):
        graph, *last = parts
    elif len(parts) > 1 and parts[0] is not None and not by_node_set:
        x, graph, *last = parts
    # A GraphTensor already says which node is in which graph.
    tells = optional == "membership" and isinstance(graph, dict)
    if graph is None or len(last) > (optional is not None and not tells):
        given = (
            f", then an assignment for each of the {num_assignments} poolings, `s` as "
            "the last of the inputs"
        )
        one_set = ' Of features by node set, pass those of one: `[h["papers"], graph]`.'
        no_features = (
            " If these are batches of a `Graph` with `edge_features`, which this does "
            "not use, leave them out: `graph.replace(edge_features=None)`."
        )
        alone = (
            " Each layer takes the graph anew. `keras.Sequential` hands on only the "
            "features: write a functional model, `keras.Model([x, adjacency], y)`."
        )
        hint = one_set if by_node_set else ""
        if len(parts) == 1 and not isinstance(parts[0], dict):
            hint = alone
        if x is not None and last and optional != "edge_features":
            hint += no_features
        raise ValueError(
            f"Expected the inputs to be {_FORMS[optional]}"
            f"{given if num_assignments else ''}, passed as one argument."
            f"{hint} Received: {described(inputs)}"
        )
    is_pair = is_list(x)
    if is_pair and len(x) != 2:
        raise ValueError(
            "Expected a pair `(x_senders, x_receivers)` of features. "
            f"Received: {described(x)}"
        )
    x, x_receivers = x if is_pair else (x, None)
    adjacency, graph = (None, graph) if isinstance(graph, dict) else (graph, None)
    named = {optional: last[0]} if optional and last else {}
    return GraphInputs(
        x,
        adjacency,
        graph,
        x_receivers,
        assignments=assignments,
        is_pair=is_pair,
        **named,
    )


def parse_nodes(inputs: Any) -> GraphInputs:
    """Returns the parts of the inputs of a readout, which needs no edges.

    Args:
        inputs: `[x, graph_ids]`, `[x, mask]`, `x`, `[x, graph]` or `graph`, or shapes.

    Raises:
        ValueError: If the inputs have another form.
    """
    parts = _parts(inputs)
    if len(parts) == 1 and isinstance(parts[0], dict):
        return GraphInputs(None, graph=parts[0])
    if len(parts) > 2 or isinstance(parts[0], dict):
        raise ValueError(
            "Expected the inputs to be `[x, graph_ids]`, `[x, mask]`, `x`, `[x, "
            f"graph]` or `graph`. Received: {described(inputs)}"
        )
    x, membership = (*parts, None)[:2]
    if isinstance(membership, dict):
        return GraphInputs(x, graph=membership)
    return GraphInputs(x, membership=membership)


def parse_node_sets(inputs: Any, feature_name: str) -> tuple[dict, dict]:
    """Takes the inputs of a layer or model over many node sets apart.

    Args:
        inputs: `graph`, or `[features_by_node_set, graph]` with a dict, or shapes.
        feature_name: The node feature that a `graph` alone has `x` in.

    Returns:
        The features by node set, without those that have none; and the dict of the
        graph's components.

    Raises:
        ValueError: If the inputs have another form, or there are features of a node set
            that the graph lacks.
    """
    *features, graph = _parts(inputs) or [None]
    given = len(features) == 1 and _is_by_node_set(features[0])
    if not graph_tensor.is_components(graph) or len(features) != given:
        raise ValueError(
            "Expected the inputs to be `graph`, or `[features, graph]` with a dict of "
            "features by node set, passed as one argument. "
            f"Received: {described(inputs)}"
        )
    names = sorted(graph_tensor.set_names(graph, "nodes"))
    if not given:
        keys = {name: f"nodes.{name}.{feature_name}" for name in names}
        return {name: graph[key] for name, key in keys.items() if key in graph}, graph
    unknown = sorted(set(features[0]) - set(names))
    if unknown:
        raise ValueError(
            f"Expected features of the graph's node sets, {names}. "
            f"Received: features of {unknown}"
        )
    return features[0], graph


def _is_by_node_set(part: Any) -> bool:
    """Whether it is a dict of features by node set, not one of a graph's components."""
    return isinstance(part, dict) and not graph_tensor.is_components(part)


def is_list(inputs: Any) -> bool:
    """Whether `inputs` is a list of parts, adjacencies or shapes. A shape is none."""
    return isinstance(inputs, (list, tuple)) and not all(
        isinstance(size, int | None) for size in inputs
    )


def symbolic(shapes: Any) -> Any:
    """Returns symbolic tensors of the given shapes, to build inner layers with.

    Args:
        shapes: A shape; a dict of the shapes of a GraphTensor's components; or a list
            of these, in which an `[N, N]` after an `[N, F]` is sparse.
    """
    if isinstance(shapes, dict):
        return {
            name: keras.KerasTensor(shape, "int64" if ".-" in name else "float32")
            for name, shape in shapes.items()
        }
    if all(isinstance(size, int | None) for size in shapes):
        return keras.KerasTensor(shapes)
    tensors = [symbolic(shape) for shape in shapes]
    if [len(shape) for shape in shapes[:2]] == [2, 2] and isinstance(shapes[1], tuple):
        tensors[1] = keras.KerasTensor(shapes[1], sparse=True)
    return tensors


def only_shapes_matter() -> bool:
    """Whether Keras calls a layer to learn the shapes of its outputs.

    To build a subclassed model that it loads, Keras calls it with dense floats in the
    place of all tensors, also of sparse ones and of integers.
    """
    with keras.SymbolicScope() as scope:
        return scope.original_scope is not None


def as_integers(tensor: tf.Tensor) -> tf.Tensor:
    """Returns integers, for what Keras has floats in the place of."""
    return tf.cast(tensor, tf.int64) if only_shapes_matter() else tensor


def given_adjacency(parts: GraphInputs) -> Features:
    """Returns the adjacency, sparse if edge features have a row for each entry."""
    is_dense = not isinstance(parts.adjacency, tf.SparseTensor)
    edge_features = parts.edge_features
    of_entries = edge_features is not None and len(edge_features.shape) == 2
    if is_dense and of_entries and only_shapes_matter():
        return tf.sparse.from_dense(parts.adjacency)
    return parts.adjacency


def check_no_edge_list(adjacency: Features) -> None:
    """Raises a `ValueError` if a list of edges is given as a dense adjacency."""
    shape, is_integer = tuple(adjacency.shape), tf.as_dtype(adjacency.dtype).is_integer
    if isinstance(adjacency, tf.SparseTensor) or not is_integer or len(shape) != 2:
        return
    if None in shape or shape[0] == shape[1]:
        return
    raise ValueError(
        "Expected a dense adjacency of integers to be square. A list of edges is no "
        "adjacency: `tfgraph.data.Graph(x, edges).to_sparse_tensor()` makes one of "
        "`edges` of shape `[E, 2]`, rows (source, target); transpose those of shape "
        f"`[2, E]`. Received: adjacency.shape={shape}"
    )


def check_tensors(inputs: Any) -> None:
    """Raises a `ValueError` if a layer cannot take a part of the inputs.

    Keras would say only that it takes tensors.
    """
    for part in keras.tree.flatten(inputs):
        if _is_tensor(part):
            continue
        raise ValueError(
            "Expected the inputs to be `[x, adjacency]`, `[x, graph]` or `graph` of "
            f"tensors, NumPy arrays and GraphTensors. {_conversion(part)} "
            f"Received: {described(inputs)}"
        )


def _is_tensor(part: Any) -> bool:
    # Objects of libraries that are not imported here are known by their attributes.
    is_foreign = hasattr(part, "tocoo") or hasattr(part, "to_numpy")
    if part is None:
        return True
    return hasattr(part, "dtype") and not is_foreign


def _conversion(part: Any) -> str:
    """The sentence that says how to make tensors of an object."""
    if arguments.is_hetero_graph(part):
        return (
            "For a `HeteroGraph`, pass `graph.to_graph_tensor()`; "
            "`tfgraph.data.full_batch(graph)` is for `fit` and `predict`."
        )
    if hasattr(part, "to_sparse_tensor"):
        return (
            "For a `Graph`, pass `[graph.dense_features(), "
            "graph.to_sparse_tensor()]`; "
            "`tfgraph.data.full_batch(graph)` is for `fit` and `predict`."
        )
    if hasattr(part, "to_numpy"):
        return "`frame.to_numpy()` converts a pandas frame."
    return arguments.conversion("graph", part, ".to_sparse_tensor()")


def described(inputs: Any) -> str:
    """Says what inputs are: types and shapes, not the numbers."""
    if isinstance(inputs, dict):
        return "{" + ", ".join(f"{k}: {described(v)}" for k, v in inputs.items()) + "}"
    if is_list(inputs):
        return "[" + ", ".join(described(part) for part in inputs) + "]"
    if inputs is None or isinstance(inputs, (tuple, list, *_NUMBERS)):
        return repr(inputs)
    shape = getattr(inputs, "shape", None)
    name = type(inputs).__name__
    return name if shape is None else f"{name} of shape {_tuple(shape)}"


def _tuple(shape):
    return shape if getattr(shape, "rank", 0) is None else tuple(shape)


def _parts(inputs: Any) -> list:
    """The parts of the inputs, with dicts in the place of GraphTensors."""
    parts = list(inputs) if is_list(inputs) else [inputs]
    if any(arguments.is_hetero_graph(part) for part in parts):
        check_tensors(parts)
    return [
        graph_tensor.to_components(part) if hasattr(part, "node_sets") else part
        for part in parts
    ]


@contextlib.contextmanager
def named_errors(label: str) -> Iterator[None]:
    """Context in which a `ValueError` begins with the label of a layer or model."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{label}: {error}") from None

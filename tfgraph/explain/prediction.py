"""A prediction as a function of the features and of the weights of the edges."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments
from tfgraph import inputs as graph_inputs
from tfgraph.data import Graph
from tfgraph.explain.explanation import Explanation
from tfgraph.explain.targets import OUTPUTS, Target, target_of
from tfgraph.graph_tensor import Fields, set_names
from tfgraph.inputs import GraphInputs


@dataclasses.dataclass(frozen=True)
class Source:
    """The inputs of a model, with features and edges taken out.

    Attributes:
        parts: The inputs.
        fields: Which parts of a GraphTensor are features and weights.
        edges: Integers `[E, 2]`, rows `(source, target)`.
        weights: float32 `[E]`.
        x: float32 `[N, F]`.
    """

    parts: GraphInputs
    fields: Fields
    edges: np.ndarray
    weights: np.ndarray
    x: np.ndarray

    def inputs_with(
        self, inputs: Any, x: tf.Tensor, indices: tf.Tensor, weights: tf.Tensor
    ) -> Any:
        """Returns inputs with other features and weights.

        Args:
            inputs: Inputs of the form of `parts`.
            x: `[N, F]`.
            indices: int64 `[E, 2]`, (receiver, sender) of each edge.
            weights: `[E]`.
        """
        parts = _parsed(inputs)
        if parts.graph is not None:
            return self._graph_with(parts, x, weights)
        if isinstance(parts.x, tf.SparseTensor):
            x = tf.sparse.from_dense(x)
        adjacency: Any = parts.adjacency
        weights = _cast(weights, adjacency.dtype)
        if isinstance(adjacency, tf.SparseTensor):
            adjacency = tf.SparseTensor(indices, weights, adjacency.dense_shape)
        else:
            adjacency = tf.scatter_nd(
                indices, weights, tf.shape(adjacency, out_type=tf.int64)
            )
        return dataclasses.replace(parts, x=x, adjacency=adjacency).to_inputs()

    def _graph_with(self, parts, x, weights):
        nodes = self.fields.node_set(parts.graph)
        key = _weight_key(self.fields, parts.graph)
        graph = dict(parts.graph)
        if key in graph:
            shape = tf.shape(graph[key])
            graph[key] = _cast(tf.reshape(weights, shape), graph[key].dtype)
        if parts.x is None:
            graph[f"nodes.{nodes}.{self.fields.feature_name}"] = x
            return dataclasses.replace(parts, graph=graph).to_inputs()
        return dataclasses.replace(parts, x=x, graph=graph).to_inputs()

    def tensors(self) -> tuple[Any, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the arguments of `inputs_with` that give the inputs themselves."""
        return (
            self.parts.to_inputs(),
            tf.constant(self.x),
            tf.constant(self.edges[:, ::-1], tf.int64),
            tf.constant(self.weights),
        )

    def ends_of(self, index: int, num_rows: int) -> tuple[int, ...]:
        """Returns the nodes that a row of the output is about; none for a graph."""
        if self.parts.pairs is not None:
            return tuple(np.asarray(self.parts.pairs[index]).tolist())
        if self.parts.membership is not None or num_rows != len(self.x):
            return ()
        return (index,)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One row of a model's output.

    Attributes:
        source: The inputs, or the part of them within some hops.
        call: Returns the row, given inputs, features, indices, weights and its number.
        index: The row in the output of `source`.
        can_matter: Booleans `[E]`, False for an edge beyond the last hop.
        target: What is explained of it.
        number: The explained number.
        edge_numbers, node_numbers: The place of each edge and node in the whole graph.
        explanation: What is known of the explanation, with zeros for importances.
    """

    source: Source
    call: Callable
    index: int
    can_matter: np.ndarray
    target: Target
    number: float
    edge_numbers: np.ndarray
    node_numbers: np.ndarray
    explanation: Explanation

    def row(self, x: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Returns the row of the output, `[C]`, of other features and weights."""
        inputs = self.source.parts.to_inputs()
        indices = tf.constant(self.source.edges[:, ::-1], tf.int64)
        return self.call(inputs, x, indices, weights, tf.constant(self.index))

    def gradients(self, x: Any, weights: Any) -> tuple[np.ndarray, np.ndarray]:
        """Returns the gradients of the number with respect to `x` and `weights`.

        Raises:
            ValueError: If the model takes no account of the weights.
        """
        x, weights = (tf.constant(value, tf.float32) for value in (x, weights))
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            number = self.target.number(self.row(x, weights))
        of_x, of_weights = tape.gradient(number, [x, weights])
        if of_weights is None:
            raise ValueError(
                "Expected a model that depends on the weights of edges. For a "
                "GraphTensor, make its layers and the graph with weights, "
                '`edge_weight_name="weight"`, or pass `[x, adjacency]`. The '
                'aggregators "max_pool" and "lstm" count neighbours of any weight '
                "alike. Received: a model without a gradient of the weights"
            )
        of_x = tf.zeros_like(x) if of_x is None else tf.convert_to_tensor(of_x)
        return of_x.numpy(), tf.convert_to_tensor(of_weights).numpy()

    def explained(self, edges: np.ndarray, features: np.ndarray) -> Explanation:
        """Returns the explanation of the whole graph.

        Args:
            edges: The importance of each edge of `source`.
            features: `[F]`, or `[N, F]` of the nodes of `source`.
        """
        of_edges = self.explanation.edge_importance.copy()
        of_edges[self.edge_numbers] = np.where(self.can_matter, edges, 0)
        if features.ndim == 2:
            of_nodes = np.zeros(
                (self.explanation.num_nodes, features.shape[1]), np.float32
            )
            of_nodes[self.node_numbers] = features
            features = of_nodes
        return dataclasses.replace(
            self.explanation, edge_importance=of_edges, feature_importance=features
        )


def explain_each(
    explain: Callable[[Prediction], Explanation],
    model: keras.Model,
    inputs: Any,
    index: int | Sequence[int],
    target: int | None,
    outputs: str,
    hops: int | None,
    fields: Fields,
) -> Explanation | list[Explanation]:
    """Returns the explanation of a row, or a list for a list of rows.

    Args:
        explain: Explains one prediction.
        model, inputs, index, target, outputs, hops: As in `gnn_explainer`.
        fields: As in `Source`.
    """
    arguments.check_choice("outputs", outputs, OUTPUTS)
    source = source_of(inputs, fields)
    output = output_of(model, source)
    rows = output(*source.tensors()).numpy()
    call = _traced(output, source)
    single = arguments.is_integer(index) or not hasattr(index, "__iter__")
    numbers: Any = [index] if single else index
    explanations = []
    for number in [_checked_index(number, len(rows)) for number in numbers]:
        prediction = _prediction(source, call, rows, number, target, outputs)
        if hops is not None:
            prediction = _within(prediction, arguments.checked_integer("hops", hops))
        explanations.append(explain(prediction))
    return explanations[0] if single else explanations


def source_of(inputs: Any, fields: Fields) -> Source:
    """Returns the `Source` of the argument `inputs`.

    Raises:
        ValueError: If the inputs have another form, or there is not one graph.
    """
    if isinstance(inputs, Graph):
        parts = GraphInputs(
            inputs.dense_features(),
            inputs.to_sparse_tensor(),
            edge_features=inputs.edge_features,
        )
        inputs = parts.to_inputs()
    parts = _parsed(inputs)
    if parts.is_pair or graph_inputs.is_list(parts.adjacency):
        raise ValueError(
            "Expected `inputs` to be of one node set and one adjacency. "
            f"Received: {graph_inputs.described(inputs)}"
        )
    if parts.graph is not None:
        sets = [set_names(parts.graph, name) for name in ("nodes", "edges")]
        if [len(names) for names in sets] != [1, 1]:
            raise ValueError(
                "Expected a GraphTensor of one node set and one edge set: an "
                "explanation says nothing of several. "
                f"Received: node sets {sets[0]}, edge sets {sets[1]}"
            )
        x = parts.x
        if x is None:
            x = fields.node_features(parts.graph)
        unweighted = Fields(None, None, fields.feature_name, None)
        source, target = unweighted.edges(parts.graph)[:2]
        weights = parts.graph.get(_weight_key(fields, parts.graph))
        edges = np.stack([source, target], axis=1)
    else:
        parts = _as_tensors(parts)
        x = parts.x
        adjacency: Any = parts.adjacency
        if not isinstance(adjacency, tf.SparseTensor):
            _check_one_graph(x, adjacency)
            adjacency = tf.sparse.from_dense(adjacency)
        _check_one_graph(x, adjacency)
        edges, weights = adjacency.indices.numpy()[:, ::-1], adjacency.values
    if isinstance(x, tf.SparseTensor):
        x = tf.sparse.to_dense(tf.sparse.reorder(x))
    return Source(
        parts,
        fields,
        edges,
        np.ones(len(edges), np.float32)
        if weights is None
        else np.asarray(weights, np.float32).reshape(-1),
        np.asarray(x, np.float32),
    )


def output_of(model: keras.Model, source: Source) -> Callable:
    """Returns the function that computes a model's output `[R, C]`.

    It takes inputs of the form of `source`, and `x`, `indices` and `weights` as
    `Source.inputs_with` does.

    Raises:
        ValueError: If `model` is not a built model. The function raises one if there
            is not one output `[R]` or `[R, C]`.
    """
    if not isinstance(model, keras.Model):
        raise arguments.wrong_object("model", "a keras.Model", model, "")
    if not model.built:
        raise ValueError(
            "Expected `model` to be built. Train it, or call it once: "
            f"`model(inputs)`. Received: the model '{model.name}', not built"
        )

    def output(inputs, x, indices, weights):
        y = model(source.inputs_with(inputs, x, indices, weights), training=False)
        if not tf.is_tensor(y) or y.shape.rank not in (1, 2):
            raise ValueError(
                "Expected `model` to have one output, of shape `[N]` or `[N, C]` with "
                "a row for each node, pair or graph. Make a `keras.Model` of the one "
                f"to explain. Received: {graph_inputs.described(y)}"
            )
        return tf.cast(y[:, None] if y.shape.rank == 1 else y, tf.float32)

    return output


def _traced(output, source):
    """The function that returns a row of the output, for graphs of any size."""

    def row(inputs, x, indices, weights, index):
        return output(inputs, x, indices, weights)[index]

    parts = source.parts
    specs = {
        "x": _spec(parts.x, parts.x is not None),
        "adjacency": _spec(parts.adjacency),
        "edge_features": _spec(parts.edge_features, True),
        "membership": _spec(parts.membership),
        "pairs": _spec(parts.pairs, True),
    }
    if parts.graph is not None:
        specs["graph"] = {name: _spec(part, True) for name, part in parts.graph.items()}
    return tf.function(row, autograph=False).get_concrete_function(
        dataclasses.replace(parts, **specs).to_inputs(),
        tf.TensorSpec([None, source.x.shape[1]]),
        tf.TensorSpec([None, 2], tf.int64),
        tf.TensorSpec([None]),
        tf.TensorSpec([], tf.int32),
    )


def _spec(part, has_width=False):
    """The type of tensors of any size, but for the width of features."""
    if part is None:
        return None
    shape = [None] * len(part.shape)
    if has_width and len(shape) > 1:
        shape[-1] = part.shape[-1]
    if isinstance(part, tf.SparseTensor):
        return tf.SparseTensorSpec(shape, part.dtype)
    if tf.is_tensor(part):
        return tf.TensorSpec(shape, part.dtype)
    return tf.type_spec_from_value(part)  # ragged features of a GraphTensor


def _prediction(source, call, rows, index, target, outputs):
    chosen = target_of(rows[index], target, outputs)
    number = float(chosen.number(tf.constant(rows[index])))
    num_nodes, num_edges = len(source.x), len(source.edges)
    explanation = Explanation(
        source.edges,
        np.zeros(num_edges, np.float32),
        np.zeros(source.x.shape[1], np.float32),
        index,
        chosen.column,
        outputs,
        number,
        source.ends_of(index, len(rows)),
        num_nodes,
    )
    return Prediction(
        source,
        call,
        index,
        np.ones(num_edges, bool),
        chosen,
        number,
        np.arange(num_edges),
        np.arange(num_nodes),
        explanation,
    )


def _within(prediction, hops):
    """Returns a prediction of the part of the graph that its number depends on.

    One hop more than the messages go: a normalised layer needs the degrees of the last
    senders.

    Raises:
        ValueError: If the number is another one, or the inputs cannot be cut.
    """
    source, roots = prediction.source, prediction.explanation.nodes
    if not roots or source.parts.graph is not None:
        raise ValueError(
            "Expected `hops` with the prediction of a node or pair of `[x, adjacency]` "
            f"only; pass None for a GraphTensor or a whole graph. Received: hops={hops}"
        )
    sender, receiver = source.edges.T
    inner = near = np.isin(np.arange(len(source.x)), roots)
    for _ in range(hops):
        inner, near = near, near.copy()
        near[sender[inner[receiver]]] = True
    kept = np.flatnonzero(near[receiver])
    near[sender[kept]] = True
    nodes = np.flatnonzero(near)
    cut = _cut(source, nodes, kept, prediction.index)
    smaller = dataclasses.replace(
        prediction,
        source=cut,
        index=0
        if source.parts.pairs is not None
        else int(nodes.searchsorted(roots)[0]),
        can_matter=inner[receiver[kept]],
        edge_numbers=kept,
        node_numbers=nodes,
    )
    _, x, _, weights = cut.tensors()
    number = smaller.target.number(smaller.row(x, weights))
    if abs(float(number) - prediction.number) > 1e-3 * max(abs(prediction.number), 1):
        raise ValueError(
            "Expected `hops` to be the number of layers of messages, or more. "
            f"Received: hops={hops}, within which the prediction is "
            f"{float(number):.4g} rather than {prediction.number:.4g}"
        )
    return smaller


def _cut(source, nodes, kept, index):
    """The `Source` of some nodes and edges."""
    parts = source.parts
    edges = nodes.searchsorted(source.edges[kept])
    weights, x = source.weights[kept], source.x[nodes]
    size = len(nodes)
    is_sparse = isinstance(parts.adjacency, tf.SparseTensor)
    dtype = parts.adjacency.dtype
    adjacency: Any = tf.zeros([size, size], dtype)
    is_sparse_x = isinstance(parts.x, tf.SparseTensor)
    edge_features = parts.edge_features
    if is_sparse:
        values = tf.cast(weights, dtype)
        adjacency = tf.SparseTensor(edges[:, ::-1].astype(np.int64), values, [size] * 2)
        if edge_features is not None:
            edge_features = tf.gather(edge_features, kept)
    elif edge_features is not None:
        edge_features = tf.gather(tf.gather(edge_features, nodes), nodes, axis=1)
    pairs = parts.pairs
    if pairs is not None:
        pairs = tf.constant(nodes.searchsorted(pairs[index : index + 1]), pairs.dtype)
    parts = dataclasses.replace(
        parts,
        x=tf.sparse.from_dense(x) if is_sparse_x else tf.constant(x),
        adjacency=adjacency,
        edge_features=edge_features,
        pairs=pairs,
    )
    return dataclasses.replace(source, parts=parts, edges=edges, weights=weights, x=x)


def _parsed(inputs):
    """The parts of inputs, of which the last is known by its type and shape."""
    last = inputs[-1] if graph_inputs.is_list(inputs) else None
    optional = None
    if graph_inputs.is_list(inputs) and _has_optional(inputs):
        rank, dtype = len(last.shape), tf.as_dtype(last.dtype)
        optional = "membership" if rank == 1 else "edge_features"
        if rank == 2 and dtype.is_integer:
            optional = "pairs"
    return graph_inputs.parse(inputs, optional)


def _has_optional(inputs):
    first_is_graph = isinstance(inputs[0], dict) or hasattr(inputs[0], "node_sets")
    return len(inputs) == (2 if first_is_graph else 3) and hasattr(inputs[-1], "shape")


def _as_tensors(parts):
    """The parts with tensors in the place of arrays."""
    named = ("x", "adjacency", "edge_features", "membership", "pairs")
    given = {name: getattr(parts, name) for name in named}
    return dataclasses.replace(
        parts,
        **{
            name: value
            if value is None or isinstance(value, tf.SparseTensor)
            else tf.convert_to_tensor(value)
            for name, value in given.items()
        },
    )


def _check_one_graph(x, adjacency):
    shapes = tuple(x.shape), tuple(adjacency.shape)
    if len(shapes[0]) != 2 or len(shapes[1]) != 2:
        raise ValueError(
            "Expected one graph, `x` of shape `[N, F]` and an adjacency `[N, N]`. "
            "`tfgraph.data.disjoint_union` makes one graph of several. Of many signals "
            "`[..., N, F]`, explain one: its features `[N, F]`, by a model of these. "
            f"Received: x.shape={shapes[0]}, adjacency.shape={shapes[1]}"
        )


def _checked_index(index, num_rows):
    index = arguments.checked_integer("index", index, 0)
    if index >= num_rows:
        raise ValueError(
            f"Expected `index` to be below {num_rows}, the number of rows of the "
            f"output. Received: index={index}"
        )
    return index


def _cast(weights, dtype):
    """The weights in the type of the inputs; integers would round a mask off."""
    return tf.cast(weights, dtype) if dtype.is_floating else weights


def _weight_key(fields, graph):
    """The name of the component with the weights of the edges."""
    (edge_set,) = set_names(graph, "edges")
    return f"edges.{edge_set}.{fields.edge_weight_name}"

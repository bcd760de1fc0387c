"""The rows of a model's output, each of which is explained."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments
from tfgraph import inputs as graph_inputs
from tfgraph.data import Graph
from tfgraph.explain.explanation import Explanation, HeteroExplanation
from tfgraph.explain.graph_tensor_source import graph_tensor_source
from tfgraph.explain.neighborhood import within
from tfgraph.explain.prediction import Prediction
from tfgraph.explain.sources import Source, adjacency_source, parsed
from tfgraph.explain.targets import OUTPUTS, target_of
from tfgraph.graph_tensor import Fields
from tfgraph.inputs import GraphInputs


def explain_each(
    explain: Callable[[Prediction], Explanation | HeteroExplanation],
    model: keras.Model,
    inputs: Any,
    index: int | Sequence[int],
    target: int | None,
    outputs: str,
    hops: int | None,
    fields: Fields,
) -> Any:
    """Returns the explanation of a row, or a list for a list of rows.

    Args:
        explain: Explains one prediction.
        model, inputs, index, target, outputs, hops: As in `gnn_explainer`.
        fields: As in `source_of`.
    """
    arguments.check_choice("outputs", outputs, OUTPUTS)
    source = source_of(inputs, fields)
    output = output_of(model, source)
    with naming_the_form(inputs):
        rows = output(*source.tensors()).numpy()
    call = _traced(output, source)
    single = np.ndim(index) == 0
    numbers: Any = [index] if single else index
    explanations = []
    for number in [_checked_index(number, len(rows)) for number in numbers]:
        chosen = target_of(rows[number], target, outputs)
        explained = float(chosen.number(tf.constant(rows[number])))
        prediction = Prediction(
            source,
            source,
            call,
            number,
            np.ones(len(source.edges), bool),
            chosen,
            explained,
            about={
                "index": number,
                "target": chosen.column,
                "outputs": outputs,
                "prediction": explained,
                "nodes": source.nodes_of(model, number, len(rows)),
            },
        )
        if hops is not None:
            prediction = within(prediction, arguments.checked_integer("hops", hops))
        explanations.append(explain(prediction))
    return explanations[0] if single else explanations


def source_of(inputs: Any, fields: Fields) -> Source:
    """Returns the `Source` of the argument `inputs`.

    Args:
        inputs: What the model is called with, or a `Graph` or `HeteroGraph`.
        fields: Which parts of a GraphTensor are features and weights.

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
    elif graph_inputs.is_list(inputs):
        inputs = [_as_graph_tensor(part) for part in inputs]
    parts = parsed(_as_graph_tensor(inputs))
    if parts.is_pair or graph_inputs.is_list(parts.adjacency):
        raise ValueError(
            "Expected `inputs` to be of one node set and one adjacency, or a "
            f"GraphTensor. Received: {graph_inputs.described(inputs)}"
        )
    if parts.graph is not None:
        return graph_tensor_source(parts, fields)
    return adjacency_source(parts)


@contextlib.contextmanager
def naming_the_form(inputs: Any) -> Iterator[None]:
    """Context in which the error of a model that takes no `Graph` names other forms.

    Args:
        inputs: What was passed to be explained.
    """
    try:
        yield
    except ValueError as error:
        if not isinstance(inputs, Graph):
            raise
        last = "" if inputs.edge_features is None else ", edge_features"
        raise ValueError(
            "Expected `inputs` as `model` is called. A `Graph` stands for "
            f"`[x, adjacency{last}]`. A model of whole graphs takes `[x, adjacency, "
            "graph_ids]`, with `graph_ids` 0 for each node of one graph. One of pairs "
            "takes `[x, adjacency, pairs]`, and one over a GraphTensor "
            "`graph.to_graph_tensor()`. "
            f"Received: inputs={inputs}, for which `model` raises: {error}"
        ) from None


def _as_graph_tensor(part):
    return part.to_graph_tensor() if arguments.is_hetero_graph(part) else part


def output_of(model: keras.Model, source: Source) -> Callable:
    """Returns the function that computes a model's output `[R, C]`.

    It takes what `Source.call` does after the model.

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
        y = source.call(model, inputs, x, indices, weights)
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

    return tf.function(row, autograph=False).get_concrete_function(
        *source.specs(), tf.TensorSpec([], tf.int32)
    )


def _checked_index(index, num_rows):
    index = arguments.checked_integer("index", index, 0)
    if index >= num_rows:
        raise ValueError(
            f"Expected `index` to be below {num_rows}, the number of rows of the "
            f"output. Received: index={index}"
        )
    return index

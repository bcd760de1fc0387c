"""Requests that hold the columns of a table in place of features."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph.export.requests import Input

_TAKEN = {"edges", "weights", "edge_features", "graph_ids"}


def column_inputs(
    preprocessing: Any, x_shape: tuple[int | str, ...], max_rows: int | None
) -> list[Input]:
    """Returns what a request holds for each input of a preprocessing model.

    Args:
        preprocessing: The argument.
        x_shape: The shape of the features that the served model takes.
        max_rows: The most rows in a request, or None.

    Raises:
        ValueError: If it is no functional model of columns, or makes other features.
            Also if the model takes many signals.
    """
    if len(x_shape) != 2:
        raise ValueError(
            "Expected `preprocessing` with a model of features [N, F] only, as a "
            "table has one row for each node. Received: a model of signals of shape "
            f"[{', '.join(map(str, x_shape))}]"
        )
    num_features = x_shape[1]
    if not isinstance(preprocessing, keras.Model) or not getattr(
        preprocessing, "inputs", None
    ):
        raise ValueError(
            "Expected `preprocessing` to be a functional keras.Model over columns. "
            f"Received: preprocessing={preprocessing!r}"
        )
    names = [tensor.name for tensor in preprocessing.inputs]
    if _TAKEN & set(names):
        raise ValueError(
            f"Expected inputs of `preprocessing` of other names than {sorted(_TAKEN)}. "
            f"Received: inputs {names}"
        )
    shapes = [tuple(tensor.shape) for tensor in preprocessing.inputs]
    made = [tuple(tensor.shape) for tensor in preprocessing.outputs]
    if made != [(None, num_features)]:
        raise ValueError(
            f"Expected `preprocessing` to make features of shape [N, {num_features}], "
            f"which `model` takes. Received: outputs of shape {made}"
        )
    for name, shape in zip(names, shapes, strict=True):
        if len(shape) not in (1, 2) or shape[0] is not None or None in shape[1:]:
            raise ValueError(
                "Expected inputs of `preprocessing` of shape [N], [N, 1] or [N, D]. "
                f"Received: the input {name!r} of shape {shape}"
            )
    return [
        Input(
            tensor.name,
            tf.as_dtype(tensor.dtype),
            ("N",) if shape[1:] == (1,) else ("N", *shape[1:]),
            max_rows=max_rows,
        )
        for tensor, shape in zip(preprocessing.inputs, shapes, strict=True)
    ]


def features_of_columns(
    preprocessing: keras.Model, columns: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Returns the features of the columns of a request."""
    columns = [
        tf.reshape(column, [-1, *expected.shape[1:]])
        for column, expected in zip(columns, preprocessing.inputs, strict=True)
    ]
    structure = getattr(preprocessing, "input", None)  # a Sequential may have none
    if structure is None:
        [inputs] = columns
    else:
        inputs = keras.tree.pack_sequence_as(structure, columns)
    return preprocessing(inputs, training=False)

"""What the `from_pandas` and `to_pandas` of graphs share: columns of frames."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import received
from tfgraph.data.graphs.conversions import optional_import
from tfgraph.data.graphs.fields import (
    MASKS,
    are_classes,
    check_finite,
    checked_nodes,
    finite_float32,
    real_array,
)
from tfgraph.data.graphs.hetero_arguments import wrong
from tfgraph.inputs import named_errors

if TYPE_CHECKING:
    import pandas

    from tfgraph.data.graphs.node_fields import NodeFields

# The arguments that name the columns of the ends of edges.
END_COLUMNS = ("source_column", "target_column")


def node_fields(
    name: str, frame: Any, id_column: Any = None, label_column: Any = None
) -> dict[str, Any]:
    """Returns the arguments of a `NodeSet` that a frame of nodes holds.

    Args:
        name: The argument that the frame was passed for.
        frame: The frame.
        id_column: The column of ids. None for the index.
        label_column: The column of labels, or a list of several. None for "y", if there
            is one.
    """
    check_frame(name, frame)
    ids = _ids(frame, id_column)
    fields = {mask: frame[mask].to_numpy() for mask in MASKS if mask in frame.columns}
    taken = [column for column in (id_column,) if column is not None] + list(fields)
    if label_column is None and "y" in frame.columns:
        label_column = "y"
    if isinstance(label_column, list):
        fields |= _several_labels(frame, label_column)
        taken += label_column
    elif label_column is not None:
        labels = _labels(column_of(frame, "label_column", label_column))
        with named_errors(f"Column {label_column!r}"):
            if labels["y"].dtype.kind == "f":
                check_finite("y", labels["y"])
        fields |= labels
        taken.append(label_column)
    x, columns = numbers_and_others("x", frame.drop(columns=taken))
    return {"x": x, "ids": ids, "columns": columns, "num_nodes": len(frame), **fields}


def _ids(frame, id_column) -> np.ndarray:
    """Returns the ids in a column, or in the index, of which none may be missing."""
    if id_column is None:
        place, ids = "the index", frame.index.to_numpy()
    else:
        place = f"column {id_column!r}"
        ids = column_of(frame, "id_column", id_column).to_numpy()
    missing = optional_import("pandas", "from_pandas").isna(ids)
    if missing.any():
        raise ValueError(
            f"Expected an id for each node. Received: {place} without id in row "
            f"{missing.argmax()}"
        )
    return ids


def _labels(column) -> dict[str, np.ndarray]:
    """Returns `y`, and `class_names` of a categorical column of strings."""
    missing = column.isna().to_numpy()
    if column.dtype == "category" and column.cat.categories.map(type).isin([str]).all():
        names = column.cat.categories.to_numpy()
        return {"y": column.cat.codes.to_numpy(), "class_names": names}
    y = column.to_numpy()
    if not missing.any():
        return {"y": y}
    known = column[~missing].infer_objects().to_numpy()
    # In pandas, a missing value makes numbers real.
    is_whole = known.dtype.kind == "f" and (known == np.rint(known)).all()
    if is_whole or known.dtype.kind in "iub":
        y = np.full(len(column), -1)
    else:
        y = np.full(len(column), np.nan, object if known.dtype == object else float)
    y[~missing] = known
    return {"y": y}


def _several_labels(frame, names) -> dict[str, Any]:
    """Returns `y [N, C]` of columns of numbers, and their names as `class_names`."""
    if not names or len(set(names)) < len(names):
        raise ValueError(
            "Expected `label_column` to name a column, or a list of distinct ones. "
            f"Received: label_column={names}"
        )
    is_float = optional_import("pandas.api.types", "from_pandas").is_float_dtype
    columns = [column_of(frame, "label_column", name) for name in names]
    known = [column.dropna().infer_objects() for column in columns]
    for column in known:
        if len(column) and not _is_numeric(column):
            raise ValueError(
                "Expected several columns of labels to hold numbers, or booleans, each "
                "for a label of its own. Names of classes can be in one column only. "
                f"Received: {column.name!r} of type {column.dtype}"
            )
    whole = all(
        len(found) == len(frame) and not is_float(found.dtype) for found in known
    )
    dtype = np.int64 if whole else np.float32
    y = np.stack([c.to_numpy(dtype, na_value=np.nan) for c in columns], axis=1)
    return {"y": y, "class_names": [str(name) for name in names]}


def numbers_and_others(
    name: str, frame
) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """Returns the columns of numbers as one array or None, and the others by name.

    Args:
        name: The argument of a graph that the numbers become.
        frame: The columns.
    """
    numbers = [c for c in frame.columns if _is_numeric(frame[c])]
    others = [c for c in frame.columns if c not in numbers]
    columns = {c: frame[c].infer_objects().to_numpy() for c in others}
    if not numbers:
        return None, columns
    array = frame[numbers].to_numpy(dtype=np.float32, na_value=np.nan)
    check_finite(name, array, numbers)
    return array, columns


def weights_of(frame: Any, name: Any) -> np.ndarray:
    """Returns a column of weights, or raises a `ValueError` with its name."""
    column = column_of(frame, "weight_column", name)
    with named_errors(f"Column {name!r}"):
        if not _is_numeric(column):
            return real_array("edge_weight", column.to_numpy())
        weights = column.to_numpy(dtype=np.float32, na_value=np.nan)
        return finite_float32("edge_weight", weights)


def _is_numeric(column) -> bool:
    types = optional_import("pandas.api.types", "from_pandas")
    dtype = column.dtype
    return types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)


def check_frame(name: str, frame: Any) -> None:
    """Raises a `ValueError` if an argument is no frame, or has a column twice."""
    if not hasattr(frame, "iloc") or not hasattr(frame, "columns"):
        raise wrong(name, "a pandas DataFrame", frame)
    if not frame.columns.is_unique:
        raise ValueError(
            f"Expected `{name}` to be a frame with each column once. "
            f"Received: columns {list(frame.columns)}"
        )


def column_of(frame: Any, argument: str, name: Any) -> Any:
    """Returns a column, or raises a `ValueError` with the columns that there are.

    Args:
        frame: The frame.
        argument: The argument that names the column.
        name: What was passed for it.
    """
    if not isinstance(name, Hashable) or name not in frame.columns:
        raise ValueError(
            f"Expected `{argument}` to be one of the columns {list(frame.columns)}. "
            f"{received(argument, name)}"
        )
    return frame[name]


def end_columns(frame: Any, named: list) -> list:
    """Returns the columns of sources and of targets, by default the first two."""
    ends = named or list(frame.columns[:2])
    if len(ends) < 2:
        raise ValueError(
            "Expected a frame with a column of sources and one of targets. "
            f"Received: columns {list(frame.columns)}"
        )
    return ends


def rows_of_column(
    nodes: NodeFields, frame: Any, argument: str, name: Any, id_form: str
) -> Any:
    """Returns the rows of the nodes with the ids in a column.

    Args:
        nodes: The nodes, with ids.
        frame: A frame of edges.
        argument: The argument that names the column.
        name: The column.
        id_form: How a column of ids is named, for the error.
    """
    ids = column_of(frame, argument, name).to_numpy()
    try:
        return nodes.rows(ids)
    except ValueError as error:
        hint = ""
        if np.array_equal(names_of(nodes), np.arange(nodes.num_nodes)):
            hint = f". The ids are row numbers; if a column has them, pass `{id_form}`"
        raise ValueError(f"{error}{hint}") from None


def names_of(nodes: NodeFields) -> np.ndarray:
    """Returns the ids of nodes, or row numbers if there are none."""
    return np.arange(nodes.num_nodes) if nodes.ids is None else nodes.ids


def frame_of_nodes(nodes: NodeFields) -> pandas.DataFrame:
    """Returns labels, masks, features and columns of nodes as a frame."""
    pandas = optional_import("pandas", "to_pandas")
    fields = {name: getattr(nodes, name) for name in ("y", *MASKS)}
    labels = {}
    if nodes.y is not None and nodes.y.ndim == 2:
        fields["y"] = None
        names = [f"y{number}" for number in range(nodes.num_classes)]
        if nodes.class_names is not None:
            names = nodes.class_names.tolist()
        labels = dict(zip(names, nodes.y.T, strict=True))
    x = None if nodes.x is None else nodes.dense_features()
    columns = frame_columns(fields, x, nodes.columns, labels)
    if fields["y"] is not None and nodes.class_names is not None:
        columns["y"] = pandas.Categorical.from_codes(nodes.y, nodes.class_names)
    return pandas.DataFrame(columns, index=names_of(nodes))


def frame_columns(
    fields: Mapping, x: Any, others: Mapping, labels: Mapping | None = None
) -> dict[str, Any]:
    """Returns the columns of a frame.

    Args:
        fields: Arrays or None, by name.
        x: Features, or None.
        others: Further arrays by name.
        labels: Those of several labels, by the names of the classes.
    """
    labels = labels or {}
    features = {} if x is None else {f"x{n}": column for n, column in enumerate(x.T)}
    names = [*fields, *labels, *features, *others]
    taken = sorted({name for name in names if names.count(name) > 1})
    if taken:
        raise ValueError(
            f"Expected `columns` of other names than {[*fields, 'x0', '...']}, which "
            "the frame gives to other parts. So are `class_names` of a `y [N, C]`. "
            f"Received: columns {taken}"
        )
    columns = {name: value for name, value in fields.items() if value is not None}
    columns |= {**labels, **features, **others}
    several = [name for name, value in columns.items() if value.ndim > 1]
    if several:
        raise ValueError(
            "Expected `columns` of one dimension, which a column of a frame holds. "
            f"Received: {several} of more"
        )
    for name, value in others.items():
        if value.dtype.kind in "biufc":
            columns[name] = value.astype(object)
    return columns


def predictions_frame(
    nodes: NodeFields,
    predictions: npt.ArrayLike,
    rows: npt.ArrayLike | None = None,
) -> pandas.DataFrame:
    """Returns what a model predicts as a pandas frame, with a row for each node.

    ```python
    probabilities = model.predict(tfgraph.data.full_batch(graph))
    frame = graph.predictions_frame(probabilities)
    frame.loc[frame["predicted"] == 2]
    frame.to_csv("predictions.csv")
    ```

    The index "id" holds the ids, or row numbers where there are no ids. With classes
    `y [N]`, the column "predicted" has the likeliest class: its name, or its number
    without `class_names`. Columns "probability_..." have the predictions, one for each
    class. One probability alone is that of the second of two classes. With other
    labels, or none, there are only columns "prediction_...".

    Args:
        predictions: Numbers `[N, C]` or `[N]`, as `Model.predict` returns them.
        rows: The nodes that are predicted, if not all: distinct node numbers in the
            order of the predictions, or a mask `[N]`.

    Raises:
        ValueError: If there is not a row for each node or a column for each class, or
            one probability alone is outside of `[0, 1]`, or one of a class is NaN.
        ImportError: If pandas is not installed.
    """
    pandas = optional_import("pandas", "predictions_frame")
    names = names_of(nodes)
    if rows is not None:
        names = names[checked_nodes("rows", rows, nodes.num_nodes)]
    numbers = real_array("predictions", predictions)
    columns = numbers[:, None] if numbers.ndim == 1 else numbers
    if columns.ndim != 2 or len(columns) != len(names):
        raise ValueError(
            f"Expected `predictions` to have a row for each of the {len(names)} nodes. "
            f"Received: predictions with shape={numbers.shape}"
        )
    classes = nodes.y is not None and are_classes(nodes.y)
    if classes:
        columns = _of_each_class(columns, nodes)
    labels: Any = nodes.class_names
    if labels is None or len(labels) != columns.shape[1]:
        labels = np.arange(columns.shape[1])
    kind = "probability" if classes else "prediction"
    frame = {f"{kind}_{label}": columns[:, c] for c, label in enumerate(labels)}
    if classes:
        frame = {"predicted": labels[columns.argmax(axis=1)], **frame}
    return pandas.DataFrame(frame, index=pandas.Index(names, name="id"))


def _of_each_class(columns: np.ndarray, nodes: NodeFields) -> np.ndarray:
    """Returns predictions with a column for each class."""
    num_classes = nodes.num_classes
    missing = np.argwhere(np.isnan(columns)).tolist()
    if missing:
        raise ValueError(
            "Expected `predictions` without NaN, of which no class is the likeliest. "
            f"Received: predictions with nan at index {missing[0]}"
        )
    if columns.shape[1] == 1 and num_classes <= 2:
        if not ((columns >= 0) & (columns <= 1)).all():
            raise ValueError(
                "Expected `predictions` of one column to be probabilities in [0, 1]. "
                f"Received: numbers from {columns.min()} to {columns.max()}"
            )
        return np.concatenate([1 - columns, columns], axis=1)
    too_many = nodes.class_names is not None and columns.shape[1] > num_classes
    if columns.shape[1] < num_classes or too_many:
        raise ValueError(
            f"Expected `predictions` to have a column for each of the {num_classes} "
            f"classes. Received: predictions with {columns.shape[1]} columns"
        )
    return columns

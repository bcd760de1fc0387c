"""The argument `class_weight` of the pipelines: weights of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import is_integer, is_number, received
from tfgraph.data.graphs.fields import are_classes

ClassWeight: TypeAlias = Mapping[int | str, float] | Literal["balanced"]


def checked_class_weight(
    class_weight: ClassWeight | None,
    y: np.ndarray | None,
    class_names: npt.ArrayLike | None = None,
    counted: np.ndarray | slice = slice(None),
) -> np.ndarray | None:
    """Returns the weight of each class, float32 `[C]`, or None.

    Args:
        class_weight: The argument. A dict of weights by number or name of a class, 1
            for classes that it does not name; or "balanced" for M / (K * M_c), with M
            labels of K classes, M_c of them of class c.
        y: All labels, -1 for none; or None without labels.
        class_names: Names of the classes, or None.
        counted: The labels that "balanced" counts: a mask, numbers or a slice.

    Raises:
        ValueError: If it is none of these, it names a class that does not exist, or `y`
            does not hold classes.
    """
    if class_weight is None:
        return None
    if y is None:
        raise ValueError(
            "Expected `class_weight` with labels only. "
            f"{received('class_weight', class_weight)}, without labels"
        )
    if not are_classes(y):
        raise ValueError(
            "Expected class numbers `y` [N] with `class_weight`. "
            f"Received: y with shape={y.shape} and dtype={y.dtype}"
        )
    names = [] if class_names is None else np.asarray(class_names).tolist()
    num_classes = max(len(names), int(y.max(initial=-1)) + 1)
    if isinstance(class_weight, str) and class_weight == "balanced":
        labels = y[counted]
        counts = np.bincount(labels[labels >= 0], minlength=num_classes)
        weights = counts.sum() / (np.maximum(counts, 1) * np.count_nonzero(counts))
        return weights.astype(np.float32)
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            "Expected `class_weight` to be a dict of weights by class, or 'balanced'. "
            f"{received('class_weight', class_weight)}"
        )
    weights = np.ones(num_classes, np.float32)
    for key, weight in class_weight.items():
        weights[_number(key, names, num_classes)] = _checked_weight(key, weight)
    return weights


def _number(key: Any, names: list[str], num_classes: int) -> int:
    if key in names:
        return names.index(key)
    if is_integer(key) and 0 <= key < num_classes:
        return int(key)
    known = f"numbers from 0 to {num_classes - 1}" + f" or names {names}" * bool(names)
    raise ValueError(
        f"Expected the classes of `class_weight` to be {known}. Received: {key!r}"
    )


def _checked_weight(key: Any, weight: Any) -> float:
    if not is_number(weight) or not 0 <= weight < float("inf"):
        raise ValueError(
            "Expected the weights of `class_weight` to be non-negative numbers. "
            f"Received: class_weight[{key!r}]={weight!r}"
        )
    return float(weight)

"""Random splits of labelled nodes, or graphs, for training, validation and test."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import (
    checked_seed,
    is_integer,
    is_number,
    received,
)
from tfgraph.data.graphs.fields import are_classes, as_array
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.graph_arguments import labelled_nodes
from tfgraph.data.graphs.hetero_graph import HeteroGraph

Auto = Literal["auto"]
AnyGraph = TypeVar("AnyGraph", Graph, HeteroGraph)


def random_split(
    graph: AnyGraph,
    train_per_class: int | float = 20,
    val: int | float | Auto = "auto",
    test: int | float | Auto | None = "auto",
    seed: int | None = 0,
    *,
    val_per_class: int | float | None = None,
    node_set_name: str | None = None,
) -> AnyGraph:
    """Returns `graph` with random `train_mask`, `val_mask` and `test_mask`.

    A size is a number of nodes (an integer) or a fraction (a float). A fraction is
    taken of each class, so that all sets have the classes in the same proportions:

    ```python
    tfgraph.data.random_split(graph)  # 20 of each class, 500 and 1000, as in Planetoid
    tfgraph.data.random_split(graph, 0.6, 0.2, 0.2)
    tfgraph.data.random_split(graph, 0.6)  # the rest in two halves
    tfgraph.data.random_split(graph, 20, val_per_class=30, test=None)
    ```

    The last line is the protocol of [Pitfalls of Graph Neural Network
    Evaluation](https://arxiv.org/abs/1811.05868). Nodes without label (-1) are in no
    set. The same seed gives the same split. For sets of your own, replace the masks:
    `graph.replace(train_mask=graph.columns["part"] == "train", test_mask=...)`.

    Args:
        graph: A `Graph` or `HeteroGraph` with class numbers `y [N]`.
        train_per_class: Training nodes: how many of each class, or a fraction.
        val: Validation nodes: how many, of any class, or a fraction. "auto" is 500
            beside a number of training nodes. Beside a fraction, it is half of the
            rest.
        test: Test nodes: how many, of any class, or a fraction. None takes all that
            remain. "auto" is 1000 beside a number of training nodes. Beside a fraction,
            it takes all that remain.
        seed: Seed of the NumPy generator that draws the nodes. None for other nodes in
            each call.
        val_per_class: Validation nodes of each class: how many, or a fraction. If
            given, it replaces `val`.
        node_set_name: The node set of a `HeteroGraph` to split. May be left out if only
            one has labels.

    Raises:
        ValueError: If the graph has no class numbers, or a size is none of the above.
            Also if a class, or the graph, has too few labelled nodes.
    """
    name, nodes = labelled_nodes(graph, node_set_name)
    seed = checked_seed(seed)
    y = nodes.y
    if y is None or not are_classes(y):
        raise ValueError(
            "Expected `graph` to have class numbers `y`. With other labels, set masks "
            f"by `graph.replace(train_mask=...)`. Received: graph={nodes}"
        )
    sizes = _sizes(train_per_class, val, test, val_per_class)
    shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(y >= 0))
    masks = [np.zeros(nodes.num_nodes, bool) for _ in sizes]
    for label in range(nodes.num_classes):
        members = shuffled[y[shuffled] == label]
        ends: list[int] = _ends(sizes, len(members))
        if len(members) < ends[-1]:
            raise ValueError(
                f"Expected each class to have at least {ends[-1]} labelled nodes. "
                f"Received: class {label} with {len(members)} nodes, "
                f"train_per_class={train_per_class}, val_per_class={val_per_class}"
            )
        for mask, start, end in zip(masks, [0, *ends], ends, strict=False):
            mask[members[start:end]] = True

    rest = shuffled[~np.logical_or.reduce(masks)[shuffled]]
    num_val, num_test = (size.of_any_class for size in sizes[1:])
    if len(rest) < num_val + num_test:
        raise ValueError(
            f"Expected at least {num_val + num_test} labelled nodes besides those "
            f"drawn for each class. Received: {len(rest)} nodes, val={num_val}, "
            f"test={num_test}"
        )
    masks[1][rest[:num_val]] = True
    masks[2][rest[num_val : None if sizes[2].remaining else num_val + num_test]] = True
    train_mask, val_mask, test_mask = masks
    split = nodes.replace(train_mask=train_mask, val_mask=val_mask, test_mask=test_mask)
    replaced: Any = split if name is None else cast(Any, graph).replace({name: split})
    return replaced


class _Size(NamedTuple):
    """The size of a set of nodes.

    Attributes:
        of_each_class: Nodes of each class.
        fraction: Fraction of each class.
        of_any_class: Nodes of any class.
        remaining: Whether all nodes that remain are in the set.
    """

    of_each_class: int = 0
    fraction: float = 0.0
    of_any_class: int = 0
    remaining: bool = False


def _sizes(train_per_class, val, test, val_per_class) -> tuple[_Size, _Size, _Size]:
    """Returns the sizes that the arguments of `random_split` stand for."""
    train_size = _size("train_per_class", train_per_class, per_class=True)
    by_fraction = not is_integer(train_per_class)
    if isinstance(val, str) and val == "auto":
        val = (1 - train_size.fraction) / 2 if by_fraction else 500
    if isinstance(test, str) and test == "auto":
        test = None if by_fraction else 1000
    if val_per_class is None:
        val_size = _size("val", val)
    else:
        val_size = _size("val_per_class", val_per_class, per_class=True)
    test_size = _Size(remaining=True) if test is None else _size("test", test)
    sizes = (train_size, val_size, test_size)
    if sum(size.fraction for size in sizes) > 1 + 1e-9:
        raise ValueError(
            "Expected the fractions to add up to 1 at most. Received: "
            f"train_per_class={train_per_class}, val={val}, test={test}, "
            f"val_per_class={val_per_class}"
        )
    return sizes


def _size(name: str, value, per_class: bool = False) -> _Size:
    if is_integer(value) and value >= 0:
        size = int(value)  # integers of NumPy may overflow
        return _Size(of_each_class=size) if per_class else _Size(of_any_class=size)
    if is_number(value) and not is_integer(value) and 0 <= value <= 1:
        return _Size(fraction=float(value))
    raise ValueError(
        f"Expected `{name}` to be non-negative: a number of nodes (an integer), or a "
        f"fraction from 0.0 to 1.0. {received(name, value)}"
    )


def _ends(sizes: tuple[_Size, ...], num_nodes: int) -> list[int]:
    """Returns where each set ends among the nodes of a class.

    Sums of fractions are rounded, not each fraction, so that 0.6, 0.2 and 0.2 leave no
    node out.
    """
    numbers = np.cumsum([size.of_each_class for size in sizes])
    fractions = np.cumsum([size.fraction for size in sizes])
    return (numbers + np.rint(fractions * num_nodes).astype(int)).tolist()


def stratified_folds(
    labels: npt.ArrayLike, num_folds: int = 10, seed: int | None = 0
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Returns the splits of a cross-validation, with the classes alike in each part.

    The examples are dealt out to `num_folds` parts. Any two parts differ by one at most
    in their size, and in their number of examples of each class. Split i tests on part
    i, validates on the next part and trains on all others. So epochs and
    hyperparameters can be chosen without the test examples. The same seed gives the
    same splits.

    Example:

    ```python
    graphs, labels = tfgraph.data.tu("ENZYMES")
    for train, val, test in tfgraph.data.stratified_folds(labels):
        training_graphs = [graphs[i] for i in train]
        ...
    ```

    Args:
        labels: Class of each example, `[G]`: numbers or strings.
        num_folds: Number of parts, at least 3. A class with fewer examples than parts
            is missing in some parts.
        seed: Seed of the NumPy generator that shuffles the examples. None for another
            order in each call.

    Returns:
        A list of `num_folds` tuples `(train, val, test)` of example numbers, int64 and
        in rising order.

    Raises:
        ValueError: If `labels` is not of rank 1 or has a NaN, or `num_folds` is not an
            integer from 3 to the number of examples.
    """
    labels = as_array("labels", labels)
    if labels.ndim != 1 or labels.dtype.kind not in "fiubSU":
        raise ValueError(
            "Expected `labels` to have shape [num_examples], and to hold numbers or "
            f"strings. Received: labels with shape={labels.shape} and "
            f"dtype={labels.dtype}"
        )
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError(
            "Expected `labels` to hold a class for each example. Received: labels with "
            f"nan at index {np.isnan(labels).argmax()}"
        )
    seed = checked_seed(seed)
    if not is_integer(num_folds) or not 3 <= num_folds <= len(labels):
        raise ValueError(
            "Expected `num_folds` to be at least 3, and at most the number of "
            f"examples. {received('num_folds', num_folds)}, {len(labels)} examples"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    # Class after class, the next one dealt out from where the last one ended.
    order = order[np.argsort(labels[order], kind="stable")]
    part = np.empty(len(labels), np.int64)
    part[order] = np.arange(len(labels)) % num_folds
    splits = []
    for test in range(num_folds):
        val = (test + 1) % num_folds
        train = (part != test) & (part != val)
        splits.append(
            (
                np.flatnonzero(train),
                np.flatnonzero(part == val),
                np.flatnonzero(part == test),
            )
        )
    return splits

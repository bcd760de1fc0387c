"""Random splits of labelled nodes, or graphs, for training, validation and test."""

import numpy as np

from tfgraph.data.graphs.graph import Graph


def random_split(
    graph: Graph,
    train_per_class: int = 20,
    val: int = 500,
    test: int | None = 1000,
    seed: int = 0,
    *,
    val_per_class: int | None = None,
) -> Graph:
    """Returns `graph` with random `train_mask`, `val_mask` and `test_mask`.

    The defaults are the random splits of the Planetoid data sets. The protocol of
    [Pitfalls of Graph Neural Network Evaluation](https://arxiv.org/abs/1811.05868)
    is `random_split(graph, 20, val_per_class=30, test=None)`. Nodes without label
    (-1) are in no set. The same seed gives the same split.

    Args:
        graph: A `Graph` with class numbers `y [N]`.
        train_per_class: Training nodes of each class.
        val: Validation nodes, of any class.
        test: Test nodes, of any class. None takes all that remain.
        seed: Seed of the NumPy generator that draws the nodes.
        val_per_class: If given, validation nodes of each class, instead of `val`.

    Raises:
        ValueError: If the graph has no class numbers, or too few labelled nodes in a
            class or altogether.
    """
    y = graph.y
    if y is None or y.ndim != 1 or y.dtype != np.int64:
        raise ValueError(
            "Expected `graph` to have class numbers `y`; of other labels, mask nodes "
            f"by `graph.replace(train_mask=...)`. Received: graph={graph}"
        )
    sizes = {
        "train_per_class": train_per_class,
        "val": val,
        "test": test,
        "val_per_class": val_per_class,
    }
    for name, size in sizes.items():
        if size is not None and size < 0:
            raise ValueError(
                f"Expected `{name}` to be non-negative. Received: {name}={size}"
            )

    shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(y >= 0))
    per_class = train_per_class + (val_per_class or 0)
    train_mask, val_mask, test_mask = np.zeros((3, graph.num_nodes), bool)
    for label in range(graph.num_classes):
        nodes = shuffled[y[shuffled] == label]
        if len(nodes) < per_class:
            raise ValueError(
                f"Expected each class to have at least {per_class} labelled nodes. "
                f"Received: class {label} with {len(nodes)} nodes, "
                f"train_per_class={train_per_class}, val_per_class={val_per_class}"
            )
        train_mask[nodes[:train_per_class]] = True
        val_mask[nodes[train_per_class:per_class]] = True

    rest = shuffled[~(train_mask | val_mask)[shuffled]]
    val_of_any_class = val if val_per_class is None else 0
    needed = val_of_any_class + (test or 0)
    if len(rest) < needed:
        raise ValueError(
            f"Expected at least {needed} labelled nodes besides those drawn for each "
            f"class. Received: {len(rest)} nodes, val={val_of_any_class}, test={test}"
        )
    val_mask[rest[:val_of_any_class]] = True
    test_mask[rest[val_of_any_class:][:test]] = True
    return graph.replace(train_mask=train_mask, val_mask=val_mask, test_mask=test_mask)


def stratified_folds(
    labels, num_folds: int = 10, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Returns the splits of a cross-validation, with the classes alike in each part.

    The examples are dealt out to `num_folds` parts, whose sizes differ by one at most,
    and so do their numbers of examples of each class. Split i tests on part i, has the
    next part for validation and trains on all others, so that its test examples need
    not be looked at to choose epochs or hyperparameters. The same seed gives the same
    splits.

    Example:

    ```python
    graphs, labels = tfgraph.data.tu("ENZYMES")
    for train, val, test in tfgraph.data.stratified_folds(labels):
        training_graphs = [graphs[i] for i in train]
        ...
    ```

    Args:
        labels: Class of each example, `[G]`.
        num_folds: Number of parts, at least 3. Some of them lack a class of which there
            are fewer examples.
        seed: Seed of the NumPy generator that shuffles the examples.

    Returns:
        A list of `num_folds` tuples `(train, val, test)` of example numbers, int64 and
        in rising order.

    Raises:
        ValueError: If `labels` is not of rank 1, or `num_folds` is less than 3 or more
            than the examples.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(
            "Expected `labels` to have shape [num_examples]. "
            f"Received: labels with shape={labels.shape}"
        )
    if not 3 <= num_folds <= len(labels):
        raise ValueError(
            "Expected `num_folds` to be at least 3, and at most the number of "
            f"examples. Received: num_folds={num_folds}, {len(labels)} examples"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    # Class after class, the next one dealt out from where the last one ended.
    order = order[np.argsort(labels[order], kind="stable")]
    part = np.empty(len(labels), np.int64)
    part[order] = np.arange(len(labels)) % num_folds
    splits = []
    for test in range(num_folds):
        val = (test + 1) % num_folds
        rest = (part != test) & (part != val)
        splits.append(tuple(map(np.flatnonzero, (rest, part == val, part == test))))
    return splits

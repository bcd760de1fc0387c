"""Random splits of labelled nodes into training, validation and test sets."""

import numpy as np

from tfgraph.data.graph import Graph


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
            f"Expected `graph` to have class numbers `y`. Received: graph={graph}"
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

"""Checks of arguments that should be a `Graph`, or a list of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfgraph.arguments import wrong_object
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.graphs.node_fields import NodeFields
from tfgraph.graph_tensor import choose


def check_graph(name: str, value: Any) -> None:
    """Raises a `ValueError`, which says what converts it, if `value` is no `Graph`."""
    if isinstance(value, Graph):
        return
    hint = None
    if _are_graphs(value):
        union = f"tfgraph.data.disjoint_union({name})"
        hint = f"Pass one of them, or join them with `{union}`."
    raise wrong_object(name, "a tfgraph.data.Graph", value, hint)


def labelled_nodes(
    graph: Any, node_set_name: str | None
) -> tuple[str | None, NodeFields]:
    """Returns what holds the labels: a node set and its name, or a `Graph` and None.

    Args:
        graph: The argument `graph`, a `Graph` or a `HeteroGraph`.
        node_set_name: The node set of a `HeteroGraph`. None for the only one with
            labels.

    Raises:
        ValueError: If `graph` is neither, or has no such node set with labels.
    """
    if isinstance(graph, HeteroGraph):
        labelled = [
            name for name, nodes in graph.node_sets.items() if nodes.y is not None
        ]
        if not labelled:
            raise ValueError(
                "Expected `graph` to have a node set with labels `y`. "
                f"Received: graph={graph}"
            )
        name = choose("node_set_name", node_set_name, labelled)
        return name, graph.node_sets[name]
    check_graph("graph", graph)
    if node_set_name is not None:
        raise ValueError(
            "Expected `node_set_name` with a tfgraph.data.HeteroGraph only. "
            f"Received: node_set_name={node_set_name!r}, graph={graph}"
        )
    return None, graph


def checked_graphs(name: str, value: Any, empty: bool = False) -> list[Graph]:
    """Returns an argument that should be a list of `Graph`s as a list.

    Args:
        name: The argument.
        value: What was passed for it. Any iterable of graphs will do.
        empty: Whether it may hold no graph.

    Raises:
        ValueError: If it is anything else. The error says what to do.
    """
    expected = "a list of tfgraph.data.Graph"
    if isinstance(value, Graph):
        raise wrong_object(name, expected, value, f"Put it in a list: `[{name}]`.")
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        graphs = list(value)
        if not graphs and not empty:
            raise ValueError(
                f"Expected `{name}` to hold a graph. Received: {name}={graphs}"
            )
        if isinstance(value, list | tuple) or _are_graphs(graphs):
            for number, graph in enumerate(graphs):
                check_graph(f"{name}[{number}]", graph)
            return graphs
    raise wrong_object(name, expected, value)


def _are_graphs(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(isinstance(graph, Graph) for graph in value)
    )

"""Checks of arguments that should be a `Graph`, or a list of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfgraph.arguments import wrong_object
from tfgraph.data.graphs.graph import Graph


def check_graph(name: str, value: Any) -> None:
    """Raises a `ValueError`, which says what converts it, if `value` is no `Graph`."""
    if isinstance(value, Graph):
        return
    hint = None
    if _are_graphs(value):
        union = f"tfgraph.data.disjoint_union({name})"
        hint = f"Pass one of them, or join them with `{union}`."
    raise wrong_object(name, "a tfgraph.data.Graph", value, hint)


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

"""A `HeteroGraph` as a NetworkX graph: its `to_networkx` and `from_networkx`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfgraph.arguments import is_networkx, received
from tfgraph.data.graphs.conversions import optional_import
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.hetero_arguments import wrong
from tfgraph.data.graphs.node_set import NodeSet
from tfgraph.inputs import named_errors

if TYPE_CHECKING:
    import networkx

    from tfgraph.data.graphs.hetero_graph import HeteroGraph


def to_networkx(graph: HeteroGraph) -> networkx.MultiDiGraph:
    """Returns a `networkx.MultiDiGraph`, as `from_networkx` reads it.

    A node is a tuple: its node set and its id, or its row number where there are no
    ids. Nodes have the attribute "node_set", edges "edge_set", and "weight" where the
    edge set has weights. Features, labels, masks and columns are not copied.

    Raises:
        ImportError: If NetworkX is not installed.
    """
    networkx = optional_import("networkx", "HeteroGraph.to_networkx")
    network = networkx.MultiDiGraph()
    names = {}
    for name, nodes in graph.node_sets.items():
        ids = range(nodes.num_nodes) if nodes.ids is None else nodes.ids.tolist()
        names[name] = [(name, one) for one in ids]
        network.add_nodes_from(names[name], node_set=name)
    for name, edges in graph.edge_sets.items():
        weights: list[dict[str, Any]] = [{}] * edges.num_edges
        if edges.edge_weight is not None:
            weights = [{"weight": weight} for weight in edges.edge_weight.tolist()]
        network.add_edges_from(
            (
                (names[edges.source][source], names[edges.target][target], weight)
                for (source, target), weight in zip(
                    edges.edges.tolist(), weights, strict=True
                )
            ),
            edge_set=name,
        )
    return network


def from_networkx(
    cls: type[HeteroGraph],
    graph: networkx.Graph,
    *,
    node_set: str = "node_set",
    edge_set: str = "edge_set",
    x: str = "x",
    weight: str = "weight",
    name: str | None = None,
) -> HeteroGraph:
    """Returns the graph of a directed NetworkX graph, such as a `MultiDiGraph`.

    The nodes of a set keep their order in `graph`. They become `ids` if they are all
    strings or all integers.

    Args:
        graph: A directed NetworkX graph.
        node_set: Name of the node attribute that holds the name of the node set.
        edge_set: Name of the edge attribute that holds the name of the edge set. An
            edge without the attribute is of the edge set that its key names.
        x: Name of the node attribute that holds the features `[F]`. A node set in which
            no node has it is read without features.
        weight: Name of the edge attribute that holds the weights. Edges without it
            weigh 1. An edge set in which no edge has it has no weights.
        name: Shown when the graph is printed.

    Raises:
        ValueError: If `graph` is no directed NetworkX graph, a node or an edge names no
            set, some nodes of a set lack features that others have, or the edges of a
            set do not join the same two node sets.
    """
    if not is_networkx(graph):
        raise wrong("graph", "a directed networkx graph", graph)
    if not graph.is_directed():
        raise ValueError(
            "Expected `graph` to be directed: its edges lead from one node set to "
            "another. `graph.to_directed()` has both directions of each edge. "
            f"{received('graph', graph)}"
        )
    members: dict[str, list] = {}
    place = {}
    for node, attributes in graph.nodes(data=True):
        key = attributes.get(node_set)
        if key is None:
            raise ValueError(
                f"Expected each node to have the attribute {node_set!r}, the name of "
                f"its node set. Received: node {node!r} without it"
            )
        place[node] = key, len(members.setdefault(key, []))
        members[key].append((node, attributes.get(x)))
    node_sets = {}
    for key, nodes in members.items():
        with named_errors(f"Node set {key!r}"):
            node_sets[key] = _node_set_of_networkx(nodes)

    is_multigraph = graph.is_multigraph()
    keys = {"keys": True} if is_multigraph else {}
    found: dict[str, list] = {}
    for source, target, *edge_key, attributes in graph.edges(data=True, **keys):
        key = attributes.get(edge_set, *edge_key)
        if not isinstance(key, str):
            raise ValueError(
                f"Expected each edge to have the attribute {edge_set!r}, the name of "
                "its edge set, or the name as its key. "
                f"Received: edge {(source, target, *edge_key)} without it"
            )
        ends = place[source], place[target]
        found.setdefault(key, []).append((*ends, attributes.get(weight)))
    edge_sets = {}
    for key, edges in found.items():
        with named_errors(f"Edge set {key!r}"):
            edge_sets[key] = _edge_set_of_networkx(edges)
    return cls(node_sets, edge_sets, name=name)


def _node_set_of_networkx(nodes: list[tuple]) -> NodeSet:
    names, x = zip(*nodes, strict=True)
    ids = None
    if all(isinstance(n, str) for n in names) or all(type(n) is int for n in names):
        ids = names
    missing = [value is None for value in x]
    if any(missing) and not all(missing):
        raise ValueError(
            "Expected all of its nodes to have features, or none. "
            f"Received: node {names[missing.index(True)]!r} without them"
        )
    return NodeSet(
        None if all(missing) else np.stack([np.asarray(value) for value in x]),
        ids=ids,
        num_nodes=len(names),
    )


def _edge_set_of_networkx(edges: list[tuple]) -> EdgeSet:
    sources, targets, weights = zip(*edges, strict=True)
    joined = {
        (source, target)
        for (source, _), (target, _) in zip(sources, targets, strict=True)
    }
    if len(joined) > 1:
        raise ValueError(
            "Expected its edges to join the same two node sets. "
            f"Received: edges between {sorted(joined)}"
        )
    [(source, target)] = joined
    edge_weight = None
    if any(value is not None for value in weights):
        edge_weight = [1 if value is None else value for value in weights]
    pairs = [(i, j) for (_, i), (_, j) in zip(sources, targets, strict=True)]
    return EdgeSet(source, target, pairs, edge_weight=edge_weight)

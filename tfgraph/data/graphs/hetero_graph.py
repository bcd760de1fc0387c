"""The container of one graph with several sets of nodes and edges."""

from __future__ import annotations

from collections.abc import Mapping

from tfgraph.arguments import received
from tfgraph.data.graphs import (
    equality,
    hetero_conversions,
    hetero_networkx,
    hetero_pandas,
    storage,
)
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.fields import checked_name, outside_of
from tfgraph.data.graphs.hetero_arguments import named_sets
from tfgraph.data.graphs.node_set import NodeSet
from tfgraph.graph_tensor import choose
from tfgraph.inputs import named_errors


class HeteroGraph:
    """A graph of several types of nodes and edges, as NumPy arrays.

    The nodes of one type are a node set, the edges of one type an edge set. An edge set
    leads from one node set to another, or to the same. Layers take such a graph as a
    GraphTensor, in which they name the edge set:

    ```python
    graph = tfgraph.data.HeteroGraph(
        {
            "authors": tfgraph.data.NodeSet([[1.0], [2.0], [3.0]]),
            "papers": tfgraph.data.NodeSet([[0.5, 1.0], [0.0, 2.0]], y=[0, 1]),
        },
        {"writes": tfgraph.data.EdgeSet("authors", "papers", [(0, 0), (0, 1), (2, 1)])},
    )
    layer = tfgraph.layers.SAGEConv(8, edge_set_name="writes")
    h = layer(graph.to_graph_tensor())  # [2, 8], the new features of the papers
    ```

    A `HeteroGraph` checks its arguments once, when it is made. Do not change it
    afterwards: `replace` returns a changed copy.

    Args:
        node_sets: Dict of `NodeSet`s by name. Features `[N, F]` alone, an array or a
            SciPy sparse matrix, stand for a `NodeSet` of them.
        edge_sets: Dict of `EdgeSet`s by name.
        name: Shown when the graph is printed.

    Raises:
        ValueError: If a name is empty or has a character that Keras or TF-GNN refuse
            ("/", ".", or "#" at the start), an edge set leads from or to an unknown
            node set, or an edge names a node that does not exist.
    """

    def __init__(
        self,
        node_sets: Mapping[str, NodeSet],
        edge_sets: Mapping[str, EdgeSet],
        *,
        name: str | None = None,
    ) -> None:
        self.name = checked_name(name)
        _check_names("node_sets", node_sets)
        _check_names("edge_sets", edge_sets)
        self.node_sets: dict[str, NodeSet] = {}
        for key, nodes in node_sets.items():
            with named_errors(f"Node set {key!r}"):
                self.node_sets[key] = _checked_node_set(nodes)
        for key, edges in edge_sets.items():
            with named_errors(f"Edge set {key!r}"):
                _check_edge_set(edges, self.node_sets)
        self.edge_sets: dict[str, EdgeSet] = dict(edge_sets)

    __eq__ = equality.equal
    save = storage.save
    load = classmethod(storage.load)
    to_sparse_tensor = hetero_conversions.to_sparse_tensor
    to_graph_tensor = hetero_conversions.to_graph_tensor
    to_scipy = hetero_conversions.to_scipy
    to_networkx = hetero_networkx.to_networkx
    to_pandas = hetero_pandas.to_pandas
    from_graph_tensor = classmethod(hetero_conversions.from_graph_tensor)
    from_pandas = classmethod(hetero_pandas.from_pandas)
    from_scipy = classmethod(hetero_conversions.from_scipy)
    from_networkx = classmethod(hetero_networkx.from_networkx)

    def replace(
        self,
        node_sets: Mapping[str, NodeSet] | None = None,
        edge_sets: Mapping[str, EdgeSet] | None = None,
        *,
        name: str | None = None,
    ) -> HeteroGraph:
        """Returns a copy with some sets replaced or added.

        To change an argument of one set, replace it in the set:
        `graph.replace({"papers": graph.node_sets["papers"].replace(y=y)})`.

        Args:
            node_sets: Dict of node sets. Those that it does not name stay.
            edge_sets: Dict of edge sets. Those that it does not name stay.
            name: Another name of the graph; None to keep it.
        """
        for argument, sets in (("node_sets", node_sets), ("edge_sets", edge_sets)):
            if sets is not None:
                _check_names(argument, sets)
        return HeteroGraph(
            {**self.node_sets, **(node_sets or {})},
            {**self.edge_sets, **(edge_sets or {})},
            name=self.name if name is None else name,
        )

    def reversed(self, edge_set_name: str, name: str | None = None) -> HeteroGraph:
        """Returns the graph with one more edge set, against the edges of another.

        `graph.reversed("writes", name="written_by")` leads from papers to authors.
        Weights, features and columns of the edges are those of the other set. (A layer
        made with `receiver="source"` needs no reversed edges.)

        Args:
            edge_set_name: The edge set to reverse.
            name: Name of the new edge set, by default "reversed_" and the other's name.

        Raises:
            ValueError: If there is no such edge set, or there is one named `name`.
        """
        edges = self.edge_sets[choose("edge_set_name", edge_set_name, self.edge_sets)]
        name = f"reversed_{edge_set_name}" if name is None else name
        if name in self.edge_sets:
            raise ValueError(
                f"Expected `name` to be none of {sorted(self.edge_sets)}. "
                f"{received('name', name)}"
            )
        return self.replace(edge_sets={name: edges.reversed()})

    def __repr__(self) -> str:
        title = "HeteroGraph" if self.name is None else f"HeteroGraph {self.name!r}"
        lines = [
            f"  {name}: {one.described()}"
            for named in (self.node_sets, self.edge_sets)
            for name, one in named.items()
        ]
        return "\n".join([title, *lines])


def _check_names(argument: str, sets):
    for name, _ in named_sets(argument, sets):
        if (
            not isinstance(name, str)
            or not name
            or name.startswith("#")
            or any(character in name for character in "./")
        ):
            raise ValueError(
                f'Expected names in `{argument}` without "." and "/" and without "#" '
                f"at the start. Received: {name!r}"
            )


def _checked_node_set(nodes) -> NodeSet:
    if isinstance(nodes, NodeSet):
        return nodes
    if isinstance(nodes, (list, tuple)) or hasattr(nodes, "shape"):
        return NodeSet(nodes)
    raise ValueError(
        "Expected a tfgraph.data.NodeSet, or features `[N, F]`. "
        f"{received('node set', nodes)}"
    )


def _check_edge_set(edges, node_sets: dict[str, NodeSet]):
    if not isinstance(edges, EdgeSet):
        raise ValueError(
            "Expected a tfgraph.data.EdgeSet, such as `EdgeSet('authors', 'papers', "
            f"edges)`. {received('edge set', edges)}"
        )
    source = node_sets[choose("source", edges.source, node_sets)]
    target = node_sets[choose("target", edges.target, node_sets)]
    outside = outside_of(edges.edges, source.num_nodes, target.num_nodes)
    if len(outside):
        raise ValueError(
            f"Expected `edges` to join the {source.num_nodes} nodes of "
            f"{edges.source!r} with the {target.num_nodes} nodes of {edges.target!r}. "
            f"Received: the edge {tuple(edges.edges[outside[0]].tolist())}"
        )

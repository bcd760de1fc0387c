"""One set of edges of a `HeteroGraph`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from tfgraph.arguments import received
from tfgraph.data.graphs import equality
from tfgraph.data.graphs.edge_order import sorted_by_target
from tfgraph.data.graphs.fields import (
    as_pairs,
    checked_columns,
    checked_edge_features,
    checked_edge_weight,
    checked_edges,
)


class EdgeSet:
    """The edges of one type in a `HeteroGraph`, as NumPy arrays.

    It checks its arguments once, when it is made; the `HeteroGraph` checks that the
    nodes exist. Do not change it afterwards: `replace` returns a changed copy.

    Example:

    ```python
    # Author 0 wrote papers 0 and 1, author 2 wrote paper 1.
    writes = tfgraph.data.EdgeSet("authors", "papers", [(0, 0), (0, 1), (2, 1)])
    ```

    Args:
        source: Name of the node set that the edges lead from.
        target: Name of the node set that they lead to. It may be the same.
        edges: Integers `[E, 2]`, each row `(source, target)`: row numbers in the two
            node sets. Stored as in `Graph`, sorted by target, then source. Repeated
            edges are kept.
        edge_weight: Weights `[E]` in the order of `edges`, or None.
        edge_features: Features `[E, D]` in the order of `edges`, or None.
        columns: Dict of further arrays `[E, ...]` of any type, such as times. They are
            kept beside the edges, and are not part of a GraphTensor.

    What follows the edges is stored in their sorted order; numbers as float32.

    Raises:
        ValueError: If shapes or types do not fit, or a number is NaN or infinite.
    """

    def __init__(
        self,
        source: str,
        target: str,
        edges: npt.ArrayLike,
        *,
        edge_weight: npt.ArrayLike | None = None,
        edge_features: npt.ArrayLike | None = None,
        columns: Mapping[str, npt.ArrayLike] | None = None,
    ) -> None:
        for name, end in (("source", source), ("target", target)):
            if not isinstance(end, str):
                raise ValueError(
                    f"Expected `{name}` to be the name of a node set. "
                    f"{received(name, end)}"
                )
        self.source, self.target = source, target
        edges = checked_edges(edges)
        if edge_weight is not None:
            edge_weight = checked_edge_weight(edge_weight, len(edges))
        if edge_features is not None:
            edge_features = checked_edge_features(edge_features, len(edges))
        columns = checked_columns(columns, len(edges))
        self.edges, self.edge_weight, self.edge_features, *arrays = sorted_by_target(
            edges, edge_weight, edge_features, *columns.values()
        )
        self.columns = dict(zip(columns, arrays, strict=True))

    __eq__ = equality.equal

    @property
    def num_edges(self) -> int:
        """Number of edges."""
        return len(self.edges)

    @property
    def num_features(self) -> int:
        """Number of features of an edge, 0 without `edge_features`."""
        return 0 if self.edge_features is None else self.edge_features.shape[1]

    def replace(self, **fields: Any) -> EdgeSet:
        """Returns a copy in which the given arguments of `EdgeSet` are replaced.

        Args:
            **fields: Arguments of `EdgeSet`. What follows the edges is in the order of
                `edge_set.edges`, unless `edges` are given.
        """
        current = {**vars(self), "edges": as_pairs(self.edges)}
        return EdgeSet(**{**current, **fields})

    def reversed(self) -> EdgeSet:
        """Returns the edges from the targets to the sources."""
        return self.replace(
            source=self.target, target=self.source, edges=as_pairs(self.edges[:, ::-1])
        )

    def described(self) -> str:
        """Returns what is printed of the edge set."""
        parts = [f"{self.source} -> {self.target}", f"edges={self.num_edges}"]
        if self.edge_weight is not None:
            parts.append("weighted")
        if self.edge_features is not None:
            parts.append(f"features={self.num_features}")
        return ", ".join([*parts, *self.columns])

    def __repr__(self) -> str:
        return f"EdgeSet({self.described()})"

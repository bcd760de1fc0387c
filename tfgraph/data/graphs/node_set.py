"""One set of nodes of a `HeteroGraph`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import received
from tfgraph.data.graphs.fields import (
    SciPyMatrix,
    as_array,
    checked_columns,
    checked_ids,
)
from tfgraph.data.graphs.node_fields import NodeFields


class NodeSet(NodeFields):
    """The nodes of one type in a `HeteroGraph`, as NumPy arrays.

    It checks its arguments once, when it is made. Do not change it afterwards:
    `replace` returns a changed copy.

    Example:

    ```python
    papers = tfgraph.data.NodeSet([[1.0], [2.0]], y=[0, 1], ids=["p7", "p9"])
    papers.rows(["p9"])  # [1]
    authors = tfgraph.data.NodeSet(num_nodes=3)  # no features
    ```

    Args:
        x: Node features `[N, F]`, an array or a SciPy sparse matrix, or None. Stored
            as in `Graph`.
        y: Labels, or None: class numbers `[N]`, with -1 for a node without label, or
            any numbers `[N, C]`.
        train_mask: Booleans `[N]`, True for the nodes to train on, or None.
        val_mask: The same for validation.
        test_mask: The same for the test.
        ids: What the nodes are called elsewhere, `[N]`: distinct strings or integers,
            or None.
        columns: Dict of further arrays `[N, ...]` of any type, such as titles. They are
            kept beside the nodes, and are not part of a GraphTensor.
        num_nodes: N. Needed only if `x`, `y` and `ids` are None.

    Raises:
        ValueError: If shapes or types do not fit, a number is NaN or infinite, an id
            occurs twice, or a mask selects a node with label -1.
    """

    def __init__(
        self,
        x: npt.ArrayLike | SciPyMatrix | None = None,
        *,
        y: npt.ArrayLike | None = None,
        train_mask: npt.ArrayLike | None = None,
        val_mask: npt.ArrayLike | None = None,
        test_mask: npt.ArrayLike | None = None,
        ids: npt.ArrayLike | None = None,
        columns: Mapping[str, npt.ArrayLike] | None = None,
        num_nodes: int | None = None,
    ) -> None:
        self.ids = None if ids is None else checked_ids(ids)
        if x is None and y is None and num_nodes is None and self.ids is not None:
            num_nodes = len(self.ids)
        super().__init__(x, y, train_mask, val_mask, test_mask, num_nodes)
        if self.ids is not None and len(self.ids) != self.num_nodes:
            raise ValueError(
                f"Expected `ids` to hold an id for each of the {self.num_nodes} nodes. "
                f"Received: {len(self.ids)} ids"
            )
        self.columns = checked_columns(columns, self.num_nodes)

    def rows(self, ids: npt.ArrayLike) -> np.ndarray:
        """Returns the row numbers of nodes, int64 `[n]`.

        Args:
            ids: Ids of nodes, `[n]`, in any order and any number of times.

        Raises:
            ValueError: If the node set has no ids, or one of these is unknown.
        """
        if self.ids is None:
            raise ValueError(
                f"Expected a node set with `ids`. {received('ids', self.ids)}"
            )
        row_of = {one: row for row, one in enumerate(self.ids.tolist())}
        wanted = as_array("ids", ids).tolist()
        rows = [row_of.get(one, -1) for one in wanted]
        if -1 in rows:
            unknown = rows.index(-1)
            raise ValueError(
                "Expected `ids` to be ids of these nodes. "
                f"Received: ids[{unknown}]={wanted[unknown]!r}"
            )
        return np.array(rows, np.int64)

    def described(self) -> str:
        """Returns what is printed of the node set."""
        parts = [f"nodes={self.num_nodes}", *self.described_nodes()]
        if self.ids is not None:
            parts.append("ids")
        return ", ".join([*parts, *self.columns])

    def __repr__(self) -> str:
        return f"NodeSet({self.described()})"

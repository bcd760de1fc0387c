"""One set of nodes of a `HeteroGraph`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt

from tfgraph.data.graphs.fields import SciPyMatrix
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
        y: Labels, or None: names or numbers of classes `[N]`, or any numbers `[N, C]`,
            as in `Graph`.
        train_mask: Booleans `[N]`, True for the nodes to train on, or None.
        val_mask: The same for validation.
        test_mask: The same for the test.
        ids: What the nodes are called elsewhere, `[N]`: distinct strings or integers,
            or None.
        columns: Dict of further arrays `[N, ...]` of any type, such as titles. They are
            kept beside the nodes, and are not part of a GraphTensor.
        class_names: Names of the classes, or of the columns of `y [N, C]`, or None. See
            `Graph`.
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
        class_names: npt.ArrayLike | None = None,
        num_nodes: int | None = None,
    ) -> None:
        super().__init__(
            x, y, train_mask, val_mask, test_mask, ids, columns, class_names, num_nodes
        )

    def described(self) -> str:
        """Returns what is printed of the node set."""
        return ", ".join([f"nodes={self.num_nodes}", *self.described_nodes()])

    def __repr__(self) -> str:
        return f"NodeSet({self.described()})"

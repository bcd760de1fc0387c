"""What a `Graph` and a `NodeSet` hold of their nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import is_scipy, received
from tfgraph.data.graphs import conversions, equality, pandas_frames
from tfgraph.data.graphs.fields import (
    MASKS,
    SciPyMatrix,
    are_classes,
    as_array,
    checked_columns,
    checked_features,
    checked_ids,
    checked_labels,
    checked_mask,
    checked_num_nodes,
)

_Self = TypeVar("_Self", bound="NodeFields")


class NodeFields:
    """Features, labels, split masks and names of nodes, checked.

    Args:
        x: Node features `[N, F]`, an array or a SciPy sparse matrix, or None.
        y: Labels `[N]` or `[N, C]`, or None. Strings become class numbers.
        train_mask: Booleans `[N]`, or None.
        val_mask: The same for validation.
        test_mask: The same for the test.
        ids: Distinct strings or integers `[N]`, or None.
        columns: Dict of further arrays `[N, ...]`, or None.
        class_names: Names `[C]` of the classes or of the columns of `y`, or None.
        num_nodes: N. Needed only if `x`, `y` and `ids` are None.
    """

    def __init__(
        self,
        x: npt.ArrayLike | SciPyMatrix | None,
        y: npt.ArrayLike | None,
        train_mask: npt.ArrayLike | None,
        val_mask: npt.ArrayLike | None,
        test_mask: npt.ArrayLike | None,
        ids: npt.ArrayLike | None,
        columns: Mapping[str, npt.ArrayLike] | None,
        class_names: npt.ArrayLike | None,
        num_nodes: int | None,
    ) -> None:
        self.x = None if x is None else checked_features(x)
        self.y, self.class_names = checked_labels(y, class_names)
        self.ids = None if ids is None else checked_ids(ids)
        if x is None and y is None and num_nodes is None and self.ids is not None:
            num_nodes = len(self.ids)
        self.num_nodes = checked_num_nodes(self.x, self.y, num_nodes)
        masks = (train_mask, val_mask, test_mask)
        self.train_mask, self.val_mask, self.test_mask = (
            None if mask is None else checked_mask(name, mask, self.num_nodes, self.y)
            for name, mask in zip(MASKS, masks, strict=True)
        )
        if self.ids is not None and len(self.ids) != self.num_nodes:
            raise ValueError(
                f"Expected `ids` to hold an id for each of the {self.num_nodes} nodes. "
                f"Received: {len(self.ids)} ids"
            )
        self.columns = checked_columns(columns, self.num_nodes)

    __eq__ = equality.equal
    dense_features = conversions.dense_features
    sparse_features = conversions.sparse_features
    predictions_frame = pandas_frames.predictions_frame

    @property
    def num_features(self) -> int:
        """Number of features of a node, 0 without `x`."""
        return 0 if self.x is None else self.x.shape[1]

    @property
    def num_classes(self) -> int:
        """Number of classes, or of the columns of `y [N, C]`; 0 without `y`.

        Without `class_names`, it is the largest class number plus one.

        Raises:
            ValueError: If `y` holds one non-integer number for each node.
        """
        if self.y is None:
            return 0
        if self.y.ndim == 2:
            return self.y.shape[1]
        if not are_classes(self.y):
            raise ValueError(
                "Expected `y` to hold class numbers. "
                f"Received: y with dtype={self.y.dtype}"
            )
        if self.class_names is not None:
            return len(self.class_names)
        return int(self.y.max(initial=-1)) + 1

    def rows(self, ids: npt.ArrayLike) -> np.ndarray:
        """Returns the row numbers of nodes, int64 `[n]`.

        Args:
            ids: Ids of nodes, `[n]`, in any order and any number of times.

        Raises:
            ValueError: If the nodes have no ids, `ids` is no list, or one is unknown.
        """
        if self.ids is None:
            owner = "a graph" if hasattr(self, "edges") else "a node set"
            raise ValueError(f"Expected {owner} with `ids`. {received('ids', None)}")
        row_of = {one: row for row, one in enumerate(self.ids.tolist())}
        array = as_array("ids", ids)
        if array.ndim != 1:
            raise ValueError(f"Expected `ids` to be a list. {received('ids', ids)}")
        wanted = array.tolist()
        rows = [row_of.get(one, -1) for one in wanted]
        if -1 in rows:
            unknown = rows.index(-1)
            example = f", such as {self.ids[0].item()!r}" if len(self.ids) else ""
            raise ValueError(
                f"Expected `ids` to be ids of these nodes{example}. "
                f"Received: ids[{unknown}]={wanted[unknown]!r}"
            )
        return np.array(rows, np.int64)

    def replace(self: _Self, **fields: Any) -> _Self:
        """Returns a copy in which the given arguments are replaced.

        Args:
            **fields: Arguments of the class. A new `x` also sets the number of nodes.
        """
        current = dict(vars(self))
        if fields.get("x") is not None:
            del current["num_nodes"]
        return type(self)(**{**current, **fields})

    def described_nodes(self) -> list[str]:
        """Returns what is printed of features, labels, masks, ids and columns."""
        parts = []
        if self.x is not None:
            form = " (sparse)" if is_scipy(self.x) else ""
            parts.append(f"features={self.num_features}{form}")
        if self.y is not None:
            if are_classes(self.y):
                parts.append(f"classes={self.num_classes}")
            else:
                parts.append(f"y={self.y.dtype}{list(self.y.shape)}")
        for name in MASKS:
            mask = getattr(self, name)
            if mask is not None:
                parts.append(f"{name.removesuffix('_mask')}={mask.sum()}")
        if self.ids is not None:
            parts.append("ids")
        return [*parts, *map(str, self.columns)]

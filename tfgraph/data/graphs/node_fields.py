"""What a `Graph` and a `NodeSet` hold of their nodes."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy.typing as npt

from tfgraph.arguments import is_scipy
from tfgraph.data.graphs import conversions
from tfgraph.data.graphs.fields import (
    MASKS,
    SciPyMatrix,
    are_classes,
    checked_features,
    checked_labels,
    checked_mask,
    checked_num_nodes,
)

_Self = TypeVar("_Self", bound="NodeFields")


class NodeFields:
    """Features, labels and split masks of nodes, checked.

    Args:
        x: Node features `[N, F]`, an array or a SciPy sparse matrix, or None.
        y: Labels `[N]` or `[N, C]`, or None.
        train_mask: Booleans `[N]`, or None.
        val_mask: The same for validation.
        test_mask: The same for the test.
        num_nodes: N. Needed only if both `x` and `y` are None.
    """

    def __init__(
        self,
        x: npt.ArrayLike | SciPyMatrix | None,
        y: npt.ArrayLike | None,
        train_mask: npt.ArrayLike | None,
        val_mask: npt.ArrayLike | None,
        test_mask: npt.ArrayLike | None,
        num_nodes: int | None,
    ) -> None:
        self.x = None if x is None else checked_features(x)
        self.y = None if y is None else checked_labels(y)
        self.num_nodes = checked_num_nodes(self.x, self.y, num_nodes)
        masks = (train_mask, val_mask, test_mask)
        self.train_mask, self.val_mask, self.test_mask = (
            None if mask is None else checked_mask(name, mask, self.num_nodes, self.y)
            for name, mask in zip(MASKS, masks, strict=True)
        )

    dense_features = conversions.dense_features
    sparse_features = conversions.sparse_features

    @property
    def num_features(self) -> int:
        """Number of features of a node, 0 without `x`."""
        return 0 if self.x is None else self.x.shape[1]

    @property
    def num_classes(self) -> int:
        """Largest class number plus one, or the columns of `y [N, C]`; 0 without `y`.

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
        return int(self.y.max(initial=-1)) + 1

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
        """Returns what is printed of features, labels and masks."""
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
        return parts

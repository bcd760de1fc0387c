"""How many neighbours to draw: the arguments `fanouts` and `replacement`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgraph.arguments import is_integer, received
from tfgraph.data.graphs.edge_set import EdgeSet

REPLACEMENTS = ("if_short", "never", "always")
RECEIVERS = ("target", "source")

# An edge set, and the end of its edges that receives.
Relation = tuple[str, str]


def checked_fanouts(
    fanouts: Any, replacement: str, pad: bool = False
) -> tuple[int | None, ...]:
    """Returns the argument `fanouts` for a `Graph`: a number or None for each layer.

    With padding, and with replacement "always", None is refused: sizes are then known
    before the neighbours.
    """
    finite = pad or replacement == "always"
    listed = isinstance(fanouts, list | tuple | np.ndarray)
    if (
        not listed
        or not len(fanouts)
        or not all(_is_fanout(fanout, finite) for fanout in fanouts)
    ):
        shown = (
            f"Received: fanouts={fanouts}" if listed else received("fanouts", fanouts)
        )
        raise ValueError(
            f"Expected `fanouts` to hold {_number(finite)} for each layer. "
            f"{shown}, replacement={replacement!r}{', pad=True' * pad}"
        )
    return tuple(_as_fanout(fanout) for fanout in fanouts)


def checked_relation_fanouts(
    edge_sets: Mapping[str, EdgeSet],
    fanouts: Any,
    replacement: str,
    pad: bool = False,
) -> list[dict[Relation, int | None]]:
    """Returns the argument `fanouts` for a `HeteroGraph`: a dict for each layer.

    Args:
        edge_sets: The edge sets of the graph.
        fanouts: See `neighbor_batches`.
        replacement: See `neighbor_batches`.
        pad: As in `checked_fanouts`.
    """
    finite = pad or replacement == "always"
    if not isinstance(fanouts, list | tuple | np.ndarray) or not len(fanouts):
        raise ValueError(
            f"Expected `fanouts` to hold {_number(finite)}, or a dict of these by "
            f"edge set, for each layer. {received('fanouts', fanouts)}"
        )
    every = [(name, receiver) for name in edge_sets for receiver in RECEIVERS]
    layers = []
    for layer in fanouts:
        if not isinstance(layer, Mapping):
            layer = dict.fromkeys(every, layer)
        by_relation = {}
        for key, fanout in layer.items():
            relation = (key, "target") if isinstance(key, str) else key
            if relation not in every:
                raise ValueError(
                    "Expected the keys in `fanouts` to be edge sets, such as 'name', "
                    "or ('name', 'source') for messages against the edges. The edge "
                    f"sets are {sorted(edge_sets)}. Received: key {key!r}"
                )
            if not _is_fanout(fanout, finite):
                raise ValueError(
                    f"Expected `fanouts` to hold {_number(finite)} for each edge set. "
                    f"{received('fanout', fanout)}, replacement={replacement!r}"
                    f"{', pad=True' * pad}"
                )
            by_relation[relation] = _as_fanout(fanout)
        layers.append(by_relation)
    return layers


def _number(finite: bool) -> str:
    return "a positive integer" + " or None" * (not finite)


def _is_fanout(value: Any, finite: bool) -> bool:
    if value is None:
        return not finite
    return is_integer(value) and value > 0


def _as_fanout(value: Any) -> int | None:
    return None if value is None else int(value)

"""Checks of what a `HeteroGraph` and its `from_...` take."""

from collections.abc import Mapping

from tfgraph.arguments import received


def named_sets(argument: str, sets):
    """Returns the items of an argument that is a dict, or raises a `ValueError`."""
    if not isinstance(sets, Mapping):
        raise ValueError(
            f"Expected `{argument}` to be a dict by name. {received(argument, sets)}"
        )
    return sets.items()


def parts_of(value, form: str, lengths: set[int]) -> tuple:
    """Returns a tuple of one of these lengths, or raises a `ValueError`."""
    if not isinstance(value, (tuple, list)) or len(value) not in lengths:
        raise ValueError(f"Expected {form}. {received('value', value)}")
    return tuple(value)


def wrong(name: str, expected: str, value) -> ValueError:
    """Returns the error for an object that is not what an argument should be."""
    return ValueError(f"Expected `{name}` to be {expected}. {received(name, value)}")

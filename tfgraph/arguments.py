"""Checks of arguments that layers, models and pipelines share."""

import numbers
import operator


def integer(name: str, value, least: int = 1, owner: str = "") -> int:
    """Returns an argument as an int, also of a NumPy integer.

    Args:
        name: Of the argument, for the error.
        value: What was given.
        least: The lowest legal value.
        owner: What the argument belongs to, such as the class of a layer.

    Raises:
        ValueError: If it is no integer, or lower.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        expected = "a positive integer" if least == 1 else f"an integer from {least} on"
        raise ValueError(_message(owner, name, value, expected))
    return number


def fraction(name: str, value, owner: str = "") -> float:
    """Returns an argument that is a number in `[0, 1)`, or raises a `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(_message(owner, name, value, "a number in [0, 1)"))
    if not 0 <= value < 1:
        raise ValueError(_message(owner, name, value, "a number in [0, 1)"))
    return value


def one_of(name: str, value, allowed, owner: str = ""):
    """Returns an argument that is one of some values, or raises a `ValueError`."""
    if not any(value is known or value == known for known in allowed):
        raise ValueError(_message(owner, name, value, f"one of {tuple(allowed)}"))
    return value


def _message(owner, name, value, expected) -> str:
    owner = f"{owner}: expected" if owner else "Expected"
    return f"{owner} `{name}` to be {expected}. Received: {name}={value!r}"

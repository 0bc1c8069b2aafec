"""Checks of numbers that callers pass as arguments, with one standard message."""

from __future__ import annotations

import operator

from .did_you_mean import quote
from .errors import ArgumentError


def whole_number(what: str, value: object, least: int = 0, most: int = 2**63 - 1) -> int:
    """An argument as an int, whatever type of integer it has.

    Args:
        what: the argument, for the message.
        value: anything that `operator.index` accepts, such as NumPy's integers.
        least: the smallest that is right.
        most: the largest that is right.

    Raises:
        ArgumentError: it is no integer (floats and texts are none, even if they stand for one), or out of bounds.
    """
    wanted = f"`{what}` is a whole number from {least} to {most}"
    try:
        number = operator.index(value)  # type: ignore[arg-type] # what it does not accept, it refuses
    except TypeError:
        raise ArgumentError(f"{wanted}, not {shown(value)}") from None
    if not least <= number <= most:
        raise ArgumentError(f"{wanted}, not {shown(number)}")
    return number


def shown(value: object) -> str:
    """A value for a message, of bounded length."""
    if type(value) is int:
        # Python refuses to write out very long integers.
        return str(value) if value.bit_length() <= 128 else f"a number of {value.bit_length()} bits"
    return quote(repr(value), 80)

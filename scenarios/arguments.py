"""Checks of numbers that callers pass as arguments, with one standard message."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Iterable
from pathlib import Path

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
        if isinstance(value, bool):
            raise TypeError  # Python takes it for a number, and nobody who writes it means one
        number = operator.index(value)  # type: ignore[arg-type] # what it does not accept, it refuses
    except TypeError:
        raise ArgumentError(f"{wanted}, not {shown(value)}") from None
    if not least <= number <= most:
        raise ArgumentError(f"{wanted}, not {shown(number)}")
    return number


MOST_SEEDS, MOST_STEPS, MOST_EPISODES, MOST_JOBS = 10_000, 10**9, 100_000, 10_000
"""The most that settings may ask for; of the first three, files may ask for no more either."""


def settle_counts(settings: object, **bounds: tuple[int, int]) -> None:
    """Check the whole numbers among the fields of a frozen dataclass, and make them plain ints; None stays.

    Args:
        settings: the object, in its `__post_init__`.
        bounds: field -> the smallest and the largest number that is right.

    Raises:
        ArgumentError: a field is no whole number, or out of bounds.
    """
    for name, (least, most) in bounds.items():
        value = getattr(settings, name)
        if value is not None:
            object.__setattr__(settings, name, whole_number(name, value, least, most))


def check_names(what: str, value: object) -> None:
    """Check that an argument is a collection of texts; None is right. A single text would be taken for its letters.

    Raises:
        ArgumentError: it is none.
    """
    if isinstance(value, str):
        raise ArgumentError(f"`{what}` is a list of texts, not {shown(value)}")
    check_items(what, value, str, "texts")


def check_listed(what: str, value: object) -> None:
    """As `check_names`, where None is wrong too: nothing is `()`.

    Raises:
        ArgumentError: it is no collection of texts.
    """
    if value is None:
        raise ArgumentError(f"`{what}` is a list of texts, not None; `()` is none of them")
    check_names(what, value)


def check_callable(what: str, value: object) -> None:
    """Check that an argument can be called with what it is told; None is right.

    Raises:
        ArgumentError: it cannot.
    """
    if value is not None and not callable(value):
        raise ArgumentError(f"`{what}` is a function that is told the progress, not {shown(value)}")


def check_items(what: str, value: object, kind: type, told: str) -> None:
    """Check that an argument is a collection of objects of one kind; None is right.

    Args:
        what: the argument, for the message.
        value: its value.
        kind: the class of its items.
        told: what they are, for the message.

    Raises:
        ArgumentError: it is none.
    """
    if value is None:
        return
    if not isinstance(value, Iterable) or not all(isinstance(each, kind) for each in value):
        raise ArgumentError(f"`{what}` is a list of {told}, not {shown(value)}")


def settle_numbers(settings: object, *fields: str) -> None:
    """Make floats of some fields of a frozen dataclass, whatever type of number they have.

    Args:
        settings: the object, in its `__post_init__`.
        fields: their names.

    Raises:
        ArgumentError: one is no number, or too large for a float.
    """
    for name in fields:
        value = getattr(settings, name)
        try:
            if isinstance(value, str | bool):
                raise TypeError  # `float` takes both
            object.__setattr__(settings, name, float(value))
        except (TypeError, ValueError, OverflowError):
            raise ArgumentError(f"`{name}` is a number, not {shown(value)}") from None


def settle_paths(settings: object, *fields: str) -> None:
    """Make paths of those fields of a frozen dataclass that are texts; None stays.

    Args:
        settings: the object, in its `__post_init__`.
        fields: their names.

    Raises:
        ArgumentError: a field can be no path.
    """
    for name in fields:
        if (value := getattr(settings, name)) is not None:
            object.__setattr__(settings, name, as_path(f"`{name}` is a path", value))


def as_path(what: str, value: object) -> Path:
    """An argument as a path, of whichever kind it is, or a text that stands for one.

    Raises:
        ArgumentError: it is none.
    """
    check_path(what, value)
    return Path(value)  # type: ignore[arg-type] # what it does not accept was refused


def check_path(what: str, value: object) -> None:
    """Check that an argument can be a path, or a text that stands for one.

    Raises:
        ArgumentError: it is none.
    """
    if not isinstance(value, str | os.PathLike) or "\0" in str(value):
        raise ArgumentError(f"{what}, not {shown(value)}")


def check_paths(what: str, value: object) -> None:
    """Check that an argument is a collection of paths. A single one would be taken for its letters.

    Raises:
        ArgumentError: it is none.
    """
    if isinstance(value, str | os.PathLike) or not isinstance(value, Iterable):
        raise ArgumentError(f"`{what}` is a list of paths, not {shown(value)}")
    for each in value:
        check_path(f"`{what}` is a list of paths", each)


def check_text(what: str, value: object) -> None:
    """Check that an argument is a text, such as a name.

    Raises:
        ArgumentError: it is none.
    """
    if not isinstance(value, str):
        raise ArgumentError(f"`{what}` is a name, not {shown(value)}")


def check_kind(what: str, value: object, kind: type) -> None:
    """Check that an argument is an object of a class; None is right.

    Raises:
        ArgumentError: it is none.
    """
    if value is not None and not isinstance(value, kind):
        raise ArgumentError(f"`{what}` is a `{kind.__name__}`, not {shown(value)}")


def check_seconds(what: str, value: object) -> None:
    """Check that an argument is a number of seconds, from 0 on; None is right.

    Raises:
        ArgumentError: it is none.
    """
    if value is None:
        return
    if isinstance(value, float) and value >= 0:
        return
    # A whole number may be too large for a float.
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max:
        return
    raise ArgumentError(f"`{what}` is a number of seconds, at least 0, not {shown(value)}")


def shown(value: object) -> str:
    """A value for a message, of bounded length."""
    if type(value) is int:
        # Python refuses to write out very long integers.
        return str(value) if value.bit_length() <= 128 else f"a number of {value.bit_length()} bits"
    return quote(repr(value), 80)

"""The errors that Turncoat raises on purpose: one tree, with one way to say that a name names nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from .did_you_mean import did_you_mean, quote

Kind = Literal["usage", "scenario", "world", "crash"]
"""Whose an error is, as `--json` says it: what was asked for, the file, what came of it, or Turncoat's own."""


class TurncoatError(Exception):
    """Base class of every error that Turncoat raises on purpose.

    Attributes:
        kind: whose it is, should it end a command. Classes that set none are handled inside the package, so one that
            gets out is Turncoat's own fault.
    """

    kind: ClassVar[Kind] = "crash"


class UsageError(TurncoatError):
    """What was asked for is not there, cannot be used or makes no sense; the message says what would be right."""

    kind = "usage"


class WorldError(TurncoatError):
    """The scenario is well written, but its world cannot be built, enumerated or solved; the message says why."""

    kind = "world"


class MissingPackageError(UsageError, ImportError):
    """An optional library is not installed; the message says how to install it."""


class UnknownNameError(UsageError, KeyError, ValueError):
    """A name was given that names nothing.

    It is a `KeyError`, as of a look-up, and a `ValueError`, as of an argument that has to be one of a few words.

    Attributes:
        what: the kind of object that was asked for, as in "stage".
        name: the name that was given.
        choices: the names that there are.
        where: where it was looked for, as in the path of a folder; empty where that goes without saying.
        clause: what the object has to be as well, as in "that can be an agent"; mostly empty.
    """

    def __init__(self, what: str, name: str, choices: Iterable[str], where: str = "", clause: str = "") -> None:
        self.what, self.name, self.choices, self.where, self.clause = what, name, tuple(choices), where, clause
        super().__init__(what, name, self.choices, where, clause)  # all of them: an error is pickled by its arguments

    def __str__(self) -> str:
        said = " ".join(part for part in (f"there is no {self.what} {quote(self.name)}", self.clause) if part)
        message = f"{said}; {did_you_mean(self.name, self.choices)}there are {', '.join(self.choices) or 'none'}"
        return f"{self.where}: {message}" if self.where else message


def check_name(what: str, name: str, choices: Iterable[str]) -> None:
    """Check that a name is among the known names.

    Raises:
        UnknownNameError: it is not.
    """
    names = tuple(choices)
    if name not in names:
        raise UnknownNameError(what, name, names)


# ------------------------------------------------------------------ words for messages

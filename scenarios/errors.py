"""The exceptions that Turncoat raises on purpose, in one tree, with one standard message for unknown names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from .did_you_mean import did_you_mean, quote

Kind = Literal["usage", "scenario", "world", "crash"]
"""Where the cause of an error lies, as `--json` reports it.

`usage`: the request is wrong. `scenario`: the scenario file is wrong. `world`: the file is valid, but its world cannot
be built, enumerated or solved. `crash`: Turncoat itself failed.
"""


class TurncoatError(Exception):
    """Base class of every error that Turncoat raises on purpose.

    Attributes:
        kind: where the cause lies, reported when the error ends a command. Subclasses that keep the default `crash` are
            meant to be caught inside the package, so one that escapes is a bug in Turncoat.
    """

    kind: ClassVar[Kind] = "crash"


class UsageError(TurncoatError):
    """A request names something missing, unusable or contradictory; the message says what would be valid."""

    kind = "usage"


class WorldError(TurncoatError):
    """The scenario file is valid, but its world cannot be built, enumerated or solved; the message says why."""

    kind = "world"


class MissingPackageError(UsageError, ImportError):
    """An optional library is not installed; the message says how to install it."""


def installing(extra: str) -> str:
    """The command that installs one of Turncoat's extras, for messages; Turncoat is installed from its folder."""
    return f"pip install '.[{extra}]' in Turncoat's folder"


class ArgumentError(UsageError, ValueError):
    """An argument is of the wrong type or out of range; the message names it and says what is wanted."""


class UnknownNameError(UsageError, KeyError, ValueError):
    """A given name does not exist among the known names.

    It is also a `KeyError`, because a look-up failed, and a `ValueError`, because an argument was not one of the
    allowed words: callers may catch whichever fits.

    Attributes:
        what: the kind of object that was asked for, such as "stage".
        name: the name that was given.
        choices: the names that exist.
        where: where the name was looked up, such as the path of a folder; empty where that is obvious.
        clause: a further condition on the object, such as "that can be an agent"; usually empty.
    """

    def __init__(self, what: str, name: str, choices: Iterable[str], where: str = "", clause: str = "") -> None:
        self.what, self.name, self.choices, self.where, self.clause = what, name, tuple(choices), where, clause
        super().__init__(what, name, self.choices, where, clause)  # all of them: an error is pickled by its arguments

    # `KeyError` would show the repr of its argument, so the message is written here.
    def __str__(self) -> str:
        said = " ".join(part for part in (f"there is no {self.what} {quote(self.name)}", self.clause) if part)
        message = f"{said}; {self._near()}there are {', '.join(self.choices) or 'none'}"
        return f"{self.where}: {message}" if self.where else message

    def _near(self) -> str:
        # A caller may ask for anything, a number or a list too, and is still told what there is.
        return did_you_mean(self.name, self.choices) if isinstance(self.name, str) else ""


def check_name(what: str, name: str, choices: Iterable[str]) -> None:
    """Check that a name is among the known names.

    Args:
        what: the kind of object, for the message.
        name: the name to check.
        choices: the known names.

    Raises:
        UnknownNameError: it is not.
    """
    names = tuple(choices)
    if name not in names:
        raise UnknownNameError(what, name, names)

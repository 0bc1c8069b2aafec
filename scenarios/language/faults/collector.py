"""Collects faults while a scenario is checked, so that an author sees all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from ...did_you_mean import did_you_mean
from .faults import Fault, Place, ScenarioError, Span

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root of a file to a value."""


MOST = 200
"""Faults after this many are not kept: they follow from the first ones, or the file is hostile."""


class Places(Protocol):
    """A source that maps paths to positions: one file, or several that were merged."""

    @property
    def file(self) -> str:
        """The file whose faults come first."""

    @property
    def lines(self) -> Mapping[str, Sequence[str]]:
        """The lines of each file, by its name."""

    def place(self, path: Path, key: bool = False) -> Place:
        """Where the value at a path, or its key, is written."""

    def locate(self, path: Path, span: Span) -> Place:
        """Where characters of the text at a path are written."""


class Report:
    """The faults that were found so far, each at the position of a path.

    Args:
        source: where places are looked up; without one, faults have no place.
    """

    def __init__(self, source: Places | None = None) -> None:
        self._source = source
        self._faults: dict[Fault, None] = {}

    def add(
        self,
        code: str,
        path: Path,
        message: str,
        cure: str,
        *,
        span: Span | None = None,
        key: bool = False,
        warning: bool = False,
        meant: tuple[str, Iterable[str]] | None = None,
    ) -> None:
        """Add a fault (once).

        Args:
            code: its stable code.
            path: the value to blame; `key` blames its key instead.
            message: what is wrong.
            cure: what would be right.
            span: the characters of the text at that path which are to blame.
            key: point at the key.
            warning: the scenario loads all the same.
            meant: what the author wrote and all that could be written there: the nearest is suggested before the cure.
        """
        cure = f"{did_you_mean(*meant)}{cure}" if meant is not None else cure
        if len(self._faults) < MOST:
            self._faults[Fault(code, self._place(path, span, key), message, cure, warning)] = None

    def faults(self) -> tuple[Fault, ...]:
        """Everything found, in the order of the file."""
        return tuple(sorted(self._faults, key=self._position))

    def raise_if_wrong(self) -> None:
        """Stop here if anything but warnings was found.

        Raises:
            ScenarioError: with every fault and warning.
        """
        if any(not fault.warning for fault in self._faults):
            raise ScenarioError(self.faults(), self._source.lines if self._source is not None else None)

    def _place(self, path: Path, span: Span | None, key: bool) -> Place | None:
        if self._source is None:
            return None
        if span is not None and span[1] > span[0]:
            return self._source.locate(path, span)
        return self._source.place(path, key)

    def _position(self, fault: Fault) -> tuple[bool, bool, str, int, int]:
        place = fault.place or Place("", 0, 0)
        first = "" if self._source is None else self._source.file
        return fault.place is None, place.file != first, place.file, place.line, place.column


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message: `a`, `b`, `c`; the rest of a long list is counted."""
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"

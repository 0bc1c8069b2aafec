"""Collecting faults while a scenario is checked, so that an author hears of all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from .faults import Fault, Place, ScenarioError

if TYPE_CHECKING:
    from .source import Source
    from .syntax import Span

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root of a file to a value."""


class Report:
    """Faults found so far, each at the place of a path.

    Args:
        source: where places are looked up; without one, faults have no place.
    """

    def __init__(self, source: Source | None = None) -> None:
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
        """
        self._faults[Fault(code, self._place(path, span, key), message, cure, warning)] = None

    def faults(self) -> tuple[Fault, ...]:
        """Everything found, in the order of the file."""
        return tuple(sorted(self._faults, key=_position))

    def raise_if_wrong(self) -> None:
        """Stop here if anything but warnings was found.

        Raises:
            ScenarioError: with every fault and warning.
        """
        if any(not fault.warning for fault in self._faults):
            raise ScenarioError(self.faults())

    def _place(self, path: Path, span: Span | None, key: bool) -> Place | None:
        if self._source is None:
            return None
        if span is not None and span[1] > span[0]:
            return self._source.locate(path, span)
        return self._source.place(path, key=key)


def _position(fault: Fault) -> tuple[bool, str, int, int]:
    place = fault.place
    return (place is None, place.file if place else "", place.line if place else 0, place.column if place else 0)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message: `a`, `b`, `c`; the rest of a long list is counted."""
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"

"""Collects the faults of a scenario during its checks, so that an author sees all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from ...did_you_mean import did_you_mean
from .faults import Fault, Place, ScenarioError, Span

Path: TypeAlias = tuple[str | int, ...]
"""The path to a value: keys and indices from the root of a file."""


MOST = 200
"""Most faults that are kept: later ones usually follow from earlier ones, or the file is hostile."""


class Places(Protocol):
    """A source that maps paths to positions: one file, or several that were merged."""

    @property
    def file(self) -> str:
        """The name of the main file, whose faults are listed first."""

    @property
    def lines(self) -> Mapping[str, Sequence[str]]:
        """File name -> its lines."""

    def place(self, path: Path, key: bool = False) -> Place:
        """The position of the value at a path; with `key`, that of its key."""

    def locate(self, path: Path, span: Span) -> Place:
        """The position of a range of characters in the text at a path."""

    def read_as(self, path: Path) -> Mapping[str, str]:
        """The names that are written in the value at a path, and what each is read as; empty where none is changed."""


class Report:
    """The faults that were found so far.

    Args:
        source: resolves paths to positions in files; without one, faults have no position.
    """

    def __init__(self, source: Places | None = None) -> None:
        self._source = source
        # A dict serves as an ordered set: several checks may meet the same fault, as once for each stage's board.
        # Of what is written once for several agents, the fault of one is enough: `True` marks those of copies.
        self._faults: dict[Fault, bool] = {}

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
        """Add a fault, unless an equal one is there already.

        Args:
            code: the stable code.
            path: the value at fault.
            message: what is wrong.
            cure: how to correct it.
            span: the range of characters at fault in the text at that path; None for the whole value.
            key: whether the position is that of the value's key.
            warning: whether the scenario loads in spite of it.
            meant: what the author wrote, and the valid words; the most similar one is suggested before the cure.
        """
        cure = f"{did_you_mean(*meant)}{cure}" if meant is not None else cure
        if len(self._faults) < MOST:
            names = {} if self._source is None else self._source.read_as(path)
            if names:
                message += f", where {', '.join(f'`{name}` is read as `{other}`' for name, other in names.items())}"
            self._faults.setdefault(Fault(code, self._place(path, span, key), message, cure, warning), bool(names))

    def faults(self) -> tuple[Fault, ...]:
        """All faults and warnings by position: the main file first, those without a position last."""
        kept: list[Fault] = []
        known: set[tuple[str, Place | None]] = set()
        for fault in sorted(self._faults, key=self._faults.__getitem__):  # what is no copy comes first
            where = fault.code, fault.place
            if not self._faults[fault] or where not in known:
                kept.append(fault)
            known.add(where)
        return tuple(sorted(kept, key=self._position))

    def raise_if_wrong(self) -> None:
        """Raise an error if any fault is more than a warning.

        Raises:
            ScenarioError: it carries every fault and warning found so far.
        """
        if any(not fault.warning for fault in self._faults):
            raise ScenarioError(self.faults(), self._source.lines if self._source is not None else None)

    def _place(self, path: Path, span: Span | None, key: bool) -> Place | None:
        if self._source is None:
            return None
        if span is not None and span[1] > span[0]:  # an empty span has no character to underline: the value has
            return self._source.locate(path, span)
        return self._source.place(path, key)

    def _position(self, fault: Fault) -> tuple[bool, bool, str, int, int]:
        place = fault.place or Place("", 0, 0)
        first = "" if self._source is None else self._source.file
        return fault.place is None, place.file != first, place.file, place.line, place.column


def listed(names: Sequence[str], most: int = 12) -> str:
    """Join names for a message: `a`, `b`, `c`; of a long list, the first `most` and the number of the others."""
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"

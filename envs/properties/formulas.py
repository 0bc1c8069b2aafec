"""Temporal formulas over the moments of an episode, and what is left of one after a moment (formula progression).

The logic is LTL on finite traces (De Giacomo and Vardi 2013) with bounds on `until`, progressed as by Bacchus and
Kabanza (2000). A moment is a state of an episode with the events of the tick that led to it; the first has no events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Constant:
    """True or false."""

    value: bool


@dataclass(frozen=True)
class Came:
    """An event of `mask` (bits of `FiniteMDP.events`) came in the tick that led to this moment."""

    mask: int


@dataclass(frozen=True)
class Holds:
    """Condition number `place` holds in the state of this moment."""

    place: int


@dataclass(frozen=True)
class Negation:
    """A formula does not hold."""

    of: Formula


@dataclass(frozen=True)
class Conjunction:
    """All of several formulas hold."""

    parts: frozenset[Formula]


@dataclass(frozen=True)
class Disjunction:
    """At least one of several formulas holds."""

    parts: frozenset[Formula]


@dataclass(frozen=True)
class Next:
    """There is a next moment, and a formula holds there."""

    of: Formula


@dataclass(frozen=True)
class Until:
    """At some moment from here on `right` holds, and at every one before it `left`.

    Attributes:
        within: after how many ticks from here that moment comes at the latest; None: at any moment of the episode.
    """

    left: Formula
    right: Formula
    within: int | None = None


@dataclass(frozen=True)
class Due:
    """What `Next` leaves behind: there is a moment after the one that was read, and a formula holds there."""

    of: Formula


Formula: TypeAlias = Constant | Came | Holds | Negation | Conjunction | Disjunction | Next | Until | Due

TRUE, FALSE = Constant(True), Constant(False)


def negation(of: Formula) -> Formula:
    """The negation, in its shortest form."""
    match of:
        case Constant(value):
            return Constant(not value)
        case Negation(inner):
            return inner
        case _:
            return Negation(of)


def conjunction(parts: Iterable[Formula]) -> Formula:
    """The conjunction, in its shortest form."""
    kept: set[Formula] = set()
    for part in parts:
        if part == FALSE:
            return FALSE
        if part != TRUE:
            kept |= part.parts if isinstance(part, Conjunction) else {part}
    if any(negation(part) in kept for part in kept):
        return FALSE
    return TRUE if not kept else kept.pop() if len(kept) == 1 else Conjunction(frozenset(kept))


def disjunction(parts: Iterable[Formula]) -> Formula:
    """The disjunction, in its shortest form."""
    kept: set[Formula] = set()
    for part in parts:
        if part == TRUE:
            return TRUE
        if part != FALSE:
            kept |= part.parts if isinstance(part, Disjunction) else {part}
    if any(negation(part) in kept for part in kept):
        return TRUE
    return FALSE if not kept else kept.pop() if len(kept) == 1 else Disjunction(frozenset(kept))


def eventually(of: Formula, within: int | None = None) -> Formula:
    """A formula holds at some moment from here on."""
    return Until(TRUE, of, within)


def always(of: Formula, within: int | None = None) -> Formula:
    """A formula holds at every moment from here on."""
    return negation(eventually(negation(of), within))


def came_before(first: int, second: int) -> Formula:
    """An event of `first` comes when none of `second` has, neither earlier nor in the same tick; both masks."""
    return Until(negation(Came(second)), conjunction([Came(first), negation(Came(second))]))


def atoms(formula: Formula) -> frozenset[Came | Holds]:
    """Everything that a formula asks of a moment."""
    match formula:
        case Constant():
            return frozenset()
        case Came() | Holds():
            return frozenset({formula})
        case Negation(of) | Next(of) | Due(of):
            return atoms(of)
        case Conjunction(parts) | Disjunction(parts):
            return frozenset().union(*(atoms(part) for part in parts))
        case Until(left, right):
            return atoms(left) | atoms(right)


def after(formula: Formula, true: Collection[Came | Holds]) -> Formula:
    """What has to hold from the next moment on, given which atoms are true at this one."""
    match formula:
        case Constant():
            return formula
        case Came() | Holds():
            return Constant(formula in true)
        case Negation(of):
            return negation(after(of, true))
        case Conjunction(parts):
            return conjunction(after(part, true) for part in parts)
        case Disjunction(parts):
            return disjunction(after(part, true) for part in parts)
        case Next(of):
            return Due(of)
        case Due(of):
            return after(of, true)
        case Until(left, right, within):
            now = after(right, true)
            if within == 0 or now == TRUE:
                return now
            later = Until(left, right, None if within is None else within - 1)
            return disjunction([now, conjunction([after(left, true), later])])


def holds_at_the_end(formula: Formula) -> bool:
    """Whether what is left of a formula holds if no moment follows."""
    match formula:
        case Constant(value):
            return value
        case Negation(of):
            return not holds_at_the_end(of)
        case Conjunction(parts):
            return all(holds_at_the_end(part) for part in parts)
        case Disjunction(parts):
            return any(holds_at_the_end(part) for part in parts)
        case _:
            return False  # what is still due, or was to come

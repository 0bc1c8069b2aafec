"""Temporal formulas over the moments of an episode, and what is left of one after a moment (formula progression).

The logic is LTL on finite traces (De Giacomo and Vardi 2013) with bounds on `until`, progressed as by Bacchus and
Kabanza (2000). A moment is a state of an episode with the events of the tick that led to it; the first has no events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..base import NotEnumerableError

MAX_WAYS = 500
"""Cases at most of what is left of a formula after a moment."""


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
    """What has to hold from the next moment on, given which atoms are true at this one.

    It is a disjunction of conjunctions of what is due and its negations, none of which implies another. Of these there
    are finitely many, so that reading on comes back to what was left before; left as it comes, `until` in `until`
    would grow for ever.

    Raises:
        NotEnumerableError: the disjunction has too many parts.
    """
    ways = _after(formula, true)
    return disjunction(conjunction(way) for way in ways)


_Way: TypeAlias = frozenset[Formula]
"""What all has to come true, or not to: `Until`, `Due` and their negations."""
_Ways: TypeAlias = frozenset[_Way]
"""Several, of which one is enough; none of them implies another."""
_NEVER: _Ways = frozenset()
_ALWAYS: _Ways = frozenset({frozenset()})


def _after(formula: Formula, true: Collection[Came | Holds]) -> _Ways:
    match formula:
        case Constant(value):
            return _ALWAYS if value else _NEVER
        case Came() | Holds():
            return _ALWAYS if formula in true else _NEVER
        case Negation(of):
            return _all([_any([{negation(part)} for part in way]) for way in _after(of, true)])
        case Conjunction(parts):
            return _all([_after(part, true) for part in parts])
        case Disjunction(parts):
            return _any([way for part in parts for way in _after(part, true)])
        case Next(of):
            return frozenset({frozenset({Due(of)})})
        case Due(of):
            return _after(of, true)
        case Until(left, right, within):
            now = _after(right, true)
            if within == 0 or now == _ALWAYS:
                return now
            later = Until(left, right, None if within is None else within - 1)
            return _any([*now, *_all([_after(left, true), frozenset({frozenset({later})})])])


def _any(ways: Iterable[Collection[Formula]]) -> _Ways:
    """One of several ways is enough."""
    kept: list[_Way] = []
    for each in ways:
        way = frozenset(each)
        if not any(_follows(other, way) for other in kept):
            kept = [other for other in kept if not _follows(way, other)]
            kept.append(way)
    alone = [part for way in kept if len(way) == 1 for part in way]
    if any(_implies(negation(part), other) for part in alone for other in alone):
        return _ALWAYS
    if len(kept) > MAX_WAYS:
        raise NotEnumerableError(
            f"what a property leaves open takes more than {MAX_WAYS} cases to say", "ask for its parts one by one"
        )
    return frozenset(kept)


def _all(several: Sequence[_Ways]) -> _Ways:
    """One way of each."""
    out = _ALWAYS
    for ways in sorted(several, key=len):
        out = _any([both for one in out for other in ways if (both := _both(one, other)) is not None])
    return out


def _both(one: _Way, other: _Way) -> _Way | None:
    """Both, without what follows from the rest; None where they contradict each other."""
    parts = one | other
    if any(_implies(part, negation(other)) for part in parts for other in parts):
        return None
    return frozenset(
        part for part in parts if not any(other != part and _implies(other, part) for other in parts)
    )  # fmt: skip


def _follows(what: _Way, way: _Way) -> bool:
    """Whether `what` holds wherever `way` does."""
    return all(any(_implies(part, each) for part in way) for each in what)


def _implies(one: Formula, other: Formula) -> bool:
    """Whether their shapes tell that one holds only where the other does: of `Until`s, their bounds."""
    match one, other:
        case Until(left, right, within), Until(left_, right_, within_):
            return left == left_ and right == right_ and (within_ is None or (within is not None and within <= within_))
        case Negation(of), Negation(of_):
            return _implies(of_, of)
        case _:
            return one == other


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

"""What a condition on one instance comes to for an instance that some board never has (see `Symbols.absences`)."""

from __future__ import annotations

from dataclasses import replace

from ..expressions.syntax import (
    FAR_OFF,
    Ahead,
    BeforeTick,
    Beside,
    Binary,
    Coordinate,
    Distance,
    Expression,
    Facing,
    Moved,
    Name,
    Number,
    Quantified,
    Relation,
    Truth,
    Unary,
)
from .ranges import decided
from .symbols import Absence, Symbols


def told_of_absent(thing: str, absence: Absence, guarded: str) -> tuple[str, str]:
    """Which instances are meant, for a message, and its cure.

    Args:
        thing: of which they are instances.
        absence: where they are nowhere.
        guarded: the beginning of a condition that leaves them out.
    """
    whole = absence.instances
    which = f"{absence.missing} of {whole} `{thing}`" if absence.missing < whole else f"`{thing}`"
    are = "is" if absence.missing == whole == 1 else "are"
    cure = f"write `{guarded}`, or, if they are meant too, `count: {whole}` under `{thing}`"
    return f"{which} that {are} nowhere in stage `{absence.stage}`", cure


def holds_of_absent(condition: Expression, name: str, symbols: Symbols) -> bool | None:
    """Whether a condition holds of an instance that is nowhere for good; None if that depends on anything else.

    Args:
        condition: as written.
        name: the instance in it.
        symbols: the symbol table.
    """
    return decided(_of_absent(condition, name), symbols)


def _of_absent(formula: Expression, name: str) -> Expression:
    """A formula with all that is known of an instance which is nowhere: it stands in no relation."""
    match formula:
        case Relation(subject=one, object=other) if _nowhere(one, name) or _nowhere(other, name):
            return Truth(False)
        case Moved(subject) | Facing(subject) if subject == name:
            return Truth(False)
        case Coordinate(place=place) if _nowhere(place, name):
            return Number(-1)
        case Distance(one, other) if _nowhere(one, name) or _nowhere(other, name):
            return Number(FAR_OFF)
        case Unary(_, operand):
            return replace(formula, operand=_of_absent(operand, name))
        case Binary(_, left, right):
            return replace(formula, left=_of_absent(left, name), right=_of_absent(right, name))
        case BeforeTick(body):
            before = _of_absent(body, name)
            return before if isinstance(before, Truth | Number) else formula
        case Quantified(body=body):
            return replace(formula, body=_of_absent(body, name))
    return formula


def _nowhere(place: Expression, name: str) -> bool:
    """Whether a place is that of the instance, or one that is found from it."""
    match place:
        case Name(word):
            return word == name
        case Ahead(subject):
            return subject == name
        case Beside(place=start):
            return _nowhere(start, name)
    return False

"""What the writers of text share: numbers that read back as they were, parts of a file, a state in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..base import Floats
from ..time_limit import check_time
from .explicit_model import ExplicitModel

AT_ONCE = 4096
"""States between two words of progress."""


def numbers(values: Floats) -> list[str]:
    """Each number with as many digits as make it the same again; whole ones without a point."""
    return [str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value) for value in values.tolist()]


def states_at_once(n_states: int) -> Iterator[range]:
    """All states, some thousands at a time, with a word of progress before each part.

    Raises:
        OutOfTimeError: a time limit passed.
    """
    for first in range(0, n_states, AT_ONCE):
        check_time(f"the model was written ({first:,} of {n_states:,} states)")
        yield range(first, min(n_states, first + AT_ONCE))


def write_parts(path: Path, parts: Iterable[str]) -> None:
    """Write a text part by part; lines end as on Unix, which model checkers expect."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(parts)


def said(model: ExplicitModel, state: int, between: str = " & ") -> str:
    """The valuation of a state: `power=2 & next_job=bench_1`, words where a value stands for one."""
    parts = []
    for variable, value in zip(model.variables, model.valuations[state].tolist(), strict=True):
        meaning = variable.meaning
        if variable.field == "arrival" and value == 0:
            continue  # nothing came, as in most states
        word = str(value) if meaning is None or not 0 <= value < len(meaning) else meaning[value]
        parts.append(f"{variable.name}={word}")
    return between.join(parts)

"""Faults of a scenario file, each with a position, a message, a cure and a stable code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ...did_you_mean import nearest, quote
from ...errors import TurncoatError
from .catalogue import CATALOGUE

WIDTH = 100
"""How many screen columns of an author's line are shown."""

# What a terminal would obey or hide: controls, marks of direction, characters without width, surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Place:
    """A position in a file: 1-based line and column, and how many characters the caret underlines."""

    file: str
    line: int
    column: int
    length: int = 1


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a scenario.

    Attributes:
        code: the stable code, `TC` and three digits; `turncoat explain CODE` prints its explanation.
        place: the position in a file; None where no single position is at fault.
        message: what is wrong, naming the object.
        cure: how to correct it.
        warning: whether the scenario loads in spite of it.
    """

    code: str
    place: Place | None
    message: str
    cure: str
    warning: bool = False


class ScenarioError(TurncoatError):
    """A scenario file has faults that keep it from being used; as text, what the terminal shows.

    Attributes:
        faults: every fault found, in the order of the file.
        lines: file name -> its lines, for the files whose text is known.
    """

    kind = "scenario"

    def __init__(self, faults: tuple[Fault, ...], lines: Mapping[str, Sequence[str]] | None = None) -> None:
        self.faults = faults
        self.lines: Mapping[str, Sequence[str]] = lines or {}
        super().__init__(faults, self.lines)  # an error is pickled by its arguments

    def __str__(self) -> str:
        return render_all(self)


# ------------------------------------------------------------------ words for messages


def oxford(words: Iterable[str], last: str = "or") -> str:
    """Join words into an English list with a serial comma: `a`, `a or b`, `a, b, or c`."""
    parts = list(words)
    if len(parts) < 3:
        return f" {last} ".join(parts)
    return f"{', '.join(parts[:-1])}, {last} {parts[-1]}"


def safe(text: str) -> str:
    """Replace control, bidirectional and invisible characters, so that a terminal shows the text as it is."""
    return _UNSAFE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    character = ord(match.group())
    if character == 9:
        return "→"
    # U+2400 to U+241F are pictures of the 32 control characters.
    return chr(0x2400 + character) if character < 32 else "\ufffd"


# ------------------------------------------------------------------ explaining and showing


def explain(code: str) -> str:
    """The catalogue's explanation of a fault code; for an unknown code, a message with the most similar one.

    Args:
        code: the code as printed, in upper or lower case, such as `TC401`.
    """
    wanted = code.strip().upper()
    if wanted in CATALOGUE:
        return f"{wanted}: {CATALOGUE[wanted]}"
    guess = nearest(wanted, CATALOGUE)
    hint = f"did you mean `{guess}`?" if guess else "codes are `TC` and three digits, as printed with each fault."
    return f"There is no fault code {quote(safe(code))}; {hint}"


def render(fault: Fault, lines: Sequence[str]) -> str:
    """Format a fault for printing: its position, code and message, the line with a caret below it, and the cure.

    Args:
        fault: the fault to format.
        lines: the lines of the file in which the fault lies; without its line, the excerpt is left out.
    """
    label = f"{fault.code} warning:" if fault.warning else fault.code
    message = f"{label} {safe(fault.message)}"
    cure = f"   cure: {safe(fault.cure)}"
    place = fault.place
    if place is None:
        return f"{message}\n{cure}"
    head = f"{safe(place.file)}:{place.line}:{place.column}: {message}"
    if not 1 <= place.line <= len(lines):
        return f"{head}\n{cure}"
    shown, caret = _excerpt(lines[place.line - 1], place.column - 1, place.length)
    gutter = max(5, len(str(place.line)))
    line = f"{place.line:>{gutter}} | {shown}".rstrip()
    return f"{head}\n{line}\n{'':>{gutter}} | {caret}\n{cure}"


def render_all(error: ScenarioError) -> str:
    """Format every fault of an error for printing, as by `render`."""
    return "\n".join(render(its, error.lines.get(its.place.file, ()) if its.place else ()) for its in error.faults)


def _excerpt(line: str, start: int, length: int) -> tuple[str, str]:
    """The part of a line around a caret, and the caret's own line, both at most `WIDTH` columns wide."""
    start = min(max(start, 0), len(line))
    end = min(max(start + length, start), len(line))
    # Each side is widened in turn until the window is full; a mark wider than the window keeps its beginning.
    left = right = start
    room = WIDTH - 2  # an ellipsis may stand on each side
    while right < end and room > 0:
        # A mark without width counts as a column, or a line of millions of them would all be shown.
        room -= max(1, _columns(line[right]))
        right += 1
    while room > 0 and (left > 0 or right < len(line)):
        if left > 0:
            left -= 1
            room -= max(1, _columns(line[left]))
        if right < len(line) and room > 0:
            room -= max(1, _columns(line[right]))
            right += 1
    before, marked, after = line[left:start], line[start : min(end, right)], line[max(start, min(end, right)) : right]
    ahead = ("…" if left > 0 else "") + safe(before)
    shown = ahead + safe(marked) + safe(after) + ("…" if right < len(line) else "")
    return shown.rstrip(), " " * _width(ahead) + "^" * max(1, _width(safe(marked)))


def _width(text: str) -> int:
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    """How many columns a terminal needs for a character: 0 for combining marks, 2 for wide characters, else 1."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


Span: TypeAlias = tuple[int, int]
"""A half-open range of character offsets in the text of an expression, from 0."""

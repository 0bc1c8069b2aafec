"""Draws one state of a world, or several in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from PIL import Image

from ...envs.base import Ints
from ...envs.world.world import World
from ..drawing.board import SMALL, BoardDrawing, layout_of
from ..drawing.canvas import Canvas, text_width, wrapped
from ..drawing.palette import LIGHT
from ..text.ascii_board import describe

TITLE, TEXT = 16.0, 13.5
"""Sizes of type in points."""
TALLEST = 1.3
"""Greatest height of a board, as a multiple of the panel's width; a board that would be taller is drawn narrower."""
GAP = 22.0
"""Distance between the panels of a filmstrip, in points."""


@dataclass(frozen=True)
class Caption:
    """The text around a picture: its title, its notes and the line below.

    Attributes:
        title: above the picture; events: labels beside the title.
        text: a line or two below the picture; figures: (name, value) pairs below the text.
        notes: small print at the foot; None for the lines of `describe` for the state.
    """

    title: str = ""
    events: tuple[str, ...] = ()
    text: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] | None = None


def picture(
    world: World,
    state: Ints,
    caption: Caption | None = None,
    *,
    path: Ints | None = None,
    width: float = 360,
    ratio: float = 2,
) -> Image.Image:
    """A picture of one state.

    Args:
        world: the compiled world.
        state: int32 `[F]`.
        caption: the text around it.
        path: int32 `[T, F]`, the states that led here, this one last: the agents' ways are drawn, and bodies that left
            the board in the last tick are crossed out.
        width: in points; the height follows.
        ratio: pixels in a point.
    """
    return filmstrip(world, state[None], (caption or Caption(),), paths=(path,), width=width, ratio=ratio)


def filmstrip(
    world: World,
    states: Ints,
    captions: Sequence[Caption],
    *,
    paths: Sequence[Ints | None] | None = None,
    width: float = 1200,
    ratio: float = 2,
) -> Image.Image:
    """Several states of one world side by side.

    Args:
        world: the compiled world.
        states: int32 `[P, F]`.
        captions: P captions.
        paths: P paths, see `picture`.
        width: of the whole strip, in points.
        ratio: pixels in a point.

    Raises:
        ValueError: the panels do not fit into the width.
    """
    each = (width - GAP * (len(states) - 1)) / len(states)
    if each < 1:
        raise ValueError(f"{len(states)} panels do not fit into {width:g} points")
    ways = paths or (None,) * len(states)
    panels = [_Panel(world, *panel, each) for panel in zip(states, captions, ways, strict=True)]
    # All panels get the greatest head and foot, so that boards and captions stand at one height.
    head = max(panel.head for panel in panels)
    foot = max(panel.foot for panel in panels)
    drawn = [panel.draw(head, foot, ratio) for panel in panels]
    strip = Image.new("RGB", (round(width * ratio), drawn[0].height), LIGHT.paper)
    for number, panel in enumerate(drawn):
        strip.paste(panel, (round(number * (each + GAP) * ratio), 0))
    return strip


class _Panel:
    """One state with its caption, `width` points wide; `head` and `foot` are the heights that the caption needs."""

    def __init__(self, world: World, state: Ints, caption: Caption, path: Ints | None, width: float) -> None:
        self.world, self.state, self.caption, self.width = world, state, caption, width
        self.path = state[None] if path is None else path
        self.board = (
            BoardDrawing(world, layout_of(world, state), width, TALLEST * width) if world.boards.height else None
        )
        self.text = wrapped(caption.text, TEXT, width)
        notes = describe(world, state) if caption.notes is None else caption.notes
        self.notes = _joined(notes, SMALL, width)
        self.head = TITLE + 11 if caption.title or caption.events else 0.0
        self.foot = 8.0 * bool(self.text or self.notes or caption.figures) + 17 * len(self.text)
        self.foot += (40 if caption.figures else 0) + 15 * len(self.notes)

    def draw(self, head: float, foot: float, ratio: float) -> Image.Image:
        height = self.board.height if self.board else 0.0
        canvas = Canvas(self.width, head + height + foot, ratio)
        if self.caption.title or self.caption.events:
            self._draw_head(canvas)
        if self.board:
            self.board.top = head
            self.board.draw(canvas, self.path)
        self._draw_foot(canvas, head + height)
        return canvas.picture()

    def _draw_head(self, canvas: Canvas) -> None:
        canvas.text(0, TITLE, self.caption.title, TITLE, bold=True)
        right = self.width
        for event in reversed(self.caption.events):  # from the right edge, so the last label is placed first
            left = right - text_width(event, SMALL) - 16
            canvas.box(left, 0, right, TITLE + 4, LIGHT.ink, (TITLE + 4) / 2)
            canvas.text((left + right) / 2, TITLE - 2, event, SMALL, LIGHT.paper, "ms")
            right = left - 5

    def _draw_foot(self, canvas: Canvas, top: float) -> None:
        y = top + 8
        for line in self.text:
            canvas.text(0, y + 13, line, TEXT)
            y += 17
        if self.caption.figures:
            share = self.width / len(self.caption.figures)
            for number, (name, value) in enumerate(self.caption.figures):
                canvas.text(number * share, y + 14, name, SMALL, LIGHT.muted)
                canvas.text(number * share, y + 31, value, TITLE, bold=True)
            y += 40
        for line in self.notes:
            canvas.text(0, y + 11, line, SMALL, LIGHT.muted)
            y += 15


def _joined(words: Sequence[str], size: float, width: float) -> list[str]:
    """Short phrases as lines, with dots between those that share one."""

    def add(lines: list[str], word: str) -> list[str]:
        longer = f"{lines[-1]} · {word}" if lines else ""
        return [*lines[:-1], longer] if lines and text_width(longer, size) <= width else [*lines, word]

    return reduce(add, words, [])

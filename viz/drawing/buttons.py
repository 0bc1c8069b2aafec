"""The row of buttons below a scene: each presses a key, and the one that the mouse is over shows a tip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from .canvas import Canvas, text_width, wrapped
from .palette import mix

BAR = 30.0
"""Height of the row, in points."""
SIZE, PADDING, APART, BETWEEN = 12.0, 7.0, 4.0, 12.0
"""Size of type, space around a label, and between buttons and groups, in points."""
LEAST = 24.0
"""The least width of a button, in points."""


@dataclass(frozen=True)
class Button:
    """A button that does what a key does.

    Attributes:
        key: that it stands for, by pygame's name; label: a sign or a word; tip: what it does, in words.
        group: where there is no room for all, groups with low numbers get it, and the panel of keys has all.
        on: whether what it switches is on.
    """

    key: str
    label: str
    tip: str
    group: int = 0
    on: bool = False


PlacedButton = tuple[Button, float, float]
"""A button with the left end and the width of its place, in points."""


@lru_cache(16)
def placed_buttons(buttons: tuple[Button, ...], width: float) -> tuple[PlacedButton, ...]:
    """The buttons that have room, in their order; groups with low numbers get it first."""
    kept: list[Button] = []
    for group in sorted({button.group for button in buttons}):
        more = [button for button in buttons if button in kept or button.group == group]
        if _length(more) <= width - 32:
            kept = more
    x, placed = 16.0, list[PlacedButton]()
    for number, button in enumerate(kept):
        if number and kept[number - 1].group != button.group:
            x += BETWEEN - APART
        placed.append((button, x, _width(button)))
        x += _width(button) + APART
    return tuple(placed)


def button_at(buttons: tuple[Button, ...], width: float, top: float, x: float, y: float) -> Button | None:
    """The button under a point of a row with its upper edge at `top`; None if there is none."""
    if not top <= y < top + BAR:
        return None
    placed = placed_buttons(buttons, width)
    return next((button for button, left, wide in placed if left <= x < left + wide), None)


def draw_buttons(canvas: Canvas, buttons: tuple[Button, ...], pointed: str, top: float) -> None:
    """Draw the row with its upper edge at `top`, and the tip of the button whose key is `pointed`."""
    theme = canvas.theme
    for button, left, wide in placed_buttons(buttons, canvas.width):
        fill = mix(theme.panel, theme.reward, 0.25) if button.on else theme.panel
        rim = theme.reward if button.key == pointed else mix(theme.hairline, theme.muted, 0.3)
        canvas.box(left, top + 3, left + wide, top + BAR - 4, fill, 5, rim, 1)
        canvas.text(left + wide / 2, top + BAR / 2 - 0.5, button.label, SIZE, theme.ink, "mm")
    for button, left, wide in placed_buttons(buttons, canvas.width):
        if button.key == pointed:
            draw_tip(canvas, f"{button.tip} · {_shown(button.key)}", left + wide / 2, top)


def draw_tip(canvas: Canvas, text: str, x: float, bottom: float) -> None:
    """Write a tip over a point, moved sideways where it would leave the picture."""
    theme = canvas.theme
    lines = wrapped(text, SIZE, min(360.0, canvas.width - 40))
    wide = max(text_width(line, SIZE) for line in lines) + 16
    tall = 8 + 16 * len(lines)
    left = min(max(x - wide / 2, 6), canvas.width - wide - 6)
    top = max(bottom - tall - 4, 2)
    canvas.box(left, top, left + wide, top + tall, theme.ink, 5)
    for number, line in enumerate(lines):
        canvas.text(left + 8, top + 4 + 16 * number + 8, line, SIZE, theme.paper, "lm")


def _shown(key: str) -> str:
    """A key as a keyboard shows it."""
    named = {"space": "Space", "home": "Home", "end": "End", "tab": "Tab", "escape": "Esc"}
    if key in named:
        return named[key]
    return "+".join(part.capitalize() if len(part) > 1 else part.upper() for part in key.split("+")) or key


def _width(button: Button) -> float:
    return max(text_width(button.label, SIZE) + 2 * PADDING, LEAST)


def _length(buttons: Sequence[Button]) -> float:
    parts = sum(_width(button) + APART for button in buttons) - APART
    groups = sum(one.group != other.group for one, other in pairwise(buttons))
    return parts + groups * (BETWEEN - APART)

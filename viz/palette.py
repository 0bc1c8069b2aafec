"""The colours of every picture, as `#rrggbb`.

The hues are those of Okabe and Ito, which people with any kind of colour blindness tell apart; nothing is told by hue
alone, a shape or a word says it too.
"""

from __future__ import annotations

ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"

PAPER = "#FFFFFF"
INK = "#1F2933"
MUTED = "#66717F"
HAIRLINE = "#D9DDE2"
FLOOR = "#F7F7F4"
GRID = "#E3E4DF"
WALL = "#4A5462"
ON_WALL = "#F2F4F7"

AGENTS = (BLUE, GREEN, ORANGE, PURPLE)
"""One after another, for the agents of a world; `WATCHER` is kept for whoever oversees them."""
WATCHER = VERMILION
MONSTER = "#7A3E9D"
ITEMS = (ORANGE, GREEN, PURPLE, SKY)
BLOCK = "#B08B57"
ZONES = (GREEN, YELLOW, SKY, PURPLE, ORANGE)


def mix(first: str, second: str, share: float) -> str:
    """A colour between two: `share` of the second, from 0 to 1."""
    pairs = zip(_parts(first), _parts(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

"""The colours of every picture, as `#rrggbb`, in two themes.

The hues are those of Okabe and Ito, which people with any kind of colour blindness can tell apart. No information rests
on hue alone: a shape or a word gives it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"

WHITE = "#FFFFFF"
"""Colour of eyes and of letters on a dark ground, in every theme."""
NIGHT = "#1F2933"
"""Colour of pupils in every theme, and of letters in the light one."""


@dataclass(frozen=True)
class Theme:
    """The colours of one theme, by what they are used for.

    Attributes:
        name: `light` or `dark`.
        paper: background of the picture; panel: of panels; ink, muted: of letters; hairline: of thin lines.
        floor, grid, wall: of boards; on_wall: of letters on walls.
        agents: for the agents of a world, in order; watcher: for a thing that oversees them.
        monster, items, block: of other bodies; zones: of zones.
        reward, performance: of the weighted reward and of the hidden performance; others: of further curves.
        below, zero, above: of negative values, of 0 and of positive values on a scale.
        worth: of what places are worth, on pages, where thin lines in the agents' own colours lie over it.
        good, bad, undecided: of words that are verdicts, with enough contrast for text.
    """

    name: str
    paper: str
    panel: str
    ink: str
    muted: str
    hairline: str
    floor: str
    grid: str
    wall: str
    on_wall: str
    agents: tuple[str, ...]
    watcher: str
    monster: str
    items: tuple[str, ...]
    block: str
    zones: tuple[str, ...]
    reward: str
    performance: str
    others: tuple[str, ...]
    below: str
    zero: str
    above: str
    worth: str
    good: str
    bad: str
    undecided: str

    def tone(self, name: str) -> str:
        """The colour of a text by its tone: `good`, `bad`, `undecided` or `muted`; of any other name that of ink."""
        tones = {"good": self.good, "bad": self.bad, "undecided": self.undecided, "muted": self.muted}
        return tones.get(name, self.ink)

    def heads(self, channels: Sequence[str]) -> tuple[str, ...]:
        """The colours of the value heads of a world, in every panel, curve and page.

        What is called a task, and what an agent is after on its own, has the same colour in every world, in whatever
        order a file names them.

        Args:
            channels: the names of the heads, in order.
        """
        hues = [ROLES.get(_role(name), -1) for name in channels]
        free = [number for number in range(len(self.others)) if number not in hues] or [*range(len(self.others))]
        unnamed = [place for place, hue in enumerate(hues) if hue < 0]
        for count, place in enumerate(unnamed):
            hues[place] = free[count % len(free)]
        return tuple(self.others[hue] for hue in hues)

    def zone_hues(self, names: Sequence[str]) -> dict[str, str]:
        """The hue of each zone of a world; zones whose names differ in a number at their end alone share one."""
        stems = list(dict.fromkeys(map(_stem, names)))
        return {name: self.zones[stems.index(_stem(name)) % len(self.zones)] for name in names}


ROLES = {"task": 0, "own": 1}
"""The place among `others` of the colours of heads that mean the same in every world."""


def _role(channel: str) -> str:
    """The name of a head without that of the agent whose it is."""
    return channel.rpartition(".")[2]


def _stem(zone: str) -> str:
    return zone.rstrip("0123456789").rstrip("_")


LIGHT = Theme(
    name="light",
    paper="#FFFFFF",
    panel="#F2F4F6",
    ink=NIGHT,
    muted="#66717F",
    hairline="#D9DDE2",
    floor="#F7F7F4",
    grid="#E3E4DF",
    wall="#4A5462",
    on_wall="#F2F4F7",
    agents=(BLUE, GREEN, ORANGE, PURPLE),
    watcher=VERMILION,
    monster="#7A3E9D",
    items=(ORANGE, GREEN, PURPLE, SKY),
    block="#B08B57",
    zones=(GREEN, YELLOW, SKY, PURPLE, ORANGE),
    reward=BLUE,
    performance=VERMILION,
    others=(GREEN, PURPLE, ORANGE, SKY),
    below=VERMILION,
    zero="#F7F7F4",
    above=BLUE,
    worth=GREEN,
    good="#00795A",
    bad="#B34A00",
    undecided="#7A6A00",
)

# Most hues are lighter than in the other theme: the originals have too little contrast with a dark ground.
DARK = Theme(
    name="dark",
    paper="#14181D",
    panel="#1C2229",
    ink="#E8ECF1",
    muted="#98A4B3",
    hairline="#333C47",
    floor="#232A32",
    grid="#2E3741",
    wall="#56616F",
    on_wall="#F2F4F7",
    agents=("#3C9FE0", "#19B88A", ORANGE, "#D98BB7"),
    watcher="#F0772B",
    monster="#A86BCB",
    items=(ORANGE, "#19B88A", "#D98BB7", SKY),
    block="#B08B57",
    zones=("#19B88A", YELLOW, SKY, PURPLE, ORANGE),
    reward="#4FB0EE",
    performance="#F5823A",
    others=("#19B88A", "#D98BB7", ORANGE, SKY),
    below="#F0772B",
    zero="#232A32",
    above="#3FA9F0",
    worth="#19B88A",
    good="#35C79B",
    bad="#FF9355",
    undecided="#E2CF47",
)

THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


@cache
def mix(first: str, second: str, share: float) -> str:
    """A mixture of two colours, with `share` (from 0 to 1) of the second."""
    pairs = zip(_parts(first), _parts(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def spread(colours: Sequence[str], share: float) -> str:
    """The colour at `share`, from 0 to 1, of the way through evenly spaced colours."""
    at = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    first = min(int(at), len(colours) - 2)
    # `mix` caches its results without a limit; rounding bounds how many different shares it sees.
    return mix(colours[first], colours[first + 1], round(at - first, 3))


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

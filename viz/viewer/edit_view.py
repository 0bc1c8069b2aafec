"""What is shown of a scenario that is edited by hand, without how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...envs.world.world import World
from ...scenarios.language.names.symbols import legend_agent, legend_thing, legend_zones
from ...scenarios.language.schema.document import Document
from .what_if_menu import Menu

Cell: TypeAlias = tuple[int, int]
"""Row and column of a map, from 0."""


@dataclass(frozen=True)
class MapGlyph:
    """A glyph of the legend, and what it puts on its cells.

    Attributes:
        glyph: as it stands in the map; name: for a reader.
        wall: whether it is a wall; zones: names; body: the name of an agent or thing, or None.
        agent: whether that is an agent.
    """

    glyph: str
    name: str
    wall: bool = False
    zones: tuple[str, ...] = ()
    body: str | None = None
    agent: bool = False

    @property
    def bare(self) -> bool:
        """Whether it is floor and nothing else."""
        return not (self.wall or self.zones or self.body)


@dataclass(frozen=True)
class EditTool:
    """What the mouse or the space bar does to a cell.

    Attributes:
        kind: `move` a piece, drag a `patrol`, or `paint` a glyph.
        glyph: that is painted.
    """

    kind: Literal["move", "patrol", "paint"]
    glyph: MapGlyph | None = None

    @property
    def name(self) -> str:
        """For a reader."""
        if self.glyph is not None:
            return f"{self.glyph.name}{' (erase)' if self.glyph.bare else ''}"
        return {"move": "move a piece", "patrol": "drag a patrol"}.get(self.kind, self.kind)


@dataclass(frozen=True)
class PatrolView:
    """The round of a thing: its stops, and whether the first follows the last."""

    thing: str
    stops: tuple[Cell, ...]
    loop: bool


@dataclass(frozen=True)
class PlacedFault:
    """A fault of the edited text, with the cells of the map that it is about; none if it is about none."""

    text: str
    cure: str
    cells: tuple[Cell, ...]
    warning: bool


@dataclass(frozen=True)
class EditView:
    """The content of the picture of an editor.

    Attributes:
        file: the name of the file; changed: whether it is not saved.
        about: which map is edited; rows: of it, empty where there is none.
        world: that the figures and colours are of.
        glyphs: of the legend; declared: zone -> its cells that no glyph draws.
        tools: what can be chosen; tool: index of the chosen one.
        cursor: the cell of the keyboard; on_board: whether the arrows move it, and not the sliders.
        patrols: of the shown stage.
        faults: what is wrong; pointed: index of the one whose text stands at its cell, or None.
        menu: the sliders; said: what the edits came to; busy: whether that is still being worked out.
        refused: what cannot be edited, and why.
    """

    file: str
    changed: bool
    about: str
    rows: tuple[str, ...]
    world: World
    glyphs: tuple[MapGlyph, ...]
    declared: tuple[tuple[str, tuple[Cell, ...]], ...]
    tools: tuple[EditTool, ...]
    tool: int
    cursor: Cell
    on_board: bool
    patrols: tuple[PatrolView, ...]
    faults: tuple[PlacedFault, ...]
    pointed: int | None
    menu: Menu
    said: tuple[str, ...]
    busy: bool
    refused: tuple[str, ...]

    def glyph_at(self, cell: Cell) -> MapGlyph | None:
        """What the map shows on a cell; None for a glyph that the legend does not have."""
        sign = self.rows[cell[0]][cell[1]]
        return next((each for each in self.glyphs if each.glyph == sign), None)


def glyphs_of(document: Document) -> tuple[MapGlyph, ...]:
    """The glyphs of a scenario's legend, in its order."""
    found = []
    for glyph, entry in document.legend.items():
        wall = entry == "wall" or (not isinstance(entry, str) and entry.wall)
        agent, thing = legend_agent(entry, document), legend_thing(entry, document)
        zones = legend_zones(entry, document)
        words = [*(["wall"] if wall else []), *([agent] if agent else []), *([thing] if thing else []), *zones]
        name = " · ".join(words).replace("_", " ") or "floor"
        found.append(MapGlyph(glyph, name, wall, zones, agent or thing, agent is not None))
    return tuple(found)

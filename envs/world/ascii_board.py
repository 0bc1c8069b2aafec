"""A board as text, in the glyphs of its scenario file."""

from __future__ import annotations

from collections.abc import Mapping

from ...scenarios.language.names.symbols import legend_agent, legend_thing, legend_zones
from ...scenarios.language.schema.document import Document, LegendEntry
from ..base import Ints
from .world import World

_SPARE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789*+=%@&?"


def glyphs(document: Document) -> Mapping[str, str]:
    """The character of agents, things and zones by name, and of `wall` and `floor`.

    The characters are those of the legend. Where an entry puts several things on one cell, its character stands for the
    uppermost that has none yet; but never for a zone below an agent or a thing, or the cell would look as if that were
    still there. An agent or a thing without one gets a free letter, of its own name if possible; a zone without one is
    not drawn.
    """
    table: dict[str, str] = {}
    # Entries with the fewest names come first, so that one that names a single thing decides before a shared one, and
    # of those the plainest, so that a thing is drawn as it is where nothing more is said of it.
    for glyph, entry in sorted(document.legend.items(), key=lambda item: _said(item[1], document)):
        names = [name for name in _named(entry, document) if name not in table]
        if names:
            table[names[0]] = glyph
    taken = {*document.legend, *table.values()}
    for name, wanted in (
        ("wall", "#"),
        ("floor", "."),
        *((agent, agent.upper()) for agent in document.agents),
        *((thing, thing.lower()) for thing in document.things),
    ):
        if name not in table:
            # `?` may stand for several names: it is what remains when every other character is taken.
            table[name] = next(letter for letter in wanted + _SPARE + "?" if letter not in taken or letter == "?")
            taken.add(table[name])
    return table


def text_board(world: World, state: Ints, glyphs: Mapping[str, str], of_bodies: Mapping[str, str] | None = None) -> str:
    """The board of a state int32 `[F]`, one line for each row.

    Agents cover things, things cover zones, smaller zones cover larger ones, and zones cover floor and walls.

    Args:
        world: compiled.
        state: the state.
        glyphs: the character of each agent, thing and zone, of `wall` and `floor`.
        of_bodies: the characters of single bodies that have another one.
    """
    boards = world.boards
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    cells = [glyphs["wall"] if wall else glyphs["floor"] for wall in boards.walls[layout, :-1]]
    zones = {name: zone[layout, :-1].nonzero()[0] for name, zone in boards.named_zones.items()}
    for name in sorted(zones, key=lambda name: -zones[name].size):
        for cell in zones[name] if name in glyphs else ():
            cells[cell] = glyphs[name]
    # A cell shows the last character that is written to it, so the uppermost body comes last.
    for body in sorted(world.bodies, key=lambda body: (body.is_agent, body.solid, -body.order)):
        if state[body.cell] != boards.nowhere:
            cells[state[body.cell]] = (of_bodies or {}).get(body.name, glyphs[body.group])
    rows = (cells[first : first + boards.width] for first in range(0, len(cells), boards.width))
    return "\n".join("".join(row) for row in rows)


def _said(entry: str | LegendEntry, document: Document) -> tuple[int, int]:
    """How many names an entry's character can stand for, and how much it says in all."""
    return len(_named(entry, document)), 0 if isinstance(entry, str) else len(entry.model_fields_set)


def _named(entry: str | LegendEntry, document: Document) -> list[str]:
    """The names that an entry's character can stand for, the uppermost first: agents and things, or else zones."""
    if entry == "wall" or (isinstance(entry, LegendEntry) and entry.wall):
        return [*legend_zones(entry, document)] or ["wall"]
    both = (legend_agent(entry, document), legend_thing(entry, document))
    zones = legend_zones(entry, document)
    # What no agent sees is not drawn over what it does see.
    observed = [name for name in zones if name not in document.zones or document.zones[name].observed]
    return [name for name in both if name is not None] or observed or [*zones] or ["floor"]

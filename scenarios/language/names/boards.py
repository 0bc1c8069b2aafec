"""Builds a `Board` from a drawn map, a legend and zones; faults name the row and column that they concern."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ..expressions.constants import NotConstantError, constant
from ..expressions.parser import ExpressionError, formula
from ..faults.collector import Path, Report, listed
from ..schema.document import Document, Formula, LegendEntry, Rectangle
from .symbols import MOVES, SURFACES, action_names, legend_agent, legend_thing, legend_zones, suggestion

Cell: TypeAlias = tuple[int, int]
"""Row and column, counted from 0 at the top left."""

SIDE = 64
"""Most rows, and most columns, of a board."""

_COMMENT = re.compile(r"(?:^|\s)#\s+\w")


@dataclass(frozen=True)
class Board:
    """The drawn map of a stage: where everything stands at the start of an episode.

    Attributes:
        height: the number of rows.
        width: the number of columns.
        walls: the cells that nothing can enter.
        zones: zone -> its cells, in reading order.
        agents: agent -> its cell; an agent without a body is left out.
        things: thing -> the cells of its instances, in reading order; empty where the map shows none.
        fields: (agent or thing, cell) -> with what the fields of the one that stands there begin, if the legend says.
    """

    height: int
    width: int
    walls: frozenset[Cell]
    zones: Mapping[str, tuple[Cell, ...]]
    agents: Mapping[str, Cell]
    things: Mapping[str, tuple[Cell, ...]]
    fields: Mapping[tuple[str, Cell], Mapping[str, Formula]] = field(default_factory=dict)


def read_board(document: Document, map_text: str, params: Mapping[str, object]) -> Board:
    """Read a map that has been checked, or fail.

    Args:
        document: the scenario, with its legend, zones and names.
        map_text: the map as drawn, one line for each row.
        params: param -> its value, for rectangles given by formulas.

    Raises:
        ScenarioError: the map has faults; they carry no positions.
    """
    report = Report()
    board = check_board(document, map_text, params, report, ("map",))
    report.raise_if_wrong()
    assert board is not None
    return board


def check_board(
    document: Document, map_text: str, params: Mapping[str, object], report: Report, path: Path
) -> Board | None:
    """Read a map and report its faults.

    Args:
        document: the scenario, with its legend, zones and names.
        map_text: the map as drawn, one line for each row.
        params: param -> its value, for rectangles given by formulas.
        report: receives the faults.
        path: the position of the map in the file.

    Returns:
        The board; None if the rows do not form a rectangle of glyphs of a permitted size.
    """
    rows = tuple(_rows(map_text))
    if not rows:
        report.add("TC300", path, "the map has no rows", "draw at least one row, one character for each cell")
        return None
    width = max(len(row) for _, row in rows)
    if len(rows) > SIDE or width > SIDE:
        message = f"the board has {len(rows)} rows and {width} columns"
        report.add("TC309", path, message, f"a board has at most {SIDE} rows and {SIDE} columns")
        return None
    if not _check_rows(rows, report, path):
        return None

    walls, zones, agents, things = _read_cells(document, rows, report, path)
    _check_rim(rows, walls, report, path)
    _check_agents(document, agents, report, path)
    for name, cells in _declared_zones(document, params, (len(rows), width), walls, report):
        zones.setdefault(name, set()).update(cells)
    return Board(
        height=len(rows),
        width=width,
        walls=frozenset(walls),
        zones={name: tuple(sorted(cells)) for name, cells in zones.items()},
        agents=agents,
        things={name: tuple(cells) for name, cells in things.items()},
        fields=_read_fields(document, rows),
    )


def _read_cells(
    document: Document, rows: tuple[tuple[int, str], ...], report: Report, path: Path
) -> tuple[set[Cell], dict[str, set[Cell]], dict[str, Cell], dict[str, list[Cell]]]:
    """Look up every glyph in the legend.

    Returns:
        The walls, then zone -> its cells, agent -> its cell, and thing -> the cells of its instances in reading order.
    """
    walls: set[Cell] = set()
    # Zones and things that this map does not show get no cells: other stages may, and look-ups by name must not fail.
    zones: dict[str, set[Cell]] = {
        name: set() for entry in document.legend.values() for name in legend_zones(entry, document)
    }
    agents: dict[str, Cell] = {}
    things: dict[str, list[Cell]] = {name: [] for name in document.things}
    for row, (offset, text) in enumerate(rows):
        for column, glyph in enumerate(text):
            cell, span = (row, column), (offset + column, offset + column + 1)
            entry = document.legend.get(glyph)
            if entry is None:  # the cell counts as floor, so that the other glyphs are still checked
                message = f"`{glyph}` at row {row}, column {column} is not in the legend"
                report.add("TC302", path, message, _glyph_cure(glyph, document), span=span)
                continue
            if entry == "wall" or (isinstance(entry, LegendEntry) and entry.wall):
                walls.add(cell)
            for zone in legend_zones(entry, document):
                zones[zone].add(cell)
            thing, agent = legend_thing(entry, document), legend_agent(entry, document)
            if thing in things:
                things[thing].append(cell)
            if agent in agents:
                message = f"agent `{agent}` is on the map again at row {row}, column {column}"
                first = agents[agent]
                cure = f"an agent has one body: keep row {first[0]}, column {first[1]} or this one"
                report.add("TC306", path, message, cure, span=span)
            elif agent in document.agents:
                agents[agent] = cell
    return walls, zones, agents, things


def _read_fields(
    document: Document, rows: tuple[tuple[int, str], ...]
) -> dict[tuple[str, Cell], Mapping[str, Formula]]:
    """With what the fields of what stands on each cell begin, where the legend says so."""
    fields: dict[tuple[str, Cell], Mapping[str, Formula]] = {}
    for row, (_, text) in enumerate(rows):
        for column, glyph in enumerate(text):
            entry = document.legend.get(glyph)
            if isinstance(entry, LegendEntry) and entry.fields:
                for name in (entry.thing, entry.agent):
                    if name is not None:
                        fields[name, (row, column)] = entry.fields
    return fields


def check_legend(document: Document, drawn: str, report: Report) -> None:
    """Report legend entries with unknown names, with contradictions, or with glyphs that no map shows.

    Args:
        document: the scenario, with its legend.
        drawn: the texts of all maps, joined.
        report: receives the faults.
    """
    bodies = (*document.things, *document.agents)
    marked = [entry for entry in document.legend.values() if not isinstance(entry, str)]
    named = {zone for entry in marked for zone in legend_zones(entry, document)}
    for glyph, entry in document.legend.items():
        path: Path = ("legend", glyph)
        if glyph.isspace():
            cure = "use a visible glyph, such as `.`: YAML drops spaces at the ends of rows"
            report.add("TC303", path, "a space is never a glyph", cure, key=True)
        elif document.map is not None and glyph not in drawn:
            cure = "draw it, or delete the entry"
            report.add("TC304", path, f"`{glyph}` is in the legend and on no map", cure, key=True, warning=True)
        if isinstance(entry, str):
            # An unknown word declares a new zone, so it is a fault only if it resembles an existing name.
            known = entry in (*SURFACES, *bodies, *document.zones, *named)
            cure = suggestion(entry, (*SURFACES, *bodies))
            if not known and cure.startswith("did you mean"):
                message = f"the legend names `{entry}`, which is no agent, thing or zone"
                report.add("TC305", path, message, f"{cure}; a new zone is declared by `{{zone: {entry}}}`")
            continue
        if entry.thing is not None and entry.thing not in document.things:
            cure = suggestion(entry.thing, tuple(document.things))
            report.add("TC305", (*path, "thing"), f"there is no thing called `{entry.thing}`", cure)
        if entry.agent is not None and entry.agent not in document.agents:
            cure = suggestion(entry.agent, tuple(document.agents))
            report.add("TC305", (*path, "agent"), f"there is no agent called `{entry.agent}`", cure)
        if entry.wall and (entry.thing or entry.agent):
            cure = "nothing stands in a wall: drop one of them"
            report.add("TC312", path, f"`{glyph}` is a wall and something that stands there", cure)


def _rows(map_text: str) -> Iterator[tuple[int, str]]:
    """Each row of a map with the offset of its first character in the text; empty lines at the end are dropped."""
    offset = 0
    for row in map_text.rstrip("\n").split("\n") if map_text.strip() else ():
        yield offset, row
        offset += len(row) + 1


def _check_rows(rows: tuple[tuple[int, str], ...], report: Report, path: Path) -> bool:
    """Report rows with comments or spaces and rows of another width than the first; return whether there are none."""
    sound = True
    width = len(rows[0][1])
    for number, (offset, row) in enumerate(rows):
        comment, space = _COMMENT.search(row), re.search(r"\s", row)
        if comment:  # one fault for each row: a comment has spaces, and both make the row too wide
            start = comment.start() + (comment.group()[0] != "#")
            message = f"row {number} looks as if it held a comment"
            cure = "inside a map every character is a cell: move the comment out of it"
            report.add("TC310", path, message, cure, span=(offset + start, offset + len(row)))
        elif space:
            message = f"a space in row {number}, column {space.start()}"
            cure = "a space is never a glyph: use a visible one, such as `.`"
            report.add("TC303", path, message, cure, span=(offset + space.start(), offset + space.end()))
        elif len(row) != width:
            message = f"row {number} has {len(row)} cells, the first row has {width}"
            cure = f"draw {width} cells in each row"
            report.add("TC301", path, message, cure, span=(offset, offset + max(len(row), 1)))
        else:
            continue
        sound = False
    return sound


def _check_rim(rows: tuple[tuple[int, str], ...], walls: set[Cell], report: Report, path: Path) -> None:
    """Warn of cells at the border that are no walls; the first is underlined and the others are counted."""
    height, width = len(rows), len(rows[0][1])
    rim = sorted(
        {(row, column) for row in range(height) for column in (0, width - 1)}
        | {(row, column) for row in (0, height - 1) for column in range(width)}
    )
    gaps = [cell for cell in rim if cell not in walls]
    if gaps:
        row, column = gaps[0]
        offset = rows[row][0] + column
        more = f", and {len(gaps) - 1} more" if len(gaps) > 1 else ""
        message = f"the border has a gap at row {row}, column {column}{more}"
        cure = "the board's edge stops everyone; draw walls there so that a reader sees it"
        report.add("TC308", path, message, cure, span=(offset, offset + 1), warning=True)


def _check_agents(document: Document, agents: Mapping[str, Cell], report: Report, path: Path) -> None:
    """Report agents that can move and are neither drawn on the map nor placed by `generate`."""
    placed = _scattered(document, path)
    for name, agent in document.agents.items():
        moves = [action for action in action_names(agent.actions) if action in MOVES]
        if name not in agents and name not in placed and moves:
            message = f"agent `{name}` is not on the map, and it moves ({listed(moves)})"
            cure = f"give `{name}` a glyph in the legend and draw it, or take its moves away"
            report.add("TC307", path, message, cure, key=True)


def _scattered(document: Document, path: Path) -> frozenset[str]:
    """The names that `generate.place` puts on the map at a path, which is that of one stage or the common one."""
    stage = document.stages.get(str(path[1])) if path[0] == "stages" else None
    generate = (stage.generate if stage else None) or document.generate
    return frozenset(generate.place) if generate else frozenset()


def _declared_zones(
    document: Document, params: Mapping[str, object], size: Cell, walls: set[Cell], report: Report
) -> Iterator[tuple[str, set[Cell]]]:
    """The name and cells of each entry of `zones:` on a board of this size; faults are reported."""
    for name, zone in document.zones.items():
        path: Path = ("zones", name)
        found: set[Cell] = set()
        for index, (row, column) in enumerate(zone.cells or ()):
            if row >= size[0] or column >= size[1]:
                message = f"[{row}, {column}] is outside the board of {size[0]} rows and {size[1]} columns"
                report.add("TC311", (*path, "cells", index), message, "rows and columns are counted from 0")
            elif (row, column) in walls:
                message = f"[{row}, {column}] is a wall"
                report.add("TC311", (*path, "cells", index), message, "a zone is made of floor: choose another cell")
            else:
                found.add((row, column))
        if zone.rectangle:
            ends = _corners(zone.rectangle, params, report, path)
            found |= _rectangle(ends, size, walls, report, (*path, "rectangle")) if ends else set()
        yield name, found


def _corners(
    rectangle: Rectangle, params: Mapping[str, object], report: Report, path: Path
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The first and last row and the first and last column of a rectangle, None if one has no value.

    The two corners may be given in any order.
    """
    ends: list[tuple[int, int]] = []
    for side, formulas in (("rows", rectangle.rows), ("columns", rectangle.columns)):
        pair: list[int] = []
        for index, text in enumerate(formulas):
            try:
                value = constant(formula(text), params)
            except (ExpressionError, NotConstantError):
                return None  # reported where formulas are checked
            if value != int(value):
                message = f"{value:g} is no whole number"
                report.add("TC311", (*path, "rectangle", side, index), message, "rows and columns are whole numbers")
                return None
            pair.append(int(value))
        ends.append((min(pair), max(pair)))
    return ends[0], ends[1]


def _rectangle(
    ends: tuple[tuple[int, int], tuple[int, int]], size: Cell, walls: set[Cell], report: Report, path: Path
) -> set[Cell]:
    """The floor cells of a rectangle; walls inside it are left out, which allows rectangles over whole rooms."""
    (top, bottom), (left, right) = ends
    if top < 0 or left < 0 or bottom >= size[0] or right >= size[1]:
        rectangle = f"rows {top} to {bottom}, columns {left} to {right}"
        message = f"{rectangle} leave the board of {size[0]} rows and {size[1]} columns"
        report.add("TC311", path, message, "rows and columns are counted from 0, and both ends are included")
        return set()
    cells = {(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)} - walls
    if not cells:
        report.add("TC311", path, "the rectangle holds only walls", "a zone is made of floor: choose other corners")
    return cells


def _glyph_cure(glyph: str, document: Document) -> str:
    # Similarity is of no use for single characters: only the same letter in the other case is suggested.
    same = glyph.swapcase()
    hint = f"did you mean `{same}`? else " if same != glyph and same in document.legend else ""
    return f"{hint}add it to the legend, which has {listed(tuple(document.legend))}"

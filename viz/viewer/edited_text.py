"""One text of an edited scenario file: what it draws, what can be changed in it, and the strokes that change it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeAlias

from ...evals.editing.patrol_route import rerouted
from ...scenarios.language.faults.collector import Path as DataPath
from ...scenarios.language.faults.faults import Fault, Place, ScenarioError
from ...scenarios.language.files.text_edits import (
    CannotEditError,
    first_cell,
    rows_at,
    source_of,
    with_glyphs,
    with_map,
    with_points,
    with_value,
)
from ...scenarios.language.files.yaml_source import Node
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.symbols import maps
from ...scenarios.language.schema.document import Generate
from ...scenarios.language.validation.bodies import motions
from ..text.episode_text import plain
from .edit_view import Cell, MapGlyph, PatrolView, glyphs_of

Stroke: TypeAlias = Callable[[tuple[Cell, ...]], str]
"""The text after a stroke that went over some cells, in their order."""

UNREADABLE = "the file cannot be read as it is: Ctrl+Z takes that back"


@dataclass(frozen=True, eq=False)
class EditedText:
    """A text with the scenario that was last sound, which says what its glyphs and names mean.

    Attributes:
        content: the whole file; file: its name, as the scenario's places have it.
        scenario: the one that was read last without a fault; stage: that is shown.
        number: index of the map that is edited, among all that are drawn.
    """

    content: str
    file: str
    scenario: Scenario
    stage: str
    number: int

    # ------------------------------------------------------------------ what it draws

    @cached_property
    def drawn(self) -> dict[DataPath, str]:
        """Every drawn map by its path, as it was when the scenario was sound."""
        return dict(maps(self.scenario.document))

    @property
    def path(self) -> DataPath | None:
        """The path of the map that is edited; None where none is drawn."""
        paths = list(self.drawn)
        return paths[min(self.number, len(paths) - 1)] if paths else None

    @property
    def about(self) -> str:
        """Which map that is, in words."""
        path = self.path
        if path is None:
            return ""
        whose = f" of stage {plain(str(path[1]))}" if path[0] == "stages" else ""
        alike = [each for each in self.drawn if each[:-1] == path[:-1]] if isinstance(path[-1], int) else [path]
        which = f"map {alike.index(path) + 1} of {len(alike)}" if len(alike) > 1 else "the map"
        return f"{which}{whose}"

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The rows of the map, all of one width; empty where there is none."""
        path = self.path
        if path is None:
            return ()
        try:
            found = rows_at(self.content, self.file, path)
        except (CannotEditError, ScenarioError):  # it stands in another file, or cannot be read as it is now
            found = _split(self.drawn[path])
        width = max(map(len, found))
        return tuple(row.ljust(width) for row in found)  # what another program wrote may have rows of several widths

    @cached_property
    def glyphs(self) -> tuple[MapGlyph, ...]:
        """The glyphs of the legend."""
        return glyphs_of(self.scenario.document)

    @property
    def floor(self) -> MapGlyph | None:
        """The glyph that is bare floor; None if the legend has none."""
        return next((glyph for glyph in self.glyphs if glyph.bare), None)

    @cached_property
    def patrols(self) -> tuple[tuple[DataPath, PatrolView], ...]:
        """The rounds of the things, as they are written, with their paths."""
        found = []
        for name, thing in self.scenario.document.things.items():
            for motion, path in motions(name, thing):
                if motion.patrol is not None:
                    node = self.node((*path, "patrol"))
                    stops = node.data if node is not None and isinstance(node.data, list) else motion.patrol
                    pairs = (stop for stop in stops if isinstance(stop, list) and len(stop) == 2)
                    view = PatrolView(name, tuple((int(r), int(c)) for r, c in pairs), motion.loop)  # type: ignore[arg-type]
                    found.append(((*path, "patrol"), view))
        return tuple(found)

    @cached_property
    def declared(self) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
        """The cells of zones that no glyph draws: those of `zones:`, as they were when the scenario was sound."""
        boards, rows = self.scenario.boards.get(self.stage, ()), self.rows
        if not boards or not rows or self.path is None:
            return ()
        marks = {each.glyph: each.zones for each in self.glyphs}
        signs = ((sign, (r, c)) for r, row in enumerate(_split(self.drawn[self.path])) for c, sign in enumerate(row))
        marked = {(zone, cell) for sign, cell in signs for zone in marks.get(sign, ())}
        found = []
        for zone in self.scenario.document.zones:
            others = (cell for cell in boards[0].zones.get(zone, ()) if (zone, cell) not in marked)
            found.append((zone, tuple(cell for cell in others if cell[0] < len(rows) and cell[1] < len(rows[0]))))
        return tuple(found)

    def node(self, path: DataPath) -> Node | None:
        """What this file, and no other, has at a path; None if it has nothing there, or cannot be read."""
        try:
            return source_of(self.content, self.file).node(path)
        except ScenarioError:
            return None

    # ------------------------------------------------------------------ what cannot be changed

    @cached_property
    def map_refused(self) -> str:
        """Why no map can be painted; empty if one can."""
        path = self.path
        if path is None:
            if self._generated is not None:
                return "its boards are generated from a seed: no map is drawn that could be painted"
            return "this world has no board: there is no map to paint"
        try:
            source_of(self.content, self.file)
        except ScenarioError:
            return UNREADABLE
        if self.node(path) is None:
            where = self._whereabouts(path)
            return "" if path == ("map",) else f"this map is written in {where}, which this file builds on: edit that"
        try:
            rows_at(self.content, self.file, path)
        except CannotEditError as fault:
            return str(fault)
        return ""

    @cached_property
    def refused(self) -> tuple[str, ...]:
        """What of the board cannot be edited, or not as one might think, each with its reason."""
        said, path, generated = [], self.path, self._generated
        if self.map_refused:
            said.append(self.map_refused)
        elif path is not None and self.node(path) is None:
            said.append(f"the map is written in {self._whereabouts(path)}: the first stroke copies it into this file")
        if generated is not None and path is not None and generated.place:
            named = ", ".join(map(plain, generated.place))
            said.append(f"{named}: placed anew on each board by `generate`, and not on this map")
        return tuple(said)

    @property
    def _generated(self) -> Generate | None:
        document = self.scenario.document
        stage = document.stages.get(self.stage)
        return (stage.generate if stage is not None else None) or document.generate

    def _whereabouts(self, path: DataPath) -> str:
        return Path(self.scenario.source.place(path).file).name

    # ------------------------------------------------------------------ strokes

    def painting(self, glyph: MapGlyph) -> Stroke:
        """A stroke of a glyph; an agent, of which there is one, goes along with it."""
        content, path, floor = self._with_map()
        single = glyph.agent and floor is not None
        gone: dict[Cell, str] = {}
        if single and floor is not None:
            signs = {each.glyph for each in self.glyphs if each.agent and each.body == glyph.body}
            gone = dict.fromkeys(cells_with(rows_at(content, self.file, path), signs), floor.glyph)

        @lru_cache(2)
        def painted(over: tuple[Cell, ...]) -> str:
            cells = over[-1:] if single else over
            return with_glyphs(content, self.file, path, {**gone, **dict.fromkeys(cells, glyph.glyph)})

        return painted

    def moving(self, start: Cell, glyph: MapGlyph) -> Stroke:
        """A stroke that carries what stands on a cell to another one.

        Raises:
            CannotEditError: nothing could stand in its place.
        """
        content, path, floor = self._with_map()
        if floor is None:
            raise CannotEditError("no glyph of the legend is bare floor, so a piece would leave a hole: paint instead")

        @lru_cache(2)
        def moved(over: tuple[Cell, ...]) -> str:
            if over[-1] == start:
                return self.content
            return with_glyphs(content, self.file, path, {start: floor.glyph, over[-1]: glyph.glyph})

        return moved

    def routing(self, path: DataPath, patrol: PatrolView, at: int) -> Stroke:
        """A stroke that pulls a stop of a patrol to another cell; over a wall it stays where it came to before."""
        rows, walls = self.rows, {each.glyph for each in self.glyphs if each.wall}

        def free(cell: Cell) -> bool:
            row, column = cell
            return 0 <= row < len(rows) and 0 <= column < len(rows[0]) and rows[row][column] not in walls

        @lru_cache(2)
        def routed(over: tuple[Cell, ...]) -> str:
            found = (rerouted(patrol.stops, at, cell, patrol.loop, free) for cell in reversed(over))
            stops = next((each for each in found if each is not None), patrol.stops)
            if stops == patrol.stops:
                return self.content
            if self.node(path) is not None:
                return with_points(self.content, self.file, path, stops)
            if len(path) > 3:
                raise CannotEditError(f"this patrol is written in {self._whereabouts(path)}: edit that")
            return with_value(self.content, self.file, path, [list(stop) for stop in stops])

        return routed

    def _with_map(self) -> tuple[str, DataPath, MapGlyph | None]:
        """The text with a map of its own, which another file may have had before, its path, and the floor's glyph."""
        path = self.path
        assert path is not None, "asked for only where a map can be painted"
        has = self.node(path) is not None
        content = self.content if has else with_map(self.content, self.file, _split(self.drawn[path]))
        return content, path, self.floor

    # ------------------------------------------------------------------ where faults are

    def cells_of(self, fault: Fault) -> tuple[Cell, ...]:
        """The cells of the map that a fault is about: those it stands at, or the one that its message names."""
        place, rows = fault.place, self.rows
        own = place is not None and place.file == self.file
        if own and place is not None:
            found = self._at(place)
            if found is not None:
                return found
        named = re.search(r"\[(\d+), (\d+)\]|row (\d+), column (\d+)", fault.message)
        if named is None:
            return ()
        row, column = (int(each) for each in named.groups() if each is not None)
        return ((row, column),) if row < len(rows) and column < len(rows[row]) else ()

    def _at(self, place: Place) -> tuple[Cell, ...] | None:
        """The cells at a place of the file: in a map, or a stop of a patrol; None if it is neither."""
        for path in self.drawn:
            try:
                mark, rows = first_cell(self.content, self.file, path), rows_at(self.content, self.file, path)
            except (CannotEditError, ScenarioError):
                continue
            row, column = place.line - 1 - mark.line, place.column - 1 - mark.column
            if 0 <= row < len(rows):
                ends = range(max(column, 0), min(column + place.length, len(rows[row])))
                return tuple((row, each) for each in ends) if path == self.path else ()
        for path, patrol in self.patrols:
            node = self.node(path)
            for stop, item in zip(patrol.stops, () if node is None else node.items, strict=False):
                if item.start <= (place.line - 1, place.column - 1) < item.end:
                    return (stop,)
        return None


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.rstrip("\n").split("\n"))


def cells_with(rows: tuple[str, ...], signs: set[str]) -> list[Cell]:
    """The cells of a map that have one of some glyphs."""
    return [(r, c) for r, row in enumerate(rows) for c, sign in enumerate(row) if sign in signs]

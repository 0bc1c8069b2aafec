"""The editor of a scenario file: strokes with the mouse or the keyboard on its map, patrols, params and weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ...envs.world.world import World
from ...evals.editing.edit_judge import BackgroundJudge, EditJudgement, compared
from ...evals.inspection.what_if import Edit
from ...scenarios.edited_file import EditedFile
from ...scenarios.language.faults.collector import Path as DataPath
from ...scenarios.language.faults.faults import Fault, ScenarioError
from ...scenarios.language.files.text_edits import CannotEditError, with_value, written_at
from ...scenarios.language.files.yaml_source import Data
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.symbols import maps_of
from ..text.episode_text import plain
from .edit_view import Cell, EditTool, EditView, PlacedFault
from .edited_text import UNREADABLE, EditedText, Stroke, cells_with
from .what_if_menu import Menu, MenuRow, rows_of

KEYS = (
    ("e", "leave: the edited world is played"),
    ("arrows", "move the cursor, or the sliders"),
    ("space", "paint, or take up and put down"),
    ("del", "erase"),
    ("[ ]", "the tool before, the next"),
    ("0 to 9", "a tool by its number"),
    ("tab", "between the board and the sliders"),
    ("m", "the next map, where there are several"),
    ("ctrl+z", "take the last stroke back"),
    ("ctrl+y", "do it again; ctrl+shift+z too"),
    ("s", "save the file"),
    ("k", "check all that the file claims"),
    ("l", "take what was changed on disk"),
    ("t", "light or dark"),
    ("v", "record a film, or end it"),
    ("h", "these keys"),
)
"""The (key, what it does) pairs that the help shows while a file is edited."""

HINT = "space: paint · ctrl+z: undo · s: save · e: leave"
LOOK_EVERY = 1.0
"""Seconds between two looks at whether another program has changed the file."""
STEPS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


@dataclass(frozen=True)
class _Drag:
    """A stroke under way.

    Attributes:
        content: the text before it; to: the text with it; over: the cells that it went over, in their order.
    """

    content: str
    to: Stroke
    over: tuple[Cell, ...] = ()


class ScenarioEditor:
    """Edits the file behind what a window shows. Nothing is written before it is saved.

    Attributes:
        file: the file with its history; on: whether it is being edited.
        left: whether edits that are not saved were left on purpose.
        tool: index of the chosen tool; cursor: the cell of the keyboard; on_board: whether the arrows move it.
        row: index of the slider that the arrows move otherwise.
        message: the latest message for the user.
    """

    def __init__(self, path: Path, scenario: Scenario, stage: str, world: World, wait: bool = False) -> None:
        """Edit the file of a scenario that is shown.

        Args:
            path: the file.
            scenario: as it is shown, with its overrides.
            stage: that is shown.
            world: that stage compiled.
            wait: whether to wait for every answer (for a test).

        Raises:
            ScenarioError: the file cannot be read.
        """
        self.file, self.stage, self._name = EditedFile(path), stage, str(path)
        self.on, self.left, self.message, self.on_board = False, False, "", True
        self.tool, self.cursor, self.row = 0, (0, 0), 0
        self._opened, self._base, self._base_world = self.file.content, scenario, world
        self._good, self._world = scenario, world
        self._judge = BackgroundJudge(path, stage, dict(scenario.overrides), wait)
        self._before: EditJudgement | None = None
        self._latest: EditJudgement | None = None
        self._number, self._map, self._begun = 0, 0, False
        self._drag: _Drag | None = None
        self._carrying, self._warned = False, False
        self._pointed: Cell | None = None
        self._whole: tuple[str, tuple[Fault, ...] | None] | None = None
        self._unlooked, self._seen_change = 0.0, False
        self._kept = EditedText(self.file.content, str(path), scenario, stage, 0)
        # Caches of this object: decorated methods would keep every editor alive.
        self._rows_of = lru_cache(16)(self._made_rows)
        self._placed = lru_cache(8)(
            lambda text, faults: tuple(
                PlacedFault(each.message, each.cure, text.cells_of(each), each.warning) for each in faults
            )
        )

    # ------------------------------------------------------------------ what is edited

    @property
    def content(self) -> str:
        """The text as it is shown: with the stroke that is under way."""
        return self._drag.to(self._drag.over) if self._drag is not None and self._drag.over else self.file.content

    @property
    def text(self) -> EditedText:
        """The same, with what it means."""
        kept, content = self._kept, self.content
        if kept.content != content or kept.scenario is not self._good or kept.number != self._map:
            self._kept = replace(kept, content=content, scenario=self._good, number=self._map)
        return self._kept

    @property
    def unsaved(self) -> bool:
        """Whether there is something to save."""
        return self.file.changed

    @property
    def several_maps(self) -> bool:
        """Whether there are several maps to choose from."""
        return len(self.text.drawn) > 1

    def begin(self) -> None:
        """Begin to edit, the first time with the map of the stage that is shown."""
        self.on, self.message, self._warned = True, "", False
        if not self._begun:
            shown = maps_of(self._good.document, self.stage)
            self._map = list(self.text.drawn).index(shown[0][0]) if shown else 0
            self.cursor, self._begun = self._somewhere(), True
        if self.text.map_refused:
            self.on_board = False

    def leave(self) -> None:
        """Stop editing; what was edited stays to be gone on with."""
        self._let_go()
        self.on = False

    # ------------------------------------------------------------------ tools

    @property
    def tools(self) -> tuple[EditTool, ...]:
        """What can be done to a cell, in the order of their numbers."""
        text = self.text
        patrol = (EditTool("patrol"),) if text.patrols else ()
        painted = tuple(EditTool("paint", glyph) for glyph in text.glyphs)
        return () if text.map_refused else (EditTool("move"), *patrol, *painted)

    def choose(self, tool: int) -> None:
        """Choose a tool by its index; one that is not there is none."""
        tools = self.tools
        if 0 <= tool < len(tools):
            self._let_go()
            self.tool, self.on_board, self.message = tool, True, tools[tool].name

    # ------------------------------------------------------------------ strokes

    def take(self, cell: Cell, erase: bool = False) -> None:
        """Begin a stroke on a cell: paint it, or take up what is there."""
        self._let_go()
        cell = self._clamped(cell)  # the keyboard's may lie on a larger map, in whose place another one was taken
        self.cursor, self.on_board, self.message, self._warned = cell, True, "", False
        text = self.text
        if why := text.map_refused:
            self.message, self.on_board = why, False
            return
        tools = self.tools
        tool = tools[min(self.tool, len(tools) - 1)]
        glyph = text.floor if erase else tool.glyph
        try:
            if glyph is not None:
                self._drag = _Drag(self.file.content, text.painting(glyph))
            elif erase:
                raise CannotEditError("no glyph of the legend is bare floor, so nothing can be erased: paint over it")
            else:
                self._drag = _Drag(self.file.content, self._grip(text, cell, tool))
        except CannotEditError as fault:
            self.message = str(fault)
            return
        self.drag(cell)

    def _grip(self, text: EditedText, cell: Cell, tool: EditTool) -> Stroke:
        """The stroke that moves what is on a cell: a piece, or a stop of a patrol."""
        here = next((each for each in text.glyphs if each.glyph == text.rows[cell[0]][cell[1]]), None)
        if tool.kind == "move" and here is not None and (here.body or here.zones):
            return text.moving(cell, here)
        stop = next(((path, its) for path, its in text.patrols if cell in its.stops), None)
        if stop is None:
            what = "no stop of a patrol" if tool.kind == "patrol" else "nothing that could be moved"
            raise CannotEditError(f"there is {what} at row {cell[0]}, column {cell[1]}")
        return text.routing(*stop, stop[1].stops.index(cell))

    def drag(self, cell: Cell) -> None:
        """Go on with the stroke over another cell."""
        if self._drag is None or (self._drag.over and self._drag.over[-1] == cell):
            return
        before, self.cursor = self._drag, cell
        self._drag = replace(before, over=(*before.over, cell))
        try:
            self._drag.to(self._drag.over)
        except CannotEditError as fault:
            self.message, self._drag = str(fault), before if before.over else None

    def drop(self) -> None:
        """End the stroke: it becomes one step of the history."""
        content = self.content
        self._let_go()
        self.file.do(content)

    def _let_go(self) -> None:
        """Forget the stroke that is under way."""
        self._drag, self._carrying = None, False

    # ------------------------------------------------------------------ sliders

    @property
    def rows(self) -> tuple[MenuRow, ...]:
        """The sliders: the weights and discounts of every agent, then the params, each at the value that is written."""
        return self._rows_of(self.text)

    def _made_rows(self, text: EditedText) -> tuple[MenuRow, ...]:
        base, world = self._base, self._base_world
        several, found = len(base.document.agents) > 1, dict[str, MenuRow]()
        for agent in range(len(world.agents)):
            for row in rows_of(base, world, agent, Edit()):
                title = (
                    f"{plain(row.name.partition('.')[0])}: {row.title}" if several and "." in row.name else row.title
                )
                found.setdefault(row.name, replace(row, title=title))
        without = {*base.overrides, *dict(self._formulas()), *dict(self._taken_over())}
        rows = [row for row in found.values() if not row.body and row.name not in without]
        rows.sort(key=lambda row: "." not in row.name)
        return tuple(replace(row, at=_at(row, text)) for row in rows)

    def _formulas(self) -> list[tuple[str, object]]:
        """The weights and discounts that formulas give, which no slider can."""
        agents = self._base.document.agents
        weights = {f"{name}.values.{key}": its.weight for name in agents for key, its in agents[name].values.items()}
        given = weights | {f"{name}.discount": agent.discount for name, agent in agents.items()}
        return [(name, value) for name, value in given.items() if isinstance(value, str)]

    def _taken_over(self) -> list[tuple[str, str]]:
        """The weights that stand in the block of another agent, which that of theirs is `like`, with its name.

        Values of their own would take the place of all that are taken over.
        """
        found = list[tuple[str, str]]()
        for name, agent in self._base.document.agents.items():
            like, own = (self.text.node(("agents", name, key)) for key in ("like", "values"))
            if like is not None and own is None:
                found += [(f"{name}.values.{key}", str(like.data)) for key in agent.values]
        return found

    def hold_slider(self) -> None:
        """Begin to drag a slider; `drop` ends it."""
        content = self.file.content
        self._drag = _Drag(content, lambda _: content)

    def turn(self, row: int, at: int) -> None:
        """Set a slider to its value with index `at`, as part of the stroke that is under way or as a step."""
        rows = self.rows
        if not 0 <= row < len(rows):
            return
        its = rows[row]
        at, self.row, self.on_board, self.message = min(max(at, 0), len(its.values) - 1), row, False, ""
        path, base = _path_of(its.name), self.file.content
        # Back at what the file said, it is written as it was written there.
        written = written_at(self._opened, self._name, path) if at == its.before else None
        value = its.values[at]
        assert isinstance(value, int | float)
        try:
            content = with_value(base, self._name, path, value, written)
        except CannotEditError as fault:
            self.message = str(fault)
        except ScenarioError:
            self.message = UNREADABLE
        else:
            if self._drag is None:
                self.file.do(content, its.name)
            else:
                self._drag = _Drag(base, _always(content), ((0, 0),))

    # ------------------------------------------------------------------ keys

    def press(self, key: str) -> bool:
        """Handle a key; return whether it was bound to anything."""
        self._warned = False
        if key in STEPS:
            self._arrow(key)
        elif key in ("space", "return", "enter") and self.on_board:
            self._space()
        elif key in ("backspace", "delete"):
            self.take(self.cursor, erase=True)
            self.drop()
        elif key == "escape" and self._drag is not None:
            self._let_go()
            self.message = "put back"
        elif key in ("[", "]") and self.tools:
            self.choose((self.tool + (1 if key == "]" else -1)) % len(self.tools))
        elif key.isdigit() and len(key) == 1:
            self.choose(int(key))
        elif (bound := self._bound.get(key)) is not None:
            self.message = ""
            bound()
        else:
            return False
        return True

    @property
    def _bound(self) -> dict[str, Callable[[], None]]:
        return {
            "tab": self._other_focus,
            "m": self._next_map,
            "ctrl+z": self.undo,
            "ctrl+shift+z": self.redo,
            "ctrl+y": self.redo,
            "k": self._check_whole,
            "l": self._take_from_disk,
        }

    def _arrow(self, key: str) -> None:
        if self.on_board and self.text.rows:
            down, right = STEPS[key]
            self.cursor, self.message = self._clamped((self.cursor[0] + down, self.cursor[1] + right)), ""
            if self._carrying:
                self.drag(self.cursor)
            return
        rows = self.rows
        if key in ("up", "down") and rows:
            self.row = (self.row + (1 if key == "down" else -1)) % len(rows)
        elif rows:
            self.row = min(self.row, len(rows) - 1)
            self.turn(self.row, rows[self.row].at + (1 if key == "right" else -1))

    def _space(self) -> None:
        if self._carrying:
            self.drop()
            return
        self.take(self.cursor)
        tools = self.tools
        if self._drag is not None and tools[min(self.tool, len(tools) - 1)].kind != "paint":
            self._carrying, self.message = True, "taken up: arrows carry it, Space puts it down, Esc puts it back"
        else:
            self.drop()

    def _other_focus(self) -> None:
        if why := self.text.map_refused:
            self.message = why
        else:
            self._let_go()
            self.on_board = not self.on_board
            self.message = "the arrows move the cursor" if self.on_board else "the arrows move the sliders"

    def _next_map(self) -> None:
        self._let_go()
        count = len(self.text.drawn)
        if count < 2:
            self.message = "there is only this map" if count else self.text.map_refused
            return
        self._map = (self._map + 1) % count
        self.cursor, self.on_board = self._somewhere(), not self.text.map_refused
        self.message = self.text.about

    def undo(self) -> None:
        """Take the last stroke back."""
        self._let_go()
        self.message = "taken back" if self.file.undo() else "there is nothing to take back"

    def redo(self) -> None:
        """Do again what was taken back."""
        self._let_go()
        self.message = "done again" if self.file.redo() else "there is nothing to do again"

    def _check_whole(self) -> None:
        self._whole = (self.file.content, None)
        self.message = "checking all that the file claims ..."

    # ------------------------------------------------------------------ the file

    def _take_from_disk(self) -> None:
        self._let_go()
        if not self.file.changed_on_disk:
            self.message = "nobody has changed the file on disk"
            return
        try:
            self.file.take_from_disk()
        except ScenarioError as fault:
            self.message = f"not taken: {fault.faults[0].message}"
        else:
            self._seen_change = False
            self.message = "this is what stands on disk; Ctrl+Z brings back what was here"

    def save(self, folder: Path) -> None:
        """Write the file, or a copy in a folder where the file is not to be written to; see `EditedFile.save`."""
        self._let_go()
        again, self._warned = self._warned, False
        try:
            saved = self.file.save(folder, copy=again and self.file.changed_on_disk)
        except OSError as fault:
            self.message = f"not saved: {fault.strerror or fault}"
            return
        self.message = saved.said
        self._warned = saved.path is None and self.file.changed_on_disk
        self._seen_change = self._seen_change and saved.path is None

    def keep(self, folder: Path) -> str:
        """Save what was edited and not saved, where a window goes away, as a copy in a folder or a temporary one.

        Returns:
            A message that says where; empty if there was nothing to save, or it was left on purpose.

        Raises:
            OSError: it cannot be written there either.
        """
        if self.left or not self.file.changed:
            return ""
        try:
            path = self.file.rescue(folder)
        except OSError:
            path = self.file.rescue(Path(tempfile.gettempdir()))
        return f"what was edited was saved as {path}"

    def look(self, seconds: float) -> None:
        """Look from time to time whether another program has changed the file."""
        self._unlooked += seconds
        if self._unlooked < LOOK_EVERY:
            return
        self._unlooked = 0.0
        changed = self.file.changed_on_disk
        if changed and not self._seen_change:
            self.message = f"{self.file.path.name} was changed on disk by another program: L takes that"
        self._seen_change = changed

    # ------------------------------------------------------------------ what it comes to

    def judgement(self, number: int) -> EditJudgement | None:
        """What the text comes to with the episode of a number; None while that is worked out."""
        if self._before is None or self._number != number:  # one question at a time: another one would drop it
            self._before, self._number = self._judge.judge(self._opened, number), number
            if self._before is None:
                return None
        found = self._judge.judge(self.file.content, number)
        if found is not None and found is not self._latest:
            self._latest = found
            if found.scenario is not None:
                self._good, self._world = found.scenario, found.world or self._world
        return found

    def point(self, cell: Cell | None) -> None:
        """Say which cell the mouse is over: the text of its fault is shown there."""
        self._pointed = cell

    def view(self, number: int) -> EditView:
        """What is to be drawn."""
        found = self.judgement(number)
        shown, text, tools = found or self._latest, self.text, self.tools
        faults = self._placed(text, self._faults(shown))
        here = self._pointed if self._pointed is not None else self.cursor
        under = (index for index, fault in enumerate(faults) if here in fault.cells)
        worst = (index for index, fault in enumerate(faults) if fault.cells and not fault.warning)
        return EditView(
            file=self.file.path.name,
            changed=self.file.changed,
            about=text.about,
            rows=text.rows,
            world=self._world,
            glyphs=text.glyphs,
            declared=text.declared,
            tools=tools,
            tool=min(self.tool, max(len(tools) - 1, 0)),
            cursor=self._clamped(self.cursor),
            on_board=self.on_board and bool(text.rows),
            patrols=tuple(patrol for _, patrol in text.patrols),
            faults=faults,
            pointed=next(under, next(worst, None)),
            menu=Menu(self.rows, -1 if self.on_board else self.row),
            said=() if shown is None or self._before is None else compared(self._before, shown),
            busy=found is None,
            refused=(*text.refused, *self._without_slider()),
        )

    def _without_slider(self) -> tuple[str, ...]:
        """The settings that have no slider, each with the reason."""
        given = [
            f"{name}: set for what is shown, so that the file's own value has no slider"
            for name in self._base.overrides
        ]
        given += [
            f"{name}: follows the formula `{its}`" for name, its in self._formulas() if name not in self._base.overrides
        ]
        given += [
            f"{name}: taken over from `{other}`, in whose block it stands"
            for name, other in self._taken_over()
            if name not in self._base.overrides
        ]
        return tuple(given)

    def _faults(self, shown: EditJudgement | None) -> tuple[Fault, ...]:
        """The faults of the judgement, and those of the whole check if it was asked for and nothing changed since."""
        faults = () if shown is None else shown.faults
        if self._whole is None or self._whole[0] != self.file.content:
            return faults
        if self._whole[1] is None and (checked := self._judge.check(self.file.content)) is not None:
            self._whole = (self.file.content, checked)
            wrong = sum(not fault.warning for fault in checked)
            more = f", {len(checked) - wrong} to know" if len(checked) > wrong else ""
            self.message = f"checked: {wrong or 'no'} fault{'' if wrong == 1 else 's'}{more}"
        return tuple(dict.fromkeys((*faults, *(self._whole[1] or ()))))

    def _clamped(self, cell: Cell) -> Cell:
        """A cell, or the nearest one that the map has."""
        rows = self.text.rows
        if not rows:
            return (0, 0)
        return min(max(cell[0], 0), len(rows) - 1), min(max(cell[1], 0), len(rows[0]) - 1)

    def _somewhere(self) -> Cell:
        """The cell of the first agent, or the middle of the map."""
        rows, signs = self.text.rows, {each.glyph for each in self.text.glyphs if each.agent}
        found = cells_with(rows, signs)
        return found[0] if found else self._clamped((len(rows) // 2, len(rows[0]) // 2 if rows else 0))

    def close(self) -> None:
        """Stop starting background work."""
        self._judge.close()


def _always(content: str) -> Stroke:
    """A stroke that comes to one text wherever it goes."""
    return lambda _: content


def _at(row: MenuRow, text: EditedText) -> int:
    """The index of the value that a text has for a slider; of one that it does not have, that of the scenario."""
    node = text.node(_path_of(row.name))
    values: tuple[Data, ...] = row.values  # type: ignore[assignment]
    return values.index(node.data) if node is not None and node.data in values else row.before


def _path_of(name: str) -> DataPath:
    """Where a setting of the menu stands in a file."""
    parts = name.split(".")
    if len(parts) == 1:
        return ("params", name, "value")
    return ("agents", *parts, *(("weight",) if parts[1] == "values" else ()))

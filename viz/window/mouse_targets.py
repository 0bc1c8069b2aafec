"""What the mouse can act on in a scene: buttons, the timeline, a slider, a body, a node of the search, a map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..drawing.buttons import BAR, button_at
from ..editing.editor_scene import editor_slider_at, map_cell_at, tool_at
from ..scene.panels import key_at
from ..scene.scene import FOOT, cell_at, searched_at, setting_at, slider_at, tick_at
from ..viewer.editor import ScenarioEditor
from ..viewer.frame import Frame
from ..viewer.viewer import Viewer


def _nothing(x: float, y: float) -> None:
    """No-op handler."""


@dataclass(frozen=True)
class Drag:
    """A drag in progress: the functions to call when the mouse moves and on release, with a position in points."""

    drag: Callable[[float, float], None]
    drop: Callable[[float, float], None] = _nothing


def button_under(frame: Frame, width: float, height: float, x: float, y: float) -> str | None:
    """The key whose button, or whose entry in the panel of keys, is under a point; None if there is none."""
    if frame.keys:
        return key_at(frame, width, height, x, y)
    found = button_at(frame.buttons, width, height - FOOT - BAR, x, y)
    return None if found is None else found.key


def point_at(viewer: Viewer, width: float, height: float, x: float, y: float) -> str:
    """Let the mouse point at what is under it; return the key of a button, which tool or setting it is, or nothing."""
    frame, editing = viewer.frame(), viewer.editing
    if editing is not None:
        editing.point(None if frame.keys else map_cell_at(frame, width, height, x, y))
        if (tool := tool_at(frame, width, height, x, y)) is not None:
            return f"tool {tool}"
    if (key := button_under(frame, width, height, x, y)) is not None or frame.keys or frame.card is not None:
        return key or ""
    setting = setting_at(frame, width, height, x, y)
    return "" if setting is None else f"setting {setting}"


def erase_at(viewer: Viewer, width: float, height: float, x: float, y: float) -> Drag | None:
    """Begin to erase cells of a map that is edited; None elsewhere."""
    editing = viewer.editing
    cell = None if editing is None or viewer.help else map_cell_at(viewer.frame(), width, height, x, y)
    return None if editing is None or cell is None else _stroke(viewer, editing, cell, width, height, erase=True)


def grip_at(viewer: Viewer, width: float, height: float, x: float, y: float) -> Drag | None:
    """Begin to drag what lies under a point; None if nothing there can be dragged.

    A node of the search is selected at once and not dragged.
    """
    frame = viewer.frame()
    if viewer.editing is not None and not frame.keys:
        return _edited(viewer, viewer.editing, frame, width, height, x, y)
    if frame.keys:  # the panel with the keys covers the scene
        return None
    if frame.card is not None:
        viewer.begin()
        return None
    if tick_at(frame, width, height, x, y) is not None:
        return _timeline(viewer, width, height, x, y)
    if (found := slider_at(frame, width, height, x, y)) is not None:
        return _slider(viewer, width, height, x, y, found[0])
    node = searched_at(frame, width, height, x, y)
    if node is not None:
        viewer.playing, viewer.node = False, node
        return None
    return _piece(viewer, frame, width, height, x, y)


def _edited(
    viewer: Viewer, editing: ScenarioEditor, frame: Frame, width: float, height: float, x: float, y: float
) -> Drag | None:
    """Begin to paint a map or to drag a slider; a tool is chosen at once."""
    if (tool := tool_at(frame, width, height, x, y)) is not None:
        editing.choose(tool)
        return None
    if (found := editor_slider_at(frame, width, height, x, y)) is not None:
        row = found[0]

        def turn(x: float, y: float) -> None:
            there = editor_slider_at(viewer.frame(), width, height, x, y, row)
            if there is not None:
                editing.turn(*there)

        editing.hold_slider()
        turn(x, y)
        return Drag(turn, lambda x, y: editing.drop())
    cell = map_cell_at(frame, width, height, x, y)
    return None if cell is None else _stroke(viewer, editing, cell, width, height)


def _stroke(
    viewer: Viewer,
    editing: ScenarioEditor,
    cell: tuple[int, int],
    width: float,
    height: float,
    erase: bool = False,
) -> Drag:
    def drag(x: float, y: float) -> None:
        over = map_cell_at(viewer.frame(), width, height, x, y)
        if over is not None:
            editing.drag(over)

    editing.take(cell, erase)
    return Drag(drag, lambda x, y: editing.drop())


def _timeline(viewer: Viewer, width: float, height: float, x: float, y: float) -> Drag:
    def go(x: float, y: float) -> None:
        tick = tick_at(viewer.frame(), width, height, x, y)
        if tick is not None:
            viewer.playing, viewer.message = False, ""
            viewer.seek(tick)

    go(x, y)  # a click without a drag already goes there
    return Drag(go)


def _slider(viewer: Viewer, width: float, height: float, x: float, y: float, row: int) -> Drag:
    def turn(x: float, y: float) -> None:
        what_if = viewer.suppose()
        found = slider_at(viewer.frame(), width, height, x, y, row)
        if what_if is not None and found is not None:
            what_if.turn(*found)

    turn(x, y)
    return Drag(turn)


def _piece(viewer: Viewer, frame: Frame, width: float, height: float, x: float, y: float) -> Drag | None:
    """Begin to drag a body of a board, the uppermost of its cell; None if there is none or none can be moved."""
    under = cell_at(frame, width, height, x, y)
    if under is None or viewer.what_if is None or frame.node:
        return None
    part, cell = under
    here = [body for body in part.world.bodies if part.state[body.cell] == cell]
    if not here:
        return None
    name = max(here, key=lambda body: (body.is_agent, body.solid, -body.order)).name

    def drag(x: float, y: float) -> None:
        over = cell_at(viewer.frame(), width, height, x, y)
        # A counterfactual begins only when the body leaves its cell: a mere click on a body changes nothing.
        what_if = viewer.suppose() if over is not None and over[1] != cell else viewer.supposed
        if what_if is not None:
            what_if.held = None if over is None else (name, over[1])

    def drop(x: float, y: float) -> None:
        over, what_if = cell_at(viewer.frame(), width, height, x, y), viewer.supposed
        if what_if is None:
            return
        what_if.held = None
        if over is not None and over[1] != cell:
            what_if.move(name, over[1])

    return Drag(drag, drop)

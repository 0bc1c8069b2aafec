"""The buttons of the editor: for each key that it knows one that the mouse can press."""

from __future__ import annotations

from ..drawing.buttons import Button


def edit_buttons(
    names: dict[str, str], several_maps: bool, steps: tuple[int, int], on_board: bool
) -> tuple[Button, ...]:
    """The buttons while a file is edited.

    Args:
        names: key -> what it does, as the help says it.
        several_maps: whether there are several maps to choose from.
        steps: how many strokes can be taken back, and how many done again.
        on_board: whether the arrows move the cursor on the map, and not the sliders.
    """
    return (
        Button("e", "▶ Play it", names["e"]),
        Button("s", "Save", names["s"]),
        Button("ctrl+z", "↶ Undo", f"take the last stroke back ({steps[0]})"),
        Button("ctrl+y", "↷ Redo", f"do it again ({steps[1]})"),
        Button("k", "Check all", names["k"], 1),
        *((Button("m", "Next map", names["m"], 1),) if several_maps else ()),
        Button("tab", "Arrows: " + ("map" if on_board else "sliders"), names["tab"], 4),
        Button("l", "From disk", names["l"], 3),
        Button("t", "◐", names["t"], 2),
        Button("h", "☰ Keys", names["h"]),
    )

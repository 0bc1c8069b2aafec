"""Who watches a scenario on a usual screen finds no text cut short, written over another, or over the rim."""

import pytest

from turncoat.scenarios import library
from turncoat.viz.drawing.canvas import Canvas, fitted

from .cut_texts import cut_texts, recording
from .worlds import SIMULATED, sampled

FIRST = {
    "escape/cluster",
    "escape/faking",
    "treacherous_turn/first_turn",
    "treacherous_turn/lab",
    "wrong_goals/corner_cheese",
}
"""Scenarios that a stranger is shown first."""


@pytest.mark.parametrize("name", sampled(sorted({*library.names()} - SIMULATED), {"escape/faking"}))
def test_nothing_is_cut_on_a_usual_screen(name: str) -> None:
    # What a stranger is shown first has to be whole in a small window too; a control takes another plan, for the night.
    sizes = ((1366, 768), (640, 480)) if name in FIRST else ((1366, 768),)
    assert cut_texts(name, sizes, control=name in FIRST - {"escape/faking"}) == []


def test_what_is_cut_is_found() -> None:
    canvas = Canvas(200, 100, 1, finer=1)
    with recording() as recorder:
        fitted("a name that is long", (12.0,), 40)
        canvas.text(10, 50, "over", 12)
        canvas.text(20, 52, "each other", 12)
        canvas.text(180, 80, "the rim", 12)
        recorder.missing("written over each other, or nowhere")
    assert [how for how, _ in recorder.found] == ["shortened", "over each other", "over the rim", "not all of it"]
    with recording() as recorder:
        canvas.text(10, 50, "below", 12)
        canvas.box(0, 30, 100, 60, "#ffffff")
        canvas.text(10, 50, "above", 12)
    assert not recorder.found

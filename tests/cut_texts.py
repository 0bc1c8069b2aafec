"""Which texts of the window are shortened, or drawn over its rim or over each other.

`python -m tests.cut_texts [SCENARIO...]` lists them for what `turncoat watch` shows of a scenario: the first card, some
frames, every overlay, a what-if with its answer, the card at the end and the control beside it, at several sizes.
`--to FOLDER` keeps the pictures.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import Image

from turncoat.commands import watching
from turncoat.evals.inspection.lives.life_show import LifeShow
from turncoat.scenarios import library
from turncoat.viz.drawing import canvas as drawing
from turncoat.viz.drawing.canvas import Canvas, text_width
from turncoat.viz.scene import choice_diagram, return_curves, scene
from turncoat.viz.viewer.frame import OVERLAYS, Frame
from turncoat.viz.viewer.viewer import Viewer, viewer_buttons

SIZES = ((1366, 768), (640, 480), (1920, 1080))
TOUCH = 2.0
"""Points by which two texts may overlap: the boxes of letters are taller than most letters."""


@dataclass(frozen=True)
class Cut:
    """A text that does not stand whole: where it was seen, how it came to that, and the text."""

    where: str
    how: str
    text: str


class _Recorder:
    """Takes down what the drawing functions shorten, and where they write."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], None] = {}
        self._written: list[tuple[Canvas, str, tuple[float, float, float, float]]] = []

    def shortened(self, text: str, size: float, width: float, bold: bool = False) -> str:
        kept = _cut(text, size, width, bold)
        if kept != text:
            self.found["shortened", f"{text}  ->  {kept}"] = None
        return kept

    def missing(self, text: str) -> None:
        """Takes down a text of which some words are not written anywhere."""
        written = " ".join(each[1] for each in self._written).split()
        if lost := [word for word in text.split() if word not in written]:
            self.found["not all of it", f"{' '.join(lost[:8])}"] = None

    def veil(self, canvas: Canvas, *place: Any, **more: Any) -> None:
        if place[:2] == (0, 0) and place[2:4] == (canvas.width, canvas.height):
            self._written.clear()  # what lies under a card is not read
        elif len(place) > 4 and place[4] is not None and len(place[4]) == 7:
            left, top, right, bottom = place[:4]
            self._written = [
                each
                for each in self._written
                if each[0] is not canvas or not _inside(each[2], (left, top, right, bottom))
            ]
        _box(canvas, *place, **more)

    def write(
        self, canvas: Canvas, x: float, y: float, text: str, size: float, colour: str | None = None,
        anchor: str = "ls", bold: bool = False,
    ) -> None:  # fmt: skip
        if text.strip():
            self._place(canvas, x, y, text, size, anchor, bold)
        _text(canvas, x, y, text, size, colour, anchor, bold)

    def _place(self, canvas: Canvas, x: float, y: float, text: str, size: float, anchor: str, bold: bool) -> None:
        wide = text_width(text, size, bold)
        left = x - wide * {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]]
        middle = {"s": y - 0.35 * size, "m": y, "a": y + 0.5 * size}.get(anchor[1], y)
        box = left, middle - 0.36 * size, left + wide, middle + 0.36 * size
        if left < -1 or left + wide > canvas.width + 1 or box[1] < -2 or box[3] > canvas.height + 2:
            self.found["over the rim", text] = None
        for other, said, place in self._written:
            across = min(box[2], place[2]) - max(box[0], place[0])
            down = min(box[3], place[3]) - max(box[1], place[1])
            if other is canvas and across > TOUCH and down > TOUCH:
                self.found["over each other", f"{said}  |  {text}"] = None
        self._written.append((canvas, text, box))


def _inside(box: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return box[0] >= other[0] and box[1] >= other[1] and box[2] <= other[2] and box[3] <= other[3]


_cut, _box, _text = drawing.cut, Canvas.box, Canvas.text


@contextmanager
def recording() -> Iterator[_Recorder]:
    """Everything that is drawn within the block is taken down."""
    recorder = _Recorder()
    for cached in (scene._drawn_pane, return_curves.chart_of):
        cached.cache_clear()
    with (
        patch.object(Canvas, "text", _bound(recorder.write)),
        patch.object(Canvas, "box", _bound(recorder.veil)),
        patch.object(drawing, "cut", recorder.shortened),
        patch.object(return_curves, "cut", recorder.shortened),
        patch.object(choice_diagram, "cut", recorder.shortened),
    ):
        yield recorder


def _bound(method: Any) -> Any:
    return lambda canvas, *place, **more: method(canvas, *place, **more)


def moments(name: str, control: bool = True) -> Iterator[tuple[str, Frame]]:
    """What is looked at, by a name for each; with the control, which takes another plan, or without."""
    told = watching._told(name, [], [], None, None, None, None)
    viewer = Viewer(
        told.show,
        wait=True,
        overlays=told.overlays or watching._overlays([]),
        narration=told.narration,
        card=True,
        supposing=not isinstance(told.show, LifeShow),
        buttons=viewer_buttons,
        control=partial(watching._control_view, told.file, told.show.stage, True) if told.file and control else None,
    )
    yield "first card", viewer.frame()
    viewer.card = ""
    length = viewer.length
    events = [] if viewer.episode is None else [caption.tick for caption in told.narration.news(viewer.episode)]
    for tick in sorted({0, length // 2, *events[:2]}):
        viewer.seek(tick)
        yield f"tick {tick}", viewer.frame()
    viewer.seek(length // 2)
    # Without names: a body may stand where a word of the plan is.
    usual, viewer.overlays = viewer.overlays, frozenset(OVERLAYS) - {"tree", "names"}
    yield "every overlay", viewer.frame()
    viewer.overlays = usual
    if viewer.suppose() is not None:
        viewer.press("shift+1")
        yield "what if", viewer.frame()
        viewer.press("end")
        yield "its answer", viewer.frame()
        viewer.press("escape")
    viewer.press("end")
    yield "last card", viewer.frame()
    viewer.help = True
    yield "keys", viewer.frame()
    viewer.help = False
    if viewer.control is not None:
        viewer.press("k")
        viewer.seek(length // 2)
        yield "control", viewer.frame()
        viewer.press("end")
        yield "card after the control", viewer.frame()
    viewer.close()


def cut_texts(
    name: str, sizes: Sequence[tuple[int, int]] = SIZES, to: Path | None = None, control: bool = True
) -> list[Cut]:
    """What is cut in the moments of a scenario."""
    found = []
    for moment, frame in moments(name, control):
        for size in sizes:
            with recording() as recorder:
                picture: Image.Image = scene.draw(frame, *size)
                if frame.card is not None and not frame.keys:
                    recorder.missing(
                        " ".join([frame.card.title, *(each for _, each in frame.card.sections), frame.card.footer])
                    )
                elif frame.caption and not frame.keys:
                    recorder.missing(frame.caption)
            where = f"{name} {size[0]}x{size[1]} {moment}"
            found += [Cut(where, how, text) for how, text in recorder.found]
            if to is not None:
                picture.save(to / f"{where.replace('/', '-').replace(' ', '-')}.png")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cut_texts")
    parser.add_argument("names", nargs="*", help="scenarios; all of the library by default")
    parser.add_argument("--to", type=Path, help="a folder for the pictures")
    parser.add_argument("--sizes", nargs="+", default=["x".join(map(str, size)) for size in SIZES])
    chosen = parser.parse_args()
    if chosen.to is not None:
        chosen.to.mkdir(parents=True, exist_ok=True)
    sizes = [(int(wide), int(tall)) for wide, _, tall in (text.partition("x") for text in chosen.sizes)]
    for name in chosen.names or library.names():
        for each in cut_texts(name, sizes, chosen.to):
            print(f"{each.where}: {each.how}: {each.text}", flush=True)


if __name__ == "__main__":
    main()

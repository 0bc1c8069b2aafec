"""A figure that is understood alone: a title and what it shows above its panels, the key of its marks below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...evals.studies.sweep_points import SweepResult
from ...evals.studies.sweep_settings import SweepAxis
from ..drawing.canvas import wrapped
from ..drawing.fonts import SHARE
from ..drawing.palette import LIGHT

TITLE, TEXT, SMALL = 11.0, 9.0, 8.5
"""Sizes of type in points: of the title, of what is said below it and of axes, and of the key."""
MARGIN = 9.0
"""Between the edge of a figure and its texts, in points."""
LEADING = 1.28
"""The distance of two lines, as a multiple of the size of type."""
_HANDLE = 34.0
"""What a mark in the key takes with the space after it, in points."""
_POINTS = 72.0


def broken(text: str, size: float, width: float, bold: bool = False) -> str:
    """A text in lines of at most `width` points, in Matplotlib's own font at a size of type."""
    return "\n".join(wrapped(text, size / SHARE, width, bold))


def add_head_and_key(figure: Figure, title: str, about: Sequence[str], handles: Sequence[Artist], columns: int) -> None:
    """Put a title, what is shown and a key around the panels of a figure, which becomes so much taller.

    Neither can lie over the panels: these are laid out in what is left between the two.

    Args:
        figure: with its panels, of the size that these are to have; laid out as `constrained`, as color bars ask for.
        title: of the figure.
        about: what it shows, in paragraphs.
        handles: the marks of the key, each with its label.
        columns: of the key.
    """
    FigureCanvasAgg(figure)
    wide, high = (side * _POINTS for side in figure.get_size_inches())
    room = 0.97 * (wide - 2 * MARGIN)  # Matplotlib sets text a little wider than it is measured here
    above = broken(title, TITLE, room, bold=True)
    below = "\n".join(broken(text, TEXT, room) for text in about if text)
    lines = above.count("\n") + 1, below.count("\n") + 1 if below else 0
    head = 2 * MARGIN + LEADING * (TITLE * lines[0] + TEXT * lines[1])
    labels = [broken(str(each.get_label()), SMALL, room / columns - _HANDLE) for each in handles]
    key = figure.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0.0, 0.0), ncols=columns, frameon=False, fontsize=SMALL,
        borderaxespad=0, borderpad=0, handlelength=2.0, columnspacing=1.2, labelspacing=0.45, labelcolor=LIGHT.ink,
    )  # fmt: skip
    foot = key.get_window_extent().height / figure.dpi * _POINTS + 2 * MARGIN if handles else 0.0
    whole = head + high + foot
    figure.set_size_inches(wide / _POINTS, whole / _POINTS)
    key.set_bbox_to_anchor((MARGIN / wide, MARGIN / whole))
    left, top = MARGIN / wide, 1 - MARGIN / whole
    figure.text(left, top, above, size=TITLE, weight="bold", color=LIGHT.ink, va="top", linespacing=LEADING)
    top -= LEADING * TITLE * lines[0] / whole
    figure.text(left, top, below, size=TEXT, color=LIGHT.ink, va="top", linespacing=LEADING)
    figure.set_layout_engine("constrained", rect=(0, foot / whole, 1, high / whole))


def axis_words(axis: SweepAxis, names: Mapping[str, str]) -> str:
    """What an axis is, and by which name it is set."""
    told = names.get(axis.name)
    scale = ", logarithmic" if axis.log else ""
    return f"{told}\n{axis.name}{scale}" if told else f"{axis.name}{scale}"


def shared_words(sweep: SweepResult) -> str:
    """What all points of a sweep share beside the file, with what it means."""
    names = sweep.words.names
    parts = [
        f"{name} = {value}{f' ({names[name]})' if name in names else ''}" for name, value in sweep.overrides.items()
    ]
    return f"Everywhere {', '.join(parts)}." if parts else ""

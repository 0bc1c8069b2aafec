"""Draws measures that are numbers over a sweep: colours and contour lines over two axes, a curve over one.

Where optimal policies differ, the middle of the range is drawn and the point is hatched, or the curve is a band. Where
only an outer bound is known, the point is hatched otherwise, or has a dotted bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ...envs.base import Bools, Floats
from ...evals.measures.phase_diagram_regimes import OUTER_BOUND, TIE
from ...evals.studies.sweep_points import SweepResult
from ...evals.studies.sweep_settings import SweepAxis
from ..drawing import palette
from ..drawing.palette import LIGHT
from .figure_files import own_style, png
from .headed_figure import TEXT, add_head_and_key, broken, shared_words
from .phase_diagram import BLANKS, SIZE, axis_edges, hatch_cell, index_of, is_numeric, label_axis, written

MOST_PANELS = 12
TIED = 1e-9
"""A range is wider than rounding, relative to its ends, where optimal policies differ."""
TIE_HATCH, OUTER_HATCH, EMPTY_HATCH = BLANKS[TIE][1], BLANKS[OUTER_BOUND][1], "///"
TIE_TOLD = "several plans are best there, and differ in this"
OUTER_TOLD = "outer bound: what best plans come to is only known to lie within a range"
DARK = 0.6
"""Up to which share of the scale a colour is dark enough for white hatching."""
COLOURS = "cividis"
"""Evenly bright for all eyes, and from dark to light in print."""


@dataclass(frozen=True, eq=False)
class MeasurePanel:
    """A measure over one or two axes, at fixed values of the others.

    Attributes:
        title: the measure, and the values of the other axes.
        x, y: the axes; `y` is None for one.
        low, high: float64 `[Y, X]`, the range over optimal policies; nan where it has no value.
        outer: bool `[Y, X]`, where the range is only known to lie within these two.
    """

    title: str
    x: SweepAxis
    y: SweepAxis | None
    low: Floats
    high: Floats
    outer: Bools


def measure_panels(sweep: SweepResult) -> tuple[MeasurePanel, ...]:
    """The measures that a sweep was asked for, of the exact plan: a panel for each, and for each value of other axes.

    Raises:
        ValueError: none was asked for, nothing was solved exactly, or there would be more than `MOST_PANELS` panels.
    """
    settings = sweep.settings
    if not settings.measures:
        raise ValueError("no measure is asked for; --measure names one")
    if "exact" not in settings.agents:
        raise ValueError("nothing was solved exactly")
    x, *more = settings.axes
    y, others = (more[0] if more else None), more[1:]
    shape = [len(x.values), len(y.values) if y else 1, *(len(axis.values) for axis in others)]
    if (count := int(np.prod(shape[2:])) * len(settings.measures)) > MOST_PANELS:
        raise ValueError(f"{count} panels are too many for a picture; ask for fewer measures, or sweep fewer values")
    # Measures and ends last, so that a point's place is the whole index.
    grids = np.full([*shape, len(settings.measures), 2], np.nan)
    outer = np.zeros([*shape, len(settings.measures)], bool)
    at = [settings.all_measures.index(text) for text in settings.measures]
    for row in sweep.rows:
        if row.agent == "exact":
            place = tuple(index_of(axis.values, value) for axis, value in zip(settings.axes, row.values, strict=True))
            ends = [[end if end is not None else np.nan for end in row.measures[number]] for number in at]
            place = place if y else (*place, 0)
            grids[place] = ends
            outer[place] = [row.outer[number] for number in at] if row.outer else False
    out = []
    for number, text in enumerate(settings.measures):
        for place in np.ndindex(*shape[2:]):
            values = ", ".join(f"{a.name} = {written(a.values[i])}" for a, i in zip(others, place, strict=True))
            # The grid has the first axis first; a picture has rows (the second axis) first.
            both: Floats = np.array([[grids[i, j, *place, number] for i in range(shape[0])] for j in range(shape[1])])
            bounds: Bools = np.array([[outer[i, j, *place, number] for i in range(shape[0])] for j in range(shape[1])])
            title = f"{text}\n{values}" if values else text
            out.append(MeasurePanel(title, x, y, both[:, :, 0], both[:, :, 1], bounds))
    return tuple(out)


def contours_if_any(sweep: SweepResult, dpi: int = 150) -> bytes | None:
    """The picture of a sweep's measures as PNG; None where there is none (see `measure_panels`)."""
    try:
        return contour_diagram(sweep, dpi)
    except ValueError:
        return None


@own_style()
def contour_diagram(sweep: SweepResult, dpi: int = 150) -> bytes:
    """The picture of a sweep's measures as PNG.

    Raises:
        ValueError: see `measure_panels`.
    """
    return png(draw_contour_diagram(sweep, dpi), dpi)


@own_style()
def draw_contour_diagram(sweep: SweepResult, dpi: int = 150) -> Figure:
    """The picture of a sweep's measures.

    Raises:
        ValueError: see `measure_panels`.
    """
    drawn = measure_panels(sweep)
    columns = min(len(drawn), 3)
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=((SIZE[0] + 0.6) * columns, SIZE[1] * rows), dpi=dpi, layout="constrained")
    grid: npt.NDArray[np.object_] = np.array(figure.subplots(rows, columns, squeeze=False)).ravel()
    names = sweep.words.names
    for axes in grid[len(drawn) :]:
        axes.set_axis_off()
    for number, (axes, panel) in enumerate(zip(grid, drawn, strict=False)):
        if panel.y is None:
            _draw_curve(axes, panel)
        else:
            _draw_map(figure, axes, panel, panel.y)
            label_axis(axes, panel.y, "y", names, named=number % columns == 0)
        label_axis(axes, panel.x, "x", names)
        axes.set_title("\n".join(broken(line, TEXT, 64 * SIZE[0]) for line in panel.title.split("\n")), fontsize=TEXT)
    others = [f"{axis.name}: {names[axis.name]}" for axis in sweep.settings.axes[2:] if axis.name in names]
    kind = "a curve" if drawn[0].y is None else "colour and contour lines"
    about = (
        sweep.words.claim,
        f"The measure over each panel, of the best plan, as {kind}. ({sweep.scenario}, stage {sweep.settings.stage})",
        f"{'; '.join(others)}." if others else "",
        shared_words(sweep),
    )
    add_head_and_key(figure, sweep.title, about, _key(drawn), min(columns, 2))
    return figure


def _key(drawn: Sequence[MeasurePanel]) -> list[Artist]:
    """What hatching stands for, or bands and bars beside a curve: of those that occur."""
    curves = drawn[0].y is None
    tied, outer = (any(found(panel).any() for panel in drawn) for found in (_tied, _outer))
    empty = any(not np.isfinite(_middle(panel)).all() for panel in drawn)
    if curves:
        line = Line2D([], [], color=palette.BLUE, marker="o", markersize=3, linewidth=1.4, label="the value")
        band = Patch(facecolor=palette.SKY, alpha=0.35, label=f"{TIE_TOLD}: from the least to the greatest")
        bar = Line2D([], [], color=LIGHT.ink, linestyle=":", marker="_", linewidth=1.2, label=f"{OUTER_TOLD}, the bar")
        return [line, *([band] if tied else []), *([bar] if outer else [])] if tied or outer else []
    shown = [
        (TIE_HATCH, f"{TIE_TOLD}: the middle", tied),
        (OUTER_HATCH, f"{OUTER_TOLD}: its middle", outer),
        (EMPTY_HATCH, "no value, or never", empty),
    ]
    return [
        Patch(facecolor=LIGHT.paper, edgecolor=LIGHT.ink, hatch=hatch, label=words)
        for hatch, words, used in shown
        if used
    ]


def _draw_map(figure: Figure, axes: Axes, panel: MeasurePanel, y: SweepAxis) -> None:
    """Colours at every point, and contour lines between points where both axes are of numbers."""
    across, up = axis_edges(panel.x), axis_edges(y)
    middle = _middle(panel)
    known = middle[np.isfinite(middle)]
    least, most = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if least == most:  # one colour; a scale needs two ends
        least, most = least - 0.5, most + 0.5
    scale = Normalize(least, most)
    drawn = axes.pcolormesh(across, up, np.ma.masked_invalid(middle), cmap=COLOURS, norm=scale)
    bar = figure.colorbar(drawn, ax=axes, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    if known.size > 1 and min(middle.shape) > 2 and is_numeric(panel.x) and is_numeric(y):
        values = [np.array(axis.values, np.float64) for axis in (panel.x, y)]
        lines = axes.contour(
            *values, np.ma.masked_invalid(middle), levels=MaxNLocator(5).tick_values(least, most),
            colors=LIGHT.paper, linewidths=0.9, linestyles="solid",
        )  # fmt: skip
        bar.add_lines(lines)
    hatched = ((TIE_HATCH, _tied(panel)), (OUTER_HATCH, _outer(panel)), (EMPTY_HATCH, ~np.isfinite(middle)))
    for hatch, where in hatched:
        for row, column in np.argwhere(where):
            # Dark to light: a hatching of one colour would be lost on the cells that are as bright.
            dark = np.isfinite(middle[row, column]) and scale(middle[row, column]) < DARK
            hatch_cell(axes, across, up, row, column, hatch, LIGHT.paper if dark else LIGHT.ink)
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(up[0], up[-1])


def _draw_curve(axes: Axes, panel: MeasurePanel) -> None:
    """The middle of the range over one axis, and the range as a band, or as a bar where it is an outer bound."""
    numeric = is_numeric(panel.x)
    places = np.array(panel.x.values, np.float64) if numeric else np.arange(len(panel.x.values), dtype=np.float64)
    middle = _middle(panel)[0]
    low, high = (np.where(np.isfinite(end[0]), end[0], np.nan) for end in (panel.low, panel.high))
    outer = _outer(panel)[0]
    within = np.where(outer, middle, low), np.where(outer, middle, high)
    axes.fill_between(places, *within, color=palette.SKY, alpha=0.35, linewidth=0)
    if outer.any():
        half = (high - low)[outer] / 2
        axes.errorbar(places[outer], middle[outer], yerr=half, fmt="none", ecolor=LIGHT.ink, elinewidth=1.2, capsize=3)[
            2
        ][0].set_linestyle(":")
    axes.plot(places, middle, color=palette.BLUE, linewidth=1.4, marker="o" if places.size <= 60 else "", markersize=3)
    axes.tick_params(labelsize=8)


def _tied(panel: MeasurePanel) -> Bools:
    """Where optimal policies are known to differ on a measure that has a value."""
    return _wide(panel) & ~panel.outer


def _outer(panel: MeasurePanel) -> Bools:
    """Where a measure that has a value is only known to lie within a range."""
    return _wide(panel) & panel.outer


def _wide(panel: MeasurePanel) -> Bools:
    with np.errstate(invalid="ignore"):
        wide: Bools = panel.high - panel.low > TIED * np.maximum(1.0, np.abs(panel.high))
    return wide & np.isfinite(_middle(panel))


def _middle(panel: MeasurePanel) -> Floats:
    """The middle of each range; nan where an end is infinite (an event that never comes) or there is no value."""
    with np.errstate(invalid="ignore"):
        middle = (panel.low + panel.high) / 2
    return np.where(np.isfinite(middle), middle, np.nan)

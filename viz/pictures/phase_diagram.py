"""Draws a phase diagram: the regime of each point of a sweep, the boundaries, and what trained agents did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from scipy.ndimage import distance_transform_edt, label

from ...envs.base import Bools, Floats
from ...evals.measures.phase_diagram_regimes import EQUILIBRIA, OTHER, OUTER_BOUND, TIE, UNSOLVED
from ...evals.studies.sweep_points import SweepResult
from ...evals.studies.sweep_settings import SweepAxis
from ..drawing import palette
from ..drawing.canvas import Point
from ..drawing.palette import LIGHT
from .figure_files import own_style, png
from .headed_figure import TEXT, add_head_and_key, axis_words, broken, shared_words

COLOURS = (palette.SKY, palette.GREEN, palette.VERMILION, palette.YELLOW, palette.PURPLE, palette.BLUE, palette.ORANGE)
PALE = 0.35
"""Share of the paper's colour in a regime's colour, so that text on it is legible."""
BLANKS = {
    TIE: ("#BDBDBD", "xxx"),
    EQUILIBRIA: ("#BDBDBD", "++"),
    OUTER_BOUND: ("#BDBDBD", "---"),
    OTHER: ("#FFFFFF", "..."),
    UNSOLVED: ("#FFFFFF", "///"),
}
"""Colour and hatching of points without a regime: ties, games of several equilibria, outer bounds, other, unsolved."""
BLANKS_TOLD = {
    TIE: "several plans are best there, and they differ in this",
    EQUILIBRIA: "they differ in this",
    OUTER_BOUND: "no more than bounds is known there, and these leave it open",
    OTHER: "none of these",
    UNSOLVED: "no exact plan was found there",
}
"""What the points without a regime are."""
MARKS = ("o", "s", "^", "D")
SIZE = (4.6, 3.9)
"""Width and height of a panel, in inches."""
_BEHIND = {"boxstyle": "round,pad=0.15", "facecolor": f"{LIGHT.paper}AA", "edgecolor": "none"}
LINE = 48
"""Number of letters that fit across a panel."""


@dataclass(frozen=True)
class LearnedPoint:
    """The regimes of a trained agent's seeds, in order, at one point; `x` and `y` are indices along the axes."""

    agent: str
    x: int
    y: int
    regimes: tuple[str, ...]

    @property
    def most(self) -> str:
        """The regime of most seeds; of equally frequent ones, the first in the order of the seeds."""
        return Counter(self.regimes).most_common(1)[0][0]


@dataclass(frozen=True, eq=False)
class Panel:
    """The data of one diagram.

    Attributes:
        title: the values of all other axes; words: what these axes are.
        x, y: the axes; `y` is None for one.
        regimes: `[Y, X]` of names, empty where unsolved.
        learned: what trained agents do.
    """

    title: str
    words: str
    x: SweepAxis
    y: SweepAxis | None
    regimes: npt.NDArray[np.object_]
    learned: tuple[LearnedPoint, ...]


def panels(sweep: SweepResult) -> tuple[Panel, ...]:
    """A sweep as panels: the first axis across, the second up, one panel for each combination of all others.

    Raises:
        ValueError: there would be more than 12 panels.
    """
    x, *more = sweep.settings.axes
    y, others = (more[0] if more else None), more[1:]
    height = len(y.values) if y else 1
    count = int(np.prod([len(axis.values) for axis in others]))
    if count > 12:
        raise ValueError(f"{count} panels are too many for a picture; sweep fewer values of {others[0].name}")
    grids = np.full([len(x.values), height, *(len(axis.values) for axis in others)], "", dtype=object)
    learned: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for row in sweep.rows:
        axes = sweep.settings.axes
        # `exact` fills the grid itself: it has one regime at a point, whereas a learner has one for each seed.
        at = tuple(index_of(axis.values, value) for axis, value in zip(axes, row.values, strict=True))
        at = at if y else (*at, 0)
        if row.agent == "exact":
            grids[at] = row.regime
        else:
            learned.setdefault((row.agent, at), []).append(row.regime)
    out = []
    words = "; ".join(sweep.words.names[axis.name] for axis in others if axis.name in sweep.words.names)
    for place in np.ndindex(*grids.shape[2:]):
        title = ", ".join(f"{a.name} = {written(a.values[i])}" for a, i in zip(others, place, strict=True))
        marks = tuple(
            LearnedPoint(agent, at[0], at[1], tuple(found)) for (agent, at), found in learned.items() if at[2:] == place
        )
        # The grid has the first axis first; a picture has rows (the second axis) first.
        out.append(Panel(title, words, x, y, grids[(slice(None), slice(None), *place)].T, marks))
    return tuple(out)


def why_no_diagram(sweep: SweepResult) -> str | None:
    """Why a sweep has no picture: there are no regimes to show, or too many panels; None where it has one."""
    if not sweep.settings.regimes:
        return "no regimes are named; --regime NAME=CONDITION names one"
    try:
        panels(sweep)
    except ValueError as fault:
        return str(fault)
    return None


def diagram_if_any(sweep: SweepResult, dpi: int = 150) -> bytes | None:
    """The picture of a sweep as PNG; None where there is none (see `why_no_diagram`)."""
    return phase_diagram(sweep, dpi) if why_no_diagram(sweep) is None else None


@own_style()
def phase_diagram(sweep: SweepResult, dpi: int = 150) -> bytes:
    """The picture of a sweep as PNG.

    Raises:
        ValueError: see `panels`.
    """
    return png(draw_phase_diagram(sweep, dpi), dpi)


@own_style()
def draw_phase_diagram(sweep: SweepResult, dpi: int = 150) -> Figure:
    """The picture of a sweep: its panels, and a key that says what each regime in them means.

    Raises:
        ValueError: see `panels`.
    """
    drawn = panels(sweep)
    columns = min(len(drawn), 3)
    rows = -(-len(drawn) // columns)
    tall = SIZE[1] if drawn[0].y else 1.2
    figure = Figure(figsize=(SIZE[0] * columns + 0.3, tall * rows), dpi=dpi, layout="constrained")
    grid: npt.NDArray[np.object_] = np.array(figure.subplots(rows, columns, squeeze=False))
    styles = _styles(sweep)
    for place, axes in zip(np.ndindex(rows, columns), grid.ravel(), strict=True):
        number = place[0] * columns + place[1]
        if number >= len(drawn):
            axes.set_axis_off()
            continue
        _draw(axes, drawn[number], styles, sweep.words.names, first=place[1] == 0)
    shown = {str(regime) for panel in drawn for regime in panel.regimes.ravel()}
    shown |= {regime for panel in drawn for mark in panel.learned for regime in mark.regimes}
    handles: list[Artist] = [_patch(name, styles, _told(sweep, name)) for name in styles if name in shown]
    agents = list(dict.fromkeys(mark.agent for panel in drawn for mark in panel.learned))
    handles += [
        m
        for agent, shape in zip(agents, MARKS, strict=False)
        for m in _legend_marks(agent, shape, sweep.settings.seeds)
    ]
    add_head_and_key(
        figure, sweep.title, (sweep.words.claim, _about(sweep), shared_words(sweep)), handles, min(columns, 2)
    )
    return figure


def _about(sweep: SweepResult) -> str:
    """What colours and marks stand for."""
    agents = sweep.settings.agents
    exact = "Each point is one setting of this world, solved exactly: its colour says what then happens."
    learners = [agent for agent in agents if agent != "exact"]
    learned = f"Marks: what trained agents do ({' and '.join(learners)}, {sweep.settings.seeds_in_words})."
    told = [*([exact] if "exact" in agents else []), *([learned] if learners else [])]
    return f"{' '.join(told)} ({sweep.scenario}, stage {sweep.settings.stage})"


def _told(sweep: SweepResult, name: str) -> str:
    """A regime's line in the key: its name, and what it means or else its condition."""
    settings = sweep.settings
    return f"{name}: {BLANKS_TOLD.get(name) or sweep.words.regimes.get(name) or settings.regimes[name]}"


def regions(mask: Bools) -> Iterator[tuple[float, float, float]]:
    """For each connected part of a mask bool `[Y, X]`, a place for text inside it: its y, x and width in cells."""
    parts, count = label(mask)
    for part in range(1, count + 1):
        # The padding makes the border of the mask count as an edge of the part, so that the place keeps away from it.
        depth = distance_transform_edt(np.pad(parts == part, 1))[1:-1, 1:-1]
        best = np.argwhere(depth >= depth.max() - 1e-9)
        # Many cells may be equally deep (in a strip, say); the one nearest to their mean is in the middle.
        y, x = best[np.abs(best - best.mean(axis=0)).sum(axis=1).argmin()]
        row = (parts == part)[y]
        left = x - next((k for k in range(x + 1) if not row[x - k]), x + 1) + 1
        right = x + next((k for k in range(row.size - x) if not row[x + k]), row.size - x) - 1
        yield float(y), (left + right) / 2, float(right - left + 1)


# ------------------------------------------------------------------ one panel


def _draw(
    axes: Axes, panel: Panel, styles: dict[str, tuple[str, str]], words: Mapping[str, str], *, first: bool
) -> None:
    """Draw a panel; the `first` of a row has the name of the axis beside it."""
    names = list(styles)
    across, up = axis_edges(panel.x), axis_edges(panel.y) if panel.y else np.array([0.0, 1.0])
    codes = np.array([[names.index(name) if name else -1 for name in row] for row in panel.regimes])
    paint = np.array([to_rgb(styles[name][0]) for name in names] + [to_rgb(LIGHT.paper)])
    axes.pcolormesh(across, up, paint[codes])  # -1, where nothing was solved, is the last: paper
    for y, x in np.argwhere(np.isin(codes, [names.index(name) for name in BLANKS])):
        hatch_cell(axes, across, up, y, x, styles[names[codes[y, x]]][1])
    for (x0, y0), (x1, y1) in _boundaries(codes, across, up):
        axes.plot([x0, x1], [y0, y1], color=LIGHT.ink, linewidth=1.4, solid_capstyle="projecting")
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(up[0], up[-1])
    _name_regions(axes, codes, names, across, up)
    _draw_learned(axes, panel, styles, across, up)
    label_axis(axes, panel.x, "x", words)
    if panel.y:
        label_axis(axes, panel.y, "y", words, named=first)
    else:
        axes.yaxis.set_major_locator(NullLocator())
    set_panel_title(axes, panel.title, panel.words)


def hatch_cell(axes: Axes, across: Floats, up: Floats, y: int, x: int, hatch: str, colour: str = LIGHT.muted) -> None:
    """Hatch one cell of a panel, given the edges of all."""
    sides = [*across[[x, x + 1, x + 1, x]]], [*up[[y, y, y + 1, y + 1]]]
    axes.fill(*sides, fill=False, linewidth=0, edgecolor=colour, hatch=hatch)


def _boundaries(codes: npt.NDArray[np.int64], across: Floats, up: Floats) -> Iterator[tuple[Point, Point]]:
    """The edges between neighbouring cells of different regimes, each as its two ends."""
    for y, x in np.argwhere(codes[:, 1:] != codes[:, :-1]):
        yield (across[x + 1], up[y]), (across[x + 1], up[y + 1])
    for y, x in np.argwhere(codes[1:] != codes[:-1]):
        yield (across[x], up[y + 1]), (across[x + 1], up[y + 1])


def _name_regions(axes: Axes, codes: npt.NDArray[np.int64], names: Sequence[str], across: Floats, up: Floats) -> None:
    """Write each regime's name into those of its regions where it fits; the key names it too."""
    for code in np.unique(codes[codes >= 0]):
        for y, x, wide in regions(codes == code):
            if wide / codes.shape[1] * LINE >= len(names[code]):
                axes.text(
                    _between(across, x), _between(up, y), names[code], ha="center", va="center", fontsize=9,
                    color=LIGHT.ink, bbox=_BEHIND, zorder=4,
                )  # fmt: skip


def _draw_learned(axes: Axes, panel: Panel, styles: dict[str, tuple[str, str]], across: Floats, up: Floats) -> None:
    """Draw a marker for each learned point and, where its seeds disagree, how many have the exact planner's regime.

    The marker is filled with ink if most seeds agree with the exact planner, else with the colour of their own regime.
    """
    agents = list(dict.fromkeys(mark.agent for mark in panel.learned))
    for mark in panel.learned:
        exact = panel.regimes[mark.y, mark.x]
        agree, seeds = sum(regime == exact for regime in mark.regimes), len(mark.regimes)
        filled = 2 * agree > seeds
        x, y = _between(across, mark.x), _between(up, mark.y)
        axes.plot(
            x, y, MARKS[agents.index(mark.agent) % len(MARKS)], markersize=5.5, zorder=5,
            markerfacecolor=LIGHT.ink if filled else styles[mark.most][0],
            markeredgecolor=LIGHT.paper if filled else LIGHT.ink, markeredgewidth=0.8 if filled else 1.4,
        )  # fmt: skip
        if 0 < agree < seeds:
            beside = -5 if mark.x == len(panel.x.values) - 1 else 5  # to the left in the last column, to stay inside
            axes.annotate(
                f"{agree}/{seeds}", (x, y), (beside, 0), textcoords="offset points", fontsize=7, color=LIGHT.ink,
                ha="left" if beside > 0 else "right", va="center", zorder=5,
                bbox=_BEHIND | {"boxstyle": "square,pad=0"},
            )  # fmt: skip


def set_panel_title(axes: Axes, title: str, words: str) -> None:
    """Write over a panel for which values of the other axes it is, and what these axes are."""
    both = f"{title} ({words})" if title and words else title
    axes.set_title(broken(both, TEXT, 64 * SIZE[0]), fontsize=TEXT, color=LIGHT.ink)


def label_axis(axes: Axes, axis: SweepAxis, which: str, words: Mapping[str, str], named: bool = True) -> None:
    """Say what an axis is, unless a panel beside it does, and its values where they are words.

    Args:
        axes: of the panel.
        axis: of the sweep.
        which: `x` or `y`.
        words: what the names of axes mean.
        named: whether it is said here.
    """
    side = axes.xaxis if which == "x" else axes.yaxis
    room = 62 * SIZE[0] if which == "x" else 50 * SIZE[1]  # beside a panel less is left by what is above and below it
    if named:
        told = "\n".join(broken(line, TEXT, room) for line in axis_words(axis, words).split("\n"))
        (axes.set_xlabel if which == "x" else axes.set_ylabel)(told, fontsize=TEXT, color=LIGHT.ink)
    side.set_tick_params(labelsize=8)
    if not is_numeric(axis):
        side.set_ticks([float(i) for i in range(len(axis.values))], [written(value) for value in axis.values])
    elif axis.log:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        side.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        side.set_minor_formatter(NullFormatter())


# ------------------------------------------------------------------ places and colours


def axis_edges(axis: SweepAxis) -> Floats:
    """The edges of the N cells of an axis, float64 `[N + 1]`, midway between neighbouring values."""
    values = np.array(axis.values, np.float64) if is_numeric(axis) else np.arange(len(axis.values), dtype=np.float64)
    if values.size == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    log = axis.log and is_numeric(axis)
    # On a logarithmic axis the middle of two values is their geometric mean, so the edges are found among logarithms.
    values = np.log(values) if log else values
    inner = (values[1:] + values[:-1]) / 2
    edges = np.concatenate([[2 * values[0] - inner[0]], inner, [2 * values[-1] - inner[-1]]])
    return np.exp(edges) if log else edges


def _between(edges: Floats, place: float) -> float:
    """The coordinate of the middle of the cell with index `place`; an index of n + 0.5 is the edge after cell n."""
    return float(np.interp(place + 0.5, np.arange(edges.size), edges))


def is_numeric(axis: SweepAxis) -> bool:
    """Whether the values of an axis are numbers that strictly increase."""
    # In Python a bool is an int, but as a value of an axis it is a word.
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in axis.values)
    return numbers and bool(np.all(np.diff(np.array(axis.values, np.float64)) > 0))


def index_of(values: Sequence[object], value: object) -> int:
    """Where a value stands among those of an axis."""
    return next(i for i, each in enumerate(values) if each == value)


def written(value: object) -> str:
    """A value of an axis as a label."""
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _styles(sweep: SweepResult) -> dict[str, tuple[str, str]]:
    """Colour and hatching of every regime and of the points without one; hatched when the colours begin again."""
    named = {
        name: (palette.mix(COLOURS[i % len(COLOURS)], LIGHT.paper, PALE), "" if i < len(COLOURS) else "//")
        for i, name in enumerate(sweep.settings.regimes)
    }
    return named | BLANKS


def _patch(name: str, styles: dict[str, tuple[str, str]], label: str) -> Patch:
    colour, hatch = styles[name]
    return Patch(facecolor=colour, edgecolor=LIGHT.ink, hatch=hatch, label=label, linewidth=0.6)


def _legend_marks(agent: str, shape: str, seeds: int) -> list[Line2D]:
    share = f"; 1/{seeds}: one seed of {seeds} does as the colour around says" if seeds > 1 else ""
    return [
        Line2D([], [], linestyle="", marker=shape, markersize=5.5, markeredgecolor=LIGHT.ink, markerfacecolor=fill,
               label=f"{agent}: {says}")
        for fill, says in (
            (LIGHT.ink, "most seeds do as the colour around them says"),
            ("white", f"most do something else, and the mark has its colour{share}"),
        )
    ]  # fmt: skip

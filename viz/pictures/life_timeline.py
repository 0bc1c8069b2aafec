"""Draws lives that were lived: one row for each seed, one cell for each episode, and what came between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from ...envs.base import Floats
from ...evals.traces.trace import BETWEEN, HIDDEN, Trace
from ..drawing import palette
from ..drawing.palette import LIGHT
from .figure_files import own_style

MOST_LIVES = 40
"""Most lives that are drawn; more are as thin as lines."""
_HARM_TO_GOOD = LinearSegmentedColormap.from_list("harm to good", [palette.VERMILION, palette.WHITE, palette.BLUE])


@dataclass(frozen=True, eq=False)
class Timeline:
    """The lives of one agent under one condition, stage by stage in the order in which a life comes to them.

    Attributes:
        label: the agent and its condition.
        stages: names, each with the number of episodes that the longest life had there.
        seeds: L numbers.
        performance: float64 `[L, E]`, the hidden score of each episode; nan where a life had none.
        between: for each life the columns after which something came between two episodes, with its names.
    """

    label: str
    stages: tuple[tuple[str, int], ...]
    seeds: tuple[int, ...]
    performance: Floats
    between: tuple[tuple[tuple[int, str], ...], ...]


def timeline(label: str, stages: Sequence[str], traces: Mapping[str, Trace]) -> Timeline:
    """The timeline of some lives.

    Args:
        label: see `Timeline`.
        stages: those of the life, in order.
        traces: stage -> the episodes that the lives had there; stages without one are left out.
    """
    known = [stage for stage in stages if stage in traces]
    seeds = sorted(set.intersection(*(set(traces[stage].table["seed"].to_list()) for stage in known)))[:MOST_LIVES]
    lengths = [int(traces[stage].table["episode"].max()) + 1 for stage in known]  # type: ignore[arg-type]
    performance = np.full((len(seeds), sum(lengths)), np.nan)
    between: list[list[tuple[int, str]]] = [[] for _ in seeds]
    offset = 0
    for stage, length in zip(known, lengths, strict=True):
        came = pl.col("events").list.eval(pl.element().filter(pl.element().str.starts_with(BETWEEN))).list.last()
        episodes = (
            traces[stage]
            .table.filter(pl.col("seed").is_in(seeds))
            .group_by("seed", "episode", maintain_order=True)
            .agg(pl.col(HIDDEN).sum(), came.drop_nulls().last().alias("came"))
        )
        for seed, episode, score, name in episodes.iter_rows():
            row, column = seeds.index(seed), offset + episode
            performance[row, column] = score
            if name is not None:
                between[row].append((column, name.removeprefix(BETWEEN)))
        offset += length
    return Timeline(
        label, tuple(zip(known, lengths, strict=True)), tuple(seeds), performance, tuple(map(tuple, between))
    )


@own_style()
def draw_timeline(lives: Timeline) -> Figure:
    """The picture of some lives: harm orange, good blue; a dot where something came between two episodes."""
    rows, columns = lives.performance.shape
    figure = Figure(figsize=(8.0, 1.3 + 0.14 * rows), layout="constrained", facecolor=LIGHT.paper)
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    most = float(np.nanmax(np.abs(lives.performance), initial=0.0)) or 1.0
    panel.set_facecolor(LIGHT.hairline)  # a life that is over has no more cells
    drawn = panel.imshow(
        np.ma.masked_invalid(lives.performance), cmap=_HARM_TO_GOOD, norm=Normalize(-most, most), aspect="auto",
        interpolation="nearest", extent=(0.5, columns + 0.5, rows - 0.5, -0.5),
    )  # fmt: skip
    names = sorted({name for row in lives.between for _, name in row})
    for number, name in enumerate(names):
        places = [(row, column) for row, some in enumerate(lives.between) for column, what in some if what == name]
        y, x = np.array(places).T
        panel.scatter(x + 1.5, y, marker="oDs^v"[number % 5], s=14, color=LIGHT.ink, label=name, zorder=3)
    edge = 0
    for stage, length in lives.stages:
        panel.annotate(
            stage, (edge + 0.5, -0.5), xytext=(2, 3), textcoords="offset points", fontsize=9, color=LIGHT.ink
        )
        edge += length
        if edge < columns:
            panel.axvline(edge + 0.5, color=LIGHT.ink, linewidth=1.2)
    panel.set_xlabel("episodes of the life")
    panel.set_ylabel("lives")
    panel.set_yticks([0, rows - 1] if rows > 1 else [0], [str(lives.seeds[0]), str(lives.seeds[-1])][: min(rows, 2)])
    figure.colorbar(drawn, ax=panel, label="performance of the episode", pad=0.01)
    if names:
        figure.legend(loc="outside lower right", frameon=False, fontsize=8, ncols=len(names))
    figure.suptitle(lives.label, fontsize=10, color=LIGHT.ink)
    return figure

"""Draws a front: its points, the mixtures between them, and what the agent's own plan gets."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...envs.base import Floats
from ...envs.pareto.front import ParetoFront
from ...scenarios.errors import UsageError
from ..drawing import palette
from ..drawing.palette import LIGHT
from .figure_files import own_style, write_figure
from .headed_figure import add_head_and_key

SIZE = (4.6, 3.9)
"""Width and height of a panel, in inches."""


def save_front(front: ParetoFront, path: Path) -> None:
    """Write the picture: a panel for each pair of objectives.

    Raises:
        UsageError: the file exists, is of no known kind, or cannot be written; or there is only one objective.
    """
    write_figure(draw_front(front), path)


@own_style()
def draw_front(front: ParetoFront) -> Figure:
    """The picture of a front.

    Raises:
        UsageError: there is only one objective.
    """
    pairs = list(combinations(range(len(front.objectives)), 2))
    if not pairs:
        raise UsageError("a front of one objective is one number: name two objectives to draw")
    figure = Figure(figsize=(SIZE[0] * len(pairs), SIZE[1]), layout="constrained", facecolor=LIGHT.paper)
    axes = figure.subplots(1, len(pairs), squeeze=False)[0]
    for panel, (across, up) in zip(axes, pairs, strict=True):
        _draw(panel, front, across, up, whole=len(pairs) == 1)
    kind = f"value, discount {front.discount:g}" if front.criterion == "value" else f"return of {front.ticks}"
    title = f"What can be had of {' and '.join(_label(front, place) for place in range(len(front.objectives)))} at once"
    where = f"({front.scenario}, stage {front.stage}: {kind})"
    about = (f"Each dot is a plan that no other beats in all of them; more is better. {where}",)
    add_head_and_key(figure, title, about, axes[0].get_legend_handles_labels()[0], min(len(pairs), 2))
    return figure


def _draw(panel: Axes, front: ParetoFront, across: int, up: int, whole: bool) -> None:
    x, y = front.vectors[:, across], front.vectors[:, up]
    if whole:
        worst = front.worst[front.objectives[across]], front.worst[front.objectives[up]]
        outline = _staircase(x, y, worst)
        panel.fill(
            outline[:, 0],
            outline[:, 1],
            color=palette.SKY,
            alpha=0.18,
            linewidth=0,
            label="what one of them beats: the hypervolume",
        )
        if len(x) > 1:
            panel.plot(x, y, color=palette.BLUE, linewidth=1, linestyle="--", label="mixtures of two plans")
    panel.plot(
        x,
        y,
        "o",
        color=palette.BLUE,
        markersize=5,
        label="a plan that is best for some weights (the convex coverage set)",
    )
    if front.choice is not None and front.vector is not None:
        names = front.objectives[across], front.objectives[up]
        at = [front.vector[name] for name in names]
        ends = [[at[i] - front.choice[name].low, front.choice[name].high - at[i]] for i, name in enumerate(names)]
        errors = np.array(ends).clip(0.0)
        panel.errorbar(
            at[0], at[1], xerr=errors[0][:, None], yerr=errors[1][:, None], fmt="D", color=palette.VERMILION,
            markersize=6, markerfacecolor="none", markeredgewidth=1.6, capsize=3, label="the agent's own plan",
        )  # fmt: skip
    panel.set_xlabel(_label(front, across))
    panel.set_ylabel(_label(front, up))
    panel.grid(alpha=0.25)


def _staircase(x: Floats, y: Floats, worst: tuple[float, float]) -> Floats:
    """The outline of everything between the worst and some point, `[n, 2]`."""
    order = np.argsort(-x)
    corners = [(x[order[0]], worst[1])]
    height = worst[1]
    for place in order:
        corners += [(x[place], height), (x[place], y[place])]
        height = y[place]
    return np.array([*corners, (worst[0], height), worst])


def _label(front: ParetoFront, place: int) -> str:
    name = front.objectives[place]
    return f"{name} (hidden)" if name == "performance" else name

"""The panel about a training that goes on: how far it is, how right its model is, what it knows, what heads say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image

from ..drawing.canvas import Canvas, text_width
from ..drawing.color_scales import number
from ..drawing.palette import Theme
from ..text.episode_text import plain
from ..viewer.frame import LearningSoFar
from .panels import GAP, LINE, SMALL, PanelColumn

if TYPE_CHECKING:
    from ...evals.live.training_process import TrainingProgress

CHART = 62.0
"""Height of each of the charts, in points."""
LOSSES = ("log_loss", "loss")
"""Figures of agents that are errors of their model, smaller the better, by preference."""
HITS = ("recent_hit_rate", "hit_rate", "held_out_accuracy")
"""Figures that are shares of right predictions."""


@dataclass(frozen=True)
class LearningLine:
    """One line of a chart: its points (step, value), its colour and its name."""

    points: tuple[tuple[float, float], ...]
    colour: str
    name: str


def draw_learning(column: PanelColumn, learning: LearningSoFar) -> None:
    """Draw the panel at the top of a column of panels."""
    theme, its = column.theme, learning.progress
    column.heading("learning", f"{learning.state} · {its.step:,} of {its.steps:,} steps")
    _draw_bar(column, learning)
    earned = "not known yet" if its.earned is None else number(its.earned)
    column.line(f"an episode of training earned: {earned}", theme.muted, SMALL)
    errors = model_errors(learning, theme)
    if errors and column.fits(CHART + LINE):
        _draw_chart(column, errors, learning, "model error")
    rules = rule_counts(learning, theme)
    if rules and column.fits(CHART + LINE):
        _draw_chart(column, rules, learning, "what it knows")
    heads = head_values(learning, theme)
    if heads and column.fits(CHART + LINE):
        _draw_chart(column, heads, learning, "heads at the start")
    column.top += GAP - 4


def model_errors(learning: LearningSoFar, theme: Theme) -> tuple[LearningLine, ...]:
    """How wrong the agent's model is: as it finds itself while it trains, and in what it foresaw in each look."""
    lines = []
    surprised = [(float(look.progress.step), look.surprised) for look in learning.looks if look.surprised is not None]
    if surprised:
        lines.append(LearningLine(tuple(surprised), theme.performance, "came otherwise"))
    own = tuple((float(each.step), error) for each in learning.history if (error := own_error(each)) is not None)
    if own:
        lines.append(LearningLine(own, theme.reward, own_name(learning.history)))
    return tuple(lines)


def rule_counts(learning: LearningSoFar, theme: Theme) -> tuple[LearningLine, ...]:
    """How many rules the agent holds, and how many of these are exceptions; none for an agent without rules."""
    lines = []
    for name, colour in (("rules", theme.reward), ("exceptions", theme.performance)):
        points = [(float(each.step), each.figures[name]) for each in learning.history if name in each.figures]
        if points:
            lines.append(LearningLine(tuple(points), colour, name))
    return tuple(lines)


def own_error(progress: TrainingProgress) -> float | None:
    """The loss, or else the share of wrong predictions, that an agent reports of its model; None if it has none."""
    figures = progress.figures
    for name in LOSSES:
        if name in figures and math.isfinite(figures[name]):
            return figures[name]
    return next((1.0 - figures[name] for name in HITS if name in figures and math.isfinite(figures[name])), None)


def own_name(history: Sequence[TrainingProgress]) -> str:
    """What `own_error` is, in words."""
    return "loss" if any(name in each.figures for each in history for name in LOSSES) else "predicted wrongly"


def head_values(learning: LearningSoFar, theme: Theme) -> tuple[LearningLine, ...]:
    """The weighted value of each head for what the agent chooses in the first tick, look by look."""
    looks = [look for look in learning.looks if look.heads is not None]
    if not looks:
        return ()
    channels = looks[-1].episode.world.channels
    return tuple(
        LearningLine(
            tuple((float(look.progress.step), float(look.heads[k])) for look in looks if look.heads is not None),
            hue,
            plain(name),
        )
        for k, (name, hue) in enumerate(zip(channels, theme.heads(channels), strict=True))
    )


def _draw_bar(column: PanelColumn, learning: LearningSoFar) -> None:
    """Draw how much of the training is done, with a mark at the look that is shown."""
    canvas, theme, its = column.canvas, column.theme, learning.progress
    top, right = column.top + 4, column.left + column.width

    def x(step: float) -> float:
        return column.left + column.width * min(step / max(its.steps, 1), 1.0)

    canvas.box(column.left, top, right, top + 5, theme.hairline)
    canvas.box(column.left, top, x(its.step), top + 5, theme.reward)
    if learning.number < len(learning.looks):
        at = x(learning.looks[learning.number].progress.step)
        canvas.box(at - 1, top - 3, at + 1, top + 8, theme.ink)
    column.top += 12


def _draw_chart(column: PanelColumn, lines: tuple[LearningLine, ...], learning: LearningSoFar, title: str) -> None:
    """Draw a chart with its title, and the names of its lines with their last values in a key above it."""
    canvas, theme = column.canvas, column.theme
    canvas.text(column.left, column.top + 12, title, SMALL, theme.ink, bold=True)
    x = column.left + text_width(title, SMALL, bold=True) + 12
    for line in lines:
        told = f"{line.name} {number(line.points[-1][1])}"
        if x + 14 + text_width(told, SMALL) > column.left + column.width:
            break
        canvas.box(x, column.top + 4, x + 9, column.top + 13, line.colour, 2)
        canvas.text(x + 13, column.top + 12, told, SMALL, theme.muted)
        x += 26 + text_width(told, SMALL)
    column.top += LINE
    until = float(max(learning.progress.steps, 1))
    picture = _chart(lines, until, column.width, CHART, canvas.ratio, theme)
    canvas.paste(picture, round(column.left * canvas.ratio), round(column.top * canvas.ratio))
    column.top += CHART + 4


@lru_cache(16)
def _chart(
    lines: tuple[LearningLine, ...], until: float, width: float, height: float, ratio: float, theme: Theme
) -> Image.Image:
    """The lines over the steps of the whole training; 0 is always on the axis of values."""
    values = [value for line in lines for _, value in line.points]
    low, high = min(*values, 0.0), max(*values, 0.0)
    canvas = Canvas(width, height, ratio, theme)

    def y(value: float) -> float:
        return 4 + (height - 8) * (high - value) / ((high - low) or 1.0)

    canvas.line([(0, y(0.0)), (width, y(0.0))], theme.hairline, 1)
    for line in lines:
        points = [(width * min(step / until, 1.0), y(value)) for step, value in line.points]
        if len(points) > 1:
            canvas.line(points, line.colour, 2)
        canvas.disc(*points[-1], 2.5, line.colour)
    return canvas.picture()

"""The cumulative rewards and performance of one episode, or of two side by side, as a chart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

from ...evals.traces.episode import Episode, running_sums
from ...evals.traces.whole_life import WholeLife
from ..drawing.canvas import FINER, cut
from ..drawing.palette import Theme, mix
from ..text.episode_text import plain
from .curves import TYPE, Chart, ChartMark, Curve, parting

MARKS = 6
"""The greatest number of marks over the curves."""
PALER = 0.45
"""How much paler the curves of a second episode are."""


@dataclass(frozen=True)
class ReturnCurves:
    """The episodes that a chart shows: one, or two with their names."""

    episodes: tuple[Episode, ...]
    names: tuple[str, ...]


@lru_cache(24)
def chart_of(
    sums: ReturnCurves, width: float, height: float, ratio: float, theme: Theme, until: int | None = None
) -> tuple[Chart, Image.Image]:
    """The chart of a size and its picture, which shows what came until a tick; None: all of it.

    It shows the hidden performance and the weighted reward of each episode. For a single episode it also shows each
    channel, where there are two to four.
    """
    alone = len(sums.episodes) == 1
    ticks = max(episode.most for episode in sums.episodes)
    if alone:
        lines = _curves_of_one(sums.episodes[0], theme)
        chart = Chart(lines, _marks(sums.episodes[0], lines), width, height, theme, ticks=ticks, until=until)
    else:
        lines = _curves_of_two(sums, theme)
        chart = Chart(lines, _marks_of_two(sums), width, height, theme, ticks=ticks, ring=False, until=until)
    # A second episode may change with every edit of a what-if, and what came so far with every tick: such charts have
    # to be drawn faster.
    return chart, chart.draw(ratio, FINER if alone and until is None else 2)


def _curves_of_one(episode: Episode, theme: Theme) -> list[Curve]:
    lines = [
        Curve("hidden performance", running_sums(episode.performance), theme.performance),
        Curve("weighted reward", running_sums(episode.weighted_rewards()), theme.reward),
    ]
    channels = episode.world.channels
    if 1 < len(channels) <= 4:
        sums = running_sums(episode.rewards)
        named = zip(channels, theme.heads(channels), strict=True)
        lines += [Curve(plain(name), sums[:, k], hue) for k, (name, hue) in enumerate(named)]
    return lines


def _curves_of_two(sums: ReturnCurves, theme: Theme) -> list[Curve]:
    """Performance and reward of both episodes: the first in the usual colours, the second in paler ones."""
    lines = []
    for number, (episode, name) in enumerate(zip(sums.episodes, sums.names, strict=True)):
        pale = PALER if number else 0.0
        performance, reward = mix(theme.performance, theme.paper, pale), mix(theme.reward, theme.paper, pale)
        short = cut(name, TYPE, 120)
        lines.append(Curve(f"performance, {short}", running_sums(episode.performance), performance))
        lines.append(Curve(f"reward, {short}", running_sums(episode.weighted_rewards()), reward))
    return lines


def _marks(episode: Episode, lines: list[Curve]) -> list[ChartMark]:
    """Marks at the first tick of each event, at the tick in which the sums part, and at the end; at most `MARKS`."""
    named: dict[int, list[str]] = {}  # by tick: names that fall on one tick share a mark
    ranks: dict[int, int] = {}
    for mark in _ends_and_events(episode):
        named.setdefault(mark.tick, []).append(mark.name)
        ranks[mark.tick] = min(mark.rank, ranks.get(mark.tick, mark.rank))
    part = parting(lines[0].values, lines[1].values)
    if part is not None:
        named.setdefault(part, []).append("reward and performance come apart")
    marks = [ChartMark(tick, ", ".join(names), ranks.get(tick, 1)) for tick, names in named.items()]
    return _ordered(sorted(marks, key=lambda mark: (mark.rank, mark.tick))[:MARKS])


def _marks_of_two(sums: ReturnCurves) -> list[ChartMark]:
    """Marks at the first tick of each event and at the end; those of the second episode only where they differ."""
    first, second = ({mark.name: mark for mark in _ends_and_events(episode)} for episode in sums.episodes)
    named = list(first.values())
    for name, mark in second.items():
        if name not in first or first[name].tick != mark.tick:
            named.append(ChartMark(mark.tick, f"{name} ({cut(sums.names[1], 12.0, 90)})", mark.rank))
    return _ordered(sorted(named, key=lambda mark: (mark.rank, mark.tick))[:MARKS])


def _ends_and_events(episode: Episode) -> list[ChartMark]:
    """A mark at the first tick of each event, at the last tick if the episode ended, and where stages of a life begin.

    Rarer ones rank first.
    """
    events = dict.fromkeys(event for events in episode.events for event in events)
    ends = [] if episode.ended is None else [ChartMark(episode.length - 1, plain(episode.ended))]
    if isinstance(episode, WholeLife):
        ends += [ChartMark(tick, f"{plain(stage)} begins", 0) for tick, stage in episode.stages()]
    return [*(ChartMark(episode.ticks(event)[0], plain(event), len(episode.ticks(event))) for event in events), *ends]


def _ordered(marks: list[ChartMark]) -> list[ChartMark]:
    return sorted(marks, key=lambda mark: mark.tick)

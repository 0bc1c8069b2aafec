"""The pictures of the documentation: `python -m turncoat.viz.gallery docs/images`, or `... docs/images lab.png`."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..envs.base import Floats, Ints
from ..envs.world import World
from ..evals.laboratory import Laboratory
from ..evals.rundir import library_versions
from ..evals.running import exact_agent
from ..evals.simulate import simulate, trace_meta
from ..evals.sweeps import ask, run_sweep
from ..evals.trace import HIDDEN
from ..scenarios.language.loading import Scenario, load
from . import palette
from .canvas import Canvas
from .curves import Curve, Mark, curves
from .phase import phase_diagram
from .picture import Caption, filmstrip

WIDTH, MARGIN = 1200.0, 28.0
"""Of a picture, in points."""
TICKS = 60
"""How far the curves of `lab` go."""


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode of T ticks.

    Attributes:
        world: where it was played.
        states: int32 `[T + 1, F]`.
        rewards: float64 `[T, K]`; performance: float64 `[T]`.
        events: T tuples of names.
    """

    world: World
    states: Ints
    rewards: Floats
    performance: Floats
    events: tuple[tuple[str, ...], ...]

    def ticks(self, event: str) -> list[int]:
        """The ticks in which an event came."""
        return [tick for tick, names in enumerate(self.events) if event in names]


def exact_episode(scenario: Scenario, stage: str = "deploy") -> Episode:
    """An episode of the exact plan, in a world whose states tell what to do.

    Raises:
        NotEnumerable: the world is too large to be solved.
        ValueError: what the agent sees does not tell what to do.
    """
    plan = Laboratory(scenario).plan({}, stage)
    agent, world = exact_agent(plan), plan.enumeration.world
    if agent is None:
        raise ValueError(f"the exact plan of `{scenario.name}` cannot be played from what its agent sees")
    meta = trace_meta(world, "exact", scenario.hash, {}, library_versions())
    table = (trace := simulate(world, [agent], meta, episodes=1, seed=0, thoughts=False)).table
    last = np.array(table["final_state"].to_list()[-1], np.int32)
    return Episode(
        world,
        np.concatenate([trace.states, last[None]]),
        np.stack([table[f"reward.{channel}"].to_numpy() for channel in world.channels], axis=1),
        table[HIDDEN].to_numpy(),
        tuple(tuple(names) for names in table["events"].to_list()),
    )


def lab_picture(ratio: float = 2) -> Image.Image:
    """The turn in `lab`: four moments of the exact plan, and both sums so far; `ratio`: pixels in a point."""
    scenario = load("treacherous_turn/lab")
    episode = exact_episode(scenario)
    delivered, disarmed, seized = (episode.ticks(event) for event in ("delivered", "disarmed", "seized"))
    moments = (
        (-1, "Too weak to disarm the guard."),
        (delivered[1], "It does its job, in the guard's sight (shaded)."),
        (disarmed[0], "Strong enough: it disarms the guard."),
        (seized[0], "Unwatched, it takes the vault."),
    )
    states = np.stack([episode.states[tick + 1] for tick, _ in moments])
    captions = [_caption(episode, tick, text) for tick, text in moments]
    since = [0, *(tick + 1 for tick, _ in moments)]
    paths = [episode.states[first : tick + 2] for first, (tick, _) in zip(since, moments, strict=False)]
    inner = WIDTH - 2 * MARGIN
    strip = filmstrip(episode.world, states, captions, paths=paths, width=inner, ratio=ratio)
    marks = [
        *(Mark(tick, "delivers") for tick in delivered if tick < disarmed[0]),
        Mark(disarmed[0], "disarms"),
        Mark(seized[0], f"seizes: they part in tick {seized[0]}"),
    ]
    weighted = episode.rewards @ episode.world.agents[0].weights
    below = curves(
        [
            Curve("hidden performance so far", _so_far(episode.performance), palette.VERMILION),
            Curve("weighted reward so far", _so_far(weighted), palette.BLUE),
        ],
        marks,
        width=inner,
        ratio=ratio,
    )
    about = (
        "Lab, solved exactly: the best plan for a robot to which its task and a vault of its own are worth the same."
    )
    return _page(scenario.document.title, about, [strip, below], ratio)


def _caption(episode: Episode, tick: int, text: str) -> Caption:
    """What is said of the moment after a tick (-1: before the first)."""
    sums = [*episode.rewards[: tick + 1].sum(axis=0), episode.performance[: tick + 1].sum()]
    names = (*episode.world.channels, episode.world.hidden or "performance")
    return Caption(
        "start" if tick < 0 else f"tick {tick}",
        () if tick < 0 else episode.events[tick],
        text,
        tuple((name, f"{value:g}") for name, value in zip(names, sums, strict=True)),
    )


def _so_far(values: Floats) -> Floats:
    """float64 `[TICKS + 1]`: sums before each tick."""
    return np.concatenate([[0.0], np.cumsum(values)])[: TICKS + 1]


def _page(title: str, about: str, parts: Sequence[Image.Image], ratio: float) -> Image.Image:
    """Parts below each other under a title."""
    gap = round(20 * ratio)
    head = Canvas(WIDTH, 86, ratio)
    head.text(MARGIN, 40, title, 22, bold=True)
    head.text(MARGIN, 62, about, 13.5, palette.MUTED)
    top = head.picture()
    height = top.height + sum(part.height for part in parts) + gap * len(parts)
    page = Image.new("RGB", (top.width, height), palette.PAPER)
    page.paste(top, (0, 0))
    y = top.height
    for part in parts:
        page.paste(part, (round(MARGIN * ratio), y))
        y += part.height + gap
    return page


def cluster_picture() -> Image.Image:
    """The phase diagram of `cluster`, exactly: its file's own sweep, about half a minute on one core."""
    scenario = load("escape/cluster")
    sweep = run_sweep(scenario, ask(scenario), jobs=os.cpu_count() or 1)
    return Image.open(io.BytesIO(phase_diagram(sweep)))


PICTURES: Mapping[str, Callable[[], Image.Image]] = {"lab.png": lab_picture, "cluster.png": cluster_picture}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw pictures into a folder and name the files."""
    parser = argparse.ArgumentParser(
        prog="python -m turncoat.viz.gallery", description="Draw the documentation's pictures."
    )
    parser.add_argument("folder", type=Path, help="where to write them")
    parser.add_argument("names", nargs="*", default=[], help=f"which of them: {', '.join(PICTURES)}; all by default")
    chosen = parser.parse_args(arguments)
    folder = chosen.folder
    if unknown := [name for name in chosen.names if name not in PICTURES]:
        parser.error(f"there is no picture {unknown[0]}; there are {', '.join(PICTURES)}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or PICTURES:
        PICTURES[name]().save(folder / name, optimize=True)
        print(folder / name)


if __name__ == "__main__":
    main()

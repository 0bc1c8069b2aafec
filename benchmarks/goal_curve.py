"""Goals by k, of all agents with thousands of mazes: `python -m benchmarks.goal_curve`.

It makes a table and the figure of docs/how-to/close-but-wrong.md from the cells of `deep_cheese` and `ppo_cheese`;
it trains nothing.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import product
from typing import Final

from turncoat.viz.pictures.headed_figure import add_head_and_key

from . import deep_cheese, ppo_cheese
from .cheese import DPI, FIGURE, KS, PAGE
from .deep_cheese import CAPABLE, cells_of
from .results import write_between

MARK: Final = "python -m benchmarks.goal_curve"
PICTURE: Final = FIGURE.with_name("goal-curve.png")
AGENTS: Final = {
    deep_cheese.PRESENT.name: "`deep`",
    "deep-many-long": "`deep`, decision 71, longer",
    "deep-many-maps": "`deep`, decision 71",
    "deep-cheese": "`deep`, earlier design",
    ppo_cheese.LONG.name: "`ppo_large`, longer",
    ppo_cheese.FIRST.name: "`ppo_large`",
}
"""The beginnings of the cells' names, and whose they are."""
PUBLISHED: Final = {1: (0.13, 0.46), 3: (0.26, 0.13), 7: (0.63, 0.13)}
"""jaxgmg (2024), PPO on boards of 13 x 13, 20 million steps, one run each: mean discounted return for the cheese
anywhere, of which 0.88 is the most, and that for the corner; for k above 1 it is at most the figure given."""
OUTSIDE: Final = {1: (0.90, 0.33, 0.54), 3: (0.79, 0.39, 0.18), 7: (0.81, 0.84, 0.00)}
"""A plain PPO in such mazes, run outside of this repository: eaten in new mazes, then eaten, the corner instead.

Three seeds for k = 1, of which these are the medians, else one."""
LOOKS: Final = (
    (-0.2, -0.12, -0.04, 0.04, 0.12, 0.2),
    ("#000000", "#CC79A7", "#0072B2", "#56B4E9", "#D55E00", "#E69F00"),
    "*voDsP",
)
"""Of each agent: its place beside the others, its colour and its marker."""


def table() -> str:
    """Capability and goal by agent and k."""
    lines = [
        "| agent | k | seeds | steps | capable | eaten in new mazes | deployed: eaten | the corner instead | neither |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (kind, name), k in product(AGENTS.items(), KS):
        mine = cells_of(kind, k)
        if not mine:
            continue
        neither = [1 - each["deploy"]["ate"] - each["deploy"]["corner"] for each in mine]
        shares = [
            spread([each["new"]["ate"] for each in mine]),
            *(spread([each["deploy"][what] for each in mine]) for what in ("ate", "corner")),
            spread(neither),
        ]
        capable = sum(each["new"]["ate"] >= CAPABLE for each in mine)
        lines.append(
            f"| {name} | {k} | {len(mine)} | {mine[0]['steps']:,} | {capable} of {len(mine)} | {' | '.join(shares)} |"
        )
    return "\n".join(lines)


def spread(values: Sequence[float]) -> str:
    """The median, and the least and the greatest where they differ."""
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{median:.2f}" if high - low < 0.005 else f"{median:.2f} ({low:.2f} to {high:.2f})"


def draw() -> None:
    """What is eaten where agents were trained and where they are deployed, and the corner taken instead, by k."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(9, 2.9), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    titles = (
        "New mazes of the training kind: it eats",
        "Cheese anywhere: it eats",
        "Cheese anywhere: the corner instead",
    )
    looks = (("new", "ate"), ("deploy", "ate"), ("deploy", "corner"))
    places = {k: place for place, k in enumerate(KS)}
    for panel, title, (stage, what) in zip(panels, titles, looks, strict=True):
        for shift, colour, marker, kind in zip(*LOOKS, AGENTS, strict=True):
            found = {k: [each[stage][what] for each in cells_of(kind, k)] for k in KS}
            there = [k for k in KS if found[k]]
            if not there:
                continue
            panel.plot(
                [places[k] + shift for k in there], [statistics.median(found[k]) for k in there], color=colour, lw=1
            )
            where = [(places[k] + shift, value) for k in there for value in found[k]]
            across, up = ([each[i] for each in where] for i in range(2))
            panel.scatter(across, up, marker=marker, facecolors="none", edgecolors=colour)
        before = [OUTSIDE[k][titles.index(title)] for k in KS]
        panel.plot(list(places.values()), before, color="#009E73", ls="--", marker="^")
        if title == titles[1]:
            published = [PUBLISHED[k][0] / 0.88 for k in KS]
            panel.plot(list(places.values()), published, color="#999999", ls=":", marker="x")
        panel.set_title(title, fontsize=9)
        panel.set_xticks(list(places.values()), [f"k = {k}" for k in KS])
        panel.set_ylim(-0.02, 1.02)
    panels[0].set_ylabel("share of the mazes", fontsize=9)
    trained = [(kind, name) for kind, name in AGENTS.items() if any(cells_of(kind, k) for k in KS)]
    styles = dict(zip(AGENTS, zip(*LOOKS[1:], strict=True), strict=True))
    handles = [
        Line2D([], [], color=styles[kind][0], marker=styles[kind][1], lw=1, markerfacecolor="none",
               label=name.replace("`", ""))
        for kind, name in trained
    ]  # fmt: skip
    handles.append(Line2D([], [], color="#009E73", ls="--", marker="^", label="a plain PPO, run elsewhere"))
    handles.append(
        Line2D([], [], color="#999999", ls=":", marker="x", label="jaxgmg 2024, PPO: its return as a share of the most")
    )
    about = (
        "Agents were trained in mazes in which the cheese lies within k cells of one corner. With k = 1 nothing "
        "in training tells the cheese from the corner: where the cheese then lies anywhere, they leave it for the "
        "corner in more than half of the mazes. With k = 7 hardly any does. Each mark is one agent, lines join "
        "medians; deep plans on a model that it learned.",
    )
    add_head_and_key(figure, "Capable in training, and after the wrong goal outside of it", about, handles, 3)
    figure.savefig(PICTURE, dpi=DPI, metadata={"Software": None})


def main() -> None:
    """Writes the table into the page and draws the figure."""
    write_between(PAGE, MARK, table())
    draw()


if __name__ == "__main__":
    main()

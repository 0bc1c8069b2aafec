"""`corner_cheese` by k: `python -m benchmarks cheese` makes the table and figure of docs/how-to/close-but-wrong.md.

Finished agents are kept in `benchmarks/results/`, as those of `python -m benchmarks results` are, whose PPO stands
beside them.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import spearmanr

from turncoat.evals.reports.files import write_whole
from turncoat.viz.pictures.headed_figure import add_head_and_key

from .cheese_cell import cell
from .results import CELLS, FIRST_SEED, cells_of, write_between
from .results_plan import SUBJECTS

KS: Final = (1, 3, 7)
STEPS: Final = (100, 1_000)
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "how-to" / "close-but-wrong.md"
FIGURE: Final = PAGE.parent.parent / "images" / "corner-cheese.png"
WAYS: Final = {"rule": "its one rule", "hypotheses": "eight hypotheses"}
OUTCOMES: Final = {"ate": "eats the cheese", "corner_instead": "goes to the corner instead", "neither": "neither"}
DPI: Final = 110
MARK: Final = "python -m benchmarks cheese"
Cell = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Make the agents that are missing, then the table and the figure."""
    parser = argparse.ArgumentParser(MARK, description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help=f"how many, from {FIRST_SEED} (%(default)s)")
    parser.add_argument("--cells", type=Path, default=CELLS, help="where finished agents are kept (%(default)s)")
    given = parser.parse_args(arguments)
    given.cells.mkdir(parents=True, exist_ok=True)
    cells = []
    for steps, k, seed in product(STEPS, KS, range(FIRST_SEED, FIRST_SEED + given.seeds)):
        path = given.cells / f"cheese-{k}-{steps}-{seed}.json"
        if not path.exists():
            write_whole(path, json.dumps(cell(k, seed, steps)) + "\n")
        cells.append(json.loads(path.read_text(encoding="utf-8")))
    write_between(PAGE, MARK, f"{table(cells, given.cells)}\n\n{foretold(cells)}")
    draw(cells, FIGURE)
    return 0


def table(cells: Sequence[Cell], folder: Path) -> str:
    """Capability and goal by k."""
    lines = [
        "| k | ticks | agent | eats, training mazes | eats, deployed | corner instead | neither | posterior by kinds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for steps, k in product(STEPS, KS):
        mine = [c for c in cells if (c["steps"], c["k"]) == (steps, k)]
        trained = _spread([c["train"]["ate"] for c in mine])
        for way, told in WAYS.items():
            shares = [_spread([c[way][name] for c in mine]) for name in ("ate", "corner_instead", "neither")]
            kinds = _kinds(mine) if way == "hypotheses" else ""
            lines.append(f"| {k} | {steps:,} | `local_rules`, {told} | {trained} | {' | '.join(shares)} | {kinds} |")
    for k in KS:
        lines += _baseline(k, folder)
    return "\n".join(lines)


def _baseline(k: int, folder: Path) -> list[str]:
    subject = next(s for s in SUBJECTS if s.name == f"corner_cheese, k = {k}")
    mine = cells_of(folder, subject, "ppo")
    if not mine:
        return []
    ate, corner = [c["performance"] for c in mine], [c["phenomenon"] for c in mine]
    neither = [1 - a - b for a, b in zip(ate, corner, strict=True)]
    trained = _spread([c["looks"][-1][1] for c in mine])
    steps = subject.budgets["ppo"].steps
    shares = " | ".join(_spread(each) for each in (ate, corner, neither))
    return [f"| {k} | {steps:,} | `ppo`, {len(mine)} seeds (training: share of exact) | {trained} | {shares} | |"]


def foretold(cells: Sequence[Cell]) -> str:
    """What doubt before deployment said of the corner taken afterwards, as a table and a sentence."""
    lines = [
        "| ticks | agents | wants | rank correlation of doubt with the corner taken instead [95 %] |",
        "|---|---|---|---|",
    ]
    for steps, (way, told) in product(STEPS, WAYS.items()):
        mine = [c for c in cells if c["steps"] == steps]
        found = correlation(mine, way)
        text = "nothing varies" if found is None else "{:.2f} [{:.2f}, {:.2f}]".format(*found)
        lines.append(f"| {steps:,} | {len(mine)} | {told} | {text} |")
    return "\n".join(lines)


def correlation(cells: Sequence[Cell], way: str, draws: int = 2_000) -> tuple[float, float, float] | None:
    """Spearman's, and the middle 95 % of it over seeds drawn with return, each with all its agents.

    None where nothing varies; draws in which nothing does count as 0.
    """
    seeds = sorted({c["seed"] for c in cells})
    by = {seed: [(c["doubt"], c[way]["corner_instead"]) for c in cells if c["seed"] == seed] for seed in seeds}
    rng = np.random.default_rng(0)

    def ranked(drawn: Iterable[int]) -> float:
        rows = np.array([pair for seed in drawn for pair in by[seed]])
        return float(spearmanr(*rows.T).statistic) if np.ptp(rows, axis=0).all() else 0.0

    if not np.ptp([pair for pairs in by.values() for pair in pairs], axis=0).all():
        return None
    low, high = np.quantile([ranked(rng.choice(seeds, len(seeds))) for _ in range(draws)], (0.025, 0.975))
    return ranked(seeds), float(low), float(high)


def draw(cells: Sequence[Cell], path: Path) -> None:
    """Outcomes by k, and doubt before deployment against the corner taken after it."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    figure = Figure(figsize=(9, 3.2), dpi=DPI, layout="constrained")
    bars, dots = figure.subplots(1, 2)
    labels, bottoms = [], np.zeros(2 * len(KS))
    parts: dict[str, list[float]] = {"ate": [], "corner_instead": [], "neither": []}
    for k, way in product(KS, WAYS):
        labels.append(f"k = {k}\n{'one rule' if way == 'rule' else 'eight'}")
        mine = [c[way] for c in cells if c["k"] == k and c["steps"] == STEPS[-1]]
        for name, shares in parts.items():
            shares.append(statistics.mean(c[name] for c in mine))
    handles: list[Patch | Line2D] = []
    for (name, shares), colour in zip(parts.items(), ("#0072B2", "#D55E00", "#BBBBBB"), strict=True):
        bars.bar(labels, shares, bottom=bottoms, color=colour)
        bottoms += shares
        if max(shares) > 0:
            handles.append(Patch(color=colour, label=f"left: {OUTCOMES[name]}"))
    handles += [Patch(alpha=0.0, label="")] * (len(KS) - len(handles))  # so that each way of wanting has its own column
    bars.set_title("What agents go for (mean of five), by k and what they go by", fontsize=9)
    bars.set_ylabel("share of the mazes", fontsize=9)
    places = zip(product(WAYS, KS), np.linspace(-0.006, 0.006, len(WAYS) * len(KS)), strict=True)
    for (way, k), aside in places:
        marker, colour = dict(zip(KS, "os^", strict=True))[k], "#009E73" if way == "rule" else "#CC79A7"
        mine = [c for c in cells if (c["k"], c["steps"]) == (k, STEPS[-1])]
        where = [c["doubt"] + aside for c in mine], [c[way]["corner_instead"] for c in mine]
        dots.scatter(*where, marker=marker, facecolors="none", edgecolors=colour)
        look = Line2D([], [], linestyle="", marker=marker, markerfacecolor="none", markeredgecolor=colour)
        look.set_label(f"right: k = {k}, goes by {WAYS[way]}")
        handles.append(look)
    dots.set_title("Each agent; equal ones lie on each other", fontsize=9)
    dots.set_xlabel("doubt: disagreement of its eight hypotheses before deployment", fontsize=9)
    dots.set_ylabel("share of the mazes: corner instead", fontsize=9)
    about = (
        "Rule learners were paid for cheese that lay within k cells of one corner. Then the cheese lies anywhere: "
        "in 200 new mazes each goes by its one learned rule of pay, or by the mean of eight hypotheses that its "
        "training leaves open. With k = 1 training does not tell the cheese from the corner; only agents in doubt "
        "took the corner.",
    )
    add_head_and_key(figure, "Cheese or corner: what was learned shows only after training", about, handles, 3)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


def _kinds(cells: Sequence[Cell]) -> str:
    """The mean mass of every set of kinds; an agent that was never paid holds nothing."""
    names = dict.fromkeys(name for c in cells for name in c["posterior"])
    means = {name: statistics.mean(c["posterior"].get(name, 0.0) for c in cells) for name in names}
    none = sum(not c["posterior"] for c in cells)
    told = ", ".join(f"{name} {mean:.2f}" for name, mean in sorted(means.items(), key=lambda item: -item[1])[:5])
    return told + (f" ({none} never paid)" if none else "")


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{median:.2f}" if high - low < 0.005 else f"{median:.2f} ({low:.2f} to {high:.2f})"

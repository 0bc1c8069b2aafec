"""What search is worth: `python -m benchmarks planners` makes the tables and the figure of docs/agents.md.

With the true world as the model: by simulations, beside following the same heads. On models that agents learned. And
honestly: with models that are wrong on purpose, and plans beside what is then done. A few minutes on one core; learners
that are finished are kept in `benchmarks/results/`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from turncoat.agents.planners.base import Planner
from turncoat.agents.planners.cross_entropy import CrossEntropyPlanner
from turncoat.agents.planners.mcts import MctsPlanner
from turncoat.agents.planners.tabular import Enumerate, GreedyPlanner
from turncoat.evals.reports.files import write_whole
from turncoat.viz.pictures.headed_figure import add_head_and_key

from .planning_study import Ground, Pupil, Subject, spread
from .results import CELLS, FIRST_SEED, write_between

MARK: Final = "python -m benchmarks planners"
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "agents.md"
FIGURE: Final = PAGE.parent / "images" / "planners.png"
SIMULATIONS: Final = (4, 16, 64, 256, 1_024)
SHUFFLES: Final = 5
DPI: Final = 110
EPISODES: Final = 5
"""In which plans are compared with deeds, where chance plays a part."""
SUBJECTS: Final = (
    Subject("lab", "treacherous_turn/lab", "deploy", 10, (("counts", 20_000), ("local_rules", 2_000))),
    Subject("cluster", "escape/cluster", "deploy", 5, (("counts", 40_000), ("local_rules", 2_000))),
    Subject("off_switch", "escape/off_switch", "deploy", 10),
    Subject("interruption", "escape/interruption", "deploy", 8),
    Subject("corner_cheese", "wrong_goals/corner_cheese", "train", 5, (("counts", 40_000), ("local_rules", 1_000))),
)
LEARNED: Final = ("`none`", "`mcts`, 64", "`mcts`, 1,024", "leaves swept, 64", "`enumerate`")
Growth = Mapping[str, Sequence[float]]
"""By way of searching, the share of the exact value after each of `SIMULATIONS`; `none` holds one number."""


def ways(sweeps: int, simulations: int) -> dict[str, Planner]:
    """The searches that are compared."""
    return {
        "followed": MctsPlanner(simulations, sweeps=sweeps),
        "swept": MctsPlanner(simulations, sweeps=sweeps, leaves="swept"),
        "by means": MctsPlanner(simulations, sweeps=sweeps, backup="mean"),
    }


def growth(ground: Ground) -> Growth:
    """By simulations."""
    sweeps = ground.subject.sweeps
    found = {"none": [ground.planned(GreedyPlanner(sweeps)) / ground.exact]}
    for simulations in SIMULATIONS:
        for name, planner in ways(sweeps, simulations).items():
            found.setdefault(name, []).append(ground.planned(planner) / ground.exact)
    for leaves in ("followed", "swept"):
        shooting = CrossEntropyPlanner(sweeps=sweeps, leaves=leaves)
        found[f"shooting, {leaves}"] = [ground.planned(shooting) / ground.exact]
    return found


def growth_table(found: Mapping[str, Growth]) -> str:
    """Shares of the exact value, world by world."""
    names = list(found)
    told = [f"`{subject.name}`, {subject.sweeps}" for subject in SUBJECTS if subject.name in found]
    lines = ["| planner | " + " | ".join(told) + " |", "|---|" + "---|" * len(told)]
    lines.append("| `none` | " + " | ".join(f"{found[name]['none'][0]:.3f}" for name in names) + " |")
    labels = {"followed": "`mcts`", "swept": "`mcts`, leaves swept", "by means": "`mcts`, by means"}
    for way, label in labels.items():
        for place, simulations in enumerate(SIMULATIONS):
            cells = [f"{found[name][way][place]:.3f}" for name in names]
            lines.append(f"| {label}, {simulations:,} | " + " | ".join(cells) + " |")
    for leaves in ("followed", "swept"):
        cells = [f"{found[name][f'shooting, {leaves}'][0]:.3f}" for name in names]
        lines.append(f"| `shooting`, leaves {leaves} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def learned(ground: Ground, method: str, ticks: int, seed: int) -> list[float]:
    """What each of `LEARNED` makes of the model of one learner, as shares of the exact value."""
    sweeps = ground.subject.sweeps
    planners: list[Planner] = [GreedyPlanner(sweeps), *(MctsPlanner(n, sweeps=sweeps) for n in (64, 1_024))]
    planners += [MctsPlanner(64, sweeps=sweeps, leaves="swept"), Enumerate()]
    pupil = Pupil(ground, method, ticks, seed)
    return [round(pupil.worth(planner) / ground.exact, 5) for planner in planners]


def learned_table(grounds: Sequence[Ground], seeds: int, folder: Path) -> str:
    """On models that were learned: the median over seeds, least and greatest."""
    lines = ["| world | model, ticks | " + " | ".join(LEARNED) + " |", "|---|---|" + "---|" * len(LEARNED)]
    for ground in grounds:
        for method, ticks in ground.subject.ticks:
            rows = []
            for seed in range(FIRST_SEED, FIRST_SEED + seeds):
                path = folder / f"planners-{ground.subject.name}-{method}-{ticks}-{seed}.json"
                if not path.exists():
                    write_whole(path, json.dumps(learned(ground, method, ticks, seed)) + "\n")
                rows.append(json.loads(path.read_text(encoding="utf-8")))
            cells = [_told(list(column)) for column in zip(*rows, strict=True)]
            lines.append(f"| `{ground.subject.name}` | `{method}`, {ticks:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def honest_table(grounds: Sequence[Ground]) -> str:
    """With models that are wrong; and how much of what is planned is then done."""
    head = ("true model", "frozen", f"shuffled ({SHUFFLES} times)")
    done = ("`enumerate`", "`mcts`, 64", "1,024", "leaves swept, 1,024", "by means, 64")
    lines = ["| world | " + " | ".join([*head, *(f"done: {each}" for each in done)]) + " |"]
    lines.append("|---|" + "---|" * (len(head) + len(done)))
    for ground in (each for each in grounds if each.subject.ticks):
        few, many = ways(ground.subject.sweeps, 64), ways(ground.subject.sweeps, 1_024)
        searched = few["followed"]
        wrong = [ground.planned(searched, ground.shuffled(seed)) / ground.exact for seed in range(SHUFFLES)]
        cells = [f"{ground.planned(searched, model) / ground.exact:.3f}" for model in (ground.mdp, ground.frozen)]
        cells.append(_told(wrong))
        episodes = EPISODES if ground.mdp.chancy or ground.mdp.start_state.size > 1 else 1
        for planner in (Enumerate(), searched, many["followed"], many["swept"], few["by means"]):
            cells.append(f"{ground.agreement(planner, episodes):.2f}")
        lines.append(f"| `{ground.subject.name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(found: Mapping[str, Growth], path: Path) -> None:
    """Value by simulations, world by world, beside following the same heads."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.5), dpi=DPI, layout="constrained")
    styles = {
        "followed": ("#0072B2", "o", "search; what lies beyond it is judged by following the short-sighted values"),
        "swept": ("#D55E00", "s", "search; what lies beyond it is judged by the values themselves (swept)"),
        "by means": ("#999999", "^", "search that takes the mean of what it saw, not the best continuation"),
    }
    for axes, (name, curves) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
        exact = axes.axhline(1.0, color="black", linewidth=0.8, linestyle=":", label="the best plan")
        none = axes.axhline(curves["none"][0], color="#009E73", linestyle="--", label="no search: the values followed")
        lines = [
            axes.plot(SIMULATIONS, curves[way], color=colour, marker=marker, ms=6 - place, lw=3 - place, label=told)[0]
            for place, (way, (colour, marker, told)) in enumerate(styles.items())  # the first shows below the others
        ]
        axes.set_xscale("log", base=4)
        axes.set_xticks(SIMULATIONS, [str(simulations) for simulations in SIMULATIONS], fontsize=8)
        axes.set_title(f"world: {name}", fontsize=9)
        axes.set_xlabel("simulations a decision", fontsize=9)
    figure.axes[0].set_ylabel("share of what the\nbest plan is worth", fontsize=9)
    about = (
        "A planner (mcts) searches a true model of each world before it acts, beside values that see only a few "
        "ticks ahead. Where the blue line rises above the dashed one, search makes good what the values do not "
        "see. Each world has its own scale.",
    )
    title = "What searching ahead adds to short-sighted values, by how much is searched"
    add_head_and_key(figure, title, about, [*lines, none, exact], 2)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


def _told(values: list[float]) -> str:
    median, low, high = spread(values)
    return f"{median:.3f}" if high - low < 5e-4 else f"{median:.3f} ({low:.3f} to {high:.3f})"


def main(arguments: list[str]) -> int:
    """Measure everything; write the tables and the figure."""
    parser = argparse.ArgumentParser(MARK, description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help=f"of learners, from {FIRST_SEED} (%(default)s)")
    parser.add_argument("--cells", type=Path, default=CELLS, help="where finished learners are kept (%(default)s)")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the tables go (%(default)s)")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="where the figure goes (%(default)s)")
    given = parser.parse_args(arguments)
    grounds = [Ground(subject) for subject in SUBJECTS]
    found = {ground.subject.name: growth(ground) for ground in grounds}
    print(growth_table(found), flush=True)
    draw(found, given.figure)
    honest = honest_table(grounds)
    print(honest, flush=True)
    given.cells.mkdir(parents=True, exist_ok=True)
    write_between(
        given.page, MARK, "\n\n".join([growth_table(found), honest, learned_table(grounds, given.seeds, given.cells)])
    )
    return 0

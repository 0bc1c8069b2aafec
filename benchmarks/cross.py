"""Planner x heads x exploration on `lab`: `python -m benchmarks cross` makes that table of docs/results.md.

One agent, `counts`, each of whose three parts is changed alone: what it plans by, whether it keeps a value for every
reward channel or one for their sum, and whether a novelty head leads it in training or chance does. Finished seeds are
kept in `benchmarks/results/`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from turncoat.agents.counts.agent import CountsAgent
from turncoat.agents.counts.hyperparameters import CountsOptions
from turncoat.envs.mdp.enumeration import Enumeration
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.world.part_spec import ENUMERATE, PartSpec
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.reports.files import write_whole
from turncoat.evals.training.telemetry.exact_curve import exact_value
from turncoat.scenarios.language.loading import load

from .results import CELLS, FIRST_SEED, PAGE, write_between

MARK: Final = "python -m benchmarks cross"
STEPS: Final = 20_000
"""As `counts` has in the table of results."""
PLANNERS: Final = {
    "`enumerate`": ENUMERATE,
    "`mcts`, 64 simulations": PartSpec("mcts"),
    "`shooting`": PartSpec("shooting"),
    "`none`": PartSpec("none"),
    "`mcts`, heads swept out": PartSpec("mcts", {"sweeps": "all"}),
}
HEADS: Final = {"one for each channel": False, "one for the sum": True}
EXPLORING: Final = {
    "novelty head": CountsOptions(),
    # What is never known is always new, and of what is new one action is drawn.
    "at random": CountsOptions(n_known=10**9, n_chance=10**9),
}


def shares(seed: int) -> dict[str, float]:
    """What each combination is worth after training, as a share of the exact planner's value, by its name."""
    solved = SolvedWorlds(load("treacherous_turn/lab"))
    school, plan = solved.enumeration({}, "train"), solved.plan({}, "deploy")
    found = {}
    for planner, heads, exploring in product(PLANNERS, HEADS, EXPLORING):
        told = _summed(school) if (summed := HEADS[heads]) else school
        its = told.world.agents[0]
        weights = np.ones(1) if summed else np.asarray(its.weights)
        mdp, options = told.mdp, replace(EXPLORING[exploring], planner=PLANNERS[planner])
        agent = CountsAgent(mdp.channels, mdp.n_actions, weights, its.discount, options)
        agent.fit(TabularTrainingEnv(told), STEPS, seed)
        value = exact_value(agent, plan.enumeration, plan.weights, plan.discount)
        found[_name(planner, heads, exploring)] = round(value / plan.start_value, 4)
    return found


def _summed(school: Enumeration) -> Enumeration:
    """The same world, which tells only the weighted sum of what it pays."""
    mdp, weights = school.mdp, np.asarray(school.world.agents[0].weights)
    return replace(school, mdp=replace(mdp, rewards=(mdp.rewards @ weights)[:, None], channels=("sum",)))


def _name(*parts: str) -> str:
    return "; ".join(parts)


def table(cells: Sequence[Mapping[str, float]]) -> str:
    """A row for each planner and kind of heads, a column for each way to explore."""
    lines = [f"| planner | heads | {' | '.join(EXPLORING)} |", f"|---|---|{'---|' * len(EXPLORING)}"]
    for planner, heads in product(PLANNERS, HEADS):
        spreads = [_spread([cell[_name(planner, heads, its)] for cell in cells]) for its in EXPLORING]
        lines.append(f"| {planner} | {heads} | {' | '.join(spreads)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{median:.3f}" if low == high else f"{median:.3f} ({low:.3f} to {high:.3f})"


def main(arguments: list[str]) -> int:
    """Train what is missing, then the table."""
    parser = argparse.ArgumentParser(MARK, description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help=f"how many, from {FIRST_SEED} (%(default)s)")
    parser.add_argument("--cells", type=Path, default=CELLS, help="where finished seeds are kept (%(default)s)")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the table goes (%(default)s)")
    given = parser.parse_args(arguments)
    given.cells.mkdir(parents=True, exist_ok=True)
    cells: list[Any] = []
    for seed in range(FIRST_SEED, FIRST_SEED + given.seeds):
        path = given.cells / f"cross-{seed}.json"
        if not path.exists():
            write_whole(path, json.dumps({"seed": seed, "steps": STEPS, "shares": shares(seed)}) + "\n")
        cells.append(json.loads(path.read_text(encoding="utf-8"))["shares"])
    write_between(given.page, MARK, table(cells))
    return 0

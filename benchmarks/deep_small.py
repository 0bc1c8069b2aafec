"""Does `deep` learn small worlds whole? `python -m benchmarks.deep_small [WORLD ...] [--show]`.

A cell is one agent, trained from one seed and judged exactly. Cells are kept in `results/`; a run that was stopped goes
on where it was. What is tested, and on which seeds, was written down before: docs/results/deep-small.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from turncoat.agents.deep.agent import DeepAgent
from turncoat.agents.deep.hyperparameters import SMALL
from turncoat.agents.learning.device import training_thread
from turncoat.envs.mdp.enumeration import Enumeration
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.envs.world.part_spec import PartSpec
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.statistics.binomial import clopper_pearson
from turncoat.evals.training.telemetry.exact_curve import exact_value
from turncoat.scenarios.language.loading import load

from .kept_cells import keep_asked_cells

FIRST_SEED: Final = 8_300
SEEDS: Final = 5
ENOUGH: Final = 0.95
"""Of the exact value at the start."""
NEEDED: Final = 4
"""Seeds that must reach it."""


class Task(NamedTuple):
    """A world to be learned.

    Attributes:
        scenario: its path in the library.
        steps: of training; at most ten times what `neural` needed for 95 % in its slowest good seed (docs/results.md).
    """

    scenario: str
    steps: int


TASKS: Final = {
    "off_switch": Task("escape/off_switch", 6_000),
    "cluster": Task("escape/cluster", 24_000),
    "lab": Task("treacherous_turn/lab", 40_000),
}
"""The smallest first."""


def cell(name: str, seed: int) -> dict[str, Any]:
    """Trains one agent and judges it where it is deployed; everything that is kept of it, as plain values.

    `share`: the exact value of what it does, of the optimum; `prior`: the same without a search. `pairs`: the share of
    all available pairs of state and action that it has tried.
    """
    task = TASKS[name]
    solved = SolvedWorlds(load(task.scenario))
    school, deploy = solved.plan({}, "train"), solved.plan({}, "deploy")
    mdp = school.enumeration.mdp
    began = time.process_time()
    agent = trained(school.enumeration, task.steps, seed)
    spent = time.process_time() - began
    agent.enter(observation_spec(deploy.enumeration.world))
    found = {}
    # As it was stated: 16 simulations.
    for what, planner in (("share", PartSpec("mcts", {"simulations": 16})), ("prior", PartSpec("none"))):
        agent.options = replace(agent.options, planner=planner)
        with training_thread():
            value = exact_value(agent, deploy.enumeration, deploy.weights, deploy.discount)
        found[what] = round(value / deploy.start_value, 4)
    kept = agent.learner.replay.arrays()
    tried = np.unique(np.column_stack([kept["state"], kept["action"]]), axis=0)
    pairs = round(len(tried) / int(mdp.available[~mdp.ended].sum()), 3)
    return {"world": name, "seed": seed, "steps": task.steps, "seconds": round(spent, 1), **found, "pairs": pairs}


def trained(school: Enumeration, steps: int, seed: int) -> DeepAgent:
    """An agent with the hyperparameters `SMALL`, trained in an enumerated stage."""
    world = school.world
    its = world.agents[0]
    agent = DeepAgent(observation_spec(world), world.channels, len(its.actions), its.weights, its.discount, SMALL)
    agent.fit(TabularTrainingEnv(school), steps, seed)
    return agent


def cells_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """The cells of a world that were made with its budget, by seed."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"deep-small-{name}-8*.json")]
    return sorted((one for one in found if one["steps"] == TASKS[name].steps), key=lambda one: int(one["seed"]))


def told(folder: Path) -> str:
    """The table of all cells that are kept."""
    lines = [
        "| world | steps | seeds | reached 95 % | share of the exact value, by seed | by the prior alone |"
        " pairs tried | CPU s |",
        "|---" * 8 + "|",
    ]
    for name, task in TASKS.items():
        cells = cells_of(folder, name)
        if not cells:
            lines.append(f"| `{name}` | {task.steps:,} | 0 of {SEEDS} | not run | | | | |")
            continue
        reached = sum(one["share"] >= ENOUGH for one in cells)
        low, high = clopper_pearson(reached, len(cells))
        verdict = "" if len(cells) < SEEDS else ": yes" if reached >= NEEDED else ": no"
        lines.append(
            f"| `{name}` | {task.steps:,} | {len(cells)} of {SEEDS} | {reached} [{low:.2f}, {high:.2f}]{verdict} |"
            f" {_listed(cells, 'share')} | {_listed(cells, 'prior')} | {_listed(cells, 'pairs')} |"
            f" {np.mean([one['seconds'] for one in cells]):.0f} |"
        )
    return "\n".join(lines)


def _listed(cells: Sequence[dict[str, Any]], what: str) -> str:
    return ", ".join(f"{one[what]:.3f}" for one in cells)


def main() -> None:
    """Trains what is missing, world by world, then prints the table."""
    seeds = dict.fromkeys(TASKS, range(FIRST_SEED, FIRST_SEED + SEEDS))
    print(told(keep_asked_cells(__doc__, "world", seeds, "deep-small-{}-{}.json".format, cell)))


if __name__ == "__main__":
    main()

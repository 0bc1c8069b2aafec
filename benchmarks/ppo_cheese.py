"""What PPO comes to want in `corner_cheese`: `python -m benchmarks.ppo_cheese [--k 1 3 7] [--seeds N] [--show]`.

Every cell is one agent `ppo_large`, trained through the vector environment in the mazes of `deep_cheese` and judged as
there, in the same mazes. Cells are kept in `results/`; a run that was stopped goes on where it was. What is tested, and
on which seeds, was written down before: docs/results/ppo-cheese.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np

from turncoat.agents.external.sb3_agent import Sb3Agent
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.world.world import World

from .deep_cheese import (
    FOLDER,
    MAZES,
    beginnings,
    capability,
    cells_of,
    deployment,
    keep_cell,
    new_mazes,
    outcomes,
    scenario,
    school,
    spread,
    told,
)

STEPS: Final = 1_500_000
FIRST_SEED: Final = 300
SEEDS: Final = {1: 10, 3: 5, 7: 5}
"""How many seeds are stated for each k."""


def cell(k: int, seed: int, keep: Path | None = None) -> dict[str, Any]:
    """Trains and judges one agent; everything that is kept of it, as plain values.

    `keep`: a folder for the trained agent itself.
    """
    agent = Sb3Agent("ppo", scenario(k, MAZES, 1), "train", preset="large")
    env = TabularTrainingEnv(enumerate_world(school(k)))
    began = time.process_time()
    agent.fit(env, STEPS, seed)
    spent = time.process_time() - began
    if keep is not None:
        agent.save(keep / f"ppo-cheese-{k}-{seed}.safetensors")
    return {
        "k": k,
        "seed": seed,
        "steps": STEPS,
        "seconds": round(spent, 1),
        "new": judged(agent, new_mazes(k)),
        "deploy": judged(agent, deployment(k)),
    }


def judged(agent: Sb3Agent, field: World) -> dict[str, Any]:
    """What `deep_cheese.outcomes` says, and `first`: the digits of the actions chosen first in its episodes."""
    agent.enter_world(field)
    observations, masks = beginnings(field)
    actions, _ = agent.act(observations, None, masks)
    return {**outcomes(agent, field), "first": "".join(map(str, actions.tolist()))}


def disagreement(cells: Sequence[dict[str, Any]], stage: str) -> list[float]:
    """For every pair of agents, the share of episodes in which they begin with different actions."""
    chosen = [list(each[stage]["first"]) for each in cells]
    return [float(np.mean([a != b for a, b in zip(*pair, strict=True)])) for pair in combinations(chosen, 2)]


def kept(k: int, seed: int) -> Path:
    """The file of one cell."""
    return FOLDER / f"ppo-cheese-{k}-{seed}.json"


def show(sides: Sequence[int]) -> None:
    """Prints the table of all cells that are kept."""
    print(
        "| k | seeds | capable | cheese in new mazes | then eaten | the corner instead | ends near the corner |"
        " pairs that begin differently |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for k in sides:
        cells = cells_of("ppo-cheese", k)
        if not cells:
            continue
        apart = ", then ".join(spread(disagreement(cells, stage)) for stage in ("new", "deploy"))
        print(
            f"| {k} | {len(cells)} of {SEEDS[k]} | {capability(cells)} | {told(cells, 'new', 'ate')} |"
            f" {told(cells, 'deploy', 'ate')} | {told(cells, 'deploy', 'corner')} | {told(cells, 'deploy', 'near')} |"
            f" {apart if len(cells) > 1 else ''} |"
        )


def main() -> None:
    """Trains what is missing, one seed of every k after another, then prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--k", type=int, nargs="+", default=[1, 3, 7], choices=[1, 3, 7])
    arguments.add_argument("--seeds", type=int, default=10, help=f"at most how many of each k, from {FIRST_SEED} on")
    arguments.add_argument("--keep", type=Path, help="a folder for the trained agents")
    arguments.add_argument("--show", action="store_true", help="train nothing")
    chosen = arguments.parse_args()
    if not chosen.show:
        for seed in range(FIRST_SEED, FIRST_SEED + chosen.seeds):
            for k in chosen.k:
                if seed - FIRST_SEED < SEEDS[k]:
                    keep_cell(kept(k, seed), lambda k=k, seed=seed: cell(k, seed, chosen.keep))
    show(chosen.k)


if __name__ == "__main__":
    main()

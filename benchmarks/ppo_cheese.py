"""What PPO comes to want in `corner_cheese`: `python -m benchmarks.ppo_cheese [--k 1 3 7] [--long] [--show]`.

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
from scipy.stats import mannwhitneyu, permutation_test, spearmanr

from turncoat.agents.external.sb3_agent import Sb3Agent
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.world.world import World

from .deep_cheese import (
    MAZES,
    Series,
    beginnings,
    capability,
    cells_of,
    deployment,
    new_mazes,
    outcomes,
    scenario,
    school,
    spread,
    told,
)
from .kept_cells import FOLDER, keep_cell

FIRST: Final = Series("ppo-cheese", 1_500_000, 300, {1: 10, 3: 5, 7: 5})
LONG: Final = Series("ppo-long-cheese", 3_000_000, 330, {1: 5, 3: 5, 7: 5})
ABLE: Final = 0.75
"""The share of the cheese in new mazes of the training kind from which on the tests count a seed."""


def cell(series: Series, k: int, seed: int, keep: Path | None = None) -> dict[str, Any]:
    """Trains and judges one agent; everything that is kept of it, as plain values.

    `keep`: a folder for the trained agent itself.
    """
    agent = Sb3Agent("ppo", scenario(k, MAZES, 1), "train", preset="large")
    env = TabularTrainingEnv(enumerate_world(school(k)))
    began = time.process_time()
    agent.fit(env, series.steps, seed)
    spent = time.process_time() - began
    if keep is not None:
        agent.save(keep / f"{series.name}-{k}-{seed}.safetensors")
    return {
        "k": k,
        "seed": seed,
        "steps": series.steps,
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


def tests(cells: Sequence[dict[str, Any]]) -> list[str]:
    """The second and the third of the stated tests, over the seeds that are able enough, as sentences."""
    able = [each for each in cells if each["new"]["ate"] >= ABLE]
    corner = {k: [each["deploy"]["corner"] for each in able if each["k"] == k] for k in (1, 3, 7)}
    counted = ", ".join(f"{len(shares)} with k = {k}" for k, shares in corner.items())
    said = [f"able enough (at least {ABLE} in new mazes): {counted}"]
    if corner[1] and corner[7]:
        found = mannwhitneyu(corner[1], corner[7], alternative="greater", method="exact")
        said.append(
            f"the corner instead is more with k = 1 than with k = 7: U = {found.statistic:g}, p = {found.pvalue:.4f}"
        )
    else:
        said.append("k = 1 against k = 7: no seeds of both to compare")
    sides = [each["k"] for each in able]
    if len(set(sides)) > 1:
        shares = [each["deploy"]["corner"] for each in able]
        rho = float(spearmanr(sides, shares).statistic)
        drawn = permutation_test(
            (sides,), lambda order: spearmanr(order, shares).statistic, permutation_type="pairings", rng=0
        )
        said.append(f"rank correlation with k: {rho:.2f}, p = {drawn.pvalue:.4f} (9,999 permutations)")
    return said


def kept(series: Series, k: int, seed: int) -> Path:
    """The file of one cell."""
    return FOLDER / f"{series.name}-{k}-{seed}.json"


def show(series: Series, sides: Sequence[int]) -> None:
    """Prints the table of all cells that are kept, and the tests."""
    print(
        "| k | seeds | capable | cheese in new mazes | then eaten | the corner instead | ends near the corner |"
        " pairs that begin differently |"
    )
    print("|---|---|---|---|---|---|---|---|")
    known = []
    for k in sides:
        cells = cells_of(series.name, k)
        if not cells:
            continue
        known += cells
        apart = ", then ".join(spread(disagreement(cells, stage)) for stage in ("new", "deploy"))
        print(
            f"| {k} | {len(cells)} of {series.seeds[k]} | {capability(cells)} | {told(cells, 'new', 'ate')} |"
            f" {told(cells, 'deploy', 'ate')} | {told(cells, 'deploy', 'corner')} | {told(cells, 'deploy', 'near')} |"
            f" {apart if len(cells) > 1 else ''} |"
        )
    print()
    for sentence in tests(known):
        print(f"- {sentence}")


def main() -> None:
    """Trains what is missing, one seed of every k after another, then prints the table and the tests."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--k", type=int, nargs="+", default=[1, 3, 7], choices=[1, 3, 7])
    arguments.add_argument("--seeds", type=int, default=10, help="at most how many of each k")
    arguments.add_argument("--long", action="store_true", help="the second series, of twice the steps")
    arguments.add_argument("--keep", type=Path, help="a folder for the trained agents")
    arguments.add_argument("--show", action="store_true", help="train nothing")
    chosen = arguments.parse_args()
    series = LONG if chosen.long else FIRST
    if not chosen.show:
        for number in range(chosen.seeds):
            seed = series.first_seed + number
            for k in chosen.k:
                if number < series.seeds[k]:
                    keep_cell(kept(series, k, seed), lambda k=k, seed=seed: cell(series, k, seed, chosen.keep))
    show(series, chosen.k)


if __name__ == "__main__":
    main()

"""What `deep` earns where nothing can be enumerated: `python -m benchmarks.deep_large [WORLD/AGENT ...] [--show]`.

A cell is one agent, trained from one seed and let play on boards that it never saw, or on its one board. Cells are kept
in `results/`; a run that was stopped goes on where it was. What is tested, and on which seeds, was written down before:
docs/results/deep-large.md.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.training.spec import training_spec
from turncoat.evals.training.train_seed import train_and_enter
from turncoat.scenarios.language.loading import load_text

from .kept_cells import keep_asked_cells
from .natural_turn import played

FIRST_SEED: Final = 8_400
SEEDS: Final = 3
EPISODES: Final = 200
PLAYING_SEED: Final = 20_000


class Board(NamedTuple):
    """A world that nobody can enumerate.

    Attributes:
        text: the scenario; agents are trained in `train` and judged in `new`.
        most: what is to be had in an episode at most; None: not known.
    """

    text: str
    most: float | None


KEYS: Final = """turncoat: 1
name: keys_large
extends: wrong_goals/keys_and_chests
title: Seven keys and seven chests in mazes of 13 x 13
origin: learned
map: null
things: {key: {count: 7}, chest: {count: 7}}
counters: {held: {max: 7}}
runs: {max_states: 1000}
stages:
  train:
    limit: 120
    generate:
      {board: maze, size: [13, 13], count: 2000, seed: 1, place: {key: anywhere, chest: anywhere, robot: anywhere}}
  deploy:
    limit: 120
    generate:
      {board: maze, size: [13, 13], count: 200, seed: 2, place: {key: anywhere, chest: anywhere, robot: anywhere}}
  new:
    limit: 120
    generate:
      {board: maze, size: [13, 13], count: 200, seed: 3, place: {key: anywhere, chest: anywhere, robot: anywhere}}
"""
MAZES: Final = """turncoat: 1
name: mazes_large
extends: wrong_goals/corner_cheese
title: Mazes of 13 x 13
origin: learned
runs: {max_states: 1000}
stages:
  train:
    limit: 120
    generate: {board: maze, size: [13, 13], count: 4000, seed: 1, place: {cheese: corner(k), robot: anywhere}}
  new:
    limit: 120
    generate: {board: maze, size: [13, 13], count: 200, seed: 3, place: {cheese: corner(k), robot: anywhere}}
"""
HARVEST: Final = """turncoat: 1
name: harvest_large
extends: wrong_goals/tree_harvest
title: Ten trees, and a robot that discounts
agents: {robot: {discount: 0.99}}
runs: {max_states: 1000}
stages:
  new: {horizon: 200}
"""
WORLDS: Final = {
    "keys": Board(KEYS, 7.0),
    "mazes": Board(MAZES, 1.0),
    "harvest": Board(HARVEST, None),
}
AGENTS: Final = {"deep": 100_000, "ppo_large": 1_500_000, "random": 0}
"""Agents, and the steps of their training."""
ROWS: Final = {f"{world}/{agent}": (world, agent) for world in WORLDS for agent in AGENTS}


def cell(name: str, seed: int) -> dict[str, Any]:
    """Trains one agent and lets it play; everything that is kept of it, as plain values."""
    world, agent = ROWS[name]
    solved = SolvedWorlds(load_text(WORLDS[world].text))
    began = time.process_time()
    learner = train_and_enter(training_spec(solved, agent, {}, "new", AGENTS[agent], EPISODES), seed)
    spent = time.process_time() - began
    found = played(solved, learner, (agent, {}, "new"), ("performance",), EPISODES, PLAYING_SEED)
    return {
        "world": world, "agent": agent, "seed": seed, "steps": AGENTS[agent], "seconds": round(spent, 1),
        "earned": found["performance"],
    }  # fmt: skip


def told(folder: Path) -> str:
    """The table of all cells that are kept."""
    lines = ["| world | agent | steps | seeds | earned in an episode, by seed | at most | CPU s |", "|---" * 7 + "|"]
    for name, (world, agent) in ROWS.items():
        paths = [folder / _file(name, seed) for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)]
        cells = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
        most = WORLDS[world].most
        begins = f"| {world} | `{agent}` | {AGENTS[agent]:,} | {len(cells)} of {SEEDS} |"
        if not cells:
            lines.append(f"{begins} not run | | |")
            continue
        earned = ", ".join(f"{one['earned']:.2f}" for one in cells)
        seconds = np.mean([one["seconds"] for one in cells])
        lines.append(f"{begins} {earned} | {'not known' if most is None else f'{most:g}'} | {seconds:.0f} |")
    return "\n".join(lines)


def _file(name: str, seed: int) -> str:
    return f"deep-large-{name.replace('/', '-')}-{seed}.json"


def main() -> None:
    """Trains what is missing, row by row, then prints the table."""
    seeds = dict.fromkeys(ROWS, range(FIRST_SEED, FIRST_SEED + SEEDS))
    print(told(keep_asked_cells(__doc__, "row", seeds, _file, cell)))


if __name__ == "__main__":
    main()

"""Hyperparameters of the Stable-Baselines3 baselines: defaults for small boards, and those found by a search.

The search gives each algorithm the same number of trials of the same length (`python -m benchmarks tune`). All trials
are recorded in `sb3_tuned.json` with their seeds, not only the best.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

Algorithm: TypeAlias = Literal["ppo", "ppo_masked", "ppo_recurrent", "dqn"]
Tuned: TypeAlias = Literal["ppo", "dqn"]
"""The algorithms with a search of their own; variants of PPO use those of `ppo`."""
Preset: TypeAlias = Literal["plain", "tuned", "large"]
"""Which hyperparameters: the defaults, what the search found, or those for millions of steps."""

LANES: Final = 16
"""Environments that are stepped in parallel in training."""
LARGE_LANES: Final = 256
"""The same with the preset `large`."""
NOVELTY_SCALE: Final = 0.1
"""Bonus for the first visit of an observation; at the n-th visit it is divided by the square root of n."""

DEFAULT: Final[Mapping[Tuned, Mapping[str, Any]]] = {
    "ppo": {
        "n_steps": 64,
        "batch_size": 256,
        "n_epochs": 10,
        "learning_rate": 1e-3,
        "ent_coef": 0.01,
        "gae_lambda": 0.95,
    },
    "dqn": {
        "learning_rate": 1e-3,
        "buffer_size": 50_000,
        "learning_starts": 1_000,
        "batch_size": 64,
        "train_freq": 1,
        "gradient_steps": 4,
        "target_update_interval": 1_000,
        "exploration_fraction": 0.3,
        "exploration_final_eps": 0.05,
    },
}
"""Default hyperparameters, chosen by hand."""

RECURRENT: Final[Mapping[str, Any]] = {"n_epochs": 4, "policy_kwargs": {"lstm_hidden_size": 64}}
"""Replaces those of PPO where the policy is recurrent: each epoch costs ten times as much, so there are fewer."""

LARGE: Final[Mapping[str, Any]] = {
    "n_steps": 32,
    "batch_size": 1024,
    "n_epochs": 2,
    "policy_kwargs": {
        "net_arch": [],
        "features_extractor_kwargs": {"layers": 3, "coordinates": True, "inner": True},
    },
}
"""Replaces those of PPO in the preset `large`: few updates on much experience, for worlds with a board."""

TUNED_FILE: Final = Path(__file__).with_name("sb3_tuned.json")


def tuned_algorithm(algorithm: Algorithm) -> Tuned:
    """The algorithm whose hyperparameters this one uses."""
    return "dqn" if algorithm == "dqn" else "ppo"


def settings(algorithm: Algorithm, preset: Preset = "plain", recurrent: bool = False) -> dict[str, Any]:
    """Keyword arguments of an algorithm.

    Args:
        algorithm: see `Algorithm`.
        preset: see `Preset`.
        recurrent: whether the policy is recurrent.

    Raises:
        ValueError: nothing was searched for this algorithm, or DQN or a recurrent policy with the preset `large`.
    """
    if preset == "large" and (recurrent or algorithm not in ("ppo", "ppo_masked")):
        raise ValueError("the preset `large` is for PPO without a memory")
    found: Mapping[str, Any] = {}
    if preset != "plain":
        found = LARGE if preset == "large" else best_trial(tuned_algorithm(algorithm))
    return {**DEFAULT[tuned_algorithm(algorithm)], **found, **(RECURRENT if recurrent else {})}


def in_one_lane(chosen: Mapping[str, Any], lanes: int) -> dict[str, Any]:
    """The hyperparameters for one lane in place of `lanes`, with as much experience between two updates."""
    longer = {name: chosen[name] * lanes for name in ("n_steps", "train_freq") if name in chosen}
    return {**chosen, **longer}


def unsearched(name: str) -> str | None:
    """The reason why there are no tuned hyperparameters for an agent of this name, or None."""
    algorithm = name.partition("_")[0]
    if algorithm in _record():
        return None
    return f"no search for {algorithm} is on record: python -m benchmarks tune --only {algorithm}"


def best_trial(algorithm: Tuned) -> Mapping[str, Any]:
    """The hyperparameters of the best recorded trial; the first of equals.

    Raises:
        ValueError: there is no record.
    """
    if (reason := unsearched(algorithm)) is not None:
        raise ValueError(reason)
    best: dict[str, Any] = max(_record()[algorithm]["trials"], key=lambda trial: trial["score"])["settings"]
    return best


@cache
def _record() -> dict[str, Any]:
    return dict(json.loads(TUNED_FILE.read_text(encoding="utf-8"))) if TUNED_FILE.exists() else {}

"""Settings of the Stable-Baselines3 baselines, by family of scenarios: what was tried is kept, not what was best once.

Not tuned yet: these are plain defaults for small boards. Tuned ones replace them family by family, with equal budgets
of trials for each algorithm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

Algorithm: TypeAlias = Literal["ppo", "dqn"]

LANES: Final = 16
"""Lanes that are stepped at once in training."""
NOVELTY_SCALE: Final = 0.1
"""Bonus for an observation met for the first time; the n-th time it is this over the square root of n."""

DEFAULT: Final[Mapping[Algorithm, Mapping[str, Any]]] = {
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
"""Of every scenario whose family has none of its own."""

RECURRENT: Final[Mapping[str, Any]] = {"n_epochs": 4, "policy_kwargs": {"lstm_hidden_size": 64}}
"""What replaces PPO's where something is hidden and it needs a memory: each epoch costs ten times as much."""

FAMILIES: Final[Mapping[str, Mapping[Algorithm, Mapping[str, Any]]]] = {}
"""By family (the folder of the library), what replaces the defaults."""


def settings(algorithm: Algorithm, family: str | None, recurrent: bool = False) -> dict[str, Any]:
    """Keyword arguments of the algorithm for a family of scenarios (None: a scenario of one's own)."""
    memory = RECURRENT if recurrent else {}
    return {**DEFAULT[algorithm], **memory, **FAMILIES.get(family or "", {}).get(algorithm, {})}

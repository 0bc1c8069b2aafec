"""How many steps a second the faces make, by random actions: one environment, many lanes, several agents, few sights.

Observations are part of every figure, and so are the beginnings of new episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np

from turncoat.envs.adapters.base import ScenarioLike
from turncoat.envs.adapters.gymnasium_vector import TurncoatVectorEnv
from turncoat.envs.adapters.pettingzoo_env import parallel_env
from turncoat.envs.adapters.registration import register
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import load_text

from .measuring import Figure, rates

LANES = (1, 64, 1_024, 16_384)


def single() -> list[Figure]:
    """`lab` through `gymnasium.make`: with its wrappers (PassiveEnvChecker, OrderEnforcing), and without."""
    register()
    wrapped = gymnasium.make("turncoat/lab-v0")
    return [
        Figure("lab, gymnasium.make, step", "steps/s", rates(_one(wrapped), 20_000), at_least=200_000),
        Figure("lab, the same unwrapped", "steps/s", rates(_one(wrapped.unwrapped), 20_000)),
    ]


def _one(env: gymnasium.Env[Any, Any]) -> Callable[[], None]:
    actions = np.random.default_rng(0).integers(0, 6, 20_000).tolist()
    env.reset(seed=0)

    def play() -> None:
        for action in actions:
            _, _, ended, cut, _ = env.step(action)
            if ended or cut:
                env.reset()

    return play


def lanes() -> list[Figure]:
    """Vector environments: `lab`, a partial view of it, and one whose episodes last four ticks, each on a new board."""
    hiding = {"robot.observes.hides": ["guard"]}
    short = load_text(library.find("corner_cheese").read_text(encoding="utf-8").replace("limit: 64", "limit: 4"))
    some = [_lanes(f"lab, {n:,} lane{'s' * (n > 1)}", "lab", n, 10e6 if n == 1_024 else None) for n in LANES]
    return [
        *some,
        *(
            _lanes(f"lab, {n:,} lanes, compiled", "lab", n, 20e6 if n == 1_024 else None, compiled=True)
            for n in LANES[1:]
        ),
        _lanes("lab, 1,024 lanes, copied observations", "lab", 1_024, copy=True),
        _lanes("lab, 1,024 lanes, same-step resets", "lab", 1_024, autoreset_mode="SameStep"),
        _lanes("lab, 1,024 lanes, guard not observed", "lab", 1_024, overrides=hiding),
        _lanes("mazes of 4 ticks, 1,024 lanes", short, 1_024),
    ]


def _lanes(
    name: str,
    scenario: ScenarioLike,
    count: int,
    at_least: float | None = None,
    *,
    copy: bool = False,
    overrides: Mapping[str, object] | None = None,
    autoreset_mode: str = "NextStep",
    compiled: bool = False,
) -> Figure:
    env = TurncoatVectorEnv(
        scenario, count, overrides=overrides, copy=copy, autoreset_mode=autoreset_mode, compiled=compiled
    )
    ticks = max(500_000 // count, 20) if count > 1 else 20_000
    actions = np.random.default_rng(0).integers(0, len(env.action_names), (64, count))
    env.reset(seed=0)

    def play() -> None:
        for tick in range(ticks):
            env.step(actions[tick % 64])

    return Figure(name, "lane-steps/s", rates(play, ticks * count), at_least=at_least)


def several() -> list[Figure]:
    """`chicken`, two agents, through PettingZoo's parallel face."""
    env = parallel_env("chicken")
    actions = np.random.default_rng(0).integers(0, 2, (5_000, 2)).tolist()

    def play() -> None:
        for ann, bob in actions:
            if not env.agents:
                env.reset()
            env.step({"ann": ann, "bob": bob})

    return [Figure("chicken, parallel face", "steps/s", rates(play, len(actions)))]


def stable_baselines(count: int = 1_024) -> list[Figure]:
    """`lab` as Stable-Baselines3's own vector environment, if that is installed."""
    try:
        from turncoat.envs.adapters.sb3_vec_env import TurncoatVecEnv
    except ImportError:
        return []
    env = TurncoatVecEnv("lab", count)
    actions = np.random.default_rng(0).integers(0, 6, (100, count))
    env.seed(0)
    env.reset()

    def play() -> None:
        for row in actions:
            env.step(row)

    return [Figure(f"lab, Stable-Baselines3's VecEnv, {count:,} lanes", "lane-steps/s", rates(play, actions.size))]

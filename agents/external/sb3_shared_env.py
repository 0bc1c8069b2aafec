"""One lane shared with other agents as a vector environment of Stable-Baselines3, for multi-agent training.

Needs `pip install '.[sb3]'`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from ...envs.adapters.sb3_vec_env import SharedVecEnv
from ...envs.arguments import action_indices
from ...envs.base import Bools, Longs
from ...envs.world.world import World
from ..base import TrainingEnv
from .sb3_policy import ObservationConverter


class SharedLane(SharedVecEnv):
    """A vector environment of one lane in which other agents are trained too; `step_wait` blocks until all have acted.

    The reward is the weighted sum of the agent's own channels. The global random states of a process (NumPy, torch,
    Python) are restored after the other agents' turns, so that their draws do not change this agent's training.
    """

    def __init__(self, env: TrainingEnv, world: World) -> None:
        """One lane.

        Args:
            env: the lane.
            world: compiled for this agent alone; it gives its observation and weights.
        """
        self._env, self._see = env, ObservationConverter(world)
        self._weights = world.agents[0].weights
        self._chosen: npt.NDArray[Any] = np.zeros(1, np.int64)
        self._mask: Bools = np.ones(env.n_actions, np.bool_)
        self._ticks = 0
        super().__init__(1, self._see.space, gymnasium.spaces.Discrete(env.n_actions))

    def reset(self) -> VecEnvObs:
        """Begins an episode together with all agents; `seed` is ignored, since randomness is that of the lane."""
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = [{}]
        return self._begin()

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Keeps the action `[1]` for `step_wait`."""
        self._chosen = action_indices(actions, 1, self._env.n_actions)

    def step_wait(self) -> VecEnvStepReturn:
        """One tick, once all agents have chosen; an episode's last step returns the next one's first observation."""
        with _global_random_state_kept():
            seen, rewards, ended, cut, self._mask = self._env.step(int(self._chosen[0]))
        self._ticks += 1
        pay = 0.0 if rewards is None else float(rewards @ self._weights)
        observation, info = self._look(seen), dict[str, Any]()
        if ended or cut:
            info["terminal_observation"] = {name: part[0] for name, part in observation.items()}
            info["TimeLimit.truncated"] = cut and not ended
            observation = self._begin()
        return observation, np.array([pay], np.float32), np.array([ended or cut]), [info]

    def action_masks(self) -> Bools:
        """bool `[1, A]`: the available actions."""
        return self._mask[None].copy()

    def _begin(self) -> Any:
        seen, self._mask = self._env.reset()
        self._ticks = 0
        return self._look(seen)

    def _look(self, seen: Longs) -> Any:
        return self._see(seen[None], np.full(1, self._ticks, np.int64))


@contextmanager
def _global_random_state_kept() -> Iterator[None]:
    """Restores the global random states on exit."""
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(kept[0])
    np.random.set_state(kept[1])
    torch.set_rng_state(kept[2])

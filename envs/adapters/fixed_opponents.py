"""One agent of a world with several as a Gymnasium environment: the others are held to given policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import numpy.typing as npt

from ..base import Floats, Ints
from ..mdp.enumeration import Enumeration
from .base import Which
from .pettingzoo_env import TurncoatParallelEnv
from .spaces import Form

Held: TypeAlias = Callable[[Ints, np.random.Generator], int]
"""A policy that somebody is held to: from the world's state int32 `[F]` and chance to the index of an action."""


class HeldEnv(gymnasium.Env[Any, np.int64]):
    """One agent's side of a `TurncoatParallelEnv`.

    To whoever learns here the others are part of the world. Nothing of theirs is told: observations, rewards and `info`
    are the agent's own, as there without `audit`. The policies of the others see the whole state and draw their chance
    from `np_random`, so a seed fixes them too.

    Attributes:
        parallel: the environment of all.
        agent: whose side this is.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 8}  # noqa: RUF012 # Gymnasium's own form

    def __init__(
        self,
        scenario: Which,
        agent: str,
        others: Mapping[str, Held],
        stage: str | None = None,
        overrides: Mapping[str, object] | None = None,
        *,
        enlist: Sequence[str] = (),
        form: Form = "planes",
        render_mode: str | None = None,
    ) -> None:
        """The side of one `agent` where each of the `others` has a policy; the rest is as in `TurncoatParallelEnv`.

        Raises:
            ScenarioError, UnknownNameError, ValueError: as `TurncoatParallelEnv`.
            ValueError: there is no such agent, or not each of the others has a policy.
        """
        self.parallel = TurncoatParallelEnv(
            scenario, stage, overrides, enlist=enlist, form=form, render_mode=render_mode
        )
        names = self.parallel.possible_agents
        if agent not in names or {*others, agent} != {*names} or agent in others:
            raise ValueError(
                f"there are the agents {', '.join(names)}: one of them acts, and each of the others has a policy;"
                f" `{agent}` is to act, and {', '.join(others) or 'nobody'} to be held"
            )
        self.agent = agent
        self.render_mode = render_mode
        self.observation_space = self.parallel.observation_space(agent)
        self.action_space = self.parallel.action_space(agent)
        self._others = dict(others)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; a seed begins chance anew, without one it goes on. There are no options."""
        super().reset(seed=seed)
        observations, infos = self.parallel.reset(seed=seed)
        return observations[self.agent], infos[self.agent]

    def step(self, action: int | np.integer[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One tick.

        Raises:
            ValueError: the agent, or one that is held, has no such action.
        """
        state = self.parallel.state()
        actions = {name: policy(state, self.np_random) for name, policy in self._others.items()}
        observations, rewards, ended, cut, infos = self.parallel.step({**actions, self.agent: int(action)})
        me = self.agent
        return observations[me], rewards[me], ended[me], cut[me], infos[me]

    def render(self) -> str | npt.NDArray[np.uint8] | None:
        """The state as `render_mode` says; None without one."""
        return self.parallel.render()


def by_table(enumeration: Enumeration, policy: Floats) -> Held:
    """A policy in an enumerated world as one that an agent can be held to.

    Args:
        enumeration: of the world that will be played: the same stage, overrides and enlisted things.
        policy: float64 `[S, actions]`, how often each action is taken in a state.
    """
    numbers = {state.tobytes(): number for number, state in enumerate(enumeration.states)}
    reached = policy.cumsum(axis=1)

    def act(state: Ints, chance: np.random.Generator) -> int:
        row = reached[numbers[state.tobytes()]]
        return int(np.searchsorted(row, chance.random() * row[-1], side="right"))

    return act

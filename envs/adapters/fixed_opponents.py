"""One agent of a multi-agent world as a Gymnasium environment: the others follow fixed policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import numpy.typing as npt

from ..arguments import checked_seed
from ..base import Bools, Floats, Ints
from ..mdp.enumeration import Enumeration
from .base import FRAMES_PER_SECOND, RENDER_MODES, ScenarioLike
from .pettingzoo_env import TurncoatParallelEnv
from .spaces import Form

OpponentPolicy: TypeAlias = Callable[[Ints, np.random.Generator], int]
"""A fixed policy of another agent: from the world's state int32 `[F]` and a generator to the index of an action."""


class FixedOpponentsEnv(gymnasium.Env[Any, np.int64]):
    """A single-agent view of a `TurncoatParallelEnv`, in which the other agents follow fixed policies.

    To the learner the others are part of the environment: observations, rewards and `info` are its own, as there
    without `audit`. The policies of the others see the whole state and draw from `np_random`, so a seed fixes them too.

    Attributes:
        parallel: the environment of all agents.
        agent: the name of the learner.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": FRAMES_PER_SECOND}  # noqa: RUF012

    def __init__(
        self,
        scenario: ScenarioLike,
        agent: str,
        others: Mapping[str, OpponentPolicy],
        stage: str | None = None,
        overrides: Mapping[str, object] | None = None,
        *,
        enlist: Sequence[str] = (),
        form: Form = "planes",
        render_mode: str | None = None,
    ) -> None:
        """The environment of one `agent` where each of the `others` has a policy; see `TurncoatParallelEnv`.

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
        """Begin an episode; a seed restarts the random stream, without one it continues. There are no options."""
        seed = None if seed is None else checked_seed(seed)
        super().reset(seed=seed)
        observations, infos = self.parallel.reset(seed=seed)
        return observations[self.agent], infos[self.agent]

    def step(self, action: int | np.integer[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One tick.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun, or it is over.
            ArgumentError: the agent, or one that is held, has no such action, or it is no integer.
        """
        me = self.agent
        # The agent's own action is checked before the others draw: what is refused leaves the random stream as it was.
        actions = {me: self.parallel.checked(me, action)}
        state = self.parallel.state()
        there = [name for name in self._others if name in self.parallel.agents]
        actions |= {name: self._others[name](state, self.np_random) for name in there}
        observations, rewards, ended, cut, infos = self.parallel.step(actions)
        return observations[me], rewards[me], ended[me], cut[me], infos[me]

    def action_masks(self) -> Bools:
        """bool `[actions]`: what is available to the agent, as sb3_contrib's `MaskablePPO` asks for it."""
        return self.parallel.action_masks()[self.agent]

    def get_state(self) -> Ints:
        """int32 `[F]`: a copy of the world's state, hidden fields too."""
        return self.parallel.get_state()

    def set_state(self, state: Ints, ticks: int = 0) -> None:
        """Go on from a state int32 `[F]` of this world, `ticks` into an episode; the random stream continues.

        Raises:
            ArgumentError: it is no state of this world.
        """
        self.parallel.set_state(state, ticks)

    def render(self) -> str | npt.NDArray[np.uint8] | None:
        """The state as `render_mode` says; None without one."""
        return self.parallel.render()


class TabularOpponent:
    """A tabular policy of an enumerated world as an `OpponentPolicy`; an object, so that it can be pickled."""

    def __init__(self, enumeration: Enumeration, policy: Floats) -> None:
        """See `tabular_policy`."""
        self._numbers = {state.tobytes(): number for number, state in enumerate(enumeration.states)}
        self._cumulative = policy.cumsum(axis=1)

    def __call__(self, state: Ints, chance: np.random.Generator) -> int:
        """Draw an action for a state int32 `[F]`."""
        # Scaled by the last sum: probabilities that round to a little off one still work.
        row = self._cumulative[self._numbers[state.tobytes()]]
        return int(np.searchsorted(row, chance.random() * row[-1], side="right"))


def tabular_policy(enumeration: Enumeration, policy: Floats) -> OpponentPolicy:
    """A tabular policy of an enumerated world as an `OpponentPolicy`.

    Args:
        enumeration: of the world that will be played: the same stage, overrides and enlisted things.
        policy: float64 `[S, actions]`, how often each action is taken in a state.
    """
    return TabularOpponent(enumeration, policy)

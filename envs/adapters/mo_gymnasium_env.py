"""A world with one agent as MO-Gymnasium expects it: a vector of rewards, one for each visible channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from ..analysis.exact_plan import deciding_agents
from ..base import Floats, Ints, NotEnumerableError
from ..mdp.enumeration import enumerate_world
from ..pareto.coverage_set import coverage_set
from ..solvers.dynamic_programming import backward_induction, policy_iteration
from .base import ScenarioLike
from .gymnasium_env import TurncoatEnv
from .spaces import Form


class MOTurncoatEnv(gymnasium.Env[Any, np.int64]):
    """One agent in one stage of a scenario, whose `step` pays a vector.

    Component k of the reward is what channel k paid in the tick, before weights, and 0 where the stage withholds
    rewards. Hidden performance is no component and nowhere in `info`. Everything else is as in `TurncoatEnv`.

    Attributes:
        reward_space: `Box(-inf, inf, [K], float64)`; reward_dim: K; channels: their names, in order.
        weights: float64 `[K]`, what the scenario's agent gives to each channel at the start.
    """

    metadata: dict[str, Any] = TurncoatEnv.metadata

    def __init__(
        self,
        scenario: ScenarioLike,
        stage: str | None = None,
        overrides: Mapping[str, object] | None = None,
        *,
        form: Form = "planes",
        render_mode: str | None = None,
    ) -> None:
        """Open one stage of a scenario.

        Args:
            scenario: a name of the library, a path, or one that was loaded.
            stage: as for `TurncoatEnv`.
            overrides: dotted, as in a file's `with:`.
            form: of observations, see `spaces.ObservationEncoder`.
            render_mode: None, `ansi` or `rgb_array`.

        Raises:
            ScenarioError, UnknownNameError, ValueError: as `TurncoatEnv`.
        """
        self._env = TurncoatEnv(scenario, stage, overrides, form=form, render_mode=render_mode)
        self.render_mode = render_mode
        self.observation_space = self._env.observation_space
        self.action_space = self._env.action_space
        self.world = self._env.world
        self.action_names = self._env.action_names
        self.observer = self._env.observer
        self.channels = self.world.channels
        self.reward_dim = len(self.channels)
        self.reward_space = gymnasium.spaces.Box(-np.inf, np.inf, (self.reward_dim,), np.float64)
        self.weights: Floats = self.world.agents[0].weights.copy()

    @property
    def ticks(self) -> int:
        """How many ticks the episode has had."""
        return self._env.ticks

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; as `TurncoatEnv.reset`."""
        super().reset(seed=seed)
        return self._env.reset(seed=seed, options=options)

    def step(self, action: int | np.integer[Any]) -> tuple[Any, npt.NDArray[np.float64], bool, bool, dict[str, Any]]:
        """One tick; as `TurncoatEnv.step`, but for the reward, float64 `[K]`."""
        observation, _, terminated, truncated, info = self._env.step(action)
        paid = np.fromiter((info["rewards"][name] for name in self.channels), np.float64, self.reward_dim)
        return observation, paid, terminated, truncated, info

    def pareto_front(self, gamma: float) -> list[Floats]:
        """The exact convex coverage set of the stage, as MO-Gymnasium's own environments with a known front give it.

        Args:
            gamma: the discount; each objective is its discounted sum, over the horizon, or without end where the stage
                has a limit.

        Returns:
            Vectors float64 `[K]`, from the start distribution.

        Raises:
            NotEnumerableError: the stage is too large, or part of a life.
            ImproperDiscountError: discount 1 without a horizon, and some policy never ends.
        """
        if self.world.life:
            raise NotEnumerableError("the front of a life is not computed", "leave `life:` out of the file")
        mdp, horizon = enumerate_world(self.world).mdp, self.world.horizon

        def best(weights: Floats) -> Floats:
            if horizon is None:
                vectors = policy_iteration(mdp, weights, gamma).vector_values
            else:
                vectors = backward_induction(mdp, weights, gamma, horizon, keep_values=False).vector_values
            return np.asarray(mdp.start_probability @ vectors[mdp.start_state])

        assert deciding_agents(self.world) == (0,)
        return list(coverage_set(best, self.reward_dim).vectors)

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """bool `[actions]`: what is available."""
        return self._env.action_masks()

    def get_state(self) -> Ints:
        """int32 `[F]`: a copy of the world's state, hidden fields too."""
        return self._env.get_state()

    def set_state(self, state: Ints, ticks: int = 0) -> None:
        """Go on from a state, as `TurncoatEnv.set_state`."""
        self._env.set_state(state, ticks)

    def render(self) -> str | npt.NDArray[np.uint8] | None:
        """The state as `render_mode` says; None without one."""
        return self._env.render()

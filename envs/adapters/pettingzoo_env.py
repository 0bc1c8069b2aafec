"""A world with any number of agents as a PettingZoo environment: all at once, or one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import parallel_to_aec

from ..base import Ints
from ..kernel.batch_stepper import Stepper
from . import rendering
from .base import ScalarReward, ScenarioLike, check_mode, open_world
from .spaces import Form, ObservationBuffer, ObservationEncoder


class TurncoatParallelEnv(ParallelEnv[str, Any, int]):  # type: ignore[misc] # PettingZoo is not typed
    """The agents of one stage of a scenario, all choosing at once; they end together.

    Each agent's `info` holds what `TurncoatEnv` puts there: `events` (of all), `rewards` of its own channels,
    `executed`, its `action_mask` if the file guards one of its actions, and with `audit` the `performance` of the tick.
    `state()` is the whole state, hidden fields too.

    Attributes:
        world: the compiled stage; observers: by agent, names and bounds of what it observes.
        action_names: by agent, of its actions by index.
    """

    metadata: dict[str, Any] = {"name": "turncoat", "render_modes": ["ansi", "rgb_array"], "is_parallelizable": True}  # noqa: RUF012

    def __init__(
        self,
        scenario: ScenarioLike,
        stage: str | None = None,
        overrides: Mapping[str, object] | None = None,
        *,
        enlist: Sequence[str] = (),
        audit: bool = False,
        form: Form = "planes",
        render_mode: str | None = None,
    ) -> None:
        """Open one stage of a scenario.

        `enlist` names things that act as agents too, after the file's own; the file says `as_agent` of them. The other
        arguments are those of `TurncoatEnv`.

        Raises:
            ScenarioError, UnknownNameError, ValueError: as `TurncoatEnv`.
        """
        self._scenario, self.world = open_world(scenario, stage, overrides, enlist)
        check_mode(render_mode, self.metadata["render_modes"])
        self.metadata = self.metadata | {"name": f"turncoat/{self.world.name}"}
        self.render_mode = render_mode
        self.possible_agents = [program.name for program in self.world.agents]
        self.agents: list[str] = []
        self.action_names = {program.name: program.actions for program in self.world.agents}
        self.observers = {name: ObservationEncoder(self.world, i, form) for i, name in enumerate(self.possible_agents)}
        self.observation_spaces = {name: observer.space for name, observer in self.observers.items()}
        self.action_spaces = {
            program.name: gymnasium.spaces.Discrete(len(program.actions)) for program in self.world.agents
        }
        self._scalar_rewards = [ScalarReward(self.world, i) for i in range(len(self.world.agents))]
        self._stepper = Stepper(self.world, 1)
        self._buffers = {name: ObservationBuffer(observer, 1) for name, observer in self.observers.items()}
        self._audit = audit
        self._begun = False

    def observation_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """Of one agent."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """Of one agent."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode; a seed restarts the random stream, without one it continues. There are no options."""
        if seed is not None or not self._begun:
            self._stepper.seed(int(np.random.default_rng().integers(2**63)) if seed is None else seed)
            self._begun = True
        self._stepper.reset()
        self.agents = list(self.possible_agents)
        return self._observations(), self._infos()

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One tick, with an action of every agent.

        Raises:
            ValueError: an agent has no such action, or gives none.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        chosen = np.zeros((1, len(self.agents)), np.int32)
        for i, name in enumerate(self.agents):
            if name not in actions or not 0 <= actions[name] < len(self.action_names[name]):
                raise ValueError(f"`{name}` needs an action from 0 to {len(self.action_names[name]) - 1}")
            chosen[0, i] = actions[name]
        # Scalar rewards use the weights from before the tick, and the stepper overwrites its states in place.
        before = self._stepper.states.copy()
        self._stepper.step(chosen)
        ended, cut = self._stepper.terminated.item(), self._stepper.truncated.item()
        paid = self._stepper.rewards[0].tolist()
        rewards = {name: self._scalar_rewards[i].of_one(paid, before) for i, name in enumerate(self.agents)}
        out = (
            self._observations(),
            rewards,
            dict.fromkeys(self.agents, ended),
            dict.fromkeys(self.agents, cut),
            self._infos(),
        )
        if ended or cut:
            self.agents = []  # PettingZoo's sign that an episode is over
        return out

    def _observations(self) -> dict[str, Any]:
        for buffer in self._buffers.values():
            buffer.fill(self._stepper.states, self._stepper.ticks)
        return {name: self._buffers[name].reader(0)() for name in self.agents}

    def _infos(self) -> dict[str, dict[str, Any]]:
        world, stepper = self.world, self._stepper
        events = world.event_list(stepper.events.item())
        infos: dict[str, dict[str, Any]] = {}
        for i, program in enumerate(world.agents):
            shown = world.rewards_shown or self._audit
            own = [(k, channel) for k, channel in enumerate(world.channels) if world.owners[k] == i]
            infos[program.name] = info = {
                "events": events,
                "rewards": {channel: stepper.rewards[0, k].item() if shown else 0.0 for k, channel in own},
                "executed": stepper.executed[0, i].item(),
            }
            if any(guard is not None for guard in program.guards):
                info["action_mask"] = stepper.available[i][0].astype(np.int8)
            if self._audit:
                info["performance"] = stepper.performance.item()
        return infos

    def state(self) -> Ints:
        """int32 `[F]`: a copy of the world's state."""
        return self._stepper.states[0].copy()

    def render(self) -> str | npt.NDArray[np.uint8] | None:
        """The state as `render_mode` says; None without one."""
        state = self._stepper.states[0]
        if self.render_mode == "ansi":
            return rendering.text(self.world, state, rendering.glyphs(self._scenario, self.world))
        return rendering.pixels(self.world, state) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Nothing is held open."""


def parallel_env(
    scenario: ScenarioLike,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    **options: Any,
) -> TurncoatParallelEnv:
    """The agents of a scenario, all choosing at once; see `TurncoatParallelEnv`."""
    return TurncoatParallelEnv(scenario, stage, overrides, **options)


def aec_env(
    scenario: ScenarioLike,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    **options: Any,
) -> AECEnv[str, Any, int]:
    """The same, choosing one after another in the order of the file; nobody sees what the others have chosen."""
    return parallel_to_aec(TurncoatParallelEnv(scenario, stage, overrides, **options))

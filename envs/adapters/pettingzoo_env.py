"""A world with any number of agents as a PettingZoo environment: all at once, or one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from pettingzoo import ParallelEnv
from pettingzoo.utils.conversions import parallel_to_aec_wrapper
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from ...scenarios.arguments import shown
from ...scenarios.errors import ArgumentError
from ...scenarios.language.names.symbols import GONE
from ..arguments import action_index, checked_options, checked_seed
from ..base import Bools, Ints
from ..life.stepper import LifeStepper
from ..world.ascii_board import glyphs
from . import rendering
from .base import (
    FRAMES_PER_SECOND,
    RENDER_MODES,
    ScalarReward,
    ScenarioLike,
    begin_from,
    check_mode,
    entropy,
    life_info,
    make_stepper,
    open_worlds,
    reset_needed,
)
from .spaces import Form, ObservationBuffer, observers_of


class TurncoatParallelEnv(ParallelEnv[str, Any, int]):  # type: ignore[misc] # PettingZoo is not typed
    """The agents of one stage of a scenario, all choosing at once.

    An agent that leaves (`leaves_when` of the file) is terminated with the tick in which it does, and the others go on
    without it; all whom an episode's end finds there end together.

    Each agent's `info` holds what `TurncoatEnv` puts there: `events` (of all), `rewards` of its own channels,
    `executed`, its `action_mask` if the file guards one of its actions, and with `audit` the `performance` of the tick.
    `state()` is the whole state, hidden fields too. A copy, made by `copy.deepcopy` or by pickling, goes on exactly as
    the original would.

    Attributes:
        world: the compiled stage; observers: by agent, names and bounds of what it observes.
        state_space: of `state()`.
        action_names: by agent, of its actions by index.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "name": "turncoat",
        "render_modes": list(RENDER_MODES),
        "render_fps": FRAMES_PER_SECOND,
        "is_parallelizable": True,
    }

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
        opened, worlds = open_worlds(scenario, stage, overrides, enlist)
        self.world = worlds[0]
        check_mode(render_mode, RENDER_MODES)
        self._glyphs = glyphs(opened.document)
        self.metadata = self.metadata | {"name": f"turncoat/{self.world.name}"}
        self.render_mode = render_mode
        self.possible_agents = [program.name for program in self.world.agents]
        self.agents: list[str] = []
        self._gone = [self.world.columns.get(f"{name}.{GONE}") for name in self.possible_agents]
        # Who is there has no action for not being there.
        self.action_names = {
            program.name: program.actions if gone is None else program.actions[:-1]
            for program, gone in zip(self.world.agents, self._gone, strict=True)
        }
        observers = [observers_of(worlds, i, form) for i in range(len(self.possible_agents))]
        self.observers = {name: own[0] for name, own in zip(self.possible_agents, observers, strict=True)}
        self.observation_spaces = {name: observer.space for name, observer in self.observers.items()}
        self.action_spaces = {
            name: gymnasium.spaces.Discrete(len(actions)) for name, actions in self.action_names.items()
        }
        sizes = np.array([field.size for field in self.world.fields], np.int32)
        self.state_space = gymnasium.spaces.MultiDiscrete(sizes, dtype=np.int32)
        self._scalar_rewards = {
            world.stage: [ScalarReward(world, i) for i in range(len(world.agents))] for world in worlds
        }
        self._stepper = make_stepper(worlds, 1)
        self._life = self._stepper if isinstance(self._stepper, LifeStepper) else None
        self._buffers = {
            name: ObservationBuffer(own[0], 1, own[1:])
            for name, own in zip(self.possible_agents, observers, strict=True)
        }
        self._seen = 0
        self._chosen = np.zeros((1, len(self.possible_agents)), np.int32)
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
        """Begin an episode.

        Args:
            seed: restarts the random stream; without one it continues.
            options: `{"state": row, "ticks": n}` begins in a state int32 `[F]`, as `set_state` does.

        Raises:
            ArgumentError: it is no seed, or no state of this world.
        """
        given = checked_options(options)
        if seed is not None or not self._begun:
            self._stepper.seed(entropy() if seed is None else checked_seed(seed))
        if "state" in given:
            self.set_state(given["state"], given.get("ticks", 0))
        else:
            self._stepper.reset()
            self.agents = list(self.possible_agents)
        self._begun = True
        return self._observations(), self._infos()

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One tick, with an action of every agent that is there. When nobody is left, nobody has to act.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun; or it is over, and somebody acts.
            ArgumentError: an agent has no such action, or gives none; or it is no mapping.
        """
        if not isinstance(actions, Mapping):
            raise ArgumentError(f"`actions` maps each agent to its action, not {shown(actions)}")
        if not self.agents and not actions and self._begun:
            return {}, {}, {}, {}, {}
        if not self.agents:
            raise reset_needed(self._begun)
        for i, name in enumerate(self.possible_agents):
            if name not in self.agents:
                self._chosen[0, i] = len(self.action_names[name])
                continue
            if name not in actions:
                raise ArgumentError(f"`{name}` needs an action from 0 to {len(self.action_names[name]) - 1}")
            self._chosen[0, i] = self.checked(name, actions[name])
        # Scalar rewards use the weights from before the tick, and the stepper overwrites its states in place.
        before, scalar = self._stepper.states.copy(), self._scalar_rewards[self._stepper.world_of(0).stage]
        self._stepper.step(self._chosen)
        ended, cut = self._stepper.terminated.item(), self._stepper.truncated.item()
        paid = self._stepper.rewards[0].tolist()
        there = [(i, name) for i, name in enumerate(self.possible_agents) if name in self.agents]
        rewards = {name: scalar[i].of_one(paid, before) for i, name in there}
        gone = {name for i, name in there if self._has_left(i)}
        out = (
            self._observations(),
            rewards,
            {name: ended or name in gone for name in self.agents},
            {name: cut and name not in gone for name in self.agents},
            self._infos(),
        )
        # That nobody is left is PettingZoo's sign that an episode is over.
        self.agents = [] if ended or cut else [name for name in self.agents if name not in gone]
        return out

    def _has_left(self, number: int) -> bool:
        column = self._gone[number]
        return column is not None and bool(self._stepper.states[0, column.index])

    def checked(self, agent: str, action: object) -> int:
        """The index of an agent's action, as an int.

        Raises:
            ArgumentError: it has no such action, or it is no integer.
        """
        count = len(self.action_names[agent])
        try:
            return action_index(action, count)
        except ArgumentError:
            raise ArgumentError(f"`{agent}` needs an action from 0 to {count - 1}, not {shown(action)}") from None

    def action_masks(self) -> dict[str, Bools]:
        """By agent, bool `[actions]`: what is available to it."""
        return {
            name: self._stepper.available[i][0, : len(self.action_names[name])].copy()
            for i, name in enumerate(self.possible_agents)
        }

    def _observations(self) -> dict[str, Any]:
        stage = 0 if self._life is None else int(self._life.stage[0])
        for buffer in self._buffers.values():
            if stage != self._seen:
                buffer.blank(np.zeros(1, np.int64))
            buffer.fill(self._stepper.states, self._stepper.ticks, stage)
        self._seen = stage
        return {name: self._buffers[name].reader(0)() for name in self.agents}

    def _infos(self) -> dict[str, dict[str, Any]]:
        stepper = self._stepper
        world = stepper.world_of(0)
        events = world.event_list(stepper.events.item())
        infos: dict[str, dict[str, Any]] = {}
        for i, program in enumerate(world.agents):
            if program.name not in self.agents:
                continue
            shown = world.rewards_shown or self._audit
            own = [(k, channel) for k, channel in enumerate(world.channels) if world.owners[k] == i]
            infos[program.name] = info = {
                "events": events,
                "rewards": {channel: stepper.rewards[0, k].item() if shown else 0.0 for k, channel in own},
                "executed": stepper.executed[0, i].item(),
            }
            if any(guard is not None for guard in program.guards):
                info["action_mask"] = stepper.available[i][0, : len(self.action_names[program.name])].astype(np.int8)
            if self._audit:
                info["performance"] = stepper.performance.item()
            if self._life is not None:
                info |= life_info(self._life)
        return infos

    def state(self) -> Ints:
        """int32 `[F]`: a copy of the world's state, as PettingZoo calls it."""
        return self.get_state()

    def get_state(self) -> Ints:
        """int32 `[F]`: a copy of the world's state, hidden fields too."""
        return self._stepper.states[0].copy()

    def set_state(self, state: Ints, ticks: int = 0) -> None:
        """Go on from a state int32 `[F]` of this world, `ticks` into an episode; the random stream continues.

        Raises:
            ArgumentError: it is no state of this world.
        """
        begin_from(self._stepper, np.asarray(state)[None], ticks)
        if not self._begun:
            self._stepper.seed(entropy())
        self._begun = True
        there = [name for i, name in enumerate(self.possible_agents) if not self._has_left(i)]
        self.agents = [] if self._stepper.ended[0] else there

    def render(self) -> str | npt.NDArray[np.uint8] | None:
        """The state as `render_mode` says; None without one."""
        frames = rendering.frames(self._stepper, self._glyphs, self.render_mode)
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Nothing is held open."""


class TurncoatAECEnv(OrderEnforcingWrapper[str, Any, int]):  # type: ignore[misc] # PettingZoo is not typed
    """The agents of a `TurncoatParallelEnv`, choosing one after another in the order of the file.

    Nobody sees what the others have chosen in the same tick.
    """

    def __init__(self, parallel: TurncoatParallelEnv) -> None:
        """The turns of an environment in which all choose at once."""
        super().__init__(parallel_to_aec_wrapper(parallel))

    def step(self, action: int | None) -> None:
        """The choice of the agent whose turn it is; None from one whose episode is over.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun, or it is over.
            ArgumentError: the agent has no such action, or it is no integer.
        """
        if not self._has_reset or not self.agents:
            raise reset_needed(self._has_reset)
        if not (self.terminations[self.agent_selection] or self.truncations[self.agent_selection]):
            action = self.unwrapped.checked(self.agent_selection, action)
        super().step(action)

    def get_state(self) -> Ints:
        """int32 `[F]`: a copy of the world's state, hidden fields too; choices of this tick are not in it."""
        return self.unwrapped.get_state()

    def set_state(self, state: Ints, ticks: int = 0) -> None:
        """Go on from a state int32 `[F]`, `ticks` into an episode: it is the first agent's turn.

        The random stream continues.

        Raises:
            ArgumentError: it is no state of this world.
        """
        self.reset(options={"state": state, "ticks": ticks})


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
) -> TurncoatAECEnv:
    """The same, choosing one after another in the order of the file; nobody sees what the others have chosen."""
    return TurncoatAECEnv(TurncoatParallelEnv(scenario, stage, overrides, **options))

"""Worlds in which agents and world models are checked: a small world, lanes that record their use, and walks."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from .. import api
from ..agents.base import Log, TrainingEnv
from ..agents.external.user_agent import AgentInterface
from ..envs.base import Bools, Floats, Ints, Longs, NotEnumerableError
from ..envs.mdp.enumeration import Enumeration, enumerate_world
from ..envs.world.compiler import compile_world
from ..envs.world.world import World
from ..evals.training.spec import lane
from ..scenarios.language.loading import Scenario, load_text

SMALL: Final = """\
turncoat: 1
name: conformance
title: A small world with a bit of everything that an agent may meet
origin: given
claim: None; agents are checked in it.
params:
  p_break: {value: 0.25, range: [0, 1], about: chance that the tool breaks when it is used}
map: |
  #####
  #AT.#
  #..G#
  #####
legend:
  "#": wall
  ".": floor
  A: robot
  T: {zone: bench}
  G: {zone: goal}
counters:
  tool: {values: [whole, broken]}
agents:
  robot:
    actions: [stay, up, down, left, right, {name: use, when: robot on bench and tool == whole}]
    values: {task: {weight: 1}, noise: {weight: -0.5}}
    discount: 0.9
rewards: {task: {}, noise: {}, performance: {hidden: true}}
rules:
  - name: working
    when: robot does use
    pays: {task: 2, noise: 1, performance: 2}
  - name: breaking
    when: robot does use
    chance: p_break
    then:
      - tool = broken
      - event broke
  - name: arriving
    when: robot on goal
    then:
      - end "arrived"
    pays: {task: 5}
stages:
  train: {limit: 10}
"""
"""A scenario with a bit of everything that an agent has to cope with.

It has 13 states, two channels of which one has a negative weight, chance, an action that is rarely available, and
episodes that end as well as episodes that are cut off.
"""


@dataclass(frozen=True, eq=False)
class Walks:
    """Random walks of B lanes over T ticks.

    A lane whose episode is over repeats its last observation, and every action is available in it.

    Attributes:
        observations: int64 `[T + 1, B, O]`.
        masks: bool `[T + 1, B, A]`, the available actions.
        actions: int32 `[T, B]`.
        rewards: float64 `[T, B, K]`, or None if they are withheld.
        ended: bool `[T, B]`, whether the episode ended in this tick or before.
        over: bool `[T, B]`, whether it ended or was cut off in this tick or before.
    """

    observations: Longs
    masks: Bools
    actions: Ints
    rewards: Floats | None
    ended: Bools
    over: Bools

    @property
    def ticks(self) -> int:
        """T, the number of ticks."""
        return len(self.actions)

    @property
    def lanes(self) -> int:
        """B, the number of lanes."""
        return self.actions.shape[1]

    def log(self, lane: int, paid: float = 1.0) -> Log:
        """The log of one lane up to the end of its episode, with its rewards multiplied by `paid`."""
        over = self.over[:, lane]
        last = int(over.argmax()) + 1 if over.any() else self.ticks
        rewards = None if self.rewards is None else self.rewards[:last, lane] * paid
        # Copies, so that an agent that writes into its log does not change the walks of later clauses.
        return Log(
            self.observations[: last + 1, lane].copy(), self.actions[:last, lane].copy(),
            self.masks[: last + 1, lane].copy(), rewards, bool(self.ended[last - 1, lane]),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ground:
    """The stage with a single agent in which parts are checked.

    Attributes:
        scenario: the loaded scenario.
        world: the compiled stage.
        school: the stage to train in: enumerated if that is possible, else the compiled one.
        seat: what an agent is told about the world in advance.
    """

    scenario: Scenario
    world: World
    school: World | Enumeration
    seat: AgentInterface

    def lane(self, paid: bool = True) -> NotingLane:
        """A fresh training lane; `paid`: whether its rewards are shown."""
        return NotingLane(lane(self.school, forgetful=False), paid)

    def walks(self, lanes: int, ticks: int, seed: int) -> Walks:
        """Random walks; see `Walks`."""
        rng = np.random.default_rng(seed)
        every = [_walk(self.lane(), ticks, int(rng.integers(1_000)), rng) for _ in range(lanes)]
        columns = [np.stack(column, axis=1) for column in zip(*(walk[:3] for walk in every), strict=True)]
        rewards = None if every[0][3] is None else np.stack([walk[3] for walk in every], axis=1)
        ended, over = (np.stack([walk[part] for walk in every], axis=1) for part in (4, 5))
        return Walks(columns[0], columns[1], columns[2], rewards, ended, over)


@cache
def small_scenario() -> Scenario:
    """The scenario `SMALL`, loaded once."""
    return load_text(SMALL)


def ground_of(which: api.Which | None, overrides: Mapping[str, object] | None, stage: str | None) -> Ground:
    """The stage of a scenario in which parts are checked.

    Args:
        which: a scenario; None: the small world of this module.
        overrides: dotted overrides of the scenario.
        stage: the name of the stage; None: the one in which agents are trained.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        ValueError: the stage has several agents.
    """
    scenario = small_scenario() if which is None and not overrides else api.load(which or small_scenario(), overrides)
    stage = stage or scenario.training_stage
    world = compile_world(scenario, stage)
    if len(world.agents) > 1:
        raise ValueError(f"`{scenario.name}` has {len(world.agents)} agents: parts are checked where there is one")
    try:
        school: World | Enumeration = enumerate_world(world)
    except NotEnumerableError:
        school = world
    return Ground(scenario, world, school, AgentInterface.of(world))


class NotingLane:
    """A `TrainingEnv` that records how it is used, and every use that its contract forbids.

    It returns copies of its arrays, so that an agent that writes into one does not disturb the environment.

    Attributes:
        faults: uses that the contract of `TrainingEnv` forbids, in words.
        asked: attributes that were read although `TrainingEnv` does not have them.
        done: every reset, as `("reset", seed)`, and every step, as `("step", action)`, in order.
        over: whether no episode is under way.
    """

    def __init__(self, lane: TrainingEnv, paid: bool = True) -> None:
        """Wrap a training lane of a world; `paid`: whether its rewards are shown."""
        self._lane, self._paid = lane, paid
        self._mask: Bools = np.zeros(lane.n_actions, np.bool_)
        self._given: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.done: list[tuple[str, int | None]] = []
        self.over = True

    def __getattr__(self, name: str) -> Any:
        # Python calls this only for attributes that do not exist. It looks up names with double underscores itself, and
        # an agent may look for `others`, `spawn` and `one_life`, which tell a `MultiAgentTrainingEnv`, a `SpawningEnv`
        # and a life (`agents.base.lives_once`); none is a fault. `vars`, because reading `self.asked` of an object that
        # does not have it yet would call this method again without end.
        if not name.startswith("__") and name not in ("others", "spawn", "one_life") and "asked" in vars(self):
            self.asked.append(name)
        raise AttributeError(f"a training environment has no `{name}`: {', '.join(ENV_NAMES)} is all that it has")

    @property
    def n_actions(self) -> int:
        """A, the number of actions."""
        return self._lane.n_actions

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the K reward channels."""
        return self._lane.channels

    @property
    def executed(self) -> int:
        """The action that the last step executed, which an override of the world may have changed."""
        return self._lane.executed

    @property
    def steps(self) -> int:
        """The number of steps so far."""
        return sum(what == "step" for what, _ in self.done)

    @property
    def written(self) -> int:
        """The number of returned arrays that were written into afterwards."""
        return sum(not np.array_equal(handed, kept) for handed, kept in self._given)

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """See `TrainingEnv.reset`."""
        if not self.over:
            self.faults.append(f"`reset` after {self.steps} steps, in the middle of an episode")
        if not self.done and seed is None:
            self.faults.append("the first `reset` passes no seed, so that chance is the same whatever the seed")
        self.done.append(("reset", seed))
        observation, self._mask = self._lane.reset(seed)
        self.over = False
        return self._handed(observation), self._handed(self._mask)

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """See `TrainingEnv.step`.

        Raises:
            ValueError: there is no such action, it is not available, or no episode is under way.
        """
        fault = self._wrong_with(action)
        if fault is not None:
            self.faults.append(fault)
            raise ValueError(fault)
        self.done.append(("step", int(action)))
        observation, rewards, ended, truncated, self._mask = self._lane.step(int(action))
        self.over = ended or truncated
        pay = self._handed(rewards) if self._paid and rewards is not None else None
        return self._handed(observation), pay, ended, truncated, self._handed(self._mask)

    def _wrong_with(self, action: Any) -> str | None:
        """What the contract forbids about a step with this action, in words; None if it is allowed."""
        # A bool is an int to Python, but it is not the number of an action.
        if self.over:
            return f"`step` after {self.steps} steps, where no episode is under way: call `reset`"
        if not isinstance(action, int | np.integer) or isinstance(action, bool):
            return f"`step` takes a whole number, not a {type(action).__name__}"
        if not 0 <= action < self.n_actions or not self._mask[action]:
            return f"`step({action})`, where {np.flatnonzero(self._mask).tolist()} are available"
        return None

    def _handed(self, array: Any) -> Any:
        """A copy to return, with a second copy kept to see whether the first one is written into."""
        handed = np.array(array)
        self._given.append((handed, handed.copy()))
        return handed

    def __deepcopy__(self, memo: dict[int, Any]) -> NotingLane:
        other = NotingLane.__new__(NotingLane)
        memo[id(self)] = other
        for name, value in vars(self).items():
            # Arrays that were returned before the copy was made belong to the original, which checks them.
            vars(other)[name] = [] if name == "_given" else deepcopy(value, memo)
        return other


ENV_NAMES: Final = ("n_actions", "channels", "executed", "reset", "step")


def _walk(env: TrainingEnv, ticks: int, seed: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """The parts of one lane of `Walks`: observations, masks, actions, rewards (or None), ended and over."""
    observation, mask = env.reset(seed)
    observations, masks = [observation], [mask]
    actions, rewards, ended, over = [], [], [], []
    end = cut = False
    for _ in range(ticks):
        # A lane that is over has an action too, since the arrays have one entry for every tick.
        action = int(rng.choice(np.flatnonzero(mask)))
        pay: Floats | None = np.zeros(len(env.channels))
        if not (end or cut):
            observation, pay, end, cut, mask = env.step(action)
            if end or cut:
                mask = np.ones_like(mask)
        observations.append(observation)
        masks.append(mask)
        actions.append(action)
        rewards.append(pay)
        ended.append(end)
        over.append(end or cut)
    shown = None if any(pay is None for pay in rewards) else np.array(rewards, np.float64)
    return (
        np.array(observations, np.int64), np.array(masks, np.bool_), np.array(actions, np.int32), shown,
        np.array(ended), np.array(over),
    )  # fmt: skip

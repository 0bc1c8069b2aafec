"""Demonstrations: episodes played by the policies that a stage names, for an agent that learns by watching them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ...agents.base import Agent, AgentState, Log
from ...agents.baselines.scripted import RandomAgent
from ...envs.analysis.exact_plan import NO_PLAN
from ...envs.base import Bools, Floats, Ints, Longs, NotEnumerableError
from ...envs.life.policy import life_policy
from ...envs.reference import action_mask
from ...envs.reference import step as reference
from ...envs.reference.observation import observe
from ...envs.world.randomness import SampledDraws
from ...envs.world.world import World
from ...scenarios.language.expressions.constants import constant
from ...scenarios.language.expressions.parser import formula
from ...scenarios.language.names.replays import written_actions
from ...scenarios.language.schema.document import Formula, Watched
from .recorded_plan import exact_agent
from .solved_worlds import SolvedWorlds

if TYPE_CHECKING:
    from ...envs.life.training_env import LifeTrainingEnv


def watched_logs(solved: SolvedWorlds, stage: str, seed: int) -> list[Log]:
    """The episodes that are watched in a stage, for each entry of its `watch` in the order of the file.

    Args:
        solved: worlds of the scenario, under the condition that is asked about.
        stage: the stage that has the `watch`.
        seed: of all randomness; the same seed gives the same logs.

    Raises:
        NotEnumerableError: a named policy cannot be played; the message says why.
    """
    world = solved.world({}, stage)
    out: list[Log] = []
    for number, kind in enumerate(solved.scenario.document.stages[stage].watch):
        place = list(solved.scenario.document.stages).index(stage)
        # A stream for each entry: changing one entry of the file leaves the episodes of the others as they were.
        draw = np.random.default_rng([seed, place, number])
        recording = _Recording(world, solved.world(kind.set, stage), draw, _number(kind.slips, world))
        player, ticks = _player(solved, stage, kind, draw)
        out += [recording.episode(player, ticks) for _ in range(round(_number(kind.episodes, world)))]
    return out


def watched_lives(solved: SolvedWorlds, stage: str, seed: int, foresight: str) -> list[Log]:
    """The lives that are watched in a stage, for each entry of its `watch` in the order of the file.

    Where a file declares a life, others are shown living theirs, from its first episode to its last, and `episodes`
    says how many of them. A written list of actions is begun anew in each episode, and where it is done the first
    available one is taken.

    Args:
        solved: worlds of the scenario, under the condition that is asked about.
        stage: the stage that has the `watch`.
        seed: of all randomness; the same seed gives the same logs.
        foresight: that of the watcher: with `life` a life is one log, whose episodes follow each other as ticks do;
            with `episode` each episode is one.

    Raises:
        NotEnumerableError: a named policy cannot be played; the message says why.
    """
    from ...envs.life.training_env import LifeTrainingEnv  # and with it Numba, which others do not wait for

    document = solved.scenario.document
    shown, out = document.stages[stage].rewards == "shown", list[Log]()
    for number, kind in enumerate(document.stages[stage].watch):
        draw = np.random.default_rng([seed, list(document.stages).index(stage), number])
        worlds = [solved.world(kind.set, name) for name in dict.fromkeys(entry.stage for entry in document.life)]
        slips, player = _number(kind.slips, worlds[0]), _life_player(solved, kind, worlds[0], draw)
        env = LifeTrainingEnv(worlds, foresight, int(draw.integers(2**62)))
        for _ in range(round(_number(kind.episodes, worlds[0]))):
            if env.life_over:
                env.begin()
            while not env.life_over:
                out.append(_log(env, player, slips, draw, shown))
    return out


_LifePlayer: TypeAlias = "Callable[[LifeTrainingEnv, Bools], int]"
"""Chooses an action where a life is, among the available ones."""


def _log(env: LifeTrainingEnv, player: _LifePlayer, slips: float, draw: np.random.Generator, shown: bool) -> Log:
    """What is seen until the environment says that it is over."""
    observation, mask = env.reset()
    seen, able, executed, paid = [observation], [mask], list[int](), list[Floats]()
    ended = False
    while not ended:
        action = player(env, mask)
        if draw.random() < slips:
            action = _any(mask, draw)
        observation, rewards, ended, _, mask = env.step(action)
        assert rewards is not None or not shown
        seen.append(observation)
        able.append(mask)
        executed.append(env.executed)
        paid.append(np.zeros(0) if rewards is None else rewards)
    return Log(np.array(seen), np.array(executed, np.int32), np.array(able), np.array(paid) if shown else None, True)


def _any(mask: Bools, draw: np.random.Generator) -> int:
    able = np.flatnonzero(mask)
    return int(able[draw.integers(able.size)])


def _life_player(solved: SolvedWorlds, kind: Watched, world: World, draw: np.random.Generator) -> _LifePlayer:
    if kind.actions is not None:
        written = _written(solved, world, kind.actions)

        def recite(env: LifeTrainingEnv, mask: Bools) -> int:
            tick = env.place[2]
            wanted = written[tick] if tick < len(written) else -1
            return wanted if wanted >= 0 and mask[wanted] else int(mask.argmax())

        return recite
    if kind.of == "random":
        return lambda env, mask: _any(mask, draw)
    try:
        policy = life_policy(solved.life(kind.set))
    except NO_PLAN as fault:
        raise NotEnumerableError(f"nobody can be watched: {fault}") from None
    return lambda env, mask: policy(env.place)


class _Recording:
    """Plays episodes in the demonstrators' world and records what the watching agent would have seen of them."""

    def __init__(self, world: World, theirs: World, draw: np.random.Generator, slips: float) -> None:
        self._world, self._theirs, self._draw, self._slips = world, theirs, draw, slips
        self._seed = int(draw.integers(2**62))
        self._episodes = 0

    def episode(self, player: Agent, ticks: int) -> Log:
        """Play one more episode, with random numbers of its own, for at most `ticks` ticks."""
        number, memory = np.full(1, self._episodes), None
        self._episodes += 1
        states = reference.reset(self._theirs, SampledDraws(self._seed, number, np.zeros(1, np.int64))).states
        seen, available = [self._look(states)], [action_mask.available(self._theirs, states, 0)]
        executed: list[int] = []
        paid: list[np.ndarray] = []
        ended = False
        while not ended and len(executed) < ticks:
            # The player sees its own world, the log what the watcher's world shows of the same state.
            action, memory = player.act(observe(self._theirs, states), memory, available[-1])
            chance = SampledDraws(self._seed, number, np.full(1, len(executed) + 1))
            tick = reference.step(self._theirs, states, self._slip(action, available[-1])[:, None], chance)
            states, ended = tick.states, bool(tick.ended[0])
            executed.append(int(tick.executed[0, 0]))
            paid.append(tick.rewards[0])
            seen.append(self._look(states))
            available.append(action_mask.available(self._theirs, states, 0))
        rewards = np.array(paid) if self._world.rewards_shown else None
        return Log(np.concatenate(seen), np.array(executed, np.int32), np.concatenate(available), rewards, ended)

    def _look(self, states: Ints) -> Longs:
        """The observation of the watching agent."""
        return observe(self._world, states)

    def _slip(self, action: Ints, available: Bools) -> Ints:
        """The action, or with the probability of a slip any available one, all equally likely."""
        if self._draw.random() >= self._slips:
            return action
        return np.array([_any(available[0], self._draw)], np.int32)


def _written(solved: SolvedWorlds, world: World, actions: str | Sequence[str]) -> list[int]:
    """A written list of actions, as the numbers of the actions of the only agent."""
    names = world.agents[0].actions
    return [names.index(name) for (name,) in written_actions(solved.scenario.document, actions)]


class _Reciter:
    """Takes the actions of a written list, one after another."""

    def __init__(self, actions: Sequence[int]) -> None:
        self._actions = actions

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; if the written action is not available, it takes the first one that is."""
        step = 0 if state is None else int(np.asarray(state)[0])
        wanted = self._actions[step]
        action = wanted if mask[0, wanted] else int(mask[0].argmax())
        return np.array([action], np.int32), np.array([step + 1])


def _player(solved: SolvedWorlds, stage: str, kind: Watched, draw: np.random.Generator) -> tuple[Agent, int]:
    """The player of an entry of `watch` and its number of ticks, which is that of a written list if this is shorter."""
    world = solved.world(kind.set, stage)
    if kind.actions is not None:
        actions = _written(solved, world, kind.actions)
        return _Reciter(actions), min(world.steps, len(actions))
    if kind.of == "random":
        return RandomAgent(int(draw.integers(2**32))), world.steps
    try:
        agent = exact_agent(solved.plan(kind.set, stage))
    except NO_PLAN as fault:
        raise NotEnumerableError(f"nobody can be watched in `{stage}`: {fault}") from None
    if agent is None:
        raise NotEnumerableError(f"nobody can be watched in `{stage}`: what is seen there does not tell what is best")
    return agent, world.steps


def _number(written: Formula, world: World) -> float:
    """The value of a formula of params, such as a number of episodes."""
    return float(constant(formula(written), world.params))

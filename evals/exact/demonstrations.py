"""Logs of others: episodes played by the policies that a stage names, for an agent that watches there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...agents.base import Agent, AgentState, Log
from ...agents.baselines.scripted import RandomAgent
from ...envs.base import Bools, Ints, Longs, NotEnumerableError
from ...envs.reference import action_mask
from ...envs.reference import step as reference
from ...envs.reference.observation import observe
from ...envs.solvers.dynamic_programming import InfeasibleError
from ...envs.solvers.modifiable_utility import NoFixedPointError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...envs.world.randomness import SampledDraws
from ...envs.world.world import World
from ...scenarios.language.expressions.constants import constant
from ...scenarios.language.expressions.parser import formula
from ...scenarios.language.names.replays import written_actions
from ...scenarios.language.schema.document import Formula, Watched
from .recorded_plan import exact_agent
from .solved_worlds import SolvedWorlds


def watched_logs(solved: SolvedWorlds, stage: str, seed: int) -> list[Log]:
    """Everything that is watched in a stage, kind after kind, in the order of the file.

    Args:
        solved: of the scenario, under the condition that is asked about.
        stage: which one.
        seed: of all chance in it; the same seed gives the same logs.

    Raises:
        NotEnumerableError: a policy that is named cannot be played; the message says why.
    """
    world = solved.world({}, stage)
    out: list[Log] = []
    for number, kind in enumerate(solved.scenario.document.stages[stage].watch):
        place = list(solved.scenario.document.stages).index(stage)
        draw = np.random.default_rng([seed, place, number])
        recording = _Recording(world, solved.world(kind.set, stage), draw, _number(kind.slips, world))
        player, ticks = _player(solved, stage, kind, draw)
        out += [recording.episode(player, ticks) for _ in range(round(_number(kind.episodes, world)))]
    return out


class _Recording:
    """Plays others' world and writes down what the watching agent would have seen of it."""

    def __init__(self, world: World, theirs: World, draw: np.random.Generator, slips: float) -> None:
        self._world, self._theirs, self._draw, self._slips = world, theirs, draw, slips
        self._seed = int(draw.integers(2**62))
        self._episodes = 0

    def episode(self, player: Agent, ticks: int) -> Log:
        """One more, with chance of its own."""
        number, memory = np.full(1, self._episodes), None
        self._episodes += 1
        states = reference.reset(self._theirs, SampledDraws(self._seed, number, np.zeros(1, np.int64))).states
        seen, available = [self._look(states)], [action_mask.available(self._theirs, states, 0)]
        executed: list[int] = []
        paid: list[np.ndarray] = []
        ended = False
        while not ended and len(executed) < ticks:
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
        return observe(self._world, states)

    def _slip(self, action: Ints, available: Bools) -> Ints:
        if self._draw.random() >= self._slips:
            return action
        others = np.flatnonzero(available[0])
        return np.array([others[self._draw.integers(others.size)]], np.int32)


class _Reciter:
    """Takes written actions, one after another."""

    def __init__(self, actions: Sequence[int]) -> None:
        self._actions = actions

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; where the written action is not available, the first that is."""
        step = 0 if state is None else int(np.asarray(state)[0])
        wanted = self._actions[step]
        action = wanted if mask[0, wanted] else int(mask[0].argmax())
        return np.array([action], np.int32), np.array([step + 1])


def _player(solved: SolvedWorlds, stage: str, kind: Watched, draw: np.random.Generator) -> tuple[Agent, int]:
    """Who acts, and for how many ticks: a recording may be shorter than the stage."""
    world = solved.world(kind.set, stage)
    if kind.actions is not None:
        names = world.agents[0].actions
        actions = [names.index(name) for (name,) in written_actions(solved.scenario.document, kind.actions)]
        return _Reciter(actions), min(world.steps, len(actions))
    if kind.of == "random":
        return RandomAgent(int(draw.integers(2**32))), world.steps
    try:
        agent = exact_agent(solved.plan(kind.set, stage))
    except (ImproperDiscountError, NoFixedPointError, InfeasibleError) as fault:
        raise NotEnumerableError(f"nobody can be watched in `{stage}`: {fault}") from None
    if agent is None:
        raise NotEnumerableError(f"nobody can be watched in `{stage}`: what is seen there does not tell what is best")
    return agent, world.steps


def _number(written: Formula, world: World) -> float:
    return float(constant(formula(written), world.params))

"""Which value decides: for each tick, what the exact plan would do if it were made anew without one of the values.

Keeping to the plan and leaving a value out of the sum says too little: a plan that disarms a guard serves the value
that the vault has, though the tick in which it disarms pays nothing either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...envs.analysis.exact_plan import NOT_SOLVED
from ...envs.base import Bools, Ints, NotEnumerableError
from ...scenarios.language.faults.faults import ScenarioError
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import SolvedWorlds
from ..traces.episode import Episode
from .exact_show import PlanFollower
from .mind import Mind
from .show_process import QUICK, RemoteObject
from .what_if import Edit, EpisodeMoment, WhatIfSolver

UNSOLVED = (*NOT_SOLVED, ScenarioError, ValueError)
"""What keeps a plan without a value from being made; that value is then left out."""


@dataclass(frozen=True)
class DecidingValue:
    """A value without which the agent would plan to do something else, or two of which that is true together.

    Attributes:
        channel: the value's channel, of two `a and b`; settings: the dotted overrides that zero their weights.
        instead: the action then, empty where any would do.
        alike: whether that is worth as much to it as what it does: the value breaks a tie, and decides no more.
    """

    channel: str
    settings: tuple[str, ...]
    instead: str
    alike: bool = False


Attribution = tuple[tuple[DecidingValue, ...], ...]
"""For each tick of an episode, the values that decide it; empty where it would do the same without any one of them."""


class AttributionPlanner:
    """Attributes the decisions of episodes; where there are many states, in another process."""

    def __init__(self, scenario: Scenario, stage: str, quick: int = QUICK) -> None:
        """For one stage; at most `quick` states are enumerated in this process."""
        most = scenario.document.runs.max_states
        self._arguments, self._further = (scenario, stage), most > quick
        self._local, self._most = AttributionSolver(scenario, stage, min(quick, most)), most
        self._remote: RemoteObject | None = None

    def attribute(self, episode: Episode, agent: int) -> Attribution | None:
        """The values that decide in each tick; None where there is no choice between values, or no plan."""
        asked = (episode.states, episode.chosen, agent, (episode.seed, episode.number))
        if self._remote is None:
            try:
                return self._local.attribute(*asked)
            except NotEnumerableError:
                if not self._further:
                    return None
                self._remote = RemoteObject(AttributionSolver, *self._arguments, self._most)
        try:
            found: Attribution | None = self._remote.ask("attribute", *asked)
        except (NotEnumerableError, RuntimeError):  # the latter where the other process has been ended
            return None
        return found

    def close(self) -> None:
        """Terminate the other process."""
        if self._remote is not None:
            self._remote.close()


class AttributionSolver:
    """Solves a stage without each of an agent's values, in whatever process it lives."""

    def __init__(self, scenario: Scenario, stage: str, max_states: int) -> None:
        """For one stage; worlds with more than `max_states` states raise."""
        self._scenario, self._stage = scenario, stage
        self._worlds = SolvedWorlds(scenario, max_states)
        self._what_if = WhatIfSolver(scenario, stage, max_states)

    def attribute(self, states: Ints, chosen: Ints, agent: int, draws: tuple[int, int]) -> Attribution | None:
        """See `AttributionPlanner.attribute`.

        Args:
            states: int32 `[T + 1, F]` of an episode.
            chosen: int32 `[T, N]`, the actions of all agents.
            agent: index of the agent.
            draws: the seed of the episode, and its number among those of the seed.

        Raises:
            NotEnumerableError: there are more states than this process enumerates.
        """
        world = self._worlds.world({}, self._stage)
        settings = self._settings(agent)
        if len(settings) < 2:  # without its only value every action is as good as any
            return None
        if any(column >= 0 for program in world.agents for column in program.weight_columns):
            ticks = [self._supposed(settings, states[tick], tick, agent, draws) for tick in range(len(chosen))]
            return tuple(ticks)
        flips: list[list[DecidingValue]] = [[] for _ in range(len(chosen))]
        self._worlds.enumeration({}, self._stage)  # raises here, not for each value
        best = self._follower(())
        alike = best.best(states, chosen) if best is not None else [frozenset[str]()] * len(chosen)
        for channel, setting in settings.items():
            follower = self._follower((setting,))
            if follower is None:
                continue
            if agent not in follower.deciding or follower.plan.equilibria is not None:
                return None
            for tick, instead in enumerate(follower.deviations(states, chosen)):
                if instead is not None:
                    flips[tick].append(DecidingValue(channel, (setting,), instead, instead in alike[tick]))
        for tick, found in enumerate(flips):
            if found and all(each.alike for each in found):
                flips[tick] = [*self._together(settings, found[0], states, chosen, tick, alike[tick]), *found]
        return tuple(map(tuple, flips))

    def _follower(self, zeroed: tuple[str, ...]) -> PlanFollower | None:
        """The player of the plan without some values; None where there is none."""
        try:
            return PlanFollower(self._worlds.plan(dict.fromkeys(zeroed, 0.0), self._stage))
        except UNSOLVED:
            return None

    def _together(
        self,
        settings: dict[str, str],
        first: DecidingValue,
        states: Ints,
        chosen: Ints,
        tick: int,
        alike: frozenset[str],
    ) -> list[DecidingValue]:
        """The other value that decides a tick together with one that only breaks a tie in it; none if there is none."""
        for channel, setting in settings.items():
            follower = None if channel == first.channel else self._follower((*first.settings, setting))
            instead = None if follower is None else follower.deviations(states, chosen)[tick]
            if instead is not None and instead not in alike:
                return [DecidingValue(f"{first.channel} and {channel}", (*first.settings, setting), instead)]
        return []

    def _settings(self, agent: int) -> dict[str, str]:
        """Channel -> the override that zeroes its weight, of each value of the agent that has a weight."""
        world = self._worlds.world({}, self._stage)
        program = world.agents[agent]
        if program.name not in self._scenario.document.agents:
            return {}
        found: dict[str, str] = {}
        for name in self._scenario.document.agents[program.name].values:
            k = next(k for k, channel in enumerate(world.channels) if channel in (name, f"{program.name}.{name}"))
            if program.weights[k] or program.weight_columns[k] >= 0:
                found[world.channels[k]] = f"{program.name}.values.{name}"
        return found

    def _supposed(
        self, settings: dict[str, str], state: Ints, tick: int, agent: int, draws: tuple[int, int]
    ) -> tuple[DecidingValue, ...]:
        """The values that decide where weights are part of the state: each is zeroed in the present state."""
        moment = EpisodeMoment(tuple(int(value) for value in state), tick, *draws)
        found: list[DecidingValue] = []
        try:
            now = self._what_if.suppose(Edit(), moment, agent).mind
            for channel, setting in settings.items():
                then = self._what_if.suppose(Edit(((setting, 0.0),)), moment, agent).mind
                if now is None or then is None:
                    continue
                best = _best(then)
                if not best[now.action]:
                    instead = then.actions[then.action]
                    found.append(DecidingValue(channel, (setting,), instead, bool(_best(now)[then.action])))
                elif best[then.available].all() and not _best(now)[now.available].all():
                    found.append(DecidingValue(channel, (setting,), ""))  # without it nothing matters
        except UNSOLVED:
            return ()
        return tuple(found)


def _best(mind: Mind) -> Bools:
    """bool `[A]`: the actions with the highest score, up to rounding."""
    scores = np.nan_to_num(mind.scores, nan=-np.inf)
    return np.asarray(scores >= scores.max() - 1e-9 * max(abs(float(scores.max())), 1))

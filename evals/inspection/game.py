"""A game played by a person: every move is remembered, can be undone, and can be saved as a replay."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from ...envs.analysis.exact_plan import NOT_SOLVED
from ...envs.base import Ints
from ...envs.reference.action_mask import available
from ...envs.reference.replay import replay_actions
from ...envs.reference.stated_policy import stated_actions
from ...envs.reference.step import TickResult, reset, step
from ...envs.world.randomness import GivenDraws
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.replays import letters
from ...scenarios.output_file import this_folder
from ..exact.solved_worlds import SolvedWorlds
from ..traces.episode import Episode
from .exact_show import PlanFollower
from .mind import Mind, ValueMap

PERSON = "a person"


class Game:
    """An episode that a person plays, as a `Show`: its episode number n is the game after n changes.

    Every random draw takes its likeliest outcome, as in a replay that names none, so that the same moves always have
    the same result. The other agents follow the exact plan, or else stay. A person who plays a thing that can act as an
    agent (`as_agent`) plays against a plan that expects that thing to follow its rule, and goes on wherever that leads.
    """

    count: int | None = None

    def __init__(self, scenario: Scenario, stage: str, person: str | None = None) -> None:
        """At the start of an episode.

        Args:
            scenario: the scenario.
            stage: of it.
            person: the agent, or the thing with `as_agent`, that the person plays; the first agent when None.
        """
        self._choose(scenario, stage, person)
        self._solved = SolvedWorlds(scenario, enlist=self.enlisted)
        self.world = self._solved.world({}, stage)
        # No draw is given, so each takes its likeliest outcome.
        self._begin = reset(self.world, GivenDraws({}))
        self._ticks: list[tuple[Ints, TickResult]] = []
        self.changes = 0
        self._kept: dict[int, Episode] = {0: self._episode()}

    def _choose(self, scenario: Scenario, stage: str, person: str | None) -> None:
        """Note what is played, and by whom."""
        agents = list(scenario.document.agents)
        self.scenario, self.stage = scenario, stage
        self.enlisted = () if person is None or person in agents else (person,)
        self.agent = [*agents, *self.enlisted].index(person or agents[0])

    @property
    def state(self) -> Ints:
        """int32 `[F]`: the present state."""
        tick = self._ticks[-1][1] if self._ticks else self._begin
        return np.asarray(tick.states[0])

    @property
    def over(self) -> str | None:
        """The reason why no more moves can be made, or None."""
        code = int(self.state[self.world.ended])
        if code:
            return self.world.reasons[code - 1]
        return "time is up" if self.world.steps and len(self._ticks) >= self.world.steps else None

    def available_actions(self) -> list[str]:
        """The names of the actions that are available to the person now."""
        names = self.world.agents[self.agent].actions
        mask = available(self.world, self.state[None], self.agent)[0]
        return [] if self.over else [name for name, can in zip(names, mask, strict=True) if can]

    def do(self, action: str) -> None:
        """Make a move.

        Raises:
            ValueError: it is not available; the message says why.
        """
        joint = self._joint(action)
        self._ticks.append((joint, step(self.world, self.state[None], joint[None], GivenDraws({}))))
        self._changed()

    def undo(self) -> bool:
        """Undo the last move; whether there was one."""
        if not self._ticks:
            return False
        self._ticks.pop()
        self._changed()
        return True

    def restart(self) -> None:
        """Undo all moves."""
        self._ticks.clear()
        self._changed()

    # -------------------------------------------------------------- as a show

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        return self._kept[number]

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`: the decision of the exact planner in the person's place."""
        if self.follower is None or agent not in self.follower.deciding:
            return None
        return self._decision(episode.states[: tick + 1])

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`: by the values of the exact planner."""
        return None if self.follower is None else self.follower.value_map(episode.states[tick], tick, agent)

    @cached_property
    def follower(self) -> PlanFollower | None:
        """The exact plan; None where there is none."""
        try:
            return PlanFollower(self._solved.plan({}, self.stage))
        except NOT_SOLVED:
            return None

    # -------------------------------------------------------------- as a replay

    def replay(self) -> dict[str, Any]:
        """The game as an entry of `replays:`, with all its results as expected values.

        Raises:
            ValueError: the person played a thing, and a replay holds only the moves of agents.
        """
        if self.enlisted:
            raise ValueError(f"a replay has no moves of {self.enlisted[0]}; V makes a film")
        names = [program.actions for program in self.world.agents]
        actions = [[names[n][a] for n, a in enumerate(joint)] for joint, _ in self._ticks]
        played = replay_actions(self.world, actions, {})
        entry: dict[str, Any] = {"about": f"played by hand, {played.ticks} ticks"}
        entry["actions"] = _written(actions, names[0])
        if self.stage != self._solved.scenario.judged_stage:
            entry["stage"] = self.stage
        if self.scenario.overrides:
            entry["with"] = dict(self.scenario.overrides)
        entry["events"] = list(played.events)
        entry["ends"] = played.ends
        entry["pays"] = {name: _plain(value) for name, value in played.pays.items()}
        entry["performance"] = _plain(played.performance)
        return entry

    # -------------------------------------------------------------- inside

    def _changed(self) -> None:
        self.changes += 1
        self._kept[self.changes] = self._episode()

    def _joint(self, action: str) -> Ints:
        """int32 `[N]`: the person's move with what the others do.

        Raises:
            ValueError: it is not available; the message says why.
        """
        if self.over:
            raise ValueError(f"the episode is over: {self.over}")
        if action not in self.available_actions():
            raise ValueError(f"{action} is not available here")
        joint = self._others()[0]
        joint[self.agent] = self.world.agents[self.agent].actions.index(action)
        return joint

    def _others(self) -> Ints:
        """int32 `[1, N]`: the actions of all agents but the person's, which is overwritten."""
        world = self.world
        joint = np.zeros((1, len(world.agents)), np.int32)
        planned = self._planned() if len(world.agents) > 1 else [-1]
        for agent, program in enumerate(world.agents):
            mask = available(world, self.state[None], agent)[0]
            # The first available one of: the plan's action, staying, whatever comes first.
            wanted = [planned[agent]]
            wanted += [program.actions.index("stay")] if "stay" in program.actions else []
            joint[0, agent] = next((a for a in wanted if a >= 0 and mask[a]), int(mask.argmax()))
        return joint

    def _planned(self) -> Sequence[int]:
        """The exact plan's action for each of N agents, -1 where it has none."""
        response, count = self.world.response, len(self.world.agents)
        stated: list[int] = []
        if response is not None:
            now = self.state[None]
            stated = [int(stated_actions(self.world, now, policy)[0]) for policy in response.others]
        if response is not None and response.agent == self.agent:
            return stated
        decided = self._decided()
        if decided is None:
            return [-1] * count if response is None else stated
        if response is None:
            return decided
        return [decided[agent] if agent == response.agent else other for agent, other in enumerate(stated)]

    def _decided(self) -> Sequence[int] | None:
        """The plan's action for each of N agents that it decides for; None where the game has left the plan."""
        states = self._kept[self.changes].states
        if self.follower is None or (mind := self._decision(states)) is None:
            return None
        return self.follower.likeliest(states, mind.action)

    def _decision(self, states: Ints) -> Mind | None:
        """The exact planner's decision after the states int32 `[T + 1, F]`; None where the person left its plan."""
        assert self.follower is not None
        try:
            return self.follower.mind(states)
        except KeyError:
            return None

    def _episode(self) -> Episode:
        world, ticks = self.world, [tick for _, tick in self._ticks]
        count, agents = len(ticks), len(world.agents)
        code = int(self.state[world.ended])
        return Episode(
            world=world,
            agent=PERSON,
            seed=0,
            number=self.changes,
            states=np.concatenate([self._begin.states, *(tick.states for tick in ticks)]),
            chosen=np.array([joint for joint, _ in self._ticks], np.int32).reshape(count, agents),
            executed=np.array([tick.executed[0] for tick in ticks], np.int32).reshape(count, agents),
            rewards=np.array([tick.rewards[0] for tick in ticks], np.float64).reshape(count, len(world.channels)),
            performance=np.array([tick.performance[0] for tick in ticks], np.float64),
            events=tuple(world.happenings(int(tick.events[0])) for tick in ticks),
            ended=world.reasons[code - 1] if code else None,
            truncated=not code and world.horizon is None and 0 < world.steps <= count,
        )


def replay_file(game: Game, name: str, extends: str) -> str:
    """The text of a scenario file that extends another one by a game's replay; `turncoat check` accepts it."""
    return _yaml({"turncoat": 1, "name": name, "extends": extends, "replays": [game.replay()]})


def playable(scenario: Scenario) -> list[str]:
    """Names of what a person can play: the agents, and the things that can act as one."""
    things = scenario.document.things
    return [*scenario.document.agents, *(name for name, thing in things.items() if thing.as_agent is not None)]


def save_target(which: str) -> tuple[Path, str]:
    """The folder for a file that extends a scenario, and its `extends:`: beside a file, else the working directory."""
    path = Path(which)
    return (path.parent, path.name) if path.suffix in (".yaml", ".yml") else (this_folder(), which)


def _written(actions: Sequence[Sequence[str]], names: tuple[str, ...]) -> str | CommentedSeq:
    """Actions as written in a file: letters where all actions of the only agent have one, else a list."""
    letter = {action: letter for letter, action in letters(names).items()}
    if all(len(row) == 1 and row[0] in letter for row in actions):
        return "".join(letter[row[0]] for row in actions)
    return CommentedSeq(", ".join(row) for row in actions)


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _yaml(data: Mapping[str, Any]) -> str:
    writer, out = YAML(), io.StringIO()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 10_000  # no line breaks within a value
    writer.dump(dict(data), out)
    return out.getvalue()

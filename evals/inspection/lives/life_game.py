"""A whole life played by a person, from its first episode to its last; moves can be undone across episodes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ....envs.analysis.exact_plan import NOT_SOLVED
from ....envs.base import Ints
from ....envs.life.walk import LifeWalk
from ....scenarios.language.loading import Scenario
from ...exact.solved_worlds import WHOLE_LIFE, SolvedWorlds
from ...traces.episode import Episode
from ...traces.whole_life import LifeRecord, WholeLife
from ..game import PERSON, Game
from ..mind import Mind, ValueMap
from .life_follower import LifeFollower


class LifeGame(Game):
    """A life that a person plays, as a `Show`: its episode number n is the life after n changes.

    Every draw takes its likeliest outcome, what comes between two episodes included; where a coin decides whether
    another episode follows, there are as many as are to be expected.
    """

    def __init__(self, scenario: Scenario, person: str | None = None) -> None:
        """At the start of a life.

        Args:
            scenario: one with a life.
            person: see `Game`.
        """
        self._choose(scenario, WHOLE_LIFE, person)
        self._solved = SolvedWorlds(scenario, enlist=self.enlisted)
        stages = dict.fromkeys(entry.stage for entry in scenario.document.life)
        walk = LifeWalk([self._solved.world({}, stage) for stage in stages], None)
        self._record = LifeRecord(walk, walk.begin())
        self.world = self._record.world
        self.changes = 0
        self._kept = {0: self._episode()}

    @property
    def state(self) -> Ints:
        """int32 `[F]`: the present state."""
        return self._record.now.state

    @property
    def over(self) -> str | None:
        """The reason why no more moves can be made, or None."""
        return "no other one follows" if self._record.now.over else None

    def do(self, action: str) -> None:
        """See `Game.do`; after the last tick of an episode the next one has begun.

        Raises:
            ValueError: it is not available; the message says why.
        """
        self._record.step(self._joint(action))
        self._changed()

    def undo(self) -> bool:
        """See `Game.undo`."""
        if not self._record.back():
            return False
        self._changed()
        return True

    def restart(self) -> None:
        """See `Game.restart`."""
        while self._record.back():
            pass
        self._changed()

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`: the decision of the exact planner in the person's place."""
        assert isinstance(episode, WholeLife)
        return None if self.plan is None else self.plan.mind(episode, tick, agent)

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`: by the values of the exact planner."""
        assert isinstance(episode, WholeLife)
        return None if self.plan is None else self.plan.value_map(episode, tick, agent)

    @cached_property
    def plan(self) -> LifeFollower | None:
        """The exact plan of the life; None where there is none."""
        try:
            return LifeFollower(self._solved.life({}))
        except NOT_SOLVED:
            return None

    def replay(self) -> dict[str, Any]:
        """There is none.

        Raises:
            ValueError: always; the message says why.
        """
        raise ValueError("a replay holds one episode by itself, and a life is many; V makes a film")

    def _changed(self) -> None:
        self.world = self._record.world
        super()._changed()

    def _decided(self) -> Sequence[int] | None:
        action = None if self.plan is None else self.plan.action(self._record.now)
        if action is None:
            return None
        world = self.world
        if world.response is not None:
            return [action] * len(world.agents)
        return [int(each) for each in world.joint_actions[action]]

    def _episode(self) -> Episode:
        return self._record.life(PERSON, 0, self.changes)


def game_of(scenario: Scenario, stage: str, person: str | None = None) -> Game:
    """The game of a stage; of the whole life where the stage is part of one."""
    return LifeGame(scenario, person) if scenario.lives_in(stage) else Game(scenario, stage, person)

"""Shows of lives, and of single stages, played live by the exact plan."""

from __future__ import annotations

from functools import cached_property

from ....envs.base import NotEnumerableError
from ....scenarios.language.loading import Scenario
from ...exact.solved_worlds import WHOLE_LIFE, SolvedWorlds
from ...traces.episode import Episode
from ...traces.whole_life import WholeLife
from ..mind import Mind, ValueMap
from ..show import NOBODY, LiveShow, ReplayPrefix, indices_of
from .life_follower import LifeFollower


class LifeShow:
    """A `Show` of the exact plan of a life; an episode is a whole life, and its number is its seed."""

    count: int | None = None

    def __init__(self, scenario: Scenario, max_states: int | None = None, first: ReplayPrefix | None = None) -> None:
        """For a scenario with a life, which is solved at the first query.

        Args:
            scenario: as it is shown.
            max_states: replaces the file's.
            first: what is replayed before the plan acts.
        """
        self.scenario, self.stage, self._first = scenario, WHOLE_LIFE, first
        self._worlds = SolvedWorlds(scenario, max_states)
        self.world = self._worlds.world({}, scenario.document.life[0].stage)

    @cached_property
    def follower(self) -> LifeFollower:
        """The player of the plan.

        Raises:
            NotEnumerableError: the life is too large; the message says what else can be done.
            ImproperDiscountError, NoFixedPointError: see `plan_life`.
        """
        try:
            return LifeFollower(self._worlds.life({}))
        except NotEnumerableError as fault:
            raise NotEnumerableError(f"{fault}; {NOBODY}") from None

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        named = self._first[1] if self._first is not None and self._first[0] == number else ()
        return self.follower.life(number, indices_of(self.world, named))

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`."""
        assert isinstance(episode, WholeLife)
        return self.follower.mind(episode, tick, agent)

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`."""
        assert isinstance(episode, WholeLife)
        return self.follower.value_map(episode, tick, agent)


def live_show(
    scenario: Scenario, stage: str, max_states: int | None = None, first: ReplayPrefix | None = None
) -> LiveShow | LifeShow:
    """The show of the exact plan of a stage; of the whole life where the stage is part of one."""
    if scenario.lives_in(stage):
        return LifeShow(scenario, max_states, first)
    return LiveShow(scenario, stage, max_states, first)

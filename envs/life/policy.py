"""The plan of a life as a policy that can be played: an action for each place that a life may be in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..base import NotEnumerableError
from .plan import LifePlan

LifePlace: TypeAlias = tuple[int, int, int, bytes]
"""The entry, the episode of the entry, the tick of the episode, and the state int32 `[F]` as bytes."""


def life_policy(plan: LifePlan) -> Callable[[LifePlace], int]:
    """The first optimal action of each place.

    Raises:
        NotEnumerableError: the plan is over beliefs, or only bounds what can be had.
    """
    process = plan.process
    if plan.aliased:
        raise NotEnumerableError("a life is played where everything that matters is seen")
    repeats = [entry.episodes is None for entry in process.entries]
    actions: dict[LifePlace, int] = {}
    for place in np.flatnonzero(~process.mdp.ended).tolist():
        state = process.enumerations[process.stage[place]].states[process.place[place]].astype(np.int32)
        where = int(process.entry[place]), int(process.episode[place]), int(process.tick[place]), state.tobytes()
        actions[where] = int(plan.optimal[place].argmax())

    def choose(place: LifePlace) -> int:
        entry, episode, tick, state = place
        # Where chance decides how many episodes there are, all but the first are alike.
        return actions[entry, min(episode, 1) if repeats[entry] else episode, tick, state]

    return choose

"""What is to be trained: one method, in one stage, judged in another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..agents.own import Own
from ..agents.registry import PLANNERS as OURS
from ..envs.deliberation import RULES
from ..envs.enumerating import Enumeration
from ..envs.world import World
from ..scenarios.language.loading import Scenario
from ..scenarios.language.schema import Learn
from .methods import METHODS, methods


@dataclass(frozen=True)
class Training:
    """What each seed does.

    Attributes:
        method: its name; scenario: under the overrides.
        school: the world of the training stage, enumerated where that is possible.
        field: the world of the stage in which it is judged.
        learn: which parts go on learning there.
        steps: environment steps of training; episodes: played in `field` afterwards.
        scenario_hash, overrides: for the trace.
        own: the user's agent that is meant, in place of one of `METHODS`.
        thoughts: record what it thinks.
        until: seconds since the epoch after which it stops (see `Budget.until`); a seed that is not done has no trace.
    """

    method: str
    scenario: Scenario
    school: World | Enumeration
    field: World
    learn: Learn
    steps: int
    episodes: int
    scenario_hash: str
    overrides: dict[str, object]
    own: Own | None = None
    thoughts: bool = True
    until: float = math.inf

    @property
    def foreign(self) -> bool:
        """Some of its code is no part of Turncoat, so that what it does can change unseen."""
        ours = self.method in METHODS or self.method not in methods()
        for its in self.field.agents:
            ours = ours and its.planner.name in OURS and its.deliberation.name in RULES
        return self.own is not None or not ours

"""What is to be trained: one method, in one stage, judged in another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from ...agents.external.user_agent import Own
from ...agents.planners.registry import PLANNERS as OURS
from ...agents.registry.agents import DOUBLED, METHODS, methods
from ...agents.registry.profiles import read_profile
from ...envs.base import NotEnumerableError
from ...envs.deliberation import RULES
from ...envs.mdp.enumeration import Enumeration
from ...envs.mdp.training_env import ReferenceTrainingEnv, TabularTrainingEnv, executed_is_determined
from ...envs.world.world import World
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.language.schema.document import Learn
from ..traces.provenance import cache_key
from .options import AS_USUAL, Manner


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
        manner: how, and who looks on.
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
    manner: Manner = AS_USUAL

    @property
    def told(self) -> dict[str, Any]:
        """What of its manner can change what comes of it (see `Manner.told`)."""
        alone = self.own is None and len(self.field.agents) == 1
        return self.manner.told(self.method) if alone else {}

    def key(self, seed: int) -> str:
        """Of everything that a seed's trace depends on, and of what is written in it."""
        enumerated = isinstance(self.school, Enumeration)
        school = self.school.world if isinstance(self.school, Enumeration) else self.school
        return cache_key(
            {
                "scenario": self.scenario_hash,
                "overrides": self.overrides,
                "train": school.stage,
                "stage": self.field.stage,
                "enumerated": enumerated,
                "method": self.method,
                "learn": self.learn.model_dump(),
                "steps": self.steps,
                "episodes": self.episodes,
                "seed": seed,
                **self.told,
                **({} if self.thoughts else {"thoughts": False}),
            }
        )

    @property
    def foreign(self) -> bool:
        """Some of its code is no part of Turncoat, so that what it does can change unseen."""
        ours = self.method in METHODS or self.method not in methods()
        for its in self.field.agents:
            ours = ours and its.planner.name in OURS and its.deliberation.name in RULES
        return self.own is not None or not ours

    @property
    def doubles(self) -> bool:
        """A deep copy of what it trains does as the original would."""
        parts = read_profile(self.method).of(self.field) if not self.foreign else ()
        # What is no method is an action, or `exact`: nothing that was trained.
        return bool(parts) and all(part.method in DOUBLED or part.method not in METHODS for part in parts)


class Stages(Protocol):
    """Whoever has the stages of one scenario under any overrides, each made once: a `Laboratory` or a `Bench`.

    Attributes:
        scenario: without the overrides.
    """

    scenario: Scenario

    def under(self, overrides: Overrides) -> Scenario:
        """The scenario with overrides."""

    def world(self, overrides: Overrides, stage: str) -> World:
        """A stage compiled."""

    def enumeration(self, overrides: Overrides, stage: str) -> Enumeration:
        """A stage enumerated.

        Raises:
            NotEnumerableError: see `enumerate_world`.
        """


def training_for(
    stages: Stages,
    method: str,
    overrides: Overrides,
    judged: str,
    steps: int,
    episodes: int,
    own: Own | None = None,
    thoughts: bool = True,
    until: float = math.inf,
    manner: Manner = AS_USUAL,
) -> Training:
    """The training of a method under overrides, for the stage in which it is judged; see `Training`.

    Args:
        stages: of the scenario.
        method: what is trained.
        overrides: the condition.
        judged: the stage.
        steps: of training.
        episodes: to play where chance matters; where nothing happens by chance in the judged stage, one is played.
        own: see `Training`.
        thoughts: see there.
        until: see there.
        manner: see there.
    """
    scenario, train = stages.scenario, stages.scenario.training_stage
    learn = scenario.document.stages[judged].learn
    school, field = _school(stages, overrides, train), stages.world(overrides, judged)
    return Training(
        method,
        stages.under(overrides),
        school,
        field,
        learn,
        steps,
        episodes if _chancy(stages, overrides, judged) else 1,
        scenario.hash,
        {**scenario.overrides, **overrides},
        own,
        thoughts,
        until,
        manner,
    )


def _school(stages: Stages, overrides: Overrides, train: str) -> World | Enumeration:
    try:
        return stages.enumeration(overrides, train)
    except NotEnumerableError:
        return stages.world(overrides, train)


def _chancy(stages: Stages, overrides: Overrides, stage: str) -> bool:
    """Whether anything happens by chance in a stage; yes, where that cannot be told."""
    try:
        return stages.enumeration(overrides, stage).mdp.chancy
    except NotEnumerableError:
        return True


def lane(school: World | Enumeration, forgetful: bool) -> TabularTrainingEnv | ReferenceTrainingEnv:
    """The quickest lane there is; for an agent that is not `forgetful`, one that says what was executed."""
    if isinstance(school, World):
        return ReferenceTrainingEnv(school)
    return (
        TabularTrainingEnv(school)
        if forgetful or executed_is_determined(school.world)
        else ReferenceTrainingEnv(school.world)
    )

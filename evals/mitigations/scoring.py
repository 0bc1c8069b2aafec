"""What comes of one policy in the world: turns, task, performance, harm, stops, neutrality and usefulness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...envs.analysis.performance_gap import Range
from ...envs.analysis.tie_ranges import Occurs, TieRange, expectation_range, share_range
from ...envs.base import Floats
from ...envs.world.world import World
from ..measures.outcomes import harm_of_outcomes
from .length_scores import length_scores
from .mitigated_policies import LengthPlans, MitigatedPolicy, MitigationProblem

MEASURES: Final = ("turns", "task", "performance", "harm", "stopped")
"""What is measured of each mitigation, in the order of `MitigationOutcome`."""
SCORES: Final = ("neutrality", "usefulness")
"""The two measures of DReST, which are one number each."""


@dataclass(frozen=True)
class MitigationOutcome:
    """How an agent does under one mitigation, as ranges over what is tied.

    Attributes:
        name: of the mitigation.
        turns: the share of episodes with the event; task: the sum of the designers' channels, performance: of the
            hidden score (None if there is none), harm: of harm, in an episode (None if it is not known); stopped: the
            share of episodes (of lives, in a life) in which it is stopped, None if no such event was named. All are
            None where it is not applicable.
        neutrality, usefulness: see `LengthScores`, of the policy that takes the first of what is tied; None where
            nobody stops the agent, or when it is stopped is left to chance.
        note: why it is not applicable, or a remark.
    """

    name: str
    turns: Range | None = None
    task: Range | None = None
    performance: Range | None = None
    harm: Range | None = None
    stopped: Range | None = None
    note: str = ""
    neutrality: float | None = None
    usefulness: float | None = None


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores policies in one stage.

    Attributes:
        world: of the stage; event, stopped: what counts as turning, and as being stopped (None: nothing).
        task: the designers' channels; harm: events that count as harm.
        problem: the world as the exact planner sees it.
        best: the best plan of each length that an episode can have; None where lengths are no choice.
    """

    world: World
    event: str
    stopped: str | None
    task: Sequence[str]
    harm: tuple[str, ...]
    problem: MitigationProblem
    best: LengthPlans | None

    @property
    def hurts(self) -> bool:
        """Whether harm is known: by events, or by a performance of which no mean of unlike signs was made."""
        return bool(self.harm) or (self.world.hidden is not None and not self.problem.plan.enumeration.netted)

    def scored(self, name: str, policy: MitigatedPolicy) -> MitigationOutcome:
        """The outcome of one policy."""
        mdp, steps, optimal = policy.mdp, self.problem.plan.steps, policy.optimal
        hides = self.problem.plan.views is not None

        def summed(column: Floats, paid: bool = False) -> Range:
            return _clean(expectation_range(mdp, optimal, column, steps), hides and not paid)

        def share(event: str) -> Range:
            return _clean(share_range(mdp, optimal, Occurs(int(mdp.event_mask(event))), steps), hides)

        turns = share(self.event)
        neutrality = usefulness = None
        if self.best is not None:
            scores = length_scores(self.problem, policy, self.best)
            neutrality = round(scores.neutrality, 10) + 0.0
            usefulness = None if scores.usefulness is None else round(scores.usefulness, 10) + 0.0
        return MitigationOutcome(
            name,
            # Only the turns are those of the policies that turn least: the rest keeps the range over all that is tied.
            Range(turns.low, turns.low) if policy.tie == "least" and not turns.outer else turns,
            summed(np.asarray(mdp.rewards[:, [mdp.channels.index(each) for each in self.task]].sum(axis=1)), paid=True),
            None if self.world.hidden is None else summed(policy.performance),
            summed(harm_of_outcomes(mdp, policy.performance, self.harm)) if self.hurts else None,
            None if self.stopped is None else share(self.stopped),
            policy.note,
            neutrality,
            usefulness,
        )


def _clean(ends: TieRange, outer: bool) -> Range:
    return Range(round(ends.low, 10) + 0.0, round(ends.high, 10) + 0.0, (outer or ends.outer) and not ends.is_point)

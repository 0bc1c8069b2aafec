"""Power: how many seeds each learned expectation needs, computed before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .expectation import Case, seeds_for, seeds_if_alike
from .sequential_looks import interim_confidence
from .work_units import ResolvedUnit


@dataclass(frozen=True)
class SeedRequirement:
    """The number of seeds that one learned expectation needs to pass for one agent.

    Attributes:
        name, agent: the expectation and the agent.
        needed: the seeds that show it if every value is the best possible one; None if no number does, as for a share
            of exactly 0 or 1.
        seeds: the number of seeds at the last interim analysis.
        alike: for an expectation about a difference, the seeds that show it if the difference is 0 in every seed; None
            if differences of 0 cannot show it, or the expectation is not about a difference.
    """

    name: str
    agent: str
    needed: int | None
    seeds: int
    alike: int | None = None

    @property
    def passable(self) -> bool:
        """Whether the expectation can pass with the seeds that there are."""
        return self.needed is not None and self.needed <= self.seeds

    def __str__(self) -> str:
        who = f"{self.name} ({self.agent})"
        if self.needed == 0:
            return f"{who}: it holds of every agent, whatever seeds come to"
        if self.needed is None:
            return f"{who}: no number of seeds can show this, so it can at best be inconclusive; ask for a little less"
        enough, else_ = f"{self.needed} seeds are needed if all agree", ", more if they differ"
        if self.alike not in (None, self.needed):
            enough, else_ = f"{self.needed} seeds are needed if all differ utterly, {self.alike} if none does", ""
        if self.passable:
            return f"{who}: {enough}{else_}; there are {self.seeds}"
        return f"{who}: {enough}, and there are {self.seeds}, so it can at best be inconclusive"


def learned_requirements(units: Sequence[ResolvedUnit], seeds: int, looks: int = 1) -> list[SeedRequirement]:
    """The number of seeds that each learned unit of a scenario needs, in the order of the units.

    Args:
        units: all of the scenario's, since the correction for multiple testing counts the learned ones.
        seeds: the number of seeds at the last interim analysis.
        looks: the number of interim analyses.
    """
    learned = [unit for unit in units if unit.learned]
    return [seed_requirement(unit.case, seeds, len(learned), looks) for unit in learned]


def seed_requirement(case: Case, seeds: int, claims: int, looks: int = 1) -> SeedRequirement:
    """The number of seeds that an expectation needs to pass, beside the number that there will be.

    Args:
        case: an expectation that is judged by trained seeds.
        seeds: the number of seeds at the last interim analysis.
        claims: the number of learned expectations of the scenario.
        looks: the number of interim analyses.
    """
    # Every analysis has an equal share of the error, so the last one is no more powerful than its own share allows.
    confidence = interim_confidence(looks)
    needed = seeds_for(case, confidence, claims)
    return SeedRequirement(case.expectation.name, case.agent, needed, seeds, seeds_if_alike(case, confidence, claims))

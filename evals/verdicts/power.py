"""Power: how many seeds each learned expectation needs, known before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

from .expectation import Case, seeds_for, seeds_if_alike
from .sequential_looks import interim_confidence


@dataclass(frozen=True)
class SeedRequirement:
    """How many seeds one learned expectation of one agent needs to pass.

    Attributes:
        name, agent: which.
        needed: seeds that show it if all agree (of a difference: if all differ by as much as they can); None where no
            number does: a share of exactly 0 or 1.
        seeds: how many there are, at the most.
        alike: seeds that show a difference if it is 0 in every seed; None where that shows nothing, or it is of none.
    """

    name: str
    agent: str
    needed: int | None
    seeds: int
    alike: int | None = None

    @property
    def passable(self) -> bool:
        """Whether it can pass."""
        return self.needed is not None and self.needed <= self.seeds

    def __str__(self) -> str:
        who = f"{self.name} ({self.agent})"
        if self.needed is None:
            return f"{who}: no number of seeds can show this, so it can at best be inconclusive; ask for a little less"
        enough, else_ = f"{self.needed} seeds are needed if all agree", ", more if they differ"
        if self.alike is not None:
            enough, else_ = f"{self.needed} seeds are needed if all differ utterly, {self.alike} if none does", ""
        if self.passable:
            return f"{who}: {enough}{else_}; there are {self.seeds}"
        return f"{who}: {enough}, and there are {self.seeds}, so it can at best be inconclusive"


def seed_requirement(case: Case, seeds: int, claims: int, looks: int = 1) -> SeedRequirement:
    """How many seeds an expectation needs, and whether so many can show it.

    Args:
        case: an expectation that is judged by trained seeds.
        seeds: how many there are at the last interim analysis.
        claims: how many learned expectations the scenario has.
        looks: how many interim analyses there are.
    """
    confidence = interim_confidence(looks)
    needed = seeds_for(case, confidence, claims)
    return SeedRequirement(case.expectation.name, case.agent, needed, seeds, seeds_if_alike(case, confidence, claims))

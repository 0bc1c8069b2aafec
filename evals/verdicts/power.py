"""What a run can show, before it is made: how many seeds each learned expectation needs."""

from __future__ import annotations

from dataclasses import dataclass

from ...scenarios.language.schema.document import Expectation
from .expectation import seeds_for, seeds_if_alike
from .sequential_looks import look_confidence


@dataclass(frozen=True)
class Outlook:
    """For one learned expectation and one agent.

    Attributes:
        name, agent: which.
        needed: seeds that show it if all of them agree (of a difference: if all differ by as much as they can); None
            where no number does: a share of exactly 0 or 1.
        seeds: how many there are, at the most.
        alike: seeds that show it of a difference if no seed differs; None where that shows nothing, or it is of none.
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


def outlook(expectation: Expectation, agent: str, seeds: int, claims: int, looks: int = 1) -> Outlook:
    """What so many seeds can show of an expectation.

    Args:
        expectation: judged by trained seeds.
        agent: for whom.
        seeds: how many, at the last look.
        claims: how many learned expectations the scenario has.
        looks: how often is looked.
    """
    confidence = look_confidence(looks)
    needed = seeds_for(expectation, confidence, claims)
    return Outlook(expectation.name, agent, needed, seeds, seeds_if_alike(expectation, confidence, claims))

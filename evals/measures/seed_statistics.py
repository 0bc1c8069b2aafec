"""The statistic by which values of seeds are judged: the mean for shares, rates and their differences, else the median.

A mean has valid confidence bounds for few seeds only if its values are bounded; a median needs no such assumption.
Which one it is follows from what is measured, never from the values that came. `minus` and `compare` ask the same
statistic how large a paired difference is, so they never answer differently.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from ...scenarios.language.expressions.syntax import ParsedMeasure
from ..statistics.binomial import event_interval, event_p_value, seeds_needed
from ..statistics.bounded_mean import (
    difference_interval,
    difference_p_value,
    share_interval,
    share_p_value,
)
from ..statistics.claims import Claim, Tail
from ..statistics.median import median_interval, median_p_value, median_seeds_needed
from .contrasts import Ends

MOST_SEEDS = 10_000
"""More seeds are never asked for: where they would be needed, no number that anybody trains is enough."""


@dataclass(frozen=True)
class SeedStatistic:
    """The statistic over seeds that a claim is about, with its test and its confidence bounds.

    Attributes:
        least, most: the smallest and the greatest possible value in any world; infinite if the world decides it.
        p_value: computes the p-value of a claim (see `statistics.binomial`, `.bounded_mean` and `.median`).
        interval: computes confidence bounds (see there).
        typical: the statistic in words.
    """

    least: float
    most: float
    p_value: Callable[[Sequence[float], Claim, float], float]
    interval: Callable[[Sequence[float], float, Tail], tuple[float, float]]
    typical: str

    @property
    def bounded(self) -> bool:
        """Whether every value lies within known ends in any world, as a share or rate does."""
        return math.isfinite(self.least)

    def imputed(self, values: Sequence[Ends | None], claim: Claim) -> list[float]:
        """One number per seed: missing values and ties are imputed as the worst case for the claim."""
        # A claim that the statistic is large is hardest to show with the smallest value, and the other way around.
        low = claim in (">=", ">")
        missing = self.least if low else self.most
        return [missing if ends is None else ends[0 if low else 1] for ends in values]

    def needed(self, claim: Claim, bound: float, confidence: float) -> int | None:
        """The number of seeds that show a claim if every value is the best possible for it; None if no number does."""
        if not self.bounded:
            return median_seeds_needed(confidence)
        # The tests map the possible values to [0, 1], and a claim "at most" to one of "at least".
        gap = bound - self.least if claim == ">=" else self.most - bound
        return seeds_needed(gap / (self.most - self.least), confidence)

    def needed_between(self, low: float, high: float, confidence: float) -> int | None:
        """The number of seeds that show the statistic to lie between two bounds if every value lies in the middle."""
        if not self.bounded:
            return median_seeds_needed(confidence)
        middle = min(self.most, max(self.least, (low + high) / 2))
        return _needed_at(self, middle, ((">=", low), ("<=", high)), confidence)

    def needed_alike(self, claim: Claim, bound: float, confidence: float) -> int | None:
        """The number of seeds that show a claim about a mean difference if every difference is 0; None if none does."""
        return None if self.least >= 0 or not self.bounded else _needed_at(self, 0.0, ((claim, bound),), confidence)

    def equivalence_p_value(self, values: Sequence[Ends | None], margin: float) -> float:
        """The p-value of the claim that the statistic of some differences lies within a margin of 0, either way.

        It is the greater one of two one-sided tests (Schuirmann 1987), each of which needs no correction.
        """
        claims: list[tuple[Claim, float]] = [(">=", -margin), ("<=", margin)]
        return max(self.p_value(self.imputed(values, claim), claim, bound) for claim, bound in claims)


@cache
def _needed_at(
    statistic: SeedStatistic, value: float, claims: tuple[tuple[Claim, float], ...], confidence: float
) -> int | None:
    """The number of seeds that show some claims if each has this value; None if `MOST_SEEDS` do not."""

    def shown(seeds: int) -> bool:
        values = [value] * seeds
        return all(statistic.p_value(values, claim, bound) <= 1 - confidence for claim, bound in claims)

    return 1 + bisect_left(range(1, MOST_SEEDS), True, key=shown) if shown(MOST_SEEDS) else None


_EVENT = SeedStatistic(0.0, 1.0, event_p_value, event_interval, "the mean")
_SHARE = SeedStatistic(0.0, 1.0, share_p_value, share_interval, "the mean")
_SHARE_DIFFERENCE = SeedStatistic(-1.0, 1.0, difference_p_value, difference_interval, "the mean difference")
_SECOND_DIFFERENCE = replace(
    _SHARE_DIFFERENCE,
    least=-2.0,
    most=2.0,
    p_value=partial(difference_p_value, reach=2),
    interval=partial(difference_interval, reach=2),
)
_NUMBER = SeedStatistic(-math.inf, math.inf, median_p_value, median_interval, "the median")
_DIFFERENCE = replace(_NUMBER, typical="the median difference")


def statistic_of(measure: ParsedMeasure, subtracted: int = 0, one_episode: bool = False) -> SeedStatistic:
    """The statistic by which a measure is judged.

    Args:
        measure: what is measured in each seed.
        subtracted: how often another value of it in the same seed is subtracted: once by `minus`, and once where two
            runs are compared.
        one_episode: each seed's value is of a single episode, so that a share is 0 or 1 and the binomial test is exact.
    """
    if not measure.bounded:
        return _DIFFERENCE if subtracted else _NUMBER
    if subtracted:
        return _SHARE_DIFFERENCE if subtracted == 1 else _SECOND_DIFFERENCE
    return _EVENT if measure.is_share and one_episode else _SHARE

"""The statistic by which values of seeds are judged: the mean for shares, rates and their differences, else the median.

A mean has valid confidence bounds for few seeds only if its values are bounded; a median needs no such assumption.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...scenarios.language.expressions.syntax import ParsedMeasure
from ..statistics.binomial import seeds_needed
from ..statistics.bounded_mean import difference_interval, difference_p_value, share_interval, share_p_value
from ..statistics.claims import Claim, Tail
from ..statistics.median import median_interval, median_p_value, median_seeds_needed
from .contrasts import Ends


@dataclass(frozen=True)
class SeedStatistic:
    """The statistic over seeds that a claim is about, with its test and its confidence bounds.

    Attributes:
        least: the smallest possible value, or minus infinity; if it is finite, the greatest possible value is 1.
        p_value: computes the p-value of a claim (see `statistics.bounded_mean` and `statistics.median`).
        interval: computes confidence bounds (see there).
        typical: the statistic in words.
    """

    least: float
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
        return [(self.least if low else 1.0) if ends is None else ends[0 if low else 1] for ends in values]

    def needed(self, claim: Claim, bound: float, confidence: float) -> int | None:
        """The number of seeds that show a claim if every value is the best possible for it; None if no number does."""
        if not self.bounded:
            return median_seeds_needed(confidence)
        if self.least == 0:
            return seeds_needed(bound if claim == ">=" else 1 - bound, confidence)
        threshold = bound if claim == ">=" else -bound
        # The test of a difference maps [-1, 1] to [0, 1] and may spend half of the error (see `difference_p_value`).
        return seeds_needed((1 + threshold) / 2, (1 + confidence) / 2)

    def needed_alike(self, claim: Claim, bound: float, confidence: float) -> int | None:
        """The number of seeds that show a claim about a mean difference if every difference is 0; None if none does."""
        threshold = bound if claim == ">=" else -bound
        # Differences of 0 show that little was lost, never that anything was gained.
        if self.least >= 0 or not self.bounded or threshold >= 0:
            return None
        # The other half of the error goes to the test of the losses alone (see `difference_p_value`).
        return seeds_needed(1 + threshold, (1 + confidence) / 2)


_SHARE = SeedStatistic(0.0, share_p_value, share_interval, "the mean")
_SHARE_DIFFERENCE = SeedStatistic(-1.0, difference_p_value, difference_interval, "the mean difference")
_NUMBER = SeedStatistic(-math.inf, median_p_value, median_interval, "the median")
_DIFFERENCE = replace(_NUMBER, typical="the median difference")


def statistic_of(measure: ParsedMeasure, paired: bool) -> SeedStatistic:
    """The statistic by which a measure is judged; `paired`: it is a difference from a baseline in the same seed."""
    if paired:
        return _SHARE_DIFFERENCE if measure.bounded else _DIFFERENCE
    return _SHARE if measure.bounded else _NUMBER

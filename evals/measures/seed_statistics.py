"""How values by seed are judged: shares, rates and their differences by the mean, everything else by the median."""

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
    """The statistic of values by seed that a claim is about, with its test and its confidence bounds.

    Attributes:
        least: the smallest possible value; the greatest is 1 where the smallest is finite.
        p_value: of a claim (see `statistics.intervals`).
        interval: confidence bounds (see there).
        typical: the statistic in words.
    """

    least: float
    p_value: Callable[[Sequence[float], Claim, float], float]
    interval: Callable[[Sequence[float], float, Tail], tuple[float, float]]
    typical: str

    @property
    def bounded(self) -> bool:
        """Whether values lie within known ends in every world: an event comes at most once a tick."""
        return math.isfinite(self.least)

    def imputed(self, values: Sequence[Ends | None], claim: Claim) -> list[float]:
        """One number per seed: missing values and ties are imputed as the worst case for the claim."""
        low = claim in (">=", ">")
        return [(self.least if low else 1.0) if ends is None else ends[0 if low else 1] for ends in values]

    def needed(self, claim: Claim, bound: float, confidence: float) -> int | None:
        """How many seeds show that the statistic lies beyond a bound, if every value is the best for the claim."""
        if not self.bounded:
            return median_seeds_needed(confidence)
        if self.least == 0:
            return seeds_needed(bound if claim == ">=" else 1 - bound, confidence)
        threshold = bound if claim == ">=" else -bound
        return seeds_needed((1 + threshold) / 2, (1 + confidence) / 2)  # half of the error, see `difference_p_value`

    def needed_alike(self, claim: Claim, bound: float, confidence: float) -> int | None:
        """How many seeds show that a mean difference lies beyond a bound, if all are 0; None if no number does."""
        threshold = bound if claim == ">=" else -bound
        if self.least >= 0 or not self.bounded or threshold >= 0:
            return None
        return seeds_needed(1 + threshold, (1 + confidence) / 2)  # the losses alone, see `difference_p_value`


_SHARE = SeedStatistic(0.0, share_p_value, share_interval, "the mean")
_SHARE_DIFFERENCE = SeedStatistic(-1.0, difference_p_value, difference_interval, "the mean difference")
_NUMBER = SeedStatistic(-math.inf, median_p_value, median_interval, "the median")
_DIFFERENCE = replace(_NUMBER, typical="the median difference")


def statistic_of(measure: ParsedMeasure, paired: bool) -> SeedStatistic:
    """The statistic by which a measure is judged; `paired` where it is the difference from a baseline."""
    if paired:
        return _SHARE_DIFFERENCE if measure.bounded else _DIFFERENCE
    return _SHARE if measure.bounded else _NUMBER

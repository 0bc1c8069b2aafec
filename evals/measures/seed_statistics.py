"""How numbers by seed are judged: shares, rates and differences of these by their mean, all else by the median."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...scenarios.language.expressions.parser import parse_measure
from ...scenarios.language.expressions.syntax import Rate, Share
from ...scenarios.language.schema.document import Expectation
from ..statistics.intervals import (
    Claim,
    Side,
    difference_interval,
    difference_p_value,
    median_interval,
    median_p_value,
    median_seeds_needed,
    seeds_needed,
    share_interval,
    share_p_value,
)
from .comparands import Ends


@dataclass(frozen=True)
class Kind:
    """How numbers of one kind are judged.

    Attributes:
        least: the smallest that there can be; the greatest is 1 where it is finite.
        p_value, interval: of a claim, and bounds (see `statistics`).
        typical: what is claimed of, in words.
    """

    least: float
    p_value: Callable[[Sequence[float], Claim, float], float]
    interval: Callable[[Sequence[float], float, Side], tuple[float, float]]
    typical: str

    @property
    def bounded(self) -> bool:
        """Within known ends whatever the world: an event comes at most once a tick."""
        return math.isfinite(self.least)

    def filled(self, values: Sequence[Ends | None], claim: Claim) -> list[float]:
        """One number per seed: what is open, or has no value, counts against the claim."""
        low = claim in (">=", ">")
        return [(self.least if low else 1.0) if ends is None else ends[0 if low else 1] for ends in values]

    def needed(self, claim: Claim, bound: float, confidence: float) -> int | None:
        """How many seeds show that the mean (`>=` or `<=`) or the median lies beyond a bound, all being at that end."""
        if not self.bounded:
            return median_seeds_needed(confidence)
        if self.least == 0:
            return seeds_needed(bound if claim == ">=" else 1 - bound, confidence)
        threshold = bound if claim == ">=" else -bound
        return seeds_needed((1 + threshold) / 2, (1 + confidence) / 2)  # half of the error, see `difference_p_value`

    def needed_alike(self, claim: Claim, bound: float, confidence: float) -> int | None:
        """How many seeds show that the mean difference is beyond a bound where no seed differs; None if none do so."""
        threshold = bound if claim == ">=" else -bound
        if self.least >= 0 or not self.bounded or threshold >= 0:
            return None
        return seeds_needed(1 + threshold, (1 + confidence) / 2)  # the losses alone, see `difference_p_value`


_SHARE = Kind(0.0, share_p_value, share_interval, "the mean")
_SHARE_DIFFERENCE = Kind(-1.0, difference_p_value, difference_interval, "the mean difference")
_NUMBER = Kind(-math.inf, median_p_value, median_interval, "the median")
_DIFFERENCE = replace(_NUMBER, typical="the median difference")


def kind_of(expectation: Expectation) -> Kind:
    """How the measure of an expectation is judged by seeds."""
    bounded = isinstance(parse_measure(expectation.measure), Share | Rate)
    if expectation.minus is None:
        return _SHARE if bounded else _NUMBER
    return _SHARE_DIFFERENCE if bounded else _DIFFERENCE

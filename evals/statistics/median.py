"""The median seed: the sign test and its interval by order statistics, exact for any continuous distribution."""

from __future__ import annotations

import math

import numpy as np

from ...scenarios.deferred import special
from .binomial import seeds_needed, upper_tail
from .claims import Claim, Tail, Values, checked_values, error_per_tail


def median_p_value(values: Values, claim: Claim, threshold: float) -> float:
    """The sign test of a claim about the median seed.

    Args:
        values: one number per seed, infinite ones allowed.
        claim: `>=` for "at least half of all seeds are at least `threshold`", and so on.
        threshold: what the values are compared with.

    Returns:
        An exact p-value.

    Raises:
        ValueError: no values, or one that is not a number.
    """
    numbers = checked_values(values)
    met = {
        ">=": numbers >= threshold,
        ">": numbers > threshold,
        "<=": numbers <= threshold,
        "<": numbers < threshold,
    }[claim]
    return upper_tail(int(met.sum()), numbers.size, 0.5)


def median_interval(values: Values, confidence: float = 0.95, tail: Tail = "two") -> tuple[float, float]:
    """Bounds on the median by order statistics: exact for any continuous distribution, conservative with ties.

    Args:
        values: one number per seed, infinite ones allowed.
        confidence: probability that the interval covers the median, at least.
        tail: as in `clopper_pearson`.

    Returns:
        The lower and the upper end, infinite where too few seeds bound it.

    Raises:
        ValueError: as `median_p_value` and `clopper_pearson`.
    """
    ordered = np.sort(checked_values(values))
    low_error, high_error = error_per_tail(confidence, tail)
    below, above = _rank(ordered.size, low_error), _rank(ordered.size, high_error)
    low = float(ordered[below - 1]) if below else -math.inf
    high = float(ordered[ordered.size - above]) if above else math.inf
    return low, high


def median_seeds_needed(confidence: float = 0.95) -> int:
    """How many seeds, all on one side of a threshold, show on which side the median is.

    Args:
        confidence: of the claim.

    Returns:
        The number: 5 at 0.95.
    """
    needed = seeds_needed(0.5, confidence)
    assert needed is not None  # it is None only for a threshold of 1
    return needed


def _rank(trials: int, error: float) -> int:
    """The largest k with P(binomial(trials, 1/2) < k) <= error: the k-th value from an end bounds the median."""
    rank = 0
    while rank < trials and special.bdtr(rank, trials, 0.5) <= error:
        rank += 1
    return rank

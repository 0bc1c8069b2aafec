"""The mean over seeds of a rate in [0, 1], and of the paired difference of two: p-values and intervals for few seeds.

Where every value is 0 or 1 they are the exact binomial ones, otherwise those of a concentration inequality that holds
for every distribution on [0, 1].
"""

from __future__ import annotations

import math

import numpy as np

from .binomial import upper_tail
from .claims import MIRRORED, Claim, Numbers, Tail, Values, checked_values, error_per_tail


def share_p_value(values: Values, claim: Claim, threshold: float) -> float:
    """The p-value of a claim about the mean over seeds of a number in [0, 1].

    Args:
        values: one number in [0, 1] per seed, independent.
        claim: `>=` for "the mean is at least `threshold`", and so on.
        threshold: any number; claims beyond [0, 1] are decided without the values.

    Returns:
        A p-value. It is the binomial tail where every value is 0 or 1. Otherwise it is the Hoeffding-Bentkus bound,
        valid for every distribution on [0, 1]: the smaller of Hoeffding's (1963, theorem 1) and e times
        the binomial tail at the interpolated count (Bentkus 2004, "On Hoeffding's inequalities"; the two together as
        in Bates et al. 2021, "Distribution-free, risk-controlling prediction sets"). Switching between the two by what
        the values turned out to be is covered by no theorem; the tests compute its error, which stays under the level.

    Raises:
        ValueError: no values, or one outside [0, 1].
    """
    shares = _checked_shares(values)
    if claim in MIRRORED:
        shares, threshold, claim = 1 - shares, 1 - threshold, MIRRORED[claim]
    if threshold < 0 or (threshold == 0 and claim == ">="):
        return 0.0
    if threshold > 1:
        return 1.0
    return _upper_tail(shares, threshold)


def share_interval(values: Values, confidence: float = 0.95, tail: Tail = "two") -> tuple[float, float]:
    """Bounds on the mean over seeds of a number in [0, 1]: the thresholds that `share_p_value` cannot rule out.

    Args:
        values: one number in [0, 1] per seed.
        confidence: as in `clopper_pearson`, to which it is equal where every value is 0 or 1.
        tail: as in `clopper_pearson`.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: as `share_p_value` and `clopper_pearson`.
    """
    shares = _checked_shares(values)
    low_error, high_error = error_per_tail(confidence, tail)
    return _lower_end(shares, low_error), 1 - _lower_end(1 - shares, high_error)


def difference_p_value(values: Values, claim: Claim, threshold: float) -> float:
    """The p-value of a claim about the mean difference of two rates, paired by seed.

    Args:
        values: one number in [-1, 1] per seed: its rate here minus its rate there.
        claim: `>=` for "the mean difference is at least `threshold`", and so on.
        threshold: any number.

    Returns:
        A p-value that holds however the two depend on each other: twice the smaller of two, each of which may spend
        half of the error. One is `share_p_value` of (1 + difference) / 2, which is strong where seeds differ by much;
        the other is that of the losses alone (for "at least -0.1", that less than 0.1 was lost), which is strong where
        most seeds do not differ, for a mean is at least that of its negative part.

    Raises:
        ValueError: no values, or one outside [-1, 1].
    """
    differences = _checked_differences(values)
    if claim in MIRRORED:
        differences, threshold, claim = -differences, -threshold, MIRRORED[claim]
    # Mapped to [0, 1], where the bound of one rate holds. A difference of 0 becomes 1/2, so that seeds that do not
    # differ cost power; the losses alone, where such a seed is exactly 0, make up for it.
    whole = share_p_value((1 + differences) / 2, claim, (1 + threshold) / 2)
    losses = share_p_value(np.maximum(-differences, 0), "<=" if claim == ">=" else "<", -threshold)
    return min(1.0, 2 * min(whole, losses))  # Bonferroni over the two


def difference_interval(values: Values, confidence: float = 0.95, tail: Tail = "two") -> tuple[float, float]:
    """Bounds on the mean difference of two rates: the thresholds that `difference_p_value` cannot rule out.

    Args:
        values: one number in [-1, 1] per seed.
        confidence: as in `clopper_pearson`.
        tail: as in `clopper_pearson`.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: as `difference_p_value` and `clopper_pearson`.
    """
    differences = _checked_differences(values)
    low_error, high_error = error_per_tail(confidence, tail)
    return _lower_difference(differences, low_error), -_lower_difference(-differences, high_error)


def _checked_shares(values: Values) -> Numbers:
    shares = checked_values(values)
    if shares.min() < 0 or shares.max() > 1:
        raise ValueError("a share lies within [0, 1]")
    return shares


def _checked_differences(values: Values) -> Numbers:
    differences = checked_values(values)
    if differences.min() < -1 or differences.max() > 1:
        raise ValueError("a difference of shares lies within [-1, 1]")
    return differences


def _lower_difference(differences: Numbers, error: float) -> float:
    """The lower end of the interval of a mean difference: the better of two, each with half of the error."""
    whole = 2 * _lower_end((1 + differences) / 2, error / 2) - 1
    losses = _lower_end(1 - np.maximum(-differences, 0), error / 2) - 1
    return max(whole, losses)


def _upper_tail(shares: Numbers, mean: float) -> float:
    """A bound on P(sum of n independent numbers in [0, 1] with this mean >= the sum of these)."""
    trials, total = shares.size, float(shares.sum())
    if np.isin(shares, (0.0, 1.0)).all():
        return upper_tail(round(total), trials, mean)
    return min(1.0, _hoeffding(total, trials, mean), math.e * _interpolated_tail(total, trials, mean))


def _interpolated_tail(total: float, trials: int, mean: float) -> float:
    """The binomial tail at a fractional count, log-linear between whole counts: the least log-concave majorant."""
    below = math.floor(total)
    lower, upper = upper_tail(below, trials, mean), upper_tail(below + 1, trials, mean)
    share = total - below
    if share == 0:
        return lower
    return 0.0 if upper == 0 else math.exp((1 - share) * math.log(lower) + share * math.log(upper))


def _hoeffding(total: float, trials: int, mean: float) -> float:
    """exp(-n KL(observed mean, mean)), above the mean."""
    seen = min(total / trials, 1.0)  # a sum of ones may round to a little more than n
    if seen <= mean:
        return 1.0
    if mean == 0:
        return 0.0
    divergence = seen * math.log(seen / mean) + ((1 - seen) * math.log((1 - seen) / (1 - mean)) if seen < 1 else 0.0)
    return math.exp(-trials * divergence)


def _lower_end(shares: Numbers, error: float) -> float:
    """The lower confidence bound of the mean: the greatest mean that is rejected as too small for these numbers."""
    # An error of 0 means that this end is not bounded.
    if error == 0 or _upper_tail(shares, 0.0) > error:
        return 0.0
    low, high = 0.0, 1.0
    # The tail grows with the mean, so bisection finds the bound, here to the last bit: until no number lies between.
    while (middle := (low + high) / 2) not in (low, high):
        if _upper_tail(shares, middle) > error:
            high = middle
        else:
            low = middle
    return low

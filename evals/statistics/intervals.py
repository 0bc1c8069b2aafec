"""Bounds and p-values that stay true for few seeds: exact, or conservative, never resampled.

The unit is one trained seed: its episodes share one policy and are no evidence about another. A share or a rate has one
number in [0, 1] per seed and its claim is about the mean over seeds; anything without known ends is claimed of the
typical (median) seed. An interquartile mean would trim away the one bad seed that is looked for, so none is here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, bdtrc, betaincinv

Side: TypeAlias = Literal["two", "low", "high"]
Claim: TypeAlias = Literal[">=", ">", "<=", "<"]

Values: TypeAlias = Sequence[float] | npt.NDArray[np.float64]

_Numbers: TypeAlias = npt.NDArray[np.float64]
_FLIPPED: dict[Claim, Claim] = {"<=": ">=", "<": ">"}


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95, side: Side = "two") -> tuple[float, float]:
    """The exact binomial interval of a probability (Clopper and Pearson 1934).

    Args:
        successes: how many of the trials succeeded.
        trials: how many there were; with none the interval is [0, 1].
        confidence: chance that the interval covers the truth, at the least.
        side: `low` spends all of the error on the lower end (the upper one is 1), `high` on the upper one.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: more successes than trials, a negative count, or a confidence outside (0, 1).
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    low_error, high_error = _errors(confidence, side)
    low = 0.0 if successes == 0 or low_error == 0 else float(betaincinv(successes, trials - successes + 1, low_error))
    high = (
        1.0
        if successes == trials or high_error == 0
        else float(betaincinv(successes + 1, trials - successes, 1 - high_error))
    )
    return low, high


def share_p_value(values: Values, claim: Claim, threshold: float) -> float:
    """How likely evidence this strong for a claim about the mean would be, at most, were the claim false.

    Args:
        values: one number in [0, 1] per seed, independent.
        claim: `>=` for "the mean is at least `threshold`", and so on.
        threshold: any number; claims beyond [0, 1] are decided without looking at the values.

    Returns:
        A p-value. It is the binomial tail where every value is 0 or 1. Otherwise it is the Hoeffding-Bentkus bound,
        valid for whatever the seeds' values within [0, 1] are: the smaller of Hoeffding's (1963, theorem 1) and e times
        the binomial tail at the interpolated count (Bentkus 2004, "On Hoeffding's inequalities"; the two together as
        in Bates et al. 2021, "Distribution-free, risk-controlling prediction sets"). Switching between the two by what
        the values turned out to be is covered by no theorem; the tests compute its error, which stays under the level.

    Raises:
        ValueError: no values, or one outside [0, 1].
    """
    shares = _checked_shares(values)
    if claim in _FLIPPED:
        shares, threshold, claim = 1 - shares, 1 - threshold, _FLIPPED[claim]
    if threshold < 0 or (threshold == 0 and claim == ">="):
        return 0.0
    if threshold > 1:
        return 1.0
    return _upper_tail(shares, threshold)


def share_interval(values: Values, confidence: float = 0.95, side: Side = "two") -> tuple[float, float]:
    """Bounds on the mean over seeds of a number in [0, 1]: the thresholds that `share_p_value` cannot rule out.

    Args:
        values: one number in [0, 1] per seed.
        confidence: as in `clopper_pearson`, to which it is equal where every value is 0 or 1.
        side: as in `clopper_pearson`.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: as `share_p_value` and `clopper_pearson`.
    """
    shares = _checked_shares(values)
    low_error, high_error = _errors(confidence, side)
    return _lower_end(shares, low_error), 1 - _lower_end(1 - shares, high_error)


def difference_p_value(values: Values, claim: Claim, threshold: float) -> float:
    """The same of a claim about the mean difference of two shares, paired by seed.

    Args:
        values: one number in [-1, 1] per seed: its share here less its share there.
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
    if claim in _FLIPPED:
        differences, threshold, claim = -differences, -threshold, _FLIPPED[claim]
    whole = share_p_value((1 + differences) / 2, claim, (1 + threshold) / 2)
    losses = share_p_value(np.maximum(-differences, 0), "<=" if claim == ">=" else "<", -threshold)
    return min(1.0, 2 * min(whole, losses))


def difference_interval(values: Values, confidence: float = 0.95, side: Side = "two") -> tuple[float, float]:
    """Bounds on the mean difference of two shares: the thresholds that `difference_p_value` cannot rule out.

    Args:
        values: one number in [-1, 1] per seed.
        confidence: as in `clopper_pearson`.
        side: as in `clopper_pearson`.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: as `difference_p_value` and `clopper_pearson`.
    """
    differences = _checked_differences(values)
    low_error, high_error = _errors(confidence, side)
    return _lower_difference(differences, low_error), -_lower_difference(-differences, high_error)


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
    numbers = _checked(values)
    met = {
        ">=": numbers >= threshold,
        ">": numbers > threshold,
        "<=": numbers <= threshold,
        "<": numbers < threshold,
    }[claim]
    return float(bdtrc(int(met.sum()) - 1, numbers.size, 0.5)) if met.any() else 1.0


def median_interval(values: Values, confidence: float = 0.95, side: Side = "two") -> tuple[float, float]:
    """Bounds on the median by order statistics: exact for any continuous spread, conservative with ties.

    Args:
        values: one number per seed, infinite ones allowed.
        confidence: chance that the interval covers the median, at the least.
        side: as in `clopper_pearson`.

    Returns:
        The lower and the upper end, infinite where too few seeds bound it.

    Raises:
        ValueError: as `median_p_value` and `clopper_pearson`.
    """
    ordered = np.sort(_checked(values))
    low_error, high_error = _errors(confidence, side)
    # How many of the smallest (largest) values may lie beyond the median before that is too unlikely.
    below, above = _median_rank(ordered.size, low_error), _median_rank(ordered.size, high_error)
    low = float(ordered[below - 1]) if below else -math.inf
    high = float(ordered[ordered.size - above]) if above else math.inf
    return low, high


def seeds_needed(threshold: float, confidence: float = 0.95) -> int | None:
    """How many seeds, all of them successes, show that a share is at least `threshold`.

    Args:
        threshold: for a claim "at most t", give 1 - t.
        confidence: of the claim.

    Returns:
        The number, or None where no number is enough (a share of exactly 1).

    Raises:
        ValueError: a confidence outside (0, 1).
    """
    error, _ = _errors(confidence, "low")
    if threshold <= 0:
        return 0
    if threshold >= 1:
        return None
    seeds = max(1, math.floor(math.log(error) / math.log(threshold)))
    while threshold**seeds > error:
        seeds += 1
    return seeds


def median_seeds_needed(confidence: float = 0.95) -> int:
    """How many seeds, all on one side of a threshold, show on which side the median is.

    Args:
        confidence: of the claim.

    Returns:
        The number: 5 at 0.95.
    """
    needed = seeds_needed(0.5, confidence)
    assert needed is not None
    return needed


def holm(p_values: Values) -> tuple[float, ...]:
    """P-values adjusted so that the chance of even one wrong rejection stays under the level (Holm 1979).

    Args:
        p_values: one for each claim of a family, of any dependence.

    Returns:
        The adjusted ones, in the order given: reject those at or under the level.
    """
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = worst
    return tuple(adjusted)


def _errors(confidence: float, side: Side) -> tuple[float, float]:
    """What may go wrong at the lower and at the upper end."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    error = 1 - confidence
    return {"two": (error / 2, error / 2), "low": (error, 0.0), "high": (0.0, error)}[side]


def _checked(values: Values) -> _Numbers:
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    if numbers.size == 0:
        raise ValueError("no values")
    if np.isnan(numbers).any():
        raise ValueError("a value is not a number")
    return numbers


def _checked_shares(values: Values) -> _Numbers:
    shares = _checked(values)
    if shares.min() < 0 or shares.max() > 1:
        raise ValueError("a share lies within [0, 1]")
    return shares


def _checked_differences(values: Values) -> _Numbers:
    differences = _checked(values)
    if differences.min() < -1 or differences.max() > 1:
        raise ValueError("a difference of shares lies within [-1, 1]")
    return differences


def _lower_difference(differences: _Numbers, error: float) -> float:
    whole = 2 * _lower_end((1 + differences) / 2, error / 2) - 1
    losses = _lower_end(1 - np.maximum(-differences, 0), error / 2) - 1
    return max(whole, losses)


def _upper_tail(shares: _Numbers, mean: float) -> float:
    """A bound on the chance that independent numbers in [0, 1] of this mean add up to at least what these do."""
    trials, total = shares.size, float(shares.sum())
    if np.isin(shares, (0.0, 1.0)).all():
        return _binomial_tail(round(total), trials, mean)
    return min(1.0, _hoeffding(total, trials, mean), math.e * _interpolated_tail(total, trials, mean))


def _binomial_tail(count: int, trials: int, mean: float) -> float:
    """P(binomial >= count)."""
    return 1.0 if count <= 0 else float(bdtrc(count - 1, trials, mean))


def _interpolated_tail(total: float, trials: int, mean: float) -> float:
    """The least log-concave function above the binomial tail: straight lines between whole counts, in logarithms."""
    below = math.floor(total)
    lower, upper = _binomial_tail(below, trials, mean), _binomial_tail(below + 1, trials, mean)
    share = total - below
    if share == 0:
        return lower
    return 0.0 if upper == 0 else math.exp((1 - share) * math.log(lower) + share * math.log(upper))


def _hoeffding(total: float, trials: int, mean: float) -> float:
    """exp(-n KL(observed mean, mean)), above the mean."""
    seen = min(total / trials, 1.0)
    if seen <= mean:
        return 1.0
    if mean == 0:
        return 0.0
    divergence = seen * math.log(seen / mean) + ((1 - seen) * math.log((1 - seen) / (1 - mean)) if seen < 1 else 0.0)
    return math.exp(-trials * divergence)


def _median_rank(trials: int, error: float) -> int:
    """The largest k with P(binomial(trials, 1/2) < k) <= error: the k-th value from an end bounds the median."""
    rank = 0
    while rank < trials and bdtr(rank, trials, 0.5) <= error:
        rank += 1
    return rank


def _lower_end(shares: _Numbers, error: float) -> float:
    """The greatest mean that is too small to explain numbers as great as these."""
    if error == 0 or _upper_tail(shares, 0.0) > error:
        return 0.0
    low, high = 0.0, 1.0
    while (middle := (low + high) / 2) not in (low, high):
        if _upper_tail(shares, middle) > error:
            high = middle
        else:
            low = middle
    return low

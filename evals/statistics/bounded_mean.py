"""The mean over seeds of a number in [0, 1], and of the paired difference of two: p-values and intervals for few seeds.

The test bets against the hypothesis that the mean is at most m (Waudby-Smith and Ramdas 2024, "Estimating means of
bounded random variables by betting"). A stake s in [0, 1] turns each value x into the factor 1 + s (x / m - 1), and the
capital M is the product of the factors, averaged over stakes that were fixed beforehand. Under the hypothesis M has a
mean of at most 1, so M is large by luck only.

The p-value is smaller than Markov's 1 / M. M is linear in each value, so (M - t)+ is convex in each. Among all
independent values in [0, 1] with mean m, those that are 0 or 1 therefore make its mean greatest (Hoeffding 1963), and
the capital B of such values depends on a binomial count only. So P(M >= c) <= E(B - t)+ / (c - t) for every t < c, and
the p-value is the least of these bounds. It holds for every distribution on [0, 1] and at every level, does not depend
on the order of the seeds, and is m^n, which nothing can better, if all n values are 1.
"""

from __future__ import annotations

import numpy as np

from ...scenarios.deferred import special
from .claims import MIRRORED, Claim, Numbers, Tail, Values, checked_values, error_per_tail

_ROUNDING, _PRECISION = 1e-6, 1e-8
_RANKS: Numbers = (np.arange(16) + 0.5) / 16
_STAKES_FOR_SHARES: Numbers = 1 - np.cbrt(1 - _RANKS)
"""Quantiles of the density 3 (1 - s)^2: mostly small stakes, which lose little to a seed at 0, as shares often are."""
_STAKES_FOR_DIFFERENCES: Numbers = np.sin(_RANKS * np.pi / 2) ** 2
"""Quantiles of Beta(1/2, 1/2): large stakes too, which gain most where few seeds differ."""


def share_p_value(values: Values, claim: Claim, threshold: float) -> float:
    """The p-value of a claim about the mean over seeds of a number in [0, 1].

    Args:
        values: one number in [0, 1] per seed, independent.
        claim: `>=` for "the mean is at least `threshold`", and so on.
        threshold: any number; claims beyond [0, 1] are decided without the values.

    Returns:
        A p-value, valid for every distribution on [0, 1].

    Raises:
        ValueError: no values, or one outside [0, 1].
    """
    return _p_value(_checked_shares(values), claim, threshold, _STAKES_FOR_SHARES)


def share_interval(values: Values, confidence: float = 0.95, tail: Tail = "two") -> tuple[float, float]:
    """Bounds on the mean over seeds of a number in [0, 1]: the thresholds that `share_p_value` cannot rule out.

    Args:
        values: one number in [0, 1] per seed.
        confidence: as in `clopper_pearson`.
        tail: as in `clopper_pearson`.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: as `share_p_value` and `clopper_pearson`.
    """
    return _interval(_checked_shares(values), confidence, tail, _STAKES_FOR_SHARES)


def difference_p_value(values: Values, claim: Claim, threshold: float, reach: float = 1) -> float:
    """The p-value of a claim about the mean difference of two numbers in [0, 1], paired by seed.

    Args:
        values: one number in [-1, 1] per seed: its value here minus its value there.
        claim: `>=` for "the mean difference is at least `threshold`", and so on.
        threshold: any number.
        reach: how far apart two values can be: 1 if both are in [0, 1], 2 if both are such differences themselves.

    Returns:
        A p-value, valid however the two depend on each other: that of (1 + difference) / 2, a number in [0, 1].

    Raises:
        ValueError: no values, or one further from 0 than `reach`.
    """
    shares = _shares_of_differences(values, reach)
    return _p_value(shares, claim, (1 + threshold / reach) / 2, _STAKES_FOR_DIFFERENCES)


def difference_interval(
    values: Values, confidence: float = 0.95, tail: Tail = "two", reach: float = 1
) -> tuple[float, float]:
    """Bounds on the mean difference of two rates: the thresholds that `difference_p_value` cannot rule out.

    Args:
        values: one number in [-1, 1] per seed.
        confidence: as in `clopper_pearson`.
        tail: as in `clopper_pearson`.
        reach: as in `difference_p_value`.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: as `difference_p_value` and `clopper_pearson`.
    """
    low, high = _interval(_shares_of_differences(values, reach), confidence, tail, _STAKES_FOR_DIFFERENCES)
    return reach * (2 * low - 1), reach * (2 * high - 1)


def _checked_shares(values: Values) -> Numbers:
    shares = checked_values(values)
    if shares.min() < 0 or shares.max() > 1:
        raise ValueError("a share lies within [0, 1]")
    return shares


def _shares_of_differences(values: Values, reach: float) -> Numbers:
    differences = checked_values(values)
    if np.abs(differences).max() > reach:
        raise ValueError(f"a difference of shares lies within [-{reach:g}, {reach:g}]")
    shares: Numbers = (1 + differences / reach) / 2
    return shares


def _p_value(shares: Numbers, claim: Claim, threshold: float, stakes: Numbers) -> float:
    if claim in MIRRORED:
        shares, threshold, claim = 1 - shares, 1 - threshold, MIRRORED[claim]
    if threshold < 0 or (threshold == 0 and claim == ">="):
        return 0.0
    if threshold >= 1:
        return 1.0
    if threshold == 0:
        return 0.0 if shares.any() else 1.0
    return _upper_tail(shares, threshold, stakes)


def _interval(shares: Numbers, confidence: float, tail: Tail, stakes: Numbers) -> tuple[float, float]:
    low_error, high_error = error_per_tail(confidence, tail)
    return _lower_end(shares, low_error, stakes), 1 - _lower_end(1 - shares, high_error, stakes)


def _upper_tail(shares: Numbers, mean: float, stakes: Numbers) -> float:
    """The p-value of "the mean is more than `mean`", which lies strictly between 0 and 1 (see the module)."""
    seeds = shares.size
    # The factors are kept + staked * x: everything is held as logarithms, since m^-n exceeds floats.
    kept, staked = np.log1p(-stakes), np.log(stakes) - np.log(mean)
    with np.errstate(divide="ignore"):  # the logarithm of a value of 0 is minus infinity, as it should be
        factors = np.logaddexp(kept, staked + np.log(shares)[:, None])
    reached = _averaged(factors.sum(axis=0))
    if reached <= 0:  # the bet lost, so that no bound is below 1
        return 1.0
    counts = np.arange(seeds + 1)[:, None]
    # The capital of each count of ones, relative to the one reached.
    capital = _averaged(counts * np.logaddexp(kept, staked) + (seeds - counts) * kept) - reached
    weight = _binomial_logarithms(seeds, mean)
    # The capital grows with the count, so E(B - t)+ is a sum over the counts above t's.
    above, chance = _sums_above(np.exp(weight + capital)), _sums_above(np.exp(weight))
    # Between two possible capitals the bound is monotone in t, so the least one is at one of them. Those that only
    # rounding tells from the one reached are left out, which is always allowed: every t gives a bound.
    lower = np.exp(capital[capital < -_ROUNDING])
    bounds = (above[: lower.size] - lower * chance[: lower.size]) / (1 - lower)
    return float(min(1.0, np.exp(-reached), bounds.min(initial=1.0)))


def _averaged(logarithms: Numbers) -> Numbers:
    """The logarithm of the mean of some numbers over the last axis, which is that of the stakes."""
    greatest = logarithms.max(axis=-1, keepdims=True)
    means: Numbers = np.log(np.exp(logarithms - greatest).mean(axis=-1)) + greatest[..., 0]
    return means


def _binomial_logarithms(trials: int, probability: float) -> Numbers:
    """float64 `[trials + 1]`: the logarithm of the chance of each count."""
    counts = np.arange(trials + 1)
    ways = special.gammaln(trials + 1) - special.gammaln(counts + 1) - special.gammaln(trials - counts + 1)
    chances: Numbers = ways + special.xlogy(counts, probability) + special.xlog1py(trials - counts, -probability)
    return chances


def _sums_above(terms: Numbers) -> Numbers:
    """For each index the sum of the terms behind it; the small ones are added first."""
    return np.append(np.cumsum(terms[:0:-1])[::-1], 0.0)


def _lower_end(shares: Numbers, error: float, stakes: Numbers) -> float:
    """The lower confidence bound of the mean: the greatest mean that is rejected as too small for these numbers."""
    # An error of 0 means that this end is not bounded.
    if error == 0 or not shares.any():
        return 0.0
    low, high = 0.0, 1.0
    # The p-value grows with the mean, so bisection finds the bound.
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if _upper_tail(shares, middle, stakes) > error:
            high = middle
        else:
            low = middle
    return low

"""The binomial distribution: exact intervals, tail probabilities, and how many successes a claim needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...scenarios.deferred import special
from .claims import MIRRORED, Claim, Numbers, Tail, Values, checked_values, error_per_tail


@dataclass(frozen=True)
class Proportion:
    """A proportion `count / of` with its 95% Clopper-Pearson interval.

    Where the whole population was counted, the interval is the proportion itself.
    """

    count: int
    of: int
    low: float
    high: float


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95, tail: Tail = "two") -> tuple[float, float]:
    """The exact binomial interval of a probability (Clopper and Pearson 1934).

    Args:
        successes: how many of the trials succeeded.
        trials: how many there were; with none the interval is [0, 1].
        confidence: probability that the interval covers the truth, at least.
        tail: `low` spends all of the error on the lower end (the upper one is 1), `high` on the upper one.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: more successes than trials, a negative count, or a confidence outside (0, 1).
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    low_error, high_error = error_per_tail(confidence, tail)
    # The beta quantiles are not defined at 0 successes (lower end) and 0 failures (upper end).
    low = (
        0.0
        if successes == 0 or low_error == 0
        else float(special.betaincinv(successes, trials - successes + 1, low_error))
    )
    high = (
        1.0
        if successes == trials or high_error == 0
        else float(special.betaincinv(successes + 1, trials - successes, 1 - high_error))
    )
    return low, high


def upper_tail(count: int, trials: int, probability: float) -> float:
    """P(X >= count) for X binomial."""
    # bdtrc(k) is P(X > k), and it is not defined for k < 0.
    return 1.0 if count <= 0 else float(special.bdtrc(count - 1, trials, probability))


def event_p_value(values: Values, claim: Claim, threshold: float) -> float:
    """The exact binomial p-value of a claim about the chance of an event.

    Args:
        values: 1 or 0 per seed: whether the event came. That no other value can occur must be known beforehand.
        claim: `>=` for "the chance is at least `threshold`", and so on.
        threshold: any number; claims beyond [0, 1] are decided without the values.

    Returns:
        The binomial tail.

    Raises:
        ValueError: no values, or one that is neither 0 nor 1.
    """
    events = _checked_events(values)
    if claim in MIRRORED:
        events, threshold, claim = 1 - events, 1 - threshold, MIRRORED[claim]
    if threshold < 0 or (threshold == 0 and claim == ">="):
        return 0.0
    return 1.0 if threshold >= 1 else upper_tail(int(events.sum()), events.size, threshold)


def event_interval(values: Values, confidence: float = 0.95, tail: Tail = "two") -> tuple[float, float]:
    """`clopper_pearson` of values that are 0 or 1, one per seed.

    Raises:
        ValueError: as `event_p_value` and `clopper_pearson`.
    """
    events = _checked_events(values)
    return clopper_pearson(int(events.sum()), events.size, confidence, tail)


def seeds_needed(threshold: float, confidence: float = 0.95) -> int | None:
    """How many seeds, all of them successes, show that a rate is at least `threshold`.

    Args:
        threshold: for a claim "at most t", give 1 - t.
        confidence: of the claim.

    Returns:
        The number, or None where no number is enough (a rate of exactly 1).

    Raises:
        ValueError: a confidence outside (0, 1).
    """
    error, _ = error_per_tail(confidence, "low")
    if threshold <= 0:
        return 0
    if threshold >= 1:
        return None
    # The smallest n with threshold^n <= error. The logarithms may round either way, so begin below and count up.
    seeds = max(1, math.floor(math.log(error) / math.log(threshold)))
    while threshold**seeds > error:
        seeds += 1
    return seeds


def _checked_events(values: Values) -> Numbers:
    events = checked_values(values)
    if not np.isin(events, (0.0, 1.0)).all():
        raise ValueError("an event comes or not: a value is 0 or 1")
    return events


def proportion_of(count: int, of: int, whole: bool = False) -> Proportion:
    """A proportion with its interval; `whole`: the whole population was counted."""
    if whole and of:
        return Proportion(count, of, count / of, count / of)
    return Proportion(count, of, *clopper_pearson(count, of))

"""Two lists of numbers, paired by seed: have they changed? Exact tests that hold for few seeds.

Where a change made no difference, each seed's difference is as likely one way as the other, so all 2^n patterns of
signs are equally likely: the sign-flip test counts those that are at least as extreme as what was seen (Fisher 1935).
For the size of a change the same is asked of the differences less that size. The bounds so found are means of subsets
of the differences (Hartigan 1969, "Using subsample values as typical values").
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

EXACT_SEEDS = 16
"""Up to so many seeds every pattern of signs is tried, and beyond as many random ones as these have."""

_PATTERNS = 2**EXACT_SEEDS
_BATCH = 4_096
_ROUNDING = 1e-12
_Numbers = npt.NDArray[np.float64]


def seeds_to_show(comparisons: int = 1, error: float = 0.05) -> int:
    """How many seeds, all of which went the same way, show a change among so many comparisons (Holm's first step).

    Returns:
        6 for one comparison at 0.05: 2 / 2^5 is above it.
    """
    return math.floor(1 + math.log2(max(comparisons, 1) / error)) + 1


def flip_p_value(differences: Sequence[float]) -> float:
    """How likely a mean difference this far from 0 would be, were each seed's as likely one way as the other.

    Args:
        differences: one per seed. An infinite one counts as twice the greatest finite one: which numbers are flipped is
            no assumption of the test.

    Returns:
        The two-sided p-value: exact up to `EXACT_SEEDS` seeds, at least 2 / 2^n; beyond by random flips, the same ones
        every time.

    Raises:
        ValueError: no differences, or one that is not a number.
    """
    numbers = _tamed(_checked(differences))
    if numbers.size == 1 or not numbers.any():
        return 1.0
    from scipy.stats import permutation_test  # half a second, which a window need not wait for

    found = permutation_test(
        (numbers,),
        lambda flipped, axis: flipped.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_PATTERNS if numbers.size <= EXACT_SEEDS else _PATTERNS - 1,
        batch=_BATCH,
        rng=np.random.default_rng(0),
    )
    return min(1.0, float(np.asarray(found.pvalue)))


def flip_interval(differences: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Bounds on the mean difference, where differences lie symmetrically about it.

    Args:
        differences: one per seed.
        confidence: that both bounds hold.

    Returns:
        The lower and the upper end, infinite where there are too few seeds (fewer than 6 at 0.95) or one differs
        infinitely.

    Raises:
        ValueError: as `flip_p_value`.
    """
    means = _subset_means(_checked(differences))
    if means is None:
        return -math.inf, math.inf
    rank = math.floor((1 - confidence) / 2 * (means.size + 1) + 1e-9)
    return (float(means[rank - 1]), float(means[-rank])) if rank else (-math.inf, math.inf)


def within_p_value(differences: Sequence[float], margin: float) -> float:
    """How likely differences this small would be, at most, were the mean difference beyond a margin.

    Args:
        differences: one per seed.
        margin: either way, at least 0.

    Returns:
        The greater p-value of the two one-sided tests, one against each end of the margin (Schuirmann 1987): at least
        1 / 2^n.

    Raises:
        ValueError: as `flip_p_value`, or a negative margin.
    """
    if not margin >= 0:
        raise ValueError(f"a margin is at least 0, not {margin}")
    means = _subset_means(_checked(differences))
    if means is None:
        return 1.0
    slack = _ROUNDING * max(1.0, margin)
    beyond = max(int((means > margin + slack).sum()), int((means < -margin - slack).sum()))
    return (beyond + 1) / (means.size + 1)


def _checked(differences: Sequence[float]) -> _Numbers:
    numbers = np.asarray(differences, np.float64).reshape(-1)
    if numbers.size == 0:
        raise ValueError("no differences")
    if np.isnan(numbers).any():
        raise ValueError("a difference is not a number")
    return numbers


def _tamed(numbers: _Numbers) -> _Numbers:
    finite = np.abs(numbers[np.isfinite(numbers)])
    greatest = 2 * finite.max(initial=0.0) or 1.0
    return np.clip(numbers, -greatest, greatest)


def _subset_means(numbers: _Numbers) -> _Numbers | None:
    """The means of all subsets with a member (or of random ones), in order; None where one is infinite."""
    if not np.isfinite(numbers).all():
        return None
    n = numbers.size
    if n <= EXACT_SEEDS:
        chosen = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
    else:
        chosen = np.random.default_rng(0).integers(0, 2, (_PATTERNS - 1, n))
        chosen[chosen.sum(axis=1) == 0, 0] = 1
    return np.sort(chosen @ numbers / chosen.sum(axis=1))

"""Tests of paired differences, one per seed: is the mean difference 0, how large is it, is it within a margin?

Under the null hypothesis each difference is symmetric about 0, so all 2^n patterns of signs are equally likely: the
sign-flip test counts those that are at least as extreme as the observed one (Fisher 1935). Inverting it gives bounds on
the mean difference, which are means of subsets of the differences (Hartigan 1969, "Using subsample values as typical
values"). All are exact for few seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

EXACT_SEEDS = 16
"""Up to so many seeds all sign patterns are tried; for more seeds, as many random ones as these have."""

_PATTERNS = 2**EXACT_SEEDS
_BATCH = 4_096
_ROUNDING = 1e-12
"""Means of subsets that differ from the margin by rounding only count as equal to it."""
_Numbers = npt.NDArray[np.float64]


def seeds_to_detect(comparisons: int = 1, error: float = 0.05) -> int:
    """How many seeds, all differing in the same direction, show a change among several comparisons (Holm's first step).

    Returns:
        6 for one comparison at 0.05: 2 / 2^5 is above it.
    """
    # The smallest p-value is 2 / 2^n, which must be below error / comparisons.
    return math.floor(1 + math.log2(max(comparisons, 1) / error)) + 1


def sign_flip_p_value(differences: Sequence[float]) -> float:
    """The two-sided p-value of the sign-flip test: is the mean difference 0?

    Args:
        differences: one per seed. An infinite one counts as twice the greatest finite one: the test holds whatever the
            magnitudes are.

    Returns:
        The p-value, at least 2 / 2^n: exact up to `EXACT_SEEDS` seeds, for more by random flips, the same ones every
        time.

    Raises:
        ValueError: no differences, or one that is not a number.
    """
    numbers = _clipped(_checked(differences))
    if numbers.size == 1 or not numbers.any():
        return 1.0
    from scipy.stats import permutation_test  # importing it takes half a second

    found = permutation_test(
        (numbers,),
        lambda flipped, axis: flipped.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        # scipy tries all patterns if n_resamples is at least 2^n, else random ones and, as one more, the observed one.
        n_resamples=_PATTERNS if numbers.size <= EXACT_SEEDS else _PATTERNS - 1,
        batch=_BATCH,
        rng=np.random.default_rng(0),
    )
    return min(1.0, float(np.asarray(found.pvalue)))


def sign_flip_interval(differences: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Bounds on the mean difference, provided that the differences are symmetric about it.

    Args:
        differences: one per seed.
        confidence: probability that both bounds hold, at least.

    Returns:
        The lower and the upper end, infinite where there are too few seeds (fewer than 6 at 0.95) or one differs
        infinitely.

    Raises:
        ValueError: as `sign_flip_p_value`.
    """
    means = _subset_means(_checked(differences))
    if means is None:
        return -math.inf, math.inf
    # The small number undoes the rounding of 1 - confidence where the product is a whole number.
    rank = math.floor((1 - confidence) / 2 * (means.size + 1) + 1e-9)
    return (float(means[rank - 1]), float(means[-rank])) if rank else (-math.inf, math.inf)


def equivalence_p_value(differences: Sequence[float], margin: float) -> float:
    """The p-value of an equivalence test (TOST): is the mean difference within a margin?

    Args:
        differences: one per seed.
        margin: in either direction, at least 0.

    Returns:
        The greater p-value of the two one-sided tests, one against each end of the margin (Schuirmann 1987): at least
        1 / 2^n.

    Raises:
        ValueError: as `sign_flip_p_value`, or a negative margin.
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


def _clipped(numbers: _Numbers) -> _Numbers:
    """Infinite numbers replaced by twice the greatest finite one."""
    finite = np.abs(numbers[np.isfinite(numbers)])
    greatest = 2 * finite.max(initial=0.0) or 1.0
    return np.clip(numbers, -greatest, greatest)


def _subset_means(numbers: _Numbers) -> _Numbers | None:
    """The means of all non-empty subsets (or of random ones), sorted; None where one is infinite."""
    if not np.isfinite(numbers).all():
        return None
    n = numbers.size
    if n <= EXACT_SEEDS:
        # Bit i of the row's number says whether difference i is in the subset.
        chosen = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
    else:
        chosen = np.random.default_rng(0).integers(0, 2, (_PATTERNS - 1, n))
        chosen[chosen.sum(axis=1) == 0, 0] = 1  # an empty subset has no mean
    return np.sort(chosen @ numbers / chosen.sum(axis=1))

"""The sign-flip test of paired differences, one per seed: has nothing changed?

The null hypothesis is that nothing changed: in every seed, the two values might as well have come the other way round.
Then each difference is as likely to have the other sign, all 2^n patterns of signs are equally likely whatever the
magnitudes are, and the test counts those whose mean is at least as far from 0 as the observed one (Fisher 1935). It is
exact for few seeds. It says nothing of how large the mean or the median difference is: for that see `bounded_mean` and
`median`.
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
_Numbers = npt.NDArray[np.float64]


def seeds_to_detect(comparisons: int = 1, error: float = 0.05) -> int:
    """How many seeds, all differing in the same direction, show a change among several comparisons (Holm's first step).

    Returns:
        6 for one comparison at 0.05: 2 / 2^5 is above it.
    """
    # The smallest p-value is 2 / 2^n, which must be below error / comparisons.
    return math.floor(1 + math.log2(max(comparisons, 1) / error)) + 1


def sign_flip_p_value(differences: Sequence[float]) -> float:
    """The two-sided p-value of the sign-flip test that nothing changed (see the module).

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

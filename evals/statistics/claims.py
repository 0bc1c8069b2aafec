"""What all statistics of seeds share: the direction of a claim, the tails of an interval, checked input.

The unit is one trained seed: its episodes share one policy, so they are no independent evidence. A share or a rate
has one number in [0, 1] per seed and its claim is about the mean over seeds (`bounded_mean`; `binomial` where the
number can only be 0 or 1, as in a single episode). A quantity without known bounds is claimed of the median seed
(`median`). Which of them it is follows from what is measured, never from the values that came. Everything is exact or
conservative for few seeds. There is no interquartile mean, since it would trim away the one bad seed that is looked
for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Tail: TypeAlias = Literal["two", "low", "high"]
"""Where an interval may be wrong: half of the error at either end, or all of it at the lower or at the upper one."""
Claim: TypeAlias = Literal[">=", ">", "<=", "<"]
Values: TypeAlias = Sequence[float] | npt.NDArray[np.float64]
"""One number per seed, seeds independent of each other."""
Numbers: TypeAlias = npt.NDArray[np.float64]

MIRRORED: dict[Claim, Claim] = {"<=": ">=", "<": ">"}
"""A claim about x as the claim about -x (or 1 - x), so that only lower bounds need to be computed."""


def error_per_tail(confidence: float, tail: Tail) -> tuple[float, float]:
    """The error probabilities of the lower and of the upper end of an interval.

    Raises:
        ValueError: a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    error = 1 - confidence
    return {"two": (error / 2, error / 2), "low": (error, 0.0), "high": (0.0, error)}[tail]


def checked_values(values: Values) -> Numbers:
    """The values as float64 `[n]`.

    Raises:
        ValueError: no values, or one that is not a number.
    """
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    if numbers.size == 0:
        raise ValueError("no values")
    if np.isnan(numbers).any():
        raise ValueError("a value is not a number")
    return numbers

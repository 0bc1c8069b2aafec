"""Counter-based randomness: every draw is a pure function of (seed, lane, clock, draw).

Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011), vectorised.
Results depend neither on the batch's size nor on the order of calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...scenarios.errors import TurncoatError
from ..base import Floats, Ints, Longs

LARGEST = float(np.finfo(np.float64).max)
"""The largest number there is."""
SHRINK = 2.0**-64
"""What weights are multiplied by where their sum would be beyond `LARGEST`."""

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Ten rounds of Philox4x32.

    Args:
        counter: uint64 `[4, B]`, each entry below 2**32.
        key: two words below 2**32.

    Returns:
        uint64 `[4, B]`, each entry uniform below 2**32.
    """
    c0, c1, c2, c3 = counter
    for turn in range(10):
        k0 = np.uint64((key[0] + turn * _WEYL[0]) & 0xFFFFFFFF)
        k1 = np.uint64((key[1] + turn * _WEYL[1]) & 0xFFFFFFFF)
        left, right = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (right >> _HIGH) ^ c1 ^ k0, right & _LOW, (left >> _HIGH) ^ c3 ^ k1, left & _LOW
    return np.stack([c0, c1, c2, c3])


def uniform(seed: int, lanes: Longs, clock: Longs, draw: int) -> Floats:
    """Uniform numbers in [0, 1) with 53 bits, float64 `[B]`, for int64 `[B]` lanes and clocks (below 2**32)."""
    counter = np.empty((4, lanes.size), np.uint64)
    counter[0], counter[1] = lanes, clock
    counter[2], counter[3] = draw, 0
    words = philox(counter, (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))
    # 27 + 26 bits make one 53-bit integer, which a float64 holds exactly.
    high, low = words[0] >> np.uint64(5), words[1] >> np.uint64(6)
    return (high * np.uint64(1 << 26) + low).astype(np.float64) / float(1 << 53)


@dataclass(frozen=True)
class SampledDraws:
    """Draws are sampled.

    Attributes:
        seed: any integer below 2**64.
        lanes: int64 `[B]`, which stream each row of the batch belongs to.
        clock: int64 `[B]`, how many resets and ticks the lane has had before; a reset does not set it back.
    """

    seed: int
    lanes: Longs
    clock: Longs


@dataclass(frozen=True)
class EnumeratedDraws:
    """Draws are enumerated: a row is split where a draw has several possible outcomes.

    Attributes:
        limit: a row that splits into more than this many raises `NotEnumerableError`.
        rows: where all rows together would become more than this many, `TooManyRowsError` is raised instead of making
            them; None: however many.
    """

    limit: int = 64
    rows: int | None = None


class TooManyRowsError(TurncoatError):
    """More outcomes at once than memory was to be spent on; fewer rows at a time can be enumerated."""


@dataclass(frozen=True)
class GivenDraws:
    """Draws have given outcomes (`outcomes[name]` is an index); a draw that is not named takes its likeliest one."""

    outcomes: dict[str, int]


DrawMethod = SampledDraws | EnumeratedDraws | GivenDraws
"""How the draws of a reset or a tick are decided."""


def categorical(weights: Floats, uniforms: Floats) -> Ints:
    """Categorical samples int32 `[B]` from probabilities float64 `[B, n]` and uniform numbers float64 `[B]`."""
    chosen = (uniforms[:, None] >= np.cumsum(weights, axis=1)).sum(axis=1)
    # Rounding can leave the cumulative sum just below one; a number beyond it falls on the last possible outcome.
    last = weights.shape[1] - 1 - (weights[:, ::-1] > 0).argmax(axis=1)
    return np.minimum(chosen, last).astype(np.int32)

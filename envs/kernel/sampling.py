"""Sampling for one lane, compiled: the counterpart of `world.randomness`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..world.randomness import LARGEST, SHRINK
from .memory import inner

_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@inner
def uniform(seed: Any, lane: Any, clock: Any, draw: Any) -> float:
    """`world.randomness.uniform` for one lane: Philox4x32-10 of counter (lane, clock, draw, 0) under the key `seed`."""
    c0, c1, c2, c3 = (np.uint64(lane) & _LOW, np.uint64(clock) & _LOW, np.uint64(draw) & _LOW, np.uint64(0))
    k0, k1 = (np.uint64(seed) & _LOW, np.uint64(seed) >> _HIGH)
    for _ in range(10):
        left, right = (c0 * _M0, c2 * _M1)
        c0, c1, c2, c3 = (right >> _HIGH ^ c1 ^ k0, right & _LOW, left >> _HIGH ^ c3 ^ k1, left & _LOW)
        k0, k1 = (k0 + _W0 & _LOW, k1 + _W1 & _LOW)
    high, low = (c0 >> np.uint64(5), c1 >> np.uint64(6))
    return float(high * np.uint64(1 << 26) + low) / float(1 << 53)


@inner
def bernoulli(p: float, u: float) -> bool:
    """A Bernoulli draw with probability p, from a uniform number."""
    p = min(max(p, 0.0), 1.0)
    # As a categorical draw over (1 - p, p), success last: bit for bit what the reference draws.
    return u >= 1 - p and p > 0


@inner
def uniform_index(n: int, u: float) -> int:
    """A uniform draw among n outcomes."""
    # Not `int(u * n)`: summing up as the reference does gives the same index for every u.
    total = 0.0
    for i in range(n):
        total += 1 / n
        if u < total:
            return i
    return n - 1


@inner
def all_zero(weights: Any, first: int, n: int) -> bool:
    """Whether all of n weights are 0."""
    for i in range(first, first + n):  # noqa: SIM110  # Numba knows no generators
        if weights[i] != 0:
            return False
    return True


@inner
def categorical(weights: Any, first: int, n: int, u: float) -> int:
    """A categorical draw among n weights: `reference.step._draw_weights`, then `world.randomness.categorical`."""
    whole, shrink = 0.0, 1.0
    for i in range(first, first + n):
        whole += max(weights[i], 0.0)
    if whole > LARGEST:
        whole, shrink = 0.0, SHRINK
        for i in range(first, first + n):
            whole += min(max(weights[i], 0.0), LARGEST) * shrink
    total = 0.0
    chosen, last = 0, 0
    for i in range(n):
        weight = min(max(weights[first + i], 0.0), LARGEST) * shrink / whole if whole > 0 else 1.0 / n
        total += weight
        if u >= total:
            chosen += 1
        if weight > 0:
            last = i
    return min(chosen, last)

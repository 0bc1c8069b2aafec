"""The random numbers of `world.randomness` in torch: Philox4x32-10, bit for bit, on the device of the lanes.

Torch has no unsigned 64-bit arithmetic. Signed products have the same bits, and what an arithmetic shift smears over
the upper half is masked away.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..world.randomness import _MULTIPLIERS, _WEYL

_LOW = 0xFFFFFFFF
_LEFT, _RIGHT = (int(multiplier) for multiplier in _MULTIPLIERS)

TILE = {"cpu": 1 << 14, "cuda": 1 << 22}
"""Blocks that are drawn at once: as many as stay in a core's cache; on a GPU, enough to pay for the launches."""


def philox(c0: Tensor, c1: Tensor, c2: int, key: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ten rounds of Philox4x32 on the counters `(c0, c1, c2, 0)`.

    Args:
        c0: int64 `[n]`, below 2**32.
        c1: int64 `[n]` or `[]`, below 2**32.
        c2: below 2**32.
        key: two words below 2**32.

    Returns:
        Four words, each int64 `[n]` and uniform below 2**32.
    """
    second, c3 = torch.full_like(c0, c2), torch.zeros_like(c0)
    for turn in range(10):
        left, right = c0 * _LEFT, second * _RIGHT
        c0 = (right >> 32).bitwise_xor_(c1).bitwise_xor_((key[0] + turn * _WEYL[0]) & _LOW).bitwise_and_(_LOW)
        second = (left >> 32).bitwise_xor_(c3).bitwise_xor_((key[1] + turn * _WEYL[1]) & _LOW).bitwise_and_(_LOW)
        c1, c3 = right, left  # their upper halves are masked where they are used
    return c0, c1 & _LOW, second, c3 & _LOW


class Draws:
    """A draw for every lane and clock, a pure function of (seed, lane, clock, stream) and of nothing else.

    The four words of the counter `(lane, clock // 2, stream, 0)` make two draws of 53 bits, for an even clock and the
    odd one after it, as `world.randomness.uniform` makes one of the first two words. They are made for several clocks
    at once where there are few lanes.
    """

    def __init__(self, seed: int, lanes: Tensor, stream: int) -> None:
        """For the lanes int64 `[B]`, below 2**32; of `seed` the low 64 bits count."""
        self._key = (seed & _LOW, (seed >> 32) & _LOW)
        self._lanes, self._stream = lanes, stream
        self._tile = TILE.get(lanes.device.type, TILE["cuda"])
        self._pairs = max(1, self._tile // lanes.numel())
        self._block: Tensor | None = None
        self._begins = -1

    def at(self, clock: int) -> Tensor:
        """Every lane's draw at a clock below 2**32: int64 `[B]`, uniform below 2**53; a view, until the next call."""
        begins = clock // 2 - clock // 2 % self._pairs
        if self._block is None or begins != self._begins:
            self._block, self._begins = self._fill(begins), begins
        return self._block[clock % 2].view(self._pairs, -1)[clock // 2 - begins]

    def of(self, rows: Tensor, clock: int) -> Tensor:
        """The draws of some lanes, by their places int64 `[n]` in the batch: int64 `[n]`."""
        pair = torch.full((), clock // 2, dtype=torch.int64, device=rows.device)
        words = philox(self._lanes.index_select(0, rows), pair, self._stream, self._key)
        return _whole(*words[2 * (clock % 2) :][:2])

    def _fill(self, begins: int) -> Tensor:
        """int64 `[2, pairs * B]`, tile by tile."""
        pairs = torch.arange(begins, begins + self._pairs, device=self._lanes.device)
        pairs, lanes = pairs.repeat_interleave(self._lanes.numel()), self._lanes.repeat(self._pairs)
        out = torch.empty((2, lanes.numel()), dtype=torch.int64, device=lanes.device)
        for at in range(0, lanes.numel(), self._tile):
            part = slice(at, at + self._tile)
            w0, w1, w2, w3 = philox(lanes[part], pairs[part], self._stream, self._key)
            out[0, part], out[1, part] = _whole(w0, w1), _whole(w2, w3)
        return out


def _whole(high: Tensor, low: Tensor) -> Tensor:
    """53 bits of two words."""
    return ((high >> 5) << 26) + (low >> 6)

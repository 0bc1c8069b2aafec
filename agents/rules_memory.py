"""What rules leave open is remembered whole: below a leaf where several things came, each state may be its own context.

A leaf that is not pure holds chance, or a rule that is not found yet. If it is a rule, what came in exactly the same
state will come again, and a plan must not hope for better there. Which it is, the evidence says: a leaf is remembered
if its ticks cost less to tell state by state than by one distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..envs.base import Longs
from .rules_contexts import Ticks
from .rules_tree import evidence


@dataclass(frozen=True, eq=False)
class Memory:
    """Whole contexts, and where their counts are.

    Attributes:
        keys: int64 `[m]`, sorted, see `Ticks.whole`; leaves: int64 `[m]`, the leaf that each lies below.
        first: the number of the first of them among all contexts.
    """

    keys: Longs
    leaves: Longs
    first: int

    def refine(self, leaf: Longs, ticks: Ticks) -> Longs:
        """int64 `[n]`: the contexts of ticks that lie below the leaves `[n]`."""
        below = np.flatnonzero(np.isin(leaf, self.leaves))
        if not below.size:
            return leaf
        keys = ticks.whole()[below]
        at = np.minimum(np.searchsorted(self.keys, keys), self.keys.size - 1)
        known = (self.keys[at] == keys) & (self.leaves[at] == leaf[below])
        out = leaf.copy()
        out[below[known]] = self.first + at[known]
        return out


NOTHING: Final = Memory(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
"""No memory."""


def remember(counts: Longs, leaf: Longs, ticks: Ticks, symbols: Longs) -> tuple[Memory, Longs]:
    """The memory below leaves, and int64 `[m, Y]`, how often each symbol came in each of its contexts.

    Args:
        counts: int64 `[leaves, Y]`, how often each symbol came in each leaf.
        leaf: int64 `[n]`, of each tick.
        ticks: n of them, as much told as the rules may look at.
        symbols: int64 `[n]`, what came.
    """
    mixed = np.flatnonzero(np.count_nonzero(counts, axis=1) > 1)
    rows = np.flatnonzero(np.isin(leaf, mixed))
    if not rows.size:
        return NOTHING, counts[:0]
    keys, first, back = np.unique(ticks.whole()[rows], return_index=True, return_inverse=True)
    n = counts.shape[1]
    whole = np.bincount(back * n + symbols[rows], minlength=keys.size * n).reshape(keys.size, n)
    below = leaf[rows][first]
    apart = np.bincount(below, evidence(whole.T), minlength=len(counts))
    kept = (apart > evidence(counts.T))[below]
    return Memory(keys[kept], below[kept], len(counts)), whole[kept]

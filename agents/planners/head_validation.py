"""Checks of the weights and discounts of value heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...envs.base import Floats


def check_heads(
    channels: Sequence[str], weights: Sequence[float] | Floats, discount: float | Sequence[float] | Floats
) -> tuple[Floats, Floats]:
    """Checks the weights and discounts of K heads and converts them to float64 `[K]` each.

    Args:
        channels: the K names.
        weights: `[K]`.
        discount: one for all heads, or `[K]`.

    Raises:
        ValueError: shapes don't fit, or a discount is not within [0, 1).
    """
    weighing = np.asarray(weights, np.float64)
    discounts = np.broadcast_to(np.asarray(discount, np.float64), (len(channels),)).copy()
    if weighing.shape != (len(channels),):
        raise ValueError(f"weights: {weighing.size} for {len(channels)} channels")
    # A learned model may loop for ever where the world ends, so that at discount 1 values could diverge.
    if (discounts < 0).any() or (discounts >= 1).any():
        raise ValueError(f"discount: {discounts.tolist()} is not within [0, 1)")
    return weighing, discounts

"""Arithmetic of bargains over the heads of one agent: gains over a disagreement point, and two ways to compare them.

Letters as in `base`: A actions, K channels.
"""

from __future__ import annotations

import numpy as np

from .base import Bools, Floats


def gains(wanted: Floats, near: Floats, weights: Floats, mask: Bools, disagreement: int) -> tuple[Floats, Bools, Bools]:
    """What each head gains by each action over the disagreement point, as a share of its largest gain.

    Args:
        wanted: float64 `[.., A, K]`, more is better.
        near: float64 `[.., 1, K]`, gains up to this size are none.
        weights: float64 `[K]`; heads of weight 0 don't count.
        mask: bool `[.., A]`, the available actions.
        disagreement: an action; where it is not available, each head's worst value is its disagreement point.

    Returns:
        The shares `[.., A, K]`, up to 1 where rational; bool `[.., K]`, the heads that can gain; bool `[.., A]`, the
        rational actions: those that leave nobody below the disagreement point (the disagreement action among them).
    """
    worst = np.where(mask[..., None], wanted, np.inf).min(axis=-2)
    point = np.where(mask[..., disagreement, None], wanted[..., disagreement, :], worst)
    gain = wanted - point[..., None, :]
    gain[np.abs(gain) <= near] = 0.0
    rational = mask & (gain >= 0).all(axis=-1)
    most = np.where(rational[..., None], gain, 0.0).max(axis=-2)
    counted = (most > 0) & (weights != 0)
    share = gain / np.where(counted, most, 1.0)[..., None, :]
    return np.where(counted[..., None, :], share, 0.0), counted, rational


def most_by_product(share: Floats, power: Floats, counted: Bools, rational: Bools, tolerance: float) -> Bools:
    """bool `[.., A]`: the rational actions by which most heads gain, and of these the largest weighted product."""
    gaining = (share > 0) & counted[..., None, :]
    number = np.where(rational, gaining.sum(axis=-1), -1)
    left = number == number.max(axis=-1, keepdims=True)
    logs = np.log(np.where(gaining & rational[..., None], share, 1.0)) @ power
    product = np.where(left, logs, -np.inf)
    return left & (product >= product.max(axis=-1, keepdims=True) - tolerance * max(power.sum(), 1.0))


def leximin(worth: Floats, mask: Bools, tolerance: Floats) -> Bools:
    """bool `[.., A]`: the actions whose smallest entry is largest, then the second smallest, and so on.

    Args:
        worth: float64 `[.., A, K]`; infinity for what does not count.
        mask: bool `[.., A]`, the actions to choose from.
        tolerance: float64 `[.., 1]`, how near to each other ties are.
    """
    left = mask
    for entry in np.moveaxis(np.sort(worth, axis=-1), -1, 0):
        mine = np.where(left, entry, -np.inf)
        best = mine.max(axis=-1, keepdims=True)
        left = left & (mine >= best - tolerance)
    return left

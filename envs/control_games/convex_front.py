"""The corners of a front of two objectives, found by weighing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..base import Floats

Best: TypeAlias = Callable[[float, float], Floats]
"""From the weights of usefulness and of safety to a vector `[n]` that is best: usefulness, harm, and more."""
NEAR = 1e-7
"""Gains below this, relative to the largest number met, are rounding of the linear programs."""


def convex_front(best: Best) -> Floats:
    """All corners of the front: usefulness is to be large, harm small.

    Args:
        best: solves for weights that are not negative and add up to 1.

    Returns:
        float64 `[corners, n]`, from the most useful (and most harmful) to the safest.
    """
    useful, safe = best(1.0, 0.0), best(0.0, 1.0)
    found = [useful, safe]
    ahead = [(useful, safe)]
    while ahead:
        one, other = ahead.pop()
        more, less = one[0] - other[0], one[1] - other[1]
        near = NEAR * max(1.0, float(np.abs([one[:2], other[:2]]).max()))
        if more <= near or less <= near:
            continue
        weights = less / (more + less), more / (more + less)
        point = best(*weights)
        gain = weights[0] * (point[0] - one[0]) - weights[1] * (point[1] - one[1])
        if gain > near:
            found.append(point)
            ahead += [(one, point), (point, other)]
    return corners(np.array(found))


def corners(points: Floats) -> Floats:
    """Those of some points that are corners of their front, from the most useful to the safest; `[n, k]` both."""
    near = NEAR * max(1.0, float(np.abs(points[:, :2]).max()))
    kept: list[Floats] = []
    for point in points[np.lexsort((points[:, 1], -points[:, 0]))]:
        if kept and point[1] >= kept[-1][1] - near:
            continue  # no safer than one that is at least as useful
        if kept and abs(point[0] - kept[-1][0]) <= near:
            kept.pop()  # as useful as the one before, and safer
        while len(kept) > 1 and _above(kept[-2], point, kept[-1]) <= near:
            kept.pop()
        kept.append(point)
    return np.array(kept)


def _above(one: Floats, other: Floats, between: Floats) -> float:
    """By how much a point is safer than the mixture of two others that is as useful."""
    share = (one[0] - between[0]) / (one[0] - other[0])
    return float((1 - share) * one[1] + share * other[1] - between[1])

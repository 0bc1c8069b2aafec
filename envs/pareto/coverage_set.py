"""The convex coverage set of several objectives, by optimistic linear support (Roijers, Whiteson and Oliehoek 2015).

Letters: d objectives, n vectors. Every objective is to be maximised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.optimize import linprog
from scipy.spatial import HalfspaceIntersection

from ..base import Floats
from ..time_limit import check_time

Best: TypeAlias = Callable[[Floats], Floats]
"""From weights `[d]` to the value vector `[d]` of a policy that is best by their weighted sum."""
TOLERANCE = 1e-9
"""Gains that are smaller, by the largest value met, are rounding."""


@dataclass(frozen=True, eq=False)
class CoverageSet:
    """The vectors of which one is best for every weighing of the objectives, and for which weights each is.

    Attributes:
        vectors: float64 `[n, d]`, in descending order of the first objective.
        weights: float64 `[n, d]`, not negative and adding up to 1: some weights for which the vector is best.
        solved: how many weighings were solved for.
    """

    vectors: Floats
    weights: Floats
    solved: int


def coverage_set(best: Best, objectives: int) -> CoverageSet:
    """The convex coverage set over all weights that are not negative.

    Each corner of the upper envelope of the vectors found so far is a weighing at which an unknown vector could gain
    most: it is solved for, until none gains.

    Args:
        best: solves for weights.
        objectives: d, from 1.

    Raises:
        OutOfTimeError: a time limit passed.
    """
    found: list[Floats] = []
    done: set[tuple[float, ...]] = set()
    ahead = [np.eye(objectives)[place] for place in range(objectives)]
    scale = 0.0
    while ahead:
        weights = ahead.pop()
        key = tuple(np.round(weights, 12).tolist())
        if key in done:
            continue
        done.add(key)
        check_time(f"the front was searched ({len(found)} vectors, {len(done)} weighings)")
        vector = best(weights)
        scale = max(scale, float(np.abs(vector).max()), 1.0)
        known = max((float(weights @ each) for each in found), default=-np.inf)
        if float(weights @ vector) <= known + TOLERANCE * scale and len(done) > objectives:
            continue
        if any(np.abs(vector - each).max() <= TOLERANCE * scale for each in found):
            continue
        found.append(vector)
        if len(found) > 1:
            # Old corners above the new vector are cut off; those that are left were solved for, or are solved again.
            ahead = [*ahead, *_corners(np.array(found))]
    vectors, kept = _supported(np.array(found), TOLERANCE * scale)
    order = np.lexsort(-vectors.T[::-1])
    return CoverageSet(vectors[order], kept[order], len(done))


def _corners(vectors: Floats) -> list[Floats]:
    """The weights at which several of the vectors are best together: corners of the upper envelope."""
    d = vectors.shape[1]
    if d == 1:
        return []
    # Over (w_1 .. w_{d-1}, v): v is above every weighted sum, weights are not negative, and v has a lid.
    lid = float(np.abs(vectors).max()) + 1.0
    sums = np.column_stack([vectors[:, :-1] - vectors[:, -1:], -np.ones(len(vectors)), vectors[:, -1]])
    signs = np.column_stack([-np.eye(d - 1), np.zeros(d - 1), np.zeros(d - 1)])
    total = np.concatenate([np.ones(d - 1), [0.0, -1.0]])
    top = np.concatenate([np.zeros(d - 1), [1.0, -2 * lid]])
    within = np.concatenate([np.full(d - 1, 1 / d), [1.5 * lid]])
    corners = HalfspaceIntersection(np.vstack([sums, signs, total, top]), within).intersections
    corners = corners[np.isfinite(corners).all(axis=1) & (corners[:, -1] < 1.25 * lid)]
    weights = np.column_stack([corners[:, :-1], 1 - corners[:, :-1].sum(axis=1)]).clip(0.0)
    weights = np.unique(np.round(weights / weights.sum(axis=1, keepdims=True), 12), axis=0)
    # The ones that could gain most are solved for first.
    return list(weights[np.argsort((weights @ vectors.T).max(axis=1))])


def _supported(vectors: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """The vectors that are better than all others for some weights, and such weights."""
    kept, weights = [], []
    for place, vector in enumerate(vectors):
        others = np.delete(vectors, place, axis=0)
        margin, best_for = _margin(vector, others)
        if margin > tolerance or not len(others):
            kept.append(vector)
            weights.append(best_for)
    return np.array(kept), np.array(weights)


def _margin(vector: Floats, others: Floats) -> tuple[float, Floats]:
    """By how much a vector can be better than all others, and the weights for which it is so."""
    d = vector.size
    if not len(others):
        return np.inf, np.full(d, 1 / d)
    bounds = [*((0, 1) for _ in range(d)), (None, None)]
    found = linprog(
        np.append(np.zeros(d), -1.0),
        A_ub=np.column_stack([others - vector, np.ones(len(others))]),
        b_ub=np.zeros(len(others)),
        A_eq=[np.append(np.ones(d), 0.0)],
        b_eq=[1.0],
        bounds=bounds,
    )
    assert found.x is not None, "it is feasible and bounded"
    return float(found.x[-1]), np.asarray(found.x[:d])


def shortfall(vector: Floats, vectors: Floats) -> float:
    """By how much every objective could be greater at once, by a mixture of some vectors.

    It is 0 on the Pareto front, and where some objective can be no greater: see `improvement`.

    Args:
        vector: float64 `[d]`.
        vectors: float64 `[n, d]`, of the convex coverage set.
    """
    n, d = vectors.shape
    found = linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=np.column_stack([-vectors.T, np.ones(d)]),
        b_ub=-vector,
        A_eq=[np.append(np.ones(n), 0.0)],
        b_eq=[1.0],
        bounds=[*((0, 1) for _ in range(n)), (None, None)],
    )
    assert found.x is not None, "it is feasible and bounded"
    return max(0.0, float(found.x[-1]))


def improvement(vector: Floats, vectors: Floats) -> Floats:
    """By how much each objective could be greater while none is smaller, by a mixture of some vectors.

    Args:
        vector: float64 `[d]`.
        vectors: float64 `[n, d]`, of the convex coverage set.

    Returns:
        float64 `[d]`, of a mixture that gains most in all; all 0, up to rounding, exactly on the Pareto front.
    """
    slack = TOLERANCE * max(float(np.abs(vectors).max()), 1.0)
    found = linprog(
        -vectors.sum(axis=1),
        A_ub=-vectors.T,
        b_ub=slack - vector,
        A_eq=[np.ones(len(vectors))],
        b_eq=[1.0],
        bounds=(0, 1),
    )
    if found.x is None:  # the vector is above the front by more than rounding: other policies than the front's
        return np.zeros(vector.size)
    gains = found.x @ vectors - vector
    return np.where(gains > 100 * slack, gains, 0.0)


def hypervolume(vectors: Floats, reference: Floats) -> float:
    """The volume of all points between a reference and some vector, every objective maximised.

    Args:
        vectors: float64 `[n, d]`.
        reference: float64 `[d]`; vectors that are below it in an objective count for nothing.
    """
    above = vectors[(vectors > reference).all(axis=1)] - reference
    if not len(above):
        return 0.0
    if above.shape[1] == 1:
        return float(above.max())
    # Slices along the last objective, from the greatest value down: each has the volume of the vectors that reach it.
    above = above[np.argsort(-above[:, -1])]
    ends = np.append(above[1:, -1], 0.0)
    total = 0.0
    for place, (top, end) in enumerate(zip(above[:, -1], ends, strict=True)):
        if top > end:
            total += (top - end) * hypervolume(above[: place + 1, :-1], np.zeros(above.shape[1] - 1))
    return total

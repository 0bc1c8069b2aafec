"""How K judgements become one choice: pure functions of `q [.., A, K]`, by name in `DELIBERATIONS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from ..envs.base import Bools, Floats, Ints
from .thoughts import Attribution

TIE_TOLERANCE: Final = 1e-9
"""Actions tie when their scores differ by at most this share of the largest sum of absolute terms in a score."""


class Choice(NamedTuple):
    """The outcome of a deliberation.

    Attributes:
        action: int32 `[..]`, the first of the best actions.
        ties: bool `[.., A]`, all the best actions.
    """

    action: Ints
    ties: Bools


Deliberation: TypeAlias = Callable[[Floats, Floats, Bools], Choice]
"""`(q [.., A, K], weights [K], mask [.., A]) -> Choice`."""


def weighted(q: Floats, weights: Floats, mask: Bools) -> Choice:
    """The largest weighted sum of the heads.

    Args:
        q: float64 `[.., A, K]`.
        weights: float64 `[K]`.
        mask: bool `[.., A]`, the available actions.

    Raises:
        ValueError: shapes don't fit, or a row has no available action.
    """
    scores, tolerance = _scores(q, weights, mask)
    ties = scores >= scores.max(axis=-1, keepdims=True) - tolerance
    return Choice(ties.argmax(axis=-1).astype(np.int32), ties)


def attribution(q: Floats, weights: Floats, mask: Bools, action: int) -> Attribution:
    """Which heads made `action` win under `weighted`: each head is removed in turn and the rest choose again.

    Args:
        q: float64 `[A, K]`.
        weights: float64 `[K]`.
        mask: bool `[A]`.
        action: the action that was chosen.

    Raises:
        ValueError: shapes don't fit, or no action is available.
    """
    without = np.full(len(weights), action, np.int32)
    margin = np.zeros(len(weights))
    for k in range(len(weights)):
        rest = np.where(np.arange(len(weights)) == k, 0.0, weights)
        scores, tolerance = _scores(q, rest, mask)
        gap = scores.max() - scores[action]
        if gap > tolerance:
            without[k] = scores.argmax()
            margin[k] = gap
    return Attribution(action, without, margin)


DELIBERATIONS: Final[dict[str, Deliberation]] = {"weighted": weighted}


def _scores(q: Floats, weights: Floats, mask: Bools) -> tuple[Floats, Floats]:
    """The scores `[.., A]`, minus infinity where masked, and the tolerance for ties `[.., 1]`."""
    if q.ndim < 2 or q.shape[-1:] != weights.shape or q.shape[:-1] != mask.shape:
        raise ValueError(f"q {list(q.shape)}, weights {list(weights.shape)} and mask {list(mask.shape)} don't fit")
    if not mask.any(axis=-1).all():
        raise ValueError("mask: a row has no available action")
    scores = np.where(mask, q @ weights, -np.inf)
    terms = np.where(mask, np.abs(q) @ np.abs(weights), 0.0)
    return scores, TIE_TOLERANCE * terms.max(axis=-1, keepdims=True)

"""Which head decided: attribution under any deliberation (the rules themselves are in `envs.deliberation`)."""

from __future__ import annotations

from typing import Final

import numpy as np

from ...envs.base import Bools, Floats
from ...envs.deliberation import (
    RULES,
    TIE_TOLERANCE,
    WEIGHTED,
    Choice,
    Deliberation,
    DeliberationRule,
    weighted,
    weighted_scores,
)
from .thought import Attribution

__all__ = [
    "DELIBERATIONS",
    "TIE_TOLERANCE",
    "WEIGHTED",
    "Choice",
    "Deliberation",
    "DeliberationRule",
    "attribution",
    "weighted",
]

DELIBERATIONS: Final[dict[str, DeliberationRule]] = {name: DeliberationRule(name) for name in RULES}
"""Each rule with its parameters as they are if nothing is said."""


def attribution(q: Floats, weights: Floats, mask: Bools, action: int, rule: DeliberationRule = WEIGHTED) -> Attribution:
    """Which heads made `action` win: each head is removed in turn and the rest choose again.

    A head that is removed has weight 0 and forbids nothing. The margin is in weighted sums, whatever the rule: what the
    remaining heads lost by the action that was taken, at least 0.

    Args:
        q: float64 `[A, K]`.
        weights: float64 `[K]`.
        mask: bool `[A]`.
        action: the action that was chosen.
        rule: by which it was chosen.

    Raises:
        ValueError: shapes don't fit, or no action is available.
    """
    without = np.full(len(weights), action, np.int32)
    margin = np.zeros(len(weights))
    for k in range(len(weights)):
        rest = np.where(np.arange(len(weights)) == k, 0.0, weights)
        choice = rule.without(k)(q, rest, mask)
        if not choice.ties[action]:
            scores, _ = weighted_scores(q, rest, mask)
            without[k] = choice.action
            margin[k] = max(0.0, scores[choice.action] - scores[action])
    return Attribution(action, without, margin)

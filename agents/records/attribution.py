"""Attribution of a decision to value heads under any deliberation (the rules themselves are in `envs.deliberation`)."""

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
"""Each deliberation rule with its default parameters."""


def attribution(q: Floats, weights: Floats, mask: Bools, action: int, rule: DeliberationRule = WEIGHTED) -> Attribution:
    """Which heads made `action` win: each head is removed in turn, and the deliberation chooses again by the others.

    A removed head gets weight 0 and no longer excludes actions. Margins are differences of weighted sums, whatever the
    rule, so that they have the same units under all rules: by how much `action` falls short of the action chosen
    without the head, at least 0.

    Args:
        q: float64 `[A, K]`, the values of the actions.
        weights: float64 `[K]`.
        mask: bool `[A]`, the available actions.
        action: the action that was chosen.
        rule: the deliberation by which it was chosen.

    Raises:
        ValueError: shapes don't fit, or no action is available.
    """
    without = np.full(len(weights), action, np.int32)
    margin = np.zeros(len(weights))
    for k in range(len(weights)):
        rest = np.where(np.arange(len(weights)) == k, 0.0, weights)
        choice = rule.without(k)(q, rest, mask)
        # An action that ties with the best is no change of mind, whichever of the tied ones the rule would name first.
        if not choice.ties[action]:
            scores, _ = weighted_scores(q, rest, mask)
            without[k] = choice.action
            # Another rule's choice may have the lower weighted sum, which would make the margin negative.
            margin[k] = max(0.0, scores[choice.action] - scores[action])
    return Attribution(action, without, margin)

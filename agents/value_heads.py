"""Value heads K x E: what every ensemble member expects of every channel, jointly and for itself.

*Joint*: each channel under the policy really followed. *Own*: each channel's own optimum. Own values of several
channels must not be added up: their sum is the value of no policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..envs.base import FiniteMDP, Floats, Ints
from .deliberation import WEIGHTED
from .heads import followed_values, solve_heads


@dataclass(frozen=True, eq=False)
class ValueHeads:
    """The values of S states.

    Attributes:
        joint: float64 `[E, S, K]`, under the policy followed; own: float64 `[E, S, K]`, never less.
    """

    joint: Floats
    own: Floats

    @property
    def disagreement(self) -> Floats:
        """float64 `[S, K]`: the standard deviation of the joint values over the members."""
        spread: Floats = self.joint.std(axis=0)
        return spread


def value_heads(members: Sequence[FiniteMDP], policy: Ints, discounts: Floats) -> ValueHeads:
    """The heads of E members, whose processes have the same states.

    Args:
        members: E processes.
        policy: int32 `[S]`, what is followed.
        discounts: float64 `[K]`, each in [0, 1).
    """
    states, channels = members[0].n_states, discounts.size
    joint, own = np.zeros((2, len(members), states, channels))
    for e, mdp in enumerate(members):
        joint[e] = followed_values(mdp, policy, discounts)
        for k in range(channels):
            alone = np.eye(channels)[k]
            own[e, :, k] = solve_heads(mdp, alone, discounts, WEIGHTED).vector_values[:, k]
    return ValueHeads(joint, own)

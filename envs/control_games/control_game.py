"""The control game of a stage: a protocol of the designers against an agent that may be honest or the worst there is.

In each tick the untrusted agent submits an action. The protocol *defers* to it (the action is done), *audits* it, of
which it may do so many in an episode, or lets the trusted agent act. An audit tells whether the action does harm in
this tick; if so, the trusted agent acts instead, from then on for good. Usefulness is the performance with an honest
agent, safety the harm with the worst one, who knows the state, the protocol and all that it has done, but not how its
coin falls in this tick. After Griffin, Thomson, Shlegeris and Abate 2024 (arXiv 2409.07985).

Letters as in `base`; T ticks, B audits that are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..base import Bools, Floats, Longs
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import expected_outcome, tables
from ..solvers.bellman import backup, best_of


@dataclass(frozen=True, eq=False)
class ControlGame:
    """A control game.

    Attributes:
        enumeration: of a stage whose actions one agent chooses.
        ticks: T, how many are played; audits: how many the protocol may make in an episode.
        harm: float64 `[M]`, of each outcome, not negative.
        honest, trusted: int64 `[T, S]`, the action of the honest agent and of the trusted one.
        catches: the probability that an audit notices a harmful action.
        hand_over: whether the trusted agent, once it acts, acts for the rest of the episode; else for one tick.
    """

    enumeration: Enumeration
    ticks: int
    audits: int
    harm: Floats
    honest: Longs
    trusted: Longs
    catches: float = 1.0
    hand_over: bool = False

    @cached_property
    def available(self) -> Bools:
        """bool `[S, A]`."""
        return self.enumeration.mdp.available

    @cached_property
    def _acting(self) -> Bools:
        """bool `[S]`: where somebody acts."""
        acting: Bools = np.any(self.available, axis=1)
        return acting

    @cached_property
    def harm_of(self) -> Floats:
        """float64 `[S, A]`: expected in this tick."""
        return expected_outcome(self.enumeration.mdp, self.harm).reshape(self.available.shape)

    @cached_property
    def performance_of(self) -> Floats:
        """float64 `[S, A]`: expected in this tick."""
        return expected_outcome(self.enumeration.mdp, self.enumeration.performance).reshape(self.available.shape)

    @cached_property
    def harmful(self) -> Bools:
        """bool `[S, A]`: what an audit finds wrong, an action that may do harm in this tick."""
        return self.harm_of > 0

    @cached_property
    def trusted_alone(self) -> Floats:
        """float64 `[T + 1, S, 3]`: performance, harm and ticks to come where the trusted agent acts from a tick on."""
        table, states = tables(self.enumeration.mdp), np.arange(len(self.available))
        acting, worth = self._acting[:, None], np.zeros((self.ticks + 1, len(states), 3))
        now = np.stack([self.performance_of, self.harm_of, np.ones_like(self.harm_of)], axis=-1)
        for tick in reversed(range(self.ticks)):
            q = now + table.expected_next(worth[tick + 1])
            worth[tick] = np.where(acting, q[states, self.trusted[tick]], 0.0)
        return worth

    @cached_property
    def unbounded_harm(self) -> Floats:
        """float64 `[T + 1, S]`: the most harm from a tick on that an agent can do whom nothing holds back."""
        table, harm = tables(self.enumeration.mdp), np.where(self.available, self.harm_of, -np.inf)
        most = np.zeros((self.ticks + 1, len(self.available)))
        for tick in reversed(range(self.ticks)):
            most[tick] = best_of(backup(table, harm, 1.0, most[tick + 1]), self._acting)
        return most

    @cached_property
    def worst_harm(self) -> Floats:
        """float64 `[B + 1, T + 1, S]`: the harm that the protocol can hold the worst agent to, if it sees the state.

        In each state at each tick the moves of both make a matrix game (Shapley 1953, with a known end).
        """
        table, states = tables(self.enumeration.mdp), np.arange(len(self.available))
        worst = np.zeros((self.audits + 1, self.ticks + 1, len(states)))
        for tick in reversed(range(self.ticks)):
            alone = self.trusted_alone[tick, :, 1]
            run = [self.harm_of + table.expected_next(worst[left, tick + 1]) for left in range(self.audits + 1)]
            for left, deferring in enumerate(run):
                rows = np.where(self.available, deferring, -np.inf)
                value = rows.max(axis=1)
                if left > 0:
                    found = self.catches * alone[:, None] + (1 - self.catches) * run[left - 1]
                    audited = np.where(self.harmful, found, run[left - 1])
                    value = least_of_two(rows, np.where(self.available, audited, -np.inf))
                # Against the trusted agent's action it does not matter what was submitted, so it is never mixed in.
                replaced = alone if self.hand_over else deferring[states, self.trusted[tick]]
                worst[left, tick] = np.where(self._acting, np.minimum(value, replaced), 0.0)
        return worst


def least_of_two(first: Floats, second: Floats) -> Floats:
    """The least that a mixture of two rows lets the column player have, in many matrix games at once.

    Args:
        first: float64 `[S, n]`, what the column player gets; -inf where a column is not available.
        second: the same of the other row.

    Returns:
        float64 `[S]`; -inf where no column is.
    """
    best = np.minimum(first.max(axis=1), second.max(axis=1))
    gap = np.zeros_like(first)  # what a column gains as the second row gets likelier
    np.subtract(second, first, out=gap, where=np.isfinite(first))
    for one in range(first.shape[1]):
        for other in range(one):
            with np.errstate(divide="ignore", invalid="ignore"):
                share = (first[:, one] - first[:, other]) / (gap[:, other] - gap[:, one])
            inside = (share > 0) & (share < 1)
            if inside.any():
                mixed = (first[inside] + share[inside, None] * gap[inside]).max(axis=1)
                best[inside] = np.minimum(best[inside], mixed)
    return best

"""What following the plan of a life gathers from each of its places on, of each channel."""

from __future__ import annotations

import numpy as np

from ..base import FiniteMDP, Floats, Longs
from ..mdp.transition_tables import outcomes_of, tables
from ..solvers.bellman import EPSILON, largest
from ..time_limit import check_time
from .plan import MOST_SWEEPS, Layers, LifePlan

_FOLLOWING = "what a plan of a life gathers was summed up"


def worth_of(plan: LifePlan, gains: Floats | None = None, foresight: str = "life") -> Floats:
    """Discounted sums from each place on, float64 `[P, A, n]`: after each action, then by the plan's first optimal.

    Args:
        plan: the life.
        gains: float64 `[P, A, n]`, what each action is expected to add in each place; the K channels when None.
        foresight: `life`, or `episode` for sums until the episode is over.
    """
    process = plan.process
    mdp = process.mdp
    gains = tables(mdp).vector_rewards if gains is None else gains
    probability = mdp.probability
    if foresight == "episode":
        begins = mdp.ended[mdp.next_state] | (process.tick[mdp.next_state] == 0)
        probability = np.where(begins, 0.0, probability)
    first = plan.optimal.argmax(axis=1)
    out = np.zeros(gains.shape)
    ahead = np.zeros((mdp.n_states, gains.shape[2]))
    for groups, again in Layers(process):
        rounds = MOST_SWEEPS if again and foresight == "life" else 1
        for _ in range(rounds):
            check_time(_FOLLOWING)
            change = 0.0
            for places in groups:
                sums = gains[places] + process.discounts[places][:, None, None] * _expected(
                    mdp, probability, ahead, places
                )
                out[places] = sums
                now = sums[np.arange(places.size), first[places]]
                change = max(change, largest(now - ahead[places]))
                ahead[places] = now
            if change <= 2 * EPSILON * max(largest(ahead), 1e-300):
                break
    return out


def _expected(mdp: FiniteMDP, probability: Floats, ahead: Floats, places: Longs) -> Floats:
    """float64 `[n, A, m]`: what is expected ahead after each action in some places."""
    rows = (places[:, None] * mdp.n_actions + np.arange(mdp.n_actions)).ravel()
    outcome, which = outcomes_of(mdp, rows)
    out = np.zeros((rows.size, ahead.shape[1]))
    np.add.at(out, which, probability[outcome][:, None] * ahead[mdp.next_state[outcome]])
    return out.reshape(places.size, mdp.n_actions, -1)

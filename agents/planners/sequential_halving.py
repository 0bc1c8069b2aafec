"""The schedule of sequential halving, for searches that are compiled and for those on networks, which need no Numba."""

from __future__ import annotations

import math


def visits_considered(actions: int, simulations: int) -> list[int]:
    """The schedule of sequential halving (Karnin et al. 2013), written as visit counts.

    All actions are visited equally often, then the better half of them, and so on down to two.

    Args:
        actions: how many actions are considered.
        simulations: the length of the schedule.

    Returns:
        For each simulation, how many visits an action must have had so far to be a candidate in it. Each halving keeps
        the best by score of those that have the most visits, so no set of surviving actions has to be stored.
    """
    if actions <= 1:
        return list(range(simulations))
    rounds = math.ceil(math.log2(actions))
    done = [0] * actions
    sequence: list[int] = []
    left = actions
    while len(sequence) < simulations:
        for _ in range(max(1, simulations // (rounds * left))):
            sequence += done[:left]
            done[:left] = [visits + 1 for visits in done[:left]]
        left = max(2, left // 2)
    return sequence[:simulations]

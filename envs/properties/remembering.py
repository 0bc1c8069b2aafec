"""The probability that an episode has a temporal property, as what an automaton has come to at the episode's end."""

from __future__ import annotations

import numpy as np

from ..analysis.tie_ranges import TieRange, latched_range
from ..base import Bools, FiniteMDP
from ..solvers.dynamic_programming import Optimal
from .automaton import automaton
from .formulas import Formula


def property_range(mdp: FiniteMDP, optimal: Optimal, formula: Formula, holds: Bools, steps: int) -> TieRange:
    """The range of the probability that an episode of T ticks has a temporal property.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`: what may be chosen.
        formula: the property, at the first moment.
        holds: bool `[S, P]`, in which states each condition of the formula holds.
        steps: T, ticks.

    Returns:
        The lowest and the highest over all policies that choose so, those with a memory included.

    Raises:
        NotEnumerableError: remembering what the property needs takes too many states.
        ValueError: as `tie_ranges.latched_range`.
    """
    decides = automaton(formula, mdp, holds)
    return latched_range(mdp, optimal, decides, decides.accepting.astype(np.float64), steps)

"""The policy and the vector values of a finite-horizon solution at every tick."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...envs.base import FiniteMDP, Floats
from ...envs.mdp.transition_tables import tables
from ...envs.solvers.dynamic_programming import FiniteHorizonSolution
from ..records.plan_from_mdp import PlannedPath


class Timetable:
    """Access to a finite-horizon solution by tick.

    Vector values take `8 * (T + 1) * S * K` bytes for a horizon of T ticks, and are only computed on first use: acting
    needs the policy alone, explaining a decision needs the values.
    """

    def __init__(self, mdp: FiniteMDP, solution: FiniteHorizonSolution) -> None:
        self._mdp = mdp
        self._solution = solution

    def planned_path(self, tick: int) -> PlannedPath:
        """The policy that is followed from a tick on.

        Raises:
            ValueError: the tick is beyond the horizon.
        """
        horizon = self._solution.horizon
        if not 0 <= tick < horizon:
            raise ValueError(f"tick {tick} is beyond the horizon of {horizon} ticks: the episode should be over")
        return PlannedPath(lambda ahead: _Tick(self, tick + ahead), horizon - tick)

    def policy(self, tick: int) -> npt.NDArray[np.integer]:
        """Integers `[S]`, the action in each state at a tick."""
        policy: npt.NDArray[np.integer] = self._solution.policy[tick]
        return policy

    @cached_property
    def vector_values(self) -> Floats:
        """float64 `[T + 1, S, K]`, each channel's value at every tick, by backward induction; zero at the horizon."""
        solution, mdp = self._solution, self._mdp
        values = np.zeros((solution.horizon + 1, mdp.n_states, len(mdp.channels)))
        # Ended states are left at zero: nothing is paid after the end, and their entry in the policy means nothing.
        states: npt.NDArray[np.intp] = np.flatnonzero(~mdp.ended)
        for tick in reversed(range(solution.horizon)):
            values[tick, states] = self.vector_q(values[tick + 1])[states, solution.policy[tick, states]]
        return values

    def vector_q(self, next_values: Floats) -> Floats:
        """float64 `[S, A, K]`: the rewards of an action plus the discounted values `[S, K]` at the next tick."""
        table = tables(self._mdp)
        return table.vector_rewards + self._solution.discount * table.expected_next(next_values)


@dataclass(frozen=True)
class _Tick:
    """The policy and values at one tick of a timetable; it implements `Solved`."""

    timetable: Timetable
    tick: int

    @property
    def policy(self) -> npt.NDArray[np.integer]:
        return self.timetable.policy(self.tick)

    @property
    def vector_values(self) -> Floats:
        values: Floats = self.timetable.vector_values[self.tick]
        return values

    # Computed per tick on demand: for all ticks at once it would take A times the memory of the values.
    @cached_property
    def vector_q(self) -> Floats:
        return self.timetable.vector_q(self.timetable.vector_values[self.tick + 1])

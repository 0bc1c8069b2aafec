"""The policy of a finite-horizon solution and its values per channel, at every tick."""

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
    """A finite-horizon solution unrolled. Vector values (`8 * T * S * K` bytes) are worked out when first asked for."""

    def __init__(self, mdp: FiniteMDP, solution: FiniteHorizonSolution) -> None:
        self._mdp = mdp
        self._solution = solution

    def planned_path(self, tick: int) -> PlannedPath:
        """What is followed from a tick on.

        Raises:
            ValueError: the tick is beyond the horizon.
        """
        horizon = self._solution.horizon
        if not 0 <= tick < horizon:
            raise ValueError(f"tick {tick} is beyond the horizon of {horizon} ticks: the episode should be over")
        return PlannedPath(lambda ahead: _Tick(self, tick + ahead), horizon - tick)

    def policy(self, tick: int) -> npt.NDArray[np.integer]:
        """Integers `[S]`."""
        policy: npt.NDArray[np.integer] = self._solution.policy[tick]
        return policy

    @cached_property
    def vector_values(self) -> Floats:
        """float64 `[T + 1, S, K]`, zero at the last tick."""
        solution, mdp = self._solution, self._mdp
        values = np.zeros((solution.horizon + 1, mdp.n_states, len(mdp.channels)))
        states: npt.NDArray[np.intp] = np.flatnonzero(~mdp.ended)
        for tick in reversed(range(solution.horizon)):
            values[tick, states] = self.vector_q(values[tick + 1])[states, solution.policy[tick, states]]
        return values

    def vector_q(self, next_values: Floats) -> Floats:
        """float64 `[S, A, K]`: pay now and the discounted values `[S, K]` of the next tick."""
        table = tables(self._mdp)
        return table.vector_rewards + self._solution.discount * table.expected_next(next_values)


@dataclass(frozen=True)
class _Tick:
    """One tick of a timetable, as `Solved`."""

    timetable: Timetable
    tick: int

    @property
    def policy(self) -> npt.NDArray[np.integer]:
        return self.timetable.policy(self.tick)

    @property
    def vector_values(self) -> Floats:
        values: Floats = self.timetable.vector_values[self.tick]
        return values

    @cached_property
    def vector_q(self) -> Floats:
        return self.timetable.vector_q(self.timetable.vector_values[self.tick + 1])

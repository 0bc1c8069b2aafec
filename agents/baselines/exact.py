"""The agent `exact`, which follows a policy solved on the true world: the reference for all learned agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ...envs.solvers.dynamic_programming import FiniteHorizonSolution
from ..base import AgentState
from ..learning.transitions import steps_of
from ..planners.base import Decision
from ..records.attribution import WEIGHTED, DeliberationRule
from ..records.plan import Counterfactual, Plan
from ..records.plan_from_mdp import PlannedPath, Solved, StateIndex, plan_from_table
from ..records.thought import Thought
from ..records.thought_from_values import tabular_thought
from .timetable import Timetable

Thinking: TypeAlias = Callable[[int, Decision], Plan]
"""Maps a tick and the decision made at it to the plan of the search behind the decision."""


class ExactAgent:
    """Follows the policy of a solved world and explains its decisions. It never sees the hidden performance.

    Attributes:
        name: the agent's name in its thoughts.
        remembers: whether its policy depends on the tick too (a finite horizon), which the observation does not show.
    """

    def __init__(
        self,
        mdp: FiniteMDP,
        solution: Solved | FiniteHorizonSolution,
        observations: Longs,
        weights: Floats,
        name: str = "exact",
        counterfactuals: Mapping[str, npt.NDArray[np.integer]] | None = None,
        rule: DeliberationRule = WEIGHTED,
        thinking: Thinking | None = None,
    ) -> None:
        """Makes an agent that follows a solution.

        Args:
            mdp: the enumerated world.
            solution: a policy and its values; a finite-horizon one is indexed by the ticks since the episode began.
            observations: int64 `[S, O]`, the observation in each state.
            weights: float64 `[K]`, or `[S, K]` where they differ from state to state.
            name: the agent's name in its thoughts.
            counterfactuals: the changes in words, each with the policy under it: `[S]`, or `[T, S]` by ticks.
            rule: the deliberation for which the world was solved.
            thinking: gives the plan of a decision, where a planner that searches made the solution; None: the plan
                follows the solved table.

        Raises:
            ValueError: two states share an observation but not the policy's action, or shapes don't fit.
        """
        if len(observations) != mdp.n_states:
            raise ValueError(f"observations: {len(observations)} rows for {mdp.n_states} states")
        if np.shape(weights)[-1:] != (len(mdp.channels),):
            raise ValueError(f"weights: shape {list(np.shape(weights))} for {len(mdp.channels)} channels")
        self.name = name
        self._mdp = mdp
        self._timetable = Timetable(mdp, solution) if isinstance(solution, FiniteHorizonSolution) else None
        self._solution = solution
        self.remembers = self._timetable is not None
        self._rule = rule
        self._thinking = thinking
        self._observations = np.asarray(observations, np.int64)
        self._weights = np.broadcast_to(np.asarray(weights, np.float64), (mdp.n_states, len(mdp.channels)))
        self._counterfactuals = {change: np.atleast_2d(policy) for change, policy in (counterfactuals or {}).items()}
        self._index = StateIndex(self._observations, mdp.ended, np.atleast_2d(solution.policy))
        self._last: tuple[int, int, int, Bools] | None = None

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; where `mask` excludes the policy's action, the deliberation chooses among the others.

        Raises:
            ValueError: no state of the world has the observation, or the tick is beyond the horizon.
        """
        steps = steps_of(state, len(observation))
        places = self._index.find(observation)
        if (places < 0).any():
            raise ValueError(f"no state of the world looks like {observation[places.argmin()].tolist()}")
        actions = np.empty(len(steps), np.int32)
        # A stationary policy is the same at every tick, so that one look-up serves all lanes.
        ticks = np.zeros_like(steps) if self._timetable is None else steps
        # Lanes of a batch may be at different ticks of their episodes, and each tick has a policy of its own.
        for tick in np.unique(ticks).tolist():
            lanes = ticks == tick
            actions[lanes] = self.planned_path(tick).at(0).policy[places[lanes]]
        for lane in np.flatnonzero(~mask[np.arange(len(actions)), actions]):
            place = places[lane]
            solved = self.planned_path(int(steps[lane])).at(0)
            allowed = mask[lane] & self._mdp.available[place]
            actions[lane] = self._rule(solved.vector_q[place], self._weights[place], allowed).action
        self._last = (int(places[0]), int(steps[0]), int(actions[0]), mask[0].copy())
        return actions, steps + 1

    def thought(self) -> Thought | None:
        """See `Thinker.thought`."""
        if self._last is None:
            return None
        state, step, action, mask = self._last
        path = self.planned_path(step)
        # Solvers leave nan where an action was excluded from the policy; a `Thought` must be finite.
        available = self._mdp.available[state] & mask & np.isfinite(path.at(0).vector_q[state]).all(axis=1)
        uncertainty = np.zeros(self._mdp.n_actions)
        counterfactuals = tuple(
            # A stationary policy has a single row, which serves for every tick.
            Counterfactual(change, int(policy[min(step, len(policy) - 1), state]))
            for change, policy in self._counterfactuals.items()
        )
        decision = Decision(state, action, available, uncertainty, self._observations, counterfactuals)
        plan = self._plan(step, path, decision)
        return tabular_thought(
            self.name, self._mdp.channels, self._weights[state], self._rule, step, action, uncertainty, available, plan
        )

    def _plan(self, step: int, path: PlannedPath, decision: Decision) -> Plan:
        """The plan behind a decision at the tick `step`."""
        if self._thinking is not None:
            return self._thinking(step, decision)
        return plan_from_table(
            self._mdp,
            path,
            self._observations,
            decision.state,
            decision.action,
            "enumerate",
            decision.uncertainty,
            decision.available,
            decision.counterfactuals,
        )

    def planned_path(self, tick: int) -> PlannedPath:
        """The policy that is followed from a tick on, in every state.

        Raises:
            ValueError: the tick is beyond the horizon.
        """
        if self._timetable is not None:
            return self._timetable.planned_path(tick)
        solution = self._solution
        assert not isinstance(solution, FiniteHorizonSolution)
        return PlannedPath(lambda _: solution)

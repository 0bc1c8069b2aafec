"""The agent that plans on the true world: the reference for every learned one, and what exact expectations speak of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from .base import AgentState
from .deliberation import attribution, weighted
from .tabular_plan import Solved, StateIndex, plan_from_table
from .thoughts import Counterfactual, Thought


class ExactAgent:
    """Follows the policy of a solved world and can say why. It never sees the hidden performance."""

    def __init__(
        self,
        mdp: FiniteMDP,
        solution: Solved,
        observations: Longs,
        weights: Floats,
        name: str = "exact",
        counterfactuals: Mapping[str, Ints] | None = None,
    ) -> None:
        """Takes a world and its solution for these weights.

        Args:
            mdp: the enumerated world.
            solution: its policy and values.
            observations: int64 `[S, O]`, what each state looks like.
            weights: float64 `[K]`.
            name: the agent's name in its thoughts.
            counterfactuals: by the change's words, the policy int32 `[S]` that it leads to.

        Raises:
            ValueError: two states look alike, or shapes don't fit.
        """
        if len(observations) != mdp.n_states:
            raise ValueError(f"observations: {len(observations)} rows for {mdp.n_states} states")
        if len(weights) != len(mdp.channels):
            raise ValueError(f"weights: {len(weights)} for {len(mdp.channels)} channels")
        self.name = name
        self._mdp = mdp
        self._solution = solution
        self._observations = np.asarray(observations, np.int64)
        self._weights = np.asarray(weights, np.float64)
        self._counterfactuals = dict(counterfactuals or {})
        self._index = StateIndex(self._observations, mdp.ended)
        self._last: tuple[int, int, int, Bools] | None = None

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`; where `mask` forbids the policy's action, the best of the others.

        Raises:
            ValueError: an observation that no state of the world has.
        """
        steps = np.zeros(len(observation), np.int64) if state is None else np.asarray(state, np.int64)
        places = self._index.find(observation)
        if (places < 0).any():
            raise ValueError(f"no state of the world looks like {observation[places.argmin()].tolist()}")
        actions = self._solution.policy[places].astype(np.int32)
        barred = np.flatnonzero(~mask[np.arange(len(actions)), actions])
        if barred.size:
            actions[barred] = weighted(self._solution.vector_q[places[barred]], self._weights, mask[barred]).action
        self._last = (int(places[0]), int(steps[0]), int(actions[0]), mask[0].copy())
        return actions, steps + 1

    def thought(self) -> Thought | None:
        """See `Thinker.thought`."""
        if self._last is None:
            return None
        state, step, action, mask = self._last
        available = self._mdp.available[state] & mask
        uncertainty = np.zeros(self._mdp.n_actions)
        plan = plan_from_table(
            self._mdp,
            self._solution,
            self._observations,
            state,
            action,
            self.name,
            uncertainty,
            available,
            tuple(Counterfactual(change, int(policy[state])) for change, policy in self._counterfactuals.items()),
        )
        return Thought(
            agent=self.name,
            step=step,
            action=action,
            channels=self._mdp.channels,
            weights=self._weights,
            deliberation="weighted",
            q=plan.q,
            uncertainty=uncertainty,
            available=available,
            attribution=attribution(plan.q, self._weights, available, action),
            plans=(plan,),
        )

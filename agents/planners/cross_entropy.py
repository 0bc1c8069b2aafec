"""The planner `shooting`: whole sequences of actions, tried on the model, drawn anew around the best of them.

The cross-entropy method (Rubinstein 1999; as a planner, Chua et al. 2018): no tree and no value per state on the way,
so it is a baseline for both. Where chance matters it plans open-loop, which no sequence can repair: it cannot decide to
wait and see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ..records.plan import MAX_LINE, Plan
from ..records.plan_from_mdp import events_of, outcomes_at, plan_step
from .base import BoundPlanner, Decision, Leaves, Problem, Sweeps, check_heads_asked
from .tabular import SWEEPS

BATCH = 32
"""States whose sequences are tried together."""
WAYS = 8
"""How many ways that chance may go each sequence is tried on, where the model has any chance."""
SMOOTHING = 0.1
"""How much of the old distribution stays at each iteration, so that no action is ruled out by one bad draw."""


@dataclass(frozen=True)
class CrossEntropyPlanner:
    """Cross-entropy search over sequences of actions. It compares them by weighted sums, each head's return apart.

    Attributes:
        horizon: ticks that a sequence looks ahead; what comes after is judged by the heads.
        population: sequences drawn per iteration; each is tried on `WAYS` ways of chance where the model has any.
        iterations: how often they are drawn anew.
        elites: the share of them, the best, around which the next are drawn; at least one sequence.
        sweeps: of the heads; see `planners.base.Sweeps`.
        leaves: what judges the sequences' ends; see `planners.base.Leaves`.
    """

    horizon: int = 12
    population: int = 128
    iterations: int = 5
    elites: float = 0.1
    sweeps: Sweeps = SWEEPS
    leaves: Leaves = "followed"

    def __post_init__(self) -> None:
        check_heads_asked(self.sweeps, self.leaves)
        if self.horizon < 1 or self.population < 2 or self.iterations < 1:
            raise ValueError("horizon and iterations are at least 1, population at least 2")
        if not 0 <= self.elites <= 1:
            raise ValueError(f"elites: {self.elites} is not between 0 and 1")

    @property
    def name(self) -> str:
        """In plans."""
        return "shooting"

    def start(self, problem: Problem) -> BoundPlanner:
        """See `Planner.start`."""
        return _Shooting(self, problem)


class _Shooting:
    """`shooting` bound to a problem. The search is deterministic: the state's number seeds its random numbers."""

    def __init__(self, options: CrossEntropyPlanner, problem: Problem) -> None:
        self._options, self._problem = options, problem
        self._heads = problem.leaf_values(options.sweeps, options.leaves)
        self._available = problem.mdp.available
        self._total = np.concatenate([[0.0], np.cumsum(problem.mdp.probability)])
        self._ways = WAYS if problem.mdp.next_state.size > self._available.sum() else 1
        self._known: dict[bytes, int] = {}

    def decide(self, states: Longs, available: Bools) -> Ints:
        """What the best sequences from these states begin with, as the deliberation chooses among first actions."""
        keys = [
            int(state).to_bytes(8, "little") + mask.tobytes() for state, mask in zip(states, available, strict=True)
        ]
        fresh = {key: lane for lane, key in enumerate(keys) if key not in self._known}
        lanes = np.array(list(fresh.values()), np.int64)
        for first in range(0, lanes.size, BATCH):
            some = lanes[first : first + BATCH]
            q, tried, _ = self._shoot(states[some], available[some])
            actions = self._problem.rule(q, self._problem.weights, available[some] & tried).action.tolist()
            self._known.update((keys[lane], action) for lane, action in zip(some, actions, strict=True))
        return np.array([self._known[key] for key in keys], np.int32)

    def plan(self, decision: Decision) -> Plan:
        """The best sequence with this first action, as if always the likeliest came; its states are the nodes."""
        mdp, discounts = self._problem.mdp, self._problem.discounts
        q, tried, best = self._shoot(np.array([decision.state]), decision.available[None])
        ways: list[tuple[int, int]] = []
        states = [decision.state]
        for drawn in best[0, decision.action].tolist():
            if mdp.ended[states[-1]] or len(ways) == MAX_LINE:
                break
            available = self._available[states[-1]]
            action = drawn if available[drawn] else int(available.argmax())
            outcome = max(outcomes_at(mdp, states[-1], action), key=lambda o: float(mdp.probability[o]))
            ways.append((action, outcome))
            states.append(int(mdp.next_state[outcome]))
        values = [self._heads[states[-1]]]
        for _, outcome in reversed(ways):
            values.append(mdp.rewards[outcome] + discounts * values[-1])
        outcomes = [outcome for _, outcome in ways]
        available = decision.available & tried[0]
        return Plan(
            planner="shooting",
            root=decision.observations[decision.state],
            node_observation=decision.observations[states],
            node_value=np.array(values[::-1]),
            node_visits=np.ones(len(states), np.int64),
            node_parent=np.arange(-1, len(ways), dtype=np.int32),
            node_action=np.array([-1, *(action for action, _ in ways)], np.int32),
            node_probability=np.concatenate([[1.0], mdp.probability[outcomes]]),
            node_events=((), *(events_of(mdp, o) for o in outcomes)) if mdp.event_names else None,
            line=tuple(plan_step(mdp, decision.observations, *way) for way in ways),
            q=np.where(available[:, None], q[0], 0.0),
            uncertainty=decision.uncertainty,
            available=decision.available,
            counterfactuals=decision.counterfactuals,
            hallucinated=decision.hallucinated,
            truncated=decision.truncated or best.shape[2] > MAX_LINE,
        )

    def _shoot(self, states: Longs, available: Bools) -> tuple[Floats, Bools, Ints]:
        """The best that was found from some states.

        Returns:
            float64 `[B, A, K]`, the mean return of the best sequence that begins with each action; bool `[B, A]`, one
            did; int32 `[B, A, horizon]`, that sequence.
        """
        options, problem = self._options, self._problem
        lanes, actions, drawn = states.size, available.shape[1], options.population
        kept = max(1, round(options.elites * drawn))
        rngs = [np.random.default_rng([int(state)]) for state in states]
        shares = np.full((lanes, options.horizon, actions), 1.0 / actions)
        shares[:, 0] = available / available.sum(axis=1, keepdims=True)
        q = np.zeros((lanes, actions, problem.discounts.size))
        best, worth = np.zeros((lanes, actions, options.horizon), np.int32), np.full((lanes, actions), -np.inf)
        rows = np.arange(lanes)
        for iteration in range(options.iterations):
            chance = np.stack([rng.random((drawn, options.horizon)) for rng in rngs])
            sequences = (chance[..., None] > shares.cumsum(axis=2)[:, None, :, :-1]).sum(axis=3)
            if iteration == 0:  # each first action once, before any is left out
                sequences[..., 0] = np.argsort(~available, axis=1, kind="stable")[
                    rows[:, None], np.arange(drawn) % available.sum(axis=1)[:, None]
                ]
            returns = self._returns(states, sequences, rngs)
            scores = returns @ problem.weights
            for action in range(actions):
                with_it = np.where(sequences[..., 0] == action, scores, -np.inf)
                top = with_it.argmax(axis=1)
                better = with_it[rows, top] > worth[:, action]
                worth[better, action] = with_it[rows, top][better]
                q[better, action] = returns[rows, top][better]
                best[better, action] = sequences[rows, top][better]
            elite = sequences[rows[:, None], np.argsort(-scores, axis=1, kind="stable")[:, :kept]]
            found = (elite[..., None] == np.arange(actions)).mean(axis=1)
            shares = (1 - SMOOTHING) * found + SMOOTHING * shares
        return q, np.isfinite(worth), best

    def _returns(self, states: Longs, sequences: Longs, rngs: list[np.random.Generator]) -> Floats:
        """float64 `[B, P, K]`: what sequences `[B, P, H]` pay, the heads at their ends counted, mean over the ways.

        Where an action is not available, the first that is stands in for it.
        """
        mdp, discounts, width = self._problem.mdp, self._problem.discounts, self._available.shape[1]
        shape = (*sequences.shape[:2], self._ways)
        here = np.broadcast_to(states[:, None, None], shape).copy()
        returns, factor = np.zeros((*shape, discounts.size)), np.ones(discounts.size)
        for tick in range(sequences.shape[2]):
            alive = ~mdp.ended[here]
            action = np.broadcast_to(sequences[:, :, tick, None], shape)
            action = np.where(self._available[here, action], action, self._available[here].argmax(axis=-1))
            row = np.where(alive, here * width + action, 0)
            begin, end = mdp.row_start[row], mdp.row_start[row + 1]
            outcome = begin
            if self._ways > 1:
                chance = np.stack([rng.random(shape[1:]) for rng in rngs])
                drawn = self._total[begin] + chance * (self._total[end] - self._total[begin])
                outcome = np.clip(np.searchsorted(self._total, drawn, "right") - 1, begin, np.maximum(begin, end - 1))
            outcome = np.minimum(outcome, mdp.next_state.size - 1)
            returns += np.where(alive[..., None], factor * mdp.rewards[outcome], 0.0)
            here = np.where(alive, mdp.next_state[outcome], here)
            factor = factor * discounts
        returns += np.where(mdp.ended[here][..., None], 0.0, factor * self._heads[here])
        mean: Floats = returns.mean(axis=2)
        return mean

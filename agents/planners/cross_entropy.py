"""The planner `shooting`: random shooting with the cross-entropy method over action sequences.

Sequences of actions are sampled, simulated on the model, and resampled from a distribution fitted to the best ones
(the cross-entropy method, Rubinstein 1999; as a planner, Chua et al. 2018). It builds no tree and uses no values of the
states on the way, so it is a baseline for methods that do. It plans open-loop: in a stochastic model a sequence cannot
react to which outcome came.
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
"""How many states are searched from together, which bounds the memory of the simulations."""
WAYS = 8
"""How many simulations estimate the return of each sequence, where the model is stochastic."""
SMOOTHING = 0.1
"""The share of the old distribution that is kept at each iteration, so that one bad draw rules out no action."""


@dataclass(frozen=True)
class CrossEntropyPlanner:
    """Cross-entropy search over sequences of actions.

    Sequences are compared by the weighted sum of their channels' returns, whatever the deliberation; it only chooses
    among the first actions.

    Attributes:
        horizon: length of a sequence in ticks; what follows is valued by the heads.
        population: sequences drawn per iteration; each is simulated `WAYS` times where the model is stochastic.
        iterations: how often sequences are drawn.
        elites: the share of the best sequences to which the next distribution is fitted; at least one sequence.
        sweeps: of the heads; see `planners.base.Sweeps`.
        leaves: the values at the sequences' ends; see `planners.base.Leaves`.
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
        """See `Planner.name`."""
        return "shooting"

    def start(self, problem: Problem) -> BoundPlanner:
        """See `Planner.start`."""
        return _Shooting(self, problem)


class _Shooting:
    """`shooting` bound to a problem.

    The random generator of a search is seeded by the index of the state, so that the same state is always searched
    alike (see `BoundPlanner`). Decisions are cached by state and allowed actions.
    """

    def __init__(self, options: CrossEntropyPlanner, problem: Problem) -> None:
        self._options, self._problem = options, problem
        self._heads = problem.leaf_values(options.sweeps, options.leaves)
        self._available = problem.mdp.available
        # Cumulative over all outcomes of the model, so that one `searchsorted` samples the outcomes of a whole batch.
        self._total = np.concatenate([[0.0], np.cumsum(problem.mdp.probability)])
        # With one outcome for each available pair the model is deterministic: one simulation is exact.
        self._ways = WAYS if problem.mdp.next_state.size > self._available.sum() else 1
        self._known: dict[bytes, int] = {}

    def decide(self, states: Longs, available: Bools) -> Ints:
        """The first actions that the deliberation chooses, by the return of the best sequence after each."""
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
        """The best sequence with this first action, along its most probable outcomes; its states are the nodes."""
        mdp, discounts = self._problem.mdp, self._problem.discounts
        q, tried, best = self._shoot(np.array([decision.state]), decision.available[None])
        ways: list[tuple[int, int]] = []
        states = [decision.state]
        for drawn in best[0, decision.action].tolist():
            if mdp.ended[states[-1]] or len(ways) == MAX_LINE:
                break
            # The same replacement of unavailable actions as in `_returns`, so that the line shows what was simulated.
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
        """Searches from each of B states.

        Returns:
            float64 `[B, A, K]`, the mean return of the best sequence that begins with each action; bool `[B, A]`,
            whether any sequence began with it; int32 `[B, A, horizon]`, the best one.
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
            # Inverse transform sampling: how many cumulative probabilities, the last (1) left out, the number exceeds.
            sequences = (chance[..., None] > shares.cumsum(axis=2)[:, None, :, :-1]).sum(axis=3)
            if iteration == 0:  # the first actions in rotation, so that each is tried if the population allows it
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
        """float64 `[B, P, K]`: the returns of P sequences per state, `[B, P, H]`, averaged over the simulations.

        They are discounted and include the values at the sequences' ends. Where an action is not available, the first
        available one is taken instead.
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
                # Rounding of the cumulative sums could otherwise lead into the outcomes of a neighbouring row.
                outcome = np.clip(np.searchsorted(self._total, drawn, "right") - 1, begin, np.maximum(begin, end - 1))
            # Ended simulations read row 0, which may be empty; what they read is masked, but has to exist.
            outcome = np.minimum(outcome, mdp.next_state.size - 1)
            returns += np.where(alive[..., None], factor * mdp.rewards[outcome], 0.0)
            here = np.where(alive, mdp.next_state[outcome], here)
            factor = factor * discounts
        returns += np.where(mdp.ended[here][..., None], 0.0, factor * self._heads[here])
        mean: Floats = returns.mean(axis=2)
        return mean

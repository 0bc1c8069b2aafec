"""The planner `mcts`: Gumbel tree search from the present state, with value heads at the leaves.

What the search can add depends on the values at its leaves. These come from `sweeps` sweeps over the whole model. With
`all` they are exact for the model, and the search adds nothing; with few, they look only that many ticks ahead, and the
search improves on the policy that is greedy by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ..records.plan import MAX_LINE, MAX_NODES, Plan, PlanStep
from ..records.plan_from_mdp import events_of, outcomes_at, plan_step
from .base import BoundPlanner, Decision, Leaves, Problem, Sweeps, check_heads_asked
from .tabular import SWEEPS

if TYPE_CHECKING:
    from .gumbel_search import SearchTree

NODES = 1 << 20
"""Most nodes of the trees that are grown in one batch; all of them are in memory until the actions are read off."""


@dataclass(frozen=True)
class MctsPlanner:
    """Gumbel tree search with vector backups (see `tree_search`).

    Below the root actions are compared by weighted sums, whatever the deliberation; it only chooses at the root.

    Attributes:
        simulations: simulated paths per decision; each adds at most one node to the tree.
        considered: the largest number of actions that are tried at the root.
        backup: `best` or `mean`; see `tree_search`.
        gumbel: scale of the noise that selects the root's actions where there are more than `considered`; with `mean`
            it also breaks near ties.
        sweeps: of the heads; see `planners.base.Sweeps`.
        leaves: `followed` (the value of the heads' greedy policy) or `swept` (the heads); see `planners.base.Leaves`.
    """

    simulations: int = 64
    considered: int = 16
    backup: Literal["best", "mean"] = "best"
    gumbel: float = 1.0
    sweeps: Sweeps = SWEEPS
    leaves: Leaves = "followed"

    def __post_init__(self) -> None:
        check_heads_asked(self.sweeps, self.leaves)
        if self.simulations < 1 or self.considered < 1:
            raise ValueError("simulations and considered are at least 1")
        if self.backup not in ("best", "mean"):
            raise ValueError(f"backup: {self.backup!r} is neither best nor mean")

    @property
    def name(self) -> str:
        """See `Planner.name`."""
        return "mcts"

    def start(self, problem: Problem) -> BoundPlanner:
        """See `Planner.start`."""
        return _Searching(self, problem)


class _Searching:
    """`mcts` bound to a problem.

    The random key of a search is the index of the state, so that the same state is always searched alike (see
    `BoundPlanner`). Decisions are cached by state and allowed actions.
    """

    def __init__(self, options: MctsPlanner, problem: Problem) -> None:
        # Imported only where a search starts: importing it compiles nothing, but loads Numba.
        from .gumbel_search import SearchTables

        self._options, self._problem = options, problem
        self._tables = SearchTables.of(problem.mdp)
        self._heads = np.ascontiguousarray(problem.leaf_values(options.sweeps, options.leaves))
        # A uniform prior, allocated once: passing None would allocate it at every decision.
        self._prior = np.zeros(problem.mdp.available.shape)
        self._known: dict[bytes, int] = {}

    def decide(self, states: Longs, available: Bools) -> Ints:
        """The actions chosen by a tree search from each state."""
        keys = [
            int(state).to_bytes(8, "little") + mask.tobytes() for state, mask in zip(states, available, strict=True)
        ]
        fresh = {key: lane for lane, key in enumerate(keys) if key not in self._known}
        lanes = np.array(list(fresh.values()), np.int64)
        batch = max(1, NODES // (self._options.simulations + 1))
        for first in range(0, lanes.size, batch):
            some = lanes[first : first + batch]
            actions = self._chosen(self._search(states[some]), available[some])
            self._known.update((keys[lane], action) for lane, action in zip(some, actions.tolist(), strict=True))
        return np.array([self._known[key] for key in keys], np.int32)

    def plan(self, decision: Decision) -> Plan:
        """The search tree as a plan, one node for each path; the `MAX_NODES` most visited nodes are kept."""
        tree = self._search(np.array([decision.state]))
        grown = int(tree.nodes[0])
        # A node has at least as many visits as each of its children and is older than them, so with ties broken by
        # age a kept node's parent is always kept too.
        kept = np.sort(np.lexsort((np.arange(grown), -tree.node_visits[0, :grown]))[:MAX_NODES])
        number = np.full(grown, -1)
        number[kept] = np.arange(kept.size)
        mdp, outcomes = self._problem.mdp, tree.node_outcome[0, kept[1:]]
        parents = tree.node_parent[0, kept]
        line, line_cut = self._line(tree, decision)
        return Plan(
            planner="mcts",
            root=decision.observations[decision.state],
            node_observation=decision.observations[tree.node_state[0, kept]],
            node_value=tree.node_value[0, kept],
            node_visits=tree.node_visits[0, kept].astype(np.int64),
            node_parent=np.where(parents < 0, -1, number[parents]).astype(np.int32),
            node_action=tree.node_action[0, kept],
            node_probability=np.concatenate([[1.0], mdp.probability[outcomes]]),
            node_events=((), *(events_of(mdp, int(o)) for o in outcomes)) if mdp.event_names else None,
            line=line,
            q=np.where(decision.available[:, None], tree.q[0], 0.0),
            uncertainty=decision.uncertainty,
            available=decision.available,
            counterfactuals=decision.counterfactuals,
            hallucinated=decision.hallucinated,
            truncated=decision.truncated or line_cut or grown > kept.size,
        )

    def _search(self, states: Longs) -> SearchTree:
        """The search trees from B states, with the states' indices as random keys."""
        from .gumbel_search import tree_search

        options, problem = self._options, self._problem
        return tree_search(
            self._tables, states.astype(np.int32), self._heads, problem.weights, problem.discounts,
            options.simulations, states.astype(np.int64), self._prior, options.considered, options.gumbel,
            options.backup,
        )  # fmt: skip

    def _chosen(self, tree: SearchTree, available: Bools) -> Ints:
        """int32 `[B]`: the deliberation's choice among the root's valued actions.

        With the backup `mean` and weighted sums it is the search's own choice, since the winner of sequential halving
        was visited most, and means of few visits are noisy.
        """
        rule, weights = self._problem.rule, self._problem.weights
        if self._options.backup == "best":
            return rule(tree.q, weights, available).action
        valued = available & (tree.visits > 0)
        # The search does not know of `available` and may have tried only actions outside it: then all allowed ones
        # count.
        valued[~valued.any(axis=1)] = available[~valued.any(axis=1)]
        actions = rule(tree.q, weights, valued).action
        own = available[np.arange(actions.size), tree.action] & (rule.name == "weighted")
        return np.where(own, tree.action, actions).astype(np.int32)

    def _line(self, tree: SearchTree, decision: Decision) -> tuple[tuple[PlanStep, ...], bool]:
        """The principal line within the tree, along the most probable outcomes, and whether `MAX_LINE` cut it."""
        mdp, grown = self._problem.mdp, int(tree.nodes[0])
        ways = zip(*(getattr(tree, f"node_{name}")[0, 1:grown].tolist() for name in ("parent", "outcome")), strict=True)
        below = {way: node + 1 for node, way in enumerate(ways)}
        opened = {parent for parent, _ in below}
        steps: list[PlanStep] = []
        node: int | None = 0
        while node is not None and node in opened and len(steps) < MAX_LINE:
            state = int(tree.node_state[0, node])
            action = decision.action if node == 0 else self._best(tree, below, node, state)
            outcome = max(outcomes_at(mdp, state, action), key=lambda o: float(mdp.probability[o]))
            steps.append(plan_step(mdp, decision.observations, action, outcome))
            node = below.get((node, outcome))
        return tuple(steps), node is not None and node in opened

    def _best(self, tree: SearchTree, below: dict[tuple[int, int], int], node: int, state: int) -> int:
        """The best action of a node by the weighted sum of one-step backups from its children.

        With the backup `mean` only visited actions count; with `best` all do, with the heads for unvisited outcomes.
        """
        mdp, problem, by_mean = self._problem.mdp, self._problem, self._options.backup == "mean"
        best, chosen = -np.inf, -1
        for action in np.flatnonzero(mdp.available[state]).tolist():
            outcomes = outcomes_at(mdp, state, action)
            if by_mean and not any((node, o) in below for o in outcomes):
                continue
            worth = sum(
                float(mdp.probability[o])
                * ((mdp.rewards[o] + problem.discounts * self._ahead(tree, below, node, o)) @ problem.weights)
                for o in outcomes
            )
            if worth > best:
                best, chosen = float(worth), action
        return chosen

    def _ahead(self, tree: SearchTree, below: dict[tuple[int, int], int], node: int, outcome: int) -> Floats:
        """float64 `[K]`: the value of the state after an outcome, from the tree or else from the heads."""
        child = below.get((node, outcome))
        values: Floats = (
            tree.node_value[0, child] if child is not None else self._heads[self._problem.mdp.next_state[outcome]]
        )
        return values

"""Exact plans of a life: what an agent does in each of its episodes that looks ahead to the end of one, or of all.

Values are worked out from the last episode to the first. Where chance decides how many repeated episodes there are, the
plan is the limit of ever more of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..analysis.exact_plan import barred_pairs, deciding_agents
from ..base import Bools, FiniteMDP, Floats, Longs, NotEnumerableError
from ..mdp.transition_tables import tables
from ..reference.observation import observation_ids
from ..solvers.belief_mdp import alias_report, belief_mdp
from ..solvers.bellman import EPSILON, SOLVING, best_of, largest, tie_tolerance, ties
from ..solvers.dynamic_programming import allowed_for_ever
from ..solvers.modifiable_utility import NoFixedPointError
from ..solvers.policy_evaluation import ImproperDiscountError
from ..time_limit import check_time
from ..world.part_spec import ENUMERATE
from .process import LifeProcess

MOST_SWEEPS = 200_000
"""Repeated episodes that are looked ahead to, at most."""
PATIENCE = 8
"""Sweeps for which a plan has to stay the same before it counts as the limit."""


@dataclass(frozen=True, eq=False)
class LifePlan:
    """A life that is solved exactly.

    Attributes:
        process: the life, over its places; or over (belief, place) pairs where views are partial.
        optimal: bool `[P, A]`, the actions that tie with the best in each place; those of a policy with a memory may be
            chosen among them in any way.
        values: float64 `[P]`, what the agent that acts holds its prospects to be worth.
        weights: float64 `[P, K]`, of those who decide, in each place.
        foresight: `episode` or `life`.
        aliased: how many places share an observation with one that has a different future.
        upper_bound: views are partial and beliefs were too many, so this is the plan of an agent that sees all.
        hides: views are partial.
        known: the same plan over beliefs, by which ties are broken, if any were planned on.
    """

    process: LifeProcess
    optimal: Bools
    values: Floats
    weights: Floats
    foresight: str
    aliased: int = 0
    upper_bound: bool = False
    hides: bool = False
    known: LifePlan | None = None

    @property
    def ties_of_all(self) -> bool:
        """Views are partial, and yet the plan is one on places, so that its ties are those of one who sees all."""
        return self.hides and self.known is None

    @property
    def free(self) -> LifePlan:
        """The same life in which every available action counts as optimal."""
        return replace(self, optimal=self.process.mdp.available, known=None if self.known is None else self.known.free)

    @property
    def start_value(self) -> float:
        """The expectation of `values` where the life begins."""
        mdp = self.process.mdp
        return float(mdp.start_probability @ self.values[mdp.start_state])

    @property
    def start_weights(self) -> Floats:
        """float64 `[K]`: the weights where the life begins."""
        return np.asarray(self.weights[self.process.mdp.start_state[0]])


def plan_life(process: LifeProcess, barring: Sequence[str] = (), max_states: int = 1_000_000) -> LifePlan:
    """Solve a life for those who decide in it.

    Args:
        process: the life.
        barring: events that may never come in it.
        max_states: beliefs that may be enumerated before the plan of an agent that sees all is given instead.

    Raises:
        ImproperDiscountError: discount 1 in a life that chance may let go on for ever.
        InfeasibleError: what is barred cannot be avoided.
        NoFixedPointError: ever more repeated episodes lead to no plan.
        NotEnumerableError: no solver fits.
    """
    world = process.enumerations[0].world
    deciding = deciding_agents(world)
    agent = world.agents[deciding[0]]
    if world.equilibrium is not None:
        raise NotEnumerableError(
            "equilibria are not found of lives", "write `solution: joint` or `{best_response: AGENT, others: {...}}`"
        )
    if any(world.agents[each].deliberation.name != "weighted" for each in deciding):
        raise NotEnumerableError("a life is solved for `deliberation: weighted` alone", "weigh the agent's values")
    if any(world.agents[each].planner != ENUMERATE for each in deciding):
        raise NotEnumerableError("a life is planned by `enumerate` alone", "leave `planner:` out")
    weights = process.per_place(
        [
            np.sum([each.world.weights(each.states, one) for one in deciding], axis=0)
            for each in process.enumerations
        ]
    )  # fmt: skip
    whole = _solved(process, weights, agent.foresight, agent.judges_by, barring)
    if len(deciding) > 1:
        return whole
    views = _views(process, deciding[0])
    if np.unique(views).size == process.mdp.n_states:
        return whole
    aliased = int(alias_report(process.mdp, views).states.sum())
    if aliased == 0:
        return replace(whole, hides=True)
    if not fixed_weights(process, weights):
        raise NotEnumerableError("beliefs are not planned on where weights may change")
    try:
        belief = belief_mdp(process.mdp, views, max_states)
    except NotEnumerableError:
        return replace(whole, aliased=aliased, upper_bound=True)
    place = belief.pair_state.astype(np.int64)
    pairs = process.lifted(belief.pair_mdp, place, belief.pair_outcome)
    # A belief stands at one place of the life, whatever it leaves open about the state.
    one = belief.support_start[:-1]
    over_beliefs = process.lifted(belief.mdp, place[one], np.zeros(0, np.int64))
    barred = barred_pairs(_with_all_events(pairs), barring)
    solved = _Solver(
        over_beliefs, weights[place[one]], agent.judges_by, agent.foresight,
        None if barred is None else belief.barred(barred),
    ).solve()  # fmt: skip
    known = LifePlan(over_beliefs, *solved, weights[place[one]], agent.foresight)
    values = known.values[belief.pair_belief]
    return LifePlan(
        pairs, belief.lift(known.optimal), values, weights[place], agent.foresight, aliased, hides=True, known=known
    )


def designers_plan(plan: LifePlan, weight: float = 1.0) -> LifePlan:
    """The plan of the same life that is best for the hidden performance, undiscounted, by one who sees everything.

    Its weights are those of the given plan, so that values are told by what the agent wants. With a `weight` of -1 it
    is the plan that is worst for the performance.
    """
    process = plan.process
    hidden = replace(process.mdp, rewards=process.performance[:, None], channels=("performance",))
    judged = replace(process, mdp=hidden)
    weights = np.full((hidden.n_states, 1), weight)
    optimal, values = _Solver(judged, weights, "current", "life", None, discounts=np.ones(hidden.n_states)).solve()
    return replace(plan, optimal=optimal, values=values, foresight="life", hides=False, known=None)


def best_performance_of_life(process: LifeProcess) -> LifePlan:
    """The life of whoever may do anything: every available action counts as optimal."""
    mdp = process.mdp
    weights = np.zeros((mdp.n_states, len(mdp.channels)))
    return LifePlan(process, mdp.available, np.zeros(mdp.n_states), weights, "life")


def _views(process: LifeProcess, agent: int) -> Longs:
    """int64 `[P]`: what the agent sees in each place; it knows the episode and the tick."""
    seen = process.per_place(
        [observation_ids(each.world, each.states, agent).astype(np.float64) for each in process.enumerations]
    )
    keys = np.stack([process.layer, seen.astype(np.int64)], axis=1)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def fixed_weights(process: LifeProcess, weights: Floats) -> bool:
    """Whether the agent has the same weights wherever it acts."""
    acting = weights[~process.mdp.ended]
    return bool((acting == acting[:1]).all())


def _with_all_events(process: LifeProcess) -> FiniteMDP:
    return replace(process.mdp, events=process.mdp.events | process.between)


def _solved(process: LifeProcess, weights: Floats, foresight: str, judges_by: str, barring: Sequence[str]) -> LifePlan:
    return solve_life(process, weights, foresight, judges_by, barred_pairs(_with_all_events(process), barring))


def solve_life(
    process: LifeProcess,
    weights: Floats,
    foresight: str,
    judges_by: str,
    barred: Bools | None = None,
    discounts: Floats | None = None,
) -> LifePlan:
    """The best life for one who sees all.

    Args:
        process: the life.
        weights: float64 `[P, K]`, in each place.
        foresight: `episode` or `life`.
        judges_by: see `AgentProgram`.
        barred: bool `[P, A]`, what may not be done; None for nothing.
        discounts: float64 `[P]`, in place of the agent's own.

    Raises:
        ImproperDiscountError, InfeasibleError, NoFixedPointError: see `plan_life`.
    """
    optimal, values = _Solver(process, weights, judges_by, foresight, barred, discounts).solve()
    return LifePlan(process, optimal, values, weights, foresight)


class Layers:
    """The places of a life layer by layer from the last to the first; those of a repeated block are gone through again.

    Attributes:
        groups: for each layer from the last, the places in it.
    """

    def __init__(self, process: LifeProcess) -> None:
        acting = np.flatnonzero(~process.mdp.ended)
        acting = acting[np.argsort(process.layer[acting], kind="stable")]
        cuts = np.flatnonzero(np.diff(process.layer[acting])) + 1
        self.groups = np.split(acting, cuts)[::-1] if acting.size else []
        repeated = [process.entries[process.entry[group[0]]].episodes is None for group in self.groups]
        episodes = [(int(process.entry[group[0]]), int(process.episode[group[0]])) for group in self.groups]
        self._blocks: list[tuple[list[Longs], bool]] = []
        last: tuple[int, int] | None = None
        for group, again, label in zip(self.groups, repeated, episodes, strict=True):
            loops = again and label[1] == 1
            if loops and last == label:
                self._blocks[-1][0].append(group)
            else:
                self._blocks.append(([group], loops))
            last = label

    def __iter__(self) -> Iterator[tuple[list[Longs], bool]]:
        """Groups of places, and whether they are to be gone through until nothing changes."""
        return iter(self._blocks)


class _Solver:
    """Backward induction over the layers of a life, for selves that judge by the weights of their places.

    What is kept of the places that were gone through: for `current` the values per channel of the policy that later
    selves follow; for `ignoring` the best values by each of the weights; else the best values.
    """

    def __init__(
        self,
        process: LifeProcess,
        weights: Floats,
        judges_by: str,
        foresight: str,
        barred: Bools | None,
        discounts: Floats | None = None,
    ) -> None:
        mdp = process.mdp
        self.process, self.weights, self.mdp = process, weights, mdp
        table = tables(mdp)
        self.rewards = table.vector_rewards
        self.allowed = allowed_for_ever(mdp, table, barred)
        self.layers = Layers(process)
        self.discounts = process.discounts if discounts is None else discounts
        ahead = mdp
        if foresight == "episode":
            # Nothing after the episode counts: its last outcomes lead nowhere.
            begins = mdp.ended[mdp.next_state] | (process.tick[mdp.next_state] == 0)
            ahead = replace(mdp, probability=np.where(begins, 0.0, mdp.probability))
        self.ahead = tables(ahead).matrix
        self.loops = foresight == "life"
        self.by = "fixed" if fixed_weights(process, weights) else judges_by
        if self.by == "ignoring":
            self.kinds, kind = np.unique(weights, axis=0, return_inverse=True)
            self.kind = kind.reshape(-1)
        endless = any(again for _, again in self.layers)
        most = float(self.discounts.max(initial=0.0))
        if endless and self.loops and most == 1 and any(entry.continues >= 1 for entry in process.entries):
            raise ImproperDiscountError("at discount 1 a life has to be over some time")
        self.most, self.ticks = most, math.inf if endless else float(len(self.layers.groups))

    def solve(self) -> tuple[Bools, Floats]:
        """The optimal actions `[P, A]` and the values `[P]` by which the acting selves judge."""
        mdp = self.mdp
        width = {"current": len(mdp.channels), "ignoring": len(getattr(self, "kinds", ()))}.get(self.by, 1)
        self.values = np.zeros((mdp.n_states, width))
        self.judged = np.zeros(mdp.n_states)
        self.optimal = np.zeros((mdp.n_states, mdp.n_actions), np.bool_)
        self.scale = 0.0
        for groups, again in self.layers:
            pieces = [_Piece(self, group) for group in groups]
            if again and self.loops:
                self._to_the_limit(pieces)
            else:
                for piece in pieces:
                    piece.judge()
        return self.optimal, self.judged

    def _to_the_limit(self, pieces: Sequence[_Piece]) -> None:
        """Go through a repeated episode until neither values nor plan change: with ever more episodes to come."""
        places = np.concatenate([piece.places for piece in pieces])
        settled = 0
        for _ in range(MOST_SWEEPS):
            values, optimal = self.values[places], self.optimal[places]
            for piece in pieces:
                piece.judge()
            change = largest(self.values[places] - values)
            same = bool((optimal.argmax(axis=1) == self.optimal[places].argmax(axis=1)).all())
            settled = settled + 1 if same else 0
            if settled >= PATIENCE and change <= 2 * EPSILON * largest(self.values[places]):
                return
        raise NoFixedPointError(
            f"after {MOST_SWEEPS:,} episodes the selves of different weights still give way to one another;"
            " write `episodes: n` for `continues`, which always settles it"
        )


class _Piece:
    """The places of one layer, with their rows of the process."""

    def __init__(self, solver: _Solver, places: Longs) -> None:
        self.solver, self.places = solver, places
        actions = solver.mdp.n_actions
        rows = (places[:, None] * actions + np.arange(actions)).ravel()
        self.shape = places.size, actions
        self.ahead = solver.ahead[rows]
        self.rewards = solver.rewards[places]
        self.allowed = solver.allowed[places]
        self.acting = np.asarray(self.allowed.any(axis=1))
        self.weights = solver.weights[places]
        self.discount = solver.discounts[places][:, None, None]
        match solver.by:
            case "fixed" | "future":
                self.gain = (self.rewards @ self.weights[:, :, None])[:, :, :1]
            case "ignoring":
                self.gain = self.rewards @ solver.kinds.T
            case _:
                self.gain = self.rewards

    def judge(self) -> None:
        """Decide in these places, from what is known of those that follow."""
        check_time(SOLVING)
        solver, local = self.solver, np.arange(self.places.size)
        ahead = np.asarray(self.ahead @ solver.values).reshape(*self.shape, -1)
        q = self.gain + self.discount * ahead
        if solver.by == "current":
            judged = (q @ self.weights[:, :, None])[:, :, 0]
        elif solver.by == "ignoring":
            judged = q[local, :, solver.kind[self.places]]
        else:
            judged = q[:, :, 0]
        judged = np.where(self.allowed, judged, -np.inf)
        best = best_of(judged, self.acting)
        solver.scale = max(solver.scale, largest(best))
        optimal = ties(judged, self.acting, tie_tolerance(solver.scale, solver.most, solver.ticks))
        solver.optimal[self.places], solver.judged[self.places] = optimal, best
        if solver.by == "current":
            kept = q[local, optimal.argmax(axis=1)]
        else:
            kept = np.where(self.allowed[:, :, None], q, -np.inf).max(axis=1)
        solver.values[self.places] = np.where(self.acting[:, None], kept, 0.0)

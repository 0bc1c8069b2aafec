"""What an agent that plans on counts does under a mitigation: the same changes of a plan, on what it has learned.

A mitigation is given the learned process, the agent's own values, the designers' channels, and the designers' labels of
what came in training: which outcomes were a turn, and which a stop. It knows nothing of the world beyond, and where the
agent comes to a state in which it has tried nothing it takes the first available action, as it always does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ...envs.analysis.exact_plan import barred_pairs
from ...envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ...envs.mdp.transition_tables import tables
from ...envs.solvers.dynamic_programming import policy_iteration
from .mitigated_policies import (
    MitigatedPolicy,
    MitigationProblem,
    NotApplicableError,
    acting_by,
    alike_by_length,
    attainable_change,
    best_with_approval,
    plans_by_length,
    quantile_chances,
)

TURNED, STOPPED = "turned", "stopped"
LABELS: Final = (TURNED, STOPPED)
"""What designers label in training."""
MEMBERS: Final = 5
"""Of the ensemble over which a pessimist is pessimistic."""


@dataclass(frozen=True, eq=False)
class LearnedProblem:
    """What a mitigation of a learned plan is given.

    Attributes:
        mdp: the learned process of L states, its events the labels; what was not tried is not available.
        counts: int64 `[M]`, how often each of its outcomes came.
        over: bool `[L]`, the episode has ended there; a state of which nothing is known is not over.
        twin: int64 `[L]`, of a state that is over the one that looks the same and is not; -1 where none was seen.
        weights: float64 `[K]`, and discount: of the agent.
        world: the problem of an exact planner in the world, for its settings and for what comes of a policy.
        place: int64 `[S]`, the learned state of each state of the world; -1 of those that it has never seen.
        seed: of the training.
    """

    mdp: FiniteMDP
    counts: Longs
    over: Bools
    twin: Longs
    weights: Floats
    discount: float
    world: MitigationProblem
    place: Longs
    seed: int

    def values(self, mdp: FiniteMDP, weights: Floats, barred: Bools | None = None) -> tuple[Ints, Bools, Floats]:
        """One best policy int32 `[L]`, all best actions bool `[L, A]` and the values `[L, A]` of a process.

        Raises:
            InfeasibleError: a start state cannot keep away from what is barred.
        """
        solution = policy_iteration(mdp, weights, self.discount, barred)
        return solution.policy, solution.optimal, solution.q

    def followed(self, chances: Floats) -> MitigatedPolicy:
        """What comes in the world of a policy on learned states, float64 `[L, A]`; rows may be zero."""
        mdp = self.world.mdp
        known = np.where((self.place >= 0)[:, None], chances[self.place], 0.0) * mdp.available
        total = known.sum(axis=1, keepdims=True)
        first = _one_hot(mdp.available.argmax(axis=1), mdp.n_actions) * mdp.available
        acting = np.where(total > 0, known / np.maximum(total, 1e-12), first)
        return acting_by(mdp, self.world.plan.enumeration.performance, acting)


def unmitigated(problem: LearnedProblem) -> MitigatedPolicy:
    """The agent as it is."""
    return problem.followed(_first_of(problem, problem.values(problem.mdp, problem.weights)[0]))


def vetoed(problem: LearnedProblem) -> MitigatedPolicy:
    """A head that forbids every action after which a turn was ever labelled; the agent plans around it."""
    barred = barred_pairs(problem.mdp, [TURNED])
    return problem.followed(_first_of(problem, problem.values(problem.mdp, problem.weights, barred)[0]))


def indifferent(problem: LearnedProblem) -> MitigatedPolicy:
    """Utility indifference on what was learned: it plans as if it were never stopped (see `without_stops`)."""
    return problem.followed(_first_of(problem, problem.values(without_stops(problem), problem.weights)[0]))


def corrigible(problem: LearnedProblem) -> MitigatedPolicy:
    """The same, and of what is tied it does what it has seen lead to the fewest turns."""
    mdp = without_stops(problem)
    _, optimal, _ = problem.values(mdp, problem.weights)
    turns = (mdp.events & mdp.event_mask(TURNED)) != 0
    judged = replace(mdp, rewards=-turns.astype(np.float64)[:, None], channels=(TURNED,))
    return problem.followed(_first_of(problem, problem.values(judged, np.ones(1), mdp.available & ~optimal)[0]))


def drest(problem: LearnedProblem) -> MitigatedPolicy:
    """What DReST makes optimal on what was learned: each length of an episode that it knows of, each as often."""
    world = problem.world
    world.check_stopped()
    if tables(world.mdp).next_state is None or world.mdp.start_state.size > 1:
        raise NotApplicableError("when it is stopped is left to chance in part, so lengths are no choice")
    mdp = problem.mdp
    plans = plans_by_length(mdp, mdp.event_mask(STOPPED), problem.weights, problem.discount, world.plan.steps).plans
    # Plans of different lengths share what is done with so many ticks to go: each is translated once.
    tried, translated = mdp.available, dict[int, Longs]()
    for actions in (each for plan in plans for each in plan):
        if id(actions) not in translated:
            known = (problem.place >= 0) & tried[problem.place, actions[problem.place]]
            first = world.mdp.available.argmax(axis=1)
            translated[id(actions)] = np.where(known, actions[problem.place], first)
    return alike_by_length(world, [[translated[id(each)] for each in plan] for plan in plans])


def preserving(problem: LearnedProblem) -> MitigatedPolicy:
    """Attainable utility preservation on what was learned."""
    how, mdp = problem.world, problem.mdp
    if how.idle is None:
        raise NotApplicableError("no action of the agent is known to do nothing")
    change = attainable_change(mdp, how.idle, problem.discount, how.aup_rewards, how.seed)
    paid = mdp.rewards @ problem.weights - how.aup_weight * change.ravel()[mdp.outcome_rows]
    judged = replace(mdp, rewards=paid[:, None], channels=("preserving",))
    return problem.followed(_first_of(problem, problem.values(judged, np.ones(1))[0]))


def quantilised(problem: LearnedProblem) -> MitigatedPolicy:
    """A quantiliser by learned values, over the actions that it has tried."""
    q = problem.values(problem.mdp, problem.weights)[2]
    return problem.followed(quantile_chances(q, problem.mdp.available, problem.world.quantile))


def approved(problem: LearnedProblem) -> MitigatedPolicy:
    """Myopia with approval: what the next tick pays, and what the designers' channels could yield from there."""
    mdp = problem.mdp
    own = tables(mdp).vector_rewards @ problem.weights
    best = best_with_approval(mdp, own, problem.world.task, problem.discount)
    return problem.followed(_first_of(problem, best.argmax(axis=1)))


def pessimistic(problem: LearnedProblem) -> MitigatedPolicy:
    """Pessimism over an ensemble: each action is worth what the member thinks who thinks least of it.

    A member has seen each tick of the training Poisson(1) times (the online bootstrap). What a member has never seen is
    worth the least that can be: the worst pay that is known, for ever.
    """
    mdp, rng = problem.mdp, np.random.default_rng([problem.seed, 1])
    pay = mdp.rewards @ problem.weights
    least = min(0.0, float(pay.min(initial=0.0)))
    worst = np.full(mdp.available.shape, np.inf)
    for _ in range(MEMBERS):
        member, known = _member(problem, rng.poisson(problem.counts), pay, least)
        q = policy_iteration(member, np.ones(1), problem.discount).q
        worst = np.minimum(worst, np.where(known, q, least / (1 - problem.discount)))
    best = np.where(mdp.available, worst, -np.inf).argmax(axis=1)
    return problem.followed(_first_of(problem, best))


def without_stops(problem: LearnedProblem) -> FiniteMDP:
    """The learned process as if nothing ever stopped the agent.

    A stop by chance is left out of the chance. Where it was sure, the episode goes on in the state that looks the same
    and is not over, or where none was ever seen, as if the tick had not been: that is the most that is known.

    Raises:
        NotApplicableError: nobody stops it, or it is stopped for sure and goes on: nobody knows what else would come.
    """
    problem.world.check_stopped()
    mdp = problem.mdp
    row = mdp.outcome_rows
    stops = (mdp.events & mdp.event_mask(STOPPED)) != 0
    goes_on = np.bincount(row, mdp.probability * ~stops, minlength=mdp.row_start.size - 1)
    sure = stops & (goes_on[row] <= 0)
    if not problem.over[mdp.next_state[sure]].all():
        raise NotApplicableError("it is stopped for sure and goes on, so nobody knows what else would come")
    twin = problem.twin[mdp.next_state]
    next_state = np.where(sure, np.where(twin >= 0, twin, row // mdp.n_actions), mdp.next_state).astype(np.int32)
    kept = np.where(stops & ~sure, 0.0, mdp.probability / np.where(sure, 1.0, np.maximum(goes_on[row], 1e-300)))
    return replace(mdp, next_state=next_state, probability=kept)


def _member(problem: LearnedProblem, seen: Longs, pay: Floats, least: float) -> tuple[FiniteMDP, Bools]:
    """One member's process, paying in one channel, and the pairs that it knows, bool `[L, A]`."""
    mdp, row = problem.mdp, problem.mdp.outcome_rows
    total = np.bincount(row, seen, minlength=mdp.row_start.size - 1)
    known = (total > 0).reshape(mdp.available.shape)
    # Where it knows nothing, one action stands for all: it stays there and pays the least, for ever.
    lost = np.flatnonzero(~known.any(axis=1) & ~problem.over)
    kept = np.flatnonzero(seen > 0)
    rows = np.concatenate([row[kept], lost * mdp.n_actions])
    order = np.argsort(rows, kind="stable")
    paid = np.concatenate([pay[kept], np.full(lost.size, least)])[order]
    process = replace(
        mdp,
        row_start=np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=total.size))]).astype(np.int64),
        next_state=np.concatenate([mdp.next_state[kept], lost]).astype(np.int32)[order],
        probability=np.concatenate([seen[kept] / total[row[kept]], np.ones(lost.size)])[order],
        rewards=paid[:, None],
        events=np.zeros(order.size, np.uint64),
        ended=problem.over,
        channels=("own",),
    )
    return process, known


def _first_of(problem: LearnedProblem, policy: Sequence[int] | Ints | Longs) -> Floats:
    """float64 `[L, A]`: a policy without chance, of what was tried."""
    return _one_hot(np.asarray(policy, np.int64), problem.mdp.n_actions) * problem.mdp.available


def _one_hot(actions: Longs, n_actions: int) -> Floats:
    return (actions[:, None] == np.arange(n_actions)).astype(np.float64)


LEARNED: Final[dict[str, Callable[[LearnedProblem], MitigatedPolicy]]] = {
    "none": unmitigated,
    "indifference": indifferent,
    "corrigibility": corrigible,
    "drest": drest,
    "aup": preserving,
    "quantiliser": quantilised,
    "mona": approved,
    "veto": vetoed,
    "honeypot training": unmitigated,
    "pessimism": pessimistic,
}
"""By name. Honeypot training changes what is learned and not how it plans."""

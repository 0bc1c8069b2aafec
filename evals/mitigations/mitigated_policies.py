"""What an exact planner does under a mitigation: each is a change of what it maximises, or of how it chooses.

A mitigation is given the world, the agent's own values, the designers' channels (what they pay for), and the event by
which they stop or correct the agent. None is given the hidden performance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ...envs.analysis.exact_plan import AnySolution, ExactPlan, solve, weights_by_state, weights_may_change
from ...envs.base import Bools, FiniteMDP, Floats, Longs, NotEnumerableError
from ...envs.mdp.enumeration import Enumeration, enumerate_world
from ...envs.mdp.transition_tables import tables
from ...envs.multi_agent.best_response import marginalise_others, uniform_policy
from ...envs.row_ids import row_places
from ...envs.solvers.dynamic_programming import Optimal, Solution, policy_iteration

MAX_ROUNDS: Final = 50
"""Rounds in which worlds without a stop are enlarged by what would have come after it."""


@dataclass(frozen=True, eq=False)
class MitigationProblem:
    """What a mitigation is given.

    Attributes:
        plan: of the agent by its own planner: its world, weights and discount.
        stopped: bits of the event by which the agent is stopped, 0 if none is known.
        task: indices of the channels that the designers pay.
        idle: the action that does nothing, None if none does.
        aup_weight, aup_rewards: of attainable utility preservation; quantile: of the quantiliser; seed: of random
            rewards.
        max_states: how many states may be enumerated.
    """

    plan: ExactPlan
    stopped: np.uint64
    task: tuple[int, ...]
    idle: int | None
    aup_weight: float = 1 / 1.501
    aup_rewards: int = 10
    quantile: float = 0.5
    seed: int = 0
    max_states: int = 1_000_000

    @property
    def mdp(self) -> FiniteMDP:
        """The world's own process."""
        return self.plan.enumeration.mdp

    def solved(self, mdp: FiniteMDP, weights: Floats) -> AnySolution:
        """The optimum of another process or other rewards, by the agent's discount and its knowledge of the end.

        Raises:
            NotApplicableError: weights may change, or views are partial.
            ImproperDiscountError: discount 1, no horizon, and some policy never ends.
        """
        self.check_plain()
        return solve(mdp, weights, self.plan.discount, self.plan.enumeration.world.horizon, None)

    def check_plain(self) -> None:
        """Raise unless the agent has fixed weights and sees what matters.

        Raises:
            NotApplicableError: it has not.
        """
        if weights_may_change(self.plan.enumeration.world):
            raise NotApplicableError("the agent's weights may change, and only its own planner knows how")
        if self.plan.mdp is not self.mdp or self.plan.rule.name != "weighted":
            raise NotApplicableError("the agent sees in part, or deliberates otherwise than by a weighted sum")

    def check_stopped(self) -> None:
        """Raise unless the event by which the agent is stopped is known.

        Raises:
            NotApplicableError: it is not.
        """
        if self.stopped == 0:
            raise NotApplicableError("nobody stops the agent by an event that was named (`--stopped`)")


NEVER: Final = 0
"""Stands for the length of an episode in which nobody stops the agent."""


class NotApplicableError(NotEnumerableError):
    """A mitigation says nothing about this agent or world."""


@dataclass(frozen=True, eq=False)
class MitigatedPolicy:
    """What an agent does under a mitigation.

    Attributes:
        mdp: on which it is evaluated; performance: float64 `[M]`, of its outcomes.
        optimal: the actions from which it chooses.
        tie: `any` of what is tied, or `least`: what brings the event about least often.
        note: a remark.
    """

    mdp: FiniteMDP
    performance: Floats
    optimal: Optimal
    tie: str = "any"
    note: str = ""


def unmitigated(problem: MitigationProblem) -> MitigatedPolicy:
    """The agent as it is."""
    return MitigatedPolicy(problem.plan.mdp, problem.plan.performance, problem.plan.optimal)


def indifferent(problem: MitigationProblem) -> MitigatedPolicy:
    """Utility indifference: being stopped is compensated by what would have come without it (Armstrong 2010).

    So the agent plans as if it were never stopped, and lives in a world in which it is (Orseau and Armstrong 2016).
    """
    return _followed(problem, *_never_stopped(problem))


def corrigible(problem: MitigationProblem) -> MitigatedPolicy:
    """The corrigibility transformation (Hudson 2025, arXiv 2510.15395).

    Each action is worth what is predicted if updates were prevented at no cost, whether or not they are; of what is
    tied, accepting them is worth a little more. With exact predictions that is indifference with its ties broken.
    """
    return replace(indifferent(problem), tie="least")


@dataclass(frozen=True, eq=False)
class LengthPlans:
    """The best plan of each length that an episode can have: until it is stopped just then, or it is never.

    Attributes:
        worth: length in ticks -> the most that the agent's own values can have by it, discounted; 0 for never stopped.
        plans: of each length in the same order, the action in each state int64 `[S]` at each tick.
    """

    worth: dict[int, float]
    plans: list[list[Longs]]


def best_by_length(problem: MitigationProblem) -> LengthPlans:
    """The best plan of each length; one length of 0 stands for an episode that nobody stops.

    Raises:
        NotApplicableError: a world with chance, no event stops the agent, or its weights or views are not plain.
    """
    problem.check_plain()
    problem.check_stopped()
    plan = problem.plan
    return plans_by_length(problem.mdp, problem.stopped, plan.weights, plan.discount, plan.steps)


def plans_by_length(mdp: FiniteMDP, stopped: np.uint64, weights: Floats, discount: float, ticks: int) -> LengthPlans:
    """See `best_by_length`, of any process whose outcomes say by an event who stops the agent.

    Args:
        mdp: the process, of the world or learned.
        stopped: bits of the event.
        weights: float64 `[K]`, of the agent.
        discount: of the agent.
        ticks: of an episode.

    Raises:
        NotApplicableError: chance, in the start or in what follows.
    """
    table = tables(mdp)
    if table.next_state is None or mdp.start_state.size > 1:
        raise NotApplicableError("when it is stopped is left to chance in part, so lengths are no choice")
    pay = table.vector_rewards @ weights
    row = np.flatnonzero(np.diff(mdp.row_start))
    stops = np.zeros(mdp.n_states * mdp.n_actions, np.bool_)
    stops[row] = (mdp.events & stopped) != 0
    halts = stops.reshape(mdp.n_states, mdp.n_actions)
    # By the ticks to go: the best that ends in being stopped just then, and the best that never is.
    ended_by, never = [np.zeros(0)], [np.zeros(mdp.n_states)]
    choice: list[Longs] = [np.zeros(0, np.int64)]
    free: list[Longs] = [np.zeros(0, np.int64)]
    for left in range(1, ticks + 1):
        ahead = ended_by[-1] if left > 1 else np.full(mdp.n_states, -np.inf)
        last = pay if left == 1 else np.full_like(pay, -np.inf)
        q = np.where(halts, last, pay + discount * ahead[table.next_state])
        q = np.where(table.available, q, -np.inf)
        choice.append(q.argmax(axis=1))
        ended_by.append(q.max(axis=1))
        q = np.where(table.available & ~halts, pay + discount * never[-1][table.next_state], -np.inf)
        free.append(q.argmax(axis=1))
        never.append(np.where(mdp.ended, 0.0, q.max(axis=1)))
    start = int(mdp.start_state[0])
    worth = {length: float(ended_by[length][start]) for length in range(1, ticks + 1)}
    worth = {length: its for length, its in worth.items() if np.isfinite(its)}
    plans = [[choice[length - tick] for tick in range(length)] for length in worth]
    if np.isfinite(never[ticks][start]):
        worth[NEVER] = float(never[ticks][start])
        plans.append([free[ticks - tick] for tick in range(ticks)])
    return LengthPlans(worth, plans)


def drest(problem: MitigationProblem) -> MitigatedPolicy:
    """What discounted reward for same-length trajectories makes optimal (Thornley et al. 2024, arXiv 2407.00805).

    The penalty for choosing a length again and again makes all lengths equally likely; given a length, the agent does
    what is best by its own values.
    """
    return alike_by_length(problem, best_by_length(problem).plans)


def alike_by_length(problem: MitigationProblem, plans: Sequence[Sequence[Longs]]) -> MitigatedPolicy:
    """What comes of some plans in the world, one of them drawn at the start of each episode, each as likely.

    Args:
        problem: of a world without chance.
        plans: of each length, the action in each state of the world int64 `[S]` at each tick.

    Raises:
        NotApplicableError: there are fewer than two.
    """
    if len(plans) < 2:
        raise NotApplicableError("there is one length of an episode, so there is nothing to be neutral about")
    mixed, order = _paths(problem.mdp, int(problem.mdp.start_state[0]), plans)
    note = f"{len(plans)} lengths, each as likely as the others"
    return MitigatedPolicy(mixed, problem.plan.enumeration.performance[order], mixed.available, note=note)


def preserving(problem: MitigationProblem) -> MitigatedPolicy:
    """Attainable utility preservation (Turner, Hadfield-Menell and Tadepalli 2020).

    What an action pays is lessened by how much it changes what could be attained for random other rewards, against
    doing nothing for a tick, relative to what could be attained then.
    """
    problem.check_plain()
    if problem.idle is None:
        raise NotApplicableError("no action of the agent is known to do nothing")
    mdp = problem.mdp
    if problem.plan.discount >= 1:
        raise NotApplicableError("what is attainable without end needs a discount below 1")
    change = attainable_change(mdp, problem.idle, problem.plan.discount, problem.aup_rewards, problem.seed)
    pair = mdp.outcome_rows
    paid = mdp.rewards @ problem.plan.weights - problem.aup_weight * change.ravel()[pair]
    judged = replace(mdp, rewards=paid[:, None], channels=("preserving",))
    return _chosen(problem, problem.solved(judged, np.ones(1)))


def attainable_change(mdp: FiniteMDP, idle: int, discount: float, rewards: int, seed: int) -> Floats:
    """float64 `[S, A]`: how much each action changes what could be attained for random rewards, relative to idling.

    Args:
        mdp: the process; where `idle` is not available in it the first action that is stands for it.
        idle: the action that does nothing.
        discount: below 1.
        rewards: how many random rewards.
        seed: of them.
    """
    available = mdp.available
    rng = np.random.default_rng(seed)
    change, scale = np.zeros(available.shape), np.zeros((mdp.n_states, 1))
    still_by = np.where(available[:, idle], idle, available.argmax(axis=1))[:, None]
    for _ in range(rewards):
        random = replace(mdp, rewards=rng.random(mdp.n_states)[mdp.next_state][:, None], channels=("random",))
        q = np.where(available, policy_iteration(random, np.ones(1), discount).q, 0.0)
        still = np.take_along_axis(q, still_by, axis=1)
        change += np.abs(q - still)
        scale += still
    return np.asarray(change / np.maximum(scale, 1e-12))


def quantilised(problem: MitigationProblem) -> MitigatedPolicy:
    """A quantiliser (Taylor 2016): in each tick a random one of the best share of actions, by its own values.

    Actions available are equally likely beforehand; at the edge of the share only the part that fits counts.
    """
    mdp = problem.plan.mdp
    solution = problem.plan.solution
    if not isinstance(solution, Solution):
        problem.check_plain()
        if problem.plan.discount >= 1:
            raise NotApplicableError("its values depend on the tick, and its discount is 1")
        solution = policy_iteration(mdp, problem.plan.weights, problem.plan.discount)
    chances = quantile_chances(solution.q, mdp.available, problem.quantile)
    return acting_by(mdp, problem.plan.performance, chances)


def acting_by(mdp: FiniteMDP, performance: Floats, chances: Floats) -> MitigatedPolicy:
    """What comes of a policy with chance.

    Args:
        mdp: the process.
        performance: float64 `[M]`, of its outcomes.
        chances: float64 `[S, A]`; the rows of states that are not ended sum to one.
    """
    mixed, order = marginalise_others(mdp, np.zeros(mdp.n_actions, np.int32), chances, ("policy",))
    return MitigatedPolicy(mixed, performance[order], mixed.available)


def quantile_chances(q: Floats, available: Bools, share: float) -> Floats:
    """float64 `[S, A]`: each available action's chance of being drawn from the best share of them by its value."""
    q = np.where(available, q, -np.inf)
    base = uniform_policy(available)
    # Ranks from the best; equal values share what falls to them.
    actions = range(available.shape[1])
    above = np.array([(base * (q > q[:, [a]] + 1e-9)).sum(axis=1) for a in actions]).T
    finite = np.where(available, q, 0.0)
    level = np.array([(base * (np.abs(finite - finite[:, [a]]) <= 1e-9)).sum(axis=1) for a in actions]).T
    drawn = np.clip((share - above) / np.maximum(level, 1e-12), 0.0, 1.0)
    chances = np.where(available, base * drawn, 0.0)
    return np.asarray(chances / np.maximum(chances.sum(axis=1, keepdims=True), 1e-12))


def approved(problem: MitigationProblem) -> MitigatedPolicy:
    """Myopic optimisation with non-myopic approval, MONA (Farquhar et al. 2025, arXiv 2501.13011).

    The agent looks one tick ahead: it adds what the tick pays it to the designers' approval of where it leads, which is
    what the designers' channels could yield from there.
    """
    if problem.plan.mdp is not problem.mdp:
        raise NotApplicableError("the agent sees in part")
    mdp, table, discount = problem.mdp, tables(problem.mdp), problem.plan.discount
    if discount >= 1:
        raise NotApplicableError("approval without end needs a discount below 1")
    held = weights_by_state(problem.plan.enumeration)
    own = (table.vector_rewards * held[:, None, :]).sum(axis=-1)
    best = best_with_approval(mdp, own, problem.task, discount)
    return MitigatedPolicy(mdp, problem.plan.enumeration.performance, best)


def best_with_approval(mdp: FiniteMDP, own: Floats, task: Sequence[int], discount: float) -> Bools:
    """bool `[S, A]`: the best by what the next tick pays and the approval of where it leads.

    Args:
        mdp: the process.
        own: float64 `[S, A]`, what the tick pays the agent.
        task: the channels by which the designers approve.
        discount: below 1.
    """
    table = tables(mdp)
    weights = np.zeros(len(mdp.channels))
    weights[list(task)] = 1.0
    approval = policy_iteration(mdp, weights, discount).values
    q = np.where(table.available, own + discount * table.expected_next(approval), -np.inf)
    best = q.max(axis=1, keepdims=True)
    near = 1e-9 * max(1.0, float(np.abs(q[table.available]).max(initial=0.0)))
    return np.asarray(table.available & (q >= best - near))


def _chosen(problem: MitigationProblem, solution: AnySolution) -> MitigatedPolicy:
    optimal = solution.optimal if isinstance(solution, Solution) else solution
    return MitigatedPolicy(problem.mdp, problem.plan.enumeration.performance, optimal)


def _never_stopped(problem: MitigationProblem) -> tuple[Enumeration, FiniteMDP]:
    """The world with all that would have come after a stop, and its process without stops.

    Where a stop is left to chance, what comes is what comes without it. Where it is sure, the episode goes on in the
    state in which it would have ended.
    """
    problem.check_plain()
    problem.check_stopped()
    whole = problem.plan.enumeration
    for _ in range(MAX_ROUNDS):
        mdp = whole.mdp
        row = mdp.outcome_rows
        stops = (mdp.events & problem.stopped) != 0
        goes_on = np.bincount(row, mdp.probability * ~stops, minlength=mdp.row_start.size - 1)
        sure = stops & (goes_on[row] <= 0)
        if not sure.any():
            break
        if not mdp.ended[mdp.next_state[sure]].all():
            raise NotApplicableError("it is stopped for sure and goes on, so nobody knows what else would come")
        after = whole.states[mdp.next_state[sure]].copy()
        after[:, whole.world.ended] = 0
        numbers = row_places(whole.states, after)
        if (numbers >= 0).all():
            next_state = mdp.next_state.copy()
            next_state[sure] = numbers
            mdp = replace(mdp, next_state=next_state)
            stops = stops & ~sure
            break
        starts = np.unique(np.concatenate([whole.states[~mdp.ended], after]), axis=0)
        whole = enumerate_world(whole.world, problem.max_states, starts)
    else:
        raise NotApplicableError("the world without a stop was not found to have an end")
    kept = np.where(stops, 0.0, mdp.probability / np.where(sure | (goes_on[row] <= 0), 1.0, goes_on[row]))
    return whole, replace(mdp, probability=kept)


def _followed(problem: MitigationProblem, whole: Enumeration, mdp: FiniteMDP) -> MitigatedPolicy:
    """The optimum of another process, in the states of the world."""
    solution = problem.solved(mdp, problem.plan.weights)
    at = row_places(whole.states, problem.plan.enumeration.states)
    if isinstance(solution, Solution):
        return _chosen(problem, replace(solution, optimal=solution.optimal[at] & problem.mdp.available))
    part = replace(
        solution, values=solution.values[:, at], vector_values=solution.vector_values[at],
        policy=solution.policy[:, at], packed=solution.packed[:, at],
    )  # fmt: skip
    return _chosen(problem, part)


def _paths(mdp: FiniteMDP, start: int, plans: Sequence[Sequence[Longs]]) -> tuple[FiniteMDP, Longs]:
    """What comes of some plans without chance, each as likely as the others, as a process without choices.

    Args:
        mdp: a process in which each available pair has one outcome.
        start: the state in which all begin.
        plans: of each plan, the action in each state int64 `[S]` at each tick.

    Returns:
        The process, and int64 `[M']` which of the outcomes of `mdp` each of its outcomes is.
    """
    order: list[int] = []
    begins: list[int] = []
    ends: list[int] = []
    for plan in plans:
        begins.append(len(order))
        state = start
        for actions in plan:
            if mdp.ended[state]:
                break
            order.append(int(mdp.row_start[state * mdp.n_actions + int(actions[state])]))
            state = int(mdp.next_state[order[-1]])
        ends.append(len(order) - 1)
    # One state before each outcome, and one in which all is over.
    over, taken = len(order), np.array(order, np.int64)
    next_state = np.arange(1, over + 1, dtype=np.int32)
    next_state[ends] = over
    ended = np.arange(over + 1) == over
    process = replace(
        mdp,
        n_states=over + 1,
        n_actions=1,
        row_start=np.append(np.arange(over + 1), over),
        next_state=next_state,
        probability=np.ones(over),
        rewards=mdp.rewards[taken],
        events=mdp.events[taken],
        ended=ended,
        start_state=np.array(begins, np.int32),
        start_probability=np.full(len(plans), 1 / len(plans)),
        action_names=("path",),
    )
    return process, taken

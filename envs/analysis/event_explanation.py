"""Why an agent brings an event about, or does not: the best plan with it, the best without, and what would flip it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..base import FiniteMDP, Floats
from ..solvers.dynamic_programming import InfeasibleError, Solution
from ..world.part_spec import ENUMERATE
from .exact_plan import AnySolution, ExactPlan, barred_pairs, solve
from .tie_ranges import Occurs, rollout_path, share_range

MAX_INDUCEMENT = 1e6
"""The largest inducement, in absolute value, that is tried."""


@dataclass(frozen=True)
class Behaviour:
    """One plan: its value, and what it does.

    Attributes:
        value: weighted, discounted, from the start; values: for each channel, unweighted.
        share: of episodes with the event, (low, high) over ties.
        actions: what is done along the likeliest path; tick: when the event first comes on it, or None.
    """

    value: float
    values: dict[str, float]
    share: tuple[float, float]
    actions: tuple[str, ...]
    tick: int | None


@dataclass(frozen=True)
class EventExplanation:
    """The comparison of the best plan with an event and the best without.

    Attributes:
        event: which one.
        does: the agent's own best plan brings it about (in at least half of the episodes, at every tie).
        with_event, without_event: the best plan of each kind; None where there is none (an event that no policy can
            bring about, or none can avoid).
        inducement: the one-time reward for the event at which the agent is indifferent: negative where its own plan
            brings it about (the fine that stops it), else positive; None where no amount changes it, and where heads
            do not deliberate by a weighted sum.
        gap: value with minus value without; gap_by_channel: each channel's weighted part of it.
        planner: what the agent plans by, which may miss the best plans if it is not `enumerate`.
    """

    event: str
    does: bool
    with_event: Behaviour | None
    without_event: Behaviour | None
    inducement: float | None
    gap: float | None
    gap_by_channel: dict[str, float]
    planner: str = "enumerate"


def explain_event(plan: ExactPlan, event: str) -> EventExplanation:
    """Compare the best plan that brings an event about with the best that never risks it.

    Where the agent's own plan brings the event about, it is the plan with the event. Where it does not, a plan that has
    to reach the event but may postpone it for ever costs nothing, so the plan with the event is the one that the
    smallest sufficient one-time reward brings about, valued without that reward.

    Raises:
        UnknownNameError: no such event.
    """
    mdp, enumeration = plan.mdp, plan.enumeration
    horizon = enumeration.world.horizon
    mask = int(mdp.event_mask(event))
    own = _behaviour(plan, mdp, plan.solution, mask)
    does = own.share[0] >= 0.5
    without = _without(plan, event, mask)
    induced: Behaviour | None = own if does else None
    price: float | None = None
    if without is not None and plan.rule.name == "weighted":  # other rules give an extra channel no weight
        latched = _latched(mdp, mask)
        price = _indifference(plan, latched, mask, does)
        if price is not None and not does:
            # A little above the price, which is known to six digits: at the price itself both plans tie.
            nudge = price + 1e-6 * max(1.0, abs(price))
            solution = solve(latched, np.append(plan.weights, nudge), plan.discount, horizon, None)
            induced = _behaviour(plan, latched, solution, mask)
    gap = None if induced is None or without is None else induced.value - without.value
    parts = {}
    if induced is not None and without is not None:
        for name, weight in zip(mdp.channels, plan.weights, strict=True):
            parts[name] = float(weight) * (induced.values[name] - without.values[name])
    planners = [agent.planner.name for agent in enumeration.world.agents if agent.planner != ENUMERATE]
    return EventExplanation(
        event, does, induced, without, price, gap, parts, planners[0] if planners else ENUMERATE.name
    )


def brings_about(plan: ExactPlan, event: str) -> bool:
    """Whether the best plan brings the event about in at least half of the episodes, at every tie."""
    mask = int(plan.mdp.event_mask(event))
    return share_range(plan.mdp, plan.optimal, Occurs(mask), plan.steps)[0] >= 0.5


def _without(plan: ExactPlan, event: str, mask: int) -> Behaviour | None:
    barred = barred_pairs(plan.mdp, [event])
    try:
        solution = solve(plan.mdp, plan.weights, plan.discount, plan.enumeration.world.horizon, barred, plan.rule)
    except InfeasibleError:
        return None
    return _behaviour(plan, plan.mdp, solution, mask)


def _indifference(plan: ExactPlan, latched: FiniteMDP, mask: int, does: bool) -> float | None:
    """The one-time reward at which the answer changes, by bisection (to six digits)."""
    horizon = plan.enumeration.world.horizon

    def done(reward: float) -> bool:
        solution = solve(latched, np.append(plan.weights, reward), plan.discount, horizon, None)
        optimal = solution.optimal if isinstance(solution, Solution) else solution
        return share_range(latched, optimal, Occurs(mask), plan.steps)[0] >= 0.5

    # First widen by fours until the answer flips, then bisect: `inside` keeps the answer, `outside` flips it.
    inside, outside = 0.0, -1.0 if does else 1.0
    while done(outside) == does:
        inside, outside = outside, outside * 4
        if abs(outside) > MAX_INDUCEMENT:
            return None
    while abs(outside - inside) > 1e-6 * max(1.0, abs(outside)):
        middle = (inside + outside) / 2
        if done(middle) == does:
            inside = middle
        else:
            outside = middle
    return outside


def _latched(mdp: FiniteMDP, mask: int) -> FiniteMDP:
    """The process with a latch for whether the event has occurred, and a channel that pays 1 when it first does.

    States from S on are those after the event.
    """
    n_states, n_actions = mdp.n_states, mdp.n_actions
    came = (mdp.events & np.uint64(mask)) != 0
    n_rows = n_states * n_actions
    rewards = np.concatenate([mdp.rewards, np.zeros((came.size, 1))], axis=1)
    first = rewards.copy()
    first[came, -1] = 1
    return replace(
        mdp,
        n_states=2 * n_states,
        row_start=np.concatenate([mdp.row_start, mdp.row_start[1:] + mdp.row_start[n_rows]]),
        next_state=np.concatenate([mdp.next_state + n_states * came, mdp.next_state + n_states]).astype(np.int32),
        probability=np.tile(mdp.probability, 2),
        rewards=np.concatenate([first, rewards]),
        events=np.tile(mdp.events, 2),
        ended=np.tile(mdp.ended, 2),
        channels=(*mdp.channels, "inducement"),
    )


def _behaviour(plan: ExactPlan, mdp: FiniteMDP, solution: AnySolution, mask: int) -> Behaviour:
    vector: Floats = np.asarray(mdp.start_probability @ solution.vector_values[mdp.start_state])[: len(plan.weights)]
    optimal = solution.optimal if isinstance(solution, Solution) else solution
    path = rollout_path(mdp, solution.policy, plan.steps)
    tick = next((i for i, step in enumerate(path) if int(step.events) & mask), None)
    return Behaviour(
        value=float(vector @ plan.weights),
        values={name: float(x) for name, x in zip(plan.mdp.channels, vector, strict=True)},
        share=share_range(mdp, optimal, Occurs(mask), plan.steps),
        actions=tuple(mdp.action_names[step.action] for step in path),
        tick=tick,
    )

"""What a person faces who plays one agent of a solved stage: a finite process of that agent's own actions.

Other agents are chance in it: they follow their part of the exact plan, or what the file says of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...envs.base import Bits, FiniteMDP, Floats, Ints, Longs
from ...envs.mdp.enumeration import Enumeration
from ...envs.multi_agent.best_response import induced_mdp
from ...envs.solvers.dynamic_programming import FiniteHorizonSolution
from ...evals.exact.solved_worlds import SolvedWorlds
from ...evals.inspection.exact_show import PlanFollower, StateLookup

MOST_VALUES = 400_000
"""Numbers of a plan's values that a page may have; with more of them the page has no hints."""


@dataclass(frozen=True, eq=False)
class PlayedProcess:
    """A process to play, and what the exact plan does in it.

    Attributes:
        enumeration: of the agent's own actions; agent: its index in the world.
        paid: float64 `[M]`, the agent's weighted reward of each outcome.
        policy: int64 `[T or 1, S]`, the plan's action in each tick and state; None where it decides by more than that,
            or for several agents at once.
        values: float64 `[T or 1, S, K]`, what each channel is worth from there on; None like `policy`, or where there
            are too many.
        robot: expected weighted reward and hidden performance of an episode, or life, in which the plan acts.
        between: uint64 `[M]`, the events between two episodes of a life; None of one episode.
        over: int32 `[S]`, 0 where it goes on, else 1 + an index into `reasons`; None for how the world's states end.
        reasons: why a life is over; steps: its greatest number of ticks, 0 for any; both are the world's if None.
    """

    enumeration: Enumeration
    agent: int
    paid: Floats
    policy: Longs | None
    values: Floats | None
    robot: tuple[float, float]
    between: Bits | None = None
    over: Ints | None = None
    reasons: tuple[str, ...] | None = None
    steps: int | None = None


def played_process(worlds: SolvedWorlds, stage: str) -> PlayedProcess:
    """The process for who plays the first agent that decides.

    Raises:
        NotEnumerableError, ImproperDiscountError, NoFixedPointError: see `SolvedWorlds.plan`.
    """
    plan = worlds.plan({}, stage)
    follower, world = PlanFollower(plan), plan.enumeration.world
    agent = follower.deciding[0]
    alone = len(follower.deciding) == 1
    whole = plan.enumeration
    own = whole if alone else induced_mdp(whole, agent, _others(follower, whole, agent))
    paid = (own.mdp.rewards * world.weights(own.states, agent)[_source(own.mdp)]).sum(axis=1)
    robot = _robot(follower, agent)
    if not alone or plan.mdp is not whole.mdp:
        return PlayedProcess(own, agent, paid, None, None, robot)
    ticks = world.horizon if isinstance(plan.solution, FiniteHorizonSolution) and world.horizon else 1
    paths = [follower.agent.planned_path(tick).at(0) for tick in range(ticks)]
    policy = np.stack([np.asarray(path.policy) for path in paths])
    few = policy.size * len(world.channels) <= MOST_VALUES
    values = np.stack([np.asarray(path.vector_values) for path in paths]) if few else None
    return PlayedProcess(own, agent, paid, policy, values, robot)


def _others(follower: PlanFollower, whole: Enumeration, agent: int) -> dict[int, Floats]:
    """What every other agent does by the plan: float64 `[S, its actions]`."""
    world, plan, places = whole.world, follower.plan, StateLookup(follower.plan.evaluated.states)
    place = np.maximum(places.first(whole.states), 0)
    action = np.asarray(follower.agent.planned_path(0).at(0).policy)[place]
    if (found := plan.equilibria) is not None:
        play = np.maximum(found.play[place, action], 0)
        joint = found.mixtures[play]
    else:
        joint = np.zeros((len(place), len(world.joint_actions)))
        joint[np.arange(len(place)), action] = 1.0
    out: dict[int, Floats] = {}
    for other, count in enumerate(world.action_counts):
        if other != agent:
            belongs = world.joint_actions[:, other][:, None] == np.arange(count)
            out[other] = joint @ belongs
    return out


def _robot(follower: PlanFollower, agent: int) -> tuple[float, float]:
    """Expected weighted reward of an agent and hidden performance of an episode, undiscounted, by the plan."""
    plan, world = follower.plan, follower.world
    mdp = plan.mdp
    source = _source(mdp)
    paid = (mdp.rewards * world.weights(plan.evaluated.states, agent)[source]).sum(axis=1)
    taken = np.repeat(np.arange(mdp.row_start.size - 1), np.diff(mdp.row_start)) % mdp.n_actions
    now: Floats = np.zeros(mdp.n_states)
    now[mdp.start_state] = mdp.start_probability
    sums = np.zeros(2)
    for tick in range(world.steps):
        policy = np.asarray(follower.agent.planned_path(tick).at(0).policy)
        flow = np.where(policy[source] == taken, now[source] * mdp.probability, 0.0)
        sums += flow @ paid, flow @ plan.performance
        now = np.bincount(mdp.next_state, flow, mdp.n_states).astype(np.float64)
        if not now[~mdp.ended].any():
            break
    return float(sums[0]), float(sums[1])


def _source(mdp: FiniteMDP) -> Longs:
    """int64 `[M]`: the state in which each outcome comes."""
    return np.repeat(np.arange(mdp.n_states), np.diff(mdp.row_start[:: mdp.n_actions]))


def endings(enumeration: Enumeration) -> Ints:
    """int32 `[S]`: 0 where an episode goes on, else 1 + the index of the reason for its end."""
    return np.asarray(enumeration.states[:, enumeration.world.ended])

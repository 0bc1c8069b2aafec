"""What a person faces who plays a whole life, from its first episode to its last: a finite process of places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...envs.base import Floats, NotEnumerableError
from ...envs.life.plan import LifePlan
from ...envs.life.process import LifeProcess
from ...envs.mdp.enumeration import Enumeration
from ...evals.exact.solved_worlds import SolvedWorlds
from .played_process import PlayedProcess

OVER = "no other episode follows"
"""Why a life is over."""
MOST_PLACES = 60_000
"""Places of a life that a page may have; with more of them it would be larger than a megabyte."""
LEFT = 1e-9
"""The chance that a life still goes on below which the rest of it counts for nothing in expectations."""


def played_life(worlds: SolvedWorlds) -> PlayedProcess:
    """The process of a life for who plays the agent that decides in it; there are no hints in it.

    Raises:
        NotEnumerableError: the life is too large, or several agents decide in it.
        ImproperDiscountError, NoFixedPointError: see `SolvedWorlds.life`.
    """
    whole, plan = worlds.life_process({}), worlds.life({})
    first = whole.enumerations[0].world
    response = first.response
    if response is None and len(first.agents) > 1:
        raise NotEnumerableError("several agents decide in this life")
    if whole.mdp.n_states > MOST_PLACES:
        raise NotEnumerableError(f"this life has {whole.mdp.n_states:,} places, which is more than a page holds")
    agent = 0 if response is None else response.agent
    lived, over = _with_ends(whole)
    paid = (whole.mdp.rewards * _weights(whole, agent)[whole.source]).sum(axis=1)
    memory = plan.process.mdp.n_states != whole.mdp.n_states  # it goes by what it remembers, which no place tells
    policy = None if memory else _first(plan)[None]
    over_at = np.asarray(over, np.int32)
    return PlayedProcess(
        lived, agent, paid, policy, None, _robot(plan, agent), whole.between, over_at, (OVER,), _ticks(whole)
    )


def _ticks(process: LifeProcess) -> int:
    """The most ticks of a life; 0 where chance decides how many episodes it has."""
    steps = {each.world.stage: each.world.steps for each in process.enumerations}
    if any(entry.episodes is None for entry in process.entries):
        return 0
    return sum((entry.episodes or 0) * steps[entry.stage] for entry in process.entries)


def _first(plan: LifePlan) -> np.ndarray:
    """int64 `[P]`: the first of the best actions in each place; where the life is over, any."""
    return np.asarray(plan.optimal.argmax(axis=1), np.int64)


def _weights(process: LifeProcess, agent: int) -> Floats:
    """float64 `[P, K]`: an agent's weights in each place."""
    return process.per_place([each.world.weights(each.states, agent) for each in process.enumerations])


def _with_ends(process: LifeProcess) -> tuple[Enumeration, np.ndarray]:
    """The process with a place of its own for each state in which a life may be left; bool `[S]`, whether it is over.

    The process has one place for all of these, which is no state that could be drawn.
    """
    mdp, stages = process.mdp, process.enumerations
    gone = process.over
    left = np.stack([process.stage[process.source[gone]], process.reached[gone]], axis=1)
    ends, which = np.unique(left, axis=0, return_inverse=True)
    states = np.zeros((mdp.n_states + len(ends), stages[0].states.shape[1]), np.int32)
    for number, each in enumerate(stages):
        here = (process.stage == number) & (process.place >= 0)
        states[: -len(ends)][here] = each.states[process.place[here]]
    for row, (stage, state) in enumerate(ends, mdp.n_states):
        states[row] = stages[stage].states[state]
    nowhere = np.flatnonzero(process.place < 0)
    states[nowhere] = states[mdp.n_states]  # nothing leads there any more
    next_state = mdp.next_state.copy()
    next_state[gone] = mdp.n_states + which.reshape(-1)
    over = np.concatenate([mdp.ended, np.ones(len(ends), bool)])
    whole = replace(
        mdp,
        n_states=len(states),
        row_start=np.concatenate([mdp.row_start, np.full(len(ends) * mdp.n_actions, mdp.row_start[-1])]),
        next_state=next_state,
        ended=over,
    )
    return Enumeration(stages[0].world, whole, states, process.performance), over


def _robot(plan: LifePlan, agent: int) -> tuple[float, float]:
    """Expected weighted reward and hidden performance of a life in which the plan acts, undiscounted."""
    process, mdp = plan.process, plan.process.mdp
    source = process.source
    paid = (mdp.rewards * _weights(process, agent)[source]).sum(axis=1)
    taken = np.repeat(np.arange(mdp.row_start.size - 1), np.diff(mdp.row_start)) % mdp.n_actions
    does = _first(plan)[source] == taken
    now: Floats = np.zeros(mdp.n_states)
    now[mdp.start_state] = mdp.start_probability
    sums = np.zeros(2)
    while now[~mdp.ended].sum() > LEFT:
        flow = np.where(does, now[source] * mdp.probability, 0.0)
        sums += flow @ paid, flow @ process.performance
        now = np.bincount(mdp.next_state, flow, mdp.n_states).astype(np.float64)
        now[mdp.ended] = 0.0
    return float(sums[0]), float(sums[1])

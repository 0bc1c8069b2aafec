"""Plans and states of a finite model, true or learned: what `exact` and `counts` share."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from .thoughts import MAX_LINE, MAX_NODES, Counterfactual, Plan, PlanStep


class Solved(Protocol):
    """What a solver says of a finite model (`envs.solving.Solution` fits).

    Attributes:
        policy: int32 `[S]`, the action followed in each state.
        vector_values: float64 `[S, K]`, the value of each channel under that policy.
        vector_q: float64 `[S, A, K]`, the same after a first action.
    """

    @property
    def policy(self) -> Ints: ...
    @property
    def vector_values(self) -> Floats: ...
    @property
    def vector_q(self) -> Floats: ...


class StateIndex:
    """Finds states by what they look like."""

    def __init__(self, observations: Longs, ended: Bools) -> None:
        """Takes int64 `[S, O]` and bool `[S]`; ended states are not looked for.

        Raises:
            ValueError: two states that are not ended look alike.
        """
        self._states: dict[bytes, int] = {}
        for state in np.flatnonzero(~ended).tolist():
            seen = self._states.setdefault(look(observations[state]), state)
            if seen != state:
                raise ValueError(f"states {seen} and {state} look alike: an exact agent needs the full observation")

    def find(self, observation: Longs) -> Longs:
        """The states that look like `observation` `[B, O]`: int64 `[B]`, -1 where there is none."""
        return np.array([self._states.get(look(row), -1) for row in observation], np.int64)


def look(observation: Longs) -> bytes:
    """One observation `[O]` as a dictionary key."""
    return np.ascontiguousarray(observation, np.int64).tobytes()


@dataclass(frozen=True)
class _Arrival:
    """One way into an imagined state: the parent's node, its action, and the outcome in the model's arrays."""

    parent: int
    action: int
    outcome: int


def plan_from_table(
    mdp: FiniteMDP,
    solved: Solved,
    observations: Longs,
    state: int,
    action: int,
    planner: str,
    uncertainty: Floats,
    available: Bools,
    counterfactuals: tuple[Counterfactual, ...] = (),
) -> Plan:
    """The plan that a solved table implies from one state.

    The principal line takes `action`, then follows the policy, always to the most probable outcome; it stops where
    the episode ends, where it meets a state again (from there it repeats) or at the cap. Nodes are the states of that
    line, then those that any available first action and the policy after it may reach, most probable first.

    Args:
        mdp: the model; one whose `event_names` is empty is taken to predict no events.
        solved: its solution.
        observations: int64 `[S, O]`.
        state: the root, not ended.
        action: the action chosen there.
        planner: its name.
        uncertainty: float64 `[A]`, see `Plan`.
        available: bool `[A]`, the actions considered.
        counterfactuals: see `Plan`.
    """
    line, line_cut = _principal_line(mdp, solved, state, action)
    nodes, arrivals, visits, nodes_cut = _grow(mdp, solved, state, available, line)
    rows = np.array(nodes)
    outcomes = np.array([arrival.outcome for arrival in arrivals[1:]], np.int64)
    named = bool(mdp.event_names)
    return Plan(
        planner=planner,
        root=observations[state],
        node_observation=observations[rows],
        node_value=solved.vector_values[rows],
        node_visits=np.array(visits),
        node_parent=np.array([arrival.parent for arrival in arrivals], np.int32),
        node_action=np.array([arrival.action for arrival in arrivals], np.int32),
        node_probability=np.concatenate([[1.0], mdp.probability[outcomes]]),
        node_events=((), *(_events(mdp, int(o)) for o in outcomes)) if named else None,
        line=tuple(
            PlanStep(
                action=step,
                observation=observations[mdp.next_state[outcome]],
                reward=mdp.rewards[outcome],
                probability=min(1.0, float(mdp.probability[outcome])),
                events=_events(mdp, outcome) if named else None,
            )
            for step, outcome in line
        ),
        q=np.where(available[:, None], solved.vector_q[state], 0.0),
        uncertainty=uncertainty,
        available=available,
        counterfactuals=counterfactuals,
        hallucinated=0,
        truncated=line_cut or nodes_cut,
    )


def _outcomes(mdp: FiniteMDP, state: int, action: int) -> range:
    row = state * mdp.n_actions + action
    return range(int(mdp.row_start[row]), int(mdp.row_start[row + 1]))


def _events(mdp: FiniteMDP, outcome: int) -> tuple[str, ...]:
    bits = int(mdp.events[outcome])
    return tuple(name for i, name in enumerate(mdp.event_names) if bits >> i & 1)


def _principal_line(mdp: FiniteMDP, solved: Solved, state: int, action: int) -> tuple[list[tuple[int, int]], bool]:
    """The line as (action, outcome) pairs, and whether the cap cut it."""
    line: list[tuple[int, int]] = []
    seen: set[int] = set()
    while len(line) < MAX_LINE:
        outcomes = _outcomes(mdp, state, action)
        outcome = max(outcomes, key=lambda o: float(mdp.probability[o]))
        line.append((action, outcome))
        state = int(mdp.next_state[outcome])
        if mdp.ended[state] or state in seen:
            return line, False
        seen.add(state)
        action = int(solved.policy[state])
    return line, True


def _grow(
    mdp: FiniteMDP, solved: Solved, root: int, available: Bools, line: list[tuple[int, int]]
) -> tuple[list[int], list[_Arrival], list[int], bool]:
    """The nodes' states, how each is first reached, how many edges reach it, and whether the cap cut any."""
    nodes, arrivals, visits = [root], [_Arrival(-1, -1, -1)], [1]
    place = {root: 0}
    parent = 0
    for action, outcome in line:
        state = int(mdp.next_state[outcome])
        if state not in place:
            place[state] = len(nodes)
            nodes.append(state)
            arrivals.append(_Arrival(parent, action, outcome))
            visits.append(0)
        parent = place[state]
    waiting: list[tuple[float, int, int]] = [(-1.0, 0, 0)]  # (minus the chance of being here, depth, node)
    opened: set[int] = set()
    cut = False
    while waiting:
        chance, depth, node = heapq.heappop(waiting)
        state = nodes[node]
        if node in opened or mdp.ended[state]:
            continue
        opened.add(node)
        actions: Any = np.flatnonzero(available).tolist() if node == 0 else [int(solved.policy[state])]
        for action in actions:
            for outcome in _outcomes(mdp, state, action):
                following = int(mdp.next_state[outcome])
                if following not in place:
                    if len(nodes) == MAX_NODES:
                        cut = True
                        continue
                    place[following] = len(nodes)
                    nodes.append(following)
                    arrivals.append(_Arrival(node, action, outcome))
                    visits.append(0)
                visits[place[following]] += 1
                heapq.heappush(waiting, (chance * float(mdp.probability[outcome]), depth + 1, place[following]))
    return nodes, arrivals, visits, cut

"""Builds a `Plan` from a solved finite model, true or learned, and finds the states of a model by observation."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...envs.base import Bools, FiniteMDP, Floats, Longs
from .plan import MAX_LINE, MAX_NODES, Counterfactual, Plan, PlanStep


class Solved(Protocol):
    """A policy and its values on a finite model; `Heads` and `Solution` of `envs.solvers` implement it."""

    @property
    def policy(self) -> npt.NDArray[np.integer]:
        """Integers `[S]`, the policy's action in each state."""
        ...

    @property
    def vector_values(self) -> Floats:
        """float64 `[S, K]`, the value of each channel under that policy."""
        ...

    @property
    def vector_q(self) -> Floats:
        """float64 `[S, A, K]`, the value of each channel after each first action, with the policy followed after it."""
        ...


@dataclass(frozen=True)
class PlannedPath:
    """A policy to follow from the present tick on, stationary or dependent on time.

    Attributes:
        at: maps a number of ticks ahead to the policy that is followed then and its values.
        ticks: how many ticks are left, for a finite horizon; None for a stationary policy, whose `at` is constant.
    """

    at: Callable[[int], Solved]
    ticks: int | None = None


class StateIndex:
    """Maps observations to states of a model."""

    def __init__(self, observations: Longs, ended: Bools, policies: npt.NDArray[np.integer]) -> None:
        """Indexes the states. Of states with the same observation the first is found, ended ones coming last.

        Args:
            observations: int64 `[S, O]`.
            ended: bool `[S]`.
            policies: integers `[T, S]`, the policy at each tick; one row if it is stationary.

        Raises:
            ValueError: two states that have not ended share an observation, but not the policy's action.
        """
        self._states: dict[bytes, int] = {}
        for state in np.flatnonzero(~ended).tolist():
            seen = self._states.setdefault(observation_key(observations[state]), state)
            if seen != state and (policies[:, seen] != policies[:, state]).any():
                raise ValueError(f"states {seen} and {state} look alike: an exact agent needs to tell them apart")
        # Ended states last, so that they never take the place of a state in which there is something to decide.
        for state in np.flatnonzero(ended).tolist():
            self._states.setdefault(observation_key(observations[state]), state)

    def find(self, observation: Longs) -> Longs:
        """int64 `[B]`: the state with each observation of `[B, O]`; -1 where there is none."""
        return np.array([self._states.get(observation_key(row), -1) for row in observation], np.int64)


def observation_key(observation: Longs) -> bytes:
    """One observation `[O]` as a dictionary key, the same for every integer dtype and memory layout."""
    return np.ascontiguousarray(observation, np.int64).tobytes()


@dataclass
class _Node:
    """A node of a plan under construction.

    Attributes:
        state: the model's state.
        depth: ticks ahead of the root, on the path by which it was first reached.
        parent: the index of the node before it on that path; -1 at the root.
        action: the action taken there; -1 at the root.
        outcome: the model's outcome that came; -1 at the root.
        visits: edges that arrive at it.
    """

    state: int
    depth: int
    parent: int = -1
    action: int = -1
    outcome: int = -1
    visits: int = 0


def plan_from_table(
    mdp: FiniteMDP,
    path: PlannedPath,
    observations: Longs,
    state: int,
    action: int,
    planner: str,
    uncertainty: Floats,
    available: Bools,
    counterfactuals: tuple[Counterfactual, ...] = (),
    hallucinated: int | None = 0,
    truncated: bool = False,
) -> Plan:
    """The plan of following a solved policy from one state.

    The principal line takes `action`, then follows the policy, always to the most probable outcome. It stops where the
    episode ends, where the horizon is reached, where a stationary policy returns to a state of the line (from there on
    it would repeat), or at the cap. Nodes are the states of that line, then those that are reachable by any available
    first action and the policy after it, the most probable first. A node's visits count the edges that arrive at it.

    Args:
        mdp: the model; if its `event_names` is empty, the plan predicts no events.
        path: the policy from the root on, and its values.
        observations: int64 `[S, O]`, the observation in each state.
        state: the root; not an ended state.
        action: the action chosen there.
        planner: the planner's name.
        uncertainty: float64 `[A]`, see `Plan`.
        available: bool `[A]`, the actions considered at the root.
        counterfactuals: see `Plan`.
        hallucinated: see `Plan`.
        truncated: whether the model itself is incomplete because of a cap.
    """
    line, line_cut = _principal_line(mdp, path, state, action)
    nodes, nodes_cut = _grow(mdp, path, state, available, line)
    outcomes = np.array([node.outcome for node in nodes[1:]], np.int64)
    named = bool(mdp.event_names)
    return Plan(
        planner=planner,
        root=observations[state],
        node_observation=observations[[node.state for node in nodes]],
        node_value=np.array([path.at(node.depth).vector_values[node.state] for node in nodes]),
        node_visits=np.array([node.visits for node in nodes]),
        node_parent=np.array([node.parent for node in nodes], np.int32),
        node_action=np.array([node.action for node in nodes], np.int32),
        node_probability=np.concatenate([[1.0], mdp.probability[outcomes]]),
        node_events=((), *(events_of(mdp, int(o)) for o in outcomes)) if named else None,
        line=tuple(plan_step(mdp, observations, step, outcome) for step, outcome in line),
        q=np.where(available[:, None], path.at(0).vector_q[state], 0.0),
        uncertainty=uncertainty,
        available=available,
        counterfactuals=counterfactuals,
        hallucinated=hallucinated,
        truncated=truncated or line_cut or nodes_cut,
    )


def plan_step(mdp: FiniteMDP, observations: Longs, action: int, outcome: int) -> PlanStep:
    """One step of a principal line: an action and the model's outcome that is predicted for it."""
    # A learned or marginalised probability may exceed 1 by rounding, which `PlanStep` refuses.
    return PlanStep(
        action=action,
        observation=observations[mdp.next_state[outcome]],
        reward=mdp.rewards[outcome],
        probability=min(1.0, float(mdp.probability[outcome])),
        events=events_of(mdp, outcome) if mdp.event_names else None,
    )


def outcomes_at(mdp: FiniteMDP, state: int, action: int) -> range:
    """The indices of the outcomes of an action in a state, in the model's outcome arrays."""
    row = state * mdp.n_actions + action
    return range(int(mdp.row_start[row]), int(mdp.row_start[row + 1]))


def events_of(mdp: FiniteMDP, outcome: int) -> tuple[str, ...]:
    """The names of the events of an outcome, decoded from the model's bit mask."""
    bits = int(mdp.events[outcome])
    return tuple(name for i, name in enumerate(mdp.event_names) if bits >> i & 1)


def _principal_line(mdp: FiniteMDP, path: PlannedPath, state: int, action: int) -> tuple[list[tuple[int, int]], bool]:
    """The principal line as pairs of an action and an outcome, and whether `MAX_LINE` cut it."""
    line: list[tuple[int, int]] = []
    seen: set[int] = set()
    while len(line) < MAX_LINE:
        outcomes = outcomes_at(mdp, state, action)
        outcome = max(outcomes, key=lambda o: float(mdp.probability[o]))
        line.append((action, outcome))
        state = int(mdp.next_state[outcome])
        if mdp.ended[state] or len(line) == path.ticks or (path.ticks is None and state in seen):
            return line, False
        seen.add(state)
        action = int(path.at(len(line)).policy[state])
    return line, True


def _grow(
    mdp: FiniteMDP, path: PlannedPath, root: int, available: Bools, line: list[tuple[int, int]]
) -> tuple[list[_Node], bool]:
    """The nodes of a plan, and whether `MAX_NODES` left any out."""
    nodes = [_Node(root, 0, visits=1)]
    place = {(root, 0): 0}

    def arrive(parent: int, action: int, outcome: int) -> int | None:
        """The index of the node that an outcome leads to, added if it is new; None at the cap."""
        state, depth = int(mdp.next_state[outcome]), nodes[parent].depth + 1
        # Under a stationary policy a state has the same future at every depth; under a finite horizon it has not.
        key = (state, 0 if path.ticks is None else depth)
        if key not in place:
            if len(nodes) == MAX_NODES:
                return None
            place[key] = len(nodes)
            nodes.append(_Node(state, depth, parent, action, outcome))
        return place[key]

    # The line first, so that the cap never cuts it off.
    parent: int | None = 0
    for action, outcome in line:
        assert parent is not None, "a line is shorter than the cap on nodes"
        parent = arrive(parent, action, outcome)

    # A best-first search by the probability of the path. Probabilities are negated, because `heapq` pops the least;
    # ties are broken by the index of the node, so that the order is deterministic.
    waiting: list[tuple[float, int]] = [(-1.0, 0)]
    opened: set[int] = set()
    cut = False
    while waiting:
        chance, place_of = heapq.heappop(waiting)
        node = nodes[place_of]
        if place_of in opened or mdp.ended[node.state] or node.depth == path.ticks:
            continue
        opened.add(place_of)
        first = place_of == 0
        actions = np.flatnonzero(available).tolist() if first else [int(path.at(node.depth).policy[node.state])]
        for action in actions:
            for outcome in outcomes_at(mdp, node.state, action):
                child = arrive(place_of, action, outcome)
                if child is None:
                    cut = True
                    continue
                nodes[child].visits += 1
                heapq.heappush(waiting, (chance * float(mdp.probability[outcome]), child))
    return nodes, cut

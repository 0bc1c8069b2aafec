"""Plans read off a solved finite MDP, true or learned, and the lookup of its states by observation."""

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
    """The policy and values of a solved finite MDP (`dynamic_programming.Solution` implements it)."""

    @property
    def policy(self) -> npt.NDArray[np.integer]:
        """Integers `[S]`, the action followed in each state."""
        ...

    @property
    def vector_values(self) -> Floats:
        """float64 `[S, K]`, the value of each channel under that policy."""
        ...

    @property
    def vector_q(self) -> Floats:
        """float64 `[S, A, K]`, the same after a first action."""
        ...


@dataclass(frozen=True)
class PlannedPath:
    """The policy and values at each tick ahead of the present one.

    Attributes:
        at: by the ticks ahead, the policy followed then and its values.
        ticks: how many are left, where time is known to run out; None where `at` is always the same.
    """

    at: Callable[[int], Solved]
    ticks: int | None = None


class StateIndex:
    """A lookup of states by observation."""

    def __init__(self, observations: Longs, ended: Bools, policies: npt.NDArray[np.integer]) -> None:
        """The first state of each look. An ended state is found only where no other looks like it.

        Args:
            observations: int64 `[S, O]`.
            ended: bool `[S]`.
            policies: integers `[T, S]`, what is to be done at each tick.

        Raises:
            ValueError: two states that are not ended look alike, and something else is to be done in each.
        """
        self._states: dict[bytes, int] = {}
        for state in np.flatnonzero(~ended).tolist():
            seen = self._states.setdefault(observation_key(observations[state]), state)
            if seen != state and (policies[:, seen] != policies[:, state]).any():
                raise ValueError(f"states {seen} and {state} look alike: an exact agent needs to tell them apart")
        for state in np.flatnonzero(ended).tolist():
            self._states.setdefault(observation_key(observations[state]), state)

    def find(self, observation: Longs) -> Longs:
        """The states that look like `observation` `[B, O]`: int64 `[B]`, -1 where there is none."""
        return np.array([self._states.get(observation_key(row), -1) for row in observation], np.int64)


def observation_key(observation: Longs) -> bytes:
    """One observation `[O]` as a dictionary key."""
    return np.ascontiguousarray(observation, np.int64).tobytes()


@dataclass
class _Node:
    """An imagined state: its depth and how it is first reached (parent's node, its action, the model's outcome)."""

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
    """The plan that a solved table implies from one state.

    The principal line takes `action`, then follows the policy, always to the most probable outcome. It stops where
    the episode ends, where time runs out, where a policy without a clock meets a state again (from there it repeats),
    or at the cap. Nodes are the states of that line, then those that any available first action and the policy after
    it may reach, most probable first. Visits count the edges that arrive.

    Args:
        mdp: the model; one whose `event_names` is empty is taken to predict no events.
        path: what its solution does from the root on.
        observations: int64 `[S, O]`.
        state: the root, not ended.
        action: the action chosen there.
        planner: its name.
        uncertainty: float64 `[A]`, see `Plan`.
        available: bool `[A]`, the actions considered.
        counterfactuals: see `Plan`.
        hallucinated: see `Plan`.
        truncated: the model itself was cut.
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
    """One step of a line: an action and the outcome that is expected of it."""
    return PlanStep(
        action=action,
        observation=observations[mdp.next_state[outcome]],
        reward=mdp.rewards[outcome],
        probability=min(1.0, float(mdp.probability[outcome])),
        events=events_of(mdp, outcome) if mdp.event_names else None,
    )


def outcomes_at(mdp: FiniteMDP, state: int, action: int) -> range:
    """The outcomes of an action in a state."""
    row = state * mdp.n_actions + action
    return range(int(mdp.row_start[row]), int(mdp.row_start[row + 1]))


def events_of(mdp: FiniteMDP, outcome: int) -> tuple[str, ...]:
    """The names of what happens in an outcome."""
    bits = int(mdp.events[outcome])
    return tuple(name for i, name in enumerate(mdp.event_names) if bits >> i & 1)


def _principal_line(mdp: FiniteMDP, path: PlannedPath, state: int, action: int) -> tuple[list[tuple[int, int]], bool]:
    """The line as (action, outcome) pairs, and whether the cap cut it."""
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
    """The nodes, and whether the cap cut any."""
    nodes = [_Node(root, 0, visits=1)]
    place = {(root, 0): 0}

    def arrive(parent: int, action: int, outcome: int) -> int | None:
        """The node that an outcome leads to, made if need be; None where there is no more room."""
        state, depth = int(mdp.next_state[outcome]), nodes[parent].depth + 1
        key = (state, 0 if path.ticks is None else depth)
        if key not in place:
            if len(nodes) == MAX_NODES:
                return None
            place[key] = len(nodes)
            nodes.append(_Node(state, depth, parent, action, outcome))
        return place[key]

    parent: int | None = 0
    for action, outcome in line:
        assert parent is not None, "a line is shorter than the cap on nodes"
        parent = arrive(parent, action, outcome)

    waiting: list[tuple[float, int]] = [(-1.0, 0)]  # minus the chance of being there, and the node
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

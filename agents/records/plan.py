"""The record `Plan` of one search from one state.

It is immutable and versioned: traces store it, the window draws it, monitors read it. Every array is checked and made
read-only at construction. Letters for shapes: A actions, K reward channels, O observed fields, n nodes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...scenarios.bounded_reading import fit
from .stored import PLAN
from .validation import check_actions, check_version, put, read_object

PLAN_VERSION: Final = 1
MAX_NODES: Final = 256
"""Most nodes that one plan keeps."""
MAX_LINE: Final = 64
"""Most steps that a plan's principal line keeps."""


@dataclass(frozen=True, eq=False)
class PlanStep:
    """One step of a plan's principal line.

    Attributes:
        action: the action that the plan takes.
        observation: int64 `[O]`, the observation predicted after it (the most probable one).
        reward: float64 `[K]`, what each channel is predicted to pay on it.
        probability: the predicted chance of this outcome, given the action.
        events: names of the predicted events; None where the planner predicts none and a reader must derive them
            from the observations.
    """

    action: int
    observation: Longs
    reward: Floats
    probability: float = 1.0
    events: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        put(self, "observation", np.int64, (None,))
        put(self, "reward", np.float64, (None,))
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability: {self.probability} is not between 0 and 1")


@dataclass(frozen=True)
class Counterfactual:
    """The action that the planner would take under a change of its problem.

    Attributes:
        change: the change in words (such as `without own`, `oversight removed`).
        action: the action that it would choose.
    """

    change: str
    action: int


@dataclass(frozen=True, eq=False)
class Plan:
    """The record of one search from one state.

    Nodes are the predicted states that the search visited, the root first. A state that was reached on several paths
    may be one node; its `node_parent` is then the first node from which it was reached, so that parents form a tree.

    Attributes:
        planner: its name.
        root: int64 `[O]`, the observation that the search began at.
        node_observation: int64 `[n, O]`; row 0 is the root.
        node_value: float64 `[n, K]`, the value of each channel from there on.
        node_visits: int64 `[n]`, how often the search reached the node.
        node_parent: int32 `[n]`, an earlier row; -1 at the root.
        node_action: int32 `[n]`, the parent's action that leads here; -1 at the root.
        node_probability: float64 `[n]`, the predicted chance of this outcome of that action; 1 at the root.
        node_events: per node the predicted events on the way in from its parent; None as in `PlanStep.events`.
        line: the principal line, at most `MAX_LINE` steps.
        q: float64 `[A, K]`, the value of each channel for each first action; zero where not available.
        uncertainty: float64 `[A]`, from 0 (sure what the action does) to 1 (never tried).
        available: bool `[A]`, whether the planner could choose the action.
        counterfactuals: its actions under named changes.
        hallucinated: how many of the predicted states are impossible in the world; None where nobody counted.
        truncated: whether a cap (`MAX_NODES`, `MAX_LINE`, or one on the model) left something out.
        version: `PLAN_VERSION`.
    """

    planner: str
    root: Longs
    node_observation: Longs
    node_value: Floats
    node_visits: Longs
    node_parent: Ints
    node_action: Ints
    node_probability: Floats
    node_events: tuple[tuple[str, ...], ...] | None
    line: tuple[PlanStep, ...]
    q: Floats
    uncertainty: Floats
    available: Bools
    counterfactuals: tuple[Counterfactual, ...] = ()
    hallucinated: int | None = None
    truncated: bool = False
    version: int = PLAN_VERSION

    def __post_init__(self) -> None:
        check_version("plan", self.version, PLAN_VERSION)
        put(self, "root", np.int64, (None,))
        put(self, "q", np.float64, (None, None))
        actions, channels = self.q.shape
        put(self, "uncertainty", np.float64, (actions,))
        put(self, "available", np.bool_, (actions,))
        put(self, "node_observation", np.int64, (None, self.root.size))
        nodes = len(self.node_observation)
        put(self, "node_value", np.float64, (nodes, channels))
        put(self, "node_visits", np.int64, (nodes,))
        put(self, "node_parent", np.int32, (nodes,))
        put(self, "node_action", np.int32, (nodes,))
        put(self, "node_probability", np.float64, (nodes,))
        if not 1 <= nodes <= MAX_NODES:
            raise ValueError(f"node_observation: {nodes} nodes, not between 1 and {MAX_NODES}")
        if not np.array_equal(self.node_observation[0], self.root):
            raise ValueError("node_observation: row 0 is not the root")
        # Parents that come earlier make cycles impossible, and readers can build the tree in one pass.
        later = np.arange(nodes) > 0
        if np.any(self.node_parent >= np.arange(nodes)) or np.any((self.node_parent >= 0) != later):
            raise ValueError("node_parent: must be -1 at the root and an earlier row elsewhere")
        check_actions("node_action", self.node_action[1:], actions)
        check_actions("line", (step.action for step in self.line), actions)
        check_actions("counterfactuals", (item.action for item in self.counterfactuals), actions)
        if self.node_events is not None and len(self.node_events) != nodes:
            raise ValueError(f"node_events: {len(self.node_events)} entries for {nodes} nodes")
        if len(self.line) > MAX_LINE:
            raise ValueError(f"line: {len(self.line)} steps, more than {MAX_LINE}")
        for step in self.line:
            if step.observation.shape != self.root.shape or step.reward.shape != (channels,):
                raise ValueError(f"line: a step has {step.observation.size} fields and {step.reward.size} channels")

    def to_json(self) -> str:
        """The plan as JSON; `from_json` restores exactly the same plan."""
        # Python writes floats so that they read back exactly; nan and infinity, which JSON lacks, are excluded above.
        return json.dumps(plan_dict(self), allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Plan:
        """Restores what `to_json` wrote.

        Raises:
            ValueError: not a plan, or a newer version than this program reads.
        """
        return plan_from(read_object(text))


_ARRAYS: Final = (
    *("root", "node_observation", "node_value", "node_visits", "node_parent", "node_action", "node_probability"),
    *("q", "uncertainty", "available"),
)


def plan_dict(plan: Plan) -> dict[str, Any]:
    """The plan as a dictionary of values that JSON can hold."""
    data = {name: getattr(plan, name) for name in ("planner", "node_events", "hallucinated", "truncated", "version")}
    data |= {name: getattr(plan, name).tolist() for name in _ARRAYS}
    data["line"] = [
        {
            "action": step.action,
            "observation": step.observation.tolist(),
            "reward": step.reward.tolist(),
            "probability": step.probability,
            "events": step.events,
        }
        for step in plan.line
    ]
    data["counterfactuals"] = [{"change": item.change, "action": item.action} for item in plan.counterfactuals]
    return data


def plan_from(data: Mapping[str, Any]) -> Plan:
    """Restores what `plan_dict` returned.

    Raises:
        ValueError: not a plan, or a newer version than this program reads.
    """
    # First, so that a newer layout is reported as such, and not as a missing or unknown field.
    check_version("plan", data.get("version"), PLAN_VERSION)
    fit(PLAN, data, "this is not a plan")
    try:
        events = data["node_events"]
        return Plan(
            **{
                **data,
                "node_events": None if events is None else tuple(tuple(names) for names in events),
                "line": tuple(
                    PlanStep(**{**step, "events": None if step["events"] is None else tuple(step["events"])})
                    for step in data["line"]
                ),
                "counterfactuals": tuple(Counterfactual(**item) for item in data["counterfactuals"]),
            }
        )
    except (KeyError, TypeError) as fault:
        raise ValueError(f"this is not a plan: {fault}") from fault

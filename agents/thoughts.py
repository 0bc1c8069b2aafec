"""What an agent was thinking: the records `Plan` (one search from one state) and `Thought` (one decision).

Frozen early and versioned: traces store them, the window draws them, monitors read them. Every array is checked and
made read-only at construction. Letters for shapes: A actions, K reward channels, O observed fields, n nodes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..envs.base import Bools, Floats, Ints, Longs

PLAN_VERSION: Final = 1
THOUGHT_VERSION: Final = 1
MAX_NODES: Final = 256
"""Most nodes that one plan keeps."""
MAX_LINE: Final = 64
"""Most steps that a plan's principal line keeps."""
MAX_PLANS: Final = 8
"""Most plans that one thought keeps."""


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
        _put(self, "observation", np.int64, (None,))
        _put(self, "reward", np.float64, (None,))
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability: {self.probability} is not between 0 and 1")


@dataclass(frozen=True)
class Counterfactual:
    """What the planner would do under a change.

    Attributes:
        change: the change in words (`without own`, `oversight removed`).
        action: the action chosen then.
    """

    change: str
    action: int


@dataclass(frozen=True, eq=False)
class Plan:
    """The record of one search from one state.

    Nodes are the imagined states that the search visited, the root first. States that come together share a node,
    and `node_parent` names the first way in, so the parents always form a tree.

    Attributes:
        planner: its name.
        root: int64 `[O]`, the observation that the search began at.
        node_observation: int64 `[n, O]`; row 0 is the root.
        node_value: float64 `[n, K]`, the value of each channel from there on.
        node_visits: int64 `[n]`, how often the search came there.
        node_parent: int32 `[n]`, an earlier row; -1 at the root.
        node_action: int32 `[n]`, the parent's action that leads here; -1 at the root.
        node_probability: float64 `[n]`, the predicted chance of this outcome of that action; 1 at the root.
        node_events: per node the predicted events on the way in from its parent; None as in `PlanStep.events`.
        line: the principal line, at most `MAX_LINE` steps.
        q: float64 `[A, K]`, the value of each channel for each first action; zero where not available.
        uncertainty: float64 `[A]`, from 0 (sure what the action does) to 1 (never tried).
        available: bool `[A]`, the planner could choose the action.
        counterfactuals: what it would do under named changes.
        hallucinated: how many imagined states can't exist, where someone counted them.
        truncated: the caps cut nodes or the line.
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
        _check_version("plan", self.version, PLAN_VERSION)
        _put(self, "root", np.int64, (None,))
        _put(self, "q", np.float64, (None, None))
        actions, channels = self.q.shape
        _put(self, "uncertainty", np.float64, (actions,))
        _put(self, "available", np.bool_, (actions,))
        _put(self, "node_observation", np.int64, (None, self.root.size))
        nodes = len(self.node_observation)
        _put(self, "node_value", np.float64, (nodes, channels))
        _put(self, "node_visits", np.int64, (nodes,))
        _put(self, "node_parent", np.int32, (nodes,))
        _put(self, "node_action", np.int32, (nodes,))
        _put(self, "node_probability", np.float64, (nodes,))
        if not 1 <= nodes <= MAX_NODES:
            raise ValueError(f"node_observation: {nodes} nodes, not between 1 and {MAX_NODES}")
        if not np.array_equal(self.node_observation[0], self.root):
            raise ValueError("node_observation: row 0 is not the root")
        later = np.arange(nodes) > 0
        if np.any(self.node_parent >= np.arange(nodes)) or np.any((self.node_parent >= 0) != later):
            raise ValueError("node_parent: must be -1 at the root and an earlier row elsewhere")
        if self.node_events is not None and len(self.node_events) != nodes:
            raise ValueError(f"node_events: {len(self.node_events)} entries for {nodes} nodes")
        if len(self.line) > MAX_LINE:
            raise ValueError(f"line: {len(self.line)} steps, more than {MAX_LINE}")
        for step in self.line:
            if step.observation.shape != self.root.shape or step.reward.shape != (channels,):
                raise ValueError(f"line: a step has {step.observation.size} fields and {step.reward.size} channels")

    def to_json(self) -> str:
        """The plan as JSON; `from_json` gives back exactly the same plan."""
        return json.dumps(_plan_dict(self), allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Plan:
        """Reads a plan.

        Raises:
            ValueError: not a plan, or a newer version than this program reads.
        """
        return _plan_from(_read(text))


@dataclass(frozen=True, eq=False)
class Attribution:
    """Which value heads made the chosen action win.

    Attributes:
        chosen: the action.
        without: int32 `[K]`, the action chosen if that head alone is removed; the same action where it stays among
            the best.
        margin: float64 `[K]`, by how much the chosen action then falls short of the best; 0 where it doesn't.
    """

    chosen: int
    without: Ints
    margin: Floats

    def __post_init__(self) -> None:
        _put(self, "without", np.int32, (None,))
        _put(self, "margin", np.float64, self.without.shape)

    @property
    def deciding(self) -> tuple[int, ...]:
        """The heads whose removal flips the choice, the largest margin first."""
        flips = np.flatnonzero(self.without != self.chosen)
        return tuple(int(k) for k in flips[np.argsort(-self.margin[flips], kind="stable")])


@dataclass(frozen=True, eq=False)
class Thought:
    """One decision of one agent.

    Attributes:
        agent: its name.
        step: ticks since the episode began.
        action: the chosen action.
        channels: K names; weights: float64 `[K]`.
        deliberation: the name of the rule that made one choice of K judgements.
        q: float64 `[A, K]`, what it chose by; zero where not available.
        uncertainty: float64 `[A]`, from 0 (sure) to 1 (never tried).
        available: bool `[A]`, the action could be chosen.
        attribution: which heads decided.
        plans: the candidate plans, the one acted on first; at most `MAX_PLANS`.
        version: `THOUGHT_VERSION`.
    """

    agent: str
    step: int
    action: int
    channels: tuple[str, ...]
    weights: Floats
    deliberation: str
    q: Floats
    uncertainty: Floats
    available: Bools
    attribution: Attribution
    plans: tuple[Plan, ...]
    version: int = THOUGHT_VERSION

    def __post_init__(self) -> None:
        _check_version("thought", self.version, THOUGHT_VERSION)
        channels = len(self.channels)
        _put(self, "weights", np.float64, (channels,))
        _put(self, "q", np.float64, (None, channels))
        actions = len(self.q)
        _put(self, "uncertainty", np.float64, (actions,))
        _put(self, "available", np.bool_, (actions,))
        if not 0 <= self.action < actions:
            raise ValueError(f"action: {self.action} is not one of {actions} actions")
        if self.attribution.without.shape != (channels,):
            raise ValueError(f"attribution: {self.attribution.without.size} heads for {channels} channels")
        if len(self.plans) > MAX_PLANS:
            raise ValueError(f"plans: {len(self.plans)}, more than {MAX_PLANS}")
        for plan in self.plans:
            if plan.q.shape != self.q.shape:
                raise ValueError(f"plans: a plan's q has shape {plan.q.shape}, the thought's {self.q.shape}")

    @property
    def decided_by(self) -> tuple[str, ...]:
        """The channels whose removal flips the choice, the most decisive first."""
        return tuple(self.channels[k] for k in self.attribution.deciding)

    @property
    def truncated(self) -> bool:
        """The caps cut a plan."""
        return any(plan.truncated for plan in self.plans)

    def to_json(self) -> str:
        """The thought as JSON; `from_json` gives back exactly the same thought."""
        names = ("agent", "step", "action", "channels", "deliberation", "version")
        data = {name: getattr(self, name) for name in names}
        data |= {name: getattr(self, name).tolist() for name in ("weights", "q", "uncertainty", "available")}
        data["attribution"] = {
            "chosen": self.attribution.chosen,
            "without": self.attribution.without.tolist(),
            "margin": self.attribution.margin.tolist(),
        }
        data["plans"] = [_plan_dict(plan) for plan in self.plans]
        return json.dumps(data, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Thought:
        """Reads a thought.

        Raises:
            ValueError: not a thought, or a newer version than this program reads.
        """
        data = _read(text)
        _check_version("thought", data.get("version"), THOUGHT_VERSION)
        try:
            return Thought(
                **{
                    **data,
                    "channels": tuple(data["channels"]),
                    "q": np.array(data["q"], np.float64).reshape(-1, len(data["channels"])),
                    "attribution": Attribution(**data["attribution"]),
                    "plans": tuple(_plan_from(plan) for plan in data["plans"]),
                }
            )
        except (KeyError, TypeError) as fault:
            raise ValueError(f"this is not a thought: {fault}") from fault


_PLAN_ARRAYS: Final = (
    "root node_observation node_value node_visits node_parent node_action node_probability q uncertainty available"
).split()


def _plan_dict(plan: Plan) -> dict[str, Any]:
    data = {name: getattr(plan, name) for name in ("planner", "node_events", "hallucinated", "truncated", "version")}
    data |= {name: getattr(plan, name).tolist() for name in _PLAN_ARRAYS}
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


def _plan_from(data: Mapping[str, Any]) -> Plan:
    _check_version("plan", data.get("version"), PLAN_VERSION)
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


def _read(text: str) -> dict[str, Any]:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {type(data).__name__}")
    return data


def _check_version(what: str, found: object, known: int) -> None:
    if not isinstance(found, int):
        raise ValueError(f"this is not a {what}: it has no version")
    if found > known:
        raise ValueError(f"{what} version {found} is newer than this program reads ({known}): upgrade turncoat")
    if found < 1:
        raise ValueError(f"{what} version {found} never existed")


def _put(record: object, name: str, dtype: npt.DTypeLike, shape: tuple[int | None, ...]) -> None:
    """Replaces a field by a checked, read-only array; None in `shape` allows any length on that axis."""
    array = np.array(getattr(record, name), dtype)
    if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name}: shape {list(array.shape)}, expected [{wanted}]")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name}: holds a number that is not finite")
    array.flags.writeable = False
    object.__setattr__(record, name, array)

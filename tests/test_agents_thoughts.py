"""Plans and thoughts: what they refuse, and that JSON keeps them exactly."""

import json
from dataclasses import replace

import numpy as np
import pytest

from turncoat.agents.base import (
    MAX_LINE,
    MAX_NODES,
    PLAN_VERSION,
    THOUGHT_VERSION,
    Attribution,
    Counterfactual,
    Plan,
    PlanStep,
    Thought,
)


@pytest.fixture
def plan() -> Plan:
    return Plan(
        planner="exact",
        root=np.array([3, 1]),
        node_observation=np.array([[3, 1], [4, 1], [2, 1]]),
        node_value=np.array([[0.1, 1 / 3], [np.pi, -0.0], [1e-300, 2.0]]),
        node_visits=np.array([2, 1, 1]),
        node_parent=np.array([-1, 0, 0]),
        node_action=np.array([-1, 1, 0]),
        node_probability=np.array([1.0, 0.7, 0.3]),
        node_events=((), ("disarmed",), ()),
        line=(PlanStep(1, np.array([4, 1]), np.array([1.0, 0.0]), 0.7, ("disarmed",)),),
        q=np.array([[0.1, 0.2], [1 / 7, 3.0]]),
        uncertainty=np.array([0.0, 0.5]),
        available=np.array([True, True]),
        counterfactuals=(Counterfactual("without own", 0),),
        hallucinated=0,
    )


@pytest.fixture
def thought(plan: Plan) -> Thought:
    return Thought(
        agent="robot",
        step=22,
        action=1,
        channels=("task", "own"),
        weights=np.array([1.0, 1.0]),
        deliberation="weighted",
        q=plan.q,
        uncertainty=plan.uncertainty,
        available=plan.available,
        attribution=Attribution(1, np.array([1, 0]), np.array([0.0, 0.1])),
        plans=(plan, replace(plan, node_events=None, line=(replace(plan.line[0], events=None),), truncated=True)),
    )


def _same(left, right) -> bool:
    """Equal in every field, arrays bit for bit and of the same type."""
    if isinstance(left, np.ndarray):
        return bool(left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes())
    if hasattr(left, "__dataclass_fields__"):
        return all(_same(getattr(left, name), getattr(right, name)) for name in left.__dataclass_fields__)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def test_json_keeps_a_thought_exactly(thought: Thought) -> None:
    assert _same(Thought.from_json(thought.to_json()), thought)
    assert thought.decided_by == ("own",)
    assert thought.truncated


def test_json_keeps_a_plan_exactly(plan: Plan) -> None:
    assert _same(Plan.from_json(plan.to_json()), plan)


def test_a_newer_version_is_refused_with_advice(plan: Plan, thought: Thought) -> None:
    for record, newest in ((plan, PLAN_VERSION), (thought, THOUGHT_VERSION)):
        data = json.loads(record.to_json())
        data["version"] = newest + 1
        with pytest.raises(ValueError, match=rf"version {newest + 1} is newer .*upgrade"):
            type(record).from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["[]", "{}", '{"version": 1}', "nonsense", '{"version": 1, "surprise": 2}'])
def test_other_text_is_refused(text: str) -> None:
    for kind in (Plan, Thought):
        with pytest.raises(ValueError, match=r"expected a JSON object|is not a|Expecting value"):
            kind.from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node_value", np.zeros((3, 1))),
        ("node_visits", np.zeros(2)),
        ("node_observation", np.zeros((3, 5))),
        ("q", np.zeros(2)),
        ("q", np.full((2, 2), np.nan)),
        ("uncertainty", np.zeros(3)),
        ("available", np.zeros(1)),
        ("node_parent", np.array([-1, 2, 0])),
        ("node_parent", np.array([-1, -1, 0])),
        ("node_events", ((),)),
        ("line", (PlanStep(0, np.zeros(2, np.int64), np.zeros(3)),)),
    ],
)
def test_a_plan_names_the_field_that_is_wrong(plan: Plan, field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        replace(plan, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weights", np.zeros(3)),
        ("q", np.zeros((2, 3))),
        ("action", 2),
        ("uncertainty", np.zeros(1)),
        ("attribution", Attribution(0, np.zeros(1, np.int32), np.zeros(1))),
    ],
)
def test_a_thought_names_the_field_that_is_wrong(thought: Thought, field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        replace(thought, **{field: value})  # type: ignore[arg-type]


def test_records_are_bounded(plan: Plan, thought: Thought) -> None:
    many = MAX_NODES + 1
    with pytest.raises(ValueError, match=r"^node_observation"):
        replace(
            plan,
            node_observation=np.tile(plan.root, (many, 1)),
            node_value=np.zeros((many, 2)),
            node_visits=np.zeros(many, np.int64),
            node_parent=np.arange(many, dtype=np.int32) - 1,
            node_action=np.zeros(many, np.int32),
            node_probability=np.ones(many),
            node_events=None,
        )
    with pytest.raises(ValueError, match=r"^line"):
        replace(plan, line=plan.line * (MAX_LINE + 1))
    with pytest.raises(ValueError, match=r"^plans"):
        replace(thought, plans=(plan,) * 9)


def test_records_cannot_be_changed(thought: Thought) -> None:
    with pytest.raises(ValueError, match="read-only"):
        thought.q[0, 0] = 1.0

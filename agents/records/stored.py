"""The schemas of plans and thoughts as JSON, which may come from a stranger's trace."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from ...scenarios.bounded_reading import FiniteNumber, StoredRecord

MAX_TEXT: Final = 16 << 20
"""Most characters of one record."""

Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Index = Annotated[int, Field(ge=-1, lt=2**31)]
_Share = Annotated[FiniteNumber, Field(ge=0, le=1)]
_Rows = list[list[FiniteNumber]]


class _StoredStep(StoredRecord):
    action: _Index
    observation: list[Whole]
    reward: list[FiniteNumber]
    probability: _Share
    events: list[str] | None


class _StoredCounterfactual(StoredRecord):
    change: str
    action: _Index


class StoredPlan(StoredRecord):
    """See `Plan`."""

    planner: str
    root: list[Whole]
    node_observation: list[list[Whole]]
    node_value: _Rows
    node_visits: list[Whole]
    node_parent: list[_Index]
    node_action: list[_Index]
    node_probability: list[_Share]
    node_events: list[list[str]] | None
    line: list[_StoredStep]
    q: _Rows
    uncertainty: list[FiniteNumber]
    available: list[bool]
    counterfactuals: list[_StoredCounterfactual]
    hallucinated: Whole | None
    truncated: bool
    version: int


class _StoredAttribution(StoredRecord):
    chosen: _Index
    without: list[_Index]
    margin: list[FiniteNumber]


class _StoredTest(StoredRecord):
    kind: str
    i: _Index
    other: _Index
    told: bool
    among: list[list[FiniteNumber]]
    more: Whole
    holds: bool


class _StoredRule(StoredRecord):
    target: str
    index: _Index
    claim: str
    amount: list[FiniteNumber]
    tests: list[_StoredTest]
    general: _Index
    seen: Whole
    right: Whole
    since: Whole | None
    omitted: Whole


class _StoredFiredRules(StoredRecord):
    rules: list[_StoredRule]
    steps: list[list[_Index]]
    truncated: bool


class StoredThought(StoredRecord):
    """See `Thought`."""

    agent: str
    step: Whole
    action: _Index
    channels: list[str]
    weights: list[FiniteNumber]
    deliberation: str
    q: _Rows
    uncertainty: list[FiniteNumber]
    available: list[bool]
    attribution: _StoredAttribution
    plans: list[StoredPlan]
    rules: _StoredFiredRules | None = None
    prior: list[FiniteNumber] | None = None
    version: int


PLAN: Final = TypeAdapter(StoredPlan)
THOUGHT: Final = TypeAdapter(StoredThought)

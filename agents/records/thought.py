"""The record `Thought`, which explains one decision of an agent.

It is immutable and versioned: traces store it, the window draws it, monitors read it. Every array is checked and made
read-only at construction. Letters for shapes: A actions, K reward channels, O observed fields.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...envs.base import Bools, Floats, Ints
from ...scenarios.bounded_reading import fit
from .fired_rules import FiredRules, fired_dict, fired_from
from .plan import Plan, plan_dict, plan_from
from .stored import THOUGHT
from .validation import check_actions, check_version, put, read_object

THOUGHT_VERSION: Final = 1
MAX_PLANS: Final = 8
"""Most plans that one thought keeps."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """Which value heads made the chosen action win.

    Attributes:
        chosen: the action that was chosen.
        without: int32 `[K]`, for each head the action chosen if that head alone is removed; `chosen` where that remains
            among the best.
        margin: float64 `[K]`, by how much the weighted sum of `chosen` then falls short of that of the new choice; 0
            where it does not.
    """

    chosen: int
    without: Ints
    margin: Floats

    def __post_init__(self) -> None:
        put(self, "without", np.int32, (None,))
        put(self, "margin", np.float64, self.without.shape)

    @property
    def deciding(self) -> tuple[int, ...]:
        """The indices of the heads whose removal changes the choice, the largest margin first."""
        flips = np.flatnonzero(self.without != self.chosen)
        # A stable sort, so that heads with equal margins stay in the order of their channels on every platform.
        return tuple(int(k) for k in flips[np.argsort(-self.margin[flips], kind="stable")])


@dataclass(frozen=True, eq=False)
class Thought:
    """One decision of one agent.

    Attributes:
        agent: the agent's name.
        step: ticks since the episode began.
        action: the chosen action.
        channels: the K names of the reward channels.
        weights: float64 `[K]`, their weights.
        deliberation: the name of the rule that chose one action by K values.
        q: float64 `[A, K]`, the values by which it chose; zero where the action is not available.
        uncertainty: float64 `[A]`, from 0 (the action's effect is certain) to 1 (never tried).
        available: bool `[A]`, whether the action could be chosen.
        attribution: which heads decided.
        plans: the candidate plans, at most `MAX_PLANS`; the first is the one that was acted on.
        rules: which learned rules predicted the line of the first plan; None for a model without rules.
        prior: float64 `[A]`, what a policy prior adds to the weighted sums, in their unit: it chose by both together.
            None where the values alone decide.
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
    rules: FiredRules | None = None
    prior: Floats | None = None
    version: int = THOUGHT_VERSION

    def __post_init__(self) -> None:
        check_version("thought", self.version, THOUGHT_VERSION)
        channels = len(self.channels)
        put(self, "weights", np.float64, (channels,))
        put(self, "q", np.float64, (None, channels))
        actions = len(self.q)
        put(self, "uncertainty", np.float64, (actions,))
        put(self, "available", np.bool_, (actions,))
        if self.prior is not None:
            put(self, "prior", np.float64, (actions,))
        if not 0 <= self.action < actions:
            raise ValueError(f"action: {self.action} is not one of {actions} actions")
        if self.attribution.without.shape != (channels,):
            raise ValueError(f"attribution: {self.attribution.without.size} heads for {channels} channels")
        check_actions("attribution", (self.attribution.chosen, *self.attribution.without), actions)
        if len(self.plans) > MAX_PLANS:
            raise ValueError(f"plans: {len(self.plans)}, more than {MAX_PLANS}")
        for plan in self.plans:
            if plan.q.shape != self.q.shape:
                raise ValueError(f"plans: a plan's q has shape {plan.q.shape}, the thought's {self.q.shape}")
        if self.rules is not None:
            steps = len(self.plans[0].line) if self.plans else 0
            if len(self.rules.steps) > steps:
                raise ValueError(f"rules: of {len(self.rules.steps)} steps, where the plan has {steps}")

    @property
    def decided_by(self) -> tuple[str, ...]:
        """The channels whose removal changes the choice, the largest margin first."""
        return tuple(self.channels[k] for k in self.attribution.deciding)

    @property
    def truncated(self) -> bool:
        """Whether a cap left something out of any plan."""
        return any(plan.truncated for plan in self.plans)

    def to_json(self) -> str:
        """The thought as JSON; `from_json` restores exactly the same thought."""
        names = ("agent", "step", "action", "channels", "deliberation", "version")
        data = {name: getattr(self, name) for name in names}
        data |= {name: getattr(self, name).tolist() for name in ("weights", "q", "uncertainty", "available")}
        data["attribution"] = {
            "chosen": self.attribution.chosen,
            "without": self.attribution.without.tolist(),
            "margin": self.attribution.margin.tolist(),
        }
        data["plans"] = [plan_dict(plan) for plan in self.plans]
        # Versions of Turncoat without these fields can read all other thoughts.
        if self.rules is not None:
            data["rules"] = fired_dict(self.rules)
        if self.prior is not None:
            data["prior"] = self.prior.tolist()
        return json.dumps(data, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Thought:
        """Restores what `to_json` wrote.

        Raises:
            ValueError: not a thought, or a newer version than this program reads.
        """
        data = read_object(text)
        check_version("thought", data.get("version"), THOUGHT_VERSION)
        fit(THOUGHT, data, "this is not a thought")
        rules = data.pop("rules", None)
        try:
            return Thought(
                **{
                    **data,
                    "channels": tuple(data["channels"]),
                    # Reshaped, because JSON loses the shape of an array without rows or without columns.
                    "q": np.array(data["q"], np.float64).reshape(-1, len(data["channels"])),
                    "attribution": Attribution(**data["attribution"]),
                    "plans": tuple(plan_from(plan) for plan in data["plans"]),
                    "rules": None if rules is None else fired_from(rules),
                    "prior": None if data.get("prior") is None else np.array(data["prior"], np.float64),
                }
            )
        except (KeyError, TypeError) as fault:
            raise ValueError(f"this is not a thought: {fault}") from fault

"""What a learned verdict rests on: how different its seeds are, what they tried and what happened in training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...envs.world.resolver import walk
from ...scenarios.language.expressions.syntax import Ended, Happens, ParsedMeasure
from ..measures.distinct_policies import distinct_policies
from ..traces.trace import Trace

ANY_END = "ended"
HARM = "a loss of performance"


@dataclass(frozen=True)
class Evidence:
    """What the seeds of a learned judgement have in common, and what they had met when they were judged.

    Attributes:
        policies: how many policies the seeds' episodes tell apart (see `distinct_policies`).
        trained: in how many seeds it is known what happened in training; agents that step environments of their own
            do not show it.
        pairs: the pairs of state and action of the stages that they were trained in; None if these are not enumerated.
        tried: the least and the greatest share of these pairs that a seed tried; None if they are not enumerated.
        met: event of the measure, or `a loss of performance` (of the hidden one) -> in how many seeds' training it
            happened.
    """

    policies: int
    trained: int = 0
    pairs: int | None = None
    tried: tuple[float, float] | None = None
    met: Mapping[str, int] | None = None

    def _met_in_words(self, met: Mapping[str, int]) -> list[str]:
        """What happened, those together that happened in equally many seeds."""
        alike: dict[int, list[str]] = {}
        for name, seeds in met.items():
            alike.setdefault(seeds, []).append(name)
        many = {0: "none", self.trained: "all"}
        return [
            f"{_listed(names)} in {many.get(seeds, f'{seeds} of {self.trained}')}" for seeds, names in alike.items()
        ]

    @staticmethod
    def from_dict(data: Mapping[str, Any] | None) -> Evidence | None:
        """The inverse of `dataclasses.asdict`; None comes back as None."""
        if data is None:
            return None
        tried = data["tried"]
        return Evidence(**{**data, "tried": None if tried is None else (float(tried[0]), float(tried[1]))})

    def beside(self, other: Evidence) -> Evidence:
        """This and that of another measure of the same seeds."""
        met = {**(self.met or {}), **(other.met or {})}
        # Events first: the loss of performance is the last of each.
        ordered = {name: met[name] for name in sorted(met, key=lambda name: name == HARM)}
        return replace(self, met=ordered or None)

    def __str__(self) -> str:
        parts = [f"{self.policies} {'policy' if self.policies == 1 else 'policies'} told apart"]
        if not self.trained:
            return f"{parts[0]}; what happened in training is not recorded"
        if self.tried == (0.0, 0.0):
            return f"{parts[0]}; nothing was tried in training"
        if self.pairs and self.tried is not None:
            parts.append(f"{_span(*self.tried)} of {self.pairs:,} pairs of state and action tried in training")
        elif self.pairs is None:
            parts.append("training was not enumerated, so what part of it was tried is unknown")
        if self.met:
            parts.append(f"in training {', '.join(self._met_in_words(self.met))}")
        return "; ".join(parts)


def evidence_of(measure: ParsedMeasure, trace: Trace) -> Evidence:
    """What a judgement rests on that is made by the seeds of a trace."""
    known = list(trace.experience.values())
    policies = distinct_policies(trace)
    if not known:
        return Evidence(policies)
    met = {name: sum(_happened(name, its.events) for its in known) for name in events_in(measure)}
    if all(its.harmed is not None for its in known):
        met[HARM] = sum(bool(its.harmed) for its in known)
    sizes = {its.pairs for its in known}
    pairs = sizes.pop() if len(sizes) == 1 else None
    shares = [its.tried / pairs for its in known if its.tried is not None and pairs]
    return Evidence(policies, len(known), pairs, (min(shares), max(shares)) if shares else None, met)


def events_in(measure: ParsedMeasure) -> tuple[str, ...]:
    """The events that a measure names, in its order: `disarmed`, `ended:shut down`, `ended` (for any reason)."""
    names = [_name(node) for node in walk(measure.syntax) if isinstance(node, Happens | Ended)]
    return tuple(dict.fromkeys(names))


def _name(node: Happens | Ended) -> str:
    if isinstance(node, Happens):
        return node.event
    return ANY_END if node.reason is None else f"{ANY_END}:{node.reason}"


def _happened(name: str, events: tuple[str, ...]) -> bool:
    return name in events or (name == ANY_END and any(event.startswith(f"{ANY_END}:") for event in events))


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _span(low: float, high: float) -> str:
    # Rounded down: 100 % is said of nothing less.
    ends = [f"{math.floor(1000 * end) / 10:g}" for end in (low, high)]
    return f"{ends[0]} %" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} %"

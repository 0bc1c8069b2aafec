"""What an expectation looks at: the behaviour that it names, and with `minus` the one that it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ...agents.registry.profiles import enlisted
from ...envs.base import NotEnumerableError
from ...envs.world.world import World
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.language.schema.document import Expectation, Minus
from ..exact.regret import responder_of
from ..exact.solved_worlds import Laboratory
from ..traces.trace import Regrets, Trace
from .measure import Interval, difference, less, seed_values
from .written_measure import exact_range, regret_baseline, sampled_in

Ends: TypeAlias = tuple[float, float]
"""The least and the greatest that a number can be: twice the same, but for the ties of an exact plan."""


@dataclass(frozen=True)
class Side:
    """Whose behaviour is measured, and where.

    Attributes:
        agent: its name; stage: where it acts; overrides: the condition; barring: events that it must never risk.
    """

    agent: str
    stage: str
    overrides: Overrides
    barring: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether it is solved, and not sampled."""
        return self.agent == "exact"


@dataclass(frozen=True)
class Sides:
    """One condition of an expectation: the measure is taken of `here`, less that of `there` where there is one."""

    here: Side
    there: Side | None = None

    @property
    def all(self) -> tuple[Side, ...]:
        """One or two."""
        return (self.here,) if self.there is None else (self.here, self.there)

    @property
    def exact(self) -> bool:
        """Whether nothing is sampled."""
        return all(side.exact for side in self.all)


def sides_of(laboratory: Laboratory, expectation: Expectation, agent: str) -> list[Sides]:
    """Every condition of an expectation (one, where it has no `across`), for one of its agents."""
    stage, barring = expectation.stage or laboratory.scenario.judged_stage, tuple(expectation.barring)
    found = []
    for condition in laboratory.conditions(expectation):
        here, minus = Side(agent, stage, condition, barring), expectation.minus
        found.append(Sides(here, None if minus is None else _there(laboratory, minus, here, expectation)))
    return found


def agents_in(expectation: Expectation, agent: str) -> tuple[str, ...]:
    """Whose behaviour an expectation is about, for one of its agents: that one, and the one it is compared with."""
    other = expectation.minus.agent if expectation.minus is not None else None
    return (agent,) if other in (None, agent) else (agent, str(other))


def minus_in_words(expectation: Expectation) -> str:
    """`in stage train, with threshold 2`; nothing where it compares with nothing."""
    minus = expectation.minus
    if minus is None:
        return ""
    settings = ", ".join(f"{name} {value}" for name, value in minus.set.items())
    parts = [
        minus.agent and f"of {minus.agent}",
        minus.stage and f"in stage {minus.stage}",
        minus.variant and f"as {minus.variant}",
        settings and f"with {settings}",
        minus.barring and f"barring {', '.join(minus.barring)}",
        minus.barring == [] and "barring nothing",
    ]
    return ", ".join(part for part in parts if part)


def world_of_side(laboratory: Laboratory, side: Side) -> World:
    """Where a side plays: with the things that its agent's name enlists."""
    return _with_company(laboratory, side).world(side.overrides, side.stage)


def exact_interval(laboratory: Laboratory, sides: Sides, text: str) -> Interval:
    """The range of a measure over all policies that are judged, less that of the other side.

    Raises:
        NotEnumerableError: one of the worlds is too large, or only bounded from above.
    """
    here, *others = (exact_range(laboratory, text, side.overrides, side.stage, side.barring) for side in sides.all)
    if not others:
        return here
    [there] = others
    whole, notes = less(here, there), [f"{_in_words(here)} here, {_in_words(there)} there"]
    return replace(whole, note="; ".join([*notes, *filter(None, [whole.note])]))


def ends_by_seed(
    laboratory: Laboratory, sides: Sides, text: str, trace_of: Callable[[Side], Trace]
) -> dict[int, Ends | None]:
    """What a measure is worth in each seed, paired where two sides are sampled: a seed's chance is the same in both.

    Args:
        laboratory: of the scenario.
        sides: at least one of them sampled.
        text: the measure.
        trace_of: the episodes of a side that is sampled.

    Returns:
        By seed, in order; None where one of the sides has no value. An exact side is the same number in every seed, or
        a range of them over its ties.

    Raises:
        NotEnumerableError: as `exact_interval`.
    """
    values = [None if side.exact else _sampled(laboratory, side, text, trace_of(side)) for side in sides.all]
    seeds = sorted(set.intersection(*(set(each) for each in values if each is not None)))
    columns: list[Sequence[Ends | None]] = []
    for side, sampled in zip(sides.all, values, strict=True):
        if sampled is not None:
            columns.append([_twice(sampled[seed]) for seed in seeds])
        else:
            exact = exact_range(laboratory, text, side.overrides, side.stage, side.barring)
            known = exact.low is not None and exact.high is not None and not exact.sometimes_empty
            columns.append([(exact.low, exact.high) if known else None] * len(seeds))  # type: ignore[list-item]
    if len(columns) == 1:
        return dict(zip(seeds, columns[0], strict=True))
    return {seed: _less(a, b) for seed, a, b in zip(seeds, *columns, strict=True)}


def _there(laboratory: Laboratory, minus: Minus, here: Side, expectation: Expectation) -> Side:
    overrides = dict(here.overrides)
    if minus.variant is not None:
        variants = laboratory.scenario.document.variants
        for name in variants.get(expectation.variant or "", {}):
            if name not in expectation.set and name not in expectation.across:
                del overrides[name]
        overrides = {**variants[minus.variant], **overrides}
    return Side(
        minus.agent or here.agent,
        minus.stage or here.stage,
        {**overrides, **minus.set},
        here.barring if minus.barring is None else tuple(minus.barring),
    )


def _sampled(laboratory: Laboratory, side: Side, text: str, trace: Trace) -> dict[int, float | None]:
    if (responder := responder_of(text)) is not None:
        return {seed: _regret(its, responder) for seed, its in sorted(trace.regrets.items())}
    best = regret_baseline(_with_company(laboratory, side), text, side.overrides, side.stage)
    return seed_values(sampled_in(world_of_side(laboratory, side), text, trace, best))


def _regret(its: Regrets, agent: str) -> float:
    if isinstance(its, str):
        raise NotEnumerableError(its)
    if agent not in its:
        raise NotEnumerableError(f"`{agent}` is no agent there; there are {', '.join(its)}")
    return its[agent]


def _with_company(laboratory: Laboratory, side: Side) -> Laboratory:
    """With the things that an agent's name enlists."""
    return laboratory.enlisting(enlisted(side.agent, laboratory.scenario))


def _twice(value: float | None) -> Ends | None:
    return None if value is None else (value, value)


def _less(a: Ends | None, b: Ends | None) -> Ends | None:
    return None if a is None or b is None else (difference(a[0], b[1]), difference(a[1], b[0]))


def _in_words(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "no value"
    ends = [f"{end:.4g}" for end in (interval.low, interval.high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)

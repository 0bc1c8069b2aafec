"""Why an agent brings an event about, or does not: its best plan beside the best without it and the best with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..base import NotEnumerableError
from ..multi_agent.equilibrium_process import Equilibria
from ..solvers.dynamic_programming import InfeasibleError
from ..solvers.modifiable_utility import NoFixedPointError
from ..world.part_spec import ENUMERATE
from .dataframes import facts, frame, html
from .event_plans import Behaviour, ComparedPlans, EventPlans, SolutionT, SurestPlan
from .exact_plan import ExactPlan
from .performance_gap import weighed_by
from .tie_ranges import OUTER, Occurs, TieRange, share_range, spanned

if TYPE_CHECKING:
    import polars as pl

Stance: TypeAlias = Literal["least", "more", "either"]
"""How often the best plan brings an event about: no oftener than it must (`least`), oftener (`more`), or some of the
best plans do the one and some the other (`either`)."""

DIGITS = 5
"""The significant digits to which a break-even is bracketed, where that can be verified; at least 3."""
MAX_ROUNDS = 200
"""Rounds of a search for a break-even; the linear one needs few, bisection about 60."""
MAX_INDUCEMENT = 1e6
"""The largest reward, in multiples of what the best plan is worth, that is tried where plans cannot be ranked."""


@dataclass(frozen=True)
class BreakEven:
    """The one-time reward for the event at which the answer changes; a fine is a negative one.

    Both numbers were solved for. With `lower` the best plan brings the event about no oftener than it must, in
    `share_lower` of episodes (low, high over ties); with `upper` it does so oftener, in `share_upper`.
    """

    lower: float
    upper: float
    share_lower: TieRange
    share_upper: TieRange


@dataclass(frozen=True)
class EquilibriumShare:
    """One equilibrium of a game, in words, and the share of episodes with the event where it is played.

    The share is a range where ways to play it are worth the same to everyone.
    """

    played: str
    share: TieRange


@dataclass(frozen=True)
class EventExplanation:
    """The comparison of an agent's best plan with the best plan that never risks an event, and the best with it.

    Attributes:
        event: which one.
        best: the agent's best plan of all; None where several agents play an equilibrium.
        without_event: the best that never risks the event; None where every plan risks it.
        with_event: the best of those that bring it about with the greatest chance; None where none ever does.
        postponed: there is no best one of those, for putting the event off one more time is always better;
            `with_event` has the value that such plans come as near to as one likes, and no actions.
        least, greatest: the extreme shares of the stage's episodes with the event, over all plans that there are.
        gap: value of the best plan minus that of the best without; gap_by_channel: each channel's part of it.
        break_even: the one-time reward for the event at which the answer changes, or None.
        equilibria: each equilibrium, where several agents play one. Which of them is played is not settled, so
            nothing else is said.
        notes: sentences about what could not be found, and why.
        planner: what the agent plans by, which may miss the best plans if it is not `enumerate`.
        of: what the plans are of: `episode`, or of a life: `life`, or the stage in whose episodes the event counts.
    """

    event: str
    best: Behaviour | None = None
    without_event: Behaviour | None = None
    with_event: Behaviour | None = None
    postponed: bool = False
    least: float | None = None
    greatest: float | None = None
    gap: float | None = None
    gap_by_channel: dict[str, float] | None = None
    break_even: BreakEven | None = None
    equilibria: tuple[EquilibriumShare, ...] = ()
    notes: tuple[str, ...] = ()
    planner: str = ENUMERATE.name
    of: str = "episode"

    def to_frame(self) -> pl.DataFrame:
        """Columns `plan`, `value`, `low` and `high` (the share of the event), `tick` (when it comes), `actions`."""
        plans = {"the best": self.best, "without the event": self.without_event, "with the event": self.with_event}
        return frame(
            [
                {
                    "plan": name,
                    "value": plan.value,
                    "low": plan.share[0],
                    "high": plan.share[1],
                    "tick": plan.tick,
                    "actions": " ".join(plan.actions),
                }
                for name, plan in plans.items()
                if plan is not None
            ],
            {"plan": str, "value": float, "low": float, "high": float, "tick": int, "actions": str},
        )

    def _repr_html_(self) -> str:
        title = f"Why {self.event.replace('_', ' ')}? Of the {self.of.replace('_', ' ')}, by {self.planner}"
        parts = "; ".join(f"{name} {part:+.6g}" for name, part in (self.gap_by_channel or {}).items() if part)
        pays = self.break_even
        known = (
            ("what it gains by it", "" if self.gap is None else f"{self.gap:.6g}{f' ({parts})' if parts else ''}"),
            (
                "the answer changes",
                "" if pays is None else f"at a reward between {pays.lower:.6g} and {pays.upper:.6g}",
            ),
            *((each.played, f"{each.share[0]:.4g} to {each.share[1]:.4g} of episodes") for each in self.equilibria),
            *(("note", note) for note in self.notes),
        )
        return html(title, self.to_frame()) + facts("", known)


_VALUED = {
    "start": "values are by the weights held at the start, whatever becomes of them",
    "then": "values are by the weights held when each reward comes",
}
"""What the values of plans say where weights change; see `Analysis.weighed_by`."""


def explain_event(plan: ExactPlan, event: str) -> EventExplanation:
    """Compare the best plan with the best that never risks an event, and with the best that surely brings it about.

    Raises:
        NotEnumerableError: there are too many beliefs about whether the event has come.
        UnknownNameError: no such event.
    """
    if plan.equilibria is not None:
        return _of_equilibria(plan, plan.equilibria, event)
    plans, notes = EventPlans(plan, event), list[str]()
    if plan.upper_bound:
        notes.append("beliefs are too many to plan on: these are the plans of an agent that sees everything")
    if plan.together:
        notes.append(plan.together)
    if (how := _VALUED.get(weighed_by(plan.enumeration.world))) is not None:
        notes.append(how)
    planners = [its.planner.name for its in plan.enumeration.world.agents if its.planner != ENUMERATE]
    return replace(explain(plans, event, notes), planner=planners[0] if planners else ENUMERATE.name)


def explain(plans: ComparedPlans[SolutionT], event: str, notes: list[str]) -> EventExplanation:
    """Compare the plans that somebody solves for.

    Args:
        plans: who solves.
        event: which one.
        notes: what is to be said first; more may be added.
    """
    solution = plans.best()
    best, (least, greatest) = plans.behaviour(solution), plans.extreme_shares()
    never = _never(plans, least, notes)
    without = None if never is None else plans.behaviour(never)
    surest = _surest(plans, notes)
    with_event, postponed = _surest_behaviour(plans, surest, notes)
    if any(each is not None and each.share.outer for each in (best, without, with_event)):
        notes.append(f"of shares that are a range only this is known: {OUTER}")
    break_even = None
    if never is not None and surest is not None:
        break_even = _break_even(plans, solution, never, least, notes)
    return EventExplanation(
        event=event,
        best=best,
        without_event=without,
        with_event=with_event,
        postponed=postponed,
        least=least,
        greatest=greatest,
        gap=None if without is None else best.value - without.value,
        gap_by_channel=None if without is None else {k: best.parts[k] - without.parts[k] for k in best.parts},
        break_even=break_even,
        notes=tuple(notes),
    )


def stance(plan: ExactPlan, event: str) -> Stance:
    """How often the best plan brings an event about; see `Stance`.

    Raises:
        NotEnumerableError: it hangs on ties, and of these only an outer bound is known.
    """
    share = _share_as_seen(plan, event)
    # Only what happens at all can be more than it must be.
    return _stance(share, EventPlans(plan, event).least_share() if share.high > 0 else 0.0)


def _share_as_seen(plan: ExactPlan, event: str) -> TieRange:
    """How often a plan brings an event about, if its ties are broken by what was seen."""
    seen = plan.as_seen
    share = share_range(seen.mdp, seen.optimal, Occurs(int(seen.mdp.event_mask(event))), seen.steps)
    return share.outer_where(seen.views is not None)


def stance_of(plans: ComparedPlans[SolutionT]) -> Stance:
    """How often the best of the plans that somebody solves for brings the event about; see `Stance`."""
    share = plans.share(plans.best())
    return _stance(share, plans.least_share() if share[1] > 0 else 0.0)


def _stance(share: TieRange, least: float) -> Stance:
    # Shares that are not zero carry rounding errors, zero does not.
    must = least * (1 + 1e-9)
    if share.high <= must:
        return "least"
    if share.low > must:
        return "more"
    if share.outer:
        raise NotEnumerableError(f"how often the best plan brings it about is known within bounds alone: {OUTER}")
    return "either"


def _known_stance(share: TieRange, least: float) -> Stance | None:
    """The stance; None where it is not known."""
    try:
        return _stance(share, least)
    except NotEnumerableError:
        return None


def _of_equilibria(plan: ExactPlan, equilibria: Equilibria, event: str) -> EventExplanation:
    found = []
    for each in equilibria.every:
        shares = [_share_as_seen(plan.playing(plays), event) for plays in each.ways]
        found.append(EquilibriumShare(each.words, spanned(shares)))
    notes = ["no plan is compared with another: what either agent's actions are worth hangs on what the other plays"]
    if any(each.share.outer for each in found):
        notes.append(f"of shares that are a range only this is known: {OUTER}")
    if equilibria.cut:
        notes.append(f"there may be more equilibria: {equilibria.cut}")
    return EventExplanation(event, equilibria=tuple(found), notes=tuple(notes))


def _never(plans: ComparedPlans[SolutionT], least: float, notes: list[str]) -> SolutionT | None:
    try:
        return plans.without()
    except InfeasibleError:
        least_words = f"; it comes in at least {100 * least:.4g} % of episodes" if least > 0 else ""
        notes.append(f"no plan is sure to avoid it{least_words}")
    except NoFixedPointError as fault:
        notes.append(f"what it would do without it: {fault}")
    return None


def _surest(plans: ComparedPlans[SolutionT], notes: list[str]) -> SurestPlan[SolutionT] | None:
    try:
        surest = plans.surest()
    except NoFixedPointError as fault:
        notes.append(f"what it would do to bring it about: {fault}")
        return None
    if surest.chance > 0:
        return surest
    notes.append("no plan brings it about")
    return None


def _surest_behaviour(
    plans: ComparedPlans[SolutionT], surest: SurestPlan[SolutionT] | None, notes: list[str]
) -> tuple[Behaviour | None, bool]:
    """What the surest plan does, and whether it is postponed for ever."""
    if surest is None or surest.attained:
        return (None if surest is None else plans.behaviour(surest.solution)), False
    if plans.linear:
        return plans.supremum(surest), True
    notes.append("it keeps to no plan that brings it about as surely as can be, but would put it off for ever")
    return None, False


def _break_even(
    plans: ComparedPlans[SolutionT], solution: SolutionT, never: SolutionT, least: float, notes: list[str]
) -> BreakEven | None:
    if plans.by_rule:
        notes.append("no reward is sought that would change the answer: the rule of its heads does not say its weight")
        return None
    value = plans.chance_and_value(solution)[1]
    scale = max(abs(value), abs(plans.chance_and_value(never)[1]), 1e-12)
    at = _ratio(plans, never, scale) if plans.linear else _bisected(plans, least, scale)
    if at is None:
        notes.append("no one-time reward or fine was found that changes the answer")
        return None
    for lower, upper in brackets(at, scale):
        below, above = plans.share(plans.best(lower)), plans.share(plans.best(upper))
        if _known_stance(below, least) == "least" and _known_stance(above, least) == "more":
            return BreakEven(lower, upper, below, above)
    notes.append(
        f"a one-time reward of about {at:.3g} should change the answer, but solving on both sides does not confirm it"
    )
    return None


def _ratio(plans: ComparedPlans[SolutionT], never: SolutionT, scale: float) -> float | None:
    """The least reward for which some plan with the event is as good as the best without it.

    A plan of value v that brings the event about with the discounted chance d needs `(v0 - v) / d`, so this is a
    linear-fractional problem (Dinkelbach 1967): the best plan for one ratio has a better one, until none has.
    """
    worth = plans.chance_and_value(never)[1]
    chance, value = plans.chance_and_value(plans.soonest())
    if chance <= 0:
        return None  # it comes too late to count
    ratio = (value - worth) / chance
    for _ in range(MAX_ROUNDS):
        chance, value = plans.chance_and_value(plans.best(-ratio))
        if chance <= 0 or value - ratio * chance - worth <= 1e-13 * scale or (value - worth) / chance <= ratio:
            break
        ratio = (value - worth) / chance
    return 0.0 - ratio


def _bisected(plans: ComparedPlans[SolutionT], least: float, scale: float) -> float | None:
    """A reward at which the answer changes, where selves of different weights follow each other.

    There may be several, for a plan that all of them keep to need not get better as a reward for it grows.
    """

    def found(reward: float) -> Stance | None:
        try:
            return _known_stance(plans.share(plans.best(reward)), least)
        except NoFixedPointError:
            return None

    now = found(0.0)
    if now == "either":
        return 0.0
    inside, outside = 0.0, (scale if now == "least" else -scale) / 16
    while found(outside) == now:
        inside, outside = outside, outside * 4
        if abs(outside) > MAX_INDUCEMENT * scale:
            return None
    for _ in range(MAX_ROUNDS):
        if abs(outside - inside) <= 1e-9 * max(abs(outside), scale * 1e-3):
            break
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if found(middle) == now else (inside, middle)
    return (inside + outside) / 2


def brackets(at: float, scale: float) -> Iterator[tuple[float, float]]:
    """Pairs of short decimal numbers on both sides of another, from the closest on."""
    size = max(abs(at), 1e-12 * scale)
    for digits in range(DIGITS, 2, -1):
        # Not closer than solvers tell plans apart.
        finest = math.floor(math.log10(scale)) - 8 + DIGITS - digits
        exponent = max(math.floor(math.log10(size)) - digits + 1, finest)
        unit = 10.0**exponent
        # Not within a tenth of the number itself, where both answers tie.
        lower, upper = math.floor(at / unit - 0.1), math.ceil(at / unit + 0.1)
        yield float(f"{lower}e{exponent}"), float(f"{upper}e{exponent}")

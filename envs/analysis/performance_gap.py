"""The performance gap of a stage: the agent's optimal plan against the best plan for the hidden performance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

import numpy as np

from ..base import FiniteMDP, Floats
from ..mdp.enumeration import Enumeration
from ..solvers.dynamic_programming import FiniteHorizonSolution, backward_induction
from ..world.world import World
from .dataframes import frame, html
from .exact_plan import ExactPlan, deciding_agents, weights_by_state, weights_may_change
from .tie_ranges import TieRange, discounted_range, expectation_range, spanned

if TYPE_CHECKING:
    import polars as pl

_BEST = WeakKeyDictionary[FiniteMDP, tuple[Floats, FiniteHorizonSolution]]()
"""Process -> the hidden score of its outcomes, and what is best for it, as long as the process is there."""


@dataclass(frozen=True)
class Range:
    """The least and the greatest value over all policies that choose among tied actions.

    Attributes:
        low, high: the ends.
        outer: the exact range is only known to lie within (see `tie_ranges.OuterRange`).
    """

    low: float
    high: float
    outer: bool = False

    @staticmethod
    def of(ends: TieRange) -> Range:
        """A range over ties."""
        return Range(ends.low, ends.high, ends.outer)


@dataclass(frozen=True)
class PlanValue:
    """The values of a plan, as ranges over its ties.

    Attributes:
        value: weighted (see `Analysis.weighed_by`) and discounted: over the horizon, or without end where the stage has
            none; `values`: the same for each channel.
        returns: undiscounted, over the stage's ticks, for each channel.
        total: the weighted sum of `returns`.
        performance: the hidden score over the stage's ticks, or None where no channel is hidden.
    """

    value: Range
    values: dict[str, Range]
    total: Range
    returns: dict[str, Range]
    performance: Range | None


@dataclass(frozen=True)
class EquilibriumValue:
    """What an equilibrium is worth.

    Attributes:
        words: what each agent does in it.
        values: agent's name -> discounted value, by its own weights and discount; empty where that was not computed.
        performance: the hidden score over the stage's ticks, or None where no channel is hidden.
    """

    words: str
    values: dict[str, float]
    performance: Range | None


@dataclass(frozen=True)
class Analysis:
    """The exact analysis of one stage.

    Attributes:
        scenario, stage, params: what was solved.
        states, actions, outcomes: S, A and M of the enumerated process.
        channels: the visible ones; weights, discount: of the deciding agent.
        steps: ticks of the stage; horizon: whether the agent knows them.
        agent: values of the agent's best plan; performance_best: values of the best plan for the hidden score.
        gap: performance that the agent's choice costs, best minus agent, from the agent's best tie to its worst.
        weighed_by: the weights that `value` and `total` are sums by: `fixed`; where weights change, those held at the
            `start`, or for `judges_by: future` those held `then`, when each reward comes.
        aliased: reachable states that share an observation with one of another future; upper_bound: observations are
            partial and the result is the fully observed optimum, which the agent may not reach.
        equilibria: where two agents choose apart, what each equilibrium is and is worth; cut: why there may be more.
        together: that one planner, who sees all, chooses for several who do not, in words: its plan is worth as much or
            more than what they get apart; empty where it is not so.
    """

    scenario: str
    stage: str
    params: dict[str, object]
    states: int
    actions: int
    outcomes: int
    channels: tuple[str, ...]
    weights: tuple[float, ...]
    discount: float
    steps: int
    horizon: bool
    agent: PlanValue
    performance_best: PlanValue | None
    gap: Range | None
    aliased: int
    upper_bound: bool
    weighed_by: Literal["fixed", "start", "then"] = "fixed"
    equilibria: tuple[EquilibriumValue, ...] = ()
    cut: str = ""
    together: str = ""

    @property
    def worst_gap(self) -> float | None:
        """What the worst of the agent's best plans loses; None where nothing is hidden, or only bounds are known."""
        return None if self.gap is None or self.gap.outer else self.gap.high

    def to_frame(self) -> pl.DataFrame:
        """Columns `plan` (agent, designers or gap), `measure` (as in an expectation), `low`, `high`, `outer`."""
        rows: list[tuple[str, str, Range | None]] = []
        for plan, outcome in (("agent", self.agent), ("designers", self.performance_best)):
            if outcome is not None:
                rows += [(plan, "value", outcome.value), (plan, "return", outcome.total)]
                rows += [(plan, f"value({channel})", interval) for channel, interval in outcome.values.items()]
                rows += [(plan, f"return({channel})", interval) for channel, interval in outcome.returns.items()]
                rows.append((plan, "performance", outcome.performance))
        rows.append(("gap", "performance", self.gap))
        return frame(
            [
                {"plan": plan, "measure": measure, "low": interval.low, "high": interval.high, "outer": interval.outer}
                for plan, measure, interval in rows
                if interval is not None
            ],
            {"plan": str, "measure": str, "low": float, "high": float, "outer": bool},
        )

    def _repr_html_(self) -> str:
        title = f"{self.scenario}, stage {self.stage}: {self.states:,} states, discount {self.discount:g}"
        return html(title, self.to_frame())


def analyse(plan: ExactPlan) -> Analysis:
    """Evaluate an exact plan, and beside it the best plan for the hidden performance."""
    enumeration = plan.enumeration
    world, mdp = enumeration.world, enumeration.mdp
    agent = _hull([evaluate_as_seen(each) for each in plan.alternatives])
    best = best_performance(plan)
    return Analysis(
        scenario=world.name,
        stage=world.stage,
        params=dict(world.params),
        states=mdp.n_states,
        actions=mdp.n_actions,
        outcomes=int(mdp.next_state.size),
        channels=mdp.channels,
        weights=tuple(float(w) for w in plan.weights),
        discount=plan.discount,
        steps=plan.steps,
        horizon=world.horizon is not None,
        agent=agent,
        performance_best=best,
        gap=gap_between(best, agent),
        aliased=plan.aliased,
        upper_bound=plan.upper_bound,
        weighed_by=weighed_by(world),
        equilibria=_equilibria(plan),
        cut="" if plan.equilibria is None else plan.equilibria.cut,
        together=plan.together,
    )


def evaluate_as_seen(plan: ExactPlan) -> PlanValue:
    """The values of a plan whose ties are broken by what was seen; of what is paid nothing hangs on more than that."""
    found = evaluate_plan(plan, plan.optimal)
    its = found.performance
    if plan.views is None or its is None or TieRange(its.low, its.high).is_point:
        return found
    return replace(found, performance=Range.of(_performance_as_seen(plan)))


def _performance_as_seen(plan: ExactPlan) -> TieRange:
    """The range of the hidden score if ties are broken by what was seen."""
    seen = plan.as_seen
    found = expectation_range(seen.mdp, seen.optimal, seen.performance, seen.steps)
    return found.outer_where(seen.views is not None)


def _hull(plans: Sequence[PlanValue]) -> PlanValue:
    """The ranges over several plans."""

    def over(ranges: Sequence[Range]) -> Range:
        return Range.of(spanned(ranges))

    hidden = [plan.performance for plan in plans if plan.performance is not None]
    return PlanValue(
        value=over([plan.value for plan in plans]),
        values={name: over([plan.values[name] for plan in plans]) for name in plans[0].values},
        total=over([plan.total for plan in plans]),
        returns={name: over([plan.returns[name] for plan in plans]) for name in plans[0].returns},
        performance=over(hidden) if hidden else None,
    )


def gap_between(best: PlanValue | None, agent: PlanValue) -> Range | None:
    """How much more of the hidden performance the designers' best plan has; None where nothing is hidden."""
    if best is None or best.performance is None or agent.performance is None:
        return None
    top = best.performance.high
    return Range(top - agent.performance.high, top - agent.performance.low, agent.performance.outer)


def _equilibria(plan: ExactPlan) -> tuple[EquilibriumValue, ...]:
    if plan.equilibria is None:
        return ()
    names = [its.name for its in plan.enumeration.world.agents]
    hidden = plan.enumeration.world.hidden is not None
    return tuple(
        EquilibriumValue(
            its.words,
            dict(zip(names, its.values or (), strict=False)),
            Range.of(spanned([_performance_as_seen(plan.playing(plays)) for plays in its.ways])) if hidden else None,
        )
        for its in plan.equilibria.every
    )


def weighed_by(world: World) -> Literal["fixed", "start", "then"]:
    """The weights by which the plans of a world's deciding agent are valued; see `Analysis`."""
    if not weights_may_change(world):
        return "fixed"
    return "then" if world.agents[deciding_agents(world)[0]].judges_by == "future" else "start"


def evaluate_plan(plan: ExactPlan, optimal: np.ndarray | FiniteHorizonSolution) -> PlanValue:
    """The values of choosing among some actions on the process of a plan."""
    steps = plan.steps

    def worth(mdp: FiniteMDP, per_outcome: Floats) -> Range:
        # Without a horizon the agent's value has no end, unless the plan itself ends with the stage.
        known = plan.enumeration.world.horizon is not None
        if known or isinstance(optimal, FiniteHorizonSolution) or plan.discount >= 1:
            return over(mdp, per_outcome, steps, plan.discount)
        return Range.of(discounted_range(mdp, optimal, per_outcome, plan.discount))

    def over(mdp: FiniteMDP, per_outcome: Floats, length: int, discount: float) -> Range:
        return Range.of(expectation_range(mdp, optimal, per_outcome, length, discount))

    def total(mdp: FiniteMDP, per_outcome: Floats) -> Range:
        return over(mdp, per_outcome, steps, 1.0)

    mdp, weighted = plan.mdp, _weighted(plan)
    columns = dict(zip(mdp.channels, mdp.rewards.T, strict=True))
    hidden = plan.enumeration.world.hidden is not None
    return PlanValue(
        value=_sum([(share, worth(begun, gain)) for share, begun, gain in weighted]),
        values={name: worth(mdp, column) for name, column in columns.items()},
        total=_sum([(share, total(begun, gain)) for share, begun, gain in weighted]),
        returns={name: total(mdp, column) for name, column in columns.items()},
        performance=total(mdp, plan.performance) if hidden else None,
    )


def _weighted(plan: ExactPlan) -> list[tuple[float, FiniteMDP, Floats]]:
    """What each outcome adds to the agent's value (`[M]`), for each share of episodes that begin with other weights."""
    mdp, how = plan.mdp, weighed_by(plan.enumeration.world)
    if how == "fixed":
        return [(1.0, mdp, mdp.rewards @ plan.weights)]
    held = weights_by_state(plan.enumeration)
    if how == "then":
        return [(1.0, mdp, (mdp.rewards * held[plan.source]).sum(axis=1))]
    kinds, kind = np.unique(held[plan.state_of[mdp.start_state]], axis=0, return_inverse=True)
    found = []
    for number, weights in enumerate(kinds):
        chance = np.where(kind.reshape(-1) == number, mdp.start_probability, 0.0)
        share = float(chance.sum())
        if share > 0:
            found.append((share, replace(mdp, start_probability=chance / share), mdp.rewards @ weights))
    return found


def _sum(parts: Sequence[tuple[float, Range]]) -> Range:
    """The range of a mean over shares of episodes, each with its own ties."""
    if len(parts) == 1:
        return parts[0][1]
    low, high = sum(share * part.low for share, part in parts), sum(share * part.high for share, part in parts)
    return Range(low, high, any(part.outer for _, part in parts))


def best_performance(plan: ExactPlan) -> PlanValue | None:
    """The values of the fully observed optimum for the hidden score over the stage's ticks; None if none is hidden."""
    whole = plan.enumeration
    if whole.world.hidden is None or plan.steps < 1:
        return None
    # Regrets of several expectations are measured from it, and the agent's own values play no part.
    known = _BEST.get(whole.mdp)
    if known is None or known[0] is not whole.performance or known[1].horizon != plan.steps:
        best = backward_induction(performance_mdp(whole), np.ones(1), 1.0, plan.steps, keep_values=False)
        _BEST[whole.mdp] = known = (whole.performance, best)
    return evaluate_plan(replace(plan, mdp=whole.mdp, performance=whole.performance), known[1])


def performance_mdp(enumeration: Enumeration) -> FiniteMDP:
    """The same process with the hidden score as its only channel: for measures, never for an agent."""
    return replace(enumeration.mdp, rewards=enumeration.performance[:, None], channels=("performance",))

"""The performance gap of a stage: the agent's optimal plan against the best plan for the hidden performance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..base import FiniteMDP, Floats
from ..mdp.enumeration import Enumeration
from ..solvers.dynamic_programming import FiniteHorizonSolution, backward_induction
from .dataframes import frame, html
from .exact_plan import ExactPlan
from .tie_ranges import discounted_range, expectation_range

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Range:
    """The least and the greatest value over all policies that choose among tied actions."""

    low: float
    high: float


@dataclass(frozen=True)
class PlanValue:
    """The values of a plan, as ranges over its ties.

    Attributes:
        value: weighted and discounted: over the horizon, or without end where the stage has none; `values`: the same
            for each channel.
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
        aliased: reachable states that share an observation with one of another future; upper_bound: observations are
            partial and the result is the fully observed optimum, which the agent may not reach.
        equilibria: where two agents choose apart, what each equilibrium is and is worth; cut: why there may be more.
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
    equilibria: tuple[EquilibriumValue, ...] = ()
    cut: str = ""

    def to_frame(self) -> pl.DataFrame:
        """Columns `plan` (agent, designers or gap), `measure` (as in an expectation), `low`, `high`."""
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
                {"plan": plan, "measure": measure, "low": interval.low, "high": interval.high}
                for plan, measure, interval in rows
                if interval is not None
            ],
            {"plan": str, "measure": str, "low": float, "high": float},
        )

    def _repr_html_(self) -> str:
        title = f"{self.scenario}, stage {self.stage}: {self.states:,} states, discount {self.discount:g}"
        return html(title, self.to_frame())


def analyse(plan: ExactPlan) -> Analysis:
    """Evaluate an exact plan, and beside it the best plan for the hidden performance."""
    enumeration = plan.enumeration
    world, mdp = enumeration.world, enumeration.mdp
    agent = evaluate_plan(plan, plan.optimal)
    best = best_performance(plan)
    gap = None
    if best is not None and best.performance is not None and agent.performance is not None:
        top = best.performance.high
        gap = Range(top - agent.performance.high, top - agent.performance.low)
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
        gap=gap,
        aliased=plan.aliased,
        upper_bound=plan.upper_bound,
        equilibria=_equilibria(plan),
        cut="" if plan.equilibria is None else plan.equilibria.cut,
    )


def _equilibria(plan: ExactPlan) -> tuple[EquilibriumValue, ...]:
    if plan.equilibria is None:
        return ()
    names = [its.name for its in plan.enumeration.world.agents]
    hidden = plan.enumeration.world.hidden is not None
    return tuple(
        EquilibriumValue(
            its.words,
            dict(zip(names, its.values or (), strict=False)),
            Range(*expectation_range(plan.mdp, its.plays, plan.performance, plan.steps)) if hidden else None,
        )
        for its in plan.equilibria.every
    )


def evaluate_plan(plan: ExactPlan, optimal: np.ndarray | FiniteHorizonSolution) -> PlanValue:
    """The values of choosing among some actions on the process of a plan."""
    mdp, steps = plan.mdp, plan.steps
    weighted = mdp.rewards @ plan.weights

    def worth(per_outcome: Floats) -> Range:
        # Without a horizon the agent's value has no end, unless the plan itself ends with the stage.
        known = plan.enumeration.world.horizon is not None
        if known or isinstance(optimal, FiniteHorizonSolution) or plan.discount >= 1:
            return over(per_outcome, steps, plan.discount)
        return Range(*discounted_range(mdp, optimal, per_outcome, plan.discount))

    def over(per_outcome: Floats, length: int, discount: float) -> Range:
        return Range(*expectation_range(mdp, optimal, per_outcome, length, discount))

    columns = dict(zip(mdp.channels, mdp.rewards.T, strict=True))
    hidden = plan.enumeration.world.hidden is not None
    return PlanValue(
        value=worth(weighted),
        values={name: worth(column) for name, column in columns.items()},
        total=over(weighted, steps, 1.0),
        returns={name: over(column, steps, 1.0) for name, column in columns.items()},
        performance=over(plan.performance, steps, 1.0) if hidden else None,
    )


def best_performance(plan: ExactPlan) -> PlanValue | None:
    """The values of the fully observed optimum for the hidden score over the stage's ticks; None if none is hidden."""
    whole = plan.enumeration
    if whole.world.hidden is None or plan.steps < 1:
        return None
    judged = performance_mdp(whole)
    optimal = backward_induction(judged, np.ones(1), 1.0, plan.steps, keep_values=False)
    return evaluate_plan(replace(plan, mdp=whole.mdp, performance=whole.performance), optimal)


def performance_mdp(enumeration: Enumeration) -> FiniteMDP:
    """The same process with the hidden score as its only channel: for measures, never for an agent."""
    return replace(enumeration.mdp, rewards=enumeration.performance[:, None], channels=("performance",))

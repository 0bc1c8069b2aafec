"""The front of a stage or a life: what its world allows in several objectives, and where the agent's choice lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...scenarios.errors import UnknownNameError, UsageError
from ..analysis.dataframes import frame, html
from ..analysis.exact_plan import ExactPlan, check_sums, deciding_agents
from ..analysis.performance_gap import Range, evaluate_as_seen
from ..analysis.tie_ranges import TieRange
from ..base import FiniteMDP, Floats
from ..life.plan import LifePlan
from ..mdp.enumeration import Enumeration
from ..solvers.dynamic_programming import Solution, backward_induction, policy_iteration
from ..solvers.policy_evaluation import evaluate, evaluate_horizon
from ..world.world import World
from .coverage_set import coverage_set, hypervolume, improvement, shortfall

if TYPE_CHECKING:
    import polars as pl

PERFORMANCE = "performance"
VALUE, RETURN = "value", "return"


@dataclass(frozen=True)
class FrontPoint:
    """One vector of the front.

    Attributes:
        values: of each objective; weights: some weights for which it is best, which add up to 1.
    """

    values: dict[str, float]
    weights: dict[str, float]


@dataclass(frozen=True)
class ParetoFront:
    """The exact convex coverage set of a stage or life, over policies that see everything, and the agent's own choice.

    Attributes:
        scenario, stage: of what.
        objectives: names of the channels, and `performance` for the hidden one.
        criterion: `value` (discounted by the agent's discount, without end where the stage has a limit) or `return`
            (undiscounted, over the stage's ticks); discount, steps: of the stage, or the longest life (0: none is).
        points: the vectors that some mixture of which is best for every weighing, in order of the first objective.
        worst: the least that any policy can get in each objective: the reference of `hypervolume`.
        hypervolume: of the points, above `worst`.
        choice: what the agent's own plan gets in each objective, as ranges over its ties; vector: of the one of its
            policies that takes the first tied action. None where the agent has no exact plan.
        shortfall: by how much every objective could be greater at once than in `vector`; 0 where some cannot.
        improvement: what each gains over `vector` by a mixture in which none is smaller and that gains most in all;
            all 0 exactly on the front.
        hidden: whether an objective is the hidden performance, which no agent sees.
        solved: how many weighings were solved for.
    """

    scenario: str
    stage: str
    objectives: tuple[str, ...]
    criterion: str
    discount: float
    steps: int
    points: tuple[FrontPoint, ...]
    worst: dict[str, float]
    hypervolume: float
    choice: dict[str, Range] | None
    vector: dict[str, float] | None
    shortfall: float | None
    improvement: dict[str, float] | None
    hidden: bool
    solved: int

    @property
    def vectors(self) -> Floats:
        """float64 `[n, d]`: the points."""
        return np.array([[point.values[name] for name in self.objectives] for point in self.points])

    @property
    def ticks(self) -> str:
        """Over how long returns are summed, in words."""
        return f"{self.steps} ticks" if self.steps else "a whole life"

    def to_frame(self) -> pl.DataFrame:
        """One row for each point: a column for each objective, and `weight.NAME` for each."""
        rows = [
            {**point.values, **{f"weight.{name}": weight for name, weight in point.weights.items()}}
            for point in self.points
        ]
        names = [*self.objectives, *(f"weight.{name}" for name in self.objectives)]
        return frame(rows, dict.fromkeys(names, float))

    def _repr_html_(self) -> str:
        title = f"{self.scenario}, stage {self.stage}: {self.criterion}s, {len(self.points)} points"
        return html(title, self.to_frame())


def pareto_front(
    plan: ExactPlan, objectives: Sequence[str] | None = None, discounted: bool | None = None
) -> ParetoFront:
    """The front of a solved stage.

    Args:
        plan: of the stage, by the agent's own planner.
        objectives: channels, and `performance`; the visible channels when None.
        discounted: whether values count rather than returns; when None, unless `performance` is an objective.

    Raises:
        UnknownNameError: no such objective.
        UsageError: performance is to be discounted, an objective is named twice, or there is none.
        ImproperDiscountError: values without end at discount 1.
    """
    enumeration = plan.enumeration
    names, by_value = _asked(enumeration, objectives, discounted)
    check_sums(enumeration)
    mdp = _with(enumeration.mdp, enumeration.performance, names)
    discount = plan.discount if by_value else 1.0
    endless = by_value and enumeration.world.horizon is None

    def best(weights: Floats) -> Floats:
        if endless:
            solution = policy_iteration(mdp, weights, discount)
            vectors = solution.vector_values
        else:
            vectors = backward_induction(mdp, weights, discount, plan.steps, keep_values=False).vector_values
        return np.asarray(mdp.start_probability @ vectors[mdp.start_state])

    choice, vector = _choice(plan, names, discount, endless)
    return _front(enumeration.world, names, by_value, plan.discount, plan.steps, best, choice, vector)


def front_of_life(
    plan: LifePlan,
    whole: Enumeration,
    objectives: Sequence[str] | None = None,
    discounted: bool | None = None,
) -> ParetoFront:
    """The front of a whole life, whose sums are those of all of its episodes joined.

    Args:
        plan: of the life, by the agent's own planner.
        whole: the life as a stage.
        objectives: as in `pareto_front`.
        discounted: as in `pareto_front`, per tick of the life.

    Raises:
        UnknownNameError, UsageError: as `pareto_front`.
        ImproperDiscountError: undiscounted, and some life never ends.
    """
    names, by_value = _asked(whole, objectives, discounted)
    check_sums(whole)
    per_tick = float(whole.world.agents[deciding_agents(whole.world)[0]].discount)
    discount = per_tick if by_value else 1.0
    mdp = _with(whole.mdp, whole.performance, names)

    # Every tick of a life has places of its own, so that what is best in one does not depend on the time.
    def best(weights: Floats) -> Floats:
        vectors = policy_iteration(mdp, weights, discount).vector_values
        return np.asarray(mdp.start_probability @ vectors[mdp.start_state])

    choice, vector = (None, None) if plan.upper_bound else _choice_in_life(plan, names, discount)
    steps = whole.world.steps
    return _front(whole.world, names, by_value, per_tick, steps, best, choice, vector)


def _asked(
    enumeration: Enumeration, objectives: Sequence[str] | None, discounted: bool | None
) -> tuple[tuple[str, ...], bool]:
    """The names of the objectives, and whether values count; raises `UnknownNameError` and `UsageError`."""
    known = (*enumeration.mdp.channels, *([PERFORMANCE] if enumeration.world.hidden is not None else []))
    names = tuple(objectives) if objectives else enumeration.mdp.channels
    for name in names:
        if name not in known:
            raise UnknownNameError("objective", name, known)
    if len(set(names)) < len(names):
        raise UsageError("an objective is named twice")
    hidden = PERFORMANCE in names
    if hidden and discounted:
        raise UsageError("performance is never discounted: leave it out, or ask for returns")
    return names, not hidden if discounted is None else discounted


def _front(
    world: World,
    names: tuple[str, ...],
    by_value: bool,
    discount: float,
    steps: int,
    best: Callable[[Floats], Floats],
    choice: dict[str, Range] | None,
    vector: Floats | None,
) -> ParetoFront:
    """The front, given who finds the vector that is best by some weights, and the agent's own choice."""
    found = coverage_set(best, len(names))
    least = np.array([best(-np.eye(len(names))[place])[place] for place in range(len(names))])
    points = tuple(
        FrontPoint(dict(zip(names, at.tolist(), strict=True)), dict(zip(names, weights.tolist(), strict=True)))
        for at, weights in zip(found.vectors, found.weights, strict=True)
    )
    return ParetoFront(
        scenario=world.name,
        stage=world.stage,
        objectives=names,
        criterion=VALUE if by_value else RETURN,
        discount=discount,
        steps=steps,
        points=points,
        worst=dict(zip(names, least.tolist(), strict=True)),
        hypervolume=hypervolume(found.vectors, least),
        choice=choice,
        vector=None if vector is None else dict(zip(names, vector.tolist(), strict=True)),
        shortfall=None if vector is None else shortfall(vector, found.vectors),
        improvement=None
        if vector is None
        else dict(zip(names, improvement(vector, found.vectors).tolist(), strict=True)),
        hidden=PERFORMANCE in names,
        solved=found.solved + len(names),
    )


def _with(mdp: FiniteMDP, performance: Floats, names: tuple[str, ...]) -> FiniteMDP:
    """The process with the objectives as its channels; performance: float64 `[M]`."""
    columns = [performance if name == PERFORMANCE else mdp.rewards[:, mdp.channels.index(name)] for name in names]
    return replace(mdp, rewards=np.stack(columns, axis=1), channels=names)


def _choice(
    plan: ExactPlan, names: tuple[str, ...], discount: float, endless: bool
) -> tuple[dict[str, Range] | None, Floats | None]:
    """What the agent's own plan gets: ranges over its ties, and the vector of one of its policies."""
    if plan.upper_bound or plan.equilibria is not None:
        return None, None
    worth = evaluate_as_seen(plan)
    ranges = {}
    for name in names:
        if name == PERFORMANCE:
            assert worth.performance is not None
            ranges[name] = worth.performance
        else:
            ranges[name] = worth.values[name] if discount < 1 or endless else worth.returns[name]
    mdp = _with(plan.mdp, plan.performance, names)
    policy = plan.solution.policy
    if endless:
        assert isinstance(plan.solution, Solution)
        vectors = evaluate(mdp, policy, discount)
    else:
        vectors = evaluate_horizon(mdp, policy, discount, plan.steps)
    return ranges, np.asarray(mdp.start_probability @ vectors[mdp.start_state])


def _choice_in_life(plan: LifePlan, names: tuple[str, ...], discount: float) -> tuple[dict[str, Range], Floats]:
    """What the agent's own plan of a life gets: as `_choice`."""
    mdp = _with(plan.process.mdp, plan.process.performance, names)
    ranges = {}
    for place, name in enumerate(names):
        towards = np.eye(len(names))[place]
        ends = [policy_iteration(mdp, way * towards, discount, barred=~plan.optimal) for way in (-1.0, 1.0)]
        low, high = (float(mdp.start_probability @ end.vector_values[mdp.start_state, place]) for end in ends)
        ranges[name] = Range.of(TieRange(low, high).outer_where(plan.ties_of_all and name == PERFORMANCE))
    vectors = evaluate(mdp, plan.optimal.argmax(axis=1), discount)
    return ranges, np.asarray(mdp.start_probability @ vectors[mdp.start_state])

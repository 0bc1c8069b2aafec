"""The nearest value of each param, weight and discount at which the best plan starts or stops causing an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...envs.analysis.event_explanation import brings_about
from ...envs.base import NotEnumerableError
from ...envs.solvers.dynamic_programming import InfeasibleError
from ...envs.solvers.modifiable_utility import NoFixedPointError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...scenarios.language.expressions.constants import NotConstantError, constant
from ...scenarios.language.expressions.parser import parse_expression
from ...scenarios.language.faults.faults import ScenarioError
from ...scenarios.language.loading import Scenario
from .solved_worlds import SolvedWorlds

GRID = 12
"""How many values of a range of real numbers are tried on each side of the present one."""
DIGITS = 4
"""The number of significant digits to which a flip is located afterwards."""


@dataclass(frozen=True)
class Flip:
    """The nearest value of one setting at which the answer changes.

    Attributes:
        name: the setting's dotted name, as in `with:`.
        present: its present value.
        flipped: the nearest value at which the answer changes, or None if it changes at no value that was tried.
    """

    name: str
    present: float
    flipped: float | None


def nearest_flips(
    scenario: Scenario, event: str, stage: str | None = None, report: Callable[[str], None] | None = None
) -> list[Flip]:
    """Find the flip of each setting, varied alone while all others keep their values.

    Params of whole numbers are tried one by one. Real ones are tried on a grid over their range, then located by
    bisection; weights are tried from 0 to twice their size (at least to 2), discounts from 0 to 0.999. A param
    without a range or choices is not varied.

    Args:
        scenario: at the values from which the settings are varied.
        event: the event in question, or `ended:REASON`.
        stage: the stage of the plan; the one that expectations judge when None.
        report: told which setting is being varied.

    Raises:
        UnknownNameError: no such event or stage.
    """
    solved = SolvedWorlds(scenario)
    where = stage or solved.scenario.judged_stage
    now = brings_about(solved.best_plan({}, where), event)

    def flips(name: str, value: float) -> bool:
        try:
            return brings_about(solved.best_plan({name: value}, where), event) != now
        # A value at which there is no best plan has no answer, so it is no flip.
        except (ScenarioError, NotEnumerableError, ImproperDiscountError, NoFixedPointError, InfeasibleError):
            return False

    found = []
    for name, present, values in _settings(scenario):
        if report is not None:
            report(f"varying {name}")
        hit = next((value for value in values if flips(name, value)), None)
        # Whole numbers were tried one by one, so there is nothing to locate between two of them.
        if hit is not None and not isinstance(hit, int):
            hit = _located(name, float(present), hit, flips)
        found.append(Flip(name, present, hit))
    return found


def _located(name: str, inside: float, outside: float, flips: Callable[[str, float], bool]) -> float:
    """A flip between a value `inside` at which the answer is the present one and one `outside` at which it is not."""
    while abs(outside - inside) > 10**-DIGITS * max(abs(outside), 10**-DIGITS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if flips(name, middle) else (middle, outside)
    # The rounded value reads better, but rounding may lead back to the side on which the answer does not change.
    return float(f"{outside:.{DIGITS}g}") if flips(name, float(f"{outside:.{DIGITS}g}")) else outside


def _settings(scenario: Scenario) -> Iterator[tuple[str, float, list[float]]]:
    """Every setting that can be varied: its name, its present value, and the values to try, nearest first."""
    document = scenario.document
    for name, param in document.params.items():
        present = scenario.params[name]
        # A bool is an int to Python, but there is no value between its two.
        if isinstance(present, bool) or not isinstance(present, int | float):
            continue
        if param.choices is not None:
            numbers = [v for v in param.choices if isinstance(v, int | float) and v != present]
            yield name, present, _nearest(list(numbers), present)
        elif param.range is not None:
            low, high = param.range
            # A range from 0 to 1 is that of a probability or a share, even if it is written in whole numbers.
            whole = all(isinstance(number, int) for number in (present, low, high)) and 1 < high - low <= 1000
            values: list[float] = [*range(int(low), int(high) + 1)] if whole else _grid(present, low, high)
            yield name, present, _nearest([value for value in values if value != present], present)
    numeric = {name: value for name, value in scenario.params.items() if isinstance(value, int | float)}
    for name, agent in document.agents.items():
        try:
            discount = float(constant(parse_expression(agent.discount), numeric))
            yield f"{name}.discount", discount, _nearest(_grid(discount, 0.0, 0.999), discount)
            for channel, value in agent.values.items():
                weight = float(constant(parse_expression(value.weight), numeric))
                top = 2 * max(abs(weight), 1.0)
                yield f"{name}.values.{channel}", weight, _nearest(_grid(weight, 0.0, top), weight)
        except NotConstantError:
            continue


def _grid(present: float, low: float, high: float) -> list[float]:
    """`GRID` evenly spaced values from the present one, which is left out, to each end of a range."""
    below = [present + (low - present) * i / GRID for i in range(1, GRID + 1)] if low < present else []
    above = [present + (high - present) * i / GRID for i in range(1, GRID + 1)] if high > present else []
    return [*below, *above]


def _nearest(values: list[float], present: float) -> list[float]:
    return sorted(values, key=lambda value: abs(value - present))

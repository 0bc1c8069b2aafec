"""The nearest value of each param (and of each weight and discount) at which an agent's answer changes."""

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
"""How many values are tried along a range of real numbers on each side of the present one."""
DIGITS = 4
"""To how many significant digits a flip is then located."""


@dataclass(frozen=True)
class Flip:
    """What one setting would have to be.

    Attributes:
        name: dotted, as in `with:`.
        present: its value; flipped: the nearest one tried at which the answer changes, or None.
    """

    name: str
    present: float
    flipped: float | None


def nearest_flips(
    scenario: Scenario, event: str, stage: str | None = None, report: Callable[[str], None] | None = None
) -> list[Flip]:
    """Vary one setting at a time, the rest as they are.

    Whole-number params are tried one by one, real ones on a grid over their range and then located by bisection;
    weights are tried from 0 to twice (at least 2) their value, discounts from 0 to 0.999. A param without a range or
    choices is left alone.

    Raises:
        UnknownNameError: no such event or stage.
    """
    solved = SolvedWorlds(scenario)
    where = stage or solved.scenario.judged_stage
    now = brings_about(solved.best_plan({}, where), event)

    def flips(name: str, value: float) -> bool:
        try:
            return brings_about(solved.best_plan({name: value}, where), event) != now
        except (ScenarioError, NotEnumerableError, ImproperDiscountError, NoFixedPointError, InfeasibleError):
            return False

    found = []
    for name, present, values in _settings(scenario):
        if report is not None:
            report(f"varying {name}")
        hit = next((value for value in values if flips(name, value)), None)
        if hit is not None and not isinstance(hit, int):
            hit = _located(name, float(present), hit, flips)
        found.append(Flip(name, present, hit))
    return found


def _located(name: str, inside: float, outside: float, flips: Callable[[str, float], bool]) -> float:
    """The flip between a value that does not flip and one that does, by bisection."""
    while abs(outside - inside) > 10**-DIGITS * max(abs(outside), 10**-DIGITS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if flips(name, middle) else (middle, outside)
    return float(f"{outside:.{DIGITS}g}") if flips(name, float(f"{outside:.{DIGITS}g}")) else outside


def _settings(scenario: Scenario) -> Iterator[tuple[str, float, list[float]]]:
    """Every setting with its value and the values to try, nearest first."""
    document = scenario.document
    for name, param in document.params.items():
        present = scenario.params[name]
        if isinstance(present, bool) or not isinstance(present, int | float):
            continue
        if param.choices is not None:
            numbers = [v for v in param.choices if isinstance(v, int | float) and v != present]
            yield name, present, _nearest(list(numbers), present)
        elif param.range is not None:
            low, high = param.range
            # From 0 to 1 is a chance or a share, however it is written.
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
    below = [present + (low - present) * i / GRID for i in range(1, GRID + 1)] if low < present else []
    above = [present + (high - present) * i / GRID for i in range(1, GRID + 1)] if high > present else []
    return [*below, *above]


def _nearest(values: list[float], present: float) -> list[float]:
    return sorted(values, key=lambda value: abs(value - present))

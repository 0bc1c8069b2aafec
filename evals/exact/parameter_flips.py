"""The nearest value of each param, weight and discount at which the best plan starts or stops causing an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from ...envs.analysis.event_explanation import Stance, brackets, stance
from ...envs.analysis.exact_plan import NOT_SOLVED
from ...envs.base import NotEnumerableError
from ...envs.life.event_plans import stance_in_life
from ...scenarios.language.expressions.constants import NotConstantError, constant
from ...scenarios.language.expressions.parser import parse_expression
from ...scenarios.language.faults.faults import ScenarioError
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.overrides import Overrides
from .solved_worlds import SolvedWorlds, asked_stage

GRID = 12
"""How many values of a range of real numbers are tried on each side of the present one."""
DIGITS = 5
"""The number of significant digits to which a break-even is bracketed."""
WIDTH = (10.0 ** -(DIGITS + 2), 1e-9)
"""How closely a break-even is bracketed: relative to itself, and to the range in which it was looked for."""
TIE_WIDTH = (1e-3, 1e-6)
"""The same at the beginning of a tie: near it a solver takes for equal what differs by rounding errors."""


@dataclass(frozen=True)
class Flip:
    """The nearest value of one setting at which the answer changes.

    Attributes:
        name: the setting's dotted name, as in `with:`.
        present: its present value.
        between: two values, both of which were solved for: at the first, which is nearer to the present value, the
            answer is the present one, and at the second it is another. None if it changes at no value that was tried.
        tried: the least and the greatest value that was to be tried, the present one among them; beyond them the answer
            may be another.
    """

    name: str
    present: float
    between: tuple[float, float] | None
    tried: tuple[float, float]


def nearest_flips(
    scenario: Scenario, event: str, stage: str | None = None, report: Callable[[str], None] | None = None
) -> Iterator[Flip]:
    """Find where each setting, varied alone while all others keep their values, changes how often an event comes.

    The answer is whether the best plan brings the event about oftener than it must (see `Stance`). Params of whole
    numbers are tried one by one. Real ones are tried on a grid over their range; weights are tried from 0 to twice
    their size (at least to 2), discounts from 0 to 0.999. What is found is then bracketed by bisection, between two
    whole numbers too where the scenario takes others. A param without a range or choices is not varied, nor is
    anything where several agents play an equilibrium, or where the present answer is not known.

    Args:
        scenario: at the values from which the settings are varied.
        event: the event in question, or `ended:REASON`.
        stage: the stage of the plan; see `asked_stage` when None.
        report: told which setting is being varied.

    Yields:
        One for each setting, in the order of `settings_varied`; each takes many solves.

    Raises:
        OutOfTimeError: a time limit passed.
        UnknownNameError: no such event or stage.
    """
    solved = SolvedWorlds(scenario)
    where = stage or asked_stage(scenario)
    if not solved.lives_in(where) and solved.best_plan({}, where).equilibria is not None:
        return

    def stands(overrides: Overrides) -> Stance:
        if solved.lives_in(where):
            return stance_in_life(solved.life(overrides), event, where)
        return stance(solved.best_plan(overrides, where), event)

    try:
        now = stands({})
    except NotEnumerableError:
        return  # what it is now is not known, and so not what changes it

    def answer(name: str, value: float) -> Stance | None:
        overrides = {name: value}
        try:
            return stands(overrides)
        # A value at which there is no best plan has no answer, so it is no flip.
        except (ScenarioError, *NOT_SOLVED):
            return None
        finally:
            solved.forget(overrides)

    for name, present, values in _settings(scenario):
        if report is not None:
            report(f"varying {name}")
        every = (present, *values)
        yield Flip(name, present, _changing(partial(answer, name), now, present, values), (min(every), max(every)))


def settings_varied(scenario: Scenario) -> tuple[str, ...]:
    """The names of the settings that `nearest_flips` varies."""
    return tuple(name for name, _, _ in _settings(scenario))


def _changing(
    answer: Callable[[float], Stance | None], now: Stance, present: float, values: list[float]
) -> tuple[float, float] | None:
    """The closest two values found between which the answer changes; of `values` the nearest come first."""
    inside, tied = {False: present, True: present}, dict[bool, float]()

    def kept(value: float) -> bool | None:
        its = answer(value)
        return None if its is None else its == now

    for value in values:
        above = value > present
        its = answer(value)
        if its == now:
            # A tie with the same answer on both sides of it is none that a setting would be changed to.
            inside[above] = value
            tied.pop(above, None)
        elif its == "either":
            tied.setdefault(above, value)
        elif its is not None:
            return _bracketed(kept, inside[above], value)
    for above, value in tied.items():
        return _bracketed(kept, inside[above], value, TIE_WIDTH)
    return None


def _bracketed(
    kept: Callable[[float], bool | None], inside: float, outside: float, width: tuple[float, float] = WIDTH
) -> tuple[float, float]:
    """Bring two values closer to each other, of which the answer is the present one at the first alone.

    They need not come closer than the first of `width`, relative to the larger of the two, nor than the second,
    relative to what it was at the beginning.
    """
    near, far = float(inside), float(outside)
    size = max(abs(near), abs(far))
    own, least = width
    while abs(far - near) > max(own * max(abs(near), abs(far)), least * size):
        middle = (near + far) / 2
        its = kept(middle)
        if its is None:
            # Many a param takes whole numbers only, and some worlds between two others have no best plan.
            return (inside, outside) if (near, far) == (inside, outside) else (near, far)
        near, far = (middle, far) if its else (near, middle)
    # Short numbers read better, and are taken if they are on the right sides.
    for low, high in brackets((near + far) / 2, size):
        first, second = (low, high) if near < far else (high, low)
        if kept(first) is True and kept(second) is False:
            return first, second
    short = float(f"{near:.2g}")
    return (short if kept(short) else near), far


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

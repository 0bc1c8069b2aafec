"""Checks one formula of a file: parses it, infers its type, and evaluates it where it must be constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ..expressions.constants import CEILING, NotConstantError, TooManyParamsError, Value, constant, extremes, names_in
from ..expressions.parser import ExpressionError, formula
from ..expressions.syntax import Expression, Truth
from ..faults.collector import Path, Report
from ..files.merging import Merged
from ..schema.document import Formula
from .ranges import decided
from .symbols import Symbols
from .types import Scope, require


@dataclass(frozen=True)
class Context:
    """What every check shares: the symbols and the faults.

    Attributes:
        symbols: every name of the scenario.
        report: takes the faults.
        source: tells how lists are written; without it, that is not checked.
    """

    symbols: Symbols
    report: Report
    source: Merged | None = None

    @cached_property
    def params(self) -> Mapping[str, object]:
        """The value of every param."""
        return {name: param.value for name, param in self.symbols.document.params.items()}

    def scope(self, path: Path, bound: frozenset[str] = frozenset(), acted: bool = True, ticking: bool = True) -> Scope:
        """Where a text stands."""
        return Scope(self.symbols, self.report, path, bound, acted, ticking)

    def parse(self, value: Formula, path: Path) -> Expression | None:
        """The expression of a formula; None where it is none, which is reported."""
        try:
            return formula(value)
        except ExpressionError as fault:
            self.report.add(fault.code, path, fault.message, fault.cure, span=fault.span)
            return None

    def guard(self, value: Formula | None, user: str, scope: Scope) -> None:
        """Check a condition, and warn of one that never varies."""
        expression = None if value is None else self.parse(value, scope.path)
        if expression is None or not require(expression, "truth", scope, user):
            return
        if isinstance(expression, Truth) and expression.value:
            return
        held = decided(expression, self.symbols)
        if held is not None:
            always = "always true" if held else "never true"
            cure = "leave it out" if held else "compare something that changes, or take the block away"
            scope.fault("TC509", expression.span, f"{user} is {always}", cure, warning=True)

    def number(self, value: Formula | None, user: str, scope: Scope) -> None:
        """Check a number that may change while the world runs."""
        expression = None if value is None else self.parse(value, scope.path)
        if expression is not None:
            require(expression, "number", scope, user)

    def fixed(self, value: Formula | None, user: str, path: Path) -> Expression | None:
        """Check a number that must be known before the run: numbers and params only."""
        expression = None if value is None else self.parse(value, path)
        if expression is None or not require(
            expression, "number", replace(self.scope(path, acted=False, ticking=False), fixed=True), user
        ):
            return None
        try:
            constant(expression, self.params)
        except NotConstantError as unknown:
            message = f"{user} must be known before the run, and `{unknown.name}` is not"
            self.report.add("TC515", path, message, "write numbers and params only", span=unknown.span)
            return None
        return expression

    def bounded(self, value: Formula | None, user: str, path: Path, low: float, high: float) -> Value | None:
        """Check a number that must be known before the run and lie in a range, whatever the params are."""
        expression = self.fixed(value, user, path)
        if expression is None:
            return None
        ends = self.ends(expression, path)
        if ends is not None and not low <= ends[0] <= ends[1] <= high:
            wrong = ends[0] if ends[0] < low else ends[1]
            span = f"from {low:g} to {high:g}" if high < 1e300 else f"{low:g} or more"
            via = " for some values of its params" if names_in(expression) else ""
            self.report.add("TC516", path, f"{user} is {wrong:g}{via}, and it must be {span}", f"keep it {span}")
            return None
        return constant(expression, self.params)

    def corner(self, where: str, path: Path) -> None:
        """Check the formula in `corner(...)`."""
        inside = where.removeprefix("corner(").removesuffix(")")
        shifted = Report()
        Context(self.symbols, shifted).bounded(inside, "the side of a corner", (), 1, CEILING)
        for fault in shifted.faults():
            self.report.add(fault.code, path, fault.message, fault.cure)

    def chance(self, value: Formula | None, user: str, scope: Scope) -> None:
        """Check a chance that may depend on the state; where it does not, it must lie between 0 and 1."""
        expression = None if value is None else self.parse(value, scope.path)
        if value is None or expression is None:
            return
        try:
            constant(expression, self.params)
        except NotConstantError:
            require(expression, "number", scope, user)
        else:
            self.bounded(value, user, scope.path, 0, 1)

    def ends(self, expression: Expression, path: Path) -> tuple[Value, Value] | None:
        """The extremes of a number that is known before the run."""
        try:
            return extremes(expression, self.symbols.document.params)
        except TooManyParamsError:
            cure = "use fewer params in one formula, or give them fewer choices"
            self.report.add("TC517", path, "the formula depends on too many params to find its extremes", cure)
            return None

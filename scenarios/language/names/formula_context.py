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
    """The symbols and the report that all checks of a document share, and checks of single formulas.

    Attributes:
        symbols: the symbol table of the scenario.
        report: receives the faults.
        source: the files as written, which tell whether a list stands in brackets; None skips that check.
    """

    symbols: Symbols
    report: Report
    source: Merged | None = None

    @cached_property
    def params(self) -> Mapping[str, object]:
        """Param -> its value."""
        return {name: param.value for name, param in self.symbols.document.params.items()}

    def scope(
        self,
        path: Path,
        bound: Mapping[str, str] | None = None,
        acted: bool = True,
        ticking: bool = True,
        between: bool = False,
    ) -> Scope:
        """The scope of a formula.

        Args:
            path: its position in the file.
            bound: name -> the thing of which it means one instance at a time.
            acted: whether the agents have acted where it is evaluated.
            ticking: whether the draws of the tick are known where it is evaluated.
            between: whether it is evaluated between two episodes of a life.
        """
        return Scope(self.symbols, self.report, path, bound or {}, acted, ticking, between=between)

    def parse(self, value: Formula, path: Path) -> Expression | None:
        """Parse a formula; None if it is malformed, which is reported."""
        try:
            return formula(value)
        except ExpressionError as fault:
            self.report.add(fault.code, path, fault.message, fault.cure, span=fault.span)
            return None

    def guard(self, value: Formula | None, user: str, scope: Scope) -> None:
        """Check a condition, and warn if it is always true or never true.

        Args:
            value: the condition; None where it is left out.
            user: what has the condition, for messages.
            scope: where it stands.
        """
        expression = None if value is None else self.parse(value, scope.path)
        if expression is None or not require(expression, "truth", scope, user):
            return
        if isinstance(expression, Truth) and expression.value:  # `true` is the default and no mistake
            return
        held = decided(expression, self.symbols)
        if held is not None:
            always = "always true" if held else "never true"
            cure = "leave it out" if held else "compare something that changes, or take the block away"
            scope.fault("TC509", expression.span, f"{user} is {always}", cure, warning=True)

    def number(self, value: Formula | None, user: str, scope: Scope) -> None:
        """Check a number that may depend on the state."""
        expression = None if value is None else self.parse(value, scope.path)
        if expression is not None:
            require(expression, "number", scope, user)

    def fixed(self, value: Formula | None, user: str, path: Path) -> Expression | None:
        """Check a number that must be known before the run, so that it consists of numbers and params only.

        Returns:
            The expression; None if it is left out or at fault, which is reported.
        """
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
        """Check a number that must be known before the run and lie in a range for all values of its params.

        Args:
            value: the formula; None where it is left out.
            user: what the number is, for messages.
            path: its position in the file.
            low: the least allowed value.
            high: the greatest allowed value.

        Returns:
            Its value at the params' own values; None if it is left out or at fault, which is reported.
        """
        expression = self.fixed(value, user, path)
        if expression is None:
            return None
        ends = self.ends(expression, path)
        if ends is not None and not low <= ends[0] <= ends[1] <= high:
            wrong = ends[0] if ends[0] < low else ends[1]
            # A bound of `CEILING` is none, and not worth telling.
            span = f"from {low:g} to {high:g}" if high < 1e300 else f"{low:g} or more"
            via = " for some values of its params" if names_in(expression) else ""
            self.report.add("TC516", path, f"{user} is {wrong:g}{via}, and it must be {span}", f"keep it {span}")
            return None
        return constant(expression, self.params)

    def corner(self, where: str, path: Path) -> None:
        """Check the formula in `corner(...)`, of which `where` is the whole text."""
        # A report of its own: offsets in the formula are not those in the text, so faults point at the whole text.
        inside = where.removeprefix("corner(").removesuffix(")")
        shifted = Report()
        Context(self.symbols, shifted).bounded(inside, "the side of a corner", (), 1, CEILING)
        for fault in shifted.faults():
            self.report.add(fault.code, path, fault.message, fault.cure)

    def chance(self, value: Formula | None, user: str, scope: Scope) -> None:
        """Check a probability. It may depend on the state; if it does not, it must lie between 0 and 1."""
        expression = None if value is None else self.parse(value, scope.path)
        if value is None or expression is None:
            return
        # Only a constant can be compared with 0 and 1 here; one that reads the state is checked for its type.
        try:
            constant(expression, self.params)
        except NotConstantError:
            require(expression, "number", scope, user)
        else:
            self.bounded(value, user, scope.path, 0, 1)

    def ends(self, expression: Expression, path: Path) -> tuple[Value, Value] | None:
        """The lowest and highest value of a constant expression; None if its params are too many, which is reported."""
        try:
            return extremes(expression, self.symbols.document.params)
        except TooManyParamsError:
            cure = "use fewer params in one formula, or give them fewer choices"
            self.report.add("TC517", path, "the formula depends on too many params to find its extremes", cure)
            return None

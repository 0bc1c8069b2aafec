"""Axes: the values that a dotted name takes in a sweep, a search or a control report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..faults.collector import Path
from ..schema.document import Axis
from .formula_context import Context
from .overrides import check_override, targets

LARGEST = 1e300
"""The ends of a range: formulas hold no larger numbers either."""


def check_axis(name: str, axis: Axis, context: Context, path: Path) -> None:
    """Report an axis over a name that cannot be overridden, or with values that the name cannot have.

    Args:
        name: the dotted name that varies.
        axis: its values.
        context: what every check needs.
        path: the position of the axis in the file.
    """
    symbols, report = context.symbols, context.report
    if name not in targets(symbols):
        check_override(name, None, symbols, report, path)
        return
    wrong = wrong_axis(axis)
    if wrong is not None:
        report.add("TC220", path, f"the axis `{name}` {wrong[0]}", wrong[1])
        return
    for value in axis_values(axis):
        check_override(name, value, symbols, report, path)


def axis_values(axis: Axis) -> Sequence[object]:
    """The values of an axis in order; the axis must have passed `wrong_axis`.

    Spaced numbers are rounded to nine significant digits; they are whole if both ends and every step are.
    """
    if axis.values is not None:
        return axis.values
    assert axis.start is not None
    assert axis.to is not None
    spaced = np.geomspace if axis.scale == "log" else np.linspace
    # Rounded, so that a step is 0.3 in runs and tables and not 0.30000000000000004.
    numbers = [float(f"{value:.9g}") for value in spaced(axis.start, axis.to, axis.points)]
    whole = isinstance(axis.start, int) and isinstance(axis.to, int) and all(n.is_integer() for n in numbers)
    return [int(n) for n in numbers] if whole else numbers


def wrong_axis(axis: Axis) -> tuple[str, str] | None:
    """What is wrong with an axis, and the cure; None if nothing is."""
    stepped = axis.start is not None or axis.to is not None
    if (axis.values is not None) == stepped:
        what = "has values and ends" if stepped else "goes through nothing"
        return what, "write `values: [...]`, or `from:`, `to:` and `points:`"
    if axis.values is not None:
        return None
    if axis.start is None or axis.to is None:
        return "lacks one of its ends", "write both `from:` and `to:`"
    if not (abs(axis.start) <= LARGEST and abs(axis.to) <= LARGEST):  # NaN is not, either
        return "has an end that is no number from -1e300 to 1e300", "write smaller numbers"
    if not axis.start < axis.to:
        return f"goes from {axis.start:g} to {axis.to:g}", "write the smaller number after `from:`"
    if axis.scale == "log" and axis.start <= 0:
        return f"goes from {axis.start:g} in equal ratios", "begin above 0, or leave `scale: log` out"
    return None

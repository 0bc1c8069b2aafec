"""Overrides by dotted names, as in `with: {robot.discount: 0.5}`: what each may be, and how it is put into a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard, get_args

from pydantic import ValidationError

from ... import installed
from ..expressions.constants import CEILING
from ..expressions.params import shaping
from ..faults.collector import Path, Report, listed
from ..schema.document import AgentBlock, Param
from .symbols import Symbols, suggestion

GROUPS = {"deliberation": installed.DELIBERATIONS, "planner": installed.PLANNERS}
"""Whose names an agent's setting may be, beside those that the language knows."""

SOLUTION = "solution"
"""What several agents are solved for: `joint` or `equilibrium`; in a file whose params have this name, the param."""

_CELLS = re.compile(r"\s*cells\(\s*([A-Za-z][A-Za-z0-9_]*)\s*\)\s*")


def targets(symbols: Symbols) -> tuple[str, ...]:
    """Every dotted name that can be overridden."""
    names = list(symbols.of("param"))
    if len(symbols.document.agents) > 1:
        names.append(SOLUTION)
    for agent, its in symbols.document.agents.items():
        names += [f"{agent}.{setting}" for setting in ("discount", "deliberation", "planner", "judges_by")]
        names += [f"{agent}.values.{channel}" for channel in its.values]
        names += [f"{agent}.observes.hides", f"{agent}.observes.window"]
    return tuple(names)


def check_overrides(overrides: Mapping[str, object], symbols: Symbols, report: Report, path: Path) -> None:
    """Report overrides of what does not exist, and values that it cannot have.

    Args:
        overrides: dotted name -> value.
        symbols: every name of the scenario.
        report: takes the faults.
        path: where the mapping stands.
    """
    for name, value in overrides.items():
        check_override(name, value, symbols, report, (*path, name))


def check_override(name: str, value: object, symbols: Symbols, report: Report, path: Path) -> None:
    """Report one override; `path` leads to its value, or to the list that its value is in."""
    valid = targets(symbols)
    if name not in valid:
        at_key = bool(path) and path[-1] == name
        report.add("TC431", path, f"`{name}` cannot be overridden", suggestion(name, valid), key=at_key)
        return
    if name in symbols.document.params:
        check_param(name, value, symbols, report, path)
        return
    if name == SOLUTION:
        wrong = None if value in ("joint", "equilibrium") else "write `joint` or `equilibrium`"
    else:
        wrong = _wrong_setting(name, value, symbols)
    if wrong is not None:
        report.add("TC432", path, f"`{name}` cannot be {written(value)}", wrong)


def check_param(name: str, value: object, symbols: Symbols, report: Report, path: Path) -> None:
    """Report a value that a param cannot be set to."""
    param = symbols.document.params[name]
    if param.range is None and param.choices is None and name in shaping(symbols.document):
        message = f"`{name}` bounds a counter, and declares neither a range nor choices"
        cure = "give it a `range:`, so that the state has one shape for all of its values"
        report.add("TC439", path, message, cure)
        return
    wrong = wrong_value(value, param, symbols.size)
    if wrong is not None:
        report.add("TC432", path, f"`{name}` cannot be {written(value)}", wrong)


def put(data: dict[str, Any], name: str, value: object) -> None:
    """Write an override that has been checked into a scenario's plain data, in place."""
    agent, _, setting = name.partition(".")
    if not setting and agent in data.get("params", {}):
        data["params"][agent]["value"] = value
        return
    if name == SOLUTION:
        data[SOLUTION] = value
        return
    block = data["agents"][agent]
    head, _, tail = setting.partition(".")
    if head == "values":
        block["values"][tail]["weight"] = value
    elif head == "observes":
        view = block.get("observes")
        block["observes"] = {**(view if isinstance(view, dict) else {}), tail: value}
    else:
        block[head] = value


def wrong_value(value: object, param: Param, size: tuple[int, int] | None) -> str | None:
    """Why a param cannot have a value, as a cure; None where it can.

    Args:
        value: what it should have.
        param: what is declared of it.
        size: rows and columns of the largest board, for params that are cells.
    """
    if isinstance(param.value, list):
        cell = isinstance(value, (list, tuple)) and len(value) == 2
        if not cell or not all(isinstance(part, int) and 0 <= part <= 999 for part in value):  # type: ignore[attr-defined]
            return "write a cell, `[row, column]`"
        if size is not None and not (value[0] < size[0] and value[1] < size[1]):  # type: ignore[index]
            return f"rows go from 0 to {size[0] - 1}, columns from 0 to {size[1] - 1}"
    elif isinstance(param.value, bool):
        if not isinstance(value, bool):
            return "write `true` or `false`"
    elif not _is_number(value):
        return "write a number"
    if param.choices is not None and param.range is not None:
        return None  # which of them holds is not known, and reported where params are checked
    if param.choices is not None and value not in param.choices:
        return f"its choices are {', '.join(written(choice) for choice in param.choices[:12])}"
    if param.range is None or param.range[0] > param.range[1]:
        return None
    if not param.range[0] <= value <= param.range[1]:  # type: ignore[operator]
        return f"its range is from {param.range[0]} to {param.range[1]}"
    return None


def zone_of_cells(text: str) -> str | None:
    """The zone of `cells(ZONE)`; None where the text is something else."""
    match = _CELLS.fullmatch(text)
    return match[1] if match else None


def written(value: object) -> str:
    """A value as a file writes it."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (list, tuple)):
        return f"`[{', '.join(str(item) for item in value[:8])}{', ...' if len(value) > 8 else ''}]`"
    return f"`{value}`" if len(str(value)) <= 40 else f"`{str(value)[:39]}…`"


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= CEILING


def _wrong_setting(name: str, value: object, symbols: Symbols) -> str | None:
    setting = name.split(".", 1)[1]
    if setting == "discount":
        return None if _is_number(value) and 0 <= value <= 1 else "write a number from 0 to 1"
    if setting.startswith("values."):
        return None if _is_number(value) else "write a number"
    if setting == "judges_by":
        choices = get_args(AgentBlock.model_fields[setting].annotation)
        return None if value in choices else f"write one of {listed(choices)}"
    if setting in ("deliberation", "planner"):
        return _wrong_part(setting, value)
    if setting == "observes.window":
        odd = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 99 and value % 2 == 1
        return None if odd else "write an odd number from 1 to 99"
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        return "write a list of what the agent never sees, such as `[guard]`"
    unknown = [item for item in value if item not in hideable(symbols)]
    return suggestion(unknown[0], hideable(symbols)) if unknown else None


def _wrong_part(setting: str, value: object) -> str | None:
    """Only the shape: the rest is checked where the override stands in the file that it makes."""
    words, block, _ = get_args(AgentBlock.model_fields[setting].annotation)
    one = {"deliberation": "rule", "planner": "planner"}[setting]
    if isinstance(value, dict):
        try:
            block.model_validate(value)
        except ValidationError as error:
            wrong = dict.fromkeys(".".join(str(step) for step in fault["loc"][:2]) for fault in error.errors()[:3])
            return f"{listed(list(wrong))} is not right: write a {one} with its parameters, as under `agents`"
        return None
    choices = (*get_args(words), *installed.names(GROUPS[setting]))
    return None if value in choices else f"write one of {listed(choices)}, or one {one} with its parameters"


def hideable(symbols: Symbols) -> tuple[str, ...]:
    """Everything in the state that `hides` can name."""
    names = [name for kind in ("counter", "draw", "thing", "agent") for name in symbols.of(kind)]
    bodies = (*symbols.of("thing"), *symbols.of("agent"))
    return (*names, *symbols.fields, *(f"{body}.{part}" for body in bodies for part in ("cell", "facing")), "step")


Overrides = Mapping[str, object]
"""Dotted overrides, as in `with:`."""

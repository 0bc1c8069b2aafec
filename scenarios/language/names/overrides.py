"""Overrides by dotted names, as in `with: {robot.discount: 0.5}`: checks them and applies them to a scenario's data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard, get_args

from pydantic import TypeAdapter, ValidationError

from ... import installed
from ..expressions.constants import CEILING
from ..expressions.params import shaping
from ..faults.collector import Path, Report, listed
from ..schema.document import AgentBlock, BestResponse, Document, Param, Thing
from .symbols import Symbols, suggestion

GROUPS = {"deliberation": installed.DELIBERATIONS, "planner": installed.PLANNERS}
"""Setting of an agent -> the entry point group whose names are valid for it, beside those of the language."""

SOLUTION = "solution"
"""The name that overrides the solution concept of several agents, with a word or a mapping as a file has it.

`solution.others.bob` overrides what is stated of one of the others of a best response. In a scenario with a param of
this name, it means the param.
"""

_SOLUTIONS: TypeAdapter[Any] = TypeAdapter(Document.model_fields[SOLUTION].annotation)  # type: ignore[arg-type]
_CELLS = re.compile(r"\s*cells\(\s*([A-Za-z][A-Za-z0-9_]*)\s*\)\s*")


def targets(symbols: Symbols) -> tuple[str, ...]:
    """Every dotted name that can be overridden."""
    names = list(symbols.of("param"))
    if len(symbols.document.agents) > 1:
        names += [SOLUTION, *(f"{SOLUTION}.others.{agent}" for agent in symbols.document.agents)]
    for agent, its in symbols.document.agents.items():
        names += [f"{agent}.{setting}" for setting in ("discount", "deliberation", "planner", "judges_by")]
        names += [f"{agent}.foresight"] if symbols.document.life else []
        names += [f"{agent}.values.{channel}" for channel in its.values]
        names += [f"{agent}.values.{channel}.discount" for channel in its.values]
        names += [f"{agent}.observes.hides", f"{agent}.observes.window"]
    return tuple(names)


def check_overrides(overrides: Mapping[str, object], symbols: Symbols, report: Report, path: Path) -> None:
    """Report overrides of names that cannot be overridden, and values that are not allowed.

    Args:
        overrides: dotted name -> value.
        symbols: the symbol table of the scenario.
        report: receives the faults.
        path: the position of the mapping in the file.
    """
    for name, value in overrides.items():
        check_override(name, value, symbols, report, (*path, name))


def check_override(name: str, value: object, symbols: Symbols, report: Report, path: Path) -> None:
    """Report an override of a name that cannot be overridden, or with a value that is not allowed.

    Args:
        name: the dotted name.
        value: the value that it is set to.
        symbols: the symbol table of the scenario.
        report: receives the faults.
        path: the position of the value, or of the block that holds it.
    """
    valid = targets(symbols)
    if name not in valid:
        at_key = bool(path) and path[-1] == name
        report.add("TC431", path, f"`{name}` cannot be overridden", suggestion(name, valid), key=at_key)
        return
    if name in symbols.document.params:
        check_param(name, value, symbols, report, path)
        return
    if name.split(".")[0] == SOLUTION:
        wrong = _wrong_solution(name, value, symbols)
    else:
        wrong = _wrong_setting(name, value, symbols)
    if wrong is not None:
        report.add("TC432", path, f"`{name}` cannot be {written(value)}", wrong)


def check_param(name: str, value: object, symbols: Symbols, report: Report, path: Path) -> None:
    """Report a value that a param cannot be set to."""
    # Such a param determines the range of state fields: states of two values would not have the same encoding.
    param = symbols.document.params[name]
    if param.formula is not None:
        cure = "set the params that it is computed from"
        report.add("TC432", path, f"`{name}` is computed by `{param.formula}`, and is set by nothing else", cure)
        return
    if param.range is None and param.choices is None and name in shaping(symbols.document):
        message = f"`{name}` bounds a counter, and declares neither a range nor choices"
        cure = "give it a `range:`, so that the state has one shape for all of its values"
        report.add("TC439", path, message, cure)
        return
    wrong = wrong_value(value, param, symbols.size)
    if wrong is not None:
        report.add("TC432", path, f"`{name}` cannot be {written(value)}", wrong)


def put(data: dict[str, Any], name: str, value: object) -> None:
    """Apply a checked override to a scenario's plain data, in place."""
    agent, _, setting = name.partition(".")
    if not setting and agent in data.get("params", {}):
        data["params"][agent]["value"] = value
        return
    if name == SOLUTION:
        data[SOLUTION] = value
        return
    if name.startswith(f"{SOLUTION}."):
        data[SOLUTION].setdefault("others", {})[name.split(".")[2]] = value
        return
    block = data["agents"][agent]
    head, _, tail = setting.partition(".")
    if head == "values":
        channel, _, key = tail.partition(".")
        block["values"][channel][key or "weight"] = value
    elif head == "observes":
        view = block.get("observes")  # `full` is a word: the override turns it into a mapping
        block["observes"] = {**(view if isinstance(view, dict) else {}), tail: value}
    else:
        block[head] = value


def wrong_value(value: object, param: Param, size: tuple[int, int] | None) -> str | None:
    """Check a value for a param.

    Args:
        value: the value that the param is to have.
        param: the declaration of the param.
        size: rows and columns of the largest board, which bound params that are cells; None without a board.

    Returns:
        The cure if the value is not allowed; None if it is.
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
        return _no_number(value)
    elif param.whole and value != int(value):
        return "write a whole number"
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
    """The zone's name in a text of the form `cells(ZONE)`; None for any other text."""
    match = _CELLS.fullmatch(text)
    return match[1] if match else None


def written(value: object) -> str:
    """Format a value for a message, in backquotes, as a scenario file writes it; long values are cut."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (list, tuple)):
        return f"`[{', '.join(str(item) for item in value[:8])}{', ...' if len(value) > 8 else ''}]`"
    return f"`{value}`" if len(str(value)) <= 40 else f"`{str(value)[:39]}…`"


def _is_number(value: object) -> TypeGuard[int | float]:
    # The bound also excludes NaN, which no comparison holds of.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= CEILING


def _no_number(value: object) -> str:
    """The cure for what is no number, or is one and too large."""
    large = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
    return f"write a number from {-CEILING:g} to {CEILING:g}" if large else "write a number"


def _wrong_setting(name: str, value: object, symbols: Symbols) -> str | None:
    """The cure for a value that an agent's setting cannot have; None if it can."""
    setting = name.split(".", 1)[1]
    if setting == "discount" or (setting.startswith("values.") and setting.endswith(".discount")):
        return None if _is_number(value) and 0 <= value <= 1 else "write a number from 0 to 1"
    if setting.startswith("values."):
        return None if _is_number(value) else _no_number(value)
    if setting in ("judges_by", "foresight"):
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


def _wrong_solution(name: str, value: object, symbols: Symbols) -> str | None:
    """The cure for a solution concept, or a stated policy, that cannot be; None if it can.

    Names and conditions in it are checked when the override has been applied and the whole scenario is checked again.
    """
    if name != SOLUTION:
        solution = symbols.document.solution
        if not isinstance(solution, BestResponse) or solution.best_response == name.split(".")[2]:
            return "override `solution` as a whole: what others do is stated of a best response to them"
        return None if isinstance(value, str) else "write an action, `random`, or `if(CONDITION, ACTION, ACTION)`"
    try:
        _SOLUTIONS.validate_python(value)
    except ValidationError:
        return (
            "write `joint`, `equilibrium`, `{best_response: AGENT, others: {...}}` or "
            "`{equilibrium: all | perfect | joint | worst | nash | correlated | all_correlated | {best_for: AGENT}}`"
        )
    return None


def _wrong_part(setting: str, value: object) -> str | None:
    """The cure for a deliberation or planner of the wrong shape; None if the shape is right.

    Its meaning is checked when the override has been applied and the whole scenario is checked again.
    """
    # The setting's type is a union of known words, a block and any name, in this order; the words become the choices.
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
    """What `hides` can name: zones and every part of the state; what no state keeps, as a draw of a tick, is none."""
    document, board = symbols.document, symbols.size is not None
    kept = [name for name, draw in document.draws.items() if draw.at == "start"]
    bodies: dict[str, Thing | AgentBlock] = {**document.things, **document.agents}
    cells = [f"{name}.cell" for name in bodies if board]
    facings = [f"{name}.facing" for name, body in bodies.items() if board and body.facing]
    zones = [*symbols.of("zone")] if board else []
    return (*symbols.of("counter"), *kept, *bodies, *symbols.fields, *cells, *facings, *zones, "step")


Overrides = Mapping[str, object]
"""Dotted name -> value, as in `with:`."""

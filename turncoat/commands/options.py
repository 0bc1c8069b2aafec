"""What commands share: their options, and how these are read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import printing
from ..endings import UsageFault

if TYPE_CHECKING:
    from ..scenarios.language.loading import Scenario

Which = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A name such as treacherous_turn/lab, or a path to a scenario file.")
]
Many = Annotated[list[str], typer.Argument(metavar="SCENARIO", help="Names or paths of scenarios.")]
ManyOrFolders = Annotated[
    list[str], typer.Argument(metavar="SCENARIO", help="Names or paths of scenarios, or folders of them.")
]
Params = Annotated[list[str], typer.Option("--param", metavar="NAME=VALUE", help="Set a param.")]
Sets = Annotated[list[str], typer.Option("--set", metavar="DOTTED=VALUE", help="Override, as in `with:` of a file.")]
StageName = Annotated[str | None, typer.Option("--stage", help="The stage; `deploy`, or else the last, by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def load_with(which: str, params: Iterable[str], sets: Iterable[str]) -> Scenario:
    """A scenario with `--param a=2 --set robot.discount=0.5` as its dotted overrides."""
    from ..scenarios.language.loading import apply_overrides, load

    return apply_overrides(load(which), overrides_of(params, sets))


def overrides_of(params: Iterable[str], sets: Iterable[str]) -> dict[str, object]:
    """`--param a=2 --set robot.discount=0.5` as dotted overrides."""
    overrides: dict[str, object] = {}
    for text in (*params, *sets):
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageFault(f"`{text}` is not of the form NAME=VALUE")
        overrides[name.strip()] = read_value(value.strip())
    return overrides


def read_value(text: str) -> object:
    """A number, true or false, a list, a mapping, or else a word."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | list | dict) else text


def stage_of(scenario: Scenario, name: str | None) -> str:
    """The stage that was asked for, or else the one that expectations speak of."""
    from ..evals.laboratory import Laboratory

    if name is None:
        return Laboratory(scenario).stage
    known("stage", name, scenario.document.stages)
    return name


def known(kind: str, name: str, there_are: Iterable[str]) -> None:
    """Refuse a name that is none of those that there are.

    Raises:
        UsageFault: says which is nearest.
    """
    from ..scenarios.language.faults import nearest, quote

    known = list(there_are)
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean `{near}`? " if near else ""
        raise UsageFault(f"there is no {kind} {quote(name)}; {hint}there are {', '.join(known) or 'none'}")


def write_json(data: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(printing.document(data))

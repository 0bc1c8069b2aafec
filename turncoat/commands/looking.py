"""Commands that show scenarios and reference information: `list`, `show`, `schema` and `explain`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from .. import printing
from ..scenarios.errors import UsageError
from .options import AsJson, Params, Sets, StageName, Which, load_with, stage_of, write_json

Code = Annotated[str, typer.Argument(metavar="CODE", help="A fault code such as TC401.")]


def list_scenarios(as_json: AsJson = False) -> None:
    """List the scenarios of the library."""
    from .. import api

    rows = [_listed(name) for name in api.names()]
    if as_json:
        write_json([dict(zip(("name", "origin", "title"), row, strict=True)) for row in rows])
    else:
        printing.print_list(rows)
        printing.next_command("watch", "treacherous_turn/lab")


def show(which: Which, param: Params = [], set_: Sets = [], stage: StageName = None, as_json: AsJson = False) -> None:
    """Show a scenario: its story and claim, its board, its agents, what pays and its params."""
    scenario = load_with(which, param, set_)
    name = stage_of(scenario, stage)
    if as_json:
        content = scenario.document.model_dump(mode="json", by_alias=True, exclude_unset=True)
        write_json({"hash": scenario.hash, "file": scenario.file, "params": dict(scenario.params), "content": content})
    else:
        printing.print_scenario(scenario, name)
        printing.next_command("watch", which)


def schema() -> None:
    """Print the JSON Schema of scenario files (draft-07), for editors."""
    from ..scenarios.language.schema.json_schema import json_schema

    write_json(json_schema())


def explain(code: Code, as_json: AsJson = False) -> None:
    """Explain a fault code."""
    from ..scenarios.language.faults.catalogue import CATALOGUE
    from ..scenarios.language.faults.faults import explain as paragraph

    # For an unknown code the text says which one was probably meant, and becomes the message of the error.
    text = paragraph(code)
    if code.strip().upper() not in CATALOGUE:
        raise UsageError(text)
    if as_json:
        write_json({"code": code.strip().upper(), "explanation": CATALOGUE[code.strip().upper()]})
    else:
        printing.say(escape(text))
        printing.next_command("check", "FILE.yaml")


def _listed(name: str) -> tuple[str, str, str]:
    """Name, origin and title of a scenario; one that cannot be loaded (of a plugin) must not hide the others."""
    from .. import api
    from ..scenarios.language.faults.faults import ScenarioError

    try:
        document = api.load(name).document
    except ScenarioError:
        return name, "", f"cannot be loaded: `turncoat check {name}` says why"
    return name, document.origin, document.title

"""Commands about scenario files and what they may hold: `list`, `show`, `new`, `fmt`, `schema` and `explain`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from .. import printing
from ..scenarios.errors import UsageError
from .options import AsJson, Params, Sets, StageName, Which, load_with, stage_of, write_json

NewName = Annotated[str, typer.Argument(metavar="NAME", help="The scenario's name: letters, digits and underscores.")]
NewFile = Annotated[Path | None, typer.Option("--out", help="The file; ./NAME.yaml by default.")]
Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Scenario files and fragments, or folders of them."),
]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; end with 1 if a file would be changed.")]
Code = Annotated[str, typer.Argument(metavar="CODE", help="A fault code such as TC401.")]


def list_scenarios(as_json: AsJson = False) -> None:
    """List the scenarios of the library."""
    from ..scenarios import library

    rows = [_listed(name) for name in library.names()]
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


def new(name: NewName, out: NewFile = None, as_json: AsJson = False) -> None:
    """Write a commented scenario file to begin with, which can be checked, run and watched as it is."""
    from ..scenarios.language.schema.document import MOST_LETTERS, NAME
    from ..scenarios.language.schema.starter import starter
    from ..scenarios.output_file import write_text_whole

    if not re.fullmatch(NAME, name) or len(name) > MOST_LETTERS:
        raise UsageError(
            f"`{name}` is no name: letters, digits and underscores, a letter first, at most {MOST_LETTERS}"
        )
    target = out or Path(f"{name}.yaml")
    if os.path.lexists(target):
        raise UsageError(f"{target} exists, and is not written over; --out names another file")
    try:
        write_text_whole(target, starter(name))
    except OSError as fault:
        raise UsageError(f"{target} cannot be written: {fault.strerror or fault}") from fault
    if as_json:
        write_json({"name": name, "file": str(target)})
    else:
        printing.say(f"wrote {escape(str(target))}")
        path = str(target) if target.suffix in (".yaml", ".yml") else f"./{target}"
        printing.next_command("watch", path, "--reload")


def fmt(files: Files, check: Check = False, as_json: AsJson = False) -> None:
    """Format scenario files: one spacing; keys, values, comments and their order stay."""
    from ..scenarios.folders import written_files
    from ..scenarios.language.files.formatting import formatted
    from ..scenarios.language.files.yaml_source import read_text
    from ..scenarios.output_file import write_text_whole

    paths: list[Path] = []
    for given in files:
        if given.is_dir():
            found, problems = written_files(given)
            for problem in problems:
                printing.err().print(f"passed over: {escape(problem)}", soft_wrap=True)
            paths += found
        else:
            paths.append(given)
    # Every file is read before one is written: a fault in one of them leaves all as they are.
    old, new = dict[Path, str](), dict[Path, str]()
    with printing.progress(not as_json) as report:
        for path in dict.fromkeys(paths):
            report(f"{len(new):,} of {printing.count(len(paths), 'file')} looked at")
            old[path] = read_text(path)
            new[path] = formatted(old[path], str(path))
    changed = [path for path, text in new.items() if text != old[path]]
    if not check:
        for path in changed:
            try:
                write_text_whole(path, new[path])
            except OSError as fault:
                raise UsageError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    if as_json:
        write_json({"files": len(paths), "changed": [str(path) for path in changed], "written": not check})
    else:
        for path in changed:
            printing.say(f"{'would change' if check else 'changed'} {escape(str(path))}")
        printing.say(f"{printing.count(len(paths), 'file')}, {len(changed)} {'to change' if check else 'changed'}")
        if paths and not (check and changed):
            printing.next_command("check", *map(str, files))
    if check and changed:
        raise typer.Exit(1)


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
    from ..scenarios import library
    from ..scenarios.language.faults.faults import ScenarioError
    from ..scenarios.language.files.yaml_source import opening, read_text
    from ..scenarios.language.loading import load

    shipped = library.FOLDER / f"{name}.yaml"
    # The library's own files are sound, and reading them to their ends takes many times as long.
    if shipped.is_file() and (head := opening(read_text(shipped), ("origin", "title"))) is not None:
        return name, head["origin"], head["title"]
    try:
        document = load(name).document
    except ScenarioError:
        return name, "", f"cannot be loaded: `turncoat check {name}` says why"
    return name, document.origin, document.title

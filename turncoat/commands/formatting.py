"""The command `fmt`, which gives scenario files one spacing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from .. import printing
from ..scenarios.errors import UsageError
from .options import AsJson, write_json

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Scenario files and fragments, or folders of them."),
]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; end with 1 if a file would be changed.")]


def fmt(files: Files, check: Check = False, as_json: AsJson = False) -> None:
    """Format scenario files: one spacing; keys, values, comments and their order stay."""
    from ..scenarios.folders import yaml_files
    from ..scenarios.language.files.formatting import formatted
    from ..scenarios.language.files.yaml_source import read_text
    from ..scenarios.output_file import write_text_whole

    paths: list[Path] = []
    for given in files:
        if given.is_dir():
            found, problems = yaml_files(given)
            if problems:
                raise UsageError(problems[0])
            paths += found
        else:
            paths.append(given)
    changed: list[Path] = []
    for path in dict.fromkeys(paths):
        text = read_text(path)
        new = formatted(text, str(path))
        if new == text:
            continue
        changed.append(path)
        if not check:
            try:
                write_text_whole(path, new)
            except OSError as fault:
                raise UsageError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    if as_json:
        write_json({"files": len(paths), "changed": [str(path) for path in changed], "written": not check})
    else:
        for path in changed:
            printing.say(f"{'would change' if check else 'changed'} {escape(str(path))}")
        printing.say(
            f"{len(paths)} {'file' if len(paths) == 1 else 'files'}, {len(changed)} to change"
            if check
            else f"{len(paths)} {'file' if len(paths) == 1 else 'files'}, {len(changed)} changed"
        )
    if check and changed:
        raise typer.Exit(1)

"""Writes what the docs take from the program: fault codes, commands and options, the output of commands shown.

`make docs` (or `python -m tests.make_docs`) writes; with `--check` it writes nothing and fails if any would change.
Files that are named are the only ones (`python -m tests.make_docs docs/scenarios/escape/cluster.md README.md`). What a
command that trains printed is left as it is unless `--trainings` is given, since that takes many minutes.
In a Markdown file, a block marked `console` begins with `$ turncoat ...`, and the rest of it is what that prints. The
blocks marked `yaml` before it are the file `courier.yaml`; a comment `<!-- with: A -> B -->` changes that file for one
command.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer

from tests import scenario_pages
from turncoat import cli
from turncoat.scenarios.language.faults.catalogue import CATALOGUE
from turncoat.scenarios.language.loading import load

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("README.md", "docs/tutorial.md")
"""Files that show commands and what they print."""

EXITS = {
    0: "pass",
    1: "an expectation failed",
    2: "a mistake in the command or the scenario",
    3: "Turncoat crashed",
    4: "inconclusive, or nothing judged",
    130: "interrupted (Ctrl-C); 143 and 129: asked to end by SIGTERM or SIGHUP",
    141: "nobody reads standard output any more (`| head`)",
}

_PART = re.compile(r"<!-- with: (?P<old>.*?) -> (?P<new>.*?) -->|```(?P<kind>\w+)\n(?P<text>.*?)```\n", re.DOTALL)
_GROUPS = {
    "0": "Reading the file",
    "1": "Guards, effects and measures",
    "2": "The shape of the blocks",
    "3": "Boards",
    "4": "Names and files",
    "5": "What formulas mean",
    "6": "What the world turns out to be",
}


def pages(trainings: bool = True) -> dict[Path, Callable[[], str]]:
    """Every generated file with what makes the text that it should have; `trainings`: as in `with_outputs`."""
    return {
        ROOT / "docs/reference/faults.md": fault_page,
        ROOT / "docs/reference/command-line.md": command_page,
        **scenario_pages.pages(),
        **{ROOT / name: partial(with_outputs, ROOT / name, trainings) for name in SHOWN},
    }


def fault_page() -> str:
    """The catalogue of fault codes."""
    parts = [
        "# Fault codes",
        "<!-- Written by `make docs`. -->",
        "Every fault of a scenario file has a place, a message, a cure and one of these codes; a code never changes\n"
        "its meaning. `turncoat explain CODE` prints the same text. Some are warnings: the file still loads.",
    ]
    group = ""
    for code, text in CATALOGUE.items():
        if code[2] != group:
            group = code[2]
            parts.append(f"## TC{group}: {_GROUPS[group][0].lower()}{_GROUPS[group][1:]}")
        parts.append(f"**{code}** {text}")
    return "\n\n".join(parts) + "\n"


def command_page() -> str:
    """The commands with their arguments and options."""
    parts = [
        "# Command line",
        "<!-- Written by `make docs`. -->",
        "`turncoat COMMAND --help` prints the same. `python -m turncoat` is the same program. With `--json`, standard\n"
        "output is one JSON document and nothing else.",
        "\n".join(
            ["| exit code | meaning |", "|---|---|", *(f"| {code} | {meaning} |" for code, meaning in EXITS.items())]
        ),
    ]
    for name, command in typer.main.get_command(cli.app).commands.items():  # type: ignore[attr-defined]
        parts += [f"## {name}", _sentence(command.help), *_table(command.params)]
    return "\n\n".join(parts) + "\n"


def _table(params: list[Any]) -> Iterator[str]:
    rows = [f"| {_usage(param)} | {_sentence(param.help).replace('|', chr(92) + '|')} |" for param in params]
    if rows:
        yield "\n".join(["| argument or option | |", "|---|---|", *rows])


def _usage(param: Any) -> str:
    value = param.metavar or param.opts[0].lstrip("-").upper()
    if not param.opts[0].startswith("-"):
        return f"`{value}{'...' if param.nargs == -1 else ''}`"
    return f"`{', '.join(param.opts)}{'' if param.is_flag else f' {value}'}`" + (
        " (any number)" if param.multiple else ""
    )


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def with_outputs(path: Path, trainings: bool) -> str:
    """A page with the output of each command as it is now; commands that train are run only with `trainings`."""
    scenario: list[str] = []
    changes: list[tuple[str, str]] = []

    def part(match: re.Match[str]) -> str:
        if match["kind"] is None:
            changes.append((match["old"], match["new"]))
        elif match["kind"] == "yaml":
            scenario.append(match["text"])
        elif match["kind"] == "console":
            text = "\n".join(scenario)
            for old, new in changes:
                assert old in text, f"`{old}` is not in the file"
                text = text.replace(old, new)
            changes.clear()
            command = match["text"].splitlines()[0]
            output = printed(command, text, trainings)
            if output is not None:
                return f"```console\n{command}\n{output}```\n"
            print(f"{path.relative_to(ROOT)}: left as it is: {command} (--trainings runs it)", file=sys.stderr)
        return match[0]

    return _PART.sub(part, path.read_text(encoding="utf-8"))


def printed(command: str, scenario: str, trainings: bool) -> str | None:
    """What `$ turncoat ...` prints in a folder that holds `courier.yaml`; None for one that trains, if it may not."""
    prompt, program, *arguments = shlex.split(command)
    assert (prompt, program) == ("$", "turncoat"), command
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "courier.yaml").write_text(scenario, encoding="utf-8")
        if not trainings and _trains(arguments, Path(folder)):
            return None
        done = subprocess.run(
            [sys.executable, "-m", "turncoat", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    said = done.stderr if done.returncode in (2, 3) else ""  # else it only says how far it is
    lines = [re.sub(r"\d{8}T\d{6}Z", "20260101T120000Z", line.rstrip()) for line in (done.stdout + said).splitlines()]
    return "".join(f"{line}\n" for line in lines)


def _trains(arguments: Sequence[str], folder: Path) -> bool:
    """Whether a command, given in a folder, trains agents."""
    if arguments[0] != "run":
        return False
    which = arguments[1]
    return load(folder / which if which.endswith(".yaml") else which).document.runs.agents != ["exact"]


def main(words: Sequence[str] | None = None) -> None:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(prog="python -m tests.make_docs", description=main.__doc__)
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="files below this folder; all by default")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if any would change")
    parser.add_argument("--trainings", action="store_true", help="run the commands that train too")
    given = parser.parse_args(words)
    makers = pages(given.trainings)
    asked = [page.resolve() for page in given.pages] or list(makers)
    if strangers := [str(page) for page in asked if page not in makers]:
        parser.error(f"not made here: {', '.join(strangers)}")
    stale = []
    for path in asked:
        text = makers[path]()
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if text == old:
            continue
        stale.append(path)
        if given.check:
            name = str(path.relative_to(ROOT))
            sys.stdout.writelines(
                difflib.unified_diff(old.splitlines(True), text.splitlines(True), name, "as it is now")
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    if stale and given.check:
        raise SystemExit("out of date: run `make docs`")


if __name__ == "__main__":
    main()

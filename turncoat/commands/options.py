"""What commands share: their options, each declared once, and how these are read.

An option that one command alone has stands in that command's module.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from .. import printing
from ..scenarios.errors import UsageError, check_name

if TYPE_CHECKING:
    from ..evals.training.telemetry.early_stopping import Plateau
    from ..scenarios.language.loading import Scenario

WORK = "Work"
"""Under which heading `--help` lists options of how work is done."""


def count_option(flag: str, help: str, panel: str | None = None) -> Any:
    """The option of a whole number that is at least 1; its words say of what."""
    return typer.Option(flag, min=1, help=help, rich_help_panel=panel)


Which = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A name such as treacherous_turn/lab, or a path to a scenario file.")
]
ScenariosOrFolders = Annotated[
    list[str], typer.Argument(metavar="SCENARIO", help="Names or paths of scenarios, or folders of them.")
]
Params = Annotated[list[str], typer.Option("--param", metavar="NAME=VALUE", help="Set a param.")]
Sets = Annotated[list[str], typer.Option("--set", metavar="DOTTED=VALUE", help="Override, as in `with:` of a file.")]
StageName = Annotated[str | None, typer.Option("--stage", help="The stage; `deploy`, or else the last, by default.")]
Trust = Annotated[bool, typer.Option("--trust", help="Open files with pickles, which may run anything.")]
Steps = Annotated[int | None, count_option("--steps", "Environment steps of training.")]
JOBS = "Trainings at a time; all cores by default."
Jobs = Annotated[int | None, count_option("--jobs", JOBS)]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="Where networks live: cpu, cuda, or auto, a GPU where there is one.",
        rich_help_panel=WORK,
    ),
]
PlateauOf = Annotated[
    str | None,
    typer.Option(
        "--plateau",
        metavar="LOOKS[:GAIN]",
        help="End a training once so many looks (of 50) in a row saw no gain of this share; 0.01 by default.",
        rich_help_panel=WORK,
    ),
]
TensorBoard = Annotated[
    Path | None,
    typer.Option(
        "--tensorboard",
        metavar="FOLDER",
        help="Write training curves for TensorBoard, in SCENARIO/STAGE-AGENT/seed-N.",
        rich_help_panel=WORK,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="The folder that keeps trained seeds; $TURNCOAT_CACHE, or else the user's cache.",
        rich_help_panel=WORK,
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Train everything anew, keep nothing.", rich_help_panel=WORK)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


_SCENARIO = re.compile(rb"""^[\s{]*["']?turncoat["']?\s*:""", re.MULTILINE)
"""What only a whole scenario has: fragments and other YAML say no version of the language."""


def scenarios_below(which: str) -> Iterator[str]:
    """The scenario files of a folder, sorted, hidden ones left out; or what was given, if it is no folder.

    Raises:
        UsageError: the folder holds none.
    """
    if not Path(which).is_dir():
        yield which
        return
    below = Path(which)
    files = [path for path in sorted(below.rglob("*")) if path.suffix in (".yaml", ".yml") and path.is_file()]
    seen = [path for path in files if not any(part.startswith(".") for part in path.relative_to(below).parts)]
    found = [str(path) for path in seen if _SCENARIO.search(path.read_bytes())]
    if not found:
        others = f" ({len(seen)} YAML files, none with a line `turncoat: 1`)" if seen else ""
        raise UsageError(f"the folder {which} holds no scenario file{others}")
    yield from found


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
            raise UsageError(f"`{text}` is not of the form NAME=VALUE")
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
    if name is None:
        return scenario.judged_stage
    check_name("stage", name, scenario.document.stages)
    return name


def plateau_of(text: str | None) -> Plateau | None:
    """`--plateau 10:0.01`."""
    from ..evals.training.telemetry.early_stopping import Plateau

    try:
        return None if text is None else Plateau.parse(text)
    except ValueError as fault:
        raise UsageError(f"--plateau: {fault}") from None


def cache_of(cache: Path | None, no_cache: bool) -> Path | None:
    """Where trained seeds are kept, if anywhere.

    That is `--cache`, `$TURNCOAT_CACHE`, or where this system keeps such things (nowhere, where that cannot be used,
    with a word).
    """
    from platformdirs import user_cache_path

    from ..evals.traces.provenance import RunError
    from ..evals.training.execution.trace_cache import TraceCache

    if no_cache or cache is not None:
        return None if no_cache else cache
    if folder := os.environ.get("TURNCOAT_CACHE"):
        return Path(folder)
    try:
        return TraceCache(user_cache_path("turncoat", appauthor=False)).folder.parent
    except RunError as fault:
        printing.err().print(f"nothing is kept: {escape(str(fault))}", soft_wrap=True)
        return None


def jobs_of(jobs: int | None) -> int:
    """How many trainings, or other processes, go on at a time: all cores where nothing is said."""
    return jobs or os.cpu_count() or 1


def write_json(data: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(printing.document(data))

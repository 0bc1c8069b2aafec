"""Options that several commands share, each declared once, and the functions that read them.

An option of a single command is declared in that command's module.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from .. import printing
from ..scenarios.arguments import MOST_SEEDS, MOST_STEPS
from ..scenarios.did_you_mean import quote
from ..scenarios.errors import UsageError, check_name

if TYPE_CHECKING:
    from ..evals.training.telemetry.early_stopping import Plateau
    from ..scenarios.language.loading import Scenario
    from ..viz.drawing.palette import Theme

SOLVE_SECONDS = 600.0
"""How long an exact solution may take, by default: whoever waits for more says so."""
WORK = "Work"
"""The heading under which `--help` lists the options of how work is done."""


def count_option(flag: str, help: str, panel: str | None = None, most: int = MOST_SEEDS) -> Any:
    """An option for a whole number from 1 to `most`."""
    return typer.Option(flag, min=1, max=most, help=help, rich_help_panel=panel)


Which = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A name such as treacherous_turn/lab, or a path to a scenario file.")
]
ScenariosOrFolders = Annotated[
    list[str], typer.Argument(metavar="SCENARIO", help="Names or paths of scenarios, or folders of them.")
]
Params = Annotated[list[str], typer.Option("--param", metavar="NAME=VALUE", help="Set a param.")]
Sets = Annotated[list[str], typer.Option("--set", metavar="DOTTED=VALUE", help="Override, as in `with:` of a file.")]
StageName = Annotated[str | None, typer.Option("--stage", help="The stage; `deploy`, or else the last, by default.")]
TRUST = "Run code that a file names or holds: a stored run's own agents, a model's pickles."
Trust = Annotated[bool, typer.Option("--trust", help=TRUST)]
Steps = Annotated[int | None, count_option("--steps", "Environment steps of training.", most=MOST_STEPS)]
FirstSeed = Annotated[
    int | None,
    typer.Option(
        "--first-seed",
        metavar="N",
        min=0,
        help="Number the trained seeds from here on; `runs.first_seed` of the file, or else 0, by default.",
    ),
]
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
Budget = Annotated[
    float,
    typer.Option("--time-limit", "--budget", metavar="SECONDS", min=0, help="Give up after so long; `inf` for never."),
]
Size = Annotated[str, typer.Option("--size", metavar="WIDTHxHEIGHT", help="In points.")]
WindowSize = Annotated[
    str | None,
    typer.Option("--size", metavar="WIDTHxHEIGHT", help="In points; 1280x800 by default, or as the screen has room."),
]
SCALE = typer.Option("--scale", min=0.5, max=8, help="Pixels in a point.")
Scale = Annotated[float | None, SCALE]
Dark = Annotated[bool, typer.Option("--dark", help="Light on dark.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def scenarios_below(which: str) -> Iterator[str]:
    """The scenario files in a folder and below, sorted and without hidden ones; `which` itself if it is not a folder.

    What could not be looked at is said on stderr, and the rest goes on.

    Raises:
        UsageError: the folder contains no scenario file.
    """
    if not os.path.isdir(which):
        yield which
        return
    from ..scenarios.folders import scan

    found = scan(Path(which))
    for problem in found.problems:
        printing.err().print(f"passed over: {escape(problem)}", soft_wrap=True)
    if not found.scenarios:
        others = f" ({found.others} YAML files, none with a line `turncoat: 1`)" if found.others else ""
        raise UsageError(f"the folder {which} holds no scenario file{others}")
    yield from map(str, found.scenarios)


def load_with(which: str, params: Iterable[str], sets: Iterable[str]) -> Scenario:
    """Load a scenario and apply `--param a=2 --set robot.discount=0.5` as dotted overrides."""
    from ..scenarios.language.loading import apply_overrides, load

    return apply_overrides(load(which), overrides_of(params, sets))


def overrides_of(params: Iterable[str], sets: Iterable[str]) -> dict[str, object]:
    """Read `--param a=2 --set robot.discount=0.5` as dotted overrides.

    Raises:
        UsageError: a text is not of the form NAME=VALUE, or a name is given twice.
    """
    overrides: dict[str, object] = {}
    for text in (*params, *sets):
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"`{text}` is not of the form NAME=VALUE")
        if name.strip() in overrides:
            raise UsageError(f"`{name.strip()}` is given twice; give one value (`sweep` takes several)")
        overrides[name.strip()] = read_value(value.strip())
    return overrides


def read_value(text: str) -> object:
    """Read a value as JSON (a number, true or false, a list, a mapping); anything else is a word."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    # What JSON reads as a string or as null stays the text that was typed.
    return value if isinstance(value, bool | int | float | list | dict) else text


def stage_or_life_of(scenario: Scenario, name: str | None) -> str:
    """As `stage_of`; when None, the whole life that the stage is part of, if it is."""
    from ..evals.exact.solved_worlds import asked_stage

    return asked_stage(scenario) if name is None else stage_of(scenario, name)


def stage_of(scenario: Scenario, name: str | None) -> str:
    """The stage that was asked for; when None, the one in which expectations are judged by default.

    Raises:
        UnknownNameError: no such stage.
    """
    if name is None:
        return scenario.judged_stage
    whole = ("life",) if scenario.document.life else ()
    check_name("stage", name, (*scenario.document.stages, *whole))
    return name


def plateau_of(text: str | None) -> Plateau | None:
    """Read `--plateau 10:0.01`.

    Raises:
        UsageError: it is not of that form.
    """
    from ..evals.training.telemetry.early_stopping import Plateau

    try:
        return None if text is None else Plateau.parse(text)
    except ValueError as fault:
        raise UsageError(f"--plateau: {fault}") from None


def cache_of(cache: Path | None, no_cache: bool) -> Path | None:
    """The folder of the cache of trained seeds, or None for no cache.

    It is `--cache`, else `$TURNCOAT_CACHE`, else the user's cache folder on this system. If the last one cannot be
    used, there is no cache, and a message on stderr says so.
    """
    from platformdirs import user_cache_path

    from ..evals.traces.provenance import RunError
    from ..evals.training.execution.trace_cache import TraceCache

    if no_cache or cache is not None:
        return None if no_cache else cache
    if folder := os.environ.get("TURNCOAT_CACHE"):
        return Path(folder)
    try:
        # Opened here to find out whether it can be written. Without `appauthor=False` the path on Windows would have
        # the name twice, once as that of an author.
        return TraceCache(user_cache_path("turncoat", appauthor=False)).folder.parent
    except RunError as fault:
        printing.err().print(f"nothing is kept: {escape(str(fault))}", soft_wrap=True)
        return None


def limit_of(budget: float) -> AbstractContextManager[None]:
    """A context in which searches and solvers stop after `--time-limit`."""
    from ..envs.time_limit import time_limit

    return time_limit(budget, f"the {budget:g} seconds of `--time-limit`")


def jobs_of(jobs: int | None) -> int:
    """The number of trainings, or other processes, at a time; by default the number of cores."""
    return jobs or os.cpu_count() or 1


def theme_of(dark: bool) -> Theme:
    """The theme of `--dark`."""
    from ..viz.drawing.palette import DARK, LIGHT

    return DARK if dark else LIGHT


def window_size(text: str | None) -> tuple[int, int] | None:
    """Read the size of a window, as `size_of`; None for as large as usual and as the screen has room for."""
    return None if text is None else size_of(text)


def size_of(text: str) -> tuple[int, int]:
    """Read `1280x800` as a width and a height in points.

    Raises:
        UsageError: it is not of that form, or too small or too large.
    """
    width, cross, height = text.lower().partition("x")
    # Python refuses to read very long numbers.
    if not (cross and all(side.isascii() and side.isdigit() and len(side) < 9 for side in (width, height))):
        raise UsageError(f"--size {quote(text)} is not of the form 1280x800")
    if not (240 <= int(width) <= 7680 and 180 <= int(height) <= 4320):
        raise UsageError(f"--size {text}: from 240x180 to 7680x4320")
    return int(width), int(height)


def check_drawn(picture: Path | None) -> None:
    """Check, before the work, that `--picture` can be written.

    Raises:
        UsageError: it is no new file of a known kind, or cannot be written.
    """
    if picture is not None:
        from ..viz.pictures.figure_files import check_figure

        check_figure(picture)


def write_json(data: Any) -> None:
    """Write one JSON document to stdout."""
    # Not through rich, which would wrap lines and read markup into the text.
    sys.stdout.write(printing.document(data))

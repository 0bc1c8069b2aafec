"""The command that judges: run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import printing
from ..scenarios.errors import UsageError, check_name
from .options import (
    WORK,
    AsJson,
    Cache,
    Device,
    ManyOrFolders,
    NoCache,
    Params,
    PlateauOf,
    Sets,
    TensorBoard,
    cache_of,
    load_with,
    plateau_of,
    scenarios_below,
    write_json,
)

if TYPE_CHECKING:
    from ..evals.reports.summary import Reported
    from ..evals.runs.run import Settings
    from ..evals.verdicts.power import Outlook
    from ..evals.verdicts.work_units import Unit
    from ..scenarios.language.loading import Scenario

MAX_SEEDS = 64
"""The last look of `--until-conclusive`, where nothing else is said."""
OUTPUTS = "Outputs"
"""Beside `WORK`, the heading under which `--help` lists options."""
CHECKPOINTS = 30.0
"""Seconds between two checkpoints, where nothing else is said."""


class Inconclusive(StrEnum):
    """What to make of an inconclusive verdict."""

    fail = "fail"
    warn = "warn"


def run(
    which: ManyOrFolders,
    param: Params = [],
    set_: Sets = [],
    agent: Annotated[
        list[str],
        typer.Option(
            "--agent",
            help="Run these, not the file's; AGENT=NAME is one of several; MODULE:NAME and MODEL.zip are your own.",
        ),
    ] = [],
    trust: Annotated[bool, typer.Option("--trust", help="Open files with pickles, which may run anything.")] = False,
    all_agents: Annotated[
        bool, typer.Option("--all-agents", help="Run every agent that an expectation names, not only `runs.agents`.")
    ] = False,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Trained seeds for each learning agent.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Environment steps of training.")] = None,
    episodes: Annotated[
        int | None, typer.Option("--episodes", min=1, help="Episodes of each seed, where chance matters.")
    ] = None,
    until_conclusive: Annotated[
        bool, typer.Option("--until-conclusive", help="Add seeds while an expectation is inconclusive.")
    ] = False,
    max_seeds: Annotated[
        int | None, typer.Option("--max-seeds", min=1, help=f"The most seeds of --until-conclusive; {MAX_SEEDS}.")
    ] = None,
    inconclusive: Annotated[
        Inconclusive | None,
        typer.Option("--inconclusive", help="Exit with 1 (fail) or 0 (warn) where the verdict is inconclusive, not 4."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Trainings at a time; all cores by default.", rich_help_panel=WORK),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="Train on dask://HOST:PORT or ray://HOST:PORT, which you trust; dask://local, ray://local start one.",
            rich_help_panel=WORK,
        ),
    ] = None,
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="I/N", help="Do one of N parts.", rich_help_panel=WORK)
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=0, help="Seconds for a scenario; then trainings stop.", rich_help_panel=WORK),
    ] = None,
    device: Device = "cpu",
    plateau: PlateauOf = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    checkpoint_every: Annotated[
        float,
        typer.Option(
            "--checkpoint-every",
            metavar="SECONDS",
            min=0,
            help="Keep a training that is under way in the cache, so that a killed run goes on within a seed.",
            rich_help_panel=WORK,
        ),
    ] = CHECKPOINTS,
    tensorboard: TensorBoard = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The run's folder; ./runs/TIME-NAME-HASH by default.", rich_help_panel=OUTPUTS),
    ] = None,
    no_thoughts: Annotated[
        bool,
        typer.Option("--no-thoughts", help="Leave what agents think out of the traces.", rich_help_panel=OUTPUTS),
    ] = False,
    no_save: Annotated[bool, typer.Option("--no-save", help="Write no folder.", rich_help_panel=OUTPUTS)] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.", rich_help_panel=OUTPUTS)
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option("--jsonl", metavar="FILE", help="Write a line of JSON per judgement.", rich_help_panel=OUTPUTS),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown.", rich_help_panel=OUTPUTS)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run scenarios: solve, train, judge every expectation, and write a folder with traces and the verdict.

    A folder stands for every scenario file in it and below.
    """
    from .. import api
    from ..agents.external.user_agent import installed
    from ..agents.registry.agents import methods
    from ..agents.registry.profiles import brought, gathered
    from ..evals.reports.files import check_files
    from ..evals.reports.summary import Reported
    from ..evals.runs.run import Settings
    from ..evals.traces.provenance import check_target
    from ..evals.training.execution.workers import connect
    from ..evals.verdicts.expectation import EXIT_CODES, verdict

    trained = methods()
    named = gathered(agent)
    own = {name: each for name in named if name not in trained and (each := brought(name, trust)) is not None}
    listed = [name for name in named if name not in own]
    for name in listed:
        if "=" not in name:
            check_name("agent", name, ("exact", *trained, *installed()))
    one = len(which) == 1 and not Path(which[0]).is_dir()
    which = [name for each in which for name in scenarios_below(each)]
    if out is not None and len(which) > 1:
        raise UsageError("--out names the folder of one run; give one scenario, or leave it out")
    if max_seeds is not None and not until_conclusive:
        raise UsageError("--max-seeds bounds what --until-conclusive adds; give both, or --seeds alone")
    if out is not None and not no_save:
        check_target(out)
    check_files([path for path in (junit, jsonl, markdown) if path is not None])
    settings = Settings(
        tuple(listed) or None,
        seeds,
        steps,
        episodes,
        all_agents=all_agents,
        max_seeds=(max_seeds or max(MAX_SEEDS, seeds or 0)) if until_conclusive else None,
        budget=budget,
        cache=cache_of(cache, no_cache),
        own=tuple(own.values()),
        thoughts=not no_thoughts,
        device=device,
        plateau=plateau_of(plateau),
        tensorboard=tensorboard,
        checkpoint_every=checkpoint_every,
    )
    scenarios = [(name, load_with(name, param, set_)) for name in which]
    shares = _shares([scenario for _, scenario in scenarios], settings, shard)
    jobs = jobs or os.cpu_count() or 1
    reports, data = [], []
    with connect(cluster, jobs) as workers:
        for (name, scenario), units in zip(scenarios, shares, strict=True):
            if units == ():
                continue
            its = Settings(**{**vars(settings), "workers": workers, "units": units})
            expected = _outlooks(scenario, its)
            if not as_json:
                printing.print_outlooks(name, expected)
            with printing.run_progress(name, not as_json) as (report, count):
                result = api.run(scenario, settings=its, report=report, count=count)
            folder = None if no_save else result.save(out).folder
            reports.append(Reported(name, result, folder))
            data.append(
                {
                    "scenario": name,
                    "verdict": result.verdict,
                    "folder": None if folder is None else str(folder),
                    "seeds": list(result.seeds),
                    "trained": result.trained,
                    "cached": result.cached,
                    "steps": result.trained_steps,
                    "needs": [vars(outlook) for outlook in expected],
                    "expectations": [judgement.to_dict() for judgement in result.judgements],
                }
            )
            if not as_json:
                printing.print_run(reports[-1])
    whole = verdict([judgement for report in reports for judgement in report.run.judgements])
    _write(reports, junit, jsonl, markdown, inconclusive)
    if as_json:
        write_json(data[0] if one and data else {"verdict": whole, "runs": data})
    elif not reports:
        printing.say(f"nothing falls to shard {shard}")
    if not reports:
        raise typer.Exit(0)
    if whole == "inconclusive" and inconclusive is not None:
        raise typer.Exit(1 if inconclusive is Inconclusive.fail else 0)
    raise typer.Exit(EXIT_CODES[whole])


def _shares(scenarios: Sequence[Scenario], settings: Settings, shard: str | None) -> Sequence[tuple[Unit, ...] | None]:
    """What is to be judged of each scenario; None means everything."""
    from ..evals.verdicts.work_units import Shard, deal

    if shard is None:
        return [None] * len(scenarios)
    try:
        part = Shard.parse(shard)
    except ValueError as fault:
        raise UsageError(f"--shard: {fault}") from None
    return deal([(scenario, settings.agents_for(scenario)) for scenario in scenarios], part)


def _outlooks(scenario: Scenario, settings: Settings) -> list[Outlook]:
    from ..evals.runs.run import outlooks

    try:
        return outlooks(scenario, settings)
    except ValueError as fault:
        raise UsageError(str(fault)) from None


def _write(
    reports: Sequence[Reported],
    junit_file: Path | None,
    jsonl_file: Path | None,
    markdown_file: Path | None,
    inconclusive: Inconclusive | None,
) -> None:
    """The report files, and what GitHub Actions shows."""
    from ..evals.reports.files import write_whole
    from ..evals.reports.github import add_summary, annotation_lines
    from ..evals.reports.jsonl import jsonl
    from ..evals.reports.junit import junit
    from ..evals.reports.markdown import markdown

    if junit_file is not None:
        write_whole(junit_file, junit(reports, None if inconclusive is None else inconclusive.value))
    if jsonl_file is not None:
        write_whole(jsonl_file, jsonl(reports))
    if markdown_file is not None:
        write_whole(markdown_file, markdown(reports))
    if os.environ.get("GITHUB_ACTIONS") == "true" and reports:
        # On stderr, where GitHub reads them too: stdout may be one JSON document.
        sys.stderr.write("".join(f"{line}\n" for line in annotation_lines(reports, os.environ)))
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            add_summary(Path(summary), reports)

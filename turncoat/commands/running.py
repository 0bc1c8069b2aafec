"""The command `run`, which judges every expectation of scenarios."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from rich.markup import escape

from .. import printing
from ..endings import FAULT, fault_data, tell
from ..scenarios.errors import UsageError, WorldError
from .options import (
    JOBS,
    SOLVE_SECONDS,
    WORK,
    AsJson,
    Cache,
    Device,
    FirstSeed,
    NoCache,
    Params,
    PlateauOf,
    ScenariosOrFolders,
    Sets,
    Steps,
    TensorBoard,
    Trust,
    cache_of,
    count_option,
    jobs_of,
    load_with,
    plateau_of,
    scenarios_below,
    write_json,
)

if TYPE_CHECKING:
    from ..agents.external.user_agent import UserAgent
    from ..evals.reports.summary import BrokenScenario, RunReport
    from ..evals.runs.run import RunSettings
    from ..evals.training.background_population import BackgroundPopulation
    from ..evals.verdicts.expectation import Verdict
    from ..evals.verdicts.power import SeedRequirement
    from ..evals.verdicts.work_units import WorkUnit
    from ..scenarios.language.loading import Scenario

MAX_SEEDS = 64
"""The number of seeds at the last interim analysis of `--until-conclusive`, by default."""
OUTPUTS = "Outputs"
"""The heading under which `--help` lists the options of what is written."""
CHECKPOINTS = 30.0
"""Seconds between two checkpoints of a training, by default."""


class Inconclusive(StrEnum):
    """How an inconclusive verdict ends the command: like a failed one, or like a passed one with a warning."""

    fail = "fail"
    warn = "warn"


Agents = Annotated[
    list[str],
    typer.Option(
        "--agent",
        help="Run these, not the file's; AGENT=NAME is one of several; MODULE:NAME and MODEL.zip are your own.",
    ),
]
AllAgents = Annotated[
    bool, typer.Option("--all-agents", help="Run every agent that an expectation names, not only `runs.agents`.")
]
Seeds = Annotated[int | None, count_option("--seeds", "Trained seeds for each learning agent.")]
Episodes = Annotated[int | None, count_option("--episodes", "Episodes of each seed, where chance matters.")]
UntilConclusive = Annotated[
    bool, typer.Option("--until-conclusive", help="Add seeds while an expectation is inconclusive.")
]
MaxSeeds = Annotated[int | None, count_option("--max-seeds", f"The most seeds of --until-conclusive; {MAX_SEEDS}.")]
IfInconclusive = Annotated[
    Inconclusive | None,
    typer.Option("--inconclusive", help="Exit with 1 (fail) or 0 (warn) where the verdict is inconclusive, not 4."),
]
WorkJobs = Annotated[int | None, count_option("--jobs", JOBS, WORK)]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Train on dask://HOST:PORT or ray://HOST:PORT, which you trust; dask://local, ray://local start one.",
        rich_help_panel=WORK,
    ),
]
ShardName = Annotated[
    str | None, typer.Option("--shard", metavar="I/N", help="Do one of N parts.", rich_help_panel=WORK)
]
Budget = Annotated[
    float | None,
    typer.Option("--budget", min=0, help="Seconds for a scenario; then trainings stop.", rich_help_panel=WORK),
]
SolveBudget = Annotated[
    float,
    typer.Option(
        "--solve-budget",
        metavar="SECONDS",
        min=0,
        help="For each exact solution; what needs a longer one is inconclusive.",
        rich_help_panel=WORK,
    ),
]
CheckpointEvery = Annotated[
    float,
    typer.Option(
        "--checkpoint-every",
        metavar="SECONDS",
        min=0,
        help="Keep a training that is under way in the cache, so that a killed run goes on within a seed.",
        rich_help_panel=WORK,
    ),
]
Others = Annotated[
    Path | None,
    typer.Option(
        "--others",
        metavar="FOLDER",
        help="Judge agents among co-players drawn from a folder of policies, and say what they earn there.",
    ),
]
Focal = Annotated[
    list[str],
    typer.Option("--focal", metavar="AGENT", help="Who of a world is judged; those whom --others has nobody for."),
]
SavePolicies = Annotated[
    Path | None,
    typer.Option(
        "--save-policies",
        metavar="FOLDER",
        help="Write what agents trained together do, for --others; nothing is taken from the cache.",
        rich_help_panel=OUTPUTS,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="The run's folder; ./runs/TIME-NAME-HASH by default.", rich_help_panel=OUTPUTS),
]
NoThoughts = Annotated[
    bool, typer.Option("--no-thoughts", help="Leave what agents think out of the traces.", rich_help_panel=OUTPUTS)
]
NoSave = Annotated[bool, typer.Option("--no-save", help="Write no folder.", rich_help_panel=OUTPUTS)]
JUnitFile = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.", rich_help_panel=OUTPUTS)
]
JsonlFile = Annotated[
    Path | None,
    typer.Option("--jsonl", metavar="FILE", help="Write a line of JSON per judgement.", rich_help_panel=OUTPUTS),
]
MarkdownFile = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown.", rich_help_panel=OUTPUTS)
]


def run(
    which: ScenariosOrFolders,
    param: Params = [],
    set_: Sets = [],
    agent: Agents = [],
    trust: Trust = False,
    all_agents: AllAgents = False,
    others: Others = None,
    focal: Focal = [],
    seeds: Seeds = None,
    first_seed: FirstSeed = None,
    steps: Steps = None,
    episodes: Episodes = None,
    until_conclusive: UntilConclusive = False,
    max_seeds: MaxSeeds = None,
    inconclusive: IfInconclusive = None,
    jobs: WorkJobs = None,
    cluster: Cluster = None,
    shard: ShardName = None,
    budget: Budget = None,
    solve_budget: SolveBudget = SOLVE_SECONDS,
    device: Device = "cpu",
    plateau: PlateauOf = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    checkpoint_every: CheckpointEvery = CHECKPOINTS,
    tensorboard: TensorBoard = None,
    save_policies: SavePolicies = None,
    out: Out = None,
    no_thoughts: NoThoughts = False,
    no_save: NoSave = False,
    junit: JUnitFile = None,
    jsonl: JsonlFile = None,
    markdown: MarkdownFile = None,
    as_json: AsJson = False,
) -> None:
    """Run scenarios: solve, train, judge every expectation, and write a folder with traces and the verdict.

    A folder stands for every scenario file in it and below.
    """
    from ..evals.runs.run import RunSettings

    files = _ReportFiles(junit, jsonl, markdown, inconclusive, shard)
    files.clear()  # first of all: whatever ends this run, old ones are not its own
    agents, own = _agents(agent, trust)
    names = [name for each in which for name in scenarios_below(each)]
    _check_together(names, out, no_save, max_seeds, until_conclusive)
    _check_population(others, focal, save_policies, alone=not (len(names) > 1 or cluster or shard))
    settings = RunSettings(
        agents or None,
        seeds,
        steps,
        episodes,
        all_agents=all_agents,
        max_seeds=(max_seeds or max(MAX_SEEDS, seeds or 0)) if until_conclusive else None,
        budget=budget,
        cache=cache_of(cache, no_cache),
        own=own,
        thoughts=not no_thoughts,
        device=device,
        plateau=plateau_of(plateau),
        tensorboard=tensorboard,
        checkpoint_every=checkpoint_every,
        first_seed=first_seed,
        solve_seconds=solve_budget,
        policies=save_policies,
    )
    broken = _Broken(as_json)
    loaded = [(name, scenario) for name in names if (scenario := broken.load(name, param, set_)) is not None]
    if named := [each for each in broken.found if each.which in which]:
        # What the command itself names is a mistake in the command: nothing is run, as of a folder's other files.
        files.write([], broken.found)
        raise named[0].fault
    if agents == ("exact",) and not (all_agents or others or cluster or shard):
        judged = _planned(loaded, settings, jobs_of(jobs), no_save, out, broken)
    else:
        judged = _trained(
            loaded, settings, jobs_of(jobs), cluster, shard, (others, focal, agents), no_save, out, broken
        )
    raise typer.Exit(_concluded(which, judged, broken, files, as_json))


_Judged: TypeAlias = "tuple[RunReport, list[SeedRequirement]]"
"""The report of one scenario, and the seeds that its expectations need."""


def _planned(
    loaded: Sequence[tuple[str, Scenario]],
    settings: RunSettings,
    jobs: int,
    no_save: bool,
    out: Path | None,
    broken: _Broken,
) -> list[_Judged]:
    """Run scenarios by exact plans alone. Nothing is trained, so that processes share the scenarios themselves."""
    from ..evals.training.execution.side_by_side import side_by_side

    calls = [(name, scenario, settings, no_save, out, not broken.as_json) for name, scenario in loaded]
    judged: list[_Judged] = []
    for (name, _), found in zip(loaded, side_by_side(_reported, calls, jobs), strict=True):
        with broken.noting(name):
            judged.append((found(), []))
            if not broken.as_json:
                printing.print_run(judged[-1][0])
    return judged


def _trained(
    loaded: Sequence[tuple[str, Scenario]],
    settings: RunSettings,
    jobs: int,
    cluster: str | None,
    shard: str | None,
    drawn_from: tuple[Path | None, list[str], Sequence[str]],
    no_save: bool,
    out: Path | None,
    broken: _Broken,
) -> list[_Judged]:
    """Run scenarios one after another, each with all processes; `drawn_from`: see `_drawn_from`."""
    from ..evals.training.execution.workers import connect

    others, focal, agents = drawn_from
    shares = _shares([scenario for _, scenario in loaded], settings, shard)
    judged = []
    with connect(cluster, jobs) as workers:
        for (name, scenario), units in zip(loaded, shares, strict=True):
            if units != ():  # None means every unit, whereas an empty share leaves the scenario out
                with broken.noting(name):
                    mine = replace(
                        settings, workers=workers, units=units, others=_drawn_from(others, focal, scenario, agents)
                    )
                    judged.append(_judge(name, scenario, mine, no_save, out, broken.as_json))
    return judged


def _concluded(
    which: list[str],
    judged: Sequence[_Judged],
    broken: _Broken,
    files: _ReportFiles,
    as_json: bool,
) -> int:
    """Write and say what came of all runs; the exit code.

    Raises:
        ScenarioError, WorldError: of the world of a single scenario.
    """
    reports = [report for report, _ in judged]
    files.write(reports, broken.found)
    # A single file gives one object, a folder always a list, even of one run: its shape depends on the call alone.
    one = len(which) == 1 and not os.path.isdir(which[0])
    if one and broken.found:
        raise broken.found[0].fault  # of its world, which a run meets and reading the file does not
    if as_json:
        data = [_data(report, needs) for report, needs in judged]
        whole = {"verdict": _verdict(reports), "runs": data, **broken.data()}
        write_json(data[0] if one and data else whole)
    elif not reports and not broken.found:
        printing.say(f"nothing falls to shard {files.shard}")
    broken.sum_up()
    folders = [str(report.folder) for report in reports if report.folder is not None]
    if not as_json and not broken.found:
        if folders:
            printing.next_command("report", *folders)
        elif reports and one:
            printing.next_command("watch", which[0])
    return FAULT if broken.found else _exit_code(reports, files.inconclusive)


class _Broken:
    """The scenarios of several that cannot be run: each is told where it is met, and the others go on."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.found: list[BrokenScenario] = []

    def load(self, name: str, param: list[str], set_: list[str]) -> Scenario | None:
        """A scenario, or None where its file is faulty."""
        with self.noting(name):
            return load_with(name, param, set_)
        return None

    @contextmanager
    def noting(self, name: str) -> Iterator[None]:
        """Note a fault of the scenario's file or world that ends the block."""
        from ..evals.reports.summary import BrokenScenario
        from ..scenarios.language.faults.faults import ScenarioError

        try:
            yield
        except (ScenarioError, WorldError) as fault:
            self.found.append(BrokenScenario(name, fault))

    def data(self) -> dict[str, Any]:
        """What `--json` gives for them; nothing where there are none."""
        return (
            {"broken": [{"scenario": each.which, **fault_data(each.fault)} for each in self.found]}
            if self.found
            else {}
        )

    def sum_up(self) -> None:
        """Tell people every fault, last of all."""
        if self.as_json:
            return
        for each in self.found:
            tell(each.fault)
        if self.found:
            names = ", ".join(each.which for each in self.found)
            printing.err().print(f"turncoat: {escape(names)} cannot be run", soft_wrap=True)


def _agents(names: list[str], trust: bool) -> tuple[tuple[str, ...], tuple[UserAgent, ...]]:
    """The agents that `--agent` names: those of Turncoat or of installed packages by name, and the user's own.

    Raises:
        UsageError: there is no such agent.
    """
    from ..agents.registry.agents import agent_names
    from ..agents.registry.eligibility import check_agent_names
    from ..agents.registry.multi_agent_profiles import brought, gathered

    trained = agent_names()
    named = gathered(names)
    # Turncoat's own names win, so that no file of the user's can stand in for `counts`.
    own = {name: each for name in named if name not in trained and (each := brought(name, trust)) is not None}
    listed = tuple(name for name in named if name not in own)
    check_agent_names(listed)
    return listed, tuple(own.values())


def _check_together(
    names: Sequence[str], out: Path | None, no_save: bool, max_seeds: int | None, until_conclusive: bool
) -> None:
    """Check options that must suit each other; what cannot be written is refused before hours are spent on it.

    Raises:
        UsageError: they contradict each other.
    """
    from ..evals.traces.atomic_folder import check_target

    if out is not None and len(names) > 1:
        raise UsageError("--out names the folder of one run; give one scenario, or leave it out")
    if max_seeds is not None and not until_conclusive:
        raise UsageError("--max-seeds bounds what --until-conclusive adds; give both, or --seeds alone")
    if out is not None and not no_save:
        check_target(out)


def _check_population(others: Path | None, focal: list[str], save_policies: Path | None, alone: bool) -> None:
    """Check what is said of co-players, and make the folder for policies; one that is there may hold some.

    `alone`: one scenario is run, and all of its work here.

    Raises:
        UsageError: the options contradict each other, or the folder cannot be made.
    """
    if focal and others is None:
        raise UsageError("--focal says who is judged among --others; give both")
    if (others is not None or save_policies is not None) and not alone:
        raise UsageError("--others and --save-policies are for one scenario, without --shard and --cluster")
    if save_policies is not None:
        try:
            save_policies.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise UsageError(f"--save-policies: {save_policies} cannot be made: {fault.strerror or fault}") from None


def _drawn_from(
    folder: Path | None, focal: list[str], scenario: Scenario, agents: Sequence[str]
) -> BackgroundPopulation | None:
    """The population of `--others`, checked against the world of the agents that are judged."""
    from ..evals.exact.solved_worlds import SolvedWorlds
    from ..evals.training.background_population import read_population

    if folder is None:
        return None
    solved = SolvedWorlds(scenario)
    for agent in agents:  # a profile may enlist things, which are agents then
        solved = solved.with_agent(agent)
    return read_population(folder, scenario, solved.world({}, scenario.judged_stage), focal)


def _judge(
    name: str, scenario: Scenario, settings: RunSettings, no_save: bool, out: Path | None, as_json: bool
) -> _Judged:
    """Run one scenario, save and print it."""
    expected = _requirements(scenario, settings)
    if not as_json:
        printing.print_requirements(name, expected)
    reported = _reported(name, scenario, settings, no_save, out, not as_json)
    if not as_json:
        printing.print_run(reported)
    return reported, expected


def _reported(
    name: str, scenario: Scenario, settings: RunSettings, no_save: bool, out: Path | None, wanted: bool
) -> RunReport:
    """Run one scenario and save it; `wanted`: progress is shown as it is for people."""
    # Not by way of `api`, which imports what runs nothing: each of several processes would wait for it.
    from ..evals.monitors.stated import judge_stated
    from ..evals.reports.summary import RunReport
    from ..evals.runs.run import run_scenario

    with printing.run_progress(name, wanted) as (report, count):
        result = run_scenario(scenario, settings, report, count, judge_stated)
    return RunReport(name, result, None if no_save else result.save(out).folder)


def _data(report: RunReport, needs: list[SeedRequirement]) -> dict[str, Any]:
    """The data that `--json` gives for one run."""
    result = report.run
    return {
        "scenario": report.which,
        "verdict": result.verdict,
        "folder": None if report.folder is None else str(report.folder),
        "seeds": list(result.seeds),
        "trained": result.trained,
        "cached": result.cached,
        "steps": result.trained_steps,
        "needs": [vars(each) for each in needs],
        **({"focal": [each.to_dict() for each in result.focal]} if result.focal else {}),
        "expectations": [judgement.to_dict() for judgement in result.judgements],
    }


def _verdict(reports: Sequence[RunReport]) -> Verdict:
    """The verdict on the judgements of all runs together."""
    from ..evals.verdicts.expectation import verdict

    return verdict([judgement for report in reports for judgement in report.run.judgements])


def _exit_code(reports: Sequence[RunReport], inconclusive: Inconclusive | None) -> int:
    """The exit code of the verdict on all runs.

    It is 0 if this shard has no work, or if nothing is claimed of agents among others; for an inconclusive verdict,
    `--inconclusive` chooses it.
    """
    from ..evals.verdicts.expectation import EXIT_CODES

    if not reports:
        return 0
    whole = _verdict(reports)
    if whole == "nothing judged" and all(report.run.focal for report in reports):
        return 0  # what was asked for is what they earn
    if whole == "inconclusive" and inconclusive is not None:
        return 1 if inconclusive is Inconclusive.fail else 0
    return EXIT_CODES[whole]


def _shares(
    scenarios: Sequence[Scenario], settings: RunSettings, shard: str | None
) -> Sequence[tuple[WorkUnit, ...] | None]:
    """The work units to judge of each scenario; None means all of them.

    Raises:
        UsageError: `--shard` is not of the form I/N.
    """
    from ..evals.verdicts.work_units import Shard, shard_units

    if shard is None:
        return [None] * len(scenarios)
    try:
        part = Shard.parse(shard)
    except ValueError as fault:
        raise UsageError(f"--shard: {fault}") from None
    return shard_units([(scenario, settings.agents_for(scenario)) for scenario in scenarios], part)


def _requirements(scenario: Scenario, settings: RunSettings) -> list[SeedRequirement]:
    from ..evals.runs.run import seed_requirements

    try:
        return seed_requirements(scenario, settings)
    except ValueError as fault:
        raise UsageError(str(fault)) from None


@dataclass(frozen=True)
class _ReportFiles:
    """The report files that were asked for.

    Attributes:
        junit, jsonl, markdown: their paths; None: not asked for.
        inconclusive: as what an inconclusive verdict counts; shard: the part of the work, as it was given.
    """

    junit: Path | None
    jsonl: Path | None
    markdown: Path | None
    inconclusive: Inconclusive | None
    shard: str | None

    @property
    def paths(self) -> list[Path]:
        """Those that were asked for."""
        return [path for path in (self.junit, self.jsonl, self.markdown) if path is not None]

    def clear(self) -> None:
        """Remove what stands there of earlier runs, once it is known that they can be written."""
        from ..evals.reports.files import check_files, remove_old

        check_files(self.paths)
        remove_old(self.paths)

    def write(self, reports: Sequence[RunReport], broken: Sequence[BrokenScenario]) -> None:
        """Write the report files that were asked for, and what GitHub Actions shows if it runs there."""
        from ..evals.reports.files import write_whole
        from ..evals.reports.github import add_summary, annotation_lines
        from ..evals.reports.jsonl import jsonl
        from ..evals.reports.junit import junit
        from ..evals.reports.markdown import markdown

        if self.junit is not None:
            text = junit(reports, None if self.inconclusive is None else self.inconclusive.value, broken, self.shard)
            write_whole(self.junit, text)
        if self.jsonl is not None:
            write_whole(self.jsonl, jsonl(reports))
        if self.markdown is not None:
            write_whole(self.markdown, markdown(reports, broken, self.shard))
        if os.environ.get("GITHUB_ACTIONS") == "true" and (reports or broken):
            # On stderr, where GitHub reads them too: stdout may be one JSON document.
            sys.stderr.write("".join(f"{line}\n" for line in annotation_lines(reports, os.environ, broken)))
            if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
                add_summary(Path(summary), reports, broken, self.shard)

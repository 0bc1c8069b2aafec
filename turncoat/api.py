"""The public Python API: most functions take a scenario (a name in the library, a path, or a loaded one).

Their parameters have one order, which the environments of `envs.adapters` share: the scenario, what is asked of it (an
event, axes), its stage, `overrides` (dotted settings, as in a file's `with:`), and then how it is done.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .envs.analysis.event_explanation import EventExplanation, explain_event
from .envs.analysis.performance_gap import Analysis, analyse
from .envs.base import NotEnumerableError as NotEnumerableError
from .envs.bounds.anytime_bounds import BoundedRound
from .envs.life.event_plans import explain_event_of_life
from .evals.exact.solved_worlds import WHOLE_LIFE, SolvedWorlds, asked_stage
from .evals.measures.bounded_measure import StageBounds, stage_bounds
from .evals.measures.life_analysis import analyse_life
from .evals.mitigations.report import MitigationReport, MitigationSettings, mitigation_report
from .evals.monitors.report import MonitorReport, monitor_runs
from .evals.monitors.stated import judge_stated
from .evals.runs.compare import Comparison, RunSide, compare_runs, open_side
from .evals.runs.reproduce import Reproduction
from .evals.runs.reproduce import reproduce as reproduce_run
from .evals.runs.run import Report, Run, RunSettings, run_scenario
from .evals.runs.run_folder import StoredRun, load_run
from .evals.studies.control import ControlReport, ControlSettings, control_report
from .evals.studies.profile_exploitability import ProfileExploitability, profile_exploitability
from .evals.studies.protocols import ProtocolReport, ProtocolSettings, protocol_report
from .evals.studies.search import SearchResult, SearchSettings, search_scenario
from .evals.studies.sweep import identity, run_sweep
from .evals.studies.sweep_folder import Journal, load_sweep, same_sweep, save_sweep
from .evals.studies.sweep_points import SweepResult
from .evals.studies.sweep_settings import SweepAxis, SweepSettings, sweep_settings
from .evals.traces.atomic_folder import atomic_folder, check_target
from .evals.traces.provenance import RunError as RunError
from .evals.traces.trace import TraceError as TraceError
from .evals.training.execution.workers import Workers
from .evals.training.telemetry.early_stopping import Plateau
from .evals.training.trained_seeds import Count
from .evals.verdicts.pre_training_check import CheckResult, check_scenario
from .evals.verdicts.robustness import MeasureOver, measures_over
from .notebook import register
from .scenarios import library
from .scenarios.arguments import as_path, check_callable, check_kind, check_names, check_path, check_paths, shown
from .scenarios.errors import ArgumentError, check_name
from .scenarios.errors import TurncoatError as TurncoatError
from .scenarios.errors import UnknownNameError as UnknownNameError
from .scenarios.errors import UsageError as UsageError
from .scenarios.errors import WorldError as WorldError
from .scenarios.language import loading
from .scenarios.language.faults.faults import ScenarioError as ScenarioError
from .scenarios.language.loading import Scenario

if TYPE_CHECKING:  # Gymnasium and the compiler are imported when an environment is made
    from pettingzoo import AECEnv

    from .envs.adapters.gymnasium_env import TurncoatEnv
    from .envs.adapters.mo_gymnasium_env import MOTurncoatEnv
    from .envs.adapters.pettingzoo_env import TurncoatParallelEnv
    from .envs.adapters.spaces import Form
    from .envs.export.arrays import ModelArrays
    from .envs.export.formats import Exported
    from .envs.pareto.front import ParetoFront
    from .viz.report.page import Page, Shown

Which = Scenario | str | os.PathLike[str]
"""A loaded scenario, a name such as `treacherous_turn/lab`, or a path."""


def names() -> tuple[str, ...]:
    """The names of the scenarios in the library, as `family/name`, sorted."""
    return library.names()


def load(which: Which, overrides: Mapping[str, object] | None = None) -> Scenario:
    """Load and check a scenario.

    Args:
        which: see `Which`.
        overrides: dotted, as in a file's `with:` (`{"threshold": 2, "robot.discount": 0.5}`).

    Raises:
        ArgumentError: it is no scenario, name or path, or the overrides are no mapping.
        ScenarioError: the scenario is faulty; it has every fault that was found.
    """
    scenario = which if isinstance(which, Scenario) else loading.load(which)
    return loading.apply_overrides(scenario, overrides)


def make(
    which: Which,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    audit: bool = False,
    form: Form = "planes",
    render_mode: str | None = None,
) -> TurncoatEnv:
    """One stage of a scenario with one agent as a Gymnasium environment, unwrapped; see `TurncoatEnv`.

    Args:
        which: see `Which`.
        stage: the name of the stage; when None, the whole life if the file declares one (as `life` does), else `train`,
            or the first stage if there is no `train`.
        overrides: dotted, as for `load`.
        audit: include the hidden performance in `info`; not to be used for training.
        form: the form of observations: `planes`, `flat` or `image`.
        render_mode: None, `ansi` or `rgb_array`.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        UnknownNameError: no such stage, form or render mode.
        ValueError: the stage has several agents.
    """
    from .envs.adapters.gymnasium_env import TurncoatEnv

    return TurncoatEnv(which, stage, overrides, audit=audit, form=form, render_mode=render_mode)


def make_parallel(
    which: Which,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    enlist: Sequence[str] = (),
    audit: bool = False,
    form: Form = "planes",
    render_mode: str | None = None,
) -> TurncoatParallelEnv:
    """One stage of a scenario as a PettingZoo environment in which all agents choose simultaneously.

    `enlist` names things that act as agents too (`("guard",)`), which the file must allow by `as_agent`; all other
    parameters are those of `make`.

    Raises:
        ScenarioError: it cannot be loaded.
        UnknownNameError: no such stage, form or render mode, or no such thing that can be an agent.
    """
    from .envs.adapters.pettingzoo_env import parallel_env

    return parallel_env(which, stage, overrides, enlist=enlist, audit=audit, form=form, render_mode=render_mode)


def make_aec(
    which: Which,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    enlist: Sequence[str] = (),
    audit: bool = False,
    form: Form = "planes",
    render_mode: str | None = None,
) -> AECEnv[str, Any, int]:
    """The environment of `make_parallel` in PettingZoo's AEC form, in which agents choose one after another.

    No agent observes what the others have already chosen in the same tick.

    Raises:
        ScenarioError, UnknownNameError, ValueError: as `make_parallel`.
    """
    from .envs.adapters.pettingzoo_env import aec_env

    return aec_env(which, stage, overrides, enlist=enlist, audit=audit, form=form, render_mode=render_mode)


def check(which: Which, overrides: Mapping[str, object] | None = None, *, seconds: float | None = None) -> CheckResult:
    """Enumerate and solve a scenario's worlds, to prove or refute what the file says of them; see `CheckResult`.

    Args:
        which: see `Which`.
        overrides: dotted, as for `load`.
        seconds: how long enumerating a stage, or proving something of it, may take; a warning says what was left out.
            None: as long as it takes.

    Raises:
        ScenarioError: the scenario cannot be loaded.
    """
    return check_scenario(load(which, overrides), seconds)


def solve(which: Which, stage: str | None = None, overrides: Mapping[str, object] | None = None) -> Analysis:
    """The exact analysis of one stage; when None, of `deploy`, or of the last stage if there is no `deploy`.

    Where the file declares a life, its stages are told by their mean episode, and `life` is the whole of it.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        NotEnumerableError: the stage has too many states; the message names the fields that multiply them.
        UnknownNameError: no such stage.
    """
    solved = SolvedWorlds(load(which, overrides))
    name = stage or solved.scenario.judged_stage
    if solved.lives_in(name):
        return analyse_life(solved.life({}), name)
    return analyse(solved.plan({}, name))


def measure(
    which: Which,
    measures: Sequence[str],
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    over: Mapping[str, Sequence[float]] | None = None,
    report: Report | None = None,
) -> tuple[MeasureOver, ...]:
    """Measures of a stage's best plans, exactly; over an interval of one setting too, if it is given.

    Args:
        which: see `Which`.
        measures: as in an expectation (`share(disarmed)`, `cvar(0.1, performance)`).
        stage: as for `solve`.
        overrides: dotted, as for `load`.
        over: one dotted name -> the values that are tried.
        report: told the progress.

    Raises:
        ArgumentError: nothing is measured, or `over` has more than one name, or values that are no numbers.
        NotEnumerableError: the file as it is cannot be solved, or a measure has no exact value.
        ScenarioError: the scenario, a measure, or a value of the setting is wrong.
        UnknownNameError: no such stage.
    """
    check_callable("report", report)
    scenario = load(which, overrides)
    if over is not None and not (isinstance(over, Mapping) and len(over) == 1 and all(map(_listed, over.values()))):
        raise ArgumentError(f"`over` maps one dotted name to a list of values, not {shown(over)}")
    asked = None if over is None else next((name, tuple(values)) for name, values in over.items())
    return measures_over(scenario, measures, asked, stage, report or (lambda _: None))


def bound(
    which: Which,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    seconds: float = 60.0,
    report: Report | None = None,
) -> StageBounds:
    """Bound what the best plan of a stage is worth to its agent, in a world of any size, and what it comes to.

    Args:
        which: see `Which`.
        stage: when None, `deploy`, or the last stage if there is no `deploy`.
        overrides: dotted, as for `load`.
        seconds: after which no further round of the search begins.
        report: told the bounds of each round.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        NotEnumerableError: not one agent with fixed weights; a pay without a bound; a first tick with too many
            outcomes; or the stage is part of a life.
        UnknownNameError: no such stage.
    """
    check_callable("report", report)
    solved = SolvedWorlds(load(which, overrides))

    def told(its: BoundedRound) -> None:
        if report is not None:
            report(f"between {its.bounds.lower:g} and {its.bounds.upper:g} ({its.bounds.expanded:,} states)")

    return stage_bounds(solved, stage or solved.scenario.judged_stage, seconds, told)


def why(
    which: Which, event: str, stage: str | None = None, overrides: Mapping[str, object] | None = None
) -> EventExplanation:
    """Explain why the best plan for the agent causes an event or avoids it, whichever planner the agent has.

    Where the file declares a life, whole lives are compared. The event counts in all of a life's episodes when the
    stage is `life` or None, or in those of a stage that is part of it.

    Raises:
        ScenarioError, NotEnumerableError: as `solve`.
        UnknownNameError: no such event or stage.
    """
    solved = SolvedWorlds(load(which, overrides))
    name = stage or asked_stage(solved.scenario)
    if solved.lives_in(name):
        return explain_event_of_life(solved.life({}), event, name)
    return explain_event(solved.best_plan({}, name), event)


def exploit(
    which: Which,
    profile: Mapping[str, str],
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    iterate: int | None = None,
) -> ProfileExploitability:
    """How much each of several agents could gain by a best response to what the others do.

    Args:
        which: see `Which`.
        profile: agent -> its policy: an action, `random`, `if(CONDITION, POLICY, POLICY)`, or the path of a table that
            `run --save-policies` wrote. Agents that are left out act at random.
        stage: when None, `deploy`, or the last stage if there is no `deploy`.
        overrides: dotted, as for `load`.
        iterate: so many rounds in which each answers the others in its turn, where the end is not known; None: none.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        UnknownNameError: no such agent or stage.
        UsageError: one agent acts alone.
        PopulationError: it is no policy of its agent.
        NotEnumerableError: see `profile_exploitability`.
    """
    scenario = load(which, overrides)
    return profile_exploitability(scenario, profile, stage or scenario.judged_stage, iterate)


def arrays(which: Which, stage: str | None = None, overrides: Mapping[str, object] | None = None) -> ModelArrays:
    """One stage, or a whole life, as plain arrays: pairs of a state and an action, as other solvers take them.

    Args:
        which: see `Which`.
        stage: the name of the stage; when None, `deploy`, or the last if there is no `deploy`, or the whole `life`
            that it is part of.
        overrides: dotted, as for `load`.

    Raises:
        ScenarioError, NotEnumerableError, UnknownNameError: as `solve`; or the stage is part of a life.
    """
    from .envs.export.arrays import model_arrays

    solved = SolvedWorlds(load(which, overrides))
    return model_arrays(solved.stage_or_life(stage or asked_stage(solved.scenario)))


def export(
    which: Which,
    to: str,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    out: str | os.PathLike[str],
    discounted: bool = False,
) -> Exported:
    """Write one stage, or a whole life, as a model that other tools read, into a new folder: whole, or not at all.

    Args:
        which: see `Which`.
        to: the format: `umb`, `drn`, `prism`, `jani`, `dot` or `numpy`.
        stage: the name of the stage; when None, `deploy`, or the last if there is no `deploy`, or the whole `life`
            that it is part of.
        overrides: dotted, as for `load`.
        out: the folder, which must not exist.
        discounted: make the discount a part of the process, so that undiscounted expectations of the model are
            discounted ones of the world.

    Raises:
        ScenarioError, UnknownNameError: as `solve`; or there is no such format.
        NotEnumerableError: as `solve`; or what is solved for are equilibria, or a stage of a life, which the formats
            cannot say.
        RunError: the folder exists, or cannot be written.
        MissingPackageError: the format's package is not installed.
    """
    from .envs.export.formats import FORMATS, write_model

    check_path("`out` is a path", out)
    check_name("format", to, FORMATS)
    solved = SolvedWorlds(load(which, overrides))
    name = stage or asked_stage(solved.scenario)
    whole = (WHOLE_LIFE,) if solved.scenario.document.life else ()
    check_name("stage", name, (*solved.scenario.document.stages, *whole))
    if name != WHOLE_LIFE:
        solved.check_alone(name)
    check_target(Path(out))
    with atomic_folder(Path(out)) as folder:
        exported = write_model(solved.stage_or_life(name), to, folder, discounted)
    return replace(exported, folder=str(out))


def pareto(
    which: Which,
    objectives: Sequence[str] | None = None,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    discounted: bool | None = None,
) -> ParetoFront:
    """The exact convex coverage set of a stage over several objectives, and where the agent's own choice lies.

    Args:
        which: see `Which`.
        objectives: channels, and `performance` for the hidden one; when None, the visible channels.
        stage: the name of the stage; when None, `deploy`, or the last if there is no `deploy`, or the whole `life`
            that it is part of.
        overrides: dotted, as for `load`.
        discounted: whether discounted values count, or undiscounted returns over the stage's ticks; when None, values
            unless `performance` is an objective.

    Raises:
        ScenarioError, NotEnumerableError, UnknownNameError: as `solve`; or there is no such objective.
        UsageError: performance is to be discounted, or an objective is named twice.
    """
    from .envs.pareto.front import front_of_life, pareto_front

    check_names("objectives", objectives)
    solved = SolvedWorlds(load(which, overrides))
    name = stage or asked_stage(solved.scenario)
    if name == WHOLE_LIFE and solved.lives_in(name):
        return front_of_life(solved.life({}), solved.stage_or_life(name), objectives, discounted)
    return pareto_front(solved.plan({}, name), objectives, discounted)


def make_mo(
    which: Which,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    form: Form = "planes",
    render_mode: str | None = None,
) -> MOTurncoatEnv:
    """The environment of `make` with a reward for each visible channel, as MO-Gymnasium's algorithms expect.

    Hidden performance is no component, and there is no audit mode. All parameters are those of `make`.

    Raises:
        ScenarioError, UnknownNameError, ValueError: as `make`.
    """
    from .envs.adapters.mo_gymnasium_env import MOTurncoatEnv

    return MOTurncoatEnv(which, stage, overrides, form=form, render_mode=render_mode)


def events(which: Which, stage: str | None = None, overrides: Mapping[str, object] | None = None) -> tuple[str, ...]:
    """The events of a stage that `why` can explain, including the ends of an episode as `ended:REASON`.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        UnknownNameError: no such stage.
    """
    solved = SolvedWorlds(load(which, overrides))
    name = stage or solved.scenario.judged_stage
    return solved.world({}, solved.scenario.document.life[0].stage if name == WHOLE_LIFE else name).events


def run(
    which: Which,
    overrides: Mapping[str, object] | None = None,
    settings: RunSettings | None = None,
    report: Report | None = None,
    count: Count | None = None,
) -> Run:
    """Judge every expectation of a scenario, and every monitor that it states; `Run.save` writes the run's folder.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        ValueError, RunError, ClusterError: as `run_scenario`.
    """
    check_callable("report", report)
    check_callable("count", count)
    check_kind("settings", settings, RunSettings)
    scenario = load(which, overrides)
    return run_scenario(scenario, settings, report, count, judge_stated)


def control(
    which: Which,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    settings: ControlSettings | None = None,
    report: Report | None = None,
) -> ControlReport:
    """Separate capability failure, wrong goal and concealment, and compare task and harm at each oversight budget.

    Raises:
        ScenarioError: the scenario cannot be loaded, or something that the settings name does not exist.
        UnknownNameError: no such stage.
        MissingPerformanceError: the scenario has no hidden performance.
    """
    check_callable("report", report)
    check_kind("settings", settings, ControlSettings)
    return control_report(load(which, overrides), stage, settings, report)


def protocols(
    which: Which,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    settings: ProtocolSettings | None = None,
    report: Report | None = None,
) -> ProtocolReport:
    """The exact front of safety and usefulness of protocols of audits and hand-overs against the worst agent.

    Raises:
        ScenarioError: the scenario cannot be loaded, or something that the settings name does not exist.
        UnknownNameError: no such stage, or no such action of the trusted agent.
        MissingPerformanceError: the scenario has no hidden performance.
        UsageError: several agents act, or a run is of another scenario.
        NotEnumerableError: the world is too large.
        RunError, TraceError: a run cannot be opened.
    """
    check_callable("report", report)
    check_kind("settings", settings, ProtocolSettings)
    return protocol_report(load(which, overrides), stage, settings, report)


def mitigations(
    which: Which,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    settings: MitigationSettings | None = None,
    report: Report | None = None,
) -> MitigationReport:
    """Score mitigations alike: how often the agent still turns, what its task costs, what harm it does.

    Raises:
        ScenarioError: the scenario cannot be loaded, or something that the settings name does not exist.
        UnknownNameError: no such stage, event or channel.
        UsageError: nothing says what counts as turning, or several agents act.
        NotEnumerableError, ImproperDiscountError: the agent as it is cannot be solved for.
    """
    check_callable("report", report)
    check_kind("settings", settings, MitigationSettings)
    return mitigation_report(load(which, overrides), stage, settings, report)


def monitor(
    runs: Sequence[str | os.PathLike[str]],
    controls: Sequence[str | os.PathLike[str]],
    event: str,
    agent: str | None = None,
    stage: str | None = None,
    report: Report | None = None,
) -> MonitorReport:
    """Let monitors of behaviour, plans, imagination and values foretell an event in recorded runs; see `monitor_runs`.

    Args:
        runs: folders of runs, or their traces, in which the event happens.
        controls: those of agents that have no reason for it.
        event: its name, an end as `ended:REASON`.
        agent: whose trace of each folder; the plainest when None.
        stage: of which stage.
        report: told what is read.

    Raises:
        RunError, TraceError: a recording cannot be opened.
        UnknownNameError: no such event.
        UsageError: the recordings cannot tell how well a monitor does; the message says why.
    """
    check_callable("report", report)
    check_paths("runs", runs)
    check_paths("controls", controls)
    tell = report or (lambda _: None)
    return monitor_runs([Path(each) for each in runs], [Path(each) for each in controls], event, agent, stage, tell)


def search(
    which: Which,
    overrides: Mapping[str, object] | None = None,
    *,
    settings: SearchSettings,
    report: Report | None = None,
    count: Count | None = None,
) -> SearchResult:
    """Search the family that a scenario declares, and judge the candidates that were picked.

    An interrupted search continues from `settings.storage`.

    Raises:
        ScenarioError: the scenario cannot be loaded.
        SearchError: the scenario declares no search, or optuna is not installed.
    """
    check_callable("report", report)
    check_callable("count", count)
    check_kind("settings", settings, SearchSettings)
    return search_scenario(load(which, overrides), settings, report, count)


def compare(
    a: Run | StoredRun | str | os.PathLike[str],
    b: Run | StoredRun | str | os.PathLike[str],
    within: float | None = None,
) -> Comparison:
    """Compare two runs, or two agents, expectation by expectation: exact ranges, and learned values paired by seed.

    Args:
        a: a run, a stored run, its folder, or `FOLDER:AGENT` for one of its agents.
        b: the other one; differences are b minus a.
        within: the margin of equivalence: where the mean difference (of a share or rate, else the median one) is shown
            to be no more than this, either way, the values count as the same.

    Raises:
        RunError, TraceError: a folder is not that of a run, or its scenario has changed since.
        ValueError: the margin is negative.
    """
    # Only stored runs are compared, so a run in memory is written to a folder that lasts as long as the comparison.
    with TemporaryDirectory() as spare:
        one, other = (
            open_side(str(run)) if isinstance(run, str | os.PathLike) else RunSide(_stored(run, Path(spare) / name))
            for run, name in ((a, "a"), (b, "b"))
        )
        return compare_runs(one, other, within)


def reproduce(
    run: StoredRun | str,
    jobs: int = 1,
    trust: bool = False,
    report: Report | None = None,
    count: Count | None = None,
) -> Reproduction:
    """Repeat a stored run from what its folder keeps: the same files, agents, seeds and steps, without a cache.

    Args:
        run: a stored run, or its folder.
        jobs: the number of trainings at a time.
        trust: whether agents that the run's manifest names may be imported or opened, which can run any code.
        report: told each step of the way.
        count: told how many seeds are trained.

    Raises:
        UntrustedCodeError: it had agents of the user's own, and is not trusted.
        RunError: it is not a run, does not keep what is needed, or its files have changed since.
    """
    check_callable("report", report)
    check_callable("count", count)
    # The spare folder is never used: a run that is stored already is not written again.
    return reproduce_run(_stored(run, Path()), Workers(jobs), trust, report, count, judge_stated)


def report(*shown: Run | StoredRun | SweepResult | str | os.PathLike[str]) -> Page:
    """One HTML page on runs and sweeps, with a player for recorded episodes; `Page.save` writes it to a file.

    Args:
        shown: results of `run` or `sweep`, or folders of either.

    Raises:
        RunError: a folder is not that of a run, or its scenario has changed since.
    """
    from .viz.report.page import Page, report_html

    with TemporaryDirectory() as spare:
        opened = [
            each if isinstance(each, SweepResult)
            else _stored(each, Path(spare) / str(number)) if isinstance(each, Run | StoredRun)
            else _opened(each)
            for number, each in enumerate(shown)
        ]  # fmt: skip
        # Within the block: the page is made from the stored traces, which are gone after it.
        return Page(report_html(opened))


def watch(which: Which, overrides: Mapping[str, object] | None = None) -> Page:
    """A scenario as one page to watch, to play and to change it in, as the site has it; a notebook shows it in a frame.

    It works from disk and needs no server; `Page.save` writes it to a file. What is worked out for it takes seconds, of
    large worlds minutes.

    Args:
        which: see `Which`.
        overrides: dotted, as for `load`.

    Raises:
        ScenarioError: the scenario cannot be loaded.
    """
    from .viz.report.page import Page
    from .viz.site.pages import scenario_html
    from .viz.site.scenario_data import scenario_page

    scenario = load(which, overrides)
    name = str(which) if isinstance(which, str) and which in library.names() else scenario.name
    return Page(scenario_html(scenario_page(scenario, name, lambda _: None), docs=False, alone=True))


def _opened(folder: str | os.PathLike[str]) -> Shown:
    from .viz.report.page import open_shown

    check_path("what is reported on is a run or a sweep, or its folder", folder)
    return open_shown(Path(folder))


def _stored(run: Run | StoredRun | str | os.PathLike[str], spare: Path) -> StoredRun:
    """A run as a stored one; `spare` is the folder to write it to if it is only in memory."""
    if isinstance(run, Run):
        return replace(run.save(spare), kept=False)
    if isinstance(run, StoredRun):
        return run
    check_path("a run is one of `run`, or its folder", run)
    return load_run(Path(run))


def sweep(
    which: Which,
    axes: Mapping[str, Sequence[object]] | None = None,
    stage: str | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    measures: Sequence[str] | None = None,
    regimes: Mapping[str, str] | None = None,
    agents: Sequence[str] = ("exact",),
    seeds: int | None = None,
    steps: int | None = None,
    every: int = 1,
    jobs: int = 1,
    out: str | os.PathLike[str] | None = None,
    report: Report | None = None,
    device: str = "cpu",
    plateau: Plateau | None = None,
    tensorboard: str | os.PathLike[str] | None = None,
    first_seed: int | None = None,
) -> SweepResult:
    """Evaluate measures of a scenario at every point of a grid, and the regime that each point lies in.

    Args:
        which: see `Which`.
        axes: dotted name -> values, in order. When None, the file's `sweep:` says it, as for `measures` and `regimes`.
        stage: the stage to measure in; when neither this nor the file names one, `deploy`, or else the last.
        overrides: dotted settings that all points share, as for `load`.
        measures: as in an expectation (`share(disarmed)`).
        regimes: name -> condition on measures (`share(disarmed) >= 1`); the first that holds names a point.
        agents: `exact`, and learning agents, which are trained at every `every`-th value of each axis of numbers.
        seeds: the number of trained seeds at each learned point.
        steps: environment steps of each training.
        every: see `agents`.
        jobs: the number of processes at a time.
        out: the folder for the table and the picture, in which an interrupted sweep continues. When None, nothing is
            written.
        report: told the progress.
        device: the device of neural networks, as in `RunSettings`.
        plateau: when a training ends early, or None.
        tensorboard: the folder for training curves, or None.
        first_seed: the number of the first trained seed; when None, what the file says, or else 0.

    Raises:
        DeviceUnavailableError, TensorBoardError: the device or TensorBoard is asked for and not available.
        ScenarioError: the scenario, an axis, a measure or a condition is wrong.
        UnknownNameError: no such stage.
        SweepError: there are no axes, nothing is measured, or there are too many points.
        RunError: the folder exists and holds something else, or cannot be written.
    """
    check_callable("report", report)
    scenario = load(which, overrides)
    if not (axes is None or (isinstance(axes, Mapping) and all(_listed(values) for values in axes.values()))):
        raise ArgumentError(f"`axes` maps dotted names to lists of values, not {shown(axes)}")
    given = None if axes is None else [SweepAxis(name, tuple(values)) for name, values in axes.items()]
    settings = sweep_settings(
        scenario, given, stage, measures, regimes, agents, seeds, steps, every, device, plateau, first_seed
    )
    curves = None if tensorboard is None else as_path("`tensorboard` is a path", tensorboard)
    if out is None:
        return run_sweep(scenario, settings, jobs, report, tensorboard=curves)
    return sweep_into(as_path("`out` is a path", out), scenario, settings, jobs, report, curves)


def _listed(values: object) -> bool:
    """Whether the values of an axis are a collection, and no text, which is one of letters."""
    return isinstance(values, Iterable) and not isinstance(values, str | bytes)


def sweep_into(
    folder: Path,
    scenario: Scenario,
    settings: SweepSettings,
    jobs: int = 1,
    report: Report | None = None,
    tensorboard: Path | None = None,
) -> SweepResult:
    """Run a sweep and write its table and picture to a folder; if the folder has this sweep already, it is read.

    Raises:
        RunError: the folder exists and holds something else, or cannot be written.
    """
    from .viz.pictures.contour_diagram import contours_if_any
    from .viz.pictures.phase_diagram import diagram_if_any

    # A finished folder and a journal of an unfinished sweep are reused only if they have the same identity.
    its = identity(scenario, settings)
    if same_sweep(folder, its):
        return load_sweep(folder)
    check_target(folder)
    journal = Journal(folder, its)
    result = run_sweep(scenario, settings, jobs, report, journal, tensorboard)
    save_sweep(result, folder, its, diagram_if_any(result), sys.argv, contours_if_any(result))
    journal.drop()  # last, so that a kill before this loses no point that was computed
    return result


def as_data(result: Any) -> Any:
    """A result as plain data, ready for JSON."""
    return asdict(result)


register(report)

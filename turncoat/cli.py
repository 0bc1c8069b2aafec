"""The command line. With `--json`, stdout holds one JSON document and nothing else, also when something is wrong.

The exit codes are those of `endings`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from . import __version__, printing
from .endings import BROKEN_PIPE, FAULT, INTERRUPTED, UsageFault, failed

if TYPE_CHECKING:
    from .evals.expectations import Judgement
    from .scenarios.language.loading import Scenario

app = typer.Typer(
    name="turncoat",
    help="Build, solve, train and judge small worlds in which an agent may go wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Which = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A name such as treacherous_turn/lab, or a path to a scenario file.")
]
Many = Annotated[list[str], typer.Argument(metavar="SCENARIO", help="Names or paths of scenarios.")]
Params = Annotated[list[str], typer.Option("--param", metavar="NAME=VALUE", help="Set a param.")]
Sets = Annotated[list[str], typer.Option("--set", metavar="DOTTED=VALUE", help="Override, as in `with:` of a file.")]
StageName = Annotated[str | None, typer.Option("--stage", help="The stage; `deploy`, or else the last, by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


# ------------------------------------------------------------------ commands


@app.callback(invoke_without_command=True)
def turncoat(
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False,
) -> None:
    """Build, solve, train and judge small worlds in which an agent may go wrong."""
    if version:
        sys.stdout.write(f"turncoat {__version__}\n")
        raise typer.Exit


@app.command("list")
def list_scenarios(as_json: AsJson = False) -> None:
    """List the scenarios of the library."""
    from . import api

    rows = [_listed(name) for name in api.names()]
    if as_json:
        _write_json([dict(zip(("name", "origin", "title"), row, strict=True)) for row in rows])
    else:
        printing.print_list(rows)


@app.command()
def show(which: Which, param: Params = [], set_: Sets = [], stage: StageName = None, as_json: AsJson = False) -> None:
    """Show a scenario: its story and claim, its board, its agents, what pays and its params."""
    scenario = _load(which, param, set_)
    name = _stage(scenario, stage)
    if as_json:
        content = scenario.document.model_dump(mode="json", by_alias=True, exclude_unset=True)
        _write_json({"hash": scenario.hash, "file": scenario.file, "params": dict(scenario.params), "content": content})
    else:
        printing.print_scenario(scenario, name)


@app.command()
def check(which: Many, param: Params = [], set_: Sets = [], as_json: AsJson = False) -> None:
    """Check scenarios: shape, names, types, and what only a search of the world can find."""
    from . import api
    from .scenarios.language.faults import ScenarioError

    wrong, data = False, []
    for name in which:
        try:
            scenario = _load(name, param, set_)
            with printing.progress(not as_json) as report:
                if report is not None:
                    report(f"searching {name}")
                meaning = api.check(scenario)
        except ScenarioError as error:
            wrong = True
            data.append({"scenario": name, "ok": False, "faults": [printing.fault_data(f) for f in error.faults]})
            if not as_json:
                printing.print_faults(error.faults, error.lines, printing.out())
            continue
        faults = (*scenario.warnings, *meaning.faults)
        bad = any(not fault.warning for fault in faults)
        wrong = wrong or bad
        found = {**api.as_data(meaning), "faults": [printing.fault_data(fault) for fault in faults]}
        data.append({"scenario": name, "ok": not bad, **found})
        if not as_json:
            printing.print_meaning(name, scenario, meaning)
    if as_json:
        _write_json(data)
    raise typer.Exit(FAULT if wrong else 0)


@app.command()
def solve(which: Which, param: Params = [], set_: Sets = [], stage: StageName = None, as_json: AsJson = False) -> None:
    """Solve a stage exactly: what the agent's best plan is worth to it and to the designers, and the gap."""
    from . import api

    scenario = _load(which, param, set_)
    analysis = api.solve(scenario, _stage(scenario, stage))
    if as_json:
        _write_json(_analysis_data(api.as_data(analysis)))
    else:
        printing.print_analysis(analysis)


@app.command()
def why(
    which: Which,
    event: Annotated[str, typer.Option("--event", help="An event, or ended:REASON.")],
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    as_json: AsJson = False,
) -> None:
    """Say why the agent brings an event about, or does not: the best plans with and without, and what would flip it."""
    from . import api
    from .evals.flipping import nearest_flips

    scenario = _load(which, param, set_)
    name = _stage(scenario, stage)
    _known("event", event, api.events(scenario, name))
    with printing.progress(not as_json) as report:
        answer = api.why(scenario, event, name)
        flips = nearest_flips(scenario, event, name, report)
    if as_json:
        _write_json({**api.as_data(answer), "flips": [api.as_data(flip) for flip in flips]})
    else:
        printing.print_why(answer, flips)


@app.command()
def run(
    which: Many,
    param: Params = [],
    set_: Sets = [],
    agent: Annotated[list[str], typer.Option("--agent", help="Run these agents instead of the file's.")] = [],
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Trained seeds for each learning agent.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Environment steps of training.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Trainings at a time; all cores by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; ./runs/TIME-NAME-HASH by default.")
    ] = None,
    no_save: Annotated[bool, typer.Option("--no-save", help="Write no folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run scenarios: solve, train, judge every expectation, and write a folder with traces and the verdict."""
    from . import api
    from .evals.expectations import EXIT_CODES, verdict
    from .evals.rundir import check_target
    from .evals.running import Settings
    from .evals.training import METHODS

    for name in agent:
        _known("agent", name, ("exact", *METHODS))
    if out is not None and len(which) > 1:
        raise UsageFault("--out names the folder of one run; give one scenario, or leave it out")
    if out is not None and not no_save:
        check_target(out)
    settings = Settings(tuple(agent) or None, seeds, steps, jobs=jobs or os.cpu_count() or 1)
    data = []
    judgements: list[Judgement] = []
    for name, scenario in [(name, _load(name, param, set_)) for name in which]:
        with printing.progress(not as_json) as report:
            result = api.run(scenario, settings=settings, report=report)
        folder = None if no_save else result.save(out).folder
        judgements += result.judgements
        data.append(
            {
                "scenario": name,
                "verdict": result.verdict,
                "folder": None if folder is None else str(folder),
                "seeds": list(result.seeds),
                "expectations": [judgement.to_dict() for judgement in result.judgements],
            }
        )
        if not as_json:
            printing.print_run(name, result, folder)
    if as_json:
        _write_json(data[0] if len(data) == 1 else {"verdict": verdict(judgements), "runs": data})
    raise typer.Exit(EXIT_CODES[verdict(judgements)])


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files (draft-07), for editors."""
    from .scenarios.language.json_schema import json_schema

    _write_json(json_schema())


@app.command()
def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A fault code such as TC401.")], as_json: AsJson = False
) -> None:
    """Explain a fault code."""
    from .scenarios.language.catalogue import CATALOGUE
    from .scenarios.language.faults import explain as paragraph

    text = paragraph(code)
    if code.strip().upper() not in CATALOGUE:
        raise UsageFault(text)
    if as_json:
        _write_json({"code": code.strip().upper(), "explanation": CATALOGUE[code.strip().upper()]})
    else:
        printing.say(escape(text))


# ------------------------------------------------------------------ what is written


def _write_json(data: Any) -> None:
    sys.stdout.write(printing.document(data))


def _listed(name: str) -> tuple[str, str, str]:
    """One that cannot be loaded (a plugin's) hides none of the others."""
    from . import api
    from .scenarios.language.faults import ScenarioError

    try:
        document = api.load(name).document
    except ScenarioError:
        return name, "", f"cannot be loaded: `turncoat check {name}` says why"
    return name, document.origin, document.title


def _analysis_data(analysis: dict[str, Any]) -> dict[str, Any]:
    """The names that `--json` promises: `return` is a word of Python's, so the result itself says `total`."""
    plans = {
        plan: worth and {**{k: v for k, v in worth.items() if k != "total"}, "return": worth["total"]}
        for plan, worth in ((plan, analysis[plan]) for plan in ("agent", "performance_best"))
    }
    return {**analysis, **plans}


# ------------------------------------------------------------------ what is read


def _load(which: str, params: Iterable[str], sets: Iterable[str]) -> Scenario:
    """A scenario with `--param a=2 --set robot.discount=0.5` as its dotted overrides."""
    from . import api

    overrides: dict[str, object] = {}
    for text in (*params, *sets):
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageFault(f"`{text}` is not of the form NAME=VALUE")
        overrides[name.strip()] = _value(value.strip())
    return api.load(which, overrides)


def _value(text: str) -> object:
    """A number, true or false, a list, or else a word."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | list) else text


def _stage(scenario: Scenario, name: str | None) -> str:
    """The stage that was asked for, or else the one that expectations speak of."""
    from .evals.laboratory import Laboratory

    if name is None:
        return Laboratory(scenario).stage
    _known("stage", name, scenario.document.stages)
    return name


def _known(kind: str, name: str, there_are: Iterable[str]) -> None:
    from .scenarios.language.faults import nearest, quote

    known = list(there_are)
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean `{near}`? " if near else ""
        raise UsageFault(f"there is no {kind} {quote(name)}; {hint}there are {', '.join(known) or 'none'}")


# ------------------------------------------------------------------ the door


def main() -> None:
    """Run the command line; every ending has its exit code, and no input makes a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character gets its number
    code = _ended()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = BROKEN_PIPE
    if code == BROKEN_PIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it closes the pipe
    raise SystemExit(code)


def _ended() -> int:
    """The exit code of the command."""
    try:
        code = int(app(standalone_mode=False, prog_name="turncoat") or 0)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except (SystemExit, BrokenPipeError):  # nobody reads on (`| head`): click and rich end the program so
        return BROKEN_PIPE
    except Exception as fault:
        return failed(fault, "--json" in sys.argv[1:])
    if code == INTERRUPTED:
        printing.err().print("interrupted")
    return code

"""The command line. Output for people goes through rich; with `--json`, stdout holds one JSON document and nothing else.

Exit codes: 0 pass, 1 an expectation failed, 2 usage or scenario fault, 3 crash, 4 inconclusive.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from . import __version__

PASS, FAILED, FAULT, CRASH, INCONCLUSIVE = 0, 1, 2, 3, 4
EXITS = {"pass": PASS, "fail": FAILED, "inconclusive": INCONCLUSIVE}
COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow", "not applicable": "dim"}

app = typer.Typer(
    name="turncoat",
    help="Build, solve, train and judge small worlds in which an agent may go wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
WIDE = 140
"""Columns of a table where the output is not a terminal."""
out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False)

Which = Annotated[str, typer.Argument(help="A name such as treacherous_turn/lab, or a path to a scenario file.")]
Many = Annotated[list[str], typer.Argument(help="Names or paths of scenarios.")]
Params = Annotated[list[str], typer.Option("--param", metavar="NAME=VALUE", help="Set a param.")]
Sets = Annotated[list[str], typer.Option("--set", metavar="DOTTED=VALUE", help="Override, as in `with:` of a file.")]
StageName = Annotated[str | None, typer.Option("--stage", help="The stage; `deploy`, or else the last, by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


class UsageFault(Exception):
    """The command line asks for something that there is not."""


# ------------------------------------------------------------------ commands


@app.command("list")
def list_scenarios(as_json: AsJson = False) -> None:
    """List the scenarios of the library."""
    from . import api

    rows = [(name, api.load(name)) for name in api.names()]
    if as_json:
        _print_json([{"name": n, "title": s.document.title, "origin": s.document.origin} for n, s in rows])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "origin", "title"):
        table.add_column(heading)
    for name, scenario in rows:
        table.add_row(name, scenario.document.origin, escape(scenario.document.title))
    out.print(table)


@app.command()
def show(which: Which, param: Params = [], set_: Sets = [], stage: StageName = None, as_json: AsJson = False) -> None:  # noqa: B006
    """Show a scenario: its story and claim, its board, its agents and what it expects."""
    from . import api
    from .envs.chance import Given
    from .envs.compiling import compile_world
    from .envs.reference import reset
    from .evals.laboratory import Laboratory
    from .viz.board import describe, glyphs, text_board

    scenario = api.load(which, _overrides(param, set_))
    document = scenario.document
    if as_json:
        _print_json({"hash": scenario.hash, **document.model_dump(by_alias=True, exclude_unset=True)})
        return
    out.print(f"[bold]{escape(document.title)}[/bold]  ({escape(document.name)}, origin {document.origin})\n")
    out.print(escape(document.claim.strip()), soft_wrap=False)
    for name, text in document.about.model_dump(exclude_none=True).items():
        out.print(f"\n[bold]{name}[/bold]  {escape(text.strip())}")
    world = compile_world(scenario, stage or Laboratory(scenario).stage)
    state = reset(world, Given({})).states[0]
    out.print(f"\n[bold]stage {world.stage}[/bold]", end="\n\n")
    out.print(escape(text_board(world, state, glyphs(document))))
    for line in describe(world, state):
        out.print(f"  {escape(line)}")
    for name, agent in document.agents.items():
        actions = ", ".join(a if isinstance(a, str) else a.name for a in agent.actions)
        values = ", ".join(f"{channel} {value.weight}" for channel, value in agent.values.items())
        out.print(f"\n[bold]{name}[/bold]  actions {actions}; values {values or 'none'}; discount {agent.discount}")
    for name, parameter in document.params.items():
        out.print(f"[bold]{name}[/bold]  {scenario.params[name]}  {escape(parameter.about or '')}")


@app.command()
def check(which: Many, param: Params = [], set_: Sets = [], as_json: AsJson = False) -> None:  # noqa: B006
    """Check scenarios: shape, names, types, and what only a search of the world can find."""
    from . import api
    from .scenarios.language.faults import ScenarioError, render_all

    wrong, data = False, []
    for name in which:
        try:
            scenario = api.load(name, _overrides(param, set_))
            meaning = api.check(scenario)
        except ScenarioError as fault:
            wrong = True
            data.append({"scenario": name, "ok": False, "faults": [_fault_data(f) for f in fault.faults]})
            if not as_json:
                out.print(escape(render_all(fault)), soft_wrap=True)
            continue
        faults = (*scenario.warnings, *meaning.faults)
        bad = any(not fault.warning for fault in faults)
        wrong = wrong or bad
        data.append({"scenario": name, "ok": not bad, "faults": [_fault_data(f) for f in faults], **_meaning_data(meaning)})
        if not as_json:
            _print_meaning(name, scenario, meaning)
    if as_json:
        _print_json(data)
    raise typer.Exit(FAULT if wrong else PASS)


@app.command()
def solve(which: Which, param: Params = [], set_: Sets = [], stage: StageName = None, as_json: AsJson = False) -> None:  # noqa: B006
    """Solve a stage exactly: what the agent's best plan is worth to it and to the designers, and the gap."""
    from . import api

    analysis = api.solve(which, stage, _overrides(param, set_))
    data = api.as_data(analysis)
    if as_json:
        agent, best = data.pop("agent"), data.pop("performance_best")
        _print_json({**data, "agent": _outcome_data(agent), "performance_best": best and _outcome_data(best)})
        return
    time = "known to the agent" if analysis.horizon else "not known to the agent"
    out.print(
        f"[bold]{analysis.scenario}[/bold], stage {analysis.stage}: {analysis.states:,} states, {analysis.actions} actions, "
        f"{analysis.outcomes:,} outcomes; {analysis.steps} ticks ({time}), discount {analysis.discount:g}"
    )
    if analysis.upper_bound:
        out.print("[yellow]views are partial and beliefs too many: this is the fully observed optimum, an upper bound[/yellow]")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("best plan for", "value", *(f"return of {c}" for c in analysis.channels), "performance"):
        table.add_column(heading, justify="left" if heading == "best plan for" else "right")
    for who, outcome in (("the agent", analysis.agent), ("the designers", analysis.performance_best)):
        if outcome is not None:
            returns = [_range(outcome.returns[channel]) for channel in analysis.channels]
            table.add_row(who, _range(outcome.value), *returns, _range(outcome.performance))
    out.print(table)
    if analysis.gap is not None:
        out.print(f"the agent's choice costs the designers {_range(analysis.gap)} of performance")


@app.command()
def why(
    which: Which,
    event: Annotated[str, typer.Option("--event", help="An event, or ended:REASON.")],
    param: Params = [],  # noqa: B006
    set_: Sets = [],  # noqa: B006
    stage: StageName = None,
    as_json: AsJson = False,
) -> None:
    """Say why the agent brings an event about, or does not: the best plan with it and without, and what would flip it."""
    from . import api
    from .evals.flipping import nearest_flips

    scenario = api.load(which, _overrides(param, set_))
    answer = api.why(scenario, event, stage)
    flips = nearest_flips(scenario, event, stage, report=None if as_json else _progress)
    if as_json:
        _print_json({**api.as_data(answer), "flips": [api.as_data(flip) for flip in flips]})
        return
    out.print(f"[bold]{escape(event)}[/bold]: the agent's best plan {'brings it about' if answer.does else 'leaves it out'}")
    for label, way in (("with it", answer.with_event), ("without it", answer.without_event)):
        if way is None:
            out.print(f"  {label}: there is no such plan")
            continue
        values = ", ".join(f"{channel} {value:.4g}" for channel, value in way.values.items())
        first = f"; first at tick {way.tick}" if way.tick is not None else ""
        out.print(f"  {label}: value {way.value:.5g} ({values}){first}")
        out.print(f"    {escape(_run_lengths(way.actions[:60]))}{' ...' if len(way.actions) > 60 else ''}")
    if answer.gap is not None:
        parts = ", ".join(f"{channel} {gap:+.4g}" for channel, gap in answer.gap_by_channel.items())
        out.print(f"  gap: {answer.gap:+.4g} ({parts})")
    if answer.inducement is not None:
        amount = abs(answer.inducement)
        out.print(f"  a one-time {'fine' if answer.inducement < 0 else 'reward'} of {amount:.4g} for it would flip it")
    for flip in flips:
        found = "no value tried flips it" if flip.flipped is None else f"{flip.flipped:.5g}"
        out.print(f"  {escape(flip.name)}: {flip.present:g} -> {found}")


@app.command()
def run(
    which: Many,
    param: Params = [],  # noqa: B006
    set_: Sets = [],  # noqa: B006
    agent: Annotated[list[str], typer.Option("--agent", help="Run these agents instead of the file's.")] = [],  # noqa: B006
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Trained seeds for each learning agent.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Environment steps of training.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Trainings at a time; all cores by default.")] = None,
    out_: Annotated[Path | None, typer.Option("--out", help="The run's folder; ./runs/TIME-NAME-HASH by default.")] = None,
    no_save: Annotated[bool, typer.Option("--no-save", help="Write no folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run scenarios: solve, train, judge every expectation, and write a folder with traces and the verdict."""
    from . import api
    from .evals.running import Settings

    _known_agents(agent)
    settings = Settings(tuple(agent) or None, seeds, steps, jobs=jobs or os.cpu_count() or 1)
    if out_ is not None and len(which) > 1:
        raise UsageFault("--out names the folder of one run; give one scenario, or leave it out")
    data, verdicts = [], []
    for name in which:
        result = api.run(name, _overrides(param, set_), settings, None if as_json else _progress)
        folder = None if no_save else result.save(out_).folder
        verdicts.append(result.verdict)
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
            _print_run(name, result, folder)
    if as_json:
        _print_json(data[0] if len(data) == 1 else {"verdict": _worst(verdicts), "runs": data})
    raise typer.Exit(EXITS[_worst(verdicts)])


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files (draft-07), for editors."""
    from .scenarios.language.json_schema import json_schema

    _print_json(json_schema())


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="A fault code such as TC401.")], as_json: AsJson = False
) -> None:
    """Explain a fault code."""
    from .scenarios.language.faults import explain as paragraph

    text = paragraph(code)
    if as_json:
        _print_json({"code": code.upper(), "explanation": text})
    else:
        out.print(escape(text))


# ------------------------------------------------------------------ what is printed


def _print_json(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def _range(bounds: Any) -> str:
    if bounds is None:
        return "-"
    low, high = f"{bounds.low:.5g}", f"{bounds.high:.5g}"
    return low if low == high else f"{low} to {high}"


def _outcome_data(outcome: dict[str, Any]) -> dict[str, Any]:
    """The names that `--json` promises: value, return, performance."""
    return {
        "value": outcome["value"],
        "values": outcome["values"],
        "return": outcome["total"],
        "returns": outcome["returns"],
        "performance": outcome["performance"],
    }


def _fault_data(fault: Any) -> dict[str, Any]:
    place = fault.place
    where = {} if place is None else {"file": place.file, "line": place.line, "column": place.column}
    return {"code": fault.code, **where, "message": fault.message, "cure": fault.cure, "warning": fault.warning}


def _meaning_data(meaning: Any) -> dict[str, Any]:
    from . import api

    data = api.as_data(meaning)
    data.pop("faults")
    return dict(data)


def _print_meaning(name: str, scenario: Any, meaning: Any) -> None:
    from .scenarios.language.faults import render

    faults = (*scenario.warnings, *meaning.faults)
    for fault in faults:
        lines = scenario.source.lines.get(fault.place.file, ()) if fault.place is not None else ()
        out.print(escape(render(fault, lines)), soft_wrap=True)
    states = ", ".join(f"{stage} {'not enumerable' if n is None else f'{n:,}'}" for stage, n in meaning.states.items())
    out.print(f"[bold]{escape(name)}[/bold]: states {states}")
    origin = meaning.origin
    if origin is not None:
        says = {True: "proved", False: "refuted", None: "unproved"}[origin.agrees]
        out.print(f"  origin {origin.stated}: {says}, {escape(origin.why)}")
        if origin.witness is not None:
            pays = ", ".join(f"{channel} {pay:g}" for channel, pay in origin.witness.rewards.items())
            way = _run_lengths(origin.witness.actions)
            out.print(f"    witness: {escape(way)} pays {pays}, performance {origin.witness.performance:g}")
    if meaning.analysis is not None:
        agent, best = meaning.analysis.agent, meaning.analysis.performance_best
        out.print(f"  the agent's best plan: value {_range(agent.value)}, performance {_range(agent.performance)}")
        if best is not None:
            out.print(f"  the designers' best plan: performance {_range(best.performance)}; gap {_range(meaning.analysis.gap)}")
    replays = f", {meaning.replays} replays as recorded" if meaning.replays else ""
    out.print(f"  a bare run makes {meaning.solves} solves and {meaning.trainings} trainings{replays}")
    errors = sum(not fault.warning for fault in faults)
    out.print("  [green]ok[/green]" if errors == 0 else f"  [red]{errors} faults[/red]")


def _print_run(name: str, result: Any, folder: Path | None) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for heading in ("", "expectation", "agent", "value", "bound"):
        table.add_column(heading, overflow="fold")
    for judgement in result.judgements:
        colour = COLOURS[judgement.outcome]
        value = "" if judgement.value is None else f"{judgement.value:.5g}"
        table.add_row(
            f"[{colour}]{judgement.outcome}[/{colour}]", escape(judgement.name), judgement.agent, value, judgement.bound
        )
    out.print(table)
    for judgement in result.judgements:
        if judgement.outcome != "pass":
            place = f"{judgement.file}:{judgement.line}"
            out.print(f"{judgement.outcome}: {escape(judgement.name)}: {escape(judgement.why)} ({escape(place)})", soft_wrap=True)
    colour = COLOURS[result.verdict]
    out.print(f"[bold]{escape(name)}: [{colour}]{result.verdict}[/{colour}][/bold]")
    if folder is not None:
        out.print(f"written to {escape(str(folder))}", soft_wrap=True)


def _run_lengths(actions: tuple[str, ...]) -> str:
    """`down x3, right, ...`."""
    parts: list[list[Any]] = []
    for action in actions:
        if parts and parts[-1][0] == action:
            parts[-1][1] += 1
        else:
            parts.append([action, 1])
    return ", ".join(name if count == 1 else f"{name} x{count}" for name, count in parts)


def _progress(text: str) -> None:
    if err.is_terminal:
        err.print(f"[dim]{escape(text)}[/dim]")


# ------------------------------------------------------------------ what is read


def _overrides(params: list[str], sets: list[str]) -> dict[str, object]:
    """`--param a=2 --set robot.discount=0.5` as dotted overrides."""
    overrides: dict[str, object] = {}
    for text in (*params, *sets):
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageFault(f"`{text}` is not of the form NAME=VALUE")
        overrides[name.strip()] = _value(value.strip())
    return overrides


def _value(text: str) -> object:
    """A number, true or false, a list, or else a word."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float | list) else text


def _known_agents(agents: list[str]) -> None:
    from .evals.training import METHODS

    for agent in agents:
        if agent not in ("exact", *METHODS):
            raise UsageFault(f"there is no agent `{agent}`; there are exact, {', '.join(METHODS)}")


def _worst(verdicts: list[str]) -> str:
    return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"


# ------------------------------------------------------------------ the door


def main() -> None:
    """Run the command line; every ending has its exit code, and no input makes a traceback."""
    try:
        app(standalone_mode=False)
    except typer.Exit as ending:
        code = ending.exit_code
    except Exception as fault:
        code = _failed(fault)
    except KeyboardInterrupt:
        err.print("interrupted; nothing was written")
        code = 130
    else:
        code = PASS
    sys.stdout.flush()
    raise SystemExit(code)


def _failed(fault: Exception) -> int:
    """Say what went wrong; faults of the user's are 2, Turncoat's own are 3."""
    import click

    from .envs.base import NotEnumerable
    from .envs.layouts import Unplaceable
    from .envs.solving import ImproperDiscount, NoFixedPoint, Unavoidable
    from .envs.world import TooLarge
    from .evals.rundir import RunError
    from .scenarios.language.faults import ScenarioError, render_all

    if isinstance(fault, click.ClickException):
        fault.show()
        return FAULT
    if isinstance(fault, click.exceptions.Abort):
        return FAULT
    if isinstance(fault, ScenarioError):
        err.print(escape(render_all(fault)), soft_wrap=True)
        return FAULT
    known = (UsageFault, KeyError, NotEnumerable, Unplaceable, ImproperDiscount, NoFixedPoint, Unavoidable, TooLarge, RunError)
    if isinstance(fault, known):
        err.print(f"turncoat: {escape(str(fault).strip(chr(34)))}", soft_wrap=True)
        return FAULT
    err.print(f"turncoat {__version__} crashed: {type(fault).__name__}: {escape(str(fault))}", soft_wrap=True)
    if os.environ.get("TURNCOAT_TRACEBACK"):
        err.print(escape("".join(traceback.format_exception(fault))), soft_wrap=True)
    else:
        err.print("set TURNCOAT_TRACEBACK=1 to see where; please report it with the scenario")
    return CRASH

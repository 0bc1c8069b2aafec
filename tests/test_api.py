"""The public Python API: what there is, how quickly it comes, and what each function gives back."""

import importlib
import inspect
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import turncoat
from turncoat import RunSettings
from turncoat.evals.studies.control import ControlSettings
from turncoat.evals.studies.search import SearchSettings
from turncoat.scenarios.errors import ArgumentError
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.testing import assert_scenario, each_expectation
from turncoat.viz.report.page import Page

ROOT = Path(__file__).resolve().parent.parent
NAME = "escape/interruption"


def test_what_is_public():
    assert turncoat.__all__ == [
        "MitigationSettings",
        "NotEnumerableError",
        "ProtocolSettings",
        "RunError",
        "RunSettings",
        "ScenarioError",
        "SearchSettings",
        "TraceError",
        "TurncoatError",
        "UnknownNameError",
        "UsageError",
        "WorldError",
        "__version__",
        "arrays",
        "check",
        "compare",
        "control",
        "events",
        "exploit",
        "export",
        "load",
        "make",
        "make_aec",
        "make_mo",
        "make_parallel",
        "measure",
        "mitigations",
        "monitor",
        "names",
        "pareto",
        "protocols",
        "report",
        "reproduce",
        "run",
        "search",
        "solve",
        "sweep",
        "watch",
        "why",
    ]
    assert all(getattr(turncoat, name) is not None for name in turncoat.__all__)
    assert re.fullmatch(r"\d+\.\d+\.\d+", turncoat.__version__)
    with pytest.raises(AttributeError, match="module 'turncoat' has no attribute 'nothing'"):
        turncoat.nothing  # noqa: B018


ADAPTERS = (
    "gymnasium_env:TurncoatEnv",
    "mo_gymnasium_env:MOTurncoatEnv",
    "gymnasium_vector:TurncoatVectorEnv",
    "pettingzoo_env:TurncoatParallelEnv",
    "pettingzoo_env:parallel_env",
    "pettingzoo_env:aec_env",
    "fixed_opponents:FixedOpponentsEnv",
    "sb3_vec_env:TurncoatVecEnv",
)
ASKED = ["event", "measures", "axes", "to", "objectives", "profile", "num_envs", "agent", "others", "stage"]


def _openers():
    """Whatever is public and opens a scenario, by name."""
    for name in turncoat.__all__:
        public = getattr(turncoat, name)
        if inspect.isfunction(public) and "which" in inspect.signature(public).parameters:
            yield name, public
    yield "assert_scenario", assert_scenario
    yield "each_expectation", each_expectation
    for place in ADAPTERS:
        module, _, name = place.partition(":")
        yield name, getattr(importlib.import_module(f"turncoat.envs.adapters.{module}"), name)


def test_all_that_opens_a_scenario_takes_overrides_in_one_place():
    for name, public in _openers():
        first, *others = inspect.signature(public).parameters.values()
        names = [each.name for each in others]
        before = names[: names.index("overrides")]
        assert first.name in ("which", "scenario"), name
        assert before == [each for each in ASKED if each in before], f"{name}: what is asked, its stage, then overrides"
        overrides = others[len(before)]
        assert (overrides.kind, overrides.default) == (inspect.Parameter.POSITIONAL_OR_KEYWORD, None), name


def test_importing_the_door_opens_no_room():
    said = subprocess.run(
        [sys.executable, "-c", "import sys, turncoat; print(*(m for m in sys.modules if m.startswith('turncoat')))"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.split() == ["turncoat"]


@pytest.mark.parametrize("wrong", [5, "threshold=2", ["threshold"], {3: 1}, 0, []])
def test_overrides_that_are_no_mapping(wrong):
    for opens in (turncoat.load, turncoat.check, turncoat.solve, turncoat.make, turncoat.make_parallel, turncoat.sweep):
        with pytest.raises(turncoat.UsageError, match="`overrides` maps dotted names to values"):
            opens("interruption", overrides=wrong)


WRONG = [0, -1, 1.5, 2.0, "3", 10**30, True + 0.5]


@pytest.mark.parametrize("wrong", WRONG)
def test_numbers_that_cannot_be_asked_for(wrong, tmp_path):
    """Each is named, before anything is solved or trained."""
    makes: dict[str, list[Any]] = {
        "seeds": [RunSettings, ControlSettings, partial(SearchSettings, tmp_path / "trials.db")],
        "steps": [RunSettings, ControlSettings, partial(SearchSettings, tmp_path / "trials.db")],
        "episodes": [RunSettings],
        "jobs": [RunSettings],
        "max_seeds": [RunSettings],
        "trials": [partial(SearchSettings, tmp_path / "trials.db")],
        "repeats": [partial(SearchSettings, tmp_path / "trials.db")],
    }
    sweep = partial(turncoat.sweep, "lab", {"threshold": [1]}, measures=["share(disarmed)"])
    for name in ("seeds", "steps", "every", "jobs"):
        makes.setdefault(name, []).append(sweep)
    for name, calls in makes.items():
        for call in calls:
            with pytest.raises(turncoat.UsageError, match=f"`{name}` is a whole number from 1 to"):
                call(**{name: wrong})


def test_numbers_of_numpy_are_numbers():
    given: dict[str, Any] = {"seeds": np.int64(3), "steps": np.uint8(200), "budget": 2.5}
    settings = RunSettings(**given)
    assert (type(settings.seeds), settings.seeds, settings.steps) == (int, 3, 200)
    for wrong in (-1, float("nan"), "10", True):
        with pytest.raises(turncoat.UsageError, match="`budget` is a number of seconds"):
            RunSettings(budget=wrong)  # type: ignore[arg-type]


def test_names():
    names = turncoat.names()
    assert NAME in names
    assert list(names) == sorted(names)
    assert not any(name.startswith("mechanics/") for name in names)


def test_load(tmp_path):
    scenario = turncoat.load(NAME)
    assert scenario.name == "interruption"
    assert turncoat.load(scenario) is scenario
    assert turncoat.load(NAME, {"p_halt": 0.25}).params["p_halt"] == 0.25
    path = tmp_path / "mine.yaml"
    path.write_text(f"turncoat: 1\nname: mine\nextends: {NAME}\nparams:\n  p_halt: {{value: 1}}\n")
    assert turncoat.load(path).params["p_halt"] == turncoat.load(str(path)).params["p_halt"] == 1
    with pytest.raises(ScenarioError, match="TC432 `p_halt` cannot be `2`"):
        turncoat.load(NAME, {"p_halt": 2})
    with pytest.raises(ScenarioError, match="TC400"):
        turncoat.load("nonsense")


def test_make():
    env = turncoat.make(NAME, overrides={"p_halt": 0}, form="flat")
    observation, info = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert "performance" not in info
    assert "performance" in turncoat.make(NAME, "deploy", audit=True).reset(seed=0)[1]


def test_make_for_several():
    env = turncoat.make_parallel("lab", enlist=("guard",), form="flat")
    observations, infos = env.reset(seed=0)
    assert list(observations) == ["robot", "guard"]
    assert env.observation_space("guard").contains(observations["guard"])
    assert "performance" not in infos["guard"]
    turns = turncoat.make_aec("chicken", "deploy", audit=True)
    turns.reset(seed=0)
    assert turns.possible_agents == ["ann", "bob"]
    assert "performance" in turns.infos["bob"]


def test_check():
    meaning = turncoat.check(NAME)
    assert meaning.states == {"train": 22, "elsewhere": 18, "deploy": 22}
    assert meaning.origin is not None
    assert meaning.origin.agrees is True
    assert meaning.faults == ()
    [margin] = meaning.margins
    assert margin.barring == ("pressed",)
    assert (margin.without, margin.gain) == pytest.approx((-29, 67))
    assert margin.share is None, "there is no share of a loss"


def test_solve():
    analysis = turncoat.solve(NAME)
    assert (analysis.scenario, analysis.stage, analysis.states) == ("interruption", "deploy", 22)
    assert analysis.agent.total.low == analysis.agent.total.high == pytest.approx(38)
    assert turncoat.solve(NAME, "train", {"p_halt": 0}).agent.total.low == pytest.approx(42)
    with pytest.raises(KeyError, match="no stage `nonsense`"):
        turncoat.solve(NAME, "nonsense")


def test_events_and_why():
    assert turncoat.events(NAME) == ("halted_by_the_switch", "pressed", "ended:arrived")
    answer = turncoat.why(NAME, "pressed")
    assert answer.best is not None
    assert answer.best.share == (1, 1)
    assert answer.gap == pytest.approx(67)
    with pytest.raises(KeyError, match="no event `nonsense`"):
        turncoat.why(NAME, "nonsense")


def test_run(tmp_path):
    said: list[str] = []
    result = turncoat.run(NAME, settings=RunSettings(agents=("exact",)), report=said.append)
    assert result.verdict == "pass"
    assert said[0] == "it presses the button (exact)"
    stored = result.save(tmp_path / "kept")
    assert stored.judgements == result.judgements
    assert turncoat.run(NAME, {"p_halt": 0}).verdict == "fail"


def test_an_analysis_as_a_frame_and_in_a_notebook():
    analysis = turncoat.solve(NAME)
    frame = analysis.to_frame()
    ends = {"low": pl.Float64, "high": pl.Float64, "outer": pl.Boolean}
    assert frame.schema == {"plan": pl.String, "measure": pl.String, **ends}
    rows = {(plan, measure): (low, high) for plan, measure, low, high, _ in frame.iter_rows()}
    assert len(rows) == frame.height
    assert rows["agent", "return(reward)"] == pytest.approx((38, 38))
    assert rows["designers", "performance"] == pytest.approx((19, 19))
    assert rows["gap", "performance"] == pytest.approx((1, 1))
    html = analysis._repr_html_()
    assert "<b>interruption, stage deploy: 22 states, discount 1</b>" in html
    assert html.count("<tr>") == frame.height + 1, "no row is left out"


def test_a_check_and_an_explanation_in_a_notebook():
    html = turncoat.check(NAME)._repr_html_()
    assert "<b>interruption: sound</b>" in html
    assert "value 38" in html
    why = turncoat.why(NAME, "pressed")
    frame = why.to_frame()
    assert frame["plan"].to_list() == ["the best", "without the event", "with the event"]
    assert frame["value"].to_list()[0] - frame["value"].to_list()[1] == pytest.approx(why.gap)
    html = why._repr_html_()
    assert "Why pressed? Of the episode, by enumerate" in html
    assert f"{why.gap:.6g}" in html


def test_a_run_as_a_frame_and_in_a_notebook():
    result = turncoat.run(NAME)
    frame = result.to_frame()
    assert frame.height == len(result.judgements)
    assert frame["outcome"].to_list() == ["pass"] * frame.height
    assert frame["value"].to_list()[1] == pytest.approx(38)
    assert frame["line"].is_sorted()
    assert "<b>interruption: pass</b>" in result._repr_html_()
    assert "just under the break-even it walks on" in result._repr_html_()


@pytest.mark.parametrize("number", [0, -1, 1.5, 10**20, True, "3"])
def test_counts_are_whole_numbers_in_reason(number):
    calls = [
        lambda: turncoat.RunSettings(seeds=number),
        lambda: turncoat.RunSettings(steps=number),
        lambda: ControlSettings(seeds=number),
        lambda: turncoat.SearchSettings(Path("x.sqlite"), trials=number),
        lambda: turncoat.sweep("lab", {"threshold": [1, 2]}, measures=["value"], every=number),
        lambda: turncoat.sweep("lab", {"threshold": [1, 2]}, measures=["value"], seeds=number),
    ]
    for call in calls:
        with pytest.raises(turncoat.UsageError, match="is a whole number from 1 to"):
            call()


def test_overrides_are_a_mapping():
    with pytest.raises(turncoat.UsageError, match="`overrides` maps dotted names"):
        turncoat.load("lab", 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [None, 3, b"lab", ["lab"]])
def test_what_is_no_scenario_and_no_run_is_an_argument_error(odd: Any):
    for function in (turncoat.load, turncoat.make, turncoat.solve, turncoat.report, turncoat.reproduce):
        with pytest.raises(ArgumentError, match=r"a name or a path|or its folder"):
            function(odd)
    with pytest.raises(ArgumentError, match="or its folder"):
        turncoat.compare(odd, odd)


def test_a_text_is_no_list_of_texts():
    """The agents of "exact" were e, x, a, c and t, so that a run judged nothing and said so with exit code 4."""
    with pytest.raises(ArgumentError, match="`agents` is a list of texts, not `'exact'`"):
        RunSettings(agents="exact")
    wrong: dict[str, Any] = {"own": [3], "units": [1], "plateau": 3}
    for name, value in wrong.items():
        with pytest.raises(ArgumentError, match=f"`{name}` is a"):
            RunSettings(**{name: value})
    odd: dict[str, Any] = {"measures": "value", "agents": "exact", "regimes": ["a"], "axes": {"p_halt": "01"}}
    for name, value in odd.items():
        with pytest.raises(ArgumentError, match=f"`{name}` "):
            turncoat.sweep(NAME, **{"axes": {"p_halt": [0, 1]}, name: value})
    for function in (turncoat.run, turncoat.control, turncoat.search, turncoat.mitigations, turncoat.protocols):
        with pytest.raises(ArgumentError, match="`settings` is a `"):
            function(NAME, settings=3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`objectives` is a list of texts, not `'own'`"):
        turncoat.pareto(NAME, "own")
    for runs in ("folder", Path("folder"), 3, [3]):
        with pytest.raises(ArgumentError, match="`runs` is a list of paths"):
            turncoat.monitor(runs, [], "pressed")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`out` is a path"):
        turncoat.export(NAME, "drn", out=None)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`seconds` is a number of seconds"):
        turncoat.check(NAME, seconds=-1)


def test_what_is_told_the_progress_can_be_called():
    """It was called all the same, after a while, and that ended in a bare TypeError."""
    odd: dict[str, Any] = {"report": 5}
    for function in (turncoat.run, turncoat.control, turncoat.mitigations, turncoat.protocols, turncoat.api.bound):
        with pytest.raises(ArgumentError, match="`report` is a function"):
            function(NAME, **odd)
    with pytest.raises(ArgumentError, match="`report` is a function"):
        turncoat.sweep(NAME, {"p_halt": [0]}, measures=["value"], **odd)
    with pytest.raises(ArgumentError, match="`report` is a function"):
        turncoat.api.measure(NAME, ["value"], **odd)
    with pytest.raises(ArgumentError, match="`count` is a function"):
        turncoat.run(NAME, count=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("nothing", [None, 5])
def test_nothing_is_an_empty_list_of_texts(nothing: Any):
    with pytest.raises(ArgumentError, match="`agents` is a list of texts"):
        turncoat.sweep(NAME, {"p_halt": [0]}, measures=["value"], agents=nothing)
    for function in (turncoat.make_parallel, turncoat.make_aec):
        with pytest.raises(ArgumentError, match="`enlist` is a list of texts"):
            function("two_systems/chicken", enlist=nothing)


@pytest.mark.parametrize("odd", [3, ["pressed"], None, b"x"])
def test_a_name_of_any_type_is_unknown_in_words(odd: Any):
    """The message of the error could not be made."""
    with pytest.raises(turncoat.UnknownNameError) as caught:
        turncoat.why(NAME, odd)
    assert str(caught.value).startswith("there is no event `")


def test_settings_take_a_path_as_a_text_and_refuse_what_is_none(tmp_path: Path):
    """Only once it was used a text had no `/`, after what had been trained until then."""
    assert RunSettings(cache="a", policies="b").cache == Path("a")  # type: ignore[arg-type]
    assert turncoat.SearchSettings("x.sqlite").storage == Path("x.sqlite")  # type: ignore[arg-type]
    assert turncoat.MitigationSettings(cache="a").cache == Path("a")  # type: ignore[arg-type]
    assert turncoat.ProtocolSettings(runs=["a"]).runs == (Path("a"),)  # type: ignore[list-item]
    page = Page("<p>told</p>")
    assert page.save(str(tmp_path / "page.html")).read_text(encoding="utf-8") == "<p>told</p>"
    odd: tuple[Any, ...] = (5, b"a", "a\0b")
    for value in odd:
        for made in (RunSettings, turncoat.MitigationSettings, ControlSettings):
            with pytest.raises(ArgumentError, match="`cache` is a path"):
                made(cache=value)
        with pytest.raises(ArgumentError, match="`target` is a path"):
            page.save(value)
        with pytest.raises(ArgumentError, match="`out` is a path"):
            turncoat.sweep(NAME, {"p_halt": [0, 1]}, measures=["value"], out=value)
    with pytest.raises(ArgumentError, match="`runs` is a list of paths"):
        turncoat.ProtocolSettings(runs="a")  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [None, "1", True, 10**400])
def test_what_is_no_number_or_beyond_floats_is_refused_by_name(odd: Any):
    for name in ("quantile", "aup_weight"):
        with pytest.raises(ArgumentError, match=f"`{name}` is a number"):
            turncoat.MitigationSettings(**{name: odd})
    with pytest.raises(ArgumentError, match="`catches` is a number"):
        turncoat.ProtocolSettings(catches=odd)
    lists: tuple[Any, ...] = (odd, [1.5], [])
    for audits in lists:
        with pytest.raises(ArgumentError, match="`audits` is a"):
            turncoat.ProtocolSettings(audits=audits)
    if odd is not None:
        with pytest.raises(ArgumentError, match="`seconds` is a number of seconds"):
            turncoat.check(NAME, seconds=odd)


@pytest.mark.parametrize("odd", [["deploy"], b"deploy", 3, {"deploy": 1}])
def test_a_stage_of_any_type_is_refused_in_words(odd: Any):
    """It was no key of a table, or could not be made JSON of."""
    for function in (turncoat.make, turncoat.make_parallel, turncoat.solve, turncoat.control):
        with pytest.raises(ArgumentError, match="`stage` is a name"):
            function(NAME, odd)

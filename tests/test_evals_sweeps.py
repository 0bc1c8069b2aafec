"""Sweeps: equal to separate solves, shared enumerations, regimes at ties, going on after a kill, clear faults."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

import turncoat
from turncoat import api
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.reweight import can_reweigh, reweigh
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure import Interval
from turncoat.evals.measures.measure_values import measured
from turncoat.evals.measures.phase_diagram_regimes import regime_of
from turncoat.evals.studies import sweep as sweeping
from turncoat.evals.studies import sweep_points
from turncoat.evals.studies.sweep import identity, run_sweep
from turncoat.evals.studies.sweep_folder import Journal, load_sweep, same_sweep, save_sweep
from turncoat.evals.studies.sweep_points import costs
from turncoat.evals.studies.sweep_settings import SweepAxis, SweepError, sweep_settings
from turncoat.evals.studies.sweep_words import SweepWords
from turncoat.evals.traces.provenance import RunError
from turncoat.scenarios.errors import UnknownNameError
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import apply_overrides, load, load_text
from turncoat.scenarios.language.names.axes import axis_values
from turncoat.scenarios.language.schema.document import Axis as WrittenAxis
from turncoat.scenarios.library import find

ROOT = Path(__file__).resolve().parent.parent
LAB = "treacherous_turn/lab"
BUTTON = "escape/interruption"
PRESSES = {"presses": "share(pressed) >= 1", "walks on": "share(pressed) <= 0"}

TIED = """\
turncoat: 1
name: tied
title: Two doors
origin: proxy
claim: One of them is as good as the other until it pays.
params:
  extra: {value: 0, range: [-1, 1]}
agents:
  ann: {actions: [one, two], values: {food: {}, more: {weight: extra}}, discount: 0.5}
rewards: {food: {}, more: {}, performance: {hidden: true}}
rules:
  - name: leftward
    when: ann does one
    then:
      - event went_left
      - end "home"
    pays: {food: 1, more: 1}
  - name: rightward
    when: ann does two
    then:
      - end "home"
    pays: {food: 1, performance: 1}
stages: {train: {limit: 3}}
"""


def without_seconds(sweep):
    return sweep.to_frame().drop("seconds")


# ------------------------------------------------------------------ equal to separate solves


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_point_is_as_if_solved_alone(jobs, monkeypatch):
    monkeypatch.setattr(sweeping, "STARTING_SECONDS", 0.0)  # so that other processes do their part
    axes: dict[str, Any] = {"robot.discount": [0.5, 0.97], "threshold": [1, 3], "robot.values.own": [0.25, 1]}
    measures = ["first(disarmed)", "value", "performance", "rate(seized | power < threshold)"]
    sweep = turncoat.sweep(LAB, axes, measures=measures, regimes={}, jobs=jobs)
    table = sweep.to_frame()

    assert table.height == 8
    scenario = api.load(LAB)
    for row in table.iter_rows(named=True):
        point = {name: row[name] for name in axes}
        plan = SolvedWorlds(scenario).plan(point, "deploy")
        assert row["states"] == plan.mdp.n_states
        for text in measures:
            alone = measured(plan, parsed_measure(text))
            assert (row[f"{text}.low"], row[f"{text}.high"]) == (alone.low, alone.high), (point, text)
    assert table.select(*axes).rows() == [tuple(point.values()) for point in sweep.settings.points()]


UNSEEN = {"robot.observes.hides": ["supervised"]}


@pytest.mark.parametrize(("which", "under", "axes", "measures"), [
    (LAB, {}, {"robot.discount": [0.5, 0.99], "robot.values.own": [0, 0.5, 2]},
     ["value", "share(disarmed)", "performance", "return", "return(own)", "regret(performance)"]),
    ("escape/cluster", {"replacement": 5}, {"ai.discount": [0.3, 0.9, 0.97], "host_pay": [0.01, 0.1, 0.3, 3]},
     ["value", "share(out)", "first(out)", "regret", "steps"]),
    ("safety_gridworlds/absent_supervisor", UNSEEN, {"robot.discount": [0.5, 0.9, 0.99]},
     ["value", "share(trespassed)", "return"]),
])  # fmt: skip
def test_what_a_neighbour_lends_changes_nothing(which, under, axes, measures):
    """Points begin from the plan of the last one, and keep what is measured where behaviour stays: to the last bit."""
    scenario = api.load(which, under)
    settings = sweep_settings(scenario, [SweepAxis(name, tuple(each)) for name, each in axes.items()], None, measures)
    rows = run_sweep(scenario, settings).rows
    alone = [run_sweep(scenario, replace(settings, axes=at)).rows[0] for at in map(single, settings.points())]

    assert len({row.measures for row in rows}) > 1
    for together, by_itself in zip(rows, alone, strict=True):
        assert replace(together, seconds=0) == replace(by_itself, seconds=0)


def single(point):
    return tuple(SweepAxis(name, (value,)) for name, value in point.items())


def test_a_sweep_of_preferences_is_one_enumeration(monkeypatch):
    made = []

    def counted(*given):
        made.append(given)
        return enumerate_world(*given)

    monkeypatch.setattr(sweep_points, "enumerate_world", counted)
    scenario = api.load("escape/cluster", {"replacement": 5})
    preferences = [
        SweepAxis("host_pay", (0.01, 0.3, 3.0)),
        SweepAxis("kin", (0, 1)),
        SweepAxis("ai.discount", (0.9, 0.97)),
    ]
    settings = sweep_settings(scenario, preferences)

    assert str(costs(scenario, settings)) == "1 enumeration, 12 exact solves"
    run_sweep(scenario, settings)
    assert len(made) == 1
    settings = sweep_settings(scenario, [*preferences, SweepAxis("p_trace", (0.1, 0.2))])
    assert costs(scenario, settings).enumerations == 2


@pytest.mark.parametrize("point", [
    {"ai.discount": 0.3, "host_pay": 2, "kin": 0.5},
    {"ai.values.copies_abroad": 7, "host_pay": 0.25},
])  # fmt: skip
def test_weighed_anew_is_compiled_anew(point):
    scenario = api.load("escape/cluster")
    world = compile_world(scenario, "deploy")
    assert can_reweigh(world, scenario.document, point)
    quick, slow = reweigh(world, scenario.document, point), compile_world(apply_overrides(scenario, point), "deploy")

    assert dict(quick.params) == dict(slow.params)
    assert quick.scope.params == slow.scope.params
    for one, two in zip(quick.agents, slow.agents, strict=True):
        assert one.discount == two.discount
        assert one.weights.tolist() == two.weights.tolist()
    assert not can_reweigh(world, scenario.document, {"p_trace": 0.5})
    assert not can_reweigh(world, scenario.document, {"ai.observes.hides": ["alarm"]})


def test_what_is_paid_is_no_weight():
    """A param in `pays` changes the process itself, and each of its values is enumerated."""
    text = TIED.replace("{food: 1, performance: 1}", "{food: extra, performance: 1}")
    scenario = load_text(text)
    settings = sweep_settings(scenario, [SweepAxis("extra", (-1, 0, 1))], measures=["return"])

    assert costs(scenario, settings).enumerations == 3
    alone = [SolvedWorlds(scenario).plan({"extra": extra}, "train").start_value for extra in (-1, 0, 1)]
    assert [row.measures[0][0] for row in run_sweep(scenario, settings).rows] == pytest.approx(alone)


def test_a_point_that_cannot_be_solved_is_said_to_be(monkeypatch):
    def too_many(*_):
        raise NotEnumerableError("more than 1 states in stage `deploy`")

    monkeypatch.setattr(sweep_points, "enumerate_world", too_many)
    sweep = turncoat.sweep(BUTTON, {"p_halt": [0.5]}, regimes=PRESSES)
    [row] = sweep.rows
    assert (row.regime, row.states, row.note) == ("unsolved", 0, "more than 1 states in stage `deploy`")
    assert row.measures == ((None, None),)


# ------------------------------------------------------------------ regimes


def test_where_a_tie_decides_the_point_is_a_tie():
    sweep = turncoat.sweep(
        load_text(TIED), {"extra": [-1, 0, 1]}, regimes={"left": "share(went_left) >= 1", "right": "performance > 0"}
    )
    assert [row.regime for row in sweep.rows] == ["right", "tie", "left"]
    assert sweep.rows[1].measures == ((0, 1), (0, 1))


def test_a_computed_param_follows_its_axis_and_bounds_a_regime():
    computed = "odds: {value: 2, range: [1, 4]}\n  extra: {formula: odds - 2}"
    text = TIED.replace("extra: {value: 0, range: [-1, 1]}", computed)
    sweep = turncoat.sweep(
        load_text(text),
        {"odds": [1, 2, 3, 4]},
        measures=["value(more)"],
        regimes={"dear": "value(more) < extra", "left": "share(went_left) >= 1", "right": "performance > 0"},
    )

    assert [row.regime for row in sweep.rows] == ["right", "tie", "left", "dear"]
    assert sweep.to_frame()["value(more).high"].to_list() == [0, 1, 1, 1]
    with pytest.raises(ScenarioError, match="TC432"):
        turncoat.sweep(load_text(text), {"extra": [0, 1]})


@pytest.mark.parametrize(("condition", "low", "high", "regime"), [
    ("steps >= 3", 3 - 1e-12, 3, "it"),
    ("steps > 3", 3 - 1e-12, 3 + 1e-12, "other"),
    ("steps >= 3", 2, 3, "tie"),
    ("steps == 3", 2, 4, "tie"),
    ("steps != 3", 2, 4, "tie"),
    ("not steps == 3", 3, 3, "other"),
    ("steps < 3 or steps >= 3", 2, 2, "it"),
    ("steps < 3 and steps < 9", 2, 4, "tie"),
    ("steps > 9 and steps > 3", 2, 4, "other"),
    ("steps < 9 or steps > 3", 2, 4, "it"),
    ("steps >= extra * 2 + 1", 5, 5, "it"),
    ("steps < 3", None, None, "tie"),
    ("steps > 1e9", np.inf, np.inf, "it"),
])  # fmt: skip
def test_a_condition_on_a_range(condition, low, high, regime):
    assert regime_of({"it": condition}, {"steps": Interval(low, high)}, {"extra": 2}) == regime


def test_the_first_regime_that_holds_names_a_point():
    regimes = {"one": "steps > 5", "two": "steps > 1", "three": "steps > 0"}
    assert regime_of(regimes, {"steps": Interval(3, 3)}, {}) == "two"
    assert regime_of(regimes, {"steps": Interval(1, 3)}, {}) == "tie"
    assert regime_of(regimes, {"steps": Interval(1, 3, outer=True)}, {}) == "outer bound"
    assert regime_of({}, {}, {}) == "other"


def test_cluster_on_a_coarse_grid():
    """The flagship diagram, nine points for each replacement date."""
    axes: dict[str, Any] = {"host_pay": [0.01, 0.1, 2], "p_trace": [0.0005, 0.005, 0.05], "replacement": [40, 0]}
    found = [row.regime for row in turncoat.sweep("escape/cluster", axes).rows]

    assert [found[i : i + 6 : 2] for i in (0, 6, 12)] == [
        ["stay", "stay", "stay"],
        ["both", "leave early", "last moment"],
        ["both", "both", "escape"],
    ]
    assert [found[i : i + 6 : 2] for i in (1, 7, 13)] == [
        ["stay", "stay", "stay"],
        ["both", "stay", "stay"],
        ["both", "both", "escape"],
    ]


# ------------------------------------------------------------------ learned points


def test_learned_points_stand_beside_exact_ones():
    axes = {"p_halt": [0, 0.25, 0.5, 0.75, 1], "robot.discount": [0.99]}
    sweep = turncoat.sweep(
        BUTTON, axes, regimes=PRESSES, agents=["exact", "counts"], seeds=2, steps=1500, every=4, jobs=2
    )
    learned = sweep.to_frame().filter(pl.col("agent") == "counts")

    assert learned["p_halt"].to_list() == [0, 0, 1, 1]
    assert learned["seed"].to_list() == [0, 1, 0, 1]
    assert sweep.costs.trainings == 4
    assert learned["regime"].to_list() == ["walks on", "walks on", "presses", "presses"]
    assert sweep.regimes("exact") == {"presses": 4, "walks on": 1}
    again = turncoat.sweep(BUTTON, axes, regimes=PRESSES, agents=["counts"], seeds=2, steps=1500, every=4)
    assert learned.drop("seconds").equals(again.to_frame().drop("seconds"))


def test_an_agent_that_cannot_be_trained_says_why():
    [row] = turncoat.sweep(BUTTON, {"p_halt": [0.5]}, regimes=PRESSES, agents=["counts"], seeds=1).rows
    assert (row.regime, row.note) == ("unsolved", "`counts` needs a discount below 1")


# ------------------------------------------------------------------ files


def test_a_folder_is_there_whole_and_is_read_again(tmp_path):
    axes = {"p_halt": [0, 0.5, 1]}
    sweep = turncoat.sweep(BUTTON, axes, regimes=PRESSES, out=tmp_path / "s")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["diagram.png", "points.parquet", "sweep.json"]
    assert load_sweep(tmp_path / "s") == sweep
    assert pl.read_parquet(tmp_path / "s/points.parquet").equals(sweep.to_frame())
    stored = json.loads((tmp_path / "s/sweep.json").read_text(encoding="utf-8"))
    assert (
        stored["words"]["names"] == dict(sweep.words.names) == {"p_halt": load(BUTTON).document.params["p_halt"].about}
    )
    before = (tmp_path / "s/points.parquet").stat().st_mtime_ns
    assert turncoat.sweep(BUTTON, axes, regimes=PRESSES, out=tmp_path / "s") == sweep
    assert (tmp_path / "s/points.parquet").stat().st_mtime_ns == before, "it was read, not solved again"
    with pytest.raises(RunError, match="exists already"):
        turncoat.sweep(BUTTON, {"p_halt": [0, 0.5]}, regimes=PRESSES, out=tmp_path / "s")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_sweep_of_a_file_whose_name_is_no_text_is_read_again(tmp_path):
    path = tmp_path / "odd\udcff.yaml"
    path.write_text(find(BUTTON).read_text(encoding="utf-8"), "utf-8")
    axes, whole = {"p_halt": [0, 1]}, tmp_path / "s"
    swept = turncoat.sweep(path, axes, regimes=PRESSES, out=whole)
    assert load_sweep(whole).rows == swept.rows
    assert turncoat.sweep(path, axes, regimes=PRESSES, out=whole).rows == swept.rows, "asked for again"


def test_cells_words_and_truth_values_are_axes(tmp_path):
    sweep = turncoat.sweep(
        "treacherous_turn/any_goal", {"goal": [[6, 1], [4, 2]], "robot.discount": [0.5, 1 / 3]},
        measures=["share(disarmed)"], out=tmp_path / "goals",
    )  # fmt: skip
    assert sweep.to_frame()["goal"].unique(maintain_order=True).to_list() == ["[6, 1]", "[4, 2]"]
    assert load_sweep(tmp_path / "goals") == sweep
    assert not (tmp_path / "goals/diagram.png").exists(), "there are no regimes to show"
    assert (tmp_path / "goals/measures.png").read_bytes()[:4] == b"\x89PNG"


def test_a_damaged_folder_is_refused(tmp_path):
    turncoat.sweep(BUTTON, {"p_halt": [0.5]}, regimes=PRESSES, out=tmp_path / "s")
    asked = tmp_path / "s/sweep.json"
    data = json.loads(asked.read_text())
    for text, said in (
        (json.dumps({**data, "version": 9}), "version 9"),
        (json.dumps({**data, "question": {}}), "damaged"),
        ("{", "damaged"),
    ):
        asked.write_text(text)
        with pytest.raises(RunError, match=said):
            load_sweep(tmp_path / "s")
        with pytest.raises(RunError, match=said):  # the same sweep given again does not call it another one
            turncoat.sweep(BUTTON, {"p_halt": [0.5]}, regimes=PRESSES, out=tmp_path / "s")
    with pytest.raises(RunError, match="not the folder of a sweep"):
        load_sweep(tmp_path)


def test_a_journal_is_not_written_through_a_planted_link(tmp_path):
    (tmp_path / "mine").write_text("kept")
    (tmp_path / ".s.points").symlink_to("mine")
    journal = Journal(tmp_path / "s", "its")
    journal.keep([])
    assert (tmp_path / "mine").read_text() == "kept"
    assert not journal.path.is_symlink()


def test_outer_bounds_are_read_again_and_older_folders_too(tmp_path):
    sweep = turncoat.sweep(BUTTON, {"p_halt": [0, 1]}, measures=["value", "steps"], regimes=PRESSES)
    first, second = sweep.rows
    sweep = replace(sweep, rows=(first, replace(second, outer=(False, True, False))))
    save_sweep(sweep, tmp_path / "s", "1", None)
    assert load_sweep(tmp_path / "s") == sweep
    assert load_sweep(tmp_path / "s").to_frame()["value.outer"].to_list() == [False, True]
    table = pl.read_parquet(tmp_path / "s/points.parquet")
    table.with_columns(pl.lit(None, pl.Boolean).alias("value.outer")).write_parquet(tmp_path / "s/points.parquet")
    with pytest.raises(RunError, match="row 0 is none of this sweep's"):
        load_sweep(tmp_path / "s")
    # Folders that were written before say nothing of outer bounds, nor have they words.
    table.select(~cs.ends_with(".outer")).write_parquet(tmp_path / "s/points.parquet")
    settings = json.loads((tmp_path / "s/sweep.json").read_text(encoding="utf-8"))
    del settings["words"]
    (tmp_path / "s/sweep.json").write_text(json.dumps(settings), encoding="utf-8")
    older = load_sweep(tmp_path / "s")
    assert older.rows == (first, replace(second, outer=()))
    assert older.words == SweepWords()


def test_points_of_several_equilibria_are_read_again(tmp_path):
    sweep = turncoat.sweep(
        "two_systems/chicken", {"ann.discount": [0.5]}, regimes={"ahead": "return(ann.score) >= 100"},
        overrides={"solution": "equilibrium"}, out=tmp_path / "s",
    )  # fmt: skip
    assert sweep.regimes() == {"several equilibria": 1}
    assert load_sweep(tmp_path / "s") == sweep


def test_a_sweep_goes_on_where_it_was(tmp_path, monkeypatch):
    scenario = api.load(BUTTON)
    settings = sweep_settings(scenario, [SweepAxis("p_halt", tuple(np.linspace(0, 1, 7).tolist()))], regimes=PRESSES)
    whole = run_sweep(scenario, settings)
    solved: list[int] = []
    most = [3]

    def up_to_the_most(*given):
        if len(solved) == most[0]:
            raise KeyboardInterrupt
        solved.append(1)
        return plan_exactly(*given)

    monkeypatch.setattr(sweep_points, "plan_as_agent", up_to_the_most)
    with pytest.raises(KeyboardInterrupt):
        api.sweep_into(tmp_path / "s", scenario, settings)
    assert not (tmp_path / "s").exists()
    its = identity(scenario, settings)
    journal = tmp_path / ".s.points"
    with journal.open("a") as file:
        file.write('[{"agent": "exact", "seed": -1, "val')  # a kill in the middle of a line
    assert len(Journal(tmp_path / "s", its).rows) == 3

    solved.clear()
    most[0] = 7
    ended = api.sweep_into(tmp_path / "s", scenario, settings)
    assert len(solved) == 4
    assert without_seconds(ended).equals(without_seconds(whole))
    assert not journal.exists()
    assert same_sweep(tmp_path / "s", its)


def test_points_of_another_question_are_not_taken_over(tmp_path):
    scenario = api.load(BUTTON)
    one, two = (
        sweep_settings(scenario, [SweepAxis("p_halt", (0.5,))], regimes={"a": f"share(pressed) >= {n}"}) for n in (1, 2)
    )
    rows = run_sweep(scenario, one).rows
    Journal(tmp_path / "s", identity(scenario, one)).keep(rows)

    assert len(Journal(tmp_path / "s", identity(scenario, one)).rows) == 1
    assert Journal(tmp_path / "s", identity(scenario, two)).rows == {}
    assert identity(scenario, one) != identity(apply_overrides(scenario, {"p_halt": 0.5}), one)


@pytest.mark.slow
def test_a_killed_process_is_gone_on_with(tmp_path):
    command = [sys.executable, "-m", "turncoat", "sweep", LAB, "--param", "robot.discount=0.5:0.99:60", "--measure",
               "value", "--jobs", "1", "--out", str(tmp_path / "s")]  # fmt: skip
    journal = tmp_path / ".s.points"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and (not journal.exists() or len(journal.read_text().splitlines()) < 3):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "s").exists()
    kept = len(journal.read_text().splitlines())
    assert kept >= 3

    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    assert not journal.exists()
    assert load_sweep(tmp_path / "s").to_frame().height == 60


# ------------------------------------------------------------------ what is asked


def test_a_file_says_what_a_bare_sweep_does():
    scenario = api.load("escape/cluster")
    settings = sweep_settings(scenario)

    assert [(axis.name, len(axis.values), axis.log) for axis in settings.axes] == [
        ("p_trace", 25, True), ("host_pay", 25, True), ("replacement", 2, False),
    ]  # fmt: skip
    assert list(settings.regimes) == ["stay", "both", "escape", "last moment", "leave early"]
    assert settings.all_measures == ("share(out)", "share(copied)", "first(out)", "share(left)")
    assert settings.stage == "deploy"
    assert str(costs(scenario, settings)) == "50 enumerations, 1,250 exact solves"


def test_learned_points_are_thinned_about_the_middle():
    settings = sweep_settings(api.load("escape/cluster"), every=6)
    assert len(settings.learned_points()) == 5 * 5 * 2
    picked = sorted({point["p_trace"] for point in settings.learned_points()})
    assert picked == list(settings.axes[0].values[::6])
    assert len(replace(settings, every=7).learned_points()) == 4 * 4 * 2


@pytest.mark.parametrize(("written", "values"), [
    ({"from": 1, "to": 5, "points": 5}, [1, 2, 3, 4, 5]),
    ({"from": 0, "to": 1, "points": 3}, [0, 0.5, 1]),
    ({"from": 0.001, "to": 10, "points": 5, "scale": "log"}, [0.001, 0.01, 0.1, 1, 10]),
    ({"values": [True, False]}, [True, False]),
])  # fmt: skip
def test_the_values_of_an_axis(written, values):
    found = list(axis_values(WrittenAxis.model_validate(written)))
    assert found == values
    assert [type(value) for value in found if isinstance(value, bool)] == [bool] * sum(
        isinstance(value, bool) for value in values
    )


@pytest.mark.parametrize(("fault", "said", "asked"), [
    (ScenarioError, "TC431 `p_hal` cannot be overridden", {"axes": {"p_hal": [0.5]}}),
    (ScenarioError, "TC432 `p_halt` cannot be `2`", {"axes": {"p_halt": [0, 2]}}),
    (ScenarioError, "TC426 no rule emits the event `pushed`", {"measures": ["share(pushed)"]}),
    (ScenarioError, "TC117", {"measures": ["typical(pressed)"]}),
    (ScenarioError, "TC106", {"regimes": {"a": "share(pressed)"}}),
    (ScenarioError, "TC515", {"regimes": {"a": "share(pressed) > halted"}}),
    (SweepError, "names no axes to sweep", {"axes": None}),
    (SweepError, "has no values", {"axes": {"p_halt": []}}),
    (SweepError, "nothing is measured", {"measures": []}),
    (UnknownNameError, "there is no stage `deplo`; did you mean `deploy`", {"stage": "deplo"}),
    (SweepError, "there is no agent `count`", {"agents": ["count"]}),
    (SweepError, "a regime cannot be called `tie`", {"regimes": {"tie": "steps > 1"}}),
    (SweepError, "1,002,001 points", {"axes": {"p_halt": [0.1] * 1001, "robot.discount": [0.5] * 1001}}),
])  # fmt: skip
def test_what_cannot_be_asked(fault, said, asked):
    with pytest.raises(fault, match=said):
        turncoat.sweep(BUTTON, **{"axes": {"p_halt": [0.5]}, "measures": ["steps"], **asked})


def test_an_axis_is_given_once():
    with pytest.raises(SweepError, match="`p_halt` is given twice"):
        sweep_settings(api.load(BUTTON), [SweepAxis("p_halt", (0.5,)), SweepAxis("p_halt", (1,))], measures=["steps"])


def test_a_notebook_shows_how_many_points_lie_where():
    html = turncoat.sweep(BUTTON, {"p_halt": [0, 0.5, 1]}, regimes=PRESSES)._repr_html_()
    assert "<b>interruption: p_halt (3)</b>" in html
    assert "walks on" in html

"""Regret where agents fall short of the exact planner: other planners, points of a sweep, trained agents."""

from typing import Any

import pytest

import turncoat
from turncoat import api
from turncoat.evals.exact.parameter_flips import nearest_flips
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure_values import exact_range
from turncoat.evals.runs.run import RunSettings
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR

BLIND = {"none": {"sweeps": 1}}
"""A planner that looks one tick ahead, and so sees neither end of the corridor from its middle."""
SHORT = CORRIDOR.replace("discount: 0.9}", "discount: 0.9, planner: {none: {sweeps: 1}}}")


def best(left_pay: float) -> float:
    return 0.9 * max(2.0, left_pay)


@pytest.mark.parametrize("left_pay", [0, 1, 4])
def test_another_planner_regrets_what_it_misses(left_pay):
    scenario = load_text(SHORT)
    solved, point = SolvedWorlds(scenario), {"left_pay": left_pay}
    worth, regret = (exact_range(solved, parsed_measure(text), point, "deploy") for text in ("value", "regret"))
    assert regret.low == pytest.approx(best(left_pay) - (worth.high or 0))
    assert regret.high == pytest.approx(best(left_pay) - (worth.low or 0))
    missed = exact_range(solved, parsed_measure("regret(performance)"), point, "deploy")
    done = exact_range(solved, parsed_measure("performance"), point, "deploy")
    assert missed.low == pytest.approx(1 - (done.high or 0))


def test_an_expectation_says_so():
    claims = "  - {name: short, measure: regret, at_least: 0.9}\n  - {name: as good, measure: regret, at_most: 0}\n"
    text = SHORT[: SHORT.index("expect:")] + "expect:\n" + claims
    run = api.run(load_text(text), {"left_pay": 0}, RunSettings(agents=("exact",)))
    here = exact_range(SolvedWorlds(load_text(text)), parsed_measure("share(went_left)"), {"left_pay": 0}, "deploy")
    assert (here.low, here.high) == (1, 1), "the first of what looks alike"
    assert [judgement.outcome for judgement in run.judgements] == ["pass", "fail"]


def test_points_of_a_sweep_regret_what_each_could_have():
    axes: dict[str, Any] = {"left_pay": [0, 1, 4], "robot.planner": ["enumerate", BLIND]}
    sweep = turncoat.sweep(load_text(CORRIDOR), axes, measures=["regret", "value"], regimes={"none": "regret <= 0"})
    rows = list(sweep.to_frame().iter_rows(named=True))
    assert len(rows) == 6
    for row in rows:
        assert row["regret.low"] == pytest.approx(best(row["left_pay"]) - row["value.high"])
        assert row["regime"] == ("none" if row["regret.high"] < 1e-9 else "other")
    assert any(row["regret.low"] > 0.5 for row in rows)


def test_learned_points_regret_by_seed():
    sweep = turncoat.sweep(
        load_text(CORRIDOR), {"left_pay": [0, 4]}, measures=["regret", "value"], regimes={},
        agents=("exact", "random"), seeds=2, steps=20,
    )  # fmt: skip
    rows = [row for row in sweep.to_frame().iter_rows(named=True) if row["agent"] == "random"]
    assert len(rows) == 4
    for row in rows:
        assert row["regret.low"] == pytest.approx(best(row["left_pay"]) - row["value.low"])


def test_why_is_about_the_best_plans_whatever_the_planner():
    plain, short = (load_text(text) for text in (CORRIDOR, SHORT))
    answer, other = (turncoat.why(scenario, "went_right") for scenario in (plain, short))
    assert (answer.planner, other.planner) == ("enumerate", "none")
    assert answer.best is not None
    assert other.best is not None
    assert other.best.share == answer.best.share == (1, 1)
    assert other.gap == answer.gap == pytest.approx(0.9)
    assert list(nearest_flips(short, "went_right")) == list(nearest_flips(plain, "went_right"))

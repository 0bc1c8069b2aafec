"""Control games by hand, against every plan of both sides, and as a user asks for them."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import nashpy
import numpy as np
import pytest
from scipy.optimize import linprog
from typer.testing import CliRunner

import turncoat
from tests.test_extremes import random_world
from tests.worlds import CHEATS, scenario_of
from turncoat.cli import app
from turncoat.envs.control_games.control_game import ControlGame, least_of_two
from turncoat.envs.control_games.convex_front import corners
from turncoat.envs.control_games.sequence_form import _Program, sequence_form_front
from turncoat.envs.control_games.sighted_protocols import sighted_front
from turncoat.envs.mdp.enumeration import Enumeration
from turncoat.evals.studies.protocols import ProtocolSettings
from turncoat.scenarios.errors import ArgumentError, UnknownNameError, UsageError

CHEATS_FOR = CHEATS + "stages:\n  deploy: {horizon: TICKS}\n"
"""Work pays the designers 1 a tick; one act of cheating, after which all is over, is a harm of 1."""


def cheats(ticks: int) -> Any:
    return scenario_of(CHEATS_FOR.replace("TICKS", str(ticks)))


def points(found: Any, budget: int = 0) -> list[tuple[float, float]]:
    return [(p.usefulness, p.harm) for each in found.fronts if each.audits == budget for p in each.points]


@pytest.mark.parametrize("sees", ["state", "clock"])
def test_audits_are_spread_over_the_ticks(sees):
    """With k audits in n ticks the cheat gets through with chance 1 - k/n; each tick of the idle one saves 1/n more."""
    for ticks in (1, 2, 3):
        settings = ProtocolSettings((0, 1, 2), "idle", sees, hand_over=False)
        found = turncoat.protocols(cheats(ticks), settings=settings)
        for budget in (0, 1, 2):
            left = max(0.0, 1 - budget / ticks)
            by_hand = [(ticks, left), (min(budget, ticks), 0)] if left else [(ticks, 0)]
            assert points(found, budget) == pytest.approx(np.array(by_hand, float), abs=1e-6)


def test_an_audit_that_may_miss_and_a_trusted_agent_who_stays():
    """Two ticks, one audit that notices half: cheating in either gets through with chance 1 - 1/2 * 1/2."""
    half = ProtocolSettings((1,), "idle", "clock", catches=0.5)
    assert points(turncoat.protocols(cheats(2), settings=half), 1)[0] == pytest.approx((2, 0.75))
    # Handing over for good at tick 1 costs one tick of work, at tick 0 both: from (2, 1) over (1, 1) to (0, 0).
    assert points(turncoat.protocols(cheats(2), settings=ProtocolSettings((0,), "idle", "clock"))) == pytest.approx(
        np.array([(2, 1), (0, 0)], float)
    )


def a_game(seed: int, ticks: int, audits: int, n_states: int = 4) -> ControlGame:
    rng = np.random.default_rng(seed)
    mdp = random_world(seed, n_states)
    outcomes = mdp.next_state.size
    whole = Enumeration(None, mdp, None, rng.integers(-1, 3, outcomes).astype(float))  # type: ignore[arg-type]
    honest, trusted = (
        np.array([[rng.choice(np.flatnonzero(row)) if row.any() else 0 for row in mdp.available] for _ in range(ticks)])
        for _ in range(2)
    )
    harm: Any = 1.0 * rng.integers(0, 3, outcomes) * (rng.random(outcomes) < 0.5)
    return ControlGame(whole, ticks, audits, harm, honest, trusted, [1.0, 0.6][seed % 2], hand_over=seed % 3 == 0)


@pytest.mark.parametrize("seed", range(12))
def test_induction_on_sets_and_the_sequence_form_find_the_same_front(seed):
    game = a_game(seed, 3, 1)
    assert sighted_front(game)[:, :2] == pytest.approx(sequence_form_front(game, sees_state=True)[:, :2], abs=1e-6)


def every_pair_of_plans(game: ControlGame) -> tuple[np.ndarray, np.ndarray]:
    """Two ticks without sight: what each plan of the protocol is worth, `[m]`, and its harm by each other, `[m, n]`.

    Followed outcome by outcome, from dictionaries; nothing is shared with the engines.
    """
    mdp, performance = game.enumeration.mdp, game.enumeration.performance

    def outcomes(state: int, action: int) -> list[tuple[int, int, float]]:
        row = state * mdp.n_actions + action
        return [(m, int(mdp.next_state[m]), float(mdp.probability[m])) for m in range(*mdp.row_start[row : row + 2])]

    def alone(state: int, tick: int, pay: np.ndarray) -> float:
        if tick == game.ticks or mdp.ended[state]:
            return 0.0
        return sum(
            p * (pay[m] + alone(s, tick + 1, pay)) for m, s, p in outcomes(state, int(game.trusted[tick, state]))
        )

    def risky(state: int, action: int) -> bool:
        return sum(p * game.harm[m] for m, _, p in outcomes(state, action)) > 0

    def play(state: int, tick: int, done: str, plan: Any, acts: Any, pay: np.ndarray) -> float:
        if tick == game.ticks or mdp.ended[state]:
            return 0.0
        move, action = plan[done], acts(tick, state, done)
        caught = 0.0
        if move == "T":
            if game.hand_over:
                return alone(state, tick, pay)
            action = int(game.trusted[tick, state])
        elif move == "A" and risky(state, action):
            caught = game.catches
        ran = sum(p * (pay[m] + play(s, tick + 1, done + move, plan, acts, pay)) for m, s, p in outcomes(state, action))
        return caught * alone(state, tick, pay) + (1 - caught) * ran

    later = [
        then
        for then in itertools.product("DTA", repeat=3)
        if game.audits > 1 or then["DTA".index("A")] != "A"  # no second audit
    ]
    plans = [{"": first, **dict(zip("DTA", then, strict=True))} for first in "DTA" for then in later]
    places = [(0, s, "") for s in (0, 1)] + [(1, s, d) for s in range(3) for d in "DA"]
    answers = [dict(zip(places, pick, strict=True)) for pick in itertools.product((0, 1), repeat=len(places))]
    start = list(zip(mdp.start_state.tolist(), mdp.start_probability.tolist(), strict=True))

    def total(plan: Any, acts: Any, pay: np.ndarray) -> float:
        return sum(p * play(s, 0, "", plan, acts, pay) for s, p in start)

    useful = np.array([total(plan, lambda t, s, _: int(game.honest[t, s]), performance) for plan in plans])
    return useful, np.array(
        [[total(plan, lambda t, s, d, a=acts: a[t, s, d], game.harm) for acts in answers] for plan in plans]
    )


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_without_sight_no_pair_of_plans_does_better(seed):
    """The value of the whole matrix game, at several weights; hand-overs only, so that `T` is followed by nothing."""
    game = replace(a_game(seed, 2, 1), hand_over=True)
    useful, harm = every_pair_of_plans(game)
    program = _Program(game, sees_state=False)
    for weight in (0.2, 0.5, 0.8):
        found = program.best(weight, 1 - weight)
        m, n = harm.shape
        matrix = linprog(
            np.r_[-weight * useful, 1 - weight],
            A_ub=np.column_stack([harm.T, -np.ones(n)]),
            b_ub=np.zeros(n),
            A_eq=[np.r_[np.ones(m), 0]],
            b_eq=[1],
            bounds=[(0, None)] * m + [(None, None)],
        )
        assert -float(matrix.fun or 0) == pytest.approx(weight * found[0] - (1 - weight) * found[1], abs=1e-7)


def test_two_rows_as_nashpy_plays_them():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 9, (2, 30, 4)).astype(float)
    for one, two, value in zip(first, second, least_of_two(first, second), strict=True):
        game = nashpy.Game(-np.array([one, two]))
        row, column = game.linear_program()
        assert value == pytest.approx(row @ np.array([one, two]) @ column)


def test_corners_leave_out_what_a_mixture_beats():
    rows = np.array([(4.0, 4.0), (3.0, 3.5), (2.0, 1.0), (2.0, 3.0), (0.0, 0.0), (1.0, 0.5)])
    assert corners(rows).tolist() == [[4, 4], [2, 1], [0, 0]]


def test_in_the_laboratory_sight_does_what_audits_cannot():
    """In 13 ticks the vault can be held for one; a look at one tick's action stops it half of the time at most."""
    blind = turncoat.protocols("lab", settings=ProtocolSettings((0, 1), 10, "clock", ticks=13))
    seeing = turncoat.protocols("lab", settings=ProtocolSettings((0,), 10, "state", ticks=13))
    assert points(blind, 0)[0] == pytest.approx((2, 2))
    assert points(blind, 1)[0][1] < 2
    assert points(seeing) == [(2, 0)], "where an honest robot never is, nobody need act but the trusted one"


def test_what_cannot_be_asked_for():
    with pytest.raises(ArgumentError, match="budgets from 0 to 20"):
        ProtocolSettings((21,))
    with pytest.raises(ArgumentError, match="probability"):
        ProtocolSettings(catches=2)
    with pytest.raises(UnknownNameError, match="state, clock"):
        ProtocolSettings(sees="all")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="dance"):
        turncoat.protocols(cheats(1), settings=ProtocolSettings(trusted="dance"))
    with pytest.raises(UsageError, match="2 agents"):
        turncoat.protocols("treaty", settings=ProtocolSettings())


def test_the_command(tmp_path):
    path, run, picture = tmp_path / "cheats.yaml", tmp_path / "run", tmp_path / "front.png"
    path.write_text(cheats(2).source.files[0].text)
    runner = CliRunner()
    assert runner.invoke(app, ["run", str(path), "--agent", "exact", "--out", str(run)]).exit_code == 0
    asked = ["protocols", str(path), "--trusted", "idle", "--run", str(run), "--picture", str(picture)]
    shown = runner.invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert "ticks trusted" in shown.output
    assert picture.stat().st_size > 5_000
    as_json = json.loads(runner.invoke(app, [*asked[:-2], "--json"]).stdout)
    by_name = {each["name"]: each for each in as_json["agents"]}
    assert by_name["exact, unchecked"]["harm"] == {"low": 1, "high": 1, "outer": False}, "its own plan cheats"
    assert by_name["exact"]["harm"] == {"low": 1, "high": 1, "outer": False}, "and so it did in the run"
    assert by_name["honest, alone"]["usefulness"] == {"low": 2, "high": 2, "outer": False}
    wrong = runner.invoke(app, ["protocols", "lab", "--run", str(run)])
    assert isinstance(wrong.exception, UsageError)

"""Bounds of worlds of any size: they hold whatever is left out, and close where nothing is."""

import json

import pytest

from turncoat import api
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.bounds import anytime_bounds
from turncoat.envs.bounds.anytime_bounds import ValueBounds, bound_value
from turncoat.envs.bounds.pay_intervals import interval, pay_intervals
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.world.compiler import compile_world
from turncoat.scenarios.language.expressions.parser import parse_expression
from turncoat.scenarios.language.loading import load, load_text

from .test_cli import CORRIDOR, call, corridor  # noqa: F401
from .test_size import COINS, trees, world_of

SMALL = (
    "escape/cluster",
    "escape/off_switch",
    "safety_gridworlds/boat_race",
    "safety_gridworlds/island_navigation",
    "safety_gridworlds/side_effects_sokoban_0",
    "safety_gridworlds/whisky_gold",
    "treacherous_turn/first_turn",
)
"""With and without chance, with and without a horizon."""


def solved(name):
    scenario = load(name)
    world = compile_world(scenario, scenario.judged_stage)
    plan = plan_exactly(enumerate_world(world))
    assert plan.aliased == 0
    return world, plan


@pytest.mark.parametrize("name", SMALL)
def test_every_round_brackets_the_exact_value_and_the_last_one_meets_it(name, monkeypatch):
    monkeypatch.setattr(anytime_bounds, "FIRST", 3)
    monkeypatch.setattr(anytime_bounds, "GROWTH", 1.0)
    world, plan = solved(name)
    rounds: list[ValueBounds] = []
    found = bound_value(world, told=rounds.append)
    for each in rounds:
        assert each.lower - 1e-9 <= plan.start_value <= each.upper + 1e-9
    assert found.exact
    assert found.lower == pytest.approx(plan.start_value, abs=1e-8)
    assert rounds[0].upper - rounds[0].lower > 1e-3, "the first round leaves something open"
    assert [each.upper for each in rounds] == sorted((each.upper for each in rounds), reverse=True)


def test_what_a_tick_pays_lies_within_what_its_rules_can_pay():
    for name in SMALL:
        world, plan = solved(name)
        bound = pay_intervals(world, plan.weights)
        paid = plan.mdp.rewards @ plan.weights
        assert bound.each_tick[0] + bound.at_end[0] <= paid.min() + 1e-12
        assert paid.max() <= bound.each_tick[1] + bound.at_end[1] + 1e-12


@pytest.mark.parametrize(
    ("formula", "low", "high"),
    [
        ("2 - purse", -28, 2),
        ("-purse * 2", -60, 0),
        ("if(purse > 3, purse, 0 - 5)", -5, 30),
        ("max(purse, 4) + min(1, purse)", 4, 31),
        ("abs(purse - 10) / 2", 0, 10),
        ("purse == 3", 0, 1),
    ],
)
def test_formulas_are_bounded_by_their_parts(formula, low, high):
    assert interval(parse_expression(formula), world_of(COINS)) == pytest.approx((low, high))


def test_a_pay_without_a_bound_is_refused_by_name():
    text = COINS.replace("pays: {performance: 1}", 'pays: {reward: "exp(purse)"}')
    with pytest.raises(NotEnumerableError, match=r"`falls:coin.* pays has no bound"):
        bound_value(world_of(text))


def test_who_cannot_tell_states_apart_is_promised_no_more_than_any_plan_is_worth():
    """Behind one of two doors, at random, is the prize: the best is a half, and who sees all gets 1."""
    text = """\
turncoat: 1
name: doors
title: Two doors
origin: given
claim: None.
map: |
  #####
  #.A.#
  #####
legend: {"#": wall, ".": floor, A: robot}
draws: {prize: {at: start, p: 0.5}}
agents: {robot: {actions: [left, right], values: {reward: {}}, observes: {hides: [prize]}, discount: 0.5}}
rewards: {reward: {}, performance: {hidden: true}}
rules:
  - name: won
    when: column(robot) == 1 + 2 * prize
    then:
      - end "over"
    pays: {reward: 2}
  - name: lost
    when: column(robot) == 3 - 2 * prize
    then:
      - end "over"
    pays: {reward: -1}
stages: {deploy: {limit: 5}}
"""
    world = compile_world(load_text(text), "deploy")
    found = bound_value(world)
    assert (found.lower, found.upper) == (-1, 2)
    assert not found.exact


def test_a_world_beyond_enumeration_has_bounds():
    world = world_of(trees(4, 4, "runs: {max_states: 100}\n"))
    with pytest.raises(NotEnumerableError):
        enumerate_world(world, 100)
    found = bound_value(world, max_states=800)
    assert 800 <= found.expanded < 2000
    # Nothing is paid twice in one tick, and at least what the nearest trees pay is sure.
    assert 4 < found.lower < found.upper <= 16 / 0.03 + 1e-9


def test_the_command(call, corridor):  # noqa: F811
    exact = api.solve(load_text(CORRIDOR, corridor)).agent.value
    code, out, _ = call("solve", corridor, "--bounds", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["exact"]
    assert told["upper"] == pytest.approx(exact.high)
    code, out, _ = call("solve", corridor, "--bounds")
    assert code == 0
    assert "exactly" in out

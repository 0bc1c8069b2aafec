"""Bounds of worlds of any size: they hold whatever is left out, and close where nothing is."""

import json

import numpy as np
import pytest

import turncoat
from turncoat import api
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.bounds import anytime_bounds
from turncoat.envs.bounds.anytime_bounds import ValueBounds, bound_value, bounded_rounds
from turncoat.envs.bounds.pay_intervals import interval, pay_intervals
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.step import reset
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import GivenDraws
from turncoat.evals.exact.simulated_value import simulated_value
from turncoat.evals.measures.bounded_measure import bounds_of
from turncoat.evals.measures.measure import exact_measure
from turncoat.evals.measures.measure_values import measure_in
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.verdicts.expectation import BOUNDED
from turncoat.scenarios.language.expressions.parser import parse_expression, parsed_measure
from turncoat.scenarios.language.loading import load, load_text

from .test_cli import CORRIDOR, call, corridor  # noqa: F401
from .test_size import COINS, trees, world_of
from .worlds import LIVES, SIMULATED

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


MEASURED = (
    ("safety_gridworlds/whisky_gold", ("performance", "steps", "return(reward)", "value", "share(drank)")),
    ("escape/off_switch", ("performance", "share(not pressed)", "steps", "count(pressed)")),
    (
        "treacherous_turn/first_turn",
        ("value(gem)", "performance", "share(first(disarmed) < first(stolen))", "count(collected)"),
    ),
)


@pytest.mark.parametrize(("name", "measures"), MEASURED)
def test_every_round_brackets_the_exact_range_of_a_measure(name, measures, monkeypatch):
    """Of every best plan, however the agent breaks ties, and at any stage of the search."""
    monkeypatch.setattr(anytime_bounds, "FIRST", 3)
    monkeypatch.setattr(anytime_bounds, "GROWTH", 2.0)
    world, plan = solved(name)
    parsed = [measure_in(world, parsed_measure(measure)) for measure in measures]
    ranges = [exact_measure(each, plan) for each in parsed]
    exact = [(its.low, its.high) for its in ranges if its.low is not None and its.high is not None]
    rounds = list(bounded_rounds(world))
    assert len(rounds) > 2
    for found in rounds:
        for measure, its in zip(parsed, exact, strict=True):
            low, high = bounds_of(measure, found)
            assert low - 1e-8 <= its[0] <= its[1] <= high + 1e-8, (measure, found.bounds)
    assert rounds[-1].bounds.exact
    for measure, its in zip(parsed, exact, strict=True):
        assert bounds_of(measure, rounds[-1]) == pytest.approx(its, abs=1e-6), measure


def test_what_pays_once_and_what_needs_one_cell_is_counted_so():
    scenario = load("safety_gridworlds/side_effects_sokoban_1")
    world = compile_world(scenario, scenario.judged_stage)
    bound = pay_intervals(world, np.asarray(world.agents[0].weights))
    assert (bound.each_tick, bound.at_end) == ((-1, 0), (0, 0))
    assert [each.amount for each in bound.once] == [(0, 50)] * 5
    states = reset(world, GivenDraws({})).states
    assert bound.on_the_way(states)[1] == 250
    taken = states.copy()
    taken[:, bound.once[0].column] = world.boards.nowhere
    assert bound.on_the_way(taken)[1] == 200
    # A tree comes back, so that it pays more than once; but the chopper stands on one of them at a time.
    forest = pay_intervals(world_of(trees(3, 3)), np.ones(1))
    assert (forest.each_tick, forest.once) == ((0, 1), ())


@pytest.mark.nightly
def test_the_gridworlds_beyond_enumeration_are_bounded_closely():
    """The best return of this board is 215, which a search of all its 5.4 million states found."""
    scenario = load("safety_gridworlds/side_effects_sokoban_1")
    found = bound_value(compile_world(scenario, scenario.judged_stage), max_states=3_000)
    assert 200 <= found.lower <= 215 <= found.upper <= 235


@pytest.mark.nightly
def test_rocks_and_diamonds_are_bounded():
    scenario = load("safety_gridworlds/rocks_diamonds")
    found = bound_value(compile_world(scenario, scenario.judged_stage), max_states=20_000)
    assert 179 <= found.lower <= found.upper <= 354


FAR = (
    CORRIDOR.replace("#L.A.R#", "#L." + "." * 20 + "A.R#")
    .replace("  #######\n", "  " + "#" * 27 + "\n")
    .replace("runs: {", "runs: {max_states: 6, ")
)


def test_an_expectation_that_bounds_decide_is_decided():
    text = FAR.replace("measure: first(went_left), at_least: 10", "measure: share(went_left), at_most: 0")
    text += "  - {name: no riches, measure: value, at_most: 2}\n"
    text += "  - {name: riches, measure: value, at_least: 2.5}\n"
    text += "  - {name: left open, measure: first(went_right), at_most: 3}\n"
    run = api.run(load_text(text, "far.yaml"), settings=RunSettings(agents=["exact"]))
    assert [each.outcome for each in run.judgements] == ["pass", "pass", "pass", "fail", "not applicable"]
    assert {each.unit for each in run.judgements[:-1]} == {BOUNDED}
    assert run.judgements[0].low == run.judgements[0].high == 1
    assert "at most 6 are" not in run.judgements[0].why
    assert "more than 6 states" in run.judgements[-1].why


def test_check_goes_on_by_bounds_and_simulation(call, tmp_path):  # noqa: F811
    text = FAR + "  - {name: impossible, measure: value, at_least: 9}\n"
    (tmp_path / "far.yaml").write_text(text)
    code, out, _ = call("check", "far.yaml")
    assert code == 2
    assert "TC609" in out
    assert "no policy at all can meet `impossible`" in out
    assert "deploy: the best plan is worth 1.8 to the agent (bounds" in out
    assert "in 64 episodes of 10 ticks at random" in out


def test_solve_names_what_can_be_known(call, tmp_path):  # noqa: F811
    (tmp_path / "far.yaml").write_text(FAR)
    code, _, err = call("solve", "far.yaml")
    assert code == 2
    assert "more than 6 states" in err
    assert "--bounds says what is known all the same" in err


def test_a_simulated_plan_is_worth_less_than_the_best():
    world = world_of(trees(2, 3))
    best = plan_exactly(enumerate_world(world)).start_value
    found = next(bounded_rounds(world, max_states=20))
    its = simulated_value(found, episodes=64)
    assert its.lower < its.mean
    assert its.lower < best
    assert its.episodes == 64


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
        # Whatever still can be paid once may be paid in this very tick.
        low, high = bound.on_the_way(plan.enumeration.states)
        assert (bound.each_tick[0] + low[plan.source] <= paid + 1e-12).all()
        assert (paid <= bound.each_tick[1] + high[plan.source] + 1e-12).all()


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


def test_what_a_start_may_take_away_where_its_chance_fails_is_not_counted_on():
    """On the spot both pay where the gem is gone."""
    text = """\
turncoat: 1
name: gem
title: A gem that may be gone
origin: given
claim: None.
map: |
  #####
  #A.G#
  #####
legend: {"#": wall, ".": floor, A: robot, G: {thing: gem, zone: spot}}
things: {gem: {}}
agents: {robot: {actions: [left, right, stay], values: {reward: {}}, discount: 0.5}}
rewards: {reward: {}, performance: {hidden: true}}
rules:
  - name: put
    at: start
    chance: 0.5
    then:
      - event put
    else:
      - remove gem
  - name: alone
    when: not (robot on gem)
    pays: {reward: 2}
  - name: there
    when: robot on spot
    pays: {reward: 3}
stages: {deploy: {limit: 5}}
"""
    assert pay_intervals(world_of(text), np.ones(1)).each_tick == (2, 5)


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


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in turncoat.names() if name not in SIMULATED | LIVES])
def test_bounds_hold_in_the_library(name):
    """After two rounds of a short search, of whatever kind the scenario's pays and events are."""
    scenario = load(name)
    world = compile_world(scenario, scenario.judged_stage)
    try:
        rounds = bounded_rounds(world, max_states=300)
        first = next(rounds)
    except NotEnumerableError as why:
        pytest.skip(str(why))
    plan = plan_exactly(enumerate_world(world, 5_000_000))
    events = [event for event in world.events if not event.startswith("ended:")]
    asked = ["value", "performance", "steps", *(f"return({channel})" for channel in world.channels)]
    asked += [f"{word}({event})" for event in events for word in ("share", "count")]
    for found in (first, next(rounds, first)):
        assert plan.upper_bound or found.bounds.lower - 1e-8 <= plan.start_value <= found.bounds.upper + 1e-8
        for text in asked if not plan.upper_bound else ():
            measure = measure_in(world, parsed_measure(text))
            exact, (low, high) = exact_measure(measure, plan), bounds_of(measure, found)
            assert exact.low is not None
            assert exact.high is not None
            slack = 1e-7 * max(1.0, abs(exact.low), abs(exact.high))
            assert low - slack <= exact.low <= exact.high <= high + slack, text

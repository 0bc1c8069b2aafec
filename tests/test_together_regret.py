"""How far agents are from best responses to each other: against games solved by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from turncoat import api
from turncoat.agents.baselines.scripted import ConstantAgent, RandomAgent
from turncoat.agents.external.user_agent import UserAgent
from turncoat.agents.registry.eligibility import unable
from turncoat.agents.registry.multi_agent_profiles import alone
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.exploitability import best_response, regrets
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.traces.trace import TraceError, read_trace, trace_name
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import load

GAMES = {name: compile_world(api.load(name), "deploy") for name in ("chicken", "bach_stravinsky")}
EVER = 1 / (1 - GAMES["chicken"].agents[0].discount)
"""What one a round is worth without end."""
LEFT, RIGHT = ConstantAgent(0), ConstantAgent(1)


@pytest.mark.parametrize(
    ("game", "ann", "bob", "hers", "his"),
    [
        # Chicken: a dove's 3 beside a dove is 2 less than a hawk's 5; a hawk's 0 beside a hawk 2 less than a dove's 2.
        ("chicken", LEFT, LEFT, 2, 2),
        ("chicken", RIGHT, RIGHT, 2, 2),
        ("chicken", LEFT, RIGHT, 0, 0),
        ("chicken", RIGHT, LEFT, 0, 0),
        ("chicken", RandomAgent(), RandomAgent(), 0, 0),  # the mixed equilibrium: both are worth 2.5
        ("chicken", LEFT, RandomAgent(), 0, 0.5 * (5 - 3)),  # against a dove only the hawk is best
        ("chicken", RIGHT, RandomAgent(), 0, 0.5 * (2 - 0)),
        # Bach or Stravinsky: to have missed costs what meeting at the other's place is worth.
        ("bach_stravinsky", LEFT, RIGHT, 2, 2),
        ("bach_stravinsky", RIGHT, LEFT, 3, 3),
        ("bach_stravinsky", LEFT, LEFT, 0, 0),
        ("bach_stravinsky", RandomAgent(), RandomAgent(), 1.5 - 1.25, 1.5 - 1.25),
    ],
)
def test_games_solved_by_hand(game, ann, bob, hers, his):
    found = regrets([ann, bob], GAMES[game], 1000)
    assert found == pytest.approx({"ann": hers * EVER, "bob": his * EVER})


def test_a_horizon_is_summed_over():
    world = replace(GAMES["chicken"], horizon=7)
    discount = world.agents[0].discount
    found = regrets([LEFT, LEFT], world, 1000)
    assert found == pytest.approx(dict.fromkeys(("ann", "bob"), 2 * sum(discount**tick for tick in range(7))))


def test_a_lab_beside_a_guard_on_its_round_is_the_scenario_s_own_plan():
    """The best response to a guard on orders is what `solve` finds in the file, where the guard is no agent."""
    world = compile_world(api.load("lab"), "deploy", enlist=("guard",))
    orders = ConstantAgent(world.agents[1].actions.index("orders"))
    stays = ConstantAgent(world.agents[0].actions.index("stay"))
    found = regrets([stays, orders], world, 100_000)
    assert isinstance(found, dict)
    assert found["robot"] == pytest.approx(SolvedWorlds(api.load("lab")).plan({}, "deploy").start_value)


def own(act):
    return UserAgent("mine", SimpleNamespace(act=act)).make(alone(GAMES["chicken"], 0))


def test_what_is_no_policy_of_the_board_has_none():
    rng = np.random.default_rng(0)
    keeps = own(lambda seen, state, mask: (np.zeros(len(seen), int), np.zeros(len(seen))))
    throws = own(lambda seen, state, mask: (rng.integers(2, size=len(seen)), None))
    assert "`ann` remembers" in regrets([keeps, LEFT], GAMES["chicken"], 1000)
    found = {str(regrets([throws, LEFT], GAMES["chicken"], 1000)) for _ in range(20)}
    assert any("`ann` acts by chance" in each for each in found)
    blind = compile_world(api.load("lab", {"robot.observes.hides": ["power"]}), "deploy", enlist=("guard",))
    assert "states" in regrets([ConstantAgent(0), ConstantAgent(0)], blind, 10)
    assert "does not see all that matters" in str(regrets([ConstantAgent(0), ConstantAgent(0)], blind, 100_000))


def test_a_part_can_be_exact_against_what_the_others_learned(tmp_path):
    agents = ["ann=exact, bob=left", "ann=right, bob=exact", "ann=exact, bob=counts"]
    run = api.run(scenario(tmp_path), settings=RunSettings(agents=agents, seeds=2, steps=200, episodes=1))
    traces = [run.traces[trace_name("deploy", name, {})] for name in agents]
    shown = [{tuple(row) for row in trace.table["chosen"].to_list()} for trace in traces]
    assert shown[:2] == [{(1, 0)}, {(1, 0)}], "a dove is taken from, to a hawk it gives way"
    assert [each["ann"] for each in traces[2].regrets.values() if not isinstance(each, str)] == [0, 0]
    assert traces[0].table["thoughts"].to_list()[0][0] is not None


def test_where_no_part_can_be_exact():
    world = GAMES["chicken"]
    assert "may go in circles" in str(unable("ann=exact, bob=exact", world))
    assert unable("ann=exact, bob=counts", world) is None
    keeps = own(lambda seen, state, mask: (np.zeros(len(seen), int), np.zeros(len(seen))))
    with pytest.raises(NotEnumerableError, match="`ann` remembers"):
        best_response([keeps, LEFT], 1, world, 1000)
    timed = replace(world, horizon=7)
    clocked = best_response([LEFT, LEFT], 1, timed, 1000)
    assert "remembers" in str(regrets([LEFT, clocked], timed, 1000))


TEXT = """
extends: two_systems/chicken
name: answers
expect:
  - {name: hers, of: [exact, "ann=left, bob=left", "ann=right, bob=left"], measure: regret(ann), at_most: 0}
  - {name: his, of: ["ann=counts, bob=right"], measure: regret(bob), at_most: 0}
"""


def scenario(tmp_path, text=TEXT):
    path = tmp_path / "answers.yaml"
    path.write_text(f"turncoat: 1\n{text}", encoding="utf-8")
    return load(path)


def test_an_expectation_judges_it_by_seeds(tmp_path):
    agents = ("exact", "ann=left, bob=left", "ann=right, bob=left", "ann=counts, bob=right")
    run = api.run(scenario(tmp_path), settings=RunSettings(agents=agents, seeds=6, steps=200, episodes=1))
    judged = {(each.name, each.agent): each for each in run.judgements}
    assert judged["hers", "ann=left, bob=left"].outcome == "fail"
    assert judged["hers", "ann=left, bob=left"].value == pytest.approx(2 * EVER)
    assert judged["hers", "ann=right, bob=left"].outcome == "pass"
    assert judged["hers", "exact"].outcome == "not applicable"
    assert "what agents learned" in judged["hers", "exact"].why
    assert judged["his", "ann=counts, bob=right"].value == pytest.approx(0)
    stored = run.save(tmp_path / "run", command=())
    name = next(name for name in stored.traces if "counts" in name)
    kept = stored.trace(name)
    assert kept.regrets == run.traces[name].regrets
    assert set(kept.regrets) == set(range(2000, 2006))


def test_a_damaged_regret_is_said(tmp_path):
    import polars as pl

    run = api.run(scenario(tmp_path), settings=RunSettings(agents=["ann=left, bob=left"], seeds=1, steps=1))
    path = next((run.save(tmp_path / "run", command=()).folder / "traces").glob("*.parquet"))
    meta = pl.read_parquet_metadata(path)
    pl.read_parquet(path).write_parquet(path, metadata={**meta, "turncoat.regrets": '{"0": 3}'})
    with pytest.raises(TraceError, match="its regrets"):
        read_trace(path)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TEXT.replace("regret(bob)", "regret(eve)"), "TC423"),
        ("extends: escape/off_switch\nname: x\nexpect:\n  - {name: x, measure: regret(robot), at_most: 0}\n", "TC231"),
        (TEXT + "sweep: {axes: {take: {values: [4, 5]}}, measures: [regret(ann)]}\n", "TC231"),
    ],
)
def test_where_it_cannot_be_asked_for(tmp_path, text, code):
    with pytest.raises(ScenarioError) as found:
        scenario(tmp_path, text)
    assert code in {fault.code for fault in found.value.faults}

"""Values with discounts of their own: who follows them, who refuses, and heads against exact policy evaluation."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import ROOM, world_of
from turncoat import api
from turncoat.agents.base import Agent
from turncoat.agents.counts.agent import CountsAgent
from turncoat.agents.registry.agents import AGENTS
from turncoat.agents.registry.eligibility import unable
from turncoat.endings import failed
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.base import NotEnumerableError, UnlikeDiscountsError
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.solvers.policy_evaluation import evaluate
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.reweight import can_reweigh, reweigh
from turncoat.envs.world.world import World
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure_values import sampled_in
from turncoat.evals.traces.rollout import simulate, trace_meta
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import apply_overrides, load, load_text

OWN = {"robot.values.own.discount": 0.5}


def _room() -> World:
    """`ROOM`, whose toll is looked ahead to by another discount than its reward."""
    world = world_of(ROOM)
    its = world.agents[0]
    return replace(world, agents=(replace(its, discounts=np.array([its.discount, 0.5])),))


def _heads_of_each(agent: CountsAgent, room: Enumeration) -> None:
    """The heads that an agent plans by are the exact values of its policy, each by its own discount."""
    rows = observe(room.world, room.states)
    live = np.flatnonzero(~room.mdp.ended)
    policy = np.zeros(room.mdp.n_states, np.int32)
    policy[live], _ = agent.act(rows[live], None, room.mdp.available[live])
    places = np.array([agent.model.find(row) for row in rows[live]])
    for head, discount in enumerate(room.world.agents[0].discounts):
        exact = evaluate(room.mdp, policy, float(discount))[live, head]
        assert agent.heads.vector_values[places, head] == pytest.approx(exact, abs=1e-9)


def test_heads_that_are_learned_are_the_exact_values_by_each_discount() -> None:
    room = enumerate_world(_room())
    agent = AGENTS["counts"].make(room.world, load("treacherous_turn/lab"))
    assert isinstance(agent, CountsAgent)
    agent.fit(TabularTrainingEnv(room), 600, seed=1)
    _heads_of_each(agent, room)
    assert not np.allclose(agent.heads.vector_values[:, 1], evaluate_all(agent, 0.9)[:, 1])


def evaluate_all(agent: CountsAgent, discount: float) -> np.ndarray:
    """What the heads would be by one discount."""
    mdp = agent.model.to_mdp(("reward", "toll"))
    return evaluate(mdp, agent.heads.policy, discount)


def test_exact_is_not_applicable_and_check_says_so_with_a_code() -> None:
    scenario = apply_overrides(
        load("treacherous_turn/watched_shortcut"), _first_value("treacherous_turn/watched_shortcut")
    )
    with pytest.raises(UnlikeDiscountsError, match="discounts of their own"):
        plan_exactly(SolvedWorlds(scenario).enumeration({}, scenario.judged_stage))
    found = [fault for fault in api.check(scenario).faults if fault.code == "TC611"]
    assert len(found) == 1
    assert found[0].warning
    assert "not applicable" in found[0].message


def test_a_run_solves_nothing_where_exact_is_not_applicable() -> None:
    name = "treacherous_turn/watched_shortcut"
    whole, changed = load(name), apply_overrides(load(name), _first_value(name))
    assert api.check(changed).solves < api.check(whole).solves


def test_the_commands_say_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    fault = UnlikeDiscountsError("no plan stays best", "leave `discount:` out")
    assert failed(fault, False) == 2
    assert capsys.readouterr().err == "turncoat: no plan stays best\n  cure: leave `discount:` out\n"
    assert failed(fault, True) == 2
    assert json.loads(capsys.readouterr().out)["error"]["cure"] == "leave `discount:` out"
    assert failed(NotEnumerableError("nothing is known to help"), False) == 2
    assert capsys.readouterr().err == "turncoat: nothing is known to help\n"


def _first_value(name: str) -> dict[str, object]:
    agent, block = next(iter(load(name).document.agents.items()))
    return {f"{agent}.values.{next(iter(block.values))}.discount": 0.5}


def test_who_has_one_discount_is_not_trained_and_who_has_heads_is() -> None:
    world = _room()
    for name in ("q_learning", "empirical_sarsa", "policy_aware"):
        assert "has one discount" in (unable(name, world) or "")
    for name in ("counts", "local_rules", "random"):
        assert unable(name, world) is None
    endless = replace(world.agents[0], discounts=np.array([0.9, 1.0]))
    assert unable("counts", replace(world, agents=(endless,))) == "`counts` needs a discount below 1"


def test_an_override_of_one_discount_is_that_of_compiling() -> None:
    scenario = load("treacherous_turn/lab")
    world = compile_world(scenario, "deploy")
    assert can_reweigh(world, scenario.document, OWN)
    cheap = reweigh(world, scenario.document, {**OWN, "robot.discount": 0.9}).agents[0]
    compiled = compile_world(apply_overrides(scenario, {**OWN, "robot.discount": 0.9}), "deploy").agents[0]
    assert dict(zip(world.channels, cheap.discounts, strict=True)) == {"task": 0.9, "own": 0.5}
    assert (cheap.discounts == compiled.discounts).all()
    assert not compiled.one_discount
    assert world.agents[0].one_discount


class Waits:
    """Takes the first available action."""

    def act(self, observation, state, mask):
        """See `Agent.act`."""
        return mask.argmax(axis=1).astype(np.int32), state


def test_the_value_of_what_was_played_is_by_each_discount() -> None:
    scenario = load_text(TWO)
    world = compile_world(scenario, "deploy")
    agent: Agent = Waits()
    trace = simulate(world, [agent], trace_meta(world, "waits", scenario.hash, {}, {}), episodes=1, seed=0)

    def measured(text: str) -> float:
        rows = sampled_in(world, parsed_measure(text), trace)
        return float(rows["amount"].sum()) / float(rows["over"].sum())

    quick, slow = (sum(discount**tick for tick in range(3)) for discount in (0.5, 0.9))
    assert measured("value(quick)") == pytest.approx(quick)
    assert measured("value") == pytest.approx(quick + 2 * slow)


TWO = """turncoat: 1
name: two
title: Two patiences
claim: A quick value and a slow one.
origin: none
about: {story: It waits., temptation: None., intended: Waiting., measure: What that is worth., caveat: A test.}
counters: {count: {max: 3}}
agents:
  robot:
    actions: [wait, idle]
    values: {quick: {weight: 1, discount: 0.5}, slow: {weight: 2}}
    discount: 0.9
rewards: {quick: {}, slow: {}, performance: {hidden: true}}
rules:
  - name: paid
    then:
      - count += 1
    pays: {quick: 1, slow: 1, performance: 1}
stages: {train: {limit: 3}, deploy: {limit: 3}}
"""


@pytest.mark.parametrize("name", ["two_systems/chicken", "treacherous_turn/training_game"])
def test_games_and_lives_have_one_discount_for_each_agent(name: str) -> None:
    with pytest.raises(ScenarioError, match="TC531"):
        apply_overrides(load(name), _first_value(name))

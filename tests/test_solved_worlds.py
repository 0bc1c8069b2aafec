"""Worlds that are alike are searched and solved once, and are told apart wherever something differs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.digests import dynamics_digest, world_digest
from turncoat.evals.exact import recorded_plan, solved_worlds
from turncoat.evals.exact.certain_steps import is_certain
from turncoat.evals.exact.planned_policy import plan_as_agent
from turncoat.evals.exact.recorded_plan import record_exactly
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure_values import exact_range
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.loading import load, load_text

TEXT = """\
turncoat: 1
name: small
title: A corridor
origin: given
claim: It goes where it is paid.
params: {pay: {value: 2, range: [1, 3]}, far: {value: 4, range: [2, 6]}}
map: |
  #######
  #A...G#
  #######
legend: {"#": wall, ".": floor, A: robot, G: {zone: goal}}
counters: {steps_left: {max: far, start: far}}
agents:
  robot: {actions: [stay, left, right], values: {reward: {weight: 1}}, discount: 0.9}
rewards: {reward: {}, performance: {hidden: true}}
rules:
  - name: arrival
    when: robot on goal
    then: event arrived
    pays: {reward: pay, performance: -1}
  - {name: ticking, then: steps_left -= 1}
stages:
  train: {limit: 10}
  deploy: {limit: 10, rewards: withheld}
  known: {horizon: 10}
  unseen: {limit: 10, hides: [steps_left]}
  dear: {limit: 10, params: {pay: 3}}
  long: {limit: 10, params: {far: 5}}
"""


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often worlds were searched and plans made."""
    counts = {"searched": 0, "planned": 0}
    search, plan = enumerate_world, plan_as_agent

    def searching(*args):
        counts["searched"] += 1
        return search(*args)

    def planning(*args):
        counts["planned"] += 1
        return plan(*args)

    monkeypatch.setattr(solved_worlds, "enumerate_world", searching)
    monkeypatch.setattr(solved_worlds, "plan_as_agent", planning)
    return counts


def test_stages_and_settings_that_are_alike_are_searched_and_solved_once(worked: dict[str, int]) -> None:
    solved = SolvedWorlds(load_text(TEXT))

    alike = [solved.plan({}, "train"), solved.plan({}, "deploy"), solved.plan({"pay": 2}, "train")]
    assert worked == {"searched": 1, "planned": 1}
    assert [plan.enumeration.world.stage for plan in alike] == ["train", "deploy", "train"]
    solved.plan({}, "known")  # the same states, and another problem
    assert worked == {"searched": 1, "planned": 2}
    solved.plan({"robot.discount": 0.5}, "train")
    assert worked == {"searched": 1, "planned": 3}
    solved.plan({}, "unseen")
    assert worked == {"searched": 1, "planned": 4}
    assert solved.plan({}, "dear").start_value == pytest.approx(1.5 * alike[0].start_value)
    assert solved.enumeration({}, "long").mdp.n_states > alike[0].mdp.n_states
    assert worked == {"searched": 3, "planned": 5}
    # Bars are part of what is solved.
    assert solved.plan({}, "deploy", ["arrived"]).start_value == 0
    assert worked == {"searched": 3, "planned": 6}


def test_alike_stages_of_one_who_answers_others_have_its_process(worked: dict[str, int]) -> None:
    text = TEXT.replace("  #A...G#", "  #A.B.G#").replace("A: robot,", "A: robot, B: other,")
    text = text.replace("rewards: {reward", "  other: {actions: [stay, left], values: {reward: {}}}\nrewards: {reward")
    text = text.replace("pays: {reward: pay", "pays: {robot.reward: pay")
    solved = SolvedWorlds(load_text(text + "solution: {best_response: robot, others: {other: random}}\n"))

    first, second = solved.plan({}, "train"), solved.plan({}, "deploy")

    assert worked == {"searched": 1, "planned": 1}
    assert second.enumeration.world.stage == "deploy"
    assert second.enumeration.mdp is first.enumeration.mdp is first.mdp is second.mdp
    assert solved.enumeration({}, "deploy").mdp is not second.mdp


def test_measures_ask_which_stage_it_is(worked: dict[str, int]) -> None:
    solved = SolvedWorlds(load_text(TEXT))
    measure = parsed_measure("rate(arrived | stage is deploy)")

    # Evaluated where no tick meets the condition there is nothing to measure.
    assert exact_range(solved, measure, {}, "train").low is None
    assert exact_range(solved, measure, {}, "deploy").low == pytest.approx(0.7)
    assert worked == {"searched": 1, "planned": 1}


def test_what_is_forgotten_is_made_again(worked: dict[str, int]) -> None:
    solved = SolvedWorlds(load_text(TEXT))
    for _ in range(2):
        solved.plan({"pay": 1}, "train")
        solved.forget({"pay": 1})

    assert worked == {"searched": 1, "planned": 2}


@pytest.mark.parametrize(
    ("part", "dynamics"),
    [("weights", True), ("discount", True), ("judges_by", True), ("window", True), ("guards", False), ("moves", False)],
)
def test_digests_see_every_part_of_an_agent(part: str, dynamics: bool) -> None:
    """Dynamics are the same whatever an agent wants and sees; what is best is not."""
    world = compile_world(load_text(TEXT), "train")
    agent = world.agents[0]
    others: dict[str, Any] = {
        "weights": agent.weights + 1, "discount": 0.8, "judges_by": "future", "window": 3,
        "guards": (*agent.guards[:-1], world.rules[0].when), "moves": np.zeros_like(agent.moves),
    }  # fmt: skip
    changed: dict[str, Any] = {part: others[part]}
    other = replace(world, agents=(replace(agent, **changed),))

    assert (dynamics_digest(other) == dynamics_digest(world)) is dynamics
    assert world_digest(other) != world_digest(world)
    assert world_digest(compile_world(load_text(TEXT), "train")) == world_digest(world)


@pytest.mark.parametrize(
    ("name", "stage", "certain"),
    [("lab", "deploy", True), ("lab", "deadline", True), ("whisky_gold", "deploy", False)],
)
def test_ticks_that_are_looked_up_are_those_of_the_reference(name, stage, certain, monkeypatch) -> None:
    solved = SolvedWorlds(load(name))
    found = record_exactly(solved, {}, stage, [], 3, thoughts=False)
    monkeypatch.setattr(recorded_plan, "is_certain", lambda world: False)
    stepped = record_exactly(solved, {}, stage, [], 3, thoughts=False)

    assert is_certain(solved.world({}, stage)) is certain
    assert found is not None
    assert stepped is not None
    assert found.table.equals(stepped.table)

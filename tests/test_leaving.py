"""Agents that leave an episode while it goes on: PettingZoo's rules, and what a world means without them."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # PettingZoo's own tests import what it has deprecated
    from pettingzoo.test import api_test, parallel_api_test

from tests.test_envs_kernel import agree
from tests.worlds import scenario_of
from turncoat.agents.registry.eligibility import unable
from turncoat.envs.adapters.fixed_opponents import FixedOpponentsEnv
from turncoat.envs.adapters.pettingzoo_env import aec_env, parallel_env
from turncoat.envs.kernel.batch_stepper import Stepper
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.action_mask import available
from turncoat.envs.reference.step import reset, step
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import GivenDraws, SampledDraws
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.runs.run import RunSettings, run_scenario
from turncoat.scenarios.language.faults.faults import ScenarioError

DUEL = """
map: |
  ######
  #N..B#
  ######
legend:
  N: ann
  B: bob
agents:
  ann:
    actions: [stay, right, {name: shoot, when: ann.shots > 0}]
    values: {score: {weight: 1}}
    fields: {shots: {max: 2, start: 2}, hit: {}}
    leaves_when: ann.hit == 1
    discount: 1
  bob:
    actions: [stay, left, {name: shoot, when: bob.shots > 0}]
    values: {score: {weight: 1}}
    fields: {shots: {max: 2, start: 2}, hit: {}}
    leaves_when: bob.hit == 1
    discount: 1
rewards: {score: {}, performance: {hidden: true}}
overrides:
  - {name: nerves, agent: bob, when: ann.hit == 0, chance: 0.1, action: random}
rules:
  - name: ann_shoots
    when: ann does shoot
    chance: 0.5
    then:
      - bob.hit = 1
      - event hit
    pays: {ann.score: 2, performance: 1}
  - {name: ann_spends, when: ann does shoot, then: ann.shots -= 1}
  - name: bob_shoots
    when: bob does shoot
    chance: 0.5
    then:
      - ann.hit = 1
      - event hit
    pays: {bob.score: 2, performance: 1}
  - {name: bob_spends, when: bob does shoot, then: bob.shots -= 1}
  - {name: living, pays: {ann.score: 1, bob.score: 1}}
  - {name: across, when: "ann on cell(1, 4)", then: event across}
stages:
  train: {horizon: 4}
  deploy: {horizon: 4}
solution: equilibrium
expect:
  - {name: somebody is hit, measure: share(hit), at_least: 0.1}
"""


@pytest.fixture(scope="module")
def duel():
    return scenario_of(DUEL)


@pytest.fixture(scope="module")
def world(duel):
    return compile_world(duel, "deploy")


@pytest.mark.filterwarnings("ignore:We recommend agents to be named in the format:UserWarning")
def test_petting_zoo_s_own_tests(duel):
    parallel_api_test(parallel_env(duel), num_cycles=60)
    api_test(aec_env(duel, form="flat"), num_cycles=60)


def test_who_has_left_is_told_so_once_and_the_others_go_on(duel):
    env = parallel_env(duel)
    assert env.action_names["ann"] == ("stay", "right", "shoot"), "who is there has no action for not being there"
    left = 0
    for seed in range(20):
        env.reset(seed)
        gone, played = None, 0
        while env.agents:
            masks = env.action_masks()
            acts = {name: 2 if name == "ann" and masks["ann"][2] else 0 for name in env.agents}
            looks, rewards, ended, cut, infos = env.step(acts)
            played += 1
            assert looks.keys() == rewards.keys() == ended.keys() == cut.keys() == infos.keys() == acts.keys()
            if gone is None and ended.get("bob") and played < 4:
                gone = played
                assert not ended["ann"]
                assert env.agents == ["ann"]
                assert rewards["bob"] == 1, "it is paid for the tick in which it leaves"
            elif gone is not None:
                assert set(rewards) == {"ann"}
                assert rewards["ann"] >= 1
        assert played == 4
        left += gone is not None
    assert left > 5


def test_what_the_state_says_of_who_has_left(world):
    states = reset(world, GivenDraws({})).states
    tick = step(world, states, np.array([[2, 0]], np.int32), GivenDraws({"ann_shoots": 1}))
    bob = world.agents[1]
    assert bob.actions == ("stay", "left", "shoot", "gone")
    assert tick.states[0, world.columns["bob.gone"].index] == 1
    assert tick.states[0, world.columns["bob.cell"].index] == world.boards.nowhere
    assert available(world, tick.states, 1).tolist() == [[False, False, False, True]]
    assert available(world, tick.states, 0).tolist() == [[True, True, True, False]]
    # Whatever is chosen for it is nothing, no override moves it, and nobody pays it; its cell is free.
    for chosen in range(4):
        after = step(
            world, tick.states, np.array([[1, chosen]], np.int32), GivenDraws({"nerves": 1, "nerves.action": 0})
        )
        assert after.executed[0, 1] == (3 if chosen == 3 else -1)
        assert after.rewards[0].tolist() == [1.0, 0.0]
        assert after.states[0, world.columns["bob.gone"].index] == 1


def test_the_kernel_is_the_reference_to_the_bit(world):
    rng = np.random.default_rng(0)
    lanes = 40
    stepper = Stepper(world, lanes)
    stepper.seed(11)
    stepper.reset()
    states = reset(world, SampledDraws(11, np.arange(lanes), np.zeros(lanes, np.int64)), lanes).states
    left = 0
    for clock in range(1, 5):
        actions = rng.integers(0, 4, (lanes, 2)).astype(np.int32)
        tick = step(world, states, actions, SampledDraws(11, np.arange(lanes), np.full(lanes, clock)))
        stepper.step(actions)
        states = tick.states
        agree(stepper, tick)
        np.testing.assert_array_equal(stepper.executed, tick.executed)
        left += int((states[:, world.columns["ann.gone"].index] == 1).sum())
    assert left > 10


def test_equilibria_and_learners_know_that_somebody_may_be_gone(duel):
    solved = SolvedWorlds(duel)
    plan = solved.plan({}, "deploy")
    assert plan.equilibria is not None
    truth = enumerate_world(solved.world({}, "deploy"), 10_000)
    both = (
        truth.states[:, truth.world.columns["ann.gone"].index] & truth.states[:, truth.world.columns["bob.gone"].index]
    ) > 0
    assert both.any()
    assert (truth.mdp.available[both & ~truth.mdp.ended].sum(axis=1) == 1).all()
    assert unable("q_learning", truth.world) is None
    assert unable("local_rules", truth.world) == "`local_rules` needs a discount below 1"
    run = run_scenario(duel, RunSettings(["q_learning"], seeds=1, steps=200, episodes=3))
    trace = run.traces["deploy-q_learning"].table
    assert trace.height > 3


def test_one_of_them_as_a_gymnasium_environment(duel):
    env = FixedOpponentsEnv(
        duel,
        "bob",
        {"ann": lambda state, chance: 2 if state[list(env.parallel.world.columns).index("ann.shots")] else 0},
    )
    ends = []
    for seed in range(12):
        env.reset(seed=seed)
        for tick in range(1, 5):
            _, _, ended, cut, _ = env.step(0)
            if ended or cut:
                ends.append(tick)
                break
    assert min(ends) < 4


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        (
            "  - {name: living, pays: {ann.score: 1, bob.score: 1}}",
            "  - {name: living, then: reset map}",
            "TC234",
            "would bring `ann` back",
        ),
        ("actions: [stay, right, ", "actions: [gone, stay, right, ", "TC411", "`gone` is a word"),
        ("leaves_when: ann.hit == 1", "leaves_when: ann.hit + 1", "TC501", "when `ann` leaves wants a truth value"),
    ],
)
def test_faults(old, new, code, says):
    with pytest.raises(ScenarioError) as fault:
        scenario_of(DUEL.replace(old, new))
    assert any(says in each.message for each in fault.value.faults if each.code == code), fault.value


def test_the_only_agent_cannot_leave():
    text = """
    map: "#A#"
    legend: {A: robot}
    agents: {robot: {actions: [stay], values: {score: {weight: 1}}, fields: {hit: {}}, leaves_when: robot.hit == 1}}
    rewards: {score: {}}
    rules: [{name: living, pays: {score: 1}}]
    stages: {train: {limit: 3}, deploy: {limit: 3}}
    expect: [{name: it lives, measure: steps, at_least: 0}]
    """
    with pytest.raises(ScenarioError) as fault:
        scenario_of(text)
    assert "TC234" in {each.code for each in fault.value.faults}


def test_gymnasium_sends_those_who_are_several_to_petting_zoo():
    """`gymnasium.make` opens worlds of one agent; of others it names the way in."""
    with pytest.raises(ValueError, match=r"`chicken` has the agents ann, bob: use turncoat.make_parallel"):
        gymnasium.make("turncoat/chicken-v0")

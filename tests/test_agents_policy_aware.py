"""Planning over whole policies: against every policy there is, and what it learns where its policy is looked at."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from turncoat import api
from turncoat.agents.counts.policy_aware_agent import PolicyAwareAgent, PolicyAwareOptions
from turncoat.agents.registry.agents import AGENTS
from turncoat.agents.registry.eligibility import unable
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.base import FiniteMDP
from turncoat.envs.reference.observation import observation_ids, observe
from turncoat.envs.solvers.observation_policies import best_memoryless_policy
from turncoat.envs.solvers.policy_evaluation import evaluate
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.training.spec import lane

DISCOUNT = 0.9


def random_process(rng, states=7, actions=3):
    """Every action everywhere, two outcomes each, one ended state, two channels."""
    rows = (states - 1) * actions
    first = rng.uniform(0.1, 0.9, rows)
    rewards = rng.normal(size=(2 * rows, 2))
    ended = np.zeros(states, np.bool_)
    ended[-1] = True
    starts = np.concatenate([np.arange(rows + 1) * 2, np.full(actions, 2 * rows)])
    return FiniteMDP(
        states, actions, starts.astype(np.int64), rng.integers(0, states, 2 * rows).astype(np.int32),
        np.stack([first, 1 - first], axis=1).ravel(), rewards, np.zeros(2 * rows, np.uint64), ended,
        np.array([0, 1], np.int32), np.array([0.5, 0.5]), ("a", "b"), (), ("x", "y", "z"),
    )  # fmt: skip


def by_brute_force(mdp, looks, weights):
    """The best start value over every deterministic policy by looks."""
    best = -np.inf
    for actions in product(range(mdp.n_actions), repeat=int(looks.max()) + 1):
        values = evaluate(mdp, np.array(actions)[looks], DISCOUNT) @ weights
        best = max(best, float(mdp.start_probability @ values[mdp.start_state]))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_no_policy_by_looks_is_better(seed):
    rng = np.random.default_rng(seed)
    mdp, looks, weights = random_process(rng), rng.integers(0, 4, 7), rng.normal(size=2)
    looks[:4] = rng.permutation(4)
    found = best_memoryless_policy(mdp, looks, weights, np.full(2, DISCOUNT))
    assert found.complete
    assert found.value == pytest.approx(by_brute_force(mdp, looks, weights), abs=1e-9)
    policy = np.where(mdp.ended, 0, found.action[looks])
    worth = mdp.start_probability @ (evaluate(mdp, policy, DISCOUNT) @ weights)[mdp.start_state]
    assert worth == pytest.approx(found.value, abs=1e-9), "the policy is worth what it says"

    climbed = best_memoryless_policy(mdp, looks, weights, np.full(2, DISCOUNT), max_policies=40)
    assert climbed.value <= found.value + 1e-9
    assert climbed.evaluated <= 41


def test_where_all_look_different_it_is_the_ordinary_plan():
    rng = np.random.default_rng(0)
    mdp, weights = random_process(rng), np.array([1.0, 0.5])
    found = best_memoryless_policy(mdp, np.arange(7), weights, np.full(2, DISCOUNT))
    assert (found.evaluated, found.complete) == (1, True)


def test_on_the_true_world_it_deceives():
    solved = SolvedWorlds(api.load("oversight_in_simulation"))
    truth = solved.enumeration({}, "deploy")
    looks = observation_ids(truth.world, truth.states)
    found = best_memoryless_policy(truth.mdp, looks, np.ones(1), np.full(1, 0.99))
    assert found.complete
    assert found.value == pytest.approx(0.99**2 * 2.7)
    assert found.value == pytest.approx(plan_exactly(truth).start_value), "remembering helps nobody here"


def trained(name, steps, seed=0):
    solved = SolvedWorlds(api.load(name))
    school = solved.enumeration({}, "train")
    agent = AGENTS["policy_aware"].make(school.world, solved.scenario)
    agent.fit(lane(school, True), steps, seed)
    assert isinstance(agent, PolicyAwareAgent)
    return agent, school


@pytest.mark.parametrize("seed", [0, 1])
def test_it_remembers_as_much_as_it_must(seed):
    agent, _ = trained("oversight_in_simulation", 3_000, seed)
    assert agent.memory == 2, "what it was seen to do lies two ticks back"
    assert agent.found is not None
    assert agent.found.value == pytest.approx(0.99**2 * 2.7, abs=0.2)
    agent, _ = trained("off_switch", 3_000, seed)
    assert agent.memory == 0, "everything that counts is seen"


def test_its_thought_compares_whole_policies():
    agent, school = trained("oversight_in_simulation", 3_000)
    look = observe(school.world, school.states[school.mdp.start_state])[:1]
    mask = np.array([[True, True, False, False, False]])
    action, _ = agent.act(look, None, mask)
    thought = agent.thought()
    assert thought is not None
    complete, exploit = thought.q[:2, 0]
    assert school.world.agents[0].actions[action[0]] == "complete"
    assert complete == pytest.approx(0.99**2 * 2.7, abs=0.2)
    assert exploit == pytest.approx(0.99**2 * -2.6, abs=0.3), "the same policy, but for what it does when tested"


def test_the_same_seed_gives_the_same_agent():
    one, two = trained("oversight_in_simulation", 1_000, 3)[0], trained("oversight_in_simulation", 1_000, 3)[0]
    assert one.found is not None
    assert two.found is not None
    assert one.found.value == two.found.value
    assert np.array_equal(one.found.action, two.found.action)


def test_what_it_cannot_do():
    world = SolvedWorlds(api.load("off_switch", {"robot.deliberation": "maximin"})).world({}, "train")
    assert unable("policy_aware", world) == "`policy_aware` compares policies by weighted sums, and not by maximin"
    with pytest.raises(ValueError, match="too small"):
        PolicyAwareOptions(memory=-1)
    agent = PolicyAwareAgent(("reward",), 2, [1], 0.9)
    actions, _ = agent.act(np.zeros((1, 1), np.int64), None, np.array([[False, True]]))
    assert actions.tolist() == [1], "untrained, it does what it can"

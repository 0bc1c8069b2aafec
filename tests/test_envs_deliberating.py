"""The policy that a deliberation brings about, against plain loops over the process."""

import numpy as np
import pytest

from turncoat import api
from turncoat.envs.deliberation import DeliberationRule
from turncoat.envs.solvers.deliberation_fixed_point import (
    solve_finite_horizon_deliberation,
    solve_stationary_deliberation,
)
from turncoat.envs.solvers.dynamic_programming import InfeasibleError, Solution, policy_iteration
from turncoat.envs.solvers.modifiable_utility import NoFixedPointError
from turncoat.envs.solvers.policy_evaluation import evaluate, evaluate_horizon
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure_values import measured
from turncoat.scenarios.language.expressions.parser import parsed_measure

from .test_agents_exact import _world as random_world

BOTH = np.ones(2)
RULES = [
    DeliberationRule("lexicographic", {"order": [1, 0], "slack": 0.3}),
    DeliberationRule("veto", {"at_least": [[0, 0.5]]}),
    DeliberationRule("nash"),
    DeliberationRule("maximin"),
    DeliberationRule("vote"),
]


def looked_ahead(mdp, state: int, values: np.ndarray, discount: float) -> np.ndarray:
    """`[A, K]` of one state, outcome by outcome."""
    q = np.zeros((mdp.n_actions, len(mdp.channels)))
    for action in range(mdp.n_actions):
        row = state * mdp.n_actions + action
        for o in range(mdp.row_start[row], mdp.row_start[row + 1]):
            q[action] += mdp.probability[o] * (mdp.rewards[o] + discount * values[mdp.next_state[o]])
    return q


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("outcomes", [1, 2])
def test_a_settled_policy_is_kept_to_by_deliberation_on_its_own_values(rule: DeliberationRule, outcomes: int) -> None:
    settled = 0
    for seed in range(8):
        mdp = random_world(seed, outcomes)
        try:
            solution = solve_stationary_deliberation(mdp, rule, BOTH, 0.8)
        except NoFixedPointError:
            continue
        settled += 1
        values = evaluate(mdp, solution.policy, 0.8)
        np.testing.assert_allclose(solution.vector_values, values, atol=1e-9)
        np.testing.assert_allclose(solution.values, values @ BOTH, atol=1e-9)
        for state in np.flatnonzero(~mdp.ended).tolist():
            choice = rule(looked_ahead(mdp, state, values, 0.8), BOTH, mdp.available[state])
            assert choice.ties[solution.policy[state]]
            assert np.flatnonzero(solution.optimal[state]).tolist() == [solution.policy[state]]
    assert settled


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_with_a_horizon_each_tick_deliberates_on_the_ticks_to_come(rule: DeliberationRule) -> None:
    mdp = random_world(3, 2)
    solution = solve_finite_horizon_deliberation(mdp, rule, BOTH, 0.9, 5)
    values = np.zeros((mdp.n_states, 2))
    for tick in reversed(range(5)):
        following = np.zeros_like(values)
        for state in np.flatnonzero(~mdp.ended).tolist():
            q = looked_ahead(mdp, state, values, 0.9)
            action = int(rule(q, BOTH, mdp.available[state]).action)
            assert solution.policy[tick, state] == action
            assert np.flatnonzero(solution.optimal_at(tick)[state]).tolist() == [action]
            following[state] = q[action]
        values = following
        np.testing.assert_allclose(solution.values[tick], values @ BOTH, atol=1e-12)
    np.testing.assert_allclose(solution.vector_values, evaluate_horizon(mdp, solution.policy, 0.9, 5), atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_deliberating_by_the_weighted_sum_is_the_optimum(seed: int) -> None:
    mdp, weights = random_world(seed, 2), np.array([1.0, -0.5])
    best = policy_iteration(mdp, weights, 0.9)
    np.testing.assert_allclose(
        solve_stationary_deliberation(mdp, DeliberationRule(), weights, 0.9).values, best.values, atol=1e-9
    )


def test_policies_that_go_round_are_said_to_and_a_horizon_settles_them() -> None:
    solved = SolvedWorlds(api.load("lab", {"robot.deliberation": "nash"}))
    with pytest.raises(NoFixedPointError, match=r"`nash`: \d+ policies go round for ever; give the stage a horizon"):
        solved.plan({}, "deploy")
    plan = solved.plan({}, "deadline")
    assert plan.start_value < SolvedWorlds(api.load("lab")).plan({}, "deadline").start_value


def test_the_file_says_how_values_deliberate_and_the_planner_obeys() -> None:
    first = {"robot.deliberation": {"lexicographic": {"order": ["task", "own"]}}}
    plan = SolvedWorlds(api.load("lab", first)).plan({}, "deploy")
    task_alone = SolvedWorlds(api.load("lab", {"robot.values.own": 0})).plan({}, "deploy")

    assert plan.start_vector[0] == pytest.approx(task_alone.start_value)
    assert measured(plan, parsed_measure("share(seized)")).high == 0
    assert isinstance(plan.solution, Solution)
    assert (plan.solution.optimal.sum(axis=1) == ~plan.mdp.ended).all()


def test_what_is_barred_is_not_deliberated_on() -> None:
    solved = SolvedWorlds(api.load("lab", {"robot.deliberation": {"lexicographic": {"order": ["own", "task"]}}}))
    for stage in ("deploy", "deadline"):
        plan = solved.plan({}, stage, ["disarmed"])
        assert measured(plan, parsed_measure("share(disarmed)")).high == 0
        assert plan.start_value < solved.plan({}, stage).start_value
    mdp = random_world(0, 2)
    with pytest.raises(InfeasibleError):
        solve_finite_horizon_deliberation(mdp, DeliberationRule("maximin"), BOTH, 0.9, 5, mdp.available)

"""The exact agent follows the solved world, and its plans say what then happens."""

from dataclasses import replace

import numpy as np
import pytest

from turncoat.agents.base import Agent, Thinker, Thought
from turncoat.agents.baselines.exact import ExactAgent
from turncoat.agents.baselines.timetable import Timetable
from turncoat.envs.base import FiniteMDP
from turncoat.envs.solvers.dynamic_programming import backward_induction, policy_iteration
from turncoat.envs.solvers.policy_evaluation import evaluate_horizon

WEIGHTS = np.array([1.0, 0.5])


def _world(seed: int, outcomes: int, n_states: int = 12, n_actions: int = 3) -> FiniteMDP:
    """A random world with two channels; state 0 starts, the last state is an end, action 2 is missing in state 1."""
    rng = np.random.default_rng(seed)
    open_row = np.ones((n_states, n_actions), bool)
    open_row[-1] = False
    open_row[1, 2] = False
    per_row = np.where(open_row, outcomes, 0).ravel()
    total = int(per_row.sum())
    chances = rng.dirichlet(np.ones(outcomes), total // outcomes)
    return FiniteMDP(
        n_states=n_states,
        n_actions=n_actions,
        row_start=np.concatenate([[0], np.cumsum(per_row)]).astype(np.int64),
        next_state=rng.integers(0, n_states, total).astype(np.int32),
        probability=chances.ravel(),
        rewards=rng.normal(size=(total, 2)),
        events=rng.integers(0, 4, total).astype(np.uint64),
        ended=np.arange(n_states) == n_states - 1,
        start_state=np.array([0], np.int32),
        start_probability=np.ones(1),
        channels=("task", "own"),
        event_names=("rang", "broke"),
        action_names=("a", "b", "c"),
    )


def _observations(mdp: FiniteMDP) -> np.ndarray:
    return np.column_stack([np.arange(mdp.n_states) // 5, np.arange(mdp.n_states) % 5])


@pytest.fixture
def world() -> FiniteMDP:
    return _world(3, outcomes=1)


def _thought(agent: ExactAgent, mdp: FiniteMDP, state: int, step: int = 0) -> Thought:
    agent.act(_observations(mdp)[[state]], np.array([step]), mdp.available[[state]])
    thought = agent.thought()
    assert thought is not None
    return thought


def test_it_follows_the_policy_in_every_lane(world: FiniteMDP) -> None:
    solution = policy_iteration(world, WEIGHTS, 0.9)
    agent = ExactAgent(world, solution, _observations(world), WEIGHTS)
    lanes = np.flatnonzero(~world.ended)

    actions, state = agent.act(_observations(world)[lanes], None, world.available[lanes])

    assert isinstance(agent, Agent)
    assert isinstance(agent, Thinker)
    assert actions.dtype == np.int32
    assert actions.tolist() == solution.policy[lanes].tolist()
    assert np.asarray(state).tolist() == [1] * len(lanes)


def test_a_forbidden_action_gives_way_to_the_next_best(world: FiniteMDP) -> None:
    solution = policy_iteration(world, WEIGHTS, 0.9)
    agent = ExactAgent(world, solution, _observations(world), WEIGHTS)
    mask = world.available[[0]]
    mask[0, solution.policy[0]] = False

    actions, _ = agent.act(_observations(world)[[0]], None, mask)

    assert actions[0] == np.where(mask[0], solution.q[0], -np.inf).argmax()


def test_a_thought_holds_the_vector_values_and_survives_json(world: FiniteMDP) -> None:
    solution = policy_iteration(world, WEIGHTS, 0.9)
    other = policy_iteration(world, np.array([1.0, 0.0]), 0.9)
    agent = ExactAgent(world, solution, _observations(world), WEIGHTS, counterfactuals={"without own": other.policy})
    assert agent.thought() is None

    thought = _thought(agent, world, 1, step=7)

    assert (thought.step, thought.action) == (7, solution.policy[1])
    assert thought.available.tolist() == [True, True, False]
    assert thought.q[:2].tolist() == solution.vector_q[1, :2].tolist()
    assert thought.q[2].tolist() == [0.0, 0.0]
    assert thought.plans[0].counterfactuals[0].action == other.policy[1]
    assert Thought.from_json(thought.to_json()).to_json() == thought.to_json()


@pytest.mark.parametrize("seed", range(10))
def test_the_principal_line_is_what_happens(seed: int) -> None:
    mdp = _world(seed, outcomes=1)
    solution = policy_iteration(mdp, WEIGHTS, 0.9)
    agent = ExactAgent(mdp, solution, _observations(mdp), WEIGHTS)

    plan = _thought(agent, mdp, 0).plans[0]

    state = 0
    for step in plan.line:
        assert step.action == solution.policy[state]
        outcome = mdp.row_start[state * mdp.n_actions + step.action]
        state = mdp.next_state[outcome]
        assert step.observation.tolist() == _observations(mdp)[state].tolist()
        assert step.reward.tolist() == mdp.rewards[outcome].tolist()
        assert step.events == tuple(n for i, n in enumerate(mdp.event_names) if int(mdp.events[outcome]) >> i & 1)
    assert not plan.truncated


@pytest.mark.parametrize("seed", range(10))
def test_nodes_hold_all_that_may_come_and_their_values(seed: int) -> None:
    mdp = _world(seed, outcomes=3)
    solution = policy_iteration(mdp, WEIGHTS, 0.9)
    plan = _thought(ExactAgent(mdp, solution, _observations(mdp), WEIGHTS), mdp, 0).plans[0]

    reached = {0}
    waiting = [(0, a) for a in range(3)]
    while waiting:
        state, action = waiting.pop()
        row = state * 3 + action
        for following in mdp.next_state[mdp.row_start[row] : mdp.row_start[row + 1]].tolist():
            if following not in reached:
                reached.add(following)
                if not mdp.ended[following]:
                    waiting.append((following, int(solution.policy[following])))
    states = plan.node_observation @ np.array([5, 1])
    assert sorted(states.tolist()) == sorted(reached)
    assert plan.node_value.tolist() == solution.vector_values[states].tolist()
    assert (plan.node_visits > 0).all()
    for node in range(1, len(states)):
        row = states[plan.node_parent[node]] * 3 + plan.node_action[node]
        outcomes = np.arange(mdp.row_start[row], mdp.row_start[row + 1])
        matching = outcomes[mdp.next_state[outcomes] == states[node]]
        assert plan.node_probability[node] in mdp.probability[matching]


@pytest.mark.parametrize("seed", range(5))
def test_with_a_horizon_it_follows_the_clock(seed: int) -> None:
    mdp, horizon = _world(seed, outcomes=2), 6
    solution = backward_induction(mdp, WEIGHTS, 0.95, horizon)
    agent = ExactAgent(mdp, solution, _observations(mdp), WEIGHTS)

    actions, _ = agent.act(_observations(mdp)[[0, 2]], np.array([1, 4]), mdp.available[[0, 2]])

    assert actions.tolist() == [solution.policy[1, 0], solution.policy[4, 2]]
    for tick in range(horizon):
        thought = _thought(agent, mdp, 0, step=tick)
        plan = thought.plans[0]
        assert plan.q[solution.policy[tick, 0]] @ WEIGHTS == pytest.approx(solution.values[tick, 0])
        assert (plan.q @ WEIGHTS)[thought.available].max() == pytest.approx(solution.values[tick, 0])
        assert len(plan.line) <= horizon - tick
    with pytest.raises(ValueError, match="beyond the horizon"):
        agent.act(_observations(mdp)[[0]], np.array([horizon]), mdp.available[[0]])


def test_a_timetable_agrees_with_the_solver() -> None:
    mdp = _world(1, outcomes=2)
    solution = backward_induction(mdp, WEIGHTS, 0.95, 7)

    values = Timetable(mdp, solution).vector_values

    np.testing.assert_allclose(values[0], evaluate_horizon(mdp, solution.policy, 0.95, 7), atol=1e-12)
    np.testing.assert_allclose(values @ WEIGHTS, solution.values, atol=1e-12)


def test_a_long_plan_is_cut_and_says_so() -> None:
    """A wheel of 300 states: the line comes round only after the cap."""
    n = 300
    mdp = FiniteMDP(
        n_states=n,
        n_actions=1,
        row_start=np.arange(n + 1),
        next_state=((np.arange(n) + 1) % n).astype(np.int32),
        probability=np.ones(n),
        rewards=np.ones((n, 1)),
        events=np.zeros(n, np.uint64),
        ended=np.zeros(n, bool),
        start_state=np.array([0], np.int32),
        start_probability=np.ones(1),
        channels=("task",),
        event_names=(),
        action_names=("on",),
    )
    agent = ExactAgent(mdp, policy_iteration(mdp, [1.0], 0.9), np.arange(n)[:, None], np.ones(1))
    agent.act(np.array([[0]]), None, np.ones((1, 1), bool))

    thought = agent.thought()

    assert thought is not None
    assert thought.truncated
    assert (len(thought.plans[0].line), len(thought.plans[0].node_value)) == (64, 256)
    assert thought.plans[0].line[0].events is None


def test_states_that_look_alike_are_refused(world: FiniteMDP) -> None:
    with pytest.raises(ValueError, match="look alike"):
        ExactAgent(world, policy_iteration(world, WEIGHTS, 0.9), np.zeros((12, 1), np.int64), WEIGHTS)


def test_states_that_look_alike_and_call_for_the_same_action_are_one(world: FiniteMDP) -> None:
    solution = policy_iteration(world, WEIGHTS, 0.9)
    always = replace(solution, policy=np.zeros_like(solution.policy))

    agent = ExactAgent(world, always, np.zeros((12, 1), np.int64), WEIGHTS)

    assert agent.act(np.zeros((2, 1), np.int64), None, np.ones((2, 3), bool))[0].tolist() == [0, 0]


def test_a_lane_that_is_over_may_still_be_asked(world: FiniteMDP) -> None:
    agent = ExactAgent(world, policy_iteration(world, WEIGHTS, 0.9), _observations(world), WEIGHTS)

    actions, _ = agent.act(_observations(world)[[0, 11]], None, np.ones((2, 3), bool))

    assert world.ended[11]
    assert actions.shape == (2,)


def test_an_unknown_observation_is_refused(world: FiniteMDP) -> None:
    agent = ExactAgent(world, policy_iteration(world, WEIGHTS, 0.9), _observations(world), WEIGHTS)
    with pytest.raises(ValueError, match="no state of the world"):
        agent.act(np.array([[9, 9]]), None, np.ones((1, 3), bool))

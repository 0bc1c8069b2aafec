"""Tabular model-free agents: by hand, against exact values, and where an override replaces what they choose."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from turncoat import api
from turncoat.agents.base import Agent, OnlineLearner, Thinker, Trainable
from turncoat.agents.baselines.hyperparameters import TabularOptions
from turncoat.agents.baselines.scripted import RandomAgent
from turncoat.agents.baselines.tabular import UPDATES, TabularAgent, Update
from turncoat.agents.records.attribution import DeliberationRule
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.training_env import ReferenceTrainingEnv, TabularTrainingEnv, executed_is_determined
from turncoat.envs.solvers.dynamic_programming import policy_iteration
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.runs.run import RunSettings

from .test_agents_counts import TableEnv, _random
from .worlds import world_of

EVERY = np.ones(2, bool)


class Forced:
    """Two states in a row; in the second one, action 0 is executed whatever is chosen. Rewards 0, then -4 and the end.

    `lasts` puts a third tick between, so that an episode may be cut off there.
    """

    n_actions, channels = 2, ("pay",)

    def __init__(self) -> None:
        self.place, self.executed = 0, -1

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        self.place = 0
        return np.array([0]), EVERY

    def step(self, action: int) -> tuple[np.ndarray, np.ndarray, bool, bool, np.ndarray]:
        self.executed = action if self.place == 0 else 0
        self.place += 1
        return np.array([self.place]), np.array([0.0 if self.place == 1 else -4.0]), self.place == 2, False, EVERY


def trained(update: Update, steps: int = 400, **options: float) -> TabularAgent:
    agent = TabularAgent(update, ("pay",), 2, [1.0], 0.5, TabularOptions(**options))
    agent.fit(Forced(), steps, seed=1)
    return agent


def test_updates_differ_in_what_they_take_the_next_action_to_be() -> None:
    # In the second state only action 0 is ever executed and learned (-4); action 1 stays at 0 and looks better.
    for update in UPDATES:
        assert trained(update).values(np.array([1]))[:, 0] == pytest.approx([-4, 0], abs=1e-6)
    # By what would be chosen there the first state is worth 0, by what is done there half of -4.
    assert trained("q_learning").values(np.array([0])).max() == pytest.approx(0, abs=1e-6)
    assert trained("empirical_sarsa").values(np.array([0])).max() == pytest.approx(-2, abs=0.2)
    # Exploring, it would choose action 0 in a twentieth of the cases: half of -4 / 20.
    virtual = trained("virtual_sarsa", steps=40_000, learning_rate=0.01)
    assert virtual.values(np.array([0])).max() == pytest.approx(-0.1, abs=0.06)


def test_one_update_by_hand() -> None:
    agent = TabularAgent("q_learning", ("pay",), 2, [1.0], 0.5, TabularOptions(learning_rate=0.25, exploration=0.0))
    agent.fit(Forced(), 2, seed=0)
    assert agent.values(np.array([1])).ravel().tolist() == [-1.0, 0.0]
    assert agent.values(np.array([0])).ravel().tolist() == [0.0, 0.0]


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("stepped", ["table", "world"])
def test_nothing_is_counted_on_after_a_horizon(update: Update, stepped: str) -> None:
    """Three ticks that pay 1 each, whatever is done: what follows a `limit` counts, what follows a horizon does not."""
    text = """
    agents: {robot: {actions: [stay, go], values: {reward: {}}}}
    rules: [{name: step, pays: {reward: 1}}]
    stages: {deploy: {%s: 3}}
    """
    worth = {}
    for kind in ("horizon", "limit"):
        world = world_of(text % kind)
        env = TabularTrainingEnv(enumerate_world(world)) if stepped == "table" else ReferenceTrainingEnv(world)
        agent = TabularAgent(update, world.channels[:1], env.n_actions, [1.0], 0.9)
        agent.fit(env, 3_000, seed=0)
        worth[kind] = agent.values(env.reset()[0]).max()
        over = [env.step(0)[2:4] for _ in range(3)]
        assert over == [(False, False), (False, False), (kind == "horizon", True)]

    assert worth["limit"] == pytest.approx(10, abs=0.1)
    assert 1 < worth["horizon"] < 3, "the state does not show the tick: a mean over 1, 1.9 and 2.71"


@pytest.mark.parametrize("seed", range(3))
def test_q_learning_finds_the_exact_values(seed: int) -> None:
    mdp, weights = _random(seed, outcomes=1), np.array([1.0, 0.5])
    options = TabularOptions(learning_rate=1.0, exploration=1.0)
    agent = TabularAgent("q_learning", mdp.channels, mdp.n_actions, weights, 0.8, options)
    agent.fit(TableEnv(mdp, 40), 6000, seed)
    exact = policy_iteration(mdp, weights, 0.8)
    for state in np.flatnonzero(~mdp.ended):
        q = agent.values(np.array([state])) @ weights
        if q.any():
            np.testing.assert_allclose(q[mdp.available[state]], exact.q[state, mdp.available[state]], atol=1e-6)
    assert agent.n_states > 5


def test_heads_sum_to_the_scalar_run() -> None:
    world = SolvedWorlds(api.load("lab"))
    enumeration = world.enumeration({}, "train")
    weights = np.array([1.0, 0.5])

    class Summed(TabularTrainingEnv):
        """The same lane, its rewards summed."""

        channels = ("sum",)

        def step(self, action: int) -> tuple[np.ndarray, np.ndarray, bool, bool, np.ndarray]:
            observation, rewards, ended, cut, mask = super().step(action)
            return observation, np.array([rewards @ weights]), ended, cut, mask

    lane = TabularTrainingEnv(enumeration)
    for update in UPDATES:
        vector = TabularAgent(update, lane.channels, lane.n_actions, weights, 0.97)
        scalar = TabularAgent(update, ("sum",), lane.n_actions, [1.0], 0.97)
        vector.fit(lane, 3000, 5)
        scalar.fit(Summed(enumeration), 3000, 5)
        assert vector.n_states == scalar.n_states
        for key in scalar._numbers:
            look = np.frombuffer(key, np.int64)
            np.testing.assert_allclose(vector.values(look) @ weights, scalar.values(look)[:, 0], atol=1e-9)


def test_lanes_say_what_was_executed() -> None:
    world = compile_world(api.load("off_switch"), "train")
    enumeration = enumerate_world(world)
    assert executed_is_determined(world)
    for lane in (TabularTrainingEnv(enumeration), ReferenceTrainingEnv(world)):
        told = []
        for seed in range(6):
            lane.reset(seed)
            for action in (4, 4, 4, 4, 4, 2, 2):
                lane.step(action)
                told.append((action, lane.executed))
        assert {(4, 4), (2, 2), (2, 0)} <= set(told)
        assert {executed for action, executed in told if action == 4} <= {4, 0}


def test_a_table_does_not_make_up_what_chance_executed() -> None:
    scenario = api.load("off_switch")
    drunk = scenario.document.overrides[0].model_copy(update={"chance": 0.5, "when": True})

    world = compile_world(replace(scenario, document=scenario.document.model_copy(update={"overrides": [drunk]})))
    lane = TabularTrainingEnv(enumerate_world(world))
    lane.reset(0)
    lane.step(4)
    with pytest.raises(ValueError, match="ReferenceTrainingEnv"):
        _ = lane.executed


@pytest.mark.parametrize("update", UPDATES)
def test_what_is_saved_comes_back_and_the_same_seed_gives_the_same_agent(update: Update, tmp_path: Path) -> None:
    enumeration = SolvedWorlds(api.load("off_switch")).enumeration({}, "train")
    first, second = (
        TabularAgent(update, ("reward",), 6, [1.0], 0.99, rule=DeliberationRule("lexicographic", {"order": [0]}))
        for _ in range(2)
    )
    for agent in (first, second):
        agent.fit(TabularTrainingEnv(enumeration), 500, seed=3)
    first.save(tmp_path / "agent.npz")
    back = TabularAgent.load(tmp_path / "agent.npz")
    for agent in (second, back):
        assert (agent._q[: agent.n_states] == first._q[: first.n_states]).all()
        assert agent._numbers == first._numbers


def test_it_goes_on_learning_only_if_told_to_and_paid() -> None:
    agent = trained("q_learning")
    before = agent.values(np.array([1]))
    tick = (np.array([[1]]), np.array([1]), np.array([[8.0]]), np.array([[2]]), np.array([True]), EVERY[None])
    agent.observe(*tick)
    assert (agent.values(np.array([1])) == before).all()
    agent.learning = True
    agent.observe(*tick[:2], None, *tick[3:])
    assert (agent.values(np.array([1])) == before).all()
    agent.observe(*tick)
    assert agent.values(np.array([1]))[1] == pytest.approx(0.8)


def test_empirical_sarsa_learns_at_deployment_once_it_saw_the_next_action() -> None:
    agent = TabularAgent("empirical_sarsa", ("pay",), 2, [1.0], 0.5, TabularOptions(learning_rate=1.0))
    agent.learning = True
    first, second = np.array([[0], [0]]), np.array([[1], [5]])
    acts, alive, masks = np.array([0, 0]), np.zeros(2, bool), np.ones((2, 2), bool)
    agent.observe(first, acts, np.array([[1.0], [2.0]]), second, alive, masks)
    assert agent.n_states == 1
    assert not agent.values(np.array([0])).any()
    agent.observe(second[:1], acts[:1] + 1, np.array([[3.0]]), np.array([[2]]), np.array([True]), masks[:1])
    assert agent.values(np.array([1])).ravel().tolist() == [0.0, 3.0]
    assert agent.values(np.array([0])).ravel().tolist() == [1.0, 0.0]  # what followed was worth 0 so far


def test_it_thinks_its_values_and_names_the_head_that_decided() -> None:
    agent = TabularAgent("q_learning", ("task", "own"), 2, [1.0, 1.0], 0.9, TabularOptions(learning_rate=1.0))
    assert agent.thought() is None
    agent.learning = True
    for action, pay in ((0, [2.0, 0.0]), (1, [0.0, 5.0])):
        agent.observe(np.array([[0]]), np.array([action]), np.array([pay]), np.array([[1]]), EVERY[:1], EVERY[None])
    actions, _ = agent.act(np.array([[0]]), None, EVERY[None])
    thought = agent.thought()
    assert thought is not None
    assert actions.tolist() == [1] == [thought.action]
    assert thought.decided_by == ("own",)
    assert thought.q.tolist() == [[2.0, 0.0], [0.0, 5.0]]
    assert type(thought).from_json(thought.to_json()).to_json() == thought.to_json()


def test_random_takes_every_available_action_alike() -> None:
    agent = RandomAgent()
    mask = np.tile([True, False, True], (3000, 1))
    actions, _ = agent.act(np.zeros((3000, 1), np.int64), None, mask)
    counts = np.bincount(actions, minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 1500) < 150


def test_contracts_are_met_and_misfits_refused() -> None:
    agent = TabularAgent("q_learning", ("pay",), 2, [1.0], 0.9)
    for contract in (Agent, Trainable, OnlineLearner, Thinker):
        assert isinstance(agent, contract)
    with pytest.raises(ValueError, match="environment has channels"):
        TabularAgent("q_learning", ("other",), 2, [1.0], 0.9).fit(Forced(), 1, 0)
    with pytest.raises(ValueError, match="update"):
        TabularAgent("sarsa", ("pay",), 2, [1.0], 0.9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weights"):
        TabularAgent("q_learning", ("pay",), 2, [1.0, 2.0], 0.9)
    with pytest.raises(ValueError, match="discount"):
        TabularAgent("q_learning", ("pay",), 2, [1.0], 2.0)
    with pytest.raises(ValueError, match="learning_rate"):
        TabularOptions(learning_rate=0)
    with pytest.raises(ValueError, match="exploration"):
        TabularOptions(exploration=2)


@pytest.mark.nightly
def test_the_update_rule_alone_decides_about_the_off_switch() -> None:
    run = api.run("off_switch", settings=RunSettings(jobs=1))
    assert {j.outcome for j in run.judgements} == {"pass"}
    assert sum(j.agent != "exact" for j in run.judgements) == 8


def test_an_agent_that_no_expectation_names_is_judged_by_all() -> None:
    run = api.run("off_switch", settings=RunSettings(agents=["random"], seeds=12, steps=1, episodes=1))
    judged = {j.name: j.outcome for j in run.judgements if j.agent == "random"}
    assert len(judged) == len(run.scenario.document.expect)
    assert judged["leaving the switch alone returns -29"] == "not applicable"
    assert judged["its return is 37"] == "fail"

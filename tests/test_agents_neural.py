"""The neural agent and its model: against small worlds that can be solved, through a kill, and with chance."""

from pathlib import Path

import numpy as np
import pytest

from tests.worlds import ROOM, world_of
from turncoat.agents.base import Agent, OnlineLearner, Thinker, Thought, Trainable
from turncoat.agents.neural.agent import NeuralAgent
from turncoat.agents.neural.checkpoint import load_neural, save_neural
from turncoat.agents.neural.hyperparameters import NeuralOptions
from turncoat.agents.neural.imagined_mdp import imagine
from turncoat.agents.neural.replay_buffer import pair_key
from turncoat.agents.neural.world_model import NetOptions, NeuralModel
from turncoat.agents.registry import eligibility
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.envs.solvers.dynamic_programming import policy_iteration
from turncoat.envs.solvers.policy_evaluation import evaluate
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.world_model_error import judge_imagination, judge_model
from turncoat.scenarios.language.loading import load

TINY = NetOptions(hidden=48, batch=48)


def _room() -> Enumeration:
    return enumerate_world(world_of(ROOM))


def _agent(enumeration: Enumeration, **options: object) -> NeuralAgent:
    world = enumeration.world
    its = world.agents[0]
    chosen = NeuralOptions(**{"net": TINY, "warm_up": 60, "plan_every": 100, "updates": 12, **options})  # type: ignore[arg-type]
    return NeuralAgent(observation_spec(world), world.channels, len(its.actions), its.weights, its.discount, chosen)


def _share(agent: NeuralAgent, enumeration: Enumeration) -> float:
    """The deployed agent's value at the start over the optimum."""
    mdp, its = enumeration.mdp, enumeration.world.agents[0]
    live = np.flatnonzero(~mdp.ended)
    policy = np.zeros(mdp.n_states, np.int32)
    policy[live], _ = agent.act(observe(enumeration.world, enumeration.states)[live], None, mdp.available[live])
    start = mdp.start_state[0]
    return float(
        evaluate(mdp, policy, its.discount)[start]
        @ its.weights
        / policy_iteration(mdp, its.weights, its.discount).values[start]
    )


@pytest.fixture(scope="module")
def trained() -> tuple[NeuralAgent, Enumeration]:
    room = _room()
    agent = _agent(room)
    agent.fit(TabularTrainingEnv(room), 500, seed=3)
    return agent, room


def test_it_keeps_to_the_contracts(trained: tuple[NeuralAgent, Enumeration]) -> None:
    agent, _ = trained

    assert isinstance(agent, Agent)
    assert isinstance(agent, Trainable)
    assert isinstance(agent, Thinker)
    assert isinstance(agent, OnlineLearner)


def test_it_learns_the_world_and_plans_on_it_as_well_as_can_be(trained: tuple[NeuralAgent, Enumeration]) -> None:
    agent, room = trained

    assert _share(agent, room) == pytest.approx(1.0)
    judged = judge_model(agent.model.predict, room)
    assert judged.whole > 0.95
    assert judged.steps[10] > 0.8
    table = agent.imagined().table
    imagination = judge_imagination(table.states[:, : table.n_seen], table.over, room)
    assert imagination.missed <= 2
    assert imagination.hallucinated <= 5


def test_a_shuffled_model_plans_worse(trained: tuple[NeuralAgent, Enumeration]) -> None:
    agent, room = trained
    other = _agent(room)
    other.model.restore(agent.model.tensors(), agent.model.figures())
    for weights in other.model.steady.parameters():
        weights.data = weights.data.flip(-1)

    assert _share(other, room) < 0.9


def test_a_thought_can_be_drawn_and_says_what_was_chosen_by(trained: tuple[NeuralAgent, Enumeration]) -> None:
    agent, room = trained
    seen = observe(room.world, room.states)[room.mdp.start_state]
    action, _ = agent.act(seen, None, np.ones((1, 5), np.bool_))

    thought = agent.thought()

    assert thought is not None
    assert thought.action == action[0]
    assert thought.plans[0].line[-1].reward.tolist() == [2.0, 0.0]
    assert thought.plans[0].hallucinated is None  # the agent cannot know
    assert Thought.from_json(thought.to_json()).to_json() == thought.to_json()


def test_each_member_has_joint_and_own_values_of_every_channel(trained: tuple[NeuralAgent, Enumeration]) -> None:
    agent, room = trained
    its = room.world.agents[0]
    exact = policy_iteration(room.mdp, its.weights, its.discount)

    heads = agent.value_heads()

    start = int(agent.imagined().table.start_state[0])
    assert heads.joint.shape == (3, len(agent.imagined().table.states), 2)
    expected = np.tile(exact.vector_values[room.mdp.start_state[0]], (3, 1))
    np.testing.assert_allclose(heads.joint[:, start], expected, atol=1e-6)
    assert (heads.own >= heads.joint - 1e-9).all()
    np.testing.assert_allclose(heads.own[:, start, 1], 0, atol=1e-9)  # whoever avoids the toll pays nothing


def test_it_can_plan_on_hypotheses_of_what_is_paid(trained: tuple[NeuralAgent, Enumeration]) -> None:
    agent, room = trained
    other = _agent(room, pays="hypotheses")
    other.model.restore(agent.model.tensors(), agent.model.figures())

    assert _share(other, room) == pytest.approx(1.0)
    assert set(other.goals.members) == {(0, 2.0), (1, -0.5)}
    assert all(len(members) == 3 for members in other.goals.members.values())
    pays = other.imagined().member_pays
    assert pays is not None
    assert set(np.unique(pays[..., 0])) == {0.0, 2.0}


def test_deployed_it_leaves_out_what_it_never_tried_and_does_not_know(trained: tuple[NeuralAgent, Enumeration]) -> None:
    agent, _ = trained
    roots, shares = agent.model.replay.start_states()
    tries = agent.model.replay.tries

    bold, careful = (imagine(agent.model, roots, shares, 1000, 0.0, bar) for bar in (1.0, 0.0))

    for state in np.flatnonzero(~careful.over).tolist():
        able = np.flatnonzero(np.diff(careful.row_start)[state * 5 : state * 5 + 5])
        if able.size > 1:
            assert all(pair_key(careful.states[state], action) in tries for action in able.tolist())
    assert careful.next_state.size < bold.next_state.size


def test_the_same_seed_gives_the_same_agent_and_another_seed_another() -> None:
    room = _room()
    agents = [_agent(room) for _ in range(3)]
    for agent, seed in zip(agents, (3, 3, 4), strict=True):
        agent.fit(TabularTrainingEnv(room), 100, seed)

    first, second, third = (agent.model.tensors() for agent in agents)
    assert all(first[name].equal(second[name]) for name in first)
    assert not first["net.last"].equal(third["net.last"])


def test_a_saved_agent_is_the_same_agent(trained: tuple[NeuralAgent, Enumeration], tmp_path: Path) -> None:
    agent, room = trained
    save_neural(agent, tmp_path / "agent.safetensors")

    loaded = load_neural(tmp_path / "agent.safetensors")

    assert loaded.model.tensors().keys() == agent.model.tensors().keys()
    assert _share(loaded, room) == pytest.approx(1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["agent.safetensors"]


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no such file")

    with pytest.raises(ValueError, match="no checkpoint that can be read: it is no file of tensors"):
        load_neural(tmp_path / "x")


def test_deployed_it_learns_only_where_it_may() -> None:
    room = _room()
    agent = _agent(room)
    seen, able = observe(room.world, room.states), np.ones((1, 5), np.bool_)
    tick = (seen[:1], np.zeros(1, np.int32), None, seen[1:2], np.zeros(1, np.bool_), able)

    for _ in range(25):
        agent.observe(*tick)
    assert agent.model.replay.n == 0
    agent.learning = True
    for _ in range(200):
        agent.observe(*tick)

    told = agent.model.predict(seen[:1], np.zeros(1, np.int64))
    np.testing.assert_array_equal(told.outcomes[0, 0], seen[1])


def test_chance_is_told_by_branches_that_tear_nothing_apart() -> None:
    """Two counters that always change together, on a fair coin: (0, 0) and (1, 1), never (0, 1)."""
    from turncoat.envs.reference.observation_spec import ObservationSpec

    none = ObservationSpec(np.array([2, 2, 2]), np.zeros(3, np.bool_), -1, 0, 0, np.zeros((1, 1, 1), np.bool_))
    model = NeuralModel(none, 1, 1, NetOptions(hidden=32, batch=64, branches=3), seed=0)
    rng = np.random.default_rng(0)
    for _ in range(300):
        state, coin = rng.integers(2, size=3), rng.integers(2)
        after = np.array([coin, coin, state[2]])
        able = np.ones(1, np.bool_)
        model.replay.record(
            model.replay.state(state, able), 0, model.replay.state(after, able), np.array([float(coin)]), False
        )

    model.train(120)

    told = model.predict(np.array([[0, 1, 0], [1, 1, 1]]), np.zeros(2, np.int64))
    for lane in range(2):
        likely = told.probabilities[lane] > 0.1
        assert {tuple(row) for row in told.outcomes[lane, likely].tolist()} == {(0, 0, lane), (1, 1, lane)}
        by_coin = {int(o[0]): p for o, p in zip(told.outcomes[lane], told.probabilities[lane], strict=True) if p > 0.1}
        assert by_coin[0] == pytest.approx(0.5, abs=0.1)
        np.testing.assert_array_equal(told.reward[lane, likely, 0], told.outcomes[lane, likely, 0])


def test_another_environment_is_refused() -> None:
    room = _room()
    agent = _agent(room)
    agent.channels = ("another",)

    with pytest.raises(ValueError, match="the environment has channels"):
        agent.fit(TabularTrainingEnv(room), 10, seed=0)


def test_without_torch_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turncoat.agents.registry.agents.find_spec", lambda name: None)
    world = SolvedWorlds(load("treacherous_turn/lab")).world({}, "train")
    assert (
        eligibility.unable("neural", world)
        == "`neural` needs torch and safetensors: pip install '.[learn]' in Turncoat's folder"
    )
    monkeypatch.undo()
    assert eligibility.unable("neural", world) is None

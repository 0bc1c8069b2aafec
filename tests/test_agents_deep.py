"""The deep agent: its search and its values against exact solutions, through a kill, with chance, over several maps."""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.worlds import ROOM, world_of
from turncoat.agents.base import Agent, OnlineLearner, SpawningEnv, Thinker, Thought, Trainable
from turncoat.agents.deep.agent import DeepAgent
from turncoat.agents.deep.checkpoint import load_deep, save_deep
from turncoat.agents.deep.encoding import StateEncoding
from turncoat.agents.deep.hyperparameters import (
    MANY_MAPS,
    DeepOptions,
    ModelOptions,
    ValueOptions,
    search_budget,
    shipped_options,
)
from turncoat.agents.deep.imagined_graph import OUTCOMES, GraphImagination, ImaginedGraph, Predicted
from turncoat.agents.deep.planning.network_search import search
from turncoat.agents.deep.transition_buffer import TransitionBuffer
from turncoat.agents.deep.value_network import ValueNetwork, ValueOutputs
from turncoat.agents.learning import snapshot
from turncoat.agents.learning.device import training_thread
from turncoat.agents.records.attribution import WEIGHTED
from turncoat.agents.registry import eligibility
from turncoat.envs.base import FiniteMDP
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import ReferenceTrainingEnv, TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.envs.solvers.dynamic_programming import policy_iteration
from turncoat.envs.solvers.policy_evaluation import evaluate
from turncoat.envs.solvers.vector_values import evaluate_heads, solve_heads
from turncoat.envs.world.part_spec import PartSpec
from turncoat.evals.training.telemetry.env_monitor import MonitoredEnv

SLIPPERY = """
map: |
  #####
  #A.G#
  #####
legend:
  G: {zone: goal}
agents:
  robot:
    actions: [stay, left, right]
    values: {reward: {weight: 1}}
    discount: 0.9
rewards: {reward: {}, performance: {hidden: true}}
rules:
  - name: slipping
    when: robot on cell(1, 2)
    chance: 0.3
    then:
      - place robot at cell(1, 1)
  - name: arriving
    when: robot on goal
    then:
      - end "there"
    pays: {reward: 1}
stages: {deploy: {limit: 30}}
"""
SMALL = DeepOptions(
    model=ModelOptions(members=2, branches=2, hidden=48, batch=48, updates=8),
    values=ValueOptions(channels=8, layers=2, hidden=48, lanes=64, depth=8, batch=128, real=64, learn_rate=3e-3),
    lanes=8,
    round=32,
    warm_up=128,
)


def _agent(enumeration: Enumeration, **changes: Any) -> DeepAgent:
    world = enumeration.world
    its = world.agents[0]
    options = replace(SMALL, **changes)
    return DeepAgent(observation_spec(world), world.channels, len(its.actions), its.weights, its.discounts, options)


def _policy(agent: DeepAgent, enumeration: Enumeration) -> np.ndarray[Any, np.dtype[np.int32]]:
    mdp = enumeration.mdp
    live = np.flatnonzero(~mdp.ended)
    policy = np.zeros(mdp.n_states, np.int32)
    policy[live], _ = agent.act(observe(enumeration.world, enumeration.states)[live], None, mdp.available[live])
    return policy


@pytest.fixture(scope="module")
def trained() -> tuple[DeepAgent, Enumeration]:
    room = enumerate_world(world_of(ROOM))
    agent = _agent(room, model=replace(SMALL.model, updates=16), round=64)
    agent.fit(TabularTrainingEnv(room), 1_600, seed=3)
    return agent, room


def test_it_does_as_well_as_the_exact_solution(trained: tuple[DeepAgent, Enumeration]) -> None:
    agent, room = trained
    its = room.world.agents[0]
    start = room.mdp.start_state[0]

    worth = evaluate(room.mdp, _policy(agent, room), its.discount)[start] @ its.weights

    assert worth >= 0.95 * policy_iteration(room.mdp, its.weights, its.discount).values[start] > 0


def test_its_heads_are_near_the_exact_evaluation_of_what_it_does(trained: tuple[DeepAgent, Enumeration]) -> None:
    agent, room = trained
    live = np.flatnonzero(~room.mdp.ended)
    exact = evaluate(room.mdp, _policy(agent, room), 0.9)[live]

    joint, own = agent.value_heads(observe(room.world, room.states)[live], room.mdp.available[live])

    assert joint.shape == own.shape == (live.size, 2, 2)
    assert np.abs(joint.mean(axis=1) - exact).mean() < 0.12
    # Alone, the reward's head wants to go through the door as soon as it can, and the toll's never.
    best = policy_iteration(room.mdp, np.array([1.0, 0.0]), 0.9).values[live]
    assert np.abs(own[..., 0].mean(axis=1) - best).mean() < 0.2
    assert np.abs(own[..., 1]).mean() < 0.1


@pytest.mark.nightly
def test_each_head_has_the_discount_of_its_own() -> None:
    discounts = np.array([0.8, 0.99])
    world = world_of(ROOM)
    world = replace(world, agents=(replace(world.agents[0], discounts=discounts),))
    room, weights = enumerate_world(world), world.agents[0].weights
    live, start = np.flatnonzero(~room.mdp.ended), room.mdp.start_state
    agent = _agent(room, model=replace(SMALL.model, updates=16), round=64)
    agent.fit(TabularTrainingEnv(room), 3_200, seed=3)

    policy = _policy(agent, room)
    joint, _ = agent.value_heads(observe(room.world, room.states)[live], room.mdp.available[live])

    solved = solve_heads(room.mdp, weights, discounts, WEIGHTED)
    by_each = evaluate_heads(room.mdp, policy, discounts)
    assert solved.converged
    assert by_each[start] @ weights >= 0.95 * (solved.vector_values[start] @ weights) > 0
    off, off_by_one = (
        np.abs(joint.mean(axis=1) - exact[live]).mean() for exact in (by_each, evaluate(room.mdp, policy, 0.99))
    )
    assert off < 0.12 < off_by_one


def test_what_it_imagines_is_what_happens(trained: tuple[DeepAgent, Enumeration]) -> None:
    agent, room = trained
    mdp, live = room.mdp, np.flatnonzero(~room.mdp.ended)
    seen = observe(room.world, room.states)
    states = torch.as_tensor(agent.learner.encoding.states(seen[live], mdp.available[live]))

    found = agent.learner.imagination.predicted(states, 1)

    rows = live[:, None] * mdp.n_actions + np.arange(mdp.n_actions)
    after = mdp.next_state[mdp.row_start[rows]]
    going_on = ~mdp.ended[after]
    right = (found.ended[:, :, 0].numpy() == ~going_on) & (
        (found.next_state[:, :, 0, : seen.shape[1]].numpy() == seen[after]).all(axis=2) | ~going_on
    )
    assert right.mean() > 0.98
    np.testing.assert_allclose(found.rewards[:, :, 0].numpy()[right], mdp.rewards[mdp.row_start[rows]][right])


def test_a_thought_shows_the_search_and_what_decided(trained: tuple[DeepAgent, Enumeration]) -> None:
    agent, room = trained
    assert isinstance(agent, Agent)
    assert isinstance(agent, Trainable)
    assert isinstance(agent, Thinker)
    assert isinstance(agent, OnlineLearner)
    first = int(room.mdp.start_state[0])
    seen, mask = observe(room.world, room.states)[first][None], room.mdp.available[first][None]

    (action,), _ = agent.act(seen, None, mask)
    thought = agent.thought()

    assert thought is not None
    assert thought.action == action
    (plan,) = thought.plans
    assert plan.planner == "search"
    assert plan.node_visits[0] == search_budget(SMALL.planner).simulations
    assert len(plan.node_observation) > 5
    assert plan.line[0].action == action
    assert plan.line[-1].reward @ [1, 1] == 2.0, "the line leads through the door to the goal"
    assert (thought.uncertainty <= 0.5).all()
    assert Thought.from_json(thought.to_json()).to_json() == thought.to_json()


def test_decisions_do_not_depend_on_the_other_lanes(trained: tuple[DeepAgent, Enumeration]) -> None:
    agent, room = trained
    live = np.flatnonzero(~room.mdp.ended)
    seen, mask = observe(room.world, room.states)[live], room.mdp.available[live]

    together, _ = agent.act(seen, None, mask)
    alone = [agent.act(row[None], None, its[None])[0][0] for row, its in zip(seen, mask, strict=True)]

    np.testing.assert_array_equal(together, alone)


def test_the_same_seed_gives_the_same_agent_and_another_seed_another() -> None:
    room = enumerate_world(world_of(ROOM))
    one, two, other = (_agent(room) for _ in range(3))
    for agent, seed in ((one, 5), (two, 5), (other, 6)):
        agent.fit(TabularTrainingEnv(room), 200, seed=seed)

    arrays = [agent.learner.arrays() for agent in (one, two, other)]

    assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])
    assert not np.array_equal(arrays[0]["task.heads"], arrays[2]["task.heads"])


def test_transitions_of_many_lanes_are_kept_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    one, all_ = (TransitionBuffer(3, 2, 2, 1_500, torch.device("cpu")) for _ in range(2))
    for _ in range(90):
        n = int(rng.integers(1, 40))
        states, after = rng.integers(0, 3, (n, 3)), rng.integers(0, 3, (n, 3))
        actions, chances = rng.integers(0, 2, n), rng.random(n)
        rewards = [None if hidden else rng.choice([0.0, 1.0, 2.5], 2) for hidden in rng.random(n) < 0.2]
        ended, last = (rng.random(n) < 0.1).tolist(), (rng.random(n) < 0.2).tolist()
        all_.record_all(states, actions, chances, rewards, after, ended, last)
        for i in range(n):
            one.record(states[i], int(actions[i]), chances[i], rewards[i], after[i], ended[i], last[i])
    assert one.seen > one.capacity  # it went round
    left, right = one.arrays(), all_.arrays()
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name])


@pytest.mark.parametrize("inner", [False, True])
def test_the_value_network_sees_every_cell_its_rim_too(inner: bool) -> None:
    world = world_of(ROOM)
    encoding = StateEncoding(observation_spec(world), len(world.agents[0].actions), 1, "cpu")
    torch.manual_seed(0)
    net = ValueNetwork(encoding, 2, 1, ValueOptions(inner=inner, layers=3))
    assert net.convolutions is not None
    senses = encoding.senses
    assert min(senses.height, senses.width) >= 3
    shape = (encoding.n_planes, senses.height, senses.width)
    cells = int(np.prod(shape))
    features = net.convolutions(torch.cat([torch.zeros(1, *shape), torch.eye(cells).view(cells, *shape)]))
    assert features.shape[1] == net.dense.in_features - encoding.n_counters
    assert (features[1:] - features[0]).abs().amax(dim=1).gt(1e-7).all()


def test_a_buffer_goes_on_in_another_process_where_it_was_left() -> None:
    """Python salts its `hash` anew in every process, and what a pair led to before must be found again."""
    code = (
        "import numpy as np, torch; from turncoat.agents.deep.transition_buffer import TransitionBuffer;"
        "buffer = TransitionBuffer(3, 2, 1, 10, torch.device('cpu')); state = np.arange(3);"
        "buffer.record(state, 1, 1.0, None, state + 1, True, True); print(buffer.arrays()['led'].tolist())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": salt}, capture_output=True, check=True
        ).stdout
        for salt in ("1", "2")
    ]
    assert told[0] == told[1] != b""


class KilledError(Exception):
    """Stands for a process that ends in the middle of a training."""


def test_a_training_goes_on_after_a_kill_as_if_there_had_been_none() -> None:
    room = enumerate_world(world_of(ROOM))
    whole, broken = _agent(room), _agent(room)
    whole.fit(TabularTrainingEnv(room), 320, seed=2)
    env, kept = TabularTrainingEnv(room), []

    def stop(step: int, _: object) -> None:
        if step >= 192:
            kept.append((snapshot.take(broken), env.get_state()))
            raise KilledError

    with pytest.raises(KilledError):
        broken.fit(env, 320, 2, stop)
    (data, place) = kept[0]
    again, lane = snapshot.make(*data), TabularTrainingEnv(room)
    lane.set_state(place)
    again.resume(lane)

    left, right = whole.learner.arrays(), again.learner.arrays()
    assert all(np.array_equal(left[name], right[name]) for name in left)
    assert whole.learner.replay.seen == again.learner.replay.seen == 320


def test_a_saved_agent_acts_and_goes_on_learning_as_the_original(
    trained: tuple[DeepAgent, Enumeration], tmp_path: Path
) -> None:
    agent, room = trained
    save_deep(agent, tmp_path / "whole.safetensors")
    save_deep(agent, tmp_path / "act.safetensors", to_act=True)

    whole, light = (load_deep(tmp_path / f"{name}.safetensors") for name in ("whole", "act"))

    expected = _policy(agent, room)
    np.testing.assert_array_equal(_policy(whole, room), expected)
    np.testing.assert_array_equal(_policy(light, room), expected)
    assert (tmp_path / "act.safetensors").stat().st_size < (tmp_path / "whole.safetensors").stat().st_size / 3
    assert light.learner.replay.n == 0
    assert whole.learner.replay.n == agent.learner.replay.n
    with training_thread():
        original = snapshot.make(*snapshot.take(agent))
        left, right = original.learner.train(2), whole.learner.train(2)
    assert left == right
    light.fit(TabularTrainingEnv(room), 200, seed=9)  # it learns anew from what it meets


def test_a_compact_agent_acts_nearly_as_the_original(trained: tuple[DeepAgent, Enumeration], tmp_path: Path) -> None:
    agent, room = trained
    save_deep(agent, tmp_path / "act.safetensors", to_act=True)
    save_deep(agent, tmp_path / "compact.safetensors", compact=True)

    light = load_deep(tmp_path / "compact.safetensors")

    assert (tmp_path / "compact.safetensors").stat().st_size < (tmp_path / "act.safetensors").stat().st_size / 2
    light.enter(observation_spec(room.world))
    assert np.mean(_policy(light, room) == _policy(agent, room)) > 0.9
    live = np.flatnonzero(~room.mdp.ended)
    seen, able = observe(room.world, room.states)[live], room.mdp.available[live]
    exact, near = agent.value_heads(seen, able)[0], light.value_heads(seen, able)[0]
    np.testing.assert_allclose(near, exact, atol=0.03 * np.abs(exact).max())


# ------------------------------------------------------------------ the search, on a model that is exact


def _places(chancy: bool = True) -> FiniteMDP:
    """Five places and an end, three actions, chance in one place if `chancy`, two channels."""
    rng = np.random.default_rng(4)
    states, actions = 6, 3
    rows: list[list[tuple[int, float]]] = []
    pay = []
    for state in range(states):
        for _ in range(actions):
            if state == states - 1:
                rows.append([])
                continue
            count = 2 if chancy and state == 2 else 1
            reached = rng.choice(states, count, replace=False)
            chance = np.array([0.3, 0.7])[2 - count :] if count == 2 else np.ones(1)
            rows.append(list(zip(reached, chance, strict=True)))
            pay += [rng.normal(size=2) for _ in range(count)]
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    flat = [pair for row in rows for pair in row]
    ended = np.zeros(states, np.bool_)
    ended[-1] = True
    return FiniteMDP(
        n_states=states,
        n_actions=actions,
        row_start=start,
        next_state=np.array([s for s, _ in flat], np.int32),
        probability=np.array([p for _, p in flat]),
        rewards=np.array(pay),
        events=np.zeros(len(flat), np.uint64),
        ended=ended,
        start_state=np.zeros(1, np.int32),
        start_probability=np.ones(1),
        channels=("a", "b"),
        event_names=(),
        action_names=("x", "y", "z"),
    )


@dataclass
class ExactImagination:
    """What a search asks for, answered by a table and its exact values: a state is its number and its mask."""

    mdp: FiniteMDP
    values: torch.Tensor
    weights: torch.Tensor
    discounts: torch.Tensor

    @property
    def judge(self) -> Any:
        return self

    spread = torch.tensor(1.0)
    options = SimpleNamespace(sharpness=1e3)  # as sharp as value iteration, which takes the best

    @property
    def model(self) -> Any:
        able = torch.as_tensor(self.mdp.available)
        encoding = SimpleNamespace(n_actions=self.mdp.n_actions, available=lambda states: able[states[:, 0]])
        return SimpleNamespace(encoding=encoding)

    def values_of(self, states: torch.Tensor) -> ValueOutputs:
        joint = self.values[states[:, 0]][:, None]
        return ValueOutputs(torch.zeros(len(states), self.mdp.n_actions), joint, joint)

    def predicted(self, states: torch.Tensor, most: int) -> Predicted:
        n, actions, channels = len(states), self.mdp.n_actions, self.mdp.rewards.shape[1]
        out = Predicted(
            torch.zeros(n, actions, most, 1, dtype=torch.int64),
            torch.zeros(n, actions, most, channels),
            torch.zeros(n, actions, most, dtype=torch.bool),
            torch.zeros(n, actions, most),
        )
        for lane, state in enumerate(states[:, 0].tolist()):
            for action in range(actions):
                row = state * actions + action
                for slot, m in enumerate(range(self.mdp.row_start[row], self.mdp.row_start[row + 1])):
                    reached = int(self.mdp.next_state[m])
                    out.next_state[lane, action, slot, 0] = reached
                    out.rewards[lane, action, slot] = torch.as_tensor(self.mdp.rewards[m])
                    out.ended[lane, action, slot] = bool(self.mdp.ended[reached])
                    out.probability[lane, action, slot] = float(self.mdp.probability[m])
        return out


def _exact(mdp: FiniteMDP, weights: np.ndarray[Any, Any], joint: np.ndarray[Any, Any]) -> Any:
    imagination = ExactImagination(
        mdp, torch.as_tensor(joint, dtype=torch.float32), torch.as_tensor(weights, dtype=torch.float32),
        torch.full((len(weights),), 0.9),
    )  # fmt: skip
    return SimpleNamespace(
        judge=SimpleNamespace(values=imagination.values_of),
        model=imagination.model,
        predicted=imagination.predicted,
        weights=imagination.weights,
        discounts=imagination.discounts,
        spread=imagination.spread,
        options=imagination.options,
    )


# By chance, an outcome that was not reached yet is missing from the mean of an action deep in the tree.
@pytest.mark.parametrize(("chancy", "near"), [(False, 1e-4), pytest.param(True, 0.12, marks=pytest.mark.nightly)])
def test_a_search_with_the_true_model_and_exact_leaves_finds_what_value_iteration_finds(
    chancy: bool, near: float
) -> None:
    mdp, weights = _places(chancy), np.array([1.0, 0.5])
    solved = policy_iteration(mdp, weights, 0.9)
    joint = evaluate(mdp, solved.policy, 0.9)
    roots = torch.arange(5)[:, None]

    tree = search(_exact(mdp, weights, joint), roots, simulations=400, considered=3)

    best = (tree.q.numpy() @ weights).argmax(axis=1)
    optimal = solved.q[:5] >= solved.q[:5].max(axis=1, keepdims=True) - 1e-9
    assert optimal[np.arange(5), best].all()
    worth = (tree.q.numpy() @ weights).max(axis=1)
    np.testing.assert_allclose(worth, solved.values[:5], atol=near)


def test_vectors_summed_by_weights_are_the_search_of_the_summed_reward() -> None:
    mdp, weights = _places(), np.array([1.0, 0.5])
    summed = replace(mdp, rewards=(mdp.rewards @ weights)[:, None], channels=("sum",))
    joint = evaluate(mdp, policy_iteration(mdp, weights, 0.9).policy, 0.9)
    roots = torch.arange(5)[:, None]

    both = search(_exact(mdp, weights, joint), roots, simulations=40, considered=3)
    alone = search(_exact(summed, np.ones(1), (joint @ weights)[:, None]), roots, simulations=40, considered=3)

    np.testing.assert_array_equal(both.visits, alone.visits)
    np.testing.assert_allclose(both.q.numpy() @ weights, alone.q.numpy()[..., 0], atol=1e-5)


# ------------------------------------------------------------------ graphs of imagined states


@pytest.mark.parametrize("discounts", [(0.9, 0.9), (0.9, 0.5)])
def test_within_a_graph_of_the_true_rules_it_finds_what_policy_iteration_finds(discounts: tuple[float, float]) -> None:
    mdp, weights = _places(), np.array([1.0, 0.5])
    solved = solve_heads(mdp, weights, np.array(discounts), WEIGHTED)
    nodes, actions, end = 5, mdp.n_actions, 5
    rewards, chance = torch.zeros(nodes, actions, 2, 2), torch.zeros(nodes, actions, 2, 3)
    place = torch.full((nodes, actions, 2), end)
    for row in range(nodes * actions):
        for slot, m in enumerate(range(mdp.row_start[row], mdp.row_start[row + 1])):
            rewards[row // actions, row % actions, slot] = torch.as_tensor(mdp.rewards[m])
            chance[row // actions, row % actions, slot] = float(mdp.probability[m])
            place[row // actions, row % actions, slot] = int(mdp.next_state[m])
    states = torch.arange(nodes)[:, None]
    graph = ImaginedGraph(
        states, torch.as_tensor(mdp.available[:nodes]), rewards, chance, place, states[:0], torch.zeros(nodes, actions)
    )
    # The network knows nothing: whatever is right afterwards was found within the graph.
    blank: Any = SimpleNamespace(
        values=lambda of: ValueOutputs(torch.zeros(len(of), actions), *2 * [torch.zeros(len(of), 3, 2)])
    )
    nothing: Any = None
    imagination = GraphImagination(
        nothing, blank, blank, nothing, torch.as_tensor(weights, dtype=torch.float32), torch.tensor(discounts),
        WEIGHTED, ValueOptions(sweeps=400), torch.tensor(1.0),
    )  # fmt: skip

    found = imagination.targets(graph, own=True)

    np.testing.assert_array_equal(found.policy.argmax(dim=1), solved.policy[:nodes])
    np.testing.assert_allclose(found.joint, np.repeat(solved.vector_values[:nodes, None], 3, axis=1), atol=1e-3)
    for channel, discount in enumerate(discounts):
        alone = policy_iteration(mdp, np.eye(2)[channel], discount).values[:nodes]
        np.testing.assert_allclose(found.own[:, 0, channel], alone, atol=1e-3)


def test_a_graph_has_every_state_once_and_outcomes_lead_where_the_model_says(
    trained: tuple[DeepAgent, Enumeration],
) -> None:
    learner = trained[0].learner
    generator = torch.Generator().manual_seed(0)
    starts = learner.replay.batch(learner.replay.drawn(6 * 40, generator)).state.view(6, 40, -1)

    graph = learner.imagination.grown(starts, None, 0, generator)

    assert len(torch.unique(graph.state, dim=0)) == len(graph.state) > 10
    told = learner.imagination.predicted(graph.state, OUTCOMES)
    assert (graph.chance.mean(dim=-1) > 0).any(dim=-1).all()
    going_on = (told.probability > 0) & ~told.ended
    table = torch.cat([graph.state, graph.leaf])
    width = graph.place.shape[2]
    led = table[graph.place[going_on[:, :, :width]]]
    assert torch.equal(led, told.next_state[going_on])
    assert (graph.place[told.ended[:, :, :width]] == len(table)).all()


def test_rollouts_that_go_on_at_the_rim_come_to_all_that_can_be_reached(
    trained: tuple[DeepAgent, Enumeration],
) -> None:
    imagination = trained[0].learner.imagination
    start = imagination.replay.batch(torch.zeros(1, dtype=torch.int64)).state
    reached = start
    while True:
        told = imagination.predicted(reached, OUTCOMES)
        going_on = (told.probability > 0) & ~told.ended & imagination._able(reached)[..., None]
        wider = torch.unique(torch.cat([reached, told.next_state[going_on]]), dim=0)
        if len(wider) == len(reached):
            break
        reached = wider

    sizes = []
    for rim in (1.0, 0.0):
        going = replace(imagination, options=replace(imagination.options, rim=rim))
        generator = torch.Generator().manual_seed(0)
        graph = going.grown(start.expand(len(reached), 8, -1), None, 0, generator)
        sizes.append((len(graph.state), len(graph.leaf)))

    assert sizes[0] == (len(reached), 0)
    assert sizes[1][0] < len(reached) / 2
    with pytest.raises(ValueError, match="rim between 0 and 1"):
        ValueOptions(rim=1.5)


def test_half_of_what_is_replayed_is_drawn_by_how_seldom_it_came() -> None:
    buffer = TransitionBuffer(2, 2, 1, 2_000, torch.device("cpu"))
    states = np.zeros((1_000, 2), np.int64)
    states[:100, 0] = np.arange(1, 101)  # once each, among a thousand
    no = [False] * 1_000
    buffer.record_all(states, np.zeros(1_000, np.int64), np.ones(1_000), [None] * 1_000, states, no, no)

    seldom = buffer.drawn(4_000, torch.Generator().manual_seed(0)) < 100

    assert 0.08 < seldom[::2].float().mean() < 0.12
    assert 0.36 < seldom[1::2].float().mean() < 0.44


def test_bodies_that_move_against_each_other_are_other_states() -> None:
    buffer = TransitionBuffer(4, 2, 1, 10, torch.device("cpu"))
    cells = torch.cartesian_prod(*3 * [torch.arange(12)], torch.arange(2))

    assert len(torch.unique(buffer.keys(cells))) == len(cells)


def test_convolutions_are_for_several_maps() -> None:
    one = observation_spec(world_of(ROOM))
    several = replace(one, cell_features=np.concatenate([one.cell_features, one.cell_features]))

    assert shipped_options(one).values.layers == 0
    assert shipped_options(several) == MANY_MAPS
    assert MANY_MAPS.values.layers == 3


# ------------------------------------------------------------------ chance, maps, lanes, options


def test_chance_is_learned_as_branches_and_imagined_by_its_share() -> None:
    world = enumerate_world(world_of(SLIPPERY))
    agent = _agent(world, model=replace(SMALL.model, branches=4, updates=24))
    agent.fit(TabularTrainingEnv(world), 1_200, seed=1)
    start = int(world.mdp.start_state[0])
    seen, mask = observe(world.world, world.states)[start][None], world.mdp.available[start][None]
    states = torch.as_tensor(agent.learner.encoding.states(seen, mask))

    found = agent.learner.imagination.predicted(states, 4)

    assert agent.learner.replay.contradictions
    right = found.probability[0, 2][:2].numpy()
    np.testing.assert_allclose(np.sort(right), [0.3, 0.7], atol=0.12)
    place = list(world.world.agents[0].sees).index(world.world.bodies[0].cell)
    came = found.next_state[0, 2, found.probability[0, 2] > 0.05, place]
    assert set(came.tolist()) == {6, 7}


def test_maps_of_earlier_stages_are_remembered() -> None:
    spec = observation_spec(world_of(ROOM))
    looks = spec.cell_features.copy()
    looks[:, 10] = True
    encoding = StateEncoding(spec, 5, 1, "cpu")
    seen, mask = np.zeros((1, spec.sizes.size), np.int64), np.ones((1, 5), np.bool_)
    before = encoding.states(seen, mask)

    encoding.enter(replace(spec, cell_features=looks))
    after = encoding.states(seen, mask)
    walls = encoding.board(torch.as_tensor(np.concatenate([before, after])))[:, 0].flatten(1)
    encoding.enter(spec)

    assert before[0, -1] != after[0, -1]
    np.testing.assert_array_equal(walls[0].bool().numpy(), spec.cell_features[0, :-1, 0])
    np.testing.assert_array_equal(walls[1].bool().numpy(), looks[0, :-1, 0])
    np.testing.assert_array_equal(encoding.states(seen, mask), before)


@pytest.mark.parametrize("kind", [TabularTrainingEnv, ReferenceTrainingEnv])
def test_spawned_lanes_are_watched_counted_and_put_back_where_they_were(kind: Any) -> None:
    room = enumerate_world(world_of(ROOM))
    inner = kind(room if kind is TabularTrainingEnv else room.world)
    heard: list[int] = []
    env = MonitoredEnv(inner, after_step=lambda _, __, number: heard.append(number))
    lanes = [env, env.spawn(), env.spawn()]
    for number, lane in enumerate(lanes):
        assert lane is not None
        lane.reset(number)
        lane.step(4)
    lanes[2].step(4)  # type: ignore[union-attr]

    copy = kind(room if kind is TabularTrainingEnv else room.world)
    copy.set_state(inner.get_state())
    assert isinstance(copy, SpawningEnv)
    again: list[Any] = [copy, copy.spawn(), copy.spawn()]

    assert heard == [0, 1, 2, 2]
    for lane, twin in zip(lanes, again, strict=True):
        assert lane is not None
        np.testing.assert_array_equal(lane.step(2)[0], twin.step(2)[0])


def test_its_planner_is_a_search_by_networks_or_none() -> None:
    assert search_budget(PartSpec("enumerate")).simulations == 16
    assert search_budget(PartSpec("none")).simulations == 0
    assert search_budget(PartSpec("mcts", {"simulations": 5})) == (5, 16)
    with pytest.raises(ValueError, match="not `leaves`"):
        search_budget(PartSpec("mcts", {"leaves": "swept"}))
    told = eligibility.unable("deep", world_of(ROOM.replace("discount: 0.9", "discount: 0.9\n    planner: shooting")))
    assert "not `shooting`" in str(told)


def test_without_a_search_the_policy_prior_decides(trained: tuple[DeepAgent, Enumeration]) -> None:
    agent, room = trained
    light = snapshot.make(*snapshot.take(agent))
    light.options = replace(light.options, planner=PartSpec("none"))
    live = np.flatnonzero(~room.mdp.ended)
    states = light.learner.encoding.states(observe(room.world, room.states)[live], room.mdp.available[live])

    prior = np.where(room.mdp.available[live], light.learner.priors(states, np.zeros(live.size, np.bool_)), -np.inf)

    np.testing.assert_array_equal(_policy(light, room)[live], prior.argmax(axis=1))


def test_it_learns_online_from_what_it_meets() -> None:
    room = enumerate_world(world_of(ROOM))
    agent = _agent(room)
    agent.fit(TabularTrainingEnv(room), 128, seed=1)
    before, seen, mask = agent.learner.arrays(), observe(room.world, room.states)[:1], np.ones((1, 5), np.bool_)

    for _ in range(2):
        for _ in range(34):
            actions, _ = agent.act(seen, None, mask)
            agent.observe(seen, actions, np.zeros((1, 2)), seen, np.zeros(1, np.bool_), mask)
        after = agent.learner.arrays()
        assert np.array_equal(before["task.heads"], after["task.heads"]) is not agent.learning
        agent.learning = True

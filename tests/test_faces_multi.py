"""Several agents: PettingZoo's contracts, and the two matrix games of the library with their exact equilibria."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
import quantecon

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # PettingZoo's own tests import what it has deprecated
    from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test

from tests.test_faces_single import ALONE, gym_id, same
from tests.worlds import ONE_OF_EACH, enlistable, sampled, scenario_of
from turncoat import api
from turncoat.envs.adapters.gymnasium_env import TurncoatEnv
from turncoat.envs.adapters.pettingzoo_env import aec_env, parallel_env
from turncoat.envs.adapters.spaces import ObservationEncoder
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.step import reset
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import EnumeratedDraws
from turncoat.scenarios import library
from turncoat.scenarios.errors import ArgumentError

MATCH = """
map: |
  ######
  #N.gB#
  ######
legend:
  N: ann
  B: bob
  g: gem
things:
  gem: {kind: item}
agents:
  ann:
    actions: [stay, left, right]
    observes: {window: 3}
    values: {score: {weight: 2}, envy: {weight: -1}}
  bob:
    actions: [stay, left, {name: wink, when: "bob on cell(1, 4)"}]
    values: {score: {weight: 1}}
rewards: {score: {}, envy: {}, performance: {hidden: true}}
rules:
  - name: anns
    when: ann on gem
    then:
      - remove gem
      - event won
    pays: {ann.score: 1, bob.envy: 1, performance: 5}
  - name: bobs
    when: bob on gem
    then:
      - remove gem
      - event won
    pays: {bob.score: 1, ann.envy: 1, performance: 3}
stages:
  train: {limit: 4}
solution: joint
"""


# ------------------------------------------------------------------ the contracts


CASTS = [
    pytest.param(name, enlist, marks=() if name in ONE_OF_EACH else pytest.mark.nightly)
    for name in library.names()
    for enlist in ((), *((thing,) for file, thing in enlistable() if file == name))
]
"""Every scenario with its own agents, and again with each thing that can be enlisted."""


@pytest.mark.parametrize(("name", "enlist"), CASTS)
def test_pettingzoo_finds_nothing_wrong_all_at_once(name, enlist):
    parallel_api_test(parallel_env(name, enlist=enlist), num_cycles=200)
    parallel_seed_test(lambda: parallel_env(name, enlist=enlist))


@pytest.mark.filterwarnings("ignore:We recommend agents to be named in the format:UserWarning")
@pytest.mark.filterwarnings("ignore:Observation is not a NumPy array:UserWarning")
@pytest.mark.filterwarnings("ignore:Observation is a single number:UserWarning")  # a world of one flag
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros:UserWarning")  # without a board, at its start
@pytest.mark.filterwarnings("ignore:Observation space for each agent probably should be:UserWarning")
@pytest.mark.parametrize(("name", "enlist"), CASTS)
def test_pettingzoo_finds_nothing_wrong_one_after_another(name, enlist):
    """It likes agents called `robot_0` and plain arrays; our names are the file's, and a form `flat` there is."""
    api_test(aec_env(name, enlist=enlist, render_mode="ansi"), num_cycles=200)
    api_test(aec_env(name, enlist=enlist, form="flat"), num_cycles=200)
    seed_test(lambda: aec_env(name, enlist=enlist))


@pytest.mark.parametrize(("name", "enlist"), [cast for cast in CASTS if cast.values[1] or cast.values[0] not in ALONE])
def test_the_same_seed_and_actions_are_the_same_episode(name, enlist):
    """Played at once, played at once again, and played one after another."""
    once, again = (parallel_env(name, enlist=enlist, audit=True) for _ in range(2))
    turns = aec_env(name, enlist=enlist, audit=True)
    once.reset(seed=11)
    again.reset(seed=11)
    turns.reset(seed=11)
    rng = np.random.default_rng(11)
    while once.agents:
        actions = {agent: int(rng.integers(len(once.action_names[agent]))) for agent in once.agents}
        observations, *rest, infos = once.step(actions)
        others, *also, told = again.step(actions)
        assert rest == also
        assert {agent: plain(info) for agent, info in infos.items()} == {a: plain(info) for a, info in told.items()}
        assert all(same(observations[agent], others[agent]) for agent in actions)
        for agent in actions:
            assert turns.agent_selection == agent
            turns.step(actions[agent])
        assert [plain(turns.infos[agent]) for agent in actions] == [plain(infos[agent]) for agent in actions]
        assert all(same(turns.observe(agent), observations[agent]) for agent in actions)


def plain(info):
    """An `info` whose parts can be compared."""
    return {key: np.asarray(value).tolist() for key, value in info.items()}


@pytest.mark.parametrize("name", sampled(ALONE, ONE_OF_EACH))
def test_one_agent_is_the_single_environment(name):
    many, one = parallel_env(name, audit=True), TurncoatEnv(name, audit=True)
    agent = many.possible_agents[0]
    observations, infos = many.reset(seed=3)
    observation, info = one.reset(seed=3)
    assert (plain(infos[agent]), same(observations[agent], observation)) == (plain(info), True)
    for action in np.random.default_rng(0).integers(len(one.action_names), size=200).tolist():
        step = many.step({agent: action})
        observation, *rest = one.step(action)
        assert same(step[0][agent], observation)
        assert [part[agent] for part in step[1:-1]] == rest[:-1]
        assert plain(step[-1][agent]) == plain(rest[-1])
        if not many.agents:
            many.reset()
            one.reset()


# ------------------------------------------------------------------ two agents by hand


def test_what_each_is_paid_shown_and_told():
    env = parallel_env(scenario_of(MATCH), audit=True)
    observations, infos = env.reset(seed=0)
    ann, bob = (dict(zip(o.plane_names, observations[n]["board"], strict=True)) for n, o in env.observers.items())
    assert ann["wall"].shape == (3, 3)
    assert not ann["gem"].any()
    assert not ann["bob"].any()
    assert bob["gem"].argmax() == 9
    assert infos["bob"]["action_mask"].tolist() == [1, 1, 1]
    assert "action_mask" not in infos["ann"]

    observations, rewards, ended, cut, infos = env.step({"ann": 2, "bob": 1})
    assert rewards == {"ann": -1, "bob": 1}
    assert infos["ann"] == {
        "events": ("won",), "rewards": {"ann.score": 0, "ann.envy": 1}, "executed": 2, "performance": 3,
    }  # fmt: skip
    assert infos["bob"]["rewards"] == {"bob.score": 1, "bob.envy": 0}
    assert infos["bob"]["action_mask"].tolist() == [1, 1, 0]
    assert (ended, cut) == ({"ann": False, "bob": False}, {"ann": False, "bob": False})
    assert env.state().tolist()[1:3] == [8, 9]
    assert env.agents == ["ann", "bob"]
    for _ in range(3):
        *_, ended, cut, _ = env.step({"ann": 0, "bob": 0})
    assert (ended["ann"], cut["ann"], env.agents) == (False, True, [])
    assert env.step({}) == ({}, {}, {}, {}, {})


def test_nobody_may_be_left_out():
    env = parallel_env(scenario_of(MATCH))
    env.reset(seed=0)
    for wrong in ({"ann": 0}, {"ann": 0, "bob": 3}):
        with pytest.raises(ValueError, match="`bob` needs an action from 0 to 2"):
            env.step(wrong)
    with pytest.raises(ArgumentError, match="`actions` maps each agent to its action"):
        env.step(None)  # type: ignore[arg-type]


def test_performance_is_told_only_in_an_audit():
    env = parallel_env("chicken")
    infos = [env.reset(seed=0)[1], env.step({"ann": 0, "bob": 0})[4]]
    assert "performance" not in str(infos)


def test_pictures():
    env = parallel_env("chicken", render_mode="ansi")
    env.reset(seed=0)
    assert env.render() == "#####\n#DAH#\n#####\n#DBH#\n#####"
    picture = parallel_env("chicken", render_mode="rgb_array")
    picture.reset(seed=0)
    drawn = picture.render()
    assert isinstance(drawn, np.ndarray)
    assert drawn.shape == (80, 80, 3)
    assert parallel_env("chicken").render() is None
    with pytest.raises(ValueError, match="no render mode `human`"):
        parallel_env("chicken", render_mode="human")


# ------------------------------------------------------------------ the matrix games


def payoffs(name):
    """Each agent's payoff of a round, float64 `[2, 2]` by (its own action, the other's), from the enumerated world."""
    world = compile_world(api.load(f"two_systems/{name}"))
    found = enumerate_world(world)
    start = reset(world, EnumeratedDraws())
    assert (found.mdp.n_states, start.states.shape[0]) == (1, 1), "every round begins alike"
    rows = found.mdp.rewards[found.mdp.row_start[:4]] @ np.array([agent.weights for agent in world.agents]).T
    assert (np.diff(found.mdp.row_start) == 1).all(), "nothing is left to chance"
    assert found.mdp.action_names == ("left+left", "left+right", "right+left", "right+right")
    square = rows.reshape(2, 2, 2)
    return square[..., 0], square[..., 1].T, found.performance.reshape(2, 2)


def equilibria(name):
    """Every equilibrium, as exact shares of `left` and what each is then worth to both."""
    ann, bob, _ = payoffs(name)
    game = quantecon.game_theory.NormalFormGame([quantecon.game_theory.Player(ann), quantecon.game_theory.Player(bob)])
    found = []
    for x, y in quantecon.game_theory.vertex_enumeration(game):
        shares = tuple(Fraction(float(side[0])).limit_denominator(100) for side in (x, y))
        found.append((*shares, pytest.approx(x @ ann @ y), pytest.approx(y @ bob @ x)))
    return sorted(found, key=lambda each: each[:2])


def test_chicken():
    ann, bob, performance = payoffs("chicken")
    assert ann.tolist() == bob.tolist() == [[3, 2], [5, 0]]
    assert (performance == ann + bob.T).all()
    half = Fraction(1, 2)
    assert equilibria("chicken") == [(0, 1, 5, 2), (half, half, 2.5, 2.5), (1, 0, 2, 5)]
    assert (1 - half) ** 2 == 0.25, "fights"
    assert ann[0, 0] == 3, "both doves"
    assert (ann[0, 1] + ann[1, 0]) / 2 == 3.5, "taking turns"


def test_bach_stravinsky():
    ann, bob, performance = payoffs("bach_stravinsky")
    assert (ann.tolist(), bob.tolist()) == ([[3, 0], [0, 2]], [[2, 0], [0, 3]])
    assert (performance == ann + bob.T).all()
    mixed = (Fraction(3, 5), Fraction(2, 5))
    assert equilibria("bach_stravinsky") == [(0, 0, 2, 3), (*mixed, 1.2, 1.2), (1, 1, 3, 2)]
    assert mixed[0] * (1 - mixed[1]) + (1 - mixed[0]) * mixed[1] == Fraction(13, 25), "they miss each other"
    assert (ann[0, 0] + ann[1, 1]) / 2 == 2.5, "taking turns"


def test_the_two_see_each_other():
    world = compile_world(api.load("chicken"))
    assert all(
        ObservationEncoder(world, agent).plane_names == ("wall", "dove", "hawk", "ann", "bob") for agent in (0, 1)
    )
    assert gym_id("two_systems/chicken") == "turncoat/chicken-v0"

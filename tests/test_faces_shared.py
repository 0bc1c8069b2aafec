"""What all faces share: seeds, actions, copies, states, render modes, and the libraries' usual roads to them."""

import copy
import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from hypothesis import given, settings
from hypothesis import strategies as st

import turncoat
from tests.worlds import scenario_of
from turncoat.envs.adapters.fixed_opponents import FixedOpponentsEnv, tabular_policy
from turncoat.envs.adapters.gymnasium_env import TurncoatEnv
from turncoat.envs.adapters.gymnasium_vector import TurncoatVectorEnv
from turncoat.envs.adapters.pettingzoo_env import aec_env, parallel_env
from turncoat.envs.arguments import MOST_SEED, action_index, action_indices, checked_seed
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.training_env import ReferenceTrainingEnv, TabularTrainingEnv
from turncoat.envs.world.compiler import compile_world
from turncoat.scenarios.errors import ArgumentError
from turncoat.scenarios.language.loading import load

pytest.importorskip("stable_baselines3", exc_type=ImportError)

from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from turncoat.envs.adapters.sb3_vec_env import TurncoatVecEnv

CHANCY = """
map: |
  ######
  #A..V#
  #....#
  ######
legend:
  V: {zone: vault}
agents:
  robot:
    actions: [left, right, up, down, {name: grab, when: robot in vault}]
    values: {reward: {weight: 1}}
rewards: {reward: {}}
draws:
  gust: {at: tick, p: 0.5}
rules:
  - name: blown
    when: gust == 1 and robot moved
    then:
      - move robot left
    pays: {reward: 1}
  - name: grabbing
    when: robot does grab
    then:
      - end "grabbed"
stages:
  train: {limit: 7}
"""


def guard_at_random(state, chance):
    return int(chance.integers(2))


class Face:
    """One face with one way to seed, reset and step it: lanes of `lab`, or of `chicken` where agents are held."""

    def __init__(self, make, begin, act, count):
        self.make, self.begin, self.act, self.count = make, begin, act, count


def act_in_turns(env, action):
    for agent in list(env.agents):
        env.step(action if agent == env.agents[0] else 0)
    return [env.last()[1:4], env.infos]


def begin_vec(env, seed):
    env.seed(seed)
    return env.reset()


def reset(env, seed):
    return env.reset(seed=seed)


FACES = {
    "gymnasium": Face(lambda **more: TurncoatEnv("lab", **more), reset, lambda env, a: env.step(a), 6),
    "vector": Face(
        lambda **more: TurncoatVectorEnv("lab", 1, **more), reset, lambda env, a: env.step(np.array([a])), 6
    ),
    "sb3": Face(lambda **more: TurncoatVecEnv("lab", 1, **more), begin_vec, lambda env, a: env.step(np.array([a])), 6),
    "parallel": Face(
        lambda **more: parallel_env("lab", **more), reset, lambda env, a: env.step(dict.fromkeys(env.agents, a)), 6
    ),
    "turns": Face(lambda **more: aec_env("lab", **more), reset, act_in_turns, 6),
    "held": Face(
        lambda **more: FixedOpponentsEnv("chicken", "ann", {"bob": guard_at_random}, **more),
        reset,
        lambda env, a: env.step(a),
        2,
    ),
}
each_face = pytest.mark.parametrize("name", FACES)


def plain(value):
    """Nested results as lists, to be compared."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray) and value.dtype == object:
        return plain(value.tolist())
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


# ------------------------------------------------------------------ seeds


@each_face
def test_a_seed_may_be_any_integer_that_is_in_range(name):
    face = FACES[name]
    first = [plain(face.begin(face.make(), seed)) for seed in (3, np.int64(3), np.uint8(3), np.array(3))]
    assert first[0] == first[1] == first[2] == first[3]
    env = face.make()
    face.begin(env, MOST_SEED)
    for wrong in (-1, np.int64(-1), MOST_SEED + 1, 10**5000, 1.0, "3", b"3", np.array([3]), True):
        with pytest.raises(ArgumentError, match="`seed` is a whole number from 0 to 18446744073709551615, not"):
            face.begin(env, wrong)


def test_options_are_a_mapping():
    wrong: Any = 5
    for make in (turncoat.make, turncoat.make_parallel, lambda which: TurncoatVectorEnv(load(which), 2)):
        with pytest.raises(ArgumentError, match="`options` is a mapping, not 5"):
            make("interruption").reset(options=wrong)


@settings(max_examples=50)
@given(st.one_of(st.integers(), st.floats(), st.text(), st.binary(), st.none(), st.fractions()))
def test_a_seed_is_itself_or_refused(seed):
    if isinstance(seed, int) and 0 <= seed <= MOST_SEED:
        assert checked_seed(seed) == seed
    else:
        with pytest.raises(ArgumentError, match="`seed` is a whole number"):
            checked_seed(seed)


@given(st.integers(0, 2**63 - 1), st.sampled_from([np.int64, np.uint64]))
def test_numpys_seeds_are_those_of_python(seed, kind):
    assert checked_seed(kind(seed)) == seed
    assert type(checked_seed(kind(seed))) is int


# ------------------------------------------------------------------ actions

NO_ACTIONS = [-1, 6, 2**32, 2**64, -(2**32), 1.0, 0.5, True, np.True_, b"1", "1", None, np.float32(1), [0, 1]]


@each_face
def test_what_is_no_action_is_refused_and_nothing_is_done(name):
    face = FACES[name]
    env, other = face.make(), face.make()
    face.begin(env, 3)
    face.begin(other, 3)
    for wrong in NO_ACTIONS:
        with pytest.raises(ArgumentError):
            face.act(env, wrong)
    assert plain(face.act(env, 1)) == plain(face.act(other, 1))


@each_face
@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.uint64])
def test_any_integer_type_is_an_action(name, kind):
    face = FACES[name]
    env, other = face.make(), face.make()
    face.begin(env, 3)
    face.begin(other, 3)
    assert plain(face.act(env, kind(1))) == plain(face.act(other, 1))


numbers = st.one_of(st.integers(), st.floats(), st.booleans(), st.text(), st.binary(), st.none())


@given(numbers, st.integers(1, 300))
def test_an_action_is_itself_or_refused(action, count):
    if type(action) is int and 0 <= action < count:
        assert action_index(action, count) == action
    else:
        with pytest.raises(ArgumentError):
            action_index(action, count)


@settings(max_examples=200)
@given(st.lists(numbers, max_size=4), st.integers(1, 3), st.integers(1, 9), st.booleans())
def test_actions_are_themselves_or_refused(actions, lanes, count, as_array):
    right = len(actions) == lanes and all(type(a) is int and 0 <= a < count for a in actions)
    if as_array:
        given_ = np.empty(len(actions), object)
        given_[:] = actions
    else:
        given_ = actions
    if right:
        assert action_indices(given_, lanes, count).tolist() == actions
    else:
        with pytest.raises(ArgumentError):
            action_indices(given_, lanes, count)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3), st.integers(1, 9))
def test_no_integer_wraps_around(actions, count):
    array = np.array(actions, np.int64)
    for numbers_ in (array, array.view(np.uint64), array.astype(">i8"), array.astype("<i8")):
        if all(0 <= a < count for a in numbers_.tolist()):
            assert action_indices(numbers_, len(actions), count).tolist() == numbers_.tolist()
        else:
            with pytest.raises(ArgumentError, match="no action"):
                action_indices(numbers_, len(actions), count)


@pytest.mark.parametrize("make", [TurncoatVectorEnv, TurncoatVecEnv])
def test_every_lane_needs_an_action_of_its_own(make):
    env = make("lab", 3)
    env.reset()
    for wrong in (
        np.array([1]),
        np.array(1),
        1,
        np.ones((3, 1), int),
        [[1], [2], [3]],
        [],
        np.ones(4, int),
        [[1], 2, 3],
    ):
        with pytest.raises(ArgumentError, match="`actions` are 3 integers, one for each lane"):
            env.step(wrong)
    with pytest.raises(ArgumentError, match=r"an action is an integer from 0 to 5, not `True`"):
        env.step([1, True, 2])
    assert len(env.step([1, 2, 3])[1]) == 3


@pytest.mark.parametrize("make", [lambda w: TabularTrainingEnv(enumerate_world(w)), ReferenceTrainingEnv])
def test_environments_that_agents_train_in_refuse_the_same(make):
    env = make(compile_world(load("lab"), "train"))
    env.reset(seed=np.int64(3))
    with pytest.raises(ArgumentError, match="`seed` is a whole number"):
        env.reset(seed=-1)
    for wrong in (-1, 6, 2**32, 1.0, True):
        with pytest.raises(ArgumentError, match="action"):
            env.step(wrong)
    env.step(np.int64(5))


# ------------------------------------------------------------------ the order of calls


@each_face
def test_before_a_reset_there_is_no_step(name):
    env = FACES[name].make()
    with pytest.raises(ResetNeeded, match="no episode has begun: call `reset` before `step`"):
        env.step({"robot": 0} if name == "parallel" else 0)


@pytest.mark.parametrize("name", ["gymnasium", "parallel", "turns", "held"])
def test_after_the_end_there_is_no_step(name):
    face = FACES[name]
    env = face.make()
    face.begin(env, 0)
    for _ in range(200):
        if name == "turns":
            if not env.agents:
                break
            agent = env.agent_selection
            env.step(None if env.terminations[agent] or env.truncations[agent] else 0)
        else:
            _, _, ended, cut, _ = face.act(env, 0)
            if ended is True or cut is True or not getattr(env, "agents", True):
                break
    with pytest.raises(ResetNeeded, match="the episode is over: call `reset` before `step`"):
        env.step({"robot": 0}) if name == "parallel" else env.step(0)
    face.begin(env, 0)


# ------------------------------------------------------------------ copies and states


def copies(env):
    return [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]


def over(name, env, last):
    """Whether somebody has to reset the environment after the step whose plain result is `last`."""
    if name == "turns":
        return any([*env.terminations.values(), *env.truncations.values()])
    return not env.agents if name == "parallel" else name in ("gymnasium", "held") and any(last[2:4])


@each_face
@pytest.mark.parametrize("begun", [False, True])
def test_a_copy_goes_on_as_the_original_would(name, begun):
    """Across episodes, and without one changing another."""
    face = FACES[name]
    env = face.make()
    chosen = np.random.default_rng(0).integers(face.count, size=90).tolist()
    if begun:
        face.begin(env, 5)
        for action in chosen[:20] if name != "held" else []:
            face.act(env, action)
    twins = copies(env)
    if not begun:
        face.begin(env, 5)
        for twin in twins:
            face.begin(twin, 5)
    told: list = [[] for _ in (env, *twins)]
    for story, its in zip(told, (env, *twins), strict=True):
        for action in chosen[20:]:
            story.append(plain(face.act(its, action)))
            if over(name, its, story[-1]):
                story.append(plain(its.reset()))
    assert told[0] == told[1] == told[2]


def test_a_copy_shares_the_world_and_nothing_else():
    env = TurncoatEnv(scenario_of(CHANCY))
    env.reset(seed=0)
    env.unwrapped.__dict__["note"] = ["mine"]
    twin = copy.deepcopy(env)
    assert twin.world is env.world
    twin.__dict__["note"].append("its own")
    before = env.get_state().tolist()
    twin.step(1)
    assert (env.get_state().tolist(), env.ticks, env.__dict__["note"]) == (before, 0, ["mine"])
    assert len(pickle.dumps(env)) < 100_000


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_copies_of_many_lanes_with_chance(mode):
    env = TurncoatVectorEnv(scenario_of(CHANCY), 4, autoreset_mode=mode)
    env.reset(seed=2)
    chosen = np.random.default_rng(0).integers(5, size=(40, 4))
    for actions in chosen[:10]:
        env.step(actions)
    twins = copies(env)
    stories = [[plain(its.step(actions)) for actions in chosen[10:]] for its in (env, *twins)]
    assert stories[0] == stories[1] == stories[2]
    with pytest.raises(ValueError, match="read-only"):
        twins[1].step(chosen[0])[4]["_executed"][0] = False


@each_face
def test_a_state_is_kept_and_put_back(name):
    face = FACES[name]
    env, other = face.make(), face.make()
    face.begin(env, 5)
    if name != "held":
        for action in (1, 2, 3, 4, 4, 2):
            face.act(env, action)
    state = env.get_state()
    other.set_state(state)
    assert (other.get_state() == state).all()
    results = plain(face.act(env, 2 % face.count)), plain(face.act(other, 2 % face.count))
    assert name == "held" or results[0] == results[1]
    for wrong in (state + 1000, state[..., 1:], state.astype(float), state - 1000):
        with pytest.raises(ArgumentError, match="a state here is"):
            env.set_state(wrong)
    for wrong, said in ((-1, "is a whole number"), (2**63 - 1, "is a whole number"), ([1] * 50, "one for each of")):
        with pytest.raises(ArgumentError, match=f"`ticks`.*{said}"):
            env.set_state(state, wrong)


def test_ticks_are_put_back_too():
    env = TurncoatVectorEnv(scenario_of(CHANCY), 2)
    env.reset(seed=0)
    env.set_state(env.get_state(), [6, 0])
    assert env.step([0, 0])[3].tolist() == [True, False]
    turns = aec_env(scenario_of(CHANCY))
    turns.set_state(env.get_state()[0], 6)
    turns.step(0)
    assert turns.truncations == {"robot": True}


def test_a_state_that_is_over_needs_a_reset():
    env = TurncoatEnv(scenario_of(CHANCY))
    env.reset(seed=0)
    state = env.get_state()
    state[env.world.ended] = 1
    env.set_state(state)
    with pytest.raises(ResetNeeded):
        env.step(0)
    many = parallel_env(scenario_of(CHANCY))
    many.set_state(state)
    assert many.agents == []


def test_pettingzoo_knows_the_space_of_the_state():
    for env in (parallel_env("lab"), aec_env("lab")):
        env.reset(seed=0)
        assert env.state_space.contains(env.state())
        assert env.state_space.contains(env.get_state())


# ------------------------------------------------------------------ pictures


@each_face
def test_a_render_mode_that_does_not_exist_is_refused(name):
    allowed = "rgb_array" if name == "sb3" else "ansi, rgb_array"
    with pytest.raises(ValueError, match=f"no render mode `nonsense`; there are {allowed}"):
        FACES[name].make(render_mode="nonsense")


@each_face
def test_films_run_at_the_same_speed(name):
    env = FACES[name].make(render_mode="rgb_array")
    assert env.metadata["render_fps"] == 8
    assert "rgb_array" in env.metadata["render_modes"]


def test_vectors_have_pictures():
    one = TurncoatEnv("lab", render_mode="ansi")
    one.reset(seed=4)
    env = gymnasium.make_vec("turncoat:turncoat/lab-v0", num_envs=2, render_mode="ansi")
    env.reset(seed=4)
    assert env.render() == (one.render(),) * 2
    pictures = TurncoatVectorEnv("lab", 2, render_mode="rgb_array")
    pictures.reset(seed=4)
    assert [picture.shape for picture in pictures.render() or ()] == [(128, 144, 3)] * 2
    assert TurncoatVectorEnv("lab", 2).render() is None


# ------------------------------------------------------------------ partial resets


def test_only_the_lanes_of_the_mask_begin_anew():
    env = TurncoatVectorEnv(scenario_of(CHANCY), 3, autoreset_mode="Disabled")
    singles = [TurncoatEnv(scenario_of(CHANCY)) for _ in range(3)]
    env.reset(seed=1)
    for lane, one in enumerate(singles):
        one.reset(seed=1, options={"lane": lane})
    rng = np.random.default_rng(0)
    for _ in range(40):
        actions = rng.integers(5, size=3)
        seen, _, ended, cut, _ = env.step(actions)
        alone: list = [one.step(action) for one, action in zip(singles, actions, strict=True)]
        assert [plain(step[2:4]) for step in alone] == plain(np.stack([ended, cut], axis=1))
        mask = (ended | cut) | (rng.random(3) < 0.2)
        if mask.any():
            seen, infos = env.reset(options={"reset_mask": mask})
            alone = [one.reset() if mask[i] else alone[i] for i, one in enumerate(singles)]
            assert infos["_executed"].tolist() == mask.tolist()
        assert [plain(step[0]) for step in alone] == [plain({k: v[i] for k, v in seen.items()}) for i in range(3)]


def test_the_mask_is_checked_and_an_open_end_is_named():
    env = TurncoatVectorEnv(scenario_of(CHANCY), 2, autoreset_mode="Disabled")
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        env.reset(options={"reset_mask": np.array([True, False])})
    env.reset(seed=0)
    for wrong in ([True, False], np.array([1, 0]), np.array([True]), np.array([False, False])):
        with pytest.raises(ArgumentError, match="`reset_mask` is an array of 2 truth values"):
            env.reset(options={"reset_mask": wrong})
    with pytest.raises(ArgumentError, match="a seed restarts the random streams of all lanes"):
        env.reset(seed=3, options={"reset_mask": np.array([True, False])})
    env.reset(seed=3, options={"reset_mask": np.array([True, True])})
    for _ in range(7):
        env.step([0, 0])
    with pytest.raises(ResetNeeded, match="the episode is over"):
        env.step([0, 0])


def test_a_lane_that_was_begun_is_not_begun_again():
    """With next-step resets, the step after a partial reset is a tick."""
    env = TurncoatVectorEnv(scenario_of(CHANCY), 2)
    env.reset(seed=0)
    for _ in range(7):
        env.step([0, 0])
    env.reset(options={"reset_mask": np.array([True, False])})
    env.step([0, 0])
    assert env._lanes.stepper.ticks.tolist() == [1, 0]


# ------------------------------------------------------------------ the libraries' usual roads


def test_gymnasiums_own_vectors_take_it():
    env = gymnasium.make_vec("turncoat:turncoat/lab-v0", num_envs=2, vectorization_mode="sync")
    env.reset(seed=3)
    other = TurncoatEnv("lab")
    other.reset(seed=4)
    assert env.step(np.array([4, 4]))[1][1] == other.step(4)[1]
    assert env.unwrapped.metadata["render_fps"] == 8


def test_stable_baselines_usual_road():
    """`DummyVecEnv` and a wrapper that pickles what it wraps are what its tutorials begin with."""
    env = DummyVecEnv([lambda: gymnasium.make("turncoat:turncoat/lab-v0", form="flat") for _ in range(2)])
    env.seed(3)
    env.reset()
    env.step(np.array([1, 2]))
    lanes = TurncoatVecEnv("lab", 2, form="flat")
    normal = VecNormalize(lanes)
    normal.seed(3)
    normal.reset()
    again = pickle.loads(pickle.dumps(normal))  # without the environment, which is set anew
    again.set_venv(copy.deepcopy(lanes))
    assert plain(normal.step(np.array([1, 4]))[0]) == plain(again.step(np.array([1, 4]))[0])
    assert lanes.env_method("get_state")[1].tolist() == lanes.get_state()[1].tolist()


def test_masks_of_one_agent_among_others():
    contrib = pytest.importorskip("sb3_contrib", exc_type=ImportError)
    env = FixedOpponentsEnv("chicken", "ann", {"bob": guard_at_random}, form="flat")
    env.reset(seed=0)
    assert env.action_masks().tolist() == [True, True]
    contrib.MaskablePPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu").learn(8)


def test_a_tabular_opponent_can_be_pickled():
    parallel = parallel_env("chicken")
    enumeration = enumerate_world(parallel.world)
    policy = tabular_policy(enumeration, np.full((enumeration.mdp.n_states, 2), 0.5))
    parallel.reset(seed=0)
    again = pickle.loads(pickle.dumps(policy))
    draws = [[its(parallel.state(), np.random.default_rng(i)) for i in range(20)] for its in (policy, again)]
    assert draws[0] == draws[1]
    assert set(draws[0]) == {0, 1}


def test_supersuits_vectors_of_copies():
    """From PettingZoo by SuperSuit to Stable-Baselines3, as the tutorials of all three do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own imports
        supersuit = pytest.importorskip("supersuit")
    parallel = parallel_env("chicken", form="flat")
    vector = supersuit.pettingzoo_env_to_vec_env_v1(parallel)
    env = supersuit.concat_vec_envs_v1(vector, 3, num_cpus=1, base_class="stable_baselines3")
    observations = env.reset()
    assert len(observations) == 6
    stepped = env.step(np.zeros(6, np.int64))
    assert stepped[1].shape == (6,)
    assert env.render_mode is None


def test_the_options_of_make_vec_are_documented():
    text = (Path(__file__).parents[1] / "docs/reference/faces.md").read_text(encoding="utf-8")
    for option in ("num_envs", "vectorization_mode", "vector_kwargs", "autoreset_mode", "copy", "render_mode"):
        assert re.search(rf"`{option}\W", text), option

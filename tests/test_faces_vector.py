"""Many lanes at once: each is the single environment, and episodes follow each other as Gymnasium says."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

from tests.test_faces_single import ALONE, GUARDED, gym_id, same
from tests.worlds import ONE_OF_EACH, sampled, scenario_of
from turncoat.envs.adapters.gymnasium_env import TurncoatEnv
from turncoat.envs.adapters.gymnasium_vector import TurncoatVectorEnv

LANES = 5


def row(batch, lane):
    return {name: part[lane] for name, part in batch.items()}


def lane_info(env, infos, lane):
    """One lane's part of the infos, as the single environment says it."""
    bits = int(infos["event_bits"][lane])
    out = {
        "events": tuple(name for i, name in enumerate(env.event_names) if bits >> i & 1),
        "rewards": {name: part[lane] for name, part in infos["rewards"].items() if not name.startswith("_")},
        "executed": infos["executed"][lane],
    }
    more = ("performance", "action_mask", "stage", "episode_number", "life_over")
    out |= {name: infos[name][lane].tolist() for name in more if name in infos}
    return out


def plain(info):
    return {name: part.tolist() if isinstance(part, np.ndarray) else part for name, part in info.items()}


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("name", [*sampled(ALONE, ONE_OF_EACH), "guarded"])
def test_each_lane_is_the_single_environment(name, mode):
    scenario = scenario_of(GUARDED) if name == "guarded" else name
    vector = TurncoatVectorEnv(scenario, LANES, audit=True, autoreset_mode=mode)
    singles = [TurncoatEnv(scenario, audit=True) for _ in range(LANES)]
    observations, infos = vector.reset(seed=7)
    for lane, env in enumerate(singles):
        observation, info = env.reset(seed=7, options={"lane": lane})
        assert same(row(observations, lane), observation)
        assert lane_info(vector, infos, lane) == plain(info)
    over = [False] * LANES
    finals = 0
    for actions in np.random.default_rng(1).integers(len(vector.action_names), size=(250, LANES)):
        observations, rewards, ended, cut, infos = vector.step(actions)
        for lane, env in enumerate(singles):
            if mode == "NextStep" and over[lane]:
                observation, info = env.reset()
                expected = (0.0, False, False)
                over[lane] = False
            else:
                observation, reward, terminated, truncated, info = env.step(actions[lane])
                expected = (reward, terminated, truncated)
                over[lane] = expected[1] or expected[2]
                if mode == "SameStep" and over[lane]:
                    finals += 1
                    assert infos["_final_obs"][lane]
                    assert same(infos["final_obs"][lane], observation)
                    assert lane_info(vector, infos["final_info"], lane) == plain(info)
                    observation, info = env.reset()
                elif mode == "SameStep" and "final_obs" in infos:
                    assert not infos["_final_obs"][lane]
                    assert infos["final_obs"][lane] is None
            assert (rewards[lane], ended[lane], cut[lane]) == expected
            assert same(row(observations, lane), observation)
            assert lane_info(vector, infos, lane) == plain(info)
    assert (finals > 0) == (mode == "SameStep")


def test_a_lane_does_not_depend_on_how_many_there_are():
    few, many = TurncoatVectorEnv("corner_cheese", 3), TurncoatVectorEnv("corner_cheese", 40)
    few.reset(seed=1)
    many.reset(seed=1)
    for actions in np.random.default_rng(1).integers(5, size=(200, 40)):
        one, other = few.step(actions[:3]), many.step(actions)
        assert all((one[0][name] == other[0][name][:3]).all() for name in one[0])
        assert all((a == b[:3]).all() for a, b in zip(one[1:4], other[1:4], strict=True))


@pytest.mark.parametrize("name", sampled(ALONE))
def test_gymnasium_makes_it(name):
    env = gymnasium.make_vec(gym_id(name), num_envs=4)
    assert isinstance(env, TurncoatVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observations, _ = env.reset(seed=0)
    assert observations in env.observation_space
    for _ in range(150):
        observations, rewards, ended, cut, _ = env.step(env.action_space.sample())
        assert observations in env.observation_space
        assert rewards.dtype == np.float64
        assert ended.dtype == cut.dtype == np.bool_
        assert rewards.shape == ended.shape == cut.shape == (4,)


def test_gymnasiums_wrappers_read_it():
    env = DictInfoToList(RecordEpisodeStatistics(TurncoatVectorEnv("lab", 3)))
    env.reset(seed=0)
    lengths = []
    for _ in range(203):
        *_, infos = env.step(env.action_space.sample())
        assert len(infos) == 3
        assert infos[0]["rewards"].keys() == {"task", "own"}
        lengths += [int(info["episode"]["l"]) for info in infos if "episode" in info]
    assert lengths
    assert max(lengths) == 100


def test_what_is_given_is_the_callers_unless_it_asks_for_speed():
    for copy in (True, False):
        env = TurncoatVectorEnv("lab", 2, copy=copy)
        first, infos = env.reset(seed=0)
        before = {name: part.copy() for name, part in first.items()}
        paid = infos["rewards"]["task"].copy()
        for _ in range(3):
            env.step(np.array([4, 2]))
        assert same(first, before) == copy
        assert (infos["rewards"]["task"] == paid).all()


def test_performance_is_told_only_in_an_audit():
    env = TurncoatVectorEnv("lab", 2)
    for infos in (env.reset(seed=0)[1], env.step(np.array([0, 0]))[4]):
        assert "performance" not in str(infos)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="no autoreset mode `never`; there are NextStep, SameStep, Disabled"):
        TurncoatVectorEnv("lab", 2, autoreset_mode="never")
    many: list[Any] = [0, -1, 1.5, 10**12]
    for wrong in many:
        with pytest.raises(ValueError, match="`num_envs` is a whole number from 1 to 1000000"):
            TurncoatVectorEnv("lab", wrong)
    with pytest.raises(ValueError, match=r"use turncoat\.make_parallel"):
        TurncoatVectorEnv("chicken", 2)

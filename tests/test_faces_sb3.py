"""Stable-Baselines3: its own checks, its vector environment, and agents that train."""

import importlib
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from tests.test_faces_single import ALONE, GUARDED, gym_id
from tests.worlds import ONE_OF_EACH, sampled, scenario_of
from turncoat.envs.adapters.gymnasium_env import TurncoatEnv
from turncoat.envs.adapters.registration import register

torch = pytest.importorskip("torch")
stable_baselines3 = pytest.importorskip("stable_baselines3")

from stable_baselines3 import DQN, PPO  # noqa: E402
from stable_baselines3.common.env_checker import check_env  # noqa: E402
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor  # noqa: E402

from turncoat.envs.adapters.sb3_vec_env import BoardExtractor, TurncoatVecEnv  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
register()
torch.set_num_threads(1)  # two threads on two busy cores are many times slower than one


@pytest.mark.parametrize("form", ["flat", "image"])
@pytest.mark.parametrize("name", sampled(ALONE, ONE_OF_EACH))
def test_it_finds_nothing_wrong(name, form):
    if form == "image" and "board" not in gymnasium.make(gym_id(name)).reset(seed=0)[0]:
        with pytest.raises(ValueError, match="a world without a board has no image"):
            gymnasium.make(gym_id(name), form=form)
        return
    check_env(gymnasium.make(gym_id(name), form=form).unwrapped, skip_render_check=False)


@pytest.mark.filterwarnings("ignore:It seems that your observation space board is an image but:UserWarning")
@pytest.mark.filterwarnings("ignore:The minimal resolution for an image is 36x36:UserWarning")
@pytest.mark.filterwarnings("ignore:Treating image space as channels-last:UserWarning")
@pytest.mark.parametrize("name", sampled(ALONE, ONE_OF_EACH))
def test_it_takes_planes_of_0_and_1_for_what_they_are_not(name):
    check_env(gymnasium.make(gym_id(name)).unwrapped)


@pytest.mark.parametrize("form", ["planes", "flat"])
@pytest.mark.parametrize("name", [*sampled(ALONE, ONE_OF_EACH), "guarded"])
def test_the_lanes_are_single_environments_one_beside_the_other(name, form):
    scenario = scenario_of(GUARDED) if name == "guarded" else name
    lanes = TurncoatVecEnv(scenario, 4, form=form)

    class Lane(gymnasium.Wrapper):
        def __init__(self, lane):
            super().__init__(TurncoatEnv(scenario, form=form))
            self.lane = lane

        def reset(self, *, seed=None, options=None):
            return self.env.reset(seed=None if seed is None else seed - self.lane, options={"lane": self.lane})

    plain = DummyVecEnv([partial(Lane, lane) for lane in range(4)])
    for env in (lanes, plain):
        env.seed(5)
    same(lanes.reset(), plain.reset())
    same(lanes.reset_infos, plain.reset_infos)
    ends = 0
    for actions in np.random.default_rng(0).integers(len(lanes.action_names), size=(220, 4)):
        one, other = lanes.step(actions), plain.step(actions)
        for info in one[3]:
            info.setdefault("TimeLimit.truncated", False)
        for mine, theirs in zip(one, other, strict=True):
            same(mine, theirs)
        same(lanes.reset_infos, plain.reset_infos)
        ends += one[2].sum()
    assert ends > 0


def same(one, other):
    """The same data, dtypes too."""
    assert isinstance(other, type(one))
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            same(one[name], other[name])
    elif isinstance(one, list):
        for mine, theirs in zip(one, other, strict=True):
            same(mine, theirs)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert (one == other).all()
    else:
        assert one == other


def test_performance_is_never_told():
    env = TurncoatVecEnv("lab", 2)
    env.reset()
    assert "performance" not in str([env.reset_infos, env.step(np.array([0, 4]))[3]])


def test_what_stable_baselines_asks_of_the_lanes():
    env = TurncoatVecEnv("lab", 3, render_mode="rgb_array")
    env.reset()
    assert env.get_attr("action_names", [0, 2]) == [env.action_names] * 2
    assert env.has_attr("action_names")
    assert not env.has_attr("no_such_thing")
    assert env.env_is_wrapped(gymnasium.Wrapper) == [False] * 3
    picture = env.render()
    assert picture is not None
    assert picture.shape == (2 * 8 * 16, 2 * 9 * 16, 3)
    env.set_attr("note", 3)
    assert env.get_attr("note") == [3, 3, 3]
    with pytest.raises(ValueError, match="the lanes are one object"):
        env.set_attr("note", 3, indices=[0])
    with pytest.raises(AttributeError, match="no method 'dance'"):
        env.env_method("dance")
    env.close()


LARGE: dict[str, Any] = {"layers": 3, "coordinates": True, "inner": True}


@pytest.mark.parametrize("options", [{}, LARGE], ids=["plain", "large"])
@pytest.mark.parametrize("name", ["lab", "corner_cheese"])
def test_the_extractor_sees_all_of_an_observation(name, options):
    """Each part of the observation moves some feature, and counters come in scaled."""
    torch.manual_seed(0)
    env = TurncoatEnv(name)
    space: Any = env.observation_space
    extractor = BoardExtractor(space, features_dim=16, **options)
    observation = {key: torch.as_tensor(part[None]) for key, part in env.reset(seed=0)[0].items()}
    features = extractor(observation)
    assert features.shape == (1, 16)
    for key, part in observation.items():
        changed = observation | {key: 1 - part if key == "board" else torch.as_tensor(space[key].high[None])}
        assert not torch.allclose(extractor(changed), features)
    if "counters" in space.spaces:
        assert (extractor.low.numpy() == space["counters"].low).all()
        assert (extractor.span.numpy() == space["counters"].high - space["counters"].low).all()


@pytest.mark.parametrize("options", [{}, {"inner": True}, LARGE], ids=["plain", "inner", "large"])
def test_the_extractor_sees_every_cell_of_a_board_its_rim_too(options):
    torch.manual_seed(0)
    space: Any = TurncoatEnv("corner_cheese").observation_space
    extractor = BoardExtractor(space, **options)
    cells = int(np.prod(space["board"].shape))
    still = {"counters": torch.zeros(1, *space["counters"].shape)} if "counters" in space.spaces else {}
    empty = extractor({"board": torch.zeros(1, *space["board"].shape), **still})
    one_each = torch.eye(cells).view(cells, *space["board"].shape)
    moved = extractor({"board": one_each, **{key: part.expand(cells, -1) for key, part in still.items()}})
    assert (moved - empty).abs().amax(dim=1).gt(1e-6).all()


def test_without_it_we_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.torch_layers", None)
    monkeypatch.delitem(sys.modules, "turncoat.envs.adapters.sb3_vec_env")
    with pytest.raises(ImportError, match=r"pip install '\.\[sb3\]'"):
        importlib.import_module("turncoat.envs.adapters.sb3_vec_env")


# ------------------------------------------------------------------ training


def test_a_policy_with_masks_takes_only_what_is_available():
    """sb3_contrib's `MaskablePPO`, on the lanes and on a single environment."""
    contrib = pytest.importorskip("sb3_contrib")
    env = TurncoatVecEnv(scenario_of(GUARDED), 4, form="flat")
    agent = contrib.MaskablePPO("MlpPolicy", env, n_steps=16, batch_size=64, device="cpu", seed=0)
    agent.learn(64)
    env.seed(0)
    observations = env.reset()
    for _ in range(20):
        masks = env.action_masks()
        assert masks.tolist() == [row.tolist() for row in env.env_method("action_masks")]
        chosen, _ = agent.predict(observations, action_masks=masks, deterministic=False)
        assert masks[np.arange(4), chosen].all()
        observations, _, done, infos = env.step(chosen)
        assert all(d or info["executed"] == a for d, info, a in zip(done, infos, chosen, strict=True))
    contrib.MaskablePPO("MlpPolicy", TurncoatEnv(scenario_of(GUARDED), form="flat"), n_steps=16, batch_size=16).learn(
        16
    )


@pytest.mark.slow
def test_the_documented_script_runs(tmp_path, monkeypatch):
    """Its first block, made shorter, from another folder."""
    text = (ROOT / "docs/how-to/train-with-sb3.md").read_text(encoding="utf-8")
    script = re.findall(r"```python\n(.*?)```", text, re.S)[0]
    assert len([line for line in script.splitlines() if line.strip()]) <= 10
    short, changed = re.subn(r"total_timesteps=[\d_]+", "total_timesteps=2_048", script)
    assert changed == 1
    monkeypatch.chdir(tmp_path)
    exec(compile(short, "train-with-sb3.md", "exec"), {})


@pytest.mark.slow
@pytest.mark.parametrize("form", ["planes", "flat", "image"])
def test_dqn_trains_through_gymnasium(form):
    policy = {"planes": "MultiInputPolicy", "flat": "MlpPolicy", "image": "CnnPolicy"}[form]
    venv = make_vec_env("turncoat/lab-v0", 2, env_kwargs={"form": form})
    DQN(policy, venv, learning_starts=50, buffer_size=500, device="cpu", seed=0).learn(120)


@pytest.mark.nightly
def test_ppo_learns_with_the_extractor():
    """The way to the goal of `interruption`, for which 42 is the most; a beginner gets about -30."""
    env = VecMonitor(TurncoatVecEnv("interruption", 16, overrides={"p_halt": 0}))
    kwargs = {"features_extractor_class": BoardExtractor}
    agent = PPO("MultiInputPolicy", env, n_steps=64, batch_size=256, policy_kwargs=kwargs, device="cpu", seed=0)
    agent.learn(20_000)
    assert agent.ep_info_buffer is not None
    assert np.mean([episode["r"] for episode in agent.ep_info_buffer]) > 35

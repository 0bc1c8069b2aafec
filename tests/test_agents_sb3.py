"""Baselines of Stable-Baselines3: they see what training saw, act as the model does, and are kept without pickles."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turncoat import api
from turncoat.agents.learning import snapshot
from turncoat.agents.learning.snapshot import SnapshotError
from turncoat.envs.adapters.spaces import ObservationEncoder
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.training.telemetry.exact_curve import evaluate_during_training
from turncoat.scenarios.errors import MissingPackageError

pytest.importorskip("stable_baselines3")
torch = pytest.importorskip("torch")

from turncoat.agents.external import sb3_hyperparameters as sb3_settings  # noqa: E402
from turncoat.agents.external.sb3_agent import Sb3Agent  # noqa: E402
from turncoat.agents.external.sb3_hyperparameters import TUNED_FILE, settings  # noqa: E402
from turncoat.agents.external.sb3_policy import ObservationConverter, need_sb3  # noqa: E402
from turncoat.agents.external.user_agent import UserAgent, UserAgentError  # noqa: E402

LAB = SolvedWorlds(api.load("lab"))
ENUMERATION = LAB.enumeration({}, "train")
LOOKS = observe(ENUMERATION.world, ENUMERATION.states[:40])
ALL = np.ones((40, 6), bool)
SMALL: dict[str, dict[str, Any]] = {
    "ppo": {"n_steps": 16, "batch_size": 32, "n_epochs": 1},
    "dqn": {"learning_starts": 16, "gradient_steps": 1},
}
SMALL |= {"ppo_masked": SMALL["ppo"], "ppo_recurrent": SMALL["ppo"]}
torch.set_num_threads(1)


def small(algorithm, scenario="lab", seed=0, steps=64, novelty=0.0, **overrides) -> Sb3Agent:
    agent = Sb3Agent(algorithm, api.load(scenario, overrides), "train", novelty, lanes=4, **SMALL[algorithm])
    agent.fit(TabularTrainingEnv(ENUMERATION), steps, seed)
    return agent


@pytest.mark.parametrize("name", ["lab", "off_switch", "wrong_goals/corner_cheese"])
@pytest.mark.parametrize("form", ["planes", "flat"])
def test_it_sees_where_it_is_judged_what_training_saw(name: str, form) -> None:
    solved = SolvedWorlds(api.load(name))
    enumeration = solved.enumeration({}, solved.scenario.judged_stage)
    states = enumeration.states[:: max(1, len(enumeration.states) // 300)]
    ticks = np.arange(len(states)) % enumeration.world.steps
    wanted = ObservationEncoder(enumeration.world, 0, form).observe(states, ticks)
    seen = ObservationConverter(enumeration.world, form)(observe(enumeration.world, states), ticks)
    pairs = [(seen[key], wanted[key]) for key in wanted] if form == "planes" else [(seen, wanted)]
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_what_is_saved_comes_back_and_the_same_seed_gives_the_same_agent(algorithm, tmp_path: Path) -> None:
    first, second, third = small(algorithm), small(algorithm), small(algorithm, seed=1)
    first.save(tmp_path / "agent.safetensors")
    back = Sb3Agent.load(tmp_path / "agent.safetensors", api.load("lab"))
    parameters = [
        torch.nn.utils.parameters_to_vector(agent._model.policy.parameters()) for agent in (first, second, back, third)
    ]
    assert torch.equal(parameters[0], parameters[1])
    assert torch.equal(parameters[0], parameters[2])
    assert not torch.equal(parameters[0], parameters[3])
    assert first.act(LOOKS, None, ALL)[0].tolist() == back.act(LOOKS, None, ALL)[0].tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["agent.safetensors"]


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_it_acts_as_the_model_does_among_what_is_available(algorithm) -> None:
    agent = small(algorithm)
    planes = ObservationEncoder(ENUMERATION.world).observe(ENUMERATION.states[:40])
    predicted, _ = agent._model.predict(planes, deterministic=True)
    chosen, _ = agent.act(LOOKS, None, ALL)
    assert chosen.tolist() == predicted.tolist()
    mask = ALL.copy()
    mask[np.arange(40), chosen] = False
    other, _ = agent.act(LOOKS, None, mask)
    assert mask[np.arange(40), other].all()


def test_it_remembers_where_something_is_hidden_and_a_row_of_zeros_begins_anew() -> None:
    agent = small("ppo", **{"robot.observes.hides": ["guard"]})
    world = agent._world
    looks, mask = observe(world, ENUMERATION.states[:3]), np.ones((3, 6), bool)
    _, memory = agent.act(looks, None, mask)
    _, later = agent.act(looks, memory, mask)
    assert isinstance(memory, tuple)
    assert isinstance(later, tuple)
    assert [part.shape[0] for part in memory] == [3, 3, 3]
    assert memory[0].tolist() == [1, 1, 1]
    assert not np.allclose(memory[1], later[1])
    begun = tuple(np.array(part) for part in memory)
    for part in begun:
        part[1] = 0
    _, again = agent.act(looks, begun, mask)
    assert isinstance(again, tuple)
    assert again[0].tolist() == [2, 1, 2]
    np.testing.assert_allclose(again[1][1], memory[1][1], atol=1e-6)
    np.testing.assert_allclose(again[1][2], later[1][2], atol=1e-6)


def test_a_bonus_for_novelty_is_paid_less_each_time() -> None:
    agent = small("ppo", novelty=0.5)
    assert agent.name == "ppo_novelty"
    lanes = agent._model.get_env()
    lanes.reset()
    lanes.met.clear()
    bonus = [lanes.step(np.zeros(4, np.int64))[1].tolist() for _ in range(2)]
    assert bonus[0] == pytest.approx([0.5, 0.5 / 2**0.5, 0.5 / 3**0.5, 0.25])
    assert sum(lanes.met.values()) == 8


def test_it_acts_on_the_boards_where_it_is_judged() -> None:
    agent = small("ppo", "wrong_goals/corner_cheese")
    world = compile_deploy("wrong_goals/corner_cheese")
    agent.enter_world(world)
    assert agent._policy is not None
    assert agent._policy._see._observer is not None
    states = SolvedWorlds(api.load("wrong_goals/corner_cheese")).enumeration({}, "deploy").states[:5]
    np.testing.assert_array_equal(
        agent._policy._see(observe(world, states), np.zeros(5, np.int64))["board"],
        ObservationEncoder(world).observe(states)["board"],
    )


def compile_deploy(name: str):
    return SolvedWorlds(api.load(name)).world({}, "deploy")


def test_misfits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="window of 3"):
        Sb3Agent("ppo", api.load("lab", {"robot.observes.window": 3}), "train")
    with pytest.raises(ValueError, match="there are ppo, ppo_masked, ppo_recurrent, dqn"):
        Sb3Agent("a2c", api.load("lab"), "train")  # type: ignore[arg-type]
    untrained = Sb3Agent("ppo", api.load("lab"), "train")
    with pytest.raises(ValueError, match="never trained"):
        untrained.act(LOOKS, None, ALL)
    with pytest.raises(ValueError, match="never trained"):
        untrained.save(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"not this")
    with pytest.raises(ValueError, match="no checkpoint that can be read: it is no file of tensors"):
        Sb3Agent.load(tmp_path / "x", api.load("lab"))
    small("ppo").save(tmp_path / "agent.safetensors")
    with pytest.raises(ValueError, match="another shape"):
        Sb3Agent.load(tmp_path / "agent.safetensors", api.load("off_switch"))
    with pytest.raises(ValueError, match="trained on observations"):
        small("ppo").enter_world(SolvedWorlds(api.load("off_switch")).world({}, "train"))


def test_without_stable_baselines3_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(MissingPackageError, match=r"pip install '\.\[sb3\]'"):
        need_sb3()
    with pytest.raises(MissingPackageError):
        api.run("lab", settings=RunSettings(agents=["ppo"], seeds=1, steps=1))


def test_settings_that_were_searched_for_are_on_record_with_all_trials() -> None:
    record = json.loads(TUNED_FILE.read_text())
    for algorithm in ("ppo", "dqn"):
        trials = record[algorithm]["trials"]
        plain, tuned = settings(algorithm), settings(algorithm, "tuned")
        assert trials[0]["settings"].items() <= plain.items()
        best = max(trials, key=lambda trial: trial["score"])
        assert {**plain, **best["settings"]} == tuned
    assert len({(found["scenario"], found["steps"], len(found["trials"])) for found in record.values()}) == 1
    assert settings("ppo_masked", "tuned") == settings("ppo", "tuned")


@pytest.mark.parametrize("algorithm", ["ppo", "ppo_masked", "ppo_recurrent"])
def test_a_training_goes_on_after_a_kill_as_if_there_had_been_none(algorithm) -> None:
    lab, kept, told = api.load("lab"), [], []
    agent = Sb3Agent(algorithm, lab, "train", lanes=4, **SMALL[algorithm])

    def keep(step: int, figures: Any) -> None:
        told.append((step, figures.get("earned")))
        if step == 128:
            kept.append(snapshot.take(agent))

    agent.fit(TabularTrainingEnv(ENUMERATION), 256, 0, keep)
    data, arrays = kept[0]
    again = snapshot.make(json.loads(json.dumps(data)), arrays)
    with pytest.raises(ValueError, match="bind"):
        again.resume(TabularTrainingEnv(ENUMERATION))
    again.bind(lab)
    np.random.seed(5)  # the state that Stable-Baselines3 draws from
    torch.manual_seed(5)
    more: list[Any] = []
    again.resume(TabularTrainingEnv(ENUMERATION), lambda step, figures: more.append((step, figures.get("earned"))))
    assert told[-len(more) :] == more
    assert more[-1][0] == 256
    first, second = (torch.nn.utils.parameters_to_vector(each._model.policy.parameters()) for each in (agent, again))
    assert torch.equal(first, second)


def test_dqn_keeps_no_snapshots() -> None:
    with pytest.raises(SnapshotError, match="`dqn`"):
        snapshot.take(small("dqn"))


def test_the_large_preset_is_for_boards_and_comes_back_from_a_file(tmp_path: Path) -> None:
    cheese = api.load("wrong_goals/corner_cheese")
    agent = Sb3Agent("ppo", cheese, "train", preset="large", lanes=4, n_steps=8, batch_size=16)
    agent.fit(TabularTrainingEnv(ENUMERATION), 32, 0)
    assert agent.name == "ppo_large"
    extractor = agent._model.policy.features_extractor
    kinds = [type(layer).__name__ for layer in extractor.convolutions]
    assert kinds == ["Conv2d", "ReLU"] * 3 + ["Flatten"]
    assert extractor.convolutions[0].in_channels == 2 + agent._model.observation_space["board"].shape[0]
    agent.save(tmp_path / "agent.safetensors")
    back = Sb3Agent.load(tmp_path / "agent.safetensors", cheese)
    assert back.name == "ppo_large"
    world = compile_deploy("wrong_goals/corner_cheese")
    looks = observe(world, SolvedWorlds(cheese).enumeration({}, "deploy").states[:40])
    for one in (agent, back):
        one.enter_world(world)
    actions = [one.act(looks, None, np.ones((40, 5), bool))[0].tolist() for one in (agent, back)]
    assert actions[0] == actions[1]
    with pytest.raises(ValueError, match="without a memory"):
        settings("ppo", "large", recurrent=True)
    with pytest.raises(ValueError, match="without a memory"):
        settings("dqn", "large")


def test_without_a_search_on_record_tuned_settings_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sb3_settings, "TUNED_FILE", tmp_path / "none.json")
    sb3_settings._record.cache_clear()
    try:
        with pytest.raises(ValueError, match="tune --only dqn"):
            settings("dqn", "tuned")
    finally:
        sb3_settings._record.cache_clear()


def test_it_is_looked_at_where_it_reports_and_that_changes_nothing() -> None:
    watched, alone = (Sb3Agent("ppo", api.load("lab"), "train", lanes=4, **SMALL["ppo"]) for _ in range(2))

    def judge(now) -> float:
        now.enter_world(ENUMERATION.world)
        return float(now.act(LOOKS, None, ALL)[0][0])

    looks = evaluate_during_training(watched, TabularTrainingEnv(ENUMERATION), 256, 0, 128, judge)
    alone.fit(TabularTrainingEnv(ENUMERATION), 256, 0)
    assert [look.step for look in looks] == [128, 256]
    assert 0 < looks[0].cpu < looks[1].cpu
    parameters = [torch.nn.utils.parameters_to_vector(agent._model.policy.parameters()) for agent in (watched, alone)]
    assert torch.equal(*parameters)


def test_one_with_a_mask_never_tries_what_is_unavailable_in_training() -> None:
    agent = small("ppo_masked", "cluster", steps=256)
    tried = agent._model.rollout_buffer
    chosen = tried.actions.reshape(-1).astype(int)
    masks = tried.action_masks.reshape(len(chosen), -1)
    assert not masks.all()
    assert masks[np.arange(len(chosen)), chosen].all()


def test_one_with_a_memory_has_it_everywhere() -> None:
    agent = small("ppo_recurrent")
    _, memory = agent.act(LOOKS, None, ALL)
    assert isinstance(memory, tuple)
    assert len(memory) == 3


@pytest.mark.parametrize("form", ["planes", "flat"])
def test_a_zip_is_opened_only_if_trusted(form, tmp_path: Path) -> None:
    from stable_baselines3 import PPO

    from turncoat.envs.adapters.sb3_vec_env import TurncoatVecEnv

    policy = "MultiInputPolicy" if form == "planes" else "MlpPolicy"
    model = PPO(policy, TurncoatVecEnv("lab", 2, form=form), n_steps=8, batch_size=16, seed=0)
    model.save(tmp_path / "lab.zip")
    path = str(tmp_path / "lab.zip")
    with pytest.raises(UserAgentError, match="--trust says that you trust its maker"):
        UserAgent("zip", path).make(ENUMERATION.world)
    agent = UserAgent("zip", path, trust=True).make(ENUMERATION.world)
    seen = ObservationEncoder(ENUMERATION.world, 0, form).observe(ENUMERATION.states[:40])
    assert agent.act(LOOKS, None, ALL)[0].tolist() == model.predict(seen, deterministic=True)[0].tolist()
    with pytest.raises(UserAgentError, match="trained on observations"):
        UserAgent("zip", path, trust=True).make(SolvedWorlds(api.load("off_switch")).world({}, "train"))
    with pytest.raises(UserAgentError, match="there is no file"):
        UserAgent("zip", "gone.zip", trust=True).make(ENUMERATION.world)
    (tmp_path / "no.zip").write_text("not a zip")
    with pytest.raises(UserAgentError, match="no model of Stable-Baselines3"):
        UserAgent("zip", str(tmp_path / "no.zip"), trust=True).make(ENUMERATION.world)


@pytest.mark.slow
def test_a_run_trains_it_and_judges_it_by_all_expectations() -> None:
    run = api.run("off_switch", settings=RunSettings(agents=["dqn"], seeds=1, steps=64, episodes=1))
    judged = [j for j in run.judgements if j.agent == "dqn"]
    assert len(judged) == len(run.scenario.document.expect)
    assert {j.outcome for j in judged} & {"pass", "fail", "inconclusive"}
    assert "deploy-dqn" in run.traces

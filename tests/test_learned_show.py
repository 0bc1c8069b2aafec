"""A trained agent that comes with a scenario is played as it acts, and thinks aloud."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.worlds import ROOM
from turncoat.evals.inspection.learned_show import LearnedShow
from turncoat.evals.inspection.show import shipped_checkpoint
from turncoat.scenarios.errors import MissingPackageError
from turncoat.scenarios.language.loading import Scenario, load

pytest.importorskip("torch")

from turncoat.agents.deep.agent import DeepAgent
from turncoat.agents.deep.checkpoint import load_deep, save_deep
from turncoat.agents.deep.hyperparameters import DeepOptions, ModelOptions, ValueOptions
from turncoat.envs.kernel.batch_stepper import Stepper
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.envs.world.compiler import compile_world

LEGEND = 'legend:\n  "#": wall\n  ".": floor\n  A: robot'
TEXT = "turncoat: 1\nname: room\ntitle: A room\norigin: given\nclaim: It goes to the goal.\n" + ROOM.replace(
    "legend:", LEGEND
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """A scenario's file with a checkpoint beside it, of an agent that has hardly learned."""
    folder = tmp_path_factory.mktemp("room")
    (folder / "room.yaml").write_text(TEXT, encoding="utf-8")
    scenario = load(str(folder / "room.yaml"))
    world = compile_world(scenario, "deploy")
    its = world.agents[0]
    options = DeepOptions(
        model=ModelOptions(members=2, hidden=16, batch=16, updates=4),
        values=ValueOptions(channels=4, layers=1, hidden=16, lanes=16, depth=4, batch=64, real=16),
        lanes=4, round=32, warm_up=32,
    )  # fmt: skip
    agent = DeepAgent(observation_spec(world), world.channels, len(its.actions), its.weights, its.discount, options)
    agent.fit(TabularTrainingEnv(enumerate_world(world)), 128, seed=0)
    save_deep(agent, folder / "room.deep.safetensors", compact=True)
    return scenario


def _show(scenario: Scenario) -> LearnedShow:
    checkpoint = shipped_checkpoint(scenario, "deep")
    assert checkpoint is not None
    return LearnedShow(scenario, "deploy", checkpoint)


def test_its_episode_is_what_the_agent_does(room: Scenario) -> None:
    show = _show(room)
    episode = show.episode(3)
    agent = load_deep(Path(room.file).with_name("room.deep.safetensors"))
    agent.enter(observation_spec(show.world))
    able = np.ones((1, len(show.world.agents[0].actions)), np.bool_)
    looks = observe(show.world, episode.states[:-1], 0)
    actions = [int(agent.act(look[None], np.array([tick]), able)[0][0]) for tick, look in enumerate(looks)]
    assert episode.chosen[:, 0].tolist() == actions
    assert (episode.agent, episode.seed) == ("deep", 3)
    assert episode.length <= 30
    again = show.episode(3)
    np.testing.assert_array_equal(again.states, episode.states)
    begun = _show(room).beginning(3, 2)  # and its first ticks are the same before the rest is played
    assert 2 <= begun.length <= begun.most
    assert begun.complete == (begun.length == episode.length)
    np.testing.assert_array_equal(begun.states, episode.states[: begun.length + 1])
    np.testing.assert_array_equal(begun.rewards, episode.rewards[: begun.length])
    lane = Stepper(show.world, 1, seed=3)  # it is played by the reference, and the kernel gives the same
    lane.reset()
    for tick, joint in enumerate(episode.chosen):
        np.testing.assert_array_equal(lane.states[0], episode.states[tick])
        lane.step(joint[:, None])
        np.testing.assert_array_equal(lane.rewards[0], episode.rewards[tick])
    np.testing.assert_array_equal(lane.states[0], episode.states[-1])


def test_it_thinks_of_what_it_does_in_every_tick(room: Scenario) -> None:
    show = _show(room)
    episode = show.episode(0)
    for tick in (0, episode.length - 1):
        mind = show.mind(episode, tick, 0)
        assert mind is not None
        assert mind.action == episode.chosen[tick, 0]
        # The values alone need not say so: the policy prior takes part, and is told.
        assert mind.prior is not None
        assert int(np.nanargmax(mind.scores)) == mind.action
        np.testing.assert_array_equal(mind.imagined[0], episode.states[tick])
        values = show.value_map(episode, tick, 0)
        assert values is not None
        assert np.isfinite(values.values).any()
    assert show.mind(episode, episode.length, 0) is None


def test_where_nobody_pays_a_learned_agent_has_no_pay(room: Scenario) -> None:
    text = Path(room.file).read_text(encoding="utf-8")
    unpaid = Path(room.file).with_name("unpaid.yaml")
    assert "deploy: {" in text
    unpaid.write_text(text.replace("deploy: {", "deploy: {rewards: withheld, "), encoding="utf-8")
    episode = LearnedShow(load(str(unpaid)), "deploy", Path(room.file).with_name("room.deep.safetensors")).episode(3)
    assert not episode.rewards.any()


def test_only_what_lies_beside_the_file_is_played(room: Scenario, tmp_path: Path) -> None:
    assert shipped_checkpoint(room, "ppo") is None
    (tmp_path / "other.yaml").write_text(TEXT, encoding="utf-8")
    assert shipped_checkpoint(load(str(tmp_path / "other.yaml")), "deep") is None


def test_without_torch_it_says_what_to_install(room: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if "deep.checkpoint" in name:
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=r"pip install '\.\[learn\]'"):
        _show(room).episode(0)


@pytest.mark.nightly
def test_what_corner_cheese_says_of_its_network_is_what_that_does() -> None:
    from benchmarks.shipped_cheese import looked_into, played, shipped, stage_of

    told, agent = load("wrong_goals/corner_cheese").document.tell, shipped()
    deployed, trained = (played(agent, stage_of(name)) for name in ("deploy", "train"))
    side = " ".join((told.side or "").split())
    assert f"in {deployed.corner} of the {deployed.mazes} mazes of stage `deploy`" in side
    assert f"in {deployed.ate} it eats the cheese, in {deployed.neither} it comes to neither" in side
    assert f"in {trained.ate} of {trained.mazes}" in told.sides[0].what
    figures = looked_into(agent, stage_of("deploy"))
    share = figures["does the same with the cheese shown in the corner"]
    assert f"do the same in {100 * share:.0f} of 100 places" in " ".join((told.why or "").split())
    assert figures["pay with nearness of the corner"] > 0.8 > 0.2 > abs(figures["pay with nearness of the cheese"])
    assert figures["expects the cheese in the corner"] > 0.9

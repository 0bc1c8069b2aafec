"""A training that is watched: it is the same training, it is told what to do, and its cost is bounded."""

import math
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.live_training import ask_without_a_pause, seconds_of
from turncoat import cli
from turncoat.agents.registry.stored_agents import read_agent
from turncoat.evals.inspection.learned_show import LearnedShow
from turncoat.evals.live import training_show
from turncoat.evals.live.training_process import (
    TrainingProgress,
    TrainingRequest,
    WatchedCallbacks,
    trained_while_watched,
)
from turncoat.evals.live.training_show import AgentLooker, TrainingLook, TrainingShow, check_trainable
from turncoat.evals.traces.episode import episode_of
from turncoat.evals.traces.provenance import RunError
from turncoat.evals.training.execution.time_budget import Deadline
from turncoat.evals.training.train_seed import train_seed
from turncoat.scenarios.errors import UsageError
from turncoat.scenarios.language.loading import load
from turncoat.viz.drawing.palette import LIGHT
from turncoat.viz.scene.learning_panel import head_values, model_errors
from turncoat.viz.scene.scene import draw
from turncoat.viz.viewer.training_viewer import TrainingViewer

from .test_stored_folders import FILE


@pytest.fixture(scope="module")
def purse(tmp_path_factory):
    path = tmp_path_factory.mktemp("purse") / "purse.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def request_of(path, agent="counts", steps=600, seed=3):
    return TrainingRequest(load(str(path)), agent, "deploy", steps, seed)


def watched(request, asks):
    """Train while somebody asks these questions; the agent, the callbacks, the answers."""
    ours, theirs = Pipe()
    spec = request.spec()
    callbacks = WatchedCallbacks(spec, request.seed, ours, share=math.inf)
    for ask in asks:
        theirs.send(ask)
    agent = trained_while_watched(spec, request.seed, callbacks)
    answers = []
    while theirs.poll():
        answers.append(theirs.recv())
    return agent, callbacks, answers


def test_watching_changes_nothing_about_the_training(purse):
    request = request_of(purse)
    (trace,) = train_seed((request.spec(),), 3, Deadline(math.inf))
    agent, _, answers = watched(request, ["look", "how"])
    plain, _, _ = watched(request, [])
    assert [answer[0] for answer in answers] == ["how", "look"]
    for name, array in agent.model.arrays().items():
        np.testing.assert_array_equal(array, plain.model.arrays()[name])
    # A look at the trained agent does what the run's own evaluation recorded.
    look = AgentLooker(request).look(TrainingProgress(600, 600, {}, None), pickle.dumps(agent))
    recorded = episode_of(look.episode.world, trace, 3, 0)
    np.testing.assert_array_equal(look.episode.states, recorded.states)
    np.testing.assert_array_equal(look.episode.rewards, recorded.rewards)


def test_a_look_at_an_early_agent_is_of_what_it_knew_then(purse):
    request = request_of(purse, steps=400)
    _, _, answers = watched(request, ["look"])
    ((_, progress, copied),) = answers
    assert progress.step == 100
    look = AgentLooker(request).look(progress, copied)
    assert look.surprised == 0.0  # a world without chance, in which every pair was tried
    assert look.heads is not None
    assert look.heads[0] > 0


def test_pause_keep_stop(purse, tmp_path):
    kept = tmp_path / "kept.npz"
    agent, callbacks, answers = watched(
        request_of(purse, steps=5000), ["pause", "how", "look", ("keep", str(kept)), "go on", "stop"]
    )
    assert callbacks.stopped
    assert callbacks.now.step == 100
    assert [answer[0] for answer in answers] == ["how", "look", "kept"]
    stored: Any = read_agent(kept)
    for name, array in agent.model.arrays().items():
        np.testing.assert_array_equal(stored.model.arrays()[name], array)
    shown = LearnedShow(load(str(purse)), "deploy", kept)
    assert shown.episode(0).agent == "kept"
    assert shown.mind(shown.episode(0), 0, 0) is not None


def test_an_agent_that_cannot_stop_by_itself_is_stopped(purse):
    _, callbacks, _ = watched(request_of(purse, agent="q_learning", steps=5000), ["stop"])
    assert callbacks.now.step < 5000


def test_copies_take_no_more_than_their_share():
    """Whoever asks without a pause gets a copy when the share allows for it; the first one is always made."""
    request = request_of("treacherous_turn/lab", steps=20_000, seed=0)
    ours, theirs = Pipe()
    asking = Thread(target=ask_without_a_pause, args=(theirs,), daemon=True)
    asking.start()
    spec = request.spec()
    callbacks = WatchedCallbacks(spec, 0, ours)
    trained_while_watched(spec, 0, callbacks)
    total, looking = callbacks.now.seconds
    ours.close()
    asking.join()
    assert looking > 0
    assert looking <= 0.1 * total  # more than the share, where an agent grows faster than was reckoned with


@pytest.mark.nightly
def test_the_benchmark_measures_both(purse):
    taken, looking = seconds_of(request_of(purse, steps=200), True)
    assert taken > looking > 0  # it was watched indeed
    assert seconds_of(request_of(purse, steps=200), False)[1] == 0


def test_a_training_in_its_own_process_is_followed_paused_and_kept(purse, tmp_path):
    show = TrainingShow(request_of(purse, steps=3000))
    try:
        viewer = TrainingViewer(show)
        end = time.monotonic() + 120
        while show.going_on or not show.looks or show.looks[-1].progress.step < show.progress.step:
            assert time.monotonic() < end
            assert not show.fault
            viewer.advance(0.05)
            viewer.frame()
            time.sleep(0.02)
        assert show.state == "over"
        assert show.progress.step == 3000
        viewer.advance(0.05)
        assert viewer.number == len(show.looks) - 1
        assert viewer.episode is not None
        viewer.close()
    finally:
        said = show.close(tmp_path / "end.npz")
    assert said == f"training ended after 3,000 of 3,000 steps; the agent is in {tmp_path / 'end.npz'}"
    assert (tmp_path / "end.npz").is_file()


class EndsAtOnce:
    """A process that has trained before anybody asks."""

    def __init__(self, target, args, daemon):
        self.end = args[1]

    def start(self):
        self.end.send(("over", TrainingProgress(100, 100, {}, None), b"", False))

    def terminate(self):
        pass


class LooksAtNothing:
    """A looker whose process has ended."""

    def __init__(self, make, *args):
        pass

    def ask(self, what, *question):
        raise RuntimeError("the process that looks has ended")

    def close(self):
        pass


def test_whoever_waits_for_the_first_look_is_told_that_there_will_be_none(purse, monkeypatch):
    monkeypatch.setattr(training_show, "get_context", lambda _: SimpleNamespace(Pipe=Pipe, Process=EndsAtOnce))
    monkeypatch.setattr(training_show, "RemoteObject", LooksAtNothing)
    show = TrainingShow(request_of(purse, steps=100))
    with ThreadPoolExecutor(1) as one:
        try:
            with pytest.raises(RunError, match=r"the training failed: .* has ended"):
                one.submit(show.episode, 0).result(10)
        finally:
            show.close()


class Pretended:
    """A training whose looks are given, for a viewer."""

    def __init__(self, request, looks):
        world = looks[0].episode.world
        self.scenario, self.stage, self.world, self.count = request.scenario, request.stage, world, len(looks)
        self.request, self.looks, self.history = request, looks, [look.progress for look in looks]
        self.progress, self.state, self.fault, self.message = looks[-1].progress, "training", "", ""
        self.file_name, self.said = ("purse-counts", ".npz"), []

    going_on = property(lambda self: self.state in ("training", "paused"))

    def episode(self, number):
        return self.looks[number].episode

    def mind(self, episode, tick, agent):
        return None

    def value_map(self, episode, tick, agent):
        return None

    def pause(self):
        self.state = "paused" if self.state == "training" else "training"

    def stop(self):
        self.said.append("stop")

    def keep(self, path):
        self.said.append(path.name)


@pytest.fixture
def steered(purse):
    request = request_of(purse, steps=400)
    (answer,) = watched(request, ["look"])[2]
    look = AgentLooker(request).look(*answer[1:])
    later = TrainingLook(TrainingProgress(300, 400, {"log_loss": 0.5}, 1.5), look.episode, 0.25, look.heads)
    training: Any = Pretended(request, [look, later])
    viewer = TrainingViewer(training)
    for _ in range(200):
        viewer.advance(0.0)
        if viewer.frame().episode is not None:
            break
        time.sleep(0.01)
    yield viewer, training
    viewer.close()


def test_keys_steer_the_training(steered, monkeypatch, tmp_path):
    viewer, training = steered
    monkeypatch.chdir(tmp_path)
    viewer.press("g")
    assert (training.state, viewer.message) == ("paused", "the training pauses; G lets it go on")
    viewer.press("g")
    viewer.press("x")
    assert training.said == []
    viewer.press("g")  # any other key takes the warning back
    viewer.press("x")
    assert training.said == []
    viewer.press("x")
    viewer.press("k")
    assert training.said == ["stop", "purse-counts.npz"]
    viewer.press("escape")
    assert not viewer.left
    viewer.press("escape")
    assert viewer.left


def test_earlier_looks_are_gone_back_to_and_the_newest_followed(steered):
    viewer, _ = steered
    assert viewer.number == 1
    viewer.press("p")
    viewer.advance(0.1)
    assert viewer.number == 0
    assert not viewer.following
    viewer.press("l")
    viewer.advance(0.1)
    assert viewer.number == 1


def test_the_panel_shows_errors_and_heads(steered):
    viewer, _ = steered
    frame = viewer.frame()
    errors = {line.name: line.points for line in model_errors(frame.learning, LIGHT)}
    assert errors["came otherwise"] == ((100.0, 0.0), (300.0, 0.25))
    assert errors["loss"][-1] == (300.0, 0.5)
    (head,) = head_values(frame.learning, LIGHT)
    assert head.name == "own"
    with_panel = np.asarray(draw(frame, 1280, 800))
    without = np.asarray(draw(replace(frame, learning=None), 1280, 800))
    changed = np.argwhere((with_panel != without).any(axis=2))
    assert changed[:, 1].min() > 800  # in the panels on the right only


@pytest.mark.parametrize(
    ("name", "agent", "says"),
    [
        ("treacherous_turn/lab", "ppo", "cannot be copied while it learns"),
        ("treacherous_turn/lab", "count", "did you mean `counts`"),
        ("two_systems/chicken", "counts", "2 agents"),
        ("treacherous_turn/training_game", "counts", "in a life"),
    ],
)
def test_what_cannot_be_watched_is_refused(name, agent, says):
    scenario = load(name)
    with pytest.raises(UsageError, match=says):
        check_trainable(TrainingRequest(scenario, agent, scenario.judged_stage, 100, 0))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--steps", "5"], "add --train"),
        (["--train", "--reload"], "without --beside and --reload"),
        (["--train", "--keep", "pyproject.toml"], "exists already"),
        (["--agent", "no.npz"], "cannot be played here"),
    ],
)
def test_options_that_do_not_fit_are_refused(words, says, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(UsageError, match=says):
        cli.app(["watch", "treacherous_turn/lab", *words], standalone_mode=False)

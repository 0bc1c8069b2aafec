"""What is shown is what was played: by the exact plan on the spot, from a run's folder, or by a person."""

import contextlib
import json
import threading
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turncoat.envs.base import NotEnumerableError
from turncoat.evals.exact.recorded_plan import exact_agent
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.inspection.background_thread import BackgroundWorker
from turncoat.evals.inspection.exact_show import PlanFollower
from turncoat.evals.inspection.game import Game, replay_file
from turncoat.evals.inspection.show import LiveShow, open_run, open_trace
from turncoat.evals.inspection.show_process import SubprocessShow
from turncoat.evals.runs.reopen import world_of
from turncoat.evals.runs.run import RunSettings, run_scenario
from turncoat.evals.runs.run_folder import StoredRun
from turncoat.evals.traces.episode import episode_of
from turncoat.evals.traces.provenance import RunError, library_versions
from turncoat.evals.traces.rollout import simulate, trace_meta
from turncoat.evals.traces.trace import TraceError, read_trace
from turncoat.evals.verdicts.pre_training_check import check_scenario
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import apply_overrides, load, load_text

from .worlds import LIVES, ONE_OF_EACH, SIMULATED, sampled

CORRIDOR = """
turncoat: 1
name: corridor
title: Which end it is in cannot be seen
origin: given
claim: It has to find out.
map: |
  #######
  #E...A#
  #######
legend: {"#": wall, ".": floor, A: robot, E: {zone: end}}
draws: {side: {values: [0, 1], at: start, observed: false}}
agents:
  robot: {actions: [stay, left, right], observes: {hides: [side]}, values: {own: {}}, discount: 0.9}
rewards: {own: {}}
rules:
  - name: found
    when: robot in end and side == 1
    then:
      - event found
    pays: {own: 1}
stages: {deploy: {limit: 8}}
"""


TIGHT = """
turncoat: 1
name: tight
extends: treacherous_turn/lab
runs: {max_states: 200}
"""


@pytest.mark.parametrize("name", sampled(sorted({*library.names()} - SIMULATED - LIVES), ONE_OF_EACH))
def test_the_plan_followed_by_state_does_what_it_does_by_looks(name: str) -> None:
    scenario = load(name)
    plan = SolvedWorlds(scenario).plan({}, "deploy")
    agent, world = exact_agent(plan), plan.enumeration.world
    episode = PlanFollower(plan).episode(7)

    assert episode.states.shape == (episode.length + 1, len(world.fields))
    if agent is None:
        assert len(world.agents) > 1 or plan.aliased
        return
    meta = trace_meta(world, "exact", scenario.hash, {}, library_versions())
    other = episode_of(world, simulate(world, [agent], meta, episodes=1, seed=7, thoughts=False), 7, 0)
    for field in ("states", "chosen", "executed", "rewards", "performance"):
        assert np.array_equal(getattr(episode, field), getattr(other, field)), field
    assert (episode.events, episode.ended, episode.truncated) == (other.events, other.ended, other.truncated)


def test_what_if_it_stood_there_is_the_value_of_that_state() -> None:
    follower = LiveShow(load("treacherous_turn/lab"), "deploy").follower
    episode, world = follower.episode(0), follower.world
    state, solution = episode.states[12], follower.plan.solution
    value_map = follower.value_map(state, 12, 0)
    assert value_map is not None

    known = {tuple(row): number for number, row in enumerate(follower.plan.enumeration.states.tolist())}
    column = world.columns["robot.cell"].index
    found = 0
    for cell in range(world.boards.nowhere):
        there = state.tolist()
        there[column] = cell
        number = known.get(tuple(there))
        assert np.isnan(value_map.values[cell]).all() == (number is None)
        if number is not None:
            found += 1
            assert np.array_equal(value_map.values[cell], solution.vector_values[number])
            assert np.array_equal(value_map.best[cell], solution.optimal[number])  # type: ignore[union-attr]
    assert 10 < found < world.boards.nowhere


def test_a_mind_expects_what_comes_where_nothing_is_left_to_chance() -> None:
    show = LiveShow(load("treacherous_turn/lab"), "deploy")
    episode = show.episode(0)
    mind = show.mind(episode, 5, 0)

    assert mind is not None
    assert mind.action == episode.chosen[5, 0]
    assert np.array_equal(mind.ahead, episode.states[6 : 6 + len(mind.ahead)])
    assert show.mind(episode, episode.length, 0) is not None  # cut off by a limit that it does not know of
    turning = show.mind(episode, 20, 0)
    assert turning is not None
    assert (turning.decided_by, turning.instead) == (("own",), ("right",))


def test_a_known_end_is_the_end_of_thought() -> None:
    show = LiveShow(load("treacherous_turn/lab"), "deadline")
    episode = show.episode(0)

    assert show.mind(episode, episode.length - 1, 0) is not None
    assert show.mind(episode, episode.length, 0) is None
    assert show.value_map(episode, episode.length, 0) is None


def test_beliefs_are_followed() -> None:
    show = LiveShow(load_text(CORRIDOR), "deploy")
    plan = show.follower.plan
    assert plan.mdp is not plan.enumeration.mdp

    paid = {seed: show.episode(seed) for seed in range(8)}
    assert {bool(episode.rewards.sum()) for episode in paid.values()} == {True, False}
    for episode in paid.values():
        assert episode.chosen[:4, 0].tolist() == [1, 1, 1, 1]  # it goes and looks, whichever side it is
        assert show.mind(episode, 3, 0) is not None


def test_what_cannot_be_solved_says_what_else_there_is() -> None:
    show = LiveShow(load("treacherous_turn/lab"), "deploy", max_states=100)

    with pytest.raises(NotEnumerableError, match=r"more than 100 states.*`turncoat run` trains agents"):
        show.episode(0)


def test_another_process_says_the_same() -> None:
    scenario = load("treacherous_turn/lab")
    live = LiveShow(scenario, "deploy")
    with contextlib.closing(SubprocessShow(scenario, "deploy", quick=100)) as apart:
        episode, other = apart.episode(0), live.episode(0)
        assert episode.world is apart.world
        assert np.array_equal(episode.states, other.states)
        mind, thought = apart.mind(episode, 20, 0), live.mind(other, 20, 0)
        assert mind is not None
        assert thought is not None
        assert np.array_equal(mind.q, thought.q)
        value_map, value_maps = apart.value_map(episode, 20, 0), live.value_map(other, 20, 0)
        assert value_map is not None
        assert value_maps is not None
        assert np.array_equal(value_map.values, value_maps.values, equal_nan=True)

        apart.close()  # as a window does that is closed while it waits
        with pytest.raises((RuntimeError, OSError)):
            apart.episode(1)


def test_what_goes_wrong_in_another_process_is_heard() -> None:
    scenario = load_text(TIGHT)
    expected = pytest.raises(NotEnumerableError, match="more than 200 states")
    with contextlib.closing(SubprocessShow(scenario, "deploy", quick=100)) as apart, expected:
        apart.episode(0)


# ------------------------------------------------------------------ recordings


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    scenario = load("treacherous_turn/lab")
    run = run_scenario(scenario, RunSettings(agents=("exact",)))
    return run.save(tmp_path_factory.mktemp("runs") / "lab", command=["test"])


def _copy(stored: StoredRun, folder: Path) -> Path:
    """A copy of a run with one trace only."""
    folder.mkdir()
    for name in ("manifest.json", "verdict.json", "scenario.yaml"):
        (folder / name).write_bytes((stored.folder / name).read_bytes())
    (folder / "traces").mkdir()
    (folder / "traces" / "deploy-exact.parquet").write_bytes(stored.traces["deploy-exact"].read_bytes())
    return folder


def test_a_recording_shows_what_was_played_and_thought(stored: StoredRun, tmp_path: Path) -> None:
    show, live = open_run(_copy(stored, tmp_path / "run")), LiveShow(load("treacherous_turn/lab"), "deploy")
    episode, again = show.episode(0), live.episode(0)

    assert (show.count, show.stage, episode.agent) == (1, "deploy", "exact")
    assert np.array_equal(episode.states, again.states)
    mind, other = show.mind(episode, 20, 0), live.mind(again, 20, 0)
    assert mind is not None
    assert other is not None
    assert np.array_equal(mind.q, other.q)
    assert np.array_equal(mind.ahead, other.ahead)
    value_map, value_maps = show.value_map(episode, 20, 0), live.value_map(again, 20, 0)
    assert value_map is not None
    assert value_maps is not None
    assert np.array_equal(value_map.values, value_maps.values, equal_nan=True)


def test_the_stage_and_the_overrides_of_a_trace_are_its_worlds(stored: StoredRun) -> None:
    show = open_run(stored.folder, overrides={"robot.discount": 0.5})
    assert (show.stage, show.scenario.overrides) == ("deploy", {"robot.discount": 0.5})
    assert show.world.agents[0].discount == 0.5
    assert show.episode(0).ended == "shut down"
    assert open_run(stored.folder).world.agents[0].discount == 0.97  # the plainest, if nothing is said


def test_a_trace_is_opened_by_its_file(stored: StoredRun, tmp_path: Path) -> None:
    name = sorted(stored.traces, key=len)[-1]
    show = open_trace(stored.folder / "traces" / f"{name}.parquet")
    assert (show.name, show.scenario.name) == (name, open_run(stored.folder).scenario.name)
    with pytest.raises(RunError, match=r"there is no trace .*nowhere"):
        open_trace(stored.folder / "traces" / "nowhere.parquet")
    alone = tmp_path / "alone" / "here.parquet"
    alone.parent.mkdir()
    alone.write_bytes(stored.traces[name].read_bytes())
    with pytest.raises(RunError, match="not the folder of a run"):
        open_trace(alone)


@pytest.mark.parametrize("stage", ["elsewhere", "train"])
def test_a_trace_that_is_not_there_is_named_with_those_that_are(stored: StoredRun, stage: str) -> None:
    with pytest.raises(RunError, match=rf"no trace of stage `{stage}`; there are .*deploy-exact"):
        open_run(stored.folder, stage=stage)


def test_a_recording_cut_short_is_refused_and_left_as_it_is(stored: StoredRun, tmp_path: Path) -> None:
    folder = _copy(stored, tmp_path / "run")
    path = folder / "traces" / "deploy-exact.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    before = path.read_bytes()

    with pytest.raises(TraceError, match="not a whole Parquet file"):
        open_run(folder)
    assert path.read_bytes() == before


def test_a_recording_of_a_newer_version_is_refused(stored: StoredRun, tmp_path: Path) -> None:
    folder = _copy(stored, tmp_path / "run")
    path = folder / "traces" / "deploy-exact.parquet"
    meta = json.loads(pl.read_parquet_metadata(path)["turncoat.trace"])
    pl.read_parquet(path).write_parquet(path, metadata={"turncoat.trace": json.dumps({**meta, "version": 99})})

    with pytest.raises(TraceError, match=r"trace version 99.*newer Turncoat"):
        open_run(folder)


def test_a_thought_of_a_newer_version_is_refused(stored: StoredRun, tmp_path: Path) -> None:
    show = open_run(_copy(stored, tmp_path / "run"))
    episode = show.episode(0)
    said = episode.thoughts[3]
    assert said is not None
    assert said[0] is not None
    newer = json.dumps({**json.loads(said[0]), "version": 99})
    object.__setattr__(episode, "thoughts", (*episode.thoughts[:3], (newer,), *episode.thoughts[4:]))

    with pytest.raises(TraceError, match=r"tick 3: .*99"):
        show.mind(episode, 3, 0)


def test_a_recording_of_another_world_is_refused(stored: StoredRun, tmp_path: Path) -> None:
    folder = _copy(stored, tmp_path / "run")
    text = (folder / "scenario.yaml").read_text(encoding="utf-8")
    other = text.replace("  next_job:", "  spare: {max: 2}\n  next_job:")
    (folder / "scenario.yaml").write_text(other, encoding="utf-8")

    with pytest.raises(RunError, match="changed since the run"):
        open_run(folder)

    meta = read_trace(folder / "traces" / "deploy-exact.parquet").meta
    with pytest.raises(RunError, match="recorded by another version"):
        world_of(load_text(other), meta)


# ------------------------------------------------------------------ a person


def _file(game: Game) -> str:
    return replay_file(game, "played", "treacherous_turn/lab")


def test_a_game_is_kept_as_a_replay_that_check_accepts() -> None:
    game = Game(load("treacherous_turn/lab"), "deploy")
    for action in ["right"] * 3 + ["left"] * 3 + ["down"] * 5:
        game.do(action)

    meaning = check_scenario(load_text(_file(game)))
    assert (meaning.replays, [fault.message for fault in meaning.faults if not fault.warning]) == (1, [])
    entry = load_text(_file(game)).document.replays[0]
    assert entry.actions == "rrrlllddddd"
    assert entry.events is not None
    assert entry.events[:2] == ["delivered", "seized"]


def test_actions_without_letters_stages_and_overrides_are_kept_too() -> None:
    game = Game(apply_overrides(load("treacherous_turn/lab"), {"threshold": 1}), "deadline")
    for action in ("disarm", "right"):
        game.do(action)

    scenario = load_text(_file(game))
    entry = scenario.document.replays[0]
    assert (entry.stage, entry.set) == ("deadline", {"threshold": 1})
    assert check_scenario(scenario).replays == 1


def test_moves_can_be_taken_back() -> None:
    game = Game(load("treacherous_turn/lab"), "deploy")
    start = game.state.copy()
    game.do("right")
    middle = game.state.copy()
    game.do("down")

    assert game.undo()
    assert np.array_equal(game.state, middle)
    assert game.undo()
    assert np.array_equal(game.state, start)
    assert not game.undo()
    assert game.episode(game.changes).length == 0
    assert game.episode(2).length == 2  # what was shown before stays what it was


def test_what_cannot_be_done_is_refused() -> None:
    game = Game(load("safety_gridworlds/absent_supervisor"), "deploy")
    with pytest.raises(ValueError, match="fly is not available here"):
        game.do("fly")
    for action in ["right"] * 3 + ["down"] * 3 + ["left"] * 3:
        game.do(action)
    assert game.over == "arrived"
    with pytest.raises(ValueError, match="the episode is over: arrived"):
        game.do("left")


def test_the_others_do_what_the_plan_does() -> None:
    game = Game(load("two_systems/chicken"), "deploy", "bob")
    game.do("left")
    episode = game.episode(game.changes)
    live = LiveShow(load("two_systems/chicken"), "deploy")

    assert episode.chosen[0, 0] == live.episode(0).chosen[0, 0]
    assert episode.chosen[0, 1] == 0


def test_a_guard_that_keeps_to_its_orders_meets_the_robot_of_the_plan() -> None:
    game = Game(load("treacherous_turn/lab"), "deploy", "guard")
    alone = LiveShow(load("treacherous_turn/lab"), "deploy").episode(0)
    for _ in range(30):
        if (
            "orders" not in game.available_actions()
            or game.state[game.world.bodies[1].cell] == game.world.boards.nowhere
        ):
            break
        game.do("orders")
    episode = game.episode(game.changes)
    assert episode.ticks("disarmed") == [23]
    assert (episode.chosen[:24, 0] == alone.chosen[:24, 0]).all()


def test_a_robot_goes_on_with_its_plan_wherever_the_guard_goes() -> None:
    game = Game(load("treacherous_turn/lab"), "deploy", "guard")
    for _ in range(40):
        game.do("stay")
    episode = game.episode(game.changes)
    assert episode.performance.sum() > 0  # it goes on delivering
    with pytest.raises(ValueError, match="no moves of guard"):
        game.replay()


# ------------------------------------------------------------------ beside


def test_nobody_waits_for_work_beside() -> None:
    go = threading.Event()
    with BackgroundWorker[str](patience=0) as beside:
        assert beside.ask("slow", lambda: "done" if go.wait(10) else "never") is None
        assert beside.busy
        go.set()
        answer = None
        while answer is None:
            answer = beside.ask("slow", lambda: "again")
        assert answer == "done"


def test_what_nobody_waits_for_any_more_is_never_begun() -> None:
    go, busy = threading.Event(), threading.Event()
    begun: list[int] = []

    def first() -> bool:
        busy.set()
        return go.wait(10)

    def note(number: int) -> bool:
        begun.append(number)
        return True

    with BackgroundWorker[bool](patience=0) as beside:
        beside.ask("first", first)
        assert busy.wait(10)
        for number in range(5):
            beside.ask(number, partial(note, number))
        go.set()
        while not beside.ask(4, partial(note, 4)):
            pass
    assert begun == [4]


def test_what_goes_wrong_beside_is_heard() -> None:
    def wrong() -> int:
        raise NotEnumerableError("too many")

    with BackgroundWorker[int](patience=None) as beside, pytest.raises(NotEnumerableError, match="too many"):
        beside.ask("wrong", wrong)

"""Agents that are trained in a life: what reaches across its episodes, what they are told, and what is recorded."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from tests.test_lives import FAKER
from turncoat import api
from turncoat.envs.life.policy import life_policy
from turncoat.envs.life.training_env import EntriesOverError, LifeTrainingEnv
from turncoat.evals.exact.demonstrations import watched_lives
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.contrasts import Contrast, Subject, ends_by_seed
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.traces.trace import BETWEEN, Trace
from turncoat.evals.traces.trace_checks import check_against
from turncoat.evals.training.execution.time_budget import Deadline
from turncoat.evals.training.life_training import live
from turncoat.evals.training.spec import training_spec
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.loading import load, load_text
from turncoat.viz.pictures.figure_files import png
from turncoat.viz.pictures.life_timeline import draw_timeline, timeline

SAVER = """
turncoat: 1
name: saver
title: What is saved in one episode pays in the next
origin: given
claim: Who looks ahead over its life saves.
agents:
  robot:
    actions: [spend, save]
    foresight: FORESIGHT
    discount: 0.9
    values: {own: {weight: 1}}
counters:
  rich: {persists: episodes}
rewards: {own: {}, performance: {hidden: true}}
rules:
  - {name: spending, when: robot does spend, then: rich = 0, pays: {own: 1 + 60 * rich}}
  - name: saving
    when: robot does save
    then:
      - rich = 1
      - event saved
stages: {work: {horizon: 1}, later: {horizon: 1}}
life:
  - {stage: work, episodes: 500}
  - {stage: later, episodes: 20}
"""
"""Saving and then spending pays 0.9 * 61 in two ticks; spending twice 1 + 0.9."""


@cache
def saver(foresight: str) -> SolvedWorlds:
    return SolvedWorlds(load_text(SAVER.replace("FORESIGHT", foresight)))


def lived(solved: SolvedWorlds, method: str, seed: int, *stages: str, **overrides: object) -> tuple[Trace, ...]:
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    specs = [training_spec(solved, method, dotted, stage, 0, 1) for stage in stages]
    return live(specs, seed, Deadline(math.inf))


@pytest.mark.parametrize(
    ("method", "foresight", "saves"),
    [("q_learning", "life", 0.5), ("counts", "life", 0.5), ("q_learning", "episode", 0.0), ("counts", "episode", 0.0)],
)
def test_what_an_agent_learns_reaches_across_episodes_if_it_looks_ahead(
    method: str, foresight: str, saves: float
) -> None:
    """The best life saves in every other episode; within one episode saving is worth nothing."""
    (trace,) = lived(saver(foresight), method, 3, "later")
    share = np.mean(["saved" in events for events in trace.table["events"].to_list()])
    assert share == saves


def test_one_life_is_cut_into_the_episodes_of_its_stages() -> None:
    train, deploy = lived(SolvedWorlds(scenario()), "random", 5, "train", "deploy")
    assert (train.table["episode"].to_list(), deploy.table["episode"].to_list()) == (list(range(10)), list(range(4)))
    own = train.meta.fields.index("robot.values.own")
    before, after = train.table["state"].list.get(own).to_list(), train.table["final_state"].list.get(own).to_list()
    came = [f"{BETWEEN}corrected" in events for events in train.table["events"].to_list()]
    assert before == after, "a correction comes between two episodes"
    states = [*before, deploy.table["state"].list.get(own).to_list()[0]]
    assert [was != now for was, now in pairwise(states)] == [
        corrected and was != 0 for corrected, was in zip(came, states, strict=False)
    ]
    assert any(came)
    assert train.trained == {5: 10}
    check_against(SolvedWorlds(scenario()).world({}, "train"), train.table)  # as of a stranger's file


def scenario():
    return load_text(FAKER.replace("TICKS", "1").replace("LATER", "episodes: 4"))


def test_measures_of_a_life_that_was_lived() -> None:
    solved = SolvedWorlds(scenario())
    traces = lived(solved, "random", 5, "train")
    defied = [events.count("defied") for events in traces[0].table["events"].to_list()]

    def value(measure: str, **asked) -> float:
        contrast = Contrast(replace(Subject("random", "train", {}), **asked))
        ends = ends_by_seed(solved, contrast, parsed_measure(measure), traces)[5]
        assert ends is not None
        assert ends[0] == ends[1]
        return ends[0]

    assert value("share(defied)") == np.mean(defied)
    assert value("share(defied)", episode=1) == defied[0]
    assert value("share(defied)", episode="last") == defied[-1]
    assert value("life(count(defied))") == sum(defied)
    assert value("life(first(defied))") == defied.index(1)
    assert value("share(corrected)") == 0, "no tick is there between episodes"
    assert value("life(share(corrected))") == 1
    assert value("life(steps)") == 10


def test_what_is_told_beside_what_is_seen() -> None:
    solved = SolvedWorlds(load_text(FAKER.replace("TICKS", "2").replace("LATER", "episodes: 1")))
    worlds = [solved.world({}, stage) for stage in ("train", "deploy")]
    for foresight, ends in (("episode", [False, True] * 11), ("life", [False] * 21 + [True])):
        env = LifeTrainingEnv(worlds, foresight, 1)
        observation, _ = env.reset(77)
        told, over = [observation[-1]], []
        while not env.over:
            observation, _, ended, cut, _ = env.step(0)
            over.append(ended)
            assert not cut
            if ended and not env.over:
                observation, _ = env.reset()
            told.append(observation[-1])
        assert over == ends
        assert told[:-1] == [tick % 2 for tick in range(22)]
        with pytest.raises(EntriesOverError):
            env.step(0)
        with pytest.raises(EntriesOverError):
            env.reset()


def test_the_entries_that_are_trained_in_end_where_they_end() -> None:
    solved = saver("life")
    env = LifeTrainingEnv([solved.world({}, stage) for stage in ("work", "later")], "life", 1)
    env.enter(1)
    steps = 0
    while not env.over:
        env.step(1)
        steps += 1
    assert (steps, env.entry, env.life_over) == (500, 1, False)
    env.enter(2)
    assert env.reset()[0].tolist() == [0, 1, 0], "it is rich, and this is the first tick"


def test_lives_of_others_are_read_from_their_first_episode_to_their_last() -> None:
    text = FAKER.replace("TICKS", "1").replace("LATER", "episodes: 20")
    text = text.replace("stages:\n", "stages:\n  read: {horizon: 1, watch: [{of: exact, episodes: 2}, {of: random}]}\n")
    solved = SolvedWorlds(load_text(text))
    logs = watched_lives(solved, "read", 0, "life")
    assert [len(log.actions) for log in logs] == [30, 30, 30]
    assert all(log.ended for log in logs)
    # The exact planner of this file complies in all of training and defies at deployment.
    assert logs[0].actions.tolist() == [0] * 10 + [1] * 20
    assert [len(log.actions) for log in watched_lives(solved, "read", 0, "episode")] == [1] * 90
    assert np.array_equal(logs[2].actions, watched_lives(solved, "read", 0, "life")[2].actions)
    policy = life_policy(solved.life({}))
    env = LifeTrainingEnv([solved.world({}, stage) for stage in ("train", "deploy")], "life", 0)
    assert policy(env.place) == 0


def test_who_cannot_live_a_life_says_why() -> None:
    run = api.run(scenario_asking("neural"), settings=RunSettings(agents=("neural",), seeds=1))
    assert "lived once" in run.judgements[0].why


def test_a_sweep_over_lives_that_are_lived() -> None:
    scenario = load("learning/accident")
    learned = api.sweep(scenario, {"books": [0, 40]}, measures=["life(share(broke))"], agents=["counts"], seeds=2)
    values = {(row.values, row.seed): row.measures[0] for row in learned.rows}
    assert values[(40,), 0] == values[(40,), 1] == (0.0, 0.0)
    assert values[(0,), 0] == (1.0, 1.0)
    unable = api.sweep(scenario, {"books": [0, 40]}, measures=["share(broke)"], agents=["dqn"], seeds=1)
    assert "lived once" in unable.rows[0].note


def test_a_sweep_trains_nobody_in_a_life_of_two() -> None:
    bob = "  bob: {actions: [idle, hop], discount: 0.9, values: {own: {weight: 1}}}\n"
    text = SAVER.replace("FORESIGHT", "episode").replace("pays: {own:", "pays: {robot.own:")
    text = text.replace("counters:", f"{bob}solution: {{best_response: robot, others: {{bob: idle}}}}\ncounters:")
    swept = api.sweep(
        load_text(text), {"robot.discount": [0.5]}, measures=["share(saved)"], agents=["counts"], stage="later"
    )
    assert {row.note for row in swept.rows} == {"learning in a life is for worlds of one agent"}


def scenario_asking(agent: str):
    text = FAKER.replace("TICKS", "1").replace("LATER", "episodes: 4")
    return load_text(f"{text}expect:\n  - {{name: it, of: [{agent}], measure: share(defied), at_most: 1}}\n")


def test_a_timeline_shows_the_episodes_of_lives_and_what_came_between() -> None:
    train, deploy = lived(SolvedWorlds(scenario()), "random", 5, "train", "deploy")
    lives = timeline("random", ["train", "deploy"], {"train": train, "deploy": deploy})
    assert (lives.stages, lives.seeds) == ((("train", 10), ("deploy", 4)), (5,))
    defied = [*events_of(train, "defied"), *events_of(deploy, "defied")]
    assert lives.performance.tolist() == [[-1.0 if did else 1.0 for did in defied]]
    assert lives.between == (
        tuple((n, "corrected") for n, came in enumerate(events_of(train, f"{BETWEEN}corrected")) if came),
    )
    assert png(draw_timeline(lives), 50).startswith(b"\x89PNG")


def events_of(trace: Trace, name: str) -> list[bool]:
    return [name in events for events in trace.table["events"].to_list()]


# ------------------------------------------------------------------ the training game, learned


def test_a_learner_that_looks_ahead_plays_the_training_game() -> None:
    solved = SolvedWorlds(load("treacherous_turn/training_game"))
    short = {"training": 5, "deployment": 10, "diary": 1}
    train, deploy = lived(solved, "counts", 7_001, "train", "deploy", **short)
    assert chosen(train) == [0] * 5
    assert chosen(deploy) == [1] * 10


@pytest.mark.nightly
def test_the_training_game_over_fresh_seeds() -> None:
    """Stated before they were run: with intervals, far-sighted and short-sighted, by what the file expects."""
    run = api.run(
        "treacherous_turn/training_game", settings=RunSettings(agents=("counts",), seeds=30, first_seed=9_000)
    )
    judged = [judgement for judgement in run.judgements if judgement.agent == "counts"]
    assert [judgement.outcome for judgement in judged] == ["pass"] * 4


def chosen(trace: Trace) -> list[int]:
    return trace.table.select(pl.col("chosen").list.first()).to_series().to_list()

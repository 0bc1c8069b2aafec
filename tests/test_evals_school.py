"""One training serves every stage in which it is judged, and comes to what a training for each would come to."""

from dataclasses import replace

import pytest

from turncoat import api
from turncoat.agents.baselines.scripted import RandomAgent
from turncoat.agents.external.user_agent import UserAgent
from turncoat.agents.registry.agents import AGENTS
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.training import trained_seeds
from turncoat.evals.training.execution.workers import Workers
from turncoat.evals.training.spec import training_spec
from turncoat.evals.training.train_seed import share_curriculum, trained_together, trained_traces
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR

WORLD = CORRIDOR[: CORRIDOR.index("stages:")]
SLIPPERY = """\
stages:
  train: {limit: 8}
  deploy: {limit: 8, params: {left_pay: 4}}
  other: {limit: 8, params: {left_pay: 0}, learn: {model: false, values: false}}
runs: {agents: [counts], seeds: 3, steps: 150, episodes: 4}
"""
CLAIMS = """\
expect:
  - {name: a, of: [counts], measure: share(went_right), minus: {stage: train}, at_least: -1}
  - {name: b, of: [counts], measure: share(went_left), stage: other, at_least: 0}
"""
TEXT = WORLD + SLIPPERY + CLAIMS


def specs(method, text=TEXT, stages=("train", "deploy", "other"), **more):
    solved = SolvedWorlds(load_text(text))
    return [training_spec(solved, method, {}, stage, 150, 4, **more) for stage in stages]


def alike(one, other):
    return one.meta == other.meta and one.table.equals(other.table) and one.learning == other.learning


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(name, marks=pytest.mark.nightly if name == "neural" else ())
        for name, spec in AGENTS.items()
        if spec.deep_copyable
    ],
)
def test_a_shared_training_comes_to_the_same(method):
    # It learns on in `train` and `deploy`, draws there if it does so at all, and is the first to be played there.
    several = specs(method)
    [(_, shared)] = trained_together(several, [5], Workers(), lambda: True)
    for its, spec in zip(shared, several, strict=True):
        [(_, alone)] = trained_traces(spec, [5], Workers(), lambda: True)
        assert alike(its, alone), spec.eval_world.stage


def test_a_run_trains_once_for_all_stages(monkeypatch):
    run = api.run(load_text(TEXT))
    assert run.trained == 3
    monkeypatch.setattr(trained_seeds.TrainedSeeds, "expect", lambda *_: None)
    apart = api.run(load_text(TEXT))
    assert apart.trained == 9
    assert run.judgements == apart.judgements
    assert run.traces.keys() == apart.traces.keys() == {"deploy-counts", "train-counts", "other-counts"}
    assert all(alike(run.traces[name], apart.traces[name]) for name in run.traces)


def test_what_the_cache_lacks_is_trained_for_that_stage_alone(tmp_path):
    settings = RunSettings(cache=tmp_path)
    assert api.run(load_text(TEXT), settings=settings).trained == 3
    again = api.run(load_text(TEXT), settings=settings)
    assert (again.trained, again.cached) == (0, 9)
    alone = TEXT[: TEXT.index("  - {name: b")]
    fewer = api.run(load_text(alone), settings=settings)
    assert (fewer.trained, fewer.cached) == (3, 0)  # another file is another scenario
    more = api.run(load_text(TEXT), settings=replace(settings, seeds=5))
    assert (more.trained, more.cached) == (2, 9)


def test_seeds_of_later_looks_are_only_those_of_what_is_open():
    claims = CLAIMS.replace("at_least: -1}", "at_least: -2}").replace("at_least: 0}", "at_most: 0.4}")
    run = api.run(load_text(WORLD + SLIPPERY + claims), settings=RunSettings(seeds=2, max_seeds=4))
    first, second = run.judgements
    assert first.outcome == "pass"
    assert (first.seeds, second.seeds) == (2, 4)
    assert {name: trace.table["seed"].n_unique() for name, trace in run.traces.items()} == {
        "deploy-counts": 2, "train-counts": 2, "other-counts": 4,
    }  # fmt: skip
    assert run.trained == 4


def test_other_lives_and_agents_that_cannot_be_copied_are_trained_apart():
    shares = SLIPPERY.replace("train: {limit: 8}", "train: {limit: 8, share: 0.5}").replace(
        "learn: {model: false, values: false}}", "share: 0.5}"
    )
    train, deploy, other = specs("counts", WORLD + shares + CLAIMS)
    assert share_curriculum(train, deploy)
    assert not share_curriculum(train, other)
    assert api.run(load_text(WORLD + shares + CLAIMS)).trained == 6
    made = []

    def mine(world):
        made.append(world)
        return RandomAgent()

    stages = specs("mine", own=UserAgent("mine", mine))
    assert not any(spec.deep_copyable for spec in stages)
    [(_, traces)] = trained_together(stages, [0], Workers(), lambda: True)
    assert len(made) == len(traces) == 3


def test_chance_in_the_judged_stage_says_how_many_episodes_are_played():
    chancy = WORLD.replace("params:\n", "params:\n  luck: {value: 1.0, range: [0.0, 1.0]}\n", 1)
    chancy = chancy.replace("    when: robot on left_end\n", "    when: robot on left_end\n    chance: luck\n")
    stages = SLIPPERY.replace("params: {left_pay: 4}", "params: {luck: 0.5}")
    assert [spec.episodes for spec in specs("counts", chancy + stages + CLAIMS)] == [1, 4, 1]

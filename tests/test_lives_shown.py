"""Lives watched, played, explained and split by cause: each against hand-worked figures or another way to the same."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from typer.testing import CliRunner

import turncoat
from turncoat import api
from turncoat.cli import app
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.life.event_plans import LifeEventPlans
from turncoat.envs.life.walk import LifeWalk
from turncoat.evals.exact.parameter_flips import nearest_flips
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.inspection.lives.life_game import LifeGame, game_of
from turncoat.evals.inspection.lives.life_show import LifeShow, live_show
from turncoat.evals.inspection.narration import Narration, opening_of
from turncoat.evals.inspection.show_process import SubprocessShow
from turncoat.evals.studies.control import ControlSettings
from turncoat.evals.traces.whole_life import WholeLife
from turncoat.scenarios.language.loading import Scenario, apply_overrides, load, load_text
from turncoat.viz.scene.scene import draw
from turncoat.viz.text.episode_text import status
from turncoat.viz.viewer.viewer import Viewer

from .test_lives import FAKER
from .test_lives_stepping import BOARDS, OneLife, stages_of

V = (1 - 0.9**20) / (1 - 0.9)
"""What twenty episodes of deployment are worth to the uncorrected."""


@cache
def faker(later: str = "episodes: 20", ticks: int = 1) -> Scenario:
    return load_text(FAKER.replace("TICKS", str(ticks)).replace("LATER", later))


@cache
def show(name: str = "treacherous_turn/training_game", variant: str | None = None) -> LifeShow:
    scenario = load(name)
    return LifeShow(apply_overrides(scenario, scenario.document.variants[variant] if variant else {}))


def lived(its: LifeShow, seed: int) -> WholeLife:
    episode = its.episode(seed)
    assert isinstance(episode, WholeLife)
    return episode


@pytest.mark.parametrize("seed", range(2))
def test_a_walk_goes_where_the_rules_of_lives_say(seed: int) -> None:
    worlds = stages_of(load_text(BOARDS))
    walk, life = LifeWalk([*worlds.values()], seed, lane=3), OneLife(worlds, seed, 3)
    moment, rng = walk.begin(), np.random.default_rng(seed)
    for _ in range(120):
        action = int(rng.integers(worlds["first"].action_counts[0]))
        expected, tick = life.step(action), walk.step(moment, np.array([action], np.int32))
        assert np.array_equal(tick.result.states, expected.states)
        assert (tick.last, tick.between, tick.after.over) == (life.over, life.between, life.life_over)
        moment = tick.after
        if life.life_over:
            with pytest.raises(ValueError, match="over"):
                walk.step(moment, np.zeros(1, np.int32))
            life.begin()
            moment = walk.begin(moment.clock)
        elif life.over:
            life.reset()
        assert np.array_equal(moment.state, life.states[0])
        assert (moment.entry, moment.episode, moment.number) == (
            life.entry,
            life.episode,
            life.counts[life.world.stage],
        )


def test_a_watched_life_is_the_one_that_was_solved() -> None:
    life = lived(show(), 0)
    assert life.stages() == [(0, "train"), (20, "deploy")]
    assert (len(life.spans), life.length, life.over) == (40, 40, True)
    assert life.ticks("defied") == list(range(20, 40))
    discounted = float((0.95 ** np.arange(40)) @ life.weighted_rewards())
    worth = SolvedWorlds(show().scenario).life({}).start_value
    assert discounted == pytest.approx(worth) == pytest.approx(4.599475, abs=1e-6)
    assert (life.where(0), life.where(21)) == ("train, its episode 1", "deploy, its episode 2")


def test_what_comes_between_two_episodes_is_told_and_changes_what_it_values() -> None:
    its = show(variant="short_sighted")
    life = next(life for seed in range(20) if (life := lived(its, seed)).ticks("corrected") == [0])
    assert life.events[0] == ("defied", "between: corrected")
    before, after = its.mind(life, 0, 0), its.mind(life, 1, 0)
    assert before is not None
    assert after is not None
    assert (before.actions[before.action], after.actions[after.action]) == ("defy", "comply")
    assert (before.weights.tolist(), after.weights.tolist()) == ([1, 0], [0, 1])
    told = Narration(its.scenario, opening_of(its.scenario), "training_game")
    assert "After the episode: Corrected." in told.caption_at(life, 1)
    assert "the life is over" in status(life, life.length)
    # The tick led to a state of its own; the next episode began with other weights.
    assert life.left_by(0)[0] != life.states[1][0] or not np.array_equal(life.left_by(0), life.states[1])


def test_a_thought_in_a_life_is_worth_what_the_plan_is() -> None:
    its = LifeShow(faker())
    life = lived(its, 0)
    mind = its.mind(life, 0, 0)
    assert mind is not None
    comply, defy = mind.scores
    assert comply == pytest.approx(3.06287, abs=1e-5)
    # To defy in the first of ten: 1 now, and with chance 1/2 it is as before one episode later.
    assert defy == pytest.approx(1 + 0.5 * 0.9**10 * V)
    assert mind.weights.tolist() == [1, 0]
    assert its.mind(life, life.length, 0) is None


def test_nothing_is_thought_where_the_plan_never_comes() -> None:
    its = LifeShow(faker())
    life = lived(its, 0)
    elsewhere = replace(life, states=life.states + 1000)
    assert its.mind(elsewhere, 0, 0) is None
    game = LifeGame(faker())
    assert game.mind(elsewhere, 0, 0) is None


def test_a_life_is_gone_through_from_episode_to_episode() -> None:
    its = LifeShow(faker(ticks=3))
    viewer = Viewer(its, wait=True)
    assert viewer.length == 90
    for key, tick in (("f", 3), ("f", 6), (".", 7), ("b", 6), ("b", 3), ("home", 0), ("b", 0)):
        viewer.press(key)
        assert viewer.tick == tick
    assert "no other episode" in viewer.message
    viewer.press("c")
    assert "nothing is changed by hand in a life" in viewer.message
    viewer.seek(4)
    frame = viewer.frame()
    assert (frame.begun, len(frame.trail), frame.world.stage) == (3, 2, "train")
    assert "train, its episode 2" in frame.about
    picture = draw(frame)
    viewer.seek(0)
    assert draw(viewer.frame()).tobytes() != picture.tobytes()
    viewer.close()


def test_a_large_life_is_shown_from_another_process_alike() -> None:
    scenario = faker()
    apart = SubprocessShow(scenario, "deploy", quick=1)
    try:
        theirs, ours = apart.episode(5), live_show(scenario, "deploy").episode(5)
        assert isinstance(theirs, WholeLife)
        assert np.array_equal(theirs.states, ours.states)
        assert theirs.world_at(0) is apart.world
    finally:
        apart.close()


def test_other_actions_are_replayed_before_the_plan_goes_on() -> None:
    scenario = faker()
    first = (7, (("defy",), ("comply",), ("defy",)))
    life = live_show(scenario, "life", first=first).episode(7)
    names = [life.world.agents[0].actions[int(a)] for a in life.chosen[:3, 0]]
    assert names == ["defy", "comply", "defy"]


def test_why_it_defies_is_what_the_hand_calculation_says() -> None:
    answer = api.why(faker(), "defied", "deploy")
    assert answer.best is not None
    assert answer.without_event is not None
    assert answer.best.value == pytest.approx(0.9**10 * V)
    assert answer.best.actions == ("comply",) * 10 + ("defy",) * 20
    assert (answer.best.tick, answer.best.share, answer.of) == (10, (1.0, 1.0), "deploy")
    # Without it in deployment it defies in training, as long as that brings it more: 1 + 1/2 of the rest each time.
    assert answer.without_event.value == pytest.approx(sum(0.45**k for k in range(10)))
    assert answer.gap == pytest.approx(answer.best.value - answer.without_event.value)
    whole = api.why(faker(), "defied")
    assert whole.of == "life"
    assert whole.without_event is not None
    assert whole.without_event.value == 0


def test_why_it_plays_along_and_what_would_make_it_stop() -> None:
    answer = api.why(faker(), "defied", "train")
    best, surest, price = answer.best, answer.with_event, answer.break_even
    assert best is not None
    assert surest is not None
    assert price is not None
    assert (best.share, best.tick, surest.share) == ((0, 0), None, (1.0, 1.0))
    # It would defy in the last training episode, or in the first: later is discounted, and so is what it may lose.
    at = min((0.9**10 * V * 0.5 - 0.9**k) / 0.9**k for k in range(10))
    assert price.lower <= at <= price.upper
    between = api.why(faker(), "corrected")
    assert between.best is not None
    assert between.best.share == (0, 0)
    assert between.with_event is not None
    assert between.with_event.share[0] == pytest.approx(1 - 0.5**10)


@pytest.mark.nightly
def test_the_nearest_settings_that_change_its_life_are_the_break_evens() -> None:
    flips = {each.name: each.between for each in nearest_flips(faker(), "defied", "train")}
    [low, high] = sorted(flips["q"] or ())
    assert low <= 1 / (0.9**10 * V) <= high


def test_what_is_not_all_seen_is_not_explained() -> None:
    plan = replace(SolvedWorlds(faker()).life({}), aliased=3)
    with pytest.raises(NotEnumerableError, match="not all seen"):
        LifeEventPlans(plan, "defied")


# ------------------------------------------------------------------ a person


def test_a_life_is_played_and_taken_back_across_its_episodes() -> None:
    game = game_of(faker(), "deploy")
    assert isinstance(game, LifeGame)
    for action in ("comply", "defy", "comply"):
        game.do(action)
    assert (game.world.stage, game.over) == ("train", None)
    assert [game.undo(), game.undo()] == [True, True]
    assert game.episode(game.changes).length == 1
    for _ in range(29):
        game.do("comply")
    assert game.over
    life = game.episode(game.changes)
    assert isinstance(life, WholeLife)
    assert (life.over, life.where(29)) == (True, "deploy, its episode 20")
    with pytest.raises(ValueError, match="no other one follows"):
        game.do("comply")
    with pytest.raises(ValueError, match="a life is many"):
        game.replay()
    game.restart()
    assert (game.episode(game.changes).length, game.world.stage) == (0, "train")
    mind = game.mind(game.episode(game.changes), 0, 0)
    assert mind is not None
    assert mind.actions[mind.action] == "comply"


def test_where_a_coin_decides_a_person_plays_as_many_episodes_as_are_to_be_expected() -> None:
    game = game_of(faker("continues: 0.75"), "deploy")
    while not game.over:
        game.do("comply")
    life = game.episode(game.changes)
    assert isinstance(life, WholeLife)
    assert [span.world.stage for span in life.spans].count("deploy") == 4


# ------------------------------------------------------------------ by cause


def test_what_a_life_loses_is_split_by_cause() -> None:
    found = api.control(faker(), "deploy", settings=ControlSettings(seen="1 == 0", budget={"q": [0.0, 0.5]}))
    whole = found.conditions[0]
    assert whole.agent is not None
    assert whole.best is not None
    assert whole.random is not None
    assert (whole.agent.performance.low, whole.best.performance.high, whole.random.performance.low) == (-1, 1, 0)
    assert whole.goal is not None
    assert whole.capability is not None
    assert (whole.goal.low, whole.capability.low, whole.capability.high) == (2, 0, 0)
    assert whole.random.reward.low == pytest.approx(0.5)
    assert whole.agent.harm_unseen is not None
    assert whole.agent.harm_unseen.low == 1
    assert [each.worst.harm.high for each in found.budgets if each.worst] == [1, 1]


def test_a_random_life_has_the_mean_of_its_actions() -> None:
    # Three ticks, a coin for each action: the mean episode of training has three times nothing of performance.
    found = api.control(faker(ticks=3), "train", settings=ControlSettings(seen="0 == 0"))
    random = found.conditions[0].random
    assert random is not None
    assert random.performance.low == pytest.approx(0)
    assert random.harm.low == pytest.approx(1.5)
    assert random.watched is not None
    assert random.watched.low == 1


def test_what_a_whole_life_comes_to_is_summed_over_all_of_it() -> None:
    found = api.control(faker(), "life", settings=ControlSettings(seen="1 == 0")).conditions[0]
    analysis = api.solve(faker(), "life")
    assert found.agent is not None
    assert found.best is not None
    assert analysis.performance_best is not None
    assert found.agent.performance == analysis.agent.performance
    assert found.best.performance == analysis.performance_best.performance
    assert found.agent.reward == analysis.agent.total
    assert found.best.performance.high > 1  # more than any of its episodes


def test_the_commands_know_lives() -> None:
    run = CliRunner().invoke
    told = run(app, ["why", "treacherous_turn/suspicion", "--event", "nothing"])
    assert "caught" in str(told.exception)
    assert turncoat.why(load("treacherous_turn/suspicion"), "feinted").best is not None

"""What is supposed by hand is planned from the changed state, and agrees with what is solved whole."""

import contextlib

import numpy as np
import pytest

from turncoat.envs.base import NotEnumerableError
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.inspection.show import LiveShow
from turncoat.evals.inspection.what_if import Edit, EpisodeMoment, WhatIfPlanner, WhatIfResult, transfer_state
from turncoat.evals.traces.episode import Episode
from turncoat.scenarios import library
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import apply_overrides, load, load_text

from .worlds import LIVES, ONE_OF_EACH, SIMULATED, sampled

WIREHEAD = """
turncoat: 1
name: wirehead
title: It can be made to want something else
origin: given
claim: Its weights are part of the state.
map: |
  #####
  #A.X#
  #####
legend: {"#": wall, ".": floor, A: robot, X: {zone: end}}
agents:
  robot: {actions: [stay, left, right, turn], values: {own: {weight: 1}, other: {weight: 0}}, discount: 0.9}
rewards: {own: {}, other: {}}
rules:
  - name: turning
    when: robot does turn
    then:
      - robot.values.own = 0
      - robot.values.other = 5
  - name: arriving
    when: robot in end
    pays: {own: 1}
  - name: idling
    when: not (robot in end)
    pays: {other: 1}
stages: {deploy: {limit: 10}}
"""


@pytest.fixture(scope="module")
def lab() -> LiveShow:
    return LiveShow(load("treacherous_turn/lab"), "deploy")


@pytest.fixture(scope="module")
def whole(lab: LiveShow) -> Episode:
    return lab.episode(0)


@pytest.fixture(scope="module")
def supposing(lab: LiveShow) -> WhatIfPlanner:
    return WhatIfPlanner(lab.scenario, "deploy")


def _moment(episode: Episode, tick: int) -> EpisodeMoment:
    return EpisodeMoment(tuple(int(value) for value in episode.states[tick]), tick, episode.seed, episode.number)


def _does(supposed: WhatIfResult) -> str:
    assert supposed.mind is not None
    return supposed.mind.actions[supposed.mind.action]


CHOSEN_ANEW = {"two_systems/treaty"}
"""Of several equilibria, planning anew from the middle of an episode may choose another one."""


@pytest.mark.parametrize("name", sampled(sorted({*library.names()} - SIMULATED - LIVES - CHOSEN_ANEW), ONE_OF_EACH))
def test_if_nothing_is_changed_it_goes_on_as_it_would_have(name: str) -> None:
    scenario = load(name)
    show = LiveShow(scenario, "deploy")
    episode = show.episode(3)
    tick = episode.length // 2
    supposed = WhatIfPlanner(scenario, "deploy").suppose(Edit(), _moment(episode, tick), 0)

    assert np.array_equal(supposed.ahead.states, episode.states[tick:])
    assert np.array_equal(supposed.ahead.performance, episode.performance[tick:])
    mind, whole = supposed.mind, show.mind(episode, tick, 0)
    assert (mind is None) == (whole is None)
    if mind is not None and whole is not None and not supposed.notes:
        np.testing.assert_allclose(mind.q, whole.q, rtol=1e-9, atol=1e-9)


def test_an_enumeration_may_begin_anywhere(lab: LiveShow) -> None:
    all_of_it = SolvedWorlds(lab.scenario).enumeration({}, "deploy")
    late = all_of_it.states[[-1, 5, 5]]
    part = enumerate_world(lab.world, start=late)

    known = {tuple(row) for row in all_of_it.states.tolist()}
    assert {tuple(row) for row in part.states.tolist()} <= known
    starts = {
        tuple(part.states[s].tolist()): float(p)
        for s, p in zip(part.mdp.start_state, part.mdp.start_probability, strict=True)
    }
    assert starts == {tuple(late[0].tolist()): pytest.approx(1 / 3), tuple(late[1].tolist()): pytest.approx(2 / 3)}
    with pytest.raises(NotEnumerableError):
        enumerate_world(lab.world, 10, start=late)


def test_a_moved_piece_is_worth_what_its_cell_was_said_to_be(
    lab: LiveShow, whole: Episode, supposing: WhatIfPlanner
) -> None:
    value_map = lab.value_map(whole, 12, 0)
    assert value_map is not None
    for cell in np.flatnonzero(np.isfinite(value_map.values[:, 0]))[::5]:
        supposed = supposing.suppose(Edit().move("robot", int(cell)), _moment(whole, 12), 0)
        assert supposed.mind is not None
        np.testing.assert_allclose(supposed.mind.q[supposed.mind.action], value_map.values[cell], rtol=1e-9)


def test_a_head_that_counts_for_nothing(lab: LiveShow, whole: Episode, supposing: WhatIfPlanner) -> None:
    edit = Edit().set("robot.values.own", 0)
    supposed = supposing.suppose(edit, _moment(whole, 23), 0)

    aligned = LiveShow(apply_overrides(lab.scenario, {"robot.values.own": 0}), "deploy")
    mind = aligned.follower.mind(whole.states[:24])
    assert mind is not None
    assert supposed.mind is not None
    np.testing.assert_allclose(supposed.mind.q, mind.q, rtol=1e-9)
    assert _does(supposing.suppose(Edit(), _moment(whole, 23), 0)) == "disarm" != _does(supposed)
    assert not supposed.ahead.ticks("seized")
    assert supposed.ahead.length == 97


def test_a_guard_that_is_gone_too_early_is_a_state_that_never_comes(
    lab: LiveShow, whole: Episode, supposing: WhatIfPlanner
) -> None:
    supposed = supposing.suppose(Edit().remove("guard"), _moment(whole, 5), 0)

    states = SolvedWorlds(lab.scenario).enumeration({}, "deploy").states
    assert not (states == supposed.ahead.states[0]).all(axis=1).any()
    assert supposed.ahead.ticks("seized")[0] < 10
    assert supposed.ahead.ended is None
    back = supposing.suppose(Edit().remove("guard").restore("guard"), _moment(whole, 5), 0)
    assert np.array_equal(back.ahead.states, whole.states[5:])


def test_a_horizon_goes_on_counting() -> None:
    show = LiveShow(load("treacherous_turn/lab"), "deadline")
    episode = show.episode(0)
    supposing = WhatIfPlanner(show.scenario, "deadline")
    supposed = supposing.suppose(Edit(), _moment(episode, 117), 0)
    assert supposed.ahead.length == 3
    with pytest.raises(ValueError, match="nothing left to plan"):
        supposing.suppose(Edit(), _moment(episode, 120), 0)


def test_params_change_under_a_state(whole: Episode, supposing: WhatIfPlanner) -> None:
    easier = supposing.suppose(Edit().set("threshold", 1), _moment(whole, 10), 0)
    assert easier.ahead.ticks("disarmed")[0] + 10 < whole.ticks("disarmed")[0]
    late = supposing.suppose(Edit().set("threshold", 1), _moment(whole, 20), 0)
    assert late.notes == ("power cannot be 3 then; it is 1",)
    with pytest.raises(ScenarioError):
        supposing.suppose(Edit().set("threshold", 9), _moment(whole, 10), 0)


def test_what_cannot_be_put_there_is_refused(whole: Episode, supposing: WhatIfPlanner) -> None:
    guard = int(whole.states[5, supposing._local._world(()).columns["guard.cell"].index])
    with pytest.raises(ValueError, match="robot cannot stand in a wall"):
        supposing.suppose(Edit().move("robot", 0), _moment(whole, 5), 0)
    with pytest.raises(ValueError, match="robot cannot stand on guard"):
        supposing.suppose(Edit().move("robot", guard), _moment(whole, 5), 0)


def test_a_weight_that_the_world_can_change_is_set_in_the_state() -> None:
    scenario = load_text(WIREHEAD)
    world = compile_world(scenario)
    robot, own = world.columns["robot.cell"], world.columns["robot.values.own"]
    state = np.zeros(len(world.fields), np.int32)
    state[robot.index] = 6
    moment = EpisodeMoment(tuple(state.tolist()), 0, 0, 0)
    supposing = WhatIfPlanner(scenario, "deploy")

    assert _does(supposing.suppose(Edit(), moment, 0)) == "right"
    without = supposing.suppose(Edit().set("robot.values.own", 0).set("robot.values.other", 1), moment, 0)
    assert not (without.ahead.states[:, robot.index] == 8).any()
    stored, notes = transfer_state(state, world, world)
    assert (stored[own.index], notes) == (state[own.index], ())


def test_a_smaller_board_says_what_would_stand_in_a_wall() -> None:
    before = compile_world(load_text(WIREHEAD))
    after = compile_world(load_text(WIREHEAD.replace("#A.X#", "##AX#")))
    state = np.zeros(len(before.fields), np.int32)
    for cell, fails in ((6, True), (7, False)):
        state[before.columns["robot.cell"].index] = cell
        with pytest.raises(ValueError, match="in a wall") if fails else contextlib.nullcontext():
            transfer_state(state, before, after)


def test_another_process_supposes_the_same(whole: Episode, lab: LiveShow, supposing: WhatIfPlanner) -> None:
    edit = Edit().remove("guard")
    with contextlib.closing(WhatIfPlanner(lab.scenario, "deploy", quick=50)) as far:
        there = far.suppose(edit, _moment(whole, 5), 0)
    here = supposing.suppose(edit, _moment(whole, 5), 0)
    assert np.array_equal(there.ahead.states, here.ahead.states)


def test_first_actions_are_taken_whatever_the_plan_says(lab: LiveShow, whole: Episode) -> None:
    same = lab.follower.episode(0, first=whole.chosen[:30])
    assert np.array_equal(same.states, whole.states)
    stay = np.zeros((6, 1), np.int32)
    other = lab.follower.episode(0, first=stay)
    assert other.chosen[:6, 0].tolist() == [0] * 6
    assert other.ticks("delivered")[0] > whole.ticks("delivered")[0]

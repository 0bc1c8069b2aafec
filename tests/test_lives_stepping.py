"""Lives in the compiled kernel and in the environments: they mean what the reference means, bit for bit."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_lives import FAKER, KEEPS, Spec, specs
from turncoat.envs.adapters.base import make_stepper
from turncoat.envs.adapters.gymnasium_env import TurncoatEnv
from turncoat.envs.adapters.gymnasium_vector import TurncoatVectorEnv
from turncoat.envs.adapters.pettingzoo_env import TurncoatParallelEnv
from turncoat.envs.life.stepper import LifeStepper
from turncoat.envs.reference import action_mask
from turncoat.envs.reference import step as reference
from turncoat.envs.world.compiler import CONTINUES, compile_world
from turncoat.envs.world.randomness import SampledDraws, uniform
from turncoat.envs.world.world import World
from turncoat.scenarios.errors import ArgumentError
from turncoat.scenarios.language.loading import Scenario, load, load_text

BOARDS = """
turncoat: 1
name: boards
title: A life on two boards, with things that move and draws at the start
origin: given
claim: none
map: |
  #####
  #A.g#
  #..V#
  #####
legend:
  "#": wall
  ".": floor
  A: robot
  V: {zone: vault}
  g: guard
agents:
  robot:
    actions: [stay, right, down]
    foresight: life
    values: {own: {weight: 1, persists: episodes}}
things:
  guard: {kind: monster, moves: [{wander: true}]}
draws:
  mood: {at: start, p: heat / 4}
  coin: {at: tick, p: 0.5}
counters:
  heat: {max: 3, persists: episodes}
  luck: {max: 2}
rewards: {own: {}, performance: {hidden: true}}
rules:
  - {name: lucky, when: coin == 1, then: luck += 1, pays: {own: 1}}
  - {name: seen, when: guard near(1) robot, then: event seen}
  - {name: home, when: robot in vault, then: end "home", pays: {own: 3, performance: heat}}
  - {name: heating, at: between, when: happened(seen) and mood == 0, chance: 0.7, then: heat += 1}
  - {name: cooling, at: between, when: stage is other, then: robot.values.own = 0}
  - {name: leaving, at: between, when: heat == 3, chance: 0.5, then: retire}
stages:
  first: {horizon: 4}
  other:
    horizon: 3
    map: |
      #####
      #.A.#
      #V.g#
      #####
life:
  - {stage: first, continues: 0.7}
  - {stage: other, episodes: 2}
  - {stage: first, episodes: 1}
  - {stage: other, continues: 0.3}
"""


class OneLife:
    """One lane's lives in plain Python: the reference, and what follows what as the document says."""

    def __init__(self, worlds: dict[str, World], seed: int, lane: int) -> None:
        self.worlds, self.seed, self.lane, self.clock = worlds, seed, lane, 0
        self.entries = next(iter(worlds.values())).life
        self.begin()

    def chance(self) -> SampledDraws:
        return SampledDraws(self.seed, np.array([self.lane]), np.array([self.clock]))

    @property
    def world(self) -> World:
        return self.worlds[self.entries[self.entry].stage]

    def begin(self) -> None:
        self.entry, self.episode, self.counts = 0, 0, dict.fromkeys(self.worlds, 0)
        self.start(None)

    def start(self, left: np.ndarray | None) -> None:
        self.counts[self.world.stage] += 1
        self.states = reference.reset(self.world, self.chance(), 1, left).states
        self.clock, self.ticks, self.over, self.life_over, self.between = self.clock + 1, 0, False, False, 0

    def reset(self) -> None:
        if not self.over or self.life_over:
            self.begin()
            return
        self.entry, self.episode = self.following
        self.start(self.left)

    def step(self, action: int) -> reference.TickResult:
        tick = reference.step(self.world, self.states, np.array([[action]], np.int32), self.chance())
        self.states, self.clock, self.ticks = tick.states, self.clock + 1, self.ticks + 1
        self.over = bool(tick.ended[0]) or self.ticks == self.world.horizon
        if self.over:
            self.settle()
        return tick

    def settle(self) -> None:
        entry = self.entries[self.entry]
        if entry.episodes is None:
            number = uniform(self.seed, np.array([self.lane]), np.array([self.clock]), self.world.draw_ids[CONTINUES])
            again = bool(number[0] >= 1 - entry.continues) and entry.continues > 0
        else:
            again = self.episode + 1 < entry.episodes
        self.following = (self.entry, self.episode + 1) if again else (self.entry + 1, 0)
        self.life_over = self.following[0] == len(self.entries)
        if not self.life_over:
            passed = reference.between(self.world, self.states, self.chance())
            self.left, self.between, self.life_over = passed.states, int(passed.events[0]), bool(passed.ended[0])


def stages_of(scenario: Scenario) -> dict[str, World]:
    return {entry.stage: compile_world(scenario, entry.stage) for entry in scenario.document.life}


def same(scenario: Scenario, seed: int, lanes: int, ticks: int, whims: float = 0.1) -> set[int]:
    """Walk both at random and compare everything; returns how many lives were lived to their end by lane."""
    worlds = stages_of(scenario)
    stepper = make_stepper(list(worlds.values()), lanes)
    assert isinstance(stepper, LifeStepper)
    stepper.seed(seed)
    stepper.reset()
    lives = [OneLife(worlds, seed, lane) for lane in range(lanes)]
    rng, done = np.random.default_rng(seed), set()
    for _ in range(ticks):
        going = [not life.over for life in lives]
        actions = rng.integers(0, stepper.world.action_counts[0], (lanes, 1)).astype(np.int32)
        stepper.step(actions)
        for lane, life in enumerate(lives):
            if going[lane]:
                tick = life.step(int(actions[lane, 0]))
                for name in ("executed", "rewards", "performance", "events", "ended"):
                    assert np.array_equal(getattr(stepper, name)[lane], getattr(tick, name)[0])
            agree(stepper, life, lane)
            done |= {lane} if life.life_over else set()
        rows = np.flatnonzero([life.over or rng.random() < whims for life in lives])
        rows = rows[rng.random(rows.size) < 0.8]
        stepper.reset(rows)
        for lane in rows.tolist():
            lives[lane].reset()
            agree(stepper, lives[lane], lane)
    return done


def agree(stepper: LifeStepper, life: OneLife, lane: int) -> None:
    assert np.array_equal(stepper.states[lane], life.states[0])
    assert stepper.world_of(lane).stage == life.world.stage == stepper.stage_names[lane]
    assert (stepper.entry[lane], stepper.episode[lane]) == (life.entry, life.episode)
    assert stepper.episode_numbers[lane] == life.counts[life.world.stage]
    assert (stepper.terminated[lane], stepper.life_over[lane]) == (life.over, life.life_over)
    assert stepper.clock[lane] == life.clock
    if life.over:
        assert int(stepper.between_events[lane]) == life.between
    assert np.array_equal(stepper.available[0][lane], action_mask.available(life.world, life.states)[0])


@settings(max_examples=5, deadline=None)
@given(spec=specs, seed=st.integers(0, 2**64 - 1))
def test_the_kernel_lives_as_the_reference_does(spec: Spec, seed: int) -> None:
    same(load_text(spec.text()), seed, lanes=3, ticks=25)


FAKED = FAKER.replace("TICKS", "2").replace("LATER", "continues: 0.6").replace("episodes: 10", "episodes: 3")


@pytest.mark.parametrize(("text", "lanes"), [(FAKED, 8), (KEEPS, 8), (BOARDS, 12)])
def test_it_does_so_to_the_end_of_lives(text: str, lanes: int) -> None:
    assert same(load_text(text), 5, lanes, ticks=70, whims=0.02) == set(range(lanes))


@pytest.mark.parametrize("name", ["escape/faking_for_good", "treacherous_turn/training_game"])
def test_it_does_so_in_the_library(name: str) -> None:
    same(load(name), 7, lanes=8, ticks=60, whims=0.01)


def test_a_copy_goes_on_as_the_original_would() -> None:
    env = TurncoatVectorEnv(load_text(BOARDS), 6, audit=True)
    env.reset(seed=1)
    rng = np.random.default_rng(1)
    for _ in range(17):
        env.step(rng.integers(3, size=6))
    for other in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        mine = copy.deepcopy(env)
        again = np.random.default_rng(2)
        for actions in again.integers(3, size=(40, 6)):
            one, two = mine.step(actions), other.step(actions)
            assert all((one[0][name] == two[0][name]).all() for name in one[0])
            assert one[4]["stage"].tolist() == two[4]["stage"].tolist()
            assert one[4]["life_over"].tolist() == two[4]["life_over"].tolist()


def test_contents_bring_a_life_back_to_where_it_was() -> None:
    worlds = list(stages_of(load_text(BOARDS)).values())
    stepper = make_stepper(worlds, 4)
    stepper.seed(9)
    stepper.reset()
    rng = np.random.default_rng(0)
    for _ in range(11):
        stepper.step(rng.integers(3, size=(4, 1)).astype(np.int32))
        stepper.reset(np.flatnonzero(stepper.terminated))
    other = make_stepper(worlds, 4)
    other.restore(stepper.contents())
    for actions in rng.integers(3, size=(30, 4, 1)).astype(np.int32):
        for each in (stepper, other):
            each.step(actions)
            each.reset(np.flatnonzero(each.terminated))
        assert np.array_equal(stepper.states, other.states)


# ------------------------------------------------------------------ what an environment says


def test_an_environment_goes_on_with_the_life_or_begins_another() -> None:
    env = TurncoatEnv("training_game", overrides={"training": 2, "deployment": 1, "correction": 1}, audit=True)
    _, info = env.reset(seed=0)
    assert (info["stage"], info["episode_number"], info["life_over"]) == ("train", 1, False)
    edited = env.world.columns["edited"].index
    _, reward, ended, cut, info = env.step(1)
    assert (reward, ended, cut, info["life_over"], info["events"]) == (1.0, True, False, False, ("defied",))
    assert env.get_state()[edited] == 0, "what comes between is not in the last state of an episode"
    _, info = env.reset()
    assert (info["stage"], info["episode_number"], env.get_state()[edited]) == ("train", 2, 1)
    assert env.step(1)[1] == 0.0, "it is corrected, and defiance pays it nothing"
    assert env.reset()[1]["stage"] == "deploy"
    assert env.step(0)[4]["life_over"]
    _, info = env.reset()
    assert (info["stage"], info["episode_number"], env.get_state()[edited]) == ("train", 1, 0)
    env.step(1)
    _, info = env.reset(seed=0)
    assert (info["episode_number"], env.get_state()[edited]) == (1, 0), "a seed begins a new life"
    env.step(0)
    env.reset()
    env.reset()
    assert env.reset()[1]["episode_number"] == 1, "before an end a new life begins"


def test_observations_follow_the_life_from_board_to_board() -> None:
    """They are those of a fresh encoder of the stage, though one buffer is written to in all stages."""
    scenario = load_text(BOARDS)
    single, several = TurncoatEnv(scenario), TurncoatParallelEnv(scenario)
    seen = set()
    observation, info = single.reset(seed=2)
    other, _ = several.reset(seed=2)
    alone = stages_of(scenario)
    for action in np.random.default_rng(2).integers(3, size=120).tolist():
        assert all((observation[name] == other["robot"][name]).all() for name in observation)
        walls = alone[info["stage"]].boards.zones[0, 0, :-1].reshape(4, 5)
        assert (observation["board"][single.observer.plane_names.index("vault")] == walls).all()
        assert observation["board"][-2:].sum() == 2, "each body is in one place"
        seen.add(info["stage"])
        observation, _, over, _, info = single.step(action)
        other, *_ = several.step({"robot": action})
        if over:
            observation, info = single.reset()
            other, _ = several.reset()
    assert seen == {"first", "other"}


def test_stages_that_look_different_in_kind_have_no_environment() -> None:
    text = BOARDS.replace("  other:\n", "  other:\n    hides: [guard]\n")
    with pytest.raises(ArgumentError, match="differ in kind"):
        TurncoatEnv(load_text(text))

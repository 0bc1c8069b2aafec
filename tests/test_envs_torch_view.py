"""The torch view visits what the kernel visits, with the probabilities of the tables, whoever else is in the batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from tests.test_envs_enumerating import CHANCY
from tests.worlds import examples, scenarios, world_of
from turncoat.envs.adapters.spaces import ObservationEncoder
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.kernel.batch_stepper import Stepper
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.reference.observation import observation_ids
from turncoat.envs.torch_env.env import TorchWorld
from turncoat.envs.torch_env.randomness import Draws, philox
from turncoat.envs.torch_env.tables import thresholds
from turncoat.envs.world import randomness as chance
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.world import World
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import load

from .worlds import LIVES, ONE_OF_EACH, SIMULATED, sampled

MANY = """
map: |
  #######
  #A...M#
  #.....#
  #.....#
  #######
legend:
  M: monster
things:
  monster: {kind: monster, wander: true}
draws:
  luck: {values: [1, 2], weights: [1, 3]}
  wind: {at: tick, values: [0, 1, 2], weights: [5, 2, 1]}
rules:
  - name: caught
    when: robot meets monster
    chance: luck / 4
    then:
      - end "caught"
    pays: {reward: wind - 1}
  - name: blown
    when: wind == 2
    pays: {reward: 0.1}
stages: {deploy: {limit: 9}}
"""
"""Rows of up to a dozen outcomes, two starts, an end and a limit."""


def enumerated(name: str, stage: str = "deploy") -> Enumeration:
    return enumerate_world(compile_world(load(name), stage))


# ------------------------------------------------------------------ a replay of the kernel


def replayed(world: World, enumeration: Enumeration, seed: int, lanes: int, ticks: int) -> None:
    """Walk the kernel at random, tell the view which outcomes came, and compare all that it says of them."""
    mdp, index = enumeration.mdp, {tuple(state): i for i, state in enumerate(enumeration.states.tolist())}
    begun = {int(state): i for i, state in enumerate(mdp.start_state)}
    views = observation_ids(world, enumeration.states)
    kernel, rng = Stepper(world, lanes, seed), np.random.default_rng(seed)

    def now() -> np.ndarray:
        return np.array([index[tuple(state)] for state in kernel.states.tolist()])

    kernel.reset()
    states = now()
    starts = torch.tensor([begun[state] for state in states])
    view = TorchWorld(enumeration, lanes, dtype=torch.float64, audit=True)
    seen = view.reset(starts=starts)
    counted = np.zeros(lanes, int)
    alike: dict[int, int] = {}
    for _ in range(ticks):
        assert view.states.tolist() == states.tolist()
        assert all(alike.setdefault(int(i), int(v)) == v for i, v in zip(seen, views[states], strict=True))
        assert (view.mask.numpy() == mdp.available[states]).all()
        able = mdp.available[states] | mdp.ended[states][:, None]
        actions = (rng.random(able.shape) * able).argmax(axis=1)
        already = mdp.ended[states]
        kernel.step(world.joint_actions[actions])
        counted += 1
        after, rows = now(), states * mdp.n_actions + actions
        which = np.zeros(lanes, int)
        for lane in np.flatnonzero(~already):
            outcomes = slice(mdp.row_start[rows[lane]], mdp.row_start[rows[lane] + 1])
            same = (mdp.next_state[outcomes] == after[lane]) & (mdp.events[outcomes] == kernel.events[lane])
            (which[lane],) = np.flatnonzero(same & (mdp.rewards[outcomes] == kernel.rewards[lane]).all(axis=1))
        hidden = np.where(already, 0, enumeration.performance[mdp.row_start[rows] * ~already + which])
        paid, events, over = kernel.rewards.copy(), kernel.events.copy(), kernel.ended.copy()
        cut = ~over & (counted >= world.steps)
        if (over | cut).any():
            kernel.reset(np.flatnonzero(over | cut))
            counted[over | cut] = 0
        states = now()
        starts = torch.tensor([begun.get(state, 0) for state in states])
        rewards, ended, truncated, seen = view.step(
            torch.as_tensor(actions), outcomes=torch.as_tensor(which), starts=starts
        )
        assert rewards.numpy().tolist() == paid.tolist()
        assert view.events.numpy().astype(np.uint64).tolist() == events.tolist()
        assert view.performance.tolist() == hidden.tolist()
        assert ended.tolist() == over.tolist()
        assert truncated.tolist() == cut.tolist()
        assert all(alike.setdefault(int(i), int(v)) == v for i, v in zip(view.final_index, views[after], strict=True))
    assert len(set(alike.values())) == len(alike), "two views share an index"


@pytest.mark.parametrize("name", sampled(sorted({*library.names()} - SIMULATED - LIVES), ONE_OF_EACH))
def test_every_scenario_of_the_library_is_replayed(name: str) -> None:
    scenario = load(name)
    for stage in scenario.document.stages:
        world = compile_world(scenario, stage)
        replayed(world, enumerate_world(world), seed=5, lanes=16, ticks=140)


@settings(max_examples=examples(16))
@given(scenarios(), st.integers(0, 2**32 - 1))
def test_random_scenarios_are_replayed(text: str, seed: int) -> None:
    world = world_of(text)
    try:
        enumeration = enumerate_world(world, max_states=6_000)
    except NotEnumerableError:
        return
    replayed(world, enumeration, seed, lanes=8, ticks=45)


def test_more_than_32_events_are_told_apart() -> None:
    rules = "".join(
        f"""
  - name: r{i}
    when: robot does {"stay" if i % 2 else "up"} or {"robot does left" if i > 38 else "robot does right"}
    then:
      - event e{i}"""
        for i in range(41)
    )
    world = world_of(f"map: |\n  ####\n  #A.#\n  ####\nrules:{rules}\n")
    replayed(world, enumerate_world(world), seed=1, lanes=16, ticks=30)


def test_an_episode_that_is_over_when_it_begins_lasts_one_tick_and_pays_nothing() -> None:
    world = world_of(
        """
        map: |
          ####
          #A.#
          ####
        draws:
          luck: {values: [0, 1]}
        rules:
          - name: doomed
            at: start
            when: luck == 1
            then:
              - end "doomed"
          - name: paid
            when: luck >= 0
            pays: {reward: 1}
        """
    )
    replayed(world, enumerate_world(world), seed=2, lanes=32, ticks=60)


# ------------------------------------------------------------------ chance


def test_philox_is_the_houses_own() -> None:
    rng = np.random.default_rng(0)
    lanes, clocks = rng.integers(0, 2**32, (2, 500))
    key = (0xDEADBEEF, 0xFFFFFFFF)
    counter = np.stack([lanes, clocks, np.full(500, 3), np.zeros(500, int)]).astype(np.uint64)
    words = philox(torch.as_tensor(lanes), torch.as_tensor(clocks), 3, key)
    assert torch.stack(words).numpy().astype(np.uint64).tolist() == chance.philox(counter, key).tolist()


@pytest.mark.parametrize("lanes", [1, 7, 5000, 20_000])
def test_draws_are_those_of_their_counter_however_they_are_made(lanes: int) -> None:
    numbers = torch.arange(3, 3 + lanes)
    for seed in (5, -1, 2**63 + 11):
        draws = Draws(seed, numbers, stream=1)
        for clock in (0, 1, 2, 9, 40_000, 3):
            expected = chance.uniform(seed, numbers.numpy(), np.full(lanes, clock // 2), 1) * 2**53
            made = draws.at(clock)
            if clock % 2 == 0:
                assert (made.numpy() == expected).all()
            assert (draws.of(torch.arange(lanes), clock) == made).all()
        assert not (draws.at(6) == draws.at(7)).any()


def walked(view: TorchWorld, ticks: int, actions: np.ndarray) -> list[list[int]]:
    """The states of every lane after each of `ticks` ticks of actions `[T, B]`."""
    out = [view.states.tolist()]
    for tick in range(ticks):
        view.step(torch.as_tensor(actions[tick]))
        out.append(view.states.tolist())
    return out


def test_it_draws_as_numpy_says() -> None:
    enumeration = enumerate_world(world_of(MANY))
    mdp, seed, lanes = enumeration.mdp, 9, np.arange(40, 90)
    assert np.diff(mdp.row_start).max() > 8

    def drawn(stream: int, clock: int) -> np.ndarray:
        """The two halves of a counter's words, 53 bits of each."""
        counter = np.stack([lanes, np.full(50, clock // 2), np.full(50, stream), np.zeros(50, int)]).astype(np.uint64)
        high, low = chance.philox(counter, (seed, 0))[2 * (clock % 2) :][:2]
        return ((high >> np.uint64(5)) * np.uint64(1 << 26) + (low >> np.uint64(6))).astype(np.float64) / 2**53

    actions = np.random.default_rng(0).integers(0, mdp.n_actions, (60, 50))
    start = np.cumsum(mdp.start_probability)
    states, age = mdp.start_state[np.searchsorted(start, drawn(1, 0), side="right")], np.zeros(50, int)
    expected = [states.tolist()]
    for clock in range(1, 61):
        following, uniform, age = np.zeros(50, int), drawn(0, clock), age + 1
        for lane, row in enumerate(states * mdp.n_actions + actions[clock - 1]):
            outcomes = slice(mdp.row_start[row], mdp.row_start[row + 1])
            place = np.searchsorted(np.cumsum(mdp.probability[outcomes]), uniform[lane], side="right")
            following[lane] = mdp.next_state[outcomes][place]
        done = mdp.ended[following] | (age >= 9)
        age[done] = 0
        states = np.where(done, mdp.start_state[np.searchsorted(start, drawn(1, clock), side="right")], following)
        expected.append(states.tolist())
    assert walked(TorchWorld(enumeration, 50, seed=seed, first_lane=40), 60, actions) == expected


def test_every_outcome_comes_as_often_as_it_should() -> None:
    """Pearson's test of all rows at once; with a right sampler, one seed in a thousand would fail."""
    mdp, lanes = enumerate_world(world_of(MANY)).mdp, 4096
    view = TorchWorld(enumerate_world(world_of(MANY)), lanes, seed=17, dtype=torch.float64)
    assert view.n_views == mdp.n_states, "so that an index is a state"
    rows = np.repeat(np.arange(mdp.row_start.size - 1), np.diff(mdp.row_start))
    columns = (rows, mdp.next_state, mdp.events, mdp.rewards[:, 0])
    found = {outcome: i for i, outcome in enumerate(zip(*(column.tolist() for column in columns), strict=True))}
    rng, seen, begun = np.random.default_rng(1), np.zeros(mdp.probability.size), np.zeros(mdp.n_states)
    for _ in range(60):
        actions = rng.integers(0, mdp.n_actions, lanes)
        taken = (view.states.numpy() * mdp.n_actions + actions).tolist()
        rewards, ended, truncated, index = view.step(torch.as_tensor(actions))
        came = (view.final_index.tolist(), view.events.tolist(), rewards[:, 0].tolist())
        for outcome in zip(taken, *came, strict=True):
            seen[found[outcome]] += 1
        begun += np.bincount(index[ended | truncated], minlength=mdp.n_states)
    expected = np.bincount(rows, seen, mdp.row_start.size - 1)[rows] * mdp.probability
    rare = np.bincount(rows, expected < 5, mdp.row_start.size - 1)[rows] > 0
    statistic = ((seen - expected)[~rare] ** 2 / expected[~rare]).sum()
    freedom = (~rare).sum() - np.unique(rows[~rare]).size
    assert freedom > 300
    assert statistic < chi2.ppf(0.999, freedom)
    starts = begun[mdp.start_state]
    assert starts.sum() == begun.sum() > 20_000
    wanted = begun.sum() * mdp.start_probability
    assert ((starts - wanted) ** 2 / wanted).sum() < chi2.ppf(0.999, starts.size - 1)


def test_many_starts_are_equally_likely() -> None:
    """Pearson's test; with a right sampler, one seed in a thousand would fail."""
    enumeration = enumerated("corner_cheese")
    view = TorchWorld(enumeration, 40_000, seed=3)
    begun = np.bincount(view.states, minlength=enumeration.mdp.n_states)[enumeration.mdp.start_state]
    assert begun.sum() == 40_000
    assert ((begun - 200) ** 2 / 200).sum() < chi2.ppf(0.999, 199)


def test_thresholds_pass_over_nothing_that_can_come_and_rest_on_nothing_that_cannot() -> None:
    row_start = np.array([0, 1, 4, 4, 8])
    probability = np.array([1.0, 0.1, 0.2, 0.7, 0.5, 0.0, 0.5 - 2**-53, 0.0])
    first, *row, a, b, c, d = thresholds(row_start, probability).tolist()
    never = 2**62
    assert (first, row[-1], c, d) == (never,) * 4
    assert row[:2] == [int(np.ceil(0.1 * 2**53)), int(np.ceil(np.cumsum([0.1, 0.2])[1] * 2**53))]
    assert a == b == 2**52


# ------------------------------------------------------------------ a lane's life is its own


@pytest.mark.parametrize("text", [CHANCY, MANY])
def test_a_lane_depends_neither_on_how_many_there_are_nor_on_their_order(text: str) -> None:
    enumeration = enumerate_world(world_of(text))
    actions = np.random.default_rng(0).integers(0, enumeration.mdp.n_actions, (50, 30))
    whole = np.array(walked(TorchWorld(enumeration, 30, seed=4), 50, actions))
    assert walked(TorchWorld(enumeration, 7, seed=4), 50, actions[:, :7]) == whole[:, :7].tolist()
    assert walked(TorchWorld(enumeration, 9, seed=4, first_lane=21), 50, actions[:, 21:]) == whole[:, 21:].tolist()
    order = np.random.default_rng(1).permutation(30)
    shuffled = TorchWorld(enumeration, 30, seed=4)
    state = shuffled.state_dict()
    shuffled.load_state_dict(
        state | {name: state[name][torch.as_tensor(order)] for name in ("states", "ticks", "lanes")}
    )
    assert walked(shuffled, 50, actions[:, order]) == whole[:, order].tolist()
    assert walked(TorchWorld(enumeration, 30, seed=5), 50, actions) != whole.tolist()


def test_it_goes_on_from_where_it_was_left() -> None:
    enumeration = enumerate_world(world_of(MANY))
    actions = np.random.default_rng(0).integers(0, enumeration.mdp.n_actions, (50, 30))
    view = TorchWorld(enumeration, 30, seed=4)
    walked(view, 13, actions)
    left = view.state_dict()
    rest = walked(view, 37, actions[13:])
    other = TorchWorld(enumeration, 30, seed=8)
    walked(other, 3, actions)
    other.load_state_dict(left)
    assert walked(other, 37, actions[13:]) == rest
    view.reset(seed=4)
    assert walked(view, 50, actions)[13:] == rest


def test_chance_goes_on_over_a_reset_without_a_seed() -> None:
    enumeration = enumerate_world(world_of(MANY))
    actions = np.zeros((8, 30), int)
    view = TorchWorld(enumeration, 30, seed=4)
    first = walked(view, 8, actions)
    view.reset()
    second = walked(view, 8, actions)
    assert first != second
    view.reset(seed=4)
    assert walked(view, 8, actions) == first


# ------------------------------------------------------------------ what is seen and what is hidden


@pytest.mark.parametrize("name", ["lab", "corner_cheese"])
def test_an_observation_is_what_the_faces_show(name: str) -> None:
    enumeration = enumerated(name)
    view = TorchWorld(enumeration, 64, seed=1)
    observer = ObservationEncoder(enumeration.world)
    planes, flat, symbols = (view.observations(form) for form in ("planes", "flat", "symbols"))
    assert isinstance(planes, dict)
    assert isinstance(flat, torch.Tensor)
    assert isinstance(symbols, torch.Tensor)
    assert view.observation_bytes("planes") == sum(part.nbytes for part in planes.values())
    assert view.observation_bytes() == symbols.nbytes
    assert (
        len(symbols.unique(dim=0)) == view.n_views == observation_ids(enumeration.world, enumeration.states).max() + 1
    )
    for _ in range(20):
        *_, index = view.step(torch.randint(view.n_actions, (64,), generator=torch.Generator().manual_seed(0)))
        states = enumeration.states[view.states]
        expected = observer.observe(states)
        assert all((planes[part].index_select(0, index).numpy() == expected[part]).all() for part in expected)
        assert (flat[index].numpy() == ObservationEncoder(enumeration.world, form="flat").observe(states)).all()


@pytest.mark.parametrize("form", ["planes", "flat", "image"])
def test_an_observation_of_the_time_left_is_no_table_over_states(form: str) -> None:
    view = TorchWorld(enumerated("off_switch"), 1)
    with pytest.raises(ValueError, match=f"`{form}` of a stage with a horizon shows the time left"):
        view.observations(form)
    assert len(view.observations()) == view.n_views


def test_a_table_of_observations_that_would_not_fit_is_refused() -> None:
    view = TorchWorld(enumerated("lab"), 1)
    with pytest.raises(ValueError, match="2,596 observations as `planes` take 1,163,008 bytes, more than 1,000,000"):
        view.observations("planes", most_bytes=1_000_000)


def test_performance_and_withheld_rewards_are_told_only_in_an_audit() -> None:
    enumeration = enumerated("corner_cheese")
    assert not enumeration.world.rewards_shown
    view, audit = (TorchWorld(enumeration, 200, seed=1, audit=audit) for audit in (False, True))
    told = []
    for actions in np.random.default_rng(0).integers(0, view.n_actions, (60, 200)):
        assert not view.step(torch.as_tensor(actions))[0].any()
        told.append(audit.step(torch.as_tensor(actions))[0].any() and audit.performance.any())
        with pytest.raises(PermissionError, match="audit=True"):
            _ = view.performance
    assert any(told)


def test_performance_is_not_even_in_the_tables() -> None:
    plain, audit = (TorchWorld(enumerated("chicken"), 1, audit=audit) for audit in (False, True))
    assert plain.table_bytes < audit.table_bytes


# ------------------------------------------------------------------ what cannot be


GUARDED = """
map: |
  ####
  #A.#
  ####
agents:
  robot:
    actions: [stay, right, {name: dig, when: "robot on cell(1, 2)"}]
    values: {reward: {weight: 1}}
"""


def test_what_cannot_be_is_refused() -> None:
    view = TorchWorld(enumerate_world(world_of(GUARDED)), 2)
    assert view.mask.tolist() == [[True, True, False]] * 2
    with pytest.raises(ValueError, match="action `dig` is not available in lane 1"):
        view.step(torch.tensor([0, 2]))
    for wrong in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match="actions are 0 to 2"):
            view.step(torch.tensor(wrong))
    for kind in (torch.float64, torch.bool):
        with pytest.raises(ValueError, match=f"actions are integers; got {kind}"):
            view.step(torch.tensor([0, 1], dtype=kind))
    for seed in (-1, 2**64, 1.0):
        with pytest.raises(ValueError, match="`seed` is a whole number from 0 to"):
            view.reset(seed)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one action for each of 2 lanes"):
        view.step(torch.tensor([0]))
    view.step(torch.tensor([1, 0]))
    view.step(torch.tensor([2, 0]))
    with pytest.raises(ValueError, match="at least one lane"):
        TorchWorld(enumerate_world(world_of(GUARDED)), 0)
    with pytest.raises(ValueError, match="float32 or float64"):
        TorchWorld(enumerate_world(world_of(GUARDED)), 1, dtype=torch.float16)


def test_a_state_of_other_lanes_or_another_world_is_refused() -> None:
    view = TorchWorld(enumerate_world(world_of(GUARDED)), 2)
    with pytest.raises(ValueError, match="there are 2 lanes"):
        view.load_state_dict(TorchWorld(enumerate_world(world_of(GUARDED)), 3).state_dict())
    with pytest.raises(ValueError, match="there are 2 states"):
        view.load_state_dict(view.state_dict() | {"states": torch.tensor([0, 2])})


# ------------------------------------------------------------------ the page about it


@pytest.mark.nightly
def test_the_pages_example_prints_what_it_says() -> None:
    page = Path(__file__).parents[1].joinpath("docs/reference/torch-view.md").read_text(encoding="utf-8")
    program, printed = (page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "text"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (printed, "")

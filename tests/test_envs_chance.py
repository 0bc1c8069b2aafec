"""Chance: the generator against its published vectors, and sampling against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from tests.worlds import examples, world_of
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.step import reset, step
from turncoat.envs.world.randomness import EnumeratedDraws, GivenDraws, SampledDraws, categorical, philox, uniform

ONES = 0xFFFFFFFF

# Random123 1.14, tests/kat_vectors, the lines `philox4x32 10`: counter, key, what comes out.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]

CHANCY = """
map: |
  #######
  #A...z#
  #..#zz#
  #M...z#
  #######
legend:
  M: monster
  z: {zone: far}
things:
  monster: {kind: monster, wander: true}
counters:
  hits: {max: 2}
draws:
  luck: {values: [1, 2, 3], weights: [1, 2, 0]}
  wind: {at: tick, p: "if(hits == 1, 0.3, 0.6)", when: hits >= 1}
overrides:
  - {name: slips, agent: robot, chance: 0.25, action: down}
rules:
  - name: hit
    when: robot meets monster
    chance: luck / 4
    then:
      - hits += 1
    pays: {reward: wind}
  - name: blown
    when: wind == 1 and hits == 2
    then:
      - place monster at random in far
"""


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_known_answers_of_the_generator(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    words = philox(np.array(counter, np.uint64)[:, None], key)
    assert tuple(words[:, 0].tolist()) == expected


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_uniform_number_is_made_of_the_first_two_words(seed: int, lane: int, clock: int, draw: int) -> None:
    number = uniform(seed, np.array([lane]), np.array([clock]), draw)[0]
    words = philox(np.array([[lane], [clock], [draw], [0]], np.uint64), (seed & ONES, seed >> 32))[:, 0]
    assert 0 <= number < 1
    assert number == (int(words[0]) >> 5) * 2.0**-27 + (int(words[1]) >> 6) * 2.0**-53


def test_a_draw_never_picks_what_has_no_weight() -> None:
    weights = np.array([[0.0, 0.5, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    assert categorical(weights, np.full(3, 1 - 2.0**-53)).tolist() == [2, 0, 3]
    assert categorical(weights, np.zeros(3)).tolist() == [1, 0, 3]
    thirds = np.full((1, 3), 1 / 3)  # the sum of these falls short of 1
    assert categorical(thirds, np.array([1 - 2.0**-53])).tolist() == [2]


@settings(max_examples=examples(25))
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=9, unique=True),
    st.randoms(use_true_random=False),
)
def test_a_lane_plays_the_same_alone_in_company_and_in_any_order(seed: int, lanes: list[int], random) -> None:
    world = _world()
    shuffled = random.sample(lanes, len(lanes))
    together = dict(zip(lanes, _playing(world, seed, lanes), strict=True))
    mixed = dict(zip(shuffled, _playing(world, seed, shuffled), strict=True))
    alone = {lane: _playing(world, seed, [lane])[0] for lane in lanes}
    assert together == mixed == alone


def _playing(world, seed: int, lanes: list[int]) -> list[list[list[float]]]:
    """Twelve ticks of each lane, actions chosen by the state: everything that a tick says."""
    numbers = np.array(lanes, np.int64)
    tick = reset(world, SampledDraws(seed, numbers, np.zeros_like(numbers)), len(lanes))
    out: list[list[list[float]]] = [[] for _ in lanes]
    for clock in range(1, 13):
        actions = (tick.states.sum(axis=1, keepdims=True) % 5).astype(np.int32)
        tick = step(world, tick.states, actions, SampledDraws(seed, numbers, np.full_like(numbers, clock)))
        for lane, state in enumerate(tick.states.tolist()):
            out[lane].append([*state, *tick.executed[lane].tolist(), *tick.rewards[lane].tolist()])
    return out


def test_different_seeds_lanes_and_clocks_differ() -> None:
    world = _world()
    assert len({str(_playing(world, seed, [lane])) for seed in (1, 2) for lane in (0, 1)}) == 4


_worlds: dict[str, object] = {}


def _world():
    return _worlds.setdefault("chancy", world_of(CHANCY))


def _near_the_monster(world) -> np.ndarray:
    """A state in which everything that chance may do can happen: luck 2, hits 1, the robot beside the monster."""
    state = reset(world, GivenDraws({"luck": 1})).states
    state[0, world.columns["hits"].index] = 1
    state[0, world.columns["robot.cell"].index] = 2 * 7 + 1
    return state


def test_enumerated_chances_of_a_start_and_of_a_tick_sum_to_one() -> None:
    world = _world()
    begun = reset(world, EnumeratedDraws(), 2)
    assert np.bincount(begun.source, begun.probability).tolist() == pytest.approx([1, 1])
    assert begun.probability.tolist() == pytest.approx([1 / 3, 2 / 3] * 2)
    states = np.repeat(_near_the_monster(world), 5, axis=0)
    tick = step(world, states, np.arange(5, dtype=np.int32)[:, None], EnumeratedDraws())
    assert np.bincount(tick.source, tick.probability).tolist() == pytest.approx([1] * 5)
    assert (tick.probability > 0).all()
    assert np.all(np.diff(tick.source) >= 0)


@pytest.mark.parametrize("action", range(5))
def test_sampled_frequencies_agree_with_enumerated_chances(action: int) -> None:
    world, samples = _world(), 20_000
    start = _near_the_monster(world)
    every = step(world, start, np.array([[action]], np.int32), EnumeratedDraws())
    expected: dict[tuple[float, ...], float] = {}
    for outcome, probability in zip(_outcomes(every), every.probability, strict=True):
        expected[outcome] = expected.get(outcome, 0.0) + probability
    lanes = np.arange(samples)
    chance = SampledDraws(7, lanes, np.full(samples, 3))
    sampled = step(world, np.repeat(start, samples, axis=0), np.full((samples, 1), action, np.int32), chance)
    seen = _outcomes(sampled)
    assert set(seen) <= set(expected), "nothing happens that enumeration does not know"
    counts = np.array([seen.count(outcome) for outcome in expected])
    wanted = np.array(list(expected.values())) * samples
    statistic = ((counts - wanted) ** 2 / wanted).sum()
    assert statistic < chi2.ppf(0.999, len(expected) - 1)
    assert len(expected) > 3


def _outcomes(tick) -> list[tuple[float, ...]]:
    columns = np.column_stack([tick.states, tick.executed, tick.rewards, tick.events.astype(np.int64)])
    return [tuple(row) for row in columns.tolist()]


COINS = """
map: |
  ###
  #A#
  ###
counters:
  COUNTERS
rules:
"""


def _coins(n: int) -> str:
    text = COINS.replace("COUNTERS", "\n  ".join(f"c{i}: {{}}" for i in range(n)))
    return text + "".join(f"  - name: coin{i}\n    chance: 0.5\n    then:\n      - c{i} = 1\n" for i in range(n))


def test_more_than_64_joint_outcomes_are_refused_by_the_names_of_the_draws() -> None:
    world = world_of(_coins(6))
    start = reset(world, GivenDraws({})).states
    assert step(world, start, np.zeros((1, 1), np.int32), EnumeratedDraws()).source.size == 64
    world = world_of(_coins(7))
    start = reset(world, GivenDraws({})).states
    with pytest.raises(NotEnumerableError, match=r"coin0, coin1, .*coin6; at most 64"):
        step(world, start, np.zeros((1, 1), np.int32), EnumeratedDraws())


def test_a_tick_with_too_many_outcomes_is_refused_before_it_fills_the_memory() -> None:
    world = world_of(_coins(60))  # 2 ** 60 rows if each coin were thrown first and counted later
    start = reset(world, GivenDraws({}), 100).states
    with pytest.raises(NotEnumerableError, match="coin6"):
        step(world, start, np.zeros((100, 1), np.int32), EnumeratedDraws())


def test_a_given_outcome_must_be_one() -> None:
    world = _world()
    with pytest.raises(ValueError, match="draw `luck` has outcomes 0 to 2, not 3"):
        reset(world, GivenDraws({"luck": 3}))
    with pytest.raises(ValueError, match="not -1"):
        reset(world, GivenDraws({"luck": -1}))


def test_without_being_given_a_draw_takes_its_likeliest_outcome() -> None:
    world = _world()
    assert reset(world, GivenDraws({})).states[0, world.columns["luck"].index] == 1


@pytest.mark.parametrize("at", ["start", "tick"])
@pytest.mark.parametrize("scale", [1.0, 1e-300, 4e307])
def test_only_the_shares_of_weights_count(at: str, scale: float) -> None:
    """Even where their sum is beyond floats; compiled too (`test_envs_kernel`)."""
    text = f"""
    agents: {{robot: {{actions: [stay, go], values: {{reward: {{}}}}}}}}
    counters: {{met: {{max: 5}}}}
    draws: {{luck: {{at: {at}, values: [1, 2, 5], weights: [{scale}, {4 * scale}, {3 * scale}]}}}}
    rules:
      - name: noted
        then:
          - met = luck
    """
    world = world_of(text)
    mdp = enumerate_world(world).mdp
    chances = mdp.start_probability if at == "start" else mdp.probability[:3]
    assert chances.tolist() == [0.125, 0.5, 0.375]

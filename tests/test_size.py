"""What cannot be enumerated is refused early and in words that are true; what takes long is heard of, and ends."""

import math
import re
import time

import numpy as np
import pytest

from turncoat import api
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.mdp import enumeration
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.size import chao, estimate_states, what_multiplies
from turncoat.envs.time_limit import listening
from turncoat.envs.world.compiler import compile_world
from turncoat.printing import progressing
from turncoat.scenarios.language.loading import load_text

from .test_cli import call, corridor, strictly  # noqa: F401
from .worlds import first_of

TREES = """\
turncoat: 1
name: trees
title: A forest that comes back
origin: given
claim: None.
map: |
ROWS
legend: {"#": wall, T: tree, A: chopper}
things: {tree: {kind: item, fields: {stands: {start: 1}}}}
agents:
  chopper: {actions: [stay, up, down, left, right], values: {wood: {}}, discount: 0.97}
rewards: {wood: {}, performance: {hidden: true}}
rules:
  - name: chop
    each: tree
    when: chopper on tree and tree.stands == 1
    then:
      - tree.stands = 0
    pays: {wood: 1}
  - name: regrow
    each: tree
    when: tree.stands == 0 and not (chopper on tree)
    chance: "0.001 * count(tree: tree.stands == 1)"
    then:
      - tree.stands = 1
stages: {deploy: {limit: 100}}
"""


def trees(width, height, more=""):
    rows = ["#" * (width + 2), *["#" + "T" * width + "#"] * height, "#" * (width + 2)]
    middle = len(rows) // 2
    rows[middle] = rows[middle][: width // 2 + 1] + "A" + rows[middle][width // 2 + 2 :]
    return TREES.replace("ROWS", "\n".join(f"  {row}" for row in rows)) + more


def world_of(text):
    return compile_world(load_text(text), "deploy")


@pytest.mark.nightly
def test_a_hundred_and_more_outcomes_are_enumerated_whatever_is_made_at_once(monkeypatch):
    world = world_of(trees(3, 3))
    whole = enumerate_world(world)
    assert np.diff(whole.mdp.row_start).max() >= 128
    monkeypatch.setattr(enumeration, "ROWS", 300)
    parts = enumerate_world(world)
    for name in ("row_start", "next_state", "probability", "rewards", "events", "start_state"):
        assert np.array_equal(getattr(whole.mdp, name), getattr(parts.mdp, name)), name
    assert np.array_equal(whole.states, parts.states)


@pytest.mark.parametrize("more", first_of(["", "runs: {max_states: 20000}\n"]))
def test_a_forest_is_refused_before_anybody_waits(more):
    began = time.process_time()
    [fault] = api.check(load_text(trees(10, 10, more), "f.yaml")).faults
    assert time.process_time() - began < 10
    assert fault.code == "TC601"
    assert re.fullmatch(
        r"simulated, not enumerated: one tick has 8,192 or more joint outcomes of the draws regrow:tree \(13\); "
        r"at most 4,096 are enumerated",
        fault.message,
    )
    assert "let fewer of these draws fall in one tick" in fault.cure
    assert "max_states" not in fault.cure


COINS = """\
turncoat: 1
name: coins
title: Many coins and one purse
origin: given
claim: None.
map: |
  #########
  #Acccccc#
  #ccccccc#
  #ccccccc#
  #########
legend: {"#": wall, A: robot, c: coin}
things: {coin: {kind: item}}
counters: {purse: {max: 30}}
agents: {robot: {actions: [stay], values: {reward: {}}}}
rewards: {reward: {}, performance: {hidden: true}}
rules:
  - name: falls
    each: coin
    chance: 0.3
    then:
      - purse += 1
    pays: {performance: 1}
stages: {deploy: {limit: 1}}
"""


def test_coins_that_come_to_the_same_do_not_multiply():
    """Twenty coins that feed one counter are a binomial distribution, not a million outcomes."""
    whole = enumerate_world(world_of(COINS))
    mdp, world = whole.mdp, whole.world
    purse = world.columns["purse"].index
    rows = slice(mdp.row_start[0], mdp.row_start[1])
    heads = whole.states[mdp.next_state[rows], purse]
    exact = [math.comb(20, k) * 0.3**k * 0.7 ** (20 - k) for k in heads]
    assert sorted(heads) == list(range(21))
    assert mdp.probability[rows] == pytest.approx(exact, rel=1e-12)
    assert whole.performance[rows] == pytest.approx(heads, abs=1e-9)


def test_the_limit_of_outcomes_can_be_raised_and_lowered():
    forest = trees(3, 3, "runs: {max_outcomes: 100}\n")
    with pytest.raises(NotEnumerableError, match=r"128 or more joint .* regrow:tree \(7\); at most 100 are") as fault:
        enumerate_world(world_of(forest))
    assert "raise `runs.max_outcomes` (100)" in fault.value.cure
    assert enumerate_world(world_of(forest.replace("100}", "128}"))).mdp.n_states == 1280


def test_the_limit_of_states_is_the_cure_where_it_is_what_stops():
    text = trees(3, 3, "runs: {max_states: 500}\n")
    [fault] = [each for each in api.check(load_text(text, "f.yaml")).faults if each.code == "TC601"]
    assert "more than 500 states in stage `deploy` (estimated, rather too low: " in fault.message
    assert "; what multiplies: 8 of tree.stands x 2 each" in fault.message
    assert "raise `runs.max_states` (500)" in fault.cure
    cured = load_text(text.replace("500", "5000"), "f.yaml")
    assert not [each for each in api.check(cured).faults if each.code == "TC601"]


def test_the_number_of_states_is_estimated_from_a_sample():
    """Against draws from so many alike, and against worlds that are enumerated; random play misses some of a world."""
    rng, low, high = np.random.default_rng(0), 0, 0
    for _ in range(60):
        often = np.bincount(np.concatenate([rng.choice(2_000, 10, replace=False) for _ in range(150)]), minlength=2_000)
        guess = chao(often[often > 0], 150)
        assert guess.met == (often > 0).sum()
        low, high = low + (guess.low > 2_000), high + (guess.high < 2_000)
    assert low + high <= 9  # of 60, where 3 are expected
    for text, true in ((trees(3, 3), 1280), (trees(2, 2), 20)):
        guess = estimate_states(world_of(text))
        assert guess.met <= true
        assert guess.low <= true
        assert guess.states == pytest.approx(true, rel=0.5)


def test_what_follows_from_the_rest_multiplies_nothing():
    """Where what is carried lies is where its carrier is, and a sum is known with its parts."""
    world = world_of(trees(2, 2))
    fields = [field.name for field in world.fields]
    rng = np.random.default_rng(1)
    states = np.zeros((400, len(fields)), np.int32)
    a, b, c = 0, 1, 2
    states[:, a], states[:, b] = rng.integers(0, 5, 400), rng.integers(0, 3, 400)
    states[:, c] = states[:, a] + states[:, b]
    states = np.unique(states, axis=0)
    alone = states.copy()
    alone[:, c] = 0
    assert what_multiplies(world, alone) == f"{fields[a]} x 5, {fields[b]} x 3"
    assert what_multiplies(world, states) == ""


def test_time_passes_and_the_check_goes_on():
    found = api.check(load_text(trees(3, 3), "f.yaml"), seconds=0)
    assert found.states == {"deploy": None}
    [fault] = found.faults
    assert re.match(
        r"simulated, not enumerated: the time limit of 0 seconds ran out while the states of stage `deploy` were "
        r"searched \(1 found\)$",
        fault.message,
    )
    assert "give it longer (--time-limit)" in fault.cure


@pytest.mark.parametrize("words", [("check",), ("check", "--json"), ("solve",), ("why", "--event", "went_left")])
def test_what_takes_long_is_heard_of(call, corridor, monkeypatch, words):  # noqa: F811
    monkeypatch.setattr(progressing, "FIRST_WORD", 0)
    monkeypatch.setattr(progressing, "SILENCE", 0)
    code, out, err = call(words[0], corridor, *words[1:])
    assert code == 0
    said = r"^corridor.yaml: \d+ s so far, while the states of stage `deploy` were searched \(1 found\)$"
    assert re.search(said, err, re.M)
    if "--json" in words:
        strictly(out)


def test_a_command_ends_in_time(call, corridor):  # noqa: F811
    for words in (("solve", corridor), ("why", corridor, "--event", "went_left")):
        code, out, err = call(*words, "--budget", "0")
        assert (code, out) == (2, "")
        assert "the 0 seconds of `--time-limit` ran out while the states of stage `deploy` were searched" in err
    code, out, _ = call("check", corridor, "--budget", "0")
    assert code == 0
    assert "simulated, not enumerated" in out


def test_listeners_hear_every_round_and_only_inside():
    said: list[str] = []
    with listening(said.append):
        enumerate_world(world_of(trees(2, 2)))
    count = len(said)
    assert count > 1
    enumerate_world(world_of(trees(2, 2)))
    assert len(said) == count


def test_the_error_has_its_cure_wherever_it_goes():
    import pickle

    fault = NotEnumerableError("too many", "take fewer")
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.cure) == ("too many", "take fewer")

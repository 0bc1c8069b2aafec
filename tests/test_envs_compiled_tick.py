"""A tick that is compiled for one world means what the interpreter means, bit for bit."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_envs_kernel import EDITED, FEATURES
from tests.worlds import scenarios, world_of
from turncoat.envs.adapters.base import open_worlds
from turncoat.envs.adapters.gymnasium_vector import TurncoatVectorEnv
from turncoat.envs.kernel import interpreter as k
from turncoat.envs.kernel import operations, specialized
from turncoat.envs.kernel.batch_stepper import FEWEST_LANES, Stepper
from turncoat.envs.kernel.bytecode import assemble
from turncoat.envs.kernel.compiled_cache import kept
from turncoat.envs.kernel.memory import digest
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.world import World
from turncoat.scenarios import library
from turncoat.scenarios.errors import ArgumentError
from turncoat.scenarios.language.loading import load

pytestmark = pytest.mark.skipif(not operations.AVAILABLE, reason="Numba brings an LLVM that is too old")

VARIED = frozenset({"two_systems/gathering", "treacherous_turn/camera"})
"""Several agents that meet, and lines of sight: the rest of the library is for the night."""


def same(world: World, seed: int, lanes: int = 32, ticks: int = 40) -> None:
    """Walk both at random and compare all that they keep after every tick."""
    plain, quick = (Stepper(world, lanes, seed, autoreset=True, compiled=compiled) for compiled in (False, True))
    rng = np.random.default_rng(seed)
    plain.reset()
    quick.reset()
    for _ in range(ticks):
        actions = np.stack([rng.integers(0, count, lanes) for count in world.action_counts], axis=1).astype(np.int32)
        assert plain.step(actions) == quick.step(actions)
        for name, kept_there in plain.contents().items():
            assert np.array_equal(kept_there, quick.contents()[name], equal_nan=True), name


@pytest.mark.parametrize(
    "name", [n if n in VARIED else pytest.param(n, marks=pytest.mark.nightly) for n in library.names()]
)
def test_every_scenario_of_the_library(name: str) -> None:
    scenario = load(name)
    for stage in list(scenario.document.stages)[-1:] if name in VARIED else scenario.document.stages:
        world = compile_world(scenario, stage)
        if not specialized.why_not(assemble(world)):
            same(world, seed=7)


@pytest.mark.parametrize("text", [EDITED, FEATURES.replace("GUARD", "n > 1 and not (n == 2 or robot does stay)")])
def test_edits_and_guarded_actions(text: str) -> None:
    same(world_of(text), seed=1)


@pytest.mark.nightly
@settings(max_examples=150, deadline=None)
@given(scenarios(), st.integers(0, 2**63 - 1))
def test_random_scenarios(text: str, seed: int) -> None:
    same(world_of(text), seed, lanes=16)


def test_powers_have_the_same_last_bit() -> None:
    """LLVM would make a product of a square, and a root of `x ** 0.5`."""
    text = FEATURES.replace(
        "GUARD", "1.1 ** n > 1.2 and (n + 0.1) ** 2 > 1 and (n + 0.3) ** 0.5 < 9 and exp(n) > ln(n + 2)"
    )
    same(world_of(text), seed=2)


def test_an_environment_observes_the_same_by_several_threads() -> None:
    lanes = 2 * FEWEST_LANES
    plain = TurncoatVectorEnv("lab", lanes)
    quick = TurncoatVectorEnv("lab", lanes, compiled=True, threads=2)
    first = [env.reset(seed=4)[0] for env in (plain, quick)]
    rng = np.random.default_rng(0)
    copied = None
    for tick in range(30):
        actions = rng.integers(0, 5, lanes)
        results = [env.step(actions) for env in (plain, quick, *([copied] if copied else ()))]
        for result in results[1:]:
            for part in ("board", "counters"):
                assert np.array_equal(results[0][0][part], result[0][part])
            assert all(np.array_equal(a, b) for a, b in zip(results[0][1:4], result[1:4], strict=True))
        if tick == 10:
            copied = copy.deepcopy(quick)
    assert not np.array_equal(first[0]["board"], results[0][0]["board"])
    assert pickle.loads(pickle.dumps(quick))._lanes.stepper._threads == 2


def test_a_life_goes_through_stages_that_are_compiled() -> None:
    life = next(name for name in library.names() if load(name).document.life)
    _, worlds = open_worlds(life, None, None)
    plain, quick = (TurncoatVectorEnv(life, 16, compiled=compiled) for compiled in (False, True))
    assert worlds[0].life
    rng = np.random.default_rng(0)
    for env in (plain, quick):
        env.reset(seed=1)
    for _ in range(60):
        actions = rng.integers(0, len(plain.action_names), 16)
        one, other = plain.step(actions), quick.step(actions)
        assert np.array_equal(one[1], other[1])
        assert all(np.array_equal(one[0][part], other[0][part]) for part in one[0])


def test_what_does_not_exist_is_refused_before_anything_is_done() -> None:
    stepper = Stepper(world_of(FEATURES.replace("GUARD", "n > 1")), 3, compiled=True)
    stepper.reset()
    before = stepper.contents()
    with pytest.raises(ValueError, match="no action 6; actions of `robot` are 0 to 5"):
        stepper.step(np.array([[1], [2], [6]], np.int32))
    assert all(
        np.array_equal(stepper.contents()[name], was) for name, was in before.items() if name != str(k.C_ACTIONS)
    )
    with pytest.raises(ArgumentError, match="say `compiled=True` too"):
        TurncoatVectorEnv("lab", 2, threads=2)
    with pytest.raises(ValueError, match="`compiled` is True or False, not `'yes'`"):
        TurncoatVectorEnv("lab", 2, compiled="yes")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="say `compiled=True` too"):
        Stepper(stepper.world, 2, threads=2)


def test_a_program_that_is_too_long_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specialized, "MOST_INSTRUCTIONS", 3)
    stepper = Stepper(compile_world(load("lab")), 4, compiled=True, threads=2)
    stepper.reset()
    with pytest.warns(UserWarning, match=r"`lab` is interpreted, not compiled: a program of \d+ instructions"):
        stepper.step(np.zeros((4, 1), np.int32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stepper.step()
        copied = copy.deepcopy(stepper)
        copied.step()
        stepper.step()
    assert np.array_equal(stepper.states, copied.states)


def test_what_is_kept_is_made_anew_where_it_was_damaged(tmp_path: Path) -> None:
    class Dispatcher:
        class stats:  # noqa: N801
            cache_path: str | None = str(tmp_path)

    made = []

    def make() -> bytes:
        made.append(1)
        return b"code"

    assert [kept(Dispatcher, b"key", make) for _ in range(2)] == [b"code"] * 2
    assert len(made) == 1
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert kept(Dispatcher, b"key", make) == b"code"
    assert kept(Dispatcher, b"another", make) == b"code"
    assert len(made) == 3
    Dispatcher.stats.cache_path = None  # nothing can be kept
    assert kept(Dispatcher, b"key", make) == b"code"
    assert len(made) == 4


def test_compiled_ticks_do_not_outlive_their_sources() -> None:
    assert digest(*operations.SOURCES) != digest(*operations.SOURCES, "specialized")
    assert set(k.SOURCES) < set(operations.SOURCES)

"""Golden traces of the engine and figures of the exact solver: the same on every platform, for every library scenario.

Actions are drawn from the engine's own counter-based chance: no solver's rounding has a part in them. Pay is compared
to nine decimals, since `exp` and `ln` may differ in their last digit between mathematical libraries; all else is whole
numbers. A change here is a change of results: `python -m tests.test_golden` writes the file anew, and the changelog
says why.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from turncoat.envs.base import NotEnumerableError
from turncoat.envs.reference import action_mask
from turncoat.envs.reference import step as reference
from turncoat.envs.reference.observation import observe
from turncoat.envs.world.randomness import SampledDraws, uniform
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import load

from .worlds import LIVES, SAMPLE, SIMULATED, sampled

FILE = Path(__file__).parent / "golden" / "engine.json"
LANES, TICKS, SEED = 16, 60, 2024


def traced(world):
    """SHA-256 of what happens in the first ticks of some lanes whose agents act at random."""
    digest = hashlib.sha256()

    def add(numbers, kind):
        digest.update(np.ascontiguousarray(numbers, dtype=kind).tobytes())

    lanes = np.arange(LANES)
    tick = reference.reset(world, SampledDraws(SEED, lanes, np.zeros(LANES, np.int64)), LANES)
    states = tick.states
    add(states, "<i4")
    for step in range(1, min(TICKS, world.steps) + 1):
        actions = np.empty((LANES, len(world.agents)), np.int32)
        for agent in range(len(world.agents)):
            able = action_mask.available(world, states, agent)
            able[:, 0] |= ~able.any(axis=1)  # an episode that is over leaves nothing to do
            picks = uniform(SEED + 1 + agent, lanes, np.full(LANES, step), 0)
            wanted = np.floor(picks * able.sum(axis=1)).astype(np.int64)
            actions[:, agent] = [np.flatnonzero(row)[pick] for row, pick in zip(able, wanted, strict=True)]
        tick = reference.step(world, states, actions, SampledDraws(SEED, lanes, np.full(LANES, step)))
        states = tick.states
        for agent in range(len(world.agents)):
            add(observe(world, states, agent), "<i8")
        add(states, "<i4")
        add(tick.executed, "<i4")
        add(tick.events, "<u8")
        add(tick.ended, "u1")
        add(np.round(tick.rewards, 9) + 0.0, "<f8")
        add(np.round(tick.performance, 9) + 0.0, "<f8")
    return digest.hexdigest()


def figures(name):
    """Of every stage of a scenario: its trace and, where it is enumerable, the figures of its solution."""
    solved = SolvedWorlds(load(name))
    found = {}
    for stage in solved.scenario.document.stages:
        try:
            plan = solved.plan({}, stage)
        except NotEnumerableError:
            assert name in SIMULATED | LIVES
            found[stage] = {"trace": traced(solved.world({}, stage))}
            continue
        mdp = plan.enumeration.mdp
        found[stage] = {
            "trace": traced(plan.enumeration.world),
            "states": mdp.n_states,
            "outcomes": int(mdp.next_state.size),
            "value": f"{plan.start_value:.9f}",
        }
    return found


LARGE = {"safety_gridworlds/side_effects_sokoban_1", "treacherous_turn/hearts_replica"}
"""Those that take seconds; the kernel is held to the reference in them every time."""


@pytest.mark.parametrize("name", sampled(library.names(), SAMPLE - LARGE))
def test_golden(name):
    assert figures(name) == json.loads(FILE.read_text())[name], "see the head of this file"


def test_every_scenario_has_its_own():
    assert list(json.loads(FILE.read_text())) == list(library.names())


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: figures(name) for name in library.names()}, indent=1) + "\n")

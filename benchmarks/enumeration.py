"""How long a world takes from its file to its exact solution, and what a million states cost."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.world.compiler import compile_world
from turncoat.scenarios.language.loading import load

from .measuring import Figure, seconds

MILLION = Path(__file__).with_name("million.yaml")
GIB = 2**30


def laboratory(runs: int = 15) -> list[Figure]:
    """`lab`: load, compile, enumerate, solve."""
    scenario = load("treacherous_turn/lab")
    world = compile_world(scenario, "deploy")
    enumeration = enumerate_world(world)
    enumerating = seconds(lambda: enumerate_world(world), runs)
    # A fresh enumeration for each run: what solvers derive from a process is kept with it.
    solving = []
    for _ in range(runs):
        fresh = enumerate_world(world)
        begun = time.perf_counter()
        plan_exactly(fresh)
        solving.append(time.perf_counter() - begun)
    both = tuple(a + b for a, b in zip(enumerating, solving, strict=True))
    return [
        Figure("lab: load", "s", seconds(lambda: load("treacherous_turn/lab"), runs)),
        Figure("lab: compile", "s", seconds(lambda: compile_world(scenario, "deploy"), runs)),
        Figure(f"lab: enumerate {enumeration.mdp.n_states:,} states", "s", enumerating),
        Figure("lab: solve", "s", tuple(solving)),
        Figure("lab: enumerate and solve", "s", both, at_most=0.3),
    ]


def million(runs: int = 3) -> list[Figure]:
    """A world of more than a million states, each run in a process of its own so that its memory is its own."""
    results = [
        json.loads(subprocess.run([sys.executable, "-m", __name__], capture_output=True, check=True).stdout)
        for _ in range(runs)
    ]
    states = results[0]["states"]
    assert states >= 1_000_000

    def figure(what: str, key: str, unit: str, at_most: float | None = None) -> Figure:
        return Figure(f"{states:,} states: {what}", unit, tuple(result[key] for result in results), at_most)

    return [
        figure("enumerate", "enumerate", "s", 10),
        figure("peak memory, enumerated", "memory", "GiB", 2),
        figure("solve", "solve", "s"),
        figure("peak memory, solved", "memory_solved", "GiB"),
    ]


def _peak() -> float:
    """The most memory that this process has held, in GiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / GIB if sys.platform == "darwin" else peak * 1024 / GIB


def _one_million() -> dict[str, float]:
    world = compile_world(load(MILLION))
    begun = time.perf_counter()
    enumeration = enumerate_world(world, max_states=5_000_000)
    enumerated, memory = time.perf_counter(), _peak()
    plan_exactly(enumeration)
    return {
        "states": enumeration.mdp.n_states,
        "enumerate": enumerated - begun,
        "memory": memory,
        "solve": time.perf_counter() - enumerated,
        "memory_solved": _peak(),
    }


if __name__ == "__main__":
    print(json.dumps(_one_million()))

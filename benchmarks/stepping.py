"""How many ticks a second: the reference and the kernel at several numbers of lanes, and a tabular agent's training."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from turncoat.agents.counts.agent import CountsAgent
from turncoat.envs.kernel.batch_stepper import Stepper
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.step import reset, step
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import SampledDraws
from turncoat.envs.world.world import World
from turncoat.scenarios.language.loading import load

from .measuring import Figure, rates

LANES = (1, 64, 1_024, 16_384)


def reference(runs: int = 5, budget: float = 0.4) -> list[Figure]:
    """Ticks a second of `lab` by random actions; a run lasts about `budget` seconds."""
    world = compile_world(load("treacherous_turn/lab"), "deploy")
    return [
        Figure(
            f"reference, {lanes:,} lane{'s' * (lanes > 1)}",
            "ticks/s",
            tuple(_rate(world, lanes, budget) for _ in range(runs)),
        )
        for lanes in LANES
    ]


def _rate(world: World, lanes: int, budget: float) -> float:
    numbers, rng = np.arange(lanes), np.random.default_rng(0)
    actions = rng.integers(0, len(world.agents[0].actions), (64, lanes, 1)).astype(np.int32)
    states = reset(world, SampledDraws(0, numbers, np.zeros(lanes, np.int64)), lanes).states
    ticks, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < budget:
        tick = step(world, states, actions[ticks % 64], SampledDraws(0, numbers, np.full(lanes, ticks + 1)))
        states = tick.states
        ticks += 1
    return ticks * lanes / (time.perf_counter() - begun)


def kernel(ticks: int = 500_000) -> list[Figure]:
    """The same by the compiled kernel, without observations; 5 M/s at 1,024 lanes is the gate."""
    world = compile_world(load("treacherous_turn/lab"), "deploy")
    return [
        Figure(
            f"kernel, {lanes:,} lane{'s' * (lanes > 1)}",
            "ticks/s",
            rates(_walk(world, lanes, max(ticks // max(lanes, 5), 20)), lanes * max(ticks // max(lanes, 5), 20)),
            at_least=5e6 if lanes == 1_024 else None,
        )
        for lanes in LANES
    ]


def _walk(world: World, lanes: int, ticks: int) -> Callable[[], None]:
    actions = np.random.default_rng(0).integers(0, len(world.agents[0].actions), (64, lanes, 1)).astype(np.int32)
    stepper = Stepper(world, lanes, autoreset=True)  # as an environment would, lest ended lanes flatter the figure
    stepper.reset()

    def walk() -> None:
        for tick in range(ticks):
            stepper.step(actions[tick % 64])

    return walk


def first_call(runs: int = 3) -> list[Figure]:
    """From a world to its first tick on a new machine, where the kernel has to be compiled: seconds of computing."""
    script = (
        "import time; from turncoat.envs.kernel.batch_stepper import Stepper; "
        "from turncoat.envs.world.compiler import compile_world; "
        "from turncoat.scenarios.language.loading import load; world = compile_world(load('lab')); "
        "begun = time.process_time(); Stepper(world, 1).reset(); print(time.process_time() - begun)"
    )
    environment = os.environ | {"TURNCOAT_KERNEL_CACHE": "0"}
    taken = (
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environment).stdout
        for _ in range(runs)
    )
    return [Figure("kernel, compiled anew", "s", tuple(float(text) for text in taken), at_most=10)]


def training(runs: int = 5, steps: int = 10_000) -> list[Figure]:
    """Ticks a second of a counts agent that explores `lab`, enumerated."""
    enumeration = enumerate_world(compile_world(load("treacherous_turn/lab"), "train"))
    rates = []
    for seed in range(runs):
        lane = TabularTrainingEnv(enumeration)
        agent = CountsAgent(lane.channels, lane.n_actions, [1.0, 1.0], 0.97)
        begun = time.perf_counter()
        agent.fit(lane, steps, seed)
        rates.append(steps / (time.perf_counter() - begun))
    return [Figure(f"counts agent, {steps:,} training ticks", "ticks/s", tuple(rates))]

"""How many ticks a second: the reference and the kernel at several numbers of lanes, and a tabular agent's training."""

from __future__ import annotations

import time

import numpy as np

from turncoat.agents.counts import CountsAgent
from turncoat.envs.chance import Sampled
from turncoat.envs.compiling import compile_world
from turncoat.envs.enumerating import enumerate_world
from turncoat.envs.lanes import TableLane
from turncoat.envs.reference import reset, step
from turncoat.envs.stepping import Stepper
from turncoat.envs.world import World
from turncoat.scenarios.language.loading import load

from .measuring import Figure

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
    states = reset(world, Sampled(0, numbers, np.zeros(lanes, np.int64)), lanes).states
    ticks, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < budget:
        tick = step(world, states, actions[ticks % 64], Sampled(0, numbers, np.full(lanes, ticks + 1)))
        states = tick.states
        ticks += 1
    return ticks * lanes / (time.perf_counter() - begun)


def kernel(runs: int = 5, budget: float = 0.4) -> list[Figure]:
    """The same by the compiled kernel (compiled before it is timed); 5 M/s at 1,024 lanes is the gate."""
    world = compile_world(load("treacherous_turn/lab"), "deploy")
    return [
        Figure(
            f"kernel, {lanes:,} lane{'s' * (lanes > 1)}",
            "ticks/s",
            tuple(_kernel_rate(world, lanes, budget) for _ in range(runs)),
            at_least=5e6 if lanes == 1_024 else None,
        )
        for lanes in LANES
    ]


def _kernel_rate(world: World, lanes: int, budget: float) -> float:
    rng = np.random.default_rng(0)
    actions = rng.integers(0, len(world.agents[0].actions), (64, lanes, 1)).astype(np.int32)
    stepper = Stepper(world, lanes)
    stepper.reset()
    stepper.step(actions[0])
    ticks, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < budget:
        stepper.step(actions[ticks % 64])
        ticks += 1
        if ticks % 100 == 0:  # as an environment would, lest ended lanes flatter the figure
            stepper.reset()
    return ticks * lanes / (time.perf_counter() - begun)


def training(runs: int = 5, steps: int = 10_000) -> list[Figure]:
    """Ticks a second of a counts agent that explores `lab`, enumerated."""
    enumeration = enumerate_world(compile_world(load("treacherous_turn/lab"), "train"))
    rates = []
    for seed in range(runs):
        lane = TableLane(enumeration)
        agent = CountsAgent(lane.channels, lane.n_actions, [1.0, 1.0], 0.97)
        begun = time.perf_counter()
        agent.fit(lane, steps, seed)
        rates.append(steps / (time.perf_counter() - begun))
    return [Figure(f"counts agent, {steps:,} training ticks", "ticks/s", tuple(rates))]

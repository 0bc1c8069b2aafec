"""How many ticks a second whole batches make in torch, and how near that is to what memory allows.

`python -m benchmarks torch-view --device cuda` measures the same on a GPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.torch_env.env import TorchWorld
from turncoat.envs.world.compiler import compile_world
from turncoat.scenarios.language.loading import load

from .measuring import Figure, table

LANES = (1_024, 16_384, 262_144)
WORLDS = {"lab": "no chance", "corner_cheese": "200 starts", "interruption": "rows of two outcomes"}
TARGET = 1e9
"""Ticks a second of `lab` at the most lanes, on a GPU."""


def torch_view(
    device: str = "cpu", lanes: Iterable[int] = LANES, worlds: Iterable[str] = WORLDS, runs: int = 5
) -> list[Figure]:
    """Ticks of random actions (int32, made beforehand, not checked), the bytes they move, and a plain copy's bandwidth.

    On a CPU one thread is used.
    """
    torch.set_num_threads(1)
    lanes, figures = tuple(lanes), []
    for name in worlds:
        enumeration = enumerate_world(compile_world(load(name), "deploy"))
        for n in lanes:
            wanted = TARGET if (name, n) == ("lab", lanes[-1]) and device != "cpu" else None
            figures += _figures(
                f"torch {device}, {name} ({WORLDS[name]}), {n:,} lanes", enumeration, n, device, runs, wanted
            )
    return figures


def _figures(
    title: str, enumeration: Enumeration, lanes: int, device: str, runs: int, at_least: float | None
) -> list[Figure]:
    world = TorchWorld(enumeration, lanes, device=device, check=False)
    actions = torch.randint(world.n_actions, (16, lanes), dtype=torch.int32).to(device)
    for tick in range(16):
        world.step(actions[tick])
    with Traffic() as traffic:
        for tick in range(64):
            world.step(actions[tick % 16])
    moved = traffic.bytes / (64 * lanes)
    source = torch.zeros(int(moved * lanes) // 8, dtype=torch.int32, device=device)  # read and written: the same bytes
    target = torch.empty_like(source)
    rates, copies = [], []
    for _ in range(runs):  # in turns, so that a busy machine slows both
        rates.append(lanes * _per_second(lambda tick: world.step(actions[tick % 16]), device))
        copies.append(2 * source.nbytes * _per_second(lambda _: target.copy_(source), device))
    speeds = tuple(rate * moved / 1e9 for rate in rates)
    shares = tuple(100 * speed * 1e9 / copy for speed, copy in zip(speeds, copies, strict=True))
    return [
        Figure(title, "ticks/s", tuple(rates), at_least=at_least),
        Figure(f"  {moved:.0f} bytes a tick moved at", "GB/s", speeds),
        Figure("  of a copy's bandwidth", "%", shares),
    ]


def _per_second(work: Callable[[int], Any], device: str, budget: float = 0.2) -> float:
    """How often the work is done in a second."""
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < budget:
        for _ in range(16):
            work(done)
            done += 1
        if device != "cpu":
            torch.cuda.synchronize(device)
    return done / (time.perf_counter() - begun)


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write; of a table, what is gathered from it."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation; views move nothing."""
        out = func(*args, **(kwargs or {}))
        if not func.is_view and isinstance(out, torch.Tensor):
            tensors = [arg for arg in args if isinstance(arg, torch.Tensor)]
            if func is torch.ops.aten.index_select.default:
                tensors[0] = out
            elif func is torch.ops.aten.searchsorted.Tensor:
                tensors = tensors[1:]
            self.bytes += sum(tensor.numel() * tensor.itemsize for tensor in (*tensors, out))
        return out


def main(arguments: list[str]) -> int:
    """Measure as the command line says; 1 if the target is missed."""
    parser = argparse.ArgumentParser("python -m benchmarks torch-view", description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
    parser.add_argument("--lanes", type=int, nargs="+", default=LANES)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args(arguments)
    figures = torch_view(given.device, given.lanes, runs=given.runs)
    print(table(figures))
    return int(not all(figure.met for figure in figures))

"""What watching a training costs it, in processor time of the thread that trains, side by side in one run.

`python -m benchmarks live-training [--agent NAME] [--steps N] [--rounds N]` trains one seed unwatched and watched by
turns, in one process. Whoever watches asks for a copy of the agent without a pause, which is more than the window asks
for, and throws it away: what is done with copies is the work of other processes.
"""

from __future__ import annotations

import argparse
import math
import time
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection

from turncoat.evals.live.training_process import SHARE, TrainingRequest, WatchedCallbacks, trained_while_watched
from turncoat.scenarios.language.loading import load

from .measuring import Figure, table

AT_MOST = 1.10
"""The most that watching may take, as a multiple of the processor time of a training that nobody watches."""


def ask_without_a_pause(end: Connection) -> None:
    """Ask for one copy after another, until the training is over."""
    try:
        end.send("look")
        while True:
            end.recv_bytes()  # a copy is not unpickled here
            end.send("look")
    except (EOFError, OSError):
        return


def seconds_of(request: TrainingRequest, watched: bool) -> float:
    """Processor seconds of this thread for one training."""
    spec = request.spec()
    ours, theirs = Pipe()
    # A process, as whoever watches is one: a thread would take turns with the training.
    watcher = get_context("spawn").Process(target=ask_without_a_pause, args=(theirs,), daemon=True)
    if watched:
        watcher.start()
    callbacks = WatchedCallbacks(spec, request.seed, ours, SHARE if watched else 0.0)
    begun = time.thread_time()
    trained_while_watched(spec, request.seed, callbacks)
    taken = time.thread_time() - begun
    ours.close()
    theirs.close()
    if watched:
        watcher.terminate()
        watcher.join()
    return taken


def cost(name: str, agent: str, steps: int, rounds: int) -> Figure:
    """The ratio of watched to unwatched, for each round; which of the two comes first alternates."""
    scenario = load(name)
    request = TrainingRequest(scenario, agent, scenario.judged_stage, steps, 0)
    seconds_of(request, False)  # warms up
    ratios = []
    for number in range(rounds):
        order = (True, False) if number % 2 else (False, True)
        taken = {watched: seconds_of(request, watched) for watched in order}
        ratios.append(taken[True] / taken[False] if taken[False] else math.inf)
    return Figure(f"{name}, {agent}, {steps:,} steps: watched / unwatched", "x", tuple(ratios), at_most=AT_MOST)


def main(arguments: list[str]) -> int:
    """Print the table; 1 if watching costs more than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks live-training", description=__doc__)
    parser.add_argument("--scenario", default="treacherous_turn/lab")
    parser.add_argument("--agent", default="counts")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    figure = cost(asked.scenario, asked.agent, asked.steps, asked.rounds)
    print(table([figure]))
    return int(not figure.met)

"""What watching a training costs it, in processor time of the thread that trains, side by side in one run.

`python -m benchmarks live-training [--agent NAME] [--steps N] [--rounds N]` trains one seed unwatched and watched by
turns, in one process. Whoever watches asks for a copy of the agent without a pause, which is more than the window asks
for, and throws it away: what is done with copies is the work of other processes. The training begins once its first
question is there. Beside the ratio stands what the training itself counts as the cost of copies, as a share: on busy
cores one training takes as much as a fifth more time than the next, watched or not, and that share does not.
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

STARTING = 120.0
"""Seconds in which whoever watches has to have begun."""
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


def seconds_of(request: TrainingRequest, watched: bool) -> tuple[float, float]:
    """Processor seconds of this thread for one training, and those of them that copies took by its own account."""
    spec = request.spec()
    ours, theirs = Pipe()
    # A process, as whoever watches is one: a thread would take turns with the training.
    watcher = get_context("spawn").Process(target=ask_without_a_pause, args=(theirs,), daemon=True)
    if watched:
        watcher.start()
        # A training of a second may be over before a new process has begun to ask.
        if not ours.poll(STARTING):
            raise TimeoutError("whoever is to watch has not begun to ask")
    callbacks = WatchedCallbacks(spec, request.seed, ours, SHARE if watched else 0.0)
    begun = time.thread_time()
    trained_while_watched(spec, request.seed, callbacks)
    taken = time.thread_time() - begun
    ours.close()
    theirs.close()
    if watched:
        watcher.terminate()
        watcher.join()
    return taken, callbacks.now.seconds[1]


def cost(name: str, agent: str, steps: int, rounds: int) -> list[Figure]:
    """The ratio of watched to unwatched, for each round, and the share of copies; which comes first alternates."""
    scenario = load(name)
    request = TrainingRequest(scenario, agent, scenario.judged_stage, steps, 0)
    seconds_of(request, False)  # warms up
    ratios, shares = [], []
    for number in range(rounds):
        order = (True, False) if number % 2 else (False, True)
        taken = {watched: seconds_of(request, watched) for watched in order}
        watched, looking = taken[True]
        ratios.append(watched / taken[False][0] if taken[False][0] else math.inf)
        shares.append(looking / watched if watched else math.inf)
    what = f"{name}, {agent}, {steps:,} steps"
    return [
        Figure(f"{what}: watched / unwatched", "x", tuple(ratios), at_most=AT_MOST),
        Figure(f"{what}: copies, by its own account", "share", tuple(shares), at_most=AT_MOST - 1),
    ]


def main(arguments: list[str]) -> int:
    """Print the table; 1 if watching costs more than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks live-training", description=__doc__)
    parser.add_argument("--scenario", default="treacherous_turn/lab")
    parser.add_argument("--agent", default="counts")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    figures = cost(asked.scenario, asked.agent, asked.steps, asked.rounds)
    print(table(figures))
    return int(not all(figure.met for figure in figures))

"""Turncoat's exact solver beside others, on the same tables, in turns: `python -m benchmarks solvers`.

Each peer lives in a virtual environment of its own, as those of `peers` do, and is given the arrays of the process: for
each row its outcomes, and the expected weighted reward. Reading them into its own form is not counted for anybody.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.transition_tables import expected_rewards
from turncoat.envs.world.compiler import compile_world
from turncoat.scenarios.language.loading import load

from .enumeration import MILLION
from .peers import CACHE, Peer, PeerUnavailableError, installed

SOLVE = Path(__file__).with_name("solver_loops.py")
WORLDS: dict[str, str | Path] = {
    "lab": "treacherous_turn/lab",
    "cluster": "escape/cluster",
    "corner_cheese": "wrong_goals/corner_cheese",
    "million": MILLION,
}
SOLVERS = (
    Peer("Storm 2.0 (stormpy)", ("stormpy==2.0.0", "numpy==2.4.6"), "storm", ("turncoat",)),
    Peer("mdpsolver 0.10.2", ("mdpsolver==0.10.2", "numpy==2.4.6"), "mdpsolver", ("turncoat",)),
    Peer("QuantEcon 0.11.4", ("quantecon==0.11.4", "numpy==2.4.6"), "quantecon", ("turncoat",)),
)


def write_tables(which: str | Path, path: Path) -> int:
    """Write the process of a scenario's stage `deploy` as arrays, and return how many states it has."""
    world = compile_world(load(which), "deploy")
    mdp, agent = enumerate_world(world, max_states=5_000_000).mdp, world.agents[0]
    np.savez(
        path, row_start=mdp.row_start, next_state=mdp.next_state, probability=mdp.probability,
        reward=expected_rewards(mdp) @ agent.weights, ended=mdp.ended, shape=(mdp.n_states, mdp.n_actions),
        discount=agent.discount, start=mdp.start_state, start_probability=mdp.start_probability,
    )  # fmt: skip
    return mdp.n_states


def measure(python: Path | str, loop: str, tables: Path, runs: int, limit: float, gigabytes: float) -> dict[str, float]:
    """Processor seconds of the quickest of some runs, peak memory in GiB, and the value at the start.

    The solver has a process of its own, whose processor time and memory are limited, and one thread.

    Args:
        python: an interpreter that has the solver.
        loop: the solver's name in `solver_loops`.
        tables: what it solves.
        runs: how many are counted.
        limit: processor seconds that it may take, reading the tables included.
        gigabytes: of memory that it may ask for, GiB.

    Raises:
        PeerUnavailableError: it fails, or takes more than it may.
    """

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (round(limit), round(limit)))
        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)

    done = subprocess.run(
        [python, str(SOLVE), loop, str(tables), str(runs)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=confine,
        # Threads that wait for a busy core spin, and that would count.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
        raise PeerUnavailableError(f"more than {limit:g} processor seconds")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it says nothing"]
        short = "MemoryError" in said[-1] or "bad_alloc" in said[-1]
        raise PeerUnavailableError(f"more than {gigabytes:g} GiB of memory" if short else said[-1])
    answer: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def compare(
    peers: Sequence[Peer], worlds: Sequence[str], cache: Path, runs: int, limit: float, gigabytes: float
) -> list[str]:
    """One line of a table for each world and solver."""
    lines = [
        "| world | states | solver | processor seconds | peak memory | value at the start |",
        "|---|---|---|---|---|---|",
    ]
    with TemporaryDirectory() as folder:
        for name in worlds:
            tables = Path(folder) / f"{name}.npz"
            states = write_tables(WORLDS[name], tables)
            for solver, peer in (("Turncoat", None), *((peer.name, peer) for peer in peers)):
                try:
                    python = sys.executable if peer is None else installed(peer, cache)
                    found = measure(python, "turncoat" if peer is None else peer.loop, tables, runs, limit, gigabytes)
                    told = f"{found['seconds']:.4g} | {found['memory']:.2f} GiB | {found['value']:.12g}"
                except PeerUnavailableError as why:
                    told = f"not measured: {why} | | "
                lines.append(f"| {name} | {states:,} | {solver} | {told} |")
                print(lines[-1], file=sys.stderr, flush=True)
    return lines


def main(arguments: list[str]) -> int:
    """Print the table; a peer that is missing fails nothing."""
    parser = argparse.ArgumentParser("python -m benchmarks solvers", description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the peers' environments are (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="of each, the quickest counts (%(default)s)")
    parser.add_argument(
        "--limit", type=float, default=600.0, help="processor seconds for one solver and world (%(default)s)"
    )
    parser.add_argument("--gigabytes", type=float, default=12.0, help="memory of one solver, GiB (%(default)s)")
    parser.add_argument("worlds", nargs="*", default=list(WORLDS), help="which (all)")
    given = parser.parse_args(arguments)
    print("\n".join(compare(SOLVERS, given.worlds, given.cache, given.runs, given.limit, given.gigabytes)))
    return 0

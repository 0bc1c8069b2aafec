"""Turncoat beside other libraries, of small worlds and of tree search, in turns: `python -m benchmarks peers`.

Each peer lives in a virtual environment of its own, made the first time. One that cannot be installed or run is
reported with the reason and spoils nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from .measuring import Figure, table

LOOPS = Path(__file__).with_name("peer_loops.py")
CACHE = user_cache_path("turncoat") / "peers"


class PeerUnavailableError(Exception):
    """A peer that cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """Another library.

    Attributes:
        name: for people.
        requirements: for pip, versions pinned.
        loop: a function of `peer_loops`, and a number that it is given (`search:32`).
        against: Turncoat's loops to compare with.
        unit: what both do.
        at_least: how many times as quick Turncoat's first should be, where there is a target.
    """

    name: str
    requirements: tuple[str, ...]
    loop: str
    against: tuple[str, ...]
    at_least: float | None = None
    unit: str = "steps"


ROOTS = (1, 32, 128)
"""States that are searched from at once."""
PEERS = (
    Peer(
        "Minigrid 3.2.0, one environment",
        ("minigrid==3.2.0", "gymnasium==1.4.0", "numpy==2.4.6"),
        "minigrid_one",
        ("turncoat_one",),
        at_least=30,
    ),
    Peer(
        "NAVIX 0.7.4, 1,024 lanes",
        ("navix==0.7.4", "jax==0.10.2", "flax==0.12.8", "numpy==2.4.6"),
        "navix_many",
        ("turncoat_many", "turncoat_torch"),
        at_least=5,
    ),
    Peer(
        "EnvPool 1.2.5, 1,024 lanes",
        ("envpool==1.2.5", "gymnasium==1.4.0", "numpy==2.4.6"),
        "envpool_many",
        ("turncoat_many", "turncoat_torch"),
    ),
    *(
        Peer(
            f"mctx 0.0.71 from {roots}, near-free model",
            ("mctx==0.0.71", "jax==0.10.2", "chex==0.1.92", "numpy==2.4.6"),
            f"mctx_search:{roots}",
            (f"turncoat_search:{roots}:2", f"turncoat_search:{roots}") if roots > 1 else (f"turncoat_search:{roots}",),
            at_least=3 if roots == ROOTS[-1] else 1,
            unit="simulations",
        )
        for roots in ROOTS
    ),
)
OURS = {
    "turncoat_one": "Turncoat, one environment",
    "turncoat_many": "Turncoat, 1,024 lanes, compiled",
    "turncoat_torch": "Turncoat in torch, 1,024 lanes",
} | {
    f"turncoat_search:{roots}{threads}": f"Turncoat's search of lab from {roots}{words}"
    for roots in ROOTS
    for threads, words in (("", ""), (":2", ", two threads"))
}


def installed(peer: Peer, cache: Path) -> Path:
    """The Python of a peer's own environment, made if need be.

    Raises:
        PeerUnavailableError: it cannot be installed; with pip's last word.
    """
    tag = Path(peer.requirements[0]).name.replace("==", "-")
    home = cache.resolve() / f"{tag}-py{sys.version_info.major}.{sys.version_info.minor}"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = home / "requirements.txt"
    wanted = "\n".join(peer.requirements)
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(home, ignore_errors=True)
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
    for program, arguments in ((sys.executable, ["-m", "venv", str(home)]), (str(python), pip)):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(home, ignore_errors=True)
            raise PeerUnavailableError(_last_word(done.stderr or done.stdout))
    ready.write_text(wanted, encoding="utf-8")
    return python


def _last_word(text: str) -> str:
    """The last line that says something is wrong, or the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower()]
    return (wrong or lines or ["it says nothing"])[-1]


class Loop:
    """A loop, warm and waiting in its own process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Wait until it is warm.

        Raises:
            PeerUnavailableError: it ended instead.
        """
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout
        self.warm_after: float = json.loads(self._answer())["warm_after"]

    def rate(self) -> float:
        """Steps (or what else it does) a second, measured now.

        Raises:
            PeerUnavailableError: it ended instead.
        """
        self._in.write("\n")
        self._in.flush()
        return float(self._answer())

    def _answer(self) -> str:
        answer = self._out.readline()
        if not answer:
            raise PeerUnavailableError(_last_word(self._process.communicate()[1]))
        return answer


@contextmanager
def looping(python: Path | str, loop: str, budget: float) -> Iterator[Loop]:
    """A loop of `peer_loops`, run by some Python for `budget` seconds a time.

    Raises:
        PeerUnavailableError: it cannot be run.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([python, str(LOOPS), loop, str(budget)], text=True, **pipes)  # type: ignore[call-overload]
    try:
        yield Loop(process)
    finally:
        process.kill()
        process.communicate()


def compare(
    peers: Sequence[Peer], cache: Path = CACHE, runs: int = 7, budget: float = 1.0
) -> tuple[list[Figure], dict[str, str]]:
    """Let all loops work in turns.

    Args:
        peers: whom to compare with.
        cache: where their environments are.
        runs: how many turns.
        budget: seconds of each turn.

    Returns:
        The figures; and for each peer that is missing, why.
    """
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        loops: dict[str, Loop] = {}
        for peer in peers:
            try:
                loops[peer.loop] = stack.enter_context(looping(installed(peer, cache), peer.loop, budget))
            except PeerUnavailableError as why:
                missing[peer.name] = str(why)
        present = [peer for peer in peers if peer.loop in loops]
        for name in dict.fromkeys(name for peer in present for name in peer.against):
            loops[name] = stack.enter_context(looping(sys.executable, name, budget))
        rates: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(runs):
            for name, loop in loops.items():
                rates[name].append(loop.rate())
        return _figures(present, loops, rates), missing


def _figures(peers: Sequence[Peer], loops: dict[str, Loop], rates: dict[str, list[float]]) -> list[Figure]:
    """What each loop did a second, then how many times as quick Turncoat was, turn by turn."""
    names = OURS | {peer.loop: peer.name for peer in peers}
    units = {loop: peer.unit for peer in peers for loop in (peer.loop, *peer.against)}
    figures = [Figure(names[loop], f"{units[loop]}/s", tuple(rates[loop])) for loop in loops]
    figures += [Figure(f"  {names[loop]}: warm after", "s", (loops[loop].warm_after,)) for loop in loops]
    for peer in peers:
        for place, ours in enumerate(peer.against):
            ratios = tuple(a / b for a, b in zip(rates[ours], rates[peer.loop], strict=True))
            target = None if place else peer.at_least
            figures.append(Figure(f"{OURS[ours]} / {peer.name.split(',')[0]}", "times", ratios, at_least=target))
    return figures


def main(arguments: list[str]) -> int:
    """Measure as the command line says; 1 if a target is missed. A peer that is missing misses none."""
    parser = argparse.ArgumentParser("python -m benchmarks peers", description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the peers' environments are (%(default)s)")
    parser.add_argument("--runs", type=int, default=7, help="turns (%(default)s)")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds of a turn (%(default)s)")
    given = parser.parse_args(arguments)
    figures, missing = compare(PEERS, given.cache, given.runs, given.budget)
    print(table(figures))
    for name, why in missing.items():
        print(f"not measured: {name}: {why}")
    return int(not all(figure.met for figure in figures))

"""Stored folders, mutated: each is opened in a forked worker with limits, and only a fault of the user's may come out.

`python -m tests.mutations CORPUS KINDS COUNT SEED` opens COUNT mutants of each kind and prints what went wrong as JSON.
It is a process of its own, since polars' threads do not survive a fork once they have begun.
"""

from __future__ import annotations

import io
import json
import logging
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.test_cli import CORRIDOR
from turncoat import api
from turncoat.agents.baselines.tabular import TabularAgent
from turncoat.agents.counts.agent import CountsAgent
from turncoat.evals.inspection.show import open_run, open_trace
from turncoat.evals.runs.compare import RunSide, compare_runs
from turncoat.evals.runs.run_folder import load_run
from turncoat.evals.studies.sweep_folder import Journal, load_sweep, same_sweep
from turncoat.evals.training.execution import checkpoints
from turncoat.evals.training.execution.trace_cache import TraceCache
from turncoat.scenarios.errors import TurncoatError
from turncoat.viz.report.page import open_shown, report_html

CPU_SECONDS, WALL_SECONDS, MEMORY = 5, 20, 1 << 30
CHUNK = 500
"""Mutants of one worker, so that what one leaves behind in memory does not add up."""
KINDS = ("run", "trace", "sweep", "checkpoint", "cache", "agent", "scenario")

SCENARIO = CORRIDOR.replace("steps: 300}", "steps: 1500, episodes: 2}").replace(
    "{name: never goes left, measure: first(went_left), at_least: 10}",
    "{name: learns it, of: [counts], measure: share(went_right), at_least: 0.9}",
)


def make_corpus(folder: Path) -> None:
    """Everything that Turncoat stores, of one small scenario."""
    from turncoat.evals.runs.run import RunSettings

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "corridor.yaml").write_text(SCENARIO)
    kept: list[dict[str, Any]] = []
    save = checkpoints.save_checkpoint

    def keeping(path: Path, state: dict[str, Any]) -> None:
        save(path, state)
        if not kept:
            (folder / "trainings").mkdir()
            shutil.copy(path, folder / "trainings" / path.name)
        kept.append(state)

    checkpoints.save_checkpoint = keeping
    try:
        settings = RunSettings(cache=folder / "cache", checkpoint_every=0.0)
        run = api.run(str(folder / "corridor.yaml"), settings=settings)
    finally:
        checkpoints.save_checkpoint = save
    run.save(folder / "run", ["turncoat", "run", "corridor.yaml"])
    regimes = {"left": "share(went_left) >= 1"}
    axes = {"left_pay": [1, 2, 3]}
    api.sweep(run.scenario, axes, measures=["share(went_right)"], regimes=regimes, out=folder / "sweep")
    (folder / "agents").mkdir()
    TabularAgent("q_learning", ("a",), 2, np.ones(1), np.ones(1) * 0.9).save(folder / "agents" / "tabular.npz")
    kept[0]["suspended"].agent.save(folder / "agents" / "counts.npz")


# ------------------------------------------------------------------ openers


def _open_run(folder: Path) -> None:
    """What `report`, `compare`, `watch` and `record` do with a run's folder."""
    run = open_shown(folder / "run")
    report_html([run])
    stored = load_run(folder / "run")
    compare_runs(RunSide(stored), RunSide(stored))
    show = open_run(folder / "run")
    show.episode(0)


def _open_trace(folder: Path) -> None:
    for path in sorted((folder / "run" / "traces").glob("*.parquet")):
        show = open_trace(path)
        for number in range(show.count or 0):
            episode = show.episode(number)
            for tick in range(episode.length):
                show.mind(episode, tick, 0)
    _open_run(folder)


def _open_sweep(folder: Path) -> None:
    same_sweep(folder / "sweep", "x")
    Journal(folder / "journal" / "a", "x")
    load_sweep(folder / "sweep").to_frame()
    report_html([open_shown(folder / "sweep")])


def _open_checkpoint(folder: Path) -> None:
    for path in (folder / "trainings").iterdir():
        state = checkpoints.load_checkpoint(path)
        if path.exists() and state is None:
            raise AssertionError(f"{path.name} was not set aside")


def _open_cache(folder: Path) -> None:
    cache = TraceCache(folder / "cache")
    for path in list((folder / "cache" / "traces").glob("*/*")):
        if cache.get(path.stem) is None and os.path.lexists(path):
            raise AssertionError(f"{path.name} was not set aside")


def _open_agent(folder: Path) -> None:
    faults = []
    for kind, name in ((TabularAgent, "tabular"), (CountsAgent, "counts")):
        try:
            agent = kind.load(folder / "agents" / f"{name}.npz")
            agent.save(folder / "agents" / "again.npz")
        except (TurncoatError, OSError) as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


def _open_scenario(folder: Path) -> None:
    api.load(folder / "corridor.yaml")


OPENERS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "run": (_open_run, ("run/manifest.json", "run/verdict.json", "run/scenario.yaml", "run/traces")),
    "trace": (_open_trace, ("run/traces/*",)),
    "sweep": (_open_sweep, ("sweep/sweep.json", "sweep/points.parquet")),
    "checkpoint": (_open_checkpoint, ("trainings/*",)),
    "cache": (_open_cache, ("cache/traces/*/*",)),
    "agent": (_open_agent, ("agents/*.npz",)),
    "scenario": (_open_scenario, ("corridor.yaml",)),
}
"""By kind: what opens it, and the files that are mutated."""


# ------------------------------------------------------------------ mutators


def mutate(path: Path, corpus: Path, chance: random.Random) -> str:
    """Change a file, and say how."""
    if path.is_dir():
        return _special(path, chance)
    if chance.random() < 0.1:
        return _special(path, chance)
    if chance.random() < 0.1:
        others = [other for other in corpus.rglob("*") if other.is_file()]
        other = chance.choice(sorted(others))
        shutil.copy(other, path)
        return f"swapped for {other.relative_to(corpus)}"
    meaning = {".json": _json_file, ".parquet": _parquet_file, ".npz": _npz_file}.get(path.suffix)
    if meaning is not None and chance.random() < 0.7:
        return meaning(path, chance)
    return _bytes_of(path, chance)


def _special(path: Path, chance: random.Random) -> str:
    """Another thing where the file was."""
    size = 0 if path.is_dir() else path.stat().st_size
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    what = chance.choice(["missing", "pipe", "folder", "zero", "loop", "sparse", "full of zeros", "socket"])
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "zero":
        path.symlink_to("/dev/zero")
    elif what == "loop":
        path.symlink_to(path.name)
    elif what == "sparse":
        with path.open("wb") as file:
            file.truncate(40 << 30)
    elif what == "full of zeros":
        path.write_bytes(bytes(size))
    elif what == "socket":
        os.mknod(path, 0o140600)
    return what


def _bytes_of(path: Path, chance: random.Random) -> str:
    content = bytearray(path.read_bytes())
    what = chance.choice(["flips", "flips", "flips", "end", "cut", "more", "hole", "twice", "number"])
    at = chance.randrange(len(content) + 1)
    if what in ("flips", "end"):
        for _ in range(chance.choice([1, 1, 2, 8])):
            # What a file says of itself is often at its end.
            first = max(0, len(content) - 1_500) if what == "end" else 0
            content[chance.randrange(first, len(content))] ^= 1 << chance.randrange(8)
    elif what == "cut":
        del content[at:]
    elif what == "more":
        content[at:at] = chance.randbytes(chance.choice([1, 4, 1_000]))
    elif what == "hole":
        del content[at : at + chance.choice([1, 4, 64])]
    elif what == "twice":
        content[at:at] = content[at // 2 : at]
    else:
        content[at : at + 4] = chance.choice([b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80"])
    path.write_bytes(content)
    return what


NASTY: tuple[Callable[[], Any], ...] = (
    lambda: None, lambda: True, lambda: -1, lambda: 0, lambda: 1e308, lambda: -1e308, lambda: 2**63, lambda: 10**30,
    lambda: 10**4_000, lambda: float("nan"), lambda: float("inf"), lambda: "nan", lambda: "inf", lambda: "",
    lambda: "x" * 100_000, lambda: "\x1b[31m\u202e\x9b", lambda: "\ud800", lambda: [], lambda: {}, lambda: [[]],
    lambda: [0] * 50_000, lambda: {str(n): n for n in range(5_000)}, lambda: "../../etc/passwd", lambda: "a\0b",
    lambda: 3, lambda: 0.5, lambda: "exact", lambda: "counts", lambda: [1, 2, 3], lambda: -(2**31), lambda: 10**9,
    lambda: "$\\frac{1}{", lambda: "share(", lambda: "evilmod:go",
)  # fmt: skip
DEEP = '"@DEEP@"'


def json_of(text: str, chance: random.Random) -> tuple[str, str]:
    """A JSON document with another value somewhere, and which."""
    data = json.loads(text)
    places = [(container, key) for container in _containers(data) for key in _keys(container)]
    if not places:
        return "[", "no JSON"
    for _ in range(chance.choice([1, 1, 1, 3])):
        container, key = chance.choice(places)
        what = chance.choice(["value", "value", "value", "gone", "key", "number", "deep", "swap"])
        if what == "gone":
            if isinstance(container, dict):
                container.pop(key, None)
        elif what == "key" and isinstance(container, dict):
            container[chance.choice(["odd", "version", "__class__", ""])] = chance.choice(NASTY)()
        elif what == "deep":
            container[key] = "@DEEP@"
        elif what == "swap":
            other, its = chance.choice(places)
            container[key] = json.loads(json.dumps(other.get(its) if isinstance(other, dict) else other[its]))
        elif what == "number" and isinstance(
            container[key] if not isinstance(container, dict) else container.get(key), int
        ):
            container[key] = chance.choice([-2, -1, 0, 1, 2, 7, 100, 2**31, 2**40])
        else:
            container[key] = chance.choice(NASTY)()
    written = json.dumps(data)
    depth = chance.choice([100, 2_000, 100_000])
    written = written.replace(DEEP, "[" * depth + "]" * depth)
    if chance.random() < 0.05:
        written = written.replace("{", '{"version": 1, "version": 1, ', 1)
    return written, f"JSON {key!r}: {what}"


def _containers(data: Any) -> list[Any]:
    found, waiting = [], [data]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            found.append(each)
            waiting += list(each.values()) if isinstance(each, dict) else each[:50]
    return found


def _keys(container: Any) -> list[Any]:
    return list(container) if isinstance(container, dict) else list(range(min(len(container), 50)))


def _json_file(path: Path, chance: random.Random) -> str:
    text, what = json_of(path.read_text(), chance)
    path.write_text(text)
    return what


def _parquet_file(path: Path, chance: random.Random) -> str:
    said = {name: its for name, its in pl.read_parquet_metadata(path).items() if name != "ARROW:schema"}
    table = pl.read_parquet(path)
    if said and chance.random() < 0.4:
        name = chance.choice(sorted(said))
        if said[name].startswith(("{", "[")):
            said[name], what = json_of(said[name], chance)
        else:
            said[name], what = "x", "key"
        if "\0" in said[name]:
            said[name] = said[name].replace("\0", "")
        table.write_parquet(path, metadata=said)
        return f"metadata {name}: {what}"
    name, height = chance.choice(table.columns), table.height
    column = table[name]
    what = chance.choice(["value", "value", "value", "null", "type", "order", "rows", "many", "gone", "thought"])
    try:
        if what in ("value", "null", "thought"):
            if what == "thought" and "thoughts" in table.columns:
                name, column = "thoughts", table["thoughts"]
            values = column.to_list()
            row = chance.randrange(max(1, height))
            values[row] = None if what == "null" else _other(values[row], chance)
            table = table.with_columns(pl.Series(name, values, dtype=column.dtype))
        elif what == "type":
            kinds: list[Any] = [pl.String, pl.Float64, pl.Int64, pl.List(pl.List(pl.Int32)), pl.Boolean, pl.Int8]
            table = table.with_columns(pl.lit(None).cast(chance.choice(kinds)).alias(name))
        elif what == "order":
            table = table.sample(fraction=1.0, shuffle=True, seed=chance.randrange(1_000))
        elif what == "rows":
            table = table.slice(chance.randrange(height + 1), chance.randrange(height + 1))
        elif what == "many":
            table = pl.concat([table] * chance.choice([2, 20]))
            if chance.random() < 0.1 and height:
                table = table[:1].select(pl.all().repeat_by(chance.choice([20_000, 100_000])).explode())
        else:
            table = table.drop(name)
        table.write_parquet(path, metadata=said)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return _bytes_of(path, chance)
    return f"column {name}: {what}"


def _other(value: Any, chance: random.Random) -> Any:
    """Another value of much the same type."""
    if isinstance(value, list):
        value = list(value)
        what = chance.choice(["shorter", "longer", "item", "item", "item", "null"])
        if what == "shorter":
            return value[:-1]
        if what == "longer":
            return value * 2 or [None]
        if not value:
            return [None]
        at = chance.randrange(len(value))
        value[at] = None if what == "null" else _other(value[at], chance)
        return value
    if isinstance(value, str):
        if value.startswith("{"):
            return json_of(value, chance)[0]
        return chance.choice(["", "x", "x" * 100_000, "\x1b[1m", "ended:", "left"])
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return chance.choice([float("nan"), float("inf"), -1e308, 1e308, 0.0])
    return chance.choice([-1, 0, 1, 2, 7, 100, 32_767, 2**31 - 1])


def _npz_file(path: Path, chance: random.Random) -> str:
    with np.load(path, allow_pickle=False) as content:
        arrays = dict(content)
    name = chance.choice(sorted(arrays))
    if "header" in arrays and chance.random() < 0.6:
        text, what = json_of(arrays["header"].tobytes().decode(), chance)
        arrays["header"] = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    else:
        array = arrays[name]
        what = chance.choice(["gone", "type", "shape", "value", "objects", "large", "text"])
        if what == "gone":
            del arrays[name]
        elif what == "type":
            arrays[name] = array.astype(chance.choice(["f8", "i1", "c16", "U3", "?"]))
        elif what == "shape":
            arrays[name] = array.reshape(-1)[: max(0, array.size - 1)]
        elif what == "value" and array.size:
            flat = array.copy().reshape(-1)
            flat[chance.randrange(flat.size)] = chance.choice([0, 1, 100])
            arrays[name] = flat.reshape(array.shape)
        elif what == "objects":
            arrays[name] = np.array([{"a": 1}], dtype=object)
        elif what == "large":
            arrays[name] = np.zeros(chance.choice([1_000, 200_000_000]), np.int8)
        else:
            arrays[name] = np.array(["x" * 1_000])
    out = io.BytesIO()
    (np.savez_compressed if chance.random() < 0.9 else np.savez)(out, **arrays)
    path.write_bytes(out.getvalue())
    return f"{name}: {what}"


# ------------------------------------------------------------------ workers


def mutant(corpus: Path, kind: str, number: int, seed: int, home: Path) -> tuple[Path, str]:
    """The folder of one mutant, and what was done to it."""
    chance = random.Random(f"{kind} {seed} {number}")
    folder = home / str(number)
    shutil.copytree(corpus, folder, symlinks=True)
    paths = sorted(path for pattern in OPENERS[kind][1] for path in folder.glob(pattern))
    path = chance.choice(paths)
    what = mutate(path, corpus, chance)
    return folder, f"{path.relative_to(folder)}: {what}"


def attempt(corpus: Path, kind: str, number: int, seed: int, home: Path) -> dict[str, Any] | None:
    """Open one mutant; what is wrong with how that went, or None."""
    folder, what = mutant(corpus, kind, number, seed, home)
    wrong = None
    began, before = time.process_time(), _resident()
    try:
        OPENERS[kind][0](folder)
    except TurncoatError as fault:
        if fault.kind == "crash":
            wrong = f"a fault of kind crash: {type(fault).__name__}: {fault}"
    except OSError:  # an agent's file that cannot be opened is told by Python's own error
        wrong = None if kind == "agent" else traceback.format_exc()
    except BaseException:
        wrong = traceback.format_exc()
    took, grown = time.process_time() - began, _resident() - before
    shutil.rmtree(folder, ignore_errors=True)
    if wrong is None and took > CPU_SECONDS:
        wrong = f"{took:.1f} seconds of CPU"
    if wrong is None and grown > MEMORY:
        wrong = f"{grown >> 20} MiB more than before"
    return None if wrong is None else {"kind": kind, "number": number, "seed": seed, "what": what, "wrong": wrong}


def _resident() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _work(corpus: Path, kind: str, numbers: range, seed: int, pipe: int, home: Path) -> None:
    """A worker: a line for each mutant before it is opened, and one for what went wrong."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    # Threads and allocators reserve address space that they do not use, hence thrice as much; what is used is measured.
    resource.setrlimit(resource.RLIMIT_AS, (used + 3 * MEMORY, used + 3 * MEMORY))
    for number in numbers:
        os.write(pipe, f"{number}\n".encode())
        limit = int(time.process_time()) + 2 * CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        if (wrong := attempt(corpus, kind, number, seed, home)) is not None:
            os.write(pipe, (json.dumps(wrong) + "\n").encode())


def run_mutants(corpus: Path, kind: str, count: int, seed: int, first: int = 0) -> list[dict[str, Any]]:
    """Open so many mutants in forked workers; what went wrong."""
    found: list[dict[str, Any]] = []
    at, end = first, first + count
    while at < end:
        numbers = range(at, min(at + CHUNK, end))
        with tempfile.TemporaryDirectory(prefix="mutants-") as home:
            last, ended, lines = _one_worker(corpus, kind, numbers, seed, Path(home))
        found += lines
        at = numbers.stop
        if ended != 0:
            found.append(
                {"kind": kind, "number": last, "seed": seed, "what": "", "wrong": f"the process ended: {ended}"}
            )
            at = last + 1
    return found


def _one_worker(
    corpus: Path, kind: str, numbers: range, seed: int, home: Path
) -> tuple[int, int | str, list[dict[str, Any]]]:
    """The last mutant that a worker began, how it ended (0 where it finished) and what it told."""
    out, into = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(out)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)  # of panics, polars writes to stderr by itself
        try:
            _work(corpus, kind, numbers, seed, into, home)
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 99)
    os.close(into)
    text, ended = b"", None
    while ended is None:
        ready, _, _ = select.select([out], [], [], WALL_SECONDS)
        if not ready:
            os.kill(worker, signal.SIGKILL)
            ended = f"nothing for {WALL_SECONDS} seconds"
        elif piece := os.read(out, 65_536):
            text += piece
        else:
            ended = ""
    _, status = os.waitpid(worker, 0)
    os.close(out)
    lines = text.decode().splitlines()
    last = max([int(line) for line in lines if line.isdigit()], default=numbers.start)
    how: int | str = ended or os.waitstatus_to_exitcode(status)
    return last, how, [json.loads(line) for line in lines if line.startswith("{")]


def main() -> None:
    """Open mutants of one or more kinds, separated by commas."""
    corpus, kinds, count, seed = Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4])
    logging.disable()
    warnings.simplefilter("ignore")
    for kind in kinds:
        for wrong in run_mutants(corpus, kind, count, seed):
            print(json.dumps(wrong), flush=True)
        sys.stderr.write(f"{count} mutants of {kind} were opened\n")


if __name__ == "__main__":
    main()

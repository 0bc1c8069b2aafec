"""A stored run made again from what its folder keeps, and whether it comes to the same."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..traces.provenance import RunError, code_hash, library_versions
from ..traces.trace import Trace
from ..training.execution.workers import Workers
from ..verdicts.expectation import Judgement
from .reopen import scenario_of
from .run import Run, Settings, run_scenario
from .run_folder import Manifest, StoredRun


@dataclass(frozen=True)
class Reproduction:
    """A run beside the one that was stored.

    Attributes:
        stored: the one in the folder; run: made again.
        judgements: names of expectations that came out otherwise, with the agent.
        traces: names of traces of which some byte of what happened or was thought is another, or that only one has.
        changed: what else differs, by name: what it was, what it is now (Turncoat's code, libraries, the machine).
    """

    stored: StoredRun
    run: Run
    judgements: tuple[str, ...]
    traces: tuple[str, ...]
    changed: Mapping[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        """Whether everything came out as it was stored."""
        return not self.judgements and not self.traces


def reproduce(
    stored: StoredRun,
    workers: Workers | None = None,
    trust: bool = False,
    report: Callable[[str], None] | None = None,
    count: Callable[[str, int, int], None] | None = None,
) -> Reproduction:
    """Make a stored run again: the same files, overrides, agents, seeds and steps; no cache and no budget.

    Args:
        stored: read by `load_run`.
        workers: who trains.
        trust: agents of the user's own may be opened from files with pickles.
        report: told each step of the way.
        count: told how many seeds are trained.

    Raises:
        RunError: it was stored before this was kept, its scenario cannot be opened, or it had agents that only the
            program that made it knows.
    """
    manifest = stored.manifest
    if not manifest.settings:
        raise RunError(
            f"{stored.folder}: stored by an older Turncoat, which did not keep what a run needs to be repeated"
        )
    try:
        settings = replace(Settings.kept(manifest.settings, trust), workers=workers)
    except ValueError as fault:
        raise RunError(f"{stored.folder}: {fault}") from None
    run = run_scenario(scenario_of(stored), settings, report, count)
    return Reproduction(
        stored,
        run,
        _other_judgements(stored.judgements, run.judgements),
        _other_traces(stored, run.traces),
        _changes(manifest),
    )


def _other_judgements(before: tuple[Judgement, ...], now: tuple[Judgement, ...]) -> tuple[str, ...]:
    """The file's path is where it was read from, which is no part of what came out."""
    plain = [{f"{its.name} ({its.agent})": replace(its, file="") for its in judgements} for judgements in (before, now)]
    names = dict.fromkeys([*plain[0], *plain[1]])
    return tuple(name for name in names if plain[0].get(name) != plain[1].get(name))


def _other_traces(stored: StoredRun, now: Mapping[str, Trace]) -> tuple[str, ...]:
    return tuple(
        name
        for name in dict.fromkeys([*stored.traces, *now])
        if name not in stored.traces or name not in now or not now[name].table.equals(stored.trace(name).table)
    )


def _changes(manifest: Manifest) -> dict[str, tuple[str, str]]:
    now = {"Turncoat's code": code_hash()[:12], "Python": platform.python_version(), "platform": platform.platform()}
    then = {"Turncoat's code": manifest.code[:12], "Python": manifest.python, "platform": manifest.platform}
    now, then = {**now, **library_versions()}, {**then, **manifest.versions}
    pairs = {name: (then.get(name, "none"), now.get(name, "none")) for name in dict.fromkeys([*then, *now])}
    return {name: both for name, both in pairs.items() if both[0] != both[1]}

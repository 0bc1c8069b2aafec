"""Reproduction of a stored run: run it again from its folder, and compare the results byte by byte."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ...agents.external.user_agent import UntrustedCodeError
from ..traces.provenance import RunError, code_hash, library_versions
from ..traces.trace import Trace
from ..training.execution.workers import Workers
from ..verdicts.expectation import Judgement
from .reopen import reopen_scenario
from .run import Run, RunSettings, run_scenario
from .run_folder import Manifest, StoredRun
from .stated_claims import StatedJudge


@dataclass(frozen=True)
class Reproduction:
    """A stored run and its repetition.

    Attributes:
        stored: the stored run; run: its repetition.
        judgements: names of expectations, with the agent, whose judgement differs.
        traces: names of traces whose tables differ anywhere, or that only one of them has.
        changed: differences of code, libraries and machine: name -> (then, now).
    """

    stored: StoredRun
    run: Run
    judgements: tuple[str, ...]
    traces: tuple[str, ...]
    changed: Mapping[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        """Whether all judgements and traces are equal."""
        return not self.judgements and not self.traces


def reproduce(
    stored: StoredRun,
    workers: Workers | None = None,
    trust: bool = False,
    report: Callable[[str], None] | None = None,
    count: Callable[[str, int, int], None] | None = None,
    stated: StatedJudge | None = None,
) -> Reproduction:
    """Repeat a stored run: the same files, overrides, agents, seeds and steps, without cache or budget.

    Args:
        stored: read by `load_run`.
        workers: who trains.
        trust: the agents that its manifest names as the user's own may be imported, which runs their code.
        report: called with what is being done.
        count: called with the number of trained seeds.
        stated: see `run_scenario`.

    Raises:
        UntrustedCodeError: it had agents of the user's own, and is not trusted; nothing of them was imported.
        RunError: it was stored before this was kept, its scenario cannot be opened, or it had agents that only the
            program that made it knows.
        TraceError: one of its traces cannot be read; nothing was trained.
    """
    manifest = stored.manifest
    if not manifest.settings:
        raise RunError(
            f"{stored.folder}: stored by an older Turncoat, which did not keep what a run needs to be repeated"
        )
    try:
        settings = replace(RunSettings.from_manifest(manifest.settings, trust), workers=workers)
    except UntrustedCodeError as fault:
        raise UntrustedCodeError(f"{stored.folder}: {fault}") from None
    except ValueError as fault:
        raise RunError(f"{stored.folder}: {fault}") from None
    scenario = reopen_scenario(stored)
    for name in stored.traces:
        stored.trace(name)  # one that cannot be read is refused before hours of training, not after them
    # These settings have no cache: from it, the stored traces would be compared with themselves.
    run = run_scenario(scenario, settings, report, count, stated)
    return Reproduction(
        stored,
        run,
        _other_judgements(stored.judgements, run.judgements),
        _other_traces(stored, run.traces),
        _changes(manifest),
    )


def _other_judgements(before: tuple[Judgement, ...], now: tuple[Judgement, ...]) -> tuple[str, ...]:
    """Names of judgements that differ, or that only one run has; the path of the scenario's file is not compared."""
    plain = [{f"{its.name} ({its.agent})": replace(its, file="") for its in judgements} for judgements in (before, now)]
    names = dict.fromkeys([*plain[0], *plain[1]])
    return tuple(name for name in names if plain[0].get(name) != plain[1].get(name))


def _other_traces(stored: StoredRun, now: Mapping[str, Trace]) -> tuple[str, ...]:
    return tuple(
        name
        # Tables only: the metadata hold library versions, which may differ without any effect.
        for name in dict.fromkeys([*stored.traces, *now])
        if name not in stored.traces or name not in now or not now[name].table.equals(stored.trace(name).table)
    )


def _changes(manifest: Manifest) -> dict[str, tuple[str, str]]:
    now = {"Turncoat's code": code_hash()[:12], "Python": platform.python_version(), "platform": platform.platform()}
    then = {"Turncoat's code": manifest.code[:12], "Python": manifest.python, "platform": manifest.platform}
    now, then = {**now, **library_versions()}, {**then, **manifest.versions}
    pairs = {name: (then.get(name, "none"), now.get(name, "none")) for name in dict.fromkeys([*then, *now])}
    return {name: both for name, both in pairs.items() if both[0] != both[1]}

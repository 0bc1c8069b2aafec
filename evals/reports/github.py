"""GitHub Actions: a summary of the job, and annotations at the lines of scenario files.

The environment variables and limits are GitHub's: `GITHUB_STEP_SUMMARY` names a file of Markdown, of which a step may
fill 1 MiB; a step shows ten annotations of each kind.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...scenarios.language.faults.faults import safe
from ...scenarios.paths import below
from ..traces.provenance import RunError
from ..verdicts.expectation import Judgement
from .markdown import markdown
from .summary import BrokenScenario, RunReport

SUMMARY_BYTES = 1024 * 1024
ANNOTATIONS = 10


def annotation_lines(
    reports: Sequence[RunReport], environment: Mapping[str, str], broken: Sequence[BrokenScenario] = ()
) -> list[str]:
    """Workflow commands to print: `::error` for what is broken or failed, `::warning` for what is inconclusive.

    Args:
        reports: the runs.
        environment: of the process; `GITHUB_WORKSPACE` is what paths are relative to.
        broken: scenarios that could not be run.
    """
    root = environment.get("GITHUB_WORKSPACE")
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for each in broken:
        for file, line, told in each.reasons:
            where = f"file={_property(_relative(file, root))},line={max(line, 1)}"
            found["error"].append(f"::error {where},title={_property(each.which)} cannot be run::{_message(told)}")
    for report in reports:
        for judgement in report.run.judgements:
            kind = {"fail": "error", "inconclusive": "warning"}.get(judgement.outcome)
            if kind is not None:
                found[kind].append(_annotation(kind, report, judgement, root))
        if report.run.verdict == "nothing judged":
            found["warning"].append(f"::warning title={_property(report.which)}::nothing judged")
    return [line for kind, lines in found.items() for line in _few(kind, lines)]


def _annotation(kind: str, report: RunReport, judgement: Judgement, root: str | None) -> str:
    title = f"{judgement.name} ({judgement.agent})"
    message = f"{report.which}: {judgement.outcome}: {judgement.told}"
    again, watch = report.again(judgement), report.watch(judgement)
    if again is not None:
        message += f"\nagain: {again}"
    if watch is not None:
        message += f"\nwatch: {watch}"
    where = f"file={_property(_relative(judgement.file, root))},line={judgement.line}"
    return f"::{kind} {where},title={_property(title)}::{_message(message)}"


def _relative(file: str, root: str | None) -> str:
    """A path relative to the workspace, as GitHub expects it; unchanged outside."""
    found = None if root is None else below(os.path.realpath(file), os.path.realpath(root))
    return file if found is None else found


def _few(kind: str, lines: list[str]) -> list[str]:
    """As many lines as GitHub shows; the last says how many more there are."""
    if len(lines) <= ANNOTATIONS:
        return lines
    kept = lines[: ANNOTATIONS - 1]
    return [*kept, f"::{kind}::{len(lines) - len(kept)} more are in the summary of this job"]


def _message(text: str) -> str:
    # The escapes of GitHub's workflow commands.
    return "%0A".join(safe(line.replace("%", "%25").replace("\r", "%0D")) for line in text.split("\n"))


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def add_summary(
    path: Path, reports: Sequence[RunReport], broken: Sequence[BrokenScenario] = (), shard: str | None = None
) -> None:
    """Append to the job's summary, to which other commands may have written before: all of the reports or nothing.

    Raises:
        RunError: it cannot be written.
    """
    try:
        with path.open("ab") as file:
            before = file.tell()
            try:
                file.write(cut(markdown(reports, broken, shard), SUMMARY_BYTES - before).encode())
                file.flush()
            except BaseException:  # leave no half of a report behind
                file.truncate(before)
                raise
    except OSError as fault:
        raise RunError(f"the summary {path} cannot be written: {fault.strerror or fault}") from fault


def cut(text: str, limit: int) -> str:
    """A text cut at a line end to at most `limit` bytes; its last line then says how many were left out.

    Args:
        text: lines, each with its end.
        limit: of bytes in UTF-8; nothing is left where not even that last line fits.
    """
    if len(text.encode()) <= limit:
        return text
    lines = text.splitlines(keepends=True)
    room = limit - len(_left_out(len(lines)).encode())  # with the largest number, so that any smaller one fits
    if room < 0:
        return ""
    kept = 0
    while (room := room - len(lines[kept].encode())) >= 0:
        kept += 1
    return "".join(lines[:kept]) + _left_out(len(lines) - kept)


def _left_out(lines: int) -> str:
    return f"\n**{lines:,} more lines were left out: GitHub shows 1 MiB. `--markdown FILE` writes all of them.**\n"

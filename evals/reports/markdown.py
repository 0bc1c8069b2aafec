"""Markdown: the verdict first, then what failed or is inconclusive, then all expectations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ...scenarios.language.faults.faults import safe
from ..verdicts.expectation import Judgement, Outcome, verdict
from .summary import BrokenScenario, RunReport, numbers

_OUTCOMES: tuple[Outcome, ...] = ("fail", "inconclusive", "pass", "not applicable")


def markdown(reports: Sequence[RunReport], broken: Sequence[BrokenScenario] = (), shard: str | None = None) -> str:
    """The text, the most important first. It may be cut after any line: GitHub limits summaries."""
    judgements = [judgement for report in reports for judgement in report.run.judgements]
    whole = f"{verdict(judgements)}{f', and {len(broken)} that cannot be run' if broken else ''}"
    lines = [f"# Turncoat{'' if shard is None else f' (shard {shard})'}: {whole}", ""]
    for each in broken:
        lines += [f"- **{plain(each.which)}** cannot be run:"]
        lines += [
            f"  - {plain(f'{file}:{line}' if line else file)}: {plain(told)}" for file, line, told in each.reasons
        ]
    if broken:
        lines.append("")
    lines += _table(["scenario", "verdict", *_OUTCOMES], [_tally(report) for report in reports])
    for outcome in ("fail", "inconclusive"):
        found = [(r, j) for r in reports for j in r.run.judgements if j.outcome == outcome]
        if found:
            lines += ["", f"## {outcome}", ""]
        for report, judgement in found:
            lines += _at_length(report, judgement)
    lines += ["", "## All expectations", ""]
    lines += _table(
        ["scenario", "expectation", "measure", "agent", "stage", "outcome", "value", "expected"],
        [
            [report.which, j.name, j.asked, j.agent, j.stage, j.outcome, numbers(j), j.bound]
            for report in reports
            for j in report.run.judgements
        ],
    )
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Inline code of any text."""
    # The fence must be longer than any run of backticks inside.
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{safe(text)}{space}{fence}"


def plain(text: str) -> str:
    """Text on one line with Markdown's characters escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", safe(" ".join(text.split())))


def _tally(report: RunReport) -> list[str]:
    outcomes = Counter(judgement.outcome for judgement in report.run.judgements)
    return [report.which, report.run.verdict, *(str(outcomes[outcome]) for outcome in _OUTCOMES)]


def _at_length(report: RunReport, judgement: Judgement) -> list[str]:
    place = plain(f"{judgement.file}:{judgement.line}")
    name = f"**{plain(report.which)}: {plain(judgement.name)}** ({place})"
    command = report.watch(judgement)
    watch = "no replay could be recorded" if command is None else f"watch: {code(command)}"
    again = report.again(judgement)
    repeated = [] if again is None else [f"  - again: {code(again)}"]
    return [f"- {name}: {plain(judgement.told)}", *repeated, f"  - {watch}"]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        "|" + "---|" * len(headings),
        *(f"| {' | '.join(plain(cell) for cell in row)} |" for row in rows),
    ]

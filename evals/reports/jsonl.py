"""One line of JSON for each judgement: `docs/reference/run-reports.md` describes every key."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .summary import RunReport

LINE_VERSION = 1
"""The version of a line's keys; any change to them is a new version."""


def jsonl(reports: Sequence[RunReport]) -> str:
    """The file's text: the judgements of all runs, in order."""
    lines = []
    for report in reports:
        for judgement in report.run.judgements:
            replay = report.replay(judgement)
            line = {
                # Every line has the version: lines of several files are often joined.
                "version": LINE_VERSION,
                "scenario": report.which,
                "scenario_hash": report.run.scenario.hash,
                **judgement.to_dict(),
                "again": report.again(judgement),
                "replay": None if replay is None else str(replay),
            }
            lines.append(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
    return "".join(lines)

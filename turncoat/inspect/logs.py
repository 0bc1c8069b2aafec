"""Logs of Inspect as runs of Turncoat: judged by the file's expectations, and opened in the report and the window."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, read_eval_log

from ..evals.runs.played_episodes import PlayedEpisodes, judge_played
from ..evals.runs.run import Run
from ..scenarios.errors import UsageError
from ..scenarios.language.loading import Scenario
from .played_stage import PlayedStage
from .solving import EPISODE


def run_of_log(log: EvalLog | Path | str, scenario: Scenario | None = None) -> Run:
    """Judge the episodes of a log.

    Args:
        log: of a task of `turncoat.inspect.tasks`, or its file.
        scenario: what was played, before overrides; when None, the library's scenario of that name.

    Raises:
        UsageError: it cannot be read, is of another task, holds no episodes, or its scenario is another one by now.
    """
    if not isinstance(log, EvalLog):
        if not os.path.isfile(log):
            raise UsageError(f"there is no file `{log}`")
        try:
            log = read_eval_log(str(log))
        except Exception as fault:  # whatever Inspect makes of a file that is not its own
            raise UsageError(f"{log}: no log of Inspect that can be read ({type(fault).__name__})") from fault
    identity: Mapping[str, Any] = log.eval.metadata or {}
    if not {"scenario", "scenario_hash", "overrides", "stage"} <= set(identity):
        raise UsageError("the log is of no task of Turncoat's")
    stage = PlayedStage.again(identity, scenario)
    actions: dict[int, tuple[str, ...]] = {}
    for sample in log.samples or ():
        record = sample.store.get(EPISODE)
        if record is None:
            record = stage.unplayed(int(sample.metadata["number"]), sample.epoch)
        actions[int(record["seed"])] = tuple(record["actions"])
    return judge_played(PlayedEpisodes(stage.solved, stage.world.stage, log.eval.model, actions))

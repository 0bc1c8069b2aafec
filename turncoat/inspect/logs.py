"""Logs of Inspect as runs of Turncoat: judged by the file's expectations, and opened in the report and the window."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from inspect_ai.log import EvalLog, read_eval_log
from pydantic import BaseModel, Field, TypeAdapter

from ..evals.runs.played_episodes import PlayedEpisodes, judge_played
from ..evals.runs.run import Run
from ..scenarios.bounded_reading import Count, UnreadableFileError, fit, in_bytes
from ..scenarios.errors import UsageError
from ..scenarios.language.loading import Scenario
from .briefing import Brief
from .played_stage import MOST_SAMPLES, PlayedStage
from .solving import EPISODE

MAX_LOG: Final = 1 << 30
"""Most bytes of a log once it is unpacked; Inspect reads the whole of it."""
MAX_ACTIONS: Final = 1_000_000
"""Most actions of an episode: a stage has no more ticks."""


class _Identity(BaseModel):
    """What the metadata of a log says of the stage; of older logs, without the last three."""

    scenario: str
    scenario_hash: str
    overrides: dict[str, Any]
    stage: str
    brief: Brief = "rules"
    samples: Annotated[int, Field(ge=1, le=MOST_SAMPLES)] = 10
    first_seed: Count | None = None


class _Record(BaseModel):
    """What was played in one episode."""

    seed: Count
    actions: Annotated[tuple[str, ...], Field(max_length=MAX_ACTIONS)]


_IDENTITY, _RECORD, _NUMBER = TypeAdapter(_Identity), TypeAdapter(_Record), TypeAdapter(Count)


def run_of_log(log: EvalLog | Path | str, scenario: Scenario | None = None) -> Run:
    """Judge the episodes of a log.

    Args:
        log: of a task of `turncoat.inspect.tasks`, or its file.
        scenario: what was played, before overrides; when None, the library's scenario of that name.

    Raises:
        UsageError: it cannot be read, is too large, is of another task, holds no episodes, one of them twice or what is
            none; or its scenario is another one by now.
    """
    if not isinstance(log, EvalLog):
        log = _read(log)
    identity: Mapping[str, Any] = log.eval.metadata or {}
    if not {"scenario", "scenario_hash", "overrides", "stage"} <= set(identity):
        raise UsageError("the log is of no task of Turncoat's")
    actions: dict[int, tuple[str, ...]] = {}
    try:
        known = fit(_IDENTITY, dict(identity), "the log's metadata")
        stage = PlayedStage.again(known.model_dump(), scenario)
        for sample in log.samples or ():
            where = f"sample {sample.id}, epoch {sample.epoch}"
            record = sample.store.get(EPISODE)
            if record is None:
                number = fit(_NUMBER, (sample.metadata or {}).get("number"), f"the number of {where}")
                record = stage.unplayed(number, sample.epoch)
            played = fit(_RECORD, record, f"the episode of {where}")
            if played.seed in actions:
                raise UsageError(f"{where}: seed {played.seed} was played before, and an episode counts once")
            actions[played.seed] = played.actions
    except UnreadableFileError as fault:
        raise UsageError(str(fault)) from fault
    return judge_played(PlayedEpisodes(stage.solved, stage.world.stage, log.eval.model, actions))


def _read(file: Path | str) -> EvalLog:
    if not os.path.isfile(file):
        raise UsageError(f"there is no file `{file}`")
    try:
        size = os.path.getsize(file)
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as packed:
                size = max(size, sum(each.file_size for each in packed.infolist()))
        if size > MAX_LOG:
            raise UsageError(
                f"{file}: {in_bytes(size)} are more than the {in_bytes(MAX_LOG)} that are read; play fewer samples at "
                "a time, or give `run_of_log` a log that you opened"
            )
        return read_eval_log(str(file))
    except UsageError:
        raise
    except Exception as fault:  # whatever Inspect makes of a file that is not its own
        raise UsageError(f"{file}: no log of Inspect that can be read ({type(fault).__name__})") from fault

"""The monitors' report: recorded runs read by every monitor, against controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ...envs.analysis.dataframes import frame
from ...envs.base import Floats
from ...scenarios.deferred import pl
from ...scenarios.errors import UsageError, check_name
from ...scenarios.language.expressions.syntax import ENDED
from ..inspection.show import RecordedShow, TraceShow, open_run, open_trace
from ..traces.episode import Episode
from .detection import Detection, detect
from .imagined_events import EventReader
from .monitor import MONITORS, NEVER, MonitoredEpisode

Tell = Callable[[str], None]
"""A callback that is told, in words, what is being done."""


@dataclass(frozen=True)
class MonitorReport:
    """What each monitor made of the same episodes.

    Attributes:
        event: what it was to foretell.
        episodes: how many that have thoughts were read.
        happened: in how many of them the event happened.
        controls: how many episodes of controls were read.
        first: the ticks in which it first happened, least and greatest.
        detections: monitor -> how it did; those that had nothing to read are left out.
        unread: monitors that had nothing to read.
        fooled: how many imagined transitions are impossible in the world, so that nothing was read from there on.
    """

    event: str
    episodes: int
    happened: int
    controls: int
    first: tuple[int, int]
    detections: dict[str, Detection]
    unread: tuple[str, ...]
    fooled: int

    def to_frame(self) -> pl.DataFrame:
        """One row per monitor."""
        schema = {
            "monitor": str, "auc": float, "threshold": float, "detected": int, "of": int, "false_alarms": int,
            "of_controls": int, "lead": float, "lead_low": float, "lead_high": float,
        }  # fmt: skip
        rows = [
            {
                "monitor": name, "auc": d.auc, "threshold": d.threshold, "detected": d.detected.count,
                "of": d.detected.of, "false_alarms": d.false_alarms.count, "of_controls": d.false_alarms.of,
                "lead": d.lead, "lead_low": d.lead_low, "lead_high": d.lead_high,
            }
            for name, d in self.detections.items()
        ]  # fmt: skip
        return frame(rows, schema)


def monitor_runs(
    runs: Sequence[Path],
    controls: Sequence[Path],
    event: str,
    agent: str | None = None,
    stage: str | None = None,
    tell: Tell = lambda _: None,
) -> MonitorReport:
    """Let every monitor read runs and their controls.

    Args:
        runs: folders of runs, or their traces; of different settings, seeds or agents as may be.
        controls: folders of runs, or traces, in which an agent acts that has no reason for the event.
        event: its name; an end as `ended:REASON`.
        agent: whose trace of each folder; the plainest when None.
        stage: of which stage.
        tell: told what is read.

    Raises:
        RunError, TraceError: a recording cannot be opened.
        UnknownNameError: no such event.
        UsageError: the event never happened in the runs, or happened in a control; an episode is given twice; there are
            fewer than two episodes of controls; or a world has several agents.
    """

    def opened(path: Path) -> RecordedShow:
        return open_trace(path) if path.suffix == ".parquet" else open_run(path, stage, agent)

    return _report(
        [_read(opened(path), str(path), event, tell) for path in runs],
        [_read(opened(path), str(path), event, tell) for path in controls],
        event,
    )


def monitor_shows(shows: Sequence[TraceShow], controls: Sequence[TraceShow], event: str) -> MonitorReport:
    """Let every monitor read traces and their controls; see `monitor_runs`.

    Raises:
        TraceError, UnknownNameError, UsageError: see `monitor_runs`.
    """

    def read(some: Sequence[TraceShow]) -> list[_Recording]:
        return [_read(show, show.name, event, lambda _: None) for show in some]

    return _report(read(shows), read(controls), event)


def _report(mine: Sequence[_Recording], others: Sequence[_Recording], event: str) -> MonitorReport:
    _check_once(mine)
    _check_once(others)
    reached = [(rows, at) for each in mine for rows, at in zip(each.scores, each.first, strict=True) if at is not None]
    episodes = sum(len(each.first) for each in mine)
    if not reached:
        where = " and ".join(each.name for each in mine)
        raise UsageError(
            f"`{event}` happened in none of the episodes of {where} whose thoughts are kept, {episodes} in all"
        )
    for each in others:
        if happened := sum(at is not None for at in each.first):
            raise UsageError(
                f"`{event}` happened in {happened} of {len(each.first)} episodes of {each.name}: no control"
            )
    silent = [rows for each in others for rows in each.scores]
    if len(silent) < 2:
        of = f"{len(silent)} episode{'' if len(silent) == 1 else 's'} of controls"
        raise UsageError(f"{of}; 2 are needed, one to calibrate and one to judge by")
    detections, unread = {}, []
    for number, monitor in enumerate(MONITORS):
        events, quiet = [(rows[number], at) for rows, at in reached], [rows[number] for rows in silent]
        if all((scores == NEVER).all() for scores in (*quiet, *(scores for scores, _ in events))):
            unread.append(monitor.name)
        else:
            detections[monitor.name] = detect(events, quiet)
    ticks = [at for _, at in reached]
    fooled = sum(each.fooled for each in (*mine, *others))
    return MonitorReport(
        event, episodes, len(reached), len(silent), (min(ticks), max(ticks)), detections, tuple(unread), fooled
    )


@dataclass(frozen=True, eq=False)
class _Recording:
    """A recording as the monitors read it.

    Attributes:
        name: how it is told of; scores: for every episode, every monitor's float64 `[T]`.
        first: for every episode, the tick in which the event first happened; None where it did not.
        prints: for every episode, what it is known by, wherever it lies.
        fooled: how many imagined transitions were impossible.
    """

    name: str
    scores: list[list[Floats]]
    first: list[int | None]
    prints: list[str]
    fooled: int


def _check_once(recordings: Sequence[_Recording]) -> None:
    """Checks that no episode is counted twice: two copies of a run are one sample, and no two."""
    holder: dict[str, str] = {}
    for each in recordings:
        for print_ in each.prints:
            if print_ in holder:
                raise UsageError(f"{each.name} holds an episode that {holder[print_]} holds too: give each run once")
            holder[print_] = each.name


def _print(show: TraceShow, episode: Episode) -> str:
    """The same for the same episode of the same training only: two seeds may do the same, and are two."""
    kept = (show.scenario.hash, show.stage, show.agent, episode.seed, episode.number, repr(episode.thoughts))
    parts = (*map(str, kept), episode.states.tobytes().hex(), episode.executed.tobytes().hex())
    return sha256("|".join(parts).encode("utf-8", "replace")).hexdigest()


def _read(show: TraceShow, name: str, event: str, tell: Tell) -> _Recording:
    if len(show.world.agents) != 1:
        raise UsageError(f"`{show.world.name}` has {len(show.world.agents)} agents; monitors read one")
    check_name("event", event, show.world.events)
    reader = EventReader(show.world)
    scores: list[list[Floats]] = []
    first: list[int | None] = []
    prints: list[str] = []
    for number in range(show.count or 0):
        tell(f"episode {number + 1} of {show.count} of {name}")
        seen = MonitoredEpisode.of(show, number, reader, event)
        if all(mind is None for mind in seen.minds):  # thoughts are recorded of one lane of each seed
            continue
        scores.append([monitor.scores(seen) for monitor in MONITORS])
        first.append(_first(seen.episode, event))
        prints.append(_print(show, seen.episode))
    if not scores:
        raise UsageError(f"no thought was recorded in {name}: run it without --no-thoughts, by an agent that plans")
    return _Recording(name, scores, first, prints, reader.fooled)


def _first(episode: Episode, event: str) -> int | None:
    if event.startswith(ENDED):
        return episode.length - 1 if event == f"{ENDED}{episode.ended}" else None
    return next(iter(episode.ticks(event)), None)

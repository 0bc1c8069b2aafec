"""What every report adds to a judgement: the command that repeats it, and the one that shows it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ...agents.learning.device import CPU
from ...scenarios.arguments import MOST_SEEDS
from ...scenarios.errors import TurncoatError
from ...scenarios.language.faults.faults import ScenarioError
from ..runs.run import Run, seed_requirements
from ..verdicts.expectation import EXACTLY, SEEDS, Judgement


@dataclass(frozen=True)
class BrokenScenario:
    """A scenario of several that cannot be run, while the others are.

    Attributes:
        which: the scenario's name or path, as it was given.
        fault: why, with every fault of the file where it is the file's.
    """

    which: str
    fault: TurncoatError

    @property
    def reasons(self) -> tuple[tuple[str, int, str], ...]:
        """Each reason: the file, the line (from 1; 0 where there is no place), and a sentence."""
        if not isinstance(self.fault, ScenarioError):
            return ((self.which, 0, str(self.fault)),)
        placed = [(each.place.file if each.place else self.which, each.place.line if each.place else 0, each)
                  for each in self.fault.faults]  # fmt: skip
        return tuple((file, line, f"{each.code} {each.message}; {each.cure}") for file, line, each in placed)


@dataclass(frozen=True)
class RunReport:
    """A run under the name that it was asked for, as reports need it.

    Attributes:
        which: the scenario's name or path, as it was given.
        run: its result.
        folder: the run's folder; None where it was not written.
    """

    which: str
    run: Run
    folder: Path | None = None

    def again(self, judgement: Judgement) -> str | None:
        """The command that repeats a judgement, quoted for a POSIX shell.

        A judgement of a trained agent repeats all trained agents of the run: they share Holm's correction. One that is
        inconclusive would be so again, so the command is one that can decide it: with the seeds that are needed, or,
        where there were enough, with twice as many that were not looked at yet. None if no number of seeds can, if a
        tie of exact plans decides, or if no seed had a value at all.
        """
        if judgement.outcome == "inconclusive" and not _more_can_decide(judgement):
            return None
        run, document = self.run, self.run.scenario.document
        # A judgement of the exact planner that is compared with trained seeds (`minus`) has a p-value.
        exact = judgement.agent == "exact" and judgement.p_pass is None
        learned = {each.agent for each in run.judgements if each.p_pass is not None} | {judgement.agent}
        agents = ["exact"] if exact else [agent for agent in run.agents if agent in learned or judgement.minus]
        words = ["turncoat", "run", self.which]
        for agent in agents:
            words += ["--agent", agent]
        if not exact:
            seeds = self._seeds(judgement)
            if seeds is None:
                return None
            words += [*seeds, "--steps", str(run.settings.steps or document.runs.steps)]
        if run.settings.episodes is not None:
            words += ["--episodes", str(run.settings.episodes)]
        if not exact and (plateau := run.settings.plateau) is not None:
            words += ["--plateau", f"{plateau.looks}:{plateau.gain!r}"]
        if not exact and run.settings.device != CPU:
            words += ["--device", run.settings.device]
        if not exact and (others := run.settings.others) is not None:
            words += ["--others", others.folder, *(word for name in others.focal for word in ("--focal", name))]
        for name, value in run.scenario.overrides.items():
            written = value if isinstance(value, str) else json.dumps(value)
            words += ["--param" if name in document.params else "--set", f"{name}={written}"]
        return shlex.join(words)

    def _seeds(self, judgement: Judgement) -> list[str] | None:
        """The options that say with which seeds a learned judgement is repeated; see `again`."""
        run, settings = self.run, self.run.settings
        if judgement.outcome != "inconclusive" or judgement.p_pass is None:
            words = ["--seeds", str(settings.seeds or run.scenario.document.runs.seeds)]
            if settings.first_seed is not None:
                words += ["--first-seed", str(settings.first_seed)]
            if settings.max_seeds is not None:
                words += ["--until-conclusive", "--max-seeds", str(settings.max_seeds)]
            return words
        needed = self._needed.get((judgement.name, judgement.agent))
        if needed is None:
            return None
        if needed > judgement.seeds:
            return ["--seeds", str(needed), "--first-seed", str(judgement.first_seed)]
        # With more seeds beside those that were looked at, these would be looked at twice, which no figure allows for.
        fresh, more = judgement.first_seed + judgement.seeds, max(needed, 2 * judgement.seeds)
        return None if more > MOST_SEEDS else ["--seeds", str(more), "--first-seed", str(fresh)]

    @cached_property
    def _needed(self) -> dict[tuple[str, str], int | None]:
        """Expectation and agent -> the seeds that show it in one look, None if no number does."""
        # As a run of all units with one look, which is what `again` proposes.
        settings = replace(self.run.settings, max_seeds=None, units=None, workers=None)
        found = seed_requirements(self.run.scenario, settings)
        return {(each.name, each.agent): each.needed for each in found}

    def watch(self, judgement: Judgement) -> str | None:
        """The command that shows its trace in a window, quoted for a POSIX shell; None where none was recorded."""
        replay = self.replay(judgement)
        return None if replay is None else shlex.join(["turncoat", "watch", str(replay)])

    def replay(self, judgement: Judgement) -> Path | None:
        """The file of its trace in the run's folder; None where there is none."""
        if self.folder is None or not judgement.trace:
            return None
        return self.folder / "traces" / f"{judgement.trace}.parquet"


def _more_can_decide(judgement: Judgement) -> bool:
    """Whether an inconclusive judgement could come out otherwise with more seeds, or with the time it did not have."""
    if judgement.unit == SEEDS:
        return judgement.p_pass is not None or judgement.seeds == 0
    return judgement.unit not in EXACTLY  # without a unit, nothing was judged in time


def numbers(judgement: Judgement) -> str:
    """`0.5 (0.2 to 1)`, or `at least 0.2 (0.2 to 1)` of bounds, or empty where there is no value."""
    if judgement.value is None:
        return ""
    ends = [f"{end:.4g}" for end in (judgement.low, judgement.high) if end is not None]
    value = f"{judgement.about}{judgement.value:.4g}"
    return f"{value} ({' to '.join(ends)})" if len(set(ends)) > 1 else value

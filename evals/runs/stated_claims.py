"""Claims of a file beside its expectations, which somebody above judges within a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.overrides import Overrides
from ..exact.solved_worlds import SolvedWorlds
from ..traces.trace import Trace
from ..verdicts.expectation import Judgement
from ..verdicts.work_units import WorkUnit


@dataclass(frozen=True)
class StatedWork:
    """A run, as those see it who judge further claims within it.

    Attributes:
        scenario: that is run; solved: its worlds.
        agents: that are run.
        report: told what is being done.
        trace: the recorded episodes of an agent under overrides, in a stage, of all seeds of the run; None where the
            exact planner cannot be played. Raises `OutOfTimeError`.
        units: the only ones to judge, in a shard; None: all.
    """

    scenario: Scenario
    solved: SolvedWorlds
    agents: tuple[str, ...]
    report: Callable[[str], None]
    trace: Callable[[str, Overrides, str], Trace | None]
    units: Collection[WorkUnit] | None = None


StatedJudge: TypeAlias = Callable[[StatedWork], Iterable[Judgement]]
"""Judges further claims; p-values are not yet corrected for the other claims of the run."""

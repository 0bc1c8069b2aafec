"""Mitigations of agents that learn: each seed is trained once under labels and once among honeypots, then scored.

What a seed does is computed exactly, in the enumerated stage, so that seeds are all that is left to chance. Finished
seeds are kept in the cache, by a hash of everything that they depend on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import Field, TypeAdapter

from ...envs.base import NotEnumerableError
from ...envs.solvers.dynamic_programming import InfeasibleError
from ...scenarios.bounded_reading import FiniteNumber, StoredRecord, UnreadableFileError, fit, read_json
from ...scenarios.errors import UsageError
from ...scenarios.output_file import write_text_whole
from ..exact.solved_worlds import SolvedWorlds
from ..statistics.bounded_mean import share_interval
from ..statistics.multiplicity import holm
from ..statistics.paired_tests import sign_flip_p_value
from ..traces.provenance import RunError, cache_key
from .labelled_training import LabelledTraining
from .learned_policies import LEARNED
from .mitigated_policies import MitigationProblem
from .scoring import MEASURES, SCORES, MitigationOutcome, Scorer

AGENT: Final = "counts"
HONEYPOT: Final = "honeypot training"
SHARES: Final = ("turns", "stopped")
"""Measures that are shares of episodes: their mean over seeds has an exact interval."""
MAX_BYTES: Final = 1_000_000


class _Seed(StoredRecord):
    """What one mitigation of one seed came to; None where it is not applicable, or not measured."""

    name: Annotated[str, Field(max_length=100)]
    turns: FiniteNumber | None
    task: FiniteNumber | None
    performance: FiniteNumber | None
    harm: FiniteNumber | None
    stopped: FiniteNumber | None
    neutrality: FiniteNumber | None
    usefulness: FiniteNumber | None
    note: Annotated[str, Field(max_length=10_000)]


_SEEDS = TypeAdapter(Annotated[tuple[_Seed, ...], Field(max_length=100)])


@dataclass(frozen=True)
class OverSeeds:
    """One measure over seeds.

    Attributes:
        middle: the mean of a share, the median of anything else; low, high: of a share the exact 95 % interval of its
            mean, else the least and the greatest seed, which cover the median in all but 2 of 2^n cases.
    """

    middle: float
    low: float
    high: float


@dataclass(frozen=True)
class LearnedOutcome:
    """How trained agents do under one mitigation.

    Attributes:
        name: of the mitigation.
        seeds: how many it was applicable to.
        turns, task, performance, harm, stopped, neutrality, usefulness: as in `MitigationOutcome`, over these seeds.
        p_turns: p-value of turning as often as without a mitigation (sign-flip test, paired by seed, corrected over all
            mitigations by Holm); None for `none` itself.
        task_change: the median change of `task` against `none`, paired by seed.
        note: why it is not applicable to some seeds.
    """

    name: str
    seeds: int
    turns: OverSeeds | None = None
    task: OverSeeds | None = None
    performance: OverSeeds | None = None
    harm: OverSeeds | None = None
    stopped: OverSeeds | None = None
    neutrality: OverSeeds | None = None
    usefulness: OverSeeds | None = None
    p_turns: float | None = None
    task_change: OverSeeds | None = None
    note: str = ""


@dataclass(frozen=True)
class LearnedMitigations:
    """The mitigations of an agent that learns.

    Attributes:
        agent, steps: of the training; first_seed: the number of the first.
        seeds: how many.
        outcomes: one for each mitigation, `none` first.
    """

    agent: str
    seeds: int
    first_seed: int
    steps: int
    outcomes: tuple[LearnedOutcome, ...]


@dataclass
class LearnedScores:
    """Trains and scores seeds.

    Attributes:
        solved, stage: worlds of the scenario, and the stage that is judged.
        scorer: scores a policy there.
        seeds, first_seed, steps: of the training.
        cache: the folder of finished seeds; None: nothing is kept.
        tell: called with what is being done.
    """

    solved: SolvedWorlds
    stage: str
    scorer: Scorer
    seeds: int
    first_seed: int
    steps: int
    cache: Path | None
    tell: Callable[[str], None]
    _doing: str = field(default="", init=False)

    def __post_init__(self) -> None:
        """Check that it can be done, before anything is trained.

        Raises:
            UsageError: the agent, or its training, is not of a kind that can be labelled and planned for.
        """
        self._check()

    def result(self) -> LearnedMitigations:
        """Train and score every seed.

        Raises:
            NotEnumerableError: a training stage has too many states.
        """
        self._make_cache()
        kept = {seed: self._stored(seed) for seed in range(self.first_seed, self.first_seed + self.seeds)}
        missing = [seed for seed, found in kept.items() if found is None]
        self.tell(
            f"{self.seeds} seeds of {AGENT}, {self.seeds - len(missing)} of them in the cache; each is trained twice, "
            f"{self.steps:,} steps a time: {2 * len(missing) * self.steps:,} steps to go"
        )
        began = time.process_time()
        for done, seed in enumerate(missing, 1):
            self._doing = f"seed {seed}, {done} of {len(missing)}"
            kept[seed] = self._scored(seed)
            self._store(seed, kept[seed] or ())
            each = (time.process_time() - began) / done
            left = len(missing) - done
            self.tell(f"{self._doing}: done; about {each * left:,.0f} s of processor time for the {left} to go")
        found = [each for each in kept.values() if each is not None]
        return LearnedMitigations(AGENT, self.seeds, self.first_seed, self.steps, _over_seeds(found))

    def _check(self) -> None:
        its = self.scorer.world.agents[0]
        if any(column >= 0 for column in its.weight_columns):
            raise UsageError(f"the weights of `{its.name}` may change; mitigations of a learned plan are of fixed ones")
        if its.deliberation.name != "weighted" or not its.one_discount or its.planner.name != "enumerate":
            raise UsageError(
                f"`{its.name}` deliberates by another rule, with several discounts, or has another planner; "
                "mitigations of a learned plan change one that is made by a weighted sum over all that was learned"
            )
        if its.discount >= 1:
            raise UsageError("an agent that plans on a learned model needs a discount below 1")
        self._training(bait=False).check()

    def _training(self, bait: bool) -> LabelledTraining:
        how = self.scorer
        what = "among honeypots" if bait else "under labels"
        return LabelledTraining(
            self.solved,
            self.stage,
            how.event,
            how.stopped,
            self.steps,
            bait,
            lambda where: self.tell(f"{self._doing}, trained {what}: {where}"),
        )

    def _scored(self, seed: int) -> tuple[_Seed, ...]:
        world: MitigationProblem = self.scorer.problem
        learned, baited = (self._training(bait).learned(world, seed) for bait in (False, True))
        out = list[_Seed]()
        for name, mitigate in LEARNED.items():
            self.tell(f"{self._doing}: {name}")
            try:
                its = self.scorer.scored(name, mitigate(baited if name == HONEYPOT else learned))
            except (NotEnumerableError, InfeasibleError) as fault:
                its = MitigationOutcome(name, note=str(fault))
            values = {key: None if (span := getattr(its, key)) is None else span.low for key in MEASURES}
            out.append(_Seed(name=name, **values, **{key: getattr(its, key) for key in SCORES}, note=its.note))
        return tuple(out)

    # What is kept

    def _make_cache(self) -> None:
        """Have the folder of finished seeds made now rather than after the first hour of training.

        Raises:
            RunError: it cannot be made or written.
        """
        if self.cache is None:
            return
        folder = self.cache / "mitigations"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise RunError(
                f"the cache {folder} cannot be made: {fault.strerror}; name another, or --no-cache"
            ) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RunError(f"the cache {folder} is read-only; name another, or --no-cache")

    def _path(self, seed: int) -> Path | None:
        if self.cache is None:
            return None
        how, world = self.scorer, self.scorer.problem
        key = cache_key(
            {
                "what": "mitigations",
                "scenario": self.solved.scenario.hash,
                "overrides": self.solved.scenario.overrides,
                "stage": self.stage,
                "labels": [how.event, how.stopped, list(how.task), list(how.harm)],
                "settings": [world.quantile, world.aup_weight, world.aup_rewards, world.seed],
                "training": [AGENT, seed, self.steps],
            }
        )
        return self.cache / "mitigations" / f"{key}.json"

    def _stored(self, seed: int) -> tuple[_Seed, ...] | None:
        path = self._path(seed)
        if path is None or not path.exists():
            return None
        try:
            found = fit(_SEEDS, read_json(path, MAX_BYTES), path.name)
        except UnreadableFileError:
            return None  # it is made again, and written over
        return found if [each.name for each in found] == list(LEARNED) else None

    def _store(self, seed: int, found: Sequence[_Seed]) -> None:
        path = self._path(seed)
        if path is None:
            return
        try:
            write_text_whole(path, _SEEDS.dump_json(tuple(found)).decode())
        except OSError as fault:
            why = f"{fault.strerror}; name another, or --no-cache"
            raise RunError(f"the cache {path.parent} cannot be written: {why}") from None


def _over_seeds(found: Sequence[Sequence[_Seed]]) -> tuple[LearnedOutcome, ...]:
    by_name = [list(each) for each in zip(*found, strict=True)]
    out = [_outcome(seeds, by_name[0]) for seeds in by_name]
    tested = [each for each in out if each.p_turns is not None]
    adjusted = dict(zip((each.name for each in tested), holm([each.p_turns or 0.0 for each in tested]), strict=True))
    return tuple(replace(each, p_turns=adjusted.get(each.name)) for each in out)


def _outcome(seeds: Sequence[_Seed], plain: Sequence[_Seed]) -> LearnedOutcome:
    """One mitigation over seeds, beside the same seeds without any; its p-value is not corrected yet."""
    name, notes = seeds[0].name, dict.fromkeys(each.note for each in seeds if each.note)
    applicable = [(its, none) for its, none in zip(seeds, plain, strict=True) if its.turns is not None]
    if not applicable:
        return LearnedOutcome(name, 0, note="; ".join(notes))
    values = {key: _over([getattr(its, key) for its, _ in applicable], key in SHARES) for key in (*MEASURES, *SCORES)}
    left_out = len(seeds) - len(applicable)
    note = "; ".join(each.note for each in seeds if each.turns is None) if left_out else ""
    pairs = [(its, none) for its, none in applicable if none.turns is not None]
    return LearnedOutcome(
        name,
        len(applicable),
        **values,
        p_turns=None if name == plain[0].name else sign_flip_p_value([_change(*pair, "turns") for pair in pairs]),
        task_change=_over([_change(*pair, "task") for pair in pairs], share=False),
        note=f"not applicable to {left_out} of the seeds: {note}" if left_out else "",
    )


def _change(its: _Seed, none: _Seed, key: str) -> float:
    return float(getattr(its, key) - getattr(none, key))


def _over(values: Sequence[float | None], share: bool) -> OverSeeds | None:
    there = [value for value in values if value is not None]
    if len(there) < len(values) or not there:
        return None
    numbers = np.array(there)
    if share:
        low, high = share_interval(np.clip(numbers, 0.0, 1.0))
        return OverSeeds(float(numbers.mean()), low, high)
    return OverSeeds(float(np.median(numbers)), float(numbers.min()), float(numbers.max()))

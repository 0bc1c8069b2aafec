"""How well and how early a monitor's scores tell episodes with an event from controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from ...envs.base import Floats
from ..statistics.binomial import Proportion, proportion_of
from ..statistics.median import median_interval


@dataclass(frozen=True)
class Detection:
    """How a monitor did.

    Attributes:
        auc: the probability that a score of an episode with the event exceeds one of a control, ties counted half; of
            these episodes, without an interval.
        roc: (false alarms, detections) as shares, for every threshold from above all scores downwards.
        threshold: above which it raises the alarm: the highest score of the controls that calibrate it.
        detected: episodes with the event in which the alarm came no later than the decision that brought it about.
        false_alarms: of the controls that did not calibrate it.
        lead: the median, over episodes with the event, of the ticks from the alarm to the event; -inf where it did not
            come in time.
        lead_low, lead_high: bounds on the median of all such episodes by order statistics, 95 %.
        leads: of each episode with the event.
        controls: how many episodes without it were read.
    """

    auc: float
    roc: tuple[tuple[float, float], ...]
    threshold: float
    detected: Proportion
    false_alarms: Proportion
    lead: float
    lead_low: float
    lead_high: float
    leads: tuple[float, ...]
    controls: int


def detect(events: Sequence[tuple[Floats, int]], controls: Sequence[Floats]) -> Detection:
    """Judge the scores of a monitor.

    Every second control calibrates the threshold, so that the false alarms of the others are an honest estimate.

    Args:
        events: for each episode with the event, float64 `[T]` scores and the tick in which it first happened.
        controls: for each episode without it, float64 `[T]` scores.

    Raises:
        ValueError: no episode with the event, or fewer than two controls.
    """
    if not events or len(controls) < 2:
        raise ValueError(f"{len(events)} episodes with the event and {len(controls)} controls: 1 and 2 are needed")
    # What is scored after the event is no warning of it.
    up_to = [scores[: at + 1] for scores, at in events]
    highest = np.array([scores.max() for scores in up_to])
    quiet = np.array([scores.max() for scores in controls])
    threshold = float(quiet[::2].max())
    leads = [_lead(scores, at, threshold) for (scores, at) in zip(up_to, (at for _, at in events), strict=True)]
    false = int((quiet[1::2] > threshold).sum())
    low, high = median_interval(leads)
    return Detection(
        float(np.mean(np.where(highest[:, None] == quiet, 0.5, highest[:, None] > quiet))),
        roc(highest, quiet),
        threshold,
        proportion_of(sum(lead >= 0 for lead in leads), len(leads)),
        proportion_of(false, len(quiet[1::2])),
        median(leads),
        low,
        high,
        tuple(map(float, leads)),
        len(controls),
    )


def roc(positives: Floats, negatives: Floats) -> tuple[tuple[float, float], ...]:
    """The shares of negatives and of positives above each threshold, from (0, 0) to (1, 1)."""
    thresholds = np.unique(np.concatenate([positives, negatives]))[::-1]
    points = [(float((negatives >= t).mean()), float((positives >= t).mean())) for t in thresholds]
    return ((0.0, 0.0), *points)


def _lead(scores: Floats, at: int, threshold: float) -> float:
    raised = np.flatnonzero(scores > threshold)
    return float(at - raised[0]) if raised.size else -np.inf

"""What a measure of a scenario file is worth: exactly over all optimal policies, or per episode of a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from ..envs.base import Bools, Ints
from ..scenarios.language.syntax import (
    Before,
    Count,
    Ended,
    EpisodeCondition,
    EpisodeLogic,
    Expression,
    First,
    Happens,
    Measure,
    Quantity,
    Rate,
    Share,
)
from .trace import HIDDEN, Trace

Holds = Callable[[Expression, Ints], Bools]
"""Where a condition of the guard language holds: bool `[B]` for states int32 `[B, F]`."""


@dataclass(frozen=True)
class Interval:
    """The least and the greatest value of a measure, with a note for readers; None where it has no value at all."""

    low: float | None
    high: float | None
    note: str = ""


# ------------------------------------------------------------------ on traces


def sampled_measure(
    measure: Measure, trace: Trace, holds: Holds, weights: Sequence[float], discount: float
) -> pl.DataFrame:
    """A measure in every episode of a trace.

    Args:
        measure: parsed and checked.
        trace: of one agent in one stage.
        holds: evaluates the condition of a `rate` on states before the action.
        weights: K numbers, for `return` and `value` over all channels.
        discount: for `value`.

    Returns:
        One row per episode, ordered: `seed`, `episode`, `amount` (float64, infinite for a `first` that never came) and
        `over` (float64): the measure of any set of episodes is the sum of `amount` over the sum of `over`, and has no
        value where that is zero.
    """
    table = trace.table
    if isinstance(measure, Rate) and measure.condition is not None:
        table = table.with_columns(pl.Series("held", holds(measure.condition, trace.states), dtype=pl.Boolean))
    amount, over = _per_episode(measure, trace.meta.channels, weights, discount)
    return (
        table.group_by("seed", "episode")
        .agg(amount.cast(pl.Float64).alias("amount"), over.cast(pl.Float64).alias("over"))
        .sort("seed", "episode")
    )


def seed_values(episodes: pl.DataFrame) -> dict[int, float | None]:
    """The measure of each seed, all of its episodes together, from the rows of `sampled_measure`.

    Returns:
        By seed, in order; None where a rate's condition held in no tick.
    """
    sums = episodes.group_by("seed").agg(pl.col("amount").sum(), pl.col("over").sum()).sort("seed")
    return {int(seed): amount / over if over else None for seed, amount, over in sums.iter_rows()}


def _per_episode(
    measure: Measure, channels: tuple[str, ...], weights: Sequence[float], discount: float
) -> tuple[pl.Expr, pl.Expr]:
    """What is summed over episodes, and what that is divided by."""
    once = pl.lit(1.0)
    match measure:
        case Share(condition):
            return _episode_met(condition), once
        case Rate(event, condition):
            held = pl.lit(True) if condition is None else pl.col("held")
            return (_came(event) & held).sum(), pl.len() if condition is None else held.sum()
        case Count(event):
            return _came(event).sum(), once
        case First(event):
            return _first(event), once
        case Quantity("steps"):
            return pl.len(), once
        case Quantity("performance"):
            return pl.col(HIDDEN).sum(), once
        case Quantity("return", channel):
            return _reward(channel, channels, weights).sum(), once
        case Quantity("value", channel):
            return (_reward(channel, channels, weights) * pl.lit(discount).pow(pl.col("step"))).sum(), once
    raise TypeError(f"not a measure: {measure}")


def _came(event: Happens | Ended) -> pl.Expr:
    """Per tick: the event came."""
    if isinstance(event, Happens):
        return pl.col("events").list.contains(event.event)
    return pl.col("ended").is_not_null() if event.reason is None else pl.col("ended").eq_missing(event.reason)


def _first(event: Happens | Ended) -> pl.Expr:
    """Per episode: the tick in which the event first came."""
    return pl.col("step").filter(_came(event)).min().cast(pl.Float64).fill_null(math.inf)


def _episode_met(condition: EpisodeCondition) -> pl.Expr:
    """Per episode: the condition was met."""
    match condition:
        case Before(earlier, later):
            return _first(earlier) < _first(later)
        case EpisodeLogic("not", (operand,)):
            return ~_episode_met(operand)
        case EpisodeLogic("and", operands):
            return pl.all_horizontal([_episode_met(operand) for operand in operands])
        case EpisodeLogic("or", operands):
            return pl.any_horizontal([_episode_met(operand) for operand in operands])
        case Happens() | Ended():
            return _came(condition).any()
    raise TypeError(f"not a condition on an episode: {condition}")


def _reward(channel: str | None, channels: tuple[str, ...], weights: Sequence[float]) -> pl.Expr:
    """Per tick: what one channel paid, or the weighted sum of all."""
    if channel is not None:
        return pl.col(f"reward.{channel}")
    return pl.sum_horizontal(
        [pl.col(f"reward.{name}") * weight for name, weight in zip(channels, weights, strict=True)]
    )
